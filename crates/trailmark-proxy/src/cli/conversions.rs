//! `trailmark conversions`: what happened after the clicks, why each was credited as it was, and the end of what was held.
//! One is named by its id or by the merchant's own key, which partner managers know; which of those under a key is meant is
//! decided here.

use std::cmp::Reverse;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use trailmark_wire::limits::KEY_CHARS;
use trailmark_wire::receipt::Status;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::rows::{ByHand, LedgerArgs, One, Rows, beginning};
use crate::admin::webhooks::Marked;
use crate::answer::Answered;
use crate::explain::{UNREAD_KEY, credited, explain};
use crate::store::operator::{ConversionDetail, ConversionRow, DeliveryRow, Filter, LaneRow};

#[derive(Debug, Subcommand)]
pub(super) enum Conversions {
    /// List conversions, the newest first
    List(List),
    /// Show one conversion with its deliveries
    Show(Named),
    /// Tell the way of one conversion from the link to the vendor's answer
    Explain(Named),
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
    /// Under your own key: the customer's of a signup or lead, the order's of a sale, the refund's of a refund
    #[arg(long, value_name = "KEY", value_parser = merchants_key)]
    key: Option<String>,
    /// Of one customer, sales too, by your own key
    #[arg(long, value_name = "KEY", value_parser = merchants_key)]
    customer: Option<String>,
    /// Credited to one partner, or of visitors whom a link of theirs brought
    #[arg(long, value_name = "KEY", value_parser = merchants_key)]
    partner: Option<String>,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// One conversion, by whatever name people have for it.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// Its id or the first 8 characters of it or more, or your own key of the customer, order or refund
    #[arg(value_name = "ID_OR_KEY", value_parser = merchants_key)]
    name: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// A conversion and what is needed to tell of it. As JSON the conversion alone.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Found {
    detail: Answered<ConversionDetail>,
    #[serde(skip)]
    lanes: Vec<LaneRow>,
    /// That the name leads to others, too, and how to list them.
    #[serde(skip)]
    others: Option<String>,
}

