//! The one clock. Everything that the proxy knows of time comes from here; a clock that follows the simulator's lets an
//! hour of retries pass in a second. Timers of the runtime only pace polling, they never decide what is due.
//!
//! It has two hands. [`Clock::now`] is what people call the time, and jumps when somebody corrects it; all that is written
//! down is in it. [`Clock::steady_ms`] only ever goes on, and says within one process how much time has passed.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use trailmark_wire::time::UnixMillis;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Now, UTC.
    fn now(&self) -> UnixMillis;

    /// Milliseconds since some point that stays the same while this clock lives: what no correction of the time moves.
    fn steady_ms(&self) -> i64;
}

/// The machine's clock, plus an offset that stays 0 in production.
#[derive(Debug)]
pub struct SystemClock {
    made: Instant,
    offset_ms: AtomicI64,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { made: Instant::now(), offset_ms: AtomicI64::new(0) }
    }
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

    /// What a simulator skips has passed for its vendors.
    fn steady_ms(&self) -> i64 {
        let passed = i64::try_from(self.made.elapsed().as_millis()).unwrap_or(i64::MAX);
        passed.saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }
}

/// A clock that stands until it is moved; what tests use.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
    steady_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: UnixMillis) -> Self {
        Self { now_ms: AtomicI64::new(now.0), steady_ms: AtomicI64::new(0) }
    }

    /// Lets time pass.
    pub fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
        self.steady_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Corrects the time by so much, or back when negative, as somebody who sets the machine's clock: nothing has passed.
    pub fn correct(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::Relaxed))
    }

    fn steady_ms(&self) -> i64 {
        self.steady_ms.load(Ordering::Relaxed)
    }
}
