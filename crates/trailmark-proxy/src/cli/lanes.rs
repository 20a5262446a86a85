//! `trailmark lanes`: lists the queue of each vendor account, says why one is stopped, and opens it.

use clap::Subcommand;

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::rows::LedgerArgs;
use crate::store::operator::LaneRow;

#[derive(Debug, Subcommand)]
pub(super) enum Lanes {
    /// List lanes, and why one is stopped
    List(LedgerArgs),
    /// Open a stopped lane: try one request now, and the others once the vendor answers it
    Open(Open),
}

#[derive(Debug, clap::Args)]
pub(super) struct Open {
    /// The lane (SITE/PROGRAM), as `lanes list` shows it
    #[arg(value_name = "SITE/PROGRAM", value_parser = name)]
    lane: String,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Lanes {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(ledger) => {
                let lanes = async |ledger: &Ledger<'_>| ledger.lanes().await;
                ledger.desk()?.print(lanes, |lanes| table(lanes)).await
            }
            Self::Open(Open { lane, ledger }) => {
                let open =
                    async |ledger: &Ledger<'_>| ledger.open_lane(&lane).await.map_err(|failure| failure.about(&lane));
                ledger.desk()?.print(open, |lane| table(std::slice::from_ref(lane))).await
            }
        }
    }
}

/// One line per lane; below, one sentence for each stopped lane says why it is stopped.
pub(super) fn table(lanes: &[LaneRow]) -> String {
    let header = [
        ("LANE", Room::Whole),
        ("STATE", Room::Whole),
        ("WAITING", Room::Whole),
        ("STUCK", Room::Whole),
        ("LOOKED AT AGAIN", Room::Whole),
    ];
    let cells = lanes.iter().map(|lane| {
        let next = lane.next_at.as_deref().map(output::when_text).unwrap_or_default();
        vec![named(lane), lane.state.clone(), lane.waiting.to_string(), lane.stuck.to_string(), next]
    });
    let table = output::table(&header, cells.collect(), "no lane has been used yet");
    let reasons = lanes.iter().filter_map(|lane| {
        let reason = lane.reason.as_deref()?;
        Some(output::wrapped(&format!("{0}: {reason}. `trailmark lanes open {0}` opens it now.", named(lane))))
    });
    std::iter::once(table).chain(reasons).collect::<Vec<_>>().join("\n\n")
}

fn named(lane: &LaneRow) -> String {
    format!("{}/{}", lane.site, lane.program)
}

/// Parses a lane's name: the ids of a site and a program.
fn name(text: &str) -> Result<String, &'static str> {
    let is_id = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let fits = text.len() <= 200 && text.split('/').count() <= 2 && text.split('/').all(is_id);
    fits.then(|| text.to_owned()).ok_or("not a lane: write SITE/PROGRAM, such as acme/main")
}
