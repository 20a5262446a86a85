//! Every event in every state: what the core asks for at once. The table is `steps.txt`; a cell that is missing, or that says
//! otherwise, fails. Nothing runs but [`Tracker::step`]: no clock, no proxy, no browser.

use std::fmt::Write as _;

use serde_json::{Value, json};
use trailmark::consent::State::{self, Denied, Granted, Pending};
use trailmark::page::{Done, Effect, Event, Page as _, Work};
use trailmark::tracker::Tracker;

use crate::support::{MemoryPage, NOW, Reply, TOUCHED, ada, answer, arrival, carrying, settings, touched};

/// A tracker, and the effects that it waits for.
struct Bench {
    page: MemoryPage,
    tracker: Tracker,
    open: Vec<(u32, Work)>,
    calls: u32,
    said: Vec<String>,
}

/// What happens to it, by the names of the table.
const EVENTS: [&str; 15] = [
    "ready",
    "touch",
    "reference",
    "signup",
    "nonsense",
    "drain",
    "resume",
    "consent granted",
    "consent denied",
    "consent pending",
    "success",
    "refusal",
    "failure",
    "time",
    "unknown",
];

impl Bench {
    fn new(page: MemoryPage, url: &str, consent: State) -> Self {
        let (tracker, effects) = Tracker::start(&page, settings(consent), arrival(url));
        let mut bench = Self { page, tracker, open: Vec::new(), calls: 0, said: Vec::new() };
        bench.note(effects);
        bench
    }

    /// A document that arrives with a touch.
    fn granted() -> Self {
        Self::new(MemoryPage::new(), TOUCHED, Granted)
    }

    /// One that was told of it.
    fn touched() -> Self {
        let mut bench = Self::granted();
        ["success", "success"].iter().for_each(|event| bench.happen(event));
        bench
    }

    /// One with a conversion of an earlier page.
    fn waiting() -> Self {
        let bench = Self::touched();
        let id = "0199aaaa-0000-7000-8000-000000000001";
        let kept = json!({ "id": id, "at": NOW.0, "kind": "signup", "input": ada().to_string() });
        bench.page.store(&["tm_acme_queue_", id].concat(), &kept.to_string());
        bench
    }

    /// One without a touch, to which the flag cookie came later.
    fn flagged() -> Self {
        let bench = Self::new(MemoryPage::new(), "https://shop.example/", Granted);
        bench.page.set_cookies("tm_acme=1");
        bench
    }

    /// One that an earlier page was told of, on a site with another host.
    fn carrying() -> Self {
        let page = MemoryPage::new();
        let kept = said(carrying(touched(NOW, "ada"), &["https://app.example"])).text;
        page.store("tm_acme_click", &kept);
        Self::new(page, "https://shop.example/", Granted)
    }

    fn note(&mut self, effects: Vec<Effect>) {
        for Effect { number, work } in effects {
            let said = match &work {
                Work::Answer(json) => shown(&serde_json::from_str(json).unwrap()),
                Work::Sleep(ms) => format!("sleep {ms}"),
                Work::Key(_) => "key".to_owned(),
                Work::Sign(_) => "sign".to_owned(),
                Work::Send { url, body } if body.is_empty() => format!("DELETE {}", url.replace("/tm/v1/", "")),
                Work::Send { url, .. } => format!("POST {}", url.replace("/tm/v1/", "")),
                Work::Carry { .. } => "carry".to_owned(),
                Work::Forget => "forget".to_owned(),
            };
            self.said.push(said);
            if !matches!(work, Work::Answer(_)) {
                self.open.push((number, work));
            }
        }
    }

    /// The end of the latest effect that is, or is not, a timer.
    fn end(&mut self, is_timer: bool, how: &str) -> Option<Event> {
        let place = self.open.iter().rposition(|(_, work)| matches!(work, Work::Sleep(_)) == is_timer)?;
        let (ticket, work) = self.open.remove(place);
        let mut done = match (how, work) {
            ("success", Work::Key(_)) => Done { text: [X, X, X].join("\0"), ..Done::default() },
            ("success", Work::Sign(_)) => Done { text: [X, X].concat(), ..Done::default() },
            ("success", Work::Send { url, body }) if url.ends_with("/clicks") && !body.is_empty() => {
                said(touched(NOW, "ada"))
            }
            ("success", Work::Carry { .. }) => Done { status: 200, ..Done::default() },
            ("success", Work::Send { body, .. }) if body.is_empty() => Done { status: 204, ..Done::default() },
            ("success", Work::Send { .. }) => said(answer(202, json!({ "status": "accepted" }))),
            ("refusal", Work::Send { url, .. }) if url.ends_with("/conversions") => {
                said(answer(401, json!({ "code": "token_expired" })))
            }
            ("refusal", Work::Send { .. }) => Done { status: 204, ..Done::default() },
            _ => Done::default(),
        };
        done.ticket = ticket;
        Some(Event::Done(done))
    }

