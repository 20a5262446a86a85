//! The one rule for flaws in a caller's fields, used for pages, backends and merchants' signatures alike. A required field
//! is strict ([`crate::ids::key`], [`crate::conversion::Malformed`]). A flaw in an optional field never costs the
//! conversion: the field is repaired or left out, and a [`Warning`] in the receipt names it.
//!
//! Outer white space is always removed and is not a flaw. [`crate::conversion`] calls this file and says which fields are
//! optional; [`crate::receipt`] carries the warnings.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{ProgramId, at_most};
use crate::limits::{DATA_ENTRIES, DATA_NAME_CHARS, DATA_VALUE_CHARS, EMAIL_CHARS};
use crate::text_map::TextMap;

/// What was wrong with an optional field, and what was done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// It was only white space, and was left out.
    Blank,
    /// It had control characters, which were replaced by spaces.
    Controls,
    /// It was too long, and was cut between two characters.
    Cut,
    /// It was not an e-mail address, and was left out.
    NotAnEmail,
    /// It had too many entries; the first were kept.
    TooMany,
    /// It was an object or a list in place of a text, or `data` was not an object; it was left out.
    WrongType,
}

/// One flaw, as in a receipt. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Path of the field in the wire's words, such as `customer.email` or `data.plan`.
    pub field: String,
    /// A stable word: a [`Flaw::code`], or `missing_for:` and a program.
    pub code: String,
}

/// The value of an optional text field, as the caller passed it. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum Unchecked {
    /// A text; a number or boolean becomes the text that JSON has for it.
    Text(String),
    /// An object or a list.
    Other,
}

/// The `data` of a conversion, as the caller passed it: names with values in their order, without `null` values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FreeText {
    entries: Vec<(String, Unchecked)>,
    /// Whether it was not an object.
    is_other: bool,
}

impl Flaw {
    /// The word in receipts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Controls => "controls",
            Self::Cut => "cut",
            Self::NotAnEmail => "not_an_email",
            Self::TooMany => "too_many",
            Self::WrongType => "wrong_type",
        }
    }
}

impl Warning {
    /// The flaw of a field.
    pub fn new(field: impl Into<String>, flaw: Flaw) -> Self {
        Self { field: field.into(), code: flaw.code().to_owned() }
    }

    /// A field that the program's vendor needs and the conversion lacks.
    pub fn missing_for(field: &str, program: &ProgramId) -> Self {
        Self { field: field.to_owned(), code: format!("missing_for:{program}") }
    }
}

/// The text without invisible characters at its ends: white space of any script, byte order marks, zero-width spaces,
/// direction marks.
pub fn trimmed(text: &str) -> &str {
    let unseen = |c: char| c.is_whitespace() || is_direction(c) || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}');
    text.trim_matches(unseen)
}

