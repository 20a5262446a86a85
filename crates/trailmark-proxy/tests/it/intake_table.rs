//! The documented table of refusals, row by row over HTTP: status and code of each row, and that a refusal commits
//! nothing. `intake_refusals` and `server_calls` have further ways to get the same refusals.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use trailmark_wire::base64url::encode;
use trailmark_wire::refusal::Refusal;

use crate::support::backend::{customer, with};
use crate::support::browser::{BrowserKey, arrival, landing, payload, signup};
use crate::support::proxy::{Answer, ORIGIN, SITES, TestProxy};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Rows: the request, the answer, and the table's text.
type Row = (&'static str, Answer, &'static str);

/// A visitor with a bound token, and a backend with an API key.
struct Callers {
    proxy: TestProxy,
    browser: BrowserKey,
    token: String,
    api_key: String,
}

impl Callers {
    async fn new(toml: &str) -> Self {
        let proxy = TestProxy::with(toml).await;
        let browser = BrowserKey::new();
        let token = proxy.arrive(1, &browser).await;
        let api_key = proxy.api_key("acme").await;
        Self { proxy, browser, token, api_key }
    }

    /// The payload of a valid envelope, which a row may spoil.
    fn payload(&self, number: u8, change: impl FnOnce(&mut Value)) -> Value {
        let mut body = payload(&self.proxy, number, &self.token, signup("c1"));
        change(&mut body);
        body
    }

    async fn signed(&self, number: u8, change: impl FnOnce(&mut Value)) -> Answer {
        self.envelope(self.browser.envelope(&self.payload(number, change))).await
    }

    async fn envelope(&self, text: String) -> Answer {
        self.proxy.post("v1/conversions", text).await
    }

    async fn reported(&self, idempotency_key: &str, body: &Value) -> Answer {
        self.proxy.report(&self.api_key, idempotency_key, body).await
    }

    /// A call with other content and an Idempotency-Key whose first call is still sending its body.
    async fn meanwhile(&self, idempotency_key: &str) -> Answer {
        let mut slow = TcpStream::connect(self.proxy.listening.address()).await.unwrap();
        let head = format!(
            "POST /tm/v1/conversions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
             idempotency-key: {idempotency_key}\r\ncontent-type: application/json\r\n\
             content-length: 9\r\nexpect: 100-continue\r\n\r\n",
            self.api_key
        );
        slow.write_all(head.as_bytes()).await.unwrap();
        slow.read_exact(&mut [0; 25]).await.unwrap();
        self.reported(idempotency_key, &customer("u_2")).await
    }
}

fn order(minor: i64) -> Value {
    let line = json!({"sku": "s", "unit_amount_minor": 5, "quantity": 2});
    json!({"key": "o_1", "amount_minor": minor, "currency": "EUR", "items": [line]})
}

async fn what_cannot_be_read(callers: &Callers) -> Vec<Row> {
    let proxy = &callers.proxy;
    let large = "x".repeat(64 * 1024 + 1);
    let unnamed = proxy.http.post(proxy.url("v1/conversions")).bearer_auth(&callers.api_key);
    let unnamed = unnamed.header("content-type", "application/json").body(customer("u_1").to_string());
    let elsewhere = arrival(9, "https://evil.example/?ps_xid=x").to_string();
    let mut nobodys = arrival(9, &landing("c"));
    nobodys["site"] = json!("nobody");
    let above = |body: &mut Value| {
        body["data"] = json!({"kind": "sale", "customer": {"key": "c"}, "order": order(11)});
    };
    vec![
        ("a page's body over the limit", callers.envelope(large.clone()).await, "413 body_too_large"),
        ("an arrival over the limit", proxy.post("v1/clicks", large.clone()).await, "413 body_too_large"),
        (
            "a server's body over the limit",
            callers.reported("k", &with(customer("u"), "data", json!({"x": large}))).await,
            "413 body_too_large",
        ),
        ("not a JWS", callers.envelope("a.b".into()).await, "400 malformed"),
        ("not JSON", callers.envelope("{".into()).await, "400 malformed"),
        ("an unknown field", callers.signed(2, |body| body["admin"] = json!(1)).await, "400 malformed admin"),
        ("a wrong type", callers.signed(2, |body| body["iat"] = json!("now")).await, "400 malformed iat"),
        ("no Idempotency-Key", proxy.send(unnamed).await, "400 malformed Idempotency-Key"),
        ("a site that is not there", proxy.post("v1/clicks", nobodys.to_string()).await, "404 site_unknown"),
        ("a landing URL elsewhere", proxy.post("v1/clicks", elsewhere).await, "400 malformed url"),
        ("a page's total above its lines", callers.signed(2, above).await, "400 malformed order.amount_minor"),
        (
            "a server's total above its lines",
            callers.reported("k", &json!({"kind": "sale", "customer": {"key": "c"}, "order": order(11)})).await,
            "400 malformed order.amount_minor",
        ),
    ]
}

