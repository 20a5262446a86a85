//! A browser with a real key, and a proxy that answers by script.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::{Value, json};
use trailmark::config::{Arrival, Settings};
use trailmark::consent::State;
use trailmark::conversion::Outcome;
use trailmark::page::memory::{MemoryKey, MemoryPage, Reply};
use trailmark::page::{Answer, Method, Page as _, Request};
use trailmark::tracker::Tracker;
use trailmark_wire::base64url;
use trailmark_wire::conversion::Kind;
use trailmark_wire::envelope::{Payload, Posted};
use trailmark_wire::ids::{ArrivalId, SiteId};
use trailmark_wire::json::{JsonError, ReadJson};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;

/// 2026-11-21T08:30:00Z.
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_249_800_000);

/// A landing URL with a touch.
pub(crate) const TOUCHED: &str = "https://shop.example/?ps_xid=abc123";

/// What the proxy will say; whatever is left out of the script, it says as on a good day.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) clicks: VecDeque<Reply>,
    pub(crate) conversions: VecDeque<Reply>,
}

/// The SDK of one document.
pub(crate) type Site = &'static Tracker<MemoryPage>;

/// A page with its tracker and its proxy.
pub(crate) struct Browser {
    pub(crate) page: MemoryPage,
    pub(crate) script: Rc<RefCell<Script>>,
}

impl Browser {
    /// A browser with a key, storage, and a proxy that accepts everything.
    pub(crate) fn new() -> Self {
        let page = MemoryPage::new(NOW, sha256, body_of);
        page.set_key(Some(key()));
        Self::over(page)
    }

    fn over(page: MemoryPage) -> Self {
        let script = Rc::new(RefCell::new(Script::default()));
        let (said, clock) = (Rc::clone(&script), page.clone());
        page.set_network(move |request| reply(&mut said.borrow_mut(), request, clock.now()));
        Self { page, script }
    }

    /// The next document of the same browser.
    pub(crate) fn next_document(&self) -> Self {
        let page = self.page.next_document();
        page.set_key(Some(key()));
        Self::over(page)
    }

    /// Another document beside this one: cookies and storage are the same.
    pub(crate) fn another_tab(&self) -> Self {
        let page = self.page.another_tab();
        page.set_key(Some(key()));
        Self::over(page)
    }

    /// Lets the proxy answer the next report of a touch so.
    pub(crate) fn on_click(&self, reply: Reply) -> &Self {
        self.script.borrow_mut().clicks.push_back(reply);
        self
    }

    /// Lets the proxy answer the next conversion so.
    pub(crate) fn on_conversion(&self, reply: Reply) -> &Self {
        self.script.borrow_mut().conversions.push_back(reply);
        self
    }

    /// Starts the SDK on `url`, and runs it as far as it goes without waiting.
    pub(crate) fn start(&self, url: &str, consent: State) -> Site {
        self.start_with(settings(consent), arrival(url))
    }

    pub(crate) fn start_with(&self, settings: Settings, arrival: Arrival) -> Site {
        let tracker = Tracker::start(self.page.clone(), settings, arrival);
        self.page.advance(0);
        tracker
    }

    /// Calls for a conversion, and waits for its result, as long as it takes.
    pub(crate) fn convert(&self, tracker: Site, kind: &str, input: &Value) -> Outcome {
        let (kind, input) = (kind.to_owned(), input.to_string());
        let slot = self.page.call(async move { tracker.convert(&kind, input).await });
        self.page.advance(5_000);
        slot.take().expect("every call is answered")
    }

    pub(crate) fn signup(&self, tracker: Site) -> Outcome {
        self.convert(tracker, "signup", &ada())
    }

    /// Sends what waits, as the loader does; gives the pause until it would again.
    pub(crate) fn drain(&self, tracker: Site) -> Option<u32> {
        let slot = self.page.call(tracker.drain());
        self.page.advance(100);
        slot.take().expect("draining ends")
    }

    /// Method and route of the requests so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.page.requests().iter().map(line).collect()
    }

    /// The bodies of the requests to a route, as JSON; of an envelope its payload.
    pub(crate) fn bodies(&self, route: &str) -> Vec<Value> {
        let requests = self.page.requests();
        requests.iter().filter(|request| line(request) == route).map(|request| body(&request.body)).collect()
    }
}

pub(crate) const CLICKS: &str = "POST /tm/v1/clicks";
pub(crate) const CONVERSIONS: &str = "POST /tm/v1/conversions";
pub(crate) const WITHDRAWAL: &str = "DELETE /tm/v1/clicks?site=acme";

fn line(request: &Request) -> String {
    let method = if request.method == Method::Post { "POST" } else { "DELETE" };
    format!("{method} {}", request.url)
}

