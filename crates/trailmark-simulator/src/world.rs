//! All state of one simulator, and the way of a call through it: counted, struck by faults, processed, logged.
//!
//! No I/O: the server reads the call before, and carries out the [`Conduct`] after.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::json;

use crate::call::{Answer, Call};
use crate::clock::Clock;
use crate::faults::{Fault, Faults, Kind};
use crate::kept::Kept;
use crate::log::{Effects, Entry, Errand, Requests, body_of, query_of, text_of};
use crate::partnerstack::{self, Outgoing, PartnerStack};
use crate::postman::{Sent, Unsent};
use crate::settings::Settings;

/// Sent webhooks kept; older ones are dropped.
const SENT_KEPT: usize = 10_000;

/// Clock, faults, records and simulated vendors.
#[derive(Debug)]
pub(crate) struct World {
    settings: Settings,
    /// Counts resets: a webhook from before a reset is not sent after it.
    pub(crate) life: u64,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    pub(crate) effects: Effects,
    pub(crate) partnerstack: PartnerStack,
    /// The last [`SENT_KEPT`] webhooks that were sent.
    pub(crate) sent: VecDeque<Sent>,
    /// Webhooks that a person wrote, to be sent.
    pub(crate) words: Vec<Outgoing>,
    /// The file that outlives it, if there is one.
    kept: Option<Kept>,
}

/// What the server must do for one call.
pub(crate) struct Conduct {
    /// Milliseconds to wait before the answer; real time.
    pub(crate) delay_ms: u64,
    pub(crate) answer: Answer,
    pub(crate) ending: Ending,
}

/// How an answer reaches the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    /// It announces more than it sends, then the connection closes.
    Torn,
    /// No answer: the connection is reset.
    Reset,
}

impl World {
    /// Goes on with what the file of the settings holds, if they name one.
    ///
    /// # Errors
    /// That file cannot be used.
    pub(crate) fn open(settings: Settings) -> io::Result<Self> {
        let file = settings.state.clone();
        let mut world = Self::at(Clock::with_file(settings.listen.port()), settings);
        let open = |file| Kept::open(file, &mut world.clock, &mut world.partnerstack);
        world.kept = file.map(open).transpose()?;
        Ok(world)
    }

    /// Writes what has changed to the file, if there is one.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        self.kept.as_mut().map_or(Ok(()), |kept| kept.save(&self.clock, &self.partnerstack))
    }

    /// Whether a restart goes on with what is there.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    fn at(clock: Clock, settings: Settings) -> Self {
        Self {
            life: 0,
            clock,
            faults: Faults::default(),
            requests: Requests::default(),
            effects: Effects::default(),
            partnerstack: PartnerStack::new(&settings),
            sent: VecDeque::new(),
            words: Vec::new(),
            kept: None,
            settings,
        }
    }

    /// Back to the state after a first start, including the clock.
    pub(crate) fn reset(&mut self) {
        let (life, kept, mut clock) = (self.life + 1, self.kept.take(), std::mem::take(&mut self.clock));
        clock.reset();
        *self = Self { life, kept, ..Self::at(clock, self.settings.clone()) };
    }

    /// The webhooks that became due since the last call.
    pub(crate) fn news(&mut self) -> Vec<Unsent> {
        let mut news = self.partnerstack.news();
        news.append(&mut self.words);
        let life = self.life;
        news.into_iter().map(|outgoing| Unsent { outgoing, life }).collect()
    }

    /// Records the result of a webhook.
    pub(crate) fn note(&mut self, sent: Sent) {
        if self.sent.len() == SENT_KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    /// The listening address, with the real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.settings.listen
    }

    /// The page to which partner links lead.
    pub(crate) fn landing_url(&self) -> &str {
        &self.settings.landing_url
    }

    /// Passes a call to a simulated vendor.
    pub(crate) fn take(&mut self, call: &Call) -> Conduct {
        let now_ms = self.clock.now_ms();
        let Some(errand) = PartnerStack::errand(call) else {
            let answer = Answer::json(StatusCode::NOT_FOUND, &json!({ "message": "no double answers at this path" }));
            return Conduct { delay_ms: 0, answer, ending: Ending::Whole };
        };
        if let Some(subject) = errand.subject() {
            self.effects.tally(subject).receive(now_ms);
        }
        let strike = self.faults.strike(errand.vendor, call, now_ms);
        let (answer, ending) = match &strike.fault {
            None => (self.process(call, &errand, now_ms), Ending::Whole),
            Some(fault) => self.suffer(fault, call, &errand, now_ms),
        };
        let status = (ending != Ending::Reset).then_some(answer.status);
        self.requests.push(entry(call, errand, status, strike.kind(), now_ms));
        Conduct { delay_ms: strike.delay_ms, answer, ending }
    }

    fn process(&mut self, call: &Call, errand: &Errand, now_ms: i64) -> Answer {
        let answer = self.partnerstack.answer(call, now_ms);
        if let Some(subject) = errand.subject() {
            self.effects.tally(subject).process(answer.status.is_client_error(), answer.effects, now_ms);
        }
        answer
    }

    fn suffer(&mut self, fault: &Fault, call: &Call, errand: &Errand, now_ms: i64) -> (Answer, Ending) {
        match fault.kind() {
            Kind::Status => (refusal(fault), Ending::Whole),
            Kind::Html => (page(fault), Ending::Whole),
            Kind::Body => (Answer::text(fault.status(), fault.body()), Ending::Whole),
            Kind::Redirect => (redirect(fault), Ending::Whole),
            Kind::ResetBefore => (Answer::empty(StatusCode::OK), Ending::Reset),
            Kind::ResetAfter => (self.process(call, errand, now_ms), Ending::Reset),
            Kind::Truncate => (self.process(call, errand, now_ms), Ending::Torn),
            Kind::Delay => (self.process(call, errand, now_ms), Ending::Whole),
        }
    }
}

fn refusal(fault: &Fault) -> Answer {
    let answer = partnerstack::error(fault.status(), fault.message().unwrap_or("fault ordered by the test"));
    match fault.retry_after() {
        Some(hint) => answer.with_header(RETRY_AFTER, hint),
        None => answer,
    }
}

fn page(fault: &Fault) -> Answer {
    let message = fault.message().unwrap_or("The server is temporarily unable to serve you.");
    let text = message.replace('&', "&amp;").replace('<', "&lt;");
    Answer::html(fault.status(), format!("<!doctype html><title>Gateway</title><h1>{text}</h1>"))
}

fn redirect(fault: &Fault) -> Answer {
    match fault.location() {
        Some(location) => Answer::redirect(fault.status(), location),
        None => Answer::empty(fault.status()),
    }
}

fn entry(call: &Call, errand: Errand, status: Option<StatusCode>, fault: Option<Kind>, now_ms: i64) -> Entry {
    Entry {
        seq: 0,
        at_ms: now_ms,
        vendor: errand.vendor,
        method: call.method.to_string(),
        path: text_of(&call.path),
        query: query_of(call),
        status: status.map(|status| status.as_u16()),
        fault,
        operation: errand.operation,
        external_key: errand.external_key,
        authorization: call.authorization.scheme(),
        content_type: call.content_type.as_deref().map(text_of),
        user_agent: call.user_agent.as_deref().map(text_of),
        body: body_of(call),
    }
}
