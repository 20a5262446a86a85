//! Users, as an operator manages them. The guide has list, get, create, update, delete and self. Its update replaces the
//! whole user: so the user is read, the changes are merged, and everything is sent back but ids, times and credentials. No
//! document says whether an omitted password stays, so each such answer has a `warning`.
//!
//! `current` has no list and no deletion: one's own user, creation with or without a partner, and a partial update, which
//! only the documents of 2020 have.
//!
//! What changes or deletes the user whose keys are used breaks the integration that uses them; so that user is read first,
//! and is only touched with `--force`.
//!
//! Source: seed 001; vendors-2.md § 1.4.

use serde_json::{Map, Value, json};
use trailmark_wire::time::UnixMillis;

use super::Account;
use super::answers::{self, text, word};
use super::conversion::rejection;
use crate::Dialect;
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::{Answer, Call, Method, Request};
use crate::outcome::Outcome;
use crate::root::{encoded, segment};

/// Users of a page, the guide's only size.
const PAGE: usize = 100;

/// Words of a refusal, and the cure. No document has the words, nor what a password must be like.
const CURES: &[(&str, &str)] = &[
    ("taken", UNIQUE),
    ("exists", UNIQUE),
    ("in use", UNIQUE),
    ("unique", UNIQUE),
    ("password", "the vendor publishes no rules: choose a longer one with small letters, capitals, digits and signs"),
    ("status", "use `active` or `inactive`"),
];

const UNIQUE: &str = "use one that no other user has";

/// What is done with a user whose id is known.
type Act = fn(&Account, &Values, &str) -> Ask<Reply>;

/// Inputs of the guide, which are its fields.
const GUIDE_FIELDS: [(&str, &str); 7] = [
    ("firstname", "firstname"),
    ("lastname", "lastname"),
    ("email", "email"),
    ("status", "status"),
    ("role", "role"),
    ("timezone", "timezone"),
    ("locale", "locale"),
];

/// Inputs in `current`, and the vendor's fields. `users update` does not offer `user_name` and `signup_ip`.
const CURRENT_FIELDS: [(&str, &str); 13] = [
    ("user_name", "user_name"),
    ("email", "email_address"),
    ("firstname", "firstname"),
    ("lastname", "lastname"),
    ("address1", "address1"),
    ("address2", "address2"),
    ("address3", "address3"),
    ("address4", "address4"),
    ("postcode", "postcode"),
    ("country", "country"),
    ("phone", "phone"),
    ("locale", "locale"),
    ("signup_ip", "signup_ip"),
];

/// Inputs without which `current` creates no partner.
const PARTNER_NEEDS: [&str; 5] = ["partner_name", "vertical", "promotional_method", "entity_terms_id", "contact_email"];

/// Inputs of the partner that `current` can create with a user, and the fields of `publisher`.
const PARTNER_FIELDS: [(&str, &str); 15] = [
    ("partner_name", "account_name"),
    ("vertical", "vertical"),
    ("promotional_method", "promotional_method"),
    ("signup_ip", "signup_ip"),
    ("entity_terms_id", "entity_terms_id"),
    ("network_terms_id", "network_terms_id"),
    ("contact_email", "contact_email"),
    ("contact_name", "contact_name"),
    ("contact_locale", "contact_locale"),
    ("company_name", "company_name"),
    ("description", "description"),
    ("vat_number", "vat_number"),
    ("operating_country", "operating_country"),
    ("reporting_timezone", "reporting_timezone"),
    ("default_currency", "default_currency"),
];

/// `GET /user?page=1&count=100`, page by page.
pub(super) fn list(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    Ok(listed(account, values, values.first_page(), None))
}

fn page_of(account: &Account, page: u32) -> Request {
    account.get(&format!("/user?page={page}&count={PAGE}"), "GET /user")
}

/// `before` is the first id of the page before: a server that does not count pages would never end.
fn listed(account: &Account, values: &Values, page: u32, before: Option<String>) -> Ask<Reply> {
    let (account, values) = (account.clone(), values.clone());
    Call::new(page_of(&account, page), move |answer| {
        let users = users(&account, &values, answer)?;
        let first = users.first().and_then(id);
        if first.is_some() && first == before {
            return Err(repeated());
        }
        let is_wanted = |user: &&Value| values.text("status").is_none_or(|status| text(user, "status") == Some(status));
        let next = (users.len() >= PAGE).then(|| listed(&account, &values, page + 1, first));
        Ok(Reply::Page { items: users.iter().filter(is_wanted).map(record).collect(), next })
    })
}

