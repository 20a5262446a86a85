//! `trailmark conversions`: what happened after the clicks, why each was credited as it was, and the end of what was held.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use trailmark_wire::ids::{ProgramId, SiteId};

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::{Format, Setup};
use crate::admin::ledger::recorded_reason;
use crate::explain::explain;
use crate::store::operator::{ConversionDetail, ConversionRow, DeliveryRow, Filter};

#[derive(Debug, Subcommand)]
pub(super) enum Conversions {
    /// List conversions, the newest first
    List(List),
    /// Show one conversion with its deliveries
    Show(One),
    /// Tell the way of one conversion from the link to the vendor's answer
    Explain(One),
    /// Have the vendor asked what became of the commission
    Check(One),
    /// Release a held conversion: it is decided again and sent
    Release(ByHand),
    /// Reject a held conversion: nothing is sent
    Reject(ByHand),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Of one site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: Option<SiteId>,
    /// Of one program
    #[arg(long, value_name = "ID", value_parser = |text: &str| ProgramId::new(text))]
    program: Option<ProgramId>,
    /// In one status
    #[arg(long, value_parser = PossibleValuesParser::new(["accepted", "duplicate", "held", "unattributed", "rejected"]))]
    status: Option<String>,
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
    /// The conversion's id, or its first 8 characters or more
    #[arg(value_parser = beginning)]
    id: String,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct ByHand {
    /// The conversion's id, or its first 8 characters or more
    #[arg(value_parser = beginning)]
    id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = recorded_reason)]
    reason: String,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

impl Conversions {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Show(one) => one.run(show).await,
            Self::Check(one) => one.check().await,
            Self::Release(by_hand) => by_hand.run(true).await,
            Self::Reject(by_hand) => by_hand.run(false).await,
            Self::Explain(one) => one.run(|detail| explain(detail).trim_end().to_owned()).await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let (site, program, state) = (self.site, self.program, self.status);
        let rows = ledger.conversions(Filter { site, program, state, limit: Some(self.limit), settled: false }).await?;
        ledger.close().await?;
        if self.format.json { output::json(&rows) } else { output::line(&list(&rows)) }
    }
}

impl One {
    async fn run(self, text: impl FnOnce(&ConversionDetail) -> String) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let detail = ledger.conversion(&self.id).await?;
        ledger.close().await?;
        if self.format.json { output::json(&detail) } else { output::line(&text(&detail)) }
    }

    async fn check(self) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let marked = ledger.check(&self.id).await;
        ledger.close().await?;
        let deliveries = marked?;
        if self.format.json {
            return output::json(&serde_json::json!({ "deliveries": deliveries }));
        }
        output::line(&format!(
            "{deliveries} commission(s) will be asked for as soon as the lane is free; `trailmark conversions show {}` \
             then tells",
            self.id
        ))
    }
}

impl ByHand {
    async fn run(self, is_release: bool) -> Result<(), Failure> {
        let ledger = Ledger::open(&self.setup.load()?).await?;
        let ended = match is_release {
            true => ledger.release(&self.id, self.reason).await,
            false => ledger.reject(&self.id, self.reason).await,
        };
        ledger.close().await?;
        let detail = ended?;
        if self.format.json { output::json(&detail) } else { output::line(&show(&detail)) }
    }
}

/// Hexadecimal digits and dashes: what an id begins with, so that nothing else reaches an address or a query.
pub(super) fn beginning(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    let shaped = (8..=36).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    shaped.then_some(text).ok_or_else(|| "not an id: give 8 to 36 of 0-9, a-f and -, as `list` shows them".to_owned())
}

fn list(rows: &[ConversionRow]) -> String {
    let header = [
        ("ID", Room::Whole),
        ("RECEIVED", Room::Whole),
        ("KIND", Room::Whole),
        ("KEY", Room::Rest),
        ("STATUS", Room::Whole),
        ("DELIVERY", Room::Rest),
    ];
    let cells = rows.iter().map(|row| {
        vec![
            output::id(row.id.as_str()),
            output::when(row.received_at),
            row.kind.as_str().to_owned(),
            row.external_id.clone().unwrap_or_else(|| "signed".to_owned()),
            row.status.as_str().to_owned(),
            // An unattributed conversion has no delivery, and its code says why.
            if row.deliveries.is_empty() { row.code.clone().unwrap_or_default() } else { row.deliveries.join(", ") },
        ]
    });
    output::table(&header, cells.collect(), "no conversion matches")
}

/// `main approved`, one a program.
fn commissions(deliveries: &[DeliveryRow]) -> String {
    let told = deliveries.iter().map(|row| format!("{} {}", row.program, row.commission.as_str()));
    let told: Vec<_> = told.collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn show(detail: &ConversionDetail) -> String {
    let row = &detail.conversion;
    let key = row.external_id.as_deref().unwrap_or("held by a signed claim");
    let code = row.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    let programs: Vec<_> = row.programs.iter().map(ProgramId::as_str).collect();
    let credited = if programs.is_empty() { "nobody".to_owned() } else { programs.join(", ") };
    let facts = [
        ("conversion", row.id.to_string()),
        ("site", row.site.to_string()),
        ("kind", row.kind.as_str().to_owned()),
        ("key", output::plain(key)),
        ("status", format!("{}{code}", row.status.as_str())),
        ("assurance", row.assurance.clone()),
        ("credited", credited),
        ("occurred", detail.occurred_at.to_rfc3339()),
        ("received", row.received_at.to_rfc3339()),
        ("visitor", detail.visitor.to_string()),
        ("commission", commissions(&detail.deliveries)),
        ("touches", detail.touches.len().to_string()),
    ];
    let facts: Vec<String> = facts.iter().map(|(name, value)| format!("{name:<11} {value}")).collect();
    format!("{}\n\n{}", facts.join("\n"), super::outbox::deliveries(&detail.deliveries, "no delivery"))
}
