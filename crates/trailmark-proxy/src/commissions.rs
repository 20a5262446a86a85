//! Watches partners' commissions: interprets the webhooks that intake has kept, and asks vendors about recorded
//! deliveries when a webhook names them or the time has come. Each program has one task beside its vendor account's lane.
//! Deliveries go first, and a throttled, broken or paused lane asks nothing.
//!
//! A crash loses nothing: a webhook stays `received` until its meaning is committed, and a question without an answer
//! is due again. [`next_at`] decides when to ask next; the adapter decides what an answer means.

mod task;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use trailmark_vendors::commission::Commission;
use trailmark_wire::time::UnixMillis;

use self::task::Task;
use crate::clock::Clock;
use crate::delivery::LaneAccount;
use crate::egress::Egress;
use crate::lanes::Limits;
use crate::store::Store;
use crate::store::delivery::LaneKey;

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Older conversions are asked about only after a webhook: programs settle within months.
pub const LAST_ASKED_MS: i64 = 400 * DAY_MS;

/// When to ask again about a known commission: after a quarter of the conversion's age, between 6 hours and 30 days,
/// about 35 questions in all. `None` once it is paid or rejected, or the conversion is too old; a webhook or an
/// operator can still cause a question.
pub fn next_at(commission: Commission, received_at: UnixMillis, now: UnixMillis) -> Option<UnixMillis> {
    let age_ms = now.since(received_at).max(0);
    let open = !commission.is_final() && age_ms < LAST_ASKED_MS;
    open.then(|| now.plus((age_ms / 4).clamp(6 * HOUR_MS, 30 * DAY_MS)))
}

/// The same where one list answers for many: a little later, at a time that they have in common. The list is then read every
/// six hours, and not for each of them.
pub fn together_at(at: UnixMillis) -> UnixMillis {
    let every = 6 * HOUR_MS;
    UnixMillis(at.0.div_euclid(every).saturating_add(1).saturating_mul(every))
}

/// When to ask again after an unclear answer: sooner, but not before the vendor's hint of at most a day.
pub fn retry_at(not_before: Option<UnixMillis>, received_at: UnixMillis, now: UnixMillis) -> Option<UnixMillis> {
    let age_ms = now.since(received_at).max(0);
    let usual = now.plus((age_ms / 4).clamp(10 * MINUTE_MS, DAY_MS));
    let hinted = not_before.map_or(usual, |hint| hint.min(now.plus(DAY_MS)));
    (age_ms < LAST_ASKED_MS).then(|| usual.max(hinted))
}

/// The parts of the watch.
pub struct Parts {
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// The vendor accounts whose webhooks and commissions are watched.
    pub accounts: Vec<LaneAccount>,
    /// Breaker and probes of their lanes.
    pub limits: Limits,
    /// How often an account looks for work by itself.
    pub poll: Duration,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("accounts", &self.accounts).finish_non_exhaustive()
    }
}

/// The running watch. Dropping the last handle stops it at once; unfinished work is repeated after the next start.
#[derive(Debug, Clone)]
pub struct Watch {
    wake: watch::Sender<u64>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Watch {
    /// Starts one task per account. Needs a Tokio runtime with I/O and time.
    pub fn start(parts: Parts) -> Self {
        let (wake, woken) = watch::channel(0);
        let mut tasks = JoinSet::new();
        for account in parts.accounts {
            let task = Task {
                lane: LaneKey { site: account.site, program: account.program },
                adapter: account.adapter,
                store: Arc::clone(&parts.store),
                clock: Arc::clone(&parts.clock),
                egress: Arc::clone(&parts.egress),
                limits: parts.limits.at(account.pace),
                poll: parts.poll,
            };
            tasks.spawn(task.run(woken.clone()));
        }
        Self { wake, tasks: Arc::new(Mutex::new(tasks)) }
    }

    /// Signals new work: a kept webhook, a recorded delivery, a wanted question.
    pub fn wake(&self) {
        self.wake.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Stops at once: a running question has no effect and is repeated after the next start.
    pub async fn shutdown(&self) {
        self.tasks.lock().await.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: UnixMillis = UnixMillis(1_795_248_000_000);

    fn wait_h(commission: Commission, age_h: i64) -> Option<i64> {
        let now = RECEIVED.plus(age_h * HOUR_MS);
        next_at(commission, RECEIVED, now).map(|at| at.since(now) / HOUR_MS)
    }

    #[test]
    fn questions_thin_out_with_age_and_end() {
        let waits = [(0, 6), (24, 6), (48, 12), (30 * 24, 180), (200 * 24, 720), (399 * 24, 720)];
        for (age_h, expected) in waits {
            assert_eq!(wait_h(Commission::Pending, age_h), Some(expected), "{age_h} h");
        }
        assert_eq!(wait_h(Commission::Pending, 400 * 24), None);
        assert_eq!(wait_h(Commission::Unknown, -5), Some(6), "a clock that went back");
    }

    #[test]
    fn a_year_takes_no_more_than_forty_questions() {
        let (mut now, mut asked) = (RECEIVED, 0);
        while let Some(at) = next_at(Commission::Unknown, RECEIVED, now) {
            (now, asked) = (at, asked + 1);
        }
        assert!((20..=40).contains(&asked), "{asked}");
    }

    #[test]
    fn where_a_list_answers_for_many_they_come_due_together_and_at_most_six_hours_later() {
        let at = |hours: i64| UnixMillis(hours * HOUR_MS);
        let due: Vec<_> = [12, 13, 17].map(at).map(together_at).to_vec();
        assert_eq!(due, [at(18); 3]);
        assert_eq!(together_at(at(18)), at(24));
    }

    #[test]
    fn what_is_paid_or_rejected_is_left_alone() {
        assert_eq!((wait_h(Commission::Paid, 1), wait_h(Commission::Rejected, 1)), (None, None));
    }

    #[test]
    fn a_hint_is_kept_to_within_a_day() {
        let at = |hint: Option<i64>| {
            retry_at(hint.map(|ms| RECEIVED.plus(ms)), RECEIVED, RECEIVED).map(|at| at.since(RECEIVED))
        };
        assert_eq!(at(None), Some(10 * MINUTE_MS));
        assert_eq!(at(Some(1000)), Some(10 * MINUTE_MS));
        assert_eq!(at(Some(HOUR_MS)), Some(HOUR_MS));
        assert_eq!(at(Some(9 * DAY_MS)), Some(DAY_MS));
    }
}
