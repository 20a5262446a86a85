//! `build-sdk`: turns the root package into the files that a page loads.
//!
//! cargo (wasm32, profile `sdk`) → wasm-bindgen (web, without types: those are hand-written) → wasm-opt, wasm2js and terser,
//! if Node is installed → `sdk.js`, `stub.js`, the hashed glue, module, twin and the files for some pages, each with `.br` and `.gz`, in
//! `crates/trailmark-proxy/sdk`, which git ignores and the proxy embeds. The same inputs give the same bytes; unchanged
//! inputs are not built again. The hand-written half comes from `pkg-template/`. Glue and module carry a mark of their build
//! ([`mark`]), so that those of two releases do not run together.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::artifact::{self, Manifest, sha256_hex};
use crate::minify::Tools;
use crate::npm::Npm;
use crate::panics;
use crate::sdk_files::{Halves, assemble, fresh_manifest};
use crate::workspace::Workspace;
use crate::{shell, tools, vendor_names};

/// The folder of the built files, below the root.
pub(crate) const OUTPUT: &str = "crates/trailmark-proxy/sdk";

/// The file whose macro embeds them.
const EMBEDDING_FILE: &str = "crates/trailmark-proxy/src/assets.rs";

/// Everything the build reads, besides the tools and the vendors' names.
const INPUTS: [&str; 14] = [
    "Cargo.lock",
    "Cargo.toml",
    "rust-toolchain.toml",
    "src",
    "pkg-template",
    "crates/trailmark-wire/Cargo.toml",
    "crates/trailmark-wire/src",
    "xtask/src/artifact.rs",
    "xtask/src/build_sdk.rs",
    "xtask/src/minify.rs",
    "xtask/src/sdk_files.rs",
    "xtask/src/twin.rs",
    "xtask/src/vendor_names.rs",
    "xtask/src/panics.rs",
];

/// The target triple of the module.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Builds and prints the results.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let started = Instant::now();
    let manifest = build(workspace)?;
    for file in &manifest.files {
        println!("{:>9} bytes  {:>8} brotli  {}", file.bytes, file.brotli, file.name);
    }
    println!("{OUTPUT} is ready after {:.1} s", started.elapsed().as_secs_f32());
    Ok(())
}

/// Brings `crates/trailmark-proxy/sdk` up to date.
///
/// # Errors
/// The code does not compile, the locked versions of wasm-bindgen differ, a hand-written half is missing, or an installed
/// tool fails. Without Node there is no error: the files are larger, the twin is missing, and a note says so.
pub(crate) fn build(workspace: &Workspace) -> Result<Manifest> {
    check_bindgen_versions(workspace)?;
    tools::wasm_target()?;
    let npm = Npm::install(workspace)
        .inspect_err(|error| println!("note: the module stays larger than it need be: {error:#}"))
        .ok();
    let inputs = fingerprint(workspace, npm.as_ref())?;
    let folder = workspace.root.join(OUTPUT);
    if let Some(manifest) = fresh_manifest(&folder, &inputs) {
        return Ok(manifest);
    }
    let scratch = workspace.target.join("sdk-build");
    std::fs::create_dir_all(&scratch)?;
    println!("compiling the browser module, which takes some minutes the first time");
    let module = compile(workspace, Path::new("Cargo.toml"), "trailmark")?;
    let (glue, wasm) = bind(&module)?;
    let tools = Tools { npm: npm.as_ref(), scratch: &scratch };
    let halves = Halves::read(&workspace.root)?;
    let (artifacts, manifest) = assemble(&tools, &halves, (&glue, &wasm), workspace.version(), inputs)?;
    if artifact::replace(&folder, &artifacts)? {
        touch(&workspace.root.join(EMBEDDING_FILE))?;
    }
    let json = serde_json::to_string_pretty(&manifest)?;
    artifact::write_if_changed(&folder.join("manifest.json"), json.as_bytes())?;
    Ok(manifest)
}

fn check_bindgen_versions(workspace: &Workspace) -> Result<()> {
    let library = workspace.locked_version("wasm-bindgen")?;
    let tool = workspace.locked_version("wasm-bindgen-cli-support")?;
    ensure!(
        library == tool,
        "Cargo.lock holds wasm-bindgen {library} but wasm-bindgen-cli-support {tool}; set both to one version in Cargo.toml"
    );
    Ok(())
}

