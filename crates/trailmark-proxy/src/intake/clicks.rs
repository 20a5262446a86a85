//! `v1/clicks`: an arrival gives touches, a click token and the two cookies. Without a touch in the request, the live touch
//! of visitor cookie or carrier is the answer; without that, the page hears whether the token that it keeps still counts.
//! Reads and checks the request in the order of design § 3.6, records it, signs. The ledger chooses the visitor's newest
//! touch; the wire reads URLs.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::header::{HeaderMap, SET_COOKIE};
use http::{StatusCode, Uri};
use trailmark_wire::capture::{Rule, capture};
use trailmark_wire::click::{ClickAnswer, ClickRequest};
use trailmark_wire::ids::{Jti, SiteId, VisitorId};
use trailmark_wire::json::ReadJson as _;
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::landing::Landing;
use trailmark_wire::limits::{ARRIVAL_AGE_MS, COOKIE_BYTES, COOKIES, URL_BYTES};
use trailmark_wire::refusal::Refusal;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::{ClickClaims, Confirmation};
use trailmark_wire::vendor::VendorName;
use url::Url;

use super::Call;
use super::address::ClientNetwork;
use super::origin::{self, Readers};
use super::problem::Problem;
use super::visitor::{self, Found, Seen};
use super::{body, carriers, cookies, says_no};
use crate::app::App;
use crate::config::Site;
use crate::json::Json as Reader;
use crate::keys::crypto::{is_on_curve, thumbprint};
use crate::store::StoredTouch;
use crate::store::carriers::Carried;

/// `POST v1/clicks`.
pub(super) async fn record(app: &App, call: Call, readers: &mut Readers) -> Result<Response, Problem> {
    let text = body::read(&call.headers, call.body).await?;
    app.rates.take(call.client)?;
    body::kind(&call.headers)?;
    let request: ClickRequest = Reader.read(text.as_bytes())?;
    let site = site(app, &request.site)?;
    *readers = Readers::Of(site.id.clone());
    app.rates.take_at(&site.id, call.client)?;
    origin::check(site, &call.headers)?;
    if says_no(&call.headers) {
        return Ok(nothing(site, &call.headers));
    }
    let now = app.clock.now();
    let known = visitor::known(app, site, &call.headers, now).await?;
    let seen = seen(site, &request, call.client, now)?;
    let carried = carriers::carried(app, site, &request, now).await?;
    let known = match &carried {
        Carried::First(visitor) => {
            // Of several visitors the one who was touched last. A token is no proof, but the page keeps it.
            let kept = kept(app, site, &request).await?;
            let [own, kept] = [live(app, site, known.as_ref(), now).await?, live(app, site, kept.as_ref(), now).await?];
            match later(later(own, kept), live(app, site, Some(visitor), now).await?) {
                Some(last) if last.visitor == *visitor => Some(last.visitor),
                Some(_) | None => known,
            }
        }
        Carried::Again(_) | Carried::Spent | Carried::Unknown => known,
    };
    match visitor::record(app, site, seen, known.clone(), now).await? {
        Some(found) => answer(app, site, &request, StatusCode::CREATED, found, now).await,
        None => {
            let own = live(app, site, known.as_ref(), now).await?;
            let again = match &carried {
                Carried::Again(visitor) => live(app, site, Some(visitor), now).await?,
                Carried::First(_) | Carried::Spent | Carried::Unknown => None,
            };
            match later(own, again) {
                Some(touch) => {
                    let is_proved = known.as_ref() == Some(&touch.visitor);
                    answer(app, site, &request, StatusCode::OK, (touch, is_proved), now).await
                }
                None if counts(app, site, &request, now).await? => Ok(nothing(site, &call.headers)),
                None => {
                    let mut response = nothing(site, &call.headers);
                    *response.status_mut() = StatusCode::RESET_CONTENT;
                    Ok(response)
                }
            }
        }
    }
}

