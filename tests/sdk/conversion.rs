//! Signups and leads: what is refused before it is sent, what is sent, and what an answer leads to.

use serde_json::json;
use trailmark::consent::State::Granted;
use trailmark::page::{Done, Page as _};
use trailmark::send::RENEWABLE;
use trailmark_wire::refusal::Refusal;

use crate::support::{Browser, CLICKS, CONVERSIONS, NOW, Reply, TOUCHED, ada, answer, problem, status, touched};

#[test]
fn a_wrong_input_is_malformed_and_explained() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    let outcome = browser.convert("signup", &json!({ "email": "a.b.c" }));
    assert_eq!((outcome.status, outcome.code), ("failed", Some("malformed")));
    assert_eq!(browser.log(), [CLICKS], "nothing is sent");
    assert_eq!(browser.page.warnings()[1..], ["signup was not sent: customerKey or a signed customer is needed"]);
}

#[test]
fn what_is_no_call_says_so() {
    for kind in ["refund", "order", "Signup"] {
        let browser = Browser::new();
        browser.start(TOUCHED, Granted);
        let outcome = browser.convert(kind, &ada());
        assert_eq!((outcome.status, outcome.code), ("failed", Some("not_available")), "{kind}");
    }
}

#[test]
fn a_signup_is_signed_and_its_receipt_is_the_result() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    let input = json!({ "customerKey": 7, "email": "a@b.c", "name": "Ada Ü", "data": { "plan": "pro", "seats": 3 } });
    let outcome = browser.convert("signup", &input);
    let payload = &browser.bodies(CONVERSIONS)[0];
    assert_eq!(
        payload["data"],
        json!({ "kind": "signup", "customer": { "key": "7", "email": "a@b.c", "name": "Ada Ü" }, "data": { "plan": "pro", "seats": "3" } })
    );
    assert_eq!((&payload["aud"], &payload["iat"]), (&json!("acme"), &json!(NOW.seconds())));
    assert!(!browser.requests()[1].body.starts_with('{'), "a compact JWS");
    assert_eq!(outcome.status, "accepted");
    let told = json!({ "status": "accepted", "conversionId": payload["jti"], "attribution": [{ "program": "main", "partner": "ada" }] });
    assert_eq!(outcome.json, told);
}

/// field-faults § 1: what the proxy repaired, left out or misses.
#[test]
fn warnings_of_a_receipt_are_in_the_result_and_explained_by_field_and_code() {
    let browser = Browser::new();
    let warnings = json!([
        { "field": "customer.name", "code": "blank" },
        { "field": "customer.email", "code": "missing_for:main" },
    ]);
    let receipt = json!({ "status": "accepted", "attribution": [{ "program": "main" }], "warnings": warnings });
    browser.on_conversion(answer(202, receipt));
    browser.start(TOUCHED, Granted);
    let outcome = browser.signup().json;
    assert_eq!((&outcome["attribution"], &outcome["warnings"]), (&json!([{ "program": "main" }]), &warnings));
    let said = browser.page.warnings();
    assert!(
        said.ends_with(&["signup: customer.name blank".into(), "signup: customer.email missing_for:main".into()]),
        "{said:?}"
    );
    let clean = browser.signup().json;
    assert!(clean.get("warnings").is_none(), "{clean}");
}

/// The stub keeps what it was given unread; what is wrong with it was dropped without a word.
#[test]
fn what_the_stub_kept_and_has_no_shape_is_explained_and_removed() {
    let browser = Browser::new();
    let id = "0199aaaa-0000-7000-8000-000000000001";
    let kept = json!({ "id": id, "at": NOW.0, "kind": "signup", "input": r#"{"email":"a@b.c"}"# });
    browser.page.store(&format!("tm_acme_queue_{id}"), &kept.to_string());
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.drain(), None);
    assert_eq!(browser.log(), [CLICKS]);
    let said = browser.page.warnings();
    assert!(said.iter().any(|text| text.contains("customerKey or a signed customer is needed")), "{said:?}");
    assert!(browser.page.queued().is_empty());
}

#[test]
fn a_merchant_signed_customer_goes_through_as_it_came() {
    let browser = Browser::new();
    browser.start(TOUCHED, Granted);
    let input = json!({ "customer": "a.b.c" });
    assert_eq!(browser.convert("lead", &input).status, "accepted");
    assert_eq!(browser.bodies(CONVERSIONS)[0]["data"], json!({ "kind": "lead", "signed_customer": "a.b.c" }));
}

#[test]
fn a_browser_without_a_key_sends_plain_json() {
    let browser = Browser::new();
    browser.without_key();
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.signup().status, "accepted");
    assert!(browser.bodies(CLICKS)[0].get("jwk").is_none());
    assert!(browser.requests()[1].body.starts_with('{'));
}

