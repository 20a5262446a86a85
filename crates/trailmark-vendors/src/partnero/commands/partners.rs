//! Commands on partners. The vendor changes, archives and deletes a partner only by its id, so each of these commands reads
//! the partner first: by the key or e-mail address that the vendor's own clients look partners up by, or by the id.
//!
//! Source: seed 004 for `add` and `invite`; <https://docs.partnero.com/api-reference/partners>; vendors-2.md § 3.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::answers::{self, text};
use super::super::credit;
use super::super::{Account, rejection};
use super::{
    Found, acknowledged, archived, ask, failure, filtered, pages, shown, texts, thing, update as changes, withheld,
};
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::{Call, Method, Request};
use crate::outcome::Outcome;
use crate::root::{encoded, segment};

pub(super) fn list(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let path = filtered("/v1/partners", values, &[("sort", "sort")]);
    Ok(pages(account, withheld(values), &path, "GET /v1/partners", shown::partner, values.first_page()))
}

pub(super) fn get(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    found(account, values, Arc::new(|_, partner| Ok(Reply::Done(shown::partner(partner).unwrap_or_default()))))
}

pub(super) fn add(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let mut body = Map::new();
    texts(&mut body, values, &["email", "name", "surname"]);
    password(&mut body, values)?;
    texts(&mut body, values, &["id", "key"]);
    if let tags @ [_, ..] = values.texts("tag") {
        body.insert("tags".into(), tags.into());
    }
    let mut referring = Map::new();
    for (flag, name) in [("referring_id", "id"), ("referring_key", "key"), ("referring_email", "email")] {
        referring.extend(values.text(flag).map(|value| (name.to_owned(), value.into())));
    }
    if !referring.is_empty() {
        body.insert("referring_partner".into(), Value::Object(referring));
    }
    let request = account.with_body(Method::Post, "/v1/partners", &Value::Object(body), "POST /v1/partners");
    Ok(ask(account, withheld(values), request, |answer| thing(answer, shown::partner)))
}

/// The vendor's own rule for passwords, so that a refused one is not sent.
pub(super) fn password(body: &mut Map<String, Value>, values: &Values) -> Result<(), Refusal> {
    let Some(password) = values.secret("password").map(|secret| secret.expose()) else { return Ok(()) };
    let has = |kind: fn(&char) -> bool| password.chars().any(|c| kind(&c));
    let is_strong = password.chars().count() >= 8
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit);
    if !is_strong {
        let why = "`password` needs 8 characters or more, with a small letter, a capital and a digit; without one the vendor \
                   makes it";
        return Err(rejection(why).into());
    }
    body.insert("password".into(), password.into());
    Ok(())
}

/// The vendor shows no answer to an invitation, so its acknowledgement is what counts.
pub(super) fn invite(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let mut body = Map::new();
    texts(&mut body, values, &["email", "name", "surname"]);
    let request =
        account.with_body(Method::Post, "/v1/partners:invite", &Value::Object(body), "POST /v1/partners:invite");
    let invited = Record::default().with_text("email", values.text("email")).with("invited", Value::Bool(true));
    Ok(acknowledged(account, withheld(values), request, invited))
}

pub(super) fn update(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let (body, kept) = (changes(values)?, withheld(values));
    found(
        account,
        values,
        Arc::new(move |account, partner| {
            let (_, path) = place(partner)?;
            let request = account.with_body(Method::Put, &path, &body, "PUT /v1/partners/{id}");
            Ok(Reply::Next(ask(account, kept.clone(), request, |answer| thing(answer, shown::partner))))
        }),
    )
}

pub(super) fn archive(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    archiving(account, values, true)
}

pub(super) fn restore(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    archiving(account, values, false)
}

fn archiving(account: &Account, values: &Values, is_archived: bool) -> Result<Ask<Reply>, Refusal> {
    let kept = withheld(values);
    let label = if is_archived { "POST /v1/partners/{id}/archive" } else { "POST /v1/partners/{id}/revoke-archive" };
    found(
        account,
        values,
        Arc::new(move |account, partner| {
            let (id, path) = place(partner)?;
            Ok(Reply::Next(archived(account, kept.clone(), (&path, label), "id", &id, is_archived)))
        }),
    )
}

pub(super) fn remove(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let kept = withheld(values);
    found(
        account,
        values,
        Arc::new(move |account, partner| {
            let (id, path) = place(partner)?;
            let request = account.request(Method::Delete, &path, "DELETE /v1/partners/{id}");
            Ok(Reply::Next(acknowledged(account, kept.clone(), request, Record::removed(&id))))
        }),
    )
}

/// The vendor's id of a partner, and the path under which it is changed.
fn place(partner: &Value) -> Result<(String, String), Outcome> {
    let id = text(partner, "id").and_then(|id| Some((id.to_owned(), format!("/v1/partners/{}", segment(id)?))));
    id.ok_or_else(|| Outcome::Unknown {
        message: "the vendor's partner has no `id`, by which alone it is changed".into(),
    })
}

/// Reads the partner that the argument names, and continues with it. A partner without `--by` is looked for as a key, and
/// then as an id; a text with `@` is an e-mail address.
fn found(account: &Account, values: &Values, then: Found) -> Result<Ask<Reply>, Refusal> {
    let key = values.key.as_str();
    let unnamed = || Refusal::from(rejection("the argument cannot name a partner: it is empty, `.` or `..`"));
    let by_id = segment(key).and_then(|_| credit::partner(account, key)).ok_or_else(unnamed)?;
    let looked_up = |by: &str| account.get(&format!("/v1/partner?{by}={}", encoded(key)), "GET /v1/partner");
    let (request, other) = match values.text("by") {
        Some("id") => (by_id, None),
        Some(by) => (looked_up(by), None),
        None if key.contains('@') => (looked_up("email"), None),
        None => (looked_up("key"), Some(by_id)),
    };
    Ok(read(account, values, request, other, then))
}

fn read(account: &Account, values: &Values, request: Request, other: Option<Request>, then: Found) -> Ask<Reply> {
    let (account, values, kept) = (account.clone(), values.clone(), withheld(values));
    Call::new(request, move |answer| match (failure(&account, &kept, answer), &other) {
        (Some(Outcome::Missing { .. }), Some(other)) => {
            Ok(Reply::Next(read(&account, &values, other.clone(), None, then.clone())))
        }
        (Some(Outcome::Missing { .. }), None) => {
            Err(Outcome::Missing { message: answers::said(answer.status, "the vendor has no such partner") })
        }
        (Some(failure), _) => Err(failure),
        (None, _) => match answers::data(answer).filter(|partner| shown::partner(partner).is_some()) {
            Some(partner) => then(&account, &partner),
            None => Err(answers::unproved(answer, "a partner")),
        },
    })
}
