//! Partnerize in both dialects. `current` is the vendor's own documents. `guide` is seed 001, which describes the management
//! of users and nothing else: there conversions, refunds and commissions go beyond the guide and are as in `current`, but
//! with the guide's way to send the keys.
//!
//! The vendor has conversions and users, no customers. A signup, lead or sale is one call of the tracking host with the click
//! reference; each stands alone, so none waits for another. A refund changes the sale's conversion and follows it. This file
//! has the account and decides which call a task becomes. `conversion` builds the call of the tracking host, `lines` its
//! money; `refunds` changes conversions; `report` finds them again, `standings` reads the commissions of many. `webhooks` reads
//! the guide's events. `commands`, `users`, `partners` and `jobs` are an operator's requests; `answers` has what all answers
//! share, `table` describes everything for people.
//!
//! Sources: <https://api-docs.partnerize.com>; vendors.md § 2, corrected by vendors-2.md § 1; seed 001.

mod conversion;

mod lines;

mod refunds;

mod report;

mod standings;

mod webhooks;

mod commands;

mod users;

mod partners;

mod jobs;

mod answers;

mod table;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use trailmark_wire::conversion::Kind;
use zeroize::Zeroizing;

use crate::account::{AccountError, KeySpace, Opening, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class};
use crate::command::{Ask, Command, Commands, Lack, Offer, Refusal, Reply, Values};
use crate::commission::Earned;
use crate::exchange::{Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome, Probe};
use crate::redaction::{Credential, Redaction};
use crate::root::{Root, encoded};
use crate::secret::Secret;
use crate::task::{Field, Note, Plan, Rejection, Task};
use crate::webhook::Meaning;
use crate::{Adapter, Commissions, Delivery, Dialect, Pace, Together, Vendor, Webhooks};

const NAME: &str = "partnerize";

const APPLICATION_KEY: Setting = Setting::of("application_key", SettingKind::Secret, "user name of its API").needed();
/// Stands for the pair of keys, too.
const USER_API_KEY: Setting = Setting::of("user_api_key", SettingKind::Secret, "password of its API").needed();
const AUTH: Setting = Setting::of(
    "auth",
    SettingKind::Choice(&["basic", "headers", "query"]),
    "how the keys are sent; in dialect `guide` by default `headers`, in `current` always `basic`",
);
const CAMPAIGN_ID: Setting =
    Setting::of("campaign_id", SettingKind::Text { example: "1011l1234" }, "the campaign whose conversions are sent")
        .needed();
const BASE_URL: Setting =
    Setting::of("base_url", SettingKind::Root { default: "https://api.partnerize.com" }, "root of its API");
const TRACKING_URL: Setting =
    Setting::of("tracking_url", SettingKind::Root { default: "https://prf.hn" }, "root of its tracking host");

/// The vendor.
pub(crate) struct Partnerize;

impl Vendor for Partnerize {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Partnerize"
    }

    fn settings(&self) -> &'static [Setting] {
        const { &[APPLICATION_KEY, USER_API_KEY, AUTH, CAMPAIGN_ID, BASE_URL, TRACKING_URL] }
    }

    /// Signups and leads have the ledger's id, and a customer's key finds nothing.
    /// The tracking host takes an order by the campaign's public id, without a credential, and the keys of two users may read
    /// one campaign.
    fn key_space(&self) -> Option<KeySpace> {
        Some(KeySpace {
            of: "orders",
            name: "campaign",
            told_by: const { &[BASE_URL.name, CAMPAIGN_ID.name] },
            is_told_by_credentials: false,
        })
    }

    /// The vendor has limits and publishes no numbers.
    fn pace(&self) -> Pace {
        Pace { per_minute: 600, burst: 20, concurrency: 4 }
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

    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError> {
        let account = Arc::new(Account::new(settings)?);
        let webhooks: Arc<dyn Webhooks> = account.clone();
        Ok(Adapter {
            vendor: NAME,
            dialect: settings.dialect,
            hosts: account.hosts(),
            reading_credential: USER_API_KEY.name,
            delivery: account.clone(),
            commissions: Some(account.clone()),
            // Only the guide names events.
            webhooks: (settings.dialect == Dialect::Guide).then_some(webhooks),
            commands: Some(account),
        })
    }
}

