//! What every answer to a conversion and to a commission line came to: each status with the vendor's envelope, and without.

use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::time::UnixMillis;

use super::sales::sale;
use super::{KEY, after, fixture, introw, signup};
use crate::{NOW, answer, answer_with};

const HTML: &str = "<!doctype html><title>Sign in</title>";

fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::AuthFailed { message } => format!("auth failed | {message}"),
        Outcome::Conflict { message } => format!("conflict | {message}"),
        Outcome::Duplicate { message } => format!("duplicate | {message}"),
        Outcome::Forbidden { message } => format!("forbidden | {message}"),
        Outcome::Ignored { message } => format!("ignored | {message}"),
        Outcome::Recorded { reference } => format!("recorded | {}", reference.unwrap_or_default()),
        Outcome::Rejected { message } => format!("rejected | {message}"),
        Outcome::Retry { message, not_before: None } => format!("retry | {message}"),
        Outcome::Throttled { until } => {
            format!("throttled | {}", until.map(UnixMillis::to_rfc3339).unwrap_or_default())
        }
        Outcome::Unknown { message } => format!("unknown | {message}"),
        other => panic!("{other:?}"),
    }
}

fn read(task: &Task, status: u16, body: &str) -> String {
    told(introw().read(task, &answer(status, body)))
}

/// Both calls read a failing answer alike; `SCOPE` is what each needs.
fn check(status: u16, body: &str, expected: &str) {
    for (task, scope) in [(signup(), "affiliate:write"), (sale(3000, "EUR"), "commissions:write")] {
        assert_eq!(read(&task, status, body), expected.replace("SCOPE", scope), "{status} {body}");
    }
}

#[test]
fn every_documented_error_is_told_with_the_vendors_words_and_the_cure() {
    check(
        401,
        fixture!(in_folder "401"),
        "auth failed | status 401: API key is missing, invalid, expired, or revoked. (UNAUTHORIZED)",
    );
    let lacking = "forbidden | status 403: API key does not include the required scope. (FORBIDDEN); the key needs the \
                   scope `SCOPE`";
    check(403, fixture!(in_folder "403"), lacking);
    check(404, fixture!(in_folder "404"), "rejected | status 404: Partner not found. (NOT_FOUND)");
    check(409, fixture!(in_folder "409"), "duplicate | status 409: The name is taken. (CONFLICT)");
    let invalid = "rejected | status 422: Validation failed for [redacted]. (VALIDATION_ERROR, \
                   path: email; message: Invalid email)";
    check(422, fixture!(in_folder "422"), invalid);
    check(400, fixture!(in_folder "422"), &invalid.replace("422", "400"));
    check(429, fixture!(in_folder "429"), "throttled | ");
    check(500, fixture!(in_folder "500"), "unknown | status 500: Unexpected server error. (INTERNAL_ERROR)");
}

