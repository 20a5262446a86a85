//! Introw: commission lines and payouts.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};

use crate::client::Double;
use crate::introw::{API, call, get, refused, send, settings, state};

/// The id of the first partner.
async fn partner(double: &Double) -> String {
    get(double, "/partners/partner_1").await.value()["data"]["id"].as_str().unwrap().to_owned()
}

/// Creates a line with these members beside the partner, 10 USD.
async fn line(double: &Double, members: Value) -> Value {
    let mut body = json!({ "partnerId": partner(double).await, "amount": "10", "currency": "USD" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let reply = send(double, "POST", "/commission-lines", &body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{:?}", reply.body);
    reply.value()["data"].clone()
}

fn path(thing: &str, object: &Value) -> String {
    format!("/{thing}/{}", object["id"].as_str().unwrap())
}

/// The text of an id.
fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_line_under_one_idempotency_key_is_one_line_whatever_the_body_says() {
    let double = Double::start().await;
    let members = json!({ "idempotencyKey": "k_1", "amount": "-29.9", "sourceAmount": "100", "description": "May" });
    let first = line(&double, members).await;
    assert_eq!(
        (&first["amount"], &first["sourceAmount"], &first["status"]),
        (&json!("-29.90"), &json!("100.00"), &json!("PENDING"))
    );
    assert_eq!(
        (&first["payoutId"], &first["planName"], first.as_object().unwrap().len()),
        (&Value::Null, &Value::Null, 12)
    );
    let other =
        json!({ "partnerId": partner(&double).await, "amount": "5", "currency": "EUR", "idempotencyKey": "k_1" });
    let again = send(&double, "POST", "/commission-lines", &other).await;
    assert_eq!((again.status, &again.value()["data"]), (StatusCode::OK, &first));
    assert_eq!(double.effect("line.create", "k_1").await["effects"], 1);
    assert_eq!(state(&double).await["commission_lines"].as_array().unwrap().len(), 1);

    settings(&double, json!({ "dedupe": false })).await;
    assert_eq!(send(&double, "POST", "/commission-lines", &other).await.status, StatusCode::CREATED);
    assert_eq!(double.effect("line.create", "k_1").await["effects"], 2);
    settings(&double, json!({ "idempotency_keys": false })).await;
    refused(&send(&double, "POST", "/commission-lines", &other).await, 422);
}

#[tokio::test]
async fn lines_without_a_key_are_lines_of_their_own() {
    let double = Double::start().await;
    assert_ne!(line(&double, json!({})).await["id"], line(&double, json!({})).await["id"]);
}

#[tokio::test]
async fn what_no_document_allows_in_a_line_is_refused() {
    let double = Double::start().await;
    let good = json!({ "partnerId": partner(&double).await, "amount": "10", "currency": "USD" });
    let bad = [
        ("partnerId", Value::Null, 422),
        ("partnerId", json!("ptn_none"), 404),
        ("partnerId", json!("partner_1"), 404),
        ("amount", json!(10), 422),
        ("amount", json!("0.00"), 422),
        ("amount", json!("1e3"), 422),
        ("currency", json!("usd"), 422),
        ("currency", json!("US"), 422),
        ("sourceAmount", json!(1.5), 422),
        ("description", json!("x".repeat(2_001)), 422),
        ("payoutId", json!("pay_none"), 404),
        ("idempotencyKey", json!(""), 422),
        ("note", json!("x"), 422),
        ("status", json!("PAID"), 422),
        ("customer", json!("u_1"), 422),
    ];
    for (field, value, status) in bad {
        let mut body = good.clone();
        body[field] = value;
        refused(&send(&double, "POST", "/commission-lines", &body).await, status);
    }
    for missing in ["partnerId", "amount", "currency"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(missing);
        refused(&send(&double, "POST", "/commission-lines", &body).await, 422);
    }
    double.control("POST", "introw/partners/partner_1/archive", &json!({})).await;
    refused(&send(&double, "POST", "/commission-lines", &good).await, 422);
    assert_eq!(state(&double).await["commission_lines"], json!([]));
}

#[tokio::test]
async fn lines_are_listed_by_partner_payout_and_status_and_seen_late_if_so_set() {
    let double = Double::start().await;
    let first = line(&double, json!({})).await;
    let payout = double.control("POST", "introw/payouts", &json!({ "partner_id": first["partnerId"] })).await;
    let second = line(&double, json!({})).await;
    let listed = async |query: &str| {
        let body = get(&double, &format!("/commission-lines?{query}")).await.value();
        let ids = body["data"].as_array().unwrap().iter().map(|one| one["id"].clone());
        (ids.collect::<Vec<_>>(), body["pagination"]["nextCursor"].clone())
    };
    let both = vec![first["id"].clone(), second["id"].clone()];
    assert_eq!(listed("status=PENDING").await, (both, Value::Null));
    assert_eq!(listed(&format!("payoutId={}", id(&payout))).await.0, [first["id"].clone()]);
    assert_eq!(listed("partnerId=ptn_none").await.0, Vec::<Value>::new());
    let (_, cursor) = listed("limit=1").await;
    assert_eq!(listed(&format!("limit=1&cursor={}", cursor.as_str().unwrap())).await.0, [second["id"].clone()]);
    refused(&get(&double, "/commission-lines?idempotencyKey=k").await, 422);

    settings(&double, json!({ "visible_after_ms": 60_000 })).await;
    let late = line(&double, json!({ "idempotencyKey": "k_1" })).await;
    refused(&get(&double, &path("commission-lines", &late)).await, 404);
    assert_eq!(listed("limit=100").await.0.len(), 2);
    double.advance(60_000).await;
    assert_eq!(get(&double, &path("commission-lines", &late)).await.value()["data"], late);
    assert_eq!(listed("limit=100").await.0.len(), 3);
}

#[tokio::test]
async fn a_line_is_changed_until_it_is_voided() {
    let double = Double::start().await;
    let one = line(&double, json!({ "description": "May" })).await;
    let own = path("commission-lines", &one);
    double.advance(1_000).await;
    let changed =
        send(&double, "PATCH", &own, &json!({ "amount": "12.5", "note": "checked" })).await.value()["data"].clone();
    assert_eq!((&changed["amount"], &changed["description"]), (&json!("12.50"), &json!("May")));
    assert_ne!(changed["updatedAt"], one["updatedAt"]);
    assert_eq!(state(&double).await["commission_lines"][0]["note"], "checked");
    send(&double, "PATCH", &own, &json!({ "note": null })).await;
    assert_eq!(state(&double).await["commission_lines"][0]["note"], Value::Null);
    for body in [
        json!({}),
        json!({ "amount": "0" }),
        json!({ "amount": null }),
        json!({ "partnerId": "x" }),
        json!({ "idempotencyKey": "k" }),
    ] {
        refused(&send(&double, "PATCH", &own, &body).await, 422);
    }
    double.control("POST", "introw/payouts", &json!({ "partner_id": one["partnerId"] })).await;
    refused(&send(&double, "PATCH", &own, &json!({ "currency": "EUR" })).await, 422);
    double.control("POST", &format!("introw/commission-lines/{}/decline", id(&one)), &json!({})).await;
    refused(&send(&double, "PATCH", &own, &json!({ "amount": "1" })).await, 422);
}

#[tokio::test]
async fn a_line_leaves_its_payout_by_detaching_or_declining() {
    let double = Double::start().await;
    let (one, two) = (line(&double, json!({ "amount": "1.25" })).await, line(&double, json!({ "amount": "2" })).await);
    let own = path("commission-lines", &one);
    let detach = async || call(&double, "POST", &format!("{API}{own}/detach")).send().await;
    refused(&detach().await, 422);
    refused(&send(&double, "POST", &format!("{own}/decline"), &json!({ "reason": "FRAUD" })).await, 422);
    let payout = double.control("POST", "introw/payouts", &json!({ "partner_id": one["partnerId"] })).await;
    assert_eq!(payout["amount"], json!({ "value": "3.25", "currency": "USD" }));
    refused(&send(&double, "POST", &format!("{own}/detach"), &json!({})).await, 422);
    assert_eq!(detach().await.value()["data"]["payoutId"], Value::Null);
    let attached = path("commission-lines", &two);
    let decline = async |body: Value| send(&double, "POST", &format!("{attached}/decline"), &body).await;
    refused(&decline(json!({ "reason": "FRAUD" })).await, 422);

    settings(&double, json!({ "decline_field": "reason", "voided_status": "DECLINED" })).await;
    refused(&decline(json!({ "words": "FRAUD" })).await, 422);
    assert_eq!(decline(json!({ "reason": "FRAUD" })).await.value()["data"]["status"], "DECLINED");
    refused(&decline(json!({ "reason": "FRAUD" })).await, 422);
    let emptied = get(&double, &path("payouts", &payout)).await.value()["data"].clone();
    assert_eq!((&emptied["stage"], &emptied["amount"]["value"]), (&json!("DECLINED"), &json!("0.00")));
}

#[tokio::test]
async fn a_payout_goes_from_any_stage_to_any_stage_and_is_found_by_it() {
    let double = Double::start().await;
    let one = line(&double, json!({ "amount": "4250" })).await;
    let payout = double.control("POST", "introw/payouts", &json!({ "partner_id": one["partnerId"] })).await;
    assert_eq!((&payout["amount"]["value"], &payout["stage"]), (&json!("4250.00"), &json!("DRAFT")));
    assert_eq!(payout["partner"], json!({ "id": one["partnerId"], "name": "Alder Advisory" }));
    let own = path("payouts", &payout);
    for stage in ["PAID", "DRAFT", "BLOCKED", "PENDING_REVIEW"] {
        assert_eq!(send(&double, "PATCH", &own, &json!({ "stage": stage })).await.value()["data"]["stage"], stage);
    }
    for (po_number, shown) in [(json!("PO-1"), json!("PO-1")), (Value::Null, Value::Null)] {
        let changed = send(&double, "PATCH", &own, &json!({ "poNumber": po_number })).await;
        assert_eq!(changed.value()["data"]["poNumber"], shown);
    }
    assert_eq!(double.effect("payout.update", id(&payout)).await["effects"], 6);
    for (word, stage) in [("approve", "APPROVED"), ("reject", "DECLINED"), ("pay", "PAID")] {
        double.control("POST", &format!("introw/payouts/{}/{word}", id(&payout)), &json!({})).await;
        assert_eq!(get(&double, &own).await.value()["data"]["stage"], stage);
    }
    let listed =
        async |query: &str| get(&double, &format!("/payouts?{query}")).await.value()["data"].as_array().unwrap().len();
    assert_eq!((listed("stage=PAID").await, listed("stage=DRAFT").await), (1, 0));
    refused(&get(&double, "/payouts?stage=LOST").await, 422);
    refused(&get(&double, "/payouts/pay_none").await, 404);
    for body in [
        json!({}),
        json!({ "stage": "LOST" }),
        json!({ "stage": null }),
        json!({ "note": "x" }),
        json!({ "poNumber": "" }),
    ] {
        refused(&send(&double, "PATCH", &own, &body).await, 422);
    }
}

#[tokio::test]
async fn a_line_may_be_put_on_a_payout_of_its_partner_and_currency() {
    let double = Double::start().await;
    let partner_id = partner(&double).await;
    let payout =
        double.control("POST", "introw/payouts", &json!({ "partner_id": partner_id, "currency": "EUR" })).await;
    let put = line(&double, json!({ "payoutId": payout["id"], "currency": "EUR" })).await;
    assert_eq!(put["payoutId"], payout["id"]);
    let body = json!({ "partnerId": partner_id, "amount": "1", "currency": "USD", "payoutId": payout["id"] });
    refused(&send(&double, "POST", "/commission-lines", &body).await, 422);
}
