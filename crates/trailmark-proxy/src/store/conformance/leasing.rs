//! Leases, attempts and lanes: who may take which step of a delivery.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use trailmark_vendors::capability::Class;
use trailmark_vendors::task::Note;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::receipt::Status;

use super::Ground;
use super::samples::*;
use crate::outbox::sent::SendOutcome;
use crate::outbox::{Doubt, Progress, Purpose, State};
use crate::store::delivery::{
    AttemptKey, Claim, Expired, Glance, Lane, LaneKey, LaneRule, NewAttempt, Pause, Settlement,
};
use crate::store::{Store, StoreError};

const LOST: StoreError = StoreError::LeaseLost;

fn other_lane() -> LaneKey {
    LaneKey { site: site(), program: program("other") }
}

pub async fn only_what_is_due_is_leased_and_only_once(ground: &impl Ground) {
    let store = ground.open();
    for number in [1, 2, 3] {
        signed_up(&store, number, &["main"]).await;
    }
    let early = store.lease(claim(lane(), 1, 5, NOW.plus(-1))).await.unwrap();
    assert_eq!(early, []);
    let two = store.lease(claim(lane(), 1, 2, NOW)).await.unwrap();
    assert_eq!(two.iter().map(|leased| &leased.delivery).collect::<Vec<_>>(), [&id(3004), &id(3008)]);
    let first = &two[0];
    assert_eq!((first.lease, &first.lane, first.generation), (lease_id(1), &lane(), 1));
    assert_eq!((&first.conversion, &first.progress), (&id(1001), &Progress::new(NOW)));
    let rest = store.lease(claim(lane(), 3, 5, NOW)).await.unwrap();
    assert_eq!(rest.iter().map(|leased| &leased.delivery).collect::<Vec<_>>(), [&id(3012)]);
    assert_eq!(store.lease(claim(lane(), 8, 5, NOW)).await.unwrap(), []);
}

pub async fn what_lies_further_ahead_than_it_can_have_been_set_is_due_and_its_lease_over(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    // Accepted while the clock was more than a month ahead.
    let (near, far) = (NOW.plus(-30 * DAY_MS), NOW.plus(-32 * DAY_MS));
    let glance = store.glance(lane()).await.unwrap();
    assert_eq!((glance.is_due(near), glance.is_due(far), glance.is_due(NOW)), (false, true, true));
    assert_eq!(store.lease(claim(lane(), 1, 5, near)).await.unwrap(), []);
    let leased = store.lease(claim(lane(), 2, 5, far)).await.unwrap();
    assert_eq!(leased.len(), 1);
    let (soon, before) = (far.plus(60_000), far.plus(-2 * DAY_MS));
    let glance = store.glance(lane()).await.unwrap();
    assert_eq!((glance.has_expired(far), glance.has_expired(soon), glance.has_expired(before)), (false, true, true));
    assert_eq!(store.expired(lane(), far, 9).await.unwrap(), []);
    assert_eq!(store.expired(lane(), before, 9).await.unwrap().len(), 1);
}

pub async fn the_gate_says_how_many_and_is_asked_only_when_something_is_due(ground: &impl Ground) {
    let store = ground.open();
    let asked = Arc::new(AtomicU32::new(0));
    let gated = |first: u8, open: u32| {
        let asked = Arc::clone(&asked);
        let gate = Box::new(move |lane: Lane, waiting: u32| {
            asked.fetch_add(waiting, Ordering::Relaxed);
            (Lane { spent_milli: lane.spent_milli + 1000, ..lane }, open)
        });
        Claim { gate, ..claim(lane(), first, 2, NOW) }
    };
    assert_eq!(store.lease(gated(1, 5)).await.unwrap(), []);
    for number in [1, 2, 3] {
        signed_up(&store, number, &["main"]).await;
    }
    assert_eq!(store.lease(gated(1, 0)).await.unwrap(), []);
    assert_eq!(store.lease(gated(1, 1)).await.unwrap().len(), 1);
    assert_eq!(store.lease(gated(3, 9)).await.unwrap().len(), 2);
    assert_eq!(asked.load(Ordering::Relaxed), 6);
    assert_eq!(store.glance(lane()).await.unwrap().lane.spent_milli, 3000);
}

