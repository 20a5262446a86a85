//! A held conversion claims nothing. Its end is recorded: closed, released, rejected, or decided with the sale that it waited for.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use std::sync::Arc;

use futures_util::future::join_all;
use trailmark_wire::conversion::{Event, Order, OrderClaim};
use trailmark_wire::ids::OrderKey;
use trailmark_wire::money::Currency;
use trailmark_wire::receipt::{Receipt, Status};

use super::Ground;
use super::samples::*;
use crate::outbox::State;
use crate::store::operator::Afterwards;
use crate::store::{
    Accepted, Assurance, CONVERSIONS_KNOWN, Consequence, Known, NewConversion, ReleaseRule, Ruling, Store, StoreError,
};

/// A sale to `u_1`, or a refund of `of`.
fn paid(number: u16, by: u8, key: &str, minor: i64, of: Option<&str>) -> NewConversion {
    let mut new = signup(number, visitor(by), "u_1");
    let order = Order {
        key: OrderKey::new(key).unwrap(),
        amount_minor: minor,
        currency: Currency::new("EUR").unwrap(),
        items: Vec::new(),
    };
    new.conversion.event = match of {
        Some(sale) => Event::Refund { refund: order, sale: OrderKey::new(sale).unwrap() },
        None => Event::Sale(OrderClaim::Plain(order)),
    };
    new
}

