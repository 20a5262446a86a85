//! What an attempt came to. Each variant is something that the outbox can *do*; texts are for people and are never matched
//! on. The reasons hold the vendor's own message, cut to [`MESSAGE_CHARS`] and free of what we sent.

use trailmark_wire::time::UnixMillis;

/// Characters of a vendor's message that are kept.
pub const MESSAGE_CHARS: usize = 500;

/// The outcome of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The credential is wrong (401): what uses it pauses, nothing is lost.
    AuthFailed {
        /// The vendor's message.
        message: String,
    },
    /// The vendor has something else under our key: a person decides.
    Conflict {
        /// The vendor's message.
        message: String,
    },
    /// The vendor says "already exists"; counts as done only when a look-up shows our data. A look-up that finds nothing
    /// makes it a conflict and no reason to send again: another field, such as the address, is what is taken.
    Duplicate {
        /// The vendor's message.
        message: String,
    },
    /// The credential may not do this (403). What uses the credential pauses if a probe of the same credential fails too; if the probe
    /// succeeds the delivery is rejected, and without a clear probe it is tried again.
    Forbidden {
        /// The vendor's message.
        message: String,
    },
    /// Accepted but not attributed: nothing will come of it.
    Ignored {
        /// Why.
        message: String,
    },
    /// There is nothing to undo: the vendor itself says that it has no such thing. A look-up has to show what the vendor has; gone then,
    /// it counts as done only where an earlier send may have undone it.
    Missing {
        /// The vendor's message.
        message: String,
    },
    /// Certainly not processed, since the vendor does not know yet what this follows, such as its customer: worth another
    /// try. It is about this one, and no sign that the vendor is broken.
    Premature {
        /// The vendor's message.
        message: String,
    },
    /// Done; the vendor's own reference, where it gave one.
    Recorded {
        /// The vendor's key of what it made.
        reference: Option<String>,
    },
    /// Refused for good (400, 422 and the like).
    Rejected {
        /// The vendor's message.
        message: String,
    },
    /// Certainly not processed, worth another try: the vendor, or the way there, is not in order.
    Retry {
        /// Why.
        message: String,
        /// Not before this point, when the vendor said so.
        not_before: Option<UnixMillis>,
    },
    /// Not processed: too many requests (429, or 503 with Retry-After). Consumes no attempt.
    Throttled {
        /// Not before this point, when the vendor said so.
        until: Option<UnixMillis>,
    },
    /// Whether it was processed cannot be told (500, 502, 504, a body cut short).
    Unknown {
        /// What happened.
        message: String,
    },
    /// Accepted without saying what came of it: to be read back after the settling time.
    Unverified,
}

/// What a look-up found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The vendor clearly has no such thing or, of a deletion, still has what was to be deleted; counts only after the settling time.
    Absent,
    /// The credential is wrong: what uses it pauses.
    AuthFailed,
    /// The vendor has something under our key that is not ours.
    Differs {
        /// Which fields differ.
        message: String,
    },
    /// The vendor has it, as we sent it. Of a deletion: what was to be deleted is not there.
    Found {
        /// The vendor's own reference.
        reference: Option<String>,
    },
    /// No clear answer: ask again later, not before the given point.
    Inconclusive {
        /// What happened.
        message: String,
        /// Not before this point, when the vendor said so.
        not_before: Option<UnixMillis>,
    },
}

/// What a probe of the credential says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// The credential is good.
    Good,
    /// The credential is refused.
    Refused,
    /// No clear answer.
    Unclear,
}

/// A vendor's message, cut for keeping.
pub fn kept(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect()
}
