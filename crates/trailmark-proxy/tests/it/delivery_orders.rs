//! Leads, sales and refunds end to end: in order, once, and exact; in both dialects of PartnerStack, and a refund at Introw.

use std::sync::Arc;

use serde_json::{Value, json};
use trailmark_proxy::clock::Clock;
use trailmark_proxy::delivery::LaneAccount;
use trailmark_proxy::explain::explain;
use trailmark_proxy::outbox::order::{Earlier, held_back};
use trailmark_proxy::outbox::{Progress, State};
use trailmark_proxy::store::operator::{Change, DeliveryRow, OperatorStore};
use trailmark_simulator::INTROW_API_KEY;
use trailmark_vendors::account::Settings;
use trailmark_vendors::{Dialect, vendor};
use trailmark_wire::conversion::{Event, Kind};
use trailmark_wire::ids::ConversionId;

use super::delivery_accounts::lane;
use super::delivery_world::{SETTLING_MS, World, account, guide_account, refund, sale};

fn tries(row: &DeliveryRow) -> Vec<String> {
    row.tries.iter().map(|t| format!("{} {}", t.purpose, t.outcome.as_deref().unwrap_or("open"))).collect()
}

/// A recorded customer of the vendor.
async fn customer(world: &World, key: &str) -> ConversionId {
    let id = world.accept("main", key, None).await;
    world.until_state(&id, State::Recorded).await;
    id
}

async fn until(world: &World, id: &ConversionId, state: State) -> DeliveryRow {
    world.until(id, |row| row.state == state.as_str()).await
}

/// Amounts of an account's live transactions, in cents.
async fn amounts(world: &World, account: &str) -> Vec<i64> {
    let state = world.vendor_state(account).await;
    let all = state["transactions"].as_array().unwrap();
    all.iter().filter(|one| one["deleted"] == false).map(|one| one["amount"].as_i64().unwrap()).collect()
}

async fn fault(world: &World, fault: Value) {
    let mut armed = json!({ "vendor": "partnerstack", "path_contains": "transactions", "times": 1 });
    armed.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    world.control("POST", "faults", &armed).await;
}

async fn guided() -> World {
    World::with(|double| vec![guide_account("main", &double.address().to_string())]).await
}

#[tokio::test]
async fn a_sale_waits_without_an_attempt_until_its_customer_is_recorded() {
    let world = World::start().await;
    let signup = world.signup("u_1").await;
    world.until_state(&signup, State::Unverified).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = until(&world, &order, State::Waiting).await;
    assert_eq!((row.attempts, tries(&row).len(), row.due_at), (0, 0, None));
    assert_eq!(row.reason.as_deref(), Some("the customer's signup must be recorded first"));
    assert_eq!(world.requests("transactions").await, 0);
    world.advance(SETTLING_MS).await;
    world.until_state(&signup, State::Recorded).await;
    let row = world.until_state(&order, State::Recorded).await;
    assert_eq!(
        (row.attempts, tries(&row), row.reference.as_deref()),
        (1, vec!["send recorded".into()], Some("o_1001"))
    );
    assert_eq!((world.effects("o_1001").await, amounts(&world, "partnerstack").await), (1, vec![1230]));
}

#[tokio::test]
async fn a_sale_of_nobody_is_blocked_until_the_signup_comes() {
    let world = World::start().await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = until(&world, &order, State::Blocked).await;
    assert_eq!((row.attempts, row.due_at.as_deref()), (0, None));
    assert!(row.reason.unwrap().starts_with("the customer's signup is not known in this program"));
    let signup = world.signup("u_1").await;
    until(&world, &order, State::Waiting).await;
    world.until_state(&signup, State::Unverified).await;
    world.advance(SETTLING_MS).await;
    world.until_state(&order, State::Recorded).await;
    assert_eq!(world.effects("o_1001").await, 1);
}

