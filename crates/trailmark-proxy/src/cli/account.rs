//! A vendor account, for commands that call the vendor's API: chooses the program, holds the HTTP client, reads lists page
//! by page to the end, and makes single reads and changes. Does not read or write the ledger.
//!
//! A failed read is retried, since reading has no effect. A change is retried only if the vendor certainly did nothing;
//! otherwise the command reports an uncertain outcome and ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trailmark_vendors::directory::{Change, List, Refusal, Then, Thing};
use trailmark_vendors::exchange::{Answer, Call, Method, Request};
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::records::Record;
use trailmark_vendors::{Adapter, Directory, title};
use trailmark_wire::ids::ProgramId;
use trailmark_wire::time::UnixMillis;

use super::failure::Failure;
use super::output;
use super::records;
use super::{ConfigFile, Format, program};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Overrides, Program};
use crate::egress::{self, Bounds, Egress, SetUpError};

/// How often a retryable request is sent at most.
const TRIES: u32 = 4;

/// The longest wait when a vendor asks us to come back later.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The first wait when a vendor names no time. Each further wait is twice as long.
const WAIT: Duration = Duration::from_secs(1);

/// The largest page in bytes: 250 partners of a few kilobytes each, more than any answer to a delivery.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The most requests in one change; no vendor needs more than two.
const MOST_STEPS: u32 = 4;

#[derive(Debug, clap::Args)]
#[command(mut_arg("json", |json| json.help("Print JSON, for programs; a list prints one item per line")))]
pub(super) struct AccountArgs {
    /// Program whose vendor account to use; optional if only one is configured
    #[arg(long, value_name = "ID", value_parser = |text: &str| ProgramId::new(text))]
    program: Option<ProgramId>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    format: Format,
}

/// One object at the vendor; each command describes its key.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Its key at the vendor
    #[arg(value_name = "KEY", value_parser = named)]
    pub(super) key: String,
    #[command(flatten)]
    pub(super) account: AccountArgs,
}

/// One object to remove.
#[derive(Debug, clap::Args)]
pub(super) struct Removal {
    /// Confirm the removal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    one: One,
}

/// A list, filtered by when its items were created.
#[derive(Debug, clap::Args)]
pub(super) struct Period {
    /// Created at this time or later, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<UnixMillis>,
    /// Created at this time or earlier
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<UnixMillis>,
    #[command(flatten)]
    account: AccountArgs,
}

/// A text about a person, given on the command line. `Debug` shows none of it.
#[derive(Clone)]
pub(super) struct Told(pub(super) String);

/// A vendor account and its HTTP client.
struct Account {
    adapter: Arc<Adapter>,
    egress: Egress,
    clock: Arc<dyn Clock>,
}

impl AccountArgs {
    /// Prints a list.
    pub(super) async fn list(&self, list: &List) -> Result<(), Failure> {
        self.list_in(list, list.of, async |_, items| Ok(items)).await
    }

    /// Prints the partner of each listed partnership; reads each with one request.
    pub(super) async fn profiles(&self, list: &List) -> Result<(), Failure> {
        self.list_in(list, Thing::Partner, Account::profiles).await
    }

    /// Prints a list page by page, as each page arrives. `looked_into` turns a page into lines; `shown_as` names the kind
    /// of these lines.
    async fn list_in(
        &self,
        list: &List,
        shown_as: Thing,
        looked_into: impl AsyncFn(&Account, Vec<Record>) -> Result<Vec<Record>, Failure>,
    ) -> Result<(), Failure> {
        let account = self.open()?;
        let pages = account.directory()?.list(list).map_err(|refusal| account.refused(&refusal))?;
        let (mut next, mut shown) = (Some(pages.first), 0_usize);
        while let Some(request) = next {
            let page = account.exchange(&request, &pages.read).await?;
            let items = looked_into(&account, page.items).await?;
            if output::shows_progress() {
                output::progress(&format!("{} {}", shown + items.len(), records::noun(list.of)));
            }
            print_page(shown_as, &items, shown == 0, self.format.json)?;
            shown += items.len();
            next = page.next;
        }
        if output::shows_progress() {
            output::progress("");
        }
        if shown == 0 && !self.format.json { output::line(&format!("no {}", records::noun(list.of))) } else { Ok(()) }
    }

    /// Makes a change and prints the vendor's result.
    pub(super) async fn change(&self, change: &Change) -> Result<(), Failure> {
        let account = self.open()?;
        let mut call = account.directory()?.change(change).map_err(|refusal| account.refused(&refusal))?;
        for _ in 0..MOST_STEPS {
            match account.exchange(&call.request, &call.read).await? {
                Then::Done(record) => return self.print(&record),
                Then::Next(next) => call = next,
            }
        }
        Err(Failure::vendor("the change needed too many requests: please report this bug"))
    }

