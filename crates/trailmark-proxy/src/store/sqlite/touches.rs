//! Touches in SQL: reading them back, and what an arrival makes of them. Which arrivals are believed is intake's business.

use rusqlite::{Connection, Row, named_params};
use trailmark_attribution::Touch;
use trailmark_wire::capture::{Captured, Source};
use trailmark_wire::ids::{SiteId, VisitorId};
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, count, first, maybe, plain, time, word, write};
use crate::store::{Arrival, NewTouch, RecordedArrival, StoreError, StoredTouch, TOUCHES_KNOWN};

/// See [`crate::store::Store::record_arrival`].
pub(super) fn record(ledger: &Connection, arrival: &Arrival) -> Result<Option<RecordedArrival>, StoreError> {
    let site = &arrival.site;
    let visitor = visitor_of(ledger, arrival)?;
    let mut counting = Vec::new();
    for touch in &arrival.touches {
        if counts(ledger, arrival, &visitor, touch)? {
            counting.push(touch);
        }
    }
    afford(ledger, arrival, counting.len())?;
    if counting.is_empty() && newest_alive(ledger, site, &visitor, arrival.now)?.is_none() {
        return Ok(None);
    }
    remember(ledger, arrival, &visitor)?;
    for touch in &counting {
        insert(ledger, arrival, &visitor, touch)?;
    }
    let newest = newest_alive(ledger, site, &visitor, arrival.now)?;
    Ok(newest.map(|newest| RecordedArrival { visitor, newest, is_new: !counting.is_empty() }))
}

/// The cookie's visitor, else the one whose key reported this arrival before, else a new one.
fn visitor_of(ledger: &Connection, arrival: &Arrival) -> Result<VisitorId, StoreError> {
    let sql = "SELECT visitor FROM arrivals WHERE site = :site AND id = :id AND jkt = :jkt
               ORDER BY recorded_at, visitor LIMIT 1";
    let by_key = match (&arrival.known_visitor, &arrival.jkt) {
        (Some(known), _) => Some(known.clone()),
        (None, Some(jkt)) => {
            let key = named_params! {":site": arrival.site.as_str(), ":id": arrival.id.as_str(), ":jkt": jkt.as_str()};
            first(ledger, sql, key, |row| checked(row, "visitor"))?
        }
        (None, None) => None,
    };
    Ok(by_key.unwrap_or_else(|| arrival.fresh_visitor.clone()))
}

/// Whether a capture is a touch that the visitor does not have yet: another arrival in that program, and no click of
/// theirs; of a page that was reloaded, no live touch of the same click and partner, under whatever arrival it was told; from
/// a vendor's cookie, which stays for months, only where they have none in that program, alive or not.
fn counts(ledger: &Connection, arrival: &Arrival, visitor: &VisitorId, new: &NewTouch) -> Result<bool, StoreError> {
    let known = "SELECT count(*) FROM touches WHERE site = :site AND visitor = :visitor AND program = :program
                 AND (:any OR arrival = :arrival OR click_id = :click
                      OR :again AND click_id IS :click AND partner IS :partner AND expires_at > :now)";
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
    Ok(new.expires_at > arrival.now && count(ledger, known, key)? == 0)
}

/// Whether the site's budget has room for so many new touches. Those of a time to come, recorded before the clock went back,
/// are not counted, or they would bar the site until then.
fn afford(ledger: &Connection, arrival: &Arrival, new: usize) -> Result<(), StoreError> {
    if new == 0 {
        return Ok(());
    }
    let sql = "SELECT count(*) FROM touches WHERE site = ?1 AND recorded_at BETWEEN ?2 AND ?3";
    let recorded = count(ledger, sql, (arrival.site.as_str(), arrival.budget.since.0, arrival.now.0))?;
    let wanted = u64::try_from(new).unwrap_or(u64::MAX);
    match recorded.saturating_add(wanted) > arrival.budget.most {
        true => Err(StoreError::OverBudget),
        false => Ok(()),
    }
}

/// The visitor and this arrival of theirs. A key that comes with a repeat by cookie is kept where none was.
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

/// Makes sure that the visitor stands in the ledger.
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
                                    twins_differ, landing_url, at, expires_at, recorded_at)
               VALUES (:site, :id, :visitor, :program, :arrival, :click_id, :partner, :raw_partner, :source,
                       :twins_differ, :landing_url, :at, :expires_at, :now)";
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
        ":landing_url": arrival.landing_url,
        ":at": arrival.at.0,
        ":expires_at": new.expires_at.0,
        ":now": arrival.now.0,
    };
    write(ledger, sql, row).map(|_| ())
}

/// The newest touch whose window is still open; of two at the same time the later id, as attribution has it.
pub(super) fn newest_alive(
    ledger: &Connection,
    site: &SiteId,
    visitor: &VisitorId,
    now: UnixMillis,
) -> Result<Option<StoredTouch>, StoreError> {
    let sql = "SELECT * FROM touches WHERE site = ?1 AND visitor = ?2 AND expires_at > ?3
               ORDER BY at DESC, id DESC LIMIT 1";
    first(ledger, sql, (site.as_str(), visitor.as_str(), now.0), stored_touch)
}

/// The newest touches of a visitor in each program, alive or not, the first first.
pub(super) fn of_visitor(
    ledger: &Connection,
    site: &SiteId,
    visitor: &VisitorId,
) -> Result<Vec<StoredTouch>, StoreError> {
    let sql = "SELECT * FROM (
                 SELECT *, row_number() OVER (PARTITION BY program ORDER BY at DESC, id DESC) AS place FROM touches
                 WHERE site = ?1 AND visitor = ?2)
               WHERE place <= ?3 ORDER BY at, id";
    all(ledger, sql, (site.as_str(), visitor.as_str(), TOUCHES_KNOWN), stored_touch)
}

pub(super) fn stored_touch(row: &Row<'_>) -> Result<StoredTouch, StoreError> {
    let captured = Captured {
        click_id: maybe(row, "click_id")?,
        partner: maybe(row, "partner")?,
        raw_partner: plain(row, "raw_partner")?,
        source: word(row, "source")?,
        twins_differ: plain(row, "twins_differ")?,
    };
    let touch = Touch {
        id: checked(row, "id")?,
        program: checked(row, "program")?,
        partner: captured.partner.clone(),
        at: time(row, "at")?,
        expires_at: time(row, "expires_at")?,
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
