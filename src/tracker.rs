//! One site's SDK in one document: connects the parts. Every call of the page ends here, waits for `ready`, and is answered
//! within [`PATIENCE_MS`]; unfinished work continues after the answer.
//!
//! Changes of consent are carried out one after the other ([`Tracker::enact`]), so that a withdrawal's `DELETE` never
//! overtakes the report of a touch. A network answer is stored only if consent is still granted ([`Tracker::granted`]).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::json::Members;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use trailmark_wire::capture::Source;
use trailmark_wire::click::TOKEN_GONE;
use trailmark_wire::ids::Jti;
use trailmark_wire::time::UnixMillis;

use crate::capture;
use crate::click::{self, Click, Touch, WAIT_MS};
use crate::config::{Arrival, PATIENCE_MS, READY_MS, Settings, joined};
use crate::consent::{self, Action, State, Trace};
use crate::conversion::{self, Entry, Outcome, Pair};
use crate::page::{Answer, Method, Page, Request};
use crate::queue;
use crate::send::{self, Step, Tried, UNREACHABLE};
use crate::wait::{Gate, Task, within};

/// Conversions kept in memory while consent is pending. A page that reports more has a loop.
const HELD: usize = 20;

/// The status of a conversion that waits in storage.
const QUEUED: &str = "queued";

/// What `ready` resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Whether this visitor has a touch.
    pub attributed: bool,
    /// Always `wasm` here; the stub answers `off` if this module does not run.
    pub mode: &'static str,
}

impl Serialize for Ready {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = Members::begin(serializer)?;
        members.0.serialize_entry("attributed", &self.attributed)?;
        members.text("mode", Some(self.mode))?;
        members.end()
    }
}

/// What is known of this visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// No touch: nothing is sent or stored.
    Untouched,
    /// A touch, with its token.
    Touched(Rc<Click>),
    /// A touch is likely, but the proxy has not confirmed it; the code says why.
    Unanswered(String),
}

/// The SDK of one site in one document.
#[derive(Debug)]
pub struct Tracker<P> {
    page: P,
    settings: Settings,
    arrival: Arrival,
    stated: Cell<State>,
    /// Whether the proxy has answered for this arrival.
    told: Cell<bool>,
    standing: RefCell<Standing>,
    /// Conversions reported while consent was pending.
    held: RefCell<Vec<Rc<Entry>>>,
    /// Conversions that are being sent.
    under_way: RefCell<Vec<Jti>>,
    /// How often in a row the proxy could not accept one.
    failures: Cell<u32>,
    /// When waiting conversions are tried next, by the page's clock.
    due: Cell<UnixMillis>,
    /// The change of consent to carry out next; a later one replaces it.
    wanted: Cell<Option<Action>>,
    /// Open while no action is under way.
    idle: Gate,
    ready: Gate,
}

