//! Writes JSON text, as `JSON.stringify` would print it: the wire's types by serde ([`to_text`]), everything else as an
//! [`object`]. Floats are refused; the wire has none. Written by hand, because a library or the browser's own objects would
//! cost a kilobyte more. The host reads JSON ([`crate::page::Page::members`]).

use std::fmt;

use serde::ser::{Error, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use trailmark_wire::json::{JsonError, WriteJson};
use trailmark_wire::landing::pieces;

/// The JSON text of `value`.
///
/// # Errors
/// [`JsonError`] for a kind of value that the wire does not use: a float, or an enum with content.
pub fn to_text<T: Serialize + ?Sized>(value: &T) -> Result<String, JsonError> {
    let mut text = String::new();
    match value.serialize(Writer(&mut text)) {
        Ok(()) => Ok(text),
        Err(Unwritable) => Err(JsonError { problem: "value is of a kind that the wire does not write".to_owned() }),
    }
}

/// The value is of a kind that the wire does not use.
#[derive(Debug)]
struct Unwritable;

struct Writer<'a>(&'a mut String);

/// An array or object that has begun.
struct Within<'a> {
    text: &'a mut String,
    /// What precedes the next entry.
    separator: &'static str,
    end: &'static str,
}

impl<'a> Writer<'a> {
    fn quoted(self, value: &str) {
        const HEX: &str = "0123456789abcdef";
        let digit = |nibble: u8| HEX.get(usize::from(nibble)..=usize::from(nibble)).unwrap_or_default();
        let (text, mut rest) = (self.0, value);
        *text += "\"";
        // By bytes: what is escaped is ASCII, and everything between is copied.
        while let Some((plain, byte, after)) = escaped(rest) {
            text.push_str(plain);
            if byte < b' ' {
                // This escape fits every control character.
                text.push_str("\\u00");
                text.push_str(digit(byte >> 4));
                text.push_str(digit(byte & 15));
            } else {
                text.push_str(if byte == b'"' { "\\\"" } else { "\\\\" });
            }
            rest = after;
        }
        text.push_str(rest);
        *text += "\"";
    }

    fn integer(self, value: i64) {
        const DIGITS: &str = "0123456789";
        if value < 0 {
            *self.0 += "-";
        }
        let magnitude = value.unsigned_abs();
        let mut unit = 1;
        while magnitude / unit >= 10 {
            unit *= 10;
        }
        while unit > 0 {
            let digit = (magnitude / unit % 10) as usize;
            self.0.push_str(DIGITS.get(digit..=digit).unwrap_or_default());
            unit /= 10;
        }
    }

    fn within(self, begin: &'static str, end: &'static str) -> Within<'a> {
        Within { text: self.0, separator: begin, end }
    }
}

/// The text before the first byte that has to be escaped, that byte, and the text after it.
fn escaped(text: &str) -> Option<(&str, u8, &str)> {
    let at = text.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')?;
    Some((text.get(..at)?, *text.as_bytes().get(at)?, text.get(at + 1..)?))
}

impl Within<'_> {
    fn entry<T: Serialize + ?Sized>(&mut self, separator: &'static str, value: &T) -> Result<(), Unwritable> {
        self.text.push_str(self.separator);
        self.separator = separator;
        value.serialize(Writer(self.text))
    }

    fn finish(self, begin: &'static str) {
        if self.separator == begin {
            self.text.push_str(begin);
        }
        self.text.push_str(self.end);
    }
}

/// JSON text, written unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw(pub String);

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_bytes())
    }
}

/// The JSON text of an object. `names` are separated by blanks; the value of a name that begins with `=` is JSON, of any
/// other a text. Empty values are left out. For what the page sees and what is stored: each type of its own would cost the
/// module a few hundred bytes. [`crate::page::Page::members`] reads what this writes.
pub fn object(names: &str, values: &[&str]) -> String {
    let mut text = String::new();
    for (name, value) in pieces(names, b" ").zip(values) {
        if value.is_empty() {
            continue;
        }
        text.push_str(if text.is_empty() { "{" } else { "," });
        let json = name.strip_prefix('=');
        Writer(&mut text).quoted(json.unwrap_or(name));
        text += ":";
        match json {
            Some(_) => text.push_str(value),
            None => Writer(&mut text).quoted(value),
        }
    }
    text + "}"
}

/// The JSON text of a text.
pub fn quoted(value: &str) -> String {
    let mut text = String::new();
    Writer(&mut text).quoted(value);
    text
}

/// The integer that a text holds, of at most 15 digits: more than any time has. The library's own reader costs the module
/// four times as much.
pub fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value = digits.bytes().fold(0, |value: i64, digit| value * 10 + i64::from(digit & 15));
    Some(if digits.len() < text.len() { -value } else { value })
}

/// The JSON text of a number.
pub fn number(value: i64) -> String {
    let mut text = String::new();
    Writer(&mut text).integer(value);
    text
}

/// Writes JSON in the way that the wire asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl WriteJson for Json {
    fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JsonError> {
        to_text(value)
    }
}

/// Refuses the kinds of values that the wire does not use.
macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $given:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$given, Unwritable> { Err(Unwritable) })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Within<'a>;
    type SerializeTuple = Impossible<(), Unwritable>;
    type SerializeTupleStruct = Impossible<(), Unwritable>;
    type SerializeTupleVariant = Impossible<(), Unwritable>;
    type SerializeMap = Within<'a>;
    type SerializeStruct = Within<'a>;
    type SerializeStructVariant = Impossible<(), Unwritable>;

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        self.quoted(value);
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        self.0.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unwritable> {
        self.integer(value);
        Ok(())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unwritable> {
        self.serialize_i64(value.into())
    }

    /// The bytes of a [`Raw`], which are JSON already.
    fn serialize_bytes(self, json: &[u8]) -> Result<(), Unwritable> {
        self.0.push_str(std::str::from_utf8(json).map_err(|_not_text| Unwritable)?);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.0.push_str("null");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unwritable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Within<'a>, Unwritable> {
        Ok(self.within("[", "]"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Within<'a>, Unwritable> {
        Ok(self.within("{", "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Within<'a>, Unwritable> {
        Ok(self.within("{", "}"))
    }

    refused! {
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_tuple(usize) -> Impossible<(), Unwritable>;
        serialize_tuple_struct(&'static str, usize) -> Impossible<(), Unwritable>;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Impossible<(), Unwritable>;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Impossible<(), Unwritable>;
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unwritable> {
        Err(Unwritable)
    }
}

impl SerializeSeq for Within<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.entry(",", value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.finish("[");
        Ok(())
    }
}

impl SerializeMap for Within<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Unwritable> {
        self.entry(":", name)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.entry(",", value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.finish("{");
        Ok(())
    }
}

impl SerializeStruct for Within<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unwritable> {
        self.entry(":", name)?;
        self.entry(",", value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.finish("{");
        Ok(())
    }
}

impl Error for Unwritable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl std::error::Error for Unwritable {}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unwritable")
    }
}
