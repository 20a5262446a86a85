//! A vendor account, for commands that call the vendor's API: chooses the program, holds the HTTP client, and follows a
//! command's requests to the end. Does not read or write the ledger; `commands`, `import` and `people` say what is sent.
//!
//! A failed read is retried, since reading has no effect. A change is retried only if the vendor certainly did nothing, or
//! if the caller says that a repeat changes nothing; otherwise the outcome is uncertain, and the command ends. So it does if
//! the vendor took a change that cannot be looked at. A wait says why on standard error.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use trailmark_vendors::command::{Ask, Command, Record, Refusal, Reply, Values};
use trailmark_vendors::exchange::{Method, Request};
use trailmark_vendors::outcome::{Outcome, Probe, THROTTLED_MS};
use trailmark_vendors::{Adapter, title};
use trailmark_wire::ids::ProgramId;
use trailmark_wire::time::UnixMillis;

use super::failure::Failure;
use super::output;
use super::{ConfigFile, Format, program};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Overrides, Program};
use crate::egress::{self, Bounds, Egress, SetUpError};

/// How often a retryable request is sent at most.
const TRIES: u32 = 4;

/// The longest wait when a vendor asks us to come back later.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The first wait after a failure without a time. Each further wait is twice as long.
const WAIT: Duration = Duration::from_secs(1);

/// The most requests between two pages, or until a command is done: a profile of each item of a page.
const MOST_STEPS: u32 = 1_000;

/// How often in a row a list goes back from a page that the vendor refuses.
const MOST_RETURNS: u32 = 10;

/// Pages to which it can go back.
const KEPT_PAGES: usize = 3;

/// The largest page in bytes: 250 partners of a few kilobytes each, more than any answer to a delivery.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, clap::Args)]
#[command(mut_arg("json", |json| json.help("Print JSON, for programs; a list prints one item per line")))]
pub(super) struct AccountArgs {
    /// Program whose vendor account to use; optional if only one is configured
    #[arg(long, value_name = "ID", value_parser = |text: &str| ProgramId::new(text))]
    program: Option<ProgramId>,
    #[command(flatten)]
    pub(super) file: ConfigFile,
    #[command(flatten)]
    pub(super) format: Format,
}

impl AccountArgs {
    /// Finds the named program, or the only one.
    pub(super) fn chosen<'a>(&self, config: &'a Config) -> Result<&'a Program, Failure> {
        let programs: Vec<&Program> = config.sites.iter().flat_map(|site| &site.programs).collect();
        match (&self.program, programs.as_slice()) {
            (Some(id), _) => program(config, id),
            (None, [only]) => Ok(only),
            (None, []) => Err(Failure::usage("no program is configured: add one to [[sites.programs]]")),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|program| program.id.as_str()).collect();
                Err(Failure::usage(format!("name the program with --program; configured: {}", names.join(", "))))
            }
        }
    }
}

/// A vendor account and its HTTP client.
pub(super) struct Account {
    adapter: Arc<Adapter>,
    egress: Egress,
    clock: Arc<dyn Clock>,
}

impl Account {
    /// Opens the account of a program; reads no other program's secrets.
    pub(super) fn open(program: &Program) -> Result<Self, Failure> {
        let adapter = program.adapter(&Overrides::from_process())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let bounds = Bounds { body_bytes: PAGE_BYTES, ..Bounds::default() };
        let egress = Egress::new(adapter.hosts.clone(), bounds, clock.clone());
        let egress = egress.map_err(|error: SetUpError| Failure::usage(error.to_string()))?;
        Ok(Self { adapter, egress, clock })
    }

    /// The first request of a command; nothing is sent yet.
    pub(super) fn start(&self, command: &Command, values: &Values) -> Result<Ask<Reply>, Failure> {
        let none = || Failure::vendor(format!("{} has no API for operators", self.name()));
        let commands = self.adapter.commands.as_deref().ok_or_else(none)?;
        commands.start(command, values).map_err(|refusal| self.refused(&refusal))
    }

