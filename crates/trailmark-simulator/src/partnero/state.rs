//! One affiliate program: its content, and what may happen to it. Times are arguments.
//!
//! Whatever happens to a thing happens here and is told to the webhooks here. Deleted things keep their place, so that places
//! stay valid; they are found by nobody. Names of deleted things stay taken, since no document says that they are free.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hooks::Hook;
use super::read::{Name, Refusal};
use super::seed;
use crate::random::SplitMix;

/// What `POST /control/partnero/settings` changes, for both programs: facts that one good client reports and the vendor's
/// pages do not, and what tests need. `Default` is the vendor as its pages describe it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    /// How long look-ups and lists do not show a new thing. The documents report no such time.
    pub(super) visible_after_ms: i64,
    /// `false` makes every accepted call an effect: taken names and repeated archiving are accepted.
    pub(super) dedupe: bool,
    /// Whether a second transaction with a key is refused. The vendor's own node says that it is not.
    pub(super) unique_transaction_keys: bool,
    /// Whether a sale of an unknown customer is recorded for nobody (the vendor's node), not refused with 404 (its pages).
    pub(super) orphan_sales: bool,
    /// Whether a sale that makes a customer swallows an unknown partner (a shop's report), not refuses it with 400.
    pub(super) orphan_customers: bool,
    /// Whether what only the older pages show is known: amounts as strings, the filters `partner.key` and `customer.key`.
    pub(super) old_forms: bool,
    /// Whether what only the vendor's node sends is known: `gross_amount`, `discount_amount`, `discount_code`, `sort`, the
    /// filters `partner_key` and `partner_email`, and a customer's e-mail address in the place of the key.
    pub(super) node_forms: bool,
    /// Whether filters of lists are accepted and do nothing, as a server does that does not know them.
    pub(super) ignore_filters: bool,
    /// The order of lists without `sort`.
    pub(super) newest_first: bool,
    /// The least and the greatest `limit` of a list. The vendor's node keeps to 10 and 100.
    pub(super) page_limits: (usize, usize),
    pub(super) errors_as: ErrorsAs,
    /// Operations that do not exist: their calls are 404.
    pub(super) missing: Vec<String>,
    pub(super) link: Link,
}

/// The form of `errors` on a 422.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ErrorsAs {
    /// A field's name to its sentences: the form of the vendor's framework.
    Map,
    List,
    Absent,
}

/// How the program's links carry the partner's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(super) enum Link {
    /// A parameter of this name: `?aff=key`.
    Query(String),
    /// A segment after this one: `/aff/key`.
    Path(String),
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            visible_after_ms: 0,
            dedupe: true,
            unique_transaction_keys: false,
            orphan_sales: false,
            orphan_customers: true,
            old_forms: false,
            node_forms: true,
            ignore_filters: false,
            newest_first: true,
            page_limits: (1, 250),
            errors_as: ErrorsAs::Map,
            missing: Vec::new(),
            link: Link::Query("aff".to_owned()),
        }
    }
}

/// What partners, customers and transactions have in common.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) archived: bool,
    pub(super) deleted_ms: Option<i64>,
}

/// A partner.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Partner {
    pub(super) id: String,
    /// The referral key that links carry.
    pub(super) key: String,
    pub(super) email: String,
    pub(super) name: Option<String>,
    pub(super) surname: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) standing: Standing,
    /// Customers that ever came from this partner.
    pub(super) referrals: u64,
    pub(super) referring_partner: Option<String>,
    pub(super) life: Life,
}

/// What the program decided about a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Standing {
    #[default]
    Approved,
    Pending,
    Rejected,
}

/// A customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Customer {
    pub(super) key: String,
    /// The partner's place; `None` belongs to nobody.
    pub(super) partner: Option<usize>,
    pub(super) email: Option<String>,
    pub(super) name: Option<String>,
    pub(super) surname: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) life: Life,
}

/// A sale. Amounts are millionths of the currency's unit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Transaction {
    pub(super) key: String,
    pub(super) action: String,
    pub(super) amount: Option<i64>,
    pub(super) currency: String,
    /// As it was sent; no answer shows it.
    pub(super) product_id: Option<String>,
    /// The same.
    pub(super) product_type: Option<String>,
    /// The customer's place; `None` belongs to nobody.
    pub(super) customer: Option<usize>,
    pub(super) partner: Option<usize>,
    /// What the partner earns; gone while the transaction is archived.
    pub(super) reward: Option<Reward>,
    /// When the sale was made, if the client said so.
    pub(super) sold_ms: Option<i64>,
    pub(super) life: Life,
}

/// A partner's commission.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Reward {
    pub(super) key: String,
    /// Millionths.
    pub(super) amount: i64,
}

/// A visit through a partner's link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Click {
    pub(super) partner_key: String,
    pub(super) created_ms: i64,
}

/// What may happen to a thing that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Archive,
    Restore,
    Delete,
}

/// One thing of a program, by its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Thing {
    Partner(usize),
    Customer(usize),
    Transaction(usize),
}

