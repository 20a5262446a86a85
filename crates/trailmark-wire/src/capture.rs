//! The capture rules: landing URL and named cookies become at most one touch per program. Pure; browser, proxy and the
//! beacon path read with this one file. Vendor names are known here, generic names (`ref`, `via`, `aff`) count only where
//! a [`Rule`] brings them. Which touch wins is decided later, by the ledger and by attribution.
//!
//! Names, encodings and which of two twins is the newer: vendors.md § 1.1, 2.1, 3.1, 4.1.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::base64url::{decode_lenient, encode};
use crate::ids::{ClickId, PartnerKey, VendorName};
use crate::landing::Landing;

/// What one program listens for.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// Whose known names count; `None` in the browser's rule for the page's own generic names.
    pub vendor: Option<VendorName>,
    /// Generic parameter names that this program's configuration adds. At Partnerize and Introw they hold a click id,
    /// elsewhere a partner key in plain text.
    pub params: &'a [String],
}

/// Where a capture was found. A vendor's own cookie counts only where the visitor has no touch in that program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A cookie that the vendor's own script had set on this host.
    Cookie,
    /// A parameter of the landing URL.
    Url,
}

/// One capture: a click id, a partner key, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The vendor's click id, exactly as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Option<ClickId>,
    /// The partner key, decoded where the vendor encodes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
    /// The partner key as it came, where decoding changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_partner: Option<String>,
    /// URL or cookie.
    pub source: Source,
    /// Whether a name and its legacy twin (`ps_xid` and `gsxid`) disagreed; the newer one was taken.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub twins_differ: bool,
}

/// The known names of one vendor, the preferred name first.
struct Names {
    click_params: &'static [&'static str],
    partner_params: &'static [&'static str],
    click_cookies: &'static [&'static str],
    partner_cookies: &'static [&'static str],
    generic_is_click: bool,
}

/// What a rule without a vendor knows: nothing but its generic names.
const NO_VENDOR: Names =
    Names { click_params: &[], partner_params: &[], click_cookies: &[], partner_cookies: &[], generic_is_click: false };

const PARTNERSTACK: Names = Names {
    click_params: &["ps_xid", "gsxid"],
    // Base64 in the URL, already decoded in the cookies.
    partner_params: &["ps_partner_key", "gspk"],
    click_cookies: &["ps_xid", "gsxid"],
    partner_cookies: &["growSumoPartnerKey", "ps_partner_key"],
    generic_is_click: false,
};

const PARTNERIZE: Names = Names {
    click_params: &["clickref"],
    partner_params: &[],
    click_cookies: &["partnerizeClickReference", "clickref"],
    partner_cookies: &[],
    generic_is_click: true,
};

const INTROW: Names = Names {
    click_params: &["irw_id"],
    partner_params: &[],
    click_cookies: &["_introw_aff"],
    partner_cookies: &[],
    generic_is_click: true,
};

const PARTNERO: Names = Names {
    click_params: &[],
    partner_params: &[],
    click_cookies: &[],
    partner_cookies: &["partnero_partner"],
    generic_is_click: false,
};

impl Rule<'_> {
    /// Whether this rule reads the query parameter `name`. Names are case-sensitive.
    pub fn names_param(&self, name: &str) -> bool {
        let names = self.names();
        names.click_params.contains(&name)
            || names.partner_params.contains(&name)
            || self.params.iter().any(|param| param == name)
    }

    /// Whether this rule reads the cookie `name`; nothing else of a cookie jar may leave the page.
    pub fn names_cookie(&self, name: &str) -> bool {
        let names = self.names();
        names.click_cookies.contains(&name) || names.partner_cookies.contains(&name)
    }

    /// Whether this program can be told a partner's key. The others know a visitor by the click id alone that their own link
    /// minted.
    pub fn takes_partner(&self) -> bool {
        !self.names().generic_is_click
    }

    /// The query parameter, name and value before URL encoding, in which [`capture`] finds `partner` again: the vendor's own
    /// name, else the first configured one; `None` where there is neither.
    pub fn partner_param(&self, partner: &PartnerKey) -> Option<(&str, String)> {
        let own = self.names().partner_params.first().map(|name| (*name, encode(partner.as_str().as_bytes())));
        let generic = || self.params.first().map(|name| (name.as_str(), partner.as_str().to_owned()));
        own.or_else(generic).filter(|_| self.takes_partner())
    }

    fn names(&self) -> &'static Names {
        match self.vendor {
            None => &NO_VENDOR,
            Some(VendorName::PartnerStack) => &PARTNERSTACK,
            Some(VendorName::Partnerize) => &PARTNERIZE,
            Some(VendorName::Introw) => &INTROW,
            Some(VendorName::Partnero) => &PARTNERO,
        }
    }
}

