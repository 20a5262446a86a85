//! How vendors spell click ids and partner keys, and how to read a value that was pasted, wrapped or encoded too often.
//! Pure, without a table of partners: only the vendor knows whether a key exists. [`crate::capture`] chooses the function
//! for each parameter; docs/links.md explains the same rules.
//!
//! Sources: vendors.md § 1.1 and 1.4 (PartnerStack: keys in lower case, base64 in links), 2.1, 3.1, 4.1. No vendor
//! documents every character of its keys, so the grammar refuses only what cannot be a key: white space, characters that
//! delimit addresses, and e-mail addresses.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::base64url::decode_lenient;
use crate::ids::{ClickId, PartnerKey, at_most};
use crate::limits::{CLICK_ID_CHARS, KEY_CHARS, VALUE_BYTES};

/// Layers of percent-encoding that are undone. The address itself needs one; each mailer or redirect may add one.
const LAYERS: usize = 4;

/// Why a value cannot be a click id or a partner key. Names the flaw, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unusable {
    /// It contains white space, controls, bytes that are not UTF-8, or characters that delimit addresses.
    Characters,
    /// It contains an e-mail address. No vendor uses one as a key, and personal data does not belong in a ledger of
    /// touches.
    Email,
    /// It is longer than the vendor's limit.
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

/// The result of reading a value: `None` if it says nothing, because it is empty or an unfilled merge tag.
pub type Read<T> = Option<Result<T, Unusable>>;

/// Whether upper and lower case of a partner key differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// The vendor's keys are in lower case; capitals are converted.
    Lower,
    /// `Ada` and `ada` are two keys.
    Matters,
}

/// What `+` means where the value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// A space, as in a query.
    Space,
    /// Itself, as in a path or a cookie.
    Itself,
}

/// Reads `raw`, a value as written in an address or a cookie: undoes percent-encoding up to four times, removes outer white
/// space, and passes the text to `parse` unless it is empty or an unfilled merge tag.
pub fn read<T>(raw: &str, plus: Plus, parse: impl FnOnce(&str) -> Read<T>) -> Read<T> {
    match decoded(raw, plus) {
        Err(unusable) => Some(Err(unusable)),
        Ok(text) => {
            let text = text.trim_matches(is_blank);
            if says_nothing(text) { None } else { parse(text) }
        }
    }
}

/// A click id. Only characters glued to its ends are removed; its case is kept.
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

/// A partner key from a parameter that holds base64. Today's links have it without padding, older links with padding;
/// people also write the key itself. If the text can be read as either, base64 wins if it decodes to a key of the
/// documented form (lower-case letters, digits, `-`, `_`, `.`); otherwise the plain text wins if it has that form itself.
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

/// Whether `text`, percent-encoded or not, contains an e-mail address. Takes time proportional to its length.
pub fn holds_email(text: &str) -> bool {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..LAYERS {
        bytes = unescaped(&bytes, Plus::Itself);
    }
    let mut words = bytes.split(|byte| byte.is_ascii_whitespace() || b"/,;:+<>()\"&=?#".contains(byte));
    // An `@` with something on both sides.
    words.any(|word| word.split(|byte| *byte == b'@').filter(|part| !part.is_empty()).count() > 1)
}

/// The text without percent-encoding, undone up to four times.
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

/// Undoes one layer of percent-encoding; `None` if the bytes are not UTF-8.
pub(crate) fn percent_decoded(raw: &str, plus: Plus) -> Option<String> {
    String::from_utf8(unescaped(raw.as_bytes(), plus)).ok()
}

/// Undoes one layer of percent-encoding. A `%` that starts no escape is kept.
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

/// Whether a text is empty, or what a template or script leaves in place of a value: `{{key}}`, `${key}`, `[key]`, `<key>`,
/// `%%key%%`, `*|KEY|*`, `undefined`.
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

/// The text that base64 encodes; a space was a `+`. `echo` leaves a line break at the end of its text.
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
    // Some letters become two in lower case, so the length is checked again.
    PartnerKey::new(text).map_err(|_length| Unusable::TooLong)
}

/// `text`, if it is not too long, contains no e-mail address, only fitting characters, and nothing glued to its ends.
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

/// Whether a text has the form that PartnerStack documents for its keys.
fn is_documented(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// Punctuation that chat and mail programs, and people, add to the ends of an address.
fn is_glued(c: char) -> bool {
    is_blank(c) || "/.,;:!?\\'\"`()[]<>*|@«»‹›“”„‘’‚…。、".contains(c)
}

/// The same, and padding without base64.
fn is_glued_to_key(c: char) -> bool {
    is_glued(c) || c == '='
}

/// White space, controls, and invisible characters: zero-width, bidirectional marks, tags, U+FFFD.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e007f}')
}
