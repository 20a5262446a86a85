//! What the simulated PartnerStack refuses, rule by rule, with the field it names.

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, TEST_PRIVATE_KEY, TEST_PUBLIC_KEY, TRACKING_TOKEN};

use crate::client::{CURRENT, Double, Draft, GUIDE, XID};

/// `base` with `field` set to `value`, or left out where that is null.
fn with(base: &Value, field: &str, value: &Value) -> Value {
    let mut fields = base.as_object().cloned().unwrap_or_default();
    fields.remove(field);
    if !value.is_null() {
        fields.insert(field.to_owned(), value.clone());
    }
    Value::Object(fields)
}

/// Each case spoils one field of a good body; the refusal is 400 and names the field, and nothing was done.
async fn check(double: &Double, send: impl Fn(&Value) -> Draft, good: &Value, cases: &[(&str, Value)]) {
    let before = double.state().await;
    for (field, value) in cases {
        let body = with(good, field, value);
        let reply = send(&body).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}: {:?}", reply.body);
        assert!(reply.refusal().contains(field), "{body}: {}", reply.refusal());
    }
    let after = double.state().await;
    for kind in ["customers", "partners", "transactions", "actions"] {
        assert_eq!(before.get(kind), after.get(kind));
    }
}

fn long(length: usize) -> Value {
    Value::from("x".repeat(length))
}

fn address(length: usize) -> Value {
    Value::from(format!("{}@b", "x".repeat(length - 2)))
}

