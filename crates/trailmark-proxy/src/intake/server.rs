//! Calls of merchants' backends: `POST v1/conversions` with an API key and an Idempotency-Key, and `GET
//! v1/conversions/{id}`. A backend is believed about money and customers. It names the visitor by click token,
//! visitor cookie or reference. An expired or unknown value is no error: the conversion is then attributed through
//! the known customer, or to nobody.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trailmark_vendors::commission::Commission;
use trailmark_wire::conversion::{Body, Conversion, Customer, Kind, Order};
use trailmark_wire::ids::{ConversionId, DeliveryId, Jti, OrderKey, ProgramId, VisitorId};
use trailmark_wire::json::ReadJson as _;
use trailmark_wire::receipt::Status;
use trailmark_wire::refusal::Refusal;
use trailmark_wire::repair::{Flaw, FreeText, Unchecked, Warning, trimmed};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::{ClickClaims, VisitorClaims};
use trailmark_wire::vendor::VendorName;

use super::accept::{Case, Rules};
use super::body::{self, Kind as Form};
use super::callers::{self, Caller};
use super::conversions::answer;
use super::problem::Problem;
use super::verify::occurred_at;
use super::warnings::Warnings;
use super::{Call, ClientNetwork};
use crate::app::App;
use crate::code::Code;
use crate::config::Site;
use crate::json::Json as Reader;
use crate::keys::crypto::sha256;
use crate::store::callers::{ServerCall, Whose};
use crate::store::operator::{ConversionDetail, DeliveryRow};
use crate::store::{Accepted, Assurance, Known, NewConversion, Ruling};

/// What a backend posts: a plain conversion, and which visitor it came from. `kind` decides which other members are
/// required.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    kind: Kind,
    customer: Option<Customer<Unchecked>>,
    order: Option<Order<Unchecked>>,
    refund_of: Option<OrderKey>,
    #[serde(default)]
    data: FreeText,
    #[serde(default)]
    test: bool,
    /// RFC 3339; now when absent. Not repaired, because it decides which touch is credited.
    occurred_at: Option<String>,
    /// The page's click token.
    click_token: Option<Unchecked>,
    /// The visitor cookie's value. `null` says that the request had no cookie.
    #[serde(default, deserialize_with = "said")]
    visitor: Option<Option<Unchecked>>,
    /// The visitor's id, from the page's `reference()`. It is no credential: pages cannot send it.
    reference: Option<Unchecked>,
}

impl Posted {
    fn conversion(&mut self, repairs: &mut Vec<Warning>) -> Result<Conversion, Problem> {
        if self.occurred_at.take_if(|text| trimmed(text).is_empty()).is_some() {
            repairs.push(Warning::new("occurred_at", Flaw::Blank));
        }
        let mut visitor = self.visitor.take_if(|said| said.is_some()).flatten();
        for (name, word) in
            [("click_token", &mut self.click_token), ("visitor", &mut visitor), ("reference", &mut self.reference)]
        {
            // Empty text counts as absent, because a missing cookie often arrives as empty text. Anything but text
            // names no visitor.
            match word {
                Some(Unchecked::Other) => repairs.push(Warning::new(name, Flaw::WrongType)),
                Some(Unchecked::Text(text)) if trimmed(text).is_empty() => {
                    *word = None;
                    repairs.push(Warning::new(name, Flaw::Blank));
                }
                Some(Unchecked::Text(_)) | None => {}
            }
        }
        self.visitor = visitor.map(Some).or_else(|| self.visitor.take());
        let body = Body {
            kind: self.kind,
            customer: self.customer.take(),
            signed_customer: None,
            order: self.order.take(),
            signed_order: None,
            refund_of: self.refund_of.take(),
            data: std::mem::take(&mut self.data),
            test: self.test,
        };
        Ok(Conversion::from_body(body, repairs)?)
    }

    fn occurred_at(&self) -> Result<Option<UnixMillis>, Problem> {
        let read = self.occurred_at.as_deref().map(UnixMillis::from_rfc3339).transpose();
        read.map_err(|error| Problem::malformed("occurred_at", &format!("is {error}")))
    }
}

/// Reads a member that is present, even as `null`.
fn said<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<Unchecked>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// What a call's visitor values name, once they are verified.
#[derive(Debug, Default)]
struct Named {
    /// The first visitor that a valid value names.
    visitor: Option<VisitorId>,
    /// The first visitor that an expired value names.
    former: Option<VisitorId>,
    /// The click token, if it is valid.
    token: Option<ClickClaims>,
    /// Code of the first value that names no visitor.
    unknown: Option<Code>,
}

