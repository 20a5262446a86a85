//! Acme, an invented vendor that takes signups of a click id and nothing else. It is no part of the product: `cargo xtask
//! test` adds it to a copy of the tree, to show what a new vendor touches. It is as small as an adapter may be: no look-up, no
//! commissions, no webhooks, no commands. `table` describes it for people.

mod table;

use std::sync::Arc;

use serde_json::{Value, json};
use trailmark_wire::conversion::Kind;

use crate::account::{AccountError, KeySpace, Opening, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class};
use crate::command::Lack;
use crate::exchange::{Answer, Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome, Probe, kept};
use crate::root::Root;
use crate::secret::Secret;
use crate::task::{Field, Plan, Rejection, Task};
use crate::{Adapter, Delivery, Dialect, Pace, Vendor};

const NAME: &str = "acme";

const API_KEY: Setting = Setting::of("api_key", SettingKind::Secret, "key of its API").needed();
const BASE_URL: Setting =
    Setting::of("base_url", SettingKind::Root { default: "https://api.acme.example" }, "root of its API");

const DOCUMENTS: &str = "docs.acme.example (signups)";
const NOT_THERE: &str = "Acme takes signups and nothing else";

/// The vendor.
pub(crate) struct Acme;

impl Vendor for Acme {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Acme"
    }

    fn settings(&self) -> &'static [Setting] {
        const { &[API_KEY, BASE_URL] }
    }

    fn key_space(&self) -> Option<KeySpace> {
        Some(KeySpace { of: "customers", name: "account", told_by: const { &[BASE_URL.name] }, is_told_by_credentials: true })
    }

    fn pace(&self) -> Pace {
        Pace { per_minute: 60, burst: 5, concurrency: 1 }
    }

    fn capabilities(&self, dialect: Dialect) -> Capabilities {
        table::capabilities(dialect)
    }

    fn lacking(&self) -> &'static [Lack] {
        table::LACKING
    }

    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError> {
        let opening = Opening { vendor: NAME, settings };
        let account = Account { key: opening.needed_secret(&API_KEY)?.clone(), api: opening.root(&BASE_URL)? };
        Ok(Adapter {
            vendor: NAME,
            dialect: settings.dialect,
            hosts: vec![account.api.host().to_owned()],
            reading_credential: API_KEY.name,
            delivery: Arc::new(account),
            commissions: None,
            webhooks: None,
            commands: None,
        })
    }
}

/// One account.
#[derive(Debug)]
struct Account {
    key: Secret,
    api: Root,
}

impl Delivery for Account {
    fn follows(&self, _kind: Kind) -> Option<Kind> {
        None
    }

    fn needs(&self, _kind: Kind, _has_click_id: bool) -> &'static [Field] {
        &[]
    }

    fn plan(&self, task: &Task) -> Result<Plan, Rejection> {
        let customer = task.customer.as_ref().and_then(|customer| crate::root::segment(customer.key.as_str()));
        let (Kind::Signup, Some(click_id), Some(customer)) = (task.kind, &task.click_id, customer) else {
            return Ok(Plan::Unsupported { why: NOT_THERE });
        };
        let request = Request {
            method: Method::Put,
            url: self.api.url(&format!("/signups/{customer}")),
            headers: vec![
                ("authorization", Secret::new(format!("Bearer {}", self.key.expose()))),
                ("content-type", Secret::new("application/json")),
            ],
            body: Some(json!({ "click": click_id.as_str() }).to_string().into_bytes()),
            label: "PUT /signups/{customer}",
        };
        let call = Call::new(request, |answer| Step::Done(read(answer)));
        Ok(Plan::Send { call, class: Class::Upsert, credential: API_KEY.name, notes: Vec::new() })
    }

    fn look_up(&self, _task: &Task) -> Option<Call<Step<LookUp>>> {
        None
    }

    fn probe(&self, _credential: &str) -> Option<Call<Probe>> {
        None
    }
}

/// A success shows the signup's id, a refusal its code; anything else is not the vendor's.
fn read(answer: &Answer) -> Outcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(kept);
    match (answer.status, text("id"), text("code")) {
        (200, Some(id), _) => Outcome::Recorded { reference: Some(id) },
        (401, _, Some(message)) => Outcome::AuthFailed { message },
        (422, _, Some(message)) => Outcome::Rejected { message },
        (status, ..) => Outcome::Unknown { message: format!("status {status} without the vendor's envelope") },
    }
}
