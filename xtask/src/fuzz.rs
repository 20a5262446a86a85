//! `fuzz`: the proxy's fuzzer in the release profile, for as long as it is told.
//!
//! This file reads the options and starts `crates/trailmark-proxy/tests/fuzz`, which draws inputs, holds the rules and tells
//! findings. The short run with fixed seeds is part of `cargo test`.

use anyhow::{Context as _, Result, bail};

use crate::shell;
use crate::workspace::Workspace;

/// Seconds for which the readers are fed, shared among them.
const SECONDS: &str = "60";

/// What the options ask for, as the variables that the fuzzer reads; one test alone where it is a replay.
fn variables<'a>(options: &[&'a str]) -> Result<Vec<(&'static str, &'a str)>> {
    let mut found = Vec::new();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = *options.next().with_context(|| format!("`{option}` needs a value"))?;
        let name = match *option {
            "--seconds" => "TRAILMARK_FUZZ_SECONDS",
            "--seed" => "TRAILMARK_FUZZ_SEED",
            "--replay" => "TRAILMARK_FUZZ_REPLAY",
            other => bail!("`{other}` is no option of fuzz; there are --seconds N, --seed N and --replay FILE"),
        };
        if name != "TRAILMARK_FUZZ_REPLAY" && value.parse::<u64>().is_err() {
            bail!("`{option} {value}` is not a whole number");
        }
        found.push((name, value));
    }
    Ok(found)
}

/// Feeds the readers, or replays a finding.
///
/// # Errors
/// An unknown option, or a finding: the fuzzer has told it.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let mut variables = variables(options)?;
    let named = |variables: &[(&str, &str)], name| variables.iter().any(|(known, _)| *known == name);
    let is_replay = named(&variables, "TRAILMARK_FUZZ_REPLAY");
    if !is_replay && !named(&variables, "TRAILMARK_FUZZ_SECONDS") {
        variables.push(("TRAILMARK_FUZZ_SECONDS", SECONDS));
    }
    let only = if is_replay { "a_finding_can_be_replayed" } else { "hold_" };
    let mut command = workspace.cargo();
    command.args([
        "test",
        "--release",
        "--quiet",
        "--package",
        "trailmark-proxy",
        "--test",
        "fuzz",
        "--no-fail-fast",
        "--",
        only,
    ]);
    for (name, value) in variables {
        // A file is named from where the caller stands; the tests run elsewhere.
        match name {
            "TRAILMARK_FUZZ_REPLAY" => {
                let file = std::fs::canonicalize(value).with_context(|| format!("cannot find {value}"))?;
                command.env(name, file);
            }
            _ => drop(command.env(name, value)),
        }
    }
    shell::run(&mut command)
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
        assert_eq!(read(&["--seconds"]).unwrap_err(), "`--seconds` needs a value");
        assert!(read(&["--minutes", "5"]).unwrap_err().contains("is no option of fuzz"));
    }
}
