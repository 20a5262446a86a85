//! What Partnero supports, cell by cell, and the commands that it cannot serve. This file only describes it; `mod.rs`
//! decides which call a task becomes. Both dialects make the same calls, since the guide is the vendor's own page.

use super::NAME;
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::command::Lack;

pub(super) const NO_LEADS: &str = "its leads are deals that a partner submits, under an id of the vendor and no key of ours; a signup reports a customer";

pub(super) const CUSTOMERS: &str = "docs.partnero.com (customers)";
pub(super) const TRANSACTIONS: &str = "docs.partnero.com (transactions)";
pub(super) const PARTNERS: &str = "docs.partnero.com (partners)";
pub(super) const WEBHOOKS: &str = "docs.partnero.com (webhooks)";
const LEADS: &str = "GitHub partnero/n8n-nodes-partnero (leads: create, convert, reject)";
const NOT_IN_THE_REFERENCE: &str = "docs.partnero.com: no such call found";

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let cells = Operation::ALL.map(|operation| (operation, support(operation))).to_vec();
    Capabilities { vendor: NAME, dialect, cells }
}

fn support(operation: Operation) -> Support {
    match operation {
        Operation::Lead => Support::Unsupported { why: NO_LEADS, source: LEADS },
        Operation::Signup => Support::Yes {
            how: "POST /v1/customers with the partner's key; a key that exists is refused with 422",
            class: Some(Class::UniqueKey),
            source: CUSTOMERS,
        },
        Operation::Sale => Support::Assumed {
            how: "POST /v1/transactions under the order's key, with at most two decimals (assumed: all samples have two; 1.234 \
                  KWD is inexact_amount); the same key again makes a second transaction, so never blind",
            class: Some(Class::Searchable),
            source: "docs.partnero.com (transactions); the second transaction: GitHub partnero/n8n-nodes-partnero",
        },
        // The class of a replacement, the stricter of the two.
        Operation::Refund => Support::Assumed {
            how: "DELETE /v1/transactions/{key} for all of a sale, else DELETE and POST with the amount that is left, under the \
                  same key; the vendor documents no partial refund. Assumed: a deleted key is free",
            class: Some(Class::Searchable),
            source: "docs.partnero.com (transactions: delete, create); the rest is not documented: assumed",
        },
        Operation::LookUp => Support::Yes {
            how: "GET /v1/customers/{key}, then GET /v1/partners/{id}, since customers show their partner's id alone; GET \
                  /v1/transactions?key=, to the end of the list. 404 proves little: the vendor promises only `message`",
            class: None,
            source: "docs.partnero.com (introduction, customers, partners, transactions)",
        },
        Operation::Partners => Support::Yes {
            how: "/v1/partners: list, get, add, invite, update, archive, restore (revoke-archive), remove; GET /v1/partner \
                  finds by key and e-mail address (vendor's clients, not its reference)",
            class: None,
            source: "seed 004; docs.partnero.com (partners); GitHub partnero/n8n-nodes-partnero, partnero/partnero-php",
        },
        Operation::Partnerships | Operation::Groups => Support::Unsupported {
            why: "the vendor's documents name no call for groups of partners",
            source: NOT_IN_THE_REFERENCE,
        },
        Operation::Customers => Support::Yes {
            how: "/v1/customers: list, get, add, update, archive, restore, remove",
            class: None,
            source: CUSTOMERS,
        },
        Operation::Transactions => Support::Yes {
            how: "/v1/transactions: list, get, add, batch, archive, restore, remove; whether a batch is all or nothing is not \
                  documented",
            class: None,
            source: TRANSACTIONS,
        },
        Operation::Webhooks => Support::Assumed {
            how: "Signature: hex HMAC-SHA256 of the raw body under the webhook's secret, read back by GET /v1/transactions; \
                  rewards show only the status `ok`, assumed to mean approved",
            class: None,
            source: "docs.partnero.com (webhooks, transactions); what `ok` means is not documented: assumed",
        },
        Operation::Team => Support::Unsupported {
            why: "no call of the vendor's documents shows or changes your own team; manage it in the dashboard",
            source: NOT_IN_THE_REFERENCE,
        },
        Operation::Scim => Support::Unsupported { why: "none in the vendor's documents", source: NOT_IN_THE_REFERENCE },
    }
}

/// The commands that Partnero cannot serve.
pub(super) static LACKING: &[Lack] = &[
    Lack {
        noun: "groups",
        verb: "list",
        why: "the vendor's documents name no groups of partners; tag partners with `partners update --tag`",
        source: NOT_IN_THE_REFERENCE,
    },
    Lack {
        noun: "members",
        verb: "list",
        why: "a partner at Partnero is one person; the company's own team is managed in the dashboard alone",
        source: NOT_IN_THE_REFERENCE,
    },
    Lack { noun: "leads", verb: "add", why: NO_LEADS, source: LEADS },
    Lack {
        noun: "payouts",
        verb: "list",
        why: "no document of ours gives the fields of payout requests; see them in the dashboard",
        source: "GitHub partnero/n8n-nodes-partnero (payout requests, without their fields)",
    },
    Lack {
        noun: "commissions",
        verb: "list",
        why: "rewards stand inside their transaction: `transactions get`",
        source: TRANSACTIONS,
    },
    Lack {
        noun: "transactions",
        verb: "update",
        why: "the vendor documents no change of a transaction; remove it and add it again",
        source: TRANSACTIONS,
    },
];
