//! Webhooks and commissions: no kept webhook is lost, and no answer overwrites a later query's answer.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use std::sync::Arc;

use trailmark_vendors::commission::Commission;
use trailmark_vendors::webhook::{Meaning, Notice};
use trailmark_wire::ids::{ConversionId, WebhookId};
use trailmark_wire::time::UnixMillis;

use super::Ground;
use super::ordering::{refunded, sold};
use super::samples::*;
use crate::outbox::{Progress, State};
use crate::store::delivery::{Lane, LaneKey, NewAttempt, Settlement};
use crate::store::operator::{DeliveryRow, Filter};
use crate::store::webhooks::{AskClaim, Asking, Kept, NewWebhook, Told, WebhookChange, WebhookState};
use crate::store::{Limit, Store, StoreError};

fn webhook(number: u16, body: &str) -> NewWebhook {
    let mut body_hash = [0; 32];
    body_hash.iter_mut().zip(body.bytes()).for_each(|(to, from)| *to = from);
    NewWebhook {
        site: site(),
        id: id(5000 + number),
        program: program("main"),
        body_hash,
        body: body.into(),
        meaning: Some(Meaning::Unreadable { reason: "a test" }),
        received_at: NOW,
        most: 3,
    }
}

fn about(customer: &str) -> Meaning {
    Meaning::Concerns(Notice { customers: vec![customer.to_owned()], ..Notice::of("customer_updated") })
}

fn of_partner(id: &str, keys: &[&str]) -> Meaning {
    let partners = keys.iter().map(|key| (*key).to_owned()).collect();
    Meaning::Concerns(Notice { partners, partner_ids: vec![id.to_owned()], ..Notice::of("partnership_updated") })
}

async fn kept(store: &Arc<dyn Store>, number: u16, body: &str) -> WebhookId {
    let new = webhook(number, body);
    let id = new.id.clone();
    assert_eq!(store.keep_webhook(new).await.unwrap(), Kept::New);
    id
}

async fn follow(store: &Arc<dyn Store>, id: &WebhookId, meaning: Meaning) -> WebhookState {
    store.follow_webhook(site(), id.clone(), meaning, NOW.plus(10)).await.unwrap()
}

/// Sends the due delivery in `main`; the vendor records it under this key.
async fn recorded_as(store: &Arc<dyn Store>, lease: u8, reference: &str) {
    let leased = leased(store, lease).await;
    let key = store.begin_attempt(&leased, send()).await.unwrap();
    let reference = Some(reference.to_owned());
    let progress = Progress { state: State::Recorded, due_at: None, reference, ..leased.progress.clone() };
    let attempt = Some((key, end("recorded")));
    store.settle(&leased, Settlement { progress, attempt, lane: None }).await.unwrap();
}

/// A customer whose signup is recorded in `main`.
async fn customer(store: &Arc<dyn Store>, number: u8) {
    signed_up(store, number, &["main"]).await;
    sent(store, number, "recorded", State::Recorded).await;
}

fn asking(now: UnixMillis) -> AskClaim {
    let gate = Box::new(|lane: Lane, waiting: u32| (lane, waiting));
    AskClaim { lane: lane(), most: 8, gate, again_at: now.plus(1000), due_by: now }
}

async fn asked(store: &Arc<dyn Store>, now: UnixMillis) -> Vec<Asking> {
    store.claim_commissions(asking(now)).await.unwrap()
}

fn told(commission: Commission, next_at: i64) -> Told {
    Told { standing: Some((commission, None)), amount: None, said: None, next_at: Some(NOW.plus(next_at)), now: NOW }
}

async fn row(store: &Arc<dyn Store>, number: u16) -> DeliveryRow {
    store.conversion(id::<ConversionId>(1000 + number).as_str().to_owned()).await.unwrap().deliveries.remove(0)
}

pub async fn a_webhook_is_kept_once_and_a_repeat_has_it_read_again(ground: &impl Ground) {
    let store = ground.open();
    let first = kept(&store, 1, "same").await;
    assert_eq!(follow(&store, &first, Meaning::Noted { event: "x".into(), about: None }).await, WebhookState::Followed);
    assert_eq!(store.unread_webhooks(lane(), 9).await.unwrap(), []);
    assert_eq!(store.keep_webhook(webhook(2, "same")).await.unwrap(), Kept::Repeated);
    let unread = store.unread_webhooks(lane(), 9).await.unwrap();
    assert_eq!((unread.len(), &unread[0].id, unread[0].body.as_slice()), (1, &first, b"same".as_slice()));
    let other = NewWebhook { program: program("other"), ..webhook(3, "same") };
    assert_eq!(store.keep_webhook(other).await.unwrap(), Kept::New, "another program's");
    let row = store.webhook(first.as_str().to_owned()).await.unwrap();
    assert_eq!((row.times, row.state), (2, WebhookState::Received));
}

