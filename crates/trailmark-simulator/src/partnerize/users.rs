//! Users in dialect `current` (vendors-2.md § 1.4): create, own user, change of the own address. There is no list, no
//! deletion, no status and no role. `GET /user` and `POST /user/{id}` are on the pages of 2020 only, and a setting takes
//! them away.
//!
//! The answer to a creation has the new user's API key: a secret. Guesses: user name and address are unique; a partner that
//! comes with a user belongs to the campaign once the campaign's owner approves it; what the pages give no length for has 1
//! to 255 characters.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::envelope::Refusal;
use super::state::{Account, Publisher, User};
use super::{NETWORK, time};
use crate::call::{Answer, Call};
use crate::fields::{Fields, Flaw, FlawKind};
use crate::random::number_of;

const TEXT: RangeInclusive<usize> = 1..=255;

const REQUIRED: [&str; 5] = ["address1", "postcode", "country", "phone", "signup_ip"];
const OPTIONAL: [&str; 5] = ["address2", "address3", "address4", "locale", "password"];

/// Members that an update may have besides names and e-mail address. Left out: `fax`.
const CHANGEABLE: [&str; 8] =
    ["address1", "address2", "address3", "address4", "postcode", "country", "phone", "locale"];

const PUBLISHER_REQUIRED: [&str; 6] =
    ["account_name", "vertical", "promotional_method", "signup_ip", "entity_terms_id", "contact_email"];
const PUBLISHER_OPTIONAL: [&str; 10] = [
    "network_terms_id",
    "vat_number",
    "description",
    "company_name",
    "operating_country",
    "reporting_timezone",
    "default_currency",
    "phone",
    "contact_name",
    "contact_locale",
];

/// `POST /user`.
///
/// # Errors
/// A field is missing, unknown or of another type, or the name or address is taken.
pub(super) fn create(account: &mut Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let user_name = fields.required_text("user_name", TEXT)?;
    let email = fields.required_email("email_address", TEXT)?;
    fields.required_text("password", TEXT)?;
    let mut more = Map::new();
    for name in REQUIRED {
        more.insert(name.to_owned(), Value::from(fields.required_text(name, TEXT)?));
    }
    let (firstname, lastname) = (fields.text("firstname", TEXT)?, fields.text("lastname", TEXT)?);
    optional(&mut fields, &mut more)?;
    fields.flag("send_confirm_email")?;
    let publisher = fields.object("publisher")?.map(publisher).transpose()?;
    fields.finish()?;
    check_free(account, None, Some(&user_name), Some(&email))?;
    let user_id = account.mint();
    if let Some((account_name, contact_email)) = &publisher {
        let number = i64::try_from(account.publishers.len()).unwrap_or_default() + 1;
        let slug = user_id.clone();
        let contact_email = contact_email.clone();
        let campaign_status = "p".to_owned();
        let new = Publisher::new(number, account_name, &slug, now_ms);
        account.publishers.push(Publisher { contact_email, campaign_status, ..new });
    }
    let user = User {
        user_id,
        user_name,
        email,
        firstname,
        lastname,
        status: "active".to_owned(),
        more,
        created_ms: now_ms,
        updated_ms: now_ms,
        ..User::default()
    };
    let mut shown = user_json(&user);
    if let (Some(members), Some((account_name, contact_email))) = (shown.as_object_mut(), publisher) {
        let publisher = json!({ "account_name": account_name, "contact_email": contact_email });
        members.insert("publisher".to_owned(), publisher);
    }
    account.users.push(user);
    Ok(Answer::json(StatusCode::OK, &json!({ "user": shown })).with_effects(1))
}

/// Name and address of the partner that comes with a user. Ids of terms and kinds may be numbers or texts.
fn publisher(mut fields: Fields<'_>) -> Result<(String, String), Flaw> {
    let is_free = |name: &str| name.ends_with("_id") || matches!(name, "vertical" | "promotional_method");
    for name in PUBLISHER_REQUIRED.into_iter().chain(PUBLISHER_OPTIONAL) {
        if !is_free(name) {
            fields.text(name, TEXT)?;
            continue;
        }
        if fields.take(name).is_some_and(|value| !value.is_string() && !value.is_number()) {
            return Err(fields.flaw(name, FlawKind::Type("a string or a number")));
        }
    }
    for name in PUBLISHER_REQUIRED {
        if fields.take(name).is_none() {
            return Err(fields.flaw(name, FlawKind::Missing));
        }
    }
    let names = (fields.required_text("account_name", TEXT)?, fields.required_email("contact_email", TEXT)?);
    fields.finish()?;
    Ok(names)
}