fn fingerprint(workspace: &Workspace, npm: Option<&Npm>) -> Result<String> {
    let mut text = npm.map_or("no Node", |npm| &npm.lock_hash).to_owned();
    let mut inputs = vec![vendor_names::files(&workspace.root)?];
    for input in INPUTS {
        let path = workspace.root.join(input);
        inputs.push(if path.is_dir() { shell::files_under(&path)? } else { vec![path] });
    }
    for file in inputs.into_iter().flatten() {
        let content = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(&workspace.root).unwrap_or(&file);
        text += &format!("\n{} {}", name.display(), sha256_hex(&content));
    }
    Ok(sha256_hex(text.as_bytes()))
}

/// Compiles the library of `package` for the browser and returns the path of the module.
pub(crate) fn compile(workspace: &Workspace, manifest: &Path, package: &str) -> Result<PathBuf> {
    shell::run(
        workspace
            .cargo()
            // Cargo links with LTO only if every crate type allows it; the rlib that tests need does not.
            .args(["rustc", "--quiet", "--lib", "--crate-type", "cdylib", "--profile", "sdk", "--target", WASM_TARGET])
            .args(["--package", package, "--target-dir"])
            .arg(&workspace.target)
            .arg("--manifest-path")
            .arg(workspace.root.join(manifest))
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags(&workspace.root)),
    )?;
    let file = format!("{}.wasm", package.replace('-', "_"));
    Ok(workspace.target.join(WASM_TARGET).join("sdk").join(file))
}

