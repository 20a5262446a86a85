//! Carriers in SQL. They are few and short-lived: each new one removes some old ones.

use rusqlite::Connection;
use trailmark_wire::ids::{Jti, SiteId, VisitorId};
use trailmark_wire::jwk::Thumbprint;
use trailmark_wire::limits::CARRIER_KEPT_MS;
use trailmark_wire::time::UnixMillis;

use super::budget::{self, Subject};
use super::rows::{checked, count, first, maybe_time, plain, time, write};
use super::touches;
use crate::store::StoreError;
use crate::store::carriers::{Carried, NewCarrier};

/// Old carriers removed at most in one step. Each step adds one, so they do not accumulate.
const REMOVED_AT_ONCE: u32 = 64;

/// See [`crate::store::carriers::CarrierStore::keep_carrier`].
pub(super) fn keep(ledger: &Connection, new: &NewCarrier) -> Result<(), StoreError> {
    let (site, id, now) = (new.site.as_str(), new.id.as_str(), new.now);
    let known = count(ledger, "SELECT count(*) FROM carriers WHERE site = ?1 AND id = ?2", (site, id))?;
    if known > 0 || touches::newest_alive(ledger, &new.site, &new.visitor, now)?.is_none() {
        return Ok(());
    }
    budget::take(ledger, &new.site, Subject::Carrier, &new.budget, 1, now)?;
    let sql = "INSERT INTO carriers (site, id, visitor, recorded_at) VALUES (?1, ?2, ?3, ?4)";
    write(ledger, sql, (site, id, new.visitor.as_str(), now.0))?;
    let sql = "DELETE FROM carriers WHERE (site, id) IN (
                 SELECT site, id FROM carriers INDEXED BY carriers_by_time WHERE site = ?1 AND recorded_at <= ?2 LIMIT ?3)";
    write(ledger, sql, (site, now.0.saturating_sub(CARRIER_KEPT_MS), REMOVED_AT_ONCE)).map(|_| ())
}

/// See [`crate::store::carriers::CarrierStore::use_carrier`].
pub(super) fn use_once(
    ledger: &Connection,
    site: &SiteId,
    id: &Jti,
    jkt: Option<&Thumbprint>,
    now: UnixMillis,
) -> Result<Carried, StoreError> {
    let sql = "SELECT visitor, recorded_at, used_at, used_by FROM carriers WHERE site = ?1 AND id = ?2";
    let found = first(ledger, sql, (site.as_str(), id.as_str()), |row| {
        let used = (maybe_time(row, "used_at")?, plain::<Option<String>>(row, "used_by")?);
        Ok((checked::<VisitorId>(row, "visitor")?, time(row, "recorded_at")?, used))
    })?;
    let Some((visitor, recorded_at, (used_at, used_by))) = found else { return Ok(Carried::Unknown) };
    let by = jkt.map(Thumbprint::as_str);
    if now.since(recorded_at) >= CARRIER_KEPT_MS {
        return Ok(Carried::Spent);
    }
    if used_at.is_some() {
        let is_same = by.is_some() && by == used_by.as_deref();
        return Ok(if is_same { Carried::Again(visitor) } else { Carried::Spent });
    }
    let sql = "UPDATE carriers SET used_at = ?3, used_by = ?4 WHERE site = ?1 AND id = ?2";
    write(ledger, sql, (site.as_str(), id.as_str(), now.0, by))?;
    Ok(Carried::First(visitor))
}
