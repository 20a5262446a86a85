//! Carriers: when a page has one for the next link to another host of its site, what it announces, and that an address with one
//! is an arrival.

use serde_json::json;
use trailmark::config::Arrival;
use trailmark::consent::State::{Denied, Granted, Pending};
use trailmark_wire::ids::ArrivalId;

use crate::support::{Browser, CLICKS, NOW, TOUCHED, arrival, carrying, settings, status, touched};

const APP: &str = "https://app.example";

/// An address that a link carried a visit to.
const CARRIED: &str = "https://shop.example/?_tm=0199aaaa-0000-7000-8000-000000000001.1795249799";

/// A document with a touch, on a site with another host.
fn carrier_of_ada() -> Browser {
    let browser = Browser::new();
    browser.on_click(carrying(touched(NOW, "ada"), &[APP]));
    browser.start(TOUCHED, Granted);
    browser
}

#[test]
fn a_page_with_a_touch_has_a_carrier_for_each_link_to_another_host() {
    let browser = carrier_of_ada();
    let first = browser.follow().unwrap();
    assert_eq!((first.url.as_str(), &first.to), ("/tm/v1/carriers", &json!([APP])));
    assert_eq!((first.payload.jti.as_str(), first.payload.aud.as_str()), (first.id.as_str(), "acme"));
    assert!(first.is_signed && !first.payload.token.is_empty());
    let second = browser.follow().unwrap();
    assert_ne!(first.id, second.id, "each works once");
    assert_eq!(browser.log(), [CLICKS], "the link announces it, not the module");
}

#[test]
fn the_next_page_has_one_without_asking() {
    let next = carrier_of_ada().next_document();
    next.start("https://shop.example/pricing", Granted);
    assert!(next.follow().is_some());
    assert!(next.log().is_empty());
}

#[test]
fn there_is_none_without_another_host_a_touch_consent_or_storage() {
    let alone = Browser::new();
    alone.start(TOUCHED, Granted);
    assert!(alone.follow().is_none(), "no other host");
    for state in [Pending, Denied] {
        let asked = carrier_of_ada().next_document();
        asked.start("https://shop.example/", state);
        assert!(asked.follow().is_none(), "{state:?}");
    }
    let untouched = Browser::new();
    untouched.on_click(status(204));
    untouched.start(TOUCHED, Granted);
    assert!(untouched.follow().is_none(), "no touch");
    let forgetful = Browser::new();
    forgetful.page.deny_storage();
    forgetful.on_click(carrying(touched(NOW, "ada"), &[APP]));
    forgetful.start(TOUCHED, Granted);
    assert!(forgetful.is_attributed() && forgetful.follow().is_none(), "no storage");
}

#[test]
fn after_a_withdrawal_there_is_no_next_one_and_after_a_grant_there_is() {
    let browser = carrier_of_ada();
    browser.consent("denied");
    browser.advance(100);
    // The page that has one looks into storage before it decorates a link.
    assert!(browser.page.stored().is_empty());
    browser.follow();
    assert!(browser.follow().is_none());
    browser.on_click(carrying(touched(NOW, "ada"), &[APP]));
    browser.consent("granted");
    browser.advance(100);
    assert!(browser.follow().is_some());
}

#[test]
fn a_browser_without_a_key_announces_in_plain_json() {
    let browser = Browser::new();
    browser.without_key();
    browser.on_click(carrying(touched(NOW, "ada"), &[APP]));
    browser.start(TOUCHED, Granted);
    assert!(!browser.follow().unwrap().is_signed);
}

#[test]
fn a_page_that_can_carry_nothing_is_not_asked_again_and_again() {
    let browser = carrier_of_ada();
    browser.refuse_carrier();
    browser.advance(10_000);
    assert!(browser.follow().is_none());
    browser.resume();
    browser.advance(100);
    assert!(browser.follow().is_some(), "but when the page comes back");
}

#[test]
fn an_address_with_a_carrier_is_an_arrival_also_where_a_token_is_kept() {
    let browser = Browser::new();
    browser.start(CARRIED, Granted);
    assert_eq!(browser.bodies(CLICKS)[0]["url"], CARRIED);
    assert_eq!(browser.signup().status, "accepted");
    let later = browser.next_document();
    let id = ArrivalId::from_random([8; 16]);
    later.start_with(settings(Granted), Arrival { id, ..arrival(CARRIED) });
    let body = &later.bodies(CLICKS)[0];
    assert!(body["url"] == CARRIED && body["click_token"].is_string(), "the proxy says whose touch is the later one");
    let reloaded = later.next_document();
    reloaded.start_with(settings(Granted), Arrival { again: true, ..arrival(CARRIED) });
    assert!(reloaded.log().is_empty(), "that was told");
}

#[test]
fn without_consent_a_carrier_waits_in_memory_and_keeps_its_time() {
    let browser = Browser::new();
    browser.start(CARRIED, Pending);
    browser.advance(120_000);
    assert!(browser.log().is_empty() && browser.page.stored().is_empty());
    browser.consent("granted");
    browser.advance(100);
    let body = &browser.bodies(CLICKS)[0];
    assert_eq!((body["url"].as_str(), body["at"].as_str()), (Some(CARRIED), Some(&*NOW.to_rfc3339())));
}
