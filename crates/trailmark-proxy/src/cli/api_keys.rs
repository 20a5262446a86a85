//! `trailmark apikeys`: the keys by which a site's backend calls. A key is printed when it is made, and never again.

use clap::Subcommand;
use trailmark_wire::ids::{KeyId, SiteId};

use super::failure::Failure;
use super::keys::check_site;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::{Format, Setup};
use crate::admin::api_keys::ApiKeyLine;
use crate::api_keys;

#[derive(Debug, Subcommand)]
#[command(name = "apikeys")]
pub(super) enum ApiKeys {
    /// Make a key for a backend of a site; it is shown this once
    Add(Add),
    /// List API keys, the newest first
    List(List),
    /// End a key at once: whoever shows it is refused from now on
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: SiteId,
    /// What to call it, such as the backend that will hold it
    #[arg(long, value_parser = api_keys::name)]
    name: String,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Of one site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: Option<SiteId>,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// The key's id, as `apikeys list` shows it
    #[arg(value_parser = |text: &str| KeyId::new(text))]
    id: KeyId,
    /// The site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: SiteId,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

impl ApiKeys {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run().await,
            Self::List(list) => list.run().await,
            Self::Revoke(Revoke { id, site, setup, format }) => {
                let config = setup.load()?;
                check_site(&config, &site)?;
                let ledger = Ledger::open(&config).await?;
                print(&ledger.revoke_api_key(&site, &id).await?, ledger, format).await
            }
        }
    }
}

impl Add {
    async fn run(self) -> Result<(), Failure> {
        let config = self.setup.load()?;
        check_site(&config, &self.site)?;
        let ledger = Ledger::open(&config).await?;
        let made = ledger.add_api_key(&self.site, &self.name).await?;
        ledger.close().await?;
        if self.format.json {
            return output::json(&made);
        }
        output::line(&format!(
            "{}\n\nKey {} of site {}. Store it now: only its hash is kept, and it is not shown again.",
            made.key, made.line.id, made.line.site
        ))
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let config = self.setup.load()?;
        if let Some(site) = &self.site {
            check_site(&config, site)?;
        }
        let ledger = Ledger::open(&config).await?;
        let mut lines = Vec::new();
        for site in config.sites.iter().map(|site| &site.id) {
            if self.site.as_ref().is_none_or(|only| only == site) {
                lines.extend(ledger.api_keys(site).await?);
            }
        }
        print(&lines, ledger, self.format).await
    }
}

async fn print(lines: &[ApiKeyLine], ledger: Ledger, format: Format) -> Result<(), Failure> {
    ledger.close().await?;
    if format.json {
        return output::json(&lines);
    }
    let header = [
        ("SITE", Room::Rest),
        ("ID", Room::Whole),
        ("NAME", Room::Rest),
        ("CREATED", Room::Whole),
        ("NOTE", Room::Rest),
    ];
    let rows = lines.iter().map(|key| {
        vec![key.site.to_string(), key.id.to_string(), key.name.clone(), output::when_text(&key.created_at), note(key)]
    });
    let none = "no API key yet: `trailmark apikeys add --site ID --name NAME` makes one";
    output::line(&output::table(&header, rows.collect(), none))
}

/// Whether it still opens anything, and whether anybody uses it.
fn note(key: &ApiKeyLine) -> String {
    match (key.revoked_at.as_deref(), key.last_used_at.as_deref()) {
        (Some(at), _) => format!("revoked {}", output::when_text(at)),
        (None, Some(at)) => format!("used {}", output::when_text(at)),
        (None, None) => "never used".to_owned(),
    }
}
