//! PartnerStack in both dialects: `current`, the vendor's own documents, and `guide`, exactly seed 000. A signup is the
//! server-to-server call `conversion/xid` if there are a click id and a tracking token, otherwise a customer of the vendor
//! API; reading the customer back confirms it. Sales and refunds are transactions, leads are actions. All of them name the
//! customer, so they follow a recorded signup.
//!
//! This file has the account and decides which call a task becomes. The calls are in `conversion`, `customers`, `actions`,
//! `transactions`; `fit` cuts what the vendor does not accept. `rewards` reads what partners earned, `webhooks` what the vendor
//! sends by itself. `commands` lists what an operator may ask for, `lists` and `changes` build the requests, `shown` reads their
//! answers. `answers` has what all answers share, `table` describes everything for people.
//!
//! The guide describes customers, transactions and partners; it has no bearer token and therefore no `conversion/xid`.
//! Where it is silent (reading one customer, deleting a transaction, actions), the call is that of `current`.
//!
//! Sources: <https://docs.partnerstack.com/docs/step-3-tracking-conversions>, <https://docs.partnerstack.com/reference>; seed 000.

mod conversion;

mod customers;

mod actions;

mod transactions;

mod fit;

mod rewards;

mod webhooks;

mod commands;

mod lists;

mod changes;

mod shown;

mod answers;

mod table;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::ClickId;
use zeroize::Zeroizing;

use self::customers::Credited;
use self::transactions::{Deletion, Entry, Movement, Sought};
use crate::account::{AccountError, KeySpace, Opening, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class};
use crate::command::{Ask, Command, Commands, Import, Lack, Offer, Once, Refusal, Reply, Values};
use crate::commission::{Earned, Standing};
use crate::exchange::{Answer, Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome, Probe};
use crate::redaction::{Credential, Redaction};
use crate::root::Root;
use crate::secret::Secret;
use crate::task::{Field, Note, Plan, Rejection, Task};
use crate::webhook::Meaning;
use crate::{Adapter, Commissions, Delivery, Dialect, Pace, Vendor, Webhooks};

const NAME: &str = "partnerstack";

const PUBLIC_KEY: Setting = Setting::of("public_key", SettingKind::Secret, "user name of its API").needed();
/// Stands for the key pair of the vendor API, too.
const PRIVATE_KEY: Setting = Setting::of("private_key", SettingKind::Secret, "password of its API").needed();
const TRACKING_TOKEN: Setting = Setting::of(
    "tracking_token",
    SettingKind::Secret,
    "bearer token of its conversion call, which ties signups to clicks",
)
.of_current();
const BASE_URL: Setting =
    Setting::of("base_url", SettingKind::Root { default: "https://api.partnerstack.com" }, "root of its API");
const TRACKING_URL: Setting =
    Setting::of("tracking_url", SettingKind::Root { default: "https://partnerlinks.io" }, "root of its tracking host")
        .of_current();

/// The vendor.
pub(crate) struct PartnerStack;

impl Vendor for PartnerStack {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "PartnerStack"
    }

    fn settings(&self) -> &'static [Setting] {
        const { &[PUBLIC_KEY, PRIVATE_KEY, TRACKING_TOKEN, BASE_URL, TRACKING_URL] }
    }

    fn key_space(&self) -> Option<KeySpace> {
        Some(KeySpace {
            of: "customers and orders",
            name: "account",
            told_by: const { &[BASE_URL.name] },
            is_told_by_credentials: true,
        })
    }

    /// The vendor publishes no numbers: 20 a second have been found to do.
    fn pace(&self) -> Pace {
        Pace { per_minute: 1200, burst: 40, concurrency: 8 }
    }

    fn capabilities(&self, dialect: Dialect) -> Capabilities {
        table::capabilities(dialect)
    }

    fn commands(&self, dialect: Dialect) -> Vec<&'static Command> {
        Offer::offered(commands::OFFERS, dialect)
    }

    fn lacking(&self) -> &'static [Lack] {
        table::LACKING
    }

    fn imports(&self) -> &'static [Import] {
        &[Import { noun: "partners", once: Once::Looks { noun: "partnerships", verb: "get", by: "email" } }]
    }

    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError> {
        let account = Arc::new(Account::new(settings)?);
        Ok(Adapter {
            vendor: NAME,
            dialect: settings.dialect,
            hosts: account.hosts(),
            reading_credential: PRIVATE_KEY.name,
            delivery: account.clone(),
            commissions: Some(account.clone()),
            webhooks: Some(account.clone()),
            commands: Some(account),
        })
    }
}

