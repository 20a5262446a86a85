//! Lists that come in pages, as data: the next request, and the reading of its answer. A stream ends by the vendor's own
//! rule, never by a guess; the proxy's command line drives it.

use std::fmt;

use serde::Serialize;

use crate::exchange::{Answer, Request};
use crate::outcome::Outcome;

/// A partner as all vendors have one. `Debug` shows the keys alone.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Partner {
    /// The key under which links name the partner.
    pub key: String,
    /// The vendor's own id of the partnership, where it differs.
    pub id: Option<String>,
    /// The partner's name.
    pub name: Option<String>,
    /// The partner's e-mail address.
    pub email: Option<String>,
    /// The group or tier.
    pub group: Option<String>,
    /// The vendor's status word, such as `active` or `invited`.
    pub status: Option<String>,
}

impl fmt::Debug for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partner").field("key", &self.key).field("id", &self.id).finish_non_exhaustive()
    }
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// Its partners.
    pub partners: Vec<Partner>,
    /// The request for the page after it; `None` at the end.
    pub next: Option<Request>,
}

/// Reads one page; boxed, since each vendor's rule carries its own state.
pub type ReadPage = Box<dyn Fn(&Answer) -> Result<Page, Outcome> + Send + Sync>;

/// A list in pages: send [`Pages::first`], read with [`Pages::read`], go on with [`Page::next`]. Each answer is read once;
/// the reader remembers what it has seen, and a list that comes back to it ends with an error instead of never.
pub struct Pages {
    /// The request for the first page.
    pub first: Request,
    /// The vendor's rule.
    pub read: ReadPage,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("first", &self.first).finish_non_exhaustive()
    }
}
