//! `trailmark doctor`: says why clicks or signups of a page do not arrive. [`crate::doctor`] looks at page and proxy from outside.
//! With a `trailmark.toml` on this machine, each program's vendor is also asked about its credentials and its webhooks; both
//! questions only read. Prints no secret, and no address with one. Ends with 1 if a check found a fault.

use std::path::Path;
use std::sync::Arc;

use trailmark_vendors::Vendor;
use trailmark_vendors::account::SettingKind;
use trailmark_vendors::command::{Record, Values};
use trailmark_vendors::outcome::Probe;
use trailmark_wire::ids::SiteId;
use url::Url;

use super::account::{Account, Goes};
use super::failure::Failure;
use super::output;
use super::{ConfigFile, Format};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, FILE, Overrides, Program, Site};
use crate::doctor::{Asked, Checked, Finding, State, examine, leads_to_proxy};
use crate::explain::wrapped;

#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    #[arg(value_name = "URL", value_parser = page, help = "Address of a page with the snippet, such as https://www.example.com")]
    page: Url,
    /// Id of the site, if the page's HTML does not name it
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: Option<SiteId>,
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    #[arg(help = "Address of the proxy, if the page's HTML does not name it, such as https://www.example.com/tm")]
    endpoint: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    format: Format,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if !self.page.username().is_empty() || self.page.password().is_some() {
            // Refused here, since clap repeats the values that it refuses.
            return Err(Failure::usage("the page's address: leave out user name and password, doctor does not log in"));
        }
        let config = self.config()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let asked = Asked { page: self.page, site: self.site, endpoint: self.endpoint };
        let mut checked = examine(asked, config.as_ref(), &clock).await;
        let more = programs(config.as_ref(), checked.site.as_deref(), &clock).await;
        checked.findings.extend(more);
        match self.format.json {
            true => output::json(&checked)?,
            false => output::text(&text(&checked))?,
        }
        match (checked.faults(), checked.findings.len()) {
            (0, _) => Ok(()),
            (faults, all) => Err(Failure::request(format!("{faults} of {all} checks found a fault"))),
        }
    }

    /// The proxy's configuration, if this is its machine. A file that is named must be there.
    fn config(&self) -> Result<Option<Config>, Failure> {
        match self.file.path.is_none() && !Path::new(FILE).exists() {
            true => Ok(None),
            false => self.file.load().map(Some),
        }
    }
}

/// An address that a browser could open.
fn page(text: &str) -> Result<Url, &'static str> {
    let cure = "is not the address of a page, such as https://www.example.com";
    let url = Url::parse(text).map_err(|_unreadable| cure)?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(url) } else { Err(cure) }
}

fn endpoint(text: &str) -> Result<String, &'static str> {
    match text.starts_with('/') || page(text).is_ok() {
        true => Ok(text.to_owned()),
        false => Err("is not the address of a proxy: write it like https://www.example.com/tm"),
    }
}

/// What the vendors of the site's programs say.
async fn programs(config: Option<&Config>, site: Option<&str>, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let unknown = |why: &str| ["credentials", "webhooks"].map(|check| Finding::not_checked(check, why)).to_vec();
    let Some(config) = config else {
        return unknown(
            "there is no trailmark.toml here: run doctor on the proxy's machine, or name the file with --config",
        );
    };
    let Some(site) = config.sites.iter().find(|known| Some(known.id.as_str()) == site) else {
        return unknown("trailmark.toml does not have the page's site");
    };
    let mut found = Vec::new();
    for program in &site.programs {
        match (trailmark_vendors::vendor(program.vendor.as_str()), Account::open(program)) {
            (Some(vendor), Ok(account)) => {
                found.extend(credentials(vendor, program, &account).await);
                found.push(webhooks(vendor, config, (site, program), &account, clock).await);
            }
            (_, Err(failure)) => found.extend(unknown(failure.text().unwrap_or_default())),
            (None, Ok(_)) => {}
        }
    }
    found
}

