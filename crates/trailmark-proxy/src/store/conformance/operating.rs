//! What operators see and change.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use trailmark_vendors::capability::Class;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::receipt::Status;

use super::Ground;
use super::samples::*;
use crate::outbox::{Doubt, Progress, State};
use crate::store::delivery::{Lane, NewAttempt, Pause, Settlement};
use crate::store::operator::{Change, Filter, Page, Verdict};
use crate::store::{NewConversion, StoreError};

fn dropping(number: u16) -> Change {
    Change::Drop { delivery: id(delivery_number(number)), reason: "a test".into() }
}

fn retrying(number: u16, accept_double: bool) -> Change {
    Change::Retry { delivery: id(delivery_number(number)), accept_double }
}

fn rejecting(number: u16) -> Change {
    Change::Resolve { delivery: id(delivery_number(number)), verdict: Verdict::Rejected, reason: "asked them".into() }
}

pub async fn lists_are_filtered_and_newest_first(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    signed_up(&store, 2, &["main", "other"]).await;
    let later = NewConversion { received_at: NOW.plus(5), ..signup(3, visitor(9), "u_3") };
    assert_eq!(accepted(&store, 3, later).await.status, Status::Unattributed);
    let ids =
        |rows: Page<crate::store::operator::ConversionRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let all = store.conversions(Filter::default()).await.unwrap();
    assert_eq!(ids(all), [id(1003), id(1002), id(1001)]);
    let filter = Filter { state: Some("accepted".into()), limit: Some(1), ..Filter::default() };
    assert_eq!(ids(store.conversions(filter).await.unwrap()), [id(1002)]);
    let filter = Filter { program: Some(program("other")), ..Filter::default() };
    assert_eq!(ids(store.conversions(filter.clone()).await.unwrap()), [id(1002)]);
    assert_eq!(store.touches(filter.clone()).await.unwrap().len(), 1);
    assert_eq!(store.deliveries(filter).await.unwrap().len(), 1);
    let elsewhere = Filter { site: Some("none".to_owned().try_into().unwrap()), ..Filter::default() };
    assert!(store.conversions(elsewhere.clone()).await.unwrap().is_empty());
    assert!(store.touches(elsewhere.clone()).await.unwrap().is_empty());
    assert!(store.deliveries(elsewhere).await.unwrap().is_empty());
    sent(&store, 1, "recorded", State::Recorded).await;
    assert_eq!(store.deliveries(Filter::default()).await.unwrap().len(), 2);
    sent(&store, 2, "rejected", State::Rejected).await;
    assert_eq!(store.deliveries(Filter::default()).await.unwrap().len(), 2, "a dead letter is shown unasked");
    let settled = Filter { settled: true, ..Filter::default() };
    assert_eq!(store.deliveries(settled).await.unwrap().len(), 3);
    let recorded = Filter { state: Some("recorded".into()), ..Filter::default() };
    assert_eq!(store.deliveries(recorded).await.unwrap().len(), 1);
}

