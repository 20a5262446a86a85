//! The workspace's folders and packages, from `cargo metadata`.
//!
//! Only declared dependencies are read (`--no-deps`), so nothing is resolved and no network is needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::shell;

/// The checkout that this build script belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// The member packages.
    pub(crate) packages: Vec<Package>,
}

/// One member package.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Relative to the root.
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependency tables.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal dependency, otherwise `dev` or `build`.
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Reads the workspace from Cargo.
    pub(crate) fn load() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or(manifest, |folder| Path::new(&folder).join("Cargo.toml"));
        let json = shell::capture(
            Command::new(shell::cargo())
                .args(["metadata", "--format-version=1", "--no-deps", "--manifest-path"])
                .arg(manifest),
        )?;
        let mut metadata: Metadata = serde_json::from_str(&json).context("cannot read the answer of cargo metadata")?;
        for package in &mut metadata.packages {
            if let Ok(relative) = package.manifest_path.strip_prefix(&metadata.workspace_root) {
                package.manifest_path = relative.to_owned();
            }
        }
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory, packages: metadata.packages })
    }

    /// `cargo` with the root as working folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(shell::cargo());
        command.current_dir(&self.root);
        command
    }

    /// The version of `package` in `Cargo.lock`.
    pub(crate) fn locked_version(&self, package: &str) -> Result<String> {
        let path = self.root.join("Cargo.lock");
        let lock = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        locked_version(&lock, package).with_context(|| format!("Cargo.lock holds no package {package}"))
    }

    /// The version of the root package, which is the version of the product.
    pub(crate) fn version(&self) -> &str {
        self.packages.iter().find(|package| package.name == "trailmark").map_or("0.0.0", |package| &package.version)
    }
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    let version = lines.next()?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version_is_that_of_the_whole_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-shared\"\nversion = \"9.9.9\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "bindgen"), None);
    }
}
