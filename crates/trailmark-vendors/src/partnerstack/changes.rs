//! An operator's changes at PartnerStack: customers, partners and transactions added, changed, removed. This file decides
//! which fields a dialect has; any other field is refused by name and never dropped silently.
//!
//! | | `current` | `guide` |
//! |---|---|---|
//! | customer | POST, PATCH, DELETE | POST and PUT of seed 000; DELETE beyond the guide |
//! | partner | POST, PATCH, DELETE of partnerships | the same, beyond the guide |
//! | transaction | POST, DELETE | POST of seed 000; DELETE beyond the guide |
//!
//! PATCH and DELETE take a partnership's own id, so that is read first. Only partners can change their name and e-mail
//! address (seed 002). The vendor's documents name a call that invites a member, but not its body, and the guide has no
//! call for team members: both dialects refuse it.
//!
//! Sources: <https://docs.partnerstack.com/reference>; vendors.md §§ 1.2, 1.4; seeds 000 and 002.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use trailmark_wire::text_map::TextMap;

use super::fit::{self, EMAIL_CHARS, NAME_CHARS};
use super::lists::{path_segment, success, unreadable};
use super::{Account, answers, post, shown, transactions};
use crate::Dialect;
use crate::directory::{
    Ask, Change, CustomerFields, CustomerName, PartnerFields, Refusal, Then, Thing, TransactionFields,
};
use crate::exchange::{Answer, Call, Method, Request};
use crate::outcome::Outcome;
use crate::records::{Record, Removed};
use crate::redaction::Redaction;
use crate::task::{Note, Rejection};

/// Characters of a key, and of texts without a documented length.
const TEXT_CHARS: RangeInclusive<usize> = 1..=255;
/// Characters of a partner's first and last name.
const PARTNER_NAME_CHARS: RangeInclusive<usize> = 1..=50;

const PARTNERSHIPS: &str = "/api/v2/partnerships";

/// The first request of a change.
pub(super) fn call(account: &Account, change: &Change) -> Result<Ask<Then>, Refusal> {
    match change {
        Change::AddCustomer(fields) => add_customer(account, fields),
        Change::UpdateCustomer { key, fields } => update_customer(account, key, fields),
        Change::RemoveCustomer { key } => {
            let path = format!("/api/v2/customers/{}", path_segment(key));
            let request = account.bare(Method::Delete, &path, "DELETE /v2/customers/{customer_key}");
            Ok(removal(account, request, key, "no such customer"))
        }
        Change::AddPartner(fields) => add_partner(account, fields),
        Change::UpdatePartner { key, fields } => update_partner(account, key, fields),
        Change::RemovePartner { key } => remove_partner(account, key),
        Change::InviteMember { .. } => Err(Refusal::Unsupported { why: no_invitation(account.dialect) }),
        Change::AddTransaction(fields) => add_transaction(account, fields),
        Change::RemoveTransaction { key } => {
            let path = format!("/api/v2/transactions/{}", path_segment(key));
            let request = account.bare(Method::Delete, &path, "DELETE /v2/transactions/{key}");
            Ok(removal(account, request, key, "no such transaction"))
        }
    }
}

fn no_invitation(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Current => {
            "the vendor's documents name a call for members and not its body; add a partner, which invites its main \
             contact, and invite further members in PartnerStack"
        }
        Dialect::Guide => {
            "the guide has no call that invites members; add a partner, which invites its main contact, and invite \
             further members in PartnerStack"
        }
    }
}

fn add_customer(account: &Account, fields: &CustomerFields) -> Result<Ask<Then>, Refusal> {
    let dialect = account.dialect;
    needed("key", fields.key.as_ref(), "a customer is known by it")?;
    needed("email", fields.email.as_ref(), "every customer has an address")?;
    if dialect == Dialect::Current {
        needed("partner", fields.partner.as_ref(), "this call ties a customer to a partner by it alone")?;
    }
    let mut body = Map::new();
    insert(&mut body, "customer_key", "key", fields.key.as_ref(), TEXT_CHARS)?;
    insert(&mut body, "email", "email", fields.email.as_ref(), EMAIL_CHARS)?;
    insert(&mut body, "partner_key", "partner", fields.partner.as_ref(), TEXT_CHARS)?;
    changeable(&mut body, dialect, fields)?;
    let url = account.api.url("/api/v2/customers");
    let request = post(url, &account.basic, &Value::Object(body), "POST /v2/customers");
    Ok(sent(account, request, personal(fields, None), None, Thing::Customer))
}

