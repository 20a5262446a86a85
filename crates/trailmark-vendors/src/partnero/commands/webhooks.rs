//! Commands on webhooks: register, list, remove. The vendor makes a secret for each webhook; `webhooks register` shows it,
//! for the setting `webhook_secret`, and no other command does.
//!
//! Source: <https://docs.partnero.com/api-reference/webhooks>; vendors-2.md § 3, "Webhooks".

use serde_json::{Map, Value};

use super::super::{Account, rejection};
use super::{acknowledged, ask, named, pages, shown, texts, thing, withheld};
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::Method;

/// Characters of a name.
const NAME_CHARS: usize = 100;

pub(super) fn list(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    Ok(pages(account, withheld(values), "/v1/webhooks", "GET /v1/webhooks", shown::webhook, values.first_page()))
}

pub(super) fn register(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    if values.text("name").is_some_and(|name| name.chars().count() > NAME_CHARS) {
        return Err(rejection("`name` has more than the 100 characters that Partnero takes").into());
    }
    let mut body = Map::new();
    texts(&mut body, values, &["name"]);
    body.extend(values.secret("url").map(|url| ("url".to_owned(), url.expose().into())));
    match values.texts("event") {
        [] => return Err(rejection("give at least one `event`, such as transaction.created").into()),
        events => _ = body.insert("events".into(), events.into()),
    }
    texts(&mut body, values, &["key"]);
    body.insert("is_active".into(), Value::Bool(!values.has("inactive")));
    let request = account.with_body(Method::Post, "/v1/webhooks", &Value::Object(body), "POST /v1/webhooks");
    Ok(ask(account, withheld(values), request, |answer| thing(answer, shown::registered)))
}

pub(super) fn remove(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let request =
        account.request(Method::Delete, &format!("/v1/webhooks/{}", named(values)?), "DELETE /v1/webhooks/{key}");
    Ok(acknowledged(account, withheld(values), request, Record::removed(&values.key)))
}
