//! PartnerStack, as vendors.md § 1 and seeds 000 and 002 describe it: two accounts and three entrances.
//!
//! | path | what |
//! |---|---|
//! | `/partnerstack/api/v2/...` | the vendor API in dialect `current` |
//! | `/partnerstack-guide/api/v2/...` | seed 000, on its own account |
//! | `/partnerlinks/...` | partner links and the server-to-server conversion of the `current` account |
//!
//! Its control routes, under `/control/partnerstack/`; `account` is `partnerstack` (the default) or `partnerstack-guide`:
//!
//! | route | in | out |
//! |---|---|---|
//! | `POST clicks` | `{xid?, partner_key}` | `{xid}` |
//! | `POST rewards` | `{customer_key, amount?, account?}`: a reward for a signup, in cents | `{key}` |
//! | `POST rewards/{key}/hold`, `/approve`, `/decline`, `/pay` | `{}`; `key` of the reward or its transaction | the reward |
//! | `POST partners/{partner_key}/archive`, `/restore` | `{}`: the partner leaves both accounts, or comes back | `{}` |
//! | `POST settings` | `{visible_after_ms?, dedupe?, meta_keys?, accept_credentials?: {public_key?, private_key?, tracking_token?}}` for both accounts | what is in force, without credentials |
//!
//! The state of an account is `{now_ms, customers, partners, transactions, actions, clicks, rewards}`; customers have `xid`,
//! `partner_key`, `created_at`, `visible_at` and `visible`.
//!
//! Where the documents are silent, the simulator chooses and says so in the code: an unknown path or method and a missing
//! thing are 404, everything wrong with a body or parameter is 400, both in the vendor's envelope. Transactions are listed,
//! but a single one cannot be read, since our documents name no such call. There are no calls for tags, bulk moves,
//! members, teams, tiers, deals, leads or reports. `webhooks` describes the webhooks. In the guide, whose transactions have no key of the
//! client's, the list is that of `current`.

mod control;
mod current;
mod guide;
mod hooks;
mod links;
mod paging;
mod rewards;
mod seed;
mod state;
mod validate;
mod view;
mod webhooks;

use std::fmt;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::state::{Account, Rules};
use self::validate::Refusal;
use self::webhooks::Hook;
use crate::call::{Answer, Authorization, Body, Call};
use crate::crowd::{List, picked};
use crate::double::{About, Double, Listing, Program};
use crate::log::Errand;
use crate::postman::Outgoing;
use crate::settings::Settings;

/// Public half of the key pair that the simulator accepts.
pub const PUBLIC_KEY: &str = "pk_sim";
/// Private half of the key pair that the simulator accepts.
pub const PRIVATE_KEY: &str = "sk_sim_private";
/// Bearer token that the simulator's `conversion/xid` accepts.
pub const TRACKING_TOKEN: &str = "tt_sim_tracking";
/// Public half of the pair whose objects are marked `test`.
pub const TEST_PUBLIC_KEY: &str = "pk_sim_test";
/// Private half of the pair whose objects are marked `test`.
pub const TEST_PRIVATE_KEY: &str = "sk_sim_test";

/// The name of the `current` account in control routes, log and effects.
const CURRENT: &str = "partnerstack";
/// The name of the account that speaks the guide.
const GUIDE: &str = "partnerstack-guide";

/// The two descriptions of the vendor's API, and so the two accounts; written as control routes, log and effects name
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Dialect {
    /// The vendor's own documents.
    #[default]
    #[serde(rename = "partnerstack")]
    Current,
    /// Seed 000.
    #[serde(rename = "partnerstack-guide")]
    Guide,
}

/// Both accounts and their credentials.
pub(crate) struct PartnerStack {
    current: Side,
    guide: Side,
    credentials: Credentials,
    landing_url: String,
}

/// An account, and where it sends its webhooks.
#[derive(Debug)]
struct Side {
    account: Account,
    hook: Hook,
}

/// The accepted credentials. `Debug` shows none of them.
struct Credentials {
    public_key: String,
    private_key: String,
    tracking_token: String,
}

/// The key pair of a call; objects made with the test pair are marked `test`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyPair {
    Production,
    Test,
}

