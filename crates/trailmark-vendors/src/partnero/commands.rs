//! An operator's commands at Partnero: the steps that all of them share, such as pages, refusals with their cures, and what
//! the vendor only acknowledges. `offers` is the table of commands; `partners`, `customers`, `transactions` and `webhooks`
//! build the requests, `shown` reads things into records. The proxy's command line sends the requests.
//!
//! Sources: seed 004; vendors-2.md § 3.

pub(super) mod offers;

mod customers;

mod partners;

mod shown;

mod transactions;

mod webhooks;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::answers::{self, said};
use super::{Account, Withheld, rejection};
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::{Answer, Call, Method, Request};
use crate::outcome::Outcome;
use crate::root::{encoded, segment};

/// What a value of the command must not show up in.
fn withheld(values: &Values) -> Withheld {
    values.personal().map(str::to_owned).collect()
}

/// The key of a command as a path segment.
fn named(values: &Values) -> Result<String, Refusal> {
    segment(&values.key).ok_or_else(|| rejection("the key cannot be part of a URL: it is empty, `.` or `..`").into())
}

/// The request, whose successful answer `read` reads.
fn ask(
    account: &Account,
    withheld: Withheld,
    request: Request,
    read: impl Fn(&Answer) -> Result<Reply, Outcome> + Send + Sync + 'static,
) -> Ask<Reply> {
    let account = account.clone();
    Call::new(request, move |answer| match failure(&account, &withheld, answer) {
        Some(failure) => Err(failure),
        None => read(answer),
    })
}

/// The failure that an answer states, with the cure of each field that it names. The vendor answers 422 for a value that is
/// taken or wrong, and 400 for a thing that it does not have.
fn failure(account: &Account, withheld: &Withheld, answer: &Answer) -> Option<Outcome> {
    let redaction = account.redaction(withheld);
    if answers::says_no_such_thing(answer) {
        return Some(Outcome::Missing { message: said(404, "the vendor has no such thing") + &cures(answer) });
    }
    Some(match answers::failure(answer, &redaction)? {
        Outcome::Rejected { message } => Outcome::Rejected { message: message + &cures(answer) },
        Outcome::Duplicate { message } => Outcome::Duplicate { message: message + &cures(answer) },
        other => other,
    })
}

/// What to do about the fields that a refusal names. A 400 is also a thing in the wrong state, which no other name cures.
fn cures(answer: &Answer) -> String {
    let fields = answers::fields(answer);
    let is_unknown = String::from_utf8_lossy(&answer.body).contains("not found");
    let fits = |status: u16| match answer.status {
        400 | 404 => status == 400 && is_unknown,
        other => status == other,
    };
    let named = CURES.iter().filter(|(status, field, _)| fits(*status) && fields.iter().any(|named| named == field));
    named.map(|(_, field, cure)| format!("; `{field}`: {cure}")).collect()
}

/// Status, field and cure, in the words of seed 004 where it has them. 404 has the cures of 400.
const CURES: [(u16, &str, &str); 8] = [
    (422, "email", "use an address that nobody else in the program has"),
    (422, "id", "use an id that nobody else in the program has"),
    (422, "key", "use a key that nothing else in the program has"),
    (422, "password", "8 characters or more, with a small letter, a capital and a digit"),
    (422, "events", "use events that the vendor has for this type of program"),
    (400, "referring_partner", "check the referring partner's id, key or e-mail address"),
    (400, "partner", "check the partner's key, id or e-mail address"),
    (400, "customer", "check the customer's key, id or e-mail address"),
];

/// A list in pages of `shown` things; `path` may have filters.
fn pages(
    account: &Account,
    withheld: Withheld,
    path: &str,
    label: &'static str,
    shown: Shown,
    page: u32,
) -> Ask<Reply> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let request = account.get(&format!("{path}{joint}limit={}&page={page}", super::transactions::PAGE), label);
    let (account, path, kept) = (account.clone(), path.to_owned(), withheld.clone());
    ask(&account.clone(), withheld, request, move |answer| {
        let unproved = || answers::unproved(answer, "a list of things with keys");
        let list = answers::page(answer).ok_or_else(unproved)?;
        let items: Option<Vec<_>> = list.items.iter().map(shown).collect();
        let next = list.has_more.then(|| pages(&account, kept.clone(), &path, label, shown, page + 1));
        Ok(Reply::Page { items: items.ok_or_else(unproved)?, next })
    })
}

/// Reads a thing into a record; `None` if it has neither key nor id.
type Shown = fn(&Value) -> Option<Record>;

/// The thing in an answer.
fn thing(answer: &Answer, shown: Shown) -> Result<Reply, Outcome> {
    let record = answers::data(answer).as_ref().and_then(shown);
    record.map(Reply::Done).ok_or_else(|| answers::unproved(answer, "a thing with a key"))
}

/// `GET` of one thing.
fn shown_at(account: &Account, values: &Values, path: &str, label: &'static str, shown: Shown) -> Ask<Reply> {
    ask(account, withheld(values), account.get(path, label), move |answer| thing(answer, shown))
}

/// A request without a body that the vendor only acknowledges, and the record that says what was done.
fn acknowledged(account: &Account, withheld: Withheld, request: Request, done: Record) -> Ask<Reply> {
    ask(account, withheld, request, move |answer| match answers::is_acknowledged(answer) {
        true => Ok(Reply::Done(done.clone())),
        false => Err(answers::unproved(answer, "the vendor's confirmation")),
    })
}

/// `POST {path}/archive` or `POST {path}/revoke-archive`, of the thing with this key in this field.
fn archived(
    account: &Account,
    withheld: Withheld,
    (path, label): (&str, &'static str),
    field: &str,
    key: &str,
    is_archived: bool,
) -> Ask<Reply> {
    let (end, word) = if is_archived { ("archive", "archived") } else { ("revoke-archive", "restored") };
    let request = account.request(Method::Post, &format!("{path}/{end}"), label);
    acknowledged(
        account,
        withheld,
        request,
        Record::default().with_text(field, Some(key)).with(word, Value::Bool(true)),
    )
}

/// The texts of a body, from the flags of the same names.
fn texts(body: &mut Map<String, Value>, values: &Values, names: &[&str]) {
    body.extend(names.iter().filter_map(|name| Some(((*name).to_owned(), values.text(name)?.into()))));
}

/// What `update` changes: only what was given.
fn update(values: &Values) -> Result<Value, Refusal> {
    let mut update = Map::new();
    texts(&mut update, values, &["email", "name", "surname"]);
    partners::password(&mut update, values)?;
    update.extend(values.text("new_key").map(|key| ("key".to_owned(), key.into())));
    match (values.texts("tag"), values.has("no_tags")) {
        ([], false) => {}
        (tags, false) => _ = update.insert("tags".into(), tags.into()),
        ([], true) => _ = update.insert("tags".into(), Value::Array(Vec::new())),
        (_, true) => return Err(rejection("`tag` and `no_tags` exclude each other").into()),
    }
    match update.is_empty() {
        true => Err(rejection("nothing to change: give at least one field").into()),
        false => Ok(Value::Object([("update".to_owned(), Value::Object(update))].into_iter().collect())),
    }
}

/// A path with those filters that were given: flag and parameter.
fn filtered(path: &str, values: &Values, filters: &[(&str, &str)]) -> String {
    let given = filters.iter().filter_map(|(flag, name)| Some(format!("{name}={}", encoded(values.text(flag)?))));
    let query = given.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Continues with what a search found.
type Found = Arc<dyn Fn(&Account, &Value) -> Result<Reply, Outcome> + Send + Sync>;
