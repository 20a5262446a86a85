//! One site's SDK in one document: the parts before this file, put together. Every call of the page ends here, waits for
//! `ready`, and is answered within [`PATIENCE_MS`] of it; what is not done by then goes on behind the answer.
//!
//! Changes of consent are enacted one after the other ([`Tracker::enact`]), so that a withdrawal's `DELETE` never overtakes
//! the report of a touch. Whatever comes back from the network is kept only if consent is still in force ([`Tracker::granted`]).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde::Serialize;
use trailmark_wire::capture::Source;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ConversionId;

use crate::capture::{self, Sighting};
use crate::click::{self, Click, Touch};
use crate::config::{Arrival, PATIENCE_MS, READY_MS, Settings, joined};
use crate::consent::{self, Action, State, Trace};
use crate::conversion::{self, Entry, Input, Outcome};
use crate::page::{Method, Page, Request};
use crate::queue;
use crate::send::{self, Step, Tried};
use crate::wait::{Gate, within};

/// What `ready` resolves to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Whether a touch stands behind this visitor.
    pub attributed: bool,
    /// Always `wasm` here; the stub answers `off` where this module does not run.
    pub mode: &'static str,
}

/// What is known of this visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// No touch: nothing is to be sent or stored.
    Untouched,
    /// A touch, and the token for it.
    Touched(Rc<Click>),
    /// A touch is likely, but the proxy has not answered for it; holds why.
    Unanswered(String),
}

/// The SDK of one site in one document.
#[derive(Debug)]
pub struct Tracker<P> {
    page: P,
    settings: Settings,
    arrival: Arrival,
    stated: Cell<State>,
    standing: RefCell<Standing>,
    sighting: RefCell<Sighting>,
    /// Conversions called while consent was pending.
    held: RefCell<Vec<Rc<Entry>>>,
    actions: RefCell<VecDeque<Action>>,
    acting: Cell<bool>,
    /// Open when no action is under way.
    idle: Gate,
    ready: Gate,
}

impl<P: Page> Tracker<P> {
    /// Starts the SDK: looks at the arrival if consent allows, and opens `ready` when that is done or [`READY_MS`] are over.
    pub fn start(page: P, settings: Settings, arrival: Arrival) -> Rc<Self> {
        let tracker = Rc::new(Self {
            stated: Cell::new(settings.consent),
            page,
            settings,
            arrival,
            standing: RefCell::new(Standing::Untouched),
            sighting: RefCell::default(),
            held: RefCell::default(),
            actions: RefCell::default(),
            acting: Cell::new(false),
            idle: Gate::default(),
            ready: Gate::default(),
        });
        tracker.idle.open();
        tracker.enact(consent::begin(tracker.consent(), tracker.trace()));
        let starting = Rc::clone(&tracker);
        tracker.page.spawn(async move {
            let limit = starting.page.sleep(READY_MS);
            within(&mut Box::pin(starting.idle.passed()), limit).await;
            starting.ready.open();
        });
        tracker
    }

    /// Ends when the first look at the arrival is done with.
    pub async fn ready(&self) -> Ready {
        self.ready.passed().await;
        Ready { attributed: self.click().is_some(), mode: "wasm" }
    }

    /// The current touch.
    pub async fn touch(&self) -> Option<Touch> {
        self.ready.passed().await;
        within(&mut Box::pin(self.idle.passed()), self.page.sleep(PATIENCE_MS)).await;
        self.click().filter(|_| self.granted()).map(|click| click.touch.clone())
    }

    /// The state in force once the page says `word`; any other word changes nothing.
    pub fn state_consent(self: &Rc<Self>, word: &str) -> State {
        let before = self.consent();
        match State::from_word(word) {
            Some(state) => self.stated.set(state),
            None => self.explain("consent takes 'granted', 'denied' or 'pending'; nothing was changed"),
        }
        let now = self.consent();
        self.enact(consent::change(before, now, self.trace()));
        now
    }

