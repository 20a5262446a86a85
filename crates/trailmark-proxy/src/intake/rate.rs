//! Request rates: token buckets by governor, on the clock's monotonic time, so that a correction of the clock blocks
//! nobody. One bucket for each client network before a body is parsed, one for each site and client network after
//! that; servers have one for each API key. Kept in memory and for each process; a restart resets them.

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

/// Above this number, full buckets are dropped, so that a large attacking network cannot fill the memory.
const SWEEP_AT: usize = 20_000;

/// Milliseconds between two sweeps: a sweep reads every bucket, so not every request may cause one.
const SWEEP_EVERY_MS: i64 = 60_000;

/// Latest time to which governor can add a minute: it counts nanoseconds in 64 bits.
const LATEST_MS: u64 = u64::MAX / 1_000_000 / 2;

/// How many times one site's rate a client may use over all sites.
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
    /// Requests a minute, and as many at once: `limits.requests_per_minute` for one site and client, [`ALL_SITES`]
    /// times that over all sites, `limits.server_requests_per_minute` for one API key.
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

    /// Drops full buckets if there are many and the last sweep was long ago.
    fn sweep(&self) {
        let (now_ms, due_ms) = (self.clock.0.steady_ms(), self.sweep_at_ms.load(Ordering::Relaxed));
        let next_ms = now_ms.saturating_add(SWEEP_EVERY_MS);
        // Only one of several simultaneous requests sweeps.
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
            // Another client always gets through, and a client that is too fast gets a finite wait.
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
        // Partly refilled buckets stay; the next sweep is a minute away.
        clock.advance(SWEEP_EVERY_MS);
        assert_eq!(rates.take(client(most + 200)), Ok(()));
        assert_eq!(rates.by_client.len(), 1);
        assert_eq!(rates.sweep_at_ms.load(Ordering::Relaxed), 2 * SWEEP_EVERY_MS);
    }
}
