//! Look-ups: the report page by page, then `conversions/filter`. "No such thing" needs both.

use serde_json::{Value, json};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, CustomerKey, OrderKey};

use super::{ada, answer, current, entry, found, guide, later, lines, recorded, report, run, sale};
use crate::NOW;

const NONE: &str = r#"{"data":[]}"#;

fn order() -> Task {
    sale(2900, "EUR", Vec::new())
}

/// What was sent, and what the look-up found a day after the conversion.
fn looked_up(task: &Task, answers: &[(u16, &str)]) -> (Vec<String>, String) {
    let answers: Vec<_> = answers.iter().map(|(status, body)| later(*status, body)).collect();
    let (sent, done) = run(current().delivery.look_up(task).unwrap(), &answers);
    (sent, done.map_or("another request".into(), |done| found(&done)))
}

fn with(change: impl Fn(&mut Value)) -> String {
    let mut entry = entry();
    change(&mut entry);
    report(&[entry], None)
}

#[test]
fn a_sale_is_found_in_the_report_by_our_reference() {
    let (sent, result) = looked_up(&order(), &[(200, recorded!("200_report"))]);
    assert_eq!(result, "found 111111l10");
    assert_eq!(
        sent[0],
        "GET https://api.partnerize.com/reporting/report_advertiser/campaign/10l176/conversion.json\
         ?start_date=2026-11-20T08%3A00%3A00Z&end_date=2026-11-22T08%3A00%3A00Z\
         &include_payment_info=true\naccept: application/json\n\
         authorization: Basic YXBwX2tleV8xMjM0OnVzZXJfa2V5XzU2Nzg=\n"
    );
    let (sent, _) = run(guide().delivery.look_up(&order()).unwrap(), &[]);
    assert!(sent[0].contains("x-user-api-key: user_key_5678"), "the guide's keys, the same report");
}

#[test]
fn a_signup_is_found_by_the_ledgers_id() {
    let id = ada().conversion.to_string();
    let page = with(|entry| {
        entry["conversion_reference"] = json!(id);
        entry["conversion_value"]["value"] = json!(0);
    });
    assert_eq!(looked_up(&ada(), &[(200, &page)]).1, "found 111111l10");
    let lead = Task { kind: Kind::Lead, ..ada() };
    assert_eq!(looked_up(&lead, &[(200, &page)]).1, "found 111111l10");
}

#[test]
fn a_reference_of_digits_is_found_if_the_vendor_shows_it_as_a_number() {
    let mut task = order();
    task.order.as_mut().unwrap().key = OrderKey::new("1001").unwrap();
    let page = with(|entry| (entry["conversion_reference"], entry["conversion_id"]) = (json!(1001), json!(77)));
    assert_eq!(looked_up(&task, &[(200, &page)]).1, "found 77");
}

#[test]
fn pages_are_followed_as_the_vendor_names_them() {
    let other = [json!({"conversion_id": "1l1", "conversion_reference": "o_1"})];
    let next = "/reporting/report_advertiser/campaign/10l176/conversion.json?limit=300&cursor_id=42";
    let first = report(&other, Some(next));
    let (sent, result) = looked_up(&order(), &[(200, &first), (200, recorded!("200_report"))]);
    assert_eq!(result, "found 111111l10");
    assert_eq!(lines(&sent)[1], format!("GET https://api.partnerize.com{next}"));
    let absolute = report(&other, Some(&format!("https://api.partnerize.com{next}")));
    assert_eq!(lines(&looked_up(&order(), &[(200, &absolute)]).0)[1], format!("GET https://api.partnerize.com{next}"));
    for elsewhere in ["https://evil.example/x", "//evil.example/x", "/a b", "/a\\b", "next"] {
        let page = report(&other, Some(elsewhere));
        let (sent, result) = looked_up(&order(), &[(200, &page)]);
        assert_eq!(sent.len(), 1, "{elsewhere}");
        assert!(result.starts_with("inconclusive | "), "{elsewhere}: {result}");
    }
    let page = report(&other, Some(next));
    assert!(looked_up(&order(), &[(200, &page), (200, &page)]).1.contains("the page itself"));
}