fn update_customer(account: &Account, key: &str, fields: &CustomerFields) -> Result<Ask<Then>, Refusal> {
    if fields.key.is_some() || fields.partner.is_some() {
        return Err(rejected("`key` and `partner` of a customer cannot be changed at PartnerStack"));
    }
    let mut body = Map::new();
    insert(&mut body, "email", "email", fields.email.as_ref(), EMAIL_CHARS)?;
    changeable(&mut body, account.dialect, fields)?;
    if body.is_empty() {
        return Err(rejected("nothing to change: give a field"));
    }
    let (method, label) = match account.dialect {
        Dialect::Current => (Method::Patch, "PATCH /v2/customers/{customer_key}"),
        Dialect::Guide => (Method::Put, "PUT /v2/customers/{customer_key}"),
    };
    let path = format!("/api/v2/customers/{}", path_segment(key));
    let request = Request { method, ..post(account.api.url(&path), &account.basic, &Value::Object(body), label) };
    Ok(sent(account, request, personal(fields, Some(key)), Some("no such customer"), Thing::Customer))
}

/// The fields that can be set on creation and on change.
fn changeable(body: &mut Map<String, Value>, dialect: Dialect, fields: &CustomerFields) -> Result<(), Refusal> {
    insert(body, "name", "name", fields.name.as_ref(), NAME_CHARS)?;
    let (taken, foreign, data) = match dialect {
        Dialect::Current => (fields_of_current(fields), fields_of_guide(fields), "meta"),
        Dialect::Guide => (fields_of_guide(fields), fields_of_current(fields), "metadata"),
    };
    if let Some((_, name, _)) = foreign.iter().find(|(_, _, value)| value.is_some()) {
        let dialect = dialect.as_str();
        return Err(rejected(&format!("`{name}` is no field of a customer in dialect `{dialect}`; leave it out")));
    }
    for (theirs, name, value) in taken {
        let chars = if theirs.ends_with("_name") { NAME_CHARS } else { TEXT_CHARS };
        insert(body, theirs, name, value, chars)?;
    }
    insert_data(body, data, &fields.data);
    Ok(())
}

/// The vendor's name of a field, ours, and its value.
type Stated<'a> = (&'static str, &'static str, Option<&'a String>);

fn fields_of_current(fields: &CustomerFields) -> Vec<Stated<'_>> {
    vec![
        ("provider_key", "provider_key", fields.provider_key.as_ref()),
        ("member_key", "member_key", fields.member_key.as_ref()),
    ]
}

fn fields_of_guide(fields: &CustomerFields) -> Vec<Stated<'_>> {
    vec![
        ("first_name", "first_name", fields.first_name.as_ref()),
        ("last_name", "last_name", fields.last_name.as_ref()),
        ("status", "status", fields.status.as_ref()),
        ("external_key", "external_key", fields.external_key.as_ref()),
        ("group_key", "group", fields.group.as_ref()),
    ]
}

fn add_partner(account: &Account, fields: &PartnerFields) -> Result<Ask<Then>, Refusal> {
    needed("email", fields.email.as_ref(), "the main contact is invited by it")?;
    needed("group", fields.group.as_ref(), "a partner belongs to a group; list the groups")?;
    let mut body = Map::new();
    insert(&mut body, "email", "email", fields.email.as_ref(), EMAIL_CHARS)?;
    insert(&mut body, "group_key", "group", fields.group.as_ref(), TEXT_CHARS)?;
    insert_partner_key(&mut body, fields.key.as_ref())?;
    insert(&mut body, "first_name", "first_name", fields.first_name.as_ref(), PARTNER_NAME_CHARS)?;
    insert(&mut body, "last_name", "last_name", fields.last_name.as_ref(), PARTNER_NAME_CHARS)?;
    let request = post(account.api.url(PARTNERSHIPS), &account.basic, &Value::Object(body), "POST /v2/partnerships");
    Ok(sent(account, request, contact(fields), None, Thing::Partnership))
}

fn update_partner(account: &Account, key: &str, fields: &PartnerFields) -> Result<Ask<Then>, Refusal> {
    if fields.email.is_some() || fields.first_name.is_some() || fields.last_name.is_some() {
        return Err(rejected("name and e-mail address are the partner's own to change, in PartnerStack"));
    }
    let mut body = Map::new();
    insert_partner_key(&mut body, fields.key.as_ref())?;
    insert(&mut body, "group_key", "group", fields.group.as_ref(), TEXT_CHARS)?;
    if body.is_empty() {
        return Err(rejected("nothing to change: give a new `key` or `group`"));
    }
    Ok(found(account, key, move |account, id| {
        let url = account.api.url(&format!("{PARTNERSHIPS}/{}", path_segment(id)));
        let patch = post(url, &account.basic, &Value::Object(body.clone()), "PATCH /v2/partnerships/{key}");
        let patch = Request { method: Method::Patch, ..patch };
        sent(account, patch, Vec::new(), Some("no such partner"), Thing::Partnership)
    }))
}

