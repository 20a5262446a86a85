//! The queue: what waits survives the page, within its bounds, and leaves when it is answered for.

use std::collections::BTreeSet;

use serde_json::json;
use trailmark::consent::State::{Denied, Granted, Pending};
use trailmark::conversion::Entry;
use trailmark::page::Page;
use trailmark::queue;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::Jti;
use trailmark_wire::limits::{QUEUE_AGE_MS, QUEUE_BYTES};
use trailmark_wire::time::UnixMillis;

use crate::support::{Browser, CLICKS, CONVERSIONS, NOW, Reply, TOUCHED, ada, busy, problem, settings, status};

const QUEUE: &str = "tm_acme_queue_";

fn entry(number: u8, at: UnixMillis) -> Entry {
    Entry { id: Jti::from_parts(at, [number; 10]), at, kind: Kind::Signup, input: ada().to_string() }
}

#[test]
fn what_waits_is_sent_by_the_next_page_and_then_gone() {
    let first = Browser::new();
    first.on_conversion(Reply::Lost);
    first.start(TOUCHED, Granted);
    assert_eq!(first.signup().status, "queued");
    let second = first.next_document();
    second.start("https://shop.example/welcome", Granted);
    assert_eq!(second.drain(), None, "nothing is left");
    assert_eq!(second.log(), [CONVERSIONS]);
    assert_eq!(second.bodies(CONVERSIONS)[0]["jti"], first.bodies(CONVERSIONS)[0]["jti"]);
    assert_eq!(second.bodies(CONVERSIONS)[0]["iat"], NOW.seconds(), "when it happened");
    assert!(second.page.queued().is_empty());
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let browser = Browser::new();
    let (page, settings) = (&browser.page, settings(Granted));
    let plain = json!({ "customerKey": "u", "name": "Ada \u{fc}\"\\", "data": { "p": "q" } }).to_string();
    let signed = json!({ "customer": "a.b.c" }).to_string();
    let written =
        [Entry { input: plain, ..entry(1, NOW) }, Entry { input: signed, kind: Kind::Lead, ..entry(2, NOW.plus(1)) }];
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
fn keeping_and_removing_touch_no_other_entry_since_another_tab_may_know_of_more() {
    let (browser, settings) = (Browser::new(), settings(Granted));
    assert!([1, 2].iter().all(|number| queue::put(&browser.page, &settings, &entry(*number, NOW))));
    let before = browser.page.stored();
    queue::remove(&browser.page, &settings, &entry(1, NOW).id);
    assert!(queue::put(&browser.page, &settings, &entry(3, NOW)));
    let after = browser.page.stored();
    let changed = before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name));
    let own = [1, 3].map(|number| format!("{QUEUE}{}", entry(number, NOW).id.as_str()));
    assert_eq!(changed.cloned().collect::<BTreeSet<_>>(), BTreeSet::from(own));
}

#[test]
fn the_queue_keeps_within_its_bytes_and_drops_nothing_for_it() {
    let browser = Browser::new();
    let (page, settings) = (&browser.page, settings(Granted));
    let kept = (0..=u8::MAX).take_while(|number| queue::put(page, &settings, &entry(*number, NOW))).count();
    assert!((50..255).contains(&kept), "{kept}");
    assert!(page.stored().values().map(String::len).sum::<usize>() <= QUEUE_BYTES);
    assert_eq!(queue::list(page, &settings).len(), kept);
}

#[test]
fn an_entry_past_its_age_is_not_sent_and_not_kept() {
    let browser = Browser::new();
    let (page, settings) = (&browser.page, settings(Granted));
    queue::put(page, &settings, &entry(1, NOW.plus(-QUEUE_AGE_MS)));
    queue::put(page, &settings, &entry(2, NOW.plus(1 - QUEUE_AGE_MS)));
    assert_eq!(queue::list(page, &settings).len(), 1);
    assert_eq!(page.stored().len(), 1);
}

