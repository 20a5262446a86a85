//! The partner platforms: one module per vendor builds requests and reads answers. Nothing here does I/O, reads a clock or
//! decides about retries. The proxy's delivery sends what [`Vendor::plan`] builds through its one HTTP client and passes
//! the answer to [`Vendor::read`]; its outbox alone acts on the [`Outcome`].
//!
//! In reading order: requests and answers ([`exchange`]), the outcome of an attempt ([`outcome`]), what a vendor supports
//! ([`capability`]), what the proxy asks for ([`task`]), what a vendor reports by itself ([`webhook`]), the partner's
//! commission ([`commission`]), what an operator asks for ([`directory`]) and what comes back ([`records`], in lists
//! [`paging`]), what all adapters share (roots and URLs, retry hints, redaction), then the vendors, and here the trait that
//! all four implement.
//!
//! To add a vendor: a module with links to its documents, its capability table, its [`Vendor`] implementation, and recorded
//! answers under `fixtures/`; one line in [`vendor`]; a strict simulator, written from the documents alone.

pub mod secret;

pub mod exchange;

pub mod outcome;

pub mod capability;

pub mod task;

pub mod webhook;

pub mod commission;

pub mod directory;

pub mod records;

pub mod paging;

mod root;

mod retry_after;

mod redaction;

pub mod partnerstack;

pub mod partnerize;

pub mod introw;

pub mod partnero;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::VendorName;

use crate::capability::Capabilities;
use crate::commission::{Earned, Question, Standing};
use crate::directory::{Call, Change, List, Refusal, Step, Thing};
use crate::exchange::{Answer, Request};
use crate::outcome::{LookUp, Outcome, Probe};
use crate::paging::Pages;
use crate::records::Record;
use crate::secret::Secret;
use crate::task::{Field, Plan, Rejection, Task};
use crate::webhook::Meaning;

/// Which description of a vendor's API an adapter follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// The vendor's own documents.
    #[default]
    Current,
    /// The guides this project was asked to implement. Only the calls that a guide describes differ.
    Guide,
}

impl Dialect {
    /// The word in configuration and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Guide => "guide",
        }
    }
}

/// A program's configuration of its vendor account. [`vendor`] knows which settings a vendor needs, and names a missing
/// one.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The dialect.
    pub dialect: Dialect,
    /// PartnerStack: user name of the vendor API.
    pub public_key: Option<Secret>,
    /// PartnerStack: password of the vendor API.
    pub private_key: Option<Secret>,
    /// PartnerStack: bearer token of the server-to-server conversion call.
    pub tracking_token: Option<Secret>,
    /// Root of the vendor's API, without a trailing slash; if absent, the vendor's own address.
    pub base_url: Option<String>,
    /// Root of the vendor's tracking host, without a trailing slash; if absent, the vendor's own address.
    pub tracking_url: Option<String>,
}

