//! The public listener, for browsers, the sites' backends and vendors. [`router`] lists every route. A handler
//! parses, calls the ledger and answers. [`verify`] decides what is believed and [`accept`] what becomes of a
//! conversion; both are pure. Conversions and webhooks go to [`crate::store`]; from there deliveries go to
//! [`crate::delivery`] and webhooks to [`crate::commissions`].

pub(crate) mod accept;
mod address;
mod body;
pub(crate) mod callers;
mod carriers;
mod clicks;
mod conversions;
mod cookies;
mod dead_end;
mod destination;
mod envelopes;
mod frame;
mod host;
mod links;
mod merchant;
mod money;
mod origin;
mod problem;
pub(crate) mod rate;
mod server;
mod verify;
mod visitor;
mod warnings;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, options, post};
use axum::{Json, handler::Handler as _};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{StatusCode, Uri};
use trailmark_wire::refusal::Refusal;

use self::address::client;
pub(crate) use self::address::{ClientNetwork, Peer, Told, is_trusted, network};
use self::origin::Readers;
use self::problem::Problem;
use crate::app::App;
use crate::assets;

/// All public routes under the configured mount. `beside` answers every other path.
pub fn router(app: Arc<App>, beside: Option<Router>) -> Router {
    let routes = Router::new()
        .route("/{file}", get(file))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/r/{*link}", get(follow_link))
        .route("/v1/carriers", post(keep_carrier).options(preflight))
        .route("/v1/clicks", post(record_click).delete(forget_click).options(preflight))
        .route("/v1/conversions", post(accept_conversion).options(preflight))
        .route("/v1/conversions/{id}", get(show_conversion).options(preflight))
        .route("/v1/webhooks/{program}/{secret}", post(receive_webhook))
        .route("/v1/{*any}", options(preflight).fallback(nothing_here))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback(nothing_here)
        .layer(from_fn_with_state(Arc::clone(&app), frame::frame))
        .with_state(Arc::clone(&app));
    let mounted = Router::new().nest(&app.config.server.mount, routes);
    match beside {
        Some(beside) => mounted.fallback_service(beside),
        None => mounted
            .fallback_service(nothing_here.layer(from_fn_with_state(Arc::clone(&app), frame::frame)).with_state(app)),
    }
}

/// The header that tells the sender of a test how the web servers in front passed it on: how the proxy learned the client's
/// address, and whether the host is one of the site's. Two words, no address and no name.
pub(crate) const SEEN: HeaderName = HeaderName::from_static("trailmark-seen");

/// A request, taken apart.
struct Call {
    client: ClientNetwork,
    /// How the client's address became known.
    told: Told,
    /// Host and port that the browser asked for.
    host: Option<String>,
    headers: HeaderMap,
    body: Body,
}

impl Call {
    fn of(app: &App, request: Request) -> (Self, Uri) {
        let (parts, body) = request.into_parts();
        let (client, told) = client(&app.config.server, &parts.extensions, &parts.headers);
        let host = host::asked(&app.config.server, &parts.uri, &parts.extensions, &parts.headers);
        (Self { client, told, host, headers: parts.headers, body }, parts.uri)
    }
}

async fn record_click(State(app): State<Arc<App>>, request: Request) -> Response {
    let (call, _) = Call::of(&app, request);
    let mut readers = Readers::default();
    let answered = clicks::record(&app, call, &mut readers).await;
    readable(answered, readers)
}

async fn forget_click(State(app): State<Arc<App>>, request: Request) -> Response {
    let (call, uri) = Call::of(&app, request);
    let mut readers = Readers::default();
    let answered = clicks::forget(&app, call, &uri, &mut readers).await;
    readable(answered, readers)
}

async fn keep_carrier(State(app): State<Arc<App>>, request: Request) -> Response {
    let (call, _) = Call::of(&app, request);
    let mut readers = Readers::default();
    let answered = carriers::keep(&app, call, &mut readers).await;
    readable(answered, readers)
}

