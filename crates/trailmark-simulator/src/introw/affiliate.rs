//! Clicks, conversions and portal sessions (vendors.md § 3, vendors-2.md § 2).
//!
//! A conversion is answered with `recorded` (201), `duplicate` (200, with the ids of the first one) or `ignored` (200,
//! with null ids): the status code alone does not tell a lost conversion from a repeated one. A click token converts
//! once, ever. Ignored are an unknown or too old token, a click on a link that is revoked by now, a click of another
//! campaign than that of the publishable key, and a browser on an origin that is not listed. No call reads conversions;
//! the app calls them Submitted, Pending or Failed.
//!
//! Guesses: the clicks of an inactive partner are ignored, and a link that counts nothing is a 404 page; a call with
//! both an API key and the header of a publishable key is refused; a publishable key that nobody issued is refused
//! unless the setting `ignore_unknown_publishable_key` is on; a portal session is answered with 200, lives five minutes
//! and opens once. Customers choose the address to which a link leads, with parameters of their own: links of the first
//! campaign have the partner's id in `via`, and the click token comes after it. Left out: preflights of browsers,
//! `GET /affiliate/legacy-redirect`, forms, comments and CRM objects.

use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::gate::Caller;
use super::seed::{FORM_FIELDS, NAMING_CAMPAIGN};
use super::state::{Account, Click, Conversion, Rules, Session};
use super::validate::{ANY_TEXT, Refusal, email, scalars};
use crate::call::{Answer, Call, encode};
use crate::fields::{Fields, FlawKind, only};

const DAY_MS: i64 = 86_400_000;
const SESSION_MS: i64 = 5 * 60 * 1_000;

/// Records a conversion, unless its click has one already or cannot be credited.
pub(super) fn convert(
    account: &mut Account,
    rules: &Rules,
    call: &Call,
    caller: &Caller,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let mut fields = Fields::of(call)?;
    let click_id = fields.required_text("clickId", 1..=256)?;
    let email = email(&mut fields)?;
    let properties = scalars(&mut fields, "properties")?;
    fields.text("publishableKey", 1..=128)?;
    fields.finish()?;
    let found = account.click_of(&click_id);
    let Some((place, click)) = found.filter(|(_, click)| is_counted(account, rules, click, caller, now_ms)) else {
        return Ok(status(StatusCode::OK, "ignored", None));
    };
    if let Some(earlier) = click.conversion.and_then(|place| account.conversions.get(place)).filter(|_| rules.dedupe) {
        return Ok(status(StatusCode::OK, "duplicate", Some(earlier)));
    }
    let Some(link) = account.links.get(click.link) else { return Err(Refusal::not_found("link")) };
    let partner_id = account.partners.get(link.partner).map(|one| one.id.clone()).unwrap_or_default();
    let campaign = link.campaign.clone();
    let (fields, unmapped): (Map<_, _>, Map<_, _>) =
        properties.into_iter().partition(|(name, _)| FORM_FIELDS.contains(&name.as_str()));
    let conversion = Conversion {
        id: account.mint("cnv_"),
        form_submission_id: account.mint("fsb_"),
        click_id,
        partner_id,
        campaign,
        email,
        fields,
        unmapped,
        state: "Submitted".to_owned(),
        created_ms: now_ms,
    };
    let answer = status(StatusCode::CREATED, "recorded", Some(&conversion)).with_effects(1);
    if let Some(click) = account.clicks.get_mut(place) {
        click.conversion.get_or_insert(account.conversions.len());
    }
    account.conversions.push(conversion);
    Ok(answer)
}

fn is_counted(account: &Account, rules: &Rules, click: &Click, caller: &Caller, now_ms: i64) -> bool {
    let age_ms = now_ms.saturating_sub(click.created_ms);
    let Some(link) = account.links.get(click.link) else { return false };
    age_ms <= rules.window_days.saturating_mul(DAY_MS) && account.counts(link) && caller.may_credit(&link.campaign)
}

