//! JSON as an argument. The proxy passes `serde_json`, the browser its own `JSON` object, so this crate links neither (a
//! JSON library costs the module about 19 KB). No JSON syntax is handled here.

use alloc::string::String;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value could not be written or read as JSON. The text names the field and never repeats a value, since values may
/// be personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct JsonError {
    /// Which field, and what is wrong with it; lower case, no full stop, safe to show.
    pub problem: String,
}

/// Writes JSON text.
pub trait WriteJson {
    /// The JSON text of `value`, without insignificant white space.
    ///
    /// # Errors
    /// If the value has no JSON form, or the host's writer refuses it.
    fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JsonError>;
}

/// Reads JSON text.
pub trait ReadJson {
    /// The value that the JSON text encodes.
    ///
    /// # Errors
    /// If the text is not JSON, a field is unknown, missing or of the wrong type, or a value is out of its range.
    fn read<T: DeserializeOwned>(&self, text: &[u8]) -> Result<T, JsonError>;
}
