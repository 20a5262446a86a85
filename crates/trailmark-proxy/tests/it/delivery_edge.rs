//! Faults between proxy and vendor (field-faults § 4): each row end to end, with the real engine and the strict
//! simulator, and its effect at the vendor.

use serde_json::{Value, json};
use trailmark_proxy::clock::Clock;
use trailmark_proxy::outbox::State;
use trailmark_proxy::outbox::machine::READ_BACK_MS;
use trailmark_proxy::store::operator::{Change, DeliveryRow, Filter, OperatorStore, Verdict};
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY};
use trailmark_wire::conversion::{Customer, CustomerClaim, Event};
use trailmark_wire::ids::{ConversionId, CustomerKey};

use super::delivery_world::{SETTLING_MS, World, account, guide_account, refund, sale};

const MINUTE_MS: i64 = 60 * 1000;

fn tries(row: &DeliveryRow) -> Vec<String> {
    row.tries.iter().map(|t| format!("{} {}", t.purpose, t.outcome.as_deref().unwrap_or("open"))).collect()
}

async fn guided() -> World {
    World::with(|double| vec![guide_account("main", &double.address().to_string())]).await
}

/// A recorded customer of the vendor.
async fn customer(world: &World, key: &str) -> ConversionId {
    let id = world.accept("main", key, None).await;
    world.until_state(&id, State::Recorded).await;
    id
}

async fn sold(world: &World, customer: &str, order: &str) -> ConversionId {
    let id = world.event(customer, sale(order, 1230, "EUR")).await;
    world.until_state(&id, State::Recorded).await;
    id
}

async fn fault(world: &World, vendor: &str, fault: Value) {
    let mut armed = json!({ "vendor": vendor, "times": 1 });
    armed.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    world.control("POST", "faults", &armed).await;
}

/// A call to the vendor by a person or another program.
async fn at_the_vendor(world: &World, method: &str, path: &str, body: Value) {
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let url = format!("http://{}/{path}", world.address());
    let request = http.request(method.parse().unwrap(), url).basic_auth(PUBLIC_KEY, Some(PRIVATE_KEY));
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn live_transactions(world: &World, account: &str) -> usize {
    let state = world.vendor_state(account).await;
    state["transactions"].as_array().unwrap().iter().filter(|one| one["deleted"] == false).count()
}

// field-faults row 37
#[tokio::test]
async fn a_lost_sale_is_found_on_pages_far_above_128_kib() {
    let world = World::start().await;
    world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    customer(&world, "u_1").await;
    fault(&world, "partnerstack", json!({ "path_contains": "transactions", "kind": "reset_after" })).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    world.until(&order, |row| tries(row) == ["send unknown"]).await;
    // The newest come first, so ours is on the second page; each item is 10 KB of JSON in 3-byte characters.
    let metadata: Value = (0..25).map(|n| (format!("{n:02}{}", "n".repeat(28)), json!("漢".repeat(100)))).collect();
    for number in 0..110 {
        let body = json!({
            "customer_external_key": "u_1", "key": format!("theirs_{number}"), "amount": 100, "currency": "EUR",
            "metadata": metadata,
        });
        at_the_vendor(&world, "POST", "partnerstack/api/v2/transactions", body).await;
    }
    let row = world.to_the_end(&order).await;
    assert_eq!((row.state.as_str(), tries(&row)), ("recorded", vec!["send unknown".into(), "look_up found".into()]));
    assert_eq!((world.effects("o_1001").await, world.lane().await.state.as_str()), (1, "open"));
}

// field-faults row 38
#[tokio::test]
async fn a_deletion_answered_without_the_vendors_envelope_is_made_again() {
    for (world, vendor) in [(World::start().await, "partnerstack"), (guided().await, "partnerstack-guide")] {
        customer(&world, "u_1").await;
        sold(&world, "u_1", "o_1001").await;
        fault(&world, vendor, json!({ "method": "DELETE", "kind": "html", "status": 200, "times": 2 })).await;
        let back = world.event("u_1", refund("r_2001", "o_1001", 1230, "EUR")).await;
        let row = world.until(&back, |row| tries(row) == ["send unknown"]).await;
        assert_eq!(row.state, "due", "{vendor}");
        let row = world.to_the_end(&back).await;
        assert_eq!(tries(&row), ["send unknown", "send unknown", "send recorded"], "{vendor}");
        assert_eq!((row.state.as_str(), live_transactions(&world, vendor).await), ("recorded", 0));
    }
}

// field-faults row 39
#[tokio::test]
async fn a_sale_that_somebody_deleted_before_the_refund_is_a_conflict_that_says_so() {
    for (world, vendor) in [(World::start().await, "partnerstack"), (guided().await, "partnerstack-guide")] {
        customer(&world, "u_1").await;
        let order = sold(&world, "u_1", "o_1001").await;
        let key = world.row(&order).await.reference.unwrap();
        at_the_vendor(&world, "DELETE", &format!("{vendor}/api/v2/transactions/{key}"), Value::Null).await;
        let back = world.event("u_1", refund("r_2001", "o_1001", 1230, "EUR")).await;
        let row = world.to_the_end(&back).await;
        assert_eq!(tries(&row), ["send missing", "look_up found"], "{vendor}");
        assert_eq!(row.state, "conflict");
        assert!(row.reason.unwrap().contains("somebody else deleted it, or it has another key at the vendor"));
    }
}

// field-faults row 39
#[tokio::test]
async fn a_404_to_a_deletion_that_was_lost_before_is_recorded_and_one_to_a_sale_that_stands_is_deleted_again() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    sold(&world, "u_1", "o_1001").await;
    sold(&world, "u_1", "o_1002").await;
    fault(&world, "partnerstack", json!({ "method": "DELETE", "kind": "reset_after" })).await;
    let lost = world.event("u_1", refund("r_2001", "o_1001", 1230, "EUR")).await;
    let row = world.to_the_end(&lost).await;
    assert_eq!(
        (row.state.as_str(), tries(&row).join(", ")),
        ("recorded", "send unknown, send missing, look_up found".into())
    );
    fault(&world, "partnerstack", json!({ "method": "DELETE", "kind": "status", "status": 404 })).await;
    let denied = world.event("u_1", refund("r_2002", "o_1002", 1230, "EUR")).await;
    let row = world.to_the_end(&denied).await;
    assert_eq!(tries(&row), ["send missing", "look_up absent", "send recorded"]);
    assert_eq!((row.state.as_str(), live_transactions(&world, "partnerstack").await), ("recorded", 0));
}

