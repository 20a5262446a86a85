//! The outcome of a send, as the word in an attempt's row, and whether a send with that outcome may have taken
//! effect, or was turned away. The outbox, the ledger's claims and tasks, replays by hand and `explain` all use this.

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
    /// Not processed: nothing was left to do.
    NotNeeded,
    /// Done.
    Recorded,
    /// Refused permanently.
    Rejected,
    /// Done, under another key than ours.
    Rekeyed,
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
    pub const ALL: [Self; 14] = [
        Self::AuthFailed,
        Self::Conflict,
        Self::Duplicate,
        Self::Forbidden,
        Self::Ignored,
        Self::Missing,
        Self::NotNeeded,
        Self::Recorded,
        Self::Rejected,
        Self::Rekeyed,
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
            Self::NotNeeded => "not_needed",
            Self::Recorded => "recorded",
            Self::Rejected => "rejected",
            Self::Rekeyed => "rekeyed",
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
        matches!(self, Self::Recorded | Self::Rekeyed | Self::Unknown | Self::Unverified)
    }

    /// Whether the vendor did nothing with the send: it refused it, put it off, or had nothing left to do. Also "already
    /// exists" is a refusal: what an earlier send of ours did has an attempt of its own.
    pub fn was_turned_away(self) -> bool {
        matches!(
            self,
            Self::AuthFailed
                | Self::Duplicate
                | Self::Forbidden
                | Self::NotNeeded
                | Self::Rejected
                | Self::Retry
                | Self::Throttled
        )
    }

    /// The words of the outcomes for which a rule holds, quoted for SQL.
    pub fn words(rule: fn(Self) -> bool) -> String {
        let words = Self::ALL.into_iter().filter(|outcome| rule(*outcome));
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
            Outcome::NotNeeded { .. } => Self::NotNeeded,
            Outcome::Recorded { .. } => Self::Recorded,
            Outcome::Rejected { .. } => Self::Rejected,
            Outcome::Rekeyed { .. } => Self::Rekeyed,
            // The row has one word for both: not processed, and worth another try.
            Outcome::Premature { .. } | Outcome::Retry { .. } => Self::Retry,
            Outcome::Throttled { .. } => Self::Throttled,
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::Unverified { .. } => Self::Unverified,
        }
    }
}
