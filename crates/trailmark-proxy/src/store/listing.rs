//! Lists: which rows are wanted, and how a list continues on the next page. Lists are newest first. The cursor names
//! the last row of a page, so that new rows neither repeat nor hide any. [`super::operator`] and [`super::webhooks`]
//! define the rows.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::time::UnixMillis;

/// Rows of a page if the caller sets no limit.
pub const ROWS: u32 = 100;

/// Rows of a page at most.
pub const MOST_ROWS: u32 = 1000;

/// Which rows a list shows, newest first. All conditions must hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Of one site.
    pub site: Option<SiteId>,
    /// With this state or status word.
    #[serde(alias = "status")]
    pub state: Option<String>,
    /// Of one program.
    pub program: Option<ProgramId>,
    /// Rows of a page, 1 to [`MOST_ROWS`]; [`ROWS`] if absent.
    pub limit: Option<u32>,
    /// Deliveries: show the settled ones too if no state is named.
    #[serde(default)]
    pub settled: bool,
    /// Conversions: with this business key: the customer key of a signup or lead, otherwise the order's or refund's
    /// own key.
    pub key: Option<String>,
    /// Conversions: with this code.
    pub code: Option<String>,
    /// Conversions: of this customer, by the merchant's key.
    pub customer: Option<String>,
    /// Conversions: credited to this partner, or by a visitor who came through a link of the partner.
    pub partner: Option<String>,
    /// Conversions: with this text as any of their names: the ledger's or the page's id (from 8 characters on); the
    /// customer's, order's or refund's key; the customer's e-mail address, in any case; the partner's key.
    pub q: Option<String>,
    /// Received at this time or later.
    #[serde(default, serialize_with = "as_text", deserialize_with = "named_point")]
    pub since: Option<UnixMillis>,
    /// Received before this time.
    #[serde(default, serialize_with = "as_text", deserialize_with = "named_point")]
    pub until: Option<UnixMillis>,
    /// After the last row of an earlier page.
    pub cursor: Option<Cursor>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Where the list continues; absent at its end.
    pub next: Option<Cursor>,
}

/// The place of a row in a list. As text `1795249862000.019aa5a0-6f70-7000-8000-000000000001`; callers only pass it
/// back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// When the row was received; zero in lists that are ordered by id alone.
    pub at: UnixMillis,
    /// Its id.
    pub id: ConversionId,
}

/// The text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: pass `next` of the previous page unchanged")]
pub struct NotACursor;

/// The text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write a day such as 2026-11-21, or a UTC time such as 2026-11-21T08:30:00Z")]
pub struct NotAPoint;

impl Filter {
    /// How many rows a page has at most.
    pub fn rows(&self) -> u32 {
        self.limit.unwrap_or(ROWS).clamp(1, MOST_ROWS)
    }
}

impl<T> Page<T> {
    /// Converts each row.
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

/// A time as people write it: a UTC day, which means its beginning, or a full RFC 3339 time.
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
