//! The operator's listener over HTTP: access, content, refused changes.

use serde_json::{Value, json};

use super::support::operator::{ADMIN_KEY, Office};

const GUARDED: [&str; 13] = [
    "/v1/conversions",
    "/v1/conversions/019aa5a0",
    "/v1/conversions/019aa5a0/explain",
    "/v1/conversions/019aa5a0/history",
    "/v1/sums",
    "/v1/troubles",
    "/v1/touches",
    "/v1/deliveries",
    "/v1/lanes",
    "/v1/webhooks",
    "/v1/webhooks/019aa5a0",
    "/v1/health",
    "/v1/keys?site=acme",
];

/// The ledger view: its pages, and the scripts of both.
const PAGES: [&str; 2] = ["/", "/ledger/conversions/019aa5a0"];
const SCRIPTS: [&str; 7] = ["/view.js", "/conversion.js", "/ask.js", "/draw.js", "/say.js", "/sums.js", "/vendor.js"];

const POSTS: [&str; 7] = [
    "/v1/changes",
    "/v1/conversions/search",
    "/v1/lanes/open",
    "/v1/conversions/019aa5a0/check",
    "/v1/webhooks/019aa5a0/change",
    "/v1/keys/rotate",
    "/v1/keys/revoke",
];

#[tokio::test]
async fn without_the_admin_key_nothing_of_the_ledger_is_shown_or_changed() {
    let office = Office::locked().await;
    let keys = office.proxy.store.keys(office.proxy.app.config.sites[0].id.clone()).await.unwrap().len();
    for path in GUARDED {
        assert_eq!(office.get(path).await.code(), "401 unauthenticated", "{path}");
    }
    for path in POSTS {
        assert_eq!(office.post(path, &json!({ "site": "acme" })).await.code(), "401 unauthenticated", "{path}");
    }
    for wrong in ["", "Bearer", "Bearer wrong", "Basic YTpi", &format!("Bearer {ADMIN_KEY}x"), ADMIN_KEY] {
        let request = office.proxy.http.get(office.url("/v1/lanes")).header("authorization", wrong);
        assert_eq!(office.proxy.send(request).await.code(), "401 unauthenticated", "{wrong}");
    }
    assert_eq!(office.proxy.store.keys(office.proxy.app.config.sites[0].id.clone()).await.unwrap().len(), keys);
    let request = office.proxy.http.get(office.url("/v1/lanes")).bearer_auth(ADMIN_KEY);
    assert_eq!(office.proxy.send(request).await.status, 200);
}

