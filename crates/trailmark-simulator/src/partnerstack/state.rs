//! One PartnerStack account: its content and what may happen to it. Times are arguments.
//!
//! Both dialects use this shape, each for its own account; each decides how an object looks from outside. Deleted things
//! keep their place, so that indices stay valid and a deleted thing can be told from an unknown one.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Dialect;
use super::hooks::Registered;
use super::paging::Listed;
use super::rewards::Reward;
use super::seed;
use super::validate::Refusal;
use crate::random::{SplitMix, number_of};
use crate::settings::{Pace, Settings};

/// How the account behaves, changed by `POST /control/partnerstack/settings`. `Default` only fills the place while a kept account
/// is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) pace: Pace,
    /// Overrides the pace's time of invisibility.
    pub(super) visible_after_ms: Option<i64>,
    /// `false` makes every accepted call an effect, so that a double send shows as a double effect.
    pub(super) dedupe: bool,
    pub(super) meta_keys: Vec<String>,
}

impl Rules {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { pace: settings.pace, visible_after_ms: None, dedupe: true, meta_keys: settings.meta_keys.clone() }
    }

    /// How long a converted customer stays invisible: two to six minutes were measured (vendors.md § 1.2).
    fn unseen_ms(&self, customer_key: &str) -> i64 {
        let spread_ms = || i64::try_from(number_of(customer_key) % 240_001).unwrap_or_default();
        self.visible_after_ms.unwrap_or_else(|| match self.pace {
            Pace::Demo => 3_000,
            Pace::Real => 120_000 + spread_ms(),
        })
    }
}

/// A customer. `None` is a field that was not sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Customer {
    /// PartnerStack's own, `cus_...`.
    pub(super) key: String,
    /// The client's key.
    pub(super) customer_key: Option<String>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) status: Option<String>,
    pub(super) external_key: Option<String>,
    pub(super) group_key: Option<String>,
    pub(super) provider_key: Option<String>,
    pub(super) member_key: Option<String>,
    pub(super) partner_key: Option<String>,
    pub(super) partnership_key: Option<String>,
    pub(super) data: Map<String, Value>,
    /// The click of the signup; only conversion/xid can name one.
    pub(super) xid: Option<String>,
    pub(super) test: bool,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) visible_ms: i64,
    pub(super) deleted: bool,
}

/// A partner in one group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Partnership {
    /// `part_...`.
    pub(super) key: String,
    pub(super) partner_key: String,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) group_key: String,
    /// E-mail address and name of the vendor's own manager for the partner.
    #[serde(default)]
    pub(super) manager: (Option<String>, Option<String>),
    #[serde(default)]
    pub(super) tags: Vec<String>,
    pub(super) claimed: bool,
    pub(super) test: bool,
    pub(super) data: Map<String, Value>,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) archived: bool,
}

/// A group of partners.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) created_ms: i64,
}

/// Revenue from a customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Transaction {
    pub(super) key: String,
    pub(super) customer: Customer,
    /// Cents.
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) category_key: Option<String>,
    pub(super) product_key: Option<String>,
    pub(super) member_key: Option<String>,
    pub(super) subscription_key: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) test: bool,
    pub(super) created_ms: i64,
    pub(super) deleted: bool,
    /// Place of its reward in `rewards`, set by [`Account::add_transaction`].
    pub(super) reward: Option<usize>,
}

/// Something that a customer or partnership did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Action {
    pub(super) key: String,
    pub(super) kind: String,
    pub(super) value: i64,
    pub(super) target_type: String,
    pub(super) target_key: String,
    pub(super) external_key: Option<String>,
    pub(super) created_ms: i64,
}

/// A visit through a partner's link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Click {
    pub(super) xid: String,
    pub(super) partner_key: String,
    pub(super) partnership_key: String,
    pub(super) created_ms: i64,
}

/// A kind of thing that webhooks report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Customer,
    Partner,
    Transaction,
    Reward,
}

