//! `trailmark lanes`: lists the queue of each vendor account, says why one is stopped, and opens it. Programs with the same
//! account share a queue: each has its own line and says whose it is.

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

/// One line per program, with the lane that it shares; below, one sentence for each stopped lane says why it is stopped.
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
        let name = lane.shares.as_ref().map_or(lane.name(), |shares| format!("{} (as {shares})", lane.name()));
        vec![name, lane.state.clone(), lane.waiting.to_string(), lane.stuck.to_string(), next]
    });
    let table = output::table(&header, cells.collect(), "no lane has been used yet");
    let reasons = lanes.iter().filter_map(|lane| {
        let has_been_said =
            lane.shares.as_ref().is_some_and(|shares| lanes.iter().any(|other| other.name() == *shares));
        let reason = lane.reason.as_deref().filter(|_| !has_been_said)?;
        Some(output::wrapped(&format!("{0}: {reason}. `trailmark lanes open {0}` opens it now.", lane.name())))
    });
    std::iter::once(table).chain(reasons).collect::<Vec<_>>().join("\n\n")
}

/// Parses a lane's name: the ids of a site and a program.
fn name(text: &str) -> Result<String, &'static str> {
    let is_id = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let fits = text.len() <= 200 && text.split('/').count() <= 2 && text.split('/').all(is_id);
    fits.then(|| text.to_owned()).ok_or("not a lane: write SITE/PROGRAM, such as acme/main")
}
