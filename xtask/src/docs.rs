//! The programs that the pages of `docs/` use and that `tests/docs` runs as the pages say: found, else installed, else named.
//! On Debian, as root, they come from its packages. Nothing of the product needs them.

use std::process::Command;

use anyhow::{Result, bail};

use crate::debian::{self, Packaged};
use crate::shell;

/// Programs, and the packages of Debian that bring them.
const PROGRAMS: [Packaged; 5] = [
    Packaged { program: "bash", package: "bash" },
    Packaged { program: "curl", package: "curl" },
    Packaged { program: "openssl", package: "openssl" },
    Packaged { program: "python3", package: "python3" },
    Packaged { program: "sqlite3", package: "sqlite3" },
];

/// What the signer in Python imports, and the package of Debian that brings it.
const PYTHON_MODULE: Packaged = Packaged { program: "cryptography (for python3)", package: "python3-cryptography" };

/// Installs what is missing.
///
/// # Errors
/// It cannot be installed here; names it and says how to get it.
pub(crate) fn install_programs() -> Result<()> {
    let lacking = missing();
    if lacking.is_empty() {
        return Ok(());
    }
    debian::may_install(&lacking)?;
    debian::install(&debian::packages(&lacking))?;
    let still = missing();
    if !still.is_empty() {
        bail!(
            "the packages {} are installed, yet what they bring is not found: see PATH and `python3`",
            debian::packages(&still).join(" ")
        );
    }
    Ok(())
}

/// What is not there.
fn missing() -> Vec<Packaged> {
    let mut missing = debian::missing(&PROGRAMS, shell::which);
    let mut import = Command::new("python3");
    if shell::capture(import.args(["-c", "import cryptography"])).is_err() {
        missing.push(PYTHON_MODULE);
    }
    missing
}
