//! What partners earn at the simulator, and which webhooks it sends.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client::{CURRENT, Double, GUIDE};

/// A customer of partner `ada` in `current`; gives the vendor's key.
pub(crate) async fn customer(double: &Double, key: &str) -> String {
    let body = json!({ "customer_key": key, "email": format!("{key}@customers.example"), "partner_key": "ada" });
    let made = double.post(&format!("{CURRENT}/customers"), &body).await.data();
    made["key"].as_str().unwrap().to_owned()
}

pub(crate) async fn sale(double: &Double, customer: &str, key: &str) {
    let body = json!({ "customer_external_key": customer, "key": key, "amount": 4900, "currency": "EUR" });
    double.post(&format!("{CURRENT}/transactions"), &body).await.data();
}

async fn rewards(double: &Double, query: &str) -> Vec<Value> {
    let list = double.get(&format!("{CURRENT}/rewards?{query}")).await.data();
    list["items"].as_array().unwrap().clone()
}

pub(crate) async fn decide(double: &Double, key: &str, word: &str) -> Value {
    double.control("POST", &format!("partnerstack/rewards/{key}/{word}"), &json!({})).await
}

/// Listens for webhooks and answers each with 204; gives the address and each body as it came.
pub(crate) async fn listener() -> (String, tokio::sync::mpsc::UnboundedReceiver<Value>) {
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
    assert_eq!(earned[0]["transaction"], json!({ "key": "order_1", "amount": 4900, "currency": "EUR" }));
    let named = json!({ "key": own, "external_key": "u_1", "email": "u_1@customers.example" });
    assert_eq!((&earned[0]["customer"], &earned[0]["partnership"]["partner_key"]), (&named, &json!("ada")));
    for (word, status) in [("hold", "hold"), ("approve", "approved"), ("pay", "paid")] {
        assert_eq!(decide(&double, "order_1", word).await["reward_status"], status);
        assert_eq!(rewards(&double, &format!("status={status}")).await.len(), 1);
    }
    assert_eq!(rewards(&double, "status=pending").await.len(), 0);
    assert_eq!(double.state().await["rewards"][0]["reward_status"], "paid");
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
async fn a_sale_that_is_told_again_after_it_was_deleted_earns_again() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    sale(&double, "u_1", "order_1").await;
    double.api("DELETE", &format!("{CURRENT}/transactions/order_1")).send().await.data();
    double.advance(1_000).await;
    sale(&double, "u_1", "order_1").await;
    let earned = rewards(&double, "").await;
    let statuses: Vec<&Value> = earned.iter().map(|one| &one["reward_status"]).collect();
    assert_eq!(statuses, ["pending", "declined"], "newest first");
    assert_eq!(decide(&double, "order_1", "approve").await["key"], earned[0]["key"]);
}

#[tokio::test]
async fn a_reward_was_declined_when_its_sale_was_deleted_not_when_somebody_looked() {
    let double = Double::start().await;
    customer(&double, "u_1").await;
    sale(&double, "u_1", "order_1").await;
    double.api("DELETE", &format!("{CURRENT}/transactions/order_1")).send().await.data();
    let deleted_by = double.control("GET", "clock", &Value::Null).await["now_ms"].as_i64().unwrap();
    double.advance(86_400_000).await;
    assert!(rewards(&double, "").await[0]["updated_at"].as_i64().unwrap() <= deleted_by);
}