impl Named {
    fn add(&mut self, word: Result<VisitorId, Code>) {
        match word {
            Ok(visitor) => self.visitor = self.visitor.take().or(Some(visitor)),
            Err(code) => self.unknown = self.unknown.or(Some(code)),
        }
    }

    /// Adds a signed value; an expired one still names its visitor.
    fn add_signed(&mut self, word: Option<(VisitorId, i64)>, now: UnixMillis, invalid: Code, over: Code) {
        match word {
            None => self.add(Err(invalid)),
            Some((visitor, exp)) if exp <= now.seconds() => {
                self.former = self.former.take().or(Some(visitor));
                self.add(Err(over));
            }
            Some((visitor, _)) => self.add(Ok(visitor)),
        }
    }

    fn whose(&self, posted: &Posted) -> Whose {
        match (&self.visitor, &self.former) {
            (Some(visitor), _) => Whose::Visitor(visitor.clone()),
            (None, Some(former)) => Whose::Former(former.clone()),
            (None, None) if matches!(posted.visitor, Some(None)) && self.unknown.is_none() => Whose::Nobody,
            (None, None) => Whose::Unsaid,
        }
    }
}

/// `POST v1/conversions` with an API key.
pub(super) async fn accept(app: &App, call: Call) -> Result<Response, Problem> {
    let caller = callers::known(app, &call.headers, call.client).await?;
    let idempotency_key = callers::idempotency_key(&call.headers)?;
    // Until the answer, another call with the same key is told to try again.
    let _answering = app.in_flight.begin(&caller, idempotency_key)?;
    let text = body::read(&call.headers, call.body).await?;
    if body::kind(&call.headers)? != Form::Json {
        return Err(Problem::malformed("content-type", "must be application/json in a call with an API key"));
    }
    let mut posted: Posted = Reader.read(text.as_bytes())?;
    let mut repairs = Vec::new();
    let conversion = posted.conversion(&mut repairs)?;
    let warnings = Warnings::of(app, caller.site, &conversion, repairs);
    let now = app.clock.now();
    let named = named(app, caller.site, &posted, now).await?;
    let at = occurred(caller.site, &posted, &named, now)?;
    let new = new(app, &caller, conversion, at, now)?;
    let whose = named.whose(&posted);
    let case = Case::of(&new, None, named.token.map(|claims| (claims.program, claims.exp)));
    let rules = Rules::of(caller.site, &app.config.limits);
    let (unknown, is_unnamed) = (named.unknown, !matches!(whose, Whose::Visitor(_) | Whose::Former(_)));
    let rule = move |known: &_| {
        let ruling = rules.rule(&case, known)?;
        let unknown = unknown.or((is_unnamed && is_unknown(case.kind, known)).then_some(Code::CustomerUnknown));
        Ok(warnings.on(explained(ruling, unknown), known))
    };
    let server_call = ServerCall { api_key: caller.key, idempotency_key, whose };
    match app.store.accept_from_server(new, server_call, Box::new(rule)).await? {
        Accepted::Mismatch => {
            let cure = "use a new Idempotency-Key for another conversion, and the same content for a repeat";
            Err(Problem::new(Refusal::IdempotencyMismatch).with_detail(cure))
        }
        accepted => answer(app, accepted),
    }
}

fn new(
    app: &App,
    caller: &Caller<'_>,
    conversion: Conversion,
    occurred_at: UnixMillis,
    now: UnixMillis,
) -> Result<NewConversion, Problem> {
    let id = Jti::from_parts(now, app.random.bytes()?);
    Ok(NewConversion {
        site: caller.site.id.clone(),
        id: id.clone().into(),
        visitor: app.random.visitor()?,
        // A server's replay key is its Idempotency-Key, so the `jti` is our own id.
        jti: id,
        content_hash: sha256(&conversion.canonical(&caller.site.id)),
        conversion,
        occurred_at,
        received_at: now,
        assurance: Assurance::Server,
        budget: None,
    })
}

