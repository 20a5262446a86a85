//! What accepting a conversion writes, and what a repeat does not write.

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

use futures_util::future::join_all;
use trailmark_wire::conversion::{Customer, CustomerClaim, Event, Item, Order, OrderClaim};
use trailmark_wire::ids::{CustomerKey, OrderKey, SiteId};
use trailmark_wire::money::Currency;
use trailmark_wire::receipt::Status;

use super::Ground;
use super::samples::*;
use crate::outbox::State;
use crate::store::operator::Filter;
use crate::store::{Accepted, Arrival, Known, Limit, NewConversion, StoreError};

pub async fn a_conversion_is_accepted_with_all_that_belongs_to_it(ground: &impl Ground) {
    let store = ground.open();
    let receipt = signed_up(&store, 1, &["main", "other"]).await;
    assert_eq!((receipt.status, receipt.deliveries.len(), receipt.attribution.len()), (Status::Accepted, 2, 2));
    let detail = store.conversion(receipt.conversion_id.as_str().into()).await.unwrap();
    assert_eq!(detail.conversion.external_id.as_deref(), Some("u_1"));
    assert_eq!(detail.conversion.programs, [program("main"), program("other")]);
    assert_eq!(detail.conversion.deliveries, ["due", "due"]);
    assert_eq!((detail.visitor, detail.occurred_at, detail.touches.len()), (visitor(1), NOW, 2));
    assert_eq!(detail.decision["considered"].as_array().unwrap().len(), 2);
    assert_eq!(detail.deliveries.len(), 2);
}

pub async fn a_replay_gives_the_first_receipt_and_asks_no_rule(ground: &impl Ground) {
    let store = ground.open();
    let first = signed_up(&store, 1, &["main"]).await;
    let mut again = signup(1, visitor(1), "u_1");
    (again.id, again.received_at) = (id(1500), NOW.plus(DAY_MS));
    assert_eq!(store.accept(again.clone(), no_rule()).await.unwrap(), Accepted::Replayed(first.clone()));
    // Whatever happened to it later, the receipt stays unchanged.
    sent(&store, 1, "rejected", State::Rejected).await;
    assert_eq!(store.accept(again, no_rule()).await.unwrap(), Accepted::Replayed(first));
    assert_eq!(store.conversions(Filter::default()).await.unwrap().len(), 1);
}

pub async fn the_replay_key_belongs_to_site_and_visitor(ground: &impl Ground) {
    let store = ground.open();
    let first = signed_up(&store, 1, &["main"]).await;
    touched_visitor(&store, 2, &["main"]).await;
    let other = NewConversion { id: id(1500), visitor: visitor(2), ..signup(1, visitor(1), "u_2") };
    let other = accepted(&store, 50, other).await;
    assert_ne!(other.conversion_id, first.conversion_id);
    let elsewhere = SiteId::new("other").unwrap();
    recorded(&store, Arrival { site: elsewhere.clone(), ..arrival(1, vec![touch(10, "main")]) }).await;
    let same = NewConversion { site: elsewhere, ..signup(1, visitor(1), "u_1") };
    assert_eq!(accepted(&store, 1, same).await.status, Status::Accepted);
}

pub async fn another_content_under_the_same_jti_is_a_mismatch(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let other = NewConversion { content_hash: [2; 32], ..signup(1, visitor(1), "u_9") };
    assert_eq!(store.accept(other, no_rule()).await.unwrap(), Accepted::Mismatch);
    assert_eq!(store.conversions(Filter::default()).await.unwrap().len(), 1);
}

pub async fn a_rule_sees_who_holds_the_business_key(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    touched_visitor(&store, 2, &["main"]).await;
    let second = accepted(&store, 2, signup(2, visitor(2), "u_1")).await;
    assert_eq!((second.status, second.deliveries.len()), (Status::Duplicate, 0));
    let health = store.health().await.unwrap();
    assert_eq!((health.conversions, health.violations), (2, Vec::new()));
}

pub async fn a_claim_cannot_be_taken_by_a_rule_that_overlooks_it(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    touched_visitor(&store, 2, &["main"]).await;
    let new = signup(2, visitor(2), "u_1");
    let rule = rule(&new, delivery_number(2));
    let blind = Box::new(move |known: &Known| rule(&Known { claimed: Vec::new(), ..known.clone() }));
    assert!(matches!(store.accept(new, blind).await, Err(StoreError::Refused(_))));
    assert_eq!(store.conversions(Filter::default()).await.unwrap().len(), 1);
}

pub async fn a_key_is_claimed_for_each_kind_and_program_apart(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let mut lead = signup(2, visitor(1), "u_1");
    lead.conversion.event = Event::Lead;
    assert_eq!(accepted(&store, 2, lead).await.status, Status::Accepted);
    let elsewhere = Arrival { known_visitor: Some(visitor(1)), ..arrival(3, vec![touch(30, "other")]) };
    recorded(&store, elsewhere).await;
    let new = signup(3, visitor(1), "u_1");
    let rule = rule(&new, delivery_number(3));
    let only_other = Box::new(move |known: &Known| {
        assert_eq!(known.claimed, [program("main")]);
        let touches = known.touches.iter().filter(|stored| stored.touch.program == program("other"));
        rule(&Known { touches: touches.cloned().collect(), ..Known::default() })
    });
    assert!(matches!(store.accept(new, only_other).await, Ok(Accepted::New(_))));
}

