//! `trailmark serve`: the proxy, until SIGINT or SIGTERM. Flags override the environment, which overrides the file.

use std::path::PathBuf;

use super::Setup;
use super::failure::Failure;
use crate::config::Unlocked;
use crate::serve::{self, Options, ServeError};

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    #[command(flatten)]
    setup: Setup,
    /// Address of the public listener, instead of `server.listen`
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Address of the operator's listener, instead of `server.admin_listen`
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// For the demo: also serve the files of a folder
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    /// Follow a simulator's clock; allowed only if every vendor is on loopback
    #[arg(long, value_name = "URL")]
    clock_url: Option<String>,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let overrides = self.setup.overrides();
        let overrides = overrides.with_flag("server.listen", self.listen);
        let overrides = overrides.with_flag("server.admin_listen", self.admin_listen);
        let settings = Unlocked::load(self.setup.path(), &overrides)?;
        serve::run(settings, Options { www: self.www, clock_url: self.clock_url }).await.map_err(failure)
    }
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::App(_) | ServeError::Store(_) => Failure::unreachable(error.to_string()),
        ServeError::Bind { .. }
        | ServeError::Clock { .. }
        | ServeError::ClockUrl { .. }
        | ServeError::Egress(_)
        | ServeError::Files(_)
        | ServeError::Www(_) => Failure::usage(error.to_string()),
        ServeError::Signals(_) => Failure::request(error.to_string()),
    }
}
