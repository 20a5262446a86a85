//! The ledger's methods for the outbox: leases, attempts, lanes. The lease id guards every transition. The decisions
//! are pure functions in `outbox` and `lanes`, and come in as values or closures.
//!
//! A delivery can be leased when its state needs an action, its due time has passed, its credential works and no
//! lease is on it. An expired lease goes through [`DeliveryStore::expired`] before the delivery is leased again,
//! because an attempt may be open under it.

use std::fmt;

use serde::{Deserialize, Serialize};
use trailmark_vendors::capability::Class;
use trailmark_vendors::task::{Note, Task};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, DeliveryId, ProgramId, SiteId, hex};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

use super::Reply;
use crate::outbox::order::Earlier;
use crate::outbox::{Progress, Purpose};

/// Names a program, and the lane of its vendor account. A lane is named after the account's first program; wherever the
/// store takes a lane, each program of the account names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// The site.
    pub site: SiteId,
    /// The program.
    pub program: ProgramId,
}

impl fmt::Display for LaneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.program)
    }
}

/// Name of one lease: 16 random bytes, used once. Only its holder can change the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId(pub [u8; 16]);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What a lane remembers between attempts and restarts. A lane that was never used has [`Lane::default`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Thousandths of a token missing from the full bucket at `counted_at`.
    pub spent_milli: i64,
    /// When `spent_milli` was counted.
    pub counted_at: Option<UnixMillis>,
    /// Consecutive failures, which open the breaker.
    pub failures: u32,
    /// The breaker is open until this time, then lets one attempt through.
    pub broken_until: Option<UnixMillis>,
    /// The vendor asked us to stay away until this time.
    pub throttled_until: Option<UnixMillis>,
    /// If the vendor said that it is down: when it is probed next. `None` if it only asked for fewer requests.
    pub down_probe_at: Option<UnixMillis>,
    /// Refused credentials, each once: deliveries that use one of them wait, all others go on.
    pub pauses: Vec<Pause>,
}

/// A refused credential, and when it is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The setting of the credential, such as `tracking_token`.
    pub credential: String,
    /// What is wrong, and the cure.
    pub reason: String,
    /// When it was first refused.
    pub since: UnixMillis,
    /// When the credential is tried next.
    pub probe_at: UnixMillis,
}

/// Changes a lane inside a transaction. Pure and quick.
pub type LaneRule = Box<dyn FnOnce(Lane) -> Lane + Send>;

/// Takes up to the given number of tokens from a lane, inside the leasing transaction. Returns the new lane and how
/// many deliveries may be leased. Called only when at least one is due.
pub type LaneGate = Box<dyn FnOnce(Lane, u32) -> (Lane, u32) + Send>;

/// A request for leases.
pub struct Claim {
    /// The lane.
    pub lane: LaneKey,
    /// If set, leases deliveries that wait for this credential, to try it; otherwise those that wait for none.
    pub paused_by: Option<String>,
    /// At most this many, the longest due first.
    pub most: u32,
    /// Decides how many the lane lets through; gets the number of due deliveries, at most `most`.
    pub gate: LaneGate,
    /// One lease id for each, used in order.
    pub leases: Vec<LeaseId>,
    /// When the leases expire.
    pub until: UnixMillis,
    /// Now.
    pub now: UnixMillis,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("lane", &self.lane).field("most", &self.most).finish_non_exhaustive()
    }
}

/// A delivery under a lease; proves that the holder may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The lease.
    pub lease: LeaseId,
    /// Its program, whose lane it is in.
    pub lane: LaneKey,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The conversion.
    pub conversion: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// The vendor.
    pub vendor: VendorName,
    /// 1 at first; each replay by hand adds 1.
    pub generation: u32,
    /// Its state.
    pub progress: Progress,
    /// Whether an earlier send, of any generation, may have taken effect at the vendor.
    pub is_unsure: bool,
}

