//! The programs that the tests need. If one is missing, it is installed; otherwise an error names it.
//!
//! Programs from Cargo go into the user's cache, one folder per version, so that they disturb no checkout and no other
//! version. The browsers come from Debian's packages, only as root. The versions of wasm-bindgen's runner and library must
//! be equal, so the runner's is read from `Cargo.lock`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::debian::{self, Packaged};
use crate::shell;
use crate::workspace::Workspace;

const CARGO_DENY: &str = "0.20.2";

/// Lets Cargo build for the browser: rustup adds the target if it does not do so automatically.
pub(crate) fn wasm_target() -> Result<()> {
    let target = "wasm32-unknown-unknown";
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = shell::capture(Command::new(rustc).args(["--print", "target-libdir", "--target", target]))?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    shell::run(Command::new("rustup").args(["target", "add", target]))
        .with_context(|| format!("Rust's target {target} is missing and rustup cannot add it"))
}

/// The folder of wasm-bindgen's programs at the version in `Cargo.lock`.
pub(crate) fn wasm_bindgen_test_runner(workspace: &Workspace) -> Result<PathBuf> {
    let version = workspace.locked_version("wasm-bindgen")?;
    // Without --locked: the lock file in the package names a version that a filtered registry may lack.
    cargo_tool("wasm-bindgen-cli", &version, "wasm-bindgen-test-runner")
}

/// cargo-deny.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    cargo_tool("cargo-deny", CARGO_DENY, "cargo-deny")
}

/// Builds one program of a package without optimisation: it runs for two seconds instead of one, but builds in a third of
/// the time.
fn cargo_tool(package: &str, version: &str, program: &str) -> Result<PathBuf> {
    let root = cache()?.join("tools").join(format!("{package}-{version}"));
    let path = root.join("bin").join(program);
    if path.is_file() {
        return Ok(path);
    }
    println!("installing {package} {version}, which takes some minutes");
    std::fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    shell::run(
        Command::new(shell::cargo())
            .args(["install", package, "--version", version, "--bin", program, "--debug", "--quiet", "--root"])
            .arg(&root)
            // Outside the checkout, whose Cargo settings are not for other programs.
            .current_dir(&root)
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_PROFILE_DEV_DEBUG", "false"),
    )?;
    Ok(path)
}

/// The folder for tools that belong to no checkout.
pub(crate) fn cache() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let Some(cache) = cache.filter(|path| path.is_absolute()).or(home) else {
        bail!("neither XDG_CACHE_HOME nor HOME says where to keep the tools");
    };
    Ok(cache.join("trailmark"))
}

/// The browsers of the tests: Chromium with its driver, and Firefox, which needs none.
#[derive(Clone, Debug)]
pub(crate) struct Browsers {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
    pub(crate) firefox: PathBuf,
}

const CHROMIUM: Packaged = Packaged { program: "chromium", package: "chromium" };
const DRIVER: Packaged = Packaged { program: "chromedriver", package: "chromium-driver" };
const FIREFOX: Packaged = Packaged { program: "firefox-esr", package: "firefox-esr" };

impl Browsers {
    /// Finds all three programs; on Debian, as root, installs the missing ones first. The error says what to install
    /// by hand.
    pub(crate) fn install() -> Result<Self> {
        let missing = debian::missing(&[CHROMIUM, DRIVER, FIREFOX], shell::which);
        if !missing.is_empty() {
            debian::may_install(&missing)?;
            // Without a font, a page shows no text.
            debian::install(&[&["fonts-liberation"], debian::packages(&missing).as_slice()].concat())?;
        }
        let path = |needed: &Packaged| {
            shell::which(needed.program)
                .with_context(|| format!("apt-get installed {}, yet {} is not on PATH", needed.package, needed.program))
        };
        Ok(Self { chromium: path(&CHROMIUM)?, driver: path(&DRIVER)?, firefox: path(&FIREFOX)? })
    }
}
