//! Reads a body or a query as strictly as its documents allow, or one degree stricter, for every double.
//!
//! A field that a handler reads becomes known; [`Fields::finish`] refuses the others. So a handler accepts exactly what it
//! uses, and a missing field is named before an unknown one. Null is refused unless a document calls a field nullable. An
//! empty text is refused unless its length says otherwise.
//!
//! It decides what is wrong, never how a vendor says so: a double turns a [`Flaw`] into its own refusal with a `From`.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::call::{Body, Call};
use crate::violations::{Breach, Rule};

/// What is wrong with a body or a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The field with its parents, `publisher.vertical`; empty for the body itself.
    pub(crate) field: String,
    pub(crate) kind: FlawKind,
}

/// The kinds of flaws that vendors tell apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FlawKind {
    /// The body is not called JSON.
    ContentType,
    /// What the value must be one of.
    Choice(&'static [&'static str]),
    Empty,
    /// What the text must be, such as `an e-mail address`.
    Form(&'static str),
    Missing,
    /// The body is not a JSON object.
    NotAnObject,
    TooFew(usize),
    TooHigh(RangeInclusive<i64>),
    TooLong(RangeInclusive<usize>),
    TooLow(RangeInclusive<i64>),
    TooMany(usize),
    TooShort(RangeInclusive<usize>),
    /// A parameter that occurs twice.
    Twice,
    /// What the value must be, such as `a string`.
    Type(&'static str),
    Unknown,
    UnknownParameter,
}

impl Flaw {
    pub(crate) fn new(field: impl Into<String>, kind: FlawKind) -> Self {
        Self { field: field.into(), kind }
    }

    /// The violation that it is, if the client invented a name.
    pub(crate) fn breach(&self) -> Option<Breach> {
        match self.kind {
            FlawKind::Unknown => Some(Breach::new(Rule::UnknownField, &self.field)),
            FlawKind::UnknownParameter => Some(Breach::new(Rule::UnknownParameter, &self.field)),
            _ => None,
        }
    }
}

/// The sentence where a vendor's own is not known.
impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.field;
        match &self.kind {
            FlawKind::ContentType => formatter.write_str("content-type must be application/json"),
            FlawKind::Choice(known) => write!(formatter, "{name} must be one of {}", known.join(", ")),
            FlawKind::Empty => write!(formatter, "{name} must not be empty"),
            FlawKind::Form(wanted) | FlawKind::Type(wanted) => write!(formatter, "{name} must be {wanted}"),
            FlawKind::Missing => write!(formatter, "{name} is required"),
            FlawKind::NotAnObject => formatter.write_str("body must be a JSON object"),
            FlawKind::TooFew(least) => write!(formatter, "{name} must have at least {least} entries"),
            FlawKind::TooMany(most) => write!(formatter, "{name} must have at most {most} entries"),
            FlawKind::TooHigh(range) | FlawKind::TooLow(range) => {
                write!(formatter, "{name} must lie between {} and {}", range.start(), range.end())
            }
            FlawKind::TooLong(length) | FlawKind::TooShort(length) => {
                write!(formatter, "{name} must have {} to {} characters", length.start(), length.end())
            }
            FlawKind::Twice => write!(formatter, "{name} is given twice"),
            FlawKind::Unknown => write!(formatter, "{name} is not a known field"),
            FlawKind::UnknownParameter => write!(formatter, "{name} is not a known parameter"),
        }
    }
}

