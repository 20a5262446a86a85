//! Commissions, and the guide's webhooks that say when to ask.

use serde_json::{Value, json};
use trailmark_vendors::Together;
use trailmark_vendors::commission::{Commission, Earned, Standing};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::task::Task;
use trailmark_vendors::webhook::Meaning;
use trailmark_wire::ids::OrderKey;

use super::{answer, current, entry, guide, recorded, refund, report, run, sale};

fn earned(reference: Option<&str>) -> Earned {
    Earned { task: sale(2900, "EUR", Vec::new()), reference: reference.map(str::to_owned), refund_reference: None }
}

/// The requests of one question about several commissions, and its answer.
fn ask(earned: &[Earned], answers: &[Answer]) -> (Vec<String>, Vec<Option<Standing>>) {
    let Together { count, call } = current().commissions.unwrap().ask_together(earned).unwrap();
    let (sent, answer) = run(call, answers);
    let answer = answer.unwrap();
    assert_eq!((count, answer.len()), (earned.len(), earned.len()));
    (sent, answer)
}

fn standing(status: u16, body: &str) -> String {
    match ask(&[earned(Some("111111l10"))], &[answer(status, body)]).1.remove(0).unwrap() {
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
    let item = |n: usize| move |entry: &mut Value| entry["conversion_items"][n]["payment_status"] = json!("paid");
    let both = |entry: &mut Value| {
        item(0)(entry);
        item(1)(entry);
    };
    assert_eq!(with(["approved", "approved"], both), "paid 2.90 EUR", "of each item");
    assert_eq!(with(["approved", "approved"], item(0)), "approved 2.90 EUR", "the least advanced item decides");
    assert_eq!(with(["approved", "rejected"], item(0)), "paid 2.90 EUR");
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
    let refund = Earned { task: refund(100, 0), ..earned(None) };
    let commissions = current().commissions.unwrap();
    assert!(
        commissions.ask_together(std::slice::from_ref(&refund)).is_none(),
        "a refund changes the sale's commission"
    );
    let (_, found) = ask(&[refund, earned(None)], &[answer(200, recorded!("200_report"))]);
    assert!(matches!(found.as_slice(), [None, Some(Standing::Is { commission: Commission::Pending, .. })]));
    let no_order = Earned { task: Task { order: None, ..earned(None).task }, ..earned(None) };
    assert!(commissions.ask_together(&[no_order]).is_none());
}

#[test]
fn one_walk_tells_of_many_and_only_its_end_says_that_one_is_not_shown() {
    let of = |key: &str| {
        let mut earned = earned(None);
        earned.task.order.as_mut().unwrap().key = OrderKey::new(key).unwrap();
        earned
    };
    let shown = |key: &str, status: &str| {
        let mut entry = entry();
        entry["conversion_reference"] = json!(key);
        entry["conversion_items"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|item| item["item_status"] = json!(status));
        entry
    };
    let words = |found: &[Option<Standing>]| -> Vec<String> {
        let word = |standing: &Option<Standing>| match standing {
            Some(Standing::Is { commission, reason, .. }) => {
                format!("{}{}", commission.as_str(), reason.as_deref().unwrap_or_default())
            }
            Some(Standing::NotNow { .. }) => "not now".into(),
            other => format!("{other:?}"),
        };
        found.iter().map(word).collect()
    };
    let pages = [
        answer(200, &report(&[shown("o_1", "approved")], Some("/next?cursor_id=2"))),
        answer(200, &report(&[shown("o_3", "rejected"), shown("o_9", "pending")], Some("/next?cursor_id=3"))),
    ];
    let asked = [of("o_1"), of("o_2"), of("o_3")];
    let end = |last: Answer| words(&ask(&asked, &[&pages[..], &[last]].concat()).1);
    let not_shown = "unknownthe vendor's report does not show it so far";
    assert_eq!(end(answer(200, &report(&[shown("o_8", "pending")], None))), ["approved", not_shown, "rejected"]);
    assert_eq!(end(answer(200, &report(&[shown("o_2", "pending")], None))), ["approved", "pending", "rejected"]);
    for broken in [answer(500, ""), answer(200, "<html>"), answer(200, &report(&[], Some("/next?cursor_id=3")))] {
        assert_eq!(end(broken), ["approved", "not now", "rejected"], "what a page has told stays told");
    }
    let (sent, found) = ask(&[of("o_1"), of("o_3")], &pages);
    assert_eq!((sent.len(), words(&found)), (2, vec!["approved".into(), "rejected".into()]), "the rest is not read");
    let late = Earned {
        task: Task { occurred_at: asked[0].task.occurred_at.plus(32 * 86_400_000), ..of("o_4").task },
        ..of("o_4")
    };
    let together = current().commissions.unwrap().ask_together(&[of("o_1"), of("o_2"), late]).unwrap();
    assert_eq!(together.count, 2, "a longer report would be for another question");
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
