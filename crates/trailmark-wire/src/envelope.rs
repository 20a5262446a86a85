//! The envelope: the signed form in which a browser posts a conversion, or a carrier ([`crate::carrier`]). The request body
//! *is* one compact JWS (ES256, `typ: conversion+jwt` or `carrier+jwt`, the public key in its header), so that it travels as
//! `text/plain` without a preflight. A browser without a key sends the same payload as plain JSON. This file has the signing
//! input and the verification.
//!
//! The signature proves that the sender holds the browser key that the click token names, and that nobody changed the body.
//! It does not prove that a human bought, nor who the customer is. The proxy's intake checks key binding, audience and
//! time, in the order of design § 3.6.

use alloc::borrow::ToOwned as _;
use alloc::string::String;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::carrier::Nothing;
use crate::conversion::Body;
use crate::ids::{Jti, SiteId};
use crate::json::{JsonError, ReadJson, WriteJson};
use crate::jwk::EcPublicJwk;
use crate::jws::{self, Compact};

const ALG: &str = "ES256";

/// The `typ` of an envelope that holds a conversion.
pub const CONVERSION: &str = "conversion+jwt";

/// The `typ` of an envelope that announces a carrier.
pub const CARRIER: &str = "carrier+jwt";

/// The payload of an envelope, and the whole body if the browser has no key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload<D = Body> {
    /// The conversion's id, and permanently its replay key within site and visitor; or the carrier's id.
    pub jti: Jti,
    /// When the conversion happened, or the carrier was made; seconds.
    pub iat: i64,
    /// The site.
    pub aud: SiteId,
    /// SHA-256 of the click token's text, base64url (the `ath` of RFC 9449 § 4.2).
    pub ath: TokenHash,
    /// The click token.
    pub token: String,
    /// What happened: the SDK passes JSON text, the proxy reads a [`Body`], or [`Nothing`] of a carrier.
    pub data: D,
}

/// SHA-256 of a click token's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash with this digest.
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl TryFrom<String> for TokenHash {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        base64url::decode_array(&text).map(Self).ok_or("not a SHA-256 digest in base64url")
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        base64url::encode(&hash.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    jwk: EcPublicJwk,
}

/// The bytes that the browser key signs; [`crate::jws::assemble`] adds the signature. `typ` is [`CONVERSION`] or
/// [`CARRIER`].
///
/// # Errors
/// Those of the JSON writer.
pub fn signing_input<D: Serialize>(
    typ: &str,
    jwk: &EcPublicJwk,
    payload: &Payload<D>,
    json: &impl WriteJson,
) -> Result<String, JsonError> {
    let header = Header { alg: ALG.to_owned(), typ: typ.to_owned(), jwk: jwk.clone() };
    Ok(jws::signing_input(&json.write(&header)?, &json.write(payload)?))
}

/// A posted body, read but not verified.
#[derive(Debug)]
pub enum Posted<'a, D = Body> {
    /// Plain JSON; accepted only with a token that is bound to no key.
    Plain(Payload<D>),
    /// A compact JWS.
    Signed(Signed<'a, D>),
}

/// A signed body.
#[derive(Debug)]
pub struct Signed<'a, D = Body> {
    /// The key that signed, according to the header; its thumbprint must be the token's.
    pub jwk: EcPublicJwk,
    /// The payload.
    pub payload: Payload<D>,
    signing_input: &'a str,
    signature: [u8; 64],
}

impl<'a> Posted<'a> {
    /// Reads the body of `POST v1/conversions` from a browser.
    ///
    /// # Errors
    /// [`JsonError`], which names the field, if the body is neither such a JWS nor such JSON.
    pub fn parse(body: &'a str, json: &impl ReadJson) -> Result<Self, JsonError> {
        Self::read(body, CONVERSION, json)
    }
}

impl<'a> Posted<'a, Nothing> {
    /// Reads the body of `POST v1/carriers`.
    ///
    /// # Errors
    /// As [`Posted::parse`].
    pub fn carrier(body: &'a str, json: &impl ReadJson) -> Result<Self, JsonError> {
        Self::read(body, CARRIER, json)
    }
}

impl<'a, D: DeserializeOwned> Posted<'a, D> {
    fn read(body: &'a str, typ: &str, json: &impl ReadJson) -> Result<Self, JsonError> {
        if body.starts_with('{') {
            return json.read(body.as_bytes()).map(Self::Plain);
        }
        let problem = ["body is neither a compact JWS (ES256, ", typ, ") nor a JSON object"];
        let refuse = || JsonError { problem: problem.concat() };
        let compact = Compact::parse(body).map_err(|_not_compact| refuse())?;
        let header: Header = json.read(&compact.header)?;
        if header.alg != ALG || header.typ != typ {
            return Err(refuse());
        }
        let payload = json.read(&compact.payload)?;
        let Compact { signing_input, signature, .. } = compact;
        Ok(Self::Signed(Signed { jwk: header.jwk, payload, signing_input, signature }))
    }
}

impl<D> Posted<'_, D> {
    /// The payload, signed or not.
    pub fn payload(&self) -> &Payload<D> {
        match self {
            Self::Plain(payload) | Self::Signed(Signed { payload, .. }) => payload,
        }
    }

    /// The payload alone, after verification.
    pub fn into_payload(self) -> Payload<D> {
        match self {
            Self::Plain(payload) | Self::Signed(Signed { payload, .. }) => payload,
        }
    }
}

impl<D> Signed<'_, D> {
    /// Whether `es256(key, message, signature)` accepts the signature; `signature` is R || S.
    pub fn verifies(&self, es256: impl FnOnce(&EcPublicJwk, &[u8], &[u8; 64]) -> bool) -> bool {
        es256(&self.jwk, self.signing_input.as_bytes(), &self.signature)
    }
}
