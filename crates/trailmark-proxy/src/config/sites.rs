//! Checks the tables `[[sites]]` and `[[sites.programs]]`: first each value, then values that may contradict each
//! other. `unlocked.rs` checks whether a program's secrets can be read and suffice for its vendor.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use trailmark_attribution::Credit;
use trailmark_vendors::account::SettingKind;
use trailmark_vendors::{Dialect, Pace, VENDORS, Vendor};
use trailmark_wire::base64url;
use trailmark_wire::capture::Rule;
use trailmark_wire::ids::{BadId, ProgramId, SiteId};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::limits::PARAMS;
use trailmark_wire::vendor::VendorName;

use super::Reader;
use super::file::{List, OF_ANY_VENDOR, ProgramTable, SiteTable, Words, unknown};
use super::redirect::RedirectTo;
use super::secrets::SecretRef;
use super::source::{Given, Problem};
use super::values::{DAY_MS, Origin, duration_ms, vendor_root};
use crate::keys::crypto::is_on_curve;

/// For a vendor that is not in the table of vendors.
const SLOW: Pace = Pace { per_minute: 60, burst: 1, concurrency: 1 };

/// Whether a visitor must consent before anything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Nothing is stored without consent.
    #[default]
    Required,
    /// The merchant has another legal ground.
    NotRequired,
}

/// Whose signups count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignupsFrom {
    /// The backend's; a page's signup is held until the backend reports the customer.
    Backend,
    /// Both; if they name different visitors, the backend's counts.
    #[default]
    Both,
    /// The pages'; a backend's signup is recorded but not sent.
    Pages,
}

/// A public key that verifies the merchant's signed orders and customers; it implies the algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderKey {
    /// Ed25519, `EdDSA`.
    Ed25519([u8; 32]),
    /// ECDSA on P-256, `ES256`.
    P256(EcPublicJwk),
}

/// One merchant.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its id in tokens and cookies.
    pub id: SiteId,
    /// Issuer of its tokens; decides whether its cookies are `Secure`.
    pub public_url: Origin,
    /// Origins whose pages may post; empty refuses all pages.
    pub origins: Vec<Origin>,
    /// Domain that shares its cookies; `None` for the host only.
    pub cookie_domain: Option<String>,
    /// Whether consent is required.
    pub consent: Consent,
    /// Destinations that `/r` may lead to.
    pub redirect_to: Vec<RedirectTo>,
    /// How many programs a conversion may credit.
    pub credit: Credit,
    /// Days for which a touch counts, 1 to 400.
    pub window_days: u16,
    /// Accepted signups of one visitor before further ones from pages are held.
    pub signups_per_visitor: u32,
    /// Whose signups count.
    pub signups_from: SignupsFrom,
    /// How long a page's signup waits for the backend, in milliseconds.
    pub signup_wait_ms: i64,
    /// Whether a browser's unsigned customer is held.
    pub require_signed_customer: bool,
    /// Keys that sign orders and customers, by `kid`.
    pub order_keys: Vec<(Option<String>, OrderKey)>,
    /// Its programs.
    pub programs: Vec<Program>,
}

/// One partner program at one vendor.
#[derive(Debug, Clone)]
pub struct Program {
    /// Unique in the file.
    pub id: ProgramId,
    /// The vendor.
    pub vendor: VendorName,
    /// The dialect.
    pub dialect: Dialect,
    /// Secrets of the vendor account, by setting.
    pub secrets: BTreeMap<&'static str, SecretRef>,
    /// The vendor account's other settings.
    pub texts: BTreeMap<&'static str, String>,
    /// Generic parameter names.
    pub params: Vec<String>,
    /// The secret part of its webhook address.
    pub webhook_path: Option<SecretRef>,
    /// The vendor's settling time, milliseconds.
    pub confirm_after_ms: i64,
    /// How fast the vendor may be called.
    pub pace: Pace,
    /// Whether the file states the pace.
    pub(super) states_pace: bool,
    /// Whether no other site with its vendor account uses a key of this site's for something else.
    pub(super) unique_keys: bool,
    /// The place that names its vendor.
    pub(super) place: String,
}

impl Program {
    /// What it captures.
    pub fn rule(&self) -> Rule<'_> {
        Rule { vendor: Some(self.vendor), params: &self.params }
    }
}

impl Site {
    /// Milliseconds for which a touch counts.
    pub fn window_ms(&self) -> i64 {
        i64::from(self.window_days) * DAY_MS
    }

