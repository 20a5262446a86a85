//! The content of an account, for a person or a test. Nothing is hidden, neither click ids nor customers that the vendor
//! API does not show yet. No vendor has such a view.

use serde_json::{Value, json};

use super::current::action_json;
use super::state::{Account, Click, Customer, Partnership, Transaction};
use crate::double::{Listing, Row, money};

/// Times are simulated milliseconds.
pub(super) fn account(account: &Account, now_ms: i64) -> Value {
    let customers: Vec<Value> = account.customers.iter().map(|one| customer(one, now_ms)).collect();
    json!({
        "now_ms": now_ms,
        "customers": customers,
        "partners": account.partnerships.iter().map(partner).collect::<Vec<_>>(),
        "transactions": account.transactions.iter().map(transaction).collect::<Vec<_>>(),
        "actions": account.actions.iter().map(action_json).collect::<Vec<_>>(),
        "clicks": account.clicks.iter().map(click).collect::<Vec<_>>(),
        "rewards": account.rewards.iter().map(|one| one.json(account)).collect::<Vec<_>>(),
    })
}

/// Customers, transactions and rewards, the newest first.
pub(super) fn listings(account: &Account, now_ms: i64) -> Vec<Listing> {
    let customer = |one: &Customer| Row {
        key: one.customer_key.as_ref().unwrap_or(&one.key).clone(),
        partner: one.partner_key.clone(),
        state: match (one.deleted, one.visible(now_ms)) {
            (true, _) => Some("deleted".to_owned()),
            (false, false) => Some("not visible yet".to_owned()),
            (false, true) => None,
        },
        ..Row::default()
    };
    let transaction = |one: &Transaction| Row {
        key: one.key.clone(),
        of: one.customer.customer_key.clone(),
        partner: one.customer.partner_key.clone(),
        money: Some(money(one.amount, 2, &one.currency)),
        state: one.deleted.then(|| "deleted".to_owned()),
    };
    vec![
        Listing { title: "Customers", rows: account.customers.iter().rev().map(customer).collect() },
        Listing { title: "Transactions", rows: account.transactions.iter().rev().map(transaction).collect() },
        Listing { title: "Rewards", rows: account.rewards.iter().rev().map(|one| one.row(account)).collect() },
    ]
}

fn customer(customer: &Customer, now_ms: i64) -> Value {
    json!({
        "key": customer.key,
        "customer_key": customer.customer_key,
        "email": customer.email,
        "name": customer.name,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "status": customer.status,
        "external_key": customer.external_key,
        "group_key": customer.group_key,
        "provider_key": customer.provider_key,
        "member_key": customer.member_key,
        "partner_key": customer.partner_key,
        "partnership_key": customer.partnership_key,
        "xid": customer.xid,
        "mdata": customer.data,
        "test": customer.test,
        "created_at": customer.created_ms,
        "updated_at": customer.updated_ms,
        "visible_at": customer.visible_ms,
        "visible": customer.visible(now_ms),
        "deleted": customer.deleted,
    })
}

fn partner(partnership: &Partnership) -> Value {
    json!({
        "key": partnership.key,
        "partner_key": partnership.partner_key,
        "email": partnership.email,
        "first_name": partnership.first_name,
        "last_name": partnership.last_name,
        "group_key": partnership.group_key,
        "claimed": partnership.claimed,
        "archived": partnership.archived,
        "created_at": partnership.created_ms,
    })
}

fn transaction(transaction: &Transaction) -> Value {
    json!({
        "key": transaction.key,
        "customer_key": transaction.customer.customer_key,
        "partner_key": transaction.customer.partner_key,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "created_at": transaction.created_ms,
        "deleted": transaction.deleted,
    })
}

fn click(click: &Click) -> Value {
    json!({
        "xid": click.xid,
        "partner_key": click.partner_key,
        "partnership_key": click.partnership_key,
        "created_at": click.created_ms,
    })
}
