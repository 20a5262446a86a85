//! How vendors spell click ids and partner keys, and how a value that was pasted, wrapped or encoded once too often is read
//! as one. Pure and without a table of partners: whether the vendor knows a key, only the vendor can say. Which parameter is
//! read by which function stands in [`crate::capture`]; docs/links.md has the same rules for people.
//!
//! Sources: vendors.md § 1.1 and 1.4 (PartnerStack: keys in lower case, base64 in links), 2.1, 3.1, 4.1. No vendor documents
//! every character of its keys, so the grammar leaves out only what cannot be a key: white space, characters that delimit
//! addresses, and e-mail addresses.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::base64url::decode_lenient;
use crate::ids::{ClickId, PartnerKey, at_most};
use crate::limits::{CLICK_ID_CHARS, KEY_CHARS, VALUE_BYTES};

/// Layers of percent-encoding that are undone: the address itself needs one, each mailer or redirect may add one.
const LAYERS: usize = 4;

/// Why a value can be no click id and no partner key. It names the flaw and never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unusable {
    /// It holds white space, controls, bytes that are no UTF-8, or characters that delimit addresses.
    Characters,
    /// It holds an e-mail address, which no vendor uses as a key and which is nobody's business in a ledger of touches.
    Email,
    /// It is longer than the vendor's longest.
    TooLong,
}

impl Unusable {
    /// The word in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Email => "email",
            Self::TooLong => "too_long",
        }
    }
}

/// What a value turned out to be: `None` where it says nothing, being empty or a merge tag that nobody filled in.
pub type Read<T> = Option<Result<T, Unusable>>;

/// Whether capital letters in a partner key are the vendor's own or a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// The vendor's keys are in lower case; capitals are read as small letters.
    Lower,
    /// `Ada` and `ada` are two keys.
    Matters,
}

/// What `+` means in the place that a value was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// A space, as in a query.
    Space,
    /// Itself, as in a path or a cookie.
    Itself,
}

/// Reads `raw`, a value as it stands in an address or a cookie: undoes percent-encoding up to four times, takes off outer
/// white space, and hands the text to `parse` unless it is empty or a merge tag that nobody filled in.
pub fn read<T>(raw: &str, plus: Plus, parse: impl FnOnce(&str) -> Read<T>) -> Read<T> {
    match decoded(raw, plus) {
        Err(unusable) => Some(Err(unusable)),
        Ok(text) => {
            let text = text.trim_matches(is_blank);
            if says_nothing(text) { None } else { parse(text) }
        }
    }
}

