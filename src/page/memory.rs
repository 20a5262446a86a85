//! The page in memory: a clock that moves on command, storage in a map, a proxy that is a closure. It runs the SDK without
//! a browser, mainly in tests. The caller provides the cryptography, since the SDK has none of its own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use serde::Serialize;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::SiteId;
use trailmark_wire::json::{JsonError, WriteJson};
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;

use super::{Answer, Json, Page, Request};
use crate::wait::Gate;

/// How the network answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// This answer, at once.
    Now(Answer<serde_json::Value>),
    /// This answer, after this many milliseconds.
    After(u32, Answer<serde_json::Value>),
    /// No answer, ever.
    Never,
    /// No connection.
    Lost,
}

/// Signs a message, as R || S.
type Sign = Box<dyn Fn(&[u8]) -> [u8; 64]>;

/// The wire's form of what a page passed; see [`Page::body`].
type Translate = fn(Kind, &str) -> Result<String, String>;

/// The proxy.
type Network = Box<dyn FnMut(&Request) -> Reply>;

/// The key that [`MemoryPage`] uses for every site.
pub struct MemoryKey {
    /// The public half.
    pub public: EcPublicJwk,
    /// Signs with the private half.
    pub sign: Sign,
}

/// A page in memory. Clones are the same page.
#[derive(Clone)]
pub struct MemoryPage(Rc<Inner>);

struct Inner {
    now: Cell<i64>,
    privacy_control: Cell<bool>,
    cookies: Rc<RefCell<String>>,
    storage: Rc<RefCell<Option<BTreeMap<String, String>>>>,
    full: Cell<bool>,
    key: RefCell<Option<MemoryKey>>,
    sha256: fn(&[u8]) -> [u8; 32],
    body: Translate,
    network: RefCell<Network>,
    requests: RefCell<Vec<Request>>,
    warnings: RefCell<Vec<String>>,
    ids: Cell<u8>,
    timers: RefCell<Vec<(i64, Rc<Gate>)>>,
    tasks: RefCell<Vec<Task>>,
}

/// A spawned task.
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The output of [`MemoryPage::call`], once it exists.
pub type Slot<T> = Rc<RefCell<Option<T>>>;

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl MemoryPage {
    /// A page at `now`, with empty storage, no cookies, no key and no network.
    pub fn new(now: UnixMillis, sha256: fn(&[u8]) -> [u8; 32], body: Translate) -> Self {
        Self(Rc::new(Self::inner(now, sha256, body)))
    }

    fn inner(now: UnixMillis, sha256: fn(&[u8]) -> [u8; 32], body: Translate) -> Inner {
        Inner {
            now: Cell::new(now.0),
            privacy_control: Cell::new(false),
            cookies: Rc::default(),
            storage: Rc::new(RefCell::new(Some(BTreeMap::new()))),
            full: Cell::new(false),
            key: RefCell::default(),
            sha256,
            body,
            network: RefCell::new(Box::new(|_| Reply::Lost)),
            requests: RefCell::default(),
            warnings: RefCell::default(),
            ids: Cell::new(0),
            timers: RefCell::default(),
            tasks: RefCell::default(),
        }
    }

    /// Uses `network` for every request from now on.
    pub fn set_network(&self, network: impl FnMut(&Request) -> Reply + 'static) {
        *self.0.network.borrow_mut() = Box::new(network);
    }

    /// Gives the browser a key, or removes it.
    pub fn set_key(&self, key: Option<MemoryKey>) {
        self.0.key.replace(key);
    }

    /// Sets the text of `document.cookie`.
    pub fn set_cookies(&self, jar: &str) {
        self.0.cookies.replace(jar.to_owned());
    }

    /// Switches Global Privacy Control.
    pub fn set_privacy_control(&self, on: bool) {
        self.0.privacy_control.set(on);
    }

    /// Denies storage from now on, and forgets its content.
    pub fn deny_storage(&self) {
        self.0.storage.replace(None);
    }

    /// Makes storage refuse new text from now on; its content stays.
    pub fn fill_storage(&self) {
        self.0.full.set(true);
    }

    /// The content of storage.
    pub fn stored(&self) -> BTreeMap<String, String> {
        self.0.storage.borrow().clone().unwrap_or_default()
    }

    /// The requests so far, the oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.0.requests.borrow().clone()
    }

    /// The warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        self.0.warnings.borrow().clone()
    }

    /// Another document of the same browser: keeps storage, cookies and clock, but not requests and tasks.
    #[must_use]
    pub fn next_document(&self) -> Self {
        let next = Self::new(self.now(), self.0.sha256, self.0.body);
        next.0.storage.replace(self.0.storage.borrow().clone());
        next.0.cookies.replace(self.0.cookies.borrow().clone());
        next.0.ids.set(self.0.ids.get());
        next
    }

    /// Another document of the same browser, open at the same time. Both share storage and cookies; each has its own clock.
    #[must_use]
    pub fn another_tab(&self) -> Self {
        let (cookies, storage) = (Rc::clone(&self.0.cookies), Rc::clone(&self.0.storage));
        // Ids of two tabs differ.
        let ids = Cell::new(self.0.ids.get().wrapping_add(128));
        Self(Rc::new(Inner { cookies, storage, ids, ..Self::inner(self.now(), self.0.sha256, self.0.body) }))
    }

    /// Starts `work` and runs all tasks as far as they go; the slot is filled when `work` has ended.
    pub fn call<T: 'static>(&self, work: impl Future<Output = T> + 'static) -> Slot<T> {
        let slot = Slot::default();
        let filled = Rc::clone(&slot);
        self.spawn(async move {
            let output = work.await;
            filled.replace(Some(output));
        });
        self.run();
        slot
    }

    /// Moves the clock forward, stopping at every timer on the way.
    pub fn advance(&self, ms: u32) {
        let end = self.0.now.get() + i64::from(ms);
        self.run();
        while let Some(due) = self.next_timer(end) {
            self.0.now.set(due);
            let (rung, waiting): (Vec<_>, _) = self.0.timers.take().into_iter().partition(|(at, _)| *at <= due);
            self.0.timers.replace(waiting);
            rung.iter().for_each(|(_, gate)| gate.open());
            self.run();
        }
        self.0.now.set(end);
    }

    fn next_timer(&self, end: i64) -> Option<i64> {
        self.0.timers.borrow().iter().map(|(at, _)| *at).filter(|at| *at <= end).min()
    }

    /// Polls every task until none was woken.
    fn run(&self) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            let before = self.0.tasks.take();
            if before.is_empty() || !woken.0.swap(false, Ordering::Relaxed) {
                let spawned = self.0.tasks.replace(before);
                self.0.tasks.borrow_mut().extend(spawned);
                return;
            }
            let pending = before.into_iter().filter_map(|mut task| {
                let done = task.as_mut().poll(&mut context).is_ready();
                (!done).then_some(task)
            });
            let mut pending: Vec<Task> = pending.collect();
            let spawned = self.0.tasks.take();
            if !spawned.is_empty() {
                woken.0.store(true, Ordering::Relaxed);
            }
            pending.extend(spawned);
            self.0.tasks.replace(pending);
        }
    }
}

