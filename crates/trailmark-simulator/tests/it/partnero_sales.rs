//! Partnero: customers and transactions, what they earn, and for nobody (vendors-2.md § 3).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use crate::client::Double;
use crate::partnero::{data, done, get, refusal, refused, send, settings, state};

async fn customer(double: &Double, key: &str) -> Value {
    let body = json!({ "key": key, "partner": { "key": "amiraito" }, "email": format!("{key}@customers.example") });
    data(&send(double, "POST", "customers", &body).await, 201)
}

async fn sale(double: &Double, body: Value) -> Value {
    data(&send(double, "POST", "transactions", &body).await, 201)
}

/// A sale of 10 by customer `u_1` with this key.
async fn sold(double: &Double, key: &str) -> Value {
    sale(double, json!({ "key": key, "amount": 10, "customer": { "key": "u_1" } })).await
}

async fn listed(double: &Double, query: &str) -> Vec<Value> {
    get(double, &format!("transactions?{query}")).await.value()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_customer_belongs_to_a_partner_who_is_named_by_the_id() {
    let double = Double::start().await;
    for (key, partner) in [
        ("u_1", json!({ "key": "amiraito" })),
        ("u_2", json!({ "id": "partner_1" })),
        ("u_3", json!({ "email": "amiraito@partners.example" })),
    ] {
        let body = json!({
            "key": key, "partner": partner, "email": "c@customers.example", "name": "C", "surname": "D", "tags": ["t"],
            "options": { "referral_url": "http://127.0.0.1:8787/?aff=amiraito" },
        });
        let made = data(&send(&double, "POST", "customers", &body).await, 201);
        let names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = "key partner name surname email status deleted created_at updated_at deleted_at tags".split(' ');
        assert_eq!(names, expected.collect::<Vec<_>>());
        assert_eq!((&made["partner"], &made["status"]), (&json!("partner_1"), &json!("active")));
        assert_eq!(data(&get(&double, &format!("customers/{key}")).await, 200), made);
    }
    assert_eq!(data(&get(&double, "partners/partner_1").await, 200)["referrals_count"], 3);
}

#[tokio::test]
async fn a_customer_without_a_working_partner_is_400_and_a_taken_key_422() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    double.control("POST", "partnero/partners/partner_2/archive", &json!({})).await;
    double.control("POST", "partnero/partners/partner_3/reject", &json!({})).await;
    // The ninth waits for approval.
    for id in ["nobody", "partner_2", "partner_3", "partner_9"] {
        let body = json!({ "key": "u_2", "partner": { "id": id } });
        let refused = refused(&send(&double, "POST", "customers", &body).await);
        assert_eq!(refused, refusal(400, "Partner not found", None), "{id}");
    }
    let cases = [
        (json!({ "key": "u_1", "partner": { "id": "partner_1" } }), "key", "Key already exists"),
        (json!({ "key": "u_2" }), "partner", "partner is required"),
        (json!({ "partner": { "id": "partner_1" } }), "key", "key is required"),
        (
            json!({ "key": "u_2", "email": "x", "partner": { "id": "partner_1" } }),
            "email",
            "email must be an e-mail address",
        ),
        (
            json!({ "key": "u_2", "referring_customer": { "key": "u_1" }, "partner": { "id": "partner_1" } }),
            "referring_customer",
            "referring_customer is not a known field",
        ),
    ];
    for (body, field, message) in cases {
        let refused = refused(&send(&double, "POST", "customers", &body).await);
        assert_eq!(refused, refusal(422, message, Some(field)));
    }
    assert_eq!(state(&double).await["customers"].as_array().unwrap().len(), 1);
    double.control("POST", "partnero/partners/partner_9/approve", &json!({})).await;
    data(&send(&double, "POST", "customers", &json!({ "key": "u_2", "partner": { "id": "partner_9" } })).await, 201);
}

