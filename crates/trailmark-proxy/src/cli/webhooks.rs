//! `trailmark webhooks`: webhooks from vendors, how each was interpreted, and which could not be read or matched. Bodies are not
//! shown, because vendors put personal data into them.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::rows::{ByHand, LedgerArgs, One, Rows};
use crate::store::webhooks::{WebhookChange, WebhookRow, WebhookState};

#[derive(Debug, Subcommand)]
pub(super) enum Webhooks {
    /// List webhooks, the newest first
    List(List),
    /// Show one webhook
    Show(One),
    /// Interpret a webhook again, for example after an update
    Replay(One),
    /// Give up a webhook that cannot be read or matched
    Drop(ByHand),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// In this state
    #[arg(long, value_parser = PossibleValuesParser::new(WebhookState::ALL.map(WebhookState::as_str)))]
    state: Option<String>,
    /// Only unusable webhooks: too large, unreadable, with an unknown event, or without a known delivery
    #[arg(long, conflicts_with = "state")]
    quarantined: bool,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Webhooks {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List { state, quarantined, rows, ledger }) => {
                let state = if quarantined { Some("quarantined".to_owned()) } else { state };
                let (desk, (filter, limit)) = (ledger.desk()?, rows.in_state(state)?);
                let found = async |ledger: &Ledger<'_>| {
                    desk.found(&filter, limit.read(&filter, async |filter| ledger.webhooks(filter).await).await?)
                };
                desk.print(found, |rows| table(rows)).await
            }
            Self::Show(one) => one.print(async |ledger, id| ledger.webhook(id).await, facts).await,
            Self::Replay(one) => change(one, WebhookChange::Replay).await,
            Self::Drop(ByHand { reason, one }) => change(one, WebhookChange::Drop { reason }).await,
        }
    }
}

async fn change(one: One, change: WebhookChange) -> Result<(), Failure> {
    one.print(async |ledger, id| ledger.change_webhook(id, change).await, facts).await
}

fn table(rows: &[WebhookRow]) -> String {
    let header = [
        ("WEBHOOK", Room::Whole),
        ("RECEIVED", Room::Whole),
        ("PROGRAM", Room::Rest),
        ("EVENT", Room::Rest),
        ("STATE", Room::Rest),
        ("REASON", Room::Rest),
    ];
    let cells = rows.iter().map(|row| {
        vec![
            output::id(row.id.as_str()),
            output::when(row.received_at),
            row.program.to_string(),
            row.event.clone().unwrap_or_default(),
            row.state.as_str().to_owned(),
            row.reason.clone().unwrap_or_default(),
        ]
    });
    output::list(&header, cells.collect(), "no webhook matches")
}

fn facts(row: &WebhookRow) -> String {
    let or_none = |text: &Option<String>, none: &str| text.as_deref().map_or_else(|| none.to_owned(), output::plain);
    let facts = [
        ("webhook", row.id.to_string()),
        ("site", row.site.to_string()),
        ("program", row.program.to_string()),
        ("state", row.state.as_str().to_owned()),
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
