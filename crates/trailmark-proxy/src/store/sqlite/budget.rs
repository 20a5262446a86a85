//! How much strangers may make a site record in an hour, in SQL: counted by the minute, for the site and for each
//! client network, so that a check costs the same after a flood. The caller sets the limits and identifies the
//! network.

use rusqlite::Connection;
use trailmark_wire::ids::SiteId;
use trailmark_wire::time::UnixMillis;

use super::rows::{count, write};
use crate::store::{Budget, StoreError};

const MINUTE_MS: i64 = 60 * 1000;

/// Old minute rows deleted at most in one step. Each step adds two, so they do not accumulate.
const REMOVED_AT_ONCE: u32 = 64;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject {
    /// Carriers.
    Carrier,
    /// Conversions of pages that are held.
    Held,
    /// New touches.
    Touch,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Self::Carrier => "carrier",
            Self::Held => "held",
            Self::Touch => "touch",
        }
    }
}

/// Counts `number` more. Ignores minutes in the future: they were written before the clock went back, and would block
/// the site until then.
///
/// # Errors
/// [`StoreError::OverBudget`] if a limit would be exceeded; then the caller rolls back.
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
