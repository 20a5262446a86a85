//! What follows from a plan, a send, a look-up or a crash. Each function takes how a delivery stood while it was leased, and
//! gives how it stands next; the schedule is data.

use trailmark_vendors::capability::Class;
use trailmark_vendors::outcome::{LookUp, Outcome, Probe};
use trailmark_wire::time::UnixMillis;

use super::{Doubt, Progress, Purpose, State};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The longest wait after each counted send that came to nothing; the last send has none after it. Full jitter halves a
/// wait on average, so twelve daily ones are what reaches day 7.
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

/// How often a vendor may accept a delivery that a look-up then does not find.
pub const MOST_ROUNDS: u32 = 3;

/// When what was accepted [`MOST_ROUNDS`] times and never shown is read back, each counted from the one before; nothing is sent meanwhile.
/// Vendors have been seen to show a customer after an hour. The first waits catch that; the later ones catch a vendor whose processing
/// stood still for days, at the price of a handful of look-ups, and reach as far as [`SCHEDULE_MS`] does: a week.
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

/// How many look-ups must find nothing before a refusal is believed that came after a send which may have taken effect. A rejection is
/// final and has time: they are as far apart as [`READ_BACK_MS`] says, so that a vendor which shows a customer after an hour, or denies
/// once what it has, makes no paid customer a rejected one.
pub const REFUSAL_LOOK_UPS: u32 = 3;

/// The furthest ahead that a vendor's hint is believed.
pub const LONGEST_HINT_MS: i64 = DAY_MS;

/// How long to stay away from a vendor that says "too many requests" without saying until when.
pub const THROTTLED_MS: i64 = MINUTE_MS;

/// What a decision needs to know of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: UnixMillis,
    /// 32 random bits.
    pub jitter: u32,
    /// The vendor's settling time: how long after a send a look-up's "no such thing" says nothing.
    pub settling_ms: i64,
}

impl Moment {
    /// Full jitter: a point between now and `wait_ms` from now.
    fn within(self, wait_ms: i64) -> UnixMillis {
        let drawn = (i128::from(wait_ms) * i128::from(self.jitter)) >> 32;
        self.now.plus(i64::try_from(drawn).unwrap_or(wait_ms))
    }

