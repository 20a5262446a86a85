//! Prints a vendor's records: the lines of a list as its pages arrive, or one record with all its facts. A list's columns are
//! as wide as on its first page, since later pages are not known yet. Lists leave out people's names and e-mail addresses;
//! facts and JSON have them. An item that was printed is not printed again.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde_json::Value;
use trailmark_vendors::command::{Command, Record};
use trailmark_wire::money::{Currency, Money};

use super::account::Goes;
use super::failure::Failure;
use super::output;

/// The columns of a list whose command names none.
const KEY: &[&str] = &["key|id"];

/// Pages in a row without a new item after which a list has no end: the vendor counts no pages, or shows the same ones again.
/// A list that grows at its beginning pushes at most a page or two back.
const MOST_STALE: u32 = 10;

/// A list that is being printed.
pub(super) struct Listing {
    noun: &'static str,
    columns: &'static [&'static str],
    is_json: bool,
    /// How many more items are wanted.
    left: u64,
    shown: u64,
    widths: Vec<usize>,
    /// Pages in a row whose items were all printed before.
    stale: u32,
    /// Hashes of what identifies the items so far: eight bytes each, whatever an item holds.
    seen: HashSet<u64>,
}

impl Listing {
    pub(super) fn of(command: &Command, is_json: bool, limit: Option<u64>) -> Self {
        let columns = if command.columns.is_empty() { KEY } else { command.columns };
        let left = limit.unwrap_or(u64::MAX);
        let (widths, seen) = (Vec::new(), HashSet::new());
        Self { noun: command.noun, columns, is_json, left, shown: 0, widths, stale: 0, seen }
    }

    /// Prints the items that are new, and says how the list goes on.
    pub(super) fn print(&mut self, items: Vec<Record>) -> Result<Goes, Failure> {
        let is_empty = items.is_empty();
        let new = items.into_iter().filter(|item| self.seen.insert(identity(item)));
        let new: Vec<Record> = new.take(usize::try_from(self.left).unwrap_or(usize::MAX)).collect();
        self.stale = if is_empty || !new.is_empty() { 0 } else { self.stale + 1 };
        let count = u64::try_from(new.len()).unwrap_or(u64::MAX);
        if output::shows_progress() {
            output::progress(&format!("{} {}", self.shown.saturating_add(count), self.noun));
        }
        if self.is_json {
            new.iter().try_for_each(output::json_line)?;
        } else {
            self.print_rows(&new)?;
        }
        self.shown = self.shown.saturating_add(count);
        self.left = self.left.saturating_sub(count);
        Ok(match self.stale {
            _ if self.left == 0 => Goes::Enough,
            0 => Goes::On,
            MOST_STALE.. => Goes::Stuck,
            _ => Goes::Stale,
        })
    }

    /// How many were printed: `500 partners`.
    pub(super) fn so_far(&self) -> String {
        format!("{} {}", self.shown, self.noun)
    }

    /// How many more are wanted.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    fn print_rows(&mut self, items: &[Record]) -> Result<(), Failure> {
        let rows = items.iter().map(|item| self.columns.iter().map(|column| cell(item, column)).collect());
        let mut rows: Vec<Vec<String>> = rows.collect();
        if self.widths.is_empty() && !rows.is_empty() {
            let first = |column: &&str| column.split('|').next().unwrap_or_default().to_uppercase();
            rows.insert(0, self.columns.iter().map(first).collect());
            let cells = |index: usize| rows.iter().filter_map(move |row| row.get(index));
            let width = |index| cells(index).map(|cell| cell.chars().count()).max();
            self.widths = (0..self.columns.len()).filter_map(width).collect();
        }
        rows.iter().try_for_each(|row| {
            let padded: Vec<_> = row.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            output::line(padded.join("  ").trim_end())
        })
    }

    /// After the last page.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if output::shows_progress() {
            output::progress("");
        }
        if self.shown == 0 && !self.is_json { output::line(&format!("no {}", self.noun)) } else { Ok(()) }
    }
}

/// What identifies an item: its id or, without one, key and group, since the same key may be in several groups.
fn identity(item: &Record) -> u64 {
    let names: &[&str] = if item.get("id").is_some() { &["id"] } else { &["key", "group"] };
    let mut hasher = DefaultHasher::new();
    names.iter().for_each(|name| item.get(name).map(Value::to_string).hash(&mut hasher));
    hasher.finish()
}

