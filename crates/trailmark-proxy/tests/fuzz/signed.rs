//! What is signed: click and visitor token, envelope, carrier, and the merchant's orders and customers. A signature is checked with the
//! vectors' own keys, so nothing but the vectors themselves may verify; shapes are also read as though the signature were right.

use serde::Serialize;
use serde_json::Value;
use trailmark_proxy::json::Json;
use trailmark_proxy::keys::crypto::{ed25519_verifies, es256_verifies, is_on_curve, thumbprint};
use trailmark_wire::base64url;
use trailmark_wire::carrier::Nothing;
use trailmark_wire::envelope::{Payload, Posted};
use trailmark_wire::ids::KeyId;
use trailmark_wire::json::{ReadJson as _, WriteJson as _};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::jws;
use trailmark_wire::merchant::{self, CustomerClaims, OrderClaims, Statement};
use trailmark_wire::token::{self, ClickClaims, Unverified, VisitorClaims};

use crate::bodies;
use crate::engine::{Broken, Looked, Target, Verdict, rule};
use crate::seeds::{SECRET, items, text, vectors};

pub(crate) const CLICK_TOKEN: Target =
    Target { name: "click-token", inputs: 18_000, seeds: token_seeds, words: WORDS, look: look_token::<ClickClaims> };

pub(crate) const VISITOR_TOKEN: Target = Target {
    name: "visitor-token",
    inputs: 13_000,
    seeds: token_seeds,
    words: WORDS,
    look: look_token::<VisitorClaims>,
};

pub(crate) const ENVELOPE: Target =
    Target { name: "envelope", inputs: 22_000, seeds: envelope_seeds, words: bodies::WORDS, look: look_envelope };

pub(crate) const CARRIER: Target =
    Target { name: "carrier", inputs: 9_000, seeds: carrier_seeds, words: WORDS, look: look_carrier };

pub(crate) const ORDER: Target =
    Target { name: "order", inputs: 13_000, seeds: merchant_seeds, words: bodies::WORDS, look: look_order };

pub(crate) const CUSTOMER: Target =
    Target { name: "customer", inputs: 13_000, seeds: merchant_seeds, words: bodies::WORDS, look: look_customer };

const WORDS: &[&str] = &[
    "alg",
    "typ",
    "kid",
    "jwk",
    "jku",
    "crit",
    "none",
    "HS256",
    "EdDSA",
    "ES256",
    "click+jwt",
    "visit+jwt",
    "carrier+jwt",
    "JWT",
    "iss",
    "aud",
    "iat",
    "exp",
    "jti",
    "sub",
    "program",
    "partner",
    "cnf",
    "jkt",
    "e30",
    "e30.e30.",
    "AA",
];

const FORGED: &str = "nothing verifies but what was signed";

/// The texts that were signed.
fn is_golden(input: &str, seeds: &[String]) -> bool {
    seeds.iter().any(|seed| seed == input)
}

/// What was accepted is written and read to the same bytes.
fn hold_claims<C: Serialize>(claims: &C, read: impl FnOnce(&str) -> Option<C>) -> Result<(), Broken> {
    let printed = Json.write(claims).unwrap();
    let again = read(&printed).map(|claims| Json.write(&claims).unwrap());
    rule(again.as_ref() == Some(&printed), "claims print and parse to the same bytes", || {
        format!("{printed} then {again:?}")
    })
}

fn token_seeds() -> Vec<Vec<u8>> {
    let tokens = vectors("tokens");
    let good = [&tokens["click"], &tokens["visit"]];
    let all = good.into_iter().chain(items(&tokens["invalid_click"]));
    all.map(|vector| text(vector, "token").into_bytes()).collect()
}