pub async fn a_send_counts_as_its_row_is_committed_and_a_look_up_does_not(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let first = leased(&store, 1).await;
    let key = store.begin_attempt(&first, send()).await.unwrap();
    assert_eq!(key, AttemptKey { site: site(), delivery: id(3004), generation: 1, number: 1 });
    assert_eq!(store.deliveries(Default::default()).await.unwrap()[0].attempts, 1);
    let doubtful = Progress {
        state: State::Uncertain,
        reason: Some("no answer".into()),
        due_at: Some(NOW),
        attempts: 1,
        look_ups: 2,
        rounds: 1,
        doubt: Some(Doubt::Unknown),
        settles_at: Some(NOW.plus(9)),
        reference: Some("cus_1".into()),
        paused_by: None,
    };
    let settlement = Settlement { progress: doubtful.clone(), attempt: Some((key, end("unknown"))), lane: None };
    store.settle(&first, settlement).await.unwrap();
    let second = leased(&store, 2).await;
    assert_eq!(second.progress, doubtful);
    let look_up = NewAttempt { purpose: Purpose::LookUp, ..send() };
    assert_eq!(store.begin_attempt(&second, look_up).await.unwrap().number, 2);
    let row = store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap().deliveries.remove(0);
    assert_eq!((row.attempts, row.tries.len()), (1, 2));
    assert_eq!((row.tries[0].outcome.as_deref(), row.tries[0].duration_ms), (Some("unknown"), Some(1)));
    assert_eq!((row.tries[1].outcome.as_deref(), row.tries[1].purpose.as_str()), (None, "look_up"));
}

pub async fn one_attempt_is_begun_under_one_lease(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let leased = leased(&store, 1).await;
    store.begin_attempt(&leased, send()).await.unwrap();
    assert_eq!(store.begin_attempt(&leased, send()).await, Err(LOST));
    assert_eq!(store.deliveries(Default::default()).await.unwrap()[0].attempts, 1);
}

pub async fn no_step_is_taken_under_a_foreign_lease(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let mine = leased(&store, 1).await;
    let mut foreign = mine.clone();
    foreign.lease = lease_id(9);
    assert_eq!(store.begin_attempt(&foreign, send()).await, Err(LOST));
    assert_eq!(store.release(&foreign).await, Err(LOST));
    let lane_too = Settlement {
        lane: Some(Box::new(|lane| Lane { failures: 9, ..lane })),
        ..settlement(&foreign, State::Recorded, None)
    };
    assert_eq!(store.settle(&foreign, lane_too).await, Err(LOST));
    assert_eq!(store.glance(lane()).await.unwrap().lane, Lane::default());
    let key = store.begin_attempt(&mine, send()).await.unwrap();
    let strange = AttemptKey { number: 7, ..key.clone() };
    let step = settlement(&mine, State::Recorded, Some((strange, end("recorded"))));
    assert_eq!(store.settle(&mine, step).await, Err(LOST));
    assert_eq!(store.deliveries(Default::default()).await.unwrap()[0].state, "due");
    store.settle(&mine, settlement(&mine, State::Recorded, Some((key, end("recorded"))))).await.unwrap();
}

pub async fn a_settled_lease_is_over(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let over = sent(&store, 1, "recorded", State::Recorded).await;
    let key = AttemptKey { site: site(), delivery: id(3004), generation: 1, number: 1 };
    assert_eq!(store.settle(&over, settlement(&over, State::Dead, Some((key, end("retry"))))).await, Err(LOST));
    assert_eq!(store.settle(&over, settlement(&over, State::Dead, None)).await, Err(LOST));
    assert_eq!(store.release(&over).await, Err(LOST));
    assert_eq!(store.begin_attempt(&over, send()).await, Err(LOST));
    let row = store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap().deliveries.remove(0);
    assert_eq!((row.state.as_str(), row.tries[0].outcome.as_deref()), ("recorded", Some("recorded")));
    assert_eq!(store.lease(claim(lane(), 2, 1, NOW.plus(DAY_MS))).await.unwrap(), []);
}

