//! Deliveries that follow others: which may be sent, and which are made due.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use std::sync::{Arc, Mutex};

use trailmark_vendors::task::EarlierUse;
use trailmark_wire::conversion::{Event, Item, Kind, Order, OrderClaim};
use trailmark_wire::ids::{ConversionId, OrderKey};
use trailmark_wire::money::Currency;

use super::Ground;
use super::samples::*;
use crate::outbox::order::Earlier;
use crate::outbox::{Progress, State};
use crate::store::delivery::{LaneKey, Leased, NewAttempt, Settlement};
use crate::store::operator::Change;
use crate::store::{NewConversion, Store, StoreError};

fn order(key: &str, amount_minor: i64) -> Order {
    let currency = Currency::new("JPY").unwrap();
    Order { key: OrderKey::new(key).unwrap(), amount_minor, currency, items: Vec::new() }
}

fn of(new: NewConversion, event: Event) -> NewConversion {
    let conversion = trailmark_wire::conversion::Conversion { event, ..new.conversion };
    NewConversion { conversion, content_hash: [2; 32], ..new }
}

/// An order of customer `u_1`, one seat, accepted in `main`.
pub(super) async fn sold(store: &Arc<dyn Store>, number: u16, key: &str) {
    let visitor = touched_visitor(store, 100, &["main"]).await;
    let items = vec![Item { sku: "seat".into(), category: None, unit_amount_minor: 1230, quantity: 1 }];
    let sale = Event::Sale(OrderClaim::Plain(Order { items, ..order(key, 1230) }));
    accepted(store, number, of(signup(number, visitor, "u_1"), sale)).await;
}

/// A refund that names its sale but no customer, as most backends do.
pub(super) async fn refunded(store: &Arc<dyn Store>, number: u16, key: &str, sale: &str) {
    let visitor = touched_visitor(store, 100, &["main"]).await;
    let event = Event::Refund { refund: order(key, 30), sale: OrderKey::new(sale).unwrap() };
    let mut refund = of(signup(number, visitor, "u_1"), event);
    refund.conversion.customer = None;
    accepted(store, number, refund).await;
}

fn waiting(leased: &Leased) -> Settlement {
    settlement(leased, State::Waiting, None)
}

/// What a rule is told; the rule lets the delivery go on.
async fn told(store: &Arc<dyn Store>, leased: &Leased, follows: Kind) -> Earlier {
    let seen = Arc::new(Mutex::new(None));
    let told = Arc::clone(&seen);
    let rule = Box::new(move |earlier| {
        *told.lock().unwrap() = Some(earlier);
        None
    });
    assert!(store.turn(leased, follows, rule).await.unwrap());
    seen.lock().unwrap().expect("the rule was asked")
}

async fn hold_back(store: &Arc<dyn Store>, leased: &Leased, follows: Kind) {
    let settlement = waiting(leased);
    assert!(!store.turn(leased, follows, Box::new(move |_| Some(settlement))).await.unwrap());
}

async fn state(store: &Arc<dyn Store>, conversion: u16) -> String {
    store.conversion(id::<ConversionId>(1000 + conversion).as_str().into()).await.unwrap().deliveries.remove(0).state
}

pub async fn a_rule_sees_how_the_delivery_stands_that_another_follows(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    let order = leased(&store, 1).await;
    assert_eq!(told(&store, &order, Kind::Signup).await, Earlier::Absent);
    assert_eq!(told(&store, &order, Kind::Sale).await, Earlier::Unnamed, "a sale is no refund of one");
    signed_up(&store, 2, &["main"]).await;
    assert_eq!(told(&store, &order, Kind::Signup).await, Earlier::Absent, "that is another customer");
    signed_up(&store, 1, &["other"]).await;
    assert_eq!(told(&store, &order, Kind::Signup).await, Earlier::Absent, "that is another program");
    let stranger = leased(&store, 2).await;
    store.settle(&stranger, settlement(&stranger, State::Recorded, None)).await.unwrap();
    assert_eq!(told(&store, &order, Kind::Signup).await, Earlier::Absent);
}

