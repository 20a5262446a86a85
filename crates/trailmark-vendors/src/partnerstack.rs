//! PartnerStack in both dialects: `current`, the vendor's own documents, and `guide`, exactly seed 000. A signup is the
//! server-to-server call `conversion/xid` if there are a click id and a tracking token, otherwise a customer of the vendor
//! API; reading the customer back confirms it. Sales and refunds are transactions, leads are actions. All of them name the
//! customer, so they follow a recorded signup.
//!
//! This file has the account and decides which call a task becomes. The calls are in `conversion`, `customers`, `actions`,
//! `transactions`; `fit` cuts what the vendor does not accept. `lists` and `changes` are an operator's requests, `shown`
//! reads their answers. `webhooks` reads what the vendor sends by itself, `rewards` what partners earned. `answers` has
//! what all answers share, `table` describes everything for people.
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

mod lists;

mod changes;

mod shown;

mod webhooks;

mod rewards;

mod answers;

mod table;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, VendorName};
use zeroize::Zeroizing;

use self::customers::Credited;
pub use self::table::capabilities;
use self::transactions::{Deletion, Entry, Movement, Sought};
use crate::capability::{Capabilities, Class};
use crate::commission::{Earned, Question, Standing};
use crate::directory::{Change, List, Refusal, Step, Thing};
use crate::exchange::{Answer, Method, Request};
use crate::outcome::{LookUp, Outcome, Probe};
use crate::paging::Pages;
use crate::records::Record;
use crate::redaction::{Credential, Redaction};
use crate::root::Root;
use crate::secret::Secret;
use crate::task::{Field, Note, Plan, Rejection, Task};
use crate::webhook::Meaning;
use crate::{Account, AccountError, Dialect, Vendor, directory};

const NAME: VendorName = VendorName::PartnerStack;
const API: &str = "https://api.partnerstack.com";
const TRACKING: &str = "https://partnerlinks.io";

/// The setting that names the key pair of the vendor API.
const KEY_PAIR: &str = "private_key";
/// The setting of the conversion call's token.
const TRACKING_TOKEN: &str = "tracking_token";

/// One PartnerStack account.
#[derive(Debug, Clone)]
pub struct PartnerStack {
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

/// The call that a task becomes. Depends only on the task and the account, so that reading the answer finds the same call.
enum Call<'a> {
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

impl PartnerStack {
    /// The adapter for an account.
    ///
    /// # Errors
    /// [`AccountError::Missing`] without a key pair, [`AccountError::Unusable`] for a credential or root that no request
    /// can contain.
    pub fn new(account: &Account) -> Result<Self, AccountError> {
        let public = credential("public_key", account.public_key.as_ref())?
            .ok_or_else(|| missing("public_key", "user name of its API"))?;
        if public.expose().contains(':') {
            // RFC 7617 § 2: the first colon ends the user name.
            return Err(unusable("public_key", "contains a colon, which a user name cannot"));
        }
        let private = credential("private_key", account.private_key.as_ref())?
            .ok_or_else(|| missing("private_key", "password of its API"))?;
        let tracking_token = credential("tracking_token", account.tracking_token.as_ref())?;
        Ok(Self {
            dialect: account.dialect,
            basic: basic(public, private),
            bearer: tracking_token.map(|token| Secret::new(format!("Bearer {}", token.expose()))),
            api: Root::new(NAME, "base_url", account.base_url.as_deref(), API)?,
            tracking: Root::new(NAME, "tracking_url", account.tracking_url.as_deref(), TRACKING)?,
            credentials: Credential::pair(public, private)
                .into_iter()
                .chain(tracking_token.into_iter().flat_map(Credential::token))
                .collect(),
        })
    }

    fn call<'a>(&'a self, task: &'a Task) -> Result<Call<'a>, Rejection> {
        let movement = match task.kind {
            Kind::Signup => return self.signup(task),
            Kind::Lead => return customers::named(task).map(Call::Action),
            Kind::Sale => transactions::sale(task)?,
            Kind::Refund => transactions::refund(task, self.dialect)?,
        };
        Ok(match movement {
            Movement::Enter(entry) => Call::Entry(entry),
            Movement::Delete(deletion) => Call::Deletion(deletion),
        })
    }

    fn signup<'a>(&'a self, task: &'a Task) -> Result<Call<'a>, Rejection> {
        let customer = customers::named(task)?;
        Ok(match (&task.click_id, &self.bearer, self.dialect) {
            (Some(click_id), Some(bearer), Dialect::Current) => Call::Click { customer, click_id, bearer },
            _ => Call::Customer(customer),
        })
    }

