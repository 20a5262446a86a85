//! The tables of `trailmark.toml` as written: every value with its position, checked only for its type. Unknown keys
//! and wrong types are all reported here; the other files of this folder check the values.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::source::{Problem, Text};
use crate::nearest::{listed, nearest};

/// A text with its position, if present.
pub(super) type Words = Option<Spanned<String>>;

/// A list of texts with their positions, if present.
pub(super) type List = Option<Spanned<Vec<Spanned<String>>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) server: ServerTable,
    pub(super) store: StoreTable,
    pub(super) limits: LimitsTable,
    pub(super) sites: Vec<Spanned<SiteTable>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerTable {
    pub(super) listen: Words,
    pub(super) public_url: Words,
    pub(super) mount: Words,
    pub(super) admin_listen: Words,
    pub(super) admin_key: Words,
    pub(super) trusted_proxies: List,
    pub(super) client_ip_header: Words,
    pub(super) log_format: Words,
    pub(super) log_level: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StoreTable {
    pub(super) url: Words,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsTable {
    pub(super) requests_per_minute: Option<Spanned<i64>>,
    pub(super) server_requests_per_minute: Option<Spanned<i64>>,
    pub(super) touches_per_hour: Option<Spanned<i64>>,
    pub(super) held_per_hour: Option<Spanned<i64>>,
    pub(super) network_share_percent: Option<Spanned<i64>>,
    pub(super) queue: Option<Spanned<i64>>,
    pub(super) connections: Option<Spanned<i64>>,
    pub(super) connections_per_network: Option<Spanned<i64>>,
    pub(super) webhooks: Option<Spanned<i64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SiteTable {
    pub(super) id: Words,
    pub(super) public_url: Words,
    pub(super) origins: List,
    pub(super) cookie_domain: Words,
    pub(super) consent: Words,
    pub(super) redirect_to: List,
    pub(super) credit: Words,
    pub(super) window_days: Option<Spanned<i64>>,
    pub(super) signups_per_visitor: Option<Spanned<i64>>,
    pub(super) signups_from: Words,
    pub(super) signup_wait: Words,
    pub(super) require_signed_customer: Option<Spanned<bool>>,
    pub(super) order_keys: Vec<Spanned<BTreeMap<String, String>>>,
    pub(super) programs: Vec<Spanned<ProgramTable>>,
}

#[derive(Debug, Default)]
pub(super) struct ProgramTable {
    pub(super) id: Words,
    pub(super) vendor: Words,
    pub(super) dialect: Words,
    pub(super) params: List,
    pub(super) webhook_path: Words,
    pub(super) confirm_after: Words,
    pub(super) requests_per_minute: Option<Spanned<i64>>,
    pub(super) unique_keys: Option<Spanned<bool>>,
    /// All others: the vendor says which of them are its settings.
    pub(super) settings: BTreeMap<String, Spanned<toml::Value>>,
}

/// The settings that a program of any vendor has.
pub(super) const OF_ANY_VENDOR: [&str; 8] =
    ["id", "vendor", "dialect", "params", "webhook_path", "confirm_after", "requests_per_minute", "unique_keys"];

impl<'de> Deserialize<'de> for ProgramTable {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ProgramVisitor)
    }
}

/// Not derived: serde's `flatten`, which would collect the vendor's settings, loses their positions.
struct ProgramVisitor;

impl<'de> Visitor<'de> for ProgramVisitor {
    type Value = ProgramTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ProgramTable, A::Error> {
        let mut table = ProgramTable::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "id" => table.id = map.next_value()?,
                "vendor" => table.vendor = map.next_value()?,
                "dialect" => table.dialect = map.next_value()?,
                "params" => table.params = map.next_value()?,
                "webhook_path" => table.webhook_path = map.next_value()?,
                "confirm_after" => table.confirm_after = map.next_value()?,
                "requests_per_minute" => table.requests_per_minute = map.next_value()?,
                "unique_keys" => table.unique_keys = map.next_value()?,
                _ => drop(table.settings.insert(name, map.next_value()?)),
            }
        }
        Ok(table)
    }
}

/// Most mistakes reported at once. The file is read again after each one, so a wrong file full of mistakes would take
/// quadratic time.
const MOST_MISTAKES: usize = 50;

