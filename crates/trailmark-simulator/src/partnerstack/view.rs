//! The content of an account, for a person or a test. Nothing is hidden, neither click ids nor customers that the vendor
//! API does not show yet. No vendor has such a view.

use serde_json::{Value, json};

use super::current::action_json;
use super::state::{Account, Click, Customer, Partnership, Transaction};

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
