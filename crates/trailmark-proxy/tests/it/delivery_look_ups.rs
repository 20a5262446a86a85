//! What a look-up needs before "nothing there" is believed: the whole list, and the settling time, whatever happens
//! to the clock. Otherwise a sale would be made twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::extract::State as Shared;
use futures_util::future::join_all;
use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use trailmark_proxy::clock::Clock;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::operator::{Change, DeliveryRow, OperatorStore};
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY};
use trailmark_vendors::Dialect;
use trailmark_wire::ids::ConversionId;

use super::delivery_accounts::lane;
use super::delivery_world::{SETTLING_MS, World, account, sale};

const HOUR_MS: i64 = 60 * 60 * 1000;

fn tries(row: &DeliveryRow) -> Vec<String> {
    row.tries.iter().map(|t| format!("{} {}", t.purpose, t.outcome.as_deref().unwrap_or("open"))).collect()
}

/// A recorded customer of the vendor.
async fn customer(world: &World, key: &str) -> ConversionId {
    let id = world.accept("main", key, None).await;
    world.until_state(&id, State::Recorded).await;
    id
}

/// Adds transactions of a customer that others made at the vendor, under these keys.
async fn sold_by_others(world: &World, customer: &str, keys: &[String]) {
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let url = format!("http://{}/partnerstack/api/v2/transactions", world.address());
    let sell = |key: &String| {
        let body = json!({ "customer_external_key": customer, "key": key, "amount": 100, "currency": "EUR" });
        let request = http.post(&url).basic_auth(PUBLIC_KEY, Some(PRIVATE_KEY)).body(body.to_string());
        async { request.header("content-type", "application/json").send().await.unwrap().status() }
    };
    for some in keys.chunks(20) {
        let made = join_all(some.iter().map(sell)).await;
        assert!(made.iter().all(StatusCode::is_success), "{made:?}");
    }
}

#[tokio::test]
async fn a_lost_sale_is_looked_for_on_every_page_and_sent_again_only_after_the_last() {
    for (kind, expected) in [
        ("reset_after", vec!["send unknown", "look_up found"]),
        ("reset_before", vec!["send unknown", "look_up absent", "send recorded"]),
    ] {
        let world = World::start().await;
        world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
        customer(&world, "u_1").await;
        let lost = json!({ "vendor": "partnerstack", "path_contains": "transactions", "times": 1, "kind": kind });
        world.control("POST", "faults", &lost).await;
        let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
        world.until(&order, |row| tries(row) == ["send unknown"]).await;
        let keys: Vec<String> = (0..510).map(|number| format!("theirs_{number}")).collect();
        sold_by_others(&world, "u_1", &keys).await;
        let before = world.requests("transactions").await;
        let row = world.to_the_end(&order).await;
        assert_eq!((row.state.as_str(), tries(&row)), ("recorded", expected.iter().map(|t| (*t).into()).collect()));
        let asked = world.requests("transactions").await - before;
        assert_eq!(asked, 6 + usize::from(kind == "reset_before"), "six pages, and the sale again where it was lost");
        assert_eq!(world.effects("o_1001").await, 1, "{kind}");
    }
}

/// A vendor that accepts customers, fails at every sale, and has an endless list of transactions.
async fn endless(Shared(sales): Shared<Arc<AtomicUsize>>, method: Method, uri: Uri) -> (StatusCode, Json<Value>) {
    let answer = |data: Value| (StatusCode::OK, Json(json!({ "data": data, "message": "OK", "status": 200 })));
    match (method, uri.path().ends_with("/transactions")) {
        (Method::POST, true) => {
            sales.fetch_add(1, Ordering::Relaxed);
            (StatusCode::BAD_GATEWAY, Json(json!({})))
        }
        (_, true) => answer(json!({ "items": [{ "key": "o_9999" }], "has_more": true })),
        (_, false) => answer(json!({ "key": "cus_1", "customer_key": "u_1" })),
    }
}

#[tokio::test]
async fn of_a_list_without_end_nothing_is_known_and_nothing_is_sent_again() {
    let sales = Arc::new(AtomicUsize::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = axum::Router::new().fallback(endless).with_state(Arc::clone(&sales));
    let vendor = tokio::spawn(async { axum::serve(listener, routes).await });
    let world = World::with(|_| vec![account("main", &address)]).await;
    customer(&world, "u_1").await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), row.due_at.as_deref()), ("uncertain", None), "for an operator to find out");
    assert!(row.reason.as_deref().unwrap().contains("list goes on after"), "{:?}", row.reason);
    assert!(tries(&row)[1..].iter().all(|one| one == "look_up inconclusive"), "{:?}", tries(&row));
    assert_eq!(sales.load(Ordering::Relaxed), 1);
    let lane = world.lane().await;
    assert_eq!(lane.state, "open", "the vendor answers, so nobody else's deliveries wait");
    vendor.abort();
}

