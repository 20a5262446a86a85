//! Server conversions: whose they are, what is believed, and reading them back.

use serde_json::{Value, json};
use trailmark_proxy::explain::explain;
use trailmark_wire::time::UnixMillis;

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, arrival, claims, landing, signup, token};
use crate::support::proxy::{Answer, TestProxy};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a backend may know of one visitor.
struct Words {
    token: String,
    cookie: String,
    reference: String,
}

impl TestProxy {
    /// A visitor of site `acme` with a new touch.
    async fn touched(&self, number: u8) -> Words {
        let answer = self.post("v1/clicks", arrival(number, &landing(&format!("click{number}"))).to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let token = token(&answer);
        let cookie = answer.cookie("tm_acme_v").split_once('=').unwrap().1.to_owned();
        let reference = claims(&token)["sub"].as_str().unwrap().to_owned();
        Words { token, cookie, reference }
    }
}

#[track_caller]
fn check(answer: &Answer, status: &str, code: Option<&str>) {
    assert_eq!(answer.status, 202, "{answer:?}");
    let receipt = answer.json();
    assert_eq!((&receipt["status"], receipt["code"].as_str()), (&json!(status), code), "{receipt}");
    assert_eq!(receipt["deliveries"].as_array().unwrap().is_empty(), status != "accepted", "{receipt}");
}

#[tokio::test]
async fn click_token_visitor_cookie_and_reference_lead_to_the_visitor() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    let said = [("click_token", &words.token), ("visitor", &words.cookie), ("reference", &words.reference)];
    for (name, value) in said {
        let answer = proxy.report(&key, name, &with(customer(name), name, value.as_str())).await;
        check(&answer, "accepted", None);
        assert_eq!(answer.json()["attribution"], json!([{"program": "main", "partner": "ada"}]));
        let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
        assert_eq!(proxy.read_back(&key, &id).await.json()["assurance"], "server");
    }
}

#[tokio::test]
async fn the_surest_word_decides_and_a_bad_one_does_not_spoil_a_good_one() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    let both = with(with(customer("u_1"), "click_token", "a.b.c"), "visitor", words.cookie.as_str());
    check(&proxy.report(&key, "k1", &both).await, "accepted", None);
    let last = with(with(customer("u_2"), "visitor", "x"), "reference", words.reference.as_str());
    check(&proxy.report(&key, "k2", &last).await, "accepted", None);
    proxy.clock.advance(1000);
    let later = arrival(2, "http://127.0.0.1:8787/?via=bob");
    let other = proxy.post("v1/clicks", later.to_string()).await;
    let first = with(with(customer("u_3"), "click_token", words.token), "visitor", cookie(&other));
    let answer = proxy.report(&key, "k3", &first).await;
    assert_eq!(answer.json()["attribution"][0]["partner"], "ada");
}

fn cookie(answer: &Answer) -> String {
    answer.cookie("tm_acme_v").split_once('=').unwrap().1.to_owned()
}

#[tokio::test]
async fn words_that_lead_nowhere_never_refuse_and_say_why_nobody_is_credited() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    let unknown = trailmark_wire::ids::VisitorId::from_random([9; 16]);
    let mut number = 0;
    let mut cases = vec![
        (customer("u"), "no_touch"),
        (with(customer("u"), "click_token", "a.b.c"), "token_invalid"),
        (with(customer("u"), "click_token", words.cookie.as_str()), "token_invalid"),
        (with(customer("u"), "visitor", words.token.as_str()), "visitor_invalid"),
        (with(customer("u"), "visitor", ""), "no_touch"),
        (with(customer("u"), "visitor", "x"), "visitor_invalid"),
        (with(customer("u"), "reference", unknown.as_str()), "reference_unknown"),
        (with(customer("u"), "reference", "r".repeat(5000)), "reference_unknown"),
        (with(with(customer("u"), "click_token", "a.b.c"), "reference", "x"), "token_invalid"),
    ];
    for (mut body, code) in cases.drain(..) {
        number += 1;
        body["customer"]["key"] = json!(format!("u_{number}"));
        check(&proxy.report(&key, &format!("k{number}"), &body).await, "unattributed", Some(code));
    }
    proxy.clock.advance(91 * DAY_MS);
    for (name, word, code) in
        [("click_token", words.token, "token_expired"), ("visitor", words.cookie, "visitor_expired")]
    {
        check(&proxy.report(&key, name, &with(customer(name), name, word)).await, "unattributed", Some(code));
    }
    // A reference does not expire; its touches do.
    let over = proxy.report(&key, "over", &with(customer("over"), "reference", words.reference)).await;
    check(&over, "unattributed", Some("touch_expired"));
}

