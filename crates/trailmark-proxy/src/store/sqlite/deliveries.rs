//! Deliveries in SQL: leases, and the steps under a lease. Each step first reads the row *by its lease id*, so that a
//! lost lease changes nothing. `outbox` decides what follows.

use rusqlite::{Connection, Row, ToSql, named_params};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{DeliveryId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, count, damaged, first, maybe_time, plain, time, to_json, word, write};
use super::{attempts, claims, commissions, lanes, order, owed, tasks};
use crate::lanes::is_paused;
use crate::outbox::sent::SendOutcome;
use crate::outbox::{Doubt, Progress, Purpose, State, machine};
use crate::store::StoreError;
use crate::store::delivery::{
    AttemptEnd, AttemptKey, Claim, Expired, FURTHEST_DUE_MS, FURTHEST_EXPIRY_MS, Glance, LaneKey, LeaseId, Leased,
    NewAttempt, Settlement, TurnRule,
};

/// A delivery with its conversion's kind, and whether a finished send may have taken effect.
fn select() -> String {
    format!(
        "SELECT d.*, c.kind, EXISTS (SELECT 1 FROM attempts a WHERE a.site = d.site AND a.delivery = d.id
                                     AND a.ended_at IS NOT NULL AND {}) AS is_unsure
         FROM deliveries d JOIN conversions c ON c.site = d.site AND c.id = d.conversion",
        attempts::may_have_effect("a")
    )
}

/// Deliveries with something to do: the states for which `Progress::purpose` gives a purpose.
const ACTIVE: &str = "site = :site AND program = :program AND lease IS NULL AND due_at IS NOT NULL
                      AND state IN ('due', 'ignored', 'uncertain', 'unverified')";

/// See [`crate::store::delivery::DeliveryStore::glance`]. Each program of a lane has its own part of the indexes.
pub(super) fn glance(ledger: &Connection, lane: &LaneKey) -> Result<Glance, StoreError> {
    let due = |which| format!("SELECT {which}(due_at) AS at FROM deliveries WHERE {ACTIVE} AND paused_by IS NULL");
    let expiry = |which| {
        format!(
            "SELECT {which}(lease_until) AS at FROM deliveries
             WHERE site = :site AND program = :program AND lease IS NOT NULL"
        )
    };
    let programs = lanes::programs(ledger, lane)?;
    let each = |sql: String| {
        let at = |of: &LaneKey| {
            let key = named_params! {":site": of.site.as_str(), ":program": of.program.as_str()};
            first(ledger, &sql, key, |row| maybe_time(row, "at")).map(Option::flatten)
        };
        programs.iter().map(at).filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
    };
    Ok(Glance {
        lane: lanes::read(ledger, lane)?,
        next_due: each(due("min"))?.into_iter().min(),
        last_due: each(due("max"))?.into_iter().max(),
        next_expiry: each(expiry("min"))?.into_iter().min(),
        last_expiry: each(expiry("max"))?.into_iter().max(),
    })
}

/// See [`crate::store::delivery::DeliveryStore::lease`].
pub(super) fn lease(ledger: &Connection, claim: Claim) -> Result<Vec<Leased>, StoreError> {
    let Claim { lane, paused_by, most, gate, leases, until, now } = claim;
    let wanted = u32::try_from(leases.len()).unwrap_or(u32::MAX).min(most);
    let mut due = Vec::new();
    for program in lanes::programs(ledger, &lane)? {
        due.extend(self::due(ledger, &program, paused_by.as_deref(), now, wanted)?);
    }
    // Each program's are in order.
    due.sort_by(|one, other| (one.due_at, &one.id).cmp(&(other.due_at, &other.id)));
    due.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    let Ok(waiting @ 1..) = u32::try_from(due.len()) else { return Ok(Vec::new()) };
    let (after, open) = gate(lanes::read(ledger, &lane)?, waiting);
    lanes::write_lane(ledger, &lane, &after)?;
    let granted = usize::try_from(open).unwrap_or(usize::MAX);
    let granted = due.into_iter().take(granted).zip(leases);
    let mut held = Vec::new();
    for (Due { site, id: delivery, .. }, lease) in granted {
        match grant(ledger, &site, &delivery, lease, until) {
            // The row stays leased, so that it does not block the others: `expired` skips it.
            Err(StoreError::Corrupt(damage)) => {
                tracing::error!(delivery.id = %delivery, damage, "a delivery's row cannot be read, so the delivery is skipped");
            }
            granted => held.push(granted?),
        }
    }
    Ok(held)
}

