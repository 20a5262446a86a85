//! A conversion's JSON: reading, repair, and the canonical bytes. The rules of a [`Body`] are those of an envelope's payload, too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use trailmark_proxy::json::Json;
use trailmark_wire::conversion::{Body, Conversion, CustomerClaim, Event, OrderClaim};
use trailmark_wire::ids::SiteId;
use trailmark_wire::json::{ReadJson as _, WriteJson as _};
use trailmark_wire::repair::Warning;

use crate::engine::{Broken, Looked, Target, Verdict, rule};
use crate::seeds::{SECRET, items, tells_a_secret, vectors};

pub(crate) const BODY: Target = Target { name: "body", inputs: 28_000, seeds, words: WORDS, look };

pub(crate) const WORDS: &[&str] = &[
    "kind",
    "signup",
    "lead",
    "sale",
    "refund",
    "customer",
    "key",
    "email",
    "name",
    "order",
    "amount_minor",
    "currency",
    "items",
    "sku",
    "category",
    "unit_amount_minor",
    "quantity",
    "refund_of",
    "signed_customer",
    "signed_order",
    "data",
    "EUR",
    "JPY",
    "eur",
    " EUR ",
    "a@b.c",
    "Ada <a@b.c>",
    "mailto:a@b.c",
    "u_1",
    "0.00",
    "4900",
];

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let (repairs, canonical) = (vectors("repairs"), vectors("canonical"));
    let bodies = items(&repairs).iter().chain(items(&canonical)).map(|vector| vector["body"].clone());
    let own = [
        json!({"kind": "signup", "customer": {"key": "u_1", "email": SECRET, "name": SECRET}, "data": {"note": SECRET}}),
        json!({"kind": "refund", "refund_of": "o_1", "order": {"key": "r_1", "amount_minor": 5, "currency": "JPY"}}),
        json!({"kind": "lead", "customer": {"key": "u_1", "email": 7, "name": [SECRET]}, "data": SECRET}),
        json!({"kind": "sale", "customer": SECRET, "order": {"key": SECRET, "amount_minor": SECRET, "currency": SECRET}}),
    ];
    bodies.chain(own).map(|body| body.to_string().into_bytes()).collect()
}

fn look(input: &[u8]) -> Looked {
    match Json.read::<Body>(input) {
        Ok(body) => hold(input, body),
        Err(error) => silent(input, &error.to_string()),
    }
}

/// A refusal for people repeats no value.
pub(crate) fn silent(input: &[u8], text: &str) -> Looked {
    rule(!tells_a_secret(text), "no error text repeats a secret", || text.to_owned())?;
    Ok(by_shape(input))
}

/// How an input is refused: by its content if it is JSON, or a JWS of JSON.
pub(crate) fn by_shape(input: &[u8]) -> Verdict {
    let is_json = |text: &[u8]| serde_json::from_slice::<Value>(text).is_ok();
    let is_part = |part: &[u8]| URL_SAFE_NO_PAD.decode(part).is_ok_and(|text| is_json(&text));
    let mut parts = input.split(|byte| *byte == b'.');
    let is_jws = parts.next().is_some_and(is_part) && parts.next().is_some_and(is_part);
    if is_jws || is_json(input) { Verdict::Refused } else { Verdict::Unread }
}

/// The rules of a body that could be read.
pub(crate) fn hold(input: &[u8], body: Body) -> Looked {
    let printed = Json.write(&body).unwrap();
    let mut warnings = Vec::new();
    let said = match Conversion::from_body(body, &mut warnings) {
        Ok(said) => said,
        Err(malformed) => {
            let again = read(&printed);
            rule(again.is_err(), "what is refused stays refused when it is printed and read", || printed)?;
            return silent(input, &malformed.to_string());
        }
    };
    let codes = ["blank", "controls", "cut", "not_an_email", "too_many", "wrong_type"];
    let known = warnings.iter().all(|warning| codes.contains(&warning.code.as_str()));
    rule(known, "a warning has a code of the list", || format!("{warnings:?}"))?;
    let site = SiteId::new("acme").unwrap();
    let (again, _) = read(&printed)?;
    let same = "what is accepted prints and parses to the same canonical bytes";
    rule(again.canonical(&site) == said.canonical(&site), same, || printed)?;
    let repaired = print(&said).to_string();
    let (again, warnings) = read(&repaired)?;
    let idempotent = "repairing is idempotent";
    rule(again == said && warnings.is_empty(), idempotent, || {
        format!("{repaired} {warnings:?}\n  {said:?}\n  {again:?}")
    })?;
    Ok(Verdict::Accepted)
}

fn read(text: &str) -> Result<(Conversion, Vec<Warning>), Broken> {
    let refused =
        |problem: String| Broken { rule: "what is accepted is accepted again", detail: format!("{problem}: {text}") };
    let body = Json.read::<Body>(text.as_bytes()).map_err(|error| refused(error.to_string()))?;
    let mut warnings = Vec::new();
    let said = Conversion::from_body(body, &mut warnings).map_err(|error| refused(error.to_string()))?;
    Ok((said, warnings))
}

/// A repaired conversion in the words of a body.
fn print(said: &Conversion) -> Value {
    let mut body = json!({"kind": said.kind()});
    match &said.customer {
        Some(CustomerClaim::Plain(customer)) => body["customer"] = json!(customer),
        Some(CustomerClaim::Signed(jws) | CustomerClaim::Vouched(_, jws)) => body["signed_customer"] = json!(jws),
        None => {}
    }
    match &said.event {
        Event::Signup | Event::Lead => {}
        Event::Sale(OrderClaim::Plain(order)) => body["order"] = json!(order),
        Event::Sale(OrderClaim::Signed(jws) | OrderClaim::Vouched(_, jws)) => body["signed_order"] = json!(jws),
        Event::Refund { refund, sale } => {
            body["order"] = json!(refund);
            body["refund_of"] = json!(sale);
        }
    }
    body["data"] = json!(said.data);
    body
}