#[tokio::test]
async fn a_known_customer_decides_where_nobody_else_is_named() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    let browser = BrowserKey::new();
    let bound = proxy.arrive(2, &browser).await;
    assert_eq!(proxy.convert(2, &browser, &bound, signup("u_browser")).await.status, 202);
    let server = with(customer("u_server"), "click_token", words.token);
    check(&proxy.report(&key, "k1", &server).await, "accepted", None);
    let lead = |of: &str| json!({"kind": "lead", "customer": {"key": of}});
    check(&proxy.report(&key, "k2", &lead("u_browser")).await, "accepted", None);
    check(&proxy.report(&key, "k3", &with(lead("u_server"), "click_token", "over.and.over")).await, "accepted", None);
    check(&proxy.report(&key, "k4", &lead("u_nobody")).await, "unattributed", Some("customer_unknown"));
}

#[tokio::test]
async fn a_report_without_a_visitor_of_an_unknown_customer_is_not_said_to_have_no_touch() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    let of = |kind: &str, customer: &str| {
        let order = json!({"key": format!("o_{kind}_{customer}"), "amount_minor": 100, "currency": "EUR"});
        match kind {
            "sale" => json!({"kind": kind, "customer": {"key": customer}, "order": order}),
            _ => json!({"kind": kind, "customer": {"key": customer}}),
        }
    };
    check(
        &proxy.report(&key, "organic", &with(customer("u_organic"), "visitor", Value::Null)).await,
        "unattributed",
        Some("no_touch"),
    );
    for kind in ["lead", "sale"] {
        let report = async |name: &str, body: Value| proxy.report(&key, &format!("{kind}-{name}"), &body).await;
        let unknown = Some("customer_unknown");
        check(&report("unsaid", of(kind, "u_never")).await, "unattributed", unknown);
        check(&report("null", with(of(kind, "u_no_cookie"), "visitor", Value::Null)).await, "unattributed", unknown);
        check(&report("blank", with(of(kind, "u_blank"), "visitor", " ")).await, "unattributed", unknown);
        // The signup is known, and no link led to it; or the visitor is known, and has no touch that the site counts.
        check(&report("organic", of(kind, "u_organic")).await, "unattributed", Some("no_touch"));
        check(&report("bad", with(of(kind, "u_bad"), "visitor", "x")).await, "unattributed", Some("visitor_invalid"));
        // With a visitor of a partner it waits for the signup instead.
        check(
            &report("touched", with(of(kind, "u_later"), "click_token", words.token.as_str())).await,
            "accepted",
            None,
        );
    }
}

#[tokio::test]
async fn what_an_expired_word_leads_to_is_kept_for_explain_and_credits_nobody() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    proxy.clock.advance(91 * DAY_MS);
    let over = proxy.report(&key, "over", &with(customer("over"), "visitor", words.cookie)).await;
    check(&over, "unattributed", Some("visitor_expired"));
    let id = over.json()["conversion_id"].as_str().unwrap().to_owned();
    let detail = proxy.store.conversion(id).await.unwrap();
    let text = explain(&detail, &[]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("The last touch known for it: ada, "), "{text}");
    assert!(text.contains("good for 90 days (`window_days`), until ") && text.contains("Nothing is due."), "{text}");
    assert!(text.contains("Not credited: its window ended at "), "{text}");
    assert!(!text.contains("after the decision"), "{text}");
}

#[tokio::test]
async fn a_server_is_believed_about_money_and_as_many_customers_as_it_says() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    for number in 0..5 {
        let body = with(customer(&format!("u_{number}")), "reference", words.reference.as_str());
        check(&proxy.report(&key, &format!("k{number}"), &body).await, "accepted", None);
    }
    let sale = json!({"kind": "sale", "customer": {"key": "u_1"}, "reference": words.reference,
                      "order": {"key": "o_1", "amount_minor": 1990, "currency": "EUR"}});
    check(&proxy.report(&key, "sale", &sale).await, "accepted", None);
    let again = proxy.report(&key, "other", &sale).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &json!("duplicate")));
}