    /// Whether pages of `origin`, an `Origin` header's value, may post.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed.as_str() == origin)
    }

    /// The site's other origins that share no cookie with the pages of `origin`, one of its own: another host, unless both are
    /// within the cookie's domain.
    pub fn carry_to(&self, origin: &str) -> Vec<String> {
        let Some(own) = self.origins.iter().find(|own| own.as_str() == origin) else { return Vec::new() };
        let has_cookie =
            |origin: &Origin| self.cookie_domain.as_ref().is_some_and(|domain| is_within(origin.host(), domain));
        let shares = |other: &Origin| other.host() == own.host() || (has_cookie(own) && has_cookie(other));
        self.origins.iter().filter(|&other| !shares(other)).map(|other| other.as_str().to_owned()).collect()
    }

    /// Whether `origin` is the public URL's or that of a page that may post.
    pub fn is_own(&self, origin: &str) -> bool {
        self.public_url.as_str() == origin || self.allows(origin)
    }
}

impl Reader<'_> {
    /// Reads all sites, then checks what two sites must not share.
    pub(super) fn sites(&mut self, tables: Vec<Spanned<SiteTable>>, server_url: &Origin) -> Vec<Site> {
        let mut seen = BTreeMap::new();
        let mut sites = Vec::new();
        for table in tables {
            let place = self.text.place(table.span().start);
            let Some(site) = self.site(table.into_inner(), &place, server_url) else { continue };
            self.unique(&mut seen, "site", site.id.as_str(), &place);
            sites.push(site);
        }
        sites
    }

    fn unique(
        &mut self,
        seen: &mut BTreeMap<(&'static str, String), String>,
        what: &'static str,
        id: &str,
        place: &str,
    ) {
        if let Some(first) = seen.insert((what, id.to_owned()), place.to_owned()) {
            let text = format!("`{id}` already names a {what} at {first}: use another");
            self.problems.push(Problem { place: place.to_owned(), key: format!("{what} id"), text });
        }
    }

    fn site(&mut self, table: SiteTable, place: &str, server_url: &Origin) -> Option<Site> {
        let id = self.required("sites.id", table.id, place, |text| named(SiteId::new(text.clone())))?;
        let public_url = self
            .words("sites.public_url", table.public_url, |text| Origin::parse(text))
            .inspect(|(url, given)| self.needs_https(url, given))
            .map_or_else(|| server_url.clone(), |(url, _)| url);
        let origins = self.origins(&id, table.origins);
        let cookie_domain = self.cookie_domain(table.cookie_domain, &public_url);
        let consent = self.word(
            "sites.consent",
            table.consent,
            &[("required", Consent::Required), ("not_required", Consent::NotRequired)],
        );
        let credit = self.word("sites.credit", table.credit, &[("one", Credit::One), ("each", Credit::Each)]);
        let window_days = self.number("sites.window_days", table.window_days, 1..=400, 90);
        let signups = self.number("sites.signups_per_visitor", table.signups_per_visitor, 1..=1_000_000, 3);
        let words = [("both", SignupsFrom::Both), ("pages", SignupsFrom::Pages), ("backend", SignupsFrom::Backend)];
        let signups_from = self.word("sites.signups_from", table.signups_from, &words);
        let signup_wait = self.words("sites.signup_wait", table.signup_wait, |text| duration_ms(text));
        let redirect_to = self.redirects(table.redirect_to);
        let order_keys = self.order_keys(table.order_keys);
        let programs = self.programs(&id, table.programs);
        Some(Site {
            id,
            public_url,
            origins,
            cookie_domain,
            consent,
            redirect_to,
            credit,
            window_days: u16::try_from(window_days).unwrap_or(u16::MAX),
            signups_per_visitor: u32::try_from(signups).unwrap_or(u32::MAX),
            signups_from,
            signup_wait_ms: signup_wait.map_or(5 * 60_000, |(ms, _)| ms),
            require_signed_customer: table.require_signed_customer.is_some_and(Spanned::into_inner),
            order_keys,
            programs,
        })
    }

    fn origins(&mut self, site: &SiteId, list: List) -> Vec<Origin> {
        let mut origins = Vec::new();
        for given in self.list("sites.origins", list) {
            match given.read(|text| Origin::parse(text)) {
                Err(problem) => self.problems.push(problem),
                Ok(origin) => {
                    if !origin.is_secure() && !origin.is_loopback() {
                        self.warnings.push(
                            given.problem("is not https: its pages have no WebCrypto and no cookies").to_string(),
                        );
                    }
                    origins.push(origin);
                }
            }
        }
        if origins.is_empty() {
            self.warnings.push(format!("site `{site}` has no `origins`: every page is refused"));
        }
        origins
    }

    /// Empty, or the public URL's host or a parent domain; not an IP address or top-level domain.
    fn cookie_domain(&mut self, words: Words, public_url: &Origin) -> Option<String> {
        let given = self.text.given("sites.cookie_domain", words?);
        let domain = given.value.trim_start_matches('.').to_ascii_lowercase();
        if domain.is_empty() {
            return None;
        }
        let host = public_url.host();
        if !is_within(host, &domain) || !domain.contains('.') || domain.parse::<std::net::IpAddr>().is_ok() {
            self.problems.push(given.problem(format!("does not cover `{host}`: name that host or a domain above it")));
        }
        Some(domain)
    }

    fn redirects(&mut self, list: List) -> Vec<RedirectTo> {
        let Some(list) = list else { return vec![RedirectTo::everywhere()] };
        let given = self.list("sites.redirect_to", Some(list));
        given.iter().filter_map(|given| self.keep(given.read(|text| RedirectTo::parse(text)))).collect()
    }

    fn order_keys(&mut self, tables: Vec<Spanned<BTreeMap<String, String>>>) -> Vec<(Option<String>, OrderKey)> {
        let mut keys = Vec::new();
        for table in tables {
            let given = self.text.given("sites.order_keys", table);
            match given.read(order_key) {
                Ok(key) => keys.push((given.value.get("kid").cloned(), key)),
                Err(problem) => self.problems.push(problem),
            }
        }
        keys
    }

    fn programs(&mut self, site: &SiteId, tables: Vec<Spanned<ProgramTable>>) -> Vec<Program> {
        if tables.is_empty() {
            self.warnings.push(format!("site `{site}` has no programs: nothing will be attributed"));
        }
        let mut programs: Vec<Program> = Vec::new();
        for table in tables {
            let place = self.text.place(table.span().start);
            let Some(program) = self.program(table.into_inner(), &place) else { continue };
            let mut seen = std::mem::take(&mut self.programs_seen);
            self.unique(&mut seen, "program", program.id.as_str(), &place);
            self.programs_seen = seen;
            for other in &programs {
                self.apart(&program, other, &place);
            }
            programs.push(program);
        }
        programs
    }

    /// Two programs of a site must not capture the same parameter: its partner would be ambiguous.
    fn apart(&mut self, program: &Program, other: &Program, place: &str) {
        let shared = program.params.iter().find(|param| other.rule().names_param(&param.to_ascii_lowercase()));
        let shared = shared
            .or_else(|| other.params.iter().find(|param| program.rule().names_param(&param.to_ascii_lowercase())));
        let text = match shared {
            Some(param) => {
                format!("captures `{param}`, which program `{}` captures too: remove it from one of them", other.id)
            }
            None if program.vendor == other.vendor => format!(
                "captures the parameters of {}, like program `{}` of the same site: keep one of them",
                program.vendor, other.id
            ),
            None => return,
        };
        self.problems.push(Problem { place: place.to_owned(), key: format!("sites.programs `{}`", program.id), text });
    }

    fn program(&mut self, table: ProgramTable, place: &str) -> Option<Program> {
        let id =
            self.required("sites.programs.id", table.id.clone(), place, |text| named(ProgramId::new(text.clone())))?;
        let vendor = self.required("sites.programs.vendor", table.vendor.clone(), place, |text| {
            VendorName::from_name(text).ok_or_else(no_vendor)
        })?;
        let dialects = [("current", Dialect::Current), ("guide", Dialect::Guide)];
        let dialect = self.word("sites.programs.dialect", table.dialect.clone(), &dialects);
        let before = self.problems.len();
        let (secrets, texts) = self.settings(vendor, table.settings);
        let params = self.params(vendor, table.params.clone());
        let webhook_path = table.webhook_path.clone().and_then(|words| self.program_secret("webhook_path", words));
        let confirm_after = self.words("sites.programs.confirm_after", table.confirm_after, |text| duration_ms(text));
        let confirm_after_ms = confirm_after.map_or(15 * 60_000, |(ms, _)| ms);
        let states_pace = table.requests_per_minute.is_some();
        let pace = self.pace(vendor, table.requests_per_minute);
        let unique_keys = table.unique_keys.is_some_and(Spanned::into_inner);
        if self.problems.len() > before {
            self.left_out.extend(secrets.into_values().chain(webhook_path));
            return None;
        }
        let place = table.vendor.map_or_else(|| place.to_owned(), |vendor| self.text.place(vendor.span().start));
        Some(Program {
            id,
            vendor,
            dialect,
            secrets,
            texts,
            params,
            webhook_path,
            confirm_after_ms,
            pace,
            states_pace,
            unique_keys,
            place,
        })
    }

    /// The vendor's pace, unless the file states another.
    fn pace(&mut self, vendor: VendorName, given: Option<Spanned<i64>>) -> Pace {
        let own = trailmark_vendors::vendor(vendor.as_str()).map_or(SLOW, Vendor::pace);
        let per_minute =
            self.number("sites.programs.requests_per_minute", given, 1..=1_000_000, i64::from(own.per_minute));
        let per_minute = u32::try_from(per_minute).unwrap_or(own.per_minute);
        Pace { per_minute, burst: own.burst.min(per_minute), ..own }
    }

    /// The settings of a vendor account, secrets and others. A setting of another vendor would otherwise appear as a missing
    /// credential.
    fn settings(
        &mut self,
        vendor: VendorName,
        given: BTreeMap<String, Spanned<toml::Value>>,
    ) -> (BTreeMap<&'static str, SecretRef>, BTreeMap<&'static str, String>) {
        let known = trailmark_vendors::vendor(vendor.as_str()).map_or(&[][..], Vendor::settings);
        let (mut secrets, mut texts) = (BTreeMap::new(), BTreeMap::new());
        for (name, words) in given {
            let given = self.text.given(format!("sites.programs.{name}"), words);
            let Some(setting) = known.iter().find(|setting| setting.name == name) else {
                let mut others = VENDORS.iter().flat_map(|vendor| vendor.settings());
                let text = match others.any(|setting| setting.name == name) {
                    true => format!("is not a setting of {vendor}: remove it"),
                    false => unknown(&name, known.iter().map(|setting| setting.name).chain(OF_ANY_VENDOR)),
                };
                self.problems.push(given.problem(text));
                continue;
            };
            let toml::Value::String(text) = &given.value else {
                self.problems
                    .push(given.problem(format!("has the wrong type: write a text in quotes: {name} = \"…\"")));
                continue;
            };
            let given = Given { value: text.clone(), place: given.place, key: given.key };
            if setting.kind == SettingKind::Secret {
                secrets.extend(self.secret(given).map(|secret| (setting.name, secret)));
            } else {
                let text = self.keep(given.read(|text| setting_text(setting.kind, text)));
                texts.extend(text.map(|text| (setting.name, text)));
            }
        }
        (secrets, texts)
    }

    fn program_secret(&mut self, name: &str, words: Spanned<String>) -> Option<SecretRef> {
        self.secret(self.text.given(format!("sites.programs.{name}"), words))
    }

    fn params(&mut self, vendor: VendorName, list: List) -> Vec<String> {
        let default = if list.is_none() { vendor.default_params() } else { &[] };
        let given = self.list("sites.programs.params", list);
        for (index, given) in given.iter().enumerate() {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            if given.value.is_empty() || given.value.len() > 64 || !given.value.bytes().all(plain) {
                self.problems
                    .push(given.problem("is not a parameter name: write 1 to 64 letters, digits, `-`, `_` or `.`"));
            }
            if index == PARAMS {
                self.problems.push(given.problem(format!("is one name too many: write at most {PARAMS}")));
            }
        }
        default
            .iter()
            .map(|name| (*name).to_owned())
            .chain(given.into_iter().map(|given: Given<String>| given.value))
            .collect()
    }
}

