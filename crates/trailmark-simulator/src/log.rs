//! What the simulated vendors received and what became of it: a bounded list of requests, and a tally per external key. The
//! number of tallies grows with the number of different keys, like the vendors' own state. No stored text is longer than a
//! client's key may be.
//!
//! Credentials are never stored, only their scheme. Tests of exactly-once delivery read the tally: how often a conversion
//! arrived, and how many objects it created.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use crate::call::{Body, Call};
use crate::faults::Kind;

/// Requests kept; older ones are dropped.
const REQUESTS_KEPT: usize = 10_000;

/// Bytes kept of a body. Ten thousand complete ones could be ten gigabytes.
const BODY_KEPT_BYTES: usize = 4 * 1024;

/// Bytes kept of any other text that a client chooses. No vendor's keys are longer than 255 characters.
const TEXT_KEPT_BYTES: usize = 1024;

/// Query parameters kept, and names of headers.
const PARAMETERS_KEPT: usize = 32;

/// Times kept per tally and column.
const TIMES_KEPT: usize = 100;

/// One call to a simulated vendor.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Entry {
    /// Counts up from 1; only a reset restarts it.
    pub(crate) seq: u64,
    pub(crate) at_ms: i64,
    pub(crate) vendor: &'static str,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    /// `null` if the connection was reset.
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<Kind>,
    pub(crate) operation: Option<&'static str>,
    pub(crate) external_key: Option<String>,
    /// The scheme, never the credential.
    pub(crate) authorization: Option<&'static str>,
    pub(crate) content_type: Option<String>,
    pub(crate) user_agent: Option<String>,
    /// The names of all headers in alphabetical order, without values, since some are credentials.
    pub(crate) headers: Vec<String>,
    /// JSON as JSON, other bodies as text; long ones are cut.
    pub(crate) body: Value,
}

/// The last [`REQUESTS_KEPT`] calls.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    kept: VecDeque<Entry>,
    total: u64,
}

impl Requests {
    /// Returns the number that the call got.
    pub(crate) fn push(&mut self, mut entry: Entry) -> u64 {
        self.total += 1;
        entry.seq = self.total;
        if self.kept.len() == REQUESTS_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(entry);
        self.total
    }

    /// All calls so far, including dropped ones.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Oldest first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Entry> {
        self.kept.iter()
    }
}

/// A body in the form of the log.
pub(crate) fn body_of(call: &Call) -> Value {
    match &call.body {
        Body::Empty => Value::Null,
        Body::TooLarge => Value::from("[too large]"),
        Body::Json(value) => {
            let text = value.to_string();
            if text.len() <= BODY_KEPT_BYTES { value.clone() } else { cut(text.as_bytes()) }
        }
        Body::Other(bytes) => cut(bytes),
    }
}

/// A path, key or header in the form of the log.
pub(crate) fn text_of(text: &str) -> String {
    text.get(..text.floor_char_boundary(TEXT_KEPT_BYTES)).unwrap_or_default().to_owned()
}

/// The names of a call's headers in the form of the log.
pub(crate) fn headers_of(call: &Call) -> Vec<String> {
    let mut names: Vec<String> = call.header_names().take(PARAMETERS_KEPT).map(text_of).collect();
    names.sort_unstable();
    names
}

/// A query in the form of the log; if a parameter occurs twice, the last value.
pub(crate) fn query_of(call: &Call) -> BTreeMap<String, String> {
    let pairs = call.query.iter().take(PARAMETERS_KEPT);
    pairs.map(|(name, value)| (text_of(name), text_of(value))).collect()
}

fn cut(bytes: &[u8]) -> Value {
    let head = bytes.get(..BODY_KEPT_BYTES).unwrap_or(bytes);
    Value::from(String::from_utf8_lossy(head))
}

/// What a call asks for, as far as its path and body show before it is validated.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    /// The account of a simulated vendor.
    pub(crate) vendor: &'static str,
    /// `None` if there is no such path or method.
    pub(crate) operation: Option<&'static str>,
    /// The client's own key, if the call names one; a very long one is cut.
    pub(crate) external_key: Option<String>,
}

impl Errand {
    pub(crate) fn new(vendor: &'static str, operation: &'static str, external_key: Option<String>) -> Self {
        Self { vendor, operation: Some(operation), external_key: external_key.as_deref().map(text_of) }
    }

    pub(crate) fn unknown(vendor: &'static str) -> Self {
        Self { vendor, operation: None, external_key: None }
    }

    /// `None` for calls that nothing is counted for, such as lists.
    pub(crate) fn subject(&self) -> Option<Subject> {
        let external_key = self.external_key.clone()?;
        Some(Subject { vendor: self.vendor, operation: self.operation?, external_key })
    }
}

/// The unit of counting: one thing of the client, one operation, one simulated vendor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Subject {
    pub(crate) vendor: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) external_key: String,
}

/// How often it arrived, and what became of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Calls that arrived, including reset and refused ones.
    pub(crate) received: u64,
    /// Calls that the vendor accepted, without those that a fault stopped before.
    pub(crate) processed: u64,
    /// Calls that the vendor itself refused with a 4xx.
    pub(crate) refused: u64,
    /// Objects created or changed.
    pub(crate) effects: u64,
    /// When the first hundred calls arrived.
    pub(crate) received_ms: Vec<i64>,
    /// When the first hundred effects happened.
    pub(crate) effect_ms: Vec<i64>,
}

/// All tallies.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    tallies: BTreeMap<Subject, Tally>,
}

impl Effects {
    pub(crate) fn tally(&mut self, subject: Subject) -> &mut Tally {
        self.tallies.entry(subject).or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Subject, &Tally)> {
        self.tallies.iter()
    }
}

impl Tally {
    pub(crate) fn receive(&mut self, at_ms: i64) {
        self.received += 1;
        note(&mut self.received_ms, at_ms);
    }

    pub(crate) fn process(&mut self, refused: bool, effects: u64, at_ms: i64) {
        self.processed += u64::from(!refused);
        self.refused += u64::from(refused);
        self.effects += effects;
        if effects > 0 {
            note(&mut self.effect_ms, at_ms);
        }
    }
}

fn note(times: &mut Vec<i64>, at_ms: i64) {
    if times.len() < TIMES_KEPT {
        times.push(at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, REQUESTS_KEPT, Requests};

    #[test]
    fn the_oldest_request_leaves_when_the_log_is_full() {
        let mut requests = Requests::default();
        for _ in 0..=REQUESTS_KEPT {
            requests.push(Entry::default());
        }
        assert_eq!(requests.kept().count(), REQUESTS_KEPT);
        assert_eq!(requests.kept().next().map(|entry| entry.seq), Some(2));
        assert_eq!(requests.total(), 10_001);
    }
}