#[tokio::test]
async fn a_bad_word_does_not_hide_why_a_refund_goes_nowhere() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let order = |key: &str| json!({"key": key, "amount_minor": 100, "currency": "EUR"});
    let sale = json!({"kind": "sale", "customer": {"key": "u_1"}, "click_token": "x", "order": order("o_1")});
    check(&proxy.report(&key, "sale", &sale).await, "unattributed", Some("token_invalid"));
    let refund = json!({"kind": "refund", "refund_of": "o_1", "click_token": "x", "order": order("r_1")});
    check(&proxy.report(&key, "refund", &refund).await, "unattributed", Some("sale_unattributed"));
}

#[tokio::test]
async fn a_servers_time_is_never_the_future_nor_before_its_tokens_touch() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    let touched_at = proxy.now();
    // A token gives its touch's time to the second.
    let by_the_token = UnixMillis::from_seconds(touched_at.seconds()).plus(999);
    proxy.clock.advance(DAY_MS);
    let at = |body: Value, at: &str| with(body, "occurred_at", at);
    let occurred = async |idempotency_key: &str, body: Value| {
        let answer = proxy.report(&key, idempotency_key, &body).await;
        let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
        let found = proxy.read_back(&key, &id).await.json();
        let decided = UnixMillis(found["decision"]["conversion_at"].as_i64().unwrap());
        (answer.json()["status"].as_str().unwrap().to_owned(), decided)
    };
    let by_token = |name: &str| with(customer(name), "click_token", words.token.as_str());
    let by_reference = |name: &str| with(customer(name), "reference", words.reference.as_str());
    let accepted = |at| ("accepted".to_owned(), at);
    assert_eq!(occurred("k1", by_token("u_1")).await, accepted(proxy.now()));
    assert_eq!(occurred("k2", at(by_token("u_2"), "2099-01-01T00:00:00Z")).await, accepted(proxy.now()));
    assert_eq!(occurred("k3", at(by_token("u_3"), "1999-01-01T00:00:00Z")).await, accepted(by_the_token));
    let between = touched_at.plus(3_600_000);
    assert_eq!(occurred("k4", at(by_reference("u_4"), &between.to_rfc3339())).await, accepted(between));
    let before = proxy.report(&key, "k5", &at(by_reference("u_5"), "1999-01-01T00:00:00Z")).await;
    check(&before, "unattributed", Some("touch_after_conversion"));
}

#[tokio::test]
async fn a_conversion_is_read_back_with_decision_and_deliveries_by_its_own_site_alone() {
    let proxy = TestProxy::start().await;
    let key = proxy.api_key("acme").await;
    let words = proxy.touched(1).await;
    let answer = proxy.report(&key, "k", &with(customer("u_1"), "click_token", words.token)).await;
    let id = answer.json()["conversion_id"].as_str().unwrap().to_owned();
    let found = proxy.read_back(&key, &id).await;
    assert_eq!(found.status, 200);
    let shown = found.json();
    assert_eq!((&shown["conversion_id"], &shown["status"]), (&json!(id), &json!("accepted")));
    assert_eq!((&shown["kind"], &shown["external_id"]), (&json!("signup"), &json!("u_1")));
    assert_eq!(shown["received_at"], proxy.now().to_rfc3339());
    assert_eq!(shown["decision"]["considered"][0]["verdict"], "credited");
    let delivery = &shown["deliveries"][0];
    assert_eq!((&delivery["program"], &delivery["state"]), (&json!("main"), &json!("due")));
    assert!(!found.body.contains("ada@example.com"));
    let zeta = proxy.api_key("zeta").await;
    for (key, id) in [(&zeta, id.as_str()), (&key, &id[..18]), (&key, "x"), (&key, &words.reference)] {
        assert_eq!(proxy.read_back(key, id).await.code(), "404 not_found", "{id}");
    }
}

#[tokio::test]
async fn what_one_site_gave_leads_nowhere_at_another() {
    let proxy = TestProxy::start().await;
    let zeta = proxy.api_key("zeta").await;
    let words = proxy.touched(1).await;
    for (name, word, code) in [
        ("click_token", words.token, "token_invalid"),
        ("visitor", words.cookie, "visitor_invalid"),
        ("reference", words.reference, "reference_unknown"),
    ] {
        check(&proxy.report(&zeta, name, &with(customer(name), name, word)).await, "unattributed", Some(code));
    }
}
