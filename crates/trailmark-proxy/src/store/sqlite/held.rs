//! The end of held conversions, in SQL: an operator releases or rejects one, a server closes it, or it is decided
//! because what it waited for has arrived. Each end is recorded with its reason or cause; the first receipt stays
//! unchanged. The caller's rule decides.

use rusqlite::{Connection, named_params};
use trailmark_wire::ids::{ConversionId, SiteId, VisitorId};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::known::{self, Subject};
use super::rows::{all, checked, first, maybe, plain, time, to_json, word, write};
use super::{by_hand, conversions, overrule, owed};
use crate::code::Code;
use crate::store::operator::{Afterwards, ConversionChange, ConversionDetail};
use crate::store::{Consequence, FOLLOWERS_AT_ONCE, Held, Known, ReleaseRule, Ruling, StoreError};

/// See [`crate::store::operator::OperatorStore::release_held`].
pub(super) fn release(
    ledger: &Connection,
    id: &str,
    reason: &str,
    rule: ReleaseRule,
    now: UnixMillis,
) -> Result<ConversionDetail, StoreError> {
    let (site, id) = by_hand::find(ledger, id)?;
    assert_held(ledger, &site, &id)?;
    let ruling = decide_again(ledger, &site, &id, rule)?;
    let why = Why { change: Afterwards::Released, reason: Some(reason), cause: None, now };
    settle(ledger, &site, &ruling, &why)?;
    by_hand::conversion_of(ledger, &site, &id)?.ok_or(StoreError::NotFound("conversion"))
}

/// See [`crate::store::operator::OperatorStore::reject_held`].
pub(super) fn reject(
    ledger: &Connection,
    id: &str,
    reason: &str,
    now: UnixMillis,
) -> Result<ConversionDetail, StoreError> {
    let (site, id) = by_hand::find(ledger, id)?;
    assert_held(ledger, &site, &id)?;
    let why = Why { change: Afterwards::Rejected, reason: Some(reason), cause: None, now };
    stand(ledger, &site, &id, (Status::Rejected, Some(Code::RejectedByHand.as_str())), &why)?;
    by_hand::conversion_of(ledger, &site, &id)?.ok_or(StoreError::NotFound("conversion"))
}

/// Writes what a ruling about `cause` changes in other conversions.
pub(super) fn follow(
    ledger: &Connection,
    site: &SiteId,
    cause: &ConversionId,
    consequences: &[Consequence],
    now: UnixMillis,
) -> Result<(), StoreError> {
    for consequence in consequences {
        match consequence {
            Consequence::Overrules => overrule::overrule(ledger, site, cause, now)?,
            Consequence::Confirms => overrule::confirm(ledger, site, cause, now)?,
            Consequence::Owes => owed::owe(ledger, site, cause, owed::What::Refunds)?,
            Consequence::ClosesHeld => close(ledger, site, cause, now)?,
            Consequence::ClosesItself => close_itself(ledger, site, cause, now)?,
            Consequence::Decides(ruling) => {
                let why = Why { change: Afterwards::Followed, reason: None, cause: Some(cause), now };
                settle(ledger, site, ruling, &why)?;
            }
        }
    }
    Ok(())
}

/// Changes of a conversion after its receipt.
pub(super) fn changes(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
) -> Result<Vec<ConversionChange>, StoreError> {
    let sql = "SELECT * FROM conversion_changes WHERE site = ?1 AND conversion = ?2 ORDER BY number";
    all(ledger, sql, (site.as_str(), conversion.as_str()), |row| {
        Ok(ConversionChange {
            change: word(row, "change")?,
            reason: plain(row, "reason")?,
            cause: maybe(row, "cause")?,
            status: word(row, "status")?,
            code: plain(row, "code")?,
            changed_at: time(row, "changed_at")?,
        })
    })
}

/// Why a conversion's status changes.
pub(super) struct Why<'a> {
    pub(super) change: Afterwards,
    pub(super) reason: Option<&'a str>,
    pub(super) cause: Option<&'a ConversionId>,
    pub(super) now: UnixMillis,
}

fn assert_held(ledger: &Connection, site: &SiteId, id: &ConversionId) -> Result<(), StoreError> {
    let sql = "SELECT status FROM conversions WHERE site = ?1 AND id = ?2";
    let status: Option<String> = first(ledger, sql, (site.as_str(), id.as_str()), |row| plain(row, "status"))?;
    match status.as_deref() {
        Some("held") => Ok(()),
        Some(status) => Err(StoreError::Refused(format!(
            "this conversion is `{status}`: only a held conversion can be released or rejected"
        ))),
        None => Err(StoreError::NotFound("conversion")),
    }
}

/// What a rule reads of a conversion, its visitor, and for a refund its sale's key.
type Again = (Held, VisitorId, Option<String>);

fn again(ledger: &Connection, site: &SiteId, id: &ConversionId) -> Result<Again, StoreError> {
    let sql = "SELECT c.*, x.decision ->> 'conversion_at' AS decided_for FROM conversions c
               JOIN decisions x ON x.site = c.site AND x.conversion = c.id WHERE c.site = ?1 AND c.id = ?2";
    let found = first(ledger, sql, (site.as_str(), id.as_str()), |row| {
        Ok((known::held(row)?, checked(row, "visitor")?, plain(row, "refund_of")?))
    })?;
    found.ok_or(StoreError::NotFound("conversion"))
}