/// A due delivery.
struct Due {
    site: SiteId,
    id: DeliveryId,
    due_at: UnixMillis,
}

/// The due deliveries of a program, the longest due first.
fn due(
    ledger: &Connection,
    lane: &LaneKey,
    paused_by: Option<&str>,
    now: UnixMillis,
    most: u32,
) -> Result<Vec<Due>, StoreError> {
    let waits = if paused_by.is_some() { "paused_by = :paused_by" } else { "paused_by IS NULL" };
    let sql = format!(
        "SELECT id, due_at FROM deliveries WHERE {ACTIVE} AND {waits} AND (due_at <= :now OR due_at > :furthest)
         ORDER BY due_at, id LIMIT :most"
    );
    let (site, program, furthest) = (lane.site.as_str(), lane.program.as_str(), now.plus(FURTHEST_DUE_MS).0);
    let mut key: Vec<(&str, &dyn ToSql)> =
        vec![(":site", &site), (":program", &program), (":now", &now.0), (":furthest", &furthest), (":most", &most)];
    if paused_by.is_some() {
        key.push((":paused_by", &paused_by));
    }
    all(ledger, &sql, key.as_slice(), |row| {
        Ok(Due { site: lane.site.clone(), id: checked(row, "id")?, due_at: time(row, "due_at")? })
    })
}

fn grant(
    ledger: &Connection,
    site: &SiteId,
    delivery: &DeliveryId,
    lease: LeaseId,
    until: UnixMillis,
) -> Result<Leased, StoreError> {
    let sql = "UPDATE deliveries SET lease = ?3, lease_until = ?4, paused_by = NULL WHERE site = ?1 AND id = ?2 AND lease IS NULL";
    if write(ledger, sql, (site.as_str(), delivery.as_str(), lease.0, until.0))? == 0 {
        return Err(StoreError::LeaseLost);
    }
    under(ledger, site, delivery, lease)
}

/// The delivery under this lease.
///
/// # Errors
/// [`StoreError::LeaseLost`] if it is not under this lease.
fn under(ledger: &Connection, site: &SiteId, delivery: &DeliveryId, lease: LeaseId) -> Result<Leased, StoreError> {
    let sql = format!("{} WHERE d.site = ?1 AND d.id = ?2 AND d.lease = ?3", select());
    let found = first(ledger, &sql, (site.as_str(), delivery.as_str(), lease.0), leased)?;
    found.ok_or(StoreError::LeaseLost)
}

/// See [`crate::store::delivery::DeliveryStore::turn`].
pub(super) fn turn(ledger: &Connection, held: &Leased, follows: Kind, rule: TurnRule) -> Result<bool, StoreError> {
    let now = under(ledger, &held.lane.site, &held.delivery, held.lease)?;
    match rule(order::earlier(ledger, &now, follows)?) {
        None => Ok(true),
        Some(settlement) => settle(ledger, held, settlement).map(|()| false),
    }
}

/// See [`crate::store::delivery::DeliveryStore::begin_attempt`]. An expired lease begins nothing: somebody may be
/// settling it.
pub(super) fn begin_attempt(ledger: &Connection, held: &Leased, new: &NewAttempt) -> Result<AttemptKey, StoreError> {
    let now = under(ledger, &held.lane.site, &held.delivery, held.lease)?;
    let alive = "SELECT count(*) FROM deliveries WHERE site = ?1 AND id = ?2 AND lease_until > ?3";
    let (site, id) = (held.lane.site.as_str(), held.delivery.as_str());
    if count(ledger, alive, (site, id, new.started_at.0))? == 0 || attempts::begun(ledger, held)? {
        return Err(StoreError::LeaseLost);
    }
    if new.is_touch_unused && tasks::is_touch_used(ledger, &held.lane.site, &held.delivery)? {
        return Err(StoreError::Refused("another conversion of the touch was sent meanwhile".into()));
    }
    if new.purpose == Purpose::Send {
        let counted = "UPDATE deliveries SET attempts = attempts + 1, notes = ?3 WHERE site = ?1 AND id = ?2";
        write(ledger, counted, (site, id, to_json(&new.notes)?))?;
    }
    attempts::insert(ledger, &now, new)
}

