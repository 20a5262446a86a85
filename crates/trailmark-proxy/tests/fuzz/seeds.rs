//! The golden vectors as seeds. Each target takes from them what its reader reads; texts of its own stand beside the target.

use serde_json::Value;

/// What stands for personal data and credentials in inputs: no error text may repeat it.
pub(crate) const SECRET: &str = "Geheim-7f3a@secret.example";

/// One file of `crates/trailmark-wire/vectors`.
pub(crate) fn vectors(name: &str) -> Value {
    let path = format!("{}/../trailmark-wire/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The items of a list.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A member that is a text.
pub(crate) fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Whether a text for people repeats what must stay secret, whole or in its first half.
pub(crate) fn tells_a_secret(text: &str) -> bool {
    text.contains(SECRET) || text.contains("@secret.example") || text.contains("Geheim-7f3a@")
}
