//! The step `newcomer` of `test`: a fifth vendor, invented, costs one folder and one line. Copies the crates into the target
//! folder, adds the vendor of `xtask/newcomer/` there, builds the binary, and runs the tests of the adapters, those of all
//! vendors and its own, one of which starts a proxy. That no other source names a vendor is `tidy`'s part.
//!
//! The copy must never replace what the product is built from: its binary goes to a folder of its own, and its crates have a
//! version of their own, which Cargo makes a part of their files' names. So the rest of the build is shared, and what others
//! wrote is not built again; that needs the same compiler flags.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::shell;
use crate::workspace::Workspace;

/// What the copy consists of.
const COPIED: [&str; 2] = ["Cargo.lock", "crates"];

/// Its folder and its tests, and where they go.
const FILES: [(&str, &str); 5] = [
    ("mod.rs", "crates/trailmark-vendors/src/acme/mod.rs"),
    ("table.rs", "crates/trailmark-vendors/src/acme/table.rs"),
    ("captures.rs", "crates/trailmark-vendors/src/acme/captures.rs"),
    ("tests.rs", "crates/trailmark-vendors/tests/acme.rs"),
    ("proxy.rs", "crates/trailmark-vendors/tests/acme_proxy.rs"),
];

/// The file of the table, the lines between which the table stands, and the newcomer's line, its last one.
const LINE: (&str, [&str; 2], &str) =
    ("crates/trailmark-wire/src/vendor.rs", ["        $take! {", "        }"], "            acme: Acme,");

/// Makes the copy with its binary, and the command that runs its tests.
///
/// # Errors
/// A file cannot be copied, the place of the line is not there exactly once, or the binary cannot be built.
pub(crate) fn tests(workspace: &Workspace) -> Result<Command> {
    let copy = workspace.target.join("newcomer");
    for name in ["crates", "Cargo.toml"] {
        let old = copy.join(name);
        if old.is_dir() {
            fs::remove_dir_all(&old)?;
        }
    }
    for part in COPIED {
        let from = workspace.root.join(part);
        let files = if from.is_dir() { shell::files_under(&from)? } else { vec![from] };
        for file in files {
            let text = fs::read(&file)?;
            write(&copy.join(file.strip_prefix(&workspace.root)?), &text)?;
        }
    }
    let manifest = fs::read_to_string(workspace.root.join("Cargo.toml"))?;
    write(&copy.join("Cargo.toml"), virtual_manifest(&manifest)?.as_bytes())?;
    for (name, place) in FILES {
        write(&copy.join(place), &fs::read(workspace.root.join("xtask/newcomer").join(name))?)?;
    }
    let (path, ends, line) = LINE;
    let path = copy.join(path);
    let text = with_line(&fs::read_to_string(&path)?, ends, line);
    write(&path, text.with_context(|| format!("{}: not one table is between {ends:?}", path.display()))?.as_bytes())?;
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(shell::cargo());
        command.args(arguments).arg("--offline").current_dir(&copy);
        command.env("CARGO_TARGET_DIR", copy.join("target")).env("CARGO_BUILD_BUILD_DIR", &workspace.target);
        command
    };
    // As the steps after it build the product's, so that the libraries have the same features.
    shell::run(&mut cargo(&["build", "--quiet", "--package", "trailmark-proxy", "--bin", "trailmark"]))?;
    let mut tests = cargo(&["test", "--package", "trailmark-vendors"]);
    tests.env("NEWCOMER_BIN", copy.join("target/debug/trailmark"));
    Ok(tests)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The root manifest without the root package, for the crates that are there; with another version, and with warnings as
/// errors.
fn virtual_manifest(manifest: &str) -> Result<String> {
    let (shared, _) = manifest.split_once("\n[package]\n").context("Cargo.toml has no [package]")?;
    let is_kept = |line: &&str| !line.starts_with("members = ") && !line.starts_with("default-members = ");
    let kept: Vec<&str> = shared.lines().filter(is_kept).collect();
    ensure!(kept.first() == Some(&"[workspace]"), "Cargo.toml begins with [workspace]");
    let changed = kept.into_iter().map(|line| match line {
        "[workspace]" => "[workspace]\nmembers = [\"crates/*\"]",
        "[workspace.lints.rust]" => "[workspace.lints.rust]\nwarnings = \"deny\"",
        line if line.starts_with("version = ") => "version = \"0.0.0-newcomer\"",
        line => line,
    });
    Ok(changed.collect::<Vec<_>>().join("\n") + "\n")
}

/// The text with `line` before the first line `end` after the only line `begin`.
fn with_line(text: &str, [begin, end]: [&str; 2], line: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|one| *one == begin)?;
    let length = lines.iter().skip(start).position(|one| *one == end)?;
    let is_only = lines.iter().filter(|one| **one == begin).count() == 1;
    lines.insert(start + length, line);
    is_only.then(|| lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_the_last_of_the_only_table() {
        let ends = ["{", "}"];
        assert_eq!(with_line("}\n{\na\n}\n}\n", ends, "x").as_deref(), Some("}\n{\na\nx\n}\n}\n"));
        assert_eq!(with_line("{\n}\n{\n}\n", ends, "x"), None);
        assert_eq!(with_line("a\n}\n", ends, "x"), None);
    }

    #[test]
    fn the_copys_manifest_has_what_the_crates_inherit_and_no_other_member() {
        let root = "[workspace]\nmembers = [\"crates/*\", \"xtask\"]\ndefault-members = [\".\"]\nresolver = \"3\"\n\n\
                    [workspace.package]\nversion = \"1.2.3\"\nrust-version = \"1.95\"\n\n[workspace.lints.rust]\n\n\
                    [package]\nname = \"trailmark\"\n";
        let expected = "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n\n\
                        [workspace.package]\nversion = \"0.0.0-newcomer\"\nrust-version = \"1.95\"\n\n\
                        [workspace.lints.rust]\nwarnings = \"deny\"\n";
        assert_eq!(virtual_manifest(root).unwrap(), expected);
        virtual_manifest("[workspace]\n").unwrap_err();
    }
}
