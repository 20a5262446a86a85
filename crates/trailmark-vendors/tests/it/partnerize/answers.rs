//! What every command's answer has in common: a status and a body decide, and nobody but the vendor is believed.

use super::{answer, answered, current, guide, start, told};
use crate::answer_with;
use trailmark_vendors::outcome::Outcome;

fn outcome(status: u16, body: &str) -> String {
    let ask = start(&guide(), "users self", "", &[]).unwrap();
    match answered(ask, &[answer(status, body)]).1 {
        Ok(_) => "done".into(),
        Err(outcome) => told(&outcome),
    }
}

#[test]
fn every_status_with_every_kind_of_body_has_its_outcome() {
    let envelope = |status: u16| format!(r#"{{"error":{{"message":"said","type":"{status}"}}}}"#);
    for status in [200, 201, 202] {
        assert_eq!(outcome(status, r#"{"user":{"user_id":"123"}}"#), "done");
        assert_eq!(outcome(status, r#"{"user":{"user_id":123}}"#), "done");
        for body in ["", "<html>", r#"{"user":{"user_id":"1"#, "[]", "7", "{}", r#"{"user":{}}"#, r#"{"user":"ada"}"#] {
            assert!(outcome(status, body).starts_with(&format!("unknown | status {status}: ")), "{status} {body}");
        }
        assert_eq!(outcome(status, &envelope(400)), format!("unknown | status {status}: said"));
    }
    for (status, vendor, others) in [
        (301, "retry", "retry"),
        (302, "unknown", "unknown"),
        (307, "retry", "retry"),
        (400, "rejected", "retry"),
        (401, "auth failed", "auth failed"),
        (403, "forbidden", "retry"),
        (404, "rejected", "retry"),
        (405, "rejected", "retry"),
        (407, "retry", "retry"),
        (408, "retry", "retry"),
        (409, "rejected", "retry"),
        (421, "retry", "retry"),
        (422, "rejected", "retry"),
        (425, "retry", "retry"),
        (429, "throttled", "throttled"),
        (500, "unknown", "unknown"),
        (502, "unknown", "unknown"),
        (503, "unknown", "unknown"),
        (504, "unknown", "unknown"),
    ] {
        let starts = |body: &str, word: &str| {
            let outcome = outcome(status, body);
            assert!(outcome.starts_with(word), "{status} {body}: {outcome}");
        };
        starts(&envelope(status), vendor);
        for body in ["", "<html>", r#"{"error":{"message":"sa"#, "[]", r#"{"error":"said"}"#, r#"{"message":"said"}"#] {
            starts(body, others);
        }
    }
    assert!(outcome(400, &envelope(500)).starts_with("retry"), "an envelope of another status is not the vendor's");
}

#[test]
fn the_vendors_own_hint_says_when_to_come_back() {
    for (status, header, value) in [
        (429, "retry-after", "40"),
        (429, "x-ratelimit-retry-after", "40"),
        (429, "x-ratelimit-reset", "40"),
        (503, "retry-after", "40"),
    ] {
        let ask = start(&current(), "users self", "", &[]).unwrap();
        let reply = answered(ask, &[answer_with(status, &[(header, value)], "")]).1;
        assert_eq!(told(&reply.unwrap_err()), "throttled 40", "{header}");
    }
    let ask = start(&current(), "users self", "", &[]).unwrap();
    let reply = answered(ask, &[answer(429, "")]).1;
    assert_eq!(reply.unwrap_err(), Outcome::Throttled { until: None });
}
