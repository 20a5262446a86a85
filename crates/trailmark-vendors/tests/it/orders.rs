//! Sales, refunds and leads in dialect `current`: which call each becomes, what is exact, and what each answer says.

use trailmark_vendors::Vendor;
use trailmark_vendors::capability::Class;
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_wire::conversion::{Item, Kind, Order};
use trailmark_wire::ids::OrderKey;
use trailmark_wire::money::Currency;

use super::{adapter, answer, fixture, rendered, sent, signup, with_key};

/// Ada's order `o_1001` of an amount in minor units.
pub(crate) fn sale(amount_minor: i64, currency: &str) -> Task {
    let currency = Currency::new(currency).unwrap();
    let order = Order { key: OrderKey::new("o_1001").unwrap(), amount_minor, currency, items: Vec::new() };
    Task { kind: Kind::Sale, order: Some(order), click_id: None, ..signup() }
}

/// Refund `r_2001` of so much of Ada's order of 12.30 EUR.
pub(crate) fn refund(amount_minor: i64) -> Task {
    let task = sale(amount_minor, "EUR");
    let sale = task.order.unwrap();
    let earlier = EarlierSale { amount_minor: 1230, currency: sale.currency, reference: Some("o_1001".into()) };
    Task {
        kind: Kind::Refund,
        refund_of: Some(sale.key.clone()),
        sale: Some(earlier),
        order: Some(Order { key: OrderKey::new("r_2001").unwrap(), ..sale }),
        ..task
    }
}

pub(crate) fn lead() -> Task {
    Task { kind: Kind::Lead, ..signup() }
}

pub(crate) fn class(vendor: &dyn Vendor, task: &Task) -> Class {
    match vendor.plan(task).unwrap() {
        Plan::Send { class, .. } => class,
        other => panic!("nothing to send: {other:?}"),
    }
}

fn rejected(task: &Task) -> String {
    adapter().plan(task).unwrap_err().to_string()
}

fn body(task: &Task) -> serde_json::Value {
    serde_json::from_slice(&sent(&*adapter(), task).body.unwrap()).unwrap()
}

fn with_order_key(task: Task, key: &str) -> Task {
    let order = task.order.map(|order| Order { key: OrderKey::new(key).unwrap(), ..order });
    Task { order, ..task }
}

fn read(task: &Task, status: u16, body: &str) -> String {
    match adapter().read(task, &answer(status, body)) {
        Outcome::Recorded { reference } => format!("recorded | {}", reference.unwrap_or_default()),
        Outcome::Unverified => "unverified".into(),
        Outcome::Premature { message } => format!("premature | {message}"),
        Outcome::Retry { message, .. } => format!("retry | {message}"),
        Outcome::Rejected { message } => format!("rejected | {message}"),
        Outcome::Ignored { message } => format!("ignored | {message}"),
        Outcome::Unknown { message } => format!("unknown | {message}"),
        Outcome::Duplicate { message } => format!("duplicate | {message}"),
        other => format!("{other:?}"),
    }
}

fn found(task: &Task, status: u16, body: &str) -> String {
    match adapter().read_look_up(task, &answer(status, body)) {
        LookUp::Absent => "absent".into(),
        LookUp::AuthFailed => "auth failed".into(),
        LookUp::Differs { message } => format!("differs | {message}"),
        LookUp::Found { reference } => format!("found | {}", reference.unwrap_or_default()),
        LookUp::Inconclusive { message, .. } => format!("inconclusive | {message}"),
    }
}

#[test]
fn a_sale_is_a_transaction_of_our_customer_under_our_order_key() {
    let mut task = sale(1230, "EUR");
    task.data.insert("plan".into(), "team".into());
    task.data.insert("blank".into(), " ".into());
    let expected = r#"POST https://api.partnerstack.com/api/v2/transactions
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
content-type: application/json

{"customer_external_key":"u_1","key":"o_1001","amount":1230,"currency":"EUR","created_at":1795248000000,"metadata":{"plan":"team"}}
"#;
    assert_eq!(rendered(&sent(&*adapter(), &task)), expected);
    assert_eq!(class(&*adapter(), &task), Class::Searchable);
}

