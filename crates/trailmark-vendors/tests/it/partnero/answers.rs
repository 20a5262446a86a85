//! Every status with every kind of body, to every call of a delivery: what the vendor's own envelope does not prove, nothing
//! proves.

use trailmark_vendors::exchange::Answer;
use trailmark_vendors::outcome::LookUp;
use trailmark_vendors::task::Task;

use super::super::answer_with;
use super::{adapter, answer, driven, fixture, looked_up, page, planned, refund, sale, sent, shown, signup};

/// Bodies that are not the vendor's envelope of a failure.
const FOREIGN: [&str; 11] = [
    "",
    " \r\n",
    "<!doctype html><title>Sign in</title>",
    "Access denied, incident 7",
    r#"{"message":"o"#,
    "{}",
    "[]",
    "null",
    r#"{"message":7}"#,
    r#"{"error":{"code":"waf"}}"#,
    r#"{"message":"fine","status":1}"#,
];

fn tasks() -> [Task; 3] {
    [signup(), sale(1230, "EUR"), refund(1230, 0)]
}

fn first_word(told: &str) -> &str {
    told.split(" | ").next().unwrap()
}

#[test]
fn a_refusal_without_the_vendors_envelope_is_tried_again() {
    for task in tasks() {
        for status in [400, 402, 403, 404, 405, 406, 409, 410, 413, 415, 418, 422, 451] {
            for body in FOREIGN {
                let told = sent(&task, &[answer(status, body)]);
                assert_eq!(first_word(&told), "retry", "{:?} {status} {body}: {told}", task.kind);
                assert!(told.contains("not an answer of the vendor's API; check `base_url`"), "{told}");
            }
        }
    }
}

#[test]
fn a_success_without_the_vendors_envelope_proves_nothing() {
    let no_success = [r#"{"message":"no","status":0}"#, r#"{"status":0}"#, r#"{"data":{},"status":2}"#, "true", "OK"];
    for task in tasks() {
        for status in [200, 201, 202, 204] {
            for body in no_success.into_iter().chain(FOREIGN.into_iter().filter(|body| !body.contains("\"status\":1")))
            {
                let told = sent(&task, &[answer(status, body)]);
                assert_eq!(first_word(&told), "unknown", "{:?} {status} {body}: {told}", task.kind);
            }
        }
        let bytes = Answer { body: vec![0xff, 0xfe], ..answer(200, "") };
        assert_eq!(sent(&task, &[bytes]), format!("unknown | {}", wanted(&task)));
    }
}

fn wanted(task: &Task) -> String {
    let wanted = match task.kind.as_str() {
        "signup" => "a customer",
        "sale" => "a transaction",
        _ => "the vendor's confirmation that the transaction is deleted",
    };
    format!("status 200: a body that is not text instead of {wanted}")
}

#[test]
fn every_documented_status_with_the_vendors_envelope_has_its_meaning() {
    let envelope = r#"{"message":"The Server Says No","status":0}"#;
    for (status, expected) in [
        (400, "rejected"),
        (401, "auth failed"),
        (402, "rejected"),
        (403, "forbidden"),
        (405, "retry"),
        (408, "retry"),
        (409, "duplicate"),
        (422, "rejected"),
        (429, "throttled"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "unknown"),
        (504, "unknown"),
    ] {
        for task in tasks() {
            let told = sent(&task, &[answer(status, envelope)]);
            assert_eq!(first_word(&told), expected, "{:?} {status}: {told}", task.kind);
            let silent = matches!(status, 429);
            assert!(silent || told.contains("The Server Says No"), "{told}");
        }
    }
    let [signup, sale, refund] = tasks().map(|task| sent(&task, &[answer(404, fixture!("404"))]));
    assert_eq!(signup, "retry | status 404: Not found; check `base_url`");
    assert_eq!(first_word(&sale), "premature");
    assert_eq!(refund, "missing | status 404: the vendor has no such transaction");
}

#[test]
fn whatever_stands_before_the_vendor_is_told_from_it() {
    for task in tasks() {
        for status in [301, 307, 308] {
            let told = sent(&task, &[answer(status, "")]);
            assert_eq!(told, format!("retry | status {status}: a redirect, which is never followed; check `base_url`"));
        }
        for status in [100, 302, 303, 500, 502, 504, 520] {
            for body in FOREIGN {
                assert_eq!(first_word(&sent(&task, &[answer(status, body)])), "unknown", "{status} {body}");
            }
        }
        assert_eq!(sent(&task, &[answer_with(503, &[("retry-after", "30")], "")]), "throttled");
        assert_eq!(sent(&task, &[answer(429, "<html>")]), "throttled");
        assert_eq!(first_word(&sent(&task, &[answer(401, "<html>")])), "auth failed");
    }
}

#[test]
fn no_failing_answer_settles_a_look_up_but_the_vendors_404_of_a_customer() {
    let part = Task { is_unsent: false, ..refund(300, 0) };
    for task in tasks().into_iter().chain([part]) {
        for status in [200, 201, 204, 301, 302, 400, 403, 404, 405, 408, 409, 410, 422, 429, 500, 502, 503] {
            for body in FOREIGN {
                let told = looked_up(&task, &[answer(status, body)]);
                assert_eq!(first_word(&told), "inconclusive", "{:?} {status} {body}: {told}", task.kind);
            }
        }
        assert_eq!(looked_up(&task, &[answer(401, "")]), "auth failed");
        let told = looked_up(&task, &[answer(404, fixture!("404"))]);
        assert_eq!(first_word(&told), if task.kind.as_str() == "signup" { "absent" } else { "inconclusive" }, "{told}");
    }
    let hinted =
        driven(adapter().delivery.look_up(&sale(1, "EUR")).unwrap(), &[answer_with(429, &[("retry-after", "60")], "")]);
    assert!(matches!(hinted.1, LookUp::Inconclusive { not_before: Some(_), .. }));
}

#[test]
fn no_answer_after_the_deletion_of_a_part_refund_says_that_nothing_was_processed() {
    let bodies = FOREIGN.into_iter().chain([r#"{"message":"no","status":0}"#, fixture!("422_taken")]);
    let part = refund(300, 0);
    for body in bodies {
        for status in [100, 200, 201, 204, 301, 302, 400, 401, 402, 403, 404, 405, 408, 409, 422, 429, 500, 502, 503] {
            let list = page(&[shown(&12.3.into())]);
            let first = sent(&part, &[answer(status, body)]);
            assert!(["retry", "auth failed", "throttled"].contains(&first_word(&first)), "{status} {body}: {first}");
            let is_done = (200..300).contains(&status) && body.contains("\"status\":1");
            if !is_done {
                let second = sent(&part, &[list.clone(), answer(status, body)]);
                let is_plain = first_word(&second) != "recorded" && first_word(&second) != "missing";
                assert!(is_plain, "{status} {body}: {second}");
            }
            let deleted = answer(200, r#"{"status":1}"#);
            let third = sent(&part, &[list, deleted, answer(status, body)]);
            let open = ["conflict", "duplicate", "unknown", "unverified"];
            assert!(open.contains(&first_word(&third)), "{status} {body}: {third}");
        }
    }
    assert_eq!(planned(&part).0.request.label, "GET /v1/transactions");
}
