//! What became of the partner's commission for one delivery, as the vendor tells it when it is asked. Commissions are read,
//! never announced: a webhook only says that asking is worth it ([`crate::webhook`]), since not every vendor signs what it
//! sends. An adapter's question may take several requests until an answer settles it ([`Standing`]); when to ask is decided
//! by the proxy's `commissions`.

use serde::{Deserialize, Serialize};
use trailmark_wire::money::Money;
use trailmark_wire::time::UnixMillis;

use crate::task::Task;

/// How a commission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Commission {
    /// The vendor grants it; not paid out yet.
    Approved,
    /// The partner has the money.
    Paid,
    /// The vendor knows of it and has not decided.
    Pending,
    /// The vendor or the company refused it.
    Rejected,
    /// The vendor was not asked yet, shows none, or cannot tell.
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

    /// Whether nothing more is expected without news from the vendor.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Paid | Self::Rejected)
    }
}

/// A recorded delivery whose commission is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// What was delivered.
    pub task: Task,
    /// The vendor's own key of what it made of it.
    pub reference: Option<String>,
}

/// What an answer says about a commission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The credential is wrong: the lane pauses.
    AuthFailed,
    /// It stands so.
    Is {
        /// How.
        commission: Commission,
        /// What that rests on, where the word alone does not say.
        reason: Option<String>,
        /// How much it is, where the vendor tells; negative for what a refund takes back.
        amount: Option<Money>,
    },
    /// No clear answer: ask again later.
    NotNow {
        /// What happened.
        message: String,
        /// Not before this point, when the vendor said so.
        not_before: Option<UnixMillis>,
    },
}
