//! The receipt: the proxy's answer to a conversion, given only after the ledger has committed it. Refusals, which commit
//! nothing, are in [`crate::refusal`].

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{ConversionId, PartnerKey, ProgramId};
use crate::repair::Warning;

/// The result of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Recorded, attributed, and on its way to the vendor.
    Accepted,
    /// Another conversion has the business key.
    Duplicate,
    /// Recorded; nothing is sent until a server or an operator confirms it.
    Held,
    /// Recorded; no partner is credited.
    Unattributed,
    /// Recorded and refused by an operator or by every vendor.
    Rejected,
}

/// One credited program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credited {
    /// The program.
    pub program: ProgramId,
    /// Its partner; absent if only a click id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
}

/// One delivery that the conversion caused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryNote {
    /// The program.
    pub program: ProgramId,
    /// The delivery's state when the receipt was written, such as `due`.
    pub state: String,
}

/// The answer: 202 for a new conversion, 200 for a repeat or a duplicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The ledger's id of the conversion.
    pub conversion_id: ConversionId,
    /// What became of it.
    pub status: Status,
    /// Why, if the status alone does not say: a stable word such as `no_touch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The credited programs; empty if unattributed or a duplicate, which credits nobody.
    #[serde(default)]
    pub attribution: Vec<Credited>,
    /// The deliveries; empty if nothing is to be sent.
    #[serde(default)]
    pub deliveries: Vec<DeliveryNote>,
    /// Optional fields that were repaired or left out, or that a credited program's vendor needs and the conversion lacks.
    /// A repeated receipt has the warnings of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Whether this receipt repeats the first one.
    #[serde(default)]
    pub replayed: bool,
}

impl Status {
    /// The word in JSON, SQL and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Held => "held",
            Self::Unattributed => "unattributed",
            Self::Rejected => "rejected",
        }
    }
}