fn body(text: &str) -> Value {
    if text.starts_with('{') {
        return serde_json::from_str(text).unwrap();
    }
    serde_json::to_value(verified(text)).unwrap()
}

/// The payload of an envelope whose signature holds.
pub(crate) fn verified(text: &str) -> Payload {
    let posted = Posted::parse(text, &Reader).unwrap();
    if let Posted::Signed(signed) = &posted {
        assert!(signed.verifies(|jwk, message, signature| {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, jwk.to_sec1()).verify(message, signature).is_ok()
        }));
    }
    posted.into_payload()
}

pub(crate) fn settings(consent: State) -> Settings {
    let site = SiteId::new("acme").unwrap();
    Settings { site, endpoint: "/tm/".into(), consent, params: vec!["via".into()], debug: true }
}

pub(crate) fn arrival(url: &str) -> Arrival {
    Arrival { id: ArrivalId::from_random([7; 16]), url: url.into(), at: NOW.to_rfc3339(), again: false }
}

pub(crate) fn ada() -> Value {
    json!({ "customerKey": "u_1", "email": "a@b.c" })
}

pub(crate) fn problem(status: u16, code: &str) -> Reply {
    Reply::Now(Answer { status, json: Some(json!({ "code": code })), retry_after: None })
}

/// A 503 that says when to come again.
pub(crate) fn busy(seconds: u32) -> Reply {
    Reply::Now(Answer { status: 503, json: None, retry_after: Some(seconds * 1_000) })
}

pub(crate) fn status(status: u16) -> Reply {
    Reply::Now(Answer { status, json: None, retry_after: None })
}

/// A touch whose token was signed at `now` and lives for 90 days.
pub(crate) fn touched(now: UnixMillis, partner: &str) -> Answer<Value> {
    let expires = now.plus(90 * 24 * 60 * 60 * 1000);
    let part = |value: Value| base64url::encode(value.to_string().as_bytes());
    let header = part(json!({ "alg": "EdDSA", "typ": "click+jwt", "kid": "k1" }));
    let claims = part(json!({ "iat": now.seconds(), "exp": expires.seconds(), "aud": "acme", "sub": "visitor-id" }));
    let token = format!("{header}.{claims}.{}", base64url::encode(&[0; 64]));
    let body = json!({
        "click_token": token, "expires_at": expires.to_rfc3339(), "at": now.to_rfc3339(),
        "program": "main", "partner": partner,
    });
    Answer { status: 201, json: Some(body), retry_after: None }
}

fn reply(script: &mut Script, request: &Request, now: UnixMillis) -> Reply {
    match line(request).as_str() {
        CLICKS => script.clicks.pop_front().unwrap_or_else(|| Reply::Now(touched(now, "ada"))),
        CONVERSIONS => script.conversions.pop_front().unwrap_or_else(|| accepted(&body(&request.body))),
        WITHDRAWAL => status(204),
        other => panic!("the proxy has no {other}"),
    }
}

fn accepted(payload: &Value) -> Reply {
    let body = json!({
        "conversion_id": payload["jti"], "status": "accepted", "deliveries": [], "replayed": false,
        "attribution": [{ "program": "main", "partner": "ada" }],
    });
    Reply::Now(Answer { status: 202, json: Some(body), retry_after: None })
}

/// The body for what a page passed: the customer in plain words or signed, and free text. How `src/browser/body.js` reads
/// all the rest is tested where it runs (`tests/package/body.test.mjs`, `tests/browser.rs`).
fn body_of(kind: Kind, input: &str) -> Result<String, String> {
    let input: Value = serde_json::from_str(input).map_err(|error| error.to_string())?;
    let text =
        |name: &str| input.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let mut body = json!({ "kind": kind.as_str() });
    match (text("customerKey"), text("customer")) {
        (Some(key), None) => body["customer"] = json!({ "key": key, "email": text("email"), "name": text("name") }),
        (None, Some(jws)) => body["signed_customer"] = json!(jws),
        _ => return Err("customerKey or a signed customer is needed".to_owned()),
    }
    if let Some(Value::Object(data)) = input.get("data") {
        body["data"] = data
            .iter()
            .map(|(name, value)| (name.clone(), json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned))))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    Ok(body.to_string())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap()
}

/// A new P-256 key.
pub(crate) fn key() -> MemoryKey {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let public = EcPublicJwk::new(&base64url::encode(&point[1..33]), &base64url::encode(&point[33..65])).unwrap();
    let sign = move |message: &[u8]| pair.sign(&random, message).unwrap().as_ref().try_into().unwrap();
    MemoryKey { public, sign: Box::new(sign) }
}

struct Reader;

impl ReadJson for Reader {
    fn read<T: serde::de::DeserializeOwned>(&self, text: &[u8]) -> Result<T, JsonError> {
        serde_json::from_slice(text).map_err(|error| JsonError { problem: error.to_string() })
    }
}
