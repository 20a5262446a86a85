//! What Introw supports, cell by cell, in both dialects, and which commands it cannot serve. This file only describes it;
//! `mod.rs` decides which call a task becomes. What our documents leave open stands in the cells.
//!
//! Source: vendors-2.md §§ 2 and 6.

use super::NAME;
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::command::{Lack, lack};

pub(super) const CONVERSIONS: &str = "developers.introw.io, 2026-05-20 (record an affiliate conversion)";
pub(super) const LINES: &str = "developers.introw.io, 2026-05-20 (commission lines)";
pub(super) const KEYED_LINES: &str =
    "developers.introw.io, 2026-05-20 (commission lines); idempotencyKey: docs.introw.io of September 2026 alone";
pub(super) const PARTNERS: &str = "developers.introw.io, 2026-05-20 (partners)";
pub(super) const PARTNERS_LISTED: &str = "seed 003 § List partners";
pub(super) const PAYOUTS: &str = "developers.introw.io, 2026-05-20 (payouts)";
pub(super) const SESSIONS: &str = "developers.introw.io, 2026-05-20 (portal sessions)";
const PAYOUTS_NAMED: &str = "docs.introw.io of September 2026 (payouts)";
const NOT_IN_THE_DOCUMENTS: &str = "developers.introw.io, 2026-05-20, and docs.introw.io: no such call found";

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let cells = Operation::ALL.map(|operation| (operation, support(operation, dialect)));
    Capabilities { vendor: NAME, dialect, cells: cells.to_vec() }
}

fn support(operation: Operation, dialect: Dialect) -> Support {
    match (operation, dialect) {
        // A repeat is answered by `duplicate`, and a token converts once.
        (Operation::Signup | Operation::Lead, Dialect::Current) => Support::Yes {
            how: "POST /api/v1/affiliate/conversions: once per click token, ever; it has no money, and `ignored` credits \
                  nobody",
            class: Some(Class::UniqueKey),
            source: CONVERSIONS,
        },
        (Operation::Signup | Operation::Lead, Dialect::Guide) => Support::Yes {
            how: "POST /api/v1/affiliate/conversions, beyond the guide: once per click token, ever; it has no money",
            class: Some(Class::UniqueKey),
            source: CONVERSIONS,
        },
        (Operation::Sale, Dialect::Current) => Support::Assumed {
            how: "POST /api/v1/commission-lines: commission_percent of the order, exact, for the partner that a \
                  parameter of `params` names, under our idempotencyKey; without a partner the touch's first sale \
                  converts its click token. Assumed: an amount has the decimals of its currency, and a key may have \
                  328 characters; whether a repeated key counts is not known, so a line is looked up before it is sent \
                  again",
            class: Some(Class::Searchable),
            source: KEYED_LINES,
        },
        (Operation::Sale, Dialect::Guide) => Support::Assumed {
            how: "POST /api/v1/commission-lines, beyond the guide: commission_percent of the order, for the partner \
                  that a parameter of `params` names; without a partner the touch's first sale converts its click \
                  token. Assumed: an amount has the decimals of its currency, and a key may have 328 characters; whether \
                  a repeated key counts is not known, so a line is looked up before it is sent again",
            class: Some(Class::Searchable),
            source: KEYED_LINES,
        },
        (Operation::Refund, Dialect::Current) => Support::Assumed {
            how: "GET /api/v1/commission-lines/{id} of the sale, then POST: a negative line of the same share; none for a \
                  sale that was a conversion, or whose line is void. Assumed: as for a sale; a line may be negative",
            class: Some(Class::Searchable),
            source: "developers.introw.io, 2026-05-20 (commission lines: `amount` is any but zero)",
        },
        (Operation::Refund, Dialect::Guide) => Support::Assumed {
            how: "GET /api/v1/commission-lines/{id} of the sale, then POST, beyond the guide: a negative line; none for a \
                  sale that was a conversion, or whose line is void. Assumed: as for a sale; a line may be negative",
            class: Some(Class::Searchable),
            source: "developers.introw.io, 2026-05-20 (commission lines: `amount` is any but zero)",
        },
        (Operation::LookUp, _) => Support::Assumed {
            how: "GET /api/v1/commission-lines of the partner, by the order in `description`; no call reads a \
                  conversion, whose repeat is answered by `duplicate`. Assumed for commissions: beside `PENDING`, the \
                  words of a line's status are plain English; any other word is `unknown`",
            class: None,
            source: "developers.introw.io, 2026-05-20 (commission lines, record an affiliate conversion)",
        },
        (Operation::Partners, Dialect::Current) => Support::Yes {
            how: "/api/v1/partners: list, get, add (creates or updates), update; no remove; users are not in the API",
            class: None,
            source: PARTNERS,
        },
        (Operation::Partners, Dialect::Guide) => Support::Yes {
            how: "GET /api/v1/partners: list; get, add and update beyond the guide",
            class: None,
            source: "seed 003 § List partners; developers.introw.io, 2026-05-20 (partners)",
        },
        (Operation::Partnerships | Operation::Groups, _) => Support::Unsupported {
            why: "the vendor's documents have tiers as a field of a partner, and no call for them",
            source: NOT_IN_THE_DOCUMENTS,
        },
        (Operation::Customers, _) => Support::Unsupported {
            why: "it has no customers, only conversions of a click token: `conversions add`",
            source: NOT_IN_THE_DOCUMENTS,
        },
        (Operation::Transactions, _) => Support::Unsupported {
            why: "it has no transactions; commission lines carry the money: `commissions` and `payouts`. No document \
                  names field and words of a decline's reason, so you name them; whether a payout has a `note` is not \
                  known, so none is sent",
            source: NOT_IN_THE_DOCUMENTS,
        },
        (Operation::Webhooks, _) => Support::Unsupported {
            why: "none in the vendor's documents; commission lines and payouts are read instead",
            source: NOT_IN_THE_DOCUMENTS,
        },
        (Operation::Team, _) => Support::Unsupported {
            why: "no call shows or changes your own users; manage them in Introw",
            source: NOT_IN_THE_DOCUMENTS,
        },
        (Operation::Scim, _) => {
            Support::Unsupported { why: "none in the vendor's documents", source: NOT_IN_THE_DOCUMENTS }
        }
    }
}

