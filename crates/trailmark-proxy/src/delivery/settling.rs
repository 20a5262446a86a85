//! Monotonic time since each send became uncertain. The ledger stores wall-clock times. If the wall clock jumps
//! forward, the settling time would seem over; a look-up's "absent" would be trusted too early and lead to a second
//! send. So every look-up checks this time too.
//!
//! Kept in memory. For sends that became uncertain before this process started, only the ledger's time counts.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use trailmark_wire::ids::{DeliveryId, SiteId};

use crate::store::delivery::Leased;

/// Uncertain sends of this process that may still be settling.
#[derive(Debug, Default)]
pub(super) struct Settling(Mutex<HashMap<(SiteId, DeliveryId), i64>>);

impl Settling {
    /// A delivery became uncertain at monotonic time `now_ms`. Forgets those that have settled.
    pub(super) fn begin(&self, leased: &Leased, settling_ms: i64, now_ms: i64) {
        let mut until = self.lock();
        until.retain(|_, until_ms| *until_ms > now_ms);
        until.insert(key(leased), now_ms.saturating_add(settling_ms));
    }

    /// Milliseconds from `now_ms` until it has settled; 0 if it is not known here.
    pub(super) fn missing_ms(&self, leased: &Leased, now_ms: i64) -> i64 {
        self.lock().get(&key(leased)).map_or(0, |until_ms| until_ms.saturating_sub(now_ms).max(0))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(SiteId, DeliveryId), i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(leased: &Leased) -> (SiteId, DeliveryId) {
    (leased.lane.site.clone(), leased.delivery.clone())
}
