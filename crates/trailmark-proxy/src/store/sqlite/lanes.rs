//! Lanes in SQL: one row for each vendor account that was used at least once. The crate's module `lanes` decides what
//! a lane learns.

use rusqlite::{Connection, Row, named_params};

use super::rows::{first, json, maybe_time, plain, to_json, write};
use crate::lanes::is_paused;
use crate::store::StoreError;
use crate::store::delivery::{Lane, LaneKey, LaneRule};

/// The stored lane, or a fresh one.
pub(super) fn read(ledger: &Connection, key: &LaneKey) -> Result<Lane, StoreError> {
    let sql = "SELECT * FROM lanes WHERE site = ?1 AND program = ?2";
    let found = first(ledger, sql, (key.site.as_str(), key.program.as_str()), lane)?;
    Ok(found.unwrap_or_default())
}

/// See [`crate::store::delivery::DeliveryStore::change_lane`].
pub(super) fn change(ledger: &Connection, key: &LaneKey, rule: LaneRule) -> Result<(), StoreError> {
    let before = read(ledger, key)?;
    let paused: Vec<String> = before.pauses.iter().map(|pause| pause.credential.clone()).collect();
    let after = rule(before);
    write_lane(ledger, key, &after)?;
    let mut resumed = paused.iter().filter(|credential| !is_paused(&after, credential));
    resumed.try_for_each(|credential| resume(ledger, key, credential))
}

/// Deliveries that wait for a credential go on.
fn resume(ledger: &Connection, key: &LaneKey, credential: &str) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET paused_by = NULL WHERE site = ?1 AND program = ?2 AND paused_by = ?3";
    write(ledger, sql, (key.site.as_str(), key.program.as_str(), credential)).map(|_| ())
}

/// Writes a whole lane.
pub(super) fn write_lane(ledger: &Connection, key: &LaneKey, lane: &Lane) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO lanes (site, program, spent_milli, counted_at, failures, broken_until,
                                             throttled_until, down_probe_at, pauses)
               VALUES (:site, :program, :spent_milli, :counted_at, :failures, :broken_until,
                       :throttled_until, :down_probe_at, :pauses)";
    let row = named_params! {
        ":site": key.site.as_str(),
        ":program": key.program.as_str(),
        ":spent_milli": lane.spent_milli,
        ":counted_at": lane.counted_at.map(|at| at.0),
        ":failures": lane.failures,
        ":broken_until": lane.broken_until.map(|at| at.0),
        ":throttled_until": lane.throttled_until.map(|at| at.0),
        ":down_probe_at": lane.down_probe_at.map(|at| at.0),
        ":pauses": to_json(&lane.pauses)?,
    };
    write(ledger, sql, row).map(|_| ())
}

fn lane(row: &Row<'_>) -> Result<Lane, StoreError> {
    Ok(Lane {
        spent_milli: plain(row, "spent_milli")?,
        counted_at: maybe_time(row, "counted_at")?,
        failures: plain(row, "failures")?,
        broken_until: maybe_time(row, "broken_until")?,
        throttled_until: maybe_time(row, "throttled_until")?,
        down_probe_at: maybe_time(row, "down_probe_at")?,
        pauses: json(row, "pauses")?,
    })
}
