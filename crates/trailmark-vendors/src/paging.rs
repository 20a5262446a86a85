//! Lists that come in pages, as data: the next request, and the reading of its answer. A stream ends by the vendor's
//! own rule, never by a guess; the proxy's command line drives it.

use std::fmt;

use crate::exchange::{Read, Request};
use crate::outcome::Outcome;
use crate::records::Record;

/// One page.
#[derive(Debug)]
pub struct Page {
    /// What is on it.
    pub items: Vec<Record>,
    /// The request for the page after it; `None` at the end.
    pub next: Option<Request>,
}

/// A list in pages: send [`Pages::first`], read with [`Pages::read`], go on with [`Page::next`]. Each answer is read
/// once; the reader remembers what it has seen, and a list that comes back to it ends with an error instead of never.
pub struct Pages {
    /// The request for the first page.
    pub first: Request,
    /// The vendor's rule; it carries the state of this one listing.
    pub read: Read<Result<Page, Outcome>>,
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("first", &self.first).finish_non_exhaustive()
    }
}