    /// The request of a call, and its class.
    fn request(&self, call: &Call<'_>, task: &Task, notes: &mut Vec<Note>) -> Result<(Request, Class), Rejection> {
        let post = |path, body: &Value, label| post(self.api.url(path), &self.basic, body, label);
        Ok(match call {
            Call::Click { customer, click_id, bearer } => {
                (conversion::request(&self.tracking, bearer, click_id, customer, &task.data, notes), Class::Searchable)
            }
            Call::Customer(customer) => {
                (customers::create(&self.api, &self.basic, self.dialect, customer, task, notes)?, Class::UniqueKey)
            }
            Call::Action(customer) => {
                fit::without_data(&task.data, "an action has no place for it", notes);
                (post("/api/v2/actions", &actions::body(customer), "POST /v2/actions"), Class::Neither)
            }
            Call::Entry(entry) => {
                let body = transactions::body(entry, self.dialect, notes)?;
                (post("/api/v2/transactions", &body, "POST /v2/transactions"), self.class_of_entries())
            }
            // Repeating a deletion is harmless: nothing is left to delete.
            Call::Deletion(deletion) => {
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

    /// What a look-up searches the list of transactions for. The guide's entries cannot be told apart there.
    fn sought<'a>(&self, call: &'a Call<'a>) -> Option<Sought<'a>> {
        match call {
            Call::Entry(entry) if self.dialect == Dialect::Current => Some(Sought::Entry(entry)),
            Call::Deletion(deletion) => Some(Sought::Deleted(deletion)),
            Call::Action(_) | Call::Click { .. } | Call::Customer(_) | Call::Entry(_) => None,
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

    /// The texts that must not be in a message: credentials, and everything personal in the task; also the words of a name,
    /// which vendors store as first and last name.
    fn redaction<'a>(&'a self, task: Option<&'a Task>) -> Redaction<'a> {
        let customer = task.and_then(|task| task.customer.as_ref());
        let personal = customer.into_iter().flat_map(|customer| {
            let name = customer.name.as_deref();
            let words = name.into_iter().flat_map(str::split_whitespace);
            [Some(customer.key.as_str()), customer.email.as_deref(), name].into_iter().flatten().chain(words)
        });
        let click = task.and_then(|task| task.click_id.as_ref()).map(ClickId::as_str);
        let data = task.into_iter().flat_map(|task| task.data.values());
        Redaction::of(&self.credentials, personal.chain(click).chain(data))
    }
}

impl Vendor for PartnerStack {
    fn name(&self) -> VendorName {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.dialect)
    }

    /// A transaction of an unknown customer is refused, and an action of one is lost. A refund needs its sale.
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
        let (call, mut notes) = (self.call(task)?, Vec::new());
        let (request, class) = self.request(&call, task, &mut notes)?;
        let credential = if matches!(call, Call::Click { .. }) { TRACKING_TOKEN } else { KEY_PAIR };
        Ok(Plan::Send { request, class, credential, notes })
    }

    fn read(&self, task: &Task, answer: &Answer) -> Outcome {
        let redaction = self.redaction(Some(task));
        match self.call(task) {
            Ok(Call::Click { .. }) => conversion::read(answer, &redaction),
            Ok(Call::Customer(customer)) => customers::read_created(customer, task, self.dialect, answer, &redaction),
            Ok(Call::Action(_)) => actions::read(answer, &redaction),
            Ok(Call::Entry(entry)) => transactions::read_entered(&entry, self.dialect, answer, &redaction),
            Ok(Call::Deletion(deletion)) => transactions::read_deleted(&deletion.key, answer, &redaction),
            Err(_nothing_was_sent) => {
                Outcome::Unknown { message: "an answer to a request that was not planned".into() }
            }
        }
    }

    fn look_up(&self, task: &Task) -> Option<Request> {
        match self.call(task).ok()? {
            Call::Click { customer, .. } | Call::Customer(customer) => {
                Some(self.get(&customers::path(customer)?, "GET /v2/customers/{customer_key}"))
            }
            call => self.sought(&call).map(|sought| self.get(&sought.path(None), transactions::LIST)),
        }
    }

    fn look_up_next(&self, task: &Task, answer: &Answer) -> Option<Request> {
        let call = self.call(task).ok()?;
        let sought = self.sought(&call)?;
        let after = sought.continued(answer, &self.redaction(Some(task)))?;
        Some(self.get(&sought.path(Some(&after)), transactions::LIST))
    }

    fn read_look_up(&self, task: &Task, answer: &Answer) -> LookUp {
        let redaction = self.redaction(Some(task));
        let call = self.call(task);
        if let Some(sought) = call.as_ref().ok().and_then(|call| self.sought(call)) {
            return sought.read(answer, &redaction);
        }
        let credited = match call {
            Ok(Call::Customer(_)) => task.partner.as_ref().map(Credited::Named),
            Ok(Call::Click { .. }) => Some(Credited::ByClick { partner: task.partner.as_ref(), at: task.occurred_at }),
            Ok(Call::Action(_) | Call::Entry(_) | Call::Deletion(_)) | Err(_) => None,
        };
        let found = customers::read_back(task.customer.as_ref(), credited.as_ref(), self.dialect, answer, &redaction);
        if task.is_unsent { customers::credited_as(task.partner.as_ref(), found, answer) } else { found }
    }

    fn read_webhook(&self, body: &[u8]) -> Meaning {
        webhooks::read(body)
    }

    /// A deleted sale has no commission to ask for.
    fn commission(&self, earned: &Earned, question: Question) -> Option<Request> {
        match question {
            Question::Reward if matches!(self.call(&earned.task), Ok(Call::Deletion(_))) => None,
            Question::Reward => Some(self.get(&rewards::path(earned, self.dialect)?, rewards::LABEL)),
            Question::Partner => {
                let partner = self.one(Thing::Partner, earned.task.partner.as_ref()?.as_str());
                partner.ok().map(|call| call.request)
            }
        }
    }

    fn read_commission(&self, earned: &Earned, question: Question, answer: &Answer) -> Standing {
        let redaction = self.redaction(Some(&earned.task));
        match question {
            Question::Reward => rewards::read(earned, self.dialect, answer, &redaction),
            Question::Partner => rewards::read_partner(answer, &redaction),
        }
    }

    fn reading_credential(&self) -> &'static str {
        KEY_PAIR
    }

    /// The vendor has no harmless call for the tracking token: only the next signup shows whether it is valid.
    fn probe(&self, credential: &str) -> Option<Request> {
        let (path, label) = lists::smallest(self.dialect);
        (credential == KEY_PAIR).then(|| self.get(&path, label))
    }

    fn read_probe(&self, answer: &Answer) -> Probe {
        match answers::failure(answer, "base_url", &self.redaction(None)) {
            None if answers::data(answer).is_some() => Probe::Good,
            Some(Outcome::AuthFailed { .. } | Outcome::Forbidden { .. }) => Probe::Refused,
            None | Some(_) => Probe::Unclear,
        }
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.api.host().to_owned()];
        // The guide has no call to the tracking host.
        if self.dialect == Dialect::Current && self.tracking.host() != self.api.host() {
            hosts.push(self.tracking.host().to_owned());
        }
        hosts
    }

    fn list(&self, list: &List) -> Result<Pages, Refusal> {
        lists::pages(self, list)
    }

    fn one(&self, thing: Thing, key: &str) -> Result<directory::Call<Record>, Refusal> {
        lists::one(self, thing, key)
    }

    fn change(&self, change: &Change) -> Result<directory::Call<Step>, Refusal> {
        changes::call(self, change)
    }
}

fn basic(public: &Secret, private: &Secret) -> Secret {
    let pair = Zeroizing::new(format!("{}:{}", public.expose(), private.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

/// A credential that a header can hold; an empty one counts as absent.
fn credential<'a>(setting: &'static str, secret: Option<&'a Secret>) -> Result<Option<&'a Secret>, AccountError> {
    match secret.map(Secret::expose) {
        None | Some("") => Ok(None),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(secret),
        Some(_) => Err(unusable(setting, "contains white space or characters beyond ASCII; copy it again")),
    }
}

fn missing(setting: &'static str, purpose: &'static str) -> AccountError {
    AccountError::Missing { vendor: NAME, setting, purpose }
}

fn unusable(setting: &'static str, problem: &'static str) -> AccountError {
    AccountError::Unusable { vendor: NAME, setting, problem }
}

fn json() -> Secret {
    Secret::new("application/json")
}

/// A `POST` of a JSON body.
fn post(url: Secret, authorization: &Secret, body: &Value, label: &'static str) -> Request {
    let headers = vec![("accept", json()), ("authorization", authorization.clone()), ("content-type", json())];
    Request { method: Method::Post, url, headers, body: Some(body.to_string().into_bytes()), label }
}