/// Accepts with the plain rule's ruling, changed by `change`.
async fn changed(
    store: &Arc<dyn Store>,
    number: u16,
    new: NewConversion,
    change: impl FnOnce(&Known, &mut Ruling) + Send + 'static,
) -> Receipt {
    let rule = rule(&new, delivery_number(number));
    let rule = Box::new(move |known: &Known| {
        let mut ruling = rule(known)?;
        change(known, &mut ruling);
        Ok(ruling)
    });
    match store.accept(new, rule).await.unwrap() {
        Accepted::New(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

/// Records it as held.
async fn held(store: &Arc<dyn Store>, number: u16, new: NewConversion) -> Receipt {
    changed(store, number, new, |_, ruling| hold(ruling)).await
}

fn hold(ruling: &mut Ruling) {
    status(ruling, Status::Held);
    ruling.receipt.code = Some("a_reason".into());
}

/// Shows `look` what a rule knows, and holds.
async fn looked(store: &Arc<dyn Store>, number: u16, new: NewConversion, look: impl FnOnce(&Known) + Send + 'static) {
    changed(store, number, new, |known, ruling| {
        look(known);
        hold(ruling);
    })
    .await;
}

/// Sets the status and removes the deliveries.
fn status(ruling: &mut Ruling, status: Status) {
    ruling.deliveries.clear();
    ruling.receipt.deliveries.clear();
    ruling.receipt.status = status;
}

async fn stands(store: &Arc<dyn Store>, receipt: &Receipt) -> (Status, usize) {
    let detail = store.conversion(receipt.conversion_id.as_str().into()).await.unwrap();
    (detail.conversion.status, detail.changes.len())
}

pub async fn a_rule_sees_whether_a_key_was_stated(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    held(&store, 1, signup(1, visitor(1), "u_1")).await;
    looked(&store, 2, signup(2, visitor(1), "u_1"), |known| assert!(!known.is_stated && known.claimed.is_empty()))
        .await;
    let server = NewConversion { assurance: Assurance::Server, ..signup(3, visitor(9), "u_1") };
    changed(&store, 3, server, |_, ruling| status(ruling, Status::Unattributed)).await;
    looked(&store, 4, signup(4, visitor(1), "u_1"), |known| assert!(known.is_stated && known.claimed.is_empty())).await;
    looked(&store, 5, signup(5, visitor(1), "u_5"), |known| assert!(!known.is_stated)).await;
    accepted(&store, 6, signup(6, visitor(1), "u_6")).await;
    looked(&store, 7, signup(7, visitor(1), "u_6"), |known| assert!(known.is_stated && known.claimed.len() == 1)).await;
}

pub async fn a_rule_sees_whose_a_key_is_and_how_many_its_visitor_was_told_of(ground: &impl Ground) {
    let store = ground.open();
    for number in [1, 2] {
        touched_visitor(&store, number, &["main"]).await;
    }
    accepted(&store, 1, signup(1, visitor(1), "u_1")).await;
    let sees = |told, is_own| move |known: &Known| assert_eq!((known.told_to_visitor, known.is_own), (told, is_own));
    looked(&store, 2, signup(2, visitor(1), "u_1"), sees(0, true)).await;
    looked(&store, 3, signup(3, visitor(2), "u_1"), sees(0, false)).await;
    // A page that is told "taken" counts, once for each key; "held" tells nothing.
    for number in [4, 5] {
        changed(&store, number, signup(number, visitor(2), "u_1"), |_, ruling| status(ruling, Status::Duplicate)).await;
    }
    looked(&store, 6, signup(6, visitor(2), "u_2"), sees(1, false)).await;
    looked(&store, 7, signup(7, visitor(2), "u_1"), sees(0, false)).await;
    // A conversion that the vendor refused later was told as accepted; a server's conversion was told to no page.
    sent(&store, 1, "rejected", State::Rejected).await;
    looked(&store, 8, signup(8, visitor(1), "u_2"), sees(1, false)).await;
    let server = NewConversion { assurance: Assurance::Server, ..signup(9, visitor(2), "u_9") };
    changed(&store, 9, server, |_, ruling| status(ruling, Status::Duplicate)).await;
    let mut lead = signup(10, visitor(2), "u_2");
    lead.conversion.event = Event::Lead;
    looked(&store, 10, lead, sees(0, false)).await;
    looked(&store, 11, signup(11, visitor(2), "u_2"), sees(1, false)).await;
}

pub async fn a_visitor_of_more_conversions_than_are_looked_at_has_used_up_every_key(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let sees = |told| move |known: &Known| assert_eq!(known.told_to_visitor, told);
    let many = u16::try_from(CONVERSIONS_KNOWN).unwrap();
    join_all((1..=many).map(|number| held(&store, number, signup(number, visitor(1), &format!("u_{number}"))))).await;
    looked(&store, many + 1, signup(many + 1, visitor(1), "u_1"), sees(0)).await;
    looked(&store, many + 2, signup(many + 2, visitor(1), "u_1"), sees(u32::MAX)).await;
    looked(&store, many + 3, signup(many + 3, visitor(2), "u_1"), sees(0)).await;
}

pub async fn what_closes_itself_stands_as_a_duplicate_behind_a_receipt_that_says_held(ground: &impl Ground) {
    let store = ground.open();
    for number in [1, 2] {
        touched_visitor(&store, number, &["main"]).await;
    }
    let first = accepted(&store, 1, signup(1, visitor(1), "u_1")).await;
    let closing = changed(&store, 2, signup(2, visitor(2), "u_1"), |_, ruling| {
        hold(ruling);
        ruling.consequences.push(Consequence::ClosesItself);
    })
    .await;
    assert_eq!(stands(&store, &closing).await, (Status::Duplicate, 1));
    let change = store.conversion(closing.conversion_id.as_str().into()).await.unwrap().changes.remove(0);
    assert_eq!((change.change, change.cause), (Afterwards::Closed, Some(first.conversion_id)));
    assert_eq!(change.code.as_deref(), Some("key_taken"));
    let again = store.accept(signup(2, visitor(2), "u_1"), no_rule()).await.unwrap();
    assert!(matches!(again, Accepted::Replayed(receipt) if receipt.status == Status::Held));
    assert_eq!(store.health().await.unwrap().violations, Vec::<String>::new());
}

pub async fn a_rule_about_a_sale_sees_its_customers_signup_and_what_waits(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    let waits = held(&store, 2, paid(2, 9, "r_1", 100, Some("o_1"))).await;
    held(&store, 3, paid(3, 9, "r_2", 100, Some("o_2"))).await;
    looked(&store, 4, paid(4, 9, "o_1", 1000, None), move |known| {
        let programs: Vec<_> = known.signup.iter().map(|touch| touch.program.clone()).collect();
        assert_eq!(programs, [program("main"), program("other")]);
        assert_eq!((known.waiting.len(), &known.waiting[0].id), (1, &waits.conversion_id));
        assert_eq!(known.waiting[0].money.unwrap().amount_minor, 100);
    })
    .await;
    looked(&store, 5, signup(5, visitor(9), "u_1"), |known| assert!(known.signup.is_empty())).await;
}

pub async fn a_rule_about_a_refund_sees_its_sale_and_what_was_refunded(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    looked(&store, 1, paid(1, 1, "r_0", 1, Some("o_1")), |known| assert_eq!(known.sale, None)).await;
    held(&store, 2, paid(2, 1, "o_1", 5, None)).await;
    looked(&store, 3, paid(3, 1, "r_0", 1, Some("o_1")), |known| assert_eq!(known.sale, None)).await;
    accepted(&store, 4, paid(4, 1, "o_1", 1000, None)).await;
    for (number, key, minor) in [(5, "r_1", 300), (6, "r_2", 200)] {
        accepted(&store, number, paid(number, 1, key, minor, Some("o_1"))).await;
    }
    held(&store, 7, paid(7, 1, "r_3", 50, Some("o_1"))).await;
    for (number, key, refunded) in [(8, "r_4", 500), (9, "r_2", 300)] {
        looked(&store, number, paid(number, 1, key, 1, Some("o_1")), move |known| {
            let sale = known.sale.as_ref().unwrap();
            assert_eq!((sale.status, sale.money.amount_minor, sale.touches.len()), (Status::Accepted, 1000, 1));
            assert_eq!((sale.customer.as_ref().unwrap().as_str(), known.refunded_minor), ("u_1", refunded));
        })
        .await;
    }
}

pub async fn only_held_conversions_of_the_same_kind_and_key_are_closed(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let mut lead = signup(3, visitor(1), "u_1");
    lead.conversion.event = Event::Lead;
    let same = held(&store, 1, signup(1, visitor(1), "u_1")).await;
    let other = held(&store, 2, signup(2, visitor(1), "u_2")).await;
    let lead = held(&store, 3, lead).await;
    let rejected = changed(&store, 4, signup(4, visitor(1), "u_1"), |_, ruling| status(ruling, Status::Rejected)).await;
    let closing = changed(&store, 5, signup(5, visitor(1), "u_1"), |_, ruling| {
        ruling.consequences.push(Consequence::ClosesHeld);
    })
    .await;
    assert_eq!(stands(&store, &same).await, (Status::Duplicate, 1));
    assert_eq!(stands(&store, &other).await, (Status::Held, 0));
    assert_eq!(stands(&store, &lead).await, (Status::Held, 0));
    assert_eq!(stands(&store, &rejected).await, (Status::Rejected, 0));
    let change = store.conversion(same.conversion_id.as_str().into()).await.unwrap().changes.remove(0);
    assert_eq!((change.change, change.cause), (Afterwards::Closed, Some(closing.conversion_id)));
    assert_eq!(change.changed_at, NOW);
    // Its first receipt is unchanged.
    let again = store.accept(signup(1, visitor(1), "u_1"), no_rule()).await.unwrap();
    assert!(matches!(again, Accepted::Replayed(receipt) if receipt.status == Status::Held));
}

/// Decides a held conversion with the plain rule.
fn release_by(number: u16, again: NewConversion) -> ReleaseRule {
    let rule = rule(&again, delivery_number(number));
    Box::new(move |held, known| {
        assert_eq!((&held.id, held.kind, held.occurred_at), (&again.id, again.conversion.kind(), again.occurred_at));
        rule(known)
    })
}

pub async fn a_release_is_written_whole_and_once(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let new = signup(1, visitor(1), "u_1");
    let receipt = held(&store, 1, new.clone()).await;
    let id = receipt.conversion_id.as_str().to_owned();
    let at = NOW.plus(7);
    let detail = store.release_held(id.clone(), "a reason".into(), release_by(1, new.clone()), at).await.unwrap();
    assert_eq!(
        (detail.conversion.status, detail.conversion.code, detail.deliveries.len()),
        (Status::Accepted, None, 1)
    );
    let change = &detail.changes[0];
    assert_eq!(
        (change.change, change.reason.as_deref(), change.changed_at),
        (Afterwards::Released, Some("a reason"), at)
    );
    let again = store.release_held(id.clone(), "again".into(), release_by(1, new), at).await;
    assert!(matches!(again, Err(StoreError::Refused(text)) if text.contains("`accepted`")));
    assert!(matches!(store.reject_held(id, "again".into(), at).await, Err(StoreError::Refused(_))));
    let taken = accepted(&store, 2, signup(2, visitor(1), "u_1")).await;
    assert_eq!(taken.status, Status::Duplicate, "the release holds the key");
    assert_eq!(store.health().await.unwrap().violations, Vec::<String>::new());
    let gone = store.release_held("019aa5a0-0000-7000".into(), "none".into(), Box::new(|_, _| panic!()), at).await;
    assert_eq!(gone.unwrap_err(), StoreError::NotFound("conversion"));
}

pub async fn a_release_that_is_refused_or_cannot_be_written_changes_nothing(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let new = signup(1, visitor(1), "u_1");
    let receipt = held(&store, 1, new.clone()).await;
    let id = receipt.conversion_id.as_str().to_owned();
    let refusing: ReleaseRule = Box::new(|_, _| Err(StoreError::Refused("no".into())));
    assert!(store.release_held(id.clone(), "a reason".into(), refusing, NOW).await.is_err());
    // Another conversion took the key, and the rule overlooks it.
    accepted(&store, 2, signup(2, visitor(1), "u_1")).await;
    let rule = release_by(1, new);
    let blind: ReleaseRule = Box::new(move |held, known| rule(held, &Known { claimed: Vec::new(), ..known.clone() }));
    assert!(matches!(store.release_held(id, "a reason".into(), blind, NOW).await, Err(StoreError::Refused(_))));
    assert_eq!(stands(&store, &receipt).await, (Status::Held, 0));
    assert_eq!(store.health().await.unwrap().violations, Vec::<String>::new());
}

pub async fn a_rejection_is_recorded_and_sends_nothing(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let receipt = held(&store, 1, signup(1, visitor(1), "u_1")).await;
    let id = receipt.conversion_id.as_str().to_owned();
    let detail = store.reject_held(id, "a forgery".into(), NOW).await.unwrap();
    assert_eq!((detail.conversion.status, detail.deliveries.len()), (Status::Rejected, 0));
    assert_eq!(detail.conversion.code.as_deref(), Some("rejected_by_hand"));
    assert_eq!(
        (detail.changes[0].change, detail.changes[0].reason.as_deref()),
        (Afterwards::Rejected, Some("a forgery"))
    );
    assert_eq!(accepted(&store, 2, signup(2, visitor(1), "u_1")).await.status, Status::Accepted);
}

pub async fn a_consequence_for_what_is_not_held_is_refused_with_its_cause(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let settled = accepted(&store, 1, signup(1, visitor(1), "u_1")).await;
    let new = signup(2, visitor(1), "u_2");
    let rule = rule(&new, delivery_number(2));
    let overreaching = Box::new(move |known: &Known| {
        let mut ruling = rule(known)?;
        let mut other = ruling.clone();
        status(&mut other, Status::Rejected);
        other.receipt.conversion_id = id(1001);
        ruling.consequences.push(Consequence::Decides(Box::new(other)));
        Ok(ruling)
    });
    assert!(matches!(store.accept(new, overreaching).await, Err(StoreError::Refused(_))));
    assert_eq!(stands(&store, &settled).await, (Status::Accepted, 0));
    assert_eq!(store.health().await.unwrap().conversions, 1);
}