/// Every fact that the vendor returns of one record.
pub(super) fn facts(record: &Record) -> String {
    let names = record.fields().map(|(name, _)| name.chars().count());
    let width = names.max().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in record.fields() {
        let values = match value {
            Value::Object(members) => members.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect(),
            value => vec![money(record, name, value).unwrap_or_else(|| plain(value))],
        };
        lines.extend(values.iter().map(|value| format!("{name:<width$}  {}", output::plain(value))));
    }
    lines.join("\n")
}

/// A cell of a table: of `key|id` the first that is there.
fn cell(record: &Record, column: &str) -> String {
    let mut fields = column.split('|').filter_map(|name| Some((name, record.get(name)?)));
    let text = fields.next().map(|(name, value)| match value {
        Value::String(at) if name.ends_with("_at") => output::when_text(at),
        value => money(record, name, value).unwrap_or_else(|| plain(value)),
    });
    text.map_or_else(|| "-".to_owned(), |text| output::plain(&text))
}

/// An amount: in its currency's units or, if the currency is unknown, in the vendor's cents.
fn money(record: &Record, name: &str, value: &Value) -> Option<String> {
    let amount_minor = value.as_i64()?;
    if name.ends_with("_minor") {
        let currency = Currency::new(record.get("currency")?.as_str()?).ok()?;
        return Some(format!("{} {currency}", Money { amount_minor, currency }.to_decimal()));
    }
    name.ends_with("_cents").then(|| format!("{amount_minor} cents"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, Value)]) -> Record {
        fields.iter().fold(Record::default(), |record, (name, value)| record.with(name, value.clone()))
    }

    #[test]
    fn an_item_is_the_same_by_its_id_or_else_by_key_and_group() {
        let of = |fields: &[(&str, &str)]| {
            identity(&record(&fields.iter().map(|(name, value)| (*name, (*value).into())).collect::<Vec<_>>()))
        };
        assert_eq!(
            of(&[("id", "p1"), ("key", "a")]),
            of(&[("id", "p1"), ("key", "b")]),
            "its key was changed meanwhile"
        );
        assert_ne!(of(&[("id", "p1"), ("key", "a")]), of(&[("id", "p2"), ("key", "a")]));
        assert_ne!(of(&[("key", "a"), ("group", "g1")]), of(&[("key", "a"), ("group", "g2")]));
        assert_ne!(of(&[("key", "ab")]), of(&[("key", "a"), ("group", "b")]));
    }

    #[test]
    fn a_list_prints_an_item_once_and_no_more_than_are_wanted() {
        let command = Command {
            noun: "customers",
            verb: "list",
            summary: "",
            key: None,
            inputs: &[],
            effect: trailmark_vendors::command::Effect::Reads,
            columns: &[],
            calls: "",
            source: "",
        };
        let items = |keys: &[&str]| keys.iter().map(|key| record(&[("key", (*key).into())])).collect::<Vec<_>>();
        let mut listing = Listing::of(&command, true, Some(3));
        assert_eq!(listing.print(items(&["a", "b", "a"])).unwrap(), Goes::On);
        assert_eq!(listing.shown, 2);
        assert_eq!(listing.print(items(&["b", "c", "d"])).unwrap(), Goes::Enough);
        assert_eq!(listing.shown, 3);
    }

    #[test]
    fn a_cell_is_the_first_field_that_is_there_and_money_in_its_currencys_units() {
        let one = record(&[
            ("id", "x".into()),
            ("amount_minor", 1230.into()),
            ("amount_cents", 123_000.into()),
            ("currency", "JPY".into()),
        ]);
        assert_eq!(
            ["key|id", "amount_minor|amount_cents", "status"].map(|column| cell(&one, column)),
            ["x", "1230 JPY", "-"]
        );
        let bare = record(&[("amount_cents", 9900.into()), ("created_at", "2026-11-21T08:31:02.250Z".into())]);
        assert_eq!(cell(&bare, "amount_minor|amount_cents"), "9900 cents");
        assert_eq!(cell(&bare, "created_at"), "2026-11-21T08:31Z");
    }
}
