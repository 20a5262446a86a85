//! The settings of a vendor account: which ones a vendor has ([`Setting`]), the values of one account ([`Settings`]), and what
//! is wrong with them ([`AccountError`]). The proxy's configuration reads the file by these tables; it names no vendor itself.
//! Where a secret is kept and how it is read is the proxy's part.

use std::collections::BTreeMap;

use crate::Dialect;
use crate::root::Root;
use crate::secret::Secret;

/// One setting of a vendor account in `[[sites.programs]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name in `trailmark.toml`.
    pub name: &'static str,
    /// What it holds.
    pub kind: SettingKind,
    /// The dialects that read it.
    pub dialects: &'static [Dialect],
    /// Whether these dialects refuse an account without it.
    pub is_needed: bool,
    /// Whether it verifies what the vendor sends. Such a secret is no credential: each program may have one of its own.
    pub is_incoming: bool,
    /// What it is for, as half a sentence: `password of its API`.
    pub purpose: &'static str,
}

impl Setting {
    /// An optional setting of both dialects.
    pub(crate) const fn of(name: &'static str, kind: SettingKind, purpose: &'static str) -> Self {
        Self { name, kind, dialects: &Dialect::ALL, is_needed: false, is_incoming: false, purpose }
    }

    /// The same, read by the dialect `current` alone.
    pub(crate) const fn of_current(self) -> Self {
        Self { dialects: &[Dialect::Current], ..self }
    }

    /// The same, without which there is no account.
    pub(crate) const fn needed(self) -> Self {
        Self { is_needed: true, ..self }
    }

    /// The same, for webhooks.
    pub(crate) const fn incoming(self) -> Self {
        Self { is_incoming: true, ..self }
    }

    /// Whether the vendor lets its client in by it.
    fn is_credential(&self) -> bool {
        self.kind == SettingKind::Secret && !self.is_incoming
    }

    /// Its text in these settings; of a root that they do not state, the vendor's own.
    fn text<'s>(&self, of: &'s Settings) -> Option<&'s str> {
        let own = match self.kind {
            SettingKind::Root { default } => Some(default),
            SettingKind::Secret | SettingKind::Text { .. } | SettingKind::Choice(_) => None,
        };
        of.texts.get(self.name).map(String::as_str).or(own)
    }

    /// Whether two programs can have the same account at the vendor as far as this setting says: roots are equal, and so
    /// is a credential that both have.
    fn agrees(&self, one: &Settings, other: &Settings) -> bool {
        match self.kind {
            SettingKind::Root { .. } => self.text(one) == self.text(other),
            SettingKind::Secret if self.is_credential() => {
                let both = one.secrets.get(self.name).zip(other.secrets.get(self.name));
                both.is_none_or(|(one, other)| one == other)
            }
            SettingKind::Secret | SettingKind::Text { .. } | SettingKind::Choice(_) => true,
        }
    }
}

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// A secret, written as `env:NAME` or `file:PATH`.
    Secret,
    /// A plain text.
    Text {
        /// One that the vendor would accept.
        example: &'static str,
    },
    /// One of these words, the first by default.
    Choice(&'static [&'static str]),
    /// The root of an API: scheme, host and path.
    Root {
        /// The vendor's own.
        default: &'static str,
    },
}

/// Where a vendor knows things by the merchant's own keys alone. Two sites with one such space must not use a key for
/// two things: the vendor would take the second thing for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpace {
    /// What has these keys: `customers and orders`.
    pub of: &'static str,
    /// The vendor's word for the space: `account`.
    pub name: &'static str,
    /// The settings that tell one space from another.
    pub told_by: &'static [&'static str],
    /// Whether other credentials mean another space, too. Not so where the vendor takes things without a credential.
    pub is_told_by_credentials: bool,
}

/// The values of one account, by setting.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The dialect.
    pub dialect: Dialect,
    /// Values of [`SettingKind::Secret`].
    pub secrets: BTreeMap<&'static str, Secret>,
    /// All other values.
    pub texts: BTreeMap<&'static str, String>,
}