#[test]
fn a_conversion_that_the_vendor_dates_otherwise_is_found_in_the_report_without_an_end() {
    let (sent, result) = looked_up(&order(), &[(200, &report(&[], None)), (200, recorded!("200_report"))]);
    assert_eq!(result, "found 111111l10");
    let ends: Vec<_> = lines(&sent).into_iter().map(|line| line.contains("&end_date=")).collect();
    assert_eq!(ends, [true, false]);
}

#[test]
fn the_report_without_an_end_is_read_once_half_a_day_has_passed_since_the_conversion() {
    const HALF_A_DAY_MS: i64 = 12 * 60 * 60 * 1000;
    let looked_up_after = |ms: i64| {
        let at = |body: &str| Answer { at: NOW.plus(ms), ..answer(200, body) };
        let empty = report(&[], None);
        let (sent, done) = run(current().delivery.look_up(&order()).unwrap(), &[at(&empty), at(NONE)]);
        (lines(&sent)[1].contains("/conversion.json?"), done.map(|done| found(&done)))
    };
    assert_eq!(looked_up_after(HALF_A_DAY_MS - 1), (false, Some("absent".into())), "the window is enough");
    assert!(looked_up_after(HALF_A_DAY_MS).0);
}

#[test]
fn a_report_without_an_end_ends_in_a_doubt() {
    let next = |n: usize| format!("/reporting/report_advertiser/campaign/10l176/conversion.json?cursor_id={n}");
    let pages: Vec<_> = (0..200).map(|n| answer(200, &report(&[], Some(&next(n))))).collect();
    let (sent, done) = run(current().delivery.look_up(&order()).unwrap(), &pages);
    assert_eq!(sent.len(), 100);
    assert!(found(&done.unwrap()).starts_with("inconclusive | status 200: the report has too many pages"));
    let full: Vec<_> = (0..300).map(|_| json!({"conversion_data": {"conversion_id": "1l1"}})).collect();
    let cut = json!({"conversions": full}).to_string();
    assert!(looked_up(&order(), &[(200, &cut)]).1.contains("names no next one"));
}

