//! Carries out one leased delivery: plan or look-up, attempt row, request, outcome, settlement. It always tries to
//! end the lease; if it cannot, the lease expires and recovery takes over.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use trailmark_vendors::capability::Class;
use trailmark_vendors::exchange::{Answer, Call, Method, Step};
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_vendors::task::{Note, Plan, Task};
use trailmark_wire::time::UnixMillis;

use super::{Account, report};
use crate::egress::{Failure, Lost, NotSent};
use crate::lanes::{self, Limits, Signal};
use crate::outbox::{Progress, Purpose, State};
use crate::outbox::{machine, order};
use crate::store::StoreError;
use crate::store::delivery::{AttemptEnd, AttemptKey, Lane, Leased, NewAttempt, Settlement};

/// How often an outcome is offered to a failing store before recovery takes over.
const SETTLE_TRIES: u32 = 5;

/// Wait between these tries.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

/// Pages of a list that one send or look-up reads at most: 10,000 PartnerStack transactions, 30,000 conversions of
/// Partnerize. If ours is not among them and the list continues, the result is unknown. The lease usually ends it earlier.
const MOST_PAGES: u32 = 100;

/// One leased delivery.
pub(super) struct Errand {
    pub(super) account: Arc<Account>,
    pub(super) leased: Leased,
    /// Its lane at the time of the lease.
    pub(super) lane: Arc<Lane>,
}

/// A send.
struct Sending {
    call: Call<Step<Outcome>>,
    class: Class,
    credential: &'static str,
    notes: Vec<Note>,
    is_touch_unused: bool,
}

/// What a send came to.
struct Sent {
    answer: Result<Answer, Failure>,
    read: Outcome,
    /// How many requests it took.
    requests: u32,
}

/// The result of a look-up.
struct Asked {
    found: LookUp,
    /// The HTTP status of the last answer.
    status: Option<u16>,
    /// Whether the vendor works although it settled nothing: an endless list or an oversized answer does not mean that it is
    /// broken.
    is_healthy: bool,
    /// How many requests it took.
    requests: u32,
}

/// An attempt with a committed row, and its outcome.
struct Made {
    attempt: AttemptKey,
    started_at: UnixMillis,
    end: AttemptEnd,
    progress: Progress,
    signal: Signal,
    /// How many requests it took. Its lease took a token of the lane for one.
    requests: u32,
}

impl Errand {
    pub(super) async fn carry_out(self) {
        if let Err(problem) = self.perform().await {
            warn!(
                delivery.id = %self.leased.delivery, conversion.id = %self.leased.conversion, error = %problem,
                "the ledger did not record a step of this delivery; the delivery is taken up again when its lease expires"
            );
        }
    }

    async fn perform(&self) -> Result<(), StoreError> {
        let store = &self.account.shared.store;
        let Some(purpose) = self.leased.progress.purpose() else {
            return store.release(&self.leased).await;
        };
        if purpose == Purpose::Send && !self.is_its_turn().await? {
            return Ok(());
        }
        let task = store.task(self.leased.lane.site.clone(), self.leased.delivery.clone()).await?;
        match purpose {
            Purpose::LookUp => self.look_up(&task).await,
            Purpose::Send => self.plan(&task).await,
        }
    }

    /// Whether the delivery that it follows is recorded. If not, the lease ends and it waits.
    async fn is_its_turn(&self) -> Result<bool, StoreError> {
        let Some(follows) = self.account.adapter.delivery.follows(self.leased.kind) else { return Ok(true) };
        let (leased, limits, now) = (self.leased.clone(), self.account.limits, self.account.now());
        let rule = Box::new(move |earlier| {
            let progress = order::held_back(&leased.progress, follows, earlier)?;
            report::unsent(&leased, &progress);
            Some(unsent(progress, limits, now))
        });
        self.account.shared.store.turn(&self.leased, follows, rule).await
    }

    async fn plan(&self, task: &Task) -> Result<(), StoreError> {
        let (state, reason) = match self.account.adapter.delivery.plan(task) {
            Ok(Plan::Send { call, class, credential, notes }) => {
                let is_touch_unused = task.touch_used_by.is_none();
                return self.send(Sending { call, class, credential, notes, is_touch_unused }).await;
            }
            Ok(Plan::NotNeeded { why }) => (State::NotNeeded, why.into()),
            Ok(Plan::Unsupported { why }) => (State::Unsupported, why.into()),
            Err(rejection) => (State::Rejected, rejection.reason),
        };
        let (progress, at) = (self.leased.progress.clone(), self.account.moment());
        let progress = machine::without_sending(progress, state, &reason, self.leased.is_unsure, at);
        self.account.doubted(&self.leased, &progress);
        self.settle_unsent(progress).await
    }

