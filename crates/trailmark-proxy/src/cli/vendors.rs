//! `trailmark vendors`: what each vendor can do in both dialects, and what the words mean; the commands that ask it, with
//! their calls; and what it does not offer, with the reason. Every cell is an answer, and every line has its source.

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

/// A command, what it calls or why there is none, and who says so.
#[derive(Serialize)]
struct Words {
    command: String,
    says: &'static str,
    source: &'static str,
}

impl Vendors {
    pub(super) fn run(self) -> Result<(), Failure> {
        let wanted = |vendor: &&dyn Vendor| self.name.as_deref().is_none_or(|name| name == vendor.name());
        let rows = |vendor: &'static dyn Vendor| Dialect::ALL.map(|dialect| Row::of(vendor, dialect));
        let table: Vec<Row> = VENDORS.into_iter().filter(wanted).flat_map(rows).collect();
        if self.format.json {
            return output::json(&table);
        }
        let texts: Vec<String> = table.iter().flat_map(Row::sections).chain([meanings(), legend()]).collect();
        output::line(&texts.join("\n\n"))
    }
}

impl Row {
    fn of(vendor: &'static dyn Vendor, dialect: Dialect) -> Self {
        let offered = commands::offered(vendor, dialect);
        let words = |noun, verb, says, source| Words { command: format!("{noun} {verb}"), says, source };
        let lacking = vendor
            .lacking()
            .iter()
            .filter(|lack| offered.iter().all(|&(command, verb, _)| (command.noun, verb) != (lack.noun, lack.verb)));
        let commands = offered.iter().map(|&(command, verb, calls)| words(command.noun, verb, calls, command.source));
        Self {
            capabilities: vendor.capabilities(dialect),
            lacking: lacking.map(|lack| words(lack.noun, lack.verb, lack.why, lack.source)).collect(),
            commands: commands.collect(),
            title: vendor.title(),
        }
    }

    /// Seven columns of calls would not fit a terminal, seven lines do. A source has a row of its own, below what it is for.
    fn sections(&self) -> Vec<String> {
        let cells = self.capabilities.cells.iter().flat_map(|(operation, support)| {
            let (answer, how, source) = cell(*support);
            let said = vec![operation.as_str().replace('_', "-"), answer, how.to_owned()];
            [said, vec![String::new(), String::new(), from(source)]]
        });
        let header = [("OPERATION", Room::Whole), ("ANSWER", Room::Whole), ("HOW, AND THE SOURCE", Room::Rest)];
        let title = format!("{}, dialect {}", self.title, self.capabilities.dialect.as_str());
        let mut sections = vec![format!("{title}\n{}", output::table(&header, cells.collect(), "nothing"))];
        let commands = ("COMMAND", "CALLS, AND THE SOURCE", &self.commands);
        for (name, says, words) in [commands, ("NO COMMAND", "BECAUSE, AND THE SOURCE", &self.lacking)] {
            let said = |words: &Words| vec![words.command.clone(), words.says.to_owned()];
            let rows: Vec<_> =
                words.iter().flat_map(|words| [said(words), vec![String::new(), from(words.source)]]).collect();
            if !rows.is_empty() {
                sections.push(output::table(&[(name, Room::Whole), (says, Room::Rest)], rows, "nothing"));
            }
        }
        sections
    }
}

fn from(source: &str) -> String {
    format!("source: {source}")
}

/// What the words of answers and sources mean.
fn meanings() -> String {
    let rows = [
        ("assumed", "supported, if something is true that no document says; the line names it"),
        ("not needed", "the vendor learns it in another way"),
        ("unsupported", "the vendor has no call for it"),
        ("seed 000, ...", "a document that Trailmark was asked to implement; docs/endpoints.md lists its calls"),
        ("an address", "the vendor's own pages at this address, and in brackets which of them"),
        ("GitHub a/b", "the public repository a/b, whose code or text shows it"),
    ];
    let rows = rows.map(|(word, meaning)| vec![word.to_owned(), meaning.to_owned()]);
    output::table(&[("ANSWER OR SOURCE", Room::Whole), ("MEANING", Room::Rest)], rows.to_vec(), "nothing")
}

/// What the proxy does about a call of unknown outcome, by the word beside its `yes` or `assumed`.
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

fn cell(support: Support) -> (String, &'static str, &'static str) {
    let beside = |word: &str, class: Option<Class>| match class {
        Some(class) => format!("{word}, {}", class.as_str()),
        None => word.to_owned(),
    };
    match support {
        Support::Yes { how, class, source } => (beside("yes", class), how, source),
        Support::Assumed { how, class, source } => (beside("assumed", class), how, source),
        Support::NotNeeded { why, source } => ("not needed".to_owned(), why, source),
        Support::Unsupported { why, source } => ("unsupported".to_owned(), why, source),
    }
}
