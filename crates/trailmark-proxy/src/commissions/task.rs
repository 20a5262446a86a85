//! One account's task: interprets its webhooks, then asks about one delivery after another while the lane allows it.
//! Each step ends in a commit, so a crash loses nothing. Log lines have only ids and words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};
use trailmark_vendors::Adapter;
use trailmark_vendors::commission::{Commission, Standing};
use trailmark_vendors::exchange::Step;
use trailmark_wire::time::UnixMillis;

use super::{MINUTE_MS, next_at, retry_at};
use crate::clock::Clock;
use crate::egress::Egress;
use crate::lanes::{self, Gate, Limits, Signal};
use crate::store::delivery::LaneKey;
use crate::store::webhooks::{AskClaim, Asking, Told, Unread};
use crate::store::{Store, StoreError};

/// Webhooks interpreted in one look.
const UNREAD_AT_ONCE: u32 = 64;

/// Questions claimed in one look.
const ASKED_AT_ONCE: u32 = 8;

/// How long claimed questions are not claimed again: longer than [`ASKED_AT_ONCE`] times two exchanges take.
const CLAIM_MS: i64 = 10 * MINUTE_MS;

/// Most requests for one delivery in a row; adapters need two.
const REQUESTS: usize = 4;

/// One account's task.
pub(super) struct Task {
    pub(super) lane: LaneKey,
    pub(super) adapter: Arc<Adapter>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) egress: Arc<Egress>,
    pub(super) limits: Limits,
    pub(super) poll: Duration,
}

impl Task {
    pub(super) async fn run(self, mut woken: watch::Receiver<u64>) {
        loop {
            match self.look().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(problem) => {
                    warn!(program = %self.lane.program, error = %problem, "could not process webhooks and commissions");
                }
            }
            tokio::select! {
                _ = woken.changed() => {}
                () = tokio::time::sleep(self.poll) => {}
            }
        }
    }

    /// Returns whether another look may find more at once.
    async fn look(&self) -> Result<bool, StoreError> {
        let unread = self.store.unread_webhooks(self.lane.clone(), UNREAD_AT_ONCE).await?;
        let has_read = !unread.is_empty();
        for webhook in unread {
            self.interpret(webhook).await?;
        }
        let (asked, is_trial) = self.claim().await?;
        let has_asked = !asked.is_empty();
        for asking in asked {
            self.ask(asking, is_trial).await?;
        }
        Ok(has_read || has_asked)
    }

    async fn interpret(&self, webhook: Unread) -> Result<(), StoreError> {
        let meaning = self.adapter.read_webhook(&webhook.body);
        let (site, now) = (self.lane.site.clone(), self.clock.now());
        match self.store.follow_webhook(site, webhook.id.clone(), meaning, now).await {
            Ok(state) => {
                info!(webhook.id = %webhook.id, program = %self.lane.program, state = state.as_str(), "webhook interpreted");
                Ok(())
            }
            // An operator dropped it, or another proxy interpreted it, meanwhile.
            Err(StoreError::NotFound(_)) => Ok(()),
            Err(problem) => Err(problem),
        }
    }

    /// Claims due questions that the lane lets through. Also returns whether this is a half-open breaker's single
    /// trial. Due deliveries go first.
    async fn claim(&self) -> Result<(Vec<Asking>, bool), StoreError> {
        let now = self.clock.now();
        if self.store.next_commission(self.lane.clone()).await?.is_none_or(|due| due > now) {
            return Ok((Vec::new(), false));
        }
        let glance = self.store.glance(self.lane.clone()).await?;
        if lanes::is_paused(&glance.lane, self.adapter.reading_credential) {
            return Ok((Vec::new(), false));
        }
        if glance.is_due(now) || !matches!(lanes::gate(&glance.lane, &self.limits, now), Gate::Open(_)) {
            return Ok((Vec::new(), false));
        }
        let (limits, is_trial) = (self.limits, Arc::new(AtomicBool::new(false)));
        let trial = Arc::clone(&is_trial);
        let claim = AskClaim {
            lane: self.lane.clone(),
            most: ASKED_AT_ONCE,
            gate: Box::new(move |lane, due| {
                trial.store(lane.broken_until.is_some(), Ordering::Relaxed);
                lanes::take(lane, due, &limits, now)
            }),
            again_at: now.plus(CLAIM_MS),
            now,
        };
        let asked = self.store.claim_commissions(claim).await?;
        Ok((asked, is_trial.load(Ordering::Relaxed)))
    }

    async fn ask(&self, asking: Asking, is_trial: bool) -> Result<(), StoreError> {
        let Asked { standing, status, said } = self.questions(&asking).await;
        let signal = signal(standing.as_ref(), status, is_trial, self.adapter.reading_credential);
        let now = self.clock.now();
        let told = Told { said, ..told(&asking, standing, now) };
        if let Some(signal) = signal {
            let limits = self.limits;
            let rule = Box::new(move |lane| lanes::after(lane, signal, &limits, now));
            self.store.change_lane(self.lane.clone(), rule).await?;
        }
        let changed = told.standing.as_ref().map(|(commission, _)| *commission).filter(|now| *now != asking.commission);
        if self.store.tell_commission(&asking, told).await?
            && let Some(commission) = changed
        {
            info!(
                delivery.id = %asking.delivery, program = %self.lane.program, commission = commission.as_str(),
                "commission changed"
            );
        }
        Ok(())
    }

    /// Asks until an answer settles it.
    async fn questions(&self, asking: &Asking) -> Asked {
        let first = self.adapter.commissions.as_ref().and_then(|commissions| commissions.ask(&asking.earned));
        let Some(mut call) = first else { return Asked::default() };
        for _ in 1..REQUESTS {
            let (label, answer) = (call.request.label, self.egress.send(&call.request).await);
            match answer.map(|answer| (answer.status, (call.read)(&answer))) {
                Err(failure) => return Asked::of(label, None, not_now(failure.to_string())),
                Ok((status, Step::Done(standing))) => return Asked::of(label, Some(status), standing),
                Ok((_, Step::Next(next))) => call = next,
            }
        }
        Asked::of(call.request.label, None, not_now("the vendor's adapter asks endlessly".to_owned()))
    }
}

