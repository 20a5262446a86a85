//! The ledger's methods for operators: lists, one conversion with everything about it, and changes by hand.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trailmark_vendors::commission::Commission;
use trailmark_vendors::task::Note;
use trailmark_wire::conversion::Kind;
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{ConversionId, DeliveryId, Jti, ProgramId, SiteId, TouchId, VisitorId};
use trailmark_wire::money::Money;
use trailmark_wire::receipt::Status;
use trailmark_wire::repair::Warning;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

use super::{ReleaseRule, Reply};
use crate::outbox::{Remedy, State};

pub use super::listing::{Cursor, Filter, Page};

/// One line of `conversions list`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConversionRow {
    /// The ledger's id.
    pub id: ConversionId,
    /// The site.
    pub site: SiteId,
    /// What happened.
    pub kind: Kind,
    /// The business key: customer key or order key; absent if only a signed statement has it.
    pub external_id: Option<String>,
    /// The customer's key; absent if none is named, or only by a signed statement that was not accepted.
    #[serde(default)]
    pub customer: Option<String>,
    /// Amount of a sale or refund; absent if only a signed statement has it.
    #[serde(default)]
    pub amount: Option<Money>,
    /// For a refund, its sale's key.
    #[serde(default)]
    pub refund_of: Option<String>,
    /// Its status.
    pub status: Status,
    /// Why.
    pub code: Option<String>,
    /// How sure the proxy is of the sender.
    pub assurance: String,
    /// The credited programs.
    pub programs: Vec<ProgramId>,
    /// The credited partner of each, in the same order; absent if only the vendor knows the partner.
    #[serde(default)]
    pub partners: Vec<Option<String>>,
    /// The states of its deliveries, in the same order.
    pub deliveries: Vec<String>,
    /// The state of each of its deliveries, in the same order, as [`crate::answer`] needs it.
    #[serde(default)]
    pub standings: Vec<Standing>,
    /// For a duplicate or rejected conversion: the other conversion that has its business key now.
    #[serde(default)]
    pub key_owner: Option<ConversionId>,
    /// If nobody is credited: another conversion that reported its customer's signup.
    #[serde(default)]
    pub signup: Option<CustomersSignup>,
    /// The id that the page gave it, if it differs from the ledger's.
    #[serde(default)]
    pub page_id: Option<Jti>,
    /// When it was received.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub received_at: UnixMillis,
}

/// The signup of a conversion's customer, as far as [`crate::answer`] looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomersSignup {
    /// The conversion.
    pub conversion: ConversionId,
    /// What became of it.
    pub status: Status,
}

/// State of a delivery, and which delivery it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its program, and lane.
    pub program: ProgramId,
    /// The vendor.
    pub vendor: VendorName,
    /// The state.
    pub state: State,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// When it is next acted on, RFC 3339; absent if nothing is planned.
    pub due_at: Option<String>,
    /// The setting of the refused credential that it waits for.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// What helps a rejected delivery.
    #[serde(default)]
    pub remedy: Remedy,
    /// State of the partner's commission.
    pub commission: Commission,
    /// Why, if the state alone does not say.
    pub commission_reason: Option<String>,
    /// If it is `waiting` or `blocked`: the conversion that must be recorded first, if the ledger has it.
    pub follows: Option<Box<Followed>>,
}

/// A conversion whose delivery another delivery waits for, in the same program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// The conversion.
    pub conversion: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// Its business key.
    pub external_id: Option<String>,
    /// State of its delivery.
    pub standing: Standing,
}

/// One touch, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TouchRow {
    /// The ledger's id.
    pub id: TouchId,
    /// The site.
    pub site: SiteId,
    /// The program.
    pub program: ProgramId,
    /// The visitor.
    pub visitor: VisitorId,
    /// The partner key, decoded.
    pub partner: Option<String>,
    /// The vendor's click id.
    pub click_id: Option<String>,
    /// `url` or `cookie`.
    pub source: String,
    /// Why the vendor could not use its link's key; such a touch is never credited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<Unusable>,
    /// The landing URL as stored.
    pub landing_url: String,
    /// When the page was reached.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub at: UnixMillis,
    /// When its window ends.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub expires_at: UnixMillis,
}

/// One HTTP attempt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttemptRow {
    /// 1 for the first in its generation.
    pub number: u32,
    /// The delivery's generation: a replay by hand starts a new one.
    pub generation: u32,
    /// `send`, `look_up`.
    pub purpose: String,
    /// The request's label, such as `POST conversion/xid`.
    pub request: String,
    /// When its row was committed, before the request.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub started_at: UnixMillis,
    /// Milliseconds until its outcome; absent if there is none.
    pub duration_ms: Option<i64>,
    /// The HTTP status, if an answer came.
    pub http_status: Option<u16>,
    /// The outcome's word; absent if there is none.
    pub outcome: Option<String>,
    /// The vendor's or the transport's message.
    pub message: Option<String>,
}

