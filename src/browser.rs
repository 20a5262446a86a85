//! The page in a real browser, and the only place that uses web-sys and gloo-net. Pages deny, replace and break what is used
//! here: storage throws, `fetch` is patched by others, IndexedDB never answers. So the host is touched only through bindings
//! that catch ([`property`] for getters), gloo-net's under [`guarded`], and whatever is refused becomes `None`.
//!
//! [`key`] holds the browser key, [`http`] the requests.

mod http;
mod key;

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use js_sys::{Array, JSON, Math, Object, Promise, Reflect, Uint8Array};
use serde::Serialize;
use trailmark_wire::ids::SiteId;
use trailmark_wire::json::{JsonError, WriteJson};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;
use wasm_bindgen::prelude::{JsCast, JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Storage, Window};

use self::key::BrowserKey;
use crate::page::{Answer, Json, Page, Request};

/// The document that the module was loaded into.
#[derive(Debug, Default)]
pub struct BrowserPage {
    key: RefCell<Option<BrowserKey>>,
}

/// A value of the browser's JSON parser.
#[derive(Debug)]
pub struct BrowserJson(pub(crate) JsValue);

#[wasm_bindgen]
extern "C" {
    /// `Reflect.apply` over a closure of ours: a call whose exceptions come back as a value.
    #[wasm_bindgen(catch, js_namespace = Reflect, js_name = apply)]
    fn apply(work: &mut dyn FnMut(), this: &JsValue, arguments: &Array) -> Result<(), JsValue>;
}

/// What `work` gives; `None` where the host throws while it is polled, which would otherwise end in the page's console.
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
            // The exception left it half-way: what it has dropped already it would drop again.
            std::mem::forget(work.take());
            return Poll::Ready(None);
        }
        polled
    })
    .await
}

/// The value that a promise resolves to, if the host gives one; anything but a promise is its own value.
async fn resolved(promise: Result<Promise, JsValue>) -> Option<JsValue> {
    JsFuture::from(Promise::resolve(&promise.ok()?)).await.ok()
}

/// A property, unless it is missing or throws.
fn property(of: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(of, &JsValue::from_str(name)).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// What stands at `path` below the global object; web-sys has no getters that catch for much of it.
fn host<T: JsCast>(path: &[&str]) -> Option<T> {
    let mut value = JsValue::from(js_sys::global());
    for name in path {
        value = property(&value, name)?;
    }
    Some(value.unchecked_into())
}

fn storage() -> Option<Storage> {
    host(&["localStorage"])
}

/// Writes as `JSON.stringify` does. Numbers are JSON numbers, absent members are left out, maps are objects.
pub(crate) fn to_js<T: Serialize + ?Sized>(value: &T) -> Option<JsValue> {
    value.serialize(&serde_wasm_bindgen::Serializer::json_compatible()).ok()
}

impl WriteJson for BrowserPage {
    fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JsonError> {
        let text = to_js(value).and_then(|value| JSON::stringify(&value).ok());
        text.map(String::from).ok_or_else(|| JsonError { problem: "value has no JSON form".to_owned() })
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
        if key::fill_randomly(&mut bytes).is_none() {
            // An id must be unlikely to repeat, not hard to guess: nothing trusts it.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
            bytes.fill_with(|| (Math::random() * 256.0) as u8);
        }
        bytes
    }

    fn sleep(&self, ms: u32) -> impl Future<Output = ()> + 'static {
        let ms = i32::try_from(ms).unwrap_or(i32::MAX);
        let timer = Promise::new(&mut |resolve, _reject| {
            let window: Window = js_sys::global().unchecked_into();
            // A page without timers has worse to fear than a call that stays open.
            let _timer = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, ms);
        });
        async move {
            resolved(Ok(timer)).await;
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(task);
    }

    fn privacy_control(&self) -> bool {
        host::<JsValue>(&["navigator", "globalPrivacyControl"]).is_some_and(|signal| signal.is_truthy())
    }

    fn cookies(&self) -> String {
        host::<JsValue>(&["document", "cookie"]).and_then(|jar| jar.as_string()).unwrap_or_default()
    }

    fn load(&self, name: &str) -> Option<String> {
        storage()?.get_item(name).ok()?
    }

    fn store(&self, name: &str, text: &str) -> bool {
        storage().is_some_and(|storage| storage.set_item(name, text).is_ok())
    }

    fn remove(&self, name: &str) {
        if let Some(storage) = storage() {
            // Where nothing can be removed nothing was stored.
            let _denied = storage.remove_item(name);
        }
    }

    fn parse(&self, json: &str) -> Option<BrowserJson> {
        JSON::parse(json).ok().map(BrowserJson)
    }

    async fn key(&self, site: &SiteId) -> Option<EcPublicJwk> {
        if let Some(key) = &*self.key.borrow() {
            return Some(key.public.clone());
        }
        let key = key::of_site(site, Box::pin(self.sleep(key::STORE_MS))).await?;
        let public = key.public.clone();
        self.key.replace(Some(key));
        Some(public)
    }

    async fn sign(&self, message: &str) -> Option<[u8; 64]> {
        let private = self.key.borrow().as_ref()?.private.clone();
        key::sign(&private, message).await
    }

    async fn forget_key(&self, _site: &SiteId) {
        self.key.replace(None);
        key::delete();
    }

    async fn sha256(&self, message: &str) -> Option<[u8; 32]> {
        key::sha256(message).await
    }

    async fn send(&self, request: Request) -> Option<Answer<BrowserJson>> {
        // Keepalive lets the request outlive the page; browsers refuse it beyond 64 KiB in flight, and some for DELETE.
        for keepalive in [true, false] {
            let answer = guarded(http::send(&request, keepalive)).await;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    fn warn(&self, text: &str) {
        web_sys::console::warn_1(&JsValue::from_str(text));
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

/// The bytes behind an `ArrayBuffer`, if they are as many.
fn bytes<const N: usize>(buffer: &JsValue) -> Option<[u8; N]> {
    Uint8Array::new(buffer).to_vec().try_into().ok()
}
