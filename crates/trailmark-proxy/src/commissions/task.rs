//! One program's task: interprets its webhooks, then asks about its recorded deliveries while the lane allows it: about one
//! after another, or about many at once where the vendor has a list of their commissions. Each step ends in a commit, so a
//! crash loses nothing. Log lines have only ids and words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{info, warn};
use trailmark_vendors::commission::{Commission, Standing};
use trailmark_vendors::exchange::{Call, Step};
use trailmark_vendors::{Adapter, Together};
use trailmark_wire::time::UnixMillis;

use super::{MINUTE_MS, next_at, retry_at, together_at};
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

/// How long claimed questions are not claimed again.
const CLAIM_MS: i64 = 10 * MINUTE_MS;

/// How long one look asks. Whatever it has not asked by then is claimed again after [`CLAIM_MS`]; the difference is for the
/// last exchange and for the ledger.
const ASKING_MS: i64 = 5 * MINUTE_MS;

/// Requests for one question at most, such as the pages of a list: 30,000 conversions of Partnerize.
const REQUESTS: u32 = 100;

/// One program's task.
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
        let (mut asked, is_trial) = self.claim().await?;
        let (has_asked, until_ms) = (!asked.is_empty(), self.clock.steady_ms().saturating_add(ASKING_MS));
        asked.sort_by_key(|asking| asking.earned.task.occurred_at);
        while !asked.is_empty() && self.clock.steady_ms() < until_ms {
            asked = self.ask(asked, is_trial, until_ms).await?;
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

    /// Claims due questions that the lane lets through; a list answers many for one token. Also returns whether this is a
    /// half-open breaker's single trial. Due deliveries go first.
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
        let at_once = self.most_at_once();
        let claim = AskClaim {
            lane: self.lane.clone(),
            most: ASKED_AT_ONCE.max(at_once),
            gate: Box::new(move |lane, due| {
                trial.store(lane.broken_until.is_some(), Ordering::Relaxed);
                let (lane, taken) = lanes::take(lane, due.div_ceil(at_once), &limits, now);
                (lane, due.min(taken.saturating_mul(at_once)))
            }),
            again_at: now.plus(CLAIM_MS),
            due_by: now,
        };
        let asked = self.store.claim_commissions(claim).await?;
        Ok((asked, is_trial.load(Ordering::Relaxed)))
    }

    /// Asks about the first of these, and about those behind it that the same list answers; returns the others. A lane that
    /// the answer closes (401, 429, 503 with a time) asks nothing more: the others are claimed again after [`CLAIM_MS`].
    async fn ask(&self, mut asked: Vec<Asking>, is_trial: bool, until_ms: i64) -> Result<Vec<Asking>, StoreError> {
        let (label, walked) = self.question(&asked, until_ms).await;
        let Walked { answer, status, requests } = walked;
        let others = asked.split_off(answer.len().clamp(1, asked.len()));
        let standings = answer.iter().flatten();
        let telling =
            |standing: &&Standing| !matches!(standing, Standing::Is { .. } | Standing::NotNow { not_before: None, .. });
        let telling = standings.clone().find(telling).or(standings.clone().next());
        let signal = signal(telling, status, is_trial, self.adapter.reading_credential);
        let (limits, now) = (self.limits, self.clock.now());
        let is_closed = matches!(signal, Some(Signal::Refused(_) | Signal::Throttled(_) | Signal::Down(_)));
        if signal.is_some() || requests > 1 {
            let rule = Box::new(move |lane| {
                let lane = lanes::spend(lane, requests.saturating_sub(1), &limits, now);
                match signal {
                    Some(signal) => lanes::after(lane, signal, &limits, now),
                    None => lane,
                }
            });
            self.store.change_lane(self.lane.clone(), rule).await?;
        }
        for (asking, standing) in asked.into_iter().zip(answer) {
            let said = label.zip(standing.as_ref()).map(|(label, standing)| said(label, status, standing));
            let mut told = told(&asking, standing, now);
            if self.most_at_once() > 1 && told.standing.is_some() {
                told.next_at = told.next_at.map(together_at);
            }
            self.tell(&asking, Told { said, ..told }).await?;
        }
        Ok(if is_closed { Vec::new() } else { others })
    }

    /// How many commissions one question may be about.
    fn most_at_once(&self) -> u32 {
        self.adapter.commissions.as_ref().map_or(1, |commissions| commissions.most_at_once()).max(1)
    }

    async fn tell(&self, asking: &Asking, told: Told) -> Result<(), StoreError> {
        let changed = told.standing.as_ref().map(|(commission, _)| *commission).filter(|now| *now != asking.commission);
        if self.store.tell_commission(asking, told).await?
            && let Some(commission) = changed
        {
            info!(
                delivery.id = %asking.delivery, program = %self.lane.program, commission = commission.as_str(),
                "commission changed"
            );
        }
        Ok(())
    }

    /// Asks until an answer settles it: one standing for each of the first deliveries, 1 or more. Also the last request.
    async fn question(&self, asked: &[Asking], until_ms: i64) -> (Option<&'static str>, Walked<Vec<Option<Standing>>>) {
        let nothing = Walked { answer: vec![None], status: None, requests: 0 };
        let (Some(commissions), Some(first)) = (&self.adapter.commissions, asked.first()) else {
            return (None, nothing);
        };
        let earned: Vec<_> = asked.iter().map(|asking| asking.earned.clone()).collect();
        if let Some(Together { count, call }) = commissions.ask_together(&earned) {
            return self.walk(call, until_ms, |unclear| vec![Some(unclear); count]).await;
        }
        let Some(call) = commissions.ask(&first.earned) else { return (None, nothing) };
        let (label, walked) = self.walk(call, until_ms, |unclear| unclear).await;
        let Walked { answer, status, requests } = walked;
        (label, Walked { answer: vec![Some(answer)], status, requests })
    }

    /// Follows a question from request to request. If one has no answer, or they are too many for one look, `unclear` makes
    /// the answer: nothing is known yet, and nothing is taken as absent.
    async fn walk<T>(
        &self,
        mut call: Call<Step<T>>,
        until_ms: i64,
        unclear: impl FnOnce(Standing) -> T,
    ) -> (Option<&'static str>, Walked<T>) {
        let mut requests = 1;
        loop {
            let (label, answer) = (Some(call.request.label), self.egress.send(&call.request).await);
            match answer.map(|answer| (answer.status, (call.read)(&answer))) {
                Err(failure) => {
                    let answer = unclear(not_now(failure.to_string()));
                    return (label, Walked { answer, status: None, requests });
                }
                Ok((status, Step::Done(answer))) => return (label, Walked { answer, status: Some(status), requests }),
                Ok((_, Step::Next(next))) if requests < REQUESTS && self.clock.steady_ms() < until_ms => {
                    (call, requests) = (next, requests + 1);
                }
                Ok((status, Step::Next(_))) => {
                    let answer = unclear(not_now(format!("the vendor's list goes on after {requests} pages")));
                    return (label, Walked { answer, status: Some(status), requests });
                }
            }
        }
    }
}

/// What a question came to.
struct Walked<T> {
    answer: T,
    /// HTTP status of the last answer, if any.
    status: Option<u16>,
    /// How many requests it took.
    requests: u32,
}

/// The last request and its answer, for people.
fn said(request: &str, status: Option<u16>, standing: &Standing) -> String {
    let answered = status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
    match standing {
        Standing::NotNow { message, .. } => format!("{request}: {answered}, {message}"),
        Standing::AuthFailed | Standing::Is { .. } => format!("{request}: {answered}"),
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
