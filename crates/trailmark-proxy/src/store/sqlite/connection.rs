//! Opens connections to the ledger's file, applies the settings that durability needs, and reads each one back:
//! SQLite ignores a pragma that it does not know or cannot apply.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use url::Url;

use super::lock::private;
use crate::store::StoreError;

/// The first release whose checkpoints cannot race with a reset of the write-ahead log (sqlite.org/wal.html).
const OLDEST_SQLITE: i32 = 3_051_003;

/// `TRMK`, in the file's header: `file(1)` and this module recognise a ledger by it.
const APPLICATION_ID: i64 = 0x5452_4d4b;

/// The first bytes of every SQLite database, and the header's place for the application id
/// (sqlite.org/fileformat.html).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const APPLICATION_ID_AT: std::ops::Range<usize> = 68..72;

/// Compiled statements cached on each connection; more than the store has.
const STATEMENTS: usize = 128;

/// A pragma: its name, the value to set, and the value read back.
type Setting = (&'static str, &'static str, &'static str);

/// On macOS fsync returns before the drive has written, unless `fullfsync` is set.
const FULL_FSYNC: (&str, &str) = if cfg!(target_os = "macos") { ("ON", "1") } else { ("OFF", "0") };

/// Settings of the writing connection.
const WRITER: [Setting; 11] = [
    ("journal_mode", "WAL", "wal"),
    // FULL syncs the log at every commit; NORMAL would lose acknowledged commits in a power failure.
    ("synchronous", "FULL", "2"),
    ("fullfsync", FULL_FSYNC.0, FULL_FSYNC.1),
    ("checkpoint_fullfsync", FULL_FSYNC.0, FULL_FSYNC.1),
    // The writer checkpoints between commits, so that no caller waits for a checkpoint.
    ("wal_autocheckpoint", "0", "0"),
    ("journal_size_limit", "67108864", "67108864"),
    ("busy_timeout", "5000", "5000"),
    ("foreign_keys", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
    // Deleted content is overwritten with zeros.
    ("secure_delete", "ON", "1"),
];

/// Settings of a reading connection.
const READER: [Setting; 4] = [
    ("query_only", "ON", "1"),
    ("busy_timeout", "5000", "5000"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
];

/// Settings of an observing connection. The exclusive locking mode keeps the write-ahead log's index in memory
/// instead of in a shared file beside the ledger.
const OBSERVER: [Setting; 4] = [
    ("locking_mode", "EXCLUSIVE", "exclusive"),
    ("query_only", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    ("cell_size_check", "ON", "1"),
];

/// How a reading connection uses the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Beside the writer of this process.
    Shared,
    /// Alone, without changing anything: no lock, no index file, no recovery of the log.
    Observing,
}

/// Refuses a file that is no ledger by its first hundred bytes, before it or any file beside it is touched. Accepts
/// an absent or empty file, which may become a ledger.
///
/// # Errors
/// [`StoreError::Refused`] if the file is something else; [`StoreError::Unavailable`] if it cannot be read.
pub(super) fn recognise(path: &Path) -> Result<(), StoreError> {
    let mut head = Vec::with_capacity(100);
    match File::open(path).and_then(|file| file.take(100).read_to_end(&mut head)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
        Ok(_) => {}
    }
    let what = match head.get(APPLICATION_ID_AT) {
        _ if head.is_empty() => return Ok(()),
        // SQLite writes the header last: a ledger whose creation was interrupted has id zero and no tables.
        Some(id) if head.starts_with(MAGIC) && (id == b"TRMK" || id == [0; 4]) => return Ok(()),
        _ if head.starts_with(MAGIC) => "is a database, but not a Trailmark ledger",
        _ => "is not a Trailmark ledger",
    };
    Err(StoreError::Refused(format!("{} {what}: choose another file", path.display())))
}

/// The writing connection to an existing or new ledger. Only the file's owner may read it.
///
/// # Errors
/// [`StoreError::Refused`] if SQLite is too old, a setting does not hold or the file belongs to another program;
/// [`StoreError::Unavailable`] if it cannot be opened; [`StoreError::Corrupt`] if it is no database.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    new_enough(rusqlite::version_number())?;
    own_file(path)?;
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_identity(&connection, path)?;
    set(&connection, &WRITER)?;
    Ok(connection)
}

/// A reading connection to a ledger that this process's writer has open, or that nobody writes.
///
/// # Errors
/// As [`writer`].
pub(super) fn reader(path: &Path, reading: Reading) -> Result<Connection, StoreError> {
    let connection = match reading {
        Reading::Shared => open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        Reading::Observing => open(&unlocked(path)?, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?,
    };
    set(&connection, if reading == Reading::Shared { &READER } else { &OBSERVER })?;
    Ok(connection)
}

/// The address that makes SQLite open the file without locks of its own; the caller has the lock file if there is
/// one. SQLite would create a missing or empty log, so then it is told that nothing changes while it reads.
fn unlocked(path: &Path) -> Result<PathBuf, StoreError> {
    let absolute = std::path::absolute(path).ok();
    let address = absolute.and_then(|path| Url::from_file_path(path).ok());
    let address = address.ok_or_else(|| StoreError::Unavailable(format!("{} is no path", path.display())))?;
    let log = PathBuf::from(format!("{}-wal", path.display()));
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    Ok(format!("{address}?mode=ro&{}", if has_log { "vfs=unix-none" } else { "immutable=1" }).into())
}

/// Whether this process may write the file, by access rights alone.
pub(super) fn is_writable(path: &Path) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    let opened = OpenOptions::new().write(true).open(path);
    !opened.is_err_and(|error| matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem))
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Query plans must not depend on bound values. Otherwise SQLite compiles a statement again at each binding once
    // its planner has looked at a bound value, as it does for partial indexes: that took half of the CPU time of a
    // conversion.
    if !connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)? {
        return Err(StoreError::Refused(
            "this build of SQLite lacks stable query plans (QPSG): use another build".into(),
        ));
    }
    Ok(connection)
}