/// An attempt before its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// Its purpose.
    pub purpose: Purpose,
    /// For a send, the operation's class: what may happen if its outcome stays unknown.
    pub class: Option<Class>,
    /// The request's label.
    pub request: &'static str,
    /// For a send, what the request leaves out or shortens; replaces earlier notes.
    pub notes: Vec<Note>,
    /// For a send, whether it was planned for a touch of which no other conversion was sent. A vendor may allow one.
    pub is_touch_unused: bool,
    /// Now.
    pub started_at: UnixMillis,
}

/// Names an attempt: numbered from 1 within its generation, sends and look-ups together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptKey {
    /// The site.
    pub site: SiteId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The generation.
    pub generation: u32,
    /// The number.
    pub number: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// The outcome's word.
    pub outcome: &'static str,
    /// The HTTP status, if an answer came.
    pub http_status: Option<u16>,
    /// The vendor's or the transport's message.
    pub message: Option<String>,
    /// When the answer came or the wait ended.
    pub ended_at: UnixMillis,
}

/// Ends a lease.
pub struct Settlement {
    /// The delivery's new state.
    pub progress: Progress,
    /// The attempt that was made under the lease, with its end; absent if nothing was sent.
    pub attempt: Option<(AttemptKey, AttemptEnd)>,
    /// What the lane learns.
    pub lane: Option<LaneRule>,
}

impl fmt::Debug for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settlement")
            .field("progress", &self.progress)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// Decides, inside a transaction, whether a delivery's turn has come. Gets the state of the delivery that it follows;
/// returns the settlement that makes it wait, or `None`. Pure and quick.
pub type TurnRule = Box<dyn FnOnce(Earlier) -> Option<Settlement> + Send>;

/// A lease that expired without a settlement: its holder crashed or stalled, or the clock jumped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The delivery, with the expired lease, which still guards it.
    pub leased: Leased,
    /// The attempt without an end that was begun under the lease; `None` if nothing was sent.
    pub open: Option<OpenAttempt>,
}

/// An attempt with a committed row but no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Its name.
    pub key: AttemptKey,
    /// Its purpose.
    pub purpose: Purpose,
    /// The class of a send.
    pub class: Option<Class>,
    /// When its row was committed.
    pub started_at: UnixMillis,
}

/// What decides whether a lane has anything to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// What the lane remembers.
    pub lane: Lane,
    /// The earliest due time of a delivery that is not leased.
    pub next_due: Option<UnixMillis>,
    /// The latest such time.
    pub last_due: Option<UnixMillis>,
    /// The earliest expiry of a lease.
    pub next_expiry: Option<UnixMillis>,
    /// The latest expiry of a lease.
    pub last_expiry: Option<UnixMillis>,
}

/// Upper bound of a due time, from now: the longest settling time is 30 days, the longest wait a day. A later due
/// time was written before the clock was set back. Such a row counts as due; otherwise it would wait until the clock
/// is there again.
pub const FURTHEST_DUE_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// Upper bound of a lease's expiry, from now: a lease lasts as long as a few exchanges. A lease with a later expiry
/// counts as expired.
pub const FURTHEST_EXPIRY_MS: i64 = 24 * 60 * 60 * 1000;

impl Glance {
    /// Whether something is due.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        is_reached(self.next_due, self.last_due, now, FURTHEST_DUE_MS)
    }

    /// Whether a lease has expired.
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        is_reached(self.next_expiry, self.last_expiry, now, FURTHEST_EXPIRY_MS)
    }
}

fn is_reached(next: Option<UnixMillis>, last: Option<UnixMillis>, now: UnixMillis, furthest_ms: i64) -> bool {
    next.is_some_and(|next| next <= now) || last.is_some_and(|last| last > now.plus(furthest_ms))
}

/// The ledger's methods for delivery.
pub trait DeliveryStore: fmt::Debug + Send + Sync {
    /// Reads what a lane has to do.
    fn glance(&self, lane: LaneKey) -> Reply<'_, Glance>;

