//! Reads what PartnerStack shows, in either dialect, into records. Tolerant: only a key is needed, unknown fields are
//! ignored, and an answer beyond the guide can be read too. A value that the vendor did not send is never filled in, except
//! the currency of rewards, which its documents state.
//!
//! Sources: <https://docs.partnerstack.com/reference>; vendors.md §§ 1.2, 1.4, vendors-2.md § 4; seed 000, "User object /
//! data model".

use serde_json::Value;
use trailmark_wire::money::Currency;
use trailmark_wire::time::UnixMillis;

use super::answers::text;
use super::customers::{our_key, our_key_on, reference};
use super::lists::Thing;
use super::transactions;
use crate::Dialect;
use crate::command::Record;

/// The record of a thing; `None` if it has no key.
pub(super) fn record(thing: Thing, dialect: Dialect, item: &Value) -> Option<Record> {
    match thing {
        Thing::Customer => customer(dialect, item),
        Thing::Group => {
            Some(with(Record::default().with_text("key", Some(text(item, "key")?)), item, &["name", "slug"]))
        }
        Thing::Partner | Thing::Partnership => partner(item),
        Thing::Reward => reward(dialect, item),
        Thing::Transaction => transaction(dialect, item),
        Thing::Webhook => {
            let record = Record::default().with_text("key", Some(text(item, "key")?));
            let record = record.with_text("url", text(item, "target_url").or_else(|| text(item, "target")));
            Some(record.with("events", item.get("events").cloned()))
        }
    }
    .map(|record| {
        let record = record.with_time("created_at", instant(item, "created_at"));
        record.with_time("updated_at", instant(item, "updated_at"))
    })
}

fn customer(dialect: Dialect, item: &Value) -> Option<Record> {
    let (key, id) = (our_key(item, dialect), reference(item, dialect));
    if key.is_none() && id.is_none() {
        return None;
    }
    let record = Record::default().with_text("key", key).with_text("id", id.as_deref());
    let record = with(record, item, &["email", "name", "first_name", "last_name"]);
    let record = record
        .with_text("partner", text(item, "partner_key"))
        .with_text("partnership", text(item, "partnership_key"))
        .with_text("group", text(item, "group_key"));
    let record = with(record, item, &["status", "external_key", "provider_key", "member_key", "test"]);
    Some(record.with("data", data(item, &["metadata", "mdata", "field_data", "meta"])))
}

/// The partner, with the key that links use, otherwise the partnership's own.
fn partner(item: &Value) -> Option<Record> {
    let id = text(item, "key");
    let key = text(item, "partner_key").or(id)?;
    let record = Record::default()
        .with_text("key", Some(key))
        .with_text("id", id.filter(|id| *id != key))
        .with_text("name", partner_name(item).as_deref())
        .with_text("email", text(item, "email"))
        .with_text("group", group_of(item))
        .with_text("status", partner_status(item));
    Some(with(record, item, &["tier", "tags"]))
}

/// The id by which a change names the partnership.
pub(super) fn partnership(item: &Value) -> Option<&str> {
    text(item, "key").or_else(|| text(item, "partner_key"))
}

/// On a transaction, `customer_key` is the vendor's own key of the customer in `current`, and ours in the guide. If the
/// customer is an object, the object has both.
fn transaction(dialect: Dialect, item: &Value) -> Option<Record> {
    let record = of_customer(Record::default().with_text("key", Some(text(item, "key")?)), dialect, item);
    let record = with(amount(record, item, None), item, &["status"]);
    let record = record.with_text("category", text(item, "category_key"));
    let record = record.with_text("product", text(item, "product_key"));
    let record = with(record.with_text("partnership", text(item, "partnership_key")), item, &["archived", "test"]);
    Some(record.with("data", data(item, &["metadata"])))
}

