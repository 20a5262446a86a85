//! Debian's packages: finds missing ones, installs them as root, or unpacks a program without installing it. On other
//! systems, and without root, an error says what to install by hand. [`crate::tools`], [`crate::fronts`] and
//! [`crate::docs`] know what they need.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell;

/// A program and its package.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packaged {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// The programs that `find` does not find.
pub(crate) fn missing(needed: &[Packaged], find: impl Fn(&str) -> Option<PathBuf>) -> Vec<Packaged> {
    needed.iter().copied().filter(|needed| find(needed.program).is_none()).collect()
}

/// The packages of some programs.
pub(crate) fn packages(programs: &[Packaged]) -> Vec<&'static str> {
    programs.iter().map(|needed| needed.package).collect()
}

/// Checks that packages can be installed: on Debian, as root.
///
/// # Errors
/// Otherwise: what is missing, and how to get it.
pub(crate) fn may_install(missing: &[Packaged]) -> Result<()> {
    let is_debian = Path::new("/etc/debian_version").exists();
    ensure!(is_debian && shell::capture(Command::new("id").arg("-u"))?.trim() == "0", by_hand(missing));
    Ok(())
}

fn by_hand(missing: &[Packaged]) -> String {
    let programs: Vec<_> = missing.iter().map(|needed| needed.program).collect();
    format!("not on PATH: {}; on Debian: apt-get install {}", programs.join(", "), packages(missing).join(" "))
}

/// Installs packages without their recommendations.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    println!("installing {} from Debian's packages", packages.join(", "));
    shell::run(apt().arg("update"))?;
    shell::run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

/// Unpacks each package into a folder of its name under `folder`. Nothing is installed: no service starts, and the
/// libraries that a program needs must exist already.
pub(crate) fn unpack(packages: &[&str], folder: &Path) -> Result<()> {
    println!("taking {} out of Debian's packages", packages.join(", "));
    shell::run(apt().arg("update"))?;
    for package in packages {
        // Renamed last, so that an interrupted run leaves nothing that looks complete.
        let (partial, whole) = (folder.join(format!("{package}.partial")), folder.join(package));
        if partial.exists() {
            std::fs::remove_dir_all(&partial)?;
        }
        std::fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
        // The user as which apt would download may not write here.
        let sandbox = "APT::Sandbox::User=root";
        shell::run(apt().args(["-o", sandbox, "download", package]).current_dir(&partial))?;
        let files = shell::files_under(&partial)?;
        let [archive] = files.as_slice() else { bail!("apt-get brought {} files for {package}", files.len()) };
        shell::run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(&partial))?;
        std::fs::remove_file(archive)?;
        std::fs::rename(&partial, &whole).with_context(|| format!("cannot name {}", whole.display()))?;
    }
    Ok(())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-q"]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_the_package_to_install() {
        let needed = ["chromium", "chromedriver", "firefox-esr"].map(|program| {
            let package = if program == "chromedriver" { "chromium-driver" } else { program };
            Packaged { program, package }
        });
        let only_chromium = |program: &str| (program == "chromium").then(|| PathBuf::from("/usr/bin/chromium"));
        assert_eq!(
            by_hand(&missing(&needed, only_chromium)),
            "not on PATH: chromedriver, firefox-esr; on Debian: apt-get install chromium-driver firefox-esr"
        );
        assert!(missing(&needed, |program| Some(program.into())).is_empty());
    }
}
