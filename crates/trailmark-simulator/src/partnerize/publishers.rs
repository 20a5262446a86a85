//! Networks, campaigns and partners in the three versions of the API (vendors-2.md § 1.4), and the pages of their lists.
//!
//! Every list has `offset`, `limit` and `count`, the number of all, and `hypermedia.pagination` whose `next_page` is a path on
//! the vendor's host. Lists shift when partners come and go between two pages.
//!
//! Guesses: a change of partners is answered with the changed ones in the form of the list; `network_status` is always `a`.

use http::StatusCode;
use serde_json::{Value, json};

use super::envelope::Refusal;
use super::state::{Account, Publisher, Rules};
use super::{NETWORK, PARTNERIZE_CAMPAIGN, time};
use crate::call::{Answer, Call, encode};
use crate::fields::{Fields, FlawKind};

/// The most on one page.
const LIMIT: usize = 300;

const LETTERS: &[&str] = &["a", "p", "r", "n"];

/// The words of version 2 for the letters of version 1.
const WORDS: [(&str, &str); 4] = [("approved", "a"), ("requested", "p"), ("rejected", "r"), ("available", "n")];

/// One page of a list.
pub(super) struct Page {
    pub(super) items: Vec<Value>,
    pub(super) offset: usize,
    pub(super) limit: usize,
    pub(super) count: usize,
    pub(super) hypermedia: Value,
}

/// The page that a call asks for; `show` makes its items of the things.
///
/// # Errors
/// `limit` or `offset` is no number, or out of range.
pub(super) fn page<T>(
    call: &Call,
    usual: usize,
    path: &str,
    all: &[T],
    show: impl Fn(&T) -> Value,
) -> Result<Page, Refusal> {
    let number = |name: &str| {
        let Some(text) = call.parameter(name) else { return Ok(None) };
        text.parse::<usize>().map(Some).map_err(|_| Refusal::bad_request(format!("{name} must be an integer")))
    };
    let (limit, offset) = (number("limit")?.unwrap_or(usual), number("offset")?.unwrap_or_default());
    if !(1..=LIMIT).contains(&limit) {
        return Err(Refusal::bad_request(format!("limit must be between 1 and {LIMIT}")));
    }
    let filters = call.query.iter().filter(|(name, _)| !matches!(name.as_str(), "limit" | "offset"));
    let filters: String = filters.map(|(name, value)| format!("{}={}&", encode(name), encode(value))).collect();
    let (count, pages) = (all.len(), all.len().div_ceil(limit));
    let at = |offset: usize| format!("{path}?{filters}limit={limit}&offset={offset}");
    let pagination = json!({
        "total_page_count": pages,
        "total_item_count": count,
        "first_page": at(0),
        "last_page": at(pages.saturating_sub(1) * limit),
        "next_page": (offset + limit < count).then(|| at(offset + limit)),
        "previous_page": (offset > 0).then(|| at(offset.saturating_sub(limit))),
    });
    let items = all.iter().skip(offset).take(limit).map(show).collect();
    Ok(Page { items, offset, limit, count, hypermedia: json!({ "pagination": pagination }) })
}

/// `GET /network`, with which the vendor's quick start tries a pair of keys.
pub(super) fn networks() -> Answer {
    let network = json!({
        "network_id": NETWORK,
        "network_name": "Acme",
        "network_description": "Network of the simulator",
        "network_contact_email": null,
        "network_locale": "en",
    });
    let body = json!({ "count": 1, "execution_time": "0.01 seconds", "networks": [{ "network": network }] });
    Answer::json(StatusCode::OK, &body)
}

/// `GET /v3/brand/campaigns`, and `/{id}`.
pub(super) fn campaigns(is_list: bool) -> Answer {
    let brand = json!({ "id": "1011l1", "name": "Acme" });
    let campaign = json!({ "id": PARTNERIZE_CAMPAIGN, "title": "Acme", "brand": brand, "extra_info": null });
    Answer::json(StatusCode::OK, &json!({ "data": if is_list { json!([campaign]) } else { campaign } }))
}

