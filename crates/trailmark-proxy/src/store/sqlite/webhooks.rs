//! Webhooks in SQL: stores a webhook before it is answered, finds the deliveries that it concerns, and serves the operator's
//! lists and changes. The caller passes the interpretation as a value; `commissions` has the queries for concerned deliveries.

use rusqlite::{Connection, Row, ToSql, named_params};
use trailmark_vendors::webhook::{Meaning, Notice};
use trailmark_wire::ids::{DeliveryId, ProgramId, SiteId, WebhookId};
use trailmark_wire::time::UnixMillis;

use super::commissions;
use super::paging::{Listing, Order};
use super::rows::{all, checked, count, first, maybe_time, plain, time, to_json, word, write};
use crate::store::delivery::LaneKey;
use crate::store::listing::{Filter, Page};
use crate::store::webhooks::{Kept, NewWebhook, Unread, WebhookChange, WebhookRow, WebhookState};
use crate::store::{Limit, StoreError};

/// Shortest accepted beginning of an id, in characters.
const SHORTEST_PREFIX: usize = 8;

/// Why an event is unmatched.
const UNMATCHED: &str = "no delivery of this program matches the customer, transaction or partner that it names";

/// The same for an event about a partner alone, and what to do.
const UNMATCHED_PARTNER: &str = "no delivery of this program matches the partner that it names: nobody came by this partner, \
                                 or the partner's key was changed after the click. Open commissions are asked for again by \
                                 themselves; `conversions list --partner` with the old key lists them, and `conversions \
                                 check` asks for one at once";

/// See [`crate::store::webhooks::WebhookStore::keep_webhook`].
pub(super) fn keep(ledger: &Connection, new: &NewWebhook) -> Result<Kept, StoreError> {
    let state = if new.meaning.is_none() { WebhookState::TooLarge } else { WebhookState::Received };
    let sql = "UPDATE webhooks SET times = times + 1, last_at = ?4, state = ?5, reason = NULL
               WHERE site = ?1 AND program = ?2 AND body_hash = ?3";
    let (site, program) = (new.site.as_str(), new.program.as_str());
    if write(ledger, sql, (site, program, new.body_hash, new.received_at.0, state.as_str()))? > 0 {
        return Ok(Kept::Repeated);
    }
    make_room(ledger, new)?;
    let sql = "INSERT INTO webhooks (site, id, program, body_hash, body_bytes, state, reason, received_at, last_at)
               VALUES (:site, :id, :program, :body_hash, :body_bytes, :state, :reason, :now, :now)";
    let row = named_params! {
        ":site": site,
        ":id": new.id.as_str(),
        ":program": program,
        ":body_hash": new.body_hash,
        ":body_bytes": i64::try_from(new.body.len()).unwrap_or(i64::MAX),
        ":state": state.as_str(),
        ":reason": new.meaning.is_none().then_some("the body is too large; only its beginning is kept"),
        ":now": new.received_at.0,
    };
    write(ledger, sql, row)?;
    let sql = "INSERT INTO webhook_payloads (site, webhook, body) VALUES (?1, ?2, ?3)";
    write(ledger, sql, (site, new.id.as_str(), &new.body))?;
    Ok(Kept::New)
}

