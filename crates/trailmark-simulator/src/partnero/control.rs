//! The control routes of the simulated Partnero: what people do in the vendor's dashboard, and how its programs behave. `mod`
//! lists them.

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Partnero;
use super::hooks::Hook;
use super::read::{Name, Refusal};
use super::state::{Account, Customer, Fate, Life, Partner, Rules, Standing, Thing, Transaction};
use crate::call::Call;
use crate::control::{Result, bad_request, read, unknown_path};
use crate::double::{Listing, Row, money};
use crate::postman::may_be_told;

/// Decimal places of the amounts.
const PLACES: usize = 6;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialChange {
    api_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pointed {
    url: Option<String>,
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClick {
    partner_key: String,
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    account: Option<String>,
}

/// `None` if there is no such route.
pub(super) fn perform(vendor: &mut Partnero, path: &[&str], call: &Call, now_ms: i64) -> Option<Result> {
    if call.method != Method::POST {
        return None;
    }
    Some(match path {
        ["settings"] => read(call).and_then(|change| change_settings(vendor, change)),
        ["clicks"] => read(call).and_then(|NewClick { partner_key, account }| {
            let url = vendor.chosen(account)?.click(&partner_key, now_ms);
            let url = url.ok_or_else(|| bad_request("partner_key names no partner"))?;
            Ok(json!({ "partner_key": partner_key, "url": url }))
        }),
        [noun @ ("partners" | "customers" | "transactions"), key, word] => read(call).and_then(|Chosen { account }| {
            let account = vendor.chosen(account)?;
            decide(account, noun, key, word, now_ms)
                .ok_or_else(|| unknown_path(call))?
                .map_err(|refusal| bad_request(refusal.message))?;
            Ok(json!({}))
        }),
        ["webhooks"] => read(call).and_then(|Pointed { url, account }| {
            if url.as_deref().is_some_and(|url| !may_be_told(url)) {
                return Err(bad_request("url must be plain http on this machine, or null"));
            }
            vendor.chosen(account)?.pointed = url.map(Hook::pointed);
            Ok(json!({}))
        }),
        _ => return None,
    })
}

/// Changes the rules of both programs and returns those in force; credentials are not repeated.
fn change_settings(vendor: &mut Partnero, mut change: Map<String, Value>) -> Result {
    let sentence = |error: serde_json::Error| bad_request(error.to_string());
    let credentials = change.remove("accept_credentials").map(serde_json::from_value::<CredentialChange>);
    let credentials = credentials.transpose().map_err(sentence)?;
    let mut rules: Map<String, Value> =
        serde_json::to_value(&vendor.current.rules).and_then(serde_json::from_value).map_err(sentence)?;
    rules.extend(change);
    let rules: Rules = serde_json::from_value(Value::Object(rules)).map_err(sentence)?;
    if rules.page_limits.0 == 0 || rules.page_limits.0 > rules.page_limits.1 {
        return Err(bad_request("page_limits must be two numbers from 1 on, the smaller one first"));
    }
    (vendor.current.rules, vendor.guide.rules) = (rules.clone(), rules.clone());
    if let Some(CredentialChange { api_key }) = credentials {
        vendor.api_key = api_key;
    }
    serde_json::to_value(&rules).map_err(sentence)
}

/// What a person decides about a partner, by id or key, or does to a customer or transaction; `None` for an unknown word.
fn decide(
    account: &mut Account,
    noun: &str,
    key: &str,
    word: &str,
    now_ms: i64,
) -> Option<std::result::Result<(), Refusal>> {
    let named = |name: fn(String) -> Name| name(key.to_owned());
    let thing = match noun {
        "partners" => account.partner(&named(Name::Id)).or(account.partner(&named(Name::Key))).map(Thing::Partner),
        "customers" => account.customer(&named(Name::Key)).map(Thing::Customer),
        _ => account.transaction(key).ok().map(Thing::Transaction),
    };
    let Some(thing) = thing else { return Some(Err(Refusal::not_found("thing"))) };
    match (thing, word) {
        (Thing::Partner(place), "approve") => account.judge(place, Standing::Approved, now_ms),
        (Thing::Partner(place), "reject") => account.judge(place, Standing::Rejected, now_ms),
        _ => return Some(account.befall(thing, Fate::from_word(word)?, now_ms)),
    }
    Some(Ok(()))
}

/// Customers, transactions and their rewards, the newest first. What is archived or deleted earns nothing.
pub(super) fn listings(account: &Account, now_ms: i64) -> Vec<Listing> {
    let partner = |place: Option<usize>| {
        let partner = place.and_then(|place| account.partners.get(place));
        partner.map(|partner| partner.key.clone())
    };
    let state = |life: &Life| {
        let word = match life {
            Life { deleted_ms: Some(_), .. } => "deleted",
            Life { archived: true, .. } => "archived",
            life if life.is_seen(&account.rules, now_ms) => return None,
            _ => "not visible yet",
        };
        Some(word.to_owned())
    };
    let customer = |one: &Customer| Row {
        key: one.key.clone(),
        partner: partner(one.partner),
        state: state(&one.life),
        ..Row::default()
    };
    let transaction = |one: &Transaction| Row {
        key: one.key.clone(),
        of: one.customer.and_then(|place| account.customers.get(place)).map(|customer| customer.key.clone()),
        partner: partner(one.partner),
        money: one.amount.map(|amount| money(amount, PLACES, &one.currency)),
        state: state(&one.life),
    };
    let reward = |one: &Transaction| {
        let reward = one.reward.as_ref().filter(|_| !one.life.archived && one.life.deleted_ms.is_none())?;
        Some(Row {
            key: reward.key.clone(),
            of: Some(one.key.clone()),
            partner: partner(one.partner),
            money: Some(money(reward.amount, PLACES, &one.currency)),
            state: Some("ok".to_owned()),
        })
    };
    vec![
        Listing { title: "Customers", rows: account.customers.iter().rev().map(customer).collect() },
        Listing { title: "Transactions", rows: account.transactions.iter().rev().map(transaction).collect() },
        Listing { title: "Rewards", rows: account.transactions.iter().rev().filter_map(reward).collect() },
    ]
}

/// Everything in a program, for a person or a test. Times are simulated milliseconds.
pub(super) fn view(account: &Account, now_ms: i64) -> Value {
    let clicks =
        account.clicks.iter().map(|one| json!({ "partner_key": one.partner_key, "created_at": one.created_ms }));
    json!({
        "now_ms": now_ms,
        "partners": account.partners.iter().map(partner).collect::<Vec<_>>(),
        "customers": account.customers.iter().map(|one| customer(account, one, now_ms)).collect::<Vec<_>>(),
        "transactions": account.transactions.iter().map(|one| transaction(account, one, now_ms)).collect::<Vec<_>>(),
        "invitations": account.invitations,
        "clicks": clicks.collect::<Vec<_>>(),
        "webhooks": account.hooks.len() + usize::from(account.pointed.is_some()),
    })
}

fn partner(partner: &Partner) -> Value {
    json!({
        "id": partner.id,
        "partner_key": partner.key,
        "email": partner.email,
        "name": partner.name,
        "surname": partner.surname,
        "status": partner.status(),
        "referring_partner": partner.referring_partner,
        "created_at": partner.life.created_ms,
        "archived": partner.life.archived,
        "deleted": partner.life.deleted_ms.is_some(),
    })
}

fn customer(account: &Account, customer: &Customer, now_ms: i64) -> Value {
    json!({
        "customer_key": customer.key,
        "partner_key": customer.partner.and_then(|place| account.partners.get(place)).map(|partner| &partner.key),
        "email": customer.email,
        "name": customer.name,
        "surname": customer.surname,
        "created_at": customer.life.created_ms,
        "visible": customer.life.is_seen(&account.rules, now_ms),
        "archived": customer.life.archived,
        "deleted": customer.life.deleted_ms.is_some(),
    })
}

fn transaction(account: &Account, one: &Transaction, now_ms: i64) -> Value {
    json!({
        "shown": one.json(account),
        "customer_key": one.customer.and_then(|place| account.customers.get(place)).map(|customer| &customer.key),
        "partner_key": one.partner.and_then(|place| account.partners.get(place)).map(|partner| &partner.key),
        "key": one.key,
        "product_id": one.product_id,
        "product_type": one.product_type,
        "created_at": one.life.created_ms,
        "visible": one.life.is_seen(&account.rules, now_ms),
        "archived": one.life.archived,
        "deleted": one.life.deleted_ms.is_some(),
    })
}
