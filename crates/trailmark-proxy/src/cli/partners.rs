//! `trailmark partners`: partners as the vendor has them now, page by page to the vendor's own end. Prints what has come as
//! it comes; the ledger is not asked.

use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use trailmark_vendors::Vendor;
use trailmark_vendors::exchange::{Answer, Request};
use trailmark_vendors::outcome::Outcome;
use trailmark_vendors::paging::{Page, Partner};
use trailmark_wire::ids::ProgramId;

use super::failure::Failure;
use super::output;
use super::{Format, Setup};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Program};
use crate::egress::{self, Bounds, Egress, SetUpError};
use crate::explain::vendor_title;

/// How often a page is asked for; reading has no effect, so asking again is safe.
const TRIES: u32 = 4;

/// The longest wait for a vendor that asks us to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What is waited where a vendor names no time.
const WAIT: Duration = Duration::from_secs(2);

/// Bytes of one page: 250 partners of a few kilobytes each, more than an answer to a delivery ever has.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Partners {
    /// List every partner of a program
    List(List),
    /// Show one partner
    Get(One),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    account: AccountArgs,
    /// Print JSON, one partner a line as it comes, for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The partner's key or, where the vendor looks it up, e-mail address
    #[arg(value_name = "KEY", value_parser = named)]
    key: String,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct AccountArgs {
    /// The program whose vendor account is asked; may be left out where only one is configured
    #[arg(long, value_name = "ID", value_parser = |text: &str| ProgramId::new(text))]
    program: Option<ProgramId>,
    #[command(flatten)]
    setup: Setup,
}

/// A vendor account and the way to it.
struct Account {
    vendor: Arc<dyn Vendor>,
    egress: Egress,
    clock: Arc<dyn Clock>,
}

impl Partners {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Get(one) => one.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let account = self.account.open()?;
        let pages = account.vendor.partners();
        let (mut next, mut shown) = (Some(pages.first), 0_usize);
        while let Some(request) = next {
            let page = account.page(&request, &pages.read).await?;
            if output::shows_progress() {
                output::progress(&format!("{} partners", shown + page.partners.len()));
            }
            print_page(&page.partners, shown == 0, self.json)?;
            shown += page.partners.len();
            next = page.next;
        }
        if output::shows_progress() {
            output::progress("");
        }
        if shown == 0 && !self.json { output::line("the program has no partner") } else { Ok(()) }
    }
}

impl One {
    async fn run(self) -> Result<(), Failure> {
        let account = self.account.open()?;
        let request = account.vendor.partner(&self.key);
        let partner = account.read(&request, |answer| account.vendor.read_partner(answer)).await?;
        if self.format.json { output::json(&partner) } else { output::line(&facts(&partner)) }
    }
}

impl AccountArgs {
    fn open(&self) -> Result<Account, Failure> {
        let config = self.setup.load()?;
        let program = chosen(&config, self.program.as_ref())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let bounds = Bounds { body_bytes: PAGE_BYTES, ..Bounds::default() };
        let egress = Egress::new(program.adapter.hosts(), bounds, clock.clone());
        let egress = egress.map_err(|error: SetUpError| Failure::usage(error.to_string()))?;
        Ok(Account { vendor: program.adapter.clone(), egress, clock })
    }
}

fn chosen<'a>(config: &'a Config, wanted: Option<&ProgramId>) -> Result<&'a Program, Failure> {
    let programs: Vec<&Program> = config.sites.iter().flat_map(|site| &site.programs).collect();
    let names: Vec<&str> = programs.iter().map(|program| program.id.as_str()).collect();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    match (wanted, programs.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::usage(format!("say which program with --program; configured are: {known}"))),
        (Some(id), programs) => programs
            .iter()
            .copied()
            .find(|program| program.id == *id)
            .ok_or_else(|| Failure::usage(format!("--program: `{id}` is not configured; configured are: {known}"))),
    }
}

impl Account {
    async fn page(
        &self,
        request: &Request,
        read: &(dyn Fn(&Answer) -> Result<Page, Outcome> + Send + Sync),
    ) -> Result<Page, Failure> {
        self.read(request, read).await
    }