/// One delivery, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// The ledger's id.
    pub id: DeliveryId,
    /// The site.
    pub site: SiteId,
    /// The conversion.
    pub conversion: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// The business key.
    pub external_id: Option<String>,
    /// The program, and lane.
    pub program: ProgramId,
    /// The vendor.
    pub vendor: VendorName,
    /// `due`, `unverified`, `uncertain`, `recorded`, `ignored`, `rejected`, `conflict`, `dead`, `blocked`, `waiting`, `dropped`, ...
    pub state: String,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// Attempts counted against the schedule, in this generation.
    pub attempts: u32,
    /// The generation.
    pub generation: u32,
    /// When it is next acted on; absent when settled.
    pub due_at: Option<String>,
    /// The vendor's own reference.
    pub reference: Option<String>,
    /// State of the partner's commission.
    #[serde(default)]
    pub commission: Commission,
    /// Why, if the state alone does not say.
    #[serde(default)]
    pub commission_reason: Option<String>,
    /// Amount of the commission, if the vendor tells it; negative for a refund.
    #[serde(default)]
    pub commission_amount: Option<Money>,
    /// When the vendor last told about it, RFC 3339; absent if never.
    #[serde(default)]
    pub commission_at: Option<String>,
    /// How often the vendor was asked about it.
    #[serde(default)]
    pub commission_asked: u32,
    /// The last question and its answer, such as `GET rewards: HTTP 404`.
    #[serde(default)]
    pub commission_said: Option<String>,
    /// When that was asked, RFC 3339.
    #[serde(default)]
    pub commission_asked_at: Option<String>,
    /// Changes of the commission, the oldest first; filled in `show` and `explain`.
    #[serde(default)]
    pub commission_changes: Vec<CommissionChange>,
    /// Its attempts, the oldest first; filled in `show` and `explain`.
    #[serde(default)]
    pub tries: Vec<AttemptRow>,
    /// The setting of the refused credential that it waits for.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// What the vendor got otherwise than reported.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Deliveries that are blocked until this one is recorded; counted only if it ended in another state.
    #[serde(default)]
    pub blocks: u64,
}

/// A change of a commission, as the vendor told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommissionChange {
    /// Its new state.
    pub commission: Commission,
    /// Why.
    pub reason: Option<String>,
    /// When we learned of it.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub changed_at: UnixMillis,
}

/// A program's lane, for people. Programs of one vendor account have one row each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LaneRow {
    /// The site.
    pub site: SiteId,
    /// The program.
    pub program: ProgramId,
    /// The lane that it shares, as `SITE/PROGRAM`, if that is another program's: both have one account at the vendor.
    #[serde(default)]
    pub shares: Option<String>,
    /// `open`, or why it is closed: `paused`, `throttled`, `down`, `broken` ([`crate::lanes::Shut`]).
    pub state: String,
    /// Why it is not open, and the cure.
    pub reason: Option<String>,
    /// When it is tried next.
    pub next_at: Option<String>,
    /// The program's waiting deliveries that go on by themselves.
    pub waiting: u64,
    /// Deliveries that need an operator: dead letters, unknown outcomes, and deliveries that are `blocked` behind
    /// them.
    #[serde(default)]
    pub stuck: u64,
}

impl LaneRow {
    /// Its name: `SITE/PROGRAM`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.site, self.program)
    }
}

/// One conversion with everything that the ledger knows about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConversionDetail {
    /// Its line in the list.
    pub conversion: ConversionRow,
    /// When it happened.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub occurred_at: UnixMillis,
    /// The visitor.
    pub visitor: VisitorId,
    /// The decision with its trace, [`trailmark_attribution::Decision`] as JSON.
    pub decision: Value,
    /// Every touch of the visitor.
    pub touches: Vec<TouchRow>,
    /// Its deliveries with their attempts.
    pub deliveries: Vec<DeliveryRow>,
    /// What happened to it after its receipt, the oldest first.
    #[serde(default)]
    pub changes: Vec<ConversionChange>,
    /// The other conversion that has its business key, if there is one.
    #[serde(default)]
    pub holder: Option<ConversionRow>,
    /// What the merchant signed and the page passed on.
    #[serde(default)]
    pub signed: Vec<Signed>,
    /// The warnings in its receipt.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// A merchant's statement whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// `customer` or `order`.
    pub what: String,
    /// The key in the site's `order_keys`, if the signature names one.
    pub kid: Option<String>,
}

/// A change of a conversion that was held or overruled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConversionChange {
    /// What happened to it.
    pub change: Afterwards,
    /// The operator's reason.
    pub reason: Option<String>,
    /// The conversion that caused it.
    pub cause: Option<ConversionId>,
    /// Its new status.
    pub status: Status,
    /// Why.
    pub code: Option<String>,
    /// When.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub changed_at: UnixMillis,
}

