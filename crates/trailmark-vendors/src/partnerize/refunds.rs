//! Refunds: the sale's conversion is changed by `conversions/bulk`. The whole rest of a sale is rejected, which needs no
//! reading first. A part lowers the values of the sale's items, so the report is read first for their ids and values. Both
//! set a state and add nothing, so a repeat is harmless. The vendor answers with a job, which proves nothing yet: the
//! look-up reads the job and then the report.
//!
//! Two partial refunds of one sale must not both start from the same value. So a part is sent only while the report shows
//! exactly what the ledger expects (the sale less its recorded refunds); otherwise another refund is under way, and this one
//! waits. No decimal is forgiven here: a refund may be as small as that.
//! Lines of the refund first lower the items with their SKU, as it was sent; whatever is left lowers the items in their
//! order.
//!
//! Source: vendors-2.md § 1.3.

use std::sync::Arc;

use serde_json::{Map, Number, Value, json};
use trailmark_wire::conversion::Order;
use trailmark_wire::money::{Currency, Money};

use super::answers::{self, said, text, word};
use super::conversion::{self, rejection};
use super::report::{self, Entry, Shown};
use super::{Account, lines};
use crate::exchange::{Answer, Call, Method, Request, Step};
use crate::outcome::{LookUp, Outcome};
use crate::root::encoded;
use crate::task::{EarlierSale, Rejection, Task};

pub(super) const BULK: &str = "POST conversions/bulk";
pub(super) const JOB: &str = "GET /v3/jobs/{id}";

/// The largest `item_value`, in ten-thousandths of the currency's unit: 99999999.9999.
const MOST_TEN_THOUSANDTHS: i128 = 999_999_999_999;

/// What a refund wants, from the ledger alone.
struct Wanted {
    currency: Currency,
    /// What the sale is worth before it, in minor units.
    before: i64,
    /// What the sale is worth after it: 0 or more.
    after: i64,
}

fn wanted(task: &Task) -> Result<Wanted, Rejection> {
    let refund = order(task)?;
    let sale: &EarlierSale = task.sale.as_ref().ok_or_else(|| {
        rejection("the sale of this refund is not in the ledger: change the conversion at Partnerize by hand")
    })?;
    if sale.currency != refund.currency {
        return Err(rejection(
            "`order.currency` differs from the sale's: Partnerize changes a sale in its own currency",
        ));
    }
    let before = sale.amount_minor.saturating_sub(sale.refunded_minor.max(0));
    match before.checked_sub(refund.amount_minor).filter(|after| *after >= 0) {
        Some(after) => Ok(Wanted { currency: sale.currency, before, after }),
        None => Err(rejection("`order.amount_minor` is more than is left of the sale")),
    }
}

fn order(task: &Task) -> Result<&Order, Rejection> {
    task.order.as_ref().ok_or_else(|| rejection("missing `order`: Partnerize needs amount and currency of the refund"))
}

/// The first request of a refund.
///
/// # Errors
/// [`Rejection`] if the ledger does not have the sale, or the refund does not fit it.
pub(super) fn plan(account: &Account, task: &Task) -> Result<Call<Step<Outcome>>, Rejection> {
    let wanted = wanted(task)?;
    let missing = || rejection("missing `refund_of`: Partnerize knows a refund's sale by its key");
    let sought = report::sought(task, None).ok_or_else(missing)?;
    if wanted.after == 0 {
        let what = if sought.id.is_some() { "conversions" } else { "conversion_references" };
        let key = sought.id.unwrap_or(sought.reference);
        return Ok(change(account, task, what, Map::from_iter([(key, rejected("refunded"))])));
    }
    let (owner, asked) = (account.clone(), task.clone());
    let settle = move |answer: &Answer, shown: Shown| match shown {
        Shown::Failed(failure) => Step::Done(answers::of_reading(failure)),
        Shown::Nothing => Step::Done(Outcome::Premature {
            message: said(answer.status, "the vendor's report does not show the sale yet"),
        }),
        Shown::Entry(entry) => match lowered(&entry, &asked, &wanted) {
            Ok(items) => Step::Next(change(&owner, &asked, "conversion_items", items)),
            Err(outcome) => Step::Done(outcome),
        },
    };
    Ok(report::walk(account, task, sought, Arc::new(settle)))
}

/// The value that rejects a conversion, with a reason.
pub(super) fn rejected(reason: &str) -> Value {
    json!({"status": "rejected", "reason": reason})
}

/// The request of `conversions/bulk`: `what` is the kind of its keys.
pub(super) fn bulk(account: &Account, what: &str, changes: Map<String, Value>) -> Request {
    let path = format!("/v3/brand/campaigns/{}/conversions/bulk", encoded(&account.campaign));
    account.send(Method::Post, &path, &json!({ what: changes }), BULK)
}

fn change(account: &Account, task: &Task, what: &str, changes: Map<String, Value>) -> Call<Step<Outcome>> {
    let request = bulk(account, what, changes);
    let (account, task) = (account.clone(), task.clone());
    Call::new(request, move |answer| {
        Step::Done(match answers::content(answer, &account.redaction_of(&task)) {
            Err(failure) => failure,
            Ok(body) => match job(&body) {
                Some(id) => Outcome::Unverified { reference: Some(id) },
                None => answers::unclear(answer, "a job"),
            },
        })
    })
}

/// The id of the job in an answer.
pub(super) fn job(body: &Value) -> Option<String> {
    word(body.get("data")?, "id").filter(|id| conversion::is_id(id))
}

