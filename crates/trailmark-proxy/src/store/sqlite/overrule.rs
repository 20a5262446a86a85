//! Ends pages' claims that a server overrules for another visitor, in SQL: their conversions lose their keys, and
//! unsent deliveries are not sent. Sent ones stay recorded; a delivery that replaces one asks the vendor first. The
//! caller's rule decides whether a claim ends.

use rusqlite::{Connection, named_params};
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, count, first, plain, write};
use super::{attempts, claims, held, lists, owed};
use crate::code::Code;
use crate::outbox::State;
use crate::outbox::manual::Past;
use crate::store::operator::Afterwards;
use crate::store::{FOLLOWERS_AT_ONCE, StoreError};

/// Kind and business key of a conversion.
fn named(ledger: &Connection, site: &SiteId, id: &ConversionId) -> Result<(String, String), StoreError> {
    let sql = "SELECT kind, external_id FROM conversions WHERE site = ?1 AND id = ?2 AND external_id IS NOT NULL";
    let found =
        first(ledger, sql, (site.as_str(), id.as_str()), |row| Ok((plain(row, "kind")?, plain(row, "external_id")?)))?;
    found.ok_or(StoreError::NotFound("business key"))
}

/// The other conversions that claim the kind and key of `cause`.
fn holders(ledger: &Connection, site: &SiteId, cause: &ConversionId) -> Result<Vec<ConversionId>, StoreError> {
    let (kind, key) = named(ledger, site, cause)?;
    let sql = "SELECT DISTINCT conversion FROM claims
               WHERE site = ?1 AND kind = ?2 AND external_id = ?3 AND conversion <> ?4 ORDER BY conversion";
    all(ledger, sql, (site.as_str(), kind, key, cause.as_str()), |row| checked(row, "conversion"))
}

/// Ends all other claims on the kind and key of `cause`.
pub(super) fn overrule(
    ledger: &Connection,
    site: &SiteId,
    cause: &ConversionId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for holder in holders(ledger, site, cause)? {
        claims::free(ledger, site, &holder)?;
        withdraw_sales(ledger, site, &holder, cause, now)?;
        stop(ledger, site, &holder, cause, now)?;
        stand(ledger, site, &holder, (Status::Duplicate, Code::OverruledByServer), cause, now)?;
    }
    Ok(())
}

/// Sets and records the new status of a conversion that the claim of `cause` changes.
fn stand(
    ledger: &Connection,
    site: &SiteId,
    id: &ConversionId,
    (status, code): (Status, Code),
    cause: &ConversionId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "UPDATE conversions SET status = ?3, code = ?4 WHERE site = ?1 AND id = ?2";
    write(ledger, sql, (site.as_str(), id.as_str(), status.as_str(), code.as_str()))?;
    let why = held::Why { change: Afterwards::Overruled, reason: None, cause: Some(cause), now };
    held::record(ledger, site, id, (status, Some(code.as_str())), &why)
}

/// Holds and later decides again the sales that were credited like the overruled signup, if no vendor was told of
/// them. Sales that were sent or refunded stay unchanged. Sales beyond [`FOLLOWERS_AT_ONCE`] wait for their customer
/// at the vendor.
fn withdraw_sales(
    ledger: &Connection,
    site: &SiteId,
    signup: &ConversionId,
    cause: &ConversionId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "SELECT s.id FROM conversions c
               JOIN conversions s ON s.site = c.site AND s.customer_key = c.external_id AND s.kind = 'sale'
               WHERE c.site = ?1 AND c.id = ?2 AND c.kind = 'signup' AND +s.status = 'accepted'
                 AND EXISTS (SELECT 1 FROM deliveries d JOIN deliveries o ON o.site = d.site AND o.touch = d.touch
                             WHERE d.site = s.site AND d.conversion = s.id AND o.conversion = c.id)
                 AND NOT EXISTS (SELECT 1 FROM deliveries d CROSS JOIN attempts a ON a.site = d.site AND a.delivery = d.id
                                 WHERE d.site = s.site AND d.conversion = s.id AND a.purpose = 'send')
                 AND NOT EXISTS (SELECT 1 FROM conversions r WHERE r.site = s.site AND r.refund_of = s.external_id
                                 AND +r.status = 'accepted')
               ORDER BY +s.id LIMIT ?3";
    let key = (site.as_str(), signup.as_str(), FOLLOWERS_AT_ONCE);
    let sales: Vec<ConversionId> = all(ledger, sql, key, |row| checked(row, "id"))?;
    for sale in &sales {
        claims::free(ledger, site, sale)?;
        stop(ledger, site, sale, cause, now)?;
        stand(ledger, site, sale, (Status::Held, Code::SignupDisputed), cause, now)?;
    }
    if sales.is_empty() { Ok(()) } else { owed::owe(ledger, site, cause, owed::What::Sales) }
}

