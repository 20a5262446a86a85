//! What follows from a plan, a send, a look-up or a crash. Each function takes the state of a leased delivery and
//! returns its next state. The schedule is data.

use trailmark_vendors::capability::Class;
use trailmark_vendors::outcome::{LookUp, Outcome, Probe};
use trailmark_wire::time::UnixMillis;

use super::sent::SendOutcome;
use super::{Doubt, Progress, Purpose, State};
use crate::store::delivery::FURTHEST_DUE_MS;

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Longest wait after each counted send that failed; none follows the last send. Full jitter halves a wait on
/// average, so twelve daily waits reach day 7.
pub const SCHEDULE_MS: [i64; 22] = [
    5 * SECOND_MS,
    30 * SECOND_MS,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
];

/// Sends of one generation, at most.
pub const MOST_ATTEMPTS: u32 = SCHEDULE_MS.len() as u32 + 1;

/// How often a vendor may accept a delivery that the following look-up does not find.
pub const MOST_ROUNDS: u32 = 3;

/// Waits between the look-ups of a delivery that was accepted [`MOST_ROUNDS`] times and never found; nothing is sent
/// meanwhile. Vendors have shown a customer after an hour: the first waits catch that. The later waits catch a vendor
/// whose processing stops for days. Like [`SCHEDULE_MS`] they reach a week.
pub const READ_BACK_MS: [i64; 13] = [
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
    8 * HOUR_MS,
    16 * HOUR_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
    DAY_MS,
];

/// Look-ups that must find nothing before a refusal is believed if an earlier send may have taken effect. They are
/// spaced by [`READ_BACK_MS`], because a rejection is final: a vendor that shows a customer after an hour, or wrongly
/// denies it once, must not turn a paid customer into a rejected one.
pub const REFUSAL_LOOK_UPS: u32 = 3;

/// A vendor's hint is believed at most this far ahead.
pub const LONGEST_HINT_MS: i64 = DAY_MS;

/// What a decision needs to know besides the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: UnixMillis,
    /// 32 random bits.
    pub jitter: u32,
    /// The vendor's settling time: for so long after a send, a look-up's "no such thing" proves nothing.
    pub settling_ms: i64,
}

impl Moment {
    /// Full jitter: a random time between now and `wait_ms` from now.
    fn within(self, wait_ms: i64) -> UnixMillis {
        let drawn = (i128::from(wait_ms) * i128::from(self.jitter)) >> 32;
        self.now.plus(i64::try_from(drawn).unwrap_or(wait_ms))
    }

    /// A vendor's hint, cut to [`LONGEST_HINT_MS`].
    fn hinted(self, hint: Option<UnixMillis>) -> Option<UnixMillis> {
        hint.map(|hint| hint.min(self.now.plus(LONGEST_HINT_MS)))
    }

    fn settled(self) -> UnixMillis {
        self.now.plus(self.settling_ms)
    }

    /// When an unknown outcome is looked up; `None` where the vendor cannot be asked.
    fn looked_up(self, class: Class) -> Option<UnixMillis> {
        (class != Class::Neither).then(|| self.settled())
    }
}

/// The plan, or its refusal, says that nothing is to be sent. `unsure` as in [`after_send`].
pub fn without_sending(progress: Progress, state: State, reason: &str, unsure: bool, at: Moment) -> Progress {
    let doubt = if state == State::NotNeeded { Doubt::Needless } else { Doubt::Refused };
    match unsure {
        true => doubted(progress, doubt, reason, Some(at.settled()), at),
        false => ended(progress, state, reason),
    }
}

