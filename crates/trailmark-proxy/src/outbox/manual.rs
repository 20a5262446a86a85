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
    /// The vendor may have something of this delivery; the class of the last such send, if its row names one.
    Unsure(Option<Class>),
}

impl Past {
    /// What the sends of a delivery leave open, the newest first: the outcome of each, if it has one, and its class, if its
    /// row names one.
    pub fn of(sends: impl IntoIterator<Item = (Option<SendOutcome>, Option<Class>)>) -> Self {
        let open = sends.into_iter().find(|(outcome, class)| leaves_open(*outcome, *class));
        open.map_or(Self::Clear, |(_, class)| Self::Unsure(class))
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

/// Settles a delivery whose outcome is unknown.
///
/// # Errors
/// [`NotAllowed`] unless it is `uncertain`, `unverified`, `conflict`, `ignored` or `dead`.
pub fn resolved(progress: Progress, is_recorded: bool, reason: String) -> Result<Progress, NotAllowed> {
    match progress.state {
        State::Uncertain | State::Unverified | State::Conflict | State::Ignored | State::Dead => {
            let state = if is_recorded { State::Recorded } else { State::Rejected };
            Ok(set(progress, state, reason))
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
        Past::Unsure(class) if !accept_double => match class {
            Some(Class::Keyed | Class::Upsert) => Ok(fresh),
            // Only an older version left no settling time. It did not keep the key under which the vendor may have it.
            Some(Class::Searchable) if progress.state == State::Conflict && progress.settles_at.is_none() => {
                Err(NotAllowed(
                    "an older version of Trailmark ended this as a conflict. The vendor may have it under another key, \
                     which no look-up would find: check there yourself, then run `outbox resolve`; only if the vendor \
                     does not have it, replay with `--accept-double`"
                        .into(),
                ))
            }
            Some(Class::Searchable | Class::UniqueKey) => Ok(Progress {
                state: State::Uncertain,
                reason: Some("replayed by hand; the vendor may have it already, so a look-up comes first".into()),
                doubt: Some(Doubt::Unknown),
                settles_at: progress.settles_at.or(Some(now)),
                ..fresh
            }),
            Some(Class::Neither) | None => Err(NotAllowed(
                "the vendor may have it already, and offers no look-up: check there yourself, then run `outbox resolve`, \
                 or replay with `--accept-double`"
                    .into(),
            )),
        },
        Past::Clear | Past::Unsure(_) => Ok(fresh),
    }
}

fn set(progress: Progress, state: State, reason: String) -> Progress {
    Progress { state, reason: Some(reason), due_at: None, doubt: None, settles_at: None, paused_by: None, ..progress }
}

fn settled(state: State) -> NotAllowed {
    NotAllowed(format!("this delivery is `{}`: it is settled", state.as_str()))
}
