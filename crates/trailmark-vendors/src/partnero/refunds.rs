//! Refunds: the vendor documents no change of a transaction and no negative one. All of a sale given back deletes its
//! transaction. A part of it deletes the transaction and creates one under the same key with the amount that is left, in one
//! plan: list, delete, create. Which amount is left follows from the refunds that the ledger has recorded, so every repeat
//! reaches the same end from wherever the first try stopped. Where the vendor recorded the rest of an earlier refund under
//! another key, the transaction is looked for there first.
//!
//! The replacement is read back before it counts: two refunds of one sale at the same time could delete each other's
//! replacement, and only a later look shows that. Once something was deleted, no answer is a refusal, and none says that nothing
//! was processed: a repeat creates a replacement only if an earlier send may have deleted the transaction.
//!
//! Source: vendors-2.md § 3, "Transactions": refund = delete, no partial refund, keys not unique.

use std::sync::Arc;

use serde_json::Value;

use super::answers::{self, text};
use super::customers::is_deleted;
use super::transactions::{Entry, Searched, entry, keys, order, product, read_entered, search, without_data};
use super::{Account, Withheld, amounts, rejection};
use crate::capability::Class;
use crate::exchange::{Answer, Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::segment;
use crate::task::{Note, Rejection, Task};

/// Pages that are read before a replacement; one send makes few requests.
const MOST_PAGES: u32 = 4;

/// What a refund does.
pub(super) enum Refund {
    /// The transaction must be gone.
    Whole(Sold),
    /// The transaction must have the amount that is left.
    Part(Box<Part>),
}

/// The transaction of the sale.
#[derive(Clone)]
pub(super) struct Sold {
    key: String,
    /// The key as a path segment.
    segment: String,
    /// Where else it may be: under the sale's own key, if an earlier refund was told another one.
    other: Option<String>,
}

/// A transaction and its replacement.
#[derive(Clone)]
pub(super) struct Part {
    sold: Sold,
    /// Minor units before this refund.
    before_minor: i64,
    /// The replacement.
    rest: Entry,
}

/// The refund of a task.
pub(super) fn refund(task: &Task, notes: &mut Vec<Note>) -> Result<Refund, Rejection> {
    let refund = order(task)?;
    let sale = task.sale.as_ref().ok_or_else(|| {
        rejection("the refund's sale is not known in this program: Partnero takes back only a transaction that it has")
    })?;
    if sale.currency != refund.currency {
        return Err(rejection("`order.currency` of the refund is not its sale's: Partnero cannot convert it"));
    }
    let key = sale.reference.as_deref().or(task.refund_of.as_ref().map(|key| key.as_str()));
    let key = key.ok_or_else(|| rejection("missing `refund_of`: Partnero finds the transaction by the sale's key"))?;
    let sold = Sold::under(sale.refund_reference.as_deref().unwrap_or(key), key).ok_or_else(|| {
        rejection(
            "the sale's key cannot be part of a URL, so no call can delete its transaction; delete it at Partnero",
        )
    })?;
    without_data(task, "a deletion has no place for it", notes);
    let before_minor = sale.amount_minor.saturating_sub(sale.refunded_minor);
    match before_minor.saturating_sub(refund.amount_minor) {
        ..0 => Err(rejection("`order.amount_minor` is more than earlier refunds have left of the sale")),
        0 => Ok(Refund::Whole(sold)),
        rest => {
            let mut rest = entry(task, key, rest, sale.currency, sale.occurred_at)?;
            // What was left out of them was noted with the sale.
            rest.product = product(&sale.items, &mut Vec::new());
            Ok(Refund::Part(Box::new(Part { sold, before_minor, rest })))
        }
    }
}

impl Refund {
    /// The requests, and what may happen after an unknown outcome. A second deletion finds nothing left to delete.
    /// `may_have_acted`: an earlier send of this refund may have taken effect.
    pub(super) fn call(
        self,
        account: &Account,
        withheld: Withheld,
        may_have_acted: bool,
    ) -> (Call<Step<Outcome>>, Class) {
        match self {
            Self::Whole(sold) => {
                let (request, account) = (sold.deletion(account), account.clone());
                let read = move |answer: &_| Step::Done(sold.read_deleted(answer, &account.redaction(&withheld)));
                (Call::new(request, read), Class::Upsert)
            }
            Self::Part(part) => (part.call(account, withheld, may_have_acted), Class::Searchable),
        }
    }

    /// Looks whether the transaction is as the refund leaves it. `told`: the vendor's own key of the replacement, if it said
    /// one.
    pub(super) fn look_up(self, account: &Account, withheld: Withheld, told: Option<&str>) -> Call<Step<LookUp>> {
        let (sold, before_minor, rest) = match self {
            Self::Whole(sold) => (sold, 0, None),
            Self::Part(part) => (part.sold, part.before_minor, Some(part.rest)),
        };
        let (key, told) = keys(&sold.key, told.filter(|_| rest.is_some()));
        let under = (key.clone(), told.or(sold.other));
        let then = move |answer: &Answer, searched: Searched| {
            let found = match searched {
                Searched::All(found) => found,
                not_all => return Step::Done(not_all.unsettled(answer)),
            };
            let found: Vec<_> = found.iter().filter(|item| !is_deleted(item)).collect();
            let done = |key: &str| LookUp::Found { reference: Some(key.to_owned()) };
            Step::Done(match (&rest, found.as_slice()) {
                (None, []) => done(&key),
                // It is still there, or its replacement is not.
                (None, _) | (Some(_), []) => LookUp::Absent,
                (Some(rest), [item]) if amount(item, rest) == Some(rest.amount_minor) => {
                    done(text(item, "key").unwrap_or(&key))
                }
                (Some(rest), [item]) if amount(item, rest) == Some(before_minor) => LookUp::Absent,
                (Some(_), [_]) => LookUp::Differs {
                    message: "the vendor's transaction has neither the sale's amount nor what the refund leaves".into(),
                },
                (Some(_), several) => LookUp::Differs {
                    message: format!("the vendor has {} transactions under the sale's key", several.len()),
                },
            })
        };
        search(account, withheld, under, u32::MAX, Step::Next, Arc::new(then))
    }
}

fn amount(item: &Value, entry: &Entry) -> Option<i64> {
    item.get("amount").and_then(|amount| amounts::minor(amount, entry.currency))
}

impl Sold {
    /// A transaction under a key, or else under the sale's own; `None` if no URL can name the first.
    fn under(key: &str, own: &str) -> Option<Self> {
        let segment = segment(key)?;
        let (key, other) = keys(key, Some(own));
        Some(Self { key, segment, other })
    }

    fn deletion(&self, account: &Account) -> Request {
        account.request(Method::Delete, &format!("/v1/transactions/{}", self.segment), "DELETE /v1/transactions/{key}")
    }

    /// Only the vendor's own `status: 1` is a confirmation.
    fn read_deleted(&self, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
        if answers::says_no_such_thing(answer) {
            return Outcome::Missing { message: answers::said(answer.status, "the vendor has no such transaction") };
        }
        match answers::failure(answer, redaction) {
            Some(failure) => failure,
            None if answers::is_acknowledged(answer) => Outcome::Recorded { reference: Some(self.key.clone()) },
            None => answers::unproved(answer, "the vendor's confirmation that the transaction is deleted"),
        }
    }
}

impl Part {
    fn call(self, account: &Account, withheld: Withheld, may_have_acted: bool) -> Call<Step<Outcome>> {
        let keys = (self.sold.key.clone(), self.sold.other.clone());
        let (asked, told) = (account.clone(), withheld.clone());
        let then = move |_: &Answer, searched: Searched| match searched {
            Searched::All(found) => self.next(&asked, &told, &found, may_have_acted),
            Searched::Failed(failure) => Step::Done(unasked(failure)),
            Searched::NoList => Step::Done(retry("no list of transactions in the vendor's answer")),
            Searched::TooLong => Step::Done(retry("too many transactions to find the sale's")),
        };
        search(account, withheld, keys, MOST_PAGES, Step::Next, Arc::new(then))
    }

    /// What the transactions under the sale's key lead to.
    fn next(&self, account: &Account, withheld: &Withheld, found: &[Value], may_have_acted: bool) -> Step<Outcome> {
        let found: Vec<_> = found.iter().filter(|item| !is_deleted(item)).collect();
        let item = match found.as_slice() {
            // An earlier try of this refund may have deleted it.
            [] if may_have_acted => return Step::Next(self.creation(account, withheld)),
            [] => {
                return conflict(
                    "the vendor has no transaction under the sale's key: somebody removed it, or this refund did, and what \
                     it left was refused",
                );
            }
            [item] => item,
            _ => return conflict("the vendor has several transactions under the sale's key"),
        };
        match amount(item, &self.rest) {
            Some(shown) if shown == self.before_minor => match self.replacing(item) {
                Some(part) => Step::Next(part.deletion(account, withheld)),
                None => conflict("the key of the vendor's transaction cannot be part of a URL: delete it at Partnero"),
            },
            // An earlier try got there; a first try has met another refund's replacement.
            Some(shown) if shown == self.rest.amount_minor && may_have_acted => {
                Step::Done(Outcome::Unverified { reference: text(item, "key").map(str::to_owned) })
            }
            _ => Step::Done(Outcome::Premature {
                message: "the vendor's transaction has another amount than the ledger expects: another refund of the \
                          sale may be under way, or somebody changed it"
                    .into(),
            }),
        }
    }

    /// Under the key that the vendor shows, and with its action, so that the replacement falls under the same rules. No answer
    /// shows the product; it follows from the sale's lines. `None` if no URL can name the key.
    fn replacing(&self, item: &Value) -> Option<Self> {
        let mut part = self.clone();
        part.sold = Sold::under(text(item, "key")?, &self.rest.key)?;
        let action = item.get("action").filter(|shown| shown.is_string());
        part.rest.product.extend(action.map(|action| ("action".to_owned(), action.clone())));
        Some(part)
    }

    fn deletion(self, account: &Account, withheld: &Withheld) -> Call<Step<Outcome>> {
        let (request, account, withheld) = (self.sold.deletion(account), account.clone(), withheld.clone());
        Call::new(request, move |answer| match self.sold.read_deleted(answer, &account.redaction(&withheld)) {
            Outcome::Recorded { .. } => Step::Next(self.creation(&account, &withheld)),
            Outcome::Missing { .. } => Step::Done(Outcome::Unknown {
                message: answers::said(
                    answer.status,
                    "the list shows the transaction, and its deletion does not find it",
                ),
            }),
            outcome => Step::Done(outcome),
        })
    }

    /// Creates the replacement, after the transaction was deleted.
    fn creation(&self, account: &Account, withheld: &Withheld) -> Call<Step<Outcome>> {
        let rest = self.rest.clone();
        let (request, account, withheld) = (rest.request(account), account.clone(), withheld.clone());
        Call::new(request, move |answer| {
            let outcome = read_entered(&rest, answer, &account.redaction(&withheld));
            Step::Done(after_deletion(outcome, &rest.key))
        })
    }
}

/// The outcome of a replacement: the deletion took effect, so nothing says that the refund had none.
fn after_deletion(outcome: Outcome, key: &str) -> Outcome {
    let half =
        |message: String| format!("the sale's transaction is deleted, and its replacement is missing: {message}");
    let replaced = |message: &str| format!("the sale's transaction was replaced: {message}");
    match outcome {
        Outcome::Recorded { .. } | Outcome::Unverified { .. } => {
            Outcome::Unverified { reference: Some(key.to_owned()) }
        }
        Outcome::Rejected { message } => Outcome::Conflict { message: half(message) },
        Outcome::Ignored { message } | Outcome::Conflict { message } => {
            Outcome::Conflict { message: replaced(&message) }
        }
        Outcome::Rekeyed { message, reference } => Outcome::Rekeyed { message: replaced(&message), reference },
        // Whether or not the replacement was processed, the deletion was.
        Outcome::AuthFailed { message }
        | Outcome::Forbidden { message }
        | Outcome::Missing { message }
        | Outcome::NotNeeded { message }
        | Outcome::Premature { message }
        | Outcome::Retry { message, .. }
        | Outcome::Unknown { message } => Outcome::Unknown { message: half(message) },
        Outcome::Throttled { .. } => {
            Outcome::Unknown { message: half("the vendor takes no more requests for now".into()) }
        }
        Outcome::Duplicate { message } => Outcome::Duplicate { message: half(message) },
    }
}

/// The outcome of a list that could not be read: nothing was processed, whatever the answer.
fn unasked(failure: Outcome) -> Outcome {
    match failure {
        Outcome::AuthFailed { .. } | Outcome::Throttled { .. } | Outcome::Retry { .. } => failure,
        Outcome::Conflict { message }
        | Outcome::Duplicate { message }
        | Outcome::Forbidden { message }
        | Outcome::Ignored { message }
        | Outcome::Missing { message }
        | Outcome::NotNeeded { message }
        | Outcome::Premature { message }
        | Outcome::Rejected { message }
        | Outcome::Rekeyed { message, .. }
        | Outcome::Unknown { message } => Outcome::Retry { message, not_before: None },
        Outcome::Recorded { .. } | Outcome::Unverified { .. } => {
            retry("no list of transactions in the vendor's answer")
        }
    }
}

fn retry(message: &str) -> Outcome {
    Outcome::Retry { message: message.to_owned(), not_before: None }
}

fn conflict(message: &str) -> Step<Outcome> {
    Step::Done(Outcome::Conflict { message: message.to_owned() })
}
