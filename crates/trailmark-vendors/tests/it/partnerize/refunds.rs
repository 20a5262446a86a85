//! Refunds: the whole rest is rejected, a part lowers items; a job proves nothing, the report does.

use serde_json::{Value, json};
use trailmark_vendors::capability::Class;
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_wire::money::Currency;

use super::{answer, current, entry, found, item, later, lines, planned, recorded, refund, refused, report, run, told};

const JOB: &str = recorded!("202_job");
const BULK: &str = "POST https://api.partnerize.com/v3/brand/campaigns/10l176/conversions/bulk";

fn sent(task: &Task, answers: &[(u16, &str)]) -> (Vec<String>, String) {
    let answers: Vec<_> = answers.iter().map(|(status, body)| answer(*status, body)).collect();
    let (sent, done) = run(planned(&current(), task), &answers);
    (sent, done.map_or("another request".into(), |outcome| told(&outcome)))
}

fn looked_up(task: &Task, answers: &[(u16, &str)]) -> (Vec<String>, String) {
    let answers: Vec<_> = answers.iter().map(|(status, body)| answer(*status, body)).collect();
    let (sent, done) = run(current().delivery.look_up(task).unwrap(), &answers);
    (sent, done.map_or("another request".into(), |done| found(&done)))
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split("\n\n").nth(1).unwrap()).unwrap()
}

fn with(change: impl Fn(&mut Value)) -> String {
    let mut entry = entry();
    change(&mut entry);
    report(&[entry], None)
}

/// The report with the two items at these values, in these states.
fn items(values: [f64; 2], states: [&str; 2]) -> String {
    with(|entry| {
        for (n, (value, state)) in values.iter().zip(states).enumerate() {
            entry["conversion_items"][n]["item_value"] = json!(value);
            entry["conversion_items"][n]["item_status"] = json!(state);
        }
    })
}

fn sent_before(task: Task) -> Task {
    Task { reference: Some("111111l77".into()), ..task }
}

#[test]
fn the_whole_rest_of_a_sale_is_rejected_by_the_vendors_id_or_our_reference() {
    let (requests, outcome) = sent(&refund(2900, 0), &[(202, JOB)]);
    assert_eq!(outcome, "unverified 111111l77");
    assert_eq!(lines(&requests), [BULK]);
    let value = json!({"status": "rejected", "reason": "refunded"});
    assert_eq!(body(&requests[0]), json!({"conversions": {"111111l10": value}}));
    let rest = sent(&refund(900, 2000), &[(202, JOB)]).0;
    assert_eq!(body(&rest[0]), json!({"conversions": {"111111l10": value}}), "with an earlier refund");
    let mut unknown = refund(2900, 0);
    unknown.sale.as_mut().unwrap().reference = None;
    assert_eq!(body(&sent(&unknown, &[]).0[0]), json!({"conversion_references": {"o_1001": value}}));
    let Plan::Send { class, credential, .. } = current().delivery.plan(&refund(2900, 0)).unwrap() else { panic!() };
    assert_eq!((class, credential), (Class::Upsert, "user_api_key"));
}

#[test]
fn a_part_lowers_the_items_that_the_report_shows() {
    let (requests, outcome) = sent(&refund(2000, 0), &[(200, recorded!("200_report")), (202, JOB)]);
    assert_eq!(outcome, "unverified 111111l77");
    assert!(lines(&requests)[0].contains("/conversion.json?") && lines(&requests)[1] == BULK);
    let change = |value: f64| json!({"item_value": value, "force_commission_recalculation": true});
    let expected = json!({"conversion_items": {"111111l21": change(0.0), "111111l22": change(9.0)}});
    assert_eq!(body(&requests[1]), expected);
    let mut named = refund(500, 0);
    named.order.as_mut().unwrap().items = vec![item("socks", None, 500, 1)];
    let requests = sent(&named, &[(200, recorded!("200_report")), (202, JOB)]).0;
    assert_eq!(body(&requests[1]), json!({"conversion_items": {"111111l22": change(4.66)}}), "the item of the line");
    named.order.as_mut().unwrap().items = vec![item("unknown", None, 500, 1)];
    let requests = sent(&named, &[(200, recorded!("200_report")), (202, JOB)]).0;
    assert_eq!(body(&requests[1]), json!({"conversion_items": {"111111l21": change(14.34)}}), "the first item");
}

