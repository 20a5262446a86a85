//! The queue: what waits survives the page, within its bounds, and leaves when it is answered for.

use serde_json::json;
use trailmark::consent::State::Granted;
use trailmark::conversion::Entry;
use trailmark::page::Page as _;
use trailmark::page::memory::Reply;
use trailmark::queue;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::limits::{QUEUE_AGE_MS, QUEUE_BYTES};
use trailmark_wire::time::UnixMillis;

use crate::support::{Browser, CONVERSIONS, NOW, TOUCHED, ada, problem, settings};

const QUEUE: &str = "tm_acme_queue";

fn entry(number: u8, at: UnixMillis) -> Entry {
    Entry { id: ConversionId::from_parts(at, [number; 10]), at, kind: Kind::Signup, input: ada().to_string() }
}

#[test]
fn what_waits_is_sent_by_the_next_page_and_then_gone() {
    let first = Browser::new();
    first.on_conversion(Reply::Lost);
    let tracker = first.start(TOUCHED, Granted);
    assert_eq!(first.signup(tracker).status, "queued");
    let second = first.next_document();
    second.start("https://shop.example/welcome", Granted);
    assert_eq!(second.log(), [CONVERSIONS]);
    assert_eq!(second.bodies(CONVERSIONS)[0]["jti"], first.bodies(CONVERSIONS)[0]["jti"]);
    assert_eq!(second.bodies(CONVERSIONS)[0]["iat"], NOW.seconds(), "when it happened");
    assert!(!second.page.stored().contains_key(QUEUE));
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let browser = Browser::new();
    let (page, settings) = (&browser.page, settings(Granted));
    let plain = json!({ "customerKey": "u", "name": "Ada \u{fc}\"\\", "data": { "p": "q" } }).to_string();
    let signed = json!({ "customer": "a.b.c" }).to_string();
    let written =
        [Entry { input: plain, ..entry(1, NOW) }, Entry { input: signed, kind: Kind::Lead, ..entry(2, NOW.plus(-1)) }];
    assert!(written.iter().all(|entry| queue::put(page, &settings, entry)));
    assert_eq!(queue::list(page, &settings), written);
}

#[test]
fn an_entry_is_kept_once_and_removed_by_its_id() {
    let browser = Browser::new();
    let (page, settings) = (&browser.page, settings(Granted));
    let entries = [1, 2, 3].map(|number| entry(number, NOW));
    for entry in entries.iter().chain(&entries) {
        assert!(queue::put(page, &settings, entry));
    }
    queue::remove(page, &settings, &entries[1].id);
    queue::remove(page, &settings, &entries[1].id);
    assert_eq!(queue::list(page, &settings), [entries[0].clone(), entries[2].clone()]);
    queue::remove(page, &settings, &entries[0].id);
    queue::remove(page, &settings, &entries[2].id);
    assert!(page.stored().is_empty(), "an empty queue leaves no key");
}

#[test]
fn the_queue_keeps_within_its_bytes_and_drops_nothing_for_it() {
    let browser = Browser::new();
    let (page, settings) = (&browser.page, settings(Granted));
    let kept = (0..=u8::MAX).take_while(|number| queue::put(page, &settings, &entry(*number, NOW))).count();
    assert!((50..255).contains(&kept), "{kept}");
    assert!(page.stored()[QUEUE].len() <= QUEUE_BYTES);
    assert_eq!(queue::list(page, &settings).len(), kept);
}

#[test]
fn an_entry_past_its_age_is_not_sent() {
    let browser = Browser::new();
    let (page, settings) = (&browser.page, settings(Granted));
    queue::put(page, &settings, &entry(1, NOW.plus(-QUEUE_AGE_MS)));
    queue::put(page, &settings, &entry(2, NOW.plus(1 - QUEUE_AGE_MS)));
    assert_eq!(queue::list(page, &settings).len(), 1);
}

#[test]
fn what_is_no_queue_is_an_empty_one() {
    for text in ["", "{}", "null", "[1, {}]", "[{\"id\":\"x\",\"at\":1}]", "[{\"id\":1", "[{\"at\":1e99}]"] {
        let browser = Browser::new();
        browser.page.store(QUEUE, text);
        assert!(queue::list(&browser.page, &settings(Granted)).is_empty(), "{text}");
        let tracker = browser.start(TOUCHED, Granted);
        assert_eq!(browser.signup(tracker).status, "accepted");
    }
}

#[test]
fn where_storage_is_denied_what_is_not_sent_has_failed() {
    for reply in [Reply::Lost, problem(503, "unavailable"), Reply::Never] {
        let browser = Browser::new();
        browser.page.deny_storage();
        browser.on_conversion(reply.clone());
        let tracker = browser.start(TOUCHED, Granted);
        let code = match reply {
            Reply::Lost => "unreachable",
            Reply::Never => "timeout",
            _ => "unavailable",
        };
        let outcome = browser.signup(tracker);
        assert_eq!((outcome.status, outcome.code.as_deref()), ("failed", Some(code)));
    }
}

#[test]
fn a_signup_whose_touch_nobody_answered_for_waits_too() {
    let first = Browser::new();
    first.on_click(Reply::Lost).on_click(Reply::Lost);
    let tracker = first.start(TOUCHED, Granted);
    assert_eq!(first.signup(tracker).status, "queued");
    assert!(first.page.stored().contains_key(QUEUE));
}
