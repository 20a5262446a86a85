//! `trailmark doctor` by the real binary: a page behind a web server of the test, which passes `/tm` on to a real proxy whose vendor
//! is the simulator. One fault at a time is planted in page, server, configuration or vendor; doctor must find that one and no
//! other, and nothing on a sound page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, TRANSFER_ENCODING,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use trailmark_proxy::clock::{Clock as _, SystemClock};
use trailmark_proxy::serve::Listening;
use trailmark_simulator::{PRIVATE_KEY, PUBLIC_KEY, Running, TRACKING_TOKEN};

use super::support::operator::Desk;
use super::support::proxy::TestProxy;
use super::webhooks_town::{SECRET, double};

const HOUR_MS: i64 = 3_600_000;

const CSP: &str = "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; connect-src 'self'";

const STUB: &str = include_str!("../../../../pkg-template/stub.js");

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Nothing,
    WrongSite,
    WrongOrigin,
    MissingStub,
    NoWasm,
    NoConnect,
    Cached,
    NotRouted,
    CookiesStripped,
    CookiesNotReturned,
    AddressMissing,
    HostMissing,
    WrongKey,
    WrongHook,
    ClockOff,
}

/// The web server in front.
struct Front {
    flaw: Flaw,
    origin: String,
    proxy: String,
    http: reqwest::Client,
    asked: AtomicU32,
}

impl Front {
    fn page(&self) -> Response {
        let site = if self.flaw == Flaw::WrongSite { "acne" } else { "acme" };
        let stub = if self.flaw == Flaw::MissingStub { String::new() } else { format!("<script>{STUB}</script>") };
        let tag = format!("<script async src=\"/tm/sdk.js\" data-site=\"{site}\" data-consent=\"pending\"></script>");
        let policy = match self.flaw {
            Flaw::NoWasm => CSP.replace(" 'wasm-unsafe-eval'", ""),
            Flaw::NoConnect => CSP.replace("connect-src 'self'", "connect-src https://api.example.com"),
            _ => CSP.to_owned(),
        };
        let html = format!("<!doctype html><html><head><title>Acme</title>{stub}{tag}</head><body>Acme</body></html>");
        ([("content-security-policy", policy)], Html(html)).into_response()
    }

    async fn pass_on(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let is_get = parts.method == Method::GET;
        let forwarded = [
            (Flaw::AddressMissing, "x-forwarded-for", "127.0.0.1"),
            (Flaw::HostMissing, "x-forwarded-host", self.origin.trim_start_matches("http://")),
        ];
        parts.headers.remove(HOST);
        for (_, name, value) in forwarded.into_iter().filter(|(flaw, ..)| *flaw != self.flaw) {
            parts.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        if self.flaw == Flaw::CookiesNotReturned {
            parts.headers.remove(COOKIE);
        }
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let passed = self.http.request(parts.method, format!("{}{}", self.proxy, parts.uri)).headers(parts.headers);
        let came = passed.body(body).send().await.unwrap();
        let (status, mut headers) = (came.status(), came.headers().clone());
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        if self.flaw == Flaw::CookiesStripped {
            headers.remove(SET_COOKIE);
        }
        if self.flaw == Flaw::Cached && is_get {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
            if self.asked.fetch_add(1, Ordering::Relaxed) > 0 {
                headers.insert(HeaderName::from_static("x-cache"), HeaderValue::from_static("HIT"));
            }
        }
        let mut answer = Response::new(Body::from(came.bytes().await.unwrap()));
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        answer
    }
}

async fn serve(State(front): State<Arc<Front>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    match path.as_str() {
        "/" => front.page(),
        _ if !path.starts_with("/tm/") || front.flaw == Flaw::NotRouted => {
            (StatusCode::NOT_FOUND, Html("<h1>not here</h1>")).into_response()
        }
        // The binary of a test may have no SDK.
        "/tm/sdk.js" => ([(CONTENT_TYPE, "text/javascript")], "0").into_response(),
        _ => front.pass_on(request).await,
    }
}

/// A page with its web server, proxy and vendor.
struct Shop {
    origin: String,
    proxy: TestProxy,
    desk: Desk,
    _front: Listening,
    _double: Running,
}

impl Shop {
    async fn with(flaw: Flaw) -> Self {
        let (listener, double) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), double().await);
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let toml = config(&origin, &double, flaw);
        let now = SystemClock::default().now();
        let now = if flaw == Flaw::ClockOff { now.plus(-HOUR_MS) } else { now };
        let proxy = TestProxy::at(now, &toml, &variables(&origin, Flaw::Nothing)).await;
        Desk::with(&toml, variables(&origin, flaw_of_hook(flaw)))
            .run("webhooks register --program main --url env:HOOK_URL --event transaction.updated")
            .well();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let address = format!("http://{}", proxy.listening.address());
        let front = Front { flaw, origin: origin.clone(), proxy: address, http, asked: AtomicU32::new(0) };
        let router = Router::new().fallback(serve).with_state(Arc::new(front));
        let front = Listening::start(listener, router, 64).unwrap();
        let desk = Desk::with(&toml, variables(&origin, flaw));
        Self { origin, proxy, desk, _front: front, _double: double }
    }
}

/// The flaw that concerns registering alone.
fn flaw_of_hook(flaw: Flaw) -> Flaw {
    if flaw == Flaw::WrongHook { flaw } else { Flaw::Nothing }
}