/// After a send. `progress.attempts` counts it already. `unsure`: an earlier send of the delivery may have taken
/// effect.
///
/// Pass a [`Outcome::Forbidden`] through [`forbidden`] first; here it only means another try.
pub fn after_send(progress: Progress, class: Class, outcome: &Outcome, unsure: bool, at: Moment) -> Progress {
    let next = match outcome {
        Outcome::AuthFailed { message } => uncounted(progress, message),
        Outcome::Conflict { message } => conflict(progress, message, at),
        Outcome::Duplicate { message } if class == Class::Neither => {
            unshown(Progress { reason: Some(message.clone()), ..progress })
        }
        Outcome::Duplicate { message } => doubted(progress, Doubt::Duplicate, message, Some(at.now), at),
        Outcome::Forbidden { message } => retried(progress, message, None, at),
        Outcome::Premature { message } => {
            let message = again_and_again(message, progress.attempts);
            retried(progress, &message, None, at)
        }
        Outcome::Ignored { message } => {
            let ignored = ended(progress, State::Ignored, message);
            // The vendor may record it later, or may have said nothing at all.
            match class {
                Class::Searchable => read_back_later(Progress { settles_at: Some(at.settled()), ..ignored }, None, at),
                _ => ignored,
            }
        }
        Outcome::Missing { message } => {
            // The earlier deletion removed it, or it never existed: a look-up shows whether it is gone.
            let doubt = if unsure { Doubt::Unknown } else { Doubt::Missing };
            doubted(progress, doubt, message, Some(at.settled()), at)
        }
        Outcome::NotNeeded { message } => ended(progress, State::NotNeeded, message),
        Outcome::Recorded { reference } => recorded(progress, reference.clone()),
        Outcome::Rejected { message } => ended(progress, State::Rejected, message),
        Outcome::Rekeyed { message, reference } => {
            conflict(Progress { reference: Some(reference.clone()), ..progress }, message, at)
        }
        Outcome::Retry { message, not_before } => retried(progress, message, *not_before, at),
        // The lane stays closed until the vendor's time, but may be opened earlier: the delivery itself stays due.
        Outcome::Throttled { .. } => uncounted(progress, "the vendor asked to come back later; it was not processed"),
        Outcome::Unknown { message } => unknown(progress, class, message, at),
        Outcome::Unverified { reference } => {
            let progress = Progress { reference: reference.clone().or_else(|| progress.reference.clone()), ..progress };
            doubted(progress, Doubt::Accepted, "accepted; not yet read back", Some(at.settled()), at)
        }
    };
    if unsure { looked_up_first(next, class, at) } else { next }
}

/// If an earlier send may have taken effect, a final state without effect needs a look-up first.
fn looked_up_first(next: Progress, class: Class, at: Moment) -> Progress {
    let doubt = match next.state {
        State::Ignored | State::Rejected => Doubt::Refused,
        State::NotNeeded => Doubt::Needless,
        State::Dead => Doubt::Unknown,
        _ => return next,
    };
    let message = next.reason.clone().unwrap_or_default();
    doubted(next, doubt, &message, at.looked_up(class), at)
}

/// The meaning of a 403, after a probe has shown whether the credential works at all.
pub fn forbidden(message: String, probe: Probe) -> Outcome {
    match probe {
        Probe::Good => Outcome::Rejected { message },
        Probe::Refused => Outcome::AuthFailed { message },
        Probe::Unclear => Outcome::Retry { message, not_before: None },
    }
}

/// Before a look-up: "no such thing" is not believed before `not_before` either.
pub fn settling_until(progress: Progress, not_before: UnixMillis) -> Progress {
    let settles_at = progress.settles_at.map_or(not_before, |settles_at| settles_at.max(not_before));
    Progress { settles_at: Some(settles_at), ..progress }
}

/// After a look-up that began at `asked_at`.
pub fn after_look_up(progress: Progress, found: &LookUp, asked_at: UnixMillis, at: Moment) -> Progress {
    match found {
        LookUp::Absent if progress.state == State::Ignored => read_back_later(progress, None, at),
        LookUp::Inconclusive { not_before, .. } if progress.state == State::Ignored => {
            read_back_later(progress, *not_before, at)
        }
        LookUp::Absent => absent(progress, asked_at, at),
        LookUp::AuthFailed => progress,
        // The vendor has said by itself that it credits nobody: this is how it shows it.
        LookUp::Differs { message } if progress.state == State::Ignored && progress.rounds < MOST_ROUNDS => {
            ended(progress, State::Ignored, message)
        }
        LookUp::Differs { message } => still_conflict(progress, message, at),
        LookUp::Found { .. } if progress.doubt == Some(Doubt::Missing) => {
            let message = progress.reason.as_deref().unwrap_or_default();
            let reason = format!(
                "the vendor had nothing to delete ({message}), and a look-up shows nothing either: somebody else deleted it, \
                 or it has another key at the vendor"
            );
            still_conflict(progress, &reason, at)
        }
        LookUp::Found { reference } => recorded(progress, reference.clone()),
        LookUp::Inconclusive { message, not_before } => inconclusive(progress, message, *not_before, at),
    }
}

/// A look-up is due, but this vendor offers none that could tell.
pub fn without_look_up(progress: Progress) -> Progress {
    match progress.doubt {
        Some(Doubt::Duplicate) => unshown(progress),
        _ => {
            let reason = progress.reason.as_deref().map(|reason| format!("{reason}; ")).unwrap_or_default();
            undecided(progress, &format!("{reason}no look-up at this vendor can tell what became of it"))
        }
    }
}

