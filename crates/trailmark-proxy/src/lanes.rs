//! Protects one vendor account, whichever programs use it, from too many requests, from requests while it is down, and
//! from refused credentials: token bucket, breaker, throttle and pauses, as pure functions over the stored [`Lane`].
//! Nothing here costs a delivery an attempt; `outbox` decides what an outcome means for the delivery.

use std::collections::BTreeSet;

use trailmark_vendors::Pace;
use trailmark_vendors::outcome::{LookUp, Outcome, Probe, THROTTLED_MS};
use trailmark_wire::time::UnixMillis;

use crate::outbox::machine::LONGEST_HINT_MS;
use crate::store::delivery::{Lane, Pause};

/// The settings of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens that the bucket regains each minute, 1 or more.
    pub per_minute: u32,
    /// Tokens in a full bucket, 1 or more.
    pub burst: u32,
    /// Consecutive failures that open the breaker, 1 or more.
    pub failures: u32,
    /// How long the breaker first opens. Each further round of `failures` adds the same again, up to
    /// [`LONGEST_BREAK_MS`].
    pub break_ms: i64,
    /// How often a refused credential is tried again.
    pub probe_every_ms: i64,
    /// How long a half-open breaker waits for its trial before it allows another; longer than a lease.
    pub trial_ms: i64,
}

/// Longest time that a breaker stays open before its next trial.
pub const LONGEST_BREAK_MS: i64 = 10 * 60 * 1000;

/// Longest time that a vendor keeps a lane closed: a used-up monthly quota comes back within 31 days. Adapters cut what a
/// header says to a day. After the clock went back, a throttle that was set before binds for up to this long; `lanes open` ends
/// it.
pub const LONGEST_THROTTLE_MS: i64 = 32 * 24 * 60 * 60 * 1000;

/// Shortest wait after a refusal whose vendor says "come back at once".
const LEAST_THROTTLE_MS: i64 = 1000;

impl Limits {
    /// The same for a vendor account of this pace.
    #[must_use]
    pub fn at(self, pace: Pace) -> Self {
        Self { per_minute: pace.per_minute, burst: pace.burst, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_minute: 1200,
            burst: 40,
            failures: 5,
            break_ms: 30 * 1000,
            probe_every_ms: 5 * 60 * 1000,
            trial_ms: 2 * 60 * 1000,
        }
    }
}

/// Whether a lane lets requests through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Nothing before this time.
    Closed(UnixMillis),
    /// Up to this many requests now, at least one.
    Open(u32),
    /// Probe the vendor, which said that it is down.
    Probe,
}

