//! Sales, refunds and leads in dialect `current`: which call each becomes, what is exact, and what each answer says.

use serde_json::json;
use trailmark_vendors::capability::Class;
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_wire::conversion::{Item, Kind, Order};
use trailmark_wire::ids::OrderKey;
use trailmark_wire::money::Currency;

use super::{NOW, Opened, adapter, answer, fixture, rendered, sent, signup, with_key};

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
    let earlier = EarlierSale {
        occurred_at: NOW,
        amount_minor: 1230,
        refunded_minor: 0,
        currency: sale.currency,
        items: Vec::new(),
        reference: Some("o_1001".into()),
        refund_reference: None,
    };
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

pub(crate) fn class(vendor: &Opened, task: &Task) -> Class {
    match vendor.plan(task).unwrap() {
        Plan::Send { class, .. } => class,
        other => panic!("nothing to send: {other:?}"),
    }
}

fn rejected(task: &Task) -> String {
    adapter().plan(task).unwrap_err().to_string()
}

fn body(task: &Task) -> serde_json::Value {
    serde_json::from_slice(&sent(&adapter(), task).body.unwrap()).unwrap()
}

fn with_order_key(task: Task, key: &str) -> Task {
    let order = task.order.map(|order| Order { key: OrderKey::new(key).unwrap(), ..order });
    Task { order, ..task }
}

fn read(task: &Task, status: u16, body: &str) -> String {
    match adapter().read(task, &answer(status, body)) {
        Outcome::Recorded { reference } => format!("recorded | {}", reference.unwrap_or_default()),
        Outcome::Unverified { reference: None } => "unverified".into(),
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
    assert_eq!(rendered(&sent(&adapter(), &task)), expected);
    assert_eq!(class(&adapter(), &task), Class::Searchable);
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
    for task in [Task { customer: None, ..sale(1, "EUR") }, Task { customer: None, ..lead() }] {
        assert!(rejected(&task).starts_with("missing `customer.key`"));
    }
    assert!(rejected(&Task { order: None, ..sale(1, "EUR") }).starts_with("missing `order`"));
    assert!(rejected(&with_key(sale(1, "EUR"), "..")).contains("no URL can name"));
}

fn notes(task: &Task) -> Vec<String> {
    match adapter().plan(task).unwrap() {
        Plan::Send { notes, .. } => notes.iter().map(ToString::to_string).collect(),
        other => panic!("nothing to send: {other:?}"),
    }
}

// field-faults row 13
#[test]
fn data_that_is_too_long_for_a_transaction_is_cut_and_said_so() {
    let mut task = sale(1, "EUR");
    task.data.insert("a".repeat(30), "v".repeat(100));
    assert_eq!(notes(&task), [""; 0]);
    task.data.insert("n".repeat(64), "🦀".repeat(500));
    let metadata = body(&task)["metadata"].clone();
    assert_eq!(metadata, serde_json::json!({ "a".repeat(30): "v".repeat(100), "n".repeat(30): "🦀".repeat(100) }));
    let name = "n".repeat(64);
    assert_eq!(
        notes(&task),
        [
            format!("`data.{name}` was named by its first 30 characters, the most that PartnerStack takes for a name"),
            format!("`data.{name}` was cut to 100 characters, the most that PartnerStack takes"),
        ]
    );
}

// field-faults row 13
#[test]
fn data_that_has_no_place_in_a_transaction_is_left_out_and_said_so() {
    let mut task = sale(1, "EUR");
    for number in 10..36 {
        task.data.insert(format!("n{number}"), "v".into());
    }
    assert_eq!(body(&task)["metadata"].as_object().unwrap().len(), 25);
    assert_eq!(notes(&task), ["`data.n35` was left out: PartnerStack takes 25 entries with a transaction"]);
    let mut task = sale(1, "EUR");
    for end in ["", "1", "2"] {
        task.data.insert(format!("{}{end}", "n".repeat(30)), format!("v{end}"));
    }
    assert_eq!(
        body(&task)["metadata"],
        serde_json::json!({ "n".repeat(30): "v" }),
        "the name that fits keeps its value"
    );
    assert_eq!(notes(&task).len(), 2);
    for task in [lead(), refund(1230)] {
        let mut task = task;
        assert_eq!(notes(&task), [""; 0]);
        task.data.insert("plan".into(), "team".into());
        assert!(notes(&task)[0].starts_with("`data` was left out: "), "{:?}", notes(&task));
    }
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
        (body(&task)["category_key"].as_str().map(str::to_owned), notes(&task).join(""))
    };
    assert_eq!(with_lines(&[Some("plans"), Some("plans")]), (Some("plans".into()), String::new()));
    for categories in [&[][..], &[None], &[None, None]] {
        assert_eq!(with_lines(categories), (None, String::new()), "{categories:?}");
    }
    for categories in [&[Some("plans"), None], &[Some("plans"), Some("seats")]] {
        let note = "`order.items.category` was left out: the lines differ, and a transaction has one category";
        assert_eq!(with_lines(categories), (None, note.into()), "{categories:?}");
    }
}

