//! Delivery end to end: ledger, engine, sockets and a strict vendor, which counts what arrives.

use serde_json::{Value, json};
use tokio::net::TcpListener;
use trailmark_proxy::clock::Clock;
use trailmark_proxy::outbox::State;
use trailmark_proxy::store::operator::{DeliveryRow, Filter, OperatorStore};
use trailmark_vendors::Dialect;
use trailmark_wire::time::UnixMillis;

use super::delivery_accounts::lane;
use super::delivery_world::{SETTLING_MS, World, account, guide_account, sale};

const HOUR_MS: i64 = 60 * 60 * 1000;

fn due_at(row: &DeliveryRow) -> UnixMillis {
    UnixMillis::from_rfc3339(row.due_at.as_deref().unwrap()).unwrap()
}

fn tries(row: &DeliveryRow) -> Vec<String> {
    row.tries.iter().map(|t| format!("{} {}", t.purpose, t.outcome.as_deref().unwrap_or("open"))).collect()
}

#[tokio::test]
async fn a_signup_is_sent_and_recorded_once_it_can_be_read_back() {
    let world = World::start().await;
    let id = world.signup("u_1").await;
    let row = world.until_state(&id, State::Unverified).await;
    assert_eq!(due_at(&row), world.clock.now().plus(SETTLING_MS));
    world.advance(SETTLING_MS - 1).await;
    world.looked().await;
    assert_eq!(world.store.leased(), 1, "nothing is asked before the settling time");
    world.advance(1).await;
    let row = world.until_state(&id, State::Recorded).await;
    assert!(row.reference.as_deref().is_some_and(|key| key.starts_with("cus_")), "{row:?}");
    assert_eq!(tries(&row), ["send unverified", "look_up found"]);
    assert_eq!((row.attempts, row.due_at, world.effects("u_1").await), (1, None, 1));
}

#[tokio::test]
async fn an_engine_that_nobody_wakes_finds_what_is_due_by_the_clock() {
    let world = World::polling().await;
    let id = world.signup("u_1").await;
    world.until_state(&id, State::Unverified).await;
    world.control("POST", "clock", &json!({ "advance_ms": SETTLING_MS })).await;
    world.clock.advance(SETTLING_MS);
    world.until_state(&id, State::Recorded).await;
}

#[tokio::test]
async fn a_503_with_retry_after_is_waited_for_and_consumes_no_attempt() {
    let world = World::start().await;
    let hour = world.clock.now().plus(HOUR_MS);
    let fault = json!({
        "vendor": "partnerstack", "kind": "status", "status": 503, "retry_after_s": 3600, "until_ms": hour.0,
    });
    world.control("POST", "faults", &fault).await;
    let id = world.signup("u_1").await;
    let row = world.until(&id, |row| tries(row) == ["send throttled"]).await;
    assert_eq!((row.state.as_str(), row.attempts), ("due", 0));
    assert_eq!(world.lane().await.state, "down");
    let another = world.accept("main", "u_2", None).await;
    world.advance(HOUR_MS - 5000).await;
    world.looked().await;
    assert_eq!(world.store.leased(), 1, "the whole lane stays away until the hint, but for a harmless probe");
    world.advance(10_000).await;
    for (id, key) in [(id, "u_1"), (another, "u_2")] {
        let row = world.to_the_end(&id).await;
        assert_eq!((row.state.as_str(), world.effects(key).await), ("recorded", 1), "{row:?}");
    }
}

#[tokio::test]
async fn a_429_throttles_the_lane_and_consumes_no_attempt() {
    let world = World::start().await;
    world.fault(json!({ "kind": "status", "status": 429, "times": 3 })).await;
    let id = world.signup("u_1").await;
    let row = world.until(&id, |row| tries(row) == ["send throttled"]).await;
    assert_eq!((row.state.as_str(), row.attempts), ("due", 0));
    let row = world.to_the_end(&id).await;
    assert_eq!((row.state.as_str(), row.attempts, world.effects("u_1").await), ("recorded", 1, 1));
}

