//! Commissions in SQL: which deliveries an event concerns, when each is queried, and the vendor's answers. Each query
//! carries a sequence number; an answer is written only if no later query has been answered. `crate::commissions`
//! decides when to query.

use rusqlite::{Connection, Row, named_params};
use trailmark_vendors::commission::{Commission, Earned};
use trailmark_vendors::webhook::Notice;
use trailmark_wire::ids::{DeliveryId, ProgramId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, first, maybe_time, plain, time, to_json, word, write};
use super::{by_hand, lanes, tasks, webhooks};
use crate::store::StoreError;
use crate::store::delivery::LaneKey;
use crate::store::operator::CommissionChange;
use crate::store::webhooks::{AskClaim, Asking, Told};

/// Most deliveries that one event concerns: a change of a partner concerns all deliveries of that partner.
const CONCERNED: u32 = 1000;

/// Deliveries of a program that an event concerns: those of its transactions, otherwise of its customers, otherwise
/// of its partners. A refund's transaction is its sale's, too: where a refund replaces it, only the sale has a commission.
/// A partner has all keys of the events that name the same id of the vendor's: the key may have changed since
/// the click. Deliveries that are not recorded yet are included: they are queried once they are recorded.
pub(super) fn concerned(
    ledger: &Connection,
    site: &SiteId,
    program: &ProgramId,
    notice: &Notice,
) -> Result<Vec<DeliveryId>, StoreError> {
    let transaction = "SELECT DISTINCT id FROM (
           SELECT d.id FROM conversions c CROSS JOIN deliveries d ON d.site = c.site AND d.conversion = c.id
           WHERE c.site = :site AND d.program = :program AND c.kind IN ('sale', 'refund')
             AND c.external_id IN (SELECT value FROM json_each(:keys))
           UNION ALL
           SELECT d.id FROM deliveries d CROSS JOIN conversions c ON c.site = d.site AND c.id = d.conversion
           WHERE d.site = :site AND d.program = :program AND c.kind IN ('sale', 'refund')
             AND d.reference IN (SELECT value FROM json_each(:keys))
           UNION ALL
           SELECT sd.id FROM deliveries d CROSS JOIN conversions c ON c.site = d.site AND c.id = d.conversion
           CROSS JOIN conversions s ON s.site = c.site AND s.kind = 'sale' AND s.external_id = c.refund_of
           CROSS JOIN deliveries sd ON sd.site = s.site AND sd.conversion = s.id AND sd.program = d.program
           WHERE d.site = :site AND d.program = :program AND c.kind = 'refund'
             AND d.reference IN (SELECT value FROM json_each(:keys)))
         ORDER BY +id DESC LIMIT :most";
    // At the vendor a customer's key is the reference of the signup.
    let customer = "SELECT d.id FROM conversions c JOIN deliveries d ON d.site = c.site AND d.conversion = c.id
         WHERE c.site = :site AND d.program = :program AND c.customer_key IN (
           SELECT value FROM json_each(:keys)
           UNION SELECT sc.customer_key FROM deliveries s
             JOIN conversions sc ON sc.site = s.site AND sc.id = s.conversion
             WHERE s.site = :site AND s.program = :program AND sc.kind = 'signup'
               AND s.reference IN (SELECT value FROM json_each(:keys)))
         ORDER BY +d.id DESC LIMIT :most";
    let partner = "SELECT d.id FROM touches t CROSS JOIN deliveries d ON d.site = t.site AND d.touch = t.id
         WHERE t.site = :site AND t.program = :program AND d.program = :program AND d.commission <> 'paid'
           AND t.partner IN (
             SELECT value FROM json_each(:keys)
             UNION SELECT twin.key FROM json_each(:ids) named
               CROSS JOIN webhook_subjects known ON known.site = :site AND known.program = :program
                 AND known.kind = 'partner_id' AND known.key = named.value
               CROSS JOIN webhook_subjects twin ON twin.site = :site AND twin.webhook = known.webhook
                 AND twin.kind = 'partner')
         ORDER BY +d.id DESC LIMIT :most";
    let (site, program) = (site.as_str(), program.as_str());
    for (sql, keys) in [(transaction, &notice.transactions), (customer, &notice.customers)] {
        let params = named_params! { ":site": site, ":program": program, ":keys": to_json(keys)?, ":most": CONCERNED };
        let found = if keys.is_empty() { Vec::new() } else { all(ledger, sql, params, |row| checked(row, "id"))? };
        if !found.is_empty() {
            return Ok(found);
        }
    }
    if notice.partners.is_empty() && notice.partner_ids.is_empty() {
        return Ok(Vec::new());
    }
    let (keys, ids) = (to_json(&notice.partners)?, to_json(&notice.partner_ids)?);
    let params = named_params! {
        ":site": site, ":program": program, ":keys": keys, ":ids": ids, ":most": CONCERNED,
    };
    all(ledger, partner, params, |row| checked(row, "id"))
}