    /// Takes a conversion, and answers for it within [`PATIENCE_MS`] of `ready` or of the call.
    pub async fn convert(self: Rc<Self>, word: &str, input: Input) -> Outcome {
        let Some(kind) = conversion::kind(word) else {
            return Outcome::coded("failed", "not_available");
        };
        let Some(entry) = self.entry(kind, input) else {
            return Outcome::coded("failed", "malformed");
        };
        match self.consent() {
            State::Denied => return Outcome::coded("ignored", "consent"),
            State::Pending => {
                let outcome = Outcome::coded("failed", "consent_pending").of(&entry.id);
                self.held.borrow_mut().push(entry);
                return outcome;
            }
            State::Granted => {}
        }
        self.ready.passed().await;
        let mut work = Box::pin(Rc::clone(&self).deliver(Rc::clone(&entry)));
        if let Some(outcome) = within(&mut work, self.page.sleep(PATIENCE_MS)).await {
            return outcome.of(&entry.id);
        }
        let kept = self.granted() && queue::put(&self.page, &self.settings, &entry);
        self.page.spawn(async move {
            work.await;
        });
        later(kept, "timeout").of(&entry.id)
    }

    /// The checked conversion with its id and time; `None` after explaining what is wrong with it.
    fn entry(&self, kind: Kind, input: Input) -> Option<Rc<Entry>> {
        match input.into_body(kind) {
            Ok(body) => {
                let at = self.page.now();
                Some(Rc::new(Entry { id: ConversionId::from_parts(at, self.page.random()), at, body }))
            }
            Err(malformed) => {
                let field = conversion::named_for_pages(malformed.field);
                self.explain(&joined(&[kind.as_str(), " was not sent: `", field, "` ", malformed.problem]));
                None
            }
        }
    }

    /// Brings one conversion to the proxy, once the arrival is settled. What the proxy has answered for, and what is not
    /// to be sent, leaves the queue; the rest stays in it for the next page.
    async fn deliver(self: Rc<Self>, entry: Rc<Entry>) -> Outcome {
        self.idle.passed().await;
        let kept = self.granted() && *self.standing.borrow() != Standing::Untouched && {
            queue::put(&self.page, &self.settings, &entry)
        };
        match self.exchange(&entry).await {
            Step::Done(outcome) => {
                queue::remove(&self.page, &self.settings, &entry.id);
                if outcome.status == "failed" {
                    self.explain(&joined(&["the proxy refused it: ", outcome.code.as_deref().unwrap_or_default()]));
                }
                outcome
            }
            Step::Keep { code } => later(kept, &code),
            Step::Renew => later(kept, "timeout"),
        }
    }

    /// Envelope, request, answer; at most twice.
    async fn exchange(&self, entry: &Entry) -> Step {
        let mut tried = Tried::Once;
        loop {
            if !self.granted() {
                return Step::Done(Outcome::coded("ignored", "consent"));
            }
            let standing = self.standing.borrow().clone();
            let next = match standing {
                Standing::Untouched => return Step::Done(Outcome::coded("unattributed", "no_touch")),
                Standing::Unanswered(code) if tried == Tried::WithNewToken => return Step::Keep { code },
                Standing::Unanswered(_) => Step::Renew,
                Standing::Touched(click) => self.post(&click, entry, tried).await,
            };
            if next != Step::Renew {
                return next;
            }
            tried = Tried::WithNewToken;
            self.ask().await;
        }
    }

    async fn post(&self, click: &Click, entry: &Entry, tried: Tried) -> Step {
        match send::request(&self.page, &self.settings, click, entry).await {
            Some(request) => send::step(&self.page, self.page.send(request).await.as_ref(), tried),
            None => Step::Done(Outcome::coded("failed", "no_crypto")),
        }
    }

    /// Does what a change of consent asks for: clears at once, and talks to the proxy after what is still under way.
    fn enact(self: &Rc<Self>, action: Option<Action>) {
        if matches!(action, Some(Action::Forget | Action::Withdraw)) {
            self.clear();
        }
        self.actions.borrow_mut().extend(action);
        if action.is_none() || self.acting.replace(true) {
            return;
        }
        self.idle.close();
        let tracker = Rc::clone(self);
        self.page.spawn(async move {
            while let Some(action) = tracker.next_action() {
                match action {
                    Action::Arrive => tracker.arrive().await,
                    Action::Forget => {}
                    Action::Withdraw => tracker.withdraw().await,
                }
            }
            tracker.acting.set(false);
            tracker.idle.open();
            tracker.send_waiting();
        });
    }

    fn next_action(&self) -> Option<Action> {
        self.actions.borrow_mut().pop_front()
    }

