//! What a client did that no vendor's document allows, although a real vendor might answer it: the list of
//! `GET /control/violations`. It is kept for all doubles alike; a test of an adapter expects it to be empty.
//!
//! Nothing is refused because of this list: whether a vendor refuses is the double's business.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use http::Uri;
use serde::Serialize;

use crate::call::{Body, Call};
use crate::log::text_of;

/// Violations kept; older ones are dropped.
const KEPT: usize = 10_000;

/// Addresses of redirects that are watched.
const WATCHED: usize = 1_000;

/// The rules, by the words of the control route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rule {
    /// A body that is not called `application/json`.
    ContentType,
    /// A call to the address that a redirect of a fault named.
    FollowedRedirect,
    /// An address or value that breaks the grammar of a vendor which answers it with success.
    Malformed,
    /// A call without a `User-Agent`.
    MissingUserAgent,
    /// A credential in the path or the query, where logs keep it.
    SecretInAddress,
    /// A field of a body that no document has.
    UnknownField,
    /// A parameter of a query that no document has.
    UnknownParameter,
}

/// A rule that a call broke, and where.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) rule: Rule,
    /// The name of the field, parameter or address; never a value that a client sent.
    pub(crate) detail: String,
}

/// A breach as the control route shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Violation {
    account: &'static str,
    /// The number of the request in the log.
    seq: u64,
    rule: Rule,
    detail: String,
}

/// The last [`KEPT`] violations.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    kept: VecDeque<Violation>,
    total: u64,
    /// Paths of this simulator to which faults have redirected, with the account.
    watched: BTreeMap<String, &'static str>,
}

impl Breach {
    pub(crate) fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self { rule, detail: detail.into() }
    }
}

impl Violations {
    pub(crate) fn push(&mut self, account: &'static str, seq: u64, breach: Breach) {
        self.total += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let Breach { rule, detail } = breach;
        self.kept.push_back(Violation { account, seq, rule, detail: text_of(&detail) });
    }

    /// All of them so far, including dropped ones.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Oldest first.
    pub(crate) fn kept(&self) -> &VecDeque<Violation> {
        &self.kept
    }

    /// Expects that nobody follows a redirect to `location`, if that is an address of this simulator.
    pub(crate) fn watch(&mut self, account: &'static str, call: &Call, location: &str, own: SocketAddr) {
        let Ok(uri) = location.parse::<Uri>() else { return };
        let is_own = uri.authority().is_none_or(|authority| authority.as_str() == own.to_string());
        if is_own && uri.path() != call.path && self.watched.len() < WATCHED {
            self.watched.insert(text_of(uri.path()), account);
        }
    }

    /// The account whose redirect the call follows.
    pub(crate) fn follows(&self, call: &Call) -> Option<&'static str> {
        self.watched.get(&call.path).copied()
    }
}

/// The rules that a call breaks, whatever the vendor. `secrets` are the double's.
pub(crate) fn of(call: &Call, secrets: &[&str]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if call.header("user-agent").is_none_or(str::is_empty) {
        breaches.push(Breach::new(Rule::MissingUserAgent, call.method.as_str()));
    }
    if !matches!(call.body, Body::Empty) && !call.is_json() {
        breaches.push(Breach::new(Rule::ContentType, call.header("content-type").unwrap_or("none")));
    }
    let parameters = call.query.iter().map(|(name, value)| (name.as_str(), value));
    let segments = call.segments.iter().map(|segment| ("path", segment));
    let secret = parameters.chain(segments).find(|(_, value)| secrets.contains(&value.as_str()));
    breaches.extend(secret.map(|(name, _)| Breach::new(Rule::SecretInAddress, name)));
    breaches
}