/// A call at one of the three entrances; `None` is a path or method that does not exist there.
enum Door<'a> {
    Current(Option<current::Route<'a>>),
    Guide(Option<guide::Route<'a>>),
    Links(Option<links::Route<'a>>),
}

impl Dialect {
    /// The account's name.
    fn name(self) -> &'static str {
        match self {
            Self::Current => CURRENT,
            Self::Guide => GUIDE,
        }
    }
}

impl PartnerStack {
    pub(crate) fn new(settings: &Settings) -> Self {
        let side = |dialect| Side { account: Account::new(dialect, Rules::new(settings)), hook: Hook::default() };
        Self {
            current: side(Dialect::Current),
            guide: side(Dialect::Guide),
            credentials: Credentials {
                public_key: PUBLIC_KEY.to_owned(),
                private_key: PRIVATE_KEY.to_owned(),
                tracking_token: TRACKING_TOKEN.to_owned(),
            },
            landing_url: settings.landing_url.clone(),
        }
    }

    fn process(&mut self, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
        let door = Door::of(call).ok_or_else(|| Refusal::not_found("path"))?;
        if matches!(call.body, Body::TooLarge) {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body is larger than 1 MiB"));
        }
        match door {
            Door::Current(Some(route)) => {
                let pair = self.credentials.key_pair(call)?;
                current::answer(&mut self.current.account, &route, call, pair, now_ms)
            }
            Door::Guide(Some(route)) => {
                let pair = self.credentials.key_pair(call)?;
                guide::answer(&mut self.guide.account, &route, call, pair, now_ms)
            }
            Door::Links(Some(links::Route::Convert)) => {
                self.credentials.tracking(call)?;
                links::convert(&mut self.current.account, call, now_ms)
            }
            Door::Links(Some(links::Route::Go(partner_key))) => {
                links::go(&mut self.current.account, partner_key, &self.landing_url, now_ms)
            }
            Door::Current(None) | Door::Guide(None) | Door::Links(None) => Err(Refusal::not_found("endpoint")),
        }
    }

    /// The side with that name; any other name is that of the `current` account.
    fn named(&mut self, account: &str) -> &mut Side {
        if account == GUIDE { &mut self.guide } else { &mut self.current }
    }

    fn side_mut(&mut self, dialect: Dialect) -> &mut Side {
        match dialect {
            Dialect::Current => &mut self.current,
            Dialect::Guide => &mut self.guide,
        }
    }
}

impl Double for PartnerStack {
    fn accounts(&self) -> &'static [&'static str] {
        &[CURRENT, GUIDE]
    }

    fn errand(&self, call: &Call) -> Option<Errand> {
        let errand = match Door::of(call)? {
            Door::Current(None) | Door::Links(None) => Errand::unknown(CURRENT),
            Door::Current(Some(route)) => Errand::new(CURRENT, route.operation(), route.external_key(call)),
            Door::Guide(None) => Errand::unknown(GUIDE),
            Door::Guide(Some(route)) => Errand::new(GUIDE, route.operation(), route.external_key(call)),
            Door::Links(Some(route)) => Errand::new(CURRENT, route.operation(), route.external_key(call)),
        };
        Some(errand)
    }

    fn answer(&mut self, call: &Call, now_ms: i64) -> Answer {
        self.process(call, now_ms)
            .unwrap_or_else(|Refusal { status, message, breach }| error(status, &message).with_breach(breach))
    }

    fn refusal(&self, _call: &Call, status: StatusCode, message: &str) -> Answer {
        error(status, message)
    }

    fn secrets(&self) -> Vec<&str> {
        vec![&self.credentials.private_key, &self.credentials.tracking_token, TEST_PRIVATE_KEY]
    }

    fn control(&mut self, path: &[&str], call: &Call, now_ms: i64) -> Option<crate::control::Result> {
        control::perform(self, path, call, now_ms)
    }

    fn join(&mut self, account: &str, list: List, now_ms: i64) -> Option<String> {
        (list == List::Partners).then(|| control::join(&mut self.named(account).account, now_ms))
    }

    fn leave(&mut self, account: &str, list: List, number: u64, now_ms: i64) -> Option<String> {
        let account = &mut self.named(account).account;
        let all = account.live_partnerships().filter(|_| list == List::Partners);
        let key = picked(all, number)?.partner_key.clone();
        account.admit(&key, false, now_ms).then_some(key)
    }

    fn view(&self, account: &str, now_ms: i64) -> Value {
        let side = if account == GUIDE { &self.guide } else { &self.current };
        view::account(&side.account, now_ms)
    }

    fn listings(&self, now_ms: i64) -> Vec<Listing> {
        view::listings(&self.current.account, now_ms)
    }

    fn listen(&mut self, account: &str, is_heard: bool) {
        let Side { account, hook } = self.named(account);
        hook.listen(is_heard, account);
    }

    fn news(&mut self, _now_ms: i64) -> Vec<Outgoing> {
        let Self { current, guide, .. } = self;
        [current, guide].into_iter().flat_map(|Side { account, hook }| hook.news(account)).collect()
    }

    /// To the address that a control route has set, otherwise to that of the first webhook that is registered.
    fn word(&self, account: &'static str, body: &Value, _now_ms: i64) -> Outgoing {
        let Side { account: own, hook } = if account == GUIDE { &self.guide } else { &self.current };
        let registered = own.hooks.first().filter(|_| !hook.is_pointed);
        Outgoing { url: registered.map(|hook| hook.url().to_owned()), ..Outgoing::json(account, body) }
    }

    fn program(&self, Settings { listen, pace, .. }: &Settings) -> Program {
        let confirm_after = pace.confirm_after();
        let toml = format!(
            r#"id             = "main"
vendor         = "partnerstack"
dialect        = "current"
public_key     = "env:PARTNERSTACK_PUBLIC_KEY"
private_key    = "env:PARTNERSTACK_PRIVATE_KEY"
tracking_token = "env:PARTNERSTACK_TRACKING_TOKEN"
base_url       = "http://{listen}/partnerstack"
tracking_url   = "http://{listen}/partnerlinks"
confirm_after  = "{confirm_after}"
# The double of dialect "guide" is an account of its own, with the same keys:
# dialect  = "guide"
# base_url = "http://{listen}/partnerstack-guide"
"#
        );
        let exports = vec![
            ("PARTNERSTACK_PUBLIC_KEY", PUBLIC_KEY),
            ("PARTNERSTACK_PRIVATE_KEY", PRIVATE_KEY),
            ("PARTNERSTACK_TRACKING_TOKEN", TRACKING_TOKEN),
        ];
        Program { exports, toml }
    }

    fn about(&self) -> About {
        About {
            title: "PartnerStack",
            partners: &[("Ada", "/partnerlinks/go/ada"), ("Grace", "/partnerlinks/go/grace")],
            link_params: &["ps_partner_key", "ps_xid", "gsxid", "gspk"],
            entrances: &[
                ("base_url", "/partnerstack"),
                ("base_url of dialect guide", "/partnerstack-guide"),
                ("tracking_url", "/partnerlinks"),
            ],
        }
    }

    fn kept(&self) -> serde_json::Result<Value> {
        serde_json::to_value([&self.current.account, &self.guide.account])
    }

    fn resume(&mut self, kept: Value) -> serde_json::Result<()> {
        let kept: [Account; 2] = serde_json::from_value(kept)?;
        for (side, mut account) in [&mut self.current, &mut self.guide].into_iter().zip(kept) {
            account.rules = side.account.rules.clone();
            side.account = account;
            side.hook.begin(&mut side.account);
        }
        Ok(())
    }
}

