//! Server callers: the API key in `Authorization: Bearer`, and which calls are being answered now. [`super::server`]
//! handles their content.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use trailmark_wire::ids::{KeyId, SiteId};
use trailmark_wire::refusal::Refusal;

use super::address::ClientNetwork;
use super::origin::text;
use super::problem::Problem;
use crate::api_keys::Shown;
use crate::app::App;
use crate::config::Site;
use crate::keys::crypto::sha256;
use crate::store::callers::{ApiKeyChange, ApiKeyRow};

/// A key's last use is recorded to this precision: one write a minute instead of one for each call.
const USE_MS: i64 = 60_000;

/// Longest Idempotency-Key, as in other APIs.
const IDEMPOTENCY_KEY_BYTES: usize = 255;

/// A caller with a valid key.
pub(super) struct Caller<'a> {
    /// The key's site.
    pub(super) site: &'a Site,
    /// The key.
    pub(super) key: KeyId,
}

/// Accepts a caller with a valid key of a configured site, within the key's rate. Wrong keys count against the rate
/// of the client's network.
pub(super) async fn known<'a>(app: &'a App, headers: &HeaderMap, client: ClientNetwork) -> Result<Caller<'a>, Problem> {
    let Some((site, key)) = shown(app, headers).await? else {
        app.rates.take(client)?;
        let cure = "send `Authorization: Bearer` with a key from `trailmark apikeys add`";
        return Err(Problem::new(Refusal::Unauthenticated).with_detail(cure));
    };
    app.rates.take_by_key(&key.id)?;
    mark_used(app, &key).await;
    Ok(Caller { site, key: key.id })
}

/// The key in the header, if it is valid.
async fn shown<'a>(app: &'a App, headers: &HeaderMap) -> Result<Option<(&'a Site, ApiKeyRow)>, Problem> {
    let Some(shown) = bearer(headers).and_then(Shown::parse) else { return Ok(None) };
    let Some(site) = app.config.site(&shown.site) else { return Ok(None) };
    let key = app.store.api_key(shown.site, shown.hash).await?;
    Ok(key.filter(|key| key.revoked_at.is_none()).map(|key| (site, key)))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = text(headers, &AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}

/// Records the use for operators; a failure does not fail the call.
async fn mark_used(app: &App, key: &ApiKeyRow) {
    let now = app.clock.now();
    if key.last_used_at.is_some_and(|at| now.since(at) < USE_MS) {
        return;
    }
    let used = ApiKeyChange::Used(key.site.clone(), key.id.clone(), now);
    if let Err(reason) = app.store.change_api_key(used).await {
        tracing::warn!(%reason, "an API key's last use was not recorded");
    }
}

/// SHA-256 of the Idempotency-Key.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<[u8; 32], Problem> {
    const NAME: http::HeaderName = http::HeaderName::from_static("idempotency-key");
    if !headers.contains_key(NAME) {
        return Err(Problem::malformed("Idempotency-Key", "is missing: send a unique one for each conversion"));
    }
    let fits =
        |key: &&str| (1..=IDEMPOTENCY_KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = text(headers, &NAME).filter(fits);
    let problem = "must be one header of 1 to 255 visible ASCII characters without spaces";
    key.map(|key| sha256(key.as_bytes())).ok_or_else(|| Problem::malformed("Idempotency-Key", problem))
}

/// The calls that this process is answering. Two processes on one ledger are separated by the ledger's unique key.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashSet<Slot>>);

type Slot = (SiteId, KeyId, [u8; 32]);

/// Marks a call as being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct Answering<'a> {
    calls: &'a InFlight,
    slot: Slot,
}

impl InFlight {
    /// Begins an answer; `in_progress` while another call with the same keys is being answered.
    pub(super) fn begin(&self, caller: &Caller<'_>, idempotency_key: [u8; 32]) -> Result<Answering<'_>, Refusal> {
        let slot = (caller.site.id.clone(), caller.key.clone(), idempotency_key);
        match self.slots().insert(slot.clone()) {
            true => Ok(Answering { calls: self, slot }),
            false => Err(Refusal::InProgress),
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashSet<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.calls.slots().remove(&self.slot);
    }
}
