//! `size`: what the module costs a page, compared with the budget. Sizes are from the manifest of the last build, in bytes.

use anyhow::{Context as _, Result, ensure};

use crate::artifact::{Entry, Manifest};
use crate::build_sdk;
use crate::npm::Npm;
use crate::workspace::Workspace;

/// Of the stub, which is inline in every page. Brotli.
const STUB_BUDGET: usize = 1_000;

/// Of `sdk.js`, all that a page without work loads: 2,400 bytes on the wire, less 178 of headers. Brotli.
const ENTRY_BUDGET: usize = 2_222;

/// Of loader, glue and module together. Brotli.
const MODULE_BUDGET: usize = 24_200;

/// The size that we want to reach. Brotli.
const MODULE_GOAL: usize = 20_000;

/// Of the module's JavaScript twin with its own glue, which a page loads in place of glue and module. Brotli.
const TWIN_BUDGET: usize = 36_000;

/// Of the file that decorates links, which is loaded only on a site whose hosts share no cookie. Brotli.
const CARRY_BUDGET: usize = 800;

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
    entry: Entry,
    loader: Entry,
    glue: Entry,
    wasm: Entry,
    twin: Entry,
    platforms: Entry,
    carry: Entry,
    forms: Entry,
}

impl Parts {
    fn of(manifest: &Manifest) -> Result<Self> {
        let file = |name: &str| manifest.file(name).cloned().with_context(|| format!("the manifest lists no {name}"));
        Ok(Self {
            stub: file("stub.js")?,
            entry: file("sdk.js")?,
            loader: manifest.loader.clone(),
            glue: file(&manifest.glue)?,
            wasm: file(&manifest.wasm)?,
            twin: file(&manifest.twin)?,
            platforms: file(&manifest.platforms)?,
            carry: file(&manifest.carry)?,
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
            // The stub as a function, and the loader.
            ("sdk.js", &self.entry),
            ("loader", &self.loader),
            ("glue", &self.glue),
            ("wasm", &self.wasm),
            ("twin", &self.twin),
            // No limit counts what only some pages load: `consent: 'auto'`, hosts that share no cookie, a bound form.
            ("platforms", &self.platforms),
            ("carry", &self.carry),
            ("forms", &self.forms),
        ];
        for (name, part) in parts {
            text += &format!("{name:<20} {:>9} {:>9} {:>9}\n", part.bytes, part.gzip, part.brotli);
        }
        text + &format!(
            "{:<20} {:>29}   budget {MODULE_BUDGET}, goal {MODULE_GOAL}; of the stub {STUB_BUDGET}, \
             of sdk.js {ENTRY_BUDGET}, of the twin {TWIN_BUDGET}\n",
            "loader + glue + wasm",
            self.module()
        )
    }

    fn check(&self, limit: usize) -> Result<()> {
        let (stub, entry, carry) = (self.stub.brotli, self.entry.brotli, self.carry.brotli);
        let (module, twin) = (self.module(), self.twin.brotli);
        ensure!(stub <= STUB_BUDGET, "the stub takes {stub} bytes, {} over its budget", stub - STUB_BUDGET);
        ensure!(entry <= ENTRY_BUDGET, "sdk.js takes {entry} bytes, {} over its budget", entry - ENTRY_BUDGET);
        ensure!(carry <= CARRY_BUDGET, "carry.js takes {carry} bytes, {} over its budget", carry - CARRY_BUDGET);
        ensure!(module <= limit, "the module takes {module} bytes, {} over {limit}", module - limit);
        ensure!(twin <= TWIN_BUDGET, "the twin takes {twin} bytes, {} over its budget", twin - TWIN_BUDGET);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts([stub, entry]: [usize; 2], wasm: usize, twin: usize) -> Parts {
        let size = |brotli| Entry { name: String::new(), bytes: 0, brotli, gzip: 0, sha256: String::new() };
        let [loader, glue, wasm, twin, platforms, carry, forms] =
            [1_000, 2_000, wasm, twin, 1_500, 800, 700].map(size);
        Parts { stub: size(stub), entry: size(entry), loader, glue, wasm, twin, platforms, carry, forms }
    }

    #[test]
    fn a_limit_counts_loader_glue_and_wasm_together() {
        assert!(parts([1_000, 2_222], 21_200, 36_000).check(MODULE_BUDGET).is_ok());
        let error = parts([1_000, 0], 21_201, 0).check(MODULE_BUDGET).unwrap_err();
        assert!(error.to_string().contains("24201 bytes, 1 over 24200"), "{error}");
    }

    #[test]
    fn stub_entry_and_twin_have_budgets_of_their_own() {
        let error = parts([1_001, 0], 0, 0).check(MODULE_BUDGET).unwrap_err();
        assert!(error.to_string().contains("the stub takes 1001 bytes"), "{error}");
        let error = parts([1_000, 2_223], 0, 0).check(MODULE_BUDGET).unwrap_err();
        assert!(error.to_string().contains("sdk.js takes 2223 bytes, 1 over"), "{error}");
        let error = parts([1_000, 0], 0, 36_001).check(MODULE_BUDGET).unwrap_err();
        assert!(error.to_string().contains("the twin takes 36001 bytes, 1 over"), "{error}");
    }
}
