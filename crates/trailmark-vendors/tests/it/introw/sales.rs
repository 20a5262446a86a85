//! Sales and refunds: commission lines with exact amounts, and the search for a line again.

use serde_json::{Value, json};
use trailmark_vendors::exchange::Step;
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_wire::conversion::{Item, Kind, Order};
use trailmark_wire::ids::{ClickId, OrderKey, PartnerKey, ProgramId, SiteId};
use trailmark_wire::money::{Currency, Money};

use super::{KEY, after, body, fixture, introw, noted, open, planned, settings, signup};
use crate::{NOW, answer, rendered, sent};

/// Ada's order `o_1001`, credited to Introw's partner `ptn_1`.
pub(crate) fn sale(amount_minor: i64, currency: &str) -> Task {
    let currency = Currency::new(currency).unwrap();
    let order = Order { key: OrderKey::new("o_1001").unwrap(), amount_minor, currency, items: Vec::new() };
    let partner = Some(PartnerKey::new("ptn_1").unwrap());
    Task { kind: Kind::Sale, order: Some(order), partner, click_id: None, data: [].into(), ..signup() }
}

/// Refund `r_2001` of so much of that order of 30.00 EUR.
pub(crate) fn refund(amount_minor: i64) -> Task {
    let task = sale(amount_minor, "EUR");
    let order = task.order.unwrap();
    let earlier = EarlierSale {
        occurred_at: NOW,
        amount_minor: 3000,
        refunded_minor: 0,
        currency: order.currency,
        items: Vec::new(),
        reference: Some("cln_9".into()),
        refund_reference: None,
    };
    Task {
        kind: Kind::Refund,
        refund_of: Some(order.key.clone()),
        sale: Some(earlier),
        order: Some(Order { key: OrderKey::new("r_2001").unwrap(), ..order }),
        ..task
    }
}

/// The body of a task's line at a percentage, or why there is none. If a sale's line is read first, it has the amount `earned`.
fn added(percent: &str, task: &Task, earned: &Value) -> Result<Value, String> {
    let call = match open(&settings().with_text("commission_percent", percent)).plan(task) {
        Ok(Plan::Send { call, .. }) => call,
        Ok(other) => panic!("{other:?}"),
        Err(rejection) => return Err(rejection.reason),
    };
    if call.request.body.is_some() {
        return Ok(body(&call.request));
    }
    let currency = task.order.as_ref().unwrap().currency.as_str();
    let shown = json!({ "data": { "id": "cln_9", "amount": earned, "currency": currency } }).to_string();
    match (call.read)(&answer(200, &shown)) {
        Step::Next(call) => Ok(body(&call.request)),
        Step::Done(Outcome::Conflict { message } | Outcome::Rejected { message }) => Err(message),
        Step::Done(other) => panic!("{other:?}"),
    }
}

/// The amount and source amount of a task's line; `None` if it is refused as inexact.
fn amounts(percent: &str, task: &Task, earned: &Value) -> Option<(String, String)> {
    match added(percent, task, earned) {
        Ok(body) => {
            let text = |name: &str| body[name].as_str().unwrap().to_owned();
            Some((text("amount"), text("sourceAmount")))
        }
        Err(reason) => {
            assert!(reason.starts_with("inexact_amount: "), "{reason}");
            None
        }
    }
}

/// The same of a sale.
fn sold(percent: &str, task: &Task) -> Option<(String, String)> {
    amounts(percent, task, &Value::Null)
}

#[test]
fn a_sale_is_a_line_of_the_partners_share_under_the_orders_key() {
    let request = sent(&introw(), &sale(3000, "EUR"));
    assert_eq!(
        rendered(&request),
        format!(
            "POST https://api.introw.io/api/v1/commission-lines\naccept: application/json\nx-api-key: {KEY}\n\
             content-type: application/json\n\n\
             {{\"partnerId\":\"ptn_1\",\"amount\":\"3.00\",\"currency\":\"EUR\",\"description\":\"Order o_1001 (acme/main)\",\
             \"sourceAmount\":\"30.00\",\"idempotencyKey\":\"acme/main/sale/o_1001\"}}\n"
        )
    );
    assert_eq!(planned(&sale(3000, "EUR")), "POST /api/v1/commission-lines (searchable)");
    let data = Task { data: [("plan".to_owned(), "team".to_owned())].into(), ..sale(3000, "EUR") };
    assert_eq!(noted(&data), ["`data` was left out: a commission line has no place for it"]);
}

