//! Customers of an affiliate program: vendors-2.md § 3. Each belongs to a partner; in answers `partner` is the partner's id.
//!
//! Chosen where the documents are silent or one client stands alone: neither the older nested body nor a transaction in the
//! same call is accepted; the fields of refer-a-friend programs are unknown; a partner who is not approved, archived or
//! deleted is as unknown as one who never was; two customers may have the same e-mail address, and a call that names one of
//! them by it means the first.

use http::StatusCode;
use serde_json::{Value, json};

use super::paging::Paging;
use super::read::{self, Name, Refusal, TEXT, bare};
use super::state::{Account, Customer, Fate, Life, Thing};
use super::{Ask, Handled, data, done, stamp, tags_json};
use crate::fields::{Fields, FlawKind, only};

/// Length of the address of a landing; no document gives one.
const URL: std::ops::RangeInclusive<usize> = 1..=2_048;

/// `POST /customers`.
pub(super) fn create(account: &mut Account, ask: &Ask<'_>) -> Handled {
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let key = fields.required_text("key", TEXT)?;
    let email = fields.email("email", TEXT)?;
    let (name, surname) = (fields.text("name", TEXT)?, fields.text("surname", TEXT)?);
    let tags = read::tags(&mut fields)?.unwrap_or_default();
    if let Some(mut options) = fields.object("options")? {
        options.text("referral_url", URL)?;
        options.finish()?;
    }
    let partner = fields.object("partner")?.ok_or_else(|| fields.flaw("partner", FlawKind::Missing))?;
    let partner = Name::read(partner, "partner")?;
    fields.finish()?;
    account.check_customer_key(&key, None)?;
    let partner = account.working_partner(&partner).ok_or_else(|| Refusal::bad_request("Partner not found"))?;
    let life = Life::begun(ask.now_ms);
    let customer = Customer { key, partner: Some(partner), email, name, surname, tags, life };
    let shown = customer.json(account);
    account.add_customer(customer, ask.now_ms);
    Ok(data(StatusCode::CREATED, &shown).with_effects(1))
}

/// `GET /customers`.
pub(super) fn list(account: &mut Account, ask: &Ask<'_>) -> Handled {
    let paging = Paging::of(ask.call, &account.rules, &[])?;
    let seen = account.customers.iter().filter(|one| one.life.is_seen(&account.rules, ask.now_ms));
    Ok(paging.answer(ask, seen.collect(), |one: &Customer| one.json(account)))
}

/// `GET /customers:search`. `id` names nobody in an affiliate program.
pub(super) fn look_up(account: &mut Account, ask: &Ask<'_>) -> Handled {
    let name = Name::parameter(ask.call, &["email", "key", "id"])?;
    show(account, &name, ask.now_ms)
}

/// `GET /customers/{key}`; the e-mail address is accepted too (the vendor's node).
pub(super) fn read(account: &mut Account, ask: &Ask<'_>) -> Handled {
    bare(ask.call)?;
    show(account, &named(account, ask.key), ask.now_ms)
}

/// `PUT /customers/{key}`, and `PUT /customers` with `key` beside `update`.
pub(super) fn update(account: &mut Account, ask: &Ask<'_>) -> Handled {
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let key = if ask.key.is_empty() { fields.required_text("key", TEXT)? } else { ask.key.to_owned() };
    let mut change = read::update(&mut fields)?;
    fields.finish()?;
    let email = if change.is_null("email") { None } else { change.email("email", TEXT)? };
    let (name, surname) = (change.nullable_text("name", TEXT)?, change.nullable_text("surname", TEXT)?);
    let new_key = change.nullable_text("key", TEXT)?;
    let tags = if change.is_null("tags") { None } else { read::tags(&mut change)? };
    change.finish()?;
    let place = account.customer(&Name::Key(key)).ok_or_else(|| Refusal::not_found("customer"))?;
    if let Some(key) = new_key {
        account.check_customer_key(&key, Some(place))?;
        account.rename_customer(place, key);
    }
    let customer = account.customers.get_mut(place).ok_or_else(|| Refusal::not_found("customer"))?;
    customer.email = email.or_else(|| customer.email.take());
    customer.name = name.or_else(|| customer.name.take());
    customer.surname = surname.or_else(|| customer.surname.take());
    customer.tags = tags.unwrap_or_else(|| customer.tags.clone());
    customer.life.updated_ms = ask.now_ms;
    account.tell("customer.updated", Thing::Customer(place), ask.now_ms);
    let shown = account.customers.get(place).map(|customer| customer.json(account)).unwrap_or_default();
    Ok(data(StatusCode::OK, &shown).with_effects(1))
}

/// `DELETE /customers/{key}`.
pub(super) fn delete(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Delete)
}

/// `POST /customers/{key}/archive`.
pub(super) fn archive(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Archive)
}

/// `POST /customers/{key}/revoke-archive`.
pub(super) fn restore(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Restore)
}

fn show(account: &Account, name: &Name, now_ms: i64) -> Handled {
    let customer = account.customer(name).and_then(|place| account.customers.get(place));
    let customer = customer.filter(|customer| customer.life.is_seen(&account.rules, now_ms));
    Ok(data(StatusCode::OK, &customer.ok_or_else(|| Refusal::not_found("customer"))?.json(account)))
}

fn befall(account: &mut Account, ask: &Ask<'_>, fate: Fate) -> Handled {
    bare(ask.call)?;
    let place = account.customer(&Name::Key(ask.key.to_owned())).ok_or_else(|| Refusal::not_found("customer"))?;
    account.befall(Thing::Customer(place), fate, ask.now_ms)?;
    Ok(done().with_effects(1))
}

fn named(account: &Account, text: &str) -> Name {
    let key = Name::Key(text.to_owned());
    let is_key = account.customer(&key).is_some() || !account.rules.node_forms;
    if is_key { key } else { Name::Email(text.to_owned()) }
}

impl Customer {
    pub(super) fn json(&self, account: &Account) -> Value {
        json!({
            "key": self.key,
            "partner": self.partner.and_then(|place| account.partners.get(place)).map(|partner| &partner.id),
            "name": self.name,
            "surname": self.surname,
            "email": self.email,
            "status": if self.life.archived { "archived" } else { "active" },
            "deleted": self.life.deleted_ms.is_some(),
            "created_at": stamp(self.life.created_ms),
            "updated_at": stamp(self.life.updated_ms),
            "deleted_at": self.life.deleted_ms.map(stamp),
            "tags": tags_json(&self.tags),
        })
    }
}