/// What a lane learns from one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The vendor answers and accepts this credential.
    Answered(&'static str),
    /// No connection, no answer, or an answer of a broken server.
    Failed,
    /// This credential was refused.
    Refused(&'static str),
    /// The vendor takes no more requests until this time: its rate limit (429) or quota is reached.
    Throttled(Option<UnixMillis>),
    /// The vendor says that it is down (503), until this time.
    Down(Option<UnixMillis>),
    /// Nothing was sent, or the answer says nothing about the vendor.
    Untried,
}

/// The refused credentials that are due for another try.
pub fn to_be_tried(lane: &Lane, limits: &Limits, now: UnixMillis) -> Vec<String> {
    let is_time = |pause: &&Pause| ahead(Some(pause.probe_at), limits.probe_every_ms, now).is_none();
    lane.pauses.iter().filter(is_time).map(|pause| pause.credential.clone()).collect()
}

/// Whether deliveries with this credential wait.
pub fn is_paused(lane: &Lane, credential: &str) -> bool {
    lane.pauses.iter().any(|pause| pause.credential == credential)
}

/// Whether `lane` lets requests through at `now` whose credential is not refused.
pub fn gate(lane: &Lane, limits: &Limits, now: UnixMillis) -> Gate {
    let throttled = ahead(lane.throttled_until, LONGEST_THROTTLE_MS, now);
    let broken = ahead(lane.broken_until, LONGEST_BREAK_MS.max(limits.trial_ms), now);
    if let Some(until) = throttled.max(broken) {
        let probe_at = lane.down_probe_at.filter(|_| throttled.is_some());
        let is_probed = probe_at.is_some_and(|at| ahead(Some(at), LONGEST_HINT_MS, now).is_none());
        return if is_probed { Gate::Probe } else { Gate::Closed(until.min(probe_at.unwrap_or(until))) };
    }
    let tokens = capacity_milli(limits).saturating_sub(spent_milli(lane, limits, now)) / 1000;
    match u32::try_from(tokens).unwrap_or(0) {
        0 => Gate::Closed(next_token_at(lane, limits, now)),
        _ if lane.broken_until.is_some() => Gate::Open(1),
        tokens => Gate::Open(tokens),
    }
}

/// A time that has not come yet. A time further ahead than `most_ms` was set before the clock went back; it is
/// ignored, or the lane would stay closed until the clock is there again.
fn ahead(until: Option<UnixMillis>, most_ms: i64, now: UnixMillis) -> Option<UnixMillis> {
    until.filter(|until| *until > now && *until <= now.plus(most_ms))
}

/// Takes up to `wanted` tokens; returns the new lane and how many it gave. A half-open breaker gives one, then none
/// until the trial has an outcome or [`Limits::trial_ms`] is over.
pub fn take(lane: Lane, wanted: u32, limits: &Limits, now: UnixMillis) -> (Lane, u32) {
    let Gate::Open(open) = gate(&lane, limits, now) else {
        return (lane, 0);
    };
    let taken = open.min(wanted);
    let spent = spent_milli(&lane, limits, now).saturating_add(i64::from(taken) * 1000);
    let broken_until = lane.broken_until.map(|until| if taken > 0 { now.plus(limits.trial_ms) } else { until });
    (Lane { spent_milli: spent, counted_at: Some(now), broken_until, ..lane }, taken)
}

/// The lane after requests that were sent without taking a token before, such as further pages: what comes next waits for
/// them.
pub fn spend(lane: Lane, requests: u32, limits: &Limits, now: UnixMillis) -> Lane {
    if requests == 0 {
        return lane;
    }
    // Another lease may have counted since the answer came.
    let now = lane.counted_at.map_or(now, |at| at.max(now));
    let spent = spent_milli(&lane, limits, now).saturating_add(i64::from(requests) * 1000);
    Lane { spent_milli: spent.min(capacity_milli(limits)), counted_at: Some(now), ..lane }
}

/// The lane after an exchange.
pub fn after(lane: Lane, signal: Signal, limits: &Limits, now: UnixMillis) -> Lane {
    match signal {
        Signal::Answered(credential) => Lane { failures: 0, broken_until: None, ..resumed(lane, credential) },
        Signal::Failed => {
            let failures = lane.failures.saturating_add(1);
            let broken_until = break_ms(failures, limits).map(|ms| now.plus(ms));
            Lane { failures, broken_until: broken_until.or(lane.broken_until), ..lane }
        }
        Signal::Refused(credential) => paused(lane, credential, limits, now),
        Signal::Throttled(until) => Lane { down_probe_at: None, ..throttled(lane, until, now) },
        Signal::Down(until) => {
            // What a harmless request reaches does not show what this one needs: the vendor's time counts to its end.
            let misled = is_trial_after_probe(&lane, limits);
            let down = throttled(lane, until, now);
            let probe_at = now.plus(limits.probe_every_ms);
            Lane { down_probe_at: if misled { down.throttled_until } else { Some(probe_at) }, ..down }
        }
        // If this was a half-open breaker's trial, another may go at once.
        Signal::Untried => Lane { broken_until: lane.broken_until.map(|until| until.min(now)), ..lane },
    }
}

/// The lane after a probe of a refused credential.
pub fn after_probe(lane: Lane, credential: &str, probe: Probe, limits: &Limits, now: UnixMillis) -> Lane {
    match probe {
        Probe::Good => resumed(lane, credential),
        Probe::Refused | Probe::Unclear => being_tried(lane, credential, limits, now),
    }
}

/// The lane while a refused credential is tried; delays the next try.
pub fn being_tried(mut lane: Lane, credential: &str, limits: &Limits, now: UnixMillis) -> Lane {
    for pause in lane.pauses.iter_mut().filter(|pause| pause.credential == credential) {
        pause.probe_at = now.plus(limits.probe_every_ms);
    }
    lane
}

fn resumed(mut lane: Lane, credential: &str) -> Lane {
    lane.pauses.retain(|pause| pause.credential != credential);
    lane
}

/// The lane of an account from what the lanes of two of its programs knew: whatever kept one of them closed keeps it closed.
pub fn joined(one: Lane, other: Lane) -> Lane {
    let (later, earlier) = if one.throttled_until >= other.throttled_until { (one, other) } else { (other, one) };
    let mut pauses = later.pauses;
    pauses.extend(earlier.pauses);
    let mut seen = BTreeSet::new();
    pauses.retain(|pause| seen.insert(pause.credential.clone()));
    Lane {
        spent_milli: later.spent_milli.max(earlier.spent_milli),
        counted_at: later.counted_at.max(earlier.counted_at),
        failures: later.failures.max(earlier.failures),
        broken_until: later.broken_until.max(earlier.broken_until),
        throttled_until: later.throttled_until,
        down_probe_at: later.down_probe_at,
        pauses,
    }
}

/// The lane after an operator opened it: nothing keeps it closed, and refused credentials are tried at once. One
/// request goes first; the others follow when it is answered.
pub fn opened(mut lane: Lane, limits: &Limits, now: UnixMillis) -> Lane {
    for pause in &mut lane.pauses {
        pause.probe_at = now;
    }
    reopened(lane, limits, now)
}

/// The lane after a probe of a vendor that said it was down: once it answers, one request goes first.
pub fn after_down_probe(lane: Lane, probe: Probe, limits: &Limits, now: UnixMillis) -> Lane {
    match probe {
        // The next request finds out whether the credential is accepted.
        Probe::Good | Probe::Refused => reopened(lane, limits, now),
        Probe::Unclear => Lane { down_probe_at: Some(now.plus(limits.probe_every_ms)), ..lane },
    }
}

/// Whether the lane is half-open by [`reopened`]; a breaker that opened has counted [`Limits::failures`].
fn is_trial_after_probe(lane: &Lane, limits: &Limits) -> bool {
    lane.broken_until.is_some() && lane.failures < limits.failures
}

fn reopened(lane: Lane, limits: &Limits, now: UnixMillis) -> Lane {
    let failures = limits.failures.saturating_sub(1);
    Lane { failures, broken_until: Some(now), throttled_until: None, down_probe_at: None, ..lane }
}

/// Why a lane is closed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shut {
    /// Credentials were refused, for these reasons; tried again at this time. Deliveries that need none of them go
    /// on.
    Paused(String, UnixMillis),
    /// The vendor asked for fewer requests (429), until this time.
    Throttled(UnixMillis),
    /// The vendor says that it is down (503) until `until`; it is probed at `probe_at`.
    Down {
        /// Until when, according to the vendor.
        until: UnixMillis,
        /// When the vendor is probed next.
        probe_at: UnixMillis,
    },
    /// This many consecutive requests failed; one is tried at this time.
    Broken(u32, UnixMillis),
}

