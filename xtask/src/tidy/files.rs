//! Guards over single files: the opening comment, length, licence headers, paths and hosts of one machine.

use super::code::{code_of, production};
use super::{File, Violation};

/// Lines of a source file, without its test module.
const MAX_LINES: usize = 500;

/// Lines of ARCHITECTURE.md, so that people read it to the end.
const MAX_MAP_LINES: usize = 150;

/// Runs every guard of this file.
pub(super) fn check(file: &File) -> Vec<Violation> {
    let guards = [head, length, licence, machine_paths, lock_hosts];
    guards.iter().flat_map(|guard| guard(file)).collect()
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// A file opens by saying what it does.
fn head(file: &File) -> Vec<Violation> {
    let path = file.path.as_str();
    let mut lines = file.text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default();
    let (opens, wanted) = match extension(path) {
        // Included by a macro, where the compiler takes no `//!`.
        "rs" if path.ends_with("/captures.rs") => (first.starts_with("// "), "//"),
        "rs" => (first.starts_with("//!"), "//!"),
        "js" | "mjs" | "cjs" | "ts" => (first.starts_with("//") || first.starts_with("/*"), "//"),
        "css" => (first.starts_with("/*"), "/*"),
        "sql" => (first.starts_with("--"), "--"),
        "html" if first.to_ascii_lowercase().starts_with("<!doctype") => (second.starts_with("<!--"), "<!--"),
        "html" => (first.starts_with("<!--"), "<!--"),
        // A manifest has its `description` instead.
        "toml" if !path.ends_with("Cargo.toml") => (first.starts_with('#'), "#"),
        _ if first.starts_with("#!") => (second.starts_with('#'), "#"),
        _ => return Vec::new(),
    };
    if opens {
        return Vec::new();
    }
    vec![Violation::new(path, 1, format!("does not open with a `{wanted}` comment that says what it does"))]
}

/// A file must be short enough to read at once.
fn length(file: &File) -> Vec<Violation> {
    let path = file.path.as_str();
    let (lines, limit) = match extension(path) {
        _ if path == "ARCHITECTURE.md" => (file.text.lines().count(), MAX_MAP_LINES),
        _ if path.starts_with("tests/") || path.contains("/tests/") => return Vec::new(),
        "rs" => (production(&code_of(&file.text)).lines().count(), MAX_LINES),
        "js" | "mjs" | "cjs" | "ts" => (file.text.lines().count(), MAX_LINES),
        _ => return Vec::new(),
    };
    if lines <= limit {
        return Vec::new();
    }
    vec![Violation::new(path, limit + 1, format!("has {lines} lines, more than {limit}; split it by subject"))]
}

/// The licence is named only in the manifest and the licence files.
fn licence(file: &File) -> Vec<Violation> {
    let source = matches!(extension(&file.path), "rs" | "js" | "mjs" | "cjs" | "ts" | "css" | "html" | "sql" | "toml");
    let marks = [concat!("SPDX-", "License"), concat!("Copy", "right "), concat!("Licensed ", "under")];
    let found = file
        .text
        .lines()
        .take(20)
        .enumerate()
        .filter(|(_, line)| source && marks.iter().any(|mark| line.contains(mark)));
    found
        .map(|(index, _)| {
            Violation::new(&file.path, index + 1, "carries a licence header; the manifest says it for all")
        })
        .collect()
}

/// Folder names of one machine help nobody else.
fn machine_paths(file: &File) -> Vec<Violation> {
    let folders = [concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    let names = |line: &str| {
        folders.into_iter().find(|folder| {
            line.match_indices(folder).any(|(start, _)| {
                let before = line.get(..start).and_then(|text| text.chars().next_back());
                // `src/work/` and `https://example.com/work/` are not such paths.
                !before.is_some_and(|character| character.is_alphanumeric() || "._-~}*".contains(character))
            })
        })
    };
    file.text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, names(line)?)))
        .map(|(line, folder)| Violation::new(&file.path, line, format!("names `{folder}`, a folder of one machine")))
        .collect()
}

