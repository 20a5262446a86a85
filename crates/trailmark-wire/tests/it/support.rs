//! What the proxy brings to the wire, for tests: JSON by `serde_json`, primitives by aws-lc-rs.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trailmark_wire::json::{JsonError, ReadJson, WriteJson};
use trailmark_wire::jwk::EcPublicJwk;

/// `serde_json` behind both traits.
pub(crate) struct SerdeJson;

impl WriteJson for SerdeJson {
    fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JsonError> {
        serde_json::to_string(value).map_err(|error| JsonError { problem: error.to_string() })
    }
}

impl ReadJson for SerdeJson {
    fn read<T: DeserializeOwned>(&self, text: &[u8]) -> Result<T, JsonError> {
        serde_json::from_slice(text).map_err(|error| JsonError { problem: error.to_string() })
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

pub(crate) fn es256(key: &EcPublicJwk, message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.to_sec1()).verify(message, signature).is_ok()
}

pub(crate) fn ed25519(key: &[u8], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok()
}
