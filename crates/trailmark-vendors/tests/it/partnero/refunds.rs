//! Refunds: a deletion, or a deletion and a creation with what is left; every repeat reaches the same end.

use serde_json::{Value, json};
use trailmark_vendors::capability::Class;
use trailmark_vendors::exchange::{Answer, Step};
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::Item;

use super::{adapter, answer, driven, fixture, looked_up, outcome, page, planned, refund, sent, shown};

fn deleted() -> Answer {
    answer(200, r#"{"status":1}"#)
}

/// What the vendor answers to a creation with this amount.
fn created(amount: &str) -> Answer {
    answer(201, &fixture!("201_transaction").replace("12.3,", &format!("{amount},")))
}

fn repeat(task: Task) -> Task {
    Task { is_unsent: false, may_have_acted: true, ..task }
}

const LIST: &str = "GET /v1/transactions?key=o_1001&limit=100&page=1";

#[test]
fn all_that_is_left_of_a_sale_is_given_back_by_deleting_its_transaction() {
    for task in [refund(1230, 0), refund(930, 300)] {
        let (call, class, notes) = planned(&task);
        assert_eq!((class, notes.len()), (Class::Upsert, 0));
        let (lines, end) = driven(call, &[deleted()]);
        assert_eq!(lines, ["DELETE /v1/transactions/o_1001"]);
        assert_eq!(outcome(end), "recorded | o_1001");
        assert_eq!(looked_up(&task, &[page(&[])]), "found | o_1001");
        let mut gone = shown(&12.3.into());
        gone["deleted_at"] = json!("2026-11-21T08:00:00Z");
        assert_eq!(looked_up(&task, &[page(&[gone])]), "found | o_1001");
        for still in [page(&[shown(&12.3.into())]), page(&[shown(&9.into()), shown(&9.into())])] {
            assert_eq!(looked_up(&task, &[still]), "absent");
        }
    }
}

#[test]
fn a_part_is_given_back_by_replacing_the_transaction_with_what_is_left() {
    let (call, class, _) = planned(&refund(300, 0));
    assert_eq!(class, Class::Searchable);
    let (lines, end) = driven(call, &[page(&[shown(&"12.30".into())]), deleted(), created("9.3")]);
    let body = r#"{"customer":{"key":"u_1"},"key":"o_1001","amount":9.3,"amount_units":"EUR","created_at":1795161600,"action":"sale"}"#;
    let creation = format!("POST /v1/transactions {body}");
    assert_eq!(lines, [LIST, "DELETE /v1/transactions/o_1001", creation.as_str()]);
    assert_eq!(outcome(end), "unverified | o_1001", "it is read back before it counts");
    // The second refund of the same sale.
    let (lines, _) = driven(planned(&refund(200, 300)).0, &[page(&[shown(&9.3.into())]), deleted(), created("7.3")]);
    assert!(lines[2].contains(r#""amount":7.3,"#), "{lines:?}");
}

#[test]
fn a_replacement_has_the_product_of_the_sale_and_the_action_that_the_vendor_shows() {
    let seats = |category: &str| Item {
        sku: "seat".into(),
        category: Some(category.into()),
        unit_amount_minor: 615,
        quantity: 1,
    };
    let mut task = refund(300, 0);
    task.sale.as_mut().unwrap().items = vec![seats("monthly"), seats("monthly")];
    let mut sold = shown(&12.3.into());
    sold["action"] = json!("renewal");
    let product = r#""action":"renewal","product_id":"seat","product_type":"monthly"}"#;
    let (lines, _) = driven(planned(&task).0, &[page(&[sold]), deleted(), created("9.3")]);
    assert!(lines[2].ends_with(product), "{lines:?}");
    let (lines, _) = driven(planned(&repeat(task.clone())).0, &[page(&[]), created("9.3")]);
    assert!(lines[1].ends_with(&product.replace("renewal", "sale")), "{lines:?}");
    task.sale.as_mut().unwrap().items.push(seats("yearly"));
    let (call, _, notes) = planned(&task);
    let (lines, _) = driven(call, &[page(&[shown(&12.3.into())]), deleted(), created("9.3")]);
    assert!(lines[2].ends_with(r#""action":"sale","product_id":"seat"}"#), "{lines:?}");
    assert_eq!(notes, [""; 0], "the sale's own delivery has the note");
}

#[test]
fn a_repeat_goes_on_from_wherever_the_first_try_stopped() {
    let task = repeat(refund(300, 0));
    let requests = |answers: &[Answer]| {
        let (lines, end) = driven(planned(&task).0, answers);
        let verbs: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        format!("{} -> {}", verbs.join(" "), outcome(end))
    };
    assert_eq!(requests(&[page(&[shown(&9.3.into())])]), "GET -> unverified | o_1001");
    assert_eq!(requests(&[page(&[]), created("9.3")]), "GET POST -> unverified | o_1001");
    let all = [page(&[shown(&12.3.into())]), deleted(), created("9.3")];
    assert_eq!(requests(&all), "GET DELETE POST -> unverified | o_1001");
}

#[test]
fn a_second_refund_finds_the_rest_that_the_vendor_recorded_under_another_key() {
    let rekeyed = |mut task: Task| {
        task.sale.as_mut().unwrap().refund_reference = Some("txn_7".into());
        task
    };
    let mut left = shown(&9.3.into());
    left["key"] = json!("txn_7");
    let (part, whole) = (rekeyed(refund(200, 300)), rekeyed(refund(930, 300)));
    let lists = ["GET /v1/transactions?key=txn_7&limit=100&page=1", LIST];
    let (lines, end) = driven(planned(&part).0, &[page(&[left.clone()]), deleted(), created("7.3")]);
    assert_eq!(lines[..2], [lists[0], "DELETE /v1/transactions/txn_7"]);
    assert!(lines[2].contains(r#""key":"o_1001","amount":7.3,"#), "{lines:?}");
    assert_eq!(outcome(end), "unverified | o_1001");
    let ours = [page(&[]), page(&[shown(&9.3.into())]), deleted(), created("7.3")];
    let (lines, _) = driven(planned(&part).0, &ours);
    assert_eq!(lines[..3], [lists[0], lists[1], "DELETE /v1/transactions/o_1001"], "it is under ours after all");
    assert_eq!(looked_up(&part, &[page(&[left.clone()])]), "absent");
    assert_eq!(looked_up(&part, &[page(&[]), page(&[shown(&7.3.into())])]), "found | o_1001");
    assert_eq!(driven(planned(&whole).0, &[deleted()]).0, ["DELETE /v1/transactions/txn_7"]);
    assert_eq!(looked_up(&whole, &[page(&[left])]), "absent");
    assert_eq!(looked_up(&whole, &[page(&[]), page(&[shown(&9.3.into())])]), "absent");
    assert_eq!(looked_up(&whole, &[page(&[]), page(&[])]), "found | txn_7");
}

#[test]
fn what_the_ledger_does_not_expect_is_not_touched() {
    let waits = "premature | the vendor's transaction has another amount than the ledger expects: another refund of the sale \
                 may be under way, or somebody changed it";
    for amount in [json!(7.3), json!("12.301"), Value::Null, json!(9.3)] {
        assert_eq!(sent(&refund(300, 0), &[page(&[shown(&amount)])]), waits, "{amount}");
    }
    let gone = "conflict | the vendor has no transaction under the sale's key: somebody removed it, or this refund did, and \
                what it left was refused";
    assert_eq!(sent(&refund(300, 0), &[page(&[])]), gone);
    // An earlier send was throttled, so nothing of ours deleted the transaction.
    let throttled = Task { is_unsent: false, ..refund(300, 0) };
    assert_eq!(sent(&throttled, &[page(&[])]), gone);
    assert_eq!(sent(&throttled, &[page(&[shown(&9.3.into())])]), waits);
    let twice = page(&[shown(&12.3.into()), shown(&9.3.into())]);
    let several = "conflict | the vendor has several transactions under the sale's key";
    assert_eq!(sent(&refund(300, 0), std::slice::from_ref(&twice)), several);
    assert_eq!(sent(&repeat(refund(300, 0)), &[twice]), several);
}

#[test]
fn a_deletion_that_the_list_contradicts_creates_nothing() {
    let told = sent(&refund(300, 0), &[page(&[shown(&12.3.into())]), answer(404, fixture!("404"))]);
    let expected = "unknown | status 404: the list shows the transaction, and its deletion does not find it";
    assert_eq!(told, expected);
    for (status, body) in [(200, "<html>"), (200, ""), (204, ""), (200, "{}"), (500, ""), (200, r#"{"status":0}"#)] {
        let told = sent(&refund(300, 0), &[page(&[shown(&12.3.into())]), answer(status, body)]);
        assert!(told.starts_with("unknown | "), "{status} {body}: {told}");
    }
}

#[test]
fn a_replacement_that_fails_says_that_the_transaction_is_gone() {
    let after = |last: Answer| sent(&refund(300, 0), &[page(&[shown(&12.3.into())]), deleted(), last]);
    let half = "the sale's transaction is deleted, and its replacement is missing: status";
    let refused = answer(422, r#"{"message":"amount is too low"}"#);
    assert_eq!(after(refused), format!("conflict | {half} 422: amount is too low"));
    assert_eq!(after(answer(500, "")), format!("unknown | {half} 500: no message"));
    assert!(after(answer(404, fixture!("404"))).starts_with(&format!("unknown | {half} 404: ")));
    assert!(after(answer(403, r#"{"message":"no"}"#)).starts_with(&format!("unknown | {half} 403: ")));
    assert!(after(answer(401, r#"{"message":"no"}"#)).starts_with(&format!("unknown | {half} 401: ")));
    let throttled = half.replace("status", "the vendor takes no more requests for now");
    assert_eq!(after(answer(429, "")), format!("unknown | {throttled}"));
    assert!(after(answer(422, fixture!("422_taken"))).starts_with(&format!("duplicate | {half} 422: ")));
    let nobody =
        fixture!("201_transaction").replace("12.3,", "9.3,").replace("\"partner_123\",\n    \"c", "null,\n    \"c");
    assert!(after(answer(201, &nobody)).starts_with("conflict | the sale's transaction was replaced: "), "{nobody}");
    let elsewhere = answer(201, &fixture!("201_transaction").replace("12.3,", "9.3,").replace("o_1001", "o_7"));
    let told = "rekeyed | the sale's transaction was replaced: the vendor recorded it under another key, `o_7` | o_7";
    assert_eq!(after(elsewhere), told);
}

#[test]
fn a_part_refund_is_found_by_the_amount_that_is_left() {
    let task = repeat(refund(300, 0));
    let look = |amounts: &[Value]| looked_up(&task, &[page(&amounts.iter().map(shown).collect::<Vec<_>>())]);
    assert_eq!(look(&[json!(9.3)]), "found | o_1001");
    assert_eq!(look(&[json!(12.3)]), "absent");
    assert_eq!(look(&[]), "absent", "the repeat creates what is left");
    assert!(look(&[json!(10.3)]).starts_with("differs | "));
    assert!(look(&[json!(12.3), json!(9.3)]).starts_with("differs | the vendor has 2 transactions"));
}

#[test]
fn a_refund_that_cannot_be_represented_is_refused_before_anything_is_sent() {
    let refused = |task: &Task| adapter().delivery.plan(task).unwrap_err().to_string();
    assert!(refused(&Task { sale: None, ..refund(300, 0) }).contains("sale is not known in this program"));
    assert!(refused(&refund(931, 300)).contains("more than earlier refunds have left"));
    let mut other = refund(300, 0);
    other.order.as_mut().unwrap().currency = trailmark_wire::money::Currency::new("USD").unwrap();
    assert!(refused(&other).starts_with("`order.currency`"));
    let mut dots = refund(300, 0);
    dots.sale.as_mut().unwrap().reference = Some("..".into());
    assert!(refused(&dots).contains("cannot be part of a URL"));
    assert!(refused(&Task { customer: None, ..refund(300, 0) }).starts_with("missing `customer.key`"));
    assert!(adapter().delivery.plan(&Task { customer: None, ..refund(1230, 0) }).is_ok(), "a deletion names nobody");
    let call = planned(&refund(300, 0)).0;
    assert!(matches!((call.read)(&super::listed(&[json!({"key": "x"})], Some("next"))), Step::Next(_)));
}