#[test]
fn used_up_credits_wait_for_the_first_of_the_next_month_in_utc() {
    check(402, fixture!(in_folder "402"), "throttled | 2026-12-01T00:00:00Z");
    for (at, first) in [
        ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        ("2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"),
        ("2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
    ] {
        let at = UnixMillis::from_rfc3339(at).unwrap();
        let answer = trailmark_vendors::exchange::Answer { at, ..answer(402, fixture!(in_folder "402")) };
        assert_eq!(told(introw().read(&signup(), &answer)), format!("throttled | {first}"));
    }
    // Another code says nothing about the conversion.
    let other = r#"{"error":{"code":"PAYMENT_REQUIRED","message":"plan ended"}}"#;
    check(402, other, "retry | status 402: plan ended (PAYMENT_REQUIRED)");
}

#[test]
fn a_429_waits_as_long_as_the_vendor_says() {
    let spent = [("x-ratelimit-limit-minute", "120"), ("x-ratelimit-remaining-minute", "0")];
    for (headers, wait_ms) in [(&[("retry-after", "30")][..], 30_000), (&spent[..], 60_000)] {
        let answer = answer_with(429, headers, fixture!(in_folder "429"));
        assert_eq!(introw().read(&signup(), &answer), Outcome::Throttled { until: Some(NOW.plus(wait_ms)) });
    }
}

// field-faults row 42
#[test]
fn a_refusal_without_the_vendors_envelope_is_tried_again() {
    for status in [400, 402, 403, 404, 405, 409, 410, 413, 415, 418, 422, 451] {
        let elsewhere = |what: &str| {
            format!(
                "retry | status {status}: {what}, not an answer of the vendor's API; check `base_url` and any firewall in \
                 between"
            )
        };
        check(status, HTML, &elsewhere("an HTML page"));
        check(status, "", &elsewhere("an empty body"));
        check(status, r#"{"error":{"code":"FORBIDDEN","mess"#, &elsewhere("text or JSON cut short"));
        for json in [
            "{}",
            "[]",
            "null",
            r#"{"error":"no"}"#,
            r#"{"error":{"code":403,"message":"no"}}"#,
            r#"{"error":{"code":"WAF"}}"#,
            r#"{"message":"blocked","status":403}"#,
            r#"{"errors":[{"code":"A","message":"b"}]}"#,
        ] {
            check(status, json, &elsewhere("JSON without the vendor's envelope"));
        }
    }
    check(401, HTML, "auth failed | status 401: an HTML page");
    check(429, HTML, "throttled | ");
}

#[test]
fn what_something_on_the_way_answered_was_not_processed() {
    for status in [301, 307, 308] {
        check(status, "", &format!("retry | status {status}: a redirect, which is never followed; check `base_url`"));
    }
    for status in [407, 408, 421, 425] {
        check(status, "", &format!("retry | status {status}: an empty body"));
    }
    let answer = answer_with(503, &[("retry-after", "60")], "");
    assert_eq!(introw().read(&signup(), &answer), Outcome::Throttled { until: Some(NOW.plus(60_000)) });
}

#[test]
fn whether_a_failing_server_processed_it_is_unknown() {
    for status in [100, 302, 303, 500, 502, 503, 504, 520] {
        check(status, HTML, &format!("unknown | status {status}: an HTML page"));
    }
}

#[test]
fn a_success_without_what_the_vendor_documents_proves_nothing() {
    for status in [200, 201, 202, 204] {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "1",
            "\"ok\"",
            "OK",
            HTML,
            r#"{"data":[]}"#,
            r#"{"data":{}}"#,
            r#"{"status":"ok"}"#,
            r#"{"status":"recorded"}"#,
            r#"{"status":"recorded","conversionId":null}"#,
            r#"{"status":"recorded","conversionId":7}"#,
            r#"{"status":"ignored","conversionId":"cnv_1"}"#,
            r#"{"data":{"id":7}}"#,
            r#"{"data":{"amount":"3.00"}}"#,
            r#"{"status":"recorded","conversionId":"cn"#,
        ] {
            for task in [signup(), sale(3000, "EUR")] {
                let said = read(&task, status, body);
                assert!(said.starts_with(&format!("unknown | status {status}: ")), "{status} {body}: {said}");
            }
        }
        let both = format!("unknown | status {status}: Unexpected server error. (INTERNAL_ERROR)");
        check(status, fixture!(in_folder "500"), &both);
    }
}

#[test]
fn the_three_answers_to_a_conversion_are_kept_apart() {
    assert_eq!(read(&signup(), 201, fixture!(in_folder "201_recorded")), "recorded | cnv_7");
    let ignored = "ignored | status 200: the vendor ignored it: the click token is unknown, invalid or expired, or belongs \
                   to another campaign";
    assert_eq!(read(&signup(), 200, fixture!(in_folder "200_ignored")), ignored);
    let conflict = "conflict | status 200: the click token was converted before, and not by this delivery: by the vendor's \
                    own script on the page, by hand, or for another customer";
    assert_eq!(read(&signup(), 200, fixture!(in_folder "200_duplicate")), conflict);
    // The word decides, not the status.
    assert_eq!(read(&signup(), 201, fixture!(in_folder "200_ignored")), ignored.replace("200", "201"));
    assert_eq!(read(&signup(), 200, fixture!(in_folder "201_recorded")), "recorded | cnv_7");
}

#[test]
fn a_duplicate_is_ours_only_after_a_send_that_may_have_acted_and_without_another_conversion_of_the_touch() {
    let sent_before = Task { is_unsent: false, may_have_acted: true, ..signup() };
    assert_eq!(read(&sent_before, 200, fixture!(in_folder "200_duplicate")), "recorded | cnv_7");
    // What was throttled or refused was not processed: somebody else converted the token.
    let throttled = Task { is_unsent: false, ..signup() };
    assert!(read(&throttled, 200, fixture!(in_folder "200_duplicate")).starts_with("conflict | "));
    let unknown_whose = after(Kind::Refund, sent_before.clone());
    assert!(read(&unknown_whose, 200, fixture!(in_folder "200_duplicate")).starts_with("conflict | "));
    // A token that is refused after a send of ours is told; the outbox then asks a person.
    assert!(read(&sent_before, 200, fixture!(in_folder "200_ignored")).starts_with("ignored | "));
}

#[test]
fn a_message_repeats_nothing_that_we_sent() {
    let said = format!(
        "no ada@example.com, ADA%40example.com; Ada Lovelace, lovelace; token irw.tok_1, 'Team plan', key {KEY}, u_1"
    );
    let body = serde_json::json!({ "error": { "code": "X", "message": said, "details": { "got": KEY } } }).to_string();
    let kept = read(&signup(), 422, &body);
    assert_eq!(
        kept,
        "rejected | status 422: no [redacted], [redacted]; [redacted], [redacted]; token [redacted], '[redacted]', key \
         [redacted], [redacted] (X, got: [redacted])"
    );
    let short = read(&sale(3000, "EUR"), 401, &format!(r#"{{"error":{{"code":"X","message":"bad {}"}}}}"#, &KEY[..20]));
    assert_eq!(short, "auth failed | status 401: bad [redacted] (X)");
}

#[test]
fn details_repeat_nothing_that_we_sent_though_json_writes_it_otherwise() {
    let name = "Ada \"Countess\" Love\\lace";
    let customer = signup().customer.map(|customer| Customer { name: Some(name.into()), ..customer });
    let details = serde_json::json!([{ "path": ["name"], "got": name }, { "count": 2, "seen": true }]);
    let body = serde_json::json!({ "error": { "code": "X", "message": "no", "details": details } }).to_string();
    let kept = read(&Task { customer, ..signup() }, 422, &body);
    assert_eq!(kept, "rejected | status 422: no (X, path: name; got: [redacted], count: 2; seen: true)");
}
