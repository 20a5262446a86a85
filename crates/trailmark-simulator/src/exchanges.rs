//! Appends to a file the exchanges that a machine-readable document of a vendor describes, one JSON object a line, so that a
//! validator can judge all exchanges of a test run. The file is the one that the environment variable
//! `TRAILMARK_EXCHANGES` names; without the variable nothing is written. What is described is the double's word
//! ([`crate::double::Double::described`]); `cargo xtask test` names the file and has it judged (`tests/openapi`).
//!
//! A line is `{account, method, path, query, headers, fault, status, answered, text}`. `fault` is the kind of the ordered fault
//! or `null`, `status` is `null` if the connection was reset. No credential is written: see [`VALUES`].

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::call::{Answer, Call};
use crate::faults::Kind;
use crate::world::Ending;

/// The variable with the name of the file.
pub(crate) const VARIABLE: &str = "TRAILMARK_EXCHANGES";

/// The headers of a call whose values are written; of the others, which may be credentials, only the names.
const VALUES: [&str; 3] = ["accept", "content-type", "user-agent"];

/// The file, if there is one, and what is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    file: Option<File>,
    unsaved: String,
}

impl Exchanges {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(file: Option<&Path>) -> io::Result<Self> {
        let open = |file| OpenOptions::new().create(true).append(true).open(file);
        Ok(Self { file: file.map(open).transpose()?, unsaved: String::new() })
    }

    pub(crate) fn push(&mut self, account: &str, call: &Call, answer: &Answer, ending: Ending, fault: Option<Kind>) {
        if self.file.is_none() {
            return;
        }
        let value = |name: &str| if VALUES.contains(&name) { call.header(name).unwrap_or_default() } else { "[set]" };
        let headers: Map<String, Value> =
            call.header_names().map(|name| (name.to_owned(), Value::from(value(name)))).collect();
        let answered = answer.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text_of(value.as_bytes())));
        let line = json!({
            "account": account,
            "method": call.method.as_str(),
            "path": call.path,
            "query": call.query,
            "headers": headers,
            "fault": fault,
            "status": (ending != Ending::Reset).then_some(answer.status.as_u16()),
            "answered": answered.collect::<Map<_, _>>(),
            "text": text_of(&answer.body),
        });
        self.unsaved.push_str(&line.to_string());
        self.unsaved.push('\n');
    }

    /// Writes what is not written yet: whole lines, since other processes append to the same file.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        let unsaved = std::mem::take(&mut self.unsaved);
        match &mut self.file {
            Some(file) if !unsaved.is_empty() => file.write_all(unsaved.as_bytes()),
            _ => Ok(()),
        }
    }
}

fn text_of(bytes: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(bytes))
}