/// Deletes the oldest finished webhooks to make room for one more, and those that alone link a partner's id with a key only
/// when no others are left. Never deletes a waiting one.
fn make_room(ledger: &Connection, new: &NewWebhook) -> Result<(), StoreError> {
    let (site, most) = (new.site.as_str(), u64::from(new.most));
    let kept = count(ledger, "/* wide: no more than `most` */ SELECT count(*) FROM webhooks WHERE site = ?1", [site])?;
    if kept < most {
        return Ok(());
    }
    let finished = words(WebhookState::ALL.into_iter().filter(|state| state.may_leave()));
    // A finished webhook has subjects only for such a link.
    let links_nothing = "AND NOT EXISTS (SELECT 1 FROM webhook_subjects s WHERE s.site = w.site AND s.webhook = w.id)";
    let mut left = 0;
    for which in [links_nothing, ""] {
        // In the order of the ids, so that it ends with the last one to leave.
        let sql = format!(
            "/* wide: no more than `most` */ DELETE FROM webhooks WHERE site = ?1 AND id IN (SELECT w.id FROM webhooks w
             WHERE w.site = ?1 AND +w.state IN ({finished}) {which} ORDER BY w.id LIMIT ?2)"
        );
        let surplus = (kept + 1).saturating_sub(most + left);
        left += write(ledger, &sql, (site, i64::try_from(surplus).unwrap_or(i64::MAX)))? as u64;
    }
    if kept - left < most || (kept - left < 2 * most && may_be_matched(new)) || is_soon_finished(ledger, new)? {
        return Ok(());
    }
    Err(StoreError::Full(Limit::Webhooks))
}

/// Whether a delivery that is still to come may be about it.
fn may_be_matched(new: &NewWebhook) -> bool {
    matches!(new.meaning, Some(Meaning::Concerns(_)))
}

/// Whether nothing is left to wait for once it is interpreted.
fn is_soon_finished(ledger: &Connection, new: &NewWebhook) -> Result<bool, StoreError> {
    match &new.meaning {
        Some(Meaning::Concerns(notice)) => {
            Ok(!commissions::concerned(ledger, &new.site, &new.program, notice)?.is_empty())
        }
        Some(Meaning::Noted { .. }) => Ok(true),
        Some(Meaning::UnknownEvent { .. } | Meaning::Unreadable { .. }) | None => Ok(false),
    }
}

/// See [`crate::store::webhooks::WebhookStore::unread_webhooks`].
pub(super) fn unread(ledger: &Connection, lane: &LaneKey, most: u32) -> Result<Vec<Unread>, StoreError> {
    let sql = "SELECT w.id, p.body FROM webhooks w JOIN webhook_payloads p ON p.site = w.site AND p.webhook = w.id
               WHERE w.site = ?1 AND w.program = ?2 AND w.state = 'received' ORDER BY w.id LIMIT ?3";
    all(ledger, sql, (lane.site.as_str(), lane.program.as_str(), most), |row| {
        Ok(Unread { id: checked(row, "id")?, body: plain(row, "body")? })
    })
}

/// See [`crate::store::webhooks::WebhookStore::follow_webhook`].
pub(super) fn follow(
    ledger: &Connection,
    site: &SiteId,
    id: &WebhookId,
    meaning: &Meaning,
    now: UnixMillis,
) -> Result<WebhookState, StoreError> {
    let sql = "SELECT program FROM webhooks WHERE site = ?1 AND id = ?2 AND state = 'received'";
    let program: Option<ProgramId> = first(ledger, sql, (site.as_str(), id.as_str()), |row| checked(row, "program"))?;
    let program = program.ok_or(StoreError::NotFound("webhook to be interpreted"))?;
    forget_subjects(ledger, site, id)?;
    let stands = match meaning {
        Meaning::Concerns(notice) => concern(ledger, site, id, &program, notice, now)?,
        Meaning::Noted { event, about } => {
            let about = about.as_ref().map(|about| format!("{about}: ")).unwrap_or_default();
            Stands::so(WebhookState::Followed, Some(event), format!("{about}concerns no commission"))
        }
        Meaning::UnknownEvent { event } => {
            Stands::so(WebhookState::UnknownEvent, Some(event), "the vendor's documents do not describe this event")
        }
        Meaning::Unreadable { reason } => Stands::so(WebhookState::Unreadable, None, *reason),
    };
    let sql = "UPDATE webhooks SET state = :state, event = :event, reason = :reason, deliveries = :deliveries,
                 interpreted_at = :now WHERE site = :site AND id = :id";
    let row = named_params! {
        ":site": site.as_str(),
        ":id": id.as_str(),
        ":state": stands.state.as_str(),
        ":event": stands.event,
        ":reason": stands.reason,
        ":deliveries": stands.deliveries,
        ":now": now.0,
    };
    write(ledger, sql, row)?;
    Ok(stands.state)
}

