//! A document in memory: what the core asks of its page at once, a driver that performs its effects with a clock that moves on
//! command, a real key, and a proxy that answers by script.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::{Value, json};
use trailmark::config::{Arrival, Settings};
use trailmark::consent::State;
use trailmark::page::{Done, Effect, Event, Page, Work};
use trailmark::tracker::Tracker;
use trailmark_wire::base64url;
use trailmark_wire::carrier::Nothing;
use trailmark_wire::envelope::{Payload, Posted};
use trailmark_wire::ids::{ArrivalId, SiteId};
use trailmark_wire::json::{JsonError, ReadJson};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;

/// 2026-11-21T08:30:00Z.
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_249_800_000);

/// A landing URL with a touch.
pub(crate) const TOUCHED: &str = "https://shop.example/?ps_xid=abc123";

/// How the network answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// This answer, at once.
    Now(Done),
    /// This answer, after this many milliseconds.
    After(u32, Done),
    /// No answer, ever.
    Never,
    /// No connection.
    Lost,
}

impl Reply {
    /// The same answer, after this many milliseconds.
    pub(crate) fn after(self, ms: u32) -> Self {
        let Self::Now(done) = self else { panic!("no answer") };
        Self::After(ms, done)
    }
}

/// What the proxy will say; whatever is left out of the script, it says as on a good day.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) clicks: VecDeque<Reply>,
    pub(crate) conversions: VecDeque<Reply>,
}

/// A request to the proxy: `DELETE` if there is no body, otherwise `POST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) body: String,
}

/// Signs a message; the signature is in base64url.
type Sign = Box<dyn Fn(&[u8]) -> String>;

/// A browser key: the public half, and what signs with the private one.
struct Key {
    public: [String; 2],
    sign: Sign,
}

/// What the page answers at once. Documents of one browser share storage and cookies; each has its own clock.
pub(crate) struct MemoryPage {
    now: Cell<i64>,
    privacy_control: Cell<bool>,
    cookies: Rc<RefCell<String>>,
    storage: Rc<RefCell<Option<BTreeMap<String, String>>>>,
    full: Cell<bool>,
    warnings: RefCell<Vec<String>>,
    chance: Cell<u8>,
}

impl MemoryPage {
    pub(crate) fn new() -> Self {
        Self {
            now: Cell::new(NOW.0),
            privacy_control: Cell::default(),
            cookies: Rc::default(),
            storage: Rc::new(RefCell::new(Some(BTreeMap::new()))),
            full: Cell::default(),
            warnings: RefCell::default(),
            chance: Cell::default(),
        }
    }

    /// Sets the text of `document.cookie`.
    pub(crate) fn set_cookies(&self, jar: &str) {
        self.cookies.replace(jar.to_owned());
    }

    /// Switches Global Privacy Control.
    pub(crate) fn set_privacy_control(&self, on: bool) {
        self.privacy_control.set(on);
    }

    /// Denies storage from now on, and forgets its content.
    pub(crate) fn deny_storage(&self) {
        self.storage.replace(None);
    }

    /// Makes storage refuse new text from now on; its content stays.
    pub(crate) fn fill_storage(&self) {
        self.full.set(true);
    }

    /// The content of storage.
    pub(crate) fn stored(&self) -> BTreeMap<String, String> {
        self.storage.borrow().clone().unwrap_or_default()
    }

    /// The storage keys of waiting conversions.
    pub(crate) fn queued(&self) -> Vec<String> {
        self.stored().into_keys().filter(|name| name.starts_with("tm_acme_queue_")).collect()
    }

    /// The warnings so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.warnings.borrow().clone()
    }
}

impl Page for MemoryPage {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now.get())
    }

    fn random(&self) -> u32 {
        self.chance.set(self.chance.get().wrapping_add(1));
        u32::from_le_bytes([self.chance.get(); 4])
    }

    fn privacy_control(&self) -> bool {
        self.privacy_control.get()
    }

    fn cookies(&self) -> String {
        self.cookies.borrow().clone()
    }

    fn load(&self, name: &str) -> Option<String> {
        self.storage.borrow().as_ref()?.get(name).cloned()
    }

    fn store(&self, name: &str, text: &str) -> bool {
        match self.storage.borrow_mut().as_mut() {
            Some(storage) if text.is_empty() => storage.remove(name).is_some(),
            Some(storage) if !self.full.get() => storage.insert(name.to_owned(), text.to_owned()).is_none_or(|_| true),
            Some(_) | None => false,
        }
    }

    fn names(&self, prefix: &str) -> String {
        let names: Vec<String> = self.stored().into_keys().filter(|name| name.starts_with(prefix)).collect();
        names.join("\n")
    }

    fn body(&self, kind: &str, input: &str) -> String {
        body_of(kind, input).unwrap_or_else(|problem| problem)
    }

    fn members(&self, json: &str, names: &str) -> Option<String> {
        let value: Value = serde_json::from_str(json).ok().filter(|value: &Value| !value.is_null())?;
        let member = |name: &str| match value.get(name).or_else(|| value.get(name.parse::<usize>().ok()?)) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        Some(names.split(' ').map(member).collect::<Vec<_>>().join("\0"))
    }

    fn warn(&self, text: &str) {
        self.warnings.borrow_mut().push(text.to_owned());
    }
}

