//! Changes by hand: every call with every field, in both dialects, as it goes over the wire; what is refused before
//! anything is sent; and what the answers come to.

use trailmark_vendors::Dialect;
use trailmark_vendors::directory::{
    Change, CustomerFields, CustomerName, PartnerFields, Refusal, Then, TransactionFields,
};
use trailmark_vendors::exchange::{Answer, Request};
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::records::{Record, Removed};
use trailmark_wire::money::Currency;
use trailmark_wire::text_map::TextMap;

use super::{Account, NOW, Opened, account, answer, fixture, partnerstack, rendered};

fn at(dialect: Dialect) -> Box<Opened> {
    partnerstack(&Account { dialect, ..account() })
}

/// Method, path and body; every call carries the key pair and nothing else.
fn told(request: &Request) -> String {
    let text = rendered(request).replace("https://api.partnerstack.com/api/v2", "");
    assert!(text.contains("\nauthorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=\n"), "{text}");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    assert_eq!(head.contains("content-type: application/json"), !body.is_empty(), "{text}");
    format!("{} {}", head.lines().next().unwrap(), body).trim().to_owned()
}

fn call(dialect: Dialect, change: &Change) -> String {
    told(&at(dialect).change(change).unwrap().request)
}

fn refused(dialect: Dialect, change: &Change) -> String {
    match at(dialect).change(change).unwrap_err() {
        Refusal::Field(rejection) => rejection.reason,
        Refusal::Unsupported { why } => format!("unsupported: {why}"),
    }
}