#[test]
fn all_of_a_sale_given_back_deletes_it_and_a_part_is_a_negative_one() {
    let whole = sent(&adapter(), &refund(1230));
    let expected = "DELETE https://api.partnerstack.com/api/v2/transactions/o_1001
accept: application/json
authorization: Basic cGtfdGVzdDpza190ZXN0X3ByaXZhdGU=
";
    assert_eq!(rendered(&whole), expected);
    assert_eq!(class(&adapter(), &refund(1230)), Class::Upsert, "a second deletion finds nothing");
    let part = body(&refund(230));
    assert_eq!(
        (&part["amount"], &part["key"], &part["customer_external_key"]),
        (&(-230).into(), &"r_2001".into(), &"u_1".into())
    );
    assert_eq!(class(&adapter(), &refund(230)), Class::Searchable);
    let unknown = Task { sale: None, ..refund(1230) };
    assert_eq!(body(&unknown)["amount"], -1230, "nobody knows whether that is all of it");
    let untold = |task: Task| Task { sale: task.sale.map(|sale| EarlierSale { reference: None, ..sale }), ..task };
    assert_eq!(rendered(&sent(&adapter(), &untold(refund(1230)))), expected, "our key is the vendor's");
    assert!(rejected(&with_order_key(refund(230), "o_1001")).contains("must differ from its sale's"));
}

#[test]
fn a_sales_key_stays_one_path_segment() {
    let mut task = refund(1230);
    task.sale.as_mut().unwrap().reference = Some("a/b?c".into());
    assert!(sent(&adapter(), &task).url.expose().ends_with("/api/v2/transactions/a%2Fb%3Fc"));
}

