//! Access to the operator's listener. Three layers: the Host header (a web page that rebinds its name to this address
//! sends its own name), the admin key, and headers that keep answers out of caches and frames. No CORS header is
//! sent, so no other origin can read an answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use super::problem::Problem;
use crate::app::App;
use crate::keys::crypto::is_same;

/// What the ledger view needs; the simulator's state is read from loopback only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
                      connect-src 'self' http://127.0.0.1:* http://localhost:*; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the protecting headers to every answer, including refusals.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Passes on a request whose Host names this listener.
pub(super) async fn host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if named.is_some_and(|named| is_ours(named, app.config.server.admin_listen.ip())) {
        return next.run(request).await;
    }
    Problem::not_allowed("this listener accepts only its own address or localhost in the Host header").into_response()
}

/// Passes on a request with the admin key, if one is configured, that no foreign page has made.
pub(super) async fn key(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        return Problem::not_allowed(
            "the request comes from another site's page; only the ledger's own page may read the ledger",
        )
        .into_response();
    }
    let Some(key) = &app.admin_key else { return next.run(request).await };
    // The CLI prints this sentence too, so it covers commands.
    let cure = match bearer(request.headers()) {
        Some(shown) if is_same(shown, key.expose()) => return next.run(request).await,
        Some(_) => {
            "the running proxy's `server.admin_key` has another value: use that one; a command reads it from where its \
             configuration says, such as TRAILMARK_ADMIN_KEY"
        }
        None => {
            "send `Authorization: Bearer` with the key of `server.admin_key`; a command reads it from its configuration"
        }
    };
    ([(WWW_AUTHENTICATE, "Bearer realm=\"trailmark\"")], Problem::unauthenticated(cure)).into_response()
}

/// Whether a Host header names the listener: by its address, by any loopback name if it is on loopback, or by any IP
/// address if it listens on all. Never by another DNS name, because a rebinding page sends one. The port may be a
/// tunnel's.
fn is_ours(host: &str, listen: IpAddr) -> bool {
    let name = without_port(host);
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let Ok(named) = name.parse::<IpAddr>() else { return false };
    named == listen || listen.is_unspecified() || (listen.is_loopback() && named.is_loopback())
}

fn without_port(host: &str) -> &str {
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or_default();
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Whether another site's page made the request. Browsers tell by Fetch Metadata. Without it (old browsers, and all
/// browsers over plain HTTP to a non-loopback address) `Origin` or `Referer` tell; their scheme is ignored, because a
/// tunnel may end TLS. Programs send none of them. An unreadable value counts as foreign.
fn is_foreign(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(page) = headers.get(ORIGIN).or_else(|| headers.get(REFERER)) else { return false };
    let authority =
        page.to_str().ok().and_then(|page| page.split_once("://")).and_then(|(_, rest)| rest.split('/').next());
    let named = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.zip(named).is_none_or(|(authority, named)| !authority.eq_ignore_ascii_case(named))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, listen: &str, ours: bool) {
        assert_eq!(is_ours(host, listen.parse().unwrap()), ours, "{host} at {listen}");
    }

    // field-faults row 76
    #[test]
    fn a_page_without_fetch_metadata_is_known_by_its_origin() {
        let foreign = |sent: &[(&'static str, &'static str)]| {
            let named = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
            };
            is_foreign(&[("host", "127.0.0.1:8788")].iter().chain(sent).map(named).collect())
        };
        for ours in [
            &[][..],
            &[("origin", "http://127.0.0.1:8788")],
            &[("origin", "https://127.0.0.1:8788")],
            &[("referer", "http://127.0.0.1:8788/lanes?x=://")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!foreign(ours), "{ours:?}");
        }
        for theirs in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "http://127.0.0.1:3000")],
            &[("origin", "http://localhost:8788")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("origin", "https://evil.example/127.0.0.1:8788")],
            &[("origin", "https://127.0.0.1:8788@evil.example")],
            &[("origin", "\u{fc}")],
            &[("referer", "https://evil.example/")],
            &[("origin", "https://evil.example"), ("referer", "http://127.0.0.1:8788/")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8788")],
            &[("sec-fetch-site", "\u{fc}")],
        ] {
            assert!(foreign(theirs), "{theirs:?}");
        }
    }

    #[test]
    fn a_listener_answers_to_its_address_and_to_no_name() {
        for host in ["127.0.0.1:8788", "localhost:8788", "LOCALHOST", "[::1]:8788", "127.0.0.1", "localhost:9"] {
            check(host, "127.0.0.1", true);
        }
        for host in ["evil.example:8788", "", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"] {
            check(host, "127.0.0.1", false);
        }
        check("10.0.0.1:8788", "10.0.0.1", true);
        check("10.0.0.2:8788", "10.0.0.1", false);
        check("10.0.0.2:8788", "0.0.0.0", true);
        check("trailmark.internal:8788", "0.0.0.0", false);
    }
}
