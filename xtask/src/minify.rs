//! The tools that make the browser's files smaller: wasm-opt and terser, as npm installs them. Without Node the files stay as
//! they are. What they are given comes from [`crate::build_sdk`]; [`crate::sdk_files`] names and compresses what they return.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::npm::Npm;
use crate::shell;

/// What the target has beyond the first WebAssembly. The tools would read it from the section that [`crate::build_sdk::bind`] removes.
pub(crate) const FEATURES: [&str; 5] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-mutable-globals",
];

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
                .args(FEATURES)
                .args(["--strip-debug", "--strip-producers"])
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
