//! Transactions: the revenue of a customer. A sale is one, with the order's key; all of a sale given back deletes it; a part
//! given back is a negative one with the refund's key, since a transaction cannot be changed. Here: building them in both
//! dialects, reading the answers, and finding one again.
//!
//! The unit is "integer cents". That is read as hundredths of the currency's major unit, whatever its exponent: 12.30 EUR
//! are 1230, 1,230 JPY are 123000, 1.230 KWD are 123, and 1.235 KWD cannot be said and are `inexact_amount`. The documents
//! give no example beyond two decimals; nothing is ever rounded.
//!
//! The vendor documents a list of transactions and no reading of a single one. `current` states our key and goes through the
//! list from the sale's time on, page after page. The guide's transaction holds no key of ours, so there nothing can be found again.
//!
//! Source: <https://docs.partnerstack.com/reference/post_v2-transactions>; vendors.md § 1.2; seed 000.

use serde_json::{Map, Value};
use trailmark_wire::conversion::{Customer, Order};
use trailmark_wire::money::Currency;
use trailmark_wire::text_map::TextMap;

use super::answers::{self, text};
use super::{customers, fit};
use crate::Dialect;
use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::{encoded, segment};
use crate::task::{EarlierSale, Note, Rejection, Task};

/// The list that is looked through.
pub(super) const LIST: &str = "GET /v2/transactions";
/// Characters of `key`.
pub(super) const KEY_CHARS: std::ops::RangeInclusive<usize> = 4..=255;
/// Cents, either way.
const MOST_CENTS: i64 = 50_000_000_000;
/// Items of a page that is looked through. A transaction with full `metadata` has some 5 KB, and several times that beyond ASCII: so many
/// stay well within what egress reads of one answer.
const PAGE: u32 = 100;
/// How long before its sale a transaction may be dated by the vendor: clocks differ.
const EARLIER_MS: i64 = 86_400_000;

/// What is to be done at the vendor.
pub(super) enum Movement<'a> {
    /// A transaction is to be there.
    Enter(Entry<'a>),
    /// The sale's transaction is to be gone.
    Delete(Deletion),
}

/// A transaction that is to be gone.
pub(super) struct Deletion {
    /// Its key at the vendor.
    pub(super) key: String,
    /// When its sale happened, in milliseconds.
    sold_at: i64,
}

/// One transaction.
pub(super) struct Entry<'a> {
    customer: &'a Customer,
    order: &'a Order,
    cents: i64,
    /// Free text.
    data: &'a TextMap,
    created_at: i64,
}

/// The sale as a transaction.
pub(super) fn sale(task: &Task) -> Result<Movement<'_>, Rejection> {
    let order = order(task)?;
    entry(task, order, cents(order.amount_minor, order.currency)?).map(Movement::Enter)
}

/// What a refund does: delete, when it gives all of its sale back and the vendor's key of it is known.
pub(super) fn refund(task: &Task, dialect: Dialect) -> Result<Movement<'_>, Rejection> {
    let refund = order(task)?;
    let is_whole = |sale: &&EarlierSale| (sale.amount_minor, sale.currency) == (refund.amount_minor, refund.currency);
    if let Some((sale, key)) = task.sale.as_ref().filter(is_whole).zip(sale_key(task, dialect)) {
        return Ok(Movement::Delete(Deletion { key, sold_at: sale.occurred_at.0 }));
    }
    // The guide's transaction holds no key of ours.
    if dialect == Dialect::Current && task.refund_of.as_ref() == Some(&refund.key) {
        return Err(rejection(
            "`order.key` of a refund must differ from its sale's: PartnerStack keeps both in one list",
        ));
    }
    entry(task, refund, -cents(refund.amount_minor, refund.currency)?).map(Movement::Enter)
}

/// The vendor's key of the sale. In `current` it is the one that we stated.
fn sale_key(task: &Task, dialect: Dialect) -> Option<String> {
    let told = task.sale.as_ref().and_then(|sale| sale.reference.clone());
    match dialect {
        Dialect::Current => told.or_else(|| Some(task.refund_of.as_ref()?.as_str().to_owned())),
        Dialect::Guide => told,
    }
    .filter(|key| segment(key).is_some())
}

fn order(task: &Task) -> Result<&Order, Rejection> {
    task.order.as_ref().ok_or_else(|| rejection("missing `order`: PartnerStack needs key, amount and currency"))
}

fn entry<'a>(task: &'a Task, order: &'a Order, cents: i64) -> Result<Entry<'a>, Rejection> {
    let customer = customers::named(task)?;
    Ok(Entry { customer, order, cents, data: &task.data, created_at: task.occurred_at.0 })
}