/// One account. What serde writes of it is what a restart goes on with; rules are the settings' business.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) dialect: Dialect,
    #[serde(skip)]
    pub(super) rules: Rules,
    pub(super) customers: Vec<Customer>,
    pub(super) partnerships: Vec<Partnership>,
    pub(super) groups: Vec<Group>,
    pub(super) transactions: Vec<Transaction>,
    pub(super) rewards: Vec<Reward>,
    pub(super) actions: Vec<Action>,
    pub(super) clicks: Vec<Click>,
    #[serde(default)]
    pub(super) hooks: Vec<Registered>,
    /// Places in `customers`, by either key.
    customer_places: HashMap<String, usize>,
    transaction_keys: HashSet<String>,
    click_places: HashMap<String, usize>,
    /// Kind and place of everything that may have changed since [`Account::take_changes`].
    #[serde(skip)]
    changes: BTreeSet<(Kind, usize)>,
    /// Customer keys that have converted. Deleting the customer does not free its key.
    converted: HashSet<String>,
    random: SplitMix,
}

impl Account {
    pub(super) fn new(dialect: Dialect, rules: Rules) -> Self {
        let mut random = SplitMix::new(0x70_61_72_74_6e_65_72);
        Self {
            dialect,
            rules,
            customers: Vec::new(),
            partnerships: seed::partnerships(&mut random),
            groups: seed::groups(),
            transactions: Vec::new(),
            rewards: Vec::new(),
            actions: Vec::new(),
            clicks: Vec::new(),
            hooks: Vec::new(),
            customer_places: HashMap::new(),
            transaction_keys: HashSet::new(),
            click_places: HashMap::new(),
            changes: BTreeSet::new(),
            converted: HashSet::new(),
            random,
        }
    }

    pub(super) fn mint(&mut self, prefix: &str) -> String {
        self.random.key(prefix)
    }

    /// A visible customer, by your key or PartnerStack's.
    pub(super) fn customer(&self, key: &str, now_ms: i64) -> Result<&Customer, Refusal> {
        let customer = self.customer_places.get(key).and_then(|place| self.customers.get(*place));
        customer.filter(|customer| customer.visible(now_ms)).ok_or_else(|| Refusal::not_found("customer"))
    }

    /// The same, only by your key.
    pub(super) fn customer_of_yours(&self, customer_key: &str, now_ms: i64) -> Result<&Customer, Refusal> {
        let customer = self.customer(customer_key, now_ms)?;
        let named = customer.customer_key.as_deref() == Some(customer_key);
        named.then_some(customer).ok_or_else(|| Refusal::not_found("customer"))
    }

    pub(super) fn customer_mut(&mut self, key: &str, now_ms: i64) -> Result<&mut Customer, Refusal> {
        let customer = self.customer_places.get(key).and_then(|place| {
            self.changes.insert((Kind::Customer, *place));
            self.customers.get_mut(*place)
        });
        customer.filter(|customer| customer.visible(now_ms)).ok_or_else(|| Refusal::not_found("customer"))
    }

    /// The visible customers, in the order of their creation.
    pub(super) fn visible_customers(&self, now_ms: i64) -> impl Iterator<Item = &Customer> {
        self.customers.iter().filter(move |customer| customer.visible(now_ms))
    }

    /// Adds a customer as `POST /customers` does: visible at once.
    ///
    /// # Errors
    /// The key is taken. The vendor's status for that is not documented; the simulator says 400.
    pub(super) fn add_customer(&mut self, customer: Customer) -> Result<&Customer, Refusal> {
        let taken = customer.customer_key.as_deref().is_some_and(|key| self.customer_places.contains_key(key));
        if taken && self.rules.dedupe {
            return Err(Refusal::bad_request("customer already exists"));
        }
        Ok(self.insert(customer))
    }

