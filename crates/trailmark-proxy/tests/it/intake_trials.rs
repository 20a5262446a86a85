//! Conversions with `test: true`, of a page and of a backend: decided and recorded, without a claim, a delivery or any effect on
//! what really happens to the same customer.

use serde_json::json;

use super::support::backend::with;
use super::support::browser::{BrowserKey, payload, signup};
use super::support::operator::Office;
use super::support::proxy::{HOST, SITES, TestProxy};

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_decided_and_recorded_claims_nothing_and_is_sent_nowhere() {
    let office = Office::open().await;
    let (proxy, key) = (&office.proxy, BrowserKey::new());
    let token = proxy.arrive(1, &key).await;
    let tried = proxy.convert(1, &key, &token, with(signup("u_1"), "test", true)).await;
    assert_eq!((tried.status, tried.header("trailmark-seen")), (202, "direct other"), "{tried:?}");
    let receipt = tried.json();
    assert_eq!((&receipt["status"], &receipt["code"]), (&json!("accepted"), &json!("test")));
    assert_eq!(receipt["attribution"], json!([{"program": "main", "partner": "ada"}]));
    assert_eq!(receipt["deliveries"], json!([]));

    let real = proxy.convert(2, &key, &token, signup("u_1")).await;
    assert_eq!((real.header("trailmark-seen"), &real.json()["status"]), ("", &json!("accepted")), "{real:?}");
    assert_eq!(real.json()["deliveries"].as_array().unwrap().len(), 1, "the key was free");
    let other = proxy.convert(1, &key, &token, signup("u_1")).await;
    assert_eq!(other.code(), "409 jti_mismatch", "that it is a test belongs to its content");

    let id = receipt["conversion_id"].as_str().unwrap();
    let told = office.desk.run(&format!("conversions explain {id}")).well();
    assert!(told.starts_with("Test: It is a test") && told.contains("Signup of customer (test)"), "{told}");
    assert!(!told.contains("u_1"), "{told}");
    let checked = office.desk.run("store check").well();
    assert!(checked.contains("all hold"), "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backends_test_leaves_its_order_free() {
    let office = Office::open().await;
    let (proxy, key) = (&office.proxy, office.proxy.api_key("acme").await);
    office.signup(1).await;
    let order = json!({"key": "o_1", "amount_minor": 4900, "currency": "EUR"});
    let sale = json!({"kind": "sale", "customer": {"key": "u_1"}, "order": order});
    let tried = proxy.report(&key, "sale-test", &with(sale.clone(), "test", true)).await.json();
    assert_eq!((&tried["code"], &tried["deliveries"]), (&json!("test"), &json!([])), "{tried}");
    let real = proxy.report(&key, "sale-real", &sale).await.json();
    assert_eq!((&real["status"], real["deliveries"].as_array().unwrap().len()), (&json!("accepted"), 1), "{real}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_test_says_how_the_web_server_passed_it_on() {
    for (trusted, header, seen) in [
        ("", None, "direct own"),
        ("", Some("198.51.100.1"), "untrusted own"),
        ("trusted_proxies = [\"127.0.0.1\"]", None, "missing own"),
        ("trusted_proxies = [\"127.0.0.1\"]", Some("198.51.100.1"), "forwarded own"),
        ("trusted_proxies = [\"127.0.0.1\"]", Some("unknown"), "missing own"),
    ] {
        let toml = SITES.replace("[server]", &format!("[server]\n{trusted}"));
        let proxy = TestProxy::with(&toml).await;
        let key = BrowserKey::new();
        let token = proxy.arrive(1, &key).await;
        let payload = payload(&proxy, 1, &token, with(signup("u_1"), "test", true));
        let mut request = proxy.request("v1/conversions", key.envelope(&payload)).header("host", HOST);
        if let Some(address) = header {
            request = request.header("x-forwarded-for", address);
        }
        assert_eq!(proxy.send(request).await.header("trailmark-seen"), seen, "{trusted} {header:?}");
    }
}