    /// Makes these programs, and no others, share the lane, which is named after one of them. What the programs' own lanes
    /// knew joins it ([`crate::lanes::joined`]), and their deliveries wait only for credentials that are paused in it.
    /// Called at each start, once for every lane; a repeat changes nothing.
    fn share_lane(&self, lane: LaneKey, programs: Vec<LaneKey>) -> Reply<'_, ()>;

    /// Leases due deliveries of a lane (see [`FURTHEST_DUE_MS`]) and takes as many tokens, in one transaction.
    /// Returns nothing if nothing is due or the gate lets nothing through. The gate's lane is written whenever the
    /// gate was called.
    fn lease(&self, claim: Claim) -> Reply<'_, Vec<Leased>>;

    /// What is to be delivered: the conversion with its payload and the credited touch, and the vendor's references
    /// of the deliveries that it follows.
    ///
    /// # Errors
    /// `NotFound` when there is no such delivery.
    fn task(&self, site: SiteId, delivery: DeliveryId) -> Reply<'_, Task>;

    /// Asks a rule whether a leased delivery's turn has come. It follows a delivery of kind `follows` in the same
    /// program: its customer's signup, or a refund's sale. The rule's answer is settled in the same transaction, so
    /// that a delivery never waits for one that was just settled. Returns true if the turn has come; the lease then
    /// continues.
    ///
    /// When the earlier delivery is settled, or a new one with its key is accepted, the waiting deliveries become
    /// due.
    ///
    /// # Errors
    /// As [`DeliveryStore::settle`].
    fn turn(&self, leased: &Leased, follows: Kind, rule: TurnRule) -> Reply<'_, bool>;

    /// Commits an attempt's row before its request opens. A send adds one to the delivery's `attempts`.
    ///
    /// # Errors
    /// `LeaseLost`, also if an attempt was begun under this lease already, or the lease has expired by `started_at`:
    /// no request may follow after somebody settled the lease as expired. `Refused` if the send was planned for an unused
    /// touch, and meanwhile a send of another conversion has used it or may have: plan it again.
    fn begin_attempt(&self, leased: &Leased, attempt: NewAttempt) -> Reply<'_, AttemptKey>;

    /// Ends a lease: writes progress, the attempt's end and the lane in one transaction. If the progress waits for a
    /// credential that is not paused any more, it does not wait. Works after the lease has expired too, unless
    /// somebody else has settled it.
    ///
    /// # Errors
    /// `LeaseLost` if another step ended this lease, or the settlement does not name the attempt that is open under
    /// it; then nothing is written, not even the lane.
    /// nothing is written then, not even the lane.
    fn settle(&self, leased: &Leased, settlement: Settlement) -> Reply<'_, ()>;

    /// Ends a lease under which nothing was sent; the delivery is unchanged. The tokens stay spent.
    ///
    /// # Errors
    /// `LeaseLost`, also if an attempt was begun under this lease.
    fn release(&self, leased: &Leased) -> Reply<'_, ()>;

    /// Leases of a lane that expired at or before `now`, or expire later than [`FURTHEST_EXPIRY_MS`] allows. Pass
    /// each to [`DeliveryStore::settle`] or [`DeliveryStore::release`] under its own lease id.
    fn expired(&self, lane: LaneKey, now: UnixMillis, most: u32) -> Reply<'_, Vec<Expired>>;

    /// Records an answer that came after somebody else had ended its lease. Replaces the attempt's end (it was
    /// `unknown`). The delivery keeps the key under which alone the vendor has it, if it has none, and is not sent again
    /// as planned if the vendor has it or may have it ([`crate::outbox::machine::after_late`]); otherwise it is unchanged.
    ///
    /// # Errors
    /// `NotFound` when there is no such attempt.
    fn record_late(&self, attempt: AttemptKey, end: AttemptEnd, reference: Option<String>) -> Reply<'_, ()>;

    /// Changes a lane after a probe, in one transaction. Deliveries that wait for a credential whose pause ends
    /// become due.
    fn change_lane(&self, lane: LaneKey, rule: LaneRule) -> Reply<'_, ()>;
}