#[tokio::test]
async fn a_customer_is_found_changed_archived_and_deleted_for_good() {
    let double = Double::start().await;
    let made = customer(&double, "u/1 é").await;
    let own = "customers/u%2F1%20%C3%A9";
    for path in [own, "customers:search?key=u%2F1%20%C3%A9"] {
        assert_eq!(data(&get(&double, path).await, 200), made, "{path}");
    }
    assert_eq!(refused(&get(&double, "customers:search?id=u_1").await).0, 404);
    let change = json!({ "update": { "email": "n@customers.example", "name": null, "key": "u_2" } });
    let changed = data(&send(&double, "PUT", own, &change).await, 200);
    assert_eq!((&changed["email"], &changed["key"]), (&json!("n@customers.example"), &json!("u_2")));
    assert_eq!(refused(&get(&double, own).await).0, 404);
    assert_eq!(data(&get(&double, "customers/n%40customers.example").await, 200), changed);
    settings(&double, json!({ "node_forms": false })).await;
    assert_eq!(refused(&get(&double, "customers/n%40customers.example").await).0, 404);

    let post = async |word: &str| send(&double, "POST", &format!("customers/u_2/{word}"), &Value::Null).await;
    done(&post("archive").await);
    assert_eq!(refused(&post("archive").await).0, 400);
    let body = json!({ "amount": 1, "customer": { "key": "u_2" } });
    let archived = refused(&send(&double, "POST", "transactions", &body).await);
    assert_eq!(archived, refusal(400, "customer is archived", None));
    done(&post("revoke-archive").await);
    done(&send(&double, "DELETE", "customers/u_2", &Value::Null).await);
    assert_eq!(refused(&send(&double, "DELETE", "customers/u_2", &Value::Null).await).0, 404);
    assert_eq!(refused(&get(&double, "customers/u_2").await).0, 404);
    let again = json!({ "key": "u_2", "partner": { "id": "partner_1" } });
    assert_eq!(refused(&send(&double, "POST", "customers", &again).await).0, 422);
}

#[tokio::test]
async fn a_sale_earns_thirty_percent_with_every_decimal() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    let cases = [
        (json!(99.99), "EUR", json!(29.997)),
        (json!(1000), "JPY", json!(300)),
        (json!(1.234), "KWD", json!(0.3702)),
        (json!(9_999_999_999.99), "usd", json!(2_999_999_999.997)),
    ];
    for (place, (amount, currency, earned)) in cases.into_iter().enumerate() {
        let body = json!({
            "key": format!("order_{place}"), "amount": amount, "amount_units": currency, "created_at": 1_735_689_600,
            "customer": { "email": "u_1@customers.example" }, "product_id": "sku", "product_type": "plan",
        });
        let made = sale(&double, body).await;
        assert_eq!((&made["amount"], &made["amount_units"]), (&amount, &json!(currency)));
        assert_eq!((&made["customer"], &made["partner"]), (&json!("u_1"), &json!("partner_1")));
        assert_eq!((&made["action"], &made["created_at"]), (&json!("sale"), &json!("2025-01-01T00:00:00.000000Z")));
        assert_eq!((&made["rewards"][0]["amount"], &made["rewards"][0]["status"]), (&earned, &json!("ok")));
        assert_eq!(data(&get(&double, &format!("transactions/order_{place}")).await, 200), made);
    }
    let given = sale(&double, json!({ "reward": 5.5, "customer": { "key": "u_1" } })).await;
    assert_eq!((&given["amount"], &given["rewards"][0]["amount"]), (&Value::Null, &json!(5.5)));
    assert_eq!(given["amount_units"], "USD");
    for flag in [json!({ "rewarded": true }), json!({ "rewardable": false })] {
        let mut body = json!({ "amount": 1, "customer": { "key": "u_1" } });
        body.as_object_mut().unwrap().extend(flag.as_object().unwrap().clone());
        assert_eq!(sale(&double, body).await["rewards"], json!([]), "{flag}");
    }
}

#[tokio::test]
async fn no_answer_shows_the_product_of_a_sale_which_the_control_view_keeps() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    let body = json!({
        "key": "order_1", "amount": 10, "customer": { "key": "u_1" }, "product_id": "sku", "product_type": "plan",
    });
    let made = sale(&double, body).await;
    assert_eq!((made.get("product_id"), made.get("product_type")), (None, None));
    let kept = &state(&double).await["transactions"][0];
    assert_eq!((&kept["product_id"], &kept["product_type"]), (&json!("sku"), &json!("plan")));
}

#[tokio::test]
async fn an_amount_that_no_document_shows_is_refused_by_its_name() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    let create = async |fields: Value| {
        let mut body = json!({ "customer": { "key": "u_1" } });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        send(&double, "POST", "transactions", &body).await
    };
    let cases = [
        ("amount", json!({})),
        ("amount", json!({ "amount": 1, "reward": 1 })),
        ("amount", json!({ "amount": "1.00" })),
        ("amount", json!({ "amount": 0 })),
        ("amount", json!({ "amount": -1 })),
        ("amount", json!({ "amount": 0.1 + 0.2 })),
        ("amount", json!({ "amount": 1e20 })),
        ("amount", json!({ "amount": null })),
        ("amount_units", json!({ "amount": 1, "amount_units": "EURO" })),
        ("created_at", json!({ "amount": 1, "created_at": 1_735_689_600_000_i64 })),
        ("created_at", json!({ "amount": 1, "created_at": "2025-01-01T00:00:00Z" })),
        ("product_id", json!({ "amount": 1, "product_id": ["sku"] })),
        ("currency", json!({ "amount": 1, "currency": "EUR" })),
        ("customer", json!({ "amount": 1, "customer": { "key": "u_1", "id": "u_1" } })),
        ("customer", json!({ "amount": 1, "customer": {} })),
    ];
    for (field, fields) in cases {
        let (status, _, named) = refused(&create(fields.clone()).await);
        assert_eq!((status, named.as_deref()), (422, Some(field)), "{fields}");
    }
    assert_eq!(listed(&double, "").await.len(), 0);
    data(&create(json!({ "amount": 1, "discount_amount": 0.5, "discount_code": "X" })).await, 201);
    settings(&double, json!({ "old_forms": true, "node_forms": false })).await;
    assert_eq!(data(&create(json!({ "amount": "1.50" })).await, 201)["amount"], 1.5);
    assert_eq!(refused(&create(json!({ "amount": 1, "discount_code": "X" })).await).0, 422);
}

