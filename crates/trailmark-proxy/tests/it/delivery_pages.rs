//! A list of the vendor that goes on for twenty pages: what reads it ends well, and what it costs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use http::Uri;
use serde_json::json;
use trailmark_proxy::clock::ManualClock;
use trailmark_proxy::commissions::{Parts, Watch};
use trailmark_proxy::egress::{Bounds, Egress};
use trailmark_proxy::lanes::Limits;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::delivery::DeliveryStore;
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
async fn a_commission_that_was_paid_is_told_as_paid() {
    let (world, sales) = world().await;
    for word in ["approve", "pay"] {
        world.control("POST", &format!("partnerize/conversions/o_7/{word}"), &json!({})).await;
    }
    let watch = watch(&world);
    until(&world, &sales[6], |row| row.commission == Commission::Paid).await;
    watch.shutdown().await;
}

#[tokio::test]
async fn a_refund_of_the_last_sale_in_a_report_of_twenty_pages_is_recorded() {
    let (world, sales) = world().await;
    let back = world.event(&format!("u_{SALES}"), refund("r_1", &format!("o_{SALES}"), 100, "EUR")).await;
    world.until_state(&back, State::Unverified).await;
    assert_eq!(world.requests("conversion.json").await, SALES, "it reads what to change on the last page");
    let account = lane("partnerize", Dialect::Current, "main", &world.address());
    let spent_milli = world.store.glance(account.lane).await.unwrap().lane.spent_milli;
    assert_eq!(spent_milli, i64::from(account.pace.burst) * 1000, "each page counts against the pace");
    world.advance(SETTLING_MS).await;
    world.until_state(&back, State::Recorded).await;
    assert_eq!((sales.len(), world.requests("conversions/bulk").await), (SALES, 1), "and changes it once");
}

/// The clock, once the pages are to be slow, and how many pages were read.
type Slow = (Arc<OnceLock<Arc<ManualClock>>>, Arc<AtomicUsize>);

/// A vendor that records every sale. Its report is empty and never ends, and each page takes two seconds.
async fn slow(Shared((clock, pages)): Shared<Slow>, uri: Uri) -> String {
    if uri.path().starts_with("/prf/") {
        return "1011l5204".to_owned();
    }
    if let Some(clock) = clock.get() {
        clock.advance(2000);
    }
    let next = format!("/report?cursor_id={}", pages.fetch_add(1, Ordering::Relaxed));
    json!({ "conversions": [], "hypermedia": { "pagination": { "next_page": next } } }).to_string()
}

#[tokio::test]
async fn a_refund_that_has_only_read_when_its_time_is_over_is_known_to_be_without_effect() {
    let (clock, pages) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = axum::Router::new().fallback(slow).with_state((Arc::clone(&clock), Arc::clone(&pages)));
    let vendor = tokio::spawn(async { axum::serve(listener, routes).await });
    let world = World::with(|_| vec![lane("partnerize", Dialect::Current, "main", &address)]).await;
    assert!(clock.set(world.clock.clone()).is_ok());
    let sold = world.accept_event("main", customer("u_1", ""), sale("o_1", 1000, "EUR"), Some("1011lClick")).await;
    world.until_state(&sold, State::Recorded).await;
    let back = world.event("u_1", refund("r_1", "o_1", 100, "EUR")).await;
    let row = world.until(&back, |row| row.tries.iter().any(|attempt| attempt.outcome.is_some())).await;
    assert_eq!((row.tries[0].outcome.as_deref(), row.state.as_str()), (Some("retry"), "due"), "{row:#?}");
    assert_eq!(pages.load(Ordering::Relaxed), 2, "in three seconds");
    vendor.abort();
}
