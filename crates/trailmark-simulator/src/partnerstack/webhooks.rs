//! The webhooks of an account: JSON with an `event` at its top (vendors.md § 1.3). `current` has `customer_created`,
//! `_updated`, `_deleted`, `partnership.created`, `.updated` and `partnership_deleted`; seed 000 has partner, customer and
//! transaction `.created` and `.updated`, and `reward.created`.
//!
//! The address that a control route has set gets the events of the account's dialect. A webhook that the API registered
//! (`hooks`, in `current` alone) gets those that it names, in any of the spellings of the documents: `partnership.created`,
//! `partnership_created` and the seed's `partner.created` are one event. Rewards and transactions have only the seed's names.
//!
//! A partnership looks as in docs/partnerstack-webhooks: a number as `id`, no key but the partner's, the group as an
//! object, and `archived` as text. Guesses: for the customer we have that page only down to the `id`, so the rest is like a
//! partnership; the seed shows no body, so the guide's are as flat as its answers. No document says whether a webhook names
//! a customer before the API shows it; here it does, which is the harder case. In `current` a transaction is as in its list,
//! with `approved` (vendors-2.md § 4), and a decision about its reward updates it.
//!
//! Nothing is signed and nothing is sent twice: the documents describe neither.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::state::{Account, Customer, Kind, Partnership, Transaction};
use super::{Dialect, current};
use crate::postman::Outgoing;
use crate::random::number_of;

/// Whether an account's webhooks go anywhere, and what was sent.
#[derive(Debug, Default)]
pub(super) struct Hook {
    /// Whether a control route has set an address.
    pub(super) is_pointed: bool,
    /// Whether anything hears of the changes in `known`.
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
    /// Tells the set address of changes from now on, or no longer; existing things are not reported.
    pub(super) fn listen(&mut self, is_pointed: bool, account: &mut Account) {
        self.is_pointed = is_pointed;
        self.begin(account);
    }

    /// Tells of changes from now on, if there is somebody to tell.
    pub(super) fn begin(&mut self, account: &mut Account) {
        account.take_changes();
        self.is_heard = self.has_hearers(account);
        let all = everything(account).filter_map(|name| Some((name, Thing::of(account, name)?.look())));
        self.known = if self.is_heard { all.collect() } else { HashMap::new() };
    }

    fn has_hearers(&self, account: &Account) -> bool {
        self.is_pointed || !account.hooks.is_empty()
    }

    /// The webhooks since the last call; none in the call that registers the first one.
    pub(super) fn news(&mut self, account: &mut Account) -> Vec<Outgoing> {
        if !(self.is_heard && self.has_hearers(account)) {
            self.begin(account);
            return Vec::new();
        }
        let mut news = Vec::new();
        for name in account.take_changes() {
            let Some(thing) = Thing::of(account, name) else { continue };
            let look = thing.look();
            let before = self.known.insert(name, look);
            if before == Some(look) {
                continue;
            }
            let events = events(account.dialect, name.0, before.is_some(), thing.gone);
            let own = events.first().filter(|_| self.is_pointed && has_own_name(account.dialect, name.0));
            news.extend(own.map(|event| thing.outgoing(account.dialect, event, None)));
            for (hook, event) in account.hooks.iter().flat_map(|hook| events.iter().map(move |event| (hook, event))) {
                if hook.hears(event) {
                    news.push(thing.outgoing(account.dialect, event, Some(hook.url().to_owned())));
                }
            }
        }
        news
    }
}

impl Thing {
    /// `None` if there is no such thing.
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
                let one = account.transactions.get(place)?;
                let shown = if is_guide { guides_transaction(account, one) } else { transaction(account, one) };
                Self { gone: one.deleted, changed_ms: one.created_ms, shown }
            }
            Kind::Reward => {
                let one = account.rewards.get(place)?;
                Self { gone: false, changed_ms: one.created_ms, shown: one.json(account) }
            }
        })
    }

    /// One webhook about it; `url` is that of a registered one.
    fn outgoing(&self, dialect: Dialect, event: &str, url: Option<String>) -> Outgoing {
        let mut body = self.shown.clone();
        if let Some(members) = body.as_object_mut() {
            members.insert("event".to_owned(), Value::from(event));
        }
        Outgoing { url, ..Outgoing::json(dialect.name(), &body) }
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

/// Whether the documents of the dialect name events of this kind.
fn has_own_name(dialect: Dialect, kind: Kind) -> bool {
    dialect == Dialect::Guide || matches!(kind, Kind::Customer | Kind::Partner)
}

/// The names of an event: the dialect's own first, then the other spellings; none if no document has the event.
fn events(dialect: Dialect, kind: Kind, was_known: bool, gone: bool) -> &'static [&'static str] {
    match (dialect, kind, was_known, gone) {
        (Dialect::Current, Kind::Customer, false, false) => &["customer_created", "customer.created"],
        (Dialect::Current, Kind::Customer, true, false) => &["customer_updated", "customer.updated"],
        (Dialect::Current, Kind::Customer, true, true) => &["customer_deleted"],
        (Dialect::Current, Kind::Partner, false, false) => {
            &["partnership.created", "partnership_created", "partner.created"]
        }
        (Dialect::Current, Kind::Partner, true, false) => {
            &["partnership.updated", "partnership_updated", "partner.updated"]
        }
        (Dialect::Current, Kind::Partner, true, true) => &["partnership_deleted", "partner.updated"],
        (Dialect::Guide, Kind::Customer, false, false) => &["customer.created"],
        (Dialect::Guide, Kind::Customer, true, false) => &["customer.updated"],
        (Dialect::Guide, Kind::Partner, false, false) => &["partner.created"],
        (Dialect::Guide, Kind::Partner, true, _) => &["partner.updated"],
        (_, Kind::Transaction, false, false) => &["transaction.created"],
        (_, Kind::Transaction, true, _) => &["transaction.updated"],
        (_, Kind::Reward, false, false) => &["reward.created"],
        _ => &[],
    }
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

/// As in the list. A decision about its reward is a change of it, as in the seed.
fn transaction(account: &Account, one: &Transaction) -> Value {
    let mut shown = current::transaction_json(one);
    let reward = one.reward.and_then(|place| account.rewards.get(place));
    if let (Some(members), Some(reward)) = (shown.as_object_mut(), reward) {
        let is_approved = matches!(reward.status.as_str(), "approved" | "paid");
        members.insert("approved".to_owned(), Value::from(is_approved));
        members.insert("updated_at".to_owned(), Value::from(reward.updated_ms.max(one.created_ms)));
    }
    shown
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
