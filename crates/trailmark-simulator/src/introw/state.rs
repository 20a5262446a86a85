//! One Introw account: its content, and what may happen to it. Times are arguments.
//!
//! Removed things keep their place, so that a place names one thing for ever. What serde writes of an account is what a
//! restart goes on with; the rules are settings.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::validate::Refusal;
use super::{money, seed};
use crate::clock::iso_date;
use crate::random::SplitMix;

/// How the account behaves, changed by `POST /control/introw/settings`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rules {
    /// How long look-ups do not show a new partner or commission line. Nothing documented: 0.
    pub(super) visible_after_ms: i64,
    /// `false` makes every accepted call an effect, so that a double send shows as a double effect.
    pub(super) dedupe: bool,
    /// Calls per minute and account, in fixed windows; `None` for no limit. Documented once (vendors-2.md § 2, M): 120.
    pub(super) rate_limit_per_minute: Option<u64>,
    /// Successful calls per calendar month (UTC); `None` for no allowance. The size is not documented (M).
    pub(super) credits_per_month: Option<u64>,
    /// Whether a commission line may have an `idempotencyKey` (M); otherwise the field is unknown and refused.
    pub(super) idempotency_keys: bool,
    /// How old a click may be to count; a setting of the campaign, in days.
    pub(super) window_days: i64,
    /// Where a browser may report from; none means from anywhere.
    pub(super) origins: Vec<String>,
    /// Whether a publishable key that nobody issued is answered with `ignored` instead of a refusal; not documented.
    pub(super) ignore_unknown_publishable_key: bool,
    /// The field with the reason for a decline. It is not documented, so without this setting every decline by API is
    /// refused.
    pub(super) decline_field: Option<String>,
    /// The `status` of a voided line. Not documented.
    pub(super) voided_status: String,
    /// What the API key may do.
    pub(super) scopes: Vec<String>,
}

/// A partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Partner {
    /// `ptn_...`.
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) external_company_id: Option<String>,
    /// The id of the partner's object in a CRM; the API takes it in place of the id.
    pub(super) external_id: Option<String>,
    pub(super) manager_email: Option<String>,
    pub(super) categories: Vec<String>,
    pub(super) tier_id: Option<String>,
    pub(super) phase_id: Option<String>,
    pub(super) owner_id: Option<String>,
    pub(super) portal_access: Option<String>,
    pub(super) template_id: Option<String>,
    pub(super) room_id: String,
    /// Shown only with the four members that seed 003 requires.
    pub(super) is_sparse: bool,
    pub(super) is_active: bool,
    pub(super) is_removed: bool,
    pub(super) created_ms: Option<i64>,
    pub(super) updated_ms: i64,
    pub(super) visible_ms: i64,
}

/// A partner's link for one campaign, `/r/{code}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) code: String,
    /// Place of the partner.
    pub(super) partner: usize,
    pub(super) campaign: String,
    pub(super) is_revoked: bool,
}

/// A visit through a link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Click {
    /// The click token, `irw_id` in the landing URL and `clickId` of a conversion.
    pub(super) token: String,
    /// Place of the link.
    pub(super) link: usize,
    pub(super) created_ms: i64,
    /// Place of its first conversion.
    pub(super) conversion: Option<usize>,
}

/// A conversion of a click, and the form submission that it makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Conversion {
    pub(super) id: String,
    pub(super) form_submission_id: String,
    pub(super) click_id: String,
    pub(super) partner_id: String,
    pub(super) campaign: String,
    pub(super) email: Option<String>,
    /// The properties that are fields of the campaign's form.
    pub(super) fields: Map<String, Value>,
    /// The others, which are stored unmapped.
    pub(super) unmapped: Map<String, Value>,
    /// `Submitted`, `Pending` or `Failed`, as the app says.
    pub(super) state: String,
    pub(super) created_ms: i64,
}

/// A commission line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// `cln_...`.
    pub(super) id: String,
    pub(super) partner_id: String,
    /// `None` is the pending pool.
    pub(super) payout_id: Option<String>,
    pub(super) description: Option<String>,
    /// Millionths; not zero.
    pub(super) amount: i64,
    /// Millionths.
    pub(super) source_amount: Option<i64>,
    pub(super) currency: String,
    pub(super) is_voided: bool,
    pub(super) note: Option<String>,
    pub(super) idempotency_key: Option<String>,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) visible_ms: i64,
}

/// What one partner gets for one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payout {
    /// `pay_...`.
    pub(super) id: String,
    pub(super) partner_id: String,
    /// `pbt_...`.
    pub(super) batch_id: String,
    pub(super) period_start_ms: i64,
    pub(super) period_end_ms: i64,
    pub(super) currency: String,
    pub(super) stage: String,
    pub(super) po_number: Option<String>,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
}

/// A portal session that waits for its visitor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) token: String,
    pub(super) email: String,
    pub(super) room_id: String,
    pub(super) created_ms: i64,
    pub(super) is_used: bool,
}

/// One account.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) partners: Vec<Partner>,
    pub(super) links: Vec<Link>,
    pub(super) clicks: Vec<Click>,
    pub(super) conversions: Vec<Conversion>,
    pub(super) lines: Vec<Line>,
    pub(super) payouts: Vec<Payout>,
    pub(super) sessions: Vec<Session>,
    /// The month (`2026-11`), and the credits that were used in it.
    pub(super) credits: (String, u64),
    /// Places in `clicks`, by token.
    click_places: HashMap<String, usize>,
    /// Places in `lines`, by idempotency key.
    pub(super) line_places: HashMap<String, usize>,
    random: SplitMix,
}

