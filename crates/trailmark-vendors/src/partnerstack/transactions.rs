//! Transactions: the revenue of a customer. A sale is a transaction with the order's key. A full refund deletes it. A
//! partial refund is a negative transaction with the refund's key, since a transaction cannot be changed. This file builds
//! them in both dialects, reads the answers, and finds a transaction again.
//!
//! The unit is "integer cents". We read that as hundredths of the currency's major unit, whatever its exponent: 12.30 EUR
//! are 1230, 1,230 JPY are 123000, 1.230 KWD are 123, and 1.235 KWD cannot be expressed and is `inexact_amount`. The
//! documents give no example beyond two decimals. Nothing is ever rounded.
//!
//! The vendor documents a list of transactions, but no call for a single one. `current` sends our key and searches the list
//! from the sale's time on, page by page. The guide's transaction has no key of ours, so it cannot be found again.
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

/// The list that is searched.
pub(super) const LIST: &str = "GET /v2/transactions";
/// Characters of `key`.
pub(super) const KEY_CHARS: std::ops::RangeInclusive<usize> = 4..=255;
/// The largest amount in cents, positive or negative.
const MOST_CENTS: i64 = 50_000_000_000;
/// Items per page of a search. A transaction with full `metadata` has about 5 KB, and several times that beyond ASCII: this
/// many stay well within what egress reads of one answer.
const PAGE: u32 = 100;
/// How long before its sale the vendor may date a transaction: clocks differ.
const EARLIER_MS: i64 = 86_400_000;

/// What must be done at the vendor.
pub(super) enum Movement<'a> {
    /// The transaction must exist.
    Enter(Entry<'a>),
    /// The sale's transaction must be gone.
    Delete(Deletion),
}

/// A transaction to delete.
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
    /// The conversion's `data`.
    data: &'a TextMap,
    created_at: i64,
    /// The vendor's key of it, if it said one.
    told: Option<&'a str>,
}

/// The sale as a transaction.
pub(super) fn sale(task: &Task) -> Result<Movement<'_>, Rejection> {
    let order = order(task)?;
    entry(task, order, cents(order.amount_minor, order.currency)?).map(Movement::Enter)
}

/// What a refund does: it deletes if it gives back the whole sale and the vendor's key of the sale is known.
pub(super) fn refund(task: &Task, dialect: Dialect) -> Result<Movement<'_>, Rejection> {
    let refund = order(task)?;
    let is_whole = |sale: &&EarlierSale| (sale.amount_minor, sale.currency) == (refund.amount_minor, refund.currency);
    if let Some((sale, key)) = task.sale.as_ref().filter(is_whole).zip(sale_key(task, dialect)) {
        return Ok(Movement::Delete(Deletion { key, sold_at: sale.occurred_at.0 }));
    }
    // The guide's transaction has no key of ours.
    if dialect == Dialect::Current && task.refund_of.as_ref() == Some(&refund.key) {
        return Err(rejection(
            "`order.key` of a refund must differ from its sale's: PartnerStack keeps both in one list",
        ));
    }
    entry(task, refund, -cents(refund.amount_minor, refund.currency)?).map(Movement::Enter)
}

/// The vendor's key of the sale. In `current` it is the key that we sent.
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
    let told = task.reference.as_deref();
    Ok(Entry { customer, order, cents, data: &task.data, created_at: task.occurred_at.0, told })
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

/// The inverse of [`cents`]: minor units, if the amount is a whole number of them.
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

/// Exactly seed 000: three fields, the currency in lower case, and no field for a key or `data`.
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

/// The outcome that the answer to `POST /transactions` proves. The vendor answers 404 if it does not show the customer,
/// which was confirmed before: a later try succeeds, and nothing was processed.
pub(super) fn read_entered(entry: &Entry<'_>, dialect: Dialect, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if answers::says_no_such_thing(answer) {
        let what = "the vendor does not show the customer; if it stays so, was its data reset?";
        return Outcome::Premature { message: answers::said(answer.status, what) };
    }
    if let Some(failure) = answers::failure(answer, "base_url", redaction) {
        return failure;
    }
    match answers::data(answer) {
        Some(data) => entered(entry, dialect, &data, redaction),
        None if answers::is_acknowledged(answer) => Outcome::Unverified { reference: None },
        None => answers::unproved(answer, "a transaction"),
    }
}