pub async fn what_waits_never_leaves_to_make_room(ground: &impl Ground) {
    let store = ground.open();
    for (number, body) in [(1, "a"), (2, "b"), (3, "c")] {
        kept(&store, number, body).await;
    }
    assert_eq!(store.keep_webhook(webhook(4, "d")).await, Err(StoreError::Full(Limit::Webhooks)));
    follow(&store, &id(5002), Meaning::Noted { event: "x".into(), about: None }).await;
    follow(&store, &id(5003), Meaning::Unreadable { reason: "a test" }).await;
    kept(&store, 4, "d").await;
    let left: Vec<_> = store.webhooks(Filter::default()).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, [id(5004), id(5003), id(5001)], "the one that was done with");
    assert_eq!(store.keep_webhook(webhook(5, "e")).await, Err(StoreError::Full(Limit::Webhooks)), "quarantine stays");
}

// field-faults row 77
pub async fn a_full_quarantine_refuses_only_what_waits_for_a_person(ground: &impl Ground) {
    let store = ground.open();
    customer(&store, 1).await;
    for (number, body) in [(1, "a"), (2, "b"), (3, "c")] {
        follow(&store, &kept(&store, number, body).await, Meaning::Unreadable { reason: "a test" }).await;
    }
    let full = Err(StoreError::Full(Limit::Webhooks));
    let meaning = |number, meaning| NewWebhook { meaning, ..webhook(number, &number.to_string()) };
    let waiting = |number: u16| meaning(number, Some(about(&format!("later_{number}"))));
    for number in 4..7 {
        assert_eq!(store.keep_webhook(waiting(number)).await, Ok(Kept::New), "a delivery may come for {number}");
    }
    let unknown = Meaning::UnknownEvent { event: "x".into() };
    let junk = [None, Some(unknown), Some(Meaning::Unreadable { reason: "a test" }), Some(about("later"))];
    for (number, of) in (7..).zip(junk) {
        assert_eq!(store.keep_webhook(meaning(number, of)).await, full);
    }
    let noted = || Meaning::Noted { event: "x".into(), about: None };
    for (number, of) in (11..).zip([about("u_1"), noted(), about("u_1")]) {
        assert_eq!(store.keep_webhook(meaning(number, Some(of.clone()))).await, Ok(Kept::New));
        assert_eq!(follow(&store, &id(5000 + number), of).await, WebhookState::Followed);
    }
    // All that are finished leave for the next one.
    assert_eq!(store.keep_webhook(meaning(14, Some(noted()))).await, Ok(Kept::New));
    assert_eq!(store.webhooks(Filter::default()).await.unwrap().len(), 7);
}

pub async fn an_event_concerns_the_deliveries_of_whom_it_names_in_its_program(ground: &impl Ground) {
    let store = ground.open();
    for number in [1, 2] {
        customer(&store, number).await;
    }
    assert_eq!(asked(&store, NOW).await.len(), 2, "what is recorded is asked for at once");
    let first = kept(&store, 1, "a").await;
    assert_eq!(follow(&store, &first, about("u_2")).await, WebhookState::Followed);
    let due: Vec<_> = asked(&store, NOW.plus(20)).await.into_iter().map(|asking| asking.delivery).collect();
    assert_eq!(due, [id(delivery_number(2))]);
    let again = store.follow_webhook(site(), first, about("u_1"), NOW).await;
    assert!(matches!(again, Err(StoreError::NotFound(_))), "it was interpreted already");
    let partner = Meaning::Concerns(Notice { partners: vec!["ada".into()], ..Notice::of("partnership.updated") });
    let second = kept(&store, 2, "b").await;
    assert_eq!(follow(&store, &second, partner).await, WebhookState::Followed);
    assert_eq!(store.webhook(second.as_str().to_owned()).await.unwrap().deliveries, 2);
    let elsewhere = NewWebhook { program: program("other"), ..webhook(3, "c") };
    store.keep_webhook(elsewhere).await.unwrap();
    assert_eq!(follow(&store, &id(5003), about("u_1")).await, WebhookState::Unmatched, "another program's customer");
}

