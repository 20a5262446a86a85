//! What a simulated vendor is to the rest of the simulator, and the list of all of them.
//!
//! A double lives in a folder of its own and decides everything that is its vendor's: paths, credentials, envelopes,
//! objects, webhooks. Everything else is the same for all of them and lives outside: sockets, time, faults, counts, the log,
//! the rules of `violations`, the sending of webhooks, and the file. No module but a double's own and [`all`] names a vendor.

use std::fmt::Debug;

use http::StatusCode;
use http::header::{HeaderName, RETRY_AFTER};
use serde::Serialize;
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

    /// The operations that a machine-readable document of the vendor describes: their exchanges can be judged.
    fn described(&self) -> &'static [&'static str] {
        &[]
    }

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

    /// What its first account has, one list for each kind of things; the newest come first.
    fn listings(&self, now_ms: i64) -> Vec<Listing>;

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

/// Things of one kind at a vendor, for people.
#[derive(Serialize)]
pub(crate) struct Listing {
    /// The vendor's own word for them, such as `Commission lines`.
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One thing at a vendor, such as a customer, an order or a commission.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    /// The client's key, or the vendor's id of a thing for which clients have none.
    pub(crate) key: String,
    /// What it belongs to: the order of a commission, the customer of anything else, by key or e-mail address.
    pub(crate) of: Option<String>,
    /// Key or name of the partner.
    pub(crate) partner: Option<String>,
    /// See [`money`].
    pub(crate) money: Option<String>,
    /// The vendor's word for how far it is.
    pub(crate) state: Option<String>,
}

/// An amount such as `29.00 EUR`, without zeros beyond the second place. `units` are `places` decimal places below the
/// currency's unit: 2 for cents.
pub(crate) fn money(units: i64, places: usize, currency: &str) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0>1$}", units.unsigned_abs(), places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    format!("{sign}{whole}.{:0<2} {}", part.trim_end_matches('0'), currency.to_ascii_uppercase())
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
    /// The parameters by which these links tell the shop who sent a visitor, unless a control route says otherwise.
    pub(crate) link_params: &'static [&'static str],
    /// A proxy's settings, with the paths to which they lead.
    pub(crate) entrances: &'static [(&'static str, &'static str)],
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn an_amount_has_two_places_or_as_many_as_it_needs() {
        let cases =
            [(2_900, 2, "29.00 EUR"), (-5, 2, "-0.05 EUR"), (29_997_000, 6, "29.997 EUR"), (58_000, 4, "5.80 EUR")];
        for (units, places, text) in cases {
            assert_eq!(money(units, places, "eur"), text);
        }
    }
}
