//! Lists in pages, as data: the next request, and the reading of its answer. A list ends by the vendor's own rule, never by
//! a guess. The proxy's command line sends the requests.

use std::fmt;

use crate::exchange::{Read, Request};
use crate::outcome::Outcome;
use crate::records::Record;

/// One page.
#[derive(Debug)]
pub struct Page {
    /// The items of the page.
    pub items: Vec<Record>,
    /// The request for the next page; `None` at the end.
    pub next: Option<Request>,
}

/// A list in pages: send [`Pages::first`], read the answer with [`Pages::read`], continue with [`Page::next`]. Read each
/// answer once: the reader remembers the items, and a list that shows an item again ends with an error instead of
/// continuing forever.
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
