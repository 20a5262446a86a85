//! Whether the proxy runs, and whether it can work: the two questions of whatever supervises it. Neither answer says
//! anything about the ledger's content, so neither asks for a key.

use std::sync::Arc;

use axum::extract::State;

use super::problem::Problem;
use crate::app::App;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The ledger records and answers, and every site has a key that signs; a new site gets its first one here. Otherwise 503,
/// and the reason.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    app.store.records().await?;
    app.keys.jwks(app.keys.sites()).await?;
    app.store.counts().await?;
    Ok("ok\n")
}