#[tokio::test]
async fn the_same_key_again_is_a_second_sale_with_a_second_commission() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    let (first, second) = (sold(&double, "order_1").await, sold(&double, "order_1").await);
    assert_ne!(first["rewards"][0]["key"], second["rewards"][0]["key"]);
    sold(&double, "order_2").await;
    assert_eq!(listed(&double, "key=order_1").await.len(), 2);
    assert_eq!(double.effect("transaction.create", "order_1").await["effects"], 2);
    for (method, path) in [("GET", "transactions/order_1"), ("DELETE", "transactions/order_1")] {
        let refused = refused(&send(&double, method, path, &Value::Null).await);
        assert_eq!(refused, refusal(400, "key names several transactions", None));
    }
    settings(&double, json!({ "unique_transaction_keys": true })).await;
    let body = json!({ "key": "order_1", "amount": 10, "customer": { "key": "u_1" } });
    let taken = refused(&send(&double, "POST", "transactions", &body).await);
    assert_eq!(taken, refusal(422, "Key already exists", Some("key")));
}

#[tokio::test]
async fn a_sale_of_nobody_is_refused_or_recorded_for_nobody_as_the_setting_says() {
    let double = Double::start().await;
    let body = json!({ "key": "order_1", "amount": 10, "customer": { "key": "nobody" } });
    assert_eq!(refused(&send(&double, "POST", "transactions", &body).await), refusal(404, "customer not found", None));
    settings(&double, json!({ "orphan_sales": true })).await;
    let made = sale(&double, body).await;
    assert_eq!((&made["customer"], &made["partner"], &made["rewards"]), (&Value::Null, &Value::Null, &json!([])));
}

