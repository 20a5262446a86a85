//! The ledger of a command: a running proxy's operator listener or, if no proxy runs, the store itself. Both return the same
//! types ([`crate::store::operator`]), so commands do not distinguish them.

use std::sync::Arc;

use serde_json::json;
use trailmark_wire::ids::{KeyId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::failure::Failure;
use super::remote::Remote;
use crate::admin::api_keys::{self, ApiKeyLine, NewApiKey};
use crate::admin::keys::{self, KeyLine};
use crate::admin::lanes::{self, Which};
use crate::admin::ledger::{Reason, listed, shown};
use crate::admin::served::Served;
use crate::admin::webhooks::Marked;
use crate::answer::Answered;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Overrides, StoreUrl};
use crate::intake::accept::release_rule;
use crate::keys::Keyring;
use crate::store::listing::{Filter, Page};
use crate::store::operator::{Change, ConversionDetail, ConversionRow, DeliveryRow, Health, LaneRow};
use crate::store::sqlite::SqliteStore;
use crate::store::webhooks::{WebhookChange, WebhookRow};
use crate::store::{Store, StoreError};

/// Where the rows come from.
#[derive(Debug)]
pub(super) enum Ledger<'a> {
    /// A running proxy, which owns the store.
    Running(Remote),
    /// The store, opened by this command.
    Opened(Opened<'a>),
}

/// A store that no proxy has open.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    store: Arc<dyn Store>,
    keys: Keyring,
    clock: Arc<dyn Clock>,
    config: &'a Config,
}

impl<'a> Ledger<'a> {
    /// Connects to the proxy of this configuration, if it runs; only then reads the admin key. A proxy that serves another
    /// ledger is an error, so no command changes the wrong one.
    pub(super) async fn running(config: &Config, overrides: &Overrides) -> Result<Option<Self>, Failure> {
        let server = &config.server;
        let remote = Remote::find(server.admin_listen, || {
            server.admin_key.as_ref().map(|named| named.read(overrides)).transpose().map_err(Failure::from)
        });
        let Some(remote) = remote.await? else { return Ok(None) };
        let (served, meant) = (remote.read::<Served>("/v1/ledger", &[]).await?, Served::of(&config.store));
        if served.is_same(&meant) {
            return Ok(Some(Self::Running(remote)));
        }
        Err(Failure::usage(format!(
            "the proxy at {} (server.admin_listen) serves the ledger {}, but this configuration's store.url is {}: use the \
             configuration of that proxy, or name a ledger that no proxy serves with --store",
            server.admin_listen, served.store, meant.store
        )))
    }

    /// Opens the store; does not create a missing one.
    pub(super) fn opened(config: &'a Config) -> Result<Self, StoreError> {
        let StoreUrl::Sqlite(path) = &config.store;
        Ok(Self::of(Arc::new(SqliteStore::open_for_operator(path)?), config))
    }

    /// Opens the store, creates it if missing, and migrates it to this version's schema.
    pub(super) fn migrated(config: &'a Config) -> Result<Self, StoreError> {
        let StoreUrl::Sqlite(path) = &config.store;
        Ok(Self::of(Arc::new(SqliteStore::open(path)?), config))
    }

    fn of(store: Arc<dyn Store>, config: &'a Config) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let sites = config.sites.iter().map(|site| site.id.clone()).collect();
        let keys = Keyring::new(Arc::clone(&store), Arc::clone(&clock), sites);
        Self::Opened(Opened { store, keys, clock, config })
    }

