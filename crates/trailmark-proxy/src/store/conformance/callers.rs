//! Server callers: API keys, Idempotency-Keys, a conversion's visitor, and reading conversions back.

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
use trailmark_wire::conversion::{Event, Order};
use trailmark_wire::ids::{KeyId, OrderKey, SiteId, VisitorId};
use trailmark_wire::money::Currency;
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::Ground;
use super::samples::*;
use crate::store::callers::{ApiKeyChange, ApiKeyRow, ServerCall, Whose};
use crate::store::{Accepted, Assurance, Known, Limit, NewConversion, Store, StoreError};

fn key_id(name: &str) -> KeyId {
    KeyId::new(name).unwrap()
}

fn key(number: u8, created_at: UnixMillis) -> ApiKeyRow {
    let id = key_id(&format!("key{number}"));
    let name = format!("shop {number}");
    ApiKeyRow { site: site(), id, name, hash: [number; 32], created_at, last_used_at: None, revoked_at: None }
}

/// A call with API key and Idempotency-Key, by number.
fn call(key: u8, idempotency_key: u8, visitor: Option<VisitorId>) -> ServerCall {
    let whose = visitor.map_or(Whose::Unsaid, Whose::Visitor);
    ServerCall { api_key: key_id(&format!("key{key}")), idempotency_key: [idempotency_key; 32], whose }
}

/// A server's signup; `call` names its visitor.
fn from_server(number: u16, customer: &str) -> NewConversion {
    let fresh = VisitorId::from_random([200_u8.wrapping_add(number.to_be_bytes()[1]); 16]);
    let new = signup(number, fresh, customer);
    NewConversion { jti: id(number), assurance: Assurance::Server, ..new }
}

async fn with_key(ground: &impl Ground) -> Arc<dyn Store> {
    let store = ground.open();
    store.change_api_key(ApiKeyChange::Add(key(1, NOW))).await.unwrap();
    store
}

async fn posted(store: &Arc<dyn Store>, number: u16, new: NewConversion, call: ServerCall) -> Accepted {
    let rule = rule(&new, delivery_number(number));
    store.accept_from_server(new, call, rule).await.unwrap()
}

fn status(accepted: &Accepted) -> Status {
    match accepted {
        Accepted::New(receipt) => receipt.status,
        other => panic!("not new: {other:?}"),
    }
}

pub async fn an_api_key_is_found_by_its_sites_hash_and_keeps_its_life(ground: &impl Ground) {
    let store = with_key(ground).await;
    store.change_api_key(ApiKeyChange::Add(key(2, NOW.plus(1)))).await.unwrap();
    let (site, id) = (site(), key_id("key1"));
    for change in [
        ApiKeyChange::Used(site.clone(), id.clone(), NOW.plus(9)),
        ApiKeyChange::Used(site.clone(), id.clone(), NOW.plus(5)),
        ApiKeyChange::Revoke(site.clone(), id.clone(), NOW.plus(10)),
        ApiKeyChange::Revoke(site.clone(), id.clone(), NOW.plus(20)),
    ] {
        store.change_api_key(change).await.unwrap();
    }
    let first = ApiKeyRow { last_used_at: Some(NOW.plus(9)), revoked_at: Some(NOW.plus(10)), ..key(1, NOW) };
    assert_eq!(store.api_key(site.clone(), [1; 32]).await.unwrap(), Some(first.clone()));
    assert_eq!(store.api_keys(site.clone()).await.unwrap(), [key(2, NOW.plus(1)), first]);
    assert_eq!(store.api_key(site, [3; 32]).await.unwrap(), None);
    let other = SiteId::new("other").unwrap();
    assert_eq!(store.api_key(other.clone(), [1; 32]).await.unwrap(), None);
    assert!(store.api_keys(other.clone()).await.unwrap().is_empty());
    let elsewhere = store.change_api_key(ApiKeyChange::Revoke(other, id, NOW)).await;
    assert_eq!(elsewhere, Err(StoreError::NotFound("API key")));
    let twice = store.change_api_key(ApiKeyChange::Add(key(1, NOW))).await;
    assert!(matches!(twice, Err(StoreError::Refused(_))), "{twice:?}");
}

pub async fn an_idempotency_key_gives_the_first_receipt_and_asks_no_rule(ground: &impl Ground) {
    let store = with_key(ground).await;
    let visitor = touched_visitor(&store, 1, &["main"]).await;
    let first = posted(&store, 1, from_server(1, "u_1"), call(1, 1, Some(visitor))).await;
    let Accepted::New(receipt) = first else { panic!("{first:?}") };
    assert_eq!(receipt.status, Status::Accepted);
    // With another id, visitor and time: only the content counts.
    let again = NewConversion { received_at: NOW.plus(DAY_MS), ..from_server(2, "u_1") };
    let replayed = store.accept_from_server(again.clone(), call(1, 1, None), no_rule()).await.unwrap();
    assert_eq!(replayed, Accepted::Replayed(receipt));
    let other = NewConversion { content_hash: [2; 32], ..again };
    assert_eq!(store.accept_from_server(other, call(1, 1, None), no_rule()).await.unwrap(), Accepted::Mismatch);
    assert_eq!(store.conversions(Default::default()).await.unwrap().len(), 1);
}