pub async fn an_event_about_a_transaction_concerns_its_sale_alone(ground: &impl Ground) {
    let store = ground.open();
    customer(&store, 1).await;
    sold(&store, 2, "order_2").await;
    sold(&store, 3, "order_3").await;
    let transactions = vec!["order_2".to_owned()];
    let meaning = Meaning::Concerns(Notice { transactions, ..Notice::of("transaction.updated") });
    let event = kept(&store, 1, "a").await;
    assert_eq!(follow(&store, &event, meaning).await, WebhookState::Followed);
    assert_eq!(store.webhook(event.as_str().to_owned()).await.unwrap().deliveries, 1);
}

pub async fn an_event_about_the_vendors_key_of_a_refund_concerns_its_sale_too(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    recorded_as(&store, 1, "o_1001").await;
    refunded(&store, 8, "r_2001", "o_1001").await;
    recorded_as(&store, 2, "txn_7").await;
    assert_eq!(asked(&store, NOW).await.len(), 2, "what is recorded is asked for at once");
    let transactions = vec!["txn_7".to_owned()];
    let meaning = Meaning::Concerns(Notice { transactions, ..Notice::of("transaction.updated") });
    let event = kept(&store, 1, "a").await;
    assert_eq!(follow(&store, &event, meaning).await, WebhookState::Followed);
    assert_eq!(store.webhook(event.as_str().to_owned()).await.unwrap().deliveries, 2);
    let due: Vec<_> = asked(&store, NOW.plus(20)).await.into_iter().map(|asking| asking.delivery).collect();
    assert_eq!(due, [id(delivery_number(7)), id(delivery_number(8))]);
}

pub async fn an_unmatched_event_is_read_again_once_its_delivery_is_recorded(ground: &impl Ground) {
    let store = ground.open();
    let early = kept(&store, 1, "a").await;
    assert_eq!(follow(&store, &early, about("u_1")).await, WebhookState::Unmatched);
    let stranger = kept(&store, 2, "b").await;
    assert_eq!(follow(&store, &stranger, about("u_7")).await, WebhookState::Unmatched);
    signed_up(&store, 1, &["main"]).await;
    assert_eq!(store.unread_webhooks(lane(), 9).await.unwrap(), [], "not recorded yet");
    sent(&store, 1, "recorded", State::Recorded).await;
    let unread = store.unread_webhooks(lane(), 9).await.unwrap();
    assert_eq!(unread.into_iter().map(|webhook| webhook.id).collect::<Vec<_>>(), [early]);
}

pub async fn a_partner_whose_key_was_changed_is_found_by_the_id_in_an_earlier_event(ground: &impl Ground) {
    let store = ground.open();
    customer(&store, 1).await;
    let first = kept(&store, 1, "a").await;
    assert_eq!(follow(&store, &first, of_partner("7", &["ada7"])).await, WebhookState::Unmatched);
    let reason = store.webhook(first.as_str().to_owned()).await.unwrap().reason.unwrap();
    assert!(reason.contains("the partner's key was changed") && reason.contains("conversions check"), "{reason}");
    let known = kept(&store, 2, "b").await;
    assert_eq!(follow(&store, &known, of_partner("7", &["ada"])).await, WebhookState::Followed);
    let later = kept(&store, 3, "c").await;
    assert_eq!(follow(&store, &later, of_partner("7", &["ada8"])).await, WebhookState::Followed);
    assert_eq!(store.webhook(later.as_str().to_owned()).await.unwrap().deliveries, 1);
    // The same id in another program is another partner.
    let elsewhere = NewWebhook { program: program("other"), ..webhook(4, "d") };
    store.keep_webhook(elsewhere).await.unwrap();
    assert_eq!(follow(&store, &id(5004), of_partner("7", &["ada9"])).await, WebhookState::Unmatched);
}

pub async fn what_links_a_partners_id_with_a_key_leaves_last(ground: &impl Ground) {
    let store = ground.open();
    customer(&store, 1).await;
    let arrives = async |number: u16, meaning: Meaning| {
        let webhook = kept(&store, number, &number.to_string()).await;
        assert_eq!(follow(&store, &webhook, meaning).await, WebhookState::Followed, "{number}");
    };
    arrives(1, of_partner("7", &["ada"])).await;
    for number in 2..8 {
        arrives(number, Meaning::Noted { event: "x".into(), about: None }).await;
    }
    arrives(8, of_partner("7", &["ada7"])).await;
    // Where all that is kept are such links, the oldest of them leave.
    for number in 9..13 {
        arrives(number, of_partner(&number.to_string(), &["ada"])).await;
    }
    let left: Vec<_> = store.webhooks(Filter::default()).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, [id(5012), id(5011), id(5010)]);
}

