//! Operators' decisions about held conversions: over the operator's listener and with the binary, with and without a
//! running proxy.

use serde_json::{Value, json};

use super::support::browser::BrowserKey;
use super::support::operator::Office;

/// A page's unsigned sale, which is held.
pub(crate) async fn held_sale(office: &Office, number: u8) -> String {
    let key = BrowserKey::new();
    let token = office.proxy.arrive(number, &key).await;
    let order = json!({"key": format!("o{number}"), "amount_minor": 1990, "currency": "EUR"});
    let sale = json!({"kind": "sale", "customer": {"key": "c1"}, "order": order});
    let answer = office.proxy.convert(number, &key, &token, sale).await;
    assert_eq!(answer.json()["status"], "held", "{answer:?}");
    answer.json()["conversion_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_conversion_is_released_and_rejected_with_a_reason() {
    let office = Office::open().await;
    let (first, second) = (held_sale(&office, 1).await, held_sale(&office, 2).await);
    let released =
        office.post(&format!("/v1/conversions/{first}/release"), &json!({"reason": "paid by invoice"})).await;
    assert_eq!(released.json()["conversion"]["status"], "accepted", "{released:?}");
    assert_eq!(released.json()["deliveries"].as_array().unwrap().len(), 1);
    let again = office.post(&format!("/v1/conversions/{first}/release"), &json!({"reason": "paid by invoice"})).await;
    assert_eq!(again.code(), "409 refused");
    for reason in [json!({}), json!({"reason": ""}), json!({"reason": "a\nb c"}), json!({"reason": "x".repeat(501)})] {
        let refused = office.post(&format!("/v1/conversions/{second}/reject"), &reason).await;
        assert_eq!(refused.code(), "400 malformed", "{reason}");
    }
    let rejected = office.post(&format!("/v1/conversions/{second}/reject"), &json!({"reason": "no such order"})).await;
    assert_eq!(rejected.json()["conversion"]["status"], "rejected");
    let told = office.get(&format!("/v1/conversions/{second}/explain")).await.body;
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("An operator rejected it: no such order. Its status is rejected"), "{told}");
    let unknown = office.post("/v1/conversions/019aa5a0-0000/release", &json!({"reason": "no such order"})).await;
    assert_eq!(unknown.code(), "404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_releases_and_rejects_with_and_without_a_proxy() {
    let office = Office::open().await;
    let ids = [held_sale(&office, 1).await, held_sale(&office, 2).await, held_sale(&office, 3).await];
    let released = office.desk.run(&format!("conversions release {} --reason paid --json", ids[0])).json();
    assert_eq!(released["conversion"]["status"], "accepted");
    let (desk, _proxy) = office.close().await;
    let released: Value = desk.run(&format!("conversions release {} --reason paid --json", ids[1])).json();
    assert_eq!(
        (&released["conversion"]["status"], &released["changes"][0]["reason"]),
        (&json!("accepted"), &json!("paid"))
    );
    let rejected = desk.run(&format!("conversions reject {} --reason forged", ids[2])).well();
    assert!(rejected.contains("rejected (rejected_by_hand)"), "{rejected}");
    assert_eq!(desk.run("conversions list --status held --json").json(), json!([]));
    let again = desk.run(&format!("conversions release {} --reason paid", ids[2])).fails(1);
    assert!(again.contains("only a held conversion"), "{again}");
    desk.run(&format!("conversions release {}", ids[2])).fails(2);
}