/// A result as the page sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) status: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) json: Value,
}

/// What a link carries.
pub(crate) struct Carrier {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) to: Value,
    pub(crate) payload: Payload<Nothing>,
    pub(crate) is_signed: bool,
}

/// A document with its SDK and its proxy.
pub(crate) struct Browser {
    pub(crate) page: MemoryPage,
    pub(crate) script: RefCell<Script>,
    key: RefCell<Option<Key>>,
    tracker: RefCell<Option<Tracker>>,
    /// What will happen, and when.
    due: RefCell<Vec<(i64, Event)>>,
    /// The carrier for the next link: ticket, offer and body.
    carrier: RefCell<Option<(u32, String, String)>>,
    requests: RefCell<Vec<Request>>,
    results: RefCell<BTreeMap<u32, Value>>,
    calls: Cell<u32>,
}

impl Browser {
    /// A browser with a key, storage, and a proxy that accepts everything.
    pub(crate) fn new() -> Self {
        Self::over(MemoryPage::new())
    }

    fn over(page: MemoryPage) -> Self {
        Self {
            page,
            script: RefCell::default(),
            key: RefCell::new(Some(key())),
            tracker: RefCell::default(),
            due: RefCell::default(),
            carrier: RefCell::default(),
            requests: RefCell::default(),
            results: RefCell::default(),
            calls: Cell::default(),
        }
    }

    /// The next document of the same browser.
    pub(crate) fn next_document(&self) -> Self {
        let next = MemoryPage::new();
        next.now.set(self.page.now.get());
        next.storage.replace(self.page.storage.borrow().clone());
        next.cookies.replace(self.page.cookies.borrow().clone());
        next.chance.set(self.page.chance.get());
        Self::over(next)
    }

    /// Another document beside this one: cookies and storage are the same.
    pub(crate) fn another_tab(&self) -> Self {
        let (cookies, storage) = (Rc::clone(&self.page.cookies), Rc::clone(&self.page.storage));
        // Ids of two tabs differ.
        let chance = Cell::new(self.page.chance.get().wrapping_add(128));
        let now = Cell::new(self.page.now.get());
        Self::over(MemoryPage { now, cookies, storage, chance, ..MemoryPage::new() })
    }

