//! Operators' lists, in SQL. A list of all sites queries one site after another, so that each statement stays within
//! one site.

use rusqlite::{Connection, Row, ToSql, named_params};
use trailmark_attribution::Decision;
use trailmark_wire::ids::{ConversionId, DeliveryId, Jti, SiteId, VisitorId};
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::paging::{Condition, Listing, Order};
use super::rows::{all, checked, json, maybe, maybe_time, maybe_word, plain, time, word};
use super::{commissions, known, lanes, order, standings};
use crate::lanes::Shut;
use crate::outbox::State;
use crate::store::StoreError;
use crate::store::delivery::LaneKey;
use crate::store::listing::{Filter, Page};
use crate::store::operator::{AttemptRow, ConversionRow, DeliveryRow, LaneRow, TouchRow};

/// A delivery for people; `c` is its conversion.
const DELIVERY: &str = "SELECT d.*, c.kind, c.external_id";
const DELIVERIES: &str = "FROM deliveries d JOIN conversions c ON c.site = d.site AND c.id = d.conversion";

/// Conversions credited to the partner `:partner`, or by a visitor who came through a link of the partner.
const BROUGHT: &str = "SELECT o.id FROM touches t JOIN conversions o ON o.site = t.site AND o.visitor = t.visitor
                       WHERE t.site = :site AND t.partner = :partner
                       UNION ALL SELECT d.conversion FROM touches t JOIN deliveries d ON d.site = t.site AND d.touch = t.id
                       WHERE t.site = :site AND t.partner = :partner";

/// Conversions with `:q` as a key or as the customer's e-mail address. `UNION ALL`, because `UNION` would make SQLite
/// read a whole site in id order to merge the parts.
const NAMED: &str = "SELECT id FROM conversions WHERE site = :site AND external_id = :q
                       AND kind IN ('signup', 'lead', 'sale', 'refund')
                     UNION ALL SELECT id FROM conversions WHERE site = :site AND customer_key = :q
                     UNION ALL SELECT id FROM conversions WHERE site = :site AND refund_of = :q
                     UNION ALL SELECT conversion FROM conversion_payloads
                           WHERE site = :site AND email IS NOT NULL AND lower(email) = lower(:q)";

/// Conversions whose id, the ledger's or the page's, begins with `:beginning`; `g` sorts after every hexadecimal
/// digit.
const BEGINNING: &str = "SELECT id FROM conversions WHERE site = :site AND id >= :beginning AND id < :beginning || 'g'
                         UNION ALL SELECT id FROM conversions
                               WHERE site = :site AND jti >= :beginning AND jti < :beginning || 'g'";

/// All sites that have rows.
pub(super) fn sites(ledger: &Connection) -> Result<Vec<SiteId>, StoreError> {
    // One step for each site; DISTINCT would read all visitors.
    let sql = "WITH RECURSIVE found (site) AS (
                 SELECT min(site) FROM visitors
                 UNION ALL
                 SELECT (SELECT min(v.site) FROM visitors v WHERE v.site > found.site) FROM found
                 WHERE found.site IS NOT NULL)
               SELECT site FROM found WHERE site IS NOT NULL";
    all(ledger, sql, [], |row| checked(row, "site"))
}

/// The filter's site, or all.
pub(super) fn sites_of(ledger: &Connection, filter: &Filter) -> Result<Vec<SiteId>, StoreError> {
    filter.site.clone().map_or_else(|| sites(ledger), |site| Ok(vec![site]))
}

/// The conditions of a filter with their parameters, for [`Listing`].
fn wanted<'a>(conditions: impl IntoIterator<Item = (&'static str, &'a Option<String>, String)>) -> Vec<Condition<'a>> {
    let one = |(name, wanted, condition): (&'static str, &'a Option<String>, String)| {
        let wanted: &'a dyn ToSql = wanted.as_ref()?;
        Some((condition, Some((name, wanted))))
    };
    conditions.into_iter().filter_map(one).collect()
}

