//! Pages of lists: `page` from 1, `limit`, and the block of links and numbers that the vendor's samples show: no total, no
//! last page, `links.last` always null. A client stops where `links.next` is null.
//!
//! Chosen where the documents are silent: the links name only the page, as the vendor's framework writes them, so a client
//! that follows one has to repeat its `limit` and filters; the order of a list without `sort` is a setting.

use std::ops::RangeInclusive;

use http::StatusCode;
use serde_json::{Value, json};

use super::Ask;
use super::read::Refusal;
use super::state::Rules;
use crate::call::{Answer, Call};
use crate::fields::only;

/// Which page a call asks for.
pub(super) struct Paging {
    page: usize,
    limit: usize,
    newest_first: bool,
}

impl Paging {
    /// The lists of partners, customers and transactions; `filters` are their further parameters.
    ///
    /// # Errors
    /// A parameter is unknown, given twice or out of range.
    pub(super) fn of(call: &Call, rules: &Rules, filters: &[&str]) -> Result<Self, Refusal> {
        let sort: &[&str] = if rules.node_forms { &["sort"] } else { &[] };
        only(call, &[&["page", "limit"], sort, filters].concat())?;
        let (least, most) = rules.page_limits;
        Self::read(call, rules, 15.clamp(least, most), least..=most)
    }

    /// The list of webhooks, which has its own limits.
    ///
    /// # Errors
    /// Those of [`Paging::of`].
    pub(super) fn of_webhooks(call: &Call, rules: &Rules) -> Result<Self, Refusal> {
        only(call, &["page", "limit"])?;
        Self::read(call, rules, 10, 10..=100)
    }

    fn read(call: &Call, rules: &Rules, usual: usize, limits: RangeInclusive<usize>) -> Result<Self, Refusal> {
        let newest_first = match call.parameter("sort") {
            None => rules.newest_first,
            Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Refusal::field("sort", "sort must be asc or desc")),
        };
        let page = number(call, "page", 1..=1_000_000)?.unwrap_or(1);
        Ok(Self { page, limit: number(call, "limit", limits)?.unwrap_or(usual), newest_first })
    }

    /// One page; `items` are in the order of their creation.
    pub(super) fn answer<T>(&self, ask: &Ask<'_>, mut items: Vec<T>, show: impl Fn(T) -> Value) -> Answer {
        if self.newest_first {
            items.reverse();
        }
        let (first, total) = ((self.page - 1) * self.limit, items.len());
        let shown: Vec<Value> = items.into_iter().skip(first).take(self.limit).map(show).collect();
        let path = format!("{}{}", ask.origin, ask.call.path);
        let link = |page: usize| format!("{path}?page={page}");
        let (count, is_last) = (shown.len(), first + self.limit >= total);
        let body = json!({
            "data": shown,
            "links": {
                "first": link(1),
                "last": null,
                "prev": (self.page > 1).then(|| link(self.page - 1)),
                "next": (!is_last).then(|| link(self.page + 1)),
            },
            "meta": {
                "current_page": self.page,
                "from": (count > 0).then_some(first + 1),
                "path": path,
                "per_page": self.limit,
                "to": (count > 0).then_some(first + count),
            },
            "status": 1,
        });
        Answer::json(StatusCode::OK, &body)
    }
}

fn number(call: &Call, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, Refusal> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| range.contains(number));
    let sentence = || format!("{name} must be an integer between {} and {}", range.start(), range.end());
    number.map(Some).ok_or_else(|| Refusal::field(name, sentence()))
}
