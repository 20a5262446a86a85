//! `trailmark vendors`: the capability table of all four vendors in both dialects. Every cell is an answer.

use trailmark_vendors::capability::{Capabilities, Support};
use trailmark_vendors::{Dialect, capabilities};
use trailmark_wire::ids::VendorName;

use super::Format;
use super::failure::Failure;
use super::output::{self, Room};
use crate::explain::vendor_title;

#[derive(Debug, clap::Args)]
pub(super) struct Vendors {
    #[command(flatten)]
    format: Format,
}

impl Vendors {
    pub(super) fn run(self) -> Result<(), Failure> {
        let table: Vec<Capabilities> = VendorName::ALL
            .into_iter()
            .flat_map(|vendor| [Dialect::Current, Dialect::Guide].map(|dialect| capabilities(vendor, dialect)))
            .collect();
        if self.format.json {
            return output::json(&table);
        }
        let texts: Vec<String> = table.iter().map(section).collect();
        output::line(&texts.join("\n\n"))
    }
}

/// One vendor in one dialect: seven columns of calls would not fit a terminal, seven lines do.
fn section(capabilities: &Capabilities) -> String {
    let rows = capabilities.cells.iter().map(|(operation, support)| {
        let (answer, how) = cell(*support);
        vec![operation.as_str().replace('_', "-"), answer, how]
    });
    let header = [("OPERATION", Room::Whole), ("ANSWER", Room::Whole), ("HOW", Room::Rest)];
    let title = format!("{}, dialect {}", vendor_title(capabilities.vendor), capabilities.dialect.as_str());
    format!("{title}\n{}", output::table(&header, rows.collect(), "nothing"))
}

fn cell(support: Support) -> (String, String) {
    match support {
        Support::Yes { how, class: Some(class) } => (format!("yes, {}", class.as_str()), how.to_owned()),
        Support::Yes { how, class: None } => ("yes".to_owned(), how.to_owned()),
        Support::NotNeeded { why } => ("not needed".to_owned(), why.to_owned()),
        Support::NotYet { how, class: Some(class) } => (format!("not yet, {}", class.as_str()), how.to_owned()),
        Support::NotYet { how, class: None } => ("not yet".to_owned(), how.to_owned()),
        Support::Unsupported { why } => ("unsupported".to_owned(), why.to_owned()),
    }
}
