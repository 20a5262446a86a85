//! What a vendor takes without an error and credits nobody with: a click token that Introw ignores, an empty answer of
//! Partnerize, a sale that Partnero records for nobody. Each is told wherever a conversion is shown, and none is a
//! success. The backend's receipt and `conversions show` print the row and the answer that are read here.

use serde_json::{Value, json};
use trailmark_proxy::answer::{Tone, answer};
use trailmark_proxy::clock::Clock as _;
use trailmark_proxy::explain::explain;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::operator::OperatorStore as _;
use trailmark_vendors::Dialect;
use trailmark_wire::conversion::Event;
use trailmark_wire::ids::ConversionId;

use super::delivery_accounts::lane;
use super::delivery_world::{SETTLING_MS, World, customer, sale};

async fn world(vendor: &'static str, partner: &str) -> World {
    let lane = |address: &str| lane(vendor, Dialect::Current, "main", address);
    let mut world = World::with(|double| vec![lane(&double.address().to_string())]).await;
    world.partner = partner.to_owned();
    world
}

async fn signup(world: &World, key: &str, click: Option<&str>) -> ConversionId {
    world.accept_event("main", customer(key, ""), Event::Signup, click).await
}

/// The conversion ends `ignored`, and everything that is said of it says why.
async fn is_told(world: &World, id: &ConversionId, why: &str) {
    world.until_state(id, State::Ignored).await;
    let detail = world.store.ledger.conversion(id.to_string()).await.unwrap();
    let row = &detail.deliveries[0];
    assert!(row.reason.as_deref().unwrap().contains(why), "{row:#?}");
    assert_eq!(row.tries[0].outcome.as_deref(), Some("ignored"), "{row:#?}");
    let lanes = world.store.ledger.lanes(world.clock.now()).await.unwrap();
    let said = answer(&detail.conversion, &lanes);
    assert_eq!((said.tone, said.headline.as_str()), (Tone::Bad, "Not paid"));
    let story = explain(&detail, &lanes).split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [&said.reason, &story] {
        assert!(text.contains(why), "{text}");
    }
}

#[tokio::test]
async fn a_click_token_that_introw_ignores_is_told_and_never_sent_again() {
    let world = world("introw", "ptn_1").await;
    let id = signup(&world, "u_1", Some("nobodys.token")).await;
    is_told(&world, &id, "the vendor ignored it").await;
    world.advance(SETTLING_MS).await;
    world.looked().await;
    assert_eq!(world.requests("affiliate/conversions").await, 1);
}

#[tokio::test]
async fn an_empty_answer_of_partnerize_is_told_until_the_report_shows_the_conversion() {
    let world = world("partnerize", "amber").await;
    let id = signup(&world, "u_1", Some("nobodys")).await;
    is_told(&world, &id, "no conversion id").await;
    world.control("POST", "partnerize/settings", &json!({ "answers_id": false })).await;
    let click = world.control("POST", "partnerize/clicks", &json!({})).await;
    let id = signup(&world, "u_2", click["clickref"].as_str()).await;
    is_told(&world, &id, "no conversion id").await;
    let row = world.row(&id).await;
    world.advance_to_due(&row).await;
    let row = world.until_state(&id, State::Recorded).await;
    assert!(row.reference.is_some(), "{row:#?}");
    assert_eq!(world.requests("tracking_mode").await, 2, "neither was sent again");
}

#[tokio::test]
async fn a_sale_that_partnero_records_for_nobody_is_told_and_stays_so() {
    let world = world("partnero", "amiraito").await;
    let known = signup(&world, "u_1", None).await;
    world.until_state(&known, State::Recorded).await;
    world.control("POST", "partnero/settings", &json!({ "orphan_sales": true })).await;
    world.control("POST", "partnero/customers/u_1/delete", &json!({})).await;
    let id = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    is_told(&world, &id, "credits nobody").await;
    let row = world.row(&id).await;
    world.advance_to_due(&row).await;
    let row = world.until(&id, |row| row.due_at.is_none()).await;
    assert_eq!(row.state, "ignored", "{row:#?}");
    let sales = world.vendor_state("partnero").await["transactions"].take();
    assert_eq!((sales.as_array().unwrap().len(), &sales[0]["partner_key"]), (1, &Value::Null));
}
