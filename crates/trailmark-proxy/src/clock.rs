//! The only clock. All time in the proxy comes from here; a clock that follows the simulator's lets an hour of
//! retries pass in a second. The runtime's timers only pace polling and never decide what is due.
//!
//! [`Clock::now`] is wall-clock time, which jumps when somebody corrects it; everything recorded uses it.
//! [`Clock::steady_ms`] is monotonic time within one process.

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

    /// Milliseconds since a fixed point of this clock; corrections of the wall clock do not affect it.
    fn steady_ms(&self) -> i64;
}

/// The machine's clock, plus an offset that is 0 in production.
#[derive(Debug)]
pub struct SystemClock {
    made: Instant,
    followed: Mutex<Followed>,
}

/// The state of a followed simulator's clock.
#[derive(Debug, Default)]
struct Followed {
    /// The file with the simulator's offset.
    file: Option<PathBuf>,
    /// Its clock minus the machine's.
    offset_ms: i64,
    /// Sum of all steps forward. A step back does not take back time that has passed for the vendors.
    skipped_ms: i64,
}

impl Followed {
    fn step_to(&mut self, offset_ms: i64) {
        let step = offset_ms.saturating_sub(self.offset_ms).max(0);
        self.skipped_ms = self.skipped_ms.saturating_add(step);
        self.offset_ms = offset_ms;
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { made: Instant::now(), followed: Mutex::default() }
    }
}

impl SystemClock {
    /// Sets this clock's offset from the machine's, to follow a simulator. The offset is read from `file` at every
    /// call: a clock that was told only now and then would lag behind the vendor's after each step, and would look
    /// for a new customer before the vendor shows it. If the file cannot be read, `offset_ms` counts until the next
    /// call.
    pub fn follow(&self, offset_ms: i64, file: Option<PathBuf>) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.step_to(offset_ms);
        followed.file = file;
    }

    fn followed<T>(&self, ask: impl Fn(&Followed) -> T) -> T {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let read = followed.file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()?.parse().ok());
        if let Some(offset_ms) = read {
            followed.step_to(offset_ms);
        }
        ask(&followed)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(machine).plus(self.followed(|followed| followed.offset_ms))
    }

    /// Time that a simulator skips has passed for its vendors; a step back takes none of it back.
    fn steady_ms(&self) -> i64 {
        let skipped_ms = self.followed(|followed| followed.skipped_ms);
        let passed = i64::try_from(self.made.elapsed().as_millis()).unwrap_or(i64::MAX);
        passed.saturating_add(skipped_ms)
    }
}

/// A clock for tests, which moves only when told.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
    steady_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: UnixMillis) -> Self {
        Self { now_ms: AtomicI64::new(now.0), steady_ms: AtomicI64::new(0) }
    }

    /// Lets time pass.
    pub fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
        self.steady_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Corrects the wall clock by `ms`, which may be negative; no time passes.
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
    // field-faults row 71
    #[test]
    fn a_simulators_clock_that_goes_back_takes_no_passed_time_back() {
        const HOUR_MS: i64 = 3_600_000;
        let clock = SystemClock::default();
        let hours = |clock: &SystemClock| clock.steady_ms() / HOUR_MS;
        // (what the simulator says, what has passed since the start)
        for (offset, passed) in [(-3, 0), (0, 3), (2, 5), (-24, 5), (-23, 6), (-23, 6)] {
            clock.follow(offset * HOUR_MS, None);
            assert_eq!(hours(&clock), passed, "{offset}");
        }
        for offset_ms in [i64::MAX, i64::MIN, 0] {
            clock.follow(offset_ms, None);
            assert_eq!(clock.steady_ms(), i64::MAX);
            let _ = clock.now();
        }
    }

    #[test]
    fn a_file_that_goes_back_takes_no_passed_time_back() {
        let folder = tempfile::TempDir::new().unwrap();
        let (file, clock) = (folder.path().join("offset"), SystemClock::default());
        std::fs::write(&file, "7200000").unwrap();
        clock.follow(0, Some(file.clone()));
        let before = clock.steady_ms();
        std::fs::write(&file, "-7200000").unwrap();
        assert!(clock.steady_ms() >= before);
        assert_eq!(before / 7_200_000, 1);
    }
}
