//! What the proxy asks an adapter to deliver: one conversion for one program, with its credited touch. The proxy's delivery
//! builds it from the ledger; [`crate::Delivery::plan`] reads it.

use std::fmt;

use serde::{Deserialize, Serialize};
use trailmark_wire::conversion::{Customer, Item, Kind, Order};
use trailmark_wire::ids::{ClickId, ConversionId, OrderKey, PartnerKey, ProgramId, SiteId};
use trailmark_wire::money::Currency;
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

use crate::capability::Class;
use crate::exchange::{Call, Step};
use crate::outcome::Outcome;

/// One conversion for one program. Contains personal data; `Debug` shows none, not even the customer's key, which many
/// companies make from the e-mail address.
#[derive(Clone, PartialEq, Eq)]
pub struct Task {
    /// Whose conversion it is. Several sites may have one account at a vendor.
    pub site: SiteId,
    /// The program. Several programs of a site may have one account, too.
    pub program: ProgramId,
    /// The ledger's id of the conversion.
    pub conversion: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// When it happened.
    pub occurred_at: UnixMillis,
    /// The customer.
    pub customer: Option<Customer>,
    /// The order of a sale, or the refund itself.
    pub order: Option<Order>,
    /// The sale that a refund belongs to.
    pub refund_of: Option<OrderKey>,
    /// That sale, if the ledger has it in this program.
    pub sale: Option<EarlierSale>,
    /// The vendor's own key of the customer, from the signup in this program.
    pub customer_reference: Option<String>,
    /// The credited touch's click id, raw.
    pub click_id: Option<ClickId>,
    /// The credited touch's partner key, decoded.
    pub partner: Option<PartnerKey>,
    /// The conversion's `data`.
    pub data: TextMap,
    /// The vendor's own reference of what an earlier send of this delivery did or began, if it gave one.
    pub reference: Option<String>,
    /// The first conversion of the same touch in this program of which a send took effect or may have; signups and leads come
    /// before sales and refunds.
    pub touch_used_by: Option<EarlierUse>,
    /// Whether the vendor did nothing with any send of this delivery: there was none, or each was refused or put off; "already
    /// exists" is a refusal, too. Then whatever a look-up finds came from elsewhere; it counts as ours only if the vendor
    /// credits this partner.
    pub is_unsent: bool,
    /// Whether an earlier send of this delivery may have taken effect. A plan asks for this: an answer such as "already
    /// exists" to an earlier send is no effect of it.
    pub may_have_acted: bool,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("conversion", &self.conversion).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Task {
    /// What a message must not repeat: the customer's key, address and name, of the name also its words, the click id and `data`.
    pub fn personal(&self) -> impl Iterator<Item = &str> {
        let customer = self.customer.iter().flat_map(|customer| {
            let name = customer.name.as_deref();
            let words = name.into_iter().flat_map(str::split_whitespace);
            [Some(customer.key.as_str()), customer.email.as_deref(), name].into_iter().flatten().chain(words)
        });
        customer.chain(self.click_id.iter().map(ClickId::as_str)).chain(self.data.values())
    }
}

/// A conversion that has used up what may be used once of a touch, such as a click token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierUse {
    /// Its id in the ledger.
    pub conversion: ConversionId,
    /// What it was.
    pub kind: Kind,
}

/// An earlier sale in the same program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierSale {
    /// When it happened.
    pub occurred_at: UnixMillis,
    /// Minor units of `currency`.
    pub amount_minor: i64,
    /// Minor units that recorded refunds have given back already, other than this one; 0 or more.
    pub refunded_minor: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// Its lines; none once its payload was expunged.
    pub items: Vec<Item>,
    /// The vendor's own key of the transaction.
    pub reference: Option<String>,
    /// The vendor's own key from the newest recorded refund other than this one, as in
    /// [`crate::commission::Earned::refund_reference`].
    pub refund_reference: Option<String>,
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
    /// Its path in the wire's words, such as `customer.email`.
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
    /// Nothing to send: the vendor learns it in another way.
    NotNeeded {
        /// In which way.
        why: &'static str,
    },
    /// Send this request.
    Send {
        /// The request, and what its answer came to: by status first, by body second. Where the vendor needs several
        /// requests, such as a deletion before a creation, an answer leads to the next one; the plan of a repeat must
        /// reach the same end from wherever the first try stopped.
        call: Call<Step<Outcome>>,
        /// What may happen after an unknown outcome.
        class: Class,
        /// The setting of the credential in the request, such as `tracking_token`; empty if it carries none. If the vendor
        /// refuses it, everything that uses it pauses.
        credential: &'static str,
        /// The parts that were cut or left out because the vendor does not accept them.
        notes: Vec<Note>,
    },
    /// Nothing to send: the vendor does not support it.
    Unsupported {
        /// Why not.
        why: &'static str,
    },
}

/// A part of a conversion that was changed because the vendor does not accept it as reported. Stored with the delivery and
/// shown to operators; contains no value.
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

/// The vendor cannot represent the conversion; names the field and the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    /// For example ``missing `customer.email`: PartnerStack needs it where no click id is known``.
    pub reason: String,
}
