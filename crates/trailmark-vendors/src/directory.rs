//! What an operator asks of a vendor besides deliveries: list things, show one, change one. As data: the proxy's command
//! line builds it, and a [`crate::Directory`] turns it into requests. None of it passes through the ledger.
//!
//! A change may take several requests, such as finding the vendor's id of a partner first; [`Then`] names the next one. A
//! request other than GET is sent once; after an unknown outcome, look before you send it again.

use std::fmt;

use trailmark_wire::money::Currency;
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

use crate::exchange::Call;
use crate::outcome::Outcome;
use crate::records::Record;
use crate::task::Rejection;

/// A kind of thing that can be listed and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// Customers.
    Customer,
    /// Groups of partners.
    Group,
    /// Partners.
    Partner,
    /// Memberships of partners in groups.
    Partnership,
    /// Transactions.
    Transaction,
}

/// A list and its filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The kind of thing.
    pub of: Thing,
    /// Only this group.
    pub group: Option<String>,
    /// Created at this time or later.
    pub since: Option<UnixMillis>,
    /// Created at this time or earlier.
    pub until: Option<UnixMillis>,
}

impl List {
    /// The list without filters.
    pub fn all(of: Thing) -> Self {
        Self { of, group: None, since: None, until: None }
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Add a customer.
    AddCustomer(CustomerFields),
    /// Add a partner.
    AddPartner(PartnerFields),
    /// Add a transaction.
    AddTransaction(TransactionFields),
    /// Invite somebody to a partner's team.
    InviteMember {
        /// The partner.
        partner: String,
    },
    /// Remove a customer.
    RemoveCustomer {
        /// Our key.
        key: String,
    },
    /// Remove a partner from the program.
    RemovePartner {
        /// Partner key, the vendor's id or e-mail address.
        key: String,
    },
    /// Remove a transaction.
    RemoveTransaction {
        /// Its key.
        key: String,
    },
    /// Change a customer; absent fields stay.
    UpdateCustomer {
        /// Our key.
        key: String,
        /// What changes; `key` and `partner` cannot.
        fields: CustomerFields,
    },
    /// Change a partner; absent fields stay.
    UpdatePartner {
        /// Partner key, the vendor's id or e-mail address.
        key: String,
        /// What changes: `key` and `group`.
        fields: PartnerFields,
    },
}

/// The fields of a customer in all dialects; each adapter says which of them it accepts.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CustomerFields {
    /// Our key.
    pub key: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Key of the partner.
    pub partner: Option<String>,
    /// Status word.
    pub status: Option<String>,
    /// A further key of the site's own.
    pub external_key: Option<String>,
    /// Key of the group.
    pub group: Option<String>,
    /// Key at a payment provider.
    pub provider_key: Option<String>,
    /// Key of the partner's member who brought the customer.
    pub member_key: Option<String>,
    /// Free data.
    pub data: TextMap,
}

/// The fields of a partner.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PartnerFields {
    /// Partner key.
    pub key: Option<String>,
    /// E-mail address of the main contact.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Key of the group.
    pub group: Option<String>,
}

/// The fields of a transaction.
#[derive(Clone, PartialEq, Eq)]
pub struct TransactionFields {
    /// Whose it is.
    pub customer: CustomerName,
    /// Minor units of `currency`; negative for money given back.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// Our key of it.
    pub key: Option<String>,
    /// Category.
    pub category: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// When it happened.
    pub at: Option<UnixMillis>,
    /// Free data.
    pub data: TextMap,
}

/// The three ways to name a customer.
#[derive(Clone, PartialEq, Eq)]
pub enum CustomerName {
    /// By address.
    Email(String),
    /// By the vendor's own key.
    Id(String),
    /// By our key.
    Key(String),
}

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field is missing, or the vendor cannot represent it; names the field and the cure.
    #[error(transparent)]
    Field(#[from] Rejection),
    /// The vendor has no such call in this dialect.
    #[error("{why}")]
    Unsupported {
        /// Why not, and the alternative.
        why: &'static str,
    },
}

/// A request whose answer has a content, or else the outcome of the request.
pub type Ask<T> = Call<Result<T, Outcome>>;

/// The next step after the answer to a change's request.
#[derive(Debug)]
pub enum Then {
    /// The change is made.
    Done(Record),
    /// Send this next.
    Next(Ask<Self>),
}

/// Fields of a person: `Debug` shows only that they are set.
macro_rules! withheld {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

withheld!(CustomerFields, PartnerFields, TransactionFields, CustomerName);
