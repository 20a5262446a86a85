//! What tests and people do to the accounts, and how they see them. Introw has none of these routes; the first page of
//! this folder lists them.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::state::{Account, Click, Conversion, Line, Partner, Payout, Rules, Session};
use super::validate::Refusal;
use super::{ACCOUNTS, CURRENT, Introw, SCOPES, affiliate, money, partners};
use crate::call::Call;
use crate::clock::iso_date;
use crate::control::{self as routes, Nothing, bad_request, read};
use crate::double::{self, Listing, Row};

/// What `settings` changes; absent fields stay.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    visible_after_ms: Option<i64>,
    dedupe: Option<bool>,
    #[serde(default, deserialize_with = "stated")]
    rate_limit_per_minute: Option<Option<u64>>,
    #[serde(default, deserialize_with = "stated")]
    credits_per_month: Option<Option<u64>>,
    idempotency_keys: Option<bool>,
    window_days: Option<i64>,
    origins: Option<Vec<String>>,
    ignore_unknown_publishable_key: Option<bool>,
    #[serde(default, deserialize_with = "stated")]
    decline_field: Option<Option<String>>,
    voided_status: Option<String>,
    scopes: Option<Vec<String>>,
    accept_credentials: Option<CredentialChange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialChange {
    api_key: Option<String>,
    publishable_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClick {
    link: String,
    irw_id: Option<String>,
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPayout {
    partner_id: String,
    currency: Option<String>,
}

impl Rules {
    pub(super) fn new() -> Self {
        Self {
            visible_after_ms: 0,
            dedupe: true,
            rate_limit_per_minute: Some(120),
            credits_per_month: None,
            idempotency_keys: true,
            window_days: 90,
            origins: Vec::new(),
            ignore_unknown_publishable_key: false,
            decline_field: None,
            voided_status: "VOIDED".to_owned(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
        }
    }
}

/// Null as a value of its own, so that a limit can be taken away.
fn stated<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// `None` if there is no such route.
pub(super) fn perform(introw: &mut Introw, path: &[&str], call: &Call, now_ms: i64) -> Option<routes::Result> {
    let said = |refusal: Refusal| bad_request(refusal.into_message());
    let current = &mut introw.current.account;
    Some(match (call.method.as_str(), path) {
        ("POST", ["settings"]) => read(call).map(|wanted| change(introw, wanted)),
        ("POST", ["clicks"]) => read(call).and_then(|NewClick { link, irw_id, account }| {
            let token = named(introw, account.as_deref())?.click(&link, irw_id, now_ms).map_err(bad_request)?;
            Ok(json!({ "irw_id": token }))
        }),
        ("POST", ["partners", key, word @ ("archive" | "restore" | "remove")]) => {
            read(call).and_then(|Nothing {}| admit(introw, key, word, now_ms))
        }
        ("POST", ["links", code, word @ ("revoke" | "restore")]) => read(call).and_then(|Nothing {}| {
            let link = current.links.iter_mut().find(|link| link.code == *code);
            let link = link.ok_or_else(|| bad_request("no link has this code"))?;
            link.is_revoked = *word == "revoke";
            Ok(json!({}))
        }),
        ("POST", ["conversions", key, word @ ("approve" | "reject")]) => read(call).and_then(|Nothing {}| {
            let state = if *word == "approve" { "Pending" } else { "Failed" };
            affiliate::decide(current, key, state).map_err(bad_request)
        }),
        ("POST", ["payouts"]) => read(call).and_then(|NewPayout { partner_id, currency }| {
            let currency = currency.as_deref().unwrap_or("USD");
            money::add_payout(current, &partner_id, currency, now_ms).map_err(said)
        }),
        ("POST", ["payouts", id, word @ ("approve" | "reject" | "pay")]) => read(call).and_then(|Nothing {}| {
            let stage = match *word {
                "approve" => "APPROVED",
                "reject" => "DECLINED",
                _ => "PAID",
            };
            let place = current.payout(id).map_err(said)?;
            current.set_stage(place, stage, now_ms);
            Ok(json!({ "stage": stage }))
        }),
        ("POST", ["commission-lines", id, "decline"]) => read(call).and_then(|Nothing {}| {
            let place = current.line(id, i64::MAX).map_err(said)?;
            current.void(place, now_ms).map_err(said)?;
            Ok(json!({}))
        }),
        _ => return None,
    })
}

/// The account of this name, or the usual one.
fn named<'a>(introw: &'a mut Introw, name: Option<&str>) -> Result<&'a mut Account, routes::Refusal> {
    let name = name.unwrap_or(CURRENT);
    if ACCOUNTS.contains(&name) {
        Ok(introw.account_mut(name))
    } else {
        Err(bad_request("account must be one of Introw's"))
    }
}

fn change(introw: &mut Introw, wanted: Change) -> Value {
    let rules = &mut introw.rules;
    let before = rules.clone();
    *rules = Rules {
        visible_after_ms: wanted.visible_after_ms.unwrap_or(before.visible_after_ms),
        dedupe: wanted.dedupe.unwrap_or(before.dedupe),
        rate_limit_per_minute: wanted.rate_limit_per_minute.unwrap_or(before.rate_limit_per_minute),
        credits_per_month: wanted.credits_per_month.unwrap_or(before.credits_per_month),
        idempotency_keys: wanted.idempotency_keys.unwrap_or(before.idempotency_keys),
        window_days: wanted.window_days.unwrap_or(before.window_days),
        origins: wanted.origins.unwrap_or(before.origins),
        ignore_unknown_publishable_key: wanted
            .ignore_unknown_publishable_key
            .unwrap_or(before.ignore_unknown_publishable_key),
        decline_field: wanted.decline_field.unwrap_or(before.decline_field),
        voided_status: wanted.voided_status.unwrap_or(before.voided_status),
        scopes: wanted.scopes.unwrap_or(before.scopes),
    };
    if let Some(CredentialChange { api_key, publishable_key }) = wanted.accept_credentials {
        let credentials = &mut introw.credentials;
        credentials.api_key = api_key.unwrap_or_else(|| credentials.api_key.clone());
        credentials.publishable_key = publishable_key.unwrap_or_else(|| credentials.publishable_key.clone());
    }
    json!(introw.rules)
}

/// Makes a partner inactive or active again in both accounts, or disappear from them.
fn admit(introw: &mut Introw, key: &str, word: &str, now_ms: i64) -> routes::Result {
    let mut is_known = false;
    for account in [&mut introw.current.account, &mut introw.guide.account] {
        for partner in
            account.partners.iter_mut().filter(|one| one.id == key || one.external_id.as_deref() == Some(key))
        {
            match word {
                "remove" => partner.is_removed = true,
                _ => partner.is_active = word == "restore",
            }
            (partner.updated_ms, is_known) = (now_ms, true);
        }
    }
    if is_known { Ok(json!({})) } else { Err(bad_request("no partner has this id")) }
}

/// Conversions, commission lines and payouts, the newest first. A conversion belongs to the address that it names, a
/// line to its idempotency key, which a client makes of the order's key.
pub(super) fn listings(account: &Account, rules: &Rules) -> Vec<Listing> {
    let name = |id: &String| {
        let partner = account.partners.iter().find(|one| one.id == *id);
        Some(partner.and_then(|one| one.name.as_ref()).unwrap_or(id).clone())
    };
    let conversion = |one: &Conversion| Row {
        key: one.id.clone(),
        of: one.email.clone(),
        partner: name(&one.partner_id),
        state: Some(one.state.clone()),
        ..Row::default()
    };
    let line = |one: &Line| Row {
        key: one.id.clone(),
        of: one.idempotency_key.clone(),
        partner: name(&one.partner_id),
        money: Some(double::money(one.amount, money::PLACES, &one.currency)),
        state: Some(money::status(one, rules).to_owned()),
    };
    let total = |one: &Payout| account.lines_of(&one.id).map(|line| line.amount).sum();
    let payout = |one: &Payout| Row {
        key: one.id.clone(),
        partner: name(&one.partner_id),
        money: Some(double::money(total(one), money::PLACES, &one.currency)),
        state: Some(one.stage.clone()),
        ..Row::default()
    };
    vec![
        Listing { title: "Conversions", rows: account.conversions.iter().rev().map(conversion).collect() },
        Listing { title: "Commission lines", rows: account.lines.iter().rev().map(line).collect() },
        Listing { title: "Payouts", rows: account.payouts.iter().rev().map(payout).collect() },
    ]
}

/// Everything in an account, also what look-ups do not show. Times are simulated milliseconds, except in objects of the
/// API.
pub(super) fn view(account: &Account, rules: &Rules, now_ms: i64) -> Value {
    let month: String = iso_date(now_ms).chars().take(7).collect();
    let with = |mut shown: Value, inner: Value| {
        if let (Some(shown), Value::Object(inner)) = (shown.as_object_mut(), inner) {
            shown.extend(inner);
        }
        shown
    };
    let partner = |one: &Partner| {
        let (visible, removed) = (one.is_shown(now_ms), one.is_removed);
        let inner =
            json!({ "room_id": one.room_id, "visible_at": one.visible_ms, "visible": visible, "removed": removed });
        with(partners::json(one), inner)
    };
    let line = |one: &Line| {
        let inner = json!({ "idempotency_key": one.idempotency_key, "note": one.note, "visible_at": one.visible_ms });
        with(money::line_json(one, rules), inner)
    };
    let session = |one: &Session| {
        let (email, room_id, used) = (&one.email, &one.room_id, one.is_used);
        json!({ "email": email, "room_id": room_id, "created_at": one.created_ms, "used": used })
    };
    let click = |one: &Click| {
        let link = account.links.get(one.link);
        json!({
            "irw_id": one.token,
            "link": link.map(|link| &link.code),
            "campaign": link.map(|link| &link.campaign),
            "created_at": one.created_ms,
            "converted": one.conversion.is_some(),
        })
    };
    json!({
        "now_ms": now_ms,
        "partners": account.partners.iter().map(partner).collect::<Vec<_>>(),
        "links": account.links,
        "clicks": account.clicks.iter().map(click).collect::<Vec<_>>(),
        "conversions": account.conversions,
        "commission_lines": account.lines.iter().map(line).collect::<Vec<_>>(),
        "payouts": account.payouts.iter().map(|one| money::payout_json(account, one)).collect::<Vec<_>>(),
        "sessions": account.sessions.iter().map(session).collect::<Vec<_>>(),
        "credits_used": if account.credits.0 == month { account.credits.1 } else { 0 },
    })
}
