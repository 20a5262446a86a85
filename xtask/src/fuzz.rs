//! `fuzz`: the proxy's fuzzer in the release profile, for as long as it is told.
//!
//! This file reads the options and starts `crates/trailmark-proxy/tests/fuzz`, which draws inputs, holds the rules and tells
//! findings, and `tests/package/capture.test.mjs`, which reads the same addresses with the browser's module. The short run
//! with fixed seeds is part of `cargo xtask test`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::workspace::Workspace;
use crate::{build_sdk, shell};

/// Seconds for which the readers are fed, shared among them.
const SECONDS: &str = "60";

/// The file of a finding, as the fuzzer reads it.
const REPLAY: &str = "TRAILMARK_FUZZ_REPLAY";

/// The fuzzer's test that writes the corpus.
const CORPUS_TEST: &str = "the_corpus_for_the_browsers_module_is_written";

/// What feeds it to the module, under Node.
const MODULE_TEST: &str = "tests/package/capture.test.mjs";

/// What the options ask for, as the variables that the fuzzer reads.
fn variables<'a>(options: &[&'a str]) -> Result<Vec<(&'static str, &'a str)>> {
    let mut found = Vec::new();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = *options.next().with_context(|| format!("`{option}` needs a value"))?;
        let name = match *option {
            "--seconds" => "TRAILMARK_FUZZ_SECONDS",
            "--seed" => "TRAILMARK_FUZZ_SEED",
            "--replay" => REPLAY,
            other => bail!("`{other}` is no option of fuzz; there are --seconds N, --seed N and --replay FILE"),
        };
        if name != REPLAY && value.parse::<u64>().is_err() {
            bail!("`{option} {value}` is not a whole number");
        }
        found.push((name, value));
    }
    Ok(found)
}

/// The tests of the fuzzer that a run needs: the targets or a replay, and what the browser's module is then fed with.
fn tests(is_replay: bool) -> [&'static str; 2] {
    [if is_replay { "a_finding_can_be_replayed" } else { "hold_" }, CORPUS_TEST]
}

/// Feeds the readers, or replays a finding; first in Rust, then in the module that browsers load.
///
/// # Errors
/// An unknown option, a file that is not there, or a finding: the fuzzer has told it.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let mut variables = variables(options)?;
    let is_named = |name| variables.iter().any(|(known, _)| *known == name);
    let is_replay = is_named(REPLAY);
    if !is_replay && !is_named("TRAILMARK_FUZZ_SECONDS") {
        variables.push(("TRAILMARK_FUZZ_SECONDS", SECONDS));
    }
    let mut command = workspace.cargo();
    command.args(["test", "--release", "--quiet", "--package", "trailmark-proxy", "--test", "fuzz"]);
    command.args(["--no-fail-fast", "--"]).args(tests(is_replay));
    for (name, value) in variables {
        if name == REPLAY {
            // Named from where the caller stands; the tests run elsewhere.
            let file = std::fs::canonicalize(value).with_context(|| format!("cannot find {value}"))?;
            command.env(name, file);
        } else {
            command.env(name, value);
        }
    }
    shell::run(&mut command)?;
    let corpus = corpus(workspace);
    if std::fs::metadata(&corpus)?.len() == 0 {
        // A replay of another reader's finding.
        return Ok(());
    }
    build_sdk::build(workspace)?;
    let node = shell::which("node").context("the browser's module runs under Node, and node is not on PATH")?;
    let mut command = Command::new(node);
    command.arg(workspace.root.join(MODULE_TEST)).env("TRAILMARK_CORPUS", corpus);
    shell::run(command.env("TRAILMARK_SDK", workspace.root.join(build_sdk::OUTPUT)))
}

/// Writes the short run's corpus, the same each time.
///
/// # Errors
/// The fuzzer does not compile.
pub(crate) fn short_corpus(workspace: &Workspace) -> Result<()> {
    // With the features that the whole workspace's tests have, so that nothing is compiled again.
    shell::run(workspace.cargo().args(["test", "--quiet", "--workspace", "--test", "fuzz", "--", CORPUS_TEST]))
}

/// Where the fuzzer writes what the browser's module is fed with.
pub(crate) fn corpus(workspace: &Workspace) -> PathBuf {
    workspace.target.join("tmp/fuzz/capture.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_the_variables_that_the_fuzzer_reads() {
        let read =
            |options: &[&str]| variables(options).map_err(|error| error.to_string()).map(|found| format!("{found:?}"));
        assert_eq!(read(&[]).unwrap(), "[]");
        assert_eq!(
            read(&["--seconds", "5", "--seed", "7"]).unwrap(),
            r#"[("TRAILMARK_FUZZ_SECONDS", "5"), ("TRAILMARK_FUZZ_SEED", "7")]"#
        );
        assert_eq!(read(&["--seconds", "soon"]).unwrap_err(), "`--seconds soon` is not a whole number");
        assert_eq!(read(&["--replay", "a b"]).unwrap(), r#"[("TRAILMARK_FUZZ_REPLAY", "a b")]"#);
        assert_eq!(read(&["--seed", "-1"]).unwrap_err(), "`--seed -1` is not a whole number");
        assert_eq!(read(&["--seconds"]).unwrap_err(), "`--seconds` needs a value");
        assert!(read(&["--minutes", "5"]).unwrap_err().contains("is no option of fuzz"));
    }

    #[test]
    fn the_tests_that_a_run_names_are_those_of_the_fuzzer() {
        let workspace = Workspace::load().unwrap();
        let main = std::fs::read_to_string(workspace.root.join("crates/trailmark-proxy/tests/fuzz/main.rs")).unwrap();
        for name in [tests(true), tests(false)].concat() {
            assert!(main.contains(name), "{name}");
        }
        assert!(workspace.root.join(MODULE_TEST).is_file());
    }
}