pub async fn conversions_are_found_by_key_customer_and_partner(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    signed_up(&store, 2, &["main"]).await;
    let again = NewConversion { received_at: NOW.plus(5), ..signup(3, visitor(1), "u_2") };
    accepted(&store, 3, again).await;
    let found = async |filter: Filter| {
        let rows = store.conversions(filter).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let of = |key: &str| Filter { key: Some(key.into()), ..Filter::default() };
    assert_eq!(found(of("u_2")).await, [id(1003), id(1002)]);
    assert_eq!(found(Filter { limit: Some(1), ..of("u_2") }).await, [id(1003)]);
    assert_eq!(found(of("u_")).await, []);
    let customer = Filter { customer: Some("u_1".into()), ..Filter::default() };
    assert_eq!(found(customer.clone()).await, [id(1001)]);
    assert_eq!(found(Filter { state: Some("held".into()), ..customer }).await, []);
    let by = |partner: &str| Filter { partner: Some(partner.into()), ..Filter::default() };
    assert_eq!(found(by("ada")).await, [id(1003), id(1002), id(1001)]);
    assert_eq!(found(by("grace")).await, []);
    let row = store.conversion(id::<ConversionId>(1001).to_string()).await.unwrap().conversion;
    assert_eq!((row.partners, row.customer.as_deref()), (vec![Some("ada".to_owned())], Some("u_1")));
}

pub async fn a_conversion_is_found_by_an_unambiguous_beginning(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    signed_up(&store, 2, &["main"]).await;
    let beginning = |number: u16, length: usize| id::<ConversionId>(1000 + number).as_str()[..length].to_owned();
    assert_eq!(store.conversion(beginning(1, 36)).await.unwrap().conversion.id, id(1001));
    assert_eq!(store.conversion(beginning(2, 8)).await.unwrap().conversion.id, id(1002));
    assert!(matches!(store.conversion(beginning(1, 7)).await, Err(StoreError::Refused(_))));
    let of_page = signup(1, visitor(1), "u_1").jti;
    assert_eq!(store.conversion(of_page.as_str().into()).await.unwrap().conversion.id, id(1001), "by the page's id");
    let twin = NewConversion { id: twin_of(1), ..signup(3, visitor(1), "u_3") };
    accepted(&store, 3, twin).await;
    assert!(matches!(store.conversion(beginning(1, 8)).await, Err(StoreError::Refused(_))));
    let unknown = store.conversion("ffffffff".into()).await;
    assert!(matches!(unknown, Err(StoreError::NotFound("conversion"))));
    assert!(matches!(store.conversion("%%%%%%%%".into()).await, Err(StoreError::NotFound(_))));
}

/// Another id with the same time as a conversion's.
fn twin_of(number: u16) -> ConversionId {
    let at = NOW.plus(i64::from(1000 + number) << 16);
    ConversionId::from_parts(at, [0xff; 10])
}

pub async fn a_drop_is_made_once_and_recorded(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let dropped = store.change(dropping(1), NOW).await.unwrap();
    assert_eq!((dropped.state.as_str(), dropped.reason.as_deref(), dropped.due_at), ("dropped", Some("a test"), None));
    assert!(matches!(store.change(dropping(1), NOW).await, Err(StoreError::Refused(_))));
    assert_eq!(store.lease(claim(lane(), 1, 1, NOW)).await.unwrap(), []);
    let none = Change::Drop { delivery: id(9), reason: "none".into() };
    assert!(matches!(store.change(none, NOW).await, Err(StoreError::NotFound("delivery"))));
    let again = accepted(&store, 2, signup(2, visitor(1), "u_1")).await;
    assert_eq!(again.status, Status::Duplicate, "a dropped delivery keeps its claim");
}

pub async fn nothing_is_changed_by_hand_while_it_is_being_sent(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let held = leased(&store, 1).await;
    assert!(matches!(store.change(dropping(1), NOW).await, Err(StoreError::Refused(_))));
    store.release(&held).await.unwrap();
    store.change(dropping(1), NOW).await.unwrap();
}

pub async fn a_rejection_by_hand_frees_the_key_and_a_retry_takes_it_again(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    sent(&store, 1, "conflict", State::Conflict).await;
    assert_eq!(store.change(rejecting(1), NOW).await.unwrap().state, "rejected");
    let retried = store.change(retrying(1, false), NOW.plus(5)).await.unwrap();
    assert_eq!((retried.state.as_str(), retried.generation, retried.attempts), ("due", 2, 0));
    assert_eq!(
        store.conversion(id::<ConversionId>(1001).as_str().into()).await.unwrap().conversion.status,
        Status::Accepted
    );
    let taken = accepted(&store, 2, signup(2, visitor(1), "u_1")).await;
    assert_eq!(taken.status, Status::Duplicate);
    let held = store.lease(claim(lane(), 2, 1, NOW.plus(5))).await.unwrap().remove(0);
    let key = store.begin_attempt(&held, send()).await.unwrap();
    assert_eq!((key.generation, key.number), (2, 1));
    store.settle(&held, settlement(&held, State::Rejected, Some((key, end("rejected"))))).await.unwrap();
    let again = accepted(&store, 3, signup(3, visitor(1), "u_1")).await;
    assert_eq!(again.status, Status::Accepted);
    let refused = store.change(retrying(1, false), NOW).await.unwrap_err();
    let taken = format!("conversion {} (accepted) now has its business key in program `main`", again.conversion_id);
    assert!(matches!(&refused, StoreError::Refused(text) if text.contains(&taken)), "{refused}");
    assert_eq!(store.health().await.unwrap().violations, Vec::<String>::new());
}

pub async fn a_retry_after_an_unknown_send_starts_with_a_look_up(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let held = leased(&store, 1).await;
    let key = store.begin_attempt(&held, searchable()).await.unwrap();
    let dead = Settlement {
        progress: Progress { state: State::Dead, due_at: None, ..Progress::new(NOW) },
        attempt: Some((key, end("unknown"))),
        lane: None,
    };
    store.settle(&held, dead).await.unwrap();
    assert_eq!(store.change(retrying(1, false), NOW).await.unwrap().state, "uncertain");
    assert_eq!(store.change(retrying(1, true), NOW).await.unwrap().state, "due");
}

/// A send whose class needs a look-up after an unknown outcome.
fn searchable() -> NewAttempt {
    NewAttempt { class: Some(Class::Searchable), ..send() }
}

pub async fn what_an_older_version_ended_as_a_conflict_is_sent_again_only_with_consent(ground: &impl Ground) {
    let store = ground.open();
    for (number, is_dropped) in [(1, false), (2, true)] {
        signed_up(&store, number, &["main"]).await;
        let held = leased(&store, number).await;
        let key = store.begin_attempt(&held, searchable()).await.unwrap();
        // It kept no settling time and no key of the vendor's.
        let conflict = settlement(&held, State::Conflict, Some((key, end("conflict"))));
        store.settle(&held, conflict).await.unwrap();
        let number = u16::from(number);
        if is_dropped {
            store.change(dropping(number), NOW).await.unwrap();
        }
        let refused = store.change(retrying(number, false), NOW).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Refused(text) if text.contains("--accept-double")), "{refused}");
        assert_eq!(store.change(retrying(number, true), NOW).await.unwrap().state, "due");
        store.change(dropping(number), NOW).await.unwrap();
        let refused = store.change(retrying(number, false), NOW).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "nothing was sent since: {refused:?}");
    }
}

