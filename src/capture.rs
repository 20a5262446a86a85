//! What this arrival holds: whether landing URL or cookies have one of the names that the wire's capture rules know, and how much
//! of either may leave the page; of the fragment only parameters with such a name may. Decides nothing about credit and keeps nothing; [`crate::click`] reports it.

use trailmark_wire::capture::{Rule, Source};
use trailmark_wire::vendor::VendorName;
use trailmark_wire::landing::Landing;
use trailmark_wire::limits::{COOKIE_BYTES, COOKIES};
use trailmark_wire::text_map::TextMap;

use crate::config::Arrival;

/// What was seen of an arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Where a touch was seen; `None` where the arrival holds none.
    pub source: Option<Source>,
    /// The landing URL, cut to what may leave the page.
    pub url: String,
    /// The cookies that the capture rules name.
    pub cookies: TextMap,
}

/// Looks at an arrival. Once the proxy has answered for it (`told`) it is over: from then on only origin and path are told, so
/// that the proxy can answer for a visitor whom it knows.
pub fn look(arrival: &Arrival, told: bool, cookies: &str, params: &[String]) -> Sighting {
    let Ok(landing) = Landing::parse(&arrival.url) else {
        return Sighting::default();
    };
    if told {
        return Sighting { url: landing.told(&[]).url, ..Sighting::default() };
    }
    let rules = rules(params);
    let cookies = named_cookies(cookies, &rules);
    let kept = landing.told(&rules);
    // Whether a value is a key is for the proxy to say: here it only counts whether asking is worth it.
    let source = match kept.is_touch {
        true => Some(Source::Url),
        false => cookies.values().any(|value| !value.is_empty()).then_some(Source::Cookie),
    };
    Sighting { source, url: kept.url, cookies }
}

/// Every vendor's known names, and the page's own generic ones. Which of them belong to a program of the site is known to
/// the proxy alone.
fn rules(params: &[String]) -> Vec<Rule<'_>> {
    let known = VendorName::all().map(|vendor| Rule { vendor: Some(vendor), params: &[] });
    known.chain([Rule { vendor: None, params }]).collect()
}

/// The cookies that `rules` name, out of the text of `document.cookie`.
fn named_cookies(jar: &str, rules: &[Rule<'_>]) -> TextMap {
    let named = |name: &str| rules.iter().any(|rule| rule.names_cookie(name));
    let mut cookies = TextMap::new();
    for (name, value) in cookie_pairs(jar) {
        if cookies.len() < COOKIES && value.len() <= COOKIE_BYTES && named(name) {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
    cookies
}

/// Whether the text of `document.cookie` holds a cookie `name` with a value.
pub fn holds_cookie(jar: &str, name: &str) -> bool {
    cookie_pairs(jar).any(|(found, value)| found == name && !value.is_empty())
}

fn cookie_pairs(jar: &str) -> impl Iterator<Item = (&str, &str)> {
    jar.split(';').filter_map(|pair| pair.trim().split_once('='))
}
