//! Arrivals: what is a touch, what leaves the page of it, and when the proxy is not asked at all.

use std::borrow::Cow;

use trailmark::capture::{holds_cookie, look};
use trailmark::consent::State::{Denied, Granted};
use trailmark_wire::capture::{Rule, Source, capture};
use trailmark_wire::landing::Landing;
use trailmark_wire::vendor::VendorName;

use crate::support::{Browser, CLICKS, CONVERSIONS, NOW, Reply, TOUCHED, arrival, problem, status, touched};

#[test]
fn whatever_the_wire_captures_is_worth_asking_for() {
    let long = "x".repeat(300);
    let queries = [
        "ps_xid=abc",
        "gsxid=abc",
        "ps_partner_key=cGFydG5lcg",
        "gspk=plain",
        "clickref=1100l",
        "irw_id=t",
        "via=ada",
        "aff=ada",
        "ref=ada",
        "ps_xid=",
        "ps_xid=a%20b",
        "PS_XID=abc",
        "utm_source=x",
        "ps_xid=%FF",
        "x=1&via=ada",
        "",
        &format!("ps_xid={long}"),
        &format!("gspk={long}"),
        &format!("via={long}"),
    ];
    let jars =
        ["", "ps_xid=abc", "growSumoPartnerKey=ada; theme=dark", "_introw_aff=t", "partnero_partner=ada", "session=1"];
    let params = ["via".to_owned()];
    for (query, jar) in queries.iter().flat_map(|query| jars.map(|jar| (query, jar))) {
        let url = format!("https://shop.example/?{query}");
        let rules = VendorName::all().map(|vendor| Rule { vendor: Some(vendor), params: &[] });
        let rules = rules.chain([Rule { vendor: None, params: &params }]);
        let cookie = |name: &str| {
            let pairs = jar.split("; ").filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| Cow::Borrowed(value))
        };
        let landing = Landing::parse(&url).unwrap();
        let found: Vec<Source> = rules.filter_map(|rule| Some(capture(&landing, cookie, &rule)?.source)).collect();
        let expected = found.iter().max_by_key(|source| **source == Source::Url).copied();
        let seen = look(&arrival(&url), false, jar, &params).source;
        // The SDK is more generous: it does not look into values.
        let unread = seen == Some(Source::Url) && landing.pairs().any(|(_, value)| !value.is_empty());
        assert!(seen == expected || unread, "{query} with {jar}: {seen:?}, not {expected:?}");
    }
}

// field-faults row 22
#[test]
fn of_a_fragment_only_recognised_parameters_leave_the_page() {
    let browser = Browser::new();
    browser.start("https://shop.example/#/signup?ps_partner_key=YWRh&token=secret&utm_term=x&VIA=ada", Granted);
    assert_eq!(browser.bodies(CLICKS)[0]["url"], "https://shop.example/?ps_partner_key=YWRh&VIA=ada");
    let quiet = Browser::new();
    quiet.start("https://shop.example/#/signup?token=secret", Granted);
    assert!(quiet.log().is_empty());
}

// field-faults row 25
#[test]
fn credentials_of_the_address_do_not_leave_the_page() {
    let browser = Browser::new();
    browser.start("http://user:secret@shop.example/?ps_xid=abc", Granted);
    assert_eq!(browser.bodies(CLICKS)[0]["url"], "http://shop.example/?ps_xid=abc");
}

#[test]
fn only_captured_parameters_and_named_cookies_leave_the_page() {
    let browser = Browser::new();
    browser.page.set_cookies("session=secret; ps_xid=abc; tm_acme=1; a=b=c");
    browser.start("https://shop.example/p?ps_xid=abc&email=a%40b.c&utm_source=x&via=ada&ref=z", Granted);
    let body = &browser.bodies(CLICKS)[0];
    assert_eq!(body["url"], "https://shop.example/p?ps_xid=abc&utm_source=x&via=ada");
    assert_eq!(body["cookies"], serde_json::json!({ "ps_xid": "abc" }));
    assert!(body.get("referrer").is_none(), "nobody needs it");
    assert_eq!(body["id"], "07".repeat(16));
    assert_eq!(body["at"], "2026-11-21T08:30:00Z");
    assert_eq!(body["jwk"]["crv"], "P-256");
}

#[test]
fn nothing_is_asked_or_stored_without_a_touch_or_a_flag_cookie() {
    let browser = Browser::new();
    browser.start("https://shop.example/?utm_source=x", Granted);
    let outcome = browser.signup();
    assert_eq!((outcome.status, outcome.code), ("unattributed", Some("no_touch")));
    assert!(browser.log().is_empty());
    assert!(browser.page.stored().is_empty());
}

#[test]
fn a_flag_cookie_is_reason_to_ask() {
    let browser = Browser::new();
    browser.page.set_cookies("tm_acme=1");
    browser.start("https://shop.example/signup?session=1", Granted);
    assert_eq!(browser.bodies(CLICKS)[0]["url"], "https://shop.example/signup");
    assert_eq!(browser.signup().status, "accepted");
}