    /// A vendor's hint, as far as it is believed.
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

/// Nothing is to be sent: the plan, or the refusal of one, says why. `unsure` as in [`after_send`].
pub fn without_sending(progress: Progress, state: State, reason: &str, unsure: bool, at: Moment) -> Progress {
    match unsure {
        true => doubted(progress, Doubt::Refused, reason, Some(at.settled()), at),
        false => ended(progress, state, reason),
    }
}

/// After a send. `progress.attempts` counts it already; `unsure` says that an earlier send of the delivery may have taken effect.
///
/// A [`Outcome::Forbidden`] is to go through [`forbidden`] first; here it is one more reason to try again.
pub fn after_send(progress: Progress, class: Class, outcome: &Outcome, unsure: bool, at: Moment) -> Progress {
    let next = match outcome {
        Outcome::AuthFailed { message } => uncounted(progress, message),
        Outcome::Conflict { message } => ended(progress, State::Conflict, message),
        Outcome::Duplicate { message } if class == Class::Neither => {
            unshown(Progress { reason: Some(message.clone()), ..progress })
        }
        Outcome::Duplicate { message } => doubted(progress, Doubt::Duplicate, message, Some(at.now), at),
        Outcome::Forbidden { message } | Outcome::Premature { message } => retried(progress, message, None, at),
        Outcome::Ignored { message } => ended(progress, State::Ignored, message),
        Outcome::Missing { message } => {
            // Gone by the earlier deletion, or never there: a look-up shows whether it is gone at all.
            let doubt = if unsure { Doubt::Unknown } else { Doubt::Missing };
            doubted(progress, doubt, message, Some(at.settled()), at)
        }
        Outcome::Recorded { reference } => recorded(progress, reference.clone()),
        Outcome::Rejected { message } => ended(progress, State::Rejected, message),
        Outcome::Retry { message, not_before } => retried(progress, message, *not_before, at),
        // Its lane is closed until the vendor's point, and may be opened before: the delivery itself stays due.
        Outcome::Throttled { .. } => uncounted(progress, "the vendor asked to come back later; it was not processed"),
        Outcome::Unknown { message } => unknown(progress, class, message, at),
        Outcome::Unverified => {
            doubted(progress, Doubt::Accepted, "accepted; not yet read back", Some(at.settled()), at)
        }
    };
    if unsure { looked_up_first(next, class, at) } else { next }
}

/// An earlier send may have taken effect: an ending that says that nothing did is believed only after a look-up.
fn looked_up_first(next: Progress, class: Class, at: Moment) -> Progress {
    let doubt = match next.state {
        State::Ignored | State::Rejected => Doubt::Refused,
        State::Dead => Doubt::Unknown,
        _ => return next,
    };
    let message = next.reason.clone().unwrap_or_default();
    doubted(next, doubt, &message, at.looked_up(class), at)
}

/// What a 403 means, once a probe has said whether the credential as such is good.
pub fn forbidden(message: String, probe: Probe) -> Outcome {
    match probe {
        Probe::Good => Outcome::Rejected { message },
        Probe::Refused => Outcome::AuthFailed { message },
        Probe::Unclear => Outcome::Retry { message, not_before: None },
    }
}

/// Before a look-up: its "no such thing" does not mean absent before this point either.
pub fn settling_until(progress: Progress, not_before: UnixMillis) -> Progress {
    let settles_at = progress.settles_at.map_or(not_before, |settles_at| settles_at.max(not_before));
    Progress { settles_at: Some(settles_at), ..progress }
}

/// After a look-up that was begun at `asked_at`.
pub fn after_look_up(progress: Progress, found: &LookUp, asked_at: UnixMillis, at: Moment) -> Progress {
    match found {
        LookUp::Absent if progress.state == State::Ignored => read_back_later(progress, None, at),
        LookUp::Inconclusive { not_before, .. } if progress.state == State::Ignored => {
            read_back_later(progress, *not_before, at)
        }
        LookUp::Absent => absent(progress, asked_at, at),
        LookUp::AuthFailed => progress,
        LookUp::Differs { message } => ended(progress, State::Conflict, message),
        LookUp::Found { .. } if progress.doubt == Some(Doubt::Missing) => {
            let message = progress.reason.as_deref().unwrap_or_default();
            let reason = format!(
                "there was nothing to delete when this came ({message}), and a look-up shows nothing either: it was deleted by \
                 somebody else, or stands under another key"
            );
            ended(progress, State::Conflict, &reason)
        }
        LookUp::Found { reference } => recorded(progress, reference.clone()),
        LookUp::Inconclusive { message, not_before } => inconclusive(progress, message, *not_before, at),
    }
}

/// A look-up is due, and this vendor has none.
pub fn without_look_up(progress: Progress) -> Progress {
    match progress.doubt {
        Some(Doubt::Duplicate) => unshown(progress),
        _ => undecided(progress, "this vendor cannot be asked what it has"),
    }
}

/// After a lease that ended without a word from its holder. `open` is the attempt that was begun under it.
pub fn after_crash(progress: Progress, open: Option<(Purpose, Option<Class>)>, at: Moment) -> Progress {
    match open {
        // Nothing was sent, or nothing that takes effect: it stands as before and is taken up again.
        None | Some((Purpose::LookUp, _)) => progress,
        Some((Purpose::Send, class)) => {
            let message = "no answer was seen: the proxy stopped or stalled while it was sending";
            unknown(progress, class.unwrap_or(Class::Neither), message, at)
        }
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
    // Never further ahead than the whole settling time: a clock that went back has it begin anew, and no more.
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
        Some(Doubt::Missing) => retried(progress, "the vendor still shows what is to be deleted", None, at),
        Some(Doubt::Refused) => refused(progress, at),
        Some(Doubt::Duplicate) => unshown(progress),
        Some(Doubt::Unknown) | None => {
            retried(progress, "an outcome was unknown; a look-up found nothing, so it is sent again", None, at)
        }
    }
}

/// The vendor refused it, and shows nothing of the earlier send: believed once it has been said often enough.
fn refused(progress: Progress, at: Moment) -> Progress {
    let wait = READ_BACK_MS.get(progress.look_ups as usize).filter(|_| progress.look_ups + 1 < REFUSAL_LOOK_UPS);
    let (look_ups, reason) = (progress.look_ups.saturating_add(1), progress.reason.clone().unwrap_or_default());
    match wait {
        Some(wait) => Progress { look_ups, due_at: Some(at.now.plus(*wait)), ..progress },
        None => ended(progress, State::Rejected, &reason),
    }
}

/// What was ignored is asked for once more, until the week is over.
fn read_back_later(progress: Progress, hint: Option<UnixMillis>, at: Moment) -> Progress {
    let wait = READ_BACK_MS.get(progress.look_ups as usize);
    let due_at = wait.map(|wait| at.now.plus(*wait).max(at.hinted(hint).unwrap_or(at.now)));
    Progress { due_at, look_ups: progress.look_ups.saturating_add(1), ..progress }
}

fn inconclusive(progress: Progress, message: &str, hint: Option<UnixMillis>, at: Moment) -> Progress {
    let hint = at.hinted(hint);
    let wait = SCHEDULE_MS.get(progress.look_ups as usize);
    match (hint, wait) {
        // The vendor said when: like a throttled send, this counts for nothing, and its lane waits for that.
        (Some(_), _) => progress,
        (None, Some(wait)) => {
            Progress { look_ups: progress.look_ups.saturating_add(1), due_at: Some(at.within(*wait)), ..progress }
        }
        (None, None) => undecided(progress, message),
    }
}

/// Nothing more can be found out: an operator decides.
fn undecided(progress: Progress, why: &str) -> Progress {
    let reason = format!("{why}; whether the vendor has it is for an operator to find out (`outbox resolve`)");
    Progress { state: State::Uncertain, reason: Some(reason), due_at: None, doubt: Some(Doubt::Unknown), ..progress }
}

/// Certainly without effect, or without harm when it had one: again later, or dead when the schedule is over.
fn retried(progress: Progress, message: &str, hint: Option<UnixMillis>, at: Moment) -> Progress {
    let index = progress.attempts.saturating_sub(1) as usize;
    let Some(wait) = SCHEDULE_MS.get(index) else {
        let reason = format!("gave up after {} attempts: {message}", progress.attempts);
        return ended(progress, State::Dead, &reason);
    };
    let due_at = at.within(*wait);
    due(progress, message, at.hinted(hint).map_or(due_at, |hint| hint.max(due_at)))
}

/// Not processed, and not the delivery's fault: the attempt is taken off the count again.
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

/// A question for a look-up at `due_at` or, without one, for an operator.
fn doubted(progress: Progress, doubt: Doubt, message: &str, due_at: Option<UnixMillis>, at: Moment) -> Progress {
    let state = match doubt {
        Doubt::Accepted | Doubt::Duplicate => State::Unverified,
        Doubt::Missing | Doubt::Refused | Doubt::Unknown => State::Uncertain,
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

fn ended(progress: Progress, state: State, reason: &str) -> Progress {
    let reason = Some(reason.to_owned());
    Progress { state, reason, due_at: None, look_ups: 0, doubt: None, settles_at: None, ..progress }
}

/// The vendor says that it has it already, and does not show it.
fn unshown(progress: Progress) -> Progress {
    let message = progress.reason.as_deref().unwrap_or_default();
    let reason = format!("the vendor says that it exists already, and does not show it as ours: {message}");
    ended(progress, State::Conflict, &reason)
}
