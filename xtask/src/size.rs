//! `size`: what the module costs a page, compared with the budget. Sizes are from the manifest of the last build, in bytes.

use anyhow::{Context as _, Result, ensure};

use crate::artifact::{Entry, Manifest};
use crate::build_sdk;
use crate::npm::Npm;
use crate::workspace::Workspace;

/// Of the stub, which is inline in every page. Brotli.
const STUB_BUDGET: usize = 1_000;

/// Of loader, glue and module together. Brotli.
const MODULE_BUDGET: usize = 24_000;

/// The size that we want to reach. Brotli.
const MODULE_GOAL: usize = 20_000;

/// Prints the sizes of the built module; fails when over budget.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    measured(workspace)?.check(MODULE_BUDGET)
}

fn measured(workspace: &Workspace) -> Result<Parts> {
    Npm::install(workspace).context("sizes are measured on the minified module")?;
    let parts = Parts::of(&build_sdk::build(workspace)?)?;
    print!("{}", parts.table());
    Ok(parts)
}

/// What a page loads.
#[derive(Clone, Debug)]
struct Parts {
    stub: Entry,
    loader: Entry,
    glue: Entry,
    wasm: Entry,
    forms: Entry,
}

impl Parts {
    fn of(manifest: &Manifest) -> Result<Self> {
        let file = |name: &str| manifest.file(name).cloned().with_context(|| format!("the manifest lists no {name}"));
        Ok(Self {
            stub: file("stub.js")?,
            loader: manifest.loader.clone(),
            glue: file(&manifest.glue)?,
            wasm: file(&manifest.wasm)?,
            forms: file(&manifest.forms)?,
        })
    }

    /// What a page loads besides the inline stub, brotli.
    fn module(&self) -> usize {
        self.loader.brotli + self.glue.brotli + self.wasm.brotli
    }

    fn table(&self) -> String {
        let mut text = format!("{:<20} {:>9} {:>9} {:>9}\n", "bytes", "raw", "gzip", "brotli");
        let parts = [
            ("stub", &self.stub),
            ("loader", &self.loader),
            ("glue", &self.glue),
            ("wasm", &self.wasm),
            // Loaded only where a page has a bound form, so no limit counts it.
            ("forms", &self.forms),
        ];
        for (name, part) in parts {
            text += &format!("{name:<20} {:>9} {:>9} {:>9}\n", part.bytes, part.gzip, part.brotli);
        }
        text + &format!(
            "{:<20} {:>29}   budget {MODULE_BUDGET}, goal {MODULE_GOAL}; stub's budget {STUB_BUDGET}\n",
            "loader + glue + wasm",
            self.module()
        )
    }

    fn check(&self, limit: usize) -> Result<()> {
        let (stub, module) = (self.stub.brotli, self.module());
        ensure!(stub <= STUB_BUDGET, "the stub takes {stub} bytes, {} over its budget", stub - STUB_BUDGET);
        ensure!(module <= limit, "the module takes {module} bytes, {} over {limit}", module - limit);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(stub: usize, wasm: usize) -> Parts {
        let entry = |brotli| Entry { name: String::new(), bytes: 0, brotli, gzip: 0, sha256: String::new() };
        let (loader, glue, forms) = (entry(1_000), entry(2_000), entry(700));
        Parts { stub: entry(stub), loader, glue, wasm: entry(wasm), forms }
    }

    #[test]
    fn a_limit_counts_loader_glue_and_wasm_together() {
        assert!(parts(1_000, 21_000).check(MODULE_BUDGET).is_ok());
        let error = parts(1_000, 21_001).check(MODULE_BUDGET).unwrap_err();
        assert!(error.to_string().contains("24001 bytes, 1 over 24000"), "{error}");
    }

    #[test]
    fn the_stub_has_a_budget_of_its_own() {
        let error = parts(1_001, 0).check(MODULE_BUDGET).unwrap_err();
        assert!(error.to_string().contains("the stub takes 1001 bytes"), "{error}");
    }
}
