//! `trailmark apikeys`: the API keys of a site's backend. A key is printed once, when it is created.

use clap::Subcommand;

use super::failure::Failure;
use super::keys::{List, OfSite, Revoke};
use super::ledger::Ledger;
use super::output::{self, Room};
use crate::admin::api_keys::{ApiKeyLine, NewApiKey};
use crate::api_keys;

#[derive(Debug, Subcommand)]
#[command(name = "apikeys")]
pub(super) enum ApiKeys {
    /// Make an API key for a site's backend; the key is shown only once
    Add(Add),
    /// List API keys, the newest first
    List(List),
    /// Revoke a key at once: requests with it are refused from now on
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Name of the key, such as the backend that will use it
    #[arg(long, value_parser = api_keys::name)]
    name: String,
    #[command(flatten)]
    of: OfSite,
}

impl ApiKeys {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(Add { name, of }) => {
                let (site, desk) = of.desk()?;
                desk.print(async |ledger| ledger.add_api_key(&site, &name).await, made).await
            }
            Self::List(list) => list.print(async |ledger, site| ledger.api_keys(site).await, table).await,
            Self::Revoke(Revoke { key, of }) => {
                let (site, desk) = of.desk()?;
                let revoked = async |ledger: &Ledger<'_>| {
                    ledger.revoke_api_key(&site, &key).await.map_err(|failure| failure.about(key.as_str()))
                };
                desk.print(revoked, |keys| table(keys)).await
            }
        }
    }
}

fn made(made: &NewApiKey) -> String {
    format!(
        "{}\n\nKey {} of site {}. Store it now: only its hash is kept, and it is not shown again.",
        made.key, made.line.id, made.line.site
    )
}

fn table(keys: &[ApiKeyLine]) -> String {
    let header = [
        ("SITE", Room::Rest),
        ("ID", Room::Whole),
        ("NAME", Room::Rest),
        ("CREATED", Room::Whole),
        ("NOTE", Room::Rest),
    ];
    let rows = keys.iter().map(|key| {
        vec![key.site.to_string(), key.id.to_string(), key.name.clone(), output::when_text(&key.created_at), note(key)]
    });
    let none = "no API key yet: `trailmark apikeys add --site ID --name NAME` makes one";
    output::table(&header, rows.collect(), none)
}

/// Whether the key is still valid, and when it was last used.
fn note(key: &ApiKeyLine) -> String {
    match (key.revoked_at.as_deref(), key.last_used_at.as_deref()) {
        (Some(at), _) => format!("revoked {}", output::when_text(at)),
        (None, Some(at)) => format!("used {}", output::when_text(at)),
        (None, None) => "never used".to_owned(),
    }
}
