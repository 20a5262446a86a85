//! `trailmark config`: prints and checks the settings from file, environment and flags. Opens no store, binds no
//! port. `check` reads every secret. `print` needs none and shows only their sources; it compares those that it can
//! read, because programs with one vendor account have one pace.

use clap::Subcommand;
use serde_json::json;

use super::failure::Failure;
use super::output;
use super::{Format, Setup};
use crate::config::{StoreUrl, Unlocked, default_file};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print the configuration in force, or the commented default file
    Print(Print),
    /// Check the configuration and its secrets; print each mistake with its line and cure
    Check(Check),
}

#[derive(Debug, clap::Args)]
pub(super) struct Print {
    /// Print the default file: every setting with its unit, default and reason
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
            return output::line(default_file().trim_end());
        }
        let (config, overrides) = (self.setup.load()?, self.setup.overrides());
        match self.format.json {
            true => output::json(&config.effective(&overrides)),
            false => output::line(config.print(&overrides).trim_end()),
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let Unlocked { config, .. } = Unlocked::load(self.setup.path(), &self.setup.overrides())?;
        let missing = missing_folder(&config.store);
        let warnings: Vec<&String> = config.warnings.iter().chain(&missing).collect();
        let programs: usize = config.sites.iter().map(|site| site.programs.len()).sum();
        if self.format.json {
            return output::json(&json!({
                "sites": config.sites.len(),
                "programs": programs,
                "warnings": warnings,
            }));
        }
        for warning in &warnings {
            output::line(&format!("warning: {warning}"))?;
        }
        output::line(&format!("the configuration is sound (sites: {}, programs: {programs})", config.sites.len()))
    }
}

/// That the ledger's folder is not there; `serve` makes the ledger, but no folder.
fn missing_folder(store: &StoreUrl) -> Option<String> {
    let StoreUrl::Sqlite(path) = store;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())?;
    Some(format!(
        "`store.url`: there is no folder `{}`, so the ledger cannot be created there: create it, or name another",
        folder.display()
    ))
}