fn look_token<C: token::Claims + PartialEq>(input: &[u8]) -> Looked {
    let text = String::from_utf8_lossy(input);
    let Ok(unverified) = Unverified::<C>::parse(&text, &Json) else { return Ok(bodies::by_shape(input)) };
    let kid: KeyId = unverified.kid().clone();
    let claims = unverified.verify(|_, _| true).unwrap();
    hold_claims(&claims, |printed| Json.read(printed.as_bytes()).ok())?;
    let input = token::signing_input(&kid, &claims, &Json).unwrap();
    let written = jws::assemble(&input, &[0; 64]);
    let again = Unverified::<C>::parse(&written, &Json).ok().and_then(|token| token.verify(|_, _| true).ok());
    rule(again == Some(claims), "a token that we write is one that we read", || written)?;
    thread_local! {
        static GOLDEN: (Vec<String>, [u8; 32]) = {
            let tokens = vectors("tokens");
            let golden = ["click", "visit"].map(|kind| self::text(&tokens[kind], "token"));
            (golden.to_vec(), base64url::decode_array(&self::text(&tokens["jwk"], "x")).unwrap())
        };
    }
    let (verifies, golden) = GOLDEN.with(|(golden, key)| {
        let token = Unverified::<C>::parse(&text, &Json).unwrap();
        (token.verify(|message, signature| ed25519_verifies(key, message, signature)).is_ok(), is_golden(&text, golden))
    });
    // A vector of the invalid ones is signed by the same key, with another type or other claims.
    let signed = golden || token_seeds().iter().any(|seed| seed == text.as_bytes());
    rule(!verifies || signed, FORGED, || text.to_string())?;
    Ok(Verdict::Accepted)
}

fn envelope_seeds() -> Vec<Vec<u8>> {
    let golden = vectors("envelopes");
    let header = r#"{"alg":"ES256","typ":"conversion+jwt","jwk":JWK}"#.replace("JWK", &golden["jwk"].to_string());
    let payload = |body: &[u8]| {
        let mut payload = golden["payload"].clone();
        payload["data"] = serde_json::from_slice(body).unwrap();
        payload
    };
    let mut secret = payload(br#"{"kind":"lead","customer":{"key":"u_1"}}"#);
    secret["token"] = SECRET.into();
    let bodies = bodies::seeds();
    let payloads: Vec<Value> = bodies.iter().step_by(5).map(|body| payload(body)).chain([secret]).collect();
    let signed = |payload: &Value| jws::assemble(&jws::signing_input(&header, &payload.to_string()), &[7; 64]);
    let both = payloads.iter().flat_map(|payload| [signed(payload), payload.to_string()]);
    std::iter::once(text(&golden, "envelope")).chain(both).map(String::into_bytes).collect()
}

fn look_envelope(input: &[u8]) -> Looked {
    let body = String::from_utf8_lossy(input);
    let posted = match Posted::parse(&body, &Json) {
        Ok(posted) => posted,
        Err(error) => return bodies::silent(input, &error.to_string()),
    };
    if let Posted::Signed(signed) = &posted {
        let verifies = signed.verifies(es256_verifies);
        rule(!verifies || body == text(&vectors("envelopes"), "envelope"), FORGED, || body.to_string())?;
        let (on_curve, name) = (is_on_curve(&signed.jwk), thumbprint(&signed.jwk));
        rule(on_curve || !verifies, "a key off the curve verifies nothing", || format!("{name:?}"))?;
    }
    let payload = posted.into_payload();
    let Payload { jti, iat, aud, ath, token, data } = payload;
    // What is no text in an optional field is printed as absent; the body's own rules compare its content.
    let around = Payload { jti, iat, aud, ath, token, data: () };
    hold_claims(&around, |printed| Json.read::<Payload<()>>(printed.as_bytes()).ok())?;
    bodies::hold(input, data)
}

fn carrier_seeds() -> Vec<Vec<u8>> {
    let golden = vectors("carriers");
    let mut secret = golden["payload"].clone();
    secret["token"] = SECRET.into();
    let plain = [golden["payload"].to_string(), secret.to_string()];
    let signed = [text(&golden, "envelope"), text(&vectors("envelopes"), "envelope")];
    signed.into_iter().chain(plain).map(String::into_bytes).collect()
}

fn look_carrier(input: &[u8]) -> Looked {
    let body = String::from_utf8_lossy(input);
    let posted = match Posted::carrier(&body, &Json) {
        Ok(posted) => posted,
        Err(error) => return bodies::silent(input, &error.to_string()),
    };
    if let Posted::Signed(signed) = &posted {
        let verifies = signed.verifies(es256_verifies);
        rule(!verifies || body == text(&vectors("carriers"), "envelope"), FORGED, || body.to_string())?;
    }
    hold_claims(&posted.into_payload(), |printed| Json.read::<Payload<Nothing>>(printed.as_bytes()).ok())?;
    Ok(Verdict::Accepted)
}

fn merchant_seeds() -> Vec<Vec<u8>> {
    let golden = vectors("merchant");
    let all = items(&golden["valid"]).iter().chain(items(&golden["invalid_order"])).map(|vector| text(vector, "jws"));
    all.chain([text(&golden, "lower_case_currency")]).map(String::into_bytes).collect()
}

/// The rules of any statement; the claims, if it has the shape of one.
fn statement<C: merchant::Claims>(input: &[u8]) -> Result<Option<C>, Broken> {
    let jws = String::from_utf8_lossy(input);
    let read = || Statement::<C>::parse(&jws, &Json);
    let Ok(shaped) = read() else { return Ok(None) };
    let claims = shaped.verify(|_, _| true).unwrap();
    // Customer and order hold optional fields that nobody has looked at; the targets compare those after their repair.
    hold_claims(claims.terms(), |printed| Json.read(printed.as_bytes()).ok())?;
    thread_local! {
        static KEYS: (Vec<EcPublicJwk>, Vec<[u8; 32]>) = {
            let golden = vectors("merchant");
            let jwks = items(&golden["valid"]).iter().map(|vector| &vector["jwk"]);
            let ec = jwks.clone().filter(|jwk| jwk["kty"] == "EC").map(|jwk| {
                let plain = serde_json::json!({"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"]});
                serde_json::from_value(plain).unwrap()
            });
            let ed = jwks.clone().filter(|jwk| jwk["kty"] == "OKP");
            (ec.collect(), ed.map(|jwk| base64url::decode_array(&text(jwk, "x")).unwrap()).collect())
        };
    }
    let verified = KEYS.with(|(ec, ed)| {
        read().ok().and_then(|statement| {
            statement.verify(|message, signature| {
                ec.iter().any(|key| es256_verifies(key, message, signature))
                    || ed.iter().any(|key| ed25519_verifies(key, message, signature))
            })
        })
    });
    let golden = || merchant_seeds().iter().any(|seed| seed == jws.as_bytes());
    rule(verified.is_none() || golden(), FORGED, || jws.to_string())?;
    Ok(Some(claims))
}

