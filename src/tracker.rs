//! One site's SDK in one document, as a state machine: [`Tracker::step`] takes an event and returns effects. It waits for
//! nothing and calls no network. Every call of the page ends here, waits for `ready`, and is answered within
//! [`PATIENCE_MS`]; unfinished work continues after the answer.
//!
//! Whatever needs more than one step is a [`Task`]: a call, the round through the queue, a change of consent. This file has
//! what all tasks share; [`task`] has their stages. Changes of consent are carried out by one task, one after the other, so
//! that a withdrawal's `DELETE` never overtakes the report of a touch. A network answer is stored only if consent is still
//! granted.

mod task;

use trailmark_wire::ids::{Jti, SiteId};
use trailmark_wire::time::UnixMillis;

use crate::capture;
use crate::click::{self, Click};
use crate::config::{Arrival, PATIENCE_MS, READY_MS, Settings, joined};
use crate::consent::{self, Action, State, Trace};
use crate::conversion::{self, Entry, Outcome};
use crate::json::{number, quoted};
use crate::page::{Done, Effect, Event, Page, Work};
use crate::queue;
use crate::send;
use task::{Stage, Task, What};

/// Conversions kept in memory while consent is pending. A page that reports more has a loop.
const HELD: usize = 20;

/// The status of a conversion that waits in storage.
const QUEUED: &str = "queued";

/// The ticket of the timer that ends the wait for `ready`.
const READY: u32 = 1;

/// What is known of this visitor.
enum Standing {
    /// No touch: nothing is sent or stored.
    Untouched,
    /// A touch, with its token.
    Touched(Click),
    /// A touch is likely, but the proxy has not confirmed it; the code says why.
    Unanswered(String),
}

/// The SDK of one site in one document.
pub struct Tracker {
    settings: Settings,
    arrival: Arrival,
    stated: State,
    /// Whether the proxy has answered for this arrival.
    told: bool,
    standing: Standing,
    /// Conversions reported while consent was pending.
    held: Vec<Entry>,
    /// How often in a row the proxy could not accept one.
    failures: u32,
    /// When waiting conversions are tried next, by the page's clock.
    due: UnixMillis,
    /// The change of consent to carry out next; a later one replaces it.
    wanted: Option<Action>,
    /// Whether a task carries one out.
    acting: bool,
    ready: bool,
    #[expect(clippy::vec_box, reason = "tasks are taken out and put back, which moves a pointer")]
    tasks: Vec<Box<Task>>,
    /// The last ticket that was given out.
    ticket: u32,
    effects: Vec<Effect>,
}

impl Tracker {
    /// The SDK of one site, which looks at the arrival if consent allows. `ready` comes when that is done, or after
    /// [`READY_MS`]. Also returns the first effects.
    pub fn start(page: &dyn Page, settings: Settings, arrival: Arrival) -> (Self, Vec<Effect>) {
        let due = queue::due(page, &settings);
        let mut tracker = Self {
            stated: settings.consent,
            settings,
            arrival,
            told: false,
            standing: Standing::Untouched,
            held: Vec::new(),
            failures: 0,
            due,
            wanted: None,
            acting: false,
            ready: false,
            tasks: Vec::new(),
            ticket: 0,
            effects: Vec::new(),
        };
        // The first ticket is `READY`.
        tracker.run(Work::Sleep(READY_MS));
        tracker.resume(page);
        if !tracker.granted(page) {
            tracker.report(page);
        }
        tracker.settle(page);
        let effects = std::mem::take(&mut tracker.effects);
        (tracker, effects)
    }

    /// The site.
    pub fn site(&self) -> &SiteId {
        &self.settings.site
    }

    /// Takes one event, and returns what is to be done.
    pub fn step(&mut self, page: &dyn Page, event: Event) -> Vec<Effect> {
        match event {
            Event::Call { call, name, input } => self.call(page, call, &name, input),
            Event::Done(done) => self.done(page, &done),
        }
        self.settle(page);
        std::mem::take(&mut self.effects)
    }

    /// A call of the page, by its name; the empty name is `ready`. `serve.js` makes two calls of its own: `drain` sends what
    /// waits, unless it is too early, and gives the milliseconds until the next `drain`, if one is needed; `resume` says that
    /// the page came back from the back/forward cache. `serve.js` lets one tab at a time drain.
    fn call(&mut self, page: &dyn Page, call: u32, name: &str, input: String) {
        let what = match name {
            "" => What::Ready,
            "touch" => What::Touch,
            "reference" => What::Reference,
            "drain" => What::Drain,
            "consent" => {
                let state = self.state_consent(page, &input);
                return self.answer(call, quoted(state.as_str()));
            }
            // No new arrival, but other pages may have changed token or consent.
            "resume" => {
                self.resume(page);
                return self.answer(call, "null".to_owned());
            }
            kind => return self.convert(page, call, kind, input),
        };
        self.tasks.push(Task::new(what, Stage::Ready, call, Vec::new()));
    }

