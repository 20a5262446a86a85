//! Liveness and readiness, for supervisors. Neither answer reveals the ledger's content, so neither needs a key.

use std::sync::Arc;

use axum::extract::State;

use super::problem::Problem;
use crate::app::App;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Answers 200 if the ledger records and answers and every site has a signing key (a new site gets its first key
/// here). Otherwise 503 with the reason.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    app.store.records().await?;
    app.keys.jwks(app.keys.sites()).await?;
    app.store.counts().await?;
    Ok("ok\n")
}