/// `GET /campaign/{id}/publisher` and `GET /network/{id}/publisher`, at `path`.
///
/// # Errors
/// Those of [`page`].
pub(super) fn list(account: &Account, rules: &Rules, call: &Call, path: &str) -> Result<Answer, Refusal> {
    let page = page(call, rules.list_page, path, &account.publishers, wrapped)?;
    let Page { items, offset, limit, count, hypermedia } = page;
    let body = json!({
        "publishers": items,
        "offset": offset,
        "limit": limit,
        "count": count,
        "execution_time": "0.01 seconds",
        "hypermedia": hypermedia,
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// `GET /campaign/{id}/publisher/{pid}`: still an array.
///
/// # Errors
/// There is no such partner.
pub(super) fn one(account: &Account, id: &str) -> Result<Answer, Refusal> {
    let publisher = account.publisher(id).ok_or_else(|| Refusal::not_found("publisher", id))?;
    Ok(Answer::json(StatusCode::OK, &json!({ "publishers": [wrapped(publisher)] })))
}

/// `POST /campaign/{id}/publisher`: sets the status of partners.
///
/// # Errors
/// The body has another form, or names no partner.
pub(super) fn set(account: &mut Account, call: &Call, status: &'static str) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let list = fields.objects("publishers")?.ok_or_else(|| fields.flaw("publishers", FlawKind::Missing))?;
    let mut wanted = Vec::new();
    for mut entry in list {
        let id = entry.required_text("publisher_id", 1..=64)?;
        let letter = entry.choice(status, LETTERS)?.ok_or_else(|| entry.flaw(status, FlawKind::Missing))?;
        entry.finish()?;
        account.publisher(&id).ok_or_else(|| Refusal::not_found("publisher", &id))?;
        wanted.push((id, letter));
    }
    fields.finish()?;
    let (mut shown, mut effects) = (Vec::new(), 0);
    for (id, letter) in wanted {
        let Some(publisher) = account.publishers.iter_mut().find(|one| one.id == id) else { continue };
        if status == "campaign_status" && publisher.campaign_status != letter {
            publisher.campaign_status = letter.to_owned();
            effects += 1;
        }
        shown.push(wrapped(publisher));
    }
    Ok(Answer::json(StatusCode::OK, &json!({ "publishers": shown })).with_effects(effects))
}

fn wrapped(publisher: &Publisher) -> Value {
    json!({ "publisher": {
        "publisher_id": publisher.id,
        "account_name": publisher.account_name,
        "contact_email": publisher.contact_email,
        "campaign_status": publisher.campaign_status,
        "network_status": "a",
        "signup_date": time::spaced(publisher.created_ms),
    } })
}

/// `GET /v2/networks/{id}/publishers`; `landing` is the host of links.
///
/// # Errors
/// A filter has another value than the page allows, or those of [`page`].
pub(super) fn list_two(account: &Account, call: &Call, links: &str) -> Result<Answer, Refusal> {
    let wanted = |name: &str| call.parameter(name);
    let listed = |name: &str| wanted(name).map(|text| text.split(',').collect::<Vec<_>>());
    let statuses = listed("campaign_statuses").unwrap_or_default();
    let letters: Option<Vec<&str>> =
        statuses.iter().map(|word| Some(WORDS.iter().find(|(known, _)| known == word)?.1)).collect();
    let letters = letters.ok_or_else(|| Refusal::bad_request("campaign_statuses has an unknown word"))?;
    let ids = listed("ids");
    let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let chosen = |one: &&Publisher| {
        (letters.is_empty() || letters.contains(&one.campaign_status.as_str()))
            && ids.as_ref().is_none_or(|ids| ids.contains(&one.id.as_str()))
            && wanted("publisher_email").is_none_or(|email| one.contact_email == email)
            && wanted("publisher_name").is_none_or(|name| has(&one.account_name, name))
            && wanted("search").is_none_or(|text| has(&one.account_name, text) || has(&one.contact_email, text))
    };
    let all: Vec<&Publisher> = account.publishers.iter().filter(chosen).collect();
    let Page { items, offset, limit, count, .. } = page(call, 20, "", &all, |one| detailed(one, links))?;
    let body = json!({ "count": count, "limit": limit, "offset": offset, "publishers": items });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// `GET /v2/networks/{id}/publishers/{pid}`.
///
/// # Errors
/// There is no such partner.
pub(super) fn one_two(account: &Account, id: &str, links: &str) -> Result<Answer, Refusal> {
    let publisher = account.publisher(id).ok_or_else(|| Refusal::not_found("publisher", id))?;
    Ok(Answer::json(StatusCode::OK, &detailed(publisher, links)))
}

fn detailed(publisher: &Publisher, links: &str) -> Value {
    let word = WORDS.iter().find(|(_, letter)| *letter == publisher.campaign_status).map(|(word, _)| *word);
    json!({
        "id": publisher.id,
        "name": publisher.account_name,
        "company_name": publisher.account_name,
        "contact_email": publisher.contact_email,
        "campaigns": [{
            "id": PARTNERIZE_CAMPAIGN,
            "name": "Acme",
            "status": word,
            "camref": publisher.camref,
            "tracking_link": format!("{links}/click/camref:{}", publisher.camref),
        }],
    })
}
