//! The files of the SDK: the hand-written half from `pkg-template/` with the compiled half, minified, named by content, and
//! listed in the manifest.
//!
//! [`crate::build_sdk`] compiles before and writes after.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use crate::artifact::{self, Artifact, Manifest, sha256_hex};
use crate::minify::Tools;
use crate::{twin, vendor_names};

/// The file that decorates links, as `src/browser/host.js` imports it.
pub(crate) const CARRY: &str = "carry.js";

/// The manifest in `folder`, if it was built from `inputs` and its files are unchanged.
pub(crate) fn fresh_manifest(folder: &Path, inputs: &str) -> Option<Manifest> {
    let text = std::fs::read_to_string(folder.join("manifest.json")).ok()?;
    let manifest: Manifest = serde_json::from_str(&text).ok()?;
    let intact = manifest.files.iter().all(|file| {
        std::fs::read(folder.join(&file.name)).is_ok_and(|bytes| sha256_hex(&bytes) == file.sha256)
            && folder.join(format!("{}.br", file.name)).is_file()
            && folder.join(format!("{}.gz", file.name)).is_file()
    });
    (manifest.inputs == inputs && intact).then_some(manifest)
}

/// The hand-written half of the module.
#[derive(Debug)]
pub(crate) struct Halves {
    stub: String,
    loader: String,
    /// The end of the glue, with the half of core.js that only pages with work need.
    load: String,
    /// The end of the twin.
    load_twin: String,
    platforms: String,
    carry: String,
    forms: String,
}

impl Halves {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let read = |name: &str| vendor_names::filled(root, &root.join("pkg-template").join(name));
        // loader.js uses the exports of core.js directly.
        let core = read("core.js")?.replace("export const ", "const ");
        let loader = format!("{{\n{core}\n{}\n}}", read("loader.js")?);
        // Without its comments, which nobody needs in a page.
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        Ok(Self {
            stub: read("stub.js")?.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect(),
            loader,
            load: read("load.js")? + &read("serve.js")?,
            load_twin: read("load_twin.js")?,
            platforms: read("platforms.js")?,
            carry: read(CARRY)?,
            forms: read("forms.js")?,
        })
    }

    /// `sdk.js`: the stub as a function, which runs at once and which the loader calls for a further site. One block, since
    /// top-level names of a script belong to the page.
    fn script(&self, loader: &str) -> Result<String> {
        Ok(format!("{{\n{}stub(window);\n{loader}\n}}", stub_function(&self.stub)?))
    }
}

/// A file with `name` in place of its placeholder: of a file that it loads, or the hash in the names of those.
fn named(file: &str, template: &str, placeholder: &str, name: &str) -> Result<String> {
    ensure!(template.contains(placeholder), "{file} lacks the placeholder {placeholder}");
    Ok(template.replace(placeholder, name))
}

/// What people paste the stub into would read one of these as its own: JS (in a template literal, also a backslash), HTML, and
/// the template languages of servers.
const MARKS: [&str; 7] = ["`", "\\", "${", "</", "{{", "{%", "<%"];

/// # Errors
/// The stub, as people paste it, holds one of [`MARKS`].
fn check_pasteable(stub: &str) -> Result<()> {
    match MARKS.into_iter().find(|mark| stub.contains(mark)) {
        Some(mark) => bail!("pkg-template/stub.js has {mark} in its code, which a template would read as its own"),
        None => Ok(()),
    }
}

/// The beginning and end of `stub.js`: a function that is called with the window.
const CALLED: [&str; 2] = ["(w => {\n", "\n})(window);\n"];

/// The beginning and end of the one statement that only an inline stub needs: it hears that the script was blocked, and where
/// the function runs, the script has come.
const INLINE: [&str; 2] = ["  addEventListener('error', ", "\n  }, true);\n"];