#[test]
fn a_line_lowers_the_item_whose_sku_was_sent_in_another_spelling() {
    let page = with(|entry| entry["conversion_items"][1]["sku"] = json!("2026-socks-1"));
    let mut named = refund(500, 0);
    named.order.as_mut().unwrap().items = vec![item("2026/socks:1 ", None, 500, 1)];
    let requests = sent(&named, &[(200, &page), (202, JOB)]).0;
    let change = json!({"item_value": 4.66, "force_commission_recalculation": true});
    assert_eq!(body(&requests[1]), json!({"conversion_items": {"111111l22": change}}), "not the first item");
}

#[test]
fn a_part_waits_while_the_report_shows_another_value_than_the_ledger() {
    let both = ["pending", "approved"];
    let shown = |page: &str, task: Task| sent(&task, &[(200, page), (202, JOB)]).1;
    // After an earlier refund of 9.00.
    assert_eq!(shown(&items([10.34, 9.66], both), refund(500, 900)), "unverified 111111l77");
    assert!(shown(&items([19.34, 9.66], both), refund(500, 900)).starts_with("premature | "));
    assert!(shown(&items([10.34, 9.66], both), refund(500, 0)).starts_with("premature | "), "another one is under way");
    // An earlier send may have had the effect: the look-up decides.
    assert_eq!(shown(&items([14.34, 9.66], both), refund(500, 0)), "unverified ");
    // Before the first send it was another refund, and so it was after a send that was throttled.
    for is_unsent in [true, false] {
        let task = Task { is_unsent, may_have_acted: false, ..refund(500, 0) };
        assert!(shown(&items([14.34, 9.66], both), task).starts_with("premature | "), "{is_unsent}");
    }
    let none = later(200, &report(&[], None));
    let (requests, done) = run(planned(&current(), &refund(500, 0)), &[none.clone(), none]);
    let outcome = told(&done.unwrap());
    assert!(outcome.starts_with("premature | status 200: the vendor's report does not show"), "{outcome}");
    assert_eq!(requests.len(), 2, "the window around the sale, and then the report without an end");
}

/// A refund of 0.005 KWD of a sale of 1.234 KWD, and the report with the sale at a value.
fn fils(value: f64) -> (Task, String) {
    let (mut task, currency) = (refund(5, 0), Currency::new("KWD").unwrap());
    task.order.as_mut().unwrap().currency = currency;
    task.sale = Some(EarlierSale { amount_minor: 1234, currency, ..task.sale.unwrap() });
    let page = with(|entry| {
        entry["currency"] = json!("KWD");
        entry["conversion_items"] =
            json!([{"conversion_item_id": "1l1", "item_value": value, "item_status": "pending"}]);
    });
    (task, page)
}

#[test]
fn a_refund_of_a_few_fils_is_neither_repeated_nor_counted_before_its_effect() {
    let sent = |value, may_have_acted| {
        let (task, page) = fils(value);
        sent(&Task { may_have_acted, ..task }, &[(200, &page), (202, JOB)])
    };
    let (requests, outcome) = sent(1.234, false);
    assert_eq!(outcome, "unverified 111111l77");
    let change = json!({"item_value": 1.229, "force_commission_recalculation": true});
    assert_eq!(body(&requests[1]), json!({"conversion_items": {"1l1": change}}));
    assert_eq!((sent(1.229, true).1, sent(1.229, true).0.len()), ("unverified ".into(), 1), "it took effect before");
    assert!(sent(1.229, false).1.starts_with("premature | "), "that was another refund");
    assert!(sent(1.23, false).1.starts_with("premature | "), "a report with two decimals");
    let shown = |value| {
        let (task, page) = fils(value);
        looked_up(&task, &[(200, &page)]).1
    };
    assert_eq!((shown(1.234).as_str(), shown(1.229).as_str()), ("absent", "found "));
    assert!(shown(1.23).starts_with("inconclusive | "));
}

