//! The configuration: `trailmark.toml`, overridden by the environment, overridden by flags; checked as a whole before
//! anything starts. All mistakes are reported at once, each with place, setting and cure. A [`Config`] only names its
//! secrets; an [`Unlocked`] has read them. Opens and binds nothing; [`crate::app`] and [`crate::serve`] use the
//! settings.

mod file;
mod print;
mod redirect;
mod secrets;
mod sharing;
mod sites;
mod source;
mod unlocked;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use http::HeaderName;
use toml::Spanned;

pub use self::print::default_file;
pub use self::redirect::RedirectTo;
pub use self::secrets::SecretRef;
pub use self::sites::{Consent, OrderKey, Program, SignupsFrom, Site};
pub use self::source::{Overrides, Problem, Variable};
pub(crate) use self::source::{flag_of, variable_of};
pub use self::unlocked::{Account, Unlocked};
pub use self::values::{Network, Origin, StoreUrl};

pub(crate) use self::values::{duration_ms, duration_text, prefix};

use self::file::{LimitsTable, List, ServerTable, Words};
use self::source::{Given, Text, layered};

/// The file that is read by default.
pub const FILE: &str = "trailmark.toml";

/// The whole checked configuration; secrets are named by the places that have them.
#[derive(Debug, Clone)]
pub struct Config {
    /// The listeners, and the proxies in front of them.
    pub server: Server,
    /// The ledger.
    pub store: StoreUrl,
    /// Limits of load.
    pub limits: Limits,
    /// The merchants.
    pub sites: Vec<Site>,
    /// Allowed, but probably unintended.
    pub warnings: Vec<String>,
}