    /// Opens the account of the chosen program; reads no other program's secrets.
    fn open(&self) -> Result<Account, Failure> {
        let config = self.file.load()?;
        let adapter = chosen(&config, self.program.as_ref())?.adapter(&Overrides::from_process())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let bounds = Bounds { body_bytes: PAGE_BYTES, ..Bounds::default() };
        let egress = Egress::new(adapter.hosts.clone(), bounds, clock.clone());
        let egress = egress.map_err(|error: SetUpError| Failure::usage(error.to_string()))?;
        Ok(Account { adapter, egress, clock })
    }

    fn print(&self, record: &Record) -> Result<(), Failure> {
        output::value(record, self.format, records::facts)
    }
}

impl One {
    /// Shows it.
    pub(super) async fn show(&self, thing: Thing) -> Result<(), Failure> {
        let account = self.account.open()?;
        self.account.print(&account.one(thing, &self.key).await?)
    }
}

impl Removal {
    /// Makes the change if `--yes` confirms it; otherwise fails and names the consequences.
    pub(super) async fn run(self, follows: &str, change: impl FnOnce(String) -> Change) -> Result<(), Failure> {
        if !self.yes {
            return Err(Failure::usage(format!("{follows}; add --yes to confirm")));
        }
        self.one.account.change(&change(self.one.key)).await
    }
}

impl Period {
    /// Prints the list within it.
    pub(super) async fn list(&self, thing: Thing) -> Result<(), Failure> {
        if self.since.zip(self.until).is_some_and(|(since, until)| since > until) {
            return Err(Failure::usage("--since must not be later than --until"));
        }
        self.account.list(&List { since: self.since, until: self.until, ..List::all(thing) }).await
    }
}

/// Finds the named program, or the only one.
fn chosen<'a>(config: &'a Config, wanted: Option<&ProgramId>) -> Result<&'a Program, Failure> {
    let programs: Vec<&Program> = config.sites.iter().flat_map(|site| &site.programs).collect();
    match (wanted, programs.as_slice()) {
        (Some(id), _) => program(config, id),
        (None, [only]) => Ok(only),
        (None, []) => Err(Failure::usage("no program is configured: add one to [[sites.programs]]")),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|program| program.id.as_str()).collect();
            Err(Failure::usage(format!("name the program with --program; configured: {}", names.join(", "))))
        }
    }
}

impl Account {
    async fn profiles(&self, items: Vec<Record>) -> Result<Vec<Record>, Failure> {
        let mut profiles = Vec::with_capacity(items.len());
        for item in items {
            profiles.push(match &item {
                Record::Partner(partner) => self.one(Thing::Partner, &partner.key).await?,
                Record::Customer(_) | Record::Group(_) | Record::Removed(_) | Record::Transaction(_) => item,
            });
        }
        Ok(profiles)
    }

    async fn one(&self, thing: Thing, key: &str) -> Result<Record, Failure> {
        let Call { request, read } = self.directory()?.one(thing, key).map_err(|refusal| self.refused(&refusal))?;
        self.exchange(&request, &read).await
    }

