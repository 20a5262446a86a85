//! Refusals of the three versions that live on one host (vendors.md § 2.3, vendors-2.md § 1.5):
//!
//! | version | body |
//! |---|---|
//! | 1 | `{error: {message, type}}`, `type` the status as text |
//! | 2 | `{error: {errors: [{property, type, code, message}], code, message}}`, the inner code a slug |
//! | 3 | the same outline, the inner code a UUID from a published table |
//!
//! The slug table and the UUIDs are those of the vendor's pages. Of the codes of 404 and 405 in version 3 the stored copies
//! show the first group only; it stands here as it is known. A status without an entry in the tables has no inner error.

use http::StatusCode;
use serde_json::{Value, json};

use crate::call::Answer;
use crate::fields::{Flaw, FlawKind};
use crate::violations::Breach;

/// The version of the API that a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
    Three,
}

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    message: String,
    flaw: Option<Flaw>,
    /// A code of version 3 that belongs to one call only.
    code: Option<&'static str>,
}

impl Version {
    /// `path` is what follows the entrance.
    pub(super) fn of(path: &[&str]) -> Self {
        match path.first() {
            Some(&"v2") => Self::Two,
            Some(&"v3") => Self::Three,
            _ => Self::One,
        }
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), flaw: None, code: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A 400 with a code of its own in version 3.
    pub(super) fn coded(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some(code), ..Self::bad_request(message) }
    }

    /// The sentence is the vendor's: "campaign not found for id '1'".
    pub(super) fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found for id '{id}'"))
    }

    pub(super) fn answer(self, version: Version) -> Answer {
        let breach = self.breach();
        Answer::json(self.status, &self.body(version)).with_breach(breach)
    }

    fn breach(&self) -> Option<Breach> {
        self.flaw.as_ref().and_then(Flaw::breach)
    }

    fn body(&self, version: Version) -> Value {
        let status = self.status.as_str();
        let errors = match version {
            Version::One => return json!({ "error": { "message": self.message, "type": status } }),
            Version::Two => self.slug().map(|(kind, code)| (kind, code.to_owned())),
            Version::Three => self.uuid().map(|(kind, code)| (kind, code.to_owned())),
        };
        let property = self.flaw.as_ref().map(|flaw| property(&flaw.field, version)).unwrap_or_default();
        let errors: Vec<Value> = errors
            .into_iter()
            .map(|(kind, code)| json!({ "property": property, "type": kind, "code": code, "message": self.message }))
            .collect();
        let reason = self.status.canonical_reason().unwrap_or("Error");
        json!({ "error": { "errors": errors, "code": status, "message": reason } })
    }

    fn slug(&self) -> Option<(&'static str, &'static str)> {
        let Some(flaw) = &self.flaw else {
            return Some(match self.status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ("error", "unauthorized"),
                StatusCode::NOT_FOUND => ("error", "entity_not_found"),
                StatusCode::METHOD_NOT_ALLOWED => ("error", "routing_error"),
                StatusCode::BAD_REQUEST => ("validation_error", "invalid_value"),
                _ => return None,
            });
        };
        let code = match flaw.kind {
            FlawKind::Form(_) => "invalid_property_format",
            FlawKind::Type(_) | FlawKind::NotAnObject | FlawKind::ContentType => "invalid_type",
            FlawKind::Missing => "required_property",
            FlawKind::TooLow(_) | FlawKind::TooFew(_) => "invalid_lower_bound",
            FlawKind::TooHigh(_) | FlawKind::TooMany(_) => "invalid_upper_bound",
            FlawKind::Choice(_) => "invalid_enum_value",
            FlawKind::TooLong(_) => "invalid_max_length",
            FlawKind::Unknown | FlawKind::UnknownParameter | FlawKind::Twice => "invalid_property",
            FlawKind::Empty | FlawKind::TooShort(_) => "invalid_value",
        };
        Some(("validation_error", code))
    }

    fn uuid(&self) -> Option<(&'static str, &'static str)> {
        if let Some(code) = self.code {
            return Some(("validation_error", code));
        }
        let Some(flaw) = &self.flaw else {
            return Some(match self.status {
                StatusCode::UNAUTHORIZED => ("unauthorised", "39b4b7c2-e5b9-41b1-83d4-db3b23b5ebfa"),
                StatusCode::NOT_FOUND => ("not_found", "0d528fb3"),
                StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "5fe5c44b"),
                StatusCode::TOO_MANY_REQUESTS => ("too_many_requests", "3b22ff00-96a5-4fa4-96cc-f36e68dbd2e2"),
                StatusCode::BAD_REQUEST => ("validation_error", "6771735c-3000-49d1-a978-74aeb33d15b9"),
                _ => return None,
            });
        };
        let code = match flaw.kind {
            FlawKind::Missing => "2572f7f9-e87e-4aa7-98cf-6f53c9ed5584",
            FlawKind::Unknown | FlawKind::UnknownParameter => "b9f3a79a-6767-4947-907e-5e0934b5a641",
            FlawKind::Type(_) => "6a6c32c0-de05-4301-89dd-4a72133c137f",
            FlawKind::NotAnObject | FlawKind::ContentType => "0789c8ad-2d2b-49a4-8356-e2ce63998504",
            FlawKind::Choice(_) => "aa903a6c-64ff-4f8b-830d-8967331c5ba3",
            FlawKind::Form(_) => "80d20241-7f19-4ee2-b46d-538f7179f7fb",
            FlawKind::TooHigh(_) => "d0fd75d5-9246-4c22-b395-4f6d0279555e",
            FlawKind::TooLow(_) => "7ed9630d-04c4-4559-ace5-5e44f45e14e9",
            FlawKind::TooLong(_) => "32452de9-0c46-4674-a87d-e02f469a003c",
            FlawKind::TooShort(_) | FlawKind::Empty => "39c6adce-c253-4750-b2c1-7215713af74d",
            FlawKind::TooMany(_) => "458f0977-09d2-40ee-bbe5-c21bc9ed6e48",
            FlawKind::TooFew(_) => "4d7d63f2-28f1-45d3-b3b8-99a1bf816e53",
            FlawKind::Twice => "25772442-e9f9-4cb1-9147-65c422026404",
        };
        Some(("validation_error", code))
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        Self { message: flaw.to_string(), flaw: Some(flaw), ..Self::bad_request("") }
    }
}

/// `publisher.vertical` in version 2, `[publisher][vertical]` in version 3.
fn property(field: &str, version: Version) -> String {
    match version {
        Version::Three if !field.is_empty() => field.split('.').map(|part| format!("[{part}]")).collect(),
        _ => field.to_owned(),
    }
}
