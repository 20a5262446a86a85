//! Reads what a decision needs to know, inside the deciding transaction. Decides nothing.

use rusqlite::{Connection, Row, named_params};
use trailmark_attribution::Touch;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId, VisitorId};
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, count, damaged, first, maybe, plain, time, word};
use super::touches;
use crate::code::Code;
use crate::outbox::State;
use crate::store::operator::CustomersSignup;
use crate::store::{CONVERSIONS_KNOWN, FOLLOWERS_AT_ONCE, Held, Known, KnownSale, StoreError};

/// Subquery: the conversions that decide whether (site, kind, key), the first three parameters, is taken: accepted ones,
/// unattributed or held ones from a server, and owners in `claims` (which may be `rejected`). UNION ALL lets each half use its
/// own index. Browsers' held rows are left out, because one key can have many.
const STATED: &str = "(SELECT id, status, visitor, received_at FROM conversions
       WHERE site = ?1 AND kind = ?2 AND external_id = ?3
         AND (status = 'accepted' OR (assurance = 'server' AND status IN ('unattributed', 'held')))
     UNION ALL SELECT o.id, o.status, o.visitor, o.received_at FROM claims c
       JOIN conversions o ON o.site = c.site AND o.id = c.conversion
       WHERE c.site = ?1 AND c.kind = ?2 AND c.external_id = ?3)";

/// The conversion that a decision is about.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) site: &'a SiteId,
    pub(super) visitor: &'a VisitorId,
    pub(super) kind: Kind,
    pub(super) external_id: Option<&'a str>,
    pub(super) customer: Option<&'a str>,
    /// A refund's sale.
    pub(super) refund_of: Option<&'a str>,
    /// Held conversions of the visitor count from this time on; `None` if no budget applies.
    pub(super) held_since: Option<UnixMillis>,
}

/// Reads everything that a decision about `subject` needs.
pub(super) fn about(ledger: &Connection, subject: &Subject<'_>) -> Result<Known, StoreError> {
    let site = subject.site;
    let (told_to_visitor, held_of_visitor) = told(ledger, subject)?;
    let mut known = Known {
        touches: touches::of_visitor(ledger, site, subject.visitor)?,
        told_to_visitor,
        held_of_visitor,
        has_api_key: count(ledger, API_KEYS, [site.as_str()])? > 0,
        queued: queued(ledger, site)?,
        ..Known::default()
    };
    if let Some(key) = subject.external_id {
        known.claimed = claimed(ledger, site, subject.kind, key)?;
        known.is_claimed_by_page = !known.claimed.is_empty() && is_claimed_by_page(ledger, subject, key)?;
        known.is_stated = is_stated(ledger, site, subject.kind, key, None)? || was_stated(ledger, subject, key)?;
        known.is_own = known.is_stated && is_stated(ledger, site, subject.kind, key, Some(subject.visitor))?;
    }
    if let (Kind::Signup | Kind::Lead | Kind::Sale, Some(customer)) = (subject.kind, subject.customer) {
        known.is_customer_known = is_customer_known(ledger, site, customer)?;
        known.is_signup_rejected = is_signup_rejected(ledger, site, customer)?;
    }
    match (subject.kind, subject.external_id) {
        (Kind::Sale, Some(sale)) => {
            if let Some(customer) = subject.customer {
                known.signup = delivered_for(ledger, site, Kind::Signup, customer)?;
                known.disputed = disputed(ledger, site, customer)?;
            }
            known.waiting = waiting(ledger, site, sale)?;
            known.refunded_minor = refunded(ledger, site, sale, None)?;
        }
        (Kind::Refund, own) => {
            if let Some(sale) = subject.refund_of {
                known.sale = sale_of(ledger, site, sale)?;
                known.refunded_minor = refunded(ledger, site, sale, own)?;
            }
        }
        _ => {}
    }
    Ok(known)
}

/// What a rule about a sale's refunds needs: the sale, and the sum of its refunds so far.
pub(super) fn about_refunds_of(ledger: &Connection, site: &SiteId, sale: &ConversionId) -> Result<Known, StoreError> {
    let sql = "SELECT external_id FROM conversions WHERE site = ?1 AND id = ?2 AND external_id IS NOT NULL";
    let key: Option<String> = first(ledger, sql, (site.as_str(), sale.as_str()), |row| plain(row, "external_id"))?;
    let key = key.ok_or(StoreError::NotFound("business key"))?;
    let (sale, refunded_minor) = (sale_of(ledger, site, &key)?, refunded(ledger, site, &key, None)?);
    Ok(Known { sale, refunded_minor, ..Known::default() })
}