/// After a lease that expired without an outcome. `open` is the attempt that was begun under it.
pub fn after_crash(progress: Progress, open: Option<(Purpose, Option<Class>)>, at: Moment) -> Progress {
    match open {
        // Nothing was sent that takes effect: the delivery is unchanged and taken up again.
        None | Some((Purpose::LookUp, _)) => progress,
        Some((Purpose::Send, class)) => {
            let message = "the proxy stopped or stalled during the send, before it saw an answer";
            unknown(progress, class.unwrap_or(Class::Neither), message, at)
        }
    }
}

/// After the answer to a send that came when somebody else had ended its lease. `None` if the delivery goes on as before:
/// it is looked up anyway, needs an operator, or may be sent again without harm. `reference` is the vendor's, if it is told.
pub fn after_late(
    progress: Progress,
    class: Option<Class>,
    outcome: SendOutcome,
    reference: Option<String>,
    now: UnixMillis,
) -> Option<Progress> {
    if !matches!(progress.state, State::Blocked | State::Due | State::Waiting) {
        return None;
    }
    let progress = Progress { paused_by: None, ..progress };
    match outcome {
        SendOutcome::Recorded => Some(recorded(progress, reference)),
        SendOutcome::Rekeyed | SendOutcome::Unverified if class == Some(Class::Searchable) => Some(Progress {
            state: State::Uncertain,
            reason: Some("an earlier send was answered late; the vendor may have it, so a look-up comes first".into()),
            due_at: Some(now),
            look_ups: 0,
            doubt: Some(Doubt::Unknown),
            // `absent` replaces this by one settling time after the first look-up.
            settles_at: Some(now.plus(FURTHEST_DUE_MS)),
            reference: progress.reference.or(reference),
            ..progress
        }),
        _ => None,
    }
}

fn unknown(progress: Progress, class: Class, message: &str, at: Moment) -> Progress {
    let is_harmless = match class {
        // After the last attempt nothing is sent again: a look-up says what became of it.
        Class::Keyed | Class::Upsert | Class::UniqueKey => progress.attempts < MOST_ATTEMPTS,
        Class::Searchable | Class::Neither => false,
    };
    match is_harmless {
        true => retried(progress, message, None, at),
        false => doubted(progress, Doubt::Unknown, message, at.looked_up(class), at),
    }
}

fn absent(progress: Progress, asked_at: UnixMillis, at: Moment) -> Progress {
    // At most one settling time ahead: after a clock was set back, the settling time starts once more.
    let settles_at = progress.settles_at.map(|settles_at| settles_at.min(asked_at.plus(at.settling_ms)));
    if settles_at.is_some_and(|settles_at| asked_at < settles_at) {
        return Progress { due_at: settles_at, settles_at, ..progress };
    }
    match progress.doubt {
        Some(Doubt::Accepted) => {
            let rounds = progress.rounds.saturating_add(1);
            let message = format!("accepted {rounds} times, and nothing was found after the settling time");
            let progress = Progress { rounds, ..progress };
            if rounds < MOST_ROUNDS {
                retried(progress, &message, None, at)
            } else {
                read_back_later(ended(progress, State::Ignored, &message), None, at)
            }
        }
        Some(Doubt::Missing) => retried(progress, "the vendor still shows the record to delete", None, at),
        Some(Doubt::Needless) => denied(progress, State::NotNeeded, at),
        Some(Doubt::Refused) => denied(progress, State::Rejected, at),
        Some(Doubt::Duplicate) => unshown(progress),
        Some(Doubt::Unknown) | None => retried(
            progress,
            "the outcome of a send was unknown; a look-up found nothing, so it is sent again",
            None,
            at,
        ),
    }
}

/// The last send did nothing, and the vendor shows no earlier one: believed after [`REFUSAL_LOOK_UPS`] look-ups.
fn denied(progress: Progress, state: State, at: Moment) -> Progress {
    let wait = READ_BACK_MS.get(progress.look_ups as usize).filter(|_| progress.look_ups + 1 < REFUSAL_LOOK_UPS);
    let (look_ups, reason) = (progress.look_ups.saturating_add(1), progress.reason.clone().unwrap_or_default());
    match wait {
        Some(wait) => Progress { look_ups, due_at: Some(at.now.plus(*wait)), ..progress },
        None => ended(progress, state, &reason),
    }
}

/// Schedules the next look-up of an ignored delivery, until [`READ_BACK_MS`] ends.
fn read_back_later(progress: Progress, hint: Option<UnixMillis>, at: Moment) -> Progress {
    let wait = READ_BACK_MS.get(progress.look_ups as usize);
    let due_at = wait.map(|wait| at.now.plus(*wait).max(at.hinted(hint).unwrap_or(at.now)));
    Progress { due_at, look_ups: progress.look_ups.saturating_add(1), ..progress }
}

