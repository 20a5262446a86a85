//! `partners import`: adds the rows of a file at a vendor, one after the other, and keeps a report beside the file, so that a
//! second run goes on where the first one ended. `sheet` reads the file, `account` sends the requests, `report` keeps the
//! report; the vendor's table says what keeps a row from taking effect twice. Nothing passes through the ledger.
//!
//! A row is known by its cells, its program and the vendor's hosts, so rows may be moved, added and corrected between two
//! runs. The report says `sending` before a row is sent: whatever ends the process, the next run knows which row may have
//! taken effect, and looks for it. It is sent again only if the vendor does not have it after the settling time, also if it
//! was corrected: for that, a row is known by the cell alone by which the vendor is asked for it.

mod report;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::PathBuf;

use serde_json::json;
use trailmark_vendors::command::{Ask, Command, Input, InputKind, Once, Record, Reply, Value, Values};
use trailmark_vendors::vendor;
use trailmark_wire::time::UnixMillis;

use self::report::{Did, Entry, Report};
use super::Format;
use super::account::{Account, End, Goes, Trouble};
use super::failure::Failure;
use super::output;
use super::sheet::{Row, Sheet};
use super::typed::value;
use crate::config::Program;
use crate::keys::crypto::sha256;
use crate::nearest::nearest;

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// File of comma-separated values in UTF-8; its first line names flags of `add`, such as `email` or `first_name`
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Report of what was done for each row, from which a second run goes on [default: FILE with .report.csv as its end]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print what would be done for each row and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// An import that is under way.
struct Run<'a> {
    account: Account,
    program: &'a Program,
    command: &'static Command,
    once: Once,
    /// The input of each column.
    columns: Vec<&'static Input>,
    report: Report,
    format: Format,
}

impl Import {
    pub(super) async fn run(self, program: &Program, command: &'static Command, format: Format) -> Result<(), Failure> {
        let account = Account::open(program)?;
        let imports = vendor(program.vendor.as_str()).map_or(&[][..], |vendor| vendor.imports());
        let import = imports.iter().find(|import| import.noun == command.noun).ok_or_else(|| {
            let (vendor, noun) = (account.name(), command.noun);
            Failure::usage(format!("{vendor} cannot tell repeated {noun} apart; use `{noun} add` for each"))
        })?;
        let sheet = Sheet::read(&self.file)?;
        let columns = columns(&sheet.header, command)?;
        // Two runs at the same time would both send a row that neither of them knows.
        let lock =
            File::open(&self.file).map_err(|error| Failure::usage(format!("{}: {error}", self.file.display())))?;
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Failure::request(format!("{}: another import of it is running", self.file.display())));
        }
        let path = self.report.unwrap_or_else(|| self.file.with_extension("report.csv"));
        let shown = path.display().to_string();
        let report = Report::open(path)?;
        let mut run = Run { account, program, command, once: import.once, columns, report, format };
        let mut counts = BTreeMap::new();
        let mut stop = None;
        for row in &sheet.rows {
            match run.row(row, self.dry_run).await {
                Ok(did) => *counts.entry(did).or_insert(0_usize) += 1,
                Err(failure) => {
                    stop = Some(failure);
                    break;
                }
            }
        }
        run.report.tidy()?;
        let done: usize = counts.values().sum();
        let told: Vec<_> = counts.iter().map(|(did, count)| format!("{count} {did}")).collect();
        let told = if told.is_empty() { "no rows".to_owned() } else { told.join(", ") };
        output::note(&format!("{told}{}", if self.dry_run { "; nothing was sent" } else { "" }));
        if let Some(failure) = stop {
            let left = sheet.rows.len().saturating_sub(done);
            return Err(failure
                .with(&format!("{left} rows are left: run the same command again to go on; {shown} has the others")));
        }
        let open = ["refused", "unknown"].iter().filter_map(|did| counts.get(did)).sum::<usize>();
        match open {
            0 => Ok(()),
            _ if self.dry_run => Err(Failure::request(format!("{open} rows would be refused"))),
            _ => Err(Failure::request(format!(
                "{open} of {} rows are not added: {shown} says why; correct them and run the same command again",
                sheet.rows.len()
            ))),
        }
    }
}

