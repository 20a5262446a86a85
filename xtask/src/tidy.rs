//! `tidy`: rules that no compiler checks and readers rely on.
//!
//! Each guard is a function over paths and texts, in the file of its subject: [`files`] (heads, lengths, stray paths),
//! [`layers`] (who may import what), [`architecture`] (names in ARCHITECTURE.md are true), [`vendors`] (who may name a
//! vendor). This file reads the tree, runs them all and prints. Each guard has tests that show it finding a violation.

mod architecture;
mod code;
mod files;
mod layers;
mod vendors;

use std::fmt;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;
use crate::workspace::Workspace;

/// One file of the tree, its path relative to the root with `/` between the parts.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

/// One broken rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    /// Counted from 1.
    line: usize,
    message: String,
}

impl Violation {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Prints every violation; fails if there is one.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = read_tree(workspace)?;
    let violations = violations(workspace, &tree);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("{} files are tidy", tree.len());
            Ok(())
        }
        count => bail!("tidy found {count} violations"),
    }
}

fn violations(workspace: &Workspace, tree: &[File]) -> Vec<Violation> {
    let mut found: Vec<Violation> = tree
        .iter()
        .flat_map(|file| files::check(file).into_iter().chain(layers::check(file)))
        .chain(layers::dependencies(&workspace.packages))
        .chain(architecture::check(tree))
        .chain(vendors::check(tree))
        .collect();
    found.sort();
    found
}

/// The files that git tracks, and those that `git add` would add.
fn read_tree(workspace: &Workspace) -> Result<Vec<File>> {
    let names = shell::capture(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&workspace.root),
    )?;
    let mut tree: Vec<File> = names
        .split_terminator('\0')
        .filter_map(|path| {
            // A file that is not UTF-8 text (a picture), or already deleted, has nothing to check.
            let text = std::fs::read_to_string(workspace.root.join(path)).ok()?;
            Some(File { path: path.to_owned(), text })
        })
        .collect();
    tree.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let workspace = Workspace::load().unwrap();
        let found = violations(&workspace, &read_tree(&workspace).unwrap());
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }

    #[test]
    fn a_violation_reads_as_an_editor_expects_it() {
        let violation = Violation::new("src/a.rs", 3, "is wrong");
        assert_eq!(violation.to_string(), "src/a.rs:3: is wrong");
    }
}
