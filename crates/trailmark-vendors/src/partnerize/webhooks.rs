//! The events that the guide names: `conversion.approved`, `conversion.rejected` and `conversion.pending`. The guide shows no
//! body, and the vendor's own documents have no webhooks for brands. So this reads the least: `event`, and the conversion's
//! id and reference, at the top or under `data` or `conversion`. Nothing is signed; the report is asked before anything counts.
//!
//! Source: seed 001; vendors.md § 2.5.

use serde_json::Value;

use super::answers::{text, word};
use crate::webhook::{Meaning, Notice, event_name, keys};

/// The meaning of a webhook's body.
pub(super) fn read(body: &[u8]) -> Meaning {
    let Some(whole) = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object) else {
        return Meaning::Unreadable { reason: "the body is not a JSON object" };
    };
    let Some(event) = text(&whole, "event") else {
        return Meaning::Unreadable { reason: "`event` is missing or not a text" };
    };
    if !matches!(event, "conversion.approved" | "conversion.rejected" | "conversion.pending") {
        return Meaning::UnknownEvent { event: event_name(event) };
    }
    let inner = ["data", "conversion"].iter().find_map(|name| whole.get(name).filter(|inner| inner.is_object()));
    let object = inner.unwrap_or(&whole);
    let named = ["conversion_id", "conversion_reference", "conversionref"].map(|name| word(object, name));
    let transactions = keys(named.iter().map(Option::as_deref));
    match transactions.is_empty() {
        true => Meaning::Unreadable { reason: "the event names no conversion" },
        false => Meaning::Concerns(Notice { transactions, ..Notice::of(event) }),
    }
}
