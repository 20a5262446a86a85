//! The capability tables of all four vendors in both dialects: every cell says something, and says why where it says no.

use trailmark_vendors::Dialect;
use trailmark_vendors::capabilities;
use trailmark_vendors::capability::{Operation, Support};
use trailmark_wire::ids::VendorName;

use super::adapter;

fn told(support: Support) -> String {
    match support {
        Support::NotNeeded { why } => format!("not needed: {why}"),
        Support::NotYet => "not yet".into(),
        Support::Unsupported { why } => format!("unsupported: {why}"),
        Support::Yes { how, class: Some(class) } => format!("{how} ({})", class.as_str()),
        Support::Yes { how, class: None } => how.into(),
    }
}

fn check(name: VendorName, dialect: Dialect, expected: &[(Operation, &str)]) {
    let table = capabilities(name, dialect);
    assert_eq!((table.vendor, table.dialect), (name, dialect));
    let order: Vec<_> = table.cells.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(order, Operation::ALL);
    for operation in Operation::ALL {
        let special = expected.iter().find(|(op, _)| *op == operation).map_or("not yet", |(_, text)| *text);
        assert_eq!(told(table.of(operation)), special, "{name} {dialect:?} {operation:?}");
    }
}

#[test]
fn partnerstack_signs_up_reads_back_and_lists_partners() {
    let current = [
        (
            Operation::Signup,
            "POST conversion/xid with a click id and a tracking token, else POST /v2/customers (searchable)",
        ),
        (Operation::LookUp, "GET /v2/customers/{customer_key}"),
        (Operation::Partners, "GET /v2/partnerships: list, get"),
    ];
    check(VendorName::PartnerStack, Dialect::Current, &current);
    check(VendorName::PartnerStack, Dialect::Guide, &[]);
    assert_eq!(adapter().capabilities(), capabilities(VendorName::PartnerStack, Dialect::Current));
}

#[test]
fn partnerize_has_webhooks_in_its_guide_alone() {
    let none = "unsupported: none for brands in the vendor's documents; the conversion report is read instead";
    check(VendorName::Partnerize, Dialect::Current, &[(Operation::Webhooks, none)]);
    check(VendorName::Partnerize, Dialect::Guide, &[]);
}

#[test]
fn introw_answers_a_repeat_itself_and_has_no_webhooks() {
    let why =
        "not needed: a repeat is answered by `duplicate` or the first commission line, so it is sent again instead";
    let cells = [(Operation::LookUp, why), (Operation::Webhooks, "unsupported: none in the vendor's documents")];
    for dialect in [Dialect::Current, Dialect::Guide] {
        check(VendorName::Introw, dialect, &cells);
    }
}

#[test]
fn partnero_has_no_leads() {
    let cells = [(Operation::Lead, "unsupported: the API takes customers and transactions, no leads")];
    for dialect in [Dialect::Current, Dialect::Guide] {
        check(VendorName::Partnero, dialect, &cells);
    }
}

#[test]
fn a_table_reads_as_json() {
    let table = capabilities(VendorName::Partnero, Dialect::Current);
    let json = serde_json::to_value(&table).unwrap();
    assert_eq!(json["vendor"], "partnero");
    assert_eq!(json["dialect"], "current");
    assert_eq!(json["cells"][1][1]["support"], "unsupported");
}
