//! `build-sdk`: turns the root package into the files that a page loads.
//!
//! cargo (wasm32, profile `sdk`) → wasm-bindgen (web, without types: those are hand-written) → wasm-opt and terser, if Node
//! is installed → `sdk.js`, `stub.js`, the hashed glue, module and forms.js, each with `.br` and `.gz`, in
//! `crates/trailmark-proxy/sdk`, which git ignores and the proxy embeds. The same inputs give the same bytes; unchanged
//! inputs are not built again. The hand-written half comes from `pkg-template/`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use wasm_bindgen_cli_support::{Bindgen, EncodeInto};

use crate::artifact::{self, Artifact, Manifest, sha256_hex};
use crate::npm::Npm;
use crate::panics;
use crate::workspace::Workspace;
use crate::{shell, tools, vendor_names};

/// The folder of the built files, below the root.
pub(crate) const OUTPUT: &str = "crates/trailmark-proxy/sdk";

/// The file whose macro embeds them.
const EMBEDDING_FILE: &str = "crates/trailmark-proxy/src/assets.rs";

/// Everything the build reads, besides the tools and the vendors' names.
const INPUTS: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    "rust-toolchain.toml",
    "src",
    "pkg-template",
    "crates/trailmark-wire/Cargo.toml",
    "crates/trailmark-wire/src",
    "xtask/src/artifact.rs",
    "xtask/src/build_sdk.rs",
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
/// tool fails. Without Node there is no error: the files are larger, and a note says so.
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

/// The manifest in `folder`, if it was built from `inputs` and its files are unchanged.
fn fresh_manifest(folder: &Path, inputs: &str) -> Option<Manifest> {
    let text = std::fs::read_to_string(folder.join("manifest.json")).ok()?;
    let manifest: Manifest = serde_json::from_str(&text).ok()?;
    let intact = manifest.files.iter().all(|file| {
        std::fs::read(folder.join(&file.name)).is_ok_and(|bytes| sha256_hex(&bytes) == file.sha256)
            && folder.join(format!("{}.br", file.name)).is_file()
            && folder.join(format!("{}.gz", file.name)).is_file()
    });
    (manifest.inputs == inputs && intact).then_some(manifest)
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

/// Flags that remove this machine's paths from panic locations: they contain the builder's home folder, and the same
/// sources would give different bytes on another machine.
fn rustflags(root: &Path) -> OsString {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let registries = home
        .and_then(|home| std::fs::read_dir(home.join("registry/src")).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()));
    let mut flags = OsString::new();
    for folder in registries.chain([root.to_owned()]) {
        if !flags.is_empty() {
            flags.push("\x1f");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("/=");
    }
    flags
}

/// The wasm-bindgen step: the glue as an ES module, and the module.
pub(crate) fn bind(module: &Path) -> Result<(String, Vec<u8>)> {
    let module = panics::silence(&std::fs::read(module)?)?;
    let mut output = Bindgen::new()
        .input_bytes("sdk", module)
        .out_name("sdk")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        // A browser that has WebAssembly with references to JS values has `encodeInto`, too.
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
    // These names end in hashes, which do not compress, and occur in both files.
    let is_internal = |name: &str| name.starts_with("__wb") || name.starts_with("wasm_bindgen__");
    let imports = module.imports.iter_mut().map(|import| &mut import.name);
    let exports = module.exports.iter_mut().map(|export| &mut export.name);
    for (index, name) in imports.chain(exports).filter(|name| is_internal(name)).enumerate() {
        let short = format!("_{index}");
        glue = replace_word(&glue, name, &short);
        *name = short;
    }
    Ok((glue, module.emit_wasm()))
}

/// The glue as one file. Our own JS (`src/browser/*.js`) replaces its imports, since each further file would be a further
/// request. The one start that the loader uses, `load(bytes)`, replaces wasm-bindgen's four, which terser could not remove.
/// Expects the text of the pinned wasm-bindgen, and fails on any other. `local_modules` are sources by path, sorted, so
/// that the same sources give the same bytes; `handed` are the functions that the module imports from them without glue.
fn whole_glue(glue: &str, local_modules: &BTreeMap<String, String>, handed: &BTreeSet<String>) -> Result<String> {
    const BEGIN: &str = "async function __wbg_load(";
    // From one text to just before the other: for closures that are left to the garbage collector, but ours belong to
    // promises and are dropped with them; for the two gigabytes of text after which Safari's decoder fails; and for texts
    // whose memory cannot grow.
    const NEEDLESS: [[&str; 2]; 3] = [
        ["const CLOSURE_DTORS =", "new FinalizationRegistry("],
        ["numBytesDecoded += bytes.length;", "return cachedTextDecoder"],
        ["if (realloc === undefined) {", "let len = arg.length;"],
    ];
    // What is left of the first, which terser removes; and a check that also holds where a browser cannot say `detached`.
    const SHORTER: [[&str; 2]; 2] = [
        ["new FinalizationRegistry(", "void ("],
        [
            ".buffer.detached === true || (cachedDataViewMemory0.buffer.detached === undefined && \
             cachedDataViewMemory0.buffer !== wasm.memory.buffer)",
            ".buffer !== wasm.memory.buffer",
        ],
    ];
    const LOAD: &str = "export const load = async bytes => {\n\
        const { instance, module } = await WebAssembly.instantiate(bytes, __wbg_get_imports());\n\
        __wbg_finalize_init(instance, module);\n};\n";
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
    Ok(whole + LOAD)
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

/// The minifying tools; without Node, none.
#[derive(Debug)]
pub(crate) struct Tools<'a> {
    pub(crate) npm: Option<&'a Npm>,
    pub(crate) scratch: &'a Path,
}

impl Tools<'_> {
    /// Runs wasm-opt for size. It also strips the sections that the linker must keep for wasm-bindgen.
    pub(crate) fn shrink_wasm(&self, wasm: &[u8]) -> Result<Vec<u8>> {
        let Some(npm) = self.npm else {
            return Ok(wasm.to_vec());
        };
        let (before, after) = (self.scratch.join("before.wasm"), self.scratch.join("after.wasm"));
        std::fs::write(&before, wasm)?;
        shell::capture(
            npm.script("binaryen/bin/wasm-opt")
                .args(["--strip-debug", "--strip-producers", "--strip-target-features"])
                // Memory begins with the end of the stack, so no pointer is as small as an offset.
                .args(["-Oz", "--flatten", "--rereloop", "-Oz", "--converge", "--low-memory-unused"])
                .arg(&before)
                .arg("-o")
                .arg(&after),
        )?;
        Ok(std::fs::read(&after)?)
    }

    /// Runs terser; `module` means an ES module, whose top-level names are local. Without a line break at the end, which
    /// costs four bytes compressed.
    pub(crate) fn shrink_js(&self, source: &str, module: bool) -> Result<String> {
        let Some(npm) = self.npm else {
            return Ok(source.trim_end().to_owned());
        };
        let mut command: Command = npm.script("terser/bin/terser");
        command.args(["--ecma", "2020", "--compress", "passes=3", "--mangle", "--comments", "false"]);
        if module {
            command.arg("--module");
        }
        Ok(String::from_utf8(shell::pipe(&mut command, source.as_bytes())?)?.trim_end().to_owned())
    }
}

