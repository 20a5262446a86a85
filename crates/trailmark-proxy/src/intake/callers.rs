//! Who calls from a server: the API key behind `Authorization: Bearer`, and which of their calls are being answered. What they
//! may say is decided in [`super::server`].

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

/// Milliseconds within which a key's last use is known: one write a minute, not one a call.
const USE_MS: i64 = 60_000;

/// The longest Idempotency-Key, as other APIs have it.
const IDEMPOTENCY_KEY_BYTES: usize = 255;

/// A caller whose key is right.
pub(super) struct Caller<'a> {
    /// The site that the key speaks for.
    pub(super) site: &'a Site,
    /// The key.
    pub(super) key: KeyId,
}

/// Lets a caller in who shows a key of a configured site that is not revoked, within the key's rate. Wrong keys use up the
/// rate of the client's network.
pub(super) async fn known<'a>(app: &'a App, headers: &HeaderMap, client: ClientNetwork) -> Result<Caller<'a>, Problem> {
    let Some((site, key)) = shown(app, headers).await? else {
        app.rates.take(client)?;
        let cure = "send `Authorization: Bearer` with a key of `trailmark apikeys add`";
        return Err(Problem::new(Refusal::Unauthenticated).with_detail(cure));
    };
    app.rates.take_by_key(&key.id)?;
    mark_used(app, &key).await;
    Ok(Caller { site, key: key.id })
}

/// The key in the header, if it opens anything.
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

/// Operators see which keys are in use; a call does not fail for it.
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
        return Err(Problem::malformed("Idempotency-Key", "is missing: send one of your own for each conversion"));
    }
    let fits =
        |key: &&str| (1..=IDEMPOTENCY_KEY_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = text(headers, &NAME).filter(fits);
    let problem = "must be one header of 1 to 255 visible ASCII characters without spaces";
    key.map(|key| sha256(key.as_bytes())).ok_or_else(|| Problem::malformed("Idempotency-Key", problem))
}

/// The calls that are being answered by this process. Two processes on one ledger are kept apart by the ledger's unique key.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashSet<Slot>>);

type Slot = (SiteId, KeyId, [u8; 32]);

/// A call that is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Answering<'a> {
    calls: &'a InFlight,
    slot: Slot,
}

impl InFlight {
    /// Begins to answer; `in_progress` while another call under the same keys is answered.
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
