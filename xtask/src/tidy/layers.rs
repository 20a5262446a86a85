//! Guards over imports: the dependencies of each crate, and the few files that may use the outside.
//!
//! These tables are the architecture's import directions in a form that fails a build. A new line in one is a change of
//! architecture and needs a reason.

use super::code::{code_of, lines_with, production};
use super::{File, Violation};
use crate::workspace::Package;

/// What one crate may depend on. External dependencies that are dev-dependencies, or that never reach a browser's module,
/// are free.
struct Rule {
    package: &'static str,
    members: &'static [&'static str],
    /// `None`: whatever the workspace lists, except what only a browser can run.
    outside: Option<&'static [&'static str]>,
}

const BROWSER: &[&str] = &["gloo-net", "js-sys", "lol_alloc", "wasm-bindgen", "wasm-bindgen-futures", "web-sys"];

const RULES: &[Rule] = &[
    Rule {
        package: "trailmark",
        members: &["trailmark-wire"],
        outside: Some(&[
            "base64",
            "gloo-net",
            "js-sys",
            "lol_alloc",
            "serde",
            "thiserror",
            "wasm-bindgen",
            "wasm-bindgen-futures",
            "web-sys",
        ]),
    },
    Rule { package: "trailmark-wire", members: &[], outside: Some(&["base64", "serde", "thiserror"]) },
    Rule {
        package: "trailmark-attribution",
        members: &["trailmark-wire"],
        outside: Some(&["base64", "serde", "thiserror"]),
    },
    Rule {
        package: "trailmark-vendors",
        members: &["trailmark-wire", "trailmark-attribution"],
        outside: Some(&["base64", "serde", "serde_json", "thiserror", "zeroize"]),
    },
    Rule {
        package: "trailmark-proxy",
        members: &["trailmark-wire", "trailmark-attribution", "trailmark-vendors", "trailmark-simulator"],
        outside: None,
    },
    Rule { package: "trailmark-simulator", members: &[], outside: None },
    Rule {
        package: "xtask",
        members: &[],
        outside: Some(&[
            "anyhow",
            "base64",
            "brotli",
            "ctrlc",
            "flate2",
            "nix",
            "rustc-demangle",
            "serde",
            "serde_json",
            "sha2",
            "walrus",
            "wasm-bindgen-cli-support",
        ]),
    },
];

/// The crates that only compute.
const PURE: [&str; 3] =
    ["crates/trailmark-wire/src/", "crates/trailmark-attribution/src/", "crates/trailmark-vendors/src/"];

/// Words that would bring time, chance or the outside into a pure crate.
const IMPURE: [&str; 16] = [
    "SystemTime",
    "Instant",
    "rand",
    "getrandom",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
    "reqwest",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
];

/// Runs the guards that look at one file.
pub(super) fn check(file: &File) -> Vec<Violation> {
    let guards = [manifest, purity, browser_boundary, js_boundary, egress_boundary];
    guards.iter().flat_map(|guard| guard(file)).collect()
}

/// Every member depends only on what its line of the table allows.
pub(super) fn dependencies(packages: &[Package]) -> Vec<Violation> {
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    packages.iter().flat_map(|package| package_dependencies(package, &names)).collect()
}

fn package_dependencies(package: &Package, members: &[&str]) -> Vec<Violation> {
    let path = package.manifest_path.display().to_string();
    let Some(rule) = RULES.iter().find(|rule| rule.package == package.name) else {
        return vec![Violation::new(&path, 1, "has no line in the table of xtask/src/tidy/layers.rs")];
    };
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let dev = dependency.kind.as_deref() == Some("dev");
        let allowed = match rule.outside {
            _ if members.contains(&name) => rule.members.contains(&name),
            _ if dev => true,
            Some(outside) => outside.contains(&name),
            None => !BROWSER.contains(&name),
        };
        if !allowed {
            found.push(Violation::new(&path, 1, format!("may not depend on {name}")));
        }
    }
    found
}

