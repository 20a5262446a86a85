//! Orders for the delivery tests.

use trailmark_wire::conversion::{Event, Order, OrderClaim};
use trailmark_wire::ids::OrderKey;
use trailmark_wire::money::Currency;

/// An order with an amount in minor units.
pub(crate) fn order(key: &str, amount_minor: i64, currency: &str) -> Order {
    let currency = Currency::new(currency).unwrap();
    Order { key: OrderKey::new(key).unwrap(), amount_minor, currency, items: Vec::new() }
}

/// A sale of it.
pub(crate) fn sale(key: &str, amount_minor: i64, currency: &str) -> Event {
    Event::Sale(OrderClaim::Plain(order(key, amount_minor, currency)))
}

/// A refund of a sale.
pub(crate) fn refund(key: &str, of: &str, amount_minor: i64, currency: &str) -> Event {
    Event::Refund { refund: order(key, amount_minor, currency), sale: OrderKey::new(of).unwrap() }
}
