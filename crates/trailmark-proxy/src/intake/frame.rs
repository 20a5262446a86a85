//! Common to all answers of the public listener: 503 while stopping, caught panics, CORS, `no-store` by default, one
//! log line. Reads no body.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::header::{CACHE_CONTROL, CONNECTION, HeaderName, HeaderValue};
use http::{HeaderMap, Method};

use super::origin::{self, Readers};
use super::problem::{Code, Problem};
use crate::app::App;

/// Runs a request.
pub(super) async fn frame(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = app.clock.now();
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = if app.is_draining() {
        going_down()
    } else {
        // Nothing that a handler owns outlives it, so a panic leaves no broken state.
        AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_panic| {
            tracing::error!("a handler panicked: answering 503; this is a bug, please report it");
            Problem::unavailable().into_response()
        })
    };
    dress(&app, &headers, &mut response);
    log(&method, route.as_ref(), &response, app.clock.now().since(started));
    response
}

fn going_down() -> Response {
    let mut response = Problem::unavailable().into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn dress(app: &App, request: &HeaderMap, response: &mut Response) {
    let readers = response.extensions_mut().remove::<Readers>().unwrap_or_default();
    origin::share(response, origin::reader(&app.config, &readers, request));
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
}

/// Logs the route's pattern, never the address: queries and paths may be personal.
fn log(method: &Method, route: Option<&MatchedPath>, response: &Response, duration_ms: i64) {
    let route = route.map_or("-", MatchedPath::as_str);
    let code = response.extensions().get::<Code>().map_or("", |Code(code)| code);
    let status = response.status().as_u16();
    tracing::debug!(method = method.as_str(), route, status, code, duration_ms, "answered");
    // A 429 is only told to the caller: a flood must not fill the log.
    if (400..404).contains(&status) {
        tracing::info!(method = method.as_str(), route, status, code, "refused");
    }
}
