//! Base64 as JOSE writes it (URL-safe, no padding), and as partner links write it (either alphabet, with or without
//! padding). Encodes and decodes only. Written here because a general library costs the browser's module more than three
//! kilobytes; `tests/it/base64.rs` compares it with one.

use alloc::string::String;
use alloc::vec::Vec;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 of RFC 4648 § 5 without padding, as RFC 7515 § 2 requires.
pub fn encode(bytes: &[u8]) -> String {
    let mut letters = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (4 - chunk.len()));
        for _ in 0..=chunk.len() {
            letters.extend(LETTERS.get((group >> 26) as usize));
            group <<= 6;
        }
    }
    // Never refused: letters are ASCII. Characters would cost the browser's module more.
    String::from_utf8(letters).unwrap_or_default()
}

/// The bytes of strict, unpadded base64url; `None` for any other text, so that each value has one spelling.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (bytes, rest) = groups(text, |letter| matches!(letter, b'-' | b'_'))?;
    (rest == 0).then_some(bytes)
}

/// Exactly `N` bytes of strict, unpadded base64url.
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// The bytes of standard or URL-safe base64, padded or not: partner links use all four forms. A text that mixes the two
/// alphabets is refused. Trailing bits may have any value.
pub fn decode_lenient(text: &str) -> Option<Vec<u8>> {
    let url_safe = text.bytes().any(|letter| matches!(letter, b'-' | b'_'));
    let bare = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    // Padding completes a group of four letters, so a longer one is refused.
    if text.len() - bare.len() > (4 - bare.len() % 4) % 4 {
        return None;
    }
    let (bytes, _rest) = groups(bare, |letter| matches!(letter, b'-' | b'_') == url_safe)?;
    Some(bytes)
}

/// The bytes, and the bits that remain. `special` says whether the alphabet contains a letter other than `A-Z`, `a-z` and
/// `0-9`.
fn groups(text: &str, special: impl Fn(u8) -> bool) -> Option<(Vec<u8>, u32)> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut group, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            _ if !special(letter) => return None,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        (group, bits) = (group << 6 | u32::from(value), bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(group >> bits).ok()?);
            group &= (1 << bits) - 1;
        }
    }
    // A single remaining letter encodes no byte.
    (bits < 6).then_some((bytes, group))
}