// field-faults row 40
#[tokio::test]
async fn a_customer_whom_the_vendor_has_is_recorded_although_the_second_send_was_refused() {
    for status in [400, 403, 404, 422] {
        let world = guided().await;
        fault(&world, "partnerstack-guide", json!({ "method": "POST", "kind": "reset_after" })).await;
        fault(&world, "partnerstack-guide", json!({ "method": "POST", "kind": "status", "status": status })).await;
        let id = world.accept("main", "u_1", None).await;
        let row = world.to_the_end(&id).await;
        assert_eq!(tries(&row), ["send unknown", "send rejected", "look_up found"], "{status}");
        let customers = world.vendor_state("partnerstack-guide").await["customers"].as_array().unwrap().len();
        assert_eq!((row.state.as_str(), customers), ("recorded", 1));
    }
}

// field-faults row 40
#[tokio::test]
async fn a_refusal_after_a_send_that_was_lost_before_it_arrived_is_rejected_with_the_vendors_message() {
    let world = guided().await;
    fault(&world, "partnerstack-guide", json!({ "method": "POST", "kind": "reset_before" })).await;
    fault(
        &world,
        "partnerstack-guide",
        json!({ "method": "POST", "kind": "status", "status": 400, "message": "no such plan" }),
    )
    .await;
    let id = world.accept("main", "u_1", None).await;
    let row = world.to_the_end(&id).await;
    let expected = ["send unknown", "send rejected", "look_up absent", "look_up absent", "look_up absent"];
    assert_eq!(tries(&row), expected);
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("rejected", Some("status 400: no such plan")));
    assert!(world.vendor_state("partnerstack-guide").await["customers"].as_array().unwrap().is_empty());
}

