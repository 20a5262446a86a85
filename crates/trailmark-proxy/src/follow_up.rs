//! Decides conversions that follow accepted ones: refunds that waited for a sale, sales that were held for a
//! customer, held conversions whose key a server has stated. The ledger lists them and decides a few at a time; this
//! is only the loop, which lets other writes run between its steps. `intake`'s rule decides each follower.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::app::App;
use crate::intake::accept::follow_rule;
use crate::store::StoreError;

/// How often it looks by itself: recorded deliveries do not wake it.
const POLL: Duration = Duration::from_secs(1);

/// The running loop. Stopping it at any point loses nothing.
#[derive(Debug)]
pub struct FollowUp {
    wake: watch::Sender<u64>,
    task: JoinHandle<()>,
}

/// Wakes the loop.
#[derive(Debug, Clone)]
pub struct Waker(watch::Sender<u64>);

impl FollowUp {
    /// Starts the loop. Needs a Tokio runtime with time.
    pub fn start(app: Arc<App>) -> Self {
        let (wake, woken) = watch::channel(0);
        Self { wake, task: tokio::spawn(run(app, woken)) }
    }

    /// Wakes the loop.
    pub fn waker(&self) -> Waker {
        Waker(self.wake.clone())
    }

    /// Stops at once: a running step is committed completely or not at all.
    pub async fn shutdown(self) {
        self.task.abort();
        // The error only says that the task was stopped.
        let _stopped = self.task.await;
    }
}

impl Waker {
    /// Signals possible work.
    pub fn wake(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

async fn run(app: Arc<App>, mut woken: watch::Receiver<u64>) {
    loop {
        match step(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(problem) => warn!(error = %problem, "follow-up decisions failed; they will be tried again"),
        }
        tokio::select! {
            _ = woken.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// One step; false if there is nothing to do.
///
/// # Errors
/// As [`crate::store::Store::follow_up`].
pub async fn step(app: &App) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let has_done = app.store.follow_up(follow_rule(&app.config, now), now).await?;
    if has_done {
        app.committed();
    }
    Ok(has_done)
}
