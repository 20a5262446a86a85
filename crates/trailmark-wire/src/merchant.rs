//! What the merchant's backend signs and a page only passes on: a customer (`typ: customer+jwt`) or an order (`typ:
//! order+jwt`), as compact JWS with one of the site's `order_keys`. This file has the shapes and the reading; the proxy's
//! intake checks key, time and site. The merchant signs, with any JWT library.
//!
//! The claims have the same form and the same rule for flaws as a server's body, so that a backend needs only one form.
//! Unknown claims, which libraries add, are ignored. Headers must match exactly, and the algorithm must be the key's own
//! (RFC 8725 § 3.1).

use alloc::string::String;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::conversion::{Customer, Order};
use crate::ids::SiteId;
use crate::json::ReadJson;
use crate::jws::Compact;
use crate::repair::Unchecked;

/// The two algorithms of merchants' keys; both have signatures of 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDSA,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 § 3.4).
    ES256,
}

/// The site and the time for which a statement is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The site.
    pub aud: SiteId,
    /// When it was signed, seconds.
    pub iat: i64,
    /// When it expires, seconds; at exactly this time it has expired.
    pub exp: i64,
    /// When it becomes valid, seconds; some libraries add it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
}

/// "This is our customer."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerClaims {
    /// Site and time.
    #[serde(flatten)]
    pub terms: Terms,
    /// The customer.
    pub customer: Customer<Unchecked>,
}

/// "This customer ordered that."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderClaims {
    /// Site and time.
    #[serde(flatten)]
    pub terms: Terms,
    /// The customer; the key is enough.
    pub customer: Customer<Unchecked>,
    /// The order.
    pub order: Order<Unchecked>,
}

/// The claims of one kind of statement.
pub trait Claims: DeserializeOwned {
    /// The `typ` of its header (RFC 7515 § 4.1.9).
    const TYP: &'static str;

    /// Site and time.
    fn terms(&self) -> &Terms;
}

impl Claims for CustomerClaims {
    const TYP: &'static str = "customer+jwt";

    fn terms(&self) -> &Terms {
        &self.terms
    }
}

impl Claims for OrderClaims {
    const TYP: &'static str = "order+jwt";

    fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// No other member is accepted: `jwk`, `jku`, `x5u` and `crit` are never read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Algorithm,
    typ: String,
    #[serde(default)]
    kid: Option<String>,
}

/// The text is not a statement of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a merchant's statement of this kind")]
pub struct NotAStatement;

/// A statement whose signature has not been checked.
#[derive(Debug)]
pub struct Statement<'a, C> {
    algorithm: Algorithm,
    kid: Option<String>,
    claims: C,
    signing_input: &'a str,
    signature: [u8; 64],
}

impl<'a, C: Claims> Statement<'a, C> {
    /// Reads a statement of the kind `C`.
    ///
    /// # Errors
    /// [`NotAStatement`] if the text is not a compact JWS, its header is not exactly ours, or the claims have another
    /// shape.
    pub fn parse(text: &'a str, json: &impl ReadJson) -> Result<Self, NotAStatement> {
        let compact = Compact::parse(text).map_err(|_not_compact| NotAStatement)?;
        let header: Header = json.read(&compact.header).map_err(|_shape| NotAStatement)?;
        if header.typ != C::TYP {
            return Err(NotAStatement);
        }
        let claims = json.read(&compact.payload).map_err(|_shape| NotAStatement)?;
        let Compact { signing_input, signature, .. } = compact;
        Ok(Self { algorithm: header.alg, kid: header.kid, claims, signing_input, signature })
    }

    /// The algorithm that the header names; no key of another algorithm may be tried.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that signed it, if the header names one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The claims, if `verifies(message, signature)` accepts the signature under one of the merchant's keys. The caller
    /// checks time and audience.
    pub fn verify(self, verifies: impl FnOnce(&[u8], &[u8; 64]) -> bool) -> Option<C> {
        verifies(self.signing_input.as_bytes(), &self.signature).then_some(self.claims)
    }
}