// Two sites with one API key are a supported configuration, and so are two programs of a site.
#[test]
fn an_order_of_another_site_or_program_has_a_line_of_its_own_under_the_same_key() {
    let site = Task { site: SiteId::new("beta").unwrap(), ..sale(3000, "EUR") };
    let program = Task { program: ProgramId::new("eu").unwrap(), ..sale(3000, "EUR") };
    let last = fixture!(in_folder "200_lines_last");
    for (task, place) in [(site, "beta/main"), (program, "acme/eu")] {
        let body = added("10", &task, &Value::Null).unwrap();
        assert_eq!(body["idempotencyKey"], format!("{place}/sale/o_1001"));
        assert_eq!(body["description"], format!("Order o_1001 ({place})"));
        assert_eq!(look_up(&task, last), LookUp::Absent);
        assert!(matches!(look_up(&task, &last.replace("acme/main", place)), LookUp::Found { .. }));
    }
}

#[test]
fn a_refund_is_a_negative_line_with_the_share_of_its_sales_line_whatever_the_percentage_is_now() {
    assert_eq!(planned(&refund(1250)), "GET /api/v1/commission-lines/{id} (searchable)");
    assert!(sent(&introw(), &refund(1250)).url.expose().ends_with("/api/v1/commission-lines/cln_9"));
    let expected = json!({
        "partnerId": "ptn_1",
        "amount": "-1.25",
        "currency": "EUR",
        "description": "Refund r_2001 of order o_1001 (acme/main)",
        "sourceAmount": "-12.50",
        "idempotencyKey": "acme/main/refund/r_2001",
    });
    for percent in ["10", "20", "33.333333"] {
        assert_eq!(added(percent, &refund(1250), &json!("3.00")).as_ref(), Ok(&expected), "{percent}");
    }
    // A sale that an operator has settled by hand without its line.
    let unknown = refund(1250).sale.map(|sale| EarlierSale { reference: None, ..sale });
    let unknown = Task { sale: unknown, ..refund(1250) };
    assert_eq!(added("20", &unknown, &Value::Null).unwrap()["amount"], "-2.50");
    let conversion = planned(&Task { partner: None, click_id: signup().click_id, ..refund(1250) });
    assert!(
        conversion.starts_with("unsupported: its touch names no partner, so its sale was a conversion"),
        "{conversion}"
    );
}

#[test]
fn a_refund_that_does_not_fit_its_sales_line_is_not_sent() {
    let refused = |amount_minor, earned: Value| added("10", &refund(amount_minor), &earned).unwrap_err();
    assert_eq!(
        refused(100, json!("3.33")),
        "inexact_amount: the refund's part of its sale's commission line is not a whole number of minor units of EUR; \
         enter the line by `commissions add`"
    );
    let conflict = "status 200: the sale's commission line has another currency than the refund, or no amount above 0; enter \
                    the refund's line by `commissions add`";
    for earned in [json!("0"), json!("-3.00"), json!("3.001"), json!(null), json!({})] {
        assert_eq!(refused(1250, earned.clone()), conflict, "{earned}");
    }
    let read = |status, body: &str| introw().read(&refund(1250), &answer(status, body));
    let line = fixture!(in_folder "201_line");
    assert_eq!(read(200, &line.replace("EUR", "USD")), Outcome::Conflict { message: conflict.into() });
    for (status, body) in [(500, ""), (502, "<html>"), (409, fixture!(in_folder "409")), (200, "<html>"), (200, "{}")] {
        let outcome = read(status, body);
        assert!(matches!(outcome, Outcome::Retry { .. }), "nothing was processed, {status} {body}: {outcome:?}");
    }
    assert!(matches!(read(401, fixture!(in_folder "401")), Outcome::AuthFailed { .. }));
    assert!(matches!(read(429, ""), Outcome::Throttled { .. }));
    assert!(matches!(read(404, fixture!(in_folder "404")), Outcome::Rejected { .. }));
    let Outcome::Forbidden { message } = read(403, fixture!(in_folder "403")) else { panic!() };
    assert!(message.ends_with("the key needs the scope `commissions:read`"), "{message}");
}

#[test]
fn a_refund_of_a_line_that_is_void_takes_nothing_back_and_says_why() {
    let line = fixture!(in_folder "201_line");
    for word in ["VOIDED", "VOID", "DECLINED", "REJECTED"] {
        let void = line.replace("PENDING", word).replace("\"3.00\"", "\"0.00\"");
        let message = format!("the sale's commission line is `{word}`, so the partner has nothing to give back");
        assert_eq!(introw().read(&refund(1250), &answer(200, &void)), Outcome::NotNeeded { message });
    }
    for word in ["PENDING", "APPROVED", "PAID", "PARKED"] {
        let shown = answer(200, &line.replace("PENDING", word));
        let Ok(Plan::Send { call, .. }) = introw().plan(&refund(1250)) else { panic!() };
        assert!(matches!((call.read)(&shown), Step::Next(_)), "{word}");
    }
}

