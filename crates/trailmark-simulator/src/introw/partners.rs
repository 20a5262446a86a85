//! Partners: the list of seed 003, and the calls of vendors-2.md § 2 that create, read and change one. None deletes one.
//!
//! Guesses: the id of a tier, phase, owner or template must be one of the account's; `PATCH` takes the fields of
//! `POST`, and of these only the domain may be null; an id that no look-up shows is 404. `POST` finds a partner by
//! domain, otherwise by name, in any case of letters, and then overwrites what the body has: a client that does not
//! look first may change somebody else's domain.

use http::StatusCode;
use serde_json::{Value, json};

use super::paging::Paging;
use super::seed::{OWNERS, PHASES, TEMPLATES, TIERS};
use super::state::{Account, Partner, Rules};
use super::validate::{ANY_TEXT, Refusal, finish_change, nullable_text, word};
use crate::call::{Answer, Call};
use crate::clock::iso_date;
use crate::fields::{Fields, Flaw, FlawKind, only};

const NAME_LENGTH: usize = 200;

/// What a body says about a partner; absent fields stay.
struct Change {
    name: Option<String>,
    domain: Option<Option<String>>,
    portal_access: Option<String>,
    tier_id: Option<String>,
    phase_id: Option<String>,
    owner_id: Option<String>,
    template_id: Option<String>,
}

pub(super) fn list(account: &Account, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let paging = Paging::of(call, "partners", &[])?;
    let shown = account.partners.iter().enumerate().filter(|(_, one)| one.is_shown(now_ms));
    let page = paging.page(shown.map(|(place, _)| place));
    Ok(Answer::json(StatusCode::OK, &page.json(|place| Some(json(account.partners.get(place)?)))))
}

pub(super) fn read(account: &Account, call: &Call, key: &str, now_ms: i64) -> Result<Answer, Refusal> {
    only(call, &[])?;
    Ok(answer(account, StatusCode::OK, account.partner(key, now_ms)?))
}

/// 201 for a new partner, 200 for one that was there.
pub(super) fn create(account: &mut Account, rules: &Rules, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let change = Change::read(call)?;
    let name = change.name.clone().ok_or_else(|| Flaw::new("name", FlawKind::Missing))?;
    let domain = change.domain.clone().flatten();
    let same = |one: &Option<String>, other: &str| one.as_ref().is_some_and(|one| one.eq_ignore_ascii_case(other));
    let live = || account.partners.iter().enumerate().filter(|(_, one)| !one.is_removed);
    let by_domain = live().find(|(_, one)| domain.as_ref().is_some_and(|domain| same(&one.domain, domain)));
    let matched = by_domain.or_else(|| live().find(|(_, one)| same(&one.name, &name)));
    if let Some(place) = matched.map(|(place, _)| place).filter(|_| rules.dedupe) {
        let effects = apply(account, place, change, now_ms);
        return Ok(answer(account, StatusCode::OK, place).with_effects(effects));
    }
    let visible_ms = now_ms.saturating_add(rules.visible_after_ms);
    let partner = Partner { visible_ms, ..blank(account, now_ms) };
    let place = account.add_partner(partner);
    apply(account, place, change, now_ms);
    Ok(answer(account, StatusCode::CREATED, place).with_effects(1))
}

pub(super) fn change(account: &mut Account, call: &Call, key: &str, now_ms: i64) -> Result<Answer, Refusal> {
    let change = Change::read(call)?;
    let place = account.partner(key, now_ms)?;
    let effects = apply(account, place, change, now_ms);
    Ok(answer(account, StatusCode::OK, place).with_effects(effects))
}

/// Adds a partner as somebody in the app would; returns the id.
pub(super) fn add_any(account: &mut Account, now_ms: i64) -> String {
    let number = account.partners.len();
    let partner = Partner {
        name: Some(format!("Late Partner {number}")),
        domain: Some(format!("late-{number}.example")),
        manager_email: Some(format!("manager@late-{number}.example")),
        ..blank(account, now_ms)
    };
    let id = partner.id.clone();
    account.add_partner(partner);
    id
}

