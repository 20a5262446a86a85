//! The writer of JSON writes what `serde_json` writes, to the byte.

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use trailmark::json::to_text;

/// One of everything that the wire's types are made of.
#[derive(Debug, Serialize)]
struct Everything {
    text: String,
    number: i64,
    count: u32,
    flag: bool,
    word: Word,
    wrapped: Wrapped,
    absent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    list: Vec<String>,
    map: std::collections::BTreeMap<String, i64>,
    nothing: (),
    inner: Vec<Inner>,
}

#[derive(Debug, Serialize)]
struct Inner {}

#[derive(Debug, Serialize)]
struct Wrapped(String);

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Signup,
}

proptest! {
    #[test]
    fn it_writes_what_serde_json_writes(
        text in any::<String>(),
        number in prop_oneof![any::<i64>(), -1000_i64..1000, Just(i64::MIN), Just(i64::MAX)],
        count in any::<u32>(),
        flag in any::<bool>(),
        list in proptest::collection::vec(any::<String>(), 0..3),
        map in proptest::collection::btree_map(any::<String>(), any::<i64>(), 0..3),
        inner in 0_usize..3,
    ) {
        let everything = Everything {
            wrapped: Wrapped(text.clone()),
            absent: flag.then(|| text.clone()),
            left_out: flag.then(|| text.clone()),
            word: Word::Signup,
            nothing: (),
            inner: std::iter::repeat_with(|| Inner {}).take(inner).collect(),
            text, number, count, flag, list, map,
        };
        let read: Value = serde_json::from_str(&to_text(&everything).unwrap()).unwrap();
        prop_assert_eq!(read, serde_json::to_value(&everything).unwrap());
    }
}

#[test]
fn control_characters_quotes_and_backslashes_are_escaped_and_nothing_else_is() {
    let text = "\u{0}\u{1f}\u{7f}\t\n\"\\/ü\u{2028}😀";
    assert_eq!(to_text(text).unwrap(), "\"\\u0000\\u001f\u{7f}\\u0009\\u000a\\\"\\\\/ü\u{2028}😀\"");
}

#[test]
fn what_the_wire_does_not_use_is_refused() {
    for refused in [json!(1.5), json!([1.5]), json!({ "a": { "b": 1.5 } })] {
        let error = to_text(&refused).unwrap_err();
        assert_eq!(error.to_string(), "value is of a kind that the wire does not write", "{refused}");
    }
    assert!(to_text(&Err::<(), u8>(1)).is_err());
    assert!(to_text(&(1, 2)).is_err());
}
