//! What a carrier says: whose visit it is, once, and for half an hour.

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
use trailmark_wire::ids::SiteId;
use trailmark_wire::limits::CARRIER_KEPT_MS;
use trailmark_wire::time::UnixMillis;

use super::Ground;
use super::samples::*;
use crate::store::carriers::{Carried, NewCarrier};
use crate::store::{Store, StoreError};

/// A carrier of a visitor, both by number.
fn carrier(number: u16, of: u8) -> NewCarrier {
    NewCarrier { site: site(), id: id(number), visitor: visitor(of), budget: budget(u64::MAX), now: NOW }
}

/// Uses a carrier with a browser key, both by number.
async fn used(store: &Arc<dyn Store>, number: u16, key: Option<u8>, now: UnixMillis) -> Carried {
    store.use_carrier(site(), id(number), key.map(browser_key), now).await.unwrap()
}

pub async fn a_carrier_says_once_whose_visit_it_is(ground: &impl Ground) {
    let store = ground.open();
    let ada = touched_visitor(&store, 1, &["main"]).await;
    store.keep_carrier(carrier(7, 1)).await.unwrap();
    assert_eq!(used(&store, 7, Some(1), NOW).await, Carried::First(ada));
    for key in [Some(2), None] {
        assert_eq!(used(&store, 7, key, NOW).await, Carried::Spent, "{key:?}");
    }
}

pub async fn a_carrier_says_it_again_to_the_browser_key_of_its_first_use(ground: &impl Ground) {
    let store = ground.open();
    let ada = touched_visitor(&store, 1, &["main"]).await;
    store.keep_carrier(carrier(7, 1)).await.unwrap();
    used(&store, 7, Some(1), NOW).await;
    assert_eq!(used(&store, 7, Some(1), NOW.plus(1_000)).await, Carried::Again(ada.clone()));
    store.keep_carrier(carrier(8, 1)).await.unwrap();
    assert_eq!(used(&store, 8, None, NOW).await, Carried::First(ada));
    for key in [None, Some(1)] {
        assert_eq!(used(&store, 8, key, NOW).await, Carried::Spent, "no key proves who used it: {key:?}");
    }
}

pub async fn an_old_carrier_is_spent_and_one_that_nobody_announced_is_unknown(ground: &impl Ground) {
    let store = ground.open();
    let ada = touched_visitor(&store, 1, &["main"]).await;
    for number in [7, 8] {
        store.keep_carrier(carrier(number, 1)).await.unwrap();
    }
    let end = NOW.plus(CARRIER_KEPT_MS);
    assert_eq!(used(&store, 7, None, end.plus(-1)).await, Carried::First(ada));
    assert_eq!(used(&store, 8, None, end).await, Carried::Spent);
    assert_eq!(used(&store, 9, None, NOW).await, Carried::Unknown);
    let other = SiteId::new("other").unwrap();
    assert_eq!(store.use_carrier(other, id(8), None, NOW).await.unwrap(), Carried::Unknown);
    // The next one removes what is old.
    store.keep_carrier(NewCarrier { now: end, ..carrier(10, 1) }).await.unwrap();
    assert_eq!(used(&store, 8, None, end).await, Carried::Unknown);
}

pub async fn a_carrier_that_is_announced_again_stays_what_it_was(ground: &impl Ground) {
    let store = ground.open();
    let ada = touched_visitor(&store, 1, &["main"]).await;
    touched_visitor(&store, 2, &["main"]).await;
    store.keep_carrier(carrier(7, 1)).await.unwrap();
    store.keep_carrier(NewCarrier { budget: budget(0), ..carrier(7, 2) }).await.unwrap();
    assert_eq!(used(&store, 7, Some(1), NOW).await, Carried::First(ada));
    store.keep_carrier(carrier(7, 2)).await.unwrap();
    assert_eq!(used(&store, 7, Some(2), NOW).await, Carried::Spent);
}

pub async fn a_visitor_without_a_live_touch_has_nothing_to_carry(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    store.keep_carrier(carrier(7, 2)).await.unwrap();
    let over = NOW.plus(91 * DAY_MS);
    store.keep_carrier(NewCarrier { now: over, ..carrier(8, 1) }).await.unwrap();
    assert_eq!(used(&store, 7, None, NOW).await, Carried::Unknown);
    assert_eq!(used(&store, 8, None, over).await, Carried::Unknown);
}

pub async fn of_many_browsers_at_once_one_uses_a_carrier(ground: &impl Ground) {
    let store = ground.open();
    let ada = touched_visitor(&store, 1, &["main"]).await;
    store.keep_carrier(carrier(7, 1)).await.unwrap();
    let all = join_all((1..=20).map(|key| used(&store, 7, Some(key), NOW))).await;
    assert_eq!(all.iter().filter(|one| **one == Carried::First(ada.clone())).count(), 1);
    assert_eq!(all.iter().filter(|one| **one == Carried::Spent).count(), 19);
}

pub async fn a_spent_budget_keeps_no_more_carriers(ground: &impl Ground) {
    let store = ground.open();
    touched_visitor(&store, 1, &["main"]).await;
    for number in [7, 8] {
        store.keep_carrier(NewCarrier { budget: budget(2), ..carrier(number, 1) }).await.unwrap();
    }
    let third = NewCarrier { budget: budget(2), ..carrier(9, 1) };
    assert_eq!(store.keep_carrier(third).await, Err(StoreError::OverBudget));
    assert_eq!(used(&store, 9, None, NOW).await, Carried::Unknown);
}