    /// Sends a request, and retries while that is safe and the vendor asks for it or cannot be reached.
    async fn exchange<T>(
        &self,
        request: &Request,
        read: &(dyn Fn(&Answer) -> Result<T, Outcome> + Send + Sync),
    ) -> Result<T, Failure> {
        let is_reading = request.method == Method::Get;
        let mut tries = 1;
        loop {
            let answered = self.egress.send(request).await;
            let trouble = match answered {
                Ok(answer) => match read(&answer) {
                    Ok(read) => return Ok(read),
                    Err(outcome) => self.trouble(outcome, is_reading),
                },
                Err(failure) => self.lost(&failure, is_reading),
            };
            match pause(trouble.again, tries) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(trouble.failure),
            }
            tries += 1;
        }
    }

    fn name(&self) -> &'static str {
        title(self.adapter.vendor)
    }

    /// What this vendor shows and changes for operators.
    fn directory(&self) -> Result<&dyn Directory, Failure> {
        let none = || Failure::vendor(format!("{} has no API for operators", self.name()));
        self.adapter.directory.as_deref().ok_or_else(none)
    }

    /// Nothing was sent, because the vendor's API has no such request or field.
    fn refused(&self, refusal: &Refusal) -> Failure {
        let (name, dialect) = (self.name(), self.adapter.dialect.as_str());
        Failure::usage(match refusal {
            Refusal::Field(_) => format!("not sent to {name}, dialect {dialect}: {refusal}"),
            Refusal::Unsupported { .. } => format!("unsupported by {name} in dialect {dialect}: {refusal}"),
        })
    }

    fn lost(&self, failure: &egress::Failure, is_reading: bool) -> Trouble {
        let name = self.name();
        match failure {
            egress::Failure::Unknown(_) if !is_reading => self.unknown(&failure.to_string()),
            // What prevents one request from leaving prevents the next one too, except a listener that is just
            // starting.
            egress::Failure::NotSent(_) => Trouble {
                failure: Failure::unreachable(format!("{name} cannot be reached: {failure}")),
                again: Again::Never,
            },
            egress::Failure::Unknown(_) => {
                let failure = Failure::unreachable(format!("{name} cannot be reached: {failure}"));
                Trouble { failure, again: Again::At(None) }
            }
        }
    }

    /// The change may have been made, so it is not sent again.
    fn unknown(&self, why: &str) -> Trouble {
        let name = self.name();
        let text =
            format!("{name} may or may not have made the change: {why}; check at the vendor before you repeat it");
        Trouble { failure: Failure::unreachable(text), again: Again::Never }
    }

    fn trouble(&self, outcome: Outcome, is_reading: bool) -> Trouble {
        let name = self.name();
        let now = self.clock.now();
        let until = |at: UnixMillis| Duration::from_millis(u64::try_from(at.since(now)).unwrap_or(0));
        match outcome {
            Outcome::Retry { message, not_before } => {
                let failure = Failure::unreachable(format!("{name} cannot answer now: {message}"));
                Trouble { failure, again: Again::At(not_before.map(until)) }
            }
            Outcome::Throttled { until: at } => {
                let failure = Failure::unreachable(format!("{name} is limiting requests: try again later"));
                Trouble { failure, again: Again::At(at.map(until)) }
            }
            Outcome::Unknown { message } if !is_reading => self.unknown(&message),
            Outcome::Unknown { message } => {
                let failure = Failure::unreachable(format!("{name} gave no clear answer: {message}"));
                Trouble { failure, again: Again::At(None) }
            }
            Outcome::AuthFailed { message } => {
                refused(name, &format!("the credential; check the program's keys: {message}"))
            }
            Outcome::Forbidden { message } => refused(name, &format!("the credential may not do this: {message}")),
            Outcome::Duplicate { message } => refused(name, &format!("{message}; check the existing one")),
            Outcome::Conflict { message }
            | Outcome::Ignored { message }
            | Outcome::Missing { message }
            | Outcome::Premature { message }
            | Outcome::Rejected { message } => refused(name, &message),
            Outcome::Recorded { .. } | Outcome::Unverified { .. } => refused(name, "its answer had no content"),
        }
    }
}

/// Why there is no answer, and whether the request may be sent again.
struct Trouble {
    failure: Failure,
    again: Again,
}

#[derive(Debug, Clone, Copy)]
enum Again {
    Never,
    /// After the wait that the vendor names, if it names one.
    At(Option<Duration>),
}

/// The wait after this many tries; `None` ends the retries.
fn pause(again: Again, tries: u32) -> Option<Duration> {
    let Again::At(hint) = again else { return None };
    let wait = hint.unwrap_or_else(|| WAIT.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1))));
    (tries < TRIES && wait <= LONGEST_WAIT).then_some(wait)
}

fn refused(vendor: &str, why: &str) -> Trouble {
    Trouble { failure: Failure::vendor(format!("{vendor} refused: {why}")), again: Again::Never }
}

/// Leaves e-mail addresses out; only JSON has them.
fn print_page(thing: Thing, items: &[Record], is_first: bool, json: bool) -> Result<(), Failure> {
    if json {
        return items.iter().try_for_each(output::json_line);
    }
    if is_first && !items.is_empty() {
        output::line(&records::header(thing))?;
    }
    items.iter().try_for_each(|item| output::line(&records::row(thing, item)))
}

/// Parses the key of an object at the vendor.
pub(super) fn named(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or("a key has 1 to 255 characters and no control characters")
}

/// Parses `name=value` of free data.
pub(super) fn pair(text: &str) -> Result<(String, Told), &'static str> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), Told(value.to_owned())))
}

/// Parses an RFC 3339 time.
pub(super) fn time(text: &str) -> Result<UnixMillis, String> {
    UnixMillis::from_rfc3339(text).map_err(|error| error.to_string())
}

impl From<String> for Told {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_end_after_four_tries_and_give_way_to_the_vendors_hint() {
        let seconds = |hint: Option<u64>, tries| {
            pause(Again::At(hint.map(Duration::from_secs)), tries).map(|wait| wait.as_secs())
        };
        assert_eq!([1, 2, 3, 4].map(|tries| seconds(None, tries)), [Some(1), Some(2), Some(4), None]);
        assert_eq!([0, 60, 61].map(|hint| seconds(Some(hint), 1)), [Some(0), Some(60), None]);
        assert_eq!(pause(Again::Never, 1), None);
    }

    #[test]
    fn what_is_told_of_a_person_shows_in_no_debug() {
        let told = pair("plan=ada@example.com").unwrap();
        assert_eq!(format!("{told:?}"), r#"("plan", [redacted])"#);
        assert!(pair("=x").is_err() && pair("plan").is_err());
    }
}
