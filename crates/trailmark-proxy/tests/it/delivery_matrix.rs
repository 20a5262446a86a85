//! Every call to every vendor with every fault. Each scenario has its own vendor, ledger and clock, delivers one
//! conversion with one fault, moves time until nothing goes on by itself, and compares the ledger with the vendor's
//! state.
//!
//! The tables are data: a new vendor is a line in `delivery_matrix_calls`, a new fault a line in [`FAULTS`].
//! Nothing here knows an adapter's requests; a fault that follows another one hits the next request.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use trailmark_proxy::clock::Clock;
use trailmark_proxy::store::delivery::{DeliveryStore, LaneKey};
use trailmark_proxy::store::operator::DeliveryRow;
use trailmark_vendors::{Dialect, VENDORS};
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::delivery_accounts::{in_dialect, lane};
use super::delivery_matrix_calls::{Call, Effects, SPEAKERS, Speaker};
use super::delivery_world::World;

/// The faults of a call, as the simulator is told of them.
const FAULTS: [(&str, &str); 19] = [
    ("status 400", r#"{"kind":"status","status":400}"#),
    ("status 401", r#"{"kind":"status","status":401}"#),
    ("status 403", r#"{"kind":"status","status":403}"#),
    ("status 404", r#"{"kind":"status","status":404}"#),
    ("status 418", r#"{"kind":"status","status":418}"#),
    ("status 429", r#"{"kind":"status","status":429}"#),
    ("status 500", r#"{"kind":"status","status":500}"#),
    ("status 503", r#"{"kind":"status","status":503}"#),
    ("html 200", r#"{"kind":"html","status":200}"#),
    ("html 403", r#"{"kind":"html","status":403}"#),
    ("html 404", r#"{"kind":"html","status":404}"#),
    ("html 502", r#"{"kind":"html","status":502}"#),
    ("empty 200", r#"{"kind":"body"}"#),
    ("truncated", r#"{"kind":"truncate"}"#),
    ("reset before", r#"{"kind":"reset_before"}"#),
    ("reset after", r#"{"kind":"reset_after"}"#),
    // Longer than the proxy waits (`delivery_world` sets three seconds).
    ("slow", r#"{"kind":"delay","delay_ms":3500}"#),
    ("redirect", r#"{"kind":"redirect","location":"http://127.0.0.1:9/"}"#),
    ("body {}", r#"{"kind":"body","body":"{}"}"#),
];

/// Answers by which the vendor itself may refuse the conversion permanently: then a bad end is allowed.
const REFUSALS: [&str; 4] = ["status 400", "status 403", "status 404", "status 418"];

/// When the fault occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// At the call itself.
    First,
    /// The call took effect and its answer was lost; then at the next request.
    AfterLost,
    /// The call was lost before the vendor read it; then at the next request.
    AfterUnheard,
    /// The call succeeded; then at the next request. Only for vendors whose "yes" must be read back.
    AfterAccepted,
    /// The call took effect and its answer was lost; then at the look-up, if a repeat comes before it.
    AtLookUp { method: &'static str, path: &'static str },
}

/// One scenario.
#[derive(Clone, Copy)]
struct Scenario {
    speaker: &'static Speaker,
    call: &'static Call,
    when: When,
    fault: (&'static str, &'static str),
    /// Number of faults in a row.
    times: u32,
}

/// What the matrix forbids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Broken {
    TwoEffects,
    RecordedWithoutEffect,
    EndedBadlyWithEffect,
    /// The fault said nothing about the conversion and the vendor offers look-ups, but the delivery was given up or
    /// left to an operator.
    Lost,
    WrongEffect,
}

/// Most steps of time. A delivery has 22 sends and as many look-ups.
const MOST_STEPS: u32 = 200;

/// Step of time if something is due and its lane is closed: the interval between probes of a paused lane.
const CLOSED_STEP_MS: i64 = 5 * 60 * 1000;

/// Longer than a vendor takes to carry out and to show what it accepted.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Scenarios that run concurrently, because each waits for disk and sockets. With more, a busy machine would make the
/// proxy time out.
const AT_ONCE: usize = 6;

/// The same for scenarios with a slow vendor.
const SLOW_AT_ONCE: usize = 24;

/// Most attempts to set up a scenario: a busy machine can cause a timeout, after which the outcome of some calls is
/// unknown.
const MOST_WORLDS: u32 = 10;

impl Scenario {
    fn name(&self) -> String {
        let (when, times) = (format!("{:?}", self.when), self.times);
        format!("{} · {} · {when} · {} x{times}", self.speaker.account(), self.call.name, self.fault.0)
    }

    async fn run(self) -> (Self, DeliveryRow, Effects) {
        let Self { speaker, call, when, fault, times } = self;
        let world = self.prepared().await;
        let of_the_call = json!({ "method": call.method, "path_contains": call.path });
        match when {
            When::First => arm(&world, speaker, fault.1, &of_the_call, times).await,
            When::AfterLost | When::AtLookUp { .. } => {
                arm(&world, speaker, r#"{"kind":"reset_after"}"#, &of_the_call, 1).await;
            }
            When::AfterUnheard => arm(&world, speaker, r#"{"kind":"reset_before"}"#, &of_the_call, 1).await,
            When::AfterAccepted => {}
        }
        let id = speaker.tell(call.event, &world).await;
        if when != When::First {
            rest(&world).await;
            let next = match when {
                When::AtLookUp { method, path } => json!({ "method": method, "path_contains": path }),
                _ => json!({}),
            };
            arm(&world, speaker, fault.1, &next, times).await;
        }
        let row = to_the_end(&world, &id).await;
        // What was begun at the vendor comes to its end.
        world.advance(HOUR_MS).await;
        let effects = (speaker.vendor.effects)(&world.vendor_state(&speaker.account()).await, call.event);
        (self, row, effects)
    }

    /// A world in which all prerequisites are recorded.
    async fn prepared(&self) -> World {
        let Self { speaker, call, .. } = self;
        for _ in 0..MOST_WORLDS {
            let (name, dialect) = (speaker.vendor.name, speaker.dialect);
            let mut world =
                World::with(|double| vec![lane(name, dialect, "main", &double.address().to_string())]).await;
            world.partner = (speaker.vendor.partner)(&world.vendor_state(&speaker.account()).await);
            // A second send shows as a second effect, except if the vendor promises otherwise.
            let is_believed = call.is_read_back || call.is_read_by_key;
            let dedupe = call.is_unique_there || (self.is_denied() && is_believed);
            world.control("POST", &format!("{name}/settings"), &json!({ "dedupe": dedupe })).await;
            let mut is_ready = true;
            for event in call.before {
                let id = speaker.tell(*event, &world).await;
                is_ready = is_ready && to_the_end(&world, &id).await.state == "recorded";
            }
            if is_ready {
                // Vendors show late what they have.
                world.advance(HOUR_MS).await;
                return world;
            }
        }
        panic!("what must come first is never recorded: {}", self.name());
    }

    /// The vendor wrongly says, in its own envelope, that there is no such thing. Nothing shows that this is false,
    /// so it is sent again, and only the vendor's promise of one customer for each key helps.
    fn is_denied(&self) -> bool {
        self.when != When::First && self.fault.0 == "status 404"
    }

    fn broken(&self, row: &DeliveryRow, effects: &Effects) -> Option<Broken> {
        let can_be_asked = self.call.can_be_asked;
        let is_refusal =
            REFUSALS.contains(&self.fault.0) || (self.call.is_refused_silently && self.fault.0 == "empty 200");
        let is_left_to_a_person = self.call.may_be_half && is_refusal && row.state == "conflict";
        match (row.state.as_str(), effects.number) {
            (_, 2..) => Some(Broken::TwoEffects),
            ("recorded", 0) => Some(Broken::RecordedWithoutEffect),
            ("rejected" | "ignored", 1) => Some(Broken::EndedBadlyWithEffect),
            (_, 1) if !effects.is_exact && !is_left_to_a_person => Some(Broken::WrongEffect),
            ("recorded", _) => None,
            (_, _) if can_be_asked && !is_refusal => Some(Broken::Lost),
            ("uncertain", _) if !can_be_asked => None,
            (_, _) if !is_refusal => Some(Broken::Lost),
            _ => None,
        }
    }
}

/// Arms a fault of the vendor's account for the calls that `on` names.
pub(crate) async fn arm(world: &World, speaker: &Speaker, fault: &str, on: &Value, times: u32) {
    let mut armed: Value = serde_json::from_str(fault).unwrap();
    let fields = armed.as_object_mut().unwrap();
    fields.extend(on.as_object().unwrap().clone());
    fields.insert("vendor".into(), speaker.account().into());
    fields.insert("times".into(), times.into());
    world.control("POST", "faults", &armed).await;
}

/// Waits until due work is done and nothing is under way.
async fn rest(world: &World) {
    world.looked().await;
    let lane = LaneKey { site: SiteId::new("acme").unwrap(), program: ProgramId::new("main").unwrap() };
    let mut steps = world.store.steps.subscribe();
    loop {
        steps.mark_unchanged();
        if world.store.ledger.glance(lane.clone()).await.unwrap().next_expiry.is_none() {
            return;
        }
        tokio::time::timeout(std::time::Duration::from_secs(60), steps.changed()).await.unwrap().unwrap();
    }
}

/// Moves time to the next event, until nothing goes on by itself.
pub(crate) async fn to_the_end(world: &World, id: &ConversionId) -> DeliveryRow {
    let mut tries = 0;
    for _ in 0..MOST_STEPS {
        rest(world).await;
        let row = world.row(id).await;
        let Some(due_at) = row.due_at.as_deref() else { return row };
        let ahead = UnixMillis::from_rfc3339(due_at).unwrap().since(world.clock.now());
        match ahead {
            1.. => world.advance(ahead).await,
            // A settled delivery may be due again at once; otherwise its lane is closed.
            _ if row.tries.len() > tries => {}
            _ => world.advance(CLOSED_STEP_MS).await,
        }
        tries = row.tries.len();
    }
    panic!("it goes on and on: {:#?}", world.row(id).await);
}

fn scenarios(speaker: &'static Speaker) -> Vec<Scenario> {
    let mut all = Vec::new();
    for call in speaker.calls {
        // If the vendor offers no look-up, an operator must act after a lost answer.
        let twice = if call.can_be_asked { 2 } else { 1 };
        let plan = [
            (When::First, 2),
            (When::AfterLost, twice),
            (When::AfterUnheard, u32::from(call.can_be_asked)),
            (When::AfterAccepted, if call.is_read_back { 2 } else { 0 }),
        ];
        let at_look_up = call.look_up.iter().map(|&(method, path)| (When::AtLookUp { method, path }, 2));
        for (when, most) in plan.into_iter().chain(at_look_up) {
            for fault in FAULTS {
                all.extend((1..=most).map(|times| Scenario { speaker, call, when, fault, times }));
            }
        }
    }
    all
}

/// Runs a vendor's whole table; returns the broken rules by scenario.
async fn violations(speaker: &'static Speaker) -> BTreeMap<String, String> {
    let all = scenarios(speaker);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut broken = BTreeMap::new();
    let (slow, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|scenario| scenario.fault.0 == "slow");
    let slow = stream::iter(slow.into_iter().map(Scenario::run)).buffer_unordered(SLOW_AT_ONCE);
    let others = stream::iter(others.into_iter().map(Scenario::run)).buffer_unordered(AT_ONCE);
    let mut done = stream::select(slow, others);
    while let Some((scenario, row, effects)) = done.next().await {
        *ends.entry(format!("{} with {}", row.state, effects.number)).or_default() += 1;
        if let Some(what) = scenario.broken(&row, &effects) {
            let tries: Vec<String> = row
                .tries
                .iter()
                .map(|t| format!("{} {} {:?}", t.request, t.outcome.as_deref().unwrap_or("open"), t.http_status))
                .collect();
            let end = format!("{} with {} effects: {:?} after {tries:?}", row.state, effects.number, row.reason);
            broken.insert(scenario.name(), format!("{what:?}: {end}"));
        }
    }
    #[expect(clippy::print_stdout, reason = "shown when the test fails")]
    {
        println!("{}: {ends:#?}", speaker.account());
    }
    broken
}

#[test]
fn every_vendor_is_in_the_matrix_in_both_dialects() {
    for (vendor, dialect) in VENDORS.iter().flat_map(|vendor| Dialect::ALL.map(|dialect| (vendor, dialect))) {
        let is_it = |speaker: &&Speaker| speaker.vendor.name == vendor.name() && speaker.dialect == dialect;
        let speaker = SPEAKERS.iter().find(is_it);
        let number = speaker.map_or(0, |speaker| scenarios(speaker).len());
        assert!(number >= 399, "{}: {number}", in_dialect(vendor.name(), dialect));
    }
}

async fn hold(speaker: usize) {
    let broken = violations(&SPEAKERS[speaker]).await;
    let shown: Vec<String> = broken.iter().map(|(name, what)| format!("{name}\n      {what}")).collect();
    assert!(broken.is_empty(), "{} scenarios:\n{}", broken.len(), shown.join("\n"));
}

#[tokio::test]
async fn without_a_fault_every_call_of_every_vendor_takes_effect_once_and_is_recorded() {
    for speaker in &SPEAKERS {
        for call in speaker.calls {
            let none = ("none", r#"{"kind":"delay","delay_ms":0}"#);
            let (scenario, row, effects) =
                Scenario { speaker, call, when: When::First, fault: none, times: 1 }.run().await;
            let end = (row.state.as_str(), effects.number, effects.is_exact);
            assert_eq!(end, ("recorded", 1, true), "{}: {row:#?}", scenario.name());
        }
    }
}

#[tokio::test]
async fn no_fault_of_partnerstack_makes_two_effects_or_a_false_word() {
    hold(0).await;
}

#[tokio::test]
async fn no_fault_of_partnerstack_makes_two_effects_or_a_false_word_in_dialect_guide() {
    hold(1).await;
}

#[tokio::test]
async fn no_fault_of_partnerize_makes_two_effects_or_a_false_word() {
    hold(2).await;
}

#[tokio::test]
async fn no_fault_of_partnerize_makes_two_effects_or_a_false_word_in_dialect_guide() {
    hold(3).await;
}

#[tokio::test]
async fn no_fault_of_introw_makes_two_effects_or_a_false_word() {
    hold(4).await;
}

#[tokio::test]
async fn no_fault_of_introw_makes_two_effects_or_a_false_word_in_dialect_guide() {
    hold(5).await;
}

#[tokio::test]
async fn no_fault_of_partnero_makes_two_effects_or_a_false_word() {
    hold(6).await;
}

#[tokio::test]
async fn no_fault_of_partnero_makes_two_effects_or_a_false_word_in_dialect_guide() {
    hold(7).await;
}
