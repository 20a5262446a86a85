//! `trailmark simulate`: local doubles of the vendors and of a shop's backend, until Ctrl-C.

use std::net::SocketAddr;

use trailmark_simulator::{Pace, Settings, Simulator, StartError, print_config};

use super::failure::Failure;
use super::output;

#[derive(Debug, clap::Args)]
pub(super) struct Simulate {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = Settings::default().listen)]
    listen: SocketAddr,
    /// How fast customers become visible: as at the vendors, or within 3 s
    #[arg(long, value_name = "real|demo", default_value_t = Pace::Real)]
    pace: Pace,
    /// Page that partner links lead to
    #[arg(long, value_name = "URL", default_value_t = Settings::default().landing_url)]
    landing_url: String,
    /// Print a trailmark.toml for these doubles and stop
    #[arg(long)]
    print_config: bool,
}

impl Simulate {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.print_config {
            return output::line(print_config(self.listen, self.pace).trim_end());
        }
        let settings =
            Settings { listen: self.listen, pace: self.pace, landing_url: self.landing_url, ..Settings::default() };
        let running = Simulator::start(settings).await.map_err(refused)?;
        output::line(&format!("doubles of the vendors at http://{}/ (pace {})", running.address(), self.pace))?;
        stopped().await;
        running.shutdown().await;
        Ok(())
    }
}

fn refused(error: StartError) -> Failure {
    match error {
        StartError::LandingUrl { .. } => Failure::usage(format!("--landing-url: {error}")),
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