// The refund's answer was lost, and then somebody voided or changed the sale's line.
#[test]
fn a_refund_that_was_sent_is_found_by_its_description_where_its_sales_line_no_longer_tells_the_amount() {
    let line = fixture!(in_folder "201_line");
    let last = fixture!(in_folder "200_lines_last");
    let refunded = last.replace("Order o_1001", "Refund r_2001 of order o_1001").replace("\"3.00\"", "\"-3.00\"");
    for (status, amount) in [("VOIDED", "3.00"), ("VOIDED", "0.00"), ("VOIDED", "1.00"), ("PENDING", "0.00")] {
        let sold = line.replace("PENDING", status).replace("\"3.00\"", &format!("\"{amount}\""));
        let Step::Next(list) = introw().looked_up(&refund(3000), &answer(200, &sold)) else {
            panic!("{status} {amount}")
        };
        let looked_up = |body: &str| match (list.read)(&answer(200, body)) {
            Step::Done(found) => found,
            Step::Next(_) => panic!("another page"),
        };
        assert_eq!(looked_up(&refunded), LookUp::Found { reference: Some("cln_9".into()) }, "{status} {amount}");
        assert_eq!(looked_up(last), LookUp::Absent, "{status} {amount}");
        let other = refunded.replace("ptn_1", "ptn_2");
        let message = "the vendor's commission line of this order differs in `partnerId`".to_owned();
        assert_eq!(looked_up(&other), LookUp::Differs { message }, "{status} {amount}");
    }
    // Where the sale's line tells it, another amount is not ours.
    let dearer = answer(200, &line.replace("\"3.00\"", "\"4.00\""));
    let Step::Next(list) = introw().looked_up(&refund(3000), &dearer) else { panic!() };
    assert!(matches!((list.read)(&answer(200, &refunded)), Step::Done(LookUp::Differs { .. })));
}

#[test]
fn amounts_are_exact_decimals_of_the_currency_or_refused() {
    let pair = |amount: &str, source: &str| Some((amount.to_owned(), source.to_owned()));
    // Three items at 10.00, of which 29.00 are left net.
    let item = Item { sku: "seat".into(), category: None, unit_amount_minor: 1000, quantity: 3 };
    let basket = sale(2900, "EUR");
    let basket = Task { order: basket.order.map(|order| Order { items: vec![item], ..order }), ..basket };
    assert_eq!(sold("10", &basket), pair("2.90", "29.00"));
    assert_eq!(sold("12.5", &basket), None, "3.625 EUR");
    assert_eq!(sold("12", &basket), pair("3.48", "29.00"));
    assert_eq!(sold("10", &sale(1000, "JPY")), pair("100", "1000"));
    assert_eq!(sold("0.05", &sale(1000, "JPY")), None, "half a yen");
    assert_eq!(sold("10", &sale(1234, "KWD")), None, "0.1234 KWD");
    assert_eq!(sold("50", &sale(1234, "KWD")), pair("0.617", "1.234"));
    assert_eq!(sold("100", &sale(i64::MAX, "EUR")), pair("92233720368547758.07", "92233720368547758.07"));
    assert_eq!(sold("0.000001", &sale(100_000_000, "EUR")), pair("0.01", "1000000.00"));
    assert_eq!(planned(&sale(0, "EUR")), "not needed: the partner earns 0 by it, and Introw takes no line of 0");
}

