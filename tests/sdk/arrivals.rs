//! Whether an arrival was told already, and what this document knows of the touches of others: what counts is what is there,
//! never how the browser calls the navigation, and what a page knew when it was loaded is looked at afresh.

use trailmark::config::Arrival;
use trailmark::consent::State::{Granted, Pending};
use trailmark::conversion::Entry;
use trailmark::page::{Page as _, Work};
use trailmark::queue;
use trailmark::tracker::Tracker;
use trailmark_wire::click::TOKEN_GONE;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ArrivalId, Jti};

use crate::support::{
    Browser, CLICKS, CONVERSIONS, MemoryPage, NOW, Reply, TOUCHED, ada, arrival, settings, status, touched,
};

/// A page that was reached by reload or back/forward, under a new arrival id.
fn reloaded(url: &str) -> Arrival {
    Arrival { again: true, id: ArrivalId::from_random([8; 16]), ..arrival(url) }
}

// field-faults row 28
#[test]
fn a_reload_with_a_touch_and_no_trace_of_ours_is_an_arrival() {
    for (url, jar) in [(TOUCHED, ""), ("https://shop.example/", "ps_xid=abc"), (TOUCHED, "session=1; tm_acme2=1")] {
        let browser = Browser::new();
        browser.page.set_cookies(jar);
        browser.start_with(settings(Granted), reloaded(url));
        assert_eq!(browser.bodies(CLICKS)[0]["again"], true, "{url} {jar}");
        assert_eq!(browser.signup().status, "accepted", "{url} {jar}");
    }
    let plain = Browser::new();
    plain.start_with(settings(Granted), reloaded("https://shop.example/?utm_source=x"));
    assert!(plain.log().is_empty());
}

#[test]
fn a_page_that_is_left_before_there_is_a_key_has_kept_its_report() {
    let page = MemoryPage::new();
    let (_, effects) = Tracker::start(&page, settings(Granted), arrival(TOUCHED));
    assert!(effects.iter().any(|effect| matches!(effect.work, Work::Key(_))), "the key is not there yet");
    let kept = page.stored().remove("tm_acme_click").unwrap();
    assert!(kept.contains("ps_xid") && !kept.contains("jwk"), "{kept}");
}

// field-faults row 28
#[test]
fn a_reload_after_consent_is_the_arrival_that_the_page_before_it_was_not() {
    let pending = Browser::new();
    pending.start(TOUCHED, Pending);
    assert!(pending.log().is_empty());
    let granted = pending.next_document();
    granted.start_with(settings(Granted), reloaded(TOUCHED));
    assert!(granted.bodies(CLICKS)[0]["url"].as_str().unwrap().ends_with("?ps_xid=abc123"));
    let once_more = granted.next_document();
    once_more.start_with(settings(Granted), reloaded(TOUCHED));
    assert!(once_more.log().is_empty(), "the token says that it was told");
    assert_eq!(once_more.signup().status, "accepted");
}

// field-faults row 28
#[test]
fn a_reload_with_the_flag_cookie_leaves_it_to_the_proxy_whether_it_was_told() {
    // Another partner's touch may stand behind the cookie, and this one may have been untold when its page was reloaded.
    let browser = Browser::new();
    browser.page.set_cookies("tm_acme=1");
    browser.start_with(settings(Granted), reloaded(TOUCHED));
    let body = &browser.bodies(CLICKS)[0];
    assert_eq!((body["again"].as_bool(), body["url"].as_str()), (Some(true), Some(TOUCHED)));
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    assert!(first.bodies(CLICKS)[0].get("again").is_none());
}

// field-faults row 28
#[test]
fn a_reload_where_an_old_tokens_window_is_over_is_an_arrival() {
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    let later = first.next_document();
    later.advance(u32::MAX);
    later.advance(u32::MAX);
    let now = later.page.now();
    later.on_click(touched(now, "eve"));
    later.start_with(settings(Granted), reloaded("https://shop.example/?via=eve"));
    let touch = later.touch().unwrap();
    assert_eq!(touch["partner"].as_str(), Some("eve"));
}

