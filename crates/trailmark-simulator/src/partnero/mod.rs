//! Partnero, as vendors.md § 4, vendors-2.md § 3 and seed 004 describe it: an affiliate program, on two accounts.
//!
//! | path | what |
//! |---|---|
//! | `/partnero/v1/...` | the API; Bearer [`PARTNERO_API_KEY`]. [`OPERATIONS`] has every call |
//! | `/partnero-guide/v1/...` | the same on its own account: seed 004 is the vendor's page and differs in nothing |
//! | `/partnero-links/{partner_key}` | redirects to the landing page with the partner's key, and counts a click |
//!
//! There is no click id: a real link leads to the shop itself. Programs of other types are not simulated, so refer-a-friend
//! calls, fields and events are refused. Calls whose answer no document shows are left out: `partners:sign-in-url`, rewards and
//! links of a partner, `program/overview`, `settings`, leads, coupons and payout requests. Nothing is paid here: no call and no
//! event that we know of tells of a payment, and a reward's only known status is `ok`.
//!
//! What one good client reports and the vendor's pages do not is a setting, and so is what tests need:
//!
//! | route under `/control/partnero/` | in | out |
//! |---|---|---|
//! | `POST settings` | fields of `Rules` in `state`, which says what each does; `accept_credentials: {api_key}`; absent ones stay | those in force, without credentials |
//! | `POST clicks` | `{partner_key, account?}` | `{partner_key, url}`: where the partner's link leads |
//! | `POST partners/{id or key}/approve`, `/reject`, `/archive`, `/restore`, `/delete` | `{account?}` | `{}` |
//! | `POST customers/{key}/archive`, `/restore`, `/delete`, `POST transactions/{key}/...` | `{account?}` | `{}` |
//! | `POST webhooks` | `{url, account?}`: where all events go; signed with [`PARTNERO_WEBHOOK_SECRET`] | `{}` |
//! | `POST webhooks/send` | `{body, account?}`: signs this body and sends it | `{}` |
//!
//! `GET /control/state/partnero` has `{now_ms, partners, customers, transactions, invitations, clicks, webhooks}`.
//!
//! Chosen where the documents are silent: an unknown path is 404, a known one with another method 405; `GET /test` and every
//! other call without a described answer say `{"status": 1}`.

mod state;
mod seed;
mod read;
mod paging;
mod partners;
mod customers;
mod transactions;
mod hooks;
mod control;

use std::fmt;

use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use self::read::Refusal;
use self::state::Account;
use crate::call::{Answer, Authorization, Body, Call};
use crate::clock::iso_date;
use crate::crowd::List;
use crate::double::{About, Double, Listing, Program};
use crate::log::Errand;
use crate::postman::Outgoing;
use crate::settings::Settings;

pub use self::hooks::PARTNERO_WEBHOOK_SECRET;

/// The API key that the simulated Partnero accepts.
pub const PARTNERO_API_KEY: &str = "pn_sim_key";

/// The name of the `current` account in control routes, log and effects.
const CURRENT: &str = "partnero";
/// The name of the account for dialect `guide`.
const GUIDE: &str = "partnero-guide";
/// The root of the links.
const LINKS: &str = "partnero-links";

/// Both programs and their key.
pub(crate) struct Partnero {
    current: Account,
    guide: Account,
    api_key: String,
    /// Scheme and authority of the simulator, for the links of lists.
    origin: String,
}

/// One call at one program.
struct Ask<'a> {
    call: &'a Call,
    /// What stands in the place of `*`; empty if the path has none.
    key: &'a str,
    now_ms: i64,
    origin: &'a str,
}

/// What becomes of a call.
type Handled = Result<Answer, Refusal>;

