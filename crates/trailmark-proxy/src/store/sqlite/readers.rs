//! Reading connections, a few, each used by one question at a time on the runtime's blocking threads. A question sees one
//! point of the ledger: everything committed before it began, nothing of later commits.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{self, Reading};
use crate::store::StoreError;

/// Questions that are read at the same time; further ones wait. Intake asks short ones, and a list must not stop it.
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
    /// A pool over the ledger at `path`. Connections are opened as they are needed, and kept.
    pub(super) fn new(path: PathBuf, reading: Reading) -> Self {
        Self { path, reading, places: Arc::new(Semaphore::new(READERS)), idle: Arc::default() }
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
        let stopped = |_| Err(StoreError::Unavailable("a bug stopped this question; the log says where".into()));
        tokio::task::spawn_blocking(answer).await.unwrap_or_else(stopped)
    }

    /// Takes no more questions, waits for those that are read, closes their connections.
    pub(super) async fn close(&self) {
        let all = u32::try_from(READERS).unwrap_or(u32::MAX);
        // Refused only when it is closed already.
        let _places = self.places.acquire_many(all).await;
        self.places.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
