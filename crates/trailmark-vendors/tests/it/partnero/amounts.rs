//! Amounts: exact for every currency, or refused; sums stay exact over any partial refunds.

use serde_json::Value;
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::Item;
use trailmark_wire::money::{Currency, Money};

use super::{adapter, answer, driven, page, planned, refund, sale, sent};

fn amount(task: &Task) -> Value {
    let body: Value = serde_json::from_slice(&planned(task).0.request.body.unwrap()).unwrap();
    body["amount"].clone()
}

fn refused(minor: i64, currency: &str) -> String {
    adapter().delivery.plan(&sale(minor, currency)).unwrap_err().to_string()
}

#[test]
fn three_items_at_ten_less_a_discount_a_thousand_yen_and_whole_hundredths_of_dinars() {
    let mut basket = sale(2900, "EUR");
    let item = Item { sku: "a".into(), category: None, unit_amount_minor: 1000, quantity: 3 };
    basket.order.as_mut().unwrap().items = vec![item];
    assert_eq!(amount(&basket), 29);
    for (minor, currency, text) in [
        (1000, "JPY", "1000"),
        (1230, "KWD", "1.23"),
        (9999, "USD", "99.99"),
        (5, "EUR", "0.05"),
        (0, "EUR", "0"),
        (12_300, "CLF", "1.23"),
        (999_999_999_999_999, "EUR", "9999999999999.99"),
        (9_999_999_999_999, "JPY", "9999999999999"),
    ] {
        assert_eq!(amount(&sale(minor, currency)).to_string(), text, "{minor} {currency}");
    }
}

#[test]
fn what_hundredths_or_a_json_number_cannot_hold_is_inexact_and_names_the_field() {
    let finer = "inexact_amount: Partnero counts in hundredths, and `order.amount_minor` in KWD is finer";
    assert_eq!(refused(1234, "KWD"), finer);
    for (minor, currency) in [(1, "KWD"), (12_301, "CLF")] {
        assert!(refused(minor, currency).starts_with("inexact_amount: "));
    }
    let long = "inexact_amount: `order.amount_minor` has more digits than the 15 that a JSON number keeps";
    for (minor, currency) in
        [(1_000_000_000_000_000, "EUR"), (i64::MAX, "EUR"), (i64::MAX, "JPY"), (i64::MAX - 7, "KWD")]
    {
        assert_eq!(refused(minor, currency), long, "{minor} {currency}");
    }
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 20) % most).unwrap()
    }
}

#[test]
fn any_basket_and_any_refunds_of_it_add_up_exactly_at_the_vendor_or_are_refused() {
    let mut dice = Dice(8);
    let (mut sent_baskets, mut refusals) = (0, 0);
    for round in 0..600 {
        let code = ["EUR", "JPY", "KWD", "CLF"][usize::try_from(dice.below(4)).unwrap()];
        let currency = Currency::new(code).unwrap();
        let most = if round % 2 == 0 { 1_000 } else { 100_000_000_000 };
        let total = dice.below(most) + 1;
        let Ok(_) = adapter().delivery.plan(&sale(total, code)) else {
            refusals += 1;
            assert!(currency.exponent() > 2, "{total} {code}");
            continue;
        };
        sent_baskets += 1;
        let shown = amount(&sale(total, code)).to_string();
        assert_eq!(Money::from_decimal(&shown, currency).unwrap().amount_minor, total, "{shown} {code}");
        let (mut refunded, mut held) = (0, amount(&sale(total, code)));
        while refunded < total {
            let back = (dice.below(most) + 1).min(total - refunded);
            let mut task = refund(back, refunded);
            let earlier = task.sale.as_mut().unwrap();
            (earlier.amount_minor, earlier.currency) = (total, currency);
            task.order.as_mut().unwrap().currency = currency;
            let left = total - refunded - back;
            let Ok(_) = adapter().delivery.plan(&task) else {
                assert!(currency.exponent() > 2 && left > 0, "{left} {code}");
                break;
            };
            if left > 0 {
                let item = serde_json::json!({"key": "o_1001", "amount": held, "partner": "p"});
                let deleted = answer(200, r#"{"status":1}"#);
                let (lines, _) = driven(planned(&task).0, &[page(&[item]), deleted, answer(500, "")]);
                let body: Value = serde_json::from_str(lines[2].trim_start_matches("POST /v1/transactions ")).unwrap();
                held = body["amount"].clone();
                assert_eq!(
                    Money::from_decimal(&held.to_string(), currency).unwrap().amount_minor,
                    left,
                    "{held} {code}"
                );
            } else {
                assert_eq!(sent(&task, &[answer(200, r#"{"status":1}"#)]), "recorded | o_1001");
            }
            refunded += back;
        }
    }
    assert!(sent_baskets > 300 && refusals > 20, "{sent_baskets} sent, {refusals} refused");
}