impl Settings {
    /// An account of this dialect without any value.
    pub fn of(dialect: Dialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// With a secret.
    #[must_use]
    pub fn with_secret(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.secrets.insert(name, Secret::new(text.into()));
        self
    }

    /// Whether `other` belongs to the same account of the vendor with these settings: both have the same needed
    /// credentials, the same roots, and no other credential that differs. A program may lack an optional credential;
    /// dialect, campaign and the like belong to the program.
    pub fn is_account_of(&self, other: &Self, known: &[Setting]) -> bool {
        self.has_credentials_of(other, known) && known.iter().all(|setting| setting.agrees(self, other))
    }

    /// Whether `other` has the same space of keys at the vendor, whatever else differs.
    pub fn shares_keys_with(&self, other: &Self, known: &[Setting], space: KeySpace) -> bool {
        let mut telling = known.iter().filter(|setting| space.told_by.contains(&setting.name));
        (!space.is_told_by_credentials || self.has_credentials_of(other, known))
            && telling.all(|setting| setting.text(self) == setting.text(other))
    }

    fn has_credentials_of(&self, other: &Self, known: &[Setting]) -> bool {
        let needed = known.iter().filter(|setting| setting.is_needed && setting.is_credential());
        let same = needed.map(|Setting { name, .. }| {
            let both = self.secrets.get(name).zip(other.secrets.get(name));
            both.is_some_and(|(one, other)| one == other)
        });
        same.reduce(|all, one| all && one).unwrap_or(false)
    }

    /// With another value.
    #[must_use]
    pub fn with_text(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.texts.insert(name, text.into());
        self
    }
}

/// A program's configuration does not fit its vendor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A setting that the vendor needs is absent.
    #[error("`{setting}` is missing: {vendor} needs it ({purpose})")]
    Missing {
        /// The vendor.
        vendor: &'static str,
        /// The setting's name in `trailmark.toml`.
        setting: &'static str,
        /// What it is for.
        purpose: &'static str,
    },
    /// A setting is there but cannot be used; the text names what is wrong, never the value.
    #[error("`{setting}` of {vendor} {problem}")]
    Unusable {
        /// The vendor.
        vendor: &'static str,
        /// The setting's name in `trailmark.toml`.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The settings of one account while its vendor opens it: takes values out by [`Setting`], and says what is wrong with them.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) vendor: &'static str,
    pub(crate) settings: &'a Settings,
}

impl<'a> Opening<'a> {
    /// A credential that a header can hold; an empty one counts as absent.
    ///
    /// # Errors
    /// [`AccountError::Unusable`] for white space or characters beyond ASCII.
    pub(crate) fn secret(self, setting: &Setting) -> Result<Option<&'a Secret>, AccountError> {
        let secret = self.settings.secrets.get(setting.name).filter(|secret| !secret.expose().is_empty());
        match secret {
            Some(secret) if !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(self.unusable(setting, "contains white space or characters beyond ASCII; copy it again"))
            }
            secret => Ok(secret),
        }
    }

    /// A credential without which the account is none.
    ///
    /// # Errors
    /// As [`Opening::secret`], and [`AccountError::Missing`].
    pub(crate) fn needed_secret(self, setting: &Setting) -> Result<&'a Secret, AccountError> {
        let missing = AccountError::Missing { vendor: self.vendor, setting: setting.name, purpose: setting.purpose };
        self.secret(setting)?.ok_or(missing)
    }

    /// The root of an API, the vendor's own where the account states none.
    ///
    /// # Errors
    /// [`AccountError::Unusable`] for what is no root.
    pub(crate) fn root(self, setting: &Setting) -> Result<Root, AccountError> {
        let root = setting.text(self.settings).unwrap_or_default();
        Root::new(root).map_err(|problem| self.unusable(setting, problem))
    }

    pub(crate) fn unusable(self, setting: &Setting, problem: &'static str) -> AccountError {
        AccountError::Unusable { vendor: self.vendor, setting: setting.name, problem }
    }
}
