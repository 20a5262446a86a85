//! The life of one delivery, as pure functions: how it stands ([`Progress`]), what an attempt came to, and so how it stands
//! next. Time, chance and the vendor's class come in as arguments; nothing here sends, sleeps or writes. `delivery` acts on
//! it, the store keeps it.
//!
//! The rule that everything else serves: where a send may have taken effect and the vendor cannot tell one effect from two,
//! nothing is sent again until a look-up, asked after the vendor's settling time, has said that there is nothing. Likewise
//! nothing is called rejected, ignored or dead as long as an earlier send may have taken effect.
//!
//! What sends came to, as words, is in [`sent`].

pub mod sent;

pub mod machine;

pub mod manual;

pub mod takeover;

pub mod order;

use serde::{Deserialize, Serialize};
use trailmark_wire::time::UnixMillis;

/// Where a delivery stands. The words are those of SQL, logs and the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// What must come first is not there, or ended otherwise than recorded; the reason says what.
    Blocked,
    /// The vendor has something else under our key: a person decides.
    Conflict,
    /// The schedule ran out without an answer that settles it. Kept.
    Dead,
    /// To be sent at its due time.
    Due,
    /// An operator gave it up.
    Dropped,
    /// Accepted by the vendor, and nothing came of it. Read back at its due time, ever more slowly, since some vendors show late; final
    /// without one.
    Ignored,
    /// The vendor learns it by another way.
    NotNeeded,
    /// The vendor has it.
    Recorded,
    /// The vendor refused it for good, or it cannot be said in the vendor's words; a dead letter with the reason. Kept.
    Rejected,
    /// Nobody knows whether a send took effect: looked up at its due time or, without one, an operator's to decide.
    Uncertain,
    /// The vendor cannot take it.
    Unsupported,
    /// The vendor said yes, or "already exists", without showing what it has: read back at its due time.
    Unverified,
    /// What must come first is under way; nobody needs to do anything.
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

    /// The state behind a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether delivery sends nothing more for it; only an operator's change, and of what was ignored a late sign of it at the vendor,
    /// moves it again.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Blocked | Self::Due | Self::Uncertain | Self::Unverified | Self::Waiting)
    }

    /// Whether it goes on by itself. What is blocked may be so for ever: what it follows ended badly, or never comes.
    pub fn goes_on(self) -> bool {
        !self.is_settled() && self != Self::Blocked
    }

    /// Whether only a person can move it on: it ended badly, or stands behind what did. An `uncertain` one without a due time
    /// does, too, which the state alone does not tell.
    pub fn needs_a_person(self) -> bool {
        self.is_dead_letter() || self == Self::Blocked
    }

    /// Whether it ended badly and is kept for a person to see: what `outbox list` shows besides the unsettled ones.
    pub fn is_dead_letter(self) -> bool {
        matches!(self, Self::Conflict | Self::Dead | Self::Ignored | Self::Rejected)
    }
}

/// What a look-up is to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// The vendor accepted without saying what came of it.
    Accepted,
    /// The vendor says "already exists": is it ours?
    Duplicate,
    /// The vendor says that it does not have what is to be deleted, and no earlier send can have deleted it: does it have it?
    Missing,
    /// The vendor refused it, and an earlier send may have taken effect: did it?
    Refused,
    /// A send's outcome is unknown.
    Unknown,
}

impl Doubt {
    /// Every doubt.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Duplicate, Self::Missing, Self::Refused, Self::Unknown];

    /// The word in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Missing => "missing",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// The doubt behind a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|doubt| doubt.as_str() == word)
    }
}

/// What an HTTP request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To find out whether the vendor has it; takes no effect there.
    LookUp,
    /// To have the vendor record it.
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

    /// The purpose behind a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::LookUp, Self::Send].into_iter().find(|purpose| purpose.as_str() == word)
    }
}

/// How a delivery stands: everything about it that changes. Each function of this module takes one and gives the next; the
/// store writes it whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: State,
    /// Why, for people: the vendor's message, or ours.
    pub reason: Option<String>,
    /// When to act on it next; `None` when settled, held back, or an operator's to decide.
    pub due_at: Option<UnixMillis>,
    /// Sends of this generation that count against the schedule. The store adds one as it commits the attempt row of a
    /// send; what does not count is taken off again when it is settled.
    pub attempts: u32,
    /// Look-ups that came to nothing since the doubt arose.
    pub look_ups: u32,
    /// How often the vendor accepted it and a look-up then did not find it, in this generation.
    pub rounds: u32,
    /// What the next look-up is to find out; `None` outside of `unverified` and `uncertain`.
    pub doubt: Option<Doubt>,
    /// From here on a look-up's "no such thing" means absent; `None` without a doubt, unless it was dropped with one.
    pub settles_at: Option<UnixMillis>,
    /// The vendor's own reference.
    pub reference: Option<String>,
    /// The setting of the refused credential that its next request needs; it waits until that credential works.
    pub paused_by: Option<String>,
}

impl Progress {
    /// A delivery as it is created.
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

    /// Whether nothing more happens to it by itself: it is settled, blocked, or an operator's to decide.
    pub fn is_at_rest(&self) -> bool {
        !self.state.goes_on() || (self.state == State::Uncertain && self.due_at.is_none())
    }

    /// What its due time is for; `None` where nothing is to be done, or not before its credential works.
    pub fn purpose(&self) -> Option<Purpose> {
        match self.state {
            State::Due => Some(Purpose::Send),
            State::Ignored | State::Uncertain | State::Unverified => Some(Purpose::LookUp),
            _ => None,
        }
        .filter(|_| self.due_at.is_some() && self.paused_by.is_none())
    }
}