/// Verifies click token, visitor cookie and reference, in this order.
async fn named(app: &App, site: &Site, posted: &Posted, now: UnixMillis) -> Result<Named, Problem> {
    let mut named = Named::default();
    if let Some(token) = &posted.click_token {
        let verified = app.keys.verify::<ClickClaims>(token.as_text()).await?;
        let claims = verified.filter(|(signer, claims)| *signer == site.id && claims.aud == site.id);
        let claims = claims.map(|(_, claims)| claims);
        let word = claims.as_ref().map(|claims| (claims.sub.clone(), claims.exp));
        named.add_signed(word, now, Code::TokenInvalid, Code::TokenExpired);
        named.token = claims.filter(|claims| now.seconds() < claims.exp);
    }
    if let Some(Some(cookie)) = &posted.visitor {
        let verified = app.keys.verify::<VisitorClaims>(cookie.as_text()).await?;
        let claims = verified.filter(|(signer, claims)| *signer == site.id && claims.aud == site.id);
        let word = claims.map(|(_, claims)| (claims.sub, claims.exp));
        named.add_signed(word, now, Code::VisitorInvalid, Code::VisitorExpired);
    }
    if let Some(reference) = &posted.reference {
        // The store looks the reference up while it accepts the conversion; this code applies if it finds none.
        named.add(VisitorId::new(reference.as_text()).map_err(|_shape| Code::ReferenceUnknown));
        named.unknown = named.unknown.or(Some(Code::ReferenceUnknown));
    }
    Ok(named)
}

/// Time of the conversion: not before the click token's touch, never in the future.
fn occurred(site: &Site, posted: &Posted, named: &Named, now: UnixMillis) -> Result<UnixMillis, Problem> {
    let said = posted.occurred_at()?.unwrap_or(now).min(now);
    Ok(named.token.as_ref().map_or(said, |claims| said.max(occurred_at(i64::MIN, claims, site.window_ms(), now))))
}

/// Whether what follows a signup has none to follow. A signup itself follows nothing.
fn is_unknown(kind: Kind, known: &Known) -> bool {
    matches!(kind, Kind::Lead | Kind::Sale) && !known.is_customer_known
}

/// When no touch was found, replaces the code by the reason why the caller's values name no visitor.
fn explained(mut ruling: Ruling, unknown: Option<Code>) -> Ruling {
    let nobody = ruling.receipt.code.as_deref() == Some(Code::NoTouch.as_str());
    if let (true, Some(code)) = (nobody, unknown) {
        ruling.receipt.code = Some(code.as_str().to_owned());
    }
    ruling
}

/// A conversion as the site's backend reads it.
#[derive(Serialize)]
struct Shown {
    conversion_id: ConversionId,
    kind: Kind,
    external_id: Option<String>,
    status: Status,
    code: Option<String>,
    assurance: String,
    occurred_at: String,
    received_at: String,
    decision: Value,
    deliveries: Vec<ShownDelivery>,
    warnings: Vec<Warning>,
}

#[derive(Serialize)]
struct ShownDelivery {
    id: DeliveryId,
    program: ProgramId,
    vendor: VendorName,
    state: String,
    reason: Option<String>,
    attempts: u32,
    due_at: Option<String>,
    reference: Option<String>,
    commission: Commission,
    commission_reason: Option<String>,
    commission_at: Option<String>,
}

/// `GET v1/conversions/{id}`.
pub(super) async fn show(
    app: &App,
    headers: &http::HeaderMap,
    client: ClientNetwork,
    id: &str,
) -> Result<Response, Problem> {
    let caller = callers::known(app, headers, client).await?;
    let unknown = || Problem::new(Refusal::NotFound).with_detail("no conversion of this site has that id");
    let id = ConversionId::new(id).map_err(|_shape| unknown())?;
    let found = app.store.conversion_of(caller.site.id.clone(), id).await?.ok_or_else(unknown)?;
    Ok((StatusCode::OK, Json(Shown::of(found))).into_response())
}

impl Shown {
    fn of(found: ConversionDetail) -> Self {
        let ConversionDetail { conversion, occurred_at, decision, deliveries, warnings, .. } = found;
        Self {
            conversion_id: conversion.id,
            kind: conversion.kind,
            external_id: conversion.external_id,
            status: conversion.status,
            code: conversion.code,
            assurance: conversion.assurance,
            occurred_at: occurred_at.to_rfc3339(),
            received_at: conversion.received_at.to_rfc3339(),
            decision,
            deliveries: deliveries.into_iter().map(ShownDelivery::of).collect(),
            warnings,
        }
    }
}

impl ShownDelivery {
    fn of(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            program: row.program,
            vendor: row.vendor,
            state: row.state,
            reason: row.reason,
            attempts: row.attempts,
            due_at: row.due_at,
            reference: row.reference,
            commission: row.commission,
            commission_reason: row.commission_reason,
            commission_at: row.commission_at,
        }
    }
}