#[test]
fn of_random_baskets_and_partial_refunds_the_lines_sum_exactly_or_are_refused() {
    // A linear congruential generator (Knuth's MMIX constants), so that a failure repeats.
    let mut state = 7_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % below).unwrap()
    };
    let (mut exact, mut refused) = (0, 0);
    for round in 0..600 {
        let code = ["EUR", "JPY", "KWD"][round % 3];
        let currency = Currency::new(code).unwrap();
        let percent = ["10", "12.5", "33.333333", "20", "7.25", "100"][usize::try_from(random(6)).unwrap()];
        let scale = percent.replace('.', "").parse::<i128>().unwrap();
        let denominator =
            100 * 10_i128.pow(u32::try_from(percent.split_once('.').map_or(0, |(_, f)| f.len())).unwrap());
        let total = 1 + random(5_000_000);
        let mut parts = Vec::new();
        while parts.iter().sum::<i64>() < total {
            parts.push((1 + random(u64::try_from(total).unwrap())).min(total - parts.iter().sum::<i64>()));
        }
        let pay = |task: &Task, amount: i64, earned: &Value| {
            let is_whole = i128::from(amount) * scale % denominator == 0;
            let line = amounts(percent, task, earned);
            assert_eq!(line.is_some(), is_whole, "{percent} % of {amount} {code}");
            line.map(|(pay, _)| pay)
        };
        let minor = |pay: &str| Money::from_decimal(pay, currency).unwrap().amount_minor;
        let Some(earned) = pay(&sale(total, code), total, &Value::Null) else {
            refused += 1;
            continue;
        };
        let refunds: Option<Vec<i64>> = parts
            .iter()
            .map(|part| {
                let order = Order { amount_minor: *part, currency, ..refund(1).order.unwrap() };
                let sale = EarlierSale { amount_minor: total, currency, ..refund(1).sale.unwrap() };
                let task = Task { order: Some(order), sale: Some(sale), ..refund(1) };
                pay(&task, *part, &json!(earned)).map(|pay| minor(&pay))
            })
            .collect();
        match refunds {
            Some(refunds) => {
                assert_eq!(refunds.iter().sum::<i64>(), -minor(&earned), "{percent} % of {total} {code}");
                exact += 1;
            }
            None => refused += 1,
        }
    }
    assert!(exact > 60 && refused > 60, "{exact} exact, {refused} refused");
}

#[test]
fn without_a_percentage_sales_and_refunds_are_unsupported_and_say_so() {
    let mut settings = settings();
    settings.texts.clear();
    let too_late = after(Kind::Signup, Task { partner: None, click_id: signup().click_id, ..sale(3000, "EUR") });
    for task in [sale(3000, "EUR"), refund(3000), too_late] {
        let Plan::Unsupported { why } = open(&settings).plan(&task).unwrap() else { panic!() };
        assert!(why.contains("set `commission_percent` of the program"), "{why}");
    }
}

#[test]
fn the_first_sale_of_a_touch_without_a_partner_converts_its_token_without_money() {
    let first = Task { partner: None, click_id: Some(ClickId::new("irw.tok_1").unwrap()), ..sale(3000, "EUR") };
    assert_eq!(body(&sent(&introw(), &first)), json!({ "clickId": "irw.tok_1", "email": "ada@example.com" }));
    assert!(noted(&first).iter().any(|note| note.starts_with("`order` was left out: a conversion has no money")));
    for earlier in [Kind::Signup, Kind::Lead, Kind::Sale] {
        let reason = planned(&after(earlier, first.clone()));
        assert!(reason.starts_with("rejected: missing `partner`: an earlier conversion has used"), "{reason}");
        assert!(reason.contains("`params` of the program") && reason.contains("`commissions add`"), "{reason}");
    }
    let neither = planned(&Task { click_id: None, ..first });
    assert!(neither.starts_with("rejected: missing `partner`: the touch has neither"), "{neither}");
}

// Otherwise a sale that was sent as a conversion could be sent again as a line, and count twice.
#[test]
fn which_call_a_sale_becomes_never_changes_between_its_sends() {
    for click_id in [None, Some(ClickId::new("irw.tok_1").unwrap())] {
        let task = Task { click_id, ..sale(3000, "EUR") };
        for earlier in [Kind::Signup, Kind::Lead, Kind::Sale, Kind::Refund] {
            let repeated = Task { is_unsent: false, may_have_acted: true, ..after(earlier, task.clone()) };
            assert_eq!(rendered(&sent(&introw(), &repeated)), rendered(&sent(&introw(), &task)));
        }
    }
}

