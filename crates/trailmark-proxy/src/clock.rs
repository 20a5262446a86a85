//! The one clock. Everything that the proxy knows of time comes from here; a clock that follows the simulator's lets an
//! hour of retries pass in a second. Timers of the runtime only pace polling, they never decide what is due.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use trailmark_wire::time::UnixMillis;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Now, UTC.
    fn now(&self) -> UnixMillis;
}

/// The machine's clock, plus an offset that stays 0 in production.
#[derive(Debug, Default)]
pub struct SystemClock {
    offset_ms: AtomicI64,
}

impl SystemClock {
    /// Moves this clock against the machine's, to follow a simulator.
    pub fn follow(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(machine).plus(self.offset_ms.load(Ordering::Relaxed))
    }
}

/// A clock that stands until it is moved; what tests use.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: UnixMillis) -> Self {
        Self { now_ms: AtomicI64::new(now.0) }
    }

    /// Moves it on, or back when negative.
    pub fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::Relaxed))
    }
}
