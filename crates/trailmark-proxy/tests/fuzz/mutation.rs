//! Inputs by mutation: a seed, and up to five changes that know bytes, words, JSON and JWS. Most changes keep the shape of their
//! input, so that what is behind the shape is reached. proptest draws and shrinks them, so a minimised case is a seed with the
//! fewest changes. What is read from an input is no concern of this file.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;
use trailmark_wire::limits::BODY_BYTES;

/// What no reader likes: borders of numbers, characters that look like others or like none, rests of encodings, and what stands
/// for a secret.
const WORDS: &[&str] = &[
    "",
    " ",
    "\0",
    "\t",
    "\r\n",
    "%",
    "%2",
    "%00",
    "%0a",
    "%2F",
    "%252e",
    "%25",
    "%ff",
    "%C3%BC",
    "%E2%80%8B",
    "&",
    "&amp;",
    ";",
    "?",
    "#",
    "#/",
    "=",
    "==",
    "+",
    "/",
    "//",
    "\\",
    "..",
    ".",
    "@",
    ":",
    ",",
    "\"",
    "'",
    "<",
    ">",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    "null",
    "undefined",
    "true",
    "0",
    "-0",
    "-1",
    "1",
    "1e999",
    "1.5",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "NaN",
    "\u{fffd}",
    "\u{feff}",
    "\u{200b}",
    "\u{202e}",
    "\u{2066}",
    "\u{a0}",
    "\u{3000}",
    "\u{130}",
    "\u{df}",
    "\u{1f600}",
    "e\u{301}",
    "\u{85}",
    "\u{7f}",
    "\\u0000",
    "\\ud83d",
    "\\udc00",
    "ada",
    "YWRh",
    "YWRh==",
    "Geheim-7f3a@secret.example",
    "__proto__",
    "constructor",
];

/// One change. Each place is relative, so that it fits any input.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Remove(Index, usize),
    Insert(Index, &'static str),
    /// A word or number between delimiters becomes another.
    Word(Index, &'static str),
    /// A piece is written again elsewhere.
    Copy(Index, usize, Index),
    /// A piece is written again and again behind itself.
    Repeat(Index, usize, u16),
    Cut(Index),
    /// From here on it is another seed.
    Splice(Index, Index, Index),
    /// A piece is percent-encoded once more.
    Percent(Index, usize),
    /// A node of the JSON becomes something else.
    Json(Index, Edit),
}

/// Where a change is made.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Anywhere in the bytes.
    Whole,
    /// In the JSON, and there in a text; of a JWS in its claims, or in its header if this is true. In the bytes where neither is.
    Behind(bool, Index),
}

