//! What a vendor supports, as a table for people and programs (`trailmark vendors`). Every cell is an explicit answer. The
//! class of an operation says what may happen after an unknown outcome.

use serde::Serialize;

use crate::Dialect;

/// An operation at a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Deliver a signup.
    Signup,
    /// Deliver a lead.
    Lead,
    /// Deliver a sale.
    Sale,
    /// Deliver a refund.
    Refund,
    /// Confirm a delivery by reading it back.
    LookUp,
    /// Manage partners.
    Partners,
    /// List which partners belong to which group.
    Partnerships,
    /// Show groups of partners.
    Groups,
    /// Manage customers by hand.
    Customers,
    /// Manage transactions by hand.
    Transactions,
    /// Receive the vendor's webhooks.
    Webhooks,
    /// Manage the users of one's own account at the vendor.
    Team,
    /// Let an identity provider manage these users by SCIM (RFC 7644).
    Scim,
}

impl Operation {
    /// Every operation, in the order of the table's columns.
    pub const ALL: [Self; 13] = [
        Self::Signup,
        Self::Lead,
        Self::Sale,
        Self::Refund,
        Self::LookUp,
        Self::Partners,
        Self::Partnerships,
        Self::Groups,
        Self::Customers,
        Self::Transactions,
        Self::Webhooks,
        Self::Team,
        Self::Scim,
    ];

    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Lead => "lead",
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::LookUp => "look_up",
            Self::Partners => "partners",
            Self::Partnerships => "partnerships",
            Self::Groups => "groups",
            Self::Customers => "customers",
            Self::Transactions => "transactions",
            Self::Webhooks => "webhooks",
            Self::Team => "team",
            Self::Scim => "scim",
        }
    }
}

/// How a vendor keeps one effect from becoming two (design § 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The vendor accepts our idempotency key: send again.
    Keyed,
    /// No key and no look-up: after an unknown outcome an operator decides.
    Neither,
    /// No key, but searchable by our reference: look up after the settling time, then send again.
    Searchable,
    /// A unique natural key: a second creation fails, so send again and resolve "already exists" by a look-up.
    UniqueKey,
    /// The call replaces the existing data: send again.
    Upsert,
}

impl Class {
    /// Whether a request may be sent again while the outcome of the first is unknown.
    pub fn resends_blind(self) -> bool {
        match self {
            Self::Keyed | Self::UniqueKey | Self::Upsert => true,
            Self::Neither | Self::Searchable => false,
        }
    }

    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyed => "keyed",
            Self::Neither => "neither",
            Self::Searchable => "searchable",
            Self::UniqueKey => "unique key",
            Self::Upsert => "upsert",
        }
    }
}

/// One cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "support", rename_all = "snake_case")]
pub enum Support {
    /// Not needed: the vendor learns it in another way.
    NotNeeded {
        /// In which way.
        why: &'static str,
        /// As in [`Support::Yes`].
        source: &'static str,
    },
    /// The vendor does not support it.
    Unsupported {
        /// Why not.
        why: &'static str,
        /// As in [`Support::Yes`].
        source: &'static str,
    },
    /// Supported by this call.
    Yes {
        /// The call, in the vendor's words.
        how: &'static str,
        /// How the vendor keeps one effect from becoming two; absent for reading.
        class: Option<Class>,
        /// Who says so: a section of a seed, a page of the vendor, a client that does it.
        source: &'static str,
    },
    /// As [`Support::Yes`], but something is assumed that no document says.
    Assumed {
        /// The call, and what is assumed, after the word "assumed".
        how: &'static str,
        /// As in [`Support::Yes`].
        class: Option<Class>,
        /// As in [`Support::Yes`].
        source: &'static str,
    },
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// The vendor.
    pub vendor: &'static str,
    /// The dialect.
    pub dialect: Dialect,
    /// A cell per operation, in the order of [`Operation::ALL`].
    pub cells: Vec<(Operation, Support)>,
}

impl Capabilities {
    /// The answer for an operation.
    pub fn of(&self, operation: Operation) -> Support {
        let cell = self.cells.iter().find(|(op, _)| *op == operation);
        let none = Support::Unsupported { why: "not in the vendor's documents", source: "the vendor's documents" };
        cell.map_or(none, |(_, support)| *support)
    }
}
