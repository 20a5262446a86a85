//! What a simulator keeps in a file, if it is started with one: what its doubles keep and the clock's offset, so that a
//! restart goes on where it ended. Faults, logs, counts and settings begin as without a file.
//!
//! The file is an object with `offset_ms` and one member for each double, by its name. A double without a member begins
//! empty, so that a file outlives a new double. [`Kept::save`] compares with what it wrote last, so it can be called after
//! every call.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::double::Double;

/// The file, and the text that it holds.
#[derive(Debug)]
pub(crate) struct Kept {
    file: PathBuf,
    text: String,
}

#[derive(Deserialize, Serialize)]
struct Content {
    offset_ms: i64,
    #[serde(flatten)]
    doubles: Map<String, Value>,
}

impl Kept {
    /// Reads the file into `clock` and `doubles`, or makes it where there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else; it is then left as it is.
    pub(crate) fn open(file: PathBuf, clock: &mut Clock, doubles: &mut [Box<dyn Double>]) -> io::Result<Self> {
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut kept = Self { file, text: String::new() };
                kept.save(clock, doubles)?;
                return Ok(kept);
            }
            Err(error) => return Err(error),
        };
        let mut content: Content = serde_json::from_str(&text)?;
        for double in doubles {
            if let Some(kept) = content.doubles.remove(double.name()) {
                double.resume(kept)?;
            }
        }
        if let Some(unknown) = content.doubles.keys().next() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no simulated vendor is called {unknown:?}"),
            ));
        }
        clock.advance(content.offset_ms);
        Ok(Self { file, text })
    }

    /// Writes what has changed.
    ///
    /// # Errors
    /// The system's. The file then holds what was saved before.
    pub(crate) fn save(&mut self, clock: &Clock, doubles: &[Box<dyn Double>]) -> io::Result<()> {
        let kept = doubles.iter().map(|double| Ok((double.name().to_owned(), double.kept()?)));
        let doubles = kept.collect::<serde_json::Result<_>>()?;
        let text = serde_json::to_string(&Content { offset_ms: clock.offset_ms(), doubles })?;
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
