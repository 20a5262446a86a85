//! Partnerize: has conversions and users, no customers. So far the capability table; the adapter comes with the dialects.
//!
//! How it fits the trait: a sale is one GET of `prf.hn/conversion/...` with the click reference, each line's unit price and
//! quantity. It carries no secret and answers like a pixel whatever becomes of it, so success reads as `unverified`, and
//! [`crate::Vendor::look_up`] asks the conversion report for our `conversionref` on the day of [`crate::task::Task`]. A signup without value
//! is the same call, or not needed where the programme counts sales alone (`custref` names the customer on each). A refund
//! is a bulk rejection, answered by 202 and a job: `unverified` too, and read back from the same report.
//!
//! Sources: <https://api-docs.partnerize.com>; vendors.md § 2; for the dialect `guide`, seed 001.

use trailmark_wire::ids::VendorName;

use crate::Dialect;
use crate::capability::{Capabilities, Operation, Support};

/// The capability table.
pub fn capabilities(dialect: Dialect) -> Capabilities {
    let cells = Operation::ALL.map(|operation| (operation, support(operation, dialect)));
    Capabilities { vendor: VendorName::Partnerize, dialect, cells: cells.to_vec() }
}

fn support(operation: Operation, dialect: Dialect) -> Support {
    match (operation, dialect) {
        (Operation::Webhooks, Dialect::Current) => Support::Unsupported {
            why: "none for brands in the vendor's documents; the conversion report is read instead",
        },
        // The guide names `conversion.*` events, and users with all verbs.
        (Operation::Webhooks, Dialect::Guide)
        | (
            Operation::Signup
            | Operation::Lead
            | Operation::Sale
            | Operation::Refund
            | Operation::LookUp
            | Operation::Partners,
            Dialect::Current | Dialect::Guide,
        ) => Support::NotYet,
    }
}