#[test]
fn an_amount_goes_out_in_hundredths_exactly_or_not_at_all() {
    let exact = [
        (1230, "EUR", 1230_i64),
        (0, "USD", 0),
        (1230, "JPY", 123_000),
        (1230, "KWD", 123),
        (12_300, "CLF", 123),
        (50_000_000_000, "EUR", 50_000_000_000),
        (500_000_000, "JPY", 50_000_000_000),
    ];
    for (minor, currency, cents) in exact {
        assert_eq!(body(&sale(minor, currency))["amount"], cents, "{minor} {currency}");
    }
    for (minor, currency) in [(1235, "KWD"), (1, "KWD"), (12_301, "CLF"), (i64::MAX, "JPY")] {
        assert!(rejected(&sale(minor, currency)).starts_with("inexact_amount: "), "{minor} {currency}");
    }
    for (minor, currency) in [(50_000_000_001, "EUR"), (500_000_001, "JPY"), (i64::MAX, "EUR")] {
        assert!(rejected(&sale(minor, currency)).contains("above the 500 million"), "{minor} {currency}");
    }
}

#[test]
fn what_a_transaction_cannot_hold_is_named_before_anything_is_sent() {
    let fits = |key: &str| adapter().plan(&with_order_key(sale(1, "EUR"), key)).is_ok();
    assert!(fits("o_10") && fits(&"o".repeat(255)));
    assert_eq!(
        rejected(&with_order_key(sale(1, "EUR"), "o_1")),
        "`order.key` must have 4 to 255 characters at PartnerStack"
    );
    for (name, value) in [("n".repeat(31), "v".into()), ("n".into(), "v".repeat(101))] {
        let mut task = sale(1, "EUR");
        task.data.insert(name, value);
        assert!(rejected(&task).starts_with("`data` holds a name of more than 30"));
    }
    let with_entries = |count: usize| {
        let mut task = sale(1, "EUR");
        for number in 0..count {
            task.data.insert(format!("n{number}"), "v".into());
        }
        task
    };
    assert!(adapter().plan(&with_entries(25)).is_ok());
    assert!(rejected(&with_entries(26)).starts_with("`data` holds more than the 25 entries"));
    let mut task = sale(1, "EUR");
    task.data.insert("n".repeat(30), "v".repeat(100));
    assert!(adapter().plan(&task).is_ok());
    for task in [Task { customer: None, ..sale(1, "EUR") }, Task { customer: None, ..lead() }] {
        assert!(rejected(&task).starts_with("missing `customer.key`"));
    }
    assert!(rejected(&Task { order: None, ..sale(1, "EUR") }).starts_with("missing `order`"));
    assert!(rejected(&with_key(sale(1, "EUR"), "..")).contains("no URL can name"));
}

#[test]
fn lines_name_the_category_where_they_agree() {
    let with_lines = |categories: &[Option<&str>]| {
        let line = |category: &Option<&str>| Item {
            sku: "a".into(),
            category: category.map(str::to_owned),
            unit_amount_minor: 615,
            quantity: 1,
        };
        let mut task = sale(1230, "EUR");
        task.order.as_mut().unwrap().items = categories.iter().map(line).collect();
        body(&task)["category_key"].as_str().map(str::to_owned)
    };
    assert_eq!(with_lines(&[Some("plans"), Some("plans")]).as_deref(), Some("plans"));
    for categories in [&[][..], &[None], &[Some("plans"), None], &[Some("plans"), Some("seats")]] {
        assert_eq!(with_lines(categories), None, "{categories:?}");
    }
}

#[test]
fn all_of_a_sale_given_back_deletes_it_and_a_part_is_a_negative_one() {
    let whole = sent(&*adapter(), &refund(1230));
    let expected = "DELETE https://api.partnerstack.com/api/v2/transactions/o_1001
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
";
    assert_eq!(rendered(&whole), expected);
    assert_eq!(class(&*adapter(), &refund(1230)), Class::Upsert, "a second deletion finds nothing");
    let part = body(&refund(230));
    assert_eq!(
        (&part["amount"], &part["key"], &part["customer_external_key"]),
        (&(-230).into(), &"r_2001".into(), &"u_1".into())
    );
    assert_eq!(class(&*adapter(), &refund(230)), Class::Searchable);
    let unknown = Task { sale: None, ..refund(1230) };
    assert_eq!(body(&unknown)["amount"], -1230, "nobody knows whether that is all of it");
    let untold = |task: Task| Task { sale: task.sale.map(|sale| EarlierSale { reference: None, ..sale }), ..task };
    assert_eq!(rendered(&sent(&*adapter(), &untold(refund(1230)))), expected, "our key is the vendor's");
    assert!(rejected(&with_order_key(refund(230), "o_1001")).contains("must differ from its sale's"));
}