pub async fn a_lease_under_which_something_was_begun_is_not_released(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let leased = leased(&store, 1).await;
    store.begin_attempt(&leased, send()).await.unwrap();
    assert_eq!(store.release(&leased).await, Err(LOST));
}

pub async fn a_released_delivery_is_due_as_before(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let first = leased(&store, 1).await;
    store.release(&first).await.unwrap();
    let second = leased(&store, 2).await;
    assert_eq!((second.delivery, second.progress), (first.delivery, first.progress));
}

pub async fn an_ended_lease_without_an_attempt_is_expired_and_can_be_released(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let leased = leased(&store, 1).await;
    assert_eq!(store.expired(lane(), NOW.plus(59_999), 9).await.unwrap(), []);
    let expired = store.expired(lane(), NOW.plus(60_000), 9).await.unwrap();
    assert_eq!(expired, [Expired { leased: leased.clone(), open: None }]);
    assert_eq!(store.expired(other_lane(), NOW.plus(60_000), 9).await.unwrap(), []);
    store.release(&leased).await.unwrap();
    assert_eq!(store.expired(lane(), NOW.plus(60_000), 9).await.unwrap(), []);
}

pub async fn an_ended_lease_with_an_open_attempt_shows_it(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let leased = leased(&store, 1).await;
    let classed = NewAttempt { class: Some(Class::UniqueKey), ..send() };
    let key = store.begin_attempt(&leased, classed).await.unwrap();
    let mut expired = store.expired(lane(), NOW.plus(60_000), 9).await.unwrap();
    let Expired { leased, open } = expired.pop().unwrap();
    let open = open.unwrap();
    assert_eq!((&open.key, open.purpose, open.class), (&key, Purpose::Send, Some(Class::UniqueKey)));
    assert_eq!((open.started_at, leased.progress.attempts), (NOW.plus(1), 1));
    let step = settlement(&leased, State::Uncertain, Some((open.key, end("unknown"))));
    store.settle(&leased, step).await.unwrap();
    assert_eq!(store.expired(lane(), NOW.plus(60_000), 9).await.unwrap(), []);
}

pub async fn an_ended_lease_is_not_taken_over_and_begins_nothing(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let late = leased(&store, 1).await;
    assert_eq!(store.lease(claim(lane(), 2, 1, NOW.plus(DAY_MS))).await.unwrap(), []);
    let too_late = NewAttempt { started_at: NOW.plus(60_000), ..send() };
    assert_eq!(store.begin_attempt(&late, too_late).await, Err(LOST));
    store.settle(&late, settlement(&late, State::Blocked, None)).await.unwrap();
}

pub async fn a_lease_that_hides_its_open_attempt_is_not_settled(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let leased = leased(&store, 1).await;
    store.begin_attempt(&leased, send()).await.unwrap();
    assert_eq!(store.settle(&leased, settlement(&leased, State::Due, None)).await, Err(LOST));
}

pub async fn a_late_answer_is_recorded_on_its_attempt_alone(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    sent(&store, 1, "unknown", State::Uncertain).await;
    let key = AttemptKey { site: site(), delivery: id(3004), generation: 1, number: 1 };
    store.record_late(key.clone(), end("recorded"), None).await.unwrap();
    let row = store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap().deliveries.remove(0);
    assert_eq!((row.state.as_str(), row.tries[0].outcome.as_deref()), ("uncertain", Some("recorded")));
    let none = AttemptKey { number: 2, ..key };
    assert_eq!(store.record_late(none, end("recorded"), None).await, Err(StoreError::NotFound("attempt")));
}

