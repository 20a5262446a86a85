//! `bench-pages`: what a page pays for Trailmark and for its peers, measured in Chromium.
//!
//! This file reads the options, builds, installs the peers from npm into the target folder, and starts
//! `tests/bench/pages.mjs`, which loads the pages, measures, and prints the table. No test depends on its figures.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::npm::Npm;
use crate::tools::Browsers;
use crate::workspace::Workspace;
use crate::{build_sdk, shell};

/// The script that measures.
const SCRIPT: &str = "tests/bench/pages.mjs";

/// What the options ask for, as the variables that the script reads. Files are named from where the caller stands.
fn variables(options: &[&str]) -> Result<Vec<(&'static str, PathBuf)>> {
    let mut found = Vec::new();
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = *options.next().with_context(|| format!("`{option}` needs a value"))?;
        let (name, value) = match *option {
            "--runs" if value.parse::<u32>().is_ok_and(|runs| runs > 0) => ("TRAILMARK_RUNS", value.into()),
            "--runs" => bail!("`--runs {value}` is not a number of runs"),
            "--before" => ("TRAILMARK_BEFORE", real(value)?),
            "--dub" => ("TRAILMARK_DUB", real(value)?),
            other => bail!("`{other}` is no option here; there are --runs N, --before FOLDER and --dub FILE"),
        };
        found.push((name, value));
    }
    Ok(found)
}

fn real(path: &str) -> Result<PathBuf> {
    std::fs::canonicalize(path).with_context(|| format!("cannot find {path}"))
}

/// Builds, measures and prints the table.
///
/// # Errors
/// An unknown option, a file that is not there, a build or an installation that fails, or a page on which one of those
/// that are compared does not work.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let variables = variables(options)?;
    let npm = Npm::install(workspace)?;
    let peers = workspace.target.join("bench");
    Npm::install_copy(&workspace.root.join("tests/bench"), &peers)?;
    let browsers = Browsers::install()?;
    build_sdk::build(workspace)?;
    // The pages of all builds report to the same proxy, so that its profile makes no difference between them.
    shell::run(workspace.cargo().args(["build", "--quiet", "--package", "trailmark-proxy", "--bin", "trailmark"]))?;
    let mut command = Command::new(npm.node);
    command
        .arg(workspace.root.join(SCRIPT))
        .env("TRAILMARK_BIN", workspace.target.join("debug").join("trailmark"))
        .env("TRAILMARK_SDK", workspace.root.join(build_sdk::OUTPUT))
        .env("TRAILMARK_PEERS", peers)
        .env("CHROMIUM", browsers.chromium)
        .envs(variables);
    shell::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_the_variables_that_the_script_reads() {
        let read = |options: &[&str]| variables(options).map_err(|error| error.to_string());
        assert!(read(&[]).unwrap().is_empty());
        assert_eq!(read(&["--runs", "3"]).unwrap(), [("TRAILMARK_RUNS", PathBuf::from("3"))]);
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        let named = folder.path().to_str().unwrap();
        assert_eq!(read(&["--before", named]).unwrap(), [("TRAILMARK_BEFORE", real)]);
        for none in ["0", "few", "-1"] {
            assert_eq!(read(&["--runs", none]).unwrap_err(), format!("`--runs {none}` is not a number of runs"));
        }
        assert_eq!(read(&["--dub"]).unwrap_err(), "`--dub` needs a value");
        assert!(read(&["--dub", "no/such/file.js"]).unwrap_err().contains("cannot find no/such/file.js"));
        assert!(read(&["--peers", "x"]).unwrap_err().contains("is no option here"));
    }

    #[test]
    fn the_script_is_there() {
        assert!(Workspace::load().unwrap().root.join(SCRIPT).is_file());
    }
}