#[test]
fn a_sale_that_cannot_be_changed_exactly_is_left_to_a_person() {
    let refused = |page: String| sent(&refund(500, 0), &[(200, &page)]).1;
    for (page, why) in [
        (with(|entry| entry["currency"] = json!("USD")), "the sale in another currency"),
        (with(|entry| entry["conversion_items"] = json!([])), "no items"),
        (with(|entry| entry["conversion_items"][0]["conversion_item_id"] = json!("")), "an item without an id"),
        (with(|entry| entry["conversion_items"][0]["item_value"] = json!(19.3456)), "finer than the currency"),
        (with(|entry| entry["conversion_items"][0]["item_value"] = json!(null)), "finer than the currency"),
    ] {
        let outcome = refused(page);
        assert!(outcome.starts_with("rejected | the vendor's report shows ") && outcome.contains(why), "{outcome}");
    }
    let all = items([19.34, 9.66], ["rejected", "fraudulent"]);
    assert_eq!(refused(all), "missing | the vendor's conversion of the sale is rejected already");
}

#[test]
fn an_item_value_above_the_apis_limit_is_refused() {
    let mut task = refund(1, 0);
    let currency = Currency::new("IDR").unwrap();
    let amount_minor = 20_000_000_000;
    task.order.as_mut().unwrap().currency = currency;
    task.sale = Some(EarlierSale { amount_minor, currency, ..task.sale.unwrap() });
    let page = with(|entry| {
        entry["currency"] = json!("IDR");
        entry["conversion_items"] = json!([
            {"conversion_item_id": "1l1", "item_value": 200_000_000, "item_status": "pending"}
        ]);
    });
    assert!(sent(&task, &[(200, &page)]).1.contains("above the 99999999.9999"));
}

#[test]
fn what_the_ledger_cannot_vouch_for_is_refused_before_anything_is_sent() {
    assert!(refused(&Task { sale: None, ..refund(1, 0) }).contains("not in the ledger"));
    assert!(refused(&Task { order: None, ..refund(1, 0) }).starts_with("missing `order`"));
    assert!(refused(&Task { refund_of: None, ..refund(1, 0) }).starts_with("missing `refund_of`"));
    assert!(refused(&refund(2901, 0)).contains("more than is left"));
    assert!(refused(&refund(1000, 2000)).contains("more than is left"));
    let mut dollars = refund(1, 0);
    dollars.order.as_mut().unwrap().currency = Currency::new("USD").unwrap();
    assert!(refused(&dollars).contains("differs from the sale's"));
}