/// Whether the site's backend can call.
const API_KEYS: &str = "SELECT EXISTS (SELECT 1 FROM api_keys WHERE site = ?1 AND revoked_at IS NULL)";

/// Number of other keys used up by this visitor, and number of conversions of the visitor's pages that were held
/// recently. A key whose result a page was told counts even if a vendor refused it later. For a visitor with more
/// than [`CONVERSIONS_KNOWN`] both are `u32::MAX`.
fn told(ledger: &Connection, subject: &Subject<'_>) -> Result<(u32, u32), StoreError> {
    let sql = "SELECT count(DISTINCT CASE WHEN kind = :kind AND external_id IS NOT :own
                        AND (status = 'accepted' OR (status IN ('duplicate', 'rejected') AND assurance <> 'server'
                             AND receipt ->> 'status' IN ('accepted', 'duplicate'))) THEN external_id END) AS told,
                      count(CASE WHEN received_at > :held_since AND assurance <> 'server'
                        AND receipt ->> 'status' = 'held' THEN 1 END) AS held,
                      count(*) AS looked_at
               FROM (SELECT kind, external_id, status, assurance, receipt, received_at FROM conversions
                     WHERE site = :site AND visitor = :visitor
                       AND (assurance <> 'server' OR (kind = :kind AND status = 'accepted'))
                     LIMIT :most + 1)";
    let key = named_params! {
        ":site": subject.site.as_str(),
        ":visitor": subject.visitor.as_str(),
        ":kind": subject.kind.as_str(),
        ":own": subject.external_id,
        ":held_since": subject.held_since.map(|since| since.0),
        ":most": CONVERSIONS_KNOWN,
    };
    let found = first(ledger, sql, key, |row| {
        Ok((plain::<u32>(row, "told")?, plain::<u32>(row, "held")?, plain::<u32>(row, "looked_at")?))
    })?;
    Ok(match found {
        Some((.., looked_at)) if looked_at > CONVERSIONS_KNOWN => (u32::MAX, u32::MAX),
        Some((told, held, _)) => (told, held),
        None => (0, 0),
    })
}

/// Whether no claim on the key belongs to a server, this visitor, or a customer that the merchant signed.
fn is_claimed_by_page(ledger: &Connection, subject: &Subject<'_>, key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM claims k
               JOIN conversions c ON c.site = k.site AND c.id = k.conversion
               LEFT JOIN conversion_payloads p ON p.site = c.site AND p.conversion = c.id
               WHERE k.site = ?1 AND k.kind = ?2 AND k.external_id = ?3
                 AND (c.assurance = 'server' OR c.visitor = ?4 OR p.signed_customer IS NOT NULL)";
    let others = count(ledger, sql, (subject.site.as_str(), subject.kind.as_str(), key, subject.visitor.as_str()))?;
    Ok(others == 0)
}

/// Programs where the customer's signup overruled a page's, and it is open which partner the vendor credits.
fn disputed(ledger: &Connection, site: &SiteId, customer: &str) -> Result<Vec<ProgramId>, StoreError> {
    let sql = "SELECT k.program FROM claims k
               JOIN conversions c ON c.site = k.site AND c.id = k.conversion
               JOIN deliveries d ON d.site = k.site AND d.conversion = k.conversion AND d.program = k.program
               WHERE k.site = ?1 AND k.kind = 'signup' AND k.external_id = ?2 AND +c.code = ?3
                 AND +d.state IN ('conflict', 'uncertain') ORDER BY k.program";
    all(ledger, sql, (site.as_str(), customer, Code::ClaimedByPage.as_str()), |row| checked(row, "program"))
}

fn claimed(ledger: &Connection, site: &SiteId, kind: Kind, key: &str) -> Result<Vec<ProgramId>, StoreError> {
    let sql = "SELECT program FROM claims WHERE site = ?1 AND kind = ?2 AND external_id = ?3 ORDER BY program";
    all(ledger, sql, (site.as_str(), kind.as_str(), key), |row| checked(row, "program"))
}

/// Whether a key is taken, by any conversion or by this visitor's.
fn is_stated(
    ledger: &Connection,
    site: &SiteId,
    kind: Kind,
    key: &str,
    by: Option<&VisitorId>,
) -> Result<bool, StoreError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {STATED} WHERE ?4 IS NULL OR visitor = ?4)");
    Ok(count(ledger, &sql, (site.as_str(), kind.as_str(), key, by.map(VisitorId::as_str)))? > 0)
}

