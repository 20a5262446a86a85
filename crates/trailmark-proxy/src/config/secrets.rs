//! Secrets are only named in the configuration, as `env:NAME` or `file:PATH`, so that the file can be shown, copied
//! and committed. The name is checked when the file is read; the secret is read only when needed: reading the ledger
//! needs no vendor's key. A secret in the file itself is refused.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use trailmark_vendors::secret::Secret;

use super::source::{Given, Overrides, Problem};

/// Names the place of a secret; does not contain it.
#[derive(Clone)]
pub struct SecretRef {
    given: Given<String>,
    keeper: Keeper,
}

#[derive(Clone)]
enum Keeper {
    Variable(String),
    File(PathBuf),
}

impl SecretRef {
    /// Reads the name; `file:` paths are relative to `folder`, which has the configuration file.
    ///
    /// # Errors
    /// The setting has another form.
    pub(super) fn parse(given: Given<String>, folder: &Path) -> Result<Self, Problem> {
        let keeper = match given.value.split_once(':') {
            Some(("env", name)) if is_variable(name) => Keeper::Variable(name.to_owned()),
            // The text may be the secret, so it is not repeated.
            Some(("env", _)) => {
                let text = "names no environment variable after `env:`: write its name, such as env:PRIVATE_KEY, and keep \
                            the secret in the variable";
                return Err(given.problem(text));
            }
            Some(("file", path)) if !path.is_empty() => Keeper::File(folder.join(path)),
            _ => {
                let text = "holds the secret itself: write env:NAME or file:PATH and keep the secret there";
                return Err(given.problem(text));
            }
        };
        Ok(Self { given, keeper })
    }

    /// `env:NAME` or `file:PATH`, as the configuration writes it.
    pub fn source(&self) -> &str {
        &self.given.value
    }

    /// The environment variable that holds it, where one does.
    pub(super) fn variable(&self) -> Option<&str> {
        match &self.keeper {
            Keeper::Variable(name) => Some(name),
            Keeper::File(_) => None,
        }
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or the secret is not one line of text.
    pub fn read(&self, overrides: &Overrides) -> Result<Secret, Problem> {
        let text = match &self.keeper {
            Keeper::Variable(name) => overrides.variable(name).ok_or_else(|| match is_conventional(name) {
                true => format!("needs the environment variable {name}, which is not set: export it"),
                false => "needs the environment variable named after `env:`, which is not set: export it".to_owned(),
            }),
            // The path is not repeated either: it may be the secret.
            Keeper::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
                .map_err(|error| format!("names a file after `file:` that cannot be read: {}", reason(&error))),
        };
        let text = text.map_err(|problem| self.problem(problem))?;
        if text.is_empty() || text.chars().any(|c| c.is_control()) {
            let what = match &self.keeper {
                Keeper::Variable(name) if is_conventional(name) => {
                    format!("needs the environment variable {name}, which")
                }
                Keeper::Variable(_) | Keeper::File(_) => "names a secret that".to_owned(),
            };
            return Err(self.problem(format!("{what} is empty or has line breaks: keep it on one line")));
        }
        Ok(Secret::new(text))
    }

    /// The setting's place.
    pub(super) fn place(&self) -> &str {
        &self.given.place
    }

    /// A problem with the setting.
    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        self.given.problem(text)
    }
}

/// Why a file cannot be read, with the cure where it is known.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{error}; make it readable for this user"),
        _ => error.to_string(),
    }
}

/// Whether a shell could set a variable with this name.
fn is_variable(name: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    name.bytes().next().is_some_and(is_letter) && name.bytes().all(|b| is_letter(b) || b.is_ascii_digit())
}

/// Whether the name looks like a variable and not like a vendor's key; only such a name is repeated in an error.
fn is_conventional(name: &str) -> bool {
    !name.bytes().any(|b| b.is_ascii_lowercase())
}

/// Repeats no more than errors do: whoever put the secret itself there finds it in no log.
impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.keeper {
            Keeper::Variable(name) if is_conventional(name) => write!(f, "SecretRef(env:{name})"),
            Keeper::Variable(_) => f.write_str("SecretRef(env:[redacted])"),
            Keeper::File(_) => f.write_str("SecretRef(file:[redacted])"),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted] from {}", self.source())
    }
}
