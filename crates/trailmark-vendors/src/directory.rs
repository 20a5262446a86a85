//! What an operator asks of a vendor beside deliveries: to list things, to show one, to change one. As data, built by
//! the proxy's command line and turned into requests by [`crate::Directory::list`], [`crate::Directory::one`] and
//! [`crate::Directory::change`]. Nothing of it passes through the ledger.
//!
//! A change may take several requests, such as finding the vendor's id of a partner first; [`Then`] says which comes
//! next. One that is no GET is sent once: whoever sends it again after an unknown outcome must have looked first.

use std::fmt;

use trailmark_wire::money::Currency;
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

use crate::exchange::Call;
use crate::outcome::Outcome;
use crate::records::Record;
use crate::task::Rejection;

/// What can be listed and shown.
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

/// A list, and what narrows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Of what.
    pub of: Thing,
    /// Of one group.
    pub group: Option<String>,
    /// Made at this time or later.
    pub since: Option<UnixMillis>,
    /// Made at this time or earlier.
    pub until: Option<UnixMillis>,
}

impl List {
    /// All of them.
    pub fn all(of: Thing) -> Self {
        Self { of, group: None, since: None, until: None }
    }
}

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A customer is to be there.
    AddCustomer(CustomerFields),
    /// A partner is to be there.
    AddPartner(PartnerFields),
    /// A transaction is to be there.
    AddTransaction(TransactionFields),
    /// Somebody is to join a partner's team.
    InviteMember {
        /// The partner.
        partner: String,
    },
    /// A customer is to be gone.
    RemoveCustomer {
        /// Our key.
        key: String,
    },
    /// A partner is to be gone from the program.
    RemovePartner {
        /// Partner key, the vendor's id or e-mail address.
        key: String,
    },
    /// A transaction is to be gone.
    RemoveTransaction {
        /// Its key.
        key: String,
    },
    /// A customer changes; what is absent stays.
    UpdateCustomer {
        /// Our key.
        key: String,
        /// What changes; `key` and `partner` cannot.
        fields: CustomerFields,
    },
    /// A partner changes; what is absent stays.
    UpdatePartner {
        /// Partner key, the vendor's id or e-mail address.
        key: String,
        /// What changes: `key` and `group`.
        fields: PartnerFields,
    },
}

/// The fields of a customer, as all dialects together have them; which of them one takes, its adapter says.
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
    /// A field lacks, or cannot be said in this vendor's words; names the field and the cure.
    #[error(transparent)]
    Field(#[from] Rejection),
    /// The vendor has no such call in this dialect.
    #[error("{why}")]
    Unsupported {
        /// Why not, and what there is instead.
        why: &'static str,
    },
}

/// A request whose answer shows something, or what came of the request instead.
pub type Ask<T> = Call<Result<T, Outcome>>;

/// What follows upon the answer to a call of a change.
#[derive(Debug)]
pub enum Then {
    /// The change is made.
    Done(Record),
    /// This is to be sent.
    Next(Ask<Self>),
}

/// Fields of a person: `Debug` shows that they are there.
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
