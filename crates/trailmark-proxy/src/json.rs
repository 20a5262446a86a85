//! JSON for the wire, with `serde_json`. Every error names the path of its field and the expected type, never a
//! value: values may be personal data, and the text goes to the caller and into the log.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use trailmark_wire::json::{JsonError, ReadJson, WriteJson};

use crate::nearest::{listed, nearest};

/// The proxy's reader and writer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl WriteJson for Json {
    fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JsonError> {
        serde_json::to_string(value).map_err(|_value| JsonError { problem: "has no JSON form".to_owned() })
    }
}

impl ReadJson for Json {
    fn read<T: DeserializeOwned>(&self, text: &[u8]) -> Result<T, JsonError> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = plain_path(&error.path().to_string());
            problem(&path, error.inner())
        })?;
        reader.end().map_err(|error| problem("", &error))?;
        Ok(value)
    }
}

fn problem(path: &str, error: &serde_json::Error) -> JsonError {
    let (line, column) = (error.line(), error.column());
    let text = match error.classify() {
        Category::Data => data_problem(path, &error.to_string()),
        Category::Eof => "the JSON text ends too early".to_owned(),
        Category::Io | Category::Syntax => {
            format!("not JSON at line {line} column {column}: {}", syntax_problem(&error.to_string()))
        }
    };
    JsonError { problem: text }
}

/// What is wrong with the text, from the parser's message, which contains no value.
fn syntax_problem(message: &str) -> &str {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _position)| message);
    match message {
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "half of a surrogate pair (\\ud800 to \\udfff): a text was cut within a character; cut it between characters"
        }
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a control character inside a text; write it as an escape, such as \\n"
        }
        other => other,
    }
}

/// What is wrong with a field, from the deserializer's message without the value that it quotes.
fn data_problem(path: &str, message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _position)| message);
    // The value comes before the last `, expected`, whatever it contains.
    let expected = message.rsplit_once(", expected ").map(|(_value, expected)| expected);
    let named = |name: &str| [path, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    let quoted = || plain_path(message.split('`').nth(1).unwrap_or_default());
    match expected {
        _ if message.starts_with("missing field") => format!("`{}` is missing", named(&quoted())),
        _ if message.starts_with("duplicate field") => format!("`{}` appears twice", named(&quoted())),
        _ if message.starts_with("unknown field") => unknown(path, expected.unwrap_or_default()),
        Some(expected) if expected.starts_with("struct ") => format!("`{}` must be an object", or_body(path)),
        Some(expected) => format!("`{}` must be {}", or_body(path), worded(path, expected)),
        None => format!("`{}` is {message}", or_body(path)),
    }
}

/// An unknown field, with the one of its object that was probably meant. `expected` is the list of those in backticks.
fn unknown(path: &str, expected: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or_default();
    let meant = nearest(name, listed(expected)).map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
    format!("`{}` is not a known field{meant}", or_body(path))
}

/// The expected type, without Rust's names.
fn worded<'a>(path: &str, expected: &'a str) -> &'a str {
    match expected {
        "i64" if path.ends_with("_minor") => "a whole number of minor units, such as 4900 for 49.00 EUR",
        "i64" | "u64" => "a whole number",
        "u32" => "a whole number, 0 or more",
        "a sequence" => "a list",
        expected => expected,
    }
}

fn or_body(path: &str) -> &str {
    if path.is_empty() { "body" } else { path }
}

