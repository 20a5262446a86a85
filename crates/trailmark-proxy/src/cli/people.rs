//! `users audit` and `users watch`, and the same of partners: what a vendor's whole list says about people. An audit
//! compares it with a file, such as an identity provider's export, by the field that the vendor names; a watch compares it
//! with itself some time before, since no vendor reports such changes. Both are made of the vendor's `list` with its filters;
//! `sheet` reads the file, `account` reads the list. Nothing is changed anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value as Json, json};
use trailmark_vendors::command::{Command, Record, Values};
use trailmark_vendors::exchange::Request;
use trailmark_vendors::{EMAIL, vendor};

use super::Format;
use super::account::{Account, Goes, Trouble};
use super::failure::Failure;
use super::output;
use super::sheet::Sheet;
use crate::config::{Program, duration_ms, duration_text};

/// The shortest time between two looks: a list of some thousand people has tens of pages, and no vendor documents how often
/// it may be read.
const LEAST_MS: i64 = 5_000;

#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    /// File of comma-separated values in UTF-8, such as the export of your identity provider
    #[arg(long, value_name = "FILE.csv")]
    against: PathBuf,
    /// Column of the file to compare [default: named like the vendor's field]
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    /// Time between two looks, at least 5s, such as 30s, 15m or 1h
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = interval)]
    interval: i64,
}

fn interval(text: &str) -> Result<i64, String> {
    match duration_ms(text)? {
        ms if ms < LEAST_MS => Err(format!("is less than {}", duration_text(LEAST_MS))),
        ms => Ok(ms),
    }
}

/// What tells a person from others: the vendor's id, or else its key.
fn identity(record: &Record) -> String {
    let id = ["id", "key"].into_iter().find_map(|name| record.get(name));
    id.map(plain).unwrap_or_default()
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The text by which people are matched: capitals do not count.
fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The texts of a field, for people.
fn plural(field: &str) -> String {
    if field == EMAIL { "e-mail addresses".to_owned() } else { format!("{field}s") }
}

/// The whole list, by identity.
async fn everyone(account: &Account, command: &Command, values: &Values) -> Result<BTreeMap<String, Record>, Trouble> {
    let mut all = BTreeMap::new();
    let ask = account.start(command, values)?;
    let take = |items: Vec<Record>, _: Option<&Request>| {
        all.extend(items.into_iter().map(|item| (identity(&item), item)));
        Ok(Goes::On)
    };
    account.follow(ask, true, take).await?;
    Ok(all)
}

impl Audit {
    pub(super) async fn run(
        self,
        program: &Program,
        command: &Command,
        values: &Values,
        format: Format,
    ) -> Result<(), Failure> {
        let by = vendor(program.vendor.as_str()).map_or(EMAIL, |vendor| vendor.matched_by());
        let known = self.texts(by)?;
        let account = Account::open(program)?;
        let all = everyone(&account, command, values).await?;
        let (noun, vendor, file) = (command.noun, account.name(), self.against.display());
        let text = |one: &Record| one.get(by).and_then(Json::as_str).map(folded);
        if !all.is_empty() && all.values().all(|one| text(one).is_none()) {
            return Err(Failure::usage(format!("{vendor} shows no {} of {noun}", plural(by))));
        }
        let shown: BTreeSet<String> = all.values().filter_map(text).collect();
        let orphans: Vec<&Record> =
            all.values().filter(|one| text(one).is_none_or(|text| !known.contains(&text))).collect();
        let absent: Vec<&String> = known.difference(&shown).collect();
        if format.json {
            output::json(&json!({
                "count": all.len(), "not_in_file": orphans, "only_in_file": absent,
                "in_both": all.len() - orphans.len(),
            }))?;
        } else {
            output::line(&format!("{} {noun} of {vendor} are in {file}", all.len() - orphans.len()))?;
            output::line(&format!("{} are not:", orphans.len()))?;
            for one in &orphans {
                let is_told = |name: &&str| *name != "id" && *name != by && !name.ends_with("_at");
                let columns = command.columns.iter().copied().filter(is_told);
                let cells = std::iter::once(by).chain(columns).filter_map(|name| one.get(name).map(plain));
                let told = [identity(one)].into_iter().chain(cells).collect::<Vec<_>>().join("  ");
                output::line(&output::plain(&format!("  {told}")))?;
            }
            output::line(&format!("{} {} of {file} are of none of these {noun}:", absent.len(), plural(by)))?;
            absent.iter().try_for_each(|text| output::line(&output::plain(&format!("  {text}"))))?;
        }
        match orphans.len() {
            0 => Ok(()),
            count => Err(Failure::request(format!("{count} of {} {noun} are not in {file}", all.len()))),
        }
    }

    /// The file's texts of the field by which people are matched.
    fn texts(&self, by: &str) -> Result<BTreeSet<String>, Failure> {
        let column = self.column.as_deref().unwrap_or(by);
        let sheet = Sheet::read(&self.against)?;
        let about = |what: String| Failure::usage(format!("{}: {what}", self.against.display()));
        let named = |name: &String| name.to_lowercase() == column.to_lowercase();
        let place = sheet.header.iter().position(named).ok_or_else(|| {
            let names = sheet.header.join(", ");
            about(format!("has no column `{column}`: name one with --column; it has {}", output::plain(&names)))
        })?;
        let mut all = BTreeSet::new();
        for row in sheet.rows {
            // A text that is skipped would make somebody an orphan.
            let cells = row.cells.map_err(|flaw| about(format!("line {} has {flaw}", row.line)))?;
            all.extend(cells.get(place).map(|cell| folded(cell)).filter(|text| !text.is_empty()));
        }
        if all.is_empty() { Err(about(format!("column `{column}` is empty"))) } else { Ok(all) }
    }
}

impl Watch {
    pub(super) async fn run(
        self,
        program: &Program,
        command: &Command,
        values: &Values,
        format: Format,
    ) -> Result<(), Failure> {
        let account = Account::open(program)?;
        let mut before = everyone(&account, command, values).await?;
        let (noun, every) = (command.noun, duration_text(self.interval));
        output::note(&format!("watching {} {noun}, every {every}; Ctrl-C ends it", before.len()));
        loop {
            tokio::time::sleep(Duration::from_millis(u64::try_from(self.interval).unwrap_or_default())).await;
            match look(&account, command, values, &before).await {
                Ok(after) => {
                    let at = account.now().to_rfc3339();
                    changes(&before, &after).iter().try_for_each(|change| change.print(&at, command, format))?;
                    before = after;
                }
                // The next look compares with the last whole list, so nothing is missed.
                Err(Trouble { failure, .. }) if failure.is_unreachable() => {
                    let why = failure.text().unwrap_or_default();
                    output::note(&output::plain(&format!("{why}; the next look is in {every}")));
                }
                Err(trouble) => return Err(trouble.failure),
            }
        }
    }
}

/// The whole list. Somebody who is removed while its pages are read hides somebody else on them, so whoever is missing is
/// looked for once more.
async fn look(
    account: &Account,
    command: &Command,
    values: &Values,
    before: &BTreeMap<String, Record>,
) -> Result<BTreeMap<String, Record>, Trouble> {
    let mut after = everyone(account, command, values).await?;
    if before.keys().any(|id| !after.contains_key(id)) {
        let again = everyone(account, command, values).await?;
        after.extend(again);
    }
    Ok(after)
}

/// What happened to one person between two looks.
#[derive(Debug)]
struct Change<'a> {
    id: &'a str,
    before: Option<&'a Record>,
    after: Option<&'a Record>,
}

