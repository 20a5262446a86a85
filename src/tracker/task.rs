//! The tasks of a [`Tracker`] and their stages: how the arrival is reported, how a withdrawal is told, how a conversion is
//! delivered. A stage does its part without waiting and names the next one; [`Tracker::waits`] says what each of them waits
//! for.

use std::mem::take;

use trailmark_wire::base64url;
use trailmark_wire::capture::Source;
use trailmark_wire::click::TOKEN_GONE;
use trailmark_wire::envelope::{CARRIER, CONVERSION};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::jws;

use super::{QUEUED, Standing, Tracker, later};
use crate::capture;
use crate::click::{self, Click, WAIT_MS};
use crate::config::joined;
use crate::consent::Action;
use crate::conversion::{self, Entry, Outcome};
use crate::page::{Done, Page, Work};
use crate::queue;
use crate::send::{self, Content, Step, UNREACHABLE};

/// What a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Changes of consent, and the arrival that follows a grant. There is one at most.
    Act,
    /// The call `ready`.
    Ready,
    /// The call `touch`.
    Touch,
    /// The call `reference`.
    Reference,
    /// A call that reports a conversion.
    Convert,
    /// The call `drain`: each waiting conversion, up to the first failure after which all must rest. After a refusal of one
    /// alone the round continues and rests at its end, so that it holds up no other.
    Drain,
    /// The conversions that were reported while consent was pending.
    Held,
    /// Carriers, one after the other, on a site with hosts that share no cookie. There is one at most.
    Carry,
}

/// What a task does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for `ready`.
    Ready,
    /// Waits for changes of consent; then looks what other tabs did.
    Look,
    /// Waits for changes of consent; then reads the queue.
    List,
    /// Takes the next conversion.
    Next,
    /// Waits for changes of consent; then goes on.
    Settled,
    /// Does what it is for.
    Go,
    /// Waits for the browser key, to report the arrival.
    Asked,
    /// Waits for the answer to the report.
    Told,
    /// Waits for the answer to the withdrawal.
    Withdrawn,
    /// Waits for browser key and hash, to write the envelope.
    Keyed,
    /// Waits for the envelope's signature.
    Signed,
    /// Waits for the answer to the conversion.
    Posted,
    /// Waits for a link that takes the carrier.
    Carried,
}

/// Work of more than one step.
pub(super) struct Task {
    pub(super) what: What,
    pub(super) stage: Stage,
    /// The call to answer; 0 if there is none, or no longer.
    pub(super) call: u32,
    /// The effect whose end it waits for; 0 if for none.
    pub(super) ticket: u32,
    /// The timer after which the call is answered in any case; 0 until it runs.
    pub(super) timer: u32,
    /// The conversion under way.
    pub(super) entry: Option<Entry>,
    /// Those that follow.
    left: Vec<Entry>,
    /// Whether a new token was already requested for the one under way.
    renewed: bool,
    /// Whether the one under way is stored.
    kept: bool,
    /// Whether one of them was refused alone.
    refused: bool,
    /// The failures before the one under way.
    failures: u32,
    /// The token that it is sent with, and the clock offset; of a report the token of an earlier page.
    token: Option<String>,
    offset: i64,
    /// What is to be signed of it.
    input: String,
    /// Of a carrier, what its link needs.
    offer: String,
}

impl Task {
    pub(super) fn new(what: What, stage: Stage, call: u32, mut left: Vec<Entry>) -> Box<Self> {
        Box::new(Self {
            what,
            stage,
            call,
            ticket: 0,
            timer: 0,
            entry: first(&mut left),
            left,
            renewed: false,
            kept: false,
            refused: false,
            failures: 0,
            token: None,
            offset: 0,
            input: String::new(),
            offer: String::new(),
        })
    }
}

/// Takes the first one out.
fn first(entries: &mut Vec<Entry>) -> Option<Entry> {
    (!entries.is_empty()).then(|| entries.remove(0))
}