fn remove_partner(account: &Account, key: &str) -> Result<Ask<Then>, Refusal> {
    let named = key.to_owned();
    Ok(found(account, key, move |account, id| {
        let path = format!("{PARTNERSHIPS}/{}", path_segment(id));
        let delete = account.bare(Method::Delete, &path, "DELETE /v2/partnerships/{key}");
        removal(account, delete, &named, "no such partner")
    }))
}

/// Reads the partnership first, since the next request needs its own id.
fn found(
    account: &Account,
    key: &str,
    then: impl Fn(&Account, &str) -> Ask<Then> + Send + Sync + 'static,
) -> Ask<Then> {
    let path = format!("{PARTNERSHIPS}/{}", path_segment(key));
    let request = account.get(&path, "GET /v2/partnerships/{key}");
    let (account, key) = (account.clone(), key.to_owned());
    let read = move |answer: &Answer| {
        let redaction = account.without([key.as_str()]);
        no_such(answer, Some("no such partner"))?;
        let partner = shown::partner(&success(answer, &redaction)?);
        let partner = partner.ok_or_else(|| unreadable(answer, "nothing with a `key`"))?;
        Ok(Then::Next(then(&account, partner.id.as_deref().unwrap_or(&partner.key))))
    };
    Call { request, read: Box::new(read) }
}

fn add_transaction(account: &Account, fields: &TransactionFields) -> Result<Ask<Then>, Refusal> {
    let cents = transactions::cents(fields.amount_minor, fields.currency)?;
    let mut body = Map::new();
    match account.dialect {
        Dialect::Current => transaction_of_current(&mut body, fields, cents)?,
        Dialect::Guide => transaction_of_guide(&mut body, fields, cents)?,
    }
    let url = account.api.url("/api/v2/transactions");
    let request = post(url, &account.basic, &Value::Object(body), "POST /v2/transactions");
    let (CustomerName::Email(customer) | CustomerName::Id(customer) | CustomerName::Key(customer)) = &fields.customer;
    let personal = fields.data.values().chain([customer.as_str()]).map(str::to_owned).collect();
    Ok(sent(account, request, personal, None, Thing::Transaction))
}

/// Our key is required, although the vendor does not require it: without it a repeat is a second transaction.
fn transaction_of_current(
    body: &mut Map<String, Value>,
    fields: &TransactionFields,
    cents: i64,
) -> Result<(), Refusal> {
    needed("key", fields.key.as_ref(), "without it a repeat is a second transaction")?;
    let (name, customer, chars) = match &fields.customer {
        CustomerName::Email(email) => ("customer_email", email, EMAIL_CHARS),
        CustomerName::Id(id) => ("customer_key", id, TEXT_CHARS),
        CustomerName::Key(key) => ("customer_external_key", key, TEXT_CHARS),
    };
    insert(body, name, "customer", Some(customer), chars)?;
    insert(body, "key", "key", fields.key.as_ref(), transactions::KEY_CHARS)?;
    body.insert("amount".into(), cents.into());
    body.insert("currency".into(), fields.currency.as_str().into());
    if let Some(at) = fields.at {
        body.insert("created_at".into(), at.0.into());
    }
    insert(body, "category_key", "category", fields.category.as_ref(), TEXT_CHARS)?;
    insert(body, "product_key", "product", fields.product.as_ref(), TEXT_CHARS)?;
    let mut notes = Vec::new();
    let metadata = fit::metadata(&fields.data, &mut notes);
    if let Some(Note { field, reason }) = notes.first() {
        return Err(rejected(&format!("`{field}` would be {reason}; shorten it or leave it out")));
    }
    if !metadata.is_empty() {
        body.insert("metadata".into(), Value::Object(metadata));
    }
    Ok(())
}

/// Exactly seed 000: three fields.
fn transaction_of_guide(body: &mut Map<String, Value>, fields: &TransactionFields, cents: i64) -> Result<(), Refusal> {
    let others = [
        ("key", fields.key.is_some()),
        ("category", fields.category.is_some()),
        ("product", fields.product.is_some()),
        ("at", fields.at.is_some()),
        ("data", !fields.data.is_empty()),
    ];
    if let Some((name, _)) = others.iter().find(|(_, stated)| *stated) {
        return Err(rejected(&format!("`{name}` is no field of a transaction in dialect `guide`; leave it out")));
    }
    let CustomerName::Key(customer) = &fields.customer else {
        return Err(rejected("in dialect `guide` a transaction names its customer by your own key alone"));
    };
    insert(body, "customer_key", "customer", Some(customer), TEXT_CHARS)?;
    body.insert("amount".into(), cents.into());
    body.insert("currency".into(), fields.currency.as_str().to_ascii_lowercase().into());
    Ok(())
}