    /// Takes the browser its key.
    pub(crate) fn without_key(&self) {
        self.key.replace(None);
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
    pub(crate) fn start(&self, url: &str, consent: State) {
        self.start_with(settings(consent), arrival(url));
    }

    pub(crate) fn start_with(&self, settings: Settings, arrival: Arrival) {
        let (tracker, effects) = Tracker::start(&self.page, settings, arrival);
        self.tracker.replace(Some(tracker));
        self.perform(effects);
        self.advance(0);
    }

    /// Makes a call, and runs as far as it goes without waiting.
    pub(crate) fn call(&self, name: &str, input: &str) -> u32 {
        self.calls.set(self.calls.get() + 1);
        self.step(Event::Call { call: self.calls.get(), name: name.to_owned(), input: input.to_owned() });
        self.advance(0);
        self.calls.get()
    }

    /// The result of a call; `None` as long as there is none.
    pub(crate) fn result(&self, call: u32) -> Option<Value> {
        self.results.borrow().get(&call).cloned()
    }

    /// The result of a call that reported a conversion.
    pub(crate) fn outcome(&self, call: u32) -> Outcome {
        let json = self.result(call).expect("every call is answered");
        let word = |name: &str| json[name].as_str().map(|word| &*word.to_owned().leak());
        Outcome { status: word("status").unwrap(), code: word("code"), json }
    }

    /// Calls for a conversion, and waits for its result, as long as it takes.
    pub(crate) fn convert(&self, kind: &str, input: &Value) -> Outcome {
        let call = self.call(kind, &input.to_string());
        self.advance(5_000);
        self.outcome(call)
    }

    pub(crate) fn signup(&self) -> Outcome {
        self.convert("signup", &ada())
    }

    fn at_once(&self, name: &str, input: &str) -> Value {
        let call = self.call(name, input);
        self.result(call).expect("is answered at once")
    }

    /// Whether `ready` says that this visitor has a touch.
    pub(crate) fn is_attributed(&self) -> bool {
        self.at_once("", "")["attributed"].as_bool().unwrap()
    }

    /// The touch, if there is one.
    pub(crate) fn touch(&self) -> Option<Value> {
        Some(self.at_once("touch", "")).filter(|touch| !touch.is_null())
    }

    pub(crate) fn reference(&self) -> Option<String> {
        self.at_once("reference", "").as_str().map(str::to_owned)
    }

    /// States consent; gives the word in force.
    pub(crate) fn consent(&self, word: &str) -> String {
        self.at_once("consent", word).as_str().unwrap().to_owned()
    }

    /// The visitor follows a link to another host: what the link carries. `None` if there is no carrier for it.
    pub(crate) fn follow(&self) -> Option<Carrier> {
        let (ticket, offer, body) = self.carrier.take()?;
        self.step(Event::Done(Done { ticket, status: 200, ..Done::default() }));
        self.advance(0);
        let [id, url, to] = offer.split('\0').collect::<Vec<_>>().try_into().unwrap();
        let posted = Posted::carrier(&body, &Reader).unwrap();
        if let Posted::Signed(signed) = &posted {
            assert!(signed.verifies(es256));
        }
        let is_signed = matches!(posted, Posted::Signed(_));
        let (id, url, to) = (id.to_owned(), url.to_owned(), serde_json::from_str(to).unwrap());
        Some(Carrier { id, url, to, payload: posted.into_payload(), is_signed })
    }

    /// The page can carry nothing.
    pub(crate) fn refuse_carrier(&self) {
        let (ticket, _, _) = self.carrier.take().unwrap();
        self.step(Event::Done(Done { ticket, ..Done::default() }));
        self.advance(0);
    }

    /// The page comes back from the back/forward cache.
    pub(crate) fn resume(&self) {
        assert!(self.at_once("resume", "").is_null());
    }

    /// Sends what waits, as the loader does; gives the pause until it would again.
    pub(crate) fn drain(&self) -> Option<u32> {
        let call = self.call("drain", "");
        self.advance(100);
        let pause = self.result(call).expect("draining ends");
        pause.as_u64().map(|pause| u32::try_from(pause).unwrap())
    }

    /// Moves the clock forward, stopping at whatever happens on the way.
    pub(crate) fn advance(&self, ms: u32) {
        let end = self.page.now.get() + i64::from(ms);
        loop {
            let next = self.due.borrow().iter().enumerate().map(|(place, (at, _))| (*at, place)).min();
            let Some((at, place)) = next.filter(|(at, _)| *at <= end) else { break };
            self.page.now.set(at.max(self.page.now.get()));
            let (_, event) = self.due.borrow_mut().remove(place);
            self.step(event);
        }
        self.page.now.set(end);
    }

    fn step(&self, event: Event) {
        let effects = self.tracker.borrow_mut().as_mut().unwrap().step(&self.page, event);
        self.perform(effects);
    }

    fn perform(&self, effects: Vec<Effect>) {
        for Effect { number, work } in effects {
            let mut wait = 0;
            let mut done = match work {
                Work::Answer(json) => {
                    let again = self.results.borrow_mut().insert(number, serde_json::from_str(&json).unwrap());
                    assert_eq!(again, None, "a call is answered once");
                    continue;
                }
                Work::Sleep(ms) => {
                    wait = ms;
                    Done::default()
                }
                Work::Key(text) => {
                    let public = self.key.borrow().as_ref().map(|key| key.public.clone()).unwrap_or_default();
                    Done {
                        text: [&public[0], &public[1], &sha256(&text)].map(String::as_str).join("\0"),
                        ..Done::default()
                    }
                }
                Work::Sign(text) => {
                    let signature = self.key.borrow().as_ref().map(|key| (key.sign)(text.as_bytes()));
                    Done { text: signature.unwrap_or_default(), ..Done::default() }
                }
                Work::Forget => {
                    self.without_key();
                    Done::default()
                }
                Work::Carry { offer, body } => {
                    self.carrier.replace(Some((number, offer, body)));
                    continue;
                }
                Work::Send { url, body } => {
                    let request = Request { url, body };
                    let reply = reply(&mut self.script.borrow_mut(), &request, self.page.now());
                    self.requests.borrow_mut().push(request);
                    match reply {
                        Reply::Now(done) => done,
                        Reply::After(ms, done) => {
                            wait = ms;
                            done
                        }
                        Reply::Never => continue,
                        Reply::Lost => Done::default(),
                    }
                }
            };
            done.ticket = number;
            self.due.borrow_mut().push((self.page.now.get() + i64::from(wait), Event::Done(done)));
        }
    }

    /// The requests so far, the oldest first.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// Method and route of the requests so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.requests().iter().map(line).collect()
    }

