//! Reads what is to be delivered: the conversion with its payload, the credited touch, and the vendor's references of
//! earlier deliveries in the same program: the customer's signup and a refund's sale, with its lines and its newest refund.
//! A refund without a customer gets its sale's customer. After a payload was expunged only the keys remain; the adapter
//! reports what is missing.

use rusqlite::{Connection, Row};
use trailmark_vendors::task::{EarlierSale, EarlierUse, Task};
use trailmark_wire::conversion::{Customer, Order};
use trailmark_wire::ids::{DeliveryId, SiteId};
use trailmark_wire::money::Currency;

use super::attempts::{may_have_effect, was_let_in};
use super::rows::{checked, count, damaged, first, json, maybe, plain, time, word};
use crate::store::StoreError;

/// See [`crate::store::delivery::DeliveryStore::task`].
pub(super) fn of_delivery(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<Task, StoreError> {
    let sql = "SELECT d.site, d.program, c.id, c.kind, c.occurred_at, c.order_key, c.amount_minor, c.currency, c.refund_of,
                      coalesce(c.customer_key, o.customer_key) AS customer_key,
                      p.email, p.name, coalesce(p.data, '{}') AS data, coalesce(p.items, '[]') AS items,
                      t.click_id, t.partner,
                      NOT EXISTS (SELECT 1 FROM attempts a WHERE a.site = d.site AND a.delivery = d.id
                                  AND LET_IN) AS is_unsent,
                      EXISTS (SELECT 1 FROM attempts a WHERE a.site = d.site AND a.delivery = d.id
                              AND EFFECT) AS may_have_acted,
                      d.reference,
                      e.id AS earlier_conversion, e.kind AS earlier_kind,
                      (SELECT sd.reference FROM conversions s
                         JOIN deliveries sd ON sd.site = s.site AND sd.conversion = s.id AND sd.program = d.program
                       WHERE s.site = c.site AND s.kind = 'signup'
                         AND s.external_id = coalesce(c.customer_key, o.customer_key)
                         AND sd.state = 'recorded' AND s.id <> c.id AND +s.status <> 'duplicate'
                       ORDER BY +s.received_at DESC LIMIT 1) AS customer_reference,
                      o.occurred_at AS sale_occurred_at, o.amount_minor AS sale_amount, o.currency AS sale_currency, od.reference AS sale_reference,
                      coalesce(op.items, '[]') AS sale_items,
                      (SELECT coalesce(sum(r.amount_minor), 0) FROM conversions r
                         JOIN deliveries rd ON rd.site = r.site AND rd.conversion = r.id AND rd.program = d.program
                       WHERE r.site = c.site AND r.refund_of = c.refund_of AND +r.kind = 'refund' AND r.id <> c.id
                         AND rd.state = 'recorded') AS sale_refunded,
                      (SELECT rd.reference FROM conversions r
                         JOIN deliveries rd ON rd.site = r.site AND rd.conversion = r.id AND rd.program = d.program
                       WHERE r.site = c.site AND r.refund_of = c.refund_of AND +r.kind = 'refund' AND r.id <> c.id
                         AND +rd.state = 'recorded'
                       ORDER BY +rd.id DESC LIMIT 1) AS sale_refund_reference
               FROM deliveries d
               JOIN conversions c ON c.site = d.site AND c.id = d.conversion
               JOIN touches t ON t.site = d.site AND t.id = d.touch
               LEFT JOIN conversion_payloads p ON p.site = d.site AND p.conversion = d.conversion
               LEFT JOIN deliveries od ON od.site = d.site AND od.id =
                      (SELECT sd.id FROM conversions s
                         JOIN deliveries sd ON sd.site = s.site AND sd.conversion = s.id AND sd.program = d.program
                       WHERE s.site = c.site AND s.kind = 'sale' AND s.external_id = c.refund_of
                       ORDER BY sd.state = 'recorded' DESC, s.received_at DESC LIMIT 1)
               LEFT JOIN conversions o ON o.site = od.site AND o.id = od.conversion
               LEFT JOIN conversion_payloads op ON op.site = od.site AND op.conversion = od.conversion
               LEFT JOIN conversions e ON e.site = d.site AND e.id =
                      (SELECT ed.conversion FROM OTHERS
                       ORDER BY (SELECT k.kind IN ('signup', 'lead') FROM conversions k
                                 WHERE k.site = ed.site AND k.id = ed.conversion) DESC, +ed.id LIMIT 1)
               WHERE d.site = ?1 AND d.id = ?2"
        .replace("OTHERS", &others_of_the_touch())
        .replace("LET_IN", &was_let_in("a"))
        .replace("EFFECT", &may_have_effect("a"));
    let found = first(ledger, &sql, (site.as_str(), delivery.as_str()), task)?;
    found.ok_or(StoreError::NotFound("delivery"))
}

/// Whether another delivery of the same touch and program took effect, or may have.
pub(super) fn is_touch_used(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<bool, StoreError> {
    let others = others_of_the_touch();
    let sql = format!(
        "SELECT count(*) FROM deliveries d WHERE d.site = ?1 AND d.id = ?2 AND EXISTS (SELECT 1 FROM {others})"
    );
    Ok(count(ledger, &sql, (site.as_str(), delivery.as_str()))? > 0)
}

/// The deliveries `ed` of the same touch and program as the delivery `d` that took effect, or may have.
fn others_of_the_touch() -> String {
    format!(
        "deliveries ed
         WHERE ed.site = d.site AND ed.touch = d.touch AND ed.program = d.program AND ed.id <> d.id
           AND (ed.state = 'recorded'
                OR EXISTS (SELECT 1 FROM attempts a WHERE a.site = ed.site AND a.delivery = ed.id AND {}))",
        may_have_effect("a")
    )
}

fn task(row: &Row<'_>) -> Result<Task, StoreError> {
    Ok(Task {
        site: checked(row, "site")?,
        program: checked(row, "program")?,
        conversion: checked(row, "id")?,
        kind: word(row, "kind")?,
        occurred_at: time(row, "occurred_at")?,
        customer: customer(row)?,
        order: order(row)?,
        refund_of: maybe(row, "refund_of")?,
        sale: sale(row)?,
        customer_reference: plain(row, "customer_reference")?,
        click_id: maybe(row, "click_id")?,
        partner: maybe(row, "partner")?,
        data: json(row, "data")?,
        reference: plain(row, "reference")?,
        touch_used_by: earlier_use(row)?,
        is_unsent: plain(row, "is_unsent")?,
        may_have_acted: plain(row, "may_have_acted")?,
    })
}

fn customer(row: &Row<'_>) -> Result<Option<Customer>, StoreError> {
    let Some(key) = maybe(row, "customer_key")? else { return Ok(None) };
    Ok(Some(Customer { key, email: plain(row, "email")?, name: plain(row, "name")? }))
}

fn order(row: &Row<'_>) -> Result<Option<Order>, StoreError> {
    let Some(key) = maybe(row, "order_key")? else { return Ok(None) };
    let currency = currency(plain(row, "currency")?)?;
    Ok(Some(Order { key, amount_minor: plain(row, "amount_minor")?, currency, items: json(row, "items")? }))
}

fn sale(row: &Row<'_>) -> Result<Option<EarlierSale>, StoreError> {
    let Some(amount_minor) = plain(row, "sale_amount")? else { return Ok(None) };
    let (currency, reference) = (currency(plain(row, "sale_currency")?)?, plain(row, "sale_reference")?);
    let refunded_minor = plain(row, "sale_refunded")?;
    Ok(Some(EarlierSale {
        occurred_at: time(row, "sale_occurred_at")?,
        amount_minor,
        refunded_minor,
        currency,
        items: json(row, "sale_items")?,
        reference,
        refund_reference: plain(row, "sale_refund_reference")?,
    }))
}

fn earlier_use(row: &Row<'_>) -> Result<Option<EarlierUse>, StoreError> {
    let Some(conversion) = maybe(row, "earlier_conversion")? else { return Ok(None) };
    Ok(Some(EarlierUse { conversion, kind: word(row, "earlier_kind")? }))
}

fn currency(code: String) -> Result<Currency, StoreError> {
    Currency::new(&code).map_err(|error| damaged("currency", error))
}
