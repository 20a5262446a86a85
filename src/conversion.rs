//! A conversion that the page reports: checked before it is stored or sent, and given its id and time. [`Page::body`]
//! translates it into the wire's form. The proxy decides which keys are valid and repairs optional fields
//! ([`trailmark_wire::repair`]): that rule would cost the module two kilobytes. The envelope and the request are in
//! [`crate::send`].

use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::Jti;
use trailmark_wire::time::UnixMillis;

use crate::click::texts;
use crate::json::{integer, number, object};
use crate::page::Page;

/// A conversion to be sent. Debug shows no input, which is personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id, which never changes.
    pub id: Jti,
    /// When it happened, by the browser's clock.
    pub at: UnixMillis,
    /// Which kind.
    pub kind: Kind,
    /// What the page passed, as JSON.
    pub input: String,
}

/// The result of a call. What is absent is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The proxy's status (`accepted`, `duplicate`, `held`, `unattributed`, `rejected`), or `queued`, `ignored`, `failed`.
    pub status: &'static str,
    /// Why, if the status alone does not say.
    pub code: String,
    /// The credited programs, if a receipt came: the receipt's list as JSON.
    pub attribution: String,
    /// The optional fields that the proxy repaired, left out or misses: the receipt's list as JSON.
    pub warnings: String,
}

impl Outcome {
    /// An outcome with only a code.
    pub fn coded(status: &'static str, code: &str) -> Self {
        Self { status, code: code.to_owned(), ..Self::default() }
    }

    /// What the page sees, as JSON; `id` is the conversion's, empty if it got none.
    pub fn to_json(&self, id: &str) -> String {
        let values = [self.status, &self.code, id, &self.attribution, &self.warnings];
        object("status code conversionId =attribution =warnings", &values)
    }
}

impl Entry {
    /// The conversion, dated now.
    pub fn new(page: &dyn Page, kind: Kind, input: String) -> Self {
        let at = page.now();
        Self { id: fresh(page, at), at, kind, input }
    }

    /// Reads an entry that an earlier page stored; `None` if it is not valid, for example after somebody edited it.
    pub fn read(page: &dyn Page, text: &str) -> Option<Self> {
        let members = page.members(text, "id at kind input")?;
        let [id, at, word, input, ..] = texts(&members);
        Some(Self { id: Jti::new(id).ok()?, at: UnixMillis(integer(at)?), kind: kind(word)?, input: input.to_owned() })
    }

    /// The form in which [`Self::read`] reads it.
    pub fn to_json(&self) -> String {
        object("id =at kind input", &[self.id.as_str(), &number(self.at.0), self.kind.as_str(), &self.input])
    }
}

/// A new id, with its time.
pub fn fresh(page: &dyn Page, at: UnixMillis) -> Jti {
    let [a, b, c, d] = page.random().to_le_bytes();
    let [e, f, g, h] = page.random().to_le_bytes();
    let [i, j, ..] = page.random().to_le_bytes();
    Jti::from_parts(at, [a, b, c, d, e, f, g, h, i, j])
}

/// The kind that `word` names, if a page may report it.
pub fn kind(word: &str) -> Option<Kind> {
    [Kind::Signup, Kind::Lead, Kind::Sale].into_iter().find(|kind| kind.as_str() == word)
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}
