//! The lists of PartnerStack, and the reading of one thing. `current` has only partnerships (a partner's membership in the
//! programme) for partners; the guide has partners beside partnerships. The next page starts after the key of the last item
//! or, in the guide's own lists, after the page's `ending_cursor`, until `has_more` is false. There are no page numbers. A
//! server that shows an item twice would never reach an end, so this ends the list with an error.
//!
//! The guide has no list of groups and of transactions: both are read as in `current`. `current` cannot read a single
//! group, and neither dialect a single transaction. No list of `current` can be filtered by group, so this file filters.
//!
//! Source: <https://docs.partnerstack.com/reference>; vendors.md § 1.2, 1.4, 1.6; seed 000.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::answers::{self, text};
use super::{Account, shown};
use crate::Dialect;
use crate::directory::{Ask, List, Refusal, Thing};
use crate::exchange::{Answer, Call};
use crate::outcome::Outcome;
use crate::paging::{Page, Pages};
use crate::records::Record;
use crate::redaction::Redaction;
use crate::root::{encoded, segment};

/// Items per page, the most that a dialect allows.
const CURRENT_LIMIT: u32 = 250;
const GUIDE_LIMIT: u32 = 100;

/// How a dialect lists a thing.
#[derive(Clone, Copy)]
struct Rule {
    path: &'static str,
    label: &'static str,
    /// The name of an item in a sentence.
    noun: &'static str,
    limit: u32,
    /// Whether seed 000 describes this list: then it has its own cursor and no filter by time.
    is_guides: bool,
}

impl Rule {
    fn of(thing: Thing, dialect: Dialect) -> Self {
        let (path, label, noun) = match (thing, dialect) {
            (Thing::Customer, _) => ("/api/v2/customers", "GET /v2/customers", "customer"),
            (Thing::Group, _) => ("/api/v2/groups", "GET /v2/groups", "group"),
            (Thing::Partner, Dialect::Guide) => ("/api/v2/partners", "GET /v2/partners", "partner"),
            (Thing::Partner | Thing::Partnership, _) => ("/api/v2/partnerships", "GET /v2/partnerships", "partnership"),
            (Thing::Transaction, _) => ("/api/v2/transactions", "GET /v2/transactions", "transaction"),
        };
        let limit = most(dialect);
        let is_guides = dialect == Dialect::Guide && !matches!(thing, Thing::Group | Thing::Transaction);
        Self { path, label, noun, limit, is_guides }
    }
}

/// The most items that a page may have.
pub(super) fn most(dialect: Dialect) -> u32 {
    match dialect {
        Dialect::Current => CURRENT_LIMIT,
        Dialect::Guide => GUIDE_LIMIT,
    }
}

/// The path and label of the smallest list.
pub(super) fn smallest(dialect: Dialect) -> (String, &'static str) {
    let rule = Rule::of(Thing::Partner, dialect);
    (format!("{}?limit=1", rule.path), rule.label)
}

/// A list, as many items a page as the dialect allows.
pub(super) fn pages(account: &Account, list: &List) -> Result<Pages, Refusal> {
    let (rule, dialect, thing) = (Rule::of(list.of, account.dialect), account.dialect, list.of);
    let (filters, group) = (filters(rule, list)?, here(rule, list));
    let asked = account.clone();
    let request = move |after: Option<&str>| {
        let cursor = after.map(|cursor| format!("&starting_after={}", encoded(cursor))).unwrap_or_default();
        asked.get(&format!("{}?limit={}{filters}{cursor}", rule.path, rule.limit), rule.label)
    };
    let first = request(None);
    let (credentials, seen) = (account.credentials.clone(), Mutex::new(HashSet::new()));
    let read = move |answer: &Answer| {
        let redaction = Redaction::of(&credentials, []);
        let page = envelope(answer, &redaction)?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut items = records(thing, dialect, rule, answer, &page, &mut seen)?;
        items.retain(|item| group.is_none() || group_of(item) == group.as_deref());
        Ok(Page { items, next: next(rule, answer, page)?.map(|cursor| request(Some(&cursor))) })
    };
    Ok(Pages { first, read: Box::new(read) })
}

/// The filters that the vendor applies, as query parameters.
fn filters(rule: Rule, list: &List) -> Result<String, Refusal> {
    let mut filters = String::new();
    match (&list.group, list.of) {
        (None, _) => {}
        (Some(group), Thing::Partnership) if rule.is_guides => {
            filters.push_str(&format!("&group_key={}", encoded(group)));
        }
        (Some(_), Thing::Partnership) => {}
        (Some(_), _) => return Err(Refusal::Unsupported { why: "only partnerships can be listed by group" }),
    }
    for (name, time) in [("min_created", list.since), ("max_created", list.until)] {
        match time {
            None => {}
            Some(_) if rule.is_guides => {
                return Err(Refusal::Unsupported {
                    why: "the guide's lists take no times; leave `since` and `until` out, or use dialect `current`",
                });
            }
            Some(time) => filters.push_str(&format!("&{name}={}", time.0.max(0))),
        }
    }
    Ok(filters)
}

/// The group by which this file filters, because the vendor cannot.
fn here(rule: Rule, list: &List) -> Option<String> {
    list.group.clone().filter(|_| !rule.is_guides)
}

