//! Reads a body as strictly as its documents allow, or one degree stricter.
//!
//! A field that a handler reads becomes known; [`Fields::finish`] refuses the others. So a handler accepts exactly what it
//! uses. A missing field is named before an unknown one, as PartnerStack does for actions, in the words that were measured
//! there. Null is refused unless the reference calls a field nullable. Empty optional strings are refused: vendors.md § 1.2
//! says to leave them out.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde_json::{Map, Value};

use crate::call::{Body, Call};

/// Length of the client's own keys, and of texts without a documented length.
pub(super) const ANY_TEXT: RangeInclusive<usize> = 1..=255;
pub(super) const EMAIL: RangeInclusive<usize> = 4..=255;
pub(super) const NAME: RangeInclusive<usize> = 1..=100;
/// First and last names of partners.
pub(super) const PARTNER_NAME: RangeInclusive<usize> = 1..=50;
pub(super) const TRANSACTION_KEY: RangeInclusive<usize> = 4..=255;
/// Cents.
pub(super) const AMOUNT: RangeInclusive<i64> = -50_000_000_000..=50_000_000_000;

const METADATA_ENTRIES: usize = 25;
const METADATA_NAME: usize = 30;
const METADATA_VALUE: usize = 100;

/// Why a call is refused: the status and the sentence of the error envelope.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: format!("{what} not found") }
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, message: message.to_owned() }
    }
}

/// The fields of one JSON object, and which of them were read.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    read: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// The content type is not JSON, or the body is not a JSON object.
    pub(super) fn of(call: &'a Call) -> Result<Self, Refusal> {
        let media_type = call.content_type.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default();
        if !media_type.trim().eq_ignore_ascii_case("application/json") {
            return Err(Refusal::bad_request("content-type must be application/json"));
        }
        match &call.body {
            Body::Json(Value::Object(object)) => Ok(Self { object, read: Vec::new() }),
            Body::Json(_) | Body::Empty | Body::Other(_) | Body::TooLarge => {
                Err(Refusal::bad_request("body must be a JSON object"))
            }
        }
    }

    pub(super) fn text(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<String>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(text) = value else { return Err(wrong_type(name, "a string")) };
        within_length(name, text, length)?;
        Ok(Some(text.clone()))
    }

    /// A text or null, if the reference says `string | null`.
    pub(super) fn nullable_text(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<String>, Refusal> {
        if self.is_null(name) { Ok(None) } else { self.text(name, length) }
    }

    /// The same, but null must be stated.
    pub(super) fn required_nullable_text(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<String>, Refusal> {
        if self.is_null(name) { Ok(None) } else { self.required_text(name, length).map(Some) }
    }

    pub(super) fn required_text(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
    ) -> Result<String, Refusal> {
        self.text(name, length)?.ok_or_else(|| missing(name))
    }

    pub(super) fn email(&mut self) -> Result<Option<String>, Refusal> {
        let email = self.text("email", EMAIL)?;
        let parts = email.as_deref().map(|email| email.split_once('@').unwrap_or_default());
        if parts.is_some_and(|(local, domain)| local.is_empty() || domain.is_empty()) {
            return Err(Refusal::bad_request("email must be an e-mail address"));
        }
        Ok(email)
    }

    pub(super) fn required_email(&mut self) -> Result<String, Refusal> {
        self.email()?.ok_or_else(|| missing("email"))
    }

    pub(super) fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.as_i64().ok_or_else(|| wrong_type(name, "an integer"))?;
        if range.contains(&number) {
            return Ok(Some(number));
        }
        Err(Refusal::bad_request(format!("{name} must lie between {} and {}", range.start(), range.end())))
    }

    pub(super) fn required_integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Result<i64, Refusal> {
        self.integer(name, range)?.ok_or_else(|| missing(name))
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| wrong_type(name, "a boolean"))
    }

    /// Three letters, in either case: seed 000 writes `usd`.
    pub(super) fn required_currency(&mut self) -> Result<String, Refusal> {
        let currency = self.required_text("currency", 3..=3)?;
        if currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Ok(currency);
        }
        Err(Refusal::bad_request("currency must be three letters"))
    }

    pub(super) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let texts =
            value.as_array().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        texts.ok_or_else(|| wrong_type(name, "an array of strings"))
    }

    /// An object with keys that the caller chooses.
    pub(super) fn free_object(&mut self, name: &'static str) -> Result<Map<String, Value>, Refusal> {
        let Some(value) = self.take(name) else { return Ok(Map::new()) };
        value.as_object().cloned().ok_or_else(|| wrong_type(name, "an object"))
    }

    /// The metadata of a transaction, with its limits; it may be null.
    pub(super) fn metadata(&mut self) -> Result<Map<String, Value>, Refusal> {
        if self.is_null("metadata") {
            return Ok(Map::new());
        }
        let metadata = self.free_object("metadata")?;
        if metadata.len() > METADATA_ENTRIES {
            return Err(Refusal::bad_request(format!("metadata takes at most {METADATA_ENTRIES} entries")));
        }
        for (name, value) in &metadata {
            let value = value.as_str().ok_or_else(|| wrong_type("metadata", "an object of strings"))?;
            within_length("metadata name", name, 1..=METADATA_NAME)?;
            within_length("metadata value", value, 0..=METADATA_VALUE)?;
        }
        Ok(metadata)
    }

    /// Refuses fields that no handler has read.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.object.keys().find(|key| !self.read.contains(&key.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(Refusal::bad_request(format!("{unknown} is not a known field"))),
        }
    }

    fn is_null(&mut self, name: &'static str) -> bool {
        self.take(name).is_some_and(Value::is_null)
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.read.push(name);
        self.object.get(name)
    }
}

pub(super) fn missing(name: &str) -> Refusal {
    Refusal::bad_request(format!("'{name}' is a required property"))
}

fn wrong_type(name: &str, wanted: &str) -> Refusal {
    Refusal::bad_request(format!("{name} must be {wanted}"))
}

/// Lengths count characters; the documents do not name a unit.
fn within_length(name: &str, text: &str, length: RangeInclusive<usize>) -> Result<(), Refusal> {
    let count = text.chars().count();
    if count == 0 && !length.contains(&0) {
        return Err(Refusal::bad_request(format!("{name} must not be empty")));
    }
    if length.contains(&count) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!("{name} must have {} to {} characters", length.start(), length.end())))
}
