//! What Partnerize supports, cell by cell, in both dialects, and the commands that it lacks, with the reasons. This file only
//! describes; `mod.rs` decides which call a task becomes.

use super::NAME;
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::command::Lack;

pub(super) const CAMPAIGN_PARTNERS: &str = "api-docs.partnerize.com of 2026 (/campaign/{id}/publisher)";
pub(super) const BULK: &str = "api-docs.partnerize.com of 2026 (conversions/bulk)";
pub(super) const JOBS: &str = "api-docs.partnerize.com of 2026 (jobs)";
pub(super) const REPORT: &str = "api-docs.partnerize.com of 2026 (conversion report)";
pub(super) const OF_2020: &str = "GitHub PerformanceHorizonGroup/apidocs of 2020 (user); nothing newer has it";
const NOT_IN_THE_DESCRIPTION: &str = "api-docs.partnerize.com of 2026: no such call found";

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let cells = Operation::ALL.map(|operation| (operation, support(operation, dialect)));
    Capabilities { vendor: NAME, dialect, cells: cells.to_vec() }
}

/// The guide describes users alone: everything else is as in `current`, beyond the guide.
fn support(operation: Operation, dialect: Dialect) -> Support {
    let yes = |how, class, source| Support::Yes { how, class, source };
    let assumed = |how, class, source| Support::Assumed { how, class, source };
    match (operation, dialect) {
        (Operation::Signup, _) => yes(
            "prf.hn/conversion without value, category `signup`, under our conversion id; it has no customers. Whether one \
             click takes a signup and a sale is the campaign's `multiple_conversions_per_click`",
            Some(Class::Searchable),
            "help.phgsupport.com (S2S tracking); api-docs.partnerize.com of 2026 (campaign)",
        ),
        (Operation::Lead, _) => yes(
            "prf.hn/conversion without value, category `lead`, under our conversion id",
            Some(Class::Searchable),
            "help.phgsupport.com (S2S tracking)",
        ),
        (Operation::Sale, _) => assumed(
            "prf.hn/conversion with the price of one unit and the quantity of each line. An empty answer is `ignored` until \
             the report shows it (one client; error answers are not documented, so they are unknown). Assumed: a value may \
             have the three decimals of a currency such as KWD",
            Some(Class::Searchable),
            "help.phgsupport.com (S2S tracking, verticals); the answer as GitHub superbrave/partnerize-bundle reads it",
        ),
        (Operation::Refund, _) => assumed(
            "POST conversions/bulk: rejects the sale, or lowers its items' values; read back from job and report. Assumed: \
             the items' values add up to the sale, and a lowered value recalculates the commission",
            Some(Class::Upsert),
            "api-docs.partnerize.com of 2026 (conversions/bulk, jobs); the rest is not documented: assumed",
        ),
        (Operation::LookUp, _) => assumed(
            "GET conversion report by our reference, then POST conversions/filter; how late the report may be is not \
             documented, so the settling time decides. Assumed for commissions: the payment stands at the conversion or at \
             its items",
            None,
            "api-docs.partnerize.com of 2026 (conversion report, conversions/filter); GitHub \
             PerformanceHorizonGroup/apidocs of 2020",
        ),
        (Operation::Partners, Dialect::Current) => {
            yes("/campaign/{id}/publisher: list, get, approve, reject", None, CAMPAIGN_PARTNERS)
        }
        (Operation::Partners, Dialect::Guide) => {
            yes("/campaign/{id}/publisher: list, get, approve, reject, beyond the guide", None, CAMPAIGN_PARTNERS)
        }
        (Operation::Team, Dialect::Current) => yes(
            "users: self, add (with a partner), update (documents of 2020), set-email; no call lists them",
            None,
            "api-docs.partnerize.com of 2026 (POST /user, PATCH /v3/brand/user); GitHub \
             PerformanceHorizonGroup/apidocs of 2020",
        ),
        (Operation::Team, Dialect::Guide) => yes(
            "users: list, get, add, update (get, merge, PUT), deactivate, remove, self; its list is filtered here, and \
             read again and again to watch it",
            None,
            "seed 001 § Core endpoints",
        ),
        (Operation::Scim, _) => Support::Unsupported {
            why: "it has no SCIM endpoint and no connector of an identity provider; `users` does it by the API",
            source: "seed 001 § SCIM API status",
        },
        (Operation::Partnerships | Operation::Groups, _) => Support::Unsupported {
            why: "the documents name users and publishers, no groups of them",
            source: NOT_IN_THE_DESCRIPTION,
        },
        (Operation::Customers, _) => Support::NotNeeded {
            why: "it has no customers: a conversion names its customer (`custref`)",
            source: "GitHub superbrave/partnerize-bundle; vendor's own mobile SDK (`customer_reference`)",
        },
        (Operation::Transactions, _) => {
            Support::Unsupported { why: "it has no transactions, only conversions", source: NOT_IN_THE_DESCRIPTION }
        }
        (Operation::Webhooks, Dialect::Current) => Support::Unsupported {
            why: "none for brands in the vendor's documents; the conversion report is read instead",
            source: NOT_IN_THE_DESCRIPTION,
        },
        (Operation::Webhooks, Dialect::Guide) => assumed(
            "conversion.approved, .rejected and .pending on a secret path, as the guide names them; the body is not \
             documented, so `conversion_id` or `conversion_reference` is assumed. Read back from the report",
            None,
            "seed 001 § Rate limits, pagination, and events (the names alone); the body is assumed",
        ),
    }
}

