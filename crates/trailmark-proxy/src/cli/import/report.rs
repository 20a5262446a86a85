//! The report of an import: what was done for each row, line by line as it happens, and tidied at the end. `import` decides
//! what is done; a second run reads here what the first one did.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::admin::export::quoted;
use crate::cli::Format;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::sheet::Sheet;

/// What was done for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Did {
    Created,
    /// The vendor had it.
    Exists,
    /// It did not leave, or the vendor certainly did nothing; the import ended with it.
    NotSent,
    /// By us or by the vendor; nothing was done.
    Refused,
    /// It is under way, or was when the process ended.
    Sending,
    /// It may have been done.
    Unknown,
}

impl Did {
    const ALL: [Self; 6] = [Self::Created, Self::Exists, Self::NotSent, Self::Refused, Self::Sending, Self::Unknown];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Exists => "exists",
            Self::NotSent => "not_sent",
            Self::Refused => "refused",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
        }
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(self) -> bool {
        matches!(self, Self::Created | Self::Exists)
    }

    /// Whether the row may have taken effect without our knowledge.
    fn is_unsure(self) -> bool {
        matches!(self, Self::Sending | Self::Unknown)
    }
}

/// Characters of a fingerprint.
const FINGERPRINT: usize = 32;

/// What the vendor is asked for, from what identifies a row.
fn sought(of: &str) -> &str {
    of.get(..FINGERPRINT).unwrap_or(of)
}

/// The header of a report.
const HEADER: &str = "row,did,key,why,at,of\n";

/// One line of the report.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Entry {
    /// The line of the file on which the row begins.
    pub(super) row: usize,
    pub(super) did: Did,
    /// The vendor's key or id of it.
    pub(super) key: String,
    pub(super) why: String,
    /// When it was done; for what is unknown, when it was sent. RFC 3339.
    pub(super) at: String,
    /// What identifies the row: a fingerprint of what the vendor is asked for, then one of all cells.
    pub(super) of: String,
}

impl Entry {
    fn read(cells: &[String]) -> Option<Self> {
        let [row, did, key, why, at, of] = cells else { return None };
        let did = Did::ALL.into_iter().find(|known| known.as_str() == did)?;
        let text = |cell: &String| cell.clone();
        Some(Self { row: row.parse().ok()?, did, key: text(key), why: text(why), at: text(at), of: text(of) })
    }

    fn sought(&self) -> &str {
        sought(&self.of)
    }

    fn line(&self) -> String {
        let row = self.row.to_string();
        let cells: [&str; 6] = [&row, self.did.as_str(), &self.key, &self.why, &self.at, &self.of];
        format!("{}\n", cells.map(|cell| quoted(&cell.replace('\n', " "))).join(","))
    }

    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        if format.json {
            return output::json_line(self);
        }
        let parts = [self.did.as_str(), &self.key, &self.why].into_iter().filter(|part| !part.is_empty());
        let told: Vec<_> = parts.map(output::plain).collect();
        output::line(&format!("row {}: {}", self.row, told.join(", ")))
    }
}

/// The report of a file: what earlier runs did, and what this one does.
pub(super) struct Report {
    path: PathBuf,
    file: Option<File>,
    /// Bytes of its whole lines. The end of a process may have cut the last one, which then is about a row that was not
    /// sent yet.
    length: usize,
    /// The last line about each row, by what identifies it.
    pub(super) known: HashMap<String, Entry>,
    /// Of these, the ones that may be at the vendor, by what it is asked for: correcting another cell changes nothing there.
    unsure: HashMap<String, Entry>,
    /// What identifies the rows of this run, by line.
    pub(super) seen: BTreeMap<usize, String>,
}

impl Report {
    /// Reads what is there.
    pub(super) fn open(path: PathBuf) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?,
        };
        let whole = text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default();
        let sheet = Sheet::parse(if whole.is_empty() { HEADER } else { whole });
        let sheet = sheet.ok().filter(|sheet| sheet.header.join(",") == HEADER.trim_end());
        let rows = sheet.map(|sheet| sheet.rows).ok_or_else(|| {
            let what = "is no report of an import; name another file with --report";
            Failure::usage(format!("{}: {what}", path.display()))
        })?;
        let entries = rows.iter().filter_map(|row| Entry::read(row.cells.as_deref().ok()?));
        let (known, unsure, seen) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        let mut report = Self { length: whole.len(), path, file: None, known, unsure, seen };
        entries.for_each(|entry| report.remember(entry));
        Ok(report)
    }

    /// The last line about each row counts.
    fn remember(&mut self, entry: Entry) {
        if entry.did.is_unsure() {
            self.unsure.insert(entry.sought().to_owned(), entry.clone());
        } else {
            self.unsure.remove(entry.sought());
        }
        self.known.insert(entry.of.clone(), entry);
    }

    /// What an earlier line says of a row that may be at the vendor, whatever was corrected in the row since.
    pub(super) fn unsure(&self, of: &str) -> Option<Entry> {
        self.unsure.get(sought(of)).cloned()
    }

    /// Adds a line, which is on the disk afterwards.
    pub(super) fn add(&mut self, entry: &Entry) -> Result<(), Failure> {
        let mut written = || {
            let file = match &mut self.file {
                Some(file) => file,
                none => {
                    let file = none.insert(OpenOptions::new().create(true).append(true).open(&self.path)?);
                    file.set_len(u64::try_from(self.length).unwrap_or(u64::MAX))?;
                    if self.length == 0 {
                        file.write_all(HEADER.as_bytes())?;
                    }
                    file
                }
            };
            file.write_all(entry.line().as_bytes())?;
            file.sync_data()
        };
        written().map_err(|error: std::io::Error| unwritten(&self.path, &error))?;
        self.seen.insert(entry.row, entry.of.clone());
        self.remember(entry.clone());
        Ok(())
    }

    /// Leaves one line for each row, in the file's order. What may be at the vendor is kept, even if its row is gone.
    pub(super) fn tidy(mut self) -> Result<(), Failure> {
        if self.file.take().is_none() {
            return Ok(());
        }
        let seen = self.seen.iter().filter_map(|(line, of)| Some(Entry { row: *line, ..self.known.remove(of)? }));
        let mut entries: Vec<Entry> = seen.collect();
        let is_last = |entry: &Entry| self.unsure.get(entry.sought()).is_some_and(|last| last.of == entry.of);
        entries.extend(self.known.into_values().filter(|entry| entry.did.is_done() || is_last(entry)));
        entries.sort_by_key(|entry| entry.row);
        let text: String = entries.iter().map(Entry::line).collect();
        let beside = self.path.with_extension("csv.new");
        let written = std::fs::write(&beside, format!("{HEADER}{text}"));
        written.and_then(|()| std::fs::rename(&beside, &self.path)).map_err(|error| unwritten(&self.path, &error))
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::request(format!("{}: the report cannot be written: {error}", path.display()))
}
