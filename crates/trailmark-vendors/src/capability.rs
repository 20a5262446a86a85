//! What a vendor can do, as a table that people and programs read (`trailmark vendors`). Every cell is an explicit answer;
//! silence is not one. The class of an operation says what may happen after an unknown outcome.

use serde::Serialize;

use crate::Dialect;

/// What may be asked of a vendor.
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
    /// Manage partners or users.
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
}

impl Operation {
    /// Every operation, in the order of the table's columns.
    pub const ALL: [Self; 11] = [
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
        }
    }
}

/// How a vendor tells one effect from two (design § 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The vendor honours an idempotency key of ours: send again.
    Keyed,
    /// Neither key nor look-up: after an unknown outcome an operator decides.
    Neither,
    /// No key, but searchable by our reference: look up after the settling time, then send again.
    Searchable,
    /// A unique natural key: a second creation fails, so send again and resolve the "already exists" by look-up.
    UniqueKey,
    /// The call replaces what is there: send again.
    Upsert,
}

impl Class {
    /// Whether a request may be sent again although nobody knows what became of the first.
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
    /// The vendor has no use for it: what it would tell arrives by another way.
    NotNeeded {
        /// Which way.
        why: &'static str,
    },
    /// The vendor can; a later version of Trailmark will.
    NotYet {
        /// Which call it will be, in the vendor's words.
        how: &'static str,
        /// How it tells one effect from two; absent for reading, and where the vendor's documents leave it open.
        class: Option<Class>,
    },
    /// The vendor cannot.
    Unsupported {
        /// Why not.
        why: &'static str,
    },
    /// Done by this call.
    Yes {
        /// Which call, in the vendor's words.
        how: &'static str,
        /// How it tells one effect from two; absent for reading.
        class: Option<Class>,
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
        cell.map_or(Support::Unsupported { why: "not in the vendor's documents" }, |(_, support)| *support)
    }
}