async fn who_may_not(callers: &Callers) -> Vec<Row> {
    let proxy = &callers.proxy;
    let foreign = |path: &str, body: String| {
        proxy.send(proxy.http.post(proxy.url(path)).header("origin", "https://evil.example").body(body))
    };
    let good = callers.browser.envelope(&callers.payload(2, |_| {}));
    let refund = |body: &mut Value| body["data"] = json!({"kind": "refund", "refund_of": "o", "order": order(10)});
    vec![
        ("another origin's conversion", foreign("v1/conversions", good).await, "403 origin_not_allowed"),
        (
            "another origin's arrival",
            foreign("v1/clicks", arrival(9, &landing("c")).to_string()).await,
            "403 origin_not_allowed",
        ),
        ("a page's refund", callers.signed(2, refund).await, "403 not_allowed"),
        ("a wrong API key", proxy.report("tmk_acme_x", "k", &customer("u_1")).await, "401 unauthenticated"),
        ("no API key", proxy.send(proxy.http.get(proxy.url("v1/conversions/x"))).await, "401 unauthenticated"),
    ]
}

async fn what_is_not_believed(callers: &Callers) -> Vec<Row> {
    let (proxy, thief) = (&callers.proxy, BrowserKey::new());
    let now_s = proxy.now().seconds();
    // With the proxy's `kid` but another key; and of a type that is not a click token.
    let parts: Vec<&str> = callers.token.split('.').collect();
    let respelled = |header: Value| format!("{}.{}.{}", encode(header.to_string().as_bytes()), parts[1], parts[2]);
    let kid = |kid: &str, typ: &str| respelled(json!({"alg": "EdDSA", "typ": typ, "kid": kid}));
    let carrying = |token: String| {
        let hash = encode(&trailmark_proxy::keys::crypto::sha256(token.as_bytes()));
        move |body: &mut Value| (body["token"], body["ath"]) = (json!(token), json!(hash))
    };
    let unsigned = format!("{}.{}.{}", parts[0], parts[1], encode(&[7; 64]));
    let good = callers.payload(2, |_| {});
    vec![
        ("a token's bad signature", callers.signed(2, carrying(unsigned)).await, "401 token_invalid"),
        ("a token's wrong typ", callers.signed(2, carrying(kid("0", "visit+jwt"))).await, "401 token_invalid"),
        (
            "a token's unknown kid",
            callers.signed(2, carrying(kid("0123456789abcdef", "click+jwt"))).await,
            "401 token_invalid",
        ),
        ("another key's envelope", callers.envelope(thief.envelope(&good)).await, "401 key_mismatch"),
        (
            "a wrong signature",
            callers.envelope(thief.jws(&callers.browser.header(), &good)).await,
            "401 signature_invalid",
        ),
        ("no signature", callers.envelope(good.to_string()).await, "401 signature_invalid"),
        ("another audience", callers.signed(2, |body| body["aud"] = json!("nobody")).await, "401 audience_mismatch"),
        (
            "the hash of another token",
            callers.signed(2, |body| body["ath"] = json!(encode(&[0; 32]))).await,
            "401 token_mismatch",
        ),
        ("the future", callers.signed(2, |body| body["iat"] = json!(now_s + 3600)).await, "401 from_the_future"),
    ]
}

