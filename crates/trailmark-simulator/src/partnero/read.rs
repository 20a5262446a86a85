//! Why a call is refused, and what this vendor's bodies have that others have not: amounts, names of things, passwords.
//!
//! A bad, missing, unknown or taken field is 422 and named in `errors`; what a field names and does not exist, and a thing in
//! the wrong state, is 400 with a sentence only (seed 004 has both kinds). The sentences are those of seed 004 where it has
//! some.
//!
//! Chosen where the documents are silent: texts have 1 to 255 characters; an amount is above zero, below ten thousand million
//! and has at most four decimals; a media type other than JSON, or a body where none belongs, is 400. Null is refused; only in
//! `update`, where it is documented to skip a field, it does.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde_json::{Value, json};

use super::state::{ErrorsAs, Rules};
use crate::call::{Answer, Body, Call};
use crate::fields::{Fields, Flaw, FlawKind, only};
use crate::violations::Breach;

/// Length of every text.
pub(super) const TEXT: RangeInclusive<usize> = 1..=255;
const DECIMALS: usize = 4;
const WHOLE_DIGITS: usize = 10;

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) message: String,
    /// The field that a 422 names.
    field: Option<String>,
    breach: Option<Breach>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), field: None, breach: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    /// 422, with the name of the field.
    pub(super) fn field(name: &str, message: impl Into<String>) -> Self {
        Self { field: Some(name.to_owned()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }

    /// Only `message` is promised for errors; `errors` is there on a 422, in one of two forms or not at all (vendors-2.md § 3,
    /// M).
    pub(super) fn answer(self, rules: &Rules) -> Answer {
        let Self { status, message, field, breach } = self;
        let errors = match (field, rules.errors_as) {
            (None, _) | (_, ErrorsAs::Absent) => None,
            (Some(field), ErrorsAs::Map) => Some(json!({ field: [message] })),
            (Some(_), ErrorsAs::List) => Some(json!([message])),
        };
        let body = match errors {
            None => json!({ "message": message }),
            Some(errors) => json!({ "message": message, "errors": errors }),
        };
        Answer::json(status, &body).with_breach(breach)
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        let (message, breach) = (flaw.to_string(), flaw.breach());
        let refusal = match flaw.kind {
            FlawKind::ContentType | FlawKind::NotAnObject => Self::bad_request(message),
            _ => Self::field(&flaw.field, message),
        };
        Self { breach, ..refusal }
    }
}

/// How a call names one thing.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Id(String),
    Key(String),
    Email(String),
}

impl Name {
    /// Exactly one of `id`, `key` and `email` of the object `within`, and no other field.
    pub(super) fn read(mut fields: Fields<'_>, within: &str) -> Result<Self, Refusal> {
        let id = fields.text("id", TEXT)?.map(Self::Id);
        let key = fields.text("key", TEXT)?.map(Self::Key);
        let email = fields.text("email", TEXT)?.map(Self::Email);
        fields.finish()?;
        one_of([id, key, email]).ok_or_else(|| {
            Refusal::field(within, format!("exactly one of {within}.id, {within}.key and {within}.email is required"))
        })
    }

    /// The only parameter of a look-up; it is one of `known`.
    pub(super) fn parameter(call: &Call, known: &[&str]) -> Result<Self, Refusal> {
        only(call, known)?;
        let text = |name: &str| call.parameter(name).map(str::to_owned);
        let names = [text("id").map(Self::Id), text("key").map(Self::Key), text("email").map(Self::Email)];
        let sentence = || format!("exactly one of {} is required", known.join(", "));
        one_of(names).ok_or_else(|| Refusal::field(known.first().unwrap_or(&""), sentence()))
    }
}

/// The one that is there, if there is only one.
pub(super) fn one_of<const N: usize>(names: [Option<Name>; N]) -> Option<Name> {
    let mut given = names.into_iter().flatten();
    given.next().filter(|_| given.next().is_none())
}

/// The `update` of a `PUT`; it must change something.
pub(super) fn update<'a>(fields: &mut Fields<'a>) -> Result<Fields<'a>, Refusal> {
    let is_empty = fields.take("update").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty);
    let update = fields.object("update")?.filter(|_| !is_empty);
    Ok(update.ok_or_else(|| fields.flaw("update", FlawKind::Missing))?)
}

/// The tags; `None` where nothing is said about them.
pub(super) fn tags(fields: &mut Fields<'_>) -> Result<Option<Vec<String>>, Refusal> {
    let is_given = fields.take("tags").is_some();
    let tags = fields.texts("tags")?;
    tags.iter().try_for_each(|tag| fields.within_length("tags", tag, TEXT))?;
    Ok(is_given.then_some(tags))
}

/// Checks a password and forgets it: eight characters, a lower and an upper case letter and a number (seed 004).
pub(super) fn password(fields: &mut Fields<'_>) -> Result<(), Refusal> {
    let Some(password) = fields.nullable_text("password", TEXT)? else { return Ok(()) };
    let has = |wanted: fn(char) -> bool| password.chars().any(wanted);
    if password.chars().count() >= 8 && has(char::is_lowercase) && has(char::is_uppercase) && has(char::is_numeric) {
        return Ok(());
    }
    let wanted = "a text of 8 characters with a lower case letter, an upper case letter and a number";
    Err(fields.flaw("password", FlawKind::Form(wanted)).into())
}

/// An amount in millionths; `as_text` also takes it as a text.
pub(super) fn amount(fields: &mut Fields<'_>, name: &'static str, as_text: bool) -> Result<Option<i64>, Refusal> {
    let text = match fields.take(name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) if as_text => text.clone(),
        Some(_) => return Err(fields.flaw(name, FlawKind::Type("a number")).into()),
    };
    let amount = millionths(&text).filter(|amount| *amount > 0);
    let wanted = "a decimal number above zero with at most four decimals";
    Ok(Some(amount.ok_or_else(|| fields.flaw(name, FlawKind::Form(wanted)))?))
}

/// Refuses a call that has a parameter or a body.
pub(super) fn bare(call: &Call) -> Result<(), Refusal> {
    only(call, &[])?;
    let is_bare = matches!(call.body, Body::Empty);
    is_bare.then_some(()).ok_or_else(|| Refusal::bad_request("this call takes no body"))
}

/// A decimal without sign or exponent as a whole number of millionths.
fn millionths(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = whole.len() <= WHOLE_DIGITS && fraction.len() <= DECIMALS;
    (fits && digits(whole) && digits(fraction)).then(|| format!("{whole}{fraction:0<6}").parse().ok()).flatten()
}

/// A whole number of millionths as a JSON number, without needless zeros.
pub(super) fn decimal(millionths: i64) -> Value {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    serde_json::from_str(text.trim_end_matches('0').trim_end_matches('.')).unwrap_or_default()
}
