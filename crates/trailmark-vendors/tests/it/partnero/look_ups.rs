//! Reading back: whether the vendor has what was sent, and whom it credits.

use serde_json::json;
use trailmark_vendors::exchange::Step;
use trailmark_vendors::task::Task;
use trailmark_wire::ids::PartnerKey;

use super::super::with_key;
use super::{adapter, answer, driven, fixture, line, listed, looked_up, page, refund, sale, shown, signup};

fn credited_to(key: &str) -> Task {
    Task { partner: Some(PartnerKey::new(key).unwrap()), ..signup() }
}

#[test]
fn a_signup_is_found_if_the_vendors_partner_has_our_key_in_its_links() {
    let customer = answer(200, fixture!("201_customer"));
    let partner = answer(200, fixture!("201_partner"));
    let call = adapter().delivery.look_up(&signup()).unwrap();
    let (lines, _) = driven(call, &[customer.clone(), partner.clone()]);
    assert_eq!(lines, ["GET /v1/customers/u_1", "GET /v1/partners/partner_123"]);
    assert_eq!(looked_up(&signup(), &[customer.clone(), partner.clone()]), "found | ");
    assert_eq!(looked_up(&credited_to("REF_123"), &[customer.clone(), partner.clone()]), "found | ");
    let another = "differs | the vendor credits another partner";
    for key in ["bolt", "aff", "yourcompany.com", "https:"] {
        assert_eq!(looked_up(&credited_to(key), &[customer.clone(), partner.clone()]), another, "{key}");
    }
    let with =
        |links: &str| answer(200, &fixture!("201_partner").replace("https://yourcompany.com?aff=ref_123", links));
    for links in ["https://acme.example/aff/ref_123", "https://acme.example/a/ref_123/?utm_source=x#top"] {
        assert_eq!(looked_up(&signup(), &[customer.clone(), with(links)]), "found | ", "{links}");
    }
    let told = answer(200, r#"{"data":{"id":"partner_123","key":"bolt","referral_link":"https://x?aff=ref_123"}}"#);
    assert_eq!(looked_up(&signup(), &[customer.clone(), told]), another, "a stated key counts more than a link");
    let silent = answer(200, r#"{"data":{"id":"partner_123"},"status":1}"#);
    let told = "inconclusive | status 200: a partner without key and links";
    assert_eq!(looked_up(&signup(), &[customer.clone(), silent]), told);
    let gone = "differs | the vendor credits a partner whom it does not show";
    assert_eq!(looked_up(&signup(), &[customer.clone(), answer(404, fixture!("404"))]), gone);
    for (status, body) in [(404, "<html>"), (500, ""), (200, "<html>"), (403, r#"{"message":"no"}"#)] {
        assert!(looked_up(&signup(), &[customer.clone(), answer(status, body)]).starts_with("inconclusive | "));
    }
}

#[test]
fn a_partner_that_the_customer_names_itself_needs_no_second_request() {
    for (partner, expected) in [
        (json!({"key": "ref_123", "id": "partner_123"}), "found | "),
        (json!("ref_123"), "found | "),
        (json!({"key": "bolt"}), "differs | the vendor credits another partner"),
        (json!(null), "differs | the vendor credits nobody with it, so no commission will follow"),
    ] {
        let body = json!({"data": {"key": "u_1", "partner": partner}, "status": 1}).to_string();
        assert_eq!(looked_up(&signup(), &[answer(200, &body)]), expected, "{partner}");
    }
    let unstated = answer(200, r#"{"data":{"key":"u_1"},"status":1}"#);
    assert_eq!(looked_up(&signup(), std::slice::from_ref(&unstated)), "found | ");
    let foreign = Task { is_unsent: true, ..signup() };
    assert_eq!(looked_up(&foreign, &[unstated]), "differs | the vendor does not say whom it credits");
}

#[test]
fn somebody_else_under_our_key_differs_and_the_field_is_named() {
    for (was, is, field) in [
        ("u_1", "U_1", "`key`"),
        ("Ada@", "bob@", "`email`"),
        ("\"deleted\": false", "\"deleted\": true", "`deleted`"),
        ("\"deleted_at\": null", "\"deleted_at\": \"2026-11-21T08:00:01.000000Z\"", "`deleted`"),
    ] {
        let body = fixture!("201_customer").replace(was, is);
        let expected = format!("differs | the vendor's customer under our key differs in {field}");
        assert_eq!(looked_up(&signup(), &[answer(200, &body)]), expected);
    }
    for body in [r#"{"data":[],"status":1}"#, r#"{"data":{"email":"x@y.z"},"status":1}"#, r#"{"status":1}"#] {
        assert!(looked_up(&signup(), &[answer(200, body)]).starts_with("inconclusive | status 200: no customer"));
    }
}

#[test]
fn a_key_stays_one_segment_or_one_value_whatever_it_holds() {
    let request = |task: &Task| line(&adapter().delivery.look_up(task).unwrap().request);
    assert_eq!(request(&with_key(signup(), "a/b?c#d%e f&g")), "GET /v1/customers/a%2Fb%3Fc%23d%25e%20f%26g");
    let mut task = sale(1, "EUR");
    task.order.as_mut().unwrap().key = trailmark_wire::ids::OrderKey::new("a/b?c&limit=1").unwrap();
    assert_eq!(request(&task), "GET /v1/transactions?key=a%2Fb%3Fc%26limit%3D1&limit=100&page=1");
}

#[test]
fn a_sale_is_found_once_under_its_key_absent_at_the_lists_end_and_otherwise_differs() {
    let task = sale(1230, "EUR");
    let look = |answers: &[_]| looked_up(&task, answers);
    assert_eq!(look(&[page(&[])]), "absent");
    assert_eq!(look(&[page(&[shown(&12.3.into())])]), "found | o_1001");
    assert_eq!(look(&[page(&[shown(&"12.30".into())])]), "found | o_1001");
    let other = |name: &str, value: serde_json::Value| {
        let mut item = shown(&12.3.into());
        item[name] = value;
        page(&[item])
    };
    let differs = "differs | the vendor's transaction under our key differs in ";
    assert_eq!(look(&[other("amount", json!(12.31))]), format!("{differs}`amount`"));
    assert_eq!(look(&[other("amount", json!("29.997"))]), format!("{differs}`amount`"));
    assert_eq!(look(&[other("amount_units", json!("USD"))]), format!("{differs}`amount_units`"));
    assert_eq!(look(&[other("customer", json!({"key": "u_2"}))]), format!("{differs}the customer"));
    assert_eq!(look(&[other("deleted_at", json!("2026-11-21"))]), format!("{differs}`deleted_at`"));
    let nobody = "differs | the vendor credits nobody with it, so no commission will follow";
    assert_eq!(look(&[other("partner", json!(null))]), nobody);
    let twice = [shown(&12.3.into()), shown(&12.3.into())];
    let two = "differs | the vendor has 2 transactions under our key";
    assert_eq!(look(&[page(&twice)]), two);
    let mut gone = shown(&12.3.into());
    gone["deleted_at"] = json!("2026-11-21T08:00:00Z");
    assert_eq!(look(&[page(&[gone, shown(&12.3.into())])]), format!("{two}, 1 of them deleted"));
    assert_eq!(look(&[other("key", json!("O_1001"))]), "absent", "keys match exactly");
}

#[test]
fn what_the_vendor_has_under_another_key_is_searched_under_both() {
    let under = |key: &str, amount: f64| {
        let mut item = shown(&amount.into());
        item["key"] = json!(key);
        page(&[item])
    };
    let rekeyed = |task: Task| Task { reference: Some("txn_7".into()), ..task };
    let sale = rekeyed(sale(1230, "EUR"));
    let answers = [page(&[]), under("txn_7", 12.3)];
    let (lines, _) = driven(adapter().delivery.look_up(&sale).unwrap(), &answers);
    let list = |key: &str| format!("GET /v1/transactions?key={key}&limit=100&page=1");
    assert_eq!(lines, [list("o_1001"), list("txn_7")]);
    assert_eq!(looked_up(&sale, &answers), "found | txn_7");
    assert_eq!(looked_up(&sale, &[under("o_1001", 12.3)]), "found | o_1001", "ours comes first");
    assert_eq!(looked_up(&sale, &[page(&[]), page(&[])]), "absent");
    let part = rekeyed(refund(300, 0));
    assert_eq!(looked_up(&part, &[page(&[]), under("txn_7", 9.3)]), "found | txn_7");
    assert_eq!(looked_up(&rekeyed(refund(1230, 0)), &[page(&[])]), "found | o_1001", "a deletion has no other key");
}

#[test]
fn a_vendor_that_ignores_the_filter_is_read_to_the_end_of_its_list() {
    let others: Vec<_> = (0..100).map(|number| json!({"key": format!("o_{number}"), "amount": 12.3})).collect();
    let next = Some("https://evil.example/v1/transactions?page=7");
    let call = adapter().delivery.look_up(&sale(1230, "EUR")).unwrap();
    let answers = [listed(&others, next), listed(&[shown(&12.3.into())], next), listed(&[shown(&12.3.into())], None)];
    let (lines, _) = driven(call, &answers);
    let page = |number| format!("GET /v1/transactions?key=o_1001&limit=100&page={number}");
    assert_eq!(lines, [page(1), page(2), page(3)], "pages are counted, and no link is followed");
    assert_eq!(looked_up(&sale(1230, "EUR"), &answers), "differs | the vendor has 2 transactions under our key");
    assert_eq!(looked_up(&sale(1230, "EUR"), &[listed(&others, next), listed(&[], next)]), "absent");
    let endless = adapter().delivery.look_up(&sale(1230, "EUR")).unwrap();
    assert!(matches!((endless.read)(&listed(&others, next)), Step::Next(_)));
}

#[test]
fn what_was_never_sent_counts_as_ours_only_if_our_partner_is_credited() {
    let task = Task { is_unsent: true, ..sale(1230, "EUR") };
    let list = page(&[shown(&12.3.into())]);
    assert_eq!(looked_up(&task, &[list.clone(), answer(200, fixture!("201_partner"))]), "found | o_1001");
    let other = Task { partner: Some(PartnerKey::new("bolt").unwrap()), ..task.clone() };
    let another = "differs | the vendor credits another partner";
    assert_eq!(looked_up(&other, &[list.clone(), answer(200, fixture!("201_partner"))]), another);
    let unnamed = Task { partner: None, ..task };
    assert_eq!(looked_up(&unnamed, &[list]), "differs | it is unknown whom our touch named");
}
