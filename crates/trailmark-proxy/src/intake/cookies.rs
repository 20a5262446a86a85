//! The site's two cookies: the visitor cookie, which holds the visitor token where no script reads it, and the readable flag
//! beside it, which tells the SDK that asking is worth it. Names, attributes and lives only; the token is [`crate::keys`]'.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};
use trailmark_wire::limits::COOKIE_DAYS;
use trailmark_wire::time::UnixMillis;

use crate::config::Site;

const MOST_SECONDS: i64 = COOKIE_DAYS * 24 * 60 * 60;

/// Values of one name that are looked at: a parent domain may have set a second one.
const MOST_VALUES: usize = 4;

/// The visitor cookie's name: prefixed where the site has https, so that no other host and no plain http can set it.
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

/// Seconds from `now` for which a cookie lives whose touch ends at `expires_at`.
pub(crate) fn life_s(expires_at: UnixMillis, now: UnixMillis) -> i64 {
    expires_at.seconds().saturating_sub(now.seconds()).clamp(0, MOST_SECONDS)
}

/// Both cookies, alive for `life_s` seconds.
pub(crate) fn set(site: &Site, visitor_token: &str, life_s: i64) -> Vec<HeaderValue> {
    let visitor = format!("{}={visitor_token}; HttpOnly{}", visitor_name(site), attributes(site, life_s));
    let flag = format!("{}=1{}", flag_name(site), attributes(site, life_s));
    // Ids, tokens and configured domains hold no character that a header refuses.
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

/// Whether a request carries either cookie.
pub(crate) fn has_any(site: &Site, headers: &HeaderMap) -> bool {
    [visitor_name(site), flag_name(site)].iter().any(|name| !values(headers, name).is_empty())
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(found, _)| *found == name).take(MOST_VALUES).map(|(_, value)| value.to_owned()).collect()
}

fn attributes(site: &Site, life_s: i64) -> String {
    let secure = if site.public_url.is_secure() { "; Secure" } else { "" };
    let domain = site.cookie_domain.as_ref().map(|domain| format!("; Domain={domain}")).unwrap_or_default();
    format!("{secure}; SameSite=Lax; Path=/; Max-Age={life_s}{domain}")
}
