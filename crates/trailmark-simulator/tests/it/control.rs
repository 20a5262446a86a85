//! The control routes: time, log, tallies, reset.

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, TRACKING_TOKEN};

use crate::client::{CURRENT, Double, GUIDE, XID};

#[tokio::test]
async fn time_travels_both_ways_and_dates_every_answer() {
    let double = Double::start().await;
    let before = double.control("GET", "clock", &Value::Null).await;
    assert_eq!(before["offset_ms"], 0);
    let after = double.control("POST", "clock", &json!({ "advance_ms": 86_400_000_i64 * 365_000 })).await;
    assert_eq!(after["offset_ms"], 31_536_000_000_000_i64);
    assert!(after["now_ms"].as_i64().unwrap() - before["now_ms"].as_i64().unwrap() >= 31_536_000_000_000);
    let date = double.get(&format!("{CURRENT}/groups")).await.header("date").unwrap().to_owned();
    assert!(date.split(' ').nth(3).unwrap() > "3000", "{date}");
    let back = double.control("POST", "clock", &json!({ "advance_ms": -31_536_000_000_000_i64 })).await;
    assert_eq!(back["offset_ms"], 0);
}

#[tokio::test]
async fn the_log_keeps_what_was_asked_and_never_a_credential() {
    let double = Double::start().await;
    let xid = double.click().await;
    let conversion = json!({ "xid": xid, "customer_key": "u_1" });
    double.conversion(&conversion).header("user-agent", "trailmark/0.1").send().await;
    double.get(&format!("{GUIDE}/customers?limit=3")).await;
    double.draft("POST", XID).basic(PUBLIC_KEY, PRIVATE_KEY).body("not json").send().await;

    let log = double.control("GET", "requests", &Value::Null).await;
    let first = &log["requests"][0];
    assert_eq!(log["total"], 3);
    assert_eq!((&first["seq"], &first["method"], &first["path"]), (&json!(1), &json!("POST"), &json!(XID)));
    assert_eq!((&first["status"], &first["authorization"]), (&json!(200), &json!("bearer")));
    assert_eq!((&first["external_key"], &first["operation"]), (&json!("u_1"), &json!("conversion")));
    assert_eq!((&first["body"], &first["user_agent"]), (&conversion, &json!("trailmark/0.1")));
    assert_eq!(log["requests"][1]["query"], json!({ "limit": "3" }));
    assert_eq!(log["requests"][2]["body"], "not json");
    for secret in [PRIVATE_KEY, TRACKING_TOKEN, "cGtfc2lt"] {
        assert!(!log.to_string().contains(secret), "{secret}");
    }

    let chosen = async |query: &str| {
        let log = double.control("GET", &format!("requests?{query}"), &Value::Null).await;
        log["requests"].as_array().unwrap().len()
    };
    assert_eq!(chosen("vendor=partnerstack").await, 2);
    assert_eq!(chosen("vendor=partnerstack-guide").await, 1);
    assert_eq!(chosen("path=customers").await, 1);
    assert_eq!(chosen("key=u_1").await, 1);
}

#[tokio::test]
async fn a_long_body_is_cut_in_the_log() {
    let double = Double::start().await;
    double.post(&format!("{CURRENT}/customers"), &json!({ "email": "x".repeat(9_000) })).await;
    let log = double.control("GET", "requests", &Value::Null).await;
    assert_eq!(log["requests"][0]["body"].as_str().unwrap().len(), 4_096);
}

#[tokio::test]
async fn nothing_that_a_client_chooses_is_kept_at_any_length() {
    let double = Double::start().await;
    let long = "é".repeat(20_000);
    let encoded = "%C3%A9".repeat(5_000);
    double
        .conversion(&json!({ "xid": "x", "customer_key": long }))
        .header("user-agent", &"u".repeat(20_000))
        .send()
        .await;
    let many: String = (0..100).map(|number| format!("&p{number}=x")).collect();
    double.get(&format!("{CURRENT}/customers/{encoded}?a={encoded}{many}")).await;
    let log = double.control("GET", "requests", &Value::Null).await;
    let effects = double.control("GET", "effects", &Value::Null).await;
    let texts = [
        &log["requests"][0]["external_key"],
        &log["requests"][0]["user_agent"],
        &log["requests"][1]["path"],
        &effects["effects"][0]["external_key"],
    ];
    for text in texts {
        assert!((1_000..=1_024).contains(&text.as_str().unwrap().len()), "{text}");
    }
    let query = log["requests"][1]["query"].as_object().unwrap();
    assert_eq!((query.len(), query["a"].as_str().unwrap().len()), (32, 1_024));
}