#[tokio::test]
async fn a_sale_whose_signup_was_refused_is_blocked_until_an_operator_mends_it() {
    let world = World::start().await;
    world.fault(json!({ "kind": "status", "status": 400, "message": "no such xid", "times": 1 })).await;
    let signup = world.signup("u_1").await;
    let rejected = world.until_state(&signup, State::Rejected).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = until(&world, &order, State::Blocked).await;
    assert!(row.reason.unwrap().starts_with("the customer's signup ended `rejected`"));
    let retry = Change::Retry { delivery: rejected.id, accept_double: false };
    world.store.ledger.change(retry, world.clock.now()).await.unwrap();
    world.engine.wake();
    world.until(&signup, |row| row.state == "unverified").await;
    world.advance(SETTLING_MS).await;
    world.until_state(&order, State::Recorded).await;
    assert_eq!((world.effects("u_1").await, world.effects("o_1001").await), (1, 1));
}

#[tokio::test]
async fn a_sale_waits_for_its_own_customer_and_program_alone() {
    let world = World::with(|double| {
        let address = double.address().to_string();
        vec![account("main", &address), account("other", &address)]
    })
    .await;
    customer(&world, "u_2").await;
    let elsewhere = world.accept("other", "u_1", None).await;
    world.until_state(&elsewhere, State::Recorded).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    until(&world, &order, State::Blocked).await;
    let another = world.event("u_2", sale("o_1002", 1230, "EUR")).await;
    world.until_state(&another, State::Recorded).await;
    assert_eq!(world.row(&order).await.state, "blocked");
}

#[test]
fn whatever_ends_otherwise_than_recorded_blocks_and_whatever_is_under_way_is_waited_for() {
    let progress = Progress { attempts: 3, ..Progress::new(trailmark_wire::time::UnixMillis(5)) };
    let state = |earlier| held_back(&progress, Kind::Signup, earlier).map(|next| next.state);
    for earlier in State::ALL {
        let expected = match earlier {
            State::Recorded | State::NotNeeded => None,
            State::Due | State::Uncertain | State::Unverified | State::Waiting => Some(State::Waiting),
            _ => Some(State::Blocked),
        };
        assert_eq!(state(Earlier::Stands(earlier)), expected, "{earlier:?}");
    }
    assert_eq!((state(Earlier::Absent), state(Earlier::Unnamed)), (Some(State::Blocked), None));
    assert_eq!(state(Earlier::Undecided), Some(State::Blocked));
    let next = held_back(&progress, Kind::Sale, Earlier::Stands(State::Unsupported)).unwrap();
    assert_eq!((next.state, next.due_at), (State::Unsupported, None), "nothing was sold there");
    let next = held_back(&progress, Kind::Sale, Earlier::Absent).unwrap();
    assert_eq!((next.attempts, next.due_at, next.purpose()), (3, None, None));
}

#[tokio::test]
async fn a_refund_waits_for_its_sale_and_takes_back_what_it_says() {
    let world = World::start().await;
    let part = world.event("u_1", refund("r_2001", "o_1001", 230, "EUR")).await;
    let whole = world.event("u_1", refund("r_2002", "o_1002", 500, "EUR")).await;
    let row = until(&world, &part, State::Blocked).await;
    assert!(row.reason.unwrap().starts_with("its sale is not known in this program"));
    let first = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let second = world.event("u_1", sale("o_1002", 500, "EUR")).await;
    for id in [&part, &whole] {
        world
            .until(id, |row| row.reason.as_deref().is_some_and(|why| why.contains("its sale is blocked itself")))
            .await;
    }
    customer(&world, "u_1").await;
    for id in [&first, &second, &part, &whole] {
        world.until_state(id, State::Recorded).await;
    }
    assert_eq!(amounts(&world, "partnerstack").await, [1230, -230], "1230 less 230 and nothing of 500");
    assert_eq!(world.row(&whole).await.tries[0].request, "DELETE /v2/transactions/{key}");
}