#[tokio::test]
async fn a_refused_token_is_tried_again_by_one_delivery_until_the_vendor_takes_it() {
    let world = World::start().await;
    accept_credentials(&world, json!({ "tracking_token": "tt_new" })).await;
    let id = world.signup("u_1").await;
    let row = world.until(&id, |row| tries(row) == ["send auth_failed"]).await;
    assert_eq!((row.state.as_str(), row.attempts), ("due", 0), "nothing is lost and nothing is used up");
    assert_eq!(row.paused_by.as_deref(), Some("tracking_token"));
    let other = world.signup("u_2").await;
    let waits = world.until(&other, |row| row.paused_by.is_some()).await;
    assert_eq!(waits.tries.len(), 0, "what needs the refused token is not sent");
    let lane = world.lane().await;
    assert_eq!(lane.state, "paused");
    assert!(lane.reason.unwrap_or_default().contains("`tracking_token`"));
    world.advance(5 * 60_000 - 1).await;
    world.looked().await;
    assert_eq!(world.requests("conversion").await, 1);
    world.advance(1).await;
    world.until(&id, |row| tries(row) == ["send auth_failed", "send auth_failed"]).await;
    assert_eq!(world.requests("conversion").await, 2, "one is the trial, the other waits");
    assert_eq!(world.requests("partnerships").await, 0, "the key pair says nothing about the token");
    accept_credentials(&world, json!({ "tracking_token": "tt_sim_tracking" })).await;
    world.advance(5 * 60_000).await;
    for id in [&id, &other] {
        world.until_state(id, State::Unverified).await;
    }
    for (id, key) in [(&id, "u_1"), (&other, "u_2")] {
        let row = world.to_the_end(id).await;
        assert_eq!((row.state.as_str(), row.attempts, world.effects(key).await), ("recorded", 1, 1));
    }
    assert_eq!(world.lane().await.state, "open");
}

#[tokio::test]
async fn a_refused_key_pair_is_probed_until_the_vendor_takes_it() {
    let world = World::start().await;
    accept_credentials(&world, json!({ "public_key": "pk_new", "private_key": "sk_new" })).await;
    let id = world.accept("main", "u_1", None).await;
    let row = world.until(&id, |row| tries(row) == ["send auth_failed"]).await;
    assert_eq!(row.paused_by.as_deref(), Some("private_key"));
    world.advance(5 * 60_000).await;
    world.looked().await;
    assert_eq!((world.requests("partnerships").await, world.lane().await.state.as_str()), (1, "paused"));
    assert_eq!(tries(&world.row(&id).await).len(), 1);
    accept_credentials(&world, json!({ "public_key": "pk_sim", "private_key": "sk_sim_private" })).await;
    world.advance(5 * 60_000).await;
    let row = world.until_state(&id, State::Recorded).await;
    assert_eq!((tries(&row), row.attempts), (vec!["send auth_failed".into(), "send recorded".into()], 1));
    assert_eq!(world.lane().await.state, "open");
}

#[tokio::test]
async fn a_refused_credential_is_tried_at_start() {
    let mut world = World::start().await;
    accept_credentials(&world, json!({ "tracking_token": "tt_new" })).await;
    let id = world.signup("u_1").await;
    world.until(&id, |row| tries(row) == ["send auth_failed"]).await;
    accept_credentials(&world, json!({ "tracking_token": "tt_sim_tracking" })).await;
    world.crash();
    let row = world.until_state(&id, State::Unverified).await;
    assert_eq!((row.attempts, world.lane().await.state.as_str()), (1, "open"));
}

async fn accept_credentials(world: &World, accepted: Value) {
    world.control("POST", "partnerstack/settings", &json!({ "accept_credentials": accepted })).await;
}

