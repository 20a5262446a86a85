//! The ledger's contract: what is kept, and which steps are one transaction. Two kinds of implementation are meant:
//! [`sqlite`] (one machine) and Postgres (a later version); `store/conformance.rs` holds every one to the same behaviour. Decisions are not made here:
//! they come in as closures ([`AcceptRule`]) and transitions, so that both stores decide alike.
//!
//! Site id leads every key. Times are the caller's, in milliseconds.

pub mod callers;
pub mod delivery;
pub mod listing;
pub mod operator;
pub mod sqlite;
pub mod sums;
pub mod webhooks;

pub mod conformance;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use trailmark_attribution::{Decision, Touch};
use trailmark_vendors::secret::Secret;
use trailmark_wire::capture::Captured;
use trailmark_wire::conversion::{Conversion, Kind};
use trailmark_wire::ids::{ArrivalId, ConversionId, CustomerKey, KeyId, ProgramId, SiteId, VendorName, VisitorId};
use trailmark_wire::jwk::Thumbprint;
use trailmark_wire::money::Money;
use trailmark_wire::receipt::{Receipt, Status};
use trailmark_wire::time::UnixMillis;

/// What every method of a store answers.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Why the ledger did not do something. Nothing was written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's file or answer is not what it must be: a person must look.
    #[error("the ledger is damaged: {0}")]
    Corrupt(String),
    /// A queue or a quarantine is at its limit: try again later.
    #[error("the ledger takes no more of this for now: {0}")]
    Full(Limit),
    /// The lease that guarded this step is not held any more; somebody else has the delivery.
    #[error("the lease on this delivery is not held any more")]
    LeaseLost,
    /// The disk is full: nothing can be recorded until somebody frees space.
    #[error("the disk that holds the ledger is full: free space on it")]
    NoSpace,
    /// There is no such row.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A budget has no room for what is new: the site's, its visitor's, or the share of the client's network. Try again later.
    #[error("a budget of the site is spent")]
    OverBudget,
    /// The row's state does not allow this step; names the state and the cure.
    #[error("{0}")]
    Refused(String),
    /// The store is shutting down or cannot be reached: try again later.
    #[error("the ledger cannot be reached: {0}")]
    Unavailable(String),
}

/// Which limit was hit, and its cure. The text is safe to show to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Unsettled deliveries of the site, which pages may add to.
    #[error(
        "the site has `limits.queue` unsettled deliveries, so pages add none: `trailmark lanes list` shows what delivery waits \
         for; else raise the limit"
    )]
    Pages,
    /// Unsettled deliveries of the site, which the merchant's own word may add to.
    #[error(
        "the site has twice `limits.queue` unsettled deliveries: `trailmark lanes list` shows what delivery waits for; else raise \
         the limit"
    )]
    Queue,
    /// Webhooks that wait for a person, or for a delivery.
    #[error(
        "the quarantine of webhooks is full (`limits.webhooks`): replay or drop what `trailmark webhooks list --quarantined` \
         shows, or raise the limit"
    )]
    Webhooks,
    /// Commands that wait for the next commit.
    #[error("more is being written than the disk commits: send it again, or use a faster disk")]
    Writer,
}

/// An arrival that holds touches, ready to be recorded.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The site.
    pub site: SiteId,
    /// The arrival's id.
    pub id: ArrivalId,
    /// The visitor whom the visitor cookie names, verified.
    pub known_visitor: Option<VisitorId>,
    /// The id to use when the visitor is new.
    pub fresh_visitor: VisitorId,
    /// The browser key that the page presented, without a proof that it has the private half.
    pub jkt: Option<Thumbprint>,
    /// Whether the page was reached by reload or back/forward: what the visitor has as a live touch makes no second one.
    pub again: bool,
    /// What was captured, at most one per program.
    pub touches: Vec<NewTouch>,
    /// The landing URL as it may be stored.
    pub landing_url: String,
    /// When the page was reached: never the future, at most a day ago.
    pub at: UnixMillis,
    /// How many new touches the site may still record.
    pub budget: Budget,
    /// Now.
    pub now: UnixMillis,
}

/// A bound on what strangers may have a site write down. It counts by whole minutes, so that asking costs the same however
/// much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// So many for the whole site...
    pub most: u64,
    /// ...and so many for one network...
    pub most_of_network: u64,
    /// ...such as this one...
    pub network: NetworkHash,
    /// ...from the minute after this one to now.
    pub since: UnixMillis,
}