    /// Records a conversion and returns the number of effects, 0 or 1. An unknown click, a click of a partner who has left,
    /// and a known customer key are accepted and change nothing.
    pub(super) fn convert(&mut self, xid: &str, customer_key: &str, customer: Customer) -> u64 {
        let click = self.click_places.get(xid).and_then(|place| self.clicks.get(*place)).cloned();
        let Some(click) = click.filter(|click| self.live(|one| one.key == click.partnership_key).is_some()) else {
            return 0;
        };
        let known = self.converted.contains(customer_key) || self.customer_places.contains_key(customer_key);
        if known && self.rules.dedupe {
            return 0;
        }
        self.converted.insert(customer_key.to_owned());
        let visible_ms = customer.created_ms.saturating_add(self.rules.unseen_ms(customer_key));
        self.insert(Customer {
            customer_key: Some(customer_key.to_owned()),
            partner_key: Some(click.partner_key),
            partnership_key: Some(click.partnership_key),
            xid: Some(click.xid),
            visible_ms,
            ..customer
        });
        1
    }

    pub(super) fn delete_customer(&mut self, key: &str, now_ms: i64) -> Result<Customer, Refusal> {
        let customer = self.customer_mut(key, now_ms)?;
        customer.deleted = true;
        let customer = customer.clone();
        self.customer_places.remove(&customer.key);
        if let Some(customer_key) = &customer.customer_key {
            self.customer_places.remove(customer_key);
        }
        Ok(customer)
    }

    /// The partnership with this partner key, partnership key or e-mail, unless it is archived.
    pub(super) fn partnership(&self, identifier: &str) -> Result<&Partnership, Refusal> {
        let place =
            self.live(|one| [&one.key, &one.partner_key, &one.email].into_iter().any(|name| name == identifier));
        place.and_then(|place| self.partnerships.get(place)).ok_or_else(|| Refusal::not_found("partnership"))
    }

    /// The partnership with this own key, to change it.
    pub(super) fn partnership_mut(&mut self, key: &str) -> Result<&mut Partnership, Refusal> {
        let place = self.live(|one| one.key == key).ok_or_else(|| Refusal::not_found("partnership"))?;
        self.changes.insert((Kind::Partner, place));
        self.partnerships.get_mut(place).ok_or_else(|| Refusal::not_found("partnership"))
    }

    pub(super) fn add_partnership(&mut self, partnership: Partnership) {
        self.changes.insert((Kind::Partner, self.partnerships.len()));
        self.partnerships.push(partnership);
    }

    /// Makes the partner with that key leave, or come back; returns whether there is one.
    pub(super) fn admit(&mut self, partner_key: &str, is_member: bool, now_ms: i64) -> bool {
        let named = self.partnerships.iter_mut().enumerate().filter(|(_, one)| one.partner_key == partner_key);
        let mut is_known = false;
        for (place, partnership) in named {
            (partnership.archived, partnership.updated_ms) = (!is_member, now_ms);
            self.changes.insert((Kind::Partner, place));
            is_known = true;
        }
        is_known
    }

    /// Whether a partner ever had that key, including archived ones: their links still redirect.
    pub(super) fn knew_partner(&self, partner_key: &str) -> bool {
        self.partnerships.iter().any(|one| one.partner_key == partner_key)
    }

    pub(super) fn live_partnerships(&self) -> impl Iterator<Item = &Partnership> {
        self.partnerships.iter().filter(|one| !one.archived)
    }

    pub(super) fn group(&self, key: &str) -> Result<&Group, Refusal> {
        self.groups.iter().find(|group| group.key == key).ok_or_else(|| Refusal::not_found("group"))
    }

    /// The key of the group of a partner who is added without one. The reference marks the address alone as required
    /// (vendors-2.md § 4); that it is the first group is a guess.
    pub(super) fn first_group(&self) -> String {
        self.groups.first().map(|group| group.key.clone()).unwrap_or_default()
    }

