//! The ledger's contract: what is kept, and which steps are one transaction. [`sqlite`] implements it for one
//! machine; Postgres is to follow. `store/conformance.rs` checks every implementation against the same claims.
//! Decisions come in as closures ([`AcceptRule`]) and transitions, so that all stores decide alike.
//!
//! Site id leads every key. The caller passes the time, in milliseconds.

pub mod callers;
pub mod carriers;
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
use trailmark_wire::ids::{
    ArrivalId, ConversionId, CustomerKey, DeliveryId, Jti, KeyId, ProgramId, SiteId, TouchId, VisitorId,
};
use trailmark_wire::jwk::Thumbprint;
use trailmark_wire::money::Money;
use trailmark_wire::receipt::{Receipt, Status};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::vendor::VendorName;

/// The result of every method of a store.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Why the ledger did not do something. Then it wrote nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's file or an answer is invalid: an operator must look.
    #[error("the ledger is damaged: {0}")]
    Corrupt(String),
    /// A queue or a quarantine is at its limit: try again later.
    #[error("the ledger takes no more of this for now: {0}")]
    Full(Limit),
    /// Another process has the ledger open.
    #[error(
        "the ledger cannot be reached: another trailmark process has {0} open: stop it first, or ask its operator's listener \
         (`server.admin_listen`), as commands without --store do"
    )]
    InUse(String),
    /// The caller's lease has ended; somebody else has the delivery.
    #[error("the lease on this delivery has ended")]
    LeaseLost,
    /// The disk is full: nothing can be recorded until space is freed.
    #[error("the disk that holds the ledger is full: free space on it")]
    NoSpace,
    /// There is no such row.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A budget is spent: the site's, its visitor's, or the client network's share. Try again later.
    #[error("a budget of the site is spent")]
    OverBudget,
    /// The row's state does not allow this step; the text names the state and the cure.
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
    /// The visitor that the verified visitor cookie names.
    pub known_visitor: Option<VisitorId>,
    /// The id to use when the visitor is new.
    pub fresh_visitor: VisitorId,
    /// The browser key that the page sent, without proof that it has the private half.
    pub jkt: Option<Thumbprint>,
    /// Whether the page was reached by reload or back/forward: a touch that the visitor already has alive is not
    /// repeated.
    pub again: bool,
    /// What was captured, at most one per program.
    pub touches: Vec<NewTouch>,
    /// The landing URL as it may be stored.
    pub landing_url: String,
    /// When the page was reached: not in the future, at most a day ago.
    pub at: UnixMillis,
    /// How many new touches the site may still record.
    pub budget: Budget,
    /// Now.
    pub now: UnixMillis,
}

/// A limit on what strangers can make a site record. It counts whole minutes, so a check costs the same however much
/// was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Limit for the whole site.
    pub most: u64,
    /// Limit for one client network.
    pub most_of_network: u64,
    /// The client's network.
    pub network: NetworkHash,
    /// Counting starts with the minute after this one and ends now.
    pub since: UnixMillis,
}

/// A client network as 8 bytes of a keyed hash, which cannot be turned back into an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NetworkHash(pub [u8; 8]);

/// One captured touch.
#[derive(Debug, Clone)]
pub struct NewTouch {
    /// The id to use when it is new.
    pub id: TouchId,
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
    /// The known visitor; for a mere repeat by the same key, the arrival's first visitor; otherwise the fresh one.
    pub visitor: VisitorId,
    /// Whether the caller certainly is this visitor: by the cookie, or because the visitor is new. A caller who only
    /// repeats arrival id and public key is not, because both are sent in the open.
    pub is_proved: bool,
    /// The visitor's newest live touch.
    pub newest: StoredTouch,
    /// Whether at least one touch is new (201); otherwise this is a repeat.
    pub is_new: bool,
}

/// Who sent a conversion, and how sure that is.
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
    /// The ledger's id if it is new: the `jti`, so that page and ledger use the same id; otherwise the ledger's own.
    pub id: ConversionId,
    /// The visitor behind the token.
    pub visitor: VisitorId,
    /// The caller's id: the permanent replay key within site and visitor.
    pub jti: Jti,
    /// SHA-256 of the canonical encoding.
    pub content_hash: [u8; 32],
    /// What happened.
    pub conversion: Conversion,
    /// When it happened, between touch and receipt.
    pub occurred_at: UnixMillis,
    /// Now.
    pub received_at: UnixMillis,
    /// How sure the proxy is of the sender.
    pub assurance: Assurance,
    /// For a page's conversion: how many the site may still hold.
    pub budget: Option<Budget>,
}

/// Touches of one program that a decision looks at: more than any person has in a window. The trace keeps each, and a
/// flood of arrivals must not make it grow.
pub const TOUCHES_KNOWN: u32 = 50;

/// Conversions of one visitor's pages that a decision looks at. No person has so many. The limit keeps one visitor's
/// flood from slowing every further decision.
pub const CONVERSIONS_KNOWN: u32 = 1000;

