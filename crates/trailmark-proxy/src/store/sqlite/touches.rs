//! Touches in SQL: reading them, and recording an arrival. Intake decides which arrivals are believed.

use rusqlite::{Connection, Row, named_params};
use trailmark_attribution::Touch;
use trailmark_wire::capture::{Captured, Source};
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{SiteId, VisitorId};
use trailmark_wire::time::UnixMillis;

use super::budget::{self, Subject};
use super::rows::{all, checked, count, first, maybe, maybe_word, plain, time, word, write};
use crate::store::{Arrival, NewTouch, RecordedArrival, StoreError, StoredTouch, TOUCHES_KNOWN};

/// A visitor's touches, over all programs, among which a decision's touches are searched.
const TOUCHES_LOOKED_AT: u32 = 20 * TOUCHES_KNOWN;

/// See [`crate::store::Store::record_arrival`].
pub(super) fn record(ledger: &Connection, arrival: &Arrival) -> Result<Option<RecordedArrival>, StoreError> {
    let site = &arrival.site;
    if let Some(repeated) = repeated_by_key(ledger, arrival)? {
        return Ok(Some(repeated));
    }
    let visitor = arrival.known_visitor.clone().unwrap_or_else(|| arrival.fresh_visitor.clone());
    let counting = counting(ledger, arrival, &visitor)?;
    if !counting.is_empty() {
        budget::take(ledger, site, Subject::Touch, &arrival.budget, counting.len(), arrival.now)?;
    }
    if counting.is_empty() && newest_alive(ledger, site, &visitor, arrival.now)?.is_none() {
        return Ok(None);
    }
    remember(ledger, arrival, &visitor)?;
    for touch in &counting {
        insert(ledger, arrival, &visitor, touch)?;
    }
    let newest = newest_alive(ledger, site, &visitor, arrival.now)?;
    Ok(newest.map(|newest| RecordedArrival { visitor, is_proved: true, newest, is_new: !counting.is_empty() }))
}

/// Finds an earlier report by a browser without a cookie under the same key, if the new one adds nothing: the first
/// answer may have been lost. A caller who only knows arrival id and public key learns nothing beyond the report
/// itself, and adds nothing.
fn repeated_by_key(ledger: &Connection, arrival: &Arrival) -> Result<Option<RecordedArrival>, StoreError> {
    let (None, Some(jkt)) = (&arrival.known_visitor, &arrival.jkt) else { return Ok(None) };
    let (site, id) = (arrival.site.as_str(), arrival.id.as_str());
    let sql =
        "SELECT visitor FROM arrivals WHERE site = ?1 AND id = ?2 AND jkt = ?3 ORDER BY recorded_at, visitor LIMIT 1";
    let found = first(ledger, sql, (site, id, jkt.as_str()), |row| checked::<VisitorId>(row, "visitor"))?;
    let Some(visitor) = found else { return Ok(None) };
    if !counting(ledger, arrival, &visitor)?.is_empty() {
        return Ok(None);
    }
    let mut newest: Option<StoredTouch> = None;
    for touch in &arrival.touches {
        let sql = "SELECT * FROM touches
                   WHERE site = ?1 AND visitor = ?2 AND program = ?3 AND arrival = ?4 AND expires_at > ?5
                     AND unusable IS NULL";
        let key = (site, visitor.as_str(), touch.program.as_str(), id, arrival.now.0);
        let recorded = first(ledger, sql, key, stored_touch)?;
        newest = newest.into_iter().chain(recorded).max_by_key(|stored| (stored.touch.at, stored.touch.id.clone()));
    }
    Ok(newest.map(|newest| RecordedArrival { visitor, is_proved: false, newest, is_new: false }))
}

/// The captured touches that are new for a visitor.
fn counting<'a>(
    ledger: &Connection,
    arrival: &'a Arrival,
    visitor: &VisitorId,
) -> Result<Vec<&'a NewTouch>, StoreError> {
    let mut counting = Vec::new();
    for touch in &arrival.touches {
        if counts(ledger, arrival, visitor, touch)? {
            counting.push(touch);
        }
    }
    Ok(counting)
}

