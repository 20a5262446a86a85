//! Reads a file of comma-separated values (RFC 4180) that people made: UTF-8 with or without a byte order mark, any line
//! ends, cells in quotes; the header line says whether commas, semicolons or tabs separate the cells. A row with a flaw is
//! kept with what is wrong, so that it stops no other row. `import` and `people` say what the cells mean.
//!
//! No library reads it, because a quote that never ends must be an error: libraries take the rest of the file as one cell.

use std::path::Path;

use super::failure::Failure;

/// The separators that a header line may have.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// The file.
#[derive(Debug)]
pub(super) struct Sheet {
    /// The names of the columns, without the white space around them.
    pub(super) header: Vec<String>,
    /// The rows below it, without empty lines.
    pub(super) rows: Vec<Row>,
}

/// One row.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// The line on which it begins; the header is line 1.
    pub(super) line: usize,
    /// A cell for each column, or what is wrong with the row.
    pub(super) cells: Result<Vec<String>, String>,
}

impl Sheet {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let about = |what: String| Failure::usage(format!("{}: {what}", path.display()));
        let bytes = std::fs::read(path)
            .map_err(|error| about(format!("cannot be read ({error}); name a CSV file that exists")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|byte| **byte == b'\n');
            about(format!("line {} is not UTF-8: save the file as CSV in UTF-8", line.count() + 1))
        })?;
        Self::parse(&text).map_err(about)
    }

    /// Reads the text of a file; otherwise says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.lines().find(|line| !line.trim().is_empty()).ok_or("is empty")?;
        let count = |separator: char| first.matches(separator).count();
        let separator = SEPARATORS.into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(',');
        let mut rows = rows(text, separator)
            .map_err(|line| format!("the quote that begins on line {line} never ends"))?
            .into_iter();
        let header = rows.next().map(|row| row.cells).ok_or("is empty")?;
        let header: Vec<_> = header.map_err(|flaw| format!("the header line has {flaw}"))?;
        let header: Vec<_> = header.iter().map(|name| name.trim().to_owned()).collect();
        let wanted = header.len();
        let rows = rows.map(|row| Row {
            cells: row.cells.and_then(|cells| match cells.len() {
                found if found == wanted => Ok(cells),
                found => Err(format!("{found} cells, and the header has {wanted}")),
            }),
            ..row
        });
        Ok(Self { rows: rows.collect(), header })
    }
}

/// Where in a cell the reader is.
#[derive(Clone, Copy)]
enum Place {
    /// Behind the quote that ends it.
    Behind,
    /// Before its first character.
    Before,
    Inside,
    /// Inside quotes, which begin on this line.
    Quoted(usize),
}

/// The rows of a text; otherwise the line of a quote that never ends.
fn rows(text: &str, separator: char) -> Result<Vec<Row>, usize> {
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut place, mut line, mut begins, mut flaw) = (Place::Before, 1, 1, None);
    let mut letters = text.chars().peekable();
    loop {
        let letter = letters.next();
        match (place, letter) {
            (Place::Quoted(at), None) => return Err(at),
            (Place::Quoted(_), Some('"')) if letters.next_if_eq(&'"').is_some() => cell.push('"'),
            (Place::Quoted(_), Some('"')) => place = Place::Behind,
            (Place::Quoted(_), Some(letter)) => {
                line += usize::from(letter == '\n');
                cell.push(letter);
            }
            (_, Some('\r')) if letters.peek().is_none_or(|next| *next == '\n') => {}
            (_, None | Some('\n' | '\r')) => {
                let is_empty = cells.is_empty() && cell.trim().is_empty() && matches!(place, Place::Before);
                cells.push(std::mem::take(&mut cell));
                let cells = std::mem::take(&mut cells);
                if !is_empty {
                    rows.push(Row { line: begins, cells: flaw.take().map_or(Ok(cells), Err) });
                }
                if letter.is_none() {
                    return Ok(rows);
                }
                (place, line) = (Place::Before, line + 1);
                begins = line;
            }
            (_, Some(letter)) if letter == separator => {
                cells.push(std::mem::take(&mut cell));
                place = Place::Before;
            }
            (Place::Before, Some('"')) => place = Place::Quoted(line),
            (Place::Before | Place::Behind, Some(' ')) => {}
            (Place::Behind, Some(_)) => flaw = Some("text behind the closing quote of a cell".to_owned()),
            (Place::Inside, Some('"')) => {
                flaw = Some("a quote in a cell that does not begin with one; write it twice, in quotes".to_owned());
            }
            (Place::Before | Place::Inside, Some(letter)) => {
                cell.push(letter);
                place = Place::Inside;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows as `line: cell|cell`, and what is wrong with those that have a flaw.
    fn read(text: &str) -> Vec<String> {
        let sheet = Sheet::parse(text).unwrap();
        assert_eq!(sheet.header, ["email", "name"], "{text}");
        let told = sheet.rows.into_iter().map(|row| match row.cells {
            Ok(cells) => format!("{}: {}", row.line, cells.join("|")),
            Err(flaw) => format!("{}! {flaw}", row.line),
        });
        told.collect()
    }

    #[test]
    fn every_spelling_of_a_sheet_reads_alike() {
        for text in [
            "email,name\na@b.c,Jo\n",
            "\u{feff}email,name\r\na@b.c,Jo",
            "email;name\r\n\"a@b.c\";\"Jo\"\r\n",
            "\"email\"\t\"name\"\na@b.c\tJo\n\n",
            "email, name\ra@b.c, \"Jo\" \r",
        ] {
            assert_eq!(read(text), ["2: a@b.c|Jo"], "{text:?}");
        }
    }

    #[test]
    fn a_quoted_cell_holds_separators_quotes_and_lines_and_the_next_row_has_its_own_line() {
        let text = "email,name\r\na,\"Jo, \"\"the\"\"\r\nshop\"\r\n\r\nb,\r\n";
        assert_eq!(read(text), ["2: a|Jo, \"the\"\r\nshop", "5: b|"]);
    }

    #[test]
    fn a_flawed_row_says_what_is_wrong_and_stops_no_other() {
        let told = read("email,name\na\nb,\"x\"y\nc,x\"y\nd,e,f\ng,h\n");
        assert!(told[0].starts_with("2! 1 cells, and the header has 2"), "{told:?}");
        assert!(told[1].starts_with("3! text behind"), "{told:?}");
        assert!(told[2].starts_with("4! a quote in a cell"), "{told:?}");
        assert!(told[3].starts_with("5! 3 cells"), "{told:?}");
        assert_eq!(told[4], "6: g|h");
    }

    #[test]
    fn a_quote_that_never_ends_swallows_nothing() {
        let error = Sheet::parse("email,name\na,\"b\nc,d\n").unwrap_err();
        assert_eq!(error, "the quote that begins on line 2 never ends");
        assert_eq!(Sheet::parse("\u{feff}\r\n").unwrap_err(), "is empty");
    }
}
