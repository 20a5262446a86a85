//! Rules for refunds: how a refund ends if it is not simply delivered, and which refunds a sale releases. Pure, a
//! part of [`super::accept`]'s rule, so that the sums are checked inside the accepting transaction.

use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::TouchId;
use trailmark_wire::receipt::Status;

use super::accept::Case;
use crate::code::Code;
use crate::store::{Known, KnownSale, Ruling};

/// How a refund ends if the general rule does not apply. `is_taken`: its key is claimed in all programs of its sale.
///
/// - `held`, `sale_unknown`: it arrived before its sale, or the sale is held; it is decided when the sale is.
/// - `unattributed`: the sale credited nobody (`sale_unattributed`), or every vendor refused it (`sale_rejected`).
/// - `rejected`: customer (`refund_customer`) or currency (`refund_currency`) differ from the sale's, or all refunds
///   would exceed the sale (`refund_above_sale`). A rejected refund claims no key, so a correct one may follow.
pub(super) fn refund_end(case: &Case, known: &Known, is_taken: bool) -> Option<(Status, Option<Code>)> {
    if case.kind != Kind::Refund {
        return None;
    }
    let Some(sale) = &known.sale else { return Some((Status::Held, Some(Code::SaleUnknown))) };
    match sale.status {
        Status::Held => Some((Status::Held, Some(Code::SaleUnknown))),
        Status::Unattributed => Some((Status::Unattributed, Some(Code::SaleUnattributed))),
        Status::Rejected | Status::Duplicate => Some((Status::Unattributed, Some(Code::SaleRejected))),
        Status::Accepted if is_taken && !known.claimed.is_empty() => Some((Status::Duplicate, None)),
        Status::Accepted => mismatch(case, sale, known.refunded_minor).map(|code| (Status::Rejected, Some(code))),
    }
}

fn mismatch(case: &Case, sale: &KnownSale, refunded_minor: i64) -> Option<Code> {
    let Some(refund) = case.money else { return Some(Code::RefundAboveSale) };
    let sum = refunded_minor.checked_add(refund.amount_minor);
    match (&case.customer, &sale.customer) {
        (Some(named), Some(buyer)) if named != buyer => Some(Code::RefundCustomer),
        _ if refund.currency != sale.money.currency => Some(Code::RefundCurrency),
        _ if sum.is_none_or(|sum| sum > sale.money.amount_minor) => Some(Code::RefundAboveSale),
        _ => None,
    }
}

/// A sale that was just decided, in the form that its refunds need.
pub(super) fn as_known(sale: &Case, ruling: &Ruling) -> Option<KnownSale> {
    let delivered = |id: &TouchId| ruling.deliveries.iter().any(|delivery| delivery.touch == *id);
    let touches = ruling.decision.credited().filter(|touch| delivered(&touch.id)).cloned().collect();
    let customer = sale.customer.clone();
    sale.money.map(|money| KnownSale { status: ruling.receipt.status, money, customer, touches })
}
