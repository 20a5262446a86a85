//! Conversions over HTTP: receipts, repeats, duplicates, held conversions, deliveries.

use serde_json::{Value, json};
use trailmark_proxy::store::operator::Filter;

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, arrival, landing, payload, signup, token};
use crate::support::proxy::{Answer, SITES, START, TestProxy};

/// `status code replayed` of a receipt.
fn said(answer: &Answer) -> String {
    let receipt = answer.json();
    let code = receipt["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
    let replayed = if receipt["replayed"] == json!(true) { " replayed" } else { "" };
    format!("{} {}{code}{replayed}", answer.status, receipt["status"].as_str().unwrap_or("-"))
}

#[tokio::test]
async fn a_signed_signup_is_accepted_and_a_repeat_gives_the_first_receipt() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let first = proxy.convert(1, &key, &token, signup("c1")).await;
    assert_eq!(said(&first), "202 accepted");
    assert_eq!(first.json()["attribution"], json!([{"program": "main", "partner": "ada"}]));
    assert_eq!(first.json()["deliveries"], json!([{"program": "main", "state": "due"}]));
    // Another signature, a later time and a new token are the same content.
    proxy.clock.advance(5_000);
    let again = proxy.convert(1, &key, &token, signup("c1")).await;
    assert_eq!(said(&again), "200 accepted replayed");
    assert_eq!(again.json()["conversion_id"], first.json()["conversion_id"]);
    let other = proxy.convert(1, &key, &token, signup("c2")).await;
    assert_eq!(other.code(), "409 jti_mismatch");
    assert_eq!(proxy.conversions().await, 1);
    let rows = proxy.store.conversions(Filter::default()).await.unwrap();
    assert_eq!((rows[0].assurance.as_str(), rows[0].external_id.as_deref()), ("bound", Some("c1")));
}

#[tokio::test]
async fn a_duplicate_tells_a_browser_nothing_about_the_other_conversion() {
    let proxy = TestProxy::start().await;
    let (key, other) = (BrowserKey::new(), BrowserKey::new());
    let (token, others) = (proxy.arrive(1, &key).await, proxy.arrive(2, &other).await);
    let first = proxy.convert(1, &key, &token, signup("c1")).await;
    let second = proxy.convert(2, &other, &others, signup("c1")).await;
    assert_eq!(said(&second), "200 duplicate");
    assert_eq!((&second.json()["attribution"], &second.json()["deliveries"]), (&json!([]), &json!([])));
    assert_ne!(second.json()["conversion_id"], first.json()["conversion_id"]);
}

#[tokio::test]
async fn without_a_key_the_payload_travels_plain_and_is_bearer() {
    let proxy = TestProxy::start().await;
    let click = proxy.post("v1/clicks", arrival(1, &landing("click1")).to_string()).await;
    let body = payload(&proxy, 1, &token(&click), signup("c1"));
    assert_eq!(said(&proxy.post("v1/conversions", body.to_string()).await), "202 accepted");
    // A signature with a key that the token does not name adds nothing.
    let signed = BrowserKey::new().envelope(&payload(&proxy, 2, &token(&click), signup("c2")));
    assert_eq!(said(&proxy.post("v1/conversions", signed).await), "202 accepted");
    let rows = proxy.store.conversions(Filter::default()).await.unwrap();
    assert!(rows.iter().all(|row| row.assurance == "bearer"));
}

#[tokio::test]
async fn what_a_browser_may_not_decide_is_held() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let order = json!({"key": "o1", "amount_minor": 100, "currency": "EUR"});
    let customer = json!({"key": "c9"});
    for (number, data, expected) in [
        (1, json!({"kind": "sale", "customer": customer, "order": order}), "202 held money_unsigned"),
        (2, json!({"kind": "sale", "signed_order": "a.b.c"}), "202 held order_malformed"),
        (3, json!({"kind": "signup", "signed_customer": "a.b.c"}), "202 held customer_malformed"),
        (4, json!({"kind": "lead", "customer": customer}), "202 accepted"),
        (5, signup("c1"), "202 accepted"),
        (6, signup("c2"), "202 accepted"),
        (7, signup("c3"), "202 accepted"),
        (8, signup("c4"), "202 held signups_per_visitor"),
    ] {
        let answer = proxy.convert(number, &key, &token, data).await;
        assert_eq!(said(&answer), expected);
        let delivers = expected == "202 accepted";
        assert_eq!(answer.json()["deliveries"] == json!([]), !delivers, "{expected}");
    }
}

#[tokio::test]
async fn a_site_may_ask_for_signed_customers() {
    let proxy =
        TestProxy::with(&SITES.replacen("id = \"acme\"", "id = \"acme\"\nrequire_signed_customer = true", 1)).await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    assert_eq!(said(&proxy.convert(1, &key, &token, signup("c1")).await), "202 held customer_unsigned");
}