#[tokio::test]
async fn amounts_arrive_exactly_or_are_rejected() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    for (key, minor, currency, cents) in
        [("o_1001", 1230, "EUR", 1230), ("o_1002", 1230, "JPY", 123_000), ("o_1003", 1230, "KWD", 123)]
    {
        let id = world.event("u_1", sale(key, minor, currency)).await;
        world.until_state(&id, State::Recorded).await;
        assert_eq!(amounts(&world, "partnerstack").await.last(), Some(&cents), "{currency}");
    }
    let given_back = world.event("u_1", refund("r_2001", "o_1002", 30, "JPY")).await;
    world.until_state(&given_back, State::Recorded).await;
    assert_eq!(amounts(&world, "partnerstack").await.last(), Some(&-3000));
    let inexact = world.event("u_1", sale("o_1004", 1235, "KWD")).await;
    let row = until(&world, &inexact, State::Rejected).await;
    assert!(row.reason.unwrap().starts_with("inexact_amount: "));
    assert_eq!((row.attempts, world.effects("o_1004").await), (0, 0));
}

#[tokio::test]
async fn a_lead_is_an_action_on_the_vendors_customer() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    let lead = world.event("u_1", Event::Lead).await;
    let row = world.until_state(&lead, State::Recorded).await;
    let actions = world.vendor_state("partnerstack").await["actions"].clone();
    assert_eq!((&actions[0]["type"], &actions[0]["target_key"]), (&json!("lead"), &json!("u_1")));
    assert_eq!(row.reference.as_deref(), actions[0]["key"].as_str());
}

#[tokio::test]
async fn a_sale_whose_answer_is_lost_is_looked_up_and_never_sent_twice() {
    for (kind, expected) in [
        ("reset_after", vec!["send unknown", "look_up found"]),
        ("reset_before", vec!["send unknown", "look_up absent", "send recorded"]),
    ] {
        let world = World::start().await;
        world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
        customer(&world, "u_1").await;
        fault(&world, json!({ "kind": kind })).await;
        let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
        world.until(&order, |row| tries(row) == ["send unknown"]).await;
        let row = world.to_the_end(&order).await;
        assert_eq!((row.state.as_str(), tries(&row)), ("recorded", expected.iter().map(|t| (*t).into()).collect()));
        assert_eq!((world.effects("o_1001").await, amounts(&world, "partnerstack").await), (1, vec![1230]), "{kind}");
    }
}

#[tokio::test]
async fn a_key_that_exists_is_ours_only_when_the_list_shows_our_sale() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    fault(&world, json!({ "kind": "status", "status": 400, "message": "transaction already exists" })).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = world.to_the_end(&order).await;
    assert_eq!(tries(&row), ["send duplicate", "look_up absent", "look_up absent"]);
    assert_eq!(row.state, "conflict");
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_made_again() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    world.until_state(&order, State::Recorded).await;
    fault(&world, json!({ "kind": "reset_after", "method": "DELETE" })).await;
    let back = world.event("u_1", refund("r_2001", "o_1001", 1230, "EUR")).await;
    let row = world.to_the_end(&back).await;
    assert_eq!(row.state, "recorded");
    assert_eq!(tries(&row), ["send unknown", "send missing", "look_up found"]);
    assert_eq!(amounts(&world, "partnerstack").await, [0_i64; 0]);
}

#[tokio::test]
async fn the_guide_takes_a_signup_its_sale_and_both_refunds() {
    let world = guided().await;
    let order = world.event("u_1", sale("o_1001", 1230, "JPY")).await;
    let signup = world.signup("u_1").await;
    let row = world.until_state(&signup, State::Recorded).await;
    assert_eq!((row.tries[0].request.as_str(), row.reference), ("POST /v2/customers", None));
    let row = world.until_state(&order, State::Recorded).await;
    assert!(row.reference.is_some_and(|key| key.starts_with("txn_")));
    let state = world.vendor_state("partnerstack-guide").await;
    let sold = &state["transactions"][0];
    assert_eq!(
        (&sold["amount"], &sold["currency"], &sold["partner_key"]),
        (&json!(123_000), &json!("jpy"), &json!("ada"))
    );
    let part = world.event("u_1", refund("r_2001", "o_1001", 30, "JPY")).await;
    world.until_state(&part, State::Recorded).await;
    assert_eq!(amounts(&world, "partnerstack-guide").await, [123_000, -3000]);
    let other = world.event("u_1", sale("o_1002", 500, "EUR")).await;
    world.until_state(&other, State::Recorded).await;
    let whole = world.event("u_1", refund("r_2002", "o_1002", 500, "EUR")).await;
    world.until_state(&whole, State::Recorded).await;
    assert_eq!(amounts(&world, "partnerstack-guide").await, [123_000, -3000]);
    assert_eq!(world.requests("partnerlinks/conversion").await, 0);
}