/// Conversions that one transaction decides because they follow another one. Each takes about a millisecond of the
/// single writer; the rest is done later ([`Store::follow_up`]).
pub const FOLLOWERS_AT_ONCE: u32 = 50;

/// What the ledger knows that a decision needs; read inside the accepting transaction.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The visitor's newest [`TOUCHES_KNOWN`] touches of each program, with a click id and without.
    pub touches: Vec<StoredTouch>,
    /// Number of other keys of this kind that were accepted for this visitor, or whose result (accepted or taken) was
    /// sent to one of the visitor's pages, whatever their status is now. Counts against `signups_per_visitor`.
    /// `u32::MAX` for a visitor with more than [`CONVERSIONS_KNOWN`].
    pub told_to_visitor: u32,
    /// Conversions of this visitor's pages that were answered `held` in the last day, whatever their status is now.
    /// `u32::MAX` as above.
    pub held_of_visitor: u32,
    /// Programs in which this conversion's (kind, external id) is claimed already.
    pub claimed: Vec<ProgramId>,
    /// Whether only unsigned conversions of other visitors' pages claim the key.
    pub is_claimed_by_page: bool,
    /// Whether the site's backend can call: it has an API key that is not revoked.
    pub has_api_key: bool,
    /// Deliveries that are neither settled nor blocked, over the whole site.
    pub queued: u64,
    /// Whether this (kind, external id) exists already: accepted, claimed, or stated by a server. Also true if every
    /// vendor refused what a server stated for another visitor.
    pub is_stated: bool,
    /// Whether this visitor owns one of the conversions behind `is_stated`.
    pub is_own: bool,
    /// Of a sale: the touches for which its customer's signup was delivered.
    pub signup: Vec<Touch>,
    /// For a sale: programs whose vendor may still credit the partner of an overruled page for this customer.
    pub disputed: Vec<ProgramId>,
    /// Whether anybody has reported a signup of its customer; not for a refund.
    pub is_customer_known: bool,
    /// Whether every vendor or an operator rejected a signup of its customer; not for a refund.
    pub is_signup_rejected: bool,
    /// For a refund: the sale that it names.
    pub sale: Option<KnownSale>,
    /// For a sale or refund: minor units of that sale refunded so far, under other keys than this one's.
    pub refunded_minor: i64,
    /// For a sale: refunds that arrived before it and wait, and refunds that ended because the sale counted for
    /// nobody. Each key once, the oldest first, at most one more than [`FOLLOWERS_AT_ONCE`].
    pub waiting: Vec<Held>,
}

/// The sale that a refund names: the accepted one, otherwise the one that a server stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSale {
    /// Its status.
    pub status: Status,
    /// Its total.
    pub money: Money,
    /// Its customer.
    pub customer: Option<CustomerKey>,
    /// The touches for which it was delivered, one for each program.
    pub touches: Vec<Touch>,
}

/// What a rule needs to decide again about a held conversion, or about a refund that ended with its sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The site.
    pub site: SiteId,
    /// The ledger's id.
    pub id: ConversionId,
    /// What happened.
    pub kind: Kind,
    /// The business key; absent if only an unverified statement has it.
    pub external_id: Option<String>,
    /// The customer, where one is named.
    pub customer: Option<CustomerKey>,
    /// Of a sale or refund, its total.
    pub money: Option<Money>,
    /// When it happened, as first decided.
    pub occurred_at: UnixMillis,
    /// Whether it is held; otherwise it ended.
    pub is_held: bool,
}

/// What the rules say about a conversion; written in the same transaction.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The receipt, as it is first given and repeated.
    pub receipt: Receipt,
    /// The attribution with its trace.
    pub decision: Decision,
    /// One per credited program; each claims its (program, kind, external id).
    pub deliveries: Vec<NewDelivery>,
    /// Changes to held conversions.
    pub consequences: Vec<Consequence>,
}

/// What a ruling changes in other conversions; written in the same transaction and recorded on each of them.
#[derive(Debug, Clone)]
pub enum Consequence {
    /// A server stated this kind and key for another visitor: pages' claims on it, and their deliveries, end.
    Overrules,
    /// A page's delivery with this kind and key need not wait for the server any longer.
    Confirms,
    /// Conversions that follow this one are decided later, in transactions of their own.
    Owes,
    /// Held conversions with the same kind and key are closed as duplicates: a server has stated the key.
    ClosesHeld,
    /// This conversion itself is closed as a duplicate, because its key is taken. Its receipt says `held` like any
    /// other, because the page must not learn that.
    ClosesItself,
    /// A conversion of [`Known::waiting`], which the receipt names, gets this ruling. Its first receipt stays
    /// unchanged.
    Decides(Box<Ruling>),
}

/// A delivery to create.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// Its program, and lane.
    pub program: ProgramId,
    /// The vendor.
    pub vendor: VendorName,
    /// The credited touch.
    pub touch: TouchId,
    /// When it is due.
    pub due_at: UnixMillis,
    /// What it waits for until then, for people.
    pub reason: Option<String>,
}

