//! Transactions: a sale is one under the order's key. The vendor does not keep these keys unique: the same request again
//! makes a second transaction and a second commission. So nothing is sent twice before the list, filtered by the key, was
//! read to its end. A sale that the vendor takes for a customer or partner whom it does not know is recorded for nobody.
//!
//! This file builds a transaction, reads the answer, and finds transactions again; `refunds` takes them away.
//!
//! Source: <https://docs.partnero.com/api-reference/transactions>; vendors-2.md § 3, "Transactions".

use std::sync::Arc;

use serde_json::{Map, Value, json};
use trailmark_wire::conversion::{Item, Order};
use trailmark_wire::ids::PartnerKey;
use trailmark_wire::money::Currency;
use trailmark_wire::time::UnixMillis;

use super::answers::{self, text};
use super::credit::{self, Credit};
use super::customers::is_deleted;
use super::{Account, Withheld, amounts, left_out, rejection, told};
use crate::exchange::{Answer, Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::encoded;
use crate::task::{Note, Rejection, Task};

pub(super) const LIST: &str = "GET /v1/transactions";

/// Items per page: the vendor's page says 250 at most, the vendor's own client 100.
pub(super) const PAGE: u32 = 100;

/// One transaction.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) customer: String,
    pub(super) key: String,
    pub(super) amount_minor: i64,
    pub(super) currency: Currency,
    amount: Value,
    at: UnixMillis,
    /// `action`, `product_id` and `product_type`, on which commission rules may depend.
    pub(super) product: Map<String, Value>,
}

/// The sale of a task.
pub(super) fn sale(task: &Task, notes: &mut Vec<Note>) -> Result<Entry, Rejection> {
    let order = order(task)?;
    let mut entry = entry(task, order.key.as_str(), order.amount_minor, order.currency, task.occurred_at)?;
    without_data(task, "a transaction at Partnero has no place for it", notes);
    entry.product = product(&order.items, notes);
    Ok(entry)
}

/// The members that say what was sold: of the lines only what they agree in, since a transaction has one product.
pub(super) fn product(items: &[Item], notes: &mut Vec<Note>) -> Map<String, Value> {
    let mut product = Map::new();
    product.insert("action".into(), "sale".into());
    let [sku, category]: [fn(&Item) -> Option<&str>; 2] =
        [|item| Some(item.sku.as_str()), |item| item.category.as_deref()];
    for (name, field, of) in
        [("product_id", "order.items.sku", sku), ("product_type", "order.items.category", category)]
    {
        let mut stated = items.iter().map(of);
        let first = stated.next().flatten();
        match (first, stated.all(|other| other == first)) {
            (Some(first), true) => _ = product.insert(name.into(), first.into()),
            (_, true) => {}
            (_, false) => left_out(field, "the lines differ, and a transaction has one product", notes),
        }
    }
    product
}

pub(super) fn order(task: &Task) -> Result<&Order, Rejection> {
    task.order.as_ref().ok_or_else(|| rejection("missing `order`: Partnero needs key, amount and currency"))
}

/// A transaction of the task's customer.
pub(super) fn entry(
    task: &Task,
    key: &str,
    amount_minor: i64,
    currency: Currency,
    at: UnixMillis,
) -> Result<Entry, Rejection> {
    let customer = task.customer.as_ref().ok_or_else(|| {
        rejection("missing `customer.key`: Partnero takes a sale of a customer; send the customer with the sale")
    })?;
    Ok(Entry {
        customer: customer.key.as_str().to_owned(),
        key: key.to_owned(),
        amount_minor,
        currency,
        amount: amounts::decimal(amount_minor, currency, "order.amount_minor")?,
        at,
        product: Map::new(),
    })
}

/// Notes that this call cannot carry `data`.
pub(super) fn without_data(task: &Task, why: &str, notes: &mut Vec<Note>) {
    if task.data.values().any(|value| !value.trim().is_empty()) {
        left_out("data", why, notes);
    }
}

