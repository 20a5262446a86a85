//! `trailmark conversions`: lists and explains conversions, and decides held ones. A conversion is found by its id, the
//! merchant's own key, the customer's e-mail address or the partner; this file chooses between several under one key.

use std::cmp::Reverse;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use trailmark_wire::conversion::Kind;
use trailmark_wire::limits::KEY_CHARS;
use trailmark_wire::receipt::Status;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::rows::{ByHand, LedgerArgs, Limit, One, Rows, beginning};
use crate::admin::export;
use crate::admin::webhooks::Marked;
use crate::answer::{Answer, Answered};
use crate::code::Code;
use crate::explain::{credited, explain, shown_key};
use crate::store::listing::{Filter, MOST_ROWS};
use crate::store::operator::{Change, ConversionDetail, ConversionRow, DeliveryRow, LaneRow};

#[derive(Debug, Subcommand)]
pub(super) enum Conversions {
    /// List conversions, the newest first
    List(List),
    /// Show one conversion with its deliveries
    Show(Named),
    /// Explain whether the partner was paid, and why: from the link to the vendor's answer
    Explain(Named),
    /// Ask the vendor for the commission's status now
    Check(One),
    /// After a disputed signup: ask the vendor which partner it credits, then send the customer's held sales
    Reassign(Named),
    /// Release a held conversion: decide it again and send it
    Release(ByHand),
    /// Reject a held conversion: send nothing
    Reject(ByHand),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Matching any name: an id, your key of a customer, order or refund, a customer's e-mail address, a partner's key
    #[arg(value_name = "NAME", value_parser = merchants_key)]
    name: Option<String>,
    /// With this status
    #[arg(long, value_parser = PossibleValuesParser::new(["accepted", "duplicate", "held", "unattributed", "rejected"]))]
    status: Option<String>,
    /// With your own key: a signup's or lead's customer, a sale's order, a refund's refund
    #[arg(long, value_name = "KEY", value_parser = merchants_key)]
    key: Option<String>,
    /// With this code, as `conversions show` prints it
    #[arg(long, value_name = "CODE", value_parser = code)]
    code: Option<String>,
    /// Of this customer (your own key), including sales
    #[arg(long, value_name = "KEY", value_parser = merchants_key)]
    customer: Option<String>,
    /// Credited to this partner, or from visitors who followed this partner's link
    #[arg(long, value_name = "KEY", value_parser = merchants_key)]
    partner: Option<String>,
    /// Print CSV, for spreadsheets: all rows unless --limit is given
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    rows: Rows,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// One conversion, by any of its names.
#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// Id (8 characters or more), your own key of the customer, order or refund, the customer's e-mail address, or the
    /// partner's key. If an address or partner matches several conversions, they are listed
    #[arg(value_name = "NAME", value_parser = merchants_key)]
    name: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// What a name matches. As JSON: the conversion, or the list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Found {
    /// One conversion, with what its output needs.
    One {
        #[serde(flatten)]
        detail: Box<Answered<ConversionDetail>>,
        #[serde(skip)]
        lanes: Vec<LaneRow>,
        /// A note that the name matches further conversions, and how to list them.
        #[serde(skip)]
        others: Option<String>,
    },
    /// Several conversions, none preferred.
    Several(Vec<Answered<ConversionRow>>),
}

impl Conversions {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Show(named) => named.print(|detail, _| show(detail)).await,
            Self::Explain(named) => named.print(|detail, lanes| explain(&detail.of, lanes).trim_end().to_owned()).await,
            Self::Reassign(Named { name, ledger }) => {
                let asked =
                    async |ledger: &Ledger<'_>| reassign(ledger, &name).await.map_err(|failure| failure.about(&name));
                ledger.desk()?.print(asked, show).await
            }
            Self::Check(one) => one.print(async |ledger, id| ledger.check(id).await, asked_for).await,
            Self::Release(ByHand { reason, one }) => {
                one.print(async |ledger, id| ledger.release(id, reason).await, changed).await
            }
            Self::Reject(ByHand { reason, one }) => {
                one.print(async |ledger, id| ledger.reject(id, reason).await, changed).await
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let Self { name, status, key, code, customer, partner, csv, rows, ledger } = self;
        let desk = ledger.desk()?;
        let (filter, limit) = rows.in_state(status)?;
        let filter = Filter { q: name, key, code, customer, partner, ..filter };
        if csv {
            return desk.ask(async |ledger: &Ledger<'_>| export(ledger, &filter, limit).await).await;
        }
        let found = async |ledger: &Ledger<'_>| {
            let rows = limit.read(&filter, async |filter| ledger.conversions(filter).await).await?;
            desk.found(&filter, rows)
        };
        desk.print(found, |rows| table(rows)).await
    }
}

