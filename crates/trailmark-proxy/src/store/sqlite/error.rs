//! The meaning of SQLite's result codes for the ledger's callers, and which codes end the process. Pure.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::store::StoreError;

/// What a failed COMMIT or checkpoint means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CommitFailure {
    /// The kernel failed to write or sync. It may have marked the unwritten pages clean, so that a second fsync would
    /// succeed without them. Only a restart shows what is on the disk.
    Fatal(String),
    /// Rolled back; nothing was written.
    RolledBack(StoreError),
}

/// Classifies an error of COMMIT or of a checkpoint.
pub(super) fn commit_failure(error: rusqlite::Error) -> CommitFailure {
    match error.sqlite_error() {
        Some(code) if code.extended_code & 0xff == ffi::SQLITE_IOERR => CommitFailure::Fatal(error.to_string()),
        _ => CommitFailure::RolledBack(error.into()),
    }
}

/// Classifies by code, never by text. SQLite's messages name tables and columns, not values.
impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::NoSpace,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
                Self::Unavailable(error.to_string())
            }
            // A key exists already. Callers prevent this.
            Some(ErrorCode::ConstraintViolation) => Self::Refused(error.to_string()),
            _ => Self::Corrupt(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(extended_code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None)
    }

    #[test]
    fn an_io_error_on_commit_is_fatal_whichever_call_it_came_from() {
        for code in [ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR_WRITE] {
            assert!(matches!(commit_failure(failure(code)), CommitFailure::Fatal(_)), "code {code}");
        }
    }

    #[test]
    fn a_full_disk_is_told_to_the_caller_and_nothing_more() {
        assert_eq!(commit_failure(failure(ffi::SQLITE_FULL)), CommitFailure::RolledBack(StoreError::NoSpace));
    }

    #[test]
    fn a_lock_held_by_another_process_can_be_waited_for() {
        assert!(matches!(StoreError::from(failure(ffi::SQLITE_BUSY)), StoreError::Unavailable(_)));
        assert!(matches!(StoreError::from(failure(ffi::SQLITE_CORRUPT)), StoreError::Corrupt(_)));
    }
}