/// A call of the API.
struct Operation {
    method: &'static str,
    /// After `/v1/`; `*` is any one segment.
    path: &'static str,
    /// As effects, log and the setting `missing` name it.
    name: &'static str,
    perform: fn(&mut Account, &Ask<'_>) -> Handled,
}

impl Operation {
    const fn new(
        method: &'static str,
        path: &'static str,
        name: &'static str,
        perform: fn(&mut Account, &Ask<'_>) -> Handled,
    ) -> Self {
        Self { method, path, name, perform }
    }

    /// What stands in the place of `*`, if the path is this operation's.
    fn key<'a>(&self, path: &[&'a str]) -> Option<&'a str> {
        let pattern: Vec<&str> = self.path.split('/').collect();
        let mut pairs = pattern.iter().zip(path);
        let fits = pattern.len() == path.len()
            && pairs.all(|(wanted, part)| wanted == part || *wanted == "*" && !part.is_empty());
        let starred = pattern.iter().zip(path).find(|(wanted, _)| **wanted == "*");
        fits.then(|| starred.map_or("", |(_, part)| part))
    }
}

/// Every call.
const OPERATIONS: &[Operation] = &[
    Operation::new("GET", "test", "test", test),
    Operation::new("POST", "partners", "partner.create", partners::create),
    Operation::new("POST", "partners:invite", "partner.invite", partners::invite),
    Operation::new("GET", "partners", "partner.list", partners::list),
    Operation::new("GET", "partner", "partner.look_up", partners::look_up),
    Operation::new("GET", "partners:search", "partner.search", partners::look_up),
    Operation::new("GET", "partners/*", "partner.read", partners::read),
    Operation::new("PUT", "partners/*", "partner.update", partners::update),
    Operation::new("PUT", "partners", "partner.update_by_body", partners::update),
    Operation::new("DELETE", "partners/*", "partner.delete", partners::delete),
    Operation::new("DELETE", "partners", "partner.delete_by_body", partners::delete),
    Operation::new("POST", "partners/*/archive", "partner.archive", partners::archive),
    Operation::new("POST", "partners/*/revoke-archive", "partner.restore", partners::restore),
    Operation::new("POST", "customers", "customer.create", customers::create),
    Operation::new("GET", "customers", "customer.list", customers::list),
    Operation::new("GET", "customers:search", "customer.search", customers::look_up),
    Operation::new("GET", "customers/*", "customer.read", customers::read),
    Operation::new("GET", "customers/*/transactions", "customer.transactions", transactions::list_of_customer),
    Operation::new("PUT", "customers/*", "customer.update", customers::update),
    Operation::new("PUT", "customers", "customer.update_by_body", customers::update),
    Operation::new("DELETE", "customers/*", "customer.delete", customers::delete),
    Operation::new("POST", "customers/*/archive", "customer.archive", customers::archive),
    Operation::new("POST", "customers/*/revoke-archive", "customer.restore", customers::restore),
    Operation::new("POST", "transactions", "transaction.create", transactions::create),
    Operation::new("GET", "transactions", "transaction.list", transactions::list),
    Operation::new("GET", "transactions/*", "transaction.read", transactions::read),
    Operation::new("DELETE", "transactions/*", "transaction.delete", transactions::delete),
    Operation::new("DELETE", "transactions", "transaction.delete_by_body", transactions::delete),
    Operation::new("POST", "transactions/*/archive", "transaction.archive", transactions::archive),
    Operation::new("POST", "transactions/*/revoke-archive", "transaction.restore", transactions::restore),
    Operation::new("POST", "webhooks", "webhook.create", hooks::create),
    Operation::new("GET", "webhooks", "webhook.list", hooks::list),
    Operation::new("GET", "webhooks/*", "webhook.read", hooks::read),
    Operation::new("DELETE", "webhooks/*", "webhook.delete", hooks::delete),
];

/// Where a call goes.
enum Door<'a> {
    /// An account, and the path after `/v1/`; `None` outside it.
    Api(&'static str, Option<Vec<&'a str>>),
    /// The path after the root of the links.
    Links(Vec<&'a str>),
}

impl<'a> Door<'a> {
    fn of(call: &'a Call) -> Option<Self> {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let (root, rest) = path.split_first()?;
        let account = match *root {
            CURRENT => CURRENT,
            GUIDE => GUIDE,
            LINKS => return Some(Self::Links(rest.to_vec())),
            _ => return None,
        };
        Some(Self::Api(account, rest.split_first().filter(|(root, _)| **root == "v1").map(|(_, path)| path.to_vec())))
    }
}