/// Prints CSV page by page.
async fn export(ledger: &Ledger<'_>, filter: &Filter, limit: Limit) -> Result<(), Failure> {
    output::text(export::HEADER)?;
    limit
        .or(usize::MAX)
        .each(filter, async |filter| ledger.conversions(filter).await, |page| output::text(&export::rows(&page)))
        .await
}

impl Named {
    async fn print(self, text: impl FnOnce(&Answered<ConversionDetail>, &[LaneRow]) -> String) -> Result<(), Failure> {
        let Self { name, ledger } = self;
        let found = async |ledger: &Ledger<'_>| find(ledger, &name).await.map_err(|failure| failure.about(&name));
        let shown = |found: &Found| match found {
            Found::One { detail, lanes, others } => {
                others.iter().fold(text(detail, lanes), |text, others| format!("{text}\n\n{others}"))
            }
            Found::Several(rows) => {
                format!("{} conversions match. Name one by its id:\n\n{}", rows.len(), table(rows))
            }
        };
        ledger.desk()?.print(found, shown).await
    }
}

/// Finds a conversion by id; then by its own key; then by its customer's key. An e-mail address or a partner that matches
/// several conversions gives a list.
async fn find(ledger: &Ledger<'_>, name: &str) -> Result<Found, Failure> {
    if let Ok(id) = beginning(name) {
        match ledger.conversion(&id).await {
            Err(failure) if failure.is_missing() => {}
            found => return one(ledger, found?, None).await,
        }
    }
    let key = Some(name.to_owned());
    let own = Filter { key: key.clone(), limit: Some(MOST_ROWS), ..Filter::default() };
    let customers = Filter { customer: key.clone(), limit: Some(MOST_ROWS), ..Filter::default() };
    for (filter, flag) in [(own, "--key"), (customers, "--customer")] {
        let rows = ledger.conversions(filter).await?;
        if let Some(row) = meant(&rows) {
            let others = (rows.len() > 1).then(|| {
                format!("{} more: `trailmark conversions list {flag} {}`", rows.len() - 1, output::plain(name))
            });
            return one(ledger, ledger.conversion(row.id.as_str()).await?, others).await;
        }
    }
    let named = Filter { q: key, limit: Some(MOST_ROWS), ..Filter::default() };
    let rows = ledger.conversions(named).await?.items;
    match rows.as_slice() {
        [] => Err(Failure::request(
            "no conversion has this id, key, e-mail address or partner. A conversion that the page answered with `no_touch` or a \
             `consent` code never reaches the ledger. To see such signups here, report every signup from your backend",
        )),
        [only] => one(ledger, ledger.conversion(only.of.id.as_str()).await?, None).await,
        _ => Ok(Found::Several(rows)),
    }
}

async fn one(
    ledger: &Ledger<'_>,
    detail: Answered<ConversionDetail>,
    others: Option<String>,
) -> Result<Found, Failure> {
    Ok(Found::One { detail: Box::new(detail), lanes: ledger.lanes().await?, others })
}

/// Asks each vendor again that may credit another partner for the customer of a disputed signup. Each delivery restarts with
/// a look-up; only what the vendor does not have is sent.
async fn reassign(ledger: &Ledger<'_>, name: &str) -> Result<Answered<ConversionDetail>, Failure> {
    let signup = disputed(ledger, name).await?;
    let open = ["conflict", "uncertain"];
    let mut is_asked = false;
    for delivery in signup.of.deliveries.iter().filter(|delivery| open.contains(&delivery.state.as_str())) {
        ledger.change(Change::Retry { delivery: delivery.id.clone(), accept_double: false }).await?;
        is_asked = true;
    }
    match is_asked {
        true => ledger.conversion(signup.of.conversion.id.as_str()).await,
        false => Err(Failure::request(
            "no vendor is known to credit another partner for this customer: `conversions explain` shows its deliveries",
        )),
    }
}

/// Finds the backend's signup that overruled a page's claim, by id or customer key.
async fn disputed(ledger: &Ledger<'_>, name: &str) -> Result<Answered<ConversionDetail>, Failure> {
    let (key, code) = (Some(name.to_owned()), Some(Code::ClaimedByPage.as_str().to_owned()));
    let under_key = Filter { key, code, limit: Some(MOST_ROWS), ..Filter::default() };
    let rows = ledger.conversions(under_key).await?;
    let found = match rows.into_iter().find(|row| row.of.kind == Kind::Signup) {
        Some(row) => Some(ledger.conversion(row.of.id.as_str()).await?),
        None => match find(ledger, name).await? {
            Found::One { detail, .. } => Some(*detail),
            Found::Several(_) => None,
        },
    };
    match found {
        Some(detail) if detail.of.conversion.code.as_deref() == Some(Code::ClaimedByPage.as_str()) => Ok(detail),
        _ => Err(Failure::request(
            "no page's claim to this customer was overruled: `conversions list --code claimed_by_page` lists overruled claims",
        )),
    }
}

