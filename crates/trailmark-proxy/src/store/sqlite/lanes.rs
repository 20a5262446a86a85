//! Lanes in SQL: one row for each vendor account that was used at least once, under the name of its first program; and which
//! other programs share it. Every function takes a program's key and finds its lane. The crate's module `lanes` decides
//! what a lane learns.

use rusqlite::{Connection, Row, named_params};

use super::rows::{all, checked, first, json, maybe_time, plain, to_json, write};
use crate::lanes::{is_paused, joined};
use crate::store::StoreError;
use crate::store::delivery::{Lane, LaneKey, LaneRule};

/// The lane of a program: its own, unless it shares another program's.
pub(super) fn of(ledger: &Connection, program: &LaneKey) -> Result<LaneKey, StoreError> {
    let sql = "SELECT lane_site AS site, lane_program AS program FROM shared_lanes WHERE site = ?1 AND program = ?2";
    let shared = first(ledger, sql, (program.site.as_str(), program.program.as_str()), key)?;
    Ok(shared.unwrap_or_else(|| program.clone()))
}

/// The programs whose deliveries go through the lane of this program, the lane's own program first.
pub(super) fn programs(ledger: &Connection, program: &LaneKey) -> Result<Vec<LaneKey>, StoreError> {
    let lane = of(ledger, program)?;
    let sql =
        "SELECT site, program FROM shared_lanes WHERE lane_site = ?1 AND lane_program = ?2 ORDER BY site, program";
    let sharing = all(ledger, sql, (lane.site.as_str(), lane.program.as_str()), key)?;
    Ok(std::iter::once(lane).chain(sharing).collect())
}

/// The stored lane of a program, or a fresh one.
pub(super) fn read(ledger: &Connection, program: &LaneKey) -> Result<Lane, StoreError> {
    Ok(stored(ledger, &of(ledger, program)?)?.unwrap_or_default())
}

fn stored(ledger: &Connection, lane: &LaneKey) -> Result<Option<Lane>, StoreError> {
    let sql = "SELECT * FROM lanes WHERE site = ?1 AND program = ?2";
    first(ledger, sql, (lane.site.as_str(), lane.program.as_str()), self::lane)
}

/// See [`crate::store::delivery::DeliveryStore::change_lane`].
pub(super) fn change(ledger: &Connection, program: &LaneKey, rule: LaneRule) -> Result<(), StoreError> {
    let before = read(ledger, program)?;
    let was_paused = !before.pauses.is_empty();
    let after = rule(before);
    write_lane(ledger, program, &after)?;
    if was_paused { resume(ledger, &programs(ledger, program)?, &after) } else { Ok(()) }
}

/// Deliveries of these programs that wait for a credential which is not paused in their lane go on.
fn resume(ledger: &Connection, programs: &[LaneKey], lane: &Lane) -> Result<(), StoreError> {
    for LaneKey { site, program } in programs {
        let (site, program) = (site.as_str(), program.as_str());
        let sql = "SELECT DISTINCT paused_by FROM deliveries
                   WHERE site = ?1 AND program = ?2 AND paused_by IS NOT NULL AND paused_by > ''";
        let waited_for: Vec<String> = all(ledger, sql, (site, program), |row| plain(row, "paused_by"))?;
        for credential in waited_for.iter().filter(|credential| !is_paused(lane, credential)) {
            let sql = "UPDATE deliveries SET paused_by = NULL WHERE site = ?1 AND program = ?2 AND paused_by = ?3";
            write(ledger, sql, (site, program, credential))?;
        }
    }
    Ok(())
}

/// See [`crate::store::delivery::DeliveryStore::share_lane`].
pub(super) fn share(ledger: &Connection, lane: &LaneKey, programs: &[LaneKey]) -> Result<(), StoreError> {
    let key = (lane.site.as_str(), lane.program.as_str());
    write(ledger, "DELETE FROM shared_lanes WHERE lane_site = ?1 AND lane_program = ?2", key)?;
    write(ledger, "DELETE FROM shared_lanes WHERE site = ?1 AND program = ?2", key)?;
    let mut known = stored(ledger, lane)?;
    for program in programs.iter().filter(|program| *program != lane) {
        let own = (program.site.as_str(), program.program.as_str());
        if let Some(earlier) = stored(ledger, program)? {
            known = Some(joined(known.unwrap_or_default(), earlier));
            write(ledger, "DELETE FROM lanes WHERE site = ?1 AND program = ?2", own)?;
        }
        let sql =
            "INSERT OR REPLACE INTO shared_lanes (site, program, lane_site, lane_program) VALUES (?1, ?2, ?3, ?4)";
        write(ledger, sql, (own.0, own.1, key.0, key.1))?;
    }
    if let Some(known) = &known {
        write_lane(ledger, lane, known)?;
    }
    resume(ledger, programs, &known.unwrap_or_default())
}

/// Writes a program's whole lane.
pub(super) fn write_lane(ledger: &Connection, program: &LaneKey, lane: &Lane) -> Result<(), StoreError> {
    let key = of(ledger, program)?;
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

fn key(row: &Row<'_>) -> Result<LaneKey, StoreError> {
    Ok(LaneKey { site: checked(row, "site")?, program: checked(row, "program")? })
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