/// The commands that it does not offer.
pub(super) static LACKING: &[Lack] = &[
    lack(
        "partners",
        "remove",
        "no call removes a partner, and `status` is read-only; archive the partner in Introw",
        PARTNERS,
    ),
    lack(
        "partners",
        "invite",
        "no call invites a partner's people; invite them in Introw, or make a portal session",
        NOT_IN_THE_DOCUMENTS,
    ),
    lack("users", "list", "no call shows your own users; manage them in Introw", NOT_IN_THE_DOCUMENTS),
    lack("groups", "list", "tiers are a field of a partner, and no call lists them; see them in Introw", PARTNERS),
    lack(
        "customers",
        "add",
        "Introw has no customers; convert a click token by `conversions add`",
        NOT_IN_THE_DOCUMENTS,
    ),
    lack(
        "transactions",
        "add",
        "Introw has no transactions; enter what a partner earns by `commissions add`",
        NOT_IN_THE_DOCUMENTS,
    ),
    lack(
        "conversions",
        "list",
        "no call reads conversions; see them in Introw, under the campaign",
        NOT_IN_THE_DOCUMENTS,
    ),
    lack("commissions", "remove", "no call removes a commission line; decline it, or detach it from its payout", LINES),
    lack(
        "payouts",
        "add",
        "our documents name the calls for payouts and batches, not their bodies; create them in Introw",
        PAYOUTS_NAMED,
    ),
    lack(
        "payouts",
        "statement",
        "our documents name the call for a statement, not its answer; get the PDF in Introw",
        PAYOUTS_NAMED,
    ),
    lack(
        "forms",
        "get",
        "our documents name the calls for forms, not their answers; see the ids of form fields in Introw",
        "docs.introw.io of September 2026 (forms)",
    ),
    lack(
        "links",
        "redirect",
        "GET /api/v1/affiliate/legacy-redirect needs no key; let your web server send old links to it",
        "docs.introw.io of September 2026 (legacy redirect)",
    ),
    lack(
        "webhooks",
        "register",
        "the vendor sends none; Trailmark reads commission lines and payouts from time to time",
        NOT_IN_THE_DOCUMENTS,
    ),
];