// field-faults row 28
#[test]
fn a_page_from_the_cache_that_was_never_told_is_told_once_consent_is_there() {
    let browser = Browser::new();
    browser.start(TOUCHED, Pending);
    browser.resume();
    browser.consent("granted");
    browser.advance(100);
    browser.resume();
    browser.advance(100);
    assert_eq!(browser.log(), [CLICKS]);
    assert!(browser.bodies(CLICKS)[0]["url"].as_str().unwrap().ends_with("?ps_xid=abc123"));
}

// field-faults row 28
#[test]
fn a_page_from_the_cache_tells_nothing_that_was_withdrawn_in_another_tab() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    browser.page.store("tm_acme_click", "");
    browser.on_click(status(204));
    browser.resume();
    browser.advance(100);
    assert_eq!(browser.bodies(CLICKS)[1]["url"], "https://shop.example");
    assert_eq!(browser.signup().code, Some("no_touch"));
}

/// Two documents of one browser, the second of which is given a touch while the first stands open.
fn two_tabs() -> (Browser, Browser) {
    let first = Browser::new();
    let second = first.another_tab();
    (first, second)
}

// field-faults row 29
#[test]
fn a_flag_cookie_that_came_after_the_page_is_seen_before_no_touch_is_said() {
    for call in ["touch", "reference", "signup"] {
        let browser = Browser::new();
        browser.start("https://shop.example/en", Granted);
        assert!(browser.log().is_empty());
        browser.page.set_cookies("tm_acme=1");
        let known = match call {
            "touch" => browser.touch().is_some(),
            "reference" => browser.reference().is_some(),
            _ => browser.signup().status == "accepted",
        };
        assert!(known, "{call}");
        assert_eq!(browser.log()[0], CLICKS);
    }
}

// field-faults row 29
#[test]
fn conversions_that_come_at_once_ask_together() {
    let browser = Browser::new();
    browser.start("https://shop.example/en", Granted);
    browser.page.set_cookies("tm_acme=1");
    browser.on_click(touched(NOW, "ada").after(50));
    let calls = ["signup", "lead"].map(|kind| browser.call(kind, &ada().to_string()));
    browser.advance(100);
    for call in calls {
        assert_eq!(browser.outcome(call).status, "accepted");
    }
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS, CONVERSIONS]);
}

// field-faults row 29
#[test]
fn a_conversion_that_the_page_before_left_waits_for_the_report_of_its_touch() {
    let browser = Browser::new();
    let entry = Entry { id: Jti::from_parts(NOW, [1; 10]), at: NOW, kind: Kind::Signup, input: ada().to_string() };
    assert!(queue::put(&browser.page, &settings(Granted), &entry));
    browser.start("https://shop.example/en", Granted);
    let pause = browser.drain().unwrap();
    assert!(browser.log().is_empty());
    browser.page.set_cookies("tm_acme=1");
    browser.advance(pause);
    assert_eq!(browser.drain(), None);
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS]);
}

// field-faults row 29
#[test]
fn a_conversion_that_the_page_before_left_is_dropped_where_no_touch_comes() {
    let browser = Browser::new();
    let entry = Entry { id: Jti::from_parts(NOW, [1; 10]), at: NOW, kind: Kind::Signup, input: ada().to_string() };
    assert!(queue::put(&browser.page, &settings(Granted), &entry));
    browser.start("https://shop.example/en", Granted);
    browser.advance(30_000);
    assert_eq!(browser.drain(), None);
    assert!(browser.log().is_empty());
    assert!(browser.page.stored().is_empty());
}

/// A document that was left while its report was under way: the proxy has it, and the answer finds nobody.
fn left_at_once() -> (Browser, Browser) {
    let (landing, next) = two_tabs();
    landing.on_click(Reply::Never);
    landing.start(TOUCHED, Granted);
    assert_eq!(landing.log(), [CLICKS]);
    (landing, next)
}

