//! Partnerize's bulk changes: accepted at once, carried out by a job that is polled, wrong only in what the job says.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use trailmark_simulator::PARTNERIZE_CAMPAIGN;

use crate::client::{Double, Reply};
use crate::partnerize::{get, post, sale, settings, state};

async fn bulk(double: &Double, body: Value) -> Reply {
    post(double, &format!("/v3/brand/campaigns/{PARTNERIZE_CAMPAIGN}/conversions/bulk"), &body).await
}

/// A simulator with a conversion `o_1` that is visible.
async fn start() -> (Double, String) {
    let double = Double::start().await;
    settings(&double, json!({ "visible_after_ms": 0, "job_ms": 10_000 })).await;
    let id = sale(&double, "o_1").await;
    (double, id)
}

/// The job of an answer; the path by which it is read.
fn path(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{:?}", reply.body);
    reply.value()["hypermedia"]["links"]["self"].as_str().unwrap().to_owned()
}

async fn job(double: &Double, path: &str) -> Value {
    get(double, path).await.value()["data"].clone()
}

async fn status(double: &Double) -> Value {
    state(double).await["conversions"][0]["conversion_value"]["conversion_status"].clone()
}

#[tokio::test]
async fn an_approval_is_a_job_that_takes_effect_when_it_completes() {
    let (double, _) = start().await;
    let path = path(&bulk(&double, json!({ "conversion_references": { "o_1": { "status": "approved" } } })).await);
    assert_eq!((&job(&double, &path).await["status"], status(&double).await), (&json!("created"), json!("pending")));
    double.advance(5_000).await;
    assert_eq!((&job(&double, &path).await["status"], status(&double).await), (&json!("active"), json!("pending")));
    double.advance(5_000).await;
    let done = job(&double, &path).await;
    assert_eq!((&done["status"], status(&double).await), (&json!("complete"), json!("approved")));
    let counts = ["percentage_complete", "item_success_count", "item_error_count", "item_total_count"];
    assert_eq!(counts.map(|name| done[name].clone()), [100, 1, 0, 1].map(Value::from));
    assert_eq!(double.effect("conversion.bulk", "o_1").await["effects"], 1);
    bulk(&double, json!({ "conversion_references": { "o_1": { "status": "approved" } } })).await;
    assert_eq!(double.effect("conversion.bulk", "o_1").await["effects"], 1, "it is approved already");
    let item = &state(&double).await["conversions"][0]["conversion_items"][0];
    assert!(item["approved_at"].is_string(), "{item}");
}

#[tokio::test]
async fn what_a_job_does_not_find_is_an_error_of_the_job_and_of_its_task() {
    let (double, id) = start().await;
    let entries = json!({ "conversions": { id: { "status": "rejected", "reason": "returned" }, "1l1": { "status": "approved" } } });
    let path = path(&bulk(&double, entries).await);
    double.advance(10_000).await;
    let done = job(&double, &path).await;
    assert_eq!((&done["item_success_count"], &done["item_error_count"]), (&json!(1), &json!(1)));
    let tasks = get(&double, &format!("{path}/tasks")).await.value();
    let task = tasks["data"][0]["hypermedia"]["links"]["self"].as_str().unwrap();
    let result = get(&double, task).await.value()["data"]["result_data"].as_str().unwrap().to_owned();
    assert!(result.contains("1l1"), "{result}");
    let item = &state(&double).await["conversions"][0]["conversion_items"][0];
    assert_eq!((&item["item_status"], &item["reject_reason"]), (&json!("rejected"), &json!("returned")));
    assert_eq!(get(&double, "/v3/jobs/1l1").await.status, 404);
    assert_eq!(get(&double, "/v3/jobs").await.value()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refund_lowers_the_value_of_an_item_and_nothing_that_is_not_visible_changes() {
    let (double, _) = start().await;
    let item = state(&double).await["conversions"][0]["conversion_items"][0]["conversion_item_id"].clone();
    let path =
        path(&bulk(&double, json!({ "conversion_items": { item.as_str().unwrap(): { "item_value": 9.99 } } })).await);
    double.advance(10_000).await;
    job(&double, &path).await;
    assert_eq!(state(&double).await["conversions"][0]["conversion_value"]["value"], json!(9.99));
    settings(&double, json!({ "visible_after_ms": 60_000 })).await;
    sale(&double, "o_2").await;
    let path =
        self::path(&bulk(&double, json!({ "conversion_references": { "o_2": { "status": "approved" } } })).await);
    double.advance(10_000).await;
    assert_eq!(job(&double, &path).await["item_error_count"], 1, "it is not visible yet");
    assert_eq!(double.effect("conversion.bulk", "o_2").await["effects"], 0);
    double.advance(60_000).await;
    let replayed = post(&double, &format!("{path}/replay"), &json!({})).await;
    assert_eq!(replayed.status, 200);
    double.advance(10_000).await;
    assert_eq!(job(&double, &path).await["item_success_count"], 1, "replayed, when it is visible");
}

#[tokio::test]
async fn a_job_can_fail_and_then_changes_nothing() {
    let (double, _) = start().await;
    settings(&double, json!({ "jobs_fail": true })).await;
    let path = path(&bulk(&double, json!({ "conversion_references": { "o_1": { "status": "approved" } } })).await);
    double.advance(10_000).await;
    assert_eq!((&job(&double, &path).await["status"], status(&double).await), (&json!("failed"), json!("pending")));
}

#[tokio::test]
async fn the_form_of_a_bulk_change_is_refused_at_once() {
    let (double, id) = start().await;
    let one = |change: Value| json!({ "conversion_references": { "o_1": change } });
    let approved = json!({ "status": "approved" });
    for (body, code) in [
        (json!({}), "2572f7f9-e87e-4aa7-98cf-6f53c9ed5584"),
        (json!({ "conversions": {} }), "4d7d63f2-28f1-45d3-b3b8-99a1bf816e53"),
        (json!({ "conversions": [approved] }), "6a6c32c0-de05-4301-89dd-4a72133c137f"),
        (
            json!({ "conversions": { id: approved }, "conversion_references": { "o_1": approved } }),
            "99B4BC14-8401-4A45-9AF5-CB79E4989C2E",
        ),
        (one(json!({ "status": "paid" })), "aa903a6c-64ff-4f8b-830d-8967331c5ba3"),
        (one(json!({ "item_value": 1 })), "b9f3a79a-6767-4947-907e-5e0934b5a641"),
        (one(json!({ "reason": "a/b" })), "80d20241-7f19-4ee2-b46d-538f7179f7fb"),
        (one(json!({ "reason": "a".repeat(256) })), "32452de9-0c46-4674-a87d-e02f469a003c"),
        (json!({ "conversion_items": { "1": { "item_value": 100_000_000 } } }), "d0fd75d5-9246-4c22-b395-4f6d0279555e"),
        (json!({ "conversion_items": { "1": { "item_value": -1 } } }), "7ed9630d-04c4-4559-ace5-5e44f45e14e9"),
    ] {
        let reply = bulk(&double, body.clone()).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.value()["error"]["errors"][0]["code"]),
            (400, &json!(code)),
            "{body}"
        );
    }
    assert_eq!(get(&double, "/v3/jobs").await.value()["data"], json!([]), "no job was made");
    let put = crate::partnerize::call(&double, "PUT", "/v3/jobs").json(&json!({})).send().await;
    assert_eq!((put.status.as_u16(), &put.value()["error"]["errors"][0]["type"]), (405, &json!("method_not_allowed")));
}
