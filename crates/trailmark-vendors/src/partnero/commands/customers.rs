//! Commands on customers. The vendor names a customer in a URL by our key.
//!
//! Source: <https://docs.partnero.com/api-reference/customers>; vendors-2.md § 3, "Customers".

use serde_json::{Map, Value, json};

use super::super::{Account, rejection};
use super::{
    acknowledged, archived, ask, filtered, named, pages, shown, shown_at, texts, thing, update as changes, withheld,
};
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::Method;

pub(super) fn list(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let path = filtered("/v1/customers", values, &[("sort", "sort")]);
    Ok(pages(account, withheld(values), &path, "GET /v1/customers", shown::customer, values.first_page()))
}

pub(super) fn get(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    Ok(shown_at(account, values, &path(values)?, "GET /v1/customers/{key}", shown::customer))
}

pub(super) fn add(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    named(values)?;
    let flags = [("partner", "key"), ("partner_id", "id"), ("partner_email", "email")];
    let partner: Map<String, Value> =
        flags.iter().filter_map(|(flag, name)| Some(((*name).to_owned(), values.text(flag)?.into()))).collect();
    if partner.len() != 1 {
        let why = "give one of `partner`, `partner_id` and `partner_email`: Partnero takes a customer of one partner";
        return Err(rejection(why).into());
    }
    let mut body = Map::new();
    body.insert("key".into(), values.key.as_str().into());
    body.insert("partner".into(), Value::Object(partner));
    texts(&mut body, values, &["email", "name", "surname"]);
    if let tags @ [_, ..] = values.texts("tag") {
        body.insert("tags".into(), tags.into());
    }
    if let Some(url) = values.text("referral_url") {
        body.insert("options".into(), json!({ "referral_url": url }));
    }
    let request = account.with_body(Method::Post, "/v1/customers", &Value::Object(body), "POST /v1/customers");
    Ok(ask(account, withheld(values), request, |answer| thing(answer, shown::customer)))
}

pub(super) fn update(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let request = account.with_body(Method::Put, &path(values)?, &changes(values)?, "PUT /v1/customers/{key}");
    Ok(ask(account, withheld(values), request, |answer| thing(answer, shown::customer)))
}

pub(super) fn archive(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let place = (path(values)?, "POST /v1/customers/{key}/archive");
    Ok(archived(account, withheld(values), (&place.0, place.1), "key", &values.key, true))
}

pub(super) fn restore(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let place = (path(values)?, "POST /v1/customers/{key}/revoke-archive");
    Ok(archived(account, withheld(values), (&place.0, place.1), "key", &values.key, false))
}

pub(super) fn remove(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let request = account.request(Method::Delete, &path(values)?, "DELETE /v1/customers/{key}");
    Ok(acknowledged(account, withheld(values), request, Record::removed(&values.key)))
}

fn path(values: &Values) -> Result<String, Refusal> {
    named(values).map(|key| format!("/v1/customers/{key}"))
}
