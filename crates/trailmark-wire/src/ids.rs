//! Names and identifiers. Each is a type of its own and is checked once, where it enters; later code relies on the shapes
//! given here. This file makes no random bits: they come in as arguments.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::limits::{CLICK_ID_CHARS, KEY_CHARS};
use crate::repair::{is_control, is_direction, trimmed};
use crate::time::UnixMillis;

/// A text does not have the shape of its type. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {what}: {shape}")]
pub struct BadId {
    /// Which kind of identifier was expected, with its article.
    pub what: &'static str,
    /// The shape it must have.
    pub shape: &'static str,
}

/// A checked text newtype: constructor, accessor, serde and Display.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $shape:literal, $check:expr) => {
        text_id! { @type $(#[$doc])* $name }

        impl $name {
            /// The checked identifier.
            ///
            /// # Errors
            #[doc = concat!("[`BadId`] when the text is not ", $shape, ".")]
            pub fn new(text: impl Into<String>) -> Result<Self, BadId> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(BadId { what: $what, shape: $shape }) }
            }
        }
    };
    // A key of the company's own.
    (@key $(#[$doc:meta])* $name:ident, $what:literal) => {
        text_id! { @type $(#[$doc])* $name }

        impl $name {
            /// The key, as [`key`] reads it.
            ///
            /// # Errors
            /// [`BadId`] when [`key`] refuses the text.
            pub fn new(text: impl AsRef<str>) -> Result<Self, BadId> {
                key(text.as_ref()).map(|text| Self(text.into())).map_err(|shape| BadId { what: $what, shape })
            }
        }
    };
    // A UUIDv7 (RFC 9562 § 5.7) in lower case.
    (@uuid $(#[$doc:meta])* $name:ident, $what:literal) => {
        text_id!($(#[$doc])* $name, $what, "a lower-case UUIDv7", is_uuid_v7);

        impl $name {
            /// The id with this time and 10 random bytes, of which 74 bits are used.
            pub fn from_parts(now: UnixMillis, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }
        }
    };
    (@type $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text as it goes over the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// One merchant configuration (tenant). Part of cookie names, so it allows only their characters, and no `_`.
    SiteId, "a site id", "1 to 32 of a-z, 0-9 and -, starting with a letter or digit", |t| slug(t, "-")
);
text_id!(
    /// One partner programme of a site at one vendor; unique in the proxy's configuration.
    ProgramId, "a program id", "1 to 32 of a-z, 0-9, _ and -, starting with a letter or digit", |t| slug(t, "-_")
);
text_id!(
    /// A referred person's browser: 16 random bytes as base64url. Made with the first touch.
    VisitorId, "a visitor id", "22 characters of base64url", |t| base64url::decode_array::<16>(t).is_some()
);
text_id!(
    /// One arrival on a page: 16 random bytes as 32 lower-case hexadecimal digits, made by the stub.
    ArrivalId, "an arrival id", "32 lower-case hexadecimal digits", |t| {
        t.len() == 32 && t.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
);
text_id!(
    @uuid
    /// One conversion in the ledger. It is the page's [`Jti`] unless that id is taken.
    ConversionId, "a conversion id"
);
text_id!(
    @uuid
    /// One signed message, chosen by its maker (`jti`, RFC 7519 § 4.1.7). The page makes one per call and repeats it on a
    /// retry, so it is the replay key of a conversion.
    Jti, "a `jti`"
);
text_id!(
    @uuid
    /// One touch of the ledger.
    TouchId, "a touch id"
);
text_id!(
    @uuid
    /// One delivery of a conversion to a program.
    DeliveryId, "a delivery id"
);
text_id!(
    @uuid
    /// One webhook that was received.
    WebhookId, "a webhook id"
);
text_id!(
    /// The name of a signing key in the JWKS: RFC 7517 § 4.5.
    KeyId, "a key id", "1 to 64 of A-Z, a-z, 0-9, _ and -", |t| {
        (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }
);
text_id!(
    /// A vendor's identifier of one click, exactly as in the landing URL; case matters (Partnerize).
    ClickId, "a vendor click id", "1 to 256 characters without controls or spaces", |t| visible(t, CLICK_ID_CHARS)
);
text_id!(
    /// A vendor's identifier of a partner, decoded; case matters.
    PartnerKey, "a partner key", "1 to 255 characters without controls or spaces", |t| visible(t, KEY_CHARS)
);
text_id!(
    @key
    /// The company's own identifier of a customer.
    CustomerKey, "a customer key"
);
text_id!(
    @key
    /// The company's own identifier of an order, or of a refund.
    OrderKey, "an order key"
);

impl VisitorId {
    /// The id with these 16 random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(base64url::encode(&bytes))
    }
}

impl ArrivalId {
    /// The id with these 16 random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(hex(&bytes))
    }
}

impl From<Jti> for ConversionId {
    fn from(jti: Jti) -> Self {
        Self(jti.0)
    }
}

/// The UUIDv7 with this time and 10 random bytes.
fn uuid_v7(now: UnixMillis, random: [u8; 10]) -> String {
    let [_, _, t2, t3, t4, t5, t6, t7] = now.0.to_be_bytes();
    let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = random;
    let (version, variant) = (0x70 | (r0 & 0x0f), 0x80 | (r2 & 0x3f));
    dashed(&hex(&[t2, t3, t4, t5, t6, t7, version, r1, variant, r3, r4, r5, r6, r7, r8, r9]))
}

/// `8-4-4-4-12` from 32 hexadecimal digits.
fn dashed(hex: &str) -> String {
    let mut text = String::with_capacity(36);
    for (start, end) in [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)] {
        if start > 0 {
            text += "-";
        }
        text.push_str(hex.get(start..end).unwrap_or_default());
    }
    text
}

/// Two lower-case hexadecimal digits per byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        digits.extend(DIGITS.get(usize::from(byte >> 4)));
        digits.extend(DIGITS.get(usize::from(byte & 15)));
    }
    // Never refused: digits are ASCII.
    String::from_utf8(digits).unwrap_or_default()
}

fn slug(text: &str, extra: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 32 && text.starts_with(plain) && text.chars().all(|c| plain(c) || extra.chars().any(|e| e == c))
}

fn is_uuid_v7(text: &str) -> bool {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'7',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => hex(byte),
        })
}

/// Whether `text` has at most `most` characters; counts no further.
pub(crate) fn at_most(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_none()
}

/// Whether a URL or header may hold the text: no control, no white space of any script, at most `most` characters.
fn visible(text: &str, most: usize) -> bool {
    !text.is_empty() && at_most(text, most) && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// A key of the company's own, without outer white space: 1 to 255 characters, none of them a control, a direction mark or
/// U+FFFD. Inner spaces are allowed. The text that a program writes for a missing value is refused: it would make all
/// customers or orders one.
///
/// # Errors
/// What is wrong, as a clause that begins with "it", without the text.
pub fn key(text: &str) -> Result<&str, &'static str> {
    let text = label(text)?;
    match text.contains('\u{fffd}') {
        true => Err("it holds U+FFFD, the mark of a text that was decoded wrongly"),
        false if is_missing_value(text) => Err(
            "it is what a program writes for a missing value, such as `undefined`, `null`, `[object Object]` or `0`",
        ),
        false => Ok(text),
    }
}

/// Like [`key`], but accepts the text of a missing value: for the name of one thing among others.
pub(crate) fn label(text: &str) -> Result<&str, &'static str> {
    let text = trimmed(text);
    match () {
        () if text.is_empty() || !at_most(text, KEY_CHARS) => Err("it must have 1 to 255 characters"),
        () if text.contains(|c| is_control(c) || is_direction(c)) => Err("it holds a control or direction character"),
        () => Ok(text),
    }
}

/// Whether programs and templates write this text for a missing value: `undefined`, `(null)`, `NaN`, `None`, `[object
/// Object]`, `{{user.id}}`, `0`, a UUID of zeros.
/// `[object Object]`, `{{user.id}}`, `0`, a UUID of zeros.
fn is_missing_value(text: &str) -> bool {
    let bare = text.trim_matches(['(', ')', '<', '>']);
    ["undefined", "null", "nan", "none", "nil", "true", "false"].iter().any(|word| bare.eq_ignore_ascii_case(word))
        || ["[object ", "{{", "{%", "${", "<%"].iter().any(|mark| text.starts_with(mark))
        || (text.contains('0') && text.chars().all(|c| matches!(c, '0' | '-' | '.')))
}