pub async fn a_retry_after_an_answer_that_came_too_late_starts_with_a_look_up(ground: &impl Ground) {
    let store = ground.open();
    for (number, late) in [(1, "recorded"), (2, "unverified")] {
        signed_up(&store, number, &["main"]).await;
        let held = leased(&store, number).await;
        let key = store.begin_attempt(&held, searchable()).await.unwrap();
        let attempt = Some((key.clone(), end("unknown")));
        store.settle(&held, settlement(&held, State::Uncertain, attempt)).await.unwrap();
        store.record_late(key, end(late), None).await.unwrap();
        let retried = store.change(retrying(number.into(), false), NOW.plus(DAY_MS)).await.unwrap();
        assert_eq!(retried.state, "uncertain", "{late}");
    }
    // The key stays taken after an operator gave up a delivery that the vendor has.
    store.change(rejecting(1), NOW).await.unwrap();
    assert_eq!(accepted(&store, 50, signup(50, visitor(1), "u_1")).await.status, Status::Duplicate);
}

pub async fn what_was_dropped_while_it_settled_settles_on_when_it_is_replayed(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let held = leased(&store, 1).await;
    let key = store.begin_attempt(&held, searchable()).await.unwrap();
    let settles_at = Some(NOW.plus(900_000));
    let progress = Progress {
        state: State::Uncertain,
        due_at: settles_at,
        doubt: Some(Doubt::Unknown),
        settles_at,
        ..Progress::new(NOW)
    };
    store.settle(&held, Settlement { progress, attempt: Some((key, end("unknown"))), lane: None }).await.unwrap();
    store.change(dropping(1), NOW.plus(5)).await.unwrap();
    assert_eq!(store.change(retrying(1, false), NOW.plus(9)).await.unwrap().state, "uncertain");
    let again = store.lease(claim(lane(), 2, 1, NOW.plus(9))).await.unwrap().remove(0);
    assert_eq!((again.progress.doubt, again.progress.settles_at), (Some(Doubt::Unknown), settles_at));
}

pub async fn lanes_say_why_they_stand_still(ground: &impl Ground) {
    let store = ground.open();
    assert!(store.lanes(NOW).await.unwrap().is_empty());
    signed_up(&store, 1, &["main", "other"]).await;
    let (credential, reason) = ("private_key".into(), "the private key is refused".into());
    let pause = Pause { credential, reason, since: NOW, probe_at: NOW.plus(1000) };
    let paused = Lane { pauses: vec![pause], throttled_until: Some(NOW.plus(9)), ..Lane::default() };
    store.change_lane(lane(), Box::new(|_| paused)).await.unwrap();
    let rows = store.lanes(NOW).await.unwrap();
    let [main, other] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((main.state.as_str(), main.waiting), ("paused", 1));
    assert_eq!(main.reason.as_deref(), Some("the private key is refused"));
    assert_eq!(main.next_at, Some(NOW.plus(1000).to_rfc3339()));
    assert_eq!((other.state.as_str(), other.waiting, &other.next_at), ("open", 1, &None));
    let blocked = store.lease(claim(lane(), 1, 1, NOW.plus(9))).await.unwrap().remove(0);
    store.settle(&blocked, settlement(&blocked, State::Blocked, None)).await.unwrap();
    assert_eq!(store.lanes(NOW).await.unwrap()[0].waiting, 0, "it may be so for ever");
    store.change_lane(lane(), Box::new(|lane| Lane { pauses: Vec::new(), ..lane })).await.unwrap();
    assert_eq!(store.lanes(NOW).await.unwrap()[0].state, "throttled");
    assert_eq!(store.lanes(NOW.plus(9)).await.unwrap()[0].state, "open");
    store.change_lane(lane(), Box::new(|_| Lane { broken_until: Some(NOW.plus(9)), ..Lane::default() })).await.unwrap();
    assert_eq!(store.lanes(NOW).await.unwrap()[0].state, "broken");
}

pub async fn counts_agree_with_the_rows(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    accepted(&store, 2, signup(2, visitor(9), "u_2")).await;
    sent(&store, 1, "recorded", State::Recorded).await;
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.touches, 2);
    assert_eq!(counts.conversions, [("accepted".into(), 1), ("unattributed".into(), 1)]);
    assert_eq!(counts.deliveries, [("due".into(), 1), ("recorded".into(), 1)]);
    let health = store.health().await.unwrap();
    assert_eq!((health.integrity.as_str(), health.touches, health.conversions), ("ok", 2, 2));
    assert_eq!((health.deliveries, health.violations), (counts.deliveries, Vec::new()));
    assert!(health.schema_version >= 1);
}