#[test]
fn ids_are_new_for_every_call_and_equal_for_every_try() {
    let browser = Browser::new();
    browser.on_conversion(problem(401, "token_expired"));
    browser.start(TOUCHED, Granted);
    browser.signup();
    browser.signup();
    let ids: Vec<_> = browser.bodies(CONVERSIONS).into_iter().map(|payload| payload["jti"].clone()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[test]
fn a_refused_token_is_asked_for_once_and_the_conversion_signed_again() {
    for code in RENEWABLE {
        let browser = Browser::new();
        browser.on_conversion(problem(401, code));
        browser.start(TOUCHED, Granted);
        assert_eq!(browser.signup().status, "accepted", "{code}");
        assert_eq!(browser.log(), [CLICKS, CONVERSIONS, CLICKS, CONVERSIONS]);
        let stubborn = Browser::new();
        stubborn.on_conversion(problem(401, code)).on_conversion(problem(401, code));
        stubborn.start(TOUCHED, Granted);
        let outcome = stubborn.signup();
        assert_eq!((outcome.status, outcome.code), ("failed", Some(code)));
        assert_eq!(stubborn.log().len(), 4, "there is no third try");
        assert!(stubborn.page.queued().is_empty());
    }
}

#[test]
fn codes_are_the_wires() {
    let known: Vec<&str> = Refusal::ALL.iter().filter(|refusal| refusal.status() == 401).map(|r| r.code()).collect();
    assert!(RENEWABLE.iter().all(|code| known.contains(code)));
}

#[test]
fn the_clock_is_the_proxys() {
    // This browser's clock is an hour fast; then it is set right, which the token in hand does not know.
    let browser = Browser::new();
    browser.on_click(touched(NOW.plus(-3_600_000), "ada"));
    browser.start(TOUCHED, Granted);
    browser.signup();
    assert_eq!(browser.bodies(CONVERSIONS)[0]["iat"], NOW.plus(-3_600_000).seconds());
}

#[test]
fn a_token_that_the_proxy_no_longer_knows_is_had_again_by_its_arrival() {
    // Its key was revoked, and with it the visitor cookie.
    let browser = Browser::new();
    browser.on_conversion(problem(401, "token_invalid"));
    browser.start(TOUCHED, Granted);
    assert_eq!(browser.signup().status, "accepted");
    assert_eq!(browser.bodies(CLICKS)[0], browser.bodies(CLICKS)[1]);
}

#[test]
fn a_token_that_is_gone_for_good_ends_the_conversion() {
    let browser = Browser::new();
    browser.on_conversion(problem(401, "token_invalid"));
    browser.start(TOUCHED, Granted);
    browser.on_click(status(204));
    let outcome = browser.signup();
    assert_eq!((outcome.status, outcome.code), ("unattributed", Some("no_touch")));
    assert!(browser.page.stored().is_empty());
}

#[test]
fn every_answer_leads_to_what_the_table_says() {
    let receipt = |word: &str| answer(202, json!({ "status": word }));
    // By something on the way that is no proxy of ours.
    let html = |status| Reply::Now(Done { status, text: "<html>".into(), ..Done::default() });
    for (reply, status, code, kept) in [
        (receipt("duplicate"), "duplicate", None, false),
        (receipt("held"), "held", None, false),
        (receipt("unattributed"), "unattributed", None, false),
        (receipt("rejected"), "rejected", None, false),
        (problem(400, "malformed"), "failed", Some("malformed"), false),
        (problem(401, "audience_mismatch"), "failed", Some("audience_mismatch"), false),
        (problem(403, "origin_not_allowed"), "queued", Some("origin_not_allowed"), true),
        (problem(404, "site_unknown"), "queued", Some("site_unknown"), true),
        (problem(409, "jti_mismatch"), "failed", Some("jti_mismatch"), false),
        (problem(413, "body_too_large"), "failed", Some("body_too_large"), false),
        (html(401), "queued", Some("refused"), true),
        (html(403), "queued", Some("refused"), true),
        (html(404), "queued", Some("refused"), true),
        (html(413), "queued", Some("refused"), true),
        (problem(408, "timeout"), "queued", Some("timeout"), true),
        (problem(425, "too_early"), "queued", Some("too_early"), true),
        (problem(429, "too_many_requests"), "queued", Some("too_many_requests"), true),
        (problem(500, "x"), "queued", Some("x"), true),
        (problem(503, "unavailable"), "queued", Some("unavailable"), true),
        (html(200), "queued", Some("unreachable"), true),
        (receipt("perhaps"), "queued", Some("unreachable"), true),
        (Reply::Lost, "queued", Some("unreachable"), true),
    ] {
        let browser = Browser::new();
        browser.on_conversion(reply.clone());
        browser.start(TOUCHED, Granted);
        let outcome = browser.signup();
        assert_eq!((outcome.status, outcome.code), (status, code), "{reply:?}");
        assert_eq!(!browser.page.queued().is_empty(), kept, "{reply:?}");
    }
}
