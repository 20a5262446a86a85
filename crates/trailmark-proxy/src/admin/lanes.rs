//! Lanes for operators: the list, and opening one that stands still. Used by the routes here and by `trailmark lanes` on a
//! store that no proxy holds. What opening means is decided by [`crate::lanes::opened`].

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

/// Which lane.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// `SITE/PROGRAM`, or the program alone.
    pub(crate) lane: String,
}

/// Opens a lane; one that is open stays so. Gives how it stands.
///
/// # Errors
/// `NotFound` when no lane that was ever used has that name, and those of the store.
pub(crate) async fn open(store: &dyn Store, name: &str, now: UnixMillis) -> Result<LaneRow, StoreError> {
    let missing = || StoreError::NotFound("lane; `trailmark lanes list` shows those that were used");
    let is_named = |lane: &LaneRow| name == lane.program.as_str() || name == format!("{}/{}", lane.site, lane.program);
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

/// Opens a lane and has delivery look at it at once.
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
