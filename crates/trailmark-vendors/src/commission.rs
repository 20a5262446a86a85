//! The partner's commission for one delivery, as the vendor reports it on request. A commission is always read from the
//! vendor; a webhook only says when to ask ([`crate::webhook`]), since not every vendor signs its webhooks. A question may
//! take several requests until an answer settles the [`Standing`]. The proxy's `commissions` decides when to ask.

use serde::{Deserialize, Serialize};
use trailmark_wire::money::Money;
use trailmark_wire::time::UnixMillis;

use crate::task::Task;

/// The state of a commission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Commission {
    /// Granted by the vendor, not paid yet.
    Approved,
    /// Paid to the partner.
    Paid,
    /// Known to the vendor, not decided yet.
    Pending,
    /// Refused by the vendor or the company.
    Rejected,
    /// The vendor was not asked yet, shows no commission, or cannot say.
    #[default]
    Unknown,
}

impl Commission {
    /// Every word, in the order of a commission's life.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Pending, Self::Approved, Self::Paid, Self::Rejected];

    /// The word in SQL, JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Paid => "paid",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }

    /// Whether no change is expected unless the vendor reports one.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Paid | Self::Rejected)
    }
}

/// A recorded delivery and what identifies its commission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// The delivered task.
    pub task: Task,
    /// The vendor's own key of what it created.
    pub reference: Option<String>,
    /// Of a sale: the vendor's own key from its newest recorded refund. At a vendor where a refund replaces the sale's
    /// transaction, it is the key of what is left.
    pub refund_reference: Option<String>,
}

/// What an answer says about a commission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The credential is wrong: the lane pauses.
    AuthFailed,
    /// The commission has this state.
    Is {
        /// The state.
        commission: Commission,
        /// The reason, if the state alone does not say.
        reason: Option<String>,
        /// The amount, if the vendor says; negative if a refund takes it back.
        amount: Option<Money>,
    },
    /// No clear answer: ask again later.
    NotNow {
        /// What happened.
        message: String,
        /// Not before this time, if the vendor named one.
        not_before: Option<UnixMillis>,
    },
}
