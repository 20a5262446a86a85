//! Arguments that ledger commands share: which ledger, which rows, one row, and the reason of a change by hand. Opens the
//! ledger, queries it, closes it and prints the answer. `ledger.rs` has the queries; each command formats its answer.

use std::path::Path;

use serde::Serialize;
use trailmark_wire::ids::{ProgramId, SiteId};
use trailmark_wire::time::UnixMillis;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output;
use super::{Format, Setup, program, site};
use crate::admin::ledger::recorded_reason;
use crate::config::{Config, Overrides, StoreUrl};
use crate::store::StoreError;
use crate::store::listing::{Filter, MOST_ROWS, Page, point};
use crate::store::operator::Health;
use crate::store::sqlite::SqliteStore;

/// Which ledger, and the output's format.
#[derive(Debug, clap::Args)]
#[command(mut_arg("store", |store| store.help(
    "Open this ledger, such as sqlite:copy.db, and ask no proxy. Without it the running proxy is asked; if none runs, \
     the ledger of `store.url` is opened"
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
    /// Id, or at least its first 8 characters
    #[arg(value_parser = beginning)]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) ledger: LedgerArgs,
}

/// One row to change, with the reason.
#[derive(Debug, clap::Args)]
pub(super) struct ByHand {
    /// Reason for the change; the ledger records it
    #[arg(long, value_name = "TEXT", value_parser = recorded_reason)]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) one: One,
}

/// Which rows of a list, whatever their state.
#[derive(Debug, clap::Args)]
pub(super) struct Rows {
    /// Only this site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: Option<SiteId>,
    /// Only this program
    #[arg(long, value_name = "ID", value_parser = |text: &str| ProgramId::new(text))]
    program: Option<ProgramId>,
    /// Received at this time or later: a day such as 2026-11-21, or a UTC time such as 2026-11-21T08:30:00Z
    #[arg(long, value_name = "TIME", value_parser = point)]
    since: Option<UnixMillis>,
    /// Received before this time
    #[arg(long, value_name = "TIME", value_parser = point)]
    until: Option<UnixMillis>,
    #[arg(long, value_name = "ROWS", value_parser = limit, help = "At most this many rows, or `all` [default: 50]")]
    limit: Option<usize>,
}

/// The default number of rows in a list.
pub(super) const DEFAULT_ROWS: usize = 50;

/// The number of rows to list, if given; `usize::MAX` for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit(Option<usize>);

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
    /// Queries the ledger about this row, and prints the answer.
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
    /// The chosen site, or all sites.
    pub(super) fn sites(&self, only: Option<&SiteId>) -> Result<Vec<&SiteId>, Failure> {
        match only {
            Some(id) => Ok(vec![&site(&self.config, id)?.id]),
            None => Ok(self.config.sites.iter().map(|site| &site.id).collect()),
        }
    }

    /// Queries the chosen ledger.
    pub(super) async fn ask<T>(&self, ask: impl AsyncFnOnce(&Ledger<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let running = self.running().await?;
        running.map_or_else(|| self.opened(), Ok)?.ask(ask).await
    }

    fn opened(&self) -> Result<Ledger<'_>, Failure> {
        self.path()?;
        Ledger::opened(&self.config).map_err(|error| self.not_opened(error))
    }

    /// A ledger that is in use although no proxy answered at the configured address.
    pub(super) fn not_opened(&self, error: StoreError) -> Failure {
        match error {
            StoreError::InUse(ledger) if !self.is_named => Failure::unreachable(format!(
                "no proxy answers at {} (`server.admin_listen`), yet a trailmark process has {ledger} open: correct \
                 `server.admin_listen`, or stop that process",
                self.config.server.admin_listen
            )),
            error => error.into(),
        }
    }

    /// Checks the ledger; changes nothing.
    pub(super) fn check(&self) -> Result<Health, Failure> {
        SqliteStore::check(self.path()?).map_err(|error| self.not_opened(error))
    }

    fn path(&self) -> Result<&Path, Failure> {
        let StoreUrl::Sqlite(path) = &self.config.store;
        let (missing, listen) = (path.display(), self.config.server.admin_listen);
        match self.is_named {
            _ if path.exists() => Ok(path),
            true => Err(Failure::unreachable(format!(
                "there is no ledger at `{missing}`: name an existing one, or create it with `trailmark store migrate`"
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

    /// The list's rows. A name that is neither in the ledger nor configured is an error, not an empty list.
    pub(super) fn found<T>(&self, filter: &Filter, rows: Vec<T>) -> Result<Vec<T>, Failure> {
        if rows.is_empty() {
            filter.site.as_ref().map(|id| site(&self.config, id)).transpose()?;
            filter.program.as_ref().map(|id| program(&self.config, id)).transpose()?;
        }
        Ok(rows)
    }

    /// The running proxy's ledger, unless the command line names another.
    pub(super) async fn running(&self) -> Result<Option<Ledger<'_>>, Failure> {
        if self.is_named { Ok(None) } else { Ledger::running(&self.config, &self.overrides).await }
    }
}

impl Rows {
    /// The filter for a state, if given, and the limit.
    pub(super) fn in_state(self, state: Option<String>) -> Result<(Filter, Limit), Failure> {
        let Self { site, program, since, until, limit } = self;
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            return Err(Failure::usage("--since must be before --until"));
        }
        Ok((Filter { site, program, state, since, until, ..Filter::default() }, Limit(limit)))
    }
}

impl Limit {
    /// This limit if the command line gives none.
    pub(super) fn or(self, rows: usize) -> Self {
        Self(self.0.or(Some(rows)))
    }

    /// Reads a list up to the limit.
    pub(super) async fn read<T>(
        self,
        filter: &Filter,
        ask: impl AsyncFn(Filter) -> Result<Page<T>, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut rows = Vec::new();
        self.each(filter, ask, |page| {
            rows.extend(page.items);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Reads a list page by page up to the limit, and notes on standard error if there are more rows.
    pub(super) async fn each<T>(
        self,
        filter: &Filter,
        ask: impl AsyncFn(Filter) -> Result<Page<T>, Failure>,
        mut take: impl FnMut(Page<T>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let most = self.0.unwrap_or(DEFAULT_ROWS);
        let (mut shown, mut cursor) = (0, None);
        loop {
            let limit = u32::try_from(most.saturating_sub(shown)).unwrap_or(u32::MAX).clamp(1, MOST_ROWS);
            let page = ask(Filter { limit: Some(limit), cursor, ..filter.clone() }).await?;
            shown += page.len();
            cursor = page.next.clone();
            take(page)?;
            if cursor.is_none() {
                return Ok(());
            }
            if shown >= most {
                output::note(&more(shown));
                return Ok(());
            }
        }
    }
}

fn more(shown: usize) -> String {
    let rows = if shown == 1 { "row" } else { "rows" };
    format!("{shown} {rows} shown; there are more: `--limit all` lists them")
}

fn limit(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        _ if text == "all" => Ok(usize::MAX),
        Ok(rows @ 1..) => Ok(rows),
        Ok(0) | Err(_) => Err("not a number of 1 or more, and not `all`"),
    }
}

/// Accepts hexadecimal digits and dashes, the beginning of an id, so that nothing else reaches a URL or a query.
pub(super) fn beginning(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    let shaped = (8..=36).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    shaped.then_some(text).ok_or_else(|| "not an id: give 8 to 36 of 0-9, a-f and -, as `list` shows them".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_a_row() {
        assert!(more(1).starts_with("1 row shown;") && more(2).starts_with("2 rows shown;"));
    }
}