impl Account {
    pub(super) fn new() -> Self {
        let mut account = Self {
            partners: Vec::new(),
            links: Vec::new(),
            clicks: Vec::new(),
            conversions: Vec::new(),
            lines: Vec::new(),
            payouts: Vec::new(),
            sessions: Vec::new(),
            credits: (String::new(), 0),
            click_places: HashMap::new(),
            line_places: HashMap::new(),
            random: SplitMix::new(0x69_6e_74_72_6f_77),
        };
        seed::fill(&mut account);
        account
    }

    /// `prefix` and 26 capitals and digits that begin with `01`, like the ids of seed 003.
    pub(super) fn mint(&mut self, prefix: &str) -> String {
        let mut letters = self.random.key("01") + &self.random.key("");
        letters.truncate(26);
        prefix.to_owned() + &letters.to_ascii_uppercase()
    }

    /// Two groups of letters and digits with a dot between them: a token that looks signed.
    pub(super) fn mint_token(&mut self) -> String {
        self.random.key("") + "." + &self.random.key("") + &self.random.key("")
    }

    /// Adds a partner, and a link of the partner's for each campaign; returns the place.
    pub(super) fn add_partner(&mut self, partner: Partner) -> usize {
        let place = self.partners.len();
        for (campaign, ending) in seed::CAMPAIGNS.iter().zip(["", "-2"]) {
            let code = format!("{}{ending}", seed::code(place));
            self.links.push(Link { code, partner: place, campaign: (*campaign).to_owned(), is_revoked: false });
        }
        self.partners.push(partner);
        place
    }

    /// The partner with this id or CRM id, if a look-up shows it.
    pub(super) fn partner(&self, key: &str, now_ms: i64) -> Result<usize, Refusal> {
        let named = |one: &Partner| one.id == key || one.external_id.as_deref() == Some(key);
        let place = self.partners.iter().position(|one| named(one) && one.is_shown(now_ms));
        place.ok_or_else(|| Refusal::not_found("partner"))
    }

    /// A partner that is there, whether or not look-ups show it yet.
    pub(super) fn live_partner(&self, id: &str) -> Option<&Partner> {
        self.partners.iter().find(|one| one.id == id && !one.is_removed)
    }

    pub(super) fn line(&self, id: &str, now_ms: i64) -> Result<usize, Refusal> {
        let place = self.lines.iter().position(|one| one.id == id && one.visible_ms <= now_ms);
        place.ok_or_else(|| Refusal::not_found("commission line"))
    }

    pub(super) fn payout(&self, id: &str) -> Result<usize, Refusal> {
        self.payouts.iter().position(|one| one.id == id).ok_or_else(|| Refusal::not_found("payout"))
    }

    /// The lines of a payout that count.
    pub(super) fn lines_of<'a>(&'a self, payout_id: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |one| one.payout_id.as_deref() == Some(payout_id) && !one.is_voided)
    }

    /// Voids a line of a payout; a payout that has no other becomes `DECLINED` (vendors-2.md § 2).
    ///
    /// # Errors
    /// The line is on no payout, or is voided already.
    pub(super) fn void(&mut self, place: usize, now_ms: i64) -> Result<(), Refusal> {
        let line = self.lines.get_mut(place).ok_or_else(|| Refusal::not_found("commission line"))?;
        let payout_id = money::payout_of(line)?;
        (line.is_voided, line.updated_ms) = (true, now_ms);
        if self.lines_of(&payout_id).next().is_none() {
            let payout = self.payout(&payout_id)?;
            self.set_stage(payout, "DECLINED", now_ms);
        }
        Ok(())
    }

    pub(super) fn set_stage(&mut self, payout: usize, stage: &str, now_ms: i64) {
        if let Some(payout) = self.payouts.get_mut(payout).filter(|payout| payout.stage != stage) {
            stage.clone_into(&mut payout.stage);
            payout.updated_ms = now_ms;
        }
    }

    /// Records a visit through a link and returns its token, `wanted` or a new one.
    ///
    /// # Errors
    /// No live link has that code, or the token is taken or has not 1 to 256 characters.
    pub(super) fn click(&mut self, code: &str, wanted: Option<String>, now_ms: i64) -> Result<String, String> {
        let link = self.links.iter().position(|one| one.code == code && self.counts(one));
        let link = link.ok_or("no live link has this code")?;
        let token = wanted.unwrap_or_else(|| self.mint_token());
        if !(1..=256).contains(&token.chars().count()) || self.click_places.contains_key(&token) {
            return Err("irw_id must be new and have 1 to 256 characters".to_owned());
        }
        self.click_places.insert(token.clone(), self.clicks.len());
        self.clicks.push(Click { token: token.clone(), link, created_ms: now_ms, conversion: None });
        Ok(token)
    }

    /// The click of a token, and its place.
    pub(super) fn click_of(&self, token: &str) -> Option<(usize, &Click)> {
        let place = *self.click_places.get(token)?;
        Some((place, self.clicks.get(place)?))
    }

    /// Whether clicks on a link count: it is not revoked, and its partner is there and active.
    pub(super) fn counts(&self, link: &Link) -> bool {
        let partner = self.partners.get(link.partner);
        !link.is_revoked && partner.is_some_and(|one| one.is_active && !one.is_removed)
    }

    /// The credits used in the month of `now_ms`.
    pub(super) fn credits_used(&mut self, now_ms: i64) -> &mut u64 {
        let month: String = iso_date(now_ms).chars().take(7).collect();
        if self.credits.0 != month {
            self.credits = (month, 0);
        }
        &mut self.credits.1
    }
}

impl Partner {
    pub(super) fn is_shown(&self, now_ms: i64) -> bool {
        !self.is_removed && self.visible_ms <= now_ms
    }
}