async fn accept_conversion(State(app): State<Arc<App>>, request: Request) -> Response {
    let (call, _) = Call::of(&app, request);
    let mut readers = Readers::default();
    let answered = match call.headers.contains_key(AUTHORIZATION) {
        true => server::accept(&app, call).await,
        false => conversions::accept(&app, call, &mut readers).await,
    };
    readable(answered, readers)
}

async fn show_conversion(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let (call, _) = Call::of(&app, request);
    server::show(&app, &call.headers, call.client, &id).await
}

async fn receive_webhook(
    State(app): State<Arc<App>>,
    address: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path((program, secret)) = address.map_err(|_not_text| Refusal::NotFound)?;
    let (call, _) = Call::of(&app, request);
    webhooks::receive(&app, call, &program, &secret).await
}

/// Whether the browser sends Global Privacy Control. The SDK then sends nothing, but an older page might; the visitor's
/// choice counts.
fn says_no(headers: &HeaderMap) -> bool {
    headers.get("sec-gpc").is_some_and(|value| value == "1")
}

/// The value of [`SEEN`].
fn seen(told: Told, is_own_host: bool) -> Option<HeaderValue> {
    let host = if is_own_host { "own" } else { "other" };
    HeaderValue::try_from(format!("{} {host}", told.as_str())).ok()
}

/// Notes on the response which origins may read it.
fn readable(answered: Result<Response, Problem>, readers: Readers) -> Response {
    let mut response = answered.unwrap_or_else(Problem::into_response);
    response.extensions_mut().insert(readers);
    response
}

async fn file(name: Result<Path<String>, PathRejection>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let Path(name) = name?;
    assets::file(&name, uri.query().is_some(), &headers).map_err(|absent| match absent {
        assets::Absent::Unknown => {
            Problem::new(Refusal::NotFound).with_detail("there is no such file; pages load `sdk.js`")
        }
        assets::Absent::NotBuilt => Problem::unavailable().with_detail(
            "this binary was built without the browser module: run `cargo xtask build-sdk` and build it again",
        ),
    })
}

/// The public keys of this host's sites only: a client of one site must not trust another site's keys.
async fn jwks(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (call, _) = Call::of(&app, request);
    let sites: Vec<_> =
        host::sites(&app.config, call.host.as_deref()).into_iter().map(|site| site.id.clone()).collect();
    if sites.is_empty() {
        let cure = "no site has this host: see `public_url` and `origins` in trailmark.toml, and `trusted_proxies`";
        return Err(Problem::new(Refusal::NotFound).with_detail(cure));
    }
    Ok(Json(app.keys.jwks(&sites).await?).into_response())
}

async fn follow_link(
    State(app): State<Arc<App>>,
    link: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let method = request.method().clone();
    let (call, uri) = Call::of(&app, request);
    let (host, headers) = (call.host.clone(), call.headers.clone());
    let answered = match link {
        Ok(Path(link)) => links::follow(&app, call, &method, &uri, &link).await,
        Err(not_text) => Err(not_text.into()),
    };
    answered.unwrap_or_else(|problem| {
        let site = host::sites(&app.config, host.as_deref()).into_iter().next();
        dead_end::answer(problem, &headers, site)
    })
}

/// Answers a preflight for any site's origin. The request itself is checked against the origins of its own site.
async fn preflight(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    if headers.contains_key(ORIGIN) && origin::reader(&app.config, &Readers::AllSites, &headers).is_none() {
        return Err(Refusal::OriginNotAllowed.into());
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    origin::preflight(&mut response);
    Ok(response)
}

async fn nothing_here(State(app): State<Arc<App>>) -> Problem {
    let mount = &app.config.server.mount;
    Problem::new(Refusal::NotFound)
        .with_detail(format!("this proxy answers under its mount, such as {mount}/v1/conversions"))
}
