//! Reads lists, in SQL: builds a statement from the wanted conditions, runs it for one site after another, and merges
//! the results, newest first. `lists` and `webhooks` define the lists.

use rusqlite::{Connection, Row, ToSql};
use trailmark_wire::ids::SiteId;
use trailmark_wire::time::UnixMillis;

use super::rows::{all, checked, plain};
use crate::store::StoreError;
use crate::store::listing::{Cursor, Filter, Page};

/// A listing statement.
pub(super) struct Listing<'a> {
    /// `SELECT …`, without its `FROM`.
    pub(super) select: &'static str,
    /// `FROM … WHERE …`, with a condition on `:site`.
    pub(super) from: &'a str,
    /// Further conditions.
    pub(super) conditions: Vec<Condition<'a>>,
    pub(super) order: Order,
}

/// A condition, and the parameter that it names, if any.
pub(super) type Condition<'a> = (String, Option<(&'static str, &'a dyn ToSql)>);

/// The order of a list, newest first; decides which index is used.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// By a column of ledger time, then by id. `is_sorted`: other conditions find few rows, which are sorted.
    Time { at: &'static str, id: &'static str, is_sorted: bool },
    /// By one of the ledger's ids, which begins with its time in milliseconds; `is_sorted` as above.
    Id { id: &'static str, is_sorted: bool },
}

impl Order {
    /// The columns that rows are compared by. `+` stops SQLite from using their index.
    fn terms(self) -> (String, String) {
        let plus = |column: &str, is_sorted: bool| format!("{}{column}", if is_sorted { "+" } else { "" });
        match self {
            Self::Time { at, id, is_sorted } => (plus(at, is_sorted), plus(id, is_sorted)),
            Self::Id { id, is_sorted } => ("0".to_owned(), plus(id, is_sorted)),
        }
    }

    /// Condition: received at `point` or later (`>=`), or before it (`<`).
    fn bound(self, sign: &str, parameter: &str) -> String {
        let (at, id) = self.terms();
        match self {
            Self::Time { .. } => format!("{at} {sign} {parameter}"),
            Self::Id { .. } => format!("{id} {sign} {parameter}"),
        }
    }

    fn value(self, point: UnixMillis) -> Box<dyn ToSql> {
        match self {
            Self::Time { .. } => Box::new(point.0),
            Self::Id { .. } => Box::new(first_id(point)),
        }
    }

    /// Condition: rows after a cursor.
    fn behind(self) -> String {
        let (at, id) = self.terms();
        match self {
            Self::Time { .. } => format!("({at}, {id}) < (:behind_at, :behind_id)"),
            Self::Id { .. } => format!("{id} < :behind_id"),
        }
    }
}

/// Lower bound of all ids that the ledger made at `point` or later.
fn first_id(point: UnixMillis) -> String {
    let ms = point.0.clamp(0, (1 << 48) - 1);
    format!("{:08x}-{:04x}", ms >> 16, ms & 0xffff)
}

impl Listing<'_> {
    /// The page for a filter.
    pub(super) fn page<T>(
        self,
        ledger: &Connection,
        filter: &Filter,
        sites: Vec<SiteId>,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let most = usize::try_from(filter.rows()).unwrap_or(usize::MAX);
        // One row more than the page shows whether the list continues.
        let limit = i64::from(filter.rows()) + 1;
        let (since, until) = (filter.since.map(|at| self.order.value(at)), filter.until.map(|at| self.order.value(at)));
        let behind = filter.cursor.as_ref().map(|cursor| (cursor.at.0, cursor.id.as_str()));
        let sql = self.statement(filter);
        let mut found = Vec::new();
        for site in sites {
            let site = site.as_str();
            let mut key: Vec<(&str, &dyn ToSql)> = vec![(":site", &site), (":limit", &limit)];
            key.extend(self.conditions.iter().filter_map(|(_, parameter)| *parameter));
            key.extend(since.as_deref().map(|at| (":since", at)));
            key.extend(until.as_deref().map(|at| (":until", at)));
            if let Some((at, id)) = &behind {
                if matches!(self.order, Order::Time { .. }) {
                    key.push((":behind_at", at));
                }
                key.push((":behind_id", id));
            }
            found.extend(all(ledger, &sql, key.as_slice(), |row| Ok((place(row)?, read(row)?)))?);
        }
        found.sort_by(|(one, _), (other, _)| other.cmp(one));
        let goes_on = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| goes_on).map(|(place, _)| place.clone());
        Ok(Page { items: found.into_iter().map(|(_, row)| row).collect(), next })
    }

    fn statement(&self, filter: &Filter) -> String {
        let (at, id) = self.order.terms();
        let mut sql = format!("{}, {} AS listed_at {}", self.select, at.trim_start_matches('+'), self.from);
        for (condition, _) in &self.conditions {
            sql.push_str(&format!(" AND {condition}"));
        }
        let bounds = [
            filter.since.map(|_| self.order.bound(">=", ":since")),
            filter.until.map(|_| self.order.bound("<", ":until")),
            filter.cursor.as_ref().map(|_| self.order.behind()),
        ];
        for bound in bounds.into_iter().flatten() {
            sql.push_str(&format!(" AND {bound}"));
        }
        let order = if matches!(self.order, Order::Time { .. }) { format!("{at} DESC, ") } else { String::new() };
        sql.push_str(&format!(" ORDER BY {order}{id} DESC LIMIT :limit"));
        sql
    }
}

fn place(row: &Row<'_>) -> Result<Cursor, StoreError> {
    Ok(Cursor { at: UnixMillis(plain(row, "listed_at")?), id: checked(row, "id")? })
}

#[cfg(test)]
mod tests {
    use trailmark_wire::ids::ConversionId;

    use super::*;

    #[test]
    fn no_id_of_a_point_in_time_is_below_its_bound() {
        let point = UnixMillis(1_795_249_862_123);
        assert!(*ConversionId::from_parts(point, [0; 10]).as_str() >= *first_id(point));
        assert!(*ConversionId::from_parts(point.plus(-1), [255; 10]).as_str() < *first_id(point));
    }
}