/// The new values of the items of a sale of which a part is given back.
///
/// # Errors
/// What follows instead of a change.
fn lowered(entry: &Entry, task: &Task, wanted: &Wanted) -> Result<Map<String, Value>, Outcome> {
    if entry.is_rejected() {
        return Err(Outcome::Missing { message: "the vendor's conversion of the sale is rejected already".into() });
    }
    let refuse = |what: &str| {
        let message = format!("the vendor's report shows {what}: change the conversion at Partnerize by hand");
        Outcome::Rejected { message }
    };
    if entry.currency() != Some(wanted.currency) {
        return Err(refuse("the sale in another currency"));
    }
    let mut items = entry.standing_items().map_err(refuse)?;
    let shown = items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.value_minor));
    if shown != wanted.before {
        // An earlier send of this refund may have had this effect; the look-up tells it from another refund's.
        if task.may_have_acted && shown == wanted.after {
            return Err(Outcome::Unverified { reference: None });
        }
        return Err(Outcome::Premature {
            message: "the vendor shows another value of the sale than the ledger: another refund of it is under way, \
                      somebody changed it at Partnerize, or its report shows fewer decimals than the currency has"
                .into(),
        });
    }
    let refund = order(task).map_err(|_checked_before| refuse("no refund"))?;
    let lines = refund.items.iter().map(|item| conversion::fitted(&item.sku)).zip(lines::shares(refund));
    let of_lines: i64 = if refund.items.is_empty() { 0 } else { refund.amount_minor };
    let mut left = refund.amount_minor.saturating_sub(of_lines);
    let mut values = Map::new();
    let mut lower = |sku: Option<&str>, amount: i64| {
        let mut amount = amount;
        for item in items.iter_mut().filter(|item| sku.is_none() || item.sku.as_deref() == sku) {
            let part = amount.min(item.value_minor).max(0);
            if part > 0 {
                item.value_minor -= part;
                amount -= part;
                let value = Money { amount_minor: item.value_minor, currency: wanted.currency };
                values.insert(item.id.clone(), json!(value.to_decimal()));
            }
        }
        amount
    };
    for (sku, share) in lines {
        left = left.saturating_add(lower(Some(sku.trim()), share));
    }
    if lower(None, left) > 0 {
        return Err(refuse("less value than the refund"));
    }
    let changes = values.into_iter().map(|(id, value)| Some((id, changed(&value, wanted.currency)?)));
    changes.collect::<Option<_>>().ok_or_else(|| refuse("a value above the 99999999.9999 that its API takes"))
}

/// The change of one item to a decimal value. The API wants a number; as such it has at most twelve digits, and a binary
/// fraction writes those exactly.
fn changed(decimal: &Value, currency: Currency) -> Option<Value> {
    let decimal = decimal.as_str()?;
    let minor = Money::from_decimal(decimal, currency).ok()?.amount_minor;
    let scale = 10_i128.pow(4_u32.saturating_sub(currency.exponent()));
    let fits = i128::from(minor) * scale <= MOST_TEN_THOUSANDTHS;
    let number = decimal.parse().ok().and_then(Number::from_f64).filter(|_| fits)?;
    Some(json!({"item_value": number, "force_commission_recalculation": true}))
}

/// The look-up of a refund: its job if it has one, then the report.
pub(super) fn look_up(account: &Account, task: &Task) -> Option<Call<Step<LookUp>>> {
    wanted(task).ok()?;
    report::sought(task, None)?;
    let Some(job) = task.reference.as_deref().filter(|job| conversion::is_id(job)) else {
        return in_report(account, task);
    };
    let request = account.get(&format!("/v3/jobs/{}", encoded(job)), JOB);
    let (account, task) = (account.clone(), task.clone());
    Some(Call::new(request, move |answer| {
        let status = match answers::content(answer, &account.redaction_of(&task)) {
            // An old job may be gone; the report tells all the same.
            Err(Outcome::Rejected { .. }) => "complete".to_owned(),
            Err(failure) => return Step::Done(answers::not_looked_up(answer, failure)),
            Ok(body) => body.get("data").and_then(|job| text(job, "status")).unwrap_or_default().to_owned(),
        };
        match (status.as_str(), in_report(&account, &task)) {
            ("complete" | "failed", Some(next)) => Step::Next(next),
            ("created" | "active", _) => Step::Done(report::inconclusive(answer, "the vendor's job is under way")),
            _ => Step::Done(report::inconclusive(answer, "no state of the job that the documents name")),
        }
    }))
}

fn in_report(account: &Account, task: &Task) -> Option<Call<Step<LookUp>>> {
    let wanted = wanted(task).ok()?;
    let sought = report::sought(task, None)?;
    let settle = move |answer: &Answer, shown: Shown| {
        Step::Done(match shown {
            Shown::Failed(failure) => answers::not_looked_up(answer, failure),
            Shown::Nothing => report::inconclusive(answer, "the report does not show the sale"),
            Shown::Entry(entry) => changed_as(&entry, &wanted, answer),
        })
    };
    Some(report::walk(account, task, sought, Arc::new(settle)))
}

/// Whether the vendor shows the sale as this refund leaves it.
fn changed_as(entry: &Entry, wanted: &Wanted, answer: &Answer) -> LookUp {
    if entry.is_rejected() {
        return LookUp::Found { reference: None };
    }
    let items = entry.standing_items().ok().filter(|_| entry.currency() == Some(wanted.currency));
    let shown = items.map(|items| items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.value_minor)));
    match (wanted.after, shown) {
        (0, _) if entry.is_untouched() => LookUp::Absent,
        (0, _) => report::inconclusive(answer, "the report shows a part of the sale as rejected, or no status of it"),
        (after, Some(shown)) if shown == after => LookUp::Found { reference: None },
        (_, Some(shown)) if shown == wanted.before => LookUp::Absent,
        _ => {
            report::inconclusive(answer, "the report shows another value of the sale; another refund may be under way")
        }
    }
}
