//! The outbox's half of the ledger: leases, attempts, lanes. Every transition is guarded by the lease id under which it was
//! decided; the decisions themselves are pure and stand in `outbox` and `lanes`, and come in as values or closures.
//!
//! A delivery can be leased when its state has something to do, its due time is past, its credential works and no lease is on
//! it. A lease that has ended is not taken over by the next lease: it first goes through [`DeliveryStore::expired`], since
//! an attempt may be open under it.

use std::fmt;

use serde::{Deserialize, Serialize};
use trailmark_vendors::capability::Class;
use trailmark_vendors::task::{Note, Task};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId, hex};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

use super::Reply;
use crate::outbox::order::Earlier;
use crate::outbox::{Progress, Purpose};

/// The queue of one vendor account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    /// The site.
    pub site: SiteId,
    /// The program whose account it is.
    pub program: ProgramId,
}

/// The name of one lease: 16 random bytes, used once. Whoever does not know it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId(pub [u8; 16]);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// What a lane remembers between attempts, and over restarts. A lane that was never used has [`Lane::default`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    /// Thousandths of a token that are missing from the full bucket at `counted_at`.
    pub spent_milli: i64,
    /// When `spent_milli` was counted.
    pub counted_at: Option<UnixMillis>,
    /// Failures in a row that open the breaker.
    pub failures: u32,
    /// The breaker is open until here, then lets one attempt through.
    pub broken_until: Option<UnixMillis>,
    /// The vendor asked to stay away until here.
    pub throttled_until: Option<UnixMillis>,
    /// It asked so because it is down, and is probed from here on; `None` when it only asked for fewer requests.
    pub down_probe_at: Option<UnixMillis>,
    /// Credentials that were refused, each once: what uses one of them waits, everything else goes on.
    pub pauses: Vec<Pause>,
}

/// Why what uses a credential waits, and when the credential is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The setting of the credential, such as `tracking_token`.
    pub credential: String,
    /// What is wrong, and the cure.
    pub reason: String,
    /// Since when.
    pub since: UnixMillis,
    /// When the credential is tried next.
    pub probe_at: UnixMillis,
}

/// Changes a lane inside the transaction that it belongs to. Pure and quick.
pub type LaneRule = Box<dyn FnOnce(Lane) -> Lane + Send>;

/// Takes up to the given number of tokens from a lane, inside the leasing transaction: the lane afterwards, and how many
/// deliveries may be leased. Called only when at least one is due.
pub type LaneGate = Box<dyn FnOnce(Lane, u32) -> (Lane, u32) + Send>;

/// A wish to lease.
pub struct Claim {
    /// The lane.
    pub lane: LaneKey,
    /// Of those that wait for this credential, instead of those that wait for none: to try the credential.
    pub paused_by: Option<String>,
    /// At most this many; the longest due first.
    pub most: u32,
    /// Says how many the lane lets through; it is given the number that is due, at most `most`.
    pub gate: LaneGate,
    /// One lease id for each, used from the front.
    pub leases: Vec<LeaseId>,
    /// When the leases end.
    pub until: UnixMillis,
    /// Now.
    pub now: UnixMillis,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("lane", &self.lane).field("most", &self.most).finish_non_exhaustive()
    }
}

/// A delivery under a lease: the proof that its holder may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The lease.
    pub lease: LeaseId,
    /// Its lane.
    pub lane: LaneKey,
    /// The delivery.
    pub delivery: ConversionId,
    /// The conversion.
    pub conversion: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// The vendor.
    pub vendor: VendorName,
    /// 1 at first; a replay by hand starts the next one.
    pub generation: u32,
    /// How it stands.
    pub progress: Progress,
    /// Whether an earlier send, of any generation, may have taken effect at the vendor.
    pub is_unsure: bool,
}

/// An attempt that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// What it is for.
    pub purpose: Purpose,
    /// The class of the operation, of a send: what may happen when its outcome stays unknown.
    pub class: Option<Class>,
    /// The request's label.
    pub request: &'static str,
    /// What the request leaves out or cuts, of a send; takes the place of what was noted before.
    pub notes: Vec<Note>,
    /// Now.
    pub started_at: UnixMillis,
}

/// Which attempt of a delivery: numbered from 1 within its generation, sends and look-ups together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptKey {
    /// The site.
    pub site: SiteId,
    /// The delivery.
    pub delivery: ConversionId,
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
    /// The HTTP status, where an answer came.
    pub http_status: Option<u16>,
    /// The vendor's or the transport's message.
    pub message: Option<String>,
    /// When the answer came or was given up.
    pub ended_at: UnixMillis,
}

/// A step that ends a lease.
pub struct Settlement {
    /// How the delivery stands from here on.
    pub progress: Progress,
    /// The attempt that was made under the lease, with its end; absent where nothing was sent.
    pub attempt: Option<(AttemptKey, AttemptEnd)>,
    /// What the lane learns from it.
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

/// Decides, inside a transaction, whether a delivery's turn has come, from how the one stands that it follows: the
/// settlement that holds it back, or `None`. Pure and quick.
pub type TurnRule = Box<dyn FnOnce(Earlier) -> Option<Settlement> + Send>;

/// A lease that has ended without a settlement: its holder crashed, stalled, or the clock jumped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The delivery, with the lease that has ended and still guards it.
    pub leased: Leased,
    /// The attempt that was begun under the lease and has no end; `None` when nothing was sent.
    pub open: Option<OpenAttempt>,
}

