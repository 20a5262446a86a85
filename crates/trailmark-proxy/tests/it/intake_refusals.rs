//! Inputs that must not pass, as tables: forged, stale, swapped, oversized. Each gets its status and code; none is
//! accepted, none is a 5xx.

use axum::body::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use trailmark_proxy::keys::crypto::SigningKey;
use trailmark_wire::base64url::{decode, encode};

use crate::support::browser::{BrowserKey, arrival, claims, jti, landing, payload, signup, token};
use crate::support::proxy::{ORIGIN, TestProxy};

const MALFORMED: &str = "400 malformed";

/// A visitor with a bound token, and what a thief might have.
struct World {
    proxy: TestProxy,
    key: BrowserKey,
    thief: BrowserKey,
    token: String,
    unbound: String,
    visitor_token: String,
    zetas: String,
    signer: (SigningKey, String),
}

impl World {
    async fn new() -> Self {
        let proxy = TestProxy::start().await;
        let (key, thief) = (BrowserKey::new(), BrowserKey::new());
        let bound = proxy.arrive(1, &key).await;
        let click = proxy.post("v1/clicks", arrival(2, &landing("click2")).to_string()).await;
        let mut zeta = arrival(3, "https://www.zeta.example/?ps_xid=click3");
        zeta["site"] = json!("zeta");
        let request = proxy.http.post(proxy.url("v1/clicks")).header("origin", "https://www.zeta.example");
        let zetas = token(&proxy.send(request.body(zeta.to_string())).await);
        let row = proxy.app.keys.list(&"acme".to_owned().try_into().unwrap()).await.unwrap().remove(0);
        let signer = (SigningKey::from_text(&row.private_key).unwrap(), row.kid.as_str().to_owned());
        let visitor_token = click.cookie("tm_acme_v").split_once('=').unwrap().1.to_owned();
        let unbound = token(&click);
        Self { proxy, key, thief, token: bound, unbound, visitor_token, zetas, signer }
    }

    fn payload(&self, token: &str) -> Value {
        payload(&self.proxy, 1, token, signup("c1"))
    }