/// Who was added, changed or removed.
fn changes<'a>(before: &'a BTreeMap<String, Record>, after: &'a BTreeMap<String, Record>) -> Vec<Change<'a>> {
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let all = ids.into_iter().map(|id| Change { id, before: before.get(id), after: after.get(id) });
    all.filter(|change| change.before != change.after).collect()
}

impl Change<'_> {
    fn word(&self) -> &'static str {
        match (self.before, self.after) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        }
    }

    fn print(&self, at: &str, command: &Command, format: Format) -> Result<(), Failure> {
        if format.json {
            let (id, did) = (self.id, self.word());
            return output::json_line(
                &json!({"at": at, "did": did, "id": id, "before": self.before, "after": self.after}),
            );
        }
        let told = [at, self.word(), self.id].map(str::to_owned).into_iter().chain(self.fields(command));
        output::line(&output::plain(&told.collect::<Vec<_>>().join("  ")))
    }

    /// Of the fields that a list shows, the values before and after; of the others, which are about people, the names.
    fn fields(&self, command: &Command) -> Vec<String> {
        let value = |record: Option<&Record>, name| record.and_then(|record| record.get(name)).map(plain);
        let records = [self.before, self.after].into_iter().flatten();
        let names: BTreeSet<&str> = records.flat_map(|record| record.fields().map(|(name, _)| name)).collect();
        let is_change = self.word() == "changed";
        let told = names.into_iter().filter_map(|name| {
            let (old, new) = (value(self.before, name), value(self.after, name));
            let is_listed = name != "id" && command.columns.contains(&name);
            match (old, new) {
                (old, new) if old == new => None,
                (old, new) if is_change && is_listed => {
                    Some(format!("{name}: {} -> {}", old.unwrap_or_default(), new.unwrap_or_default()))
                }
                (old, new) if is_listed => old.or(new).map(|value| format!("{name}: {value}")),
                _ => is_change.then(|| name.to_owned()),
            }
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use trailmark_vendors::command::Effect;

    use super::*;

    fn list(people: &[(&str, &str, &str)]) -> BTreeMap<String, Record> {
        let record = |(id, email, status): &(&str, &str, &str)| {
            let of = Record::default().with_text("id", Some(id)).with_text("email", Some(email));
            ((*id).to_owned(), of.with_text("status", Some(status)))
        };
        people.iter().map(record).collect()
    }

    #[test]
    fn two_looks_tell_who_came_changed_and_went_without_naming_anybody() {
        let before =
            list(&[("1", "a@x.example", "active"), ("2", "b@x.example", "active"), ("3", "c@x.example", "active")]);
        let after =
            list(&[("1", "a@x.example", "inactive"), ("2", "d@x.example", "active"), ("4", "e@x.example", "new")]);
        let command = Command {
            noun: "users",
            verb: "list",
            summary: "",
            key: None,
            inputs: &[],
            effect: Effect::Reads,
            columns: &["id", "status"],
            calls: "",
            source: "",
        };
        let told: Vec<_> = changes(&before, &after)
            .iter()
            .map(|change| format!("{} {} {}", change.word(), change.id, change.fields(&command).join(" ")))
            .collect();
        let wanted = [
            "changed 1 status: active -> inactive",
            "changed 2 email",
            "removed 3 status: active",
            "added 4 status: new",
        ];
        assert_eq!(told, wanted);
        assert!(changes(&after, &after).is_empty());
    }

    #[test]
    fn an_interval_has_a_lower_bound() {
        assert_eq!((interval("5s"), interval("15m")), (Ok(5_000), Ok(900_000)));
        assert_eq!(interval("4s"), Err("is less than 5s".to_owned()));
        assert!(interval("soon").is_err());
    }
}
