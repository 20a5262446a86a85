//! One conversion with everything about it, and operators' changes, in SQL. Each change is recorded with its reason;
//! `outbox::manual` decides whether a delivery allows it.

use rusqlite::{Connection, named_params};
use trailmark_wire::ids::{ConversionId, DeliveryId, ProgramId, SiteId};
use trailmark_wire::merchant::{Claims, CustomerClaims, OrderClaims, Statement};
use trailmark_wire::receipt::Receipt;
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, first, json, maybe_time, plain, time, to_json, write};
use super::{attempts, claims, deliveries, held, known, lists, order, overrule};
use crate::json::Json;
use crate::outbox::manual::{self, Past};
use crate::outbox::{Progress, State};
use crate::store::StoreError;
use crate::store::operator::{Change, ConversionDetail, ConversionRow, DeliveryRow, Signed, Verdict};

/// Shortest accepted beginning of an id, in characters.
const SHORTEST_PREFIX: usize = 8;

/// See [`crate::store::operator::OperatorStore::conversion`].
pub(super) fn conversion(ledger: &Connection, id: &str) -> Result<ConversionDetail, StoreError> {
    let (site, id) = find(ledger, id)?;
    conversion_of(ledger, &site, &id)?.ok_or(StoreError::NotFound("conversion"))
}

/// See [`crate::store::callers::CallerStore::conversion_of`].
pub(super) fn by_either_id(
    ledger: &Connection,
    site: &SiteId,
    id: &ConversionId,
) -> Result<Option<ConversionDetail>, StoreError> {
    if let Some(found) = conversion_of(ledger, site, id)? {
        return Ok(Some(found));
    }
    let sql = "SELECT id FROM conversions WHERE site = ?1 AND jti = ?2 LIMIT 2";
    let named: Vec<ConversionId> = all(ledger, sql, (site.as_str(), id.as_str()), |row| checked(row, "id"))?;
    match named.as_slice() {
        [only] => conversion_of(ledger, site, only),
        _ => Ok(None),
    }
}

/// One conversion of a site, by the ledger's id.
pub(super) fn conversion_of(
    ledger: &Connection,
    site: &SiteId,
    id: &ConversionId,
) -> Result<Option<ConversionDetail>, StoreError> {
    let sql = "SELECT c.*, x.decision FROM conversions c JOIN decisions x ON x.site = c.site AND x.conversion = c.id
               WHERE c.site = ?1 AND c.id = ?2";
    let found = first(ledger, sql, (site.as_str(), id.as_str()), |row| {
        let occurred_at = time(row, "occurred_at")?;
        let warnings = json::<Receipt>(row, "receipt")?.warnings;
        Ok((lists::conversion_row(row)?, occurred_at, checked(row, "visitor")?, json(row, "decision")?, warnings))
    })?;
    let Some((mut conversion, occurred_at, visitor, decision, warnings)) = found else { return Ok(None) };
    lists::complete(ledger, &mut conversion)?;
    let touches = lists::touches_of(ledger, site, id, &visitor)?;
    let deliveries = lists::deliveries_of(ledger, site, id)?;
    let changes = held::changes(ledger, site, id)?;
    let (holder, signed) = (holder(ledger, &conversion)?, signed(ledger, &conversion)?);
    Ok(Some(ConversionDetail {
        conversion,
        occurred_at,
        visitor,
        decision,
        touches,
        deliveries,
        changes,
        holder,
        signed,
        warnings,
    }))
}

/// The other conversion that has a conversion's business key.
fn holder(ledger: &Connection, row: &ConversionRow) -> Result<Option<ConversionRow>, StoreError> {
    let Some(key) = &row.external_id else { return Ok(None) };
    let stands = known::stated_by(ledger, &row.site, row.kind.as_str(), key)?;
    let Some(id) = stands.filter(|id| *id != row.id) else { return Ok(None) };
    let sql = "SELECT * FROM conversions WHERE site = ?1 AND id = ?2";
    let mut found = first(ledger, sql, (row.site.as_str(), id.as_str()), lists::conversion_row)?;
    found.iter_mut().try_for_each(|row| lists::complete(ledger, row))?;
    Ok(found)
}

/// What the merchant signed. `customer_key` and `order_key` are only set after the signature was verified.
fn signed(ledger: &Connection, row: &ConversionRow) -> Result<Vec<Signed>, StoreError> {
    let sql = "SELECT CASE WHEN c.customer_key IS NOT NULL THEN p.signed_customer END AS customer,
                      CASE WHEN c.order_key IS NOT NULL THEN p.signed_order END AS \"order\"
               FROM conversions c JOIN conversion_payloads p ON p.site = c.site AND p.conversion = c.id
               WHERE c.site = ?1 AND c.id = ?2";
    let found = first(ledger, sql, (row.site.as_str(), row.id.as_str()), |row| {
        Ok((plain::<Option<String>>(row, "customer")?, plain::<Option<String>>(row, "order")?))
    })?;
    let (customer, order) = found.unwrap_or_default();
    let customer = customer.map(|jws| Signed { what: "customer".to_owned(), kid: kid::<CustomerClaims>(&jws) });
    let order = order.map(|jws| Signed { what: "order".to_owned(), kid: kid::<OrderClaims>(&jws) });
    Ok(customer.into_iter().chain(order).collect())
}

fn kid<C: Claims>(jws: &str) -> Option<String> {
    Statement::<C>::parse(jws, &Json).ok()?.kid().map(str::to_owned)
}