#[tokio::test]
async fn a_browsers_time_is_clamped_between_touch_and_receipt() {
    let proxy = TestProxy::with(&SITES.replacen("id = \"acme\"", "id = \"acme\"\nsignups_per_visitor = 5", 1)).await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    proxy.clock.advance(60_000);
    // Slightly and decades before the touch, in the touch's second, in between, and ahead within the skew.
    let (touch_s, now) = (START.seconds(), START.plus(60_000));
    for (number, iat, least, most) in [
        (1, touch_s - 1, START, START.plus(999)),
        (2, 0, START, START.plus(999)),
        (3, touch_s, START, START.plus(999)),
        (4, touch_s + 30, START.plus(29_000), START.plus(31_000)),
        (5, touch_s + 90, now, now),
    ] {
        let mut body =
            payload(&proxy, number, &token, json!({"kind": "lead", "customer": {"key": format!("c{number}")}}));
        body["iat"] = json!(iat);
        let answer = proxy.post("v1/conversions", key.envelope(&body)).await;
        assert_eq!(said(&answer), "202 accepted", "{iat}");
        let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
        let detail = proxy.store.conversion(id).await.unwrap();
        assert!((least..=most).contains(&detail.occurred_at), "{iat}: {}", detail.occurred_at);
    }
}

#[tokio::test]
async fn a_token_passes_until_its_last_second() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let day_ms = 24 * 60 * 60 * 1000;
    proxy.clock.advance(90 * day_ms - 1_000);
    assert_eq!(said(&proxy.convert(1, &key, &token, signup("c1")).await), "202 accepted");
    proxy.clock.advance(1_000);
    assert_eq!(proxy.convert(2, &key, &token, signup("c2")).await.code(), "401 token_expired");
}

#[tokio::test]
async fn a_full_queue_is_told_to_come_again_and_nothing_is_written() {
    let proxy = TestProxy::with(&format!("[limits]\nqueue = 1\n{SITES}")).await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    assert_eq!(said(&proxy.convert(1, &key, &token, signup("c1")).await), "202 accepted");
    let full = proxy.convert(2, &key, &token, signup("c2")).await;
    assert_eq!((full.code().as_str(), full.header("retry-after")), ("503 unavailable", "5"));
    assert_eq!(said(&proxy.convert(3, &key, &token, signup("c1")).await), "200 duplicate");
    assert_eq!(proxy.conversions().await, 2);
}

// field-faults row 77
#[tokio::test]
async fn a_queue_that_pages_have_filled_takes_a_backend_until_it_holds_twice_as_much() {
    let proxy = TestProxy::with(&format!("[limits]\nqueue = 2\n{SITES}")).await;
    let (key, backend) = (BrowserKey::new(), proxy.api_key("acme").await);
    let token = proxy.arrive(1, &key).await;
    for (number, status) in [(1, "202 accepted"), (2, "202 accepted")] {
        assert_eq!(said(&proxy.convert(number, &key, &token, signup(&format!("c{number}"))).await), status);
    }
    let detail = |answer: &Answer| {
        assert_eq!((answer.code().as_str(), answer.header("retry-after")), ("503 unavailable", "5"));
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    let full = detail(&proxy.convert(3, &key, &token, signup("c3")).await);
    assert!(full.contains("`limits.queue`") && full.contains("pages") && full.contains("lanes list"), "{full}");
    let report = async |customer_key: &str| {
        let body = with(customer(customer_key), "click_token", token.as_str());
        proxy.report(&backend, customer_key, &body).await
    };
    assert_eq!(said(&report("s1").await), "202 accepted");
    assert_eq!(said(&report("s2").await), "202 accepted");
    let full = detail(&report("s3").await);
    assert!(full.contains("twice `limits.queue`") && full.contains("lanes list"), "{full}");
    // What makes no delivery needs no room.
    assert_eq!(report("s1").await.json()["replayed"], true);
    assert_eq!(said(&proxy.convert(4, &key, &token, signup("c1")).await), "200 duplicate");
    let organic = proxy.report(&backend, "organic", &customer("organic")).await;
    assert_eq!(organic.json()["status"], "unattributed", "{organic:?}");
}

#[tokio::test]
async fn the_wake_follows_a_commit_that_made_deliveries() {
    let proxy = TestProxy::start().await;
    let woken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = woken.clone();
    proxy.app.on_commit(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    });
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    let sale: Value = json!({"kind": "sale", "signed_order": "a.b.c"});
    for (number, data, wakes) in [(1, signup("c1"), 1), (1, signup("c1"), 1), (2, sale, 1), (3, signup("c2"), 2)] {
        proxy.convert(number, &key, &token, data).await;
        assert_eq!(woken.load(std::sync::atomic::Ordering::SeqCst), wakes);
    }
}

#[tokio::test]
async fn a_touch_keeps_its_time_when_the_window_is_changed() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let token = proxy.arrive(1, &key).await;
    proxy.clock.advance(1_000);
    for (number, days) in [(1, 1), (2, 365)] {
        let site = format!("id = \"acme\"\nwindow_days = {days}");
        let changed = proxy.reconfigured(&SITES.replacen("id = \"acme\"", &site, 1)).await;
        let mut body =
            payload(&proxy, number, &token, json!({"kind": "lead", "customer": {"key": format!("c{number}")}}));
        // A clock without battery: the conversion cannot be earlier than its touch.
        body["iat"] = json!(0);
        let answer = changed.post("v1/conversions", key.envelope(&body)).await;
        assert_eq!(said(&answer), "202 accepted", "{days}");
    }
}
