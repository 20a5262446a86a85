//! Partnerize: what is shared by its tests. Answers under `fixtures/partnerize/` have the shapes of the vendor's documents.

mod answers;
mod commands;
mod commissions;
mod conversions;
mod look_ups;
mod money;
mod redaction;
mod refunds;
mod users;

use trailmark_vendors::account::{AccountError, Settings};
use trailmark_vendors::command::{Ask, Record, Refusal, Reply, Value, Values};
use trailmark_vendors::exchange::{Answer, Call, Step};
use trailmark_vendors::outcome::{LookUp, Outcome};
use trailmark_vendors::task::{EarlierSale, Plan, Task};
use trailmark_vendors::{Adapter, Dialect};
use trailmark_wire::conversion::{Item, Kind, Order};
use trailmark_wire::ids::{ClickId, OrderKey};
use trailmark_wire::money::Currency;

use super::{NOW, answer, named, rendered, signup};

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/partnerize/", $name, ".json"))
    };
}
pub(crate) use recorded;

/// An account's settings; `guide` sends its keys in headers.
fn settings(dialect: Dialect) -> Settings {
    Settings::of(dialect)
        .with_secret("application_key", "app_key_1234")
        .with_secret("user_api_key", "user_key_5678")
        .with_text("campaign_id", "10l176")
}

fn opened(settings: &Settings) -> Result<Adapter, AccountError> {
    named("partnerize").open(settings)
}

fn current() -> Adapter {
    opened(&settings(Dialect::Current)).unwrap()
}

fn guide() -> Adapter {
    opened(&settings(Dialect::Guide)).unwrap()
}

/// Ada's signup after a click of Partnerize.
fn ada() -> Task {
    Task { click_id: Some(ClickId::new("1011lAbCdE").unwrap()), partner: None, ..signup() }
}

fn order(key: &str, amount_minor: i64, currency: &str, items: Vec<Item>) -> Order {
    let currency = Currency::new(currency).unwrap();
    Order { key: OrderKey::new(key).unwrap(), amount_minor, currency, items }
}

fn item(sku: &str, category: Option<&str>, unit_amount_minor: i64, quantity: u32) -> Item {
    Item { sku: sku.into(), category: category.map(str::to_owned), unit_amount_minor, quantity }
}

/// Ada's order `o_1001`.
fn sale(amount_minor: i64, currency: &str, items: Vec<Item>) -> Task {
    Task { kind: Kind::Sale, order: Some(order("o_1001", amount_minor, currency, items)), ..ada() }
}

/// Refund `r_2001` of a sale of 29.00 EUR, of which `refunded_minor` came back before.
fn refund(amount_minor: i64, refunded_minor: i64) -> Task {
    let earlier = EarlierSale {
        occurred_at: NOW,
        amount_minor: 2900,
        refunded_minor,
        currency: Currency::new("EUR").unwrap(),
        items: Vec::new(),
        reference: Some("111111l10".into()),
        refund_reference: None,
    };
    Task {
        kind: Kind::Refund,
        order: Some(order("r_2001", amount_minor, "EUR", Vec::new())),
        refund_of: Some(OrderKey::new("o_1001").unwrap()),
        sale: Some(earlier),
        ..ada()
    }
}

/// The call of a plan.
fn planned(adapter: &Adapter, task: &Task) -> Call<Step<Outcome>> {
    match adapter.delivery.plan(task).unwrap() {
        Plan::Send { call, .. } => call,
        other => panic!("nothing to send: {other:?}"),
    }
}

fn notes(task: &Task) -> Vec<String> {
    match current().delivery.plan(task).unwrap() {
        Plan::Send { notes, .. } => notes.iter().map(ToString::to_string).collect(),
        other => panic!("nothing to send: {other:?}"),
    }
}

fn refused(task: &Task) -> String {
    current().delivery.plan(task).unwrap_err().to_string()
}

/// An answer a day after the conversion, when the window around it no longer reaches past the answer.
fn later(status: u16, body: &str) -> Answer {
    Answer { at: NOW.plus(24 * 60 * 60 * 1000), ..answer(status, body) }
}

