//! Signing keys in SQL. `keys` decides when one is created, retired or revoked.

use rusqlite::{Connection, Row, named_params};
use trailmark_vendors::secret::Secret;
use trailmark_wire::ids::SiteId;

use super::rows::{all, checked, maybe_time, plain, time, write};
use crate::store::{KeyChange, KeyRow, StoreError};

/// See [`crate::store::Store::keys`].
pub(super) fn of_site(ledger: &Connection, site: &SiteId) -> Result<Vec<KeyRow>, StoreError> {
    let sql = "SELECT * FROM signing_keys WHERE site = ?1 ORDER BY created_at DESC, kid DESC";
    all(ledger, sql, [site.as_str()], key_row)
}

/// See [`crate::store::Store::change_keys`].
pub(super) fn change(ledger: &Connection, changes: &[KeyChange]) -> Result<(), StoreError> {
    changes.iter().try_for_each(|change| apply(ledger, change))
}

fn apply(ledger: &Connection, change: &KeyChange) -> Result<(), StoreError> {
    let (sql, site, kid, at) = match change {
        KeyChange::Add(key) => return add(ledger, key),
        // A first retirement or revocation is not changed.
        KeyChange::Retire(site, kid, at) => ("retired_at = coalesce(retired_at, ?3)", site, kid, at),
        KeyChange::Revoke(site, kid, at) => ("revoked_at = coalesce(revoked_at, ?3)", site, kid, at),
        KeyChange::Signed(site, kid, at) => ("last_expiry = max(coalesce(last_expiry, ?3), ?3)", site, kid, at),
    };
    let sql = format!("UPDATE signing_keys SET {sql} WHERE site = ?1 AND kid = ?2");
    match write(ledger, &sql, (site.as_str(), kid.as_str(), at.0))? {
        0 => Err(StoreError::NotFound("signing key")),
        _ => Ok(()),
    }
}

fn add(ledger: &Connection, key: &KeyRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO signing_keys (site, kid, public_key, private_key, created_at, signs_from, last_expiry,
                                         retired_at, revoked_at)
               VALUES (:site, :kid, :public_key, :private_key, :created_at, :signs_from, :last_expiry,
                       :retired_at, :revoked_at)";
    let row = named_params! {
        ":site": key.site.as_str(),
        ":kid": key.kid.as_str(),
        ":public_key": key.public_key,
        ":private_key": key.private_key.expose(),
        ":created_at": key.created_at.0,
        ":signs_from": key.signs_from.0,
        ":last_expiry": key.last_expiry.map(|at| at.0),
        ":retired_at": key.retired_at.map(|at| at.0),
        ":revoked_at": key.revoked_at.map(|at| at.0),
    };
    write(ledger, sql, row).map(|_| ())
}

fn key_row(row: &Row<'_>) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        site: checked(row, "site")?,
        kid: checked(row, "kid")?,
        public_key: plain(row, "public_key")?,
        private_key: Secret::new(plain::<String>(row, "private_key")?),
        created_at: time(row, "created_at")?,
        signs_from: time(row, "signs_from")?,
        last_expiry: maybe_time(row, "last_expiry")?,
        retired_at: maybe_time(row, "retired_at")?,
        revoked_at: maybe_time(row, "revoked_at")?,
    })
}