impl<'a> Door<'a> {
    fn of(call: &'a Call) -> Option<Self> {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        match path.as_slice() {
            [CURRENT, "api", "v2", rest @ ..] => Some(Self::Current(current::Route::of(&call.method, rest))),
            [GUIDE, "api", "v2", rest @ ..] => Some(Self::Guide(guide::Route::of(&call.method, rest))),
            ["partnerlinks", rest @ ..] => Some(Self::Links(links::Route::of(&call.method, rest))),
            [CURRENT, ..] => Some(Self::Current(None)),
            [GUIDE, ..] => Some(Self::Guide(None)),
            _ => None,
        }
    }
}

impl Credentials {
    /// The vendor API: Basic with one of the two pairs.
    fn key_pair(&self, call: &Call) -> Result<KeyPair, Refusal> {
        let Authorization::Basic { user, password } = &call.authorization else {
            return Err(Refusal::unauthorized("Basic authentication with public and private key is required"));
        };
        if *user == self.public_key && *password == self.private_key {
            return Ok(KeyPair::Production);
        }
        if user == TEST_PUBLIC_KEY && password == TEST_PRIVATE_KEY {
            return Ok(KeyPair::Test);
        }
        Err(Refusal::unauthorized("invalid credentials"))
    }

    /// The conversion call: Bearer with the tracking token.
    fn tracking(&self, call: &Call) -> Result<(), Refusal> {
        match &call.authorization {
            Authorization::Bearer(token) if *token == self.tracking_token => Ok(()),
            _ => Err(Refusal::unauthorized("invalid credentials")),
        }
    }
}

impl fmt::Debug for PartnerStack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PartnerStack")
            .field("current", &self.current)
            .field("guide", &self.guide)
            .field("landing_url", &self.landing_url)
            .finish_non_exhaustive()
    }
}

impl KeyPair {
    fn is_test(self) -> bool {
        self == Self::Test
    }
}

/// The vendor's error envelope; a fault of kind `status` uses it too.
fn error(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message, "status": status.as_u16() }))
}

/// The vendor's success envelope.
fn success(data: Value) -> Answer {
    Answer::json(StatusCode::OK, &json!({ "data": data, "message": "OK", "status": 200 }))
}
