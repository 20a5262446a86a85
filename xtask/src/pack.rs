//! `pack`: turns the built module and the hand-written half into the npm package, in `target/npm`.
//!
//! `package/` is what is published, `trailmark-<version>.tgz` is that folder as npm packs it, and in `apps/` the tests
//! install it. The glue and the module are those that the proxy embeds, with fixed names, since a bundler names files by
//! content itself. The rest is readable; the page's bundler minifies it. Publishes nothing.

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
const AS_THEY_ARE: [&str; 6] = ["index.js", "core.js", "forms.js", "index.d.ts", "sdk_bg.wasm.d.ts", "README.md"];

/// Licences, which are in the root folder.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The beginning and end of `stub.js` as a script: a function that is called with the window.
const SCRIPT: [&str; 2] = ["\n(w => {\n", "\n})(window);\n"];

/// The same as a module: the function, which `index.js` calls.
const MODULE: [&str; 2] = ["\nexport const stub = w => {\n", "\n};\n"];

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
    let mut files = vec![
        ("package.json", versioned(&text(template.join("package.json"))?, version)?.into_bytes()),
        ("stub.js", as_module(&text(template.join("stub.js"))?)?.into_bytes()),
        ("sdk.js", read(built.join(&manifest.glue))?),
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

/// The stub as a module. One source for script tag and package, so that they cannot differ.
fn as_module(script: &str) -> Result<String> {
    let once = SCRIPT.iter().all(|mark| script.matches(mark).count() == 1);
    ensure!(once && script.ends_with(SCRIPT[1]), "pkg-template/stub.js is no `(w => {{ … }})(window);` any more");
    Ok(script.replace(SCRIPT[0], MODULE[0]).replace(SCRIPT[1], MODULE[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_becomes_a_function_that_nobody_has_called() {
        let script = "// Says.\n(w => {\n  w.a = 1;\n})(window);\n";
        assert_eq!(as_module(script).unwrap(), "// Says.\nexport const stub = w => {\n  w.a = 1;\n};\n");
        for other in ["(w => {\n})(window);\n", "// Says.\n(w => {\n})(self);\n", "\n(w => {\n})(window);\n// More.\n"]
        {
            let error = as_module(other).unwrap_err().to_string();
            assert!(error.contains("stub.js is no"), "{error}");
        }
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
