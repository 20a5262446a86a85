//! Server callers in SQL: API keys, and the accepting transaction under an Idempotency-Key. `conversions` writes the
//! conversion itself.

use rusqlite::{Connection, Row, named_params};
use trailmark_wire::conversion::{Event, Kind};
use trailmark_wire::ids::{SiteId, VisitorId};
use trailmark_wire::receipt::Receipt;

use super::conversions;
use super::rows::{all, checked, count, first, json, maybe_time, plain, time, write};
use crate::store::callers::{ApiKeyChange, ApiKeyRow, ServerCall, Whose};
use crate::store::{AcceptRule, Accepted, Known, NewConversion, StoreError};

/// See [`crate::store::callers::CallerStore::api_key`].
pub(super) fn key(ledger: &Connection, site: &SiteId, hash: &[u8; 32]) -> Result<Option<ApiKeyRow>, StoreError> {
    first(ledger, "SELECT * FROM api_keys WHERE site = ?1 AND hash = ?2", (site.as_str(), hash), key_row)
}

/// See [`crate::store::callers::CallerStore::api_keys`].
pub(super) fn keys(ledger: &Connection, site: &SiteId) -> Result<Vec<ApiKeyRow>, StoreError> {
    let sql = "SELECT * FROM api_keys WHERE site = ?1 ORDER BY created_at DESC, id DESC";
    all(ledger, sql, [site.as_str()], key_row)
}

/// See [`crate::store::callers::CallerStore::change_api_key`].
pub(super) fn change(ledger: &Connection, change: &ApiKeyChange) -> Result<(), StoreError> {
    let (set, site, id, at) = match change {
        ApiKeyChange::Add(key) => return add(ledger, key),
        ApiKeyChange::Used(site, id, at) => ("last_used_at = max(coalesce(last_used_at, ?3), ?3)", site, id, at),
        ApiKeyChange::Revoke(site, id, at) => ("revoked_at = coalesce(revoked_at, ?3)", site, id, at),
    };
    let sql = format!("UPDATE api_keys SET {set} WHERE site = ?1 AND id = ?2");
    match write(ledger, &sql, (site.as_str(), id.as_str(), at.0))? {
        0 => Err(StoreError::NotFound("API key")),
        _ => Ok(()),
    }
}

/// See [`crate::store::callers::CallerStore::accept_from_server`].
pub(super) fn accept(
    ledger: &Connection,
    mut new: NewConversion,
    call: &ServerCall,
    rule: AcceptRule,
) -> Result<Accepted, StoreError> {
    if let Some((hash, receipt)) = earlier(ledger, &new.site, call)? {
        return Ok(if hash == new.content_hash { Accepted::Replayed(receipt) } else { Accepted::Mismatch });
    }
    let (visitor, word) = visitor(ledger, &new, call)?;
    new.visitor = visitor.unwrap_or(new.visitor);
    let rule = match word {
        Word::Said => rule,
        Word::Unsaid => without_dispute(rule),
        Word::Expired => without_touches(without_dispute(rule)),
    };
    let accepted = conversions::accept(ledger, &new, rule)?;
    remember(ledger, &new, call)?;
    Ok(accepted)
}

/// Content hash and receipt of the first conversion under this Idempotency-Key.
fn earlier(ledger: &Connection, site: &SiteId, call: &ServerCall) -> Result<Option<([u8; 32], Receipt)>, StoreError> {
    let sql = "SELECT c.content_hash, c.receipt FROM idempotency_keys i
               JOIN conversions c ON c.site = i.site AND c.id = i.conversion
               WHERE i.site = ?1 AND i.api_key = ?2 AND i.hash = ?3";
    let key = (site.as_str(), call.api_key.as_str(), call.idempotency_key);
    first(ledger, sql, key, |row| Ok((plain(row, "content_hash")?, json(row, "receipt")?)))
}

/// A call that names no visitor does not contradict a page's claim.
fn without_dispute(rule: AcceptRule) -> AcceptRule {
    Box::new(move |known| match known.is_claimed_by_page {
        true => rule(&Known { is_claimed_by_page: false, ..known.clone() }),
        false => rule(known),
    })
}

/// An expired token or cookie credits no touch of its visitor, not even a later one.
fn without_touches(rule: AcceptRule) -> AcceptRule {
    Box::new(move |known| rule(&Known { touches: Vec::new(), ..known.clone() }))
}