pub async fn events_before_a_delivery_are_read_again_by_every_key_of_its_partner(ground: &impl Ground) {
    let store = ground.open();
    let mut ids = Vec::new();
    for (number, id, key) in [(1, "7", "ada"), (2, "7", "ada7"), (3, "8", "bob")] {
        let webhook = kept(&store, number, &number.to_string()).await;
        assert_eq!(follow(&store, &webhook, of_partner(id, &[key])).await, WebhookState::Unmatched);
        ids.push(webhook);
    }
    customer(&store, 1).await;
    let unread = store.unread_webhooks(lane(), 9).await.unwrap();
    assert_eq!(unread.into_iter().map(|webhook| webhook.id).collect::<Vec<_>>(), ids[..2]);
    assert_eq!(follow(&store, &ids[1], of_partner("7", &["ada7"])).await, WebhookState::Followed);
}

/// The addresses of a vendor's links may share a part, such as their page.
pub async fn partners_whose_links_share_a_part_are_kept_apart(ground: &impl Ground) {
    let store = ground.open();
    let early = kept(&store, 1, "a").await;
    assert_eq!(follow(&store, &early, of_partner("8", &["pricing", "bob"])).await, WebhookState::Unmatched);
    customer(&store, 1).await;
    let adas = kept(&store, 2, "b").await;
    assert_eq!(follow(&store, &adas, of_partner("7", &["pricing", "ada"])).await, WebhookState::Followed);
    let bobs = kept(&store, 3, "c").await;
    assert_eq!(follow(&store, &bobs, of_partner("8", &["pricing", "bob7"])).await, WebhookState::Unmatched);
    customer(&store, 2).await;
    assert_eq!(store.unread_webhooks(lane(), 9).await.unwrap(), [], "they are not about this partner");
}

pub async fn an_answer_never_overwrites_one_to_a_later_question(ground: &impl Ground) {
    let store = ground.open();
    customer(&store, 1).await;
    let slow = asked(&store, NOW).await.remove(0);
    let quick = asked(&store, NOW.plus(1000)).await.remove(0);
    assert!(store.tell_commission(&quick, told(Commission::Paid, 5000)).await.unwrap());
    assert!(!store.tell_commission(&slow, told(Commission::Pending, 1)).await.unwrap());
    let row = row(&store, 1).await;
    assert_eq!((row.commission, row.commission_changes.len()), (Commission::Paid, 1));
    assert_eq!(store.next_commission(lane()).await.unwrap(), Some(NOW.plus(5000)));
}

pub async fn a_question_about_a_sale_names_the_key_of_its_newest_refund(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    let questions = async |lease: u8, reference: &str| {
        let leased = leased(&store, lease).await;
        let reference = Some(reference.to_owned());
        let progress = Progress { state: State::Recorded, due_at: None, reference, ..leased.progress.clone() };
        store.settle(&leased, Settlement { progress, attempt: None, lane: None }).await.unwrap();
        let asked = asked(&store, NOW).await.into_iter().map(|asking| asking.earned);
        asked.map(|earned| (earned.reference, earned.refund_reference)).collect::<Vec<_>>()
    };
    let named = |key: &str| Some(key.to_owned());
    assert_eq!(questions(1, "o_1001").await, [(named("o_1001"), None)]);
    for (lease, number, key, reference) in [(2, 8, "r_2001", "txn_7"), (3, 9, "r_2002", "txn_8")] {
        refunded(&store, number, key, "o_1001").await;
        let questions = questions(lease, reference).await;
        assert!(questions.contains(&(named("o_1001"), named(reference))), "{questions:?}");
        assert!(questions.contains(&(named(reference), None)), "{questions:?}");
    }
}

pub async fn the_newest_refund_of_a_sale_is_the_one_that_was_sent_last(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    recorded_as(&store, 1, "o_1001").await;
    for (number, key) in [(8, "r_2001"), (9, "r_2002")] {
        refunded(&store, number, key, "o_1001").await;
    }
    let mut both = store.lease(claim(lane(), 2, 2, NOW)).await.unwrap();
    let (second, first) = (both.pop().unwrap(), both.pop().unwrap());
    // The second is sent while the first one is held up.
    for (leased, reference, after) in [(second, "txn_8", 1), (first, "txn_7", 2)] {
        let attempt = NewAttempt { started_at: NOW.plus(after), ..send() };
        let attempt = Some((store.begin_attempt(&leased, attempt).await.unwrap(), end("recorded")));
        let reference = Some(reference.to_owned());
        let progress = Progress { state: State::Recorded, due_at: None, reference, ..leased.progress.clone() };
        store.settle(&leased, Settlement { progress, attempt, lane: None }).await.unwrap();
    }
    let asked = asked(&store, NOW).await.into_iter().map(|asking| asking.earned);
    let asked: Vec<_> = asked.filter_map(|earned| earned.refund_reference).collect();
    assert_eq!(asked, ["txn_7"]);
}

