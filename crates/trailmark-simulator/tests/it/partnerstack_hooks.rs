//! PartnerStack: webhooks that the API registered get the events that they name. `rewards` has those of the address that a
//! control route sets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use trailmark_simulator::Settings;

use crate::client::{CURRENT, Double};
use crate::rewards::{customer, decide, listener, sale};

/// The events of seed 000.
const SEED: [&str; 7] = [
    "partner.created",
    "partner.updated",
    "customer.created",
    "customer.updated",
    "transaction.created",
    "transaction.updated",
    "reward.created",
];

/// Registers a webhook; gives its key.
async fn register(double: &Double, url: &str, events: &[&str]) -> String {
    let body = json!({ "target_url": url, "events": events });
    let made = double.post(&format!("{CURRENT}/webhooks"), &body).await.data();
    made["key"].as_str().unwrap().to_owned()
}

async fn rename(double: &Double, customer: &str, name: &str) {
    let path = format!("{CURRENT}/customers/{customer}");
    double.api("PATCH", &path).json(&json!({ "name": name })).send().await.data();
}

/// The events that came before the one that a person sends last, each with its body.
async fn told(double: &Double, bodies: &mut UnboundedReceiver<Value>) -> Vec<(String, Value)> {
    double.control("POST", "partnerstack/webhooks/send", &json!({ "body": { "event": "last" } })).await;
    let mut told = Vec::new();
    loop {
        let body = bodies.recv().await.unwrap();
        match body["event"].as_str().unwrap() {
            "last" => return told,
            event => told.push((event.to_owned(), body.clone())),
        }
    }
}

#[tokio::test]
async fn a_registered_webhook_gets_all_seven_events_of_the_seed_when_they_happen() {
    let double = Double::start().await;
    let (url, mut bodies) = listener().await;
    register(&double, &url, &SEED).await;
    let partnerships = format!("{CURRENT}/partnerships");
    let body = json!({ "email": "new@partners.example", "group_key": "grp_agency", "partner_key": "new" });
    let partner = double.post(&partnerships, &body).await.data()["key"].as_str().unwrap().to_owned();
    let path = format!("{partnerships}/{partner}");
    double.api("PATCH", &path).json(&json!({ "partner_key": "newer" })).send().await.data();
    customer(&double, "u_1").await;
    rename(&double, "u_1", "Countess").await;
    sale(&double, "u_1", "order_1").await;
    decide(&double, "order_1", "approve").await;
    let told = told(&double, &mut bodies).await;
    let names: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(names, [&SEED[..5], &["reward.created", "transaction.updated"]].concat());
    let [before, after] = [&told[4].1, &told[6].1];
    assert_eq!((&before["key"], &before["approved"]), (&json!("order_1"), &json!(false)));
    assert_eq!((&after["key"], &after["approved"]), (&json!("order_1"), &json!(true)));
    assert_eq!((&told[5].1["reward_status"], &told[5].1["transaction"]["key"]), (&json!("pending"), &json!("order_1")));
    decide(&double, "order_1", "pay").await;
}

#[tokio::test]
async fn each_webhook_gets_what_it_was_registered_for_until_it_ends() {
    let double = Double::start().await;
    let (url, mut bodies) = listener().await;
    customer(&double, "u_0").await;
    register(&double, "https://elsewhere.example/hook", &SEED).await;
    let spelled = register(&double, &url, &["customer_created", "partnership_deleted", "moon.landed"]).await;
    customer(&double, "u_1").await;
    rename(&double, "u_0", "Ada").await;
    double.control("POST", "partnerstack/partners/grace/archive", &json!({})).await;
    double.control("POST", "partnerstack/webhooks", &json!({ "url": url })).await;
    customer(&double, "u_2").await;
    double.api("DELETE", &format!("{CURRENT}/webhooks/{spelled}")).send().await.data();
    customer(&double, "u_3").await;
    let told = told(&double, &mut bodies).await;
    let named: Vec<_> = told.iter().map(|(event, body)| (event.as_str(), body["customer_key"].clone())).collect();
    let created = |key: &str| ("customer_created", json!(key));
    let partner = ("partnership_deleted", Value::Null);
    // Of `u_2` the address of the control route hears too, of `u_3` it alone.
    assert_eq!(named, [created("u_1"), partner, created("u_2"), created("u_2"), created("u_3")]);
}

#[tokio::test]
async fn a_webhook_that_was_registered_before_a_restart_misses_nothing_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { state: Some(folder.path().join("simulator.json")), ..Settings::default() };
    let (url, mut bodies) = listener().await;
    let double = Double::with(settings.clone()).await;
    register(&double, &url, &["customer.created"]).await;
    drop(double);
    let double = Double::with(settings).await;
    customer(&double, "u_1").await;
    let told = told(&double, &mut bodies).await;
    assert_eq!((told.len(), &told[0].1["customer_key"]), (1, &json!("u_1")), "{told:?}");
}
