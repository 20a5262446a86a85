//! Partners: seed 004 for creating and inviting, vendors-2.md § 3 for the rest.
//!
//! A path takes the partner's id; the referral key is looked up by a parameter. No answer of the documents shows the key by
//! itself: it is in the links.
//!
//! Chosen where the documents are silent: an invitation is answered with `{"status": 1}`, as every call without a described
//! answer; an address that was invited or belongs to a partner is not invited again; partners made by this call are approved;
//! the words `pending`, `rejected` and `archived` of `status`, of which the documents show only `active`.

use http::StatusCode;
use serde_json::{Value, json};

use super::paging::Paging;
use super::read::{self, Name, Refusal, TEXT, bare, one_of};
use super::state::{Account, Fate, Life, Link, Partner, Standing, Thing};
use super::{Ask, Handled, data, done, stamp, tags_json};
use crate::call::encode;
use crate::crowd::picked;
use crate::fields::{Fields, FlawKind, only};

/// `POST /partners`.
pub(super) fn create(account: &mut Account, ask: &Ask<'_>) -> Handled {
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let email = fields.required_email("email", TEXT)?;
    let (id, key) = (fields.text("id", TEXT)?, fields.text("key", TEXT)?);
    let (name, surname) = (fields.text("name", TEXT)?, fields.text("surname", TEXT)?);
    read::password(&mut fields)?;
    let tags = read::tags(&mut fields)?.unwrap_or_default();
    let referring = fields.object("referring_partner")?;
    let referring = referring.map(|referring| Name::read(referring, "referring_partner")).transpose()?;
    fields.finish()?;
    let names = [Some(Name::Email(email.clone())), id.clone().map(Name::Id), key.clone().map(Name::Key)];
    names.iter().flatten().try_for_each(|name| account.check_partner_name(name, None))?;
    let referring = referring.map(|name| {
        let place = account.partner(&name).and_then(|place| account.partners.get(place));
        let missing = || Refusal::bad_request("Referring partner not found");
        place.map(|partner| partner.id.clone()).ok_or_else(missing)
    });
    let partner = Partner {
        id: id.unwrap_or_else(|| account.mint("partner_")),
        key: key.unwrap_or_else(|| account.mint("ref_")),
        email,
        name,
        surname,
        tags,
        standing: Standing::Approved,
        referrals: 0,
        referring_partner: referring.transpose()?,
        life: Life::begun(ask.now_ms),
    };
    let shown = partner.json(account);
    account.add_partner(partner, ask.now_ms);
    Ok(data(StatusCode::CREATED, &shown).with_effects(1))
}

/// `POST /partners:invite`.
pub(super) fn invite(account: &mut Account, ask: &Ask<'_>) -> Handled {
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let email = fields.required_email("email", TEXT)?;
    fields.required_text("name", TEXT)?;
    fields.text("surname", TEXT)?;
    fields.finish()?;
    account.check_partner_name(&Name::Email(email.clone()), None)?;
    if account.rules.dedupe && account.invitations.contains(&email) {
        return Err(Refusal::field("email", "Email already exists"));
    }
    account.invitations.push(email);
    Ok(done().with_effects(1))
}

/// `GET /partners`.
pub(super) fn list(account: &mut Account, ask: &Ask<'_>) -> Handled {
    let paging = Paging::of(ask.call, &account.rules, &[])?;
    let seen = account.partners.iter().filter(|one| one.life.is_seen(&account.rules, ask.now_ms));
    Ok(paging.answer(ask, seen.collect(), |one: &Partner| one.json(account)))
}

/// `GET /partner` and `GET /partners:search`.
pub(super) fn look_up(account: &mut Account, ask: &Ask<'_>) -> Handled {
    let is_search = ask.call.path.ends_with(":search");
    let name = Name::parameter(ask.call, if is_search { &["key", "id"] } else { &["key", "id", "email"] })?;
    show(account, &name, ask.now_ms)
}

/// `GET /partners/{id}`.
pub(super) fn read(account: &mut Account, ask: &Ask<'_>) -> Handled {
    bare(ask.call)?;
    show(account, &Name::Id(ask.key.to_owned()), ask.now_ms)
}

/// `PUT /partners/{id}`, and `PUT /partners` with `key` or `email` beside `update`.
pub(super) fn update(account: &mut Account, ask: &Ask<'_>) -> Handled {
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let name = if ask.key.is_empty() { by_body(&mut fields)? } else { Name::Id(ask.key.to_owned()) };
    let mut change = read::update(&mut fields)?;
    fields.finish()?;
    let email = if change.is_null("email") { None } else { change.email("email", TEXT)? };
    let (key, first) = (change.nullable_text("key", TEXT)?, change.nullable_text("name", TEXT)?);
    let surname = change.nullable_text("surname", TEXT)?;
    read::password(&mut change)?;
    let tags = if change.is_null("tags") { None } else { read::tags(&mut change)? };
    change.finish()?;
    let place = account.partner(&name).ok_or_else(|| Refusal::not_found("partner"))?;
    let names = [email.clone().map(Name::Email), key.clone().map(Name::Key)];
    names.iter().flatten().try_for_each(|name| account.check_partner_name(name, Some(place)))?;
    let partner = account.partners.get_mut(place).ok_or_else(|| Refusal::not_found("partner"))?;
    partner.email = email.unwrap_or_else(|| partner.email.clone());
    partner.key = key.unwrap_or_else(|| partner.key.clone());
    partner.name = first.or_else(|| partner.name.take());
    partner.surname = surname.or_else(|| partner.surname.take());
    partner.tags = tags.unwrap_or_else(|| partner.tags.clone());
    partner.life.updated_ms = ask.now_ms;
    account.tell("partner.updated", Thing::Partner(place), ask.now_ms);
    let shown = account.partners.get(place).map(|partner| partner.json(account)).unwrap_or_default();
    Ok(data(StatusCode::OK, &shown).with_effects(1))
}

