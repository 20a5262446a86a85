//! The command line: one enum of commands, each in a file of its own under `cli/`, and the vendors' commands (`commands`),
//! which come from their tables. Commands print tables for people and
//! JSON for programs. They read the ledger through a running proxy's operator listener or, without one, from the store
//! itself. The library makes every decision.

mod account;
mod api_keys;
mod commands;
mod config;
mod conversions;
mod doctor;
mod failure;
mod import;
mod keys;
mod lanes;
mod ledger;
mod outbox;
mod output;
mod people;
mod records;
mod remote;
mod rows;
mod serve;
mod sheet;
mod simulate;
mod snippet;
mod store;
mod typed;
mod vendors;
mod way_on;
mod webhooks;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use trailmark_wire::ids::{ProgramId, SiteId};

use self::failure::Failure;
use self::way_on::WayOn;
use crate::config::{Config, Overrides, Program, Site};
use crate::nearest::likeness;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the request failed: no such row, the ledger refuses the change, not every row or person is in order, or
       doctor found a fault
  2    usage or configuration
  3    refused by the vendor
  4    vendor or store not reachable
  130  interrupted";

/// Attributes customers to the partners who referred them, with proof: the proxy and its operator's tools.
#[derive(Debug, Parser)]
#[command(name = "trailmark", version, after_help = EXIT_CODES, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy: public listener, operator's listener and deliveries
    Serve(serve::Serve),
    /// Run local simulators of the vendors and of a shop's backend
    Simulate(simulate::Simulate),
    /// Print the code for a site's pages, ready to paste
    Snippet(snippet::Snippet),
    /// Print what each vendor supports in each dialect, its commands, and what it lacks
    Vendors(vendors::Vendors),
    /// Say why clicks or signups of a page do not arrive, with the cure
    Doctor(doctor::Doctor),
    /// List, explain and decide conversions in the ledger
    #[command(subcommand)]
    Conversions(conversions::Conversions),
    /// List deliveries that wait or need you, and retry, drop or resolve them
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// List lanes (the queue of each vendor account), and open a stopped one
    #[command(subcommand)]
    Lanes(lanes::Lanes),
    /// List webhooks from vendors, including those that could not be read or matched
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    /// List, rotate and revoke the sites' signing keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Add, list and revoke the API keys of the sites' backends
    #[command(subcommand, name = "apikeys")]
    ApiKeys(api_keys::ApiKeys),
    /// Create, migrate and check the ledger
    #[command(subcommand)]
    Store(store::Store),
    /// Check and print the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// The configuration file of a command.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// Configuration file [default: trailmark.toml in the working directory]
    #[arg(id = "config", long, value_name = "FILE", env = "TRAILMARK_CONFIG")]
    path: Option<PathBuf>,
}

impl ConfigFile {
    /// Reads the settings, but no secrets.
    fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.path.as_deref(), &Overrides::from_process())?)
    }
}

/// The configuration file and ledger of a command.
#[derive(Debug, clap::Args)]
struct Setup {
    #[command(flatten)]
    file: ConfigFile,
    /// Ledger to use instead of `store.url`, such as sqlite:trailmark.db
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Setup {
    fn path(&self) -> Option<&Path> {
        self.file.path.as_deref()
    }

    fn overrides(&self) -> Overrides {
        Overrides::from_process().with_flag("store.url", self.store.clone())
    }

    /// Reads the settings, but no secrets.
    fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.path(), &self.overrides())?)
    }
}

/// Finds the configured site `id`.
fn site<'a>(config: &'a Config, id: &SiteId) -> Result<&'a Site, Failure> {
    let known = config.sites.iter().map(|site| site.id.as_str());
    config.site(id).ok_or_else(|| not_configured("--site", id.as_str(), known))
}

/// Finds the configured program `id`.
fn program<'a>(config: &'a Config, id: &ProgramId) -> Result<&'a Program, Failure> {
    let mut programs = config.sites.iter().flat_map(|site| &site.programs);
    let known = programs.clone().map(|program| program.id.as_str());
    programs.find(|program| program.id == *id).ok_or_else(|| not_configured("--program", id.as_str(), known))
}