/// If the key is taken, the vendor may answer with the existing transaction, so the answer is compared. A transaction under
/// another key was made: sending it again would make one more.
fn entered(entry: &Entry<'_>, dialect: Dialect, data: &Value, redaction: &Redaction<'_>) -> Outcome {
    match (text(data, "key"), dialect) {
        (Some(key), Dialect::Current) if key != entry.order.key.as_str() => {
            let message = format!("the vendor recorded it under another key, `{}`", redaction.apply(key));
            Outcome::Rekeyed { message, reference: key.to_owned() }
        }
        (Some(key), _) => match compared(entry, data) {
            None => Outcome::Recorded { reference: Some(key.to_owned()) },
            Some(message) => Outcome::Conflict { message },
        },
        (None, _) => Outcome::Unverified { reference: None },
    }
}

/// The path of `DELETE`.
pub(super) fn path(key: &str) -> Option<String> {
    segment(key).map(|key| format!("/api/v2/transactions/{key}"))
}

/// The outcome that the answer to `DELETE` proves. Only the vendor's own confirmation counts: 204, or its envelope.
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
        false => answers::unproved(answer, "the vendor's confirmation that the transaction is deleted"),
    }
}

/// What is searched for in the list of transactions.
pub(super) enum Sought<'a> {
    /// A transaction that we entered.
    Entry(&'a Entry<'a>),
    /// A transaction that we deleted.
    Deleted(&'a Deletion),
}

impl Sought<'_> {
    /// The transaction on a page: of an entry the one under our key, or else under the key that the vendor said.
    fn item<'p>(&self, page: &'p Page) -> Option<&'p Value> {
        match self {
            Self::Entry(entry) => page.item(entry.order.key.as_str()).or_else(|| page.item(entry.told?)),
            Self::Deleted(deletion) => page.item(&deletion.key),
        }
    }

    /// An entry has our time; a deleted transaction may have been dated by either clock.
    fn since(&self) -> i64 {
        match self {
            Self::Entry(entry) => entry.created_at.saturating_sub(1),
            Self::Deleted(deletion) => deletion.sold_at.saturating_sub(EARLIER_MS),
        }
    }

    /// The list from the sale's time on, the newest first, or the page after the transaction with this key. There is no
    /// upper limit: whether the vendor dates by our `created_at` or by its own clock, the transaction is not earlier.
    pub(super) fn path(&self, after: Option<&str>) -> String {
        let after = after.map(|key| format!("&starting_after={}", encoded(key))).unwrap_or_default();
        format!("/api/v2/transactions?limit={PAGE}&min_created={}{after}", self.since().max(0))
    }

    /// The key after which the search continues; `None` if the transaction was found, at the end, and if there is no list.
    pub(super) fn continued(&self, answer: &Answer, redaction: &Redaction<'_>) -> Option<String> {
        if answers::failure(answer, "base_url", redaction).is_some() {
            return None;
        }
        let page = page(answer).filter(|page| page.has_more && self.item(page).is_none())?;
        page.items.last().and_then(|item| text(item, "key")).map(str::to_owned)
    }

    /// What the list's last page says. If there are more pages and the transaction is not on this one, nothing is known.
    pub(super) fn read(&self, answer: &Answer, redaction: &Redaction<'_>) -> LookUp {
        if let Some(failure) = answers::failure(answer, "base_url", redaction) {
            return answers::not_looked_up(answer, failure);
        }
        let Some(page) = page(answer) else { return answers::unclear(answer, "no list of transactions") };
        let found = |key: &str| LookUp::Found { reference: Some(key.to_owned()) };
        match (self, self.item(&page)) {
            (_, None) if page.has_more => {
                answers::unclear(answer, "too many transactions since the sale to find this one")
            }
            (Self::Entry(_), None) => LookUp::Absent,
            (Self::Entry(entry), Some(item)) => match compared(entry, item) {
                None => found(text(item, "key").unwrap_or(entry.order.key.as_str())),
                Some(message) => LookUp::Differs { message },
            },
            (Self::Deleted(_), Some(item)) if item.get("archived") != Some(&Value::Bool(true)) => LookUp::Absent,
            (Self::Deleted(deletion), _) => found(&deletion.key),
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

/// The fields in which a transaction under our key differs from ours; `None` if it is ours.
fn compared(entry: &Entry<'_>, item: &Value) -> Option<String> {
    let same_amount = item.get("amount").and_then(Value::as_i64).is_none_or(|amount| amount == entry.cents);
    let currency = entry.order.currency.as_str();
    let same_currency = text(item, "currency").is_none_or(|shown| shown.eq_ignore_ascii_case(currency));
    let same_customer = customers::our_key_on(item).is_none_or(|shown| shown == entry.customer.key.as_str());
    let fields = [("`amount`", same_amount), ("`currency`", same_currency), ("the customer", same_customer)];
    let differing: Vec<_> = fields.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect();
    (!differing.is_empty())
        .then(|| format!("the vendor's transaction under our key differs in {}", differing.join(", ")))
}

fn rejection(reason: &str) -> Rejection {
    Rejection { reason: reason.to_owned() }
}
