//! Why a command failed, and its exit code (interfaces.md). The text names the input and the cure.

use std::process::ExitCode;

use crate::admin::problem::{CORRUPT, Problem, REFUSED};
use crate::config::{ConfigError, Problem as Mistake};
use crate::keys::KeyError;
use crate::store::StoreError;

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    text: String,
    /// Whether the requested row does not exist.
    is_missing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Request = 1,
    Usage = 2,
    Vendor = 3,
    Unreachable = 4,
    Interrupted = 130,
}

impl Failure {
    /// The request failed: no such row, or a refused change.
    pub(super) fn request(text: impl Into<String>) -> Self {
        Self::of(Exit::Request, text)
    }

    /// The command line or the configuration is wrong.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::of(Exit::Usage, text)
    }

    /// The vendor refused.
    pub(super) fn vendor(text: impl Into<String>) -> Self {
        Self::of(Exit::Vendor, text)
    }

    /// Vendor, proxy or store cannot be reached.
    pub(super) fn unreachable(text: impl Into<String>) -> Self {
        Self::of(Exit::Unreachable, text)
    }

    /// Puts the input before a refusal by the ledger, which does not know what was typed.
    pub(super) fn about(self, input: &str) -> Self {
        let text = if self.exit == Exit::Request { format!("`{input}`: {}", self.text) } else { self.text };
        Self { text, ..self }
    }

    /// Ctrl-C.
    pub(super) fn interrupted() -> Self {
        Self::of(Exit::Interrupted, String::new())
    }

    /// Whether the requested row does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// Whether the vendor answered and refused.
    pub(super) fn is_refusal(&self) -> bool {
        self.exit == Exit::Vendor
    }

    fn of(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into(), is_missing: false }
    }

    /// The message; none if the user knows already.
    pub(super) fn text(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| !text.is_empty())
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Self {
        Self::usage(mistake.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from(Problem::from(error))
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::from(Problem::from(error))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let text = problem.detail;
        match (problem.status, problem.code.as_str()) {
            (401 | 403, _) => Self::usage(format!("the operator's listener refused: {text}")),
            (404, _) => Self { is_missing: true, ..Self::request(text) },
            (_, REFUSED) => Self::request(text),
            (_, CORRUPT) => Self::unreachable(text),
            (500.., _) => Self::unreachable(text),
            _ => Self::request(text),
        }
    }
}
