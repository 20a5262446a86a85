//! nginx and Caddy, which stand in front of the proxy in `tests/journey` and read the blocks of docs/deploy.md. If one is
//! missing, it is unpacked from its Debian package into the user's cache; otherwise an error names it. They are not
//! installed: that would start both, now and at every boot, on ports that this machine may use.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::debian::{self, Packaged};
use crate::{shell, tools};

/// The web servers.
#[derive(Clone, Debug)]
pub(crate) struct Fronts {
    pub(crate) nginx: PathBuf,
    pub(crate) caddy: PathBuf,
}

const NGINX: Packaged = Packaged { program: "nginx", package: "nginx" };
const CADDY: Packaged = Packaged { program: "caddy", package: "caddy" };

impl Fronts {
    /// Finds both; on Debian, as root, unpacks the missing ones first.
    ///
    /// # Errors
    /// One is missing and cannot be unpacked: what to install by hand. A program that does not start.
    pub(crate) fn install() -> Result<Self> {
        let cache = tools::cache()?.join("tools").join("debian");
        let find = |program: &str| found(program, &cache);
        let missing = debian::missing(&[NGINX, CADDY], find);
        if !missing.is_empty() {
            debian::may_install(&missing)?;
            debian::unpack(&debian::packages(&missing), &cache)?;
        }
        let started = |needed: Packaged, version: &str| {
            let path = find(needed.program)
                .with_context(|| format!("the package {} holds no {}", needed.package, needed.program))?;
            shell::capture(Command::new(&path).arg(version))
                .with_context(|| format!("{} needs libraries: apt-get install {}", needed.program, needed.package))?;
            Ok::<_, anyhow::Error>(path)
        };
        Ok(Self { nginx: started(NGINX, "-v")?, caddy: started(CADDY, "version")? })
    }
}

/// Searches `PATH`, `/usr/sbin`, which ordinary users' `PATH` lacks, and the unpacked packages.
fn found(program: &str, cache: &Path) -> Option<PathBuf> {
    let taken = cache.join(program).join("usr");
    let folders = [PathBuf::from("/usr/sbin"), taken.join("sbin"), taken.join("bin")];
    let besides = folders.map(|folder| folder.join(program)).into_iter().find(|path| path.is_file());
    shell::which(program).or(besides)
}
