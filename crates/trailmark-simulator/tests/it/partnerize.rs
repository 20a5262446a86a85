//! Partnerize's tracking host: links, conversions with and without effect, and what both leave in the account.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{PARTNERIZE_APPLICATION_KEY, PARTNERIZE_CAMPAIGN, PARTNERIZE_USER_API_KEY, Settings};

use crate::client::{Double, Draft, Reply};

pub(crate) const API: &str = "/partnerize";
const DAY_MS: i64 = 86_400_000;

/// A call as a merchant's server makes it.
pub(crate) fn call(double: &Double, method: &str, path: &str) -> Draft {
    let draft = double.draft(method, &format!("{API}{path}")).header("user-agent", "test/1");
    draft.basic(PARTNERIZE_APPLICATION_KEY, PARTNERIZE_USER_API_KEY)
}

pub(crate) async fn get(double: &Double, path: &str) -> Reply {
    call(double, "GET", path).send().await
}

pub(crate) async fn post(double: &Double, path: &str, body: &Value) -> Reply {
    call(double, "POST", path).json(body).send().await
}

pub(crate) async fn settings(double: &Double, change: Value) -> Value {
    double.control("POST", "partnerize/settings", &change).await
}

pub(crate) async fn state(double: &Double) -> Value {
    double.control("GET", "state/partnerize", &Value::Null).await
}

/// A click of the first partner.
pub(crate) async fn click(double: &Double) -> String {
    let click = double.control("POST", "partnerize/clicks", &json!({})).await;
    click["clickref"].as_str().unwrap().to_owned()
}

/// Sends a conversion whose address ends like this; status and body.
pub(crate) async fn convert(double: &Double, rest: &str) -> (u16, String) {
    let path = format!("/prf/conversion/tracking_mode:api/campaign:{PARTNERIZE_CAMPAIGN}/{rest}");
    let reply = double.draft("GET", &path).header("user-agent", "test/1").send().await;
    (reply.status.as_u16(), String::from_utf8(reply.body.to_vec()).unwrap())
}

/// A sale of two pieces at 9.99 each; the id of the conversion.
pub(crate) async fn sale(double: &Double, reference: &str) -> String {
    let click = click(double).await;
    let items = "[category:shoes/sku:S1/value:9.99/quantity:2]";
    let rest = format!("clickref:{click}/conversionref:{reference}/currency:GBP/custref:u_1/{items}");
    let (status, id) = convert(double, &rest).await;
    assert_eq!((status, id.is_empty()), (200, false), "{reference}");
    id
}

async fn recorded(double: &Double) -> usize {
    state(double).await["conversions"].as_array().unwrap().len()
}

