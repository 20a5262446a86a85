//! What strangers may have a site write down in an hour, in SQL: counted by the minute, for the whole site and for each client
//! network, so that neither a flood nor one visitor's thousandth touch makes the next question dearer. How much that may be
//! is the caller's to say, and so is who a network is.

use rusqlite::Connection;
use trailmark_wire::ids::SiteId;
use trailmark_wire::time::UnixMillis;

use super::rows::{count, write};
use crate::store::{Budget, StoreError};

const MINUTE_MS: i64 = 60 * 1000;

/// Rows of minutes that count no more and are removed at once, at most. Each step writes two, so they never pile up.
const REMOVED_AT_ONCE: u32 = 64;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// Conversions of pages that are held.
    Held,
    /// New touches.
    Touch,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Touch => "touch",
        }
    }
}

/// Takes room for so many. Minutes of a time to come, written before the clock went back, do not count, or they would bar the
/// site until then.
///
/// # Errors
/// [`StoreError::OverBudget`] when there is none; nothing is counted then.
pub(super) fn take(
    ledger: &Connection,
    site: &SiteId,
    subject: Subject,
    budget: &Budget,
    number: usize,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let (minute, after) = (now.0.div_euclid(MINUTE_MS), budget.since.0.div_euclid(MINUTE_MS));
    let wanted = u64::try_from(number).unwrap_or(u64::MAX);
    let whole: &[u8] = &[];
    for (who, most) in [(whole, budget.most), (&budget.network.0, budget.most_of_network)] {
        let sql = "SELECT coalesce(sum(number), 0) FROM budget_minutes
                   WHERE site = ?1 AND subject = ?2 AND who = ?3 AND minute > ?4 AND minute <= ?5";
        let spent = count(ledger, sql, (site.as_str(), subject.as_str(), who, after, minute))?;
        if spent.saturating_add(wanted) > most {
            return Err(StoreError::OverBudget);
        }
        let sql = "INSERT INTO budget_minutes (site, subject, who, minute, number) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (site, subject, who, minute) DO UPDATE SET number = number + excluded.number";
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        write(ledger, sql, (site.as_str(), subject.as_str(), who, minute, wanted))?;
    }
    let sql = "DELETE FROM budget_minutes WHERE (site, subject, who, minute) IN (
                 SELECT site, subject, who, minute FROM budget_minutes WHERE site = ?1 AND minute <= ?2 LIMIT ?3)";
    write(ledger, sql, (site.as_str(), after, REMOVED_AT_ONCE)).map(|_| ())
}
