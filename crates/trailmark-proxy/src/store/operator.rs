//! The operator's half of the ledger: lists, one conversion with everything about it, and the few changes that people make
//! by hand.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trailmark_vendors::commission::Commission;
use trailmark_vendors::task::Note;
use trailmark_wire::conversion::Kind;
use trailmark_wire::grammar::Unusable;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId, VisitorId};
use trailmark_wire::money::Money;
use trailmark_wire::receipt::Status;
use trailmark_wire::repair::Warning;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

use super::{ReleaseRule, Reply};
use crate::outbox::State;

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
    /// The business key: customer key or order key; absent while only a signed claim holds it.
    pub external_id: Option<String>,
    /// The customer, by the merchant's key; absent where none is named, or only by a signed claim that was not accepted.
    #[serde(default)]
    pub customer: Option<String>,
    /// Of a sale or refund, its amount; absent while only a signed claim holds it.
    #[serde(default)]
    pub amount: Option<Money>,
    /// Of a refund, its sale's key.
    #[serde(default)]
    pub refund_of: Option<String>,
    /// What became of it.
    pub status: Status,
    /// Why.
    pub code: Option<String>,
    /// How sure the proxy is of the sender.
    pub assurance: String,
    /// The credited programs.
    pub programs: Vec<ProgramId>,
    /// The credited partner of each, in the same order; absent where only the vendor knows whose click it was.
    #[serde(default)]
    pub partners: Vec<Option<String>>,
    /// The states of its deliveries, in the same order.
    pub deliveries: Vec<String>,
    /// How each of its deliveries stands, in the same order, as far as [`crate::answer`] looks at it.
    #[serde(default)]
    pub standings: Vec<Standing>,
    /// Of a duplicate, or of one that was rejected, the other conversion that has its business key by now.
    #[serde(default)]
    pub key_owner: Option<ConversionId>,
    /// The id that the page gave it, where it is another than the ledger's.
    #[serde(default)]
    pub page_id: Option<ConversionId>,
    /// When it was received.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub received_at: UnixMillis,
}

/// How a delivery stands, and what it stands behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The delivery.
    pub delivery: ConversionId,
    /// Its program, and lane.
    pub program: ProgramId,
    /// The vendor.
    pub vendor: VendorName,
    /// The state.
    pub state: State,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// When it will be looked at next, RFC 3339; absent when nothing is planned.
    pub due_at: Option<String>,
    /// The setting of the refused credential that it waits for, if it does.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// What became of the partner's commission.
    pub commission: Commission,
    /// What that rests on, where the word alone does not say.
    pub commission_reason: Option<String>,
    /// Where it is `waiting` or `blocked`: the conversion that must be recorded first, if the ledger has one.
    pub follows: Option<Box<Followed>>,
}

/// A conversion that another one's delivery stands behind, in the same program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// The conversion.
    pub conversion: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// Its business key.
    pub external_id: Option<String>,
    /// How its delivery stands.
    pub standing: Standing,
}

/// One touch, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TouchRow {
    /// The ledger's id.
    pub id: ConversionId,
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
    /// Why its link holds no key that the vendor could take; it is never credited then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<Unusable>,
    /// The landing URL as stored.
    pub landing_url: String,
    /// When.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub at: UnixMillis,
    /// When its window ends.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub expires_at: UnixMillis,
}

/// One HTTP try.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttemptRow {
    /// 1 for the first of its generation.
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
    /// Milliseconds until its outcome; absent while there is none.
    pub duration_ms: Option<i64>,
    /// The HTTP status, where an answer came.
    pub http_status: Option<u16>,
    /// The outcome's word; absent while there is none.
    pub outcome: Option<String>,
    /// The vendor's or the transport's message.
    pub message: Option<String>,
}

/// One delivery, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// The ledger's id.
    pub id: ConversionId,
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
    /// When it will be looked at next; absent when settled.
    pub due_at: Option<String>,
    /// The vendor's own reference.
    pub reference: Option<String>,
    /// What became of the partner's commission.
    #[serde(default)]
    pub commission: Commission,
    /// What that rests on, where the word alone does not say.
    #[serde(default)]
    pub commission_reason: Option<String>,
    /// How much it is, where the vendor tells; negative for what a refund takes back.
    #[serde(default)]
    pub commission_amount: Option<Money>,
    /// When the vendor was last heard of it, RFC 3339; absent when never.
    #[serde(default)]
    pub commission_at: Option<String>,
    /// How often the vendor was asked for it.
    #[serde(default)]
    pub commission_asked: u32,
    /// What was asked last and answered, such as `GET rewards: HTTP 404`.
    #[serde(default)]
    pub commission_said: Option<String>,
    /// When that was, RFC 3339.
    #[serde(default)]
    pub commission_asked_at: Option<String>,
    /// What it was since when, the first first; filled in `show` and `explain`.
    #[serde(default)]
    pub commission_changes: Vec<CommissionChange>,
    /// Its attempts, the first first; filled in `show` and `explain`.
    #[serde(default)]
    pub tries: Vec<AttemptRow>,
    /// The setting of the refused credential that it waits for, if it does.
    #[serde(default)]
    pub paused_by: Option<String>,
    /// What the vendor was not sent as it was reported.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Deliveries that are blocked until this one is recorded; counted for what ended otherwise.
    #[serde(default)]
    pub blocks: u64,
}

/// A step of a commission, as the vendor told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommissionChange {
    /// How it stood from here on.
    pub commission: Commission,
    /// What that rested on.
    pub reason: Option<String>,
    /// When it was learned.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub changed_at: UnixMillis,
}

