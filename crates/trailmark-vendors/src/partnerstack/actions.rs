//! Actions: something that a customer did, other than paying. A lead is one action of type `lead`. The vendor accepts an
//! action for an unknown customer and drops it, and no call reads an action back by anything that we send. So the action
//! names the customer by our key, which is known to work in production. No document says that the vendor's own key works.
//!
//! Source: <https://docs.partnerstack.com/reference/post_v2-actions-1> ("for a customer, this is the customer key");
//! vendors.md § 1.2.

use serde_json::{Value, json};
use trailmark_wire::conversion::Customer;

use super::answers::{self, text};
use crate::exchange::Answer;
use crate::outcome::Outcome;
use crate::redaction::Redaction;

/// The body of `POST /v2/actions`.
pub(super) fn body(customer: &Customer) -> Value {
    json!({ "type": "lead", "value": 1, "target_type": "customer", "target_key": customer.key.as_str() })
}

/// The outcome that the answer proves.
pub(super) fn read(answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if let Some(failure) = answers::failure(answer, "base_url", redaction) {
        return failure;
    }
    match answers::data(answer) {
        Some(data) => recorded(answer, &data),
        None if answers::is_acknowledged(answer) => Outcome::Unverified { reference: None },
        None => answers::unproved(answer, "an action"),
    }
}

fn recorded(answer: &Answer, data: &Value) -> Outcome {
    match text(data, "key") {
        Some(key) => Outcome::Recorded { reference: Some(key.to_owned()) },
        None if data.as_object().is_some_and(serde_json::Map::is_empty) => Outcome::Ignored {
            message: answers::said(answer.status, "the vendor does not know the customer of this action"),
        },
        None => Outcome::Unverified { reference: None },
    }
}
