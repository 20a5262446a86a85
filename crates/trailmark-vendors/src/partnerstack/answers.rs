//! What all answers of PartnerStack share: the envelope `{data, message, status}`, and the outcome of every failing status.
//! The status decides first, then the body: a body only decides if the status leaves a choice, and its words can only cause
//! a look-up. Each call reads its own success.
//!
//! One rule holds for all calls (sends, deletions, look-ups, probes, lists, changes by hand): an answer without the
//! vendor's envelope is not the vendor's. A firewall, login page or web server wrote it, so it proves neither a success nor
//! a refusal.

use serde_json::Value;

use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::retry_after::{rate_limit, retry_after, throttled};

/// The content of a body.
pub(super) enum Body<'a> {
    /// Nothing but white space.
    Empty,
    /// A page for people, from a proxy, login or error handler.
    Html,
    /// Complete JSON.
    Json(Value),
    /// Text, or JSON cut short.
    Text(&'a str),
    /// Not UTF-8.
    Unreadable,
}

impl Body<'_> {
    /// A description for people.
    fn noun(&self) -> &'static str {
        match self {
            Self::Empty => "an empty body",
            Self::Html => "an HTML page",
            Self::Json(_) => "JSON without the vendor's envelope",
            Self::Text(_) => "text or JSON cut short",
            Self::Unreadable => "a body that is not text",
        }
    }
}

pub(super) fn body(bytes: &[u8]) -> Body<'_> {
    match std::str::from_utf8(bytes).map(str::trim) {
        Err(_not_utf8) => Body::Unreadable,
        Ok("") => Body::Empty,
        Ok(text) if text.starts_with('<') => Body::Html,
        Ok(text) => serde_json::from_str(text).map_or(Body::Text(text), Body::Json),
    }
}

/// The member `data` of a success, if it is an object.
pub(super) fn data(answer: &Answer) -> Option<Value> {
    match body(&answer.body) {
        Body::Json(mut envelope) if is_success(&envelope) => {
            envelope.get_mut("data").map(Value::take).filter(Value::is_object)
        }
        _ => None,
    }
}

/// Whether the vendor itself says that it did what was asked: by its envelope or, without a body, by 204.
pub(super) fn is_acknowledged(answer: &Answer) -> bool {
    match body(&answer.body) {
        Body::Empty => answer.status == 204,
        Body::Json(envelope) => is_success(&envelope),
        Body::Html | Body::Text(_) | Body::Unreadable => false,
    }
}

/// An envelope that states a success, or has `data` and no status, as in the guide.
fn is_success(envelope: &Value) -> bool {
    match (envelope.get("status"), stated_status(envelope)) {
        (None, _) => envelope.get("data").is_some_and(|data| data.is_object() || data.is_array()),
        (Some(_), stated) => stated.is_some_and(|status| (200..300).contains(&status)),
    }
}

/// A member that is a text and not blank.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether the vendor itself says 404: status and envelope agree. A gateway's or web server's own 404 does not count.
pub(super) fn says_no_such_thing(answer: &Answer) -> bool {
    answer.status == 404 && is_refusal(&body(&answer.body), 404)
}

/// A sentence about an answer, for people.
pub(super) fn said(status: u16, what: &str) -> String {
    format!("status {status}: {what}")
}

/// The outcome of a failing answer; `None` for success. `root` is the setting that names the host which answered.
///
/// A redirect, or a 4xx without the vendor's envelope, does not come from the vendor's API: the root is wrong, or a
/// firewall or proxy is in the way. Nothing was processed, and a later try succeeds once the cause is gone; a rejection
/// would lose the conversion. 401 is an exception: a pause loses nothing, whoever sent it.
pub(super) fn failure(answer: &Answer, root: &'static str, redaction: &Redaction<'_>) -> Option<Outcome> {
    let body = body(&answer.body);
    let status = overruled(answer.status, &body);
    let message = || said(status, &redaction.apply(&message(&body)));
    let elsewhere = |what: &str| Outcome::Retry { message: said(status, what), not_before: retry_after(answer) };
    Some(match status {
        200..=299 => return None,
        301 | 307 | 308 => elsewhere(&format!("a redirect, which is never followed; check `{root}`")),
        401 => Outcome::AuthFailed { message: message() },
        // Something before the vendor answered, or the vendor before it had read the request: RFC 9110 § 15.5, RFC 8470.
        407 | 408 | 421 | 425 => Outcome::Retry { message: message(), not_before: retry_after(answer) },
        429 => Outcome::Throttled { until: rate_limit(answer) },
        400..=499 if !is_refusal(&body, status) => {
            let what = body.noun();
            elsewhere(&format!("{what}, not an answer of the vendor's API; check `{root}` and any firewall in between"))
        }
        403 => Outcome::Forbidden { message: message() },
        409 => Outcome::Duplicate { message: message() },
        400..=499 if hints_at_duplicate(&body) => Outcome::Duplicate { message: message() },
        400..=499 => Outcome::Rejected { message: message() },
        503 if retry_after(answer).is_some() => Outcome::Throttled { until: retry_after(answer) },
        // 302 and 303 may also follow a request that was processed.
        _ => Outcome::Unknown { message: message() },
    })
}

