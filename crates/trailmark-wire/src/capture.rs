//! The capture rules: landing URL and named cookies become at most one touch per program. Pure; browser and proxy both use
//! this file. Vendor names are known here; generic names (`ref`, `via`, `aff`) count only if a [`Rule`] lists them.
//! [`crate::grammar`] says what a value may look like. The ledger and attribution decide later which touch wins.
//!
//! Sources of names, encodings and the newer of two twin names: vendors.md § 1.1, 2.1, 3.1, 4.1.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::string::String;
use core::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::base64url::encode;
use crate::grammar::{Case, Plus, Read, Unusable, click_id, encoded_partner_key, partner_key, read};
use crate::ids::{ClickId, PartnerKey};
use crate::landing::Landing;
use crate::vendor::{NO_VENDOR, Names, VendorName};

/// The names that one program listens for.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The vendor whose known names count; `None` for the browser's rule with the page's own generic names.
    pub vendor: Option<VendorName>,
    /// Generic parameter names from this program's configuration. For Partnerize they hold a click id, otherwise a partner
    /// key in plain text.
    pub params: &'a [String],
}

/// Where a capture was found. A vendor's own cookie counts only if the visitor has no touch in that program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A cookie that the vendor's own script set on this host.
    Cookie,
    /// A parameter of the landing URL.
    Url,
}

/// One capture: a click id, a partner key, or both; or why the parameters that are there hold neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The vendor's click id, in its original case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Option<ClickId>,
    /// The partner key, decoded if the vendor encodes it, in lower case if the vendor's keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
    /// The percent-decoded text from which the partner key was read; absent if it equals the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_partner: Option<String>,
    /// URL or cookie.
    pub source: Source,
    /// Whether a name and its legacy twin (`ps_xid` and `gsxid`) have different values; the newer name's value is used.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub twins_differ: bool,
    /// Why this touch cannot be credited; set if and only if there is neither click id nor partner key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<Unusable>,
}

impl Rule<'_> {
    /// Whether this rule reads the parameter `name`, which must be in lower case: names match in any case.
    pub fn names_param(&self, name: &str) -> bool {
        let names = self.names();
        names.click_params.contains(&name)
            || names.partner_params.contains(&name)
            || self.params.iter().any(|param| param.eq_ignore_ascii_case(name))
    }

    /// What follows a generic name in the path, as in `/aff/ada`, where the vendor's links may be written so.
    pub(crate) fn segments<'l>(&self, landing: &Landing<'l>) -> impl Iterator<Item = &'l str> {
        let names = if self.names().in_path { self.params } else { &[] };
        names.iter().filter_map(|name| landing.segment_after(name))
    }

    /// Whether this rule reads the cookie `name`; no other cookie may leave the page.
    pub fn names_cookie(&self, name: &str) -> bool {
        let names = self.names();
        names.click_cookies.contains(&name) || names.partner_cookies.contains(&name)
    }

    /// Whether a link that names only a partner can bring this program a customer. The vendors of the others credit one only
    /// by the click id that their own link creates.
    pub fn takes_partner(&self) -> bool {
        !self.names().needs_click
    }

    /// The query parameter from which [`capture`] reads a click id: the vendor's own name, otherwise the first configured one
    /// if these hold click ids.
    pub fn click_param(&self) -> Option<&str> {
        let names = self.names();
        let generic = if names.generic_is_click { self.params.first().map(String::as_str) } else { None };
        names.click_params.first().copied().or(generic)
    }

    /// The partner key in a link's own path, or in a cookie: plain text, possibly percent-encoded.
    pub fn partner(&self, raw: &str) -> Read<PartnerKey> {
        read(raw, Plus::Itself, |text| partner_key(text, self.case()))
    }

    /// The query parameter, name and value before URL encoding, from which [`capture`] reads `partner` again: the vendor's
    /// own name, otherwise the first configured one; `None` if there is neither.
    pub fn partner_param(&self, partner: &PartnerKey) -> Option<(&str, String)> {
        let (plain, encoded) = (partner.as_str().to_owned(), encode(partner.as_str().as_bytes()));
        // The base64 of a few short keys in other scripts looks like a plain key; then the key is passed in plain text.
        let is_read = encoded_partner_key(&encoded, self.case()).is_some_and(|read| read.as_ref() == Ok(partner));
        let own = self.names().partner_params.first().copied();
        let (name, value) = match own {
            Some(name) => (name, if is_read { encoded } else { plain }),
            None => (self.params.first()?.as_str(), plain),
        };
        self.takes_partner().then_some((name, value))
    }

    fn case(&self) -> Case {
        self.names().case
    }

    fn names(&self) -> &'static Names {
        self.vendor.map_or(&NO_VENDOR, VendorName::names)
    }
}

