//! Requests to the proxy: `fetch` through gloo-net, with credentials, as `text/plain` so that no preflight is needed. Retries
//! nothing; [`crate::send::step`] reads the answers.

use gloo_net::http::Request as GlooRequest;
use js_sys::{JSON, Reflect};
use wasm_bindgen::prelude::JsValue;
use web_sys::{RequestCredentials, RequestInit};

use super::BrowserJson;
use crate::page::{Answer, Method, Request};

/// Sends, and reads the answer to its end. With `keepalive` the request may outlive the document.
pub(super) async fn send(request: &Request, keepalive: bool) -> Option<Answer<BrowserJson>> {
    let init = RequestInit::new();
    init.set_credentials(RequestCredentials::Include);
    match request.method {
        Method::Delete => init.set_method("DELETE"),
        // A string body is `text/plain;charset=UTF-8` by itself.
        Method::Post => {
            init.set_method("POST");
            init.set_body(&JsValue::from_str(&request.body));
        }
    }
    // web-sys has no setter for it.
    Reflect::set(&init, &JsValue::from_str("keepalive"), &JsValue::from_bool(keepalive)).ok()?;
    let request = web_sys::Request::new_with_str_and_init(&request.url, &init).ok()?;
    let response = GlooRequest::from(request).send().await.ok()?;
    let text = response.text().await.unwrap_or_default();
    Some(Answer { status: response.status(), json: JSON::parse(&text).ok().map(BrowserJson) })
}
