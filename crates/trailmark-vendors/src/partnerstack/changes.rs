//! An operator's changes at PartnerStack: customers, partners, transactions and webhooks added, changed, removed. `commands`
//! says which inputs a dialect has; this file says where they go in a body.
//!
//! PATCH and DELETE take a partnership's own id, so that is read first. The body of the call that moves several partners at
//! once is not documented: each partner is read and moved by itself, and shown as soon as it has moved. The sources
//! disagree about the field of a webhook's address, so a webhook counts as registered only if the answer shows the address.
//!
//! Sources: <https://docs.partnerstack.com/reference>; vendors.md §§ 1.2, 1.4, vendors-2.md § 4; seeds 000 and 002.

use std::ops::RangeInclusive;

use serde_json::{Map, Value as Json};
use trailmark_wire::money::Currency;

use super::fit::{self, EMAIL_CHARS, NAME_CHARS};
use super::lists::{Thing, path_segment, shown_of, success, unreadable};
use super::{Account, answers, post, shown, transactions};
use crate::Dialect;
use crate::command::{Ask, Record, Refusal, Reply, Value, Values};
use crate::exchange::{Call, Method, Request};
use crate::redaction::Redaction;
use crate::task::{Note, Rejection};

/// Where an input goes in a body: our name of it, the vendor's, and the characters of a text.
type Place = (&'static str, &'static str, RangeInclusive<usize>);

/// Characters of a key, and of texts without a documented length.
const TEXT: RangeInclusive<usize> = 1..=255;
/// Characters of a partner's first and last name.
const PARTNER_NAME: RangeInclusive<usize> = 1..=50;

const CUSTOMER: &[Place] = &[
    ("email", "email", EMAIL_CHARS),
    ("partner", "partner_key", TEXT),
    ("name", "name", NAME_CHARS),
    ("first_name", "first_name", NAME_CHARS),
    ("last_name", "last_name", NAME_CHARS),
    ("status", "status", TEXT),
    ("external_key", "external_key", TEXT),
    ("group", "group_key", TEXT),
    ("provider_key", "provider_key", TEXT),
    ("member_key", "member_key", TEXT),
];
const PARTNER: &[Place] = &[
    ("email", "email", EMAIL_CHARS),
    ("new_key", "partner_key", TEXT),
    ("group", "group_key", TEXT),
    ("key", "partner_key", TEXT),
    ("first_name", "first_name", PARTNER_NAME),
    ("last_name", "last_name", PARTNER_NAME),
    ("manager_email", "manager_email", EMAIL_CHARS),
    ("manager_name", "manager_name", TEXT),
    ("tag", "tags", TEXT),
];
const TRANSACTION: &[Place] = &[
    ("customer", "customer_external_key", TEXT),
    ("customer_id", "customer_key", TEXT),
    ("customer_email", "customer_email", EMAIL_CHARS),
    ("key", "key", transactions::KEY_CHARS),
];
const KIND_OF_TRANSACTION: &[Place] = &[("category", "category_key", TEXT), ("product", "product_key", TEXT)];

/// Inputs that say something about a person.
const PERSONAL: [&str; 11] = [
    "customer",
    "customer_email",
    "customer_id",
    "email",
    "external_key",
    "first_name",
    "last_name",
    "manager_email",
    "manager_name",
    "name",
    "provider_key",
];

const PARTNERSHIPS: &str = "/api/v2/partnerships";

/// `POST /v2/customers`
pub(super) fn add_customer(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let mut body = Map::new();
    body.insert("customer_key".into(), fitting("key", &values.key, &TEXT)?);
    body.extend(customer(account, values)?);
    let request = account.post("/api/v2/customers", body, "POST /v2/customers");
    Ok(account.sent(request, values, Thing::Customer, Reply::Done))
}

/// `PATCH` or, in the guide, `PUT /v2/customers/{customer_key}`
pub(super) fn update_customer(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let body = some(customer(account, values)?)?;
    let (method, label) = match account.dialect {
        Dialect::Current => (Method::Patch, "PATCH /v2/customers/{customer_key}"),
        Dialect::Guide => (Method::Put, "PUT /v2/customers/{customer_key}"),
    };
    let post = account.post(&format!("/api/v2/customers/{}", path_segment(&values.key)), body, label);
    Ok(account.sent(Request { method, ..post }, values, Thing::Customer, Reply::Done))
}

fn customer(account: &Account, values: &Values) -> Result<Map<String, Json>, Refusal> {
    let mut body = placed(values, CUSTOMER)?;
    if let Some(data) = values.pairs("data").filter(|data| !data.is_empty()) {
        let data = data.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let theirs = if account.dialect == Dialect::Current { "meta" } else { "metadata" };
        body.insert(theirs.into(), Json::Object(data));
    }
    Ok(body)
}

/// `POST /v2/partnerships`
pub(super) fn add_partner(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let request = account.post(PARTNERSHIPS, partner(values)?, "POST /v2/partnerships");
    Ok(account.sent(request, values, Thing::Partnership, Reply::Done))
}

