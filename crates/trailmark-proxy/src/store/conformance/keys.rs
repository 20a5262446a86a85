//! Signing keys.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a claim is named by its function, and fails by panicking"
)]

use trailmark_vendors::secret::Secret;
use trailmark_wire::ids::{KeyId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::Ground;
use super::samples::*;
use crate::store::{KeyChange, KeyRow, StoreError};

fn kid(name: &str) -> KeyId {
    KeyId::new(name).unwrap()
}

fn key(name: &str, created_at: UnixMillis) -> KeyRow {
    KeyRow {
        site: site(),
        kid: kid(name),
        public_key: [7; 32],
        private_key: Secret::new("cGtjczg="),
        created_at,
        signs_from: created_at.plus(60_000),
        last_expiry: None,
        retired_at: None,
        revoked_at: None,
    }
}

pub async fn keys_come_back_newest_first_with_their_changes(ground: &impl Ground) {
    let store = ground.open();
    let added = vec![KeyChange::Add(key("old", NOW)), KeyChange::Add(key("new", NOW.plus(DAY_MS)))];
    store.change_keys(added).await.unwrap();
    let changes = vec![
        KeyChange::Signed(site(), kid("old"), NOW.plus(9000)),
        KeyChange::Signed(site(), kid("old"), NOW.plus(5000)),
        KeyChange::Retire(site(), kid("old"), NOW.plus(1)),
        KeyChange::Retire(site(), kid("old"), NOW.plus(2)),
        KeyChange::Revoke(site(), kid("old"), NOW.plus(3)),
    ];
    store.change_keys(changes).await.unwrap();
    let keys = store.keys(site()).await.unwrap();
    let [new, old] = keys.as_slice() else { panic!("{keys:?}") };
    assert_eq!((&new.kid, new.signs_from, new.last_expiry), (&kid("new"), NOW.plus(DAY_MS + 60_000), None));
    assert_eq!((old.public_key, old.private_key.expose()), ([7; 32], "cGtjczg="));
    let times = (old.last_expiry, old.retired_at, old.revoked_at);
    assert_eq!(times, (Some(NOW.plus(9000)), Some(NOW.plus(1)), Some(NOW.plus(3))));
    assert!(store.keys(SiteId::new("other").unwrap()).await.unwrap().is_empty());
}

pub async fn changes_are_made_all_or_none(ground: &impl Ground) {
    let store = ground.open();
    let half = vec![KeyChange::Add(key("one", NOW)), KeyChange::Retire(site(), kid("none"), NOW)];
    assert_eq!(store.change_keys(half).await, Err(StoreError::NotFound("signing key")));
    assert!(store.keys(site()).await.unwrap().is_empty());
    store.change_keys(vec![KeyChange::Add(key("one", NOW))]).await.unwrap();
    let twice = store.change_keys(vec![KeyChange::Add(key("one", NOW))]).await;
    assert!(matches!(twice, Err(StoreError::Refused(_))));
}
