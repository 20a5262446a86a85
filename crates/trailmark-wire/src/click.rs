//! `POST v1/clicks`: what the page tells about an arrival, and what it gets back. Shapes only: the capture rules read the
//! URL and cookies, the proxy records the touch and signs the token.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::ids::{ArrivalId, PartnerKey, ProgramId, SiteId};
use crate::jwk::EcPublicJwk;
use crate::text_map::TextMap;
use crate::time::UnixMillis;

/// The body of `POST v1/clicks`, JSON in `text/plain` or `application/json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickRequest {
    /// The site that the page belongs to.
    pub site: SiteId,
    /// The arrival; a repeat of the request repeats it.
    pub id: ArrivalId,
    /// The landing URL, cut to what may leave the page ([`crate::landing::Landing::told`]).
    pub url: String,
    /// `document.referrer`, when there is one; same limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// When the page was reached, RFC 3339 by the browser's clock. It only gives an age, clamped to a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Whether the page was reached by reload or back/forward, so that this arrival may have been told under another id: then
    /// what the visitor has as a live touch already makes no second one. A hint, which a page may leave out.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub again: bool,
    /// Vendor cookies of this host, only those that the capture rules name.
    #[serde(default, skip_serializing_if = "TextMap::is_empty")]
    pub cookies: TextMap,
    /// The browser's public key, when it has one to bind the token to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwk: Option<EcPublicJwk>,
}

/// The answer to it, 201 when the request held a touch, 200 when only the visitor cookie names a live one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickAnswer {
    /// The click token, a compact JWS; see [`crate::token::ClickClaims`].
    pub click_token: String,
    /// When the token and the touch behind it end; RFC 3339.
    #[serde(with = "crate::time::rfc3339")]
    pub expires_at: UnixMillis,
    /// When the touch was; RFC 3339.
    #[serde(with = "crate::time::rfc3339")]
    pub at: UnixMillis,
    /// The program of the newest touch.
    pub program: ProgramId,
    /// Its partner; absent where only a click id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
}
