//! The few ways in which this store talks to SQLite: run a statement, read one row or all, turn a column into a checked
//! type. Statements stay compiled. Values from the file are checked like any other input: the file may be damaged.

use std::fmt::Display;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trailmark_wire::time::UnixMillis;

use crate::store::StoreError;

/// Every row, read by `read`.
pub(super) fn all<T>(
    ledger: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = ledger.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The first row, if there is one.
pub(super) fn first<T>(
    ledger: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = ledger.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// The number that a query of one row and one column gives.
pub(super) fn count(ledger: &Connection, sql: &str, params: impl Params) -> Result<u64, StoreError> {
    let found: Option<i64> = first(ledger, sql, params, |row| Ok(row.get(0)?))?;
    Ok(found.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
}

/// Runs a statement that changes rows; gives how many.
pub(super) fn write(ledger: &Connection, sql: &str, params: impl Params) -> Result<usize, StoreError> {
    Ok(ledger.prepare_cached(sql)?.execute(params)?)
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

/// A column of a type that SQLite itself knows.
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

/// A column of one of a type's fixed words, by serde's name for it.
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    serde_json::from_value(text.into()).map_err(|error| damaged(column, error))
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

/// What a column holds is not what it must be. Never repeats the value.
pub(super) fn damaged(column: &str, error: impl Display) -> StoreError {
    StoreError::Corrupt(format!("column {column}: {error}"))
}
