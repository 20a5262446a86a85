//! API keys for operators: list, add, revoke. Used by the routes here and by `trailmark apikeys` on a store that no
//! proxy has open. Only the answer to `add` contains the key.

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::extract::State;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use serde::{Deserialize, Serialize};
use trailmark_wire::ids::{KeyId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::keys::{Whose, configured};
use super::ledger::json;
use super::problem::Problem;
use crate::api_keys;
use crate::app::App;
use crate::random::Random;
use crate::store::callers::{ApiKeyChange, ApiKeyRow};
use crate::store::{Store, StoreError};

/// One API key, for people; without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyLine {
    /// The site that it belongs to.
    pub site: SiteId,
    /// Its name for `apikeys revoke`.
    pub id: KeyId,
    /// What the operator calls it.
    pub name: String,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was last used, within a minute, RFC 3339.
    pub last_used_at: Option<String>,
    /// When it was revoked, RFC 3339.
    pub revoked_at: Option<String>,
}

/// A key that was just created.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewApiKey {
    /// Its line.
    #[serde(flatten)]
    pub line: ApiKeyLine,
    /// The key itself; shown only here.
    pub key: String,
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("line", &self.line).field("key", &"[redacted]").finish()
    }
}

/// The API keys of a site, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn list(store: &dyn Store, site: &SiteId) -> Result<Vec<ApiKeyLine>, StoreError> {
    Ok(store.api_keys(site.clone()).await?.into_iter().map(line).collect())
}

/// Creates a key.
///
/// # Errors
/// Those of the store, and `Unavailable` if the system provides no randomness.
pub async fn add(store: &dyn Store, site: &SiteId, name: &str, now: UnixMillis) -> Result<NewApiKey, StoreError> {
    let name = api_keys::name(name).map_err(|shape| StoreError::Refused(shape.to_owned()))?;
    let made = api_keys::make(site.clone(), name, Random, now);
    let (row, key) = made.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    store.change_api_key(ApiKeyChange::Add(row.clone())).await?;
    Ok(NewApiKey { line: line(row), key: key.expose().to_owned() })
}

/// Revokes a key at once; returns the site's keys.
///
/// # Errors
/// `NotFound` if the site has no such key, `Refused` if it is revoked already, and those of the store.
pub async fn revoke(
    store: &dyn Store,
    site: &SiteId,
    id: &KeyId,
    now: UnixMillis,
) -> Result<Vec<ApiKeyLine>, StoreError> {
    let known = store.api_keys(site.clone()).await?;
    match known.iter().find(|key| key.id == *id) {
        None => Err(StoreError::NotFound("API key of this site; `trailmark apikeys list` shows them")),
        Some(key) if key.revoked_at.is_some() => Err(StoreError::Refused(format!("API key {id} is revoked already"))),
        Some(_) => {
            store.change_api_key(ApiKeyChange::Revoke(site.clone(), id.clone(), now)).await?;
            list(store, site).await
        }
    }
}

fn line(key: ApiKeyRow) -> ApiKeyLine {
    ApiKeyLine {
        site: key.site,
        id: key.id,
        name: key.name,
        created_at: key.created_at.to_rfc3339(),
        last_used_at: key.last_used_at.map(UnixMillis::to_rfc3339),
        revoked_at: key.revoked_at.map(UnixMillis::to_rfc3339),
    }
}

/// Body of a request for a new key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Next {
    site: SiteId,
    name: String,
}

/// Names a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    site: SiteId,
    id: KeyId,
}

type Answer<T> = Result<Json<T>, Problem>;

pub(super) async fn list_route(
    State(app): State<Arc<App>>,
    asked: Result<Query<Whose>, QueryRejection>,
) -> Answer<Vec<ApiKeyLine>> {
    let Query(Whose { site }) = asked.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    let site = configured(&app, site)?;
    Ok(Json(list(&*app.store, &site).await?))
}

pub(super) async fn add_route(
    State(app): State<Arc<App>>,
    body: Result<Json<Next>, JsonRejection>,
) -> Answer<NewApiKey> {
    let Next { site, name } = json(body)?;
    let site = configured(&app, site)?;
    api_keys::name(&name).map_err(Problem::malformed)?;
    Ok(Json(add(&*app.store, &site, &name, app.clock.now()).await?))
}

pub(super) async fn revoke_route(
    State(app): State<Arc<App>>,
    body: Result<Json<Which>, JsonRejection>,
) -> Answer<Vec<ApiKeyLine>> {
    let Which { site, id } = json(body)?;
    let site = configured(&app, site)?;
    Ok(Json(revoke(&*app.store, &site, &id, app.clock.now()).await?))
}
