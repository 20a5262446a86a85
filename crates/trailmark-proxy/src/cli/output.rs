//! Printing: tables that fit 80 columns; lists with one row on each line, cut to a terminal's width but whole in a
//! pipe; JSON with a final line break. No colours. A reader that stops early (`| head`) is no failure.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;

use super::Format;
use super::failure::Failure;
use crate::explain;
use trailmark_wire::time::UnixMillis;

/// The width in columns without a terminal.
const COLUMNS: u16 = 80;

/// Smallest width of a cell in columns.
const LEAST: usize = 8;

/// Columns between two cells.
const GAP: usize = 2;

/// How a column gets its width.
#[derive(Debug, Clone, Copy)]
pub(super) enum Room {
    /// As wide as its widest cell; never broken.
    Whole,
    /// The remaining width; broken between words in a table, cut in a list.
    Rest,
    /// Left out of a list if not all cells fit.
    Spare,
}

/// Prints text and a line break.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    self::text(&format!("{text}\n"))
}

/// Prints a note to standard error, beside the output that programs read.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints text unchanged, without adding a line break.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    match write!(io::stdout().lock(), "{text}") {
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

/// Prints a value as one line of JSON, for streams.
pub(super) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    line(&text_of(serde_json::to_string(value))?)
}

fn text_of(json: serde_json::Result<String>) -> Result<String, Failure> {
    json.map_err(|error| Failure::request(format!("cannot write this as JSON: {error}")))
}

/// A table with its header, or the sentence `none` if it is empty: as wide as the terminal, or 80 columns without one.
pub(super) fn table(header: &[(&str, Room)], rows: Vec<Vec<String>>, none: &str) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let mut table = plain_table(header, rows);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    for (index, (_, room)) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(match room {
                Room::Whole => ColumnConstraint::ContentWidth,
                Room::Rest | Room::Spare => ColumnConstraint::LowerBoundary(Width::Fixed(8)),
            });
        }
    }
    if table.width().is_none() {
        table.set_width(COLUMNS);
    }
    table.trim_fmt()
}

/// A list with one row on each line, for searching: cut to the width of a terminal, but whole in a pipe, so that
/// `grep` and `awk` find whole rows.
pub(super) fn list(header: &[(&str, Room)], rows: Vec<Vec<String>>, none: &str) -> String {
    let width = Table::new().width().unwrap_or(COLUMNS);
    fitted(header, rows, none, io::stdout().is_terminal().then_some(usize::from(width)))
}

/// A list that is at most `columns` wide, if a limit is given.
fn fitted(header: &[(&str, Room)], rows: Vec<Vec<String>>, none: &str, columns: Option<usize>) -> String {
    if rows.is_empty() {
        return none.to_owned();
    }
    let all: Vec<Vec<String>> = rows.into_iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let natural = |index: usize, name: &str| {
        all.iter().filter_map(|row| row.get(index)).map(|cell| width(cell)).fold(width(name), usize::max)
    };
    let mut widths: Vec<usize> = header.iter().enumerate().map(|(index, (name, _))| natural(index, name)).collect();
    let needed = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    let is_tight = columns.is_some_and(|columns| needed(&widths) > columns);
    let is_kept = |room: Room| !(is_tight && matches!(room, Room::Spare));
    let kept = |cells: Vec<String>| -> Vec<String> {
        cells.into_iter().zip(header).filter(|(_, (_, room))| is_kept(*room)).map(|(cell, _)| cell).collect()
    };
    let columns_kept: Vec<(&str, Room)> = header.iter().filter(|(_, room)| is_kept(*room)).copied().collect();
    let mut of_kept: Vec<usize> =
        widths.drain(..).zip(header).filter(|(_, (_, room))| is_kept(*room)).map(|(w, _)| w).collect();
    while columns.is_some_and(|columns| needed(&of_kept) > columns) {
        let roomy = of_kept
            .iter_mut()
            .zip(&columns_kept)
            .filter(|(width, (_, room))| matches!(room, Room::Rest) && **width > LEAST);
        match roomy.max_by_key(|(width, _)| **width) {
            Some((width, _)) => *width -= 1,
            None => break,
        }
    }
    let cut_row = |row: Vec<String>| kept(row).iter().zip(&of_kept).map(|(cell, width)| cut(cell, *width)).collect();
    plain_table(&columns_kept, all.into_iter().map(cut_row).collect()).trim_fmt()
}