/// The result of the questions about one commission.
#[derive(Debug, Default)]
struct Asked {
    /// `None` if the vendor tells nothing about such a commission.
    standing: Option<Standing>,
    /// HTTP status of the last answer, if any.
    status: Option<u16>,
    /// The last question and its answer, for people.
    said: Option<String>,
}

impl Asked {
    fn of(request: &'static str, status: Option<u16>, standing: Standing) -> Self {
        let answered = status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
        let message = match &standing {
            Standing::NotNow { message, .. } => format!(", {message}"),
            Standing::AuthFailed | Standing::Is { .. } => String::new(),
        };
        Self { standing: Some(standing), status, said: Some(format!("{request}: {answered}{message}")) }
    }
}

/// What the lane learns: a refused credential, a request for fewer requests, and after a trial that the vendor is
/// back. Other failures and successes here say nothing about deliveries.
fn signal(
    standing: Option<&Standing>,
    status: Option<u16>,
    is_trial: bool,
    credential: &'static str,
) -> Option<Signal> {
    match standing {
        None => is_trial.then_some(Signal::Untried),
        Some(Standing::AuthFailed) => Some(Signal::Refused(credential)),
        Some(Standing::NotNow { not_before, .. }) => not_before.map(|until| lanes::come_back(Some(until), status)),
        Some(Standing::Is { .. }) => is_trial.then_some(Signal::Answered(credential)),
    }
}

fn not_now(message: String) -> Standing {
    Standing::NotNow { message, not_before: None }
}

/// What is recorded. If the vendor tells nothing at all, it is not asked again.
fn told(asking: &Asking, standing: Option<Standing>, now: UnixMillis) -> Told {
    let received_at = asking.received_at;
    match standing {
        None => {
            let reason = Some("the vendor tells nothing about the commission of such a conversion".into());
            Told { standing: Some((Commission::Unknown, reason)), amount: None, said: None, next_at: None, now }
        }
        Some(Standing::Is { commission, reason, amount }) => Told {
            standing: Some((commission, reason)),
            amount,
            said: None,
            next_at: next_at(commission, received_at, now),
            now,
        },
        Some(Standing::NotNow { not_before, .. }) => {
            Told { standing: None, amount: None, said: None, next_at: retry_at(not_before, received_at, now), now }
        }
        Some(Standing::AuthFailed) => {
            Told { standing: None, amount: None, said: None, next_at: retry_at(None, received_at, now), now }
        }
    }
}