#[tokio::test]
async fn a_403_rejects_the_delivery_when_a_probe_finds_the_same_credential_good() {
    let world = World::start().await;
    let fault = json!({
        "vendor": "partnerstack", "path_contains": "customers", "method": "POST", "kind": "status", "status": 403,
        "message": "not for this program",
    });
    world.control("POST", "faults", &fault).await;
    let id = world.accept("main", "u_1", None).await;
    let row = world.until_state(&id, State::Rejected).await;
    assert!(row.reason.unwrap_or_default().contains("not for this program"));
    assert_eq!((world.requests("partnerships").await, world.lane().await.state.as_str()), (1, "open"));
}

#[tokio::test]
async fn a_400_is_a_dead_letter_with_the_vendors_message() {
    let world = World::start().await;
    world.fault(json!({ "kind": "status", "status": 400, "message": "xid is not valid here" })).await;
    let id = world.signup("u_1").await;
    let row = world.until_state(&id, State::Rejected).await;
    assert!(row.reason.as_deref().is_some_and(|reason| reason.contains("xid is not valid here")), "{row:?}");
    assert_eq!((&row.due_at, world.requests("conversion").await), (&None, 1));
    let listed = world.store.ledger.deliveries(Filter::default()).await.unwrap();
    assert_eq!((listed.len(), &listed[0].reason), (1, &row.reason), "`outbox list` shows it unasked");
}

#[tokio::test]
async fn a_reset_after_processing_is_looked_up_and_never_sent_twice() {
    for fault in [json!({ "kind": "reset_after" }), json!({ "kind": "delay", "delay_ms": 5000 })] {
        let world = World::start().await;
        world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
        world.fault(fault.clone()).await;
        let id = world.signup("u_1").await;
        let row = world.until_state(&id, State::Uncertain).await;
        assert_eq!(due_at(&row), world.clock.now().plus(SETTLING_MS), "{fault}");
        let row = world.to_the_end(&id).await;
        assert_eq!(tries(&row), ["send unknown", "look_up found"], "{fault}");
        assert_eq!((row.state.as_str(), world.effects("u_1").await), ("recorded", 1), "{fault}");
    }
}

#[tokio::test]
async fn a_truncated_answer_is_looked_up_too() {
    let world = World::start().await;
    world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    world.fault(json!({ "kind": "truncate" })).await;
    let id = world.signup("u_1").await;
    let row = world.to_the_end(&id).await;
    assert_eq!(tries(&row), ["send unknown", "look_up found"]);
    assert_eq!((row.state.as_str(), world.effects("u_1").await), ("recorded", 1));
}