    /// An envelope whose payload was changed before signing.
    fn with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut payload = self.payload(&self.token);
        change(&mut payload);
        self.key.envelope(&payload)
    }

    fn with_data(&self, data: Value) -> String {
        self.with(|payload| payload["data"] = data)
    }

    /// An envelope with another header.
    fn under(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.key.header();
        change(&mut header);
        self.key.jws(&header, &self.payload(&self.token))
    }

    fn carrying(&self, token: &str) -> String {
        self.key.envelope(&self.payload(token))
    }

    /// A token by the proxy's own key, with changed header and claims.
    fn minted(&self, header: impl FnOnce(&mut Value), change: impl FnOnce(&mut Value)) -> String {
        let mut head = json!({"alg": "EdDSA", "typ": "click+jwt", "kid": self.signer.1});
        let mut claims = claims(&self.token);
        header(&mut head);
        change(&mut claims);
        let input = format!("{}.{}", encode(head.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.signer.0.sign(input.as_bytes()).unwrap();
        format!("{input}.{}", encode(&signature))
    }
}

/// A JWS with one part replaced.
fn with_part(jws: &str, index: usize, part: &str) -> String {
    let mut parts: Vec<&str> = jws.split('.').collect();
    parts[index] = part;
    parts.join(".")
}

/// A JWS with one flipped bit in its signature.
fn with_flipped_signature(jws: &str) -> String {
    let mut signature = decode(jws.rsplit('.').next().unwrap()).unwrap();
    signature[40] ^= 1;
    with_part(jws, 2, &encode(&signature))
}

fn nothing(_: &mut Value) {}

fn envelopes(world: &World) -> Vec<(&'static str, String, &'static str)> {
    let good = world.carrying(&world.token);
    let stranger = SigningKey::generate().unwrap();
    let token_input = world.token.rsplit_once('.').unwrap().0;
    let strangers = format!("{token_input}.{}", encode(&stranger.sign(token_input.as_bytes()).unwrap()));
    // With quotation marks, because the bare text may by chance be in the token too.
    let swapped = encode(world.payload(&world.token).to_string().replace("\"c1\"", "\"c2\"").as_bytes());
    let now_s = world.proxy.now().seconds();
    let order = |amount: Value, currency: &str| {
        json!({"kind": "sale", "customer": {"key": "c"}, "order": {"key": "o", "amount_minor": amount, "currency": currency,
            "items": [{"sku": "s", "unit_amount_minor": 5, "quantity": 2}]}})
    };
    vec![
        // Not the form.
        ("empty", String::new(), MALFORMED),
        ("noise", "\u{1F9ED} noise".to_owned(), MALFORMED),
        ("an empty object", "{}".to_owned(), MALFORMED),
        ("an array", "[]".to_owned(), MALFORMED),
        ("deep nesting", "{\"data\":".repeat(5_000), MALFORMED),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned(), MALFORMED),
        ("four parts", format!("{good}.AAAA"), MALFORMED),
        ("padding", format!("{good}=="), MALFORMED),
        ("white space", format!("{good}\n"), MALFORMED),
        ("a short signature", with_part(&good, 2, &encode(&[1; 63])), MALFORMED),
        ("no signature", with_part(&good, 2, ""), MALFORMED),
        ("alg none", world.under(|header| header["alg"] = json!("none")), MALFORMED),
        ("alg HS256", world.under(|header| header["alg"] = json!("HS256")), MALFORMED),
        ("alg of lower case", world.under(|header| header["alg"] = json!("es256")), MALFORMED),
        ("another typ", world.under(|header| header["typ"] = json!("click+jwt")), MALFORMED),
        ("a crit header", world.under(|header| header["crit"] = json!(["exp"])), MALFORMED),
        ("a kid beside the key", world.under(|header| header["kid"] = json!("k")), MALFORMED),
        ("a private key", world.under(|header| header["jwk"]["d"] = json!(encode(&[1; 32]))), MALFORMED),
        ("a key on another curve", world.under(|header| header["jwk"]["crv"] = json!("P-384")), MALFORMED),
        ("a short coordinate", world.under(|header| header["jwk"]["x"] = json!(encode(&[1; 31]))), MALFORMED),
        ("no key", world.under(|header| drop(header.as_object_mut().unwrap().remove("jwk"))), MALFORMED),
        ("an unknown member", world.with(|payload| payload["admin"] = json!(true)), MALFORMED),
        ("an unknown member of data", world.with(|payload| payload["data"]["assurance"] = json!("server")), MALFORMED),
        ("iat as text", world.with(|payload| payload["iat"] = json!("now")), MALFORMED),
        ("iat as a fraction", world.with(|payload| payload["iat"] = json!(1.5)), MALFORMED),
        (
            "an id that is no UUIDv7",
            world.with(|p| p["jti"] = json!("1f3c9a52-0000-4000-8000-000000000000")),
            MALFORMED,
        ),
        ("an id in capitals", world.with(|payload| payload["jti"] = json!(jti(255).to_uppercase())), MALFORMED),
        ("a hash that is none", world.with(|payload| payload["ath"] = json!("short")), MALFORMED),
        ("no token", world.with(|p| drop(p.as_object_mut().unwrap().remove("token"))), MALFORMED),
        // Claims that no conversion may have.
        ("no customer", world.with_data(json!({"kind": "signup"})), MALFORMED),
        (
            "a missing value as customer key",
            world.with_data(json!({"kind": "lead", "customer": {"key": "null"}})),
            MALFORMED,
        ),
        ("a blank customer key", world.with_data(json!({"kind": "lead", "customer": {"key": "  "}})), MALFORMED),
        (
            "an order in a signup",
            world.with_data(json!({"kind": "signup", "customer": {"key": "c"},
            "order": {"key": "o", "amount_minor": 1, "currency": "EUR"}})),
            MALFORMED,
        ),
        ("a total above its lines", world.with_data(order(json!(11), "EUR")), MALFORMED),
        ("a negative total", world.with_data(order(json!(-1), "EUR")), MALFORMED),
        ("a total with a fraction", world.with_data(order(json!(9.5), "EUR")), MALFORMED),
        ("a total beyond 64 bits", world.with_data(order(json!(1e30), "EUR")), MALFORMED),
        ("a currency that is none", world.with_data(order(json!(1), "EURO")), MALFORMED),
        (
            "a refund",
            world.with_data(json!({"kind": "refund", "refund_of": "o",
            "order": {"key": "r", "amount_minor": 1, "currency": "EUR"}})),
            "403 not_allowed",
        ),
        // Tokens.
        ("a token of noise", world.carrying("a.b.c"), "401 token_invalid"),
        ("an empty token", world.carrying(""), "401 token_invalid"),
        ("a token with a turned bit", world.carrying(&with_flipped_signature(&world.token)), "401 token_invalid"),
        ("a stranger's signature under our kid", world.carrying(&strangers), "401 token_invalid"),
        (
            "an unknown kid",
            world.carrying(&world.minted(|h| h["kid"] = json!("0123456789abcdef"), nothing)),
            "401 token_invalid",
        ),
        ("a visitor token", world.carrying(&world.visitor_token), "401 token_invalid"),
        (
            "our key's signature, another typ",
            world.carrying(&world.minted(|h| h["typ"] = json!("JWT"), nothing)),
            "401 token_invalid",
        ),
        (
            "our key's signature, alg none",
            world.carrying(&world.minted(|h| h["alg"] = json!("none"), nothing)),
            "401 token_invalid",
        ),
        (
            "a token that brings its key",
            world.carrying(&world.minted(|h| h["jwk"] = world.key.jwk(), nothing)),
            "401 token_invalid",
        ),
        (
            "a token that names a key's address",
            world.carrying(&world.minted(|h| h["jku"] = json!("https://evil.example"), nothing)),
            "401 token_invalid",
        ),
        (
            "a token of our key for another site",
            world.carrying(&world.minted(nothing, |c| c["aud"] = json!("zeta"))),
            "401 token_invalid",
        ),
        (
            "a token that has ended",
            world.carrying(&world.minted(nothing, |c| c["exp"] = json!(now_s))),
            "401 token_expired",
        ),
        ("another site's token", world.carrying(&world.zetas), "401 audience_mismatch"),
        // Key binding and signature.
        ("a thief's key", world.thief.envelope(&world.payload(&world.token)), "401 key_mismatch"),
        (
            "a thief's signature under the right key",
            world.thief.jws(&world.key.header(), &world.payload(&world.token)),
            "401 signature_invalid",
        ),
        ("a turned bit", with_flipped_signature(&good), "401 signature_invalid"),
        ("a payload swapped after signing", with_part(&good, 1, &swapped), "401 signature_invalid"),
        ("a signature of zeros", with_part(&good, 2, &encode(&[0; 64])), "401 signature_invalid"),
        ("plain JSON with a bound token", world.payload(&world.token).to_string(), "401 signature_invalid"),
        (
            "a wrong signature with an unbound token",
            with_flipped_signature(&world.carrying(&world.unbound)),
            "401 signature_invalid",
        ),
        // Audience and time.
        ("an unknown site", world.with(|payload| payload["aud"] = json!("nobody")), "401 audience_mismatch"),
        (
            "a hash of another token",
            world.with(|payload| payload["token"] = json!(world.minted(nothing, |c| c["jti"] = json!(jti(9))))),
            "401 token_mismatch",
        ),
        ("tomorrow", world.with(|payload| payload["iat"] = json!(now_s + 24 * 3600)), "401 from_the_future"),
        ("a second beyond the skew", world.with(|payload| payload["iat"] = json!(now_s + 62)), "401 from_the_future"),
        ("the end of time", world.with(|payload| payload["iat"] = json!(i64::MAX)), "401 from_the_future"),
    ]
}

