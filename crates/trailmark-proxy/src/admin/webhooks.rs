//! Webhooks as JSON, in the types of [`crate::store::webhooks`], and the operator's changes: replay and drop. Bodies
//! are not shown, because they may hold personal data.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{RawQuery, State};
use serde::{Deserialize, Serialize};

use super::ledger::{Answer, filter, json, recorded_reason};
use super::problem::{Id, Problem};
use crate::app::App;
use crate::store::listing::Page;
use crate::store::webhooks::{WebhookChange, WebhookRow};

pub(super) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer<Page<WebhookRow>> {
    Ok(Json(app.store.webhooks(filter(&query.unwrap_or_default())?).await?))
}

pub(super) async fn one(State(app): State<Arc<App>>, Id(id): Id) -> Answer<WebhookRow> {
    Ok(Json(app.store.webhook(id).await?))
}

/// Makes one change and wakes the commissions task.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Id(id): Id,
    body: Result<Json<WebhookChange>, JsonRejection>,
) -> Answer<WebhookRow> {
    let change = match json(body)? {
        WebhookChange::Drop { reason } => {
            let reason = recorded_reason(&reason);
            let reason = reason.map_err(|problem| Problem::malformed(format!("`reason`: {problem}")))?;
            WebhookChange::Drop { reason }
        }
        WebhookChange::Replay => WebhookChange::Replay,
    };
    let changed = app.store.change_webhook(id, change, app.clock.now()).await?;
    app.committed();
    Ok(Json(changed))
}

/// Number of scheduled commission queries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Marked {
    /// Recorded deliveries of the conversion.
    pub(crate) deliveries: u32,
}

/// Schedules commission queries for a conversion at once.
pub(super) async fn check(State(app): State<Arc<App>>, Id(id): Id) -> Answer<Marked> {
    let deliveries = app.store.ask_commissions(id, app.clock.now()).await?;
    app.committed();
    Ok(Json(Marked { deliveries }))
}