/// What a partner earns. Its amounts are in cents of US dollars, if no `currency` is shown (vendors-2.md § 4).
fn reward(dialect: Dialect, item: &Value) -> Option<Record> {
    let record = Record::default().with_text("key", Some(text(item, "key")?));
    let record = record.with_text("partner", key_of(item, "partnership", "partner_key"));
    let record = record.with_text("partnership", key_of(item, "partnership", "key"));
    let record = of_customer(record, dialect, item).with_text("transaction", key_of(item, "transaction", "key"));
    let record = amount(record, item, Some("USD")).with_text("status", text(item, "reward_status"));
    Some(with(record, item, &["payment_status", "description"]))
}

/// With these members under their own names.
fn with(record: Record, item: &Value, names: &[&str]) -> Record {
    names.iter().fold(record, |record, name| {
        let member = item.get(name).filter(|member| !member.is_object());
        record.with(name, member.filter(|member| member.as_str().is_none_or(|text| !text.trim().is_empty())).cloned())
    })
}

fn of_customer(record: Record, dialect: Dialect, item: &Value) -> Record {
    let (ours, theirs) = (our_key_on(item), text(item, "customer_key").or_else(|| key_of(item, "customer", "key")));
    let (customer, id) = match (ours, dialect) {
        (None, Dialect::Guide) => (theirs, None),
        (ours, _) => (ours, theirs),
    };
    record.with_text("customer", customer).with_text("customer_id", id)
}

/// The amount as the vendor counts it, hundredths of the major unit whatever the currency; and in minor units of the
/// currency, if that is known and the amount is a whole number of them.
fn amount(record: Record, item: &Value, currency: Option<&str>) -> Record {
    let cents = item.get("amount").and_then(Value::as_i64);
    let code = text(item, "currency").or(currency).map(str::to_ascii_uppercase);
    let known = code.as_deref().and_then(|code| Currency::new(code).ok());
    let minor = cents.zip(known).and_then(|(cents, currency)| transactions::minor(cents, currency));
    let record = record.with("amount_cents", cents.map(Value::from)).with("amount_minor", minor.map(Value::from));
    record.with_text("currency", code.as_deref())
}

/// A key of the thing that an item belongs to: an object with keys, or beside it.
fn key_of<'v>(item: &'v Value, what: &str, name: &str) -> Option<&'v str> {
    let beside = if name == "key" { format!("{what}_key") } else { name.to_owned() };
    item.get(what).and_then(|inner| text(inner, name)).or_else(|| text(item, &beside))
}

/// The first of these members that is not empty: the vendor sends `meta: {}` beside a full `mdata`.
fn data(item: &Value, names: &[&str]) -> Option<Value> {
    let members = names.iter().filter_map(|name| item.get(name));
    members.into_iter().find(|member| member.as_object().is_some_and(|object| !object.is_empty())).cloned()
}

/// A time in milliseconds, or in the guide's seconds: a number below 10^11 would be a day before 1973-03-03 in
/// milliseconds, and is a day before the year 5138 in seconds. So a guide's answer in milliseconds is also read correctly.
pub(super) fn instant(item: &Value, name: &str) -> Option<UnixMillis> {
    const MOST_SECONDS: u64 = 100_000_000_000;
    let number = item.get(name)?.as_i64()?;
    Some(if number.unsigned_abs() < MOST_SECONDS { UnixMillis::from_seconds(number) } else { UnixMillis(number) })
}

fn partner_name(item: &Value) -> Option<String> {
    let parts = [text(item, "first_name"), text(item, "last_name")];
    let full = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if full.is_empty() { text(item, "name").map(str::to_owned) } else { Some(full) }
}

/// The group's key, or its name if the vendor shows no key.
fn group_of(item: &Value) -> Option<&str> {
    let group = item.get("group");
    let within = |name| group.and_then(|group| text(group, name));
    text(item, "group_key").or_else(|| within("key")).or_else(|| within("name")).or(group.and_then(Value::as_str))
}

/// The vendor's own status word. Its list shows a partner who has not claimed the account as `invited` (seed 002).
fn partner_status(item: &Value) -> Option<&str> {
    let word = text(item, "status").or_else(|| text(item, "approved_status"));
    let invited = item.get("claimed").and_then(Value::as_bool) == Some(false);
    word.or(invited.then_some("invited"))
}