/// Whether a captured touch is new for the visitor: its window is open, and no touch in that program has the same
/// arrival or click id. After a reload, no live touch may have the same click and partner, whatever its arrival. A
/// touch from a vendor's cookie, which lasts for months, counts only if the visitor has no usable touch in that
/// program, alive or not.
fn counts(ledger: &Connection, arrival: &Arrival, visitor: &VisitorId, new: &NewTouch) -> Result<bool, StoreError> {
    // Each part reads the first row of an index, or few rows, however many touches the visitor has.
    let same = "SELECT 1 FROM touches WHERE site = :site AND visitor = :visitor AND program = :program";
    let known = format!(
        "SELECT (:any AND EXISTS ({same} AND unusable IS NULL)) OR EXISTS ({same} AND arrival = :arrival)
           OR EXISTS ({same} AND click_id = :click)
           OR (:again AND EXISTS (
             SELECT 1 FROM (SELECT program, click_id, partner, expires_at FROM touches INDEXED BY touches_newest
                            WHERE site = :site AND visitor = :visitor ORDER BY at DESC, id DESC LIMIT {TOUCHES_KNOWN})
             WHERE program = :program AND click_id IS :click AND partner IS :partner AND expires_at > :now))"
    );
    let key = named_params! {
        ":site": arrival.site.as_str(),
        ":visitor": visitor.as_str(),
        ":program": new.program.as_str(),
        ":any": new.captured.source == Source::Cookie,
        ":arrival": arrival.id.as_str(),
        ":click": new.captured.click_id.as_ref().map(|id| id.as_str()),
        ":again": arrival.again,
        ":partner": new.captured.partner.as_ref().map(|key| key.as_str()),
        ":now": arrival.now.0,
    };
    Ok(new.expires_at > arrival.now && count(ledger, &known, key)? == 0)
}

/// Records the visitor and the arrival. A repeat by cookie adds the browser key if it was missing.
fn remember(ledger: &Connection, arrival: &Arrival, visitor: &VisitorId) -> Result<(), StoreError> {
    add_visitor(ledger, &arrival.site, visitor, arrival.now)?;
    let sql = "INSERT INTO arrivals (site, id, visitor, jkt, recorded_at) VALUES (:site, :id, :visitor, :jkt, :now)
               ON CONFLICT (site, id, visitor) DO UPDATE SET jkt = coalesce(jkt, excluded.jkt)";
    let row = named_params! {
        ":site": arrival.site.as_str(),
        ":id": arrival.id.as_str(),
        ":visitor": visitor.as_str(),
        ":jkt": arrival.jkt.as_ref().map(|jkt| jkt.as_str()),
        ":now": arrival.now.0,
    };
    write(ledger, sql, row).map(|_| ())
}

/// Adds the visitor if missing.
pub(super) fn add_visitor(
    ledger: &Connection,
    site: &SiteId,
    visitor: &VisitorId,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO visitors (site, id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    write(ledger, sql, (site.as_str(), visitor.as_str(), now.0)).map(|_| ())
}

fn insert(ledger: &Connection, arrival: &Arrival, visitor: &VisitorId, new: &NewTouch) -> Result<(), StoreError> {
    let sql = "INSERT INTO touches (site, id, visitor, program, arrival, click_id, partner, raw_partner, source,
                                    twins_differ, unusable, landing_url, at, expires_at, recorded_at)
               VALUES (:site, :id, :visitor, :program, :arrival, :click_id, :partner, :raw_partner, :source,
                       :twins_differ, :unusable, :landing_url, :at, :expires_at, :now)";
    let captured = &new.captured;
    let row = named_params! {
        ":site": arrival.site.as_str(),
        ":id": new.id.as_str(),
        ":visitor": visitor.as_str(),
        ":program": new.program.as_str(),
        ":arrival": arrival.id.as_str(),
        ":click_id": captured.click_id.as_ref().map(|id| id.as_str()),
        ":partner": captured.partner.as_ref().map(|key| key.as_str()),
        ":raw_partner": captured.raw_partner,
        ":source": source_word(captured.source),
        ":twins_differ": captured.twins_differ,
        ":unusable": captured.unusable.map(Unusable::as_str),
        ":landing_url": arrival.landing_url,
        ":at": arrival.at.0,
        ":expires_at": new.expires_at.0,
        ":now": arrival.now.0,
    };
    write(ledger, sql, row).map(|_| ())
}

