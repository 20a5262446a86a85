//! Dialect `guide`: the calls of seed 000 to the letter, and what is spoken beyond it.

use trailmark_vendors::Dialect;
use trailmark_vendors::capability::{Class, Operation, Support};
use trailmark_vendors::command::{Ask, Reply};
use trailmark_vendors::outcome::{LookUp, Outcome, Probe};
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_wire::conversion::Item;

use super::orders::{class, lead, refund, sale};
use super::{
    Account, Opened, account, all_partners, answer, done, fixture, named, one_partner, paged, partnerstack, rendered,
    sent, signup, told,
};

fn guide() -> Box<Opened> {
    partnerstack(&Account { dialect: Dialect::Guide, ..account() })
}

/// Method and path, then the body.
fn call(task: &Task) -> (String, String) {
    let request = sent(&guide(), task);
    let text = rendered(&request).replace("https://api.partnerstack.com", "");
    assert!(text.contains("\nauthorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=\n"), "there is no other credential");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    (head.lines().next().unwrap().into(), body.trim().into())
}

fn with_reference(task: Task, reference: Option<&str>) -> Task {
    let reference = reference.map(str::to_owned);
    Task { sale: task.sale.map(|sale| EarlierSale { reference, ..sale }), ..task }
}

/// The key of the page's item, and the request for the next page.
fn page(reply: Reply) -> (String, Option<Ask<Reply>>) {
    let (items, next) = paged(reply);
    (told(&items[0], "key").to_owned(), next)
}

#[test]
fn a_signup_is_a_customer_of_the_partner_whether_or_not_a_click_is_known() {
    let mut task = signup();
    task.data.insert("plan".into(), "team".into());
    let body = r#"{"customer_key":"u_1","email":"ada@example.com","partner_key":"acme","name":"Ada Lovelace","metadata":{"plan":"team"}}"#;
    assert_eq!(call(&task), ("POST /api/v2/customers".into(), body.into()));
    assert_eq!(class(&guide(), &task), Class::UniqueKey);
    let untold = guide().plan(&Task { partner: None, ..signup() }).unwrap_err().to_string();
    assert!(untold.contains("by the partner's key alone"), "{untold}");
}

#[test]
fn a_customer_is_ours_when_the_key_in_the_answer_is() {
    let ours = r#"{"data":{"key":"u_1","email":"ada@example.com","partner_key":"acme","created_at":1700000000}}"#;
    assert_eq!(guide().read(&signup(), &answer(200, ours)), Outcome::Recorded { reference: None });
    let other = ours.replace("u_1", "u_2");
    assert_eq!(guide().read(&signup(), &answer(200, &other)), Outcome::Unverified { reference: None });
    let exists = guide().read(&signup(), &answer(400, fixture!("400_exists")));
    assert!(matches!(exists, Outcome::Duplicate { .. }), "{exists:?}");
}

#[test]
fn a_customer_is_read_back_beyond_the_guide_in_either_shape() {
    let request = guide().look_up(&signup()).unwrap();
    assert_eq!(request.url.expose(), "https://api.partnerstack.com/api/v2/customers/u_1");
    let read = |body: &str| guide().read_look_up(&signup(), &answer(200, body));
    let shaped = r#"{"data":{"key":"u_1","email":"Ada@example.com","partner_key":"acme"}}"#;
    assert_eq!(read(shaped), LookUp::Found { reference: None });
    let current = r#"{"data":{"key":"cus_1","customer_key":"u_1","email":"ada@example.com"}}"#;
    assert_eq!(read(current), LookUp::Found { reference: Some("cus_1".into()) });
    assert!(matches!(read(&shaped.replace("acme", "bolt")), LookUp::Differs { .. }));
}

