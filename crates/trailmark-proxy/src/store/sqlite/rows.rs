//! Helpers for SQLite: run a statement, read one row or all, turn a column into a checked type. Compiled statements
//! are cached. Values from the file are checked like other input, because the file may be damaged.

use std::fmt::Display;

use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trailmark_wire::time::UnixMillis;

use crate::store::StoreError;

/// All rows, read by `read`.
#[cfg_attr(test, track_caller)]
pub(super) fn all<T>(
    ledger: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = prepared(ledger, sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The first row, if there is one.
#[cfg_attr(test, track_caller)]
pub(super) fn first<T>(
    ledger: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = prepared(ledger, sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// The number from a query with one row and one column.
#[cfg_attr(test, track_caller)]
pub(super) fn count(ledger: &Connection, sql: &str, params: impl Params) -> Result<u64, StoreError> {
    let found: Option<i64> = first(ledger, sql, params, |row| Ok(row.get(0)?))?;
    Ok(found.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
}

/// Runs a statement that changes rows; returns how many.
#[cfg_attr(test, track_caller)]
pub(super) fn write(ledger: &Connection, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    Ok(prepared(ledger, sql)?.execute(params)?)
}

#[cfg_attr(test, track_caller)]
fn prepared<'l>(ledger: &'l Connection, sql: &str) -> Result<CachedStatement<'l>, StoreError> {
    #[cfg(test)]
    plan::assert_narrow(ledger, sql);
    Ok(ledger.prepare_cached(sql)?)
}

/// A column of checked text.
pub(super) fn checked<T: TryFrom<String, Error: Display>>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    T::try_from(row.get(column)?).map_err(|error| damaged(column, error))
}

/// A column of checked text that may be NULL.
pub(super) fn maybe<T: TryFrom<String, Error: Display>>(row: &Row<'_>, column: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.get(column)?;
    text.map(T::try_from).transpose().map_err(|error| damaged(column, error))
}

/// A column of a type that SQLite knows.
pub(super) fn plain<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    Ok(row.get(column)?)
}

/// A column of milliseconds.
pub(super) fn time(row: &Row<'_>, column: &str) -> Result<UnixMillis, StoreError> {
    Ok(UnixMillis(row.get(column)?))
}

/// A column of milliseconds that may be NULL.
pub(super) fn maybe_time(row: &Row<'_>, column: &str) -> Result<Option<UnixMillis>, StoreError> {
    Ok(row.get::<_, Option<i64>>(column)?.map(UnixMillis))
}

/// A column with one of a type's words, by serde's name.
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_value(text.into()).map_err(|error| damaged(column, error))
}

/// The same, but it may be NULL.
pub(super) fn maybe_word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_value(text.into())).transpose().map_err(|error| damaged(column, error))
}

/// A column of JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| damaged(column, error))
}

/// JSON for a column.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(format!("a value has no JSON form: {error}")))
}

/// A column's value is invalid. The text never repeats the value.
pub(super) fn damaged(column: &str, error: impl Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}: {error}"))
}

#[cfg(test)]
mod plan {
    //! Checks the query plan of every statement that this crate's tests run. A statement that reads a whole table, or
    //! a site's whole share, is slow only in a large ledger, where it blocks the writer.

    use rusqlite::Connection;

    /// Marks a statement that may be wide, with the reason.
    const WIDE: &str = "/* wide: ";
    /// Files with rare operators' queries, which do not use the writer.
    const OPERATORS: [&str; 3] = ["sqlite/health.rs", "sqlite/lists.rs", "sqlite/paging.rs"];
    /// Tables and indexes with few rows for each site, and names defined by `WITH`.
    const SMALL: [&str; 11] = [
        "api_keys",
        "deliveries_leased",
        "found",
        "lanes",
        "owed",
        "refunds",
        "shared_lanes",
        "signing_keys",
        "subjects",
        "tallies",
        "webhooks_to_read",
    ];
    /// Columns with few distinct values.
    const COARSE: [&str; 6] = ["kind", "program", "site", "state", "status", "subject"];

    #[track_caller]
    pub(super) fn assert_narrow(ledger: &Connection, sql: &str) {
        let file = std::panic::Location::caller().file();
        if sql.contains(WIDE) || OPERATORS.iter().any(|name| file.ends_with(name)) {
            return;
        }
        let explained = ledger.prepare(&format!("EXPLAIN QUERY PLAN {sql}"));
        // A statement that cannot be prepared fails when it runs.
        let Ok(mut plan) = explained else { return };
        for parameter in 1..=plan.parameter_count() {
            plan.raw_bind_parameter(parameter, 1).unwrap();
        }
        let mut rows = plan.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let step: String = row.get("detail").unwrap();
            assert!(!is_wide(&step), "{step}\n{sql}");
        }
    }

    /// Whether a step such as `SEARCH d USING INDEX i (site=? AND state=?)` may read a large part of a table.
    fn is_wide(step: &str) -> bool {
        let mut words = step.split(' ');
        let (Some(verb), Some(table)) = (words.next(), words.next()) else { return false };
        let is_small = step.split(' ').any(|word| SMALL.contains(&word));
        if is_small || table.starts_with('(') || step.contains("VIRTUAL TABLE") || step == "SCAN CONSTANT ROW" {
            return false;
        }
        let terms = step.split_once('(').map_or("", |(_, terms)| terms.trim_end_matches(')'));
        let column = |term: &str| term.split(['=', '<', '>']).next().unwrap_or_default().to_owned();
        match verb {
            "SCAN" => true,
            "SEARCH" => terms.split(" AND ").map(column).all(|column| COARSE.contains(&column.as_str())),
            _ => false,
        }
    }

    #[test]
    fn a_walk_through_a_table_or_a_site_is_seen() {
        for wide in ["SCAN deliveries", "SCAN d USING COVERING INDEX i", "SEARCH c USING INDEX i (site=?)"] {
            assert!(is_wide(wide), "{wide}");
        }
        assert!(is_wide("SEARCH d USING INDEX deliveries_by_state (site=? AND state=?)"));
        for narrow in ["SEARCH d USING INDEX i (site=? AND id=?)", "SCAN lanes", "SCAN (subquery-2)", "MERGE (UNION)"] {
            assert!(!is_wide(narrow), "{narrow}");
        }
        assert!(!is_wide("SEARCH d USING INDEX deliveries_due (site=? AND program=? AND due_at<?)"));
    }
}
