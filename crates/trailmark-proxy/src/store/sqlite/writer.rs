//! The only writing thread. Commands wait in a bounded queue. The thread takes all waiting commands, runs each in its
//! own savepoint, commits once, and answers then: one fsync serves all, and no timer delays a single command. The
//! thread does not know what a command does. It counts refusals and remembers a failed commit until a trial write
//! succeeds; readiness and metrics read that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::error::{CommitFailure, commit_failure};
use super::lock::LockFile;
use crate::store::{Limit, StoreError};

/// Most commands in one commit: limits what a crash leaves unanswered, and the log's growth.
const BATCH: usize = 256;

/// Most waiting commands: two seconds of work at about 2,000 a second. Further callers are told to try again.
const QUEUE: usize = 4096;

/// Commands between two checkpoints: about 10 MB of log.
const CHECKPOINT_AFTER: usize = 1024;

/// Work for the writer, and its waiting caller.
trait Command: Send {
    /// Does the work in its savepoint; returns false to undo it.
    fn run(&mut self, ledger: &Connection) -> bool;

    /// After the transaction has ended, counts a refusal and answers the caller.
    fn answer(self: Box<Self>, commit: &Result<(), StoreError>, condition: &Condition);
}

/// The handle to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    /// The queue, or why no command is taken.
    queue: Mutex<Result<mpsc::Sender<Box<dyn Command>>, String>>,
    condition: Arc<Condition>,
    ended: watch::Receiver<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The lock of a ledger that is only read; otherwise the writing thread has the lock.
    _observed: Option<LockFile>,
}

/// Whether commits succeed, and how many commands were refused.
#[derive(Debug, Default)]
struct Condition {
    /// Whether a commit of the trial's size has succeeded since the last failed commit.
    records: AtomicBool,
    queue_full: AtomicU64,
    disk_full: AtomicU64,
    unavailable: AtomicU64,
    damaged: AtomicU64,
}

impl Condition {
    fn note(&self, refusal: &StoreError) {
        if *refusal == StoreError::NoSpace {
            self.records.store(false, Ordering::Relaxed);
        }
        let counter = match refusal {
            StoreError::Full(_) => &self.queue_full,
            StoreError::NoSpace => &self.disk_full,
            StoreError::InUse(_) | StoreError::Unavailable(_) => &self.unavailable,
            StoreError::Corrupt(_) => &self.damaged,
            // An ordinary answer, not a failure of the ledger.
            StoreError::LeaseLost | StoreError::NotFound(_) | StoreError::OverBudget | StoreError::Refused(_) => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Writer {
    /// Starts the thread, which keeps connection and lock until its queue is closed and empty.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the system provides no thread.
    pub(super) fn start(connection: Connection, lock: LockFile) -> Result<Self, StoreError> {
        let (queue, commands) = mpsc::channel(QUEUE);
        let (end, ended) = watch::channel(false);
        let condition = Arc::<Condition>::default();
        let noted = Arc::clone(&condition);
        let body = move || {
            serve(connection, commands, &noted);
            drop(lock);
            end.send_replace(true);
        };
        let spawned = thread::Builder::new().name("ledger-writer".into()).spawn(body);
        let thread = spawned.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let (queue, thread) = (Mutex::new(Ok(queue)), Mutex::new(Some(thread)));
        Ok(Self { queue, condition, ended, thread, _observed: None })
    }

    /// A writer for a ledger that may only be read: it refuses every command with `reason`.
    pub(super) fn refusing(reason: String, lock: Option<LockFile>) -> Self {
        let (_end, ended) = watch::channel(true);
        let (queue, thread) = (Mutex::new(Err(reason)), Mutex::new(None));
        Self { queue, condition: Arc::default(), ended, thread, _observed: lock }
    }

    /// See [`crate::store::Store::records`].
    pub(super) async fn records(&self) -> Result<(), StoreError> {
        if self.condition.records.load(Ordering::Relaxed) {
            return Ok(());
        }
        // The table's pages go through the log like any others; `secure_delete` overwrites them when it is dropped.
        let trial = "CREATE TABLE trial (filler BLOB); INSERT INTO trial VALUES (zeroblob(65536)); DROP TABLE trial";
        self.run(move |ledger| Ok(ledger.execute_batch(trial)?)).await?;
        self.condition.records.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// See [`crate::store::Store::refusals`].
    pub(super) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let Condition { queue_full, disk_full, unavailable, damaged, .. } = &*self.condition;
        let counters =
            [("queue_full", queue_full), ("disk_full", disk_full), ("unavailable", unavailable), ("damaged", damaged)];
        counters.map(|(reason, counter)| (reason, counter.load(Ordering::Relaxed))).into()
    }

    /// Runs `work` in the next transaction and waits for its commit. A queued command runs even if the caller stops
    /// waiting.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        self.enqueue(Box::new(Pending { work: Some(work), result: None, caller }))?;
        answer.await.unwrap_or_else(|_gone| Err(StoreError::Unavailable("its writer has stopped".into())))
    }

    fn enqueue(&self, command: Box<dyn Command>) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = match &*queue {
            Ok(queue) => queue.try_send(command).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Full(Limit::Writer),
                mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable("its writer has stopped".into()),
            }),
            Err(reason) => Err(StoreError::Unavailable(reason.clone())),
        };
        sent.inspect_err(|refusal| self.condition.note(refusal))
    }

    /// Takes no more work; waits until all earlier work is committed and the file closed.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.stop();
        let mut ended = self.ended.clone();
        let waited = ended.wait_for(|ended| *ended).await;
        waited.map(|_| ()).map_err(|_gone| StoreError::Unavailable("its writer died".into()))
    }

    fn stop(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_ok() {
            *queue = Err("it is shutting down".into());
        }
    }
}