#[test]
fn what_cannot_be_read_is_removed_and_holds_up_nothing() {
    for text in ["", "{}", "null", "[1, {}]", "{\"id\":\"x\",\"at\":1}", "{\"id\":1", "{\"at\":1e99}"] {
        let browser = Browser::new();
        browser.page.store(&format!("{QUEUE}x"), text);
        assert!(queue::list(&browser.page, &settings(Granted)).is_empty(), "{text}");
        assert!(browser.page.stored().is_empty(), "{text}");
        browser.start(TOUCHED, Granted);
        assert_eq!(browser.signup().status, "accepted");
    }
}

#[test]
fn an_entry_under_the_id_of_another_is_none() {
    let (browser, settings) = (Browser::new(), settings(Granted));
    queue::put(&browser.page, &settings, &entry(1, NOW));
    let text = browser.page.stored().into_values().next().unwrap();
    browser.page.store(&format!("{QUEUE}{}", entry(2, NOW).id.as_str()), &text);
    assert_eq!(queue::list(&browser.page, &settings), [entry(1, NOW)]);
}

#[test]
fn where_storage_is_denied_what_is_not_sent_has_failed() {
    for reply in [Reply::Lost, problem(503, "unavailable"), Reply::Never] {
        let browser = Browser::new();
        browser.page.deny_storage();
        browser.on_conversion(reply.clone());
        browser.start(TOUCHED, Granted);
        let code = match reply {
            Reply::Lost => "unreachable",
            Reply::Never => "timeout",
            _ => "unavailable",
        };
        let outcome = browser.signup();
        assert_eq!((outcome.status, outcome.code), ("failed", Some(code)));
    }
}

#[test]
fn a_signup_whose_touch_nobody_answered_for_waits_too() {
    let first = Browser::new();
    first.on_click(Reply::Lost).on_click(Reply::Lost);
    first.start(TOUCHED, Granted);
    assert_eq!(first.signup().status, "queued");
    assert_eq!(first.page.queued().len(), 1);
}

#[test]
fn a_hint_of_the_proxy_is_waited_for_and_then_the_conversion_is_sent() {
    let browser = Browser::new();
    browser.on_conversion(busy(60));
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.signup().status, "queued");
    let sent = browser.log().len();
    let pause = browser.drain().unwrap();
    assert!((50_000..=60_000).contains(&pause), "{pause}");
    assert_eq!(browser.log().len(), sent, "nothing is sent before it");
    browser.advance(pause);
    assert_eq!(browser.drain(), None);
    assert_eq!(browser.log().len(), sent + 1);
    let ids = browser.bodies(CONVERSIONS);
    assert_eq!(ids[0]["jti"], ids[1]["jti"], "the same conversion");
}

#[test]
fn a_hint_of_the_proxy_binds_the_next_page_and_leaves_with_the_queue() {
    let first = Browser::new();
    first.on_conversion(busy(60));
    first.start(TOUCHED, Granted);
    assert_eq!(first.signup().status, "queued");
    let second = first.next_document();
    second.start("https://shop.example/welcome", Granted);
    let pause = second.drain().unwrap();
    assert!((50_000..=60_000).contains(&pause), "{pause}");
    assert!(second.bodies(CONVERSIONS).is_empty(), "nothing is sent before it");
    second.advance(pause);
    assert_eq!(second.drain(), None);
    assert_eq!(second.bodies(CONVERSIONS).len(), 1);
    assert_eq!(second.page.stored().into_keys().collect::<Vec<_>>(), ["tm_acme_click"]);
}

#[test]
fn a_pause_of_our_own_ends_with_the_page() {
    let first = Browser::new();
    first.on_conversion(Reply::Lost);
    first.start(TOUCHED, Granted);
    assert_eq!(first.signup().status, "queued");
    let second = first.next_document();
    second.start("https://shop.example/welcome", Granted);
    assert_eq!(second.drain(), None);
}

#[test]
fn a_hint_from_a_clock_that_was_wrong_holds_nothing_up_for_longer_than_a_day() {
    for hint in [NOW.0 * 2, i64::MAX] {
        let browser = Browser::new();
        queue::put(&browser.page, &settings(Granted), &entry(1, NOW));
        browser.page.store("tm_acme_due", &hint.to_string());
        browser.start(TOUCHED, Granted);
        assert_eq!(browser.drain().filter(|pause| *pause > 86_400_000), None);
        browser.advance(86_400_000);
        assert_eq!(browser.drain(), None, "{hint}");
        assert_eq!(browser.bodies(CONVERSIONS).len(), 1);
    }
}

