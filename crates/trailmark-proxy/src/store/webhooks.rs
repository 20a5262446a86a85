//! The ledger's methods for webhooks and commissions. A webhook is kept before it is answered and matched with
//! deliveries afterwards. The vendor is asked about a delivery's commission when a webhook names it or the time has
//! come. The adapter reads a webhook; [`crate::commissions`] decides when to ask.

use std::fmt;

use serde::{Deserialize, Serialize};
use trailmark_vendors::commission::{Commission, Earned};
use trailmark_vendors::webhook::Meaning;
use trailmark_wire::ids::{DeliveryId, ProgramId, SiteId, WebhookId};
use trailmark_wire::money::Money;
use trailmark_wire::time::UnixMillis;

use super::Reply;
use super::delivery::{LaneGate, LaneKey};
use super::listing::{Filter, Page};

/// State of a webhook. All except `Received`, `Followed` and `Dropped` are quarantine: kept with a reason until an
/// operator replays or drops it, or a delivery arrives that an unmatched webhook names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// An operator gave it up.
    Dropped,
    /// Its deliveries were marked for a commission query, or it concerns no commission.
    Followed,
    /// Kept, but not interpreted yet.
    Received,
    /// Larger than we read; its beginning is kept.
    TooLarge,
    /// Not an event of the vendor's documents.
    UnknownEvent,
    /// Names nothing that the ledger knows so far.
    Unmatched,
    /// Cannot be read as an event.
    Unreadable,
}

impl WebhookState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Received,
        Self::Followed,
        Self::Unmatched,
        Self::UnknownEvent,
        Self::Unreadable,
        Self::TooLarge,
        Self::Dropped,
    ];

    /// The word in SQL, JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Followed => "followed",
            Self::Received => "received",
            Self::TooLarge => "too_large",
            Self::UnknownEvent => "unknown_event",
            Self::Unmatched => "unmatched",
            Self::Unreadable => "unreadable",
        }
    }

    /// Whether it waits for an operator or for a delivery.
    pub fn is_quarantined(self) -> bool {
        matches!(self, Self::TooLarge | Self::UnknownEvent | Self::Unmatched | Self::Unreadable)
    }

    /// Whether it may be deleted when there are too many.
    pub fn may_leave(self) -> bool {
        matches!(self, Self::Dropped | Self::Followed)
    }
}

/// A webhook that came to a valid address. `Debug` shows no body.
#[derive(Clone)]
pub struct NewWebhook {
    /// The site.
    pub site: SiteId,
    /// The ledger's id if it is new.
    pub id: WebhookId,
    /// The program that the address belongs to.
    pub program: ProgramId,
    /// SHA-256 of the body.
    pub body_hash: [u8; 32],
    /// The body, whole or cut.
    pub body: Vec<u8>,
    /// What the vendor's adapter reads in it; `None` where the body is cut.
    pub meaning: Option<Meaning>,
    /// Now.
    pub received_at: UnixMillis,
    /// How many are kept of a site, see [`WebhookStore::keep_webhook`].
    pub most: u32,
}

impl fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewWebhook").field("id", &self.id).field("program", &self.program).finish_non_exhaustive()
    }
}

/// Whether a webhook was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Committed just now.
    New,
    /// The same body came before. It is interpreted again, because vendors give events no id.
    Repeated,
}

/// A webhook to interpret. `Debug` shows no body.
#[derive(Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its id.
    pub id: WebhookId,
    /// Its body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A webhook, for people; without its body, which may hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRow {
    /// The ledger's id.
    pub id: WebhookId,
    /// The site.
    pub site: SiteId,
    /// The program that its address belongs to.
    pub program: ProgramId,
    /// Its state.
    pub state: WebhookState,
    /// The event's name, once read.
    pub event: Option<String>,
    /// Why it is in that state; of an event that concerns no commission, also what it is about.
    pub reason: Option<String>,
    /// How many deliveries it concerned when it was last interpreted.
    pub deliveries: u32,
    /// How often the same body came.
    pub times: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it first came.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub received_at: UnixMillis,
    /// When it last came, RFC 3339.
    pub last_at: String,
    /// When it was last interpreted, RFC 3339.
    pub interpreted_at: Option<String>,
}

/// An operator's decision about a webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebhookChange {
    /// Gives it up.
    Drop {
        /// Why.
        reason: String,
    },
    /// Interprets it again.
    Replay,
}

