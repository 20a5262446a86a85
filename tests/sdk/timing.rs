//! Nothing waits for long: `ready` a second at most, every call 300 ms beyond it, whatever the proxy does.

use serde_json::json;
use trailmark::config::{PATIENCE_MS, READY_MS};
use trailmark::consent::State::Granted;
use trailmark::page::memory::Reply;
use trailmark::page::{Answer, Page as _};
use trailmark_wire::limits::SETTLE_MS;

use crate::support::{Browser, CLICKS, CONVERSIONS, NOW, TOUCHED, ada, touched};

#[test]
fn the_patience_leaves_time_for_the_way_back() {
    const { assert!(PATIENCE_MS < SETTLE_MS) };
}

#[test]
fn ready_comes_with_the_answer() {
    let browser = Browser::new();
    browser.on_click(Reply::After(120, touched(NOW, "ada")));
    let tracker = browser.start(TOUCHED, Granted);
    let ready = browser.page.call(tracker.ready());
    browser.page.advance(119);
    assert!(ready.borrow().is_none());
    browser.page.advance(1);
    assert!(ready.take().unwrap().attributed);
}

#[test]
fn ready_comes_after_a_second_without_one() {
    let browser = Browser::new();
    browser.on_click(Reply::Never);
    let tracker = browser.start(TOUCHED, Granted);
    let ready = browser.page.call(tracker.ready());
    browser.page.advance(READY_MS - 1);
    assert!(ready.borrow().is_none());
    browser.page.advance(1);
    let ready = ready.take().unwrap();
    assert_eq!((ready.attributed, ready.mode), (false, "wasm"));
}

#[test]
fn a_call_before_ready_is_answered_soon_after_it() {
    let browser = Browser::new();
    browser.on_click(Reply::Never);
    let tracker = browser.start(TOUCHED, Granted);
    let signup = browser.page.call(tracker.convert("signup", ada().to_string()));
    let touch = browser.page.call(tracker.touch());
    browser.page.advance(READY_MS + PATIENCE_MS - 1);
    assert!(signup.borrow().is_none() && touch.borrow().is_none());
    browser.page.advance(1);
    assert_eq!(signup.take().unwrap().status, "queued");
    assert_eq!(touch.take().unwrap(), None);
    assert_eq!(browser.page.names("tm_acme_queue_").len(), 1);
}

#[test]
fn a_slow_answer_still_counts_after_the_call_was_answered() {
    let browser = Browser::new();
    let accepted = Answer { status: 202, json: Some(json!({ "status": "accepted" })), retry_after: None };
    browser.on_conversion(Reply::After(2_000, accepted));
    let tracker = browser.start(TOUCHED, Granted);
    let signup = browser.page.call(tracker.convert("signup", ada().to_string()));
    browser.page.advance(PATIENCE_MS - 1);
    assert!(signup.borrow().is_none());
    browser.page.advance(1);
    assert_eq!(signup.take().unwrap().status, "queued");
    assert_eq!(browser.page.names("tm_acme_queue_").len(), 1, "until it is answered for");
    browser.page.advance(2_000);
    assert!(browser.page.names("tm_acme_queue_").is_empty());
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS], "and not sent twice");
}

#[test]
fn a_touch_that_comes_late_is_given_late() {
    let browser = Browser::new();
    browser.on_click(Reply::After(READY_MS + 500, touched(NOW, "ada")));
    let tracker = browser.start(TOUCHED, Granted);
    browser.page.advance(READY_MS);
    let early = browser.page.call(tracker.touch());
    browser.page.advance(PATIENCE_MS);
    assert_eq!(early.take().unwrap(), None);
    browser.page.advance(500);
    let late = browser.page.call(tracker.touch());
    assert!(late.take().unwrap().is_some());
}
