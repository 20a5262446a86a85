//! Introw, as vendors.md § 3, vendors-2.md § 2 and seed 003 describe it: partners, clicks, conversions, commission
//! lines, payouts and portal sessions. There are no customers and no sales.
//!
//! | path | what |
//! |---|---|
//! | `/introw/api/v1/...` | the API, dialect `current`; header `x-api-key` |
//! | `/introw/r/{code}` | a partner's link: creates a click, redirects to the link's address with `irw_id`: the landing page, for links of the first campaign with the partner's id in `via` |
//! | `/introw/portal/{token}` | the page of a portal session, once |
//! | `/introw-guide/api/v1/...` | the same on its own account: seed 003 is the vendor's page of the list of partners |
//!
//! Its control routes, under `/control/introw/`; `account` is `introw` (the default) or `introw-guide`:
//!
//! | route | in | out |
//! |---|---|---|
//! | `POST clicks` | `{link, irw_id?, account?}`; `link` is a code such as `alder-advisory`, with the ending `-2` for the second campaign | `{irw_id}` |
//! | `POST partners/{id}/archive`, `/restore`, `/remove` | `{}`; `id` or CRM id: inactive, active again, or gone, in both accounts | `{}` |
//! | `POST links/{code}/revoke`, `/restore` | `{}` | `{}` |
//! | `POST conversions/{id}/approve`, `/reject` | `{}`; `id` of the conversion or its click token | `{id, state}` |
//! | `POST payouts` | `{partner_id, currency?}`: a payout with the partner's pending lines in that currency (USD) | the payout |
//! | `POST payouts/{id}/approve`, `/reject`, `/pay` | `{}` | `{stage}` |
//! | `POST commission-lines/{id}/decline` | `{}`: voids a line that is on a payout | `{}` |
//! | `POST settings` | `{visible_after_ms?, dedupe?, rate_limit_per_minute?, credits_per_month?, idempotency_keys?, window_days?, origins?, ignore_unknown_publishable_key?, decline_field?, voided_status?, scopes?, accept_credentials?: {api_key?, publishable_key?}}` for both accounts; null takes a limit away; `state` describes each | what is in force, without credentials |
//!
//! The state of an account is `{now_ms, partners, links, clicks, conversions, commission_lines, payouts, sessions,
//! credits_used}`; partners and lines are as in the API, with `visible_at`.
//!
//! The seed is the vendor's own page of one call and agrees with the other documents, so both accounts answer all calls
//! in the same way; the guide's has no credits, since the seed has no 402. Introw sends no webhooks.
//!
//! Where the documents are silent, the module that answers says what was chosen. An unknown path or method is 404.

mod affiliate;
mod control;
mod gate;
mod money;
mod paging;
mod partners;
mod seed;
mod state;
mod validate;

use std::fmt;
use std::net::SocketAddr;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use self::gate::{Credentials, Window};
use self::state::{Account, Rules};
use self::validate::Refusal;
use crate::call::{Answer, Call};
use crate::control as routes;
use crate::crowd::{List, picked};
use crate::double::{About, Double, Listing, Program};
use crate::log::Errand;
use crate::settings::Settings;

/// API key that the simulated Introw accepts, with every scope.
pub const INTROW_API_KEY: &str = "irw_sim_key";
/// Publishable key of the organisation that the simulated Introw accepts from browsers.
pub const INTROW_PUBLISHABLE_KEY: &str = "pk_aff_org_sim";
/// Publishable keys of the two campaigns; partners' links belong to the first, with the ending `-2` to the second.
pub const INTROW_CAMPAIGN_KEYS: [&str; 2] = ["pk_aff_cmp_launch", "pk_aff_cmp_other"];

const CURRENT: &str = "introw";
const GUIDE: &str = "introw-guide";
const ACCOUNTS: [&str; 2] = [CURRENT, GUIDE];

/// The operation that the machine-readable document of seed 003 describes.
const LIST_PARTNERS: &str = "partner.list";

/// The scopes of the vendor's keys (vendors-2.md § 2).
const SCOPES: [&str; 9] = [
    "partners:read",
    "partners:write",
    "commissions:read",
    "commissions:write",
    "affiliate:write",
    "portal-sessions:write",
    "forms:read",
    "forms:write",
    "collaborate:write",
];

