//! Rewards: what a partner earns at PartnerStack. A reward belongs to a customer and, for a sale, to its transaction; it is
//! approved or declined, then paid. Only the list by customer tells of rewards without trust in a webhook. If no reward is
//! shown, the customer is read, and then the partner that it names: a partner who left the programme earns nothing. The
//! customer names the partnership by its own key, which stays when the partner's key changes.
//!
//! Our documents name the list and its filters. The members and the words of `reward_status` are those that a production
//! importer reads, so any other word is `unknown` and is shown to the operator. `payment_status` is a member of the
//! partners' own API; it counts if it is shown. `customer_key` is the vendor's own key, as on a transaction. The guide only
//! names a webhook for rewards: this goes beyond it, but uses the guide's page size. `amount` is in cents, of US dollars if
//! there is no `currency`.
//!
//! Sources: vendors.md § 1.4, 1.6 for the list; its filters from a third party's copy of the API's description;
//! dubinc/dub, `lib/partnerstack/schemas.ts`, for the members; vendors-2.md § 3 for the unit of `amount`.

use serde_json::Value;
use trailmark_wire::conversion::Kind;
use trailmark_wire::money::{Currency, Money};

use super::answers::{self, text};
use super::{customers, lists, transactions};
use crate::Dialect;
use crate::commission::{Commission, Earned, Standing};
use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::encoded;

pub(super) const LABEL: &str = "GET /v2/rewards";

/// How long before its sale the vendor may date a reward: clocks differ.
const EARLIER_MS: i64 = 86_400_000;

/// The thing that a reward must belong to.
enum Owner<'a> {
    /// The customer alone, under one of these keys, without a transaction or an action.
    Customer([Option<&'a str>; 2]),
    /// The transaction under one of these keys.
    Transaction([Option<&'a str>; 2]),
}

/// The list that contains the delivery's reward; `None` if no reward could be recognised as this delivery's.
pub(super) fn path(earned: &Earned, dialect: Dialect) -> Option<String> {
    owner(earned, dialect)?;
    let since = earned.task.occurred_at.0.saturating_sub(EARLIER_MS).max(0);
    let customer = customer(earned, dialect).map(|key| format!("&customer_key={}", encoded(key)));
    let limit = lists::most(dialect);
    Some(format!("/api/v2/rewards?limit={limit}&min_created={since}{}", customer.unwrap_or_default()))
}

/// The key by which the vendor lists a customer's rewards: the vendor's own; in the guide that is ours.
fn customer(earned: &Earned, dialect: Dialect) -> Option<&str> {
    let task = &earned.task;
    match (dialect, task.kind) {
        (Dialect::Guide, _) => task.customer.as_ref().map(|customer| customer.key.as_str()),
        (Dialect::Current, Kind::Signup) => earned.reference.as_deref(),
        (Dialect::Current, _) => task.customer_reference.as_deref(),
    }
}

/// `None` for a lead: an action's reward has no key of ours, so it cannot be told from another action's.
fn owner(earned: &Earned, dialect: Dialect) -> Option<Owner<'_>> {
    match earned.task.kind {
        Kind::Lead => None,
        Kind::Signup => {
            let ours = earned.task.customer.as_ref().map(|customer| customer.key.as_str());
            customer(earned, dialect).map(|key| Owner::Customer([Some(key), ours]))
        }
        Kind::Sale | Kind::Refund => {
            let stated = earned.task.order.as_ref().map(|order| order.key.as_str());
            let stated = stated.filter(|_| dialect == Dialect::Current);
            let keys = [earned.reference.as_deref(), stated];
            keys.iter().any(Option::is_some).then_some(Owner::Transaction(keys))
        }
    }
}

/// What the list says; `None` where it shows no reward of this delivery.
pub(super) fn read(earned: &Earned, dialect: Dialect, answer: &Answer, redaction: &Redaction<'_>) -> Option<Standing> {
    if let Some(failure) = answers::failure(answer, "base_url", redaction) {
        return Some(not_read(answer, failure));
    }
    let data = answers::data(answer);
    let items = data.as_ref().and_then(|data| data.get("items")).and_then(Value::as_array);
    let has_more = data.as_ref().and_then(|data| data.get("has_more")).and_then(Value::as_bool);
    let (Some((items, has_more)), Some(owner)) = (items.zip(has_more), owner(earned, dialect)) else {
        return Some(not_now(answers::said(answer.status, "no list of rewards")));
    };
    let ours: Vec<&Value> = items.iter().filter(|item| owner.has(item)).collect();
    match (together(&ours, redaction), has_more) {
        (Some((commission, reason)), _) => Some(Standing::Is { commission, reason, amount: amount(&ours, redaction) }),
        (None, true) => Some(not_now(answers::said(answer.status, "too many rewards to find this one"))),
        (None, false) => None,
    }
}

impl Owner<'_> {
    fn has(&self, reward: &Value) -> bool {
        let transaction = of(reward, "transaction");
        match self {
            Self::Customer(keys) => {
                let shown = [of(reward, "customer"), customers::our_key_on(reward)];
                let ours = shown == [None, None] || shown.iter().any(|key| key.is_some() && keys.contains(key));
                ours && transaction.is_none() && of(reward, "action").is_none()
            }
            Self::Transaction(keys) => transaction.is_some_and(|key| keys.contains(&Some(key))),
        }
    }
}

/// The key of the thing that a reward belongs to: an object with a key, or the key itself.
fn of<'v>(reward: &'v Value, what: &str) -> Option<&'v str> {
    let inner = reward.get(what);
    inner
        .and_then(|inner| text(inner, "key"))
        .or_else(|| inner?.as_str())
        .or_else(|| text(reward, &format!("{what}_key")))
}

