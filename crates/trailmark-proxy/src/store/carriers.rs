//! The ledger's methods for carriers ([`trailmark_wire::carrier`]): whose visit a link carries, and who has used it. Time and
//! proof are intake's business.

use trailmark_wire::ids::{Jti, SiteId, VisitorId};
use trailmark_wire::jwk::Thumbprint;
use trailmark_wire::time::UnixMillis;

use super::{Budget, Reply};

/// A carrier that a page has announced.
#[derive(Debug, Clone)]
pub struct NewCarrier {
    /// The site.
    pub site: SiteId,
    /// The carrier's id.
    pub id: Jti,
    /// Whose visit it carries.
    pub visitor: VisitorId,
    /// How many the site may still record.
    pub budget: Budget,
    /// Now.
    pub now: UnixMillis,
}

/// What a carrier says to the page that brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// Used before, by the page's own browser key: its answer was lost. Proves nothing, because key and carrier were sent in
    /// the open.
    Again(VisitorId),
    /// Used now for the first time: the page belongs to this visitor.
    First(VisitorId),
    /// Used by another browser, or too old.
    Spent,
    /// Nobody has announced it, or not yet.
    Unknown,
}

/// Carriers.
pub trait CarrierStore {
    /// Keeps a carrier. A repeat changes nothing. Keeps none of a visitor without a live touch: there is nothing to carry.
    /// Removes old ones.
    ///
    /// # Errors
    /// `OverBudget` if the budget of site or network is spent.
    fn keep_carrier(&self, new: NewCarrier) -> Reply<'_, ()>;

    /// Uses a carrier, which works once, and again for the browser key `jkt` of the first use. It counts for
    /// [`trailmark_wire::limits::CARRIER_KEPT_MS`].
    fn use_carrier(&self, site: SiteId, id: Jti, jkt: Option<Thumbprint>, now: UnixMillis) -> Reply<'_, Carried>;
}
