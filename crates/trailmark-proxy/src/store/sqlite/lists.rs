//! What operators list, in SQL. A question without a site is asked of each site in turn, so that no statement leaves one.

use rusqlite::{Connection, Row, ToSql, named_params};
use trailmark_attribution::Decision;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId, VisitorId};
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, json, maybe, maybe_time, plain, time, word};
use super::{commissions, lanes};
use crate::outbox::State;
use crate::store::StoreError;
use crate::store::delivery::{Lane, LaneKey};
use crate::store::operator::{AttemptRow, ConversionRow, DeliveryRow, Filter, LaneRow, TouchRow};

/// Rows of a list, where the caller names no limit.
const ROWS: u32 = 100;

/// Rows of a list, whatever the caller says.
const MOST_ROWS: u32 = 1000;

/// A delivery as people see it; `c` is its conversion.
const DELIVERY: &str = "SELECT d.*, c.kind, c.external_id FROM deliveries d
                        JOIN conversions c ON c.site = d.site AND c.id = d.conversion";

/// Whether a conversion `c` is credited to a partner, or a link of theirs brought its visitor.
const BROUGHT_BY: &str = "(EXISTS (SELECT 1 FROM touches t WHERE t.site = c.site AND t.visitor = c.visitor
                                   AND t.partner = :partner)
                           OR EXISTS (SELECT 1 FROM deliveries d JOIN touches t ON t.site = d.site AND t.id = d.touch
                                      WHERE d.site = c.site AND d.conversion = c.id AND t.partner = :partner))";

/// Every site that has rows.
pub(super) fn sites(ledger: &Connection) -> Result<Vec<SiteId>, StoreError> {
    // One step to each next site; DISTINCT would walk all visitors.
    let sql = "WITH RECURSIVE found (site) AS (
                 SELECT min(site) FROM visitors
                 UNION ALL
                 SELECT (SELECT min(v.site) FROM visitors v WHERE v.site > found.site) FROM found
                 WHERE found.site IS NOT NULL)
               SELECT site FROM found WHERE site IS NOT NULL";
    all(ledger, sql, [], |row| checked(row, "site"))
}

/// The filter's site, or all.
fn sites_of(ledger: &Connection, filter: &Filter) -> Result<Vec<SiteId>, StoreError> {
    filter.site.clone().map_or_else(|| sites(ledger), |site| Ok(vec![site]))
}

/// How many rows a list shows at most.
pub(super) fn limit(filter: &Filter) -> u32 {
    filter.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS)
}

/// Asks a listing statement of each site, and puts the answers together, the newest first. `more` are parameters of this
/// statement alone.
fn newest<T>(
    ledger: &Connection,
    filter: &Filter,
    (sql, more): (&str, &[(&str, &dyn ToSql)]),
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    age: impl Fn(&T) -> (UnixMillis, ConversionId),
) -> Result<Vec<T>, StoreError> {
    let (program, most) = (filter.program.as_ref().map(ProgramId::as_str), limit(filter));
    let mut found = Vec::new();
    for site in sites_of(ledger, filter)? {
        let site = site.as_str();
        let mut key: Vec<(&str, &dyn ToSql)> =
            vec![(":site", &site), (":state", &filter.state), (":program", &program), (":limit", &most)];
        key.extend_from_slice(more);
        found.extend(all(ledger, sql, key.as_slice(), &read)?);
    }
    found.sort_by_cached_key(|row| std::cmp::Reverse(age(row)));
    found.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(found)
}