#[test]
fn absent_needs_the_complete_report_and_the_filter() {
    let empty = report(&[], None);
    let (sent, result) = looked_up(&order(), &[(200, &empty), (200, &empty), (200, NONE)]);
    assert_eq!(result, "absent");
    assert!(lines(&sent)[1].ends_with("?start_date=2026-11-20T08%3A00%3A00Z&include_payment_info=true"));
    assert_eq!(
        sent[2],
        "POST https://api.partnerize.com/v3/brand/analytics/conversions/filter\naccept: application/json\n\
         authorization: Basic YXBwX2tleV8xMjM0OnVzZXJfa2V5XzU2Nzg=\ncontent-type: application/json\n\n\
         {\"date_time_ranges\":[{\"start\":\"2026-11-20T08:00:00+00:00\",\"end\":\"2026-11-23T08:00:00+00:00\"}],\
         \"scope\":{\"campaigns\":[\"10l176\"]},\"group_by\":[\"conversion_reference\"],\"filter_by\":\
         [{\"field\":\"conversion_reference\",\"value\":\"o_1001\",\"operator\":\"EQUALS\"}]}\n"
    );
    // Without `hypermedia`, a short page is the whole report.
    let bare = r#"{"count":0,"conversions":[]}"#;
    assert_eq!(looked_up(&order(), &[(200, bare), (200, bare), (200, NONE)]).1, "absent");
    let forbidden = r#"{"error":{"message":"Forbidden","code":"403"}}"#;
    let (_, result) = looked_up(&order(), &[(200, &empty), (200, &empty), (403, forbidden)]);
    assert_eq!(result, "absent", "the report stands alone");
    for (status, body) in [
        (200, r#"{"data":[{"conversion_reference":"o_1001"}]}"#),
        (200, "{}"),
        (200, ""),
        (200, "<html>"),
        (403, "<html>"),
        (404, ""),
        (400, r#"{"error":{"message":"Bad Request","code":"400","errors":[{"property":"[group_by]","message":"x"}]}}"#),
        (429, ""),
        (500, NONE),
        (503, ""),
    ] {
        let result = looked_up(&order(), &[(200, &empty), (200, &empty), (status, body)]).1;
        assert!(result.starts_with("inconclusive | "), "{status} {body}: {result}");
    }
    assert_eq!(looked_up(&order(), &[(200, &empty), (200, &empty), (401, "")]).1, "auth failed");
}

#[test]
fn no_other_answer_of_the_report_settles_anything() {
    let cut = &recorded!("200_report")[..900];
    let error = r#"{"error":{"message":"no campaign","code":"404"}}"#;
    for (status, body) in [
        (200, ""),
        (200, "<html>"),
        (200, cut),
        (200, "[]"),
        (200, r#"{"conversions":{}}"#),
        (200, r#"{"conversions":[{"conversion_id":"1l1"}]}"#),
        (200, error),
        (301, ""),
        (302, ""),
        (400, error),
        (403, error),
        (403, "<html>"),
        (404, error),
        (404, ""),
        (429, error),
        (500, ""),
        (502, "<html>"),
        (503, ""),
    ] {
        let result = looked_up(&order(), &[(status, body)]).1;
        assert!(result.starts_with("inconclusive | "), "{status} {body}: {result}");
    }
    assert_eq!(looked_up(&order(), &[(401, error)]).1, "auth failed");
}

#[test]
fn another_conversion_under_our_reference_is_not_ours() {
    let differs = |task: &Task, page: &str| looked_up(task, &[(200, page)]).1;
    let prefix = "differs | the vendor's conversion under our reference differs in";
    let other_click = with(|entry| entry["clickref"] = json!("1011labcde"));
    assert_eq!(differs(&order(), &other_click), format!("{prefix} the click"), "case matters");
    let other_value = with(|entry| entry["conversion_value"]["value"] = json!(28.99));
    assert_eq!(differs(&order(), &other_value), format!("{prefix} the value"));
    let other_customer = with(|entry| entry["customer_reference"] = json!("u_2"));
    assert_eq!(differs(&order(), &other_customer), format!("{prefix} the customer"));
    let converted = with(|entry| {
        entry["currency"] = json!("USD");
        entry["conversion_value"]["value"] = json!(31.4);
    });
    assert_eq!(differs(&order(), &converted), "found 111111l10", "another currency cannot be compared");
    let by_email = Customer { key: CustomerKey::new("ada@example.com").unwrap(), ..ada().customer.unwrap() };
    assert_eq!(differs(&Task { customer: Some(by_email), ..order() }, &other_customer), "found 111111l10");
}

#[test]
fn three_decimals_that_the_report_shows_as_two_are_the_same_value() {
    let page = |value: f64| {
        with(move |entry| {
            entry["currency"] = json!("KWD");
            entry["conversion_value"]["value"] = json!(value);
        })
    };
    let result = |value| looked_up(&sale(1234, "KWD", Vec::new()), &[(200, &page(value))]).1;
    assert_eq!(result(1.234), "found 111111l10");
    assert_eq!(result(1.23), "found 111111l10");
    assert!(result(1.22).starts_with("differs"));
}

#[test]
fn before_the_first_send_only_the_same_click_makes_it_ours() {
    let unsent = Task { is_unsent: true, ..order() };
    assert_eq!(looked_up(&unsent, &[(200, recorded!("200_report"))]).1, "found 111111l10");
    let no_click = with(|entry| {
        entry["clickref"] = json!("");
        entry["click"] = json!({});
    });
    assert!(looked_up(&unsent, &[(200, &no_click)]).1.starts_with("differs"));
    assert_eq!(looked_up(&order(), &[(200, &no_click)]).1, "found 111111l10");
}

#[test]
fn before_the_first_send_a_signup_or_lead_cannot_be_looked_for() {
    for kind in [Kind::Signup, Kind::Lead] {
        let task = |is_unsent| Task { kind, is_unsent, ..ada() };
        assert!(current().delivery.look_up(&task(true)).is_none(), "what an overruled page sent has another reference");
        assert!(current().delivery.look_up(&task(false)).is_some());
    }
}

#[test]
fn a_known_id_is_sought_by_the_id() {
    let known =
        Task { reference: Some("111111l9".into()), click_id: Some(ClickId::new("1011lZZZ").unwrap()), ..order() };
    assert_eq!(looked_up(&known, &[(200, recorded!("200_report"))]).1, "found 111111l9");
}
