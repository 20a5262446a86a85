//! `trailmark outbox`: what waits to be delivered and what stands still, and the changes that people make by hand. Which
//! change a delivery's state allows is the ledger's rule; a refusal is shown as it comes.

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};

use super::conversions::beginning;
use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::{Format, Setup};
use crate::admin::ledger::recorded_reason;
use crate::outbox::State;
use crate::store::operator::{Change, DeliveryRow, Filter, LaneRow, Verdict};

/// Rows among which the beginning of an id is looked for.
const SEARCHED_ROWS: u32 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Outbox {
    /// List lanes with why they stand still, then deliveries that wait or ended badly
    List(List),
    /// Deliver again: a new generation under the same key at the vendor
    Retry(Retry),
    /// Give a delivery up
    Drop(Drop),
    /// Settle what nobody could tell, after a look at the vendor
    Resolve(Resolve),
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
    #[arg(long, value_parser = PossibleValuesParser::new(State::ALL.map(State::as_str)))]
    state: Option<String>,
    /// Settled ones too
    #[arg(long, conflicts_with = "state")]
    all: bool,
    /// At most this many, 1 to 1,000
    #[arg(long, value_name = "ROWS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    #[command(flatten)]
    target: Target,
    /// Send it although the vendor may have it: a second effect is accepted, on record
    #[arg(long)]
    accept_double: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Drop {
    #[command(flatten)]
    target: Target,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = recorded_reason)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resolve {
    #[command(flatten)]
    target: Target,
    /// What a look at the vendor showed: it is recorded there, or is rejected and shall not be
    #[arg(long = "as", value_name = "VERDICT")]
    verdict: Seen,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = recorded_reason)]
    reason: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The delivery's id, or its first 8 characters or more
    #[arg(value_parser = beginning)]
    delivery: String,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Seen {
    Recorded,
    Rejected,
}

impl Outbox {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Retry(Retry { target, accept_double }) => {
                target.change(|delivery| Change::Retry { delivery, accept_double }).await
            }
            Self::Drop(Drop { target, reason }) => target.change(|delivery| Change::Drop { delivery, reason }).await,
            Self::Resolve(Resolve { target, verdict, reason }) => {
                let verdict = match verdict {
                    Seen::Recorded => Verdict::Recorded,
                    Seen::Rejected => Verdict::Rejected,
                };
                target.change(|delivery| Change::Resolve { delivery, verdict, reason }).await
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let lanes = ledger.lanes().await?;
        let (site, program, state) = (self.site, self.program, self.state);
        let filter = Filter { site, program, state, limit: Some(self.limit), settled: self.all };
        let rows = ledger.deliveries(filter).await?;
        ledger.close().await?;
        if self.format.json {
            return output::json(&json!({ "lanes": lanes, "deliveries": rows }));
        }
        output::line(&format!("{}\n\n{}", lane_table(&lanes), deliveries(&rows, "no delivery waits")))
    }
}

impl Target {
    async fn change(self, change: impl FnOnce(ConversionId) -> Change) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let delivery = whole_id(&ledger, &self.delivery).await?;
        let changed = ledger.change(change(delivery)).await?;
        ledger.close().await?;
        if self.format.json {
            return output::json(&changed);
        }
        output::line(&deliveries(&[changed], "nothing"))
    }
}

/// The delivery whose id begins so; a whole id is taken as it is.
async fn whole_id(ledger: &Ledger, beginning: &str) -> Result<ConversionId, Failure> {
    if let Ok(whole) = ConversionId::new(beginning) {
        return Ok(whole);
    }
    let filter = Filter { settled: true, limit: Some(SEARCHED_ROWS), ..Filter::default() };
    let rows = ledger.deliveries(filter).await?;
    let mut matching = rows.into_iter().filter(|row| row.id.as_str().starts_with(beginning)).map(|row| row.id);
    match (matching.next(), matching.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            Err(Failure::request(format!("more than one delivery begins with `{beginning}`: give more of its id")))
        }
        (None, _) => Err(Failure::request(format!(
            "no delivery among the newest {SEARCHED_ROWS} begins with `{beginning}`: give the whole id, as --json shows it"
        ))),
    }
}

fn lane_table(lanes: &[LaneRow]) -> String {
    let header = [("LANE", Room::Whole), ("STATE", Room::Whole), ("WAITING", Room::Whole), ("NEXT", Room::Rest)];
    let rows = lanes.iter().map(|lane| {
        let next = next(lane.next_at.as_deref(), lane.reason.as_deref());
        vec![lane.program.to_string(), lane.state.clone(), lane.waiting.to_string(), next]
    });
    output::table(&header, rows.collect(), "no lane was used yet")
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
        let key = row.external_id.as_deref().unwrap_or("(signed)");
        let next = match &row.reference {
            Some(reference) => format!("there as {reference}"),
            None => next(row.due_at.as_deref(), row.reason.as_deref()),
        };
        vec![
            output::id(row.id.as_str()),
            row.state.replace('_', " "),
            format!("{} {key}", row.kind.as_str()),
            row.program.to_string(),
            next,
        ]
    });
    output::table(&header, cells.collect(), none)
}

/// When it is looked at next, and why it stands as it does.
fn next(at: Option<&str>, reason: Option<&str>) -> String {
    let at = at.map(|at| format!("at {}", output::when_text(at)));
    let reason = reason.map(str::to_owned);
    at.into_iter().chain(reason).collect::<Vec<_>>().join("; ")
}
