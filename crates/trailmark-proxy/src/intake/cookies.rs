//! The site's two cookies: the visitor cookie with the visitor token, which no script can read, and a readable flag
//! that tells the SDK to ask. Names, attributes and lifetimes only; [`crate::keys`] signs the token.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};
use trailmark_wire::limits::COOKIE_DAYS;
use trailmark_wire::time::UnixMillis;

use crate::config::Site;

const MOST_SECONDS: i64 = COOKIE_DAYS * 24 * 60 * 60;

/// Most values read for one name: a parent domain may have set a second cookie.
const MOST_VALUES: usize = 4;

/// The visitor cookie's name; the prefix on https sites keeps other hosts and plain http from setting it.
pub(crate) fn visitor_name(site: &Site) -> String {
    match (site.public_url.is_secure(), &site.cookie_domain) {
        (true, None) => format!("__Host-tm_{}", site.id),
        (true, Some(_)) => format!("__Secure-tm_{}", site.id),
        (false, _) => format!("tm_{}_v", site.id),
    }
}

/// The flag cookie's name.
pub(crate) fn flag_name(site: &Site) -> String {
    format!("tm_{}", site.id)
}

/// Lifetime in seconds of a cookie whose touch ends at `expires_at`.
pub(crate) fn life_s(expires_at: UnixMillis, now: UnixMillis) -> i64 {
    expires_at.seconds().saturating_sub(now.seconds()).clamp(0, MOST_SECONDS)
}

/// Both cookies with a lifetime of `life_s` seconds.
pub(crate) fn set(site: &Site, visitor_token: &str, life_s: i64) -> Vec<HeaderValue> {
    let visitor = format!("{}={visitor_token}; HttpOnly{}", visitor_name(site), attributes(site, life_s));
    let flag = format!("{}=1{}", flag_name(site), attributes(site, life_s));
    // Ids, tokens and configured domains contain no character that a header refuses.
    [visitor, flag].into_iter().filter_map(|cookie| HeaderValue::try_from(cookie).ok()).collect()
}

/// Both cookies, expired.
pub(crate) fn clear(site: &Site) -> Vec<HeaderValue> {
    set(site, "", 0)
}

/// The values of the visitor cookie in a request.
pub(crate) fn visitor_values(site: &Site, headers: &HeaderMap) -> Vec<String> {
    values(headers, &visitor_name(site))
}

/// Whether a request has either cookie.
pub(crate) fn has_any(site: &Site, headers: &HeaderMap) -> bool {
    [visitor_name(site), flag_name(site)].iter().any(|name| !values(headers, name).is_empty())
}

/// Reads cookie by cookie as bytes, so that other products' cookies in any encoding do no harm.
fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let values = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let texts = values.filter_map(|value| str::from_utf8(value).ok());
    texts.take(MOST_VALUES).map(str::to_owned).collect()
}

fn attributes(site: &Site, life_s: i64) -> String {
    let secure = if site.public_url.is_secure() { "; Secure" } else { "" };
    let domain = site.cookie_domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    format!("{secure}; SameSite=Lax; Path=/; Max-Age={life_s}{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&[u8]]) -> Vec<String> {
        let lines = lines.iter().map(|line| (COOKIE, HeaderValue::from_bytes(line).unwrap()));
        values(&lines.collect(), "tm_acme_v")
    }

    // field-faults row 34
    #[test]
    fn a_strangers_cookie_in_any_encoding_hides_none_of_ours() {
        let jars: [&[&[u8]]; 9] = [
            &["city=Zürich; tm_acme_v=a.b.c".as_bytes()],
            &[b"city=Z\xfcrich; tm_acme_v=a.b.c"],
            &[b"\xff\xfe=\x80;tm_acme_v=a.b.c; name\xe4=1"],
            &["tm_acme_v=a.b.c; wish=\u{1f381}".as_bytes()],
            &[b"flag; =; ;; tm_acme_v=a.b.c;"],
            &[b"quoted=\"a; b\"; tm_acme_v=a.b.c"],
            &[b"x=tm_acme_v=no; tm_acme_v2=no; tm_acme=1; \ttm_acme_v=a.b.c"],
            &[b"city=Z\xfcrich", b"tm_acme_v=a.b.c"],
            &[b"tm_acme_v=\xff; tm_acme_v=a.b.c"],
        ];
        for jar in jars {
            assert_eq!(read(jar), ["a.b.c"], "{jar:?}");
        }
        assert!(read(&[b"x=tm_acme_v=no; tm_acme_v; Tm_acme_v=no"]).is_empty());
        assert_eq!(read(&[b"tm_acme_v=1; tm_acme_v=2; tm_acme_v=3; tm_acme_v=4; tm_acme_v=5"]).len(), MOST_VALUES);
    }
}