/// Schedules a query for a delivery if it is recorded.
pub(super) fn mark(
    ledger: &Connection,
    site: &SiteId,
    delivery: &DeliveryId,
    now: UnixMillis,
) -> Result<usize, StoreError> {
    let sql = "UPDATE deliveries SET commission_due_at = ?3 WHERE site = ?1 AND id = ?2 AND state = 'recorded'";
    write(ledger, sql, (site.as_str(), delivery.as_str(), now.0))
}

/// A delivery was recorded: schedules a query for it at once, and for a refund also for its sale. Interprets webhooks
/// again that came before the delivery existed.
pub(super) fn begin(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<(), StoreError> {
    // Zero is in the past for every clock.
    mark(ledger, site, delivery, UnixMillis(0))?;
    let sql = "UPDATE deliveries SET commission_due_at = 0
               WHERE site = ?1 AND state = 'recorded' AND id IN (
                 SELECT sd.id FROM deliveries d
                 JOIN conversions c ON c.site = d.site AND c.id = d.conversion
                 JOIN conversions s ON s.site = c.site AND s.kind = 'sale' AND s.external_id = c.refund_of
                 JOIN deliveries sd ON sd.site = s.site AND sd.conversion = s.id AND sd.program = d.program
                 WHERE d.site = ?1 AND d.id = ?2 AND c.kind = 'refund')";
    write(ledger, sql, (site.as_str(), delivery.as_str()))?;
    webhooks::meet(ledger, site, delivery)
}

/// See [`crate::store::webhooks::WebhookStore::next_commission`].
pub(super) fn next(ledger: &Connection, lane: &LaneKey) -> Result<Option<UnixMillis>, StoreError> {
    let sql = "SELECT min(commission_due_at) AS at FROM deliveries
               WHERE site = ?1 AND program = ?2 AND state = 'recorded' AND commission_due_at IS NOT NULL";
    let key = (lane.site.as_str(), lane.program.as_str());
    Ok(first(ledger, sql, key, |row| maybe_time(row, "at"))?.flatten())
}

/// See [`crate::store::webhooks::WebhookStore::claim_commissions`].
pub(super) fn claim(ledger: &Connection, claim: AskClaim) -> Result<Vec<Asking>, StoreError> {
    let AskClaim { lane, most, gate, again_at, due_by } = claim;
    let sql = "SELECT id FROM deliveries WHERE site = :site AND program = :program AND state = 'recorded'
                 AND commission_due_at <= :due_by ORDER BY commission_due_at, id LIMIT :most";
    let key = named_params! {
        ":site": lane.site.as_str(), ":program": lane.program.as_str(), ":due_by": due_by.0, ":most": most,
    };
    let due: Vec<DeliveryId> = all(ledger, sql, key, |row| checked(row, "id"))?;
    let Ok(waiting @ 1..) = u32::try_from(due.len()) else { return Ok(Vec::new()) };
    let (after, open) = gate(lanes::read(ledger, &lane)?, waiting);
    lanes::write_lane(ledger, &lane, &after)?;
    let granted = due.into_iter().take(usize::try_from(open).unwrap_or(usize::MAX));
    let mut asking = Vec::new();
    for delivery in granted {
        match asked(ledger, &lane, delivery.clone(), again_at) {
            // The query stays scheduled for later, so that one damaged row does not block the others.
            Err(StoreError::Corrupt(damage)) => {
                tracing::error!(delivery.id = %delivery, damage, "a delivery's row cannot be read, so its commission is not queried");
            }
            question => asking.push(question?),
        }
    }
    Ok(asking)
}

/// Numbers a query and schedules its repetition.
fn asked(
    ledger: &Connection,
    lane: &LaneKey,
    delivery: DeliveryId,
    again_at: UnixMillis,
) -> Result<Asking, StoreError> {
    let key = (lane.site.as_str(), delivery.as_str());
    let sql = "UPDATE deliveries SET commission_asked = commission_asked + 1, commission_due_at = ?3
               WHERE site = ?1 AND id = ?2";
    write(ledger, sql, (key.0, key.1, again_at.0))?;
    // The newest refund is the one that was sent last: an operator may retry the first after the second.
    let sql = "SELECT d.commission_asked, d.commission, d.reference, c.received_at,
                      (SELECT rd.reference FROM conversions r
                         JOIN deliveries rd ON rd.site = r.site AND rd.conversion = r.id AND rd.program = d.program
                       WHERE c.kind = 'sale' AND r.site = c.site AND r.refund_of = c.external_id AND +r.kind = 'refund'
                         AND +rd.state = 'recorded'
                       ORDER BY (SELECT max(a.started_at) FROM attempts a
                                 WHERE a.site = rd.site AND a.delivery = rd.id AND a.purpose = 'send') DESC,
                                +rd.id DESC LIMIT 1) AS refund_reference
               FROM deliveries d JOIN conversions c ON c.site = d.site AND c.id = d.conversion
               WHERE d.site = ?1 AND d.id = ?2";
    let found = first(ledger, sql, key, |row| {
        let number: u32 = plain(row, "commission_asked")?;
        let references: (Option<String>, Option<String>) = (plain(row, "reference")?, plain(row, "refund_reference")?);
        Ok((number, word::<Commission>(row, "commission")?, references, time(row, "received_at")?))
    })?;
    let (number, commission, (reference, refund_reference), received_at) =
        found.ok_or(StoreError::NotFound("delivery"))?;
    let task = tasks::of_delivery(ledger, &lane.site, &delivery)?;
    let earned = Earned { task, reference, refund_reference };
    Ok(Asking { lane: lane.clone(), delivery, number, earned, commission, received_at, again_at })
}

/// See [`crate::store::webhooks::WebhookStore::tell_commission`].
pub(super) fn tell(ledger: &Connection, asking: &Asking, told: &Told) -> Result<bool, StoreError> {
    let (site, delivery) = (asking.lane.site.as_str(), asking.delivery.as_str());
    let sql = "SELECT commission, commission_told FROM deliveries WHERE site = ?1 AND id = ?2";
    let found = first(ledger, sql, (site, delivery), |row| {
        Ok((word::<Commission>(row, "commission")?, plain::<u32>(row, "commission_told")?))
    })?;
    let (before, last) = found.ok_or(StoreError::NotFound("delivery"))?;
    if last > asking.number {
        return Ok(false);
    }
    // If somebody scheduled another query meanwhile, that time stays.
    let sql = "UPDATE deliveries SET commission_due_at = ?4 WHERE site = ?1 AND id = ?2 AND commission_due_at = ?3";
    write(ledger, sql, (site, delivery, asking.again_at.0, told.next_at.map(|at| at.0)))?;
    let sql = "UPDATE deliveries SET commission_said = ?3, commission_asked_at = ?4 WHERE site = ?1 AND id = ?2";
    write(ledger, sql, (site, delivery, &told.said, told.now.0))?;
    let Some((commission, reason)) = &told.standing else { return Ok(true) };
    let sql = "UPDATE deliveries SET commission = :commission, commission_reason = :reason, commission_at = :now,
                 commission_minor = :minor, commission_currency = :currency, commission_told = :number WHERE site = :site AND id = :id";
    let row = named_params! {
        ":site": site,
        ":id": delivery,
        ":commission": commission.as_str(),
        ":reason": reason,
        ":minor": told.amount.map(|amount| amount.amount_minor),
        ":currency": told.amount.map(|amount| amount.currency.as_str().to_owned()),
        ":now": told.now.0,
        ":number": asking.number,
    };
    write(ledger, sql, row)?;
    if *commission != before {
        record(ledger, asking, *commission, reason.as_deref(), told.now)?;
    }
    Ok(true)
}

fn record(
    ledger: &Connection,
    asking: &Asking,
    commission: Commission,
    reason: Option<&str>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO commission_changes (site, delivery, number, commission, reason, changed_at)
               VALUES (:site, :delivery,
                       (SELECT 1 + count(*) FROM commission_changes WHERE site = :site AND delivery = :delivery),
                       :commission, :reason, :now)";
    let row = named_params! {
        ":site": asking.lane.site.as_str(),
        ":delivery": asking.delivery.as_str(),
        ":commission": commission.as_str(),
        ":reason": reason,
        ":now": now.0,
    };
    write(ledger, sql, row).map(|_| ())
}

/// See [`crate::store::webhooks::WebhookStore::ask_commissions`].
pub(super) fn ask(ledger: &Connection, id: &str, now: UnixMillis) -> Result<u32, StoreError> {
    let (site, conversion) = by_hand::find(ledger, id)?;
    let sql = "SELECT id FROM deliveries WHERE site = ?1 AND conversion = ?2";
    let mut marked = 0;
    for delivery in all(ledger, sql, (site.as_str(), conversion.as_str()), |row| checked(row, "id"))? {
        marked += u32::try_from(mark(ledger, &site, &delivery, now)?).unwrap_or(0);
    }
    match marked {
        0 => Err(StoreError::Refused(
            "no delivery of this conversion is recorded, so there is no commission to query".into(),
        )),
        marked => Ok(marked),
    }
}

/// Changes of a delivery's commission, the oldest first.
pub(super) fn changes(
    ledger: &Connection,
    site: &SiteId,
    delivery: &DeliveryId,
) -> Result<Vec<CommissionChange>, StoreError> {
    let sql = "SELECT * FROM commission_changes WHERE site = ?1 AND delivery = ?2 ORDER BY number";
    all(ledger, sql, (site.as_str(), delivery.as_str()), |row: &Row<'_>| {
        Ok(CommissionChange {
            commission: word(row, "commission")?,
            reason: plain(row, "reason")?,
            changed_at: time(row, "changed_at")?,
        })
    })
}