fn group_of(item: &Record) -> Option<&str> {
    match item {
        Record::Partner(partner) => partner.group.as_deref(),
        Record::Customer(_) | Record::Group(_) | Record::Removed(_) | Record::Transaction(_) => None,
    }
}

struct Envelope {
    items: Vec<Value>,
    has_more: bool,
    ending_cursor: Option<String>,
}

fn envelope(answer: &Answer, redaction: &Redaction<'_>) -> Result<Envelope, Outcome> {
    let data = success(answer, redaction)?;
    let items = data.get("items").and_then(Value::as_array).ok_or_else(|| unreadable(answer, "no `data.items`"))?;
    let has_more = data.get("has_more").and_then(Value::as_bool);
    let has_more = has_more.ok_or_else(|| unreadable(answer, "no `data.has_more`"))?;
    let ending_cursor = text(&data, "ending_cursor").map(str::to_owned);
    Ok(Envelope { items: items.clone(), has_more, ending_cursor })
}

fn records(
    thing: Thing,
    dialect: Dialect,
    rule: Rule,
    answer: &Answer,
    page: &Envelope,
    seen: &mut HashSet<String>,
) -> Result<Vec<Record>, Outcome> {
    let keyless = || unreadable(answer, &format!("a {} without `key`", rule.noun));
    let mut records = Vec::with_capacity(page.items.len());
    for item in &page.items {
        if !seen.insert(identity(item).ok_or_else(keyless)?) {
            let again = format!("a {} that an earlier page had; the list has no end", rule.noun);
            return Err(unreadable(answer, &again));
        }
        records.push(shown::record(thing, dialect, item).ok_or_else(keyless)?);
    }
    Ok(records)
}

/// What identifies an item: its key or, in the guide's partnerships, which have none, partner and group.
fn identity(item: &Value) -> Option<String> {
    let pair = || Some(format!("{}\n{}", text(item, "partner_key")?, text(item, "group_key").unwrap_or_default()));
    text(item, "key").map(str::to_owned).or_else(pair)
}

/// The cursor of the next page.
fn next(rule: Rule, answer: &Answer, page: Envelope) -> Result<Option<String>, Outcome> {
    match (page.has_more, rule.is_guides) {
        (false, _) => Ok(None),
        (true, false) => Ok(page.items.last().and_then(identity)),
        (true, true) => {
            let cursor = page.ending_cursor;
            cursor.map(Some).ok_or_else(|| unreadable(answer, "more pages, and no `data.ending_cursor`"))
        }
    }
}

/// One thing. Customers and, in `current`, groups and partnerships are read by more than one key; in the guide a
/// partner is read by partner key alone.
pub(super) fn one(account: &Account, thing: Thing, key: &str) -> Result<Ask<Record>, Refusal> {
    let dialect = account.dialect;
    let (label, none) = match (thing, dialect) {
        (Thing::Customer, _) => ("GET /v2/customers/{customer_key}", "no such customer"),
        (Thing::Group, Dialect::Guide) => ("GET /v2/groups/{group_key}", "no such group"),
        (Thing::Group, Dialect::Current) => {
            return Err(Refusal::Unsupported {
                why: "PartnerStack lists groups and has no call for a single one; list them, or use dialect `guide`",
            });
        }
        (Thing::Partner, Dialect::Guide) => ("GET /v2/partners/{partner_key}", "no such partner"),
        (Thing::Partner | Thing::Partnership, _) => ("GET /v2/partnerships/{key}", "no such partner"),
        (Thing::Transaction, _) => {
            return Err(Refusal::Unsupported {
                why: "PartnerStack lists transactions and has no call for a single one; list them",
            });
        }
    };
    let request = account.get(&format!("{}/{}", Rule::of(thing, dialect).path, path_segment(key)), label);
    let (credentials, key) = (account.credentials.clone(), key.to_owned());
    let read = move |answer: &Answer| {
        let redaction = Redaction::of(&credentials, [key.as_str()]);
        if answers::says_no_such_thing(answer) {
            return Err(Outcome::Rejected { message: answers::said(answer.status, none) });
        }
        let data = success(answer, &redaction)?;
        shown::record(thing, dialect, &data).ok_or_else(|| unreadable(answer, "nothing with a `key`"))
    };
    Ok(Call { request, read: Box::new(read) })
}

/// Where one partner is read, and the label of that request.
pub(super) fn path_of_partner(dialect: Dialect, key: &str) -> (String, &'static str) {
    let label = match dialect {
        Dialect::Guide => "GET /v2/partners/{partner_key}",
        Dialect::Current => "GET /v2/partnerships/{key}",
    };
    (format!("{}/{}", Rule::of(Thing::Partner, dialect).path, path_segment(key)), label)
}

/// A key as a path segment. What cannot be one names nothing, and a blank says so to the vendor without reaching
/// another route.
pub(super) fn path_segment(key: &str) -> String {
    segment(key).unwrap_or_else(|| "%20".to_owned())
}

/// The `data` of a success.
pub(super) fn success(answer: &Answer, redaction: &Redaction<'_>) -> Result<Value, Outcome> {
    match answers::failure(answer, "base_url", redaction) {
        Some(failure) => Err(failure),
        None => answers::data(answer).ok_or_else(|| unreadable(answer, "no `data`")),
    }
}

/// An answer that does not answer the question.
pub(super) fn unreadable(answer: &Answer, what: &str) -> Outcome {
    Outcome::Unknown { message: answers::said(answer.status, what) }
}