#[test]
fn a_transaction_counts_when_it_stands_under_our_key() {
    let task = sale(1230, "EUR");
    assert_eq!(read(&task, 200, fixture!("200_transaction")), "recorded | o_1001");
    assert_eq!(read(&task, 200, r#"{"data":{}}"#), "unverified");
    assert_eq!(read(&task, 200, r#"{"message":"OK","status":200}"#), "unverified");
    assert_eq!(read(&task, 200, ""), "unknown | status 200: an empty body instead of a transaction");
    assert_eq!(read(&task, 200, "<html>"), "unknown | status 200: an HTML page instead of a transaction");
    assert!(read(&task, 400, fixture!("400_exists")).starts_with("duplicate | "));
    assert!(read(&task, 400, fixture!("400_refused")).starts_with("rejected | "));
    assert!(read(&task, 500, fixture!("500")).starts_with("unknown | "));
}

#[test]
fn a_customer_that_the_vendor_does_not_show_yet_is_waited_for() {
    let task = sale(1230, "EUR");
    let expected = "premature | status 404: the vendor does not show the customer; if it stays so, was its data reset?";
    assert_eq!(read(&task, 404, fixture!("404")), expected);
    assert!(read(&task, 404, "<html>").starts_with("retry | "), "a web server's own 404 is no word about the customer");
}

// field-faults row 41: what a sale answers is compared, too
#[test]
fn a_key_that_is_answered_with_another_transaction_is_a_conflict() {
    let made = fixture!("200_transaction");
    let task = sale(1231, "EUR");
    let expected = "the vendor's transaction under our key differs in `amount`";
    assert_eq!(adapter().read(&task, &answer(200, made)), Outcome::Conflict { message: expected.into() });
}

#[test]
fn a_sale_that_the_vendor_confirms_under_another_key_is_told_with_that_key_and_searched_under_both() {
    let made = fixture!("200_transaction").replace("\"o_1001\"", "\"txn_7\"");
    let message = "the vendor recorded it under another key, `txn_7`".to_owned();
    for status in [200, 201] {
        let outcome = adapter().read(&sale(1230, "EUR"), &answer(status, &made));
        assert_eq!(outcome, Outcome::Rekeyed { message: message.clone(), reference: "txn_7".into() });
    }
    let rekeyed = Task { reference: Some("txn_7".into()), ..sale(1230, "EUR") };
    let list = |key: &str, amount: i64| {
        let item = json!({ "key": key, "amount": amount, "currency": "EUR" });
        json!({ "data": { "items": [item], "has_more": false }, "status": 200 }).to_string()
    };
    assert_eq!(found(&rekeyed, 200, &list("txn_7", 1230)), "found | txn_7");
    assert_eq!(found(&rekeyed, 200, &list("o_1001", 1230)), "found | o_1001");
    assert!(found(&rekeyed, 200, &list("txn_7", 1231)).starts_with("differs | "));
    assert_eq!(found(&sale(1230, "EUR"), 200, &list("txn_7", 1230)), "absent", "that may be anybody's");
}

// field-faults row 38
#[test]
fn a_deletion_counts_only_by_the_vendors_word() {
    let task = refund(1230);
    for (status, body) in [
        (200, r#"{"data":{"key":"o_1001"},"status":200}"#),
        (200, r#"{"message":"Deleted","status":200}"#),
        (200, r#"{"data":{}}"#),
        (204, ""),
    ] {
        assert_eq!(read(&task, status, body), "recorded | o_1001", "{body}");
    }
    for body in ["", "{}", "[]", "null", "<html>", "OK", r#"{"message":"OK"}"#] {
        let told = read(&task, 200, body);
        assert!(told.starts_with("unknown | ") && told.contains("the vendor's confirmation that"), "{body}: {told}");
    }
    let another = read(&task, 200, r#"{"data":{"key":"o_1002"},"status":200}"#);
    assert_eq!(another, "unknown | status 200: the vendor names another transaction");
    assert!(read(&task, 500, fixture!("500")).starts_with("unknown | "));
}

// field-faults row 39
#[test]
fn a_deletion_that_is_answered_by_404_is_missing_and_not_recorded() {
    let task = refund(1230);
    let message = "status 404: the vendor has no such transaction".into();
    assert_eq!(adapter().read(&task, &answer(404, fixture!("404"))), Outcome::Missing { message });
    assert!(read(&task, 404, "<html>").starts_with("retry | "), "a web server's own 404 deletes nothing");
}

// field-faults row 39
#[test]
fn what_was_to_be_deleted_is_looked_for_in_the_list() {
    let request = adapter().look_up(&refund(1230)).unwrap();
    let day_before = "https://api.partnerstack.com/api/v2/transactions?limit=100&min_created=1795161600000";
    assert_eq!(request.url.expose(), day_before);
    let (task, list) = (refund(1230), fixture!("200_transactions"));
    assert_eq!(found(&task, 200, list), "absent", "the list shows the sale, so the deletion is not there");
    let without = list.replace("o_1001", "o_1003");
    assert_eq!(found(&task, 200, &without), "found | o_1001");
    let archived = list.replace("\"key\": \"o_1001\"", "\"key\": \"o_1001\", \"archived\": true");
    assert_eq!(found(&task, 200, &archived), "found | o_1001");
    let more = without.replace("\"has_more\": false", "\"has_more\": true");
    assert!(found(&task, 200, &more).starts_with("inconclusive | "));
    for unreadable in ["", "{}", "<html>"] {
        assert!(found(&task, 200, unreadable).starts_with("inconclusive | "), "{unreadable}");
    }
}

#[test]
fn a_transaction_is_looked_for_from_the_sales_time_on() {
    let request = adapter().look_up(&sale(1230, "EUR")).unwrap();
    let expected = "https://api.partnerstack.com/api/v2/transactions?limit=100&min_created=1795247999999";
    assert_eq!(request.url.expose(), expected);
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
    let expected = "inconclusive | another page";
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
    let expected = "https://api.partnerstack.com/api/v2/transactions?limit=100&min_created=1795247999999\
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
    let prefix = "differs | the vendor's transaction under our key differs in ";
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
    assert_eq!(rendered(&sent(&adapter(), &lead())), expected);
    let known = Task { customer_reference: Some("cus_1".into()), ..lead() };
    assert_eq!(body(&known)["target_key"], "u_1", "an action for a key that is not the customer's is lost in silence");
    assert_eq!(class(&adapter(), &lead()), Class::Neither);
}

#[test]
fn an_action_of_nobody_is_ignored() {
    assert_eq!(read(&lead(), 200, r#"{"data":{"key":"act_1"},"status":200}"#), "recorded | act_1");
    let nobody = "ignored | status 200: the vendor does not know the customer of this action";
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