/// Dropping the store finishes its work and releases its lock.
impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Its panic was printed already.
            let _panicked = thread.join();
        }
    }
}

struct Pending<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Command for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, ledger: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(ledger));
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, commit: &Result<(), StoreError>, condition: &Condition) {
        let panicked = || Err(StoreError::Unavailable("a bug stopped this step; see the log".into()));
        let Self { result, caller, .. } = *self;
        let result = commit.clone().and_then(|()| result.unwrap_or_else(panicked));
        if let Err(refusal) = &result {
            condition.note(refusal);
        }
        // A caller who stopped waiting can read the result from the ledger.
        let _gone = caller.send(result);
    }
}

/// The thread's loop, until the queue is closed and empty.
fn serve(connection: Connection, mut commands: mpsc::Receiver<Box<dyn Command>>, condition: &Condition) {
    let mut since_checkpoint = 0;
    while let Some(first) = commands.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            let Ok(next) = commands.try_recv() else { break };
            batch.push(next);
        }
        since_checkpoint += batch.len();
        let commit = commit(&connection, &mut batch);
        if commit.is_err() {
            condition.records.store(false, Ordering::Relaxed);
        }
        batch.into_iter().for_each(|command| command.answer(&commit, condition));
        if since_checkpoint >= CHECKPOINT_AFTER {
            checkpoint(&connection, "PASSIVE");
            since_checkpoint = 0;
        }
    }
    checkpoint(&connection, "TRUNCATE");
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the ledger did not close cleanly; everything in it is committed");
    }
}

/// One transaction for the whole batch. After an error nothing is written.
fn commit(ledger: &Connection, batch: &mut [Box<dyn Command>]) -> Result<(), StoreError> {
    control(ledger, "BEGIN IMMEDIATE")?;
    let outcome = batch.iter_mut().try_for_each(|command| in_savepoint(ledger, command.as_mut()));
    let outcome = outcome.and_then(|()| control(ledger, "COMMIT").or_else(|error| survive(commit_failure(error))));
    if outcome.is_err() && !ledger.is_autocommit() {
        control(ledger, "ROLLBACK")?;
    }
    outcome
}

/// Runs a statement that begins or ends a transaction, cached like all others.
fn control(ledger: &Connection, sql: &str) -> rusqlite::Result<()> {
    ledger.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// Runs one command; a failure undoes only this command.
///
/// # Errors
/// If the whole transaction is gone: SQLite rolls it back when the disk is full.
fn in_savepoint(ledger: &Connection, command: &mut dyn Command) -> Result<(), StoreError> {
    control(ledger, "SAVEPOINT command")?;
    let ran = catch_unwind(AssertUnwindSafe(|| command.run(ledger)));
    if ledger.is_autocommit() {
        return Err(StoreError::NoSpace);
    }
    if ran.is_err() {
        tracing::error!("a ledger command panicked and was undone");
    }
    if !matches!(ran, Ok(true)) {
        control(ledger, "ROLLBACK TO command")?;
    }
    Ok(control(ledger, "RELEASE command")?)
}

/// Moves the log's content into the database file. Readers may delay part of it until the next checkpoint.
fn checkpoint(ledger: &Connection, mode: &str) {
    let moved = ledger.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_row| Ok(()));
    if let Err(error) = moved.or_else(|error| survive(commit_failure(error))) {
        tracing::warn!(%error, "the ledger's log was not moved into its file; nothing is lost");
    }
}

