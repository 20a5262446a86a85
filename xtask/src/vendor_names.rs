//! The names that vendors' links and scripts use, for the hand-written half of the browser's module: `__PARAMS__` in a file of
//! `pkg-template` becomes the parameters, separated by commas. They are read from the text of the vendors' `captures.rs`, since
//! this crate imports no other.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::shell;

/// Where the vendors' folders are.
const ADAPTERS: &str = "crates/trailmark-vendors/src";

/// What stands for the parameters.
const PARAMS: &str = "__PARAMS__";

/// The file of each vendor.
pub(crate) fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = shell::files_under(&root.join(ADAPTERS))?;
    files.retain(|file| file.ends_with("captures.rs"));
    ensure!(!files.is_empty(), "{ADAPTERS} has no vendor");
    Ok(files)
}

/// The text of a file of `pkg-template`, with the names in place.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn filled(root: &Path, template: &Path) -> Result<String> {
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let text = read(template)?;
    if !text.contains(PARAMS) {
        return Ok(text);
    }
    let sources: Vec<String> = files(root)?.iter().map(|file| read(file)).collect::<Result<_>>()?;
    let names: Vec<&str> = sources.iter().flat_map(|source| params(source)).collect();
    Ok(text.replace(PARAMS, &names.join(",")))
}

/// The parameters of one vendor, in their order.
fn params(source: &str) -> impl Iterator<Item = &str> {
    let lists = source.split(['{', '\n']).map(str::trim_start);
    let lists = lists.filter(|text| text.starts_with("click_params:") || text.starts_with("partner_params:"));
    lists
        .filter_map(|text| text.split_once('[')?.1.split_once(']'))
        .flat_map(|(list, _)| list.split('"').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_vendor_are_those_that_its_links_carry_whatever_the_layout() {
        let long = "const NAMES: Names = Names {\n    click_params: &[\"a_id\", \"b\"],\n    click_cookies: &[\"c\"],\n    \
                    partner_params: &[\"d\"],\n    default_params: &[\"aff\"],\n};\n";
        assert_eq!(params(long).collect::<Vec<_>>(), ["a_id", "b", "d"]);
        let short = "const NAMES: Names = Names { click_params: &[\"a\"], ..NOTHING };\n";
        assert_eq!(params(short).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn every_template_gets_the_names_of_every_vendor() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let stub = filled(&root, &root.join("pkg-template/stub.js")).unwrap();
        for name in ["ps_xid", "gsxid", "ps_partner_key", "gspk", "clickref", "irw_id"] {
            assert!(stub.contains(&format!("{name},")), "{name}");
        }
        assert!(!stub.contains(PARAMS) && !stub.contains("partnero_partner"), "{stub}");
    }
}