// field-faults row 29
#[test]
fn a_signup_on_the_next_page_repeats_the_report_that_the_landing_page_began_and_counts() {
    let (landing, next) = left_at_once();
    next.advance(2_000);
    next.start("https://shop.example/signup", Granted);
    assert!(next.log().is_empty(), "nothing is asked without a conversion");
    let outcome = next.signup();
    assert_eq!((outcome.status, outcome.code), ("accepted", None));
    assert_eq!(next.log(), [CLICKS, CONVERSIONS]);
    assert_eq!(next.bodies(CLICKS), landing.bodies(CLICKS), "the same arrival, so that it is one touch");
    assert_eq!(next.page.stored().into_keys().collect::<Vec<_>>(), ["tm_acme_click"], "the token");
}

// field-faults row 29
#[test]
fn a_report_that_reaches_nobody_again_keeps_the_signup_and_is_repeated_once_the_proxy_is_there() {
    let (_landing, next) = left_at_once();
    next.on_click(Reply::Lost);
    next.start("https://shop.example/signup", Granted);
    assert_eq!(next.signup().status, "queued");
    next.on_click(touched(NOW, "ada"));
    next.advance(10_000);
    assert_eq!(next.drain(), None);
    assert_eq!(next.log(), [CLICKS, CLICKS, CONVERSIONS]);
}

// field-faults row 29
#[test]
fn a_report_that_brought_no_touch_is_not_repeated() {
    let (_landing, next) = left_at_once();
    next.on_click(status(204));
    next.start("https://shop.example/signup", Granted);
    for log in [&[CLICKS][..], &[CLICKS]] {
        let outcome = next.signup();
        assert_eq!((outcome.status, outcome.code), ("unattributed", Some("no_touch")));
        assert_eq!(next.log(), log);
    }
    assert!(next.page.stored().is_empty());
}

// field-faults row 29
#[test]
fn a_withdrawal_on_the_next_page_is_told_to_the_proxy_that_is_recording_a_touch() {
    let (_landing, next) = left_at_once();
    next.start("https://shop.example/privacy", Granted);
    next.consent("denied");
    next.advance(100);
    assert_eq!(next.log().len(), 1, "the DELETE");
    assert!(next.page.stored().is_empty());
}

// field-faults row 29
#[test]
fn a_report_without_a_touch_behind_it_leaves_nothing_to_wait_for() {
    let browser = Browser::new();
    browser.on_click(status(204));
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.signup().status, "unattributed");
    assert!(browser.page.stored().is_empty());
}

// field-faults row 29
#[test]
fn a_vendors_cookie_that_came_after_the_page_is_seen_before_no_touch_is_said() {
    let browser = Browser::new();
    browser.start("https://shop.example/", Granted);
    browser.page.set_cookies("growSumoPartnerKey=ada");
    assert_eq!(browser.signup().status, "accepted");
    assert_eq!(browser.bodies(CLICKS)[0]["cookies"], serde_json::json!({ "growSumoPartnerKey": "ada" }));
}

// field-faults row 30
#[test]
fn a_token_that_another_tab_was_given_is_taken_before_no_touch_is_said() {
    let (first, second) = two_tabs();
    first.start("https://shop.example/signup", Granted);
    second.start(TOUCHED, Granted);
    assert!(first.touch().is_some());
    assert!(first.reference().is_some());
    assert_eq!(first.signup().status, "accepted");
    assert_eq!(first.log(), [CONVERSIONS], "without asking again");
}

// field-faults row 30
#[test]
fn a_newer_touch_of_another_tab_is_the_current_one() {
    let (first, second) = two_tabs();
    first.start(TOUCHED, Granted);
    second.on_click(touched(NOW, "eve"));
    second.start("https://shop.example/?via=eve", Granted);
    let touch = first.touch().unwrap();
    assert_eq!(touch["partner"].as_str(), Some("eve"));
}