fn not_configured<'a>(flag: &str, id: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let known: Vec<_> = known.collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Failure::usage(format!("{flag}: `{id}` is not configured; configured: {known}"))
}

/// The output's format.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Format {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Runs one command line and returns its exit code. Prints to the process's own streams.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let own = Cli::command();
    let mut all = commands::added(&own);
    let todo = all.try_get_matches_from_mut(&arguments).and_then(|matches| match commands::asked(&own, matches) {
        Ok(asked) => Ok(Todo::AtVendor(asked)),
        Err(matches) => Ok(Todo::Own(Cli::from_arg_matches(&matches)?.command)),
    });
    let todo = match todo {
        Ok(todo) => todo,
        Err(usage) => {
            let usage = hinted(usage, arguments.get(1), &all);
            // Help and version are no errors; clap knows which stream each belongs on.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    match start(todo, &WayOn::of(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                // A vendor's message or a key may hold characters that move the cursor or turn the direction of a line.
                let lines: Vec<_> = text.lines().map(output::plain).collect();
                let _ = writeln!(std::io::stderr(), "error: {}", lines.join("\n"));
            }
            failure.exit_code()
        }
    }
}

/// What a command line asks for.
enum Todo {
    /// A command of the vendors' tables.
    AtVendor(commands::Asked),
    Own(Command),
}

/// An unknown command with the likeliest one first; the first word alone may also be a command of a group.
fn hinted(mut usage: clap::Error, first: Option<&OsString>, all: &clap::Command) -> clap::Error {
    let Some(ContextValue::String(word)) = usage.get(ContextKind::InvalidSubcommand).cloned() else { return usage };
    let mut likely = match usage.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::Strings(several)) => several.clone(),
        Some(ContextValue::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    likely.sort_by(|a, b| likeness(&word, b).total_cmp(&likeness(&word, a)));
    if first.is_some_and(|first| *first == *word) {
        likely.splice(0..0, groups_with(&word, all));
    }
    if !likely.is_empty() {
        usage.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(likely));
    }
    usage
}

/// `conversions explain` for `explain`: every group that has such a command.
fn groups_with(word: &str, all: &clap::Command) -> Vec<String> {
    let has = |group: &&clap::Command| group.get_subcommands().any(|one| one.get_name() == word && !one.is_hide_set());
    let groups = all.get_subcommands().filter(has);
    groups.map(|group| format!("{} {word}", group.get_name())).collect()
}

fn start(todo: Todo, way_on: &WayOn) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::request(format!("cannot start the runtime: {error}")))?;
    let done = runtime.block_on(dispatch(todo, way_on));
    if done.is_err() {
        way_on.tell();
    }
    done
}

async fn dispatch(todo: Todo, way_on: &WayOn) -> Result<(), Failure> {
    match todo {
        // Being stopped is how these two end well.
        Todo::Own(Command::Serve(serve)) => serve.run().await,
        Todo::Own(Command::Simulate(simulate)) => simulate.run().await,
        todo => tokio::select! {
            // The signal first, so that it is listened for before the command does anything.
            biased;
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
            done = short(todo, way_on) => done,
        },
    }
}

async fn short(todo: Todo, way_on: &WayOn) -> Result<(), Failure> {
    let command = match todo {
        Todo::AtVendor(asked) => return asked.run(way_on).await,
        Todo::Own(command) => command,
    };
    match command {
        Command::Serve(serve) => serve.run().await,
        Command::Simulate(simulate) => simulate.run().await,
        Command::Snippet(snippet) => snippet.run(),
        Command::Vendors(vendors) => vendors.run(),
        Command::Doctor(doctor) => doctor.run().await,
        Command::Conversions(conversions) => conversions.run().await,
        Command::Outbox(outbox) => outbox.run().await,
        Command::Lanes(lanes) => lanes.run().await,
        Command::Webhooks(webhooks) => webhooks.run().await,
        Command::Keys(keys) => keys.run().await,
        Command::ApiKeys(keys) => keys.run().await,
        Command::Store(store) => store.run().await,
        Command::Config(config) => config.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_cli() {
        commands::added(&Cli::command()).debug_assert();
    }
}