/// Whether the vendor takes each credential that it has a harmless call for.
async fn credentials(vendor: &dyn Vendor, program: &Program, account: &Account) -> Vec<Finding> {
    let (name, id) = (vendor.title(), &program.id);
    let secrets =
        vendor.settings().iter().filter(|setting| setting.kind == SettingKind::Secret && !setting.is_incoming);
    let (mut found, mut untried) = (Vec::new(), Vec::new());
    for setting in secrets.map(|setting| setting.name).filter(|setting| program.secrets.contains_key(setting)) {
        found.push(match account.probe(setting).await {
            None => {
                untried.push(setting);
                continue;
            }
            Some(Probe::Good) => Finding::ok("credentials", format!("{name} takes `{setting}` of program `{id}`")),
            Some(Probe::Unclear) => Finding::not_checked(
                "credentials",
                format!("{name} gave no clear answer about `{setting}` of program `{id}`: try again later"),
            ),
            Some(Probe::Refused) => Finding::fault(
                "credentials",
                format!("{name} refuses `{setting}` of program `{id}`"),
                "conversions wait, and no partner is credited",
                format!("put the key that {name} shows into the place that `{setting}` names, and restart the proxy"),
            ),
        });
    }
    if !untried.is_empty() {
        let untried = untried.join(", ");
        let seen = format!("{name} has no harmless call for {untried} of program `{id}`: only a real conversion tells");
        found.push(Finding::not_checked("credentials", seen));
    }
    found
}

/// Whether the vendor has the address of this proxy's webhooks, and the address leads here.
async fn webhooks(
    vendor: &dyn Vendor,
    config: &Config,
    (site, program): (&Site, &Program),
    account: &Account,
    clock: &Arc<dyn Clock>,
) -> Finding {
    const WHY: &str = "what changes at the vendor is seen only when Trailmark asks, hours later";
    let (name, id, mount) = (vendor.title(), &program.id, &config.server.mount);
    let unchecked = |why: &str| Finding::not_checked("webhooks", why);
    let Some(named) = &program.webhook_path else {
        return unchecked(&format!("program `{id}` has no `webhook_path`, so Trailmark asks {name} from time to time"));
    };
    let commands = vendor.commands(program.dialect);
    let Some(list) = commands.into_iter().find(|command| (command.noun, command.verb) == ("webhooks", "list")) else {
        return unchecked(&format!("{name} has no call that lists webhooks: compare the address there yourself"));
    };
    let path = match named.read(&Overrides::from_process()) {
        Ok(secret) => secret,
        Err(problem) => return unchecked(&problem.to_string()),
    };
    let mut addresses = Vec::new();
    let listed = match account.start(list, &Values::default()) {
        Ok(ask) => {
            let listed = account.follow(ask, true, |items, _next| {
                addresses.extend(items.iter().filter_map(address));
                Ok(Goes::On)
            });
            listed.await.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    if let Err(failure) = listed {
        return unchecked(failure.text().unwrap_or_default());
    }
    let own = format!("{mount}/v1/webhooks/{id}/{}", path.expose());
    let is_own = |url: &&Url| url.path() == own && site.is_own(&url.origin().ascii_serialization());
    let Some(url) = addresses.iter().find(is_own) else {
        let seen = format!("{name} has {} webhooks, and none has the address of program `{id}`", addresses.len());
        let cure = format!(
            "set HOOK_URL to {}{mount}/v1/webhooks/{id}/ and the secret of `webhook_path` behind it, then `trailmark webhooks \
             register --program {id} --url env:HOOK_URL`",
            site.public_url
        );
        return Finding::fault("webhooks", seen, WHY, cure);
    };
    match leads_to_proxy(url, clock).await {
        Ok(()) => {
            Finding::ok("webhooks", format!("{name} has the address of program `{id}`, and it leads to the proxy"))
        }
        Err(reason) => {
            let cure = "let servers and firewalls in front pass the vendor's calls below the path";
            Finding::fault(
                "webhooks",
                format!("the address that {name} has does not lead to the proxy: {reason}"),
                WHY,
                cure,
            )
        }
    }
}

/// The address of a webhook that a vendor lists.
fn address(webhook: &Record) -> Option<Url> {
    Url::parse(webhook.get("url")?.as_str()?).ok()
}

/// Column at which texts begin.
const TEXT: usize = 26;

fn text(checked: &Checked) -> String {
    checked.findings.iter().map(lines).collect()
}

fn lines(finding: &Finding) -> String {
    let state = match finding.state {
        State::Ok => "ok",
        State::Fault => "FAULT",
        State::NotChecked => "not checked",
    };
    let mut lines = wrapped(&format!("{state:<12} {:<12} ", finding.check), TEXT, &output::plain(&finding.seen));
    let more = [("why", finding.why), ("cure", finding.cure.as_deref())];
    for (name, text) in more.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        lines += &wrapped(&format!("{:TEXT$}{name}: ", ""), TEXT, &output::plain(text));
    }
    lines
}