/// The one conversion of any site whose id begins so: the ledger's id or the page's (its `jti`). A page that could
/// not reach the proxy at once knows only its own id.
pub(super) fn find(ledger: &Connection, prefix: &str) -> Result<(SiteId, ConversionId), StoreError> {
    if prefix.len() < SHORTEST_PREFIX {
        return Err(StoreError::Refused(format!("give at least {SHORTEST_PREFIX} characters of the conversion's id")));
    }
    // `g` sorts after every hexadecimal digit.
    let sql = "SELECT site, id FROM conversions WHERE site = ?1 AND id >= ?2 AND id < ?2 || 'g'
               UNION SELECT site, id FROM conversions WHERE site = ?1 AND jti >= ?2 AND jti < ?2 || 'g' LIMIT 2";
    let mut found = Vec::new();
    for site in lists::sites(ledger)? {
        let read = |row: &rusqlite::Row<'_>| Ok((checked(row, "site")?, checked(row, "id")?));
        found.extend(all(ledger, sql, (site.as_str(), prefix), read)?);
    }
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(StoreError::Refused("more than one conversion's id begins with this: give more characters".into()))
        }
        (None, _) => Err(StoreError::NotFound("conversion")),
    }
}

/// A delivery before a change.
struct Before {
    site: SiteId,
    conversion: ConversionId,
    program: ProgramId,
    generation: u32,
    leased_until: Option<UnixMillis>,
    progress: Progress,
}

/// See [`crate::store::operator::OperatorStore::change`].
pub(super) fn change(ledger: &Connection, change: &Change, now: UnixMillis) -> Result<DeliveryRow, StoreError> {
    let (Change::Drop { delivery, .. } | Change::Resolve { delivery, .. } | Change::Retry { delivery, .. }) = change;
    let before = before(ledger, delivery)?;
    if let Some(until) = before.leased_until {
        return Err(StoreError::Refused(format!("this delivery is being sent now: try again after {until}")));
    }
    if let Some(by) = overrule::overruled_by(ledger, &before.site, &before.conversion)? {
        return Err(StoreError::Refused(format!(
            "the site's backend overruled this page's claim, in conversion {by}: look at that conversion's deliveries"
        )));
    }
    let (generation, after) = decide(ledger, delivery, &before, change, now)?;
    deliveries::set(ledger, &before.site, delivery, generation, &after)?;
    // Deliveries that wait for it update their reasons.
    order::wake(ledger, &before.site, delivery)?;
    follow(ledger, &before, &after)?;
    record(ledger, delivery, &before, after.state, change, now)?;
    lists::delivery(ledger, &before.site, delivery)
}

fn before(ledger: &Connection, delivery: &DeliveryId) -> Result<Before, StoreError> {
    let sql = "SELECT * FROM deliveries WHERE site = ?1 AND id = ?2";
    for site in lists::sites(ledger)? {
        let found = first(ledger, sql, (site.as_str(), delivery.as_str()), |row| {
            Ok(Before {
                site: checked(row, "site")?,
                conversion: checked(row, "conversion")?,
                program: checked(row, "program")?,
                generation: plain(row, "generation")?,
                leased_until: maybe_time(row, "lease_until")?,
                progress: deliveries::progress(row)?,
            })
        })?;
        if let Some(before) = found {
            return Ok(before);
        }
    }
    Err(StoreError::NotFound("delivery"))
}

fn decide(
    ledger: &Connection,
    delivery: &DeliveryId,
    before: &Before,
    change: &Change,
    now: UnixMillis,
) -> Result<(u32, Progress), StoreError> {
    let progress = before.progress.clone();
    let (generation, after) = match change {
        Change::Drop { reason, .. } => (before.generation, manual::dropped(progress, reason.clone())),
        Change::Resolve { verdict, reason, .. } => {
            (before.generation, manual::resolved(progress, *verdict == Verdict::Recorded, reason.clone()))
        }
        Change::Retry { accept_double, .. } => {
            let past = match attempts::past(ledger, &before.site, delivery)? {
                Past::Clear => overrule::past(ledger, &before.site, &before.conversion, &before.program)?,
                unsure @ Past::Unsure(_) => unsure,
            };
            (before.generation + 1, manual::replayed(progress, past, *accept_double, now))
        }
    };
    Ok((generation, after.map_err(|error| StoreError::Refused(error.to_string()))?))
}

/// Updates the conversion's status and claims.
fn follow(ledger: &Connection, before: &Before, after: &Progress) -> Result<(), StoreError> {
    match after.state {
        State::Rejected => claims::free_if_rejected(ledger, &before.site, &before.conversion),
        State::Dropped => Ok(()),
        _ => claims::take_again(ledger, &before.site, &before.conversion),
    }
}

fn record(
    ledger: &Connection,
    delivery: &DeliveryId,
    before: &Before,
    after: State,
    change: &Change,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO operator_changes (site, delivery, number, change, state_before, state_after, changed_at)
               VALUES (:site, :delivery,
                       (SELECT 1 + count(*) FROM operator_changes WHERE site = :site AND delivery = :delivery),
                       :change, :before, :after, :now)";
    let row = named_params! {
        ":site": before.site.as_str(),
        ":delivery": delivery.as_str(),
        ":change": to_json(change)?,
        ":before": before.progress.state.as_str(),
        ":after": after.as_str(),
        ":now": now.0,
    };
    write(ledger, sql, row).map(|_| ())
}