#[tokio::test]
async fn health_metrics_and_the_page_need_no_key() {
    let office = Office::locked().await;
    for path in ["/healthz", "/readyz", "/metrics"].into_iter().chain(PAGES).chain(SCRIPTS).chain(["/view.css"]) {
        assert_eq!(office.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_the_listeners_is_refused() {
    let office = Office::open().await;
    for host in
        ["evil.example", "evil.example:8788", "10.0.0.1:8788", "localhost.evil.example", "127.0.0.1.evil.example"]
    {
        for path in GUARDED.into_iter().chain(["/", "/view.js", "/metrics", "/nothing"]) {
            let request = office.proxy.http.get(office.url(path)).header("host", host);
            assert_eq!(office.proxy.send(request).await.code(), "403 not_allowed", "{host} {path}");
        }
    }
    for host in ["localhost", "localhost:8788", "127.0.0.1", "[::1]:1"] {
        let request = office.proxy.http.get(office.url("/v1/lanes")).header("host", host);
        assert_eq!(office.proxy.send(request).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn another_sites_page_cannot_ask_nor_change() {
    let office = Office::open().await;
    for site in ["cross-site", "same-site"] {
        let request = office.proxy.http.get(office.url("/v1/lanes")).header("sec-fetch-site", site);
        assert_eq!(office.proxy.send(request).await.code(), "403 not_allowed", "{site}");
    }
    // field-faults row 76
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let request = office.proxy.http.post(office.url("/v1/keys/rotate")).header("origin", origin);
        assert_eq!(office.proxy.send(request).await.code(), "403 not_allowed", "{origin}");
    }
    // Requests that a form or a simple fetch can send without a preflight.
    let change = json!({ "site": "acme" }).to_string();
    let request = office.proxy.http.post(office.url("/v1/keys/rotate")).header("content-type", "text/plain");
    assert_eq!(office.proxy.send(request.body(change)).await.code(), "400 malformed");
}

#[tokio::test]
async fn every_answer_stays_out_of_caches_frames_and_other_origins() {
    let office = Office::locked().await;
    for path in ["/", "/v1/lanes", "/healthz", "/metrics", "/nothing", "/view.js"] {
        let answer = office.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{path}");
    }
}

// field-faults row 78
#[tokio::test]
async fn whatever_the_address_or_the_method_a_refusal_is_a_problem_document() {
    let office = Office::open().await;
    let http = &office.proxy.http;
    for (request, code) in [
        (http.get(office.url("/v1/conversions/%ff")), "404 not_found"),
        (http.get(office.url("/v1/conversions/%ff/explain")), "404 not_found"),
        (http.post(office.url("/v1/conversions/%ff/release")).body("{}"), "404 not_found"),
        (http.get(office.url("/v1/webhooks/%c3%28")), "404 not_found"),
        (http.get(office.url("/%ff")), "404 not_found"),
        (http.get(office.url(&format!("/v1/conversions/{}", "a".repeat(8_000)))), "404 not_found"),
        (http.get(office.url("/v1/conversions?limit=%ff")), "400 malformed"),
        (http.delete(office.url("/v1/conversions")), "405 not_allowed"),
        (http.put(office.url("/v1/changes")), "405 not_allowed"),
        (http.post(office.url("/metrics")), "405 not_allowed"),
        (http.post(office.url("/healthz")), "405 not_allowed"),
    ] {
        let answer = office.proxy.send(request).await;
        assert_eq!(
            (answer.code().as_str(), answer.header("content-type")),
            (code, "application/problem+json"),
            "{answer:?}"
        );
        assert!(answer.json()["detail"].is_string() && (answer.status != 405 || !answer.header("allow").is_empty()));
    }
}

#[tokio::test]
async fn a_page_runs_no_script_but_files_of_its_own() {
    let office = Office::open().await;
    for (path, script) in PAGES.into_iter().zip(["view.js", "../../conversion.js"]) {
        let page = office.get(path).await.body;
        assert_eq!(page.matches("<script").count(), 1, "{path}");
        assert!(page.contains(&format!("<script type=\"module\" src=\"{script}\"></script>")), "{path}");
        assert!(!page.contains("style=\""), "{path}");
        assert!(!page.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')), "{path}");
    }
    for path in SCRIPTS {
        let answer = office.get(path).await;
        assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8", "{path}");
        for unsafe_word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"] {
            assert!(!answer.body.contains(unsafe_word), "{unsafe_word} in {path}");
        }
        let imported = answer.body.split(" from '").skip(1).filter_map(|rest| rest.split('\'').next());
        for name in imported {
            assert!(SCRIPTS.contains(&name.trim_start_matches('.')), "{name} in {path}");
        }
    }
}

#[tokio::test]
async fn a_signup_shows_with_its_touch_delivery_and_way_and_no_address() {
    let office = Office::open().await;
    let id = office.signup(1).await;
    let list = office.get("/v1/conversions").await;
    assert_eq!(list.json()["items"][0]["id"], json!(id));
    assert_eq!(office.get("/v1/touches").await.json()["items"][0]["partner"], "ada");
    assert_eq!(office.get("/v1/deliveries").await.json()["items"][0]["state"], "due");
    let way = office.get(&format!("/v1/conversions/{}/explain", &id[..18])).await;
    assert_eq!(way.status, 200);
    for part in ["Waiting: ", "partner ada", "click id click1", "Credited", "PartnerStack", "It is due"] {
        assert!(way.body.contains(part), "{part} in {}", way.body);
    }
    for path in GUARDED.into_iter().filter(|path| !path.contains("019aa5a0")) {
        assert!(!office.get(path).await.body.contains("ada@example.com"), "{path}");
    }
    let detail = office.get(&format!("/v1/conversions/{id}")).await;
    assert!(!detail.body.contains('@') && !way.body.contains('@'), "{}", detail.body);
    let metrics = office.get("/metrics").await.body;
    assert!(metrics.contains("trailmark_deliveries{state=\"due\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_delivery_is_dropped_and_retried_by_hand_and_a_verdict_on_a_due_one_is_refused() {
    let office = Office::open().await;
    office.signup(1).await;
    let delivery = office.get("/v1/deliveries").await.json()["items"][0]["id"].clone();
    let change = |change: Value| {
        let office = &office;
        async move { office.post("/v1/changes", &change).await }
    };
    let resolve = json!({ "change": "resolve", "delivery": delivery, "verdict": "recorded", "reason": "seen there" });
    let refused = change(resolve).await;
    assert_eq!(refused.code(), "409 refused");
    assert!(refused.json()["detail"].as_str().unwrap().contains("due"), "{refused:?}");
    let dropped = change(json!({ "change": "drop", "delivery": delivery, "reason": "a test" })).await;
    assert_eq!((dropped.status, &dropped.json()["state"]), (200, &json!("dropped")));
    assert_eq!(office.get("/v1/deliveries").await.json(), json!({ "items": [], "next": null }));
    assert_eq!(office.get("/v1/deliveries?settled=true").await.json()["items"][0]["state"], "dropped");
    let again = change(json!({ "change": "retry", "delivery": delivery, "accept_double": false })).await;
    assert_eq!((again.status, &again.json()["state"], &again.json()["generation"]), (200, &json!("due"), &json!(2)));
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_name() {
    let office = Office::open().await;
    for (path, code) in [
        ("/v1/conversions?limit=0", "400 malformed"),
        ("/v1/conversions?limit=1001", "400 malformed"),
        ("/v1/conversions?site=No%20Site", "400 malformed"),
        ("/v1/conversions/019aa5a0-6f70-7000-8000-000000000001", "404 not_found"),
        ("/v1/conversions/019", "409 refused"),
        ("/v1/keys", "400 malformed"),
        ("/v1/keys?site=nobody", "404 not_found"),
        ("/v1/nothing", "404 not_found"),
    ] {
        assert_eq!(office.get(path).await.code(), code, "{path}");
    }
    for body in [json!({}), json!({ "change": "forget" }), json!({ "change": "drop", "delivery": "x", "reason": "r" })]
    {
        assert_eq!(office.post("/v1/changes", &body).await.code(), "400 malformed", "{body}");
    }
    let unknown = json!({ "change": "drop", "delivery": "019aa5a0-6f70-7000-8000-000000000001", "reason": "a test" });
    assert_eq!(office.post("/v1/changes", &unknown).await.code(), "404 not_found");
}

#[tokio::test]
async fn keys_are_announced_rotated_and_revoked_and_never_shown() {
    let office = Office::open().await;
    let first = office.get("/v1/keys?site=acme").await.json();
    assert_eq!(first[0]["state"], "signing");
    // Keys created in the same millisecond have no order.
    office.proxy.clock.advance(1);
    let rotated = office.post("/v1/keys/rotate", &json!({ "site": "acme" })).await;
    assert_eq!(rotated.json()[0]["state"], "published");
    office.proxy.clock.advance(1);
    let now = office.post("/v1/keys/rotate", &json!({ "site": "acme", "at_once": true })).await.json();
    assert_eq!(now[0]["state"], "signing");
    let revoke = json!({ "site": "acme", "kid": first[0]["kid"] });
    let revoked = office.post("/v1/keys/revoke", &revoke).await;
    let old = revoked.json().as_array().unwrap().iter().find(|key| key["kid"] == first[0]["kid"]).cloned().unwrap();
    assert_eq!(old["state"], "revoked");
    assert!(!revoked.body.contains("private"));
    assert_eq!(office.post("/v1/keys/revoke", &revoke).await.code(), "409 refused");
    let unknown = json!({ "site": "acme", "kid": "0000000000000000" });
    assert_eq!(office.post("/v1/keys/revoke", &unknown).await.code(), "404 not_found");
}
