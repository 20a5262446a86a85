//! Does what accepted conversions owe others: the refunds that waited for a sale, the sales that were held for a customer, what
//! was held under a key that a server has stated. The ledger keeps what is owed and does a few at a time; here is only the
//! loop, between whose steps everybody else's writes have their turn. What a follower becomes is `intake`'s rule.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::app::App;
use crate::intake::accept::follow_rule;
use crate::store::StoreError;

/// How often is looked without being woken: deliveries are recorded without a word.
const POLL: Duration = Duration::from_secs(1);

/// The loop under way. Stopping it at any point loses nothing.
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

    /// What wakes it.
    pub fn waker(&self) -> Waker {
        Waker(self.wake.clone())
    }

    /// Stops at once: the step under way is committed whole or not at all.
    pub async fn shutdown(self) {
        self.task.abort();
        // It ends by being stopped, which is what was asked for.
        let _stopped = self.task.await;
    }
}

impl Waker {
    /// Says that something may be owed.
    pub fn wake(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }
}

async fn run(app: Arc<App>, mut woken: watch::Receiver<u64>) {
    loop {
        match step(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(problem) => warn!(error = %problem, "what conversions owe others could not be done; it is still owed"),
        }
        tokio::select! {
            _ = woken.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// One step; false when nothing is owed.
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