    /// The bodies of the requests to a route, as JSON; of an envelope its payload.
    pub(crate) fn bodies(&self, route: &str) -> Vec<Value> {
        let requests = self.requests();
        requests.iter().filter(|request| line(request) == route).map(|request| body(&request.body)).collect()
    }
}

pub(crate) const CLICKS: &str = "POST /tm/v1/clicks";
pub(crate) const CONVERSIONS: &str = "POST /tm/v1/conversions";
pub(crate) const WITHDRAWAL: &str = "DELETE /tm/v1/clicks?site=acme";

fn line(request: &Request) -> String {
    let method = if request.body.is_empty() { "DELETE" } else { "POST" };
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
        assert!(signed.verifies(es256));
    }
    posted.into_payload()
}

fn es256(jwk: &EcPublicJwk, message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, jwk.to_sec1()).verify(message, signature).is_ok()
}

pub(crate) fn settings(consent: State) -> Settings {
    let site = SiteId::new("acme").unwrap();
    Settings { site, endpoint: "/tm/".into(), consent, params: vec!["via".into(), "_tm".into()], debug: true }
}

pub(crate) fn arrival(url: &str) -> Arrival {
    Arrival { id: ArrivalId::from_random([7; 16]), url: url.into(), at: NOW.to_rfc3339(), again: false }
}

pub(crate) fn ada() -> Value {
    json!({ "customerKey": "u_1", "email": "a@b.c" })
}

pub(crate) fn problem(status: u16, code: &str) -> Reply {
    answer(status, json!({ "code": code }))
}

/// A 503 that says when to come again.
pub(crate) fn busy(seconds: u32) -> Reply {
    Reply::Now(Done { status: 503, retry_after: seconds.to_string(), ..Done::default() })
}

/// Without a body.
pub(crate) fn status(status: u16) -> Reply {
    Reply::Now(Done { status, ..Done::default() })
}

pub(crate) fn answer(status: u16, json: Value) -> Reply {
    Reply::Now(Done { status, text: json.to_string(), ..Done::default() })
}

/// A touch whose token was signed at `now` and lives for 90 days.
pub(crate) fn touched(now: UnixMillis, partner: &str) -> Reply {
    let expires = now.plus(90 * 24 * 60 * 60 * 1000);
    let part = |value: Value| base64url::encode(value.to_string().as_bytes());
    let header = part(json!({ "alg": "EdDSA", "typ": "click+jwt", "kid": "k1" }));
    let claims = part(json!({ "iat": now.seconds(), "exp": expires.seconds(), "aud": "acme", "sub": "visitor-id" }));
    let token = format!("{header}.{claims}.{}", base64url::encode(&[0; 64]));
    let body = json!({
        "click_token": token, "expires_at": expires.to_rfc3339(), "at": now.to_rfc3339(),
        "program": "main", "partner": partner,
    });
    answer(201, body)
}

/// The same answer to a page of a site with these other origins.
pub(crate) fn carrying(reply: Reply, to: &[&str]) -> Reply {
    let Reply::Now(done) = reply else { panic!("no answer") };
    let mut body: Value = serde_json::from_str(&done.text).unwrap();
    body["carry_to"] = json!(to);
    Reply::Now(Done { text: body.to_string(), ..done })
}

fn reply(script: &mut Script, request: &Request, now: UnixMillis) -> Reply {
    match line(request).as_str() {
        CLICKS => script.clicks.pop_front().unwrap_or_else(|| touched(now, "ada")),
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
    answer(202, body)
}

/// The body for what a page passed: the customer in plain words or signed, and free text. How `src/browser/body.js` reads
/// all the rest is tested where it runs (`tests/package/body.test.mjs`, `tests/browser.rs`).
fn body_of(kind: &str, input: &str) -> Result<String, String> {
    let input: Value = serde_json::from_str(input).map_err(|error| error.to_string())?;
    let text =
        |name: &str| input.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let mut body = json!({ "kind": kind });
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

fn sha256(text: &str) -> String {
    base64url::encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// A new P-256 key.
fn key() -> Key {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let public = [&point[1..33], &point[33..65]].map(base64url::encode);
    let sign = move |message: &[u8]| base64url::encode(pair.sign(&random, message).unwrap().as_ref());
    Key { public, sign: Box::new(sign) }
}

struct Reader;

impl ReadJson for Reader {
    fn read<T: serde::de::DeserializeOwned>(&self, text: &[u8]) -> Result<T, JsonError> {
        serde_json::from_slice(text).map_err(|error| JsonError { problem: error.to_string() })
    }
}