/// Reads the file's text: the tables without their mistakes, and all mistakes.
///
/// # Errors
/// Every place that is not TOML; nothing else of such a file is read.
pub(super) fn read(text: &Text<'_>) -> Result<(File, Vec<Problem>), Vec<Problem>> {
    let (mut document, errors) = DeTable::parse_recoverable(text.text);
    if !errors.is_empty() {
        return Err(first(errors.iter().map(|error| problem(text, error)), text));
    }
    let mut problems = Vec::new();
    // Serde stops at the first mistake: that entry is removed and the rest is read again.
    loop {
        match File::deserialize(Deserializer::from(document.clone())) {
            Ok(file) => return Ok((file, problems)),
            Err(error) => {
                problems.push(problem(text, &error));
                if problems.len() > MOST_MISTAKES {
                    return Err(first(problems, text));
                }
                let is_out = error.span().is_some_and(|span| take_out(document.get_mut(), span.start));
                if !is_out {
                    return Err(problems);
                }
            }
        }
    }
}

/// The first mistakes, and a note if there are more.
fn first(problems: impl IntoIterator<Item = Problem>, text: &Text<'_>) -> Vec<Problem> {
    let mut problems = problems.into_iter();
    let mut told: Vec<Problem> = problems.by_ref().take(MOST_MISTAKES).collect();
    if problems.next().is_some() {
        let rest = "has more mistakes below: correct these first".to_owned();
        told.push(Problem { place: text.place(text.text.len()), key: "the file".to_owned(), text: rest });
    }
    told
}

fn problem(text: &Text<'_>, error: &toml::de::Error) -> Problem {
    let at = error.span().map_or(0, |span| span.start);
    let key = text.key_at(at);
    let name = key.rsplit('.').next().unwrap_or_default();
    Problem { place: text.place(at), text: without_values(error.message(), name), key }
}

/// Removes the innermost entry at a byte position; `false` if there is none.
fn take_out(table: &mut DeTable<'_>, at: usize) -> bool {
    // The content of a table with a header lies outside the table's span, so all entries are searched.
    if table.iter_mut().any(|(_, value)| take_out_of_value(value.get_mut(), at)) {
        return true;
    }
    let here = |key: &Spanned<_>, value: &Spanned<_>| key.span().contains(&at) || value.span().contains(&at);
    let found = table.iter().find(|(key, value)| here(key, value)).map(|(key, _)| key.clone());
    found.is_some_and(|key| table.remove(&key).is_some())
}

fn take_out_of_value(value: &mut DeValue<'_>, at: usize) -> bool {
    match value {
        DeValue::Table(table) => take_out(table, at),
        DeValue::Array(array) => array.iter_mut().any(|value| take_out_of_value(value.get_mut(), at)),
        _ => false,
    }
}

/// The parser's message without the value that it quotes, which may be a secret. The `toml` crate tells the expected
/// type only in its message.
fn without_values(message: &str, name: &str) -> String {
    let message = message.trim();
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    match (message.split_once(' '), expected) {
        (Some(("invalid", _)), Some(expected)) => format!("has the wrong type: {}", shape(expected, name)),
        (Some(("unknown", rest)), Some(expected)) if rest.starts_with("field") => unknown(name, listed(expected)),
        (Some(("duplicate", _)), _) => "is set twice: keep one of the two".to_owned(),
        (Some(("missing", _)), _) => format!("cannot be read: {message}"),
        _ => format!("cannot be read as TOML: {}", message.lines().next().unwrap_or_default()),
    }
}

/// How to write a value of the expected type.
fn shape(expected: &str, name: &str) -> String {
    match expected {
        "a sequence" if matches!(name, "sites" | "programs") => {
            "write its header with two brackets, such as [[sites]] or [[sites.programs]]".to_owned()
        }
        "a sequence" if name == "order_keys" => {
            "write a list of keys, such as order_keys = [{ kty = \"OKP\", … }]".to_owned()
        }
        "a sequence" => format!("write a list, even of one: {name} = [\"…\"]"),
        "a string" => format!("write a text in quotes: {name} = \"…\""),
        "i64" => format!("write a whole number without quotes: {name} = 90"),
        "a boolean" => format!("write true or false without quotes: {name} = true"),
        other => format!("write {other}"),
    }
}

/// An unknown setting, with the setting that was probably meant.
pub(super) fn unknown<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    match nearest(name, known) {
        Some(known) => format!("is not a setting here; did you mean `{known}`?"),
        None => "is not a setting here; `trailmark config print --default` prints all settings".to_owned(),
    }
}
