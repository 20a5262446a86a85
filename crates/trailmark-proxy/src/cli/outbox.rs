//! `trailmark outbox`: lists deliveries that wait or are stopped, and changes them by hand. The ledger decides which change
//! a delivery's state allows; its refusals are printed unchanged.

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use trailmark_wire::ids::DeliveryId;

use super::failure::Failure;
use super::lanes;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::rows::{ByHand, LedgerArgs, One, Rows};
use crate::explain::UNREAD_KEY;
use crate::outbox::State;
use crate::store::listing::{Filter, MOST_ROWS};
use crate::store::operator::{Change, DeliveryRow, LaneRow, Verdict};

/// The number of newest rows in which the beginning of an id is looked up.
const SEARCHED_ROWS: u32 = MOST_ROWS;

#[derive(Debug, Subcommand)]
pub(super) enum Outbox {
    /// List lanes, then the deliveries that wait and those that need you
    List(List),
    /// Send again with the same idempotency key
    Retry(Retry),
    /// Give up a delivery
    Drop(ByHand),
    /// Record the outcome of an uncertain delivery, after you have checked at the vendor
    Resolve(Resolve),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// In this state
    #[arg(long, value_parser = PossibleValuesParser::new(State::ALL.map(State::as_str)))]
    state: Option<String>,
    /// Include settled deliveries
    #[arg(long, conflicts_with = "state")]
    all: bool,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    /// Send even if the vendor may already have it. It can take effect twice; the ledger records that you accept this
    #[arg(long)]
    accept_double: bool,
    #[command(flatten)]
    one: One,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resolve {
    /// What you saw at the vendor: `recorded` if it exists, `rejected` if it does not and must not be sent again
    #[arg(long = "as", value_name = "VERDICT")]
    verdict: Seen,
    #[command(flatten)]
    by_hand: ByHand,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Seen {
    Recorded,
    Rejected,
}

/// What `outbox list` shows.
#[derive(Debug, Serialize)]
struct Standing {
    lanes: Vec<LaneRow>,
    deliveries: Vec<DeliveryRow>,
}

impl Outbox {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List { state, all, rows, ledger }) => {
                let (filter, limit) = rows.in_state(state)?;
                let (desk, filter) = (ledger.desk()?, Filter { settled: all, ..filter });
                let standing = async |ledger: &Ledger<'_>| {
                    let deliveries = limit.read(&filter, async |filter| ledger.deliveries(filter).await).await?;
                    let deliveries = desk.found(&filter, deliveries)?;
                    Ok(Standing { lanes: ledger.lanes().await?, deliveries })
                };
                desk.print(standing, Standing::tables).await
            }
            Self::Retry(Retry { accept_double, one }) => {
                change(one, |delivery| Change::Retry { delivery, accept_double }).await
            }
            Self::Drop(ByHand { reason, one }) => change(one, |delivery| Change::Drop { delivery, reason }).await,
            Self::Resolve(Resolve { verdict, by_hand: ByHand { reason, one } }) => {
                let verdict = match verdict {
                    Seen::Recorded => Verdict::Recorded,
                    Seen::Rejected => Verdict::Rejected,
                };
                change(one, |delivery| Change::Resolve { delivery, verdict, reason }).await
            }
        }
    }
}

impl Standing {
    fn tables(&self) -> String {
        format!("{}\n\n{}", lanes::table(&self.lanes), deliveries(&self.deliveries, "no delivery waits"))
    }
}

async fn change(one: One, change: impl FnOnce(DeliveryId) -> Change) -> Result<(), Failure> {
    let changed = async |ledger: &Ledger<'_>, id: &str| ledger.change(change(whole_id(ledger, id).await?)).await;
    one.print(changed, |row| deliveries(std::slice::from_ref(row), "nothing")).await
}

/// Finds the delivery by the beginning of its id; a whole id is used unchanged.
async fn whole_id(ledger: &Ledger<'_>, beginning: &str) -> Result<DeliveryId, Failure> {
    if let Ok(whole) = DeliveryId::new(beginning) {
        return Ok(whole);
    }
    let filter = Filter { settled: true, limit: Some(SEARCHED_ROWS), ..Filter::default() };
    let rows = ledger.deliveries(filter).await?;
    let mut matching = rows.into_iter().filter(|row| row.id.as_str().starts_with(beginning)).map(|row| row.id);
    match (matching.next(), matching.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Failure::request("several deliveries' ids begin with this: give more characters")),
        (None, _) => Err(Failure::request(format!(
            "none of the newest {SEARCHED_ROWS} deliveries has an id that begins with this: give the whole id, as --json shows it"
        ))),
    }
}

/// Deliveries as `outbox list` and `conversions show` print them.
pub(super) fn deliveries(rows: &[DeliveryRow], none: &str) -> String {
    let header = [
        ("DELIVERY", Room::Whole),
        ("STATE", Room::Whole),
        ("WHAT", Room::Rest),
        ("PROGRAM", Room::Rest),
        ("NEXT", Room::Rest),
    ];
    let cells = rows.iter().map(|row| {
        let key = row.external_id.as_deref().unwrap_or(UNREAD_KEY);
        let next = match &row.reference {
            Some(reference) => format!("there as {reference}"),
            None => standing(row),
        };
        vec![
            output::id(row.id.as_str()),
            row.state.clone(),
            format!("{} {key}", row.kind.as_str()),
            row.program.to_string(),
            next,
        ]
    });
    output::list(&header, cells.collect(), none)
}

/// When the delivery is processed next, what it waits for, the reason for its state, and what it blocks.
fn standing(row: &DeliveryRow) -> String {
    let waits = row.paused_by.as_deref().map(|credential| format!("once the vendor takes `{credential}`"));
    let at = row.due_at.as_deref().filter(|_| waits.is_none());
    let next = next(at, row.reason.as_deref());
    let blocks = (row.blocks > 0).then(|| format!("blocks {}", row.blocks));
    let parts = waits.into_iter().chain(Some(next).filter(|next| !next.is_empty())).chain(blocks);
    parts.collect::<Vec<_>>().join("; ")
}

/// When the delivery is processed next, and the reason for its state.
fn next(at: Option<&str>, reason: Option<&str>) -> String {
    let at = at.map(|at| format!("at {}", output::when_text(at)));
    let reason = reason.map(str::to_owned);
    at.into_iter().chain(reason).collect::<Vec<_>>().join("; ")
}