impl Tracker {
    /// Whether the task cannot go on now.
    pub(super) fn waits(&self, task: &Task) -> bool {
        match task.stage {
            _ if task.ticket != 0 => true,
            Stage::Ready => !self.ready,
            Stage::Look | Stage::List | Stage::Settled => self.acting,
            // The proxy must not record a touch after it has heard of the withdrawal.
            Stage::Go if task.what == What::Act && self.wanted == Some(Action::Withdraw) => {
                self.tasks.iter().any(|other| other.stage == Stage::Told)
            }
            _ => false,
        }
    }

    /// Goes on with a task until it waits again; `None` at its end. `done` is what the effect brought that it waited for.
    pub(super) fn advance(&mut self, page: &dyn Page, mut task: Box<Task>, done: &Done) -> Option<Box<Task>> {
        while !self.waits(&task) {
            task.stage = match (task.stage, task.what) {
                (Stage::Ready, What::Ready) | (Stage::Settled, _) => Stage::Go,
                (Stage::Ready, What::Drain) => Stage::List,
                (Stage::Carried, _) if done.status == 0 => return None,
                (Stage::Ready | Stage::Carried, _) => Stage::Look,
                (Stage::Look, _) => self.look_again(page),
                (Stage::List, _) => self.list(page, &mut task),
                (Stage::Next, _) => self.next(page, &mut task)?,
                (Stage::Go, What::Act) => self.act(page, &mut task)?,
                (Stage::Go, What::Convert | What::Drain | What::Held) => self.deliver(page, &mut task)?,
                (Stage::Go, What::Carry) => self.carry(page, &mut task)?,
                (Stage::Go, _) => {
                    self.answer_known(page, &task);
                    return None;
                }
                (Stage::Asked, _) => self.tell(page, &mut task, done),
                (Stage::Told, _) => self.stand(page, &mut task, done),
                (Stage::Withdrawn, _) => {
                    task.ticket = self.run(Work::Forget);
                    Stage::Go
                }
                (Stage::Keyed, _) => self.seal(page, &mut task, done)?,
                (Stage::Signed, _) => self.sign(&mut task, done),
                (Stage::Posted, _) => self.conclude(page, &mut task, done)?,
            };
        }
        Some(task)
    }

    /// The next change of consent. After the last one, what was held is sent, and links take the visit along.
    fn act(&mut self, page: &dyn Page, task: &mut Task) -> Option<Stage> {
        match self.wanted.take() {
            Some(Action::Arrive) => return Some(self.arrive(page, task)),
            Some(Action::Forget | Action::Withdraw) => {
                let url = joined(&[&self.settings.route("/v1/clicks?site="), self.settings.site.as_str()]);
                task.ticket = self.run(Work::Send { url, body: String::new() });
                return Some(Stage::Withdrawn);
            }
            None => {}
        }
        self.acting = false;
        self.report(page);
        self.tasks.retain(|other| other.what != What::Carry);
        self.tasks.push(Task::new(What::Carry, Stage::Go, 0, Vec::new()));
        if self.granted(page) && !self.held.is_empty() {
            let left = take(&mut self.held);
            self.tasks.push(Task::new(What::Held, Stage::Next, 0, left));
        }
        None
    }

    /// Looks at the arrival. Asks the proxy if that is worthwhile, or if the current token has gone from storage.
    fn arrive(&mut self, page: &dyn Page, task: &mut Task) -> Stage {
        let kept = Click::load(page, &self.settings);
        let gone = kept.is_none() && self.click(page).is_some();
        let token = kept.as_ref().map(|click| click.click_token.clone());
        self.standing = kept.map_or(Standing::Untouched, Standing::Touched);
        if gone || self.worth_asking(page, token.is_some()) {
            task.token = token;
            // Stored without a key at first: the visitor may leave the page before there is one, such as right after the grant.
            self.written(page, task, None);
            return self.ask(task);
        }
        Stage::Go
    }