/// How the keys are sent.
#[derive(Debug, Clone)]
enum Auth {
    /// In the header of RFC 7617.
    Basic(Secret),
    /// In the guide's two headers.
    Headers { application: Secret, user: Secret },
    /// In the query, as `application_key=…&user_api_key=…`: only by explicit choice, since servers log URLs.
    Query(Secret),
}

/// One Partnerize account.
#[derive(Debug, Clone)]
struct Account {
    dialect: Dialect,
    auth: Auth,
    campaign: String,
    api: Root,
    tracking: Root,
    /// The credentials in every spelling in which they are sent; they are removed from messages.
    credentials: Vec<Credential>,
}

impl Account {
    fn new(settings: &Settings) -> Result<Self, AccountError> {
        let opening = Opening { vendor: NAME, settings };
        let application = opening.needed_secret(&APPLICATION_KEY)?;
        let user = opening.needed_secret(&USER_API_KEY)?;
        let stated = |setting: &Setting| settings.texts.get(setting.name).map(String::as_str);
        let campaign = stated(&CAMPAIGN_ID).filter(|campaign| !campaign.is_empty()).ok_or(AccountError::Missing {
            vendor: NAME,
            setting: CAMPAIGN_ID.name,
            purpose: CAMPAIGN_ID.purpose,
        })?;
        if !conversion::is_id(campaign) {
            return Err(opening.unusable(&CAMPAIGN_ID, "must be an id of letters and digits, such as 10l176"));
        }
        let auth = match (settings.dialect, stated(&AUTH)) {
            (Dialect::Current, None | Some("basic")) | (Dialect::Guide, Some("basic")) => {
                if application.expose().contains(':') {
                    // RFC 7617 § 2: the first colon ends the user name.
                    return Err(opening.unusable(&APPLICATION_KEY, "contains a colon, which a user name cannot"));
                }
                Auth::Basic(basic(application, user))
            }
            (Dialect::Current, Some(_)) => {
                return Err(
                    opening.unusable(&AUTH, "must be `basic` in dialect `current`; only the guide has the others")
                );
            }
            (Dialect::Guide, None | Some("headers")) => {
                Auth::Headers { application: application.clone(), user: user.clone() }
            }
            (Dialect::Guide, Some("query")) => Auth::Query(Secret::new(format!(
                "application_key={}&user_api_key={}",
                encoded(application.expose()),
                encoded(user.expose())
            ))),
            (Dialect::Guide, Some(_)) => {
                return Err(opening.unusable(&AUTH, "must be `headers`, `query` or `basic`"));
            }
        };
        Ok(Self {
            dialect: settings.dialect,
            auth,
            campaign: campaign.to_owned(),
            api: opening.root(&BASE_URL)?,
            tracking: opening.root(&TRACKING_URL)?,
            credentials: Credential::pair(application, user)
                .into_iter()
                .chain(Credential::token(application))
                .collect(),
        })
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.api.host().to_owned()];
        if self.tracking.host() != self.api.host() {
            hosts.push(self.tracking.host().to_owned());
        }
        hosts
    }

    /// A request of the API. `path` begins with a slash and may have a query.
    fn request(&self, method: Method, path: &str, body: Option<&Value>, label: &'static str) -> Request {
        let mut headers = vec![("accept", Secret::new("application/json"))];
        let mut url = self.api.url(path);
        match &self.auth {
            Auth::Basic(basic) => headers.push(("authorization", basic.clone())),
            Auth::Headers { application, user } => {
                headers.push(("x-application-key", application.clone()));
                headers.push(("x-user-api-key", user.clone()));
            }
            Auth::Query(keys) => {
                let mark = if path.contains('?') { '&' } else { '?' };
                url = Secret::new(format!("{}{mark}{}", url.expose(), keys.expose()));
            }
        }
        if body.is_some() {
            headers.push(("content-type", Secret::new("application/json")));
        }
        Request { method, url, headers, body: body.map(|body| body.to_string().into_bytes()), label }
    }

    fn get(&self, path: &str, label: &'static str) -> Request {
        self.request(Method::Get, path, None, label)
    }

    fn send(&self, method: Method, path: &str, body: &Value, label: &'static str) -> Request {
        self.request(method, path, Some(body), label)
    }

    /// What must not come back in a message about a task: credentials, and whatever it told the vendor about a person or an
    /// order.
    fn redaction_of<'a>(&'a self, task: &'a Task) -> Redaction<'a> {
        let order = task.order.iter().flat_map(|order| {
            let skus = order.items.iter().map(|item| item.sku.as_str());
            [order.key.as_str()].into_iter().chain(skus)
        });
        let refunded = task.refund_of.iter().map(|key| key.as_str());
        let partner = task.partner.iter().map(|partner| partner.as_str());
        let redaction = Redaction::of(&self.credentials, task.personal().chain(order).chain(refunded).chain(partner));
        redaction.and(conversion::reference(task)).and(conversion::customer_reference(task))
    }

    /// The same about a command.
    fn redaction<'a>(&'a self, values: &'a Values) -> Redaction<'a> {
        Redaction::of(&self.credentials, values.personal())
    }
}

