//! Partnero in both dialects. A signup is a customer of the partner that the link named, a sale is a transaction of that
//! customer, and a refund deletes the transaction or replaces it by one with the lower amount. There are no click ids.
//!
//! This file has the account and decides which call a task becomes. The calls are in `customers`, `transactions` and
//! `refunds`; `credit` says which partner the vendor credits, `amounts` counts money. `rewards` reads what partners earn,
//! `webhooks` what the vendor sends by itself, `commands` has an operator's commands. `answers` has what all answers share,
//! `table` describes everything for people.
//!
//! The guide (seed 004) is the vendor's own page of two calls on partners, so both dialects make the same requests.
//!
//! Sources: <https://docs.partnero.com>; vendors.md § 4, vendors-2.md § 3; seed 004.

mod customers;

mod transactions;

mod refunds;

mod credit;

mod amounts;

mod rewards;

mod webhooks;

mod commands;

mod answers;

mod table;

use std::sync::Arc;

use serde_json::Value;
use trailmark_wire::conversion::Kind;

use self::refunds::Refund;
use crate::account::{AccountError, KeySpace, Opening, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class};
use crate::command::{Ask, Command, Commands, Import, Lack, Offer, Once, Refusal, Reply, Values};
use crate::commission::{Earned, Standing};
use crate::exchange::{Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome, Probe};
use crate::redaction::{Credential, Redaction};
use crate::root::Root;
use crate::secret::Secret;
use crate::task::{Field, Note, Plan, Rejection, Task};
use crate::webhook::Meaning;
use crate::{Adapter, Commissions, Delivery, Dialect, HmacSha256, Pace, Vendor, Webhooks};

const NAME: &str = "partnero";

const API_KEY: Setting = Setting::of("api_key", SettingKind::Secret, "bearer token of its API").needed();
const WEBHOOK_SECRET: Setting = Setting::of("webhook_secret", SettingKind::Secret, "signs its webhooks").incoming();
const BASE_URL: Setting =
    Setting::of("base_url", SettingKind::Root { default: "https://api.partnero.com" }, "root of its API");

/// The vendor.
pub(crate) struct Partnero;

impl Vendor for Partnero {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Partnero"
    }

    fn settings(&self) -> &'static [Setting] {
        const { &[API_KEY, WEBHOOK_SECRET, BASE_URL] }
    }

    fn key_space(&self) -> Option<KeySpace> {
        Some(KeySpace {
            of: "customers and orders",
            name: "program",
            told_by: const { &[BASE_URL.name] },
            is_told_by_credentials: true,
        })
    }

    /// The vendor publishes no numbers, so this is a guess on the safe side.
    fn pace(&self) -> Pace {
        Pace { per_minute: 600, burst: 20, concurrency: 4 }
    }

    fn capabilities(&self, dialect: Dialect) -> Capabilities {
        table::capabilities(dialect)
    }

    fn commands(&self, dialect: Dialect) -> Vec<&'static Command> {
        Offer::offered(commands::offers::OFFERS, dialect)
    }

    fn lacking(&self) -> &'static [Lack] {
        table::LACKING
    }

    fn imports(&self) -> &'static [Import] {
        &[Import { noun: "partners", once: Once::Looks { noun: "partners", verb: "get", by: "email" } }]
    }

    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError> {
        let account = Arc::new(Account::new(settings)?);
        Ok(Adapter {
            vendor: NAME,
            dialect: settings.dialect,
            hosts: vec![account.api.host().to_owned()],
            reading_credential: API_KEY.name,
            delivery: account.clone(),
            commissions: Some(account.clone()),
            webhooks: Some(account.clone()),
            commands: Some(account),
        })
    }
}

/// One Partnero account, which is one program there.
#[derive(Debug, Clone)]
struct Account {
    dialect: Dialect,
    /// The `Bearer` header.
    bearer: Secret,
    /// Without it no webhook is believed.
    webhook_secret: Option<Secret>,
    api: Root,
    /// The credentials in every spelling in which they are sent; they are removed from messages.
    credentials: Vec<Credential>,
}

/// What must not come back in a message, besides credentials.
type Withheld = Arc<[String]>;

/// What a task becomes; decided from the task alone, so that a look-up and a repeat find the same.
enum Wanted {
    /// `POST /v1/customers`
    Customer(customers::Signup),
    /// `POST /v1/transactions`
    Sale(transactions::Entry),
    /// `DELETE /v1/transactions/{key}`, and a new one for the rest
    Refund(Refund),
    /// Nothing.
    Lead,
}

impl Account {
    fn new(settings: &Settings) -> Result<Self, AccountError> {
        let opening = Opening { vendor: NAME, settings };
        let api_key = opening.needed_secret(&API_KEY)?;
        let webhook_secret = opening.secret(&WEBHOOK_SECRET)?;
        Ok(Self {
            dialect: settings.dialect,
            bearer: Secret::new(format!("Bearer {}", api_key.expose())),
            webhook_secret: webhook_secret.cloned(),
            api: opening.root(&BASE_URL)?,
            credentials: [Some(api_key), webhook_secret].into_iter().flatten().flat_map(Credential::token).collect(),
        })
    }

