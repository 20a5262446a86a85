//! `pack`: turns the built module and the hand-written half into the npm package, in `target/npm`.
//!
//! `package/` is what is published, `trailmark-<version>.tgz` is that folder as npm packs it, and in `apps/` the tests
//! install it. The glue and the module are those that the proxy embeds, with fixed names, since a bundler names files by
//! content itself; the glue gets one line that says where the module is. The rest is readable; the page's bundler minifies it.
//! `index.cjs`, for `require`, is made of the same sources. Publishes nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::artifact::{Manifest, write_if_changed};
use crate::build_sdk;
use crate::npm::{self, Npm};
use crate::shell;
use crate::vendor_names;
use crate::workspace::Workspace;

/// Hand-written files that go into the package unchanged; `package.json` and `stub.js` are adapted.
const AS_THEY_ARE: [&str; 5] = ["index.js", "core.js", "index.d.ts", "sdk_bg.wasm.d.ts", "README.md"];

/// Licences, which are in the root folder.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The end of the package's glue. Bundlers look for this form; it stands in a file that is imported only in a browser,
/// because no CommonJS loader can read it.
const WASM_URL: &str = "\nexport const wasmUrl = () => new URL('./sdk_bg.wasm', import.meta.url);\n";

/// The first line of `index.cjs`.
const COMMON_JS: &str = "// The package for `require`, made of stub.js, core.js and index.js.\n";

/// The folder for everything about the npm package.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("npm")
}

/// Packs the package and prints where it is.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tarball = pack(workspace)?;
    println!("{} is ready: {} bytes", tarball.display(), tarball.metadata()?.len());
    Ok(())
}

/// Builds, writes and packs the package; gives the path of the tarball.
///
/// # Errors
/// What [`build_sdk::build`] fails with; Node or npm is missing, without which the module would be published larger than it
/// need be; a hand-written file is missing or of another shape; npm refuses.
pub(crate) fn pack(workspace: &Workspace) -> Result<PathBuf> {
    Npm::install(workspace).context("the package holds the minified module")?;
    let manifest = build_sdk::build(workspace)?;
    let folder = folder(workspace);
    let package = folder.join("package");
    if package.exists() {
        // Files of an earlier run do not belong to the package.
        std::fs::remove_dir_all(&package).with_context(|| format!("cannot empty {}", package.display()))?;
    }
    std::fs::create_dir_all(&package).with_context(|| format!("cannot create {}", package.display()))?;
    for (name, content) in contents(&workspace.root, &manifest, workspace.version())? {
        write_if_changed(&package.join(name), &content)?;
    }
    let mut command = npm::program()?;
    command.args(["pack", "--silent", "--pack-destination"]).arg(&folder).current_dir(&package);
    let name = shell::capture(&mut command)?;
    Ok(folder.join(name.trim()))
}

/// The names and bytes of the package's files.
fn contents(root: &Path, manifest: &Manifest, version: &str) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let read = |path: PathBuf| std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()));
    let text = |path: PathBuf| vendor_names::filled(root, &path);
    let (template, built) = (root.join("pkg-template"), root.join(build_sdk::OUTPUT));
    let stub = build_sdk::stub_function(&text(template.join("stub.js"))?)?;
    let [core, index] = ["core.js", "index.js"].map(|name| text(template.join(name)));
    let mut glue = read(built.join(&manifest.glue))?;
    glue.extend_from_slice(WASM_URL.as_bytes());
    let mut files = vec![
        ("package.json", versioned(&text(template.join("package.json"))?, version)?.into_bytes()),
        ("index.cjs", as_common_js([&stub, &core?, &index?])?.into_bytes()),
        ("index.d.cts", read(template.join("index.d.ts"))?),
        ("stub.js", stub.replace("\nconst stub = ", "\nexport const stub = ").into_bytes()),
        ("sdk.js", glue),
        ("sdk_bg.wasm", read(built.join(&manifest.wasm))?),
    ];
    for name in AS_THEY_ARE {
        files.push((name, text(template.join(name))?.into_bytes()));
    }
    for name in LICENCES {
        files.push((name, read(root.join(name))?));
    }
    Ok(files)
}

/// The package's manifest with the product's version.
fn versioned(json: &str, version: &str) -> Result<String> {
    let mut manifest: Value = serde_json::from_str(json).context("pkg-template/package.json is no JSON")?;
    let Some(place) = manifest.get_mut("version") else {
        bail!("pkg-template/package.json has no version to put the product's into");
    };
    *place = version.into();
    Ok(serde_json::to_string_pretty(&manifest)? + "\n")
}

/// Modules that import only each other, in this order, as one CommonJS file that exports `init`. Like the modules, it imports
/// the glue only in a browser.
fn as_common_js(modules: [&str; 3]) -> Result<String> {
    let lines = modules.iter().flat_map(|module| module.lines()).filter(|line| !line.starts_with("import "));
    let text: String = lines.map(|line| line.replacen("export const ", "const ", 1) + "\n").collect();
    ensure!(text.contains("\nconst init = "), "pkg-template/index.js exports no `init`");
    ensure!(!text.contains("import.meta."), "`import.meta` stands outside of sdk.js, where CommonJS has to read it");
    Ok(format!("{COMMON_JS}'use strict';\n{text}exports.init = init;\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_js_file_has_the_modules_in_one_and_no_import_of_its_own() {
        let index = "import { run } from './core.js';\nimport { stub } from './stub.js';\nexport const init = () => run(stub);\n";
        let text = as_common_js(["const stub = 1;\n", "export const run = s => import('./sdk.js');\n", index]).unwrap();
        let end = "'use strict';\nconst stub = 1;\nconst run = s => import('./sdk.js');\nconst init = () => run(stub);\n\
                   exports.init = init;\n";
        assert!(text.ends_with(end), "{text}");
        assert!(as_common_js(["", "", "export const other = 1;\n"]).is_err());
        let error = as_common_js(["import.meta.url;\n", "", index]).unwrap_err().to_string();
        assert!(error.contains("outside of sdk.js"), "{error}");
    }

    #[test]
    fn the_package_has_the_products_version_and_its_members_keep_their_order() {
        let json = r#"{"name": "trailmark", "version": "0.0.0", "exports": {"types": "a", "default": "b"}}"#;
        let versioned = versioned(json, "1.2.3").unwrap();
        let compact: String = versioned.split_whitespace().collect();
        assert_eq!(compact, r#"{"name":"trailmark","version":"1.2.3","exports":{"types":"a","default":"b"}}"#);
        assert!(super::versioned("{}", "1.2.3").is_err());
    }
}
