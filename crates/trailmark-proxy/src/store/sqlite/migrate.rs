//! Brings a ledger's schema to the one that this binary knows, by the files of `migrations/sqlite`. How a change of schema
//! is written, so that old and new binaries can follow each other, stands in `migrations/README.md`.

use refinery::error::Kind;
use rusqlite::{Connection, ErrorCode};

use crate::store::StoreError;

mod embedded {
    //! The files, inside the binary.
    #![allow(missing_docs, unreachable_pub, unnameable_types, clippy::unwrap_used, reason = "refinery generates it")]

    refinery::embed_migrations!("migrations/sqlite");
}

/// Applies what is missing, each file in a transaction of its own; gives the version reached.
///
/// # Errors
/// [`StoreError::Refused`] when the ledger was written by a newer binary, or an applied file has changed since.
pub(super) fn migrate(connection: &mut Connection) -> Result<u32, StoreError> {
    let runner = embedded::migrations::runner();
    runner.run(connection).map_err(refused)?;
    version(connection)
}

/// Refuses a ledger whose schema is not the one that this binary knows; changes nothing.
///
/// # Errors
/// [`StoreError::Refused`], naming the cure.
pub(super) fn assert_current(connection: &Connection) -> Result<(), StoreError> {
    let (known, found) = (newest(), version(connection)?);
    if known == found {
        return Ok(());
    }
    let cure = if found < known { "run `trailmark store migrate`" } else { "use the binary that migrated it" };
    Err(StoreError::Refused(format!("the ledger's schema is at version {found}, this binary knows {known}: {cure}")))
}

/// The version of the last applied migration, 0 for none.
pub(super) fn version(connection: &Connection) -> Result<u32, StoreError> {
    let table = "SELECT count(*) FROM sqlite_schema WHERE name = 'refinery_schema_history'";
    if connection.query_row(table, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    let last = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    Ok(connection.query_row(last, [], |row| row.get(0))?)
}

fn newest() -> u32 {
    let runner = embedded::migrations::runner();
    runner.get_migrations().iter().filter_map(|file| u32::try_from(file.version()).ok()).max().unwrap_or(0)
}

/// A disk that fails is no divergent history, and passes.
fn refused(error: refinery::Error) -> StoreError {
    let source = match error.kind() {
        Kind::Connection(_, source) => source.downcast_ref::<rusqlite::Error>(),
        _ => None,
    };
    match source.map(rusqlite::Error::sqlite_error_code) {
        Some(Some(ErrorCode::DiskFull)) => StoreError::NoSpace,
        Some(_) => StoreError::Unavailable(format!("its schema was not brought up to date: {error}")),
        None => StoreError::Refused(format!("the ledger's schema cannot be brought up to date: {error}")),
    }
}
