//! The source of a setting's value, and its place in errors: file and line, environment variable or flag. Applies the
//! layers (file < environment < flags); other files check the values.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use toml::Spanned;

use crate::nearest::nearest;

/// A problem with one setting. Names place and cure, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place of the value: `trailmark.toml:12`, `TRAILMARK_SERVER_LISTEN` or `--listen`.
    pub place: String,
    /// The setting, such as `server.listen`.
    pub key: String,
    /// What is wrong, and the cure.
    pub text: String,
}

impl Problem {
    /// The line in the file; `None` if the value is not from the file.
    pub(super) fn line(&self) -> Option<usize> {
        self.place.rsplit_once(':').and_then(|(_name, line)| line.parse().ok())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` {}", self.place, self.key, self.text)
    }
}

/// Reads one environment variable; `None` if it is not set.
pub type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How variables that override a setting begin.
const PREFIX: &str = "TRAILMARK_";

/// Variables beside the settings: `--config` reads the first one, and the docs export the second one for a backend.
const BESIDE: [&str; 2] = ["TRAILMARK_CONFIG", "TRAILMARK_API_KEY"];

/// What overrides the file: the environment, and above it the flags.
#[derive(Clone)]
pub struct Overrides {
    variable: Variable,
    names: Vec<OsString>,
    flags: BTreeMap<&'static str, String>,
}

impl Overrides {
    /// The process's own environment, no flags.
    pub fn from_process() -> Self {
        Self::from_variables(|name| std::env::var(name).ok()).with_names(std::env::vars_os().map(|(name, _)| name))
    }

    /// The given environment, no flags.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { variable: Arc::new(variable), names: Vec::new(), flags: BTreeMap::new() }
    }

    /// The same, where variables of these names are set: what looks like a setting and is none is warned about.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = OsString>) -> Self {
        self.names = names.into_iter().collect();
        self.names.sort_unstable();
        self
    }

    /// A warning for each variable that is named like a setting's and overrides none. `known` are the names of all that do, and
    /// of the secrets of this configuration.
    pub(super) fn strangers(&self, known: &BTreeSet<String>) -> Vec<String> {
        let names = self.names.iter().map(|name| name.to_string_lossy());
        let ours =
            names.filter(|name| name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)));
        ours.filter_map(|name| match known.contains(&*name) {
            // What is set and cannot be read counts as not set.
            true if self.variable(&name).is_none() => Some(format!("{name} is not UTF-8 and is ignored: set it again")),
            true => None,
            false if BESIDE.contains(&&*name) => None,
            false => {
                let short = |name: &str| name.get(PREFIX.len()..).unwrap_or_default().to_ascii_uppercase();
                let settings = known.iter().filter(|known| known.starts_with(PREFIX));
                let likely = nearest(&short(&name), settings.map(|known| short(known)));
                let cure = likely.map_or_else(
                    || "only settings of [server], [store] and [limits] have variables, such as TRAILMARK_SERVER_LISTEN".to_owned(),
                    |likely| format!("did you mean {PREFIX}{likely}?"),
                );
                // A name may hold anything but `=`.
                let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(80).collect();
                Some(format!("the environment variable {name} is not a setting and is ignored; {cure}"))
            }
        })
        .collect()
    }

    /// The same, with a flag for a setting such as `server.listen`, if the flag was given.
    #[must_use]
    pub fn with_flag(mut self, key: &'static str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.flags.insert(key, value);
        }
        self
    }

    /// The value of an environment variable.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name)
    }
}

impl Default for Overrides {
    fn default() -> Self {
        Self::from_process()
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overrides").field("flags", &self.flags.keys()).finish_non_exhaustive()
    }
}

/// A value and its source.
#[derive(Debug, Clone)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) place: String,
    pub(super) key: String,
}

impl<T> Given<T> {
    /// A problem with this value.
    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { place: self.place.clone(), key: self.key.clone(), text: text.into() }
    }

    /// Converts the value, or returns a problem.
    pub(super) fn read<U, E: fmt::Display>(&self, read: impl FnOnce(&T) -> Result<U, E>) -> Result<U, Problem> {
        read(&self.value).map_err(|error| self.problem(error.to_string()))
    }
}

/// The file's text and name, for converting byte positions to lines.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// Ends of lines: found once, because every setting needs its line.
    ends: Vec<usize>,
}

impl<'a> Text<'a> {
    /// A file's text under the name that errors show.
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// `name:line` of a byte position.
    pub(super) fn place(&self, at: usize) -> String {
        format!("{}:{}", self.name, self.ends.partition_point(|end| *end < at) + 1)
    }

    /// A value from the file.
    pub(super) fn given<T>(&self, key: impl Into<String>, value: Spanned<T>) -> Given<T> {
        Given { place: self.place(value.span().start), key: key.into(), value: value.into_inner() }
    }

    /// The key at a byte position, as written in the file: the table's header and the name before `=`.
    pub(super) fn key_at(&self, at: usize) -> String {
        let before = self.text.get(..at).unwrap_or(self.text);
        let rest = self.text.get(before.rfind('\n').map_or(0, |line| line + 1)..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let header = |line: &str| {
            let line = line.split('#').next().unwrap_or_default().trim();
            line.starts_with('[').then(|| line.trim_matches(['[', ']']).trim().to_owned())
        };
        if let Some(table) = header(line) {
            return table;
        }
        let name = line.split_once('=').map(|(name, _)| name.trim().to_owned());
        let table = before.lines().rev().find_map(header);
        table.into_iter().chain(name).collect::<Vec<_>>().join(".")
    }
}

/// A setting that environment and flags may override.
pub(super) fn layered(
    overrides: &Overrides,
    text: &Text<'_>,
    key: &'static str,
    file: Option<Spanned<String>>,
) -> Option<Given<String>> {
    let variable = variable_of(key);
    let flag = overrides.flags.get(key).map(|value| (format!("--{}", flag_of(key)), value.clone()));
    let above = flag.or_else(|| overrides.variable(&variable).map(|value| (variable, value)));
    match above {
        Some((place, value)) => Some(Given { value, place, key: key.to_owned() }),
        None => file.map(|value| text.given(key, value)),
    }
}

/// `server.admin_listen` is `TRAILMARK_SERVER_ADMIN_LISTEN`.
pub(crate) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "_"))
}

/// `server.admin_listen` is `--admin-listen`, `store.url` is `--store`.
pub(crate) fn flag_of(key: &str) -> String {
    match key.split_once('.') {
        Some((table, "url")) => table.to_owned(),
        Some((_, name)) => name.replace('_', "-"),
        None => key.to_owned(),
    }
}