/// The first flag makes wasm-bindgen keep JS values in an array of the glue: wasm2js cannot translate the table that they
/// would be in otherwise, and older browsers do not know it. The others remove this machine's paths from panic locations:
/// they contain the builder's home folder, and the same sources would give different bytes on another machine.
fn rustflags(root: &Path) -> OsString {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let registries = home
        .and_then(|home| std::fs::read_dir(home.join("registry/src")).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let mut flags = OsString::from("-Ctarget-feature=-reference-types");
    for folder in registries.chain([root.to_owned()]) {
        flags.push("\x1f--remap-path-prefix=");
        flags.push(folder);
        flags.push("/=");
    }
    flags
}

/// The wasm-bindgen step: the glue as an ES module that lacks its start, and the module.
pub(crate) fn bind(module: &Path) -> Result<(String, Vec<u8>)> {
    let mut module = walrus::Module::from_buffer(&std::fs::read(module)?).context("cannot read the module")?;
    // The standard library lists more than the module was compiled for, and wasm-bindgen believes the list.
    module.customs.remove_raw("target_features");
    // Without it the glue encodes each text in one go, which is short; with it, letter by letter, which is fast for long ones.
    module.exports.remove("__wbindgen_realloc").context("wasm-bindgen passes texts in another way")?;
    let module = panics::silence(module)?;
    let code = sha256_hex(&module);
    let mut output = Bindgen::new()
        .input_bytes("sdk", module)
        .out_name("sdk")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        // A browser that reads the syntax of the glue has `encodeInto`, too.
        .encode_into(EncodeInto::Always)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .context("wasm-bindgen cannot bind the module")?;
    ensure!(output.snippets().values().all(Vec::is_empty), "the module brings inline JS, which belongs into a file");
    let local_modules = output.local_modules().clone().into_iter().collect();
    let is_local = |import: &&walrus::Import| import.module.starts_with("./snippets/");
    let handed = output.wasm_mut().imports.iter().filter(is_local).map(|import| import.name.clone()).collect();
    let mut glue = whole_glue(output.js(), &local_modules, &handed)?;
    let module = output.wasm_mut();
    // The names of JS modules precede the name of every import in the module, and occur once in the glue.
    let local_names = local_modules.keys().map(|path| format!("./snippets/{path}"));
    for (index, long) in std::iter::once("./sdk_bg.js".to_owned()).chain(local_names).enumerate() {
        let short = format!("_{index}");
        glue = glue.replace(&format!("\"{long}\""), &format!("\"{short}\""));
        for import in module.imports.iter_mut().filter(|import| import.module == long) {
            import.module.clone_from(&short);
        }
    }
    let built = mark(&code, &glue);
    // These names end in hashes, which do not compress, and occur in both files.
    let is_internal = |name: &str| name.starts_with("__wb") || name.starts_with("wasm_bindgen__");
    let imports = module.imports.iter_mut().map(|import| &mut import.name);
    let exports = module.exports.iter_mut().map(|export| &mut export.name);
    for (index, name) in imports.chain(exports).filter(|name| is_internal(name)).enumerate() {
        let short = if index == 0 { built.clone() } else { format!("_{index}") };
        glue = replace_word(&glue, name, &short);
        *name = short;
    }
    let is_first = module.imports.iter().next().is_some_and(|import| import.name == built);
    ensure!(is_first, "the first import lacks the mark of the build: a module of another release might link");
    Ok((glue, module.emit_wasm()))
}

/// The name of the first import, which only this build has. The other names are short and the same in every build: without
/// the mark, glue and module of two releases would link and misunderstand each other. With it the browser refuses them with a
/// `LinkError`, since it reads the imports in their order, and the loader asks for both again.
fn mark(code: &str, glue: &str) -> String {
    let hash = sha256_hex(format!("{code}{glue}").as_bytes());
    format!("_{}", hash.chars().take(8).collect::<String>())
}

/// The glue as one file, without wasm-bindgen's four starts, which terser could not remove: `pkg-template/load.js` has the one
/// that the loader uses. Our own JS (`src/browser/*.js`) replaces the imports, since each further file would be a further
/// request. Expects the text of the pinned wasm-bindgen, and fails on any other. `local_modules` are sources by path,
/// sorted, so that the same sources give the same bytes; `handed` are the functions that the module imports from them
/// without glue.
fn whole_glue(glue: &str, local_modules: &BTreeMap<String, String>, handed: &BTreeSet<String>) -> Result<String> {
    const BEGIN: &str = "async function __wbg_load(";
    // From one text to just before the other: for closures that are left to the garbage collector, but ours belong to
    // promises and are dropped with them; and for the two gigabytes of text after which Safari's decoder fails.
    const NEEDLESS: [[&str; 2]; 2] = [
        ["const CLOSURE_DTORS =", "new FinalizationRegistry("],
        ["numBytesDecoded += bytes.length;", "return cachedTextDecoder"],
    ];
    // What is left of the first, which terser removes; the one way to pass a text without `realloc`, after which terser removes
    // the other; and a check that also holds where a browser cannot say `detached`.
    const SHORTER: [[&str; 2]; 3] = [
        ["new FinalizationRegistry(", "void ("],
        ["if (realloc === undefined) {", "{"],
        [
            ".buffer.detached === true || (cachedDataViewMemory0.buffer.detached === undefined && \
             cachedDataViewMemory0.buffer !== wasm.memory.buffer)",
            ".buffer !== wasm.memory.buffer",
        ],
    ];
    let mut whole = String::new();
    for (path, source) in local_modules {
        ensure!(glue.contains(path), "the glue imports nothing from {path}");
        whole += &source.replace("export const ", "const ");
    }
    // Each `extern` block brings an object of the same functions. One is enough.
    let (mut handed_by, mut spare) = (BTreeSet::new(), Vec::new());
    for line in glue.lines() {
        match line.strip_prefix("import ").map(|import| import.split_once(" from ").unwrap_or((import, ""))) {
            None if spare.iter().any(|object| line.ends_with(&format!(": {object},"))) => {}
            None if line.trim_start().starts_with("CLOSURE_DTORS.") => {}
            None => {
                whole += line;
                whole.push('\n');
            }
            Some((names, from)) => {
                let module = local_modules.iter().find(|(path, _)| from.contains(&format!("./snippets/{path}")));
                let (path, source) =
                    module.with_context(|| format!("the glue imports a file that the proxy does not serve: {line}"))?;
                // Functions that need no glue are passed to the module directly; the names of all others are shortened.
                let Some(object) = names.strip_prefix("* as ") else { continue };
                if !handed_by.insert(path) {
                    spare.push(object);
                } else {
                    let names: Vec<&str> = exported(source).into_iter().filter(|name| handed.contains(*name)).collect();
                    whole += &format!("const {object} = {{ {} }};\n", names.join(", "));
                }
            }
        }
    }
    for [from, to] in NEEDLESS {
        if let Some(start) = whole.find(from) {
            let (_, rest) = whole.split_at(start);
            let length = rest.find(to).with_context(|| format!("the glue has `{from}` without `{to}`"))?;
            whole.replace_range(start..start + length, "");
        }
    }
    for [long, short] in SHORTER {
        whole = whole.replace(long, short);
    }
    let begin = whole.find(BEGIN).with_context(|| format!("the glue has no `{BEGIN}`; wasm-bindgen writes another"))?;
    let finalize = whole.find("function __wbg_finalize_init(");
    ensure!(finalize.is_some_and(|at| at < begin), "`__wbg_finalize_init` is not where wasm-bindgen used to write it");
    whole.truncate(begin);
    let starts = whole.contains("wasm.__wbindgen_start(");
    ensure!(!starts, "the module has a start, which pkg-template/load.js does not call");
    Ok(whole)
}

/// The names that one of our JS files exports.
fn exported(source: &str) -> Vec<&str> {
    source.lines().filter_map(|line| line.strip_prefix("export const ")?.split_whitespace().next()).collect()
}

/// `text` with every whole word `word` replaced.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(word) {
        let part = |character: char| character.is_alphanumeric() || "_$".contains(character);
        let alone = !before.ends_with(part) && !after.starts_with(part);
        out.push_str(before);
        out.push_str(if alone { by } else { word });
        rest = after;
    }
    out + rest
}

