//! What all answers of Partnerize's API share: the error envelope and the outcome of every failing status. The status decides
//! first, then the body. Each call reads its own success; the tracking host has no envelope and is read in `conversion`.
//!
//! The API has three versions on one host. v1 says `{"error":{"message","type"}}`; v2 and v3 say
//! `{"error":{"errors":[{"property","type","code","message"}],"code":"400","message"}}`. The guide describes no error, so the
//! same envelopes count there. An answer without an envelope is not the vendor's: a firewall, login page or web server wrote
//! it, so it proves neither a success nor a refusal.
//!
//! Source: vendors-2.md § 1.5; seed 001.

use serde_json::Value;

use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::retry_after::{rate_limit, retry_after, throttled};

/// The JSON object of a body, if it is one.
fn object(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok().filter(Value::is_object)
}

/// What a body is, for people; nothing of its content.
pub(super) fn noun(answer: &Answer) -> &'static str {
    match std::str::from_utf8(&answer.body).map(str::trim) {
        Err(_not_utf8) => "a body that is not text",
        Ok("") => "an empty body",
        Ok(text) if text.starts_with('<') => "an HTML page",
        Ok(text) if text.starts_with(['{', '[']) => "JSON that is cut short or not in the vendor's form",
        Ok(_) => "a text",
    }
}

/// The content of a success.
///
/// # Errors
/// The outcome of a failing answer; [`Outcome::Unknown`] for a 2xx that is not the vendor's JSON.
pub(super) fn content(answer: &Answer, redaction: &Redaction<'_>) -> Result<Value, Outcome> {
    if let Some(failure) = failure(answer, redaction) {
        return Err(failure);
    }
    object(answer).ok_or_else(|| unclear(answer, "the vendor's JSON"))
}

/// The content of a success, for an operator.
///
/// # Errors
/// Those of [`content`]; a refusal says what to do about it.
pub(super) fn asked(answer: &Answer, redaction: &Redaction<'_>, cures: &[(&str, &str)]) -> Result<Value, Outcome> {
    content(answer, redaction).map_err(|failure| cured(answer, failure, cures))
}

/// A refusal with what to do about it: the cure of the first word that the answer has, otherwise that of every field. A 404
/// has its cure already.
pub(super) fn cured(answer: &Answer, failure: Outcome, cures: &[(&str, &str)]) -> Outcome {
    match failure {
        Outcome::Rejected { message } if answer.status != 404 => {
            let body = String::from_utf8_lossy(&answer.body).to_lowercase();
            let cure = cures.iter().find(|(word, _)| body.contains(*word)).map(|(_, cure)| *cure);
            let cure = cure.unwrap_or("correct the named field and send it again");
            Outcome::Rejected { message: format!("{message}; {cure}") }
        }
        other => other,
    }
}

/// The outcome of a failing answer; `None` for a success.
///
/// A 4xx without an envelope proves nothing: the root is wrong, or something on the way answered. Nothing was processed, and
/// a later try succeeds once the cause is gone. 401 is an exception: a pause loses nothing, whoever sent it.
pub(super) fn failure(answer: &Answer, redaction: &Redaction<'_>) -> Option<Outcome> {
    let body = object(answer);
    let error = body.as_ref().and_then(|body| error(body, answer.status));
    let message = || said(answer.status, &error.map_or_else(|| noun(answer).into(), |error| words(error, redaction)));
    Some(match (answer.status, error) {
        (200..=299, None) => return None,
        (301 | 307 | 308, _) => elsewhere(answer, "a redirect, which is never followed; check `base_url`"),
        (401, _) => Outcome::AuthFailed { message: message() },
        // Something before the vendor answered, or the vendor before it had read the request: RFC 9110 § 15.5, RFC 8470.
        (407 | 408 | 421 | 425, _) => elsewhere(answer, noun(answer)),
        (429, _) => Outcome::Throttled { until: rate_limit(answer) },
        (400..=499, None) => {
            let what = "not an answer of the vendor's API; check `base_url` and any firewall in between";
            elsewhere(answer, &format!("{}, {what}", noun(answer)))
        }
        (403, Some(_)) => Outcome::Forbidden { message: message() },
        // The vendor also says 404 for what the key may not read (vendors.md § 2.3).
        (404, Some(_)) => Outcome::Rejected {
            message: format!("{}; the vendor has no such thing, or the key may not read it", message()),
        },
        (400..=499, Some(_)) => Outcome::Rejected { message: message() },
        (503, _) if retry_after(answer).is_some() => Outcome::Throttled { until: retry_after(answer) },
        _ => Outcome::Unknown { message: message() },
    })
}