    fn request(&self, method: Method, path: &str, label: &'static str) -> Request {
        let headers = vec![("accept", json()), ("authorization", self.bearer.clone())];
        Request { method, url: self.api.url(path), headers, body: None, label }
    }

    fn get(&self, path: &str, label: &'static str) -> Request {
        self.request(Method::Get, path, label)
    }

    fn with_body(&self, method: Method, path: &str, body: &Value, label: &'static str) -> Request {
        let mut request = self.request(method, path, label);
        request.headers.push(("content-type", json()));
        Request { body: Some(body.to_string().into_bytes()), ..request }
    }

    fn redaction<'a>(&'a self, withheld: &'a [String]) -> Redaction<'a> {
        Redaction::of(&self.credentials, withheld.iter().map(String::as_str))
    }
}

/// What the task tells the vendor about a person.
fn told(task: &Task) -> Withheld {
    task.personal().map(str::to_owned).collect()
}

fn wanted(task: &Task, notes: &mut Vec<Note>) -> Result<Wanted, Rejection> {
    Ok(match task.kind {
        Kind::Signup => Wanted::Customer(customers::signup(task, notes)?),
        Kind::Sale => Wanted::Sale(transactions::sale(task, notes)?),
        Kind::Refund => Wanted::Refund(refunds::refund(task, notes)?),
        Kind::Lead => Wanted::Lead,
    })
}

impl Delivery for Account {
    /// The vendor accepts a sale of an unknown customer and credits nobody with it; a refund needs its sale.
    fn follows(&self, kind: Kind) -> Option<Kind> {
        match kind {
            Kind::Signup | Kind::Lead => None,
            Kind::Sale => Some(Kind::Signup),
            Kind::Refund => Some(Kind::Sale),
        }
    }

    /// A customer needs a key and a partner, and no optional field.
    fn needs(&self, _kind: Kind, _has_click_id: bool) -> &'static [Field] {
        &[]
    }

    fn plan(&self, task: &Task) -> Result<Plan, Rejection> {
        let mut notes = Vec::new();
        let (call, class) = match wanted(task, &mut notes)? {
            Wanted::Customer(signup) => (customers::create(self, signup, told(task)), Class::UniqueKey),
            Wanted::Sale(entry) => {
                let (account, withheld, request) = (self.clone(), told(task), entry.request(self));
                let read = move |answer: &_| {
                    Step::Done(transactions::read_entered(&entry, answer, &account.redaction(&withheld)))
                };
                (Call::new(request, read), Class::Searchable)
            }
            Wanted::Refund(refund) => refund.call(self, told(task), task.may_have_acted),
            Wanted::Lead => return Ok(Plan::Unsupported { why: table::NO_LEADS }),
        };
        Ok(Plan::Send { call, class, credential: API_KEY.name, notes })
    }

    fn look_up(&self, task: &Task) -> Option<Call<Step<LookUp>>> {
        match wanted(task, &mut Vec::new()).ok()? {
            Wanted::Customer(signup) => customers::look_up(self, signup, told(task), task.is_unsent),
            Wanted::Sale(entry) => Some(transactions::look_up(self, entry, task)),
            Wanted::Refund(refund) => Some(refund.look_up(self, told(task), task.reference.as_deref())),
            Wanted::Lead => None,
        }
    }

    /// `GET /v1/test` exists for this; its body is not documented.
    fn probe(&self, credential: &str) -> Option<Call<Probe>> {
        let account = self.clone();
        (credential == API_KEY.name).then(|| {
            Call::new(self.get("/v1/test", "GET /v1/test"), move |answer| {
                match answers::failure(answer, &account.redaction(&[])) {
                    None if answers::is_acknowledged(answer) => Probe::Good,
                    Some(Outcome::AuthFailed { .. } | Outcome::Forbidden { .. }) => Probe::Refused,
                    None | Some(_) => Probe::Unclear,
                }
            })
        })
    }
}

impl Commissions for Account {
    fn ask(&self, earned: &Earned) -> Option<Call<Step<Standing>>> {
        rewards::ask(self, earned)
    }
}

impl Webhooks for Account {
    fn verify(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
        hmac: HmacSha256,
    ) -> Result<(), &'static str> {
        webhooks::verify(self.webhook_secret.as_ref(), header, body, hmac)
    }

    fn read(&self, body: &[u8]) -> Meaning {
        webhooks::read(body)
    }
}

impl Commands for Account {
    fn start(&self, command: &Command, values: &Values) -> Result<Ask<Reply>, Refusal> {
        Offer::start(commands::offers::OFFERS, self, self.dialect, command, values)
    }
}

fn json() -> Secret {
    Secret::new("application/json")
}

/// Notes that a field is not sent.
fn left_out(field: &str, why: &str, notes: &mut Vec<Note>) {
    notes.push(Note { field: field.to_owned(), reason: format!("left out: {why}") });
}

fn rejection(reason: &str) -> Rejection {
    Rejection { reason: reason.to_owned() }
}