/// `[server]`.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where the public listener binds.
    pub listen: SocketAddr,
    /// How browsers reach the proxy.
    pub public_url: Origin,
    /// Path of all public routes, such as `/tm`.
    pub mount: String,
    /// Where the operator's listener binds.
    pub admin_listen: SocketAddr,
    /// The key for the operator's listener; absent only on loopback.
    pub admin_key: Option<SecretRef>,
    /// Proxies whose `client_ip_header` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The header that names the client's address.
    pub client_ip_header: HeaderName,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Log level: `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: &'static str,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object on each line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// `[limits]`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests a minute for one site and client network.
    pub requests_per_minute: u32,
    /// Requests a minute under one API key.
    pub server_requests_per_minute: u32,
    /// New touches of one site in an hour.
    pub touches_per_hour: u64,
    /// Conversions of pages that become held in an hour, for one site.
    pub held_per_hour: u64,
    /// Share of these two for one client network, in percent.
    pub network_share_percent: u32,
    /// Unsettled deliveries of one site.
    pub queue: u64,
    /// Open connections of the public listener.
    pub connections: usize,
    /// Open connections of one client network.
    pub connections_per_network: usize,
    /// Webhooks kept for one site.
    pub webhooks: u32,
}

/// The configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Wrong settings, in the order of the file; those of environment and flags come first.
    #[error("{}", listed(.0))]
    Settings(Vec<Problem>),
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}; {cure}")]
    Unreadable {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
        /// What helps.
        cure: &'static str,
    },
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl ConfigError {
    /// The problems in the order of the file; those of environment and flags come first.
    fn of(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::line);
        Self::Settings(problems)
    }
}

impl Config {
    /// Reads the file (by default `trailmark.toml` in the working directory), applies environment and flags, and
    /// checks everything except the secrets, which are not read yet.
    ///
    /// # Errors
    /// [`ConfigError`]: the file cannot be read, or settings are wrong.
    pub fn load(path: Option<&Path>, overrides: &Overrides) -> Result<Self, ConfigError> {
        let (path, text) = file_text(path)?;
        Self::from_toml(&text, path, overrides)
    }

    /// The same for a text; `path` names it in errors, and `file:` secrets are relative to its folder.
    ///
    /// # Errors
    /// [`ConfigError::Settings`].
    pub fn from_toml(text: &str, path: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let Draft { config, problems, .. } = Draft::read(text, path, overrides)?;
        if problems.is_empty() { Ok(config) } else { Err(ConfigError::of(problems)) }
    }

    /// The site with an id.
    pub fn site(&self, id: &trailmark_wire::ids::SiteId) -> Option<&Site> {
        self.sites.iter().find(|site| site.id == *id)
    }
}

/// A file that was read, and its problems. The configuration counts only without problems.
#[derive(Debug)]
struct Draft {
    config: Config,
    problems: Vec<Problem>,
    /// Secrets of programs that were left out because of problems, so that their own problems are reported too.
    left_out: Vec<SecretRef>,
}

impl Draft {
    fn read(text: &str, path: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = Text::new(&name, text);
        let (file, misread) = file::read(&text).map_err(ConfigError::of)?;
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let mut reader = Reader {
            text,
            overrides,
            folder,
            problems: Vec::new(),
            warnings: Vec::new(),
            programs_seen: BTreeMap::new(),
            left_out: Vec::new(),
            variables: BTreeSet::new(),
        };
        let server = reader.server(file.server);
        let store = reader.layered("store.url", file.store.url, |text| StoreUrl::parse(text));
        let limits = reader.limits(&file.limits);
        let sites = reader.sites(file.sites, &server.public_url);
        if sites.is_empty() && reader.problems.is_empty() {
            reader.warnings.push("no [[sites]]: every request will be refused".to_owned());
        }
        reader.warnings.extend(overrides.strangers(&reader.variables));
        let Reader { mut problems, warnings, left_out, .. } = reader;
        // A misread setting looks absent above; its absence is not a second mistake.
        problems.retain(|problem| misread.iter().all(|misread| misread.key != problem.key));
        problems.extend(misread);
        let default_store = || StoreUrl::Sqlite(PathBuf::from("trailmark.db"));
        let store = store.map_or_else(default_store, |(store, _)| store);
        Ok(Self { config: Config { server, store, limits, sites, warnings }, problems, left_out })
    }
}

/// The chosen file and its text.
fn file_text(path: Option<&Path>) -> Result<(&Path, String), ConfigError> {
    let path = path.unwrap_or(Path::new(FILE));
    Ok((path, std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?))
}

fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let cure = match error.kind() {
        io::ErrorKind::PermissionDenied => "make it readable for this user",
        io::ErrorKind::IsADirectory => "it is a folder: name the file in it with `--config FILE` or TRAILMARK_CONFIG",
        io::ErrorKind::InvalidData => "save it as UTF-8 text",
        _ => {
            "name the file with `--config FILE` or TRAILMARK_CONFIG, run this in the folder that has it, or write one with \
             `trailmark config print --default`"
        }
    };
    ConfigError::Unreadable { path: path.display().to_string(), reason: error.to_string(), cure }
}

/// Reads the settings one by one and collects the problems.
#[derive(Debug)]
struct Reader<'a> {
    text: Text<'a>,
    overrides: &'a Overrides,
    folder: PathBuf,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    programs_seen: BTreeMap<(&'static str, String), String>,
    left_out: Vec<SecretRef>,
    /// Names of environment variables that mean something here.
    variables: BTreeSet<String>,
}

impl Reader<'_> {
    fn server(&mut self, table: ServerTable) -> Server {
        let address = |text: &String| {
            let cure = "is not an address with a port: write it like 127.0.0.1:8787";
            text.parse::<SocketAddr>().map_err(|_unreadable| cure)
        };
        let listen = self.layered("server.listen", table.listen, address);
        let admin = self.layered("server.admin_listen", table.admin_listen, address);
        let listen = listen.map_or(SocketAddr::from(([127, 0, 0, 1], 8787)), |(listen, _)| listen);
        let admin_key = self.given("server.admin_key", table.admin_key);
        let admin_key = admin_key.and_then(|given| self.secret(given));
        let admin_listen = self.admin_listen(admin, listen, admin_key.is_some());
        let header = self.layered("server.client_ip_header", table.client_ip_header, |text| {
            HeaderName::from_bytes(text.as_bytes())
                .map_err(|_unreadable| "is not the name of a header: write it like X-Forwarded-For")
        });
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let log_format = self.layered("server.log_format", table.log_format, |text| one_of(text, &formats));
        let levels = ["error", "warn", "info", "debug", "trace"].map(|level| (level, level));
        let log_level = self.layered("server.log_level", table.log_level, |text| one_of(text, &levels));
        let mount = self.layered("server.mount", table.mount, |text| values::mount(text));
        Server {
            listen,
            public_url: self.public_url(table.public_url, listen),
            mount: mount.map_or_else(|| "/tm".to_owned(), |(mount, _)| mount),
            admin_listen,
            admin_key,
            trusted_proxies: self.trusted_proxies(table.trusted_proxies),
            client_ip_header: header.map_or(HeaderName::from_static("x-forwarded-for"), |(header, _)| header),
            log_format: log_format.map(|(format, _)| format).unwrap_or_default(),
            log_level: log_level.map_or("info", |(level, _)| level),
        }
    }

    fn admin_listen(
        &mut self,
        admin: Option<(SocketAddr, Given<String>)>,
        listen: SocketAddr,
        has_key: bool,
    ) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8788));
        let Some((address, given)) = admin else { return default };
        if !address.ip().is_loopback() && !has_key {
            self.problems.push(
                given.problem("is not a loopback address and needs `admin_key`: set the key, or listen on 127.0.0.1"),
            );
        }
        if address == listen && address.port() != 0 {
            self.problems.push(
                given.problem("is the public listener's address, which must not show the ledger: use another port"),
            );
        }
        address
    }

    fn public_url(&mut self, words: Words, listen: SocketAddr) -> Origin {
        let read = self.layered("server.public_url", words, |text| Origin::parse(text));
        let url = read.inspect(|(url, given)| self.needs_https(url, given)).map(|(url, _)| url);
        if url.is_none() && !listen.ip().is_loopback() && !self.problems.iter().any(|p| p.key == "server.public_url") {
            let text =
                "is required because `server.listen` is not a loopback address: write it like https://www.example.com";
            let place = self.text.name.to_owned();
            self.problems.push(Problem { place, key: "server.public_url".to_owned(), text: text.to_owned() });
        }
        url.or_else(|| Origin::parse(&format!("http://{listen}")).ok()).unwrap_or_else(Origin::loopback)
    }

    fn needs_https(&mut self, url: &Origin, given: &Given<String>) {
        if !url.is_secure() && !url.is_loopback() {
            self.problems.push(given.problem("must be https except on loopback: cookies and keys need it"));
        }
    }

    fn trusted_proxies(&mut self, list: List) -> Vec<Network> {
        let above = self.given("server.trusted_proxies", None);
        let given = match above {
            Some(given) => {
                let names = given.value.split(',').map(str::trim).filter(|name| !name.is_empty());
                names.map(|name| Given { value: name.to_owned(), ..given.clone() }).collect()
            }
            None => self.list("server.trusted_proxies", list),
        };
        given.iter().filter_map(|given| self.keep(given.read(|text| Network::parse(text)))).collect()
    }

    fn limits(&mut self, table: &LimitsTable) -> Limits {
        let narrow = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        Limits {
            requests_per_minute: narrow(self.limit("limits.requests_per_minute", &table.requests_per_minute, 300)),
            server_requests_per_minute: narrow(self.limit(
                "limits.server_requests_per_minute",
                &table.server_requests_per_minute,
                6_000,
            )),
            touches_per_hour: self.limit("limits.touches_per_hour", &table.touches_per_hour, 50_000).unsigned_abs(),
            held_per_hour: self.limit("limits.held_per_hour", &table.held_per_hour, 5_000).unsigned_abs(),
            network_share_percent: narrow(self.percent(
                "limits.network_share_percent",
                &table.network_share_percent,
                5,
            )),
            queue: self.limit("limits.queue", &table.queue, 100_000).unsigned_abs(),
            connections: narrow(self.limit("limits.connections", &table.connections, 1_024)) as usize,
            connections_per_network: narrow(self.limit(
                "limits.connections_per_network",
                &table.connections_per_network,
                128,
            )) as usize,
            webhooks: narrow(self.limit("limits.webhooks", &table.webhooks, 10_000)),
        }
    }

    fn limit(&mut self, key: &'static str, value: &Option<Spanned<i64>>, default: i64) -> i64 {
        self.limit_in(1..=1_000_000_000, key, value, default)
    }

    fn percent(&mut self, key: &'static str, value: &Option<Spanned<i64>>, default: i64) -> i64 {
        self.limit_in(1..=100, key, value, default)
    }

    fn limit_in(
        &mut self,
        range: RangeInclusive<i64>,
        key: &'static str,
        value: &Option<Spanned<i64>>,
        default: i64,
    ) -> i64 {
        match self.given(key, None) {
            Some(given) => {
                let text = format!("is not a whole number from {} to {}", range.start(), range.end());
                let read = given.read(|value| value.parse().ok().filter(|n| range.contains(n)).ok_or(text));
                self.keep(read).unwrap_or(default)
            }
            None => self.number(key, value.clone(), range, default),
        }
    }

    /// The value; otherwise `None`, and a further problem.
    fn keep<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// A setting that environment and flags may override, as it is written.
    fn given(&mut self, key: &'static str, words: Words) -> Option<Given<String>> {
        self.variables.insert(variable_of(key));
        layered(self.overrides, &self.text, key, words)
    }

    /// The same, read.
    fn layered<T, E: fmt::Display>(
        &mut self,
        key: &'static str,
        words: Words,
        read: impl FnOnce(&String) -> Result<T, E>,
    ) -> Option<(T, Given<String>)> {
        let given = self.given(key, words)?;
        let value = self.keep(given.read(read))?;
        Some((value, given))
    }

    /// A setting of the file only.
    fn words<T, E: fmt::Display>(
        &mut self,
        key: &str,
        words: Words,
        read: impl FnOnce(&String) -> Result<T, E>,
    ) -> Option<(T, Given<String>)> {
        let given = self.text.given(key, words?);
        let value = self.keep(given.read(read))?;
        Some((value, given))
    }

    fn required<T, E: fmt::Display>(
        &mut self,
        key: &str,
        words: Words,
        place: &str,
        read: impl FnOnce(&String) -> Result<T, E>,
    ) -> Option<T> {
        if words.is_none() {
            let text = "is missing in this table".to_owned();
            self.problems.push(Problem { place: place.to_owned(), key: key.to_owned(), text });
        }
        self.words(key, words, read).map(|(value, _)| value)
    }

    fn word<T: Copy + Default>(&mut self, key: &str, words: Words, allowed: &[(&str, T)]) -> T {
        self.words(key, words, |text| one_of(text, allowed)).map(|(value, _)| value).unwrap_or_default()
    }

    fn number(&mut self, key: &str, value: Option<Spanned<i64>>, range: RangeInclusive<i64>, default: i64) -> i64 {
        let Some(value) = value else { return default };
        let given = self.text.given(key, value);
        if !range.contains(&given.value) {
            self.problems.push(given.problem(format!("must be {} to {}", range.start(), range.end())));
        }
        given.value
    }

    fn list(&self, key: &str, list: List) -> Vec<Given<String>> {
        let items = list.map(Spanned::into_inner).unwrap_or_default();
        items.into_iter().map(|item| self.text.given(key, item)).collect()
    }

    fn secret(&mut self, given: Given<String>) -> Option<SecretRef> {
        let named = self.keep(SecretRef::parse(given, &self.folder))?;
        self.variables.extend(named.variable().map(str::to_owned));
        Some(named)
    }
}

/// The value for one of a few words.
fn one_of<T: Copy>(text: &str, allowed: &[(&str, T)]) -> Result<T, String> {
    let found = allowed.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let words: Vec<&str> = allowed.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| format!("must be \"{}\"", words.join("\" or \"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_read_names_the_cure_for_its_reason() {
        for (kind, cure) in [
            (io::ErrorKind::PermissionDenied, "make it readable for this user"),
            (io::ErrorKind::IsADirectory, "name the file in it"),
            (io::ErrorKind::InvalidData, "save it as UTF-8"),
            (io::ErrorKind::NotFound, "trailmark config print --default"),
        ] {
            let text = unreadable(Path::new("trailmark.toml"), &kind.into()).to_string();
            assert!(text.starts_with("cannot read trailmark.toml: ") && text.contains(cure), "{text}");
        }
    }
}
