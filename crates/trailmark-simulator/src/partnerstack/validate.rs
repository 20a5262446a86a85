//! What PartnerStack's documents say of fields beyond the shared reader, and the vendor's words for what is wrong.
//!
//! A missing field of an action was measured as `'key' is a required property`; the other sentences are ours. vendors.md
//! § 1.2 says to leave empty optional texts out, so they are refused.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde_json::{Map, Value};

use crate::fields::{Fields, Flaw, FlawKind};
use crate::violations::Breach;

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
    /// The violation that it is, if the client invented a name.
    pub(super) breach: Option<Breach>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), breach: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        let message = match flaw.kind {
            FlawKind::Missing => return missing(&flaw.field),
            _ => flaw.to_string(),
        };
        Self { breach: flaw.breach(), ..Self::bad_request(message) }
    }
}

pub(super) fn missing(name: &str) -> Refusal {
    Refusal::bad_request(format!("'{name}' is a required property"))
}

/// Three letters, in either case: seed 000 writes `usd`.
///
/// # Errors
/// It is missing, or something else.
pub(super) fn currency(fields: &mut Fields<'_>) -> Result<String, Flaw> {
    let currency = fields.required_text("currency", 3..=3)?;
    let is_plain = currency.bytes().all(|byte| byte.is_ascii_alphabetic());
    if is_plain { Ok(currency) } else { Err(fields.flaw("currency", FlawKind::Form("three letters"))) }
}

/// The metadata of a transaction, with its limits; it may be null.
///
/// # Errors
/// It is not an object of texts, or larger than the reference allows.
pub(super) fn metadata(fields: &mut Fields<'_>) -> Result<Map<String, Value>, Refusal> {
    if fields.is_null("metadata") {
        return Ok(Map::new());
    }
    let metadata = fields.free_object("metadata")?;
    if metadata.len() > METADATA_ENTRIES {
        return Err(Refusal::bad_request(format!("metadata takes at most {METADATA_ENTRIES} entries")));
    }
    for (name, value) in &metadata {
        let no_text = || fields.flaw("metadata", FlawKind::Type("an object of strings"));
        let value = value.as_str().ok_or_else(no_text)?;
        fields.within_length("metadata name", name, 1..=METADATA_NAME)?;
        fields.within_length("metadata value", value, 0..=METADATA_VALUE)?;
    }
    Ok(metadata)
}
