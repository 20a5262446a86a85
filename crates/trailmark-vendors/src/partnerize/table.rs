//! What Partnerize supports, cell by cell, in both dialects, and the commands that it lacks, with the reasons. This file only
//! describes; `mod.rs` decides which call a task becomes.

use super::NAME;
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::command::Lack;

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let cells = Operation::ALL.map(|operation| (operation, support(operation, dialect)));
    Capabilities { vendor: NAME, dialect, cells: cells.to_vec() }
}

/// The guide describes users alone: everything else is as in `current`, beyond the guide.
fn support(operation: Operation, dialect: Dialect) -> Support {
    let yes = |how, class| Support::Yes { how, class };
    match (operation, dialect) {
        (Operation::Signup, _) => yes(
            "prf.hn/conversion without value, category `signup`, under our conversion id; it has no customers. Whether one \
             click takes a signup and a sale is the campaign's `multiple_conversions_per_click`",
            Some(Class::Searchable),
        ),
        (Operation::Lead, _) => {
            yes("prf.hn/conversion without value, category `lead`, under our conversion id", Some(Class::Searchable))
        }
        (Operation::Sale, _) => yes(
            "prf.hn/conversion with the price of one unit and the quantity of each line. An empty answer is `ignored` until \
             the report shows it (one client; error answers are not documented, so they are unknown). Assumed: a value may \
             have the three decimals of a currency such as KWD",
            Some(Class::Searchable),
        ),
        (Operation::Refund, _) => yes(
            "POST conversions/bulk: rejects the sale, or lowers its items' values; read back from job and report. Assumed: \
             the items' values add up to the sale, and a lowered value recalculates the commission",
            Some(Class::Upsert),
        ),
        (Operation::LookUp, _) => yes(
            "GET conversion report by our reference, then POST conversions/filter; how late the report may be is not \
             documented, so the settling time decides. Assumed for commissions: the payment stands at the conversion or at \
             its items",
            None,
        ),
        (Operation::Partners, Dialect::Current) => yes("/campaign/{id}/publisher: list, get, approve, reject", None),
        (Operation::Partners, Dialect::Guide) => {
            yes("/campaign/{id}/publisher: list, get, approve, reject, beyond the guide", None)
        }
        (Operation::Team, Dialect::Current) => {
            yes("users: self, add (with a partner), update (documents of 2020), set-email; no call lists them", None)
        }
        (Operation::Team, Dialect::Guide) => yes(
            "users: list, get, add, update (get, merge, PUT), deactivate, remove, self; its list is filtered here, and \
             read again and again to watch it",
            None,
        ),
        (Operation::Scim, _) => Support::Unsupported {
            why: "it has no SCIM endpoint and no connector of an identity provider (seed 001); `users` does it by the API",
        },
        (Operation::Partnerships | Operation::Groups, _) => {
            Support::Unsupported { why: "the documents name users and publishers, no groups of them" }
        }
        (Operation::Customers, _) => Support::Unsupported { why: "it has no customers, only conversions" },
        (Operation::Transactions, _) => Support::Unsupported { why: "it has no transactions, only conversions" },
        (Operation::Webhooks, Dialect::Current) => Support::Unsupported {
            why: "none for brands in the vendor's documents; the conversion report is read instead",
        },
        (Operation::Webhooks, Dialect::Guide) => yes(
            "conversion.approved, .rejected and .pending on a secret path, as the guide names them; the body is not \
             documented, so `conversion_id` or `conversion_reference` is assumed. Read back from the report",
            None,
        ),
    }
}

/// The commands that are not offered, in one dialect or in both.
pub(super) static LACKING: &[Lack] = &[
    Lack {
        noun: "users",
        verb: "list",
        why: "no call of the vendor's documents lists users; only dialect `guide` has it",
    },
    Lack { noun: "users", verb: "get", why: "the documents read one's own user alone: `users self`; `guide` has it" },
    Lack {
        noun: "users",
        verb: "deactivate",
        why: "users have no status in the documents; only dialect `guide` has it",
    },
    Lack { noun: "users", verb: "remove", why: "no call of the documents deletes a user; only dialect `guide` has it" },
    Lack { noun: "users", verb: "set-email", why: "in dialect `guide` use `users update --email`" },
    Lack { noun: "users", verb: "provision", why: "there is no SCIM; use `users add` from your own identity provider" },
    Lack { noun: "partners", verb: "add", why: "partners join the network themselves; invite them in the console" },
    Lack { noun: "partners", verb: "remove", why: "no call deletes a partner: `partners reject`" },
    Lack { noun: "partners", verb: "update", why: "a partner's account belongs to the partner" },
    Lack { noun: "groups", verb: "list", why: "partners have no groups in the calls that this key may use" },
    Lack { noun: "customers", verb: "list", why: "it has no customers, only conversions: `commissions list`" },
    Lack { noun: "transactions", verb: "list", why: "it has no transactions, only conversions: `commissions list`" },
    Lack {
        noun: "payouts",
        verb: "list",
        why: "the vendor pays from its invoices: see `payment_status` in `commissions list`",
    },
    Lack {
        noun: "webhooks",
        verb: "register",
        why: "no call registers a webhook; events come from partners' postbacks alone",
    },
];
