//! The golden vectors of `vectors/*.json`, which the WebAssembly build and plain JavaScript check too. Tokens and envelopes
//! were signed by Node's crypto, so that this crate never checks its own work.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use trailmark_wire::base64url;
use trailmark_wire::capture::{Captured, Rule, capture};
use trailmark_wire::carrier::{Carrier, Nothing};
use trailmark_wire::conversion::{Body, Conversion};
use trailmark_wire::envelope::{self, CARRIER, CONVERSION, Payload, Posted, TokenHash};
use trailmark_wire::ids::{Jti, SiteId, hex};
use trailmark_wire::json::{ReadJson, WriteJson};
use trailmark_wire::jwk::{EcPublicJwk, OkpJwk, Thumbprint};
use trailmark_wire::landing::Landing;
use trailmark_wire::merchant::{self, Algorithm, CustomerClaims, OrderClaims, Statement};
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::{self, Claims, ClickClaims, Unverified, VisitorClaims};
use trailmark_wire::vendor::VendorName;

use crate::support::{SerdeJson, ed25519, es256, sha256};

macro_rules! vectors {
    ($name:literal) => {
        SerdeJson.read(include_bytes!(concat!("../../vectors/", $name, ".json"))).unwrap()
    };
}

#[derive(Deserialize)]
struct CaptureVector {
    name: String,
    vendor: Option<VendorName>,
    #[serde(default)]
    params: Vec<String>,
    url: String,
    #[serde(default)]
    cookies: BTreeMap<String, String>,
    /// What may leave the page of the URL.
    told: Option<String>,
    /// What the ledger keeps of it.
    stored: Option<String>,
    expect: Option<Captured>,
}

/// The vectors name the row of the list of field faults that they hold, 14 to 25 and 69, 70.
#[test]
fn capture_reads_every_vector_as_written() {
    let vectors: Vec<CaptureVector> = vectors!("capture");
    for vector in vectors {
        let rule = Rule { vendor: vector.vendor, params: &vector.params };
        let cookies = |name: &str| vector.cookies.get(name).map(|value| Cow::Borrowed(value.as_str()));
        let landing = Landing::parse(&vector.url).unwrap();
        assert_eq!(capture(&landing, cookies, &rule), vector.expect, "{}", vector.name);
        let told = landing.told(&[rule]).url;
        let by_page = capture(&Landing::parse(&told).unwrap(), cookies, &rule);
        assert_eq!(by_page, vector.expect, "{}: what the page tells captures the same", vector.name);
        assert_eq!(vector.told.unwrap_or_else(|| told.clone()), told, "{}", vector.name);
        let stored = landing.stored(&[rule]);
        assert_eq!(vector.stored.unwrap_or_else(|| stored.clone()), stored, "{}", vector.name);
    }
}

#[derive(Deserialize)]
struct MoneyVector {
    #[serde(flatten)]
    money: Money,
    decimal: String,
}

#[test]
fn money_prints_and_reads_every_vector_exactly() {
    let vectors: Vec<MoneyVector> = vectors!("money");
    for MoneyVector { money, decimal } in vectors {
        assert_eq!(money.to_decimal(), decimal);
        assert_eq!(Money::from_decimal(&decimal, money.currency), Ok(money));
    }
    assert!(Currency::new("XXX").is_err() && Currency::new("EURO").is_err() && Currency::new("").is_err());
}

#[derive(Deserialize)]
struct CanonicalVector {
    name: String,
    site: SiteId,
    body: Body,
    canonical_hex: String,
    sha256_hex: String,
}

#[test]
fn the_canonical_encoding_of_every_vector_is_the_same_to_the_byte() {
    let vectors: Vec<CanonicalVector> = vectors!("canonical");
    for vector in vectors {
        let canonical = Conversion::from_body(vector.body, &mut Vec::new()).unwrap().canonical(&vector.site);
        assert_eq!(hex(&canonical), vector.canonical_hex, "{}", vector.name);
        assert_eq!(hex(&sha256(&canonical)), vector.sha256_hex, "{}", vector.name);
    }
}

#[derive(Deserialize)]
struct Tokens {
    jwk: OkpJwk,
    click: Signed<ClickClaims>,
    visit: Signed<VisitorClaims>,
    invalid_click: Vec<Invalid>,
}

#[derive(Deserialize)]
struct Signed<C> {
    claims: C,
    token: String,
}

#[derive(Deserialize)]
struct Invalid {
    name: String,
    token: String,
}

fn verified<C: Claims>(tokens: &Tokens, text: &str) -> Option<C> {
    let key = base64url::decode(&tokens.jwk.x).unwrap();
    let unverified = Unverified::<C>::parse(text, &SerdeJson).ok()?;
    assert_eq!(unverified.kid(), &tokens.jwk.kid);
    unverified.verify(|message, signature| ed25519(&key, message, signature)).ok()
}

