//! What the proxy asks an adapter to deliver: one conversion for one program, with the touch that it is credited to. Built
//! by the proxy's delivery from the ledger; read by [`crate::Delivery::plan`].

use std::fmt;

use serde::{Deserialize, Serialize};
use trailmark_wire::conversion::{Customer, Kind, Order};
use trailmark_wire::ids::{ClickId, ConversionId, OrderKey, PartnerKey};
use trailmark_wire::money::Currency;
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

use crate::capability::Class;
use crate::exchange::Call;
use crate::outcome::Outcome;

/// One conversion for one program. Holds personal data; `Debug` shows none, not even the customer's key, which many
/// companies make from the address.
#[derive(Clone, PartialEq, Eq)]
pub struct Task {
    /// The ledger's id of the conversion.
    pub conversion: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// When.
    pub occurred_at: UnixMillis,
    /// The customer.
    pub customer: Option<Customer>,
    /// The order of a sale, or the refund itself.
    pub order: Option<Order>,
    /// The sale that a refund belongs to.
    pub refund_of: Option<OrderKey>,
    /// That sale, where the ledger holds one in this program.
    pub sale: Option<EarlierSale>,
    /// The vendor's own key of the customer, as the signup in this program brought it.
    pub customer_reference: Option<String>,
    /// The credited touch's click id, raw.
    pub click_id: Option<ClickId>,
    /// The credited touch's partner key, decoded.
    pub partner: Option<PartnerKey>,
    /// Free text for the vendor.
    pub data: TextMap,
    /// Whether nothing of it was sent yet. What a look-up finds then came from elsewhere, and is ours only where the vendor
    /// credits this partner.
    pub is_unsent: bool,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("conversion", &self.conversion).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A sale of the same program that came earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierSale {
    /// When it happened.
    pub occurred_at: UnixMillis,
    /// Minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// The vendor's own key of what it made of it.
    pub reference: Option<String>,
}

/// A field that a conversion may lack and a vendor may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The customer's e-mail address.
    Email,
    /// The customer's name.
    Name,
}

impl Field {
    /// Its path in the wire's words.
    pub fn path(self) -> &'static str {
        match self {
            Self::Email => "customer.email",
            Self::Name => "customer.name",
        }
    }

    /// Whether a customer lacks it.
    pub fn is_absent(self, customer: &Customer) -> bool {
        match self {
            Self::Email => customer.email.is_none(),
            Self::Name => customer.name.is_none(),
        }
    }
}

/// What to do for a task.
#[derive(Debug)]
pub enum Plan {
    /// Nothing: the vendor learns it by another way.
    NotNeeded {
        /// Which way.
        why: &'static str,
    },
    /// Send this.
    Send {
        /// The request, and what its answer came to: by status first, by body second.
        call: Call<Outcome>,
        /// What may happen after an unknown outcome.
        class: Class,
        /// The setting of the credential that the request carries, such as `tracking_token`. A refusal of it pauses what uses the same.
        credential: &'static str,
        /// What the vendor does not take and is therefore cut or left out.
        notes: Vec<Note>,
    },
    /// Nothing: the vendor cannot.
    Unsupported {
        /// Why not.
        why: &'static str,
    },
}

/// A part of a conversion that was not sent as it was reported, because the vendor does not take it. Kept on the delivery and shown to
/// operators; holds no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The field in the conversion, such as `customer.name` or `data.plan`.
    pub field: String,
    /// What was done and why, such as `cut to 100 characters, the most that PartnerStack takes`.
    pub reason: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was {}", self.field, self.reason)
    }
}

/// The conversion cannot be said in this vendor's words; names the field and the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    /// Such as ``missing `customer.email`: PartnerStack needs it where no click id is known``.
    pub reason: String,
}