// field-faults row 41
#[tokio::test]
async fn a_click_for_a_customer_of_another_partner_is_a_conflict_that_names_whom_the_vendor_credits() {
    let world = World::start().await;
    let theirs = json!({ "customer_key": "u_1", "email": "u_1@customers.example", "partner_key": "grace" });
    at_the_vendor(&world, "POST", "partnerstack/api/v2/customers", theirs).await;
    world.advance(60 * MINUTE_MS).await;
    let signup = world.signup("u_1").await;
    let row = world.to_the_end(&signup).await;
    assert_eq!(
        (row.state.as_str(), tries(&row)),
        ("conflict", vec!["send unverified".into(), "look_up differs".into()])
    );
    assert!(row.reason.as_deref().unwrap().contains("credits partner `grace`"), "{:?}", row.reason);
}

// field-faults row 42
#[tokio::test]
async fn a_firewalls_page_and_a_403_of_the_tracking_host_are_tried_again_and_lose_no_signup() {
    for refusal in [
        json!({ "kind": "html", "status": 403 }),
        json!({ "kind": "html", "status": 418 }),
        json!({ "kind": "html", "status": 404 }),
        json!({ "kind": "status", "status": 403 }),
    ] {
        let world = World::start().await;
        let mut armed = refusal.clone();
        armed["path_contains"] = json!("conversion");
        armed["times"] = json!(2);
        fault(&world, "partnerstack", armed).await;
        let id = world.signup("u_1").await;
        let row = world.to_the_end(&id).await;
        let expected = ["send retry", "send retry", "send unverified", "look_up found"];
        assert_eq!((row.state.as_str(), tries(&row)), ("recorded", expected.map(str::to_owned).to_vec()), "{refusal}");
        assert_eq!(world.requests("partnerships").await, 0, "a probe of the key pair proves nothing about the token");
    }
}

// field-faults row 43
#[tokio::test]
async fn a_customer_whom_the_vendor_shows_after_55_minutes_is_recorded_and_its_sales_go_on() {
    let world = World::start().await;
    world.control("POST", "partnerstack/settings", &json!({ "visible_after_ms": 55 * MINUTE_MS })).await;
    let signup = world.signup("u_1").await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    world.until(&order, |row| row.state == "waiting").await;
    let ignored = loop {
        let row =
            world.until(&signup, |row| row.tries.iter().all(|one| one.outcome.is_some()) && row.due_at.is_some()).await;
        if row.state == "ignored" {
            break row;
        }
        world.advance_to_due(&row).await;
        world.until(&signup, |later| later.tries.len() > row.tries.len()).await;
    };
    let blocked = world.until(&order, |row| row.state == "blocked").await;
    assert!(blocked.reason.unwrap().contains("ended `ignored`"));
    let listed = world.store.ledger.deliveries(Filter::default()).await.unwrap();
    let listed = listed.iter().find(|row| row.state == "ignored").unwrap();
    assert_eq!((&listed.id, listed.blocks), (&ignored.id, 1), "`outbox list` shows it unasked, with what it blocks");
    world.advance_to_due(&ignored).await;
    let row = world.until_state(&signup, State::Recorded).await;
    assert_eq!(tries(&row).last().map(String::as_str), Some("look_up found"));
    world.until_state(&order, State::Recorded).await;
    assert_eq!((world.effects("u_1").await, world.effects("o_1001").await), (1, 1));
}

// field-faults row 43
#[tokio::test]
async fn what_the_vendor_never_shows_is_read_back_for_a_week_without_being_sent_and_can_be_settled_by_hand() {
    let world = World::start().await;
    let signup = world.accept("main", "u_1", Some("no_such_click")).await;
    let mut sends = 0;
    let row = loop {
        let row = world
            .until(&signup, |row| !row.tries.is_empty() && row.tries.iter().all(|one| one.outcome.is_some()))
            .await;
        if row.state == "ignored" && sends == 0 {
            sends = world.requests("conversion").await;
        }
        if row.due_at.is_none() {
            break row;
        }
        world.advance_to_due(&row).await;
        world.until(&signup, |later| later.tries.len() > row.tries.len()).await;
    };
    assert_eq!((row.state.as_str(), world.requests("conversion").await), ("ignored", sends));
    let read_back = row.tries.iter().filter(|one| one.purpose == "look_up").count();
    assert_eq!(read_back, 3 + READ_BACK_MS.len());
    let by_hand = Change::Resolve { delivery: row.id, verdict: Verdict::Recorded, reason: "seen at the vendor".into() };
    let row = world.store.ledger.change(by_hand, world.clock.now()).await.unwrap();
    assert_eq!(row.state, "recorded");
    assert!(world.store.ledger.health().await.unwrap().violations.is_empty());
}

