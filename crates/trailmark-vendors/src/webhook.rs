//! What a webhook says: something happened to a customer, a transaction or a partner. That is only a hint: nothing proves
//! the sender but the secret in the address, so nothing is believed before the vendor was asked ([`crate::commission`]).
//! [`crate::Webhooks::read`] reads it; the proxy's ledger matches it with deliveries.

use std::fmt;

/// The longest name of an event, and the longest key that is shown.
const EVENT_CHARS: usize = 64;

/// The longest key that is accepted; vendors' keys have at most 255 characters.
const KEY_CHARS: usize = 255;

/// Keys of each kind that are taken from one event.
const KEYS: usize = 8;

/// Stands for a text that may be about a person.
const WITHHELD: &str = "[withheld]";

/// An event, and which customer, transaction or partner it names. Keys may be personal, so `Debug` shows none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The event's name, as [`event_name`] shows it.
    pub event: String,
    /// Keys of the customer, the vendor's own and ours.
    pub customers: Vec<String>,
    /// Keys of the transaction, the vendor's own and ours.
    pub transactions: Vec<String>,
    /// Keys of the partner, or what may be one: a part of a link may be the same for several partners.
    pub partners: Vec<String>,
    /// The vendor's own id of the partner, which stays when a key is changed: events that share it are about one partner.
    pub partner_ids: Vec<String>,
}

/// The meaning of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// It may concern commissions of the named customers, transactions or partners.
    Concerns(Notice),
    /// A known event that concerns no commission.
    Noted {
        /// Its name.
        event: String,
        /// What it is about, for people, such as `application appl_1, partner ada`. Nothing personal.
        about: Option<String>,
    },
    /// An event that the vendor's documents do not name.
    UnknownEvent {
        /// Its name.
        event: String,
    },
    /// The body is not an event.
    Unreadable {
        /// Why; names a field, never a value.
        reason: &'static str,
    },
}

impl Notice {
    /// An event without keys.
    pub fn of(event: &str) -> Self {
        Self { event: event_name(event), ..Self::default() }
    }

    /// Whether it names a customer, a transaction or a partner.
    pub fn names_somebody(&self) -> bool {
        let kinds = [&self.customers, &self.transactions, &self.partners, &self.partner_ids];
        kinds.into_iter().any(|keys| !keys.is_empty())
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("event", &self.event).finish_non_exhaustive()
    }
}

/// An event's name, if it has the form of one: a letter, then letters, digits and `.`, `_`, `:`, `-`, at most 64 characters.
/// Anything else is `[withheld]`, since it is stored and shown, and may be about a person.
pub fn event_name(text: &str) -> String {
    let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic()) && is_plain(text);
    if is_name { text } else { WITHHELD }.to_owned()
}

/// Things with their keys, for people; `None` without a key. A key is shown if it has a letter and the characters of an event's
/// name but dots, which are in names and hosts, such as `ada.lovelace`. Anything else, such as an e-mail address, a telephone
/// number or a name with a blank, is `[withheld]`.
pub(crate) fn about<'v>(keys: impl IntoIterator<Item = (&'static str, Option<&'v str>)>) -> Option<String> {
    let has_letter = |key: &str| key.contains(|letter: char| letter.is_ascii_alphabetic());
    let is_shown = |key: &str| has_letter(key) && is_plain(key) && !key.contains('.');
    let named = keys
        .into_iter()
        .filter_map(|(thing, key)| key.map(|key| format!("{thing} {}", if is_shown(key) { key } else { WITHHELD })));
    let named: Vec<_> = named.collect();
    (!named.is_empty()).then(|| named.join(", "))
}

fn is_plain(text: &str) -> bool {
    text.len() <= EVENT_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// Keys without duplicates, blank ones and ones that are too long.
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
