//! Requests to the proxy: `fetch` through gloo-net, with credentials, as `text/plain` so that no preflight is needed. Retries
//! nothing; [`crate::send::step`] reads the answers.

use gloo_net::http::Request as GlooRequest;
use js_sys::JSON;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use super::BrowserJson;
use crate::page::{Answer, Method, Request};

#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    /// web-sys has no setter for `keepalive`.
    #[wasm_bindgen(catch)]
    fn request(url: &str, method: &str, body: Option<&str>, keepalive: bool) -> Result<web_sys::Request, JsValue>;
}

/// Sends, and reads the answer to its end. With `keepalive` the request may outlive the document.
pub(super) async fn send(asked: &Request, keepalive: bool) -> Option<Answer<BrowserJson>> {
    let (method, body) = match asked.method {
        Method::Delete => ("DELETE", None),
        Method::Post => ("POST", Some(asked.body.as_str())),
    };
    let request = request(&asked.url, method, body, keepalive).ok()?;
    let response = GlooRequest::from(request).send().await.ok()?;
    let retry_after = response.headers().get("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    let text = response.text().await.unwrap_or_default();
    Some(Answer {
        status: response.status(),
        json: JSON::parse(&text).ok().map(BrowserJson),
        retry_after: retry_after.map(|seconds| seconds.saturating_mul(1_000)),
    })
}