#[tokio::test]
async fn no_forged_stale_or_swapped_envelope_is_accepted() {
    let world = World::new().await;
    let cases = envelopes(&world);
    assert!(cases.len() >= 40);
    for (name, body, expected) in cases {
        let answer = world.proxy.post("v1/conversions", body).await;
        assert_eq!(answer.code(), expected, "{name}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN, "{name}");
        assert!(!answer.body.contains("ada@example.com"), "{name}: {}", answer.body);
    }
    assert_eq!(world.proxy.conversions().await, 0);
    // The same world's valid envelope passes, so the table refuses for the reasons that it names.
    assert_eq!(world.proxy.post("v1/conversions", world.carrying(&world.token)).await.status, 202);
}

#[tokio::test]
async fn a_token_of_another_site_and_its_audience_are_refused() {
    let world = World::new().await;
    let mut payload = world.payload(&world.zetas);
    let mixed = world.proxy.post("v1/conversions", payload.to_string()).await;
    assert_eq!(mixed.code(), "401 audience_mismatch");
    payload["aud"] = json!("zeta");
    let wrong_page = world.proxy.post("v1/conversions", payload.to_string()).await;
    assert_eq!(wrong_page.code(), "403 origin_not_allowed");
    let named = format!("`{ORIGIN}` is not in `origins` of site `zeta`: add it in trailmark.toml, exactly");
    assert_eq!(wrong_page.json()["detail"], named);
    assert_eq!(wrong_page.header("access-control-allow-origin"), "", "acme's page may not read zeta's answers");
}

#[tokio::test]
async fn no_request_with_wrong_headers_is_accepted() {
    let world = World::new().await;
    let good = world.carrying(&world.token);
    let origin_refused = "403 origin_not_allowed";
    for (name, headers, expected) in [
        ("no origin", vec![("content-type", "text/plain")], origin_refused),
        ("another origin", vec![("origin", "https://evil.example")], origin_refused),
        ("a longer port", vec![("origin", "http://127.0.0.1:87870")], origin_refused),
        ("another scheme", vec![("origin", "https://127.0.0.1:8787")], origin_refused),
        ("a slash", vec![("origin", "http://127.0.0.1:8787/")], origin_refused),
        ("capitals", vec![("origin", "HTTP://127.0.0.1:8787")], origin_refused),
        ("two origins", vec![("origin", ORIGIN), ("origin", ORIGIN)], origin_refused),
        ("null", vec![("origin", "null")], origin_refused),
        ("null across sites", vec![("origin", "null"), ("sec-fetch-site", "cross-site")], origin_refused),
        ("null on the same site", vec![("origin", "null"), ("sec-fetch-site", "same-site")], origin_refused),
        ("an API key", vec![("origin", ORIGIN), ("authorization", "Bearer tm_key")], "401 unauthenticated"),
        ("basic authentication", vec![("origin", ORIGIN), ("authorization", "Basic eDp5")], "401 unauthenticated"),
        ("JSON without a key", vec![("content-type", "application/json")], "401 unauthenticated"),
        ("a form", vec![("origin", ORIGIN), ("content-type", "application/x-www-form-urlencoded")], MALFORMED),
        ("an upload", vec![("origin", ORIGIN), ("content-type", "multipart/form-data; boundary=x")], MALFORMED),
    ] {
        let mut request = world.proxy.http.post(world.proxy.url("v1/conversions")).body(good.clone());
        for (header, value) in headers {
            request = request.header(header, value);
        }
        assert_eq!(world.proxy.send(request).await.code(), expected, "{name}");
    }
    assert_eq!(world.proxy.conversions().await, 0);
    let vouched = world.proxy.http.post(world.proxy.url("v1/conversions")).body(good);
    let vouched = vouched.header("origin", "null").header("sec-fetch-site", "same-origin");
    assert_eq!(world.proxy.send(vouched).await.status, 202, "a page without referrers posts to its own origin");
}

#[tokio::test]
async fn an_oversized_body_is_refused_declared_or_not() {
    let world = World::new().await;
    let large = "x".repeat(64 * 1024 + 1);
    for path in ["v1/conversions", "v1/clicks"] {
        let declared = world.proxy.post(path, large.clone()).await;
        assert_eq!(declared.code(), "413 body_too_large", "{path}");
        let chunks = stream::iter(
            large
                .as_bytes()
                .chunks(1000)
                .map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c)))
                .collect::<Vec<_>>(),
        );
        let request = world.proxy.http.post(world.proxy.url(path)).header("origin", ORIGIN);
        let chunked = world.proxy.send(request.body(reqwest::Body::wrap_stream(chunks))).await;
        assert_eq!(chunked.code(), "413 body_too_large", "{path}");
        let brim = world.proxy.post(path, "x".repeat(64 * 1024)).await;
        assert_eq!(brim.code(), MALFORMED, "{path}: the limit itself is read");
        let binary = world.proxy.http.post(world.proxy.url(path)).header("origin", ORIGIN).body(vec![0xff, 0xfe]);
        assert_eq!(world.proxy.send(binary).await.code(), MALFORMED, "{path}");
    }
}

