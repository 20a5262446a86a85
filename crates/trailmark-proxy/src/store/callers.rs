//! The ledger's methods for merchants' backends: API keys, conversions under an Idempotency-Key, and reading
//! conversions back. The ledger has only the hashes of keys; [`crate::api_keys`] creates and shows them.

use std::fmt;

use trailmark_wire::ids::{ConversionId, KeyId, SiteId, VisitorId};
use trailmark_wire::time::UnixMillis;

use super::operator::ConversionDetail;
use super::{AcceptRule, Accepted, NewConversion, Reply};

/// An API key of a site's backend, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// The site whose backend uses it.
    pub site: SiteId,
    /// Its name in lists and for revocation: 16 hexadecimal digits.
    pub id: KeyId,
    /// What the operator calls it.
    pub name: String,
    /// SHA-256 of the key's text.
    pub hash: [u8; 32],
    /// When it was created.
    pub created_at: UnixMillis,
    /// When it was last used, within a minute.
    pub last_used_at: Option<UnixMillis>,
    /// When it was revoked; it is refused after that.
    pub revoked_at: Option<UnixMillis>,
}

/// A change to an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiKeyChange {
    /// A new key.
    Add(ApiKeyRow),
    /// It was used at this time.
    Used(SiteId, KeyId, UnixMillis),
    /// Refused from this time on; an earlier revocation is kept.
    Revoke(SiteId, KeyId, UnixMillis),
}

/// The keys under which a server posts a conversion, and which visitor it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCall {
    /// The API key.
    pub api_key: KeyId,
    /// SHA-256 of the Idempotency-Key.
    pub idempotency_key: [u8; 32],
    /// The visitor that the call names.
    pub whose: Whose,
}

/// The visitor that a server's call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The visitor of an expired token or cookie.
    Former(VisitorId),
    /// The call says that there is no visitor.
    Nobody,
    /// The call names no visitor.
    Unsaid,
    /// The visitor of the token, cookie or reference; the ledger may not know this visitor.
    Visitor(VisitorId),
}

/// The ledger's methods for server callers.
pub trait CallerStore: fmt::Debug + Send + Sync {
    /// The API key of a site with this hash, revoked or not.
    fn api_key(&self, site: SiteId, hash: [u8; 32]) -> Reply<'_, Option<ApiKeyRow>>;

    /// All API keys of a site, revoked ones too, the newest first.
    fn api_keys(&self, site: SiteId) -> Reply<'_, Vec<ApiKeyRow>>;

    /// Creates, marks or revokes an API key.
    ///
    /// # Errors
    /// `NotFound` if there is no such key; `Refused` if a new key exists already.
    fn change_api_key(&self, change: ApiKeyChange) -> Reply<'_, ()>;

    /// As [`super::Store::accept`], but the Idempotency-Key, scoped to the API key, takes the place of visitor and
    /// `jti`; it is written in the same transaction. The conversion belongs to the call's visitor if the ledger knows
    /// this visitor, otherwise to the visitor who brought the customer's signup (for a refund also: the sale),
    /// otherwise to the visitor of [`Whose::Former`], whose touches no longer count, otherwise to the fresh visitor
    /// `new.visitor`. A signup of [`Whose::Nobody`] belongs to nobody. A signup of
    /// [`Whose::Former`] belongs to that visitor even if another visitor brought the customer's signup: it must not
    /// confirm a page's earlier claim.
    fn accept_from_server(&self, new: NewConversion, call: ServerCall, rule: AcceptRule) -> Reply<'_, Accepted>;

    /// One conversion of this site by its full id, with everything about it.
    fn conversion_of(&self, site: SiteId, id: ConversionId) -> Reply<'_, Option<ConversionDetail>>;
}
