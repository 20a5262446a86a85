//! The JavaScript twin of the browser's module, for pages whose policy or browser refuses WebAssembly: the same module,
//! translated by wasm2js, with the same glue, in one file.
//!
//! [`crate::build_sdk`] compiles the module and writes the glue before; [`crate::sdk_files`] minifies and names the file after. Which of the
//! two a page starts is decided in `pkg-template/load.js`.

use anyhow::{Context as _, Result, ensure};

use crate::minify::{FEATURES, Tools};
use crate::shell;

/// What wasm2js does not translate is lowered first.
const LOWERING: [&str; 4] =
    ["-Oz", "--llvm-nontrapping-fptoint-lowering", "--signext-lowering", "--llvm-memory-copy-fill-lowering"];

/// The twin's memory, in pages of 64 KiB. It never grows, since growth would replace the arrays that stand for memory, and
/// what wasm2js writes for a load picks the array before it calls what computes the address. Browsers take real memory for
/// a page only once it is written.
const PAGES: u64 = 256;

/// The function that wasm2js writes around everything.
const BEGIN: &str = "function instantiate(info) {\n";

/// The function with which the translated code asks for more memory.
const GROW: &str = "function __wasm_memory_grow(pagesToAdd) {\n";

/// Without Node there is no wasm2js. Then the file says what is missing, which `data-debug` prints.
const MISSING: &str = "export const load = async () => {\n\
    throw 'WebAssembly is refused, and this SDK has no twin: build it on a machine with Node';\n};\n";

/// The twin as an ES module. `glue` has no start yet, `wasm` is the module that belongs to it, and `load` is the twin's start.
///
/// # Errors
/// The module has no memory, wasm-opt or wasm2js fails, or wasm2js writes another text than the pinned one.
pub(crate) fn of(tools: &Tools<'_>, glue: &str, wasm: &[u8], load: &str) -> Result<String> {
    let Some(npm) = tools.npm else {
        return Ok(MISSING.to_owned());
    };
    let mut module = walrus::Module::from_buffer(wasm).context("cannot read the module")?;
    let memory = module.memories.iter_mut().next().context("the module has no memory")?;
    let used = std::mem::replace(&mut memory.initial, PAGES);
    let [before, lowered, after] = ["twin.wasm", "lowered.wasm", "twin.js"].map(|name| tools.scratch.join(name));
    std::fs::write(&before, module.emit_wasm())?;
    let mut lower = npm.script("binaryen/bin/wasm-opt");
    shell::capture(lower.args(FEATURES).args(LOWERING).arg(&before).arg("-o").arg(&lowered))?;
    let mut translate = npm.script("binaryen/bin/wasm2js");
    shell::capture(translate.args(["-Oz", "--emscripten"]).arg(&lowered).arg("-o").arg(&after))?;
    Ok(format!("{glue}{}{load}", fixed(&std::fs::read_to_string(&after)?, used)?))
}

/// The text of wasm2js with a memory that never grows: `used` pages are in use at first, and more are taken from the rest.
fn fixed(js: &str, used: u64) -> Result<String> {
    for text in [BEGIN, GROW] {
        let places = js.matches(text).count();
        ensure!(places == 1, "`{}` occurs {places} times: wasm2js writes another text", text.trim_end());
    }
    let taken = format!("return pages + pagesToAdd > {PAGES} ? -1 : (pages += pagesToAdd) - pagesToAdd;\n");
    Ok(js.replace(BEGIN, &format!("{BEGIN}let pages = {used};\n")).replace(GROW, &format!("{GROW}{taken}")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn memory_is_taken_from_what_is_there_and_refused_beyond() {
        let js = format!("{BEGIN}function asmFunc(imports) {{\n {GROW}  var oldPages = 1;\n }}\n}}\n}}\n");
        let begins = "function instantiate(info) {\nlet pages = 18;\nfunction asmFunc(imports) {\n \
                      function __wasm_memory_grow(pagesToAdd) {\nreturn pages + pagesToAdd > 256 ? -1 : ";
        let fixed = fixed(&js, 18).unwrap();
        assert!(fixed.starts_with(begins), "{fixed}");
    }

    #[test]
    fn another_text_of_wasm2js_is_refused_by_name() {
        let error = fixed(BEGIN, 18).unwrap_err().to_string();
        assert!(error.contains("`function __wasm_memory_grow(pagesToAdd) {` occurs 0 times"), "{error}");
        assert!(fixed(&format!("{BEGIN}{GROW}{GROW}"), 18).is_err());
    }

    #[test]
    fn without_node_the_file_says_what_is_missing() {
        let tools = Tools { npm: None, scratch: Path::new("") };
        assert!(of(&tools, "", b"", "").unwrap().contains("build it on a machine with Node"));
    }
}