/// An attempt whose row was committed and that has no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Which one.
    pub key: AttemptKey,
    /// What it is for.
    pub purpose: Purpose,
    /// The class under which it was sent.
    pub class: Option<Class>,
    /// When its row was committed.
    pub started_at: UnixMillis,
}

/// All that decides whether a lane has anything to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// What the lane remembers.
    pub lane: Lane,
    /// The earliest due time of a delivery that is not leased.
    pub next_due: Option<UnixMillis>,
    /// The latest.
    pub last_due: Option<UnixMillis>,
    /// The earliest end of a lease.
    pub next_expiry: Option<UnixMillis>,
    /// The latest.
    pub last_expiry: Option<UnixMillis>,
}

/// Upper bound of a due time, from now: the longest settling time is 30 days, the longest wait a day. A later due time was
/// written before the clock was set back; such a row counts as due, or it would wait until the clock is there again.
pub const FURTHEST_DUE_MS: i64 = 31 * 24 * 60 * 60 * 1000;

/// Upper bound of a lease's end, from now: a lease lasts as long as a few exchanges. A lease with a later end counts as over.
pub const FURTHEST_EXPIRY_MS: i64 = 24 * 60 * 60 * 1000;

impl Glance {
    /// Whether something is due.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        is_reached(self.next_due, self.last_due, now, FURTHEST_DUE_MS)
    }

    /// Whether a lease has ended.
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        is_reached(self.next_expiry, self.last_expiry, now, FURTHEST_EXPIRY_MS)
    }
}

fn is_reached(next: Option<UnixMillis>, last: Option<UnixMillis>, now: UnixMillis, furthest_ms: i64) -> bool {
    next.is_some_and(|next| next <= now) || last.is_some_and(|last| last > now.plus(furthest_ms))
}

/// What delivery asks of a ledger.
pub trait DeliveryStore: fmt::Debug + Send + Sync {
    /// What a lane has to do, without changing anything.
    fn glance(&self, lane: LaneKey) -> Reply<'_, Glance>;

    /// Leases due deliveries of a lane ([`FURTHEST_DUE_MS`] says which are, too) and takes as many tokens from it, in one transaction. When nothing is due, or the
    /// gate lets nothing through, the answer is empty; the gate's lane is written either way where the gate was called.
    fn lease(&self, claim: Claim) -> Reply<'_, Vec<Leased>>;

    /// What is to be delivered: the conversion with its payload and the credited touch, and what the vendor called the
    /// deliveries that it follows.
    ///
    /// # Errors
    /// `NotFound` when there is no such delivery.
    fn task(&self, site: SiteId, delivery: ConversionId) -> Reply<'_, Task>;

    /// Asks a rule whether the turn of a leased delivery has come that follows one of kind `follows`: the signup of its
    /// customer or, of a refund, its sale, in the same program. Whatever the rule answers is settled in the transaction in
    /// which it was asked, so that nothing is held back for something that is just being settled. True when the turn has
    /// come; the lease goes on then.
    ///
    /// Once the other delivery is settled, or a new one of its key is accepted, those held back for it are due again.
    ///
    /// # Errors
    /// As [`DeliveryStore::settle`].
    fn turn(&self, leased: &Leased, follows: Kind, rule: TurnRule) -> Reply<'_, bool>;

    /// Commits the row of an attempt, before its request is opened. A send adds one to the delivery's `attempts`.
    ///
    /// # Errors
    /// `LeaseLost`, also when an attempt was begun under this lease already, or the lease's time is over at `started_at`:
    /// whoever settles it as expired must not be surprised by a request.
    fn begin_attempt(&self, leased: &Leased, attempt: NewAttempt) -> Reply<'_, AttemptKey>;

    /// Ends a lease: progress, the attempt's end and the lane in one transaction. A progress that waits for a credential which no longer is
    /// paused does not wait. Works after the lease's time too, as long
    /// as nobody else has settled it.
    ///
    /// # Errors
    /// `LeaseLost` when another step ended this lease, or the settlement does not name the attempt that is open under it;
    /// nothing is written then, not even the lane.
    fn settle(&self, leased: &Leased, settlement: Settlement) -> Reply<'_, ()>;

    /// Ends a lease under which nothing was sent; the delivery stands as before. The tokens stay spent.
    ///
    /// # Errors
    /// `LeaseLost`, also when an attempt was begun under this lease.
    fn release(&self, leased: &Leased) -> Reply<'_, ()>;

    /// Leases of a lane that ended at or before `now`, or end later than [`FURTHEST_EXPIRY_MS`] lets them. Each is then given to
    /// [`DeliveryStore::settle`] or [`DeliveryStore::release`] under its own lease id.
    fn expired(&self, lane: LaneKey, now: UnixMillis, most: u32) -> Reply<'_, Vec<Expired>>;

    /// Records an answer that came after its lease had been ended by somebody else: on the attempt alone, whatever stands
    /// there as its end (it was `unknown`). The delivery is not touched.
    ///
    /// # Errors
    /// `NotFound` when there is no such attempt.
    fn record_late(&self, attempt: AttemptKey, end: AttemptEnd) -> Reply<'_, ()>;

    /// Changes a lane outside of any delivery, after a probe: in one transaction, from what is stored. Whatever waits for a credential whose
    /// pause the rule ends is due again.
    fn change_lane(&self, lane: LaneKey, rule: LaneRule) -> Reply<'_, ()>;
}
