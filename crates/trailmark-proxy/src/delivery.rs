//! Acts on the outbox: leases due deliveries, sends them through egress and records the outcomes. Each lane, which is the
//! queue of one vendor account and may have several programs, has its own task, so that one dead vendor slows no other.
//! `outbox` and `lanes` decide; this module keeps the order of steps. The most important rule: an attempt's row is
//! committed before its request opens.
//!
//! Timers only decide when to look; the [`Clock`] decides what is due.

mod lane;

mod errand;

mod settling;

mod report;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use trailmark_vendors::{Adapter, Pace};
use trailmark_wire::ids::{ProgramId, SiteId};
use trailmark_wire::time::UnixMillis;

use self::lane::LaneTask;
use self::settling::Settling;
use crate::clock::Clock;
use crate::egress::Egress;
use crate::lanes::Limits;
use crate::outbox::Progress;
use crate::outbox::machine::Moment;
use crate::store::delivery::{DeliveryStore, LaneKey, LeaseId, Leased};

/// Fills a buffer with random bytes.
pub type FillRandom = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// A program's vendor account. Programs with the same account have the same lane.
#[derive(Debug, Clone)]
pub struct LaneAccount {
    /// The site.
    pub site: SiteId,
    /// The program.
    pub program: ProgramId,
    /// The account's lane, named after its first program.
    pub lane: LaneKey,
    /// Its adapter.
    pub adapter: Arc<Adapter>,
    /// How fast the account may be called; the same for all programs of a lane.
    pub pace: Pace,
    /// The vendor's settling time: after it, a look-up's "no such thing" means absent.
    pub confirm_after_ms: i64,
}

/// How lanes look for work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often a lane looks for work by itself.
    pub poll: Duration,
    /// Breaker and probes; the token bucket has the pace of the account.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self { poll: Duration::from_millis(250), limits: Limits::default() }
    }
}

/// The parts of an engine.
pub struct Parts {
    /// The ledger.
    pub store: Arc<dyn DeliveryStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub egress: Arc<Egress>,
    /// Randomness for jitter and lease ids.
    pub random: FillRandom,
    /// The lanes.
    pub accounts: Vec<LaneAccount>,
    /// How lanes look for work.
    pub settings: Settings,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("accounts", &self.accounts)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Starts delivery.
#[derive(Debug)]
pub struct Engine;

/// Running delivery. Dropping the last handle stops it at once, like a crash: sends under way are then unknown.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    wake: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    lanes: Arc<Mutex<JoinSet<()>>>,
}

impl Engine {
    /// Starts one task per lane. Needs a Tokio runtime with I/O and time.
    pub fn start(parts: Parts) -> EngineHandle {
        let (wake, woken) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared::new(&parts));
        let mut accounts = BTreeMap::<LaneKey, Vec<LaneAccount>>::new();
        for account in parts.accounts {
            accounts.entry(account.lane.clone()).or_default().push(account);
        }
        let mut lanes = JoinSet::new();
        for (lane, accounts) in accounts {
            lanes.spawn(LaneTask::new(lane, accounts, shared.clone(), woken.clone(), stopped.clone()).run());
        }
        EngineHandle { wake, stop, lanes: Arc::new(Mutex::new(lanes)) }
    }
}

impl EngineHandle {
    /// Signals new work; call it after the commit.
    pub fn wake(&self) {
        self.wake.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Leases nothing more, waits for running exchanges (bounded by egress) and records their outcomes.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let mut lanes = self.lanes.lock().await;
        while lanes.join_next().await.is_some() {}
    }
}

/// What all lanes share.
struct Shared {
    store: Arc<dyn DeliveryStore>,
    clock: Arc<dyn Clock>,
    egress: Arc<Egress>,
    random: FillRandom,
    settings: Settings,
    settling: Settling,
    /// Longest duration of an exchange.
    exchange_ms: i64,
    /// Longer than a send and a probe together: a lease expires before its answer only if something is wrong.
    lease_ms: i64,
}

/// A program's account, as its deliveries see it.
struct Account {
    program: LaneKey,
    adapter: Arc<Adapter>,
    /// Token bucket, breaker and probes of its lane.
    limits: Limits,
    confirm_after_ms: i64,
    shared: Arc<Shared>,
}

impl Shared {
    fn new(parts: &Parts) -> Self {
        let total_ms = i64::try_from(parts.egress.bounds().total.as_millis()).unwrap_or(i64::MAX);
        Self {
            store: parts.store.clone(),
            clock: parts.clock.clone(),
            egress: parts.egress.clone(),
            random: parts.random.clone(),
            settings: parts.settings,
            settling: Settling::default(),
            exchange_ms: total_ms,
            lease_ms: total_ms.saturating_mul(3),
        }
    }

    fn lease_id(&self) -> LeaseId {
        let mut bytes = [0; 16];
        (self.random)(&mut bytes);
        LeaseId(bytes)
    }

    fn jitter(&self) -> u32 {
        let mut bytes = [0; 4];
        (self.random)(&mut bytes);
        u32::from_ne_bytes(bytes)
    }
}

impl Account {
    fn now(&self) -> UnixMillis {
        self.shared.clock.now()
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now(), jitter: self.shared.jitter(), settling_ms: self.confirm_after_ms }
    }

    /// If the vendor may show late what the send did, its settling time starts now.
    fn doubted(&self, leased: &Leased, after: &Progress) {
        if after.settles_at.is_some() {
            self.shared.settling.begin(leased, self.confirm_after_ms, self.shared.clock.steady_ms());
        }
    }
}
