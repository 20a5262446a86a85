//! How fast one client may ask: token buckets by governor, on the steady hand of the proxy's own clock: a correction of
//! the time shuts nobody out. One bucket a client network before a body is parsed, one a site and client network after;
//! servers have one for each API key instead. Kept in memory and per process; a restart forgives.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
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

/// Milliseconds between two looks for such buckets: a sweep reads every bucket, so requests must not each cause one.
const SWEEP_EVERY_MS: i64 = 60_000;

/// The latest reading that governor can still add a minute to: it counts nanoseconds in 64 bits.
const LATEST_MS: u64 = u64::MAX / 1_000_000 / 2;

/// How much more one client may ask of all sites together than of one.
const ALL_SITES: u32 = 2;

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Ticks, NoOpMiddleware<Nanos>>;

/// The buckets.
pub(crate) struct Rates {
    by_client: Limiter<ClientNetwork>,
    by_site: Limiter<(SiteId, ClientNetwork)>,
    by_key: Limiter<KeyId>,
    clock: Ticks,
    sweep_at_ms: AtomicI64,
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
            sweep_at_ms: AtomicI64::new(0),
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
        self.sweep();
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Problem::too_fast(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)))
        })
    }

    /// Drops buckets that are full again, where there are many and the last look is long enough ago.
    fn sweep(&self) {
        let (now_ms, due_ms) = (self.clock.0.steady_ms(), self.sweep_at_ms.load(Ordering::Relaxed));
        let next_ms = now_ms.saturating_add(SWEEP_EVERY_MS);
        // Of requests at the same time one sweeps.
        if now_ms < due_ms
            || self.sweep_at_ms.compare_exchange(due_ms, next_ms, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        retain(&self.by_client);
        retain(&self.by_site);
        retain(&self.by_key);
    }
}

fn retain<K: Clone + Eq + Hash>(limiter: &Limiter<K>) {
    if limiter.len() > SWEEP_AT {
        limiter.retain_recent();
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
        let steady_ms = u64::try_from(self.0.steady_ms()).unwrap_or_default();
        Nanos::from(Duration::from_millis(steady_ms.min(LATEST_MS)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use axum::response::IntoResponse as _;
    use trailmark_wire::time::UnixMillis;

    use super::super::address::network;
    use super::*;
    use crate::clock::{ManualClock, SystemClock};

    fn limits() -> Limits {
        Limits {
            requests_per_minute: 3,
            server_requests_per_minute: 3,
            touches_per_hour: 1,
            held_per_hour: 1,
            network_share_percent: 1,
            queue: 1,
            connections: 1,
            connections_per_network: 1,
            webhooks: 1,
        }
    }

    fn client(number: u32) -> ClientNetwork {
        network(IpAddr::V4(Ipv4Addr::from(number)))
    }

    // field-faults row 71
    #[test]
    fn a_simulators_clock_that_goes_back_shuts_nobody_out() {
        const DAY_MS: i64 = 86_400_000;
        let clock = Arc::new(SystemClock::default());
        clock.follow(DAY_MS, None);
        let rates = Rates::new(&limits(), &(Arc::clone(&clock) as Arc<dyn Clock>));
        for offset_ms in [DAY_MS, -DAY_MS, 0, i64::MIN, i64::MAX, 0] {
            clock.follow(offset_ms, None);
            // Another client comes through at every time, and one that is too fast is told a wait that ends.
            let client = client(u32::try_from(offset_ms.rem_euclid(9_999)).unwrap());
            assert_eq!(rates.take(client), Ok(()), "{offset_ms}");
            let refused = (0..20).find_map(|_| rates.take(client).err());
            let wait =
                refused.unwrap().into_response().headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
            assert!(wait <= 60, "{offset_ms}: {wait}");
        }
        clock.follow(60_000, None);
    }

    // architecture review § 1.7
    #[test]
    fn many_networks_within_a_minute_cause_one_sweep_and_not_one_a_request() {
        let clock = Arc::new(ManualClock::new(UnixMillis(0)));
        let rates = Rates::new(&limits(), &(Arc::clone(&clock) as Arc<dyn Clock>));
        let most = u32::try_from(SWEEP_AT).unwrap();
        for number in 0..most + 100 {
            assert_eq!(rates.take(client(number)), Ok(()));
        }
        assert_eq!(rates.sweep_at_ms.load(Ordering::Relaxed), SWEEP_EVERY_MS);
        // Refilled in part: these stay, and the next sweep is a minute away.
        clock.advance(SWEEP_EVERY_MS);
        assert_eq!(rates.take(client(most + 200)), Ok(()));
        assert_eq!(rates.by_client.len(), 1);
        assert_eq!(rates.sweep_at_ms.load(Ordering::Relaxed), 2 * SWEEP_EVERY_MS);
    }
}