/// Whether a character changes how a terminal or page shows the characters around it: a control, or a Unicode line break.
pub(crate) fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Whether a character changes the direction of text (UAX #9 § 2): marks, embeddings, overrides, isolates.
pub(crate) fn is_direction(character: char) -> bool {
    matches!(character, '\u{061c}' | '\u{200e}' | '\u{200f}') || is_embedding(character)
}

fn is_embedding(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text of an optional field, at most `most` characters; `None` if it is absent or left out. Controls, embeddings and
/// overrides inside become spaces; the marks that right-to-left names need are kept.
pub(crate) fn text(said: Option<Unchecked>, field: &str, most: usize, warnings: &mut Vec<Warning>) -> Option<String> {
    let mut warn = |flaw| warn(warnings, field, flaw);
    let said = match said? {
        Unchecked::Text(said) => said,
        Unchecked::Other => {
            warn(Flaw::WrongType);
            return None;
        }
    };
    let flawed = |c| is_control(c) || is_embedding(c);
    let mut kept = trimmed(&said).to_owned();
    if kept.contains(flawed) {
        kept = trimmed(&kept.replace(flawed, " ")).to_owned();
        if !kept.is_empty() {
            warn(Flaw::Controls);
        }
    }
    if kept.is_empty() {
        warn(Flaw::Blank);
        return None;
    }
    if !at_most(&kept, most) {
        warn(Flaw::Cut);
        kept = trimmed(&kept.chars().take(most).collect::<String>()).to_owned();
    }
    Some(kept)
}

/// The e-mail address of an optional field: 3 to [`EMAIL_CHARS`] characters with an `@` inside and no white space; `None`
/// if it is absent or left out.
pub(crate) fn email(said: Option<Unchecked>, field: &str, warnings: &mut Vec<Warning>) -> Option<String> {
    let said = match said {
        Some(Unchecked::Text(said)) if !trimmed(&said).is_empty() => said,
        other => return text(other, field, EMAIL_CHARS, warnings),
    };
    let address = trimmed(&said);
    let halves = address.rsplit_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    let whole = |c: char| !c.is_whitespace() && !is_control(c) && !is_direction(c);
    if halves && at_most(address, EMAIL_CHARS) && address.chars().all(whole) {
        return Some(address.to_owned());
    }
    warn(warnings, field, Flaw::NotAnEmail);
    None
}

/// The first [`DATA_ENTRIES`] entries of `data`. If a name occurs twice, its last value counts. Empty values are kept.
pub(crate) fn free(said: FreeText, warnings: &mut Vec<Warning>) -> TextMap {
    let mut kept = TextMap::new();
    if said.is_other {
        warn(warnings, "data", Flaw::WrongType);
    }
    for (name, value) in said.entries {
        let Some(name) = text(Some(Unchecked::Text(name)), "data", DATA_NAME_CHARS, warnings) else { continue };
        if kept.len() == DATA_ENTRIES && kept.get(&name).is_none() {
            warn(warnings, "data", Flaw::TooMany);
            break;
        }
        let value = match value {
            Unchecked::Text(value) if trimmed(&value).is_empty() => Some(String::new()),
            value => text(Some(value), &member(&name), DATA_VALUE_CHARS, warnings),
        };
        if let Some(value) = value {
            kept.insert(name, value);
        }
    }
    kept
}

/// Adds a warning, unless it is there already, so that 200 lines with one flaw give one warning.
fn warn(warnings: &mut Vec<Warning>, field: &str, flaw: Flaw) {
    let warning = Warning::new(field, flaw);
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

/// `data.name`; only `data` if the name has other characters than letters, digits, `_` and `-`.
fn member(name: &str) -> String {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if plain { format!("data.{name}") } else { "data".to_owned() }
}

/// For serde: `null` is the same as an absent member.
///
/// # Errors
/// Those of the value.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Unchecked {
    /// The text without outer white space; empty for an object or a list.
    pub fn as_text(&self) -> &str {
        match self {
            Self::Text(text) => trimmed(text),
            Self::Other => "",
        }
    }
}

impl FreeText {
    /// Whether nothing was passed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl fmt::Debug for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Other => "Other",
        })
    }
}

impl Serialize for Unchecked {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Other => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Unchecked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Unchecked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Unchecked, E> {
        Ok(Unchecked::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Unchecked, E> {
        Ok(Unchecked::Text(text))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Unchecked, E> {
        Ok(Unchecked::Text(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Unchecked, E> {
        Ok(Unchecked::Text(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Unchecked, E> {
        Ok(Unchecked::Text(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Unchecked, E> {
        Ok(Unchecked::Text(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unchecked, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Unchecked::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Unchecked, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Unchecked::Other)
    }
}

impl Serialize for FreeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for FreeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyObject)
    }
}

/// Reads `data`. A value that is not an object is read and dropped, so that it does not cost the conversion.
struct AnyObject;

/// Methods for values that are not objects.
macro_rules! no_object {
    ($($method:ident($value:ty);)*) => {
        $(fn $method<E: Error>(self, _: $value) -> Result<FreeText, E> {
            Ok(FreeText { entries: Vec::new(), is_other: true })
        })*
    };
}

impl<'de> Visitor<'de> for AnyObject {
    type Value = FreeText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    no_object! {
        visit_str(&str);
        visit_bool(bool);
        visit_i64(i64);
        visit_u64(u64);
        visit_f64(f64);
    }

    fn visit_unit<E: Error>(self) -> Result<FreeText, E> {
        Ok(FreeText::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<FreeText, A::Error> {
        AnyValue.visit_seq(items).map(|_| FreeText { entries: Vec::new(), is_other: true })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<FreeText, A::Error> {
        let mut said = FreeText::default();
        while let Some((name, value)) = entries.next_entry::<String, Option<Unchecked>>()? {
            said.entries.extend(value.map(|value| (name, value)));
        }
        Ok(said)
    }
}
