//! What a webhook tells: that something happened to a customer, a transaction or a partner. It is a hint and no more. Who
//! sent it is known by the secret in its address alone, so nothing in it is believed before the vendor was asked
//! ([`crate::commission`]). Read by [`crate::Webhooks::read`]; matched with deliveries by the proxy's ledger.

use std::fmt;

/// Characters of an event's name that are kept.
const EVENT_CHARS: usize = 64;

/// The longest key that is looked for; vendors' keys end at 255.
const KEY_CHARS: usize = 255;

/// Keys of one kind that are taken from one event.
const KEYS: usize = 8;

/// An event, and whom it is about. Keys may be personal, so `Debug` shows none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The event's name, as the vendor writes it; cut, without controls.
    pub event: String,
    /// Keys of the customer, the vendor's own and ours.
    pub customers: Vec<String>,
    /// Keys of the transaction, the vendor's own and ours.
    pub transactions: Vec<String>,
    /// Keys of the partner.
    pub partners: Vec<String>,
}

/// What a webhook means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It may concern commissions of these.
    Concerns(Notice),
    /// A known event that concerns no commission.
    Noted {
        /// Its name.
        event: String,
    },
    /// No event of the vendor's documents.
    UnknownEvent {
        /// Its name.
        event: String,
    },
    /// It cannot be read as an event.
    Unreadable {
        /// Why; names a field, never a value.
        reason: &'static str,
    },
}

impl Notice {
    /// An event about nobody yet.
    pub fn of(event: &str) -> Self {
        Self { event: event_name(event), ..Self::default() }
    }

    /// Whether it names anybody.
    pub fn names_somebody(&self) -> bool {
        !(self.customers.is_empty() && self.transactions.is_empty() && self.partners.is_empty())
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("event", &self.event).finish_non_exhaustive()
    }
}

/// An event's name as it is kept.
pub fn event_name(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(EVENT_CHARS).collect()
}

/// Keys without repeats, blanks and what is too long to be one.
pub(crate) fn keys<'v>(found: impl IntoIterator<Item = Option<&'v str>>) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for key in found.into_iter().flatten() {
        let fits = key.chars().count() <= KEY_CHARS && keys.len() < KEYS;
        if fits && !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    keys
}
