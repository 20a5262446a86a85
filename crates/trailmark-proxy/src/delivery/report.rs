//! Reports attempts: the words of the ledger's row, and one log line each. Log lines have only ids, words and
//! durations. The vendor's messages, without anything that we sent, stay in the ledger.

use tracing::{info, warn};
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_wire::time::UnixMillis;

use crate::outbox::sent::SendOutcome;
use crate::outbox::{Progress, State};
use crate::store::delivery::{AttemptEnd, AttemptKey, Expired, Leased};

/// How a send ended.
pub(super) fn sent(outcome: &Outcome, http_status: Option<u16>, ended_at: UnixMillis) -> AttemptEnd {
    let message = match outcome {
        Outcome::AuthFailed { message }
        | Outcome::Conflict { message }
        | Outcome::Duplicate { message }
        | Outcome::Forbidden { message }
        | Outcome::Ignored { message }
        | Outcome::Missing { message }
        | Outcome::NotNeeded { message }
        | Outcome::Premature { message }
        | Outcome::Rejected { message }
        | Outcome::Rekeyed { message, .. }
        | Outcome::Retry { message, .. }
        | Outcome::Unknown { message } => Some(message.clone()),
        Outcome::Recorded { .. } | Outcome::Throttled { .. } | Outcome::Unverified { .. } => None,
    };
    AttemptEnd { outcome: SendOutcome::from(outcome).as_str(), http_status, message, ended_at }
}

/// How a look-up ended.
pub(super) fn looked_up(found: &LookUp, http_status: Option<u16>, ended_at: UnixMillis) -> AttemptEnd {
    let (word, message) = match found {
        LookUp::Absent => ("absent", None),
        LookUp::AuthFailed => ("auth_failed", None),
        LookUp::Differs { message } => ("differs", Some(message)),
        LookUp::Found { .. } => ("found", None),
        LookUp::Inconclusive { message, .. } => ("inconclusive", Some(message)),
    };
    AttemptEnd { outcome: word, http_status, message: message.cloned(), ended_at }
}

/// The end of an attempt whose lease expired first.
pub(super) fn no_answer(ended_at: UnixMillis) -> AttemptEnd {
    let message = "no answer was seen before the lease ended".to_owned();
    AttemptEnd { outcome: SendOutcome::Unknown.as_str(), http_status: None, message: Some(message), ended_at }
}

/// Logs one attempt.
pub(super) fn attempted(
    leased: &Leased,
    attempt: &AttemptKey,
    started_at: UnixMillis,
    end: &AttemptEnd,
    next: &Progress,
) {
    info!(
        conversion.id = %leased.conversion,
        delivery.id = %leased.delivery,
        program = %leased.lane.program,
        vendor = %leased.vendor,
        attempt = attempt.number,
        outcome = end.outcome,
        http_status = end.http_status,
        duration_ms = end.ended_at.since(started_at),
        state = next.state.as_str(),
        due_at = next.due_at.map(|due_at| due_at.to_rfc3339()),
        "delivery attempted"
    );
    if let Some(credential) = &next.paused_by {
        warn!(
            program = %leased.lane.program, vendor = %leased.vendor, credential,
            "the vendor refuses a credential; deliveries that need it wait"
        );
    }
    let has_ended_badly = next.state.is_dead_letter() && next.state != leased.progress.state;
    if has_ended_badly || (next.state == State::Uncertain && next.due_at.is_none()) {
        warn!(
            conversion.id = %leased.conversion, delivery.id = %leased.delivery, state = next.state.as_str(),
            "a delivery needs an operator; `outbox list` shows why"
        );
    }
}

/// Logs a delivery that was settled without a request.
pub(super) fn unsent(leased: &Leased, next: &Progress) {
    info!(
        conversion.id = %leased.conversion,
        delivery.id = %leased.delivery,
        vendor = %leased.vendor,
        state = next.state.as_str(),
        "delivery settled without a request"
    );
}

/// Logs a delivery of a program that this proxy's configuration does not have in this lane.
pub(super) fn foreign(leased: &Leased) {
    warn!(
        delivery.id = %leased.delivery, program = %leased.lane.program,
        "another proxy with another configuration uses this ledger: the delivery waits until its lease ends"
    );
}

/// Logs an answer that came after somebody else had ended its lease.
pub(super) fn late(leased: &Leased, attempt: &AttemptKey, end: &AttemptEnd) {
    warn!(
        conversion.id = %leased.conversion,
        delivery.id = %leased.delivery,
        attempt = attempt.number,
        outcome = end.outcome,
        "an answer came after the lease had ended; it is recorded on its attempt"
    );
}

/// Logs a lease that expired without an outcome.
pub(super) fn expired(expired: &Expired) {
    warn!(
        conversion.id = %expired.leased.conversion,
        delivery.id = %expired.leased.delivery,
        vendor = %expired.leased.vendor,
        was_sending = expired.open.is_some(),
        "a lease expired without an outcome"
    );
}
