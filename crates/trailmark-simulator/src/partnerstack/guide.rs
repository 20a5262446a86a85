//! Dialect `guide`: exactly seed 000, whatever the real vendor does (vendors.md § 1.6 lists the differences).
//!
//! Answers have only `data`; times are Unix seconds; lists continue by `ending_cursor`. Calls on which the seed is silent
//! work as in `current`, on this dialect's own account: reading and deleting a customer, single partnerships, the lists of
//! groups, transactions and rewards, deleting transactions, actions; but no page has more than the seed's hundred items.
//! Calls that the seed replaces do not exist (`PATCH` of a customer), and there is no conversion/xid, since the seed has no
//! bearer token. Webhooks are registered in the dashboard alone.
//!
//! Decided here, where the seed is silent: a customer's `group_key` must name a group; a second customer with the same
//! `external_key`, which the seed calls used for deduplication, is refused like one with the same e-mail.
//!
//! The seed's examples write `prt_abc123` for a partner key; this account uses the keys of seed 002, which partners' links
//! contain and a page passes on.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::KeyPair;
use super::current::{self, check_group, partnership_of};
use super::paging::{Listed, Page, Paging};
use super::state::{Account, Customer, Partnership, Transaction};
use super::validate::{AMOUNT, ANY_TEXT, EMAIL, NAME, Refusal, currency};
use crate::call::{Answer, Call};
use crate::fields::{Fields, only};