/// A request whose answer shows the thing. `none` is the sentence for a path that names nothing.
fn sent(
    account: &Account,
    request: Request,
    personal: Vec<String>,
    none: Option<&'static str>,
    thing: Thing,
) -> Ask<Then> {
    let account = account.clone();
    let read = move |answer: &Answer| {
        let redaction = account.without(personal.iter().map(String::as_str));
        no_such(answer, none)?;
        let data = success(answer, &redaction)?;
        let record = shown::record(thing, account.dialect, &data);
        record.map(Then::Done).ok_or_else(|| unreadable(answer, "nothing with a `key`"))
    };
    Call { request, read: Box::new(read) }
}

/// A deletion: done is only what the vendor acknowledges, by 204 or by its envelope.
fn removal(account: &Account, request: Request, key: &str, none: &'static str) -> Ask<Then> {
    let (account, key) = (account.clone(), key.to_owned());
    let read = move |answer: &Answer| {
        no_such(answer, Some(none))?;
        match answers::failure(answer, "base_url", &account.without([key.as_str()])) {
            Some(failure) => Err(failure),
            None if answers::is_acknowledged(answer) => {
                Ok(Then::Done(Record::Removed(Removed { removed: key.clone() })))
            }
            None => Err(answers::unproved(answer, "the vendor's confirmation that it is removed")),
        }
    };
    Call { request, read: Box::new(read) }
}

fn no_such(answer: &Answer, none: Option<&'static str>) -> Result<(), Outcome> {
    match none {
        Some(none) if answers::says_no_such_thing(answer) => {
            Err(Outcome::Rejected { message: answers::said(answer.status, none) })
        }
        _ => Ok(()),
    }
}

impl Account {
    /// Keeps the credentials and these texts out of messages.
    fn without<'a>(&'a self, texts: impl IntoIterator<Item = &'a str>) -> Redaction<'a> {
        Redaction::of(&self.credentials, texts)
    }
}

/// What a message must not repeat of a customer; also the words of names.
fn personal(fields: &CustomerFields, key: Option<&str>) -> Vec<String> {
    let names = [&fields.name, &fields.first_name, &fields.last_name].into_iter().flatten();
    let words = names.clone().flat_map(|name| name.split_whitespace()).map(str::to_owned);
    let keys = [&fields.key, &fields.email, &fields.external_key, &fields.provider_key].into_iter().flatten();
    let stated = keys.chain(names).map(String::as_str).chain(fields.data.values()).map(str::to_owned);
    stated.chain(words).chain(key.map(str::to_owned)).collect()
}

fn contact(fields: &PartnerFields) -> Vec<String> {
    [&fields.email, &fields.first_name, &fields.last_name].into_iter().flatten().cloned().collect()
}

fn needed(name: &str, value: Option<&String>, why: &str) -> Result<(), Refusal> {
    match value {
        Some(_) => Ok(()),
        None => Err(rejected(&format!("missing `{name}`: {why}"))),
    }
}

/// Adds a text, if it is set, under the vendor's name of the field; `name` is ours.
fn insert(
    body: &mut Map<String, Value>,
    theirs: &str,
    name: &str,
    value: Option<&String>,
    chars: RangeInclusive<usize>,
) -> Result<(), Refusal> {
    let Some(value) = value else { return Ok(()) };
    if value.trim().is_empty() || !chars.contains(&value.chars().count()) {
        let (least, most) = (chars.start(), chars.end());
        return Err(rejected(&format!("`{name}` must have {least} to {most} characters at PartnerStack")));
    }
    body.insert(theirs.into(), value.as_str().into());
    Ok(())
}

/// Seed 002: no spaces, capitals or special characters.
fn insert_partner_key(body: &mut Map<String, Value>, key: Option<&String>) -> Result<(), Refusal> {
    let lawful = |key: &String| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if key.is_some_and(|key| !lawful(key)) {
        return Err(rejected("`key` of a partner must be lower-case letters and digits, without spaces"));
    }
    insert(body, "partner_key", "key", key, TEXT_CHARS)
}

fn insert_data(body: &mut Map<String, Value>, theirs: &str, data: &TextMap) {
    if !data.is_empty() {
        let data = data.iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        body.insert(theirs.into(), Value::Object(data));
    }
}

fn rejected(reason: &str) -> Refusal {
    Refusal::Field(Rejection { reason: reason.to_owned() })
}
