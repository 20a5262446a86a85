//! What a simulator keeps in a file, if it is started with one: the vendor accounts and the clock's offset, so that a restart goes
//! on where it ended. Faults, logs, counts and settings begin as without a file.
//!
//! [`Kept::save`] compares with what it wrote last, so it can be called after every call.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::partnerstack::PartnerStack;

/// The file, and the text that it holds.
#[derive(Debug)]
pub(crate) struct Kept {
    file: PathBuf,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    offset_ms: i64,
    partnerstack: [Value; 2],
}

impl Kept {
    /// Reads the file into `clock` and `partnerstack`, or makes it where there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else; it is then left as it is.
    pub(crate) fn open(file: PathBuf, clock: &mut Clock, partnerstack: &mut PartnerStack) -> io::Result<Self> {
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut kept = Self { file, text: String::new() };
                kept.save(clock, partnerstack)?;
                return Ok(kept);
            }
            Err(error) => return Err(error),
        };
        let content: Content = serde_json::from_str(&text)?;
        partnerstack.resume(content.partnerstack)?;
        clock.advance(content.offset_ms);
        Ok(Self { file, text })
    }

    /// Writes what has changed.
    ///
    /// # Errors
    /// The system's. The file then holds what was saved before.
    pub(crate) fn save(&mut self, clock: &Clock, partnerstack: &PartnerStack) -> io::Result<()> {
        let text = json!({ "offset_ms": clock.offset_ms(), "partnerstack": partnerstack.kept() }).to_string();
        if text == self.text {
            return Ok(());
        }
        // Renamed into place, so that a kill leaves the old text or the new one, whole.
        let draft = self.file.with_extension("new");
        fs::write(&draft, &text)?;
        fs::rename(&draft, &self.file)?;
        self.text = text;
        Ok(())
    }
}
