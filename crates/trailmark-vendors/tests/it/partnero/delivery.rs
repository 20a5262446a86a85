//! What each kind of conversion sends, in both dialects, and what its own answer proves.

use trailmark_vendors::Dialect;
use trailmark_vendors::capability::Class;
use trailmark_vendors::outcome::Probe;
use trailmark_vendors::task::{Plan, Task};
use trailmark_wire::conversion::{Customer, Item, Kind};
use trailmark_wire::ids::CustomerKey;

use super::super::{account, rendered};
use super::{adapter, answer, fixture, named, opened, planned, sale, sent, signup};

fn rejected(task: &Task) -> String {
    adapter().delivery.plan(task).unwrap_err().to_string()
}

#[test]
fn a_signup_is_a_customer_of_the_partner_whom_the_link_named() {
    let expected = r#"POST https://api.partnero.com/v1/customers
accept: application/json
authorization: Bearer pk_partnero_0001
content-type: application/json

{"key":"u_1","partner":{"key":"ref_123"},"email":"ada@example.com","name":"Ada Lovelace"}
"#;
    let (call, class, notes) = planned(&signup());
    assert_eq!((rendered(&call.request).as_str(), class, notes.len()), (expected, Class::UniqueKey, 0));
    for dialect in Dialect::ALL {
        let Plan::Send { call, .. } = opened(dialect).delivery.plan(&signup()).unwrap() else { panic!() };
        assert_eq!(rendered(&call.request), expected, "{dialect:?}");
    }
}

#[test]
fn a_signup_without_key_or_partner_is_refused_by_name_and_optional_fields_are_left_out() {
    assert!(rejected(&Task { customer: None, ..signup() }).starts_with("missing `customer.key`: "));
    assert!(rejected(&Task { partner: None, ..signup() }).starts_with("missing the touch's partner: "));
    assert!(rejected(&super::super::with_key(signup(), "..")).contains("no URL can name such a customer"));
    let bare = Customer { key: CustomerKey::new("u_1").unwrap(), email: Some(" ".into()), name: None };
    let mut task = Task { customer: Some(bare), ..signup() };
    task.data.insert("plan".into(), "team".into());
    let (call, _, notes) = planned(&task);
    assert!(rendered(&call.request).ends_with("\n{\"key\":\"u_1\",\"partner\":{\"key\":\"ref_123\"}}\n"));
    assert_eq!(notes, ["`data` was left out: a customer at Partnero has no place for it"]);
    assert!(Kind::Signup != Kind::Lead && adapter().delivery.needs(Kind::Signup, false).is_empty());
}

#[test]
fn a_sale_is_a_transaction_under_the_orders_key_in_major_units() {
    let expected = r#"POST https://api.partnero.com/v1/transactions
accept: application/json
authorization: Bearer pk_partnero_0001
content-type: application/json

{"customer":{"key":"u_1"},"key":"o_1001","amount":12.3,"amount_units":"EUR","created_at":1795248000,"action":"sale"}
"#;
    let (call, class, notes) = planned(&sale(1230, "EUR"));
    assert_eq!((rendered(&call.request).as_str(), class, notes.len()), (expected, Class::Searchable, 0));
    for task in [Task { customer: None, ..sale(1, "EUR") }, Task { customer: None, order: None, ..sale(1, "EUR") }] {
        assert!(rejected(&task).starts_with("missing `"));
    }
}

