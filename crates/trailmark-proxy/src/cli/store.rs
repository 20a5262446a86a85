//! `trailmark store`: brings the ledger to this version's schema, and checks that its rows agree with each other.

use clap::Subcommand;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output;
use super::{Format, Setup};
use crate::config::StoreUrl;
use crate::store::operator::Health;

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Make the ledger, or bring it to this version's schema; `serve` does the same when it starts
    Migrate(Which),
    /// Check the ledger's file and its rules; exit code 1 when one does not hold
    Check(Which),
}

#[derive(Debug, clap::Args)]
pub(super) struct Which {
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

impl Store {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Migrate(which) => which.migrate().await,
            Self::Check(which) => which.check().await,
        }
    }
}

impl Which {
    async fn migrate(self) -> Result<(), Failure> {
        let config = self.setup.load()?;
        let ledger = match Ledger::running(&config).await? {
            // A proxy that runs has migrated its store when it started.
            Some(proxy) => Ledger::Running(proxy),
            None => {
                let StoreUrl::Sqlite(path) = &config.store;
                Ledger::opened(path, &config)?
            }
        };
        let health = ledger.health().await?;
        ledger.close().await?;
        if self.format.json {
            return output::json(&health);
        }
        output::line(&format!("{} has schema version {}", config.store, health.schema_version))
    }

    async fn check(self) -> Result<(), Failure> {
        let config = self.setup.load()?;
        let ledger = Ledger::open(&config).await?;
        let health = ledger.health().await?;
        ledger.close().await?;
        match self.format.json {
            true => output::json(&health)?,
            false => output::line(&report(&health))?,
        }
        if is_well(&health) {
            return Ok(());
        }
        Err(Failure::request(format!(
            "the ledger {} is not well: stop the proxy, keep a copy, restore a backup",
            config.store
        )))
    }
}

fn is_well(health: &Health) -> bool {
    health.integrity == "ok" && health.violations.is_empty()
}

fn report(health: &Health) -> String {
    let deliveries: Vec<_> = health.deliveries.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let deliveries = if deliveries.is_empty() { "none".to_owned() } else { deliveries.join(", ") };
    let mut lines = vec![
        format!("integrity    {}", output::plain(&health.integrity)),
        format!("schema       version {}", health.schema_version),
        format!("touches      {}", health.touches),
        format!("conversions  {}", health.conversions),
        format!("deliveries   {deliveries}"),
    ];
    match health.violations.is_empty() {
        true => lines.push("rules        all hold".to_owned()),
        false => lines.extend(health.violations.iter().map(|rule| format!("broken       {}", output::plain(rule)))),
    }
    lines.join("\n")
}