#[test]
fn a_first_send_does_not_wait_for_a_pause() {
    let browser = Browser::new();
    browser.on_conversion(busy(3_600));
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.signup().status, "queued");
    assert_eq!(browser.signup().status, "accepted");
}

#[test]
fn a_proxy_that_is_away_is_asked_once_a_round_and_one_bad_conversion_holds_up_no_other() {
    for (reply, sent) in [(Reply::Lost, 1), (busy(1), 1), (status(500), 3)] {
        let browser = Browser::new();
        for number in 1..=3 {
            queue::put(&browser.page, &settings(Granted), &entry(number, NOW));
        }
        browser.on_conversion(reply.clone()).on_conversion(Reply::Lost).on_conversion(reply.clone());
        if sent == 3 {
            browser.script.borrow_mut().conversions[1] = status(500);
        }
        browser.start(TOUCHED, Granted);
        assert!(browser.drain().is_some());
        assert_eq!(browser.bodies(CONVERSIONS).len(), sent, "{reply:?}");
        assert_eq!(queue::list(&browser.page, &settings(Granted)).len(), 3, "nothing is lost");
    }
}

#[test]
fn what_is_refused_again_and_again_is_not_tried_again_without_a_pause() {
    for reply in [status(500), status(404)] {
        let browser = Browser::new();
        queue::put(&browser.page, &settings(Granted), &entry(1, NOW));
        browser.on_conversion(reply.clone()).on_conversion(reply.clone());
        browser.start(TOUCHED, Granted);
        for round in 1..=2 {
            let pause = browser.drain().unwrap();
            assert_eq!(browser.drain(), Some(pause), "{reply:?}");
            assert_eq!(browser.bodies(CONVERSIONS).len(), round, "{reply:?}");
            browser.advance(pause);
        }
        assert_eq!(browser.drain(), None);
    }
}

#[test]
fn pauses_double_up_to_ten_minutes_with_full_jitter_and_never_undercut_a_hint() {
    let longest = |failures| queue::pause(failures, 0, 255);
    for (failures, most) in
        [(1, 5_000), (2, 10_000), (3, 20_000), (7, 320_000), (8, 600_000), (9, 600_000), (u32::MAX, 600_000)]
    {
        let pause = longest(failures);
        assert!(pause <= most && pause > most / 100 * 95, "{failures}: {pause}");
        assert_eq!(queue::pause(failures, 0, 0), queue::BREATH_MS, "full jitter begins at nothing");
        assert!(queue::pause(failures, 30_000, 0) == 30_000);
    }
    assert_eq!(queue::pause(1, u32::MAX, 0), 86_400_000, "no hint is followed for longer than a day");
}

#[test]
fn what_is_under_way_is_not_sent_again_by_draining() {
    let browser = Browser::new();
    browser.on_conversion(Reply::Never);
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.signup().status, "queued");
    assert_eq!(browser.drain(), Some(queue::BREATH_MS), "it is still there");
    assert_eq!(browser.log(), [CLICKS, CONVERSIONS]);
}

#[test]
fn nothing_is_drained_without_a_grant() {
    for state in [Pending, Denied] {
        let browser = Browser::new();
        queue::put(&browser.page, &settings(Granted), &entry(1, NOW));
        browser.start("https://shop.example/", state);
        assert_eq!(browser.drain(), None);
        assert!(!browser.log().contains(&CONVERSIONS.to_owned()));
    }
}

#[test]
fn what_the_stub_kept_is_sent_as_it_was_called() {
    // As pkg-template/stub.js writes it.
    let id = "019abcde-1234-7abc-8def-0123456789ab";
    let kept = json!({ "id": id, "at": NOW.0 - 5_000, "kind": "signup", "input": ada().to_string() }).to_string();
    let browser = Browser::new();
    browser.page.store(&format!("{QUEUE}{id}"), &kept);
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.drain(), None);
    let sent = &browser.bodies(CONVERSIONS)[0];
    assert_eq!((&sent["jti"], &sent["iat"]), (&json!(id), &json!(NOW.seconds() - 5)));
    assert_eq!(sent["data"]["customer"]["key"], "u_1");
}