#[tokio::test]
async fn rewards_are_listed_newest_first_and_narrowed_by_the_partners_group() {
    let double = Double::start().await;
    let own = customer(&double, "u_1").await;
    for key in ["order_1", "order_2", "order_3"] {
        sale(&double, "u_1", key).await;
        double.advance(1_000).await;
    }
    let sales = async |query: &str| {
        let earned = rewards(&double, query).await;
        earned.iter().map(|one| one["transaction"]["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // "with the most recent rewards appearing first" (reference/get_v2-rewards-2).
    assert_eq!(sales(&format!("customer_key={own}")).await, ["order_3", "order_2", "order_1"]);
    assert_eq!(sales("limit=1").await, ["order_3"]);
    assert_eq!(sales("group_key=grp_affiliate").await.len(), 3, "ada's group");
    assert_eq!(sales("group_key=grp_agency").await.len(), 0);
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
    for unknown in ["partner=ada", "status=withdrawn", "payment_status=available"] {
        assert_eq!(double.get(&format!("{list}?{unknown}")).await.status, StatusCode::BAD_REQUEST, "{unknown}");
    }
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
    customer(&double, "u_1").await;
    sale(&double, "u_1", "order_1").await;
    decide(&double, "order_1", "approve").await;
    double.control("POST", "partnerstack/partners/ada/archive", &json!({})).await;
    double.control("POST", "partnerstack/webhooks/send", &json!({ "body": { "event": "moon.landed" } })).await;
    let first = bodies.recv().await.unwrap();
    assert_eq!((&first["event"], &first["customer_key"]), (&json!("customer_created"), &json!("u_1")));
    assert_eq!((first["id"].is_u64(), first.get("key")), (true, None), "{first}");
    let second = bodies.recv().await.unwrap();
    // The members of docs/partnerstack-webhooks.
    let group = json!({ "id": 1, "name": "Affiliate Program", "slug": "affiliate" });
    let told = json!({
        "id": 1, "partner_key": "ada", "first_name": "Ada", "last_name": "Ahlberg", "email": "ada@partners.example",
        "group": group, "event": "partnership_deleted", "archived": "true",
    });
    assert_eq!(second, told);
    assert_eq!(bodies.recv().await.unwrap(), json!({ "event": "moon.landed" }));
}

#[tokio::test]
async fn every_change_is_told_once_and_what_was_refused_or_only_read_is_not() {
    let double = Double::start().await;
    let (url, mut bodies) = listener().await;
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url })).await;
    customer(&double, "u_1").await;
    let path = format!("{CURRENT}/customers/u_1");
    double.api("PATCH", &path).json(&json!({ "name": "Countess" })).send().await.data();
    assert_eq!(double.api("PATCH", &path).json(&json!({ "name": 1 })).send().await.status, StatusCode::BAD_REQUEST);
    double.get(&path).await.data();
    double.api("DELETE", &path).send().await.data();
    let partnerships = format!("{CURRENT}/partnerships");
    let body = json!({ "email": "new@partners.example", "group_key": "grp_agency", "partner_key": "new" });
    let own = double.post(&partnerships, &body).await.data()["key"].as_str().unwrap().to_owned();
    let path = format!("{partnerships}/{own}");
    double.api("PATCH", &path).json(&json!({ "partner_key": "newer" })).send().await.data();
    assert_eq!(double.api("PATCH", &path).json(&json!({ "email": "x" })).send().await.status, StatusCode::BAD_REQUEST);
    double.api("DELETE", &path).send().await.data();
    double.control("POST", "partnerstack/webhooks/send", &json!({ "body": { "event": "last" } })).await;
    let mut told = Vec::new();
    while told.last().is_none_or(|event| event != "last") {
        told.push(bodies.recv().await.unwrap()["event"].as_str().unwrap().to_owned());
    }
    let customers = ["customer_created", "customer_updated", "customer_deleted"];
    let partners = ["partnership.created", "partnership.updated", "partnership_deleted"];
    assert_eq!(told, [&customers[..], &partners, &["last"]].concat());
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
async fn a_webhook_that_waits_when_everything_is_reset_is_never_sent() {
    let double = Double::start().await;
    // It takes the first call and keeps it, so that the second one waits behind it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url })).await;
    for event in ["first", "second"] {
        double.control("POST", "partnerstack/webhooks/send", &json!({ "body": { "event": event } })).await;
    }
    let (mut stream, _) = listener.accept().await.unwrap();
    double.control("POST", "reset", &Value::Null).await;
    stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let (url, mut bodies) = self::listener().await;
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url })).await;
    double.control("POST", "partnerstack/webhooks/send", &json!({ "body": { "event": "third" } })).await;
    assert_eq!(bodies.recv().await.unwrap()["event"], "third");
    let sent = async || double.control("GET", "partnerstack/webhooks", &Value::Null).await["sent"].clone();
    while sent().await.as_array().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(sent().await[0]["body"]["event"], "third", "neither of the others is on record");
    let second = tokio::time::timeout(std::time::Duration::ZERO, listener.accept()).await;
    assert!(second.is_err(), "the second was not sent");
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