    pub(super) fn live_transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions.iter().filter(|one| !one.deleted)
    }

    /// Adds a transaction and the reward of the customer's partner.
    ///
    /// # Errors
    /// The key is taken. The vendor's status for that is not documented; the simulator says 400.
    pub(super) fn add_transaction(&mut self, mut transaction: Transaction) -> Result<(), Refusal> {
        if !self.transaction_keys.insert(transaction.key.clone()) && self.rules.dedupe {
            return Err(Refusal::bad_request("transaction already exists"));
        }
        if transaction.customer.partner_key.is_some() {
            transaction.reward = Some(self.rewards.len());
            let key = self.mint("rwd_");
            self.add_reward(Reward::of_sale(key, &transaction));
        }
        self.changes.insert((Kind::Transaction, self.transactions.len()));
        self.transactions.push(transaction);
        Ok(())
    }

    pub(super) fn add_reward(&mut self, reward: Reward) {
        self.changes.insert((Kind::Reward, self.rewards.len()));
        self.rewards.push(reward);
    }

    /// The reward at a place, to change it; its transaction then counts as changed, too.
    pub(super) fn reward_mut(&mut self, place: usize) -> Option<&mut Reward> {
        let earned_by = self.transactions.iter().position(|one| one.reward == Some(place));
        self.changes.extend(earned_by.map(|place| (Kind::Transaction, place)));
        self.rewards.get_mut(place)
    }

    /// Everything that may have changed since the last call, in the order of webhooks.
    pub(super) fn take_changes(&mut self) -> BTreeSet<(Kind, usize)> {
        std::mem::take(&mut self.changes)
    }

    /// Deletes a transaction and declines its reward; its key is free again.
    pub(super) fn delete_transaction(&mut self, key: &str, now_ms: i64) -> Result<(), Refusal> {
        let mut live = self.transactions.iter_mut().enumerate().filter(|(_, one)| !one.deleted);
        let (place, transaction) =
            live.find(|(_, one)| one.key == key).ok_or_else(|| Refusal::not_found("transaction"))?;
        transaction.deleted = true;
        self.changes.insert((Kind::Transaction, place));
        if let Some(reward) = transaction.reward.and_then(|place| self.rewards.get_mut(place)) {
            reward.decline(now_ms);
        }
        self.transaction_keys.remove(key);
        Ok(())
    }

    /// Records a click on a partner's link; without an `xid` it makes one. The same `xid` again is the same click.
    ///
    /// # Errors
    /// The partner is unknown, or the click belongs to another partner.
    pub(super) fn click(&mut self, xid: Option<String>, partner_key: &str, now_ms: i64) -> Result<String, Refusal> {
        let partnership = self.live_partnerships().find(|one| one.partner_key == partner_key);
        let partnership = partnership.ok_or_else(|| Refusal::bad_request("partner_key names no partner"))?;
        let partnership_key = partnership.key.clone();
        let xid = xid.unwrap_or_else(|| self.mint(""));
        let earlier = self.click_places.get(&xid).and_then(|place| self.clicks.get(*place));
        if let Some(earlier) = earlier {
            let same = earlier.partner_key == partner_key;
            return if same { Ok(xid) } else { Err(Refusal::bad_request("xid belongs to another partner")) };
        }
        self.click_places.insert(xid.clone(), self.clicks.len());
        let partner_key = partner_key.to_owned();
        self.clicks.push(Click { xid: xid.clone(), partner_key, partnership_key, created_ms: now_ms });
        Ok(xid)
    }

    fn insert(&mut self, mut customer: Customer) -> &Customer {
        customer.key = self.mint("cus_");
        let place = self.customers.len();
        self.changes.insert((Kind::Customer, place));
        self.customer_places.insert(customer.key.clone(), place);
        if let Some(customer_key) = &customer.customer_key {
            self.customer_places.entry(customer_key.clone()).or_insert(place);
        }
        self.customers.push_mut(customer)
    }

    fn live(&self, is_it: impl Fn(&Partnership) -> bool) -> Option<usize> {
        self.partnerships.iter().position(|one| !one.archived && is_it(one))
    }
}

impl Customer {
    pub(super) fn visible(&self, now_ms: i64) -> bool {
        !self.deleted && self.visible_ms <= now_ms
    }
}

/// A listed thing has a key and a time of creation.
macro_rules! listed {
    ($($kind:ty),*) => {$(
        impl Listed for $kind {
            fn key(&self) -> &str {
                &self.key
            }

            fn created_ms(&self) -> i64 {
                self.created_ms
            }
        }
    )*};
}

listed!(Customer, Partnership, Group, Transaction, Reward);
