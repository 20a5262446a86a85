//! What commands on the ledger share on the command line: which ledger, which rows, one row, and why it is changed by hand.
//! Here the ledger is opened, asked, closed and printed from; what can be asked stands in `ledger.rs`, and how an answer
//! reads with its command.

use serde::Serialize;
use trailmark_wire::ids::{ProgramId, SiteId};

use super::failure::Failure;
use super::ledger::Ledger;
use super::output;
use super::{Format, Setup, program, site};
use crate::admin::ledger::recorded_reason;
use crate::config::{Config, Overrides, StoreUrl};
use crate::store::listing::{Filter, Page};

/// Which ledger, and who reads the answer.
#[derive(Debug, clap::Args)]
#[command(mut_arg("store", |store| store.help(
    "This ledger itself, such as sqlite:copy.db, and no proxy; without it the running proxy is asked or, where none \
     runs, the ledger of `store.url`"
)))]
pub(super) struct LedgerArgs {
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

/// One row.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Its id, or the first 8 characters of it or more
    #[arg(value_parser = beginning)]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) ledger: LedgerArgs,
}

/// One row that is changed for a reason.
#[derive(Debug, clap::Args)]
pub(super) struct ByHand {
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = recorded_reason)]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) one: One,
}

/// Which rows of a list, whatever their state.
#[derive(Debug, clap::Args)]
pub(super) struct Rows {
    /// Of one site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: Option<SiteId>,
    /// Of one program
    #[arg(long, value_name = "ID", value_parser = |text: &str| ProgramId::new(text))]
    program: Option<ProgramId>,
    /// At most this many, 1 to 1,000
    #[arg(long, value_name = "ROWS", default_value_t = 50, value_parser = limit)]
    limit: u32,
}

/// The configuration that leads to a ledger.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) config: Config,
    overrides: Overrides,
    /// Whether the command line names the ledger.
    is_named: bool,
    pub(super) format: Format,
}

impl LedgerArgs {
    /// Reads the configuration; no ledger is opened yet.
    pub(super) fn desk(self) -> Result<Desk, Failure> {
        let (overrides, is_named) = (self.setup.overrides(), self.setup.store.is_some());
        Ok(Desk { config: self.setup.load()?, overrides, is_named, format: self.format })
    }
}

impl One {
    /// Asks about it, and prints the answer.
    pub(super) async fn print<T: Serialize>(
        self,
        ask: impl AsyncFnOnce(&Ledger<'_>, &str) -> Result<T, Failure>,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let Self { id, ledger } = self;
        let asked = async |ledger: &Ledger<'_>| ask(ledger, &id).await.map_err(|failure| failure.about(&id));
        ledger.desk()?.print(asked, text).await
    }
}

impl Desk {
    /// The site that is meant, or all of them.
    pub(super) fn sites(&self, only: Option<&SiteId>) -> Result<Vec<&SiteId>, Failure> {
        match only {
            Some(id) => Ok(vec![&site(&self.config, id)?.id]),
            None => Ok(self.config.sites.iter().map(|site| &site.id).collect()),
        }
    }

    /// Asks the ledger that is meant.
    pub(super) async fn ask<T>(&self, ask: impl AsyncFnOnce(&Ledger<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let running = self.running().await?;
        running.map_or_else(|| self.opened(), Ok)?.ask(ask).await
    }

    fn opened(&self) -> Result<Ledger<'_>, Failure> {
        let StoreUrl::Sqlite(path) = &self.config.store;
        let (missing, listen) = (path.display(), self.config.server.admin_listen);
        match self.is_named {
            _ if path.exists() => Ledger::opened(&self.config),
            true => Err(Failure::unreachable(format!(
                "there is no ledger at `{missing}`: name one that is there, or make it with `trailmark store migrate`"
            ))),
            false => Err(Failure::unreachable(format!(
                "there is no ledger at `{missing}` and no proxy at {listen}: start one with `trailmark serve`, or name \
                 the right ledger with --store"
            ))),
        }
    }

    /// The same, and prints the answer.
    pub(super) async fn print<T: Serialize>(
        &self,
        ask: impl AsyncFnOnce(&Ledger<'_>) -> Result<T, Failure>,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        output::value(&self.ask(ask).await?, self.format, text)
    }

    /// What a list found; a name that is neither in the ledger nor configured is a slip of the hand, no empty list.
    pub(super) fn found<T>(&self, filter: &Filter, page: Page<T>) -> Result<Vec<T>, Failure> {
        if page.is_empty() {
            filter.site.as_ref().map(|id| site(&self.config, id)).transpose()?;
            filter.program.as_ref().map(|id| program(&self.config, id)).transpose()?;
        }
        Ok(page.items)
    }

    /// The running proxy's ledger, unless the command line names another.
    pub(super) async fn running(&self) -> Result<Option<Ledger<'_>>, Failure> {
        if self.is_named { Ok(None) } else { Ledger::running(&self.config, &self.overrides).await }
    }
}

impl Rows {
    /// Those of one state, where one is asked for.
    pub(super) fn in_state(self, state: Option<String>) -> Filter {
        Filter { site: self.site, program: self.program, state, limit: Some(self.limit), ..Filter::default() }
    }
}

fn limit(text: &str) -> Result<u32, &'static str> {
    let number = text.parse().ok().filter(|rows| (1..=1000).contains(rows));
    number.ok_or("not a number from 1 to 1,000")
}

/// Hexadecimal digits and dashes: what an id begins with, so that nothing else reaches an address or a query.
pub(super) fn beginning(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    let shaped = (8..=36).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    shaped.then_some(text).ok_or_else(|| "not an id: give 8 to 36 of 0-9, a-f and -, as `list` shows them".to_owned())
}
