//! Introw: links, conversions with their three answers, and portal sessions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{INTROW_CAMPAIGN_KEYS, INTROW_PUBLISHABLE_KEY, Settings};

use crate::client::{Double, Draft, Reply};
use crate::introw::{API, call, refused, send, settings, state};

const LINK: &str = "alder-advisory";

async fn click(double: &Double, link: &str) -> String {
    let click = double.control("POST", "introw/clicks", &json!({ "link": link })).await;
    click["irw_id"].as_str().unwrap().to_owned()
}

async fn convert(double: &Double, body: &Value) -> Reply {
    send(double, "POST", "/affiliate/conversions", body).await
}

/// A conversion as the script in a browser reports it.
fn browser(double: &Double, key: &str, body: &Value) -> Draft {
    let draft = double.draft("POST", &format!("{API}/affiliate/conversions")).header("x-introw-publishable-key", key);
    draft.header("origin", "https://shop.example").header("user-agent", "test/1").json(body)
}

/// Status code and word, after a check that the ids are null exactly where nothing is recorded.
fn outcome(reply: &Reply) -> (u16, String) {
    let body = reply.value();
    let word = body["status"].as_str().unwrap_or_default().to_owned();
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
    for id in ["conversionId", "formSubmissionId"] {
        assert_eq!(body[id].is_null(), word == "ignored", "{body}");
    }
    (reply.status.as_u16(), word)
}

fn is(code: u16, word: &str) -> (u16, String) {
    (code, word.to_owned())
}

#[tokio::test]
async fn a_click_token_converts_once_ever() {
    let double = Double::start().await;
    let token = click(&double, LINK).await;
    let body = json!({
        "clickId": token, "email": "a@shop.example", "properties": { "fld_customer": "u_1", "plan": "pro", "seats": 3 },
    });
    let first = convert(&double, &body).await;
    assert_eq!(outcome(&first), is(201, "recorded"));
    double.advance(40 * 86_400_000).await;
    for body in [body, json!({ "clickId": token, "email": "b@shop.example" })] {
        let again = convert(&double, &body).await;
        assert_eq!(outcome(&again), is(200, "duplicate"));
        assert_eq!(again.value()["conversionId"], first.value()["conversionId"]);
    }
    let tally = double.effect("conversion", &token).await;
    assert_eq!((&tally["processed"], &tally["effects"]), (&json!(3), &json!(1)));
    let conversions = state(&double).await["conversions"].clone();
    assert_eq!(conversions.as_array().unwrap().len(), 1);
    let one = &conversions[0];
    assert_eq!(
        (&one["fields"], &one["unmapped"]),
        (&json!({ "fld_customer": "u_1" }), &json!({ "plan": "pro", "seats": 3 }))
    );
    assert_eq!((&one["email"], &one["state"]), (&json!("a@shop.example"), &json!("Submitted")));
}

#[tokio::test]
async fn conversions_of_one_token_that_come_at_once_are_one() {
    let double = Double::start().await;
    let body = json!({ "clickId": click(&double, LINK).await });
    let path = format!("{API}/affiliate/conversions");
    let sent = (0..50).map(|_| tokio::spawn(call(&double, "POST", &path).json(&body).send()));
    let mut words = Vec::new();
    for sent in sent.collect::<Vec<_>>() {
        words.push(outcome(&sent.await.unwrap()).1);
    }
    assert_eq!((words.iter().filter(|word| *word == "recorded").count(), words.len()), (1, 50));
}

#[tokio::test]
async fn without_dedupe_every_processed_conversion_is_an_effect() {
    let double = Double::start().await;
    settings(&double, json!({ "dedupe": false })).await;
    let token = click(&double, LINK).await;
    for _ in 0..2 {
        assert_eq!(outcome(&convert(&double, &json!({ "clickId": token })).await), is(201, "recorded"));
    }
    assert_eq!(double.effect("conversion", &token).await["effects"], 2);
}