#[tokio::test]
async fn the_vendor_api_opens_to_its_key_pair_alone() {
    let double = Double::start().await;
    let groups = |base: &str| format!("{base}/groups/grp_affiliate");
    let path = |base: &str| if base == GUIDE { groups(base) } else { format!("{base}/groups") };
    for base in [CURRENT, GUIDE] {
        let drafts = [
            double.draft("GET", &path(base)),
            double.draft("GET", &path(base)).basic(PUBLIC_KEY, "wrong"),
            double.draft("GET", &path(base)).basic("wrong", PRIVATE_KEY),
            double.draft("GET", &path(base)).basic(PRIVATE_KEY, PUBLIC_KEY),
            double.draft("GET", &path(base)).header("authorization", &format!("Bearer {TRACKING_TOKEN}")),
            double.draft("GET", &path(base)).header("authorization", "Basic !!!"),
            double.draft("GET", &path(base)).header("authorization", "Digest x"),
        ];
        for draft in drafts {
            let reply = draft.send().await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
            assert!(!reply.refusal().is_empty());
        }
        for (user, password) in [(PUBLIC_KEY, PRIVATE_KEY), (TEST_PUBLIC_KEY, TEST_PRIVATE_KEY)] {
            assert_eq!(double.draft("GET", &path(base)).basic(user, password).send().await.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn a_conversion_takes_the_tracking_token_and_no_other_credential() {
    let double = Double::start().await;
    let body = json!({ "xid": double.click().await, "customer_key": "u_1" });
    let drafts = [
        double.draft("POST", XID).json(&body),
        double.api("POST", XID).json(&body),
        double.draft("POST", XID).header("authorization", "Bearer wrong").json(&body),
    ];
    for draft in drafts {
        assert_eq!(draft.send().await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(double.effect("conversion", "u_1").await.get("refused"), Some(&json!(3)));
}

#[tokio::test]
async fn credentials_can_be_changed_and_mended() {
    let double = Double::start().await;
    let xid = double.click().await;
    let attempt = async || double.conversion(&json!({ "xid": xid, "customer_key": "u_1" })).send().await.status;
    for (token, status) in [("rotated", StatusCode::UNAUTHORIZED), (TRACKING_TOKEN, StatusCode::OK)] {
        let change = json!({ "accept_credentials": { "tracking_token": token } });
        let settings = double.control("POST", "partnerstack/settings", &change).await;
        assert!(!settings.to_string().contains(token), "{settings}");
        assert_eq!(attempt().await, status);
    }
    double.control("POST", "partnerstack/settings", &json!({ "accept_credentials": { "private_key": "new" } })).await;
    assert_eq!(double.get(&format!("{CURRENT}/groups")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn bodies_must_be_json_objects_and_say_so() {
    let double = Double::start().await;
    let path = format!("{CURRENT}/customers");
    let body = json!({ "email": "a@b.example", "partner_key": "ada", "customer_key": "u_1" }).to_string();
    let drafts = [
        (double.api("POST", &path).body(body.clone()), "content-type"),
        (double.api("POST", &path).header("content-type", "text/plain").body(body.clone()), "content-type"),
        (
            double.api("POST", &path).header("content-type", "application/x-www-form-urlencoded").body("email=a"),
            "content-type",
        ),
        (double.api("POST", &path).header("content-type", "application/json"), "JSON object"),
        (double.api("POST", &path).header("content-type", "application/json").body("{\"email\":"), "JSON object"),
        (double.api("POST", &path).json(&json!(["email"])), "JSON object"),
    ];
    for (draft, named) in drafts {
        let reply = draft.send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert!(reply.refusal().contains(named), "{}", reply.refusal());
    }
    let charset = double.api("POST", &path).header("content-type", "Application/JSON; charset=utf-8").body(body);
    assert_eq!(charset.send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn bodies_over_a_mebibyte_are_refused_and_one_of_a_mebibyte_is_read() {
    let double = Double::start().await;
    for (size, status) in [(1024 * 1024, 400), (1024 * 1024 + 1, 413), (5 * 1024 * 1024, 413)] {
        let draft = double.api("POST", &format!("{CURRENT}/customers")).header("content-type", "application/json");
        let reply = draft.body(" ".repeat(size)).send().await;
        assert_eq!(reply.status.as_u16(), status);
        assert!(!reply.refusal().is_empty());
    }
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_404_in_the_vendors_envelope() {
    let double = Double::start().await;
    let current = [
        ("GET", "/partners"),
        ("GET", "/partners/ada"),
        ("GET", "/groups/grp_affiliate"),
        ("PUT", "/customers/u_1"),
        ("GET", "/customers/"),
        ("GET", "/customers/a/b"),
        ("GET", "/customers/%zz"),
        ("GET", "/transactions/order_1"),
        ("POST", "/partnerlinks/conversion/xid"),
        ("GET", "/nothing"),
    ];
    let guide = [("PATCH", "/customers/u_1"), ("POST", "/conversion/xid"), ("GET", "/nothing")];
    let calls = current.map(|(method, path)| (method, format!("{CURRENT}{path}"))).into_iter();
    let calls = calls.chain(guide.map(|(method, path)| (method, format!("{GUIDE}{path}"))));
    let elsewhere = ["/partnerstack/api/v1/customers", "/partnerstack", "/partnerlinks/go", "/partnerlinks"];
    for (method, path) in calls.chain(elsewhere.map(|path| ("GET", path.to_owned()))) {
        let reply = double.api(method, &path).send().await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method} {path}");
        assert!(reply.refusal().contains("not found"), "{method} {path}");
    }
    assert_eq!(double.draft("GET", "/elsewhere/v1").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_conversion_is_held_to_its_types_lengths_and_fields() {
    let double = Double::start().await;
    let good = json!({ "xid": double.click().await, "customer_key": "u_1", "email": "a@b.example", "name": "Ada" });
    let cases = [
        ("xid", Value::Null),
        ("xid", json!(1)),
        ("xid", json!("")),
        ("customer_key", Value::Null),
        ("customer_key", json!("")),
        ("customer_key", json!(7)),
        ("customer_key", long(256)),
        ("email", json!("")),
        ("email", json!("a@b")),
        ("email", address(256)),
        ("email", json!(0)),
        ("name", json!("")),
        ("name", long(101)),
        ("provider_key", json!("")),
        ("origin", json!("")),
        ("ip_address", json!(1)),
        ("user_agent", json!("")),
        ("external_type", json!([])),
        ("sub_ids", json!("a")),
        ("sub_ids", json!([1])),
        ("meta", json!([])),
        ("meta", json!("x")),
        ("partner_key", json!("ada")),
        ("xID", json!("x")),
    ];
    check(&double, |body| double.conversion(body), &good, &cases).await;
    let explicit = json!({ "xid": "x", "customer_key": "u_1", "email": null });
    assert!(double.conversion(&explicit).send().await.refusal().contains("email"));
    let reply = double.conversion(&with(&good, "email", &address(255))).send().await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(double.effect("conversion", "u_1").await.get("effects"), Some(&json!(1)));
}

#[tokio::test]
async fn a_customer_is_held_to_its_types_lengths_and_fields() {
    let double = Double::start().await;
    let good = json!({ "email": "a@b.example", "partner_key": "ada", "customer_key": "u_1" });
    let cases = [
        ("email", Value::Null),
        ("email", json!("a@b")),
        ("email", address(256)),
        ("email", json!("nobody")),
        ("email", json!("nobody@")),
        ("email", json!("@example.com")),
        ("partner_key", Value::Null),
        ("partner_key", json!("nobody")),
        // Null is a value there, nothing is not (reference/post_v2-customers-1).
        ("customer_key", Value::Null),
        ("customer_key", json!("")),
        ("name", long(101)),
        ("name", json!("")),
        ("provider_key", json!(1)),
        ("member_key", json!("")),
        ("meta", json!(1)),
        ("xid", json!("abc")),
        ("metadata", json!({})),
    ];
    let path = format!("{CURRENT}/customers");
    check(&double, |body| double.api("POST", &path).json(body), &good, &cases).await;
    double.post(&path, &good).await.data();
    let cases = [
        ("email", json!("")),
        ("name", long(101)),
        ("customer_key", json!("u_2")),
        ("partner_key", json!("grace")),
        ("meta", json!("x")),
    ];
    let path = format!("{CURRENT}/customers/u_1");
    check(&double, |body| double.api("PATCH", &path).json(body), &json!({}), &cases).await;
}

#[tokio::test]
async fn a_transaction_is_held_to_its_types_lengths_and_limits() {
    let double = Double::start().await;
    let customer = json!({ "email": "a@b.example", "partner_key": "ada", "customer_key": "u_1" });
    double.post(&format!("{CURRENT}/customers"), &customer).await.data();
    let good = json!({ "customer_external_key": "u_1", "amount": 100, "currency": "USD" });
    let metadata = |name: usize, value: usize| json!({ "x".repeat(name): "y".repeat(value) });
    let entries = |count: usize| Value::Object((0..count).map(|n| (n.to_string(), json!("y"))).collect());
    let cases = [
        ("amount", Value::Null),
        ("amount", json!("100")),
        ("amount", json!(1.5)),
        ("amount", json!(50_000_000_001_i64)),
        ("amount", json!(-50_000_000_001_i64)),
        ("currency", Value::Null),
        ("currency", json!("US")),
        ("currency", json!("US1")),
        ("currency", json!(840)),
        ("key", json!("abc")),
        ("key", long(256)),
        ("category_key", json!("")),
        ("product_key", json!(1)),
        ("metadata", entries(26)),
        ("metadata", metadata(31, 1)),
        ("metadata", metadata(1, 101)),
        ("metadata", json!({ "a": 1 })),
        ("created_at", json!("2026-01-01")),
        ("created_at", json!(-1)),
        ("test", json!("no")),
        ("test", json!(true)),
        ("customer_external_key", Value::Null),
        ("customer_key", json!("cus_x")),
        ("customer_email", json!("a@b.example")),
        ("status", json!("pending")),
    ];
    let path = format!("{CURRENT}/transactions");
    let send = |body: &Value| double.api("POST", &path).json(body);
    check(&double, send, &good, &cases).await;
    let explicit = json!({ "customer_external_key": "u_1", "amount": null, "currency": "USD" });
    assert!(double.post(&path, &explicit).await.refusal().contains("amount"));
    for amount in [0, -50_000_000_000_i64, 50_000_000_000] {
        let full = with(&with(&good, "metadata", &entries(25)), "amount", &json!(amount));
        assert_eq!(double.post(&path, &full).await.data().get("amount"), Some(&json!(amount)));
    }
    double.post(&path, &with(&good, "metadata", &metadata(30, 100))).await.data();
}

#[tokio::test]
async fn an_action_needs_its_four_fields_and_names_the_first_that_lacks() {
    let double = Double::start().await;
    let good = json!({ "type": "demo_booked", "value": 1, "target_type": "partnership", "target_key": "ada" });
    let cases = [
        ("type", Value::Null),
        ("value", Value::Null),
        ("value", json!(0)),
        ("value", json!("1")),
        ("target_type", Value::Null),
        ("target_type", json!("partner")),
        ("target_key", Value::Null),
        ("customer_key", json!("u_1")),
    ];
    let path = format!("{CURRENT}/actions");
    check(&double, |body| double.api("POST", &path).json(body), &good, &cases).await;
    // The one mistake that was measured at the vendor, in its words.
    let measured = json!({ "type": "demo_booked", "value": 1, "customer_key": "u_1" });
    assert_eq!(double.post(&path, &measured).await.refusal(), "'target_type' is a required property");
}

#[tokio::test]
async fn a_partnership_is_held_to_its_types_lengths_and_fields() {
    let double = Double::start().await;
    let path = format!("{CURRENT}/partnerships");
    let good = json!({ "email": "new@partners.example", "group_key": "grp_agency" });
    let cases = [
        ("email", Value::Null),
        ("email", json!("ada@partners.example")),
        ("group_key", json!("grp_nothing")),
        ("partner_key", json!("ada")),
        ("partner_key", json!("Upper")),
        ("partner_key", json!("with space")),
        ("partner_key", json!("dash-ed")),
        ("first_name", long(51)),
        ("last_name", long(51)),
        ("name", json!("Ada")),
    ];
    check(&double, |body| double.api("POST", &path).json(body), &good, &cases).await;
    let ada = double.get(&format!("{path}/ada")).await.data();
    let path = format!("{path}/{}", ada.get("key").and_then(Value::as_str).unwrap_or_default());
    // Seed 002: only the partner can change name and e-mail.
    let cases = [
        ("email", json!("new@partners.example")),
        ("first_name", json!("Eve")),
        ("partner_key", json!("grace")),
        ("group_key", json!("grp_nothing")),
    ];
    check(&double, |body| double.api("PATCH", &path).json(body), &json!({}), &cases).await;
}

#[tokio::test]
async fn the_guides_bodies_are_held_to_the_seed() {
    let double = Double::start().await;
    let customers = format!("{GUIDE}/customers");
    let good = json!({ "customer_key": "cust_001", "email": "user@example.com", "partner_key": "ada" });
    let cases = [
        ("customer_key", Value::Null),
        ("email", Value::Null),
        ("email", json!("")),
        ("partner_key", json!("nobody")),
        ("partner_key", json!("")),
        ("name", json!("")),
        ("metadata", json!("x")),
        ("group_key", json!("grp_nothing")),
        ("external_key", json!("crm-1")),
        ("updated_at", json!(1_700_000_000)),
        ("created_at", json!(1_700_000_000)),
        ("xid", json!("abc")),
        ("meta", json!({})),
    ];
    let other = json!({ "customer_key": "cust_000", "email": "b@example.com", "external_key": "crm-1" });
    double.post(&customers, &other).await.data();
    check(&double, |body| double.api("POST", &customers).json(body), &good, &cases).await;
    double.post(&customers, &good).await.data();
    let path = format!("{customers}/cust_001");
    let cases = [
        ("customer_key", json!("other")),
        ("partner_key", json!("grace")),
        ("email", json!("a")),
        ("email", json!("b@example.com")),
        ("external_key", json!("crm-1")),
        ("group_key", json!("grp_nothing")),
        ("updated_at", json!(1_700_000_000)),
        ("meta", json!({})),
    ];
    check(&double, |body| double.api("PUT", &path).json(body), &json!({}), &cases).await;

    let transactions = format!("{GUIDE}/transactions");
    let good = json!({ "customer_key": "cust_001", "amount": 9900, "currency": "usd" });
    let cases = [
        ("customer_key", Value::Null),
        ("amount", json!(99.0)),
        ("currency", json!("dollars")),
        ("customer_external_key", json!("cust_001")),
        ("key", json!("order_1")),
    ];
    check(&double, |body| double.api("POST", &transactions).json(body), &good, &cases).await;
}