    async fn send(&self, sending: Sending) -> Result<(), StoreError> {
        let Sending { call, class, credential, notes, is_touch_unused } = sending;
        if lanes::is_paused(&self.lane, credential) {
            return self.put_aside(credential).await;
        }
        let started_at = self.account.now();
        let (purpose, request) = (Purpose::Send, call.request.label);
        let attempt = NewAttempt { purpose, class: Some(class), request, notes, is_touch_unused, started_at };
        let attempt = match self.begin(attempt).await {
            // The plan is out of date: the delivery is due as before, and is planned again.
            Err(StoreError::Refused(_)) => return self.settle_unsent(self.leased.progress.clone()).await,
            begun => begun?,
        };
        let progress = &self.leased.progress;
        let counted = Progress { attempts: progress.attempts.saturating_add(1), ..progress.clone() };
        let Sent { answer, read, requests } = self.sent(call, started_at).await;
        // A 403 shows that the vendor answers, whatever it means for the delivery.
        let signal = send_signal(&answer, &read, credential);
        let outcome = self.judged(read, credential).await;
        let signal = if matches!(outcome, Outcome::AuthFailed { .. }) { Signal::Refused(credential) } else { signal };
        let at = self.account.moment();
        let progress = machine::after_send(counted, class, &outcome, self.leased.is_unsure, at);
        self.account.doubted(&self.leased, &progress);
        let (end, progress) = (report::sent(&outcome, status(&answer), at.now), waiting_for(progress, &signal));
        self.settle(Made { attempt, started_at, end, progress, signal, requests }).await
    }

    /// Sends request after request until an answer settles it. If that does not come to an end, the outcome is unknown, unless
    /// all requests only read.
    async fn sent(&self, mut call: Call<Step<Outcome>>, started_at: UnixMillis) -> Sent {
        let (mut requests, mut has_only_read) = (0, true);
        loop {
            let answer = match self.is_too_late(started_at) {
                true => Err(Failure::NotSent(NotSent::TooLate)),
                false => {
                    requests += 1;
                    self.account.shared.egress.send(&call.request).await
                }
            };
            let is_reading = call.request.method == Method::Get;
            let read = match answer.as_ref().map(|answer| (call.read)(answer)) {
                Ok(Step::Next(next)) => {
                    has_only_read = has_only_read && is_reading;
                    call = next;
                    if requests < MOST_PAGES {
                        continue;
                    }
                    let read = unfinished(format!("the vendor's list goes on after {requests} pages"), has_only_read);
                    return Sent { answer: Err(Failure::NotSent(NotSent::TooLate)), read, requests };
                }
                Ok(Step::Done(outcome)) => outcome,
                Err(failure) => {
                    let is_harmless = is_reading || matches!(failure, Failure::NotSent(_));
                    unfinished(failure.to_string(), has_only_read && is_harmless)
                }
            };
            return Sent { answer, read, requests };
        }
    }

    /// Whether the lease may expire before the answer comes. Somebody else could then look the delivery up, find
    /// nothing and send it, so this request must not be sent.
    fn is_too_late(&self, started_at: UnixMillis) -> bool {
        self.account.now().since(started_at) > self.account.shared.exchange_ms
    }

    /// A 403 concerns the credential or the delivery; a probe of the credential tells which, if the vendor offers
    /// one.
    async fn judged(&self, outcome: Outcome, credential: &str) -> Outcome {
        match outcome {
            Outcome::Forbidden { message } => machine::forbidden(message, self.account.probe(credential).await),
            outcome => outcome,
        }
    }

    async fn look_up(&self, task: &Task) -> Result<(), StoreError> {
        let Some(call) = self.account.adapter.delivery.look_up(task) else {
            return self.settle_unsent(machine::without_look_up(self.leased.progress.clone())).await;
        };
        let credential = self.account.adapter.reading_credential;
        if lanes::is_paused(&self.lane, credential) {
            return self.put_aside(credential).await;
        }
        self.begin_settling(task);
        let (started_at, progress) = (self.account.now(), self.leased.progress.clone());
        let progress =
            match self.account.shared.settling.missing_ms(&self.leased, self.account.shared.clock.steady_ms()) {
                0 => progress,
                missing_ms => machine::settling_until(progress, started_at.plus(missing_ms)),
            };
        let (purpose, notes) = (Purpose::LookUp, Vec::new());
        let (request, is_touch_unused) = (call.request.label, false);
        let attempt = NewAttempt { purpose, class: None, request, notes, is_touch_unused, started_at };
        let attempt = self.begin(attempt).await?;
        let Asked { found, status, is_healthy, requests } = self.asked(call, started_at).await;
        let at = self.account.moment();
        let signal = match is_healthy {
            true => Signal::Answered(credential),
            false => lanes::look_up_signal(&found, status, credential),
        };
        self.settle(Made {
            end: report::looked_up(&found, status, at.now),
            progress: waiting_for(machine::after_look_up(progress, &found, started_at, at), &signal),
            signal,
            attempt,
            started_at,
            requests,
        })
        .await
    }

    /// A delivery that replaces an overruled one has sent nothing itself. The overruled one's send settles from the
    /// first look-up on, by monotonic time too.
    fn begin_settling(&self, task: &Task) {
        let settled = self.account.now().plus(self.account.confirm_after_ms);
        if task.is_unsent && self.leased.progress.settles_at.is_some_and(|settles_at| settles_at > settled) {
            self.account.doubted(&self.leased, &self.leased.progress);
        }
    }

