//! The seam between the core and its host. The core is a state machine: [`crate::tracker::Tracker::step`] takes an
//! [`Event`] and returns [`Effect`]s. It never waits and never calls the network; whatever takes time is an effect, whose
//! end comes back as [`Event::Done`] with the effect's ticket. What a page answers at once (clock, storage, cookies, JSON)
//! is the trait [`Page`]. `crate::browser` has both halves for a real page; the tests have them in memory.

use trailmark_wire::time::UnixMillis;

/// Separates the texts that [`Page::members`] returns and that [`crate::config::read`] takes: JSON text has no such
/// character, and neither has an address.
pub const SEPARATOR: &[u8] = b"\0";

/// What the page answers at once. No method throws: if the host refuses, the result is empty or `false`.
pub trait Page {
    /// The page's clock, which may be wrong.
    fn now(&self) -> UnixMillis;

    /// Random bits for ids and pauses.
    fn random(&self) -> u32;

    /// Whether Global Privacy Control is on.
    fn privacy_control(&self) -> bool;

    /// The text of `document.cookie`.
    fn cookies(&self) -> String;

    /// The stored text under `name`.
    fn load(&self, name: &str) -> Option<String>;

    /// Stores `text` under `name`, or removes what is there if `text` is empty; `false` if storage is denied or full.
    fn store(&self, name: &str, text: &str) -> bool;

    /// The names in storage that begin with `prefix`, sorted, a line each.
    fn names(&self, prefix: &str) -> String;

    /// The JSON of [`trailmark_wire::conversion::Body`] for `input`, the page's argument as JSON. If the argument is wrong:
    /// what is wrong with it, which begins with no brace.
    fn body(&self, kind: &str, input: &str) -> String;

    /// The own members `names` (separated by blanks) of the JSON object `json`, as texts separated by [`SEPARATOR`]. An
    /// absent member is empty; a list or an object is its JSON. `None` if `json` holds no object.
    fn members(&self, json: &str, names: &str) -> Option<String>;

    /// Explains a mistake to the page's developer.
    fn warn(&self, text: &str);
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The page called.
    Call {
        /// Its number, under which [`Work::Answer`] answers.
        call: u32,
        /// Which call; empty for `ready`.
        name: String,
        /// The argument: a word for `consent`, JSON for a conversion.
        input: String,
    },
    /// An effect has ended.
    Done(Done),
}

/// The end of an effect. What has no meaning for its [`Work`] is empty; what failed is empty too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The ticket of the effect.
    pub ticket: u32,
    /// The HTTP status; 0 if no answer came.
    pub status: u16,
    /// The text of the answer, the keys of [`Work::Key`], or the signature in base64url.
    pub text: String,
    /// The text of the header `Retry-After`.
    pub retry_after: String,
}

/// What the host is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The ticket, under which [`Done`] names the effect; of an answer the call.
    pub number: u32,
    /// What to do.
    pub work: Work,
}

/// The work of an effect. All but the answer takes time, and ends with [`Event::Done`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Answer a call of the page with this JSON.
    Answer(String),
    /// Let so many milliseconds of the page's life pass.
    Sleep(u32),
    /// Read the public half of the site's browser key, which is made if there is none, and hash this text. Gives `x`, `y` and
    /// the SHA-256, each in base64url and separated by [`SEPARATOR`]; a part that the browser cannot give is empty.
    Key(String),
    /// Sign this text by ES256 with the key that [`Work::Key`] gave last.
    Sign(String),
    /// Send a request to the proxy, with credentials, that may outlive the document: `POST` of `text/plain`, which needs no
    /// preflight, or `DELETE` if there is no body.
    Send {
        /// Absolute, or relative to the document.
        url: String,
        /// The body.
        body: String,
    },
    /// Take the visit along in the next link to another host of the site. Ends with the status 200 when a link has been followed,
    /// and with 0 if that is not possible, or if another carrier replaces this one.
    Carry {
        /// The carrier's id, the address to which it is announced, and the hosts' origins as JSON, separated by
        /// [`SEPARATOR`].
        offer: String,
        /// The body that announces it, at the moment of the click.
        body: String,
    },
    /// Delete the browser key of this site, and those of other sites on this host.
    Forget,
}
