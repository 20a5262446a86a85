//! What the page calls a conversion, checked before anything is kept or sent, and given its id and time. The words of the
//! wire for it are found by the page's own half ([`Page::body`]). What a key may be and how an optional field is repaired is the
//! proxy's to say, by [`trailmark_wire::repair`]: that rule costs the module two kilobytes. No envelope and no request: those
//! are [`crate::send`]'s.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::time::UnixMillis;

use crate::json::Members;
use crate::page::{Json, Page};

/// A conversion on its way. Debug shows no input, which is personal data.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id, for ever.
    pub id: ConversionId,
    /// When it happened, by the browser's clock.
    pub at: UnixMillis,
    /// Which kind.
    pub kind: Kind,
    /// What the page passed, as JSON.
    pub input: String,
}

/// An object of a receipt's with two members: program and partner of a credit, field and code of a warning. One type, since
/// each type that is written costs the module a few hundred bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What the members are called.
    pub names: [&'static str; 2],
    /// The program, or the path of the field in the wire's words.
    pub first: String,
    /// The partner, absent where only a click id is known; or the code.
    pub second: Option<String>,
}

/// What a call comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The proxy's word (`accepted`, `duplicate`, `held`, `unattributed`, `rejected`), or `queued`, `ignored`, `failed`.
    pub status: &'static str,
    /// Why, where the status alone does not say.
    pub code: Option<String>,
    /// The ledger's id of the conversion, else the one it was sent under.
    pub conversion_id: Option<String>,
    /// The credited programs, where a receipt came.
    pub attribution: Option<Vec<Pair>>,
    /// Each optional field that the proxy repaired, left out or misses.
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
    /// An outcome with a code and nothing else.
    pub fn coded(status: &'static str, code: &str) -> Self {
        Self { status, code: Some(code.to_owned()), conversion_id: None, attribution: None, warnings: Vec::new() }
    }

    /// The same outcome of the conversion `id`.
    #[must_use]
    pub fn of(self, id: &ConversionId) -> Self {
        Self { conversion_id: Some(id.as_str().to_owned()), ..self }
    }
}

impl Entry {
    /// The checked conversion of a call at `page`'s time.
    ///
    /// # Errors
    /// What is wrong with the page's argument, led by the field as the page knows it.
    pub fn new<P: Page>(page: &P, kind: Kind, input: String) -> Result<Self, String> {
        let at = page.now();
        page.body(kind, &input)?;
        Ok(Self { id: ConversionId::from_parts(at, page.random()), at, kind, input })
    }

    /// Reads an entry that an earlier page kept; `None` when it is not one, such as after somebody's edit.
    pub fn read<J: Json>(kept: &J) -> Option<Self> {
        Some(Self {
            id: ConversionId::new(kept.member_text("id")?).ok()?,
            at: UnixMillis(kept.member_integer("at")?),
            kind: kind(&kept.member_text("kind")?)?,
            input: kept.member_text("input")?,
        })
    }
}

/// The kinds that a page may claim.
pub fn kind(word: &str) -> Option<Kind> {
    [Kind::Signup, Kind::Lead, Kind::Sale].into_iter().find(|kind| kind.as_str() == word)
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}
