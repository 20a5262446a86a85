//! The backend of the demo's shop: what it signs, for whom, at whose prices, and what it refuses.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use trailmark_simulator::{Settings, print_config};

use crate::client::{Double, Reply};

const ORDERS: &str = "/shop/orders";

fn cart() -> Value {
    json!({
        "cart": "0198-cart",
        "customer_key": "u_1",
        "items": [{ "sku": "garden", "quantity": 1 }, { "sku": "seed-box", "quantity": 2 }],
    })
}

async fn order(double: &Double, cart: &Value) -> Reply {
    double.draft("POST", ORDERS).json(cart).send().await
}

/// Header and claims of a compact JWS, once the shop's published key has verified it.
async fn verified(double: &Double, jws: &str) -> (Value, Value) {
    let jwk = double.draft("GET", "/shop/jwks.json").send().await.value()["keys"][0].clone();
    assert_eq!((&jwk["kty"], &jwk["crv"], &jwk["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    let (input, signature) = jws.rsplit_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, bytes(jwk["x"].as_str().unwrap()));
    key.verify(input.as_bytes(), &bytes(signature)).unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let part = |text| serde_json::from_slice::<Value>(&bytes(text)).unwrap();
    let header = part(header);
    assert_eq!(header["kid"], jwk["kid"]);
    (header, part(claims))
}

#[tokio::test]
async fn an_order_is_signed_for_the_site_at_the_shops_own_prices_and_lives_a_quarter_of_an_hour() {
    let double = Double::start().await;
    double.advance(86_400_000).await;
    let now_s = double.control("GET", "clock", &Value::Null).await["now_ms"].as_i64().unwrap() / 1_000;
    let reply = order(&double, &cart()).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    let placed = reply.value();
    assert_eq!((&placed["amount_minor"], &placed["currency"]), (&json!(6_500), &json!("EUR")));
    let (header, claims) = verified(&double, placed["order"].as_str().unwrap()).await;
    assert_eq!(header, json!({ "alg": "EdDSA", "typ": "order+jwt", "kid": "demo-shop" }));
    let issued_s = claims["iat"].as_i64().unwrap();
    assert!((now_s..now_s + 60).contains(&issued_s), "by the simulated clock: {issued_s} {now_s}");
    assert_eq!(
        claims,
        json!({
            "aud": "acme",
            "iat": issued_s,
            "exp": issued_s + 900,
            "customer": { "key": "u_1" },
            "order": {
                "key": placed["key"],
                "amount_minor": 6_500,
                "currency": "EUR",
                "items": [
                    { "sku": "garden", "unit_amount_minor": 2_900, "quantity": 1 },
                    { "sku": "seed-box", "unit_amount_minor": 1_800, "quantity": 2 },
                ],
            },
        })
    );
}

#[tokio::test]
async fn the_same_cart_is_the_same_order_also_after_a_restart() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let double = Double::start().await;
        for _ in 0..2 {
            keys.push(order(&double, &cart()).await.value()["key"].clone());
        }
        double.shutdown().await;
    }
    assert_eq!(keys, vec![json!("o-0198-cart"); 4]);
}

#[tokio::test]
async fn what_the_shop_does_not_sell_is_refused_with_the_field_and_the_cure() {
    let double = Double::start().await;
    let mut with = Vec::new();
    let mut case = |field: &str, value: Value, says: &'static str| {
        let mut body = cart();
        body[field] = value;
        with.push((body, says));
    };
    case("cart", json!("short"), "cart must be 8 to 64");
    case("cart", json!("o'clock or later"), "cart must be 8 to 64");
    case("cart", json!(12_345_678), "expected a string");
    case("customer_key", json!(""), "customer_key must have 1 to 255");
    case("customer_key", json!("u\n1"), "customer_key must have 1 to 255");
    case("items", json!([]), "items must name at least one");
    case("items", json!([{ "sku": "tractor", "quantity": 1 }]), "sells garden, allotment, seed-box");
    case("items", json!([{ "sku": "garden", "quantity": 0 }]), "1 to 10 times, not 0");
    case("items", json!([{ "sku": "garden", "quantity": 11 }]), "1 to 10 times, not 11");
    case("items", json!([{ "sku": "garden", "quantity": -1 }]), "invalid value");
    case("items", json!([{ "sku": "garden", "quantity": 1, "unit_amount_minor": 1 }]), "unknown field");
    case("items", json!([{ "sku": "garden", "quantity": 1 }, { "sku": "garden", "quantity": 1 }]), "twice");
    case("amount_minor", json!(1), "unknown field `amount_minor`");
    for (body, says) in with {
        let reply = order(&double, &body).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
        let message = reply.value()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{message:?} should say {says:?} of {body}");
    }
    let plain = double.draft("POST", ORDERS).header("content-type", "text/plain").body(cart().to_string());
    assert_eq!(plain.send().await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let broken = double.draft("POST", ORDERS).header("content-type", "application/json").body("{");
    assert_eq!(broken.send().await.status, StatusCode::BAD_REQUEST);
    for (method, path) in [("GET", ORDERS), ("POST", "/shop"), ("POST", "/shop/orders/1"), ("POST", "/shop/jwks.json")]
    {
        assert_eq!(double.draft(method, path).send().await.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
}

#[tokio::test]
async fn pages_of_the_landing_pages_origin_may_read_the_answers_and_no_others() {
    let landing_url = "http://127.0.0.1:4444/welcome?from=partner#top".to_owned();
    let double = Double::with(Settings { landing_url, ..Settings::default() }).await;
    for (method, path) in [("OPTIONS", ORDERS), ("POST", ORDERS), ("GET", "/shop/jwks.json")] {
        let reply = double.draft(method, path).header("origin", "http://elsewhere.example").json(&cart()).send().await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("http://127.0.0.1:4444"), "{method} {path}");
        assert_eq!(reply.header("access-control-allow-headers"), Some("content-type"), "{method} {path}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{method} {path}");
        assert!(reply.status.is_success(), "{method} {path}");
    }
}

#[tokio::test]
async fn the_printed_configuration_trusts_the_published_key_and_holds_public_members_alone() {
    let double = Double::start().await;
    let published = double.draft("GET", "/shop/jwks.json").send().await.value()["keys"].clone();
    let config: toml::Table =
        print_config(&Settings { listen: double.address(), ..Settings::default() }, &[]).unwrap().parse().unwrap();
    let trusted = serde_json::to_value(&config["sites"][0]["order_keys"]).unwrap();
    assert_eq!(trusted, published);
    let mut members: Vec<&String> = published[0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "x"]);
}