/// A client network under a name that leads back to no address: 8 bytes of a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkHash(pub [u8; 8]);

/// One captured touch.
#[derive(Debug, Clone)]
pub struct NewTouch {
    /// The id to use when it is new.
    pub id: ConversionId,
    /// Its program.
    pub program: ProgramId,
    /// What was captured.
    pub captured: Captured,
    /// Touch time plus the program's window.
    pub expires_at: UnixMillis,
}

/// A touch as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTouch {
    /// What attribution looks at.
    pub touch: Touch,
    /// Its visitor.
    pub visitor: VisitorId,
    /// What was captured.
    pub captured: Captured,
    /// The landing URL as stored.
    pub landing_url: String,
}

/// What became of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedArrival {
    /// The visitor: the known one, the arrival's first one on a mere repeat by the same key, else the fresh one.
    pub visitor: VisitorId,
    /// Whether whoever asks is this visitor beyond doubt: by the cookie, or since the visitor is new. One who only repeats
    /// arrival id and public key is not: both are sent in the open.
    pub is_proved: bool,
    /// The visitor's newest live touch.
    pub newest: StoredTouch,
    /// Whether at least one touch is new (201), else all were known (a repeat).
    pub is_new: bool,
}

/// Whom a conversion came from, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assurance {
    /// A token that names no browser key.
    Bearer,
    /// A token bound to a browser key, and that key's signature.
    Bound,
    /// An API key of the merchant's backend.
    Server,
}

/// A verified conversion, ready to be decided and written.
#[derive(Debug, Clone)]
pub struct NewConversion {
    /// The site.
    pub site: SiteId,
    /// The ledger's id to use when it is new: the `jti`, so that page and ledger call it the same, else one of the ledger's own.
    pub id: ConversionId,
    /// The visitor behind the token.
    pub visitor: VisitorId,
    /// The caller's id: for ever the replay key within site and visitor.
    pub jti: ConversionId,
    /// SHA-256 of the canonical encoding.
    pub content_hash: [u8; 32],
    /// What happened.
    pub conversion: Conversion,
    /// When it happened, clamped between touch and receipt.
    pub occurred_at: UnixMillis,
    /// Now.
    pub received_at: UnixMillis,
    /// How sure the proxy is of the sender.
    pub assurance: Assurance,
    /// Of a page's: how many of them the site may still hold.
    pub budget: Option<Budget>,
}

/// Touches of one program that a decision looks at: more than any person has in a window. Each is kept in its trace, and a
/// flood of arrivals must not make that grow.
pub const TOUCHES_KNOWN: u32 = 50;

/// Conversions of one visitor's pages that a decision looks at. No person has so many; whoever sends them must not make each
/// further one dearer for all.
pub const CONVERSIONS_KNOWN: u32 = 1000;

/// Conversions that follow another one, decided in one transaction. Each takes about a millisecond of the one writer; those
/// beyond are owed ([`Store::follow_up`]).
pub const FOLLOWERS_AT_ONCE: u32 = 50;

/// What the ledger knows that a decision needs; read inside the accepting transaction.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The visitor's newest [`TOUCHES_KNOWN`] touches of each program.
    pub touches: Vec<StoredTouch>,
    /// Number of other keys of this kind that were accepted for this visitor, or whose result (accepted or taken) was sent to
    /// one of the visitor's pages, whatever their status is now. Counts against `signups_per_visitor`. `u32::MAX` for a visitor of more than [`CONVERSIONS_KNOWN`].
    pub told_to_visitor: u32,
    /// What pages of this visitor said in the day before and heard `held`, whatever became of it since. `u32::MAX` likewise.
    pub held_of_visitor: u32,
    /// Programs in which this conversion's (kind, external id) is claimed already.
    pub claimed: Vec<ProgramId>,
    /// Whether all that holds it is the word of other visitors' pages, which no merchant has signed.
    pub is_claimed_by_page: bool,
    /// Whether the site's backend can call: it has an API key that is not revoked.
    pub has_api_key: bool,
    /// Deliveries that are neither settled nor blocked, over the whole site.
    pub queued: u64,
    /// Whether this conversion's (kind, external id) stands already: accepted, claimed, or said by a server; also when every
    /// vendor refused what a server said of another visitor.
    pub is_stated: bool,
    /// Whether a conversion of this very visitor is among those by which it stands.
    pub is_own: bool,
    /// Of a sale: the touches for which its customer's signup was delivered.
    pub signup: Vec<Touch>,
    /// Of a sale: programs whose vendor may still credit somebody else for its customer, on a page's word that a backend has
    /// overruled.
    pub disputed: Vec<ProgramId>,
    /// Of a sale with no signup: whether a signup of its customer was rejected, by every vendor or by an operator.
    pub is_signup_rejected: bool,
    /// Of a refund: the sale that it names.
    pub sale: Option<KnownSale>,
    /// Of a sale or refund: minor units of that sale that were refunded so far, under other keys than this one's.
    pub refunded_minor: i64,
    /// Of a sale: refunds that came before it and wait, and those that ended because it counted for nobody so far, each key
    /// once; the first first, one more than [`FOLLOWERS_AT_ONCE`] at most.
    pub waiting: Vec<Held>,
}