/// Applies a rule to a conversion and what the ledger knows now.
pub(super) fn decide_again<T>(
    ledger: &Connection,
    site: &SiteId,
    id: &ConversionId,
    rule: impl FnOnce(&Held, &Known) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let (held, visitor, refund_of) = again(ledger, site, id)?;
    let subject = Subject {
        site,
        visitor: &visitor,
        kind: held.kind,
        external_id: held.external_id.as_deref(),
        customer: held.customer.as_ref().map(|key| key.as_str()),
        refund_of: refund_of.as_deref(),
        // It is held already, so no budget applies.
        held_since: None,
    };
    rule(&held, &known::about(ledger, &subject)?)
}

/// The same with `known` read by the caller.
pub(super) fn decide_knowing<T>(
    ledger: &Connection,
    site: &SiteId,
    id: &ConversionId,
    known: &Known,
    rule: impl FnOnce(&Held, &Known) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    rule(&again(ledger, site, id)?.0, known)
}

/// Writes a ruling about the held conversion that its receipt names, with deliveries and consequences.
pub(super) fn settle(ledger: &Connection, site: &SiteId, ruling: &Ruling, why: &Why<'_>) -> Result<(), StoreError> {
    let (id, receipt) = (&ruling.receipt.conversion_id, &ruling.receipt);
    stand(ledger, site, id, (receipt.status, receipt.code.as_deref()), why)?;
    let sql = "UPDATE decisions SET rules_version = ?3, decision = ?4 WHERE site = ?1 AND conversion = ?2";
    let decision = &ruling.decision;
    write(ledger, sql, (site.as_str(), id.as_str(), decision.rules_version, to_json(decision)?))?;
    conversions::deliver(ledger, site, id, &ruling.deliveries)?;
    follow(ledger, site, id, &ruling.consequences, why.now)
}

/// Closes held conversions with the kind and key of `cause`. Pages may have any number of them: what exceeds
/// [`FOLLOWERS_AT_ONCE`] is closed later.
fn close(ledger: &Connection, site: &SiteId, cause: &ConversionId, now: UnixMillis) -> Result<(), StoreError> {
    let sql = "SELECT h.id FROM conversions c
               JOIN conversions h ON h.site = c.site AND h.kind = c.kind AND h.external_id = c.external_id
               WHERE c.site = ?1 AND c.id = ?2 AND h.status = 'held' AND h.id <> c.id ORDER BY +h.id LIMIT ?3";
    let key = (site.as_str(), cause.as_str(), FOLLOWERS_AT_ONCE);
    let held: Vec<ConversionId> = all(ledger, sql, key, |row| checked(row, "id"))?;
    held.iter().try_for_each(|id| close_one(ledger, site, id, cause, now))?;
    let is_all = held.len() < FOLLOWERS_AT_ONCE as usize;
    if is_all { Ok(()) } else { owed::owe(ledger, site, cause, owed::What::Closing) }
}

/// Closes one held conversion.
pub(super) fn close_one(
    ledger: &Connection,
    site: &SiteId,
    held: &ConversionId,
    cause: &ConversionId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let why = Why { change: Afterwards::Closed, reason: None, cause: Some(cause), now };
    stand(ledger, site, held, (Status::Duplicate, Some(Code::ClosedByServer.as_str())), &why)
}

/// Closes a held conversion whose key is taken.
fn close_itself(ledger: &Connection, site: &SiteId, id: &ConversionId, now: UnixMillis) -> Result<(), StoreError> {
    let sql = "SELECT kind, external_id FROM conversions WHERE site = ?1 AND id = ?2";
    let named = first(ledger, sql, (site.as_str(), id.as_str()), |row| {
        Ok((plain::<String>(row, "kind")?, plain::<Option<String>>(row, "external_id")?))
    })?;
    let Some((kind, Some(key))) = named else { return Err(StoreError::NotFound("business key")) };
    let holder = known::stated_by(ledger, site, &kind, &key)?;
    let why = Why { change: Afterwards::Closed, reason: None, cause: holder.as_ref(), now };
    stand(ledger, site, id, (Status::Duplicate, Some(Code::KeyTaken.as_str())), &why)
}

/// Sets and records the new status of a held conversion, or of a refund that ended with its sale.
fn stand(
    ledger: &Connection,
    site: &SiteId,
    id: &ConversionId,
    (status, code): (Status, Option<&str>),
    why: &Why<'_>,
) -> Result<(), StoreError> {
    let sql = "UPDATE conversions SET status = ?3, code = ?4 WHERE site = ?1 AND id = ?2
                 AND (status = 'held' OR (kind = 'refund' AND status = 'unattributed'))";
    if write(ledger, sql, (site.as_str(), id.as_str(), status.as_str(), code))? == 0 {
        return Err(StoreError::Refused("this conversion is not held".into()));
    }
    record(ledger, site, id, (status, code), why)
}

/// Records the new status of a conversion.
pub(super) fn record(
    ledger: &Connection,
    site: &SiteId,
    id: &ConversionId,
    (status, code): (Status, Option<&str>),
    why: &Why<'_>,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO conversion_changes (site, conversion, number, change, reason, cause, status, code, changed_at)
               VALUES (:site, :conversion,
                       (SELECT 1 + count(*) FROM conversion_changes WHERE site = :site AND conversion = :conversion),
                       :change, :reason, :cause, :status, :code, :now)";
    let row = named_params! {
        ":site": site.as_str(),
        ":conversion": id.as_str(),
        ":change": why.change.as_str(),
        ":reason": why.reason,
        ":cause": why.cause.map(ConversionId::as_str),
        ":status": status.as_str(),
        ":code": code,
        ":now": why.now.0,
    };
    write(ledger, sql, row).map(|_| ())
}
