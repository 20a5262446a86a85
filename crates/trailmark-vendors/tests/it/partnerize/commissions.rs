//! Commissions, and the guide's webhooks that say when to ask.

use serde_json::{Value, json};
use trailmark_vendors::commission::{Commission, Earned, Standing};
use trailmark_vendors::task::Task;
use trailmark_vendors::webhook::Meaning;

use super::{answer, current, entry, guide, recorded, refund, report, run, sale};

fn earned(reference: Option<&str>) -> Earned {
    Earned { task: sale(2900, "EUR", Vec::new()), reference: reference.map(str::to_owned) }
}

fn standing(status: u16, body: &str) -> String {
    let call = current().commissions.unwrap().ask(&earned(Some("111111l10"))).unwrap();
    match run(call, &[answer(status, body)]).1.unwrap() {
        Standing::AuthFailed => "auth failed".into(),
        Standing::NotNow { message, .. } => format!("not now | {message}"),
        Standing::Is { commission, reason, amount } => format!(
            "{}{}{}",
            commission.as_str(),
            amount.map(|money| format!(" {} {}", money.to_decimal(), money.currency)).unwrap_or_default(),
            reason.map(|reason| format!(" | {reason}")).unwrap_or_default()
        ),
    }
}

/// Of the order with its two items in these states, and a further change.
fn with(states: [&str; 2], change: impl Fn(&mut Value)) -> String {
    let mut entry = entry();
    for (n, state) in states.iter().enumerate() {
        entry["conversion_items"][n]["item_status"] = json!(state);
    }
    change(&mut entry);
    standing(200, &report(&[entry], None))
}

#[test]
fn the_report_tells_the_state_and_the_partners_share() {
    assert_eq!(standing(200, recorded!("200_report")), "pending 2.90 EUR");
    let plain = |_: &mut Value| {};
    for (states, expected) in [
        (["approved", "approved"], "approved 2.90 EUR"),
        (["approved", "pending"], "pending 2.90 EUR"),
        (["approved", "rejected"], "approved 2.90 EUR"),
        (["rejected", "rejected"], "rejected 2.90 EUR"),
        (["rejected", "fraudulent"], "rejected 2.90 EUR"),
        (["approved", "frozen"], "unknown 2.90 EUR | the vendor calls it `frozen`"),
    ] {
        assert_eq!(with(states, plain), expected, "{states:?}");
    }
    let paid = |entry: &mut Value| entry["payment_status"] = json!("paid");
    assert_eq!(with(["approved", "approved"], paid), "paid 2.90 EUR");
    assert_eq!(with(["pending", "pending"], paid), "pending 2.90 EUR", "what is not approved is not paid");
    let invoiced = |entry: &mut Value| entry["invoice_paid_date"] = json!("2026-12-01 00:00:00");
    assert_eq!(with(["approved", "approved"], invoiced), "paid 2.90 EUR");
    let fine = |entry: &mut Value| entry["conversion_value"]["publisher_commission"] = json!(2.9997);
    assert_eq!(with(["approved", "approved"], fine), "approved", "no amount is better than a rounded one");
    let whole = |entry: &mut Value| entry["conversion_items"] = json!([]);
    assert_eq!(with(["x", "x"], whole), "pending 2.90 EUR", "the conversion's own status");
    let none = |entry: &mut Value| {
        entry["conversion_items"] = json!([]);
        entry["conversion_value"]["conversion_status"] = json!(null);
    };
    assert_eq!(with(["x", "x"], none), "unknown 2.90 EUR | the vendor shows no status of it");
}

#[test]
fn an_answer_that_tells_nothing_is_no_state() {
    assert_eq!(standing(200, &report(&[], None)), "unknown | the vendor's report does not show it so far");
    assert_eq!(standing(401, ""), "auth failed");
    let forbidden = r#"{"error":{"message":"no","code":"403"}}"#;
    assert!(standing(403, forbidden).starts_with("unknown | the key may not read the conversion report"));
    for (status, body) in [(200, ""), (200, "<html>"), (403, "<html>"), (404, forbidden), (429, ""), (500, "")] {
        assert!(standing(status, body).starts_with("not now | "), "{status} {body}");
    }
    let refund = Earned { task: refund(100, 0), reference: None };
    assert!(current().commissions.unwrap().ask(&refund).is_none(), "a refund changes the sale's commission");
    let by_reference = current().commissions.unwrap().ask(&earned(None)).unwrap();
    let (_, found) = run(by_reference, &[answer(200, recorded!("200_report"))]);
    assert!(matches!(found, Some(Standing::Is { commission: Commission::Pending, .. })));
    let no_order = Earned { task: Task { order: None, ..earned(None).task }, reference: None };
    assert!(current().commissions.unwrap().ask(&no_order).is_none());
}

#[test]
fn only_the_guide_has_webhooks_and_they_name_a_conversion_to_ask_about() {
    assert!(current().webhooks.is_none());
    let read = |body: &str| guide().webhooks.unwrap().read(body.as_bytes());
    for event in ["conversion.approved", "conversion.rejected", "conversion.pending"] {
        for body in [
            json!({"event": event, "conversion_id": "111111l10", "conversion_reference": "o_1001"}),
            json!({"event": event, "data": {"conversion_id": "111111l10", "conversion_reference": "o_1001"}}),
            json!({"event": event, "conversion": {"conversion_id": "111111l10", "conversion_reference": "o_1001"}}),
        ] {
            let Meaning::Concerns(notice) = read(&body.to_string()) else { panic!("{body}") };
            assert_eq!(notice.event, event);
            assert_eq!(notice.transactions, ["111111l10", "o_1001"]);
        }
    }
    assert_eq!(read(r#"{"event":"user.deleted"}"#), Meaning::UnknownEvent { event: "user.deleted".into() });
    for body in ["", "<html>", "[]", "{}", r#"{"event":7}"#, r#"{"event":"conversion.approved"}"#, "\u{0}"] {
        assert!(matches!(read(body), Meaning::Unreadable { .. }), "{body}");
    }
}