/// See [`crate::store::operator::OperatorStore::conversions`].
pub(super) fn conversions(ledger: &Connection, filter: &Filter) -> Result<Vec<ConversionRow>, StoreError> {
    let mut more: Vec<(&str, &dyn ToSql)> = Vec::new();
    let mut named = String::new();
    // The kinds, so that the index that leads to a key by its kind is of use.
    let conditions = [
        (":key", &filter.key, "c.kind IN ('signup', 'lead', 'sale', 'refund') AND c.external_id = :key"),
        (":customer", &filter.customer, "c.customer_key = :customer"),
        (":partner", &filter.partner, BROUGHT_BY),
    ];
    for (parameter, wanted, condition) in &conditions {
        if let Some(wanted) = wanted {
            more.push((parameter, wanted));
            named.push_str(&format!(" AND {condition}"));
        }
    }
    // With `+`, the few rows of a key are found and sorted; without, rows are walked from the newest on.
    let order = if filter.key.is_some() || filter.customer.is_some() { "+c.received_at" } else { "c.received_at" };
    let sql = format!(
        "SELECT c.* FROM conversions c
         WHERE c.site = :site AND (:state IS NULL OR c.status = :state){named}
           AND (:program IS NULL OR EXISTS (SELECT 1 FROM deliveries d WHERE d.site = c.site
                                            AND d.conversion = c.id AND d.program = :program))
         ORDER BY {order} DESC, c.id DESC LIMIT :limit"
    );
    let age = |row: &ConversionRow| (row.received_at, row.id.clone());
    let mut found = newest(ledger, filter, (&sql, &more), conversion_row, age)?;
    found.iter_mut().try_for_each(|row| fill_programs(ledger, row))?;
    Ok(found)
}

/// Programs, partners and states of a conversion's deliveries; of one without deliveries, what its decision credits.
pub(super) fn fill_programs(ledger: &Connection, row: &mut ConversionRow) -> Result<(), StoreError> {
    let key = (row.site.as_str(), row.id.as_str());
    let sql = "SELECT d.program, d.state, t.partner FROM deliveries d
               JOIN touches t ON t.site = d.site AND t.id = d.touch
               WHERE d.site = ?1 AND d.conversion = ?2 ORDER BY d.program";
    let read = |row: &Row<'_>| Ok((checked(row, "program")?, plain(row, "partner")?, plain(row, "state")?));
    let found = all(ledger, sql, key, read)?;
    if !found.is_empty() {
        for (program, partner, state) in found {
            row.programs.push(program);
            row.partners.push(partner);
            row.deliveries.push(state);
        }
        return Ok(());
    }
    let sql = "SELECT decision FROM decisions WHERE site = ?1 AND conversion = ?2";
    for decision in all(ledger, sql, key, |row| json::<Decision>(row, "decision"))? {
        for touch in decision.credited() {
            row.programs.push(touch.program.clone());
            row.partners.push(touch.partner.as_ref().map(|partner| partner.as_str().to_owned()));
        }
    }
    Ok(())
}

/// See [`crate::store::operator::OperatorStore::touches`].
pub(super) fn touches(ledger: &Connection, filter: &Filter) -> Result<Vec<TouchRow>, StoreError> {
    let sql = "SELECT * FROM touches
               WHERE site = :site AND (:program IS NULL OR program = :program) AND (:state IS NULL OR source = :state)
               ORDER BY recorded_at DESC, id DESC LIMIT :limit";
    newest(ledger, filter, (sql, &[]), touch_row, |row| (row.at, row.id.clone()))
}

/// Every touch of a conversion's visitor, and those of another that it is delivered for, the first first.
pub(super) fn touches_of(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    visitor: &VisitorId,
) -> Result<Vec<TouchRow>, StoreError> {
    let sql = "SELECT * FROM touches WHERE site = ?1 AND visitor = ?3
               UNION SELECT t.* FROM deliveries d JOIN touches t ON t.site = d.site AND t.id = d.touch
                     WHERE d.site = ?1 AND d.conversion = ?2
               ORDER BY at, id";
    all(ledger, sql, (site.as_str(), conversion.as_str(), visitor.as_str()), touch_row)
}

