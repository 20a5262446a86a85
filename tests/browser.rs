//! What only a browser can show, in a real Chromium: the key, storage and `fetch` as they are and as pages break them, and the
//! wire's golden vectors in the WebAssembly build. The SDK's own behaviour is tested natively, in `tests/sdk`.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use js_sys::{Array, Function, Promise};
use serde::Deserialize;
use serde_json::Value;
use trailmark::browser::{BrowserPage, begin, read};
use trailmark::js::{call, start};
use trailmark::json::{Json, to_text};
use trailmark::page::{Done, Page as _, Work};
use trailmark::send::keys;
use trailmark_wire::base64url;
use trailmark_wire::capture::{Captured, Rule, capture};
use trailmark_wire::conversion::{Body, Conversion};
use trailmark_wire::envelope::{self, Payload, TokenHash};
use trailmark_wire::ids::{SiteId, hex};
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

/// Puts something else in the place of `owner.name`, until [`restore`].
async fn break_it(owner: &str, name: &str, by: &str) {
    let body = "const owner = Function(`return ${args[0]}`)(), [, name, by] = args;
         window.whole ??= {};
         whole[args.slice(0, 2)] ??= Object.getOwnPropertyDescriptor(owner, name) ?? { none: true };
         Object.defineProperty(owner, name, { configurable: true, ...Object.getOwnPropertyDescriptors(Function(`return ({ ${by} })`)()).it })";
    js(body, &[owner, name, by]).await;
}

/// Takes back what [`break_it`] did.
async fn restore(owner: &str, name: &str) {
    let body = "const owner = Function(`return ${args[0]}`)(), was = whole[args];
         if (was.none) delete owner[args[1]]; else Object.defineProperty(owner, args[1], was)";
    js(body, &[owner, name]).await;
}

/// A site of its own for every test, since all share one origin.
fn site(name: &str) -> SiteId {
    SiteId::new(name).unwrap()
}

/// What the driver makes of a work.
async fn done(name: &str, work: Work) -> Done {
    let brought = JsFuture::from(begin(&site(name), 0, work)).await.unwrap();
    let mut done = Done::default();
    read(brought, &mut done);
    done
}

/// The key of a site, and the hash of a text.
async fn key(name: &str, text: &str) -> (Option<EcPublicJwk>, Option<TokenHash>) {
    keys(&done(name, Work::Key(text.into())).await.text)
}

/// The digest of a text.
async fn sha256(text: &str) -> [u8; 32] {
    let keys = done("hash", Work::Key(text.into())).await.text;
    base64url::decode_array(keys.rsplit('\0').next().unwrap()).unwrap()
}

#[wasm_bindgen_test]
async fn the_key_is_kept_for_the_next_page_and_cannot_be_read() {
    let key = done("key", Work::Key(String::new())).await.text;
    let seen = js(
        "const db = await new Promise(done => { const open = indexedDB.open('trailmark', 1); open.onsuccess = () => done(open.result); });
         const pair = await new Promise(done => { const get = db.transaction('keys').objectStore('keys').get('key'); get.onsuccess = () => done(get.result); });
         db.close();
         const { extractable, usages, algorithm } = pair.privateKey;
         const exported = await crypto.subtle.exportKey('jwk', pair.privateKey).then(() => 'exported', error => error.name);
         const { x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey);
         return [extractable, usages, algorithm.namedCurve, exported, args[0].startsWith([x, y, ''].join('\\0'))].join()",
        &[&key],
    )
    .await;
    assert_eq!(seen.as_string().unwrap(), "false,sign,P-256,InvalidAccessError,true");
}

#[wasm_bindgen_test]
async fn keys_of_two_sites_are_two_and_calls_that_come_at_once_share_one() {
    // Both begin before either ends.
    let work = || Work::Key(String::new());
    let (early, late) = (begin(&site("race"), 0, work()), begin(&site("race"), 0, work()));
    let text = |brought: JsValue| {
        let mut done = Done::default();
        read(brought, &mut done);
        done.text
    };
    let early = text(JsFuture::from(early).await.unwrap());
    assert!(keys(&early).0.is_some());
    assert_eq!(early, text(JsFuture::from(late).await.unwrap()));
    assert_ne!(early, done("race-b", work()).await.text);
}

#[wasm_bindgen_test]
async fn a_signature_verifies_with_webcrypto() {
    let (jwk, _) = key("sign", "").await;
    let signature = done("sign", Work::Sign("message ü".into())).await.text;
    let signature = hex(&base64url::decode_array::<64>(&signature).unwrap());
    let verified = js(
        "const key = await crypto.subtle.importKey('jwk', JSON.parse(args[0]), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
         const bytes = Uint8Array.from(args[1].match(/../g), pair => parseInt(pair, 16));
         return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes, new TextEncoder().encode(args[2]))",
        &[&to_text(&jwk.unwrap()).unwrap(), &signature, "message ü"],
    )
    .await;
    assert_eq!(verified, JsValue::TRUE);
}

