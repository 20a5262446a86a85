//! What is to be delivered, read back from the ledger: the conversion with its payload, and the credited touch. A payload
//! that was expunged leaves the keys alone; the vendor's adapter then says what it misses.

use rusqlite::{Connection, Row};
use trailmark_vendors::task::Task;
use trailmark_wire::conversion::{Customer, Order};
use trailmark_wire::ids::{ConversionId, SiteId};
use trailmark_wire::money::Currency;

use super::rows::{checked, damaged, first, json, maybe, plain, time, word};
use crate::store::StoreError;

/// See [`crate::store::delivery::DeliveryStore::task`].
pub(super) fn of_delivery(ledger: &Connection, site: &SiteId, delivery: &ConversionId) -> Result<Task, StoreError> {
    let sql =
        "SELECT c.id, c.kind, c.occurred_at, c.customer_key, c.order_key, c.amount_minor, c.currency, c.refund_of,
                      p.email, p.name, coalesce(p.data, '{}') AS data, coalesce(p.items, '[]') AS items,
                      t.click_id, t.partner
               FROM deliveries d
               JOIN conversions c ON c.site = d.site AND c.id = d.conversion
               JOIN touches t ON t.site = d.site AND t.id = d.touch
               LEFT JOIN conversion_payloads p ON p.site = d.site AND p.conversion = d.conversion
               WHERE d.site = ?1 AND d.id = ?2";
    let found = first(ledger, sql, (site.as_str(), delivery.as_str()), task)?;
    found.ok_or(StoreError::NotFound("delivery"))
}

fn task(row: &Row<'_>) -> Result<Task, StoreError> {
    Ok(Task {
        conversion: checked(row, "id")?,
        kind: word(row, "kind")?,
        occurred_at: time(row, "occurred_at")?,
        customer: customer(row)?,
        order: order(row)?,
        refund_of: maybe(row, "refund_of")?,
        click_id: maybe(row, "click_id")?,
        partner: maybe(row, "partner")?,
        data: json(row, "data")?,
    })
}

fn customer(row: &Row<'_>) -> Result<Option<Customer>, StoreError> {
    let Some(key) = maybe(row, "customer_key")? else { return Ok(None) };
    Ok(Some(Customer { key, email: plain(row, "email")?, name: plain(row, "name")? }))
}

fn order(row: &Row<'_>) -> Result<Option<Order>, StoreError> {
    let Some(key) = maybe(row, "order_key")? else { return Ok(None) };
    let currency: String = plain(row, "currency")?;
    let currency = Currency::new(&currency).map_err(|error| damaged("currency", error))?;
    Ok(Some(Order { key, amount_minor: plain(row, "amount_minor")?, currency, items: json(row, "items")? }))
}