    /// Whether the proxy may know more: with the flag cookie, which another page's touch may have set, or with an unreported
    /// touch in the URL. With a token of an earlier page, a vendor's cookie or a URL seen again is no reason to ask.
    fn worth_asking(&self, page: &dyn Page, kept: bool) -> bool {
        let jar = page.cookies();
        let source = capture::look(&self.arrival, self.told, &jar, &self.settings.params).source;
        capture::holds_cookie(&jar, &self.settings.flag_cookie())
            || source == Some(Source::Url) && !self.arrival.again
            || source.is_some() && !kept
    }

    /// Takes the token that another tab may have stored. If there is no token but may be one, looks at the arrival again.
    fn look_again(&mut self, page: &dyn Page) -> Stage {
        if !self.granted(page) {
            return Stage::Go;
        }
        if let Some(kept) = Click::load(page, &self.settings) {
            self.standing = Standing::Touched(kept);
            return Stage::Go;
        }
        let worth_it = match &self.standing {
            Standing::Touched(click) => click.stored,
            Standing::Untouched => self.worth_asking(page, false),
            Standing::Unanswered(_) => false, // A conversion asks for a token itself.
        };
        if worth_it {
            self.enact(page, Some(Action::Arrive));
        }
        Stage::Settled
    }

    /// Asks for a token. A 204 does not end the one that the task has.
    fn ask(&mut self, task: &mut Task) -> Stage {
        task.ticket = self.run(Work::Key(String::new()));
        Stage::Asked
    }

    /// Sends the report of the arrival, unless consent was withdrawn meanwhile.
    fn tell(&mut self, page: &dyn Page, task: &mut Task, done: &Done) -> Stage {
        match self.written(page, task, send::keys(&done.text).0) {
            Some(body) => self.send(task, "/v1/clicks", body, Stage::Told),
            None => Stage::Go,
        }
    }

    /// The report of the arrival, with consent. Of a touch without a token it is stored in the token's place until it is
    /// answered, since the visitor may leave the page before.
    fn written(&self, page: &dyn Page, task: &Task, jwk: Option<EcPublicJwk>) -> Option<String> {
        let sighting = capture::look(&self.arrival, self.told, &page.cookies(), &self.settings.params);
        let is_new = sighting.source.is_some() && task.token.is_none();
        let body = click::request(&self.settings, &self.arrival, sighting, jwk, task.token.clone());
        let body = body.filter(|_| self.granted(page))?;
        if is_new {
            page.store(&self.settings.click_key(), &body);
        }
        Some(body)
    }

    /// Records what the proxy says about this visitor, unless consent was withdrawn meanwhile.
    fn stand(&mut self, page: &dyn Page, task: &mut Task, answer: &Done) -> Stage {
        let kept = task.token.take();
        self.explain_refusal(page, "/v1/clicks", answer);
        if !self.granted(page) {
            return Stage::Go;
        }
        let code = match answer.status {
            status @ (204 | TOKEN_GONE) => {
                self.told = true;
                if kept.is_none() || status == TOKEN_GONE {
                    page.store(&self.settings.click_key(), "");
                    self.standing = Standing::Untouched;
                }
                return Stage::Go;
            }
            200 | 201 => match Click::receive(page, &self.settings, &answer.text) {
                Some(click) => {
                    self.told = true;
                    self.standing = Standing::Touched(click);
                    return Stage::Go;
                }
                None => UNREACHABLE.to_owned(),
            },
            _ => send::refusal_code(page, answer),
        };
        // An earlier token is better than none.
        if self.click(page).is_none() {
            self.standing = Standing::Unanswered(code);
        }
        Stage::Go
    }

    /// The queue, unless it is too early.
    fn list(&self, page: &dyn Page, task: &mut Task) -> Stage {
        if page.now() >= self.due {
            task.left = queue::list(page, &self.settings);
            task.entry = first(&mut task.left);
        }
        Stage::Next
    }

    /// The next conversion that no other task sends; after the last one, the end.
    fn next(&mut self, page: &dyn Page, task: &mut Task) -> Option<Stage> {
        while let Some(entry) = &task.entry {
            if !self.is_under_way(&entry.id) {
                task.renewed = false;
                task.failures = self.failures;
                return Some(Stage::Look);
            }
            task.entry = first(&mut task.left);
        }
        if task.refused {
            self.rest(page, 0);
        }
        if task.what == What::Drain {
            let pause = self.pause(page);
            self.answer(task.call, pause);
        }
        None
    }