/// `DELETE /partners/{id}`, and `DELETE /partners` with `key` or `email`.
pub(super) fn delete(account: &mut Account, ask: &Ask<'_>) -> Handled {
    if !ask.key.is_empty() {
        return befall(account, ask, Fate::Delete);
    }
    only(ask.call, &[])?;
    let mut fields = Fields::of(ask.call)?;
    let name = by_body(&mut fields)?;
    fields.finish()?;
    let place = account.partner(&name).ok_or_else(|| Refusal::not_found("partner"))?;
    account.befall(Thing::Partner(place), Fate::Delete, ask.now_ms)?;
    Ok(done().with_effects(1))
}

/// `POST /partners/{id}/archive`.
pub(super) fn archive(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Archive)
}

/// `POST /partners/{id}/revoke-archive`.
pub(super) fn restore(account: &mut Account, ask: &Ask<'_>) -> Handled {
    befall(account, ask, Fate::Restore)
}

/// A partner joins; returns the id.
pub(super) fn join(account: &mut Account, now_ms: i64) -> String {
    let (key, id) = (account.mint("joined"), account.mint("partner_"));
    let email = format!("{key}@partners.example");
    let partner = Partner { id: id.clone(), email, key, life: Life::begun(now_ms), ..Partner::default() };
    account.add_partner(partner, now_ms);
    id
}

/// A partner who brought no customer leaves; returns the id.
pub(super) fn leave(account: &mut Account, number: u64, now_ms: i64) -> Option<String> {
    let may_go = |one: &Partner| one.referrals == 0 && one.life.deleted_ms.is_none();
    let all = account.partners.iter().enumerate().filter(|(_, one)| may_go(one));
    let (place, id) = picked(all.map(|(place, one)| (place, &one.id)), number)?;
    let id = id.clone();
    // Deleting what exists cannot be refused.
    let _ = account.befall(Thing::Partner(place), Fate::Delete, now_ms);
    Some(id)
}

fn show(account: &Account, name: &Name, now_ms: i64) -> Handled {
    let partner = account.partner(name).and_then(|place| account.partners.get(place));
    let partner = partner.filter(|partner| partner.life.is_seen(&account.rules, now_ms));
    Ok(data(StatusCode::OK, &partner.ok_or_else(|| Refusal::not_found("partner"))?.json(account)))
}

fn befall(account: &mut Account, ask: &Ask<'_>, fate: Fate) -> Handled {
    bare(ask.call)?;
    let place = account.partner(&Name::Id(ask.key.to_owned())).ok_or_else(|| Refusal::not_found("partner"))?;
    account.befall(Thing::Partner(place), fate, ask.now_ms)?;
    Ok(done().with_effects(1))
}

fn by_body(fields: &mut Fields<'_>) -> Result<Name, Refusal> {
    let (key, email) = (fields.text("key", TEXT)?, fields.text("email", TEXT)?);
    let name = one_of([key.map(Name::Key), email.map(Name::Email)]);
    Ok(name.ok_or_else(|| fields.flaw("key", FlawKind::Missing))?)
}

impl Partner {
    /// The shape of seed 004.
    pub(super) fn json(&self, account: &Account) -> Value {
        let link = self.link(account);
        json!({
            "email": self.email,
            "created_at": stamp(self.life.created_ms),
            "updated_at": stamp(self.life.updated_ms),
            "name": self.name,
            "id": self.id,
            "surname": self.surname,
            "tos": false,
            "approved": self.standing == Standing::Approved,
            "status": self.status(),
            "custom_fields": [],
            "referrals_count": self.referrals,
            "tags": tags_json(&self.tags),
            "referral_link": link,
            "referral_links": [link],
        })
    }

    pub(super) fn status(&self) -> &'static str {
        match self.standing {
            _ if self.life.archived => "archived",
            Standing::Approved => "active",
            Standing::Pending => "pending",
            Standing::Rejected => "rejected",
        }
    }

    /// The landing page with the partner's key, in the program's way.
    pub(super) fn link(&self, account: &Account) -> String {
        let (page, fragment) = account.landing_url.split_once('#').unwrap_or((&account.landing_url, ""));
        let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
        let key = encode(&self.key);
        match &account.rules.link {
            Link::Query(name) => {
                let joint = if page.contains('?') { '&' } else { '?' };
                format!("{page}{joint}{}={key}{fragment}", encode(name))
            }
            Link::Path(name) => {
                let (path, query) = page.split_once('?').unwrap_or((page, ""));
                let query = if query.is_empty() { String::new() } else { format!("?{query}") };
                format!("{}/{}/{key}{query}{fragment}", path.trim_end_matches('/'), encode(name))
            }
        }
    }
}
