//! Dialect `guide`: the examples of seed 000, and what lies beyond them.

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::{CURRENT, Double, GUIDE};

async fn create_customer(double: &Double) -> Value {
    let body = json!({ "customer_key": "cust_001", "email": "user@example.com", "partner_key": "ada" });
    double.post(&format!("{GUIDE}/customers"), &body).await.value()
}

#[tokio::test]
async fn answers_hold_data_alone_and_times_are_seconds() {
    let double = Double::start().await;
    let now_ms = double.control("GET", "clock", &Value::Null).await["now_ms"].as_i64().unwrap();
    let envelope = create_customer(&double).await;
    assert_eq!(envelope.as_object().unwrap().keys().collect::<Vec<_>>(), ["data"]);
    let customer = &envelope["data"];
    assert_eq!((&customer["key"], &customer["partner_key"]), (&json!("cust_001"), &json!("ada")));
    assert_eq!(customer["email"], "user@example.com");
    assert!((0..60).contains(&(customer["created_at"].as_i64().unwrap() - now_ms / 1_000)));
}

#[tokio::test]
async fn a_customer_is_changed_by_put_and_keeps_what_was_left_out() {
    let double = Double::start().await;
    create_customer(&double).await;
    let path = format!("{GUIDE}/customers/cust_001");
    let change =
        json!({ "email": "newemail@example.com", "external_key": "x", "metadata": { "a": 1 }, "status": "inactive" });
    let changed = double.api("PUT", &path).json(&change).send().await.data();
    assert_eq!((&changed["key"], &changed["email"]), (&json!("cust_001"), &json!("newemail@example.com")));
    assert_eq!((&changed["external_key"], &changed["partner_key"]), (&json!("x"), &json!("ada")));
    assert_eq!((&changed["metadata"], &changed["status"]), (&json!({ "a": 1 }), &json!("inactive")));
    let named = double.api("PUT", &path).json(&json!({ "first_name": "Jane" })).send().await.data();
    assert_eq!((&named["first_name"], &named["email"]), (&json!("Jane"), &json!("newemail@example.com")));
    // "customer_key in the path is your external key, not a PartnerStack-generated key."
    let own = double.get(&path).await.data()["key"].as_str().unwrap().to_owned();
    for unknown in ["nobody", own.as_str()] {
        let reply = double.api("PUT", &format!("{GUIDE}/customers/{unknown}")).json(&change).send().await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{unknown}");
    }
}

#[tokio::test]
async fn a_customer_holds_every_field_of_the_seed_and_is_listed_with_them() {
    let double = Double::start().await;
    let body = json!({
        "customer_key": "cust_001", "email": "user@example.com", "name": "Jane Doe", "first_name": "Jane",
        "last_name": "Doe", "partner_key": "ada", "status": "inactive", "external_key": "crm-7",
        "metadata": { "plan": "team" }, "group_key": "grp_affiliate",
    });
    let made = double.post(&format!("{GUIDE}/customers"), &body).await.data();
    for (field, value) in body.as_object().unwrap() {
        let shown = if field == "customer_key" { "key" } else { field };
        assert_eq!(&made[shown], value, "{field}");
    }
    assert!(made["created_at"].is_i64() && made["updated_at"].is_i64());
    assert_eq!(double.get(&format!("{GUIDE}/customers")).await.data()["items"], json!([made]));
    let held = &double.control("GET", "state/partnerstack-guide", &Value::Null).await["customers"][0];
    assert_eq!((&held["external_key"], &held["status"]), (&json!("crm-7"), &json!("inactive")));
}

#[tokio::test]
async fn a_duplicate_customer_is_an_error_and_so_is_a_second_one_with_its_email() {
    let double = Double::start().await;
    create_customer(&double).await;
    let cases = [("cust_001", "user@example.com"), ("cust_001", "b@example.com"), ("cust_002", "user@example.com")];
    for (key, email) in cases {
        let body = json!({ "customer_key": key, "email": email });
        let reply = double.post(&format!("{GUIDE}/customers"), &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let organic = json!({ "customer_key": "cust_002", "email": "b@example.com" });
    assert_eq!(double.post(&format!("{GUIDE}/customers"), &organic).await.data()["partner_key"], Value::Null);
    let effects = double.control("GET", "effects?vendor=partnerstack-guide&key=cust_001", &Value::Null).await;
    let tally = &effects["effects"][0];
    assert_eq!((&tally["received"], &tally["effects"], &tally["refused"]), (&json!(3), &json!(1), &json!(2)));
}

#[tokio::test]
async fn a_transaction_takes_ones_own_customer_key_and_starts_pending() {
    let double = Double::start().await;
    create_customer(&double).await;
    let path = format!("{GUIDE}/transactions");
    let body = json!({ "customer_key": "cust_001", "amount": 9900, "currency": "usd" });
    let transaction = double.post(&path, &body).await.data();
    assert!(transaction["key"].as_str().unwrap().starts_with("txn_"));
    assert_eq!((&transaction["customer_key"], &transaction["status"]), (&json!("cust_001"), &json!("pending")));
    assert_eq!(transaction["amount"], 9900);
    let own = double.get(&format!("{GUIDE}/customers/cust_001")).await.data()["key"].clone();
    for unknown in [json!("nobody"), own] {
        let body = json!({ "customer_key": unknown, "amount": 1, "currency": "usd" });
        assert_eq!(double.post(&path, &body).await.status, StatusCode::NOT_FOUND, "{body}");
    }
    // Nothing tells two equal ones apart, so both count.
    double.post(&path, &body).await.data();
    let tally = double.effect("transaction.create", "cust_001").await;
    assert_eq!(tally["effects"], 2);
}

#[tokio::test]
async fn a_partner_is_read_by_key_and_not_by_email() {
    let double = Double::start().await;
    let ada = double.get(&format!("{GUIDE}/partners/ada")).await.data();
    assert_eq!((&ada["key"], &ada["name"], &ada["status"]), (&json!("ada"), &json!("Ada Ahlberg"), &json!("active")));
    for other in ["ada@partners.example", "nobody"] {
        assert_eq!(double.get(&format!("{GUIDE}/partners/{other}")).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_group_is_read_by_key() {
    let double = Double::start().await;
    let group = double.get(&format!("{GUIDE}/groups/grp_affiliate")).await.data();
    assert_eq!(group, json!({ "key": "grp_affiliate", "name": "Affiliate Program", "slug": "affiliate" }));
    assert_eq!(double.get(&format!("{GUIDE}/groups/grp_nothing")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_dialects_keep_separate_accounts() {
    let double = Double::start().await;
    create_customer(&double).await;
    assert_eq!(double.get(&format!("{CURRENT}/customers/cust_001")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(double.state().await["customers"], json!([]));
    let guide = double.control("GET", "state/partnerstack-guide", &Value::Null).await;
    assert_eq!(guide["customers"][0]["customer_key"], "cust_001");
}

#[tokio::test]
async fn where_the_seed_is_silent_the_call_is_spoken_as_in_current() {
    let double = Double::start().await;
    create_customer(&double).await;
    let customer = double.get(&format!("{GUIDE}/customers/cust_001")).await;
    assert_eq!(customer.value()["status"], 200);
    assert_eq!(customer.data()["customer_key"], "cust_001");
    assert_eq!(double.get(&format!("{GUIDE}/groups")).await.data()["items"].as_array().unwrap().len(), 3);
    let deleted = double.api("DELETE", &format!("{GUIDE}/customers/cust_001")).send().await;
    assert_eq!(deleted.status, StatusCode::OK);
}
