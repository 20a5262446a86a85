//! The programs that the pages of `docs/` use and that `tests/docs` runs as the pages say: found, else installed, else named.
//! On Debian, as root, they come from its packages. Nothing of the product needs them.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Programs, and the packages of Debian that bring them.
const PROGRAMS: [(&str, &str); 5] =
    [("bash", "bash"), ("curl", "curl"), ("openssl", "openssl"), ("python3", "python3"), ("sqlite3", "sqlite3")];

/// What the signer in Python imports, and the package of Debian that brings it.
const PYTHON_MODULE: (&str, &str) = ("cryptography", "python3-cryptography");

/// Installs what is missing.
///
/// # Errors
/// It cannot be installed here; names it and says how to get it.
pub(crate) fn install_programs() -> Result<()> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    let cure = format!("apt-get install {}", packages.join(" "));
    if !Path::new("/etc/debian_version").exists() || shell::capture(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("the pages of docs/ use programs that are missing here; on Debian: {cure}");
    }
    println!("installing {} from Debian's packages", packages.join(" "));
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends"]] {
        let mut command = Command::new("apt-get");
        command.args(["-q", "-q"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        if arguments.contains(&"install") {
            command.args(&packages);
        }
        shell::run(&mut command)?;
    }
    let still = missing();
    if !still.is_empty() {
        bail!(
            "the packages {} are installed, yet what they bring is not found: see PATH and `python3`",
            still.join(" ")
        );
    }
    Ok(())
}

/// The packages of what is not there.
fn missing() -> Vec<&'static str> {
    let programs = PROGRAMS.into_iter().filter(|(program, _)| shell::which(program).is_none());
    let mut packages: Vec<&str> = programs.map(|(_, package)| package).collect();
    let (module, package) = PYTHON_MODULE;
    let mut import = Command::new("python3");
    if shell::capture(import.args(["-c", &format!("import {module}")])).is_err() {
        packages.push(package);
    }
    packages
}