impl Shut {
    /// Why `lane` is closed at `now`. The reasons in order: a pause, the vendor's own word, our breaker.
    pub fn of(lane: &Lane, now: UnixMillis) -> Option<Self> {
        let ahead = |at: Option<UnixMillis>| at.filter(|at| *at > now);
        let reasons: Vec<&str> = lane.pauses.iter().map(|pause| pause.reason.as_str()).collect();
        let tried_at = lane.pauses.iter().map(|pause| pause.probe_at).min();
        match (tried_at, ahead(lane.throttled_until), ahead(lane.broken_until)) {
            (Some(at), _, _) => Some(Self::Paused(reasons.join("; "), at)),
            (None, Some(until), _) => Some(match lane.down_probe_at {
                Some(probe_at) => Self::Down { until, probe_at: probe_at.min(until) },
                None => Self::Throttled(until),
            }),
            (None, None, Some(until)) => Some(Self::Broken(lane.failures, until)),
            (None, None, None) => None,
        }
    }

    /// The word in JSON and tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Paused(..) => "paused",
            Self::Throttled(_) => "throttled",
            Self::Down { .. } => "down",
            Self::Broken(..) => "broken",
        }
    }

    /// Why, without a full stop: the next try follows.
    pub fn reason(&self) -> String {
        match self {
            Self::Paused(reasons, _) => reasons.clone(),
            Self::Throttled(_) => {
                "the vendor takes no more requests for now: its rate limit or quota is reached".to_owned()
            }
            Self::Down { until, probe_at } => format!(
                "the vendor answers 503 and says that it is down until {}. {}",
                UnixMillis::from_seconds(until.seconds()),
                match probe_at < until {
                    true => "A harmless request checks every few minutes whether it is back",
                    false => "It answered a harmless request, and then 503 again, so nothing more is sent before",
                }
            ),
            Self::Broken(failures, _) => {
                format!("the last {failures} requests to the vendor failed. A single one is tried next")
            }
        }
    }

    /// When it is tried again.
    pub fn next_at(&self) -> UnixMillis {
        match self {
            Self::Paused(_, at) | Self::Throttled(at) | Self::Broken(_, at) | Self::Down { probe_at: at, .. } => *at,
        }
    }
}

