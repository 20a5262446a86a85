//! The browser key and what else WebCrypto does, as `host.js` beside this file offers it: typed here, and nothing else. What is
//! signed with the key is [`trailmark_wire::envelope`]'s business.

use js_sys::{Object, Promise, Uint8Array};
use trailmark_wire::ids::SiteId;
use trailmark_wire::jwk::EcPublicJwk;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use super::{property, resolved};

/// Milliseconds that IndexedDB has to answer. Some browsers leave a request hanging; the page must not wait for them.
const STORE_MS: u32 = 400;

#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    #[wasm_bindgen(js_name = publicKey)]
    fn public_key(page: &Object, site: &str, limit: u32) -> Promise;
    #[wasm_bindgen(js_name = sign)]
    fn signature(page: &Object, message: &str) -> Promise;
    #[wasm_bindgen(js_name = sha256)]
    fn digest(message: &str) -> Promise;
    /// `catch` although it never throws: what is bound without any glue of its own is imported as a file of its own.
    #[wasm_bindgen(catch, js_name = forget)]
    fn delete(page: &Object) -> Result<Promise, JsValue>;
    /// Fills `room` at random; from `Math.random` where WebCrypto is missing.
    pub(super) fn randomise(room: &mut [u8]);
}

/// The public half of the key of `site`, which is made if there is none; `page` holds the key from then on.
pub(super) fn of_site(page: &Object, site: &SiteId) -> impl Future<Output = Option<EcPublicJwk>> + use<> {
    resolved(public_key(page, site.as_str(), STORE_MS), |jwk| {
        let coordinate = |name| property(jwk, name)?.as_string();
        EcPublicJwk::new(&coordinate("x")?, &coordinate("y")?).ok()
    })
}

/// ES256 of `message` under the key that `page` holds, R || S; `None` before [`of_site`] gave one.
pub(super) fn sign(page: &Object, message: &str) -> impl Future<Output = Option<[u8; 64]>> + use<> {
    resolved(signature(page, message), bytes)
}

/// SHA-256 of `message`.
pub(super) fn sha256(message: &str) -> impl Future<Output = Option<[u8; 32]>> + use<> {
    resolved(digest(message), bytes)
}

/// Removes the database of keys; also where it cannot be removed nothing is kept in this page.
pub(super) fn forget(page: &Object) -> impl Future<Output = Option<()>> + use<> {
    let deleted = delete(page);
    async { resolved(deleted.ok()?, |_| Some(())).await }
}

/// The bytes of an `ArrayBuffer`, if they are as many.
fn bytes<const N: usize>(buffer: &JsValue) -> Option<[u8; N]> {
    Uint8Array::new(buffer).to_vec().try_into().ok()
}