/// The newest live touch of a visitor, if there is one.
async fn live(
    app: &App,
    site: &Site,
    visitor: Option<&VisitorId>,
    now: UnixMillis,
) -> Result<Option<StoredTouch>, Problem> {
    match visitor {
        Some(visitor) => Ok(app.store.live_touch(site.id.clone(), visitor.clone(), now).await?),
        None => Ok(None),
    }
}

/// The later of two touches; of two at the same time the second.
fn later(own: Option<StoredTouch>, carried: Option<StoredTouch>) -> Option<StoredTouch> {
    own.into_iter().chain(carried).max_by_key(|stored| stored.touch.at)
}

/// Whether the page may keep the token that it sent: it leads to a live touch of this ledger. Also true for a page that sent no
/// token.
async fn counts(app: &App, site: &Site, request: &ClickRequest, now: UnixMillis) -> Result<bool, Problem> {
    let kept = kept(app, site, request).await?;
    Ok(request.click_token.is_none() || live(app, site, kept.as_ref(), now).await?.is_some())
}

/// The visitor of the token that the page sent, unless the token is bound to another key than the browser's.
async fn kept(app: &App, site: &Site, request: &ClickRequest) -> Result<Option<VisitorId>, Problem> {
    let Some(token) = &request.click_token else { return Ok(None) };
    let verified = app.keys.verify::<ClickClaims>(token).await?;
    let ours = |(signer, claims): &(SiteId, ClickClaims)| *signer == site.id && claims.aud == site.id;
    let Some((_, claims)) = verified.filter(ours) else { return Ok(None) };
    let is_bound_elsewhere = claims.cnf.zip(request.jwk.as_ref()).is_some_and(|(cnf, jwk)| cnf.jkt != thumbprint(jwk));
    Ok((!is_bound_elsewhere).then_some(claims.sub))
}

/// `DELETE v1/clicks`: expires the cookies of the site in `?site=`, otherwise of all sites with the page's origin.
pub(super) async fn forget(app: &App, call: Call, uri: &Uri, readers: &mut Readers) -> Result<Response, Problem> {
    body::read(&call.headers, call.body).await?;
    app.rates.take(call.client)?;
    let named = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("site=")));
    let sites = match named {
        Some(id) => {
            let id = SiteId::new(id).map_err(|error| Problem::malformed("site", &format!("is {error}")))?;
            let site = site(app, &id)?;
            *readers = Readers::Of(id);
            app.rates.take_at(&site.id, call.client)?;
            origin::check(site, &call.headers)?;
            vec![site]
        }
        None => {
            let all = app.config.sites.iter();
            let sites: Vec<&Site> = all.filter(|site| origin::is_own(site, &call.headers)).collect();
            if sites.is_empty() { Err(Refusal::OriginNotAllowed)? } else { sites }
        }
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    for cookie in sites.into_iter().flat_map(cookies::clear) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn site<'a>(app: &'a App, id: &SiteId) -> Result<&'a Site, Problem> {
    let cure = "`site` (`data-site` on the page) must be an `id` under [[sites]] in trailmark.toml";
    app.config.site(id).ok_or_else(|| Problem::new(Refusal::SiteUnknown).with_detail(cure))
}

