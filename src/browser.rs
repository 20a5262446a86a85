//! The page in a real browser. Only this file and `browser/` use web-sys and gloo-net. Pages deny, replace and break what
//! is used here: storage throws, other scripts patch `fetch`, IndexedDB never answers. So the host is only called through
//! functions that do not throw and that return text where text is expected, gloo-net under [`guarded`]; a refusal becomes
//! `None`.
//!
//! [`key`] is the browser key, [`http`] the requests. `host.js` talks to the browser for both, in callbacks and events;
//! `body.js` translates the page's argument into the wire's form.

mod http;
mod key;

use std::future::poll_fn;
use std::task::Poll;

use js_sys::{Array, JSON, Object, Promise};
use serde::Serialize;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::SiteId;
use trailmark_wire::json::{JsonError, WriteJson};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;
use wasm_bindgen::prelude::{JsCast, JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::json::to_text;
use crate::page::{Answer, Json, Page, Request};

/// The document that the module was loaded into.
#[derive(Debug, Default)]
pub struct BrowserPage {
    /// The browser key, which only [`key`] uses.
    held: Object,
}

/// A value that the browser's JSON parser returned.
#[derive(Debug)]
pub struct BrowserJson(pub(crate) JsValue);

#[wasm_bindgen]
extern "C" {
    /// `Reflect.apply` of a closure: returns an exception as a value.
    #[wasm_bindgen(catch, js_namespace = Reflect, js_name = apply)]
    fn apply(work: &mut dyn FnMut(), this: &JsValue, arguments: &Array) -> Result<(), JsValue>;
}

#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    fn sleep(ms: u32) -> Promise;
    fn cookies() -> Option<String>;
    #[wasm_bindgen(js_name = loadText)]
    fn load(name: &str) -> Option<String>;
    #[wasm_bindgen(js_name = storeText)]
    fn store(name: &str, value: &str) -> bool;
    #[wasm_bindgen(js_name = removeText)]
    fn remove(name: &str);
    #[wasm_bindgen(js_name = ownProperty)]
    fn own_property(of: &JsValue, name: &str) -> JsValue;
    fn warn(words: &str);
    fn names(prefix: &str) -> Option<Array>;
    #[wasm_bindgen(js_name = privacyControl)]
    fn privacy_control() -> bool;
}

#[wasm_bindgen(module = "/src/browser/body.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn body(kind: &str, json: &str) -> Result<String, JsValue>;
}

/// The output of `work`; `None` if the host throws while `work` is polled. Otherwise the exception would reach the page's
/// console.
async fn guarded<T>(work: impl Future<Output = Option<T>>) -> Option<T> {
    let mut work = Some(Box::pin(work));
    poll_fn(|context| {
        let mut polled = Poll::Ready(None);
        let mut poll = || {
            if let Some(work) = &mut work {
                polled = work.as_mut().poll(context);
            }
        };
        if apply(&mut poll, &JsValue::UNDEFINED, &Array::new()).is_err() {
            // The exception left `work` half-way. Dropping it would drop some values twice.
            std::mem::forget(work.take());
            return Poll::Ready(None);
        }
        polled
    })
    .await
}

/// What `read` makes of the promise's value; `None` if the promise is rejected.
async fn resolved<T>(promise: Promise, read: fn(&JsValue) -> Option<T>) -> Option<T> {
    read(&JsFuture::from(promise).await.ok()?)
}

/// A property of the object itself, unless it is missing, `null`, or throws.
fn property(of: &JsValue, name: &str) -> Option<JsValue> {
    Some(own_property(of, name)).filter(|value| !value.is_undefined() && !value.is_null())
}

/// The value as the page's object, by way of JSON: the module has the JSON writer anyway, and a second writer would cost a
/// kilobyte.
pub(crate) fn to_js<T: Serialize + ?Sized>(value: &T) -> Option<JsValue> {
    JSON::parse(&to_text(value).ok()?).ok()
}

impl WriteJson for BrowserPage {
    fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JsonError> {
        to_text(value)
    }
}

impl Page for BrowserPage {
    type Json = BrowserJson;

    fn now(&self) -> UnixMillis {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below 2^53")]
        UnixMillis(js_sys::Date::now() as i64)
    }

    fn random(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        key::randomise(&mut bytes);
        bytes
    }

    fn sleep(&self, ms: u32) -> impl Future<Output = ()> + 'static {
        let timer = sleep(ms);
        async move {
            resolved(timer, |_| Some(())).await;
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(task);
    }

    fn privacy_control(&self) -> bool {
        privacy_control()
    }

    fn cookies(&self) -> String {
        cookies().unwrap_or_default()
    }

    fn load(&self, name: &str) -> Option<String> {
        load(name)
    }

    fn store(&self, name: &str, text: &str) -> bool {
        store(name, text)
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        names(prefix).unwrap_or_default().iter().filter_map(|name| name.as_string()).collect()
    }

    fn remove(&self, name: &str) {
        remove(name);
    }

    fn body(&self, kind: Kind, input: &str) -> Result<String, String> {
        body(kind.as_str(), input).map_err(|problem| problem.as_string().unwrap_or_default())
    }

    fn parse(&self, json: &str) -> Option<BrowserJson> {
        JSON::parse(json).ok().map(BrowserJson)
    }

    fn key(&self, site: &SiteId) -> impl Future<Output = Option<EcPublicJwk>> {
        key::of_site(&self.held, site)
    }

    fn sign(&self, message: &str) -> impl Future<Output = Option<[u8; 64]>> {
        key::sign(&self.held, message)
    }

    fn forget_key(&self) -> impl Future<Output = Option<()>> {
        key::forget(&self.held)
    }

    fn sha256(&self, message: &str) -> impl Future<Output = Option<[u8; 32]>> {
        key::sha256(message)
    }

    async fn send(&self, request: Request) -> Option<Answer<BrowserJson>> {
        // With keepalive the request can outlive the document. Browsers refuse keepalive beyond 64 KiB in flight, and some
        // refuse it for DELETE.
        for keepalive in [true, false] {
            let answer = guarded(http::send(&request, keepalive)).await;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    fn warn(&self, text: &str) {
        warn(text);
    }
}

impl Json for BrowserJson {
    fn member(&self, name: &str) -> Option<Self> {
        property(&self.0, name).map(Self)
    }

    fn text(&self) -> Option<String> {
        let number = self.0.as_f64().is_some();
        if number { Some(self.0.unchecked_ref::<Object>().to_string().into()) } else { self.0.as_string() }
    }

    fn integer(&self) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "the filter leaves integers within 2^53")]
        self.0.as_f64().filter(|number| number.abs() <= 9_007_199_254_740_991.0).map(|number| number as i64)
    }

    fn items(&self) -> Vec<Self> {
        let array = self.0.dyn_ref::<Array>();
        array.map(|array| array.iter().map(Self).collect()).unwrap_or_default()
    }

    fn entries(&self) -> Vec<(String, Self)> {
        let entries = self.0.dyn_ref::<Object>().map(Object::entries).unwrap_or_default();
        let pair = |entry: JsValue| {
            let pair = entry.unchecked_into::<Array>();
            Some((pair.get(0).as_string()?, Self(pair.get(1))))
        };
        entries.iter().filter_map(pair).collect()
    }
}
