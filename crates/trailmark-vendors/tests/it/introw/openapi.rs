//! The `OpenAPI` of seed 003, kept as the seed writes it (`openapi.yaml`) and as JSON for validators (`openapi.json`).

use serde_json::Value;

const YAML: &str = include_str!("../../../fixtures/introw/openapi.yaml");
const JSON: &str = include_str!("../../../fixtures/introw/openapi.json");

/// FNV-1a, 64 bits: no check against malice, but every changed byte shows.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_text_is_the_seeds() {
    assert_eq!((YAML.len(), fingerprint(YAML)), (11_398, 0x22cf_2a92_c535_fb7c));
}

/// Keys, texts and numbers of a document.
fn words(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.push(name.clone());
            words(value, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        Value::String(text) => found.push(text.clone()),
        other => found.push(other.to_string()),
    }
}

#[test]
fn the_json_says_what_the_text_says() {
    let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = folded(YAML);
    let mut found = Vec::new();
    words(&serde_json::from_str(JSON).unwrap(), &mut found);
    let unseen: Vec<_> = found.iter().filter(|word| !text.contains(&folded(word))).collect();
    assert!(found.len() > 300 && unseen.is_empty(), "{} words, without {unseen:?}", found.len());
    let characters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let total: usize = found.iter().map(|word| characters(word)).sum();
    assert_eq!(total, characters(YAML), "nothing of the text is missing");
}
