//! What a vendor shows to an operator: customers, groups, partners, transactions. One shape for all vendors and dialects,
//! with every field that a seed or a vendor's documents name. A field that a vendor does not show is absent, never guessed.
//! The adapters build these records, the proxy's command line prints them. Times are RFC 3339 in JSON. `Debug` shows only
//! keys.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use trailmark_wire::time::UnixMillis;

/// One thing that a vendor has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// A customer.
    Customer(Box<Customer>),
    /// A group of partners.
    Group(Group),
    /// A partner, or a partner's membership in one group.
    Partner(Box<Partner>),
    /// A removed thing.
    Removed(Removed),
    /// A transaction.
    Transaction(Box<Transaction>),
}

/// A customer.
#[derive(Clone, PartialEq, Default, Serialize)]
pub struct Customer {
    /// Our key; absent if the customer was created by hand at the vendor.
    pub key: Option<String>,
    /// The vendor's own key, if it shows one besides ours.
    pub id: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Key of the customer's partner.
    pub partner: Option<String>,
    /// The vendor's id of that partner's membership.
    pub partnership: Option<String>,
    /// Key of the group.
    pub group: Option<String>,
    /// The vendor's status word.
    pub status: Option<String>,
    /// A further key of the site's own.
    pub external_key: Option<String>,
    /// Key at a payment provider.
    pub provider_key: Option<String>,
    /// Key of the partner's member who brought the customer.
    pub member_key: Option<String>,
    /// Whether it was created with the vendor's test credentials.
    pub test: Option<bool>,
    /// Free data.
    pub data: BTreeMap<String, serde_json::Value>,
    /// When it was created.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Option<UnixMillis>,
    /// When it was last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Option<UnixMillis>,
}

/// A group of partners; in seed 000, a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The vendor's key.
    pub key: String,
    /// The group's name.
    pub name: Option<String>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// When it was created.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Option<UnixMillis>,
}

/// A partner.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Partner {
    /// The key under which links name the partner.
    pub key: String,
    /// The vendor's own id of the partnership, if it differs.
    pub id: Option<String>,
    /// The partner's name.
    pub name: Option<String>,
    /// The partner's e-mail address.
    pub email: Option<String>,
    /// The group or tier.
    pub group: Option<String>,
    /// The vendor's status word, such as `active` or `invited`.
    pub status: Option<String>,
    /// When the partner joined.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Option<UnixMillis>,
    /// When the partner last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: Option<UnixMillis>,
}

/// A transaction.
#[derive(Clone, PartialEq, Default, Serialize)]
pub struct Transaction {
    /// The key that deletes it.
    pub key: String,
    /// Our key of its customer.
    pub customer: Option<String>,
    /// The vendor's own key of its customer.
    pub customer_id: Option<String>,
    /// The amount as the vendor counts it: hundredths of the major unit, whatever the currency.
    pub amount_cents: Option<i64>,
    /// The same in minor units of the currency, if that is known and the amount is a whole number of them.
    pub amount_minor: Option<i64>,
    /// ISO 4217, in capitals.
    pub currency: Option<String>,
    /// The vendor's status word, such as `pending`.
    pub status: Option<String>,
    /// Category.
    pub category: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// Whether it was created with the vendor's test credentials.
    pub test: Option<bool>,
    /// Free data.
    pub data: BTreeMap<String, serde_json::Value>,
    /// When it happened.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Option<UnixMillis>,
}

/// A thing that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// The key that the request named, or the vendor's own.
    pub removed: String,
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Our key is not shown, since many companies make it from the e-mail address.
        f.debug_struct("Customer").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partner").field("key", &self.key).field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("key", &self.key).finish_non_exhaustive()
    }
}

fn rfc3339<S: serde::Serializer>(at: &Option<UnixMillis>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(UnixMillis::to_rfc3339).serialize(serializer)
}