/// The lock file names no registry host, so that the registry configured on each machine is used.
fn lock_hosts(file: &File) -> Vec<Violation> {
    if !file.path.ends_with("package-lock.json") {
        return Vec::new();
    }
    let found = file.text.lines().enumerate().filter(|(_, line)| line.contains("\"resolved\""));
    found
        .map(|(index, _)| {
            Violation::new(
                &file.path,
                index + 1,
                "names a registry host; .npmrc has `omit-lockfile-registry-resolved=true`",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn lines(guard: fn(&File) -> Vec<Violation>, path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.into(), text: text.into() };
        guard(&file).iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn a_file_without_its_opening_comment_is_caught() {
        for (path, good, bad) in [
            ("src/a.rs", "//! Says.\nfn a() {}", "// Says.\nfn a() {}"),
            ("src/a/captures.rs", "// Says.\nfn a() {}", "//! Says.\nfn a() {}"),
            ("www/a.js", "// Says.\na()", "a() // Says."),
            ("www/a.css", "/* Says. */\na {}", "a {}"),
            ("www/a.html", "<!doctype html>\n<!-- Says. -->\n<p>", "<!doctype html>\n<p>"),
            ("migrations/1.sql", "-- Says.\nSELECT 1", "SELECT 1"),
            ("deny.toml", "# Says.\n[bans]", "[bans]"),
            (".ci/run", "#!/bin/sh\n# Says.\ntrue", "#!/bin/sh\ntrue"),
        ] {
            assert_eq!(lines(head, path, good), [0; 0], "{path}");
            assert_eq!(lines(head, path, bad), [1], "{path}");
        }
        assert_eq!(lines(head, "crates/a/Cargo.toml", "[package]"), [0; 0]);
        assert_eq!(lines(head, "a/vectors.json", "{}"), [0; 0]);
    }

    #[test]
    fn a_long_file_is_caught_and_its_tests_do_not_count() {
        let long = "a();\n".repeat(501);
        assert_eq!(lines(length, "src/a.rs", &long), [501]);
        assert_eq!(lines(length, "www/a.js", &long), [501]);
        let tested = format!("a();\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(lines(length, "src/a.rs", &tested), [0; 0]);
        assert_eq!(lines(length, "crates/a/tests/it/main.rs", &long), [0; 0]);
        assert_eq!(lines(length, "ARCHITECTURE.md", &"a\n".repeat(151)), [151]);
    }

    #[test]
    fn a_licence_header_is_caught() {
        let header = format!("//! Says.\n// {}-Identifier: MIT", concat!("SPDX-", "License"));
        assert_eq!(lines(licence, "src/a.rs", &header), [2]);
        assert_eq!(lines(licence, "LICENSE-MIT", concat!("Copy", "right 2026")), [0; 0]);
        assert_eq!(lines(licence, "Cargo.toml", "license = \"MIT\""), [0; 0]);
    }

    #[test]
    fn a_path_of_this_machine_is_caught() {
        let bad = format!("one\nsee {}x", concat!("/ro", "ot/"));
        assert_eq!(lines(machine_paths, "README.md", &bad), [2]);
        let good = format!("src{}jobs and https://example.com{}", concat!("/wo", "rk/"), concat!("/wo", "rk/"));
        assert_eq!(lines(machine_paths, "README.md", &good), [0; 0]);
    }

    #[test]
    fn a_registry_host_in_the_npm_lock_file_is_caught() {
        let bad = "{\n\"resolved\": \"https://registry.example/a.tgz\"\n}";
        assert_eq!(lines(lock_hosts, "tests/package-lock.json", bad), [2]);
        assert_eq!(lines(lock_hosts, "tests/package-lock.json", "{\n\"integrity\": \"sha512-x\"\n}"), [0; 0]);
    }
}