#[test]
fn lines_name_the_product_where_they_agree_and_a_note_says_where_they_do_not() {
    let with_lines = |lines: &[(&str, Option<&str>)]| {
        let line = |(sku, category): &(&str, Option<&str>)| Item {
            sku: (*sku).into(),
            category: category.map(str::to_owned),
            unit_amount_minor: 615,
            quantity: 1,
        };
        let mut task = sale(1230, "EUR");
        task.order.as_mut().unwrap().items = lines.iter().map(line).collect();
        task.data.insert("blank".into(), " ".into());
        let (call, _, notes) = planned(&task);
        let body: serde_json::Value = serde_json::from_slice(&call.request.body.unwrap()).unwrap();
        (body["product_id"].clone(), body["product_type"].clone(), notes)
    };
    let (id, kind, notes) = with_lines(&[("p1", Some("monthly")), ("p1", Some("monthly"))]);
    assert_eq!((id, kind, notes.len()), ("p1".into(), "monthly".into(), 0));
    let (id, kind, notes) = with_lines(&[("p1", None), ("p2", None)]);
    assert!(id.is_null() && kind.is_null());
    assert_eq!(notes, ["`order.items.sku` was left out: the lines differ, and a transaction has one product"]);
    let (id, kind, notes) = with_lines(&[("p1", None), ("p1", Some("monthly"))]);
    assert!(id == "p1" && kind.is_null());
    assert_eq!(notes, ["`order.items.category` was left out: the lines differ, and a transaction has one product"]);
}

#[test]
fn the_customer_comes_before_the_sale_the_sale_before_the_refund_and_a_lead_is_nothing() {
    let follows = |kind| adapter().delivery.follows(kind);
    assert_eq!(follows(Kind::Signup), None);
    assert_eq!(follows(Kind::Lead), None);
    assert_eq!(follows(Kind::Sale), Some(Kind::Signup));
    assert_eq!(follows(Kind::Refund), Some(Kind::Sale));
    let lead = Task { kind: Kind::Lead, ..signup() };
    assert!(matches!(adapter().delivery.plan(&lead).unwrap(), Plan::Unsupported { why } if why.contains("signup")));
    assert!(adapter().delivery.look_up(&lead).is_none());
}

