//! The programs that the pages of `docs/` use and that `tests/docs` runs. If one is missing, it is installed (on Debian, as
//! root); otherwise an error names it. The product needs none of them.

use std::process::Command;

use anyhow::{Result, bail};

use crate::debian::{self, Packaged};
use crate::shell;

/// Programs, and their Debian packages.
const PROGRAMS: [Packaged; 5] = [
    Packaged { program: "bash", package: "bash" },
    Packaged { program: "curl", package: "curl" },
    Packaged { program: "openssl", package: "openssl" },
    Packaged { program: "python3", package: "python3" },
    Packaged { program: "sqlite3", package: "sqlite3" },
];

/// The module that the Python signer imports, and its Debian package.
const PYTHON_MODULE: Packaged = Packaged { program: "cryptography (for python3)", package: "python3-cryptography" };

/// Installs what is missing.
///
/// # Errors
/// It cannot be installed here; the error names it and says how to get it.
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

/// The programs that are missing.
fn missing() -> Vec<Packaged> {
    let mut missing = debian::missing(&PROGRAMS, shell::which);
    let mut import = Command::new("python3");
    if shell::capture(import.args(["-c", "import cryptography"])).is_err() {
        missing.push(PYTHON_MODULE);
    }
    missing
}