    /// Runs a command, then closes the store properly.
    pub(super) async fn ask<T>(self, ask: impl AsyncFnOnce(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        let answer = ask(&self).await;
        if let Self::Opened(opened) = self {
            opened.store.close().await?;
        }
        answer
    }

    pub(super) async fn conversions(&self, filter: Filter) -> Result<Page<Answered<ConversionRow>>, Failure> {
        match self {
            Self::Running(proxy) => proxy.post("/v1/conversions/search", &filter).await,
            Self::Opened(opened) => Ok(listed(&*opened.store, filter, opened.clock.now()).await?),
        }
    }

    pub(super) async fn conversion(&self, id: &str) -> Result<Answered<ConversionDetail>, Failure> {
        match self {
            Self::Running(proxy) => proxy.read(&format!("/v1/conversions/{id}"), &[]).await,
            Self::Opened(opened) => Ok(shown(&*opened.store, id.to_owned(), opened.clock.now()).await?),
        }
    }

    pub(super) async fn release(&self, id: &str, reason: String) -> Result<ConversionDetail, Failure> {
        match self {
            Self::Running(proxy) => proxy.post(&format!("/v1/conversions/{id}/release"), &Reason { reason }).await,
            Self::Opened(opened) => {
                let now = opened.clock.now();
                let rule = release_rule(opened.config, now);
                Ok(opened.store.release_held(id.to_owned(), reason, rule, now).await?)
            }
        }
    }

    pub(super) async fn reject(&self, id: &str, reason: String) -> Result<ConversionDetail, Failure> {
        match self {
            Self::Running(proxy) => proxy.post(&format!("/v1/conversions/{id}/reject"), &Reason { reason }).await,
            Self::Opened(opened) => Ok(opened.store.reject_held(id.to_owned(), reason, opened.clock.now()).await?),
        }
    }

    /// Schedules commission queries at once; without a running proxy, for its next start. Returns how many.
    pub(super) async fn check(&self, id: &str) -> Result<Marked, Failure> {
        match self {
            Self::Running(proxy) => proxy.post(&format!("/v1/conversions/{id}/check"), &json!({})).await,
            Self::Opened(opened) => {
                let deliveries = opened.store.ask_commissions(id.to_owned(), opened.clock.now()).await?;
                Ok(Marked { deliveries })
            }
        }
    }

    pub(super) async fn webhooks(&self, filter: Filter) -> Result<Page<WebhookRow>, Failure> {
        match self {
            Self::Running(proxy) => proxy.read("/v1/webhooks", &query(filter)).await,
            Self::Opened(opened) => Ok(opened.store.webhooks(filter).await?),
        }
    }

    pub(super) async fn webhook(&self, id: &str) -> Result<WebhookRow, Failure> {
        match self {
            Self::Running(proxy) => proxy.read(&format!("/v1/webhooks/{id}"), &[]).await,
            Self::Opened(opened) => Ok(opened.store.webhook(id.to_owned()).await?),
        }
    }

    pub(super) async fn change_webhook(&self, id: &str, change: WebhookChange) -> Result<WebhookRow, Failure> {
        match self {
            Self::Running(proxy) => proxy.post(&format!("/v1/webhooks/{id}/change"), &change).await,
            Self::Opened(opened) => Ok(opened.store.change_webhook(id.to_owned(), change, opened.clock.now()).await?),
        }
    }

    pub(super) async fn deliveries(&self, filter: Filter) -> Result<Page<DeliveryRow>, Failure> {
        match self {
            Self::Running(proxy) => proxy.read("/v1/deliveries", &query(filter)).await,
            Self::Opened(opened) => Ok(opened.store.deliveries(filter).await?),
        }
    }

    pub(super) async fn lanes(&self) -> Result<Vec<LaneRow>, Failure> {
        match self {
            Self::Running(proxy) => proxy.read("/v1/lanes", &[]).await,
            Self::Opened(opened) => Ok(opened.store.lanes(opened.clock.now()).await?),
        }
    }

    pub(super) async fn open_lane(&self, lane: &str) -> Result<LaneRow, Failure> {
        match self {
            Self::Running(proxy) => proxy.post("/v1/lanes/open", &Which { lane: lane.to_owned() }).await,
            Self::Opened(opened) => Ok(lanes::open(&*opened.store, lane, opened.clock.now()).await?),
        }
    }

    pub(super) async fn change(&self, change: Change) -> Result<DeliveryRow, Failure> {
        match self {
            Self::Running(proxy) => proxy.post("/v1/changes", &change).await,
            Self::Opened(opened) => Ok(opened.store.change(change, opened.clock.now()).await?),
        }
    }

    pub(super) async fn health(&self) -> Result<Health, Failure> {
        match self {
            Self::Running(proxy) => proxy.read("/v1/health", &[]).await,
            Self::Opened(opened) => Ok(opened.store.health().await?),
        }
    }

    pub(super) async fn keys(&self, site: &SiteId) -> Result<Vec<KeyLine>, Failure> {
        match self {
            Self::Running(proxy) => proxy.read("/v1/keys", &[("site", Some(site.to_string()))]).await,
            Self::Opened(opened) => Ok(keys::list(&opened.keys, site, opened.clock.now()).await?),
        }
    }

    pub(super) async fn rotate(&self, site: &SiteId, at_once: bool) -> Result<Vec<KeyLine>, Failure> {
        match self {
            Self::Running(proxy) => proxy.post("/v1/keys/rotate", &json!({ "site": site, "at_once": at_once })).await,
            Self::Opened(opened) => {
                Ok(keys::rotate(&opened.keys, site, keys::begin(at_once), opened.clock.now()).await?)
            }
        }
    }

    pub(super) async fn revoke(&self, site: &SiteId, kid: &KeyId) -> Result<Vec<KeyLine>, Failure> {
        match self {
            Self::Running(proxy) => proxy.post("/v1/keys/revoke", &json!({ "site": site, "kid": kid })).await,
            Self::Opened(opened) => Ok(keys::revoke(&opened.keys, site, kid, opened.clock.now()).await?),
        }
    }

    pub(super) async fn api_keys(&self, site: &SiteId) -> Result<Vec<ApiKeyLine>, Failure> {
        match self {
            Self::Running(proxy) => proxy.read("/v1/apikeys", &[("site", Some(site.to_string()))]).await,
            Self::Opened(opened) => Ok(api_keys::list(&*opened.store, site).await?),
        }
    }

    pub(super) async fn add_api_key(&self, site: &SiteId, name: &str) -> Result<NewApiKey, Failure> {
        match self {
            Self::Running(proxy) => proxy.post("/v1/apikeys/add", &json!({ "site": site, "name": name })).await,
            Self::Opened(opened) => Ok(api_keys::add(&*opened.store, site, name, opened.clock.now()).await?),
        }
    }

    pub(super) async fn revoke_api_key(&self, site: &SiteId, id: &KeyId) -> Result<Vec<ApiKeyLine>, Failure> {
        match self {
            Self::Running(proxy) => proxy.post("/v1/apikeys/revoke", &json!({ "site": site, "id": id })).await,
            Self::Opened(opened) => Ok(api_keys::revoke(&*opened.store, site, id, opened.clock.now()).await?),
        }
    }
}

/// A filter as query parameters, for lists that have no search by a person's name.
fn query(filter: Filter) -> [(&'static str, Option<String>); 8] {
    [
        ("site", filter.site.map(String::from)),
        ("state", filter.state),
        ("program", filter.program.map(String::from)),
        ("limit", filter.limit.map(|limit| limit.to_string())),
        ("settled", filter.settled.then(|| "true".to_owned())),
        ("since", filter.since.map(UnixMillis::to_rfc3339)),
        ("until", filter.until.map(UnixMillis::to_rfc3339)),
        ("cursor", filter.cursor.map(String::from)),
    ]
}