/// A click id, which only loses what was glued to its ends. Its case is the vendor's own.
pub fn click_id(text: &str) -> Read<ClickId> {
    let text = text.trim_matches(is_glued);
    if says_nothing(text) {
        return None;
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~+/=:".contains(c);
    let checked = checked(text, CLICK_ID_CHARS, fits);
    Some(checked.and_then(|text| ClickId::new(text).map_err(|_length| Unusable::TooLong)))
}

/// A partner key in plain text.
pub fn partner_key(text: &str, case: Case) -> Read<PartnerKey> {
    let text = text.trim_matches(is_glued_to_key);
    if says_nothing(text) { None } else { Some(key(text, case)) }
}

/// A partner key out of a parameter that holds base64. Today's links carry it without padding, older ones with it; people
/// write the key itself. A text that can be read as either is base64 if that gives a key of the documented kind (lower-case
/// letters, digits, `-`, `_`, `.`), else plain if it is itself of that kind.
pub fn encoded_partner_key(text: &str, case: Case) -> Read<PartnerKey> {
    let bare = text.trim_matches(is_glued_to_key);
    let plain = partner_key(bare, case)?;
    let texts: Vec<String> = [bare, text].into_iter().filter_map(behind_base64).collect();
    if !is_documented(bare) && texts.iter().any(|text| says_nothing(text)) {
        return None;
    }
    let said = texts.iter().filter(|text| !says_nothing(text));
    let behind: Vec<PartnerKey> = said.filter_map(|text| key(text, case).ok()).collect();
    let documented = behind.iter().find(|key| is_documented(key.as_str()));
    let chosen = match documented {
        None if is_documented(bare) => None,
        None => behind.first(),
        some => some,
    };
    Some(chosen.cloned().map_or(plain, Ok))
}

/// Whether `text`, percent-encoded or not, holds an e-mail address. Takes time in proportion to its length.
pub fn holds_email(text: &str) -> bool {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..LAYERS {
        bytes = unescaped(&bytes, Plus::Itself);
    }
    let mut words = bytes.split(|byte| byte.is_ascii_whitespace() || b"/,;:+<>()\"&=?#".contains(byte));
    // Something stands on both sides of an `@`.
    words.any(|word| word.split(|byte| *byte == b'@').filter(|part| !part.is_empty()).count() > 1)
}

/// The text behind percent-encoding, however often it was applied.
fn decoded(raw: &str, plus: Plus) -> Result<String, Unusable> {
    if raw.len() > VALUE_BYTES {
        return Err(Unusable::TooLong);
    }
    let mut text = percent_decoded(raw, plus).ok_or(Unusable::Characters)?;
    for _ in 1..LAYERS {
        text = percent_decoded(&text, Plus::Itself).ok_or(Unusable::Characters)?;
    }
    Ok(text)
}

/// Undoes one layer of percent-encoding; `None` when the bytes are not UTF-8.
pub(crate) fn percent_decoded(raw: &str, plus: Plus) -> Option<String> {
    String::from_utf8(unescaped(raw.as_bytes(), plus)).ok()
}

/// Undoes one layer of percent-encoding. A `%` that starts no escape stands for itself.
fn unescaped(mut rest: &[u8], plus: Plus) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) if plus == Plus::Space => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(*byte),
        }
    }
    bytes
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether a text is empty, or what a template or a script left in the place of a value: `{{key}}`, `${key}`, `[key]`,
/// `<key>`, `%%key%%`, `*|KEY|*`, `undefined`.
fn says_nothing(text: &str) -> bool {
    let ends = (text.chars().next(), text.chars().next_back());
    let pair = matches!(
        ends,
        (Some('['), Some(']')) | (Some('<'), Some('>')) | (Some('%'), Some('%')) | (Some('*'), Some('*'))
    );
    text.is_empty()
        || pair
        || text.contains(['{', '}'])
        || text.starts_with('$')
        || ["null", "undefined"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The text behind base64, in which a space was a `+`. `echo` leaves a line break at the end of what it encodes.
fn behind_base64(text: &str) -> Option<String> {
    let text = String::from_utf8(decode_lenient(&text.replace(' ', "+"))?).ok()?;
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn key(text: &str, case: Case) -> Result<PartnerKey, Unusable> {
    let fits = |c: char| !is_blank(c) && !"\"#%&(),/;<=>?[\\]^`{|}".contains(c);
    let text = checked(text, KEY_CHARS, fits)?;
    let text = match case {
        Case::Lower => text.to_lowercase(),
        Case::Matters => text.to_owned(),
    };
    // Some letters become two in lower case.
    PartnerKey::new(text).map_err(|_length| Unusable::TooLong)
}

/// `text`, if it is of that length, holds no e-mail address, only fitting characters, and nothing glued to its ends.
fn checked(text: &str, most: usize, fits: impl Fn(char) -> bool) -> Result<&str, Unusable> {
    if text.contains('@') {
        return Err(Unusable::Email);
    }
    if !at_most(text, most) {
        return Err(Unusable::TooLong);
    }
    let bare = text.trim_matches(is_glued).len() == text.len();
    if bare && text.chars().all(fits) { Ok(text) } else { Err(Unusable::Characters) }
}

/// Whether a text is a key as PartnerStack documents its own.
fn is_documented(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// Punctuation that chat and mail programs, and people, glue to the ends of an address.
fn is_glued(c: char) -> bool {
    is_blank(c) || "/.,;:!?\\'\"`()[]<>*|@«»‹›“”„‘’‚…。、".contains(c)
}

/// The same, and padding that stands alone.
fn is_glued_to_key(c: char) -> bool {
    is_glued(c) || c == '='
}

/// White space, controls, and characters that nobody sees: zero-width, bidirectional marks, tags, U+FFFD.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}
