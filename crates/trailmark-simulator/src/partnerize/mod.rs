//! Partnerize, as vendors.md § 2, vendors-2.md § 1 and seed 001 describe it: two accounts on two hosts each.
//!
//! | path | what |
//! |---|---|
//! | `/partnerize/...` | the API in dialect `current`: versions 1, 2 (`/v2`) and 3 (`/v3`); Basic [`PARTNERIZE_APPLICATION_KEY`]`:`[`PARTNERIZE_USER_API_KEY`] |
//! | `/partnerize-guide/...` | seed 001: its users, its credentials in two headers or in the query; the rest as in `current` |
//! | `/prf/conversion/...`, `/prf/click/camref:X` | prf.hn: conversions of the `current` account, and its partners' links |
//! | `/prf-guide/conversion/...`, `/prf-guide/click/camref:X` | the same of the guide's account |
//!
//! The calls: `GET network`; `GET|POST campaign/{id}/publisher`, `GET campaign/{id}/publisher/{pid}`,
//! `GET|POST network/{id}/publisher`; `GET v2/networks/{id}/publishers` and `/{pid}`; `GET v3/brand/campaigns` and `/{id}`;
//! `GET|POST user`, `POST user/{id}`, `PATCH v3/brand/user`; the report, the filter, bulk changes and jobs.
//!
//! Its control routes, under `/control/partnerize/`; `account` is `partnerize` (the default) or `partnerize-guide`:
//!
//! | route | in | out |
//! |---|---|---|
//! | `POST clicks` | `{publisher?, clickref?, account?}`; `publisher` is an id or a `camref`, the first partner if absent | `{clickref, publisher_id}` |
//! | `POST partners/{id}/approve`, `/reject`, `/remove` | `{account?}` | `{}` |
//! | `POST users/{id}/remove` | `{account?}` | `{}` |
//! | `POST conversions/{id}/approve`, `/reject`, `/pend` | `{account?}`; `id` of the conversion or its reference | `{status}` |
//! | `POST conversions/{id}/pay` | the same, of an approved conversion | `{}` |
//! | `POST settings` | any member of `state`'s `Rules`, and `accept_credentials: {application_key, user_api_key}`, for both accounts; null takes a limit away | what is in force, without credentials |
//!
//! The state of an account is `{now_ms, users, publishers, clicks, conversions, jobs}`; conversions are as in the report, with
//! `visible_at` in milliseconds.
//!
//! Only the guide's account sends webhooks, `conversion.pending`, `.approved` and `.rejected`: the seed names them, and nobody
//! else. It shows no body; these are flat, `{event, conversion_id, conversion_reference, status}`, and not signed.
//!
//! Where the documents are silent, the module that answers says what was chosen. An unknown path is 404, a wrong method 405.
//! Left out: the calls of partners (404, as for whoever has no right to read), exports, XML and CSV, and version 1's bulk call.

mod analytics;
mod control;
mod envelope;
mod guide;
mod jobs;
mod publishers;
mod report;
mod route;
mod seed;
mod state;
mod time;
mod tracking;
mod users;

use std::fmt;
use std::net::SocketAddr;

use http::StatusCode;
use http::header::HeaderName;
use serde::Deserialize;
use serde_json::{Value, json};

use self::envelope::{Refusal, Version};
use self::route::Route;
use self::state::{Account, Rights, Rules};
use crate::call::{Answer, Authorization, Body, Call};
use crate::control as routes;
use crate::crowd::List;
use crate::double::{About, Double, Listing, Program};
use crate::log::Errand;
use crate::postman::Outgoing;
use crate::settings::Settings;

/// Application key that the simulated Partnerize accepts.
pub const PARTNERIZE_APPLICATION_KEY: &str = "pz_sim_application";
/// User API key that the simulated Partnerize accepts.
pub const PARTNERIZE_USER_API_KEY: &str = "pz_sim_user_key";
/// The only campaign of the simulated Partnerize.
pub const PARTNERIZE_CAMPAIGN: &str = "10l176";

