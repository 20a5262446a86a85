//! The capability tables of all four vendors in both dialects: every cell says something, and says why where it says no.

use std::collections::BTreeMap;

use trailmark_vendors::capability::{Capabilities, Operation, Support};
use trailmark_vendors::command::{Effect, InputKind, Once};
use trailmark_vendors::{Dialect, VENDORS};

use trailmark_wire::vendor::VendorName;

use super::named;

fn capabilities(name: &str, dialect: Dialect) -> Capabilities {
    named(name).capabilities(dialect)
}

fn told(support: Support) -> String {
    match support {
        Support::NotNeeded { why, .. } => format!("not needed: {why}"),
        Support::Unsupported { why, .. } => format!("unsupported: {why}"),
        Support::Yes { how, class, .. } | Support::Assumed { how, class, .. } => match class {
            Some(class) => format!("{how} ({})", class.as_str()),
            None => how.into(),
        },
    }
}

fn source(support: Support) -> &'static str {
    match support {
        Support::NotNeeded { source, .. }
        | Support::Unsupported { source, .. }
        | Support::Yes { source, .. }
        | Support::Assumed { source, .. } => source,
    }
}

/// The cell of an operation, in words.
fn cell(name: &str, dialect: Dialect, operation: Operation) -> String {
    told(capabilities(name, dialect).of(operation))
}

#[test]
fn every_vendor_answers_for_every_operation_in_both_dialects() {
    for name in VENDORS.map(|vendor| vendor.name()) {
        for dialect in [Dialect::Current, Dialect::Guide] {
            let table = capabilities(name, dialect);
            assert_eq!((table.vendor, table.dialect), (name, dialect));
            let order: Vec<_> = table.cells.iter().map(|(operation, _)| *operation).collect();
            assert_eq!(order, Operation::ALL);
            for operation in Operation::ALL {
                assert!(told(table.of(operation)).len() > 10, "{name} {dialect:?} {operation:?} says something");
            }
        }
    }
}

#[test]
fn every_line_has_a_source_and_only_what_is_assumed_says_so() {
    for (vendor, dialect) in VENDORS.into_iter().flat_map(|vendor| Dialect::ALL.map(|dialect| (vendor, dialect))) {
        let cells = vendor.capabilities(dialect).cells;
        for (operation, support) in &cells {
            let text = told(*support);
            let is_assumed = matches!(support, Support::Assumed { .. });
            assert_eq!(text.to_lowercase().contains("assumed"), is_assumed, "{operation:?}: {text}");
        }
        let cells = cells.into_iter().map(|(_, support)| (told(support), source(support)));
        let commands = vendor.commands(dialect).into_iter().map(|command| (command.calls.to_owned(), command.source));
        let lacking = vendor.lacking().iter().map(|lack| (lack.why.to_owned(), lack.source));
        for (text, source) in cells.chain(commands).chain(lacking) {
            let known = ["seed 0", "docs.", "developers.", "help.", "GitHub ", "not documented: assumed"];
            assert!(known.iter().any(|known| source.contains(known)), "{}: {text}: {source:?}", vendor.name());
            for word in ["not yet", "todo", "coming soon", "for now", "planned"] {
                assert!(!format!("{text} {source}").to_lowercase().contains(word), "{text}: {source}");
            }
        }
    }
}

#[test]
fn partnerstack_takes_every_kind_and_reads_back_what_it_can() {
    let current = |operation| cell("partnerstack", Dialect::Current, operation);
    let signup = "POST conversion/xid with a click id and a tracking token, else POST /v2/customers (searchable)";
    assert_eq!(current(Operation::Signup), signup);
    assert!(current(Operation::LookUp).starts_with("GET /v2/customers/{customer_key}; GET /v2/transactions"));
    assert!(
        current(Operation::Partners).starts_with("/v2/partnerships: list, get, add, update (key, group), remove; no")
    );
    assert!(current(Operation::Customers).starts_with("/v2/customers: list, get, POST, PATCH, DELETE"));
    assert!(current(Operation::Groups).contains("no call reads a single group"));
    assert!(current(Operation::Sale).ends_with("once the customer is recorded (searchable)"));
    assert!(current(Operation::Refund).starts_with("DELETE /v2/transactions/{key} for all of a sale"));
    assert!(current(Operation::Lead).ends_with("(neither)"), "an action can be neither keyed nor read back");
    assert!(current(Operation::Webhooks).contains("on a secret path, read back by GET /v2/rewards"));
}