/// See [`crate::store::operator::OperatorStore::deliveries`].
pub(super) fn deliveries(ledger: &Connection, filter: &Filter) -> Result<Vec<DeliveryRow>, StoreError> {
    // With `+`, the few rows of the states are found and sorted; without, rows are walked from the newest on.
    let (states, order) = match (&filter.state, filter.settled) {
        (Some(_), _) => ("d.state = :state".into(), "d.id"),
        (None, true) => (":state IS NULL".into(), "d.id"),
        (None, false) => (format!(":state IS NULL AND d.state IN ({})", shown_by_default()), "+d.id"),
    };
    let sql = format!(
        "{DELIVERY} WHERE d.site = :site AND {states} AND (:program IS NULL OR d.program = :program)
         ORDER BY {order} DESC LIMIT :limit"
    );
    newest(ledger, filter, (&sql, &[]), delivery_row, |row| (UnixMillis(0), row.id.clone()))
}

/// What an operator should see unasked: all that is not settled, and the dead letters.
fn shown_by_default() -> String {
    let shown = State::ALL.into_iter().filter(|state| !state.is_settled() || state.is_dead_letter());
    shown.map(|state| format!("'{}'", state.as_str())).collect::<Vec<_>>().join(", ")
}

/// The deliveries of a conversion with their attempts, by program.
pub(super) fn deliveries_of(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = format!("{DELIVERY} WHERE d.site = ?1 AND d.conversion = ?2 ORDER BY d.program");
    let mut found = all(ledger, &sql, (site.as_str(), conversion.as_str()), delivery_row)?;
    found.iter_mut().try_for_each(|row| fill_tries(ledger, row))?;
    Ok(found)
}

/// A delivery with its attempts.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of that id.
pub(super) fn delivery(ledger: &Connection, site: &SiteId, id: &ConversionId) -> Result<DeliveryRow, StoreError> {
    let sql = format!("{DELIVERY} WHERE d.site = ?1 AND d.id = ?2");
    let found = all(ledger, &sql, (site.as_str(), id.as_str()), delivery_row)?;
    let mut row = found.into_iter().next().ok_or(StoreError::NotFound("delivery"))?;
    fill_tries(ledger, &mut row)?;
    Ok(row)
}

fn fill_tries(ledger: &Connection, row: &mut DeliveryRow) -> Result<(), StoreError> {
    let sql = "SELECT * FROM attempts WHERE site = ?1 AND delivery = ?2 ORDER BY generation, number";
    row.tries = all(ledger, sql, (row.site.as_str(), row.id.as_str()), attempt_row)?;
    row.commission_changes = commissions::changes(ledger, &row.site, &row.id)?;
    Ok(())
}

/// See [`crate::store::operator::OperatorStore::lanes`].
pub(super) fn lane_rows(ledger: &Connection, now: UnixMillis) -> Result<Vec<LaneRow>, StoreError> {
    let sql = format!(
        "SELECT program, sum(waiting) AS waiting FROM (
           SELECT program, 0 AS waiting FROM lanes WHERE site = :site
           UNION ALL
           SELECT program, count(*) FROM deliveries WHERE site = :site AND state IN ({}) GROUP BY program)
         GROUP BY program ORDER BY program",
        words(State::goes_on)
    );
    let mut found = Vec::new();
    for site in sites(ledger)? {
        let key = named_params! {":site": site.as_str()};
        for (program, waiting) in
            all(ledger, &sql, key, |row| Ok((checked(row, "program")?, plain::<i64>(row, "waiting")?)))?
        {
            let key = LaneKey { site: site.clone(), program };
            let lane = lanes::read(ledger, &key)?;
            found.push(lane_row(key, &lane, u64::try_from(waiting).unwrap_or(0), now));
        }
    }
    Ok(found)
}

/// The words of states that are not settled, for SQL.
pub(super) fn unsettled() -> String {
    words(|state| !state.is_settled())
}

fn words(of: impl Fn(State) -> bool) -> String {
    let states = State::ALL.into_iter().filter(|state| of(*state));
    states.map(|state| format!("'{}'", state.as_str())).collect::<Vec<_>>().join(", ")
}