    /// Looks at the arrival, and asks the proxy where that is worth it: a touch in the URL always; a vendor's cookie or the
    /// flag cookie only where no earlier page left a token.
    async fn arrive(&self) {
        let jar = self.page.cookies();
        let sighting = capture::look(&self.arrival, &jar, &self.settings.params);
        let source = sighting.source;
        self.sighting.replace(sighting);
        let kept = Click::load(&self.page, &self.settings);
        let worth_it = match source {
            Some(Source::Url) => true,
            _ if kept.is_some() => false,
            Some(Source::Cookie) => true,
            None => capture::holds_cookie(&jar, &self.settings.flag_cookie()),
        };
        self.standing.replace(kept.map_or(Standing::Untouched, |click| Standing::Touched(Rc::new(click))));
        if worth_it {
            self.ask().await;
        }
    }

    /// Asks for a token, and keeps what the proxy says unless consent has gone meanwhile.
    async fn ask(&self) {
        let jwk = self.page.key(&self.settings.site).await;
        let sighting = self.sighting.borrow().clone();
        let request = click::request(&self.page, &self.settings, &self.arrival, &sighting, jwk);
        let Some(request) = request.filter(|_| self.granted()) else {
            return;
        };
        let answer = self.page.send(request).await;
        if !self.granted() {
            return;
        }
        let now = self.page.now();
        let standing = match &answer {
            Some(answer) if matches!(answer.status, 200 | 201) => {
                match Click::receive(&self.page, &self.settings, &answer.body, now) {
                    Some(click) => Standing::Touched(Rc::new(click)),
                    None => Standing::Unanswered("unreachable".to_owned()),
                }
            }
            Some(answer) if answer.status == 204 => Standing::Untouched,
            Some(answer) => Standing::Unanswered(send::refusal_code(&self.page, answer)),
            None => Standing::Unanswered("unreachable".to_owned()),
        };
        self.stand(standing);
    }

    fn stand(&self, standing: Standing) {
        match &standing {
            Standing::Touched(_) => {}
            Standing::Untouched => self.page.remove(&self.settings.click_key()),
            Standing::Unanswered(code) => {
                self.explain(&joined(&["the proxy gave no click token: ", code]));
                // A token from before is better than none.
                if self.click().is_some() {
                    return;
                }
            }
        }
        self.standing.replace(standing);
    }

    /// Sends what earlier pages left, and what was called before consent was given; each on its own behind the page's back.
    fn send_waiting(self: &Rc<Self>) {
        if !self.granted() {
            return;
        }
        let mut waiting = self.held.take();
        for entry in queue::list(&self.page, &self.settings) {
            waiting.push(Rc::new(entry));
        }
        if waiting.is_empty() {
            return;
        }
        let tracker = Rc::clone(self);
        self.page.spawn(async move {
            for entry in waiting {
                Rc::clone(&tracker).deliver(entry).await;
            }
        });
    }

    /// Drops everything that this document holds and that our storage keys hold.
    fn clear(&self) {
        self.held.borrow_mut().clear();
        self.standing.replace(Standing::Untouched);
        self.page.remove(&self.settings.click_key());
        self.page.remove(&self.settings.queue_key());
    }

    async fn withdraw(&self) {
        let url = self.settings.route("/v1/clicks");
        self.page.send(Request { method: Method::Delete, url, body: String::new() }).await;
        self.page.forget_key(&self.settings.site).await;
    }

    fn consent(&self) -> State {
        self.stated.get().under(self.page.privacy_control())
    }

    fn granted(&self) -> bool {
        self.consent() == State::Granted
    }

    fn click(&self) -> Option<Rc<Click>> {
        match &*self.standing.borrow() {
            Standing::Touched(click) => Some(Rc::clone(click)),
            Standing::Untouched | Standing::Unanswered(_) => None,
        }
    }

    fn trace(&self) -> Trace {
        let kept = [self.settings.click_key(), self.settings.queue_key()];
        let stored = kept.iter().any(|key| self.page.load(key).is_some());
        let flagged = capture::holds_cookie(&self.page.cookies(), &self.settings.flag_cookie());
        if stored || flagged { Trace::Left } else { Trace::None }
    }

    fn explain(&self, text: &str) {
        if self.settings.debug {
            self.page.warn(&joined(&["trailmark: ", text]));
        }
    }
}

/// What is said of a conversion that is not done with: it waits in storage, or nowhere.
fn later(kept: bool, code: &str) -> Outcome {
    match kept {
        true => Outcome { code: None, ..Outcome::coded("queued", code) },
        false => Outcome::coded("failed", code),
    }
}
