//! How fast one client may ask: token buckets by governor, on the steady hand of the proxy's own clock: a correction of
//! the time shuts nobody out. One bucket a client network before a body
//! is parsed, one a site and client network after; servers have one for each API key instead. Kept in memory and per process; a restart forgives.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as RateClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use trailmark_wire::ids::{KeyId, SiteId};

use super::address::ClientNetwork;
use super::problem::Problem;
use crate::clock::Clock;
use crate::config::Limits;

/// Buckets beyond which those that are full again are dropped: an attacker with a large network cannot fill the memory.
const SWEEP_AT: usize = 20_000;

/// How much more one client may ask of all sites together than of one.
const ALL_SITES: u32 = 2;

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Nanos>>;

/// The buckets.
pub(crate) struct Rates {
    by_client: Limiter<ClientNetwork>,
    by_site: Limiter<(SiteId, ClientNetwork)>,
    by_key: Limiter<KeyId>,
    clock: Ticks,
}

impl Rates {
    /// Requests a minute, and as many at once: `limits.requests_per_minute` for one site and client and [`ALL_SITES`] times
    /// that for all sites, `limits.server_requests_per_minute` for one API key.
    pub(crate) fn new(limits: &Limits, clock: &Arc<dyn Clock>) -> Self {
        let clock = Ticks(Arc::clone(clock));
        let quota = |a_minute: u32| Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
        let all_sites = limits.requests_per_minute.saturating_mul(ALL_SITES);
        Self {
            by_client: RateLimiter::dashmap_with_clock(quota(all_sites), clock.clone()),
            by_site: RateLimiter::dashmap_with_clock(quota(limits.requests_per_minute), clock.clone()),
            by_key: RateLimiter::dashmap_with_clock(quota(limits.server_requests_per_minute), clock.clone()),
            clock,
        }
    }

    /// Takes one request from the client's bucket for all sites.
    pub(crate) fn take(&self, client: ClientNetwork) -> Result<(), Problem> {
        self.take_from(&self.by_client, &client)
    }

    /// Takes one request from the client's bucket at a site.
    pub(crate) fn take_at(&self, site: &SiteId, client: ClientNetwork) -> Result<(), Problem> {
        self.take_from(&self.by_site, &(site.clone(), client))
    }

    /// Takes one request from an API key's bucket.
    pub(crate) fn take_by_key(&self, key: &KeyId) -> Result<(), Problem> {
        self.take_from(&self.by_key, key)
    }

    fn take_from<K: Clone + Eq + Hash>(&self, limiter: &Limiter<K>, key: &K) -> Result<(), Problem> {
        if limiter.len() > SWEEP_AT {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Problem::too_fast(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)))
        })
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rates").finish_non_exhaustive()
    }
}

/// The proxy's clock as governor reads it.
#[derive(Debug, Clone)]
struct Ticks(Arc<dyn Clock>);

impl RateClock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::from(Duration::from_millis(self.0.steady_ms().unsigned_abs()))
    }
}
