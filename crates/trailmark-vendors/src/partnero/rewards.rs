//! Rewards: what a partner earns at Partnero. They stand inside the sale's transaction. The list tells whether the vendor
//! still has it, since an empty list proves more than a 404; the single transaction shows its rewards. If it shows none, the
//! partner is read: an archived one earns nothing.
//!
//! The only word that the vendor's documents show as a reward's status is `ok`: granted, and nothing says whether it was
//! paid. Our own words are understood, too; any other is `unknown` and shown to the operator. A reward may be a share with
//! more decimals than its currency has, or points; then the amount is unknown. Nothing tells what a signup or a refund
//! earns: after a part of a sale was given back, the sale's own transaction has the rest, or the one under the key that the
//! vendor told the refund.
//!
//! Source: <https://docs.partnero.com/api-reference/transactions>; vendors-2.md § 3, "Transactions".

use std::sync::Arc;

use serde_json::Value;
use trailmark_wire::conversion::Kind;
use trailmark_wire::money::Money;

use super::answers::{self, text};
use super::credit::{self, Credit};
use super::customers::is_deleted;
use super::transactions::{Searched, is_nobodys, keys, search};
use super::{Account, Withheld, amounts, told};
use crate::commission::{Commission, Earned, Standing};
use crate::exchange::{Answer, Call, Step};
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::segment;

/// Pages that are read under one key.
const MOST_PAGES: u32 = 1;

/// Asks for the rewards of a recorded sale.
pub(super) fn ask(account: &Account, earned: &Earned) -> Option<Call<Step<Standing>>> {
    let order = earned.task.order.as_ref().filter(|_| earned.task.kind == Kind::Sale)?;
    let key = earned.reference.as_deref().unwrap_or(order.key.as_str());
    // The vendor may have recorded the rest under another key.
    let keys = keys(key, earned.refund_reference.as_deref());
    let (asked, withheld) = (account.clone(), told(&earned.task));
    let kept = withheld.clone();
    let then = move |answer: &Answer, searched: Searched| match searched {
        Searched::All(found) => of(&asked, &kept, &found),
        Searched::Failed(failure) => Step::Done(not_read(answer, failure)),
        Searched::NoList => Step::Done(not_now(answers::said(answer.status, "no list of transactions"))),
        Searched::TooLong => Step::Done(not_now("too many transactions to find this one".into())),
    };
    Some(search(account, withheld, keys, MOST_PAGES, Step::Next, Arc::new(then)))
}

/// What the sale's transactions lead to.
fn of(account: &Account, withheld: &Withheld, found: &[Value]) -> Step<Standing> {
    let left: Vec<_> = found.iter().filter(|item| !is_deleted(item)).collect();
    let item = match left.as_slice() {
        [] => return rejected("the vendor no longer has the transaction"),
        [item] => item,
        several => {
            let reason = format!("the vendor has {} transactions under the sale's key", several.len());
            return is(Commission::Unknown, Some(reason));
        }
    };
    if is_nobodys(item) {
        return rejected(credit::NOBODY);
    }
    if let Some(standing) = rewarded(item, &account.redaction(withheld)) {
        return Step::Done(standing);
    }
    let Some(segment) = text(item, "key").and_then(segment) else { return nothing_yet() };
    let request = account.get(&format!("/v1/transactions/{segment}"), "GET /v1/transactions/{key}");
    let (account, withheld) = (account.clone(), withheld.clone());
    Step::Next(Call::new(request, move |answer| {
        if let Some(failure) = answers::failure(answer, &account.redaction(&withheld)) {
            return Step::Done(not_read(answer, failure));
        }
        let Some(data) = answers::data(answer) else {
            return Step::Done(not_now(answers::said(answer.status, "no transaction in the body")));
        };
        match rewarded(&data, &account.redaction(&withheld)) {
            Some(standing) => Step::Done(standing),
            None => membership(&account, &withheld, credit::of(&data)),
        }
    }))
}

