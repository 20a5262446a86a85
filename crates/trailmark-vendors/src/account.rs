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

    /// Whether two programs can have the same account at the vendor as far as this setting says: roots are equal, and so
    /// is a credential that both have.
    fn agrees(&self, one: &Settings, other: &Settings) -> bool {
        match self.kind {
            SettingKind::Root { default } => {
                let [one, other] = [one, other].map(|of| of.texts.get(self.name).map_or(default, String::as_str));
                one == other
            }
            SettingKind::Secret if !self.is_incoming => {
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

    /// Whether `other` belongs to the same account of the vendor with these settings: both have the same credential for
    /// reading (its setting is `reading`), the same roots, and no other credential that differs. A program may lack an
    /// optional credential; dialect, campaign and the like belong to the program.
    pub fn is_account_of(&self, other: &Self, known: &[Setting], reading: &str) -> bool {
        let can_tell = self.secrets.contains_key(reading) && other.secrets.contains_key(reading);
        can_tell && known.iter().all(|setting| setting.agrees(self, other))
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
        let own = match setting.kind {
            SettingKind::Root { default } => default,
            SettingKind::Secret | SettingKind::Text { .. } | SettingKind::Choice(_) => "",
        };
        let stated = self.settings.texts.get(setting.name).map_or(own, String::as_str);
        Root::new(stated).map_err(|problem| self.unusable(setting, problem))
    }

    pub(crate) fn unusable(self, setting: &Setting, problem: &'static str) -> AccountError {
        AccountError::Unusable { vendor: self.vendor, setting: setting.name, problem }
    }
}