async fn what_was_said_before(callers: &Callers) -> Vec<Row> {
    vec![
        ("the first of a page", callers.signed(1, |_| {}).await, "202"),
        ("the same jti and content", callers.signed(1, |_| {}).await, "200 replayed"),
        (
            "the same jti, other content",
            callers.signed(1, |body| body["data"] = signup("c2")).await,
            "409 jti_mismatch",
        ),
        ("the first of a server", callers.reported("k1", &customer("u_1")).await, "202"),
        ("the same Idempotency-Key and content", callers.reported("k1", &customer("u_1")).await, "200 replayed"),
        (
            "the same Idempotency-Key, other content",
            callers.reported("k1", &customer("u_2")).await,
            "422 idempotency_mismatch",
        ),
        ("still in flight", callers.meanwhile("k2").await, "409 in_progress"),
    ]
}

/// Rows that disable a proxy, each with its own proxy.
async fn what_ends() -> Vec<Row> {
    let expired = Callers::new(SITES).await;
    expired.proxy.clock.advance(91 * DAY_MS);
    let revoked = Callers::new(SITES).await;
    let kid = revoked.proxy.app.keys.list(&"acme".to_owned().try_into().unwrap()).await.unwrap().remove(0).kid;
    revoked.proxy.app.keys.revoke(&"acme".to_owned().try_into().unwrap(), &kid).await.unwrap();
    let hasty = Callers::new(&format!("[limits]\nrequests_per_minute = 1\ntouches_per_hour = 1\n{SITES}")).await;
    let too_fast = hasty.signed(2, |_| {}).await;
    hasty.proxy.clock.advance(60_000);
    let over_budget = hasty.proxy.post("v1/clicks", arrival(2, &landing("click2")).to_string()).await;
    let full = Callers::new(&format!("[limits]\nqueue = 1\n{SITES}")).await;
    assert_eq!(full.signed(1, |_| {}).await.status, 202);
    let draining = Callers::new(SITES).await;
    draining.proxy.app.drain();
    vec![
        ("a token that has expired", expired.signed(2, |_| {}).await, "401 token_expired"),
        ("a revoked kid", revoked.signed(2, |_| {}).await, "401 token_invalid"),
        ("too fast", too_fast, "429 too_many_requests"),
        ("over the touch budget", over_budget, "429 too_many_requests"),
        ("a full queue", full.signed(2, |body| body["data"] = signup("c2")).await, "503 unavailable"),
        ("shutting down", draining.signed(2, |_| {}).await, "503 unavailable"),
        ("shutting down, to a server", draining.reported("k", &customer("u_1")).await, "503 unavailable"),
    ]
}

/// An answer in the table's words.
fn said(answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let field = body["field"].as_str().map(|field| format!(" {field}")).unwrap_or_default();
    let replayed = if body["replayed"] == json!(true) { " replayed" } else { "" };
    let code = if answer.status < 400 { answer.status.to_string() } else { answer.code() };
    format!("{code}{field}{replayed}")
}

#[tokio::test]
async fn every_row_of_the_refusal_table_is_answered_as_it_says() {
    let callers = Callers::new(SITES).await;
    let mut rows = what_cannot_be_read(&callers).await;
    rows.extend(who_may_not(&callers).await);
    rows.extend(what_is_not_believed(&callers).await);
    assert_eq!(callers.proxy.conversions().await, 0, "a refusal commits nothing");
    assert_eq!(callers.proxy.store.counts().await.unwrap().touches, 1);
    rows.extend(what_was_said_before(&callers).await);
    assert_eq!(callers.proxy.conversions().await, 2);
    rows.extend(what_ends().await);
    for (row, answer, expected) in &rows {
        assert_eq!(said(answer), *expected, "{row}: {}", answer.body);
        let comes_again = ["429", "503"].iter().any(|status| expected.starts_with(status));
        assert_eq!(!answer.header("retry-after").is_empty(), comes_again, "{row}: {answer:?}");
        assert!(!answer.body.contains("ada@example.com"), "{row}");
    }
    // Every code of the wire has a row here, except those outside the table.
    for refusal in Refusal::ALL.into_iter().filter(|refusal| *refusal != Refusal::NotFound) {
        let word = format!("{} {}", refusal.status(), refusal.code());
        assert!(rows.iter().any(|(_, answer, _)| answer.code() == word), "no row shows {word}");
    }
}

#[tokio::test]
async fn the_origin_reads_every_refusal_of_a_page() {
    let callers = Callers::new(SITES).await;
    for (row, answer, _) in what_is_not_believed(&callers).await {
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN, "{row}");
        assert_eq!((answer.header("cache-control"), answer.header("vary")), ("no-store", "Origin"), "{row}");
    }
}
