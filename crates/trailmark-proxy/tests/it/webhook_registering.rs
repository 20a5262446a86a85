//! Webhooks that an operator registers at the vendor by the real command line, and what then arrives from there. The world is
//! that of `webhook_ends`.

use serde_json::{Value, json};

use super::webhook_ends::{desk, town};
use super::webhooks_town::SECRET;

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_registered_by_the_command_line_brings_a_change_of_a_commission() {
    let town = town().await;
    let desk = desk(&town);
    town.signup(1, "u_1").await;
    let id = town.sale("u_1", "order_1").await;
    town.until_commission(&id, "pending").await;
    let register = "webhooks register --program main --url env:HOOK_URL --event transaction.updated --json";
    let hook = desk.run(register).json();
    town.control("POST", "partnerstack/rewards/order_1/approve", &json!({})).await;
    town.until_commission(&id, "approved").await;
    let told = desk.run(&format!("conversions explain {id}")).well();
    assert!(told.contains("PartnerStack says that the commission is approved."), "{told}");
    let listed = desk.run("webhooks list --json").json();
    assert_eq!((&listed[0]["event"], &listed[0]["state"]), (&json!("transaction.updated"), &json!("followed")));
    desk.run(&format!("webhooks remove {} --program main --yes", hook["key"].as_str().unwrap())).well();
    town.control("POST", "partnerstack/rewards/order_1/pay", &json!({})).await;
    assert_eq!(desk.run("webhooks list --json").json().as_array().unwrap().len(), 1, "it has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_seven_events_of_seed_000_arrive_from_a_registered_webhook() {
    let town = town().await;
    let desk = desk(&town);
    let seven = [
        "customer.created",
        "customer.updated",
        "partner.created",
        "partner.updated",
        "reward.created",
        "transaction.created",
        "transaction.updated",
    ];
    let events = seven.map(|event| format!(" --event {event}")).concat();
    desk.run(&format!("webhooks register --program main --url env:HOOK_URL{events}")).well();
    for words in [
        "partners add --email new@partners.example --group grp_agency --key new1",
        "partners update new1 --group grp_reseller",
        "customers add u_1 --email u_1@customers.example --partner new1",
        "customers update u_1 --name Countess",
        "transactions add --customer u_1 --amount-minor 4900 --currency EUR --key order_1",
    ] {
        desk.run(&format!("{words} --program main")).well();
    }
    town.control("POST", "partnerstack/rewards/order_1/approve", &json!({})).await;
    town.until_webhooks(|rows| rows.len() == 7 && rows.iter().all(|row| row.state.as_str() != "received")).await;
    let listed = desk.run("webhooks list --json").json();
    let mut came: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap()).collect();
    came.sort_unstable();
    assert_eq!(came, seven);
    let sent = town.control("GET", "partnerstack/webhooks", &Value::Null).await;
    assert!(sent["sent"].as_array().unwrap().iter().all(|one| one["status"] == 204), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_a_secret_is_never_typed_and_help_says_of_whom_that_is_true() {
    let town = town().await;
    let desk = desk(&town);
    let help = desk.run("webhooks register --help").well();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Address of the program's webhooks, which nobody else may know, since PartnerStack signs nothing (PartnerStack)",
        "Address of the program's webhooks; may also be typed, since Partnero signs what it sends (Partnero)",
        "Tell the vendor where to send its webhooks (PartnerStack); Register a webhook, and show the secret for \
         `webhook_secret` (Partnero)",
    ] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let typed = "--url http://127.0.0.1:9/s3cret-hook";
    let refused = desk.run(&format!("webhooks register --program main {typed} --event customer_created")).fails(2);
    assert!(refused.contains("no place for a secret") && !refused.contains("s3cret"), "{refused}");
    let of_nero = "webhooks register --program nero --name ours --event customer.created";
    for url in [typed, "--url env:HOOK_URL"] {
        let dry = desk.run(&format!("{of_nero} {url} --dry-run")).well();
        assert!(dry.contains(r#""url":"[redacted]""#), "{dry}");
        assert!(desk.run(&format!("{of_nero} {url}")).well().contains("webhook_secret"));
    }
    let refused = desk.run(&format!("{of_nero} --url s3cret-hook")).fails(2);
    assert!(refused.contains("http://") && !refused.contains("s3cret"), "{refused}");
    let listed = desk.run("webhooks vendor-list --program nero").well();
    assert!(listed.contains("customer.created") && !listed.contains(SECRET), "{listed}");
    assert!(desk.run("webhooks register --program row --name x --event y --url -").fails(2).contains("sends none"));
}
