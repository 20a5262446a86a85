//! The lines of a basket as Partnerize counts them: the price of one unit and a quantity, which the vendor multiplies. The
//! order's total is net, and its lines only apportion it; so each line gets its share of the total, and a share that is no
//! multiple of the quantity becomes two lines, one of them a minor unit dearer. The sum is exactly the total, always: nothing
//! is rounded and nothing is refused. Three items at 10.00 with a net total of 29.00 are 2 × 9.67 and 1 × 9.66.
//!
//! Source: vendors.md § 2.2; vendors-2.md § 1.1.

use trailmark_wire::conversion::{Item, Order};

/// One bracket group of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) sku: Option<&'a str>,
    pub(super) category: Option<&'a str>,
    /// Minor units of the order's currency.
    pub(super) unit_minor: i64,
    /// 1 or more.
    pub(super) quantity: i64,
}

/// The lines of an order; one line if the order has none.
pub(super) fn lines(order: &Order) -> Vec<Line<'_>> {
    if order.items.is_empty() {
        return vec![Line { sku: None, category: None, unit_minor: order.amount_minor, quantity: 1 }];
    }
    let shares = shares(order);
    order.items.iter().zip(shares).flat_map(|(item, share)| split(item, share)).collect()
}

/// One line per category, where all lines together make too long a path.
pub(super) fn merged<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let mut merged: Vec<Line<'a>> = Vec::new();
    for line in lines {
        let total = line.unit_minor.saturating_mul(line.quantity);
        match merged.iter_mut().find(|known| known.category == line.category) {
            Some(known) => known.unit_minor = known.unit_minor.saturating_add(total),
            None => merged.push(Line { sku: None, unit_minor: total, quantity: 1, ..*line }),
        }
    }
    merged
}

/// What each item has of the order's total, in minor units: the sum of the shares is the total.
pub(super) fn shares(order: &Order) -> Vec<i64> {
    let prices: Vec<i128> =
        order.items.iter().map(|item| i128::from(item.unit_amount_minor) * i128::from(item.quantity)).collect();
    let (whole, total) = (prices.iter().sum::<i128>(), i128::from(order.amount_minor));
    let (mut passed, mut given) = (0_i128, 0_i128);
    let mut shares: Vec<i64> = Vec::with_capacity(prices.len());
    for (index, price) in prices.iter().enumerate() {
        passed += price;
        // Items without a price bear the total together with the last one.
        let until = match (whole, index + 1 == prices.len()) {
            (_, true) => total,
            (0, false) => 0,
            (whole, false) => passed * total / whole,
        };
        shares.push(i64::try_from(until - given).unwrap_or_default());
        given = until;
    }
    shares
}

fn split(item: &Item, share: i64) -> impl Iterator<Item = Line<'_>> {
    let quantity = i64::from(item.quantity.max(1));
    let (unit, dearer) = (share / quantity, share % quantity);
    let line = move |unit_minor, quantity| Line {
        sku: Some(item.sku.as_str()),
        category: item.category.as_deref(),
        unit_minor,
        quantity,
    };
    [line(unit + 1, dearer), line(unit, quantity - dearer)].into_iter().filter(|line| line.quantity > 0)
}