pub async fn a_key_that_the_vendor_told_late_is_kept_and_replaces_none(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let first = leased(&store, 1).await;
    let key = store.begin_attempt(&first, send()).await.unwrap();
    let progress = Progress { state: State::Uncertain, doubt: Some(Doubt::Unknown), ..first.progress.clone() };
    let attempt = Some((key.clone(), end("unknown")));
    store.settle(&first, Settlement { progress, attempt, lane: None }).await.unwrap();
    // The answer comes while the delivery is looked up.
    let second = leased(&store, 2).await;
    store.record_late(key.clone(), end("rekeyed"), Some("txn_7".into())).await.unwrap();
    let progress = second.progress.clone();
    store.settle(&second, Settlement { progress, attempt: None, lane: None }).await.unwrap();
    let third = leased(&store, 3).await;
    let task = store.task(site(), third.delivery.clone()).await.unwrap();
    assert_eq!((third.progress.reference.as_deref(), task.reference.as_deref()), (Some("txn_7"), Some("txn_7")));
    store.record_late(key, end("rekeyed"), Some("txn_8".into())).await.unwrap();
    store.settle(&third, settlement(&third, State::Conflict, None)).await.unwrap();
    let row = store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap().deliveries.remove(0);
    assert_eq!(row.reference.as_deref(), Some("txn_7"));
}

/// The due delivery in `main`, sent with this class; it is due again, because nobody saw the answer.
async fn unanswered(store: &Arc<dyn Store>, lease: u8, class: Class) -> AttemptKey {
    let held = leased(store, lease).await;
    let key = store.begin_attempt(&held, NewAttempt { class: Some(class), ..send() }).await.unwrap();
    let (progress, attempt) = (held.progress.clone(), Some((key.clone(), end("unknown"))));
    store.settle(&held, Settlement { progress, attempt, lane: None }).await.unwrap();
    key
}

pub async fn a_late_answer_stops_what_would_be_sent_again(ground: &impl Ground) {
    let store = ground.open();
    let row = async |number: u16| {
        store.conversion(id::<ConversionId>(1000 + number).as_str().into()).await.unwrap().deliveries.remove(0)
    };
    for (number, is_leased) in [(1, false), (2, true)] {
        signed_up(&store, number, &["main"]).await;
        let key = unanswered(&store, 10 * number, Class::Searchable).await;
        let holder = if is_leased { Some(leased(&store, 10 * number + 1).await) } else { None };
        store.record_late(key, end("recorded"), Some("cus_1".into())).await.unwrap();
        let row = row(number.into()).await;
        assert_eq!((row.state.as_str(), row.reference.as_deref()), ("recorded", Some("cus_1")));
        if let Some(holder) = holder {
            assert_eq!(store.begin_attempt(&holder, send()).await, Err(LOST), "nothing has left yet");
        }
    }
    signed_up(&store, 3, &["main"]).await;
    let key = unanswered(&store, 30, Class::Searchable).await;
    store.record_late(key, end("rekeyed"), Some("txn_7".into())).await.unwrap();
    let asked = store.lease(claim(lane(), 31, 1, NOW.plus(2))).await.unwrap().remove(0);
    assert_eq!(asked.progress.purpose(), Some(Purpose::LookUp), "it may be there under either key");
    assert_eq!(asked.progress.reference.as_deref(), Some("txn_7"));
    store.settle(&asked, settlement(&asked, State::Recorded, None)).await.unwrap();
    assert!(store.health().await.unwrap().violations.is_empty());
}

pub async fn a_late_answer_that_changes_nothing_leaves_it_due(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let key = unanswered(&store, 1, Class::UniqueKey).await;
    for late in ["unknown", "retry", "unverified"] {
        store.record_late(key.clone(), end(late), None).await.unwrap();
        let held = leased(&store, 2).await;
        assert_eq!(held.progress.purpose(), Some(Purpose::Send), "{late}");
        store.release(&held).await.unwrap();
    }
    // Under way already: its own answer counts.
    let held = leased(&store, 3).await;
    let second = store.begin_attempt(&held, send()).await.unwrap();
    store.record_late(key, end("recorded"), None).await.unwrap();
    store.settle(&held, settlement(&held, State::Recorded, Some((second, end("recorded"))))).await.unwrap();
}

