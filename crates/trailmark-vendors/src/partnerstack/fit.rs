//! Fits a conversion's optional texts to PartnerStack: a text is cut or left out if the vendor's limits are narrower than
//! ours, and a [`Note`] says so. An optional field never costs the conversion. The calls check needed fields and refuse by
//! name.
//!
//! Source: <https://docs.partnerstack.com/reference/post_v2-transactions>, `metadata`; vendors.md § 1.2, vendors-2.md § 4.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use trailmark_wire::conversion::{Customer, Order};
use trailmark_wire::text_map::TextMap;

use crate::task::Note;

/// Characters of `email`.
pub(super) const EMAIL_CHARS: RangeInclusive<usize> = 4..=255;
/// Characters of `name`.
pub(super) const NAME_CHARS: RangeInclusive<usize> = 1..=100;
/// Entries of `metadata`.
const METADATA_ENTRIES: usize = 25;
/// Characters of a name in `metadata`.
const METADATA_NAME_CHARS: usize = 30;
/// Characters of a value in `metadata`.
const METADATA_VALUE_CHARS: usize = 100;

/// The customer's name, cut to what the vendor accepts.
pub(super) fn name<'a>(customer: &'a Customer, notes: &mut Vec<Note>) -> Option<&'a str> {
    let name = customer.name.as_deref()?;
    Some(cut(name, *NAME_CHARS.end(), "customer.name", notes))
}

/// The customer's e-mail address, if the vendor does not need one.
pub(super) fn email<'a>(customer: &'a Customer, notes: &mut Vec<Note>) -> Option<&'a str> {
    let email = customer.email.as_deref().filter(|email| !email.trim().is_empty())?;
    if EMAIL_CHARS.contains(&email.chars().count()) {
        return Some(email);
    }
    left_out("customer.email", "PartnerStack takes 4 to 255 characters", notes);
    None
}

/// `data` as the `metadata` of a transaction. Blank values are left out without a note.
pub(super) fn metadata(data: &TextMap, notes: &mut Vec<Note>) -> Map<String, Value> {
    let mut metadata = Map::new();
    for (name, value) in data.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let field = format!("data.{name}");
        let short = first(name, METADATA_NAME_CHARS);
        if metadata.len() == METADATA_ENTRIES {
            left_out(&field, "PartnerStack takes 25 entries with a transaction", notes);
        } else if metadata.contains_key(short) {
            left_out(&field, "its name, cut to 30 characters, is the name of another entry", notes);
        } else {
            if short.len() < name.len() {
                let reason = "named by its first 30 characters, the most that PartnerStack takes for a name";
                notes.push(Note { field: field.clone(), reason: reason.into() });
            }
            let value = cut(value, METADATA_VALUE_CHARS, &field, notes);
            metadata.insert(short.into(), value.into());
        }
    }
    metadata
}

/// The category, if all lines have the same; a transaction has only one.
pub(super) fn category<'a>(order: &'a Order, notes: &mut Vec<Note>) -> Option<&'a str> {
    let mut categories = order.items.iter().map(|item| item.category.as_deref());
    let first = categories.next()?;
    if categories.any(|category| category != first) {
        left_out("order.items.category", "the lines differ, and a transaction has one category", notes);
        return None;
    }
    first
}

/// Notes that this call cannot carry `data`.
pub(super) fn without_data(data: &TextMap, why: &str, notes: &mut Vec<Note>) {
    if data.values().any(|value| !value.trim().is_empty()) {
        left_out("data", why, notes);
    }
}

/// Notes that a field is not sent.
pub(super) fn left_out(field: &str, why: &str, notes: &mut Vec<Note>) {
    notes.push(Note { field: field.to_owned(), reason: format!("left out: {why}") });
}

fn cut<'a>(text: &'a str, most: usize, field: &str, notes: &mut Vec<Note>) -> &'a str {
    let short = first(text, most);
    if short.len() < text.len() {
        let reason = format!("cut to {most} characters, the most that PartnerStack takes");
        notes.push(Note { field: field.to_owned(), reason });
    }
    short
}

/// At most `most` characters from the start.
fn first(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
