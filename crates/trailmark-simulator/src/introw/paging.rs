//! Lists, page by page (seed 003): `limit` 1 to 100 (25) and `cursor`, the `nextCursor` of the page before, which is
//! null on the last page.
//!
//! The documents say nothing of the order, of what a cursor is, or of a list that changes. Here a list is in order of
//! creation, a cursor names the last item of its page even after that item is gone, and belongs to one list; a text
//! that is no cursor is 422.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::validate::Refusal;
use crate::call::Call;
use crate::fields::only;

/// Which page of which list.
pub(super) struct Paging {
    list: &'static str,
    limit: usize,
    after: Option<usize>,
}

/// One page: the places of its items, and the cursor of the next one.
pub(super) struct Page {
    pub(super) places: Vec<usize>,
    next: Option<String>,
}

impl Paging {
    /// `filters` are the further parameters of the list.
    ///
    /// # Errors
    /// A parameter is unknown, given twice or out of range.
    pub(super) fn of(call: &Call, list: &'static str, filters: &[&str]) -> Result<Self, Refusal> {
        only(call, &[&["limit", "cursor"], filters].concat())?;
        let limit = match call.parameter("limit") {
            None => 25,
            Some(text) => {
                let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse().ok().filter(|limit| is_number && (1..=100).contains(limit));
                number.ok_or_else(|| Refusal::invalid("limit", "must be an integer between 1 and 100"))?
            }
        };
        let after = match call.parameter("cursor") {
            None => None,
            Some(text) => {
                let place = place_of(list, text);
                Some(place.ok_or_else(|| Refusal::invalid("cursor", "was not returned by this list"))?)
            }
        };
        Ok(Self { list, limit, after })
    }

    /// `places` are those of all items that the list has now, in their order.
    pub(super) fn page(&self, places: impl Iterator<Item = usize>) -> Page {
        let mut places: Vec<usize> =
            places.filter(|place| self.after.is_none_or(|after| *place > after)).take(self.limit + 1).collect();
        let has_more = places.len() > self.limit;
        places.truncate(self.limit);
        let cursor = |place: &usize| URL_SAFE_NO_PAD.encode(format!("{}:{place}", self.list));
        let next = places.last().filter(|_| has_more).map(cursor);
        Page { places, next }
    }
}

impl Page {
    /// The envelope of a list around what `show` makes of each place.
    pub(super) fn json(&self, show: impl Fn(usize) -> Option<Value>) -> Value {
        let items: Vec<Value> = self.places.iter().filter_map(|place| show(*place)).collect();
        json!({ "data": items, "pagination": { "nextCursor": self.next } })
    }
}

fn place_of(list: &str, cursor: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix(list)?.strip_prefix(':')?.parse().ok()
}
