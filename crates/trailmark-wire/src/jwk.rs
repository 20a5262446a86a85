//! Public keys as JSON Web Keys (RFC 7517): the browser's P-256 key inside an envelope, the proxy's Ed25519 keys in its
//! JWKS. Shapes and thumbprint input only. These types hold no private key, and unknown members are refused, so that a
//! private member (`d`) never passes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::ids::KeyId;

/// A P-256 public key (RFC 7518 § 6.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "EcMembers", into = "EcMembers")]
pub struct EcPublicJwk {
    x: [u8; 32],
    y: [u8; 32],
}

/// The members are not those of a P-256 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 public key: kty EC, crv P-256, x and y of 32 bytes each")]
pub struct BadJwk;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EcMembers {
    crv: String,
    kty: String,
    x: String,
    y: String,
}

impl EcPublicJwk {
    /// The key with these coordinates, each 43 characters of base64url as WebCrypto exports them. The verifier checks
    /// whether the point is on the curve.
    ///
    /// # Errors
    /// [`BadJwk`] if a coordinate is not 32 bytes of strict base64url.
    pub fn new(x: &str, y: &str) -> Result<Self, BadJwk> {
        let coordinate = |text| base64url::decode_array(text).ok_or(BadJwk);
        Ok(Self { x: coordinate(x)?, y: coordinate(y)? })
    }

    /// The uncompressed point of SEC 1 § 2.3.3: `04 || x || y`, 65 bytes.
    pub fn to_sec1(&self) -> Vec<u8> {
        [&[4_u8][..], &self.x, &self.y].concat()
    }

    /// The text whose SHA-256 names this key (RFC 7638 § 3): the required members in lexical order.
    pub fn thumbprint_input(&self) -> String {
        let (x, y) = (base64url::encode(&self.x), base64url::encode(&self.y));
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
    }
}

impl TryFrom<EcMembers> for EcPublicJwk {
    type Error = BadJwk;
    fn try_from(members: EcMembers) -> Result<Self, BadJwk> {
        if members.kty != "EC" || members.crv != "P-256" {
            return Err(BadJwk);
        }
        Self::new(&members.x, &members.y)
    }
}

impl From<EcPublicJwk> for EcMembers {
    fn from(key: EcPublicJwk) -> Self {
        let (x, y) = (base64url::encode(&key.x), base64url::encode(&key.y));
        Self { crv: "P-256".into(), kty: "EC".into(), x, y }
    }
}

/// The thumbprint of a browser key: SHA-256 of [`EcPublicJwk::thumbprint_input`] as base64url, the `jkt` of RFC 7800 and
/// 9449.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The thumbprint with this SHA-256 digest.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(base64url::encode(&digest))
    }

    /// 43 characters of base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = BadJwk;
    fn try_from(text: String) -> Result<Self, BadJwk> {
        let digest = base64url::decode_array::<32>(&text).ok_or(BadJwk)?;
        Ok(Self::from_digest(digest))
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.0
    }
}

/// An Ed25519 public key as the JWKS publishes it (RFC 8037 § 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OkpJwk {
    /// Always `EdDSA`.
    pub alg: String,
    /// Always `Ed25519`.
    pub crv: String,
    /// The name that tokens carry in their header.
    pub kid: KeyId,
    /// Always `OKP`.
    pub kty: String,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The public key: 32 bytes as base64url.
    pub x: String,
}

impl OkpJwk {
    /// A public key in the form of the JWKS.
    pub fn new(kid: KeyId, public_key: [u8; 32]) -> Self {
        Self {
            alg: "EdDSA".into(),
            crv: "Ed25519".into(),
            kid,
            kty: "OKP".into(),
            usage: "sig".into(),
            x: base64url::encode(&public_key),
        }
    }
}

/// A JWK set (RFC 7517 § 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys, the newest first.
    pub keys: Vec<OkpJwk>,
}