/// The hand-written half of the module.
#[derive(Debug)]
struct Halves {
    stub: String,
    loader: String,
    forms: String,
}

impl Halves {
    fn read(root: &Path) -> Result<Self> {
        let read = |name: &str| vendor_names::filled(root, &root.join("pkg-template").join(name));
        // One block, since top-level names of a script belong to the page. loader.js uses the exports of core.js directly.
        let core = read("core.js")?.replace("export const ", "const ");
        let loader = format!("{{\n{core}\n{}\n}}", read("loader.js")?);
        // Without its comments, which nobody needs in a page.
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let stub = read("stub.js")?.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect();
        Ok(Self { stub, loader, forms: read("forms.js")? })
    }

    /// The loader with the names of the files that it loads, each in the place of its placeholder.
    fn loader_for(&self, names: [(&str, &String); 3]) -> Result<String> {
        let mut loader = self.loader.clone();
        for (placeholder, name) in names {
            if !loader.contains(placeholder) {
                bail!("pkg-template/loader.js lacks the placeholder {placeholder}");
            }
            loader = loader.replace(placeholder, name);
        }
        Ok(loader)
    }
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

/// Minifies, names by content and compresses; the last step before writing.
fn assemble(
    tools: &Tools<'_>,
    halves: &Halves,
    (glue, wasm): (&str, &[u8]),
    version: &str,
    inputs: String,
) -> Result<(Vec<Artifact>, Manifest)> {
    let glue = Artifact::hashed("sdk-", ".js", tools.shrink_js(glue, true)?.into_bytes())?;
    let wasm = Artifact::hashed("sdk-", "_bg.wasm", tools.shrink_wasm(wasm)?)?;
    let forms = Artifact::hashed("sdk-", "_forms.js", tools.shrink_js(&halves.forms, true)?.into_bytes())?;
    let stub = tools.shrink_js(&halves.stub, false)?;
    check_pasteable(&stub)?;
    let names = [("__GLUE__", &glue.name), ("__WASM__", &wasm.name), ("__FORMS__", &forms.name)];
    let loader = tools.shrink_js(&halves.loader_for(names)?, false)?;
    // The semicolon keeps two scripts in parentheses from becoming one call.
    let whole = format!("{stub}\n;{loader}");
    let (glue_name, wasm_name, forms_name) = (glue.name.clone(), wasm.name.clone(), forms.name.clone());
    let (whole, stub) = (Artifact::new("sdk.js", whole.into_bytes())?, Artifact::new("stub.js", stub.into_bytes())?);
    let artifacts = vec![whole, stub, glue, wasm, forms];
    let manifest = Manifest {
        version: version.to_owned(),
        glue: glue_name,
        wasm: wasm_name,
        forms: forms_name,
        files: artifacts.iter().map(Artifact::entry).collect(),
        loader: Artifact::new("loader", loader.into_bytes())?.entry(),
        inputs,
    };
    Ok((artifacts, manifest))
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

    /// The smallest module: magic and version.
    const EMPTY_WASM: &[u8] = b"\0asm\x01\0\0\0";

    fn assembled(loader: &str) -> Result<(Vec<Artifact>, Manifest)> {
        let tools = Tools { npm: None, scratch: Path::new("") };
        let (stub, forms) = ("(function(){})() // stub\n".into(), "export const bind = 1".into());
        let halves = Halves { stub, loader: loader.into(), forms };
        assemble(&tools, &halves, ("export default 1", EMPTY_WASM), "1.2.3", "in".into())
    }

    #[test]
    fn sdk_js_is_stub_and_loader_with_the_hashed_names() {
        let folder = tempfile::tempdir().unwrap();
        let (artifacts, manifest) = assembled("(g => g)('__GLUE__', '__WASM__', '__FORMS__')").unwrap();
        artifact::replace(folder.path(), &artifacts).unwrap();
        let sdk = std::fs::read_to_string(folder.path().join("sdk.js")).unwrap();
        let (glue, wasm, forms) = (&manifest.glue, &manifest.wasm, &manifest.forms);
        assert_eq!(sdk, format!("(function(){{}})() // stub\n;(g => g)('{glue}', '{wasm}', '{forms}')"));
        assert!(folder.path().join(forms).is_file());
        assert!(folder.path().join(format!("{wasm}.br")).is_file());
        assert!(glue.starts_with("sdk-") && wasm.ends_with("_bg.wasm"));
    }

    #[test]
    fn a_loader_without_a_placeholder_is_refused_by_name() {
        let error = assembled("'__GLUE__'").unwrap_err();
        assert!(error.to_string().contains("__WASM__"), "{error}");
    }

    // field-faults row 35
    #[test]
    fn the_stub_holds_nothing_that_a_template_reads_as_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let stub = Halves::read(&root).unwrap().stub;
        assert!(stub.starts_with("(w => {\n") && check_pasteable(&stub).is_ok(), "{stub}");
        for mark in MARKS {
            let error = check_pasteable(&format!("{stub}{mark}")).unwrap_err().to_string();
            assert!(error.contains(mark), "{error}");
        }
    }

    #[test]
    fn a_manifest_is_fresh_only_with_its_inputs_and_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (artifacts, manifest) = assembled("'__GLUE__' + '__WASM__' + '__FORMS__'").unwrap();
        artifact::replace(folder.path(), &artifacts).unwrap();
        let json = serde_json::to_vec(&manifest).unwrap();
        std::fs::write(folder.path().join("manifest.json"), json).unwrap();
        assert_eq!(fresh_manifest(folder.path(), "in"), Some(manifest));
        assert_eq!(fresh_manifest(folder.path(), "other"), None);
        std::fs::write(folder.path().join("stub.js"), "edited").unwrap();
        assert_eq!(fresh_manifest(folder.path(), "in"), None);
    }

    #[test]
    fn the_glue_is_one_file_with_one_beginning() {
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
        assert!(whole.contains("export const load = ") && !whole.contains("initSync"), "{whole}");
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