impl Entry {
    /// `POST /v1/transactions`.
    pub(super) fn request(&self, account: &Account) -> Request {
        let mut body = json!({
            "customer": { "key": self.customer },
            "key": self.key,
            "amount": self.amount,
            "amount_units": self.currency.as_str(),
            "created_at": self.at.seconds(),
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.product.clone());
        }
        account.with_body(Method::Post, "/v1/transactions", &body, "POST /v1/transactions")
    }

    /// The fields in which a transaction under our key differs from ours; `None` if it is ours. A customer counts only if
    /// its key is shown: a bare text may be the vendor's own id.
    pub(super) fn compared(&self, item: &Value) -> Option<String> {
        let amount = item.get("amount").and_then(|amount| amounts::minor(amount, self.currency));
        let customer = item.get("customer").and_then(|customer| text(customer, "key"));
        let fields = [
            ("`amount`", amount != Some(self.amount_minor)),
            ("`amount_units`", amounts::currency(item).is_some_and(|shown| shown != self.currency)),
            ("the customer", customer.is_some_and(|shown| shown != self.customer)),
            ("`deleted_at`", is_deleted(item)),
        ];
        let differing: Vec<_> = fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect();
        (!differing.is_empty())
            .then(|| format!("the vendor's transaction under our key differs in {}", differing.join(", ")))
    }
}

/// Whether the vendor recorded the transaction for nobody.
pub(super) fn is_nobodys(item: &Value) -> bool {
    match credit::of(item) {
        Credit::Nobody => true,
        Credit::Unstated => item.get("customer").is_some_and(Value::is_null),
        Credit::Id(_) | Credit::Key(_) => false,
    }
}

/// The outcome that the answer to `POST /v1/transactions` proves. The vendor's documents give 404 for an unknown customer,
/// which was confirmed before: a later try succeeds, and nothing was processed.
pub(super) fn read_entered(entry: &Entry, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if answers::says_no_such_thing(answer) {
        let what = "the vendor does not show the customer; if it stays so, was its data reset?";
        return Outcome::Premature { message: answers::said(answer.status, what) };
    }
    if let Some(failure) = answers::failure(answer, redaction) {
        return failure;
    }
    match answers::data(answer) {
        Some(data) => match (text(&data, "key"), entry.compared(&data)) {
            (None, _) => Outcome::Unverified { reference: None },
            // Sending it again would make one more.
            (Some(key), _) if key != entry.key => Outcome::Rekeyed {
                message: format!("the vendor recorded it under another key, `{}`", redaction.apply(key)),
                reference: key.to_owned(),
            },
            (Some(_), Some(message)) => Outcome::Conflict { message },
            (Some(_), None) if is_nobodys(&data) => {
                Outcome::Ignored { message: answers::said(answer.status, credit::NOBODY) }
            }
            (Some(key), None) => Outcome::Recorded { reference: Some(key.to_owned()) },
        },
        None if answers::is_acknowledged(answer) => Outcome::Unverified { reference: None },
        None => answers::unproved(answer, "a transaction"),
    }
}

/// Our key of a transaction, and the vendor's own, if it said another one.
pub(super) fn keys(ours: &str, told: Option<&str>) -> (String, Option<String>) {
    (ours.to_owned(), told.filter(|told| *told != ours).map(str::to_owned))
}

/// Looks for the sale's transaction. If nothing was sent, it counts as ours only if the vendor credits our partner.
pub(super) fn look_up(account: &Account, entry: Entry, task: &Task) -> Call<Step<LookUp>> {
    let (withheld, partner) = (told(task), task.partner.as_ref().map(PartnerKey::as_str).map(str::to_owned));
    let (keys, is_unsent) = (keys(&entry.key, task.reference.as_deref()), task.is_unsent);
    let (asked, told) = (account.clone(), withheld.clone());
    let then = move |answer: &Answer, searched: Searched| {
        let found = match searched {
            Searched::All(found) => found,
            not_all => return Step::Done(not_all.unsettled(answer)),
        };
        let item = match found.as_slice() {
            [] => return Step::Done(LookUp::Absent),
            [item] => item,
            several => {
                let deleted = several.iter().filter(|item| is_deleted(item)).count();
                let of_them = if deleted > 0 { format!(", {deleted} of them deleted") } else { String::new() };
                let message = format!("the vendor has {} transactions under our key{of_them}", several.len());
                return Step::Done(LookUp::Differs { message });
            }
        };
        if let Some(message) = entry.compared(item) {
            return Step::Done(LookUp::Differs { message });
        }
        if is_nobodys(item) {
            return Step::Done(LookUp::Differs { message: credit::NOBODY.into() });
        }
        let found = LookUp::Found { reference: text(item, "key").map(str::to_owned) };
        match is_unsent {
            true => credit::confirmed(&asked, &told, item, partner.as_deref(), true, found),
            false => Step::Done(found),
        }
    };
    search(account, withheld, keys, u32::MAX, Step::Next, Arc::new(then))
}