/// A lane, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LaneRow {
    /// The site.
    pub site: SiteId,
    /// The program whose account it is.
    pub program: ProgramId,
    /// `open`, or why it is shut: `paused`, `throttled`, `down`, `broken` ([`crate::lanes::Shut`]).
    pub state: String,
    /// Why it is not open, and the cure.
    pub reason: Option<String>,
    /// When it is tried next.
    pub next_at: Option<String>,
    /// Deliveries that wait in it and go on by themselves.
    pub waiting: u64,
    /// Deliveries that only a person can move on: dead letters, what nobody could find out, and what is `blocked` behind them.
    #[serde(default)]
    pub stuck: u64,
}

/// One conversion with everything that the ledger knows about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConversionDetail {
    /// The line of the list.
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
    /// What became of it after its receipt, the first first.
    #[serde(default)]
    pub changes: Vec<ConversionChange>,
    /// The other conversion by which its business key stands, if there is one.
    #[serde(default)]
    pub holder: Option<ConversionRow>,
    /// What the merchant signed for a page to pass on.
    #[serde(default)]
    pub signed: Vec<Signed>,
    /// What its receipt warned of.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// A merchant's signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// `customer` or `order`.
    pub what: String,
    /// The key of the site's `order_keys`, where the signature names one.
    pub kid: Option<String>,
}

/// A step of a conversion that was held or overruled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConversionChange {
    /// What happened to it.
    pub change: Afterwards,
    /// The operator's reason.
    pub reason: Option<String>,
    /// The conversion that caused it.
    pub cause: Option<ConversionId>,
    /// How it stands since.
    pub status: Status,
    /// Why.
    pub code: Option<String>,
    /// When.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub changed_at: UnixMillis,
}

/// How a held conversion ends, or one whose credit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// A server stated the same key, then or before; or it stood already, which its page may not know.
    Closed,
    /// What it waited for came: its sale, or the vendor's right credit for its customer.
    Followed,
    /// A server stated the same key for another visitor; until then it counted.
    Overruled,
    /// An operator rejected it.
    Rejected,
    /// An operator released it.
    Released,
}

/// What an operator decides about an `uncertain`, `dead` or `conflict` delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The vendor has it: settled as recorded.
    Recorded,
    /// The vendor has it not, and shall not: settled as rejected; the claim is freed as the rules say.
    Rejected,
}

/// A change by hand. Each is written with its reason, so that the record shows who decided what.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// Gives up.
    Drop {
        /// Which delivery.
        delivery: ConversionId,
        /// Why.
        reason: String,
    },
    /// Settles what nobody could tell.
    Resolve {
        /// Which delivery.
        delivery: ConversionId,
        /// How.
        verdict: Verdict,
        /// Why.
        reason: String,
    },
    /// A new generation with the same vendor-side key; after an unknown attempt it starts with a look-up, or needs
    /// `accept_double`.
    Retry {
        /// Which delivery.
        delivery: ConversionId,
        /// The operator accepts a second effect, on record.
        accept_double: bool,
    },
}

/// The counts that `store check` holds against each other.
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
    /// Rules that do not hold, in words; empty when all is well.
    pub violations: Vec<String>,
}

/// How many rows there are, cheap enough to be asked for every few seconds; the metrics are made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Touches.
    pub touches: u64,
    /// Conversions by status.
    pub conversions: Vec<(String, u64)>,
    /// Conversions of servers that overruled a page's claim.
    #[serde(default)]
    pub claimed_by_page: u64,
    /// Deliveries by state.
    pub deliveries: Vec<(String, u64)>,
}

/// What operators ask of a ledger.
pub trait OperatorStore: fmt::Debug + Send + Sync {
    /// Conversions, in the order in which they were received.
    fn conversions(&self, filter: Filter) -> Reply<'_, Page<ConversionRow>>;

    /// One conversion with everything about it, by its whole id or an unambiguous beginning of at least 8 characters; the
    /// id that the page gave it (its `jti`) finds it too.
    ///
    /// # Errors
    /// `NotFound`; `Refused` when more than one begins so.
    fn conversion(&self, id: String) -> Reply<'_, ConversionDetail>;

    /// Touches; the filter's state is a source, `url` or `cookie`.
    fn touches(&self, filter: Filter) -> Reply<'_, Page<TouchRow>>;

    /// Deliveries; without a state, those that are not settled and the dead letters
    /// ([`crate::outbox::State::is_dead_letter`]), or all of them with [`Filter::settled`].
    fn deliveries(&self, filter: Filter) -> Reply<'_, Page<DeliveryRow>>;

    /// Lanes that were ever used.
    fn lanes(&self, now: UnixMillis) -> Reply<'_, Vec<LaneRow>>;

    /// Makes a change by hand, as `outbox::manual` allows it, and records it.
    ///
    /// # Errors
    /// `NotFound`; `Refused` when the state does not allow it, while the delivery is under a lease, or when a retry would need
    /// a business key that another conversion holds by now, which is named.
    fn change(&self, change: Change, now: UnixMillis) -> Reply<'_, DeliveryRow>;

    /// Decides again about a held conversion, by its id as in [`Self::conversion`], and records who wanted it: deliveries are
    /// made in the same transaction.
    ///
    /// # Errors
    /// `NotFound`; `Refused` when it is not held, or the rule refuses.
    fn release_held(
        &self,
        id: String,
        reason: String,
        rule: ReleaseRule,
        now: UnixMillis,
    ) -> Reply<'_, ConversionDetail>;

    /// Ends a held conversion as rejected, on record.
    ///
    /// # Errors
    /// `NotFound`; `Refused` when it is not held.
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