    /// Sends one conversion, with the token that is known. It leaves the queue when the proxy has answered for it, or when it
    /// must not be sent; otherwise it stays for the next page.
    fn deliver(&mut self, page: &dyn Page, task: &mut Task) -> Option<Stage> {
        let settings = &self.settings;
        let entry = task.entry.as_ref()?;
        if !self.granted(page) {
            return self.finish(page, task, &Outcome::coded("ignored", "consent"), false);
        }
        if let Standing::Touched(click) = &self.standing {
            task.kept = queue::put(page, settings, entry);
            (task.token, task.offset) = (Some(click.click_token.clone()), click.offset);
            task.ticket = self.run(Work::Key(click.click_token.clone()));
            return Some(Stage::Keyed);
        }
        let report = if task.renewed { None } else { Click::expected(page, settings) };
        if let Some(report) = report {
            queue::put(page, settings, entry);
            task.renewed = true;
            task.token = None;
            return Some(self.send(task, "/v1/clicks", report, Stage::Told));
        }
        if let Standing::Unanswered(code) = &self.standing {
            task.kept = queue::put(page, settings, entry);
            let code = code.clone();
            return if task.renewed { self.keep(page, task, &code, Some(0)) } else { Some(self.renew(task)) };
        }
        // The page that was left with this conversion may not have begun the report of its touch.
        let fresh = !task.renewed && page.now().since(entry.at) < WAIT_MS;
        if fresh && queue::holds(page, settings, &entry.id) {
            task.kept = true;
            return self.keep(page, task, "no_touch", Some(0));
        }
        self.finish(page, task, &Outcome::coded("unattributed", "no_touch"), false)
    }

    /// Prepares the next carrier, where there is something to carry, and a host to carry it to. What is in this document's
    /// memory alone is not carried: its page looks into storage before it decorates a link.
    fn carry(&mut self, page: &dyn Page, task: &mut Task) -> Option<Stage> {
        let click = self.click(page).filter(|click| click.stored && !click.carry_to.is_empty())?;
        let (token, offset) = (click.click_token.clone(), click.offset);
        (task.token, task.offset) = (Some(token.clone()), offset);
        task.ticket = self.run(Work::Key(token));
        Some(Stage::Keyed)
    }

    /// Writes the envelope: to be signed if this browser has a key, otherwise plain JSON.
    fn seal(&mut self, page: &dyn Page, task: &mut Task, keys: &Done) -> Option<Stage> {
        let (token, offset) = (task.token.take()?, task.offset);
        let content = match &task.entry {
            Some(Entry { id, at, kind, input }) => {
                let data = page.body(kind.as_str(), input);
                Content { typ: CONVERSION, id: id.clone(), at: *at, data, token, offset }
            }
            None => {
                let (at, route) = (page.now(), self.settings.route("/v1/carriers"));
                let id = conversion::fresh(page, at);
                task.offer = joined(&[id.as_str(), "\0", &route, "\0", &self.click(page)?.carry_to]);
                Content { typ: CARRIER, id, at, data: "{}".to_owned(), token, offset }
            }
        };
        match send::envelope(page, &self.settings, content, &keys.text) {
            Ok((input, true)) => {
                task.input.clone_from(&input);
                task.ticket = self.run(Work::Sign(input));
                Some(Stage::Signed)
            }
            Ok((body, false)) => Some(self.post(task, body)),
            Err(problem) => {
                if !problem.is_empty() {
                    self.explain(page, &[&problem]);
                }
                self.finish(page, task, &Outcome::coded("failed", "no_crypto"), false)
            }
        }
    }

    /// Sends the envelope; plain JSON if the key could not sign.
    fn sign(&mut self, task: &mut Task, signature: &Done) -> Stage {
        let body = match base64url::decode_array(&signature.text) {
            Some(signature) => jws::assemble(&task.input, &signature),
            None => click::payload(&task.input).unwrap_or_default(),
        };
        self.post(task, body)
    }

