//! Webhooks that the API registers: `GET` and `POST /v2/webhooks`, `DELETE /v2/webhooks/{key}` (vendors-2.md § 4). Dialect
//! `current` only: in the guide they are made in the dashboard.
//!
//! The sources disagree whether the address is called `target_url` or `target`, so either is accepted, and the answer has it
//! under the name that came. Each webhook gets the events that it was registered for, by `webhooks`. No document lists them
//! all, so an unknown name is registered and never heard. An address that is not on this machine is never called.

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::paging::Listed;
use super::state::Account;
use super::success;
use super::validate::{Refusal, missing};
use crate::call::{Answer, Call};
use crate::fields::{Fields, FlawKind};

/// A registered webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Registered {
    key: String,
    /// The field in which the address came, and the address.
    target: (String, String),
    events: Vec<String>,
    created_ms: i64,
}

/// `POST /v2/webhooks`
///
/// # Errors
/// The address or the events are missing, or the address is no URL.
pub(super) fn register(account: &mut Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let (newer, older) = (fields.text("target_url", 1..=2_048)?, fields.text("target", 1..=2_048)?);
    let events = fields.texts("events")?;
    let (name, url) = match (newer, older) {
        (Some(url), None) => ("target_url", url),
        (None, Some(url)) => ("target", url),
        _ => return Err(missing("target_url")),
    };
    if events.is_empty() {
        return Err(missing("events"));
    }
    if url.parse::<Uri>().ok().is_none_or(|uri| uri.host().is_none()) {
        return Err(fields.flaw(name, FlawKind::Form("an absolute URL")).into());
    }
    fields.finish()?;
    let hook = Registered { key: account.mint("hook_"), target: (name.to_owned(), url), events, created_ms: now_ms };
    let answer = success(hook.json()).with_effects(1);
    account.hooks.push(hook);
    Ok(answer)
}

/// `DELETE /v2/webhooks/{key}`
///
/// # Errors
/// There is no such webhook.
pub(super) fn end(account: &mut Account, key: &str) -> Result<Answer, Refusal> {
    let place = account.hooks.iter().position(|hook| hook.key == key);
    account.hooks.remove(place.ok_or_else(|| Refusal::not_found("webhook"))?);
    Ok(success(json!({ "key": key })).with_effects(1))
}

impl Registered {
    pub(super) fn url(&self) -> &str {
        &self.target.1
    }

    pub(super) fn hears(&self, event: &str) -> bool {
        self.events.iter().any(|one| one == event)
    }

    pub(super) fn json(&self) -> Value {
        let (name, url) = &self.target;
        json!({ "key": self.key, name: url, "events": self.events, "created_at": self.created_ms })
    }
}

impl Listed for Registered {
    fn key(&self) -> &str {
        &self.key
    }

    fn created_ms(&self) -> i64 {
        self.created_ms
    }
}
