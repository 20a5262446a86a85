//! Properties that hold for every input: decode undoes encode, noise neither panics nor captures, nothing is lost.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;
use trailmark_wire::base64url;
use trailmark_wire::capture::{Rule, Source, capture};
use trailmark_wire::conversion::{Body, Conversion};
use trailmark_wire::envelope::Posted;
use trailmark_wire::ids::{PartnerKey, SiteId, VendorName};
use trailmark_wire::json::{ReadJson, WriteJson};
use trailmark_wire::jws::Compact;
use trailmark_wire::landing::Landing;
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::{ClickClaims, Unverified};

use crate::support::SerdeJson;

fn no_cookies(_name: &str) -> Option<Cow<'static, str>> {
    None
}

/// Any text that may stand in a URL or header.
fn visible() -> impl Strategy<Value = String> {
    "[^\\p{C}\\p{Z}\\s]{1,40}"
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
    fn a_partner_key_survives_every_base64_spelling(key in visible(), padded: bool, url_safe: bool) {
        let mut raw = if url_safe { base64url::encode(key.as_bytes()) } else { standard(&key) };
        if padded {
            raw.push_str(&"=".repeat((4 - raw.len() % 4) % 4));
        }
        let url = format!("https://a.example/?ps_partner_key={}", percent(&raw));
        let rule = Rule { vendor: Some(VendorName::PartnerStack), params: &[] };
        let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule).unwrap();
        prop_assert_eq!(captured.partner.map(String::from), Some(key));
        prop_assert_eq!(captured.raw_partner.unwrap(), raw);
    }

    #[test]
    fn a_partner_written_into_a_url_is_captured_again(key in visible()) {
        let partner = PartnerKey::new(key).unwrap();
        let generic = ["aff".to_owned(), "via".to_owned()];
        for vendor in [VendorName::PartnerStack, VendorName::Partnero] {
            let rule = Rule { vendor: Some(vendor), params: &generic };
            let (name, value) = rule.partner_param(&partner).unwrap();
            let url = format!("https://a.example/?{name}={}", percent(&value));
            let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule).unwrap();
            prop_assert_eq!(captured.partner.as_ref(), Some(&partner));
        }
        for vendor in [VendorName::Partnerize, VendorName::Introw] {
            let rule = Rule { vendor: Some(vendor), params: &generic };
            prop_assert!(!rule.takes_partner() && rule.partner_param(&partner).is_none());
        }
    }

    #[test]
    fn a_click_id_of_any_script_comes_through_untouched(id in visible()) {
        let url = format!("https://a.example/p?x=1&clickref={}&y", percent(&id));
        let rule = Rule { vendor: Some(VendorName::Partnerize), params: &[] };
        let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule).unwrap();
        prop_assert_eq!(captured.click_id.map(String::from), Some(id));
        prop_assert_eq!(captured.source, Source::Url);
    }

    #[test]
    fn the_first_usable_of_repeated_parameters_counts(ids in proptest::collection::vec("[a-zA-Z0-9]{0,3}", 1..8)) {
        let query: Vec<String> = ids.iter().map(|id| format!("irw_id={id}")).collect();
        let url = format!("https://a.example/?{}", query.join("&"));
        let rule = Rule { vendor: Some(VendorName::Introw), params: &[] };
        let captured = capture(&Landing::parse(&url).unwrap(), no_cookies, &rule);
        let first = ids.into_iter().find(|id| !id.is_empty());
        prop_assert_eq!(captured.and_then(|c| c.click_id).map(String::from), first);
    }

    #[test]
    fn any_text_is_read_or_refused_but_never_a_panic(url in "\\PC*", noise: Vec<u8>) {
        if let Ok(landing) = Landing::parse(&url) {
            let params = ["via".to_owned()];
            for vendor in VendorName::ALL {
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
    fn storing_a_landing_url_twice_changes_nothing(query in "[a-z0-9_=&%+]{0,80}") {
        let url = format!("https://a.example/p?{query}");
        let rules = [Rule { vendor: Some(VendorName::PartnerStack), params: &[] }];
        let once = Landing::parse(&url).unwrap().stored(&rules);
        prop_assert_eq!(Landing::parse(&once).unwrap().stored(&rules), once);
    }

    #[test]
    fn a_stored_landing_url_captures_the_same(id in visible(), rest in "[a-z0-9_=&]{0,40}") {
        let url = format!("https://a.example/p?{rest}&gsxid={}", percent(&id));
        let rule = Rule { vendor: Some(VendorName::PartnerStack), params: &[] };
        let stored = Landing::parse(&url).unwrap().stored(&[rule]);
        let read = |url: &str| capture(&Landing::parse(url).unwrap(), no_cookies, &rule);
        prop_assert_eq!(read(&stored), read(&url));
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
fn sixty_four_kilobytes_of_noise_are_refused_quickly() {
    let noise = "&%ff=%".repeat(11_000);
    assert!(Landing::parse(&format!("https://a.example/?{noise}")).is_err());
    assert!(Posted::parse(&noise, &SerdeJson).is_err());
    let most = format!("https://a.example/?{}", noise.get(..8_000).unwrap());
    let rule = Rule { vendor: Some(VendorName::PartnerStack), params: &[] };
    assert_eq!(capture(&Landing::parse(&most).unwrap(), no_cookies, &rule), None);
}