/// See [`crate::store::operator::OperatorStore::conversions`].
pub(super) fn conversions(ledger: &Connection, filter: &Filter) -> Result<Page<ConversionRow>, StoreError> {
    let program = filter.program.as_ref().map(|program| program.as_str().to_owned());
    let name = filter.q.as_deref().map(|name| name.trim().to_owned());
    let beginning = name.as_deref().and_then(beginning);
    // Ids are searched only if the text looks like an id.
    let named = if beginning.is_some() { format!("{NAMED} UNION ALL {BEGINNING}") } else { NAMED.to_owned() };
    let by_partner = BROUGHT.replace(":partner", ":q");
    let mut conditions = wanted([
        (":state", &filter.state, "c.status = :state".to_owned()),
        // The list of kinds lets SQLite use the index on kind and key.
        (":key", &filter.key, "c.kind IN ('signup', 'lead', 'sale', 'refund') AND c.external_id = :key".to_owned()),
        (":code", &filter.code, "c.code = :code".to_owned()),
        (":customer", &filter.customer, "c.customer_key = :customer".to_owned()),
        (":partner", &filter.partner, format!("c.id IN ({BROUGHT})")),
        (":q", &name, format!("c.id IN ({named} UNION ALL {by_partner})")),
        (
            ":program",
            &program,
            "EXISTS (SELECT 1 FROM deliveries d WHERE d.site = c.site AND d.conversion = c.id
                                        AND d.program = :program)"
                .to_owned(),
        ),
    ]);
    conditions.extend(wanted([(":beginning", &beginning, "TRUE".to_owned())]));
    // A name finds few rows, which are sorted; otherwise rows are read newest first.
    let is_sorted = [&filter.key, &filter.customer, &filter.partner, &filter.q].iter().any(|name| name.is_some());
    let order = Order::Time { at: "c.received_at", id: "c.id", is_sorted };
    let listing = Listing { select: "SELECT c.*", from: "FROM conversions c WHERE c.site = :site", conditions, order };
    let mut page = listing.page(ledger, filter, sites_of(ledger, filter)?, conversion_row)?;
    page.items.iter_mut().try_for_each(|row| complete(ledger, row))?;
    Ok(page)
}

/// The beginning of an id, from 8 characters on.
fn beginning(name: &str) -> Option<String> {
    let is_shaped = (8..=36).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_shaped.then(|| name.to_ascii_lowercase())
}

/// Adds what the answer to "was the partner paid?" needs.
pub(super) fn complete(ledger: &Connection, row: &mut ConversionRow) -> Result<(), StoreError> {
    fill_programs(ledger, row)?;
    row.standings = standings::of(ledger, row)?;
    if let (Status::Duplicate | Status::Rejected, Some(key)) = (row.status, &row.external_id) {
        row.key_owner = known::stated_by(ledger, &row.site, row.kind.as_str(), key)?.filter(|owner| *owner != row.id);
    }
    if let (Status::Unattributed, Some(customer)) = (row.status, &row.customer) {
        row.signup = known::signup_of(ledger, &row.site, customer, &row.id)?;
    }
    Ok(())
}

/// Programs, partners and states of a conversion's deliveries; without deliveries, the programs and partners that its
/// decision credits.
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
pub(super) fn touches(ledger: &Connection, filter: &Filter) -> Result<Page<TouchRow>, StoreError> {
    let program = filter.program.as_ref().map(|program| program.as_str().to_owned());
    let conditions = wanted([
        (":program", &program, "program = :program".to_owned()),
        (":state", &filter.state, "source = :state".to_owned()),
        (":partner", &filter.partner, "partner = :partner".to_owned()),
    ]);
    let order = Order::Time { at: "recorded_at", id: "id", is_sorted: filter.partner.is_some() };
    let listing = Listing { select: "SELECT *", from: "FROM touches WHERE site = :site", conditions, order };
    listing.page(ledger, filter, sites_of(ledger, filter)?, touch_row)
}