/// The only network.
const NETWORK: &str = "1";

const CURRENT: &str = "partnerize";
const GUIDE: &str = "partnerize-guide";
const ACCOUNTS: [&str; 2] = [CURRENT, GUIDE];

/// The tracking hosts of the two accounts.
const HOST: &str = "prf";
const GUIDE_HOST: &str = "prf-guide";

/// Both accounts, with one set of credentials and rules.
pub(crate) struct Partnerize {
    current: Account,
    guide: Account,
    credentials: Credentials,
    rules: Rules,
    is_guide_heard: bool,
    landing_url: String,
    address: SocketAddr,
}

/// The accepted credentials. `Debug` shows none of them.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    application_key: String,
    user_api_key: String,
}

/// A call at one of the doors, with the account's name.
enum Door<'a> {
    /// The path behind the entrance.
    Api(&'static str, Vec<&'a str>),
    Conversion(&'static str),
    /// The keys of the link.
    Click(&'static str, Vec<&'a str>),
    Unknown(&'static str),
}

impl Partnerize {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            current: Account::new(),
            guide: Account::new(),
            credentials: Credentials {
                application_key: PARTNERIZE_APPLICATION_KEY.to_owned(),
                user_api_key: PARTNERIZE_USER_API_KEY.to_owned(),
            },
            rules: Rules { pace: settings.pace, ..Rules::default() },
            is_guide_heard: false,
            landing_url: settings.landing_url.clone(),
            address: settings.listen,
        }
    }

    fn serve(&mut self, name: &str, path: &[&str], call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
        if matches!(call.body, Body::TooLarge) {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB"));
        }
        let is_guide = name == GUIDE;
        self.admit(is_guide, call)?;
        let rules = &self.rules;
        let route = Route::found(is_guide, rules, &call.method, path)?;
        if rules.rights < route.needs() && !matches!(route, Route::Networks) {
            return Err(match rules.rights {
                Rights::None => Refusal::not_found("resource", path.last().unwrap_or(&"")),
                _ => Refusal::new(StatusCode::FORBIDDEN, "You do not have 'write' permission on this resource"),
            });
        }
        let links = format!("http://{}/{}", self.address, if is_guide { GUIDE_HOST } else { HOST });
        let account = if is_guide { &mut self.guide } else { &mut self.current };
        match route {
            Route::Networks => Ok(publishers::networks()),
            Route::Campaigns => Ok(publishers::campaigns(true)),
            Route::Campaign => Ok(publishers::campaigns(false)),
            Route::ListPublishers(path) => publishers::list(account, rules, call, &path),
            Route::ReadPublisher(id) => publishers::one(account, id),
            Route::SetPublishers(status) => publishers::set(account, call, status),
            Route::ListPublishersTwo => publishers::list_two(account, call, &links),
            Route::ReadPublisherTwo(id) => publishers::one_two(account, id, &links),
            Route::OwnUser => users::own(account),
            Route::CreateUser if is_guide => guide::create(account, rules, call, now_ms),
            Route::CreateUser => users::create(account, call, now_ms),
            Route::ChangeUser(id) => users::change(account, id, call, now_ms),
            Route::ChangeAddress => users::change_address(account, call, now_ms),
            Route::ListUsers => guide::list(account, call),
            Route::SelfUser => guide::own(account, call),
            Route::ReadUser(id) => guide::read(account, id, call),
            Route::PutUser(id) => guide::put(account, rules, id, call, now_ms),
            Route::DeleteUser(id) => guide::delete(account, id, call, now_ms),
            Route::Report => report::report(account, rules, call, now_ms),
            Route::Filter => analytics::filter(account, call, now_ms),
            Route::Bulk => jobs::bulk(account, rules, call, now_ms),
            Route::Jobs => jobs::list(account, call, now_ms),
            Route::Job(id) => jobs::one(account, id, now_ms),
            Route::Tasks(id, task) => jobs::tasks(account, id, task, now_ms),
            Route::Replay(id) => jobs::replay(account, rules, id, now_ms),
        }
    }

    /// Checks the credentials, in the way of the dialect. The user of the key must be there and active.
    fn admit(&self, is_guide: bool, call: &Call) -> Result<(), Refusal> {
        let Credentials { application_key, user_api_key } = &self.credentials;
        let is_right = if is_guide {
            let sent = |header: &str, parameter: &str| call.header(header).or_else(|| call.parameter(parameter));
            sent("x-application-key", "application_key") == Some(application_key)
                && sent("x-user-api-key", "user_api_key") == Some(user_api_key)
        } else {
            matches!(&call.authorization, Authorization::Basic { user, password }
                if user == application_key && password == user_api_key)
        };
        let owner = if is_guide { self.guide.users.first() } else { self.current.users.first() };
        let is_there = owner.is_some_and(|user| !user.deleted && user.status == "active");
        if is_right && is_there {
            return Ok(());
        }
        let message = "Your API credentials can be found in Account settings. 'Username' will be your 'User application key' \
                       and 'Password' will be your 'User API key'";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, message))
    }
}

