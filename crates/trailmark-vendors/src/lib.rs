//! What partner platforms want to hear: one folder per vendor builds requests and reads answers. Nothing here does I/O,
//! reads a clock or decides about retries: the proxy's delivery sends the [`exchange::Call`] that [`Delivery::plan`] builds
//! through its one HTTP client and has the call read the answer; its outbox alone draws the consequence of the
//! [`outcome::Outcome`].
//!
//! In reading order: what a vendor account is made of ([`account`]), a request with the reading of its answer ([`exchange`]),
//! what an attempt came to ([`outcome`]), what a vendor can do at all ([`capability`]), what the proxy asks for ([`task`]),
//! what a vendor tells by itself ([`webhook`]), what became of the partner's commission ([`commission`]), what an operator
//! asks for ([`directory`]) and what comes back ([`records`], in lists [`paging`]), what all adapters share (roots and URLs,
//! retry hints, redaction), then the vendors. Here: the table of vendors, and the traits that each fits, one a concern.
//!
//! To add a vendor: a folder with its [`Vendor`], one line in [`VENDORS`], and its capture names in the wire's table;
//! docs/add-a-vendor.md leads through it.

pub mod secret;

pub mod account;

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

mod partnerstack;

mod partnerize;

mod introw;

mod partnero;

use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trailmark_wire::conversion::Kind;

use crate::account::{AccountError, Setting, Settings};
use crate::capability::Capabilities;
use crate::commission::{Earned, Standing};
use crate::directory::{Ask, Change, List, Refusal, Then, Thing};
use crate::exchange::{Call, Step};
use crate::outcome::{LookUp, Probe};
use crate::paging::Pages;
use crate::records::Record;
use crate::task::{Field, Plan, Rejection, Task};
use crate::webhook::Meaning;

/// Every vendor, in the order in which tables list them.
pub static VENDORS: [&dyn Vendor; 4] =
    [&partnerstack::PartnerStack, &partnerize::Partnerize, &introw::Introw, &partnero::Partnero];

/// The vendor of this name, the wire's; `None` where the table has none.
pub fn vendor(name: &str) -> Option<&'static dyn Vendor> {
    VENDORS.into_iter().find(|vendor| vendor.name() == name)
}

/// The vendor's name for people; its plain name where the table has none.
pub fn title(name: &str) -> &str {
    vendor(name).map_or(name, Vendor::title)
}

/// Which description of a vendor's API is spoken.
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
    /// Both.
    pub const ALL: [Self; 2] = [Self::Current, Self::Guide];

    /// The word in configuration and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Guide => "guide",
        }
    }
}

/// How fast one vendor account may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests a minute, 1 or more.
    pub per_minute: u32,
    /// Requests at once after a rest, 1 or more.
    pub burst: u32,
    /// Requests under way at the same time, 1 or more.
    pub concurrency: u32,
}

/// A partner platform: what its accounts are made of, and how one is opened.
pub trait Vendor: Sync {
    /// Its name in configuration, SQL and JSON.
    fn name(&self) -> &'static str;

    /// Its name for people: `PartnerStack`.
    fn title(&self) -> &'static str;

    /// The settings of its accounts, in the order in which the default configuration lists them.
    fn settings(&self) -> &'static [Setting];

    /// How fast an account may be asked where the configuration says nothing else.
    fn pace(&self) -> Pace;

    /// What it can do in a dialect, whether or not an account is configured.
    fn capabilities(&self, dialect: Dialect) -> Capabilities;

    /// The adapter for an account.
    ///
    /// # Errors
    /// [`AccountError`] when a needed setting is absent or unusable, or no adapter speaks that dialect yet.
    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError>;
}

/// One vendor account, ready to be asked. What a vendor does not have is absent. All parts are pure: every function may be
/// called again with the same arguments and gives the same result.
#[derive(Clone)]
pub struct Adapter {
    /// Whose account it is.
    pub vendor: &'static str,
    /// The dialect that it speaks.
    pub dialect: Dialect,
    /// The hosts (with port, where given) that its requests go to; egress allows no other.
    pub hosts: Vec<String>,
    /// The setting of the credential that reading needs: look-ups, commissions and lists.
    pub reading_credential: &'static str,
    /// Conversions.
    pub delivery: Arc<dyn Delivery>,
    /// What became of commissions.
    pub commissions: Option<Arc<dyn Commissions>>,
    /// What the vendor tells by itself.
    pub webhooks: Option<Arc<dyn Webhooks>>,
    /// What an operator asks for.
    pub directory: Option<Arc<dyn Directory>>,
}

impl Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter").field("vendor", &self.vendor).field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

/// Conversions: what is sent, and whether it arrived.
pub trait Delivery: Debug + Send + Sync {
    /// Which conversion of the same customer (for a refund: which sale) must be recorded in the program before one of this
    /// kind is sent; `None` where the vendor takes them in any order.
    fn follows(&self, kind: Kind) -> Option<Kind>;

    /// The optional fields without which [`Delivery::plan`] refuses a conversion of this kind, where the credited touch has a
    /// click id or has none.
    fn needs(&self, kind: Kind, has_click_id: bool) -> &'static [Field];

    /// What to send for a conversion.
    ///
    /// # Errors
    /// [`Rejection`] when the conversion lacks a field that the vendor needs, or holds one that it cannot represent; the
    /// delivery ends `rejected` with that reason, and nothing is sent.
    fn plan(&self, task: &Task) -> Result<Plan, Rejection>;

    /// The question whether the vendor has the conversion; `None` where it has no look-up. Only a vendor's clear "no such
    /// thing" is [`LookUp::Absent`]; a page of a list that does not settle it leads to the next one.
    fn look_up(&self, task: &Task) -> Option<Call<Step<LookUp>>>;

    /// A harmless question that tells whether this credential, named by its setting, is good. `None` where the vendor has
    /// none for it; a question with another credential would prove nothing.
    fn probe(&self, credential: &str) -> Option<Call<Probe>>;
}

/// What became of the commission of recorded deliveries.
pub trait Commissions: Debug + Send + Sync {
    /// The question how this one stands; `None` where the vendor tells nothing of it.
    fn ask(&self, earned: &Earned) -> Option<Call<Step<Standing>>>;
}

/// What the vendor tells by itself.
pub trait Webhooks: Debug + Send + Sync {
    /// What a webhook's raw body means. Nothing in it is believed; it says whom to ask about.
    fn read(&self, body: &[u8]) -> Meaning;
}

/// What an operator asks for beside deliveries.
pub trait Directory: Debug + Send + Sync {
    /// A list, page by page to the vendor's own end.
    ///
    /// # Errors
    /// [`Refusal`] where the vendor has no such list, or cannot narrow it so.
    fn list(&self, list: &List) -> Result<Pages, Refusal>;

    /// One thing, by the key that the vendor reads it by.
    ///
    /// # Errors
    /// [`Refusal`] where the vendor reads no single one.
    fn one(&self, thing: Thing, key: &str) -> Result<Ask<Record>, Refusal>;

    /// The first request of a change.
    ///
    /// # Errors
    /// [`Refusal`] where the vendor has no such call, or a field lacks or cannot be said.
    fn change(&self, change: &Change) -> Result<Ask<Then>, Refusal>;
}
