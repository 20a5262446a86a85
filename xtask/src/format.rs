//! `fmt`, and the step of the same name: `cargo fmt`, and the modules that it does not find, because a macro declares them: the
//! folders of the vendors.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell;
use crate::workspace::Workspace;

/// Formats everything.
///
/// # Errors
/// rustfmt is missing, or cannot read a file.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    shell::run(&mut command(workspace, &[])?)
}

/// Whether everything is formatted.
///
/// # Errors
/// It is not, or as [`run`].
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    shell::run(&mut command(workspace, &["--check"])?).context("`cargo xtask fmt` formats everything")
}

fn command(workspace: &Workspace, options: &[&str]) -> Result<Command> {
    let mut hidden: Vec<PathBuf> = shell::files_under(&workspace.root.join("crates/trailmark-vendors/src"))?;
    hidden.retain(|file| file.ends_with("mod.rs") || file.ends_with("captures.rs"));
    let mut command = workspace.cargo();
    command.args(["fmt", "--all"]).args(options).arg("--").args(hidden);
    Ok(command)
}