impl Double for Partnerize {
    fn accounts(&self) -> &'static [&'static str] {
        &ACCOUNTS
    }

    fn errand(&self, call: &Call) -> Option<Errand> {
        Some(match Door::of(call)? {
            Door::Unknown(account) => Errand::unknown(account),
            Door::Click(account, _) => Errand::new(account, "click", None),
            Door::Conversion(account) => {
                let line = tracking::line(call, &self.rules).ok();
                let key = line.and_then(|line| line.get("conversionref").or(line.get("clickref")).map(str::to_owned));
                Errand::new(account, "conversion", key)
            }
            Door::Api(account, path) => match Route::found(account == GUIDE, &self.rules, &call.method, &path) {
                Ok(route) => Errand::new(account, route.operation(), route.external_key(call)),
                Err(_) => Errand::unknown(account),
            },
        })
    }

    fn answer(&mut self, call: &Call, now_ms: i64) -> Answer {
        jobs::settle(&mut self.current, now_ms);
        jobs::settle(&mut self.guide, now_ms);
        let door = Door::of(call);
        if let Some(Door::Api(name, path)) = &door {
            let refused = |refusal: Refusal| refusal.answer(Version::of(path));
            return self.serve(name, path, call, now_ms).unwrap_or_else(refused);
        }
        let Self { current, guide, rules, landing_url, .. } = self;
        let account = |name: &str| if name == GUIDE { guide } else { current };
        match door {
            Some(Door::Conversion(name)) => tracking::convert(account(name), rules, call, now_ms),
            Some(Door::Click(name, keys)) => tracking::follow(account(name), rules, &keys, landing_url, now_ms),
            Some(Door::Api(..) | Door::Unknown(_)) | None => {
                Answer::html(StatusCode::NOT_FOUND, "<h1>Not Found</h1>".to_owned())
            }
        }
    }

    /// On the tracking host, whose errors nobody has shown, the message alone.
    fn refusal(&self, call: &Call, status: StatusCode, message: &str) -> Answer {
        match Door::of(call) {
            Some(Door::Api(_, path)) => Refusal::new(status, message).answer(Version::of(&path)),
            _ => Answer::plain(status, message.to_owned()),
        }
    }

    fn retry_header(&self) -> HeaderName {
        HeaderName::from_static("x-ratelimit-retry-after")
    }

    fn secrets(&self) -> Vec<&str> {
        vec![&self.credentials.application_key, &self.credentials.user_api_key]
    }

    fn control(&mut self, path: &[&str], call: &Call, now_ms: i64) -> Option<routes::Result> {
        control::perform(self, path, call, now_ms)
    }

    fn join(&mut self, account: &str, list: List, now_ms: i64) -> Option<String> {
        let is_guide = account == GUIDE;
        Some(control::join(if is_guide { &mut self.guide } else { &mut self.current }, list, now_ms))
    }

    fn leave(&mut self, account: &str, list: List, number: u64, now_ms: i64) -> Option<String> {
        let is_guide = account == GUIDE;
        control::leave(if is_guide { &mut self.guide } else { &mut self.current }, list, number, now_ms)
    }

    fn view(&self, account: &str, now_ms: i64) -> Value {
        control::view(if account == GUIDE { &self.guide } else { &self.current }, now_ms)
    }

    fn listings(&self, now_ms: i64) -> Vec<Listing> {
        control::listings(&self.current, now_ms)
    }

    fn listen(&mut self, account: &str, is_heard: bool) {
        if account == GUIDE {
            self.is_guide_heard = is_heard;
            self.guide.events.clear();
        }
    }

    fn news(&mut self, now_ms: i64) -> Vec<Outgoing> {
        jobs::settle(&mut self.current, now_ms);
        jobs::settle(&mut self.guide, now_ms);
        self.current.events.clear();
        let events = std::mem::take(&mut self.guide.events);
        let heard = events.iter().filter(|_| self.is_guide_heard);
        heard.map(|body| Outgoing::json(GUIDE, body)).collect()
    }

    fn program(&self, Settings { listen, pace, .. }: &Settings) -> Program {
        let confirm_after = pace.confirm_after();
        let toml = format!(
            r#"id              = "partnerize"
vendor          = "partnerize"
dialect         = "current"
application_key = "env:PARTNERIZE_APPLICATION_KEY"
user_api_key    = "env:PARTNERIZE_USER_API_KEY"
campaign_id     = "{PARTNERIZE_CAMPAIGN}"
base_url        = "http://{listen}/{CURRENT}"
tracking_url    = "http://{listen}/prf"
confirm_after   = "{confirm_after}"
# The double of dialect "guide" is an account of its own, with the same keys:
# dialect      = "guide"
# base_url     = "http://{listen}/{GUIDE}"
# tracking_url = "http://{listen}/prf-guide"
"#
        );
        let exports = vec![
            ("PARTNERIZE_APPLICATION_KEY", PARTNERIZE_APPLICATION_KEY),
            ("PARTNERIZE_USER_API_KEY", PARTNERIZE_USER_API_KEY),
        ];
        Program { exports, toml }
    }

    fn about(&self) -> About {
        About {
            title: "Partnerize",
            partners: &[
                ("Amber Media", "/prf/click/camref:1011lamber-media"),
                ("Basil Media", "/prf/click/camref:1011lbasil-media"),
            ],
            link_params: &["clickref"],
            entrances: &[
                ("base_url", "/partnerize"),
                ("base_url of dialect guide", "/partnerize-guide"),
                ("tracking_url", "/prf"),
                ("tracking_url of dialect guide", "/prf-guide"),
            ],
        }
    }

    fn kept(&self) -> serde_json::Result<Value> {
        Ok(json!([serde_json::to_value(&self.current)?, serde_json::to_value(&self.guide)?]))
    }

    fn resume(&mut self, kept: Value) -> serde_json::Result<()> {
        let [current, guide]: [Account; 2] = serde_json::from_value(kept)?;
        (self.current, self.guide) = (current, guide);
        Ok(())
    }
}

impl<'a> Door<'a> {
    fn of(call: &'a Call) -> Option<Self> {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let (first, rest) = path.split_first()?;
        if let Some(account) = ACCOUNTS.into_iter().find(|name| name == first) {
            return Some(Self::Api(account, rest.to_vec()));
        }
        let (_, account) = [HOST, GUIDE_HOST].into_iter().zip(ACCOUNTS).find(|(host, _)| host == first)?;
        Some(match (call.method.as_str(), rest) {
            ("GET" | "POST", ["conversion", ..]) => Self::Conversion(account),
            ("GET", ["click", keys @ ..]) => Self::Click(account, keys.to_vec()),
            _ => Self::Unknown(account),
        })
    }
}

impl fmt::Debug for Partnerize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Partnerize")
            .field("current", &self.current)
            .field("guide", &self.guide)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
