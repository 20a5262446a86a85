//! Common to what pages sign: conversions and carriers. Reads the body, and checks site, rate, origin and token in the order
//! of design § 3.6. [`super::verify`] decides what is believed.

use axum::body::Body;
use http::HeaderMap;
use trailmark_wire::envelope::Posted;
use trailmark_wire::refusal::Refusal;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::ClickClaims;

use super::address::ClientNetwork;
use super::body::{self, Kind};
use super::origin::{self, Readers};
use super::problem::Problem;
use super::verify::verify;
use crate::app::App;
use crate::config::Site;
use crate::store::Assurance;

/// The body's text, after its size, the client's rate and its type.
pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body, client: ClientNetwork) -> Result<String, Problem> {
    let text = body::read(headers, body).await?;
    app.rates.take(client)?;
    if body::kind(headers)? == Kind::Json {
        let cure = "pages send text/plain; a backend sends its API key as `Authorization: Bearer`";
        return Err(Problem::new(Refusal::Unauthenticated).with_detail(cure));
    }
    Ok(text)
}

/// Whose envelope it is: the site, and what its token says of the visitor.
pub(super) async fn checked<'a, D>(
    app: &'a App,
    headers: &HeaderMap,
    client: ClientNetwork,
    posted: &Posted<'_, D>,
    readers: &mut Readers,
    now: UnixMillis,
) -> Result<(&'a Site, ClickClaims, Assurance), Problem> {
    let site = app.config.site(&posted.payload().aud).ok_or(Refusal::AudienceMismatch)?;
    *readers = Readers::Of(site.id.clone());
    app.rates.take_at(&site.id, client)?;
    origin::check(site, headers)?;
    let verified = app.keys.verify::<ClickClaims>(&posted.payload().token).await?;
    let claims = verified.filter(|(signer, claims)| *signer == claims.aud).map(|(_, claims)| claims);
    let claims = claims.ok_or(Refusal::TokenInvalid)?;
    let assurance = verify(posted, &claims, now)?;
    Ok((site, claims, assurance))
}
