//! What Partnero supports, cell by cell, and the commands that it cannot serve. This file only describes it; `mod.rs`
//! decides which call a task becomes. Both dialects make the same calls, since the guide is the vendor's own page.

use super::NAME;
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::command::Lack;

pub(super) const NO_LEADS: &str = "its leads are deals that a partner submits, under an id of the vendor and no key of ours; a signup reports a customer";

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let cells = Operation::ALL.map(|operation| (operation, support(operation))).to_vec();
    Capabilities { vendor: NAME, dialect, cells }
}

fn support(operation: Operation) -> Support {
    match operation {
        Operation::Lead => Support::Unsupported { why: NO_LEADS },
        Operation::Signup => Support::Yes {
            how: "POST /v1/customers with the partner's key; a key that exists is refused with 422",
            class: Some(Class::UniqueKey),
        },
        Operation::Sale => Support::Yes {
            how: "POST /v1/transactions under the order's key, with at most two decimals (all samples have two; 1.234 KWD is \
                  inexact_amount); the same key again makes a second transaction, so never blind",
            class: Some(Class::Searchable),
        },
        // The class of a replacement, the stricter of the two.
        Operation::Refund => Support::Yes {
            how: "DELETE /v1/transactions/{key} for all of a sale, else DELETE and POST with the amount that is left, under the \
                  same key; the vendor documents no partial refund, and does not say whether a deleted key is free",
            class: Some(Class::Searchable),
        },
        Operation::LookUp => Support::Yes {
            how: "GET /v1/customers/{key}, then GET /v1/partners/{id}, since customers show their partner's id alone; GET \
                  /v1/transactions?key=, to the end of the list. 404 proves little: the vendor promises only `message`",
            class: None,
        },
        Operation::Partners => Support::Yes {
            how: "/v1/partners: list, get, add, invite, update, archive, restore (revoke-archive), remove; GET /v1/partner \
                  finds by key and e-mail address (vendor's clients, not its reference)",
            class: None,
        },
        Operation::Partnerships | Operation::Groups => {
            Support::Unsupported { why: "the vendor's documents name no call for groups of partners" }
        }
        Operation::Customers => {
            Support::Yes { how: "/v1/customers: list, get, add, update, archive, restore, remove", class: None }
        }
        Operation::Transactions => Support::Yes {
            how: "/v1/transactions: list, get, add, batch, archive, restore, remove; whether a batch is all or nothing is not \
                  documented",
            class: None,
        },
        Operation::Webhooks => Support::Yes {
            how: "Signature: hex HMAC-SHA256 of the raw body under the webhook's secret, read back by GET /v1/transactions; \
                  rewards show only the status `ok`, which counts as approved",
            class: None,
        },
        Operation::Team => Support::Unsupported {
            why: "no call of the vendor's documents shows or changes your own team; manage it in the dashboard",
        },
        Operation::Scim => Support::Unsupported { why: "none in the vendor's documents" },
    }
}

/// The commands that Partnero cannot serve.
pub(super) static LACKING: &[Lack] = &[
    Lack {
        noun: "groups",
        verb: "list",
        why: "the vendor's documents name no groups of partners; tag partners with `partners update --tag`",
    },
    Lack {
        noun: "members",
        verb: "list",
        why: "a partner at Partnero is one person; the company's own team is managed in the dashboard alone",
    },
    Lack { noun: "leads", verb: "add", why: NO_LEADS },
    Lack {
        noun: "payouts",
        verb: "list",
        why: "no document of ours gives the fields of payout requests; see them in the dashboard",
    },
    Lack { noun: "commissions", verb: "list", why: "rewards stand inside their transaction: `transactions get`" },
    Lack {
        noun: "transactions",
        verb: "update",
        why: "the vendor documents no change of a transaction; remove it and add it again",
    },
];
