//! `trailmark vendors`: what each vendor can do in both dialects, and what the words mean; the commands that ask it, with
//! their calls; and what it does not offer, with the reason. Every cell is an answer.

use clap::builder::PossibleValuesParser;
use serde::Serialize;
use trailmark_vendors::capability::{Capabilities, Class, Support};
use trailmark_vendors::{Dialect, VENDORS, Vendor};

use super::Format;
use super::commands;
use super::failure::Failure;
use super::output::{self, Room};

#[derive(Debug, clap::Args)]
pub(super) struct Vendors {
    /// Only this vendor [default: all]
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(VENDORS.map(|vendor| vendor.name())))]
    name: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// One vendor in one dialect.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    capabilities: Capabilities,
    commands: Vec<Words>,
    lacking: Vec<Words>,
    #[serde(skip)]
    title: &'static str,
}

/// A command, and what it calls or why there is none.
#[derive(Serialize)]
struct Words {
    command: String,
    says: &'static str,
}

impl Vendors {
    pub(super) fn run(self) -> Result<(), Failure> {
        let wanted = |vendor: &&dyn Vendor| self.name.as_deref().is_none_or(|name| name == vendor.name());
        let rows = |vendor: &'static dyn Vendor| Dialect::ALL.map(|dialect| Row::of(vendor, dialect));
        let table: Vec<Row> = VENDORS.into_iter().filter(wanted).flat_map(rows).collect();
        if self.format.json {
            return output::json(&table);
        }
        let texts: Vec<String> = table.iter().flat_map(Row::sections).chain([legend()]).collect();
        output::line(&texts.join("\n\n"))
    }
}

impl Row {
    fn of(vendor: &'static dyn Vendor, dialect: Dialect) -> Self {
        let offered = commands::offered(vendor, dialect);
        let words = |noun, verb, says| Words { command: format!("{noun} {verb}"), says };
        let lacking = vendor
            .lacking()
            .iter()
            .filter(|lack| offered.iter().all(|(noun, verb, _)| (*noun, *verb) != (lack.noun, lack.verb)));
        Self {
            capabilities: vendor.capabilities(dialect),
            lacking: lacking.map(|lack| words(lack.noun, lack.verb, lack.why)).collect(),
            commands: offered.iter().map(|(noun, verb, calls)| words(noun, verb, calls)).collect(),
            title: vendor.title(),
        }
    }

    /// Seven columns of calls would not fit a terminal, seven lines do.
    fn sections(&self) -> Vec<String> {
        let cells = self.capabilities.cells.iter().map(|(operation, support)| {
            let (answer, how) = cell(*support);
            vec![operation.as_str().replace('_', "-"), answer, how]
        });
        let header = [("OPERATION", Room::Whole), ("ANSWER", Room::Whole), ("HOW", Room::Rest)];
        let title = format!("{}, dialect {}", self.title, self.capabilities.dialect.as_str());
        let mut sections = vec![format!("{title}\n{}", output::table(&header, cells.collect(), "nothing"))];
        for (name, says, words) in [("COMMAND", "CALLS", &self.commands), ("NO COMMAND", "BECAUSE", &self.lacking)] {
            let rows: Vec<_> = words.iter().map(|words| vec![words.command.clone(), words.says.to_owned()]).collect();
            if !rows.is_empty() {
                sections.push(output::table(&[(name, Room::Whole), (says, Room::Rest)], rows, "nothing"));
            }
        }
        sections
    }
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
        Support::Unsupported { why } => ("unsupported".to_owned(), why.to_owned()),
    }
}
