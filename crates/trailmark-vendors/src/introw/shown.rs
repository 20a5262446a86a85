//! What Introw shows, as records: every member under its own name in our spelling (`tierId` is `tier_id`), times in RFC 3339,
//! amounts in minor units beside their currency. Objects of the CRM stay as they are. `commands` makes the requests, and the command line
//! prints the records.
//!
//! Sources: seed 003 for a partner; vendors-2.md § 2 for commission lines and payouts.

use serde_json::Value;
use trailmark_wire::money::Currency;
use trailmark_wire::time::UnixMillis;

use super::Account;
use super::answers::{self, text};
use super::lines::minor;
use crate::command::{Record, Values};
use crate::exchange::Answer;
use crate::outcome::Outcome;
use crate::redaction::Redaction;

/// A kind of thing that is listed, read and changed alike.
pub(super) struct Thing {
    pub(super) path: &'static str,
    pub(super) one: &'static str,
    /// Where its ids are found.
    pub(super) known: &'static str,
    pub(super) list: &'static str,
    pub(super) get: &'static str,
    pub(super) patch: &'static str,
    pub(super) reads: &'static str,
    pub(super) writes: &'static str,
}

/// The thing in a success.
pub(super) fn one(
    account: &Account,
    values: &Values,
    answer: &Answer,
    thing: &Thing,
    scope: &str,
) -> Result<Record, Outcome> {
    succeeded(account, values, answer, scope).map_err(|failure| match failure {
        // Without a key the 404 is about something else that the request names.
        Outcome::Rejected { message } if answer.status == 404 && !values.key.is_empty() => {
            Outcome::Rejected { message: format!("{message}; {}", thing.known) }
        }
        failure => failure,
    })?;
    let shown = answers::data(answer).as_ref().and_then(record);
    shown.ok_or_else(|| answers::unproved(answer, thing.one))
}

/// # Errors
/// The outcome of a failing answer. A used-up allowance of credits says nothing about the request, and nobody waits for the
/// next month.
pub(super) fn succeeded(account: &Account, values: &Values, answer: &Answer, scope: &str) -> Result<(), Outcome> {
    let redaction = Redaction::of(&account.credentials, values.personal());
    match answers::failure(answer, scope, &redaction) {
        None => Ok(()),
        Some(Outcome::Throttled { until: Some(until) }) if answer.status == 402 => {
            let what = format!("this month's API credits are used up; the next ones come at {}", until.to_rfc3339());
            Err(Outcome::Retry { message: answers::said(answer, &what), not_before: Some(until) })
        }
        Some(failure) => Err(failure),
    }
}

/// One thing; `None` if it has no `id`.
pub(super) fn record(thing: &Value) -> Option<Record> {
    text(thing, "id")?;
    let own = text(thing, "currency").and_then(|code| Currency::new(code).ok());
    let members = thing.as_object()?.iter();
    Some(members.fold(Record::default(), |record, (name, value)| match name.as_str() {
        "amount" if value.is_object() => {
            let currency = text(value, "currency").and_then(|code| Currency::new(code).ok());
            let amount = value.get("value").unwrap_or(&Value::Null);
            with_amount(record, "amount", amount, currency).with_text("currency", text(value, "currency"))
        }
        "amount" | "sourceAmount" => with_amount(record, &spelt(name), value, own),
        "partner" if value.is_object() => {
            record.with_text("partner_id", text(value, "id")).with_text("partner_name", text(value, "name"))
        }
        _ => record.with(&spelt(name), time(name, value).unwrap_or_else(|| value.clone())),
    }))
}

/// An amount in minor units; as the vendor writes it if it is no whole number of them.
fn with_amount(record: Record, name: &str, amount: &Value, currency: Option<Currency>) -> Record {
    match currency.and_then(|currency| minor(amount, currency)) {
        Some(minor) => record.with(&format!("{name}_minor"), Value::from(minor)),
        None => record.with(name, amount.clone()),
    }
}

fn time(name: &str, value: &Value) -> Option<Value> {
    let text = value.as_str().filter(|_| name.ends_with("At"))?;
    UnixMillis::from_rfc3339(text).ok().map(|at| at.to_rfc3339().into())
}

/// `tierId` as `tier_id`.
fn spelt(name: &str) -> String {
    name.chars().fold(String::with_capacity(name.len() + 4), |mut spelt, letter| {
        if letter.is_ascii_uppercase() {
            spelt.push('_');
        }
        spelt.push(letter.to_ascii_lowercase());
        spelt
    })
}
