//! The outcome of an attempt. For each variant the outbox has an action. Texts are for people and are never matched on.
//! They contain the vendor's own message, cut to [`MESSAGE_CHARS`], without anything that we sent.

use trailmark_wire::time::UnixMillis;

/// Characters of a vendor's message that are kept.
pub const MESSAGE_CHARS: usize = 500;

/// How long to wait after "too many requests" without a time.
pub const THROTTLED_MS: i64 = 60 * 1000;

/// The outcome of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The credential is wrong (401): everything that uses it pauses, nothing is lost.
    AuthFailed {
        /// The vendor's message.
        message: String,
    },
    /// The vendor has other data under our key: a person decides.
    Conflict {
        /// The vendor's message.
        message: String,
    },
    /// The vendor says "already exists". Counts as done only if a look-up shows our data. If the look-up finds nothing, it
    /// is a conflict and not a reason to send again: another unique field, such as the e-mail address, is taken.
    Duplicate {
        /// The vendor's message.
        message: String,
    },
    /// The credential may not do this (403). If a probe of the same credential fails too, everything that uses it pauses.
    /// If the probe succeeds, the delivery is rejected. Without a clear probe it is tried again.
    Forbidden {
        /// The vendor's message.
        message: String,
    },
    /// Accepted but not attributed: no commission will follow.
    Ignored {
        /// Why.
        message: String,
    },
    /// Nothing to undo: the vendor itself says that it has no such thing. A look-up must show what the vendor has. If it
    /// shows nothing, the delivery counts as done only if an earlier send may have undone it.
    Missing {
        /// The vendor's message.
        message: String,
    },
    /// Not processed, because nothing is left to do: the vendor shows that somebody has done it there.
    NotNeeded {
        /// What it shows.
        message: String,
    },
    /// Not processed, because the vendor does not know yet what this needs, such as its customer. Worth another try. It
    /// concerns only this delivery and is no sign that the vendor is broken.
    Premature {
        /// The vendor's message.
        message: String,
    },
    /// Done.
    Recorded {
        /// The vendor's key of what it created, if it gave one.
        reference: Option<String>,
    },
    /// Done, under another key than ours: a person decides. No look-up by our key finds it, so a later one searches for the
    /// vendor's key, too.
    Rekeyed {
        /// What the vendor said.
        message: String,
        /// The vendor's key; a look-up finds it in the task.
        reference: String,
    },
    /// Refused for good (400, 422 and the like).
    Rejected {
        /// The vendor's message.
        message: String,
    },
    /// Certainly not processed, and worth another try: the vendor, or something on the way, has a fault.
    Retry {
        /// Why.
        message: String,
        /// Not before this time, if the vendor named one.
        not_before: Option<UnixMillis>,
    },
    /// Not processed: too many requests (429, or 503 with Retry-After). Consumes no attempt.
    Throttled {
        /// Not before this time, if the vendor named one; otherwise for [`THROTTLED_MS`].
        until: Option<UnixMillis>,
    },
    /// It is unknown whether it was processed (500, 502, 504, a body cut short).
    Unknown {
        /// What happened.
        message: String,
    },
    /// Accepted, but the answer does not prove the effect: read back after the settling time.
    Unverified {
        /// The vendor's own reference, such as a job's, if it gave one; a look-up finds it in the task.
        reference: Option<String>,
    },
}

/// The result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The vendor clearly has no such thing. After a deletion: the vendor still has what was to be deleted. Counts only
    /// after the settling time.
    Absent,
    /// The credential is wrong: everything that uses it pauses.
    AuthFailed,
    /// The vendor has other data under our key.
    Differs {
        /// Which fields differ.
        message: String,
    },
    /// The vendor has it, as we sent it. After a deletion: what was to be deleted is gone.
    Found {
        /// The vendor's own reference.
        reference: Option<String>,
    },
    /// No clear answer: ask again later.
    Inconclusive {
        /// What happened.
        message: String,
        /// Not before this time, if the vendor named one.
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

/// A vendor's message without controls, cut to [`MESSAGE_CHARS`].
pub fn kept(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect()
}
