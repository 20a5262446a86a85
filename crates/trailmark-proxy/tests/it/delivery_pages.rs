//! A list of the vendor that goes on for twenty pages: what reads it ends well, and what it costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use trailmark_proxy::commissions::{Parts, Watch};
use trailmark_proxy::egress::{Bounds, Egress};
use trailmark_proxy::lanes::Limits;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::operator::{DeliveryRow, LaneRow};
use trailmark_vendors::Dialect;
use trailmark_vendors::commission::Commission;
use trailmark_wire::ids::ConversionId;

use super::delivery_accounts::lane;
use super::delivery_world::{SETTLING_MS, World, customer, refund, sale};

const SALES: usize = 20;

/// Twenty recorded sales at Partnerize, whose report shows one on each page, the oldest first.
async fn world() -> (World, Vec<ConversionId>) {
    let account = |address: &str| lane("partnerize", Dialect::Current, "main", address);
    let world = World::with(|double| vec![account(&double.address().to_string())]).await;
    let settings = json!({ "report_page": 1, "visible_after_ms": 0, "job_ms": 0 });
    world.control("POST", "partnerize/settings", &settings).await;
    let mut sales = Vec::new();
    for number in 1..=SALES {
        let click = world.control("POST", "partnerize/clicks", &json!({})).await;
        let (buyer, order) = (customer(&format!("u_{number}"), ""), sale(&format!("o_{number}"), 1000, "EUR"));
        let id = world.accept_event("main", buyer, order, click["clickref"].as_str()).await;
        world.until_state(&id, State::Recorded).await;
        world.advance(60_000).await;
        sales.push(id);
    }
    (world, sales)
}

/// The watch over the program's commissions.
fn watch(world: &World) -> Watch {
    let account = lane("partnerize", Dialect::Current, "main", &world.address());
    let egress = Egress::new(account.adapter.hosts.clone(), Bounds::default(), world.clock.clone()).unwrap();
    Watch::start(Parts {
        store: world.store.ledger.clone(),
        clock: world.clock.clone(),
        egress: Arc::new(egress),
        accounts: vec![account],
        limits: Limits::default(),
        poll: Duration::from_millis(5),
    })
}

async fn until(world: &World, id: &ConversionId, there: impl Fn(&DeliveryRow) -> bool) {
    let begun = Instant::now();
    loop {
        let row = world.row(id).await;
        if there(&row) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{row:#?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_walk_through_a_report_of_twenty_pages_answers_for_all_its_commissions() {
    let (world, sales) = world().await;
    let watch = watch(&world);
    for id in &sales {
        until(&world, id, |row| row.commission == Commission::Pending).await;
    }
    assert_eq!(world.requests("conversion.json").await, SALES, "one request for each page");
    let LaneRow { state, .. } = world.lane().await;
    assert_eq!(state, "open");
    watch.shutdown().await;
}

#[tokio::test]
async fn a_refund_of_the_last_sale_in_a_report_of_twenty_pages_is_recorded() {
    let (world, sales) = world().await;
    let back = world.event(&format!("u_{SALES}"), refund("r_1", &format!("o_{SALES}"), 100, "EUR")).await;
    world.until_state(&back, State::Unverified).await;
    assert_eq!(world.requests("conversion.json").await, SALES, "it reads what to change on the last page");
    world.advance(SETTLING_MS).await;
    world.until_state(&back, State::Recorded).await;
    assert_eq!((sales.len(), world.requests("conversions/bulk").await), (SALES, 1), "and changes it once");
}