/// An amount in hundredths of the major unit, exactly.
pub(super) fn cents(amount_minor: i64, currency: Currency) -> Result<i64, Rejection> {
    let cents = match currency.exponent() {
        0 => amount_minor.checked_mul(100),
        1 => amount_minor.checked_mul(10),
        2 => Some(amount_minor),
        exponent => {
            let unit = 10_i64.pow(exponent - 2);
            (amount_minor % unit == 0).then_some(amount_minor / unit)
        }
    };
    let inexact = || {
        rejection(&format!(
            "inexact_amount: PartnerStack counts in cents, and `order.amount_minor` in {currency} is finer"
        ))
    };
    let cents = cents.ok_or_else(inexact)?;
    match cents.unsigned_abs() <= MOST_CENTS.unsigned_abs() {
        true => Ok(cents),
        false => Err(rejection("`order.amount_minor` is above the 500 million that PartnerStack takes at once")),
    }
}

/// Hundredths of the major unit in minor units, where they are a whole number of those: the other way of [`cents`].
pub(super) fn minor(cents: i64, currency: Currency) -> Option<i64> {
    match currency.exponent() {
        0 => (cents % 100 == 0).then_some(cents / 100),
        1 => (cents % 10 == 0).then_some(cents / 10),
        2 => Some(cents),
        exponent => cents.checked_mul(10_i64.pow(exponent - 2)),
    }
}

/// The body of `POST /transactions`.
pub(super) fn body(entry: &Entry<'_>, dialect: Dialect, notes: &mut Vec<Note>) -> Result<Value, Rejection> {
    match dialect {
        Dialect::Current => current(entry, notes),
        Dialect::Guide => Ok(guide(entry, notes)),
    }
}

fn current(entry: &Entry<'_>, notes: &mut Vec<Note>) -> Result<Value, Rejection> {
    let key = entry.order.key.as_str();
    if !KEY_CHARS.contains(&key.chars().count()) {
        return Err(rejection("`order.key` must have 4 to 255 characters at PartnerStack"));
    }
    let mut body = Map::new();
    body.insert("customer_external_key".into(), entry.customer.key.as_str().into());
    body.insert("key".into(), key.into());
    body.insert("amount".into(), entry.cents.into());
    body.insert("currency".into(), entry.order.currency.as_str().into());
    body.insert("created_at".into(), entry.created_at.into());
    if let Some(category) = fit::category(entry.order, notes) {
        body.insert("category_key".into(), category.into());
    }
    let metadata = fit::metadata(entry.data, notes);
    if !metadata.is_empty() {
        body.insert("metadata".into(), Value::Object(metadata));
    }
    Ok(Value::Object(body))
}

/// Seed 000 to the letter: three fields, the currency in lower case, and no place for a key or free text.
fn guide(entry: &Entry<'_>, notes: &mut Vec<Note>) -> Value {
    fit::without_data(entry.data, "the guide's transaction has no place for it", notes);
    if entry.order.items.iter().any(|item| item.category.is_some()) {
        fit::left_out("order.items.category", "the guide's transaction has no place for it", notes);
    }
    let mut body = Map::new();
    body.insert("customer_key".into(), entry.customer.key.as_str().into());
    body.insert("amount".into(), entry.cents.into());
    body.insert("currency".into(), entry.order.currency.as_str().to_ascii_lowercase().into());
    Value::Object(body)
}

/// What the answer to `POST /transactions` came to. The vendor answers 404 where it does not see the customer, who was
/// confirmed before: a matter of time, and nothing was processed.
pub(super) fn read_entered(entry: &Entry<'_>, dialect: Dialect, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if answers::says_no_such_thing(answer) {
        let message = answers::said(answer.status, "the vendor does not show the customer");
        return Outcome::Premature { message };
    }
    if let Some(failure) = answers::failure(answer, "base_url", redaction) {
        return failure;
    }
    match answers::data(answer) {
        Some(data) => entered(entry, dialect, &data),
        None if answers::is_acknowledged(answer) => Outcome::Unverified,
        None => answers::unproved(answer, "a transaction"),
    }
}

/// A vendor that answers a key which it has with what stands under it, has something else.
fn entered(entry: &Entry<'_>, dialect: Dialect, data: &Value) -> Outcome {
    match (text(data, "key"), dialect) {
        (Some(key), Dialect::Current) if key != entry.order.key.as_str() => Outcome::Unverified,
        (Some(key), _) => match compared(entry, data) {
            None => Outcome::Recorded { reference: Some(key.to_owned()) },
            Some(message) => Outcome::Conflict { message },
        },
        (None, _) => Outcome::Unverified,
    }
}

/// The path of `DELETE`.
pub(super) fn path(key: &str) -> Option<String> {
    segment(key).map(|key| format!("/api/v2/transactions/{key}"))
}

