//! The times that "never twice" depends on: the vendor's own delay, one clock for proxy and simulator, and no send
//! after its lease. Each test moves the two clocks by hand and counts the vendor's records.

use serde_json::json;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::operator::DeliveryRow;
use trailmark_wire::ids::ConversionId;

use super::delivery_world::{SETTLING_MS, World, sale};

fn tries(row: &DeliveryRow) -> Vec<String> {
    row.tries.iter().map(|t| format!("{} {}", t.purpose, t.outcome.as_deref().unwrap_or("open"))).collect()
}

/// A vendor that makes a second record of a second call, and shows a customer with this delay.
async fn showing_after(visible_after_ms: i64) -> World {
    let world = World::start().await;
    let rules = json!({ "dedupe": false, "visible_after_ms": visible_after_ms });
    world.control("POST", "partnerstack/settings", &rules).await;
    world
}

/// Looks up after the settling time, then until nothing goes on by itself.
async fn settled(world: &World, signup: &ConversionId) -> DeliveryRow {
    world.advance(SETTLING_MS).await;
    world.to_the_end(signup).await
}

#[tokio::test]
async fn a_customer_is_made_once_where_the_vendor_shows_it_within_the_settling_time() {
    let world = showing_after(SETTLING_MS).await;
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    let row = settled(&world, &signup).await;
    assert_eq!((tries(&row), world.effects("u_1").await), (vec!["send unverified".into(), "look_up found".into()], 1));
}

// The assumption behind `confirm_after`, see docs/deploy.md: a vendor that violates it gets a second send, and
// nothing here can know.
#[tokio::test]
async fn a_vendor_that_shows_a_customer_only_after_the_settling_time_is_told_again() {
    let world = showing_after(SETTLING_MS + 60_000).await;
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    let row = settled(&world, &signup).await;
    assert_eq!(tries(&row)[..3], ["send unverified", "look_up absent", "send unverified"]);
    assert_eq!(world.effects("u_1").await, 2);
}

/// A signup that the vendor accepts while its clock is ahead; then the proxy's clock follows. Returns the vendor's
/// records after the first look-up.
async fn taken_by_a_vendor_ahead_by(ahead_ms: i64) -> (Vec<String>, i64) {
    let world = showing_after(6 * 60_000).await;
    world.control("POST", "clock", &json!({ "advance_ms": ahead_ms })).await;
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    world.clock.advance(ahead_ms);
    world.engine.wake();
    world.looked().await;
    // The rest of the settling time, on both clocks.
    world.advance((SETTLING_MS - ahead_ms).max(0)).await;
    world.until(&signup, |row| tries(row).len() > 1 && !row.tries.iter().any(|one| one.outcome.is_none())).await;
    let row = world.to_the_end(&signup).await;
    (tries(&row), world.effects("u_1").await)
}

// This made two customers in a journey beside busy loops: the proxy polled the simulator's time, and two steps of its
// clock had passed. Now both read one clock (`the_simulators_clock_is_followed_and_never_a_step_behind`).
#[tokio::test]
async fn a_proxy_that_follows_a_step_of_time_late_believes_absent_too_early_once_the_step_is_too_long() {
    let settling = SETTLING_MS - 6 * 60_000;
    let (tries, effects) = taken_by_a_vendor_ahead_by(settling).await;
    assert_eq!((tries, effects), (vec!["send unverified".to_owned(), "look_up found".to_owned()], 1));
    let (tries, effects) = taken_by_a_vendor_ahead_by(settling + 60_000).await;
    assert_eq!((tries[..3].join(", "), effects), ("send unverified, look_up absent, send unverified".into(), 2));
}

/// Delays a send between its attempt row and the wire until its lease has ended, the settling time has passed, a
/// look-up has found nothing and the delivery was sent again. Then the first send continues.
async fn delayed(world: &World, id: &ConversionId) -> DeliveryRow {
    world.until(id, |row| tries(row) == ["send open"]).await;
    // The lease has ended.
    world.advance(SETTLING_MS).await;
    world.until(id, |row| tries(row) == ["send unknown"]).await;
    world.advance(SETTLING_MS).await;
    let row = world.until(id, |row| tries(row) == ["send unknown", "look_up absent"] && row.state == "due").await;
    world.advance_to_due(&row).await;
    world.until(id, |row| tries(row).len() == 3 && !row.tries.iter().any(|one| one.outcome.is_none())).await;
    world.store.stalled.send_replace(false);
    world.until(id, |row| tries(row)[0] != "send unknown").await
}

#[tokio::test]
async fn a_signup_that_was_delayed_until_it_had_been_sent_again_is_not_sent() {
    let world = showing_after(0).await;
    world.store.stalled.send_replace(true);
    let signup = world.signup("u_1").await;
    let row = delayed(&world, &signup).await;
    assert_eq!(tries(&row), ["send retry", "look_up absent", "send unverified"], "the first one was not sent");
    let row = world.to_the_end(&signup).await;
    assert_eq!((row.state.as_str(), world.effects("u_1").await), ("recorded", 1), "{:#?}", row.tries);
}

#[tokio::test]
async fn a_sale_that_was_delayed_until_it_had_been_sent_again_is_not_sent() {
    let world = showing_after(0).await;
    let customer = world.accept("main", "u_1", None).await;
    world.until_state(&customer, State::Recorded).await;
    world.store.stalled.send_replace(true);
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = delayed(&world, &order).await;
    assert_eq!(tries(&row), ["send retry", "look_up absent", "send recorded"]);
    assert_eq!((row.state.as_str(), world.effects("o_1001").await), ("recorded", 1), "{:#?}", row.tries);
}
