//! Properties that hold for every input: decode undoes encode, noise neither panics nor captures, nothing is lost.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use trailmark_wire::base64url;
use trailmark_wire::capture::{Rule, Source, capture};
use trailmark_wire::conversion::{Body, Conversion};
use trailmark_wire::envelope::Posted;
use trailmark_wire::grammar::{self, Case, Plus};
use trailmark_wire::ids::{PartnerKey, SiteId};
use trailmark_wire::json::{ReadJson, WriteJson};
use trailmark_wire::jws::Compact;
use trailmark_wire::landing::Landing;
use trailmark_wire::limits::STORED_URL_BYTES;
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::{ClickClaims, Unverified};
use trailmark_wire::vendor::VendorName;

use crate::support::SerdeJson;

fn no_cookies(_name: &str) -> Option<Cow<'static, str>> {
    None
}

/// Any text that may stand in a URL or header.
fn visible() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Z}\\s]{1,40}"
}

/// What stands behind the host of an address that was pasted, wrapped or mistyped.
fn pasted() -> impl Strategy<Value = String> {
    "([&?;#=/%]|%[0-9A-F]{2}|%25[0-9A-F]{2}|amp;|amp%3B|gspk=|PS_XID=|via=|utm_term=|YWRh|Ada|[a-z0-9 @.{}$*<>\\\\_-]|\\PC){0,24}"
}

/// Percent-encodes every byte, the harshest spelling that browsers may send.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn standard(text: &str) -> String {
    let url_safe = base64url::encode(text.as_bytes());
    url_safe.replace('-', "+").replace('_', "/")
}

proptest! {
    #[test]
    fn base64url_decode_undoes_encode(bytes: Vec<u8>) {
        prop_assert_eq!(base64url::decode(&base64url::encode(&bytes)), Some(bytes));
    }

    #[test]
    fn a_partner_key_survives_every_base64_spelling(key in "[a-z0-9]([a-z0-9_.-]{0,38}[a-z0-9])?", padded: bool, url_safe: bool) {
        let mut raw = if url_safe { base64url::encode(key.as_bytes()) } else { standard(&key) };
        if padded {
            raw.push_str(&"=".repeat((4 - raw.len() % 4) % 4));
        }
        let url = format!("https://a.example/?ps_partner_key={}", percent(&raw));
        let rule = Rule { vendor: VendorName::from_name("partnerstack"), params: &[] };
        let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule).unwrap();
        prop_assert_eq!(captured.partner.map(String::from), Some(key));
        prop_assert_eq!(captured.raw_partner.unwrap(), raw);
    }

    #[test]
    fn a_partner_written_into_a_url_is_captured_again(text in visible()) {
        let generic = ["aff".to_owned(), "via".to_owned()];
        for vendor in [VendorName::from_name("partnerstack").unwrap(), VendorName::from_name("partnero").unwrap()] {
            let rule = Rule { vendor: Some(vendor), params: &generic };
            let Some(Ok(partner)) = rule.partner(&text) else { continue };
            let (name, value) = rule.partner_param(&partner).unwrap();
            let url = format!("https://a.example/?{name}={}", percent(&value));
            let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule).unwrap();
            prop_assert_eq!(captured.partner.as_ref(), Some(&partner));
        }
        let partner = PartnerKey::new("ada").unwrap();
        for vendor in [VendorName::from_name("partnerize").unwrap(), VendorName::from_name("introw").unwrap()] {
            let rule = Rule { vendor: Some(vendor), params: &generic };
            prop_assert!(!rule.takes_partner() && rule.partner_param(&partner).is_none());
        }
    }

    #[test]
    fn repairing_a_value_twice_changes_nothing(text in pasted()) {
        let same = |case| {
            let read = grammar::read(&text, Plus::Itself, |text| grammar::partner_key(text, case));
            read.and_then(Result::ok).is_none_or(|key| {
                let again = grammar::read(key.as_str(), Plus::Itself, |text| grammar::partner_key(text, case));
                again == Some(Ok(key))
            })
        };
        prop_assert!(same(Case::Lower) && same(Case::Matters));
        let click = |text: &str| grammar::read(text, Plus::Itself, grammar::click_id);
        if let Some(Ok(id)) = click(&text) {
            prop_assert_eq!(click(id.as_str()), Some(Ok(id)));
        }
    }

    #[test]
    fn a_click_id_comes_through_untouched(id in "[A-Za-z0-9_-]([A-Za-z0-9._~+/=:-]{0,254}[A-Za-z0-9_-])?") {
        let url = format!("https://a.example/p?x=1&clickref={}&y", percent(&id));
        let rule = Rule { vendor: VendorName::from_name("partnerize"), params: &[] };
        let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule).unwrap();
        prop_assert_eq!(captured.click_id.map(String::from), Some(id));
        prop_assert_eq!(captured.source, Source::Url);
    }

    #[test]
    fn the_first_usable_of_repeated_parameters_counts(ids in proptest::collection::vec("[a-zA-Z0-9]{0,3}", 1..8)) {
        let query: Vec<String> = ids.iter().map(|id| format!("irw_id={id}")).collect();
        let url = format!("https://a.example/?{}", query.join("&"));
        let rule = Rule { vendor: VendorName::from_name("introw"), params: &[] };
        let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule);
        let first = ids.into_iter().find(|id| !id.is_empty());
        prop_assert_eq!(captured.and_then(|c| c.click_id).map(String::from), first);
    }

    #[test]
    fn any_text_is_read_or_refused_but_never_a_panic(url in "\\PC*", noise: Vec<u8>) {
        if let Ok(landing) = Landing::parse(&url) {
            let params = ["via".to_owned()];
            for vendor in VendorName::all() {
                let rule = Rule { vendor: Some(vendor), params: &params };
                let _read = capture(&landing, |_| Some(Cow::Borrowed(url.as_str())), &rule);
                prop_assert!(Landing::parse(&landing.stored(&[rule])).is_ok());
            }
        }
        let text = String::from_utf8_lossy(&noise);
        prop_assert!(Compact::parse(&text).is_err() || text.matches('.').count() == 2);
        prop_assert!(Posted::parse(&text, &SerdeJson).is_err());
        prop_assert!(Unverified::<ClickClaims>::parse(&text, &SerdeJson).is_err());
    }

    #[test]
    fn storing_a_landing_url_twice_changes_nothing(rest in pasted()) {
        let url = format!("https://a.example/p{rest}");
        let rules = [Rule { vendor: VendorName::from_name("partnerstack"), params: &[] }];
        let once = Landing::parse(&url).unwrap().stored(&rules);
        prop_assert_eq!(Landing::parse(&once).unwrap().stored(&rules), once);
    }

    #[test]
    fn what_the_page_tells_captures_the_same_and_is_told_again_unchanged(rest in pasted()) {
        let params = ["via".to_owned()];
        let rule = Rule { vendor: VendorName::from_name("partnerstack"), params: &params };
        let url = format!("https://a.example/p{rest}");
        let told = Landing::parse(&url).unwrap().told(&[rule]);
        let read = |url: &str| capture(&Landing::parse(url).unwrap(), no_cookies, &rule);
        prop_assert_eq!(read(&told.url), read(&url));
        prop_assert!(told.is_touch || read(&url).is_none());
        prop_assert_eq!(&Landing::parse(&told.url).unwrap().told(&[rule]), &told);
    }

    #[test]
    fn nothing_of_a_fragment_leaves_the_page_but_recognised_parameters(secret in "[A-Z]{12}", rest in pasted()) {
        let rule = Rule { vendor: VendorName::from_name("partnerstack"), params: &[] };
        let url = format!("https://a.example/p#access_token={secret}&{rest}&utm_term={secret}");
        prop_assert!(!Landing::parse(&url).unwrap().told(&[rule]).url.contains(&secret));
    }

    #[test]
    fn money_as_decimal_reads_back_exactly(amount: i64, code in prop_oneof!["EUR", "JPY", "KWD", "CLF"]) {
        let money = Money { amount_minor: amount, currency: Currency::new(&code).unwrap() };
        prop_assert_eq!(Money::from_decimal(&money.to_decimal(), money.currency), Ok(money));
    }

    #[test]
    fn a_decimal_finer_than_its_currency_is_refused(whole in 0_u32..1_000_000, digit in 1_u8..=9) {
        let eur = Currency::new("EUR").unwrap();
        let (finer, exact) = (format!("{whole}.00{digit}"), format!("{whole}.000"));
        prop_assert!(Money::from_decimal(&finer, eur).is_err());
        prop_assert!(Money::from_decimal(&exact, eur).is_ok());
    }

    #[test]
    fn times_print_and_read_back(ms in 0_i64..253_402_300_800_000) {
        let text = UnixMillis(ms).to_rfc3339();
        prop_assert_eq!(UnixMillis::from_rfc3339(&text), Ok(UnixMillis(ms)));
    }

    #[test]
    fn different_conversions_have_different_canonical_bytes(a in body(), b in body()) {
        let site = SiteId::new("acme").unwrap();
        let canonical = |body: &Body| Conversion::from_body(body.clone(), &mut Vec::new()).unwrap().canonical(&site);
        prop_assert_eq!(canonical(&a) == canonical(&b), a == b);
    }

    #[test]
    fn a_conversion_survives_its_json(a in body()) {
        let text = SerdeJson.write(&a).unwrap();
        let again: Body = SerdeJson.read(text.as_bytes()).unwrap();
        prop_assert_eq!(again, a);
    }
}