/// What the answer to the first request of a change comes to.
fn read(dialect: Dialect, change: &Change, answer: &Answer) -> Result<Then, Outcome> {
    (at(dialect).change(change).unwrap().read)(answer)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn data() -> TextMap {
    [("plan".to_owned(), "team".to_owned())].into()
}

fn ada() -> CustomerFields {
    CustomerFields {
        key: some("u_1"),
        email: some("ada@example.com"),
        name: some("Ada Lovelace"),
        partner: some("acme"),
        data: data(),
        ..CustomerFields::default()
    }
}

/// Every field that seed 000 lets one state.
fn ada_of_the_guide() -> CustomerFields {
    CustomerFields {
        first_name: some("Ada"),
        last_name: some("Lovelace"),
        status: some("active"),
        external_key: some("crm-7"),
        group: some("grp_abc123"),
        ..ada()
    }
}

fn without_key(fields: CustomerFields) -> CustomerFields {
    CustomerFields { key: None, partner: None, ..fields }
}

fn update(fields: CustomerFields) -> Change {
    Change::UpdateCustomer { key: "u/1".into(), fields }
}

fn transaction(customer: CustomerName) -> TransactionFields {
    TransactionFields {
        customer,
        amount_minor: 9900,
        currency: Currency::new("USD").unwrap(),
        key: None,
        category: None,
        product: None,
        at: None,
        data: TextMap::new(),
    }
}

fn ours() -> CustomerName {
    CustomerName::Key("cust_001".into())
}

#[test]
fn the_guides_customer_is_posted_and_put_with_every_field_of_the_seed() {
    let seeds = CustomerFields {
        key: some("cust_001"),
        email: some("user@example.com"),
        partner: some("prt_abc123"),
        ..CustomerFields::default()
    };
    assert_eq!(
        call(Dialect::Guide, &Change::AddCustomer(seeds)),
        r#"POST /customers {"customer_key":"cust_001","email":"user@example.com","partner_key":"prt_abc123"}"#
    );
    let rest = r#""name":"Ada Lovelace","first_name":"Ada","last_name":"Lovelace","status":"active","external_key":"crm-7","group_key":"grp_abc123","metadata":{"plan":"team"}}"#;
    assert_eq!(
        call(Dialect::Guide, &Change::AddCustomer(ada_of_the_guide())),
        format!(r#"POST /customers {{"customer_key":"u_1","email":"ada@example.com","partner_key":"acme",{rest}"#)
    );
    assert_eq!(
        call(Dialect::Guide, &update(without_key(ada_of_the_guide()))),
        format!(r#"PUT /customers/u%2F1 {{"email":"ada@example.com",{rest}"#)
    );
    let organic = Change::AddCustomer(CustomerFields { partner: None, ..ada() });
    assert!(!call(Dialect::Guide, &organic).contains("partner_key"), "optional in the seed");
}

#[test]
fn the_current_customer_is_posted_and_patched_with_the_vendors_fields() {
    let fields = CustomerFields { provider_key: some("cus_stripe"), member_key: some("mem_1"), ..ada() };
    let rest = r#""name":"Ada Lovelace","provider_key":"cus_stripe","member_key":"mem_1","meta":{"plan":"team"}}"#;
    assert_eq!(
        call(Dialect::Current, &Change::AddCustomer(fields.clone())),
        format!(r#"POST /customers {{"customer_key":"u_1","email":"ada@example.com","partner_key":"acme",{rest}"#)
    );
    assert_eq!(
        call(Dialect::Current, &update(without_key(fields))),
        format!(r#"PATCH /customers/u%2F1 {{"email":"ada@example.com",{rest}"#)
    );
}

#[test]
fn a_field_that_a_dialect_has_not_is_refused_by_name_and_never_dropped() {
    let add = |fields| Change::AddCustomer(CustomerFields { email: some("a@b.example"), ..fields });
    let base = || CustomerFields { key: some("u_1"), partner: some("acme"), ..CustomerFields::default() };
    let rows = [
        (Dialect::Current, "first_name", CustomerFields { first_name: some("A"), ..base() }),
        (Dialect::Current, "last_name", CustomerFields { last_name: some("A"), ..base() }),
        (Dialect::Current, "status", CustomerFields { status: some("active"), ..base() }),
        (Dialect::Current, "external_key", CustomerFields { external_key: some("x"), ..base() }),
        (Dialect::Current, "group", CustomerFields { group: some("x"), ..base() }),
        (Dialect::Guide, "provider_key", CustomerFields { provider_key: some("x"), ..base() }),
        (Dialect::Guide, "member_key", CustomerFields { member_key: some("x"), ..base() }),
    ];
    for (dialect, name, fields) in rows {
        let expected = format!("`{name}` is no field of a customer in dialect `{}`; leave it out", dialect.as_str());
        assert_eq!(refused(dialect, &add(fields.clone())), expected);
        assert_eq!(refused(dialect, &update(without_key(fields))), expected);
    }
}

#[test]
fn what_lacks_or_cannot_change_is_said_before_anything_is_sent() {
    for dialect in [Dialect::Current, Dialect::Guide] {
        let add = |fields| refused(dialect, &Change::AddCustomer(fields));
        assert!(add(CustomerFields { key: None, ..ada() }).starts_with("missing `key`"));
        assert!(add(CustomerFields { email: None, ..ada() }).starts_with("missing `email`"));
        assert_eq!(
            add(CustomerFields { email: some("a@b"), ..ada() }),
            "`email` must have 4 to 255 characters at PartnerStack"
        );
        assert!(add(CustomerFields { name: some(" "), ..ada() }).starts_with("`name` must have 1 to 100"));
        let fixed = "`key` and `partner` of a customer cannot be changed at PartnerStack";
        assert_eq!(refused(dialect, &update(ada())), fixed);
        assert!(refused(dialect, &update(CustomerFields::default())).starts_with("nothing to change"));
    }
    let organic = Change::AddCustomer(CustomerFields { partner: None, ..ada() });
    assert!(refused(Dialect::Current, &organic).starts_with("missing `partner`"));
}

#[test]
fn customers_and_transactions_are_deleted_by_key() {
    for dialect in [Dialect::Current, Dialect::Guide] {
        let customer = Change::RemoveCustomer { key: "u/1".into() };
        assert_eq!(call(dialect, &customer), "DELETE /customers/u%2F1");
        let transaction = Change::RemoveTransaction { key: "txn_xyz".into() };
        assert_eq!(call(dialect, &transaction), "DELETE /transactions/txn_xyz");
        let nothing = Change::RemoveCustomer { key: "..".into() };
        assert_eq!(call(dialect, &nothing), "DELETE /customers/%20", "another route is never reached");
        let gone = Then::Done(Record::Removed(Removed { removed: "txn_xyz".into() }));
        for (status, body) in [(200, r#"{"data":{"key":"txn_xyz"},"message":"OK","status":200}"#), (204, "")] {
            let step = read(dialect, &transaction, &answer(status, body)).unwrap();
            assert_eq!(format!("{step:?}"), format!("{gone:?}"));
        }
        // field-faults row 38: removed is only what the vendor says that it removed.
        for body in ["", "{}", "null", "<html>", "OK"] {
            let unproved = read(dialect, &transaction, &answer(200, body)).unwrap_err();
            assert!(matches!(unproved, Outcome::Unknown { .. }), "{body}: {unproved:?}");
        }
        let unknown = read(dialect, &transaction, &answer(404, fixture!("404"))).unwrap_err();
        assert_eq!(unknown, Outcome::Rejected { message: "status 404: no such transaction".into() });
    }
}

#[test]
fn the_guides_transaction_is_the_three_fields_of_the_seed() {
    let body = r#"POST /transactions {"customer_key":"cust_001","amount":9900,"currency":"usd"}"#;
    assert_eq!(call(Dialect::Guide, &Change::AddTransaction(transaction(ours()))), body);
    let rows = [
        ("key", TransactionFields { key: some("order_1"), ..transaction(ours()) }),
        ("category", TransactionFields { category: some("x"), ..transaction(ours()) }),
        ("product", TransactionFields { product: some("x"), ..transaction(ours()) }),
        ("at", TransactionFields { at: Some(NOW), ..transaction(ours()) }),
        ("data", TransactionFields { data: data(), ..transaction(ours()) }),
    ];
    for (name, fields) in rows {
        let expected = format!("`{name}` is no field of a transaction in dialect `guide`; leave it out");
        assert_eq!(refused(Dialect::Guide, &Change::AddTransaction(fields)), expected);
    }
    for customer in [CustomerName::Id("cus_1".into()), CustomerName::Email("a@b.example".into())] {
        let other = refused(Dialect::Guide, &Change::AddTransaction(transaction(customer)));
        assert!(other.ends_with("by your own key alone"), "{other}");
    }
}

#[test]
fn the_current_transaction_names_its_customer_in_one_of_three_ways_and_needs_a_key() {
    let keyed = |customer| TransactionFields { key: some("order_1"), ..transaction(customer) };
    let full = TransactionFields {
        category: some("plan"),
        product: some("pro"),
        at: Some(NOW),
        data: data(),
        amount_minor: -1230,
        currency: Currency::new("JPY").unwrap(),
        ..keyed(ours())
    };
    assert_eq!(
        call(Dialect::Current, &Change::AddTransaction(full)),
        r#"POST /transactions {"customer_external_key":"cust_001","key":"order_1","amount":-123000,"currency":"JPY","created_at":1795248000000,"category_key":"plan","product_key":"pro","metadata":{"plan":"team"}}"#
    );
    let others = [
        ("customer_key", CustomerName::Id("cus_1".into())),
        ("customer_email", CustomerName::Email("ada@example.com".into())),
    ];
    for (field, customer) in others {
        let call = call(Dialect::Current, &Change::AddTransaction(keyed(customer)));
        assert!(call.starts_with(&format!(r#"POST /transactions {{"{field}":""#)), "{call}");
    }
    let keyless = refused(Dialect::Current, &Change::AddTransaction(transaction(ours())));
    assert_eq!(keyless, "missing `key`: without it a repeat is a second transaction");
    let fine = TransactionFields { amount_minor: 1235, currency: Currency::new("KWD").unwrap(), ..keyed(ours()) };
    assert!(refused(Dialect::Current, &Change::AddTransaction(fine)).starts_with("inexact_amount: "));
}

#[test]
fn a_partner_is_added_by_address_and_group_in_both_dialects() {
    let fields = PartnerFields {
        key: some("janedoe"),
        email: some("jane@partner.example"),
        first_name: some("Jane"),
        last_name: some("Doe"),
        group: some("grp_1"),
    };
    let body = r#"POST /partnerships {"email":"jane@partner.example","group_key":"grp_1","partner_key":"janedoe","first_name":"Jane","last_name":"Doe"}"#;
    for dialect in [Dialect::Current, Dialect::Guide] {
        assert_eq!(call(dialect, &Change::AddPartner(fields.clone())), body);
        let add = |fields| refused(dialect, &Change::AddPartner(fields));
        assert!(add(PartnerFields { email: None, ..fields.clone() }).starts_with("missing `email`"));
        assert!(add(PartnerFields { group: None, ..fields.clone() }).starts_with("missing `group`"));
        for key in ["Jane", "jane doe", "jane-doe", "janë"] {
            let told = add(PartnerFields { key: some(key), ..fields.clone() });
            assert!(told.contains("lower-case letters and digits"), "{key}: {told}");
        }
        let long = add(PartnerFields { first_name: some(&"x".repeat(51)), ..fields.clone() });
        assert_eq!(long, "`first_name` must have 1 to 50 characters at PartnerStack");
    }
}

#[test]
fn a_partner_is_changed_and_removed_by_the_id_that_is_read_first() {
    let fields = PartnerFields { key: some("jane2"), group: some("grp_2"), ..PartnerFields::default() };
    let key = || "partner@acme.example".to_owned();
    let rows = [
        (
            Change::UpdatePartner { key: key(), fields },
            r#"PATCH /partnerships/part_4Xk2 {"partner_key":"jane2","group_key":"grp_2"}"#,
        ),
        (Change::RemovePartner { key: key() }, "DELETE /partnerships/part_4Xk2"),
    ];
    for dialect in [Dialect::Current, Dialect::Guide] {
        for (change, expected) in &rows {
            assert_eq!(call(dialect, change), "GET /partnerships/partner%40acme.example");
            let step = read(dialect, change, &answer(200, fixture!("200_partnership"))).unwrap();
            let Then::Next(next) = step else { panic!("{step:?}") };
            assert_eq!(told(&next.request), *expected);
            let unknown = read(dialect, change, &answer(404, fixture!("404"))).unwrap_err();
            assert_eq!(unknown, Outcome::Rejected { message: "status 404: no such partner".into() });
        }
    }
    let named = PartnerFields { first_name: some("Jane"), ..PartnerFields::default() };
    let change = Change::UpdatePartner { key: key(), fields: named };
    assert!(refused(Dialect::Current, &change).contains("the partner's own to change"));
    let nothing = Change::UpdatePartner { key: key(), fields: PartnerFields::default() };
    assert!(refused(Dialect::Guide, &nothing).starts_with("nothing to change"));
}

#[test]
fn inviting_a_member_is_unsupported_and_says_why_and_what_instead() {
    for dialect in [Dialect::Current, Dialect::Guide] {
        let told = refused(dialect, &Change::InviteMember { partner: "acme".into() });
        assert!(told.starts_with("unsupported: ") && told.contains("add a partner"), "{told}");
    }
}

#[test]
fn a_time_at_the_end_of_its_numbers_is_read_like_any_other() {
    let add = Change::AddCustomer(ada_of_the_guide());
    for time in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
        let made =
            format!(r#"{{"data":{{"key":"u_1","email":"ada@example.com","partner_key":"acme","created_at":{time}}}}}"#);
        let Then::Done(Record::Customer(customer)) = read(Dialect::Guide, &add, &answer(200, &made)).unwrap() else {
            panic!("no customer")
        };
        let read = if time.unsigned_abs() > 1 { time } else { time * 1000 };
        assert_eq!(customer.created_at.unwrap().0, read);
    }
}

#[test]
fn an_answer_shows_the_thing_or_says_why_not_without_repeating_it() {
    let add = Change::AddCustomer(ada_of_the_guide());
    let made = r#"{"data":{"key":"u_1","email":"ada@example.com","partner_key":"acme","created_at":1700000000}}"#;
    let Then::Done(Record::Customer(customer)) = read(Dialect::Guide, &add, &answer(200, made)).unwrap() else {
        panic!("no customer")
    };
    assert_eq!((customer.key.as_deref(), customer.partner.as_deref()), (Some("u_1"), Some("acme")));
    assert_eq!(customer.created_at.unwrap().to_rfc3339(), "2023-11-14T22:13:20Z");
    for body in ["", r#"{"data":{}}"#, r#"{"data":{"key":"u"#] {
        assert!(matches!(read(Dialect::Guide, &add, &answer(200, body)), Err(Outcome::Unknown { .. })), "{body}");
    }
    let spiteful =
        r#"{"message":"u_1 Ada Lovelace crm-7 team ADA@example.com sk_test_private already exists","status":400}"#;
    let Err(Outcome::Duplicate { message }) = read(Dialect::Guide, &add, &answer(400, spiteful)) else {
        panic!("no duplicate")
    };
    for secret in ["u_1", "Ada", "Lovelace", "crm-7", "team", "example.com", "sk_test_private"] {
        assert!(!message.contains(secret), "{secret} in {message}");
    }
    assert!(matches!(read(Dialect::Guide, &add, &answer(500, fixture!("500"))), Err(Outcome::Unknown { .. })));
}

#[test]
fn no_debug_shows_what_a_change_says_of_a_person() {
    let changes = [
        Change::AddCustomer(ada_of_the_guide()),
        Change::AddTransaction(transaction(CustomerName::Email("ada@example.com".into()))),
        Change::AddPartner(PartnerFields { email: some("ada@example.com"), ..PartnerFields::default() }),
    ];
    for change in changes {
        let text = format!("{change:?}");
        assert!(!text.contains("ada@") && !text.contains("Ada") && !text.contains("crm-7"), "{text}");
    }
}
