//! All state of one simulator, and the way of a call through it: counted, struck by faults, processed, logged.
//!
//! No I/O: the server reads the call before, and carries out the [`Conduct`] after.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use http::StatusCode;
use serde_json::json;

use crate::call::{Answer, Call};
use crate::clock::Clock;
use crate::crowd::Crowds;
use crate::double::{self, Double};
use crate::exchanges::Exchanges;
use crate::faults::{Fault, Faults, Kind};
use crate::kept::Kept;
use crate::log::{Effects, Entry, Errand, Requests, body_of, headers_of, query_of, text_of};
use crate::postman::{Outgoing, Sent, Unsent, may_be_told};
use crate::settings::Settings;
use crate::violations::{self, Breach, Rule, Violations};

/// Sent webhooks kept, of all doubles; older ones are dropped.
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
    pub(crate) violations: Violations,
    pub(crate) doubles: Vec<Box<dyn Double>>,
    pub(crate) crowds: Crowds,
    /// Where the webhooks of an account go, if the webhook itself does not say.
    addresses: BTreeMap<&'static str, String>,
    /// The last [`SENT_KEPT`] webhooks that were sent.
    pub(crate) sent: VecDeque<Sent>,
    /// Webhooks that a person wrote, to be sent.
    words: Vec<Unsent>,
    /// The file that outlives it, if there is one.
    kept: Option<Kept>,
    exchanges: Exchanges,
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
    pub(crate) fn open(settings: Settings, exchanges: Exchanges) -> io::Result<Self> {
        let file = settings.state.clone();
        let mut world = Self { exchanges, ..Self::at(Clock::with_file(settings.listen.port()), settings) };
        let open = |file| Kept::open(file, &mut world.clock, &mut world.doubles);
        world.kept = file.map(open).transpose()?;
        Ok(world)
    }

    /// Writes what has changed to the files, if there are any.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        self.exchanges.save()?;
        self.kept.as_mut().map_or(Ok(()), |kept| kept.save(&self.clock, &self.doubles))
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
            violations: Violations::default(),
            doubles: double::all(&settings),
            crowds: Crowds::new(),
            addresses: BTreeMap::new(),
            sent: VecDeque::new(),
            words: Vec::new(),
            kept: None,
            exchanges: Exchanges::default(),
            settings,
        }
    }

    /// Back to the state after a first start, including the clock.
    pub(crate) fn reset(&mut self) {
        let (life, kept, mut clock) = (self.life + 1, self.kept.take(), std::mem::take(&mut self.clock));
        let exchanges = std::mem::take(&mut self.exchanges);
        clock.reset();
        *self = Self { life, kept, exchanges, ..Self::at(clock, self.settings.clone()) };
    }

    /// The account with that name, and the place of its double.
    pub(crate) fn account(&self, name: &str) -> Option<(usize, &'static str)> {
        let mut all = self.doubles.iter().enumerate();
        all.find_map(|(place, double)| Some((place, *double.accounts().iter().find(|account| **account == name)?)))
    }

    /// The webhooks that became due since the last call. Those without an address, or with one that is not on this machine,
    /// are dropped.
    pub(crate) fn news(&mut self) -> Vec<Unsent> {
        let now_ms = self.clock.now_ms();
        let due: Vec<Outgoing> = self.doubles.iter_mut().flat_map(|double| double.news(now_ms)).collect();
        let mut news: Vec<Unsent> = due.into_iter().filter_map(|outgoing| self.addressed(outgoing)).collect();
        news.append(&mut self.words);
        news
    }

    /// Sends the webhooks of an account to this address from now on; `None` for nowhere.
    pub(crate) fn point(&mut self, account: &'static str, url: Option<String>) {
        let owner = self.doubles.iter_mut().find(|double| double.accounts().contains(&account));
        if let Some(double) = owner {
            double.listen(account, url.is_some());
        }
        self.addresses.remove(account);
        self.addresses.extend(url.map(|url| (account, url)));
    }

    /// Sends a webhook that a person wrote; returns whether the account has an address for it.
    pub(crate) fn say(&mut self, outgoing: Outgoing) -> bool {
        let unsent = self.addressed(outgoing);
        let is_said = unsent.is_some();
        self.words.extend(unsent);
        is_said
    }

    fn addressed(&self, outgoing: Outgoing) -> Option<Unsent> {
        let url = outgoing.url.as_ref().or_else(|| self.addresses.get(outgoing.account))?.clone();
        may_be_told(&url).then_some(Unsent { outgoing, url, life: self.life })
    }

    /// Records the result of a webhook.
    pub(crate) fn note(&mut self, sent: Sent) {
        let now_ms = self.clock.now_ms();
        if let Some(double) = self.doubles.iter_mut().find(|double| double.accounts().contains(&sent.account)) {
            double.told(&sent, now_ms);
        }
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
        let misled = self.violations.follows(call);
        let mut all = self.doubles.iter().enumerate();
        let Some((place, errand)) = all.find_map(|(place, double)| Some((place, double.errand(call)?))) else {
            if let Some(account) = misled {
                self.violations.push(account, self.requests.total(), followed(call));
            }
            let answer = Answer::json(StatusCode::NOT_FOUND, &json!({ "message": "no double answers at this path" }));
            return Conduct { delay_ms: 0, answer, ending: Ending::Whole };
        };
        if let Some(subject) = errand.subject() {
            self.effects.tally(subject).receive(now_ms);
        }
        let secrets = self.doubles.get(place).map(|double| double.secrets()).unwrap_or_default();
        let mut breaches = violations::of(call, &secrets);
        breaches.extend(misled.map(|_| followed(call)));
        let strike = self.faults.strike(errand.vendor, call, now_ms);
        let (mut answer, ending) = match &strike.fault {
            None => (self.process(place, call, &errand, now_ms), Ending::Whole),
            Some(fault) => self.suffer(fault, place, call, &errand, now_ms),
        };
        breaches.extend(answer.breach.take());
        let (account, status) = (errand.vendor, (ending != Ending::Reset).then_some(answer.status));
        let described = self.doubles.get(place).map(|double| double.described()).unwrap_or_default();
        if errand.operation.is_some_and(|operation| described.contains(&operation)) {
            self.exchanges.push(account, call, &answer, ending, strike.kind());
        }
        let seq = self.requests.push(entry(call, errand, status, strike.kind(), now_ms));
        for breach in breaches {
            self.violations.push(account, seq, breach);
        }
        Conduct { delay_ms: strike.delay_ms, answer, ending }
    }

    fn process(&mut self, place: usize, call: &Call, errand: &Errand, now_ms: i64) -> Answer {
        let Some(double) = self.doubles.get_mut(place) else { return Answer::empty(StatusCode::NOT_FOUND) };
        let answer = double.answer(call, now_ms);
        if answer.status.is_success() {
            self.crowds.paged(double.as_mut(), errand, now_ms);
        }
        if let Some(subject) = errand.subject() {
            self.effects.tally(subject).process(answer.status.is_client_error(), answer.effects, now_ms);
        }
        answer
    }

    fn suffer(&mut self, fault: &Fault, place: usize, call: &Call, errand: &Errand, now_ms: i64) -> (Answer, Ending) {
        match fault.kind() {
            Kind::Status => (self.refusal(fault, place, call), Ending::Whole),
            Kind::Html => (page(fault), Ending::Whole),
            Kind::Body => (Answer::text(fault.status(), fault.body()), Ending::Whole),
            Kind::Redirect => (self.redirect(fault, call, errand.vendor), Ending::Whole),
            Kind::ResetBefore => (Answer::empty(StatusCode::OK), Ending::Reset),
            Kind::ResetAfter => (self.process(place, call, errand, now_ms), Ending::Reset),
            Kind::Truncate => (self.process(place, call, errand, now_ms), Ending::Torn),
            Kind::Delay => (self.process(place, call, errand, now_ms), Ending::Whole),
        }
    }

    fn refusal(&self, fault: &Fault, place: usize, call: &Call) -> Answer {
        let Some(double) = self.doubles.get(place) else { return Answer::empty(fault.status()) };
        let answer = double.refusal(call, fault.status(), fault.message().unwrap_or("fault ordered by the test"));
        match fault.retry_after() {
            Some(hint) => answer.with_header(double.retry_header(), hint),
            None => answer,
        }
    }

    fn redirect(&mut self, fault: &Fault, call: &Call, account: &'static str) -> Answer {
        let Some(location) = fault.location() else { return Answer::empty(fault.status()) };
        self.violations.watch(account, call, location.to_str().unwrap_or_default(), self.settings.listen);
        Answer::redirect(fault.status(), location)
    }
}

fn followed(call: &Call) -> Breach {
    Breach::new(Rule::FollowedRedirect, &call.path)
}

fn page(fault: &Fault) -> Answer {
    let message = fault.message().unwrap_or("The server is temporarily unable to serve you.");
    let text = message.replace('&', "&amp;").replace('<', "&lt;");
    Answer::html(fault.status(), format!("<!doctype html><title>Gateway</title><h1>{text}</h1>"))
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
        content_type: call.header("content-type").map(text_of),
        user_agent: call.header("user-agent").map(text_of),
        headers: headers_of(call),
        body: body_of(call),
    }
}
