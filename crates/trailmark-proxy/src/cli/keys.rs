//! `trailmark keys`: the keys that sign click tokens and visitor cookies. Private keys never leave the store.

use clap::Subcommand;
use serde::Serialize;
use trailmark_wire::ids::{KeyId, SiteId};

use super::failure::Failure;
use super::ledger::Ledger;
use super::output::{self, Room};
use super::rows::{Desk, LedgerArgs};
use crate::admin::keys::{KeyLine, KeyState};

#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List signing keys, the newest first
    List(List),
    /// Make a new key; the old key verifies until the last token and cookie it signed expires
    Rotate(Rotate),
    /// Revoke a key at once: tokens and cookies it signed are refused from now on
    Revoke(Revoke),
}

/// Keys of one kind.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only this site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: Option<SiteId>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    /// Sign with the new key at once, without first publishing it for ten minutes for caches
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    of: OfSite,
}

/// One key.
#[derive(Debug, clap::Args)]
pub(super) struct Revoke {
    /// The key's name, as `list` shows it
    #[arg(value_parser = |text: &str| KeyId::new(text))]
    pub(super) key: KeyId,
    #[command(flatten)]
    pub(super) of: OfSite,
}

/// Whose key.
#[derive(Debug, clap::Args)]
pub(super) struct OfSite {
    /// The site
    #[arg(long, value_name = "ID", value_parser = |text: &str| SiteId::new(text))]
    site: SiteId,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl List {
    /// Prints the keys of one site after the other.
    pub(super) async fn print<K: Serialize>(
        self,
        keys_of: impl AsyncFn(&Ledger<'_>, &SiteId) -> Result<Vec<K>, Failure>,
        table: fn(&[K]) -> String,
    ) -> Result<(), Failure> {
        let desk = self.ledger.desk()?;
        let sites = desk.sites(self.site.as_ref())?;
        let all = async |ledger: &Ledger<'_>| {
            let mut keys = Vec::new();
            for site in sites {
                keys.extend(keys_of(ledger, site).await?);
            }
            Ok(keys)
        };
        desk.print(all, |keys| table(keys)).await
    }
}

impl OfSite {
    /// The configured site and its ledger.
    pub(super) fn desk(self) -> Result<(SiteId, Desk), Failure> {
        let desk = self.ledger.desk()?;
        desk.sites(Some(&self.site))?;
        Ok((self.site, desk))
    }
}

impl Keys {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.print(async |ledger, site| ledger.keys(site).await, table).await,
            Self::Rotate(Rotate { at_once, of }) => {
                let (site, desk) = of.desk()?;
                desk.print(async |ledger| ledger.rotate(&site, at_once).await, |keys| table(keys)).await
            }
            Self::Revoke(Revoke { key, of }) => {
                let (site, desk) = of.desk()?;
                desk.print(async |ledger| ledger.revoke(&site, &key).await, |keys| table(keys)).await
            }
        }
    }
}

fn table(keys: &[KeyLine]) -> String {
    let header = [
        ("SITE", Room::Rest),
        ("KEY", Room::Whole),
        ("STATE", Room::Whole),
        ("CREATED", Room::Whole),
        ("NOTE", Room::Rest),
    ];
    let rows = keys.iter().map(|key| {
        vec![
            key.site.to_string(),
            key.kid.to_string(),
            key.state.as_str().to_owned(),
            output::when_text(&key.created_at),
            note(key),
        ]
    });
    let none = "no key yet: `trailmark serve` makes each site's first key when needed";
    output::table(&header, rows.collect(), none)
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