pub async fn an_event_during_a_question_has_it_asked_again(ground: &impl Ground) {
    let store = ground.open();
    customer(&store, 1).await;
    let under_way = asked(&store, NOW).await.remove(0);
    let event = kept(&store, 1, "a").await;
    follow(&store, &event, about("u_1")).await;
    assert!(store.tell_commission(&under_way, told(Commission::Pending, 9_000_000)).await.unwrap());
    assert_eq!(row(&store, 1).await.commission, Commission::Pending);
    assert_eq!(store.next_commission(lane()).await.unwrap(), Some(NOW.plus(10)), "not put off by the older answer");
    assert_eq!(asked(&store, NOW.plus(10)).await.len(), 1);
}

pub async fn a_question_without_an_answer_is_due_again(ground: &impl Ground) {
    let store = ground.open();
    customer(&store, 1).await;
    assert_eq!(asked(&store, NOW).await.len(), 1);
    assert_eq!(asked(&store, NOW.plus(999)).await, []);
    let again = asked(&store, NOW.plus(1000)).await;
    assert_eq!((again.len(), again[0].number), (1, 2));
    let nothing =
        Told { standing: None, amount: None, said: Some("GET rewards: HTTP 404".into()), next_at: None, now: NOW };
    assert!(store.tell_commission(&again[0], nothing).await.unwrap());
    assert_eq!((row(&store, 1).await.commission_at, store.next_commission(lane()).await.unwrap()), (None, None));
    assert_eq!(store.ask_commissions(id::<ConversionId>(1001).as_str().to_owned(), NOW).await.unwrap(), 1);
    assert_eq!(store.next_commission(lane()).await.unwrap(), Some(NOW));
}

pub async fn the_gate_says_how_many_questions_are_asked(ground: &impl Ground) {
    let store = ground.open();
    for number in [1, 2, 3] {
        customer(&store, number).await;
    }
    let gate = Box::new(|lane: Lane, _: u32| (Lane { spent_milli: 7, ..lane }, 1));
    let claim = AskClaim { gate, ..asking(NOW) };
    assert_eq!(store.claim_commissions(claim).await.unwrap().len(), 1);
    assert_eq!(store.glance(lane()).await.unwrap().lane.spent_milli, 7);
    let other = LaneKey { site: site(), program: program("other") };
    let panics = Box::new(|_: Lane, _: u32| panic!("nothing is due there"));
    let claim = AskClaim { lane: other, gate: panics, ..asking(NOW) };
    assert_eq!(store.claim_commissions(claim).await.unwrap(), []);
}

pub async fn operators_replay_and_drop_what_waits_and_nothing_else(ground: &impl Ground) {
    let store = ground.open();
    let unknown = kept(&store, 1, "a").await;
    follow(&store, &unknown, Meaning::UnknownEvent { event: "x".into() }).await;
    let name = |id: &WebhookId| id.as_str()[..18].to_owned();
    let replayed = store.change_webhook(name(&unknown), WebhookChange::Replay, NOW).await.unwrap();
    assert_eq!((replayed.state, replayed.reason), (WebhookState::Received, None));
    let drop = || WebhookChange::Drop { reason: "a test".into() };
    let dropped = store.change_webhook(name(&unknown), drop(), NOW).await.unwrap();
    assert_eq!((dropped.state, dropped.reason.as_deref()), (WebhookState::Dropped, Some("a test")));
    let refused = |result: Result<_, StoreError>| matches!(result, Err(StoreError::Refused(_)));
    assert!(refused(store.change_webhook(name(&unknown), drop(), NOW).await), "nothing left to drop");
    let cut = NewWebhook { meaning: None, ..webhook(2, "b") };
    store.keep_webhook(cut).await.unwrap();
    assert!(refused(store.change_webhook(name(&id(5002)), WebhookChange::Replay, NOW).await), "only its beginning");
    let quarantined = Filter { state: Some("quarantined".into()), ..Filter::default() };
    assert_eq!(store.webhooks(quarantined).await.unwrap().len(), 1);
    assert!(refused(store.webhook("019".into()).await));
    assert!(matches!(store.webhook("ffffffff".into()).await, Err(StoreError::NotFound(_))));
    let counts = store.count_webhooks().await.unwrap();
    let of = |state| counts.iter().find(|(of, _)| *of == state).map(|(_, number)| *number);
    assert_eq!((of(WebhookState::TooLarge), of(WebhookState::Dropped)), (Some(1), Some(1)));
}
