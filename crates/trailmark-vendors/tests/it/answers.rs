//! What every answer to a signup came to: one row a status, for both calls.

use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::task::Task;

use super::{adapter, answer, answer_with, fixture, signup, signup_without_click};

const HTML: &str = "<!doctype html><title>Sign in</title>";

fn read(task: &Task, status: u16, body: &str) -> String {
    let told = match adapter().read(task, &answer(status, body)) {
        Outcome::Retry { message, not_before: None } => ("retry", message),
        Outcome::AuthFailed { message } => ("auth failed", message),
        Outcome::Duplicate { message } => ("duplicate", message),
        Outcome::Forbidden { message } => ("forbidden", message),
        Outcome::Rejected { message } => ("rejected", message),
        Outcome::Unknown { message } => ("unknown", message),
        Outcome::Recorded { reference } => ("recorded", reference.unwrap_or_default()),
        Outcome::Throttled { until: None } => ("throttled", String::new()),
        Outcome::Unverified { reference: None } => ("unverified", String::new()),
        other => panic!("{other:?}"),
    };
    format!("{} | {}", told.0, told.1)
}

/// Both calls read a failing answer alike.
fn check(status: u16, body: &str, expected: &str) {
    for task in [signup(), signup_without_click()] {
        let root = if task.click_id.is_some() { "`tracking_url`" } else { "`base_url`" };
        assert_eq!(read(&task, status, body), expected.replace("ROOT", root), "{status} {body}");
    }
}

