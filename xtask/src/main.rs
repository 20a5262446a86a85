//! `cargo xtask`: the only build script of the project.
//!
//! This file reads the command line and hands over; each task is a file of its own, in the order of a
//! day's work: [`build_sdk`], [`size`], [`pack`], [`demo`], [`mod@format`], [`tidy`], [`fuzz`], [`bench_pages`], [`mod@test`]. It imports no
//! workspace crate, so that it compiles while they do not. Linux and macOS.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a build script talks to the terminal")]

mod workspace;
mod shell;
mod npm;
mod panics;
mod debian;
mod tools;
mod fronts;
mod artifact;
mod vendor_names;
mod minify;
mod twin;
mod sdk_files;
mod build_sdk;
mod size;
mod pack;
mod process;
mod demo;
mod tidy;
mod counts;
mod docs;
mod fuzz;
mod bench_pages;
mod format;
mod newcomer;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

const HELP: &str = "\
cargo xtask TASK: the only build script of Trailmark

  demo         build everything and run the whole product here, with a simulator of the vendors; Ctrl-C stops it and
               keeps ledger and simulator's state for the next run
                 --fresh   delete ledger and simulator's state of earlier runs first
  test         install what is missing and run every check and test, the first red one ends it
                 --only STEP[,STEP]   only these steps
                 --list               the steps and what they check
                 --advisories         ask for known vulnerabilities of dependencies too (needs the network)
  fuzz         feed every reader at an edge with changed inputs in the release profile; a finding says how to replay it
                 --seconds N          how long it takes, 60 when not said; inputs differ from run to run
                 --seed N             the seed of an earlier run, for the same inputs again
                 --replay FILE        only the input of a finding
  matrix       build a page with each build tool, untouched, and follow it to a recorded signup in Chromium; import the
               package in each runtime. Too slow for every run: before a release, and when the package's files change
                 --only STEP[,STEP]   only these steps
                 --list               the steps and what they check
  bench-pages  what a page pays for Trailmark and for its peers: requests, bytes, main-thread time, as a table
                 --runs N             visits of each page, 15 when not said
                 --before FOLDER      an earlier build too: a copy of its crates/trailmark-proxy/sdk
                 --dub FILE           Dub's script, which is not on npm; tests/bench/peers.mjs says how to build it
  build-sdk    compile the browser module into crates/trailmark-proxy/sdk, where the proxy embeds it
  size         what a page pays for the module, against its budget
  pack         write the npm package to target/npm and pack its tarball there; publishes nothing
  fmt          format everything, also what `cargo fmt` does not find
  tidy         check what no compiler checks: import directions, file heads, places of web-sys, documents
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["build-sdk"] => build_sdk::run(&Workspace::load()?),
        ["size"] => size::run(&Workspace::load()?),
        ["pack"] => pack::run(&Workspace::load()?),
        ["demo"] => demo::run(&Workspace::load()?, false),
        ["demo", "--fresh"] => demo::run(&Workspace::load()?, true),
        ["fmt"] => format::run(&Workspace::load()?),
        ["tidy"] => tidy::run(&Workspace::load()?),
        ["test", options @ ..] if !options.contains(&"--help") => test::run(&Workspace::load()?, options),
        ["matrix", options @ ..] if !options.contains(&"--help") => test::matrix(&Workspace::load()?, options),
        ["bench-pages", options @ ..] if !options.contains(&"--help") => bench_pages::run(&Workspace::load()?, options),
        ["fuzz", options @ ..] if !options.contains(&"--help") => fuzz::run(&Workspace::load()?, options),
        [] | ["help" | "--help" | "-h", ..] | [_, "help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        [task, option, ..] if tasks().any(|known| known == *task) => bail!("{}", no_option(task, option)),
        [task, ..] => bail!("`{task}` is no task; `cargo xtask --help` lists them"),
    }
}

/// The tasks, as the help lists them.
fn tasks() -> impl Iterator<Item = &'static str> {
    let lines = HELP.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next())
}

/// The options of a task, as the help lists them below it.
fn options_of(task: &str) -> Vec<&'static str> {
    let below = HELP.lines().skip_while(|line| line.split_whitespace().next() != Some(task) || !line.starts_with("  "));
    let own = below.skip(1).take_while(|line| line.starts_with("    "));
    own.filter_map(|line| line.split_whitespace().next().filter(|word| word.starts_with("--"))).collect()
}

fn no_option(task: &str, option: &str) -> String {
    let options = options_of(task);
    let has = if options.is_empty() { "takes none".to_owned() } else { format!("has `{}`", options.join("`, `")) };
    format!("`{task}` has no option `{option}`; it {has}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_a_task_has_not_is_named_with_those_that_it_has() {
        let error = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            run(&words).unwrap_err().to_string()
        };
        assert_eq!(error(&["demo", "--frsh"]), "`demo` has no option `--frsh`; it has `--fresh`");
        for task in ["tidy", "size", "pack", "build-sdk"] {
            assert_eq!(error(&[task, "--all"]), format!("`{task}` has no option `--all`; it takes none"));
        }
        assert_eq!(error(&["dmo"]), "`dmo` is no task; `cargo xtask --help` lists them");
        assert_eq!(options_of("fuzz"), ["--seconds", "--seed", "--replay"]);
    }
}