/// Sets the time stamp of `file` to now: the macro that embeds the built files runs again only if the file that calls it
/// looks changed. If `file` does not exist, nothing embeds them.
fn touch(file: &Path) -> Result<()> {
    if !file.is_file() {
        return Ok(());
    }
    std::fs::File::options()
        .append(true)
        .open(file)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("cannot touch {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_of_the_code_and_of_the_glue() {
        let first = mark("code", "glue");
        assert!(first.len() == 9 && first.starts_with('_'), "{first}");
        assert_eq!(mark("code", "glue"), first);
        assert!(mark("other", "glue") != first && mark("code", "other") != first);
    }

    #[test]
    fn the_glue_is_one_file_without_a_start_of_its_own() {
        let glue = "import { sign } from './snippets/x/host.js';\nimport * as import1 from \"./snippets/x/host.js\"\n\
                    import * as import2 from \"./snippets/x/host.js\"\n\
                    return {\n\"./snippets/x/host.js\": import1,\n\"./snippets/x/host.js\": import2,\n};\n\
                    function __wbg_finalize_init(i) {}\nasync function __wbg_load(m) {}\nexport { initSync };\n";
        let host = "export const sign = 1;\nexport const sleep = 2;\n".to_owned();
        let host = BTreeMap::from([("x/host.js".to_owned(), host)]);
        let handed = BTreeSet::from(["sleep".to_owned()]);
        let whole = whole_glue(glue, &host, &handed).unwrap();
        let begins = "const sign = 1;\nconst sleep = 2;\nconst import1 = { sleep };\n\
                      return {\n\"./snippets/x/host.js\": import1,\n};\nfunction __wbg_finalize_init";
        assert!(whole.starts_with(begins), "{whole}");
        assert!(whole.ends_with("function __wbg_finalize_init(i) {}\n"), "{whole}");
        let error = whole_glue(glue, &BTreeMap::new(), &handed).unwrap_err().to_string();
        assert!(error.contains("imports a file that the proxy does not serve"), "{error}");
        let error = whole_glue("function other() {}", &BTreeMap::new(), &handed).unwrap_err().to_string();
        assert!(error.contains("wasm-bindgen writes another"), "{error}");
    }

    #[test]
    fn only_whole_words_are_replaced() {
        assert_eq!(
            replace_word("w.__wb_a(); __wb_ab; x__wb_a; \"__wb_a\"", "__wb_a", "_0"),
            "w._0(); __wb_ab; x__wb_a; \"_0\""
        );
    }

    #[test]
    fn a_touched_file_is_newer_and_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("assets.rs");
        std::fs::write(&file, "text").unwrap();
        let old = SystemTime::UNIX_EPOCH;
        std::fs::File::options().append(true).open(&file).unwrap().set_modified(old).unwrap();
        touch(&file).unwrap();
        assert!(file.metadata().unwrap().modified().unwrap() > old);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "text");
        touch(&folder.path().join("absent.rs")).unwrap();
    }
}
