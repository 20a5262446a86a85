//! The one clock. Everything that the proxy knows of time comes from here; a clock that follows the simulator's lets an
//! hour of retries pass in a second. Timers of the runtime only pace polling, they never decide what is due.
//!
//! It has two hands. [`Clock::now`] is what people call the time, and jumps when somebody corrects it; all that is written
//! down is in it. [`Clock::steady_ms`] only ever goes on, and says within one process how much time has passed.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
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
    /// Where a simulator keeps the offset.
    file: Mutex<Option<PathBuf>>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { made: Instant::now(), offset_ms: AtomicI64::new(0), file: Mutex::default() }
    }
}

impl SystemClock {
    /// Moves this clock against the machine's, to follow a simulator. The offset is read from `file` whenever the time is
    /// asked for: a clock that is only told now and then is behind the vendor's after each of its steps, and a customer
    /// that the vendor made after the step would be looked for before the vendor shows it. Where the file cannot be read,
    /// `offset_ms` counts until the next call.
    pub fn follow(&self, offset_ms: i64, file: Option<PathBuf>) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }

    fn offset_ms(&self) -> i64 {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()?.parse().ok());
        if let Some(offset_ms) = read {
            self.offset_ms.store(offset_ms, Ordering::Relaxed);
        }
        self.offset_ms.load(Ordering::Relaxed)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(machine).plus(self.offset_ms())
    }

    /// What a simulator skips has passed for its vendors.
    fn steady_ms(&self) -> i64 {
        let passed = i64::try_from(self.made.elapsed().as_millis()).unwrap_or(i64::MAX);
        passed.saturating_add(self.offset_ms())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_followed_file_counts_at_once_and_its_last_word_when_it_is_gone() {
        const DAY_MS: i64 = 86_400_000;
        let folder = tempfile::TempDir::new().unwrap();
        let (file, clock) = (folder.path().join("offset"), SystemClock::default());
        let days = |clock: &SystemClock| clock.now().since(SystemClock::default().now()) / DAY_MS;
        clock.follow(5 * DAY_MS + 1000, Some(file.clone()));
        assert_eq!((days(&clock), clock.steady_ms() / DAY_MS), (5, 5), "there is no file yet");
        std::fs::write(&file, (7 * DAY_MS + 1000).to_string()).unwrap();
        assert_eq!((days(&clock), clock.steady_ms() / DAY_MS), (7, 7));
        std::fs::write(&file, "no number").unwrap();
        assert_eq!(days(&clock), 7);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(days(&clock), 7);
    }
}