    /// Sends a conversion's envelope; a carrier's is for its link to send.
    fn post(&mut self, task: &mut Task, body: String) -> Stage {
        if task.what == What::Carry {
            task.ticket = self.run(Work::Carry { offer: take(&mut task.offer), body });
            return Stage::Carried;
        }
        self.send(task, "/v1/conversions", body, Stage::Posted)
    }

    /// Follows the answer to a conversion.
    fn conclude(&mut self, page: &dyn Page, task: &mut Task, answer: &Done) -> Option<Stage> {
        self.explain_refusal(page, "/v1/conversions", answer);
        match send::step(page, answer, task.renewed) {
            Step::Done(outcome) => {
                self.failures = 0;
                self.explain_warnings(page, task.entry.as_ref()?, &outcome.warnings);
                self.finish(page, task, &outcome, false)
            }
            Step::Keep { code, rest } => self.keep(page, task, &code, rest),
            Step::Renew => Some(self.renew(task)),
        }
    }

    /// Leaves the conversion under way for later.
    fn keep(&mut self, page: &dyn Page, task: &mut Task, code: &str, rest: Option<u32>) -> Option<Stage> {
        if let Some(least) = rest {
            self.rest(page, least);
        }
        self.finish(page, task, &later(task.kept, code), true)
    }

    /// Asks for a new token: the whole arrival again. If the cookie is lost too, its id and the browser key identify the
    /// visitor.
    fn renew(&mut self, task: &mut Task) -> Stage {
        task.renewed = true;
        self.told = false;
        task.token = None;
        self.ask(task)
    }

    /// The end of the conversion under way.
    fn finish(&mut self, page: &dyn Page, task: &mut Task, outcome: &Outcome, stays: bool) -> Option<Stage> {
        let entry = task.entry.take()?;
        task.entry = first(&mut task.left);
        if !stays {
            queue::remove(page, &self.settings, &entry.id);
        }
        match task.what {
            What::Drain if self.failures > task.failures => {
                task.entry = None;
                task.refused = false;
            }
            What::Drain => task.refused |= outcome.status == QUEUED,
            What::Convert => {
                self.answer(task.call, outcome.to_json(entry.id.as_str()));
                return None;
            }
            _ => {}
        }
        Some(Stage::Next)
    }

    fn send(&mut self, task: &mut Task, route: &str, body: String, then: Stage) -> Stage {
        let url = self.settings.route(route);
        task.ticket = self.run(Work::Send { url, body });
        then
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new one belongs into the table, too.
    #[test]
    fn every_task_and_every_stage_that_waits_stands_in_the_table_of_the_tests() {
        let table = include_str!("../../tests/sdk/steps.txt");
        let stands = |name: String| assert!(table.contains(&name), "{name}");
        let all =
            [What::Act, What::Ready, What::Touch, What::Reference, What::Convert, What::Drain, What::Held, What::Carry];
        for what in all {
            match what {
                What::Act
                | What::Ready
                | What::Touch
                | What::Reference
                | What::Convert
                | What::Drain
                | What::Held
                | What::Carry => stands(format!(", {what:?} ")),
            }
        }
        let first = [Stage::Ready, Stage::Look, Stage::List, Stage::Settled, Stage::Go, Stage::Asked, Stage::Told];
        let others = [Stage::Withdrawn, Stage::Keyed, Stage::Signed, Stage::Posted, Stage::Carried, Stage::Next];
        for stage in first.into_iter().chain(others) {
            match stage {
                Stage::Next => {}
                Stage::Ready | Stage::Look | Stage::List | Stage::Settled | Stage::Go | Stage::Asked => {
                    stands(format!(" {stage:?}"))
                }
                Stage::Told | Stage::Withdrawn | Stage::Keyed | Stage::Signed | Stage::Posted | Stage::Carried => {
                    stands(format!(" {stage:?}"))
                }
            }
        }
    }
}