fn repeated() -> Outcome {
    Outcome::Unknown { message: "the vendor shows the same page of users again".into() }
}

fn users(account: &Account, values: &Values, answer: &Answer) -> Result<Vec<Value>, Outcome> {
    let body = answers::asked(answer, &account.redaction(values), CURES)?;
    let users = body.get("users").and_then(Value::as_array);
    let users = users.filter(|users| users.iter().all(|user| id(user).is_some()));
    users.cloned().ok_or_else(|| answers::unclear(answer, "`users`, each with a `user_id`"))
}

/// `GET /user/{user_id}`.
pub(super) fn get(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    with_user(account, values, &values.key, |account, values, id| {
        shown(account, values, one(id), "GET /user/{user_id}")
    })
}

/// The user whose keys are used.
pub(super) fn own(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let (path, label) = path_of_own(account.dialect);
    Ok(shown(account, values, path.to_owned(), label))
}

fn path_of_own(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Current => ("/user", "GET /user"),
        Dialect::Guide => ("/user/self", "GET /user/self"),
    }
}

fn shown(account: &Account, values: &Values, path: String, label: &'static str) -> Ask<Reply> {
    let (account, values) = (account.clone(), values.clone());
    Call::new(account.get(&path, label), move |answer| Ok(Reply::Done(record(&user(&account, &values, answer)?))))
}

/// `POST /user` of the guide.
pub(super) fn add(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let mut body = fields(values, &GUIDE_FIELDS);
    add_password(&mut body, values);
    Ok(created(account, values, body))
}

/// `POST /user` of `current`: a user, with a partner of the network if one is described.
pub(super) fn add_with_partner(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let mut body = fields(values, &CURRENT_FIELDS);
    add_password(&mut body, values);
    if values.has("send_confirm_email") {
        body.insert("send_confirm_email".into(), true.into());
    }
    let mut partner = fields(values, &PARTNER_FIELDS);
    if let Some(phone) = values.text("contact_phone") {
        partner.insert("phone".into(), phone.into());
    }
    // The address from which the user signed up is the partner's too, and makes no partner.
    let is_described = partner.keys().any(|field| field != "signup_ip");
    if is_described && !PARTNER_NEEDS.iter().all(|input| values.has(input)) {
        return Err(rejection(
            "a partner needs `partner_name`, `vertical`, `promotional_method`, `entity_terms_id` and `contact_email`",
        )
        .into());
    }
    if is_described {
        body.insert("publisher".into(), Value::Object(partner));
    }
    Ok(created(account, values, body))
}

fn created(account: &Account, values: &Values, body: Map<String, Value>) -> Ask<Reply> {
    let (account, values) = (account.clone(), values.clone());
    let request = account.send(Method::Post, "/user", &Value::Object(body), "POST /user");
    Call::new(request, move |answer| Ok(Reply::Done(record(&user(&account, &values, answer)?))))
}

/// Get, merge, PUT.
pub(super) fn update(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    if fields(values, &GUIDE_FIELDS).is_empty() && values.secret("password").is_none() {
        return Err(rejection("nothing to change: state at least one field").into());
    }
    with_user(account, values, &values.key, |account, values, id| guarded(account, values, id, merged))
}

/// The same, with `status` alone.
pub(super) fn deactivate(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let key = match (values.text("id"), values.text("email")) {
        (Some(id), None) => id,
        (None, Some(email)) if email.contains('@') => email,
        (None, Some(_)) => return Err(rejection("`email` must be an e-mail address").into()),
        _ => return Err(rejection("state the user by `id` or by `email`").into()),
    };
    with_user(account, values, key, |account, values, id| {
        // The e-mail address finds the user; it is no change.
        let flags = values.flags.clone().into_iter().filter(|(name, _)| *name == "force");
        let status = ("status", crate::command::Value::Text("inactive".into()));
        let only = Values { key: values.key.clone(), flags: flags.chain([status]).collect() };
        guarded(account, &only, id, merged)
    })
}

/// `DELETE /user/{user_id}`.
pub(super) fn remove(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    with_user(account, values, &values.key, |account, values, id| guarded(account, values, id, deleted))
}

fn deleted(account: &Account, values: &Values, id: &str) -> Ask<Reply> {
    let (account, values, id) = (account.clone(), values.clone(), id.to_owned());
    let request = account.request(Method::Delete, &one(&id), None, "DELETE /user/{user_id}");
    Call::new(request, move |answer| {
        let body = answers::asked(answer, &account.redaction(&values), CURES)?;
        match text(&body, "status") {
            Some("success") => Ok(Reply::Done(Record::removed(&id))),
            _ => Err(answers::unclear(answer, "`status` with `success`")),
        }
    })
}