    /// Its credential is refused: the delivery waits, otherwise unchanged, until the credential works.
    async fn put_aside(&self, credential: &str) -> Result<(), StoreError> {
        let paused_by = Some(credential.to_owned());
        self.settle_unsent(Progress { paused_by, ..self.leased.progress.clone() }).await
    }

    /// Asks page after page until an answer settles it, the pages are too many, or the lease leaves no room for another.
    async fn asked(&self, mut call: Call<Step<LookUp>>, started_at: UnixMillis) -> Asked {
        let mut requests = 1;
        loop {
            let answer = match self.account.shared.egress.send(&call.request).await {
                Ok(answer) => answer,
                Err(failure) => {
                    let is_healthy = failure == Failure::Unknown(Lost::BodyTooLarge);
                    return Asked { found: inconclusive(failure.to_string()), status: None, is_healthy, requests };
                }
            };
            let status = Some(answer.status);
            match (call.read)(&answer) {
                Step::Done(found) => return Asked { found, status, is_healthy: false, requests },
                Step::Next(next) if requests < MOST_PAGES && !self.is_too_late(started_at) => call = next,
                Step::Next(_) => {
                    let found = inconclusive(format!(
                        "the vendor's list goes on after {requests} pages without showing this one"
                    ));
                    return Asked { found, status, is_healthy: true, requests };
                }
            }
            requests += 1;
        }
    }

    async fn begin(&self, attempt: NewAttempt) -> Result<AttemptKey, StoreError> {
        self.account.shared.store.begin_attempt(&self.leased, attempt).await
    }

    async fn settle_unsent(&self, progress: Progress) -> Result<(), StoreError> {
        report::unsent(&self.leased, &progress);
        let settlement = unsent(progress, self.account.limits, self.account.now());
        self.account.shared.store.settle(&self.leased, settlement).await
    }

    /// Records the outcome. Retries a store that is full or unavailable, because only this task knows the vendor's
    /// answer. If somebody else ended the lease, the answer is recorded as a late one.
    async fn settle(&self, made: Made) -> Result<(), StoreError> {
        report::attempted(&self.leased, &made.attempt, made.started_at, &made.end, &made.progress);
        let store = &self.account.shared.store;
        let mut tries = 1;
        loop {
            match store.settle(&self.leased, self.settlement(&made)).await {
                Err(StoreError::LeaseLost) => {
                    report::late(&self.leased, &made.attempt, &made.end);
                    return store.record_late(made.attempt, made.end, made.progress.reference).await;
                }
                Err(StoreError::Full(_) | StoreError::NoSpace | StoreError::Unavailable(_)) if tries < SETTLE_TRIES => {
                    tries += 1
                }
                settled => return settled,
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    fn settlement(&self, made: &Made) -> Settlement {
        let (signal, limits, now) = (made.signal.clone(), self.account.limits, made.end.ended_at);
        let further = made.requests.saturating_sub(1);
        Settlement {
            progress: made.progress.clone(),
            attempt: Some((made.attempt.clone(), made.end.clone())),
            lane: Some(Box::new(move |lane| {
                let lane = lanes::spend(lane, further, &limits, now);
                lanes::after(lane, signal, &limits, now)
            })),
        }
    }
}

/// The settlement of a lease under which nothing was sent.
fn unsent(progress: Progress, limits: Limits, now: UnixMillis) -> Settlement {
    let untried = Box::new(move |lane| lanes::after(lane, Signal::Untried, &limits, now));
    Settlement { progress, attempt: None, lane: Some(untried) }
}

/// An oversized answer still comes from a vendor that answers.
fn send_signal(answer: &Result<Answer, Failure>, outcome: &Outcome, credential: &'static str) -> Signal {
    match answer {
        Err(Failure::Unknown(Lost::BodyTooLarge)) => Signal::Answered(credential),
        // The vendor was not asked.
        Err(Failure::NotSent(NotSent::TooLate)) => Signal::Untried,
        Ok(_) | Err(_) => lanes::signal(outcome, status(answer), credential),
    }
}

/// Makes a delivery wait for the credential that was just refused.
fn waiting_for(progress: Progress, signal: &Signal) -> Progress {
    match signal {
        Signal::Refused(credential) => Progress { paused_by: Some((*credential).to_owned()), ..progress },
        _ => progress,
    }
}

fn inconclusive(message: String) -> LookUp {
    LookUp::Inconclusive { message, not_before: None }
}

/// A send that came to no end. It is certainly without effect if no request of it could change anything.
fn unfinished(message: String, is_without_effect: bool) -> Outcome {
    match is_without_effect {
        true => Outcome::Retry { message, not_before: None },
        false => Outcome::Unknown { message },
    }
}

fn status(answer: &Result<Answer, Failure>) -> Option<u16> {
    answer.as_ref().ok().map(|answer| answer.status)
}