#[test]
fn a_created_customer_is_recorded_unless_it_is_nobodys_or_somebody_elses() {
    let created = fixture!("201_customer");
    assert_eq!(sent(&signup(), &[answer(201, created)]), "recorded | ");
    let with_id = created.replace("\"key\": \"u_1\"", "\"key\": \"u_1\", \"id\": \"cust_9\"");
    assert_eq!(sent(&signup(), &[answer(200, &with_id)]), "recorded | cust_9");
    for nobody in ["null", "\"\"", "{}", "[]"] {
        let body = created.replace("\"partner_123\"", nobody);
        let told = sent(&signup(), &[answer(201, &body)]);
        assert_eq!(told, "ignored | status 201: the vendor credits nobody with it, so no commission will follow");
    }
    for (was, is) in
        [("u_1", "U_1"), ("Ada@", "bob@"), ("\"deleted\": false", "\"deleted\": true"), ("\"key\"", "\"k\"")]
    {
        assert_eq!(sent(&signup(), &[answer(201, &created.replace(was, is))]), "unverified | ", "{is}");
    }
    assert_eq!(sent(&signup(), &[answer(201, r#"{"status":1}"#)]), "unverified | ");
}

#[test]
fn a_taken_key_is_a_duplicate_and_an_unknown_partner_a_refusal() {
    let taken = "duplicate | status 422: The given data was invalid.; key: The key [redacted] has already been taken.";
    assert_eq!(sent(&signup(), &[answer(422, fixture!("422_taken"))]), taken);
    assert_eq!(sent(&signup(), &[answer(409, r#"{"message":"conflict"}"#)]), "duplicate | status 409: conflict");
    let unknown = "rejected | status 400: Partner ref_123 of [redacted] not found";
    assert_eq!(sent(&signup(), &[answer(400, fixture!("400_partner"))]), unknown);
    let field = r#"{"message":"The given data was invalid.","errors":{"email":["The email must be valid."]}}"#;
    let refused = "rejected | status 422: The given data was invalid.; email: The email must be valid.";
    assert_eq!(sent(&signup(), &[answer(422, field)]), refused);
}

#[test]
fn a_created_transaction_is_recorded_if_it_is_ours_and_somebodys() {
    let created = fixture!("201_transaction");
    let read = |body: &str| sent(&sale(1230, "EUR"), &[answer(201, body)]);
    assert_eq!(read(created), "recorded | o_1001");
    for amount in ["\"12.30\"", "12.30", "\"12.3\"", "12.300"] {
        assert_eq!(read(&created.replace("12.3,", &format!("{amount},"))), "recorded | o_1001", "{amount}");
    }
    assert_eq!(read(&created.replace("\"EUR\"", "\"€\"")), "recorded | o_1001", "a sign names no currency");
    assert_eq!(read(&created.replace("\"customer\": \"u_1\"", "\"customer\": \"cust_9\"")), "recorded | o_1001");
    let differs = "conflict | the vendor's transaction under our key differs in ";
    assert_eq!(read(&created.replace("12.3,", "12.31,")), format!("{differs}`amount`"));
    assert_eq!(read(&created.replace("12.3,", "null,")), format!("{differs}`amount`"));
    assert_eq!(read(&created.replace("\"EUR\"", "\"USD\"")), format!("{differs}`amount_units`"));
    assert_eq!(
        read(&created.replace("\"customer\": \"u_1\"", "\"customer\": {\"key\": \"u_2\"}")),
        format!("{differs}the customer")
    );
    let another = "rekeyed | the vendor recorded it under another key, `o_1002` | o_1002";
    assert_eq!(read(&created.replace("o_1001", "o_1002")), another, "a look-up by our key would never find it");
    assert_eq!(read(&created.replace("\"key\": \"o_1001\"", "\"k\": \"o_1001\"")), "unverified | ");
    assert_eq!(read(r#"{"status":1}"#), "unverified | ");
}

#[test]
fn a_sale_for_nobody_is_ignored_and_never_a_success() {
    let created = fixture!("201_transaction");
    let told = "ignored | status 201: the vendor credits nobody with it, so no commission will follow";
    for (was, is) in [
        ("\"partner\": \"partner_123\"", "\"partner\": null"),
        ("\"partner\": \"partner_123\"", "\"partner\": {}"),
        ("\"partner\": \"partner_123\",\n    \"customer\": \"u_1\"", "\"customer\": null"),
    ] {
        assert!(created.contains(was));
        assert_eq!(sent(&sale(1230, "EUR"), &[answer(201, &created.replace(was, is))]), told, "{is}");
    }
    let unknown = "premature | status 404: the vendor does not show the customer; if it stays so, was its data reset?";
    assert_eq!(sent(&sale(1230, "EUR"), &[answer(404, fixture!("404"))]), unknown);
}

#[test]
fn a_probe_believes_the_vendors_envelope_alone() {
    let probe = |status, body| {
        let call = adapter().delivery.probe("api_key").unwrap();
        assert_eq!(call.request.url.expose(), "https://api.partnero.com/v1/test");
        (call.read)(&answer(status, body))
    };
    assert_eq!(probe(200, r#"{"status":1}"#), Probe::Good);
    for (status, body) in [(401, "<html>"), (401, ""), (403, r#"{"message":"no"}"#)] {
        assert_eq!(probe(status, body), Probe::Refused, "{status} {body}");
    }
    for (status, body) in [(200, "<html>"), (200, "{}"), (200, ""), (403, "<html>"), (500, ""), (404, fixture!("404"))]
    {
        assert_eq!(probe(status, body), Probe::Unclear, "{status} {body}");
    }
    assert!(adapter().delivery.probe("webhook_secret").is_none());
}

#[test]
fn an_account_needs_its_api_key_and_reaches_one_host() {
    let error = named("partnero").open(&account().settings()).unwrap_err().to_string();
    assert_eq!(error, "`api_key` is missing: partnero needs it (bearer token of its API)");
    assert_eq!(adapter().hosts, ["api.partnero.com"]);
    assert_eq!(adapter().reading_credential, "api_key");
}
