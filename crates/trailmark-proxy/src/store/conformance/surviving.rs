//! What remains after the store was closed or dropped.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use super::Ground;
use super::samples::*;
use crate::store::{Accepted, StoreError};

pub async fn what_was_answered_is_there_after_a_drop_without_close(ground: &impl Ground) {
    let store = ground.open();
    let receipt = signed_up(&store, 1, &["main"]).await;
    drop(store);
    let store = ground.open();
    let replayed = store.accept(signup(1, visitor(1), "u_1"), no_rule()).await.unwrap();
    assert_eq!(replayed, Accepted::Replayed(receipt));
    let health = store.health().await.unwrap();
    assert_eq!((health.touches, health.conversions, health.violations), (1, 1, Vec::new()));
}

pub async fn leases_and_open_attempts_are_there_after_a_restart(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    let held = leased(&store, 1).await;
    let key = store.begin_attempt(&held, send()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = ground.open();
    assert_eq!(store.lease(claim(lane(), 2, 1, NOW)).await.unwrap(), []);
    let expired = store.expired(lane(), NOW.plus(60_000), 9).await.unwrap();
    assert_eq!(expired[0].leased.lease, held.lease);
    assert_eq!(expired[0].open.as_ref().unwrap().key, key);
}

pub async fn a_closed_store_takes_no_work(ground: &impl Ground) {
    let store = ground.open();
    signed_up(&store, 1, &["main"]).await;
    store.close().await.unwrap();
    store.close().await.unwrap();
    let late = store.accept(signup(2, visitor(1), "u_2"), no_rule()).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.keys(site()).await, Err(StoreError::Unavailable(_))));
}