/// What `rule` finds in the landing URL, else in the cookies, else `None`. `cookies` gives the value of a named cookie.
/// Values that are empty, too long or hold controls or white space count as absent; of repeated parameters the first
/// usable one counts.
pub fn capture<'c>(
    landing: &Landing<'_>,
    cookies: impl Fn(&str) -> Option<Cow<'c, str>>,
    rule: &Rule<'_>,
) -> Option<Captured> {
    from_url(landing, rule).or_else(|| from_cookies(cookies, rule))
}

fn from_url(landing: &Landing<'_>, rule: &Rule<'_>) -> Option<Captured> {
    let names = rule.names();
    let named = |name: &str| landing.pairs().filter(|(n, _)| n == name).map(|(_, value)| value).collect::<Vec<_>>();
    let click = |name: &str| named(name).into_iter().find_map(|value| ClickId::new(value).ok());
    let partner = |name: &str| named(name).into_iter().find_map(|value| decoded_partner(&value));
    let (click_id, clicks_differ) = preferred(names.click_params, click);
    let (encoded, partners_differ) = preferred(names.partner_params, partner);
    let (partner, raw_partner) = encoded.unzip();
    let found = Captured {
        click_id,
        partner,
        raw_partner: raw_partner.flatten(),
        source: Source::Url,
        twins_differ: clicks_differ || partners_differ,
    };
    some_capture(with_generic(found, landing, rule))
}

/// Fills what the vendor's own names left open from the configured generic names.
fn with_generic(found: Captured, landing: &Landing<'_>, rule: &Rule<'_>) -> Captured {
    let mut values = landing.pairs().filter(|(name, _)| rule.params.iter().any(|param| param == name));
    if rule.names().generic_is_click {
        let generic = || values.find_map(|(_, value)| ClickId::new(value).ok());
        Captured { click_id: found.click_id.or_else(generic), ..found }
    } else {
        let generic = || values.find_map(|(_, value)| PartnerKey::new(value).ok());
        Captured { partner: found.partner.or_else(generic), ..found }
    }
}

fn from_cookies<'c>(cookies: impl Fn(&str) -> Option<Cow<'c, str>>, rule: &Rule<'_>) -> Option<Captured> {
    let names = rule.names();
    let (click_id, clicks_differ) = preferred(names.click_cookies, |name| ClickId::new(cookies(name)?).ok());
    let (partner, partners_differ) = preferred(names.partner_cookies, |name| PartnerKey::new(cookies(name)?).ok());
    some_capture(Captured {
        click_id,
        partner,
        raw_partner: None,
        source: Source::Cookie,
        twins_differ: clicks_differ || partners_differ,
    })
}

fn some_capture(captured: Captured) -> Option<Captured> {
    (captured.click_id.is_some() || captured.partner.is_some()).then_some(captured)
}

/// The value of the first name that has one, and whether a later name has another.
fn preferred<T: PartialEq>(names: &[&str], value: impl Fn(&str) -> Option<T>) -> (Option<T>, bool) {
    let mut found = names.iter().filter_map(|name| value(name));
    let first = found.next();
    let differs = first.as_ref().is_some_and(|first| found.any(|other| other != *first));
    (first, differs)
}

/// A partner key out of a PartnerStack parameter, and the raw text where it was encoded. Today's links carry base64
/// without padding, older ones with it; a text that decodes to no key is taken as it stands.
fn decoded_partner(raw: &str) -> Option<(PartnerKey, Option<String>)> {
    let decoded = decode_lenient(raw).and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.and_then(|text| PartnerKey::new(text).ok()) {
        Some(key) => Some((key, Some(raw.to_owned()))),
        None => PartnerKey::new(raw).ok().map(|key| (key, None)),
    }
}
