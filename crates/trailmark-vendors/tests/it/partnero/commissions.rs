//! Commissions: what the vendor's list, transaction and partner say about a recorded sale.

use serde_json::{Value, json};
use trailmark_vendors::commission::{Earned, Standing};
use trailmark_vendors::exchange::Answer;
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::Kind;

use super::{adapter, answer, driven, fixture, listed, page, refund, sale, shown, signup};

fn earned(task: Task) -> Earned {
    Earned { task, reference: Some("o_1001".into()), refund_reference: None }
}

fn asked(answers: &[Answer]) -> (Vec<String>, String) {
    asked_about(&earned(sale(1230, "EUR")), answers)
}

fn asked_about(earned: &Earned, answers: &[Answer]) -> (Vec<String>, String) {
    let call = adapter().commissions.unwrap().ask(earned).unwrap();
    let (lines, standing) = driven(call, answers);
    let told = match standing {
        Standing::AuthFailed => "auth failed".into(),
        Standing::Is { commission, reason, amount } => {
            let parts = [reason, amount.map(|amount| amount.to_string())];
            [Some(commission.as_str().to_owned())].into_iter().chain(parts).flatten().collect::<Vec<_>>().join(" | ")
        }
        Standing::NotNow { message, .. } => format!("not now | {message}"),
    };
    (lines, told)
}

fn told(answers: &[Answer]) -> String {
    asked(answers).1
}

/// The list with the sale's transaction and these rewards.
fn with_rewards(rewards: Value) -> Answer {
    let mut item = shown(&12.3.into());
    item["rewards"] = rewards;
    page(&[item])
}

fn reward(status: &str, amount: Value) -> Value {
    json!({"key": "r", "status": status, "amount": amount, "amount_units": "EUR", "is_currency": true, "deleted_at": null})
}

#[test]
fn a_reward_in_the_list_is_the_commission_with_its_amount() {
    let (lines, standing) = asked(&[with_rewards(json!([reward("ok", json!(3.69))]))]);
    assert_eq!(lines, ["GET /v1/transactions?key=o_1001&limit=100&page=1"]);
    assert_eq!(standing, "approved | 3.69 EUR");
    for (status, expected) in [
        ("approved", "approved | 1.00 EUR"),
        ("pending", "pending | 1.00 EUR"),
        ("paid", "paid | 1.00 EUR"),
        ("rejected", "rejected"),
        ("odd u_1", "unknown | the vendor calls it `odd [redacted]` | 1.00 EUR"),
    ] {
        let answer = with_rewards(json!([reward(status, json!(1)), reward(status, json!("0.00"))]));
        let got = told(&[answer]);
        assert_eq!(got.trim_end_matches(" | 0.00 EUR"), expected);
    }
}

#[test]
fn several_rewards_count_together_and_no_share_of_a_cent_is_rounded() {
    let two = with_rewards(json!([reward("paid", json!(1)), reward("ok", json!(2.5))]));
    assert_eq!(told(&[two]), "approved | 3.50 EUR");
    let one_refused = with_rewards(json!([reward("paid", json!(1)), reward("rejected", json!(2.5))]));
    assert_eq!(told(&[one_refused]), "paid | 1.00 EUR");
    assert_eq!(told(&[with_rewards(json!([reward("ok", json!(29.997))]))]), "approved", "29.997 is no amount in euros");
    let mut points = reward("ok", json!(5));
    points["is_currency"] = json!(false);
    assert_eq!(told(&[with_rewards(json!([points]))]), "approved");
    let mut other = reward("ok", json!(5));
    other["amount_units"] = json!("USD");
    assert_eq!(told(&[with_rewards(json!([reward("ok", json!(5)), other]))]), "approved");
    let mut back = reward("ok", json!(5));
    back["deleted_at"] = json!("2026-11-21");
    assert_eq!(told(&[with_rewards(json!([back]))]), "rejected | the vendor took the reward back");
}