impl Conversions {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(List { status, key, customer, partner, rows, ledger }) => {
                let (desk, filter) = (ledger.desk()?, Filter { key, customer, partner, ..rows.in_state(status) });
                let found = async |ledger: &Ledger<'_>| desk.found(&filter, ledger.conversions(filter.clone()).await?);
                desk.print(found, |rows| list(rows)).await
            }
            Self::Show(named) => named.print(|found| found.with_others(show(&found.detail.of))).await,
            Self::Explain(named) => {
                named
                    .print(|found| found.with_others(explain(&found.detail.of, &found.lanes).trim_end().to_owned()))
                    .await
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

impl Named {
    async fn print(self, text: impl FnOnce(&Found) -> String) -> Result<(), Failure> {
        let Self { name, ledger } = self;
        let found = async |ledger: &Ledger<'_>| {
            let (detail, others) = find(ledger, &name).await.map_err(|failure| failure.about(&name))?;
            Ok(Found { detail, lanes: ledger.lanes().await?, others })
        };
        ledger.desk()?.print(found, text).await
    }
}

impl Found {
    fn with_others(&self, text: String) -> String {
        self.others.iter().fold(text, |text, others| format!("{text}\n\n{others}"))
    }
}

/// The conversion of that id, else the one that a key means: under it as its own, else of the customer who has it.
async fn find(ledger: &Ledger<'_>, name: &str) -> Result<(Answered<ConversionDetail>, Option<String>), Failure> {
    if let Ok(id) = beginning(name) {
        match ledger.conversion(&id).await {
            Err(failure) if failure.is_missing() => {}
            found => return found.map(|detail| (detail, None)),
        }
    }
    let key = Some(name.to_owned());
    let own = Filter { key: key.clone(), limit: Some(output::MOST_ROWS), ..Filter::default() };
    let customers = Filter { customer: key, limit: Some(output::MOST_ROWS), ..Filter::default() };
    for (filter, flag) in [(own, "--key"), (customers, "--customer")] {
        let rows = ledger.conversions(filter).await?;
        if let Some(row) = meant(&rows) {
            let others = (rows.len() > 1).then(|| {
                format!("{} more: `trailmark conversions list {flag} {}`", rows.len() - 1, output::plain(name))
            });
            return Ok((ledger.conversion(row.id.as_str()).await?, others));
        }
    }
    Err(Failure::request(
        "no such conversion, neither by id nor by key of a customer, order or refund; what a page answered with `no_touch` or \
         a `consent` code never reaches the ledger",
    ))
}

/// Of those under one key, the one by which it stands, else the newest.
fn meant(rows: &[Answered<ConversionRow>]) -> Option<&ConversionRow> {
    let rank = |row: &ConversionRow| match row.status {
        Status::Accepted => 0,
        Status::Held => 1,
        Status::Unattributed => 2,
        Status::Rejected => 3,
        Status::Duplicate => 4,
    };
    rows.iter().map(|row| &row.of).min_by_key(|row| (rank(row), Reverse(row.received_at)))
}

fn asked_for(marked: &Marked) -> String {
    let ending = if marked.deliveries == 1 { "" } else { "s" };
    format!(
        "{} commission{ending} will be asked for as soon as the lane is free; `trailmark conversions show` then tells",
        marked.deliveries
    )
}

fn list(rows: &[Answered<ConversionRow>]) -> String {
    let header = [
        ("ID", Room::Whole),
        ("RECEIVED", Room::Whole),
        ("KIND", Room::Whole),
        ("KEY", Room::Rest),
        ("STATUS", Room::Rest),
        ("PARTNER", Room::Rest),
    ];
    let cells = rows.iter().map(|Answered { of: row, .. }| {
        vec![
            output::id(row.id.as_str()),
            output::when(row.received_at),
            row.kind.as_str().to_owned(),
            output::key(row.external_id.as_deref().unwrap_or(UNREAD_KEY)),
            standing(row),
            partners(row),
        ]
    });
    output::list(&header, cells.collect(), "no conversion matches")
}

/// `accepted, recorded`, `held, order_expired`: the status, and how its deliveries stand or else why. Each word as it is
/// in JSON and in the docs, so that it can be searched for.
fn standing(row: &ConversionRow) -> String {
    let more = if row.deliveries.is_empty() { row.code.clone().into_iter().collect() } else { row.deliveries.clone() };
    let mut words: Vec<String> = std::iter::once(row.status.as_str().to_owned()).chain(more).collect();
    words.dedup();
    words.join(", ")
}

/// The partners whose conversion it is or, of one that is held, would be.
fn partners(row: &ConversionRow) -> String {
    if row.status == Status::Duplicate {
        return "-".to_owned();
    }
    let named: Vec<_> = row.partners.iter().map(|partner| partner.as_deref().unwrap_or("(by click)")).collect();
    if named.is_empty() { "-".to_owned() } else { named.join(", ") }
}

/// `main approved`, one a program.
fn commissions(deliveries: &[DeliveryRow]) -> String {
    let told = deliveries.iter().map(|row| format!("{} {}", row.program, row.commission.as_str()));
    let told: Vec<_> = told.collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn show(detail: &ConversionDetail) -> String {
    let row = &detail.conversion;
    let code = row.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    let facts = [
        ("conversion", Some(row.id.to_string())),
        ("site", Some(row.site.to_string())),
        ("kind", Some(row.kind.as_str().to_owned())),
        ("key", Some(output::plain(row.external_id.as_deref().unwrap_or(UNREAD_KEY)))),
        ("sale", row.refund_of.as_deref().map(output::plain)),
        ("customer", row.customer.as_deref().map(output::plain)),
        ("amount", row.amount.map(|amount| format!("{} {}", amount.to_decimal(), amount.currency))),
        ("status", Some(format!("{}{code}", row.status.as_str()))),
        ("assurance", Some(row.assurance.clone())),
        ("credited", Some(output::plain(&credited(row)))),
        ("occurred", Some(detail.occurred_at.to_rfc3339())),
        ("received", Some(row.received_at.to_rfc3339())),
        ("visitor", Some(detail.visitor.to_string())),
        ("commission", Some(commissions(&detail.deliveries))),
        ("touches", Some(detail.touches.len().to_string())),
    ];
    let facts = facts.iter().filter_map(|(name, value)| Some(format!("{name:<11} {}", value.as_deref()?)));
    let facts: Vec<String> = facts.collect();
    format!("{}\n\n{}", facts.join("\n"), super::outbox::deliveries(&detail.deliveries, "no delivery"))
}

/// A key as merchants choose them.
fn merchants_key(text: &str) -> Result<String, String> {
    let fits = (1..=KEY_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| format!("not a key: give 1 to {KEY_CHARS} characters on one line"))
}
