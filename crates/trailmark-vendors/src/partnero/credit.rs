//! Whom Partnero credits with a customer or a transaction, and whether it is the partner whom our link named. The vendor
//! shows the partner's id; the key of that id stands in the partner's links, so a second request reads the partner. Whether
//! a partner was archived is `rewards`' question.
//!
//! Source: seed 004 for the partner's `id` and links; vendors-2.md § 3 for `partner` on customers and transactions.

use serde_json::Value;

use super::answers::{self, text};
use super::{Account, Withheld};
use crate::exchange::{Answer, Call, Request, Step};
use crate::outcome::LookUp;
use crate::root::{encoded, segment};

pub(super) const NOBODY: &str = "the vendor credits nobody with it, so no commission will follow";

/// The `partner` of a thing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credit {
    /// The vendor's id of the partner.
    Id(String),
    /// The partner's key.
    Key(String),
    /// It says that there is none.
    Nobody,
    /// It does not say.
    Unstated,
}

/// Whom the vendor credits with this customer or transaction.
pub(super) fn of(item: &Value) -> Credit {
    match item.get("partner") {
        None => Credit::Unstated,
        Some(Value::String(id)) if !id.trim().is_empty() => Credit::Id(id.clone()),
        Some(Value::Number(id)) => Credit::Id(id.to_string()),
        Some(partner) => match (text(partner, "key"), text(partner, "id")) {
            (Some(key), _) => Credit::Key(key.to_owned()),
            (None, Some(id)) => Credit::Id(id.to_owned()),
            (None, None) => Credit::Nobody,
        },
    }
}

/// The request for a partner by its id; `None` if no URL can name it.
pub(super) fn partner(account: &Account, id: &str) -> Option<Request> {
    segment(id).map(|id| account.get(&format!("/v1/partners/{id}"), "GET /v1/partners/{id}"))
}

/// `found`, if the vendor credits `partner` with `item`. If the thing may come from elsewhere (`is_strict`), a partner that
/// is unknown on either side counts as another one.
pub(super) fn confirmed(
    account: &Account,
    withheld: &Withheld,
    item: &Value,
    partner: Option<&str>,
    is_strict: bool,
    found: LookUp,
) -> Step<LookUp> {
    let (credit, ours) = (of(item), partner.unwrap_or_default().to_owned());
    match credit {
        Credit::Nobody => differs(NOBODY),
        _ if ours.is_empty() && is_strict => differs("it is unknown whom our touch named"),
        Credit::Unstated if is_strict => differs("the vendor does not say whom it credits"),
        Credit::Unstated => Step::Done(found),
        _ if ours.is_empty() => Step::Done(found),
        Credit::Key(shown) | Credit::Id(shown) if shown.eq_ignore_ascii_case(&ours) => Step::Done(found),
        Credit::Key(_) => differs(ANOTHER),
        Credit::Id(id) => {
            let Some(request) = self::partner(account, &id) else { return differs(ANOTHER) };
            let (account, withheld) = (account.clone(), withheld.clone());
            Step::Next(Call::new(request, move |answer| {
                match answers::failure(answer, &account.redaction(&withheld)) {
                    Some(_) if answers::says_no_such_thing(answer) => {
                        differs("the vendor credits a partner whom it does not show")
                    }
                    Some(failure) => Step::Done(answers::not_looked_up(answer, failure)),
                    None => named(answer, &ours, found.clone()),
                }
            }))
        }
    }
}

const ANOTHER: &str = "the vendor credits another partner";

fn named(answer: &Answer, ours: &str, found: LookUp) -> Step<LookUp> {
    let Some(partner) = answers::data(answer) else {
        return Step::Done(answers::unclear(answer, "no partner in the body"));
    };
    let keys = keys(&partner);
    match keys.iter().any(|key| key.eq_ignore_ascii_case(ours) || key.eq_ignore_ascii_case(&encoded(ours))) {
        true => Step::Done(found),
        false if keys.is_empty() => Step::Done(answers::unclear(answer, "a partner without key and links")),
        false => differs(ANOTHER),
    }
}

/// The key of a partner, or else whatever may be one in its links: a parameter's value, or the end of the path.
pub(super) fn keys(partner: &Value) -> Vec<String> {
    if let Some(key) = text(partner, "key") {
        return vec![key.to_owned()];
    }
    let several = partner.get("referral_links").and_then(Value::as_array).into_iter().flatten();
    let links = several.filter_map(Value::as_str).chain(text(partner, "referral_link"));
    let mut keys = Vec::new();
    for link in links {
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let path = path.split_once("://").map_or(path, |(_, rest)| rest);
        let end = path.trim_end_matches('/').rsplit_once('/').map(|(_, end)| end);
        let query = query.split('#').next().unwrap_or_default();
        let values = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
        for key in values.chain(end).filter(|key| !key.is_empty()) {
            if !keys.iter().any(|known| known == key) {
                keys.push(key.to_owned());
            }
        }
    }
    keys
}

fn differs(message: &str) -> Step<LookUp> {
    Step::Done(LookUp::Differs { message: message.to_owned() })
}