/// All touches of a conversion's visitor, and other touches that its deliveries are credited to, the oldest first.
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
pub(super) fn deliveries(ledger: &Connection, filter: &Filter) -> Result<Page<DeliveryRow>, StoreError> {
    let program = filter.program.as_ref().map(|program| program.as_str().to_owned());
    let mut conditions = wanted([
        (":state", &filter.state, "d.state = :state".to_owned()),
        (":program", &program, "d.program = :program".to_owned()),
    ]);
    let is_sorted = filter.state.is_none() && !filter.settled;
    if is_sorted {
        conditions.push((format!("d.state IN ({})", shown_by_default()), None));
    }
    let from = format!("{DELIVERIES} WHERE d.site = :site");
    let listing = Listing { select: DELIVERY, from: &from, conditions, order: Order::Id { id: "d.id", is_sorted } };
    let mut page = listing.page(ledger, filter, sites_of(ledger, filter)?, delivery_row)?;
    page.items.iter_mut().try_for_each(|row| fill_blocks(ledger, row))?;
    Ok(page)
}

/// How many deliveries wait for a delivery that ended badly.
fn fill_blocks(ledger: &Connection, row: &mut DeliveryRow) -> Result<(), StoreError> {
    if State::from_word(&row.state).is_some_and(State::is_dead_letter) {
        row.blocks = order::held_back_by(ledger, &row.site, &row.id)?;
    }
    Ok(())
}

/// States that an operator sees by default: unsettled ones and dead letters.
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
    let sql = format!("{DELIVERY} {DELIVERIES} WHERE d.site = ?1 AND d.conversion = ?2 ORDER BY d.program");
    let mut found = all(ledger, &sql, (site.as_str(), conversion.as_str()), delivery_row)?;
    found.iter_mut().try_for_each(|row| fill_tries(ledger, row))?;
    Ok(found)
}

/// A delivery with its attempts.
///
/// # Errors
/// [`StoreError::NotFound`] if there is none with this id.
pub(super) fn delivery(ledger: &Connection, site: &SiteId, id: &DeliveryId) -> Result<DeliveryRow, StoreError> {
    let sql = format!("{DELIVERY} {DELIVERIES} WHERE d.site = ?1 AND d.id = ?2");
    let found = all(ledger, &sql, (site.as_str(), id.as_str()), delivery_row)?;
    let mut row = found.into_iter().next().ok_or(StoreError::NotFound("delivery"))?;
    fill_tries(ledger, &mut row)?;
    Ok(row)
}

fn fill_tries(ledger: &Connection, row: &mut DeliveryRow) -> Result<(), StoreError> {
    let sql = "SELECT * FROM attempts WHERE site = ?1 AND delivery = ?2 ORDER BY generation, number";
    row.tries = all(ledger, sql, (row.site.as_str(), row.id.as_str()), attempt_row)?;
    row.commission_changes = commissions::changes(ledger, &row.site, &row.id)?;
    fill_blocks(ledger, row)
}

