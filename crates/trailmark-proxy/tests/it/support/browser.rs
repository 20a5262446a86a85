//! A browser: a P-256 key, arrivals, envelopes. Written by hand from the wire's description, so that tests can also
//! do everything wrong.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use trailmark_proxy::keys::crypto::sha256;
use trailmark_wire::base64url::{decode, encode};
use trailmark_wire::ids::ConversionId;

use super::proxy::{Answer, ORIGIN, TestProxy};

/// A browser key.
pub(crate) struct BrowserKey(EcdsaKeyPair);

impl BrowserKey {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }

    pub(crate) fn sign(&self, message: &str) -> String {
        encode(self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref())
    }

    /// A compact JWS with any header and payload.
    pub(crate) fn jws(&self, header: &Value, payload: &Value) -> String {
        let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.to_string().as_bytes()));
        format!("{input}.{}", self.sign(&input))
    }

    /// The header of a valid envelope.
    pub(crate) fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "conversion+jwt", "jwk": self.jwk()})
    }

    /// A valid envelope.
    pub(crate) fn envelope(&self, payload: &Value) -> String {
        self.jws(&self.header(), payload)
    }
}

/// A landing URL with a PartnerStack click.
pub(crate) fn landing(click: &str) -> String {
    format!("{ORIGIN}/pricing?ps_xid={click}&ps_partner_key=YWRh&utm_source=x&email=ada%40example.com#top")
}

/// The body of `POST v1/clicks`; the arrival's id is made from `arrival`.
pub(crate) fn arrival(arrival: u8, url: &str) -> Value {
    json!({"site": "acme", "id": format!("{arrival:032x}"), "url": url})
}

/// With a key.
pub(crate) fn arrival_with(arrival_id: u8, url: &str, key: &BrowserKey) -> Value {
    let mut body = arrival(arrival_id, url);
    body["jwk"] = key.jwk();
    body
}

/// A conversion id for each number.
pub(crate) fn jti(number: u8) -> String {
    ConversionId::from_parts(super::proxy::START, [number; 10]).as_str().to_owned()
}

/// A signup of a customer.
pub(crate) fn signup(customer: &str) -> Value {
    json!({"kind": "signup", "customer": {"key": customer, "email": "ada@example.com", "name": "Ada"}})
}

/// The payload of an envelope for site `acme`, happening now.
pub(crate) fn payload(proxy: &TestProxy, number: u8, token: &str, data: Value) -> Value {
    json!({
        "jti": jti(number), "iat": proxy.now().seconds(), "aud": "acme",
        "ath": encode(&sha256(token.as_bytes())), "token": token, "data": data,
    })
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> Value {
    serde_json::from_slice(&decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The click token of an answer.
pub(crate) fn token(answer: &Answer) -> String {
    answer.json()["click_token"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

impl TestProxy {
    /// Arrives with a key and returns the token.
    pub(crate) async fn arrive(&self, number: u8, key: &BrowserKey) -> String {
        let body = arrival_with(number, &landing(&format!("click{number}")), key);
        let answer = self.post("v1/clicks", body.to_string()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        token(&answer)
    }

    /// Posts a valid envelope.
    pub(crate) async fn convert(&self, number: u8, key: &BrowserKey, token: &str, data: Value) -> Answer {
        self.post("v1/conversions", key.envelope(&payload(self, number, token, data))).await
    }
}
