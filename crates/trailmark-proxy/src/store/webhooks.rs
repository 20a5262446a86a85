//! The ledger's part in what vendors tell by themselves: webhooks, kept before they are answered and matched with deliveries
//! afterwards, and the commissions that deliveries earned, asked for when one of them says so or time has come. What a
//! webhook means is read by the vendor's adapter; when to ask is decided by [`crate::commissions`].

use std::fmt;

use serde::{Deserialize, Serialize};
use trailmark_vendors::commission::{Commission, Earned};
use trailmark_vendors::webhook::Meaning;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::money::Money;
use trailmark_wire::time::UnixMillis;

use super::Reply;
use super::delivery::{LaneGate, LaneKey};
use super::listing::{Filter, Page};

/// How a webhook stands. All but the first two and [`WebhookState::Dropped`] are its quarantine: kept with a reason until
/// an operator replays or drops them, or a delivery comes that an unmatched one is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookState {
    /// An operator gave it up.
    Dropped,
    /// Its deliveries were marked to be asked for; or it concerns no commission.
    Followed,
    /// Kept; not interpreted yet.
    Received,
    /// Larger than is read; the beginning is kept.
    TooLarge,
    /// No event of the vendor's documents.
    UnknownEvent,
    /// About nobody whom the ledger knows, so far.
    Unmatched,
    /// Not to be read as an event.
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

    /// Whether it waits for a person, or for a delivery.
    pub fn is_quarantined(self) -> bool {
        matches!(self, Self::TooLarge | Self::UnknownEvent | Self::Unmatched | Self::Unreadable)
    }

    /// Whether it may leave the ledger when there are too many.
    pub fn may_leave(self) -> bool {
        matches!(self, Self::Dropped | Self::Followed)
    }
}

/// A webhook that came to the right address. `Debug` shows no body.
#[derive(Clone)]
pub struct NewWebhook {
    /// The site.
    pub site: SiteId,
    /// The ledger's id to use when it is new.
    pub id: ConversionId,
    /// The program whose address it is.
    pub program: ProgramId,
    /// SHA-256 of the body.
    pub body_hash: [u8; 32],
    /// The body as it came, whole or cut.
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

/// What became of a webhook that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Committed just now.
    New,
    /// The same body came before; it will be interpreted again, since vendors give events no id.
    Repeated,
}

/// A webhook to be interpreted. `Debug` shows no body.
#[derive(Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its id.
    pub id: ConversionId,
    /// As it came.
    pub body: Vec<u8>,
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A webhook, for people. Without its body, which may hold personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRow {
    /// The ledger's id.
    pub id: ConversionId,
    /// The site.
    pub site: SiteId,
    /// The program whose address it came to.
    pub program: ProgramId,
    /// How it stands.
    pub state: WebhookState,
    /// The event's name, once it is read.
    pub event: Option<String>,
    /// Why it stands so.
    pub reason: Option<String>,
    /// How many deliveries it concerned when it was last interpreted.
    pub deliveries: u32,
    /// How often the same body came.
    pub times: u32,
    /// Its bytes.
    pub bytes: u64,
    /// When it came first.
    #[serde(with = "trailmark_wire::time::rfc3339")]
    pub received_at: UnixMillis,
    /// When it came last, RFC 3339.
    pub last_at: String,
    /// When it was last interpreted, RFC 3339.
    pub interpreted_at: Option<String>,
}

/// What an operator decides about a webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebhookChange {
    /// Gives it up.
    Drop {
        /// Why.
        reason: String,
    },
    /// Has it interpreted again.
    Replay,
}

/// A wish to ask a vendor about commissions.
pub struct AskClaim {
    /// The lane.
    pub lane: LaneKey,
    /// At most this many; the longest due first.
    pub most: u32,
    /// Says how many questions the lane lets through; asked only when at least one is due.
    pub gate: LaneGate,
    /// If no answer is written down, they are due again here.
    pub again_at: UnixMillis,
    /// Now.
    pub now: UnixMillis,
}

impl fmt::Debug for AskClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskClaim").field("lane", &self.lane).field("most", &self.most).finish_non_exhaustive()
    }
}

