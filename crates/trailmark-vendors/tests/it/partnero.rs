//! Partnero through the public surface: each test drives a plan, a look-up, a question or a command with the vendor's answers
//! and reads the requests and the end. Answers under `fixtures/partnero/` have the shapes of seed 004 and vendors-2.md § 3.

mod amounts;
mod answers;
mod commands;
mod commissions;
mod delivery;
mod look_ups;
mod redaction;
mod refunds;
mod webhooks;

use serde_json::{Value, json};
use trailmark_vendors::account::Settings;
use trailmark_vendors::capability::Class;
use trailmark_vendors::exchange::{Answer, Call, Request, Step};
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_vendors::{Adapter, Dialect};
use trailmark_wire::conversion::{Kind, Order};
use trailmark_wire::ids::{OrderKey, PartnerKey};
use trailmark_wire::money::Currency;

use super::{NOW, answer, named};

/// A recorded answer's body.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../fixtures/partnero/", $name, ".json"))
    };
}
use fixture;

fn opened(dialect: Dialect) -> Adapter {
    let settings =
        Settings::of(dialect).with_secret("api_key", "pk_partnero_0001").with_secret("webhook_secret", "whs_1");
    named("partnero").open(&settings).unwrap()
}

fn adapter() -> Adapter {
    opened(Dialect::Current)
}

/// Ada's signup by the link of partner `ref_123`.
fn signup() -> Task {
    Task { click_id: None, partner: Some(PartnerKey::new("ref_123").unwrap()), ..super::signup() }
}

/// Ada's order `o_1001` of an amount in minor units.
fn sale(amount_minor: i64, currency: &str) -> Task {
    let currency = Currency::new(currency).unwrap();
    let order = Order { key: OrderKey::new("o_1001").unwrap(), amount_minor, currency, items: Vec::new() };
    Task { kind: Kind::Sale, order: Some(order), ..signup() }
}

/// Refund `r_2001` of so much of Ada's order of 12.30 EUR, of which `refunded_minor` was given back before.
fn refund(amount_minor: i64, refunded_minor: i64) -> Task {
    let task = sale(amount_minor, "EUR");
    let sale = task.order.unwrap();
    let earlier = EarlierSale {
        occurred_at: NOW.plus(-86_400_000),
        amount_minor: 1230,
        refunded_minor,
        currency: sale.currency,
        items: Vec::new(),
        reference: Some("o_1001".into()),
        refund_reference: None,
    };
    Task {
        kind: Kind::Refund,
        refund_of: Some(sale.key.clone()),
        sale: Some(earlier),
        order: Some(Order { key: OrderKey::new("r_2001").unwrap(), ..sale }),
        is_unsent: true,
        may_have_acted: false,
        ..task
    }
}

/// One line: method, path, and the body.
fn line(request: &Request) -> String {
    let path = request.url.expose().trim_start_matches("https://api.partnero.com");
    let body = request.body.as_ref().map(|body| format!(" {}", String::from_utf8(body.clone()).unwrap()));
    format!("{} {path}{}", request.method.as_str(), body.unwrap_or_default())
}

/// The requests of a call under these answers, and what the last answer leads to.
fn driven<T>(mut call: Call<Step<T>>, answers: &[Answer]) -> (Vec<String>, T) {
    let mut lines = Vec::new();
    for answer in answers {
        lines.push(line(&call.request));
        match (call.read)(answer) {
            Step::Done(end) => return (lines, end),
            Step::Next(next) => call = next,
        }
    }
    panic!("{} answers do not settle it: {lines:?}", answers.len());
}

fn planned(task: &Task) -> (Call<Step<Outcome>>, Class, Vec<String>) {
    match adapter().delivery.plan(task).unwrap() {
        Plan::Send { call, class, credential, notes } => {
            assert_eq!(credential, "api_key");
            (call, class, notes.iter().map(ToString::to_string).collect())
        }
        other => panic!("nothing to send: {other:?}"),
    }
}

/// What sending comes to.
fn sent(task: &Task, answers: &[Answer]) -> String {
    outcome(driven(planned(task).0, answers).1)
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::AuthFailed { message } => format!("auth failed | {message}"),
        Outcome::Conflict { message } => format!("conflict | {message}"),
        Outcome::Duplicate { message } => format!("duplicate | {message}"),
        Outcome::Forbidden { message } => format!("forbidden | {message}"),
        Outcome::Ignored { message } => format!("ignored | {message}"),
        Outcome::Missing { message } => format!("missing | {message}"),
        Outcome::NotNeeded { message } => format!("not needed | {message}"),
        Outcome::Premature { message } => format!("premature | {message}"),
        Outcome::Recorded { reference } => format!("recorded | {}", reference.unwrap_or_default()),
        Outcome::Rejected { message } => format!("rejected | {message}"),
        Outcome::Rekeyed { message, reference } => format!("rekeyed | {message} | {reference}"),
        Outcome::Retry { message, .. } => format!("retry | {message}"),
        Outcome::Throttled { .. } => "throttled".into(),
        Outcome::Unknown { message } => format!("unknown | {message}"),
        Outcome::Unverified { reference } => format!("unverified | {}", reference.unwrap_or_default()),
    }
}

/// What a look-up comes to.
fn looked_up(task: &Task, answers: &[Answer]) -> String {
    match driven(adapter().delivery.look_up(task).unwrap(), answers).1 {
        LookUp::Absent => "absent".into(),
        LookUp::AuthFailed => "auth failed".into(),
        LookUp::Differs { message } => format!("differs | {message}"),
        LookUp::Found { reference } => format!("found | {}", reference.unwrap_or_default()),
        LookUp::Inconclusive { message, .. } => format!("inconclusive | {message}"),
    }
}

/// A transaction under the order's key, as a list shows it.
fn shown(amount: &Value) -> Value {
    json!({
        "key": "o_1001", "action": "sale", "amount": amount, "amount_units": "EUR", "customer": {"key": "u_1"},
        "partner": "partner_123", "deleted_at": null,
    })
}

/// The last page of a list.
fn page(items: &[Value]) -> Answer {
    listed(items, None)
}

fn listed(items: &[Value], next: Option<&str>) -> Answer {
    let links = json!({"first": "https://api.partnero.com/v1/x?page=1", "last": null, "prev": null, "next": next});
    let meta = json!({"current_page": 1, "from": 1, "path": "x", "per_page": 100, "to": items.len()});
    answer(200, &json!({"data": items, "links": links, "meta": meta, "status": 1}).to_string())
}