/// The status, or the worse status in the error envelope of a 2xx: a success with 400 inside is not one.
fn overruled(status: u16, body: &Body<'_>) -> u16 {
    match body {
        Body::Json(envelope) if (200..300).contains(&status) && is_error(envelope) => {
            stated_status(envelope).filter(|stated| *stated >= 300).unwrap_or(status)
        }
        _ => status,
    }
}

fn stated_status(envelope: &Value) -> Option<u16> {
    let stated = envelope.get("status")?;
    let number = stated.as_u64().or_else(|| stated.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (100..600).contains(status))
}

fn is_error(envelope: &Value) -> bool {
    text(envelope, "message").is_some() && envelope.get("data").is_none_or(Value::is_null)
}

/// The vendor's error envelope, stating this status.
fn is_refusal(body: &Body<'_>, status: u16) -> bool {
    matches!(body, Body::Json(envelope) if is_error(envelope) && stated_status(envelope) == Some(status))
}

/// Whether the words mean "already exists". The vendor documents no code for it. A wrong guess is harmless, since a
/// duplicate counts only after a look-up has shown our data.
fn hints_at_duplicate(body: &Body<'_>) -> bool {
    let words = message(body).to_lowercase();
    ["already", "duplicate", "in use", "taken", "unique"].iter().any(|hint| words.contains(hint))
}

fn message(body: &Body<'_>) -> String {
    match body {
        Body::Empty => "no message".into(),
        Body::Json(envelope) => {
            let named =
                ["message", "error", "errors"].iter().find_map(|name| envelope.get(name).filter(|v| !v.is_null()));
            named.map_or_else(|| "no message".into(), words)
        }
        Body::Text(text) => (*text).into(),
        Body::Html | Body::Unreadable => body.noun().into(),
    }
}

/// A message that is not plain text, such as errors per field, in one line.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join("; "),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}: {}", words(value))).collect::<Vec<_>>().join("; ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// A success by its status alone: it is unknown whether the vendor processed anything. `wanted` is what the vendor's own
/// answer would contain.
pub(super) fn unproved(answer: &Answer, wanted: &str) -> Outcome {
    Outcome::Unknown { message: said(answer.status, &format!("{} instead of {wanted}", body(&answer.body).noun())) }
}

/// The meaning of a failing answer to a look-up.
pub(super) fn not_looked_up(answer: &Answer, failure: Outcome) -> LookUp {
    let (message, not_before) = match failure {
        Outcome::AuthFailed { .. } => return LookUp::AuthFailed,
        Outcome::Retry { message, not_before } => (message, not_before),
        Outcome::Throttled { until } => (said(answer.status, "too many requests"), throttled(answer, until)),
        Outcome::Conflict { message }
        | Outcome::Duplicate { message }
        | Outcome::Forbidden { message }
        | Outcome::Missing { message }
        | Outcome::NotNeeded { message }
        | Outcome::Premature { message }
        | Outcome::Rejected { message }
        | Outcome::Rekeyed { message, .. }
        | Outcome::Unknown { message } => (message, rate_limit(answer)),
        Outcome::Ignored { .. } | Outcome::Recorded { .. } | Outcome::Unverified { .. } => {
            (said(answer.status, "no clear answer"), rate_limit(answer))
        }
    };
    LookUp::Inconclusive { message, not_before }
}

/// A success that does not answer the question.
pub(super) fn unclear(answer: &Answer, what: &str) -> LookUp {
    LookUp::Inconclusive { message: said(answer.status, what), not_before: None }
}