#[test]
fn a_transaction_that_is_gone_or_nobodys_earns_nothing() {
    assert_eq!(told(&[page(&[])]), "rejected | the vendor no longer has the transaction");
    let mut gone = shown(&12.3.into());
    gone["deleted_at"] = json!("2026-11-21");
    assert_eq!(told(&[page(&[gone])]), "rejected | the vendor no longer has the transaction");
    let mut nobodys = shown(&12.3.into());
    nobodys["partner"] = Value::Null;
    assert!(told(&[page(&[nobodys])]).starts_with("rejected | the vendor credits nobody"));
    let twice = page(&[shown(&12.3.into()), shown(&12.3.into())]);
    assert_eq!(told(&[twice]), "unknown | the vendor has 2 transactions under the sale's key");
}

#[test]
fn what_a_refund_left_under_another_key_is_found_there() {
    let earned = Earned { refund_reference: Some("txn_7".into()), ..earned(sale(1230, "EUR")) };
    let mut gone = shown(&12.3.into());
    gone["deleted_at"] = json!("2026-11-21");
    let mut rest = shown(&9.3.into());
    rest["key"] = json!("txn_7");
    let bare = page(&[rest.clone()]);
    rest["rewards"] = json!([reward("ok", json!(2.79))]);
    for first in [page(&[]), page(&[gone])] {
        let (lines, standing) = asked_about(&earned, &[first.clone(), page(&[rest.clone()])]);
        assert_eq!(lines[1], "GET /v1/transactions?key=txn_7&limit=100&page=1");
        assert_eq!(standing, "approved | 2.79 EUR");
        let one = answer(200, &json!({"data": rest, "status": 1}).to_string());
        let (lines, standing) = asked_about(&earned, &[first, bare.clone(), one]);
        assert_eq!((lines[2].as_str(), standing.as_str()), ("GET /v1/transactions/txn_7", "approved | 2.79 EUR"));
    }
    let (lines, standing) = asked_about(&earned, &[page(&[]), page(&[])]);
    assert_eq!((lines.len(), standing.as_str()), (2, "rejected | the vendor no longer has the transaction"));
}

#[test]
fn where_the_list_shows_no_rewards_the_transaction_does_and_then_the_partner() {
    let list = page(&[shown(&12.3.into())]);
    let (lines, standing) = asked(&[list.clone(), answer(200, fixture!("201_transaction"))]);
    assert_eq!((lines[1].as_str(), standing.as_str()), ("GET /v1/transactions/o_1001", "approved | 3.69 EUR"));
    let bare = answer(200, &json!({"data": shown(&12.3.into()), "status": 1}).to_string());
    let (lines, standing) = asked(&[list.clone(), bare.clone(), answer(200, fixture!("201_partner"))]);
    assert_eq!(lines[2], "GET /v1/partners/partner_123");
    assert_eq!(standing, "unknown | the vendor shows no reward for it so far");
    let archived = answer(200, &fixture!("201_partner").replace("\"active\"", "\"archived\""));
    let expected = "rejected | the vendor archived the partner, and shows no reward";
    assert_eq!(told(&[list.clone(), bare.clone(), archived]), expected);
    assert!(told(&[list, bare, answer(404, fixture!("404"))]).starts_with("not now | "));
}

#[test]
fn no_failing_answer_decides_a_commission() {
    let list = page(&[shown(&12.3.into())]);
    for (status, body) in
        [(200, "<html>"), (200, "{}"), (404, "<html>"), (404, fixture!("404")), (403, "<html>"), (500, "")]
    {
        assert!(told(&[answer(status, body)]).starts_with("not now | "), "{status} {body}");
        assert!(told(&[list.clone(), answer(status, body)]).starts_with("not now | "), "{status} {body}");
    }
    assert_eq!(told(&[answer(401, "")]), "auth failed");
    assert!(told(&[answer(403, r#"{"message":"no"}"#)]).starts_with("unknown | the API key may not read"));
    let long = listed(&[json!({"key": "x"})], Some("next"));
    assert_eq!(told(&[long]), "not now | too many transactions to find this one");
}

#[test]
fn a_signup_a_lead_and_a_refund_have_no_commission_of_their_own() {
    let commissions = adapter().commissions.unwrap();
    for task in [signup(), Task { kind: Kind::Lead, ..signup() }, refund(1230, 0), refund(300, 0)] {
        assert!(commissions.ask(&earned(task)).is_none());
    }
}
