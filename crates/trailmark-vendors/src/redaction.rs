//! Removes what we sent from a vendor's message. Vendors often repeat the offending value; messages are stored, shown to
//! operators and logged, so they must contain no personal data and no credentials.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::outcome::kept;
use crate::root::encoded;
use crate::secret::Secret;
use crate::task::Task;

const MARK: &str = "[redacted]";

/// Characters of a message that are read; the kept ones come from these.
const READ_CHARS: usize = 2 * 1024;

/// A run of this many characters of a credential is also removed: vendors shorten and re-encode what they repeat.
const RUN_CHARS: usize = 12;

/// A credential with fewer characters is only removed as a whole word; otherwise it would remove parts of every message.
const SHORT_CHARS: usize = 6;

/// One spelling in which a credential is sent or may come back. ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential(Secret);

impl Credential {
    /// Every spelling of a token.
    pub(crate) fn token(token: &Secret) -> Vec<Self> {
        Self::spellings(&[token.expose()])
    }

    /// Every spelling of user name and password: the password, the pair, and both in base64 as Basic authentication sends
    /// them.
    pub(crate) fn pair(user: &Secret, password: &Secret) -> Vec<Self> {
        let pair = Secret::new(format!("{}:{}", user.expose(), password.expose()));
        Self::spellings(&[password.expose(), pair.expose()])
    }

    fn spellings(texts: &[&str]) -> Vec<Self> {
        let base64 = |text: &str| [STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|engine| engine.encode(text));
        let plain = texts.iter().flat_map(|text| base64(text).into_iter().chain([(*text).to_owned()]));
        let all: Vec<_> = plain.flat_map(|text| [encoded(&text), text]).map(|text| Self(Secret::new(text))).collect();
        let mut spellings: Vec<Self> = Vec::new();
        for spelling in all {
            if !spellings.contains(&spelling) {
                spellings.push(spelling);
            }
        }
        // Longest first: removing a part first would leave the rest of the whole.
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.0.expose().len()));
        spellings
    }

    /// The message without this credential, wherever it occurs: without the whole spelling, or without every run of `least`
    /// characters.
    fn withheld(&self, message: &str, least: usize) -> String {
        let spelling = self.0.expose();
        if spelling.len() < SHORT_CHARS {
            return without(message, spelling);
        }
        let mut out = String::with_capacity(message.len());
        let mut rest = message;
        while let Some(first) = rest.chars().next() {
            let run = run(rest, spelling, spelling.len().min(least));
            let length = if run == 0 { first.len_utf8() } else { run };
            out.push_str(if run == 0 { rest.get(..length).unwrap_or_default() } else { MARK });
            rest = rest.get(length..).unwrap_or_default();
        }
        out
    }
}

/// Bytes at the start of `rest` that are a run of the credential; 0 if they are too few. The credential is ASCII, so an
/// equal run ends at a character boundary.
fn run(rest: &str, spelling: &str, least: usize) -> usize {
    let starts = 0..=spelling.len().saturating_sub(least);
    let shared = |start: usize| {
        let pairs = rest.bytes().zip(spelling.bytes().skip(start));
        pairs.take_while(|(here, there)| here.eq_ignore_ascii_case(there)).count()
    };
    starts.map(shared).max().filter(|longest| *longest >= least).unwrap_or(0)
}

/// Texts that must not be in a message.
pub(crate) struct Redaction<'a> {
    credentials: &'a [Credential],
    texts: Vec<Cow<'a, str>>,
}

impl<'a> Redaction<'a> {
    /// Removes the credentials and these texts, also percent-encoded.
    pub(crate) fn of(credentials: &'a [Credential], texts: impl IntoIterator<Item = &'a str>) -> Self {
        let both = |text: &'a str| [Cow::Borrowed(text), Cow::Owned(encoded(text))];
        let mut texts: Vec<_> = texts.into_iter().filter(|text| !text.trim().is_empty()).flat_map(both).collect();
        // Longest first: removing a key that is part of an address first would leave the rest of the address.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self { credentials, texts }
    }

    /// Removes the credentials, and what a task told the vendor about a person.
    pub(crate) fn of_task(credentials: &'a [Credential], task: &'a Task) -> Self {
        Self::of(credentials, task.personal())
    }

    /// Also removes a text that was sent in another spelling than the task's, such as a key without some characters.
    pub(crate) fn and(mut self, text: Option<String>) -> Self {
        self.texts.extend(text.filter(|text| !text.trim().is_empty()).map(Cow::Owned));
        self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        self
    }

    /// The message without these texts and without anything that looks like an e-mail address, cut for storage. Redaction
    /// comes before the cut, since half a value would not be recognised.
    pub(crate) fn apply(&self, message: &str) -> String {
        let words = message.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let message: String = words.collect::<Vec<_>>().join(" ").chars().take(READ_CHARS).collect();
        // Whole spellings before runs, so that a run leaves no rest of a whole spelling.
        let message = [usize::MAX, RUN_CHARS].into_iter().fold(message, |message, least| {
            self.credentials.iter().fold(message, |message, credential| credential.withheld(&message, least))
        });
        let message = self.texts.iter().fold(message, |message, text| without(&message, text));
        let words: Vec<_> = message.split_whitespace().map(without_address).collect();
        kept(&words.join(" "))
    }
}

/// The texts of JSON in one line, such as `email: has already been taken`. Without quotes and escapes: a text with an escape in it
/// would not be recognised as what we sent.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}: {}", words(value))).collect::<Vec<_>>().join("; ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Replaces whole occurrences, ignoring the case of ASCII letters: vendors lower-case addresses. An occurrence inside a
/// longer word does not count; otherwise a customer key `1` would remove parts of every message.
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

/// The text after `text` at the start of `rest`.
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
