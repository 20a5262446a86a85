//! Introw: who may call, how often, and what a refused call leaves behind.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{INTROW_API_KEY, INTROW_PUBLISHABLE_KEY, Settings};

use crate::client::Double;
use crate::introw::{API, call, get, refused, send, settings, state};

async fn click(double: &Double) -> String {
    let click = double.control("POST", "introw/clicks", &json!({ "link": "alder-advisory" })).await;
    click["irw_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_needs_the_key_in_its_header() {
    let double = Double::start().await;
    for path in [format!("{API}/partners"), "/introw-guide/api/v1/partners".to_owned()] {
        let plain = || double.draft("GET", &path).header("user-agent", "test/1");
        refused(&plain().send().await, 401);
        refused(&plain().header("x-api-key", "forged").send().await, 401);
        refused(&plain().header("authorization", &format!("Bearer {INTROW_API_KEY}")).send().await, 401);
        refused(&double.draft("GET", &format!("{path}?x-api-key={INTROW_API_KEY}")).send().await, 401);
        assert_eq!(call(&double, "GET", &path).send().await.status, StatusCode::OK);
    }
    settings(&double, json!({ "accept_credentials": { "api_key": "new" } })).await;
    refused(&get(&double, "/partners").await, 401);
}

#[tokio::test]
async fn every_call_needs_its_scope_and_changes_nothing_without() {
    let double = Double::start().await;
    let body = json!({ "clickId": click(&double).await, "name": "A" });
    let calls = [
        ("GET", "/partners", "partners:read"),
        ("GET", "/partners/partner_1", "partners:read"),
        ("POST", "/partners", "partners:write"),
        ("PATCH", "/partners/partner_1", "partners:write"),
        ("GET", "/payouts", "commissions:read"),
        ("GET", "/payouts/x", "commissions:read"),
        ("PATCH", "/payouts/x", "commissions:write"),
        ("GET", "/commission-lines", "commissions:read"),
        ("GET", "/commission-lines/x", "commissions:read"),
        ("POST", "/commission-lines", "commissions:write"),
        ("PATCH", "/commission-lines/x", "commissions:write"),
        ("POST", "/commission-lines/x/decline", "commissions:write"),
        ("POST", "/commission-lines/x/detach", "commissions:write"),
        ("POST", "/auth/session", "portal-sessions:write"),
        ("POST", "/affiliate/conversions", "affiliate:write"),
    ];
    let before = state(&double).await;
    let all = settings(&double, json!({})).await["scopes"].clone();
    for (method, path, scope) in calls {
        let others: Vec<&Value> = all.as_array().unwrap().iter().filter(|owned| *owned != scope).collect();
        settings(&double, json!({ "scopes": others })).await;
        let error = refused(&send(&double, method, path, &body).await, 403);
        assert!(error["message"].as_str().unwrap().contains(scope), "{error}");
        settings(&double, json!({ "scopes": [scope] })).await;
        assert_ne!(send(&double, method, path, &json!({})).await.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    let after = state(&double).await;
    assert_eq!((&after["partners"], &after["conversions"]), (&before["partners"], &before["conversions"]));
}

#[tokio::test]
async fn the_121st_call_of_a_minute_is_refused_and_the_next_minute_begins_again() {
    let double = Double::start().await;
    let now_ms = double.control("GET", "clock", &Value::Null).await["now_ms"].as_i64().unwrap();
    double.advance(60_000 - now_ms.rem_euclid(60_000)).await;
    for count in 1..=120_u32 {
        let reply = get(&double, "/partners?limit=1").await;
        assert_eq!(reply.header("x-ratelimit-limit-minute"), Some("120"));
        assert_eq!(reply.header("x-ratelimit-remaining-minute"), Some((120 - count).to_string().as_str()));
    }
    let reply = get(&double, "/partners?limit=1").await;
    refused(&reply, 429);
    assert_eq!(reply.header("retry-after"), None, "no document says when to come back");
    let token = click(&double).await;
    refused(&send(&double, "POST", "/affiliate/conversions", &json!({ "clickId": token })).await, 429);
    assert_eq!(double.effect("conversion", &token).await["effects"], 0);
    settings(&double, json!({ "rate_limit_per_minute": null })).await;
    let reply = get(&double, "/partners?limit=1").await;
    assert_eq!((reply.status, reply.header("x-ratelimit-limit-minute")), (StatusCode::OK, None));
    settings(&double, json!({ "rate_limit_per_minute": 120 })).await;
    double.advance(60_000).await;
    assert_eq!(get(&double, "/partners?limit=1").await.header("x-ratelimit-remaining-minute"), Some("119"));
}

#[tokio::test]
async fn the_months_credits_pay_for_successful_calls_of_servers_alone() {
    let double = Double::start().await;
    assert_eq!(get(&double, "/partners").await.header("x-introw-credits-limit-month"), None);
    settings(&double, json!({ "credits_per_month": 2 })).await;
    refused(&get(&double, "/partners?limit=0").await, 422);
    refused(&get(&double, "/partners/nobody").await, 404);
    for remaining in ["1", "0"] {
        let reply = get(&double, "/payouts").await;
        assert_eq!(reply.header("x-introw-credits-limit-month"), Some("2"));
        assert_eq!(reply.header("x-introw-credits-remaining-month"), Some(remaining));
    }
    let token = click(&double).await;
    let body = json!({ "clickId": token });
    let error = refused(&send(&double, "POST", "/affiliate/conversions", &body).await, 402);
    assert_eq!(error["code"], "API_CREDITS_EXHAUSTED");
    assert_eq!(double.effect("conversion", &token).await["effects"], 0);
    let browser = double.draft("POST", &format!("{API}/affiliate/conversions"));
    let browser = browser.header("x-introw-publishable-key", INTROW_PUBLISHABLE_KEY).json(&body).send().await;
    assert_eq!(browser.status, StatusCode::CREATED);
    assert_eq!(call(&double, "GET", "/introw-guide/api/v1/partners").send().await.status, StatusCode::OK);
    double.advance(32 * 86_400_000).await;
    assert_eq!(get(&double, "/payouts").await.header("x-introw-credits-remaining-month"), Some("1"));
}

#[tokio::test]
async fn only_json_is_offered_and_unknown_paths_are_not_there() {
    let double = Double::start().await;
    let asked = |accept: &str| {
        double.draft("GET", &format!("{API}/partners")).header("x-api-key", INTROW_API_KEY).header("accept", accept)
    };
    for good in ["*/*", "application/json", "text/html, application/json;q=0.9", "application/*"] {
        assert_eq!(asked(good).send().await.status, StatusCode::OK, "{good}");
    }
    refused(&asked("text/html").send().await, 406);
    for (method, path) in [
        ("GET", ""),
        ("GET", "/customers"),
        ("POST", "/transactions"),
        ("PUT", "/partners/partner_1"),
        ("POST", "/payouts"),
    ] {
        refused(&send(&double, method, path, &json!({})).await, 404);
    }
}

#[tokio::test]
async fn faults_speak_in_the_vendors_envelope() {
    let double = Double::start().await;
    double.arm(json!({ "vendor": "introw", "kind": "status", "status": 500, "times": 1 })).await;
    refused(&get(&double, "/partners").await, 500);
    double.arm(json!({ "vendor": "introw", "kind": "reset_after", "times": 1 })).await;
    let token = click(&double).await;
    let path = format!("{API}/affiliate/conversions");
    assert!(call(&double, "POST", &path).json(&json!({ "clickId": token })).try_send().await.is_err());
    assert_eq!(double.effect("conversion", &token).await["effects"], 1);
    let again = send(&double, "POST", "/affiliate/conversions", &json!({ "clickId": token })).await;
    assert_eq!(again.value()["status"], "duplicate");
}

#[tokio::test]
async fn a_good_client_breaks_no_rule_and_a_bad_one_is_written_down() {
    let double = Double::start().await;
    get(&double, "/partners").await;
    let listed = double.control("GET", "violations", &Value::Null).await;
    assert_eq!(listed["total"], 0, "{listed}");
    get(&double, &format!("/partners?key={INTROW_API_KEY}")).await;
    send(&double, "POST", "/affiliate/conversions", &json!({ "clickId": "x", "amount": 1 })).await;
    let listed = double.control("GET", "violations", &Value::Null).await;
    let rules: Vec<&Value> = listed["violations"].as_array().unwrap().iter().map(|one| &one["rule"]).collect();
    for rule in ["secret_in_address", "unknown_parameter", "unknown_field"] {
        assert!(rules.contains(&&json!(rule)), "{listed}");
    }
    assert!(!listed.to_string().contains(INTROW_API_KEY));
}

#[tokio::test]
async fn a_restarted_simulator_knows_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let settings = || Settings { state: Some(folder.path().join("simulator.json")), ..Settings::default() };
    let double = Double::with(settings()).await;
    let token = click(&double).await;
    send(&double, "POST", "/affiliate/conversions", &json!({ "clickId": token })).await;
    let partner = get(&double, "/partners/partner_1").await.value()["data"]["id"].clone();
    let line = json!({ "partnerId": partner, "amount": "1", "currency": "USD", "idempotencyKey": "k_1" });
    let first = send(&double, "POST", "/commission-lines", &line).await.value();
    double.control("POST", "introw/payouts", &json!({ "partner_id": partner })).await;
    let holdings = async |double: &Double| {
        let mut state = state(double).await;
        state.as_object_mut().unwrap().remove("now_ms");
        state
    };
    let before = holdings(&double).await;
    drop(double);

    let double = Double::with(settings()).await;
    assert_eq!(holdings(&double).await, before);
    let again = send(&double, "POST", "/affiliate/conversions", &json!({ "clickId": token })).await;
    assert_eq!(again.value()["status"], "duplicate");
    let again = send(&double, "POST", "/commission-lines", &line).await.value();
    assert_eq!(again["data"]["id"], first["data"]["id"]);
    assert_ne!(click(&double).await, token, "tokens of before are not minted again");
}
