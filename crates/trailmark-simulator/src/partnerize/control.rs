//! The control routes of the simulated Partnerize: what people do at the vendor, and how the accounts behave. `mod` lists
//! them. The routes of webhooks are the same for every double.

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::state::{Account, Conversion, PLACES, Publisher, Rules, User};
use super::{GUIDE, Partnerize, jobs, report};
use crate::call::Call;
use crate::control::{Refusal, Result, bad_request, read};
use crate::crowd::{List, picked};
use crate::double::{Listing, Row, money};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClick {
    /// Id or `camref`; the first partner if absent.
    publisher: Option<String>,
    clickref: Option<String>,
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct In {
    account: Option<String>,
}

/// `None` if there is no such route.
pub(super) fn perform(vendor: &mut Partnerize, path: &[&str], call: &Call, now_ms: i64) -> Option<Result> {
    if call.method != Method::POST {
        return None;
    }
    let status = match path {
        ["partners" | "conversions", _, "approve"] => "approved",
        ["partners" | "conversions", _, "reject"] => "rejected",
        ["conversions", _, "pend"] => "pending",
        _ => "",
    };
    Some(match path {
        ["settings"] => settings(vendor, call),
        ["clicks"] => read(call).and_then(|NewClick { publisher, clickref, account }| {
            let account = account_of(vendor, account)?;
            let is_meant = |one: &&Publisher| publisher.as_ref().is_none_or(|key| one.id == *key || one.camref == *key);
            let id = account.publishers.iter().find(is_meant).map(|one| one.id.clone());
            let id = id.ok_or_else(|| bad_request("publisher names no partner"))?;
            let clickref = account.click(clickref, &id, now_ms).map_err(bad_request)?;
            Ok(json!({ "clickref": clickref, "publisher_id": id }))
        }),
        ["partners", id, _] if !status.is_empty() => read(call).and_then(|In { account }| {
            let account = account_of(vendor, account)?;
            let publisher = account.publishers.iter_mut().find(|one| one.id == *id || one.camref == *id);
            let publisher = publisher.ok_or_else(|| bad_request("no partner has that id"))?;
            publisher.campaign_status = if status == "approved" { "a" } else { "r" }.to_owned();
            Ok(json!({}))
        }),
        ["partners", id, "remove"] => read(call).and_then(|In { account }| {
            let account = account_of(vendor, account)?;
            account.publishers.retain(|one| one.id != *id && one.camref != *id);
            Ok(json!({}))
        }),
        ["users", id, "remove"] => read(call).and_then(|In { account }| {
            let user = account_of(vendor, account)?.users.iter_mut().find(|user| user.user_id == *id);
            user.ok_or_else(|| bad_request("no user has that id"))?.deleted = true;
            Ok(json!({}))
        }),
        ["conversions", key, "pay"] => read(call).and_then(|In { account }| {
            let all = &mut account_of(vendor, account)?.conversions;
            let one = all.iter_mut().find(|one| one.id == *key || one.reference == *key);
            let one = one.ok_or_else(|| bad_request("no conversion has that id or reference"))?;
            if one.status() != "approved" {
                return Err(bad_request("only an approved conversion is paid"));
            }
            (one.paid_ms, one.modified_ms) = (Some(now_ms), now_ms);
            Ok(json!({}))
        }),
        ["conversions", key, _] if !status.is_empty() => read(call).and_then(|In { account }| {
            jobs::decide(account_of(vendor, account)?, key, status, now_ms).map_err(bad_request)
        }),
        _ => return None,
    })
}

fn account_of(vendor: &mut Partnerize, name: Option<String>) -> std::result::Result<&mut Account, Refusal> {
    match name.as_deref() {
        None | Some(super::CURRENT) => Ok(&mut vendor.current),
        Some(GUIDE) => Ok(&mut vendor.guide),
        Some(_) => Err(bad_request(format!("account must be {} or {GUIDE}", super::CURRENT))),
    }
}

/// A partner of the campaign, or a user, joins; returns the id.
pub(super) fn join(account: &mut Account, list: List, now_ms: i64) -> String {
    let id = account.mint();
    match list {
        List::Partners => {
            let one = Publisher::new(0, &format!("Partner {id}"), &format!("partner-{id}"), now_ms);
            account.publishers.push(Publisher { id: id.clone(), ..one });
        }
        List::Users => account.users.push(User {
            user_name: id.clone(),
            email: format!("{id}@brand.example"),
            user_id: id.clone(),
            status: "active".to_owned(),
            created_ms: now_ms,
            updated_ms: now_ms,
            ..User::default()
        }),
    }
    id
}

/// A partner without a click, or a user other than the key's own, leaves; returns the id.
pub(super) fn leave(account: &mut Account, list: List, number: u64, now_ms: i64) -> Option<String> {
    match list {
        List::Partners => {
            let is_idle = |one: &Publisher| account.clicks.iter().all(|click| click.publisher_id != one.id);
            let all = account.publishers.iter().enumerate().filter(|(_, one)| is_idle(one));
            let (place, _) = picked(all, number)?;
            Some(account.publishers.remove(place).id)
        }
        List::Users => {
            let user = picked(account.users.iter_mut().skip(1).filter(|user| !user.deleted), number)?;
            (user.deleted, user.updated_ms) = (true, now_ms);
            Some(user.user_id.clone())
        }
    }
}

/// Lays the given settings over those in force.
fn settings(vendor: &mut Partnerize, call: &Call) -> Result {
    let mut change: Map<String, Value> = read(call)?;
    let accepted = change.remove("accept_credentials");
    let wrong = |error: serde_json::Error| bad_request(error.to_string());
    let mut all = serde_json::to_value(&vendor.rules).map_err(wrong)?;
    if let Some(members) = all.as_object_mut() {
        members.extend(change);
    }
    let rules: Rules = serde_json::from_value(all.clone()).map_err(wrong)?;
    if !(1..=300).contains(&rules.report_page) || !(1..=300).contains(&rules.list_page) {
        return Err(bad_request("report_page and list_page must be between 1 and 300"));
    }
    let accepted = accepted.map(serde_json::from_value).transpose().map_err(wrong)?;
    vendor.rules = Rules { pace: vendor.rules.pace, ..rules };
    vendor.credentials = accepted.unwrap_or_else(|| vendor.credentials.clone());
    Ok(all)
}

/// Conversions and the commissions of their items together, the newest first. Those without money earn nothing.
pub(super) fn listings(account: &Account, now_ms: i64) -> Vec<Listing> {
    let partner = |one: &Conversion| account.publisher(&one.publisher_id).map(|partner| partner.account_name.clone());
    let conversion = |one: &Conversion| Row {
        key: one.reference.clone(),
        of: one.customer_reference.clone(),
        partner: partner(one),
        money: (one.value() != 0).then(|| money(one.value(), PLACES, &one.currency)),
        state: (one.visible_ms > now_ms).then(|| "not visible yet".to_owned()),
    };
    let commission = |one: &Conversion| Row {
        key: one.id.clone(),
        of: Some(one.reference.clone()),
        partner: partner(one),
        money: Some(money(one.commission(), PLACES, &one.currency)),
        state: Some(one.status().to_owned()),
    };
    let earning = account.conversions.iter().rev().filter(|one| one.value() != 0);
    vec![
        Listing { title: "Conversions", rows: account.conversions.iter().rev().map(conversion).collect() },
        Listing { title: "Commissions", rows: earning.map(commission).collect() },
    ]
}

/// Everything in an account.
pub(super) fn view(account: &Account, now_ms: i64) -> Value {
    let conversion = |one: &Conversion| {
        let mut shown = report::entry(account, one);
        if let Some(members) = shown.as_object_mut() {
            members.insert("visible_at".to_owned(), json!(one.visible_ms));
            members.insert("visible".to_owned(), json!(one.visible_ms <= now_ms));
        }
        shown
    };
    json!({
        "now_ms": now_ms,
        "users": account.users,
        "publishers": account.publishers,
        "clicks": account.clicks,
        "conversions": account.conversions.iter().map(conversion).collect::<Vec<_>>(),
        "jobs": account.jobs,
    })
}