#[tokio::test]
async fn fifty_callers_at_once_are_counted_logged_and_struck_one_by_one() {
    let double = Double::start().await;
    double.arm(json!({ "vendor": "partnerstack", "kind": "status", "status": 503, "times": 20 })).await;
    let xid = double.click().await;
    let calls = (0..50).flat_map(|number| {
        let conversion = double.conversion(&json!({ "xid": xid, "customer_key": format!("u_{number}") }));
        let clock = double.draft("POST", "/control/clock").json(&json!({ "advance_ms": 1_000 }));
        [conversion, clock, double.draft("GET", "/control/requests")]
    });
    let mut refused = 0;
    for sent in calls.map(|draft| tokio::spawn(draft.send())).collect::<Vec<_>>() {
        refused += usize::from(sent.await.unwrap().status == StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(refused, 20);
    assert_eq!(double.state().await["customers"].as_array().unwrap().len(), 30);
    assert_eq!(double.control("GET", "clock", &Value::Null).await["offset_ms"], 50_000);
    assert_eq!(double.control("GET", "faults", &Value::Null).await["faults"][0]["struck"], 20);
    let log = double.control("GET", "requests", &Value::Null).await;
    let seqs: Vec<u64> = log["requests"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()).collect();
    assert_eq!((seqs, &log["total"]), ((1..=50).collect(), &json!(50)));
    let effects = double.control("GET", "effects?operation=conversion", &Value::Null).await;
    let sum =
        |name: &str| effects["effects"].as_array().unwrap().iter().filter_map(|one| one[name].as_u64()).sum::<u64>();
    assert_eq!(["received", "processed", "refused", "effects"].map(sum), [50, 30, 0, 30]);
}

#[tokio::test]
async fn a_control_call_asked_about_something_unknown_is_refused_by_name() {
    let double = Double::start().await;
    for path in ["requests?vendr=partnerstack", "effects?path=x", "clock?now=1"] {
        let reply = double.draft("GET", &format!("/control/{path}")).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(reply.value()["message"].as_str().unwrap().contains("unknown parameter"), "{path}");
    }
}

#[tokio::test]
async fn effects_tell_arrival_acceptance_and_effect_apart_with_their_times() {
    let double = Double::start().await;
    let now_ms = double.control("GET", "clock", &Value::Null).await["now_ms"].as_i64().unwrap();
    let conversion = json!({ "xid": double.click().await, "customer_key": "u_1" });
    double.arm(json!({ "vendor": "partnerstack", "kind": "reset_before", "times": 1 })).await;
    assert!(double.conversion(&conversion).try_send().await.is_err());
    double.advance(60_000).await;
    double.conversion(&conversion).send().await;
    double.conversion(&json!({ "customer_key": "u_1" })).send().await;

    let tally = double.effect("conversion", "u_1").await;
    let counts = ["received", "processed", "refused", "effects"].map(|name| tally[name].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 1, 1], "{tally}");
    assert_eq!(tally["received_ms"].as_array().unwrap().len(), 3);
    let effect_ms = tally["effect_ms"][0].as_i64().unwrap();
    assert!((now_ms + 60_000..now_ms + 120_000).contains(&effect_ms));

    double.get(&format!("{CURRENT}/customers/u_1")).await;
    let read = double.effect("customer.read", "u_1").await;
    assert_eq!((&read["received"], &read["refused"], &read["effects"]), (&json!(1), &json!(1), &json!(0)));
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let double = Double::start().await;
    double.conversion(&json!({ "xid": double.click().await, "customer_key": "u_1" })).send().await;
    let change = json!({ "dedupe": false, "visible_after_ms": 5, "meta_keys": ["a"], "accept_credentials": { "public_key": "x" } });
    let settings = double.control("POST", "partnerstack/settings", &change).await;
    assert_eq!(settings, json!({ "visible_after_ms": 5, "dedupe": false, "meta_keys": ["a"] }));
    double.arm(json!({ "vendor": "partnerstack", "kind": "truncate" })).await;
    double.advance(1_000_000).await;

    assert_eq!(double.control("POST", "reset", &Value::Null).await["offset_ms"], 0);
    assert_eq!(double.control("GET", "faults", &Value::Null).await, json!({ "faults": [] }));
    assert_eq!(double.control("GET", "effects", &Value::Null).await, json!({ "effects": [] }));
    assert_eq!(double.control("GET", "requests", &Value::Null).await["total"], 0);
    let state = double.state().await;
    assert_eq!((&state["customers"], &state["clicks"]), (&json!([]), &json!([])));
    assert_eq!(double.get(&format!("{CURRENT}/groups")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_another_origin_may_read_and_steer() {
    let double = Double::start().await;
    for (method, path) in [("OPTIONS", "/control/faults"), ("GET", "/control/clock"), ("GET", "/control/nothing")] {
        let reply = double.draft(method, path).send().await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{method} {path}");
        assert_eq!(reply.header("access-control-allow-headers"), Some("content-type"), "{method} {path}");
    }
    assert_eq!(double.draft("GET", "/control/nothing").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_control_call_with_a_field_misspelt_is_refused_by_name() {
    let double = Double::start().await;
    let cases = [
        ("clock", json!({ "advance": 1 })),
        ("partnerstack/settings", json!({ "dedup": false })),
        ("partnerstack/settings", json!({ "accept_credentials": { "token": "x" } })),
        ("partnerstack/clicks", json!({ "partner": "ada" })),
    ];
    for (path, body) in cases {
        let reply = double.draft("POST", &format!("/control/{path}")).json(&body).send().await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path} {body}");
        assert!(reply.value()["message"].as_str().unwrap().contains("unknown field"), "{path} {body}");
    }
}