impl<P: Page> Tracker<P> {
    /// Starts the SDK: looks at the arrival if consent allows, and opens `ready` when that is done or after [`READY_MS`].
    /// The tracker is never dropped, because it lives as long as the document.
    pub fn start(page: P, settings: Settings, arrival: Arrival) -> &'static Self {
        let due = queue::due(&page, &settings);
        let tracker: &'static Self = Box::leak(Box::new(Self {
            stated: Cell::new(settings.consent),
            told: Cell::default(),
            page,
            settings,
            arrival,
            standing: RefCell::new(Standing::Untouched),
            held: RefCell::default(),
            under_way: RefCell::default(),
            failures: Cell::default(),
            due: Cell::new(due),
            wanted: Cell::default(),
            idle: Gate::default(),
            ready: Gate::default(),
        }));
        tracker.idle.open();
        tracker.enact(consent::begin(tracker.consent(), tracker.trace()));
        if !tracker.granted() {
            tracker.report();
        }
        tracker.page.spawn(async {
            tracker.no_longer_than(READY_MS, Box::pin(tracker.idle.passed())).await;
            tracker.ready.open();
        });
        tracker
    }

    /// Returns when the first look at the arrival is finished, or after [`READY_MS`].
    pub async fn ready(&'static self) -> Ready {
        self.ready.passed().await;
        Ready { attributed: self.click().is_some(), mode: "wasm" }
    }

    /// The current touch.
    pub async fn touch(&'static self) -> Option<Touch> {
        self.current().await.map(|click| click.touch())
    }

    /// This visitor's random id in the ledger, for a checkout's reference field. It is not a credential.
    pub async fn reference(&'static self) -> Option<String> {
        self.current().await.map(|click| click.reference.clone())
    }

    /// The page came back from the back/forward cache: no new arrival, but other pages may have changed token or consent.
    pub fn resume(&'static self) {
        self.enact(consent::begin(self.consent(), self.trace()));
    }

    /// Sends what waits in the queue, unless it is too early; returns the milliseconds until the next `drain` if anything
    /// is left. The caller lets one tab at a time drain.
    pub async fn drain(&'static self) -> Option<u32> {
        self.ready.passed().await;
        self.idle.passed().await;
        if self.page.now() >= self.due.get() {
            self.drain_once().await;
        }
        if !self.granted() {
            return None;
        }
        let left = !queue::list(&self.page, &self.settings).is_empty();
        if !left {
            self.page.remove(&self.settings.due_key());
        }
        left.then(|| u32::try_from(self.due.get().since(self.page.now())).unwrap_or(0).max(queue::BREATH_MS))
    }

    /// Tries each waiting entry, up to the first failure after which all must rest. After a refusal of one entry alone, the
    /// round continues and rests at its end, so that the entry holds up no other.
    async fn drain_once(&'static self) {
        let mut refused = false;
        for entry in queue::list(&self.page, &self.settings) {
            if self.under_way.borrow().contains(&entry.id) {
                continue;
            }
            let failures = self.failures.get();
            refused |= self.deliver(Rc::new(entry)).await.status == QUEUED;
            if self.failures.get() > failures {
                return;
            }
        }
        if refused {
            self.rest(0);
        }
    }

    /// Applies the page's `word`, unless it is unknown, and returns the state in force.
    pub fn state_consent(&'static self, word: &str) -> State {
        let before = self.consent();
        match State::from_word(word) {
            Some(state) => self.stated.set(state),
            None => self.explain(&["consent takes 'granted', 'denied' or 'pending'; nothing was changed"]),
        }
        let now = self.consent();
        self.enact(consent::change(before, now, self.trace()));
        now
    }

    /// Takes a conversion with the page's argument as JSON, and answers within [`PATIENCE_MS`] of `ready` or of the call.
    pub async fn convert(&'static self, word: &str, input: String) -> Outcome {
        let entry = match self.admit(word, input) {
            Ok(entry) => entry,
            Err(outcome) => return outcome,
        };
        self.ready.passed().await;
        let mut work = Box::pin(self.deliver(Rc::clone(&entry))) as Task<Outcome>;
        let outcome = match within(&mut work, Box::pin(self.page.sleep(PATIENCE_MS))).await {
            Some(outcome) => outcome,
            None => {
                let kept = self.granted() && queue::put(&self.page, &self.settings, &entry);
                self.page.spawn(async move {
                    work.await;
                });
                later(kept, "timeout")
            }
        };
        outcome.of(&entry.id)
    }

    /// The checked conversion, if it is to be sent now; otherwise the outcome to answer at once.
    fn admit(&self, word: &str, input: String) -> Result<Rc<Entry>, Outcome> {
        let kind = conversion::kind(word).ok_or_else(|| Outcome::coded("failed", "not_available"))?;
        let entry = Rc::new(Entry::new(&self.page, kind, input).map_err(|malformed| {
            self.explain(&[word, " was not sent: ", &malformed]);
            Outcome::coded("failed", "malformed")
        })?);
        match self.consent() {
            State::Granted => Ok(entry),
            State::Denied => Err(Outcome::coded("ignored", "consent")),
            State::Pending => {
                let outcome = Outcome::coded("failed", "consent_pending").of(&entry.id);
                let mut held = self.held.borrow_mut();
                if held.len() < HELD {
                    held.push(entry);
                }
                Err(outcome)
            }
        }
    }

    /// Sends one conversion, after the arrival is settled. It leaves the queue when the proxy has answered for it, or when
    /// it must not be sent; otherwise it stays for the next page.
    async fn deliver(&'static self, entry: Rc<Entry>) -> Outcome {
        self.under_way.borrow_mut().push(entry.id.clone());
        let outcome = self.bring(&entry).await;
        self.under_way.borrow_mut().retain(|id| *id != entry.id);
        outcome
    }

    async fn bring(&'static self, entry: &Entry) -> Outcome {
        self.look_again().await;
        let mut tried = Tried::Once;
        let outcome = loop {
            if !self.granted() {
                break Outcome::coded("ignored", "consent");
            }
            let (standing, page, settings) = (self.standing.borrow().clone(), &self.page, &self.settings);
            let report = (tried == Tried::Once).then(|| Click::expected(page, settings)).flatten();
            if let (Standing::Untouched | Standing::Unanswered(_), Some(report)) = (&standing, report) {
                queue::put(page, settings, entry);
                tried = Tried::WithNewToken;
                self.tell(report, None).await;
                continue;
            }
            if let Standing::Untouched = standing {
                // The page that was left with this conversion may not have begun the report of its touch.
                let fresh = tried == Tried::Once && page.now().since(entry.at) < WAIT_MS;
                if fresh && queue::holds(page, settings, &entry.id) {
                    self.rest(0);
                    return later(true, "no_touch");
                }
                break Outcome::coded("unattributed", "no_touch");
            }
            let kept = queue::put(page, settings, entry);
            let step = match standing {
                Standing::Touched(click) => send::exchange(&self.page, &self.settings, &click, entry, tried).await,
                Standing::Unanswered(code) if tried == Tried::WithNewToken => Step::Keep { code, rest: Some(0) },
                Standing::Unanswered(_) | Standing::Untouched => Step::Renew,
            };
            match step {
                Step::Done(outcome) => {
                    self.failures.set(0);
                    for Pair { first: field, second: code, .. } in &outcome.warnings {
                        self.explain(&[entry.kind.as_str(), ": ", field, " ", code.as_deref().unwrap_or_default()]);
                    }
                    break outcome;
                }
                Step::Keep { code, rest } => {
                    if let Some(least) = rest {
                        self.rest(least);
                    }
                    return later(kept, &code);
                }
                Step::Renew => {
                    tried = Tried::WithNewToken;
                    // The whole arrival again: if the cookie is lost too, its id and the browser key identify the visitor.
                    self.told.set(false);
                    self.ask(None).await;
                }
            }
        };
        queue::remove(&self.page, &self.settings, &entry.id);
        outcome
    }

    /// Lets the queue rest for at least `least` milliseconds, longer with each failure. `Retry-After` binds the next page too.
    fn rest(&self, least: u32) {
        let failures = self.failures.get() + 1;
        self.failures.set(failures);
        let [chance, ..] = self.page.random();
        let due = self.page.now().plus(queue::pause(failures, least, chance).into());
        self.due.set(due);
        if least > 0 && self.granted() {
            queue::put_off(&self.page, &self.settings, due);
        }
    }

    /// Carries out a change of consent: clears storage immediately, and talks to the proxy after the work under way.
    fn enact(&'static self, action: Option<Action>) {
        if matches!(action, Some(Action::Forget | Action::Withdraw)) {
            self.clear();
        }
        if !matches!(action, Some(Action::Arrive | Action::Withdraw)) {
            return;
        }
        self.wanted.set(action);
        // The task that closed the gate reads `wanted` again when it finishes.
        if !self.idle.close() {
            return;
        }
        self.page.spawn(async {
            while let Some(action) = self.wanted.take() {
                match action {
                    Action::Arrive => self.arrive().await,
                    Action::Forget | Action::Withdraw => self.withdraw().await,
                }
            }
            self.idle.open();
            self.report();
            if self.granted() {
                for entry in self.held.take() {
                    self.deliver(entry).await;
                }
            }
        });
    }

    /// Looks at the arrival. Asks the proxy if that is worthwhile, or if the current token has gone from storage.
    async fn arrive(&self) {
        let kept = Click::load(&self.page, &self.settings).map(Rc::new);
        let gone = kept.is_none() && self.click().is_some();
        self.standing.replace(kept.clone().map_or(Standing::Untouched, Standing::Touched));
        if gone || self.worth_asking(kept.is_some()) {
            self.ask(kept).await;
        }
    }

    /// Whether the proxy may know more: with the flag cookie, which another page's touch may have set, or with an unreported
    /// touch in the URL. With a token of an earlier page, a vendor's cookie or a URL seen again is no reason to ask.
    fn worth_asking(&self, kept: bool) -> bool {
        let jar = self.page.cookies();
        let source = capture::look(&self.arrival, self.told.get(), &jar, &self.settings.params).source;
        capture::holds_cookie(&jar, &self.settings.flag_cookie())
            || source == Some(Source::Url) && !self.arrival.again
            || source.is_some() && !kept
    }

    /// Waits for the work under way. Then takes the token that another tab may have stored. If there is no token but may be
    /// one, looks at the arrival again.
    async fn look_again(&'static self) {
        self.idle.passed().await;
        if !self.granted() {
            return;
        }
        if let Some(kept) = Click::load(&self.page, &self.settings) {
            self.standing.replace(Standing::Touched(Rc::new(kept)));
            return;
        }
        let worth_it = match &*self.standing.borrow() {
            Standing::Touched(click) => click.stored,
            Standing::Untouched => self.worth_asking(false),
            Standing::Unanswered(_) => false, // A conversion asks for a token itself.
        };
        if worth_it {
            self.enact(Some(Action::Arrive));
            self.idle.passed().await;
        }
    }

    /// Asks for a token and stores the answer, unless consent was withdrawn meanwhile. A 204 does not end the `kept` token.
    async fn ask(&self, kept: Option<Rc<Click>>) {
        let report = |jwk| {
            let (page, settings, arrival, told) = (&self.page, &self.settings, &self.arrival, self.told.get());
            self.granted().then(|| click::report(page, settings, arrival, told, jwk, kept.as_deref())).flatten()
        };
        // Stored without a key at first: the page may be left before there is one, for example right after the grant.
        report(None);
        let jwk = self.page.key(&self.settings.site).await;
        let Some(report) = report(jwk) else { return };
        self.tell(report, kept).await;
    }

    /// Posts a report, and stores the answer unless consent was withdrawn meanwhile.
    async fn tell(&self, report: Request, kept: Option<Rc<Click>>) {
        let answer = send::post(&self.page, &self.settings, report).await;
        if self.granted() {
            self.stand(answer, kept);
        }
    }

    /// Records what the proxy says about this visitor.
    fn stand(&self, answer: Option<Answer<P::Json>>, kept: Option<Rc<Click>>) {
        let code = match answer {
            Some(Answer { status: status @ (204 | TOKEN_GONE), .. }) => {
                self.told.set(true);
                if kept.is_none() || status == TOKEN_GONE {
                    self.page.remove(&self.settings.click_key());
                    self.standing.replace(Standing::Untouched);
                }
                return;
            }
            Some(Answer { status: 200 | 201, json, .. }) => {
                if let Some(click) = json.and_then(|json| Click::receive(&self.page, &self.settings, &json)) {
                    self.told.set(true);
                    self.standing.replace(Standing::Touched(Rc::new(click)));
                    return;
                }
                UNREACHABLE.to_owned()
            }
            Some(refusal) => send::refusal_code(&refusal),
            None => UNREACHABLE.to_owned(),
        };
        // An earlier token is better than none.
        if self.click().is_none() {
            self.standing.replace(Standing::Unanswered(code));
        }
    }

    /// Drops everything in this document's memory and under our storage keys.
    fn clear(&self) {
        self.held.borrow_mut().clear();
        self.told.set(false);
        self.standing.replace(Standing::Untouched);
        self.page.remove(&self.settings.click_key());
        queue::clear(&self.page, &self.settings);
    }

    async fn withdraw(&self) {
        let url = joined(&[&self.settings.route("/v1/clicks?site="), self.settings.site.as_str()]);
        self.page.send(Request { method: Method::Delete, url, body: String::new() }).await;
        self.page.forget_key().await;
    }

    /// Returns when `work` has ended, or after `ms` milliseconds.
    async fn no_longer_than(&'static self, ms: u32, work: Task<()>) {
        let mut work = work;
        within(&mut work, Box::pin(self.page.sleep(ms))).await;
    }

    /// The token as it is now, perhaps from another tab, as far as known within [`PATIENCE_MS`] of `ready` or of the call.
    async fn current(&'static self) -> Option<Rc<Click>> {
        self.ready.passed().await;
        self.no_longer_than(PATIENCE_MS, Box::pin(self.look_again())).await;
        self.click()
    }

    fn consent(&self) -> State {
        self.stated.get().under(self.page.privacy_control())
    }

    fn granted(&self) -> bool {
        self.consent() == State::Granted
    }

    /// The current token; `None` without consent.
    fn click(&self) -> Option<Rc<Click>> {
        match &*self.standing.borrow() {
            Standing::Touched(click) if self.granted() => Some(Rc::clone(click)),
            Standing::Touched(_) | Standing::Untouched | Standing::Unanswered(_) => None,
        }
    }

    fn trace(&self) -> Trace {
        let stored = self.page.load(&self.settings.click_key()).is_some()
            || !queue::names(&self.page, &self.settings).is_empty();
        let flagged = capture::holds_cookie(&self.page.cookies(), &self.settings.flag_cookie());
        if stored || flagged { Trace::Left } else { Trace::None }
    }

    /// Prints the state, so that `data-debug` also says when everything works.
    fn report(&self) {
        let standing = match &*self.standing.borrow() {
            Standing::Touched(click) => joined(&["touch in ", &click.program, ", all is well"]),
            Standing::Untouched => "no touch".to_owned(),
            Standing::Unanswered(code) => code.clone(),
        };
        let (site, consent) = (self.settings.site.as_str(), self.consent().as_str());
        self.explain(&[site, " at ", &self.settings.endpoint, ": consent ", consent, ", ", &standing]);
    }

    fn explain(&self, parts: &[&str]) {
        self.settings.explain(&self.page, parts);
    }
}

/// The outcome of an unfinished conversion: `queued` if it waits in storage, otherwise `failed`.
fn later(kept: bool, code: &str) -> Outcome {
    Outcome::coded(if kept { QUEUED } else { "failed" }, code)
}
