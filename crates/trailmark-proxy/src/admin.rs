//! The operator's listener: health, metrics, the ledger as JSON, changes by hand, and the ledger view. It offers what
//! [`crate::store::Store`] allows and decides nothing itself; `cli` talks to it while a proxy runs. It has its own
//! address, so that no mistake in a route can expose the ledger to the public.

pub mod api_keys;
pub mod export;
mod guard;
mod health;
mod history;
pub mod keys;
pub(crate) mod lanes;
pub(crate) mod ledger;
mod metrics;
pub mod problem;
pub mod served;
mod sums;
mod troubles;
mod view;
pub(crate) mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::app::App;

/// Largest body: a change with its reason.
const BODY_BYTES: usize = 16 * 1024;

/// All routes of the operator's listener, grouped by what a caller must show.
pub fn router(app: Arc<App>) -> Router {
    let with_key = Router::new()
        .route("/v1/conversions", get(ledger::conversions))
        .route("/v1/conversions/search", post(ledger::search))
        .route("/v1/conversions/{id}", get(ledger::conversion))
        .route("/v1/conversions/{id}/explain", get(ledger::explain))
        .route("/v1/conversions/{id}/history", get(history::one))
        .route("/v1/conversions/{id}/release", post(ledger::release))
        .route("/v1/conversions/{id}/reject", post(ledger::reject))
        .route("/v1/conversions/{id}/check", post(webhooks::check))
        .route("/v1/webhooks", get(webhooks::list))
        .route("/v1/webhooks/{id}", get(webhooks::one))
        .route("/v1/webhooks/{id}/change", post(webhooks::change))
        .route("/v1/touches", get(ledger::touches))
        .route("/v1/deliveries", get(ledger::deliveries))
        .route("/v1/lanes", get(lanes::list_route))
        .route("/v1/lanes/open", post(lanes::open_route))
        .route("/v1/changes", post(ledger::change))
        .route("/v1/counts", get(ledger::counts))
        .route("/v1/sums", get(sums::sums))
        .route("/v1/troubles", get(troubles::list))
        .route("/v1/health", get(ledger::health))
        .route("/v1/ledger", get(served::ledger))
        .route("/v1/keys", get(keys::list_route))
        .route("/v1/keys/rotate", post(keys::rotate_route))
        .route("/v1/keys/revoke", post(keys::revoke_route))
        .route("/v1/apikeys", get(api_keys::list_route))
        .route("/v1/apikeys/add", post(api_keys::add_route))
        .route("/v1/apikeys/revoke", post(api_keys::revoke_route))
        .layer(from_fn_with_state(Arc::clone(&app), guard::key));
    // The view's files hold no data; the page reads data with the key that the operator enters.
    let by_host = with_key
        .merge(view::routes())
        .route("/metrics", get(metrics::metrics))
        .fallback(problem::nothing_here)
        .layer(from_fn_with_state(Arc::clone(&app), guard::host));
    let open = Router::new().route("/healthz", get(health::alive)).route("/readyz", get(health::ready));
    open.merge(by_host)
        .method_not_allowed_fallback(problem::another_method)
        .layer(from_fn(guard::headers))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(app)
}
