//! The ledger as JSON, in the types of [`crate::store::operator`], which the command line reads back. Parameters are checked
//! here, the rules about changes are the store's.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::problem::{Id, Problem};
use crate::app::App;
use crate::intake::accept::release_rule;
use crate::store::operator::{
    Change, ConversionDetail, ConversionRow, Counts, DeliveryRow, Filter, Health, LaneRow, TouchRow,
};

/// Rows that a list may show at most.
const MOST_ROWS: u32 = 1000;

pub(super) type Answer<T> = Result<Json<T>, Problem>;
pub(super) type Asked = Result<Query<Filter>, QueryRejection>;

pub(super) async fn conversions(State(app): State<Arc<App>>, asked: Asked) -> Answer<Vec<ConversionRow>> {
    Ok(Json(app.store.conversions(filter(asked)?).await?))
}

pub(super) async fn conversion(State(app): State<Arc<App>>, Id(id): Id) -> Answer<ConversionDetail> {
    Ok(Json(app.store.conversion(id).await?))
}

pub(super) async fn explain(State(app): State<Arc<App>>, Id(id): Id) -> Result<String, Problem> {
    let (detail, lanes) = (app.store.conversion(id).await?, app.store.lanes(app.clock.now()).await?);
    Ok(crate::explain::explain(&detail, &lanes))
}

pub(super) async fn touches(State(app): State<Arc<App>>, asked: Asked) -> Answer<Vec<TouchRow>> {
    Ok(Json(app.store.touches(filter(asked)?).await?))
}

pub(super) async fn deliveries(State(app): State<Arc<App>>, asked: Asked) -> Answer<Vec<DeliveryRow>> {
    Ok(Json(app.store.deliveries(filter(asked)?).await?))
}

pub(super) async fn lanes(State(app): State<Arc<App>>) -> Answer<Vec<LaneRow>> {
    Ok(Json(app.store.lanes(app.clock.now()).await?))
}

pub(super) async fn counts(State(app): State<Arc<App>>) -> Answer<Counts> {
    Ok(Json(app.store.counts().await?))
}

pub(super) async fn health(State(app): State<Arc<App>>) -> Answer<Health> {
    Ok(Json(app.store.health().await?))
}

/// Makes one change and has delivery look at it at once.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    body: Result<Json<Change>, JsonRejection>,
) -> Answer<DeliveryRow> {
    let changed = app.store.change(json(body)?, app.clock.now()).await?;
    app.committed();
    Ok(Json(changed))
}

/// Why an operator decided something.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// 3 to 500 characters on one line, for the record.
    pub(crate) reason: String,
}

/// Decides again about a held conversion, and has delivery look at it at once.
pub(super) async fn release(
    State(app): State<Arc<App>>,
    Id(id): Id,
    body: Result<Json<Reason>, JsonRejection>,
) -> Answer<ConversionDetail> {
    let (reason, now) = (reason(body)?, app.clock.now());
    let released = app.store.release_held(id, reason, release_rule(&app.config, now), now).await?;
    app.committed();
    Ok(Json(released))
}

/// Ends a held conversion.
pub(super) async fn reject(
    State(app): State<Arc<App>>,
    Id(id): Id,
    body: Result<Json<Reason>, JsonRejection>,
) -> Answer<ConversionDetail> {
    Ok(Json(app.store.reject_held(id, reason(body)?, app.clock.now()).await?))
}

fn reason(body: Result<Json<Reason>, JsonRejection>) -> Result<String, Problem> {
    let Reason { reason } = json(body)?;
    recorded_reason(&reason).map_err(|problem| Problem::malformed(format!("`reason`: {problem}")))
}

/// A reason as the record keeps it.
///
/// # Errors
/// What to write instead.
pub(crate) fn recorded_reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let fits = (3..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or("the record needs a reason of 3 to 500 characters on one line")
}

/// The body, or what is wrong with it.
pub(super) fn json<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    let Json(body) = body.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    Ok(body)
}

/// The filter, or what is wrong with it.
pub(super) fn filter(asked: Asked) -> Result<Filter, Problem> {
    let Query(filter) = asked.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    match filter.limit {
        Some(limit) if !(1..=MOST_ROWS).contains(&limit) => {
            Err(Problem::malformed(format!("`limit` is {limit}: it must be 1 to {MOST_ROWS}")))
        }
        _ => Ok(filter),
    }
}
