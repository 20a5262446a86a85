//! The lock file beside the ledger allows one process at a time. The kernel releases the lock when its process dies,
//! so the file is never removed and its presence means nothing.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Exists while this process owns the ledger.
#[derive(Debug)]
pub(super) struct LockFile {
    locked: File,
}

impl LockFile {
    /// Takes the lock beside `ledger`, without waiting.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it, [`StoreError::Unavailable`] if the file cannot be created.
    pub(super) fn take(ledger: &Path) -> Result<Self, StoreError> {
        let path = lock_path(ledger);
        let file = private(OpenOptions::new().create(true).truncate(false).write(true)).open(&path);
        let file = file.map_err(|error| {
            StoreError::Unavailable(format!("{}: {error}; does its folder exist, and is it writable?", path.display()))
        })?;
        Self::lock(file, ledger)
    }

    /// Takes the lock beside `ledger` if its file exists, and creates none: without the file, no process has the
    /// ledger open.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it, [`StoreError::Unavailable`] if the file cannot be opened.
    pub(super) fn take_existing(ledger: &Path) -> Result<Option<Self>, StoreError> {
        let path = lock_path(ledger);
        match File::open(&path) {
            Ok(file) => Self::lock(file, ledger).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Unavailable(format!("{}: {error}", path.display()))),
        }
    }

    fn lock(file: File, ledger: &Path) -> Result<Self, StoreError> {
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse(ledger.display().to_string()),
            TryLockError::Error(error) => StoreError::Unavailable(format!("{}: {error}", lock_path(ledger).display())),
        })?;
        Ok(Self { locked: file })
    }
}

impl Drop for LockFile {
    /// Closing the file is not enough: a process that another thread forks at this moment has the same open file until it
    /// executes its program, and would hold the lock for so long.
    fn drop(&mut self) {
        let _ = self.locked.unlock();
    }
}

/// `trailmark.db.lock` for `trailmark.db`.
fn lock_path(ledger: &Path) -> PathBuf {
    let mut name = OsString::from(ledger);
    name.push(".lock");
    PathBuf::from(name)
}

/// Only the owner may access the file.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

/// On other systems the folder's access rules apply.
#[cfg(not(unix))]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