/// Answers one request after another, until the answers are used up or settle it; also what was sent.
fn run<T>(call: Call<Step<T>>, answers: &[Answer]) -> (Vec<String>, Option<T>) {
    let mut sent = vec![rendered(&call.request)];
    let mut call = call;
    for answer in answers {
        match (call.read)(answer) {
            Step::Done(done) => return (sent, Some(done)),
            Step::Next(next) => {
                sent.push(rendered(&next.request));
                call = next;
            }
        }
    }
    (sent, None)
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Recorded { reference } => format!("recorded {}", reference.clone().unwrap_or_default()),
        Outcome::Unverified { reference } => format!("unverified {}", reference.clone().unwrap_or_default()),
        Outcome::Throttled { until } => format!("throttled {}", until.map_or(0, |until| until.since(NOW) / 1000)),
        Outcome::AuthFailed { message } => format!("auth failed | {message}"),
        Outcome::Forbidden { message } => format!("forbidden | {message}"),
        Outcome::Ignored { message } => format!("ignored | {message}"),
        Outcome::Missing { message } => format!("missing | {message}"),
        Outcome::Premature { message } => format!("premature | {message}"),
        Outcome::Rejected { message } => format!("rejected | {message}"),
        Outcome::Retry { message, .. } => format!("retry | {message}"),
        Outcome::Unknown { message } => format!("unknown | {message}"),
        other => format!("{other:?}"),
    }
}

fn found(looked_up: &LookUp) -> String {
    match looked_up {
        LookUp::Absent => "absent".into(),
        LookUp::AuthFailed => "auth failed".into(),
        LookUp::Differs { message } => format!("differs | {message}"),
        LookUp::Found { reference } => format!("found {}", reference.clone().unwrap_or_default()),
        LookUp::Inconclusive { message, .. } => format!("inconclusive | {message}"),
    }
}

/// A page of the report with these entries.
fn report(entries: &[serde_json::Value], next: Option<&str>) -> String {
    let entries: Vec<_> = entries.iter().map(|entry| serde_json::json!({"conversion_data": entry})).collect();
    let pagination = serde_json::json!({"next_page": next});
    serde_json::json!({"count": entries.len(), "limit": 300, "conversions": entries, "hypermedia": {"pagination": pagination}})
        .to_string()
}

/// The entry of Ada's order in the recorded report.
fn entry() -> serde_json::Value {
    let report: serde_json::Value = serde_json::from_str(recorded!("200_report")).unwrap();
    report["conversions"][1]["conversion_data"].clone()
}

