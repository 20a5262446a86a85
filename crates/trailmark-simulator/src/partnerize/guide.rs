//! Dialect `guide`: the users of seed 001, exactly, whatever the real vendor does (vendors.md § 2.7 lists the differences).
//! Everything else works as in `current`, on this dialect's own account.
//!
//! Decided here, where the seed is silent: an address that is taken and a wrong field are 400 in the envelope of version 1;
//! `status` is `active` or `inactive`; any password is taken (a setting asks for a longer one); a `PUT` resets what it leaves
//! out, but not address and password, which a user cannot be without (a setting keeps all of it); a page beyond the last is
//! empty; a deleted user is 404.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde_json::{Value, json};

use super::envelope::Refusal;
use super::state::{Account, Rules, User};
use super::users::check_free;
use crate::call::{Answer, Call};
use crate::clock::iso_date;
use crate::fields::{Fields, Flaw, FlawKind, only};

const TEXT: RangeInclusive<usize> = 1..=255;

/// The size of a page, and the most of it.
const PAGE: usize = 100;

/// The credentials may stand in the query of every call.
const KEYS: [&str; 2] = ["application_key", "user_api_key"];

/// `GET /user?page=&count=`: `count` of the answer is the number of users on the page.
///
/// # Errors
/// A parameter is unknown or out of range.
pub(super) fn list(account: &Account, call: &Call) -> Result<Answer, Refusal> {
    only(call, &[&KEYS[..], &["page", "count"]].concat())?;
    let number = |name: &str, most: usize| {
        let Some(text) = call.parameter(name) else { return Ok(None) };
        let number = text.parse::<usize>().ok().filter(|number| (1..=most).contains(number));
        number.map(Some).ok_or_else(|| Flaw::new(name, FlawKind::Form("a positive integer within its range")))
    };
    let (page, count) = (number("page", 1_000_000)?.unwrap_or(1), number("count", PAGE)?.unwrap_or(PAGE));
    let users: Vec<Value> = account.live_users().skip((page - 1) * count).take(count).map(user_json).collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "count": users.len(), "users": users })))
}

/// `GET /user/{id}`.
///
/// # Errors
/// There is no such user.
pub(super) fn read(account: &Account, id: &str, call: &Call) -> Result<Answer, Refusal> {
    only(call, &KEYS)?;
    let user = account.live_users().find(|user| user.user_id == id);
    Ok(shown(user.ok_or_else(|| Refusal::not_found("user", id))?))
}

/// `GET /user/self`.
///
/// # Errors
/// There is no such user any more.
pub(super) fn own(account: &Account, call: &Call) -> Result<Answer, Refusal> {
    only(call, &KEYS)?;
    let user = account.users.first().ok_or_else(|| Refusal::not_found("user", "self"))?;
    let user = json!({ "user_id": user.user_id, "email": user.email, "role": user.role });
    Ok(Answer::json(StatusCode::OK, &json!({ "user": user })))
}

/// `POST /user`.
///
/// # Errors
/// A field is missing, unknown or of another type, or the address is taken.
pub(super) fn create(account: &mut Account, rules: &Rules, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &KEYS)?;
    let mut fields = Fields::of(call)?;
    let (firstname, lastname) = (fields.required_text("firstname", TEXT)?, fields.required_text("lastname", TEXT)?);
    let email = fields.required_email("email", TEXT)?;
    fields.required_text("password", rules.password_chars..=*TEXT.end())?;
    let user = User {
        user_name: email.clone(),
        email,
        firstname: Some(firstname),
        lastname: Some(lastname),
        status: status(&mut fields)?.unwrap_or("active").to_owned(),
        role: fields.text("role", TEXT)?,
        timezone: fields.text("timezone", TEXT)?,
        locale: fields.text("locale", TEXT)?,
        created_ms: now_ms,
        updated_ms: now_ms,
        ..User::default()
    };
    fields.finish()?;
    check_free(account, None, None, Some(&user.email))?;
    let user = User { user_id: account.mint(), ..user };
    let answer = shown(&user).with_effects(1);
    account.users.push(user);
    Ok(answer)
}

/// `PUT /user/{id}`.
///
/// # Errors
/// There is no such user, or those of [`create`].
pub(super) fn put(account: &mut Account, rules: &Rules, id: &str, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &KEYS)?;
    let place = account.users.iter().position(|user| !user.deleted && user.user_id == id);
    let place = place.ok_or_else(|| Refusal::not_found("user", id))?;
    let mut fields = Fields::of(call)?;
    let email = fields.email("email", TEXT)?;
    let status = status(&mut fields)?;
    fields.text("password", rules.password_chars..=*TEXT.end())?;
    let [firstname, lastname, role, timezone, locale] = {
        let mut text = |name| fields.text(name, TEXT);
        [text("firstname")?, text("lastname")?, text("role")?, text("timezone")?, text("locale")?]
    };
    fields.finish()?;
    check_free(account, Some(place), None, email.as_deref())?;
    let user = account.users.get_mut(place).ok_or_else(|| Refusal::not_found("user", id))?;
    let standing =
        if rules.put_resets { User { status: "active".to_owned(), ..User::default() } } else { user.clone() };
    user.email = email.unwrap_or_else(|| user.email.clone());
    user.status = status.map_or(standing.status, str::to_owned);
    user.firstname = firstname.or(standing.firstname);
    user.lastname = lastname.or(standing.lastname);
    user.role = role.or(standing.role);
    user.timezone = timezone.or(standing.timezone);
    user.locale = locale.or(standing.locale);
    user.updated_ms = now_ms;
    Ok(shown(user).with_effects(1))
}

/// `DELETE /user/{id}`.
///
/// # Errors
/// There is no such user.
pub(super) fn delete(account: &mut Account, id: &str, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &KEYS)?;
    let user = account.users.iter_mut().find(|user| !user.deleted && user.user_id == id);
    let user = user.ok_or_else(|| Refusal::not_found("user", id))?;
    (user.deleted, user.updated_ms) = (true, now_ms);
    Ok(Answer::json(StatusCode::OK, &json!({ "status": "success", "message": "User deleted." })).with_effects(1))
}

fn status(fields: &mut Fields<'_>) -> Result<Option<&'static str>, Flaw> {
    fields.choice("status", &["active", "inactive"])
}

fn shown(user: &User) -> Answer {
    Answer::json(StatusCode::OK, &json!({ "user": user_json(user) }))
}

/// Every field of the seed's table but the password.
fn user_json(user: &User) -> Value {
    json!({
        "user_id": user.user_id,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "email": user.email,
        "status": user.status,
        "role": user.role,
        "timezone": user.timezone,
        "locale": user.locale,
        "created_at": iso_date(user.created_ms),
        "updated_at": iso_date(user.updated_ms),
    })
}
