//! When a vendor says that we may come back, and how much of it is believed.

use trailmark_vendors::outcome::Outcome;
use trailmark_wire::time::UnixMillis;

use super::{NOW, adapter, answer_with, signup};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds from now until which a throttled lane waits; `None` without a hint.
fn wait(status: u16, headers: &[(&str, &str)]) -> Option<i64> {
    match adapter().read(&signup(), &answer_with(status, headers, "")) {
        Outcome::Throttled { until } => until.map(|until| until.since(NOW)),
        other => panic!("{other:?}"),
    }
}

fn retry_after(value: &str) -> Option<i64> {
    wait(429, &[("retry-after", value)])
}

#[test]
fn seconds_count_from_the_arrival_of_the_answer() {
    assert_eq!(retry_after("120"), Some(120_000));
    assert_eq!(retry_after(" 120 "), Some(120_000));
    assert_eq!(retry_after("0"), Some(0));
    assert_eq!(wait(503, &[("retry-after", "3600")]), Some(3_600_000));
}

#[test]
fn an_http_date_is_the_point_itself() {
    assert_eq!(NOW, UnixMillis::from_rfc3339("2026-11-21T08:00:00Z").unwrap());
    assert_eq!(retry_after("Sat, 21 Nov 2026 08:02:00 GMT"), Some(120_000));
    assert_eq!(retry_after("Sun, 22 Nov 2026 07:59:59 GMT"), Some(DAY_MS - 1000));
    assert_eq!(wait(503, &[("retry-after", "Sat, 21 Nov 2026 09:00:00 GMT")]), Some(3_600_000));
}

#[test]
fn a_hint_lies_neither_in_the_past_nor_beyond_a_day() {
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
    assert_eq!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT"), Some(DAY_MS));
    assert_eq!(retry_after("86401"), Some(DAY_MS));
    assert_eq!(retry_after("99999999999999999999999999"), Some(DAY_MS));
}

#[test]
fn what_is_no_hint_is_none() {
    let texts = [
        "",
        "soon",
        "-5",
        "1.5",
        "12e3",
        "Sat, 21 Nov 2026 08:02:00",
        "Sat, 21 Nov 2026 08:02:00 CET",
        "Sat, 31 Feb 2026 08:02:00 GMT",
        "Sat, 21 nov 2026 08:02:00 GMT",
        "Saturday, 21-Nov-26 08:02:00 GMT",
        "Sat Nov 21 08:02:00 2026",
        "Sat, 21 Nov 2026 25:02:00 GMT",
        "Sat, 21 Nov 2026 08:02:00 GMT trailing",
    ];
    for text in texts {
        assert_eq!(retry_after(text), None, "{text}");
    }
}

#[test]
fn rate_limit_headers_stand_in_for_retry_after() {
    assert_eq!(wait(429, &[("x-ratelimit-retry-after", "30")]), Some(30_000));
    assert_eq!(wait(429, &[("x-ratelimit-reset", "45")]), Some(45_000));
    assert_eq!(wait(429, &[("x-ratelimit-reset", "1795248060")]), Some(60_000));
    assert_eq!(wait(429, &[("x-ratelimit-reset", "1795248060000")]), Some(60_000));
    assert_eq!(wait(429, &[("ratelimit-reset", "50")]), Some(50_000));
    assert_eq!(wait(429, &[("ratelimit", "\"default\";r=0;t=20")]), Some(20_000));
    assert_eq!(wait(429, &[("x-ratelimit-reset", "45"), ("retry-after", "7")]), Some(7_000));
    assert_eq!(wait(429, &[("retry-after", "soon"), ("x-ratelimit-reset", "45")]), Some(45_000));
    assert_eq!(wait(429, &[("x-ratelimit-limit-minute", "120"), ("x-ratelimit-remaining-minute", "0")]), Some(60_000));
    assert_eq!(wait(429, &[("x-ratelimit-remaining-minute", "0"), ("retry-after", "7")]), Some(7_000));
    for left in ["1", "", "none"] {
        assert_eq!(wait(429, &[("x-ratelimit-limit-minute", "120"), ("x-ratelimit-remaining-minute", left)]), None);
    }
}

#[test]
fn a_window_that_ends_says_nothing_about_an_outage() {
    let answer = answer_with(503, &[("x-ratelimit-reset", "45")], "");
    assert!(matches!(adapter().read(&signup(), &answer), Outcome::Unknown { .. }));
}

#[test]
fn another_try_waits_for_the_hint_too() {
    let answer = answer_with(308, &[("retry-after", "60")], "");
    let Outcome::Retry { not_before, .. } = adapter().read(&signup(), &answer) else { panic!() };
    assert_eq!(not_before, Some(NOW.plus(60_000)));
}
