//! What keeps one vendor account from being overrun, hammered while it is down, or asked with a refused credential: token
//! bucket, breaker, throttle and pauses, as pure functions over the stored [`Lane`]. Nothing here consumes an attempt of a
//! delivery; what an outcome means for the delivery itself is `outbox`'s.

use trailmark_vendors::outcome::{LookUp, Outcome, Probe};
use trailmark_wire::time::UnixMillis;

use crate::outbox::machine::{LONGEST_HINT_MS, THROTTLED_MS};
use crate::store::delivery::{Lane, Pause};

/// The settings of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second that the bucket refills, 1 or more.
    pub per_second: u32,
    /// Requests that a full bucket holds, 1 or more.
    pub burst: u32,
    /// Failures in a row that open the breaker, 1 or more.
    pub failures: u32,
    /// How long the breaker is open at first; as much longer with every further round of that many failures, up to
    /// [`LONGEST_BREAK_MS`].
    pub break_ms: i64,
    /// How often a refused credential is tried again.
    pub probe_every_ms: i64,
    /// How long a half-open breaker waits for its one trial before it lets another one through; longer than a lease.
    pub trial_ms: i64,
}

/// The longest that a breaker is open before its next trial.
pub const LONGEST_BREAK_MS: i64 = 10 * 60 * 1000;

/// How long a lane stays away at least from a vendor that refuses and says "at once" when asked until when.
const LEAST_THROTTLE_MS: i64 = 1000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_second: 20,
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
    /// Nothing before this point.
    Closed(UnixMillis),
    /// Up to this many requests now, at least one.
    Open(u32),
    /// Ask the vendor, which said that it is down, whether it is back.
    Probe,
}

/// What a lane learns from one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The vendor answers, and takes this credential.
    Answered(&'static str),
    /// No connection, no answer, or an answer that says that the vendor is broken.
    Failed,
    /// This credential was refused.
    Refused(&'static str),
    /// The vendor asks for fewer requests (429), until the point that it named.
    Throttled(Option<UnixMillis>),
    /// The vendor says that it is down (503), until the point that it named.
    Down(Option<UnixMillis>),
    /// Nothing was sent after all, or what came says nothing about the vendor.
    Untried,
}

/// The refused credentials that are to be tried again.
pub fn to_be_tried(lane: &Lane, limits: &Limits, now: UnixMillis) -> Vec<String> {
    let is_time = |pause: &&Pause| ahead(Some(pause.probe_at), limits.probe_every_ms, now).is_none();
    lane.pauses.iter().filter(is_time).map(|pause| pause.credential.clone()).collect()
}

/// Whether what uses this credential waits.
pub fn is_paused(lane: &Lane, credential: &str) -> bool {
    lane.pauses.iter().any(|pause| pause.credential == credential)
}

/// Whether `lane` lets requests through at `now` that use no refused credential.
pub fn gate(lane: &Lane, limits: &Limits, now: UnixMillis) -> Gate {
    let throttled = ahead(lane.throttled_until, LONGEST_HINT_MS, now);
    let broken = ahead(lane.broken_until, LONGEST_BREAK_MS.max(limits.trial_ms), now);
    if let Some(until) = throttled.max(broken) {
        let probe_at = lane.down_probe_at.filter(|_| throttled.is_some());
        let is_probed = probe_at.is_some_and(|at| ahead(Some(at), limits.probe_every_ms, now).is_none());
        return if is_probed { Gate::Probe } else { Gate::Closed(until.min(probe_at.unwrap_or(until))) };
    }
    let tokens = capacity_milli(limits).saturating_sub(spent_milli(lane, limits, now)) / 1000;
    match u32::try_from(tokens).unwrap_or(0) {
        0 => Gate::Closed(next_token_at(lane, limits, now)),
        _ if lane.broken_until.is_some() => Gate::Open(1),
        tokens => Gate::Open(tokens),
    }
}

/// A point that has not come. One that is further ahead than it can have been set was set before the clock went back, and
/// would keep the lane closed until the clock is there again.
fn ahead(until: Option<UnixMillis>, most_ms: i64, now: UnixMillis) -> Option<UnixMillis> {
    until.filter(|until| *until > now && *until <= now.plus(most_ms))
}

/// Takes up to `wanted` tokens: the lane afterwards, and how many it gave. A half-open breaker gives one, and none again
/// until that trial has said something or [`Limits::trial_ms`] is over.
pub fn take(lane: Lane, wanted: u32, limits: &Limits, now: UnixMillis) -> (Lane, u32) {
    let Gate::Open(open) = gate(&lane, limits, now) else {
        return (lane, 0);
    };
    let taken = open.min(wanted);
    let spent = spent_milli(&lane, limits, now).saturating_add(i64::from(taken) * 1000);
    let broken_until = lane.broken_until.map(|until| if taken > 0 { now.plus(limits.trial_ms) } else { until });
    (Lane { spent_milli: spent, counted_at: Some(now), broken_until, ..lane }, taken)
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
            let probe_at = now.plus(limits.probe_every_ms);
            Lane { down_probe_at: Some(probe_at), ..throttled(lane, until, now) }
        }
        // Where this was a half-open breaker's trial, another one may go at once.
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

/// The lane while a refused credential is being tried: no second try before the next is due.
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

/// The lane on an operator's word: nothing keeps it shut any more, and refused credentials are tried at once. A single request
/// goes first; the others follow when it is answered.
pub fn opened(mut lane: Lane, limits: &Limits, now: UnixMillis) -> Lane {
    for pause in &mut lane.pauses {
        pause.probe_at = now;
    }
    reopened(lane, limits, now)
}

/// The lane after a harmless request to a vendor that said that it is down: once it answers, a single request goes first.
pub fn after_down_probe(lane: Lane, probe: Probe, limits: &Limits, now: UnixMillis) -> Lane {
    match probe {
        // What it thinks of the credential is for the next request to find out.
        Probe::Good | Probe::Refused => reopened(lane, limits, now),
        Probe::Unclear => Lane { down_probe_at: Some(now.plus(limits.probe_every_ms)), ..lane },
    }
}

fn reopened(lane: Lane, limits: &Limits, now: UnixMillis) -> Lane {
    let failures = limits.failures.saturating_sub(1);
    Lane { failures, broken_until: Some(now), throttled_until: None, down_probe_at: None, ..lane }
}

/// Why a lane lets nothing through at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shut {
    /// Credentials were refused, for these reasons; tried again at this point. What needs none of them goes on.
    Paused(String, UnixMillis),
    /// The vendor asked for fewer requests (429), until this point.
    Throttled(UnixMillis),
    /// The vendor says that it is down (503) until `until`; it is probed at `probe_at`.
    Down {
        /// Until when, as the vendor said.
        until: UnixMillis,
        /// When the vendor is probed next.
        probe_at: UnixMillis,
    },
    /// So many requests in a row failed; one is tried at this point.
    Broken(u32, UnixMillis),
}