/// See [`crate::store::delivery::DeliveryStore::settle`].
pub(super) fn settle(ledger: &Connection, held: &Leased, settlement: Settlement) -> Result<(), StoreError> {
    let Settlement { mut progress, attempt, lane } = settlement;
    let now = under(ledger, &held.lane.site, &held.delivery, held.lease)?;
    match &attempt {
        Some((key, end)) => attempts::end_under(ledger, &now, key, end)?,
        // An attempt is open: only its holder, who knows the outcome, may settle.
        None if attempts::open_under(ledger, &now)?.is_some() => return Err(StoreError::LeaseLost),
        None => {}
    }
    if let Some(rule) = lane {
        lanes::change(ledger, &now.lane, rule)?;
    }
    if progress.paused_by.is_some() {
        let lane = lanes::read(ledger, &now.lane)?;
        progress.paused_by = progress.paused_by.filter(|credential| is_paused(&lane, credential));
    }
    set(ledger, &now.lane.site, &now.delivery, now.generation, &progress)?;
    if progress.state == State::Rejected {
        claims::free_if_rejected(ledger, &now.lane.site, &now.conversion)?;
    }
    Ok(())
}

/// See [`crate::store::delivery::DeliveryStore::release`].
pub(super) fn release(ledger: &Connection, held: &Leased) -> Result<(), StoreError> {
    if attempts::begun(ledger, held)? {
        return Err(StoreError::LeaseLost);
    }
    let sql = "UPDATE deliveries SET lease = NULL, lease_until = NULL WHERE site = ?1 AND id = ?2 AND lease = ?3";
    match write(ledger, sql, (held.lane.site.as_str(), held.delivery.as_str(), held.lease.0))? {
        0 => Err(StoreError::LeaseLost),
        _ => Ok(()),
    }
}

/// See [`crate::store::delivery::DeliveryStore::expired`].
pub(super) fn expired(
    ledger: &Connection,
    lane: &LaneKey,
    now: UnixMillis,
    most: u32,
) -> Result<Vec<Expired>, StoreError> {
    let sql = format!(
        "{} WHERE d.site = ?1 AND d.program = ?2 AND d.lease IS NOT NULL
           AND (d.lease_until <= ?3 OR d.lease_until > ?5)
         ORDER BY d.lease_until, d.id LIMIT ?4",
        select()
    );
    let furthest = now.plus(FURTHEST_EXPIRY_MS).0;
    let readable = |row: &Row<'_>| match leased(row) {
        Err(StoreError::Corrupt(_told_when_it_was_leased)) => Ok(None),
        read => read.map(Some),
    };
    let mut ended = Vec::new();
    for LaneKey { site, program } in lanes::programs(ledger, lane)? {
        ended.extend(all(ledger, &sql, (site.as_str(), program.as_str(), now.0, most, furthest), readable)?);
    }
    let with_attempt = |leased| Ok(Expired { open: attempts::open_under(ledger, &leased)?, leased });
    ended.into_iter().flatten().take(usize::try_from(most).unwrap_or(usize::MAX)).map(with_attempt).collect()
}

/// See [`crate::store::delivery::DeliveryStore::record_late`].
pub(super) fn record_late(
    ledger: &Connection,
    key: &AttemptKey,
    end: &AttemptEnd,
    reference: Option<&str>,
) -> Result<(), StoreError> {
    attempts::record(ledger, key, end)?;
    // A look-up has no such outcome.
    let Some(outcome) = SendOutcome::from_word(end.outcome) else { return Ok(()) };
    let (site, delivery) = (key.site.as_str(), key.delivery.as_str());
    if outcome == SendOutcome::Rekeyed {
        let sql = "UPDATE deliveries SET reference = coalesce(reference, ?3) WHERE site = ?1 AND id = ?2";
        write(ledger, sql, (site, delivery, reference))?;
    }
    // What would be sent again is stopped, also under a lease, unless a send has begun under it.
    let sql = "SELECT d.*, a.class FROM deliveries d
               JOIN attempts a ON a.site = d.site AND a.delivery = d.id AND a.generation = ?3 AND a.number = ?4
               WHERE d.site = ?1 AND d.id = ?2
                 AND NOT EXISTS (SELECT 1 FROM attempts o WHERE o.site = d.site AND o.delivery = d.id
                                 AND o.lease = d.lease)";
    let found = first(ledger, sql, (site, delivery, key.generation, key.number), |row| {
        Ok((plain::<u32>(row, "generation")?, progress(row)?, attempts::class(row)?))
    })?;
    let Some((generation, progress, class)) = found else { return Ok(()) };
    match machine::after_late(progress, class, outcome, reference.map(str::to_owned), end.ended_at) {
        Some(after) => set(ledger, &key.site, &key.delivery, generation, &after),
        None => Ok(()),
    }
}

