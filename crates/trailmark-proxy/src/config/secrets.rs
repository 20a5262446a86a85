//! Secrets of the configuration: only ever named, as `env:NAME` or `file:PATH`, and read when the configuration is. A text
//! that stands in the file itself is refused, so that the file can be shown, copied and committed.

use std::fmt;
use std::path::{Path, PathBuf};

use trailmark_vendors::secret::Secret;

use super::source::{Given, Overrides, Problem};

/// A secret, and the name under which the configuration refers to it.
#[derive(Debug, Clone)]
pub struct SecretSetting {
    /// The secret.
    pub secret: Secret,
    /// `env:NAME` or `file:PATH`.
    pub source: String,
}

impl fmt::Display for SecretSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted] from {}", self.source)
    }
}

/// Where secrets are read from.
#[derive(Debug)]
pub(super) struct Vault<'a> {
    pub(super) overrides: &'a Overrides,
    /// The folder of the configuration file, to which `file:` paths are relative.
    pub(super) folder: PathBuf,
}

impl Vault<'_> {
    /// Reads the secret that a setting names.
    pub(super) fn read(&self, given: &Given<String>) -> Result<SecretSetting, Problem> {
        let text = match given.value.split_once(':') {
            Some(("env", name)) => self.variable(name),
            Some(("file", path)) => self.file(Path::new(path)),
            _ => Err("holds the secret itself: write env:NAME or file:PATH and keep the secret there".to_owned()),
        };
        let text = text.map_err(|problem| given.problem(problem))?;
        if text.is_empty() || text.chars().any(|c| c.is_control()) {
            return Err(given.problem("names a secret that is empty or holds line breaks: one line is expected"));
        }
        Ok(SecretSetting { secret: Secret::new(text), source: given.value.clone() })
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        let set = self.overrides.variable(name);
        set.ok_or_else(|| format!("needs the environment variable {name}, which is not set: export it"))
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        let text = std::fs::read_to_string(self.folder.join(path))
            .map_err(|error| format!("names the file {}, which cannot be read: {error}", path.display()))?;
        Ok(text.trim_end_matches(['\n', '\r']).to_owned())
    }
}
