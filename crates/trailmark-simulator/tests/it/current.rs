//! Dialect `current`: what good calls do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{TEST_PRIVATE_KEY, TEST_PUBLIC_KEY};

use crate::client::{CURRENT, Double};

async fn create_customer(double: &Double, key: &str) -> Value {
    let email = format!("{key}@example.com");
    let body =
        json!({ "email": email, "partner_key": "ada", "customer_key": key, "name": "Ada", "meta": { "plan": "pro" } });
    double.post(&format!("{CURRENT}/customers"), &body).await.data()
}

fn now_ms(clock: &Value) -> i64 {
    clock["now_ms"].as_i64().unwrap()
}

#[tokio::test]
async fn answers_come_in_the_success_envelope_with_times_in_milliseconds() {
    let double = Double::start().await;
    let before = now_ms(&double.control("GET", "clock", &Value::Null).await);
    let body = json!({ "email": "a@b.example", "partner_key": "ada", "customer_key": null });
    let reply = double.post(&format!("{CURRENT}/customers"), &body).await;
    let envelope = reply.value();
    assert_eq!((&envelope["status"], envelope["message"].is_string()), (&json!(200), true));
    assert_eq!(envelope.as_object().unwrap().len(), 3);
    assert!((before..before + 60_000).contains(&envelope["data"]["created_at"].as_i64().unwrap()));
    assert_eq!(envelope["data"]["customer_key"], Value::Null);
}