pub async fn what_is_held_back_is_due_again_when_the_other_is_settled(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let signup = leased(&store, 1).await;
    sold(&store, 7, "o_1001").await;
    refunded(&store, 8, "r_2001", "o_1001").await;
    let mut both = store.lease(claim(lane(), 2, 2, NOW)).await.unwrap();
    let (refund, sale) = (both.pop().unwrap(), both.pop().unwrap());
    assert_eq!(told(&store, &sale, Kind::Signup).await, Earlier::Stands(State::Due));
    assert_eq!(told(&store, &refund, Kind::Sale).await, Earlier::Stands(State::Due));
    hold_back(&store, &sale, Kind::Signup).await;
    hold_back(&store, &refund, Kind::Sale).await;
    assert_eq!(store.lease(claim(lane(), 4, 5, NOW)).await.unwrap(), []);
    let unverified = Progress { state: State::Unverified, due_at: Some(NOW.plus(9)), ..signup.progress.clone() };
    store.settle(&signup, Settlement { progress: unverified, attempt: None, lane: None }).await.unwrap();
    assert_eq!(state(&store, 7).await, "waiting", "what is not settled wakes nobody");
    let signup = store.lease(claim(lane(), 5, 1, NOW.plus(9))).await.unwrap().pop().unwrap();
    store.settle(&signup, settlement(&signup, State::Recorded, None)).await.unwrap();
    assert_eq!((state(&store, 7).await.as_str(), state(&store, 8).await.as_str()), ("due", "waiting"));
    let sale = leased(&store, 6).await;
    assert_eq!((&sale.conversion, sale.progress.attempts, sale.progress.due_at), (&id(1007), 0, Some(NOW)));
    assert_eq!(told(&store, &sale, Kind::Signup).await, Earlier::Stands(State::Recorded));
    store.settle(&sale, settlement(&sale, State::Dead, None)).await.unwrap();
    let refund = leased(&store, 7).await;
    assert_eq!(told(&store, &refund, Kind::Sale).await, Earlier::Stands(State::Dead));
}

pub async fn a_new_delivery_wakes_what_was_blocked_for_want_of_it(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    let order = leased(&store, 1).await;
    let blocked = settlement(&order, State::Blocked, None);
    assert!(!store.turn(&order, Kind::Signup, Box::new(move |_| Some(blocked))).await.unwrap());
    signed_up(&store, 2, &["main"]).await;
    assert_eq!(state(&store, 7).await, "blocked", "that is another customer");
    signed_up(&store, 1, &["main"]).await;
    assert_eq!(state(&store, 7).await, "due");
}

pub async fn a_delivery_in_another_program_wakes_nobody(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    hold_back(&store, &leased(&store, 1).await, Kind::Signup).await;
    signed_up(&store, 1, &["other"]).await;
    let signup = store
        .lease(claim(LaneKey { site: site(), program: program("other") }, 2, 1, NOW))
        .await
        .unwrap()
        .pop()
        .unwrap();
    store.settle(&signup, settlement(&signup, State::Recorded, None)).await.unwrap();
    assert_eq!(state(&store, 7).await, "waiting");
}

pub async fn nothing_is_held_back_under_a_foreign_lease(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    let order = leased(&store, 1).await;
    let foreign = Leased { lease: lease_id(9), ..order.clone() };
    let rule = Box::new(|_| panic!("a rule was asked under a foreign lease"));
    assert_eq!(store.turn(&foreign, Kind::Signup, rule).await, Err(StoreError::LeaseLost));
    hold_back(&store, &order, Kind::Signup).await;
    let over = Box::new(|_| panic!("a rule was asked under a lease that is over"));
    assert_eq!(store.turn(&order, Kind::Signup, over).await, Err(StoreError::LeaseLost));
}

pub async fn refunds_of_one_sale_go_one_after_another(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    let sale = leased(&store, 1).await;
    store.settle(&sale, settlement(&sale, State::Recorded, None)).await.unwrap();
    for (number, key) in [(8, "r_2001"), (9, "r_2002")] {
        refunded(&store, number, key, "o_1001").await;
    }
    let mut both = store.lease(claim(lane(), 2, 2, NOW)).await.unwrap();
    let (second, first) = (both.pop().unwrap(), both.pop().unwrap());
    assert_eq!(told(&store, &second, Kind::Sale).await, Earlier::Busy, "the other is leased");
    hold_back(&store, &second, Kind::Sale).await;
    assert_eq!(told(&store, &first, Kind::Sale).await, Earlier::Stands(State::Recorded), "the other was not sent");
    let unclear =
        Progress { state: State::Uncertain, attempts: 1, due_at: Some(NOW.plus(9)), ..first.progress.clone() };
    store.settle(&first, Settlement { progress: unclear, attempt: None, lane: None }).await.unwrap();
    assert_eq!(state(&store, 9).await, "waiting", "what is not settled wakes nobody");
    let first = store.lease(claim(lane(), 4, 1, NOW.plus(9))).await.unwrap().pop().unwrap();
    store.settle(&first, settlement(&first, State::Recorded, None)).await.unwrap();
    let second = leased(&store, 5).await;
    assert_eq!(second.conversion, id(1009));
    assert_eq!(told(&store, &second, Kind::Sale).await, Earlier::Stands(State::Recorded));
}

