//! Who may call: credentials, scopes, the limit per minute and the monthly credits.
//!
//! Order: 401 for the key, 403 for its scope, 429 for the minute, 402 for the month; after that the call itself. Which
//! comes first is not documented. A refused key counts nowhere, since it names no account; a publishable key uses no
//! credits. `Accept` must allow JSON, since no call has another answer; the documents name no status, here it is 406.
//! There is no header for a version of the API.
//!
//! The headers of the limit are documented only for the list of partners, so they are nowhere else; no header says when
//! the minute ends.

use http::{HeaderName, HeaderValue, StatusCode};

use super::seed::CAMPAIGNS;
use super::state::{Account, Rules};
use super::validate::Refusal;
use crate::call::{Answer, Call};

/// The credentials that the account accepts. Not `Debug`.
pub(super) struct Credentials {
    pub(super) api_key: String,
    /// Of the organisation: for all campaigns.
    pub(super) publishable_key: String,
    /// Of one campaign each.
    pub(super) campaign_keys: [String; 2],
}

/// The current minute, and the calls in it.
#[derive(Debug, Default)]
pub(super) struct Window {
    minute: i64,
    calls: u64,
}

/// Whose call it is.
#[derive(Debug)]
pub(super) struct Caller {
    /// Whether the API key was used, which is what costs credits.
    pub(super) is_server: bool,
    /// The campaigns whose clicks may be credited.
    campaigns: Vec<&'static str>,
}

impl Caller {
    pub(super) fn may_credit(&self, campaign: &str) -> bool {
        self.campaigns.contains(&campaign)
    }
}

impl Credentials {
    /// A call with the API key. Its body may name a publishable key, which then guards the campaign.
    ///
    /// # Errors
    /// The key is not accepted (401) or lacks the scope (403).
    pub(super) fn server(&self, rules: &Rules, call: &Call, scope: &str) -> Result<Caller, Refusal> {
        if call.header("x-api-key") != Some(self.api_key.as_str()) {
            return Err(Refusal::unauthorized());
        }
        if !rules.scopes.iter().any(|owned| owned == scope) {
            let message = format!("API key does not include the {scope} scope.");
            return Err(Refusal::new(StatusCode::FORBIDDEN, message));
        }
        Ok(Caller { is_server: true, campaigns: CAMPAIGNS.to_vec() })
    }

    /// A conversion: with the API key from a server, or with a publishable key from a browser.
    ///
    /// # Errors
    /// Those of [`Credentials::server`]; no key; an unknown publishable key.
    pub(super) fn conversion(&self, rules: &Rules, call: &Call, scope: &str) -> Result<Caller, Refusal> {
        let (header, body) = (call.header("x-introw-publishable-key"), call.body_text("publishableKey"));
        let is_server = call.header("x-api-key").is_some();
        if is_server {
            self.server(rules, call, scope)?;
        }
        if is_server && header.is_some() {
            return Err(Refusal::invalid("x-introw-publishable-key", "belongs to browsers and excludes x-api-key"));
        }
        let campaigns = match header.or(body) {
            None if is_server => CAMPAIGNS.to_vec(),
            None => return Err(Refusal::unauthorized()),
            Some(key) => match self.campaigns_of(key) {
                Some(campaigns) => campaigns,
                None if rules.ignore_unknown_publishable_key => Vec::new(),
                None if is_server => return Err(Refusal::invalid("publishableKey", "is unknown")),
                None => return Err(Refusal::unauthorized()),
            },
        };
        let origin = call.header("origin").unwrap_or_default();
        let is_listed = is_server || rules.origins.is_empty() || rules.origins.iter().any(|listed| listed == origin);
        Ok(Caller { is_server, campaigns: if is_listed { campaigns } else { Vec::new() } })
    }

    fn campaigns_of(&self, key: &str) -> Option<Vec<&'static str>> {
        if key == self.publishable_key {
            return Some(CAMPAIGNS.to_vec());
        }
        let place = self.campaign_keys.iter().position(|campaign_key| campaign_key == key)?;
        Some(CAMPAIGNS.get(place).into_iter().copied().collect())
    }
}

impl Window {
    /// Counts a call and returns the calls that remain in this minute.
    ///
    /// # Errors
    /// There were too many (429).
    pub(super) fn count(&mut self, limit: u64, now_ms: i64) -> Result<u64, Refusal> {
        let minute = now_ms.div_euclid(60_000);
        if self.minute != minute {
            *self = Self { minute, calls: 0 };
        }
        self.calls += 1;
        limit.checked_sub(self.calls).ok_or_else(|| Refusal::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded."))
    }
}

/// # Errors
/// The month's credits are used up (402).
pub(super) fn afford(account: &mut Account, rules: &Rules, now_ms: i64) -> Result<(), Refusal> {
    let used = *account.credits_used(now_ms);
    match rules.credits_per_month {
        Some(credits) if used >= credits => {
            Err(Refusal::new(StatusCode::PAYMENT_REQUIRED, "The monthly API credits are used up."))
        }
        _ => Ok(()),
    }
}

/// Takes a credit for a successful call and says how many there are.
pub(super) fn charge(account: &mut Account, rules: &Rules, answer: Answer, now_ms: i64) -> Answer {
    let Some(limit) = rules.credits_per_month else { return answer };
    let used = account.credits_used(now_ms);
    *used += 1;
    let remaining = limit.saturating_sub(*used);
    with_number(
        with_number(answer, "x-introw-credits-limit-month", limit),
        "x-introw-credits-remaining-month",
        remaining,
    )
}

pub(super) fn with_number(answer: Answer, name: &'static str, number: u64) -> Answer {
    answer.with_header(HeaderName::from_static(name), HeaderValue::from(number))
}

/// # Errors
/// The client does not take JSON.
pub(super) fn acceptable(call: &Call) -> Result<(), Refusal> {
    let Some(accept) = call.header("accept") else { return Ok(()) };
    let mut media_types = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    if media_types.any(|range| matches!(range, "*/*" | "application/*" | "application/json")) {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "Accept must allow application/json."))
}