/// State of a webhook after it was interpreted.
struct Stands<'a> {
    state: WebhookState,
    event: Option<&'a str>,
    reason: Option<String>,
    deliveries: i64,
}

impl<'a> Stands<'a> {
    fn so(state: WebhookState, event: Option<&'a String>, reason: impl Into<String>) -> Self {
        Self { state, event: event.map(String::as_str), reason: Some(reason.into()), deliveries: 0 }
    }
}

/// Schedules a commission query for every delivery of the customer, transaction or partner that the event names. Without such
/// a delivery, stores those keys in `webhook_subjects`. Otherwise only the partner's id with its keys, by which a later event
/// with another key of that partner is matched; once is enough.
fn concern<'a>(
    ledger: &Connection,
    site: &SiteId,
    id: &WebhookId,
    program: &ProgramId,
    notice: &'a Notice,
    now: UnixMillis,
) -> Result<Stands<'a>, StoreError> {
    let deliveries = commissions::concerned(ledger, site, program, notice)?;
    let of_partner = [("partner", &notice.partners), ("partner_id", &notice.partner_ids)];
    if deliveries.is_empty() {
        let others = [("customer", &notice.customers), ("transaction", &notice.transactions)];
        remember_subjects(ledger, site, id, program, others.iter().chain(&of_partner))?;
        let is_of_partner = notice.customers.is_empty() && notice.transactions.is_empty();
        let reason = if is_of_partner { UNMATCHED_PARTNER } else { UNMATCHED };
        return Ok(Stands::so(WebhookState::Unmatched, Some(&notice.event), reason));
    }
    if !are_linked(ledger, site, program, notice)? {
        remember_subjects(ledger, site, id, program, of_partner.iter())?;
    }
    for delivery in &deliveries {
        commissions::mark(ledger, site, delivery, now)?;
    }
    let number = i64::try_from(deliveries.len()).unwrap_or(i64::MAX);
    Ok(Stands { state: WebhookState::Followed, event: Some(&notice.event), reason: None, deliveries: number })
}

/// Whether there is nothing to remember: the event names no id of the partner, or no key, or both stand in earlier events.
fn are_linked(ledger: &Connection, site: &SiteId, program: &ProgramId, notice: &Notice) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM json_each(:ids) named CROSS JOIN json_each(:keys) shown
               WHERE NOT EXISTS (
                 SELECT 1 FROM webhook_subjects known CROSS JOIN webhook_subjects twin
                   ON twin.site = :site AND twin.program = :program AND twin.kind = 'partner'
                     AND twin.key = shown.value AND twin.webhook = known.webhook
                 WHERE known.site = :site AND known.program = :program AND known.kind = 'partner_id'
                   AND known.key = named.value)";
    let row = named_params! {
        ":site": site.as_str(),
        ":program": program.as_str(),
        ":keys": to_json(&notice.partners)?,
        ":ids": to_json(&notice.partner_ids)?,
    };
    Ok(count(ledger, sql, row)? == 0)
}

fn remember_subjects<'a>(
    ledger: &Connection,
    site: &SiteId,
    id: &WebhookId,
    program: &ProgramId,
    kinds: impl Iterator<Item = &'a (&'static str, &'a Vec<String>)>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO webhook_subjects (site, program, kind, key, webhook) VALUES (?1, ?2, ?3, ?4, ?5)";
    for (kind, keys) in kinds {
        for key in keys.iter() {
            write(ledger, sql, (site.as_str(), program.as_str(), kind, key, id.as_str()))?;
        }
    }
    Ok(())
}

