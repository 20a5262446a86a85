//! The main promise under all faults at once: a vendor that loses requests and answers, and a proxy that crashes at
//! any time. The simulator does not recognise repeated customers, so a second send would show as a second effect.

use serde_json::{Value, json};
use trailmark_wire::ids::ConversionId;

use super::delivery_world::{World, refund, sale};

/// The longest step of time. The vendor's clock moves shortly before the proxy's, so a send in between looks one step
/// older to the proxy than to the vendor. With the vendor's delay (six minutes at most) it must stay within the
/// settling time (fifteen).
const STEP_MS: u64 = 8 * 60_000;

/// Draws the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test]
async fn crashes_and_lost_answers_leave_every_signup_with_exactly_one_effect() {
    let mut dice = Dice(20_261_121);
    let mut world = World::start().await;
    world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    for (kind, seed) in [("reset_after", 1), ("reset_before", 2), ("truncate", 3), ("html", 4)] {
        world.fault(json!({ "kind": kind, "probability": 0.15, "seed": seed })).await;
    }
    world.fault(json!({ "kind": "status", "status": 429, "retry_after_s": 30, "probability": 0.05, "seed": 5 })).await;
    let mut signups = Vec::new();
    for index in 0..40 {
        signups.push((format!("u_{index}"), world.signup(&format!("u_{index}")).await));
        wander(&world, &mut dice).await;
        match dice.roll(4) {
            0 => world.crash(),
            1 => world.advance(i64::try_from(dice.roll(STEP_MS)).unwrap()).await,
            _ => {}
        }
    }
    world.control("DELETE", "faults", &Value::Null).await;
    let mut rounds = 0;
    while !all_recorded(&world, &signups).await {
        rounds += 1;
        assert!(rounds < 400, "still not settled");
        world.advance(i64::try_from(STEP_MS).unwrap()).await;
        world.looked().await;
        wander(&world, &mut dice).await;
    }
    let sent = world.requests("conversion").await;
    assert!(sent > signups.len(), "{sent} requests: the vendor lost none, so this showed nothing");
    for (key, id) in &signups {
        assert_eq!(world.effects(key).await, 1, "{key}: {:#?}", world.row(id).await);
    }
}

/// Lets the engine run for a varying time.
async fn wander(world: &World, dice: &mut Dice) {
    for _ in 0..dice.roll(6) {
        world.requests("conversion").await;
    }
}

async fn all_recorded(world: &World, signups: &[(String, ConversionId)]) -> bool {
    for (_, id) in signups {
        if world.row(id).await.state != "recorded" {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn crashes_and_resets_leave_every_sale_and_refund_with_exactly_one_effect() {
    let mut dice = Dice(20_261_122);
    let mut world = World::start().await;
    world.control("POST", "partnerstack/settings", &json!({ "dedupe": false })).await;
    for (kind, seed) in [("reset_after", 1), ("reset_before", 2)] {
        let fault = json!({ "vendor": "partnerstack", "kind": kind, "probability": 0.1, "seed": seed });
        world.control("POST", "faults", &fault).await;
    }
    let mut all = Vec::new();
    for index in 0..30 {
        let (key, order, back) = (format!("u_{index}"), format!("o_10{index}"), format!("r_20{index}"));
        let sold = world.event(&key, sale(&order, 1230, "EUR")).await;
        all.push((key.clone(), world.signup(&key).await));
        wander(&world, &mut dice).await;
        let given_back = world.event(&key, refund(&back, &order, 230, "EUR")).await;
        all.extend([(order, sold), (back, given_back)]);
        match dice.roll(4) {
            0 => world.crash(),
            1 => world.advance(i64::try_from(dice.roll(STEP_MS)).unwrap()).await,
            _ => {}
        }
    }
    world.control("DELETE", "faults", &Value::Null).await;
    let mut rounds = 0;
    while !all_recorded(&world, &all).await {
        rounds += 1;
        assert!(rounds < 400, "still not settled");
        world.advance(i64::try_from(STEP_MS).unwrap()).await;
        world.looked().await;
        wander(&world, &mut dice).await;
    }
    for (key, id) in &all {
        assert_eq!(world.effects(key).await, 1, "{key}: {:#?}", world.row(id).await);
    }
}
