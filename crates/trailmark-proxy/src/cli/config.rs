//! `trailmark config`: what the file, the environment and the flags come to, and what is wrong with them. Opens and binds
//! nothing. `check` reads every secret; `print` reads none and shows where they come from.

use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::output;
use super::{Format, Setup};
use crate::config::{DEFAULT, Unlocked};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the configuration in force, or the commented default file
    Print(Print),
    /// Check the configuration and every secret that it names; tells each mistake with its line and the cure
    Check(Check),
}

#[derive(Debug, clap::Args)]
pub(super) struct Print {
    /// Print the commented file with every setting, its unit, default and reason
    #[arg(long, conflicts_with_all = ["config", "store", "json"])]
    default: bool,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

impl ConfigCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Print(print) => print.run(),
            Self::Check(check) => check.run(),
        }
    }
}

impl Print {
    fn run(self) -> Result<(), Failure> {
        if self.default {
            return output::line(DEFAULT.trim_end());
        }
        let config = self.setup.load()?;
        if self.format.json { output::json(&config.effective()) } else { output::line(config.print().trim_end()) }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let Unlocked { config, .. } = Unlocked::load(self.setup.path(), &self.setup.overrides())?;
        let programs: usize = config.sites.iter().map(|site| site.programs.len()).sum();
        if self.format.json {
            return output::json(&json!({
                "sites": config.sites.len(),
                "programs": programs,
                "warnings": config.warnings,
            }));
        }
        for warning in &config.warnings {
            output::line(&format!("warning: {warning}"))?;
        }
        output::line(&format!("the configuration is sound (sites: {}, programs: {programs})", config.sites.len()))
    }
}