    /// Follows a command to its end. `page` takes the items of a list and the request for the next page, and says how the
    /// list goes on. The answer is the record in which a command that is no list ends. `may_repeat`: a second effect of a
    /// request would change nothing.
    pub(super) async fn follow(
        &self,
        mut ask: Ask<Reply>,
        may_repeat: bool,
        mut page: impl FnMut(Vec<Record>, Option<&Request>) -> Result<Goes, Failure>,
    ) -> Result<Option<Record>, Trouble> {
        let (mut pages, mut steps) = (HashSet::from([hash(&ask.request)]), 0);
        // `begun` is the first request of what is now read: a page may take several, such as its partners' profiles.
        let (mut before, mut begun, mut returns, mut refused) = (Vec::new(), None, 0, None);
        let mut taken: Option<String> = None;
        loop {
            let reply = self.exchange(&ask, may_repeat).await;
            if let Err(Trouble { end: End::Missing | End::Refused, .. }) = reply
                && returns < MOST_RETURNS
                && let Some(earlier) = before.pop()
            {
                // The item after which the page begins may be gone by now. The page before names another one.
                (ask, begun, steps, returns, refused) = (earlier, None, 0, returns + 1, reply.err());
                continue;
            }
            let reply = reply.map_err(|trouble| looked(trouble, taken.as_deref()))?;
            if let Reply::Later { taken: now, .. } = &reply {
                taken = Some(now.clone());
            }
            match waited(reply).await {
                Reply::Done(record) => return Ok(Some(record)),
                Reply::Untold { why } => return Err(uncertain(why)),
                Reply::Next(_) | Reply::Later { .. } if steps == MOST_STEPS => {
                    return Err(Failure::vendor("the command needed too many requests: please report this bug").into());
                }
                Reply::Next(next) | Reply::Later { next, .. } => {
                    begun = begun.or(Some(std::mem::replace(&mut ask, next)));
                    steps += 1;
                }
                Reply::Page { items, next } => {
                    let goes = page(items, next.as_ref().map(|next| &next.request))?;
                    let Some(next) = next.filter(|_| goes != Goes::Enough) else { return Ok(None) };
                    if !pages.insert(hash(&next.request)) || goes == Goes::Stuck {
                        let text = format!("the list has no end: it comes back to a page ({})", next.request.label);
                        let endless = Trouble { end: End::Endless, ..Failure::unreachable(text).into() };
                        return Err(refused.unwrap_or(endless));
                    }
                    let last = std::mem::replace(&mut ask, next);
                    let read = begun.take().unwrap_or(last);
                    if may_repeat {
                        before.push(read);
                        before.drain(..before.len().saturating_sub(KEPT_PAGES));
                    }
                    returns = if goes == Goes::Stale { returns } else { 0 };
                    (steps, refused) = (0, None);
                }
            }
        }
    }