#[tokio::test]
async fn a_sale_of_the_guide_whose_answer_is_lost_is_for_an_operator() {
    let world = guided().await;
    customer(&world, "u_1").await;
    let lost =
        json!({ "vendor": "partnerstack-guide", "path_contains": "transactions", "kind": "reset_after", "times": 1 });
    world.control("POST", "faults", &lost).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    let row = world.until_state(&order, State::Uncertain).await;
    assert_eq!((row.due_at.as_deref(), tries(&row)), (None, vec!["send unknown".to_owned()]));
    assert!(row.reason.unwrap().contains("find out whether the vendor has it"));
    world.advance(SETTLING_MS).await;
    world.looked().await;
    assert_eq!(amounts(&world, "partnerstack-guide").await, [1230], "nothing is sent blind");
}

#[tokio::test]
async fn a_refund_of_a_sale_that_introw_cannot_take_is_unsupported_too_and_nobody_must_act() {
    // Without `commission_percent` there are no commission lines.
    let account = |address: &str| {
        let lane = lane("introw", Dialect::Current, "main", address);
        let settings = Settings::of(Dialect::Current)
            .with_text("base_url", format!("http://{address}/introw"))
            .with_secret("api_key", INTROW_API_KEY);
        LaneAccount { adapter: Arc::new(vendor("introw").unwrap().open(&settings).unwrap()), ..lane }
    };
    let mut world = World::with(|double| vec![account(&double.address().to_string())]).await;
    world.partner = world.vendor_state("introw").await["partners"][0]["id"].as_str().unwrap().to_owned();
    let order = world.event("u_1", sale("o_1001", 3000, "EUR")).await;
    until(&world, &order, State::Unsupported).await;
    let back = world.event("u_1", refund("r_2001", "o_1001", 1000, "EUR")).await;
    let row = until(&world, &back, State::Unsupported).await;
    assert_eq!((row.tries.len(), row.due_at), (0, None));
    let detail = world.store.ledger.conversion(back.to_string()).await.unwrap();
    let story = explain(&detail, &[]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(story.contains("Introw cannot take it: the vendor cannot take its sale either"), "{story}");
    let lanes = world.store.ledger.lanes(world.clock.now()).await.unwrap();
    assert!(lanes.iter().all(|lane| lane.stuck == 0), "{lanes:#?}");
    assert!(world.store.ledger.health().await.unwrap().violations.is_empty());
}

#[tokio::test]
async fn a_refund_of_a_sale_whose_line_is_void_at_introw_is_not_needed_and_makes_no_negative_line() {
    let account = |address: &str| lane("introw", Dialect::Current, "main", address);
    let mut world = World::with(|double| vec![account(&double.address().to_string())]).await;
    world.partner = world.vendor_state("introw").await["partners"][0]["id"].as_str().unwrap().to_owned();
    let order = world.event("u_1", sale("o_1001", 3000, "EUR")).await;
    let line = world.until_state(&order, State::Recorded).await.reference.unwrap();
    // Only a line on a payout can be declined.
    world.control("POST", "introw/payouts", &json!({ "partner_id": world.partner, "currency": "EUR" })).await;
    world.control("POST", &format!("introw/commission-lines/{line}/decline"), &json!({})).await;
    let back = world.event("u_1", refund("r_2001", "o_1001", 3000, "EUR")).await;
    let row = world.to_the_end(&back).await;
    assert_eq!((row.state.as_str(), tries(&row)), ("not_needed", vec!["send not_needed".to_owned()]));
    assert!(row.reason.unwrap().starts_with("the sale's commission line is `VOIDED`"));
    let state = world.vendor_state("introw").await;
    assert_eq!(state["commission_lines"].as_array().unwrap().len(), 1, "{state:#}");
    assert!(world.store.ledger.health().await.unwrap().violations.is_empty());
}