/// See [`crate::store::operator::OperatorStore::lanes`].
pub(super) fn lane_rows(ledger: &Connection, now: UnixMillis) -> Result<Vec<LaneRow>, StoreError> {
    let sql = format!(
        "SELECT program, sum(waiting) AS waiting, sum(stuck) AS stuck FROM (
           SELECT program, 0 AS waiting, 0 AS stuck FROM lanes WHERE site = :site
           UNION ALL
           SELECT s.program, 0, 0 FROM shared_lanes s JOIN lanes l ON l.site = s.lane_site AND l.program = s.lane_program
           WHERE s.site = :site
           UNION ALL
           SELECT program, count(*), 0 FROM deliveries WHERE site = :site AND state IN ({}) GROUP BY program
           UNION ALL
           SELECT program, 0, count(*) FROM deliveries WHERE site = :site AND state IN ({}) GROUP BY program
           UNION ALL
           SELECT program, -count(*), count(*) FROM deliveries
           WHERE site = :site AND state = 'uncertain' AND due_at IS NULL AND lease IS NULL GROUP BY program)
         GROUP BY program ORDER BY program",
        words(State::goes_on),
        words(State::needs_a_person)
    );
    let mut found = Vec::new();
    for site in sites(ledger)? {
        let key = named_params! {":site": site.as_str()};
        let number = |row: &Row<'_>, column| plain::<i64>(row, column).map(|sum| u64::try_from(sum).unwrap_or(0));
        let read = |row: &Row<'_>| Ok((checked(row, "program")?, number(row, "waiting")?, number(row, "stuck")?));
        for (program, waiting, stuck) in all(ledger, &sql, key, read)? {
            let key = LaneKey { site: site.clone(), program };
            let shut = Shut::of(&lanes::read(ledger, &key)?, now);
            let shares = Some(lanes::of(ledger, &key)?).filter(|lane| *lane != key);
            found.push(LaneRow {
                shares: shares.map(|lane| lane.to_string()),
                site: key.site,
                program: key.program,
                state: shut.as_ref().map_or("open", Shut::as_str).to_owned(),
                reason: shut.as_ref().map(Shut::reason),
                next_at: shut.as_ref().map(|shut| shut.next_at().to_rfc3339()),
                waiting,
                stuck,
            });
        }
    }
    Ok(found)
}

/// The words of unsettled states, for SQL.
pub(super) fn unsettled() -> String {
    words(|state| !state.is_settled())
}

fn words(of: impl Fn(State) -> bool) -> String {
    let states = State::ALL.into_iter().filter(|state| of(*state));
    states.map(|state| format!("'{}'", state.as_str())).collect::<Vec<_>>().join(", ")
}

pub(super) fn conversion_row(row: &Row<'_>) -> Result<ConversionRow, StoreError> {
    let id: ConversionId = checked(row, "id")?;
    Ok(ConversionRow {
        page_id: checked(row, "jti").map(Some)?.filter(|jti: &Jti| jti.as_str() != id.as_str()),
        id,
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
        standings: Vec::new(),
        key_owner: None,
        signup: None,
        received_at: time(row, "received_at")?,
    })
}

/// An amount from two columns.
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
        unusable: maybe_word(row, "unusable")?,
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
        commission_asked: plain(row, "commission_asked")?,
        commission_said: plain(row, "commission_said")?,
        commission_asked_at: maybe_time(row, "commission_asked_at")?.map(UnixMillis::to_rfc3339),
        commission_changes: Vec::new(),
        tries: Vec::new(),
        paused_by: plain(row, "paused_by")?,
        notes: json(row, "notes")?,
        blocks: 0,
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

#[cfg(test)]
mod tests {
    use super::super::migrate;
    use super::*;

    // field-faults row 80
    #[test]
    fn a_search_by_name_walks_neither_through_the_ledger_nor_through_a_site() {
        let mut ledger = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut ledger).unwrap();
        let by_partner = BROUGHT.replace(":partner", ":q");
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT c.*, c.received_at AS listed_at FROM conversions c WHERE c.site = :site
               AND c.id IN ({NAMED} UNION ALL {BEGINNING} UNION ALL {by_partner}) AND +c.received_at >= :since
             ORDER BY +c.received_at DESC, +c.id DESC LIMIT :limit"
        );
        let mut plan = ledger.prepare(&sql).unwrap();
        let names = named_params! {":site": "acme", ":q": "x", ":beginning": "x", ":since": 0, ":limit": 1};
        let steps = plan.query_map(names, |row| row.get::<_, String>("detail")).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(steps.iter().any(|step| step.contains("payloads_by_email (site=? AND <expr>=?)")), "{steps:#?}");
        for step in steps.iter().filter(|step| step.starts_with("SEARCH")) {
            assert!(step.contains(" AND ") || step.contains("deliveries_of_touch"), "{step} in {steps:#?}");
        }
        assert!(!steps.iter().any(|step| step.starts_with("SCAN ")), "{steps:#?}");
    }
}
