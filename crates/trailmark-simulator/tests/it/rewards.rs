//! What partners earn at the double, and what it tells of itself.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client::{CURRENT, Double, GUIDE};

/// A customer of partner `ada` in `current`; gives the vendor's key.
async fn customer(double: &Double, key: &str) -> String {
    let body = json!({ "customer_key": key, "email": format!("{key}@customers.example"), "partner_key": "ada" });
    let made = double.post(&format!("{CURRENT}/customers"), &body).await.data();
    made["key"].as_str().unwrap().to_owned()
}

async fn sale(double: &Double, customer: &str, key: &str) {
    let body = json!({ "customer_external_key": customer, "key": key, "amount": 4900, "currency": "EUR" });
    double.post(&format!("{CURRENT}/transactions"), &body).await.data();
}

async fn rewards(double: &Double, query: &str) -> Vec<Value> {
    let list = double.get(&format!("{CURRENT}/rewards?{query}")).await.data();
    list["items"].as_array().unwrap().clone()
}

async fn decide(double: &Double, key: &str, word: &str) -> Value {
    double.control("POST", &format!("partnerstack/rewards/{key}/{word}"), &json!({})).await
}

/// Listens for webhooks and answers each with 204; gives the address and each body as it came.
async fn listener() -> (String, tokio::sync::mpsc::UnboundedReceiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (came, bodies) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            let body = loop {
                let mut chunk = [0; 4096];
                let size = stream.read(&mut chunk).await.unwrap();
                read.extend_from_slice(&chunk[..size]);
                let text = String::from_utf8_lossy(&read);
                let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
                if let Some(body) = body {
                    break body;
                }
            };
            stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            came.send(body).unwrap();
        }
    });
    (url, bodies)
}

#[tokio::test]
async fn a_sale_earns_a_pending_fifth_that_people_approve_and_pay() {
    let double = Double::start().await;
    let own = customer(&double, "u_1").await;
    sale(&double, "u_1", "order_1").await;
    let earned = rewards(&double, &format!("customer_key={own}")).await;
    assert_eq!((earned.len(), &earned[0]["amount"], &earned[0]["reward_status"]), (1, &json!(980), &json!("pending")));
    assert_eq!((&earned[0]["transaction"]["key"], &earned[0]["customer"]["key"]), (&json!("order_1"), &json!(own)));
    assert_eq!(decide(&double, "order_1", "approve").await["reward_status"], "approved");
    assert_eq!(decide(&double, "order_1", "pay").await["payment_status"], "withdrawn");
    assert_eq!(rewards(&double, "payment_status=withdrawn").await.len(), 1);
    assert_eq!(rewards(&double, "payment_status=available").await.len(), 0);
    let state = double.state().await;
    assert_eq!(state["rewards"][0]["payment_status"], "withdrawn");
}