/// The commands that are not offered, in one dialect or in both.
pub(super) static LACKING: &[Lack] = &[
    Lack {
        noun: "users",
        verb: "list",
        why: "no call of the vendor's documents lists users; only dialect `guide` has it",
        source: NOT_IN_THE_DESCRIPTION,
    },
    Lack {
        noun: "users",
        verb: "get",
        why: "the documents read one's own user alone: `users self`; `guide` has it",
        source: OF_2020,
    },
    Lack {
        noun: "users",
        verb: "deactivate",
        why: "users have no status in the documents; only dialect `guide` has it",
        source: NOT_IN_THE_DESCRIPTION,
    },
    Lack {
        noun: "users",
        verb: "remove",
        why: "no call of the documents deletes a user; only dialect `guide` has it",
        source: NOT_IN_THE_DESCRIPTION,
    },
    Lack {
        noun: "users",
        verb: "set-email",
        why: "in dialect `guide` use `users update --email`",
        source: "seed 001 § Update user",
    },
    Lack {
        noun: "users",
        verb: "provision",
        why: "there is no SCIM; use `users add` from your own identity provider",
        source: "seed 001 § SCIM API status",
    },
    Lack {
        noun: "partners",
        verb: "add",
        why: "partners join the network themselves; invite them in the console",
        source: "api-docs.partnerize.com of 2026 (POST /user makes a partner with a user); the rest is assumed",
    },
    Lack {
        noun: "partners",
        verb: "remove",
        why: "no call deletes a partner: `partners reject`",
        source: CAMPAIGN_PARTNERS,
    },
    Lack {
        noun: "partners",
        verb: "update",
        why: "a partner's account belongs to the partner",
        source: "not documented: assumed",
    },
    Lack {
        noun: "groups",
        verb: "list",
        why: "partners have no groups in the calls that this key may use",
        source: NOT_IN_THE_DESCRIPTION,
    },
    Lack {
        noun: "customers",
        verb: "list",
        why: "it has no customers, only conversions: `commissions list`",
        source: NOT_IN_THE_DESCRIPTION,
    },
    Lack {
        noun: "transactions",
        verb: "list",
        why: "it has no transactions, only conversions: `commissions list`",
        source: NOT_IN_THE_DESCRIPTION,
    },
    Lack {
        noun: "payouts",
        verb: "list",
        why: "the vendor pays from its invoices: see `payment_status` in `commissions list`",
        source: REPORT,
    },
    Lack {
        noun: "webhooks",
        verb: "register",
        why: "no call registers a webhook; events come from partners' postbacks alone",
        source: NOT_IN_THE_DESCRIPTION,
    },
];
