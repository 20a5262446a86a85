//! `trailmark keys`: the keys that sign click tokens and visitor cookies. Private keys never leave the store.

use clap::Subcommand;
use trailmark_wire::ids::{KeyId, SiteId};

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::{Format, Setup};
use crate::admin::keys::{KeyLine, KeyState};
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List signing keys, the newest first
    List(List),
    /// Make a new key; the old one goes on verifying until the last thing it signed expires
    Rotate(Rotate),
    /// End a key at once: whatever it signed is refused from now on
    Revoke(Revoke),
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
pub(super) struct Rotate {
    /// The site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: SiteId,
    /// Sign with it at once; without this it is first published for ten minutes, until every cache has it
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// The key's name, as `keys list` shows it
    #[arg(value_parser = |text: &str| KeyId::new(text))]
    kid: KeyId,
    /// The site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: SiteId,
    #[command(flatten)]
    setup: Setup,
    #[command(flatten)]
    format: Format,
}

impl Keys {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run().await,
            Self::Rotate(Rotate { site, at_once, setup, format }) => {
                let config = setup.load()?;
                check_site(&config, &site)?;
                let ledger = Ledger::open(&config).await?;
                print(ledger.rotate(&site, at_once).await?, ledger, format).await
            }
            Self::Revoke(Revoke { kid, site, setup, format }) => {
                let config = setup.load()?;
                check_site(&config, &site)?;
                let ledger = Ledger::open(&config).await?;
                print(ledger.revoke(&site, &kid).await?, ledger, format).await
            }
        }
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
                lines.extend(ledger.keys(site).await?);
            }
        }
        print(lines, ledger, self.format).await
    }
}

/// A site that is not configured is a slip of the hand, not an empty list.
pub(super) fn check_site(config: &Config, site: &SiteId) -> Result<(), Failure> {
    if config.sites.iter().any(|configured| configured.id == *site) {
        return Ok(());
    }
    let known: Vec<_> = config.sites.iter().map(|configured| configured.id.as_str()).collect();
    Err(Failure::usage(format!("--site: `{site}` is not configured; configured are: {}", known.join(", "))))
}

async fn print(lines: Vec<KeyLine>, ledger: Ledger, format: Format) -> Result<(), Failure> {
    ledger.close().await?;
    if format.json {
        return output::json(&lines);
    }
    let header = [
        ("SITE", Room::Rest),
        ("KEY", Room::Whole),
        ("STATE", Room::Whole),
        ("CREATED", Room::Whole),
        ("NOTE", Room::Rest),
    ];
    let rows = lines.iter().map(|key| {
        vec![
            key.site.to_string(),
            key.kid.to_string(),
            key.state.as_str().to_owned(),
            output::when_text(&key.created_at),
            note(key),
        ]
    });
    let none = "no key yet: each site makes its first one when `trailmark serve` needs it";
    output::line(&output::table(&header, rows.collect(), none))
}

/// The next point in a key's life.
fn note(key: &KeyLine) -> String {
    let until = key.verifies_until.as_deref().map(output::when_text);
    match (key.state, until) {
        (KeyState::Published, _) => format!("signs from {}", output::when_text(&key.signs_from)),
        (KeyState::Revoked, Some(at)) => format!("since {at}"),
        (KeyState::Verifying | KeyState::Expired, Some(at)) => format!("until {at}"),
        _ => String::new(),
    }
}