#[test]
fn partnerize_has_no_customers_and_webhooks_in_its_guide_alone() {
    assert!(cell("partnerize", Dialect::Current, Operation::Signup).contains("it has no customers"));
    assert!(cell("partnerize", Dialect::Current, Operation::Customers).starts_with("not needed: it has no customers"));
    let none = "unsupported: none for brands in the vendor's documents; the conversion report is read instead";
    assert_eq!(cell("partnerize", Dialect::Current, Operation::Webhooks), none);
    assert!(cell("partnerize", Dialect::Guide, Operation::Webhooks).starts_with("conversion.approved"));
}

#[test]
fn partnero_has_no_leads_of_customers_and_tells_no_second_transaction_from_the_first() {
    for dialect in Dialect::ALL {
        let partnero = |operation| cell("partnero", dialect, operation);
        assert!(partnero(Operation::Lead).starts_with("unsupported: its leads are deals that a partner submits"));
        assert!(partnero(Operation::Signup).ends_with("refused with 422 (unique key)"));
        assert!(partnero(Operation::Sale).ends_with("never blind (searchable)"));
        assert!(
            partnero(Operation::Refund)
                .starts_with("DELETE /v1/transactions/{key} for all of a sale, else DELETE and POST")
        );
    }
}

#[test]
fn what_the_documents_leave_open_stands_in_the_cell_that_it_is_about() {
    for dialect in Dialect::ALL {
        for operation in [Operation::Sale, Operation::Refund] {
            let cents = cell("partnerstack", dialect, operation);
            assert!(cents.contains("in cents (assumed: hundredths whatever the currency)"), "{cents}");
        }
        let introw = |operation| cell("introw", dialect, operation);
        assert!(introw(Operation::Sale).contains("Assumed: an amount has the decimals of its currency"));
        assert!(introw(Operation::Sale).contains("whether a repeated key counts is not known"));
        assert!(introw(Operation::Refund).contains("Assumed: as for a sale"));
        assert!(introw(Operation::LookUp).contains("the words of a line's status are plain English"));
        assert!(introw(Operation::Transactions).contains("field and words of a decline's reason, so you name them"));
    }
}

#[test]
fn nobody_has_scim_and_only_partnerize_lets_programs_manage_ones_own_team() {
    for vendor in VENDORS {
        for dialect in Dialect::ALL {
            let of = |operation| cell(vendor.name(), dialect, operation);
            assert!(of(Operation::Scim).starts_with("unsupported: "), "{}", vendor.name());
            assert_eq!(of(Operation::Team).starts_with("users: "), vendor.name() == "partnerize", "{}", vendor.name());
        }
    }
}

#[test]
fn what_is_imported_is_added_without_a_key_and_looked_for_by_one_of_its_inputs() {
    for vendor in VENDORS {
        for (import, dialect) in
            vendor.imports().iter().flat_map(|import| Dialect::ALL.map(|dialect| (import, dialect)))
        {
            let commands = vendor.commands(dialect);
            let named =
                |noun, verb| commands.iter().find(|command| (command.noun, command.verb) == (noun, verb)).unwrap();
            let add = named(import.noun, "add");
            assert!(add.key.is_none() && add.effect == Effect::Changes, "{}", vendor.name());
            if let Once::Looks { noun, verb, by } = import.once {
                let look = named(noun, verb);
                assert!(look.key.is_some() && look.effect == Effect::Reads, "{}", vendor.name());
                assert!(add.inputs.iter().any(|input| input.name == by && input.is_needed), "{}", vendor.name());
            }
        }
    }
}

#[test]
fn a_table_reads_as_json() {
    let table = capabilities("partnero", Dialect::Current);
    let json = serde_json::to_value(&table).unwrap();
    assert_eq!(json["vendor"], "partnero");
    assert_eq!(json["dialect"], "current");
    assert_eq!(json["cells"][1][1]["support"], "unsupported");
}

#[test]
fn the_table_of_adapters_and_the_table_of_captures_name_the_same_vendors() {
    let captured: Vec<_> = VendorName::all().map(VendorName::as_str).collect();
    assert_eq!(VENDORS.map(|vendor| vendor.name()).to_vec(), captured);
}

#[test]
fn a_flag_of_one_command_holds_the_same_kind_at_every_vendor() {
    let mut known = BTreeMap::new();
    for vendor in VENDORS {
        for command in Dialect::ALL.into_iter().flat_map(|dialect| vendor.commands(dialect)) {
            for input in command.inputs {
                let is_flag = input.kind == InputKind::Flag;
                let flag = (command.noun, command.verb, input.name);
                // Only a flag without a value is read differently; words are checked by the vendor's own table.
                let first = *known.entry(flag).or_insert(is_flag);
                assert_eq!(is_flag, first, "{} {flag:?}", vendor.name());
            }
        }
    }
}
