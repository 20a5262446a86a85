//! Webhooks: vendors-2.md § 3. A program has those that its API registered, and one that a control route may point somewhere;
//! each has its own secret, and header `Signature` is the hex HMAC-SHA-256 of the raw body.
//!
//! Events are those of the vendor's own node that fit an affiliate program; others are refused when a webhook is registered.
//! No event of the program is about leads, since there are none here. `data` is the thing as the API shows it, so a transaction
//! names its partner by the id.
//!
//! Chosen where the documents are silent: there is no `PUT /webhooks/{key}`, whose body nobody shows; what is not answered
//! with a 2xx is not sent again, since neither number nor spacing of the vendor's repeats is known. A test sends a webhook
//! again with `webhooks/send`. An address that is not on this machine is registered and never called.

use std::fmt;

use aws_lc_rs::hmac;
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::paging::Paging;
use super::read::{Refusal, TEXT, bare};
use super::state::Account;
use super::{Ask, Handled, data, done, stamp};
use crate::fields::{Fields, FlawKind, only};
use crate::postman::Outgoing;

/// The secret of the webhook that `POST /control/partnero/webhooks` points somewhere.
pub const PARTNERO_WEBHOOK_SECRET: &str = "pn_sim_webhook_secret";

const EVENTS: [&str; 14] = [
    "partner.created",
    "partner.updated",
    "partner.approved",
    "partner.rejected",
    "partner.archived",
    "partner.deleted",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "transaction.created",
    "transaction.deleted",
    "lead.submitted",
    "lead.converted",
    "lead.rejected",
];

/// A registered webhook. `Debug` does not show its secret.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Hook {
    key: String,
    name: String,
    pub(super) url: String,
    events: Vec<String>,
    is_active: bool,
    /// The secret, as the vendor calls it.
    signature: String,
}

/// `POST /webhooks`.
pub(super) fn create(account: &mut Account, ask: &Ask<'_>) -> Handled {
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let name = fields.required_text("name", 1..=100)?;
    let url = fields.required_text("url", 1..=2_048)?;
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
    if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
        return Err(fields.flaw("url", FlawKind::Form("an absolute http or https URL")).into());
    }
    let events = fields.texts("events")?;
    if events.is_empty() {
        return Err(fields.flaw("events", FlawKind::Missing).into());
    }
    if let Some(event) = events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        return Err(Refusal::field("events", format!("{event} is not an event of this program")));
    }
    let key = fields.text("key", TEXT)?;
    let is_active = fields.flag("is_active")?.unwrap_or(true);
    fields.finish()?;
    if account.rules.dedupe && account.hooks.iter().any(|hook| Some(&hook.key) == key.as_ref()) {
        return Err(Refusal::field("key", "Key already exists"));
    }
    let key = key.unwrap_or_else(|| account.mint("webhook_"));
    let hook = Hook { key, name, url, events, is_active, signature: account.mint("secret_") };
    let shown = hook.json();
    account.hooks.push(hook);
    Ok(data(StatusCode::CREATED, &shown).with_effects(1))
}

/// `GET /webhooks`.
pub(super) fn list(account: &mut Account, ask: &Ask<'_>) -> Handled {
    let paging = Paging::of_webhooks(ask.call, &account.rules)?;
    Ok(paging.answer(ask, account.hooks.iter().collect(), Hook::json))
}

/// `GET /webhooks/{key}`.
pub(super) fn read(account: &mut Account, ask: &Ask<'_>) -> Handled {
    bare(ask.call)?;
    let hook = account.hooks.iter().find(|hook| hook.key == ask.key);
    Ok(data(StatusCode::OK, &hook.ok_or_else(|| Refusal::not_found("webhook"))?.json()))
}

/// `DELETE /webhooks/{key}`.
pub(super) fn delete(account: &mut Account, ask: &Ask<'_>) -> Handled {
    bare(ask.call)?;
    let place = account.hooks.iter().position(|hook| hook.key == ask.key);
    account.hooks.remove(place.ok_or_else(|| Refusal::not_found("webhook"))?);
    Ok(done().with_effects(1))
}

/// The webhooks of the events that none told yet.
pub(super) fn news(account: &mut Account, name: &'static str) -> Vec<Outgoing> {
    let events = std::mem::take(&mut account.events);
    let mut news = Vec::new();
    for (event, shown, at_ms) in &events {
        let registered = account.hooks.iter().chain(&account.pointed);
        for hook in registered.filter(|hook| hook.is_active && hook.events.iter().any(|one| one == event)) {
            let body = json!({
                "event": event,
                "url": hook.url,
                "webhook_key": hook.key,
                "created_at": stamp(*at_ms),
                "data": shown,
            });
            news.push(hook.outgoing(name, &body));
        }
    }
    news
}

/// A webhook with a body that a person wrote, of the one that a control route pointed or else of the first one.
pub(super) fn word(account: &Account, name: &'static str, body: &Value) -> Outgoing {
    let hook = account.pointed.as_ref().or(account.hooks.first());
    hook.map_or_else(|| Outgoing::json(name, body), |hook| hook.outgoing(name, body))
}

impl Hook {
    /// One for every event, as somebody makes it in the vendor's dashboard.
    pub(super) fn pointed(url: String) -> Self {
        Self {
            key: "webhook_sim".to_owned(),
            name: "Control".to_owned(),
            url,
            events: EVENTS.map(str::to_owned).to_vec(),
            is_active: true,
            signature: PARTNERO_WEBHOOK_SECRET.to_owned(),
        }
    }

    fn outgoing(&self, account: &'static str, body: &Value) -> Outgoing {
        let mut outgoing = Outgoing::json(account, body);
        outgoing.url = Some(self.url.clone());
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.signature.as_bytes());
        let signature = hmac::sign(&key, &outgoing.body);
        let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let header = HeaderValue::try_from(hex).ok();
        outgoing.headers.extend(header.map(|hex| (HeaderName::from_static("signature"), hex)));
        outgoing
    }

    fn json(&self) -> Value {
        json!({
            "key": self.key,
            "name": self.name,
            "url": self.url,
            "is_active": self.is_active,
            "signature": self.signature,
            "events": self.events,
        })
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hook").field("key", &self.key).field("events", &self.events).finish_non_exhaustive()
    }
}
