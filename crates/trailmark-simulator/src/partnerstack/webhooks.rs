//! The webhooks of an account, once a control route has set their address: JSON with an `event` at its top (vendors.md §
//! 1.3). `current` has `customer_created`, `_updated`, `_deleted`, `partnership.created`, `.updated` and
//! `partnership_deleted`; seed 000 has partner, customer and transaction `.created` and `.updated`, and `reward.created`.
//! Rewards and transactions have no event in `current`, since our documents name none.
//!
//! A partnership looks as in docs/partnerstack-webhooks: a number as `id`, no key but the partner's, the group as an
//! object, and `archived` as text. Guesses: for the customer we have that page only down to the `id`, so the rest is like a
//! partnership; the seed shows no body, so the guide's are as flat as its answers. No document says whether a webhook names
//! a customer before the API shows it; here it does, which is the harder case.
//!
//! Nothing is signed and nothing is sent twice: the documents describe neither. Webhooks that the API registers are in
//! `hooks`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Dialect;
use super::state::{Account, Customer, Kind, Partnership, Transaction};
use crate::postman::Outgoing;
use crate::random::number_of;

/// Whether an account's webhooks go anywhere, and what was sent.
#[derive(Debug, Default)]
pub(super) struct Hook {
    is_heard: bool,
    /// A hash of each thing as of its last webhook, by its place in the account.
    known: HashMap<(Kind, usize), u64>,
}

/// How one thing looks now.
struct Thing {
    gone: bool,
    changed_ms: i64,
    /// The body without the event.
    shown: Value,
}

impl Hook {
    /// Tells of changes from now on, or no longer; existing things are not reported.
    pub(super) fn listen(&mut self, is_heard: bool, account: &mut Account) {
        self.is_heard = is_heard;
        account.take_changes();
        let all = everything(account).filter_map(|name| Some((name, Thing::of(account, name)?.look())));
        self.known = all.collect();
    }

    /// The webhooks since the last call.
    pub(super) fn news(&mut self, account: &mut Account) -> Vec<Outgoing> {
        let changes = account.take_changes();
        if !self.is_heard {
            return Vec::new();
        }
        let mut news = Vec::new();
        for name in changes {
            let Some(thing) = Thing::of(account, name) else { continue };
            let look = thing.look();
            let before = self.known.insert(name, look);
            if before == Some(look) {
                continue;
            }
            let Some(event) = event(account.dialect, name.0, before.is_some(), thing.gone) else { continue };
            let mut body = thing.shown;
            if let Some(members) = body.as_object_mut() {
                members.insert("event".to_owned(), Value::from(event));
            }
            news.push(Outgoing::json(account.dialect.name(), &body));
        }
        news
    }
}

impl Thing {
    /// `None` if there is no such thing, or the account has no event for its kind.
    fn of(account: &Account, (kind, place): (Kind, usize)) -> Option<Self> {
        let is_guide = account.dialect == Dialect::Guide;
        Some(match kind {
            Kind::Customer => {
                let one = account.customers.get(place)?;
                let shown = if is_guide { guides_customer(one) } else { customer(place, one) };
                Self { gone: one.deleted, changed_ms: one.updated_ms, shown }
            }
            Kind::Partner => {
                let one = account.partnerships.get(place)?;
                let shown = if is_guide { guides_partner(one) } else { partnership(account, place, one) };
                Self { gone: one.archived, changed_ms: one.updated_ms, shown }
            }
            Kind::Transaction => {
                let one = account.transactions.get(place).filter(|_| is_guide)?;
                Self { gone: one.deleted, changed_ms: one.created_ms, shown: guides_transaction(account, one) }
            }
            Kind::Reward => {
                let one = account.rewards.get(place).filter(|_| is_guide)?;
                Self { gone: false, changed_ms: one.created_ms, shown: one.json(account) }
            }
        })
    }

    fn look(&self) -> u64 {
        number_of(&format!("{} {} {}", self.gone, self.changed_ms, self.shown))
    }
}

/// Every thing in an account.
fn everything(account: &Account) -> impl Iterator<Item = (Kind, usize)> + use<> {
    let Account { customers, partnerships, transactions, rewards, .. } = account;
    let kinds = [
        (Kind::Customer, customers.len()),
        (Kind::Partner, partnerships.len()),
        (Kind::Transaction, transactions.len()),
        (Kind::Reward, rewards.len()),
    ];
    kinds.into_iter().flat_map(|(kind, count)| (0..count).map(move |place| (kind, place)))
}

/// The event's name; `None` if the documents have none.
fn event(dialect: Dialect, kind: Kind, was_known: bool, gone: bool) -> Option<&'static str> {
    Some(match (dialect, kind, was_known, gone) {
        (Dialect::Current, Kind::Customer, false, false) => "customer_created",
        (Dialect::Current, Kind::Customer, true, false) => "customer_updated",
        (Dialect::Current, Kind::Customer, true, true) => "customer_deleted",
        (Dialect::Current, Kind::Partner, false, false) => "partnership.created",
        (Dialect::Current, Kind::Partner, true, false) => "partnership.updated",
        (Dialect::Current, Kind::Partner, true, true) => "partnership_deleted",
        (Dialect::Guide, Kind::Customer, false, false) => "customer.created",
        (Dialect::Guide, Kind::Customer, true, false) => "customer.updated",
        (Dialect::Guide, Kind::Partner, false, false) => "partner.created",
        (Dialect::Guide, Kind::Partner, true, _) => "partner.updated",
        (Dialect::Guide, Kind::Transaction, false, false) => "transaction.created",
        (Dialect::Guide, Kind::Transaction, true, _) => "transaction.updated",
        (Dialect::Guide, Kind::Reward, false, false) => "reward.created",
        _ => return None,
    })
}

fn customer(place: usize, customer: &Customer) -> Value {
    json!({
        "id": place + 1,
        "customer_key": customer.customer_key,
        "email": customer.email,
        "name": customer.name,
        "partner_key": customer.partner_key,
        "archived": customer.deleted.to_string(),
    })
}

fn partnership(account: &Account, place: usize, partnership: &Partnership) -> Value {
    let group = account.groups.iter().zip(1..).find(|(group, _)| group.key == partnership.group_key);
    json!({
        "id": place + 1,
        "partner_key": partnership.partner_key,
        "first_name": partnership.first_name,
        "last_name": partnership.last_name,
        "email": partnership.email,
        "group": group.map(|(group, id)| json!({ "id": id, "name": group.name, "slug": group.slug })),
        "archived": partnership.archived.to_string(),
    })
}

fn guides_customer(customer: &Customer) -> Value {
    json!({
        "key": customer.customer_key,
        "customer_key": customer.customer_key,
        "email": customer.email,
        "name": customer.name,
        "partner_key": customer.partner_key,
        "updated_at": customer.updated_ms.div_euclid(1_000),
    })
}

fn guides_partner(partnership: &Partnership) -> Value {
    json!({
        "key": partnership.partner_key,
        "partner_key": partnership.partner_key,
        "group_key": partnership.group_key,
        "status": if partnership.archived { "inactive" } else { "active" },
        "updated_at": partnership.updated_ms.div_euclid(1_000),
    })
}

/// The seed: the status is `pending` until somebody approves. Without a reward it stays `pending`.
fn guides_transaction(account: &Account, transaction: &Transaction) -> Value {
    let reward = transaction.reward.and_then(|place| account.rewards.get(place));
    json!({
        "key": transaction.key,
        "customer_key": transaction.customer.customer_key,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "status": reward.map_or("pending", |reward| &reward.status),
    })
}
