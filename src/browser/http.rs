//! Requests to the proxy: `fetch` through gloo-net, with credentials, as `text/plain`, which needs no preflight. Retries
//! nothing; [`crate::send::step`] decides by the answers.

use gloo_net::http::Request as GlooRequest;
use js_sys::{Array, JSON, Promise};
use wasm_bindgen::prelude::{JsCast as _, JsValue, wasm_bindgen};

use super::{BrowserJson, resolved};
use crate::page::{Answer, Method, Request};

#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    /// web-sys has no setter for `keepalive`.
    #[wasm_bindgen(catch)]
    fn request(url: &str, method: &str, body: Option<&str>, keepalive: bool) -> Result<web_sys::Request, JsValue>;
    #[wasm_bindgen(js_name = readAnswer)]
    fn read(answer: &web_sys::Response) -> Promise;
}

/// Sends the request and reads the whole answer. With `keepalive` the request may outlive the document.
pub(super) async fn send(asked: &Request, keepalive: bool) -> Option<Answer<BrowserJson>> {
    let (method, body) = match asked.method {
        Method::Delete => ("DELETE", None),
        Method::Post => ("POST", Some(asked.body.as_str())),
    };
    let request = request(&asked.url, method, body, keepalive).ok()?;
    let response: web_sys::Response = GlooRequest::from(request).send().await.ok()?.into();
    resolved(read(&response), answer).await
}

/// The three values that `read` returns. Each may be anything, since pages replace `fetch`.
fn answer(read: &JsValue) -> Option<Answer<BrowserJson>> {
    let parts = read.unchecked_ref::<Array>();
    let retry_after = parts.get(1).as_string().and_then(|seconds| seconds.parse::<u32>().ok());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a status has three digits")]
    let status = parts.get(0).as_f64()? as u16;
    Some(Answer {
        status,
        json: JSON::parse(&parts.get(2).as_string()?).ok().map(BrowserJson),
        retry_after: retry_after.map(|seconds| seconds.saturating_mul(1_000)),
    })
}
