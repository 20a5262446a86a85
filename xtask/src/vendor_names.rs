//! The names that vendors' links and scripts use, for the hand-written half of the browser's module: in a file of
//! `pkg-template`, `__PARAMS__` becomes the parameters and `__COOKIES__` the cookies, separated by commas, each name once in
//! a file. They are read from the text of the vendors' `captures.rs`, since this crate imports no other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::shell;

/// Where the vendors' folders are.
const ADAPTERS: &str = "crates/trailmark-vendors/src";

/// What stands for the names, with the members of a vendor's table that have them.
const LISTS: [(&str, [&str; 2]); 2] =
    [("__PARAMS__", ["click_params:", "partner_params:"]), ("__COOKIES__", ["click_cookies:", "partner_cookies:"])];

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
    let mut text = read(template)?;
    let mut known = BTreeSet::new();
    for (mark, members) in LISTS {
        if text.contains(mark) {
            let sources: Vec<String> = files(root)?.iter().map(|file| read(file)).collect::<Result<_>>()?;
            let names = sources.iter().flat_map(|source| names(source, members));
            let new: Vec<&str> = names.filter(|name| known.insert((*name).to_owned())).collect();
            text = text.replace(mark, &new.join(","));
        }
    }
    Ok(text)
}

/// The names in these members of one vendor's table, in their order.
fn names<'s>(source: &'s str, members: [&'static str; 2]) -> impl Iterator<Item = &'s str> {
    let lists = source.split(['{', '\n']).map(str::trim_start);
    let lists = lists.filter(move |text| members.iter().any(|member| text.starts_with(member)));
    lists
        .filter_map(|text| text.split_once('[')?.1.split_once(']'))
        .flat_map(|(list, _)| list.split('"').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_vendor_are_those_of_its_table_whatever_the_layout() {
        let long = "const NAMES: Names = Names {\n    click_params: &[\"a_id\", \"b\"],\n    click_cookies: &[\"c\"],\n    \
                    partner_params: &[\"d\"],\n    default_params: &[\"aff\"],\n};\n";
        let [(_, params), (_, cookies)] = LISTS;
        assert_eq!(names(long, params).collect::<Vec<_>>(), ["a_id", "b", "d"]);
        assert_eq!(names(long, cookies).collect::<Vec<_>>(), ["c"]);
        let short = "const NAMES: Names = Names { click_params: &[\"a\"], ..NOTHING };\n";
        assert_eq!(names(short, params).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn every_template_gets_the_names_of_every_vendor() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let stub = filled(&root, &root.join("pkg-template/stub.js")).unwrap();
        for name in ["ps_xid", "gsxid", "ps_partner_key", "gspk", "clickref", "irw_id"] {
            assert!(stub.contains(&format!("{name},")), "{name}");
        }
        let core = filled(&root, &root.join("pkg-template/core.js")).unwrap();
        assert!(core.contains("growSumoPartnerKey,") && core.contains("partnero_partner,"), "{core}");
        assert_eq!(core.matches("clickref,").count(), 1, "both a parameter and a cookie: {core}");
        assert!(LISTS.iter().all(|(mark, _)| !stub.contains(mark) && !core.contains(mark)));
    }
}
