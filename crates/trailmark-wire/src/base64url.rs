//! Base64 as JOSE writes it (URL-safe, no padding), and as partner links write it (any alphabet, with or without
//! padding). Encoding and decoding only; what the bytes mean is decided by the caller.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};

/// Accepts what vendors really send: trailing bits and padding as they come.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Base64 of RFC 4648 § 5 without padding, as RFC 7515 § 2 asks.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes behind strict, unpadded base64url; `None` for any other text, so that one value has one spelling.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Exactly `N` bytes behind strict, unpadded base64url.
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

/// The bytes behind standard or URL-safe base64, padded or not. Partner links carry all four forms; a text that mixes
/// the two alphabets is neither.
pub fn decode_lenient(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, LENIENT).decode(text).ok()
}
