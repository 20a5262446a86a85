//! Money: whatever the basket, unit price times quantity adds up to the net total, exactly; refunds are as exact.

use serde_json::{Value, json};
use trailmark_vendors::Adapter;
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::task::{EarlierSale, Task};
use trailmark_wire::conversion::Item;
use trailmark_wire::money::{Currency, Money};

use super::{NOW, answer, current, item, order, planned, recorded, refund, report, run, sale};

/// Unit prices in minor units and quantities, as sent.
fn sent(adapter: &Adapter, task: &Task) -> Vec<(i64, i64)> {
    let url = planned(adapter, task).request.url.expose().to_owned();
    let currency = task.order.as_ref().unwrap().currency;
    let part = |group: &str, key: &str| {
        let from = group.split(key).nth(1).unwrap();
        from.split(['/', ']']).next().unwrap().to_owned()
    };
    let groups = url.split('[').skip(1);
    groups
        .map(|group| {
            let unit = Money::from_decimal(&part(group, "value:"), currency).unwrap().amount_minor;
            (unit, part(group, "quantity:").parse().unwrap())
        })
        .collect()
}

/// Numbers that look random and are the same in each run (Knuth's linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn up_to(&mut self, limit: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(limit).unwrap() + 1)).unwrap()
    }
}

#[test]
fn three_at_ten_with_a_total_of_29_are_two_of_9_67_and_one_of_9_66() {
    let adapter = current();
    assert_eq!(sent(&adapter, &sale(2900, "EUR", vec![item("a", None, 1000, 3)])), [(967, 2), (966, 1)]);
    assert_eq!(sent(&adapter, &sale(1000, "JPY", Vec::new())), [(1000, 1)]);
    assert_eq!(sent(&adapter, &sale(1234, "KWD", Vec::new())), [(1234, 1)]);
    assert_eq!(sent(&adapter, &sale(0, "EUR", vec![item("a", None, 0, 2)])), [(0, 2)]);
    assert_eq!(sent(&adapter, &sale(i64::MAX, "EUR", Vec::new())), [(i64::MAX, 1)]);
    let url = planned(&adapter, &sale(1234, "KWD", Vec::new())).request.url.expose().to_owned();
    assert!(url.ends_with("/[category:sale/value:1.234/quantity:1]"), "{url}");
}

#[test]
fn random_baskets_add_up_exactly_in_every_currency() {
    let (adapter, mut numbers) = (current(), Numbers(1));
    for round in 0..2000 {
        let currency = ["JPY", "EUR", "KWD", "CLF"][round % 4];
        let items: Vec<Item> = (0..numbers.below(6))
            .map(|n| {
                let quantity = u32::try_from(1 + numbers.below(9)).unwrap();
                item(&format!("[s/{n}]"), None, numbers.up_to(50_000), quantity)
            })
            .collect();
        let whole: i64 = items.iter().map(|item| item.total().unwrap()).sum();
        let total = if items.is_empty() { numbers.up_to(1_000_000) } else { numbers.up_to(whole) };
        let lines = sent(&adapter, &sale(total, currency, items.clone()));
        let sum: i64 = lines.iter().map(|(unit, quantity)| unit * quantity).sum();
        assert_eq!(sum, total, "{items:?} {currency}");
        let units: i64 = lines.iter().map(|(_, quantity)| quantity).sum();
        assert_eq!(units, items.iter().map(|item| i64::from(item.quantity)).sum::<i64>().max(1), "every unit is sent");
        assert!(lines.iter().all(|(unit, _)| *unit >= 0));
    }
}

/// An entry of the report with these items.
fn shown(currency: &str, items: &[i64]) -> Value {
    let code = Currency::new(currency).unwrap();
    let decimal = |minor: i64| -> Value {
        serde_json::from_str(&Money { amount_minor: minor, currency: code }.to_decimal()).unwrap()
    };
    let items: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(n, minor)| json!({"conversion_item_id": format!("1l{n}"), "sku": format!("s-{n}"), "item_value": decimal(*minor), "item_status": "approved"}))
        .collect();
    json!({"conversion_id": "111111l10", "conversion_reference": "o_1001", "currency": currency, "conversion_items": items})
}

#[test]
fn random_partial_refunds_take_exactly_their_amount_from_the_items() {
    let (adapter, mut numbers) = (current(), Numbers(7));
    for round in 0..300 {
        let code = ["JPY", "EUR", "KWD"][round % 3];
        let currency = Currency::new(code).unwrap();
        let mut values: Vec<i64> = (0..1 + numbers.below(5)).map(|_| numbers.up_to(90_000)).collect();
        let mut left: i64 = values.iter().sum();
        let (whole, mut refunded_minor) = (left, 0);
        // Several refunds of one sale, each after the one before was recorded.
        for _ in 0..3 {
            if left < 2 {
                break;
            }
            let amount = 1 + numbers.up_to(left - 2);
            let sale = EarlierSale {
                occurred_at: NOW,
                amount_minor: whole,
                refunded_minor,
                currency,
                items: Vec::new(),
                reference: Some("111111l10".into()),
                refund_reference: None,
            };
            let number = usize::try_from(numbers.below(6)).unwrap();
            let named = Some(number).filter(|_| numbers.below(2) == 0);
            // The vendor has the SKU as it was sent.
            let items = named.iter().map(|number| item(&format!("s/{number}"), None, amount, 1)).collect();
            let task = Task { sale: Some(sale), order: Some(order("r_1", amount, code, items)), ..refund(1, 0) };
            let page = answer(200, &report(&[shown(code, &values)], None));
            let (sent, outcome) = run(planned(&adapter, &task), &[page, answer(202, recorded!("202_job"))]);
            assert_eq!(
                outcome,
                Some(Outcome::Unverified { reference: Some("111111l77".into()) }),
                "{values:?} {amount}"
            );
            let before = values.clone();
            let body: Value = serde_json::from_str(sent[1].split("\n\n").nth(1).unwrap()).unwrap();
            for (id, change) in body["conversion_items"].as_object().unwrap() {
                let index: usize = id.strip_prefix("1l").unwrap().parse().unwrap();
                let value = change["item_value"].to_string();
                let lowered = Money::from_decimal(&value, currency).unwrap().amount_minor;
                assert!((0..=values[index]).contains(&lowered), "{value} of {}", values[index]);
                values[index] = lowered;
            }
            if let Some((index, was)) = named.and_then(|index| Some((index, *before.get(index)?))) {
                assert_eq!(was - values[index], amount.min(was), "the line's own item, first");
            }
            (left, refunded_minor) = (left - amount, refunded_minor + amount);
            assert_eq!(values.iter().sum::<i64>(), left, "{amount} of {code}");
        }
    }
}
