//! The browser key and WebCrypto: types over `host.js`, nothing else. [`trailmark_wire::envelope`] says what the key signs.

use js_sys::{Object, Promise, Uint8Array};
use trailmark_wire::ids::SiteId;
use trailmark_wire::jwk::EcPublicJwk;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use super::{property, resolved};

/// Milliseconds that IndexedDB has to answer. Some browsers let a request hang; the page must not wait for it.
const STORE_MS: u32 = 400;

#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    #[wasm_bindgen(js_name = publicKey)]
    fn public_key(page: &Object, site: &str, limit: u32) -> Promise;
    #[wasm_bindgen(js_name = sign)]
    fn signature(page: &Object, message: &str) -> Promise;
    #[wasm_bindgen(js_name = sha256)]
    fn digest(message: &str) -> Promise;
    #[wasm_bindgen(js_name = forget)]
    fn delete(page: &Object) -> Promise;
    /// Fills `room` with random bytes, from `Math.random` if WebCrypto is missing.
    pub(super) fn randomise(room: &mut [u8]);
}

/// The public half of the key of `site`, made if there is none; `page` keeps the key from then on.
pub(super) fn of_site(page: &Object, site: &SiteId) -> impl Future<Output = Option<EcPublicJwk>> + use<> {
    resolved(public_key(page, site.as_str(), STORE_MS), |jwk| {
        let coordinate = |name| property(jwk, name)?.as_string();
        EcPublicJwk::new(&coordinate("x")?, &coordinate("y")?).ok()
    })
}

/// ES256 of `message` with the key that `page` keeps, R || S; `None` if [`of_site`] has returned none.
pub(super) fn sign(page: &Object, message: &str) -> impl Future<Output = Option<[u8; 64]>> + use<> {
    resolved(signature(page, message), bytes)
}

/// SHA-256 of `message`.
pub(super) fn sha256(message: &str) -> impl Future<Output = Option<[u8; 32]>> + use<> {
    resolved(digest(message), bytes)
}

/// Removes the database of keys, and this page's own copy even if the database cannot be removed.
pub(super) fn forget(page: &Object) -> impl Future<Output = Option<()>> + use<> {
    resolved(delete(page), |_| Some(()))
}

/// The bytes of an `ArrayBuffer`, if there are exactly `N`.
fn bytes<const N: usize>(buffer: &JsValue) -> Option<[u8; N]> {
    Uint8Array::new(buffer).to_vec().try_into().ok()
}