/// What a call asks for.
pub(super) enum Route<'a> {
    ListPartners,
    ReadPartner(&'a str),
    ListCustomers,
    CreateCustomer,
    UpdateCustomer(&'a str),
    CreateTransaction,
    ReadGroup(&'a str),
    ListPartnerships,
    /// A call that the seed does not describe.
    Beyond(current::Route<'a>),
}

impl<'a> Route<'a> {
    /// `path` is the part after `/api/v2`.
    pub(super) fn of(method: &Method, path: &[&'a str]) -> Option<Self> {
        match (method.as_str(), path) {
            ("GET", ["partners"]) => Some(Self::ListPartners),
            ("GET", ["partners", key]) => Some(Self::ReadPartner(key)),
            ("GET", ["customers"]) => Some(Self::ListCustomers),
            ("POST", ["customers"]) => Some(Self::CreateCustomer),
            ("PUT", ["customers", key]) => Some(Self::UpdateCustomer(key)),
            ("PATCH", ["customers", _]) | (_, ["webhooks", ..]) => None,
            ("POST", ["transactions"]) => Some(Self::CreateTransaction),
            ("GET", ["groups", key]) => Some(Self::ReadGroup(key)),
            ("GET", ["partnerships"]) => Some(Self::ListPartnerships),
            _ => current::Route::of(method, path).map(Self::Beyond),
        }
    }

    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::ListPartners => "partner.list",
            Self::ReadPartner(_) => "partner.read",
            Self::ListCustomers => "customer.list",
            Self::CreateCustomer => "customer.create",
            Self::UpdateCustomer(_) => "customer.update",
            Self::CreateTransaction => "transaction.create",
            Self::ReadGroup(_) => "group.read",
            Self::ListPartnerships => "partnership.list",
            Self::Beyond(route) => route.operation(),
        }
    }

    /// A transaction has no key of the client's here, so its customer's key is used.
    pub(super) fn external_key(&self, call: &Call) -> Option<String> {
        match self {
            Self::ReadPartner(key) | Self::UpdateCustomer(key) | Self::ReadGroup(key) => Some((*key).to_owned()),
            Self::CreateCustomer | Self::CreateTransaction => call.body_text("customer_key").map(str::to_owned),
            Self::ListPartners | Self::ListCustomers | Self::ListPartnerships => None,
            Self::Beyond(route) => route.external_key(call),
        }
    }
}

/// # Errors
/// Everything that the account does not allow. The seed shows no error, so the envelope is that of `current`.
pub(super) fn answer(
    account: &mut Account,
    route: &Route<'_>,
    call: &Call,
    pair: KeyPair,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    match route {
        Route::ListPartners => {
            let page = Paging::guide(call, &[])?.page(account.live_partnerships())?;
            Ok(list(&page, partner_json, page.ending_cursor()))
        }
        Route::ReadPartner(key) => read_partner(account, key, call),
        Route::ListCustomers => {
            let page = Paging::guide(call, &[])?.page(account.visible_customers(now_ms))?;
            Ok(list(&page, customer_json, page.ending_cursor()))
        }
        Route::CreateCustomer => create_customer(account, call, pair, now_ms),
        Route::UpdateCustomer(key) => update_customer(account, key, call, now_ms),
        Route::CreateTransaction => create_transaction(account, call, pair, now_ms),
        Route::ReadGroup(key) => {
            only(call, &[])?;
            let group = account.group(key)?;
            Ok(data(&json!({ "key": group.key, "name": group.name, "slug": group.slug })))
        }
        Route::ListPartnerships => list_partnerships(account, call),
        Route::Beyond(route) => {
            at_most_a_hundred(call)?;
            current::answer(account, route, call, pair, now_ms)
        }
    }
}

/// The seed's page size holds for every list.
fn at_most_a_hundred(call: &Call) -> Result<(), Refusal> {
    let asked = call.parameter("limit").and_then(|limit| limit.parse::<u64>().ok());
    match asked {
        Some(101..) => Err(Refusal::bad_request("limit must be an integer between 1 and 100")),
        Some(_) | None => Ok(()),
    }
}

/// Only by partner key: the seed warns against the e-mail.
fn read_partner(account: &Account, key: &str, call: &Call) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let partner = account.live_partnerships().find(|one| one.partner_key == key);
    Ok(data(&partner_json(partner.ok_or_else(|| Refusal::not_found("partner"))?)))
}

fn list_partnerships(account: &Account, call: &Call) -> Result<Answer, Refusal> {
    let paging = Paging::guide(call, &["group_key"])?;
    let group_key = call.parameter("group_key");
    if let Some(group_key) = group_key {
        account.group(group_key)?;
    }
    let members = account.live_partnerships().filter(|one| group_key.is_none_or(|key| one.group_key == key));
    let page = paging.page(members)?;
    // Of the seed's three examples, only this list ends without a cursor.
    let cursor = page.ending_cursor().filter(|_| page.has_more);
    Ok(list(&page, partnership_json, cursor))
}

fn create_customer(account: &mut Account, call: &Call, pair: KeyPair, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let mut fields = Fields::of(call)?;
    let customer = Customer {
        customer_key: Some(fields.required_text("customer_key", ANY_TEXT)?),
        email: Some(fields.required_email("email", EMAIL)?),
        partner_key: fields.text("partner_key", ANY_TEXT)?,
        test: pair.is_test(),
        created_ms: now_ms,
        visible_ms: now_ms,
        ..Customer::default()
    };
    let customer = changed(customer, &mut fields, now_ms)?;
    fields.finish()?;
    check_references(account, &customer, now_ms)?;
    let partner_key = customer.partner_key.as_deref();
    let partnership_key = partner_key.map(|key| partnership_of(account, Some(key))).transpose()?;
    let customer = account.add_customer(Customer { partnership_key, ..customer })?;
    Ok(data(&customer_json(customer)).with_effects(1))
}

/// `customer_key` is immutable and `partner_key` read-only, so both are unknown fields here.
fn update_customer(account: &mut Account, key: &str, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let customer = account.customer_of_yours(key, now_ms)?.clone();
    let mut fields = Fields::of(call)?;
    let email = fields.email("email", EMAIL)?.or_else(|| customer.email.clone());
    let customer = changed(Customer { email, ..customer }, &mut fields, now_ms)?;
    fields.finish()?;
    check_references(account, &customer, now_ms)?;
    let answer = data(&customer_json(&customer)).with_effects(1);
    *account.customer_mut(key, now_ms)? = customer;
    Ok(answer)
}

/// Applies the fields that creation and update share; absent fields stay.
fn changed(mut customer: Customer, fields: &mut Fields<'_>, now_ms: i64) -> Result<Customer, Refusal> {
    customer.name = fields.text("name", NAME)?.or(customer.name);
    customer.first_name = fields.text("first_name", NAME)?.or(customer.first_name);
    customer.last_name = fields.text("last_name", NAME)?.or(customer.last_name);
    customer.status = fields.text("status", ANY_TEXT)?.or(customer.status);
    customer.external_key = fields.text("external_key", ANY_TEXT)?.or(customer.external_key);
    customer.group_key = fields.text("group_key", ANY_TEXT)?.or(customer.group_key);
    customer.data.extend(fields.free_object("metadata")?);
    customer.updated_ms = now_ms;
    Ok(customer)
}

/// The seed: an e-mail is unique within the program, an external key is for deduplication, a group is a program.
fn check_references(account: &Account, customer: &Customer, now_ms: i64) -> Result<(), Refusal> {
    let others = || account.visible_customers(now_ms).filter(|one| one.customer_key != customer.customer_key);
    if others().any(|one| one.email == customer.email) {
        return Err(Refusal::bad_request("email belongs to another customer"));
    }
    if customer.external_key.is_some() && others().any(|one| one.external_key == customer.external_key) {
        return Err(Refusal::bad_request("external_key belongs to another customer"));
    }
    match &customer.group_key {
        Some(group_key) => check_group(account, group_key),
        None => Ok(()),
    }
}

fn create_transaction(account: &mut Account, call: &Call, pair: KeyPair, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let mut fields = Fields::of(call)?;
    let customer_key = fields.required_text("customer_key", ANY_TEXT)?;
    let amount = fields.required_integer("amount", AMOUNT)?;
    let currency = currency(&mut fields)?;
    fields.finish()?;
    let customer = account.customer_of_yours(&customer_key, now_ms)?.clone();
    let transaction = Transaction {
        key: account.mint("txn_"),
        customer,
        amount,
        currency,
        category_key: None,
        product_key: None,
        member_key: None,
        subscription_key: None,
        metadata: serde_json::Map::new(),
        test: pair.is_test(),
        created_ms: now_ms,
        deleted: false,
        reward: None,
    };
    let answer = data(&transaction_json(&transaction)).with_effects(1);
    account.add_transaction(transaction)?;
    Ok(answer)
}

fn data(value: &Value) -> Answer {
    Answer::json(StatusCode::OK, &json!({ "data": value }))
}

fn list<T: Listed>(page: &Page<'_, T>, show: impl Fn(&T) -> Value, cursor: Option<String>) -> Answer {
    let items: Vec<Value> = page.items.iter().map(|item| show(item)).collect();
    let mut answer = json!({ "items": items, "has_more": page.has_more });
    if let (Some(cursor), Some(fields)) = (cursor, answer.as_object_mut()) {
        fields.insert("ending_cursor".to_owned(), Value::from(cursor));
    }
    data(&answer)
}

fn partner_json(partnership: &Partnership) -> Value {
    json!({
        "key": partnership.partner_key,
        "email": partnership.email,
        "name": format!("{} {}", partnership.first_name, partnership.last_name).trim(),
        "first_name": partnership.first_name,
        "last_name": partnership.last_name,
        "group_key": partnership.group_key,
        "status": status(partnership),
        "created_at": seconds(partnership.created_ms),
        "updated_at": seconds(partnership.updated_ms),
    })
}

fn partnership_json(partnership: &Partnership) -> Value {
    json!({
        "partner_key": partnership.partner_key,
        "group_key": partnership.group_key,
        "status": status(partnership),
    })
}

fn customer_json(customer: &Customer) -> Value {
    json!({
        "key": customer.customer_key,
        "email": customer.email,
        "name": customer.name,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "partner_key": customer.partner_key,
        "status": customer.status.as_deref().unwrap_or("active"),
        "external_key": customer.external_key,
        "metadata": customer.data,
        "group_key": customer.group_key,
        "created_at": seconds(customer.created_ms),
        "updated_at": seconds(customer.updated_ms),
    })
}

/// The seed: a transaction starts `pending` and is approved elsewhere.
fn transaction_json(transaction: &Transaction) -> Value {
    json!({
        "key": transaction.key,
        "customer_key": transaction.customer.customer_key,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "status": "pending",
        "created_at": seconds(transaction.created_ms),
    })
}

fn status(partnership: &Partnership) -> &'static str {
    if partnership.claimed { "active" } else { "inactive" }
}

fn seconds(at_ms: i64) -> i64 {
    at_ms.div_euclid(1_000)
}