/// Writes a delivery's state and ends its lease. A reference stays if the progress has none: it may have come late. When
/// the delivery is at rest, the deliveries that wait for it are checked again.
pub(super) fn set(
    ledger: &Connection,
    site: &SiteId,
    delivery: &DeliveryId,
    generation: u32,
    progress: &Progress,
) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET generation = :generation, state = :state, reason = :reason, due_at = :due_at,
                 attempts = :attempts, look_ups = :look_ups, rounds = :rounds, doubt = :doubt,
                 settles_at = :settles_at, reference = coalesce(:reference, reference),
                 paused_by = :paused_by, lease = NULL, lease_until = NULL
               WHERE site = :site AND id = :id";
    let row: &[(&str, &dyn ToSql)] = named_params! {
        ":site": site.as_str(),
        ":id": delivery.as_str(),
        ":generation": generation,
        ":state": progress.state.as_str(),
        ":reason": progress.reason,
        ":due_at": progress.due_at.map(|at| at.0),
        ":attempts": progress.attempts,
        ":look_ups": progress.look_ups,
        ":rounds": progress.rounds,
        ":doubt": progress.doubt.map(Doubt::as_str),
        ":settles_at": progress.settles_at.map(|at| at.0),
        ":reference": progress.reference,
        ":paused_by": progress.paused_by,
    };
    write(ledger, sql, row)?;
    if progress.state == State::Recorded {
        commissions::begin(ledger, site, delivery)?;
        owed::owe_sales(ledger, site, delivery)?;
    }
    if progress.is_at_rest() { order::wake(ledger, site, delivery) } else { Ok(()) }
}

/// Reads a row of [`select`] with a lease.
fn leased(row: &Row<'_>) -> Result<Leased, StoreError> {
    Ok(Leased {
        lease: LeaseId(plain(row, "lease")?),
        lane: LaneKey { site: checked(row, "site")?, program: checked(row, "program")? },
        delivery: checked(row, "id")?,
        conversion: checked(row, "conversion")?,
        kind: word::<Kind>(row, "kind")?,
        vendor: word(row, "vendor")?,
        generation: plain(row, "generation")?,
        progress: progress(row)?,
        is_unsure: plain(row, "is_unsure")?,
    })
}

/// Reads a delivery's progress from its row.
pub(super) fn progress(row: &Row<'_>) -> Result<Progress, StoreError> {
    let state: String = plain(row, "state")?;
    let doubt: Option<String> = plain(row, "doubt")?;
    let doubted = |word: String| Doubt::from_word(&word).ok_or_else(|| damaged("doubt", "no such word"));
    Ok(Progress {
        state: State::from_word(&state).ok_or_else(|| damaged("state", "no such word"))?,
        reason: plain(row, "reason")?,
        due_at: maybe_time(row, "due_at")?,
        attempts: plain(row, "attempts")?,
        look_ups: plain(row, "look_ups")?,
        rounds: plain(row, "rounds")?,
        doubt: doubt.map(doubted).transpose()?,
        settles_at: maybe_time(row, "settles_at")?,
        reference: plain(row, "reference")?,
        paused_by: plain(row, "paused_by")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_may_be_taken_in_exactly_the_states_that_have_something_to_do() {
        for state in State::ALL {
            let progress = Progress { state, ..Progress::new(UnixMillis(0)) };
            let listed = ACTIVE.contains(&format!("'{}'", state.as_str()));
            assert_eq!(progress.purpose().is_some(), listed, "{state:?}");
        }
    }
}
