//! Common to all arrivals: the visitor of the cookie, the ledger's record of a touch within the site's budget, and
//! the answer's cookies. [`super::clicks`] reads arrivals of pages, [`super::links`] those of links.

use http::HeaderMap;
use http::header::HeaderValue;
use trailmark_wire::capture::Captured;
use trailmark_wire::ids::{ArrivalId, ProgramId, SiteId, TouchId, VisitorId};
use trailmark_wire::jwk::Thumbprint;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::VisitorClaims;

use super::address::ClientNetwork;
use super::cookies;
use super::problem::Problem;
use crate::app::App;
use crate::config::Site;
use crate::store::{Arrival, NewTouch, StoredTouch};

/// A checked arrival.
pub(super) struct Seen {
    /// The arrival.
    pub(super) id: ArrivalId,
    /// The browser key in the request.
    pub(super) jkt: Option<Thumbprint>,
    /// The client's network.
    pub(super) client: ClientNetwork,
    /// Whether the page was reached by reload or back/forward.
    pub(super) again: bool,
    /// What was captured, at most one for each program.
    pub(super) touches: Vec<(ProgramId, Captured)>,
    /// The landing URL, reduced to what may be stored.
    pub(super) landing_url: String,
    /// When the page was reached.
    pub(super) at: UnixMillis,
}

/// The visitor of a valid visitor cookie.
pub(super) async fn known(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    now: UnixMillis,
) -> Result<Option<VisitorId>, Problem> {
    for value in cookies::visitor_values(site, headers) {
        let verified = app.keys.verify::<VisitorClaims>(&value).await?;
        let ours = |(signer, claims): &(SiteId, VisitorClaims)| {
            *signer == site.id && claims.aud == site.id && now.seconds() < claims.exp
        };
        if let Some((_, claims)) = verified.filter(ours) {
            return Ok(Some(claims.sub));
        }
    }
    Ok(None)
}

/// A recorded arrival's newest live touch, and whether the caller certainly is its visitor.
pub(super) type Found = (StoredTouch, bool);

/// Records the captured touches and returns the visitor's newest live touch; `None` if nothing was captured or
/// nothing counted.
pub(super) async fn record(
    app: &App,
    site: &Site,
    seen: Seen,
    known_visitor: Option<VisitorId>,
    now: UnixMillis,
) -> Result<Option<Found>, Problem> {
    if seen.touches.is_empty() {
        return Ok(None);
    }
    let expires_at = seen.at.plus(site.window_ms());
    let touches = seen.touches.into_iter().map(|(program, captured)| {
        Ok(NewTouch { id: TouchId::from_parts(now, app.random.bytes()?), program, captured, expires_at })
    });
    let arrival = Arrival {
        site: site.id.clone(),
        id: seen.id,
        known_visitor,
        fresh_visitor: app.random.visitor()?,
        jkt: seen.jkt,
        again: seen.again,
        touches: touches.collect::<Result<_, Problem>>()?,
        landing_url: seen.landing_url,
        at: seen.at,
        budget: app.budget(app.config.limits.touches_per_hour, seen.client, now),
        now,
    };
    Ok(app.store.record_arrival(arrival).await?.map(|recorded| (recorded.newest, recorded.is_proved)))
}

/// Both cookies for the visitor of a live touch, with a fresh visitor token.
pub(super) async fn cookies(
    app: &App,
    site: &Site,
    found: &StoredTouch,
    now: UnixMillis,
) -> Result<Vec<HeaderValue>, Problem> {
    let life_s = cookies::life_s(found.touch.expires_at, now);
    let claims = VisitorClaims {
        iss: site.public_url.as_str().to_owned(),
        aud: site.id.clone(),
        iat: now.seconds(),
        exp: now.seconds().saturating_add(life_s),
        sub: found.visitor.clone(),
    };
    let token = app.keys.sign(&site.id, &claims, found.touch.expires_at).await?;
    Ok(cookies::set(site, &token, life_s))
}