/// Both accounts, with one set of credentials and rules.
pub(crate) struct Introw {
    current: Side,
    guide: Side,
    credentials: Credentials,
    rules: Rules,
    landing_url: String,
    address: SocketAddr,
}

/// An account, and its calls of this minute.
#[derive(Debug)]
struct Side {
    account: Account,
    window: Window,
}

/// A call at one of the doors; `None` is a path or method that does not exist there.
enum Door<'a> {
    Current(Option<Route<'a>>),
    Guide(Option<Route<'a>>),
    /// The code of a link.
    Link(&'a str),
    /// The token of a portal session.
    Portal(&'a str),
}

/// What a call to the API asks for; texts are ids.
enum Route<'a> {
    ListPartners,
    CreatePartner,
    ReadPartner(&'a str),
    ChangePartner(&'a str),
    ListPayouts,
    ReadPayout(&'a str),
    ChangePayout(&'a str),
    ListLines,
    CreateLine,
    ReadLine(&'a str),
    ChangeLine(&'a str),
    DeclineLine(&'a str),
    DetachLine(&'a str),
    OpenSession,
    Convert,
}

impl Introw {
    pub(crate) fn new(settings: &Settings) -> Self {
        let side = || Side { account: Account::new(), window: Window::default() };
        Self {
            current: side(),
            guide: side(),
            credentials: Credentials {
                api_key: INTROW_API_KEY.to_owned(),
                publishable_key: INTROW_PUBLISHABLE_KEY.to_owned(),
                campaign_keys: INTROW_CAMPAIGN_KEYS.map(str::to_owned),
            },
            rules: Rules::new(),
            landing_url: settings.landing_url.clone(),
            address: settings.listen,
        }
    }

    fn handle(&mut self, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
        match Door::of(call) {
            Some(Door::Current(Some(route))) => self.serve(CURRENT, &route, call, now_ms),
            Some(Door::Guide(Some(route))) => self.serve(GUIDE, &route, call, now_ms),
            Some(Door::Link(code)) => affiliate::follow(&mut self.current.account, code, &self.landing_url, now_ms),
            Some(Door::Portal(token)) => Ok(affiliate::enter(&mut self.current.account, token, now_ms)),
            Some(Door::Current(None) | Door::Guide(None)) | None => Err(Refusal::not_found("endpoint")),
        }
    }

    fn serve(&mut self, name: &str, route: &Route<'_>, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
        gate::acceptable(call)?;
        let (rules, credentials) = (&self.rules, &self.credentials);
        let caller = match route {
            Route::Convert => credentials.conversion(rules, call, route.scope())?,
            _ => credentials.server(rules, call, route.scope())?,
        };
        let Side { account, window } = if name == GUIDE { &mut self.guide } else { &mut self.current };
        let limit = rules.rate_limit_per_minute;
        let remaining = limit.map(|limit| window.count(limit, now_ms)).transpose()?;
        let has_credits = caller.is_server && name == CURRENT;
        if has_credits {
            gate::afford(account, rules, now_ms)?;
        }
        let mut answer = match route {
            Route::ListPartners => partners::list(account, call, now_ms),
            Route::CreatePartner => partners::create(account, rules, call, now_ms),
            Route::ReadPartner(key) => partners::read(account, call, key, now_ms),
            Route::ChangePartner(key) => partners::change(account, call, key, now_ms),
            Route::ListPayouts => money::list_payouts(account, call),
            Route::ReadPayout(id) => money::read_payout(account, call, id),
            Route::ChangePayout(id) => money::change_payout(account, call, id, now_ms),
            Route::ListLines => money::list_lines(account, rules, call, now_ms),
            Route::CreateLine => money::create_line(account, rules, call, now_ms),
            Route::ReadLine(id) => money::read_line(account, rules, call, id, now_ms),
            Route::ChangeLine(id) => money::change_line(account, rules, call, id, now_ms),
            Route::DeclineLine(id) => money::decline_line(account, rules, call, id, now_ms),
            Route::DetachLine(id) => money::detach_line(account, rules, call, id, now_ms),
            Route::OpenSession => {
                let portal = format!("http://{}/{CURRENT}/portal", self.address);
                affiliate::open_session(account, call, &portal, now_ms)
            }
            Route::Convert => affiliate::convert(account, rules, call, &caller, now_ms),
        }?;
        if let (Route::ListPartners, Some(limit), Some(remaining)) = (route, limit, remaining) {
            answer = gate::with_number(answer, "x-ratelimit-limit-minute", limit);
            answer = gate::with_number(answer, "x-ratelimit-remaining-minute", remaining);
        }
        Ok(if has_credits { gate::charge(account, rules, answer, now_ms) } else { answer })
    }

    fn account(&self, name: &str) -> &Account {
        if name == GUIDE { &self.guide.account } else { &self.current.account }
    }

    fn account_mut(&mut self, name: &str) -> &mut Account {
        if name == GUIDE { &mut self.guide.account } else { &mut self.current.account }
    }
}

impl Double for Introw {
    fn accounts(&self) -> &'static [&'static str] {
        &ACCOUNTS
    }

    fn errand(&self, call: &Call) -> Option<Errand> {
        Some(match Door::of(call)? {
            Door::Current(None) => Errand::unknown(CURRENT),
            Door::Guide(None) => Errand::unknown(GUIDE),
            Door::Current(Some(route)) => Errand::new(CURRENT, route.operation(), route.external_key(call)),
            Door::Guide(Some(route)) => Errand::new(GUIDE, route.operation(), route.external_key(call)),
            Door::Link(_) => Errand::new(CURRENT, "click", None),
            Door::Portal(_) => Errand::new(CURRENT, "portal.open", None),
        })
    }

    fn described(&self) -> &'static [&'static str] {
        &[LIST_PARTNERS]
    }

    fn answer(&mut self, call: &Call, now_ms: i64) -> Answer {
        self.handle(call, now_ms).unwrap_or_else(Refusal::answer)
    }

    fn refusal(&self, _call: &Call, status: StatusCode, message: &str) -> Answer {
        Refusal::new(status, message).answer()
    }

    fn secrets(&self) -> Vec<&str> {
        vec![&self.credentials.api_key]
    }

    fn control(&mut self, path: &[&str], call: &Call, now_ms: i64) -> Option<routes::Result> {
        control::perform(self, path, call, now_ms)
    }

    fn join(&mut self, account: &str, list: List, now_ms: i64) -> Option<String> {
        (list == List::Partners).then(|| partners::add_any(self.account_mut(account), now_ms))
    }

    fn leave(&mut self, account: &str, list: List, number: u64, now_ms: i64) -> Option<String> {
        let all = self.account_mut(account).partners.iter_mut();
        let partner = picked(all.filter(|one| list == List::Partners && !one.is_removed), number)?;
        (partner.is_removed, partner.updated_ms) = (true, now_ms);
        Some(partner.id.clone())
    }

    fn view(&self, account: &str, now_ms: i64) -> Value {
        control::view(self.account(account), &self.rules, now_ms)
    }

    fn listings(&self, _now_ms: i64) -> Vec<Listing> {
        control::listings(&self.current.account, &self.rules)
    }

    fn program(&self, settings: &Settings) -> Program {
        let (address, confirm_after) = (settings.listen, settings.pace.confirm_after());
        Program {
            exports: vec![("INTROW_API_KEY", INTROW_API_KEY)],
            toml: format!(
                r#"id                 = "introw"
vendor             = "introw"
dialect            = "current"
api_key            = "env:INTROW_API_KEY"
base_url           = "http://{address}/introw"
# For the money of sales: the partner's share, and the parameter in which the partners' links name the partner.
commission_percent = "10"
params             = ["via"]
confirm_after      = "{confirm_after}"
# The double of dialect "guide" is an account of its own, with the same key:
# dialect  = "guide"
# base_url = "http://{address}/introw-guide"
"#
            ),
        }
    }

    fn about(&self) -> About {
        About {
            title: "Introw",
            partners: &[("Alder Advisory", "/introw/r/alder-advisory"), ("Birch Advisory", "/introw/r/birch-advisory")],
            link_params: &["irw_id", "via"],
            entrances: &[("base_url", "/introw"), ("base_url of dialect guide", "/introw-guide")],
        }
    }

    fn kept(&self) -> serde_json::Result<Value> {
        Ok(json!([serde_json::to_value(&self.current.account)?, serde_json::to_value(&self.guide.account)?]))
    }

    fn resume(&mut self, kept: Value) -> serde_json::Result<()> {
        let [current, guide]: [Account; 2] = serde_json::from_value(kept)?;
        (self.current.account, self.guide.account) = (current, guide);
        Ok(())
    }
}

impl<'a> Door<'a> {
    fn of(call: &'a Call) -> Option<Self> {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        Some(match (call.method.as_str(), path.as_slice()) {
            (_, [CURRENT, "api", "v1", rest @ ..]) => Self::Current(Route::of(&call.method, rest)),
            (_, [GUIDE, "api", "v1", rest @ ..]) => Self::Guide(Route::of(&call.method, rest)),
            ("GET", [CURRENT, "r", code]) => Self::Link(code),
            ("GET", [CURRENT, "portal", token]) => Self::Portal(token),
            (_, [CURRENT, ..]) => Self::Current(None),
            (_, [GUIDE, ..]) => Self::Guide(None),
            _ => return None,
        })
    }
}

impl<'a> Route<'a> {
    /// `path` is the part after `/api/v1`.
    fn of(method: &Method, path: &[&'a str]) -> Option<Self> {
        Some(match (method.as_str(), path) {
            ("GET", ["partners"]) => Self::ListPartners,
            ("POST", ["partners"]) => Self::CreatePartner,
            ("GET", ["partners", key]) => Self::ReadPartner(key),
            ("PATCH", ["partners", key]) => Self::ChangePartner(key),
            ("GET", ["payouts"]) => Self::ListPayouts,
            ("GET", ["payouts", id]) => Self::ReadPayout(id),
            ("PATCH", ["payouts", id]) => Self::ChangePayout(id),
            ("GET", ["commission-lines"]) => Self::ListLines,
            ("POST", ["commission-lines"]) => Self::CreateLine,
            ("GET", ["commission-lines", id]) => Self::ReadLine(id),
            ("PATCH", ["commission-lines", id]) => Self::ChangeLine(id),
            ("POST", ["commission-lines", id, "decline"]) => Self::DeclineLine(id),
            ("POST", ["commission-lines", id, "detach"]) => Self::DetachLine(id),
            ("POST", ["auth", "session"]) => Self::OpenSession,
            ("POST", ["affiliate", "conversions"]) => Self::Convert,
            _ => return None,
        })
    }

    fn operation(&self) -> &'static str {
        match self {
            Self::ListPartners => LIST_PARTNERS,
            Self::CreatePartner => "partner.create",
            Self::ReadPartner(_) => "partner.read",
            Self::ChangePartner(_) => "partner.update",
            Self::ListPayouts => "payout.list",
            Self::ReadPayout(_) => "payout.read",
            Self::ChangePayout(_) => "payout.update",
            Self::ListLines => "line.list",
            Self::CreateLine => "line.create",
            Self::ReadLine(_) => "line.read",
            Self::ChangeLine(_) => "line.update",
            Self::DeclineLine(_) => "line.decline",
            Self::DetachLine(_) => "line.detach",
            Self::OpenSession => "session.create",
            Self::Convert => "conversion",
        }
    }

    /// Payouts and lines share the scopes of commissions; no scope is named after payouts.
    fn scope(&self) -> &'static str {
        match self {
            Self::ListPartners | Self::ReadPartner(_) => "partners:read",
            Self::CreatePartner | Self::ChangePartner(_) => "partners:write",
            Self::ListPayouts | Self::ReadPayout(_) | Self::ListLines | Self::ReadLine(_) => "commissions:read",
            Self::ChangePayout(_)
            | Self::CreateLine
            | Self::ChangeLine(_)
            | Self::DeclineLine(_)
            | Self::DetachLine(_) => "commissions:write",
            Self::OpenSession => "portal-sessions:write",
            Self::Convert => "affiliate:write",
        }
    }

    /// A new partner counts under its name, a new line under its idempotency key, a conversion under its click token.
    fn external_key(&self, call: &Call) -> Option<String> {
        let body = |name| call.body_text(name).map(str::to_owned);
        match self {
            Self::ListPartners | Self::ListPayouts | Self::ListLines => None,
            Self::CreatePartner => body("name"),
            Self::CreateLine => body("idempotencyKey"),
            Self::OpenSession => body("email"),
            Self::Convert => body("clickId"),
            Self::ReadPartner(id)
            | Self::ChangePartner(id)
            | Self::ReadPayout(id)
            | Self::ChangePayout(id)
            | Self::ReadLine(id)
            | Self::ChangeLine(id)
            | Self::DeclineLine(id)
            | Self::DetachLine(id) => Some((*id).to_owned()),
        }
    }
}

impl fmt::Debug for Introw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Introw")
            .field("current", &self.current)
            .field("guide", &self.guide)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
