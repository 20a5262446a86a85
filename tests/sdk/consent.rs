//! Consent: every state, every change, and what each of them lets happen.

use trailmark::consent::{Action, State, Trace, begin, change};

use crate::support::{Browser, CLICKS, CONVERSIONS, NOW, TOUCHED, WITHDRAWAL, ada, problem, touched};
use State::{Denied, Granted, Pending};

#[test]
fn every_beginning_sets_off_what_the_table_says() {
    for (state, trace, action) in [
        (Denied, Trace::None, None),
        (Denied, Trace::Left, Some(Action::Withdraw)),
        (Granted, Trace::None, Some(Action::Arrive)),
        (Granted, Trace::Left, Some(Action::Arrive)),
        (Pending, Trace::None, None),
        (Pending, Trace::Left, None),
    ] {
        assert_eq!(begin(state, trace), action, "{state:?} {trace:?}");
    }
}

#[test]
fn every_change_sets_off_what_the_table_says() {
    let (arrive, forget, withdraw) = (Some(Action::Arrive), Some(Action::Forget), Some(Action::Withdraw));
    for (from, to, without_trace, with_trace) in [
        (Denied, Denied, None, None),
        (Denied, Granted, arrive, arrive),
        (Denied, Pending, None, None),
        (Granted, Denied, withdraw, withdraw),
        (Granted, Granted, None, None),
        (Granted, Pending, None, None),
        (Pending, Denied, forget, withdraw),
        (Pending, Granted, arrive, arrive),
        (Pending, Pending, None, None),
    ] {
        assert_eq!(change(from, to, Trace::None), without_trace, "{from:?} to {to:?}");
        assert_eq!(change(from, to, Trace::Left), with_trace, "{from:?} to {to:?}, with a trace");
    }
}

#[test]
fn privacy_control_turns_every_state_into_denied() {
    for state in [Denied, Granted, Pending] {
        assert_eq!(state.under(true), Denied);
        assert_eq!(state.under(false), state);
    }
}

#[test]
fn words_are_states_and_back() {
    for state in [Denied, Granted, Pending] {
        assert_eq!(State::from_word(state.as_str()), Some(state));
    }
    for word in ["", "Granted", "yes", "granted "] {
        assert_eq!(State::from_word(word), None, "{word:?}");
    }
}

#[test]
fn without_a_grant_nothing_is_stored_and_nothing_sent() {
    for (consent, privacy_control) in [(Denied, false), (Pending, false), (Granted, true), (Pending, true)] {
        let browser = Browser::new();
        browser.page.set_privacy_control(privacy_control);
        browser.start(TOUCHED, consent);
        let outcome = browser.signup();
        assert_ne!(outcome.status, "accepted");
        assert!(browser.log().is_empty(), "{consent:?}: {:?}", browser.log());
        assert!(browser.page.stored().is_empty(), "{consent:?}");
    }
}

#[test]
fn a_denied_signup_is_ignored_and_a_pending_one_says_so() {
    for (consent, status, code) in [(Denied, "ignored", "consent"), (Pending, "failed", "consent_pending")] {
        let browser = Browser::new();
        browser.start(TOUCHED, consent);
        let outcome = browser.signup();
        assert_eq!((outcome.status, outcome.code), (status, Some(code)));
    }
}

#[test]
fn a_later_grant_reports_the_touch_and_sends_what_waited() {
    let browser = Browser::new();
    browser.start(TOUCHED, Pending);
    browser.signup();
    assert_eq!(browser.consent("granted"), Granted.as_str());
    browser.advance(1_000);
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS]);
    assert!(browser.bodies(CLICKS)[0]["url"].as_str().unwrap().ends_with("ps_xid=abc123"));
}

#[test]
fn a_denial_drops_what_waited() {
    let browser = Browser::new();
    browser.start("https://shop.example/", Pending);
    browser.signup();
    browser.consent("denied");
    browser.consent("granted");
    browser.advance(1_000);
    assert!(browser.log().is_empty(), "{:?}", browser.log());
}

#[test]
fn a_withdrawal_sends_one_delete_and_clears_storage_and_key() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    assert!(!browser.page.stored().is_empty());
    assert_eq!(browser.consent("denied"), Denied.as_str());
    assert!(browser.page.stored().is_empty(), "at once, not after the answer");
    browser.consent("denied");
    browser.advance(1_000);
    assert_eq!(browser.log(), [CLICKS, WITHDRAWAL]);
    assert_eq!(browser.signup().status, "ignored");
}

#[test]
fn a_withdrawal_waits_for_the_report_under_way_and_keeps_nothing_of_it() {
    let browser = Browser::new();
    browser.on_click(touched(NOW, "ada").after(500));
    browser.start(TOUCHED, Granted);
    browser.consent("denied");
    browser.advance(400);
    assert_eq!(browser.log(), [CLICKS]);
    browser.advance(200);
    assert_eq!(browser.log(), [CLICKS, WITHDRAWAL]);
    assert!(browser.page.stored().is_empty());
}

#[test]
fn a_withdrawal_waits_for_the_report_that_a_conversion_makes() {
    let browser = Browser::new();
    browser.on_conversion(problem(401, "token_expired"));
    browser.start(TOUCHED, Granted);
    browser.on_click(touched(NOW, "ada").after(500));
    browser.call("signup", &ada().to_string());
    browser.consent("denied");
    browser.advance(400);
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS, CLICKS]);
    browser.advance(200);
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS, CLICKS, WITHDRAWAL]);
    assert!(browser.page.stored().is_empty());
}

#[test]
fn a_page_that_begins_denied_withdraws_what_an_earlier_page_left() {
    let granted = Browser::new();
    granted.start(TOUCHED, Granted);
    let denied = granted.next_document();
    denied.start("https://shop.example/", Denied);
    assert_eq!(denied.log(), [WITHDRAWAL]);
    assert!(denied.page.stored().is_empty());
    let again = denied.next_document();
    again.start("https://shop.example/", Denied);
    assert!(again.log().is_empty());
}

#[test]
fn an_unknown_word_changes_nothing_and_is_explained() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.consent("yes"), Granted.as_str());
    assert_eq!(browser.page.warnings().len(), 2, "how things stood before, and this");
    browser.page.set_privacy_control(true);
    assert_eq!(browser.consent("granted"), Denied.as_str());
}
