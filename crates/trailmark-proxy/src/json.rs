//! JSON for the wire, by `serde_json`. Every error names the path of its field and what was expected there, and never a value:
//! values may be personal data, and the text goes to whoever posted the body and into the log.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use trailmark_wire::json::{JsonError, ReadJson, WriteJson};

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
        Category::Io | Category::Syntax => format!("not JSON at line {line} column {column}"),
    };
    JsonError { problem: text }
}

/// What is wrong with a field, from the deserializer's message without the value that it quotes.
fn data_problem(path: &str, message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _position)| message);
    // A value comes before the last `, expected`, whatever it holds itself.
    let expected = message.rsplit_once(", expected ").map(|(_value, expected)| expected);
    let named = |name: &str| [path, name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    let quoted = || plain_path(message.split('`').nth(1).unwrap_or_default());
    match expected {
        _ if message.starts_with("missing field") => format!("`{}` is missing", named(&quoted())),
        _ if message.starts_with("duplicate field") => format!("`{}` stands twice", named(&quoted())),
        _ if message.starts_with("unknown field") => format!("`{}` is not a known field", or_body(path)),
        Some(expected) if expected.starts_with("struct ") => format!("`{}` must be an object", or_body(path)),
        Some(expected) => format!("`{}` must be {}", or_body(path), worded(path, expected)),
        None => format!("`{}` is {message}", or_body(path)),
    }
}

/// What is expected, without Rust's names for it.
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

/// A path whose every character is plain; names that are not, or too long to be a name, become `?`.
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

    #[test]
    fn an_error_names_the_field_and_never_the_value() {
        check::<Body>("{", "the JSON text ends too early");
        check::<Body>("{]", "not JSON at line 1 column 2");
        check::<Body>(r#"{"kind":"signup"} x"#, "not JSON at line 1 column 19");
        check::<Body>("{}", "`kind` is missing");
        check::<Body>(r#"{"kind":"signup","kind":"lead"}"#, "`kind` stands twice");
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
        let problem = "`order.currency` is not an ISO 4217 code in capital letters, such as EUR";
        check::<Body>(&sale("1", "eur ada@x.y"), problem);
        check::<Body>(&sale("1", "EUR").replace("[]", "{}"), "`order.items` must be a list");
        let item = r#"[{"sku":"s","unit_amount_minor":1,"quantity":-1}]"#;
        let problem = "`order.items[0].quantity` must be a whole number, 0 or more";
        check::<Body>(&sale("1", "EUR").replace("[]", item), problem);
        check::<Body>(r#"{"kind":"lead","customer":{}}"#, "`customer.key` is missing");
        check::<Body>(
            r#"{"kind":"lead","customer":{"key":"k","mail":"ada@x.y"}}"#,
            "`customer.mail` is not a known field",
        );
        check::<Body>(r#"{"kind":"lead","ada@x.y":1}"#, "`?` is not a known field");
        check::<ClickRequest>(
            r#"{"site":"Ada ada@x.y","id":"x","url":""}"#,
            "`site` is not a site id: 1 to 32 of a-z, 0-9 and -, starting with a letter or digit",
        );
    }
}
