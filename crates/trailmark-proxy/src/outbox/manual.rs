//! What an operator may do with a delivery by hand, and its next state. The store checks the lease: a leased delivery
//! is not changed.

use trailmark_vendors::capability::Class;
use trailmark_wire::time::UnixMillis;

use super::sent::SendOutcome;
use super::{Doubt, Progress, State};

/// The delivery's state does not allow the change; the text names the state and the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAllowed(pub String);

/// What earlier attempts leave open when a delivery is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    /// Every send was refused, or was never made.
    Clear,
    /// The vendor may have something of this delivery.
    Unsure(Open),
}

/// The newest send after which the vendor may have something of a delivery. Only a send says what may be there: the
/// delivery's state is another one after a drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Its outcome, if it has one.
    pub outcome: Option<SendOutcome>,
    /// Its class, if its row names one.
    pub class: Option<Class>,
    /// Whether a look-up since then found nothing.
    pub was_absent: bool,
}

/// An attempt that says what a delivery's sends leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// A look-up that found nothing.
    Absent,
    /// A send: its outcome, if it has one, and its class, if its row names one.
    Send(Option<SendOutcome>, Option<Class>),
}

impl Past {
    /// What the attempts of a delivery leave open, the newest first.
    pub fn of(tries: impl IntoIterator<Item = Tried>) -> Self {
        let mut was_absent = false;
        for tried in tries {
            match tried {
                Tried::Absent => was_absent = true,
                Tried::Send(outcome, class) if leaves_open(outcome, class) => {
                    return Self::Unsure(Open { outcome, class, was_absent });
                }
                Tried::Send(..) => {}
            }
        }
        Self::Clear
    }
}

/// Whether the vendor may have something of this delivery after a send.
fn leaves_open(outcome: Option<SendOutcome>, class: Option<Class>) -> bool {
    match outcome {
        // It says that it has something there, ours or not. A repeat is harmless where it refuses or replaces a second one.
        Some(SendOutcome::Conflict | SendOutcome::Duplicate) => {
            matches!(class, Some(Class::Neither | Class::Searchable))
        }
        // It may have recorded that for nobody, or may have said nothing at all. This matters only where it can be asked.
        Some(SendOutcome::Ignored) => class == Some(Class::Searchable),
        outcome => outcome.is_none_or(SendOutcome::may_have_effect),
    }
}

/// Gives up. Keeps the settling time, in case it is replayed.
///
/// # Errors
/// [`NotAllowed`] if it is settled and no dead letter.
pub fn dropped(progress: Progress, reason: String) -> Result<Progress, NotAllowed> {
    if progress.state.is_settled() && !progress.state.is_dead_letter() {
        return Err(settled(progress.state));
    }
    let settles_at = progress.settles_at;
    Ok(Progress { settles_at, ..set(progress, State::Dropped, reason) })
}

/// Settles a delivery whose outcome is unknown. Keeps the settling time of a rejected one, in case it is replayed.
///
/// # Errors
/// [`NotAllowed`] unless it is `uncertain`, `unverified`, `conflict`, `ignored` or `dead`.
pub fn resolved(progress: Progress, is_recorded: bool, reason: String) -> Result<Progress, NotAllowed> {
    match progress.state {
        state if may_be_resolved(state) && is_recorded => Ok(set(progress, State::Recorded, reason)),
        state if may_be_resolved(state) => {
            let settles_at = progress.settles_at;
            Ok(Progress { settles_at, ..set(progress, State::Rejected, reason) })
        }
        State::Due | State::Blocked | State::Waiting => Err(NotAllowed(format!(
            "this delivery is `{}`: it has not been sent yet, so there is nothing to resolve; give it up with `outbox drop`",
            progress.state.as_str()
        ))),
        state => Err(settled(state)),
    }
}

/// Starts a new generation with the same key at the vendor. If the vendor may have something of it, it starts with a
/// look-up, unless the operator accepts a double. Without a look-up that could find it, that consent is needed.
///
/// # Errors
/// [`NotAllowed`] if it needs no replay, or could take effect twice without the operator's consent.
pub fn replayed(progress: Progress, past: Past, accept_double: bool, now: UnixMillis) -> Result<Progress, NotAllowed> {
    match progress.state {
        State::Recorded => return Err(NotAllowed("this delivery is `recorded`: the vendor has it".into())),
        State::Due | State::Blocked | State::Waiting | State::Unverified if !accept_double => {
            return Err(NotAllowed(format!("this delivery is `{}`: it is still under way", progress.state.as_str())));
        }
        _ => {}
    }
    let fresh = Progress { reference: progress.reference.clone(), ..Progress::new(now) };
    match past {
        Past::Unsure(open) if !accept_double => match open.class {
            Some(Class::Keyed | Class::Upsert) => Ok(fresh),
            Some(Class::Searchable) if may_be_under_another_key(open, &progress) => Err(NotAllowed(format!(
                "an earlier send ended as a conflict, and no key of the vendor's is known. The vendor may have it under \
                 another key, which no look-up would find: {}",
                checked(progress.state)
            ))),
            Some(Class::Searchable | Class::UniqueKey) => Ok(Progress {
                state: State::Uncertain,
                reason: Some("replayed by hand; the vendor may have it already, so a look-up comes first".into()),
                doubt: Some(Doubt::Unknown),
                settles_at: progress.settles_at.or(Some(now)),
                ..fresh
            }),
            Some(Class::Neither) | None => Err(NotAllowed(format!(
                "the vendor may have it already, and offers no look-up: {}",
                checked(progress.state)
            ))),
        },
        Past::Clear | Past::Unsure(_) => Ok(fresh),
    }
}

/// Whether a send that ended as a conflict may have been recorded under a key that nobody kept. This version keeps the
/// key, and after a conflict a settling time until a look-up has found nothing; an older one kept neither.
fn may_be_under_another_key(open: Open, progress: &Progress) -> bool {
    open.outcome == Some(SendOutcome::Conflict) && !open.was_absent && progress.settles_at.is_none()
}

fn may_be_resolved(state: State) -> bool {
    matches!(state, State::Conflict | State::Dead | State::Ignored | State::Uncertain | State::Unverified)
}

/// What to do where only a person can find out whether the vendor has it.
fn checked(state: State) -> String {
    let has = if may_be_resolved(state) { "run `outbox resolve`" } else { "leave this as it is" };
    format!("check there yourself. If the vendor has it, {has}; only if it does not, replay with `--accept-double`")
}

fn set(progress: Progress, state: State, reason: String) -> Progress {
    Progress { state, reason: Some(reason), due_at: None, doubt: None, settles_at: None, paused_by: None, ..progress }
}

fn settled(state: State) -> NotAllowed {
    NotAllowed(format!("this delivery is `{}`: it is settled", state.as_str()))
}
