//! Conversions in SQL: the accepting transaction. It writes a conversion with payload, decision, claims, deliveries
//! and receipt, or returns the first receipt. The caller's rule decides.

use rusqlite::{Connection, named_params};
use trailmark_wire::conversion::{Customer, CustomerClaim, Event, Item, Order, OrderClaim};
use trailmark_wire::ids::{ConversionId, DeliveryId, OrderKey, SiteId};
use trailmark_wire::receipt::{Receipt, Status};

use super::budget::{self, Subject as Counted};
use super::known::{self, Subject};
use super::rows::{checked, count, damaged, first, json, plain, to_json, write};
use super::{claims, held, order, overrule, touches};
use crate::outbox::{Doubt, takeover};
use crate::store::{AcceptRule, Accepted, Assurance, NewConversion, NewDelivery, Ruling, StoreError};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// See [`crate::store::Store::accept`].
pub(super) fn accept(ledger: &Connection, new: &NewConversion, rule: AcceptRule) -> Result<Accepted, StoreError> {
    if let Some((hash, receipt)) = earlier(ledger, new)? {
        return Ok(if hash == new.content_hash { Accepted::Replayed(receipt) } else { Accepted::Mismatch });
    }
    if new.assurance != Assurance::Server && new.id.as_str() == new.jti.as_str() && is_taken(ledger, new)? {
        return Ok(Accepted::IdTaken);
    }
    let ruling = rule(&known::about(ledger, &subject(new))?)?;
    if let (Status::Held, Some(budget)) = (ruling.receipt.status, &new.budget) {
        budget::take(ledger, &new.site, Counted::Held, budget, 1, new.received_at)?;
    }
    touches::add_visitor(ledger, &new.site, &new.visitor, new.received_at)?;
    insert(ledger, new, &ruling)?;
    // A page can repeat a duplicate any number of times, and nobody needs its payload.
    if ruling.receipt.status != Status::Duplicate || new.assurance == Assurance::Server {
        insert_payload(ledger, new)?;
    }
    insert_decision(ledger, new, &ruling)?;
    // First the consequences for other conversions, so that the new deliveries find their keys free.
    held::follow(ledger, &new.site, &new.id, &ruling.consequences, new.received_at)?;
    deliver(ledger, &new.site, &new.id, &ruling.deliveries)?;
    Ok(Accepted::New(ruling.receipt))
}

/// Creates the deliveries of a conversion, each with its claim.
pub(super) fn deliver(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    deliveries: &[NewDelivery],
) -> Result<(), StoreError> {
    for delivery in deliveries {
        claims::take(ledger, site, conversion, &delivery.program)?;
        insert_delivery(ledger, site, conversion, delivery)?;
    }
    Ok(())
}

/// Content hash and receipt of the conversion that used this replay key first.
fn earlier(ledger: &Connection, new: &NewConversion) -> Result<Option<([u8; 32], Receipt)>, StoreError> {
    let sql = "SELECT content_hash, receipt FROM conversions WHERE site = ?1 AND visitor = ?2 AND jti = ?3";
    let key = (new.site.as_str(), new.visitor.as_str(), new.jti.as_str());
    first(ledger, sql, key, |row| Ok((plain(row, "content_hash")?, json(row, "receipt")?)))
}

/// Whether another conversion of the site has this id: a page chooses its ids and may choose an existing one.
fn is_taken(ledger: &Connection, new: &NewConversion) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM conversions WHERE site = ?1 AND id = ?2)
                   OR EXISTS (SELECT 1 FROM conversions WHERE site = ?1 AND jti = ?2)";
    Ok(count(ledger, sql, (new.site.as_str(), new.id.as_str()))? > 0)
}

fn subject(new: &NewConversion) -> Subject<'_> {
    let parts = Parts::of(new);
    Subject {
        site: &new.site,
        visitor: &new.visitor,
        kind: new.conversion.kind(),
        external_id: external_id(new),
        customer: parts.customer.map(|customer| customer.key.as_str()),
        refund_of: parts.refund_of.map(OrderKey::as_str),
        held_since: Some(new.received_at.plus(-DAY_MS)),
    }
}

/// The business key; a test has none, so it claims nothing and is found by no other conversion.
fn external_id(new: &NewConversion) -> Option<&str> {
    new.conversion.external_id().filter(|_| !new.conversion.test)
}

/// A conversion as stored in columns. Of a test, neither customer nor order is stored.
#[derive(Debug, Default)]
struct Parts<'a> {
    customer: Option<&'a Customer>,
    signed_customer: Option<&'a str>,
    order: Option<&'a Order>,
    signed_order: Option<&'a str>,
    refund_of: Option<&'a OrderKey>,
}

impl<'a> Parts<'a> {
    fn of(new: &'a NewConversion) -> Self {
        let mut parts = Self::default();
        if new.conversion.test {
            return parts;
        }
        match &new.conversion.customer {
            Some(CustomerClaim::Plain(customer)) => parts.customer = Some(customer),
            Some(CustomerClaim::Signed(jws)) => parts.signed_customer = Some(jws),
            Some(CustomerClaim::Vouched(customer, jws)) => {
                (parts.customer, parts.signed_customer) = (Some(customer), Some(jws.as_str()));
            }
            None => {}
        }
        match &new.conversion.event {
            Event::Signup | Event::Lead => {}
            Event::Sale(OrderClaim::Plain(order)) => parts.order = Some(order),
            Event::Sale(OrderClaim::Signed(jws)) => parts.signed_order = Some(jws),
            Event::Sale(OrderClaim::Vouched(order, jws)) => {
                (parts.order, parts.signed_order) = (Some(order), Some(jws.as_str()));
            }
            Event::Refund { refund, sale } => (parts.order, parts.refund_of) = (Some(refund), Some(sale)),
        }
        parts
    }
}

