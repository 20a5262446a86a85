//! Guards over ARCHITECTURE.md: the files and names in it exist.
//!
//! A path in backticks must exist. A name in backticks right after a path (only blanks, commas, `::` or `→` between them)
//! must be defined in that file: a function or type in Rust, a word in JS, a test's title. Every row of the table under the
//! heading with "Invariants" must name its guard this way, and the section with "One click" in its heading must name at
//! least one function.

use super::code::has_word;
use super::{File, Violation};

const MAP: &str = "ARCHITECTURE.md";

/// A backticked piece of one line.
#[derive(Debug, PartialEq, Eq)]
struct Quoted<'a> {
    text: &'a str,
    /// Whether only punctuation is between it and the piece before.
    adjacent: bool,
}

/// Compares ARCHITECTURE.md with the tree.
pub(super) fn check(tree: &[File]) -> Vec<Violation> {
    let Some(map) = tree.iter().find(|file| file.path == MAP) else {
        return vec![Violation::new(MAP, 1, "is missing")];
    };
    let mut found = Vec::new();
    let mut section = "";
    let mut walked = false;
    for (index, line) in map.text.lines().enumerate() {
        let mut report = |message: String| found.push(Violation::new(MAP, index + 1, message));
        if line.starts_with('#') {
            section = line;
            continue;
        }
        let pointers = check_line(line, tree, &mut report);
        walked |= section.contains("One click") && pointers > 0;
        if section.contains("Invariants") && is_body_row(line, map, index) && pointers == 0 {
            report("this invariant names no guard (`path` `test`)".to_owned());
        }
    }
    if !walked {
        found.push(Violation::new(MAP, 1, "no section \"One click\" names a file and a function"));
    }
    found
}

/// Reports names in a line that do not exist; returns the number of names.
fn check_line(line: &str, tree: &[File], report: &mut impl FnMut(String)) -> usize {
    let mut path: Option<&str> = None;
    let mut pointers = 0;
    for piece in quoted(line) {
        if is_path(piece.text, tree) {
            path = Some(piece.text);
            if !exists(piece.text, tree) {
                report(format!("`{}` does not exist", piece.text));
            }
        } else if let (true, Some(path)) = (piece.adjacent, path) {
            pointers += 1;
            let file = tree.iter().find(|file| file.path == path);
            if file.is_some_and(|file| !defines(file, piece.text)) {
                report(format!("`{path}` defines no `{}`", piece.text));
            }
        } else {
            path = None;
        }
    }
    pointers
}

fn quoted(line: &str) -> Vec<Quoted<'_>> {
    let mut pieces = Vec::new();
    let mut between = "";
    for (index, part) in line.split('`').enumerate() {
        if index % 2 == 0 {
            between = part;
        } else {
            let glue = |character: char| character.is_whitespace() || ",:→".contains(character);
            pieces.push(Quoted { text: part, adjacent: between.chars().all(glue) });
        }
    }
    pieces
}

/// A path starts with a folder of the tree or, if it has folders, ends like a source file. `v1/clicks` is a route.
fn is_path(text: &str, tree: &[File]) -> bool {
    let Some((folder, _)) = text.split_once('/') else {
        return tree.iter().any(|file| file.path == text);
    };
    if text.contains([' ', '*', '{', '<', ':']) {
        return false;
    }
    let known = tree.iter().any(|file| file.path.split('/').next() == Some(folder) && file.path.contains('/'));
    let suffixes = [".rs", ".js", ".mjs", ".ts", ".html", ".css", ".sql", ".toml", ".json", ".md"];
    known || (!folder.is_empty() && suffixes.iter().any(|suffix| text.ends_with(suffix)))
}

fn exists(path: &str, tree: &[File]) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    tree.iter().any(|file| file.path == path || file.path.starts_with(&folder))
}

fn defines(file: &File, name: &str) -> bool {
    if !file.path.ends_with(".rs") {
        return has_word(&file.text, name.trim_end_matches("()"));
    }
    let name = name.trim_end_matches("()").rsplit("::").next().unwrap_or(name);
    let keywords = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "macro_rules!"];
    keywords.iter().any(|keyword| has_word(&file.text, &format!("{keyword} {name}")))
}

/// Whether the line is a row of a table below its head and rule.
fn is_body_row(line: &str, map: &File, index: usize) -> bool {
    let is_rule = |line: &str| line.starts_with("|-") || line.starts_with("| -") || line.starts_with("|:");
    let above = map.text.lines().take(index).collect::<Vec<_>>();
    let table = above.iter().rev().take_while(|line| line.starts_with('|'));
    line.starts_with('|') && !is_rule(line) && table.into_iter().any(|line| is_rule(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
# Map
The route `v1/clicks` is in `crates/a/src/intake.rs`; `crates/a/` holds it, `sdk-<hash>.js` is served.
## One click
1. `src/capture.rs` `capture` reads, then `crates/a/src/intake.rs`, `Intake::accept()`.
## Invariants
| rule | guard |
|---|---|
| one | `crates/a/tests/it.rs` `a_repeat_is_a_repeat` |
| two | `tests/a.test.mjs` `the page is told` |
";

    fn check_map(map: &str) -> Vec<(usize, String)> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let tree = [
            file(MAP, map),
            file("crates/a/src/intake.rs", "impl Intake { fn accept(&self) {} }"),
            file("crates/a/tests/it.rs", "fn a_repeat_is_a_repeat() {}"),
            file("src/capture.rs", "pub fn capture() {}"),
            file("tests/a.test.mjs", "test('the page is told', () => {})"),
        ];
        check(&tree).into_iter().map(|violation| (violation.line, violation.message)).collect()
    }

    #[test]
    fn a_true_map_passes() {
        assert_eq!(check_map(GOOD), []);
    }

    #[test]
    fn a_renamed_function_test_or_file_is_caught() {
        for (old, new, line) in [
            ("`capture`", "`recapture`", 4),
            ("accept", "accepts", 4),
            ("src/capture.rs", "src/captured.rs", 4),
            ("`crates/a/`", "`crates/b/`", 2),
            ("a_repeat_is_a_repeat", "a_repeat", 8),
            ("the page is told", "the page was told", 9),
        ] {
            let found = check_map(&GOOD.replace(old, new));
            assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [line], "{old}: {found:?}");
        }
    }

    #[test]
    fn an_invariant_without_a_guard_and_an_empty_walk_are_caught() {
        let bare = GOOD.replace("`crates/a/tests/it.rs` `a_repeat_is_a_repeat`", "trust");
        assert_eq!(check_map(&bare), [(8, "this invariant names no guard (`path` `test`)".to_owned())]);
        let still = GOOD.replace("## One click", "## Some walk");
        assert_eq!(check_map(&still).len(), 1);
        assert_eq!(check(&[]).len(), 1);
    }
}
