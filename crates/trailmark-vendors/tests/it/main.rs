//! The adapters through their public surface: a task or an answer goes in, text comes out. Answers under
//! `fixtures/partnerstack/` have the shapes of the vendor's documents, one file a status. No network, no clock.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod account;
mod answers;
mod capabilities;
mod changes;
mod commissions;
mod guide;
mod hints;
mod introw;
mod lists;
mod look_up;
mod orders;
mod partnero;
mod partnerize;
mod partners;
mod redaction;
mod signups;
mod webhooks;

use trailmark_vendors::account::{AccountError, Settings};
use trailmark_vendors::command::{Ask, Record, Refusal, Reply, Value, Values};
use trailmark_vendors::commission::{Earned, Standing};
use trailmark_vendors::exchange::{Answer, Call, Request, Step};
use trailmark_vendors::outcome::{LookUp, Outcome, Probe};
use trailmark_vendors::secret::Secret;
use trailmark_vendors::task::{Field, Plan, Rejection, Task};
use trailmark_vendors::webhook::Meaning;
use trailmark_vendors::{Adapter, Dialect, Vendor, vendor};
use trailmark_wire::conversion::{Customer, Kind};
use trailmark_wire::ids::{ClickId, ConversionId, CustomerKey, PartnerKey, ProgramId, SiteId};
use trailmark_wire::text_map::TextMap;
use trailmark_wire::time::UnixMillis;

/// 2026-11-21T08:00:00Z, when every answer arrives.
const NOW: UnixMillis = UnixMillis(1_795_248_000_000);

/// A recorded answer's body.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/partnerstack/", $name, ".json"))
    };
}
pub(crate) use fixture;

/// A PartnerStack account's settings, by name.
#[derive(Debug, Clone, Default)]
struct Account {
    dialect: Dialect,
    public_key: Option<Secret>,
    private_key: Option<Secret>,
    tracking_token: Option<Secret>,
    base_url: Option<String>,
    tracking_url: Option<String>,
}