#[tokio::test]
async fn a_conversion_that_cannot_be_credited_is_ignored_with_the_status_of_a_success() {
    let double = Double::start().await;
    let ignored = async |body: Value| {
        assert_eq!(outcome(&convert(&double, &body).await), is(200, "ignored"), "{body}");
    };
    ignored(json!({ "clickId": "forged" })).await;
    let (revoked, archived) = (click(&double, "birch-advisory").await, click(&double, "cedar-advisory").await);
    double.control("POST", "introw/links/birch-advisory/revoke", &json!({})).await;
    double.control("POST", "introw/partners/partner_3/archive", &json!({})).await;
    ignored(json!({ "clickId": revoked })).await;
    ignored(json!({ "clickId": archived })).await;
    let token = click(&double, LINK).await;
    ignored(json!({ "clickId": token, "publishableKey": INTROW_CAMPAIGN_KEYS[1] })).await;
    settings(&double, json!({ "origins": ["https://other.example"] })).await;
    let elsewhere = browser(&double, INTROW_PUBLISHABLE_KEY, &json!({ "clickId": token })).send().await;
    assert_eq!(outcome(&elsewhere), is(200, "ignored"));
    double.advance(90 * 86_400_000 + 60_000).await;
    ignored(json!({ "clickId": token })).await;
    settings(&double, json!({ "window_days": 91 })).await;
    assert_eq!(
        outcome(&convert(&double, &json!({ "clickId": token })).await),
        is(201, "recorded"),
        "it was never used"
    );
    double.control("POST", "introw/links/birch-advisory/restore", &json!({})).await;
    assert_eq!(outcome(&convert(&double, &json!({ "clickId": revoked })).await), is(201, "recorded"));
}

#[tokio::test]
async fn a_browser_converts_with_a_publishable_key_and_no_other() {
    let double = Double::start().await;
    for (key, link) in [(INTROW_PUBLISHABLE_KEY, "fir-cloud-2"), (INTROW_CAMPAIGN_KEYS[0], LINK)] {
        let body = json!({ "clickId": click(&double, link).await, "email": "" });
        assert_eq!(outcome(&browser(&double, key, &body).send().await), is(201, "recorded"));
    }
    let token = click(&double, LINK).await;
    let body = json!({ "clickId": token });
    let in_body = json!({ "clickId": token, "publishableKey": INTROW_PUBLISHABLE_KEY });
    let plain = || double.draft("POST", &format!("{API}/affiliate/conversions")).header("user-agent", "test/1");
    refused(&plain().json(&body).send().await, 401);
    refused(&browser(&double, "pk_aff_org_forged", &body).send().await, 401);
    refused(&browser(&double, INTROW_PUBLISHABLE_KEY, &body).header("x-api-key", "forged").send().await, 401);
    let both = call(&double, "POST", &format!("{API}/affiliate/conversions"))
        .header("x-introw-publishable-key", INTROW_PUBLISHABLE_KEY);
    refused(&both.json(&body).send().await, 422);
    refused(&convert(&double, &json!({ "clickId": token, "publishableKey": "pk_aff_org_forged" })).await, 422);
    settings(&double, json!({ "ignore_unknown_publishable_key": true })).await;
    assert_eq!(outcome(&browser(&double, "pk_aff_org_forged", &body).send().await), is(200, "ignored"));
    assert_eq!(double.effect("conversion", &token).await["effects"], 0);
    assert_eq!(outcome(&plain().json(&in_body).send().await), is(201, "recorded"));
}

#[tokio::test]
async fn what_no_document_allows_in_a_conversion_is_refused() {
    let double = Double::start().await;
    let token = click(&double, LINK).await;
    let bad = [
        json!({}),
        json!({ "email": "a@b.example" }),
        json!({ "clickId": "" }),
        json!({ "clickId": null }),
        json!({ "clickId": "x".repeat(257) }),
        json!({ "clickId": token, "email": null }),
        json!({ "clickId": token, "email": "a@localhost" }),
        json!({ "clickId": token, "properties": [] }),
        json!({ "clickId": token, "properties": { "a": null } }),
        json!({ "clickId": token, "properties": { "a": {} } }),
        json!({ "clickId": token, "publishableKey": "" }),
        json!({ "clickId": token, "amount": "29.90" }),
        json!({ "clickId": token, "customer_key": "u_1" }),
    ];
    for body in bad {
        refused(&convert(&double, &body).await, 422);
    }
    let form = call(&double, "POST", &format!("{API}/affiliate/conversions")).body(format!("clickId={token}"));
    refused(&form.header("content-type", "application/x-www-form-urlencoded").send().await, 422);
    let error = refused(&convert(&double, &json!({ "clickId": token, "email": "é@shop.example" })).await, 422);
    assert_eq!(error["details"][0]["input"], "é@shop.example", "a client must not print this: {error}");
    assert!(!error["message"].as_str().unwrap().contains('@'), "{error}");
    assert_eq!(double.effect("conversion", &token).await["effects"], 0);
}

