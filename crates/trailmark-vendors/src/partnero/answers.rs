//! What all answers of Partnero share: the envelope `{data, status: 1}` of a success, the envelope `{message, errors?}` of a
//! failure, and the outcome of every failing status. The status decides first, then the body. Each call reads its own
//! success; the outbox acts on the outcome.
//!
//! One rule holds for all calls: an answer without the vendor's envelope is not the vendor's. A firewall, login page or web
//! server wrote it, so it proves neither a success nor a refusal. The vendor promises only `message` on a failure, so JSON
//! of a gateway with such a member cannot be told from the vendor's; whatever would be final because of a 404 is therefore
//! proved by a list instead.
//!
//! Source: <https://docs.partnero.com/api-reference/introduction>; vendors-2.md § 3.

use serde_json::Value;

use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::{Redaction, words};
use crate::retry_after::{rate_limit, retry_after, throttled};

/// The content of a body.
enum Body<'a> {
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

    /// The vendor's envelope of a failure.
    fn refusal(&self) -> Option<&Value> {
        match self {
            Self::Json(envelope) => Some(envelope).filter(|envelope| {
                text(envelope, "message").is_some()
                    && envelope.get("data").is_none_or(Value::is_null)
                    && envelope.get("status") != Some(&Value::from(1))
            }),
            _ => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Json(envelope) => {
                let parts = ["message", "errors"].into_iter().filter_map(|name| envelope.get(name));
                let parts: Vec<_> = parts.filter(|part| !part.is_null()).map(words).collect();
                if parts.is_empty() { "no message".into() } else { parts.join("; ") }
            }
            Self::Empty => "no message".into(),
            Self::Html | Self::Unreadable => self.noun().into(),
        }
    }
}

fn body(bytes: &[u8]) -> Body<'_> {
    match std::str::from_utf8(bytes).map(str::trim) {
        Err(_not_utf8) => Body::Unreadable,
        Ok("") => Body::Empty,
        Ok(text) if text.starts_with('<') => Body::Html,
        Ok(text) => serde_json::from_str(text).map_or(Body::Text(text), Body::Json),
    }
}

/// A member that is a text and not blank.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The envelope of a success, whose `status` is 1 where it is stated.
fn success(answer: &Answer) -> Option<Value> {
    match body(&answer.body) {
        Body::Json(envelope) if envelope.get("status").is_none_or(|status| *status == 1) => Some(envelope),
        _ => None,
    }
}

/// The member `data` of a success, if it is an object.
pub(super) fn data(answer: &Answer) -> Option<Value> {
    success(answer)?.get_mut("data").map(Value::take).filter(Value::is_object)
}

/// A page of a list.
pub(super) struct Page {
    /// Its items.
    pub(super) items: Vec<Value>,
    /// Whether the vendor names a next page. An empty page is the last one: pages are counted, not named by an item.
    pub(super) has_more: bool,
}

/// The page in an answer. The vendor states no total: `links.next` is null on the last page. A list without `links` has one.
pub(super) fn page(answer: &Answer) -> Option<Page> {
    let mut envelope = success(answer)?;
    let Value::Array(items) = envelope.get_mut("data")?.take() else { return None };
    let next = envelope.get("links").and_then(|links| links.get("next"));
    Some(Page { has_more: !items.is_empty() && next.is_some_and(|next| !next.is_null()), items })
}

/// Whether the vendor says that it did what was asked: `status` is 1.
pub(super) fn is_acknowledged(answer: &Answer) -> bool {
    success(answer).is_some_and(|envelope| envelope.get("status").is_some())
}

/// Whether the vendor says 404, as far as its envelope tells.
pub(super) fn says_no_such_thing(answer: &Answer) -> bool {
    answer.status == 404 && body(&answer.body).refusal().is_some()
}

/// The fields that a refusal names: in `errors`, or else at the beginning of its message, as in seed 004 (`Email already
/// exists`, `Referring partner not found`).
pub(super) fn fields(answer: &Answer) -> Vec<String> {
    let body = body(&answer.body);
    let Some(envelope) = body.refusal() else { return Vec::new() };
    if let Some(errors) = envelope.get("errors").and_then(Value::as_object) {
        return errors.keys().map(|field| field.split('.').next().unwrap_or_default().to_owned()).collect();
    }
    let message = text(envelope, "message").unwrap_or_default().to_lowercase();
    let words: Vec<_> = message.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    (1..=words.len().min(2))
        .rev()
        .map(|count| words.iter().take(count).copied().collect::<Vec<_>>().join("_"))
        .collect()
}

/// A sentence about an answer, for people.
pub(super) fn said(status: u16, what: &str) -> String {
    format!("status {status}: {what}")
}

/// The outcome of a failing answer; `None` for success.
///
/// A redirect, or a 4xx without the vendor's envelope, does not come from the vendor's API: nothing was processed, and a
/// later try succeeds once the cause is gone. The same holds for 404 and 405 on calls that exist: `base_url` is wrong. A 2xx
/// that states a failure leaves open what was done. 401 is an exception: a pause loses nothing, whoever sent it.
pub(super) fn failure(answer: &Answer, redaction: &Redaction<'_>) -> Option<Outcome> {
    let body = body(&answer.body);
    let status = answer.status;
    let message = || said(status, &redaction.apply(&body.message()));
    let elsewhere = |what: &str| Outcome::Retry { message: said(status, what), not_before: retry_after(answer) };
    Some(match status {
        200..=299 if body.refusal().is_some() => Outcome::Unknown { message: message() },
        200..=299 => return None,
        301 | 307 | 308 => elsewhere("a redirect, which is never followed; check `base_url`"),
        401 => Outcome::AuthFailed { message: message() },
        // Something before the vendor answered, or the vendor before it had read the request: RFC 9110 § 15.5, RFC 8470.
        407 | 408 | 421 | 425 => Outcome::Retry { message: message(), not_before: retry_after(answer) },
        429 => Outcome::Throttled { until: rate_limit(answer) },
        400..=499 if body.refusal().is_none() => {
            let what = body.noun();
            elsewhere(&format!(
                "{what}, not an answer of the vendor's API; check `base_url` and any firewall in between"
            ))
        }
        403 => Outcome::Forbidden { message: message() },
        404 | 405 => elsewhere(&format!("{}; check `base_url`", redaction.apply(&body.message()))),
        409 => Outcome::Duplicate { message: message() },
        400..=499 if hints_at_duplicate(&body) => Outcome::Duplicate { message: message() },
        400..=499 => Outcome::Rejected { message: message() },
        503 if retry_after(answer).is_some() => Outcome::Throttled { until: retry_after(answer) },
        // 302 and 303 may also follow a request that was processed.
        _ => Outcome::Unknown { message: message() },
    })
}

/// Whether the words mean "already exists". A wrong guess is harmless: a duplicate counts only after a look-up has shown our
/// data.
fn hints_at_duplicate(body: &Body<'_>) -> bool {
    let words = body.message().to_lowercase();
    ["already", "duplicate", "exists", "in use", "taken", "unique"].iter().any(|hint| words.contains(hint))
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
