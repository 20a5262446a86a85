//! Rewards: what partners earn. Every transaction of a customer with a partner makes a pending reward, a fifth of its
//! amount. A control route gives a reward for a signup, since programmes differ. People at the vendor hold, approve,
//! decline and pay, so these are control routes, too. If a transaction is deleted, its reward is declined.
//!
//! Our documents name the list, newest first (vendors.md § 1.4, reference/get_v2-rewards-2), and say that rewards are
//! approved (§ 1.6). Members, the words of `reward_status` and the filter `status` are those that a production importer
//! reads (dubinc/dub, `lib/partnerstack`); `customer_key` is the vendor's own key as on a transaction. In the guide's
//! account, a customer has only one key.
//!
//! Guesses: a negative transaction earns a negative reward; a declined reward stays declined; only an approved reward can
//! be paid; a paid reward can still be declined. A partner's own payout (`payment_status`, in the partners' API) is not
//! shown to the vendor.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::paging::{Page, Paging};
use super::state::{Account, Customer, Partnership, Transaction};
use super::validate::Refusal;
use super::{Dialect, success};
use crate::call::{Answer, Call};
use crate::double::{Row, money};

/// A partner's share of a transaction: one part in this many.
const SHARE: i64 = 5;

/// The values of the filter `status`; no reward here is ever `scheduled`.
const STATUSES: [&str; 6] = ["hold", "pending", "approved", "declined", "paid", "scheduled"];

/// A person's decision about a reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Hold,
    Approve,
    Decline,
    Pay,
}

impl Verdict {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "hold" => Some(Self::Hold),
            "approve" => Some(Self::Approve),
            "decline" => Some(Self::Decline),
            "pay" => Some(Self::Pay),
            _ => None,
        }
    }
}

/// What a partner earned for one customer or transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reward {
    /// `rwd_...`.
    pub(super) key: String,
    customer: Customer,
    sale: Option<Sale>,
    /// Cents.
    amount: i64,
    currency: String,
    pub(super) status: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
}

/// The transaction that earned it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sale {
    key: String,
    amount: i64,
    currency: String,
}

impl Reward {
    pub(super) fn of_sale(key: String, transaction: &Transaction) -> Self {
        let Transaction { amount, currency, created_ms, customer, .. } = transaction;
        let sale = Sale { key: transaction.key.clone(), amount: *amount, currency: currency.clone() };
        Self { sale: Some(sale), ..Self::new(key, customer, amount / SHARE, currency, *created_ms) }
    }

    fn new(key: String, customer: &Customer, amount: i64, currency: &str, created_ms: i64) -> Self {
        Self {
            key,
            customer: customer.clone(),
            sale: None,
            amount,
            currency: currency.to_owned(),
            status: "pending".to_owned(),
            created_ms,
            updated_ms: created_ms,
        }
    }

    pub(super) fn decline(&mut self, now_ms: i64) {
        (self.status, self.updated_ms) = ("declined".to_owned(), now_ms);
    }

    /// The reward as the list shows it.
    pub(super) fn json(&self, account: &Account) -> Value {
        let (customer, partnership) = (&self.customer, self.partnership(account));
        json!({
            "key": self.key,
            "customer": { "key": customer.key, "external_key": customer.customer_key, "email": customer.email },
            "transaction": self.sale.as_ref().map(|sale| {
                json!({ "key": sale.key, "amount": sale.amount, "currency": sale.currency })
            }),
            "partnership": partnership.map(|one| {
                json!({ "key": one.key, "partner_key": one.partner_key, "email": one.email })
            }),
            "amount": self.amount,
            "currency": self.currency,
            "reward_status": self.status,
            "created_at": self.created_ms,
            "updated_at": self.updated_ms,
        })
    }

    /// The reward for people: of its transaction, otherwise of its customer.
    pub(super) fn row(&self, account: &Account) -> Row {
        Row {
            key: self.key.clone(),
            of: self.sale.as_ref().map(|sale| sale.key.clone()).or_else(|| self.customer.customer_key.clone()),
            partner: self.partnership(account).map(|one| one.partner_key.clone()),
            money: Some(money(self.amount, 2, &self.currency)),
            state: Some(self.status.clone()),
        }
    }