/// What `rule` finds in the landing URL, otherwise in the cookies, otherwise `None`. `cookies` returns the value of a named
/// cookie. Empty values and unfilled merge tags count as absent. Of repeated parameters the first usable one counts. If the
/// URL holds only unusable values, and no cookie has a usable one, the capture says why.
pub fn capture<'c>(
    landing: &Landing<'_>,
    cookies: impl Fn(&str) -> Option<Cow<'c, str>>,
    rule: &Rule<'_>,
) -> Option<Captured> {
    let by_url = from_url(landing, rule);
    match by_url {
        Some(Captured { unusable: None, .. }) => by_url,
        by_url => from_cookies(cookies, rule).or(by_url),
    }
}

/// A partner key, and the text from which it was read.
type Partner = (PartnerKey, String);

fn from_url(landing: &Landing<'_>, rule: &Rule<'_>) -> Option<Captured> {
    let names = rule.names();
    let refused = Cell::new(None);
    let plain = |text: &str| with_text(partner_key(text, rule.case()), text);
    let encoded = |text: &str| with_text(encoded_partner_key(text, rule.case()), text);
    let click = |name: &str| first(landing, name, &refused, click_id);
    let (click_id, clicks_differ) = preferred(names.click_params, click, |a, b| a == b);
    let partner = |name: &str| first(landing, name, &refused, encoded);
    let (partner, partners_differ) = preferred(names.partner_params, partner, |(a, _), (b, _)| a == b);
    // The configured generic names are used if the vendor's own names gave nothing.
    let mut generic = rule.params.iter().map(String::as_str);
    let (click_id, partner) = match names.generic_is_click {
        true => (click_id.or_else(|| generic.find_map(click)), partner),
        false => {
            let named = || generic.find_map(|name| first(landing, name, &refused, plain));
            let in_path = || usable(rule.segments(landing), Plus::Itself, &refused, plain);
            (click_id, partner.or_else(named).or_else(in_path))
        }
    };
    let (partner, raw_partner) = partner.unzip();
    let is_other = |raw: &String| partner.as_ref().is_some_and(|key: &PartnerKey| key.as_str() != raw);
    let unusable = if click_id.is_none() && partner.is_none() { Some(refused.get()?) } else { None };
    Some(Captured {
        click_id,
        raw_partner: raw_partner.filter(is_other),
        partner,
        source: Source::Url,
        twins_differ: clicks_differ || partners_differ,
        unusable,
    })
}

/// The first usable value of the parameters called `name`. `refused` gets the first reason why a value is unusable.
fn first<T>(
    landing: &Landing<'_>,
    name: &str,
    refused: &Cell<Option<Unusable>>,
    parse: impl Fn(&str) -> Read<T>,
) -> Option<T> {
    let named = landing.pairs().filter(|(found, _)| found.eq_ignore_ascii_case(name));
    usable(named.map(|(_, raw)| raw), Plus::Space, refused, parse)
}

/// The first usable one of these values.
fn usable<'l, T>(
    mut values: impl Iterator<Item = &'l str>,
    plus: Plus,
    refused: &Cell<Option<Unusable>>,
    parse: impl Fn(&str) -> Read<T>,
) -> Option<T> {
    values.find_map(|raw| match read(raw, plus, &parse)? {
        Ok(value) => Some(value),
        Err(unusable) => {
            refused.set(refused.get().or(Some(unusable)));
            None
        }
    })
}

fn with_text(key: Read<PartnerKey>, text: &str) -> Read<Partner> {
    key.map(|key| key.map(|key| (key, text.to_owned())))
}

/// Unusable cookies are left out: they stay for months, and every page would report them again.
fn from_cookies<'c>(cookies: impl Fn(&str) -> Option<Cow<'c, str>>, rule: &Rule<'_>) -> Option<Captured> {
    let names = rule.names();
    let click = |name: &str| read(&cookies(name)?, Plus::Itself, click_id)?.ok();
    let (click_id, clicks_differ) = preferred(names.click_cookies, click, |a, b| a == b);
    let partner = |name: &str| rule.partner(&cookies(name)?)?.ok();
    let (partner, partners_differ) = preferred(names.partner_cookies, partner, |a, b| a == b);
    (click_id.is_some() || partner.is_some()).then_some(Captured {
        click_id,
        partner,
        raw_partner: None,
        source: Source::Cookie,
        twins_differ: clicks_differ || partners_differ,
        unusable: None,
    })
}

/// The value of the first name that has one, and whether a later name has a different value.
fn preferred<T>(
    names: &[&str],
    value: impl Fn(&str) -> Option<T>,
    is_same: impl Fn(&T, &T) -> bool,
) -> (Option<T>, bool) {
    let mut found = names.iter().filter_map(|name| value(name));
    let first = found.next();
    let differs = first.as_ref().is_some_and(|first| found.any(|other| !is_same(first, &other)));
    (first, differs)
}
