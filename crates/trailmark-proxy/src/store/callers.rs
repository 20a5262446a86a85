//! The server callers' part of the ledger: API keys, conversions under an Idempotency-Key, and what a caller may read back.
//! Keys are known here by their hashes alone; who makes and shows them is [`crate::api_keys`].

use std::fmt;

use trailmark_wire::ids::{ConversionId, KeyId, SiteId, VisitorId};
use trailmark_wire::time::UnixMillis;

use super::operator::ConversionDetail;
use super::{AcceptRule, Accepted, NewConversion, Reply};

/// An API key of a site's backend, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// The site that it speaks for.
    pub site: SiteId,
    /// Its name in lists and for revocation: 16 hexadecimal digits.
    pub id: KeyId,
    /// What the operator calls it.
    pub name: String,
    /// SHA-256 of the key as it was shown.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last used, within a minute.
    pub last_used_at: Option<UnixMillis>,
    /// When it was revoked; it opens nothing since.
    pub revoked_at: Option<UnixMillis>,
}

/// A change to an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyChange {
    /// A new key.
    Add(ApiKeyRow),
    /// It was used at this point.
    Used(SiteId, KeyId, UnixMillis),
    /// Opens nothing from here on; the first revocation stands.
    Revoke(SiteId, KeyId, UnixMillis),
}

/// Under which keys a server posts a conversion, and whom it says that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCall {
    /// The API key.
    pub api_key: KeyId,
    /// SHA-256 of the Idempotency-Key.
    pub idempotency_key: [u8; 32],
    /// Whom it says that the conversion came from.
    pub whose: Whose,
}

/// Whom a server's call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The visitor behind a token or cookie that was good once and is over.
    Former(VisitorId),
    /// It says that no visitor stands behind it.
    Nobody,
    /// Nobody, and does not say so.
    Unsaid,
    /// The visitor behind the token, cookie or reference that it sent; perhaps unknown to the ledger.
    Visitor(VisitorId),
}

/// What server callers ask of a ledger.
pub trait CallerStore: fmt::Debug + Send + Sync {
    /// The API key of a site with this hash, revoked or not.
    fn api_key(&self, site: SiteId, hash: [u8; 32]) -> Reply<'_, Option<ApiKeyRow>>;

    /// All API keys of a site, revoked ones too, the newest first.
    fn api_keys(&self, site: SiteId) -> Reply<'_, Vec<ApiKeyRow>>;

    /// Makes, marks or revokes an API key.
    ///
    /// # Errors
    /// `NotFound` when there is no such key, `Refused` when a new one is there already.
    fn change_api_key(&self, change: ApiKeyChange) -> Reply<'_, ()>;

    /// As [`super::Store::accept`], with the Idempotency-Key, scoped to the API key, in place of visitor and `jti`; it is
    /// written in the same transaction. The conversion belongs to the call's visitor if the ledger has that one, else to the
    /// visitor whose signup brought the customer (of a refund also: whose sale it is), else to nobody: `new.visitor`, a
    /// fresh one. A signup of [`Whose::Nobody`] is nobody's, and one of [`Whose::Former`] that visitor's where somebody else's
    /// signup brought the customer: what a page claimed before is not confirmed by it.
    fn accept_from_server(&self, new: NewConversion, call: ServerCall, rule: AcceptRule) -> Reply<'_, Accepted>;

    /// One conversion of this site by its whole id, with everything about it.
    fn conversion_of(&self, site: SiteId, id: ConversionId) -> Reply<'_, Option<ConversionDetail>>;
}
