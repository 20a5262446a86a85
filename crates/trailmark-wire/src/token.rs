//! The two tokens that the proxy signs, as compact JWS with EdDSA (Ed25519, RFC 8037): the click token, which pages hold,
//! and the visitor token, which only an `HttpOnly` cookie holds. This file has the signing input and the verification; the
//! proxy has keys, clock and storage. Algorithm and type are fixed here and never taken from a header (RFC 8725 § 3.1, §
//! 3.11), so that a token of one kind never passes as the other. Unknown claims are ignored, so that a later minor version
//! can add some; headers must match exactly.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ids::{Jti, KeyId, PartnerKey, ProgramId, SiteId, VisitorId};
use crate::json::{JsonError, ReadJson, WriteJson};
use crate::jwk::Thumbprint;
use crate::jws::{self, Compact};

/// The claims of one kind of token.
pub trait Claims: Serialize + DeserializeOwned {
    /// The `typ` of its header (RFC 7515 § 4.1.9).
    const TYP: &'static str;
}

/// The click token: "this visitor has this touch". No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickClaims {
    /// The site's public URL.
    pub iss: String,
    /// The site.
    pub aud: SiteId,
    /// When it was signed, seconds; the browser takes its clock offset from it.
    pub iat: i64,
    /// Touch time plus window, seconds. A re-issued token keeps the same end.
    pub exp: i64,
    /// This token, a UUIDv7.
    pub jti: Jti,
    /// The visitor.
    pub sub: VisitorId,
    /// The program of the newest touch.
    pub program: ProgramId,
    /// Its partner; absent if only a click id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerKey>,
    /// The browser key that must sign what is posted with this token (RFC 7800 § 3.1); absent if the token is not bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// A confirmation claim that names a key by thumbprint (RFC 9449 § 6.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The thumbprint.
    pub jkt: Thumbprint,
}

/// The visitor token: "this cookie jar belongs to this visitor". Only it can bind the visitor to another browser key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitorClaims {
    /// The site's public URL.
    pub iss: String,
    /// The site.
    pub aud: SiteId,
    /// When it was signed, seconds.
    pub iat: i64,
    /// When it ends, seconds; at most the cookie's life after `iat`.
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

/// No other member is accepted: `jwk`, `jku`, `x5u` and `crit` are never read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: KeyId,
}

/// The text is not a token of the expected kind, or its signature is wrong.
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

/// A token whose signature has not been checked: only the key's name can be read.
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
    /// [`TokenInvalid`] if the text is not a compact JWS, its header is not exactly ours, or the claims have another shape.
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

    /// The key that signed it, according to its header.
    pub fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// The claims, if `ed25519(message, signature)` accepts the signature under the key of [`Self::kid`]. The caller checks
    /// time, issuer and audience.
    ///
    /// # Errors
    /// [`TokenInvalid`] if the signature is wrong.
    pub fn verify(self, ed25519: impl FnOnce(&[u8], &[u8; 64]) -> bool) -> Result<C, TokenInvalid> {
        let valid = ed25519(self.signing_input.as_bytes(), &self.signature);
        valid.then_some(self.claims).ok_or(TokenInvalid)
    }
}
