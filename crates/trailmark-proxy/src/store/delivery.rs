//! The outbox's half of the ledger: leases, attempts, lanes. Every transition is guarded by the lease id under which it was
//! decided; the decisions themselves are pure and stand in `outbox.rs`.

use std::fmt;

/// What delivery asks of a ledger.
pub trait DeliveryStore: fmt::Debug + Send + Sync {}
