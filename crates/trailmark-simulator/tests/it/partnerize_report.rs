//! Partnerize's ways to read conversions back: the report with its pages, and the filter. Both lag behind.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use trailmark_simulator::{PARTNERIZE_CAMPAIGN, Pace, Settings};

use crate::client::{Double, Reply};
use crate::partnerize::{get, post, sale, settings};

const FILTER: &str = "/v3/brand/analytics/conversions/filter";

fn report(query: &str) -> String {
    format!("/reporting/report_advertiser/campaign/{PARTNERIZE_CAMPAIGN}/conversion.json?{query}")
}

/// A simulator whose conversions are visible at once.
async fn prompt() -> Double {
    let double = Double::start().await;
    settings(&double, json!({ "visible_after_ms": 0 })).await;
    double
}

fn references(body: &Value) -> Vec<String> {
    let all = body["conversions"].as_array().unwrap().iter();
    all.map(|one| one["conversion_data"]["conversion_reference"].as_str().unwrap().to_owned()).collect()
}

/// All references, by way of `next_page`.
async fn walked(double: &Double, first: String) -> Vec<String> {
    let (mut all, mut next) = (Vec::new(), Some(first));
    while let Some(path) = next {
        let body = get(double, &path).await.value();
        all.extend(references(&body));
        next = body["hypermedia"]["pagination"]["next_page"].as_str().map(str::to_owned);
    }
    all
}

async fn filter(double: &Double, change: Value) -> Reply {
    let mut body = json!({
        "date_time_ranges": [{ "start": "2020-01-01T00:00:00+00:00", "end": "2100-01-01T00:00:00+00:00" }],
        "scope": { "campaigns": [PARTNERIZE_CAMPAIGN] },
        "group_by": ["conversion_reference", "conversion_status"],
    });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    post(double, FILTER, &body).await
}

