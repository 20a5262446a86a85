//! The two tokens that the proxy signs, as compact JWS with EdDSA (Ed25519, RFC 8037): the click token, which pages hold,
//! and the visitor token, which only an `HttpOnly` cookie holds. Signing input and verification stand side by side here;
//! keys, clock and storage are the proxy's. Algorithm and type are fixed by this file, never taken from a header
//! (RFC 8725 § 3.1, § 3.11), so a token of one kind is no token of the other. Claims that a later minor version adds are
//! ignored; headers are matched exactly.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ids::{ConversionId, KeyId, PartnerKey, ProgramId, SiteId, VisitorId};
use crate::json::{JsonError, ReadJson, WriteJson};
use crate::jwk::Thumbprint;
use crate::jws::{self, Compact};

/// The claims of one kind of token.
pub trait Claims: Serialize + DeserializeOwned {
    /// The `typ` of its header (RFC 7515 § 4.1.9).
    const TYP: &'static str;
}

/// The click token: "this visitor was touched so". No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickClaims {
    /// The site's public URL.
    pub iss: String,
    /// The site.
    pub aud: SiteId,
    /// When it was signed, seconds; the browser takes its clock offset from it.
    pub iat: i64,
    /// Touch time plus window, seconds. A re-issued token keeps it.
    pub exp: i64,
    /// This token, a UUIDv7.
    pub jti: ConversionId,
    /// The visitor.
    pub sub: VisitorId,
    /// The program of the newest touch.
    pub program: ProgramId,
    /// Its partner; absent where only a click id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
    /// The browser key that must sign what is posted with this token (RFC 7800 § 3.1); absent when unbound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// A confirmation claim that names a key by thumbprint (RFC 9449 § 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The thumbprint.
    pub jkt: Thumbprint,
}

/// The visitor token: "this cookie jar belongs to that visitor". Only it can re-bind a browser key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorClaims {
    /// The site's public URL.
    pub iss: String,
    /// The site.
    pub aud: SiteId,
    /// When it was signed, seconds.
    pub iat: i64,
    /// When it ends, seconds; at most the cookie's life.
    pub exp: i64,
    /// The visitor.
    pub sub: VisitorId,
}

impl Claims for ClickClaims {
    const TYP: &'static str = "click+jwt";
}

impl Claims for VisitorClaims {
    const TYP: &'static str = "visit+jwt";
}

const ALG: &str = "EdDSA";

/// Nothing else may stand in a header: no `jwk`, `jku`, `x5u` or `crit` is ever looked at.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: KeyId,
}

/// The text is no token of the kind asked for, or its signature is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid token of this kind")]
pub struct TokenInvalid;

/// The bytes that key `kid` signs for `claims`; [`crate::jws::assemble`] adds the signature.
///
/// # Errors
/// Those of the JSON writer.
pub fn signing_input<C: Claims>(kid: &KeyId, claims: &C, json: &impl WriteJson) -> Result<String, JsonError> {
    let header = Header { alg: ALG.to_owned(), typ: C::TYP.to_owned(), kid: kid.clone() };
    Ok(jws::signing_input(&json.write(&header)?, &json.write(claims)?))
}

/// A token that was read but whose signature has not been checked: it gives away the key's name and nothing else.
#[derive(Debug)]
pub struct Unverified<'a, C> {
    kid: KeyId,
    claims: C,
    signing_input: &'a str,
    signature: [u8; 64],
}

impl<'a, C: Claims> Unverified<'a, C> {
    /// Reads a token of the kind `C`.
    ///
    /// # Errors
    /// [`TokenInvalid`] when the text is no compact JWS, its header is not exactly ours, or the claims are of another shape.
    pub fn parse(text: &'a str, json: &impl ReadJson) -> Result<Self, TokenInvalid> {
        let compact = Compact::parse(text).map_err(|_not_compact| TokenInvalid)?;
        let header: Header = json.read(&compact.header).map_err(|_shape| TokenInvalid)?;
        if header.alg != ALG || header.typ != C::TYP {
            return Err(TokenInvalid);
        }
        let claims = json.read(&compact.payload).map_err(|_shape| TokenInvalid)?;
        let Compact { signing_input, signature, .. } = compact;
        Ok(Self { kid: header.kid, claims, signing_input, signature })
    }

    /// The key that is said to have signed it.
    pub fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// The claims, once `ed25519(message, signature)` has accepted the signature under the key of [`Self::kid`]. Time,
    /// issuer and audience are the caller's to check.
    ///
    /// # Errors
    /// [`TokenInvalid`] when the signature is wrong.
    pub fn verify(self, ed25519: impl FnOnce(&[u8], &[u8; 64]) -> bool) -> Result<C, TokenInvalid> {
        let valid = ed25519(self.signing_input.as_bytes(), &self.signature);
        valid.then_some(self.claims).ok_or(TokenInvalid)
    }
}
