//! The proxy's shared parts: configuration, clock, ledger, keys, rates. Handlers borrow them; [`crate::serve`] starts
//! and stops them. Decides nothing.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use trailmark_vendors::secret::Secret;
use trailmark_wire::time::UnixMillis;

use crate::clock::Clock;
use crate::config::{Account, Config, Unlocked};
use crate::intake::ClientNetwork;
use crate::intake::callers::InFlight;
use crate::intake::rate::Rates;
use crate::keys::{KeyError, Keyring};
use crate::random::Random;
use crate::store::{Budget, Store};

/// The proxy cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The signing keys cannot be read or created.
    #[error("the signing keys cannot be used: {0}")]
    Keys(#[from] KeyError),
}

/// Called after a commit that may have made work.
type OnCommit = Box<dyn Fn() + Send + Sync>;

/// The shared parts.
pub struct App {
    /// The settings in force.
    pub config: Config,
    /// The key for the operator's listener; absent only on loopback.
    pub admin_key: Option<Secret>,
    /// The vendor accounts of the programs.
    pub accounts: Vec<Account>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// The signing keys.
    pub keys: Keyring,
    /// Randomness.
    pub random: Random,
    pub(crate) rates: Rates,
    pub(crate) in_flight: InFlight,
    /// Wakes the arrivals that wait for their carrier.
    pub(crate) carriers: Notify,
    /// Key for hashing client networks in budgets. It is new in each process: a restart resets the networks' shares,
    /// but not the sites' budgets.
    network_key: [u8; 32],
    on_commit: OnceLock<OnCommit>,
    draining: AtomicBool,
}

const HOUR_MS: i64 = 60 * 60 * 1000;

/// A network's smallest share in an hour, for example for an office that opens a newsletter.
const SMALLEST_SHARE: u64 = 100;

impl App {
    /// Wires the parts and makes sure that every site can sign.
    ///
    /// # Errors
    /// [`AppError::Keys`] if the ledger does not answer or a key is damaged.
    pub async fn open(settings: Unlocked, clock: Arc<dyn Clock>, store: Arc<dyn Store>) -> Result<Arc<Self>, AppError> {
        let Unlocked { config, admin_key, accounts } = settings;
        let sites = config.sites.iter().map(|site| site.id.clone()).collect();
        let keys = Keyring::new(Arc::clone(&store), Arc::clone(&clock), sites);
        keys.jwks(keys.sites()).await?;
        let rates = Rates::new(&config.limits, &clock);
        let (on_commit, draining) = (OnceLock::new(), AtomicBool::new(false));
        let in_flight = InFlight::default();
        let network_key = Random.bytes().map_err(|_none| KeyError::NoRandomness)?;
        Ok(Arc::new(Self {
            config,
            admin_key,
            accounts,
            clock,
            store,
            keys,
            random: Random,
            rates,
            in_flight,
            carriers: Notify::new(),
            network_key,
            on_commit,
            draining,
        }))
    }

    /// A site's hourly budget, as a client of this network may use it.
    pub(crate) fn budget(&self, most: u64, client: ClientNetwork, now: UnixMillis) -> Budget {
        let share = most.saturating_mul(u64::from(self.config.limits.network_share_percent)) / 100;
        Budget {
            most,
            most_of_network: share.max(SMALLEST_SHARE),
            network: client.share(&self.network_key),
            since: now.plus(-HOUR_MS),
        }
    }

    /// Sets the function to call after every commit that made deliveries. Only the first call counts.
    pub fn on_commit(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second engine is the caller's mistake; the first one stays.
        let _ = self.on_commit.set(Box::new(wake));
    }

    /// Wakes delivery.
    pub(crate) fn committed(&self) {
        if let Some(wake) = self.on_commit.get() {
            wake();
        }
    }

    /// From now on every request gets 503, because the process is stopping.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the process is stopping.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}