#[test]
fn a_refusal_keeps_the_vendors_message_without_what_we_sent() {
    check(400, fixture!("400_refused"), "rejected | status 400: xid is invalid for [redacted]");
    check(422, r#"{"message":"name too long","status":422}"#, "rejected | status 422: name too long");
    check(404, fixture!("404"), "rejected | status 404: Customer not found");
}

#[test]
fn already_exists_is_a_duplicate_whatever_its_status() {
    check(409, r#"{"message":"conflict","status":409}"#, "duplicate | status 409: conflict");
    check(400, fixture!("400_exists"), "duplicate | status 400: Customer with key [redacted] already exists");
    check(
        422,
        r#"{"message":"customer_key must be unique","status":422}"#,
        "duplicate | status 422: customer_key must be unique",
    );
    check(400, r#"{"message":"partner does not exist","status":400}"#, "rejected | status 400: partner does not exist");
}

#[test]
fn credentials_are_told_from_permissions() {
    check(401, fixture!("401"), "auth failed | status 401: Invalid credentials");
    check(401, HTML, "auth failed | status 401: an HTML page");
    check(403, fixture!("403"), "forbidden | status 403: Your plan does not include the API");
}

#[test]
fn what_the_api_did_not_answer_is_tried_again_and_names_the_root() {
    for status in [301, 307, 308] {
        let expected = format!("retry | status {status}: a redirect, which is never followed; check ROOT");
        check(status, "", &expected);
    }
    check(408, "", "retry | status 408: no message");
    check(421, "", "retry | status 421: no message");
    check(425, "", "retry | status 425: no message");
}

// field-faults row 42
#[test]
fn a_refusal_without_the_vendors_envelope_is_tried_again() {
    let elsewhere = |status: u16, what: &str| {
        format!(
            "retry | status {status}: {what}, not an answer of the vendor's API; check ROOT and any firewall in between"
        )
    };
    for status in [400, 402, 403, 404, 405, 406, 409, 410, 413, 414, 415, 418, 422, 431, 451] {
        check(status, HTML, &elsewhere(status, "an HTML page"));
        check(status, "", &elsewhere(status, "an empty body"));
        check(status, "Access denied, incident 7", &elsewhere(status, "text or JSON cut short"));
        let wrong = status + 1;
        for json in [
            "{}".to_owned(),
            "[]".to_owned(),
            "null".to_owned(),
            r#"{"message":"no Route matched with those values"}"#.to_owned(),
            format!(r#"{{"status":{status}}}"#),
            format!(r#"{{"message":"blocked","status":{wrong}}}"#),
            r#"{"error":{"code":"waf"}}"#.to_owned(),
            r#"{"errors":{"customer_key":["must be unique"]}}"#.to_owned(),
        ] {
            check(status, &json, &elsewhere(status, "JSON without the vendor's envelope"));
        }
    }
}

// field-faults row 38
#[test]
fn a_success_without_the_vendors_envelope_proves_nothing() {
    let tasks =
        [signup_without_click(), super::orders::sale(1230, "EUR"), super::orders::lead(), super::orders::refund(1230)];
    for body in
        ["", " ", "{}", "[]", "null", "true", "1", "\"OK\"", "OK", HTML, r#"{"message":"OK"}"#, r#"{"status":500}"#]
    {
        for task in &tasks {
            let told = read(task, 200, body);
            assert!(told.starts_with("unknown | status 200: "), "{body} to a {:?}: {told}", task.kind);
        }
    }
    for body in ["{}", "[]", "null", "OK", HTML] {
        assert!(read(&signup(), 200, body).starts_with("unknown | "), "{body}");
    }
}

#[test]
fn whether_a_failing_server_processed_it_is_unknown() {
    for status in [500, 502, 504, 501, 520] {
        let expected = format!("unknown | status {status}: Internal server error");
        check(status, &fixture!("500").replace("500", &status.to_string()), &expected);
    }
    check(503, "", "unknown | status 503: no message");
    check(502, HTML, "unknown | status 502: an HTML page");
    // Both also follow upon a request that was processed.
    check(302, "", "unknown | status 302: no message");
    check(303, "", "unknown | status 303: no message");
    check(100, "", "unknown | status 100: no message");
    // An unreadable hint is no statement that nothing was processed.
    let answer = answer_with(503, &[("retry-after", "soon")], "");
    assert!(matches!(adapter().read(&signup(), &answer), Outcome::Unknown { .. }));
}

#[test]
fn too_many_requests_is_not_processed() {
    check(429, fixture!("429"), "throttled | ");
    check(429, HTML, "throttled | ");
}

#[test]
fn a_success_that_states_a_failure_is_none() {
    check(200, fixture!("400_refused"), "rejected | status 400: xid is invalid for [redacted]");
    check(200, fixture!("500"), "unknown | status 500: Internal server error");
    check(200, r#"{"message":"no","status":"401"}"#, "auth failed | status 401: no");
}

#[test]
fn a_conversion_is_never_more_than_unverified() {
    let task = signup();
    for status in [200, 201, 202, 204] {
        assert_eq!(read(&task, status, ""), "unverified | ");
    }
    assert_eq!(read(&task, 200, " \r\n"), "unverified | ");
    assert_eq!(read(&task, 200, r#"{"message":"ok","status":200}"#), "unverified | ");
    assert_eq!(read(&task, 200, fixture!("200_customer")), "unverified | ");
    assert_eq!(read(&task, 200, HTML), "unknown | status 200: an HTML page instead of an empty body");
    let cut = read(&task, 200, r#"{"message":"o"#);
    assert_eq!(cut, "unknown | status 200: text or JSON cut short instead of an empty body");
    let answer = trailmark_vendors::exchange::Answer { body: vec![0xff, 0xfe], ..answer(200, "") };
    assert!(matches!(adapter().read(&task, &answer), Outcome::Unknown { .. }));
}

#[test]
fn a_created_customer_is_recorded_under_the_vendors_own_key() {
    let task = signup_without_click();
    assert_eq!(read(&task, 200, fixture!("200_customer")), "recorded | cus_8U5s1iH2Pd2a2p");
    assert_eq!(read(&task, 201, fixture!("200_customer")), "recorded | cus_8U5s1iH2Pd2a2p");
}

// field-faults row 41: what a creation answers is compared, too
#[test]
fn a_customer_that_is_not_clearly_ours_is_read_back() {
    let task = signup_without_click();
    assert_eq!(read(&task, 200, &fixture!("200_customer").replace("acme", "bolt")), "unverified | ");
    assert_eq!(read(&task, 200, &fixture!("200_customer").replace("Ada@", "bob@")), "unverified | ");
    assert_eq!(read(&task, 200, &fixture!("200_customer").replace("u_1", "U_1")), "unverified | ");
    assert_eq!(read(&task, 200, r#"{"data":{"key":"cus_1"},"status":200}"#), "unverified | ");
    assert_eq!(read(&task, 200, r#"{"data":{"customer_key":"u_1"},"status":200}"#), "unverified | ");
    assert_eq!(read(&task, 200, r#"{"message":"ok","status":200}"#), "unverified | ");
}

#[test]
fn a_created_customer_cut_short_is_unknown() {
    let task = signup_without_click();
    let (half, _) = fixture!("200_customer").split_at(60);
    for body in [half, "OK"] {
        assert_eq!(
            read(&task, 200, body),
            "unknown | status 200: text or JSON cut short instead of a customer",
            "{body}"
        );
    }
    assert_eq!(read(&task, 200, ""), "unknown | status 200: an empty body instead of a customer");
    assert_eq!(read(&task, 200, HTML), "unknown | status 200: an HTML page instead of a customer");
}

#[test]
fn unknown_fields_and_an_older_name_of_our_key_are_no_matter() {
    let body = r#"{"data":{"key":"cus_1","external_key":"u_1","brand_new":[{}]},"status":200,"trace":7}"#;
    assert_eq!(read(&signup_without_click(), 200, body), "recorded | cus_1");
}
