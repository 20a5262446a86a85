//! Partnerships: what PartnerStack calls a partner's membership in the programme, and all it has for partners; the guide has
//! partners by that name. Lists them to the end of the vendor's cursor, reads one. The cursor is the key of the last item or,
//! in the guide, the `ending_cursor` that each page names; there is no page number, and a server that shows an item twice
//! would send us round for ever, so that ends the list with an error.
//!
//! Source: <https://docs.partnerstack.com/reference/partnerships>; vendors.md § 1.2, 1.4; seed 000.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::answers::{self, text};
use super::json;
use crate::Dialect;
use crate::exchange::{Answer, Method, Request};
use crate::outcome::Outcome;
use crate::paging::{Page, Pages, Partner};
use crate::redaction::Redaction;
use crate::root::{Root, encoded, segment};
use crate::secret::Secret;

/// How a dialect lists partners.
struct Rule {
    path: &'static str,
    /// Items of a page, the most that the dialect allows.
    limit: u32,
    label: &'static str,
}

const CURRENT: Rule = Rule { path: "/api/v2/partnerships", limit: 250, label: "GET /v2/partnerships" };
const GUIDE: Rule = Rule { path: "/api/v2/partners", limit: 100, label: "GET /v2/partners" };

impl Rule {
    fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::Current => &CURRENT,
            Dialect::Guide => &GUIDE,
        }
    }
}

/// The path and label of one partner: by partner key, partnership key or e-mail address; in the guide by partner key alone.
/// What cannot be a path segment names no partner, and a blank says so to the vendor without reaching another route.
pub(super) fn one(dialect: Dialect, key: &str) -> (String, &'static str) {
    let path = format!("{}/{}", Rule::of(dialect).path, segment(key).as_deref().unwrap_or("%20"));
    match dialect {
        Dialect::Current => (path, "GET /v2/partnerships/{key}"),
        Dialect::Guide => (path, "GET /v2/partners/{partner_key}"),
    }
}

/// The path and label of the smallest list there is.
pub(super) fn smallest(dialect: Dialect) -> (String, &'static str) {
    let rule = Rule::of(dialect);
    (format!("{}?limit=1", rule.path), rule.label)
}

/// Every partner, as many a page as the dialect allows.
pub(super) fn pages(dialect: Dialect, api: Root, basic: Secret, credentials: Vec<Secret>) -> Pages {
    let rule = Rule::of(dialect);
    let request = move |after: Option<&str>| {
        let cursor = after.map(|cursor| format!("&starting_after={}", encoded(cursor))).unwrap_or_default();
        Request {
            method: Method::Get,
            url: api.url(&format!("{}?limit={}{cursor}", rule.path, rule.limit)),
            headers: vec![("accept", json()), ("authorization", basic.clone())],
            body: None,
            label: rule.label,
        }
    };
    let first = request(None);
    let seen = Mutex::new(HashSet::new());
    let read = move |answer: &Answer| {
        let redaction = Redaction::of(credentials.iter().map(Secret::expose));
        let data = list(answer, &redaction)?;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (partners, last) = partners(answer, &data, &mut seen)?;
        let next = match dialect {
            _ if !data.has_more => None,
            Dialect::Current => last,
            Dialect::Guide => {
                Some(data.ending_cursor.ok_or_else(|| unreadable(answer, "more pages, and no `data.ending_cursor`"))?)
            }
        };
        Ok(Page { partners, next: next.map(|cursor| request(Some(&cursor))) })
    };
    Pages { first, read: Box::new(read) }
}

struct List {
    items: Vec<Value>,
    has_more: bool,
    ending_cursor: Option<String>,
}

fn list(answer: &Answer, redaction: &Redaction<'_>) -> Result<List, Outcome> {
    let data = success(answer, redaction)?;
    let items = data.get("items").and_then(Value::as_array).ok_or_else(|| unreadable(answer, "no `data.items`"))?;
    let has_more = data.get("has_more").and_then(Value::as_bool);
    let has_more = has_more.ok_or_else(|| unreadable(answer, "no `data.has_more`"))?;
    let ending_cursor = text(&data, "ending_cursor").map(str::to_owned);
    Ok(List { items: items.clone(), has_more, ending_cursor })
}

/// The partners of a page, and the key of the last item.
fn partners(
    answer: &Answer,
    list: &List,
    seen: &mut HashSet<String>,
) -> Result<(Vec<Partner>, Option<String>), Outcome> {
    let mut partners = Vec::with_capacity(list.items.len());
    let mut last = None;
    for item in &list.items {
        let key = text(item, "key").ok_or_else(|| unreadable(answer, "a partnership without `key`"))?;
        if !seen.insert(key.to_owned()) {
            return Err(unreadable(answer, "a partnership that an earlier page had; the list has no end"));
        }
        partners.push(partner(item).ok_or_else(|| unreadable(answer, "a partnership without `key`"))?);
        last = Some(key.to_owned());
    }
    Ok((partners, last))
}

/// The partner in the answer to a request for [`one`].
pub(super) fn read_one(answer: &Answer, redaction: &Redaction<'_>) -> Result<Partner, Outcome> {
    if answers::says_no_such_thing(answer) {
        return Err(Outcome::Rejected { message: answers::said(answer.status, "no such partner") });
    }
    let data = success(answer, redaction)?;
    partner(&data).ok_or_else(|| unreadable(answer, "a partnership without `key`"))
}

fn success(answer: &Answer, redaction: &Redaction<'_>) -> Result<Value, Outcome> {
    match answers::failure(answer, "base_url", redaction) {
        Some(failure) => Err(failure),
        None => answers::data(answer).ok_or_else(|| unreadable(answer, "no `data`")),
    }
}

fn unreadable(answer: &Answer, what: &str) -> Outcome {
    Outcome::Unknown { message: answers::said(answer.status, what) }
}

/// A partner as all vendors have one; only a key is needed, everything else may be missing.
fn partner(item: &Value) -> Option<Partner> {
    let id = text(item, "key");
    let key = text(item, "partner_key").or(id)?;
    Some(Partner {
        key: key.to_owned(),
        id: id.filter(|id| *id != key).map(str::to_owned),
        name: name(item),
        email: text(item, "email").map(str::to_owned),
        group: group(item),
        status: status(item),
    })
}

fn name(item: &Value) -> Option<String> {
    let parts = [text(item, "first_name"), text(item, "last_name")];
    let full = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if full.is_empty() { text(item, "name").map(str::to_owned) } else { Some(full) }
}

/// The group's key, or its name where the vendor shows nothing else.
fn group(item: &Value) -> Option<String> {
    let group = item.get("group");
    let within = |name| group.and_then(|group| text(group, name));
    let plain = group.and_then(Value::as_str);
    text(item, "group_key").or_else(|| within("key")).or_else(|| within("name")).or(plain).map(str::to_owned)
}

/// The vendor's own word; a partner who has not claimed the account is shown as `invited` in its list (seed 002).
fn status(item: &Value) -> Option<String> {
    let word = text(item, "status").or_else(|| text(item, "approved_status"));
    let invited = item.get("claimed").and_then(Value::as_bool) == Some(false);
    word.or(invited.then_some("invited")).map(str::to_owned)
}
