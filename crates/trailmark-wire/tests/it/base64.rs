//! The wire's base64 against a general library: same texts, same bytes, same refusals.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use trailmark_wire::base64url::{decode, decode_lenient, encode};

/// Decodes as partner links need it: trailing bits and padding as they come.
fn library_lenient(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(text).ok()
}

proptest! {
    #[test]
    fn bytes_encode_as_the_library_encodes_them(bytes in vec(any::<u8>(), 0..200)) {
        let text = encode(&bytes);
        assert_eq!(text, URL_SAFE_NO_PAD.encode(&bytes));
        assert_eq!(decode(&text), Some(bytes));
    }

    #[test]
    fn texts_decode_as_the_library_decodes_them(text in "[A-Za-z0-9+/_=-]{0,12}|[A-Za-z0-9_-]{0,40}|\\PC{0,8}") {
        assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(&text).ok(), "strict: {text}");
        assert_eq!(decode_lenient(&text), library_lenient(&text), "lenient: {text}");
    }
}

#[test]
fn every_short_text_decodes_as_the_library_decodes_it() {
    let letters = "AQg/_9+-=b";
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        let longer = texts.iter().flat_map(|text| letters.chars().map(move |letter| format!("{text}{letter}")));
        texts = [String::new()].into_iter().chain(longer).collect();
        for text in &texts {
            assert_eq!(decode(text), URL_SAFE_NO_PAD.decode(text).ok(), "strict: {text}");
            assert_eq!(decode_lenient(text), library_lenient(text), "lenient: {text}");
        }
    }
}
