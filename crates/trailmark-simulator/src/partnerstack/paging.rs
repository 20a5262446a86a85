//! Lists, page by page, in both dialects.
//!
//! `current`: `limit` 1 to 250 (10); `starting_after` and `ending_before` take the key of an item and exclude each other.
//! `guide`: `limit` up to 100 (25); `starting_after` accepts only an `ending_cursor` of an earlier page. `current` lists
//! newest first, as the reference says of customers, partnerships, rewards and transactions, and `order_by=created_at`
//! reverses that; groups, on which the reference is silent, do the same. Seed 000 is silent, and the guide lists oldest
//! first. Guesses: a deleted item, or one of another list, is not a valid cursor (400).
//!
//! Left out: `order_by` and bounds by `updated_at`, which the reference has for some lists, and `total`.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::validate::Refusal;
use crate::call::Call;
use crate::fields::only;

const CURSOR_PREFIX: &str = "cursor_";

/// An item of a list.
pub(super) trait Listed {
    fn key(&self) -> &str;
    fn created_ms(&self) -> i64;
}

/// The requested page.
pub(super) struct Paging {
    limit: usize,
    cursor: Cursor,
    newest_first: bool,
    created_ms: RangeInclusive<i64>,
}

enum Cursor {
    Start,
    After(String),
    Before(String),
}

/// One page.
pub(super) struct Page<'a, T> {
    pub(super) items: Vec<&'a T>,
    pub(super) has_more: bool,
}

impl Paging {
    /// # Errors
    /// A parameter is unknown, given twice, out of range, or excluded by another.
    pub(super) fn current(call: &Call) -> Result<Self, Refusal> {
        Self::filtered(call, &[])
    }

    /// The same for a list with further parameters.
    ///
    /// # Errors
    /// Those of [`Paging::current`].
    pub(super) fn filtered(call: &Call, filters: &[&str]) -> Result<Self, Refusal> {
        let known = ["limit", "starting_after", "ending_before", "order_by", "min_created", "max_created"];
        only(call, &[&known, filters].concat())?;
        let cursor = match (call.parameter("starting_after"), call.parameter("ending_before")) {
            (Some(_), Some(_)) => {
                return Err(Refusal::bad_request("starting_after and ending_before exclude one another"));
            }
            (Some(key), None) => Cursor::After(key.to_owned()),
            (None, Some(key)) => Cursor::Before(key.to_owned()),
            (None, None) => Cursor::Start,
        };
        let newest_first = match call.parameter("order_by") {
            None | Some("-created_at") => true,
            Some("created_at") => false,
            Some(_) => return Err(Refusal::bad_request("order_by must be created_at or -created_at")),
        };
        let oldest = number(call, "min_created", 0..=i64::MAX)?.unwrap_or(i64::MIN);
        let newest = number(call, "max_created", 0..=i64::MAX)?.unwrap_or(i64::MAX);
        Ok(Self { limit: limit(call, 10, 250)?, cursor, newest_first, created_ms: oldest..=newest })
    }

    /// `filters` are the further parameters of the list.
    ///
    /// # Errors
    /// A parameter is unknown, given twice or out of range, or the cursor was never issued.
    pub(super) fn guide(call: &Call, filters: &[&str]) -> Result<Self, Refusal> {
        only(call, &[&["limit", "starting_after"], filters].concat())?;
        let cursor = match call.parameter("starting_after") {
            None => Cursor::Start,
            Some(cursor) => Cursor::After(key_of(cursor).ok_or_else(|| unknown_cursor("starting_after"))?),
        };
        Ok(Self { limit: limit(call, 25, 100)?, cursor, newest_first: false, created_ms: i64::MIN..=i64::MAX })
    }

    /// # Errors
    /// The cursor names no item of this list.
    pub(super) fn page<'a, T: Listed>(&self, items: impl Iterator<Item = &'a T>) -> Result<Page<'a, T>, Refusal> {
        let mut items: Vec<&T> = items.filter(|item| self.created_ms.contains(&item.created_ms())).collect();
        items.sort_by_key(|item| item.created_ms());
        if self.newest_first {
            items.reverse();
        }
        let place =
            |key: &str, name| items.iter().position(|item| item.key() == key).ok_or_else(|| unknown_cursor(name));
        let (items, has_more) = match &self.cursor {
            Cursor::Start => head(&items, 0, self.limit),
            Cursor::After(key) => head(&items, place(key, "starting_after")? + 1, self.limit),
            Cursor::Before(key) => tail(&items, place(key, "ending_before")?, self.limit),
        };
        Ok(Page { items: items.to_vec(), has_more })
    }
}

impl<T: Listed> Page<'_, T> {
    /// The cursor that the guide's client sends for the next page.
    pub(super) fn ending_cursor(&self) -> Option<String> {
        let last = self.items.last()?;
        Some(format!("{CURSOR_PREFIX}{}", URL_SAFE_NO_PAD.encode(last.key())))
    }
}

fn head<T>(items: &[T], start: usize, limit: usize) -> (&[T], bool) {
    let rest = items.get(start..).unwrap_or_default();
    (rest.get(..limit).unwrap_or(rest), rest.len() > limit)
}

fn tail<T>(items: &[T], end: usize, limit: usize) -> (&[T], bool) {
    let before = items.get(..end).unwrap_or_default();
    (before.get(end.saturating_sub(limit)..).unwrap_or_default(), end > limit)
}

fn limit(call: &Call, usual: usize, most: i64) -> Result<usize, Refusal> {
    let asked = number(call, "limit", 1..=most)?;
    Ok(asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(usual))
}

fn number(call: &Call, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| range.contains(number));
    let sentence = || format!("{name} must be an integer between {} and {}", range.start(), range.end());
    number.map(Some).ok_or_else(|| Refusal::bad_request(sentence()))
}

fn key_of(cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor.strip_prefix(CURSOR_PREFIX)?).ok()?;
    String::from_utf8(bytes).ok()
}

fn unknown_cursor(name: &str) -> Refusal {
    Refusal::bad_request(format!("{name} names no item of this list"))
}