fn config(origin: &str, double: &Running, flaw: Flaw) -> String {
    let address = double.address();
    let allowed = if flaw == Flaw::WrongOrigin { "http://127.0.0.1:1" } else { origin };
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
public_url = "{origin}"
trusted_proxies = ["127.0.0.1"]

[[sites]]
id = "acme"
origins = ["{allowed}"]

[[sites.programs]]
id = "main"
vendor = "partnerstack"
public_key = "env:PUBLIC"
private_key = "env:PRIVATE"
tracking_token = "env:TRACKING"
base_url = "http://{address}/partnerstack"
tracking_url = "http://{address}/partnerlinks"
webhook_path = "env:HOOK"
"#
    )
}

fn variables(origin: &str, flaw: Flaw) -> Vec<(&'static str, String)> {
    let hook = if flaw == Flaw::WrongHook { "the-path-of-another-proxy" } else { SECRET };
    let private = if flaw == Flaw::WrongKey { "sk_of_nobody" } else { PRIVATE_KEY };
    let hook_url = format!("{origin}/tm/v1/webhooks/main/{hook}");
    let pairs = [
        ("PUBLIC", PUBLIC_KEY),
        ("PRIVATE", private),
        ("TRACKING", TRACKING_TOKEN),
        ("HOOK", SECRET),
        ("HOOK_URL", &hook_url),
    ];
    pairs.map(|(name, value)| (name, value.to_owned())).to_vec()
}

/// The findings in a state.
fn in_state<'f>(findings: &'f [Value], state: &str) -> Vec<&'f Value> {
    findings.iter().filter(|finding| finding["state"] == state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_fault_is_found_with_its_cure_and_nothing_on_a_sound_page() {
    for (flaw, found, cure) in [
        (Flaw::Nothing, &[][..], ""),
        (Flaw::WrongSite, &["site"], "data-site=\"acme\""),
        (Flaw::WrongOrigin, &["origin"], "`origins`"),
        (Flaw::MissingStub, &["stub"], "trailmark snippet --site acme"),
        (Flaw::NoWasm, &["wasm"], "'wasm-unsafe-eval'"),
        (Flaw::NoConnect, &["connects"], "add 'self' to `connect-src`"),
        (Flaw::Cached, &["cache"], "no-store"),
        (Flaw::NotRouted, &["route", "webhooks"], "location ^~ /tm/"),
        (Flaw::CookiesStripped, &["cookies"], "Set-Cookie"),
        (Flaw::CookiesNotReturned, &["cookies"], "`Cookie`"),
        (Flaw::AddressMissing, &["address"], "X-Forwarded-For"),
        (Flaw::HostMissing, &["host"], "X-Forwarded-Host"),
        (Flaw::WrongKey, &["credentials"], "private_key"),
        (Flaw::WrongHook, &["webhooks"], "trailmark webhooks register --program main"),
        (Flaw::ClockOff, &["clock"], "timedatectl"),
    ] {
        let shop = Shop::with(flaw).await;
        let ran = shop.desk.run(&format!("doctor {}/ --json", shop.origin));
        let told: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{flaw:?} {error}: {ran:?}"));
        let findings = told["findings"].as_array().unwrap();
        let faults = in_state(findings, "fault");
        let checks: Vec<_> = faults.iter().map(|fault| fault["check"].as_str().unwrap()).collect();
        assert_eq!(checks, found, "{flaw:?}: {findings:#?}");
        assert_eq!(ran.code, Some(i32::from(!found.is_empty())), "{flaw:?}: {ran:?}");
        assert!(faults.iter().all(|fault| fault["why"].is_string() && fault["cure"].is_string()), "{faults:#?}");
        let first = faults.first().map_or("", |fault| fault["cure"].as_str().unwrap());
        assert!(first.contains(cure), "{flaw:?}: {first}");
        for secret in [SECRET, PRIVATE_KEY, TRACKING_TOKEN, "sk_of_nobody", "the-path-of-another-proxy"] {
            assert!(!ran.out.contains(secret) && !ran.err.contains(secret), "{flaw:?} shows {secret}");
        }
        let deliveries = shop.proxy.store.counts().await.unwrap().deliveries;
        assert!(deliveries.is_empty(), "{flaw:?}: nothing is for the vendor: {deliveries:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_page_is_checked_as_a_whole_and_without_a_configuration_from_outside() {
    let shop = Shop::with(Flaw::Nothing).await;
    let doctor = format!("doctor {}/", shop.origin);
    let told = shop.desk.run(&format!("{doctor} --json")).json();
    let findings = told["findings"].as_array().unwrap();
    let unchecked = in_state(findings, "not_checked");
    // The vendor has no harmless call for two of its credentials.
    assert_eq!(unchecked.iter().map(|finding| &finding["check"]).collect::<Vec<_>>(), ["credentials"], "{findings:#?}");
    assert_eq!((&told["site"], shop.proxy.conversions().await), (&Value::from("acme"), 1));

    std::fs::remove_file(shop.desk.path("trailmark.toml")).unwrap();
    let told = shop.desk.run(&doctor).well();
    for line in ["ok           page ", "ok           signup ", "not checked  credentials ", "not checked  webhooks "] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(!told.contains("FAULT"), "{told}");

    let elsewhere = shop.desk.run(&format!("{doctor}nowhere --json"));
    assert_eq!((elsewhere.code, elsewhere.out.contains("answers 404")), (Some(1), true), "{elsewhere:?}");
    let named = shop.desk.run(&format!("{doctor} --site acme --endpoint {}/tm", shop.origin)).well();
    assert!(named.contains("ok           signup "), "{named}");
}