    fn happen(&mut self, event: &str) {
        let input = match event {
            "signup" => ada().to_string(),
            "nonsense" => "{}".to_owned(),
            _ => event.strip_prefix("consent ").unwrap_or_default().to_owned(),
        };
        let name = match event {
            "ready" => "",
            "nonsense" => "signup",
            _ if event.starts_with("consent") => "consent",
            _ => event,
        };
        let event = match event {
            "success" | "refusal" | "failure" => self.end(false, event),
            "time" => self.end(true, event),
            "unknown" => Some(Event::Done(Done { ticket: 999, ..Done::default() })),
            _ => {
                self.calls += 1;
                Some(Event::Call { call: self.calls, name: name.to_owned(), input })
            }
        };
        self.said.clear();
        if let Some(event) = event {
            let effects = self.tracker.step(&self.page, event);
            self.note(effects);
        }
    }
}

/// 32 bytes in base64url, the shape of a coordinate and of a hash; two of them make a signature.
const X: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn said(reply: Reply) -> Done {
    let Reply::Now(done) = reply else { panic!("no answer") };
    done
}

/// A result: its status and code, or the whole if it has none.
fn shown(result: &Value) -> String {
    match (result["status"].as_str(), result["code"].as_str()) {
        (Some(status), Some(code)) => format!("= {status} {code}"),
        (Some(status), None) => format!("= {status}"),
        _ if result.get("program").is_some() => "= the touch".to_owned(),
        _ => format!("= {result}"),
    }
}

/// A state: its name, how its document begins, and the events that lead to it.
type Case = (&'static str, fn() -> Bench, &'static [&'static str]);

const STATES: [Case; 28] = [
    ("denied", || Bench::new(MemoryPage::new(), TOUCHED, Denied), &[]),
    ("pending", || Bench::new(MemoryPage::new(), TOUCHED, Pending), &[]),
    ("pending, with a signup", || Bench::new(MemoryPage::new(), TOUCHED, Pending), &["signup"]),
    ("arriving", Bench::granted, &[]),
    ("told", Bench::granted, &["success"]),
    ("told, with calls", Bench::granted, &["success", "ready", "touch", "reference", "signup", "drain"]),
    ("told for a second, with calls", Bench::granted, &["success", "time", "touch", "reference", "signup", "drain"]),
    ("untouched", || Bench::new(MemoryPage::new(), "https://shop.example/", Granted), &[]),
    ("touched", Bench::granted, &["success", "success"]),
    ("unanswered", Bench::granted, &["success", "failure"]),
    ("looking again for a signup", Bench::flagged, &["signup"]),
    ("looking again for a touch", Bench::flagged, &["touch"]),
    ("keyed", Bench::touched, &["signup"]),
    ("signed", Bench::touched, &["signup", "success"]),
    ("posted", Bench::touched, &["signup", "success", "success"]),
    ("posted, answered", Bench::touched, &["signup", "success", "success", "time"]),
    ("renewing", Bench::touched, &["signup", "success", "success", "refusal"]),
    ("renewing, told", Bench::touched, &["signup", "success", "success", "refusal", "success"]),
    ("renewing, withdrawn", Bench::touched, &["signup", "success", "success", "refusal", "success", "consent denied"]),
    (
        "renewed",
        Bench::touched,
        &["signup", "success", "success", "refusal", "success", "success", "success", "success"],
    ),
    ("kept", Bench::touched, &["signup", "success", "success", "failure"]),
    ("draining", Bench::waiting, &["drain", "success", "success"]),
    ("held", || Bench::new(MemoryPage::new(), TOUCHED, Pending), &["signup", "consent granted", "success", "success"]),
    ("withdrawing", Bench::touched, &["consent denied"]),
    ("forgetting", Bench::touched, &["consent denied", "success"]),
    ("making a carrier", Bench::carrying, &[]),
    ("signing a carrier", Bench::carrying, &["success"]),
    ("carrying", Bench::carrying, &["success", "success"]),
];

/// The table as it is.
fn steps() -> String {
    let mut table = String::new();
    for (name, begin, events) in STATES {
        // Each cell begins afresh.
        let reach = || {
            let mut bench = begin();
            events.iter().for_each(|event| bench.happen(event));
            bench
        };
        writeln!(table, "\n{name}: {:?}", reach().tracker).unwrap();
        for event in EVENTS {
            let mut bench = reach();
            bench.happen(event);
            let said = if bench.said.is_empty() { "-".to_owned() } else { bench.said.join(", ") };
            writeln!(table, "  {event:<16} {said:<60} -> {:?}", bench.tracker).unwrap();
        }
    }
    table
}

#[test]
fn every_event_in_every_state_asks_for_what_the_table_says() {
    let (written, is) = (include_str!("steps.txt"), steps());
    if std::env::var_os("TRAILMARK_STEPS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/steps.txt"), HEAD.to_owned() + &is).unwrap();
    }
    let table = written.strip_prefix(HEAD).expect("the table begins with its head");
    let mut state = "";
    for (line, (wrote, is)) in table.lines().zip(is.lines()).enumerate() {
        state = if is.starts_with(' ') { state } else { is };
        assert_eq!(wrote, is, "line {} of the table, {state}", line + 1 + HEAD.lines().count());
    }
    assert_eq!(table.lines().count(), is.lines().count(), "a cell is missing");
}

const HEAD: &str = "\
# Every event in every state of the SDK's core: `event  effects -> state`. `=` is the answer to a call, `-` nothing. `success`,
# `refusal` and `failure` end the latest effect that is no timer, `time` ends the latest timer, `unknown` one that nobody waits
# for. Written by tests/sdk/steps.rs with TRAILMARK_STEPS=1; each change of a line is a change of behaviour.
";
