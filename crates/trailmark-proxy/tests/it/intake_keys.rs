//! Signing keys, over HTTP and directly: JWKS, rotation, retirement, revocation.

use serde_json::json;
use trailmark_proxy::keys::crypto::ed25519_verifies;
use trailmark_proxy::keys::{Begin, Keyring};
use trailmark_wire::base64url::{decode, decode_array};
use trailmark_wire::ids::SiteId;

use crate::support::browser::{BrowserKey, signup};
use crate::support::proxy::TestProxy;

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn acme() -> SiteId {
    SiteId::new("acme").unwrap()
}

/// The `kid` of a token, verified with the published keys like in any JWT library.
async fn verified_kid(proxy: &TestProxy, token: &str) -> Option<String> {
    let jwks = proxy.get(".well-known/jwks.json").await;
    assert_eq!(
        (jwks.status, jwks.header("content-type"), jwks.header("cache-control")),
        (200, "application/json", "no-store")
    );
    let header: serde_json::Value = serde_json::from_slice(&decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("click+jwt")));
    let keys = jwks.json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"])?.clone();
    assert_eq!((&key["kty"], &key["crv"], &key["use"]), (&json!("OKP"), &json!("Ed25519"), &json!("sig")));
    assert!(key.get("d").is_none());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let public = decode_array(key["x"].as_str().unwrap()).unwrap();
    let verifies = ed25519_verifies(&public, input.as_bytes(), &decode_array(signature).unwrap());
    verifies.then(|| key["kid"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_new_key_is_published_at_once_and_signs_after_ten_minutes() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let before = proxy.arrive(1, &key).await;
    let old = verified_kid(&proxy, &before).await.unwrap();
    let new = proxy.app.keys.rotate(&acme(), Begin::Announced).await.unwrap().kid;
    let published = proxy.get(".well-known/jwks.json").await.body;
    assert!(published.contains(new.as_str()) && published.contains(&old));
    let announced = proxy.arrive(2, &key).await;
    assert_eq!(verified_kid(&proxy, &announced).await, Some(old.clone()));
    proxy.clock.advance(10 * MINUTE_MS);
    let after = proxy.arrive(3, &key).await;
    assert_eq!(verified_kid(&proxy, &after).await.as_deref(), Some(new.as_str()));
    // What the old key signed is valid until it expires.
    assert_eq!(verified_kid(&proxy, &before).await, Some(old.clone()));
    assert_eq!(proxy.convert(1, &key, &before, signup("c1")).await.status, 202);
    proxy.clock.advance(91 * DAY_MS);
    assert!(!proxy.get(".well-known/jwks.json").await.body.contains(&old));
}

#[tokio::test]
async fn a_key_may_be_rotated_at_once() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let before = proxy.arrive(1, &key).await;
    let new = proxy.app.keys.rotate(&acme(), Begin::Now).await.unwrap().kid;
    proxy.clock.advance(1);
    let after = proxy.arrive(2, &key).await;
    assert_eq!(verified_kid(&proxy, &after).await.as_deref(), Some(new.as_str()));
    assert_eq!(proxy.convert(1, &key, &before, signup("c1")).await.status, 202);
}

#[tokio::test]
async fn a_revoked_key_ends_at_once_and_another_takes_over() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let before = proxy.arrive(1, &key).await;
    let old = verified_kid(&proxy, &before).await.unwrap();
    proxy.app.keys.revoke(&acme(), &old.clone().try_into().unwrap()).await.unwrap();
    assert_eq!(proxy.convert(1, &key, &before, signup("c1")).await.code(), "401 token_invalid");
    assert_eq!(verified_kid(&proxy, &before).await, None);
    let after = proxy.arrive(2, &key).await;
    assert_ne!(verified_kid(&proxy, &after).await, Some(old));
    assert_eq!(proxy.convert(2, &key, &after, signup("c2")).await.status, 202);
}

#[tokio::test]
async fn what_another_process_does_to_the_keys_counts_here() {
    let proxy = TestProxy::start().await;
    let key = BrowserKey::new();
    let before = proxy.arrive(1, &key).await;
    let old = verified_kid(&proxy, &before).await.unwrap();
    // Another process on the same ledger, with its own copy of the keys.
    let other = Keyring::new(proxy.store.clone(), proxy.clock.clone(), vec![acme()]);
    let new = other.rotate(&acme(), Begin::Now).await.unwrap().kid;
    let claims: trailmark_wire::token::ClickClaims =
        other.verify(&before).await.unwrap().map(|(_, claims)| claims).unwrap();
    proxy.clock.advance(1);
    let expires_at = trailmark_wire::time::UnixMillis::from_seconds(claims.exp);
    let theirs = other.sign(&acme(), &claims, expires_at).await.unwrap();
    // A `kid` unknown to this process makes it reload the keys before it refuses.
    assert_eq!(proxy.convert(1, &key, &theirs, signup("c1")).await.status, 202);
    assert_eq!(verified_kid(&proxy, &theirs).await.as_deref(), Some(new.as_str()));
    other.revoke(&acme(), &old.try_into().unwrap()).await.unwrap();
    proxy.clock.advance(trailmark_proxy::keys::COPY_MS);
    assert_eq!(proxy.convert(2, &key, &before, signup("c2")).await.code(), "401 token_invalid");
}

#[tokio::test]
async fn a_key_covers_the_last_thing_that_it_signed() {
    let proxy = TestProxy::start().await;
    proxy.arrive(1, &BrowserKey::new()).await;
    let row = proxy.app.keys.list(&acme()).await.unwrap().remove(0);
    let last = row.last_expiry.unwrap();
    assert!(last >= proxy.now().plus(90 * DAY_MS) && last <= proxy.now().plus(91 * DAY_MS), "{last}");
    let name: String =
        trailmark_wire::ids::hex(&trailmark_proxy::keys::crypto::sha256(&row.public_key)).chars().take(16).collect();
    assert_eq!(row.kid.as_str(), name);
    assert!(!format!("{row:?}").contains(row.private_key.expose()));
}