/// Starts a command by its noun and verb.
fn start(adapter: &Adapter, name: &str, key: &str, flags: &[(&'static str, Value)]) -> Result<Ask<Reply>, Refusal> {
    let (noun, verb) = name.split_once(' ').unwrap();
    let offered = named("partnerize").commands(adapter.dialect);
    let command = offered.into_iter().find(|command| (command.noun, command.verb) == (noun, verb)).unwrap();
    for (name, _) in flags {
        assert!(command.inputs.iter().any(|input| input.name == *name), "`{name}` is a flag of {noun} {verb}");
    }
    let values = Values { key: key.into(), flags: flags.iter().cloned().collect() };
    adapter.commands.as_ref().unwrap().start(command, &values)
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Answers a command's requests; what was sent, and the last reply.
fn answered(ask: Ask<Reply>, answers: &[Answer]) -> (Vec<String>, Result<Reply, Outcome>) {
    let mut sent = vec![rendered(&ask.request)];
    let mut ask = ask;
    for answer in answers {
        match (ask.read)(answer) {
            Ok(Reply::Next(next) | Reply::Later { next, .. }) => {
                sent.push(rendered(&next.request));
                ask = next;
            }
            settled => return (sent, settled),
        }
    }
    panic!("more requests than answers: {sent:?}");
}

fn done(reply: Result<Reply, Outcome>) -> Record {
    match reply {
        Ok(Reply::Done(record)) => record,
        other => panic!("not done: {other:?}"),
    }
}

/// The items of a page as JSON, and the next request.
fn page(reply: Result<Reply, Outcome>) -> (Vec<String>, Option<String>) {
    match reply {
        Ok(Reply::Page { items, next }) => {
            let items = items.iter().map(|item| serde_json::to_string(item).unwrap()).collect();
            (items, next.map(|next| rendered(&next.request)))
        }
        other => panic!("no page: {other:?}"),
    }
}

/// The first lines of requests: method and URL.
fn lines(sent: &[String]) -> Vec<&str> {
    sent.iter().map(|request| request.lines().next().unwrap()).collect()
}

#[test]
fn the_keys_and_the_campaign_are_needed_and_each_dialect_sends_the_keys_its_way() {
    let error = |settings: Settings| opened(&settings).unwrap_err().to_string();
    let without = |name: &str| {
        let mut settings = settings(Dialect::Current);
        settings.secrets.retain(|setting, _| *setting != name);
        settings.texts.retain(|setting, _| *setting != name);
        error(settings)
    };
    assert_eq!(without("application_key"), "`application_key` is missing: partnerize needs it (user name of its API)");
    assert_eq!(without("user_api_key"), "`user_api_key` is missing: partnerize needs it (password of its API)");
    assert!(without("campaign_id").starts_with("`campaign_id` is missing: "));
    let odd = settings(Dialect::Current).with_text("campaign_id", "10l176/clickref:x");
    assert_eq!(error(odd), "`campaign_id` of partnerize must be an id of letters and digits, such as 10l176");
    assert!(
        error(settings(Dialect::Current).with_text("auth", "query")).contains("must be `basic` in dialect `current`")
    );
    let colon = settings(Dialect::Current).with_secret("application_key", "a:b");
    assert!(error(colon).contains("contains a colon"));

    let probe =
        |settings: Settings| rendered(&opened(&settings).unwrap().delivery.probe("user_api_key").unwrap().request);
    assert_eq!(
        probe(settings(Dialect::Current)),
        "GET https://api.partnerize.com/network\naccept: application/json\n\
         authorization: Basic YXBwX2tleV8xMjM0OnVzZXJfa2V5XzU2Nzg=\n"
    );
    assert_eq!(
        probe(settings(Dialect::Guide)),
        "GET https://api.partnerize.com/user/self\naccept: application/json\nx-application-key: app_key_1234\n\
         x-user-api-key: user_key_5678\n"
    );
    assert_eq!(
        probe(settings(Dialect::Guide).with_text("auth", "query")),
        "GET https://api.partnerize.com/user/self?application_key=app_key_1234&user_api_key=user_key_5678\n\
         accept: application/json\n"
    );
    assert!(probe(settings(Dialect::Guide).with_text("auth", "basic")).contains("authorization: Basic "));
    assert!(current().delivery.probe("").is_none(), "the tracking host has no credential");
    assert_eq!(current().hosts, ["api.partnerize.com", "prf.hn"]);
}

#[test]
fn a_probe_believes_the_vendors_own_answer_alone() {
    use trailmark_vendors::outcome::Probe;
    let probe = |adapter: &Adapter, status, body: &str| {
        (adapter.delivery.probe("user_api_key").unwrap().read)(&answer(status, body))
    };
    let current = current();
    assert_eq!(probe(&current, 200, r#"{"count":1,"networks":[{"network":{"network_id":"1l10"}}]}"#), Probe::Good);
    assert_eq!(probe(&guide(), 200, r#"{"user":{"user_id":"123"}}"#), Probe::Good);
    for body in ["", "<html>", "{}", r#"{"user":{}}"#] {
        assert_eq!(probe(&current, 200, body), Probe::Unclear, "{body}");
    }
    assert_eq!(probe(&current, 401, "<html>"), Probe::Refused);
    assert_eq!(probe(&current, 403, r#"{"error":{"message":"no","code":"403"}}"#), Probe::Refused);
    assert_eq!(probe(&current, 403, "<html>"), Probe::Unclear);
    assert_eq!(probe(&current, 500, ""), Probe::Unclear);
}
