//! The ledger as JSON, in the types of [`crate::store::operator`], which the command line reads too. This file checks
//! parameters; the store has the rules for changes.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::Uri;
use http::header::{ACCEPT, HeaderMap};
use serde::{Deserialize, Serialize};
use trailmark_wire::time::UnixMillis;
use url::form_urlencoded;

use super::export;
use super::problem::{Id, Problem};
use crate::answer::{Answered, answer};
use crate::app::App;
use crate::explain::{credited, story};
use crate::intake::accept::release_rule;
use crate::store::listing::{Filter, MOST_ROWS, Page};
use crate::store::operator::{Change, ConversionDetail, ConversionRow, Counts, DeliveryRow, Health, TouchRow};
use crate::store::{Store, StoreError};

pub(super) type Answer<T> = Result<Json<T>, Problem>;

/// Conversions with their answers, for the operator's API and the command line.
///
/// # Errors
/// Those of the store.
pub(crate) async fn listed(
    store: &dyn Store,
    filter: Filter,
    now: UnixMillis,
) -> Result<Page<Answered<ConversionRow>>, StoreError> {
    let (page, lanes) = (store.conversions(filter).await?, store.lanes(now).await?);
    Ok(page.map(|of| Answered { answer: answer(&of, &lanes), credited: credited(&of), of }))
}

/// One conversion with its answer.
///
/// # Errors
/// As [`crate::store::operator::OperatorStore::conversion`].
pub(crate) async fn shown(
    store: &dyn Store,
    id: String,
    now: UnixMillis,
) -> Result<Answered<ConversionDetail>, StoreError> {
    let (of, lanes) = (store.conversion(id).await?, store.lanes(now).await?);
    Ok(Answered { answer: answer(&of.conversion, &lanes), credited: credited(&of.conversion), of })
}

/// A page of JSON; with `format=csv` or `Accept: text/csv` the rest of the list as CSV.
pub(super) async fn conversions(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let (formats, rest): (Vec<_>, Vec<_>) =
        form_urlencoded::parse(query.as_bytes()).into_owned().partition(|(name, _)| name == "format");
    let format = formats.first().map(|(_, format)| format.as_str());
    let filter = filter(&form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish())?;
    match format {
        Some("csv") => export::conversions(app, filter).await,
        None if wants_csv(&headers) => export::conversions(app, filter).await,
        None | Some("json") => Ok(Json(listed(&*app.store, filter, app.clock.now()).await?).into_response()),
        Some(other) => Err(Problem::malformed(format!("`format` is `{other}`: it must be json or csv"))),
    }
}

/// The same with the filter in the body: an e-mail address must not appear in a URL, which logs may keep.
pub(super) async fn search(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Json<Filter>, JsonRejection>,
) -> Result<Response, Problem> {
    let filter = bounded(json(body)?)?;
    match wants_csv(&headers) {
        true => export::conversions(app, filter).await,
        false => Ok(Json(listed(&*app.store, filter, app.clock.now()).await?).into_response()),
    }
}

fn wants_csv(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accepted| accepted.contains("text/csv"))
}

pub(super) async fn conversion(State(app): State<Arc<App>>, Id(id): Id) -> Answer<Answered<ConversionDetail>> {
    Ok(Json(shown(&*app.store, id, app.clock.now()).await?))
}

/// The format of a story.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    format: Option<String>,
}

/// The story as text; with `format=json` as sections and sentences.
pub(super) async fn explain(
    State(app): State<Arc<App>>,
    Id(id): Id,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Wanted { format }) = wanted.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    let (detail, lanes) = (app.store.conversion(id).await?, app.store.lanes(app.clock.now()).await?);
    let story = story(&detail, &lanes);
    match format.as_deref() {
        None | Some("text") => Ok(story.to_text().into_response()),
        Some("json") => Ok(Json(story).into_response()),
        Some(other) => Err(Problem::malformed(format!("`format` is `{other}`: it must be text or json"))),
    }
}

pub(super) async fn touches(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer<Page<TouchRow>> {
    Ok(Json(app.store.touches(filter(&query.unwrap_or_default())?).await?))
}

pub(super) async fn deliveries(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer<Page<DeliveryRow>> {
    Ok(Json(app.store.deliveries(filter(&query.unwrap_or_default())?).await?))
}

pub(super) async fn counts(State(app): State<Arc<App>>) -> Answer<Counts> {
    Ok(Json(app.store.counts().await?))
}

pub(super) async fn health(State(app): State<Arc<App>>) -> Answer<Health> {
    Ok(Json(app.store.health().await?))
}

/// Makes one change and wakes delivery.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    body: Result<Json<Change>, JsonRejection>,
) -> Answer<DeliveryRow> {
    let changed = app.store.change(json(body)?, app.clock.now()).await?;
    app.committed();
    Ok(Json(changed))
}

/// An operator's reason.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// 3 to 500 characters on one line; recorded.
    pub(crate) reason: String,
}

/// Releases a held conversion and wakes delivery.
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

/// Rejects a held conversion.
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

/// A reason as it is recorded.
///
/// # Errors
/// What is required instead.
pub(crate) fn recorded_reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let fits = (3..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or("give a reason of 3 to 500 characters on one line")
}

/// The body, or why it is invalid.
pub(super) fn json<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    let Json(body) = body.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    Ok(body)
}

/// The filter of a query, or why it is invalid.
pub(super) fn filter(query: &str) -> Result<Filter, Problem> {
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
    let uri = uri.map_err(|_unreadable| Problem::malformed("the query of this address cannot be read"))?;
    let Query(filter) =
        Query::<Filter>::try_from_uri(&uri).map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    bounded(filter)
}

fn bounded(filter: Filter) -> Result<Filter, Problem> {
    match filter.limit {
        Some(limit) if !(1..=MOST_ROWS).contains(&limit) => {
            Err(Problem::malformed(format!("`limit` is {limit}: it must be 1 to {MOST_ROWS}")))
        }
        _ if filter.since.zip(filter.until).is_some_and(|(since, until)| since >= until) => {
            Err(Problem::malformed("`since` must be before `until`"))
        }
        _ => Ok(filter),
    }
}
