//! Transactions and the commission in them: vendors-2.md § 3.
//!
//! A key is not unique: the same key again is a second sale with a second commission. A refund is a deletion or an archiving.
//! The partner earns thirty percent, shown with all its decimals, or what `reward` says.
//!
//! Chosen where the documents are silent: a call has either `amount` or `reward`; a sale that makes a customer needs a key and
//! a partner in it; a sale of an archived customer is 400; a partner who is not approved, archived or deleted earns nothing and
//! is not named; a key that several transactions have names none of them in a path (400); a batch is all or nothing and is
//! answered with `{"status": 1}`; `credit` and `product_type_data`, whose content no document explains, are null.

use http::StatusCode;
use serde_json::{Value, json};

use super::paging::Paging;
use super::read::{Name, Refusal, TEXT, amount, bare, decimal};
use super::state::{Account, Customer, Fate, Life, Reward, Thing, Transaction};
use super::{Ask, Handled, data, done, stamp};
use crate::call::Body;
use crate::fields::{Fields, Flaw, FlawKind, only};

/// The currency of a transaction that names none.
const PROGRAM_CURRENCY: &str = "USD";
/// A partner's share of an amount, in percent.
const SHARE_PERCENT: i64 = 30;
/// Unix seconds; times in milliseconds are above.
const UNIX_SECONDS: std::ops::RangeInclusive<i64> = 0..=99_999_999_999;

/// Who bought.
enum Buyer {
    Known(usize),
    New(Box<Customer>),
    Nobody,
}

/// What was bought: the fields of a transaction besides its customer.
struct Sale {
    key: Option<String>,
    action: String,
    amount: Option<i64>,
    reward: Option<i64>,
    currency: String,
    product_id: Option<String>,
    product_type: Option<String>,
    is_rewardable: bool,
    sold_ms: Option<i64>,
}

/// `POST /transactions`, for one sale or a batch of one customer's. A customer that a sale makes counts with the sale.
pub(super) fn create(account: &mut Account, ask: &Ask<'_>) -> Handled {
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let customer = fields.object("customer")?.ok_or_else(|| fields.flaw("customer", FlawKind::Missing))?;
    let makes_customer = match fields.object("options")? {
        None => false,
        Some(mut options) => {
            let makes_customer = options.flag("create_customer")?.unwrap_or(false);
            options.finish()?;
            makes_customer
        }
    };
    let batch = fields.objects("transactions")?;
    let is_batch = batch.is_some();
    let sales = match batch {
        Some(sales) => {
            let none = fields.flaw("transactions", FlawKind::Empty);
            fields.finish()?;
            if sales.is_empty() {
                return Err(none.into());
            }
            sales.into_iter().map(|sale| Sale::read(account, sale)).collect::<Result<Vec<_>, _>>()?
        }
        None => vec![Sale::read(account, fields)?],
    };
    if account.rules.unique_transaction_keys && account.rules.dedupe {
        let live: Vec<&Transaction> = account.transactions.iter().filter(|one| one.life.deleted_ms.is_none()).collect();
        if sales.iter().any(|sale| live.iter().any(|one| sale.key.as_ref() == Some(&one.key))) {
            return Err(Refusal::field("key", "Key already exists"));
        }
    }
    let customer = match buyer(account, customer, makes_customer, ask.now_ms)? {
        Buyer::Known(place) => Some(place),
        Buyer::New(customer) => Some(account.add_customer(*customer, ask.now_ms)),
        Buyer::Nobody => None,
    };
    let places: Vec<usize> = sales.into_iter().map(|sale| add(account, sale, customer, ask.now_ms)).collect();
    let effects = u64::try_from(places.len()).unwrap_or_default();
    let shown = places.first().and_then(|place| account.transactions.get(*place)).map(|one| one.json(account));
    match shown.filter(|_| !is_batch) {
        Some(shown) => Ok(data(StatusCode::CREATED, &shown).with_effects(effects)),
        None => Ok(done().with_effects(effects)),
    }
}

/// `GET /transactions`.
pub(super) fn list(account: &mut Account, ask: &Ask<'_>) -> Handled {
    let node: &[&str] = if account.rules.node_forms { &["partner_key", "partner_email"] } else { &[] };
    let old: &[&str] = if account.rules.old_forms { &["partner.key", "customer.key"] } else { &[] };
    let paging = Paging::of(ask.call, &account.rules, &[&["key"], node, old].concat())?;
    let seen = account.transactions.iter().filter(|one| {
        one.life.is_seen(&account.rules, ask.now_ms) && (account.rules.ignore_filters || one.passes(account, ask))
    });
    Ok(paging.answer(ask, seen.collect(), |one: &Transaction| one.json(account)))
}

