//! PartnerStack, as vendors.md § 1 and seeds 000 and 002 describe it: two accounts and three entrances.
//!
//! | path | what |
//! |---|---|
//! | `/partnerstack/api/v2/...` | the vendor API in dialect `current` |
//! | `/partnerstack-guide/api/v2/...` | seed 000, on its own account |
//! | `/partnerlinks/...` | partner links and the server-to-server conversion of the `current` account |
//!
//! Where the documents are silent, the simulator chooses and says so in the code: an unknown path or method and a missing
//! thing are 404, everything wrong with a body or parameter is 400, both in the vendor's envelope. Transactions are listed,
//! but a single one cannot be read, since our documents name no such call. There are no tags, bulk moves, members, teams,
//! tiers, deals, leads or reports. `webhooks` describes the webhooks. In the guide, whose transactions have no key of the
//! client's, the list is that of `current`.

mod current;
mod guide;
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
use crate::log::Errand;
use crate::settings::Settings;

pub(crate) use self::rewards::Verdict;
pub(crate) use self::webhooks::Outgoing;

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
pub(crate) const CURRENT: &str = "partnerstack";
/// The name of the account that speaks the guide.
pub(crate) const GUIDE: &str = "partnerstack-guide";

/// The two descriptions of the vendor's API, and so the two accounts; written as control routes, log and effects name
/// them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Dialect {
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

/// What `POST /control/partnerstack/settings` changes; absent fields stay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    visible_after_ms: Option<i64>,
    dedupe: Option<bool>,
    meta_keys: Option<Vec<String>>,
    accept_credentials: Option<CredentialChange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialChange {
    public_key: Option<String>,
    private_key: Option<String>,
    tracking_token: Option<String>,
}