fn pause(credential: &str) -> Pause {
    Pause { credential: credential.into(), reason: "refused".into(), since: NOW, probe_at: NOW.plus(3) }
}

fn rule(pauses: Vec<Pause>) -> LaneRule {
    Box::new(|lane| Lane { pauses, ..lane })
}

/// Makes the due delivery wait for a credential.
async fn put_aside(store: &Arc<dyn Store>, lease: u8, credential: &str, pauses: Vec<Pause>) {
    let leased = leased(store, lease).await;
    let progress = Progress { paused_by: Some(credential.into()), ..leased.progress.clone() };
    store.settle(&leased, Settlement { progress, attempt: None, lane: Some(rule(pauses)) }).await.unwrap();
}

pub async fn what_waits_for_a_credential_is_leased_only_to_try_it_until_its_pause_ends(ground: &impl Ground) {
    let store = ground.open();
    for number in [1, 2] {
        signed_up(&store, number, &["main"]).await;
        put_aside(&store, number, "tracking_token", vec![pause("tracking_token")]).await;
    }
    signed_up(&store, 3, &["main"]).await;
    assert!(store.glance(lane()).await.unwrap().is_due(NOW));
    let due = store.lease(claim(lane(), 4, 9, NOW)).await.unwrap();
    assert_eq!(due.iter().map(|leased| &leased.delivery).collect::<Vec<_>>(), [&id(3012)]);
    assert!(!store.glance(lane()).await.unwrap().is_due(NOW), "what waits is not due");
    let of = |credential: &str, first| Claim { paused_by: Some(credential.into()), ..claim(lane(), first, 1, NOW) };
    assert_eq!(store.lease(of("private_key", 20)).await.unwrap(), []);
    let tried = store.lease(of("tracking_token", 21)).await.unwrap();
    assert_eq!((&tried[0].delivery, &tried[0].progress.paused_by), (&id(3004), &None));
    store.change_lane(lane(), rule(vec![pause("private_key")])).await.unwrap();
    let rest = store.lease(claim(lane(), 30, 9, NOW)).await.unwrap();
    assert_eq!(rest.iter().map(|leased| &leased.delivery).collect::<Vec<_>>(), [&id(3008)]);
    assert!(store.health().await.unwrap().violations.is_empty());
}

pub async fn what_is_put_aside_for_a_credential_that_works_again_does_not_wait(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    put_aside(&store, 1, "tracking_token", vec![pause("private_key")]).await;
    assert_eq!(store.lease(claim(lane(), 2, 9, NOW)).await.unwrap().len(), 1);
}

pub async fn a_lease_and_its_task_say_whether_an_earlier_send_may_have_taken_effect(ground: &impl Ground) {
    let store = ground.open();
    for (number, outcome) in (1_u8..).zip(SendOutcome::ALL) {
        signed_up(&store, number, &["main"]).await;
        let first = leased(&store, 2 * number).await;
        let task = async || store.task(site(), first.delivery.clone()).await.unwrap();
        let unsent = task().await;
        assert!(!first.is_unsure && !unsent.may_have_acted && unsent.is_unsent, "nothing was sent");
        let key = store.begin_attempt(&first, send()).await.unwrap();
        let (progress, attempt) = (first.progress.clone(), Some((key, end(outcome.as_str()))));
        store.settle(&first, Settlement { progress, attempt, lane: None }).await.unwrap();
        let second = leased(&store, 2 * number + 1).await;
        assert_eq!(second.is_unsure, outcome.may_have_effect(), "{outcome:?}");
        let sent = task().await;
        assert_eq!(sent.may_have_acted, outcome.may_have_effect(), "{outcome:?}");
        assert_eq!(sent.is_unsent, outcome.was_turned_away(), "{outcome:?}");
        store.settle(&second, settlement(&second, State::Dropped, None)).await.unwrap();
    }
}