/// Whether `host` is `domain`, or below it.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The wire's errors begin with `not`.
fn named<T>(id: Result<T, BadId>) -> Result<T, String> {
    id.map_err(|error| format!("is {error}"))
}

/// The vendors that may be named.
fn no_vendor() -> String {
    let names: Vec<_> = VendorName::all().map(VendorName::as_str).collect();
    format!("is not a vendor: write {}", names.join(", "))
}

/// A vendor's setting that is no secret.
fn setting_text(kind: SettingKind, text: &str) -> Result<String, String> {
    match kind {
        SettingKind::Root { .. } => vendor_root(text).map_err(Into::into),
        SettingKind::Choice(words) if words.contains(&text) => Ok(text.to_owned()),
        SettingKind::Choice(words) => Err(format!("is none of its words: write {}", words.join(", "))),
        SettingKind::Text { .. } | SettingKind::Secret => match (1..=255).contains(&text.chars().count()) {
            true if !text.chars().any(char::is_control) => Ok(text.to_owned()),
            _ => Err("must have 1 to 255 characters, none of them a control character".to_owned()),
        },
    }
}

fn order_key(members: &BTreeMap<String, String>) -> Result<OrderKey, &'static str> {
    let member = |name: &str| members.get(name).map(String::as_str).unwrap_or_default();
    if ["d", "k", "p", "q"].iter().any(|private| members.contains_key(*private)) {
        return Err("contains a private key: keep it in the merchant's backend and write only the public members");
    }
    match (member("kty"), member("crv"), member("alg")) {
        ("EC", "P-256", "" | "ES256") => EcPublicJwk::new(member("x"), member("y"))
            .ok()
            .filter(is_on_curve)
            .map(OrderKey::P256)
            .ok_or("is not a P-256 key: x and y must be 32 bytes each as base64url, a point on the curve"),
        ("OKP", "Ed25519", "" | "EdDSA") => base64url::decode_array(member("x"))
            .map(OrderKey::Ed25519)
            .ok_or("is not an Ed25519 key: x must be 32 bytes as base64url"),
        _ => Err("is not a supported key: write kty EC with crv P-256, or kty OKP with crv Ed25519"),
    }
}
