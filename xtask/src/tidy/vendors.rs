//! Guard over vendors: a vendor is one folder and one line for the adapter, and the same for its double. No other source names
//! it, and no vendor names another: neither Rust nor the scripts of browsers, the default configuration and this build script.
//! Comments of Rust and JavaScript may, and so may tests and `www`, whose shop shows what each of the vendors does. Reads the
//! vendors' names from the tree, so that a new vendor is guarded without a line here.

use super::code::{code_of, production};
use super::{File, Violation};

/// The table of vendors, and the list of doubles with its `mod` lines.
const LISTS: [&str; 3] = [
    "crates/trailmark-wire/src/vendor.rs",
    "crates/trailmark-simulator/src/double.rs",
    "crates/trailmark-simulator/src/lib.rs",
];

/// The default configuration, comments and all: what it says of vendors is filled in when it is printed.
const DEFAULTS: &str = "crates/trailmark-proxy/config.default.toml";

/// Where adapters are.
const ADAPTERS: &str = "crates/trailmark-vendors/src/";

pub(super) fn check(tree: &[File]) -> Vec<Violation> {
    let names: Vec<&str> = tree.iter().filter_map(adapter).collect();
    let sources = tree.iter().filter(|file| is_source(&file.path) && !LISTS.contains(&file.path.as_str()));
    sources.flat_map(|file| named(file, &names)).collect()
}

/// The vendor whose adapter begins in this file.
fn adapter(file: &File) -> Option<&str> {
    let name = file.path.strip_prefix(ADAPTERS)?.strip_suffix("/mod.rs")?;
    file.text.contains("impl Vendor for ").then_some(name)
}

fn is_source(path: &str) -> bool {
    let (folder, rest) = path.split_once("src/").or_else(|| path.split_once("pkg-template/")).unwrap_or_default();
    let is_product = folder.is_empty() || folder == "xtask/" || folder.starts_with("crates/");
    let is_code = [".rs", ".js", ".ts", ".html"].iter().any(|ending| rest.ends_with(ending));
    let is_test = rest.ends_with("tests.rs") || rest.contains("tests/");
    path == DEFAULTS || (is_product && is_code && !is_test)
}

/// The vendors' names in a file's code and texts, other than the name of the folder that it is in.
fn named(file: &File, names: &[&str]) -> Vec<Violation> {
    let is_own = |name: &str| file.path.split('/').any(|part| part.strip_suffix(".rs").unwrap_or(part) == name);
    let is_rust = file.path.ends_with(".rs");
    let lines = if is_rust { production(&code_of(&file.text)).lines().count() } else { usize::MAX };
    let code = file.text.lines().take(lines).enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.flat_map(|(index, line)| {
        let others = names.iter().filter(move |name| has_name(line, name)).filter(|name| !is_own(name));
        let told = |name: &&str| Violation::new(&file.path, index + 1, format!("names {name}, a vendor with a folder"));
        others.map(told).collect::<Vec<_>>()
    })
    .collect()
}

/// Whether a line has the name in any case; `partnerOwner` does not have `partnero`.
fn has_name(line: &str, name: &str) -> bool {
    let ends = |start: usize| line.as_bytes().get(start + name.len()).is_none_or(|next| !next.is_ascii_lowercase());
    line.to_ascii_lowercase().match_indices(name).any(|(start, _)| ends(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let adapters =
            ["alpha", "beta"].map(|name| file(&format!("{ADAPTERS}{name}/mod.rs"), "impl Vendor for X {}\n"));
        let tree: Vec<_> = adapters.into_iter().chain([file(path, text)]).collect();
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_vendor_is_named_in_its_folders_and_in_the_lists_alone() {
        let code = "// beta\nuse crate::beta;\n";
        assert_eq!(
            found("crates/trailmark-vendors/src/alpha/a.rs", code),
            ["crates/trailmark-vendors/src/alpha/a.rs:2: names beta, a vendor with a folder"]
        );
        assert_eq!(
            found("crates/trailmark-proxy/src/a.rs", "let x = \"Alpha's\";\n"),
            ["crates/trailmark-proxy/src/a.rs:1: names alpha, a vendor with a folder"]
        );
        assert_eq!(found("crates/trailmark-proxy/src/a.rs", "betAlphabet, alphabet\n"), [""; 0]);
        assert_eq!(found("src/a.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use beta;\n}\n"), [""; 0]);
        for path in [DEFAULTS, "pkg-template/stub.js", "crates/trailmark-proxy/src/admin/view/a.html", "xtask/src/a.rs"]
        {
            let caught = format!("{path}:2: names beta, a vendor with a folder");
            assert_eq!(found(path, "// alpha\n# At Beta a click id.\n"), [caught], "{path}");
        }
        for path in [
            "crates/trailmark-vendors/src/beta/b.rs",
            "crates/trailmark-simulator/src/beta/b.rs",
            "crates/trailmark-proxy/tests/it/a.rs",
            "crates/trailmark-proxy/src/intake/tests.rs",
            "docs/a.md",
            "pkg-template/README.md",
            "www/site.js",
            LISTS[0],
        ] {
            assert_eq!(found(path, code), [""; 0], "{path}");
        }
    }
}