fn look_order(input: &[u8]) -> Looked {
    let Some(claims) = statement::<OrderClaims>(input)? else { return Ok(bodies::by_shape(input)) };
    let order = match claims.order.checked(0, &mut Vec::new()) {
        Ok(order) => order,
        Err(malformed) => return bodies::silent(input, &malformed.to_string()),
    };
    let (printed, mut warnings) = (Json.write(&order).unwrap(), Vec::new());
    let again = Json.read::<trailmark_wire::conversion::Order<_>>(printed.as_bytes()).ok();
    let again = again.and_then(|order| order.checked(0, &mut warnings).ok());
    rule(again == Some(order) && warnings.is_empty(), "repairing is idempotent", || printed)?;
    Ok(Verdict::Accepted)
}

fn look_customer(input: &[u8]) -> Looked {
    let Some(claims) = statement::<CustomerClaims>(input)? else { return Ok(bodies::by_shape(input)) };
    let customer = claims.customer.repaired(&mut Vec::new());
    let (printed, mut warnings) = (Json.write(&customer).unwrap(), Vec::new());
    let again = Json.read::<trailmark_wire::conversion::Customer<_>>(printed.as_bytes()).ok();
    let again = again.map(|customer| customer.repaired(&mut warnings));
    rule(again == Some(customer) && warnings.is_empty(), "repairing is idempotent", || printed)?;
    Ok(Verdict::Accepted)
}