    /// Sends a request, and retries while that is safe and the vendor asks for it or cannot be reached.
    async fn exchange(&self, ask: &Ask<Reply>, may_repeat: bool) -> Result<Reply, Trouble> {
        let is_reading = may_repeat || ask.request.method == Method::Get;
        let mut tries = 1;
        loop {
            let trouble = match self.egress.send(&ask.request).await {
                Ok(answer) => match (ask.read)(&answer) {
                    Ok(reply) => return Ok(reply),
                    Err(outcome) => self.trouble(outcome, is_reading),
                },
                Err(failure) => self.lost(&failure, is_reading),
            };
            let Some(wait) = pause(trouble.again, tries) else { return Err(trouble) };
            if let Some(why) = trouble.failure.text() {
                output::note(&output::plain(&again_in(why, "trying again", wait)));
            }
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    /// Asks the vendor whether a credential is good; `None` if it has no harmless call for that.
    pub(super) async fn probe(&self, credential: &str) -> Option<Probe> {
        let call = self.adapter.delivery.probe(credential)?;
        Some(match self.egress.send(&call.request).await {
            Ok(answer) => (call.read)(&answer),
            Err(_no_answer) => Probe::Unclear,
        })
    }

    /// The hosts that the account's requests go to.
    pub(super) fn hosts(&self) -> &[String] {
        &self.adapter.hosts
    }

    /// The time.
    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The vendor's name for people.
    pub(super) fn name(&self) -> &'static str {
        title(self.adapter.vendor)
    }

    /// Nothing was sent, because the vendor's API has no such request or field.
    fn refused(&self, refusal: &Refusal) -> Failure {
        let (name, dialect) = (self.name(), self.adapter.dialect.as_str());
        Failure::usage(match refusal {
            Refusal::Input(_) => format!("not sent to {name}, dialect {dialect}: {refusal}"),
            Refusal::Unsupported { .. } => format!("unsupported by {name} in dialect {dialect}: {refusal}"),
        })
    }

    fn lost(&self, failure: &egress::Failure, is_reading: bool) -> Trouble {
        let name = self.name();
        match failure {
            egress::Failure::Unknown(_) if !is_reading => self.unknown(&failure.to_string()),
            // What prevents one request from leaving prevents the next one too, except a listener that is just
            // starting.
            egress::Failure::NotSent(_) => {
                stops(Failure::unreachable(format!("{name} cannot be reached: {failure}")), Again::Never)
            }
            egress::Failure::Unknown(_) => {
                stops(Failure::unreachable(format!("{name} cannot be reached: {failure}")), Again::At(None))
            }
        }
    }

    /// The change may have been made, so it is not sent again.
    fn unknown(&self, why: &str) -> Trouble {
        let name = self.name();
        let text =
            format!("{name} may or may not have made the change: {why}; check at the vendor before you repeat it");
        uncertain(text)
    }

    fn trouble(&self, outcome: Outcome, is_reading: bool) -> Trouble {
        let name = self.name();
        let now = self.clock.now();
        let until = |at: UnixMillis| Duration::from_millis(u64::try_from(at.since(now)).unwrap_or(0));
        match outcome {
            Outcome::Retry { message, not_before } => {
                let failure = Failure::unreachable(format!("{name} cannot answer now: {message}"));
                stops(failure, Again::At(not_before.map(until)))
            }
            Outcome::Throttled { until: at } => {
                let at = at.unwrap_or(now.plus(THROTTLED_MS));
                let failure =
                    Failure::unreachable(format!("{name} is limiting requests: try again after {}", at.to_rfc3339()));
                stops(failure, Again::At(Some(until(at))))
            }
            Outcome::Unknown { message } if !is_reading => self.unknown(&message),
            Outcome::Unknown { message } => {
                stops(Failure::unreachable(format!("{name} gave no clear answer: {message}")), Again::At(None))
            }
            Outcome::AuthFailed { message } => {
                refused(name, &format!("the credential; check the program's keys: {message}"), End::Stops)
            }
            Outcome::Forbidden { message } => {
                refused(name, &format!("the credential may not do this: {message}"), End::Stops)
            }
            Outcome::Duplicate { message } => {
                refused(name, &format!("{message}; check the existing one"), End::Refused)
            }
            Outcome::Missing { message } => refused(name, &message, End::Missing),
            Outcome::Conflict { message }
            | Outcome::Ignored { message }
            | Outcome::NotNeeded { message }
            | Outcome::Premature { message }
            | Outcome::Rejected { message }
            | Outcome::Rekeyed { message, .. } => refused(name, &message, End::Refused),
            Outcome::Recorded { .. } | Outcome::Unverified { .. } => {
                refused(name, "its answer had no content", End::Unknown)
            }
        }
    }
}

/// Waits where a request is to come later, with the reason on standard error.
async fn waited(reply: Reply) -> Reply {
    if let Reply::Later { wait_s, why, .. } = &reply {
        let wait = Duration::from_secs(*wait_s);
        output::note(&output::plain(&again_in(why, "looking again", wait)));
        tokio::time::sleep(wait).await;
    }
    reply
}

/// A note about a wait, in whole seconds.
fn again_in(why: &str, what: &str, wait: Duration) -> String {
    match wait.as_millis().div_ceil(1000) {
        0 => format!("{why}; {what} now"),
        seconds => format!("{why}; {what} in {seconds} s"),
    }
}

/// How a list goes on after a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goes {
    /// The page had something new, or nothing.
    On,
    /// It had only what other pages had.
    Stale,
    /// The same for many pages in a row.
    Stuck,
    /// No more is wanted.
    Enough,
}