#[test]
fn a_line_counts_if_the_vendor_shows_ours_under_our_key() {
    let read = |body: &str| introw().read(&sale(3000, "EUR"), &answer(201, body));
    let line = fixture!(in_folder "201_line");
    let recorded = Outcome::Recorded { reference: Some("cln_9".into()) };
    assert_eq!(read(line), recorded);
    assert_eq!(introw().read(&sale(3000, "EUR"), &answer(200, line)), recorded);
    assert_eq!(read(&line.replace("\"3.00\"", "\"3\"")), recorded, "the same amount, written otherwise");
    assert_eq!(read(&line.replace("\"3.00\"", "3.0")), recorded);
    assert_eq!(read(&line.replace("PENDING", "DECLINED")), recorded, "it was there");
    assert_eq!(read(r#"{"data":{"id":"cln_9","brand_new":[{}]}}"#), recorded);
    for (from, to, field) in [
        ("ptn_1", "ptn_2", "`partnerId`"),
        ("\"3.00\"", "\"4.00\"", "`amount`"),
        ("\"3.00\"", "\"-3.00\"", "`amount`"),
        ("\"3.00\"", "\"3.001\"", "`amount`"),
        ("\"3.00\"", "null", "`amount`"),
        ("\"EUR\"", "\"USD\"", "`currency`"),
    ] {
        let message = format!("the vendor's commission line of this order differs in {field}");
        assert_eq!(read(&line.replace(from, to)), Outcome::Conflict { message }, "{to}");
    }
    let crm = Task { partner: Some(PartnerKey::new("crm_77").unwrap()), ..sale(3000, "EUR") };
    assert_eq!(introw().read(&crm, &answer(201, line)), recorded, "another name of the partner cannot be compared");
}

fn look_up(task: &Task, body: &str) -> LookUp {
    introw().read_look_up(task, &answer(200, body))
}

#[test]
fn a_line_is_searched_page_by_page_by_the_order_in_its_description() {
    let task = sale(3000, "EUR");
    let first = introw().look_up(&task).unwrap();
    assert_eq!(
        rendered(&first),
        format!(
            "GET https://api.introw.io/api/v1/commission-lines?partnerId=ptn_1&limit=100\naccept: application/json\n\
             x-api-key: {KEY}\n"
        )
    );
    let next = introw().look_up_next(&task, &answer(200, fixture!(in_folder "200_lines_first"))).unwrap();
    assert!(next.url.expose().ends_with("/commission-lines?partnerId=ptn_1&limit=100&cursor=l2"));
    let Step::Next(call) = introw().looked_up(&task, &answer(200, fixture!(in_folder "200_lines_first"))) else {
        panic!()
    };
    let last = answer(200, fixture!(in_folder "200_lines_last"));
    assert!(matches!((call.read)(&last), Step::Done(LookUp::Found { reference: Some(id) }) if id == "cln_9"));
    let crm = Task { partner: Some(PartnerKey::new("a&b/c").unwrap()), ..task };
    assert!(introw().look_up(&crm).unwrap().url.expose().contains("?partnerId=a%26b%2Fc&"));
}

#[test]
fn only_a_whole_list_proves_that_a_line_is_absent() {
    let task = sale(3000, "EUR");
    let last = fixture!(in_folder "200_lines_last");
    assert_eq!(look_up(&task, last), LookUp::Found { reference: Some("cln_9".into()) });
    assert_eq!(look_up(&task, &last.replace("Order o_1001", "Order o_10010")), LookUp::Absent);
    let Step::Next(list) = introw().looked_up(&refund(3000), &answer(200, fixture!(in_folder "201_line"))) else {
        panic!("the sale's line is read, then the partner's lines")
    };
    let of_refund = |body: &str| match (list.read)(&answer(200, body)) {
        Step::Done(found) => found,
        Step::Next(_) => panic!("another page"),
    };
    assert_eq!(of_refund(last), LookUp::Absent);
    let refunded = last.replace("Order o_1001", "Refund r_2001 of order o_1001").replace("\"3.00\"", "\"-3.00\"");
    assert_eq!(of_refund(&refunded), LookUp::Found { reference: Some("cln_9".into()) });
    assert!(matches!(look_up(&refund(3000), "<html>"), LookUp::Inconclusive { .. }));
    let message = "the vendor's commission line of this order differs in `amount`".to_owned();
    assert_eq!(look_up(&sale(3100, "EUR"), last), LookUp::Differs { message });
    for body in [
        "",
        "{}",
        r#"{"data":[]}"#,
        r#"{"data":[],"pagination":{}}"#,
        r#"{"data":[],"pagination":{"nextCursor":""}}"#,
        r#"{"data":{},"pagination":{"nextCursor":null}}"#,
        "<html>",
    ] {
        assert!(matches!(look_up(&task, body), LookUp::Inconclusive { not_before: None, .. }), "{body}");
    }
    let read = |status, body: &str| introw().read_look_up(&task, &answer(status, body));
    assert_eq!(read(401, fixture!(in_folder "401")), LookUp::AuthFailed);
    for (status, body) in
        [(404, fixture!(in_folder "404")), (403, fixture!(in_folder "403")), (404, "<html>"), (500, "")]
    {
        assert!(matches!(read(status, body), LookUp::Inconclusive { not_before: None, .. }), "{status}");
    }
    let until = trailmark_wire::time::UnixMillis::from_rfc3339("2026-12-01T00:00:00Z").unwrap();
    assert!(
        matches!(read(402, fixture!(in_folder "402")), LookUp::Inconclusive { not_before: Some(at), .. } if at == until)
    );
}