/// How the ledger knows the conversion's visitor.
enum Word {
    /// Only by an expired token or cookie, so that `explain` can show its visitor's touches.
    Expired,
    /// The call names the visitor.
    Said,
    /// By its customer, or not at all.
    Unsaid,
}

/// The conversion's visitor, `None` if the ledger knows none; and how it is known.
fn visitor(
    ledger: &Connection,
    new: &NewConversion,
    call: &ServerCall,
) -> Result<(Option<VisitorId>, Word), StoreError> {
    let is_signup = new.conversion.kind() == Kind::Signup;
    let known = |visitor: &VisitorId| {
        let sql = "SELECT count(*) FROM visitors WHERE site = ?1 AND id = ?2";
        Ok::<_, StoreError>(count(ledger, sql, (new.site.as_str(), visitor.as_str()))? > 0)
    };
    match &call.whose {
        Whose::Visitor(visitor) if known(visitor)? => return Ok((Some(visitor.clone()), Word::Said)),
        Whose::Nobody if is_signup => return Ok((None, Word::Said)),
        _ => {}
    }
    let by_customer = brought_by(ledger, new)?;
    match &call.whose {
        Whose::Former(visitor) if by_customer.is_none() && known(visitor)? => {
            Ok((Some(visitor.clone()), Word::Expired))
        }
        Whose::Former(visitor) if is_signup && known(visitor)? => Ok((Some(visitor.clone()), Word::Said)),
        _ => Ok((by_customer, Word::Unsaid)),
    }
}

/// The visitor who brought the customer's signup; for a refund otherwise its sale's visitor.
fn brought_by(ledger: &Connection, new: &NewConversion) -> Result<Option<VisitorId>, StoreError> {
    let customer = new.conversion.plain_customer().map(|customer| customer.key.as_str());
    let sale = match &new.conversion.event {
        Event::Refund { sale, .. } => Some(sale.as_str()),
        Event::Signup | Event::Lead | Event::Sale(_) => None,
    };
    let by_customer = customer.map(|key| holder(ledger, &new.site, "signup", key)).transpose()?.flatten();
    match (by_customer, sale) {
        (None, Some(sale)) => holder(ledger, &new.site, "sale", sale),
        (found, _) => Ok(found),
    }
}

/// The visitor of the first conversion that claims a business key in any program.
fn holder(ledger: &Connection, site: &SiteId, kind: &str, key: &str) -> Result<Option<VisitorId>, StoreError> {
    let sql = "SELECT c.visitor FROM claims k JOIN conversions c ON c.site = k.site AND c.id = k.conversion
               WHERE k.site = ?1 AND k.kind = ?2 AND k.external_id = ?3 ORDER BY c.received_at, c.id LIMIT 1";
    first(ledger, sql, (site.as_str(), kind, key), |row| checked(row, "visitor"))
}

fn remember(ledger: &Connection, new: &NewConversion, call: &ServerCall) -> Result<(), StoreError> {
    let sql = "INSERT INTO idempotency_keys (site, api_key, hash, conversion) VALUES (?1, ?2, ?3, ?4)";
    let row = (new.site.as_str(), call.api_key.as_str(), call.idempotency_key, new.id.as_str());
    write(ledger, sql, row).map(|_| ())
}

fn add(ledger: &Connection, key: &ApiKeyRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO api_keys (site, id, name, hash, created_at, last_used_at, revoked_at)
               VALUES (:site, :id, :name, :hash, :created_at, :last_used_at, :revoked_at)";
    let row = named_params! {
        ":site": key.site.as_str(),
        ":id": key.id.as_str(),
        ":name": key.name,
        ":hash": key.hash,
        ":created_at": key.created_at.0,
        ":last_used_at": key.last_used_at.map(|at| at.0),
        ":revoked_at": key.revoked_at.map(|at| at.0),
    };
    write(ledger, sql, row).map(|_| ())
}

fn key_row(row: &Row<'_>) -> Result<ApiKeyRow, StoreError> {
    Ok(ApiKeyRow {
        site: checked(row, "site")?,
        id: checked(row, "id")?,
        name: plain(row, "name")?,
        hash: plain(row, "hash")?,
        created_at: time(row, "created_at")?,
        last_used_at: maybe_time(row, "last_used_at")?,
        revoked_at: maybe_time(row, "revoked_at")?,
    })
}