/// The sale that a refund names: the one that was accepted, else the one that a server stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSale {
    /// How it stands.
    pub status: Status,
    /// Its total.
    pub money: Money,
    /// Its customer.
    pub customer: Option<CustomerKey>,
    /// The touches for which it was delivered, one a program.
    pub touches: Vec<Touch>,
}

/// A conversion that is held, or a refund that ended with its sale, as far as a rule that decides again looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The site.
    pub site: SiteId,
    /// The ledger's id.
    pub id: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// The business key; absent while only an unverified claim holds it.
    pub external_id: Option<String>,
    /// The customer, where one is named.
    pub customer: Option<CustomerKey>,
    /// Of a sale or refund, its total.
    pub money: Option<Money>,
    /// When it happened, as it was decided.
    pub occurred_at: UnixMillis,
    /// Whether it is held; else it ended.
    pub is_held: bool,
}

/// What the rules say about a conversion; written in the same transaction.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The receipt, as it will be given and repeated.
    pub receipt: Receipt,
    /// The attribution with its trace.
    pub decision: Decision,
    /// One per credited program; each claims its (program, kind, external id).
    pub deliveries: Vec<NewDelivery>,
    /// What follows for conversions that were held.
    pub consequences: Vec<Consequence>,
}

/// What a ruling means for conversions that were held; written in the same transaction and kept on their record.
#[derive(Debug, Clone)]
pub enum Consequence {
    /// Whatever pages hold of this kind and key holds it no more, and their deliveries end: a server has stated it for another
    /// visitor.
    Overrules,
    /// A page's delivery of this kind and key that waits for the server's word waits no longer.
    Confirms,
    /// Conversions that follow this one are decided in steps of their own, after this transaction.
    Owes,
    /// Held conversions of the same kind and key are closed as duplicates: a server has stated that key.
    ClosesHeld,
    /// This conversion itself is closed as a duplicate: its key stands already. Its receipt, which a page reads that may not
    /// know, says `held` like that of any other.
    ClosesItself,
    /// A conversion of [`Known::waiting`], named by the receipt, stands so from now on. Its own first receipt stays as it was given.
    Decides(Box<Ruling>),
}

/// A delivery to create.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id.
    pub id: ConversionId,
    /// Its program, and lane.
    pub program: ProgramId,
    /// The vendor.
    pub vendor: VendorName,
    /// The credited touch.
    pub touch: ConversionId,
    /// Due from here on.
    pub due_at: UnixMillis,
    /// What it waits for until then, for people.
    pub reason: Option<String>,
}

/// Decides about a conversion inside the accepting transaction. Pure, quick, and called at most once.
pub type AcceptRule = Box<dyn FnOnce(&Known) -> Result<Ruling, StoreError> + Send>;

/// Decides again about a conversion that was held, inside the releasing transaction. Pure, quick, and called at most once.
pub type ReleaseRule = Box<dyn FnOnce(&Held, &Known) -> Result<Ruling, StoreError> + Send>;

/// Decides again about conversions that follow another one, inside the transactions of [`Store::follow_up`]. Pure and quick.
pub type FollowRule = Arc<dyn Fn(&Held, &Known) -> Result<Ruling, StoreError> + Send + Sync>;

/// What became of a posted conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The same `jti` with other content.
    Mismatch,
    /// Nothing was written: the wanted id, which a page chose, belongs to another conversion of the site.
    IdTaken,
    /// Committed just now.
    New(Receipt),
    /// The same `jti` with the same content: the first receipt, to be given as replayed.
    Replayed(Receipt),
}