impl Account {
    fn settings(&self) -> Settings {
        let secrets = [
            ("public_key", &self.public_key),
            ("private_key", &self.private_key),
            ("tracking_token", &self.tracking_token),
        ];
        let texts = [("base_url", &self.base_url), ("tracking_url", &self.tracking_url)];
        let mut settings = Settings::of(self.dialect);
        settings.secrets.extend(secrets.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        settings.texts.extend(texts.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        settings
    }
}

fn account() -> Account {
    Account {
        public_key: Some(Secret::new("pk_test")),
        private_key: Some(Secret::new("sk_test_private")),
        tracking_token: Some(Secret::new("tt_tracking")),
        ..Account::default()
    }
}

/// An account, whose requests and readings the tests look at one by one.
#[derive(Debug)]
struct Opened(Adapter);

impl Opened {
    fn plan(&self, task: &Task) -> Result<Plan, Rejection> {
        self.0.delivery.plan(task)
    }

    /// What the answer to what was planned came to.
    fn read(&self, task: &Task, answer: &Answer) -> Outcome {
        match self.plan(task).unwrap() {
            Plan::Send { call, .. } => match (call.read)(answer) {
                Step::Done(outcome) => outcome,
                Step::Next(next) => panic!("{} is next", next.request.label),
            },
            other => panic!("nothing to send: {other:?}"),
        }
    }

    fn look_up(&self, task: &Task) -> Option<Request> {
        self.0.delivery.look_up(task).map(|call| call.request)
    }

    fn looked_up(&self, task: &Task, answer: &Answer) -> Step<LookUp> {
        (self.0.delivery.look_up(task).unwrap().read)(answer)
    }

    /// The request that follows upon a page of a look-up.
    fn look_up_next(&self, task: &Task, answer: &Answer) -> Option<Request> {
        match self.looked_up(task, answer) {
            Step::Next(call) => Some(call.request),
            Step::Done(_) => None,
        }
    }

    fn read_look_up(&self, task: &Task, answer: &Answer) -> LookUp {
        match self.looked_up(task, answer) {
            Step::Done(found) => found,
            Step::Next(_) => LookUp::Inconclusive { message: "another page".into(), not_before: None },
        }
    }

    fn probe(&self, credential: &str) -> Option<Request> {
        self.0.delivery.probe(credential).map(|call| call.request)
    }

    fn read_probe(&self, answer: &Answer) -> Probe {
        (self.0.delivery.probe(self.0.reading_credential).unwrap().read)(answer)
    }

    fn needs(&self, kind: Kind, has_click_id: bool) -> &'static [Field] {
        self.0.delivery.needs(kind, has_click_id)
    }

    fn follows(&self, kind: Kind) -> Option<Kind> {
        self.0.delivery.follows(kind)
    }

    fn hosts(&self) -> Vec<String> {
        self.0.hosts.clone()
    }

    fn commission(&self, earned: &Earned) -> Option<Call<Step<Standing>>> {
        self.0.commissions.as_ref().unwrap().ask(earned)
    }

    fn read_webhook(&self, body: &[u8]) -> Meaning {
        self.0.webhooks.as_ref().unwrap().read(body)
    }

    /// The first request of a command, such as `customers list`; a refusal if the dialect lacks it.
    fn ask(&self, words: &str, values: &Values) -> Result<Ask<Reply>, Refusal> {
        let vendor = named(self.0.vendor);
        let offered = vendor.commands(self.0.dialect).into_iter();
        let mut offered = offered.filter(|command| format!("{} {}", command.noun, command.verb) == words);
        let lacking = || vendor.lacking().iter().find(|lack| format!("{} {}", lack.noun, lack.verb) == words);
        match offered.next() {
            Some(command) => self.0.commands.as_ref().unwrap().start(command, values),
            None => Err(Refusal::Unsupported { why: lacking().map_or("no such command", |lack| lack.why) }),
        }
    }
}

/// The values of a command: its key, if it takes one, and its flags.
fn values(key: &str, flags: &[(&'static str, Value)]) -> Values {
    Values { key: key.into(), flags: flags.iter().cloned().collect() }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// The items of a page, and the request for the next one.
#[track_caller]
fn paged(reply: Reply) -> (Vec<Record>, Option<Ask<Reply>>) {
    match reply {
        Reply::Page { items, next } => (items, next),
        other => panic!("no page: {other:?}"),
    }
}

#[track_caller]
fn done(reply: Reply) -> Record {
    match reply {
        Reply::Done(record) => record,
        other => panic!("not done: {other:?}"),
    }
}

/// A text of a record, or a dash.
fn told<'r>(record: &'r Record, name: &str) -> &'r str {
    record.get(name).and_then(serde_json::Value::as_str).unwrap_or("-")
}

fn named(name: &str) -> &'static dyn Vendor {
    vendor(name).unwrap()
}

fn opened(account: &Account) -> Result<Adapter, AccountError> {
    named("partnerstack").open(&account.settings())
}

fn partnerstack(account: &Account) -> Box<Opened> {
    Box::new(Opened(opened(account).unwrap()))
}

/// With a key pair and a tracking token.
fn adapter() -> Box<Opened> {
    partnerstack(&account())
}

/// Ada's signup after a click; tests take away what they are about.
fn signup() -> Task {
    Task {
        site: SiteId::new("acme").unwrap(),
        program: ProgramId::new("main").unwrap(),
        conversion: ConversionId::from_parts(NOW, [7; 10]),
        kind: Kind::Signup,
        occurred_at: NOW,
        customer: Some(Customer {
            key: CustomerKey::new("u_1").unwrap(),
            email: Some("ada@example.com".into()),
            name: Some("Ada Lovelace".into()),
        }),
        order: None,
        refund_of: None,
        sale: None,
        customer_reference: None,
        click_id: Some(ClickId::new("xid123").unwrap()),
        partner: Some(PartnerKey::new("acme").unwrap()),
        data: TextMap::new(),
        reference: None,
        touch_used_by: None,
        is_unsent: false,
        may_have_acted: true,
    }
}

/// The same without a click id, which makes it `POST /v2/customers`.
fn signup_without_click() -> Task {
    Task { click_id: None, ..signup() }
}

fn with_key(task: Task, key: &str) -> Task {
    let customer = task.customer.map(|customer| Customer { key: CustomerKey::new(key).unwrap(), ..customer });
    Task { customer, ..task }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: body.into(), at: NOW }
}

fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Answer { headers, ..answer(status, body) }
}

fn sent(vendor: &Opened, task: &Task) -> Request {
    match vendor.plan(task).unwrap() {
        Plan::Send { call, .. } => call.request,
        other => panic!("nothing to send: {other:?}"),
    }
}

/// One partner by this key.
fn one_partner(vendor: &Opened, key: &str) -> Ask<Reply> {
    vendor.ask("partners get", &values(key, &[])).unwrap()
}

/// Every partner.
fn all_partners(vendor: &Opened) -> Ask<Reply> {
    vendor.ask("partners list", &Values::default()).unwrap()
}

/// A request as it goes over the wire, credentials and all.
fn rendered(request: &Request) -> String {
    let mut text = format!("{} {}\n", request.method.as_str(), request.url.expose());
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {}\n", value.expose()));
    }
    if let Some(body) = &request.body {
        text.push_str(&format!("\n{}\n", String::from_utf8(body.clone()).unwrap()));
    }
    text
}