/// A manifest takes lints and dependencies from the workspace, where each has its reason.
fn manifest(file: &File) -> Vec<Violation> {
    if !file.path.ends_with("Cargo.toml") {
        return Vec::new();
    }
    let mut found = Vec::new();
    if !file.text.contains("[lints]\nworkspace = true") {
        found.push(Violation::new(&file.path, 1, "lacks `[lints] workspace = true`"));
    }
    let mut in_table = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.starts_with('[') {
            in_table = line.ends_with("dependencies]") && !line.starts_with("[workspace");
        } else if in_table && line.contains('=') && !line.starts_with('#') && !line.contains("workspace = true") {
            found.push(Violation::new(&file.path, index + 1, "takes a dependency past [workspace.dependencies]"));
        }
    }
    found
}

/// Time, chance and I/O stay out of wire, attribution and vendors.
fn purity(file: &File) -> Vec<Violation> {
    if !PURE.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let code = code_of(&file.text);
    let code = production(&code);
    let mut found = Vec::new();
    for word in IMPURE {
        for line in lines_with(code, word).chain(lines_importing(code, word)) {
            found.push(Violation::new(
                &file.path,
                line,
                format!("uses `{word}`; this crate computes and does nothing else"),
            ));
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The lines of `use std::{...}` groups that import the module `word` names (`std::fs`).
fn lines_importing(code: &str, word: &str) -> Vec<usize> {
    let Some(module) = word.strip_prefix("std::") else {
        return Vec::new();
    };
    let groups = code.match_indices("std::{").filter_map(|(start, opening)| {
        let inside = code.get(start + opening.len()..)?;
        let inside = inside.get(..inside.find(';')?)?;
        let names = inside.split(['{', '}', ',']).map(str::trim);
        let named = names.into_iter().any(|name| name.split("::").next() == Some(module));
        named.then(|| code.get(..start).map_or(0, |before| before.matches('\n').count()) + 1)
    });
    groups.collect()
}

/// Only one place of the SDK uses web-sys; everything else runs without a browser.
fn browser_boundary(file: &File) -> Vec<Violation> {
    let inside = file.path == "src/browser.rs" || file.path.starts_with("src/browser/");
    if !is_sdk(file) || inside {
        return Vec::new();
    }
    let code = code_of(&file.text);
    lines_with(&code, "web_sys")
        .map(|line| Violation::new(&file.path, line, "uses web_sys, which is for src/browser.rs alone"))
        .collect()
}

/// Only one file exports to pages. Imports from JS (`extern` blocks) are also allowed at the browser boundary.
fn js_boundary(file: &File) -> Vec<Violation> {
    if !is_sdk(file) || file.path == "src/js.rs" || file.path.starts_with("src/js/") {
        return Vec::new();
    }
    let code = code_of(&file.text);
    let mut found = Vec::new();
    let mut in_extern = false;
    let mut lines = code.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        in_extern = (in_extern || line.starts_with("extern ")) && line != "}";
        if !in_extern && line.trim_start().starts_with("#[wasm_bindgen") {
            let item =
                lines.clone().map(|(_, line)| line.trim()).find(|line| !line.starts_with('#') && !line.is_empty());
            if !item.is_some_and(|item| item.starts_with("extern ")) {
                found.push(Violation::new(&file.path, index + 1, "exports to JS, which is for src/js.rs alone"));
            }
        }
    }
    found
}

fn is_sdk(file: &File) -> bool {
    file.path.starts_with("src/") && file.path.ends_with(".rs")
}

/// Only one place of the proxy uses the HTTP client.
fn egress_boundary(file: &File) -> Vec<Violation> {
    let Some(place) = file.path.strip_prefix("crates/trailmark-proxy/src/") else {
        return Vec::new();
    };
    if place == "egress.rs" || place.starts_with("egress/") {
        return Vec::new();
    }
    let code = code_of(&file.text);
    lines_with(production(&code), "reqwest")
        .map(|line| Violation::new(&file.path, line, "uses reqwest, which is for src/egress.rs alone"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    #[track_caller]
    fn lines(guard: fn(&File) -> Vec<Violation>, path: &str, text: &str) -> Vec<usize> {
        let file = File { path: path.into(), text: text.into() };
        guard(&file).iter().map(|violation| violation.line).collect()
    }

    fn package(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        let dependencies =
            dependencies.iter().map(|(name, kind)| Dependency { name: (*name).into(), kind: kind.map(str::to_owned) });
        Package {
            name: name.into(),
            version: "0.1.0".into(),
            manifest_path: "Cargo.toml".into(),
            dependencies: dependencies.collect(),
        }
    }

    #[test]
    fn a_dependency_outside_the_table_is_caught() {
        let check = |name, dependencies: &[_]| {
            let packages = [package(name, dependencies), package("trailmark-proxy", &[])];
            dependencies_found(&packages)
        };
        assert_eq!(check("trailmark-wire", &[("serde", None), ("proptest", Some("dev"))]), [""; 0]);
        assert_eq!(check("trailmark-wire", &[("tokio", None)]), ["may not depend on tokio"]);
        assert_eq!(check("trailmark-vendors", &[("reqwest", None)]), ["may not depend on reqwest"]);
        assert_eq!(check("trailmark-simulator", &[("web-sys", None)]), ["may not depend on web-sys"]);
    }

    #[test]
    fn an_import_against_the_direction_is_caught_also_among_dev_dependencies() {
        let packages = [
            package("trailmark-wire", &[("trailmark-proxy", Some("dev"))]),
            package("trailmark-proxy", &[("trailmark-wire", None), ("axum", None)]),
            package("xtask", &[("trailmark-wire", None)]),
            package("newcomer", &[]),
        ];
        assert_eq!(
            dependencies_found(&packages),
            [
                "may not depend on trailmark-proxy",
                "may not depend on trailmark-wire",
                "has no line in the table of xtask/src/tidy/layers.rs"
            ]
        );
    }

    fn dependencies_found(packages: &[Package]) -> Vec<String> {
        dependencies(packages).into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn a_manifest_past_the_workspace_is_caught() {
        let good = "[package]\n[lints]\nworkspace = true\n\n[dependencies]\nserde.workspace = true\n";
        assert_eq!(lines(manifest, "crates/a/Cargo.toml", good), [0; 0]);
        assert_eq!(lines(manifest, "crates/a/Cargo.toml", "[package]\n[dependencies]\nserde = \"1\"\n"), [1, 3]);
    }

    #[test]
    fn time_chance_and_io_in_a_pure_crate_are_caught() {
        for bad in [
            "let now = std::time::SystemTime::now();",
            "let now = Instant::now();",
            "use std::fs;",
            "use std::{collections::BTreeMap, env};",
            "println!(\"x\");",
            "tokio::spawn(x);",
            "let x = rand::random();",
        ] {
            assert_eq!(lines(purity, "crates/trailmark-wire/src/a.rs", bad), [1], "{bad}");
            assert_eq!(lines(purity, "crates/trailmark-proxy/src/a.rs", bad), [0; 0], "{bad}");
        }
        let good = "//! Never `SystemTime::now()`.\nuse std::{fmt, str};\nfn operand() {}\n#[cfg(test)]\nmod tests {\nuse std::fs;\n}";
        assert_eq!(lines(purity, "crates/trailmark-vendors/src/a.rs", good), [0; 0]);
    }

    #[test]
    fn web_sys_outside_its_file_is_caught() {
        let text = "//! Not `web_sys`.\nuse web_sys::Window;";
        assert_eq!(lines(browser_boundary, "src/capture.rs", text), [2]);
        assert_eq!(lines(browser_boundary, "src/browser.rs", text), [0; 0]);
        assert_eq!(lines(browser_boundary, "src/browser/key.rs", text), [0; 0]);
    }

    #[test]
    fn an_export_outside_its_file_is_caught_and_an_import_is_not() {
        let export = "#[wasm_bindgen(js_name = go)]\npub fn go() {}";
        let import = "#[wasm_bindgen]\nextern \"C\" {\n    #[wasm_bindgen(method)]\n    fn name(this: &Options);\n}\n";
        assert_eq!(lines(js_boundary, "src/browser.rs", export), [1]);
        assert_eq!(lines(js_boundary, "src/browser.rs", import), [0; 0]);
        assert_eq!(lines(js_boundary, "src/browser.rs", &format!("{import}{export}")), [6]);
        assert_eq!(lines(js_boundary, "src/js.rs", export), [0; 0]);
    }

    #[test]
    fn a_second_http_client_is_caught() {
        let text = "use reqwest::Client;";
        assert_eq!(lines(egress_boundary, "crates/trailmark-proxy/src/delivery.rs", text), [1]);
        assert_eq!(lines(egress_boundary, "crates/trailmark-proxy/src/egress.rs", text), [0; 0]);
        assert_eq!(lines(egress_boundary, "crates/trailmark-proxy/src/egress/client.rs", text), [0; 0]);
    }
}