/// Chooses the conversion that decides a key; without one, the newest.
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
        "{} commission{ending} will be queried as soon as the lane is free; `trailmark conversions show` then shows the result",
        marked.deliveries
    )
}

fn table(rows: &[Answered<ConversionRow>]) -> String {
    let header = [
        ("ID", Room::Whole),
        ("RECEIVED", Room::Whole),
        ("WHAT", Room::Rest),
        ("ANSWER", Room::Whole),
        ("PARTNER", Room::Rest),
        ("STATUS", Room::Spare),
    ];
    let cells = rows.iter().map(|Answered { of: row, answer, .. }| {
        let key = shown_key(row);
        vec![
            output::id(row.id.as_str()),
            output::when(row.received_at),
            format!("{} {key}", row.kind.as_str()),
            answer.headline.clone(),
            partners(row),
            standing(row),
        ]
    });
    output::list(&header, cells.collect(), "no conversion matches")
}

/// `accepted, recorded` or `held, order_expired`: the status, and the deliveries' states or the code. Uses the words of JSON
/// and docs, which people can search for.
fn standing(row: &ConversionRow) -> String {
    let more = if row.deliveries.is_empty() { row.code.clone().into_iter().collect() } else { row.deliveries.clone() };
    let mut words: Vec<String> = std::iter::once(row.status.as_str().to_owned()).chain(more).collect();
    words.dedup();
    words.join(", ")
}

/// The credited partners; of a held conversion, the partners who would be credited.
fn partners(row: &ConversionRow) -> String {
    if row.status == Status::Duplicate {
        return "-".to_owned();
    }
    let named: Vec<_> = row.partners.iter().map(|partner| partner.as_deref().unwrap_or("(by click)")).collect();
    if named.is_empty() { "-".to_owned() } else { named.join(", ") }
}

/// `main approved` for each program.
fn commissions(deliveries: &[DeliveryRow]) -> String {
    let told = deliveries.iter().map(|row| format!("{} {}", row.program, row.commission.as_str()));
    let told: Vec<_> = told.collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// The conversion after a change by hand.
fn changed(detail: &ConversionDetail) -> String {
    facts(detail, None)
}

fn show(Answered { of, answer, .. }: &Answered<ConversionDetail>) -> String {
    facts(of, Some(answer))
}

fn facts(detail: &ConversionDetail, answer: Option<&Answer>) -> String {
    let row = &detail.conversion;
    let said = answer.map(|answer| {
        let cure = answer.cure.as_deref().map(|cure| format!(" {cure}")).unwrap_or_default();
        format!("{}\n\n", output::wrapped(&format!("{}: {}{cure}", answer.headline, answer.reason)))
    });
    let code = row.code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    let facts = [
        ("conversion", Some(row.id.to_string())),
        ("page's id", row.page_id.as_ref().map(ToString::to_string)),
        ("site", Some(row.site.to_string())),
        ("kind", Some(row.kind.as_str().to_owned())),
        ("key", Some(output::plain(shown_key(row)))),
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
        ("not sent", not_sent(&detail.deliveries)),
    ];
    let facts = facts.iter().filter_map(|(name, value)| Some(format!("{name:<11} {}", value.as_deref()?)));
    let facts: Vec<String> = facts.collect();
    let deliveries = super::outbox::deliveries(&detail.deliveries, "no delivery");
    format!("{}{}\n\n{deliveries}", said.unwrap_or_default(), facts.join("\n"))
}

/// Parses a code in the ledger's spelling.
fn code(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    fits.then(|| text.to_owned()).ok_or("not a code: use lower-case letters and `_`, such as claimed_by_page")
}

/// The fields that were not sent to vendors as reported.
fn not_sent(deliveries: &[DeliveryRow]) -> Option<String> {
    let notes = deliveries.iter().flat_map(|row| &row.notes).map(|note| output::plain(&note.to_string()));
    Some(notes.collect::<Vec<_>>().join("; ")).filter(|notes| !notes.is_empty())
}

/// Parses a merchant's key.
fn merchants_key(text: &str) -> Result<String, String> {
    let fits = (1..=KEY_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| format!("not a key: give 1 to {KEY_CHARS} characters on one line"))
}