pub async fn a_refund_that_is_unsupported_like_its_sale_starts_again_with_it(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    let sale = leased(&store, 1).await;
    store.settle(&sale, settlement(&sale, State::Unsupported, None)).await.unwrap();
    refunded(&store, 8, "r_2001", "o_1001").await;
    let refund = leased(&store, 2).await;
    assert_eq!(told(&store, &refund, Kind::Sale).await, Earlier::Stands(State::Unsupported));
    store.settle(&refund, settlement(&refund, State::Unsupported, None)).await.unwrap();
    let retry = Change::Retry { delivery: sale.delivery.clone(), accept_double: false };
    assert_eq!(store.change(retry, NOW).await.unwrap().state, "due");
    assert_eq!(state(&store, 8).await, "due");
    assert_eq!(store.health().await.unwrap().violations, Vec::<String>::new());
}

pub async fn a_refund_is_read_back_with_its_sale_and_the_vendors_keys(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    sold(&store, 7, "o_1001").await;
    refunded(&store, 8, "r_2001", "o_1001").await;
    let task = async |number: u16| store.task(site(), id(delivery_number(number))).await.unwrap();
    let before = task(8).await;
    let sale = before.sale.expect("the sale is in the ledger");
    assert_eq!((sale.amount_minor, sale.currency.as_str(), sale.reference), (1230, "JPY", None));
    assert_eq!(sale.items.iter().map(|item| item.sku.as_str()).collect::<Vec<_>>(), ["seat"]);
    assert_eq!((before.customer_reference, before.touch_used_by), (None, None), "the signup is not recorded");
    assert_eq!(before.customer.expect("its sale names one").key.as_str(), "u_1");
    for (lease, reference) in [(1, "cus_1"), (2, "txn_1")] {
        let leased = leased(&store, lease).await;
        let progress = Progress {
            state: State::Recorded,
            due_at: None,
            reference: Some(reference.into()),
            ..leased.progress.clone()
        };
        store.settle(&leased, Settlement { progress, attempt: None, lane: None }).await.unwrap();
    }
    let after = task(8).await;
    assert_eq!(after.sale.and_then(|sale| sale.reference).as_deref(), Some("txn_1"));
    assert_eq!(after.customer_reference.as_deref(), Some("cus_1"));
    let (signup, sale) = (task(1).await, task(7).await);
    assert_eq!((signup.reference.as_deref(), sale.reference.as_deref()), (Some("cus_1"), Some("txn_1")));
    assert_eq!(
        (after.reference, after.touch_used_by),
        (None, Some(EarlierUse { conversion: sale.conversion.clone(), kind: Kind::Sale })),
        "the first that took effect"
    );
    assert_eq!((signup.customer_reference, sale.sale, sale.customer_reference.as_deref()), (None, None, Some("cus_1")));
    let refund = leased(&store, 3).await;
    let reference = Some("txn_2".to_owned());
    let progress = Progress { state: State::Recorded, due_at: None, reference, ..refund.progress.clone() };
    store.settle(&refund, Settlement { progress, attempt: None, lane: None }).await.unwrap();
    refunded(&store, 9, "r_2002", "o_1001").await;
    for (number, refunded, reference) in [(8, 0, None), (9, 30, Some("txn_2"))] {
        let sale = task(number).await.sale.expect("the sale is in the ledger");
        assert_eq!((sale.refunded_minor, sale.refund_reference.as_deref()), (refunded, reference), "of other refunds");
    }
}

pub async fn a_signup_is_named_as_the_use_of_its_touch_before_an_earlier_sale(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    let visitor = touched_visitor(&store, 100, &["main"]).await;
    accepted(&store, 8, signup(8, visitor.clone(), "u_2")).await;
    accepted(&store, 9, of(signup(9, visitor, "u_2"), Event::Lead)).await;
    for lease in [1, 2] {
        let leased = leased(&store, lease).await;
        store.settle(&leased, settlement(&leased, State::Recorded, None)).await.unwrap();
    }
    let lead = store.task(site(), id(delivery_number(9))).await.unwrap();
    assert_eq!(lead.touch_used_by, Some(EarlierUse { conversion: id(1008), kind: Kind::Signup }));
}

pub async fn what_was_planned_for_an_unused_touch_is_not_sent_after_another_conversion_of_it(ground: &impl Ground) {
    let store = ground.open();
    sold(&store, 7, "o_1001").await;
    sold(&store, 8, "o_1002").await;
    let mut both = store.lease(claim(lane(), 1, 2, NOW)).await.unwrap();
    let (second, first) = (both.pop().unwrap(), both.pop().unwrap());
    let planned = || NewAttempt { is_touch_unused: true, ..send() };
    let key = store.begin_attempt(&first, planned()).await.unwrap();
    let refused = store.begin_attempt(&second, planned()).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}: the other is under way");
    store.release(&second).await.unwrap();
    let second = leased(&store, 3).await;
    store.settle(&first, settlement(&first, State::Dead, Some((key, end("retry"))))).await.unwrap();
    store.begin_attempt(&second, planned()).await.expect("the other was certainly not processed");
}
