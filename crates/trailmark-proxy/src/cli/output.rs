//! Printing: tables that stay readable on 80 columns, lists that a pipe gets with one row a line, JSON with a line break at
//! its end. Never a colour. A reader that goes away early (`| head`) is no failure.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;

use super::Format;
use super::failure::Failure;
use crate::explain::clock;
use trailmark_wire::time::UnixMillis;

/// Rows of a list at most.
pub(super) const MOST_ROWS: u32 = 1000;

/// Columns where there is no terminal to ask.
const COLUMNS: u16 = 80;

/// Characters of a key in a list: a UUID's first half, two lines of a narrow column.
const KEY_CHARS: usize = 20;

/// How a column takes its room.
#[derive(Debug, Clone, Copy)]
pub(super) enum Room {
    /// As wide as its widest cell; never broken.
    Whole,
    /// What is left over; broken between words.
    Rest,
}

/// Prints text and a line break.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::request(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON over several lines.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&text_of(serde_json::to_string_pretty(value))?)
}

/// Prints a value as JSON, or as this text of it.
pub(super) fn value<T: Serialize>(value: &T, format: Format, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
    if format.json { json(value) } else { line(&text(value)) }
}

/// Prints a value as JSON in one line: what a stream is made of.
pub(super) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    line(&text_of(serde_json::to_string(value))?)
}

fn text_of(json: serde_json::Result<String>) -> Result<String, Failure> {
    json.map_err(|error| Failure::request(format!("cannot write this as JSON: {error}")))
}

/// A table with its header, or the sentence for none.
pub(super) fn table(header: &[(&str, Room)], rows: Vec<Vec<String>>, none: &str) -> String {
    fitted(header, rows, none, Some(COLUMNS))
}

/// A table of rows that people search for: a terminal gets it fitted, a pipe each row on one line, so that `grep` and `awk`
/// find what belongs together.
pub(super) fn list(header: &[(&str, Room)], rows: Vec<Vec<String>>, none: &str) -> String {
    fitted(header, rows, none, io::stdout().is_terminal().then_some(COLUMNS))
}

/// A table that is as wide as the terminal, or `columns` where there is none to ask; without a limit where none is given.
fn fitted(header: &[(&str, Room)], rows: Vec<Vec<String>>, none: &str, columns: Option<u16>) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let arrangement = if columns.is_some() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(arrangement);
    table.set_header(header.iter().map(|(name, _)| *name));
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for (index, (_, room)) in header.iter().enumerate() {
        let Some(column) = table.column_mut(index) else { continue };
        column.set_padding((0, if index + 1 == header.len() { 0 } else { 2 }));
        if columns.is_some() {
            column.set_constraint(match room {
                Room::Whole => ColumnConstraint::ContentWidth,
                Room::Rest => ColumnConstraint::LowerBoundary(Width::Fixed(8)),
            });
        }
    }
    if let (None, Some(columns)) = (table.width(), columns) {
        table.set_width(columns);
    }
    table.trim_fmt()
}

/// Text without what would move a terminal's cursor: vendors choose some of it.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// `11-21 08:31`: enough in a list; the whole time is in `show` and in JSON.
pub(super) fn when(at: UnixMillis) -> String {
    let text = clock(at);
    text.get(5..16).unwrap_or(&text).to_owned()
}

/// [`when`] of a time that came as text.
pub(super) fn when_text(text: &str) -> String {
    UnixMillis::from_rfc3339(text).map_or_else(|_| text.to_owned(), when)
}

/// The beginning of an id that is enough to name it: time to the millisecond and 12 random bits.
pub(super) fn id(id: &str) -> String {
    id.get(..18).unwrap_or(id).to_owned()
}

/// The beginning of a key that a merchant chose: enough to recognise it in a list.
pub(super) fn key(key: &str) -> String {
    match key.char_indices().nth(KEY_CHARS) {
        None => key.to_owned(),
        Some((end, _)) => format!("{}…", key.get(..end).unwrap_or(key)),
    }
}

/// Whether somebody watches the standard error stream while the output goes elsewhere.
pub(super) fn shows_progress() -> bool {
    io::stderr().is_terminal() && !io::stdout().is_terminal()
}

/// Rewrites the one line of progress; an empty text takes it away.
pub(super) fn progress(text: &str) {
    let _ = write!(io::stderr().lock(), "\r\x1b[2K{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_ids_whole_and_breaks_the_rest_within_80_columns() {
        let header = [("ID", Room::Whole), ("WHY", Room::Rest)];
        let row = vec!["01a1fd48-9039-7e77".to_owned(), "a vendor's long message ".repeat(10)];
        let table = table(&header, vec![row], "none");
        assert!(table.contains("01a1fd48-9039-7e77"), "{table}");
        assert!(table.lines().count() > 3 && table.lines().all(|line| line.chars().count() <= 80), "{table}");
    }

    #[test]
    fn a_pipe_gets_each_row_of_a_list_on_one_line() {
        let row = vec!["01a1fd48-9039-7e77".to_owned(), "unattributed, touch_after_conversion ".repeat(5)];
        let list = fitted(&[("ID", Room::Whole), ("STATUS", Room::Rest)], vec![row], "none", None);
        assert_eq!(list.lines().count(), 2, "{list}");
    }

    #[test]
    fn what_a_vendor_says_moves_no_cursor() {
        let table = table(&[("WHY", Room::Rest)], vec![vec!["a\u{1b}[2Jb\r\nc".to_owned()]], "none");
        assert!(!table.contains(['\u{1b}', '\r']), "{table:?}");
        assert_eq!(plain("a\u{1b}[2Jb"), "a [2Jb");
    }

    #[test]
    fn a_long_key_is_cut_between_characters() {
        assert_eq!(key("u_1"), "u_1");
        assert_eq!(key(&"é".repeat(20)), "é".repeat(20));
        assert_eq!(key(&"é".repeat(21)), format!("{}…", "é".repeat(20)));
    }

    #[test]
    fn no_row_is_a_sentence() {
        assert_eq!(table(&[("ID", Room::Whole)], Vec::new(), "no delivery waits"), "no delivery waits");
    }
}
