//! Lanes for operators: list them, and open a closed one. Used by the routes here and by `trailmark lanes` on a store that
//! no proxy has open. [`crate::lanes::opened`] defines what opening does.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};
use trailmark_wire::time::UnixMillis;

use super::ledger::{Answer, json};
use crate::app::App;
use crate::lanes::{Limits, opened};
use crate::store::delivery::LaneKey;
use crate::store::operator::LaneRow;
use crate::store::{Store, StoreError};

/// Names a lane.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// `SITE/PROGRAM`, or only the program.
    pub(crate) lane: String,
}

/// Opens the lane of this program, if it is closed; returns the program's new row.
///
/// # Errors
/// `NotFound` if no used lane has that name, and those of the store.
pub(crate) async fn open(store: &dyn Store, name: &str, now: UnixMillis) -> Result<LaneRow, StoreError> {
    let missing = || StoreError::NotFound("lane; `trailmark lanes list` shows the used lanes");
    let is_named = |lane: &LaneRow| name == lane.program.as_str() || name == lane.name();
    let lane = store.lanes(now).await?.into_iter().find(is_named).ok_or_else(missing)?;
    if lane.state != "open" {
        let key = LaneKey { site: lane.site.clone(), program: lane.program.clone() };
        store.change_lane(key, Box::new(move |lane| opened(lane, &Limits::default(), now))).await?;
    }
    store.lanes(now).await?.into_iter().find(is_named).ok_or_else(missing)
}

pub(super) async fn list_route(State(app): State<Arc<App>>) -> Answer<Vec<LaneRow>> {
    Ok(Json(app.store.lanes(app.clock.now()).await?))
}

/// Opens a lane and wakes delivery.
pub(super) async fn open_route(
    State(app): State<Arc<App>>,
    body: Result<Json<Which>, JsonRejection>,
) -> Answer<LaneRow> {
    let Which { lane } = json(body)?;
    let opened = open(&*app.store, &lane, app.clock.now()).await?;
    app.committed();
    tracing::info!(program = %opened.program, "lane opened by an operator");
    Ok(Json(opened))
}