// field-faults row 30
#[test]
fn what_was_withdrawn_in_another_tab_is_gone_here_too() {
    let (first, second) = two_tabs();
    first.start(TOUCHED, Granted);
    second.start("https://shop.example/", Granted);
    second.consent("denied");
    second.advance(100);
    first.on_click(status(204));
    let outcome = first.signup();
    assert_eq!((outcome.status, outcome.code), ("unattributed", Some("no_touch")));
    assert_eq!(first.touch(), None);
    assert_eq!(first.log(), [CLICKS, CLICKS], "and no conversion");
    assert_eq!(first.bodies(CLICKS)[1]["url"], "https://shop.example", "the touch is not told again");
}

// field-faults row 30
#[test]
fn storage_that_the_page_has_cleared_costs_no_touch() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    browser.page.store("tm_acme_click", "");
    browser.on_click(touched(NOW, "ada"));
    assert_eq!(browser.signup().status, "accepted");
}

// field-faults row 30
#[test]
fn a_token_that_expired_in_an_open_tab_is_no_touch_any_more() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    browser.advance(u32::MAX);
    browser.advance(u32::MAX);
    browser.on_click(status(204));
    assert_eq!(browser.touch(), None);
    assert_eq!(browser.signup().code, Some("no_touch"));
}

// field-faults row 30
#[test]
fn where_storage_is_denied_the_token_in_hand_serves_as_long_as_the_page() {
    let browser = Browser::new();
    browser.page.deny_storage();
    browser.start(TOUCHED, Granted);
    browser.page.set_cookies("tm_acme=1");
    for _ in 0..3 {
        assert!(browser.touch().is_some());
    }
    assert_eq!(browser.signup().status, "accepted");
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS]);
}

// field-faults row 30
#[test]
fn where_storage_is_full_the_token_from_before_does_not_come_back() {
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    let second = first.next_document();
    second.page.fill_storage();
    second.on_click(touched(NOW, "eve"));
    second.start("https://shop.example/?via=eve", Granted);
    let touch = second.touch().unwrap();
    assert_eq!(touch["partner"].as_str(), Some("eve"));
}

// field-faults row 30
#[test]
fn another_sites_flag_and_token_are_no_reason_to_ask() {
    let browser = Browser::new();
    browser.start("https://shop.example/", Granted);
    browser.page.set_cookies("tm_acme2=1; tm_acme_v=x; xtm_acme=1");
    browser.page.store("tm_acme2_click", "{}");
    assert_eq!(browser.signup().code, Some("no_touch"));
    assert_eq!(browser.touch(), None);
    assert!(browser.log().is_empty());
}

// field-faults row 53
#[test]
fn a_kept_token_that_the_proxy_no_longer_knows_is_dropped_and_the_next_arrival_counts() {
    let first = Browser::new();
    first.start(TOUCHED, Granted);
    assert!(first.bodies(CLICKS)[0].get("click_token").is_none());
    let second = first.next_document();
    second.page.set_cookies("tm_acme=1");
    second.on_click(status(TOKEN_GONE));
    second.start("https://shop.example/", Granted);
    // As the answer does.
    second.page.set_cookies("");
    assert!(second.bodies(CLICKS)[0]["click_token"].as_str().unwrap().contains('.'));
    assert!(!second.is_attributed());
    assert!(second.touch().is_none());
    assert!(second.page.stored().is_empty(), "{:?}", second.page.stored());
    assert_eq!(second.signup().code, Some("no_touch"));
    let third = second.next_document();
    third.start(TOUCHED, Granted);
    assert_eq!(third.signup().status, "accepted");
}

// field-faults row 53
#[test]
fn a_page_from_the_cache_drops_a_token_that_the_proxy_no_longer_knows() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    browser.page.set_cookies("tm_acme=1");
    browser.on_click(status(TOKEN_GONE));
    browser.resume();
    browser.advance(100);
    browser.page.set_cookies("");
    assert!(browser.reference().is_none());
    assert!(browser.page.stored().is_empty());
}
