//! A conversion that the page reports: checked before it is stored or sent, and given its id and time. [`Page::body`]
//! translates it into the wire's form. The proxy decides which keys are valid and repairs optional fields
//! ([`trailmark_wire::repair`]): that rule would cost the module two kilobytes. The envelope and the request are in
//! [`crate::send`].

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::Jti;
use trailmark_wire::time::UnixMillis;

use crate::json::Members;
use crate::page::{Json, Page};

/// A conversion to be sent. Debug shows no input, which is personal data.
#[derive(Clone, PartialEq, Eq, Serialize)]
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

/// An object in a receipt with two members: program and partner of a credit, or field and code of a warning. One type for
/// both, because each serialised type costs the module a few hundred bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The names of the members.
    pub names: [&'static str; 2],
    /// The program, or the wire's path of the field.
    pub first: String,
    /// The partner, absent if only a click id is known; or the code.
    pub second: Option<String>,
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The proxy's status (`accepted`, `duplicate`, `held`, `unattributed`, `rejected`), or `queued`, `ignored`, `failed`.
    pub status: &'static str,
    /// Why, if the status alone does not say.
    pub code: Option<String>,
    /// The ledger's id of the conversion if a receipt came, otherwise the id under which it was sent.
    pub conversion_id: Option<String>,
    /// The credited programs, if a receipt came.
    pub attribution: Option<Vec<Pair>>,
    /// The optional fields that the proxy repaired, left out or misses.
    pub warnings: Vec<Pair>,
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [first, second] = self.names;
        let mut members = Members::begin(serializer)?;
        members.text(first, Some(&self.first))?;
        members.text(second, self.second.as_deref())?;
        members.end()
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = Members::begin(serializer)?;
        members.text("status", Some(self.status))?;
        members.text("code", self.code.as_deref())?;
        members.text("conversionId", self.conversion_id.as_deref())?;
        if let Some(credits) = &self.attribution {
            members.0.serialize_entry("attribution", credits)?;
        }
        if !self.warnings.is_empty() {
            members.0.serialize_entry("warnings", &self.warnings)?;
        }
        members.end()
    }
}

impl Outcome {
    /// An outcome with only a code.
    pub fn coded(status: &'static str, code: &str) -> Self {
        Self { status, code: Some(code.to_owned()), conversion_id: None, attribution: None, warnings: Vec::new() }
    }

    /// The same outcome, for the conversion `id`.
    #[must_use]
    pub fn of(self, id: &Jti) -> Self {
        Self { conversion_id: Some(id.as_str().to_owned()), ..self }
    }
}

impl Entry {
    /// Checks the page's argument and makes the conversion, dated now.
    ///
    /// # Errors
    /// What is wrong with the argument, beginning with the page's name of the field.
    pub fn new<P: Page>(page: &P, kind: Kind, input: String) -> Result<Self, String> {
        let at = page.now();
        page.body(kind, &input)?;
        Ok(Self { id: Jti::from_parts(at, page.random()), at, kind, input })
    }

    /// Reads an entry that an earlier page stored; `None` if it is not valid, for example after somebody edited it.
    pub fn read<J: Json>(kept: &J) -> Option<Self> {
        Some(Self {
            id: Jti::new(kept.member_text("id")?).ok()?,
            at: UnixMillis(kept.member_integer("at")?),
            kind: kind(&kept.member_text("kind")?)?,
            input: kept.member_text("input")?,
        })
    }
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
