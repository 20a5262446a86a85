//! What only a browser can show, in a real Chromium: the key, storage and `fetch` as they are and as pages break them, and the
//! wire's golden vectors in the WebAssembly build. The SDK's own behaviour is tested natively, in `tests/sdk`.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use js_sys::{Array, Function, Promise};
use serde::Deserialize;
use serde_json::Value;
use trailmark::browser::BrowserPage;
use trailmark::js::{call, start};
use trailmark::page::{Json as _, Method, Page as _, Request};
use trailmark_wire::capture::{Captured, Rule, capture};
use trailmark_wire::conversion::{Body, Conversion, Kind};
use trailmark_wire::envelope::{self, Payload, TokenHash};
use trailmark_wire::ids::{SiteId, hex};
use trailmark_wire::json::WriteJson as _;
use trailmark_wire::jwk::{EcPublicJwk, Thumbprint};
use trailmark_wire::landing::Landing;
use trailmark_wire::vendor::VendorName;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// What the body of an async JavaScript function gives for these arguments.
async fn js(body: &str, arguments: &[&str]) -> JsValue {
    let call = Function::new_with_args("...args", &["return (async (args) => {", body, "})(args)"].concat());
    let arguments: Array = arguments.iter().map(|argument| JsValue::from_str(argument)).collect();
    let promise: Promise = call.apply(&JsValue::NULL, &arguments).unwrap().unchecked_into();
    JsFuture::from(promise).await.unwrap()
}

/// Puts something else in the place of `owner.name`, until [`mend`].
async fn break_it(owner: &str, name: &str, by: &str) {
    let body = "const owner = Function(`return ${args[0]}`)(), [, name, by] = args;
         window.whole ??= {};
         whole[args.slice(0, 2)] ??= Object.getOwnPropertyDescriptor(owner, name) ?? { none: true };
         Object.defineProperty(owner, name, { configurable: true, ...Object.getOwnPropertyDescriptors(Function(`return ({ ${by} })`)()).it })";
    js(body, &[owner, name, by]).await;
}

/// Takes back what [`break_it`] did.
async fn mend(owner: &str, name: &str) {
    let body = "const owner = Function(`return ${args[0]}`)(), was = whole[args];
         if (was.none) delete owner[args[1]]; else Object.defineProperty(owner, args[1], was)";
    js(body, &[owner, name]).await;
}

/// A site of its own for every test, since all share one origin.
fn site(name: &str) -> SiteId {
    SiteId::new(name).unwrap()
}

#[wasm_bindgen_test]
async fn the_key_survives_the_page_and_cannot_be_read() {
    let first = BrowserPage::default().key(&site("key")).await.unwrap();
    let second = BrowserPage::default().key(&site("key")).await.unwrap();
    assert_eq!(first, second);
    let seen = js(
        "const db = await new Promise(done => { const open = indexedDB.open('trailmark', 1); open.onsuccess = () => done(open.result); });
         const pair = await new Promise(done => { const get = db.transaction('keys').objectStore('keys').get('key'); get.onsuccess = () => done(get.result); });
         db.close();
         const { extractable, usages, algorithm } = pair.privateKey;
         const exported = await crypto.subtle.exportKey('jwk', pair.privateKey).then(() => 'exported', error => error.name);
         return [extractable, usages, algorithm.namedCurve, exported].join()",
        &[],
    )
    .await;
    assert_eq!(seen.as_string().unwrap(), "false,sign,P-256,InvalidAccessError");
}

#[wasm_bindgen_test]
async fn keys_of_two_sites_are_two_and_pages_that_come_at_once_share_one() {
    let (one, other) = (BrowserPage::default(), BrowserPage::default());
    let both = async { (one.key(&site("race")).await, BrowserPage::default().key(&site("race-b")).await) };
    let (late, (early, elsewhere)) = joined(other.key(&site("race")), both).await;
    assert_eq!(early.clone().unwrap(), late.unwrap());
    assert_ne!(early, elsewhere);
}

/// Runs two futures side by side.
async fn joined<A: 'static, B: 'static>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|context| {
        first = first.take().or_else(|| ready(a.as_mut().poll(context)));
        // A future that has ended is not polled again.
        if second.is_none() {
            second = ready(b.as_mut().poll(context));
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => std::task::Poll::Ready((a, b)),
            (a, b) => {
                (first, second) = (a, b);
                std::task::Poll::Pending
            }
        }
    })
    .await
}