/// `GET /customers/{key}/transactions`.
pub(super) fn list_of_customer(account: &mut Account, ask: &Ask<'_>) -> Handled {
    let paging = Paging::of(ask.call, &account.rules, &[])?;
    let customer = account.customer(&Name::Key(ask.key.to_owned())).ok_or_else(|| Refusal::not_found("customer"))?;
    let is_theirs = |one: &&Transaction| one.customer == Some(customer);
    let seen = account.transactions.iter().filter(|one| one.life.is_seen(&account.rules, ask.now_ms));
    Ok(paging.answer(ask, seen.filter(is_theirs).collect(), |one: &Transaction| one.json(account)))
}

/// `GET /transactions/{key}`.
pub(super) fn read(account: &mut Account, ask: &Ask<'_>) -> Handled {
    bare(ask.call)?;
    let transaction = account.transactions.get(account.transaction(ask.key)?);
    let transaction = transaction.filter(|one| one.life.is_seen(&account.rules, ask.now_ms));
    Ok(data(StatusCode::OK, &transaction.ok_or_else(|| Refusal::not_found("transaction"))?.json(account)))
}

/// `DELETE /transactions/{key}` or with a body `{key}`, or both.
pub(super) fn delete(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Delete)
}

/// `POST /transactions/{key}/archive`; a body `{key}` may say the same.
pub(super) fn archive(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Archive)
}

/// `POST /transactions/{key}/revoke-archive`; a body `{key}` may say the same.
pub(super) fn restore(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Restore)
}

fn befall(account: &mut Account, ask: &Ask<'_>, fate: Fate) -> Handled {
    only(ask.call, &[])?;
    let mut key = ask.key.to_owned();
    if key.is_empty() || !matches!(ask.call.body, Body::Empty) {
        let mut fields = Fields::of(ask.call)?;
        let stated = fields.required_text("key", TEXT)?;
        if !key.is_empty() && key != stated {
            return Err(fields.flaw("key", FlawKind::Form("the key of the path")).into());
        }
        fields.finish()?;
        key = stated;
    }
    let place = account.transaction(&key)?;
    account.befall(Thing::Transaction(place), fate, ask.now_ms)?;
    Ok(done().with_effects(1))
}

/// The customer of a sale.
///
/// # Errors
/// 404 if nobody has that name and the rules make no orphans; 400 if the customer is archived.
fn buyer(account: &Account, fields: Fields<'_>, makes_customer: bool, now_ms: i64) -> Result<Buyer, Refusal> {
    if makes_customer {
        return made_buyer(account, fields, now_ms);
    }
    match account.customer(&Name::read(fields, "customer")?) {
        Some(place) => known(account, place),
        None if account.rules.orphan_sales => Ok(Buyer::Nobody),
        None => Err(Refusal::not_found("customer")),
    }
}

/// The customer with the key, or a new one.
fn made_buyer(account: &Account, mut fields: Fields<'_>, now_ms: i64) -> Result<Buyer, Refusal> {
    let key = fields.required_text("key", TEXT)?;
    let email = fields.email("email", TEXT)?;
    let (name, surname) = (fields.text("name", TEXT)?, fields.text("surname", TEXT)?);
    let partner = fields.object("partner")?;
    let partner = partner.map(|partner| Name::read(partner, "customer.partner")).transpose()?;
    fields.finish()?;
    if let Some(place) = account.customer(&Name::Key(key.clone())) {
        return known(account, place);
    }
    account.check_customer_key(&key, None)?;
    let partner = partner.ok_or_else(|| Flaw::new("customer.partner", FlawKind::Missing))?;
    let partner = account.working_partner(&partner);
    if partner.is_none() && !account.rules.orphan_customers {
        return Err(Refusal::bad_request("Partner not found"));
    }
    let life = Life::begun(now_ms);
    Ok(Buyer::New(Box::new(Customer { key, partner, email, name, surname, tags: Vec::new(), life })))
}

fn known(account: &Account, place: usize) -> Result<Buyer, Refusal> {
    let is_archived = account.customers.get(place).is_some_and(|customer| customer.life.archived);
    if is_archived { Err(Refusal::bad_request("customer is archived")) } else { Ok(Buyer::Known(place)) }
}

