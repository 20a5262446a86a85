//! The driver: the core's two halves in a real browser. [`BrowserPage`] answers at once, [`drive`] performs effects and hands
//! their ends back. Only this file uses web-sys and gloo-net; it decides nothing.
//!
//! Pages deny, replace and break what is used here: storage throws, other scripts patch `fetch`, IndexedDB never answers. So
//! the host is only called through the functions of `host.js`, which do not throw and return text where text is expected.
//! They take and return texts and numbers, since everything else costs module and glue. `body.js` translates the page's
//! argument into the wire's form.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use gloo_net::http::Response;
use js_sys::{Array, Date, Promise};
use trailmark_wire::ids::SiteId;
use trailmark_wire::time::UnixMillis;
use wasm_bindgen::prelude::{JsCast as _, JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

use crate::config::{Arrival, Settings};
use crate::page::{Done, Effect, Event, Page, Work};
use crate::tracker::Tracker;

#[wasm_bindgen(module = "/src/browser/host.js")]
extern "C" {
    fn random() -> u32;
    #[wasm_bindgen(js_name = privacyControl)]
    fn privacy_control() -> bool;
    fn cookies() -> Option<String>;
    #[wasm_bindgen(js_name = loadText)]
    fn load(name: &str) -> Option<String>;
    #[wasm_bindgen(js_name = storeText)]
    fn store(name: &str, text: &str) -> bool;
    fn names(prefix: &str) -> Option<String>;
    fn members(json: &str, names: &str) -> Option<String>;
    fn warn(words: &str);
    /// The JSON of the page's argument.
    #[wasm_bindgen(js_name = jsonOf)]
    fn json_of(argument: &JsValue) -> Option<String>;
    /// The promise that the work `answer` resolves.
    fn promised(call: u32) -> Promise;
    /// Does what a [`Work`] says. Resolves in any case, with the source of the HTTP status, a text, and `Retry-After`.
    fn perform(work: &str, site: &str, number: u32, first: &str, second: &str) -> Promise;
}

#[wasm_bindgen(module = "/src/browser/body.js")]
extern "C" {
    #[wasm_bindgen(js_name = bodyOrProblem)]
    fn body(kind: &str, json: &str) -> String;
}

/// A promise, and the site and event that it brings on.
type Waiting = (JsFuture, usize, Event);

thread_local! {
    /// The sites of this document, in the order of their start. They live as long as the document, and so need no code that
    /// drops them. Borrowed while a site takes its step, in which the page may call.
    static SITES: RefCell<ManuallyDrop<Vec<Tracker>>> = const { RefCell::new(ManuallyDrop::new(Vec::new())) };

    /// What is under way, and the number of the last call.
    static WAITING: RefCell<ManuallyDrop<(Vec<Option<Waiting>>, u32)>> =
        const { RefCell::new(ManuallyDrop::new((Vec::new(), 0))) };
}

/// The document that the module was loaded into.
#[derive(Debug)]
pub struct BrowserPage;

impl Page for BrowserPage {
    fn now(&self) -> UnixMillis {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are far below 2^53")]
        UnixMillis(Date::now() as i64)
    }

    fn random(&self) -> u32 {
        random()
    }

    fn privacy_control(&self) -> bool {
        privacy_control()
    }

    fn cookies(&self) -> String {
        cookies().unwrap_or_default()
    }

    fn load(&self, name: &str) -> Option<String> {
        load(name)
    }

    fn store(&self, name: &str, text: &str) -> bool {
        store(name, text)
    }

    fn names(&self, prefix: &str) -> String {
        names(prefix).unwrap_or_default()
    }

    fn body(&self, kind: &str, input: &str) -> String {
        body(kind, input)
    }

    fn members(&self, json: &str, of: &str) -> Option<String> {
        members(json, of)
    }

    fn warn(&self, text: &str) {
        warn(text);
    }
}

/// Starts a site, and returns its number.
pub fn start(settings: Settings, arrival: Arrival) -> usize {
    let name = settings.site.clone();
    let (tracker, effects) = Tracker::start(&BrowserPage, settings, arrival);
    let site = SITES.with_borrow_mut(|sites| {
        sites.push(tracker);
        sites.len() - 1
    });
    drive(site, &name, effects);
    site
}

/// Hands a call of the page to its site, and returns the promise of its result. The call itself is taken up after the
/// caller has ended, since a page may call from within what the core reads.
pub fn call(site: usize, name: String, argument: &JsValue) -> Promise {
    // The argument is read once, before anything else: a getter of the page may throw, or return something else the next
    // time.
    let input = if name == "consent" { argument.as_string() } else { json_of(argument) }.unwrap_or_default();
    let call = WAITING.with_borrow_mut(|waiting| {
        waiting.1 += 1;
        waiting.1
    });
    follow(site, Promise::resolve(&JsValue::NULL), Event::Call { call, name, input });
    promised(call)
}

/// Performs the effects of a site.
fn drive(site: usize, name: &SiteId, effects: Vec<Effect>) {
    for Effect { number, work } in effects {
        let ends = !matches!(work, Work::Answer(_));
        let promise = begin(name, number, work);
        if ends {
            follow(site, promise, Event::Done(Done { ticket: number, ..Done::default() }));
        }
    }
}

/// Begins what an effect of the site says; [`read`] reads what the promise is resolved with. It is never rejected.
pub fn begin(site: &SiteId, number: u32, work: Work) -> Promise {
    let (what, number, first, second) = match work {
        Work::Answer(json) => ("answer", number, json, String::new()),
        Work::Sleep(ms) => ("sleep", ms, String::new(), String::new()),
        Work::Key(text) => ("key", 0, text, String::new()),
        Work::Sign(text) => ("sign", 0, text, String::new()),
        Work::Send { url, body } => ("send", 0, url, body),
        Work::Carry { offer, body } => ("carry", 0, offer, body),
        Work::Forget => ("forget", 0, String::new(), String::new()),
    };
    perform(what, site.as_str(), number, &first, &second)
}

/// What the promise of [`begin`] brings. Each part may be anything, since pages replace `fetch`.
pub fn read(brought: JsValue, done: &mut Done) {
    let parts = brought.unchecked_into::<Array>();
    let text = |place| parts.get(place).as_string().unwrap_or_default();
    done.status = Response::from(parts.get(0).unchecked_into::<web_sys::Response>()).status();
    (done.text, done.retry_after) = (text(1), text(2));
}

/// Hands an event to a site once `promise` is resolved, with what it brings.
///
/// Nothing here is an `async fn`: each promise wakes what waits for it, so that the module needs neither an executor nor its
/// queue, which cost it more than a kilobyte.
fn follow(site: usize, promise: Promise, event: Event) {
    let mut future = JsFuture::from(promise);
    WAITING.with_borrow_mut(|waiting| {
        let free = waiting.0.iter().position(Option::is_none);
        let place = free.unwrap_or(waiting.0.len());
        // A promise is never resolved before this turn ends.
        let _pending = Pin::new(&mut future).poll(&mut Context::from_waker(&Waker::from(Arc::new(Place(place)))));
        let waits = Some((future, site, event));
        match waiting.0.get_mut(place) {
            Some(room) => *room = waits,
            None => waiting.0.push(waits),
        }
    });
}

/// Which of [`WAITING`] a promise wakes.
struct Place(usize);

impl Wake for Place {
    fn wake(self: Arc<Self>) {
        let waited = WAITING.with_borrow_mut(|waiting| waiting.0.get_mut(self.0).and_then(Option::take));
        if let Some((mut future, site, event)) = waited
            && let Poll::Ready(brought) = Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()))
        {
            proceed(site, event, brought);
        }
    }
}

fn proceed(site: usize, mut event: Event, brought: Result<JsValue, JsValue>) {
    if let (Event::Done(done), Ok(brought)) = (&mut event, brought) {
        read(brought, done);
    }
    let stepped = SITES.with_borrow_mut(|sites| {
        let tracker = sites.get_mut(site)?;
        Some((tracker.step(&BrowserPage, event), tracker.site().clone()))
    });
    if let Some((effects, name)) = stepped {
        drive(site, &name, effects);
    }
}