    /// The partnership that earned it, archived or not.
    fn partnership<'a>(&self, account: &'a Account) -> Option<&'a Partnership> {
        account.partnerships.iter().find(|one| self.customer.partnership_key.as_ref() == Some(&one.key))
    }

    /// Whether `key` is the reward's own key or that of its transaction.
    fn is_named(&self, key: &str) -> bool {
        self.key == key || self.sale.as_ref().is_some_and(|sale| sale.key == key)
    }
}

/// The place of the reward with that key or transaction; if a key was used again, the last one.
pub(super) fn named(account: &Account, key: &str) -> Option<usize> {
    account.rewards.iter().rposition(|one| one.is_named(key))
}

/// Gives a reward for a customer's signup, by either key of the customer.
///
/// # Errors
/// The sentence says what is wrong with the customer.
pub(super) fn give(account: &mut Account, customer_key: &str, amount: i64, now_ms: i64) -> Result<String, String> {
    let named = |one: &&Customer| one.key == customer_key || one.customer_key.as_deref() == Some(customer_key);
    let customer = account.customers.iter().filter(|one| !one.deleted).find(named);
    let customer = customer.ok_or("customer_key names no customer")?.clone();
    if customer.partner_key.is_none() {
        return Err("the customer has no partner".to_owned());
    }
    let key = account.mint("rwd_");
    account.add_reward(Reward::new(key.clone(), &customer, amount, "USD", now_ms));
    Ok(key)
}

/// Decides about the reward with that key or transaction.
///
/// # Errors
/// The sentence says why not.
pub(super) fn decide(account: &mut Account, key: &str, verdict: Verdict, now_ms: i64) -> Result<Value, String> {
    let place = named(account, key);
    let reward = place.and_then(|place| account.reward_mut(place)).ok_or("no reward has that key or transaction")?;
    let status = match (verdict, reward.status.as_str()) {
        (Verdict::Hold, "pending" | "hold") => "hold",
        (Verdict::Approve, "pending" | "hold" | "approved") => "approved",
        (Verdict::Pay, "approved" | "paid") => "paid",
        (Verdict::Decline, _) => "declined",
        (Verdict::Hold | Verdict::Approve | Verdict::Pay, status) => return Err(format!("the reward is {status}")),
    };
    (reward.status, reward.updated_ms) = (status.to_owned(), now_ms);
    let reward = reward.clone();
    Ok(reward.json(account))
}

/// `GET /rewards`.
///
/// # Errors
/// Those of any list; a `customer_key` that is not a customer's in this account's sense is 404.
pub(super) fn list(account: &Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let paging = Paging::filtered(call, &["customer_key", "group_key", "status"])?;
    let wanted = |name| call.parameter(name);
    if wanted("status").is_some_and(|status| !STATUSES.contains(&status)) {
        return Err(Refusal::bad_request(format!("status must be one of {}", STATUSES.join(", "))));
    }
    let customer = match wanted("customer_key") {
        None => None,
        Some(key) if account.dialect == Dialect::Guide => Some(account.customer_of_yours(key, now_ms)?),
        Some(key) => Some(account.customer(key, now_ms).and_then(|one| super::current::same(one, one.key == key))?),
    };
    let asked = |one: &&Reward| {
        customer.is_none_or(|customer| one.customer.key == customer.key)
            && wanted("status").is_none_or(|status| one.status == status)
            && wanted("group_key").is_none_or(|key| one.partnership(account).is_some_and(|it| it.group_key == key))
    };
    let page: Page<'_, Reward> = paging.page(account.rewards.iter().filter(asked))?;
    let items: Vec<Value> = page.items.iter().map(|reward| reward.json(account)).collect();
    Ok(success(json!({ "items": items, "has_more": page.has_more })))
}