/// What the answer to `DELETE` came to. Deleted is only what the vendor says that it deleted: 204, or its envelope.
pub(super) fn read_deleted(key: &str, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if answers::says_no_such_thing(answer) {
        return Outcome::Missing { message: answers::said(answer.status, "the vendor has no such transaction") };
    }
    if let Some(failure) = answers::failure(answer, "base_url", redaction) {
        return failure;
    }
    let names_another = answers::data(answer).is_some_and(|data| text(&data, "key").is_some_and(|shown| shown != key));
    match answers::is_acknowledged(answer) && !names_another {
        true => Outcome::Recorded { reference: Some(key.to_owned()) },
        false if names_another => {
            Outcome::Unknown { message: answers::said(answer.status, "the vendor names another transaction") }
        }
        false => answers::unproved(answer, "the vendor's word that the transaction is deleted"),
    }
}

/// What is looked for in the list of transactions.
pub(super) enum Sought<'a> {
    /// What we entered.
    Entry(&'a Entry<'a>),
    /// What we deleted.
    Deleted(&'a Deletion),
}

impl Sought<'_> {
    fn key(&self) -> &str {
        match self {
            Self::Entry(entry) => entry.order.key.as_str(),
            Self::Deleted(deletion) => &deletion.key,
        }
    }

    /// An entry states its time; of a deletion nobody knows which clock dated the transaction.
    fn since(&self) -> i64 {
        match self {
            Self::Entry(entry) => entry.created_at.saturating_sub(1),
            Self::Deleted(deletion) => deletion.sold_at.saturating_sub(EARLIER_MS),
        }
    }

    /// The list from the sale's time on, the newest first, or the page after the transaction of this key. No end: whether the
    /// vendor counts from our `created_at` or from its own, the transaction is not before it.
    pub(super) fn path(&self, after: Option<&str>) -> String {
        let after = after.map(|key| format!("&starting_after={}", encoded(key))).unwrap_or_default();
        format!("/api/v2/transactions?limit={PAGE}&min_created={}{after}", self.since().max(0))
    }

    /// The key after which the list goes on that did not show it so far; `None` at its end, and where no list is to be read.
    pub(super) fn continued(&self, answer: &Answer, redaction: &Redaction<'_>) -> Option<String> {
        if answers::failure(answer, "base_url", redaction).is_some() {
            return None;
        }
        let page = page(answer).filter(|page| page.has_more && page.item(self.key()).is_none())?;
        page.items.last().and_then(|item| text(item, "key")).map(str::to_owned)
    }

    /// What the list's last page says. Where it has more and this is not on it, nothing is known.
    pub(super) fn read(&self, answer: &Answer, redaction: &Redaction<'_>) -> LookUp {
        if let Some(failure) = answers::failure(answer, "base_url", redaction) {
            return answers::not_looked_up(answer, failure);
        }
        let Some(page) = page(answer) else { return answers::unclear(answer, "no list of transactions") };
        let found = || LookUp::Found { reference: Some(self.key().to_owned()) };
        match (self, page.item(self.key())) {
            (_, None) if page.has_more => {
                answers::unclear(answer, "too many transactions since the sale to find this one")
            }
            (Self::Entry(_), None) => LookUp::Absent,
            (Self::Entry(entry), Some(item)) => match compared(entry, item) {
                None => found(),
                Some(message) => LookUp::Differs { message },
            },
            (Self::Deleted(_), Some(item)) if item.get("archived") != Some(&Value::Bool(true)) => LookUp::Absent,
            (Self::Deleted(_), _) => found(),
        }
    }
}

/// A page of the list.
struct Page {
    items: Vec<Value>,
    has_more: bool,
}

fn page(answer: &Answer) -> Option<Page> {
    let data = answers::data(answer)?;
    let items = data.get("items")?.as_array()?.clone();
    Some(Page { items, has_more: data.get("has_more")?.as_bool()? })
}

impl Page {
    fn item(&self, key: &str) -> Option<&Value> {
        self.items.iter().find(|item| text(item, "key") == Some(key))
    }
}

/// In what a transaction under our key differs from ours; `None` when it is ours.
fn compared(entry: &Entry<'_>, item: &Value) -> Option<String> {
    let same_amount = item.get("amount").and_then(Value::as_i64).is_none_or(|amount| amount == entry.cents);
    let currency = entry.order.currency.as_str();
    let same_currency = text(item, "currency").is_none_or(|shown| shown.eq_ignore_ascii_case(currency));
    let same_customer = customers::our_key_on(item).is_none_or(|shown| shown == entry.customer.key.as_str());
    let fields = [("`amount`", same_amount), ("`currency`", same_currency), ("the customer", same_customer)];
    let differing: Vec<_> = fields.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect();
    (!differing.is_empty()).then(|| format!("another transaction stands under our key: {}", differing.join(", ")))
}

fn rejection(reason: &str) -> Rejection {
    Rejection { reason: reason.to_owned() }
}
