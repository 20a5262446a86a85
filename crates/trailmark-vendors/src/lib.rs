//! The partner platforms: one folder per vendor builds requests and reads answers. Nothing here does I/O, reads a clock or
//! decides about retries. The proxy's delivery sends the [`exchange::Call`] that [`Delivery::plan`] builds through its one
//! HTTP client, and the call reads the answer; the proxy's outbox alone acts on the [`outcome::Outcome`].
//!
//! In reading order: the settings of an account ([`account`]), a request with the reader of its answer ([`exchange`]), the
//! outcome of an attempt ([`outcome`]), what a vendor supports ([`capability`]), what the proxy asks for ([`task`]), what a
//! vendor reports by itself ([`webhook`]), the partner's commission ([`commission`]), what an operator asks for,
//! as commands ([`command`]), what all adapters share (roots and URLs, retry hints, redaction), then the vendors. Here: the
//! traits that they implement, one per concern. The table of vendors is the wire's, since links name them too.
//!
//! To add a vendor: its folder here, and one line in that table (docs/add-a-vendor.md).

pub mod secret;

pub mod account;

pub mod exchange;

pub mod outcome;

pub mod capability;

pub mod task;

pub mod webhook;

pub mod commission;

pub mod command;

mod root;

mod retry_after;

mod redaction;

use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trailmark_wire::conversion::Kind;

use crate::account::{AccountError, KeySpace, Setting, Settings};
use crate::capability::Capabilities;
use crate::command::{Command, Commands, Import, Lack};
use crate::commission::{Earned, Standing};
use crate::exchange::{Call, Step};
use crate::outcome::{LookUp, Probe};
use crate::task::{Field, Plan, Rejection, Task};
use crate::webhook::Meaning;

/// The folders of the wire's table, and one adapter of each. rustfmt does not see these modules: `cargo xtask fmt` names
/// their files.
macro_rules! adapters {
    ($($folder:ident: $vendor:ident,)*) => {
        $(mod $folder;)*

        /// Every vendor, in the order in which lists show them.
        pub static VENDORS: [&dyn Vendor; [$(stringify!($folder)),*].len()] = [$(&$folder::$vendor),*];
    };
}

trailmark_wire::vendors!(adapters);

/// The vendor of this name, the wire's; `None` where the table has none.
pub fn vendor(name: &str) -> Option<&'static dyn Vendor> {
    VENDORS.into_iter().find(|vendor| vendor.name() == name)
}

/// The vendor's name for people; its plain name where the table has none.
pub fn title(name: &'static str) -> &'static str {
    vendor(name).map_or(name, Vendor::title)
}

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

/// The field of a partner or user that is an e-mail address.
pub const EMAIL: &str = "email";

/// How fast the proxy may call one vendor account.
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

    /// Where it knows things by our keys alone. `None` if every key that it is sent names its site, or it is sent none.
    fn key_space(&self) -> Option<KeySpace>;

    /// How fast the proxy calls an account if the configuration says nothing else.
    fn pace(&self) -> Pace;

    /// What it can do in a dialect, whether or not an account is configured.
    fn capabilities(&self, dialect: Dialect) -> Capabilities;

    /// The commands that it offers to operators in a dialect, in the order in which help lists them.
    fn commands(&self, dialect: Dialect) -> Vec<&'static Command> {
        let _nothing_is_offered_in = dialect;
        Vec::new()
    }

    /// The commands that it does not offer, although its own documents or other vendors suggest them.
    fn lacking(&self) -> &'static [Lack] {
        &[]
    }

    /// The things that can be added from a file.
    fn imports(&self) -> &'static [Import] {
        &[]
    }

    /// The field of its partners and users that tells one from another in a file of somebody else's.
    fn matched_by(&self) -> &'static str {
        EMAIL
    }

    /// The adapter for an account.
    ///
    /// # Errors
    /// [`AccountError`] if a needed setting is absent or unusable.
    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError>;
}

/// One vendor account, opened. What the vendor does not have is absent. All parts are pure: the same arguments give the same
/// result.
#[derive(Clone)]
pub struct Adapter {
    /// Whose account it is.
    pub vendor: &'static str,
    /// The dialect.
    pub dialect: Dialect,
    /// The hosts (with port, if given) of its requests; egress allows no others.
    pub hosts: Vec<String>,
    /// The setting of the credential for reading: look-ups, commissions and lists.
    pub reading_credential: &'static str,
    /// Conversions.
    pub delivery: Arc<dyn Delivery>,
    /// What became of commissions.
    pub commissions: Option<Arc<dyn Commissions>>,
    /// What the vendor tells by itself.
    pub webhooks: Option<Arc<dyn Webhooks>>,
    /// What an operator asks for.
    pub commands: Option<Arc<dyn Commands>>,
}

