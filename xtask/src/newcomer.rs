//! The step `newcomer` of `test`: a fifth vendor, invented, costs one folder and one line. Copies the adapters and the crate
//! with the table into the target folder, adds the vendor of `xtask/newcomer/` there, and runs the tests of the adapters,
//! those of all vendors and its own. That no other source names a vendor is `tidy`'s part.
//!
//! The copy has a target folder of its own: it must never replace what the product is built from.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::shell;
use crate::workspace::Workspace;

/// What the copy consists of.
const COPIED: [&str; 3] = ["Cargo.lock", "crates/trailmark-wire", "crates/trailmark-vendors"];

/// Its folder and its tests, and where they go.
const FILES: [(&str, &str); 4] = [
    ("mod.rs", "crates/trailmark-vendors/src/acme/mod.rs"),
    ("table.rs", "crates/trailmark-vendors/src/acme/table.rs"),
    ("captures.rs", "crates/trailmark-vendors/src/acme/captures.rs"),
    ("tests.rs", "crates/trailmark-vendors/tests/acme.rs"),
];

/// The file of the table, the lines between which the table stands, and the newcomer's line, its last one.
const LINE: (&str, [&str; 2], &str) =
    ("crates/trailmark-wire/src/vendor.rs", ["        $take! {", "        }"], "            acme: Acme,");

/// Makes the copy, and the command that runs its tests.
///
/// # Errors
/// A file cannot be copied, or the place of the line is not there exactly once.
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
    let mut command = Command::new(shell::cargo());
    command.args(["test", "--offline", "--package", "trailmark-vendors"]).current_dir(&copy);
    command.env("CARGO_TARGET_DIR", copy.join("target")).env("RUSTFLAGS", "-D warnings");
    Ok(command)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The root manifest without the root package, for the crates that are there.
fn virtual_manifest(manifest: &str) -> Result<String> {
    let (shared, _) = manifest.split_once("\n[package]\n").context("Cargo.toml has no [package]")?;
    let is_kept = |line: &&str| !line.starts_with("members = ") && !line.starts_with("default-members = ");
    let kept: Vec<&str> = shared.lines().filter(is_kept).collect();
    ensure!(kept.first() == Some(&"[workspace]"), "Cargo.toml begins with [workspace]");
    Ok(kept.join("\n").replacen("[workspace]", "[workspace]\nmembers = [\"crates/*\"]", 1) + "\n")
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
                    [workspace.package]\nedition = \"2024\"\n\n[package]\nname = \"trailmark\"\n";
        let expected =
            "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n\n[workspace.package]\nedition = \"2024\"\n";
        assert_eq!(virtual_manifest(root).unwrap(), expected);
        virtual_manifest("[workspace]\n").unwrap_err();
    }
}
