//! What became of a commission: the line, then the payout that it is on.

use trailmark_vendors::commission::{Commission, Earned, Standing};
use trailmark_vendors::exchange::{Call, Step};
use trailmark_vendors::task::Task;
use trailmark_wire::money::{Currency, Money};

use super::sales::{refund, sale};
use super::{KEY, fixture, introw, signup};
use crate::{answer, rendered};

fn ask(task: Task, reference: Option<&str>) -> Option<Call<Step<Standing>>> {
    introw().commission(&Earned { task, reference: reference.map(str::to_owned), refund_reference: None })
}

fn line(status: &str, payout: &str) -> String {
    fixture!(in_folder "201_line")
        .replace("PENDING", status)
        .replace("\"payoutId\": null", &format!("\"payoutId\": {payout}"))
}

fn standing(call: &Call<Step<Standing>>, status: u16, body: &str) -> Standing {
    match (call.read)(&answer(status, body)) {
        Step::Done(standing) => standing,
        Step::Next(next) => panic!("{} is next", next.request.label),
    }
}

fn told(standing: Standing) -> String {
    match standing {
        Standing::AuthFailed => "auth failed".into(),
        Standing::Is { commission, reason, amount } => {
            let amount = amount.map(|amount| amount.to_string()).unwrap_or_default();
            format!("{} | {amount} | {}", commission.as_str(), reason.unwrap_or_default())
        }
        Standing::NotNow { message, .. } => format!("not now | {message}"),
    }
}

#[test]
fn only_lines_can_be_asked_for() {
    let call = ask(sale(3000, "EUR"), Some("cln_9")).unwrap();
    assert_eq!(
        rendered(&call.request),
        format!(
            "GET https://api.introw.io/api/v1/commission-lines/cln_9\naccept: application/json\nx-api-key: {KEY}\n"
        )
    );
    assert!(ask(refund(3000), Some("cln_10")).is_some());
    assert!(ask(signup(), Some("cnv_7")).is_none());
    assert!(ask(Task { partner: None, ..sale(3000, "EUR") }, Some("cnv_7")).is_none(), "that sale was a conversion");
    assert!(ask(sale(3000, "EUR"), None).is_none());
}

#[test]
fn a_line_in_the_pool_is_pending_and_decided_words_count() {
    let call = ask(sale(3000, "EUR"), Some("cln_9")).unwrap();
    let amount = Some(Money { amount_minor: 300, currency: Currency::new("EUR").unwrap() });
    let pending = Standing::Is { commission: Commission::Pending, reason: None, amount };
    assert_eq!(standing(&call, 200, &line("PENDING", "null")), pending);
    for (word, expected) in [
        ("APPROVED", "approved | 3.00 EUR | "),
        ("PAID", "paid | 3.00 EUR | "),
        ("DECLINED", "rejected | 3.00 EUR | "),
        ("VOIDED", "rejected | 3.00 EUR | "),
        ("ON_ICE", "unknown | 3.00 EUR | the vendor calls it `ON_ICE`"),
        ("", "unknown | 3.00 EUR | the vendor's answer has no status"),
    ] {
        assert_eq!(told(standing(&call, 200, &line(word, "null"))), expected);
        // A payout does not speak for a line that is decided itself.
        assert_eq!(told(standing(&call, 200, &line(word, "\"pay_5\""))), expected);
    }
}

#[test]
fn the_stage_of_its_payout_decides_about_a_pending_line() {
    let call = ask(sale(3000, "EUR"), Some("cln_9")).unwrap();
    let on_payout = answer(200, &line("PENDING", "\"pay_5\""));
    let Step::Next(next) = (call.read)(&on_payout) else { panic!() };
    assert_eq!(next.request.url.expose(), "https://api.introw.io/api/v1/payouts/pay_5");
    for (stage, expected) in [
        ("DRAFT", "pending | 3.00 EUR | "),
        ("PENDING_REVIEW", "pending | 3.00 EUR | "),
        ("PENDING_INVOICE", "pending | 3.00 EUR | "),
        ("APPROVED", "approved | 3.00 EUR | "),
        ("SCHEDULED", "approved | 3.00 EUR | "),
        ("PENDING_PAYMENT", "approved | 3.00 EUR | "),
        ("PAID", "paid | 3.00 EUR | "),
        ("DECLINED", "rejected | 3.00 EUR | its payout was declined"),
        ("POSTPONED", "pending | 3.00 EUR | its payout is `POSTPONED`"),
        ("BLOCKED", "pending | 3.00 EUR | its payout is `BLOCKED`"),
        ("FAILED", "pending | 3.00 EUR | its payout is `FAILED`"),
        ("NEW_STAGE", "unknown | 3.00 EUR | the vendor calls it `NEW_STAGE`"),
    ] {
        let payout = fixture!(in_folder "200_payout").replace("APPROVED", stage);
        assert_eq!(told(standing(&next, 200, &payout)), expected);
    }
}

#[test]
fn what_is_no_answer_is_asked_again_and_a_missing_scope_stops_no_delivery() {
    let call = ask(sale(3000, "EUR"), Some("cln_9")).unwrap();
    let said = |status, body: &str| told(standing(&call, status, body));
    assert_eq!(said(401, fixture!(in_folder "401")), "auth failed");
    assert!(said(403, fixture!(in_folder "403")).ends_with("; the key needs the scope `commissions:read`"));
    assert!(said(403, fixture!(in_folder "403")).starts_with("unknown |"));
    assert_eq!(said(404, fixture!(in_folder "404")), "unknown |  | status 404: Partner not found. (NOT_FOUND)");
    for (status, body) in [(200, ""), (200, "{}"), (200, "<html>"), (404, "<html>"), (429, ""), (500, ""), (301, "")] {
        assert!(said(status, body).starts_with("not now | status "), "{status} {body}");
    }
    assert!(matches!(standing(&call, 402, fixture!(in_folder "402")), Standing::NotNow { not_before: Some(_), .. }));
}