fn plain_table(header: &[(&str, Room)], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(|(name, _)| *name));
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for index in 0..header.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, if index + 1 == header.len() { 0 } else { GAP as u16 }));
        }
    }
    table
}

/// Columns that a text takes on a terminal at most: a non-ASCII letter may take two.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if letter.is_ascii() || letter == '…' { 1 } else { 2 }).sum()
}

/// The beginning of a text that is wider than `most`, with `…` for the rest.
fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if width(&kept) + width(letter.encode_utf8(&mut [0; 4])) >= most {
            break;
        }
        kept.push(letter);
    }
    format!("{}…", kept.trim_end())
}

/// Removes characters that move a terminal's cursor or change its text direction; some text comes from vendors.
pub(super) fn plain(text: &str) -> String {
    explain::plain(text)
}

/// Sentences on lines of at most 79 characters.
pub(super) fn wrapped(text: &str) -> String {
    explain::wrapped("", 0, &plain(text)).trim_end().to_owned()
}

/// `2026-11-21T08:31Z`: precise to the minute, for lists; `show` and JSON have the full time.
pub(super) fn when(at: UnixMillis) -> String {
    let text = at.to_rfc3339();
    text.get(..16).map_or_else(|| text.clone(), |minute| format!("{minute}Z"))
}

/// [`when`] for a time given as text.
pub(super) fn when_text(text: &str) -> String {
    UnixMillis::from_rfc3339(text).map_or_else(|_| text.to_owned(), when)
}

/// A beginning that identifies the id: time to the millisecond and 12 random bits.
pub(super) fn id(id: &str) -> String {
    id.get(..18).unwrap_or(id).to_owned()
}

/// Whether standard error is a terminal and standard output is not.
pub(super) fn shows_progress() -> bool {
    io::stderr().is_terminal() && !io::stdout().is_terminal()
}

/// Rewrites the progress line; an empty text removes it.
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

    const LIST: [(&str, Room); 4] =
        [("ID", Room::Whole), ("WHAT", Room::Rest), ("WHY", Room::Rest), ("STATUS", Room::Spare)];

    fn rows() -> Vec<Vec<String>> {
        let row = |key: &str| {
            ["01a1fd48-9039-7e77", key, "unattributed, touch_after_conversion", "accepted"].map(str::to_owned).to_vec()
        };
        vec![row("sale o_1"), row(&"sale 注文-".repeat(20))]
    }

    // field-faults row 56
    #[test]
    fn a_terminal_of_80_columns_gets_each_row_of_a_list_on_one_line() {
        for columns in [60, 80, 100] {
            let list = fitted(&LIST, rows(), "none", Some(columns));
            assert_eq!(list.lines().count(), 3, "{list}");
            assert!(list.lines().all(|line| width(line) <= columns), "{list}");
            assert!(list.contains("01a1fd48-9039-7e77  sale o_1 ") && list.contains('…'), "{list}");
            assert!(!list.contains("STATUS"), "{list}");
        }
    }

    #[test]
    fn a_pipe_gets_each_row_of_a_list_whole_and_on_one_line() {
        let list = fitted(&LIST, rows(), "none", None);
        assert!(
            list.lines().count() == 3 && list.contains("touch_after_conversion") && list.contains("STATUS"),
            "{list}"
        );
        assert!(!list.contains('…') && list.contains(&"sale 注文-".repeat(20)), "{list}");
    }

    // field-faults row 56
    #[test]
    fn a_time_in_a_list_has_its_year_and_its_zone() {
        assert_eq!(when(UnixMillis(1_795_249_862_123)), "2026-11-21T08:31Z");
        assert_eq!(when_text("2026-11-21T08:31:02.250Z"), "2026-11-21T08:31Z");
    }

    #[test]
    fn what_a_vendor_says_moves_no_cursor() {
        let table = table(&[("WHY", Room::Rest)], vec![vec!["a\u{1b}[2Jb\r\nc".to_owned()]], "none");
        assert!(!table.contains(['\u{1b}', '\r']), "{table:?}");
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c\u{2028}"), "a [2Jb c ");
    }

    #[test]
    fn no_row_is_a_sentence() {
        assert_eq!(table(&[("ID", Room::Whole)], Vec::new(), "no delivery waits"), "no delivery waits");
    }
}