    /// Asks, and asks again while the vendor says so or the way to it fails.
    async fn read<T>(&self, request: &Request, read: impl Fn(&Answer) -> Result<T, Outcome>) -> Result<T, Failure> {
        let mut tries = 1;
        loop {
            let answered = self.egress.send(request).await;
            let trouble = match answered {
                Ok(answer) => match read(&answer) {
                    Ok(read) => return Ok(read),
                    Err(outcome) => self.trouble(outcome),
                },
                Err(failure) => self.lost(&failure),
            };
            match trouble.wait {
                Some(wait) if tries < TRIES && wait <= LONGEST_WAIT => tokio::time::sleep(wait).await,
                _ => return Err(trouble.failure),
            }
            tries += 1;
        }
    }

    fn lost(&self, failure: &egress::Failure) -> Trouble {
        let name = vendor_title(self.vendor.name());
        let wait = match failure {
            // Whatever keeps a request from leaving keeps the next one too, but for a listener that comes up.
            egress::Failure::NotSent(_) => None,
            egress::Failure::Unknown(_) => Some(WAIT),
        };
        Trouble { failure: Failure::unreachable(format!("{name} cannot be reached: {failure}")), wait }
    }

    fn trouble(&self, outcome: Outcome) -> Trouble {
        let name = vendor_title(self.vendor.name());
        let now = self.clock.now();
        let until = |at: Option<trailmark_wire::time::UnixMillis>| {
            let ms = at.map(|at| u64::try_from(at.since(now)).unwrap_or(0));
            ms.map_or(WAIT, Duration::from_millis)
        };
        match outcome {
            Outcome::Retry { message, not_before } => {
                let failure = Failure::unreachable(format!("{name} is not able to answer: {message}"));
                Trouble { failure, wait: Some(until(not_before)) }
            }
            Outcome::Throttled { until: at } => {
                let failure = Failure::unreachable(format!("{name} asks us to come back later"));
                Trouble { failure, wait: Some(until(at)) }
            }
            Outcome::Unknown { message } => {
                let failure = Failure::unreachable(format!("{name} gave no clear answer: {message}"));
                Trouble { failure, wait: Some(WAIT) }
            }
            Outcome::AuthFailed { message } => {
                refused(name, &format!("the credential, check the program's keys: {message}"))
            }
            Outcome::Forbidden { message } => refused(name, &format!("the credential may not do this: {message}")),
            Outcome::Conflict { message }
            | Outcome::Duplicate { message }
            | Outcome::Ignored { message }
            | Outcome::Rejected { message } => refused(name, &message),
            Outcome::Recorded { .. } | Outcome::Unverified => refused(name, "an answer that is no list"),
        }
    }
}

/// Why a page did not come, and after what wait it is worth asking again.
struct Trouble {
    failure: Failure,
    wait: Option<Duration>,
}

fn refused(vendor: &str, why: &str) -> Trouble {
    Trouble { failure: Failure::vendor(format!("{vendor} refused: {why}")), wait: None }
}

fn named(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or("a partner's key has 1 to 255 characters without controls")
}

/// A page at a time, so that a long list shows from its first page on; e-mail addresses are in JSON alone.
fn print_page(partners: &[Partner], is_first: bool, json: bool) -> Result<(), Failure> {
    if json {
        return partners.iter().try_for_each(output::json_line);
    }
    if is_first && !partners.is_empty() {
        output::line(&columns(["PARTNER", "STATUS", "GROUP", "NAME"]))?;
    }
    partners.iter().try_for_each(|partner| {
        let of = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let (status, group, name) = (of(&partner.status), of(&partner.group), of(&partner.name));
        output::line(&columns([&partner.key, &status, &group, &name]))
    })
}

/// Columns of fixed width, since later pages are not known yet; a longer text pushes the rest on.
fn columns([key, status, group, name]: [&str; 4]) -> String {
    let text = format!("{key:<26}  {status:<10}  {group:<14}  {name}");
    output::plain(text.trim_end())
}

fn facts(partner: &Partner) -> String {
    let rows = [
        ("partner", Some(&partner.key)),
        ("id", partner.id.as_ref()),
        ("name", partner.name.as_ref()),
        ("e-mail", partner.email.as_ref()),
        ("group", partner.group.as_ref()),
        ("status", partner.status.as_ref()),
    ];
    let shown = rows.iter().filter_map(|(name, value)| Some(format!("{name:<8} {}", output::plain(value.as_ref()?))));
    shown.collect::<Vec<_>>().join("\n")
}
