//! Partnerize: has conversions and users, no customers. Only the capability table so far; the adapter follows.
//!
//! How it fits the trait: a sale is one GET of `prf.hn/conversion/...` with the click reference, each line's unit price and
//! quantity. The request has no secret and the answer is always that of a pixel, so success reads as `unverified`, and
//! [`crate::Delivery::look_up`] asks the conversion report for our `conversionref` on the day of the [`crate::task::Task`]. A
//! signup without value is the same call, or not needed if the programme counts only sales (`custref` names the customer on
//! each). A refund is a bulk rejection, answered by 202 and a job: also `unverified`, and read back from the same report.
//!
//! Sources: <https://api-docs.partnerize.com>; vendors.md § 2; for the dialect `guide`, seed 001.

use crate::account::{AccountError, Setting, SettingKind, Settings};
use crate::capability::{Capabilities, Class, Operation, Support};
use crate::{Adapter, Dialect, Pace, Vendor};

/// The vendor.
pub(crate) struct Partnerize;

const SETTINGS: [Setting; 6] = [
    Setting::of("application_key", SettingKind::Secret, "user name of its API"),
    Setting::of("user_api_key", SettingKind::Secret, "password of its API"),
    Setting::of("auth", SettingKind::Choice(&["basic", "headers", "query"]), "how the keys are sent"),
    Setting::of("campaign_id", SettingKind::Text, "the campaign whose conversions are sent"),
    Setting::of("base_url", SettingKind::Root { default: "https://api.partnerize.com" }, "root of its API"),
    Setting::of("tracking_url", SettingKind::Root { default: "https://prf.hn" }, "root of its tracking host"),
];

impl Vendor for Partnerize {
    fn name(&self) -> &'static str {
        "partnerize"
    }

    fn title(&self) -> &'static str {
        "Partnerize"
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
    let cells = Operation::ALL.map(|operation| (operation, support(operation, dialect)));
    Capabilities { vendor: "partnerize", dialect, cells: cells.to_vec() }
}

fn support(operation: Operation, dialect: Dialect) -> Support {
    match (operation, dialect) {
        (Operation::Webhooks, Dialect::Current) => Support::Unsupported {
            why: "none for brands in the vendor's documents; the conversion report is read instead",
        },
        (Operation::Webhooks, Dialect::Guide) => {
            Support::NotYet { how: "conversion.approved, .rejected and .pending, as the guide names them", class: None }
        }
        (Operation::Signup, _) => Support::NotYet {
            how: "prf.hn/conversion without value where the campaign counts signups, else not needed: it has no customers",
            class: Some(Class::Searchable),
        },
        (Operation::Lead, _) => {
            Support::NotYet { how: "prf.hn/conversion without value", class: Some(Class::Searchable) }
        }
        (Operation::Sale, _) => Support::NotYet {
            how: "prf.hn/conversion with the price of one unit and the quantity of each line",
            class: Some(Class::Searchable),
        },
        (Operation::Refund, _) => Support::NotYet {
            how: "POST /v3/brand/campaigns/{id}/conversions/bulk: reject, or lower an item's value",
            class: Some(Class::Upsert),
        },
        (Operation::LookUp, _) => Support::NotYet {
            how: "GET /reporting/report_advertiser/campaign/{id}/conversion.json by conversion_reference",
            class: None,
        },
        (Operation::Partnerships | Operation::Groups, _) => {
            Support::Unsupported { why: "the documents name users and publishers, no groups of them" }
        }
        (Operation::Customers, _) => Support::Unsupported { why: "it has no customers, only conversions" },
        (Operation::Transactions, _) => Support::Unsupported { why: "it has no transactions, only conversions" },
        (Operation::Partners, Dialect::Current) => {
            Support::NotYet { how: "users: GET /user, POST /user, PATCH /v3/brand/user", class: None }
        }
        (Operation::Partners, Dialect::Guide) => Support::NotYet {
            how: "users: list, get, create, update (get, merge, PUT), deactivate, delete, self",
            class: None,
        },
    }
}