/// A pause outlasts everything, then the vendor's own word counts, then our breaker.
fn lane_row(key: LaneKey, lane: &Lane, waiting: u64, now: UnixMillis) -> LaneRow {
    let ahead = |at: Option<UnixMillis>| at.filter(|at| *at > now);
    let (state, reason, next_at) = match (&lane.pause, ahead(lane.throttled_until), ahead(lane.broken_until)) {
        (Some(pause), _, _) => ("paused", Some(pause.reason.clone()), Some(pause.probe_at)),
        (None, Some(until), _) => ("throttled", Some("the vendor asks for fewer requests".into()), Some(until)),
        (None, None, Some(until)) => {
            let reason = format!("{} failures in a row; one request is tried then", lane.failures);
            ("broken", Some(reason), Some(until))
        }
        (None, None, None) => ("open", None, None),
    };
    let next_at = next_at.map(UnixMillis::to_rfc3339);
    LaneRow { program: key.program, state: state.into(), reason, next_at, waiting }
}

pub(super) fn conversion_row(row: &Row<'_>) -> Result<ConversionRow, StoreError> {
    Ok(ConversionRow {
        id: checked(row, "id")?,
        site: checked(row, "site")?,
        kind: word(row, "kind")?,
        external_id: plain(row, "external_id")?,
        customer: plain(row, "customer_key")?,
        amount: money(row, "amount_minor", "currency")?,
        refund_of: plain(row, "refund_of")?,
        status: word(row, "status")?,
        code: plain(row, "code")?,
        assurance: plain(row, "assurance")?,
        programs: Vec::new(),
        partners: Vec::new(),
        deliveries: Vec::new(),
        received_at: time(row, "received_at")?,
    })
}

/// An amount in two columns.
pub(super) fn money(row: &Row<'_>, minor: &str, currency: &str) -> Result<Option<Money>, StoreError> {
    let (minor, currency) = (plain::<Option<i64>>(row, minor)?, maybe::<Currency>(row, currency)?);
    Ok(minor.zip(currency).map(|(amount_minor, currency)| Money { amount_minor, currency }))
}

fn touch_row(row: &Row<'_>) -> Result<TouchRow, StoreError> {
    Ok(TouchRow {
        id: checked(row, "id")?,
        site: checked(row, "site")?,
        program: checked(row, "program")?,
        visitor: checked(row, "visitor")?,
        partner: plain(row, "partner")?,
        click_id: plain(row, "click_id")?,
        source: plain(row, "source")?,
        landing_url: plain(row, "landing_url")?,
        at: time(row, "at")?,
        expires_at: time(row, "expires_at")?,
    })
}

fn delivery_row(row: &Row<'_>) -> Result<DeliveryRow, StoreError> {
    let due_at: Option<i64> = plain(row, "due_at")?;
    Ok(DeliveryRow {
        id: checked(row, "id")?,
        site: checked(row, "site")?,
        conversion: checked(row, "conversion")?,
        kind: word(row, "kind")?,
        external_id: plain(row, "external_id")?,
        program: checked(row, "program")?,
        vendor: word(row, "vendor")?,
        state: plain(row, "state")?,
        reason: plain(row, "reason")?,
        attempts: plain(row, "attempts")?,
        generation: plain(row, "generation")?,
        due_at: due_at.map(|at| UnixMillis(at).to_rfc3339()),
        reference: plain(row, "reference")?,
        commission: word(row, "commission")?,
        commission_reason: plain(row, "commission_reason")?,
        commission_amount: money(row, "commission_minor", "commission_currency")?,
        commission_at: maybe_time(row, "commission_at")?.map(UnixMillis::to_rfc3339),
        commission_changes: Vec::new(),
        tries: Vec::new(),
    })
}

fn attempt_row(row: &Row<'_>) -> Result<AttemptRow, StoreError> {
    let started_at = time(row, "started_at")?;
    let ended_at: Option<i64> = plain(row, "ended_at")?;
    Ok(AttemptRow {
        number: plain(row, "number")?,
        generation: plain(row, "generation")?,
        purpose: plain(row, "purpose")?,
        request: plain(row, "request")?,
        started_at,
        duration_ms: ended_at.map(|at| UnixMillis(at).since(started_at)),
        http_status: plain(row, "http_status")?,
        outcome: plain(row, "outcome")?,
        message: plain(row, "message")?,
    })
}