/// `POST /user/{user_id}` of `current`: only the stated fields, and the id once more.
pub(super) fn update_partly(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    if fields(values, &CURRENT_FIELDS).is_empty() {
        return Err(rejection("nothing to change: state at least one field").into());
    }
    let id = segment(&values.key).map(|_| values.key.as_str());
    let id = id.filter(|id| !id.contains('@'));
    let id =
        id.ok_or_else(|| rejection("state the user by id: the vendor has no list to find an e-mail address in"))?;
    Ok(guarded(account, values, id, |account, values, id| {
        let changes = fields(values, &CURRENT_FIELDS);
        let mut body = changes.clone();
        body.insert("user_id".into(), id.into());
        let request = account.send(Method::Post, &one(id), &Value::Object(body), "POST /user/{user_id}");
        changed(account, values, id, request, changes, Map::new())
    }))
}

/// `PATCH /v3/brand/user`: the e-mail address of the user whose keys are used.
pub(super) fn set_email(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    if !values.has("force") {
        return Err(rejection("this changes the user whose keys are used: add `--force`").into());
    }
    let email = values.text("email").unwrap_or_default().to_owned();
    let (account, values) = (account.clone(), values.clone());
    let body = json!({"emailAddress": email});
    let request = account.send(Method::Patch, "/v3/brand/user", &body, "PATCH /v3/brand/user");
    Ok(Call::new(request, move |answer| {
        let body = answers::asked(answer, &account.redaction(&values), CURES)?;
        let user =
            body.get("data").filter(|user| text(user, "email").is_some_and(|shown| shown.eq_ignore_ascii_case(&email)));
        let user = user.ok_or_else(|| answers::unclear(answer, "the new address in `data.email`"))?;
        let is_verified = user.get("email_verified").filter(|verified| verified.is_boolean()).cloned();
        Ok(Reply::Done(record(user).with("email_verified", is_verified)))
    }))
}

/// Goes on with a user, who is named by id or by e-mail address.
fn with_user(account: &Account, values: &Values, key: &str, act: Act) -> Result<Ask<Reply>, Refusal> {
    match segment(key) {
        Some(_) if key.contains('@') => Ok(found(account, values, key, 1, None, act)),
        Some(_) => Ok(act(account, values, key)),
        None => Err(rejection("no URL can name this user").into()),
    }
}

/// Looks for the user with this e-mail address, page by page.
fn found(account: &Account, values: &Values, email: &str, page: u32, before: Option<String>, act: Act) -> Ask<Reply> {
    let (account, values, email) = (account.clone(), values.clone(), email.to_owned());
    Call::new(page_of(&account, page), move |answer| {
        let users = users(&account, &values, answer)?;
        let first = users.first().and_then(id);
        let has_address = |user: &&Value| text(user, "email").is_some_and(|shown| shown.eq_ignore_ascii_case(&email));
        match users.iter().find(has_address).and_then(id) {
            Some(id) => Ok(Reply::Next(act(&account, &values, &id))),
            None if first.is_some() && first == before => Err(repeated()),
            None if users.len() >= PAGE => Ok(Reply::Next(found(&account, &values, &email, page + 1, first, act))),
            None => Err(Outcome::Rejected { message: "no user has this e-mail address".into() }),
        }
    })
}

/// Goes on unless the user is the one whose keys are used.
fn guarded(account: &Account, values: &Values, wanted: &str, act: Act) -> Ask<Reply> {
    if values.has("force") {
        return act(account, values, wanted);
    }
    let (account, values, wanted) = (account.clone(), values.clone(), wanted.to_owned());
    let (path, label) = path_of_own(account.dialect);
    Call::new(account.get(path, label), move |answer| {
        let own = user(&account, &values, answer)?;
        if id(&own).as_deref() == Some(wanted.as_str()) {
            let message = "this is the user whose keys are used, and the change may lock you out: add `--force`".into();
            return Err(Outcome::Rejected { message });
        }
        Ok(Reply::Next(act(&account, &values, &wanted)))
    })
}

