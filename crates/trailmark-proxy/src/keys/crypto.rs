//! The cryptographic primitives that the wire takes as arguments, from AWS-LC. Verification answers only yes or no;
//! callers need not know why a signature is wrong.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA384, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, UnparsedPublicKey,
};
use trailmark_vendors::secret::Secret;
use trailmark_wire::base64url;
use trailmark_wire::jwk::{EcPublicJwk, Thumbprint};

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// SHA-384.
pub fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut hash = [0; 48];
    hash.iter_mut().zip(digest(&SHA384, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// HMAC-SHA-256 (RFC 2104).
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut tag = [0; 32];
    let signed = hmac::sign(&hmac::Key::new(HMAC_SHA256, key), message);
    tag.iter_mut().zip(signed.as_ref()).for_each(|(to, from)| *to = *from);
    tag
}

/// Whether two secrets are equal: in constant time, and over digests, so that the time does not reveal the length
/// either.
pub fn is_same(shown: &str, secret: &str) -> bool {
    let [shown, secret] = [shown, secret].map(|text| digest(&SHA256, text.as_bytes()));
    verify_slices_are_equal(shown.as_ref(), secret.as_ref()).is_ok()
}

/// The thumbprint of a browser key (RFC 7638).
pub fn thumbprint(key: &EcPublicJwk) -> Thumbprint {
    Thumbprint::from_digest(sha256(key.thumbprint_input().as_bytes()))
}

/// Whether the point lies on the curve.
pub fn is_on_curve(key: &EcPublicJwk) -> bool {
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.to_sec1()).is_ok()
}

/// Whether `signature`, R || S, is this key's signature of `message` (ES256, RFC 7518 § 3.4).
pub fn es256_verifies(key: &EcPublicJwk, message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.to_sec1()).verify(message, signature).is_ok()
}

/// Whether `signature` is this key's signature of `message` (EdDSA, RFC 8037).
pub fn ed25519_verifies(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(message, signature).is_ok()
}

/// An Ed25519 key pair could not be created or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key")]
pub struct BadKey;

/// A private Ed25519 key; `Debug` shows none of it.
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// [`BadKey`] if the system provides no randomness.
    pub fn generate() -> Result<Self, BadKey> {
        Ed25519KeyPair::generate().map(Self).map_err(|_unspecified| BadKey)
    }

    /// Reads a key written by [`Self::to_text`].
    ///
    /// # Errors
    /// [`BadKey`] for any other text.
    pub fn from_text(text: &Secret) -> Result<Self, BadKey> {
        let pkcs8 = base64url::decode(text.expose()).ok_or(BadKey)?;
        Ed25519KeyPair::from_pkcs8(&pkcs8).map(Self).map_err(|_rejected| BadKey)
    }

    /// PKCS#8 as base64url, for the store.
    ///
    /// # Errors
    /// [`BadKey`] if AWS-LC cannot write it.
    pub fn to_text(&self) -> Result<Secret, BadKey> {
        let pkcs8 = self.0.to_pkcs8().map_err(|_unspecified| BadKey)?;
        Ok(Secret::new(base64url::encode(pkcs8.as_ref())))
    }

    /// The public key.
    ///
    /// # Errors
    /// [`BadKey`], which does not occur: an Ed25519 public key has 32 bytes.
    pub fn public_key(&self) -> Result<[u8; 32], BadKey> {
        self.0.public_key().as_ref().try_into().map_err(|_length| BadKey)
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`BadKey`] if AWS-LC refuses.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], BadKey> {
        let signature = self.0.try_sign(message).map_err(|_unspecified| BadKey)?;
        signature.as_ref().try_into().map_err(|_length| BadKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_only_when_they_are() {
        assert!(is_same("a key", "a key"));
        assert!(!is_same("a kex", "a key"));
        assert!(!is_same("", "a key"));
    }
}
