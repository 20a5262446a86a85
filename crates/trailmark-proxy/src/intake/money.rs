//! What may be given back: the ends of a refund that is not simply delivered, and the refunds that a sale sets free. Pure, a
//! part of [`super::accept`]'s rule, so that the sums are checked inside the accepting transaction.

use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::receipt::Status;

use super::accept::Case;
use crate::code::Code;
use crate::store::{Known, KnownSale, Ruling};

/// How a refund ends other than by the general rule; `is_taken` says that its key is held wherever its sale went.
///
/// - `held`, `sale_unknown`: it came before its sale, or that waits itself; it follows when the sale is decided;
/// - `unattributed`: nobody earned on the sale (`sale_unattributed`), or everybody refused it (`sale_rejected`);
/// - `rejected`: it names another customer (`refund_customer`) or currency (`refund_currency`) than the sale, or would bring
///   the sum of all refunds above the sale (`refund_above_sale`). Rejected ones claim nothing, so a right one may follow.
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

/// A sale that was just decided, as the refunds that wait for it know it.
pub(super) fn as_known(sale: &Case, ruling: &Ruling) -> Option<KnownSale> {
    let delivered = |id: &ConversionId| ruling.deliveries.iter().any(|delivery| delivery.touch == *id);
    let touches = ruling.decision.credited().filter(|touch| delivered(&touch.id)).cloned().collect();
    let customer = sale.customer.clone();
    sale.money.map(|money| KnownSale { status: ruling.receipt.status, money, customer, touches })
}