/// One program. What serde writes of it is what a restart goes on with; rules are the settings' business.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Account {
    #[serde(skip)]
    pub(super) rules: Rules,
    #[serde(skip)]
    pub(super) landing_url: String,
    pub(super) partners: Vec<Partner>,
    pub(super) customers: Vec<Customer>,
    pub(super) transactions: Vec<Transaction>,
    /// Addresses that were invited.
    pub(super) invitations: Vec<String>,
    pub(super) clicks: Vec<Click>,
    pub(super) hooks: Vec<Hook>,
    /// The webhook of the control route.
    #[serde(skip)]
    pub(super) pointed: Option<Hook>,
    customer_places: HashMap<String, usize>,
    /// Events that no webhook told yet.
    #[serde(skip)]
    pub(super) events: Vec<(&'static str, Value, i64)>,
    random: SplitMix,
}

impl Account {
    pub(super) fn new(landing_url: String) -> Self {
        Self {
            rules: Rules::default(),
            landing_url,
            partners: seed::partners(),
            customers: Vec::new(),
            transactions: Vec::new(),
            invitations: Vec::new(),
            clicks: Vec::new(),
            hooks: Vec::new(),
            pointed: None,
            customer_places: HashMap::new(),
            events: Vec::new(),
            random: SplitMix::new(0x70_61_72_74_6e_65_72_6f),
        }
    }

    pub(super) fn mint(&mut self, prefix: &str) -> String {
        self.random.key(prefix)
    }

    /// The place of a partner who is not deleted.
    pub(super) fn partner(&self, name: &Name) -> Option<usize> {
        self.partners.iter().position(|one| one.life.deleted_ms.is_none() && one.is_named(name))
    }

    /// The place of a partner whose customers and sales count: approved, and neither archived nor deleted.
    pub(super) fn working_partner(&self, name: &Name) -> Option<usize> {
        self.partner(name).filter(|place| self.partners.get(*place).is_some_and(Partner::works))
    }

    /// Refuses a name that a partner other than the one at `place` has or had.
    ///
    /// # Errors
    /// 422, in the words of seed 004.
    pub(super) fn check_partner_name(&self, name: &Name, place: Option<usize>) -> Result<(), Refusal> {
        let mut others = self.partners.iter().enumerate().filter(|(other, _)| Some(*other) != place);
        if !self.rules.dedupe || !others.any(|(_, one)| one.is_named(name)) {
            return Ok(());
        }
        Err(match name {
            Name::Email(_) => Refusal::field("email", "Email already exists"),
            Name::Id(_) => Refusal::field("id", "ID already exists"),
            Name::Key(_) => Refusal::field("key", "Key already exists"),
        })
    }

    pub(super) fn add_partner(&mut self, partner: Partner, now_ms: i64) -> usize {
        let place = self.partners.len();
        self.partners.push(partner);
        self.tell("partner.created", Thing::Partner(place), now_ms);
        place
    }

    /// The place of a customer who is not deleted. Affiliate programs show no id for customers, so an id names nobody.
    pub(super) fn customer(&self, name: &Name) -> Option<usize> {
        let place = match name {
            Name::Id(_) => None,
            Name::Key(key) => {
                let place = self.customer_places.get(key).copied();
                place.filter(|place| self.customers.get(*place).is_some_and(|one| one.key == *key))
            }
            Name::Email(email) => {
                let has = |one: &Customer| one.life.deleted_ms.is_none() && one.email.as_ref() == Some(email);
                self.customers.iter().position(has)
            }
        };
        place.filter(|place| self.customers.get(*place).is_some_and(|one| one.life.deleted_ms.is_none()))
    }

    /// Refuses a key that a customer other than the one at `place` has or had.
    ///
    /// # Errors
    /// 422.
    pub(super) fn check_customer_key(&self, key: &str, place: Option<usize>) -> Result<(), Refusal> {
        let taken = self.customer_places.get(key).is_some_and(|other| Some(*other) != place);
        if taken && self.rules.dedupe { Err(Refusal::field("key", "Key already exists")) } else { Ok(()) }
    }

    pub(super) fn add_customer(&mut self, customer: Customer, now_ms: i64) -> usize {
        let place = self.customers.len();
        self.customer_places.insert(customer.key.clone(), place);
        if let Some(partner) = customer.partner.and_then(|place| self.partners.get_mut(place)) {
            partner.referrals += 1;
        }
        self.customers.push(customer);
        self.tell("customer.created", Thing::Customer(place), now_ms);
        place
    }

    /// Gives the customer at a place another key; the first one stays taken.
    pub(super) fn rename_customer(&mut self, place: usize, key: String) {
        self.customer_places.insert(key.clone(), place);
        if let Some(customer) = self.customers.get_mut(place) {
            customer.key = key;
        }
    }

    pub(super) fn add_transaction(&mut self, transaction: Transaction, now_ms: i64) -> usize {
        let place = self.transactions.len();
        self.transactions.push(transaction);
        self.tell("transaction.created", Thing::Transaction(place), now_ms);
        place
    }