/// A call at one of the three entrances; `None` is a path or method that does not exist there.
enum Door<'a> {
    Current(Option<current::Route<'a>>),
    Guide(Option<guide::Route<'a>>),
    Links(Option<links::Route<'a>>),
}

impl Dialect {
    const ALL: [Self; 2] = [Self::Current, Self::Guide];

    /// The account's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Current => CURRENT,
            Self::Guide => GUIDE,
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
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

    /// What a call asks for, before anything is done; `None` if it is not for PartnerStack.
    pub(crate) fn errand(call: &Call) -> Option<Errand> {
        let errand = match Door::of(call)? {
            Door::Current(None) | Door::Links(None) => Errand::unknown(CURRENT),
            Door::Current(Some(route)) => Errand::new(CURRENT, route.operation(), route.external_key(call)),
            Door::Guide(None) => Errand::unknown(GUIDE),
            Door::Guide(Some(route)) => Errand::new(GUIDE, route.operation(), route.external_key(call)),
            Door::Links(Some(route)) => Errand::new(CURRENT, route.operation(), route.external_key(call)),
        };
        Some(errand)
    }

    /// Does what the call asks, or says why not.
    pub(crate) fn answer(&mut self, call: &Call, now_ms: i64) -> Answer {
        self.process(call, now_ms).unwrap_or_else(|refusal| error(refusal.status, &refusal.message))
    }

    fn process(&mut self, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
        let door = Door::of(call).ok_or_else(|| Refusal::not_found("path"))?;
        if matches!(call.body, Body::TooLarge) {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Err(Refusal { status, message: "body is larger than 1 MiB".to_owned() });
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

    /// Changes the rules of both accounts and returns those in force; credentials are not repeated.
    pub(crate) fn change(&mut self, change: Change) -> Value {
        for rules in [&mut self.current.account.rules, &mut self.guide.account.rules] {
            rules.visible_after_ms = change.visible_after_ms.or(rules.visible_after_ms);
            rules.dedupe = change.dedupe.unwrap_or(rules.dedupe);
            rules.meta_keys = change.meta_keys.clone().unwrap_or_else(|| rules.meta_keys.clone());
        }
        if let Some(accepted) = change.accept_credentials {
            let credentials = &mut self.credentials;
            credentials.public_key = accepted.public_key.unwrap_or_else(|| credentials.public_key.clone());
            credentials.private_key = accepted.private_key.unwrap_or_else(|| credentials.private_key.clone());
            credentials.tracking_token = accepted.tracking_token.unwrap_or_else(|| credentials.tracking_token.clone());
        }
        let rules = &self.current.account.rules;
        json!({
            "visible_after_ms": rules.visible_after_ms,
            "dedupe": rules.dedupe,
            "meta_keys": rules.meta_keys,
        })
    }

    /// Everything in an account.
    pub(crate) fn view(&self, dialect: Dialect, now_ms: i64) -> Value {
        view::account(&self.side(dialect).account, now_ms)
    }

    /// Both accounts for a file. Rules, credentials and webhook addresses are not among it: they are settings.
    pub(crate) fn kept(&self) -> [&impl Serialize; 2] {
        [&self.current.account, &self.guide.account]
    }

    /// Goes on with what [`Self::kept`] gave.
    ///
    /// # Errors
    /// It is something else.
    pub(crate) fn resume(&mut self, kept: [Value; 2]) -> Result<(), serde_json::Error> {
        for (side, kept) in [&mut self.current, &mut self.guide].into_iter().zip(kept) {
            let mut account: Account = serde_json::from_value(kept)?;
            account.rules = side.account.rules.clone();
            side.account = account;
        }
        Ok(())
    }

    /// The webhooks that became due since the last call.
    pub(crate) fn news(&mut self) -> Vec<Outgoing> {
        let Self { current, guide, .. } = self;
        [current, guide].into_iter().flat_map(|Side { account, hook }| hook.news(account)).collect()
    }

    /// Sets the address for an account's webhooks; `None` for nowhere.
    pub(crate) fn point(&mut self, dialect: Dialect, url: Option<String>) {
        let Side { account, hook } = self.side_mut(dialect);
        hook.point(url, account);
    }

    /// A webhook that a person wrote; `None` if the account has no address for webhooks.
    pub(crate) fn word(&self, dialect: Dialect, body: Value) -> Option<Outgoing> {
        let url = self.side(dialect).hook.url()?.to_owned();
        Some(Outgoing { account: dialect.name(), url, body })
    }

    /// Gives a reward for a signup.
    ///
    /// # Errors
    /// The sentence says what is wrong with the customer.
    pub(crate) fn reward(
        &mut self,
        dialect: Dialect,
        customer_key: &str,
        amount: i64,
        now_ms: i64,
    ) -> Result<String, String> {
        rewards::give(&mut self.side_mut(dialect).account, customer_key, amount, now_ms)
    }

    /// Decides about a reward in either account.
    ///
    /// # Errors
    /// The sentence says why not.
    pub(crate) fn decide(&mut self, key: &str, verdict: Verdict, now_ms: i64) -> Result<Value, String> {
        let of_guide = rewards::named(&self.guide.account, key).is_some();
        let dialect = if of_guide { Dialect::Guide } else { Dialect::Current };
        rewards::decide(&mut self.side_mut(dialect).account, key, verdict, now_ms)
    }

    /// Makes a partner leave both accounts, or come back.
    ///
    /// # Errors
    /// No partner has that key.
    pub(crate) fn admit(&mut self, partner_key: &str, is_member: bool, now_ms: i64) -> Result<(), String> {
        let accounts = [&mut self.current.account, &mut self.guide.account];
        let known = accounts.map(|account| account.admit(partner_key, is_member, now_ms));
        if known.contains(&true) { Ok(()) } else { Err("partner_key names no partner".to_owned()) }
    }

    /// Creates a click without a browser and returns its id.
    ///
    /// # Errors
    /// The sentence says which of the two names is wrong.
    pub(crate) fn click(&mut self, xid: Option<String>, partner_key: &str, now_ms: i64) -> Result<String, String> {
        self.current.account.click(xid, partner_key, now_ms).map_err(|refusal| refusal.message)
    }

    fn side(&self, dialect: Dialect) -> &Side {
        match dialect {
            Dialect::Current => &self.current,
            Dialect::Guide => &self.guide,
        }
    }

    fn side_mut(&mut self, dialect: Dialect) -> &mut Side {
        match dialect {
            Dialect::Current => &mut self.current,
            Dialect::Guide => &mut self.guide,
        }
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
pub(crate) fn error(status: StatusCode, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message, "status": status.as_u16() }))
}

/// The vendor's success envelope.
fn success(data: Value) -> Answer {
    Answer::json(StatusCode::OK, &json!({ "data": data, "message": "OK", "status": 200 }))
}