/// The same function with a name, not called, without [`INLINE`]. One source for inline stub, `sdk.js` and package, so that they
/// cannot differ.
pub(crate) fn stub_function(script: &str) -> Result<String> {
    let once = CALLED.iter().chain(&INLINE).all(|mark| script.matches(mark).count() == 1);
    ensure!(
        once && script.ends_with(CALLED[1]),
        "pkg-template/stub.js is no `(w => {{ … }})(window);` with one listener for errors any more"
    );
    let (before, rest) = script.split_once(INLINE[0]).unwrap_or((script, ""));
    let (_, after) = rest.split_once(INLINE[1]).context("the listener of pkg-template/stub.js has no end")?;
    Ok(format!("{before}{after}").replace(CALLED[0], "const stub = w => {\n").replace(CALLED[1], "\n};\n"))
}

/// Minifies, names by content and compresses; the last step before writing.
pub(crate) fn assemble(
    tools: &Tools<'_>,
    halves: &Halves,
    (glue, wasm): (&str, &[u8]),
    version: &str,
    inputs: String,
) -> Result<(Vec<Artifact>, Manifest)> {
    let carry = Artifact::hashed("sdk-", "_carry.js", tools.shrink_js(&halves.carry, true)?.into_bytes())?;
    // A name by content: the glue of one release loads the file of the same release.
    let glue = named("src/browser/host.js", glue, CARRY, &carry.name)?;
    let twin = tools.shrink_js(&twin::of(tools, &glue, wasm, &halves.load_twin)?, true)?;
    let twin = Artifact::hashed("sdk-", "_twin.js", twin.into_bytes())?;
    let load = named("pkg-template/load.js", &halves.load, "__TWIN__", &twin.name)?;
    let glue = tools.shrink_js(&format!("{glue}{load}"), true)?.into_bytes();
    let wasm = tools.shrink_wasm(wasm)?;
    let platforms = tools.shrink_js(&halves.platforms, true)?.into_bytes();
    let forms = tools.shrink_js(&halves.forms, true)?.into_bytes();
    // What sdk.js names has one hash, since every page pays for each: a change of one file renames all four.
    let build = artifact::short_hash(&[glue.as_slice(), &wasm, &platforms, &forms].concat());
    let file = |end: &str, content| Artifact::new(format!("sdk-{build}{end}"), content);
    let (glue, wasm, forms) = (file(".js", glue)?, file("_bg.wasm", wasm)?, file("_forms.js", forms)?);
    // A name without `consent`, which blockers of cookie dialogs may look for.
    let platforms = file("_platforms.js", platforms)?;
    let stub = tools.shrink_js(&halves.stub, false)?;
    check_pasteable(&stub)?;
    let loader = named("pkg-template/loader.js", &halves.loader, "__BUILD__", &build)?;
    let whole = tools.shrink_js(&halves.script(&loader)?, false)?;
    let loader = tools.shrink_js(&loader, false)?;
    let mut manifest = Manifest {
        version: version.to_owned(),
        glue: glue.name.clone(),
        wasm: wasm.name.clone(),
        twin: twin.name.clone(),
        platforms: platforms.name.clone(),
        carry: carry.name.clone(),
        forms: forms.name.clone(),
        files: Vec::new(),
        loader: Artifact::new("loader", loader.into_bytes())?.entry(),
        inputs,
    };
    let fixed = [Artifact::new("sdk.js", whole.into_bytes())?, Artifact::new("stub.js", stub.into_bytes())?];
    let artifacts: Vec<_> = fixed.into_iter().chain([glue, wasm, twin, platforms, carry, forms]).collect();
    manifest.files = artifacts.iter().map(Artifact::entry).collect();
    Ok((artifacts, manifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest module: magic and version.
    const EMPTY_WASM: &[u8] = b"\0asm\x01\0\0\0";

    /// A stub with the listener that its function lacks.
    const STUB: &str =
        "// Says.\n(w => {\n  w.a = 1;\n  addEventListener('error', () => {\n  }, true);\n  w.b = 2;\n})(window);\n";

    fn assembled(loader: &str) -> Result<(Vec<Artifact>, Manifest)> {
        assembled_with(loader, EMPTY_WASM)
    }

    fn assembled_with(loader: &str, wasm: &[u8]) -> Result<(Vec<Artifact>, Manifest)> {
        let tools = Tools { npm: None, scratch: Path::new("") };
        let halves = Halves {
            stub: STUB.into(),
            loader: loader.into(),
            load: "import('./__TWIN__')".into(),
            load_twin: String::new(),
            platforms: "export const follow = 1".into(),
            carry: "export const carry = 1".into(),
            forms: "export const bind = 1".into(),
        };
        assemble(&tools, &halves, ("import('./carry.js');\n", wasm), "1.2.3", "in".into())
    }

    #[test]
    fn sdk_js_is_stub_and_loader_with_the_hashed_names() {
        let folder = tempfile::tempdir().unwrap();
        let (artifacts, manifest) = assembled("(g => g)('__BUILD__')").unwrap();
        artifact::replace(folder.path(), &artifacts).unwrap();
        let sdk = std::fs::read_to_string(folder.path().join("sdk.js")).unwrap();
        let Manifest { glue, wasm, twin, platforms, carry, forms, .. } = &manifest;
        let build = glue.strip_prefix("sdk-").and_then(|name| name.strip_suffix(".js")).unwrap();
        let stub = "// Says.\nconst stub = w => {\n  w.a = 1;\n  w.b = 2;\n};\n";
        assert_eq!(sdk, format!("{{\n{stub}stub(window);\n(g => g)('{build}')\n}}"));
        let named = [(glue, ".js"), (wasm, "_bg.wasm"), (platforms, "_platforms.js"), (forms, "_forms.js")];
        assert!(named.iter().all(|(name, end)| **name == format!("sdk-{build}{end}")), "{named:?}");
        for (name, end) in named.into_iter().chain([(twin, "_twin.js"), (carry, "_carry.js")]) {
            assert!(name.starts_with("sdk-") && name.ends_with(end), "{name}");
            assert!(folder.path().join(format!("{name}.br")).is_file(), "{name}");
        }
        let glue = std::fs::read_to_string(folder.path().join(glue)).unwrap();
        assert_eq!(glue, format!("import('./{carry}');\nimport('./{twin}')"));
    }

    #[test]
    fn a_change_of_a_file_that_sdk_js_names_is_another_build() {
        let name = |wasm: &[u8]| assembled_with("'__BUILD__'", wasm).unwrap().1.forms;
        assert_ne!(name(EMPTY_WASM), name(b"other"));
        assert_eq!(name(EMPTY_WASM), name(EMPTY_WASM));
    }

    #[test]
    fn the_stub_becomes_a_function_that_nobody_has_called() {
        for (part, other) in [("(window)", "(self)"), ("'error'", "'other'"), ("(window);", "(window);\n// More.")] {
            let error = stub_function(&STUB.replace(part, other)).unwrap_err().to_string();
            assert!(error.contains("stub.js is no"), "{error}");
        }
    }

    #[test]
    fn a_loader_without_a_placeholder_is_refused_by_name() {
        let error = assembled("'__OTHER__'").unwrap_err();
        assert!(error.to_string().contains("__BUILD__"), "{error}");
    }

    // field-faults row 35
    #[test]
    fn the_stub_holds_nothing_that_a_template_reads_as_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let stub = Halves::read(&root).unwrap().stub;
        assert!(stub.starts_with("(w => {\n") && check_pasteable(&stub).is_ok(), "{stub}");
        assert!(!stub_function(&stub).unwrap().contains("'error'"), "{stub}");
        for mark in MARKS {
            let error = check_pasteable(&format!("{stub}{mark}")).unwrap_err().to_string();
            assert!(error.contains(mark), "{error}");
        }
    }

    #[test]
    fn a_manifest_is_fresh_only_with_its_inputs_and_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (artifacts, manifest) = assembled("'__BUILD__'").unwrap();
        artifact::replace(folder.path(), &artifacts).unwrap();
        let json = serde_json::to_vec(&manifest).unwrap();
        std::fs::write(folder.path().join("manifest.json"), json).unwrap();
        assert_eq!(fresh_manifest(folder.path(), "in"), Some(manifest));
        assert_eq!(fresh_manifest(folder.path(), "other"), None);
        std::fs::write(folder.path().join("stub.js"), "edited").unwrap();
        assert_eq!(fresh_manifest(folder.path(), "in"), None);
    }
}
