//! Reads the input of [`Sums`], in SQL: conversions by time, with partner and state of each delivery. One query reads
//! a limited part of the time index; `store::sums` decides what counts.

use rusqlite::{Connection, Row, named_params};
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::lists;
use super::rows::{all, checked, damaged, maybe, plain, time, word};
use crate::outbox::State;
use crate::store::StoreError;
use crate::store::sums::{Addend, CONVERSIONS_AN_ANSWER, Place, SumFilter, Sums};

/// The next conversions of a site, newest first, one row for each delivery.
const NEXT: &str = "WITH found AS (
       SELECT site, id, kind, status, amount_minor, currency, received_at FROM conversions
       WHERE site = :site AND received_at >= :since AND (received_at, id) < (:before, :id)
       ORDER BY received_at DESC, id DESC LIMIT :most)
     SELECT found.*, d.program, d.state, d.commission, d.commission_minor, d.commission_currency, t.partner
     FROM found
     LEFT JOIN deliveries d ON d.site = found.site AND d.conversion = found.id
     LEFT JOIN touches t ON t.site = d.site AND t.id = d.touch
     ORDER BY found.received_at DESC, found.id DESC, d.program";

/// See [`crate::store::sums::SumStore::sums`].
pub(super) fn sums(ledger: &Connection, filter: &SumFilter) -> Result<Sums, StoreError> {
    let most = filter.most.clamp(1, CONVERSIONS_AN_ANSWER);
    let (mut sums, mut oldest) = (Sums::default(), None);
    for site in sites(ledger, filter)? {
        let Some(left @ 1..) = most.checked_sub(sums.conversions) else { break };
        if let Some(place) = add_up(ledger, filter, &site, left, &mut sums)? {
            oldest = Some(oldest.map_or(place.at, |oldest: UnixMillis| oldest.min(place.at)));
            if sums.conversions >= most {
                sums.next = Some(place.to_string());
            }
        }
    }
    sums.reaches_back_to = oldest.map(UnixMillis::to_rfc3339);
    Ok(sums)
}

/// The remaining sites, in order.
fn sites(ledger: &Connection, filter: &SumFilter) -> Result<Vec<SiteId>, StoreError> {
    let mut sites = match &filter.site {
        Some(site) => vec![site.clone()],
        None => lists::sites(ledger)?,
    };
    if let Some(after) = &filter.after {
        sites.retain(|site| *site >= after.site);
    }
    Ok(sites)
}

/// Adds up at most `most` conversions of a site; returns the place of the last one.
fn add_up(
    ledger: &Connection,
    filter: &SumFilter,
    site: &SiteId,
    most: u32,
    sums: &mut Sums,
) -> Result<Option<Place>, StoreError> {
    let after = filter.after.as_ref().filter(|place| place.site == *site);
    // No id is smaller than the empty text.
    let (before, id) = after.map_or_else(
        || (filter.until.unwrap_or(UnixMillis(i64::MAX)), ""),
        |place| (place.at, place.conversion.as_str()),
    );
    let key = named_params! {
        ":site": site.as_str(),
        ":since": filter.since.map_or(i64::MIN, |since| since.0),
        ":before": before.0,
        ":id": id,
        ":most": most,
    };
    let mut last: Option<Place> = None;
    for (conversion, at, addend) in all(ledger, NEXT, key, addend)? {
        if last.as_ref().is_none_or(|last| last.conversion != conversion) {
            sums.conversions += 1;
            last = Some(Place { site: site.clone(), at, conversion });
        }
        if filter.program.is_none() || filter.program == addend.program {
            sums.add(&addend);
        }
    }
    Ok(last)
}

fn addend(row: &Row<'_>) -> Result<(ConversionId, UnixMillis, Addend), StoreError> {
    let state: Option<String> = plain(row, "state")?;
    let read = |state: String| State::from_word(&state).ok_or_else(|| damaged("state", "no such state"));
    let earned = lists::money(row, "commission_minor", "commission_currency")?;
    let addend = Addend {
        site: checked(row, "site")?,
        program: maybe::<ProgramId>(row, "program")?,
        partner: plain(row, "partner")?,
        kind: word(row, "kind")?,
        status: word(row, "status")?,
        amount: lists::money(row, "amount_minor", "currency")?,
        state: state.map(read).transpose()?,
        commission: earned.map(|earned| Ok::<_, StoreError>((word(row, "commission")?, earned))).transpose()?,
    };
    Ok((checked(row, "id")?, time(row, "received_at")?, addend))
}