impl Run<'_> {
    /// Does what is to do for a row, and says what was done. An error ends the import.
    async fn row(&mut self, row: &Row, is_dry: bool) -> Result<&'static str, Failure> {
        let read = row.cells.clone().and_then(|cells| Ok((self.identity(&cells), self.values(&cells)?)));
        let (of, values) = match read {
            Ok(read) => read,
            Err(flaw) => return self.refused(row, is_dry, format!("line {}", row.line), None, flaw),
        };
        if self.report.known.get(&of).is_some_and(|earlier| earlier.did.is_done()) {
            self.report.seen.entry(row.line).or_insert(of);
            return Ok("done before");
        }
        let unsure = self.report.unsure(&of);
        let ask = match self.account.start(self.command, &values) {
            Ok(ask) => ask,
            Err(refusal) => {
                let why = refusal.text().unwrap_or_default().to_owned();
                return self.refused(row, is_dry, of, unsure, why);
            }
        };
        if is_dry {
            let what = if unsure.is_some() { "would be looked for" } else { "would be added" };
            match self.format.json {
                true => output::json_line(&json!({"row": row.line, "did": what}))?,
                false => output::line(&format!("row {}: {what}", row.line))?,
            }
            return Ok(what);
        }
        match self.look(&values).await {
            Ok(Some(found)) => {
                let (at, key, why) = (self.account.now().to_rfc3339(), key(&found), differences(&found, &values));
                return self.kept(&Entry { row: row.line, did: Did::Exists, key, why, at, of });
            }
            Ok(None) => {}
            Err(trouble) if matches!(trouble.end, End::Endless | End::Stops) => return Err(trouble.failure),
            Err(trouble) => {
                let why = format!("it cannot be looked for: {}", trouble.failure.text().unwrap_or_default());
                return self.refused(row, false, of, unsure, why);
            }
        }
        if let Some(Entry { at, key, .. }) = unsure
            && matches!(self.once, Once::Looks { .. })
            && let Some(due) = self.due(&at)
        {
            let why = format!("sent at {at}, and the vendor does not show it; import again after {due}");
            let entry = Entry { row: row.line, did: Did::Unknown, key, why, at, of };
            return self.kept(&entry);
        }
        self.send(row, of, &values, ask).await
    }

    /// Sends a row that the vendor does not have.
    async fn send(&mut self, row: &Row, of: String, values: &Values, ask: Ask<Reply>) -> Result<&'static str, Failure> {
        let at = self.account.now().to_rfc3339();
        let sending = Entry { row: row.line, did: Did::Sending, key: String::new(), why: String::new(), at, of };
        self.report.add(&sending)?;
        let with = |did, key: &str, why: &str| Entry { did, key: key.into(), why: why.into(), ..sending.clone() };
        let mut sent = self.account.follow(ask, false, |_, _| Ok(Goes::On)).await;
        if let (Once::Updates, Err(Trouble { end: End::Unknown, failure, .. })) = (self.once, &sent) {
            let why = failure.text().unwrap_or_default();
            output::note(&output::plain(&format!("{why}; sent again, since the vendor updates what is there")));
            sent = self.account.follow(self.account.start(self.command, values)?, false, |_, _| Ok(Goes::On)).await;
        }
        let trouble = match sent {
            Ok(record) => {
                let record = record.unwrap_or_default();
                let existed = record.get("result").is_some_and(|result| result == "existed");
                let entry = match existed {
                    true => with(Did::Exists, &key(&record), "it has the values of this row now"),
                    false => with(Did::Created, &key(&record), ""),
                };
                return self.kept(&entry);
            }
            Err(trouble) => trouble,
        };
        let why = trouble.failure.text().unwrap_or_default().to_owned();
        match trouble.end {
            End::Missing | End::Refused => self.kept(&with(Did::Refused, "", &why)),
            End::Endless | End::Stops => {
                self.kept(&with(Did::NotSent, "", &why))?;
                Err(trouble.failure)
            }
            End::Unknown => match self.look(values).await {
                Ok(Some(found)) => {
                    self.kept(&with(Did::Created, &key(&found), "the answer was unclear, and the vendor has it"))
                }
                Ok(None) => self.kept(&with(Did::Unknown, "", &why)),
                Err(other) => {
                    self.kept(&with(Did::Unknown, "", &why))?;
                    if matches!(other.end, End::Endless | End::Stops) {
                        Err(other.failure)
                    } else {
                        Ok(Did::Unknown.as_str())
                    }
                }
            },
        }
    }

    /// When a row that was sent at this time may be sent again, if that is later than now.
    fn due(&self, at: &str) -> Option<String> {
        let sent = UnixMillis::from_rfc3339(at).ok()?;
        let due = UnixMillis(sent.0.saturating_add(self.program.confirm_after_ms));
        (due > self.account.now()).then(|| due.to_rfc3339())
    }

    /// What the vendor has of this row, if it is to be looked for.
    async fn look(&self, values: &Values) -> Result<Option<Record>, Trouble> {
        let Once::Looks { noun, verb, by } = self.once else { return Ok(None) };
        let commands = vendor(self.program.vendor.as_str()).map(|vendor| vendor.commands(self.program.dialect));
        let command = commands.into_iter().flatten().find(|command| (command.noun, command.verb) == (noun, verb));
        let (Some(command), Some(wanted)) = (command, values.text(by)) else {
            return Err(Failure::vendor(format!("nothing looks for `{by}`: please report this bug")).into());
        };
        let ask = self.account.start(command, &Values { key: wanted.to_owned(), ..Values::default() })?;
        match self.account.follow(ask, true, |_, _| Ok(Goes::On)).await {
            Ok(Some(found)) if text(&found, by).is_none_or(|shown| shown.eq_ignore_ascii_case(wanted)) => {
                Ok(Some(found))
            }
            Ok(_) => Err(Failure::vendor(format!("{} shows another one", self.account.name())).into()),
            Err(trouble) if trouble.end == End::Missing => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// A row that is not sent in this run. What an earlier run may have done stays unknown.
    fn refused(
        &mut self,
        row: &Row,
        is_dry: bool,
        of: String,
        unsure: Option<Entry>,
        why: String,
    ) -> Result<&'static str, Failure> {
        let at = self.account.now().to_rfc3339();
        let entry = match unsure {
            Some(earlier) => Entry { row: row.line, did: Did::Unknown, why, of, ..earlier },
            None => Entry { row: row.line, did: Did::Refused, key: String::new(), why, at, of },
        };
        if is_dry { entry.print(self.format).map(|()| entry.did.as_str()) } else { self.kept(&entry) }
    }

    /// Writes and prints an entry.
    fn kept(&mut self, entry: &Entry) -> Result<&'static str, Failure> {
        self.report.add(entry)?;
        entry.print(self.format).map(|()| entry.did.as_str())
    }

    /// What identifies a row: a fingerprint of the cell by which the vendor is asked for it, or of all cells where the vendor
    /// is not asked, then one of all cells.
    fn identity(&self, cells: &[String]) -> String {
        let all = self.fingerprint(cells, |_| true);
        match self.once {
            Once::Looks { by, .. } => self.fingerprint(cells, |name| name == by) + &all,
            Once::Updates => all,
        }
    }

    /// A fingerprint of program, hosts, and the cells of these columns with their names; an empty cell is no cell.
    fn fingerprint(&self, cells: &[String], is_meant: impl Fn(&str) -> bool) -> String {
        let given =
            self.columns.iter().zip(cells).filter(|(input, cell)| is_meant(input.name) && !cell.trim().is_empty());
        let mut parts: Vec<String> = given.map(|(input, cell)| format!("{}={}", input.name, cell.trim())).collect();
        parts.sort();
        parts.extend([self.program.id.to_string(), self.command.noun.to_owned()]);
        parts.extend(self.account.hosts().iter().cloned());
        sha256(parts.join("\0").as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The values of a row; an empty cell is no value.
    fn values(&self, cells: &[String]) -> Result<Values, String> {
        let mut given: BTreeMap<&str, (&'static Input, Vec<String>)> = BTreeMap::new();
        for (input, cell) in self.columns.iter().zip(cells).filter(|(_, cell)| !cell.trim().is_empty()) {
            given.entry(input.name).or_insert((input, Vec::new())).1.push(cell.trim().to_owned());
        }
        let mut values = Values::default();
        for (input, cells) in given.into_values() {
            let word = cells.first().map(|cell| cell.to_ascii_lowercase()).unwrap_or_default();
            let read = match (input.kind, word.as_str()) {
                (InputKind::Flag, "yes" | "true" | "1") => Ok(Value::Given),
                (InputKind::Flag, "no" | "false" | "0") => continue,
                (InputKind::Flag, _) => Err("is yes or no".to_owned()),
                (InputKind::Secret, "-") => Err("write env:NAME; a file has no place for a secret".to_owned()),
                _ => value(input, &cells),
            };
            values.flags.insert(input.name, read.map_err(|why| format!("{}: {why}", input.name))?);
        }
        Ok(values)
    }
}

/// Characters of an unknown column's name that an error repeats.
const NAME_SHOWN: usize = 40;

/// The input of each column. A column may be repeated where the flag may be.
fn columns(header: &[String], command: &'static Command) -> Result<Vec<&'static Input>, Failure> {
    let known = || command.inputs.iter().map(|input| input.name);
    let words = format!("{} {}", command.noun, command.verb);
    let mut columns: Vec<&'static Input> = Vec::new();
    for name in header {
        let plain = name.to_lowercase().replace(['-', ' '], "_");
        let Some(input) = command.inputs.iter().find(|input| input.name == plain) else {
            let meant = nearest(&plain, known()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let all = known().collect::<Vec<_>>().join(", ");
            // Where commas are missing, the whole line is the name.
            let shown = match name.char_indices().nth(NAME_SHOWN) {
                Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
                None => name.clone(),
            };
            let shown = output::plain(&shown);
            let text =
                format!("column `{shown}` is no flag of `{words}` here{meant}; the first line names columns: {all}");
            return Err(Failure::usage(text));
        };
        let is_repeated = columns.iter().any(|other| other.name == input.name);
        if is_repeated && !matches!(input.kind, InputKind::Texts | InputKind::Pairs) {
            return Err(Failure::usage(format!("column `{}` comes twice", input.name)));
        }
        columns.push(input);
    }
    let is_there = |input: &&Input| columns.iter().any(|column| column.name == input.name);
    match command.inputs.iter().find(|input| input.is_needed && !is_there(input)) {
        Some(input) => Err(Failure::usage(format!("column `{}` is missing: {}", input.name, input.purpose))),
        None => Ok(columns),
    }
}

fn text<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
    record.get(name).and_then(serde_json::Value::as_str)
}

/// The vendor's key of a record, or its id.
fn key(record: &Record) -> String {
    ["key", "id"].iter().find_map(|name| text(record, name)).unwrap_or_default().to_owned()
}

/// Which texts of the row the vendor shows otherwise.
fn differences(found: &Record, values: &Values) -> String {
    let differs = |name: &&str| {
        let (Some(wanted), Some(shown)) = (values.text(name), text(found, name)) else { return false };
        !wanted.eq_ignore_ascii_case(shown)
    };
    let names: Vec<_> = values.flags.keys().copied().filter(|name| differs(name)).collect();
    if names.is_empty() { String::new() } else { format!("the vendor has another {}", names.join(", ")) }
}