#[test]
fn both_tokens_verify_and_are_written_to_the_same_bytes() {
    let tokens: Tokens = vectors!("tokens");
    assert_eq!(verified(&tokens, &tokens.click.token), Some(tokens.click.claims.clone()));
    assert_eq!(verified(&tokens, &tokens.visit.token), Some(tokens.visit.claims.clone()));
    let kid = &tokens.jwk.kid;
    let click = token::signing_input(kid, &tokens.click.claims, &SerdeJson).unwrap();
    let visit = token::signing_input(kid, &tokens.visit.claims, &SerdeJson).unwrap();
    assert!(tokens.click.token.starts_with(&format!("{click}.")));
    assert!(tokens.visit.token.starts_with(&format!("{visit}.")));
}

#[test]
fn no_invalid_click_token_verifies() {
    let tokens: Tokens = vectors!("tokens");
    for Invalid { name, token } in &tokens.invalid_click {
        assert_eq!(verified::<ClickClaims>(&tokens, token), None, "{name}");
    }
    assert_eq!(verified::<VisitorClaims>(&tokens, &tokens.click.token), None, "a click token is no visitor token");
}

#[derive(Deserialize)]
struct Envelopes {
    jwk: EcPublicJwk,
    thumbprint: Thumbprint,
    token: String,
    ath: TokenHash,
    payload: Payload,
    signing_input: String,
    envelope: String,
}

#[test]
fn the_envelope_verifies_and_is_written_to_the_same_bytes() {
    let vector: Envelopes = vectors!("envelopes");
    let input = envelope::signing_input(CONVERSION, &vector.jwk, &vector.payload, &SerdeJson).unwrap();
    assert_eq!(input, vector.signing_input);
    assert_eq!(Thumbprint::from_digest(sha256(vector.jwk.thumbprint_input().as_bytes())), vector.thumbprint);
    assert_eq!(TokenHash::from_digest(sha256(vector.token.as_bytes())), vector.ath);
    let Posted::Signed(signed) = Posted::parse(&vector.envelope, &SerdeJson).unwrap() else { panic!("it is signed") };
    assert!(signed.verifies(es256));
    assert_eq!(signed.payload, vector.payload);
}

#[test]
fn an_envelope_without_a_key_is_its_payload_as_json() {
    let vector: Envelopes = vectors!("envelopes");
    let body = SerdeJson.write(&vector.payload).unwrap();
    assert!(matches!(Posted::parse(&body, &SerdeJson), Ok(Posted::Plain(payload)) if payload == vector.payload));
}

#[test]
fn an_envelope_with_any_part_changed_does_not_verify() {
    let vector: Envelopes = vectors!("envelopes");
    let [header, payload, signature] = vector.envelope.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut other: Value = SerdeJson.read(&base64url::decode(payload).unwrap()).unwrap();
    other["data"]["customer"]["key"] = "u_2".into();
    let other = base64url::encode(other.to_string().as_bytes());
    let zeros = base64url::encode(&[0; 64]);
    for text in [format!("{header}.{other}.{signature}"), format!("{header}.{payload}.{zeros}")] {
        let posted = Posted::parse(&text, &SerdeJson).unwrap();
        assert!(matches!(posted, Posted::Signed(signed) if !signed.verifies(es256)));
    }
}

#[test]
fn a_private_key_in_an_envelope_is_refused() {
    let vector: Envelopes = vectors!("envelopes");
    let [header, payload, signature] = vector.envelope.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut private: Value = SerdeJson.read(&base64url::decode(header).unwrap()).unwrap();
    private["jwk"]["d"] = "AAAA".into();
    let text = format!("{}.{payload}.{signature}", base64url::encode(private.to_string().as_bytes()));
    assert!(Posted::parse(&text, &SerdeJson).is_err());
}

#[derive(Deserialize)]
struct Carriers {
    read: Vec<CarrierVector>,
    none: Vec<CarrierVector>,
    times: Vec<CarrierTime>,
    jwk: EcPublicJwk,
    payload: Payload<Nothing>,
    signing_input: String,
    envelope: String,
}

#[derive(Deserialize)]
struct CarrierVector {
    name: String,
    url: String,
    id: Option<Jti>,
    at: Option<String>,
}

#[derive(Deserialize)]
struct CarrierTime {
    after_ms: i64,
    in_time: bool,
}

