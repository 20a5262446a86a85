//! Compact JSON Web Signatures (RFC 7515 § 7.1): three base64url parts, strictly. Splits and joins them. Callers sign and
//! verify; [`crate::token`] and [`crate::envelope`] say what the parts mean.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base64url;

/// The text is not three parts of strict base64url with a 64-byte signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a compact JWS")]
pub struct NotCompact;

/// The parts of a compact JWS. Both algorithms in use, ES256 and EdDSA, have signatures of 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compact<'a> {
    /// The JSON of the protected header.
    pub header: Vec<u8>,
    /// The JSON of the payload.
    pub payload: Vec<u8>,
    /// The bytes that the signature covers: `header.payload` exactly as in the text.
    pub signing_input: &'a str,
    /// R || S for ES256 (RFC 7518 § 3.4), the Ed25519 signature for EdDSA (RFC 8037 § 3.1).
    pub signature: [u8; 64],
}

impl<'a> Compact<'a> {
    /// Splits `text`. Each value has one spelling, so padding, white space and other alphabets are refused.
    ///
    /// # Errors
    /// [`NotCompact`] otherwise.
    pub fn parse(text: &'a str) -> Result<Self, NotCompact> {
        let (signing_input, signature) = text.rsplit_once('.').ok_or(NotCompact)?;
        let (header, payload) = signing_input.split_once('.').ok_or(NotCompact)?;
        let part = |text| base64url::decode(text).ok_or(NotCompact);
        let (header, payload) = (part(header)?, part(payload)?);
        let signature = base64url::decode_array(signature).ok_or(NotCompact)?;
        Ok(Self { header, payload, signing_input, signature })
    }
}

/// The bytes to sign for a header and a payload, both JSON text.
pub fn signing_input(header: &str, payload: &str) -> String {
    dotted(base64url::encode(header.as_bytes()), &base64url::encode(payload.as_bytes()))
}

/// The compact form: what was signed, and the signature.
pub fn assemble(signing_input: &str, signature: &[u8; 64]) -> String {
    dotted(signing_input.to_owned(), &base64url::encode(signature))
}

/// Two parts as one text; without `format!`, which would bring `core::fmt` into the browser's module.
fn dotted(mut first: String, second: &str) -> String {
    first += ".";
    first.push_str(second);
    first
}