/// What a search for the transactions under one key came to.
pub(super) enum Searched {
    /// All of them, deleted ones too if the vendor shows them.
    All(Vec<Value>),
    /// The vendor, or something on the way, did not answer the question.
    Failed(Outcome),
    /// A success without a list.
    NoList,
    /// The list goes on after the last page that may be read.
    TooLong,
}

impl Searched {
    /// A search that settles no look-up.
    pub(super) fn unsettled(self, answer: &Answer) -> LookUp {
        match self {
            Self::Failed(failure) => answers::not_looked_up(answer, failure),
            Self::All(_) | Self::NoList => answers::unclear(answer, "no list of transactions"),
            Self::TooLong => answers::unclear(answer, "too many transactions to find this one"),
        }
    }
}

/// Reads the result of a search.
pub(super) type Then<R> = Arc<dyn Fn(&Answer, Searched) -> R + Send + Sync>;

/// Reads the list under a key, and the one under the other key if the first has nothing that is left, page by page, at most
/// `most` pages of each; `next` makes a further request of it. The filter is documented, but every item is compared, so that
/// the result is right if the vendor ignores the filter.
pub(super) fn search<R: 'static>(
    account: &Account,
    withheld: Withheld,
    (key, other): (String, Option<String>),
    most: u32,
    next: fn(Call<R>) -> R,
    then: Then<R>,
) -> Call<R> {
    Search { account: account.clone(), withheld, key, other, page: 1, most, found: Vec::new(), next, then }.call()
}

struct Search<R> {
    account: Account,
    withheld: Withheld,
    key: String,
    other: Option<String>,
    page: u32,
    most: u32,
    found: Vec<Value>,
    next: fn(Call<R>) -> R,
    then: Then<R>,
}

impl<R: 'static> Search<R> {
    fn call(self) -> Call<R> {
        let path = format!("/v1/transactions?key={}&limit={PAGE}&page={}", encoded(&self.key), self.page);
        Call::new(self.account.get(&path, LIST), move |answer| {
            if let Some(failure) = answers::failure(answer, &self.account.redaction(&self.withheld)) {
                return (self.then)(answer, Searched::Failed(failure));
            }
            let Some(page) = answers::page(answer) else { return (self.then)(answer, Searched::NoList) };
            let ours = page.items.into_iter().filter(|item| text(item, "key") == Some(&self.key));
            let found: Vec<_> = self.found.iter().cloned().chain(ours).collect();
            match (page.has_more, &self.other) {
                (false, Some(other)) if found.iter().all(is_deleted) => {
                    let under_the_other = Self { key: other.clone(), other: None, ..self.at(1, found) };
                    (self.next)(under_the_other.call())
                }
                (false, _) => (self.then)(answer, Searched::All(found)),
                (true, _) if self.page >= self.most => (self.then)(answer, Searched::TooLong),
                (true, _) => (self.next)(self.at(self.page + 1, found).call()),
            }
        })
    }

    /// The search on another page.
    fn at(&self, page: u32, found: Vec<Value>) -> Self {
        Self {
            account: self.account.clone(),
            withheld: self.withheld.clone(),
            key: self.key.clone(),
            other: self.other.clone(),
            page,
            most: self.most,
            found,
            next: self.next,
            then: self.then.clone(),
        }
    }
}