#[tokio::test]
async fn a_link_leads_to_the_landing_page_with_a_token_that_converts() {
    let landing_url = "https://shop.example/start?a=1#top".to_owned();
    let double = Double::with(Settings { landing_url, ..Settings::default() }).await;
    let reply = double.draft("GET", "/introw/r/alder-advisory").send().await;
    assert_eq!(reply.status, StatusCode::FOUND);
    let location = reply.header("location").unwrap();
    let partner = state(&double).await["partners"][0].clone();
    assert_eq!(partner["name"], "Alder Advisory");
    let named = format!("https://shop.example/start?a=1&via={}&irw_id=", partner["id"].as_str().unwrap());
    let token = location.strip_prefix(&named).unwrap().strip_suffix("#top").unwrap();
    assert!(token.len() <= 256);
    assert_eq!(outcome(&convert(&double, &json!({ "clickId": token })).await), is(201, "recorded"));
    let plain = double.draft("GET", "/introw/r/alder-advisory-2").send().await;
    let location = plain.header("location").unwrap();
    assert!(location.starts_with("https://shop.example/start?a=1&irw_id="), "the other campaign's link: {location}");
    double.control("POST", "introw/links/alder-advisory/revoke", &json!({})).await;
    for code in ["alder-advisory", "nobody"] {
        let reply = double.draft("GET", &format!("/introw/r/{code}")).send().await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::NOT_FOUND, None));
    }
}

#[tokio::test]
async fn people_decide_about_a_conversion_later() {
    let double = Double::start().await;
    let token = click(&double, LINK).await;
    convert(&double, &json!({ "clickId": token })).await;
    for (word, shown) in [("approve", "Pending"), ("reject", "Failed")] {
        double.control("POST", &format!("introw/conversions/{token}/{word}"), &json!({})).await;
        assert_eq!(state(&double).await["conversions"][0]["state"], shown);
    }
    assert_eq!(
        outcome(&convert(&double, &json!({ "clickId": token })).await),
        is(200, "duplicate"),
        "the token is used"
    );
}

#[tokio::test]
async fn a_portal_session_is_for_a_visitor_with_access_and_opens_once() {
    let double = Double::start().await;
    let session = async |body: Value| send(&double, "POST", "/auth/session", &body).await;
    let reply = session(json!({ "email": "Manager@alder-advisory.example" })).await;
    assert_eq!((reply.status, reply.value().as_object().unwrap().len()), (StatusCode::OK, 1));
    let url = reply.value()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&format!("http://{}", double.address())).unwrap();
    for status in [StatusCode::OK, StatusCode::GONE] {
        assert_eq!(double.draft("GET", path).send().await.status, status);
    }
    let late = session(json!({ "email": "manager@alder-advisory.example" })).await.value()["url"].clone();
    double.advance(5 * 60_000 + 1).await;
    let path = late.as_str().unwrap().strip_prefix(&format!("http://{}", double.address())).unwrap();
    assert_eq!(double.draft("GET", path).send().await.status, StatusCode::GONE);

    let room = state(&double).await["partners"][1]["room_id"].clone();
    refused(&session(json!({ "email": "manager@alder-advisory.example", "roomId": room })).await, 401);
    assert_eq!(
        session(json!({ "email": "manager@birch-advisory.example", "roomId": room })).await.status,
        StatusCode::OK
    );
    refused(&session(json!({ "email": "nobody@shop.example" })).await, 401);
    for body in
        [json!({}), json!({ "email": "" }), json!({ "email": "nobody" }), json!({ "email": "a@b.example", "url": "x" })]
    {
        refused(&session(body).await, 422);
    }
}
