//! Rust text without comments, the content of literals, and the test module at the end.
//!
//! A lexer of the few forms that matter, so that a doc comment may mention `SystemTime::now` where code may not call it.
//! Line numbers stay the same: removed text becomes blanks. It knows no rules.

use std::iter::Peekable;
use std::str::Chars;

/// `text` with blanks for comments and the insides of string and character literals.
pub(super) fn code_of(text: &str) -> String {
    let mut lexer = Lexer { rest: text.chars().peekable(), out: String::with_capacity(text.len()), last: ' ' };
    while let Some(character) = lexer.rest.next() {
        lexer.step(character);
    }
    lexer.out
}

/// The part of `code` (see [`code_of`]) before the test module that ends the file.
pub(super) fn production(code: &str) -> &str {
    let mut offset = 0;
    let mut gate = None;
    for line in code.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed == "#[cfg(test)]" {
            gate = Some(offset);
        } else if !trimmed.is_empty() && !trimmed.starts_with('#') {
            match gate.take() {
                Some(start) if is_module(trimmed) => return code.get(..start).unwrap_or(code),
                _ => {}
            }
        }
        offset += line.len();
    }
    code
}

fn is_module(line: &str) -> bool {
    line.ends_with('{') && line.split_whitespace().any(|word| word == "mod")
}

/// The line numbers, from 1, on which `code` contains `word` as a whole word.
pub(super) fn lines_with<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines().enumerate().filter(move |(_, line)| has_word(line, word)).map(|(index, _)| index + 1)
}

/// Whether `text` contains `word` as a whole word.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let runs_on = |neighbour: Option<char>, edge: Option<char>| {
        let part = |character: char| character.is_alphanumeric() || character == '_';
        neighbour.is_some_and(part) && edge.is_some_and(part)
    };
    text.match_indices(word).any(|(start, _)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(start + word.len()..).and_then(|text| text.chars().next());
        !runs_on(before, word.chars().next()) && !runs_on(after, word.chars().next_back())
    })
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// The code character before this one: tells `r"` from the end of `for"`.
    last: char,
}

impl Lexer<'_> {
    fn step(&mut self, character: char) {
        match (character, self.rest.peek()) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('r', Some('"' | '#')) if !is_name(self.last) || self.last == 'b' => self.raw_string(),
            ('\'', _) => self.quote(),
            _ => self.keep(character),
        }
    }

    fn keep(&mut self, character: char) {
        self.out.push(character);
        self.last = character;
    }

    fn blank(&mut self, character: char) {
        self.out.push(if character == '\n' { '\n' } else { ' ' });
        self.last = ' ';
    }

    fn line_comment(&mut self) {
        self.blank('/');
        while let Some(character) = self.rest.next_if(|character| *character != '\n') {
            self.blank(character);
        }
    }

    fn block_comment(&mut self) {
        self.blank('/');
        let mut depth = 0_u32;
        let mut before = ' ';
        while let Some(character) = self.rest.next() {
            self.blank(character);
            match (before, character) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth = depth.saturating_sub(1),
                _ if depth == 0 => depth = 1,
                _ => {
                    before = character;
                    continue;
                }
            }
            before = ' ';
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.keep('"');
        while let Some(character) = self.rest.next() {
            match character {
                '"' => return self.keep('"'),
                '\\' => {
                    self.blank('\\');
                    if let Some(escaped) = self.rest.next() {
                        self.blank(escaped);
                    }
                }
                other => self.blank(other),
            }
        }
    }

    fn raw_string(&mut self) {
        self.keep('r');
        let mut hashes = 0;
        while self.rest.next_if_eq(&'#').is_some() {
            self.keep('#');
            hashes += 1;
        }
        // `r#type` is a name, not a string.
        if self.rest.next_if_eq(&'"').is_none() {
            return;
        }
        self.keep('"');
        let mut closing = None;
        while let Some(character) = self.rest.next() {
            closing = match (character, closing) {
                ('"', _) => Some(0),
                ('#', Some(count)) => Some(count + 1),
                _ => None,
            };
            self.blank(character);
            if closing == Some(hashes) {
                return;
            }
        }
    }

    /// A character literal; otherwise a lifetime or a label.
    fn quote(&mut self) {
        self.keep('\'');
        let mut ahead = self.rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('\\'), _) => {
                self.blank('\\');
                self.rest.next();
                if let Some(escaped) = self.rest.next() {
                    self.blank(escaped);
                }
                while let Some(character) = self.rest.next_if(|character| *character != '\'') {
                    self.blank(character);
                }
                self.rest.next();
                self.keep('\'');
            }
            (Some(literal), Some('\'')) => {
                self.blank(literal);
                self.rest.next();
                self.rest.next();
                self.keep('\'');
            }
            _ => {}
        }
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, gone: &[&str], kept: &[&str]) {
        let code = code_of(text);
        assert_eq!(code.lines().count(), text.lines().count());
        for word in gone {
            assert!(!code.contains(word), "{word} is still in {code}");
        }
        for word in kept {
            assert!(code.contains(word), "{word} is gone from {code}");
        }
    }

    #[test]
    fn comments_and_literals_go_and_code_stays() {
        check("/// reads the clock\nlet a = 1; // the clock\nb();", &["clock"], &["let a = 1;", "b();"]);
        check("/* clock /* nested */ clock */ a()", &["clock", "nested"], &["a()"]);
        check("f(\"clock \\\" clock\"); g()", &["clock"], &["f(", "g()"]);
        check("f(r#\"clock \" clock\"#); g()", &["clock"], &["f(", "g()"]);
        check("f(br\"clock\\\"); g()", &["clock"], &["g()"]);
        check("let r#type = 1; for x in y {}", &[], &["r#type", "for x in y {}"]);
        check("if c == '\"' { a('\\'') } else { b::<'c>() }", &[], &["a(", "b::<'c>()"]);
        check("/**/ a(); /***/ b();", &[], &["a();", "b();"]);
    }

    #[test]
    fn only_a_test_module_ends_the_production_code() {
        let code = "a();\n#[cfg(test)]\nfn helper() {}\nb();\n#[cfg(test)]\n#[expect(x)]\nmod tests {\nc();\n}\n";
        let kept = production(code);
        assert!(kept.contains("b();") && !kept.contains("c();"), "{kept}");
        assert_eq!(production("#[cfg(test)]\nmod tests;\na();\n"), "#[cfg(test)]\nmod tests;\na();\n");
    }

    #[test]
    fn a_word_is_whole() {
        assert!(has_word("use tokio::net;", "tokio"));
        assert!(!has_word("let tokio_like = 1;", "tokio"));
        assert!(has_word("println!(x)", "println!"));
        assert!(!has_word("my_rand::x", "rand::"));
    }
}