/// A newer page may tell more of an arrival than this proxy knows.
#[tokio::test]
async fn what_this_release_does_not_know_of_an_arrival_is_ignored() {
    let proxy = TestProxy::start().await;
    let mut body = arrival(1, &landing("click1"));
    body["visitor"] = json!("v");
    assert_eq!(proxy.post("v1/clicks", body.to_string()).await.status, 201);
    assert_eq!(proxy.store.counts().await.unwrap().touches, 1);
}

#[tokio::test]
async fn no_wrong_arrival_is_recorded() {
    let proxy = TestProxy::start().await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = arrival(1, &landing("click1"));
        change(&mut body);
        body.to_string()
    };
    let at = |url: &str| with(&|body| body["url"] = json!(url));
    for (name, body, expected) in [
        ("noise", "noise".to_owned(), MALFORMED),
        ("an unknown site", with(&|body| body["site"] = json!("nobody")), "404 site_unknown"),
        ("a site that is no name", with(&|body| body["site"] = json!("../acme")), MALFORMED),
        ("another site's page", with(&|body| body["site"] = json!("zeta")), "403 origin_not_allowed"),
        ("an arrival id that is none", with(&|body| body["id"] = json!("1")), MALFORMED),
        ("a page elsewhere", at("https://evil.example/?ps_xid=x"), MALFORMED),
        ("a host that begins alike", at("http://127.0.0.1:8787.evil.example/?ps_xid=x"), MALFORMED),
        ("credentials", at("http://127.0.0.1:8787@evil.example/?ps_xid=x"), MALFORMED),
        ("a backslash", at("http://127.0.0.1:8787\\@evil.example/?ps_xid=x"), MALFORMED),
        ("a script", at("javascript:alert(1)"), MALFORMED),
        ("a relative URL", at("/?ps_xid=x"), MALFORMED),
        ("another spelling of the origin", at("http://127.0.0.1:08787/?ps_xid=x"), MALFORMED),
        ("the number of the address", at("http://2130706433:8787/?ps_xid=x"), MALFORMED),
        ("a long referrer", with(&|body| body["referrer"] = json!("r".repeat(9_000))), MALFORMED),
        ("a time that is none", with(&|body| body["at"] = json!("yesterday")), MALFORMED),
        ("a session cookie", with(&|body| body["cookies"] = json!({"session": "s"})), MALFORMED),
        ("the visitor cookie in the body", with(&|body| body["cookies"] = json!({"tm_acme_v": "s"})), MALFORMED),
        ("a large cookie", with(&|body| body["cookies"] = json!({"ps_xid": "s".repeat(5_000)})), MALFORMED),
        (
            "a key off the curve",
            with(&|b| b["jwk"] = json!({"kty": "EC", "crv": "P-256", "x": encode(&[1; 32]), "y": encode(&[2; 32])})),
            MALFORMED,
        ),
        (
            "a private key",
            with(&|b| {
                b["jwk"] = BrowserKey::new().jwk();
                b["jwk"]["d"] = json!("x")
            }),
            MALFORMED,
        ),
    ] {
        let answer = proxy.post("v1/clicks", body).await;
        assert_eq!(answer.code(), expected, "{name}: {}", answer.body);
        assert_eq!(answer.cookies(), [""; 0], "{name}");
    }
    assert_eq!(proxy.store.counts().await.unwrap().touches, 0);
}

#[tokio::test]
async fn a_malformed_body_is_told_its_field_and_nothing_of_its_values() {
    let world = World::new().await;
    for (body, field) in [
        (
            world.with_data(json!({"kind": "lead", "customer": {"key": "c"}, "signed_customer": "ada@"})),
            "signed_customer",
        ),
        (world.with_data(json!({"kind": "lead", "customer": {"key": ["ada@example.com"]}})), "data.customer.key"),
        (world.with(|payload| payload["iat"] = json!("ada@example.com")), "iat"),
        (world.with(|payload| payload["mail"] = json!("ada@example.com")), "mail"),
    ] {
        let answer = world.proxy.post("v1/conversions", body).await;
        assert_eq!(answer.json()["field"], field, "{}", answer.body);
        assert_eq!(answer.json()["type"], "urn:trailmark:refusal:malformed");
        assert!(answer.json()["title"].is_string() && !answer.body.contains("ada@"), "{}", answer.body);
    }
}