/// The state of a transaction's rewards together; `None` if it shows none.
fn rewarded(item: &Value, redaction: &Redaction<'_>) -> Option<Standing> {
    let rewards = item.get("rewards").and_then(Value::as_array)?;
    let standing = |commission: Commission| match commission {
        Commission::Unknown => 0,
        Commission::Pending => 1,
        Commission::Approved => 2,
        Commission::Paid => 3,
        Commission::Rejected => 4,
    };
    // The least advanced reward decides, and a refused one counts only if all are refused.
    let all = rewards.iter().map(|reward| one(reward, redaction));
    let (commission, reason) = all.min_by_key(|(commission, _)| standing(*commission))?;
    Some(Standing::Is { commission, reason, amount: amount(rewards, redaction) })
}

fn one(reward: &Value, redaction: &Redaction<'_>) -> (Commission, Option<String>) {
    match text(reward, "status") {
        _ if is_deleted(reward) => (Commission::Rejected, Some("the vendor took the reward back".into())),
        Some("ok" | "approved") => (Commission::Approved, None),
        Some("pending") => (Commission::Pending, None),
        Some("paid") => (Commission::Paid, None),
        Some("rejected" | "declined") => (Commission::Rejected, None),
        Some(word) => (Commission::Unknown, Some(format!("the vendor calls it `{}`", redaction.apply(word)))),
        None => (Commission::Unknown, Some("the vendor's reward has no `status`".into())),
    }
}

/// The sum of the rewards without refused ones; `None` if one is no exact money, or if they are in several currencies.
fn amount(rewards: &[Value], redaction: &Redaction<'_>) -> Option<Money> {
    let granted = rewards.iter().filter(|reward| one(reward, redaction).0 != Commission::Rejected);
    let mut sum: Option<Money> = None;
    for reward in granted {
        let currency = amounts::currency(reward).filter(|_| reward.get("is_currency") != Some(&Value::Bool(false)))?;
        let minor = amounts::minor(reward.get("amount")?, currency)?;
        let before = sum.map_or(Some(0), |sum| (sum.currency == currency).then_some(sum.amount_minor))?;
        sum = Some(Money { amount_minor: before.checked_add(minor)?, currency });
    }
    sum
}

/// Whether the partner of a transaction without rewards is still in the program.
fn membership(account: &Account, withheld: &Withheld, credit: Credit) -> Step<Standing> {
    let id = match credit {
        Credit::Nobody => return rejected(credit::NOBODY),
        Credit::Id(id) => id,
        Credit::Key(_) | Credit::Unstated => return nothing_yet(),
    };
    let Some(request) = credit::partner(account, &id) else { return nothing_yet() };
    let (account, withheld) = (account.clone(), withheld.clone());
    Step::Next(Call::new(request, move |answer| match answers::failure(answer, &account.redaction(&withheld)) {
        // A gateway's 404 looks alike, so it decides nothing.
        Some(failure) => Step::Done(not_read(answer, failure)),
        None => match answers::data(answer) {
            Some(data) if text(&data, "status") == Some("archived") => {
                rejected("the vendor archived the partner, and shows no reward")
            }
            Some(_) => nothing_yet(),
            None => Step::Done(not_now(answers::said(answer.status, "no partner in the body"))),
        },
    }))
}

/// A credential that may not read rewards must not stop deliveries.
fn not_read(answer: &Answer, failure: Outcome) -> Standing {
    if let Outcome::Forbidden { .. } = failure {
        let reason = Some("the API key may not read transactions; allow it at the vendor".into());
        return Standing::Is { commission: Commission::Unknown, reason, amount: None };
    }
    match answers::not_looked_up(answer, failure) {
        LookUp::AuthFailed => Standing::AuthFailed,
        LookUp::Inconclusive { message, not_before } => Standing::NotNow { message, not_before },
        LookUp::Absent | LookUp::Differs { .. } | LookUp::Found { .. } => not_now("no clear answer".into()),
    }
}

fn not_now(message: String) -> Standing {
    Standing::NotNow { message, not_before: None }
}

fn is(commission: Commission, reason: Option<String>) -> Step<Standing> {
    Step::Done(Standing::Is { commission, reason, amount: None })
}

fn rejected(reason: &str) -> Step<Standing> {
    is(Commission::Rejected, Some(reason.to_owned()))
}

fn nothing_yet() -> Step<Standing> {
    is(Commission::Unknown, Some("the vendor shows no reward for it so far".into()))
}