/// What happened to a held conversion, or to one whose credit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// A server stated the same key before or after; or the key was taken, which its page may not learn.
    Closed,
    /// What it waited for arrived: its sale, or the vendor's correct credit for its customer.
    Followed,
    /// A server stated the same key for another visitor; until then it counted.
    Overruled,
    /// An operator rejected it.
    Rejected,
    /// An operator released it.
    Released,
}

/// An operator's decision about an `uncertain`, `dead` or `conflict` delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The vendor has it: settled as recorded.
    Recorded,
    /// The vendor does not have it and shall not: settled as rejected; the claim may be freed.
    Rejected,
}

/// A change by hand, recorded with its reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Gives up.
    Drop {
        /// Which delivery.
        delivery: DeliveryId,
        /// Why.
        reason: String,
    },
    /// Settles a delivery whose outcome is unknown.
    Resolve {
        /// Which delivery.
        delivery: DeliveryId,
        /// How.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// Starts a new generation with the same key at the vendor. After an unknown outcome it starts with a look-up, or
    /// needs `accept_double`.
    Retry {
        /// Which delivery.
        delivery: DeliveryId,
        /// The operator accepts a possible second effect; recorded.
        accept_double: bool,
    },
}

/// The counts that `store check` compares.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Health {
    /// The store's own integrity check: `ok`, or what it found.
    pub integrity: String,
    /// Version of the last migration.
    pub schema_version: u32,
    /// Touches.
    pub touches: u64,
    /// Conversions.
    pub conversions: u64,
    /// Deliveries by state.
    pub deliveries: Vec<(String, u64)>,
    /// Rules that do not hold, in words; empty if all is well.
    pub violations: Vec<String>,
}

/// Row counts for the metrics, cheap enough to read every few seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Touches.
    pub touches: u64,
    /// Conversions by status.
    pub conversions: Vec<(String, u64)>,
    /// Server conversions that overruled a page's claim.
    #[serde(default)]
    pub claimed_by_page: u64,
    /// Deliveries by state.
    pub deliveries: Vec<(String, u64)>,
}

/// The ledger's methods for operators.
pub trait OperatorStore: fmt::Debug + Send + Sync {
    /// Conversions, newest first.
    fn conversions(&self, filter: Filter) -> Reply<'_, Page<ConversionRow>>;

    /// One conversion with everything about it. Found by its full id, an unambiguous beginning of at least 8
    /// characters, or the id that the page gave it (its `jti`).
    ///
    /// # Errors
    /// `NotFound`; `Refused` if more than one id begins so.
    fn conversion(&self, id: String) -> Reply<'_, ConversionDetail>;

    /// Touches; the filter's state is a source, `url` or `cookie`.
    fn touches(&self, filter: Filter) -> Reply<'_, Page<TouchRow>>;

    /// Deliveries. Without a state: the unsettled ones and the dead letters
    /// ([`crate::outbox::State::is_dead_letter`]), or all with [`Filter::settled`].
    fn deliveries(&self, filter: Filter) -> Reply<'_, Page<DeliveryRow>>;

    /// Lanes that were used at least once.
    fn lanes(&self, now: UnixMillis) -> Reply<'_, Vec<LaneRow>>;

    /// Makes a change by hand that `outbox::manual` allows, and records it.
    ///
    /// # Errors
    /// `NotFound`; `Refused` if the state does not allow it, the delivery is leased, or a retry needs a business key
    /// that another conversion has now (the text names it).
    fn change(&self, change: Change, now: UnixMillis) -> Reply<'_, DeliveryRow>;

    /// Decides again about a held conversion, found as in [`Self::conversion`], and records the operator's reason.
    /// Its deliveries are made in the same transaction.
    ///
    /// # Errors
    /// `NotFound`; `Refused` if it is not held, or the rule refuses.
    fn release_held(
        &self,
        id: String,
        reason: String,
        rule: ReleaseRule,
        now: UnixMillis,
    ) -> Reply<'_, ConversionDetail>;

    /// Rejects a held conversion and records the reason.
    ///
    /// # Errors
    /// `NotFound`; `Refused` if it is not held.
    fn reject_held(&self, id: String, reason: String, now: UnixMillis) -> Reply<'_, ConversionDetail>;

    /// How many rows there are.
    fn counts(&self) -> Reply<'_, Counts>;

    /// Checks the store and its counts.
    fn health(&self) -> Reply<'_, Health>;
}

impl Afterwards {
    /// The word in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Followed => "followed",
            Self::Overruled => "overruled",
            Self::Rejected => "rejected",
            Self::Released => "released",
        }
    }
}
