//! Whose page asks: the `Origin` header against a site's list, and the CORS headers of every answer, refusals included. An
//! origin is allowed by exact equality; there are no patterns.

use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, HeaderMap,
    HeaderValue, ORIGIN, VARY,
};
use trailmark_wire::ids::SiteId;
use trailmark_wire::refusal::Refusal;

use super::problem::Problem;
use crate::config::{Config, Site};

/// Which sites' origins may read an answer; handlers leave it on the response.
#[derive(Debug, Clone, Default)]
pub(crate) enum Readers {
    /// Those of every site: the request was refused before its site was known.
    #[default]
    AllSites,
    /// Those of one site.
    Of(SiteId),
}

/// Lets a browser's request in whose page is the site's own.
pub(crate) fn check(site: &Site, headers: &HeaderMap) -> Result<(), Problem> {
    let allowed = match text(headers, &ORIGIN) {
        // A page with `Referrer-Policy: no-referrer` sends `null` even to itself; the browser vouches for it elsewhere.
        Some("null") => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
        Some(origin) => site.allows(origin),
        None => false,
    };
    let cure = "add the page's origin to `origins` of the site in trailmark.toml";
    allowed.then_some(()).ok_or_else(|| Problem::new(Refusal::OriginNotAllowed).with_detail(cure))
}

/// The origin that may read the answer, where there is one; never where an API key was shown, which no page may hold.
pub(crate) fn reader<'h>(config: &Config, readers: &Readers, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
    let origin = text(headers, &ORIGIN).filter(|_| !headers.contains_key(AUTHORIZATION))?;
    let allowed = config.sites.iter().any(|site| match readers {
        Readers::AllSites => site.allows(origin),
        Readers::Of(id) => site.id == *id && site.allows(origin),
    });
    allowed.then(|| headers.get(ORIGIN)).flatten()
}

/// Says who may read an answer.
pub(crate) fn share(response: &mut Response, reader: Option<&HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = reader {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
}

/// What a preflight from an allowed origin is told.
pub(crate) fn preflight(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

/// The only value of a header, as text; two of them are none.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}