impl Delivery for Account {
    /// Every conversion has its own click reference; only a refund changes what must be there.
    fn follows(&self, kind: Kind) -> Option<Kind> {
        match kind {
            Kind::Signup | Kind::Lead | Kind::Sale => None,
            Kind::Refund => Some(Kind::Sale),
        }
    }

    fn needs(&self, _kind: Kind, _has_click_id: bool) -> &'static [Field] {
        &[]
    }

    fn plan(&self, task: &Task) -> Result<Plan, Rejection> {
        let mut notes = Vec::new();
        if task.kind == Kind::Refund {
            if task.data.values().any(|value| !value.trim().is_empty()) {
                let reason = "left out: a change of a conversion has no place for it".into();
                notes.push(Note { field: "data".into(), reason });
            }
            let call = refunds::plan(self, task)?;
            return Ok(Plan::Send { call, class: Class::Upsert, credential: USER_API_KEY.name, notes });
        }
        let request = conversion::request(&self.tracking, &self.campaign, task, &mut notes)?;
        let call = Call::new(request, |answer| Step::Done(conversion::read(answer)));
        Ok(Plan::Send { call, class: Class::Searchable, credential: "", notes })
    }

    fn look_up(&self, task: &Task) -> Option<Call<Step<LookUp>>> {
        match task.kind {
            Kind::Refund => refunds::look_up(self, task),
            // It follows a page's claim that the backend overruled. What that page's conversion did is at the vendor under
            // that conversion's own id, so looking for this id would find nothing, and prove nothing.
            Kind::Signup | Kind::Lead if task.is_unsent => None,
            Kind::Signup | Kind::Lead | Kind::Sale => report::look_up(self, task),
        }
    }

    /// The vendor's quick start tests keys with `GET /network`; the guide with `GET /user/self`.
    fn probe(&self, credential: &str) -> Option<Call<Probe>> {
        let (path, label, member) = match self.dialect {
            Dialect::Current => ("/network", "GET /network", "networks"),
            Dialect::Guide => ("/user/self", "GET /user/self", "user"),
        };
        let account = self.clone();
        (credential == USER_API_KEY.name).then(|| {
            Call::new(self.get(path, label), move |answer| {
                match answers::content(answer, &Redaction::of(&account.credentials, [])) {
                    Ok(body) if body.get(member).is_some() => Probe::Good,
                    Err(Outcome::AuthFailed { .. } | Outcome::Forbidden { .. }) => Probe::Refused,
                    Ok(_) | Err(_) => Probe::Unclear,
                }
            })
        })
    }
}

impl Commissions for Account {
    /// Less than a page of the report.
    fn most_at_once(&self) -> u32 {
        200
    }

    fn ask_together(&self, earned: &[Earned]) -> Option<Together> {
        standings::ask(self, earned)
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

fn basic(application: &Secret, user: &Secret) -> Secret {
    let pair = Zeroizing::new(format!("{}:{}", application.expose(), user.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}