#[tokio::test]
async fn a_deleted_sale_earns_nothing() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    sale(&double, "u_1", "order_1").await;
    decide(&double, "order_1", "approve").await;
    double.api("DELETE", &format!("{CURRENT}/transactions/order_1")).send().await.data();
    assert_eq!(rewards(&double, "").await[0]["reward_status"], "declined");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    sale(&double, "u_1", "order_1").await;
    let refused = async |path: &str, body: Value| {
        double.draft("POST", &format!("/control/partnerstack/{path}")).json(&body).send().await.status
    };
    assert_eq!(refused("rewards/order_1/pay", json!({})).await, StatusCode::BAD_REQUEST, "not approved yet");
    decide(&double, "order_1", "decline").await;
    assert_eq!(refused("rewards/order_1/approve", json!({})).await, StatusCode::BAD_REQUEST, "declined for good");
    assert_eq!(refused("rewards/order_1/dance", json!({})).await, StatusCode::NOT_FOUND);
    assert_eq!(refused("rewards/nothing/approve", json!({})).await, StatusCode::BAD_REQUEST);
    assert_eq!(refused("rewards", json!({ "customer_key": "nobody" })).await, StatusCode::BAD_REQUEST);
    assert_eq!(refused("partners/nobody/archive", json!({})).await, StatusCode::BAD_REQUEST);
    for url in ["https://127.0.0.1/x", "http://example.com/x", "nonsense"] {
        assert_eq!(refused("webhooks", json!({ "url": url })).await, StatusCode::BAD_REQUEST, "{url}");
    }
    assert_eq!(refused("webhooks/send", json!({ "body": {} })).await, StatusCode::BAD_REQUEST, "pointed nowhere");
    let list = format!("{CURRENT}/rewards");
    assert_eq!(double.get(&format!("{list}?customer_key=u_1")).await.status, StatusCode::NOT_FOUND, "not its own key");
    assert_eq!(double.get(&format!("{list}?partner=ada")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(double.draft("GET", &list).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(double.post(&list, &json!({})).await.status, StatusCode::NOT_FOUND, "rewards are not made by API here");
}

#[tokio::test]
async fn a_reward_for_a_signup_is_given_by_hand_and_belongs_to_the_customer_alone() {
    let double = Double::start().await;
    let own = customer(&double, "u_1").await;
    double.control("POST", "partnerstack/rewards", &json!({ "customer_key": "u_1", "amount": 2500 })).await;
    let earned = rewards(&double, &format!("customer_key={own}")).await;
    assert_eq!((&earned[0]["amount"], &earned[0]["transaction"]), (&json!(2500), &Value::Null));
}

#[tokio::test]
async fn current_tells_of_customers_and_partners_in_order_and_never_of_rewards() {
    let double = Double::start().await;
    let (url, mut bodies) = listener().await;
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url })).await;
    let own = customer(&double, "u_1").await;
    sale(&double, "u_1", "order_1").await;
    decide(&double, "order_1", "approve").await;
    double.control("POST", "partnerstack/partners/ada/archive", &json!({})).await;
    double.control("POST", "partnerstack/webhooks/send", &json!({ "body": { "event": "moon.landed" } })).await;
    let first = bodies.recv().await.unwrap();
    assert_eq!(
        (&first["event"], &first["key"], &first["customer_key"]),
        (&json!("customer_created"), &json!(own), &json!("u_1"))
    );
    let second = bodies.recv().await.unwrap();
    assert_eq!((&second["event"], &second["partner_key"]), (&json!("partnership_deleted"), &json!("ada")));
    assert_eq!(bodies.recv().await.unwrap(), json!({ "event": "moon.landed" }));
}

#[tokio::test]
async fn the_guide_tells_of_transactions_and_rewards() {
    let double = Double::start().await;
    let (url, mut bodies) = listener().await;
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url, "account": "partnerstack-guide" })).await;
    let body = json!({ "customer_key": "u_1", "email": "a@customers.example", "partner_key": "ada" });
    double.post(&format!("{GUIDE}/customers"), &body).await.data();
    let body = json!({ "customer_key": "u_1", "amount": 4900, "currency": "eur" });
    let key = double.post(&format!("{GUIDE}/transactions"), &body).await.data()["key"].clone();
    decide(&double, key.as_str().unwrap(), "approve").await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let body = bodies.recv().await.unwrap();
        told.push((body["event"].as_str().unwrap().to_owned(), body["status"].clone()));
    }
    let named = |event: &str, status: Value| (event.to_owned(), status);
    assert_eq!(
        told,
        [
            named("customer.created", Value::Null),
            named("transaction.created", json!("pending")),
            named("reward.created", Value::Null),
            named("transaction.updated", json!("approved")),
        ]
    );
    let earned = double.get(&format!("{GUIDE}/rewards?customer_key=u_1")).await.data();
    assert_eq!(earned["items"][0]["transaction"]["key"], key);
}

#[tokio::test]
async fn nothing_is_told_twice_whatever_the_answer() {
    let double = Double::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    drop(listener);
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url })).await;
    customer(&double, "u_1").await;
    let (url, mut bodies) = self::listener().await;
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url })).await;
    double.control("POST", "partnerstack/webhooks/send", &json!({ "body": { "event": "last" } })).await;
    assert_eq!(bodies.recv().await.unwrap()["event"], "last", "the first was not sent again");
    let sent = double.control("GET", "partnerstack/webhooks", &Value::Null).await["sent"].clone();
    assert_eq!((&sent[0]["body"]["event"], &sent[0]["status"]), (&json!("customer_created"), &Value::Null));
}