/// A path of plain characters; a name that is not plain, or too long, becomes `?`.
fn plain_path(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.[]".contains(c);
    match path {
        "." => String::new(),
        path if path.len() <= 80 && path.chars().all(plain) => path.to_owned(),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use trailmark_wire::click::ClickRequest;
    use trailmark_wire::conversion::Body;

    use super::*;

    #[track_caller]
    fn check<T: DeserializeOwned + std::fmt::Debug>(text: &str, problem: &str) {
        let found = Json.read::<T>(text.as_bytes()).unwrap_err().problem;
        assert_eq!(found, problem);
        assert!(!found.contains("ada@"), "{found}");
    }

    /// field-faults row 4: what PHP, Python and JavaScript write for a text that was cut within an emoji.
    #[test]
    fn half_an_emoji_and_a_raw_line_break_are_named_as_what_is_wrong_with_the_json() {
        let named = |name: &str| format!(r#"{{"kind":"lead","customer":{{"key":"k","name":"{name}"}}}}"#);
        for half in [r"Jo \ud83d", r"Jo \ude00", r"\ud83d Jo", r"\ud83d\u0041", r"\ud83d\ud83d"] {
            let found = Json.read::<Body>(named(half).as_bytes()).unwrap_err().problem;
            assert!(found.starts_with("not JSON at line 1 column "), "{half}: {found}");
            assert!(found.contains("half of a surrogate pair"), "{half}: {found}");
        }
        let found = Json.read::<Body>(named("Jo\nSmith").as_bytes()).unwrap_err().problem;
        assert!(found.contains("a control character inside a text"), "{found}");
        assert!(Json.read::<Body>(named(r"Jo \ud83d\ude00").as_bytes()).is_ok());
    }

    #[test]
    fn an_error_names_the_field_and_never_the_value() {
        check::<Body>("{", "the JSON text ends too early");
        check::<Body>("{]", "not JSON at line 1 column 2: key must be a string");
        check::<Body>(r#"{"kind":"signup"} x"#, "not JSON at line 1 column 19: trailing characters");
        check::<Body>("{}", "`kind` is missing");
        check::<Body>(r#"{"kind":"signup","kind":"lead"}"#, "`kind` appears twice");
        check::<Body>(r#"{"kind":"ada@x.y, expected z"}"#, "`kind` must be one of `signup`, `lead`, `sale`, `refund`");
        check::<Body>(r#"{"kind":"signup","customer":"ada@x.y"}"#, "`customer` must be an object");
        check::<Body>(r#"{"kind":"lead","customer":{"key":7}}"#, "`customer.key` must be a string");
        let sale = |amount: &str, currency: &str| {
            format!(
                r#"{{"kind":"sale","order":{{"key":"k","amount_minor":{amount},"currency":"{currency}","items":[]}}}}"#
            )
        };
        for amount in ["49.00", r#""ada@x.y""#] {
            let problem = "`order.amount_minor` must be a whole number of minor units, such as 4900 for 49.00 EUR";
            check::<Body>(&sale(amount, "EUR"), problem);
        }
        let problem = "`order.currency` is not an ISO 4217 code, such as EUR";
        check::<Body>(&sale("1", "eur ada@x.y"), problem);
        check::<Body>(&sale("1", "EUR").replace("[]", "{}"), "`order.items` must be a list");
        let item = r#"[{"sku":"s","unit_amount_minor":1,"quantity":-1}]"#;
        let problem = "`order.items[0].quantity` must be a whole number, 0 or more";
        check::<Body>(&sale("1", "EUR").replace("[]", item), problem);
        check::<Body>(r#"{"kind":"lead","customer":{}}"#, "`customer.key` is missing");
        check::<Body>(
            r#"{"kind":"lead","customer":{"key":"k","mail":"ada@x.y"}}"#,
            "`customer.mail` is not a known field; did you mean `email`?",
        );
        for (order, said) in [
            (r#"{"key":"k","amount":1}"#, "`order.amount` is not a known field; did you mean `amount_minor`?"),
            (
                r#"{"key":"k","currencyCode":"EUR"}"#,
                "`order.currencyCode` is not a known field; did you mean `currency`?",
            ),
            (r#"{"key":"k","zzz":1}"#, "`order.zzz` is not a known field"),
        ] {
            check::<Body>(&format!(r#"{{"kind":"sale","order":{order}}}"#), said);
        }
        check::<Body>(r#"{"kind":"lead","ada@x.y":1}"#, "`?` is not a known field");
        check::<ClickRequest>(
            r#"{"site":"Ada ada@x.y","id":"x","url":""}"#,
            "`site` is not a site id: 1 to 32 of a-z, 0-9 and -, starting with a letter or digit",
        );
    }
}
