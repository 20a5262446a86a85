//! Partnero: customers and transactions under our keys, no click ids. Only the capability table so far; the adapter
//! follows. There is one dialect, since seed 004 is the vendor's own page.
//!
//! How it fits the trait: a signup is `POST /v1/customers`, which refuses a second one under the same key: class `unique
//! key`. A sale is `POST /v1/transactions`, which accepts a repeated key and pays twice: class `searchable`, never sent
//! again before a look-up. A sale whose answer names no customer was recorded for nobody and is
//! [`crate::outcome::Outcome::Ignored`]. A refund deletes the transaction by its key.
//!
//! Sources: <https://docs.partnero.com>; vendors.md § 4; seed 004.

use crate::account::{AccountError, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::{Adapter, Dialect, Pace, Vendor};

/// The vendor.
pub(crate) struct Partnero;

const SETTINGS: [Setting; 3] = [
    Setting::of("api_key", SettingKind::Secret, "bearer token of its API"),
    Setting::of("webhook_secret", SettingKind::Secret, "signs its webhooks"),
    Setting::of("base_url", SettingKind::Root { default: "https://api.partnero.com" }, "root of its API"),
];

impl Vendor for Partnero {
    fn name(&self) -> &'static str {
        "partnero"
    }

    fn title(&self) -> &'static str {
        "Partnero"
    }

    fn settings(&self) -> &'static [Setting] {
        &SETTINGS
    }

    fn pace(&self) -> Pace {
        Pace { per_minute: 600, burst: 20, concurrency: 4 }
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
    Capabilities { vendor: "partnero", dialect, cells: cells.to_vec() }
}

fn support(operation: Operation) -> Support {
    match operation {
        Operation::Lead => Support::Unsupported { why: "the API takes customers and transactions, no leads" },
        Operation::Signup => Support::NotYet {
            how: "POST /v1/customers; a key that exists is refused with 422",
            class: Some(Class::UniqueKey),
        },
        Operation::Sale => Support::NotYet {
            how: "POST /v1/transactions; the same key again makes a second transaction, so never blind",
            class: Some(Class::Searchable),
        },
        Operation::Refund => Support::NotYet { how: "DELETE /v1/transactions by key", class: Some(Class::Upsert) },
        Operation::LookUp => {
            Support::NotYet { how: "GET /v1/customers:search, GET /v1/transactions:search", class: None }
        }
        Operation::Partnerships | Operation::Groups => {
            Support::Unsupported { why: "the vendor's documents name no call for groups of partners" }
        }
        Operation::Customers => Support::NotYet { how: "POST /v1/customers, GET /v1/customers:search", class: None },
        Operation::Transactions => {
            Support::NotYet { how: "POST, DELETE /v1/transactions, GET /v1/transactions:search", class: None }
        }
        Operation::Partners => {
            Support::NotYet { how: "/v1/partners: create, invite, list, update, archive, delete", class: None }
        }
        Operation::Webhooks => Support::NotYet {
            how: "Signature: hex HMAC-SHA256 of the raw body under the webhook's secret",
            class: None,
        },
    }
}