#[test]
fn a_flag_cookie_of_another_site_is_none() {
    for (jar, held) in
        [("tm_acme=1", true), ("tm_acme=", false), ("tm_acme2=1", false), ("x=tm_acme=1", false), ("", false)]
    {
        assert_eq!(holds_cookie(jar, "tm_acme"), held, "{jar}");
    }
}

#[test]
fn a_later_page_needs_no_request_and_a_new_touch_makes_one() {
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    let second = first.next_document();
    second.page.set_cookies("ps_xid=abc");
    second.start("https://shop.example/signup", Granted);
    assert!(second.log().is_empty());
    assert_eq!(second.signup().status, "accepted");
    let third = second.next_document();
    third.start("https://shop.example/?via=eve", Granted);
    assert_eq!(third.log(), [CLICKS]);
}

#[test]
fn a_link_of_the_sites_own_host_is_noticed_by_its_flag_cookie_once_a_page() {
    // The proxy recorded a second partner's touch on its own route; the token in storage is the first one's.
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    let second = first.next_document();
    second.page.set_cookies("tm_acme=1");
    second.on_click(touched(NOW, "eve"));
    second.start("https://shop.example/signup", Granted);
    assert_eq!(second.log(), [CLICKS]);
    let touch = second.touch().unwrap();
    assert_eq!(touch["partner"].as_str(), Some("eve"));
}

#[test]
fn a_token_outlives_the_visitor_cookie() {
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    for answer in [status(204), Reply::Lost, problem(429, "too_many_requests")] {
        let second = first.next_document();
        second.page.set_cookies("tm_acme=1");
        second.on_click(answer);
        second.start("https://shop.example/signup", Granted);
        assert_eq!(second.signup().status, "accepted");
    }
}

#[test]
fn a_page_that_comes_back_from_the_cache_is_no_arrival_and_learns_what_others_did() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    browser.page.set_cookies("tm_acme=1");
    browser.on_click(touched(NOW, "eve"));
    browser.resume();
    browser.advance(100);
    assert_eq!(browser.bodies(CLICKS)[1]["url"], "https://shop.example", "the touch is not told again");
    let touch = browser.touch().unwrap();
    assert_eq!(touch["partner"].as_str(), Some("eve"));
    let denied = Browser::new();
    denied.start(TOUCHED, Denied);
    denied.resume();
    assert!(denied.log().is_empty());
}

#[test]
fn a_reference_is_the_tokens_subject_or_nothing() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.reference().as_deref(), Some("visitor-id"));
    let untouched = Browser::new();
    untouched.start("https://shop.example/", Granted);
    assert_eq!(untouched.reference(), None);
}

#[test]
fn a_route_change_keeps_the_first_touch() {
    // The stub remembered the landing URL; whatever the router does to the address afterwards is not looked at.
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    for _ in 0..3 {
        browser.consent("granted");
        browser.advance(100);
    }
    assert_eq!(browser.log(), [CLICKS]);
    let touch = serde_json::json!({
        "program": "main", "partner": "ada", "at": "2026-11-21T08:30:00Z", "expiresAt": "2027-02-19T08:30:00Z",
    });
    assert_eq!(browser.touch(), Some(touch));
}

#[test]
fn an_expired_token_is_not_used() {
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    let later = first.next_document();
    later.advance(u32::MAX);
    later.advance(u32::MAX);
    later.start("https://shop.example/", Granted);
    assert_eq!(later.signup().status, "unattributed");
}

#[test]
fn a_touch_that_the_proxy_does_not_know_is_none() {
    let browser = Browser::new();
    browser.on_click(status(204));
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.signup().code, Some("no_touch"));
    assert!(browser.page.stored().is_empty());
}

#[test]
fn a_report_that_got_no_answer_is_made_again_for_the_conversion() {
    for lost in [Reply::Lost, problem(503, "unavailable"), status(502)] {
        let browser = Browser::new();
        browser.on_click(lost);
        browser.start(TOUCHED, Granted);
        assert_eq!(browser.signup().status, "accepted");
        assert_eq!(browser.log(), [CLICKS, CLICKS, CONVERSIONS]);
        assert_eq!(browser.bodies(CLICKS)[0], browser.bodies(CLICKS)[1], "the same arrival");
    }
}

#[test]
fn an_older_token_outlives_a_failed_report() {
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    let second = first.next_document();
    second.on_click(Reply::Lost);
    second.start("https://shop.example/?via=eve", Granted);
    assert_eq!(second.signup().status, "accepted");
    assert_eq!(second.log(), [CLICKS, CONVERSIONS]);
}

#[test]
fn an_address_that_is_no_web_page_is_no_arrival() {
    for url in ["about:blank", "file:///home/x.html?ps_xid=1", "https://user@/?ps_xid=1"] {
        let browser = Browser::new();
        browser.start(url, Granted);
        assert!(browser.log().is_empty(), "{url}");
    }
}
