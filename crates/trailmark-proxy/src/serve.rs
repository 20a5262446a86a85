//! `trailmark serve`: opens the ledger, wires the parts, binds both listeners and runs until a signal. It then stops
//! in an order that loses nothing: 503 for new requests, running answers, running deliveries, ledger.

mod files;
mod follow;
mod listener;
mod rest;
mod room;
mod www;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

pub use self::files::TooFewFiles;
pub use self::listener::Listening;
pub use self::room::Room;
use crate::admin;
use crate::app::{App, AppError};
use crate::clock::SystemClock;
use crate::commissions::{self, Watch};
use crate::config::{Account, Origin, StoreUrl, Unlocked, flag_of, variable_of};
use crate::delivery::{Engine, EngineHandle, LaneAccount, Parts, Settings};
use crate::egress::{Bounds, Egress, SetUpError};
use crate::follow_up::FollowUp;
use crate::intake;
use crate::observe;
use crate::random::Random;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// Open connections of the operator's listener: a few people, a supervisor, a metrics reader.
const OPERATOR_CONNECTIONS: usize = 64;

/// Options of `serve` besides the configuration.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A folder of static files for the demo, served beside the proxy's routes.
    pub www: Option<PathBuf>,
    /// URL of a simulator's clock to follow; allowed only if every vendor is on loopback.
    pub clock_url: Option<String>,
}

/// The proxy cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The parts do not fit together.
    #[error(transparent)]
    App(#[from] AppError),
    /// An address cannot be bound.
    #[error(
        "cannot listen on {address}: {reason}; stop the program that uses the port, or set another address: `{setting}` in the \
         configuration file, {} in the environment, or --{}", variable_of(.setting), flag_of(.setting)
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Its setting.
        setting: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// The clock cannot be followed.
    #[error(
        "the clock of --clock-url {reason}: name the simulator's clock, such as http://127.0.0.1:9100/control/clock"
    )]
    ClockUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody tells the time at `--clock-url`.
    #[error(
        "cannot read the clock at {url} (--clock-url): {reason}. Start `trailmark simulate` first, or correct the address"
    )]
    Clock {
        /// The address.
        url: String,
        /// Why not.
        reason: String,
    },
    /// There are too few open files for `limits.connections`.
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    /// Egress cannot be set up.
    #[error(transparent)]
    Egress(#[from] SetUpError),
    /// Signal handlers cannot be installed.
    #[error("cannot listen to signals: {0}")]
    Signals(io::Error),
    /// The ledger cannot be opened or closed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of `--www` does not exist.
    #[error("--www: `{}` is not a folder: choose an existing one", .0.display())]
    Www(PathBuf),
}