/// One PartnerStack account.
#[derive(Debug, Clone)]
struct Account {
    dialect: Dialect,
    /// The `Basic` header of the vendor API.
    basic: Secret,
    /// The `Bearer` header of the tracking host; without it no signup can be tied to its click.
    bearer: Option<Secret>,
    api: Root,
    tracking: Root,
    /// The credentials in every spelling in which they are sent; they are removed from messages.
    credentials: Vec<Credential>,
}

/// The call that a task becomes; decided from the task and the account alone, so that reading an answer finds the same.
enum Wanted<'a> {
    /// `POST conversion/xid`
    Click { customer: &'a Customer, click_id: &'a ClickId, bearer: &'a Secret },
    /// `POST /v2/customers`
    Customer(&'a Customer),
    /// `POST /v2/actions`
    Action(&'a Customer),
    /// `POST /v2/transactions`
    Entry(Entry<'a>),
    /// `DELETE /v2/transactions/{key}`
    Deletion(Deletion),
}

impl Account {
    fn new(settings: &Settings) -> Result<Self, AccountError> {
        let opening = Opening { vendor: NAME, settings };
        let public = opening.needed_secret(&PUBLIC_KEY)?;
        if public.expose().contains(':') {
            // RFC 7617 § 2: the first colon ends the user name.
            return Err(opening.unusable(&PUBLIC_KEY, "contains a colon, which a user name cannot"));
        }
        let private = opening.needed_secret(&PRIVATE_KEY)?;
        let tracking_token = opening.secret(&TRACKING_TOKEN)?;
        Ok(Self {
            dialect: settings.dialect,
            basic: basic(public, private),
            bearer: tracking_token.map(|token| Secret::new(format!("Bearer {}", token.expose()))),
            api: opening.root(&BASE_URL)?,
            tracking: opening.root(&TRACKING_URL)?,
            credentials: Credential::pair(public, private)
                .into_iter()
                .chain(tracking_token.into_iter().flat_map(Credential::token))
                .collect(),
        })
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.api.host().to_owned()];
        // The guide has no call there.
        if self.dialect == Dialect::Current && self.tracking.host() != self.api.host() {
            hosts.push(self.tracking.host().to_owned());
        }
        hosts
    }

    fn wanted<'a>(&'a self, task: &'a Task) -> Result<Wanted<'a>, Rejection> {
        let movement = match task.kind {
            Kind::Signup => return self.signup(task),
            Kind::Lead => return customers::named(task).map(Wanted::Action),
            Kind::Sale => transactions::sale(task)?,
            Kind::Refund => transactions::refund(task, self.dialect)?,
        };
        Ok(match movement {
            Movement::Enter(entry) => Wanted::Entry(entry),
            Movement::Delete(deletion) => Wanted::Deletion(deletion),
        })
    }

    fn signup<'a>(&'a self, task: &'a Task) -> Result<Wanted<'a>, Rejection> {
        let customer = customers::named(task)?;
        Ok(match (&task.click_id, &self.bearer, self.dialect) {
            (Some(click_id), Some(bearer), Dialect::Current) => Wanted::Click { customer, click_id, bearer },
            _ => Wanted::Customer(customer),
        })
    }

    /// The request of a call, and what may happen when its outcome stays unknown.
    fn request(&self, call: &Wanted<'_>, task: &Task, notes: &mut Vec<Note>) -> Result<(Request, Class), Rejection> {
        let post = |path, body: &Value, label| post(self.api.url(path), &self.basic, body, label);
        Ok(match call {
            Wanted::Click { customer, click_id, bearer } => {
                (conversion::request(&self.tracking, bearer, click_id, customer, &task.data, notes), Class::Searchable)
            }
            Wanted::Customer(customer) => {
                let create = customers::create(&self.api, &self.basic, self.dialect, customer, task, notes)?;
                (create, self.class_of_customers())
            }
            Wanted::Action(customer) => {
                fit::without_data(&task.data, "an action has no place for it", notes);
                (post("/api/v2/actions", &actions::body(customer), "POST /v2/actions"), Class::Neither)
            }
            Wanted::Entry(entry) => {
                let body = transactions::body(entry, self.dialect, notes)?;
                (post("/api/v2/transactions", &body, "POST /v2/transactions"), self.class_of_entries())
            }
            // A second deletion finds nothing left to delete.
            Wanted::Deletion(deletion) => {
                fit::without_data(&task.data, "a deletion has no place for it", notes);
                let path = transactions::path(&deletion.key).ok_or_else(|| Rejection {
                    reason: "the sale's key at PartnerStack cannot be part of a URL; delete the transaction there"
                        .into(),
                })?;
                let delete = self.bare(Method::Delete, &path, "DELETE /v2/transactions/{key}");
                (delete, Class::Upsert)
            }
        })
    }

    /// What a look-up goes through the list of transactions for. The guide's entries cannot be told apart there.
    fn sought<'a>(&self, call: &'a Wanted<'a>) -> Option<Sought<'a>> {
        match call {
            Wanted::Entry(entry) if self.dialect == Dialect::Current => Some(Sought::Entry(entry)),
            Wanted::Deletion(deletion) => Some(Sought::Deleted(deletion)),
            Wanted::Action(_) | Wanted::Click { .. } | Wanted::Customer(_) | Wanted::Entry(_) => None,
        }
    }

    /// Only the guide promises that a second customer with the same key is an error.
    fn class_of_customers(&self) -> Class {
        match self.dialect {
            Dialect::Current => Class::Searchable,
            Dialect::Guide => Class::UniqueKey,
        }
    }

    fn class_of_entries(&self) -> Class {
        match self.dialect {
            Dialect::Current => Class::Searchable,
            Dialect::Guide => Class::Neither,
        }
    }

    fn bare(&self, method: Method, path: &str, label: &'static str) -> Request {
        let headers = vec![("accept", json()), ("authorization", self.basic.clone())];
        Request { method, url: self.api.url(path), headers, body: None, label }
    }

    fn get(&self, path: &str, label: &'static str) -> Request {
        self.bare(Method::Get, path, label)
    }

    /// What the answer to a planned request came to.
    fn read(&self, task: &Task, answer: &Answer) -> Outcome {
        let redaction = self.redaction(Some(task));
        match self.wanted(task) {
            Ok(Wanted::Click { .. }) => conversion::read(answer, &redaction),
            Ok(Wanted::Customer(customer)) => customers::read_created(customer, task, self.dialect, answer, &redaction),
            Ok(Wanted::Action(_)) => actions::read(answer, &redaction),
            Ok(Wanted::Entry(entry)) => transactions::read_entered(&entry, self.dialect, answer, &redaction),
            Ok(Wanted::Deletion(deletion)) => transactions::read_deleted(&deletion.key, answer, &redaction),
            Err(_nothing_was_sent) => {
                Outcome::Unknown { message: "an answer to a request that was not planned".into() }
            }
        }
    }

    /// A look-up that goes on page after page until one settles it.
    fn looking(&self, task: Task, request: Request) -> Call<Step<LookUp>> {
        let account = self.clone();
        Call::new(request, move |answer| match account.next_page(&task, answer) {
            Some(next) => Step::Next(account.looking(task.clone(), next)),
            None => Step::Done(account.read_look_up(&task, answer)),
        })
    }

    /// The request for the next page of a look-up.
    fn next_page(&self, task: &Task, answer: &Answer) -> Option<Request> {
        let call = self.wanted(task).ok()?;
        let sought = self.sought(&call)?;
        let after = sought.continued(answer, &self.redaction(Some(task)))?;
        Some(self.get(&sought.path(Some(&after)), transactions::LIST))
    }

    /// What an answer says that is not followed by another page.
    fn read_look_up(&self, task: &Task, answer: &Answer) -> LookUp {
        let redaction = self.redaction(Some(task));
        let call = self.wanted(task);
        if let Some(sought) = call.as_ref().ok().and_then(|call| self.sought(call)) {
            return sought.read(answer, &redaction);
        }
        let credited = match call {
            Ok(Wanted::Customer(_)) => task.partner.as_ref().map(Credited::Named),
            Ok(Wanted::Click { .. }) => {
                Some(Credited::ByClick { partner: task.partner.as_ref(), at: task.occurred_at })
            }
            Ok(Wanted::Action(_) | Wanted::Entry(_) | Wanted::Deletion(_)) | Err(_) => None,
        };
        let found = customers::read_back(task.customer.as_ref(), credited.as_ref(), self.dialect, answer, &redaction);
        if task.is_unsent { customers::credited_as(task.partner.as_ref(), found, answer) } else { found }
    }

    /// The request that reads a customer by our key; `None` if no URL can name it.
    fn customer(&self, customer: &Customer) -> Option<Request> {
        Some(self.get(&customers::path(customer)?, "GET /v2/customers/{customer_key}"))
    }

    /// Whether the partner that the vendor credits with the customer is still in the programme. The touch's partner does not
    /// decide: its key may have changed since, and a click may credit another partner.
    fn credited(&self, task: &Task) -> Option<Call<Step<Standing>>> {
        let request = self.customer(task.customer.as_ref()?)?;
        let (account, task) = (self.clone(), task.clone());
        Some(Call::new(request, move |answer| match rewards::read_credited(answer, &account.redaction(Some(&task))) {
            Ok(partnership) => Step::Next(account.membership(&partnership, &task)),
            Err(standing) => Step::Done(standing),
        }))
    }

    /// Whether the partner with this partnership is still in the programme.
    fn membership(&self, partnership: &str, task: &Task) -> Call<Step<Standing>> {
        let (path, label) = lists::path_of_partnership(self.dialect, partnership);
        let (account, task) = (self.clone(), task.clone());
        Call::new(self.get(&path, label), move |answer| {
            Step::Done(rewards::read_partner(answer, &account.redaction(Some(&task))))
        })
    }

    /// What must not come back in a message: credentials, and whatever the task told the vendor about a person.
    fn redaction<'a>(&'a self, task: Option<&'a Task>) -> Redaction<'a> {
        Redaction::of(&self.credentials, task.into_iter().flat_map(Task::personal))
    }
}

impl Delivery for Account {
    /// A transaction or an action of a customer unknown to the vendor is refused or lost, and a refund gives back
    /// what a sale brought.
    fn follows(&self, kind: Kind) -> Option<Kind> {
        match kind {
            Kind::Signup => None,
            Kind::Lead | Kind::Sale => Some(Kind::Signup),
            Kind::Refund => Some(Kind::Sale),
        }
    }

    /// The vendor API needs an e-mail address for a customer; a signup that is tied to a click needs none.
    fn needs(&self, kind: Kind, has_click_id: bool) -> &'static [Field] {
        let is_tied = has_click_id && self.bearer.is_some() && self.dialect == Dialect::Current;
        if kind == Kind::Signup && !is_tied { &[Field::Email] } else { &[] }
    }

    fn plan(&self, task: &Task) -> Result<Plan, Rejection> {
        let (wanted, mut notes) = (self.wanted(task)?, Vec::new());
        let (request, class) = self.request(&wanted, task, &mut notes)?;
        let credential = if matches!(wanted, Wanted::Click { .. }) { TRACKING_TOKEN } else { PRIVATE_KEY };
        let (account, task) = (self.clone(), task.clone());
        let call = Call::new(request, move |answer| Step::Done(account.read(&task, answer)));
        Ok(Plan::Send { call, class, credential: credential.name, notes })
    }

    fn look_up(&self, task: &Task) -> Option<Call<Step<LookUp>>> {
        let request = match self.wanted(task).ok()? {
            Wanted::Click { customer, .. } | Wanted::Customer(customer) => self.customer(customer)?,
            wanted => self.get(&self.sought(&wanted)?.path(None), transactions::LIST),
        };
        Some(self.looking(task.clone(), request))
    }

    /// For the tracking token the vendor has no harmless call: only the next signup tells.
    fn probe(&self, credential: &str) -> Option<Call<Probe>> {
        let (path, label) = lists::smallest(self.dialect);
        let account = self.clone();
        (credential == PRIVATE_KEY.name).then(|| {
            Call::new(self.get(&path, label), move |answer| {
                match answers::failure(answer, "base_url", &account.redaction(None)) {
                    None if answers::data(answer).is_some() => Probe::Good,
                    Some(Outcome::AuthFailed { .. } | Outcome::Forbidden { .. }) => Probe::Refused,
                    None | Some(_) => Probe::Unclear,
                }
            })
        })
    }
}

impl Commissions for Account {
    /// Of a sale that was deleted nothing is left to ask for. If no reward is shown, the customer's partner is asked for.
    fn ask(&self, earned: &Earned) -> Option<Call<Step<Standing>>> {
        if matches!(self.wanted(&earned.task), Ok(Wanted::Deletion(_))) {
            return None;
        }
        let (account, earned) = (self.clone(), earned.clone());
        let request = self.get(&rewards::path(&earned, self.dialect)?, rewards::LABEL);
        Some(Call::new(request, move |answer| {
            let redaction = account.redaction(Some(&earned.task));
            match rewards::read(&earned, account.dialect, answer, &redaction) {
                Some(standing) => Step::Done(standing),
                None => account.credited(&earned.task).map_or_else(|| Step::Done(rewards::nothing_yet()), Step::Next),
            }
        }))
    }
}

impl Webhooks for Account {
    fn read(&self, body: &[u8]) -> Meaning {
        webhooks::read(body)
    }
}

impl Commands for Account {
    fn start(&self, command: &Command, values: &Values) -> Result<Ask<Reply>, Refusal> {
        Offer::start(commands::OFFERS, self, self.dialect, command, values)
    }
}

fn basic(public: &Secret, private: &Secret) -> Secret {
    let pair = Zeroizing::new(format!("{}:{}", public.expose(), private.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

fn json() -> Secret {
    Secret::new("application/json")
}

/// A `POST` of a JSON body.
fn post(url: Secret, authorization: &Secret, body: &Value, label: &'static str) -> Request {
    let headers = vec![("accept", json()), ("authorization", authorization.clone()), ("content-type", json())];
    Request { method: Method::Post, url, headers, body: Some(body.to_string().into_bytes()), label }
}