impl Change {
    fn read(call: &Call) -> Result<Self, Refusal> {
        let mut fields = Fields::of(call)?;
        let change = Self {
            name: fields.text("name", 1..=NAME_LENGTH)?,
            domain: nullable_text(&mut fields, "domain", ANY_TEXT)?,
            portal_access: word(&mut fields, "portalAccess", &["RESTRICTED_USERS", "RESTRICTED_DOMAINS"])?,
            tier_id: word(&mut fields, "tierId", &TIERS)?,
            phase_id: word(&mut fields, "phaseId", &PHASES)?,
            owner_id: word(&mut fields, "partnerOwnerId", &OWNERS)?,
            template_id: word(&mut fields, "experienceTemplateId", &TEMPLATES)?,
        };
        finish_change(fields, call)?;
        Ok(change)
    }
}

/// Changes a partner and returns the number of effects, 0 or 1. `portalAccess` acts only together with a template.
fn apply(account: &mut Account, place: usize, change: Change, now_ms: i64) -> u64 {
    let Some(partner) = account.partners.get_mut(place) else { return 0 };
    let before = partner.clone();
    partner.name = change.name.or_else(|| before.name.clone());
    partner.domain = change.domain.unwrap_or_else(|| before.domain.clone());
    partner.tier_id = change.tier_id.or_else(|| before.tier_id.clone());
    partner.phase_id = change.phase_id.or_else(|| before.phase_id.clone());
    partner.owner_id = change.owner_id.or_else(|| before.owner_id.clone());
    if change.template_id.is_some() {
        partner.template_id = change.template_id;
        partner.portal_access = change.portal_access.or_else(|| before.portal_access.clone());
    }
    let is_changed = *partner != before;
    if is_changed {
        partner.updated_ms = now_ms;
    }
    u64::from(is_changed)
}

fn blank(account: &mut Account, now_ms: i64) -> Partner {
    Partner {
        id: account.mint("ptn_"),
        name: None,
        domain: None,
        external_company_id: None,
        external_id: None,
        manager_email: None,
        categories: Vec::new(),
        tier_id: None,
        phase_id: None,
        owner_id: None,
        portal_access: None,
        template_id: None,
        room_id: account.mint("room_"),
        is_sparse: false,
        is_active: true,
        is_removed: false,
        created_ms: Some(now_ms),
        updated_ms: now_ms,
        visible_ms: now_ms,
    }
}

/// As seed 003 has it: `owner` and `manager` are records of unknown shape, and the CRM's properties are raw.
pub(super) fn json(partner: &Partner) -> Value {
    let status = if partner.is_active { "active" } else { "inactive" };
    let created = partner.created_ms.map(iso_date);
    if partner.is_sparse {
        return json!({ "id": partner.id, "name": partner.name, "domain": partner.domain, "createdAt": created });
    }
    let crm = partner.external_id.as_ref().map(|_| json!({ "name": partner.name }));
    json!({
        "id": partner.id,
        "name": partner.name,
        "domain": partner.domain,
        "externalCompanyId": partner.external_company_id,
        "externalId": partner.external_id,
        "externalIdType": partner.external_id.as_ref().map(|_| "PARTNER"),
        "managerEmail": partner.manager_email,
        "categories": partner.categories,
        "tierId": partner.tier_id,
        "phaseId": partner.phase_id,
        "owner": partner.owner_id.as_ref().map(|id| json!({ "id": id })),
        "manager": partner.manager_email.as_ref().map(|email| json!({ "email": email })),
        "partnerObjectCrmProperties": crm,
        "companyCrmProperties": partner.external_company_id.as_ref().map(|_| json!({ "domain": partner.domain })),
        "crmProperties": crm,
        "status": status,
        "createdAt": created,
        "updatedAt": iso_date(partner.updated_ms),
    })
}

fn answer(account: &Account, status: StatusCode, place: usize) -> Answer {
    Answer::json(status, &json!({ "data": account.partners.get(place).map(json) }))
}
