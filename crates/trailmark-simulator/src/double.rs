//! What a simulated vendor is to the rest of the simulator, and the list of all of them.
//!
//! A double lives in a folder of its own and decides everything that is its vendor's: paths, credentials, envelopes,
//! objects, webhooks. Everything else is the same for all of them and lives outside: sockets, time, faults, counts, the log,
//! the rules of `violations`, the sending of webhooks, and the file. No module but a double's own and [`all`] names a vendor.

use std::fmt::Debug;

use http::StatusCode;
use http::header::{HeaderName, RETRY_AFTER};
use serde_json::Value;

use crate::call::{Answer, Call};
use crate::control;
use crate::crowd::List;
use crate::introw::Introw;
use crate::log::Errand;
use crate::partnerize::Partnerize;
use crate::partnero::Partnero;
use crate::partnerstack::PartnerStack;
use crate::postman::{Outgoing, Sent};
use crate::settings::Settings;

/// Every simulated vendor, in the order of the page and of the printed configuration.
pub(crate) fn all(settings: &Settings) -> Vec<Box<dyn Double>> {
    vec![
        Box::new(PartnerStack::new(settings)),
        Box::new(Partnerize::new(settings)),
        Box::new(Introw::new(settings)),
        Box::new(Partnero::new(settings)),
    ]
}

/// One simulated vendor: a function from its state, a call and the time to an answer. It does no I/O and reads no clock;
/// `now_ms` is simulated time in milliseconds.
pub(crate) trait Double: Debug + Send {
    /// The names of its accounts, as control routes, log, effects and faults write them; at least one.
    fn accounts(&self) -> &'static [&'static str];

    /// The name of the double's control routes and of its part of the file: that of its first account.
    fn name(&self) -> &'static str {
        self.accounts().first().copied().unwrap_or_default()
    }

    /// Whose call it is and what it asks for, before anything is done; `None` if it is not for this vendor. A path of this
    /// vendor that does not exist is [`Errand::unknown`].
    fn errand(&self, call: &Call) -> Option<Errand>;

    /// Does what the call asks, or says why not. Called only with calls that have an errand here.
    fn answer(&mut self, call: &Call, now_ms: i64) -> Answer;

    /// A refusal in the vendor's own envelope at the place of the call, for a fault of kind `status`.
    fn refusal(&self, call: &Call, status: StatusCode, message: &str) -> Answer;

    /// The header in which the vendor says when to come back.
    fn retry_header(&self) -> HeaderName {
        RETRY_AFTER
    }

    /// The credentials that it accepts now; none of them belongs into an address.
    fn secrets(&self) -> Vec<&str>;

    /// The double's own control routes. `path` is what follows `/control/NAME/`; `None` if there is no such route.
    fn control(&mut self, path: &[&str], call: &Call, now_ms: i64) -> Option<control::Result>;

    /// Somebody joins a list of an account; returns the id. `None` if the vendor has no such list.
    fn join(&mut self, account: &str, list: List, now_ms: i64) -> Option<String>;

    /// Somebody in no use leaves a list of an account, picked by `number`; returns the id. `None` if there is nobody.
    fn leave(&mut self, account: &str, list: List, number: u64, now_ms: i64) -> Option<String>;

    /// Everything in one of its accounts, for `GET /control/state/ACCOUNT`.
    fn view(&self, account: &str, now_ms: i64) -> Value;

    /// Webhooks of this account go somewhere from now on, or nowhere. What is there already is not told.
    fn listen(&mut self, _account: &str, _is_heard: bool) {}

    /// The webhooks that became due since the last call; called after every call to the simulator.
    fn news(&mut self, _now_ms: i64) -> Vec<Outgoing> {
        Vec::new()
    }

    /// A webhook with a body that a person wrote, with the headers of this vendor.
    fn word(&self, account: &'static str, body: &Value, _now_ms: i64) -> Outgoing {
        Outgoing::json(account, body)
    }

    /// What became of a webhook, for a vendor that sends it again.
    fn told(&mut self, _sent: &Sent, _now_ms: i64) {}

    /// What a proxy has to be told of it.
    fn program(&self, settings: &Settings) -> Program;

    /// What people are told of it.
    fn about(&self) -> About;

    /// What a restart goes on with. Settings, credentials and webhook addresses are not among it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    fn kept(&self) -> serde_json::Result<Value>;

    /// Goes on with what [`Double::kept`] gave.
    ///
    /// # Errors
    /// It is something else.
    fn resume(&mut self, kept: Value) -> serde_json::Result<()>;
}

/// A double's part of the ready configuration.
pub(crate) struct Program {
    /// The variables that it reads, with the values that the double accepts.
    pub(crate) exports: Vec<(&'static str, &'static str)>,
    /// The lines of its `[[sites.programs]]`.
    pub(crate) toml: String,
}

/// A double's part of the page at the root.
pub(crate) struct About {
    /// The vendor's name as people write it.
    pub(crate) title: &'static str,
    /// Names of partners, with the paths of their links.
    pub(crate) partners: &'static [(&'static str, &'static str)],
    /// A proxy's settings, with the paths to which they lead.
    pub(crate) entrances: &'static [(&'static str, &'static str)],
}
