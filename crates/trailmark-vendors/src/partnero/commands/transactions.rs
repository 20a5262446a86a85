//! Commands on transactions. The vendor takes a key that it has a second time and pays twice, so `add` and `batch` read the
//! list for each key first, and create nothing if one is there. Whether a batch is all or nothing is not documented, and
//! its answer is not shown: look before you send it again.
//!
//! Source: <https://docs.partnero.com/api-reference/transactions>; vendors-2.md § 3, "Transactions".

use std::sync::Arc;

use serde_json::{Map, Value, json};
use trailmark_wire::money::Currency;

use super::super::transactions::{Searched, search};
use super::super::{Account, Withheld, amounts, answers, rejection};
use super::{acknowledged, archived, ask, filtered, named, pages, shown, shown_at, texts, thing, withheld};
use crate::command::{Ask, Record, Refusal, Reply, Values};
use crate::exchange::{Answer, Method};
use crate::outcome::Outcome;
use crate::root::segment;

const CREATE: &str = "POST /v1/transactions";

/// Pages that are read to find a key.
const MOST_PAGES: u32 = 100;

pub(super) fn list(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let filters = [("key", "key"), ("partner", "partner_key"), ("partner_email", "partner_email"), ("sort", "sort")];
    let (path, label) = match values.text("customer") {
        None => (filtered("/v1/transactions", values, &filters), "GET /v1/transactions"),
        Some(_) if filters.iter().any(|(flag, _)| values.has(flag)) => {
            return Err(
                rejection("`customer` goes with no other filter: the vendor has a list of its own for it").into()
            );
        }
        Some(customer) => {
            let key = segment(customer).ok_or_else(|| rejection("`customer` cannot be part of a URL"))?;
            (format!("/v1/customers/{key}/transactions"), "GET /v1/customers/{key}/transactions")
        }
    };
    Ok(pages(account, withheld(values), &path, label, shown::transaction, values.first_page()))
}

pub(super) fn get(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    Ok(shown_at(account, values, &path(values)?, "GET /v1/transactions/{key}", shown::transaction))
}

pub(super) fn add(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    named(values)?;
    let currency = currency(values)?;
    let (name, field) = match (values.number("amount_minor"), values.number("reward_minor")) {
        (Some(_), None) => ("amount", "amount_minor"),
        (None, Some(_)) => ("reward", "reward_minor"),
        _ => return Err(rejection("give one of `amount_minor` and `reward_minor`").into()),
    };
    let minor = values.number(field).unwrap_or_default();
    let mut body = Map::new();
    body.insert("customer".into(), customer(values));
    body.insert("key".into(), values.key.as_str().into());
    body.insert(name.into(), amounts::decimal(minor, currency, field)?);
    body.insert("amount_units".into(), currency.as_str().into());
    body.insert("action".into(), values.text("action").unwrap_or("sale").into());
    texts(&mut body, values, &["product_id", "product_type"]);
    body.extend(values.has("rewarded").then(|| ("rewarded".to_owned(), true.into())));
    body.extend(values.has("no_reward").then(|| ("rewardable".to_owned(), false.into())));
    body.extend(values.time("created_at").map(|at| ("created_at".to_owned(), at.seconds().into())));
    let (kept, body) = (withheld(values), Value::Object(body));
    let create = move |account: &Account| {
        let request = account.with_body(Method::Post, "/v1/transactions", &body, CREATE);
        ask(account, kept.clone(), request, |answer| thing(answer, shown::transaction))
    };
    Ok(unless_there(account, withheld(values), vec![values.key.clone()], Arc::new(create)))
}

pub(super) fn batch(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let currency = currency(values)?;
    let mut transactions = Vec::new();
    let pairs = values.pairs("transaction").filter(|pairs| !pairs.is_empty());
    let pairs = pairs.ok_or_else(|| rejection("give at least one `transaction` as KEY=AMOUNT"))?;
    for (key, minor) in pairs.iter() {
        let minor = minor.trim().parse().map_err(|_not_whole| {
            rejection("`transaction` is KEY=AMOUNT, and the amount is a whole number of minor units")
        })?;
        let amount = amounts::decimal(minor, currency, "transaction")?;
        transactions.push(json!({
            "key": key, "amount": amount, "amount_units": currency.as_str(), "action": "sale",
        }));
    }
    let keys: Vec<_> = pairs.names().map(str::to_owned).collect();
    let done = Record::default().with("keys", Value::from(keys.clone()));
    let (kept, body) = (withheld(values), json!({ "customer": customer(values), "transactions": transactions }));
    let create = move |account: &Account| {
        let request = account.with_body(Method::Post, "/v1/transactions", &body, CREATE);
        acknowledged(account, kept.clone(), request, done.clone())
    };
    Ok(unless_there(account, withheld(values), keys, Arc::new(create)))
}

pub(super) fn archive(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let place = (path(values)?, "POST /v1/transactions/{key}/archive");
    Ok(archived(account, withheld(values), (&place.0, place.1), "key", &values.key, true))
}

pub(super) fn restore(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let place = (path(values)?, "POST /v1/transactions/{key}/revoke-archive");
    Ok(archived(account, withheld(values), (&place.0, place.1), "key", &values.key, false))
}

pub(super) fn remove(account: &Account, values: &Values) -> Result<Ask<Reply>, Refusal> {
    let request = account.request(Method::Delete, &path(values)?, "DELETE /v1/transactions/{key}");
    Ok(acknowledged(account, withheld(values), request, Record::removed(&values.key)))
}

fn path(values: &Values) -> Result<String, Refusal> {
    named(values).map(|key| format!("/v1/transactions/{key}"))
}

fn customer(values: &Values) -> Value {
    let by = values.text("customer_by").unwrap_or("key");
    Value::Object([(by.to_owned(), values.text("customer").unwrap_or_default().into())].into_iter().collect())
}

fn currency(values: &Values) -> Result<Currency, Refusal> {
    let code = values.text("currency").unwrap_or_default();
    Currency::new(code).map_err(|error| rejection(&format!("`currency` is {error}")).into())
}

type Create = Arc<dyn Fn(&Account) -> Ask<Reply> + Send + Sync>;

/// Creates something if the vendor has no transaction under any of these keys.
fn unless_there(account: &Account, withheld: Withheld, mut keys: Vec<String>, create: Create) -> Ask<Reply> {
    let Some(key) = keys.pop() else { return create(account) };
    let (asked, kept) = (account.clone(), withheld.clone());
    let next = |call: Ask<Reply>| Ok(Reply::Next(call));
    let then = move |answer: &Answer, searched: Searched| match searched {
        Searched::All(found) if found.is_empty() => {
            Ok(Reply::Next(unless_there(&asked, kept.clone(), keys.clone(), create.clone())))
        }
        Searched::All(_) => Err(Outcome::Conflict {
            message: "the vendor has a transaction under this key, and would count it twice; nothing was created"
                .into(),
        }),
        Searched::Failed(failure) => Err(failure),
        Searched::NoList => Err(answers::unproved(answer, "a list of transactions")),
        Searched::TooLong => Err(Outcome::Retry {
            message: "the vendor has too many transactions to find the key; nothing was created".into(),
            not_before: None,
        }),
    };
    search(account, withheld, (key, None), MOST_PAGES, next, Arc::new(then))
}
