//! Reads customers, groups, partners and transactions of PartnerStack, in either dialect, into the records that all vendors
//! share. Tolerant: only a key is needed, unknown fields are ignored, and an answer beyond the guide can be read too. A
//! value that the vendor did not send is never filled in.
//!
//! Sources: <https://docs.partnerstack.com/reference>; vendors.md §§ 1.2, 1.4; seed 000, "User object / data model".

use std::collections::BTreeMap;

use serde_json::Value;
use trailmark_wire::money::Currency;
use trailmark_wire::time::UnixMillis;

use super::answers::text;
use super::customers::{our_key, our_key_on, reference};
use super::transactions;
use crate::Dialect;
use crate::directory::Thing;
use crate::records::{Customer, Group, Partner, Record, Transaction};

/// The record of a thing; `None` if it has no key.
pub(super) fn record(thing: Thing, dialect: Dialect, item: &Value) -> Option<Record> {
    Some(match thing {
        Thing::Customer => Record::Customer(Box::new(customer(dialect, item)?)),
        Thing::Group => Record::Group(group(item)?),
        Thing::Partner | Thing::Partnership => Record::Partner(Box::new(partner(item)?)),
        Thing::Transaction => Record::Transaction(Box::new(transaction(dialect, item)?)),
    })
}

fn customer(dialect: Dialect, item: &Value) -> Option<Customer> {
    let (key, id) = (our_key(item, dialect).map(str::to_owned), reference(item, dialect));
    if key.is_none() && id.is_none() {
        return None;
    }
    Some(Customer {
        key,
        id,
        email: owned(item, "email"),
        name: owned(item, "name"),
        first_name: owned(item, "first_name"),
        last_name: owned(item, "last_name"),
        partner: owned(item, "partner_key"),
        partnership: owned(item, "partnership_key"),
        group: owned(item, "group_key"),
        status: owned(item, "status"),
        external_key: owned(item, "external_key"),
        provider_key: owned(item, "provider_key"),
        member_key: owned(item, "member_key"),
        test: item.get("test").and_then(Value::as_bool),
        data: data(item, &["metadata", "mdata", "field_data", "meta"]),
        created_at: instant(item, "created_at"),
        updated_at: instant(item, "updated_at"),
    })
}

fn group(item: &Value) -> Option<Group> {
    Some(Group {
        key: owned(item, "key")?,
        name: owned(item, "name"),
        slug: owned(item, "slug"),
        created_at: instant(item, "created_at"),
    })
}

/// The partner, with the key that links use, otherwise the partnership's own.
pub(super) fn partner(item: &Value) -> Option<Partner> {
    let id = text(item, "key");
    let key = text(item, "partner_key").or(id)?;
    Some(Partner {
        key: key.to_owned(),
        id: id.filter(|id| *id != key).map(str::to_owned),
        name: partner_name(item),
        email: owned(item, "email"),
        group: group_of(item),
        status: partner_status(item),
        created_at: instant(item, "created_at"),
        updated_at: instant(item, "updated_at"),
    })
}

/// On a transaction, `customer_key` is the vendor's own key of the customer in `current`, and ours in the guide. If the
/// customer is an object, the object has both.
fn transaction(dialect: Dialect, item: &Value) -> Option<Transaction> {
    let external = our_key_on(item).map(str::to_owned);
    let own = || item.get("customer").and_then(|customer| owned(customer, "key"));
    let (customer, customer_id) = match (external, owned(item, "customer_key").or_else(own), dialect) {
        (None, ours, Dialect::Guide) => (ours, None),
        (external, id, _) => (external, id),
    };
    let currency = text(item, "currency").map(str::to_ascii_uppercase);
    let amount_cents = item.get("amount").and_then(Value::as_i64);
    let known = currency.as_deref().and_then(|code| Currency::new(code).ok());
    Some(Transaction {
        key: owned(item, "key")?,
        customer,
        customer_id,
        amount_cents,
        amount_minor: amount_cents.zip(known).and_then(|(cents, currency)| transactions::minor(cents, currency)),
        currency,
        status: owned(item, "status"),
        category: owned(item, "category_key"),
        product: owned(item, "product_key"),
        test: item.get("test").and_then(Value::as_bool),
        data: data(item, &["metadata"]),
        created_at: instant(item, "created_at"),
    })
}

fn owned(item: &Value, name: &str) -> Option<String> {
    text(item, name).map(str::to_owned)
}

/// The first of these members that is not empty: the vendor sends `meta: {}` beside a full `mdata`.
fn data(item: &Value, names: &[&str]) -> BTreeMap<String, Value> {
    let objects = names.iter().filter_map(|name| item.get(name)?.as_object());
    let filled = objects.into_iter().find(|object| !object.is_empty());
    filled.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
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
    if full.is_empty() { owned(item, "name") } else { Some(full) }
}

/// The group's key, or its name if the vendor shows no key.
fn group_of(item: &Value) -> Option<String> {
    let group = item.get("group");
    let within = |name| group.and_then(|group| text(group, name));
    let plain = group.and_then(Value::as_str);
    text(item, "group_key").or_else(|| within("key")).or_else(|| within("name")).or(plain).map(str::to_owned)
}

/// The vendor's own status word. Its list shows a partner who has not claimed the account as `invited` (seed 002).
fn partner_status(item: &Value) -> Option<String> {
    let word = text(item, "status").or_else(|| text(item, "approved_status"));
    let invited = item.get("claimed").and_then(Value::as_bool) == Some(false);
    word.or(invited.then_some("invited")).map(str::to_owned)
}