/// A request for due commission queries.
pub struct AskClaim {
    /// The program.
    pub lane: LaneKey,
    /// At most this many, the longest due first.
    pub most: u32,
    /// Decides how many questions the lane lets through; called only if at least one is due.
    pub gate: LaneGate,
    /// Without an answer they are due again at this time.
    pub again_at: UnixMillis,
    /// What is due by this time is claimed.
    pub due_by: UnixMillis,
}

impl fmt::Debug for AskClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskClaim").field("lane", &self.lane).field("most", &self.most).finish_non_exhaustive()
    }
}

/// A delivery whose commission is queried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The lane.
    pub lane: LaneKey,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The question's number; later questions have higher numbers.
    pub number: u32,
    /// What identifies the commission at the vendor.
    pub earned: Earned,
    /// The commission's state so far.
    pub commission: Commission,
    /// When the conversion was received.
    pub received_at: UnixMillis,
    /// [`AskClaim::again_at`]; shows whether somebody requested another query meanwhile.
    pub again_at: UnixMillis,
}

/// The result of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The commission's state and why; `None` if the answer was not clear.
    pub standing: Option<(Commission, Option<String>)>,
    /// Its amount, if the vendor told it; counts only with a `standing`.
    pub amount: Option<Money>,
    /// The last question and its answer for people, such as `GET rewards: HTTP 404`; `None` if the vendor has no such
    /// question.
    pub said: Option<String>,
    /// When to ask next; `None` if nothing more is expected.
    pub next_at: Option<UnixMillis>,
    /// Now.
    pub now: UnixMillis,
}

/// The ledger's methods for webhooks and commissions.
pub trait WebhookStore: fmt::Debug + Send + Sync {
    /// Keeps a webhook in one transaction. A body that is kept already is counted and interpreted again. At `most` of a
    /// site the oldest finished ones are removed, last those that alone link a partner's id with a key. If that is not
    /// enough, a webhook that names a known delivery, or concerns no commission, is kept all the same, since it is finished
    /// once it is interpreted; one that may be matched later is kept up to twice `most`; all others wait for a person and
    /// are refused.
    ///
    /// # Errors
    /// `Full` as said.
    fn keep_webhook(&self, new: NewWebhook) -> Reply<'_, Kept>;

    /// Webhooks of a program that are not interpreted yet, the oldest first.
    fn unread_webhooks(&self, lane: LaneKey, most: u32) -> Reply<'_, Vec<Unread>>;

    /// Records what a webhook means, and in the same transaction marks the deliveries that it concerns for a
    /// commission query. Returns its new state. A webhook about a partner concerns at most the newest 1,000 unpaid
    /// deliveries.
    ///
    /// # Errors
    /// `NotFound` if there is no such webhook, or it was interpreted already.
    fn follow_webhook(&self, site: SiteId, id: WebhookId, meaning: Meaning, now: UnixMillis)
    -> Reply<'_, WebhookState>;

    /// When a lane's next commission query is due; `None` if there is none.
    fn next_commission(&self, lane: LaneKey) -> Reply<'_, Option<UnixMillis>>;

    /// Recorded deliveries whose commission query is due, each with its question's number. Without an answer they
    /// become due again.
    fn claim_commissions(&self, claim: AskClaim) -> Reply<'_, Vec<Asking>>;

    /// Stores an answer, and records a change on the delivery. Returns false and writes nothing if a later query was answered
    /// already. Keeps the time of the next query if another transaction has changed it meanwhile.
    ///
    /// # Errors
    /// `NotFound` if there is no such delivery.
    fn tell_commission(&self, asking: &Asking, told: Told) -> Reply<'_, bool>;

    /// Marks a conversion's recorded deliveries for a commission query at once; returns how many.
    ///
    /// # Errors
    /// `NotFound`; `Refused` if none of its deliveries is recorded.
    fn ask_commissions(&self, id: String, now: UnixMillis) -> Reply<'_, u32>;

    /// Webhooks, newest first; the filter's state is a [`WebhookState`]'s word or `quarantined`.
    fn webhooks(&self, filter: Filter) -> Reply<'_, Page<WebhookRow>>;

    /// One webhook, by its full id or an unambiguous beginning of at least 8 characters.
    fn webhook(&self, id: String) -> Reply<'_, WebhookRow>;

    /// Changes a webhook by hand.
    ///
    /// # Errors
    /// `NotFound`; `Refused` for replaying a cut body or dropping a finished webhook.
    fn change_webhook(&self, id: String, change: WebhookChange, now: UnixMillis) -> Reply<'_, WebhookRow>;

    /// Number of webhooks by state.
    fn count_webhooks(&self) -> Reply<'_, Vec<(WebhookState, u64)>>;
}