/// Stops a conversion's deliveries. A send under way ends as unknown and its lease is removed; its late answer is
/// recorded on the attempt.
fn stop(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    cause: &ConversionId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "UPDATE attempts SET ended_at = ?3, outcome = 'unknown', message = ?4
               WHERE site = ?1 AND ended_at IS NULL
                 AND delivery IN (SELECT id FROM deliveries WHERE site = ?1 AND conversion = ?2)";
    let message = "the site's backend stated this customer for another visitor before an answer came";
    write(ledger, sql, (site.as_str(), conversion.as_str(), now.0, message))?;
    let sql = format!(
        "UPDATE deliveries SET state = :dropped, reason = :reason, due_at = NULL, doubt = NULL, settles_at = NULL,
           lease = NULL, lease_until = NULL
         WHERE site = :site AND conversion = :conversion AND +state IN ({})",
        lists::unsettled()
    );
    let reason = format!("the site's backend stated this customer for another visitor, in conversion {cause}");
    let row = named_params! {
        ":site": site.as_str(), ":conversion": conversion.as_str(), ":dropped": State::Dropped.as_str(), ":reason": reason,
    };
    write(ledger, &sql, row).map(|_| ())
}

/// Makes the deliveries due that wait for the server to state the kind and key of `cause`.
pub(super) fn confirm(
    ledger: &Connection,
    site: &SiteId,
    cause: &ConversionId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    for holder in holders(ledger, site, cause)? {
        let sql = "UPDATE deliveries SET due_at = ?3, reason = NULL
                   WHERE site = ?1 AND conversion = ?2 AND +state = 'due' AND attempts = 0 AND lease IS NULL
                     AND +due_at > ?3";
        write(ledger, sql, (site.as_str(), holder.as_str(), now.0))?;
    }
    Ok(())
}

/// What the sends of overruled pages with this conversion's kind and key leave open in a program.
pub(super) fn past(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    program: &ProgramId,
) -> Result<Past, StoreError> {
    let sql = format!(
        "SELECT a.outcome, a.class FROM conversions c
         CROSS JOIN conversions o ON o.site = c.site AND o.kind = c.kind AND o.external_id = c.external_id
           AND o.code = '{overruled}'
         CROSS JOIN deliveries d ON d.site = o.site AND d.conversion = o.id AND d.program = ?3
         CROSS JOIN attempts a ON a.site = d.site AND a.delivery = d.id
         WHERE c.site = ?1 AND c.id = ?2 AND {sent} ORDER BY a.started_at DESC LIMIT 1",
        // Not a parameter: only a literal lets SQLite use the index that has these rows alone.
        overruled = Code::OverruledByServer.as_str(),
        sent = attempts::may_have_effect("a")
    );
    let key = (site.as_str(), conversion.as_str(), program.as_str());
    Ok(Past::of(first(ledger, &sql, key, attempts::send)?))
}

/// The conversion by which a server overruled this one, if any.
pub(super) fn overruled_by(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
) -> Result<Option<ConversionId>, StoreError> {
    let (site, id) = (site.as_str(), conversion.as_str());
    let is_overruled = "SELECT count(*) FROM conversions WHERE site = ?1 AND id = ?2 AND code = ?3";
    if count(ledger, is_overruled, (site, id, Code::OverruledByServer.as_str()))? == 0 {
        return Ok(None);
    }
    let sql = "SELECT cause FROM conversion_changes WHERE site = ?1 AND conversion = ?2 AND change = 'overruled'
               ORDER BY number DESC LIMIT 1";
    first(ledger, sql, (site, id), |row| checked(row, "cause"))
}
