//! Which page sent a request: checks the `Origin` header against a site's list, and sets the CORS headers of every
//! answer, including refusals. An origin must match exactly; there are no patterns.

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

/// Longest DNS host name, with a port.
const HOST_BYTES: usize = 253 + ":65535".len();

/// Which sites' origins may read an answer; handlers attach it to the response.
#[derive(Debug, Clone, Default)]
pub(crate) enum Readers {
    /// All sites': the request was refused before its site was known.
    #[default]
    AllSites,
    /// One site's.
    Of(SiteId),
}

/// Accepts a browser's request if its page belongs to the site.
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

/// Whether the page belongs to the site.
pub(crate) fn is_own(site: &Site, headers: &HeaderMap) -> bool {
    match text(headers, &ORIGIN) {
        // A page with `Referrer-Policy: no-referrer` sends `null` even to itself; `Sec-Fetch-Site` shows where it
        // comes from.
        Some("null") => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
        Some(origin) => site.allows(origin),
        None => false,
    }
}

/// Whether a log and an answer may repeat the text: a scheme and a host of usual length, without credentials, path or
/// line breaks.
fn is_nameable(origin: &str) -> bool {
    let host = ["https://", "http://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.is_some_and(|host| (1..=HOST_BYTES).contains(&host.len()) && host.bytes().all(is_plain))
}

/// The origin that may read the answer, if any; none for a call with an API key, which no page may have.
pub(crate) fn reader<'h>(config: &Config, readers: &Readers, headers: &'h HeaderMap) -> Option<&'h HeaderValue> {
    let origin = text(headers, &ORIGIN).filter(|_| !headers.contains_key(AUTHORIZATION))?;
    let allowed = config.sites.iter().any(|site| match readers {
        Readers::AllSites => site.allows(origin),
        Readers::Of(id) => site.id == *id && site.allows(origin),
    });
    allowed.then(|| headers.get(ORIGIN)).flatten()
}

/// Sets who may read an answer.
pub(crate) fn share(response: &mut Response, reader: Option<&HeaderValue>) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = reader {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
}

/// The answer to a preflight from an allowed origin.
pub(crate) fn preflight(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

/// The only value of a header, as text; `None` if there are two.
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
