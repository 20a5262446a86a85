//! `POST v1/conversions` from browsers: turns an envelope into a verified conversion, a ruling and a receipt. Checks
//! in the order of design § 3.6. [`super::envelopes`] checks whose envelope it is, [`super::merchant`] the merchant's
//! statements; [`super::accept`] decides the result. [`super::server`] handles calls with an API key and uses [`answer`]
//! too.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use trailmark_wire::conversion::Conversion;
use trailmark_wire::envelope::Posted;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::receipt::{Receipt, Status};
use trailmark_wire::refusal::Refusal;

use super::accept::{Case, Rules, may_say};
use super::merchant::believe;
use super::origin::Readers;
use super::problem::Problem;
use super::verify::occurred_at;
use super::warnings::Warnings;
use super::{Call, SEEN, envelopes, host, seen};
use crate::app::App;
use crate::json::Json as Reader;
use crate::keys::crypto::sha256;
use crate::store::{Accepted, NewConversion};

/// `POST v1/conversions`.
pub(super) async fn accept(app: &App, call: Call, readers: &mut Readers) -> Result<Response, Problem> {
    let text = envelopes::read(app, &call.headers, call.body, call.client).await?;
    let posted = Posted::parse(&text, &Reader)?;
    let now = app.clock.now();
    let (site, claims, assurance) = envelopes::checked(app, &call.headers, call.client, &posted, readers, now).await?;

    let payload = posted.into_payload();
    let mut repairs = Vec::new();
    let conversion = Conversion::from_body(payload.data, &mut repairs)?;
    if !may_say(&conversion) {
        return Err(Refusal::NotAllowed.into());
    }
    // The merchant's statements are part of the posted content, so the hash covers their text.
    let content_hash = sha256(&conversion.canonical(&site.id));
    let is_own_host = call.host.as_deref().is_some_and(|host| host::is_own(site, host));
    let seen = if conversion.test { seen(call.told, is_own_host) } else { None };
    let (conversion, doubt) = believe(conversion, site, now, &mut repairs);
    let warnings = Warnings::of(app, site, &conversion, repairs);
    let new = NewConversion {
        site: site.id.clone(),
        // The page's own id, so that page, ledger and commands use the same.
        id: payload.jti.clone().into(),
        visitor: claims.sub.clone(),
        jti: payload.jti,
        content_hash,
        conversion,
        occurred_at: occurred_at(payload.iat, &claims, site.window_ms(), now),
        received_at: now,
        assurance,
        budget: Some(app.budget(app.config.limits.held_per_hour, call.client, now)),
    };
    let rules = Rules::of(site, &app.config.limits);
    let touch = (claims.program, claims.exp);
    let accept = async |new: NewConversion| {
        let (case, rules) = (Case::of(&new, doubt, Some(touch.clone())), rules.clone());
        let warnings = warnings.clone();
        let rule = move |known: &_| Ok(warnings.on(rules.rule(&case, known)?, known));
        app.store.accept(new, Box::new(rule)).await
    };
    let mut answered = match accept(new.clone()).await? {
        Accepted::IdTaken => {
            let new = NewConversion { id: ConversionId::from_parts(now, app.random.bytes()?), ..new };
            answer(app, accept(new).await?)
        }
        accepted => answer(app, accepted),
    }?;
    answered.headers_mut().extend(seen.map(|seen| (SEEN, seen)));
    Ok(answered)
}

/// The answer to a committed conversion.
pub(super) fn answer(app: &App, accepted: Accepted) -> Result<Response, Problem> {
    match accepted {
        // A fresh ledger id cannot be taken.
        Accepted::IdTaken => Err(Refusal::Unavailable.into()),
        Accepted::Mismatch => Err(Refusal::JtiMismatch.into()),
        Accepted::Replayed(receipt) => {
            Ok((StatusCode::OK, Json(Receipt { replayed: true, ..receipt })).into_response())
        }
        Accepted::New(receipt) => {
            let (id, status) = (&receipt.conversion_id, receipt.status.as_str());
            let code = receipt.code.as_deref().unwrap_or_default();
            tracing::info!(conversion.id = %id, status, code, deliveries = receipt.deliveries.len(), "conversion recorded");
            if !receipt.deliveries.is_empty() {
                app.committed();
            }
            let status = if receipt.status == Status::Duplicate { StatusCode::OK } else { StatusCode::ACCEPTED };
            Ok((status, Json(receipt)).into_response())
        }
    }
}