fn ready<T>(poll: std::task::Poll<T>) -> Option<T> {
    match poll {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[wasm_bindgen_test]
async fn a_signature_verifies_with_webcrypto() {
    let page = BrowserPage::default();
    let jwk = page.key(&site("sign")).await.unwrap();
    let signature = page.sign("message ü").await.unwrap();
    let verified = js(
        "const key = await crypto.subtle.importKey('jwk', JSON.parse(args[0]), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
         const bytes = Uint8Array.from(args[1].match(/../g), pair => parseInt(pair, 16));
         return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes, new TextEncoder().encode(args[2]))",
        &[&page.write(&jwk).unwrap(), &hex(&signature), "message ü"],
    )
    .await;
    assert_eq!(verified, JsValue::TRUE);
}

#[wasm_bindgen_test]
async fn a_forgotten_key_is_gone() {
    let page = BrowserPage::default();
    let first = page.key(&site("forget")).await.unwrap();
    page.forget_key().await;
    assert_ne!(first, page.key(&site("forget")).await.unwrap());
}

#[wasm_bindgen_test]
async fn without_indexed_db_the_key_lives_as_long_as_the_page() {
    for broken in ["get it() { throw new Error('denied') }", "it: undefined", "it: { open: () => ({}) }"] {
        break_it("window", "indexedDB", broken).await;
        let page = BrowserPage::default();
        let key = page.key(&site("memory")).await;
        assert!(key.is_some(), "{broken}");
        assert_eq!(key, page.key(&site("memory")).await);
        assert!(page.sign("message").await.is_some());
        assert_ne!(key, BrowserPage::default().key(&site("memory")).await);
    }
    mend("window", "indexedDB").await;
}

#[wasm_bindgen_test]
async fn without_webcrypto_there_is_no_key_and_no_hash() {
    for broken in
        ["get it() { throw new Error('denied') }", "it: undefined", "it: { generateKey: () => 5, digest: () => 5 }"]
    {
        break_it("crypto", "subtle", broken).await;
        let page = BrowserPage::default();
        assert_eq!(page.key(&site("no-crypto")).await, None, "{broken}");
        assert_eq!(page.sha256("message").await, None, "{broken}");
        assert_eq!(page.sign("message").await, None, "{broken}");
    }
    mend("crypto", "subtle").await;
    let hashed = BrowserPage::default().sha256("abc").await.unwrap();
    assert_eq!(hex(&hashed), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[wasm_bindgen_test]
async fn storage_holds_what_is_stored_and_denied_storage_holds_nothing() {
    let page = BrowserPage::default();
    assert!(page.store("tm_test", "text ü"));
    assert_eq!(page.load("tm_test").as_deref(), Some("text ü"));
    page.remove("tm_test");
    assert_eq!(page.load("tm_test"), None);
    for broken in ["get it() { throw new DOMException('denied', 'SecurityError') }", "it: null", "it: undefined"] {
        break_it("window", "localStorage", broken).await;
        assert!(!page.store("tm_test", "text"), "{broken}");
        assert_eq!(page.load("tm_test"), None, "{broken}");
        page.remove("tm_test");
    }
    mend("window", "localStorage").await;
}

// field-faults row 64
#[wasm_bindgen_test]
async fn what_should_be_text_and_is_none_is_absent() {
    let page = BrowserPage::default();
    for value in ["({})", "({ length: {} })", "7", "undefined", "[]", "Symbol()", "Promise.resolve('x')", "() => ''"] {
        break_it("window", "localStorage", &["it: { getItem: () => ", value, ", setItem: () => {} }"].concat()).await;
        assert_eq!(page.load("tm_test"), None, "{value}");
        break_it("document", "cookie", &["it: ", value].concat()).await;
        assert_eq!(page.cookies(), "", "{value}");
        with_fetch(
            &["const answer = new Response('{}'); answer.text = async () => ", value, "; return answer"].concat(),
        )
        .await;
        assert!(page.send(post("{}")).await.is_none_or(|answer| answer.json.is_none()), "{value}");
        let header = ["const answer = new Response('{}'); answer.headers.get = () => ", value, "; return answer"];
        with_fetch(&header.concat()).await;
        assert_eq!(page.send(post("{}")).await.unwrap().retry_after, None, "{value}");
    }
    mend("window", "localStorage").await;
    mend("document", "cookie").await;
}

// field-faults row 74
#[wasm_bindgen_test]
async fn members_are_an_objects_own() {
    let json = BrowserPage::default().parse(r#"{"own":1}"#).unwrap();
    break_it("Object.prototype", "foreign", "it: 'x'").await;
    assert!(json.member("foreign").is_none() && json.member("toString").is_none() && json.member("own").is_some());
    mend("Object.prototype", "foreign").await;
}

#[wasm_bindgen_test]
async fn cookies_and_privacy_control_are_read_or_absent() {
    let page = BrowserPage::default();
    js("document.cookie = 'ps_xid=abc'", &[]).await;
    assert!(page.cookies().contains("ps_xid=abc"));
    break_it("document", "cookie", "get it() { throw new Error('denied') }").await;
    assert_eq!(page.cookies(), "");
    mend("document", "cookie").await;
    js("document.cookie = 'ps_xid=; max-age=0'", &[]).await;
    for (value, on) in [("true", true), ("false", false), ("undefined", false)] {
        break_it("navigator", "globalPrivacyControl", &["it: ", value].concat()).await;
        assert_eq!(page.privacy_control(), on, "{value}");
    }
    mend("navigator", "globalPrivacyControl").await;
}

/// Replaces `fetch`, and keeps the requests that it was called with in `window.asked`.
async fn with_fetch(fetch: &str) {
    let body = ["window.asked = []; window.fetch = async request => { window.asked.push(request); ", fetch, " }"];
    js(&body.concat(), &[]).await;
}

fn post(body: &str) -> Request {
    Request { method: Method::Post, url: "/tm/v1/clicks".into(), body: body.into() }
}

#[wasm_bindgen_test]
async fn a_request_is_a_post_of_text_with_credentials_that_outlives_the_page() {
    with_fetch("return new Response('{\"code\":\"x\"}', { status: 429 })").await;
    let answer = BrowserPage::default().send(post("{\"a\":\"ü\"}")).await.unwrap();
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json.unwrap().member_text("code").as_deref(), Some("x"));
    let seen = js(
        "const { method, credentials, keepalive, headers } = asked[0];
         return [asked.length, method, credentials, keepalive, headers.get('content-type'), await asked[0].text()].join()",
        &[],
    )
    .await;
    assert_eq!(seen.as_string().unwrap(), "1,POST,include,true,text/plain;charset=UTF-8,{\"a\":\"ü\"}");
}

#[wasm_bindgen_test]
async fn what_keepalive_refuses_is_sent_without_it() {
    with_fetch("if (request.keepalive) throw new TypeError('quota'); return new Response(null, { status: 204 })").await;
    let answer = BrowserPage::default().send(post("{}")).await.unwrap();
    assert_eq!(answer.status, 204);
    assert!(answer.json.is_none());
}

// What makes gloo-net panic (an answer that is no `Response`, a rejection that is no `Error`) would end a test, as any panic
// does. In the built module it ends as a trap, which `guarded` catches; `tests/journey/broken.test.mjs` is the place for it.
#[wasm_bindgen_test]
async fn a_broken_fetch_is_no_answer() {
    for broken in [
        "window.fetch = () => { throw new Error('patched') }",
        "window.fetch = () => { throw 'patched' }",
        "window.fetch = () => Promise.reject(new TypeError('blocked'))",
        "window.fetch = undefined",
        "window.fetch = async () => new Response(new ReadableStream({ pull(stream) { stream.error(new Error('reset')) } }))",
    ] {
        js(broken, &[]).await;
        let answer = BrowserPage::default().send(post("{}")).await;
        assert!(answer.is_none_or(|answer| answer.json.is_none()), "{broken}");
    }
}

#[wasm_bindgen_test]
async fn a_signup_goes_from_the_pages_call_to_the_pages_result() {
    with_fetch(
        "const claims = btoa(JSON.stringify({ iat: 1, exp: 9999999999, sub: 'visitor-id' })).replaceAll('=', '');
         const touch = { click_token: `h.${claims}.s`, at: 'then', expires_at: 'later', program: 'main', partner: 'ada' };
         const receipt = { conversion_id: 'c', status: 'accepted', attribution: [{ program: 'main', partner: 'ada' }], warnings: [{ field: 'customer.name', code: 'blank' }] };
         const click = request.url.endsWith('/tm/v1/clicks');
         return new Response(JSON.stringify(click ? touch : receipt), { status: click ? 201 : 202 })",
    )
    .await;
    let settings =
        js("return { site: 'whole', endpoint: '/tm', consent: 'granted', params: ['via'], debug: false }", &[]).await;
    let arrival = js("return { id: '0'.repeat(32), url: 'https://a.example/?via=ada', at: '' }", &[]).await;
    let number = start(settings, arrival).unwrap();
    let sdk = |name: &str, argument: &JsValue| call(number, name.into(), argument);
    assert_eq!(shown(sdk("", &JsValue::UNDEFINED)).await, r#"{"attributed":true,"mode":"wasm"}"#);
    let touch = sdk("touch", &JsValue::UNDEFINED);
    assert_eq!(shown(touch).await, r#"{"program":"main","partner":"ada","at":"then","expiresAt":"later"}"#);
    let signup = sdk("signup", &js("return { customerKey: 7, email: 'a@b.c', name: '', data: { n: 1 } }", &[]).await);
    let result = r#"{"status":"accepted","conversionId":"c","attribution":[{"program":"main","partner":"ada"}],"warnings":[{"field":"customer.name","code":"blank"}]}"#;
    // The id is the page's own until the receipt names one.
    assert_eq!(shown(signup).await.replace(&own_id().await, "c"), result);
    let wrong = sdk("signup", &js("return { get customerKey() { throw new Error('no') } }", &[]).await);
    assert_eq!(shown(wrong).await, r#"{"status":"failed","code":"malformed"}"#);
    assert_eq!(shown(sdk("reference", &JsValue::NULL)).await, r#""visitor-id""#);
    assert_eq!(shown(sdk("drain", &JsValue::UNDEFINED)).await, "null");
    assert_eq!(shown(sdk("resume", &JsValue::UNDEFINED)).await, "null");
    assert_eq!(shown(sdk("consent", &JsValue::from_str("denied"))).await, r#""denied""#);
    assert_eq!(js("return localStorage.getItem('tm_whole_click')", &[]).await, JsValue::NULL);
    assert_eq!(shown(call(number + 1, "touch".into(), &JsValue::NULL)).await, "null", "no such site");
    let nobody = js("return { site: 'NO', endpoint: '/tm' }", &[]).await;
    let error = start(nobody, JsValue::NULL).unwrap_err().as_string().unwrap();
    assert!(error.starts_with("site is missing or not 1 to 32"), "{error}");
}

/// The id of the conversion that was posted last.
async fn own_id() -> String {
    let posted = "const jws = await asked.at(-1).clone().text(); return JSON.parse(atob(jws.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).jti";
    js(posted, &[]).await.as_string().unwrap()
}

async fn shown(promise: Promise) -> String {
    js_sys::JSON::stringify(&JsFuture::from(promise).await.unwrap()).unwrap().into()
}

#[wasm_bindgen_test]
fn json_is_read_by_name_and_nothing_else_is_taken_for_it() {
    let page = BrowserPage::default();
    let json = page
        .parse(r#"{"text":"ü","number":7,"half":1.5,"large":1e300,"null":null,"list":[1,"2"],"map":{"a":"b"}}"#)
        .unwrap();
    assert_eq!(json.member_text("text").as_deref(), Some("ü"));
    assert_eq!((json.member_text("number").as_deref(), json.member_integer("number")), (Some("7"), Some(7)));
    assert_eq!((json.member_integer("large"), json.member_integer("text")), (None, None));
    assert!(json.member("null").is_none() && json.member("none").is_none());
    assert_eq!(json.member("list").unwrap().items().len(), 2);
    assert!(json.member("map").unwrap().items().is_empty());
    assert_eq!(json.member("map").unwrap().entries()[0].1.text().as_deref(), Some("b"));
    for text in ["", "{", "undefined"] {
        assert!(page.parse(text).is_none(), "{text}");
    }
}

/// field-faults § 1: whatever a page passes in an optional field, the wire takes the rest of it.
#[wasm_bindgen_test]
fn no_optional_field_costs_a_conversion_between_page_and_wire() {
    let page = BrowserPage::default();
    let long = format!("{:?}", "x".repeat(600));
    let values = [
        "null",
        r#""""#,
        r#""x""#,
        "7",
        "1.5",
        "true",
        r#""\u0000""#,
        r#""Jo \ud83d""#,
        r#""\ud83d\\ud83d""#,
        "{}",
        "[1]",
        &long,
    ];
    let whole = r#""customerKey":"u","orderKey":"o","amountMinor":5,"currency":" eur""#;
    for (kind, start) in
        [(Kind::Signup, r#""customerKey":7"#), (Kind::Lead, r#""customerKey":"u""#), (Kind::Sale, whole)]
    {
        for name in ["email", "name", "data", "items"] {
            for value in values {
                let value = match name {
                    "data" => format!(r#"{{"p":{value}}}"#),
                    "items" => {
                        format!(r#"[{{"sku":"s","unitAmountMinor":5,"quantity":1,"category":{value},"note":1}}]"#)
                    }
                    _ => value.to_owned(),
                };
                let input = format!(r#"{{{start},"{name}":{value}}}"#);
                let body = page.body(kind, &input).unwrap();
                let body = serde_json::from_str::<Body>(&body).unwrap_or_else(|error| panic!("{input}: {error}"));
                assert!(Conversion::from_body(body, &mut Vec::new()).is_ok(), "{kind:?} {input}");
            }
        }
    }
    assert_eq!(page.body(Kind::Lead, "{").unwrap_err(), "", "no JSON, no words");
}

#[derive(Deserialize)]
struct CanonicalVector {
    name: String,
    site: SiteId,
    body: Body,
    canonical_hex: String,
}

#[wasm_bindgen_test]
fn canonical_vectors_hold_in_webassembly() {
    let vectors: Vec<CanonicalVector> =
        serde_json::from_str(include_str!("../crates/trailmark-wire/vectors/canonical.json")).unwrap();
    for vector in vectors {
        let canonical = Conversion::from_body(vector.body, &mut Vec::new()).unwrap().canonical(&vector.site);
        assert_eq!(hex(&canonical), vector.canonical_hex, "{}", vector.name);
    }
}

#[derive(Deserialize)]
struct RepairVector {
    name: String,
    body: Body,
    repaired: Body,
}

#[wasm_bindgen_test]
fn repair_vectors_hold_in_webassembly() {
    let text = include_str!("../crates/trailmark-wire/vectors/repairs.json");
    let site = SiteId::new("acme").unwrap();
    let canonical = |body| Conversion::from_body(body, &mut Vec::new()).unwrap().canonical(&site);
    for RepairVector { name, body, repaired } in serde_json::from_str::<Vec<RepairVector>>(text).unwrap() {
        assert_eq!(canonical(body), canonical(repaired), "{name}");
    }
}

#[derive(Deserialize)]
struct Envelopes {
    jwk: EcPublicJwk,
    thumbprint: Thumbprint,
    token: String,
    ath: TokenHash,
    payload: Payload,
    signing_input: String,
}

#[wasm_bindgen_test]
async fn envelope_vectors_hold_with_the_browsers_own_json_and_hash() {
    let page = BrowserPage::default();
    let text = include_str!("../crates/trailmark-wire/vectors/envelopes.json");
    let vector: Envelopes = serde_json::from_str(text).unwrap();
    assert_eq!(envelope::signing_input(&vector.jwk, &vector.payload, &page).unwrap(), vector.signing_input);
    assert_eq!(TokenHash::from_digest(page.sha256(&vector.token).await.unwrap()), vector.ath);
    let digest = page.sha256(&vector.jwk.thumbprint_input()).await.unwrap();
    assert_eq!(Thumbprint::from_digest(digest), vector.thumbprint);
    let written: Value = serde_json::from_str(&page.write(&vector.payload).unwrap()).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(text).unwrap()["payload"]);
}

#[derive(Deserialize)]
struct CaptureVector {
    name: String,
    vendor: Option<VendorName>,
    #[serde(default)]
    params: Vec<String>,
    url: String,
    #[serde(default)]
    cookies: BTreeMap<String, String>,
    expect: Option<Captured>,
}

#[wasm_bindgen_test]
fn capture_vectors_hold_in_webassembly() {
    let text = include_str!("../crates/trailmark-wire/vectors/capture.json");
    for vector in serde_json::from_str::<Vec<CaptureVector>>(text).unwrap() {
        let rule = Rule { vendor: vector.vendor, params: &vector.params };
        let cookie = |name: &str| vector.cookies.get(name).map(|value| Cow::Borrowed(value.as_str()));
        let captured = capture(&Landing::parse(&vector.url).unwrap(), cookie, &rule);
        assert_eq!(captured, vector.expect, "{}", vector.name);
    }
}