/// Decides about a conversion inside the accepting transaction. Pure, quick, and called at most once.
pub type AcceptRule = Box<dyn FnOnce(&Known) -> Result<Ruling, StoreError> + Send>;

/// Decides again about a held conversion, inside the releasing transaction. Pure, quick, and called at most once.
pub type ReleaseRule = Box<dyn FnOnce(&Held, &Known) -> Result<Ruling, StoreError> + Send>;

/// Decides again about conversions that follow another one, in the transactions of [`Store::follow_up`]. Pure and
/// quick.
pub type FollowRule = Arc<dyn Fn(&Held, &Known) -> Result<Ruling, StoreError> + Send + Sync>;

/// What became of a posted conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The same `jti` with other content.
    Mismatch,
    /// Nothing was written: the id that a page chose belongs to another conversion of the site.
    IdTaken,
    /// Committed just now.
    New(Receipt),
    /// The same `jti` with the same content: the first receipt, to be returned as replayed.
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
    /// When it was created and published.
    pub created_at: UnixMillis,
    /// When it starts to sign, after its publication.
    pub signs_from: UnixMillis,
    /// When the last thing that it signed expires; it verifies until then.
    pub last_expiry: Option<UnixMillis>,
    /// When it stopped signing.
    pub retired_at: Option<UnixMillis>,
    /// When it was revoked; it verifies nothing after that.
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
    /// Stops signing at this time; continues to verify.
    Retire(SiteId, KeyId, UnixMillis),
    /// Stops verifying at once.
    Revoke(SiteId, KeyId, UnixMillis),
    /// It signed something that expires at this time.
    Signed(SiteId, KeyId, UnixMillis),
}

/// The ledger. These are intake's methods; [`callers::CallerStore`], [`carriers::CarrierStore`],
/// [`delivery::DeliveryStore`], [`webhooks::WebhookStore`], [`operator::OperatorStore`] and [`sums::SumStore`] have the others.
pub trait Store:
    callers::CallerStore
    + carriers::CarrierStore
    + delivery::DeliveryStore
    + operator::OperatorStore
    + sums::SumStore
    + webhooks::WebhookStore
    + fmt::Debug
    + Send
    + Sync
{
    /// Records an arrival with its touches, in one transaction:
    /// - A repeat with the same cookie or browser key returns the same visitor and touches; from anyone else it makes
    ///   a new visitor. A repeat by key alone may hold nothing new, and proves nothing.
    /// - The same click id for the same visitor is the same touch; without a click id each arrival makes its own
    ///   touch.
    /// - A touch from a vendor's cookie counts only if the visitor has no touch in that program, alive or not.
    /// - A touch whose window has ended does not count.
    ///
    /// Returns `None` if nothing counted and the visitor has no live touch.
    ///
    /// # Errors
    /// `OverBudget` if something is new and the budget of site or network has no room for all of it. Known touches
    /// need no budget.
    fn record_arrival(&self, arrival: Arrival) -> Reply<'_, Option<RecordedArrival>>;

    /// The visitor's newest touch that is alive at `now`.
    fn live_touch(&self, site: SiteId, visitor: VisitorId, now: UnixMillis) -> Reply<'_, Option<StoredTouch>>;

    /// Writes conversion, unique keys, decision, deliveries and receipt in one transaction, or returns the first
    /// receipt.
    ///
    /// # Errors
    /// Those of the rule; `OverBudget` if it holds a page's conversion and that budget is spent.
    fn accept(&self, new: NewConversion, rule: AcceptRule) -> Reply<'_, Accepted>;

    /// Decides the next conversions that follow accepted ones, at most [`FOLLOWERS_AT_ONCE`] in one transaction:
    /// refunds that waited for a sale, sales that were held while a vendor credited somebody else for their customer,
    /// and held conversions whose key a server has stated. A conversion that the rule refuses stays held. Returns
    /// false if there is nothing to do.
    ///
    /// # Errors
    /// The rule's other errors; then nothing was written and the work is still to do.
    fn follow_up(&self, rule: FollowRule, now: UnixMillis) -> Reply<'_, bool>;

    /// All signing keys of a site, revoked ones too, the newest first.
    fn keys(&self, site: SiteId) -> Reply<'_, Vec<KeyRow>>;

    /// Changes signing keys, all or none.
    fn change_keys(&self, changes: Vec<KeyChange>) -> Reply<'_, ()>;

    /// Whether the ledger can record. After a failed commit, and before the first answer, this commits 64 KiB to find
    /// out; otherwise it answers from memory.
    ///
    /// # Errors
    /// `NoSpace`, `Unavailable` or `Corrupt`: why it records nothing now.
    fn records(&self) -> Reply<'_, ()>;

    /// Number of refused writes since the start of this process, by reason.
    fn refusals(&self) -> Vec<(&'static str, u64)>;

    /// Takes no more work, finishes what it has taken, closes the store.
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