#[tokio::test]
async fn what_was_not_processed_is_sent_again_once_a_look_up_finds_nothing() {
    for fault in [json!({ "kind": "reset_before", "times": 1 }), json!({ "kind": "html", "times": 1 })] {
        let world = World::start().await;
        world.fault(fault.clone()).await;
        let id = world.signup("u_1").await;
        let row = world.to_the_end(&id).await;
        let expected = ["send unknown", "look_up absent", "send unverified", "look_up found"];
        assert_eq!(tries(&row), expected, "{fault}");
        assert_eq!((row.state.as_str(), row.attempts, world.effects("u_1").await), ("recorded", 2, 1), "{fault}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let world = World::start().await;
    let elsewhere = "http://127.0.0.1:1/partnerstack/api/v2/elsewhere";
    world.fault(json!({ "kind": "redirect", "status": 307, "location": elsewhere, "times": 1 })).await;
    let id = world.signup("u_1").await;
    let row = world.to_the_end(&id).await;
    assert_eq!(tries(&row), ["send retry", "send unverified", "look_up found"]);
    assert_eq!(world.effects("u_1").await, 1);
}

#[tokio::test]
async fn a_unique_key_is_sent_again_and_already_exists_is_resolved_by_look_up() {
    let world = World::with(|double| vec![guide_account("main", &double.address().to_string())]).await;
    let lost = json!({ "vendor": "partnerstack-guide", "kind": "reset_after", "method": "POST", "times": 1 });
    world.control("POST", "faults", &lost).await;
    let id = world.accept("main", "u_1", None).await;
    let row = world.until(&id, |row| tries(row) == ["send unknown"]).await;
    assert_eq!(row.state, "due");
    let row = world.to_the_end(&id).await;
    assert_eq!(tries(&row)[..2], ["send unknown", "send duplicate"]);
    let customers = world.vendor_state("partnerstack-guide").await["customers"].as_array().unwrap().len();
    assert_eq!((row.state.as_str(), customers), ("recorded", 1), "{row:?}");
}

#[tokio::test]
async fn a_customer_of_current_whose_answer_is_lost_is_looked_up_and_not_made_twice() {
    let world = World::start().await;
    world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    let lost = json!({ "vendor": "partnerstack", "kind": "reset_after", "method": "POST", "times": 1 });
    world.control("POST", "faults", &lost).await;
    let id = world.accept("main", "u_1", None).await;
    let row = world.to_the_end(&id).await;
    assert_eq!(tries(&row), ["send unknown", "look_up found"]);
    assert_eq!((row.state.as_str(), world.effects("u_1").await), ("recorded", 1), "{row:?}");
}

#[tokio::test]
async fn somebody_elses_customer_under_our_key_is_a_conflict() {
    let world = World::start().await;
    let first = world.accept("main", "u_1", None).await;
    world.to_the_end(&first).await;
    // The key is claimed in this ledger, so the second signup comes from another ledger, like a second program of the
    // same account.
    let twin = World::with(|_| vec![account("main", &world.address())]).await;
    let id = twin.accept_as("main", "u_1", "other@customers.example").await;
    let row = twin.to_the_end(&id).await;
    assert_eq!((row.state.as_str(), world.effects("u_1").await), ("conflict", 1), "{row:?}");
}

#[tokio::test]
async fn a_crash_between_sending_and_writing_down_leaves_it_unknown_and_looked_up() {
    let mut world = World::start().await;
    world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    world.store.hold();
    let id = world.signup("u_1").await;
    world.store.until_held().await;
    world.crash();
    world.looked().await;
    assert_eq!(tries(&world.row(&id).await), ["send open"], "the lease is still somebody's");
    world.advance(HOUR_MS / 60).await;
    let row = world.until_state(&id, State::Uncertain).await;
    assert_eq!(tries(&row), ["send unknown"]);
    let row = world.to_the_end(&id).await;
    assert_eq!(tries(&row), ["send unknown", "look_up found"]);
    assert_eq!((row.state.as_str(), world.effects("u_1").await), ("recorded", 1));
}

#[tokio::test]
async fn a_late_answer_is_kept_on_its_attempt_and_moves_nothing() {
    let world = World::start().await;
    world.store.hold();
    let id = world.signup("u_1").await;
    world.store.until_held().await;
    world.advance(HOUR_MS).await;
    let row = world.until_state(&id, State::Uncertain).await;
    assert_eq!(tries(&row), ["send unknown"]);
    world.store.release();
    let row = world.until(&id, |row| tries(row) == ["send unverified"]).await;
    assert_eq!(row.state, "uncertain", "{row:?}");
    assert_eq!(world.to_the_end(&id).await.state, "recorded");
    assert_eq!(world.effects("u_1").await, 1);
}

#[tokio::test]
async fn a_dead_vendor_slows_no_other_lane() {
    // Accepts connections but never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let world =
        World::with(|double| vec![account("dead", &address), account("main", &double.address().to_string())]).await;
    let mut dead = Vec::new();
    for index in 0..30 {
        dead.push(world.accept("dead", &format!("d_{index}"), Some("xid_dead")).await);
    }
    let id = world.signup("u_1").await;
    world.until_state(&id, State::Unverified).await;
    // Eight at a time, each for egress's limit of 1.5 s: the last one starts after 4.5 s.
    let last = world.row(&dead[29]).await;
    assert!(last.tries.is_empty(), "the living lane waited for the dead one");
    let lost = world.until(&dead[0], |row| tries(row) == ["send unknown"]).await;
    assert_eq!(lost.state, "uncertain");
}

#[tokio::test]
async fn a_vendor_that_fails_again_and_again_opens_the_breaker() {
    let world = World::start().await;
    world.fault(json!({ "kind": "reset_before" })).await;
    let mut ids = Vec::new();
    for index in 0..12 {
        ids.push(world.signup(&format!("u_{index}")).await);
    }
    let quiet = async || {
        let mut tries = Vec::new();
        for id in &ids {
            tries.extend(world.row(id).await.tries);
        }
        !tries.is_empty() && tries.iter().all(|attempt| attempt.outcome.is_some())
    };
    let mut rounds = 0;
    while world.lane().await.state != "broken" || !quiet().await {
        world.looked().await;
        rounds += 1;
        assert!(rounds < 200, "the breaker stays closed");
    }
    let sent = world.requests("conversion").await;
    assert!((5..12).contains(&sent), "{sent} of 12 were sent to a vendor that answers nothing");
    world.control("DELETE", "faults", &Value::Null).await;
    world.advance(5 * 60_000).await;
    for id in &ids {
        world.until(id, |row| row.state != "due").await;
    }
    assert_eq!(world.lane().await.state, "open", "one trial went through, and the rest after it");
}

#[tokio::test]
async fn shutting_down_finishes_what_is_under_way_and_begins_nothing() {
    let world = World::start().await;
    world.fault(json!({ "kind": "delay", "delay_ms": 300, "times": 1 })).await;
    let id = world.signup("u_1").await;
    while world.requests("conversion").await == 0 {}
    world.engine.shutdown().await;
    assert_eq!(tries(&world.row(&id).await), ["send unverified"]);
    world.accept("main", "u_2", None).await;
    assert_eq!(world.store.leased(), 1);
}

#[tokio::test]
async fn what_a_vendor_cannot_take_or_lacks_a_field_is_settled_without_a_request() {
    let world = World::start().await;
    // Neither a click nor an address: PartnerStack could not know whose customer this is.
    let id = world.accept_as("main", "u_1", "").await;
    let row = world.until(&id, |row| row.state == "rejected").await;
    assert!(row.reason.as_deref().is_some_and(|reason| reason.contains("customer.email")), "{row:?}");
    assert_eq!((row.attempts, world.requests("").await), (0, 0));
}

#[tokio::test]
async fn what_a_402_stops_on_the_fifth_is_sent_on_the_first_and_not_before() {
    let introw = |address: String| vec![lane("introw", Dialect::Current, "main", &address)];
    let mut world = World::with(|double| introw(double.address().to_string())).await;
    world.partner = world.vendor_state("introw").await["partners"][0]["id"].as_str().unwrap().to_owned();
    let now = world.clock.now().to_rfc3339();
    let month = now[..4].parse::<u32>().unwrap() * 12 + now[5..7].parse::<u32>().unwrap() - 1;
    let in_month = |month: u32, rest: &str| {
        UnixMillis::from_rfc3339(&format!("{}-{:02}-{rest}Z", month / 12, month % 12 + 1)).unwrap()
    };
    let (fifth, first) = (in_month(month + 1, "05T12:00:00"), in_month(month + 2, "01T00:00:00"));
    world.advance(fifth.since(world.clock.now())).await;
    world.control("POST", "introw/settings", &json!({ "credits_per_month": 0 })).await;
    let id = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = world.until(&id, |row| tries(row) == ["send throttled"]).await;
    assert_eq!((row.state.as_str(), row.attempts), ("due", 0));
    let next_at = world.lane().await.next_at.unwrap();
    assert_eq!(UnixMillis::from_rfc3339(&next_at).unwrap(), first);
    world.control("POST", "introw/settings", &json!({ "credits_per_month": null })).await;
    world.advance(first.since(world.clock.now()) - 1).await;
    world.looked().await;
    assert_eq!((world.store.leased(), world.requests("commission-lines").await), (1, 1), "not even on the last day");
    world.advance(1).await;
    world.until_state(&id, State::Recorded).await;
}