#[test]
fn a_sale_is_three_fields_and_cannot_be_told_from_another() {
    let body = r#"{"customer_key":"u_1","amount":9900,"currency":"usd"}"#;
    assert_eq!(call(&sale(9900, "USD")), ("POST /api/v2/transactions".into(), body.into()));
    assert_eq!(call(&sale(1230, "JPY")).1, r#"{"customer_key":"u_1","amount":123000,"currency":"jpy"}"#);
    assert!(guide().plan(&sale(1235, "KWD")).unwrap_err().to_string().starts_with("inexact_amount: "));
    assert_eq!(class(&guide(), &sale(9900, "USD")), Class::Neither);
    assert!(guide().look_up(&sale(9900, "USD")).is_none());
    let made = r#"{"data":{"key":"txn_xyz","customer_key":"u_1","amount":9900,"status":"pending"}}"#;
    let recorded = Outcome::Recorded { reference: Some("txn_xyz".into()) };
    assert_eq!(guide().read(&sale(9900, "USD"), &answer(200, made)), recorded);
    assert_eq!(
        guide().read(&sale(9900, "USD"), &answer(200, r#"{"data":{}}"#)),
        Outcome::Unverified { reference: None }
    );
}

#[test]
fn all_of_a_sale_is_deleted_by_the_vendors_key_and_a_part_is_negative() {
    let whole = with_reference(refund(1230), Some("txn_xyz"));
    assert_eq!(call(&whole), ("DELETE /api/v2/transactions/txn_xyz".into(), String::new()));
    let part = r#"{"customer_key":"u_1","amount":-230,"currency":"eur"}"#;
    assert_eq!(call(&with_reference(refund(230), Some("txn_xyz"))).1, part);
    assert_eq!(class(&guide(), &refund(230)), Class::Neither);
    let untold = with_reference(refund(1230), None);
    assert_eq!(
        call(&untold).1,
        r#"{"customer_key":"u_1","amount":-1230,"currency":"eur"}"#,
        "no key, nothing to delete"
    );
}

fn notes(task: &Task) -> Vec<String> {
    match guide().plan(task).unwrap() {
        Plan::Send { notes, .. } => notes.iter().map(ToString::to_string).collect(),
        other => panic!("nothing to send: {other:?}"),
    }
}

// field-faults row 45
#[test]
fn what_the_guide_does_not_send_is_no_reason_to_refuse_and_what_is_left_out_is_said() {
    let mut task = sale(9900, "USD");
    for number in 0..40 {
        task.data.insert(format!("{number}{}", "n".repeat(62)), "v".repeat(500));
    }
    task.order.as_mut().unwrap().items =
        vec![Item { sku: "a".into(), category: Some("plans".into()), unit_amount_minor: 9900, quantity: 1 }];
    let body = r#"{"customer_key":"u_1","amount":9900,"currency":"usd"}"#;
    assert_eq!(call(&task), ("POST /api/v2/transactions".into(), body.into()));
    let told = ["data", "order.items.category"]
        .map(|field| format!("`{field}` was left out: the guide's transaction has no place for it"));
    assert_eq!(notes(&task), told);
    let mut part = with_reference(refund(230), Some("txn_xyz"));
    part.order.as_mut().unwrap().key = part.refund_of.clone().unwrap();
    assert_eq!(call(&part).1, r#"{"customer_key":"u_1","amount":-230,"currency":"eur"}"#);
    let short = with_reference(refund(230), None);
    assert_eq!(notes(&short), [""; 0]);
}

// field-faults row 39
#[test]
fn what_was_to_be_deleted_is_looked_for_beyond_the_guide() {
    let task = with_reference(refund(1230), Some("txn_xyz"));
    let request = guide().look_up(&task).unwrap();
    let expected = "https://api.partnerstack.com/api/v2/transactions?limit=100&min_created=1795161600000";
    assert_eq!(request.url.expose(), expected);
    let list = r#"{"data":{"items":[{"key":"txn_xyz","amount":1230}],"has_more":false}}"#;
    assert_eq!(guide().read_look_up(&task, &answer(200, list)), LookUp::Absent);
    let gone = LookUp::Found { reference: Some("txn_xyz".into()) };
    assert_eq!(guide().read_look_up(&task, &answer(200, &list.replace("txn_xyz", "txn_abc"))), gone);
}

#[test]
fn a_lead_is_spoken_beyond_the_guide() {
    let body = r#"{"type":"lead","value":1,"target_type":"customer","target_key":"u_1"}"#;
    assert_eq!(call(&lead()), ("POST /api/v2/actions".into(), body.into()));
}

#[test]
fn partners_are_listed_by_ending_cursor_to_the_end() {
    let first = all_partners(&guide());
    assert_eq!(first.request.url.expose(), "https://api.partnerstack.com/api/v2/partners?limit=100");
    let item = |key: &str| format!(r#"{{"key":"{key}","email":"p@example.com","name":"Jane Doe","status":"active"}}"#);
    let list = |key: &str, end: &str| answer(200, &format!(r#"{{"data":{{"items":[{}],{end}}}}}"#, item(key)));
    let (key, second) = page((first.read)(&list("prt_1", r#""has_more":true,"ending_cursor":"cursor_a+b""#)).unwrap());
    let second = second.unwrap();
    let expected = "https://api.partnerstack.com/api/v2/partners?limit=100&starting_after=cursor_a%2Bb";
    assert_eq!((key.as_str(), second.request.url.expose()), ("prt_1", expected));
    let lost = (second.read)(&list("prt_2", r#""has_more":true"#)).unwrap_err();
    assert!(matches!(lost, Outcome::Unknown { message } if message.contains("ending_cursor")));
    let (_, none) = page((second.read)(&list("prt_3", r#""has_more":false,"ending_cursor":"cursor_c""#)).unwrap());
    assert!(none.is_none());
}

#[test]
fn a_partner_is_read_by_key_and_the_credential_probed_by_the_list() {
    let call = one_partner(&guide(), "prt_abc123");
    assert_eq!(call.request.url.expose(), "https://api.partnerstack.com/api/v2/partners/prt_abc123");
    let body = r#"{"data":{"key":"prt_abc123","email":"partner@example.com","name":"Jane Doe","status":"active"}}"#;
    let partner = done((call.read)(&answer(200, body)).unwrap());
    assert_eq!((told(&partner, "key"), told(&partner, "status")), ("prt_abc123", "active"));
    let probe = guide().probe("private_key").unwrap();
    assert_eq!(probe.url.expose(), "https://api.partnerstack.com/api/v2/partners?limit=1");
    assert_eq!(guide().read_probe(&answer(200, r#"{"data":{"items":[],"has_more":false}}"#)), Probe::Good);
}

#[test]
fn one_host_is_reached_and_the_table_says_what_lies_beyond() {
    assert_eq!(guide().hosts(), ["api.partnerstack.com"]);
    let beyond = |operation| match named("partnerstack").capabilities(Dialect::Guide).of(operation) {
        Support::Yes { how, .. } | Support::Assumed { how, .. } => how.contains("beyond the guide"),
        other => panic!("{operation:?} is {other:?}"),
    };
    let partly = [Operation::Partners, Operation::Groups, Operation::Customers, Operation::Transactions];
    assert!([Operation::Lead, Operation::Refund, Operation::LookUp].into_iter().chain(partly).all(beyond));
    assert!(![Operation::Signup, Operation::Sale].into_iter().any(beyond));
}
