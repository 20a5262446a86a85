//! Attempts in SQL: a row that is committed before its request is sent, and its end. This module does not know the
//! request.

use rusqlite::{Connection, Row, named_params};
use trailmark_vendors::capability::Class;
use trailmark_wire::ids::{DeliveryId, SiteId};

use super::rows::{all, checked, count, damaged, first, plain, time, write};
use crate::outbox::Purpose;
use crate::outbox::manual::{Past, Tried};
use crate::outbox::sent::SendOutcome;
use crate::store::StoreError;
use crate::store::delivery::{AttemptEnd, AttemptKey, Leased, NewAttempt, OpenAttempt};

/// Whether an attempt was begun under a lease, finished or not.
pub(super) fn begun(ledger: &Connection, held: &Leased) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM attempts WHERE site = ?1 AND delivery = ?2 AND lease = ?3";
    Ok(count(ledger, sql, (held.lane.site.as_str(), held.delivery.as_str(), held.lease.0))? > 0)
}

/// Writes the row of the next attempt of the delivery's generation.
pub(super) fn insert(ledger: &Connection, held: &Leased, new: &NewAttempt) -> Result<AttemptKey, StoreError> {
    let (site, delivery) = (held.lane.site.as_str(), held.delivery.as_str());
    let last = "SELECT coalesce(max(number), 0) FROM attempts WHERE site = ?1 AND delivery = ?2 AND generation = ?3";
    let last: Option<u32> = first(ledger, last, (site, delivery, held.generation), |row| Ok(row.get(0)?))?;
    let number = last.unwrap_or(0) + 1;
    let sql = "INSERT INTO attempts (site, delivery, generation, number, lease, purpose, class, request, started_at)
               VALUES (:site, :delivery, :generation, :number, :lease, :purpose, :class, :request, :started_at)";
    let row = named_params! {
        ":site": site,
        ":delivery": delivery,
        ":generation": held.generation,
        ":number": number,
        ":lease": held.lease.0,
        ":purpose": new.purpose.as_str(),
        ":class": new.class.map(Class::as_str),
        ":request": new.request,
        ":started_at": new.started_at.0,
    };
    write(ledger, sql, row)?;
    let (site, delivery) = (held.lane.site.clone(), held.delivery.clone());
    Ok(AttemptKey { site, delivery, generation: held.generation, number })
}

/// The unfinished attempt under a lease.
pub(super) fn open_under(ledger: &Connection, held: &Leased) -> Result<Option<OpenAttempt>, StoreError> {
    let sql = "SELECT * FROM attempts WHERE site = ?1 AND delivery = ?2 AND lease = ?3 AND ended_at IS NULL";
    first(ledger, sql, (held.lane.site.as_str(), held.delivery.as_str(), held.lease.0), open_attempt)
}

/// Ends the attempt that was begun under a lease.
///
/// # Errors
/// [`StoreError::LeaseLost`] if the attempt belongs to another lease or is finished.
pub(super) fn end_under(
    ledger: &Connection,
    held: &Leased,
    key: &AttemptKey,
    end: &AttemptEnd,
) -> Result<(), StoreError> {
    match open_under(ledger, held)? {
        Some(open) if open.key == *key => record(ledger, key, end),
        _ => Err(StoreError::LeaseLost),
    }
}

/// Writes an attempt's end, replacing an earlier one.
///
/// # Errors
/// [`StoreError::NotFound`] if there is no such attempt.
pub(super) fn record(ledger: &Connection, key: &AttemptKey, end: &AttemptEnd) -> Result<(), StoreError> {
    let sql = "UPDATE attempts SET ended_at = :ended_at, http_status = :http_status, outcome = :outcome,
                 message = :message
               WHERE site = :site AND delivery = :delivery AND generation = :generation AND number = :number";
    let row = named_params! {
        ":site": key.site.as_str(),
        ":delivery": key.delivery.as_str(),
        ":generation": key.generation,
        ":number": key.number,
        ":ended_at": end.ended_at.0,
        ":http_status": end.http_status,
        ":outcome": end.outcome,
        ":message": end.message,
    };
    match write(ledger, sql, row)? {
        0 => Err(StoreError::NotFound("attempt")),
        _ => Ok(()),
    }
}

/// What all sends of a delivery, in all generations, leave open. A success that came after its lease had ended is
/// recorded only on its attempt, so it counts, too.
pub(super) fn past(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<Past, StoreError> {
    let sql = "SELECT purpose, outcome, class FROM attempts
               WHERE site = ?1 AND delivery = ?2 AND (purpose = 'send' OR outcome = 'absent')
               ORDER BY generation DESC, number DESC";
    let tries = all(ledger, sql, (site.as_str(), delivery.as_str()), |row| {
        let purpose: String = plain(row, "purpose")?;
        if Purpose::from_word(&purpose) == Some(Purpose::Send) { send(row) } else { Ok(Tried::Absent) }
    })?;
    Ok(Past::of(tries))
}

/// A send's outcome and class.
pub(super) fn send(row: &Row<'_>) -> Result<Tried, StoreError> {
    let outcome: Option<String> = plain(row, "outcome")?;
    Ok(Tried::Send(outcome.as_deref().and_then(SendOutcome::from_word), class(row)?))
}

/// SQL condition: the attempt with this alias is a send that may have taken effect at the vendor.
pub(super) fn may_have_effect(attempt: &str) -> String {
    let words = SendOutcome::words(SendOutcome::may_have_effect);
    format!("{attempt}.purpose = 'send' AND ({attempt}.outcome IS NULL OR {attempt}.outcome IN ({words}))")
}

/// SQL condition: the attempt with this alias is a send that the vendor did not turn away, as far as is known.
pub(super) fn was_let_in(attempt: &str) -> String {
    let words = SendOutcome::words(SendOutcome::was_turned_away);
    format!("{attempt}.purpose = 'send' AND ({attempt}.outcome IS NULL OR {attempt}.outcome NOT IN ({words}))")
}

fn open_attempt(row: &Row<'_>) -> Result<OpenAttempt, StoreError> {
    let purpose: String = plain(row, "purpose")?;
    let key = AttemptKey {
        site: checked(row, "site")?,
        delivery: checked(row, "delivery")?,
        generation: plain(row, "generation")?,
        number: plain(row, "number")?,
    };
    let purpose = Purpose::from_word(&purpose).ok_or_else(|| damaged("purpose", "no such word"))?;
    Ok(OpenAttempt { key, purpose, class: class(row)?, started_at: time(row, "started_at")? })
}

pub(super) fn class(row: &Row<'_>) -> Result<Option<Class>, StoreError> {
    let Some(word) = plain::<Option<String>>(row, "class")? else { return Ok(None) };
    let classes = [Class::Keyed, Class::Neither, Class::Searchable, Class::UniqueKey, Class::Upsert];
    let class = classes.into_iter().find(|class| class.as_str() == word);
    class.map(Some).ok_or_else(|| damaged("class", "no such word"))
}
