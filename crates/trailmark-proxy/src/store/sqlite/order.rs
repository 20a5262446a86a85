//! Deliveries that follow others, in SQL: reads the state of the earlier delivery, and makes the deliveries due that wait for
//! it. A sale or lead follows the signup of its customer, a refund follows its sale, each within its program. `outbox::order`
//! decides whether a delivery must wait; waking one too many is harmless, because it is made to wait again.

use rusqlite::Connection;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, DeliveryId, ProgramId, SiteId};

use super::rows::{checked, count, damaged, first, plain, write};
use crate::outbox::State;
use crate::outbox::order::Earlier;
use crate::store::StoreError;
use crate::store::delivery::Leased;

/// State of the delivery of kind `follows` that a leased delivery must follow.
pub(super) fn earlier(ledger: &Connection, held: &Leased, follows: Kind) -> Result<Earlier, StoreError> {
    let (site, conversion) = (&held.lane.site, &held.conversion);
    if key(ledger, site, conversion, follows)?.is_none() {
        return Ok(Earlier::Unnamed);
    }
    let Some(id) = followed(ledger, site, conversion, &held.lane.program, follows)? else { return Ok(Earlier::Absent) };
    let sql = "SELECT state, due_at IS NULL AND lease IS NULL AS is_idle FROM deliveries WHERE site = ?1 AND id = ?2";
    let found = first(ledger, sql, (site.as_str(), id.as_str()), |row| {
        Ok((plain::<String>(row, "state")?, plain::<bool>(row, "is_idle")?))
    })?;
    let Some((word, is_idle)) = found else { return Ok(Earlier::Absent) };
    let state = State::from_word(&word).ok_or_else(|| damaged("state", "no such word"))?;
    if state == State::Recorded && follows == Kind::Sale && is_busy(ledger, held)? {
        return Ok(Earlier::Busy);
    }
    Ok(if is_idle && state == State::Uncertain { Earlier::Undecided } else { Earlier::Stands(state) })
}

/// Whether another refund of the same sale is leased, or was sent and is not settled. Of two that are leased at once, the
/// one that asks first waits; the settlement of the other wakes it.
fn is_busy(ledger: &Connection, refund: &Leased) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM conversions c
               JOIN conversions f ON f.site = c.site AND f.refund_of = c.refund_of AND f.kind = 'refund' AND f.id <> c.id
               JOIN deliveries w ON w.site = f.site AND w.conversion = f.id AND w.program = ?3
               WHERE c.site = ?1 AND c.id = ?2
                 AND (w.lease IS NOT NULL
                      OR (w.attempts > 0 AND +w.state IN ('due', 'uncertain', 'unverified', 'waiting')))";
    let of = (refund.lane.site.as_str(), refund.conversion.as_str(), refund.lane.program.as_str());
    Ok(count(ledger, sql, of)? > 0)
}

/// The key of the conversion of kind `follows` that a conversion follows.
fn key(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    follows: Kind,
) -> Result<Option<String>, StoreError> {
    let column = if follows == Kind::Sale { "refund_of" } else { "customer_key" };
    let named = format!("SELECT {column} AS key FROM conversions WHERE site = ?1 AND id = ?2");
    Ok(first(ledger, &named, (site.as_str(), conversion.as_str()), |row| plain(row, "key"))?.flatten())
}

/// The delivery of kind `follows` that a conversion's delivery to a program must follow. Among several with one key
/// (an earlier one was rejected), a recorded one comes first, then the newest that was not rejected. Overruled ones
/// do not count.
pub(super) fn followed(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    program: &ProgramId,
    follows: Kind,
) -> Result<Option<ConversionId>, StoreError> {
    let Some(key) = key(ledger, site, conversion, follows)? else { return Ok(None) };
    let sql = "SELECT d.id FROM conversions c JOIN deliveries d ON d.site = c.site AND d.conversion = c.id
               WHERE c.site = ?1 AND c.kind = ?2 AND c.external_id = ?3 AND d.program = ?4
                 AND +c.status <> 'duplicate'
               ORDER BY d.state = 'recorded' DESC, d.state = 'rejected', c.received_at DESC LIMIT 1";
    first(ledger, sql, (site.as_str(), follows.as_str(), key, program.as_str()), |row| checked(row, "id"))
}

/// Deliveries in the same program that wait for a delivery. For a sale also the refunds that are `unsupported` like it:
/// they start again with it. For a signup also the refunds that are blocked behind its sales: they become `waiting` when
/// their sale goes on. For a refund the waiting ones of the same sale.
const HELD_BACK: &str = "SELECT w.id FROM deliveries d
                         JOIN conversions c ON c.site = d.site AND c.id = d.conversion
                         JOIN conversions f ON f.site = c.site AND f.customer_key = c.external_id
                         JOIN deliveries w ON w.site = f.site AND w.conversion = f.id AND w.program = d.program
                         WHERE d.site = ?1 AND d.id = ?2 AND c.kind = 'signup' AND f.kind IN ('lead', 'sale')
                           AND +w.state IN ('blocked', 'waiting') AND w.lease IS NULL
                         UNION ALL
                         SELECT w.id FROM deliveries d
                         JOIN conversions c ON c.site = d.site AND c.id = d.conversion
                         JOIN conversions f ON f.site = c.site AND f.refund_of = c.external_id
                         JOIN deliveries w ON w.site = f.site AND w.conversion = f.id AND w.program = d.program
                         WHERE d.site = ?1 AND d.id = ?2 AND c.kind = 'sale' AND f.kind = 'refund'
                           AND +w.state IN ('blocked', 'unsupported', 'waiting') AND w.lease IS NULL
                         UNION ALL
                         SELECT w.id FROM deliveries d
                         JOIN conversions c ON c.site = d.site AND c.id = d.conversion
                         JOIN conversions f ON f.site = c.site AND f.refund_of = c.refund_of
                         JOIN deliveries w ON w.site = f.site AND w.conversion = f.id AND w.program = d.program
                         WHERE d.site = ?1 AND d.id = ?2 AND c.kind = 'refund' AND f.kind = 'refund' AND f.id <> c.id
                           AND +w.state = 'waiting' AND w.lease IS NULL
                         UNION ALL
                         SELECT w.id FROM deliveries d
                         JOIN conversions c ON c.site = d.site AND c.id = d.conversion
                         CROSS JOIN conversions s ON s.site = c.site AND s.customer_key = c.external_id
                         CROSS JOIN conversions f ON f.site = s.site AND f.refund_of = s.external_id
                         CROSS JOIN deliveries w ON w.site = f.site AND w.conversion = f.id AND w.program = d.program
                         WHERE d.site = ?1 AND d.id = ?2 AND c.kind = 'signup' AND s.kind = 'sale' AND f.kind = 'refund'
                           AND +w.state = 'blocked' AND w.lease IS NULL";

/// Makes the deliveries due that wait for this one. Their due time is when they were received, so that the oldest
/// goes first.
pub(super) fn wake(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE deliveries SET state = 'due', reason = NULL,
           due_at = (SELECT received_at FROM conversions c
                     WHERE c.site = deliveries.site AND c.id = deliveries.conversion)
         WHERE site = ?1 AND id IN ({HELD_BACK})"
    );
    write(ledger, &sql, (site.as_str(), delivery.as_str())).map(|_| ())
}

/// How many deliveries in the same program wait for this one.
pub(super) fn held_back_by(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<u64, StoreError> {
    count(ledger, &format!("SELECT count(*) FROM ({HELD_BACK})"), (site.as_str(), delivery.as_str()))
}
