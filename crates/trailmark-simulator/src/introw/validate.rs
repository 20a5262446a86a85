//! What Introw says of a body or query that `fields` finds wrong, in the error envelope of seed 003:
//! `{"error":{"code","message","details"}}`.
//!
//! Everything wrong with a body or query is 422; no document names another status. Of the words in `code` only
//! `API_CREDITS_EXHAUSTED` is documented; the others are guesses, so a client must go by the status. `details` of a
//! refused e-mail address repeats the address, which no document excludes: a client that prints it prints what it sent
//! about a person.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::call::{Answer, Body, Call};
use crate::fields::{Fields, Flaw, FlawKind};
use crate::violations::Breach;

/// Length of a key or id that the client chooses; most lengths are not documented.
pub(super) const ANY_TEXT: RangeInclusive<usize> = 1..=255;
/// Length of a description or note.
pub(super) const LONG_TEXT: RangeInclusive<usize> = 0..=2_000;

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    /// Boxed, since every result carries room for it.
    details: Option<Box<Value>>,
    breach: Option<Breach>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: None, breach: None }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "API key is missing, invalid, expired, or revoked.")
    }

    /// 422 about one field or parameter.
    pub(super) fn invalid(name: &str, problem: &str) -> Self {
        let message = format!("{name} {problem}");
        let details = json!([{ "path": [name], "message": message }]);
        Self { details: Some(Box::new(details)), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }

    /// The sentence, for a control route.
    pub(super) fn into_message(self) -> String {
        self.message
    }

    pub(super) fn answer(self) -> Answer {
        let code = match self.status {
            StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
            StatusCode::PAYMENT_REQUIRED => "API_CREDITS_EXHAUSTED",
            StatusCode::FORBIDDEN => "FORBIDDEN",
            StatusCode::NOT_FOUND => "NOT_FOUND",
            StatusCode::UNPROCESSABLE_ENTITY => "VALIDATION_ERROR",
            StatusCode::TOO_MANY_REQUESTS => "RATE_LIMITED",
            status if status.is_client_error() => "BAD_REQUEST",
            _ => "INTERNAL_ERROR",
        };
        let mut error = json!({ "code": code, "message": self.message });
        if let (Some(details), Some(error)) = (self.details, error.as_object_mut()) {
            error.insert("details".to_owned(), *details);
        }
        Answer::json(self.status, &json!({ "error": error })).with_breach(self.breach)
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        let (message, breach) = (flaw.to_string(), flaw.breach());
        let details = json!([{ "path": [flaw.field], "message": message }]);
        Self { details: Some(Box::new(details)), breach, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }
}

/// The inner option is empty where null is stated.
pub(super) fn nullable_text(
    fields: &mut Fields<'_>,
    name: &'static str,
    length: RangeInclusive<usize>,
) -> Result<Option<Option<String>>, Refusal> {
    if fields.is_null(name) { Ok(Some(None)) } else { Ok(fields.text(name, length)?.map(Some)) }
}

/// A text that `read` understands; `wanted` says what that is.
pub(super) fn parsed<T>(
    fields: &mut Fields<'_>,
    name: &'static str,
    wanted: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let Some(text) = fields.text(name, ANY_TEXT)? else { return Ok(None) };
    read(&text).map(Some).ok_or_else(|| fields.flaw(name, FlawKind::Form(wanted)).into())
}

/// One of a few words.
pub(super) fn word(fields: &mut Fields<'_>, name: &'static str, words: &[&str]) -> Result<Option<String>, Refusal> {
    parsed(fields, name, "one of the words that the account knows", |text| {
        words.contains(&text).then(|| text.to_owned())
    })
}

/// An e-mail address; an empty text is none.
pub(super) fn email(fields: &mut Fields<'_>) -> Result<Option<String>, Refusal> {
    let Some(email) = fields.text("email", 0..=255)?.filter(|email| !email.is_empty()) else { return Ok(None) };
    if is_email(&email) {
        return Ok(Some(email));
    }
    let details = json!([{ "path": ["email"], "message": "Invalid email address", "input": email }]);
    Err(Refusal {
        details: Some(Box::new(details)),
        ..Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "email is invalid")
    })
}

/// An object whose keys the client chooses; its values are texts, numbers or booleans. No document says what else a
/// form takes.
pub(super) fn scalars(fields: &mut Fields<'_>, name: &'static str) -> Result<Map<String, Value>, Refusal> {
    let object = fields.free_object(name)?;
    let is_scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    if object.values().all(is_scalar) {
        return Ok(object);
    }
    Err(fields.flaw(name, FlawKind::Type("an object of strings, numbers and booleans")).into())
}

/// Refuses fields that no handler has read, and a change of nothing.
pub(super) fn finish_change(fields: Fields<'_>, call: &Call) -> Result<(), Refusal> {
    fields.finish()?;
    match &call.body {
        Body::Json(body) if body == &json!({}) => Err(Refusal::invalid("body", "must change something")),
        _ => Ok(()),
    }
}

/// Refuses a body where the documents have none.
pub(super) fn no_body(call: &Call) -> Result<(), Refusal> {
    match call.body {
        Body::Empty => Ok(()),
        Body::Json(_) | Body::Other(_) | Body::TooLarge => Err(Refusal::invalid("body", "must be empty")),
    }
}

/// Whether a text is an e-mail address. The documents say that a pattern is checked and do not show it; this one is
/// narrow: ASCII letters, digits and `_ ' + - .` before the `@`, a domain name with a dot after it.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"_'+-.".contains(&byte);
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_alphanumeric())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    local.bytes().all(is_local)
        && !local.starts_with('.')
        && !local.contains("..")
        && local.bytes().last().is_some_and(|last| !b"'.".contains(&last))
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && last.len() >= 2
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn an_address_has_an_ascii_name_and_a_domain_with_a_dot() {
        for good in ["a@b.co", "a.b+c'd-e_f@x-y.example.org", "1@2.io"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@b.c",
            "a@b.c1",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a b@c.co",
            "ä@b.co",
            "a@-b.co",
            "a@b..co",
            "a@b@c.co",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
