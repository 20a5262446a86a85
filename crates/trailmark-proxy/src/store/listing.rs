//! Lists: which rows are wanted, and how a list goes on where it was cut. A list is read a page at a time, newest first; the
//! cursor names the last row of a page, so that rows which come meanwhile neither repeat nor hide any. What is listed stands
//! in [`super::operator`] and [`super::webhooks`].

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::time::UnixMillis;

/// Rows of a page, where the caller names no limit.
pub const ROWS: u32 = 100;

/// Rows of a page at most.
pub const MOST_ROWS: u32 = 1000;

/// Which rows a list shows; all conditions must hold, the newest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Of one site.
    pub site: Option<SiteId>,
    /// In one state or status word.
    #[serde(alias = "status")]
    pub state: Option<String>,
    /// Of one program.
    pub program: Option<ProgramId>,
    /// At most this many a page, 1 to [`MOST_ROWS`]; [`ROWS`] where none is named.
    pub limit: Option<u32>,
    /// Deliveries: where no state is named, the settled ones too.
    #[serde(default)]
    pub settled: bool,
    /// Conversions: under this business key, the customer's of a signup or lead, else the order's or refund's own.
    pub key: Option<String>,
    /// Conversions: with this code.
    pub code: Option<String>,
    /// Conversions: of this customer, by the merchant's key.
    pub customer: Option<String>,
    /// Conversions: credited to this partner, or of a visitor whom a link of theirs brought.
    pub partner: Option<String>,
    /// Conversions: found by any name that people have for one. The ledger's id or the page's, from 8 characters on; the key of
    /// the customer, order or refund; the customer's e-mail address, in any case; the partner's key.
    pub q: Option<String>,
    /// Received at this time or later.
    #[serde(default, serialize_with = "as_text", deserialize_with = "named_point")]
    pub since: Option<UnixMillis>,
    /// Received before this time.
    #[serde(default, serialize_with = "as_text", deserialize_with = "named_point")]
    pub until: Option<UnixMillis>,
    /// Behind the last row of an earlier page.
    pub cursor: Option<Cursor>,
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Where the list goes on; absent at its end.
    pub next: Option<Cursor>,
}

/// The place of a row in a list, newest first. As text `1795249862000.019aa5a0-6f70-7000-8000-000000000001`; whoever asks only
/// hands it back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// When the row was received; zero in lists that are ordered by id alone.
    pub at: UnixMillis,
    /// Its id.
    pub id: ConversionId,
}

/// The text is no cursor of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: give back `next` of the page before, unchanged")]
pub struct NotACursor;

/// The text names no point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write a day such as 2026-11-21, or a UTC time such as 2026-11-21T08:30:00Z")]
pub struct NotAPoint;

impl Filter {
    /// How many rows a page holds at most.
    pub fn rows(&self) -> u32 {
        self.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS)
    }
}

impl<T> Page<T> {
    /// The same page with each row made into something else.
    pub fn map<U>(self, of: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(of).collect(), next: self.next }
    }
}

impl<T> Deref for Page<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.id)
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl TryFrom<String> for Cursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        let (at, id) = text.split_once('.').ok_or(NotACursor)?;
        let at = at.parse().map_err(|_no_number| NotACursor)?;
        Ok(Self { at: UnixMillis(at), id: ConversionId::new(id).map_err(|_no_id| NotACursor)? })
    }
}

/// A point in time as people write it: a day of UTC, which means its beginning, or a whole RFC 3339 time.
///
/// # Errors
/// [`NotAPoint`].
pub fn point(text: &str) -> Result<UnixMillis, NotAPoint> {
    let text = text.trim();
    let whole = if text.len() == "2026-11-21".len() { format!("{text}T00:00:00Z") } else { text.to_owned() };
    UnixMillis::from_rfc3339(&whole).map_err(|_not_a_time| NotAPoint)
}

#[expect(clippy::ref_option, reason = "serde hands the field itself")]
fn as_text<S: Serializer>(point: &Option<UnixMillis>, value: S) -> Result<S::Ok, S::Error> {
    point.map(UnixMillis::to_rfc3339).serialize(value)
}

fn named_point<'de, D: Deserializer<'de>>(value: D) -> Result<Option<UnixMillis>, D::Error> {
    let text = Option::<String>::deserialize(value)?;
    text.as_deref().map(point).transpose().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given() {
        let id = ConversionId::new("019aa5a0-6f70-7000-8000-000000000001").unwrap();
        let cursor = Cursor { at: UnixMillis(1_795_249_862_000), id };
        assert_eq!(Cursor::try_from(cursor.to_string()), Ok(cursor));
        for wrong in
            ["", "1", "1.x", "x.019aa5a0-6f70-7000-8000-000000000001", "1.019aa5a0-6f70-7000-8000-0000000000'1"]
        {
            assert_eq!(Cursor::try_from(wrong.to_owned()), Err(NotACursor), "{wrong}");
        }
    }

    #[test]
    fn a_day_means_its_beginning() {
        assert_eq!(point("2026-11-21"), point("2026-11-21T00:00:00Z"));
        for wrong in ["", "yesterday", "2026-11-31", "21.11.2026", "2026-11-21T08:30"] {
            assert_eq!(point(wrong), Err(NotAPoint), "{wrong}");
        }
    }
}
