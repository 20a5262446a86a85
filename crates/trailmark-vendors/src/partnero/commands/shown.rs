//! Reads partners, customers, transactions and webhooks of Partnero into records. Tolerant: only a key or an id is needed,
//! and a value that the vendor did not send is never filled in. A webhook's signing secret is shown once, by the command
//! that registers it.
//!
//! Sources: seed 004, "Response"; vendors-2.md § 3.

use serde_json::Value;
use trailmark_wire::time::UnixMillis;

use super::super::amounts;
use super::super::answers::text;
use crate::command::Record;

/// A partner, with all fields of the seed.
pub(super) fn partner(item: &Value) -> Option<Record> {
    let record = named(item)?.with_text("email", text(item, "email"));
    let plain = ["name", "surname", "status", "approved", "tos", "referral_link", "referral_links", "referrals_count"];
    let record = copied(record, item, &plain).with("tags", tags(item));
    Some(times(copied(record, item, &["custom_fields", "referring_partner"]), item))
}

/// A customer. `partner` is what the vendor shows, its id of the partner.
pub(super) fn customer(item: &Value) -> Option<Record> {
    let plain = ["partner", "email", "name", "surname", "status", "approved", "deleted", "referral_link"];
    Some(times(copied(named(item)?, item, &plain).with("tags", tags(item)), item))
}

/// A transaction with its rewards.
pub(super) fn transaction(item: &Value) -> Option<Record> {
    let record = money(named(item)?, item);
    let plain = ["customer", "partner", "action", "product_id", "product_type", "credit", "is_currency"];
    let rewards = item
        .get("rewards")
        .and_then(Value::as_array)
        .map(|rewards| rewards.iter().map(|reward| serde_json::json!(self::reward(reward))).collect::<Value>());
    Some(times(copied(record, item, &plain), item).with("rewards", rewards))
}

fn reward(item: &Value) -> Record {
    let record = money(copied(Record::default(), item, &["key", "status"]), item);
    times(copied(record, item, &["action", "partner", "customer", "credit", "is_currency", "product_type_data"]), item)
}

/// A webhook, without the secret that signs it.
pub(super) fn webhook(item: &Value) -> Option<Record> {
    Some(times(copied(named(item)?, item, &["name", "url", "is_active", "events"]), item))
}

/// A webhook with the secret that signs it.
pub(super) fn registered(item: &Value) -> Option<Record> {
    Some(webhook(item)?.with_text("webhook_secret", text(item, "signature")))
}

/// Key and id; `None` if it has neither.
fn named(item: &Value) -> Option<Record> {
    let (key, id) = (text(item, "key"), text(item, "id"));
    key.or(id)?;
    Some(Record::default().with_text("key", key).with_text("id", id))
}

fn copied(record: Record, item: &Value, names: &[&str]) -> Record {
    names.iter().fold(record, |record, name| record.with(name, item.get(*name).cloned()))
}

fn times(record: Record, item: &Value) -> Record {
    let at = |name: &str| text(item, name).and_then(|at| UnixMillis::from_rfc3339(at).ok());
    ["created_at", "updated_at", "deleted_at"].iter().fold(record, |record, name| record.with_time(name, at(name)))
}

/// Minor units beside the currency. An amount that is no whole number of them, or in points, is shown as the vendor writes it.
fn money(record: Record, item: &Value) -> Record {
    let amount = item.get("amount");
    let currency = amounts::currency(item);
    let minor = amount.zip(currency).and_then(|(amount, currency)| amounts::minor(amount, currency));
    match (minor, currency) {
        (Some(minor), Some(currency)) => {
            record.with("amount_minor", Value::from(minor)).with_text("currency", Some(currency.as_str()))
        }
        _ => copied(record, item, &["amount", "amount_units"]),
    }
}

/// The vendor shows a tag as an object with its value.
fn tags(item: &Value) -> Option<Value> {
    let tags = item.get("tags")?.as_array()?.iter();
    Some(tags.filter_map(|tag| text(tag, "value").or_else(|| tag.as_str())).collect())
}
