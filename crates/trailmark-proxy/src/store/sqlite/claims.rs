//! Claims in SQL: which conversion owns a business key in a program. Taken together with the delivery, and freed only
//! if no vendor can have recorded it.

use rusqlite::Connection;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::receipt::Status;

use super::attempts::may_have_effect;
use super::rows::{all, checked, count, first, word, write};
use crate::store::StoreError;

/// Claims a conversion's business key in a program, unless the conversion has it already.
///
/// # Errors
/// [`StoreError::Refused`] if another conversion has the key (the text names it), or this one has no key.
pub(super) fn take(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    program: &ProgramId,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO claims (site, kind, external_id, program, conversion)
               SELECT site, kind, external_id, ?3, id FROM conversions
               WHERE site = ?1 AND id = ?2 AND external_id IS NOT NULL
               ON CONFLICT (site, kind, external_id, program) DO UPDATE SET conversion = excluded.conversion
               WHERE conversion = excluded.conversion";
    match write(ledger, sql, (site.as_str(), conversion.as_str(), program.as_str()))? {
        0 => Err(StoreError::Refused(match holder(ledger, site, conversion, program)? {
            Some((other, status)) => format!(
                "conversion {other} ({}) now has its business key in program `{program}`: look at {other}, \
                 and run `outbox drop` for this delivery",
                status.as_str()
            ),
            None => "its conversion has no business key to send".to_owned(),
        })),
        _ => Ok(()),
    }
}

/// The other conversion that has a conversion's key in a program, and its status.
fn holder(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    program: &ProgramId,
) -> Result<Option<(ConversionId, Status)>, StoreError> {
    let sql = "SELECT o.id, o.status FROM conversions c
               JOIN claims k ON k.site = c.site AND k.kind = c.kind AND k.external_id = c.external_id AND k.program = ?3
               JOIN conversions o ON o.site = k.site AND o.id = k.conversion
               WHERE c.site = ?1 AND c.id = ?2";
    let key = (site.as_str(), conversion.as_str(), program.as_str());
    first(ledger, sql, key, |row| Ok((checked(row, "id")?, word(row, "status")?)))
}

/// After a delivery was rejected: if all deliveries of the conversion are rejected, rejects the conversion too. Then
/// frees its keys, unless some send took or may have taken effect.
pub(super) fn free_if_rejected(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
) -> Result<(), StoreError> {
    let key = (site.as_str(), conversion.as_str());
    let others = "SELECT count(*) FROM deliveries WHERE site = ?1 AND conversion = ?2 AND state <> 'rejected'";
    if count(ledger, others, key)? > 0 {
        return Ok(());
    }
    write(ledger, "UPDATE conversions SET status = 'rejected' WHERE site = ?1 AND id = ?2", key)?;
    let unsure = format!(
        "SELECT count(*) FROM deliveries d CROSS JOIN attempts a ON a.site = d.site AND a.delivery = d.id
         WHERE d.site = ?1 AND d.conversion = ?2 AND {}",
        may_have_effect("a")
    );
    if count(ledger, &unsure, key)? > 0 {
        return Ok(());
    }
    free(ledger, site, conversion)
}

/// Frees a conversion's business key in all programs.
pub(super) fn free(ledger: &Connection, site: &SiteId, conversion: &ConversionId) -> Result<(), StoreError> {
    let sql = "DELETE FROM claims
               WHERE (site, kind, external_id) IN (SELECT site, kind, external_id FROM conversions
                                                   WHERE site = ?1 AND id = ?2) AND conversion = ?2";
    write(ledger, sql, (site.as_str(), conversion.as_str())).map(|_| ())
}

/// After an operator moved a delivery on: the conversion claims its keys again in all its programs, and is no longer
/// rejected.
///
/// # Errors
/// [`StoreError::Refused`] if another conversion has taken a key meanwhile, or the sale's refunds would exceed the
/// sale.
pub(super) fn take_again(ledger: &Connection, site: &SiteId, conversion: &ConversionId) -> Result<(), StoreError> {
    let key = (site.as_str(), conversion.as_str());
    let sql = "SELECT program FROM deliveries WHERE site = ?1 AND conversion = ?2";
    for program in all(ledger, sql, key, |row| checked::<ProgramId>(row, "program"))? {
        take(ledger, site, conversion, &program)?;
    }
    let sql = "UPDATE conversions SET status = 'accepted' WHERE site = ?1 AND id = ?2 AND status = 'rejected'";
    write(ledger, sql, key)?;
    let above = "SELECT count(*) FROM conversions r
                 JOIN conversions s ON s.site = r.site AND s.kind = 'sale' AND s.external_id = r.refund_of
                 WHERE r.site = ?1 AND r.id = ?2 AND r.kind = 'refund' AND s.status = 'accepted'
                   AND s.amount_minor < (SELECT sum(amount) FROM (
                     SELECT max(amount_minor) AS amount FROM conversions o
                     WHERE o.site = r.site AND o.refund_of = r.refund_of AND +o.kind = 'refund'
                       AND o.status = 'accepted' GROUP BY o.external_id))";
    match count(ledger, above, key)? {
        0 => Ok(()),
        _ => Err(StoreError::Refused(
            "with this refund, the refunds of its sale would exceed the sale's amount: other refunds were accepted meanwhile".into(),
        )),
    }
}
