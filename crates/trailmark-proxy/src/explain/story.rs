//! A story in sections and sentences, and its text for a terminal. The parent module writes the sentences.

use serde::{Deserialize, Serialize};
use trailmark_wire::time::UnixMillis;

use super::clock;

/// Columns of a line, to fit a terminal of 80 columns.
const LINE_CHARS: usize = 79;

/// Columns of the time at the start of a line: `2026-11-21T08:30:00Z` and two spaces.
const TIME_CHARS: usize = 22;

/// The story of one conversion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// Its sections in order; the first has no heading and begins with the answer.
    pub sections: Vec<Section>,
}

/// A part of a story.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its heading.
    pub heading: Option<String>,
    /// Its sentences.
    pub lines: Vec<Line>,
}

/// A few sentences, about an event or the present state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it happened, RFC 3339 to the second; absent for the present state.
    pub at: Option<String>,
    /// The sentences, without control characters.
    pub text: String,
}

impl Story {
    pub(super) fn heading(&mut self, heading: &str) {
        self.sections.push(Section { heading: Some(heading.to_owned()), lines: Vec::new() });
    }

    pub(super) fn line(&mut self, text: &str) {
        self.add(None, text);
    }

    pub(super) fn event(&mut self, at: UnixMillis, text: &str) {
        self.add(Some(clock(at)), text);
    }

    fn add(&mut self, at: Option<String>, text: &str) {
        let line = Line { at, text: plain(text) };
        match self.sections.last_mut() {
            Some(section) => section.lines.push(line),
            None => self.sections.push(Section { heading: None, lines: vec![line] }),
        }
    }

    /// The story in lines of at most 79 characters, if the words allow.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            if let Some(heading) = &section.heading {
                text.push_str(&format!("\n{heading}\n"));
            }
            for line in &section.lines {
                match &line.at {
                    Some(at) => text.push_str(&wrapped(&format!("{at}  "), TIME_CHARS, &line.text)),
                    None => text.push_str(&wrapped("", 0, &line.text)),
                }
            }
        }
        text
    }
}

/// Replaces by spaces the characters that would move a terminal's cursor (controls, line and paragraph separators) or
/// change the text direction (the bidirectional controls of Unicode UAX #9).
pub fn plain(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(|c: char| c.is_control() || turns(c), " ")
}

/// Breaks lines between words. A word longer than a line, such as a URL, gets its own line. A command in backticks
/// counts as one word, so that it can be copied whole.
pub fn wrapped(first: &str, indent: usize, text: &str) -> String {
    let mut column = first.chars().count();
    let mut fresh = true;
    let mut lines = first.to_owned();
    for word in words(text) {
        let length = word.chars().count();
        if !fresh && column + 1 + length > LINE_CHARS {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
            fresh = true;
        }
        if !fresh {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(&word);
        column += length;
        fresh = false;
    }
    lines.push('\n');
    lines
}

/// The words of a text; everything between two backticks is one word.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    for word in text.split_whitespace() {
        match words.last_mut().filter(|_| is_open) {
            Some(command) => command.push_str(&format!(" {word}")),
            None => words.push(word.to_owned()),
        }
        is_open ^= word.matches('`').count() % 2 == 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_never_broken_over_two_lines() {
        let command = "`trailmark conversions explain cust_41`";
        for length in 0..80 {
            let text = wrapped("", 0, &format!("{} {command} shows the cause.", "x".repeat(length)));
            assert!(text.contains(command), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= LINE_CHARS + 1), "{text}");
        }
        assert_eq!(wrapped("", 0, "a lone ` opens nothing that is lost"), "a lone ` opens nothing that is lost\n");
    }
}
