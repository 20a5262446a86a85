//! Signing keys for operators: list, rotate, revoke. Used by the routes here and by `trailmark keys` on a store that
//! no proxy has open. Private keys never pass through.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use trailmark_wire::ids::{KeyId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::ledger::json;
use super::problem::Problem;
use crate::app::App;
use crate::keys::{Begin, KeyError, Keyring};
use crate::store::{KeyRow, StoreError};

/// One signing key, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// The site.
    pub site: SiteId,
    /// Its name in the JWKS.
    pub kid: KeyId,
    /// What it may do now.
    pub state: KeyState,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it starts to sign, RFC 3339.
    pub signs_from: String,
    /// When the last thing that it signed expires, RFC 3339; for a revoked key, when it was revoked.
    pub verifies_until: Option<String>,
}

/// What a signing key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// In the JWKS, but not signing yet.
    Published,
    /// Signs and verifies.
    Signing,
    /// Signs no longer; verifies what it signed.
    Verifying,
    /// Everything that it signed has expired.
    Expired,
    /// Revoked by hand; verifies nothing.
    Revoked,
}

impl KeyState {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// The keys of a site, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn list(keys: &Keyring, site: &SiteId, now: UnixMillis) -> Result<Vec<KeyLine>, KeyError> {
    Ok(keys.list(site).await?.iter().map(|key| line(key, now)).collect())
}

/// Creates a key that starts to sign as requested; returns the site's keys.
///
/// # Errors
/// [`KeyError`].
pub async fn rotate(keys: &Keyring, site: &SiteId, begin: Begin, now: UnixMillis) -> Result<Vec<KeyLine>, KeyError> {
    keys.rotate(site, begin).await?;
    list(keys, site, now).await
}

/// Revokes a key at once; returns the site's keys.
///
/// # Errors
/// [`KeyError::Unknown`] if the site has no such key, a refusal if it is revoked already, and those of the store.
pub async fn revoke(keys: &Keyring, site: &SiteId, kid: &KeyId, now: UnixMillis) -> Result<Vec<KeyLine>, KeyError> {
    let known = keys.list(site).await?;
    if known.iter().any(|key| key.kid == *kid && key.revoked_at.is_some()) {
        return Err(StoreError::Refused(format!("key {kid} is revoked already")).into());
    }
    keys.revoke(site, kid).await?;
    list(keys, site, now).await
}

/// State of a key at `now`.
fn state(key: &KeyRow, now: UnixMillis) -> KeyState {
    if key.revoked_at.is_some() {
        return KeyState::Revoked;
    }
    match (key.retired_at, key.last_expiry) {
        (Some(retired), Some(expiry)) if retired <= now && expiry > now => KeyState::Verifying,
        (Some(retired), _) if retired <= now => KeyState::Expired,
        _ if key.signs_from > now => KeyState::Published,
        _ => KeyState::Signing,
    }
}

fn line(key: &KeyRow, now: UnixMillis) -> KeyLine {
    let until = key.revoked_at.or(key.retired_at.and(key.last_expiry));
    KeyLine {
        site: key.site.clone(),
        kid: key.kid.clone(),
        state: state(key, now),
        created_at: key.created_at.to_rfc3339(),
        signs_from: key.signs_from.to_rfc3339(),
        verifies_until: until.map(UnixMillis::to_rfc3339),
    }
}

/// Names a site.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    pub(super) site: SiteId,
}

/// Body of a request for a new key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Next {
    site: SiteId,
    /// Signs at once; otherwise after all caches of the JWKS have the key.
    #[serde(default)]
    at_once: bool,
}

/// Names a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    site: SiteId,
    kid: KeyId,
}

type Answer = Result<Json<Vec<KeyLine>>, Problem>;

pub(super) async fn list_route(State(app): State<Arc<App>>, asked: Result<Query<Whose>, QueryRejection>) -> Answer {
    let Query(Whose { site }) = asked.map_err(|rejection| Problem::malformed(rejection.body_text()))?;
    let site = configured(&app, site)?;
    Ok(Json(list(&app.keys, &site, app.clock.now()).await?))
}

pub(super) async fn rotate_route(State(app): State<Arc<App>>, body: Result<Json<Next>, JsonRejection>) -> Answer {
    let Next { site, at_once } = json(body)?;
    let site = configured(&app, site)?;
    Ok(Json(rotate(&app.keys, &site, begin(at_once), app.clock.now()).await?))
}

pub(super) async fn revoke_route(State(app): State<Arc<App>>, body: Result<Json<Which>, JsonRejection>) -> Answer {
    let Which { site, kid } = json(body)?;
    let site = configured(&app, site)?;
    Ok(Json(revoke(&app.keys, &site, &kid, app.clock.now()).await?))
}

/// When a new key starts to sign.
pub fn begin(at_once: bool) -> Begin {
    if at_once { Begin::Now } else { Begin::Announced }
}

/// The site, if it is configured.
pub(super) fn configured(app: &App, site: SiteId) -> Result<SiteId, Problem> {
    if app.config.site(&site).is_some() {
        return Ok(site);
    }
    Err(Problem::not_found(format!("site `{site}` is not configured")))
}