    /// Checks a conversion. It becomes a task if it is to be sent now; otherwise it is answered at once.
    fn convert(&mut self, page: &dyn Page, call: u32, word: &str, input: String) {
        let Some(kind) = conversion::kind(word) else {
            return self.answer(call, Outcome::coded("failed", "not_available").to_json(""));
        };
        let body = page.body(word, &input);
        if !body.starts_with('{') {
            self.explain(page, &[word, " was not sent: ", &body]);
            return self.answer(call, Outcome::coded("failed", "malformed").to_json(""));
        }
        let entry = Entry::new(page, kind, input);
        match self.consent(page) {
            State::Granted => self.tasks.push(Task::new(What::Convert, Stage::Ready, call, vec![entry])),
            State::Denied => self.answer(call, Outcome::coded("ignored", "consent").to_json("")),
            State::Pending => {
                self.answer(call, Outcome::coded("failed", "consent_pending").to_json(entry.id.as_str()));
                if self.held.len() < HELD {
                    self.held.push(entry);
                }
            }
        }
    }

    /// The end of an effect: a task goes on, or a wait is over.
    fn done(&mut self, page: &dyn Page, done: &Done) {
        if done.ticket == READY {
            self.ready = true;
            return;
        }
        let mut tasks = self.tasks.iter();
        let at = tasks.position(|task| task.ticket == done.ticket || task.timer == done.ticket);
        let Some(at) = at else { return };
        let mut task = self.tasks.remove(at);
        if task.ticket == done.ticket {
            task.ticket = 0;
            self.go_on(page, task, done);
        } else if let Some(entry) = &task.entry {
            // The answer says what is known so far; the work continues.
            let kept = self.granted(page) && queue::put(page, &self.settings, entry);
            self.answer(task.call, later(kept, "timeout").to_json(entry.id.as_str()));
            task.call = 0;
            self.tasks.push(task);
        } else {
            self.answer_known(page, &task);
        }
    }

    /// Lets every task go on that can.
    fn settle(&mut self, page: &dyn Page) {
        loop {
            self.ready |= !self.acting;
            let Some(at) = self.tasks.iter().position(|task| !self.waits(task)) else { return };
            let task = self.tasks.remove(at);
            self.go_on(page, task, &Done::default());
        }
    }

    fn go_on(&mut self, page: &dyn Page, task: Box<Task>, done: &Done) {
        if let Some(mut task) = self.advance(page, task, done) {
            if task.timer == 0 && matches!(task.what, What::Touch | What::Reference | What::Convert) {
                task.timer = self.run(Work::Sleep(PATIENCE_MS));
            }
            self.tasks.push(task);
        }
    }

    /// Answers a call with what is known now.
    fn answer_known(&mut self, page: &dyn Page, task: &Task) {
        let click = self.click(page);
        let json = match (task.what, click) {
            (What::Ready, click) => {
                let attributed = if click.is_some() { "true" } else { "false" };
                joined(&["{\"attributed\":", attributed, ",\"mode\":\"wasm\"}"])
            }
            (What::Touch, Some(click)) => click.touch(),
            (What::Reference, Some(click)) => quoted(&click.reference),
            _ => "null".to_owned(),
        };
        self.answer(task.call, json);
    }

    fn answer(&mut self, call: u32, json: String) {
        // Nobody waits for what is not a call, or was answered before.
        if call != 0 {
            self.effects.push(Effect { number: call, work: Work::Answer(json) });
        }
    }

    /// Asks for something that takes time, and returns its ticket.
    fn run(&mut self, work: Work) -> u32 {
        self.ticket += 1;
        self.effects.push(Effect { number: self.ticket, work });
        self.ticket
    }

    /// Applies the page's `word`, unless it is unknown, and returns the state in force.
    fn state_consent(&mut self, page: &dyn Page, word: &str) -> State {
        let before = self.consent(page);
        match State::from_word(word) {
            Some(state) => self.stated = state,
            None => self.explain(page, &["consent takes 'granted', 'denied' or 'pending'; nothing was changed"]),
        }
        let now = self.consent(page);
        self.enact(page, consent::change(before, now, self.trace(page)));
        now
    }

    fn resume(&mut self, page: &dyn Page) {
        self.enact(page, consent::begin(self.consent(page), self.trace(page)));
    }