/// Small alphabets, so that near misses are common.
fn body() -> impl Strategy<Value = Body> {
    let data = proptest::collection::btree_map("[dv]{1,2}", "[dv]{0,2}", 0..3);
    let customer = ("[a-c]{1,2}", proptest::option::of("[en]{1,2}"), proptest::option::of("[a-c]@[a-c]"));
    (customer, data, any::<bool>()).prop_map(|((key, name, email), data, lead): (_, BTreeMap<_, _>, _)| {
        let kind = if lead { "lead" } else { "signup" };
        let mut customer = serde_json::json!({ "key": key });
        let extras = [("name", name), ("email", email)];
        for (field, value) in extras.into_iter().filter_map(|(field, value)| Some((field, value?))) {
            customer[field] = value.into();
        }
        serde_json::from_value(serde_json::json!({"kind": kind, "customer": customer, "data": data})).unwrap()
    })
}

#[test]
fn sixty_four_kilobytes_of_noise_are_read_in_time_that_grows_with_their_length() {
    let noise = "&%ff=%".repeat(11_000);
    assert!(Posted::parse(&noise, &SerdeJson).is_err());
    let rule = Rule { vendor: VendorName::from_name("partnerstack"), params: &[] };
    for noise in [noise, "@".repeat(64_000), "a@".repeat(32_000), "%25".repeat(21_000), "&gspk=".repeat(11_000)] {
        let url = format!("https://a.example/{noise}?{noise}");
        let landing = Landing::parse(&url).unwrap();
        assert_eq!(capture(&landing, no_cookies, &rule), None);
        assert!(landing.stored(&[rule]).len() <= STORED_URL_BYTES);
    }
}