impl Partnero {
    pub(crate) fn new(settings: &Settings) -> Self {
        let account = || Account::new(settings.landing_url.clone());
        Self {
            current: account(),
            guide: account(),
            api_key: PARTNERO_API_KEY.to_owned(),
            origin: format!("http://{}", settings.listen),
        }
    }

    /// The program with this name, or the first one.
    fn chosen(&mut self, name: Option<String>) -> Result<&mut Account, crate::control::Refusal> {
        match name.as_deref() {
            None | Some(CURRENT) => Ok(&mut self.current),
            Some(GUIDE) => Ok(&mut self.guide),
            Some(_) => Err(crate::control::bad_request(format!("account must be {CURRENT} or {GUIDE}"))),
        }
    }

    fn named(&mut self, account: &str) -> &mut Account {
        if account == GUIDE { &mut self.guide } else { &mut self.current }
    }

    fn operate(&mut self, account: &str, path: &[&str], call: &Call, now_ms: i64) -> Handled {
        if matches!(call.body, Body::TooLarge) {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body is larger than 1 MiB"));
        }
        let is_known = matches!(&call.authorization, Authorization::Bearer(key) if *key == self.api_key);
        if !is_known {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthenticated"));
        }
        let origin = self.origin.clone();
        let account = self.named(account);
        let fitting =
            |one: &&Operation| one.key(path).is_some() && !account.rules.missing.iter().any(|name| name == one.name);
        let mut fitting = OPERATIONS.iter().filter(fitting).peekable();
        if fitting.peek().is_none() {
            return Err(Refusal::not_found("path"));
        }
        let operation = fitting.find(|operation| operation.method == call.method.as_str());
        let operation = operation.ok_or_else(|| Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"))?;
        let key = operation.key(path).unwrap_or_default();
        (operation.perform)(account, &Ask { call, key, now_ms, origin: &origin })
    }

    /// Follows a partner's link.
    fn follow(&mut self, path: &[&str], call: &Call, now_ms: i64) -> Answer {
        let url = match path {
            [key] if call.method == http::Method::GET => self.current.click(key, now_ms),
            _ => None,
        };
        match url.and_then(|url| HeaderValue::try_from(url).ok()) {
            Some(location) => Answer::redirect(StatusCode::FOUND, location).with_effects(1),
            None => Answer::html(StatusCode::NOT_FOUND, "<h1>This link leads nowhere</h1>".to_owned()),
        }
    }
}

/// The client's own name of the thing that a call is about: in the path, or else in the body.
fn external_key(key: &str, call: &Call) -> Option<String> {
    if !key.is_empty() {
        return Some(key.to_owned());
    }
    let own = ["key", "id", "email"].into_iter().find_map(|name| call.body_text(name)).map(str::to_owned);
    own.or_else(|| match &call.body {
        Body::Json(body) => Some(body.get("customer")?.get("key")?.as_str()?.to_owned()),
        Body::Empty | Body::Other(_) | Body::TooLarge => None,
    })
}

fn test(_account: &mut Account, ask: &Ask<'_>) -> Handled {
    read::bare(ask.call)?;
    Ok(done())
}

fn data(status: StatusCode, value: &Value) -> Answer {
    Answer::json(status, &json!({ "data": value, "status": 1 }))
}

/// Done, without anything to show.
fn done() -> Answer {
    Answer::json(StatusCode::OK, &json!({ "status": 1 }))
}

/// A time as seed 004 shows it: whole seconds with six zeros.
fn stamp(at_ms: i64) -> String {
    iso_date(at_ms - at_ms.rem_euclid(1_000)).replace(".000Z", ".000000Z")
}

/// Tags as seed 004 shows them: objects, the last one first.
fn tags_json(tags: &[String]) -> Value {
    tags.iter().rev().map(|tag| json!({ "value": tag })).collect()
}

impl Double for Partnero {
    fn accounts(&self) -> &'static [&'static str] {
        &[CURRENT, GUIDE]
    }