fn inconclusive(progress: Progress, message: &str, hint: Option<UnixMillis>, at: Moment) -> Progress {
    let hint = at.hinted(hint);
    let wait = SCHEDULE_MS.get(progress.look_ups as usize);
    match (hint, wait) {
        // The vendor gave a time: like a throttled send, this look-up does not count, and the lane waits.
        (Some(_), _) => progress,
        (None, Some(wait)) => {
            Progress { look_ups: progress.look_ups.saturating_add(1), due_at: Some(at.within(*wait)), ..progress }
        }
        (None, None) => undecided(progress, message),
    }
}

/// Nothing more can be found out: an operator decides.
fn undecided(progress: Progress, why: &str) -> Progress {
    let reason = format!("{why}; find out whether the vendor has it, then run `outbox resolve`");
    Progress { state: State::Uncertain, reason: Some(reason), due_at: None, doubt: Some(Doubt::Unknown), ..progress }
}

/// The send had no effect, or repeating it is harmless: tries again later; `dead` when the schedule ends.
fn retried(progress: Progress, message: &str, hint: Option<UnixMillis>, at: Moment) -> Progress {
    let index = progress.attempts.saturating_sub(1) as usize;
    let Some(wait) = SCHEDULE_MS.get(index) else {
        let reason = format!("gave up after {} attempts: {message}", progress.attempts);
        return ended(progress, State::Dead, &reason);
    };
    let due_at = at.within(*wait);
    due(progress, message, at.hinted(hint).map_or(due_at, |hint| hint.max(due_at)))
}

/// Attempts from which on something other than time is most likely missing: minutes have passed by the fourth.
const PREMATURE_MOST: u32 = 4;

/// Says how often it was too early, once that is strange.
fn again_and_again(message: &str, attempts: u32) -> String {
    match attempts {
        0..PREMATURE_MOST => message.to_owned(),
        _ => format!("{message} ({attempts} times now)"),
    }
}

/// Not processed, and not the delivery's fault: the attempt does not count.
fn uncounted(progress: Progress, message: &str) -> Progress {
    let progress = Progress { attempts: progress.attempts.saturating_sub(1), ..progress };
    match progress.due_at {
        Some(due_at) => due(progress, message, due_at),
        None => Progress { reason: Some(message.to_owned()), ..progress },
    }
}

fn due(progress: Progress, message: &str, due_at: UnixMillis) -> Progress {
    Progress {
        state: State::Due,
        reason: Some(message.to_owned()),
        due_at: Some(due_at),
        look_ups: 0,
        doubt: None,
        settles_at: None,
        ..progress
    }
}

/// Asks for a look-up at `due_at`; without one, for an operator.
fn doubted(progress: Progress, doubt: Doubt, message: &str, due_at: Option<UnixMillis>, at: Moment) -> Progress {
    let state = match doubt {
        Doubt::Accepted | Doubt::Duplicate => State::Unverified,
        Doubt::Missing | Doubt::Needless | Doubt::Refused | Doubt::Unknown => State::Uncertain,
    };
    let asked = Progress {
        state,
        reason: Some(message.to_owned()),
        due_at,
        look_ups: 0,
        doubt: Some(doubt),
        settles_at: Some(at.settled()),
        ..progress
    };
    if due_at.is_some() { asked } else { undecided(asked, message) }
}

fn recorded(progress: Progress, reference: Option<String>) -> Progress {
    let reference = reference.or_else(|| progress.reference.clone());
    Progress { reference, reason: None, ..ended(progress, State::Recorded, "") }
}

/// The vendor has something there and may show it late, so a replay asks first, and believes "no such thing" after the
/// settling time.
fn conflict(progress: Progress, message: &str, at: Moment) -> Progress {
    Progress { settles_at: Some(at.settled()), ..ended(progress, State::Conflict, message) }
}

/// The same after a look-up: the settling time goes on.
fn still_conflict(progress: Progress, message: &str, at: Moment) -> Progress {
    let settles_at = progress.settles_at.or(Some(at.now));
    Progress { settles_at, ..ended(progress, State::Conflict, message) }
}

fn ended(progress: Progress, state: State, reason: &str) -> Progress {
    let reason = Some(reason.to_owned());
    Progress { state, reason, due_at: None, look_ups: 0, doubt: None, settles_at: None, ..progress }
}

/// The vendor says that it has it already, and does not show it.
fn unshown(progress: Progress) -> Progress {
    let message = progress.reason.as_deref().unwrap_or_default();
    let reason = format!("the vendor says that it exists already, but does not show it as ours: {message}");
    let settles_at = progress.settles_at;
    Progress { settles_at, ..ended(progress, State::Conflict, &reason) }
}