/// What a send's outcome with this credential tells about the vendor; `status` is that of the answer, if one came.
pub fn signal(outcome: &Outcome, status: Option<u16>, credential: &'static str) -> Signal {
    match outcome {
        Outcome::AuthFailed { .. } => Signal::Refused(credential),
        Outcome::Retry { .. } | Outcome::Unknown { .. } => Signal::Failed,
        Outcome::Throttled { until } => come_back(*until, status),
        Outcome::Conflict { .. }
        | Outcome::Duplicate { .. }
        | Outcome::Forbidden { .. }
        | Outcome::Ignored { .. }
        | Outcome::Missing { .. }
        | Outcome::NotNeeded { .. }
        | Outcome::Premature { .. }
        | Outcome::Recorded { .. }
        | Outcome::Rejected { .. }
        | Outcome::Rekeyed { .. }
        | Outcome::Unverified { .. } => Signal::Answered(credential),
    }
}

/// What a look-up with this credential tells about the vendor; `status` is that of the answer, if one came. A server
/// error or a missing answer means that the vendor is broken. Any other answer that does not settle the look-up, such
/// as an unreadable list, tells nothing.
pub fn look_up_signal(found: &LookUp, status: Option<u16>, credential: &'static str) -> Signal {
    match found {
        LookUp::AuthFailed => Signal::Refused(credential),
        LookUp::Inconclusive { not_before: Some(until), .. } => come_back(Some(*until), status),
        LookUp::Inconclusive { not_before: None, .. } => match status {
            None | Some(500..) => Signal::Failed,
            Some(_) => Signal::Untried,
        },
        LookUp::Absent | LookUp::Differs { .. } | LookUp::Found { .. } => Signal::Answered(credential),
    }
}

/// The meaning of "come back later": 429 concerns us, 503 the vendor (RFC 6585 § 4, RFC 9110 § 15.6.4).
pub fn come_back(until: Option<UnixMillis>, status: Option<u16>) -> Signal {
    if status == Some(503) { Signal::Down(until) } else { Signal::Throttled(until) }
}

fn throttled(lane: Lane, until: Option<UnixMillis>, now: UnixMillis) -> Lane {
    let until = until.unwrap_or(now.plus(THROTTLED_MS));
    let until = until.clamp(now.plus(LEAST_THROTTLE_MS), now.plus(LONGEST_THROTTLE_MS));
    let throttled_until = ahead(lane.throttled_until, LONGEST_THROTTLE_MS, now).max(Some(until));
    Lane { failures: 0, broken_until: None, throttled_until, ..lane }
}

fn paused(mut lane: Lane, credential: &str, limits: &Limits, now: UnixMillis) -> Lane {
    if !is_paused(&lane, credential) {
        let reason = format!(
            "the vendor refuses `{credential}`: correct it in the program's configuration or at the vendor. Deliveries that need it wait and go \
             on automatically once the vendor accepts it; all others go on"
        );
        let probe_at = now.plus(limits.probe_every_ms);
        lane.pauses.push(Pause { credential: credential.to_owned(), reason, since: now, probe_at });
    }
    Lane { failures: 0, broken_until: None, ..lane }
}

/// How long the breaker opens after this many consecutive failures; `None` if they are too few. It grows by rounds:
/// requests that were under way when it opened say nothing new.
fn break_ms(failures: u32, limits: &Limits) -> Option<i64> {
    let rounds = failures / limits.failures.max(1);
    (rounds > 0).then(|| limits.break_ms.saturating_mul(i64::from(rounds)).min(LONGEST_BREAK_MS))
}

fn capacity_milli(limits: &Limits) -> i64 {
    i64::from(limits.burst.max(1)) * 1000
}

/// Tokens missing from the bucket, in thousandths: at 60 tokens a minute, a millisecond refills one thousandth. After the
/// clock went back the bucket counts as full; otherwise an empty one would stay empty until the clock is there again.
fn spent_milli(lane: &Lane, limits: &Limits, now: UnixMillis) -> i64 {
    let elapsed_ms = lane.counted_at.map_or(i64::MAX, |at| now.since(at));
    if elapsed_ms < 0 {
        return 0;
    }
    let refilled = elapsed_ms.saturating_mul(i64::from(limits.per_minute.max(1))) / 60;
    lane.spent_milli.saturating_sub(refilled).clamp(0, capacity_milli(limits))
}

/// When an empty bucket has a token again, counted from when it was last counted, so that looking costs no fraction.
fn next_token_at(lane: &Lane, limits: &Limits, now: UnixMillis) -> UnixMillis {
    let missing = lane.spent_milli.saturating_sub(capacity_milli(limits) - 1000).max(1);
    let rate = i64::from(limits.per_minute.max(1));
    lane.counted_at.unwrap_or(now).plus((missing.saturating_mul(60) + rate - 1) / rate)
}