pub async fn a_refusing_rule_leaves_nothing_behind(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let refused = store.accept(signup(1, visitor(1), "u_1"), Box::new(|_| Err(StoreError::Full(Limit::Queue)))).await;
    assert_eq!(refused, Err(StoreError::Full(Limit::Queue)));
    // The delivery cannot be written, after conversion, payload, decision and claim were.
    let new = signup(1, visitor(1), "u_1");
    let rule_of = rule(&new, delivery_number(1));
    let broken = Box::new(move |known: &Known| {
        let mut ruling = rule_of(known)?;
        ruling.deliveries[0].touch = id(9);
        Ok(ruling)
    });
    assert!(store.accept(new, broken).await.is_err());
    let health = store.health().await.unwrap();
    assert_eq!((health.conversions, health.deliveries, health.violations), (0, Vec::new(), Vec::new()));
    assert_eq!(accepted(&store, 1, signup(1, visitor(1), "u_1")).await.status, Status::Accepted);
}

pub async fn a_rule_sees_the_visitors_signups_and_the_sites_backlog(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main", "other"]).await;
    accepted(&store, 2, signup(2, visitor(1), "u_2")).await;
    signed_up(&store, 3, &["main"]).await;
    sent(&store, 1, "recorded", State::Recorded).await;
    // A blocked delivery needs no work and may stay so forever.
    signed_up(&store, 5, &["main", "other"]).await;
    let blocked = leased(&store, 2).await;
    store.settle(&blocked, settlement(&blocked, State::Blocked, None)).await.unwrap();
    let new = signup(4, visitor(1), "u_4");
    let rule = rule(&new, delivery_number(4));
    let looking = Box::new(move |known: &Known| {
        assert_eq!((known.told_to_visitor, known.queued, known.touches.len()), (2, 5, 2));
        rule(known)
    });
    assert!(matches!(store.accept(new, looking).await, Ok(Accepted::New(_))));
}

pub async fn a_rule_sees_of_each_program_the_newest_touches_and_no_flood(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, Arrival { at: NOW.plus(-1), ..arrival(1, vec![touch(1, "other")]) }).await;
    for number in 2..=61 {
        let later = Arrival {
            known_visitor: Some(visitor(1)),
            at: NOW.plus(number.into()),
            ..arrival(number, vec![touch(number.into(), "main")])
        };
        recorded(&store, later).await;
    }
    let new = signup(1, visitor(1), "u_1");
    let rule = rule(&new, delivery_number(1));
    let looking = Box::new(move |known: &Known| {
        let ids: Vec<_> = known.touches.iter().map(|stored| stored.touch.id.clone()).collect();
        let newest: Vec<_> = std::iter::once(id(1)).chain((12..=61).map(id)).collect();
        assert_eq!(ids, newest);
        rule(known)
    });
    assert!(matches!(store.accept(new, looking).await, Ok(Accepted::New(_))));
}

pub async fn of_many_at_once_exactly_one_claims_a_key(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let many = (1..=16).map(|number| accept(&store, number, signup(number, visitor(1), "u_1")));
    let statuses = join_all(many).await.into_iter().map(|accepted| match accepted.unwrap() {
        Accepted::New(receipt) => receipt.status,
        other => panic!("not new: {other:?}"),
    });
    let statuses: Vec<_> = statuses.collect();
    assert_eq!(statuses.iter().filter(|status| **status == Status::Accepted).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == Status::Duplicate).count(), 15);
}

pub async fn many_at_once_are_all_kept_and_each_gets_its_own_answer(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    let asked = Arc::new(AtomicU32::new(0));
    let one = |number: u16| {
        let (store, asked) = (Arc::clone(&store), Arc::clone(&asked));
        let new = signup(number, visitor(1), &format!("u_{number}"));
        let rule = rule(&new, delivery_number(number));
        let counted = Box::new(move |known: &Known| {
            asked.fetch_add(1, Ordering::Relaxed);
            if number.is_multiple_of(8) { Err(StoreError::Full(Limit::Queue)) } else { rule(known) }
        });
        async move { (number, store.accept(new, counted).await) }
    };
    for (number, answer) in join_all((1..=64).map(one)).await {
        match answer {
            Ok(Accepted::New(receipt)) => assert_eq!(receipt.conversion_id, id(1000 + number)),
            other => assert_eq!((number.is_multiple_of(8), other), (true, Err(StoreError::Full(Limit::Queue)))),
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 64);
    let health = store.health().await.unwrap();
    assert_eq!((health.conversions, health.violations), (56, Vec::new()));
}

pub async fn a_task_is_read_back_with_its_payload(ground: &impl Ground) {
    let store = ground.open();
    recorded(&store, arrival(1, vec![clicked(1, "main", "x1")])).await;
    let order = Order {
        key: OrderKey::new("o_1").unwrap(),
        amount_minor: 1990,
        currency: Currency::new("KWD").unwrap(),
        items: vec![Item { sku: "seat".into(), category: None, unit_amount_minor: 995, quantity: 2 }],
    };
    let mut sale = signup(1, visitor(1), "u_1");
    sale.conversion.event = Event::Sale(OrderClaim::Plain(order.clone()));
    let customer = Customer { key: CustomerKey::new("u_1").unwrap(), email: None, name: Some("Zoë 🦊".into()) };
    sale.conversion.customer = Some(CustomerClaim::Plain(customer.clone()));
    accepted(&store, 1, sale.clone()).await;
    let task = store.task(site(), id(delivery_number(1))).await.unwrap();
    assert_eq!((task.conversion, task.kind, task.occurred_at), (sale.id, sale.conversion.kind(), NOW));
    assert_eq!((task.customer, task.order, task.refund_of), (Some(customer), Some(order), None));
    assert_eq!(task.click_id.unwrap().as_str(), "x1");
    assert_eq!((task.partner.unwrap().as_str(), task.data), ("ada", sale.conversion.data));
    assert_eq!(store.task(site(), id(9)).await, Err(StoreError::NotFound("delivery")));
}