/// Reads the user, and replaces it by itself with the changes.
fn merged(account: &Account, values: &Values, id: &str) -> Ask<Reply> {
    let (account, values, id) = (account.clone(), values.clone(), id.to_owned());
    Call::new(account.get(&one(&id), "GET /user/{user_id}"), move |answer| {
        let user = user(&account, &values, answer)?;
        let mut changes = fields(&values, &GUIDE_FIELDS);
        let is_there = |(name, value): (&String, &Value)| user.get(name) == Some(value);
        if values.secret("password").is_none() && changes.iter().all(is_there) {
            return Ok(Reply::Done(record(&user).with_text("note", Some("nothing to change: nothing was sent"))));
        }
        let keeps = |name: &str| {
            let is_time = name.ends_with("_at") || matches!(name, "created" | "updated" | "last_modified");
            !is_time && !matches!(name, "id" | "user_id" | "password" | "user_api_key" | "application_key")
        };
        // A field without a value is the same as an omitted one, and the guide has texts alone.
        let is_kept = |(name, value): &(&String, &Value)| keeps(name) && !value.is_null();
        let kept = user.as_object().into_iter().flatten().filter(is_kept);
        let kept: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        add_password(&mut changes, &values);
        let mut body = kept.clone();
        body.extend(changes.clone());
        let request = account.send(Method::Put, &one(&id), &Value::Object(body), "PUT /user/{user_id}");
        Ok(Reply::Next(changed(&account, &values, &id, request, changes, kept)))
    })
}

/// Sends a change. The answer must show it: a success by its status alone proves nothing.
fn changed(
    account: &Account,
    values: &Values,
    wanted: &str,
    request: Request,
    changes: Map<String, Value>,
    kept: Map<String, Value>,
) -> Ask<Reply> {
    let (account, values, wanted) = (account.clone(), values.clone(), wanted.to_owned());
    Call::new(request, move |answer| {
        let shown = user(&account, &values, answer)?;
        // Of an address only the letters count, since vendors write it in lower case.
        let is_shown = |(name, value): (&String, &Value)| match (name.as_str(), value.as_str()) {
            ("password", _) => true,
            ("email" | "email_address", Some(email)) => {
                text(&shown, name).is_some_and(|shown| shown.eq_ignore_ascii_case(email))
            }
            _ => shown.get(name) == Some(value),
        };
        if id(&shown).as_deref() != Some(wanted.as_str()) || !changes.iter().all(is_shown) {
            let what = "the answer does not show the user with every change: read the user before you send it again";
            return Err(Outcome::Unknown { message: answers::said(answer.status, what) });
        }
        let mut whole = kept.clone();
        whole.extend(shown.as_object().cloned().unwrap_or_default());
        let replaced_without_password = account.dialect == Dialect::Guide && values.secret("password").is_none();
        let warning = "the password was not sent; the guide does not say whether the vendor keeps an omitted one";
        let record = record(&Value::Object(whole));
        Ok(Reply::Done(record.with_text("warning", replaced_without_password.then_some(warning))))
    })
}

/// The path of a user. The id was checked to be a segment, or came from the vendor.
fn one(id: &str) -> String {
    format!("/user/{}", encoded(id))
}

fn user(account: &Account, values: &Values, answer: &Answer) -> Result<Value, Outcome> {
    let body = answers::asked(answer, &account.redaction(values), CURES)?;
    let user = body.get("user").filter(|user| id(user).is_some());
    user.cloned().ok_or_else(|| answers::unclear(answer, "`user` with a `user_id`"))
}

fn id(user: &Value) -> Option<String> {
    word(user, "user_id").filter(|id| segment(id).is_some())
}

fn fields(values: &Values, names: &[(&str, &str)]) -> Map<String, Value> {
    let stated = names.iter().filter_map(|(input, field)| Some(((*field).to_owned(), values.text(input)?.into())));
    stated.collect()
}

fn add_password(body: &mut Map<String, Value>, values: &Values) {
    if let Some(password) = values.secret("password") {
        body.insert("password".into(), password.expose().into());
    }
}

/// A user in our words; never a key or a password.
fn record(user: &Value) -> Record {
    const PLAIN: [&str; 10] = [
        "firstname",
        "lastname",
        "user_name",
        "status",
        "role",
        "timezone",
        "locale",
        "phone",
        "network_id",
        "network_name",
    ];
    let record = Record::default().with_text("id", id(user).as_deref());
    let email = text(user, "email").or_else(|| text(user, "email_address"));
    let record = PLAIN
        .iter()
        .fold(record.with_text("email", email), |record, name| record.with_text(name, word(user, name).as_deref()));
    let at = |names: [&str; 2]| names.iter().find_map(|name| UnixMillis::from_rfc3339(text(user, name)?).ok());
    record.with_time("created_at", at(["created_at", "created"])).with_time("updated_at", at(["updated_at", "updated"]))
}
