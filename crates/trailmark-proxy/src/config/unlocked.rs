//! The configuration with its secrets, for `serve` and `config check`. Commands that need one account or none use
//! [`Program::adapter`] and [`SecretRef::read`].

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use trailmark_vendors::account::{AccountError, Settings};
use trailmark_vendors::secret::Secret;
use trailmark_vendors::{Adapter, Pace};
use trailmark_wire::ids::{ProgramId, SiteId};

use super::secrets::SecretRef;
use super::sharing::{self, Held};
use super::sites::{Program, Site};
use super::source::{Overrides, Problem};
use super::{Config, ConfigError, Draft, file_text};
use crate::delivery::LaneAccount;
use crate::egress::reach;
use crate::store::delivery::LaneKey;

/// A configuration with all secrets read.
#[derive(Debug)]
pub struct Unlocked {
    /// The settings.
    pub config: Config,
    /// The key for the operator's listener; absent only on loopback.
    pub admin_key: Option<Secret>,
    /// The vendor account of each program, in the order of the file.
    pub accounts: Vec<Account>,
}

/// The vendor account of one program.
#[derive(Clone)]
pub struct Account {
    /// The site.
    pub site: SiteId,
    /// The program.
    pub program: ProgramId,
    /// The lane of the vendor account: its first program in the file.
    pub lane: LaneKey,
    /// Its adapter.
    pub adapter: Arc<Adapter>,
    /// How fast the vendor may be called: the lowest `requests_per_minute` that a program of the vendor account states.
    pub pace: Pace,
    /// The secret part of the program's webhook address.
    pub webhook_path: Option<Secret>,
    /// The vendor's settling time, milliseconds.
    pub confirm_after_ms: i64,
}

impl Unlocked {
    /// [`Config::load`], and all secrets.
    ///
    /// # Errors
    /// [`ConfigError`]: as there, or secrets cannot be read or do not suffice. All problems are reported at once.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let (path, text) = file_text(path)?;
        Self::from_toml(&text, path, overrides)
    }

    /// [`Config::from_toml`], and all secrets.
    ///
    /// # Errors
    /// [`ConfigError::Settings`].
    pub fn from_toml(text: &str, path: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let Draft { config, mut problems, left_out } = Draft::read(text, path, overrides)?;
        let admin_key = config.server.admin_key.as_ref().map(|named| admin_key(named, overrides)).transpose();
        let admin_key = admin_key.map_err(|problem| problems.push(problem)).unwrap_or_default();
        let (accounts, more) = opened(&config.sites, overrides);
        problems.extend(more);
        problems.extend(left_out.iter().filter_map(|named| named.read(overrides).err()));
        let hosts: Vec<String> = accounts.iter().flat_map(|account| account.adapter.hosts.clone()).collect();
        if let (Err(mixed), Some(last)) =
            (reach(&hosts), config.sites.iter().flat_map(|site| &site.programs).next_back())
        {
            let key = "sites.programs.base_url".to_owned();
            problems.push(Problem {
                place: last.place.clone(),
                key,
                text: format!("does not fit the other programs: {mixed}"),
            });
        }
        if problems.is_empty() { Ok(Self { config, admin_key, accounts }) } else { Err(ConfigError::of(problems)) }
    }
}