fn forget_subjects(ledger: &Connection, site: &SiteId, id: &WebhookId) -> Result<(), StoreError> {
    let sql = "DELETE FROM webhook_subjects WHERE site = ?1 AND webhook = ?2";
    write(ledger, sql, (site.as_str(), id.as_str())).map(|_| ())
}

/// Interprets unmatched webhooks again that name a delivery which was just recorded, or the vendor's id of its partner.
pub(super) fn meet(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<(), StoreError> {
    let sql = "UPDATE webhooks SET state = 'received' WHERE site = ?1 AND state = 'unmatched' AND id IN (
                 WITH delivery AS (
                   SELECT d.program, d.reference, c.customer_key, c.order_key, t.partner FROM deliveries d
                   JOIN conversions c ON c.site = d.site AND c.id = d.conversion
                   JOIN touches t ON t.site = d.site AND t.id = d.touch
                   WHERE d.site = ?1 AND d.id = ?2),
                 subjects (program, kind, key) AS (
                   SELECT program, 'customer', customer_key FROM delivery
                   UNION SELECT program, 'customer', reference FROM delivery
                   UNION SELECT program, 'transaction', order_key FROM delivery
                   UNION SELECT program, 'transaction', reference FROM delivery
                   UNION SELECT program, 'partner', partner FROM delivery
                   UNION SELECT delivery.program, 'partner_id', twin.key FROM delivery
                     CROSS JOIN webhook_subjects known ON known.site = ?1 AND known.program = delivery.program
                       AND known.kind = 'partner' AND known.key = delivery.partner
                     CROSS JOIN webhook_subjects twin ON twin.site = ?1 AND twin.webhook = known.webhook
                       AND twin.kind = 'partner_id')
                 SELECT s.webhook FROM subjects CROSS JOIN webhook_subjects s
                   ON s.site = ?1 AND s.program = subjects.program AND s.kind = subjects.kind AND s.key = subjects.key)";
    write(ledger, sql, (site.as_str(), delivery.as_str())).map(|_| ())
}

/// See [`crate::store::webhooks::WebhookStore::webhooks`].
pub(super) fn list(ledger: &Connection, filter: &Filter) -> Result<Page<WebhookRow>, StoreError> {
    let states = WebhookState::ALL.into_iter().filter(|state| match filter.state.as_deref() {
        None => true,
        Some("quarantined") => state.is_quarantined(),
        Some(word) => state.as_str() == word,
    });
    let from = format!("FROM webhooks WHERE site = :site AND state IN ({})", words(states));
    let program = filter.program.as_ref().map(ProgramId::as_str);
    let conditions = program.iter().map(|program| {
        let parameter: (&str, &dyn ToSql) = (":program", program);
        ("program = :program".to_owned(), Some(parameter))
    });
    let order = Order::Id { id: "id", is_sorted: false };
    let listing = Listing { select: "SELECT *", from: &from, conditions: conditions.collect(), order };
    let sites = filter.site.clone().map_or_else(|| sites(ledger), |site| Ok(vec![site]))?;
    listing.page(ledger, filter, sites, row)
}

/// States as an SQL list.
fn words(states: impl Iterator<Item = WebhookState>) -> String {
    states.map(|state| format!("'{}'", state.as_str())).collect::<Vec<_>>().join(", ")
}

/// See [`crate::store::webhooks::WebhookStore::webhook`].
pub(super) fn one(ledger: &Connection, prefix: &str) -> Result<WebhookRow, StoreError> {
    if prefix.len() < SHORTEST_PREFIX {
        return Err(StoreError::Refused(format!("give at least {SHORTEST_PREFIX} characters of the webhook's id")));
    }
    // `g` sorts after every hexadecimal digit.
    let sql = "SELECT * FROM webhooks WHERE site = ?1 AND id >= ?2 AND id < ?2 || 'g' LIMIT 2";
    let mut found = Vec::new();
    for site in sites(ledger)? {
        found.extend(all(ledger, sql, (site.as_str(), prefix), row)?);
    }
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(StoreError::Refused("more than one webhook's id begins with this: give more characters".into()))
        }
        (None, _) => Err(StoreError::NotFound("webhook")),
    }
}

