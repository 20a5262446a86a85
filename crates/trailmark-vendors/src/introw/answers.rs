//! What all answers of Introw share: the error envelope `{error: {code, message, details}}`, the outcome of every failing
//! status, `{data}` of one thing, and `{data, pagination}` of a list. Each call reads its own success.
//!
//! An answer without the vendor's envelope is not the vendor's: a firewall, login page or web server wrote it, so it proves
//! neither a success nor a refusal. 401 and 429 are exceptions: pausing and waiting lose nothing, whoever asks for it.
//!
//! Sources: seed 003 for envelope, statuses and paging; vendors-2.md § 2 for 402.

use serde_json::Value;
use trailmark_wire::time::UnixMillis;

use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::{Redaction, words};
use crate::retry_after::{rate_limit, retry_after, throttled};

/// The code in a 402: the monthly allowance of API credits is used up.
const CREDITS: &str = "API_CREDITS_EXHAUSTED";

/// A member that is a text and not blank.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The body, if it is a JSON object.
pub(super) fn object(answer: &Answer) -> Option<Value> {
    serde_json::from_slice(&answer.body).ok().filter(Value::is_object)
}

/// The thing in `data`.
pub(super) fn data(answer: &Answer) -> Option<Value> {
    object(answer)?.get_mut("data").map(Value::take).filter(Value::is_object)
}

/// A page of a list, and the cursor of the next page; `None` at the end. An answer without `nextCursor` is no page: it
/// would end the list by a guess.
pub(super) fn page(answer: &Answer) -> Option<(Vec<Value>, Option<String>)> {
    let mut body = object(answer)?;
    let next = match body.get("pagination")?.get("nextCursor")? {
        Value::Null => None,
        Value::String(cursor) if !cursor.is_empty() => Some(cursor.clone()),
        _ => return None,
    };
    match body.get_mut("data").map(Value::take) {
        Some(Value::Array(items)) => Some((items, next)),
        _ => None,
    }
}

/// A sentence about an answer, for people.
pub(super) fn said(answer: &Answer, what: &str) -> String {
    format!("status {}: {what}", answer.status)
}

/// A success that does not have what the vendor documents: it is unknown whether anything was processed.
pub(super) fn unproved(answer: &Answer, wanted: &str) -> Outcome {
    Outcome::Unknown { message: said(answer, &format!("{} instead of {wanted}", noun(answer))) }
}

/// The outcome of a failing answer; `None` for success. `scope` is what the key needs for the call.
pub(super) fn failure(answer: &Answer, scope: &str, redaction: &Redaction<'_>) -> Option<Outcome> {
    let refusal = Refusal::of(answer);
    let words = refusal.as_ref().map_or_else(|| noun(answer).to_owned(), Refusal::words);
    let message = || said(answer, &redaction.apply(&words));
    let not_before = retry_after(answer);
    Some(match (answer.status, &refusal) {
        (200..=299, None) => return None,
        // It says both, so it is not known what was done.
        (200..=299, Some(_)) => Outcome::Unknown { message: message() },
        (301 | 307 | 308, _) => Outcome::Retry {
            message: said(answer, "a redirect, which is never followed; check `base_url`"),
            not_before,
        },
        (401, _) => Outcome::AuthFailed { message: message() },
        // Something before the vendor answered, or the vendor before it had read the request: RFC 9110 § 15.5, RFC 8470.
        (407 | 408 | 421 | 425, _) => Outcome::Retry { message: message(), not_before },
        (429, _) => Outcome::Throttled { until: rate_limit(answer) },
        (402, Some(refusal)) if refusal.code == CREDITS => Outcome::Throttled { until: Some(next_month(answer.at)) },
        // No other code is documented for 402, and none of them would be about the conversion.
        (402, Some(_)) => Outcome::Retry { message: message(), not_before },
        (403, Some(_)) => Outcome::Forbidden { message: format!("{}; the key needs the scope `{scope}`", message()) },
        (409, Some(_)) => Outcome::Duplicate { message: message() },
        (400..=499, Some(_)) => Outcome::Rejected { message: message() },
        (400..=499, None) => {
            let what = "not an answer of the vendor's API; check `base_url` and any firewall in between";
            Outcome::Retry { message: said(answer, &format!("{words}, {what}")), not_before }
        }
        (503, _) if not_before.is_some() => Outcome::Throttled { until: not_before },
        // 302 and 303 may also follow a request that was processed.
        _ => Outcome::Unknown { message: message() },
    })
}

/// The vendor's own error.
struct Refusal {
    code: String,
    message: String,
    details: Option<String>,
}

impl Refusal {
    fn of(answer: &Answer) -> Option<Self> {
        let body = object(answer)?;
        let error = body.get("error")?;
        Some(Self {
            code: text(error, "code")?.to_owned(),
            message: text(error, "message")?.to_owned(),
            details: error.get("details").filter(|details| !details.is_null()).map(words),
        })
    }

    /// All of it in one line; the details name the fields.
    fn words(&self) -> String {
        let Self { code, message, details } = self;
        let details = details.as_ref().map(|details| format!(", {details}")).unwrap_or_default();
        format!("{message} ({code}{details})")
    }
}

/// A description of a body that is not the vendor's, for people.
fn noun(answer: &Answer) -> &'static str {
    match std::str::from_utf8(&answer.body).map(str::trim) {
        Err(_not_utf8) => "a body that is not text",
        Ok("") => "an empty body",
        Ok(text) if text.starts_with('<') => "an HTML page",
        Ok(text) if serde_json::from_str::<Value>(text).is_ok() => "JSON without the vendor's envelope",
        Ok(_) => "text or JSON cut short",
    }
}

/// The start of the next month in UTC, when the vendor's allowance begins again.
pub(super) fn next_month(at: UnixMillis) -> UnixMillis {
    let today = at.to_rfc3339();
    let number = |range| today.get(range).and_then(|digits: &str| digits.parse::<u32>().ok()).unwrap_or(0);
    let (year, month) = match (number(0..4), number(5..7)) {
        (year, 12) => (year + 1, 1),
        (year, month) => (year, month + 1),
    };
    UnixMillis::from_rfc3339(&format!("{year:04}-{month:02}-01T00:00:00Z")).unwrap_or(at)
}

/// The meaning of a failing answer to a question.
pub(super) fn not_looked_up(answer: &Answer, failure: Outcome) -> LookUp {
    let (message, not_before) = match failure {
        Outcome::AuthFailed { .. } => return LookUp::AuthFailed,
        Outcome::Retry { message, not_before } => (message, not_before),
        Outcome::Throttled { until } => {
            (said(answer, "the vendor takes no more requests for now"), throttled(answer, until))
        }
        Outcome::Conflict { message }
        | Outcome::Duplicate { message }
        | Outcome::Forbidden { message }
        | Outcome::Rejected { message }
        | Outcome::Unknown { message } => (message, rate_limit(answer)),
        _ => (said(answer, "no clear answer"), rate_limit(answer)),
    };
    LookUp::Inconclusive { message, not_before }
}

/// A success that does not answer the question.
pub(super) fn unclear(answer: &Answer, wanted: &str) -> LookUp {
    LookUp::Inconclusive { message: said(answer, &format!("{} instead of {wanted}", noun(answer))), not_before: None }
}
