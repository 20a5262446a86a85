//! What PartnerStack supports, cell by cell, in both dialects. This file only describes it; `mod.rs` decides which
//! call a task becomes.

use super::NAME;
use crate::Dialect;
use crate::capability::{Capabilities, Class, Operation, Support};

const TEAM: &str = "no call invites, changes or removes users of your own team (seed 000); do it in PartnerStack";
const SCIM: &str = "it has no SCIM endpoint and no connector of an identity provider (seed 000)";

/// The capability table.
pub(super) fn capabilities(dialect: Dialect) -> Capabilities {
    let cell = match dialect {
        Dialect::Current => current,
        Dialect::Guide => guide,
    };
    Capabilities { vendor: NAME, dialect, cells: Operation::ALL.map(|operation| (operation, cell(operation))).to_vec() }
}

fn current(operation: Operation) -> Support {
    match operation {
        // Neither call promises that a repeat has no second effect: the code of a taken key is not documented.
        Operation::Signup => Support::Yes {
            how: "POST conversion/xid with a click id and a tracking token, else POST /v2/customers",
            class: Some(Class::Searchable),
        },
        // No call reads an action back by anything that we send (vendors.md § 1.2).
        Operation::Lead => {
            Support::Yes { how: "POST /v2/actions on the customer, once it is recorded", class: Some(Class::Neither) }
        }
        Operation::Sale => Support::Yes {
            how: "POST /v2/transactions with the order's key, in cents (assumed: hundredths whatever the currency), \
                  once the customer is recorded",
            class: Some(Class::Searchable),
        },
        // The class of a negative transaction, the stricter of the two.
        Operation::Refund => Support::Yes {
            how: "DELETE /v2/transactions/{key} for all of a sale, else a negative transaction with the refund's key, \
                  in cents (assumed: hundredths whatever the currency)",
            class: Some(Class::Searchable),
        },
        Operation::LookUp => Support::Yes {
            how: "GET /v2/customers/{customer_key}; GET /v2/transactions since the sale, by our key",
            class: None,
        },
        Operation::Partners => Support::Yes {
            how: "/v2/partnerships: list, get, add, update (key, group), remove; no invite, whose body is not documented",
            class: None,
        },
        Operation::Partnerships => {
            Support::Yes { how: "GET /v2/partnerships: list, get; Trailmark filters by group", class: None }
        }
        Operation::Groups => Support::Yes { how: "GET /v2/groups: list; no call reads a single group", class: None },
        Operation::Customers => {
            Support::Yes { how: "/v2/customers: list, get, POST, PATCH, DELETE; an added key must be new", class: None }
        }
        Operation::Transactions => Support::Yes {
            how: "/v2/transactions: list, POST with a key, DELETE; no call reads or changes a single one",
            class: None,
        },
        Operation::Webhooks => Support::Yes {
            how: "partnership.* and customer_* events on a secret path, read back by GET /v2/rewards and customers",
            class: None,
        },
        Operation::Team => Support::Unsupported { why: TEAM },
        Operation::Scim => Support::Unsupported { why: SCIM },
    }
}

fn guide(operation: Operation) -> Support {
    match operation {
        Operation::Signup => Support::Yes {
            how: "POST /customers with the partner's key; a key that exists is an error",
            class: Some(Class::UniqueKey),
        },
        Operation::Lead => {
            Support::Yes { how: "POST /actions on the customer, beyond the guide", class: Some(Class::Neither) }
        }
        // The guide's transaction has nothing of ours but the customer, and two sales of one customer may be equal.
        Operation::Sale => Support::Yes {
            how: "POST /transactions with customer_key, currency and amount in cents (assumed: hundredths whatever the \
                  currency)",
            class: Some(Class::Neither),
        },
        // The class of a negative transaction, the stricter of the two.
        Operation::Refund => Support::Yes {
            how: "DELETE /transactions/{key} for all of a sale, else a negative transaction, beyond the guide, in \
                  cents (assumed: hundredths whatever the currency)",
            class: Some(Class::Neither),
        },
        Operation::LookUp => Support::Yes {
            how: "GET /customers/{customer_key}, beyond the guide; transactions cannot be told apart",
            class: None,
        },
        Operation::Partners => Support::Yes {
            how: "GET /partners: list, get; add, update (key, group), remove beyond the guide; no invite",
            class: None,
        },
        Operation::Partnerships => {
            Support::Yes { how: "GET /partnerships: list, by group_key too; get beyond the guide", class: None }
        }
        Operation::Groups => Support::Yes { how: "GET /groups/{group_key}; list beyond the guide", class: None },
        Operation::Customers => {
            Support::Yes { how: "GET /customers: list; POST, PUT; get and DELETE beyond the guide", class: None }
        }
        Operation::Transactions => Support::Yes {
            how: "POST /transactions without a key of ours; list and DELETE beyond the guide",
            class: None,
        },
        Operation::Webhooks => Support::Yes {
            how: "partner.*, customer.*, transaction.* and reward.created, read back by GET /rewards, beyond the guide",
            class: None,
        },
        Operation::Team => Support::Unsupported { why: TEAM },
        Operation::Scim => Support::Unsupported { why: SCIM },
    }
}
