//! Sums of what partners brought, over HTTP. Checks the parameters; [`crate::store::sums`] decides what counts.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use trailmark_wire::ids::{ProgramId, SiteId};

use super::ledger::Answer;
use super::problem::Problem;
use crate::app::App;
use crate::store::listing::point;
use crate::store::sums::{CONVERSIONS_AN_ANSWER, Place, SumFilter, Sums};

/// The parameters of `GET v1/sums`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    site: Option<SiteId>,
    program: Option<ProgramId>,
    since: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
}

/// `GET v1/sums`: one answer. If it covers only a part of the chosen time, `next` is the `cursor` of the next
/// question.
pub(super) async fn sums(State(app): State<Arc<App>>, asked: Result<Query<Asked>, QueryRejection>) -> Answer<Sums> {
    let Query(asked) = asked.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    Ok(Json(app.store.sums(filter(asked)?).await?))
}

fn filter(asked: Asked) -> Result<SumFilter, Problem> {
    let time = |name: &str, text: Option<String>| {
        let read = text.as_deref().map(point).transpose();
        read.map_err(|error| Problem::malformed(format!("`{name}`: {error}")))
    };
    let place = asked.cursor.as_deref().map(Place::try_from).transpose();
    Ok(SumFilter {
        site: asked.site,
        program: asked.program,
        since: time("since", asked.since)?,
        until: time("until", asked.until)?,
        after: place.map_err(|error| Problem::malformed(format!("`cursor` {error}")))?,
        most: CONVERSIONS_AN_ANSWER,
    })
}
