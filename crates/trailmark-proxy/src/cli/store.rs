//! `trailmark store`: brings the ledger to this version's schema, and checks that its rows agree with each other.

use clap::Subcommand;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output;
use super::rows::{Desk, LedgerArgs};
use crate::store::operator::Health;

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Create the ledger, or migrate it to this version's schema; `serve` does the same at start
    Migrate(LedgerArgs),
    /// Check the ledger's file and rules; exit code 1 if a check fails
    Check(LedgerArgs),
}

impl Store {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Migrate(ledger) => migrate(&ledger.desk()?).await,
            Self::Check(ledger) => check(&ledger.desk()?).await,
        }
    }
}

async fn migrate(desk: &Desk) -> Result<(), Failure> {
    // A proxy that runs has migrated its store when it started.
    let made = || Ledger::migrated(&desk.config).map_err(|error| desk.not_opened(error));
    let ledger = desk.running().await?.map_or_else(made, Ok)?;
    let health = ledger.ask(async |ledger| ledger.health().await).await?;
    output::value(&health, desk.format, |health| {
        format!("{} has schema version {}", desk.config.store, health.schema_version)
    })
}

async fn check(desk: &Desk) -> Result<(), Failure> {
    let health = match desk.running().await? {
        Some(ledger) => ledger.ask(async |ledger| ledger.health().await).await?,
        None => desk.check()?,
    };
    output::value(&health, desk.format, report)?;
    if is_well(&health) {
        return Ok(());
    }
    Err(Failure::request(format!(
        "the ledger {} is damaged: stop the proxy, keep a copy, restore a backup",
        desk.config.store
    )))
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