/// A vendor that accepts customers, fails at every sale, and whose list of transactions is larger than egress reads.
async fn huge(method: Method, uri: Uri) -> (StatusCode, Json<Value>) {
    let answer = |data: Value| (StatusCode::OK, Json(json!({ "data": data, "message": "OK", "status": 200 })));
    match (method, uri.path().ends_with("/transactions")) {
        (Method::POST, true) => (StatusCode::BAD_GATEWAY, Json(json!({}))),
        (_, true) => answer(json!({ "items": [{ "key": "o_9999", "note": "x".repeat(3 << 20) }], "has_more": false })),
        (_, false) => answer(json!({ "key": "cus_1", "customer_key": "u_1" })),
    }
}

// field-faults row 37
#[tokio::test]
async fn a_look_up_that_is_too_large_breaks_no_lane_and_is_left_to_an_operator() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let vendor = tokio::spawn(async { axum::serve(listener, axum::Router::new().fallback(huge)).await });
    let world = World::with(|_| vec![account("main", &address)]).await;
    customer(&world, "u_1").await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), row.due_at.as_deref()), ("uncertain", None));
    assert!(row.reason.as_deref().unwrap().contains("the answer is too large"), "{:?}", row.reason);
    assert!(tries(&row)[1..].iter().all(|one| one == "look_up inconclusive"), "{:?}", tries(&row));
    assert_eq!(world.lane().await.state, "open", "the vendor answers, so nobody else's deliveries wait");
    vendor.abort();
}

/// An operator tries a delivery once more.
async fn retried(world: &World, row: &DeliveryRow) {
    let retry = Change::Retry { delivery: row.id.clone(), accept_double: false };
    assert_eq!(world.store.ledger.change(retry, world.clock.now()).await.unwrap().state, "uncertain");
}

#[tokio::test]
async fn a_retry_of_a_conflict_sends_nothing_while_the_vendor_has_something_else_under_our_key() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    sold_by_others(&world, "u_1", &["o_1001".to_owned()]).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), tries(&row).join(", ")), ("conflict", "send duplicate, look_up differs".into()));
    // The vendor would take a second one now.
    world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    retried(&world, &row).await;
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), tries(&row)[2..].join(", ")), ("conflict", "look_up differs".into()));
    assert_eq!(world.effects("o_1001").await, 1);
}

/// A vendor that accepts customers, and records every sale under a key of its own.
async fn rekeying(Shared(sales): Shared<Arc<AtomicUsize>>, method: Method, uri: Uri) -> (StatusCode, Json<Value>) {
    let answer = |data: Value| (StatusCode::OK, Json(json!({ "data": data, "message": "OK", "status": 200 })));
    let made = json!({ "key": "txn_7", "amount": 1230, "currency": "EUR" });
    match (method, uri.path().ends_with("/transactions")) {
        (Method::POST, true) => {
            sales.fetch_add(1, Ordering::Relaxed);
            answer(made)
        }
        (_, true) => answer(json!({ "items": [made], "has_more": false })),
        (_, false) => answer(json!({ "key": "cus_1", "customer_key": "u_1" })),
    }
}

/// A recorded customer of that vendor, the vendor's number of sales, and the vendor.
async fn rekeyed() -> (World, Arc<AtomicUsize>, JoinHandle<()>) {
    let sales = Arc::new(AtomicUsize::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = axum::Router::new().fallback(rekeying).with_state(Arc::clone(&sales));
    let vendor = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
    let world = World::with(|_| vec![account("main", &address)]).await;
    customer(&world, "u_1").await;
    (world, sales, vendor)
}

#[tokio::test]
async fn a_retry_of_a_sale_that_the_vendor_has_under_another_key_finds_it_there() {
    let (world, sales, vendor) = rekeyed().await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), tries(&row)), ("conflict", vec!["send rekeyed".into()]));
    retried(&world, &row).await;
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), row.reference.as_deref()), ("recorded", Some("txn_7")));
    assert_eq!((tries(&row)[1..].join(", "), sales.load(Ordering::Relaxed)), ("look_up found".into(), 1));
    vendor.abort();
}

#[tokio::test]
async fn a_sale_is_found_under_the_vendors_key_even_if_that_came_after_the_lease() {
    let (world, sales, vendor) = rekeyed().await;
    world.store.hold();
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    world.store.until_held().await;
    world.advance(HOUR_MS).await;
    world.until_state(&order, State::Uncertain).await;
    world.store.release();
    world.until(&order, |row| tries(row) == ["send rekeyed"]).await;
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), row.reference.as_deref()), ("recorded", Some("txn_7")));
    assert_eq!((tries(&row)[1..].join(", "), sales.load(Ordering::Relaxed)), ("look_up found".into(), 1));
    vendor.abort();
}

/// A vendor that has every customer already, and does not say whom it credits.
async fn taken(method: Method) -> (StatusCode, Json<Value>) {
    match method {
        Method::POST => (StatusCode::CONFLICT, Json(json!({ "message": "it already exists", "status": 409 }))),
        _ => {
            let data = json!({ "key": "cus_1", "customer_key": "u_1" });
            (StatusCode::OK, Json(json!({ "data": data, "message": "OK", "status": 200 })))
        }
    }
}