#[tokio::test]
async fn a_sale_that_makes_its_customer_swallows_an_unknown_partner() {
    let double = Double::start().await;
    let body = |key: &str, partner: Value| {
        let customer = json!({ "key": key, "email": "c@customers.example", "partner": partner });
        json!({ "amount": 10, "customer": customer, "options": { "create_customer": true } })
    };
    let good = sale(&double, body("u_1", json!({ "key": "amiraito" }))).await;
    assert_eq!((&good["customer"], &good["partner"]), (&json!("u_1"), &json!("partner_1")));
    assert_eq!(sale(&double, body("u_1", json!({ "key": "belaito" }))).await["partner"], "partner_1", "whose it was");
    let lost = sale(&double, body("u_2", json!({ "key": "nobody" }))).await;
    assert_eq!((&lost["customer"], &lost["partner"], &lost["rewards"]), (&json!("u_2"), &Value::Null, &json!([])));
    let without = json!({ "amount": 10, "customer": { "key": "u_3" }, "options": { "create_customer": true } });
    let without = refused(&send(&double, "POST", "transactions", &without).await);
    assert_eq!(without, refusal(422, "customer.partner is required", Some("customer.partner")));
    settings(&double, json!({ "orphan_customers": false })).await;
    let strict = send(&double, "POST", "transactions", &body("u_3", json!({ "key": "nobody" }))).await;
    assert_eq!(refused(&strict), refusal(400, "Partner not found", None));
    assert_eq!(state(&double).await["customers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    let good = json!([{ "key": "order_1", "amount": 1 }, { "key": "order_2", "amount": 2, "action": "renewal" }]);
    done(&send(&double, "POST", "transactions", &json!({ "customer": { "key": "u_1" }, "transactions": good })).await);
    assert_eq!(listed(&double, "").await.len(), 2);
    assert_eq!(double.effect("transaction.create", "u_1").await["effects"], 2);
    let bad = json!([{ "key": "order_3", "amount": 1 }, { "key": "order_4", "amount": "x" }]);
    let bad =
        send(&double, "POST", "transactions", &json!({ "customer": { "key": "u_1" }, "transactions": bad })).await;
    let (status, _, field) = refused(&bad);
    assert_eq!((status, field.as_deref(), listed(&double, "").await.len()), (422, Some("transactions.1.amount"), 2));
    let empty =
        send(&double, "POST", "transactions", &json!({ "customer": { "key": "u_1" }, "transactions": [] })).await;
    assert_eq!(refused(&empty).0, 422);
}

#[tokio::test]
async fn an_archived_sale_loses_its_reward_and_a_deleted_one_is_gone() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    let made = sold(&double, "order_1").await;
    let post =
        async |word: &str, body: Value| send(&double, "POST", &format!("transactions/order_1/{word}"), &body).await;
    assert_eq!(refused(&post("revoke-archive", Value::Null).await).0, 400);
    done(&post("archive", json!({ "key": "order_1" })).await);
    assert_eq!(refused(&post("archive", Value::Null).await).0, 400);
    assert_eq!(data(&get(&double, "transactions/order_1").await, 200)["rewards"], json!([]));
    done(&post("revoke-archive", Value::Null).await);
    assert_eq!(data(&get(&double, "transactions/order_1").await, 200), made);
    assert_eq!(refused(&post("archive", json!({ "key": "order_2" })).await).0, 422);
    for (path, body) in [
        ("transactions/order_1", Value::Null),
        ("transactions", json!({ "key": "order_2" })),
        ("transactions/order_3", json!({ "key": "order_3" })),
    ] {
        let key = body["key"].as_str().unwrap_or("order_1").to_owned();
        if key != "order_1" {
            sold(&double, &key).await;
        }
        done(&send(&double, "DELETE", path, &body).await);
        assert_eq!(refused(&send(&double, "DELETE", path, &body).await), refusal(404, "transaction not found", None));
        assert_eq!(refused(&get(&double, &format!("transactions/{key}")).await).0, 404);
    }
    assert_eq!(listed(&double, "").await.len(), 0);
    assert_eq!(sold(&double, "order_1").await["rewards"][0]["amount"], 3, "the lower amount, under the same key");
    data(&get(&double, "transactions/order_1").await, 200);
}

#[tokio::test]
async fn look_ups_see_late_what_other_calls_find_at_once() {
    let double = Double::start().await;
    settings(&double, json!({ "visible_after_ms": 60_000 })).await;
    customer(&double, "u_1").await;
    sold(&double, "order_1").await;
    for path in ["customers/u_1", "transactions/order_1"] {
        assert_eq!(refused(&get(&double, path).await).0, 404, "{path}");
    }
    assert_eq!(listed(&double, "key=order_1").await.len(), 0);
    let taken = json!({ "key": "u_1", "partner": { "id": "partner_1" } });
    assert_eq!(refused(&send(&double, "POST", "customers", &taken).await).0, 422);
    double.advance(60_000).await;
    for path in ["customers/u_1", "transactions/order_1"] {
        data(&get(&double, path).await, 200);
    }
    assert_eq!(listed(&double, "key=order_1").await.len(), 1);
}

#[tokio::test]
async fn without_dedupe_a_double_send_is_a_double_effect() {
    let double = Double::start().await;
    settings(&double, json!({ "dedupe": false })).await;
    customer(&double, "u_1").await;
    customer(&double, "u_1").await;
    let counts = double.effect("customer.create", "u_1").await;
    assert_eq!((&counts["processed"], &counts["effects"]), (&json!(2), &json!(2)));
    assert_eq!(state(&double).await["customers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn lists_of_sales_are_filtered_or_only_seem_to_be() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    let other = json!({ "key": "u_2", "partner": { "key": "belaito" } });
    data(&send(&double, "POST", "customers", &other).await, 201);
    sold(&double, "order_1").await;
    sale(&double, json!({ "key": "order_2", "amount": 1, "customer": { "key": "u_2" } })).await;
    let keys = async |query: &str| listed(&double, query).await.iter().map(|one| one["key"].clone()).collect::<Value>();
    assert_eq!(keys("").await, json!(["order_2", "order_1"]));
    assert_eq!(keys("partner_key=belaito").await, json!(["order_2"]));
    assert_eq!(keys("partner_email=amiraito%40partners.example&key=order_1").await, json!(["order_1"]));
    assert_eq!(refused(&get(&double, "transactions?customer.key=u_1").await).0, 422);
    let of_customer = get(&double, "customers/u_2/transactions").await.value();
    assert_eq!((of_customer["data"].as_array().unwrap().len(), &of_customer["data"][0]["key"]), (1, &json!("order_2")));
    settings(&double, json!({ "old_forms": true })).await;
    assert_eq!(keys("customer.key=u_1").await, json!(["order_1"]));
    settings(&double, json!({ "ignore_filters": true })).await;
    assert_eq!(keys("key=order_1").await, json!(["order_2", "order_1"]));
}
