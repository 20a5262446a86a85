//! Deliveries that follow others, in SQL: how the one stands that another follows, and making those due again that wait for
//! one. A sale or a lead follows the signup of its customer, a refund its sale, each within its program. Whether a delivery
//! must wait is decided by `outbox::order`; waking one too many does no harm, it is held back again.

use rusqlite::Connection;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, SiteId};

use super::rows::{count, damaged, first, plain, write};
use crate::outbox::State;
use crate::outbox::order::Earlier;
use crate::store::StoreError;
use crate::store::delivery::Leased;

/// The delivery of kind `follows` that a leased one must come after. Of several under one key (an earlier one was rejected)
/// a recorded one counts first, then the newest that was not rejected; one that a server overruled does not count.
pub(super) fn earlier(ledger: &Connection, held: &Leased, follows: Kind) -> Result<Earlier, StoreError> {
    let (site, conversion) = (held.lane.site.as_str(), held.conversion.as_str());
    let column = if follows == Kind::Sale { "refund_of" } else { "customer_key" };
    let named = format!("SELECT {column} AS key FROM conversions WHERE site = ?1 AND id = ?2");
    let key: Option<String> = first(ledger, &named, (site, conversion), |row| plain(row, "key"))?.flatten();
    let Some(key) = key else { return Ok(Earlier::Unnamed) };
    let sql = "SELECT d.state FROM conversions c JOIN deliveries d ON d.site = c.site AND d.conversion = c.id
               WHERE c.site = ?1 AND c.kind = ?2 AND c.external_id = ?3 AND d.program = ?4
                 AND +c.status <> 'duplicate'
               ORDER BY d.state = 'recorded' DESC, d.state = 'rejected', c.received_at DESC LIMIT 1";
    let params = (site, follows.as_str(), key, held.lane.program.as_str());
    let found: Option<String> = first(ledger, sql, params, |row| plain(row, "state"))?;
    let Some(word) = found else { return Ok(Earlier::Absent) };
    State::from_word(&word).map(Earlier::Stands).ok_or_else(|| damaged("state", "no such word"))
}

/// Deliveries that are held back in the delivery's program and follow it.
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
                           AND +w.state IN ('blocked', 'waiting') AND w.lease IS NULL";

/// Makes due whatever is held back in the delivery's program and follows it. Due since it was received, so that those who
/// waited longest go first.
pub(super) fn wake(ledger: &Connection, site: &SiteId, delivery: &ConversionId) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE deliveries SET state = 'due', reason = NULL,
           due_at = (SELECT received_at FROM conversions c
                     WHERE c.site = deliveries.site AND c.id = deliveries.conversion)
         WHERE site = ?1 AND id IN ({HELD_BACK})"
    );
    write(ledger, &sql, (site.as_str(), delivery.as_str())).map(|_| ())
}

/// How many deliveries are held back in the delivery's program and follow it.
pub(super) fn held_back_by(ledger: &Connection, site: &SiteId, delivery: &ConversionId) -> Result<u64, StoreError> {
    count(ledger, &format!("SELECT count(*) FROM ({HELD_BACK})"), (site.as_str(), delivery.as_str()))
}
