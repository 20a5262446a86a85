//! `trailmark webhooks`: what vendors told by themselves, what was made of it, and the quarantine of what could not be read
//! or matched. Bodies are not shown: vendors write personal data into them.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use trailmark_wire::ids::{ProgramId, SiteId};

use super::conversions::beginning;
use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::{Format, Setup};
use crate::admin::ledger::recorded_reason;
use crate::store::operator::Filter;
use crate::store::webhooks::{WebhookChange, WebhookRow, WebhookState};

#[derive(Debug, Subcommand)]
pub(super) enum Webhooks {
    /// List webhooks, the newest first
    List(List),
    /// Show one webhook
    Show(One),
    /// Have a webhook interpreted again, such as after an update
    Replay(One),
    /// Give a webhook up that nobody can read or match
    Drop(Drop),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Of one site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: Option<SiteId>,
    /// Of one program
    #[arg(long, value_name = "ID", value_parser = |text: &str| ProgramId::new(text))]
    program: Option<ProgramId>,
    /// In one state
    #[arg(long, value_parser = PossibleValuesParser::new(WebhookState::ALL.map(WebhookState::as_str)))]
    state: Option<String>,
    /// Those that wait for a person or a delivery: too large, unreadable, unknown or unmatched
    #[arg(long, conflicts_with = "state")]
    quarantined: bool,
    /// At most this many, 1 to 1,000
    #[arg(long, value_name = "ROWS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The webhook's id, or its first 8 characters or more
    #[arg(value_parser = beginning)]
    id: String,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Drop {
    #[command(flatten)]
    target: One,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = recorded_reason)]
    reason: String,
}

impl Webhooks {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Show(one) => one.run(None).await,
            Self::Replay(one) => one.run(Some(WebhookChange::Replay)).await,
            Self::Drop(Drop { target, reason }) => target.run(Some(WebhookChange::Drop { reason })).await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let state = if self.quarantined { Some("quarantined".to_owned()) } else { self.state };
        let filter = Filter { site: self.site, state, program: self.program, limit: Some(self.limit), settled: false };
        let rows = ledger.webhooks(filter).await;
        ledger.close().await?;
        let rows = rows?;
        if self.format.json { output::json(&rows) } else { output::line(&table(&rows)) }
    }
}

impl One {
    async fn run(self, change: Option<WebhookChange>) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let row = match change {
            None => ledger.webhook(&self.id).await,
            Some(change) => ledger.change_webhook(&self.id, change).await,
        };
        ledger.close().await?;
        let row = row?;
        if self.format.json { output::json(&row) } else { output::line(&facts(&row)) }
    }
}

fn table(rows: &[WebhookRow]) -> String {
    let header = [
        ("WEBHOOK", Room::Whole),
        ("RECEIVED", Room::Whole),
        ("PROGRAM", Room::Rest),
        ("EVENT", Room::Rest),
        ("STATE", Room::Rest),
    ];
    let cells = rows.iter().map(|row| {
        vec![
            output::id(row.id.as_str()),
            output::when(row.received_at),
            row.program.to_string(),
            row.event.clone().unwrap_or_default(),
            row.state.as_str().replace('_', " "),
        ]
    });
    output::table(&header, cells.collect(), "no webhook matches")
}

fn facts(row: &WebhookRow) -> String {
    let or_none = |text: &Option<String>, none: &str| text.as_deref().map_or_else(|| none.to_owned(), output::plain);
    let facts = [
        ("webhook", row.id.to_string()),
        ("site", row.site.to_string()),
        ("program", row.program.to_string()),
        ("state", row.state.as_str().replace('_', " ")),
        ("reason", or_none(&row.reason, "-")),
        ("event", or_none(&row.event, "not read")),
        ("deliveries", row.deliveries.to_string()),
        ("came", format!("{} times, last {}", row.times, row.last_at)),
        ("bytes", row.bytes.to_string()),
        ("received", row.received_at.to_rfc3339()),
        ("interpreted", or_none(&row.interpreted_at, "not yet")),
    ];
    facts.map(|(name, value)| format!("{name:<11} {value}")).join("\n")
}