pub async fn what_a_send_left_out_is_kept_on_its_delivery(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let leased = leased(&store, 1).await;
    let note = Note { field: "data.plan".into(), reason: "cut to 100 characters".into() };
    store.begin_attempt(&leased, NewAttempt { notes: vec![note.clone()], ..send() }).await.unwrap();
    let row = store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap().deliveries.remove(0);
    assert_eq!(row.notes, [note]);
}

pub async fn lanes_are_kept_apart(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    let paused = Lane {
        spent_milli: 5,
        counted_at: Some(NOW),
        failures: 3,
        broken_until: Some(NOW.plus(1)),
        throttled_until: Some(NOW.plus(2)),
        down_probe_at: Some(NOW.plus(1)),
        pauses: vec![pause("tracking_token"), pause("private_key")],
    };
    let written = paused.clone();
    store.change_lane(lane(), Box::new(move |_| written)).await.unwrap();
    assert_eq!(store.glance(lane()).await.unwrap().lane, paused);
    assert_eq!(store.glance(other_lane()).await.unwrap().lane, Lane::default());
    let leased = store.lease(claim(other_lane(), 1, 9, NOW)).await.unwrap();
    assert_eq!(leased.len(), 1);
    store.change_lane(lane(), Box::new(|lane| Lane { pauses: Vec::new(), ..lane })).await.unwrap();
    assert_eq!(store.glance(lane()).await.unwrap().lane, Lane { pauses: Vec::new(), ..paused });
}

pub async fn a_glance_names_the_next_due_time_and_the_next_end_of_a_lease(ground: &impl Ground) {
    let store = ground.open();
    assert_eq!(store.glance(lane()).await.unwrap(), Glance::default());
    signed_up(&store, 1, &["main"]).await;
    signed_up(&store, 2, &["main"]).await;
    leased(&store, 1).await;
    let glance = store.glance(lane()).await.unwrap();
    assert_eq!((glance.next_due, glance.next_expiry), (Some(NOW), Some(NOW.plus(60_000))));
    sent(&store, 2, "recorded", State::Recorded).await;
    assert_eq!(store.glance(lane()).await.unwrap().next_due, None);
}

pub async fn a_rejected_conversion_gives_its_key_back(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    sent(&store, 1, "rejected", State::Rejected).await;
    let detail = store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap();
    assert_eq!(detail.conversion.status, Status::Rejected);
    let again = accepted(&store, 2, signup(2, visitor(1), "u_1")).await;
    assert_eq!(again.status, Status::Accepted);
}

pub async fn a_rejected_conversion_with_an_unknown_send_keeps_its_key(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let first = leased(&store, 1).await;
    let key = store.begin_attempt(&first, send()).await.unwrap();
    let doubtful = Settlement {
        progress: Progress { state: State::Uncertain, ..Progress::new(NOW) },
        attempt: Some((key, end("unknown"))),
        lane: None,
    };
    store.settle(&first, doubtful).await.unwrap();
    sent(&store, 2, "rejected", State::Rejected).await;
    let again = accepted(&store, 2, signup(2, visitor(1), "u_1")).await;
    assert_eq!(again.status, Status::Duplicate);
}

pub async fn a_key_is_kept_while_another_program_has_not_rejected(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    sent(&store, 1, "rejected", State::Rejected).await;
    assert_eq!(accepted(&store, 2, signup(2, visitor(1), "u_1")).await.status, Status::Duplicate);
    let other = store.lease(claim(other_lane(), 2, 1, NOW)).await.unwrap().remove(0);
    store.settle(&other, settlement(&other, State::Rejected, None)).await.unwrap();
    assert_eq!(accepted(&store, 3, signup(3, visitor(1), "u_1")).await.status, Status::Accepted);
}
