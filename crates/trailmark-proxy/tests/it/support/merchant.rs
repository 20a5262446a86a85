//! Orders and customers that a merchant's backend signs for its pages, with both kinds of keys. Written by hand from
//! the wire's description, so that tests can also sign everything wrong.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use trailmark_wire::base64url::encode;

use super::proxy::{SITES, TestProxy};

/// The keys of a merchant's backend.
pub(crate) struct Merchant {
    es: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

impl Merchant {
    /// New keys.
    pub(crate) fn new() -> Self {
        let es = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { es, ed: Ed25519KeyPair::generate().unwrap() }
    }

    /// `order_keys` for the configuration.
    pub(crate) fn order_keys(&self) -> String {
        let point = self.es.public_key().as_ref();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        let ed = encode(self.ed.public_key().as_ref());
        format!(
            "order_keys = [{{kty = \"EC\", crv = \"P-256\", x = \"{x}\", y = \"{y}\", kid = \"es\"}},
                           {{kty = \"OKP\", crv = \"Ed25519\", x = \"{ed}\", kid = \"ed\"}}]"
        )
    }

    /// A JWS with any header and claims; `alg` chooses the key.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => encode(self.ed.sign(input.as_bytes()).as_ref()),
            _ => encode(self.es.sign(&SystemRandom::new(), input.as_bytes()).unwrap().as_ref()),
        };
        format!("{input}.{signature}")
    }

    /// A statement about an order.
    pub(crate) fn order(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "typ": "order+jwt", "kid": "es"}), claims)
    }

    /// A statement about a customer.
    pub(crate) fn customer(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "EdDSA", "typ": "customer+jwt", "kid": "ed"}), claims)
    }

    /// A proxy whose site `acme` has these keys and further settings.
    pub(crate) async fn proxy(&self, settings: &str) -> TestProxy {
        TestProxy::with(&self.sites(settings)).await
    }

    /// The same, with a setting of `[limits]`.
    pub(crate) async fn limited(&self, limit: &str) -> TestProxy {
        TestProxy::with(&format!("[limits]\n{limit}\n{}", self.sites(""))).await
    }

    fn sites(&self, settings: &str) -> String {
        let acme = format!("id = \"acme\"\n{}\n{settings}", self.order_keys());
        SITES.replacen("id = \"acme\"", &acme, 1)
    }
}