fn add(account: &mut Account, sale: Sale, customer: Option<usize>, now_ms: i64) -> usize {
    let partner = customer.and_then(|place| account.customers.get(place)?.partner);
    let partner = partner.and_then(|place| account.working_partner(&Name::Id(account.partners.get(place)?.id.clone())));
    let earned = sale.reward.or(sale.amount.map(|amount| amount * SHARE_PERCENT / 100));
    let earned = earned.filter(|_| partner.is_some() && sale.is_rewardable);
    let reward = earned.map(|amount| Reward { key: account.mint("reward_"), amount });
    let transaction = Transaction {
        key: sale.key.unwrap_or_else(|| account.mint("transaction_")),
        action: sale.action,
        amount: sale.amount,
        currency: sale.currency,
        product_id: sale.product_id,
        product_type: sale.product_type,
        customer,
        partner,
        reward,
        sold_ms: sale.sold_ms,
        life: Life::begun(now_ms),
    };
    account.add_transaction(transaction, now_ms)
}

impl Sale {
    fn read(account: &Account, mut fields: Fields<'_>) -> Result<Self, Refusal> {
        let rules = &account.rules;
        let key = fields.text("key", TEXT)?;
        let (paid, reward) =
            (amount(&mut fields, "amount", rules.old_forms)?, amount(&mut fields, "reward", rules.old_forms)?);
        if paid.is_some() == reward.is_some() {
            let field = fields.flaw("amount", FlawKind::Missing).field;
            return Err(Refusal::field(&field, "exactly one of amount and reward is required"));
        }
        let currency = fields.text("amount_units", TEXT)?.unwrap_or_else(|| PROGRAM_CURRENCY.to_owned());
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(fields.flaw("amount_units", FlawKind::Form("three letters")).into());
        }
        let action = fields.text("action", TEXT)?.unwrap_or_else(|| "sale".to_owned());
        let is_rewarded = fields.flag("rewarded")?.unwrap_or(false);
        let is_rewardable = fields.flag("rewardable")?.unwrap_or(true) && !is_rewarded;
        let (product_id, product_type) = (fields.text("product_id", TEXT)?, fields.text("product_type", TEXT)?);
        let sold_ms = fields.integer("created_at", UNIX_SECONDS)?.map(|seconds| seconds * 1_000);
        if rules.node_forms {
            amount(&mut fields, "gross_amount", rules.old_forms)?;
            amount(&mut fields, "discount_amount", rules.old_forms)?;
            fields.text("discount_code", TEXT)?;
        }
        fields.finish()?;
        Ok(Self { key, action, amount: paid, reward, currency, product_id, product_type, is_rewardable, sold_ms })
    }
}

impl Transaction {
    fn passes(&self, account: &Account, ask: &Ask<'_>) -> bool {
        let partner = self.partner.and_then(|place| account.partners.get(place));
        let customer = self.customer.and_then(|place| account.customers.get(place));
        ask.call.query.iter().all(|(name, value)| match name.as_str() {
            "key" => self.key == *value,
            "customer.key" => customer.is_some_and(|customer| customer.key == *value),
            "partner.key" | "partner_key" => partner.is_some_and(|partner| partner.key == *value),
            "partner_email" => partner.is_some_and(|partner| partner.email == *value),
            _ => true,
        })
    }

    /// The rewards are gone while the transaction is archived, and after it was deleted.
    pub(super) fn json(&self, account: &Account) -> Value {
        let partner = self.partner.and_then(|place| account.partners.get(place)).map(|partner| &partner.id);
        let customer = self.customer.and_then(|place| account.customers.get(place)).map(|customer| &customer.key);
        let created_at = stamp(self.sold_ms.unwrap_or(self.life.created_ms));
        let is_live = !self.life.archived && self.life.deleted_ms.is_none();
        let rewards = self.reward.iter().filter(|_| is_live).map(|reward| {
            json!({
                "key": reward.key,
                "action": self.action,
                "status": "ok",
                "customer": customer,
                "partner": partner,
                "amount": decimal(reward.amount),
                "amount_units": self.currency,
                "is_currency": true,
                "credit": null,
                "created_at": created_at,
                "deleted_at": null,
                "product_type_data": null,
            })
        });
        json!({
            "key": self.key,
            "action": self.action,
            "amount": self.amount.map(decimal),
            "partner": partner,
            "customer": customer,
            "credit": null,
            "is_currency": true,
            "amount_units": self.currency,
            "created_at": created_at,
            "deleted_at": self.life.deleted_ms.map(stamp),
            "rewards": rewards.collect::<Value>(),
        })
    }
}