pub async fn an_idempotency_key_belongs_to_its_api_key(ground: &impl Ground) {
    let store = with_key(ground).await;
    store.change_api_key(ApiKeyChange::Add(key(2, NOW))).await.unwrap();
    let visitor = touched_visitor(&store, 1, &["main"]).await;
    let first = posted(&store, 1, from_server(1, "u_1"), call(1, 1, Some(visitor.clone()))).await;
    assert_eq!(status(&first), Status::Accepted);
    let second = posted(&store, 2, from_server(2, "u_2"), call(2, 1, Some(visitor))).await;
    assert_eq!(status(&second), Status::Accepted);
}

pub async fn a_refused_conversion_leaves_its_idempotency_key_free(ground: &impl Ground) {
    let store = with_key(ground).await;
    let refused = store.accept_from_server(
        from_server(1, "u_1"),
        call(1, 1, None),
        Box::new(|_| Err(StoreError::Full(Limit::Queue))),
    );
    assert_eq!(refused.await, Err(StoreError::Full(Limit::Queue)));
    // With an unknown API key nothing is written.
    let new = from_server(2, "u_2");
    let stranger = store.accept_from_server(new.clone(), call(9, 1, None), rule(&new, delivery_number(2))).await;
    assert!(stranger.is_err(), "{stranger:?}");
    assert_eq!(store.health().await.unwrap().conversions, 0);
    assert_eq!(status(&posted(&store, 1, from_server(1, "u_1"), call(1, 1, None)).await), Status::Unattributed);
}

pub async fn of_many_equal_server_calls_one_makes_a_conversion(ground: &impl Ground) {
    let store = with_key(ground).await;
    let visitor = touched_visitor(&store, 1, &["main"]).await;
    let many =
        (1..=50).map(|number| posted(&store, number, from_server(number, "u_1"), call(1, 1, Some(visitor.clone()))));
    let answers = join_all(many).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Accepted::New(_))).count(), 1);
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Accepted::Replayed(_))).count(), 49);
    let health = store.health().await.unwrap();
    assert_eq!((health.conversions, health.violations), (1, Vec::new()));
}

pub async fn a_servers_conversion_belongs_to_the_visitor_it_names_else_to_the_customers(ground: &impl Ground) {
    let store = with_key(ground).await;
    signed_up(&store, 1, &["main"]).await;
    touched_visitor(&store, 2, &["other"]).await;
    let seen = |programs: &'static [&'static str], new: &NewConversion, number: u16| {
        let rule = rule(new, delivery_number(number));
        Box::new(move |known: &Known| {
            let found: Vec<_> = known.touches.iter().map(|stored| stored.touch.program.as_str().to_owned()).collect();
            assert_eq!(found, programs);
            rule(known)
        })
    };
    let lead = |number| {
        let mut new = from_server(number, "u_1");
        new.conversion.event = Event::Lead;
        new
    };
    for (number, named, programs) in [
        (2, Some(visitor(2)), &["other"][..]),
        // No visitor is named, or an unknown one: the customer signed up before.
        (3, None, &["main"]),
        (4, Some(visitor(99)), &["main"]),
    ] {
        let new = lead(number);
        let rule = seen(programs, &new, number);
        store.accept_from_server(new, call(1, number.to_be_bytes()[1], named), rule).await.unwrap();
    }
    let nobodys = from_server(5, "u_5");
    let rule = seen(&[], &nobodys, 5);
    store.accept_from_server(nobodys, call(1, 5, Some(visitor(99))), rule).await.unwrap();
    assert_eq!(store.health().await.unwrap().violations, Vec::<String>::new());
}

pub async fn a_refund_without_a_customer_belongs_to_the_visitor_of_its_sale(ground: &impl Ground) {
    let store = with_key(ground).await;
    let order = |key: &str| Order {
        key: OrderKey::new(key).unwrap(),
        amount_minor: 100,
        currency: Currency::new("EUR").unwrap(),
        items: Vec::new(),
    };
    let visitor = touched_visitor(&store, 1, &["main"]).await;
    let mut sale = from_server(1, "u_1");
    sale.conversion.event = Event::Sale(trailmark_wire::conversion::OrderClaim::Plain(order("o_1")));
    assert_eq!(status(&posted(&store, 1, sale, call(1, 1, Some(visitor.clone()))).await), Status::Accepted);
    let mut refund = from_server(2, "u_1");
    refund.conversion.customer = None;
    refund.conversion.event = Event::Refund { refund: order("r_1"), sale: OrderKey::new("o_1").unwrap() };
    let id = refund.id.clone();
    posted(&store, 2, refund, call(1, 2, None)).await;
    assert_eq!(store.conversion_of(site(), id).await.unwrap().unwrap().visitor, visitor);
}

pub async fn a_conversion_is_read_back_by_its_own_site_and_whole_id(ground: &impl Ground) {
    let store = with_key(ground).await;
    let receipt = signed_up(&store, 1, &["main"]).await;
    let found = store.conversion_of(site(), receipt.conversion_id.clone()).await.unwrap().unwrap();
    assert_eq!((found.conversion.id, found.deliveries.len()), (receipt.conversion_id.clone(), 1));
    let other = SiteId::new("other").unwrap();
    assert!(store.conversion_of(other, receipt.conversion_id).await.unwrap().is_none());
    // field-faults row 85
    let by_page = store.conversion_of(site(), signup(1, visitor(1), "u_1").jti.into()).await.unwrap().unwrap();
    assert_eq!(by_page.conversion.id, id(1001), "the page's id names it, too");
}
