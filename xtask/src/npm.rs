//! Node and the npm packages of `tests/`: wasm-opt and wasm2js (binaryen) and terser for `build-sdk`, the rest for the
//! tests. What only some tests need has a list of its own (`tests/npm/`, `tests/matrix/`, `tests/bench/`), so that building
//! the module does not download it.
//!
//! `build-sdk` and `demo` work without Node, with larger output and without the module's JavaScript twin; `test` needs
//! it. The installed versions are those of the list's `package-lock.json`. A stamp records its hash, so that a second run
//! needs no network.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::artifact::sha256_hex;
use crate::shell;
use crate::workspace::Workspace;

const OLDEST_NODE: u32 = 20;

/// Node with the packages of `tests/package-lock.json` installed.
#[derive(Clone, Debug)]
pub(crate) struct Npm {
    pub(crate) node: PathBuf,
    modules: PathBuf,
    /// Hash of the lock file: two runs with the same hash have the same tools.
    pub(crate) lock_hash: String,
}

impl Npm {
    /// Finds Node and npm and installs missing packages. The error says what to install by hand.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self> {
        Self::install_in(&workspace.root.join("tests"))
    }

    /// The same for the packages that `list` locks, in the folder `to`, so that the checkout holds nothing that is built.
    pub(crate) fn install_copy(list: &Path, to: &Path) -> Result<Self> {
        std::fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
        for name in ["package.json", "package-lock.json", ".npmrc"] {
            let file = list.join(name);
            std::fs::copy(&file, to.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
        }
        Self::install_in(to)
    }

    /// The same for the packages of the lock file in `folder`.
    fn install_in(folder: &Path) -> Result<Self> {
        let node = find_node()?;
        let lock = folder.join("package-lock.json");
        let lock = std::fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
        let npm = Self { node, modules: folder.join("node_modules"), lock_hash: sha256_hex(&lock) };
        let stamp = npm.modules.join(".trailmark-lock");
        if std::fs::read_to_string(&stamp).is_ok_and(|hash| hash == npm.lock_hash) {
            return Ok(npm);
        }
        // npm's progress goes to standard error; its summary would only clutter the list of steps.
        shell::run(program()?.args(["ci", "--loglevel=error"]).current_dir(folder).stdout(Stdio::null()))
            .with_context(|| format!("cannot install the npm packages of {}", folder.display()))?;
        std::fs::write(&stamp, &npm.lock_hash)?;
        Ok(npm)
    }

    /// Installs a packed package beside the others, without the network and without changing the lock file.
    pub(crate) fn add(&self, tarball: &Path) -> Result<()> {
        let mut command = program()?;
        command.args(["install", "--no-save", "--offline", "--loglevel=error", "--prefix"]);
        command.arg(self.modules.join("..")).arg(tarball).stdout(Stdio::null());
        shell::run(&mut command).with_context(|| format!("cannot install {}", tarball.display()))
    }

    /// A command that runs the script `path` of an installed package.
    pub(crate) fn script(&self, path: &str) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(self.modules.join(path));
        command
    }
}

/// npm itself.
pub(crate) fn program() -> Result<Command> {
    let program =
        shell::which("npm").context("npm is missing beside Node; install it (on Debian: apt-get install npm)")?;
    Ok(Command::new(program))
}

fn find_node() -> Result<PathBuf> {
    let Some(node) = shell::which("node") else {
        bail!("Node {OLDEST_NODE} or newer is missing (on Debian: apt-get install nodejs npm)");
    };
    let version = shell::capture(Command::new(&node).arg("--version"))?;
    match major(&version) {
        Some(major) if major >= OLDEST_NODE => Ok(node),
        _ => bail!("Node {OLDEST_NODE} or newer is needed, {} says {}", node.display(), version.trim()),
    }
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_and_nonsense_is_none() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20.1"), None);
        assert_eq!(major("vnext"), None);
    }
}