/// A signing key of a site.
#[derive(Clone)]
pub struct KeyRow {
    /// The site.
    pub site: SiteId,
    /// Its name in the JWKS.
    pub kid: KeyId,
    /// The public key.
    pub public_key: [u8; 32],
    /// The private key, PKCS#8 as base64.
    pub private_key: Secret,
    /// When it was made and published.
    pub created_at: UnixMillis,
    /// From when it signs: published before it signs.
    pub signs_from: UnixMillis,
    /// When the last thing that it signed expires; it verifies until then.
    pub last_expiry: Option<UnixMillis>,
    /// When it stopped signing.
    pub retired_at: Option<UnixMillis>,
    /// When it was revoked; it verifies nothing since.
    pub revoked_at: Option<UnixMillis>,
}

impl fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRow").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A change to a signing key.
#[derive(Debug, Clone)]
pub enum KeyChange {
    /// A new key.
    Add(KeyRow),
    /// Stops signing at this point; goes on verifying.
    Retire(SiteId, KeyId, UnixMillis),
    /// Stops verifying at once.
    Revoke(SiteId, KeyId, UnixMillis),
    /// Something was signed that expires here.
    Signed(SiteId, KeyId, UnixMillis),
}

/// The ledger. Intake's part stands here; [`callers::CallerStore`], [`delivery::DeliveryStore`],
/// [`webhooks::WebhookStore`], [`operator::OperatorStore`] and [`sums::SumStore`] hold the others'.
pub trait Store:
    callers::CallerStore
    + delivery::DeliveryStore
    + operator::OperatorStore
    + sums::SumStore
    + webhooks::WebhookStore
    + fmt::Debug
    + Send
    + Sync
{
    /// Records an arrival with its touches, in one transaction: a repeat by the same cookie or browser key gives the same
    /// visitor and touches, from anyone else a new visitor; by the key alone it must hold nothing new, and proves nothing; the same click id for the same visitor is the same touch,
    /// without one each arrival is a touch of its own; a touch from a vendor's cookie counts only where the visitor has
    /// none in that program, alive or not; one whose window is over does not count.
    ///
    /// `None` when nothing counted and the visitor has no live touch.
    ///
    /// # Errors
    /// `OverBudget` when there is something new and the budget of site or network has no room for all of it. What is known
    /// already needs none.
    fn record_arrival(&self, arrival: Arrival) -> Reply<'_, Option<RecordedArrival>>;

    /// The newest touch of a visitor that is alive at `now`.
    fn live_touch(&self, site: SiteId, visitor: VisitorId, now: UnixMillis) -> Reply<'_, Option<StoredTouch>>;

    /// Conversion, unique keys, decision, deliveries and receipt in one transaction, or the first receipt again.
    ///
    /// # Errors
    /// What the rule says; `OverBudget` when it holds a page's conversion and the budget for those is spent.
    fn accept(&self, new: NewConversion, rule: AcceptRule) -> Reply<'_, Accepted>;

    /// Does a part of what accepted conversions owe others, at most [`FOLLOWERS_AT_ONCE`] of them, in one transaction: the
    /// refunds that waited for a sale, the sales that were held while a vendor credited somebody else for their customer, what
    /// was held under a key that a server has stated. False when nothing is owed. What the rule refuses stays held.
    ///
    /// # Errors
    /// What else the rule says; nothing was done then, and it is still owed.
    fn follow_up(&self, rule: FollowRule, now: UnixMillis) -> Reply<'_, bool>;

    /// All signing keys of a site, revoked ones too, the newest first.
    fn keys(&self, site: SiteId) -> Reply<'_, Vec<KeyRow>>;

    /// Changes signing keys, all or none.
    fn change_keys(&self, changes: Vec<KeyChange>) -> Reply<'_, ()>;

    /// Whether the ledger records what it is given. After a failed commit, and before the first answer, this writes and
    /// commits 64 KiB to find out; otherwise it answers at once.
    ///
    /// # Errors
    /// `NoSpace`, `Unavailable` or `Corrupt`: why it records nothing now.
    fn records(&self) -> Reply<'_, ()>;

    /// How many writes were refused since the start of this process, by reason.
    fn refusals(&self) -> Vec<(&'static str, u64)>;

    /// Stops taking work, finishes what was taken, closes the store.
    fn close(&self) -> Reply<'_, ()>;
}

impl Assurance {
    /// The word in SQL, logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Bound => "bound",
            Self::Server => "server",
        }
    }
}