impl Adapter {
    /// The meaning of a webhook's raw body; unreadable where the vendor sends none.
    pub fn read_webhook(&self, body: &[u8]) -> Meaning {
        let none = Meaning::Unreadable { reason: "this vendor sends no webhooks" };
        self.webhooks.as_ref().map_or(none, |webhooks| webhooks.read(body))
    }

    /// As [`Webhooks::verify`]; accepts everything where the vendor sends no webhooks.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub fn verify_webhook(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
        hmac: HmacSha256,
    ) -> Result<(), &'static str> {
        self.webhooks.as_ref().map_or(Ok(()), |webhooks| webhooks.verify(header, body, hmac))
    }
}

impl Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter").field("vendor", &self.vendor).field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

/// Conversions: what is sent, and whether it arrived.
pub trait Delivery: Debug + Send + Sync {
    /// Which conversion of the same customer (for a refund: which sale) must be recorded in the program before one of this
    /// kind is sent; `None` if the order does not matter.
    fn follows(&self, kind: Kind) -> Option<Kind>;

    /// The optional fields without which [`Delivery::plan`] refuses a conversion of this kind, for a touch with or without a
    /// click id.
    fn needs(&self, kind: Kind, has_click_id: bool) -> &'static [Field];

    /// The request for a conversion.
    ///
    /// # Errors
    /// [`Rejection`] if the conversion lacks a field that the vendor needs, or has one that the vendor cannot represent.
    /// The delivery ends `rejected` with that reason, and nothing is sent.
    fn plan(&self, task: &Task) -> Result<Plan, Rejection>;

    /// Asks whether the vendor has the conversion; `None` if there is no look-up. Only the vendor's clear "no such thing" is
    /// [`LookUp::Absent`]; a page of a list that does not settle it leads to the next page.
    fn look_up(&self, task: &Task) -> Option<Call<Step<LookUp>>>;

    /// A harmless request that tells whether the credential in this setting is valid. `None` if the vendor has no such call
    /// for it; a request with another credential would prove nothing.
    fn probe(&self, credential: &str) -> Option<Call<Probe>>;
}

/// What became of the commission of recorded deliveries.
pub trait Commissions: Debug + Send + Sync {
    /// Asks for the state of this commission; `None` if the vendor cannot say, or only [together](Self::ask_together) with
    /// others.
    fn ask(&self, earned: &Earned) -> Option<Call<Step<Standing>>> {
        let _no_question_for = earned;
        None
    }

    /// How many commissions one question may be about: 1 unless the vendor has a list of them.
    fn most_at_once(&self) -> u32 {
        1
    }

    /// Asks for the first of these and for those behind it that the same list answers. They are in the order of their
    /// conversions' times, and the first may be the only one. `None` if the vendor has no list for any of them.
    fn ask_together(&self, earned: &[Earned]) -> Option<Together> {
        let _no_list_of = earned;
        None
    }
}

/// One question about several commissions.
#[derive(Debug)]
pub struct Together {
    /// How many of the first ones it is about, 1 or more.
    pub count: usize,
    /// The answer has one entry for each of them, in their order; `None` where the vendor cannot say.
    pub call: Call<Step<Vec<Option<Standing>>>>,
}

/// HMAC-SHA-256 of a message (RFC 2104), from the key and the message. Passed in, since no cryptography is here.
pub type HmacSha256 = fn(key: &[u8], message: &[u8]) -> [u8; 32];

/// What the vendor reports by itself.
pub trait Webhooks: Debug + Send + Sync {
    /// Whether the vendor sent this body, by its signature. `header` gives the value of a header by its name in lower case.
    /// A vendor that signs nothing accepts every body, since the secret address is all that there is.
    ///
    /// # Errors
    /// What is wrong with the signature, as half a sentence without any value: `` `signature` is missing``.
    fn verify(
        &self,
        header: &dyn Fn(&str) -> Option<String>,
        body: &[u8],
        hmac: HmacSha256,
    ) -> Result<(), &'static str> {
        let _unsigned = (header, body, hmac);
        Ok(())
    }

    /// The meaning of a webhook's raw body. Nothing in it is trusted; it only says which customer, transaction or partner to
    /// ask about.
    fn read(&self, body: &[u8]) -> Meaning;
}