/// A program's configuration does not fit its vendor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A setting that the vendor needs is absent.
    #[error("`{setting}` is missing: {vendor} needs it ({purpose})")]
    Missing {
        /// The vendor.
        vendor: VendorName,
        /// The setting's name in `trailmark.toml`.
        setting: &'static str,
        /// What the vendor needs it for.
        purpose: &'static str,
    },
    /// No adapter supports this vendor and dialect yet.
    #[error("{vendor} in dialect `{}` is not supported yet", dialect.as_str())]
    NotYet {
        /// The vendor.
        vendor: VendorName,
        /// The dialect.
        dialect: Dialect,
    },
    /// A setting cannot be used; the text says what is wrong, never the value.
    #[error("`{setting}` of {vendor} {problem}")]
    Unusable {
        /// The vendor.
        vendor: VendorName,
        /// The setting's name in `trailmark.toml`.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// One vendor account: builds requests, reads answers. Implementations are pure: the same arguments give the same result.
pub trait Vendor: Debug + Send + Sync {
    /// The vendor of this account.
    fn name(&self) -> VendorName;

    /// What this vendor can do in this dialect.
    fn capabilities(&self) -> Capabilities;

    /// Which conversion of the same customer (for a refund: which sale) must be recorded in the program before one of this
    /// kind is sent; `None` if the order does not matter.
    fn follows(&self, kind: Kind) -> Option<Kind>;

    /// The optional fields without which [`Vendor::plan`] refuses a conversion of this kind, for a touch with or without a
    /// click id.
    fn needs(&self, kind: Kind, has_click_id: bool) -> &'static [Field];

    /// The request for a conversion.
    ///
    /// # Errors
    /// [`Rejection`] if the conversion lacks a field that the vendor needs, or has one that the vendor cannot represent.
    /// The delivery ends `rejected` with that reason, and nothing is sent.
    fn plan(&self, task: &Task) -> Result<Plan, Rejection>;

    /// The outcome that the answer to [`Vendor::plan`]'s request proves: the status decides first, then the body.
    fn read(&self, task: &Task, answer: &Answer) -> Outcome;

    /// The request that asks whether the vendor has the conversion; `None` if there is no look-up.
    fn look_up(&self, task: &Task) -> Option<Request>;

    /// The request for the next page of a look-up that reads a list, by the vendor's own rule, if this page does not settle
    /// it; `None` for any other answer.
    fn look_up_next(&self, task: &Task, answer: &Answer) -> Option<Request>;

    /// What the answer to [`Vendor::look_up`] says; for a list, what its last page says: [`Vendor::look_up_next`] is asked
    /// first. A page that is not the last and does not settle it is [`LookUp::Inconclusive`]. Only the vendor's clear "no
    /// such thing" is [`LookUp::Absent`].
    fn read_look_up(&self, task: &Task, answer: &Answer) -> LookUp;

    /// The meaning of a webhook's raw body. Nothing in it is trusted; it only says which customer, transaction or partner
    /// to ask about.
    fn read_webhook(&self, body: &[u8]) -> Meaning;

    /// The request that answers a question about a delivery's commission, [`Question::Reward`] first; `None` if the vendor
    /// cannot say.
    fn commission(&self, earned: &Earned, question: Question) -> Option<Request>;

    /// What the answer to [`Vendor::commission`] says.
    fn read_commission(&self, earned: &Earned, question: Question, answer: &Answer) -> Standing;

    /// The setting of the credential for reading: look-ups, commissions and lists.
    fn reading_credential(&self) -> &'static str;

    /// A harmless request that tells whether the credential in this setting is valid. `None` if the vendor has no such call
    /// for it; a request with another credential would prove nothing.
    fn probe(&self, credential: &str) -> Option<Request>;

    /// What the answer to [`Vendor::probe`] says.
    fn read_probe(&self, answer: &Answer) -> Probe;

    /// The hosts (with port, if given) of this account's requests; egress allows no others.
    fn hosts(&self) -> Vec<String>;

    /// A list, page by page to the vendor's own end.
    ///
    /// # Errors
    /// [`Refusal`] if the vendor has no such list, or cannot filter it this way.
    fn list(&self, list: &List) -> Result<Pages, Refusal>;

    /// One thing, by the key under which the vendor reads it.
    ///
    /// # Errors
    /// [`Refusal`] if the vendor has no call for a single one.
    fn one(&self, thing: Thing, key: &str) -> Result<Call<Record>, Refusal>;

    /// The first request of a change.
    ///
    /// # Errors
    /// [`Refusal`] if the vendor has no such call, or a field is missing or cannot be represented.
    fn change(&self, change: &Change) -> Result<Call<Step>, Refusal>;
}

/// The adapter for an account.
///
/// ```
/// use trailmark_vendors::{Account, secret::Secret, vendor};
/// use trailmark_wire::ids::VendorName;
///
/// let account = Account {
///     public_key: Some(Secret::new("pk")),
///     private_key: Some(Secret::new("sk")),
///     ..Account::default()
/// };
/// let adapter = vendor(VendorName::PartnerStack, &account)?;
/// assert_eq!(adapter.hosts(), ["api.partnerstack.com", "partnerlinks.io"]);
/// # Ok::<(), trailmark_vendors::AccountError>(())
/// ```
///
/// # Errors
/// [`AccountError`] if a needed setting is absent or unusable, or no adapter supports that vendor and dialect yet.
pub fn vendor(name: VendorName, account: &Account) -> Result<Box<dyn Vendor>, AccountError> {
    match name {
        VendorName::PartnerStack => {
            partnerstack::PartnerStack::new(account).map(|vendor| Box::new(vendor) as Box<dyn Vendor>)
        }
        VendorName::Partnerize | VendorName::Introw | VendorName::Partnero => {
            Err(AccountError::NotYet { vendor: name, dialect: account.dialect })
        }
    }
}

/// Whether this version has an adapter for a vendor.
pub fn is_served(name: VendorName) -> bool {
    !matches!(vendor(name, &Account::default()), Err(AccountError::NotYet { .. }))
}

/// What a vendor can do in a dialect, whether or not an account is configured.
pub fn capabilities(name: VendorName, dialect: Dialect) -> Capabilities {
    match name {
        VendorName::PartnerStack => partnerstack::capabilities(dialect),
        VendorName::Partnerize => partnerize::capabilities(dialect),
        VendorName::Introw => introw::capabilities(dialect),
        VendorName::Partnero => partnero::capabilities(dialect),
    }
}