/// The accounts of the programs, and what is wrong with them, each by itself and together.
fn opened(sites: &[Site], overrides: &Overrides) -> (Vec<Account>, Vec<Problem>) {
    let (mut accounts, mut held, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for site in sites {
        for program in &site.programs {
            match Account::open(site, program, overrides) {
                Ok((account, settings)) => {
                    accounts.push(account);
                    held.push(Held { site: &site.id, program, settings });
                }
                Err(more) => problems.extend(more),
            }
        }
    }
    problems.extend(sharing::meetings(&held));
    let lanes = accounts.into_iter().zip(sharing::lanes(&held));
    (lanes.map(|(account, (lane, pace))| Account { lane, pace, ..account }).collect(), problems)
}

impl Account {
    /// A program's account, as if no other program had it, and its values.
    fn open(site: &Site, program: &Program, overrides: &Overrides) -> Result<(Self, Settings), Vec<Problem>> {
        let webhook_path = program.webhook_path.as_ref().map(|named| webhook_path(named, overrides)).transpose();
        let opened =
            program.open(overrides).and_then(|(adapter, settings)| match (&program.webhook_path, &adapter.webhooks) {
                (Some(named), None) => Err(vec![named.problem(format!(
                    "is of no use: {} in dialect `{}` sends no webhooks; remove it",
                    trailmark_vendors::title(adapter.vendor),
                    adapter.dialect.as_str()
                ))]),
                _ => Ok((adapter, settings)),
            });
        match (opened, webhook_path) {
            (Ok((adapter, settings)), Ok(webhook_path)) => {
                let (site, id) = (site.id.clone(), program.id.clone());
                let account = Self {
                    lane: LaneKey { site: site.clone(), program: id.clone() },
                    site,
                    program: id,
                    pace: program.pace,
                    adapter,
                    webhook_path,
                    confirm_after_ms: program.confirm_after_ms,
                };
                Ok((account, settings))
            }
            (opened, path) => Err(opened.err().into_iter().flatten().chain(path.err()).collect()),
        }
    }
}

impl From<&Account> for LaneAccount {
    fn from(account: &Account) -> Self {
        Self {
            site: account.site.clone(),
            program: account.program.clone(),
            lane: account.lane.clone(),
            adapter: Arc::clone(&account.adapter),
            pace: account.pace,
            confirm_after_ms: account.confirm_after_ms,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("site", &self.site).field("program", &self.program).finish_non_exhaustive()
    }
}

impl Program {
    /// The adapter for its vendor account; reads the account's secrets.
    ///
    /// # Errors
    /// [`ConfigError::Settings`]: secrets cannot be read, or the vendor needs more.
    pub fn adapter(&self, overrides: &Overrides) -> Result<Arc<Adapter>, ConfigError> {
        self.open(overrides).map(|(adapter, _)| adapter).map_err(ConfigError::Settings)
    }

    fn open(&self, overrides: &Overrides) -> Result<(Arc<Adapter>, Settings), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut secrets = BTreeMap::new();
        for (name, named) in &self.secrets {
            match named.read(overrides) {
                Ok(secret) => drop(secrets.insert(*name, secret)),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let settings = Settings { dialect: self.dialect, secrets, texts: self.texts.clone() };
        let opened = trailmark_vendors::vendor(self.vendor.as_str()).map(|vendor| vendor.open(&settings));
        let key = "sites.programs.vendor".to_owned();
        let none = || vec![Problem { place: self.place.clone(), key, text: "has no adapter".to_owned() }];
        let adapter = opened.ok_or_else(none)?.map_err(|error| vec![self.misfit(&error)])?;
        Ok((Arc::new(adapter), settings))
    }

    /// An account that does not suffice for its vendor, with the line of the setting, otherwise of the vendor.
    fn misfit(&self, error: &AccountError) -> Problem {
        let (setting, text) = match error {
            AccountError::Missing { setting, vendor, purpose } => {
                (*setting, format!("is missing: {vendor} needs it ({purpose})"))
            }
            AccountError::Unusable { setting, problem, .. } => (*setting, (*problem).to_owned()),
            other => ("vendor", format!("cannot be served: {other}; remove the program")),
        };
        let place = self.secrets.get(setting).map_or(self.place.as_str(), SecretRef::place);
        Problem { place: place.to_owned(), key: format!("sites.programs.{setting}"), text }
    }
}

/// A key that fits in a header and is too long to guess: the listener does not count wrong attempts.
fn admin_key(named: &SecretRef, overrides: &Overrides) -> Result<Secret, Problem> {
    let secret = named.read(overrides)?;
    let key = secret.expose();
    if key.len() >= 20 && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(secret);
    }
    Err(named.problem(format!(
        "names a secret that is too weak as a key ({}): it needs 20 or more visible ASCII characters without spaces, such as \
         `openssl rand -hex 24` prints",
        named.source()
    )))
}

/// A path that fits in a URL and is too long to guess.
fn webhook_path(named: &SecretRef, overrides: &Overrides) -> Result<Secret, Problem> {
    let secret = named.read(overrides)?;
    let path = secret.expose();
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if plain && (20..=200).contains(&path.len()) {
        return Ok(secret);
    }
    Err(named.problem(format!(
        "names a secret that does not fit as an address ({}): it needs 20 to 200 letters, digits, `-` and `_`, such as \
         `openssl rand -hex 24` prints",
        named.source()
    )))
}
