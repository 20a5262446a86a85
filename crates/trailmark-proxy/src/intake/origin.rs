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

/// The longest host name that DNS knows, with a port.
const HOST_BYTES: usize = 253 + ":65535".len();

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
    if is_own(site, headers) {
        return Ok(());
    }
    let problem = Problem::new(Refusal::OriginNotAllowed);
    let Some(origin) = text(headers, &ORIGIN).filter(|origin| is_nameable(origin)) else {
        return Err(problem.with_detail("add the page's origin to `origins` of the site in trailmark.toml"));
    };
    tracing::info!(site = %site.id, origin, "a page's origin is not in the site's `origins`");
    let cure = format!("`{origin}` is not in `origins` of site `{}`: add it in trailmark.toml, exactly", site.id);
    Err(problem.with_detail(cure))
}

/// Whether the page that asks is the site's own.
pub(crate) fn is_own(site: &Site, headers: &HeaderMap) -> bool {
    match text(headers, &ORIGIN) {
        // A page with `Referrer-Policy: no-referrer` sends `null` even to itself; the browser vouches for it elsewhere.
        Some("null") => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
        Some(origin) => site.allows(origin),
        None => false,
    }
}

/// Whether a log and an answer may name what a caller sent: a scheme and a host of usual length, and nothing that could be
/// a credential, a path or a line of its own.
fn is_nameable(origin: &str) -> bool {
    let host = ["https://", "http://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.is_some_and(|host| (1..=HOST_BYTES).contains(&host.len()) && host.bytes().all(is_plain))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_origin_is_named_only_where_it_is_one() {
        for origin in ["http://localhost:8787", "https://www.shop.example", "http://[::1]:9000"] {
            assert!(is_nameable(origin), "{origin}");
        }
        let long = format!("https://{}", "a".repeat(HOST_BYTES + 1));
        for other in
            ["null", "", "https://", "https://me:word@a.example", "https://a.example/?key=1", "tmk_acme_x", &long]
        {
            assert!(!is_nameable(other), "{other}");
        }
    }
}