#[derive(Debug, Clone)]
enum Edit {
    Text(&'static str),
    Number(i64),
    Null,
    List,
    Remove,
    /// Of an object: another name for a member. Of a list: its first item once more.
    Name(&'static str),
    Grow(&'static str, u16),
}

/// Inputs made of `seeds`, with `words` beside the common ones.
pub(crate) fn inputs(seeds: &[Vec<u8>], words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Rc<[Vec<u8>]> = seeds.into();
    // Borrowed for ever, since what is drawn from an owned list copies it for each input.
    let words = WORDS.iter().chain(words).copied().collect::<Vec<_>>().leak();
    let changes = vec((place(), change(words)), 0..=5);
    (any::<Index>(), changes).prop_map(move |(seed, changes)| {
        let mut input = seeds[seed.index(seeds.len())].clone();
        for (place, change) in &changes {
            place.apply(change, &mut input, &seeds);
            input.truncate(BODY_BYTES);
        }
        input
    })
}

fn place() -> impl Strategy<Value = Place> {
    let behind = (weighted(0.2), any::<Index>()).prop_map(|(header, text)| Place::Behind(header, text));
    prop_oneof![1 => Just(Place::Whole), 5 => behind]
}

fn change(words: &'static [&'static str]) -> impl Strategy<Value = Change> + use<> {
    let word = select(words);
    let at = any::<Index>;
    let edit = prop_oneof![
        4 => word.clone().prop_map(Edit::Text),
        2 => prop_oneof![Just(0), Just(-1), Just(1), Just(i64::MAX), Just(i64::MIN), any::<i64>()].prop_map(Edit::Number),
        1 => Just(Edit::Null),
        1 => Just(Edit::List),
        2 => Just(Edit::Remove),
        2 => word.clone().prop_map(Edit::Name),
        1 => (word.clone(), 1..600_u16).prop_map(|(word, times)| Edit::Grow(word, times)),
    ];
    prop_oneof![
        20 => (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        20 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        20 => (at(), 1..12_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        40 => (at(), word.clone()).prop_map(|(at, word)| Change::Insert(at, word)),
        40 => (at(), word.clone()).prop_map(|(at, word)| Change::Word(at, word)),
        20 => (at(), 1..40_usize, at()).prop_map(|(from, length, to)| Change::Copy(from, length, to)),
        1 => (at(), 1..6_usize, 1..12_000_u16).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        8 => (at(), 1..6_usize, 1..40_u16).prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        8 => at().prop_map(Change::Cut),
        12 => (at(), at(), at()).prop_map(|(at, seed, from)| Change::Splice(at, seed, from)),
        12 => (at(), 1..6_usize).prop_map(|(at, length)| Change::Percent(at, length)),
        50 => (at(), edit).prop_map(|(at, edit)| Change::Json(at, edit)),
    ]
}

impl Place {
    fn apply(self, change: &Change, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let Self::Behind(header, text) = self else { return change.apply(input, seeds) };
        if let Ok(mut whole) = serde_json::from_slice::<Value>(input) {
            match change {
                Change::Json(at, edit) => edit_node(&mut whole, at, edit),
                change => change_text(&mut whole, &text, &mut |text| change.apply(text, seeds)),
            }
            *input = whole.to_string().into_bytes();
        } else if let Some(mut parts) = parts(input) {
            let part = &mut parts[usize::from(!header)];
            self.apply(change, part, seeds);
            part.truncate(BODY_BYTES / 2);
            *input = assembled(&parts);
        } else if let Some(end) = input.iter().position(|byte| *byte == b'\n')
            && is_json(&input[end..])
        {
            // A line in front of the JSON.
            let mut json = input.split_off(end);
            self.apply(change, &mut json, seeds);
            input.push(b'\n');
            input.extend(json);
        } else {
            change.apply(input, seeds);
        }
    }
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text).is_ok()
}

/// Header and claims behind their base64url, and the rest as it is; `None` if this is no JWS of JSON.
fn parts(input: &[u8]) -> Option<[Vec<u8>; 3]> {
    let mut parts = input.splitn(3, |byte| *byte == b'.');
    let mut json = || URL_SAFE_NO_PAD.decode(parts.next()?).ok().filter(|text| is_json(text));
    let (header, claims) = (json()?, json()?);
    Some([header, claims, parts.next()?.to_vec()])
}

fn assembled([header, claims, rest]: &[Vec<u8>; 3]) -> Vec<u8> {
    let mut jws = format!("{}.{}.", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)).into_bytes();
    jws.extend(rest);
    jws
}

impl Change {
    fn apply(&self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        // One place more than there are bytes: behind the last.
        let place = |at: &Index, input: &[u8]| at.index(input.len() + 1);
        let piece = |at: &Index, length: usize, input: &[u8]| {
            let from = place(at, input);
            from..input.len().min(from + length)
        };
        match self {
            Self::Flip(at, bit) => change_byte(input, at, |byte| byte ^ (1 << bit)),
            Self::Set(at, to) => change_byte(input, at, |_| *to),
            Self::Remove(at, length) => drop(input.drain(piece(at, *length, input))),
            Self::Insert(at, word) => insert(input, place(at, input), word.as_bytes()),
            Self::Word(at, word) => {
                let at = place(at, input);
                let is_end = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte < 0x80;
                let from = input[..at].iter().rposition(is_end).map_or(0, |end| end + 1);
                let to = input[at..].iter().position(is_end).map_or(input.len(), |end| at + end);
                input.splice(from..to, word.bytes());
            }
            Self::Copy(from, length, to) => {
                let copied = input[piece(from, *length, input)].to_vec();
                insert(input, place(to, input), &copied);
            }
            Self::Repeat(at, length, times) => {
                let piece = piece(at, *length, input);
                let again = input[piece.clone()].repeat(usize::from(*times));
                insert(input, piece.end, &again);
            }
            Self::Cut(at) => input.truncate(place(at, input)),
            Self::Splice(at, seed, from) => {
                let other = &seeds[seed.index(seeds.len())];
                input.truncate(place(at, input));
                input.extend_from_slice(&other[place(from, other)..]);
            }
            Self::Percent(at, length) => {
                let piece = piece(at, *length, input);
                let encoded: String = input[piece.clone()].iter().map(|byte| format!("%{byte:02X}")).collect();
                input.splice(piece, encoded.into_bytes());
            }
            Self::Json(at, edit) => {
                if let Ok(mut whole) = serde_json::from_slice(input) {
                    edit_node(&mut whole, at, edit);
                    *input = whole.to_string().into_bytes();
                }
            }
        }
    }
}

fn change_byte(input: &mut [u8], at: &Index, change: impl FnOnce(u8) -> u8) {
    if !input.is_empty() {
        let byte = &mut input[at.index(input.len())];
        *byte = change(*byte);
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

fn edit_node(whole: &mut Value, at: &Index, edit: &Edit) {
    let place = at.index(nodes(whole));
    change_node(whole, &mut { place }, edit);
}

/// Changes one of the texts of a value.
fn change_text(whole: &mut Value, at: &Index, change: &mut dyn FnMut(&mut Vec<u8>)) {
    let mut found = Vec::new();
    texts(whole, &mut found);
    if !found.is_empty() {
        let text = found.swap_remove(at.index(found.len()));
        let mut bytes = std::mem::take(text).into_bytes();
        change(&mut bytes);
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }
}

fn texts<'v>(value: &'v mut Value, found: &mut Vec<&'v mut String>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter_mut().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values_mut().for_each(|member| texts(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// How many nodes a value has, itself among them.
fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(members) => members.values().map(nodes).sum(),
        _ => 0_usize,
    }
}

/// Changes the node that is `left` nodes away; `true` asks whoever holds it to remove it.
fn change_node(value: &mut Value, left: &mut usize, edit: &Edit) -> bool {
    if *left == 0 {
        *left = usize::MAX;
        return edit.apply(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => {
            let asked =
                (0..items.len()).find(|index| *left != usize::MAX && change_node(&mut items[*index], left, edit));
            asked.map(|index| items.remove(index));
        }
        Value::Object(members) => {
            let mut asked = None;
            for (name, member) in members.iter_mut() {
                if *left != usize::MAX && change_node(member, left, edit) {
                    asked = Some(name.clone());
                }
            }
            asked.map(|name| members.shift_remove(&name));
        }
        _ => {}
    }
    false
}

impl Edit {
    fn apply(&self, value: &mut Value) -> bool {
        *value = match (self, &mut *value) {
            (Self::Text(word), _) => Value::from(*word),
            (Self::Number(number), _) => Value::from(*number),
            (Self::Null, _) => Value::Null,
            (Self::List, value) => Value::Array(vec![value.take()]),
            (Self::Remove, _) => return true,
            (Self::Name(word), Value::Object(members)) => {
                let first = members.keys().next().cloned();
                let member = first.and_then(|name| members.shift_remove(&name)).unwrap_or_default();
                members.insert((*word).to_owned(), member);
                return false;
            }
            (Self::Name(_), Value::Array(items)) => {
                items.extend(items.first().cloned());
                return false;
            }
            (Self::Name(word), Value::String(text)) => Value::from(format!("{word}{text}{word}")),
            (Self::Name(_), _) => return false,
            (Self::Grow(word, times), Value::Array(items)) => {
                let item = items.first().cloned().unwrap_or_else(|| Value::from(*word));
                items.extend(std::iter::repeat_n(item, usize::from(*times)));
                return false;
            }
            (Self::Grow(word, times), Value::Object(members)) => {
                members.extend((0..*times / 8).map(|number| (format!("{word}{number}"), Value::from(*word))));
                return false;
            }
            (Self::Grow(word, times), _) => Value::from(word.repeat(usize::from(*times))),
        };
        false
    }
}
