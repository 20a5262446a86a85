//! Requests to the proxy: `fetch` through gloo-net, with credentials, as `text/plain` so that no preflight is needed. Retries
//! nothing; [`crate::send::step`] reads the answers.

use gloo_net::http::Request as GlooRequest;
use js_sys::{JSON, Object, Reflect};
use wasm_bindgen::prelude::{JsCast as _, JsValue};

use super::BrowserJson;
use crate::page::{Answer, Method, Request};

/// Sends, and reads the answer to its end. With `keepalive` the request may outlive the document.
pub(super) async fn send(request: &Request, keepalive: bool) -> Option<Answer<BrowserJson>> {
    // `text/plain;charset=UTF-8` is what a string body is by itself. Set by name, since web-sys has no setter for `keepalive`.
    let (method, body) = match request.method {
        Method::Delete => ("DELETE", JsValue::UNDEFINED),
        Method::Post => ("POST", JsValue::from_str(&request.body)),
    };
    let init = Object::new();
    for (name, value) in [
        ("method", JsValue::from_str(method)),
        ("body", body),
        ("credentials", JsValue::from_str("include")),
        ("keepalive", JsValue::from_bool(keepalive)),
    ] {
        Reflect::set(&init, &JsValue::from_str(name), &value).ok()?;
    }
    let request = web_sys::Request::new_with_str_and_init(&request.url, init.unchecked_ref()).ok()?;
    let response = GlooRequest::from(request).send().await.ok()?;
    let text = response.text().await.unwrap_or_default();
    Some(Answer { status: response.status(), json: JSON::parse(&text).ok().map(BrowserJson) })
}
