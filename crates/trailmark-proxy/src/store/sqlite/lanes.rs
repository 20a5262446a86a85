//! Lanes in SQL: one row for each vendor account that was ever used. What a lane learns is decided by `lanes`, the module of
//! that name at the crate's root.

use rusqlite::{Connection, Row, named_params};

use super::rows::{first, maybe_time, plain, time, write};
use crate::store::StoreError;
use crate::store::delivery::{Lane, LaneKey, LaneRule, Pause};

/// A lane as it was left, or a fresh one.
pub(super) fn read(ledger: &Connection, key: &LaneKey) -> Result<Lane, StoreError> {
    let sql = "SELECT * FROM lanes WHERE site = ?1 AND program = ?2";
    let found = first(ledger, sql, (key.site.as_str(), key.program.as_str()), lane)?;
    Ok(found.unwrap_or_default())
}

/// See [`crate::store::delivery::DeliveryStore::change_lane`].
pub(super) fn change(ledger: &Connection, key: &LaneKey, rule: LaneRule) -> Result<(), StoreError> {
    let after = rule(read(ledger, key)?);
    write_lane(ledger, key, &after)
}

/// Writes a lane whole.
pub(super) fn write_lane(ledger: &Connection, key: &LaneKey, lane: &Lane) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO lanes (site, program, spent_milli, counted_at, failures, broken_until,
                                             throttled_until, down_probe_at, pause_reason, paused_since, probe_at)
               VALUES (:site, :program, :spent_milli, :counted_at, :failures, :broken_until,
                       :throttled_until, :down_probe_at, :pause_reason, :paused_since, :probe_at)";
    let row = named_params! {
        ":site": key.site.as_str(),
        ":program": key.program.as_str(),
        ":spent_milli": lane.spent_milli,
        ":counted_at": lane.counted_at.map(|at| at.0),
        ":failures": lane.failures,
        ":broken_until": lane.broken_until.map(|at| at.0),
        ":throttled_until": lane.throttled_until.map(|at| at.0),
        ":down_probe_at": lane.down_probe_at.map(|at| at.0),
        ":pause_reason": lane.pause.as_ref().map(|pause| &pause.reason),
        ":paused_since": lane.pause.as_ref().map(|pause| pause.since.0),
        ":probe_at": lane.pause.as_ref().map(|pause| pause.probe_at.0),
    };
    write(ledger, sql, row).map(|_| ())
}

fn lane(row: &Row<'_>) -> Result<Lane, StoreError> {
    let pause = match plain(row, "pause_reason")? {
        Some(reason) => Some(Pause { reason, since: time(row, "paused_since")?, probe_at: time(row, "probe_at")? }),
        None => None,
    };
    Ok(Lane {
        spent_milli: plain(row, "spent_milli")?,
        counted_at: maybe_time(row, "counted_at")?,
        failures: plain(row, "failures")?,
        broken_until: maybe_time(row, "broken_until")?,
        throttled_until: maybe_time(row, "throttled_until")?,
        down_probe_at: maybe_time(row, "down_probe_at")?,
        pause,
    })
}
