//! `trailmark conversions`: what happened after the clicks, why each was credited as it was, and the end of what was held.

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use trailmark_wire::ids::ProgramId;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::rows::{ByHand, LedgerArgs, One, Rows};
use crate::admin::webhooks::Marked;
use crate::explain::explain;
use crate::store::operator::{ConversionDetail, ConversionRow, DeliveryRow};

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
    /// In one status
    #[arg(long, value_parser = PossibleValuesParser::new(["accepted", "duplicate", "held", "unattributed", "rejected"]))]
    status: Option<String>,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Conversions {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List { status, rows, ledger }) => {
                let (desk, filter) = (ledger.desk()?, rows.in_state(status));
                let found = async |ledger: &Ledger<'_>| desk.found(&filter, ledger.conversions(filter.clone()).await?);
                desk.print(found, |rows| list(rows)).await
            }
            Self::Show(one) => one.print(async |ledger, id| ledger.conversion(id).await, show).await,
            Self::Explain(one) => {
                let told = |detail: &ConversionDetail| explain(detail).trim_end().to_owned();
                one.print(async |ledger, id| ledger.conversion(id).await, told).await
            }
            Self::Check(one) => one.print(async |ledger, id| ledger.check(id).await, asked_for).await,
            Self::Release(ByHand { reason, one }) => {
                one.print(async |ledger, id| ledger.release(id, reason).await, show).await
            }
            Self::Reject(ByHand { reason, one }) => {
                one.print(async |ledger, id| ledger.reject(id, reason).await, show).await
            }
        }
    }
}

fn asked_for(marked: &Marked) -> String {
    let ending = if marked.deliveries == 1 { "" } else { "s" };
    format!(
        "{} commission{ending} will be asked for as soon as the lane is free; `trailmark conversions show` then tells",
        marked.deliveries
    )
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
        // An unattributed conversion has no delivery, and its code says why.
        let delivery =
            if row.deliveries.is_empty() { row.code.clone().unwrap_or_default() } else { row.deliveries.join(", ") };
        vec![
            output::id(row.id.as_str()),
            output::when(row.received_at),
            row.kind.as_str().to_owned(),
            output::key(row.external_id.as_deref().unwrap_or("signed")),
            row.status.as_str().to_owned(),
            output::words(&delivery),
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
