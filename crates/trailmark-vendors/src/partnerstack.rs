//! PartnerStack, dialect `current`: signups by the server-to-server call `conversion/xid` where a click id and a tracking
//! token exist, else as customers of the vendor API; confirmation by reading the customer back; partners are its
//! partnerships. Here: the account, the capability table, and which call a task becomes. The calls themselves are below, in
//! the order in which a signup meets them: `conversion`, `customers`, `partnerships`; `answers` reads what all share.
//!
//! Leads (`POST /v2/actions`), sales and refunds (`/v2/transactions`), webhooks, and the dialect `guide` of seed 000 belong
//! in files of their own beside these; the table says `not yet` for each until then.
//!
//! Sources: <https://docs.partnerstack.com/docs/step-3-tracking-conversions>, <https://docs.partnerstack.com/reference>.

mod conversion;

mod customers;

mod partnerships;

mod answers;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, VendorName};
use zeroize::Zeroizing;

use crate::capability::{Capabilities, Class, Operation, Support};
use crate::exchange::{Answer, Method, Request};
use crate::outcome::{LookUp, Outcome, Probe};
use crate::paging::{Pages, Partner};
use crate::redaction::Redaction;
use crate::root::Root;
use crate::secret::Secret;
use crate::task::{Plan, Rejection, Task};
use crate::{Account, AccountError, Dialect, Vendor};

const NAME: VendorName = VendorName::PartnerStack;
const API: &str = "https://api.partnerstack.com";
const TRACKING: &str = "https://partnerlinks.io";

/// One PartnerStack account.
#[derive(Debug)]
pub struct PartnerStack {
    /// `Basic`, of the vendor API.
    basic: Secret,
    /// `Bearer`, of the tracking host; without it no signup can be tied to its click.
    bearer: Option<Secret>,
    api: Root,
    tracking: Root,
    /// The credentials as configured, to be kept out of messages.
    credentials: Vec<Secret>,
}

