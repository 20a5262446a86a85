//! Rewards: what partners earn. Every transaction of a customer who has a partner makes one, pending, a fifth of its amount;
//! one for a signup is given by a control route, since programmes differ. Approving, declining and paying are people's
//! work at the vendor, so they are control routes, too. A deleted transaction's reward is declined.
//!
//! The documents at hand name the list (vendors.md § 1.4) and say that approval is on rewards (§ 1.6), not what a reward
//! looks like; members and words are those that public integrations read, with `customer_key` as the vendor's own
//! key like on a transaction. In the guide's account, where a customer has one key, it is that one.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::paging::{Listed, Page, Paging};
use super::state::{Account, Customer};
use super::success;
use super::validate::Refusal;
use crate::call::{Answer, Call};
use crate::random::SplitMix;

/// A partner's share of a transaction: one in so many parts.
const SHARE: i64 = 5;

/// What people decide about a reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Approve,
    Decline,
    Pay,
}

impl Verdict {
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "decline" => Some(Self::Decline),
            "pay" => Some(Self::Pay),
            _ => None,
        }
    }
}

/// What one customer or transaction earned a partner.
#[derive(Clone, Debug)]
pub(super) struct Reward {
    /// `rwd_...`.
    pub(super) key: String,
    pub(super) customer: Customer,
    pub(super) transaction: Option<String>,
    /// Cents.
    amount: i64,
    currency: String,
    pub(super) status: &'static str,
    payment: &'static str,
    created_ms: i64,
    updated_ms: i64,
}

/// The rewards of one account.
#[derive(Debug)]
pub(super) struct Rewards {
    kept: Vec<Reward>,
    /// Transactions that were looked at.
    seen: usize,
    random: SplitMix,
}

impl Rewards {
    pub(super) fn new() -> Self {
        Self { kept: Vec::new(), seen: 0, random: SplitMix::new(0x7265_7761_7264) }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Reward> {
        self.kept.iter()
    }

    /// Rewards what was sold since the last look, and declines what was taken back.
    pub(super) fn settle(&mut self, account: &Account, now_ms: i64) {
        for sold in account.transactions.iter().skip(self.seen).filter(|sold| sold.customer.partner_key.is_some()) {
            let key = self.random.key("rwd_");
            self.kept.push(Reward {
                transaction: Some(sold.key.clone()),
                ..Reward::new(key, &sold.customer, sold.amount / SHARE, &sold.currency, sold.created_ms)
            });
        }
        self.seen = account.transactions.len();
        let deleted: HashSet<&String> =
            account.transactions.iter().filter(|one| one.deleted).map(|one| &one.key).collect();
        for reward in self.kept.iter_mut().filter(|one| one.status != "declined") {
            if reward.transaction.as_ref().is_some_and(|key| deleted.contains(key)) {
                (reward.status, reward.updated_ms) = ("declined", now_ms);
            }
        }
    }

    /// Gives a reward for a customer's signup, by either key of the customer.
    pub(super) fn give(
        &mut self,
        account: &Account,
        customer_key: &str,
        amount: i64,
        now_ms: i64,
    ) -> Result<String, String> {
        let named = |one: &&Customer| one.key == customer_key || one.customer_key.as_deref() == Some(customer_key);
        let customer = account.customers.iter().filter(|one| !one.deleted).find(named);
        let customer = customer.ok_or("customer_key names no customer")?;
        if customer.partner_key.is_none() {
            return Err("the customer has no partner".to_owned());
        }
        let key = self.random.key("rwd_");
        self.kept.push(Reward::new(key.clone(), customer, amount, "USD", now_ms));
        Ok(key)
    }

    /// Decides about the reward of that key or of that transaction; what was declined stays so, what is not approved is
    /// not paid.
    pub(super) fn decide(&mut self, key: &str, verdict: Verdict, now_ms: i64) -> Result<Value, String> {
        let named = |one: &&mut Reward| one.key == key || one.transaction.as_deref() == Some(key);
        let reward = self.kept.iter_mut().find(named).ok_or("no reward has that key or transaction")?;
        match (verdict, reward.status) {
            (Verdict::Approve, "pending" | "approved") => reward.status = "approved",
            (Verdict::Decline, _) => reward.status = "declined",
            (Verdict::Pay, "approved") => reward.payment = "withdrawn",
            (Verdict::Approve | Verdict::Pay, status) => return Err(format!("the reward is {status}")),
        }
        reward.updated_ms = now_ms;
        Ok(reward.json())
    }

    /// `GET /rewards`.
    ///
    /// # Errors
    /// As any list; a `customer_key` that is no customer's in this account's sense is 404.
    pub(super) fn list(&self, account: &Account, is_guide: bool, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
        let paging = Paging::filtered(call, &["customer_key", "group_key", "payment_status"])?;
        if let Some(key) = call.parameter("customer_key") {
            let customer = account.customer(key, now_ms)?;
            let is_own = if is_guide { customer.customer_key.as_deref() == Some(key) } else { customer.key == key };
            if !is_own {
                return Err(Refusal::not_found("customer"));
            }
        }
        let asked = |one: &&Reward| {
            call.parameter("customer_key")
                .is_none_or(|key| one.customer.key == key || one.customer.customer_key.as_deref() == Some(key))
                && call.parameter("payment_status").is_none_or(|word| one.payment == word)
                && call.parameter("group_key").is_none_or(|key| one.customer.group_key.as_deref() == Some(key))
        };
        let page: Page<'_, Reward> = paging.page(self.kept.iter().filter(asked))?;
        let items: Vec<Value> = page.items.iter().map(|reward| reward.json()).collect();
        Ok(success(json!({ "items": items, "has_more": page.has_more })))
    }
}

impl Reward {
    fn new(key: String, customer: &Customer, amount: i64, currency: &str, created_ms: i64) -> Self {
        Self {
            key,
            customer: customer.clone(),
            transaction: None,
            amount,
            currency: currency.to_owned(),
            status: "pending",
            payment: "available",
            created_ms,
            updated_ms: created_ms,
        }
    }

    /// As the list shows it.
    pub(super) fn json(&self) -> Value {
        json!({
            "key": self.key,
            "customer": { "key": self.customer.key, "customer_key": self.customer.customer_key },
            "transaction": self.transaction.as_ref().map(|key| json!({ "key": key })),
            "partner_key": self.customer.partner_key,
            "partnership_key": self.customer.partnership_key,
            "amount": self.amount,
            "currency": self.currency,
            "reward_status": self.status,
            "payment_status": self.payment,
            "created_at": self.created_ms,
            "updated_at": self.updated_ms,
        })
    }
}

impl Listed for Reward {
    fn key(&self) -> &str {
        &self.key
    }

    fn created_ms(&self) -> i64 {
        self.created_ms
    }
}
