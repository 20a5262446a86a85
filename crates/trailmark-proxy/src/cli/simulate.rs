//! `trailmark simulate`: local simulators of the vendors and of a shop's backend, until Ctrl-C.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use trailmark_simulator::{Pace, Settings, Simulator, StartError, print_config};
use trailmark_vendors::VENDORS;

use super::failure::Failure;
use super::output;

#[derive(Debug, clap::Args)]
pub(super) struct Simulate {
    /// Address to listen on; port 0 chooses a free port
    #[arg(long, value_name = "ADDRESS", default_value_t = Settings::default().listen, value_parser = address)]
    listen: SocketAddr,
    /// How soon new customers become visible: as at the vendors, or within 3 s
    #[arg(long, value_name = "real|demo", default_value_t = Pace::Real)]
    pace: Pace,
    /// Page that partner links open, on the site in front of the proxy
    #[arg(long, value_name = "URL", default_value_t = Settings::default().landing_url)]
    landing_url: String,
    /// File that keeps customers, sales and the clock over a restart [default: none, a restart begins empty]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Print a trailmark.toml with a program at each of these simulators, for this page, then exit
    #[arg(long)]
    print_config: bool,
    /// Print a program at this vendor only; repeat it for several [default: all]
    #[arg(long, value_name = "NAME", requires = "print_config")]
    #[arg(value_parser = PossibleValuesParser::new(VENDORS.map(|vendor| vendor.name())))]
    vendor: Vec<String>,
}

impl Simulate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (listen, pace) = (self.listen, self.pace);
        let (landing_url, state) = (self.landing_url, self.state);
        let settings = Settings { listen, pace, landing_url, state, ..Settings::default() };
        if self.print_config {
            reachable(listen)?;
            return output::line(print_config(&settings, &self.vendor).map_err(refused)?.trim_end());
        }
        let running = Simulator::start(settings).await.map_err(refused)?;
        output::line(&format!("simulated vendors at http://{}/ (pace {})", running.address(), pace))?;
        stopped().await;
        let saved = running.save();
        running.shutdown().await;
        saved.map_err(|error| Failure::request(format!("--state: the last changes are not saved: {error}")))
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_unreadable| "not an address with a port, such as 127.0.0.1:9100")
}

/// Whether a proxy can reach the simulators: it uses plain http only to loopback.
fn reachable(listen: SocketAddr) -> Result<(), Failure> {
    let why = match listen.port() {
        0 => "the port is known only when the simulators run",
        _ if !listen.ip().is_loopback() => "a proxy uses plain http only to this machine",
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("--listen: {listen} with --print-config: {why}; use an address such as 127.0.0.1:9100")))
}

fn refused(error: StartError) -> Failure {
    match error {
        StartError::LandingUrl { .. } => Failure::usage(format!("--landing-url: {error}")),
        StartError::State { .. } => Failure::usage(format!("--state: {error}")),
        error => Failure::usage(format!("--listen: {error}")),
    }
}

/// Ctrl-C, or the signal with which supervisors stop a process.
async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
