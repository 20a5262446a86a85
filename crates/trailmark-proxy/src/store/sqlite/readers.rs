//! A pool of reading connections, used on the runtime's blocking threads, each for one query at a time. A query sees
//! what was committed before it began.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{self, Reading};
use crate::store::StoreError;

/// Queries that run at the same time; others wait. Intake's queries are short, and a list must not block them.
const READERS: usize = 4;

/// The pool.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    reading: Reading,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    /// A pool for the ledger at `path`. Beside a writer all connections are opened now, because a proxy that has run
    /// out of file handles could open none later; otherwise they are opened when needed. All stay open.
    ///
    /// # Errors
    /// As [`connection::reader`].
    pub(super) fn new(path: PathBuf, reading: Reading) -> Result<Self, StoreError> {
        let now = if reading == Reading::Shared { READERS } else { 0 };
        let idle: Vec<_> = (0..now).map(|_| connection::reader(&path, reading)).collect::<Result<_, _>>()?;
        Ok(Self { path, reading, places: Arc::new(Semaphore::new(READERS)), idle: Arc::new(Mutex::new(idle)) })
    }

    /// Reads.
    pub(super) async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let closed = |_| StoreError::Unavailable("it is shutting down".into());
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(closed)?;
        let (path, reading, idle) = (self.path.clone(), self.reading, Arc::clone(&self.idle));
        let answer = move || {
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let ledger = pooled.map_or_else(|| connection::reader(&path, reading), Ok)?;
            let snapshot = ledger.unchecked_transaction()?;
            let answer = question(&snapshot);
            snapshot.finish()?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(ledger);
            drop(place);
            answer
        };
        let stopped = |_| Err(StoreError::Unavailable("a bug stopped this query; see the log".into()));
        tokio::task::spawn_blocking(answer).await.unwrap_or_else(stopped)
    }

    /// Takes no more queries, waits for running ones, closes the connections.
    pub(super) async fn close(&self) {
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        // Fails only if the pool is closed already.
        let _places = self.places.acquire_many(all).await;
        self.places.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::SqliteStore;

    // field-faults row 66
    #[test]
    fn all_readers_beside_a_writer_are_open_before_the_first_question() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        SqliteStore::migrate(&path).unwrap();
        let open = |reading| Readers::new(path.clone(), reading).unwrap().idle.lock().unwrap().len();
        assert_eq!(open(Reading::Shared), READERS);
        assert_eq!(open(Reading::Observing), 0);
    }
}
