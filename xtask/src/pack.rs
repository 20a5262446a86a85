//! `pack`: turns the built module and the hand-written half into the npm package, in `target/npm`.
//!
//! `package/` is what is published, `trailmark-<version>.tgz` is that folder as npm packs it, and in `apps-*/` the tests
//! install it. The glue, the module and its twin are those that the proxy embeds, with fixed names, since a bundler names files by
//! content itself. The rest is readable; the page's bundler minifies it. `index.cjs` and `inline.cjs`, for `require`, are made of
//! the same sources, and `inlined.js` has the module in it. Publishes nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::artifact::{Manifest, write_if_changed};
use crate::npm::{self, Npm};
use crate::workspace::Workspace;
use crate::{build_sdk, sdk_files, shell, vendor_names};

/// Hand-written files that go into the package unchanged; `package.json`, `stub.js` and `inlined.js` are adapted.
const AS_THEY_ARE: [&str; 11] = [
    "index.js",
    "inline.js",
    "init.js",
    "module.js",
    "core.js",
    "platforms.js",
    "forms.js",
    sdk_files::CARRY,
    "index.d.ts",
    "sdk_bg.wasm.d.ts",
    "README.md",
];

/// Licences, which are in the root folder.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The first line of a file for `require`.
const COMMON_JS: &str = "// The package for `require`, made of stub.js, core.js, init.js and the entry.\n";

/// What stands for the module in `inlined.js`.
const MODULE: &str = "'__MODULE__'";

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
    let stub = sdk_files::stub_function(&text(template.join("stub.js"))?)?;
    let wasm = read(built.join(&manifest.wasm))?;
    let script = |name: &str| {
        let text = text(built.join(name))?;
        Ok::<_, anyhow::Error>(
            text.replace(&manifest.twin, "twin.js").replace(&manifest.carry, sdk_files::CARRY).into_bytes(),
        )
    };
    let common_js = |entry: &str| {
        let [core, init, entry] = ["core.js", "init.js", entry].map(|name| text(template.join(name)));
        Ok::<_, anyhow::Error>(as_common_js([&stub, &core?, &init?, &entry?])?.into_bytes())
    };
    let mut files = vec![
        ("package.json", versioned(&text(template.join("package.json"))?, version)?.into_bytes()),
        ("index.cjs", common_js("index.js")?),
        ("inline.cjs", common_js("inline.js")?),
        ("index.d.cts", read(template.join("index.d.ts"))?),
        ("stub.js", stub.replace("const stub = w", "export const stub = w").into_bytes()),
        ("inlined.js", inlined(&text(template.join("inlined.js"))?, &wasm)?.into_bytes()),
        ("sdk.js", script(&manifest.glue)?),
        ("sdk_bg.wasm", wasm),
        ("twin.js", script(&manifest.twin)?),
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

/// Modules that import only each other, in this order, as one file for `require` that exports `init`. Like the modules, it imports
/// what loads the module only where that is needed.
fn as_common_js(modules: [&str; 4]) -> Result<String> {
    let lines = modules.iter().flat_map(|module| module.lines()).filter(|line| !line.starts_with("import "));
    let text: String = lines.map(|line| line.replacen("export const ", "const ", 1) + "\n").collect();
    ensure!(text.contains("\nconst init = "), "the entry exports no `init`");
    ensure!(
        !text.contains("import.meta."),
        "`import.meta` stands where CommonJS has to read it; it belongs to module.js"
    );
    Ok(format!("{COMMON_JS}'use strict';\n{text}exports.init = init;\n"))
}

/// `inlined.js` with the module in it.
fn inlined(script: &str, wasm: &[u8]) -> Result<String> {
    ensure!(script.matches(MODULE).count() == 1, "pkg-template/inlined.js has not exactly one {MODULE}");
    Ok(script.replace(MODULE, &format!("'{}'", BASE64_STANDARD.encode(wasm))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_js_file_has_the_modules_in_one_and_no_import_of_its_own() {
        let init = "import { run } from './core.js';\nexport const initFrom = source => run(source, stub);\n";
        let entry =
            "import { initFrom } from './init.js';\nexport const init = initFrom(() => import('./module.js'));\n";
        let text = as_common_js(["const stub = 1;\n", "export const run = s => s;\n", init, entry]).unwrap();
        let end = "'use strict';\nconst stub = 1;\nconst run = s => s;\nconst initFrom = source => run(source, stub);\n\
                   const init = initFrom(() => import('./module.js'));\nexports.init = init;\n";
        assert!(text.ends_with(end), "{text}");
        assert!(as_common_js(["", "", init, "export const other = 1;\n"]).is_err());
        let error = as_common_js(["import.meta.url;\n", "", init, entry]).unwrap_err().to_string();
        assert!(error.contains("belongs to module.js"), "{error}");
    }

    #[test]
    fn the_inlined_module_is_its_base64() {
        assert_eq!(inlined("load(atob('__MODULE__'));\n", b"\0asm").unwrap(), "load(atob('AGFzbQ=='));\n");
        assert!(inlined("load();\n", b"").is_err());
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
