//! The signer in docs/backend.md, section Rust: prints a customer and an order that a merchant's backend signs and a page
//! passes on. A test runs it against a real proxy and compares the page with the code below.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "an example for other people's code, in twenty lines"
)]

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

fn signed(key: &Ed25519KeyPair, typ: &str, now: u64, mut claims: Value) -> String {
    claims["aud"] = json!("acme");
    claims["iat"] = json!(now);
    claims["exp"] = json!(now + 8 * 24 * 60 * 60);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(&json!({"alg": "EdDSA", "typ": typ, "kid": "shop"})), part(&claims));
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&std::fs::read("shop.der")?)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let [customer, order] = [1, 2].map(|index| std::env::args().nth(index).unwrap_or_default());
    let customer = json!({"email": format!("{customer}@example.org"), "key": customer});
    let order = json!({"key": order, "amount_minor": 4900, "currency": "EUR"});
    println!("{}", signed(&key, "customer+jwt", now, json!({"customer": customer})));
    println!("{}", signed(&key, "order+jwt", now, json!({"customer": customer, "order": order})));
    Ok(())
}
