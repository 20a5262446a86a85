//! Migrates a ledger to this binary's schema with the files of `migrations/sqlite`. `migrations/README.md` says how
//! to write a migration so that old and new binaries can follow each other.

use refinery::error::Kind;
use rusqlite::{Connection, ErrorCode};

use crate::store::StoreError;

mod embedded {
    //! The migration files, embedded in the binary.
    #![allow(missing_docs, unreachable_pub, unnameable_types, clippy::unwrap_used, reason = "refinery generates it")]

    refinery::embed_migrations!("migrations/sqlite");
}

/// Applies missing migrations, each in its own transaction; returns the version reached.
///
/// # Errors
/// [`StoreError::Refused`] if a newer binary wrote the ledger, or an applied file has changed.
pub(super) fn migrate(connection: &mut Connection) -> Result<u32, StoreError> {
    let runner = embedded::migrations::runner();
    runner.run(connection).map_err(refused)?;
    version(connection)
}

/// Refuses a ledger whose schema version is not this binary's; changes nothing.
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

/// Version of the last applied migration, 0 for none.
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

/// A disk error is reported as such and not as a wrong history.
fn refused(error: refinery::Error) -> StoreError {
    let source = match error.kind() {
        Kind::Connection(_, source) => source.downcast_ref::<rusqlite::Error>(),
        _ => None,
    };
    match source.map(rusqlite::Error::sqlite_error_code) {
        Some(Some(ErrorCode::DiskFull)) => StoreError::NoSpace,
        Some(_) => StoreError::Unavailable(format!("its schema was not migrated: {error}")),
        None => StoreError::Refused(match error.kind() {
            Kind::DivergentVersion(applied, _) | Kind::MissingVersion(applied) => format!(
                "another build of Trailmark made this ledger: this binary does not have its migration {}. Use the binary \
                 that made it, or name a new ledger in `store.url`",
                applied.version()
            ),
            _ => format!("the ledger's schema cannot be migrated: {error}"),
        }),
    }
}