/// `PATCH /v2/partnerships/{key}`
pub(super) fn update_partner(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let body = some(partner(values)?)?;
    Ok(patched(account, &values.key, body, Reply::Done))
}

/// The same for each of several partners, with a new group.
pub(super) fn move_partners(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let body = partner(values)?;
    let mut keys: Vec<String> = Vec::new();
    for key in values.texts("partner") {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys.reverse();
    moved(account, keys, body).ok_or_else(|| refused("missing `partner`: name each partner that moves"))
}

/// Moves the last of the partners, then the others.
fn moved(account: &Account, mut keys: Vec<String>, body: Map<String, Json>) -> Option<Ask<Reply>> {
    let key = keys.pop()?;
    let (again, others) = (account.clone(), body.clone());
    let next = move |record| Reply::Page { items: vec![record], next: moved(&again, keys.clone(), others.clone()) };
    Some(patched(account, &key, body, next))
}

fn patched(
    account: &Account,
    key: &str,
    body: Map<String, Json>,
    reply: impl Fn(Record) -> Reply + Clone + Send + Sync + 'static,
) -> Ask<Reply> {
    account.found(key, move |account, id| {
        let path = format!("{PARTNERSHIPS}/{}", path_segment(id));
        let post = account.post(&path, body.clone(), "PATCH /v2/partnerships/{key}");
        let patch = Request { method: Method::Patch, ..post };
        account.sent(patch, &Values::default(), Thing::Partnership, reply.clone())
    })
}

/// `DELETE /v2/partnerships/{key}`
pub(super) fn remove_partner(account: &Account, values: &Values) -> Ask<Reply> {
    let named = values.key.clone();
    account.found(&values.key, move |account, id| {
        account.removal(PARTNERSHIPS, id, &named, "DELETE /v2/partnerships/{key}", Thing::Partner)
    })
}

/// The vendor's fields of a partner. Seed 002: a key has no spaces, capitals or special characters. That binds the keys
/// that we set, not those that the vendor has.
fn partner(values: &Values) -> Result<Map<String, Json>, Refusal> {
    let lawful = |key: &str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    for name in ["key", "new_key"] {
        if values.text(name).is_some_and(|key| !lawful(key)) {
            return Err(refused(&format!(
                "`{name}` of a partner must be lower-case letters and digits, without spaces"
            )));
        }
    }
    placed(values, PARTNER)
}

/// `POST /v2/transactions`: in the guide exactly the three fields of seed 000.
pub(super) fn add_transaction(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let code = values.text("currency").unwrap_or_default();
    let currency = Currency::new(code).map_err(|error| refused(&format!("`currency`: {error}")))?;
    let cents = transactions::cents(values.number("amount_minor").unwrap_or_default(), currency)?;
    let mut body = placed(values, TRANSACTION)?;
    match account.dialect {
        Dialect::Current => {
            if ["customer", "customer_id", "customer_email"].iter().filter(|name| values.has(name)).count() != 1 {
                return Err(refused("give one of `customer`, `customer_id` and `customer_email`"));
            }
            body.insert("amount".into(), cents.into());
            body.insert("currency".into(), currency.as_str().into());
            body.extend(values.time("at").map(|at| ("created_at".into(), at.0.into())));
            body.extend(placed(values, KIND_OF_TRANSACTION)?);
            body.extend(metadata(values)?);
        }
        Dialect::Guide => {
            let customer = body.remove("customer_external_key");
            body.extend(customer.map(|customer| ("customer_key".into(), customer)));
            body.insert("amount".into(), cents.into());
            body.insert("currency".into(), currency.as_str().to_ascii_lowercase().into());
        }
    }
    let request = account.post("/api/v2/transactions", body, "POST /v2/transactions");
    Ok(account.sent(request, values, Thing::Transaction, Reply::Done))
}

fn metadata(values: &Values) -> Result<Option<(String, Json)>, Refusal> {
    let Some(data) = values.pairs("data") else { return Ok(None) };
    let mut notes = Vec::new();
    let metadata = fit::metadata(data, &mut notes);
    if let Some(Note { field, reason }) = notes.first() {
        return Err(refused(&format!("`{field}` would be {reason}; shorten it or leave it out")));
    }
    Ok((!metadata.is_empty()).then(|| ("metadata".into(), Json::Object(metadata))))
}

/// `POST /v2/webhooks`
pub(super) fn register_webhook(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let url = values.secret("url").ok_or_else(|| refused("missing `url`"))?.expose();
    let mut body = placed(values, &[("event", "events", TEXT)])?;
    body.insert(values.text("field").unwrap_or("target_url").into(), fitting("url", url, &(1..=2048))?);
    let request = account.post("/api/v2/webhooks", body, "POST /v2/webhooks");
    let (account, url) = (account.clone(), url.to_owned());
    Ok(Call::new(request, move |answer| {
        let data = success(answer, &Redaction::of(&account.credentials, [url.as_str()]))?;
        let record = shown::record(Thing::Webhook, account.dialect, &data);
        let record = record.filter(|record| record.get("url").and_then(Json::as_str) == Some(url.as_str()));
        let doubtful = "a webhook without the address; list the webhooks, remove it, and try the other `field`";
        record.map(Reply::Done).ok_or_else(|| unreadable(answer, doubtful))
    }))
}

impl Account {
    /// A `POST` of a JSON object to the vendor API.
    fn post(&self, path: &str, body: Map<String, Json>, label: &'static str) -> Request {
        post(self.api.url(path), &self.basic, &Json::Object(body), label)
    }

    /// Reads the partnership first, since the next request needs its own id.
    fn found(&self, key: &str, then: impl Fn(&Self, &str) -> Ask<Reply> + Send + Sync + 'static) -> Ask<Reply> {
        let path = format!("{PARTNERSHIPS}/{}", path_segment(key));
        let request = self.get(&path, "GET /v2/partnerships/{key}");
        let (account, key) = (self.clone(), key.to_owned());
        Call::new(request, move |answer| {
            let data = shown_of(Thing::Partner, answer, &Redaction::of(&account.credentials, [key.as_str()]))?;
            let id = shown::partnership(&data).ok_or_else(|| unreadable(answer, "nothing with a `key`"))?;
            Ok(Reply::Next(then(&account, id)))
        })
    }

    /// A request whose answer shows the thing. A path that names a thing may name nothing; a `POST` names none.
    fn sent(
        &self,
        request: Request,
        values: &Values,
        thing: Thing,
        reply: impl Fn(Record) -> Reply + Send + Sync + 'static,
    ) -> Ask<Reply> {
        let (account, personal, is_new) = (self.clone(), personal(values), request.method == Method::Post);
        Call::new(request, move |answer| {
            let redaction = Redaction::of(&account.credentials, personal.iter().map(String::as_str));
            let data = if is_new { success(answer, &redaction)? } else { shown_of(thing, answer, &redaction)? };
            let record = shown::record(thing, account.dialect, &data);
            record.map(&reply).ok_or_else(|| unreadable(answer, "nothing with a `key`"))
        })
    }

    /// A deletion: done is only what the vendor acknowledges, by 204 or by its envelope. `key` is the operator's word.
    pub(super) fn removal(&self, path: &str, id: &str, key: &str, label: &'static str, thing: Thing) -> Ask<Reply> {
        let request = self.bare(Method::Delete, &format!("{path}/{}", path_segment(id)), label);
        let (account, key) = (self.clone(), key.to_owned());
        Call::new(request, move |answer| {
            let redaction = Redaction::of(&account.credentials, [key.as_str()]);
            if answers::is_acknowledged(answer) && answers::failure(answer, "base_url", &redaction).is_none() {
                return Ok(Reply::Done(Record::removed(&key)));
            }
            shown_of(thing, answer, &redaction)?;
            Err(answers::unproved(answer, "the vendor's confirmation that it is removed"))
        })
    }
}

/// What a message must not repeat of the values; also the words of names.
fn personal(values: &Values) -> Vec<String> {
    let texts = PERSONAL.into_iter().filter_map(|name| values.text(name)).chain([values.key.as_str()]);
    let names = PERSONAL.into_iter().filter(|name| name.ends_with("name")).filter_map(|name| values.text(name));
    let data = values.pairs("data").into_iter().flat_map(|data| data.values());
    texts.chain(names.flat_map(str::split_whitespace)).chain(data).map(str::to_owned).collect()
}

/// A body of the inputs that were given.
fn placed(values: &Values, places: &[Place]) -> Result<Map<String, Json>, Refusal> {
    let mut body = Map::new();
    for (name, theirs, chars) in places {
        let json = match values.flags.get(name) {
            Some(Value::Text(text)) => fitting(name, text, chars)?,
            Some(Value::Texts(texts)) => {
                texts.iter().map(|text| fitting(name, text, chars)).collect::<Result<_, _>>()?
            }
            _ => continue,
        };
        body.insert((*theirs).into(), json);
    }
    Ok(body)
}

fn fitting(name: &str, value: &str, chars: &RangeInclusive<usize>) -> Result<Json, Refusal> {
    if value.trim().is_empty() || !chars.contains(&value.chars().count()) {
        let (least, most) = (chars.start(), chars.end());
        return Err(refused(&format!("`{name}` must have {least} to {most} characters at PartnerStack")));
    }
    Ok(value.into())
}

/// A body with something in it.
fn some(body: Map<String, Json>) -> Result<Map<String, Json>, Refusal> {
    if body.is_empty() { Err(refused("nothing to change: give a flag")) } else { Ok(body) }
}

fn refused(reason: &str) -> Refusal {
    Rejection { reason: reason.to_owned() }.into()
}
