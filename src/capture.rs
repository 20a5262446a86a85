//! What this arrival carries: the parameters and cookies that the wire's capture rules name, and how much of the address
//! may leave the page. Decides nothing about credit and stores nothing; [`crate::click`] reports the result.

use trailmark_wire::capture::{Rule, Source};
use trailmark_wire::landing::{Landing, pieces, split};
use trailmark_wire::limits::{COOKIE_BYTES, COOKIES};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::vendor::VendorName;

use crate::config::Arrival;

/// What an arrival carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Where the touch is; `None` if there is none.
    pub source: Option<Source>,
    /// The landing URL, cut to what may leave the page.
    pub url: String,
    /// The cookies that the capture rules name.
    pub cookies: TextMap,
}

/// Looks at an arrival. After the proxy has answered for it (`told`), only the origin is sent, so that the proxy can look up
/// the visitor without recording a second touch.
pub fn look(arrival: &Arrival, told: bool, cookies: &str, params: &[String]) -> Sighting {
    let Ok(landing) = Landing::parse(&arrival.url) else {
        return Sighting::default();
    };
    if told {
        return Sighting { url: landing.origin(), ..Sighting::default() };
    }
    let rules = rules(params);
    let cookies = named_cookies(cookies, &rules);
    let kept = landing.told(&rules);
    // This only decides whether a request is worthwhile. The proxy decides whether the value is a key.
    let source = match kept.is_touch {
        true => Some(Source::Url),
        false => cookies.values().any(|value| !value.is_empty()).then_some(Source::Cookie),
    };
    Sighting { source, url: kept.url, cookies }
}

/// The known names of every vendor, and the page's own generic names. Only the proxy knows which of them belong to a
/// program of the site.
fn rules(params: &[String]) -> Vec<Rule<'_>> {
    let mut rules = vec![Rule { vendor: None, params }];
    for vendor in VendorName::all() {
        rules.push(Rule { vendor: Some(vendor), params: &[] });
    }
    rules
}

/// The cookies in `jar`, the text of `document.cookie`, that `rules` name.
fn named_cookies(jar: &str, rules: &[Rule<'_>]) -> TextMap {
    let mut cookies = TextMap::new();
    each_cookie(jar, &mut |name, value| {
        let is_named = rules.iter().any(|rule| rule.names_cookie(name));
        if cookies.len() < COOKIES && value.len() <= COOKIE_BYTES && is_named {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    });
    cookies
}

/// Whether `jar`, the text of `document.cookie`, has a non-empty cookie `name`.
pub fn holds_cookie(jar: &str, name: &str) -> bool {
    let mut holds = false;
    each_cookie(jar, &mut |found, value| holds |= found == name && !value.is_empty());
    holds
}

fn each_cookie(jar: &str, take: &mut dyn FnMut(&str, &str)) {
    for pair in pieces(jar, b";") {
        let (name, value) = split(pair.trim_ascii(), b"=");
        if let Some(value) = value.get(1..) {
            take(name, value);
        }
    }
}
