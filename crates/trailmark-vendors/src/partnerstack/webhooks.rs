//! PartnerStack's webhooks: flat JSON with an `event`. Two generations of names are in use, `partnership.updated` and
//! `customer_updated`; the guide's are like the first. Nothing is signed, so an event only says which customer, transaction
//! or partner to ask about.
//!
//! Only the guide names events of rewards and transactions; they are also understood in `current`. A body with its object
//! under `data` beside `event`, as in the vendor's postbacks to partners, is read the same way.
//!
//! Source: <https://docs.partnerstack.com/docs/partnerstack-webhooks>; vendors.md § 1.3; seed 000.

use serde_json::Value;

use super::answers::text;
use crate::webhook::{Meaning, Notice, about, event_name, keys};

/// The subject of an event, by the word before the first `.` or `_` of its name.
#[derive(Clone, Copy)]
enum Family {
    Customer,
    Partner,
    Reward,
    Transaction,
    /// An application or an agreement: says nothing about a commission.
    Other(&'static str),
}

impl Family {
    fn of(event: &str) -> Option<Self> {
        Some(match event.split(['.', '_']).next().unwrap_or_default() {
            "customer" => Self::Customer,
            "partner" | "partnership" => Self::Partner,
            "reward" => Self::Reward,
            "transaction" => Self::Transaction,
            "agreement" => Self::Other("agreement"),
            "application" => Self::Other("application"),
            _ => return None,
        })
    }
}

/// The meaning of a webhook's body.
pub(super) fn read(body: &[u8]) -> Meaning {
    let Ok(whole) = serde_json::from_slice::<Value>(body) else {
        return Meaning::Unreadable { reason: "the body is not JSON" };
    };
    if !whole.is_object() {
        return Meaning::Unreadable { reason: "the body is not a JSON object" };
    }
    let Some(event) = text(&whole, "event") else {
        return Meaning::Unreadable { reason: "`event` is missing or not a text" };
    };
    let Some(family) = Family::of(event) else { return Meaning::UnknownEvent { event: event_name(event) } };
    let object = whole.get("data").filter(|data| data.is_object()).unwrap_or(&whole);
    let notice = notice(event, family, object);
    match family {
        Family::Other(thing) => Meaning::Noted { event: notice.event, about: named(thing, object) },
        _ if notice.names_somebody() => Meaning::Concerns(notice),
        _ => Meaning::Unreadable { reason: "the event names no customer, transaction or partner" },
    }
}

fn notice(event: &str, family: Family, object: &Value) -> Notice {
    let key = text(object, "key");
    let customers = customer(object);
    let transactions = [within(object, "transaction", "key"), text(object, "transaction_key")];
    match family {
        Family::Customer => Notice { customers: keys([key].into_iter().chain(customers)), ..Notice::of(event) },
        Family::Partner => {
            let partners = keys([text(object, "partner_key"), key]);
            Notice { partners, partner_ids: number(object).into_iter().collect(), ..Notice::of(event) }
        }
        Family::Transaction => Notice { transactions: keys([key]), customers: keys(customers), ..Notice::of(event) },
        // A reward without a customer, such as a bonus, belongs to the partner alone.
        Family::Reward => {
            let (customers, transactions) = (keys(customers), keys(transactions));
            let alone = customers.is_empty() && transactions.is_empty();
            let partners = if alone { keys([text(object, "partner_key")]) } else { Vec::new() };
            Notice { customers, transactions, partners, ..Notice::of(event) }
        }
        Family::Other(_) => Notice::of(event),
    }
}

/// Which application or agreement it is. What the person wrote in the form is not read.
fn named(thing: &'static str, object: &Value) -> Option<String> {
    let group = within(object, "group", "key").or_else(|| within(object, "group", "slug"));
    about([
        (thing, text(object, "key")),
        ("partner", text(object, "partner_key")),
        ("partnership", text(object, "partnership_key")),
        ("group", group),
    ])
}

/// The vendor's number of a partnership.
fn number(object: &Value) -> Option<String> {
    object.get("id").and_then(Value::as_u64).map(|id| id.to_string())
}

/// The customer's keys on a thing that belongs to a customer, beside the customer or inside.
fn customer(object: &Value) -> [Option<&str>; 6] {
    [
        text(object, "customer_key"),
        text(object, "customer_external_key"),
        text(object, "external_key"),
        within(object, "customer", "key"),
        within(object, "customer", "customer_key"),
        within(object, "customer", "external_key"),
    ]
}

fn within<'v>(object: &'v Value, member: &str, name: &str) -> Option<&'v str> {
    object.get(member).and_then(|inner| text(inner, name))
}