#[tokio::test]
async fn a_conversion_is_in_report_and_filter_only_after_the_lag() {
    let double = Double::with(Settings { pace: Pace::Demo, ..Settings::default() }).await;
    sale(&double, "o_1").await;
    let path = report("start_date=2020-01-01");
    assert_eq!(references(&get(&double, &path).await.value()), Vec::<String>::new());
    assert_eq!(filter(&double, json!({})).await.value()["data"], json!([]));
    double.advance(3_000).await;
    assert_eq!(references(&get(&double, &path).await.value()), ["o_1"]);
    assert_eq!(filter(&double, json!({})).await.value()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_report_has_the_members_of_the_vendors_example() {
    let double = prompt().await;
    let id = sale(&double, "o_1").await;
    let body = get(&double, &report("start_date=2020-01-01")).await.value();
    let totals = ["total_conversion_count", "total_value", "total_commission_value", "total_publisher_commission"];
    assert_eq!(totals.map(|name| body[name]["GBP"].clone()), [json!(1), json!(19.98), json!(1.998), json!(1.998)]);
    assert_eq!((&body["limit"], &body["count"], &body["meta_data"]), (&json!(300), &json!(1), &json!([])));
    let one = &body["conversions"][0]["conversion_data"];
    assert_eq!((&one["conversion_id"], &one["campaign_id"]), (&json!(id), &json!(PARTNERIZE_CAMPAIGN)));
    assert_eq!((&one["customer_reference"], &one["click"]["status"]), (&json!("u_1"), &json!("used")));
    assert_eq!((&one["conversion_items"][0]["item_status"], &one["meta_data"]), (&json!("pending"), &json!([])));
    assert!(one["conversion_time"].as_str().unwrap().len() == 19, "{one}");
}

#[tokio::test]
async fn what_was_paid_is_shown_to_whoever_asks_for_it() {
    let double = prompt().await;
    sale(&double, "o_1").await;
    let item = async |query: &str| {
        let body = get(&double, &report(query)).await.value();
        body["conversions"][0]["conversion_data"]["conversion_items"][0].clone()
    };
    let early = double.draft("POST", "/control/partnerize/conversions/o_1/pay").json(&json!({})).send().await;
    assert_eq!(early.status.as_u16(), 400, "it is not approved yet");
    let asking = "start_date=2020-01-01&include_payment_info=true";
    assert_eq!(item(asking).await["payment_status"], "unpaid");
    for word in ["approve", "pay"] {
        double.control("POST", &format!("partnerize/conversions/o_1/{word}"), &json!({})).await;
    }
    let shown = item(asking).await;
    assert_eq!((&shown["payment_status"], shown["invoice_paid_date"].as_str().unwrap().len()), (&json!("paid"), 19));
    assert_eq!(item("start_date=2020-01-01").await.get("payment_status"), None);
}

#[tokio::test]
async fn every_page_is_reached_by_next_page_in_both_forms_and_cursors_stand_still() {
    let double = prompt().await;
    let wanted: Vec<String> = (1..=7).map(|number| format!("o_{number}")).collect();
    for reference in &wanted {
        sale(&double, reference).await;
    }
    settings(&double, json!({ "report_page": 3 })).await;
    let first = report("start_date=2020-01-01%2000:00:00&statuses[]=pending");
    assert_eq!(walked(&double, first.clone()).await, wanted);
    let page = get(&double, &first).await.value();
    assert!(page["cursor_id"].is_u64() && page.get("offset").is_none(), "{page}");
    settings(&double, json!({ "report_cursor": false })).await;
    assert_eq!(walked(&double, first.clone()).await, wanted);
    let page = get(&double, &first).await.value();
    let pagination = &page["hypermedia"]["pagination"];
    assert_eq!((&pagination["total_page_count"], &pagination["total_item_count"]), (&json!(3), &json!(7)));
    assert_eq!((&page["count"], &pagination["previous_page"]), (&json!(7), &Value::Null));

    // One is decided between two pages: an offset then skips one that a cursor shows.
    let next = page["hypermedia"]["pagination"]["next_page"].as_str().unwrap().to_owned();
    double.control("POST", "partnerize/conversions/o_1/approve", &json!({})).await;
    assert_eq!(walked(&double, next).await, wanted[4..]);
}

#[tokio::test]
async fn a_report_is_narrowed_by_date_status_and_pivot_and_asks_for_a_start() {
    let double = prompt().await;
    sale(&double, "o_1").await;
    double.advance(86_400_000).await;
    sale(&double, "o_2").await;
    double.control("POST", "partnerize/conversions/o_1/approve", &json!({})).await;
    let of = async |query: &str| references(&get(&double, &report(query)).await.value());
    assert_eq!(of("text_date=today").await, ["o_2"]);
    assert_eq!(of("text_date=last%202%20days").await, ["o_1", "o_2"]);
    assert_eq!(of("text_date=today&date_type=last_modified").await, ["o_1", "o_2"]);
    assert_eq!(of("text_date=today&date_type=approved_at").await, ["o_1"]);
    assert_eq!(of("start_date=2020-01-01&statuses[]=approved").await, ["o_1"]);
    assert_eq!(of("start_date=2020-01-01&currency[]=EUR").await, Vec::<String>::new());
    assert_eq!(of("start_date=2020-01-01&multipivot[product][]=S1").await.len(), 2);
    for wrong in ["", "start_date=soon", "start_date=2020-01-01&date_type=x", "start_date=2020-01-01&limit=301"] {
        let reply = get(&double, &report(wrong)).await;
        assert_eq!((reply.status.as_u16(), &reply.value()["error"]["type"]), (400, &json!("400")), "{wrong}");
    }
    settings(&double, json!({ "dates_optional": true })).await;
    assert_eq!(of("").await, ["o_1", "o_2"]);
}

#[tokio::test]
async fn filters_of_the_old_pages_are_ignored_and_noted_unless_a_setting_allows_them() {
    let double = prompt().await;
    sale(&double, "o_1").await;
    sale(&double, "o_2").await;
    let path = report("start_date=2020-01-01&conversion_reference=o_2");
    assert_eq!(references(&get(&double, &path).await.value()), ["o_1", "o_2"]);
    let list = double.control("GET", "violations", &Value::Null).await;
    let noted = (&list["violations"][0]["rule"], &list["violations"][0]["detail"]);
    assert_eq!(noted, (&json!("unknown_parameter"), &json!("conversion_reference")));
    settings(&double, json!({ "filters_of_2020": true })).await;
    assert_eq!(references(&get(&double, &path).await.value()), ["o_2"]);
}

#[tokio::test]
async fn the_filter_finds_one_reference_and_shows_a_metric_only_where_it_orders() {
    let double = prompt().await;
    for reference in ["o_1", "o_2", "o_11"] {
        sale(&double, reference).await;
    }
    let by = |operator: &str, value: &str| json!([{ "field": "conversion_reference", "operator": operator, "value": value }]);
    let found = filter(&double, json!({ "filter_by": by("EQUALS", "o_1") })).await;
    assert_eq!(found.value(), json!({ "data": [{ "conversion_reference": "o_1", "conversion_status": "pending" }] }));
    let starts =
        filter(&double, json!({ "filter_by": by("STARTS_WITH", "o_1"), "include_total_row_count": true, "top": 1 }))
            .await;
    assert_eq!((starts.header("x-total-row-count"), starts.value()["data"].as_array().unwrap().len()), (Some("2"), 1));
    let order = json!([{ "field": "total_order_value", "direction": "DESCENDING" }]);
    let all = filter(&double, json!({ "group_by": ["partner"], "order_by": order })).await.value();
    let row = json!({ "partner_id": "1011l401", "partner_name": "Amber Media", "total_order_value": 59.94 });
    assert_eq!(all, json!({ "data": [row] }));
    let value = json!([{ "field": "order_value", "operator": "GREATER_THAN", "value": 20 }]);
    assert_eq!(filter(&double, json!({ "filter_by": value })).await.value()["data"], json!([]));
}

#[tokio::test]
async fn the_filter_is_strict_and_names_what_is_wrong_by_its_code() {
    let double = prompt().await;
    let range = json!([{ "start": "2020-01-01", "end": "2021-01-01" }]);
    let unknown = json!([{ "field": "conversion_id", "operator": "EQUALS", "value": "1" }]);
    for (change, property, code) in [
        (json!({ "colour": 1 }), "[colour]", "b9f3a79a-6767-4947-907e-5e0934b5a641"),
        (json!({ "group_by": ["conversion_id"] }), "[group_by]", "aa903a6c-64ff-4f8b-830d-8967331c5ba3"),
        (json!({ "group_by": "partner" }), "[group_by]", "6a6c32c0-de05-4301-89dd-4a72133c137f"),
        (json!({ "scope": {} }), "[scope][campaigns]", "2572f7f9-e87e-4aa7-98cf-6f53c9ed5584"),
        (json!({ "date_time_ranges": range }), "[date_time_ranges][0][start]", "80d20241-7f19-4ee2-b46d-538f7179f7fb"),
        (json!({ "filter_by": unknown }), "[filter_by][0][field]", "aa903a6c-64ff-4f8b-830d-8967331c5ba3"),
    ] {
        let reply = filter(&double, change.clone()).await;
        let error = &reply.value()["error"];
        assert_eq!(
            (reply.status.as_u16(), &error["code"], &error["message"]),
            (400, &json!("400"), &json!("Bad Request"))
        );
        let inner = &error["errors"][0];
        assert_eq!((&inner["property"], &inner["code"]), (&json!(property), &json!(code)), "{change}");
    }
    let other = filter(&double, json!({ "scope": { "campaigns": ["10l999"] } })).await;
    assert_eq!((other.status.as_u16(), &other.value()["error"]["errors"][0]["type"]), (404, &json!("not_found")));
}