#[test]
fn each_answer_to_a_bulk_change_is_read_as_what_it_proves() {
    let v3 = recorded!("400_v3");
    let error = |code: &str| format!(r#"{{"error":{{"errors":[],"code":"{code}","message":"said"}}}}"#);
    for (status, body, expected) in [
        (202, JOB, "unverified 111111l77"),
        (200, JOB, "unverified 111111l77"),
        (202, "", "unknown | status 202: an empty body instead of the vendor's JSON"),
        (202, "{}", "unknown | status 202: JSON that is cut short or not in the vendor's form instead of a job"),
        (202, "<html>", "unknown | "),
        (202, &JOB[..40], "unknown | "),
        (202, r#"{"data":{"id":"../x"}}"#, "unknown | "),
        (202, &error("400"), "unknown | status 202: said"),
        (301, "", "retry | status 301: a redirect"),
        (302, "", "unknown | "),
        (400, v3, "rejected | status 400: Bad Request; [conversions]: Only one of conversions"),
        (400, "<html>", "retry | status 400: an HTML page, not an answer of the vendor's API"),
        (400, &error("500"), "retry | "),
        (401, &error("401"), "auth failed | status 401: said"),
        (401, "<html>", "auth failed | status 401: an HTML page"),
        (403, &error("403"), "forbidden | status 403: said"),
        (403, "", "retry | "),
        (404, &error("404"), "rejected | status 404: said; the vendor has no such thing, or the key may not read it"),
        (404, "<html>", "retry | "),
        (405, &error("405"), "rejected | "),
        (408, "", "retry | "),
        (413, "<html>", "retry | "),
        (429, &error("429"), "throttled 0"),
        (429, "", "throttled 0"),
        (500, &error("500"), "unknown | status 500: said"),
        (502, "<html>", "unknown | "),
        (503, "", "unknown | "),
        (504, "", "unknown | "),
    ] {
        let outcome = sent(&refund(2900, 0), &[(status, body)]).1;
        assert!(outcome.starts_with(expected), "{status} {body}: {outcome}");
    }
}

#[test]
fn a_report_that_cannot_be_read_before_a_part_changes_nothing() {
    for (status, body, expected) in [
        (200, "", "retry | "),
        (200, "<html>", "retry | "),
        (401, "", "auth failed | "),
        (403, r#"{"error":{"message":"said"}}"#, "forbidden | "),
        (429, "", "throttled 0"),
        (500, "", "retry | "),
    ] {
        let (requests, outcome) = sent(&refund(500, 0), &[(status, body)]);
        assert!(outcome.starts_with(expected) && requests.len() == 1, "{status}: {outcome}");
    }
}

#[test]
fn a_look_up_reads_the_job_and_then_what_became_of_the_sale() {
    let job = |status: &str| JOB.replace("\"created\"", &format!("\"{status}\""));
    let whole = sent_before(refund(2900, 0));
    let rejected = items([19.34, 9.66], ["rejected", "rejected"]);
    let (requests, result) = looked_up(&whole, &[(200, &job("complete")), (200, &rejected)]);
    assert_eq!(result, "found ");
    assert_eq!(lines(&requests)[0], "GET https://api.partnerize.com/v3/jobs/111111l77");
    assert_eq!(looked_up(&whole, &[(200, &job("failed")), (200, recorded!("200_report"))]).1, "absent");
    for state in ["created", "active", "strange"] {
        assert!(looked_up(&whole, &[(200, &job(state))]).1.starts_with("inconclusive | "), "{state}");
    }
    for (status, body) in [(200, "{}"), (200, ""), (404, "<html>"), (429, ""), (500, "")] {
        assert!(looked_up(&whole, &[(status, body)]).1.starts_with("inconclusive | "), "{status} {body}");
    }
    assert_eq!(looked_up(&whole, &[(401, "")]).1, "auth failed");
    let gone = r#"{"error":{"message":"gone","code":"404"}}"#;
    assert_eq!(looked_up(&whole, &[(404, gone), (200, &rejected)]).1, "found ", "an old job");
}

#[test]
fn the_report_decides_whether_a_refund_took_effect() {
    let both = ["approved", "approved"];
    let result = |task: Task, page: &str| looked_up(&task, &[(200, page)]).1;
    assert_eq!(result(refund(500, 0), &items([14.34, 9.66], both)), "found ");
    assert_eq!(result(refund(500, 0), &items([19.34, 9.66], both)), "absent");
    assert!(result(refund(500, 0), &items([10.0, 9.66], both)).starts_with("inconclusive | "), "another one as well");
    assert_eq!(result(refund(500, 0), &items([19.34, 9.66], ["rejected", "rejected"])), "found ");
    assert_eq!(result(refund(2900, 0), &items([19.34, 9.66], both)), "absent");
    let part = result(refund(2900, 0), &items([19.34, 9.66], ["rejected", "approved"]));
    assert!(part.starts_with("inconclusive | "), "a part is rejected: {part}");
    let none = report(&[], None);
    assert!(looked_up(&refund(2900, 0), &[(200, &none), (200, &none)]).1.starts_with("inconclusive | "));
    assert!(current().delivery.look_up(&Task { sale: None, ..refund(1, 0) }).is_none());
}