impl Shut {
    /// Why `lane` is shut at `now`, if it is. A pause outlasts everything, then the vendor's own word counts, then our breaker.
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

    /// Why, without an end: what follows is when it is looked at again.
    pub fn reason(&self) -> String {
        match self {
            Self::Paused(reasons, _) => reasons.clone(),
            Self::Throttled(_) => "the vendor answers 429: it asks for fewer requests".to_owned(),
            Self::Down { until, .. } => format!(
                "the vendor answers 503 and says that it is down until {}. A harmless request tests every few minutes whether it \
                 is back",
                UnixMillis::from_seconds(until.seconds())
            ),
            Self::Broken(failures, _) => {
                format!("the last {failures} requests to the vendor failed. A single one is tried next")
            }
        }
    }

    /// When it is looked at again.
    pub fn next_at(&self) -> UnixMillis {
        match self {
            Self::Paused(_, at) | Self::Throttled(at) | Self::Broken(_, at) | Self::Down { probe_at: at, .. } => *at,
        }
    }
}

/// What the outcome of a send with this credential tells about the vendor as a whole; `status` is
/// that of the answer, where one came.
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
        | Outcome::Premature { .. }
        | Outcome::Recorded { .. }
        | Outcome::Rejected { .. }
        | Outcome::Unverified => Signal::Answered(credential),
    }
}

/// What a look-up with this credential tells about the vendor as a whole. `status` is that of its answer, if one came. An answer that
/// does not settle the look-up, such as one that may not be read or is no list, is no sign that the vendor is broken, and none that it is
/// in order; only an answer of a broken server is, and none at all.
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

/// What "come back later" means: 429 speaks of us, 503 of the vendor (RFC 6585 § 4, RFC 9110 § 15.6.4).
pub fn come_back(until: Option<UnixMillis>, status: Option<u16>) -> Signal {
    if status == Some(503) { Signal::Down(until) } else { Signal::Throttled(until) }
}

fn throttled(lane: Lane, until: Option<UnixMillis>, now: UnixMillis) -> Lane {
    let until = until.unwrap_or(now.plus(THROTTLED_MS));
    let until = until.clamp(now.plus(LEAST_THROTTLE_MS), now.plus(LONGEST_HINT_MS));
    let throttled_until = ahead(lane.throttled_until, LONGEST_HINT_MS, now).max(Some(until));
    Lane { failures: 0, broken_until: None, throttled_until, ..lane }
}

fn paused(mut lane: Lane, credential: &str, limits: &Limits, now: UnixMillis) -> Lane {
    if !is_paused(&lane, credential) {
        let reason = format!(
            "the vendor refuses `{credential}`: correct it in the program's configuration or at the vendor. What needs it waits and goes \
             on by itself once the vendor takes it; everything else goes on"
        );
        let probe_at = now.plus(limits.probe_every_ms);
        lane.pauses.push(Pause { credential: credential.to_owned(), reason, since: now, probe_at });
    }
    Lane { failures: 0, broken_until: None, ..lane }
}

/// How long the breaker opens after so many failures in a row; `None` while they are too few. It grows by rounds and not with
/// each failure, since those that were under way when it opened say nothing new.
fn break_ms(failures: u32, limits: &Limits) -> Option<i64> {
    let rounds = failures / limits.failures.max(1);
    (rounds > 0).then(|| limits.break_ms.saturating_mul(i64::from(rounds)).min(LONGEST_BREAK_MS))
}

fn capacity_milli(limits: &Limits) -> i64 {
    i64::from(limits.burst.max(1)) * 1000
}

/// What is still missing from the bucket: a token a second refills a thousandth of one in a millisecond. A clock that went
/// back finds a full bucket, else an empty one would stay so until the clock is there again.
fn spent_milli(lane: &Lane, limits: &Limits, now: UnixMillis) -> i64 {
    let elapsed_ms = lane.counted_at.map_or(i64::MAX, |at| now.since(at));
    if elapsed_ms < 0 {
        return 0;
    }
    let refilled = elapsed_ms.saturating_mul(i64::from(limits.per_second.max(1)));
    lane.spent_milli.saturating_sub(refilled).clamp(0, capacity_milli(limits))
}

fn next_token_at(lane: &Lane, limits: &Limits, now: UnixMillis) -> UnixMillis {
    let missing = spent_milli(lane, limits, now).saturating_sub(capacity_milli(limits) - 1000).max(1);
    let rate = i64::from(limits.per_second.max(1));
    now.plus((missing + rate - 1) / rate)
}