async fn violations(double: &Double) -> Vec<String> {
    let list = double.control("GET", "violations", &Value::Null).await;
    list["violations"].as_array().unwrap().iter().map(|one| one["detail"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_partners_link_leads_to_the_landing_page_with_a_click_that_converts() {
    let landing_url = "http://127.0.0.1:8787/?a=b#top".to_owned();
    let double = Double::with(Settings { landing_url, ..Settings::default() }).await;
    let reply = double.draft("GET", "/prf/click/camref:1011lamber-media/destination:x").send().await;
    let location = reply.header("location").unwrap().to_owned();
    let (_, clickref) = location.split_once("http://127.0.0.1:8787/?a=b&clickref=").unwrap();
    let clickref = clickref.strip_suffix("#top").unwrap();
    assert_eq!(reply.status, StatusCode::FOUND);
    let (_, id) = convert(&double, &format!("clickref:{clickref}/conversionref:lead_1")).await;
    let state = state(&double).await;
    let one = &state["conversions"][0];
    assert_eq!((&one["conversion_id"], &one["publisher_name"]), (&json!(id), &json!("Amber Media")));
    assert_eq!(
        (&one["conversion_value"]["value"], &one["conversion_value"]["conversion_status"]),
        (&json!(0), &json!("pending"))
    );
    assert_eq!(double.effect("conversion", "lead_1").await["effects"], 1);

    settings(&double, json!({ "append_clickref": false })).await;
    let bare = double.draft("GET", "/prf/click/camref:1011lamber-media").send().await;
    assert_eq!(bare.header("location"), Some("http://127.0.0.1:8787/?a=b#top"), "appending was never enabled");
    double.control("POST", "partnerize/partners/1011lamber-media/reject", &json!({})).await;
    let clicks = self::state(&double).await["clicks"].as_array().unwrap().len();
    assert_eq!(double.draft("GET", "/prf/click/camref:1011lamber-media").send().await.status, StatusCode::FOUND);
    assert_eq!(
        self::state(&double).await["clicks"].as_array().unwrap().len(),
        clicks,
        "no click of a rejected partner"
    );
    assert_eq!(double.draft("GET", "/prf/click/camref:nobody").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_sale_has_its_basket_at_the_price_of_one_and_its_meta_data() {
    let double = Double::start().await;
    let click = click(&double).await;
    let header = "customertype:new/country:GB/voucher:TEN/custref:u_1/gclid:x/currency:GBP/conversion_time:2026-01-02%2003:04:05";
    let basket = "[category:shoes/sku:S1/value:9.99/quantity:2/size:42]/[category:hats/value:5/quantity:1]";
    let (status, id) = convert(&double, &format!("conversionref:o_1/{header}/{basket}/clickref:{click}")).await;
    assert_eq!(status, 200);
    let one = &state(&double).await["conversions"][0];
    assert_eq!((&one["conversion_id"], &one["conversion_reference"]), (&json!(id), &json!("o_1")));
    assert_eq!(one["conversion_value"]["value"], json!(24.98));
    assert_eq!((&one["conversion_time"], &one["customer_type"]), (&json!("2026-01-02 03:04:05"), &json!("new")));
    assert_eq!((&one["meta_data"], &one["customer_reference"]), (&json!({ "gclid": "x" }), &json!("u_1")));
    let items = &one["conversion_items"];
    assert_eq!((&items[0]["item_value"], &items[0]["meta_data"]), (&json!(19.98), &json!({ "size": "42" })));
    assert_eq!(
        (&items[1]["item_value"], &items[1]["sku"], &items[1]["meta_data"]),
        (&json!(5), &Value::Null, &json!([]))
    );
    assert_eq!(violations(&double).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_quantity_has_no_bound_that_a_document_does_not_state() {
    let double = Double::start().await;
    let click = click(&double).await;
    let item = "[category:shoes/value:0.01/quantity:2000000]";
    let (status, id) = convert(&double, &format!("clickref:{click}/conversionref:o_1/currency:GBP/{item}")).await;
    assert_eq!((status, id.is_empty()), (200, false));
    assert_eq!(state(&double).await["conversions"][0]["conversion_value"]["value"], json!(20_000));
}

#[tokio::test]
async fn nothing_is_recorded_for_a_click_that_does_not_count_or_a_value_that_is_none() {
    let double = Double::start().await;
    let (good, old) = (click(&double).await, click(&double).await);
    double
        .control("POST", "partnerize/clicks", &json!({ "publisher": "1011lbasil-media", "clickref": "of_basil" }))
        .await;
    double.control("POST", "partnerize/partners/1011lbasil-media/reject", &json!({})).await;
    for clickref in ["", "unknown", &good.to_uppercase(), "of_basil"] {
        assert_eq!(
            convert(&double, &format!("clickref:{clickref}/conversionref:o_1")).await,
            (200, String::new()),
            "{clickref}"
        );
    }
    let item = "category:a/quantity:1/value:5";
    for (wrong, named) in [
        (format!("currency:gbp/[{item}]"), "currency"),
        (format!("[{item}]"), "currency"),
        ("currency:GBP/[quantity:1/value:5]".to_owned(), "category"),
        ("currency:GBP/[category:a/value:5]".to_owned(), "quantity"),
        ("currency:GBP/[category:a/quantity:1/value:-5]".to_owned(), "value"),
        ("customertype:old".to_owned(), "customertype"),
        ("conversion_time:1767322800".to_owned(), "conversion_time"),
    ] {
        let answer = convert(&double, &format!("clickref:{good}/conversionref:o_2/{wrong}")).await;
        assert_eq!(answer, (200, String::new()), "{wrong}");
        assert_eq!(violations(&double).await.last().map(String::as_str), Some(named), "{wrong}");
    }
    let other = "/prf/conversion/tracking_mode:api/campaign:10l999/conversionref:o_3/clickref:";
    let reply = double.draft("POST", &format!("{other}{good}")).send().await;
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0), "another campaign");
    double.advance(31 * DAY_MS).await;
    assert_eq!(convert(&double, &format!("clickref:{old}/conversionref:o_4")).await, (200, String::new()), "too old");
    assert_eq!(recorded(&double).await, 0);
    assert_eq!(double.effect("conversion", "o_2").await["effects"], 0);
}

#[tokio::test]
async fn what_breaks_the_grammar_is_no_success_and_a_key_that_stands_twice_is_a_violation() {
    let double = Double::start().await;
    let click = click(&double).await;
    for broken in ["clickref", "clickref:x[category:a]", "[category:a", "[[category:a]]"] {
        assert_eq!(convert(&double, broken).await, (400, String::new()), "{broken}");
    }
    // Encoding does not protect a value here: the order takes another one's click.
    let path = format!("clickref:unknown/conversionref:o_1%2Fclickref%3A{click}");
    assert_eq!(convert(&double, &path).await.0, 200);
    assert_eq!(
        (recorded(&double).await, violations(&double).await.pop().unwrap()),
        (1, "clickref stands twice".to_owned())
    );
    settings(&double, json!({ "decode_first": false })).await;
    assert_eq!(convert(&double, &path).await, (200, String::new()));
    assert_eq!(recorded(&double).await, 1, "where the path is split first, encoding protects");
}

#[tokio::test]
async fn a_repeated_reference_is_recorded_once_and_answered_as_the_setting_says() {
    let double = Double::start().await;
    let id = sale(&double, "o_1").await;
    let again = async || convert(&double, &format!("clickref:{}/conversionref:o_1", click(&double).await)).await;
    assert_eq!(again().await, (200, String::new()));
    settings(&double, json!({ "repeat_answers_id": true })).await;
    assert_eq!(again().await, (200, id.clone()));
    let tally = double.effect("conversion", "o_1").await;
    assert_eq!((&tally["received"], &tally["processed"], &tally["effects"]), (&json!(3), &json!(3), &json!(1)));
    settings(&double, json!({ "unique_refs": false })).await;
    let second = again().await.1;
    assert!(!second.is_empty() && second != id, "{second}");
    settings(&double, json!({ "unique_refs": true, "dedupe": false })).await;
    assert_ne!(again().await.1, id);
    assert_eq!(double.effect("conversion", "o_1").await["effects"], 3, "without dedupe each call is an effect");
}

#[tokio::test]
async fn a_click_converts_as_often_as_the_campaign_allows_and_without_a_reference_the_vendor_makes_one() {
    let double = Double::start().await;
    let click = click(&double).await;
    settings(&double, json!({ "per_click": 2 })).await;
    for (reference, is_recorded) in [("o_1", true), ("o_2", true), ("o_3", false)] {
        let (_, id) = convert(&double, &format!("clickref:{click}/conversionref:{reference}")).await;
        assert_eq!(!id.is_empty(), is_recorded, "{reference}");
    }
    settings(&double, json!({ "per_click": null, "answers_id": false })).await;
    assert_eq!(convert(&double, &format!("clickref:{click}")).await, (200, String::new()), "recorded all the same");
    let last = &state(&double).await["conversions"][2]["conversion_reference"];
    assert!(last.as_str().unwrap().starts_with("AUTO-"), "{last}");
}

#[tokio::test]
async fn without_the_api_mode_the_answer_is_an_image_and_the_campaign_may_be_left_out() {
    let double = Double::start().await;
    let path = format!("/prf/conversion/conversionref:o_1/clickref:{}", click(&double).await);
    let reply = double.draft("GET", &path).send().await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, Some("image/gif")));
    assert_eq!(recorded(&double).await, 1);
    assert_eq!(double.draft("DELETE", &path).send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(double.draft("GET", "/prf/nothing").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn faults_strike_the_tracking_host_by_the_accounts_name_and_the_guides_host_is_its_own() {
    let double = Double::start().await;
    let click = click(&double).await;
    double.arm(json!({ "vendor": "partnerize", "kind": "status", "status": 503, "times": 1, "message": "away" })).await;
    assert_eq!(convert(&double, &format!("clickref:{click}/conversionref:o_1")).await, (503, "away".to_owned()));
    let path = format!("/prf-guide/conversion/tracking_mode:api/clickref:{click}/conversionref:o_1");
    let reply = double.draft("GET", &path).send().await;
    assert_eq!((reply.status, reply.body.len()), (StatusCode::OK, 0), "the guide's account does not know the click");
    let guides = double.control("POST", "partnerize/clicks", &json!({ "account": "partnerize-guide" })).await;
    let path = format!(
        "/prf-guide/conversion/tracking_mode:api/conversionref:o_1/clickref:{}",
        guides["clickref"].as_str().unwrap()
    );
    assert!(!double.draft("GET", &path).send().await.body.is_empty());
    assert_eq!(recorded(&double).await, 0);
}

#[tokio::test]
async fn a_restart_goes_on_with_clicks_conversions_and_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || Settings { state: Some(folder.path().join("simulator.json")), ..Settings::default() };
    let double = Double::with(kept()).await;
    let (unused, id) = (click(&double).await, sale(&double, "o_1").await);
    let before = state(&double).await["conversions"].clone();
    drop(double);
    let double = Double::with(kept()).await;
    assert_eq!(state(&double).await["conversions"], before);
    assert_eq!(convert(&double, &format!("clickref:{unused}/conversionref:o_1")).await, (200, String::new()));
    let (_, next) = convert(&double, &format!("clickref:{unused}/conversionref:o_2")).await;
    assert!(!next.is_empty() && next != id, "ids of before are not made again");
}