#[test]
fn a_sales_key_stays_one_path_segment() {
    let mut task = refund(1230);
    task.sale.as_mut().unwrap().reference = Some("a/b?c".into());
    assert!(sent(&*adapter(), &task).url.expose().ends_with("/api/v2/transactions/a%2Fb%3Fc"));
}

#[test]
fn a_transaction_counts_when_it_stands_under_our_key() {
    let task = sale(1230, "EUR");
    assert_eq!(read(&task, 200, fixture!("200_transaction")), "recorded | o_1001");
    assert_eq!(read(&task, 201, r#"{"data":{"key":"txn_7"},"status":200}"#), "unverified");
    assert_eq!(read(&task, 200, r#"{"data":{}}"#), "unverified");
    assert_eq!(read(&task, 200, r#"{"message":"OK","status":200}"#), "unverified");
    assert_eq!(read(&task, 200, ""), "unknown | status 200: no transaction in the body");
    assert_eq!(read(&task, 200, "<html>"), "unknown | status 200: no transaction in the body");
    assert!(read(&task, 400, fixture!("400_exists")).starts_with("duplicate | "));
    assert!(read(&task, 400, fixture!("400_refused")).starts_with("rejected | "));
    assert!(read(&task, 500, fixture!("500")).starts_with("unknown | "));
}

#[test]
fn a_customer_that_the_vendor_does_not_show_yet_is_waited_for() {
    let task = sale(1230, "EUR");
    let expected = "premature | status 404: the vendor does not show the customer";
    assert_eq!(read(&task, 404, fixture!("404")), expected);
    assert!(read(&task, 404, "<html>").starts_with("retry | "), "a web server's own 404 is no word about the customer");
}

#[test]
fn what_is_not_there_is_deleted_already() {
    let task = refund(1230);
    assert_eq!(read(&task, 200, r#"{"data":{"key":"o_1001"},"status":200}"#), "recorded | o_1001");
    assert_eq!(read(&task, 200, ""), "recorded | o_1001");
    assert_eq!(read(&task, 404, fixture!("404")), "recorded | o_1001");
    assert!(read(&task, 404, "<html>").starts_with("retry | "), "a web server's own 404 deletes nothing");
    assert!(read(&task, 500, fixture!("500")).starts_with("unknown | "));
}

#[test]
fn a_transaction_is_looked_for_from_the_sales_time_on() {
    let request = adapter().look_up(&sale(1230, "EUR")).unwrap();
    let expected = "https://api.partnerstack.com/api/v2/transactions?limit=250&min_created=1795247999999";
    assert_eq!(request.url.expose(), expected);
    assert!(adapter().look_up(&refund(1230)).is_none(), "a deletion is sent again instead");
    assert!(adapter().look_up(&lead()).is_none());
}

#[test]
fn a_transaction_is_found_by_our_key_and_absent_only_from_a_whole_list() {
    let (ours, list) = (sale(1230, "EUR"), fixture!("200_transactions"));
    assert_eq!(found(&ours, 200, list), "found | o_1001");
    let other = with_order_key(ours.clone(), "o_9999");
    assert_eq!(found(&other, 200, list), "absent");
    let more = list.replace("\"has_more\": false", "\"has_more\": true");
    assert_eq!(found(&ours, 200, &more), "found | o_1001");
    let expected = "inconclusive | status 200: too many transactions since the sale to find this one";
    assert_eq!(found(&other, 200, &more), expected);
    for unreadable in ["", "<html>", r#"{"data":{"items":[]}}"#, r#"{"data":{"has_more":false}}"#] {
        assert_eq!(found(&ours, 200, unreadable), "inconclusive | status 200: no list of transactions");
    }
    assert!(found(&ours, 404, fixture!("404")).starts_with("inconclusive | "), "a list is never not found");
    assert_eq!(found(&ours, 401, fixture!("401")), "auth failed");
}

#[test]
fn a_list_is_gone_through_by_the_key_of_its_last_item_until_it_ends_or_shows_ours() {
    let (ours, list) = (sale(1230, "EUR"), fixture!("200_transactions"));
    let other = with_order_key(ours.clone(), "o_9999");
    let more = list.replace("\"has_more\": false", "\"has_more\": true");
    let next = |task: &Task, status, body: &str| {
        adapter().look_up_next(task, &answer(status, body)).map(|request| request.url.expose().to_owned())
    };
    let expected = "https://api.partnerstack.com/api/v2/transactions?limit=250&min_created=1795247999999\
                    &starting_after=o_1001";
    assert_eq!(next(&other, 200, &more).as_deref(), Some(expected));
    assert_eq!(next(&other, 200, &more.replace("\"o_1001\"", "\"o&1\"")).unwrap().rsplit('=').next(), Some("o%261"));
    for (what, task, status, body) in [
        ("the last page", &other, 200, list),
        ("ours is on it", &ours, 200, more.as_str()),
        ("an empty page", &other, 200, r#"{"data":{"items":[],"has_more":true},"status":200}"#),
        ("an item without a key", &other, 200, r#"{"data":{"items":[{}],"has_more":true},"status":200}"#),
        ("no list", &other, 200, "<html>"),
        ("a failure", &other, 500, more.as_str()),
        ("one customer", &signup(), 200, more.as_str()),
    ] {
        assert_eq!(next(task, status, body), None, "{what}");
    }
}

#[test]
fn what_stands_under_our_key_and_is_not_ours_differs() {
    let list = fixture!("200_transactions");
    let prefix = "differs | another transaction stands under our key: ";
    assert_eq!(found(&sale(1231, "EUR"), 200, list), format!("{prefix}`amount`"));
    assert_eq!(found(&sale(1230, "USD"), 200, list), format!("{prefix}`currency`"));
    assert_eq!(found(&with_key(sale(1230, "EUR"), "u_9"), 200, list), format!("{prefix}the customer"));
    let lower = list.replace("EUR", "eur").replace("\"external_key\": \"u_1\"", "\"external_key\": null");
    assert_eq!(found(&sale(1230, "EUR"), 200, &lower), "found | o_1001");
    let beside = list.replace("\"customer\": { \"external_key\": \"u_1\" }", "\"customer_external_key\": \"u_8\"");
    assert_eq!(found(&sale(1230, "EUR"), 200, &beside), format!("{prefix}the customer"));
}

#[test]
fn a_lead_is_an_action_on_the_customer() {
    let expected = r#"POST https://api.partnerstack.com/api/v2/actions
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
content-type: application/json

{"type":"lead","value":1,"target_type":"customer","target_key":"u_1"}
"#;
    assert_eq!(rendered(&sent(&*adapter(), &lead())), expected);
    let known = Task { customer_reference: Some("cus_1".into()), ..lead() };
    assert_eq!(body(&known)["target_key"], "u_1", "an action for a key that is not the customer's is lost in silence");
    assert_eq!(class(&*adapter(), &lead()), Class::Neither);
}

#[test]
fn an_action_of_nobody_is_ignored() {
    assert_eq!(read(&lead(), 200, r#"{"data":{"key":"act_1"},"status":200}"#), "recorded | act_1");
    let nobody = "ignored | status 200: an action of nobody: the customer is not known";
    assert_eq!(read(&lead(), 200, r#"{"data":{},"status":200}"#), nobody);
    assert_eq!(read(&lead(), 200, r#"{"data":{"type":"lead"},"status":200}"#), "unverified");
    assert_eq!(read(&lead(), 200, r#"{"status":200}"#), "unverified");
    assert!(read(&lead(), 200, "").starts_with("unknown | "));
}

#[test]
fn transactions_follow_their_customer_and_refunds_their_sale() {
    let follows = |kind| adapter().follows(kind);
    assert_eq!(follows(Kind::Signup), None);
    assert_eq!((follows(Kind::Sale), follows(Kind::Lead)), (Some(Kind::Signup), Some(Kind::Signup)));
    assert_eq!(follows(Kind::Refund), Some(Kind::Sale));
}