/// Parameters: site, visitor, now.
const NEWEST_ALIVE: &str = "SELECT * FROM touches INDEXED BY touches_newest
   WHERE site = ?1 AND visitor = ?2 AND expires_at > ?3 AND unusable IS NULL ORDER BY at DESC, id DESC LIMIT 1";

/// The newest usable touch whose window is open; of two at the same time the one with the higher id, as in
/// attribution.
pub(super) fn newest_alive(
    ledger: &Connection,
    site: &SiteId,
    visitor: &VisitorId,
    now: UnixMillis,
) -> Result<Option<StoredTouch>, StoreError> {
    first(ledger, NEWEST_ALIVE, (site.as_str(), visitor.as_str(), now.0), stored_touch)
}

/// The newest touches of a visitor in each program, alive or not, the oldest first. Unusable touches and those without a
/// click id are counted separately, so that they displace no others. At most [`TOUCHES_LOOKED_AT`] touches are read.
pub(super) fn of_visitor(
    ledger: &Connection,
    site: &SiteId,
    visitor: &VisitorId,
) -> Result<Vec<StoredTouch>, StoreError> {
    let sql = "SELECT * FROM (
                 SELECT *, row_number() OVER (PARTITION BY program, unusable IS NULL, click_id IS NULL
                                                ORDER BY at DESC, id DESC) AS place FROM (
                   SELECT * FROM touches INDEXED BY touches_newest WHERE site = ?1 AND visitor = ?2
                   ORDER BY at DESC, id DESC LIMIT ?4))
               WHERE place <= ?3 ORDER BY at, id";
    all(ledger, sql, (site.as_str(), visitor.as_str(), TOUCHES_KNOWN, TOUCHES_LOOKED_AT), stored_touch)
}

pub(super) fn stored_touch(row: &Row<'_>) -> Result<StoredTouch, StoreError> {
    let captured = Captured {
        click_id: maybe(row, "click_id")?,
        partner: maybe(row, "partner")?,
        raw_partner: plain(row, "raw_partner")?,
        source: word(row, "source")?,
        twins_differ: plain(row, "twins_differ")?,
        unusable: maybe_word(row, "unusable")?,
    };
    let touch = Touch {
        id: checked(row, "id")?,
        program: checked(row, "program")?,
        partner: captured.partner.clone(),
        at: time(row, "at")?,
        expires_at: time(row, "expires_at")?,
        unusable: captured.unusable,
        lacks_click: false,
    };
    let landing_url = plain(row, "landing_url")?;
    Ok(StoredTouch { touch, visitor: checked(row, "visitor")?, captured, landing_url })
}

fn source_word(source: Source) -> &'static str {
    match source {
        Source::Cookie => "cookie",
        Source::Url => "url",
    }
}

#[cfg(test)]
mod tests {
    use super::super::migrate;
    use super::*;

    /// SQLite's query plan, with every parameter bound.
    fn plan(sql: &str) -> Vec<String> {
        let mut ledger = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut ledger).unwrap();
        let mut plan = ledger.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        for parameter in 1..=plan.parameter_count() {
            plan.raw_bind_parameter(parameter, 1).unwrap();
        }
        plan.raw_query().mapped(|row| row.get("detail")).map(Result::unwrap).collect()
    }

    // field-faults row 73
    #[test]
    fn the_thousandth_touch_of_a_visitor_costs_what_the_first_did() {
        // Each part is one index search, and nothing is sorted.
        for (sql, index) in [
            (NEWEST_ALIVE, "touches_newest (site=? AND visitor=?)"),
            (
                "SELECT 1 FROM touches WHERE site = ?1 AND visitor = ?2 AND program = ?3 AND arrival = ?4",
                "touches_of_visitor (site=? AND visitor=? AND program=? AND arrival=?)",
            ),
            (
                "SELECT 1 FROM touches WHERE site = ?1 AND visitor = ?2 AND program = ?3 AND click_id = ?4",
                "touches_of_click (site=? AND visitor=? AND program=? AND click_id=?)",
            ),
        ] {
            let steps = plan(sql);
            assert!(matches!(&steps[..], [one] if one.contains(index)), "{steps:?}");
        }
    }
}
