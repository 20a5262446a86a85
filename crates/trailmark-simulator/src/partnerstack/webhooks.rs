//! What the account tells by itself, once a control route has said where: flat JSON with an `event` (vendors.md § 1.3).
//! `current` knows `customer_created`, `_updated`, `_deleted`, `partnership.created`, `.updated` and `partnership_deleted`;
//! seed 000 knows partner, customer and transaction `.created` and `.updated`, and `reward.created`. Rewards have no event
//! in `current`, since no document at hand names one.
//!
//! Nothing is signed and nothing is tried again: the documents know neither. Registering by `POST /v2/webhooks` is left
//! out, whose fields no document at hand shows.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::rewards::Rewards;
use super::state::Account;
use crate::random::number_of;

/// One webhook on its way.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The account's name.
    pub(crate) account: &'static str,
    pub(crate) url: String,
    pub(crate) body: Value,
}

/// Where an account tells, and what it has told.
#[derive(Debug, Default)]
pub(super) struct Hook {
    url: Option<String>,
    /// What each thing looked like when it was last told of.
    known: HashMap<(Kind, String), u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Customer,
    Partner,
    Reward,
    Transaction,
}

/// How one thing looks now.
struct Thing {
    kind: Kind,
    key: String,
    gone: bool,
    /// Flat, without the event.
    shown: Value,
}

impl Hook {
    /// Tells from here on, or nothing any more; what is there already is not told.
    pub(super) fn point(&mut self, url: Option<String>, account: &Account, rewards: &Rewards, is_guide: bool) {
        self.url = url;
        self.known = things(account, rewards, is_guide).map(|thing| (thing.name(), thing.look())).collect();
    }

    pub(super) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// What has happened since the last look.
    pub(super) fn news(
        &mut self,
        name: &'static str,
        account: &Account,
        rewards: &Rewards,
        is_guide: bool,
    ) -> Vec<Outgoing> {
        let Some(url) = self.url.clone() else { return Vec::new() };
        let mut news = Vec::new();
        for thing in things(account, rewards, is_guide) {
            let (look, before) = (thing.look(), self.known.get(&thing.name()).copied());
            if before == Some(look) {
                continue;
            }
            self.known.insert(thing.name(), look);
            let Some(event) = event(thing.kind, before.is_some(), thing.gone, is_guide) else { continue };
            let mut body = json!({ "event": event });
            if let (Some(body), Some(shown)) = (body.as_object_mut(), thing.shown.as_object()) {
                body.extend(shown.clone());
            }
            news.push(Outgoing { account: name, url: url.clone(), body });
        }
        news
    }
}

impl Thing {
    fn name(&self) -> (Kind, String) {
        (self.kind, self.key.clone())
    }

    fn look(&self) -> u64 {
        number_of(&format!("{} {}", self.gone, self.shown))
    }
}

/// The event's name; `None` where the documents know none.
fn event(kind: Kind, was_known: bool, gone: bool, is_guide: bool) -> Option<&'static str> {
    Some(match (kind, was_known, gone, is_guide) {
        (Kind::Customer, false, false, false) => "customer_created",
        (Kind::Customer, true, false, false) => "customer_updated",
        (Kind::Customer, true, true, false) => "customer_deleted",
        (Kind::Partner, false, false, false) => "partnership.created",
        (Kind::Partner, true, false, false) => "partnership.updated",
        (Kind::Partner, true, true, false) => "partnership_deleted",
        (Kind::Customer, false, false, true) => "customer.created",
        (Kind::Customer, true, false, true) => "customer.updated",
        (Kind::Partner, false, false, true) => "partner.created",
        (Kind::Partner, true, _, true) => "partner.updated",
        (Kind::Transaction, false, false, true) => "transaction.created",
        (Kind::Transaction, true, _, true) => "transaction.updated",
        (Kind::Reward, false, false, true) => "reward.created",
        _ => return None,
    })
}

fn things<'a>(account: &'a Account, rewards: &'a Rewards, is_guide: bool) -> impl Iterator<Item = Thing> + 'a {
    let customers = account.customers.iter().map(move |one| Thing {
        kind: Kind::Customer,
        key: one.key.clone(),
        gone: one.deleted,
        shown: json!({
            "key": if is_guide { one.customer_key.as_ref() } else { Some(&one.key) },
            "customer_key": one.customer_key,
            "email": one.email,
            "name": one.name,
            "partner_key": one.partner_key,
            "updated_at": one.updated_ms,
        }),
    });
    let partners = account.partnerships.iter().map(move |one| Thing {
        kind: Kind::Partner,
        key: one.key.clone(),
        gone: one.archived,
        shown: json!({
            "key": if is_guide { &one.partner_key } else { &one.key },
            "partner_key": one.partner_key,
            "group_key": one.group_key,
            "status": if one.archived { "inactive" } else { "active" },
            "updated_at": one.updated_ms,
        }),
    });
    let status = |key: &str| {
        let earned = rewards.iter().find(|reward| reward.transaction.as_deref() == Some(key));
        earned.map_or("pending", |reward| reward.status)
    };
    let transactions = account.transactions.iter().map(move |one| Thing {
        kind: Kind::Transaction,
        key: one.key.clone(),
        gone: one.deleted,
        shown: json!({
            "key": one.key,
            "customer_key": one.customer.customer_key,
            "amount": one.amount,
            "currency": one.currency,
            "status": status(&one.key),
        }),
    });
    let rewards =
        rewards.iter().map(|one| Thing { kind: Kind::Reward, key: one.key.clone(), gone: false, shown: one.json() });
    customers.chain(partners).chain(transactions).chain(rewards)
}