fn optional(fields: &mut Fields<'_>, more: &mut Map<String, Value>) -> Result<(), Flaw> {
    for name in OPTIONAL {
        if let Some(text) = fields.text(name, TEXT)?.filter(|_| name != "password") {
            more.insert(name.to_owned(), Value::from(text));
        }
    }
    Ok(())
}

/// `GET /user`: to whom the API key belongs.
///
/// # Errors
/// There is no such user any more.
pub(super) fn own(account: &Account) -> Result<Answer, Refusal> {
    let user = account.users.first().ok_or_else(|| Refusal::not_found("user", "self"))?;
    Ok(Answer::json(StatusCode::OK, &json!({ "user": user_json(user) })))
}

/// `POST /user/{id}`: changes what the body has. The body names the user once more; the user's name and password cannot be
/// changed.
///
/// # Errors
/// There is no such user, the body names none or another, or those of [`create`].
pub(super) fn change(account: &mut Account, id: &str, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let place = account.users.iter().position(|user| !user.deleted && user.user_id == id);
    let place = place.ok_or_else(|| Refusal::not_found("user", id))?;
    let mut fields = Fields::of(call)?;
    if fields.required_text("user_id", TEXT)? != id {
        return Err(Refusal::bad_request("user_id must be the one of the path"));
    }
    let email = fields.email("email_address", TEXT)?;
    let (firstname, lastname) = (fields.text("firstname", TEXT)?, fields.text("lastname", TEXT)?);
    let mut more = Map::new();
    for name in CHANGEABLE {
        more.extend(fields.text(name, TEXT)?.map(|text| (name.to_owned(), Value::from(text))));
    }
    fields.finish()?;
    check_free(account, Some(place), None, email.as_deref())?;
    let user = account.users.get_mut(place).ok_or_else(|| Refusal::not_found("user", id))?;
    user.email = email.unwrap_or_else(|| user.email.clone());
    user.firstname = firstname.or(user.firstname.take());
    user.lastname = lastname.or(user.lastname.take());
    user.more.extend(more);
    user.updated_ms = now_ms;
    Ok(Answer::json(StatusCode::OK, &json!({ "user": user_json(user) })).with_effects(1))
}

/// `PATCH /v3/brand/user`: the own address, in the only field of this API that is written in camel case.
///
/// # Errors
/// The field is missing or no address, another one is there, or the address is taken.
pub(super) fn change_address(account: &mut Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let email = fields.required_email("emailAddress", TEXT)?;
    fields.finish()?;
    check_free(account, Some(0), None, Some(&email))?;
    let user = account.users.first_mut().ok_or_else(|| Refusal::not_found("user", "self"))?;
    let effects = u64::from(user.email != email);
    (user.email, user.updated_ms) = (email, now_ms);
    let data = json!({ "user_id": user.user_id, "email_verified": false, "email": user.email });
    Ok(Answer::json(StatusCode::OK, &json!({ "data": data })).with_effects(effects))
}

/// # Errors
/// Another user has the name or the address.
pub(super) fn check_free(
    account: &Account,
    own: Option<usize>,
    user_name: Option<&str>,
    email: Option<&str>,
) -> Result<(), Refusal> {
    let others = || account.users.iter().enumerate().filter(|(place, user)| !user.deleted && Some(*place) != own);
    if others().any(|(_, user)| Some(user.user_name.as_str()) == user_name) {
        return Err(Refusal::bad_request("user_name is taken"));
    }
    if others().any(|(_, user)| Some(user.email.as_str()) == email) {
        return Err(Refusal::bad_request("email address is taken"));
    }
    Ok(())
}

/// A user with the key that belongs to it; a made one opens nothing.
fn user_json(user: &User) -> Value {
    let mut members = user.more.clone();
    let own = json!({
        "user_id": user.user_id,
        "user_name": user.user_name,
        "email_address": user.email,
        "firstname": user.firstname,
        "lastname": user.lastname,
        "network_id": NETWORK,
        "network_name": "Acme",
        "created": time::spaced(user.created_ms),
        "user_api_key": format!("made{:016x}", number_of(&user.user_id)),
    });
    members.extend(own.as_object().cloned().unwrap_or_default());
    Value::Object(members)
}