    /// The transaction with this key that is not deleted.
    ///
    /// # Errors
    /// 404 without one. 400 with several: keys are not unique, and no document says which one such a call would mean.
    pub(super) fn transaction(&self, key: &str) -> Result<usize, Refusal> {
        let named =
            self.transactions.iter().enumerate().filter(|(_, one)| one.key == key && one.life.deleted_ms.is_none());
        let mut places = named.map(|(place, _)| place);
        match (places.next(), places.next()) {
            (None, _) => Err(Refusal::not_found("transaction")),
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(Refusal::bad_request("key names several transactions")),
        }
    }

    /// # Errors
    /// 400 if the thing is archived already, or is not.
    pub(super) fn befall(&mut self, thing: Thing, fate: Fate, now_ms: i64) -> Result<(), Refusal> {
        let dedupe = self.rules.dedupe;
        let (what, life) = match thing {
            Thing::Partner(place) => ("partner", self.partners.get_mut(place).map(|one| &mut one.life)),
            Thing::Customer(place) => ("customer", self.customers.get_mut(place).map(|one| &mut one.life)),
            Thing::Transaction(place) => ("transaction", self.transactions.get_mut(place).map(|one| &mut one.life)),
        };
        life.ok_or_else(|| Refusal::not_found(what))?.befall(what, fate, dedupe, now_ms)?;
        // The documents have no event for the other cases.
        match (thing, fate) {
            (Thing::Partner(_), Fate::Archive) => self.tell("partner.archived", thing, now_ms),
            (Thing::Partner(_), Fate::Delete) => self.tell("partner.deleted", thing, now_ms),
            (Thing::Customer(_), Fate::Delete) => self.tell("customer.deleted", thing, now_ms),
            (Thing::Transaction(_), Fate::Delete) => self.tell("transaction.deleted", thing, now_ms),
            _ => {}
        }
        Ok(())
    }

    /// Approves or rejects a partner, as a person does in the vendor's dashboard.
    pub(super) fn judge(&mut self, place: usize, standing: Standing, now_ms: i64) {
        let Some(partner) = self.partners.get_mut(place) else { return };
        (partner.standing, partner.life.updated_ms) = (standing, now_ms);
        let event = if standing == Standing::Approved { "partner.approved" } else { "partner.rejected" };
        self.tell(event, Thing::Partner(place), now_ms);
    }

    /// A visit through the link of a partner who works; returns where it leads.
    pub(super) fn click(&mut self, partner_key: &str, now_ms: i64) -> Option<String> {
        let place = self.working_partner(&Name::Key(partner_key.to_owned()))?;
        self.clicks.push(Click { partner_key: partner_key.to_owned(), created_ms: now_ms });
        self.partners.get(place).map(|partner| partner.link(self))
    }

    /// Keeps an event for the webhooks, with the thing as it looks now.
    pub(super) fn tell(&mut self, event: &'static str, thing: Thing, now_ms: i64) {
        if self.hooks.is_empty() && self.pointed.is_none() {
            return;
        }
        let shown = match thing {
            Thing::Partner(place) => self.partners.get(place).map(|one| one.json(self)),
            Thing::Customer(place) => self.customers.get(place).map(|one| one.json(self)),
            Thing::Transaction(place) => self.transactions.get(place).map(|one| one.json(self)),
        };
        self.events.extend(shown.map(|shown| (event, shown, now_ms)));
    }
}

impl Life {
    pub(super) fn begun(now_ms: i64) -> Self {
        Self { created_ms: now_ms, updated_ms: now_ms, ..Self::default() }
    }

    /// Whether look-ups and lists show the thing; calls that change it find it at once.
    pub(super) fn is_seen(&self, rules: &Rules, now_ms: i64) -> bool {
        self.deleted_ms.is_none() && self.created_ms.saturating_add(rules.visible_after_ms) <= now_ms
    }

    fn befall(&mut self, what: &str, fate: Fate, dedupe: bool, now_ms: i64) -> Result<(), Refusal> {
        match fate {
            Fate::Archive if self.archived && dedupe => {
                return Err(Refusal::bad_request(format!("{what} is archived already")));
            }
            Fate::Restore if !self.archived && dedupe => {
                return Err(Refusal::bad_request(format!("{what} is not archived")));
            }
            Fate::Archive => self.archived = true,
            Fate::Restore => self.archived = false,
            Fate::Delete => self.deleted_ms = Some(now_ms),
        }
        self.updated_ms = now_ms;
        Ok(())
    }
}

impl Fate {
    /// The word of a control route.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "archive" => Some(Self::Archive),
            "restore" => Some(Self::Restore),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

impl Partner {
    pub(super) fn is_named(&self, name: &Name) -> bool {
        match name {
            Name::Id(id) => self.id == *id,
            Name::Key(key) => self.key == *key,
            Name::Email(email) => self.email.eq_ignore_ascii_case(email),
        }
    }

    fn works(&self) -> bool {
        self.standing == Standing::Approved && !self.life.archived && self.life.deleted_ms.is_none()
    }
}
