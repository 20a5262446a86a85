//! Dialect `current`: the vendor API as in PartnerStack's own documents (vendors.md §§ 1.2, 1.4, 1.6).
//!
//! Requests follow the reference pages (post_v2-customers-1, post_v2-transactions, post_v2-partnerships); answers follow
//! them and the schema of a connector that reads the API every day (airbytehq, source-partnerstack).
//!
//! Guesses, where all of them are silent: a transaction's `created_at` sorts and bounds its list; a customer is read by
//! your key and by `cus_...` alike; `PATCH` takes a partnership only by its `part_...` key; an unknown customer of a
//! transaction is 404, an unknown partner or group in a body 400; a taken key is 400, and is free again once its
//! transaction is deleted; the references to member and subscription are called `member_key` and `subscription_key`.

use http::Method;
use serde_json::{Map, Value, json};

use super::paging::{Listed, Page, Paging};
use super::state::{Account, Action, Customer, Group, Partnership, Transaction};
use super::validate::{AMOUNT, ANY_TEXT, EMAIL, NAME, PARTNER_NAME, Refusal, TRANSACTION_KEY, currency, metadata};
use super::{KeyPair, hooks, rewards, success};
use crate::call::{Answer, Call};
use crate::fields::{Fields, only};

/// What a call to the vendor API asks for.
pub(super) enum Route<'a> {
    ListCustomers,
    CreateCustomer,
    ReadCustomer(&'a str),
    UpdateCustomer(&'a str),
    DeleteCustomer(&'a str),
    ListPartnerships,
    CreatePartnership,
    ReadPartnership(&'a str),
    UpdatePartnership(&'a str),
    ArchivePartnership(&'a str),
    ListGroups,
    ListTransactions,
    CreateTransaction,
    DeleteTransaction(&'a str),
    ListRewards,
    CreateAction,
    ListHooks,
    RegisterHook,
    EndHook(&'a str),
}

impl<'a> Route<'a> {
    /// `path` is the part after `/api/v2`.
    pub(super) fn of(method: &Method, path: &[&'a str]) -> Option<Self> {
        Some(match (method.as_str(), path) {
            ("GET", ["customers"]) => Self::ListCustomers,
            ("POST", ["customers"]) => Self::CreateCustomer,
            ("GET", ["customers", key]) => Self::ReadCustomer(key),
            ("PATCH", ["customers", key]) => Self::UpdateCustomer(key),
            ("DELETE", ["customers", key]) => Self::DeleteCustomer(key),
            ("GET", ["partnerships"]) => Self::ListPartnerships,
            ("POST", ["partnerships"]) => Self::CreatePartnership,
            ("GET", ["partnerships", identifier]) => Self::ReadPartnership(identifier),
            ("PATCH", ["partnerships", key]) => Self::UpdatePartnership(key),
            ("DELETE", ["partnerships", key]) => Self::ArchivePartnership(key),
            ("GET", ["groups"]) => Self::ListGroups,
            ("GET", ["transactions"]) => Self::ListTransactions,
            ("POST", ["transactions"]) => Self::CreateTransaction,
            ("DELETE", ["transactions", key]) => Self::DeleteTransaction(key),
            ("GET", ["rewards"]) => Self::ListRewards,
            ("POST", ["actions"]) => Self::CreateAction,
            ("GET", ["webhooks"]) => Self::ListHooks,
            ("POST", ["webhooks"]) => Self::RegisterHook,
            ("DELETE", ["webhooks", key]) => Self::EndHook(key),
            _ => return None,
        })
    }

    fn is_list(&self) -> bool {
        self.operation().ends_with(".list")
    }

    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::ListCustomers => "customer.list",
            Self::CreateCustomer => "customer.create",
            Self::ReadCustomer(_) => "customer.read",
            Self::UpdateCustomer(_) => "customer.update",
            Self::DeleteCustomer(_) => "customer.delete",
            Self::ListPartnerships => "partnership.list",
            Self::CreatePartnership => "partnership.create",
            Self::ReadPartnership(_) => "partnership.read",
            Self::UpdatePartnership(_) => "partnership.update",
            Self::ArchivePartnership(_) => "partnership.archive",
            Self::ListGroups => "group.list",
            Self::ListTransactions => "transaction.list",
            Self::CreateTransaction => "transaction.create",
            Self::DeleteTransaction(_) => "transaction.delete",
            Self::ListRewards => "reward.list",
            Self::CreateAction => "action.create",
            Self::ListHooks => "webhook.list",
            Self::RegisterHook => "webhook.create",
            Self::EndHook(_) => "webhook.delete",
        }
    }

    /// The client's own key of the thing, by which effects are counted.
    pub(super) fn external_key(&self, call: &Call) -> Option<String> {
        let in_body: &[&str] = match self {
            Self::ReadCustomer(key)
            | Self::UpdateCustomer(key)
            | Self::DeleteCustomer(key)
            | Self::ReadPartnership(key)
            | Self::UpdatePartnership(key)
            | Self::ArchivePartnership(key)
            | Self::DeleteTransaction(key)
            | Self::EndHook(key) => return Some((*key).to_owned()),
            Self::ListCustomers
            | Self::ListPartnerships
            | Self::ListGroups
            | Self::ListTransactions
            | Self::ListRewards
            | Self::ListHooks
            | Self::RegisterHook => return None,
            Self::CreateCustomer => &["customer_key", "email"],
            Self::CreatePartnership => &["partner_key", "email"],
            Self::CreateTransaction => &["key", "customer_external_key", "customer_key", "customer_email"],
            Self::CreateAction => &["target_key"],
        };
        in_body.iter().find_map(|name| call.body_text(name)).map(str::to_owned)
    }
}

/// # Errors
/// Everything that the account does not allow, in the vendor's words.
pub(super) fn answer(
    account: &mut Account,
    route: &Route<'_>,
    call: &Call,
    pair: KeyPair,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    if !route.is_list() {
        only(call, &[])?;
    }
    match route {
        Route::ListCustomers => {
            Ok(list(&Paging::current(call)?.page(account.visible_customers(now_ms))?, customer_json))
        }
        Route::ListPartnerships => {
            let page = Paging::current(call)?.page(account.live_partnerships())?;
            Ok(list(&page, |one| partnership_json(account, one)))
        }
        Route::ListGroups => Ok(list(&Paging::current(call)?.page(account.groups.iter())?, group_json)),
        Route::ListTransactions => {
            Ok(list(&Paging::current(call)?.page(account.live_transactions())?, transaction_json))
        }
        Route::ListRewards => rewards::list(account, call, now_ms),
        Route::CreateCustomer => create_customer(account, call, pair, now_ms),
        Route::ReadCustomer(key) => Ok(success(customer_json(account.customer(key, now_ms)?))),
        Route::UpdateCustomer(key) => update_customer(account, key, call, now_ms),
        Route::DeleteCustomer(key) => {
            let customer = account.delete_customer(key, now_ms)?;
            Ok(success(json!({ "key": customer.key })).with_effects(1))
        }
        Route::CreatePartnership => create_partnership(account, call, pair, now_ms),
        Route::ReadPartnership(identifier) => {
            let partnership = account.partnership(identifier)?;
            Ok(success(partnership_json(account, partnership)))
        }
        Route::UpdatePartnership(key) => update_partnership(account, key, call, now_ms),
        Route::ArchivePartnership(key) => archive_partnership(account, key, now_ms),
        Route::CreateTransaction => create_transaction(account, call, pair, now_ms),
        Route::DeleteTransaction(key) => {
            account.delete_transaction(key, now_ms)?;
            Ok(success(json!({ "key": key })).with_effects(1))
        }
        Route::CreateAction => create_action(account, call, now_ms),
        Route::ListHooks => Ok(list(&Paging::current(call)?.page(account.hooks.iter())?, hooks::Registered::json)),
        Route::RegisterHook => hooks::register(account, call, now_ms),
        Route::EndHook(key) => hooks::end(account, key),
    }
}

fn create_customer(account: &mut Account, call: &Call, pair: KeyPair, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let customer = Customer {
        email: Some(fields.required_email("email", EMAIL)?),
        partner_key: Some(fields.required_text("partner_key", ANY_TEXT)?),
        customer_key: fields.required_nullable_text("customer_key", ANY_TEXT)?,
        name: fields.text("name", NAME)?,
        provider_key: fields.nullable_text("provider_key", ANY_TEXT)?,
        member_key: fields.text("member_key", ANY_TEXT)?,
        data: known_meta(account, fields.free_object("meta")?),
        test: pair.is_test(),
        created_ms: now_ms,
        updated_ms: now_ms,
        visible_ms: now_ms,
        ..Customer::default()
    };
    fields.finish()?;
    let partnership_key = Some(partnership_of(account, customer.partner_key.as_deref())?);
    let customer = account.add_customer(Customer { partnership_key, ..customer })?;
    Ok(success(customer_json(customer)).with_effects(1))
}

fn update_customer(account: &mut Account, key: &str, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    account.customer(key, now_ms)?;
    let mut fields = Fields::of(call)?;
    let (email, name) = (fields.email("email", EMAIL)?, fields.text("name", NAME)?);
    let (provider_key, member_key) = (fields.text("provider_key", ANY_TEXT)?, fields.text("member_key", ANY_TEXT)?);
    let meta = known_meta(account, fields.free_object("meta")?);
    fields.finish()?;
    let customer = account.customer_mut(key, now_ms)?;
    customer.email = email.or(customer.email.take());
    customer.name = name.or(customer.name.take());
    customer.provider_key = provider_key.or(customer.provider_key.take());
    customer.member_key = member_key.or(customer.member_key.take());
    customer.data.extend(meta);
    customer.updated_ms = now_ms;
    Ok(success(customer_json(customer)).with_effects(1))
}

fn create_partnership(account: &mut Account, call: &Call, pair: KeyPair, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let email = fields.required_email("email", EMAIL)?;
    let group_key = fields.text("group_key", ANY_TEXT)?.unwrap_or_else(|| account.first_group());
    let partner_key = fields.text("partner_key", ANY_TEXT)?;
    let first_name = fields.text("first_name", PARTNER_NAME)?.unwrap_or_default();
    let last_name = fields.text("last_name", PARTNER_NAME)?.unwrap_or_default();
    let manager = (fields.nullable_text("manager_email", EMAIL)?, fields.nullable_text("manager_name", ANY_TEXT)?);
    let tags = if fields.is_null("tags") { Vec::new() } else { fields.texts("tags")? };
    let data = known_meta(account, fields.free_object("meta")?);
    fields.finish()?;
    check_group(account, &group_key)?;
    if account.live_partnerships().any(|one| one.email == email) {
        return Err(Refusal::bad_request("email belongs to a partner already"));
    }
    let partner_key = match partner_key {
        Some(partner_key) => check_partner_key(account, partner_key)?,
        None => free_partner_key(account, &format!("{first_name}{last_name}")),
    };
    let partnership = Partnership {
        key: account.mint("part_"),
        partner_key,
        email,
        first_name,
        last_name,
        group_key,
        manager,
        tags,
        claimed: false,
        test: pair.is_test(),
        data,
        created_ms: now_ms,
        updated_ms: now_ms,
        archived: false,
    };
    let answer = success(partnership_json(account, &partnership)).with_effects(1);
    account.add_partnership(partnership);
    Ok(answer)
}

/// Only partners can change name and e-mail (seed 002), so they are unknown fields here.
fn update_partnership(account: &mut Account, key: &str, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let standing = account.partnership_mut(key)?.partner_key.clone();
    let mut fields = Fields::of(call)?;
    let partner_key = fields.text("partner_key", ANY_TEXT)?.filter(|partner_key| *partner_key != standing);
    let group_key = fields.text("group_key", ANY_TEXT)?;
    let meta = known_meta(account, fields.free_object("meta")?);
    fields.finish()?;
    let partner_key = partner_key.map(|partner_key| check_partner_key(account, partner_key)).transpose()?;
    if let Some(group_key) = &group_key {
        check_group(account, group_key)?;
    }
    let partnership = account.partnership_mut(key)?;
    partnership.partner_key = partner_key.unwrap_or(standing);
    partnership.group_key = group_key.unwrap_or_else(|| partnership.group_key.clone());
    partnership.data.extend(meta);
    partnership.updated_ms = now_ms;
    let partnership = partnership.clone();
    Ok(success(partnership_json(account, &partnership)).with_effects(1))
}

fn archive_partnership(account: &mut Account, key: &str, now_ms: i64) -> Result<Answer, Refusal> {
    let partnership = account.partnership_mut(key)?;
    partnership.archived = true;
    partnership.updated_ms = now_ms;
    Ok(success(json!({ "key": key })).with_effects(1))
}

fn create_transaction(account: &mut Account, call: &Call, pair: KeyPair, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let reference = customer_reference(&mut fields)?;
    let amount = fields.required_integer("amount", AMOUNT)?;
    let currency = currency(&mut fields)?;
    let key = fields.text("key", TRANSACTION_KEY)?;
    let category_key = fields.nullable_text("category_key", ANY_TEXT)?;
    let product_key = fields.nullable_text("product_key", ANY_TEXT)?;
    let member_key = fields.nullable_text("member_key", ANY_TEXT)?;
    let subscription_key = fields.nullable_text("subscription_key", ANY_TEXT)?;
    let metadata = metadata(&mut fields)?;
    let created_ms = fields.integer("created_at", 0..=i64::MAX)?.unwrap_or(now_ms);
    let test = fields.flag("test")?.unwrap_or(pair.is_test());
    fields.finish()?;
    let customer = reference.find(account, now_ms)?.clone();
    if test && !customer.test {
        return Err(Refusal::bad_request("test transactions belong to test customers"));
    }
    let key = key.unwrap_or_else(|| account.mint("txn_"));
    let transaction = Transaction {
        key,
        customer,
        amount,
        currency,
        category_key,
        product_key,
        member_key,
        subscription_key,
        metadata,
        test,
        created_ms,
        deleted: false,
        reward: None,
    };
    let answer = success(transaction_json(&transaction)).with_effects(1);
    account.add_transaction(transaction)?;
    Ok(answer)
}

/// `target_key`: "for a customer, this is the customer key; for a partnership, it is their partner key"
/// (reference/post_v2-actions-1). Measurements show that it means the client's key (vendors.md § 1.2).
fn create_action(account: &mut Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let kind = fields.required_text("type", ANY_TEXT)?;
    let value = fields.required_integer("value", 1..=i64::MAX)?;
    let target_type = fields.required_text("target_type", ANY_TEXT)?;
    let target_key = fields.required_text("target_key", ANY_TEXT)?;
    let external_key = fields.nullable_text("external_key", ANY_TEXT)?;
    fields.finish()?;
    let known = match target_type.as_str() {
        "customer" => account.customer_of_yours(&target_key, now_ms).is_ok(),
        "partnership" => account.live_partnerships().any(|one| one.partner_key == target_key),
        _ => return Err(Refusal::bad_request("target_type must be customer or partnership")),
    };
    if !known {
        // Measured: an action for an unknown customer is accepted and has no effect.
        return Ok(success(json!({})));
    }
    let key = account.mint("act_");
    let action = Action { key, kind, value, target_type, target_key, external_key, created_ms: now_ms };
    let answer = success(action_json(&action)).with_effects(1);
    account.actions.push(action);
    Ok(answer)
}

/// The three ways in which a transaction names its customer.
enum Reference {
    /// PartnerStack's `cus_...`, which the documents call `customer_key` only here.
    Own(String),
    External(String),
    Email(String),
}

impl Reference {
    fn find<'a>(&self, account: &'a Account, now_ms: i64) -> Result<&'a Customer, Refusal> {
        let found = match self {
            Self::Own(key) => return account.customer(key, now_ms).and_then(|one| same(one, one.key == *key)),
            Self::External(key) => return account.customer_of_yours(key, now_ms),
            Self::Email(email) => account.visible_customers(now_ms).find(|one| one.email.as_ref() == Some(email)),
        };
        found.ok_or_else(|| Refusal::not_found("customer"))
    }
}

pub(super) fn same(customer: &Customer, meant: bool) -> Result<&Customer, Refusal> {
    if meant { Ok(customer) } else { Err(Refusal::not_found("customer")) }
}

fn customer_reference(fields: &mut Fields<'_>) -> Result<Reference, Refusal> {
    let own = fields.text("customer_key", ANY_TEXT)?.map(Reference::Own);
    let external = fields.text("customer_external_key", ANY_TEXT)?.map(Reference::External);
    let email = fields.text("customer_email", EMAIL)?.map(Reference::Email);
    match (own, external, email) {
        (Some(reference), None, None) | (None, Some(reference), None) | (None, None, Some(reference)) => Ok(reference),
        _ => Err(Refusal::bad_request(
            "exactly one of customer_key, customer_external_key and customer_email is required",
        )),
    }
}

pub(super) fn check_group(account: &Account, group_key: &str) -> Result<(), Refusal> {
    account.group(group_key).map(|_| ()).map_err(|_| Refusal::bad_request("group_key names no group"))
}

/// Seed 002: alphanumeric, no spaces, capitals or special characters; vendors.md § 1.4: unique.
fn check_partner_key(account: &Account, partner_key: String) -> Result<String, Refusal> {
    if !partner_key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Err(Refusal::bad_request("partner_key must be lower-case letters and digits"));
    }
    if account.live_partnerships().any(|one| one.partner_key == partner_key) {
        return Err(Refusal::bad_request("partner_key belongs to a partner already"));
    }
    Ok(partner_key)
}

/// Made from first and last name, as in seed 002; a number distinguishes equal names.
fn free_partner_key(account: &Account, name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let base = if letters.is_empty() { "partner".to_owned() } else { letters };
    let taken = |key: &String| account.live_partnerships().any(|one| one.partner_key == *key);
    let numbered = (2_u32..).map(|number| format!("{base}{number}"));
    std::iter::once(base.clone()).chain(numbered).find(|key| !taken(key)).unwrap_or(base)
}

/// The partnership of a customer, from the partner key.
pub(super) fn partnership_of(account: &Account, partner_key: Option<&str>) -> Result<String, Refusal> {
    let partnership = account.live_partnerships().find(|one| Some(one.partner_key.as_str()) == partner_key);
    let partnership = partnership.ok_or_else(|| Refusal::bad_request("partner_key names no partner"))?;
    Ok(partnership.key.clone())
}

/// The part of `meta` that the vendor account keeps; the rest is dropped silently.
pub(super) fn known_meta(account: &Account, meta: Map<String, Value>) -> Map<String, Value> {
    meta.into_iter().filter(|(key, _)| account.rules.meta_keys.contains(key)).collect()
}

fn list<T: Listed>(page: &Page<'_, T>, show: impl Fn(&T) -> Value) -> Answer {
    let items: Vec<Value> = page.items.iter().map(|item| show(item)).collect();
    success(json!({ "items": items, "has_more": page.has_more }))
}

fn customer_json(customer: &Customer) -> Value {
    let field = |(name, value): (&String, &Value)| json!({ "api_name": name, "name": name, "value": value });
    json!({
        "key": customer.key,
        "customer_key": customer.customer_key,
        "email": customer.email,
        "name": customer.name,
        "provider_key": customer.provider_key,
        "member_key": customer.member_key,
        "partner_key": customer.partner_key,
        "partnership_key": customer.partnership_key,
        "test": customer.test,
        "meta": {},
        "mdata": customer.data,
        "field_data": customer.data,
        "fields": customer.data.iter().map(field).collect::<Vec<_>>(),
        "created_at": customer.created_ms,
        "updated_at": customer.updated_ms,
    })
}

fn partnership_json(account: &Account, partnership: &Partnership) -> Value {
    let group = account.group(&partnership.group_key).map(group_json).unwrap_or_default();
    json!({
        "key": partnership.key,
        "partner_key": partnership.partner_key,
        "email": partnership.email,
        "first_name": partnership.first_name,
        "last_name": partnership.last_name,
        "group": group,
        "manager": { "email": partnership.manager.0, "name": partnership.manager.1 },
        "tags": partnership.tags,
        "claimed": partnership.claimed,
        "test": partnership.test,
        "mdata": partnership.data,
        "created_at": partnership.created_ms,
        "updated_at": partnership.updated_ms,
    })
}

fn group_json(group: &Group) -> Value {
    json!({ "key": group.key, "name": group.name, "slug": group.slug, "created_at": group.created_ms })
}

pub(super) fn transaction_json(transaction: &Transaction) -> Value {
    let customer = &transaction.customer;
    json!({
        "key": transaction.key,
        "customer": { "key": customer.key, "external_key": customer.customer_key, "email": customer.email },
        "customer_key": customer.key,
        "partnership_key": customer.partnership_key,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "category_key": transaction.category_key,
        "product_key": transaction.product_key,
        "member_key": transaction.member_key,
        "subscription_key": transaction.subscription_key,
        "metadata": transaction.metadata,
        "test": transaction.test,
        "archived": transaction.deleted,
        "created_at": transaction.created_ms,
        "updated_at": transaction.created_ms,
    })
}

pub(super) fn action_json(action: &Action) -> Value {
    json!({
        "key": action.key,
        "type": action.kind,
        "value": action.value,
        "target_type": action.target_type,
        "target_key": action.target_key,
        "external_key": action.external_key,
        "created_at": action.created_ms,
    })
}