fn insert(ledger: &Connection, new: &NewConversion, ruling: &Ruling) -> Result<(), StoreError> {
    let sql =
        "/* wide: SQLite scans child tables only if a deferred foreign key is violated */
               INSERT INTO conversions (site, id, visitor, jti, content_hash, kind, external_id, customer_key, order_key,
                                        amount_minor, currency, refund_of, assurance, status, code, receipt,
                                        occurred_at, received_at)
               VALUES (:site, :id, :visitor, :jti, :content_hash, :kind, :external_id, :customer_key, :order_key,
                       :amount_minor, :currency, :refund_of, :assurance, :status, :code, :receipt,
                       :occurred_at, :received_at)";
    let parts = Parts::of(new);
    let row = named_params! {
        ":site": new.site.as_str(),
        ":id": new.id.as_str(),
        ":visitor": new.visitor.as_str(),
        ":jti": new.jti.as_str(),
        ":content_hash": new.content_hash,
        ":kind": new.conversion.kind().as_str(),
        ":external_id": external_id(new),
        ":customer_key": parts.customer.map(|customer| customer.key.as_str()),
        ":order_key": parts.order.map(|order| order.key.as_str()),
        ":amount_minor": parts.order.map(|order| order.amount_minor),
        ":currency": parts.order.map(|order| order.currency.as_str()),
        ":refund_of": parts.refund_of.map(OrderKey::as_str),
        ":assurance": new.assurance.as_str(),
        ":status": ruling.receipt.status.as_str(),
        ":code": ruling.receipt.code,
        ":receipt": to_json(&ruling.receipt)?,
        ":occurred_at": new.occurred_at.0,
        ":received_at": new.received_at.0,
    };
    write(ledger, sql, row).map(|_| ())
}

fn insert_payload(ledger: &Connection, new: &NewConversion) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO conversion_payloads (site, conversion, email, name, data, items, signed_customer, signed_order)
               VALUES (:site, :conversion, :email, :name, :data, :items, :signed_customer, :signed_order)";
    let parts = Parts::of(new);
    let row = named_params! {
        ":site": new.site.as_str(),
        ":conversion": new.id.as_str(),
        ":email": parts.customer.and_then(|customer| customer.email.as_deref()),
        ":name": parts.customer.and_then(|customer| customer.name.as_deref()),
        ":data": to_json(&new.conversion.data)?,
        ":items": to_json::<&[Item]>(&parts.order.map_or(&[][..], |order| &order.items))?,
        ":signed_customer": parts.signed_customer,
        ":signed_order": parts.signed_order,
    };
    write(ledger, sql, row).map(|_| ())
}

fn insert_decision(ledger: &Connection, new: &NewConversion, ruling: &Ruling) -> Result<(), StoreError> {
    let sql = "INSERT INTO decisions (site, conversion, rules_version, decision) VALUES (?1, ?2, ?3, ?4)";
    let decision = &ruling.decision;
    let row = (new.site.as_str(), new.id.as_str(), decision.rules_version, to_json(decision)?);
    write(ledger, sql, row).map(|_| ())
}

/// If a sale was withdrawn before any vendor knew of it, its dropped delivery starts again.
fn insert_delivery(
    ledger: &Connection,
    site: &SiteId,
    conversion: &ConversionId,
    delivery: &NewDelivery,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO deliveries (site, id, conversion, program, vendor, touch, state, reason, due_at, doubt, settles_at)
               VALUES (:site, :id, :conversion, :program, :vendor, :touch, :state, :reason, :due_at, :doubt, :settles_at)
               ON CONFLICT (site, conversion, program) DO UPDATE SET touch = excluded.touch, state = excluded.state,
                 reason = excluded.reason, due_at = excluded.due_at, doubt = excluded.doubt, settles_at = excluded.settles_at
               WHERE deliveries.state = 'dropped'
               RETURNING id";
    let past = overrule::past(ledger, site, conversion, &delivery.program)?;
    let progress = takeover::begins(past, delivery.due_at);
    let row = named_params! {
        ":site": site.as_str(),
        ":id": delivery.id.as_str(),
        ":conversion": conversion.as_str(),
        ":program": delivery.program.as_str(),
        ":vendor": delivery.vendor.as_str(),
        ":touch": delivery.touch.as_str(),
        ":state": progress.state.as_str(),
        ":reason": progress.reason.as_ref().or(delivery.reason.as_ref()),
        ":due_at": progress.due_at.map(|at| at.0),
        ":doubt": progress.doubt.map(Doubt::as_str),
        ":settles_at": progress.settles_at.map(|at| at.0),
    };
    let id = first(ledger, sql, row, |row| checked::<DeliveryId>(row, "id"))?;
    order::wake(ledger, site, &id.ok_or_else(|| damaged("program", "there is a delivery already"))?)
}