/// The fields of one JSON object, and which of them were read.
pub(crate) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// `publisher.` for the members of `publisher`; empty for those of the body.
    within: String,
    read: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// The content type is not JSON, or the body is not a JSON object.
    pub(crate) fn of(call: &'a Call) -> Result<Self, Flaw> {
        if !call.is_json() {
            return Err(Flaw::new("", FlawKind::ContentType));
        }
        match &call.body {
            Body::Json(Value::Object(object)) => Ok(Self::within(object, String::new())),
            Body::Json(_) | Body::Empty | Body::Other(_) | Body::TooLarge => Err(Flaw::new("", FlawKind::NotAnObject)),
        }
    }

    /// The members of an object whose place is `within`, such as `publisher.`.
    pub(crate) fn within(object: &'a Map<String, Value>, within: String) -> Self {
        Self { object, within, read: Vec::new() }
    }

    /// # Errors
    /// It is not a text, or has another length.
    pub(crate) fn text(&mut self, name: &'static str, length: RangeInclusive<usize>) -> Result<Option<String>, Flaw> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(text) = value else { return Err(self.flaw(name, FlawKind::Type("a string"))) };
        self.within_length(name, text, length)?;
        Ok(Some(text.clone()))
    }

    /// A text or null.
    ///
    /// # Errors
    /// Those of [`Fields::text`].
    pub(crate) fn nullable_text(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<String>, Flaw> {
        if self.is_null(name) { Ok(None) } else { self.text(name, length) }
    }

    /// A text or null, but null must be stated.
    ///
    /// # Errors
    /// Those of [`Fields::required_text`].
    pub(crate) fn required_nullable_text(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
    ) -> Result<Option<String>, Flaw> {
        if self.is_null(name) { Ok(None) } else { self.required_text(name, length).map(Some) }
    }

    /// # Errors
    /// It is missing, or those of [`Fields::text`].
    pub(crate) fn required_text(&mut self, name: &'static str, length: RangeInclusive<usize>) -> Result<String, Flaw> {
        self.text(name, length)?.ok_or_else(|| self.flaw(name, FlawKind::Missing))
    }

    /// A text with something on both sides of an `@`.
    ///
    /// # Errors
    /// It is another text, or those of [`Fields::text`].
    pub(crate) fn email(&mut self, name: &'static str, length: RangeInclusive<usize>) -> Result<Option<String>, Flaw> {
        let email = self.text(name, length)?;
        let parts = email.as_deref().map(|email| email.split_once('@').unwrap_or_default());
        if parts.is_some_and(|(local, domain)| local.is_empty() || domain.is_empty()) {
            return Err(self.flaw(name, FlawKind::Form("an e-mail address")));
        }
        Ok(email)
    }

    /// # Errors
    /// It is missing, or those of [`Fields::email`].
    pub(crate) fn required_email(&mut self, name: &'static str, length: RangeInclusive<usize>) -> Result<String, Flaw> {
        self.email(name, length)?.ok_or_else(|| self.flaw(name, FlawKind::Missing))
    }

    /// One of some words.
    ///
    /// # Errors
    /// It is another value.
    pub(crate) fn choice(
        &mut self,
        name: &'static str,
        known: &'static [&'static str],
    ) -> Result<Option<&'static str>, Flaw> {
        let Some(text) = self.text(name, 0..=255)? else { return Ok(None) };
        let word = known.iter().find(|word| **word == text).copied();
        word.map(Some).ok_or_else(|| self.flaw(name, FlawKind::Choice(known)))
    }

    /// # Errors
    /// It is not an integer, or out of range.
    pub(crate) fn integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Result<Option<i64>, Flaw> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_i64() {
            None => Err(self.flaw(name, FlawKind::Type("an integer"))),
            Some(number) if number > *range.end() => Err(self.flaw(name, FlawKind::TooHigh(range))),
            Some(number) if number < *range.start() => Err(self.flaw(name, FlawKind::TooLow(range))),
            number => Ok(number),
        }
    }

    /// # Errors
    /// It is missing, or those of [`Fields::integer`].
    pub(crate) fn required_integer(&mut self, name: &'static str, range: RangeInclusive<i64>) -> Result<i64, Flaw> {
        self.integer(name, range)?.ok_or_else(|| self.flaw(name, FlawKind::Missing))
    }

    /// # Errors
    /// It is not a boolean.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Flaw> {
        let Some(value) = self.take(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.flaw(name, FlawKind::Type("a boolean")))
    }

    /// # Errors
    /// It is not an array of texts.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, Flaw> {
        let Some(value) = self.take(name) else { return Ok(Vec::new()) };
        let texts =
            value.as_array().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        texts.ok_or_else(|| self.flaw(name, FlawKind::Type("an array of strings")))
    }

    /// An object with keys that the caller chooses.
    ///
    /// # Errors
    /// It is not an object.
    pub(crate) fn free_object(&mut self, name: &'static str) -> Result<Map<String, Value>, Flaw> {
        let Some(value) = self.take(name) else { return Ok(Map::new()) };
        value.as_object().cloned().ok_or_else(|| self.flaw(name, FlawKind::Type("an object")))
    }

    /// An object whose members are read as strictly; finish it, too.
    ///
    /// # Errors
    /// It is not an object.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<Self>, Flaw> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let object = value.as_object().ok_or_else(|| self.flaw(name, FlawKind::Type("an object")))?;
        Ok(Some(Self::within(object, format!("{}{name}.", self.within))))
    }

    /// An array of objects, each read as strictly.
    ///
    /// # Errors
    /// It is not an array of objects.
    pub(crate) fn objects(&mut self, name: &'static str) -> Result<Option<Vec<Self>>, Flaw> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let items = value.as_array().ok_or_else(|| self.flaw(name, FlawKind::Type("an array")))?;
        let item = |(place, item): (usize, &'a Value)| {
            let object = item.as_object().ok_or_else(|| self.flaw(name, FlawKind::Type("an array of objects")))?;
            Ok(Self::within(object, format!("{}{name}.{place}.", self.within)))
        };
        items.iter().enumerate().map(item).collect::<Result<_, _>>().map(Some)
    }

    /// The value as it stands, which becomes known.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.read.push(name);
        self.object.get(name)
    }

    /// Refuses fields that no handler has read.
    ///
    /// # Errors
    /// There is one.
    pub(crate) fn finish(self) -> Result<(), Flaw> {
        match self.object.keys().find(|key| !self.read.contains(&key.as_str())) {
            None => Ok(()),
            Some(unknown) => Err(self.flaw(unknown, FlawKind::Unknown)),
        }
    }

    pub(crate) fn is_null(&mut self, name: &'static str) -> bool {
        self.take(name).is_some_and(Value::is_null)
    }

    /// A flaw of the field with this name.
    pub(crate) fn flaw(&self, name: &str, kind: FlawKind) -> Flaw {
        Flaw::new(format!("{}{name}", self.within), kind)
    }

    /// Lengths count characters; the vendors' documents do not name a unit.
    ///
    /// # Errors
    /// The text has another length.
    pub(crate) fn within_length(&self, name: &str, text: &str, length: RangeInclusive<usize>) -> Result<(), Flaw> {
        let count = text.chars().count();
        if count == 0 && !length.contains(&0) {
            Err(self.flaw(name, FlawKind::Empty))
        } else if count > *length.end() {
            Err(self.flaw(name, FlawKind::TooLong(length)))
        } else if count < *length.start() {
            Err(self.flaw(name, FlawKind::TooShort(length)))
        } else {
            Ok(())
        }
    }
}

/// Refuses parameters that are not `known` or occur twice.
///
/// # Errors
/// There is one.
pub(crate) fn only(call: &Call, known: &[&str]) -> Result<(), Flaw> {
    for (place, (name, _)) in call.query.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            return Err(Flaw::new(name, FlawKind::UnknownParameter));
        }
        if call.query.iter().take(place).any(|(earlier, _)| earlier == name) {
            return Err(Flaw::new(name, FlawKind::Twice));
        }
    }
    Ok(())
}
