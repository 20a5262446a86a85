//! Customers: a signup creates one under our key for the partner whom the link named, and reading it back under that key
//! confirms it. The vendor shows the partner's id, never the key, so `credit` compares the partner with a second request.
//!
//! The customer's name goes out whole, as `name`: nothing says which of its words is the surname.
//!
//! Source: <https://docs.partnero.com/api-reference/customers>; vendors-2.md § 3, "Customers".

use serde_json::{Map, Value, json};

use super::answers::{self, text};
use super::credit::{self, Credit};
use super::{Account, Withheld, left_out, rejection};
use crate::exchange::{Answer, Call, Method, Step};
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::segment;
use crate::task::{Note, Rejection, Task};

/// A customer to create.
#[derive(Clone)]
pub(super) struct Signup {
    key: String,
    /// The key as a path segment.
    segment: String,
    email: Option<String>,
    name: Option<String>,
    partner: String,
}

/// The signup of a task.
pub(super) fn signup(task: &Task, notes: &mut Vec<Note>) -> Result<Signup, Rejection> {
    let customer = task.customer.as_ref().ok_or_else(|| {
        rejection("missing `customer.key`: Partnero knows a customer by it; send the customer with every conversion")
    })?;
    let key = customer.key.as_str();
    let segment = segment(key)
        .ok_or_else(|| rejection("`customer.key` is `.` or `..`: no URL can name such a customer; use another key"))?;
    let partner = task.partner.as_ref().ok_or_else(|| {
        rejection(
            "missing the touch's partner: Partnero ties a customer to a partner by the partner's key; use links that \
             carry the program's parameter, such as `aff`",
        )
    })?;
    if task.data.values().any(|value| !value.trim().is_empty()) {
        left_out("data", "a customer at Partnero has no place for it", notes);
    }
    let stated = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    Ok(Signup {
        key: key.to_owned(),
        segment,
        email: stated(&customer.email),
        name: stated(&customer.name),
        partner: partner.as_str().to_owned(),
    })
}

/// `POST /v1/customers`.
pub(super) fn create(account: &Account, signup: Signup, withheld: Withheld) -> Call<Step<Outcome>> {
    let mut body = Map::new();
    body.insert("key".into(), signup.key.as_str().into());
    body.insert("partner".into(), json!({ "key": signup.partner }));
    for (name, value) in [("email", &signup.email), ("name", &signup.name)] {
        body.extend(value.as_deref().map(|value| (name.to_owned(), value.into())));
    }
    let request = account.with_body(Method::Post, "/v1/customers", &Value::Object(body), "POST /v1/customers");
    let account = account.clone();
    Call::new(request, move |answer| Step::Done(read_created(&signup, answer, &account.redaction(&withheld))))
}

/// The vendor refuses an unknown partner (400), so a created customer is the named partner's unless the answer says that it
/// is nobody's. A customer that is not clearly ours is read back.
fn read_created(signup: &Signup, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if let Some(failure) = answers::failure(answer, redaction) {
        return failure;
    }
    match answers::data(answer) {
        Some(data) if text(&data, "key").is_none() || signup.differing(&data).is_some() => {
            Outcome::Unverified { reference: None }
        }
        Some(data) if credit::of(&data) == Credit::Nobody => {
            Outcome::Ignored { message: answers::said(answer.status, credit::NOBODY) }
        }
        Some(data) => Outcome::Recorded { reference: signup.reference(&data) },
        None if answers::is_acknowledged(answer) => Outcome::Unverified { reference: None },
        None => answers::unproved(answer, "a customer"),
    }
}

/// `GET /v1/customers/{key}`, then the partner whom the vendor credits.
pub(super) fn look_up(
    account: &Account,
    signup: Signup,
    withheld: Withheld,
    is_unsent: bool,
) -> Option<Call<Step<LookUp>>> {
    let request = account.get(&format!("/v1/customers/{}", signup.segment), "GET /v1/customers/{key}");
    let account = account.clone();
    Some(Call::new(request, move |answer| {
        match answers::failure(answer, &account.redaction(&withheld)) {
            Some(_) if answers::says_no_such_thing(answer) => return Step::Done(LookUp::Absent),
            Some(failure) => return Step::Done(answers::not_looked_up(answer, failure)),
            None => {}
        }
        let Some(data) = answers::data(answer).filter(|data| text(data, "key").is_some()) else {
            return Step::Done(answers::unclear(answer, "no customer with a `key` in the body"));
        };
        if let Some(field) = signup.differing(&data) {
            let message = format!("the vendor's customer under our key differs in {field}");
            return Step::Done(LookUp::Differs { message });
        }
        let found = LookUp::Found { reference: signup.reference(&data) };
        credit::confirmed(&account, &withheld, &data, Some(&signup.partner), is_unsent, found)
    }))
}

impl Signup {
    /// The first field in which the vendor's customer differs. Names are not compared, since people correct them.
    fn differing(&self, data: &Value) -> Option<&'static str> {
        let other_email = text(data, "email").zip(self.email.as_deref());
        let is_deleted = data.get("deleted") == Some(&Value::Bool(true)) || is_deleted(data);
        let fields = [
            ("`key`", text(data, "key").is_some_and(|key| key != self.key)),
            ("`email`", other_email.is_some_and(|(shown, sent)| shown.to_lowercase() != sent.trim().to_lowercase())),
            ("`deleted`", is_deleted),
        ];
        fields.into_iter().find(|(_, differs)| *differs).map(|(field, _)| field)
    }

    /// The vendor's own id, if it shows one besides our key.
    fn reference(&self, data: &Value) -> Option<String> {
        text(data, "id").filter(|id| *id != self.key).map(str::to_owned)
    }
}

/// Whether the vendor shows the thing as deleted.
pub(super) fn is_deleted(item: &Value) -> bool {
    item.get("deleted_at").is_some_and(|at| !at.is_null())
}
