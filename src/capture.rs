//! What this arrival holds: whether the landing URL or a vendor's cookie is a touch by the wire's capture rules, and how much
//! of either may leave the page. Decides nothing about credit and keeps nothing; [`crate::click`] reports it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use trailmark_wire::capture::{Rule, Source, capture};
use trailmark_wire::ids::VendorName;
use trailmark_wire::landing::Landing;
use trailmark_wire::limits::{COOKIE_BYTES, COOKIES};

use crate::config::{Arrival, Navigation};

/// What was seen of an arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Where a touch was seen; `None` where the arrival holds none.
    pub source: Option<Source>,
    /// The landing URL, cut to what may leave the page.
    pub url: String,
    /// The referrer, cut likewise; `None` where it is no web page.
    pub referrer: Option<String>,
    /// The cookies that the capture rules name.
    pub cookies: BTreeMap<String, String>,
}

/// Looks at an arrival. Reload and back/forward are none: of those only origin and path are told, so that the proxy can
/// answer for a visitor whom it already knows.
pub fn look(arrival: &Arrival, cookies: &str, params: &[String]) -> Sighting {
    let Ok(landing) = Landing::parse(&arrival.url) else {
        return Sighting::default();
    };
    let referrer = Landing::parse(&arrival.referrer).ok().map(|referrer| referrer.stored(&[]));
    if arrival.navigation == Navigation::Repeat {
        return Sighting { url: landing.stored(&[]), referrer, ..Sighting::default() };
    }
    let rules = rules(params);
    let cookies = named_cookies(cookies, &rules);
    let value = |name: &str| cookies.get(name).map(|value| Cow::Borrowed(value.as_str()));
    let sources = || rules.iter().filter_map(|rule| Some(capture(&landing, value, rule)?.source));
    let source = sources().find(|source| *source == Source::Url).or_else(|| sources().next());
    Sighting { source, url: landing.stored(&rules), referrer, cookies }
}

/// Every vendor's known names, and the page's own generic ones. Which of them belong to a program of the site is known to
/// the proxy alone.
fn rules(params: &[String]) -> Vec<Rule<'_>> {
    let known = VendorName::ALL.into_iter().map(|vendor| Rule { vendor: Some(vendor), params: &[] });
    known.chain([Rule { vendor: None, params }]).collect()
}

/// The cookies that `rules` name, out of the text of `document.cookie`.
fn named_cookies(jar: &str, rules: &[Rule<'_>]) -> BTreeMap<String, String> {
    let named = |name: &str| rules.iter().any(|rule| rule.names_cookie(name));
    let mut cookies = BTreeMap::new();
    for (name, value) in cookie_pairs(jar) {
        // Inserting one by one: building a map from an iterator sorts first, and sorting costs the module 2 KB.
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
