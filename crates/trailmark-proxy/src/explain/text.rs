//! Writes a history for a terminal: a heading each, sentences broken between words, times in a column of their own.

use super::{Line, Section, clock};

/// Columns of a line, so that it stays whole on a terminal of 80.
const LINE_CHARS: usize = 79;

/// Columns that the time takes at the start of a line: `2026-11-21 08:30:00` and two spaces.
const TIME_CHARS: usize = 21;

/// The text, in lines of at most 79 characters where words allow.
pub(super) fn of(sections: &[Section]) -> String {
    let mut text = String::new();
    for Section { heading, lines } in sections {
        if !heading.is_empty() {
            text.push('\n');
            wrapped(&mut text, "", 0, heading);
        }
        for Line { at, text: sentence } in lines {
            match at {
                Some(at) => wrapped(&mut text, &format!("{}  ", clock(*at)), TIME_CHARS, sentence),
                None => wrapped(&mut text, "", 0, sentence),
            }
        }
    }
    text
}

/// Breaks between words; a word that is longer than a line, such as a URL, gets one of its own.
fn wrapped(text: &mut String, first: &str, indent: usize, sentence: &str) {
    let mut column = first.chars().count();
    let mut fresh = true;
    text.push_str(first);
    for word in sentence.split_whitespace() {
        let length = word.chars().count();
        if !fresh && column + 1 + length > LINE_CHARS {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
            fresh = true;
        }
        if !fresh {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
        fresh = false;
    }
    text.push('\n');
}
