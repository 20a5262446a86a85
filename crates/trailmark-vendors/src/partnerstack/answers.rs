//! What all answers of PartnerStack share: the envelope `{data, message, status}`, and what every failing status comes to.
//! Status first, body second: a body only decides where the status leaves a choice, and its words choose nothing but a
//! look-up. What success means is read by each call.

use serde_json::Value;

use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::retry_after::{rate_limit, retry_after};

/// What a body holds.
pub(super) enum Body<'a> {
    /// Nothing but white space.
    Empty,
    /// A page that some proxy, login or error handler wrote for people.
    Html,
    /// Whole JSON.
    Json(Value),
    /// Words, or JSON cut short.
    Text(&'a str),
    /// Not UTF-8.
    Unreadable,
}

pub(super) fn body(bytes: &[u8]) -> Body<'_> {
    match std::str::from_utf8(bytes).map(str::trim) {
        Err(_not_utf8) => Body::Unreadable,
        Ok("") => Body::Empty,
        Ok(text) if text.starts_with('<') => Body::Html,
        Ok(text) => serde_json::from_str(text).map_or(Body::Text(text), Body::Json),
    }
}

/// The member `data`, when it is an object.
pub(super) fn data(answer: &Answer) -> Option<Value> {
    match body(&answer.body) {
        Body::Json(Value::Object(mut envelope)) => envelope.remove("data").filter(Value::is_object),
        _ => None,
    }
}

/// A member that is a text and not blank.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether the vendor itself says 404: status and envelope agree. A gateway's or web server's own 404 does not count.
pub(super) fn says_no_such_thing(answer: &Answer) -> bool {
    match body(&answer.body) {
        Body::Json(envelope) => answer.status == 404 && is_error(&envelope) && stated_status(&envelope) == Some(404),
        _ => false,
    }
}

/// A sentence about an answer, for people.
pub(super) fn said(status: u16, what: &str) -> String {
    format!("status {status}: {what}")
}

/// What a failing answer came to; `None` for success. `root` is the setting that names the host which answered.
///
/// 404, 405 and 410 without the vendor's envelope, and redirects, come from something else than the vendor's API: the
/// root is wrong or a proxy is in the way. Nothing was processed, and the next try succeeds once that is mended, so they
/// are worth one; a rejection would lose the conversion for a slip in the configuration.
pub(super) fn failure(answer: &Answer, root: &'static str, redaction: &Redaction<'_>) -> Option<Outcome> {
    let body = body(&answer.body);
    let status = overruled(answer.status, &body);
    let message = || said(status, &redaction.apply(&message(&body)));
    let elsewhere = |what: &str| Outcome::Retry {
        message: said(status, &format!("{what}; check `{root}`")),
        not_before: retry_after(answer),
    };
    Some(match status {
        200..=299 => return None,
        301 | 307 | 308 => elsewhere("a redirect, which is never followed"),
        401 => Outcome::AuthFailed { message: message() },
        403 => Outcome::Forbidden { message: message() },
        404 | 405 | 410 if !is_envelope(&body) => elsewhere("not an answer of the vendor's API"),
        // Something between us and the vendor, or the vendor before it had read the request: RFC 9110 § 15.5, RFC 8470.
        407 | 408 | 421 | 425 => Outcome::Retry { message: message(), not_before: retry_after(answer) },
        409 => Outcome::Duplicate { message: message() },
        429 => Outcome::Throttled { until: rate_limit(answer) },
        400..=499 if hints_at_duplicate(&body) => Outcome::Duplicate { message: message() },
        400..=499 => Outcome::Rejected { message: message() },
        503 if retry_after(answer).is_some() => Outcome::Throttled { until: retry_after(answer) },
        // 302 and 303 also follow upon a request that was processed.
        _ => Outcome::Unknown { message: message() },
    })
}

/// The status, or the worse one that the envelope of a 2xx states: a success that says 400 inside is none.
fn overruled(status: u16, body: &Body<'_>) -> u16 {
    match body {
        Body::Json(envelope) if (200..300).contains(&status) => {
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

fn is_envelope(body: &Body<'_>) -> bool {
    matches!(body, Body::Json(envelope) if is_error(envelope) && stated_status(envelope).is_some())
}

/// Whether the words sound like "already exists". The vendor documents no code for it. A wrong guess does no harm, since a
/// duplicate counts only once a look-up has shown our data.
fn hints_at_duplicate(body: &Body<'_>) -> bool {
    let words = message(body).to_lowercase();
    ["already", "duplicate", "in use", "taken", "unique"].iter().any(|hint| words.contains(hint))
}

fn message(body: &Body<'_>) -> String {
    match body {
        Body::Empty => "no message".into(),
        Body::Html => "an HTML page".into(),
        Body::Json(envelope) => {
            let named =
                ["message", "error", "errors"].iter().find_map(|name| envelope.get(name).filter(|v| !v.is_null()));
            named.map_or_else(|| "no message".into(), words)
        }
        Body::Text(text) => (*text).into(),
        Body::Unreadable => "a body that is not text".into(),
    }
}

/// A message that is no plain text, such as errors per field, in one line.
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

/// What a failing answer means for a look-up.
pub(super) fn not_looked_up(answer: &Answer, failure: Outcome) -> LookUp {
    let (message, not_before) = match failure {
        Outcome::AuthFailed { .. } => return LookUp::AuthFailed,
        Outcome::Retry { message, not_before } => (message, not_before),
        Outcome::Throttled { until } => (said(answer.status, "too many requests"), until),
        Outcome::Conflict { message }
        | Outcome::Duplicate { message }
        | Outcome::Forbidden { message }
        | Outcome::Premature { message }
        | Outcome::Rejected { message }
        | Outcome::Unknown { message } => (message, rate_limit(answer)),
        Outcome::Ignored { .. } | Outcome::Recorded { .. } | Outcome::Unverified => {
            (said(answer.status, "no clear answer"), rate_limit(answer))
        }
    };
    LookUp::Inconclusive { message, not_before }
}

/// A success that says nothing about what was asked.
pub(super) fn unclear(answer: &Answer, what: &str) -> LookUp {
    LookUp::Inconclusive { message: said(answer.status, what), not_before: None }
}
