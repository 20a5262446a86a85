//! Money that the site's backend reports, over HTTP: renewals, refunds and their ends, and a page's conversions when
//! the backend reports the same.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, signup};
use crate::support::proxy::{Answer, TestProxy};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn sale(key: &str, customer: &str, minor: i64) -> Value {
    let order = json!({"key": key, "amount_minor": minor, "currency": "KWD"});
    json!({"kind": "sale", "customer": {"key": customer}, "order": order})
}

fn refund(key: &str, of: &str, minor: i64) -> Value {
    json!({"kind": "refund", "refund_of": of, "order": {"key": key, "amount_minor": minor, "currency": "KWD"}})
}

/// `status code` of a receipt or a conversion.
fn said(answer: &Answer) -> String {
    let receipt = answer.json();
    let code = receipt["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
    format!("{}{code}", receipt["status"].as_str().unwrap_or(&answer.body))
}

/// Customer `c1`, who signed up in a browser, with a proxy and an API key.
async fn shop() -> (TestProxy, String, BrowserKey, String) {
    let proxy = TestProxy::start().await;
    let browser = BrowserKey::new();
    let token = proxy.arrive(1, &browser).await;
    assert_eq!(said(&proxy.convert(1, &browser, &token, signup("c1")).await), "accepted");
    let key = proxy.api_key("acme").await;
    (proxy, key, browser, token)
}

#[tokio::test]
async fn a_renewal_after_the_window_and_its_refunds_go_to_the_partner_of_the_signup() {
    let (proxy, key, ..) = shop().await;
    proxy.clock.advance(400 * DAY_MS);
    let renewal = proxy.report(&key, "1", &sale("o1", "c1", 12_345)).await;
    assert_eq!(said(&renewal), "accepted");
    assert_eq!(renewal.json()["attribution"], json!([{"program": "main", "partner": "ada"}]));
    for (number, (body, end)) in (10..).zip([
        (refund("r1", "o1", 12_000), "accepted"),
        (refund("r1", "o1", 12_000), "duplicate"),
        (refund("r2", "o1", 346), "rejected refund_above_sale"),
        (refund("r2", "o1", 345), "accepted"),
        (refund("r3", "o9", 1), "held sale_unknown"),
        (with(refund("r4", "o1", 1), "customer", json!({"key": "c2"})), "rejected refund_customer"),
        (sale("o2", "nobody", 1), "unattributed customer_unknown"),
        (refund("r5", "o2", 1), "unattributed sale_unattributed"),
    ]) {
        let answer = proxy.report(&key, &number.to_string(), &body).await;
        assert_eq!(said(&answer), end, "{body}");
        assert_eq!(answer.status, if end == "duplicate" { 200 } else { 202 }, "{body}");
    }
}

#[tokio::test]
async fn a_refund_before_its_sale_follows_it_and_its_first_receipt_stays() {
    let (proxy, key, ..) = shop().await;
    let early = proxy.report(&key, "early", &refund("r1", "o1", 100)).await;
    assert_eq!(said(&early), "held sale_unknown");
    let id = early.json()["conversion_id"].as_str().unwrap().to_owned();
    assert_eq!(said(&proxy.report(&key, "sale", &sale("o1", "c1", 100)).await), "accepted");
    let now = proxy.read_back(&key, &id).await;
    assert_eq!((said(&now).as_str(), now.json()["deliveries"].as_array().unwrap().len()), ("accepted", 1));
    let again = proxy.report(&key, "early", &refund("r1", "o1", 100)).await;
    assert_eq!((said(&again).as_str(), &again.json()["replayed"]), ("held sale_unknown", &json!(true)));
    assert_eq!(said(&proxy.report(&key, "late", &refund("r2", "o1", 1)).await), "rejected refund_above_sale");
}

#[tokio::test]
async fn of_fifty_refunds_at_once_no_more_pass_than_the_sale_bears() {
    let (proxy, key, ..) = shop().await;
    proxy.report(&key, "sale", &sale("o1", "c1", 1000)).await;
    let bodies: Vec<Value> = (0..50).map(|number| refund(&format!("r{number}"), "o1", 90)).collect();
    let names: Vec<String> = (0..50).map(|number| format!("refund-{number}")).collect();
    let all = join_all(names.iter().zip(&bodies).map(|(name, body)| proxy.report(&key, name, body))).await;
    assert_eq!(all.iter().filter(|answer| said(answer) == "accepted").count(), 11);
    assert_eq!(all.iter().filter(|answer| said(answer) == "rejected refund_above_sale").count(), 39);
}

#[tokio::test]
async fn the_backends_word_closes_what_a_page_claimed_and_a_page_refunds_nothing() {
    let (proxy, key, browser, token) = shop().await;
    let claimed = proxy.convert(2, &browser, &token, sale("o1", "c1", 999_999)).await;
    assert_eq!(said(&claimed), "held money_unsigned");
    assert_eq!(proxy.convert(3, &browser, &token, refund("r1", "o1", 1)).await.code(), "403 not_allowed");
    assert_eq!(said(&proxy.report(&key, "sale", &sale("o1", "c1", 100)).await), "accepted");
    let id = claimed.json()["conversion_id"].as_str().unwrap().to_owned();
    assert_eq!(said(&proxy.read_back(&key, &id).await), "duplicate closed_by_server");
    // Later ones from the page find the key taken and learn nothing.
    let late = proxy.convert(4, &browser, &token, sale("o1", "c1", 5)).await;
    assert_eq!((said(&late).as_str(), &late.json()["attribution"]), ("duplicate", &json!([])));
    // A page cannot claim a customer that the backend has reported, even if nobody was credited.
    assert_eq!(said(&proxy.report(&key, "organic", &customer("c9")).await), "unattributed no_touch");
    assert_eq!(said(&proxy.convert(5, &browser, &token, signup("c9")).await), "duplicate");
}

#[tokio::test]
async fn one_sites_customers_and_sales_are_unknown_at_another() {
    let (proxy, key, ..) = shop().await;
    proxy.report(&key, "sale", &sale("o1", "c1", 100)).await;
    let elsewhere = proxy.api_key("zeta").await;
    assert_eq!(said(&proxy.report(&elsewhere, "1", &sale("o2", "c1", 100)).await), "unattributed customer_unknown");
    assert_eq!(said(&proxy.report(&elsewhere, "2", &refund("r1", "o1", 1)).await), "held sale_unknown");
}