#[tokio::test]
async fn a_customer_is_created_read_changed_and_deleted() {
    let double = Double::start().await;
    let created = create_customer(&double, "u/1 é").await;
    let path = format!("{CURRENT}/customers/u%2F1%20%C3%A9");
    assert_eq!(double.get(&path).await.data(), created);
    let own = format!("{CURRENT}/customers/{}", created["key"].as_str().unwrap());
    assert_eq!(double.get(&own).await.data(), created);

    double.advance(1_000).await;
    let changed = double.api("PATCH", &path).json(&json!({ "name": "Countess" })).send().await.data();
    assert_eq!((&changed["name"], &changed["email"]), (&json!("Countess"), &created["email"]));
    assert_eq!(changed["mdata"], json!({ "plan": "pro" }));
    assert!(changed["updated_at"].as_i64() > created["updated_at"].as_i64());

    assert_eq!(double.api("DELETE", &path).send().await.status, StatusCode::OK);
    for method in ["GET", "DELETE"] {
        assert_eq!(double.api(method, &path).send().await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(double.get(&own).await.status, StatusCode::NOT_FOUND);
    assert_eq!(double.state().await["customers"][0]["deleted"], true);
}

#[tokio::test]
async fn a_customer_by_api_has_no_click_and_is_seen_at_once() {
    let double = Double::start().await;
    create_customer(&double, "u_1").await;
    let customer = &double.state().await["customers"][0];
    assert_eq!((&customer["xid"], &customer["visible"]), (&Value::Null, &json!(true)));
    assert_eq!(customer["partner_key"], "ada");
}

#[tokio::test]
async fn a_customer_key_that_is_taken_is_refused_whoever_took_it() {
    let double = Double::start().await;
    create_customer(&double, "u_1").await;
    double.conversion(&json!({ "xid": double.click().await, "customer_key": "u_2" })).send().await;
    for key in ["u_1", "u_2"] {
        let body = json!({ "email": "other@example.com", "partner_key": "grace", "customer_key": key });
        let reply = double.post(&format!("{CURRENT}/customers"), &body).await;
        assert_eq!((reply.status, reply.refusal().as_str()), (StatusCode::BAD_REQUEST, "customer already exists"));
    }
    // And the other way round: a conversion for a customer that exists changes nothing.
    double.conversion(&json!({ "xid": double.click().await, "customer_key": "u_1" })).send().await;
    assert_eq!(double.effect("conversion", "u_1").await["effects"], 0);
}

#[tokio::test]
async fn a_partnership_is_found_by_partner_key_partnership_key_and_email() {
    let double = Double::start().await;
    let ada = double.get(&format!("{CURRENT}/partnerships/ada")).await.data();
    assert_eq!(ada["group"]["name"], "Affiliate Program");
    assert!(ada["key"].as_str().unwrap().starts_with("part_"));
    for identifier in [ada["key"].as_str().unwrap(), "ada@partners.example", "ada%40partners.example"] {
        assert_eq!(double.get(&format!("{CURRENT}/partnerships/{identifier}")).await.data(), ada);
    }
    let reply = double.get(&format!("{CURRENT}/partnerships/nobody")).await;
    assert_eq!((reply.status, reply.refusal().as_str()), (StatusCode::NOT_FOUND, "partnership not found"));
}

#[tokio::test]
async fn a_partnership_is_created_changed_and_archived_and_comes_back_as_another() {
    let double = Double::start().await;
    let path = format!("{CURRENT}/partnerships");
    let body = json!({
        "email": "new@partners.example", "group_key": "grp_agency", "first_name": "Mary Ann", "last_name": "O'Neil",
    });
    let created = double.post(&path, &body).await.data();
    assert_eq!((&created["partner_key"], &created["claimed"]), (&json!("maryannoneil"), &json!(false)));
    let own = format!("{path}/{}", created["key"].as_str().unwrap());

    let change = json!({ "partner_key": "maryann", "group_key": "grp_reseller" });
    let changed = double.api("PATCH", &own).json(&change).send().await.data();
    assert_eq!((&changed["partner_key"], &changed["group"]["key"]), (&json!("maryann"), &json!("grp_reseller")));
    assert_eq!(double.api("PATCH", &own).json(&change).send().await.status, StatusCode::OK);
    let by_partner_key = double.api("PATCH", &format!("{path}/maryann")).json(&change).send().await;
    assert_eq!(by_partner_key.status, StatusCode::NOT_FOUND);

    assert_eq!(double.api("DELETE", &own).send().await.status, StatusCode::OK);
    assert_eq!(double.get(&own).await.status, StatusCode::NOT_FOUND);
    assert_eq!(double.get(&format!("{path}?limit=250")).await.data()["items"].as_array().unwrap().len(), 64);
    let again = double.post(&path, &body).await.data();
    assert_ne!(again["key"], created["key"]);
    let namesake = json!({ "email": "ann@partners.example", "group_key": "grp_agency", "first_name": "Mary", "last_name": "Annoneil" });
    assert_eq!(double.post(&path, &namesake).await.data()["partner_key"], "maryannoneil2");
}

#[tokio::test]
async fn a_partnership_needs_an_address_alone() {
    let double = Double::start().await;
    let created = double.post(&format!("{CURRENT}/partnerships"), &json!({ "email": "kim@partners.example" })).await;
    assert_eq!(created.data()["group"]["key"], "grp_affiliate");
}

#[tokio::test]
async fn a_transaction_names_its_customer_in_one_of_three_ways() {
    let double = Double::start().await;
    let customer = create_customer(&double, "u_1").await;
    let path = format!("{CURRENT}/transactions");
    let references = [
        ("customer_key", customer["key"].clone(), 200),
        ("customer_external_key", json!("u_1"), 200),
        ("customer_email", json!("u_1@example.com"), 200),
        // The trap of vendors.md § 1.2: this field means PartnerStack's own key now.
        ("customer_key", json!("u_1"), 404),
        ("customer_external_key", customer["key"].clone(), 404),
        ("customer_email", json!("nobody@example.com"), 404),
    ];
    for (field, value, status) in references {
        let body = json!({ field: value, "amount": -250, "currency": "jpy" });
        let reply = double.post(&path, &body).await;
        assert_eq!(reply.status.as_u16(), status, "{body}");
        if status == 200 {
            let transaction = reply.data();
            assert_eq!((&transaction["customer_key"], &transaction["amount"]), (&customer["key"], &json!(-250)));
            assert_eq!(transaction["customer"]["external_key"], "u_1");
        }
    }
}

#[tokio::test]
async fn a_transaction_is_shown_with_the_members_that_the_vendors_own_answers_have() {
    // airbytehq/airbyte, source-partnerstack, schema `transactions`: no other member names the customer.
    let double = Double::start().await;
    let customer = create_customer(&double, "u_1").await;
    let body = json!({ "customer_external_key": "u_1", "amount": 100, "currency": "KWD", "key": "order_1" });
    let made = double.post(&format!("{CURRENT}/transactions"), &body).await.data();
    let named = json!({ "key": customer["key"], "external_key": "u_1", "email": customer["email"] });
    assert_eq!((&made["customer"], &made["archived"]), (&named, &json!(false)));
    assert_eq!((made.get("customer_external_key"), made.get("customer_email"), made.get("status")), (None, None, None));
    assert_eq!(double.get(&format!("{CURRENT}/transactions")).await.data()["items"], json!([made]));
}

#[tokio::test]
async fn null_stands_where_the_reference_says_so_and_nowhere_else() {
    // reference/post_v2-customers-1, post_v2-transactions, post_v2-actions-1: `string | null`, `object | null`.
    let double = Double::start().await;
    let customers = format!("{CURRENT}/customers");
    let good = json!({ "email": "a@b.example", "partner_key": "ada", "customer_key": null, "provider_key": null });
    let customer = double.post(&customers, &good).await.data();
    assert_eq!((&customer["customer_key"], &customer["provider_key"]), (&Value::Null, &Value::Null));
    for field in ["email", "partner_key", "name", "member_key", "meta"] {
        let mut body = good.clone();
        body[field] = Value::Null;
        assert!(double.post(&customers, &body).await.refusal().contains(field), "{body}");
    }
    let action = json!({
        "type": "demo", "value": 1, "target_type": "partnership", "target_key": "ada", "external_key": null,
    });
    assert_eq!(double.post(&format!("{CURRENT}/actions"), &action).await.data()["external_key"], Value::Null);
    let transactions = format!("{CURRENT}/transactions");
    let good = json!({
        "customer_key": customer["key"], "amount": 1, "currency": "USD", "category_key": null, "product_key": null,
        "metadata": null, "member_key": null, "subscription_key": null,
    });
    assert_eq!(double.post(&transactions, &good).await.data()["metadata"], json!({}));
    for field in ["amount", "currency", "key", "created_at", "test", "customer_key"] {
        let mut body = good.clone();
        body[field] = Value::Null;
        assert!(double.post(&transactions, &body).await.refusal().contains(field), "{body}");
    }
}

#[tokio::test]
async fn sales_under_one_key_that_come_at_once_are_one_sale() {
    let double = Double::start().await;
    create_customer(&double, "u_1").await;
    let body = json!({ "customer_external_key": "u_1", "amount": 100, "currency": "USD", "key": "order_1" });
    let path = format!("{CURRENT}/transactions");
    let sent = (0..50).map(|_| tokio::spawn(double.api("POST", &path).json(&body).send()));
    let mut accepted = 0;
    for sent in sent.collect::<Vec<_>>() {
        accepted += u32::from(sent.await.unwrap().status == StatusCode::OK);
    }
    assert_eq!((accepted, double.state().await["transactions"].as_array().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_transaction_waits_until_its_customer_is_seen() {
    let double = Double::start().await;
    double.conversion(&json!({ "xid": double.click().await, "customer_key": "u_1" })).send().await;
    let body = json!({ "customer_external_key": "u_1", "amount": 100, "currency": "USD", "key": "order_1" });
    let path = format!("{CURRENT}/transactions");
    assert_eq!(double.post(&path, &body).await.status, StatusCode::NOT_FOUND);
    double.advance(360_000).await;
    assert_eq!(double.post(&path, &body).await.data()["key"], "order_1");
    assert_eq!(double.effect("transaction.create", "order_1").await["effects"], 1);
}

#[tokio::test]
async fn a_transaction_key_is_unique_until_it_is_deleted_and_a_missing_one_is_made_up() {
    let double = Double::start().await;
    create_customer(&double, "u_1").await;
    let path = format!("{CURRENT}/transactions");
    let body = json!({ "customer_external_key": "u_1", "amount": 100, "currency": "USD", "key": "order_1" });
    double.post(&path, &body).await.data();
    let reply = double.post(&path, &body).await;
    assert_eq!((reply.status, reply.refusal().as_str()), (StatusCode::BAD_REQUEST, "transaction already exists"));
    for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
        assert_eq!(double.api("DELETE", &format!("{path}/order_1")).send().await.status, status);
    }
    double.post(&path, &body).await.data();
    let unnamed = json!({ "customer_external_key": "u_1", "amount": 100, "currency": "USD" });
    let keys = [double.post(&path, &unnamed).await.data(), double.post(&path, &unnamed).await.data()];
    assert_ne!(keys[0]["key"], keys[1]["key"]);
    assert!(keys[0]["key"].as_str().unwrap().starts_with("txn_"));
}

#[tokio::test]
async fn an_action_for_somebody_unknown_is_accepted_and_does_nothing() {
    let double = Double::start().await;
    let own = create_customer(&double, "u_1").await["key"].as_str().unwrap().to_owned();
    // reference/post_v2-actions-1: the customer's key, or the partner's own.
    let cases = [
        ("customer", "u_1", 1),
        ("customer", "u_2", 0),
        ("customer", own.as_str(), 0),
        ("partnership", "ada", 1),
        ("partnership", "ada@partners.example", 0),
        ("partnership", "nobody", 0),
    ];
    for (target_type, target_key, effects) in cases {
        let body = json!({
            "type": "demo", "value": 3, "target_type": target_type, "target_key": target_key, "external_key": "lead_1",
        });
        let reply = double.post(&format!("{CURRENT}/actions"), &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{body}");
        assert_eq!(double.effect("action.create", target_key).await["effects"], effects, "{body}");
    }
    assert_eq!(double.state().await["actions"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_the_test_pair_makes_is_marked_and_takes_test_transactions() {
    let double = Double::start().await;
    let post = async |path: &str, body: Value| {
        let draft = double.draft("POST", &format!("{CURRENT}{path}")).basic(TEST_PUBLIC_KEY, TEST_PRIVATE_KEY);
        draft.json(&body).send().await.data()
    };
    let body = json!({ "email": "t@example.com", "partner_key": "ada", "customer_key": "t_1" });
    assert_eq!(post("/customers", body).await["test"], true);
    let body = json!({ "customer_external_key": "t_1", "amount": 1, "currency": "USD" });
    assert_eq!(post("/transactions", body).await["test"], true);
    assert_eq!(create_customer(&double, "u_1").await["test"], false);
}
