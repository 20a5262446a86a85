//! `/shop/...`: the backend of the demo's shop, a simulated merchant. It prices a cart, signs the order, and publishes the
//! key for the proxy's `order_keys`. The page passes the signed text on; the proxy decides whether to believe it.
//!
//! Written from RFC 7515, 7517 and 8037 and from the description of orders in `interfaces.md`. It stores nothing: the
//! order's key comes from the cart's id, so that a second click on "buy" is the same order. It has no accounts and takes
//! the customer's key from the page; a real backend takes it from its session. The signing key is for demos only: everybody
//! can read it here.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL,
    HeaderValue, VARY,
};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Answer, Body, Call};

/// The path under which these routes live.
pub(crate) const ROOT: &str = "shop";

/// The site of the demo's configuration, to which the orders belong.
pub(crate) const SITE: &str = "acme";

/// The name of the shop's key.
pub(crate) const KEY_ID: &str = "demo-shop";

/// The shop's public key, Ed25519, as base64url.
pub(crate) const PUBLIC_KEY_X: &str = "7Ov_dD9xaJO3mJlUtYbB_xyb0ZqBCmhemVpYIDQctJk";

/// The seed of the shop's key. Fixed, so that a configuration outlives a restart of the simulator.
const SEED: &[u8; 32] = b"demo shop key: sign nothing real";

/// Seconds for which a signed order is valid: the time that a checkout page is left open.
const VALID_S: i64 = 15 * 60;

const CURRENCY: &str = "EUR";

/// The products, with the price of one in cents. Prices from the page do not count.
const PRICES: [(&str, i64); 3] = [("garden", 2_900), ("allotment", 7_900), ("seed-box", 1_800)];

/// The most of one product in an order.
const MOST: u32 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cart {
    /// Chosen by the page, once for each purchase.
    cart: String,
    customer_key: String,
    items: Vec<CartLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CartLine {
    sku: String,
    quantity: u32,
}

#[derive(Serialize)]
struct Order {
    key: String,
    amount_minor: i64,
    currency: &'static str,
    items: Vec<OrderLine>,
}

#[derive(Serialize)]
struct OrderLine {
    sku: String,
    unit_amount_minor: i64,
    quantity: u32,
}

/// Why the shop refuses.
struct Refusal(StatusCode, String);

/// `landing_url` is the page to which partner links lead: pages of its origin may read the answers.
pub(crate) fn answer(call: &Call, landing_url: &str, now_ms: i64) -> Answer {
    let answer = match perform(call, now_ms) {
        Ok((status, value)) => Answer::json(status, &value),
        Err(Refusal(status, message)) => Answer::json(status, &json!({ "message": message })),
    };
    let answer = answer
        .with_header(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"))
        .with_header(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"))
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
        .with_header(VARY, HeaderValue::from_static("origin"));
    match origin_of(landing_url) {
        Some(origin) => answer.with_header(ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        None => answer,
    }
}

fn perform(call: &Call, now_ms: i64) -> Result<(StatusCode, Value), Refusal> {
    let path: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("OPTIONS", _) => Ok((StatusCode::OK, json!({}))),
        ("GET", ["jwks.json"]) => Ok((StatusCode::OK, json!({ "keys": [public_jwk()?] }))),
        ("POST", ["orders"]) => {
            let (customer_key, order) = priced(read(call)?)?;
            let signed = signed(&customer_key, &order, now_ms.div_euclid(1_000))?;
            let Order { key, amount_minor, currency, .. } = &order;
            let placed = json!({ "order": signed, "key": key, "amount_minor": amount_minor, "currency": currency });
            Ok((StatusCode::CREATED, placed))
        }
        _ => Err(Refusal(StatusCode::NOT_FOUND, format!("the shop has no route {} {}", call.method, call.path))),
    }
}

fn read(call: &Call) -> Result<Cart, Refusal> {
    if !call.is_json() {
        let message = "content-type must be application/json".to_owned();
        return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    match &call.body {
        Body::Json(value) => Cart::deserialize(value).map_err(|error| bad_request(error.to_string())),
        Body::TooLarge => Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large".to_owned())),
        Body::Empty | Body::Other(_) => Err(bad_request("the body must be JSON")),
    }
}

/// The order for a cart, at the shop's own prices, and its customer's key.
fn priced(Cart { cart, customer_key, items }: Cart) -> Result<(String, Order), Refusal> {
    let plain = cart.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !(8..=64).contains(&cart.len()) || !plain {
        return Err(bad_request("cart must be 8 to 64 letters, digits and hyphens of the page's choice"));
    }
    if !(1..=255).contains(&customer_key.chars().count()) || customer_key.chars().any(char::is_control) {
        return Err(bad_request("customer_key must have 1 to 255 characters and no controls"));
    }
    if items.is_empty() {
        return Err(bad_request("items must name at least one thing"));
    }
    let mut lines: Vec<OrderLine> = Vec::new();
    for CartLine { sku, quantity } in items {
        let unit_amount_minor = price(&sku)?;
        if !(1..=MOST).contains(&quantity) {
            return Err(bad_request(format!("items: {sku} can be bought 1 to {MOST} times, not {quantity}")));
        }
        if lines.iter().any(|line| line.sku == sku) {
            return Err(bad_request(format!("items: {sku} stands there twice: raise its quantity")));
        }
        lines.push(OrderLine { sku, unit_amount_minor, quantity });
    }
    let amount_minor = lines.iter().map(|line| line.unit_amount_minor * i64::from(line.quantity)).sum();
    Ok((customer_key, Order { key: format!("o-{cart}"), amount_minor, currency: CURRENCY, items: lines }))
}

fn price(sku: &str) -> Result<i64, Refusal> {
    let found = PRICES.iter().find(|(name, _)| *name == sku).map(|(_, price)| *price);
    found.ok_or_else(|| {
        let sold: Vec<&str> = PRICES.iter().map(|(name, _)| *name).collect();
        bad_request(format!("items: the shop sells {}, not {sku:?}", sold.join(", ")))
    })
}

/// The order as a compact JWS: `typ: order+jwt`, `EdDSA`.
fn signed(customer_key: &str, order: &Order, now_s: i64) -> Result<String, Refusal> {
    let header = json!({ "alg": "EdDSA", "typ": "order+jwt", "kid": KEY_ID });
    let claims = json!({
        "aud": SITE,
        "iat": now_s,
        "exp": now_s + VALID_S,
        "customer": { "key": customer_key },
        "order": order,
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key()?.sign(input.as_bytes()));
    Ok(format!("{input}.{signature}"))
}

/// The value for `order_keys`.
fn public_jwk() -> Result<Value, Refusal> {
    let x = URL_SAFE_NO_PAD.encode(key()?.public_key());
    Ok(json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": KEY_ID, "x": x }))
}

fn key() -> Result<Ed25519KeyPair, Refusal> {
    Ed25519KeyPair::from_seed_unchecked(SEED).map_err(|_rejected| {
        Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the shop's key cannot be used on this machine".to_owned())
    })
}

fn origin_of(url: &str) -> Option<HeaderValue> {
    let uri = url.split('#').next()?.parse::<Uri>().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    HeaderValue::try_from(origin).ok()
}

fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_key_is_the_one_that_configurations_carry() {
        let jwk = public_jwk().map_err(|refusal| refusal.1).unwrap();
        assert_eq!(jwk["x"], PUBLIC_KEY_X);
    }
}