/// Flat, without the envelope of the other calls.
fn status(code: StatusCode, word: &str, conversion: Option<&Conversion>) -> Answer {
    let id = conversion.map(|one| &one.id);
    let form_submission_id = conversion.map(|one| &one.form_submission_id);
    Answer::json(code, &json!({ "status": word, "conversionId": id, "formSubmissionId": form_submission_id }))
}

/// Follows a partner's link: records the click and leads to the link's address with its token.
pub(super) fn follow(account: &mut Account, code: &str, landing_url: &str, now_ms: i64) -> Result<Answer, Refusal> {
    let Ok(token) = account.click(code, None, now_ms) else {
        return Ok(Answer::html(StatusCode::NOT_FOUND, "<h1>This link leads nowhere</h1>".to_owned()));
    };
    let link = account.click_of(&token).and_then(|(_, click)| account.links.get(click.link));
    let naming = link.filter(|link| link.campaign == NAMING_CAMPAIGN);
    let partner = naming.and_then(|link| account.partners.get(link.partner));
    let via = partner.map(|partner| format!("via={}&", encode(&partner.id))).unwrap_or_default();
    let (page, fragment) = landing_url.split_once('#').map_or((landing_url, None), |(page, rest)| (page, Some(rest)));
    let joint = if page.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    let location = HeaderValue::try_from(format!("{page}{joint}{via}irw_id={}{fragment}", encode(&token)));
    let location = location.map_err(|_| Refusal::invalid("landing_url", "of the simulator is no URL"))?;
    Ok(Answer::redirect(StatusCode::FOUND, location).with_effects(1))
}

/// Opens a portal session for the manager of an active partner. Anybody else has no access, which is 401 like a bad
/// key.
pub(super) fn open_session(account: &mut Account, call: &Call, portal: &str, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let mut fields = Fields::of(call)?;
    let email = email(&mut fields)?.ok_or_else(|| fields.flaw("email", FlawKind::Missing))?;
    let room_id = fields.text("roomId", ANY_TEXT)?;
    fields.finish()?;
    let room = account.partners.iter().find(|one| {
        one.is_active
            && !one.is_removed
            && one.manager_email.as_ref().is_some_and(|manager| manager.eq_ignore_ascii_case(&email))
            && room_id.as_ref().is_none_or(|room_id| *room_id == one.room_id)
    });
    let room_id = room.map(|one| one.room_id.clone());
    let room_id = room_id
        .ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "This visitor has no access to the partner portal."))?;
    let token = account.mint_token();
    let url = format!("{portal}/{}", encode(&token));
    account.sessions.push(Session { token, email, room_id, created_ms: now_ms, is_used: false });
    Ok(Answer::json(StatusCode::OK, &json!({ "url": url })).with_effects(1))
}

/// The page of a portal session; a used or old one is gone.
pub(super) fn enter(account: &mut Account, token: &str, now_ms: i64) -> Answer {
    let is_open = |one: &&mut Session| one.token == token && !one.is_used && now_ms - one.created_ms <= SESSION_MS;
    match account.sessions.iter_mut().find(is_open) {
        Some(session) => {
            session.is_used = true;
            Answer::html(StatusCode::OK, format!("<h1>Partner portal, room {}</h1>", session.room_id)).with_effects(1)
        }
        None => Answer::html(StatusCode::GONE, "<h1>This session is over</h1>".to_owned()),
    }
}

/// A person's decision in the app about the conversion with this id or click token.
///
/// # Errors
/// There is none.
pub(super) fn decide(account: &mut Account, key: &str, state: &str) -> Result<Value, String> {
    let conversion = account.conversions.iter_mut().find(|one| one.id == key || one.click_id == key);
    let conversion = conversion.ok_or("no conversion has this id or click token")?;
    state.clone_into(&mut conversion.state);
    Ok(json!({ "id": conversion.id, "state": conversion.state }))
}