    fn errand(&self, call: &Call) -> Option<Errand> {
        let (account, path) = match Door::of(call)? {
            Door::Links(_) => return Some(Errand::new(CURRENT, "click", None)),
            Door::Api(account, path) => (account, path.unwrap_or_default()),
        };
        let mut named = OPERATIONS.iter().filter(|operation| operation.method == call.method.as_str());
        let found = named.find_map(|operation| Some((operation, operation.key(&path)?)));
        Some(match found {
            Some((operation, key)) => Errand::new(account, operation.name, external_key(key, call)),
            None => Errand::unknown(account),
        })
    }

    fn answer(&mut self, call: &Call, now_ms: i64) -> Answer {
        match Door::of(call) {
            Some(Door::Api(account, path)) => {
                let answer = self.operate(account, &path.unwrap_or_default(), call, now_ms);
                answer.unwrap_or_else(|refusal| refusal.answer(&self.current.rules))
            }
            Some(Door::Links(path)) => self.follow(&path, call, now_ms),
            None => Refusal::not_found("path").answer(&self.current.rules),
        }
    }

    fn refusal(&self, _call: &Call, status: StatusCode, message: &str) -> Answer {
        Refusal::new(status, message).answer(&self.current.rules)
    }

    fn secrets(&self) -> Vec<&str> {
        vec![&self.api_key]
    }

    fn control(&mut self, path: &[&str], call: &Call, now_ms: i64) -> Option<crate::control::Result> {
        control::perform(self, path, call, now_ms)
    }

    fn join(&mut self, account: &str, list: List, now_ms: i64) -> Option<String> {
        (list == List::Partners).then(|| partners::join(self.named(account), now_ms))
    }

    fn leave(&mut self, account: &str, list: List, number: u64, now_ms: i64) -> Option<String> {
        if list == List::Partners { partners::leave(self.named(account), number, now_ms) } else { None }
    }

    fn view(&self, account: &str, now_ms: i64) -> Value {
        control::view(if account == GUIDE { &self.guide } else { &self.current }, now_ms)
    }

    fn listings(&self, now_ms: i64) -> Vec<Listing> {
        control::listings(&self.current, now_ms)
    }

    fn news(&mut self, _now_ms: i64) -> Vec<Outgoing> {
        let mut news = hooks::news(&mut self.current, CURRENT);
        news.extend(hooks::news(&mut self.guide, GUIDE));
        news
    }

    fn word(&self, account: &'static str, body: &Value, _now_ms: i64) -> Outgoing {
        hooks::word(if account == GUIDE { &self.guide } else { &self.current }, account, body)
    }

    fn program(&self, Settings { listen, pace, .. }: &Settings) -> Program {
        let confirm_after = pace.confirm_after();
        let toml = format!(
            r#"id             = "partnero"
vendor         = "partnero"
dialect        = "current"
api_key        = "env:PARTNERO_API_KEY"
webhook_secret = "env:PARTNERO_WEBHOOK_SECRET"
base_url       = "http://{listen}/partnero"
confirm_after  = "{confirm_after}"
# The double of dialect "guide" is an account of its own, with the same key:
# dialect  = "guide"
# base_url = "http://{listen}/partnero-guide"
"#
        );
        let exports =
            vec![("PARTNERO_API_KEY", PARTNERO_API_KEY), ("PARTNERO_WEBHOOK_SECRET", PARTNERO_WEBHOOK_SECRET)];
        Program { exports, toml }
    }

    fn about(&self) -> About {
        About {
            title: "Partnero",
            partners: &[("Amira", "/partnero-links/amiraito"), ("Bela", "/partnero-links/belaito")],
            link_params: &["aff"],
            entrances: &[("base_url", "/partnero"), ("base_url of dialect guide", "/partnero-guide")],
        }
    }

    fn kept(&self) -> serde_json::Result<Value> {
        serde_json::to_value([&self.current, &self.guide])
    }

    fn resume(&mut self, kept: Value) -> serde_json::Result<()> {
        let kept: [Account; 2] = serde_json::from_value(kept)?;
        for (account, mut kept) in [&mut self.current, &mut self.guide].into_iter().zip(kept) {
            (kept.rules, kept.landing_url) = (account.rules.clone(), account.landing_url.clone());
            *account = kept;
        }
        Ok(())
    }
}

impl fmt::Debug for Partnero {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Partnero");
        shown.field("current", &self.current).field("guide", &self.guide).finish_non_exhaustive()
    }
}