#[test]
fn a_carrier_is_read_from_every_address_as_written_and_from_no_other() {
    let vectors: Carriers = vectors!("carriers");
    for CarrierVector { name, url, id, at } in vectors.read.into_iter().chain(vectors.none) {
        let at = at.map(|at| UnixMillis::from_rfc3339(&at).unwrap());
        let expected = id.zip(at).map(|(id, at)| Carrier { id, at });
        assert_eq!(Carrier::of(&Landing::parse(&url).unwrap()), expected, "{name}");
    }
}

#[test]
fn a_carrier_is_in_time_for_a_minute() {
    let vectors: Carriers = vectors!("carriers");
    let [first, ..] = &vectors.read[..] else { panic!("there is one") };
    let carrier = Carrier::of(&Landing::parse(&first.url).unwrap()).unwrap();
    for CarrierTime { after_ms, in_time } in vectors.times {
        assert_eq!(carrier.is_in_time(carrier.at.plus(after_ms)), in_time, "{after_ms}");
    }
}

#[test]
fn what_announces_a_carrier_verifies_and_passes_for_no_conversion() {
    let vector: Carriers = vectors!("carriers");
    let input = envelope::signing_input(CARRIER, &vector.jwk, &vector.payload, &SerdeJson).unwrap();
    assert_eq!(input, vector.signing_input);
    let Posted::Signed(signed) = Posted::carrier(&vector.envelope, &SerdeJson).unwrap() else { panic!("it is signed") };
    assert!(signed.verifies(es256));
    assert_eq!(signed.payload, vector.payload);
    assert!(Posted::parse(&vector.envelope, &SerdeJson).is_err(), "a carrier is no conversion");
    let conversion: Envelopes = vectors!("envelopes");
    assert!(Posted::carrier(&conversion.envelope, &SerdeJson).is_err(), "a conversion is no carrier");
    let plain = SerdeJson.write(&vector.payload).unwrap();
    assert!(matches!(Posted::carrier(&plain, &SerdeJson), Ok(Posted::Plain(payload)) if payload == vector.payload));
    assert!(Posted::parse(&plain, &SerdeJson).is_err());
}

#[derive(Deserialize)]
struct Merchant {
    valid: Vec<MerchantVector>,
    lower_case_currency: String,
    invalid_order: Vec<InvalidOrder>,
}

#[derive(Deserialize)]
struct MerchantVector {
    name: String,
    typ: String,
    jwk: Value,
    claims: Value,
    jws: String,
}

#[derive(Deserialize)]
struct InvalidOrder {
    name: String,
    jws: String,
}

/// The claims as JSON, if the key's own algorithm is named and verifies.
fn stated<C: merchant::Claims + serde::Serialize>(text: &str, jwk: &Value) -> Option<Value> {
    let statement = Statement::<C>::parse(text, &SerdeJson).ok()?;
    if statement.kid().is_some_and(|kid| jwk["kid"] != kid) {
        return None;
    }
    let claims = match (jwk["crv"].as_str().unwrap(), statement.algorithm()) {
        ("P-256", Algorithm::ES256) => {
            let key = EcPublicJwk::new(jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap()).unwrap();
            statement.verify(|message, signature| es256(&key, message, signature))
        }
        ("Ed25519", Algorithm::EdDSA) => {
            let key = base64url::decode(jwk["x"].as_str().unwrap()).unwrap();
            statement.verify(|message, signature| ed25519(&key, message, signature))
        }
        _ => None,
    };
    claims.map(|claims| serde_json::to_value(claims).unwrap())
}

#[test]
fn what_a_merchant_signed_verifies_and_says_what_was_signed() {
    let vectors: Merchant = vectors!("merchant");
    assert_eq!(vectors.valid.len(), 4);
    for MerchantVector { name, typ, jwk, claims, jws } in vectors.valid {
        let (order, customer) = (stated::<OrderClaims>(&jws, &jwk), stated::<CustomerClaims>(&jws, &jwk));
        let (said, not_said) = if typ == "order+jwt" { (order, customer) } else { (customer, order) };
        assert_eq!((said, not_said), (Some(claims), None), "{name}");
    }
}

/// field-faults row 8, as a merchant signs it.
#[test]
fn a_signed_order_with_a_currency_in_lower_case_says_the_currency() {
    let vectors: Merchant = vectors!("merchant");
    let said = stated::<OrderClaims>(&vectors.lower_case_currency, &vectors.valid[0].jwk).unwrap();
    assert_eq!(said["order"]["currency"], "EUR");
}

#[test]
fn no_invalid_order_verifies() {
    let vectors: Merchant = vectors!("merchant");
    let jwk = &vectors.valid[0].jwk;
    for InvalidOrder { name, jws } in &vectors.invalid_order {
        assert_eq!(stated::<OrderClaims>(jws, jwk), None, "{name}");
    }
}
