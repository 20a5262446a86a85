//! `POST v1/clicks`: what the page reports about an arrival, and the proxy's answer. Shapes only: the capture rules read
//! the URL and the cookies, the proxy records the touch and signs the token.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{ArrivalId, PartnerKey, ProgramId, SiteId};
use crate::jwk::EcPublicJwk;
use crate::text_map::TextMap;
use crate::time::UnixMillis;

/// The status that tells a page to drop the click token that it sent: the token leads to no live touch of this ledger, or is bound
/// to a key that this browser no longer has. A success without a body, so that no console shows it as an error.
pub const TOKEN_GONE: u16 = 205;

/// The body of `POST v1/clicks`, JSON in `text/plain` or `application/json`. Unlike a conversion's, its unknown members are
/// ignored ([`crate`] says why).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickRequest {
    /// The site that the page belongs to.
    pub site: SiteId,
    /// The arrival's id; a retry sends the same id.
    pub id: ArrivalId,
    /// The landing URL, cut to what may leave the page ([`crate::landing::Landing::told`]).
    pub url: String,
    /// `document.referrer`, if there is one; at most [`crate::limits::URL_BYTES`]. The SDK sends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// When the page was reached, RFC 3339 by the browser's clock. The proxy only takes an age from it, at most a day. Empty
    /// is as if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Whether the page was reached by reload or back/forward, so that the arrival may have been reported under another id.
    /// Then a touch that the visitor already has, and that is still valid, is not recorded twice. A hint; a page may leave
    /// it out.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub again: bool,
    /// Vendor cookies of this host: only those that the capture rules name.
    #[serde(default, skip_serializing_if = "TextMap::is_empty")]
    pub cookies: TextMap,
    /// The browser's public key, to which the token is bound; absent if the browser has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwk: Option<EcPublicJwk>,
    /// The click token that an earlier page kept. It is no credential here: the proxy only says whether it still counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_token: Option<String>,
}

/// The answer: 201 if the request held a touch, 200 if only the visitor cookie names a live one. Without either there is no body:
/// 204, or [`TOKEN_GONE`].
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
    /// Its partner; absent if only a click id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
    /// The site's other origins that share no cookie with the page. Links there take the visit along
    /// ([`crate::carrier`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carry_to: Vec<String>,
}