/// Runs the proxy until SIGINT or SIGTERM.
///
/// # Errors
/// [`ServeError`] if it cannot start or the ledger cannot be closed.
pub async fn run(settings: Unlocked, options: Options) -> Result<(), ServeError> {
    observe::start(settings.config.server.log_format, settings.config.server.log_level);
    for warning in &settings.config.warnings {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::listen().map_err(ServeError::Signals)?;
    let running = Running::start(settings, options).await?;
    signals.next().await;
    tracing::info!("stopping: finishing running work first; a second signal stops at once");
    tokio::select! {
        stopped = running.stop() => stopped,
        () = signals.next() => Ok(()),
    }
}

/// A running proxy.
#[derive(Debug)]
pub struct Running {
    app: Arc<App>,
    public: Listening,
    operator: Listening,
    engine: EngineHandle,
    watch: Watch,
    follow_up: FollowUp,
    follower: Option<JoinHandle<()>>,
}

impl Running {
    /// Opens and binds everything.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn start(settings: Unlocked, options: Options) -> Result<Self, ServeError> {
        if let Some(folder) = options.www.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(ServeError::Www(folder.clone()));
        }
        files::make_room(settings.config.limits.connections)?;
        let public = bind(settings.config.server.listen, "server.listen").await?;
        let operator = bind(settings.config.server.admin_listen, "server.admin_listen").await?;
        let clock = Arc::new(SystemClock::default());
        let follower = match &options.clock_url {
            Some(url) => Some(follow_clock(&settings.accounts, url, &clock).await?),
            None => None,
        };
        let store = open_store(&settings.config.store)?;
        let app = App::open(settings, clock, store).await?;
        let egress = egress(&app)?;
        let engine = engine(&app, Arc::clone(&egress));
        let watch = watch(&app, egress);
        let follow_up = FollowUp::start(Arc::clone(&app));
        let wakers = (engine.clone(), watch.clone(), follow_up.waker());
        app.on_commit(move || {
            wakers.0.wake();
            wakers.1.wake();
            wakers.2.wake();
        });
        let beside = options.www.as_deref().map(www::router);
        let serving =
            |error| ServeError::Bind { address: app.config.server.listen, setting: "server.listen", reason: error };
        let router = intake::router(Arc::clone(&app), beside);
        let public =
            Listening::start(public, router, Room::public(&app.config.limits, &app.config.server)).map_err(serving)?;
        let operator =
            Listening::start(operator, admin::router(Arc::clone(&app)), OPERATOR_CONNECTIONS).map_err(serving)?;
        tracing::info!(
            public = %public.address(),
            operator = %operator.address(),
            mount = app.config.server.mount,
            sites = app.config.sites.len(),
            "serving"
        );
        Ok(Self { app, public, operator, engine, watch, follow_up, follower })
    }

    /// Address of the public listener.
    pub fn public_address(&self) -> SocketAddr {
        self.public.address()
    }

    /// Address of the operator's listener.
    pub fn operator_address(&self) -> SocketAddr {
        self.operator.address()
    }

    /// Stops without losing anything.
    ///
    /// # Errors
    /// [`ServeError::Store`] if the ledger cannot be closed.
    pub async fn stop(self) -> Result<(), ServeError> {
        self.app.drain();
        self.public.stop().await;
        tokio::join!(self.engine.shutdown(), self.watch.shutdown(), self.follow_up.shutdown());
        self.operator.stop().await;
        if let Some(follower) = self.follower {
            follower.abort();
        }
        self.app.store.close().await?;
        tracing::info!("stopped");
        Ok(())
    }
}

async fn bind(address: SocketAddr, setting: &'static str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|reason| ServeError::Bind { address, setting, reason })
}

fn open_store(url: &StoreUrl) -> Result<Arc<dyn Store>, ServeError> {
    match url {
        StoreUrl::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path)?)),
    }
}

async fn follow_clock(accounts: &[Account], url: &str, clock: &Arc<SystemClock>) -> Result<JoinHandle<()>, ServeError> {
    let mut hosts = accounts.iter().flat_map(|account| account.adapter.hosts.clone());
    let is_loopback = |host: &String| Origin::parse(&format!("http://{host}")).is_ok_and(|origin| origin.is_loopback());
    if let Some(host) = hosts.find(|host| !is_loopback(host)) {
        let reason = format!("must not be followed, because the vendor {host} is not on loopback and uses real time");
        return Err(ServeError::ClockUrl { reason });
    }
    follow::follow(url, Arc::clone(clock)).await
}

fn egress(app: &App) -> Result<Arc<Egress>, SetUpError> {
    let hosts: Vec<String> = app.accounts.iter().flat_map(|account| account.adapter.hosts.clone()).collect();
    Ok(Arc::new(Egress::new(hosts, Bounds::default(), Arc::clone(&app.clock))?))
}

fn engine(app: &App, egress: Arc<Egress>) -> EngineHandle {
    Engine::start(Parts {
        store: Arc::clone(&app.store) as _,
        clock: Arc::clone(&app.clock),
        egress,
        random: Arc::new(random_or_end),
        accounts: app.accounts.iter().map(LaneAccount::from).collect(),
        settings: Settings::default(),
    })
}

/// How often commissions are checked by default: a recorded delivery does not wake the task.
const WATCH_POLL: Duration = Duration::from_secs(1);

fn watch(app: &App, egress: Arc<Egress>) -> Watch {
    Watch::start(commissions::Parts {
        store: Arc::clone(&app.store),
        clock: Arc::clone(&app.clock),
        egress,
        accounts: app.accounts.iter().map(LaneAccount::from).collect(),
        limits: Settings::default().limits,
        poll: WATCH_POLL,
    })
}

/// Lease ids must never repeat, so nothing can be delivered without randomness; nothing else would work either.
fn random_or_end(bytes: &mut [u8]) {
    if Random.fill(bytes).is_err() {
        tracing::error!("the system provides no randomness: stopping the process");
        std::process::abort();
    }
}

/// SIGINT and SIGTERM, from when they are listened to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