/// Continues after a failure with a known result; otherwise ends the process, because no later fsync could be
/// trusted. Unanswered callers ask again and get the recovered file's state.
fn survive(failure: CommitFailure) -> Result<(), StoreError> {
    match failure {
        CommitFailure::RolledBack(error) => Err(error),
        CommitFailure::Fatal(error) => {
            tracing::error!(%error, "writing the ledger's commit to the disk failed; stopping now, restart to recover");
            std::process::abort()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::connection;
    use super::*;

    fn writer(folder: &tempfile::TempDir) -> Arc<Writer> {
        let path = folder.path().join("test.db");
        let lock = LockFile::take(&path).unwrap();
        let ledger = connection::writer(&path).unwrap();
        ledger.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB) STRICT").unwrap();
        Arc::new(Writer::start(ledger, lock).unwrap())
    }

    async fn insert(writer: &Writer, key: i64) -> Result<(), StoreError> {
        writer.run(move |ledger| Ok(ledger.execute("INSERT INTO t (a) VALUES (?1)", [key]).map(|_| ())?)).await
    }

    async fn count(writer: &Writer) -> i64 {
        let count = |ledger: &Connection| Ok(ledger.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?);
        writer.run(count).await.unwrap()
    }

    /// Blocks the writer in a command until the returned sender is used, so that a batch gathers.
    async fn hold(writer: &Arc<Writer>) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (go, gate) = std::sync::mpsc::channel::<()>();
        let (enter, entered) = oneshot::channel();
        let held = Arc::clone(writer);
        let work = move |_: &Connection| {
            enter.send(()).unwrap();
            gate.recv().unwrap();
            Ok(())
        };
        let task = tokio::spawn(async move { held.run(work).await.unwrap() });
        entered.await.unwrap();
        (go, task)
    }

    #[tokio::test]
    async fn a_failing_command_undoes_itself_and_no_other_of_its_batch() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let (go, held) = hold(&writer).await;
        let batch = futures_util::future::join_all([1, 2, 2, 3].map(|key| insert(&writer, key)));
        let (results, ()) = tokio::join!(batch, async { go.send(()).unwrap() });
        held.await.unwrap();
        assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
        assert_eq!(count(&writer).await, 3);
    }

    #[tokio::test]
    async fn a_panicking_command_is_undone_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let broken = writer.run(|ledger| -> Result<(), StoreError> {
            ledger.execute("INSERT INTO t (a) VALUES (7)", [])?;
            panic!("on purpose")
        });
        assert!(matches!(broken.await, Err(StoreError::Unavailable(_))));
        assert_eq!(count(&writer).await, 0);
    }

    #[tokio::test]
    async fn a_full_disk_refuses_and_writes_nothing_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let cap = |ledger: &Connection| Ok(ledger.query_row("PRAGMA max_page_count = 8", [], |_| Ok(()))?);
        writer.run(cap).await.unwrap();
        let large = |ledger: &Connection| {
            Ok(ledger.execute("INSERT INTO t (a, b) VALUES (1, zeroblob(100000))", []).map(|_| ())?)
        };
        assert_eq!(writer.run(large).await, Err(StoreError::NoSpace));
        assert_eq!(count(&writer).await, 0);
        insert(&writer, 2).await.unwrap();
        assert_eq!(count(&writer).await, 1);
    }

    // field-faults row 49
    #[tokio::test]
    async fn a_full_disk_is_reported_until_a_trial_write_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        assert_eq!(writer.records().await, Ok(()));
        let pages = |most: u32| move |ledger: &Connection| Ok(ledger.pragma_update(None, "max_page_count", most)?);
        let blob = |bytes: u32| {
            move |ledger: &Connection| {
                Ok(ledger.execute("INSERT INTO t (b) VALUES (zeroblob(?1))", [bytes]).map(|_| ())?)
            }
        };
        // No page more than the file has; the first row takes the pages that the trial left free.
        writer.run(pages(1)).await.unwrap();
        writer.run(blob(60_000)).await.unwrap();
        assert_eq!(writer.run(blob(100_000)).await, Err(StoreError::NoSpace));
        // A small write that still fits does not make the ledger ready for a conversion.
        writer.run(blob(1)).await.unwrap();
        assert_eq!(writer.records().await, Err(StoreError::NoSpace));
        assert!(writer.refusals().contains(&("disk_full", 2)), "{:?}", writer.refusals());
        writer.run(pages(1000)).await.unwrap();
        assert_eq!(writer.records().await, Ok(()));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let (go, held) = hold(&writer).await;
        let keys = (0..).take(QUEUE + 10);
        let all = futures_util::future::join_all(keys.map(|key| insert(&writer, key)));
        let (results, ()) = tokio::join!(all, async { go.send(()).unwrap() });
        held.await.unwrap();
        let full = results.iter().filter(|result| **result == Err(StoreError::Full(Limit::Writer))).count();
        assert_eq!(full, 10);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), QUEUE);
    }

    #[tokio::test]
    async fn closing_finishes_what_was_taken_and_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder);
        let (go, held) = hold(&writer).await;
        let taken = futures_util::future::join_all((0..10).map(|key| insert(&writer, key)));
        let (results, closed, ()) = tokio::join!(taken, writer.close(), async { go.send(()).unwrap() });
        held.await.unwrap();
        assert!(results.iter().all(Result::is_ok) && closed.is_ok());
        assert!(matches!(insert(&writer, 99).await, Err(StoreError::Unavailable(_))));
    }
}