/// Whether a server stated a key for another visitor and every vendor refused it: a stranger must not get the key.
/// Pages may have any number of held conversions with this key, so only some rows are read.
fn was_stated(ledger: &Connection, subject: &Subject<'_>, key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM (SELECT status, assurance, code, visitor FROM conversions
                                WHERE site = ?1 AND kind = ?2 AND external_id = ?3 LIMIT ?5)
                              WHERE status = 'rejected' AND assurance = 'server' AND visitor <> ?4
                                AND code IS NOT ?6)";
    let (kind, visitor, code) = (subject.kind.as_str(), subject.visitor.as_str(), Code::SignupsFromPages.as_str());
    Ok(count(ledger, sql, (subject.site.as_str(), kind, key, visitor, CONVERSIONS_KNOWN, code))? > 0)
}

/// The conversion that owns a key: the accepted one, otherwise the first that a server stated.
pub(super) fn stated_by(
    ledger: &Connection,
    site: &SiteId,
    kind: &str,
    key: &str,
) -> Result<Option<ConversionId>, StoreError> {
    let sql = format!("SELECT id FROM {STATED} ORDER BY status <> 'accepted', received_at, id LIMIT 1");
    first(ledger, &sql, (site.as_str(), kind, key), |row| checked(row, "id"))
}

/// Unsettled deliveries of the site without the blocked ones. Blocked deliveries may stay so forever, and anybody can
/// cause them (a page that reports leads of unknown customers), so they must not fill the queue.
fn queued(ledger: &Connection, site: &SiteId) -> Result<u64, StoreError> {
    let sql = "SELECT word, number FROM tallies WHERE site = ?1 AND subject = 'delivery'";
    let tallies =
        all(ledger, sql, [site.as_str()], |row| Ok((plain::<String>(row, "word")?, plain::<i64>(row, "number")?)))?;
    let goes_on = |word: &str| State::from_word(word).is_some_and(State::goes_on);
    let queued: i64 = tallies.iter().filter(|(word, _)| goes_on(word)).map(|(_, number)| number).sum();
    Ok(u64::try_from(queued).unwrap_or(0))
}

/// The touches for which the claimed deliveries of a business key are made, one for each program.
fn delivered_for(ledger: &Connection, site: &SiteId, kind: Kind, key: &str) -> Result<Vec<Touch>, StoreError> {
    let sql = "SELECT t.* FROM claims k
               JOIN deliveries d ON d.site = k.site AND d.conversion = k.conversion AND d.program = k.program
               JOIN touches t ON t.site = d.site AND t.id = d.touch
               WHERE k.site = ?1 AND k.kind = ?2 AND k.external_id = ?3 ORDER BY k.program";
    let touch = |row: &Row<'_>| Ok(touches::stored_touch(row)?.touch);
    all(ledger, sql, (site.as_str(), kind.as_str(), key), touch)
}

/// Whether a customer's signup was rejected. Pages may have any number of held conversions with this key, so only
/// some rows are read.
fn is_signup_rejected(ledger: &Connection, site: &SiteId, customer: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM (SELECT status, code FROM conversions
                                WHERE site = ?1 AND kind = 'signup' AND external_id = ?2 LIMIT ?3)
                              WHERE status = 'rejected' AND code IS NOT ?4)";
    Ok(count(ledger, sql, (site.as_str(), customer, CONVERSIONS_KNOWN, Code::SignupsFromPages.as_str()))? > 0)
}

/// Whether anybody has reported a signup of a customer.
fn is_customer_known(ledger: &Connection, site: &SiteId, customer: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM conversions WHERE site = ?1 AND kind = 'signup' AND external_id = ?2)";
    Ok(count(ledger, sql, (site.as_str(), customer))? > 0)
}

/// The signup of a customer, except for one conversion: the accepted one, otherwise one that was rejected, unattributed or
/// held. Pages may have any number of held signups with this key, so the search is limited.
pub(super) fn signup_of(
    ledger: &Connection,
    site: &SiteId,
    customer: &str,
    but: &ConversionId,
) -> Result<Option<CustomersSignup>, StoreError> {
    let sql = "SELECT id, status FROM (SELECT id, status, received_at FROM conversions
                 WHERE site = ?1 AND kind = 'signup' AND external_id = ?2 LIMIT ?4)
               WHERE id <> ?3 AND status <> 'duplicate'
               ORDER BY status <> 'accepted', status <> 'rejected', status <> 'unattributed', received_at, id LIMIT 1";
    let key = (site.as_str(), customer, but.as_str(), CONVERSIONS_KNOWN);
    first(ledger, sql, key, |row| Ok(CustomersSignup { conversion: checked(row, "id")?, status: word(row, "status")? }))
}

