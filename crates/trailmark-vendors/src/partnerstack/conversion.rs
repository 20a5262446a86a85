//! `POST conversion/xid`: the one call that ties a signup to its click. Its answer says almost nothing: success is 200 with
//! an empty body, and some of those create no customer. So success is always `unverified`, and the customer is read back
//! after the settling time.
//!
//! `ip_address`, `user_agent` and `origin` are never sent: they are the visitor's, not ours to pass on.
//!
//! Source: <https://docs.partnerstack.com/reference/conversion-api>; vendors.md § 1.2.

use serde_json::{Map, Value};
use trailmark_wire::conversion::Customer;
use trailmark_wire::ids::ClickId;
use trailmark_wire::text_map::TextMap;

use super::answers::{self, Body};
use super::{fit, post};
use crate::exchange::{Answer, Request};
use crate::outcome::Outcome;
use crate::redaction::Redaction;
use crate::root::Root;
use crate::secret::Secret;
use crate::task::Note;

pub(super) fn request(
    tracking: &Root,
    bearer: &Secret,
    click_id: &ClickId,
    customer: &Customer,
    data: &TextMap,
    notes: &mut Vec<Note>,
) -> Request {
    let mut body = Map::new();
    body.insert("xid".into(), click_id.as_str().into());
    body.insert("customer_key".into(), customer.key.as_str().into());
    insert_stated(&mut body, "email", fit::email(customer, notes));
    insert_stated(&mut body, "name", fit::name(customer, notes));
    insert_free(&mut body, "meta", data);
    post(tracking.url("/conversion/xid"), bearer, &Value::Object(body), "POST conversion/xid")
}

/// Adds an optional text, unless it is blank: the vendor wants such fields absent rather than empty.
pub(super) fn insert_stated(body: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
        body.insert(name.into(), value.into());
    }
}

/// Adds `data` as an object under `name`. The vendor states no limit for it here (those of `metadata` are a transaction's)
/// and drops names that the programme's customers do not have, so everything is sent unchanged.
pub(super) fn insert_free(body: &mut Map<String, Value>, name: &str, data: &TextMap) {
    let mut free = Map::new();
    for (name, value) in data.iter() {
        insert_stated(&mut free, name, Some(value));
    }
    if !free.is_empty() {
        body.insert(name.into(), Value::Object(free));
    }
}

pub(super) fn read(answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if let Some(failure) = answers::failure(answer, "tracking_url", redaction) {
        return failure;
    }
    match answers::body(&answer.body) {
        Body::Empty => Outcome::Unverified { reference: None },
        _ if answers::is_acknowledged(answer) => Outcome::Unverified { reference: None },
        _ => answers::unproved(answer, "an empty body"),
    }
}