/// The checked arrival of a request.
fn seen(site: &Site, request: &ClickRequest, client: ClientNetwork, now: UnixMillis) -> Result<Seen, Problem> {
    let landing = landing(site, &request.url)?;
    if request.referrer.as_ref().is_some_and(|referrer| referrer.len() > URL_BYTES) {
        return Err(Problem::malformed("referrer", "is longer than 8,192 bytes"));
    }
    check_cookies(site, request)?;
    if request.jwk.as_ref().is_some_and(|jwk| !is_on_curve(jwk)) {
        return Err(Problem::malformed("jwk", "is not a point on P-256"));
    }
    // Empty from an older sdk.js beside a newer stub, which leaves the time to sdk.js.
    let said = request.at.as_deref().filter(|at| !at.is_empty()).map(UnixMillis::from_rfc3339).transpose();
    let said = said.map_err(|error| Problem::malformed("at", &format!("is {error}")))?.unwrap_or(now);
    let rules: Vec<Rule<'_>> = site.programs.iter().map(|program| program.rule()).collect();
    let cookie = |name: &str| request.cookies.get(name).map(|value| value.into());
    let captured = site
        .programs
        .iter()
        .filter_map(|program| Some((program.id.clone(), capture(&landing, cookie, &program.rule())?)));
    Ok(Seen {
        id: request.id.clone(),
        jkt: request.jwk.as_ref().map(thumbprint),
        client,
        again: request.again,
        touches: captured.collect(),
        landing_url: landing.stored(&rules),
        at: UnixMillis(said.0.clamp(now.0.saturating_sub(ARRIVAL_AGE_MS), now.0)),
    })
}

/// The landing URL, which must be on the site.
fn landing<'r>(site: &Site, url: &'r str) -> Result<Landing<'r>, Problem> {
    let landing = Landing::parse(url).map_err(|error| Problem::malformed("url", &format!("is {error}")))?;
    // Parsed again as browsers do, so that its origin cannot differ between us and a browser.
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
    match origin.is_ok_and(|origin| site.allows(&origin) && origin == landing.origin()) {
        true => Ok(landing),
        false => Err(Problem::malformed("url", "is on no allowed origin of the site")),
    }
}

/// Only cookies that some vendor's capture rule names may be sent.
fn check_cookies(site: &Site, request: &ClickRequest) -> Result<(), Problem> {
    let known = |name: &str| {
        VendorName::all().any(|vendor| Rule { vendor: Some(vendor), params: &[] }.names_cookie(name))
            || site.programs.iter().any(|p| p.rule().names_cookie(name))
    };
    if request.cookies.len() > COOKIES || request.cookies.values().any(|value| value.len() > COOKIE_BYTES) {
        return Err(Problem::malformed("cookies", "must be at most 16, of at most 4,096 bytes each"));
    }
    match request.cookies.names().all(known) {
        true => Ok(()),
        false => Err(Problem::malformed("cookies", "have a name that no capture rule uses")),
    }
}

/// Token and cookies for a touch.
async fn answer(
    app: &App,
    site: &Site,
    request: &ClickRequest,
    status: StatusCode,
    (found, is_proved): Found,
    now: UnixMillis,
) -> Result<Response, Problem> {
    // A cookie can bind any key, so only a proved visitor gets one; the token works only with its own key.
    let cookies = if is_proved { visitor::cookies(app, site, &found, now).await? } else { Vec::new() };
    let StoredTouch { touch, visitor, .. } = found;
    let click_claims = ClickClaims {
        iss: site.public_url.as_str().to_owned(),
        aud: site.id.clone(),
        iat: now.seconds(),
        exp: touch.expires_at.seconds(),
        jti: Jti::from_parts(now, app.random.bytes()?),
        sub: visitor,
        program: touch.program.clone(),
        partner: touch.partner.clone(),
        cnf: request.jwk.as_ref().map(confirmation),
    };
    let click_token = app.keys.sign(&site.id, &click_claims, touch.expires_at).await?;
    let (program, partner) = (touch.program, touch.partner);
    let carry_to = site.carry_to(&landing(site, &request.url)?.origin());
    let answer = ClickAnswer { click_token, expires_at: touch.expires_at, at: touch.at, program, partner, carry_to };
    let mut response = (status, Json(answer)).into_response();
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

fn confirmation(jwk: &EcPublicJwk) -> Confirmation {
    Confirmation { jkt: thumbprint(jwk) }
}

/// 204; expires useless cookies.
fn nothing(site: &Site, headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if cookies::has_any(site, headers) {
        for cookie in cookies::clear(site) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}