/// The accepted sale with a key, otherwise the one that a server stated. A browser's unaccepted claim does not count.
fn sale_of(ledger: &Connection, site: &SiteId, key: &str) -> Result<Option<KnownSale>, StoreError> {
    let sql = "SELECT * FROM conversions
               WHERE site = ?1 AND kind = 'sale' AND external_id = ?2
                 AND (status = 'accepted' OR (assurance = 'server' AND status <> 'duplicate'))
               ORDER BY status <> 'accepted', status <> 'held', status <> 'unattributed', received_at, id LIMIT 1";
    let found = first(ledger, sql, (site.as_str(), key), |row| {
        Ok((word(row, "status")?, money(row)?, maybe(row, "customer_key")?))
    })?;
    let Some((status, Some(money), customer)) = found else { return Ok(None) };
    Ok(Some(KnownSale { status, money, customer, touches: delivered_for(ledger, site, Kind::Sale, key)? }))
}

/// Minor units refunded for a sale, each key once.
fn refunded(ledger: &Connection, site: &SiteId, sale: &str, except: Option<&str>) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(sum(amount), 0) AS amount FROM (
                 SELECT max(amount_minor) AS amount FROM conversions
                 WHERE site = :site AND refund_of = :sale AND +kind = 'refund' AND status = 'accepted'
                   AND external_id IS NOT :except GROUP BY external_id)";
    let key = named_params! {":site": site.as_str(), ":sale": sale, ":except": except};
    Ok(first(ledger, sql, key, |row| plain(row, "amount"))?.unwrap_or(0))
}

/// Refunds that arrived before their sale, or ended because it counted for nobody: the last one of each key, unless
/// another conversion has the key now. Returns at most one more than are decided at once, to show that there are
/// more.
fn waiting(ledger: &Connection, site: &SiteId, sale: &str) -> Result<Vec<Held>, StoreError> {
    let sql = "WITH refunds AS (
                 SELECT *, row_number() OVER (PARTITION BY external_id ORDER BY received_at DESC, id DESC) AS place
                 FROM conversions WHERE site = ?1 AND refund_of = ?2 AND kind = 'refund'
                   AND (status = 'held'
                     OR (status = 'unattributed' AND code IN (?4, ?5))))
               SELECT refunds.*, x.decision ->> 'conversion_at' AS decided_for FROM refunds
               JOIN decisions x ON x.site = refunds.site AND x.conversion = refunds.id
               WHERE place = 1
                 AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.site = refunds.site AND k.kind = refunds.kind
                                 AND k.external_id = refunds.external_id)
               ORDER BY received_at, id LIMIT ?3";
    let (unattributed, rejected) = (Code::SaleUnattributed.as_str(), Code::SaleRejected.as_str());
    all(ledger, sql, (site.as_str(), sale, FOLLOWERS_AT_ONCE + 1, unattributed, rejected), held)
}

/// A conversion with `decided_for`, the time for which it was decided.
pub(super) fn held(row: &Row<'_>) -> Result<Held, StoreError> {
    Ok(Held {
        site: checked(row, "site")?,
        id: checked(row, "id")?,
        kind: word(row, "kind")?,
        external_id: plain(row, "external_id")?,
        customer: maybe(row, "customer_key")?,
        money: money(row)?,
        occurred_at: time(row, "decided_for")?,
        is_held: word::<Status>(row, "status")? == Status::Held,
    })
}

fn money(row: &Row<'_>) -> Result<Option<Money>, StoreError> {
    let currency: Option<String> = plain(row, "currency")?;
    let Some(currency) = currency else { return Ok(None) };
    let currency = Currency::new(&currency).map_err(|error| damaged("currency", error))?;
    Ok(Some(Money { amount_minor: plain(row, "amount_minor")?, currency }))
}

#[cfg(test)]
mod tests {
    use super::super::migrate;
    use super::*;

    #[test]
    fn whether_a_key_stands_is_asked_past_all_that_is_held_under_it() {
        let mut ledger = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut ledger).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN SELECT 1 FROM {STATED}");
        let mut plan = ledger.prepare(&sql).unwrap();
        let steps = plan.query_map(("acme", "signup", "u_1"), |row| row.get::<_, String>("detail")).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let touched = |table: &str| steps.iter().find(|step| step.contains(table)).cloned().unwrap_or_default();
        assert!(touched(" conversions ").contains("INDEX conversions_stated"), "{steps:?}");
        assert!(touched(" c ").contains("PRIMARY KEY (site=? AND kind=? AND external_id=?)"), "{steps:?}");
    }
}