/// The commission of several rewards of one delivery, such as those of partners in two tiers: the least advanced one
/// decides, and a declined one counts only if all are declined.
fn together(rewards: &[&Value], redaction: &Redaction<'_>) -> Option<(Commission, Option<String>)> {
    let standing = |commission| match commission {
        Commission::Unknown => 0,
        Commission::Pending => 1,
        Commission::Approved => 2,
        Commission::Paid => 3,
        Commission::Rejected => 4,
    };
    rewards.iter().map(|reward| one(reward, redaction)).min_by_key(|(commission, _)| standing(*commission))
}

/// The sum of the rewards of one delivery, without declined ones; `None` if one has no amount, or if they are in several
/// currencies.
fn amount(rewards: &[&Value], redaction: &Redaction<'_>) -> Option<Money> {
    let granted = rewards.iter().filter(|reward| one(reward, redaction).0 != Commission::Rejected);
    let mut sum: Option<Money> = None;
    for reward in granted {
        let currency = text(reward, "currency").unwrap_or("USD").to_ascii_uppercase();
        let currency = Currency::new(&currency).ok()?;
        let minor = transactions::minor(reward.get("amount")?.as_i64()?, currency)?;
        let before = sum.map_or(Some(0), |sum| (sum.currency == currency).then_some(sum.amount_minor))?;
        sum = Some(Money { amount_minor: before.checked_add(minor)?, currency });
    }
    sum
}

fn one(reward: &Value, redaction: &Redaction<'_>) -> (Commission, Option<String>) {
    match (text(reward, "reward_status"), text(reward, "payment_status")) {
        (Some("paid"), _) | (Some("approved"), Some("withdrawn" | "paid_externally")) => (Commission::Paid, None),
        (Some("approved"), Some(payment @ ("expired" | "failed"))) => {
            (Commission::Approved, Some(format!("its payment is `{payment}`")))
        }
        (Some("approved"), _) => (Commission::Approved, None),
        (Some("pending" | "hold" | "scheduled"), _) => (Commission::Pending, None),
        (Some("declined" | "rejected"), _) => (Commission::Rejected, None),
        (Some(word), _) => (Commission::Unknown, Some(format!("the vendor calls it `{}`", redaction.apply(word)))),
        (None, _) => (Commission::Unknown, Some("the vendor's reward has no `reward_status`".into())),
    }
}

/// The own key of the partnership that the vendor credits with the customer, from the answer to the question for the
/// customer; otherwise what that answer says. A customer without one, or one that was deleted, is no partner's word.
pub(super) fn read_credited(answer: &Answer, redaction: &Redaction<'_>) -> Result<String, Standing> {
    match answers::failure(answer, "base_url", redaction) {
        Some(_) if answers::says_no_such_thing(answer) => Err(nothing_yet()),
        Some(failure) => Err(not_read(answer, failure)),
        None => match answers::data(answer) {
            Some(data) => text(&data, "partnership_key").map(str::to_owned).ok_or_else(nothing_yet),
            None => Err(not_now(answers::said(answer.status, "no customer in the body"))),
        },
    }
}

/// What the answer to the question for the partner says. No document says whether a partner who left is still shown.
pub(super) fn read_partner(answer: &Answer, redaction: &Redaction<'_>) -> Standing {
    let has_left = || {
        let reason = Some("the partner has left the programme, and no reward is shown".into());
        Standing::Is { commission: Commission::Rejected, reason, amount: None }
    };
    let is_archived =
        |data: &Value| ["archived", "is_archived"].iter().any(|name| data.get(name) == Some(&true.into()));
    match answers::failure(answer, "base_url", redaction) {
        Some(_) if answers::says_no_such_thing(answer) => has_left(),
        Some(failure) => not_read(answer, failure),
        None => match answers::data(answer) {
            Some(data) if is_archived(&data) => has_left(),
            Some(_) => nothing_yet(),
            None => not_now(answers::said(answer.status, "no partner in the body")),
        },
    }
}

pub(super) fn nothing_yet() -> Standing {
    let reason = Some("the vendor shows no reward for it so far".into());
    Standing::Is { commission: Commission::Unknown, reason, amount: None }
}

/// A credential that may not read rewards must not stop deliveries.
fn not_read(answer: &Answer, failure: Outcome) -> Standing {
    if let Outcome::Forbidden { .. } = failure {
        let reason = Some("the credential may not read rewards; allow it at the vendor".into());
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