    /// Carries out a change of consent: clears storage immediately, and talks to the proxy after the work under way.
    fn enact(&mut self, page: &dyn Page, action: Option<Action>) {
        if matches!(action, Some(Action::Forget | Action::Withdraw)) {
            self.clear(page);
        }
        if !matches!(action, Some(Action::Arrive | Action::Withdraw)) {
            return;
        }
        self.wanted = action;
        // The task that acts looks at `wanted` again when it finishes.
        if !self.acting {
            self.acting = true;
            self.tasks.push(Task::new(What::Act, Stage::Go, 0, Vec::new()));
        }
    }

    /// Drops everything in this document's memory and under our storage keys.
    fn clear(&mut self, page: &dyn Page) {
        self.held.clear();
        self.told = false;
        self.standing = Standing::Untouched;
        page.store(&self.settings.click_key(), "");
        queue::clear(page, &self.settings);
    }

    /// Lets the queue rest for at least `least` milliseconds, longer with each failure. `Retry-After` binds the next page too.
    fn rest(&mut self, page: &dyn Page, least: u32) {
        self.failures += 1;
        let [chance, ..] = page.random().to_le_bytes();
        self.due = page.now().plus(queue::pause(self.failures, least, chance).into());
        if least > 0 && self.granted(page) {
            queue::put_off(page, &self.settings, self.due);
        }
    }

    /// The milliseconds until the next `drain`, as JSON; `null` if nothing is left.
    fn pause(&self, page: &dyn Page) -> String {
        if !self.granted(page) {
            return "null".to_owned();
        }
        if queue::list(page, &self.settings).is_empty() {
            page.store(&self.settings.due_key(), "");
            return "null".to_owned();
        }
        number(self.due.since(page.now()).max(queue::BREATH_MS.into()))
    }

    fn consent(&self, page: &dyn Page) -> State {
        self.stated.under(page.privacy_control())
    }

    fn granted(&self, page: &dyn Page) -> bool {
        self.consent(page) == State::Granted
    }

    /// The current token; `None` without consent.
    fn click(&self, page: &dyn Page) -> Option<&Click> {
        match &self.standing {
            Standing::Touched(click) if self.granted(page) => Some(click),
            Standing::Touched(_) | Standing::Untouched | Standing::Unanswered(_) => None,
        }
    }

    fn trace(&self, page: &dyn Page) -> Trace {
        let stored = page.load(&self.settings.click_key()).is_some() || !queue::names(page, &self.settings).is_empty();
        let flagged = capture::holds_cookie(&page.cookies(), &self.settings.flag_cookie());
        if stored || flagged { Trace::Left } else { Trace::None }
    }

    /// Whether a task is sending this conversion.
    fn is_under_way(&self, id: &Jti) -> bool {
        self.tasks.iter().any(|task| task.entry.as_ref().is_some_and(|entry| entry.id == *id))
    }

    /// Prints the state, so that `data-debug` also says when everything works.
    fn report(&self, page: &dyn Page) {
        let standing = match &self.standing {
            Standing::Touched(click) => joined(&["touch in ", &click.program, ", all is well"]),
            Standing::Untouched => "no touch".to_owned(),
            Standing::Unanswered(code) => code.clone(),
        };
        let (site, consent) = (self.settings.site.as_str(), self.consent(page).as_str());
        self.explain(page, &[site, " at ", &self.settings.endpoint, ": consent ", consent, ", ", &standing]);
    }

    /// Prints why a request was refused.
    fn explain_refusal(&self, page: &dyn Page, route: &str, answer: &Done) {
        if let Some(problem) = send::problem(page, answer) {
            self.explain(page, &[&self.settings.route(route), ": ", &problem]);
        }
    }

    /// Prints what the proxy repaired, left out or misses.
    fn explain_warnings(&self, page: &dyn Page, entry: &Entry, list: &str) {
        for place in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] {
            let warning = page.members(list, place).unwrap_or_default();
            let Some(members) = page.members(&warning, "field code") else { return };
            let [field, code, ..] = click::texts(&members);
            self.explain(page, &[entry.kind.as_str(), ": ", field, " ", code]);
        }
    }

    /// Prints `parts` as one text for the page's developer, if `data-debug` is set.
    fn explain(&self, page: &dyn Page, parts: &[&str]) {
        if self.settings.debug {
            page.warn(&joined(parts));
        }
    }
}

/// What it knows and what its tasks wait for, without any content, which may be personal data.
impl std::fmt::Debug for Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.standing {
            Standing::Untouched => "Untouched",
            Standing::Touched(_) => "Touched",
            Standing::Unanswered(_) => "Unanswered",
        })?;
        self.tasks.iter().try_for_each(|task| write!(f, ", {:?} {:?}", task.what, task.stage))
    }
}

/// The outcome of an unfinished conversion: `queued` if it waits in storage, otherwise `failed`.
fn later(kept: bool, code: &str) -> Outcome {
    Outcome::coded(if kept { QUEUED } else { "failed" }, code)
}