impl WriteJson for MemoryPage {
    fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, JsonError> {
        crate::json::to_text(value)
    }
}

impl Page for MemoryPage {
    type Json = serde_json::Value;

    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.now.get())
    }

    fn random(&self) -> [u8; 10] {
        self.0.ids.set(self.0.ids.get().wrapping_add(1));
        [self.0.ids.get(); 10]
    }

    fn sleep(&self, ms: u32) -> impl Future<Output = ()> + 'static {
        let gate = Rc::new(Gate::default());
        self.0.timers.borrow_mut().push((self.0.now.get() + i64::from(ms), Rc::clone(&gate)));
        async move { gate.passed().await }
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.0.tasks.borrow_mut().push(Box::pin(task));
    }

    fn privacy_control(&self) -> bool {
        self.0.privacy_control.get()
    }

    fn cookies(&self) -> String {
        self.0.cookies.borrow().clone()
    }

    fn load(&self, name: &str) -> Option<String> {
        self.0.storage.borrow().as_ref()?.get(name).cloned()
    }

    fn store(&self, name: &str, text: &str) -> bool {
        match self.0.storage.borrow_mut().as_mut() {
            Some(storage) if !self.0.full.get() => {
                storage.insert(name.to_owned(), text.to_owned());
                true
            }
            Some(_) | None => false,
        }
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        self.stored().into_keys().filter(|name| name.starts_with(prefix)).collect()
    }

    fn remove(&self, name: &str) {
        if let Some(storage) = self.0.storage.borrow_mut().as_mut() {
            storage.remove(name);
        }
    }

    fn body(&self, kind: Kind, input: &str) -> Result<String, String> {
        (self.0.body)(kind, input)
    }

    fn parse(&self, json: &str) -> Option<serde_json::Value> {
        serde_json::from_str(json).ok()
    }

    async fn key(&self, _site: &SiteId) -> Option<EcPublicJwk> {
        self.0.key.borrow().as_ref().map(|key| key.public.clone())
    }

    async fn sign(&self, message: &str) -> Option<[u8; 64]> {
        self.0.key.borrow().as_ref().map(|key| (key.sign)(message.as_bytes()))
    }

    async fn forget_key(&self) -> Option<()> {
        self.set_key(None);
        Some(())
    }

    async fn sha256(&self, message: &str) -> Option<[u8; 32]> {
        Some((self.0.sha256)(message.as_bytes()))
    }

    async fn send(&self, request: Request) -> Option<Answer<serde_json::Value>> {
        let reply = (self.0.network.borrow_mut())(&request);
        self.0.requests.borrow_mut().push(request);
        match reply {
            Reply::Now(answer) => Some(answer),
            Reply::After(ms, answer) => {
                self.sleep(ms).await;
                Some(answer)
            }
            Reply::Never => std::future::pending().await,
            Reply::Lost => None,
        }
    }

    fn warn(&self, text: &str) {
        self.0.warnings.borrow_mut().push(text.to_owned());
    }
}

impl Json for serde_json::Value {
    fn member(&self, name: &str) -> Option<Self> {
        self.get(name).filter(|value| !value.is_null()).cloned()
    }

    fn text(&self) -> Option<String> {
        match self {
            Self::String(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn integer(&self) -> Option<i64> {
        self.as_i64().filter(|number| number.abs() <= 9_007_199_254_740_991)
    }

    fn items(&self) -> Vec<Self> {
        self.as_array().cloned().unwrap_or_default()
    }

    fn entries(&self) -> Vec<(String, Self)> {
        let entries = self.as_object().into_iter().flatten();
        entries.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl std::fmt::Debug for MemoryPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryPage").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MemoryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryKey").field("public", &self.public).finish_non_exhaustive()
    }
}