// field-faults row 44
#[tokio::test]
async fn a_refused_tracking_token_stops_signups_by_click_and_nothing_else() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    let settings = json!({ "accept_credentials": { "tracking_token": "tt_new" } });
    world.control("POST", "partnerstack/settings", &settings).await;
    let stopped = world.signup("u_2").await;
    world.until(&stopped, |row| row.paused_by.as_deref() == Some("tracking_token")).await;
    sold(&world, "u_1", "o_1001").await;
    customer(&world, "u_3").await;
    let back = world.event("u_1", refund("r_2001", "o_1001", 230, "EUR")).await;
    world.until_state(&back, State::Recorded).await;
    let lead = world.event("u_1", Event::Lead).await;
    world.until_state(&lead, State::Recorded).await;
    assert_eq!(world.lane().await.state, "paused");
    assert!(world.store.ledger.health().await.unwrap().violations.is_empty());
}

// field-faults row 44: the other way round
#[tokio::test]
async fn a_refused_key_pair_stops_sales_and_look_ups_and_not_signups_by_click() {
    let world = World::start().await;
    customer(&world, "u_1").await;
    let settings = |key: &str| json!({ "accept_credentials": { "private_key": key } });
    world.control("POST", "partnerstack/settings", &settings("sk_new")).await;
    let order = world.event("u_1", sale("o_1001", 1230, "EUR")).await;
    world.until(&order, |row| row.paused_by.as_deref() == Some("private_key")).await;
    let signup = world.signup("u_2").await;
    world.until(&signup, |row| tries(row) == ["send unverified"]).await;
    world.advance(SETTLING_MS).await;
    let waits = world.until(&signup, |row| row.paused_by.is_some()).await;
    assert_eq!((waits.state.as_str(), tries(&waits).len()), ("unverified", 1), "its look-up waits, too");
    world.control("POST", "partnerstack/settings", &settings(PRIVATE_KEY)).await;
    world.advance(5 * MINUTE_MS).await;
    for id in [&order, &signup] {
        world.until_state(id, State::Recorded).await;
    }
    assert_eq!(world.lane().await.state, "open");
}

// field-faults rows 13 and 45
#[tokio::test]
async fn what_the_vendor_does_not_take_is_cut_or_left_out_and_said_on_the_delivery() {
    let claim = |key: &str| {
        let email = Some(format!("{key}@customers.example"));
        CustomerClaim::Plain(Customer { key: CustomerKey::new(key).unwrap(), email, name: Some("ä".repeat(200)) })
    };
    let data = [("n".repeat(64), "v".repeat(500))];
    for (world, vendor, fields) in
        [(World::start().await, "partnerstack", 2), (guided().await, "partnerstack-guide", 1)]
    {
        let signup = world.report("main", claim("u_1"), Event::Signup, None, Default::default()).await;
        let row = world.until_state(&signup, State::Recorded).await;
        assert_eq!(row.notes.iter().map(|note| note.field.as_str()).collect::<Vec<_>>(), ["customer.name"], "{vendor}");
        let state = world.vendor_state(vendor).await;
        assert_eq!(state["customers"][0]["name"], "ä".repeat(100));
        let order = world.report("main", claim("u_1"), sale("o_1001", 1230, "EUR"), None, data.clone().into()).await;
        let row = world.until_state(&order, State::Recorded).await;
        assert_eq!(row.notes.len(), fields, "{vendor}: {:?}", row.notes);
        assert!(row.notes.iter().all(|note| !note.reason.contains("vvv")), "a note holds no value");
    }
    let world = World::with(|double| vec![account("main", &double.address().to_string())]).await;
    let click = world.control("POST", "partnerstack/clicks", &json!({ "partner_key": "ada" })).await;
    let signup = world.report("main", claim("u_1"), Event::Signup, click["xid"].as_str(), Default::default()).await;
    let row = world.to_the_end(&signup).await;
    assert_eq!((row.state.as_str(), row.notes.len()), ("recorded", 1), "by click, too");
}
