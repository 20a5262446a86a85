//! The life of one delivery, as pure functions: its state ([`Progress`]) and an attempt's outcome give its next
//! state. Time, randomness and the vendor's class are arguments; nothing here sends, sleeps or writes. `delivery`
//! acts on the result, and the store keeps it.
//!
//! The main rule: if a send may have taken effect and the vendor cannot tell one effect from two, nothing is sent
//! again until a look-up after the vendor's settling time finds nothing. Nor is a delivery called rejected, ignored
//! or dead while an earlier send may have taken effect.
//!
//! [`sent`] has the words for the outcomes of sends.

pub mod sent;

pub mod machine;

pub mod manual;

pub mod takeover;

pub mod order;

use serde::{Deserialize, Serialize};
use trailmark_wire::time::UnixMillis;

/// What helps a delivery that was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Its key is free, so that a corrected report counts; so does another try, once the vendor's side is in order.
    Either,
    /// It was refused before anything was sent, and every further try would be: only a corrected report helps.
    Report,
    /// Its key may be in use at a vendor: a further report would be a duplicate.
    #[default]
    Retry,
}

/// State of a delivery. SQL, logs and the command line use the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The delivery that it follows is missing, or ended in another state than recorded; the reason says which.
    Blocked,
    /// The vendor has something else under our key, or this under another key: an operator decides.
    Conflict,
    /// The schedule ran out without a final answer. Kept.
    Dead,
    /// To be sent at its due time.
    Due,
    /// An operator gave it up.
    Dropped,
    /// The vendor accepted it, but a look-up does not find it. Read back at its due time, in growing intervals,
    /// because some vendors show records late. Final without a due time.
    Ignored,
    /// The vendor learns of it in another way.
    NotNeeded,
    /// The vendor has it.
    Recorded,
    /// The vendor refused it permanently, or cannot express it. A dead letter with the reason. Kept.
    Rejected,
    /// A send may have taken effect. Looked up at its due time; without one, an operator decides.
    Uncertain,
    /// The vendor cannot take it, or could not take the sale that it refunds.
    Unsupported,
    /// The vendor accepted it, or says "already exists", without showing its record. Read back at its due time.
    Unverified,
    /// The delivery that it follows is still under way; nobody needs to act.
    Waiting,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 13] = [
        Self::Blocked,
        Self::Conflict,
        Self::Dead,
        Self::Due,
        Self::Dropped,
        Self::Ignored,
        Self::NotNeeded,
        Self::Recorded,
        Self::Rejected,
        Self::Uncertain,
        Self::Unsupported,
        Self::Unverified,
        Self::Waiting,
    ];

    /// The word in SQL, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Conflict => "conflict",
            Self::Dead => "dead",
            Self::Due => "due",
            Self::Dropped => "dropped",
            Self::Ignored => "ignored",
            Self::NotNeeded => "not_needed",
            Self::Recorded => "recorded",
            Self::Rejected => "rejected",
            Self::Uncertain => "uncertain",
            Self::Unsupported => "unsupported",
            Self::Unverified => "unverified",
            Self::Waiting => "waiting",
        }
    }

    /// The state for a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether no more sends follow. Only an operator moves it on, or a look-up that finds an ignored delivery late.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Blocked | Self::Due | Self::Uncertain | Self::Unverified | Self::Waiting)
    }

    /// Whether it goes on by itself. A blocked delivery may never do so: the delivery that it follows may have ended
    /// badly or may never arrive.
    pub fn goes_on(self) -> bool {
        !self.is_settled() && self != Self::Blocked
    }

    /// Whether only an operator can move it on. An `uncertain` delivery without a due time needs one too, which the
    /// state alone does not show.
    pub fn needs_a_person(self) -> bool {
        self.is_dead_letter() || self == Self::Blocked
    }

    /// Whether it ended badly and is kept for an operator: `outbox list` shows these besides the unsettled ones.
    pub fn is_dead_letter(self) -> bool {
        matches!(self, Self::Conflict | Self::Dead | Self::Ignored | Self::Rejected)
    }
}

/// The question that a look-up answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// The vendor accepted without showing its record.
    Accepted,
    /// The vendor says "already exists": is that record ours?
    Duplicate,
    /// The vendor says that it does not have what we delete, and no earlier send can have deleted it: is it really
    /// missing?
    Missing,
    /// Nothing is left to do, but an earlier send may have taken effect: did it?
    Needless,
    /// The vendor refused it, but an earlier send may have taken effect: did it?
    Refused,
    /// A send's outcome is unknown.
    Unknown,
}

impl Doubt {
    /// Every doubt.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Duplicate, Self::Missing, Self::Needless, Self::Refused, Self::Unknown];

    /// The word in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Missing => "missing",
            Self::Needless => "needless",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// The doubt for a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|doubt| doubt.as_str() == word)
    }
}

/// Purpose of an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Finds out whether the vendor has it; has no effect there.
    LookUp,
    /// Makes the vendor record it.
    Send,
}

impl Purpose {
    /// The word in SQL, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LookUp => "look_up",
            Self::Send => "send",
        }
    }

    /// The purpose for a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::LookUp, Self::Send].into_iter().find(|purpose| purpose.as_str() == word)
    }
}

/// Everything about a delivery that changes. Each function of this module takes one and returns the next; the store
/// writes it whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: State,
    /// Why, for people: the vendor's message, or ours.
    pub reason: Option<String>,
    /// When to act on it next; `None` when it is settled, waits for another delivery, or needs an operator.
    pub due_at: Option<UnixMillis>,
    /// Sends of this generation that count against the schedule. The store adds one when it commits a send's attempt
    /// row; a send that does not count is subtracted when its outcome is known.
    pub attempts: u32,
    /// Look-ups without a result since the doubt arose.
    pub look_ups: u32,
    /// How often, in this generation, the vendor accepted it and a look-up did not find it.
    pub rounds: u32,
    /// The next look-up's question; `None` in other states than `unverified` and `uncertain`.
    pub doubt: Option<Doubt>,
    /// From this time a look-up's "no such thing" is believed. `None` without a doubt; kept in case of a replay if it
    /// was dropped or rejected by hand while in doubt, or if the vendor ignored it and may have it nevertheless. A
    /// conflict that a look-up could settle has it, unless an older version made it.
    pub settles_at: Option<UnixMillis>,
    /// The vendor's own reference.
    pub reference: Option<String>,
    /// The setting with the refused credential that its next request needs. It waits until that credential works.
    pub paused_by: Option<String>,
}

impl Progress {
    /// A new delivery.
    pub fn new(due_at: UnixMillis) -> Self {
        Self {
            state: State::Due,
            reason: None,
            due_at: Some(due_at),
            attempts: 0,
            look_ups: 0,
            rounds: 0,
            doubt: None,
            settles_at: None,
            reference: None,
            paused_by: None,
        }
    }

    /// Whether nothing more happens by itself: it is settled, blocked, or needs an operator.
    pub fn is_at_rest(&self) -> bool {
        !self.state.goes_on() || (self.state == State::Uncertain && self.due_at.is_none())
    }

    /// What happens at its due time; `None` if nothing does, or its credential is refused.
    pub fn purpose(&self) -> Option<Purpose> {
        match self.state {
            State::Due => Some(Purpose::Send),
            State::Ignored | State::Uncertain | State::Unverified => Some(Purpose::LookUp),
            _ => None,
        }
        .filter(|_| self.due_at.is_some() && self.paused_by.is_none())
    }
}