#[wasm_bindgen_test]
async fn where_nothing_can_decorate_links_a_carrier_ends_at_once() {
    let work = Work::Carry { offer: "id\0/tm/v1/carriers\0[]".into(), body: "{}".into() };
    assert_eq!(done("carry", work).await, Done::default(), "the test's server has no carry.js");
}

#[wasm_bindgen_test]
async fn a_forgotten_key_is_gone() {
    let (first, _) = key("forget", "").await;
    done("forget", Work::Forget).await;
    assert_ne!(first, key("forget", "").await.0);
}

#[wasm_bindgen_test]
async fn without_indexed_db_the_key_lives_as_long_as_the_page() {
    let broken = ["get it() { throw new Error('denied') }", "it: undefined", "it: { open: () => ({}) }"];
    for (broken, name) in broken.into_iter().zip(["memory-a", "memory-b", "memory-c"]) {
        break_it("window", "indexedDB", broken).await;
        let (first, _) = key(name, "").await;
        assert!(first.is_some(), "{broken}");
        assert_eq!(first, key(name, "").await.0);
        assert_eq!(done(name, Work::Sign("message".into())).await.text.len(), 86);
    }
    restore("window", "indexedDB").await;
}

#[wasm_bindgen_test]
async fn without_webcrypto_there_is_no_key_and_no_hash() {
    for broken in
        ["get it() { throw new Error('denied') }", "it: undefined", "it: { generateKey: () => 5, digest: () => 5 }"]
    {
        break_it("crypto", "subtle", broken).await;
        assert_eq!(key("no-crypto", "message").await.0, None, "{broken}");
        assert_eq!(done("no-crypto", Work::Sign("message".into())).await.text, "", "{broken}");
    }
    for broken in ["get it() { throw new Error('denied') }", "it: undefined"] {
        break_it("crypto", "subtle", broken).await;
        assert_eq!(key("no-crypto", "message").await.1, None, "{broken}");
    }
    restore("crypto", "subtle").await;
    assert_eq!(hex(&sha256("abc").await), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[wasm_bindgen_test]
async fn storage_holds_what_is_stored_and_denied_storage_holds_nothing() {
    let page = BrowserPage;
    assert!(page.store("tm_test", "text ü"));
    assert_eq!(page.load("tm_test").as_deref(), Some("text ü"));
    assert!(page.store("tm_test", ""));
    assert_eq!(page.load("tm_test"), None);
    for broken in ["get it() { throw new DOMException('denied', 'SecurityError') }", "it: null", "it: undefined"] {
        break_it("window", "localStorage", broken).await;
        assert!(!page.store("tm_test", "text"), "{broken}");
        assert_eq!(page.load("tm_test"), None, "{broken}");
        assert!(!page.store("tm_test", ""), "{broken}");
    }
    restore("window", "localStorage").await;
}

// field-faults row 64
#[wasm_bindgen_test]
async fn what_should_be_text_and_is_none_is_absent() {
    let page = BrowserPage;
    for value in ["({})", "({ length: {} })", "7", "undefined", "[]", "Symbol()", "Promise.resolve('x')", "() => ''"] {
        break_it("window", "localStorage", &["it: { getItem: () => ", value, ", setItem: () => {} }"].concat()).await;
        assert_eq!(page.load("tm_test"), None, "{value}");
        break_it("document", "cookie", &["it: ", value].concat()).await;
        assert_eq!(page.cookies(), "", "{value}");
        with_fetch(
            &["const answer = new Response('{}'); answer.text = async () => ", value, "; return answer"].concat(),
        )
        .await;
        // A promise of a text is waited for.
        assert_eq!(done("text", post("{}")).await.text.trim_matches('x'), "", "{value}");
        let header = ["const answer = new Response('{}'); answer.headers.get = () => ", value, "; return answer"];
        with_fetch(&header.concat()).await;
        assert_eq!(
            done("text", post("{}")).await,
            Done { status: 200, text: "{}".into(), ..Done::default() },
            "{value}"
        );
    }
    restore("window", "localStorage").await;
    restore("document", "cookie").await;
}

// field-faults row 74
#[wasm_bindgen_test]
async fn members_are_an_objects_own() {
    break_it("Object.prototype", "foreign", "it: 'x'").await;
    assert_eq!(BrowserPage.members(r#"{"own":1}"#, "foreign toString own").as_deref(), Some("\0\u{0}1"));
    restore("Object.prototype", "foreign").await;
}

#[wasm_bindgen_test]
async fn cookies_and_privacy_control_are_read_or_absent() {
    let page = BrowserPage;
    js("document.cookie = 'ps_xid=abc'", &[]).await;
    assert!(page.cookies().contains("ps_xid=abc"));
    break_it("document", "cookie", "get it() { throw new Error('denied') }").await;
    assert_eq!(page.cookies(), "");
    restore("document", "cookie").await;
    js("document.cookie = 'ps_xid=; max-age=0'", &[]).await;
    for (value, on) in [("true", true), ("false", false), ("undefined", false)] {
        break_it("navigator", "globalPrivacyControl", &["it: ", value].concat()).await;
        assert_eq!(page.privacy_control(), on, "{value}");
    }
    restore("navigator", "globalPrivacyControl").await;
}

/// Replaces `fetch`, and keeps the requests that it was called with in `window.asked`.
async fn with_fetch(fetch: &str) {
    let body = ["window.asked = []; window.fetch = async request => { window.asked.push(request); ", fetch, " }"];
    js(&body.concat(), &[]).await;
}

fn post(body: &str) -> Work {
    Work::Send { url: "/tm/v1/clicks".into(), body: body.into() }
}

#[wasm_bindgen_test]
async fn a_request_is_a_post_of_text_with_credentials_that_outlives_the_page() {
    with_fetch("return new Response('{\"code\":\"x\"}', { status: 429 })").await;
    let answer = done("send", post("{\"a\":\"ü\"}")).await;
    assert_eq!((answer.status, answer.text.as_str()), (429, "{\"code\":\"x\"}"));
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
    assert_eq!(done("send", post("{}")).await, Done { status: 204, ..Done::default() });
}

#[wasm_bindgen_test]
async fn a_broken_fetch_is_no_answer() {
    for broken in [
        "window.fetch = () => { throw new Error('patched') }",
        "window.fetch = () => { throw 'patched' }",
        "window.fetch = () => Promise.reject(new TypeError('blocked'))",
        "window.fetch = undefined",
        "window.fetch = async () => undefined",
        "window.fetch = async () => ({ get status() { throw 'patched' } })",
        "window.fetch = async () => new Response(new ReadableStream({ pull(stream) { stream.error(new Error('reset')) } }))",
    ] {
        js(broken, &[]).await;
        assert_eq!(done("send", post("{}")).await, Done::default(), "{broken}");
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
    let id = "0".repeat(32);
    let values = ["whole", "/tm", "granted", "via", "", &id, "", "", "https://a.example/?via=ada"];
    let number = start(&values.join("\0"));
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
async fn json_is_read_by_name_and_nothing_else_is_taken_for_it() {
    let json = r#"{"text":"ü","number":7,"large":1e300,"null":null,"list":[1,"2"],"map":{"a":"b"}}"#;
    let members = BrowserPage.members(json, "text number large null none list map");
    let texts: Vec<&str> = members.as_deref().unwrap().split('\0').collect();
    assert_eq!(texts, ["ü", "7", "1e+300", "", "", r#"[1,"2"]"#, r#"{"a":"b"}"#]);
    assert_eq!(BrowserPage.members(r#"["a",{}]"#, "0 1 2").as_deref(), Some("a\0{}\0"));
    for text in ["", "{", "undefined", "null"] {
        assert_eq!(BrowserPage.members(text, "a"), None, "{text}");
    }
    // field-faults row 7
    break_it(
        "Array.prototype",
        "toJSON",
        "it: function () { return `[${this.map(item => JSON.stringify(item)).join(', ')}]` }",
    )
    .await;
    assert_eq!(BrowserPage.members(json, "list").as_deref(), Some(r#"[1, "2"]"#));
    restore("Array.prototype", "toJSON").await;
}

/// field-faults § 1: whatever a page passes in an optional field, the wire takes the rest of it.
#[wasm_bindgen_test]
fn no_optional_field_costs_a_conversion_between_page_and_wire() {
    let page = BrowserPage;
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
    for (kind, start) in [("signup", r#""customerKey":7"#), ("lead", r#""customerKey":"u""#), ("sale", whole)] {
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
                let body = page.body(kind, &input);
                let body = serde_json::from_str::<Body>(&body).unwrap_or_else(|error| panic!("{input}: {error}"));
                assert!(Conversion::from_body(body, &mut Vec::new()).is_ok(), "{kind} {input}");
            }
        }
    }
    assert_eq!(page.body("lead", "{"), "", "no JSON, no words");
    assert!(page.body("lead", "{}").starts_with("customerKey or a signed customer"));
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
    let text = include_str!("../crates/trailmark-wire/vectors/envelopes.json");
    let vector: Envelopes = serde_json::from_str(text).unwrap();
    assert_eq!(
        envelope::signing_input(envelope::CONVERSION, &vector.jwk, &vector.payload, &Json).unwrap(),
        vector.signing_input
    );
    assert_eq!(TokenHash::from_digest(sha256(&vector.token).await), vector.ath);
    let digest = sha256(&vector.jwk.thumbprint_input()).await;
    assert_eq!(Thumbprint::from_digest(digest), vector.thumbprint);
    let written: Value = serde_json::from_str(&to_text(&vector.payload).unwrap()).unwrap();
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