/// The error of an envelope that does not contradict this status.
fn error(body: &Value, status: u16) -> Option<&Value> {
    let error = body.get("error").filter(|error| text(error, "message").is_some())?;
    let code = error.get("code").or_else(|| error.get("type"));
    let stated = code.and_then(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()));
    let fits = status < 300 || stated.is_none_or(|stated| stated == u64::from(status));
    fits.then_some(error)
}

/// The envelope's own message, and those of its single errors with the fields that they name.
fn words(error: &Value, redaction: &Redaction<'_>) -> String {
    let one = |error: &Value| {
        let message = text(error, "message").or_else(|| text(error, "code")).unwrap_or("no message");
        text(error, "property").map_or_else(|| message.to_owned(), |property| format!("{property}: {message}"))
    };
    let inner = error.get("errors").and_then(Value::as_array).into_iter().flatten().map(one);
    let all: Vec<_> = [one(error)].into_iter().chain(inner).collect();
    redaction.apply(&all.join("; "))
}

fn elsewhere(answer: &Answer, what: &str) -> Outcome {
    Outcome::Retry { message: said(answer.status, what), not_before: retry_after(answer) }
}

/// A success by its status alone: whether anything was processed is unknown.
pub(super) fn unclear(answer: &Answer, wanted: &str) -> Outcome {
    Outcome::Unknown { message: said(answer.status, &format!("{} instead of {wanted}", noun(answer))) }
}

/// The same outcome for a request that only reads: nothing was processed, so it may be repeated.
pub(super) fn of_reading(failure: Outcome) -> Outcome {
    match failure {
        Outcome::Unknown { message } => Outcome::Retry { message, not_before: None },
        other => other,
    }
}

/// What a failing answer means for a look-up.
pub(super) fn not_looked_up(answer: &Answer, failure: Outcome) -> LookUp {
    let (message, not_before) = match failure {
        Outcome::AuthFailed { .. } => return LookUp::AuthFailed,
        Outcome::Retry { message, not_before } => (message, not_before),
        Outcome::Throttled { until } => (said(answer.status, "too many requests"), throttled(answer, until)),
        Outcome::Conflict { message }
        | Outcome::Duplicate { message }
        | Outcome::Forbidden { message }
        | Outcome::Ignored { message }
        | Outcome::Missing { message }
        | Outcome::NotNeeded { message }
        | Outcome::Premature { message }
        | Outcome::Rejected { message }
        | Outcome::Rekeyed { message, .. }
        | Outcome::Unknown { message } => (message, retry_after(answer)),
        Outcome::Recorded { .. } | Outcome::Unverified { .. } => (said(answer.status, "no clear answer"), None),
    };
    LookUp::Inconclusive { message, not_before }
}

/// A sentence about an answer, for people.
pub(super) fn said(status: u16, what: &str) -> String {
    format!("status {status}: {what}")
}

/// A member that is a text and not blank.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// A member that is a text or a number, as text: the vendor shows some texts, such as an SKU of digits, as numbers.
pub(super) fn word(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::Number(number) => Some(number.to_string()),
        _ => text(value, name).map(str::to_owned),
    }
}