/// See [`crate::store::webhooks::WebhookStore::change_webhook`].
pub(super) fn change(
    ledger: &Connection,
    prefix: &str,
    change: &WebhookChange,
    now: UnixMillis,
) -> Result<WebhookRow, StoreError> {
    let found = one(ledger, prefix)?;
    let (state, reason) = match change {
        WebhookChange::Replay if found.state == WebhookState::TooLarge => {
            let cure = "only the beginning of this webhook is kept: query the commission with `conversions check`";
            return Err(StoreError::Refused(cure.into()));
        }
        WebhookChange::Replay => (WebhookState::Received, None),
        WebhookChange::Drop { .. } if found.state.may_leave() => {
            let state = found.state.as_str();
            return Err(StoreError::Refused(format!("this webhook is `{state}`: there is nothing to drop")));
        }
        WebhookChange::Drop { reason } => (WebhookState::Dropped, Some(reason)),
    };
    let (site, id) = (found.site.as_str(), found.id.as_str());
    forget_subjects(ledger, &found.site, &found.id)?;
    let sql = "UPDATE webhooks SET state = ?3, reason = ?4, interpreted_at = ?5 WHERE site = ?1 AND id = ?2";
    let interpreted_at = (state == WebhookState::Dropped).then_some(now.0);
    write(ledger, sql, (site, id, state.as_str(), reason, interpreted_at))?;
    one(ledger, id)
}

/// See [`crate::store::webhooks::WebhookStore::count_webhooks`].
pub(super) fn counts(ledger: &Connection) -> Result<Vec<(WebhookState, u64)>, StoreError> {
    let mut counts = WebhookState::ALL.map(|state| (state, 0));
    for site in sites(ledger)? {
        let sql =
            "/* wide: for an operator */ SELECT state, count(*) AS number FROM webhooks WHERE site = ?1 GROUP BY state";
        let found = all(ledger, sql, [site.as_str()], |row| {
            Ok((word::<WebhookState>(row, "state")?, plain::<i64>(row, "number")?))
        })?;
        for (state, number) in found {
            counts.iter_mut().filter(|(of, _)| *of == state).for_each(|(_, sum)| *sum += number.unsigned_abs());
        }
    }
    Ok(counts.to_vec())
}

/// All sites that have webhooks, with or without visitors.
fn sites(ledger: &Connection) -> Result<Vec<SiteId>, StoreError> {
    let sql = "/* wide: a row a site */ WITH RECURSIVE found (site) AS (
                 SELECT min(site) FROM webhooks
                 UNION ALL
                 SELECT (SELECT min(w.site) FROM webhooks w WHERE w.site > found.site) FROM found
                 WHERE found.site IS NOT NULL)
               SELECT site FROM found WHERE site IS NOT NULL";
    all(ledger, sql, [], |row| checked(row, "site"))
}

fn row(row: &Row<'_>) -> Result<WebhookRow, StoreError> {
    Ok(WebhookRow {
        id: checked(row, "id")?,
        site: checked(row, "site")?,
        program: checked(row, "program")?,
        state: word(row, "state")?,
        event: plain(row, "event")?,
        reason: plain(row, "reason")?,
        deliveries: plain(row, "deliveries")?,
        times: plain(row, "times")?,
        bytes: plain::<i64>(row, "body_bytes")?.unsigned_abs(),
        received_at: time(row, "received_at")?,
        last_at: time(row, "last_at")?.to_rfc3339(),
        interpreted_at: maybe_time(row, "interpreted_at")?.map(UnixMillis::to_rfc3339),
    })
}
