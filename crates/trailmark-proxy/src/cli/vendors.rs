//! `trailmark vendors`: the capability table of all four vendors in both dialects, and what its words mean. Every cell is an
//! answer.

use trailmark_vendors::capability::{Capabilities, Class, Support};
use trailmark_vendors::{Dialect, VENDORS, Vendor, title};

use super::Format;
use super::failure::Failure;
use super::output::{self, Room};

#[derive(Debug, clap::Args)]
pub(super) struct Vendors {
    #[command(flatten)]
    format: Format,
}

impl Vendors {
    pub(super) fn run(self) -> Result<(), Failure> {
        let rows = |vendor: &&dyn Vendor| Dialect::ALL.map(|dialect| vendor.capabilities(dialect));
        let table: Vec<Capabilities> = VENDORS.iter().flat_map(rows).collect();
        if self.format.json {
            return output::json(&table);
        }
        let texts: Vec<String> = table.iter().map(section).chain([legend()]).collect();
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
    let title = format!("{}, dialect {}", title(capabilities.vendor), capabilities.dialect.as_str());
    format!("{title}\n{}", output::table(&header, rows.collect(), "nothing"))
}

/// What the proxy does about a call of unknown outcome, by the word beside its `yes`.
fn legend() -> String {
    let words = [Class::Keyed, Class::UniqueKey, Class::Upsert, Class::Searchable, Class::Neither];
    let rows = words.map(|class| vec![class.as_str().to_owned(), unknown(class).to_owned()]);
    let header = [("ANSWER", Room::Whole), ("IF THE OUTCOME OF A CALL IS UNKNOWN", Room::Rest)];
    output::table(&header, rows.to_vec(), "nothing")
}

fn unknown(class: Class) -> &'static str {
    match class {
        Class::Keyed => "it is sent again: the vendor accepts each key only once",
        Class::UniqueKey => "it is sent again: the vendor refuses a second one, and a look-up shows whose the first is",
        Class::Upsert => "it is sent again: it replaces the existing record",
        Class::Searchable => "it is looked up, and sent again only if the vendor does not have it",
        Class::Neither => "it is not sent again until an operator decides: `trailmark outbox resolve`",
    }
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
