//! States of a conversion's deliveries and of the deliveries that they wait for, in SQL; input of [`crate::answer`].

use rusqlite::{Connection, Row};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::order;
use super::rows::{all, checked, count, damaged, first, maybe_time, plain, word};
use crate::outbox::{Purpose, Remedy, State};
use crate::store::StoreError;
use crate::store::operator::{ConversionRow, Followed, Standing};

/// A refund waits for its sale, and the sale for its customer's signup: two steps at most.
const MOST_BEHIND: u32 = 2;

/// All deliveries of a conversion, by program.
pub(super) fn of(ledger: &Connection, row: &ConversionRow) -> Result<Vec<Standing>, StoreError> {
    let sql = "SELECT * FROM deliveries WHERE site = ?1 AND conversion = ?2 ORDER BY program";
    let mut found = all(ledger, sql, (row.site.as_str(), row.id.as_str()), standing)?;
    for standing in &mut found {
        standing.follows = followed(ledger, &row.site, (&row.id, row.kind), standing, MOST_BEHIND)?;
        standing.remedy = remedy(ledger, row, standing)?;
    }
    Ok(found)
}

/// What helps a delivery that was rejected: whether its key is free, and whether the vendor was asked at all.
fn remedy(ledger: &Connection, row: &ConversionRow, standing: &Standing) -> Result<Remedy, StoreError> {
    if standing.state != State::Rejected {
        return Ok(Remedy::Retry);
    }
    let claim = "SELECT count(*) FROM claims WHERE site = ?1 AND kind = ?2 AND external_id = ?3 AND program = ?4";
    let key = (row.site.as_str(), row.kind.as_str(), row.external_id.as_deref(), standing.program.as_str());
    if count(ledger, claim, key)? > 0 {
        return Ok(Remedy::Retry);
    }
    let sends = "SELECT count(*) FROM attempts WHERE site = ?1 AND delivery = ?2 AND purpose = ?3";
    let sends = count(ledger, sends, (row.site.as_str(), standing.delivery.as_str(), Purpose::Send.as_str()))?;
    Ok(if sends > 0 { Remedy::Either } else { Remedy::Report })
}

/// The delivery that a waiting one follows.
fn followed(
    ledger: &Connection,
    site: &SiteId,
    (conversion, kind): (&ConversionId, Kind),
    standing: &Standing,
    most: u32,
) -> Result<Option<Box<Followed>>, StoreError> {
    if most == 0 || !matches!(standing.state, State::Blocked | State::Waiting) {
        return Ok(None);
    }
    let follows = if kind == Kind::Refund { Kind::Sale } else { Kind::Signup };
    let Some(delivery) = order::followed(ledger, site, conversion, &standing.program, follows)? else {
        return Ok(None);
    };
    let sql =
        "SELECT d.*, c.external_id FROM deliveries d JOIN conversions c ON c.site = d.site AND c.id = d.conversion
               WHERE d.site = ?1 AND d.id = ?2";
    let found = first(ledger, sql, (site.as_str(), delivery.as_str()), |row| {
        Ok((checked::<ConversionId>(row, "conversion")?, plain(row, "external_id")?, self::standing(row)?))
    })?;
    let Some((conversion, external_id, mut standing)) = found else { return Ok(None) };
    standing.follows = followed(ledger, site, (&conversion, follows), &standing, most - 1)?;
    Ok(Some(Box::new(Followed { conversion, kind: follows, external_id, standing })))
}

fn standing(row: &Row<'_>) -> Result<Standing, StoreError> {
    let state: String = plain(row, "state")?;
    Ok(Standing {
        delivery: checked(row, "id")?,
        program: checked(row, "program")?,
        vendor: word(row, "vendor")?,
        state: State::from_word(&state).ok_or_else(|| damaged("state", "no such word"))?,
        reason: plain(row, "reason")?,
        due_at: maybe_time(row, "due_at")?.map(UnixMillis::to_rfc3339),
        paused_by: plain(row, "paused_by")?,
        remedy: Remedy::Retry,
        commission: word(row, "commission")?,
        commission_reason: plain(row, "commission_reason")?,
        follows: None,
    })
}