#[tokio::test]
async fn a_customer_who_existed_before_the_first_send_is_no_proof_that_our_partner_is_credited() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let vendor = tokio::spawn(async { axum::serve(listener, axum::Router::new().fallback(taken)).await });
    let world = World::with(|_| vec![account("main", &address)]).await;
    let signup = world.accept("main", "u_1", None).await;
    let row = world.to_the_end(&signup).await;
    assert_eq!((row.state.as_str(), tries(&row).join(", ")), ("conflict", "send duplicate, look_up differs".into()));
    vendor.abort();
}

#[tokio::test]
async fn a_clock_put_forward_makes_no_look_up_mean_absent() {
    let world = World::start().await;
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    // The vendor shows the customer late; the machine's clock jumps by an hour at once.
    world.clock.correct(HOUR_MS);
    world.engine.wake();
    let row = world.until(&signup, |row| tries(row) == ["send unverified", "look_up absent"]).await;
    assert_eq!(row.state, "unverified", "{row:#?}");
    world.looked().await;
    world.advance(SETTLING_MS - 1).await;
    world.looked().await;
    assert_eq!(
        world.row(&signup).await.tries.len(),
        2,
        "asked again only after the settling time, as it really passes"
    );
    world.advance(1).await;
    let row = world.until_state(&signup, State::Recorded).await;
    assert_eq!(tries(&row), ["send unverified", "look_up absent", "look_up found"]);
    assert_eq!(world.effects("u_1").await, 1);
}

// field-faults row 60
#[tokio::test]
async fn what_was_sent_on_an_overruled_pages_word_settles_before_a_second_one_is_sent() {
    let world = World::start().await;
    let page = world.signup("u_1").await;
    world.until_state(&page, State::Unverified).await;
    let stated = world.overrule("u_1", None).await;
    let row = world.until(&stated, |row| tries(row) == ["look_up absent"]).await;
    assert_eq!(row.state, "uncertain", "{row:#?}");
    // The machine's clock jumps by an hour at once; the vendor shows the customer late.
    world.clock.correct(HOUR_MS);
    world.engine.wake();
    let row = world.until(&stated, |row| tries(row) == ["look_up absent", "look_up absent"]).await;
    assert_eq!(row.state, "uncertain", "{row:#?}");
    world.looked().await;
    world.advance(SETTLING_MS).await;
    let row = world.until_state(&stated, State::Recorded).await;
    assert_eq!(tries(&row), ["look_up absent", "look_up absent", "look_up found"]);
    assert_eq!((world.effects("u_1").await, world.row(&page).await.state.as_str()), (1, "dropped"));
}

/// Partnerize knows a signup only under the id of its conversion, so no look-up for the second shows the first.
#[tokio::test]
async fn at_partnerize_no_second_signup_is_sent_for_a_customer_whom_a_page_claimed_before() {
    let account = |address: &str| lane("partnerize", Dialect::Current, "main", address);
    let world = World::with(|double| vec![account(&double.address().to_string())]).await;
    let first = world.control("POST", "partnerize/clicks", &json!({})).await;
    let second = world.control("POST", "partnerize/clicks", &json!({})).await;
    let page = world.accept("main", "u_1", first["clickref"].as_str()).await;
    world.until_state(&page, State::Recorded).await;
    let stated = world.overrule("u_1", second["clickref"].as_str()).await;
    let row = world.until(&stated, |row| row.state == "uncertain" && row.due_at.is_none()).await;
    let reason = row.reason.as_deref().unwrap();
    assert!(reason.starts_with("a page's claim on this customer was sent to the vendor before; "), "{reason}");
    world.advance(SETTLING_MS).await;
    world.looked().await;
    assert!(tries(&world.row(&stated).await).is_empty(), "an operator decides");
    let conversions = world.vendor_state("partnerize").await["conversions"].take();
    assert_eq!(conversions.as_array().unwrap().len(), 1, "{conversions:#}");
}

#[tokio::test]
async fn a_clock_put_back_by_a_year_strands_nothing_and_sends_nothing_twice() {
    let world = World::start().await;
    world.clock.correct(400 * 24 * HOUR_MS);
    let first = world.signup("u_1").await;
    world.until_state(&first, State::Unverified).await;
    world.clock.correct(-400 * 24 * HOUR_MS);
    world.engine.wake();
    world.until(&first, |row| tries(row) == ["send unverified", "look_up absent"]).await;
    world.looked().await;
    assert_eq!(world.row(&first).await.tries.len(), 2, "the settling time starts again");
    world.advance(SETTLING_MS).await;
    let row = world.until_state(&first, State::Recorded).await;
    assert_eq!(tries(&row), ["send unverified", "look_up absent", "look_up found"]);
    assert_eq!(world.effects("u_1").await, 1);
}

#[tokio::test]
async fn what_became_doubtful_before_a_restart_settles_by_the_ledgers_time() {
    let mut world = World::start().await;
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    world.crash();
    world.advance(SETTLING_MS).await;
    let row = world.until_state(&signup, State::Recorded).await;
    assert_eq!(tries(&row), ["send unverified", "look_up found"]);
    assert!(world.store.ledger.health().await.unwrap().violations.is_empty());
}
