//! Introw: a click token converts only once, and a conversion has no money. Only the capability table so far; the adapter
//! follows. There is one dialect, since seed 003 is the vendor's own page.
//!
//! How it fits the trait: signup and lead are `POST /affiliate/conversions` with the click token. 201 is recorded, 200
//! `duplicate` is a duplicate, 200 `ignored` is [`crate::outcome::Outcome::Ignored`], which the status alone would count as
//! a success. A sale is a commission line under our idempotency key: class `keyed`. A refund declines that line by the id
//! that the sale's answer contained.
//!
//! Sources: <https://developers.introw.io>; vendors.md § 3; seed 003.

use crate::account::{AccountError, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::{Adapter, Dialect, Pace, Vendor};

/// The vendor.
pub(crate) struct Introw;

const SETTINGS: [Setting; 2] = [
    Setting::of("api_key", SettingKind::Secret, "key of its API"),
    Setting::of("base_url", SettingKind::Root { default: "https://api.introw.io" }, "root of its API"),
];

impl Vendor for Introw {
    fn name(&self) -> &'static str {
        "introw"
    }

    fn title(&self) -> &'static str {
        "Introw"
    }

    fn settings(&self) -> &'static [Setting] {
        &SETTINGS
    }

    fn pace(&self) -> Pace {
        Pace { per_minute: 120, burst: 20, concurrency: 4 }
    }

    fn capabilities(&self, dialect: Dialect) -> Capabilities {
        capabilities(dialect)
    }

    fn open(&self, settings: &Settings) -> Result<Adapter, AccountError> {
        Err(AccountError::NotYet { vendor: self.name(), dialect: settings.dialect })
    }
}

/// The capability table.
fn capabilities(dialect: Dialect) -> Capabilities {
    let cells = Operation::ALL.map(|operation| (operation, support(operation)));
    Capabilities { vendor: "introw", dialect, cells: cells.to_vec() }
}

fn support(operation: Operation) -> Support {
    match operation {
        Operation::LookUp => Support::NotNeeded {
            why: "a repeat is answered by `duplicate` or the first commission line, so it is sent again instead",
        },
        Operation::Partnerships | Operation::Groups => Support::Unsupported {
            why: "the vendor's documents have tiers as a field of a partner, and no call for them",
        },
        Operation::Customers => Support::Unsupported { why: "it has no customers, only conversions of a click token" },
        Operation::Transactions => {
            Support::Unsupported { why: "it has no transactions; commission lines carry the money" }
        }
        Operation::Webhooks => Support::Unsupported { why: "none in the vendor's documents" },
        Operation::Signup | Operation::Lead => Support::NotYet {
            how: "POST /api/v1/affiliate/conversions: once per click token, ever; it knows no customer and no money",
            class: Some(Class::UniqueKey),
        },
        Operation::Sale => Support::NotYet {
            how: "POST /api/v1/commission-lines with our idempotencyKey; a conversion itself carries no money",
            class: Some(Class::Keyed),
        },
        Operation::Refund => {
            Support::NotYet { how: "decline of the sale's commission line", class: Some(Class::Upsert) }
        }
        Operation::Partners => {
            Support::NotYet { how: "GET /api/v1/partners: list; POST: create or update", class: None }
        }
    }
}
