//! Takes what we sent out of what a vendor says. Vendors like to repeat the offending value in their messages; messages
//! are kept, shown to operators and logged, so personal data and credentials must not come back through them.

use std::borrow::Cow;

use crate::outcome::kept;
use crate::root::encoded;

const MARK: &str = "[redacted]";

/// Characters of a message that are looked at; the few that are kept come from these.
const READ_CHARS: usize = 16 * 1024;

/// Texts that must not show in a message.
#[derive(Default)]
pub(crate) struct Redaction<'a> {
    texts: Vec<Cow<'a, str>>,
}

impl<'a> Redaction<'a> {
    /// Withholds these texts, also where they stand percent-encoded.
    pub(crate) fn of(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let both = |text: &'a str| [Cow::Borrowed(text), Cow::Owned(encoded(text))];
        let mut texts: Vec<_> = texts.into_iter().filter(|text| !text.trim().is_empty()).flat_map(both).collect();
        // Longest first, so that a key that is part of an address does not leave the rest of it standing.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self { texts }
    }

    /// The message without them, without anything that looks like an e-mail address, and cut for keeping. Redacted before
    /// it is cut, since half a value would no longer be recognised.
    pub(crate) fn apply(&self, message: &str) -> String {
        let message: String = message.chars().take(READ_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let message = self.texts.iter().fold(message, |message, text| without(&message, text));
        let words: Vec<_> = message.split_whitespace().map(without_address).collect();
        kept(&words.join(" "))
    }
}

/// Replaces whole occurrences, whatever the case of ASCII letters: vendors lower-case addresses. An occurrence inside a
/// longer word is another word, else a customer key `1` would blot out every message.
fn without(message: &str, text: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        let before = out.chars().next_back();
        match after(rest, text).filter(|after| is_whole(before, text, after)) {
            Some(after) => {
                out.push_str(MARK);
                rest = after;
            }
            None => {
                out.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

/// What follows `text` at the start of `rest`.
fn after<'m>(rest: &'m str, text: &str) -> Option<&'m str> {
    let (start, after) = rest.split_at_checked(text.len())?;
    start.eq_ignore_ascii_case(text).then_some(after)
}

fn is_whole(before: Option<char>, text: &str, after: &str) -> bool {
    let joins = |outer: Option<char>, inner: Option<char>| {
        outer.is_some_and(char::is_alphanumeric) && inner.is_some_and(char::is_alphanumeric)
    };
    !joins(before, text.chars().next()) && !joins(after.chars().next(), text.chars().next_back())
}

fn without_address(word: &str) -> &str {
    let address = word.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    if address { MARK } else { word }
}