impl Goes {
    /// Whether the next page is read.
    pub(super) fn on(self) -> bool {
        matches!(self, Self::On | Self::Stale)
    }
}

/// Why a command has no result.
pub(super) struct Trouble {
    pub(super) failure: Failure,
    pub(super) end: End,
    again: Again,
}

/// What a failure says about the command that failed, and about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The list comes back to a page.
    Endless,
    /// The vendor says that it has no such thing.
    Missing,
    /// Only this command is refused; nothing was done.
    Refused,
    /// Nothing was done, and another command would fare no better: credential, limit, network.
    Stops,
    /// It may have been done.
    Unknown,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        trouble.failure
    }
}

/// What is no answer of the vendor ends everything.
impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        stops(failure, Again::Never)
    }
}

fn stops(failure: Failure, again: Again) -> Trouble {
    Trouble { failure, again, end: End::Stops }
}

/// It may have been done, so it is not repeated.
fn uncertain(text: String) -> Trouble {
    Trouble { failure: Failure::unreachable(text), again: Again::Never, end: End::Unknown }
}

/// The trouble of a request by which a change is looked at that the vendor has `taken`: what only keeps us from looking says
/// nothing about the change, while a refusal is what became of it.
fn looked(trouble: Trouble, taken: Option<&str>) -> Trouble {
    match (taken, trouble.end) {
        (Some(taken), End::Missing | End::Stops | End::Unknown) => {
            let why = trouble.failure.text().unwrap_or_default();
            uncertain(format!("{taken}; only this look failed: {why}"))
        }
        _ => trouble,
    }
}

fn refused(vendor: &str, why: &str, end: End) -> Trouble {
    Trouble { failure: Failure::vendor(format!("{vendor} refused: {why}")), again: Again::Never, end }
}

fn hash(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    (request.method.as_str(), request.url.expose(), &request.body).hash(&mut hasher);
    hasher.finish()
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
    fn a_note_about_a_wait_never_says_0_s() {
        let note = |ms| again_in("busy", "looking again", Duration::from_millis(ms));
        let wanted = ["now", "in 1 s", "in 1 s", "in 2 s"].map(|when| format!("busy; looking again {when}"));
        assert_eq!([0, 1, 1000, 1001].map(note), wanted);
    }

    #[test]
    fn a_look_that_fails_is_no_refusal_of_the_change_that_the_vendor_took() {
        let taken = Some("the vendor took it as job 7");
        for trouble in [
            refused("Partnerize", "the credential; check the program's keys", End::Stops),
            stops(Failure::unreachable("Partnerize cannot be reached"), Again::At(None)),
            uncertain("Partnerize gave no clear answer".into()),
            refused("Partnerize", "it has no such job", End::Missing),
        ] {
            let why = trouble.failure.text().unwrap().to_owned();
            let trouble = looked(trouble, taken);
            let text = format!("the vendor took it as job 7; only this look failed: {why}");
            assert_eq!((trouble.end, trouble.failure.text()), (End::Unknown, Some(text.as_str())));
            assert!(trouble.failure.is_unreachable(), "it ends with 4: {text}");
        }
        let job_failed = refused("Partnerize", "job 7 is failed", End::Refused);
        assert_eq!(looked(job_failed, taken).end, End::Refused, "the change itself has failed");
        assert_eq!(looked(Failure::vendor("no").into(), None).end, End::Stops, "nothing was taken");
    }
}
