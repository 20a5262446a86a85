//! What a send came to, as the words of an attempt's row, and the one answer to the question that they raise: may it have taken
//! effect at the vendor? The outbox, the ledger's claims, replays by hand and `explain` all ask here.

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
    /// Accepted, and nothing comes of it.
    Ignored,
    /// The vendor does not have what was to be deleted.
    Missing,
    /// Done.
    Recorded,
    /// Refused for good.
    Rejected,
    /// Not processed, worth another try.
    Retry,
    /// Not processed: too many requests.
    Throttled,
    /// Nobody knows whether it was processed.
    Unknown,
    /// Accepted without saying what came of it.
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

    /// The outcome behind a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// Whether the send may have taken effect at the vendor. A send without an outcome may have, too.
    pub fn may_have_effect(self) -> bool {
        matches!(self, Self::Recorded | Self::Unknown | Self::Unverified)
    }

    /// Whether a send whose row holds this word may have taken effect; `None` while it has no outcome.
    pub fn word_may_have_effect(word: Option<&str>) -> bool {
        word.and_then(Self::from_word).is_none_or(Self::may_have_effect)
    }

    /// The words of all that may have taken effect, quoted, for SQL.
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
            // People are told the same of both: not processed, and worth another try.
            Outcome::Premature { .. } | Outcome::Retry { .. } => Self::Retry,
            Outcome::Throttled { .. } => Self::Throttled,
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::Unverified => Self::Unverified,
        }
    }
}
