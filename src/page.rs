//! The page around the SDK, as a trait: clock, randomness, tasks, storage, key, HTTP, JSON. The rest of the crate decides
//! and this trait acts, so that tests run everything natively, except the browser's own half. `crate::browser` implements
//! the trait with the real page, `memory::MemoryPage` in memory.

use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::SiteId;
use trailmark_wire::json::WriteJson;
use trailmark_wire::jwk::EcPublicJwk;
use trailmark_wire::time::UnixMillis;

#[cfg(not(target_arch = "wasm32"))]
pub mod memory;

/// The method of a request to the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `DELETE`, without a body.
    Delete,
    /// `POST` of `text/plain`, which needs no preflight.
    Post,
}

/// A request to the proxy, sent with credentials and allowed to outlive the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Absolute, or relative to the document.
    pub url: String,
    /// The body; empty if there is none.
    pub body: String,
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<J> {
    /// The HTTP status.
    pub status: u16,
    /// The body, if it is JSON.
    pub json: Option<J>,
    /// The `Retry-After` in milliseconds, if the header is a number of seconds.
    pub retry_after: Option<u32>,
}

/// A JSON value as the host's parser returns it. Reading members by name costs the module a few hundred bytes;
/// deserialising into types costs about fifteen thousand.
pub trait Json: Sized {
    /// The member `name` of an object, unless absent or null.
    fn member(&self, name: &str) -> Option<Self>;

    /// The text of a string, or of a number.
    fn text(&self) -> Option<String>;

    /// The value of an integer, at most 2^53 - 1 in magnitude.
    fn integer(&self) -> Option<i64>;

    /// The elements of an array; empty for anything else.
    fn items(&self) -> Vec<Self>;

    /// The names and values of an object; empty for anything else.
    fn entries(&self) -> Vec<(String, Self)>;

    /// The text of the member `name`.
    fn member_text(&self, name: &str) -> Option<String> {
        self.member(name)?.text()
    }

    /// The number of the member `name`.
    fn member_integer(&self, name: &str) -> Option<i64> {
        self.member(name)?.integer()
    }
}

/// The page. No method throws: if the host refuses, the result is `None` or `false`.
pub trait Page: WriteJson + 'static {
    /// What [`Self::parse`] returns.
    type Json: Json;

    /// The page's clock, which may be wrong.
    fn now(&self) -> UnixMillis;

    /// Random bytes for an id.
    fn random(&self) -> [u8; 10];

    /// Ends after `ms` milliseconds of the page's life.
    fn sleep(&self, ms: u32) -> impl Future<Output = ()> + 'static;

    /// Runs `task` beside the caller.
    fn spawn(&self, task: impl Future<Output = ()> + 'static);

    /// Whether Global Privacy Control is on.
    fn privacy_control(&self) -> bool;

    /// The text of `document.cookie`.
    fn cookies(&self) -> String;

    /// The stored text under `name`.
    fn load(&self, name: &str) -> Option<String>;

    /// Stores `text` under `name`; `false` if storage is denied or full.
    fn store(&self, name: &str, text: &str) -> bool;

    /// The names in storage that begin with `prefix`, in alphabetical order.
    fn names(&self, prefix: &str) -> Vec<String>;

    /// Removes the text under `name`.
    fn remove(&self, name: &str);

    /// The JSON of [`trailmark_wire::conversion::Body`] for `input`, the page's argument as JSON; the error says what is
    /// wrong with the argument.
    fn body(&self, kind: Kind, input: &str) -> Result<String, String>;

    /// Parses JSON text.
    fn parse(&self, json: &str) -> Option<Self::Json>;

    /// The public half of the browser key of `site`, made if there is none; `None` if this browser cannot make such keys.
    fn key(&self, site: &SiteId) -> impl Future<Output = Option<EcPublicJwk>>;

    /// ES256 of `message` with the key that [`Self::key`] returned last: R || S.
    fn sign(&self, message: &str) -> impl Future<Output = Option<[u8; 64]>>;

    /// Deletes the browser keys of this site and of other sites on this host.
    fn forget_key(&self) -> impl Future<Output = Option<()>>;

    /// SHA-256 of `message`.
    fn sha256(&self, message: &str) -> impl Future<Output = Option<[u8; 32]>>;

    /// Sends a request; `None` if no answer came.
    fn send(&self, request: Request) -> impl Future<Output = Option<Answer<Self::Json>>>;

    /// Explains a mistake to the page's developer.
    fn warn(&self, text: &str);
}