/// The call that a signup becomes; decided from the task and the account alone, so that reading an answer finds the same.
enum Signup<'a> {
    /// `POST conversion/xid`
    Click { customer: &'a Customer, click_id: &'a ClickId, bearer: &'a Secret },
    /// `POST /v2/customers`
    Customer { customer: &'a Customer },
}

/// The capability table.
pub fn capabilities(dialect: Dialect) -> Capabilities {
    let cell = match dialect {
        Dialect::Current => current,
        Dialect::Guide => guide,
    };
    Capabilities { vendor: NAME, dialect, cells: Operation::ALL.map(|operation| (operation, cell(operation))).to_vec() }
}

fn current(operation: Operation) -> Support {
    match operation {
        // The class of `conversion/xid`, the more careful of the two; a plan names its own.
        Operation::Signup => Support::Yes {
            how: "POST conversion/xid with a click id and a tracking token, else POST /v2/customers",
            class: Some(Class::Searchable),
        },
        Operation::LookUp => Support::Yes { how: "GET /v2/customers/{customer_key}", class: None },
        Operation::Partners => Support::Yes { how: "GET /v2/partnerships: list, get", class: None },
        Operation::Lead => ACTION,
        Operation::Sale => Support::NotYet { how: "POST /v2/transactions with our key, in cents", class: None },
        Operation::Refund => {
            Support::NotYet { how: "DELETE /v2/transactions/{key}, or a negative transaction", class: None }
        }
        Operation::Webhooks => Support::NotYet {
            how: "partnership.* and customer_* events on a secret path, each read back through the API",
            class: None,
        },
    }
}

/// An action for a customer that is not there does nothing, and no call reads actions back (vendors.md § 1.2).
const ACTION: Support = Support::NotYet { how: "POST /v2/actions on the customer", class: Some(Class::Neither) };

fn guide(operation: Operation) -> Support {
    match operation {
        Operation::Signup => Support::NotYet {
            how: "POST /customers with partner_key; a key that exists is an error",
            class: Some(Class::UniqueKey),
        },
        Operation::Lead => ACTION,
        Operation::Sale => Support::NotYet { how: "POST /transactions with customer_key, in cents", class: None },
        Operation::Refund => Support::NotYet { how: "DELETE /v2/transactions/{key}, beyond the guide", class: None },
        Operation::LookUp => Support::NotYet { how: "GET /customers, page by page", class: None },
        Operation::Partners => {
            Support::NotYet { how: "GET /partners, /partnerships, /groups/{group_key}", class: None }
        }
        Operation::Webhooks => Support::NotYet {
            how: "partner.*, customer.*, transaction.* and reward.created, as the guide names them",
            class: None,
        },
    }
}

impl PartnerStack {
    /// The adapter for an account.
    ///
    /// # Errors
    /// [`AccountError::Missing`] without a key pair, [`AccountError::Unusable`] for a credential or root that no request
    /// can hold, [`AccountError::NotYet`] for the dialect `guide`.
    pub fn new(account: &Account) -> Result<Self, AccountError> {
        if account.dialect == Dialect::Guide {
            return Err(AccountError::NotYet { vendor: NAME, dialect: account.dialect });
        }
        let public = credential("public_key", account.public_key.as_ref())?
            .ok_or_else(|| missing("public_key", "user name of its API"))?;
        if public.expose().contains(':') {
            // RFC 7617 § 2: the first colon ends the user name.
            return Err(unusable("public_key", "holds a colon, which no user name can"));
        }
        let private = credential("private_key", account.private_key.as_ref())?
            .ok_or_else(|| missing("private_key", "password of its API"))?;
        let tracking_token = credential("tracking_token", account.tracking_token.as_ref())?;
        Ok(Self {
            basic: basic(public, private),
            bearer: tracking_token.map(|token| Secret::new(format!("Bearer {}", token.expose()))),
            api: Root::new(NAME, "base_url", account.base_url.as_deref(), API)?,
            tracking: Root::new(NAME, "tracking_url", account.tracking_url.as_deref(), TRACKING)?,
            credentials: [Some(private), tracking_token].into_iter().flatten().cloned().collect(),
        })
    }

    fn signup<'a>(&'a self, task: &'a Task) -> Result<Signup<'a>, Rejection> {
        let customer = task.customer.as_ref().ok_or_else(|| Rejection {
            reason: "missing `customer.key`: PartnerStack knows a signup by it; send the customer with the signup"
                .into(),
        })?;
        if !customers::can_be_read_back(customer) {
            return Err(Rejection {
                reason: "`customer.key` is `.` or `..`: no URL can name such a customer; use another key".into(),
            });
        }
        Ok(match (&task.click_id, &self.bearer) {
            (Some(click_id), Some(bearer)) => Signup::Click { customer, click_id, bearer },
            _ => Signup::Customer { customer },
        })
    }

    fn get(&self, path: &str, label: &'static str) -> Request {
        let headers = vec![("accept", json()), ("authorization", self.basic.clone())];
        Request { method: Method::Get, url: self.api.url(path), headers, body: None, label }
    }

    /// What must not come back in a message: credentials, and whatever the task told the vendor about a person; of a
    /// name also its words, which vendors keep as first and last name.
    fn redaction<'a>(&'a self, task: Option<&'a Task>) -> Redaction<'a> {
        let customer = task.and_then(|task| task.customer.as_ref());
        let personal = customer.into_iter().flat_map(|customer| {
            let name = customer.name.as_deref();
            let words = name.into_iter().flat_map(str::split_whitespace);
            [Some(customer.key.as_str()), customer.email.as_deref(), name].into_iter().flatten().chain(words)
        });
        let click = task.and_then(|task| task.click_id.as_ref()).map(ClickId::as_str);
        let data = task.into_iter().flat_map(|task| task.data.values().map(String::as_str));
        Redaction::of(self.credentials.iter().map(Secret::expose).chain(personal).chain(click).chain(data))
    }
}

impl Vendor for PartnerStack {
    fn name(&self) -> VendorName {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(Dialect::Current)
    }

    fn plan(&self, task: &Task) -> Result<Plan, Rejection> {
        if task.kind != Kind::Signup {
            return Ok(Plan::NotYet);
        }
        Ok(match self.signup(task)? {
            Signup::Click { customer, click_id, bearer } => {
                let request = conversion::request(&self.tracking, bearer, click_id, customer, &task.data);
                Plan::Send { request, class: Class::Searchable }
            }
            Signup::Customer { customer } => {
                let request = customers::create(&self.api, &self.basic, customer, task)?;
                Plan::Send { request, class: Class::UniqueKey }
            }
        })
    }

    fn read(&self, task: &Task, answer: &Answer) -> Outcome {
        let redaction = self.redaction(Some(task));
        match self.signup(task) {
            Ok(Signup::Click { .. }) => conversion::read(answer, &redaction),
            Ok(Signup::Customer { customer }) => customers::read_created(customer, answer, &redaction),
            Err(_nothing_was_sent) => {
                Outcome::Unknown { message: "an answer to a request that was not planned".into() }
            }
        }
    }

    fn look_up(&self, task: &Task) -> Option<Request> {
        let customer = task.customer.as_ref().filter(|_| task.kind == Kind::Signup)?;
        Some(self.get(&customers::path(customer)?, "GET /v2/customers/{customer_key}"))
    }

    fn read_look_up(&self, task: &Task, answer: &Answer) -> LookUp {
        let sent_partner = match self.signup(task) {
            Ok(Signup::Customer { .. }) => task.partner.as_ref(),
            // The vendor takes the partner from the click, whichever key the link named.
            Ok(Signup::Click { .. }) | Err(_) => None,
        };
        customers::read_back(task.customer.as_ref(), sent_partner, answer, &self.redaction(Some(task)))
    }

    /// Tests the key pair. For the tracking token the vendor has no harmless call; a wrong one shows as
    /// [`Outcome::AuthFailed`] of the next signup.
    fn probe(&self) -> Request {
        self.get("/api/v2/partnerships?limit=1", "GET /v2/partnerships")
    }

    fn read_probe(&self, answer: &Answer) -> Probe {
        match answers::failure(answer, "base_url", &self.redaction(None)) {
            None if answers::data(answer).is_some() => Probe::Good,
            Some(Outcome::AuthFailed { .. } | Outcome::Forbidden { .. }) => Probe::Refused,
            None | Some(_) => Probe::Unclear,
        }
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.api.host().to_owned(), self.tracking.host().to_owned()];
        hosts.dedup();
        hosts
    }

    fn partners(&self) -> Pages {
        let (api, basic) = (self.api.clone(), self.basic.clone());
        partnerships::pages(api, basic, self.credentials.clone())
    }

    fn partner(&self, key: &str) -> Request {
        self.get(&partnerships::path(key), "GET /v2/partnerships/{key}")
    }

    fn read_partner(&self, answer: &Answer) -> Result<Partner, Outcome> {
        partnerships::read_one(answer, &self.redaction(None))
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
        Some(_) => Err(unusable(setting, "holds white space or characters beyond ASCII; copy it again")),
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
fn post(url: Secret, authorization: &Secret, body: &serde_json::Value, label: &'static str) -> Request {
    let headers = vec![("accept", json()), ("authorization", authorization.clone()), ("content-type", json())];
    Request { method: Method::Post, url, headers, body: Some(body.to_string().into_bytes()), label }
}