fn new_enough(version: i32) -> Result<(), StoreError> {
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::Refused(format!("SQLite {version} can damage a ledger; build with {OLDEST_SQLITE} or later")))
}

/// Creates the file, or removes other users' access. SQLite gives log and index files the same rights.
fn own_file(path: &Path) -> Result<(), StoreError> {
    let unavailable = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    let mut options = OpenOptions::new();
    let file = private(options.create(true).truncate(false).write(true)).open(path).map_err(unavailable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(unavailable)?;
    }
    drop(file);
    Ok(())
}

/// An empty file becomes a ledger; a file with another program's tables is left unchanged.
fn check_identity(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (id, objects) {
        (APPLICATION_ID, _) => Ok(()),
        (0, 0) => Ok(connection.pragma_update(None, "application_id", APPLICATION_ID)?),
        _ => Err(StoreError::Refused(format!(
            "{} is a database, but not a Trailmark ledger: choose another file",
            path.display()
        ))),
    }
}

fn set(connection: &Connection, settings: &[Setting]) -> Result<(), StoreError> {
    for (name, value, _) in settings {
        connection.pragma_update(None, name, value)?;
    }
    assert_settings(connection, settings)
}

fn assert_settings(connection: &Connection, settings: &[Setting]) -> Result<(), StoreError> {
    for (name, _, expected) in settings {
        let found = connection.pragma_query_value(None, name, |row| row.get::<_, Value>(0))?;
        let found = match found {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text,
            other => format!("{other:?}"),
        };
        if found != *expected {
            return Err(StoreError::Refused(format!("SQLite's {name} is {found}, but must be {expected}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_does_not_hold_is_refused() {
        // An in-memory database cannot have a log, so SQLite silently keeps its own mode.
        let memory = Connection::open_in_memory().unwrap();
        let refused = set(&memory, &WRITER).unwrap_err();
        assert_eq!(refused, StoreError::Refused("SQLite's journal_mode is memory, but must be wal".into()));
    }

    #[test]
    fn a_release_with_the_wal_reset_bug_is_refused() {
        assert!(new_enough(3_051_002).is_err());
        assert!(new_enough(3_051_003).is_ok());
        assert!(new_enough(rusqlite::version_number()).is_ok());
    }

    #[test]
    fn another_programs_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(writer(&path), Err(StoreError::Refused(_))));
    }
}