/// A delivery whose commission is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The lane.
    pub lane: LaneKey,
    /// The delivery.
    pub delivery: ConversionId,
    /// The number of the question: later ones have higher ones.
    pub number: u32,
    /// What it earned is to be told of.
    pub earned: Earned,
    /// How the commission stood.
    pub commission: Commission,
    /// When the conversion was received.
    pub received_at: UnixMillis,
    /// [`AskClaim::again_at`], by which is seen whether somebody wanted another question in the meantime.
    pub again_at: UnixMillis,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How the commission stands, and what that rests on; `None` where nothing clear was said.
    pub standing: Option<(Commission, Option<String>)>,
    /// How much it is, where the vendor told; counts only with a standing.
    pub amount: Option<Money>,
    /// What was asked last and answered, for people, such as `GET rewards: HTTP 404`; `None` where the vendor has no question.
    pub said: Option<String>,
    /// When to ask next; `None` when nothing more is expected.
    pub next_at: Option<UnixMillis>,
    /// Now.
    pub now: UnixMillis,
}

/// What webhooks and commissions ask of a ledger.
pub trait WebhookStore: fmt::Debug + Send + Sync {
    /// Keeps a webhook, or counts one that is kept already and has it interpreted again, in one transaction. At `most` of
    /// a site the oldest finished ones leave. Where that is not enough, a webhook that names a known delivery, or
    /// concerns no commission, is kept all the same, since it is finished once it is interpreted; one that may be matched
    /// later is kept up to twice `most`; all others wait for a person and are refused.
    ///
    /// # Errors
    /// `Full` as said.
    fn keep_webhook(&self, new: NewWebhook) -> Reply<'_, Kept>;

    /// What a program's address received and nobody has interpreted yet, the oldest first.
    fn unread_webhooks(&self, lane: LaneKey, most: u32) -> Reply<'_, Vec<Unread>>;

    /// Writes down what a webhook means: deliveries that it concerns are to be asked for at once, in the same transaction.
    /// Gives how it stands since. A partner's concerns at most the newest 1,000 deliveries that are not paid.
    ///
    /// # Errors
    /// `NotFound` when there is no such webhook, or it was interpreted already.
    fn follow_webhook(
        &self,
        site: SiteId,
        id: ConversionId,
        meaning: Meaning,
        now: UnixMillis,
    ) -> Reply<'_, WebhookState>;

    /// When a lane's next commission is due to be asked for; `None` when none is.
    fn next_commission(&self, lane: LaneKey) -> Reply<'_, Option<UnixMillis>>;

    /// Recorded deliveries whose commission is due to be asked for, each with the number of its question; they are due
    /// again later, should nobody write an answer down.
    fn claim_commissions(&self, claim: AskClaim) -> Reply<'_, Vec<Asking>>;

    /// Stores an answer, and records a change on the delivery. Returns false and writes nothing if a later query was answered
    /// already. Keeps the time of the next query if another transaction has changed it meanwhile.
    ///
    /// # Errors
    /// `NotFound` when there is no such delivery.
    fn tell_commission(&self, asking: &Asking, told: Told) -> Reply<'_, bool>;

    /// Has the commissions of a conversion's recorded deliveries asked for at once; gives how many.
    ///
    /// # Errors
    /// `NotFound`; `Refused` when none of its deliveries is recorded.
    fn ask_commissions(&self, id: String, now: UnixMillis) -> Reply<'_, u32>;

    /// Webhooks, the newest first; the filter's state is a [`WebhookState`]'s word or `quarantined`.
    fn webhooks(&self, filter: Filter) -> Reply<'_, Page<WebhookRow>>;

    /// One webhook, by its whole id or an unambiguous beginning of at least 8 characters.
    fn webhook(&self, id: String) -> Reply<'_, WebhookRow>;

    /// Changes a webhook by hand.
    ///
    /// # Errors
    /// `NotFound`; `Refused` for a replay of one whose body is not whole, and for dropping one that is done with.
    fn change_webhook(&self, id: String, change: WebhookChange, now: UnixMillis) -> Reply<'_, WebhookRow>;

    /// How many webhooks there are, by state.
    fn count_webhooks(&self) -> Reply<'_, Vec<(WebhookState, u64)>>;
}
