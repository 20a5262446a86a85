//! Nothing waits for long: `ready` a second at most, every call 300 ms beyond it, whatever the proxy does.

use serde_json::json;
use trailmark::config::{PATIENCE_MS, READY_MS};
use trailmark::consent::State::Granted;
use trailmark_wire::limits::SETTLE_MS;

use crate::support::{Browser, CLICKS, CONVERSIONS, NOW, Reply, TOUCHED, ada, answer, touched};

#[test]
fn the_patience_leaves_time_for_the_way_back() {
    const { assert!(PATIENCE_MS < SETTLE_MS) };
}

#[test]
fn ready_comes_with_the_answer() {
    let browser = Browser::new();
    browser.on_click(touched(NOW, "ada").after(120));
    browser.start(TOUCHED, Granted);
    let ready = browser.call("", "");
    browser.advance(119);
    assert_eq!(browser.result(ready), None);
    browser.advance(1);
    assert_eq!(browser.result(ready), Some(json!({ "attributed": true, "mode": "wasm" })));
}

#[test]
fn ready_comes_after_a_second_without_one() {
    let browser = Browser::new();
    browser.on_click(Reply::Never);
    browser.start(TOUCHED, Granted);
    let ready = browser.call("", "");
    browser.advance(READY_MS - 1);
    assert_eq!(browser.result(ready), None);
    browser.advance(1);
    assert_eq!(browser.result(ready), Some(json!({ "attributed": false, "mode": "wasm" })));
}

#[test]
fn a_call_before_ready_is_answered_soon_after_it() {
    let browser = Browser::new();
    browser.on_click(Reply::Never);
    browser.start(TOUCHED, Granted);
    let signup = browser.call("signup", &ada().to_string());
    let touch = browser.call("touch", "");
    browser.advance(READY_MS + PATIENCE_MS - 1);
    assert!(browser.result(signup).is_none() && browser.result(touch).is_none());
    browser.advance(1);
    let outcome = browser.outcome(signup);
    assert_eq!((outcome.status, outcome.code), ("queued", Some("timeout")));
    assert_eq!(browser.result(touch), Some(json!(null)));
    assert_eq!(browser.page.queued().len(), 1);
}

#[test]
fn a_slow_answer_still_counts_after_the_call_was_answered() {
    let browser = Browser::new();
    browser.on_conversion(answer(202, json!({ "status": "accepted" })).after(2_000));
    browser.start(TOUCHED, Granted);
    let signup = browser.call("signup", &ada().to_string());
    browser.advance(PATIENCE_MS - 1);
    assert_eq!(browser.result(signup), None);
    browser.advance(1);
    assert_eq!(browser.outcome(signup).status, "queued");
    assert_eq!(browser.page.queued().len(), 1, "until it is answered for");
    browser.advance(2_000);
    assert!(browser.page.queued().is_empty());
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS], "and not sent twice");
}

#[test]
fn a_touch_that_comes_late_is_given_late() {
    let browser = Browser::new();
    browser.on_click(touched(NOW, "ada").after(READY_MS + 500));
    browser.start(TOUCHED, Granted);
    browser.advance(READY_MS);
    let early = browser.call("touch", "");
    browser.advance(PATIENCE_MS);
    assert_eq!(browser.result(early), Some(json!(null)));
    browser.advance(500);
    assert!(browser.touch().is_some());
}
