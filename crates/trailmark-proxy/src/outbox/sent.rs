//! The outcome of a send, as the word in an attempt's row, and whether a send with that outcome may have taken
//! effect. The outbox, the ledger's claims, replays by hand and `explain` all use this.

use trailmark_vendors::outcome::Outcome;

/// How a send ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendOutcome {
    /// The credential was refused.
    AuthFailed,
    /// The vendor has something else under the key.
    Conflict,
    /// The vendor says that it exists already.
    Duplicate,
    /// The credential may not do this.
    Forbidden,
    /// Accepted, but without effect.
    Ignored,
    /// The vendor does not have what we delete.
    Missing,
    /// Done.
    Recorded,
    /// Refused permanently.
    Rejected,
    /// Not processed; another try may help.
    Retry,
    /// Not processed: too many requests.
    Throttled,
    /// It is unknown whether it was processed.
    Unknown,
    /// Accepted without showing the record.
    Unverified,
}

impl SendOutcome {
    /// Every outcome.
    pub const ALL: [Self; 12] = [
        Self::AuthFailed,
        Self::Conflict,
        Self::Duplicate,
        Self::Forbidden,
        Self::Ignored,
        Self::Missing,
        Self::Recorded,
        Self::Rejected,
        Self::Retry,
        Self::Throttled,
        Self::Unknown,
        Self::Unverified,
    ];

    /// The word in SQL, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthFailed => "auth_failed",
            Self::Conflict => "conflict",
            Self::Duplicate => "duplicate",
            Self::Forbidden => "forbidden",
            Self::Ignored => "ignored",
            Self::Missing => "missing",
            Self::Recorded => "recorded",
            Self::Rejected => "rejected",
            Self::Retry => "retry",
            Self::Throttled => "throttled",
            Self::Unknown => "unknown",
            Self::Unverified => "unverified",
        }
    }

    /// The outcome for a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// Whether the send may have taken effect. (A send without an outcome may have, too.)
    pub fn may_have_effect(self) -> bool {
        matches!(self, Self::Recorded | Self::Unknown | Self::Unverified)
    }

    /// The words of all outcomes that may have taken effect, quoted for SQL.
    pub fn words_with_effect() -> String {
        let words = Self::ALL.into_iter().filter(|outcome| outcome.may_have_effect());
        words.map(|outcome| format!("'{}'", outcome.as_str())).collect::<Vec<_>>().join(", ")
    }
}

impl From<&Outcome> for SendOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::AuthFailed { .. } => Self::AuthFailed,
            Outcome::Conflict { .. } => Self::Conflict,
            Outcome::Duplicate { .. } => Self::Duplicate,
            Outcome::Forbidden { .. } => Self::Forbidden,
            Outcome::Ignored { .. } => Self::Ignored,
            Outcome::Missing { .. } => Self::Missing,
            Outcome::Recorded { .. } => Self::Recorded,
            Outcome::Rejected { .. } => Self::Rejected,
            // The row has one word for both: not processed, and worth another try.
            Outcome::Premature { .. } | Outcome::Retry { .. } => Self::Retry,
            Outcome::Throttled { .. } => Self::Throttled,
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::Unverified { .. } => Self::Unverified,
        }
    }
}
