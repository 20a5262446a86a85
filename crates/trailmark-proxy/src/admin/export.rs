//! Conversions as CSV (RFC 4180), for spreadsheets. Reads page by page, so that memory holds one page.
//! [`super::ledger::listed`] makes the rows; this file writes them as text.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::ledger::listed;
use super::problem::Problem;
use crate::answer::Answered;
use crate::app::App;
use crate::store::StoreError;
use crate::store::listing::{Filter, MOST_ROWS, Page};
use crate::store::operator::ConversionRow;

/// The columns. Times are RFC 3339 in UTC, amounts decimal. Values for several programs are joined by `; `.
pub const HEADER: &str = "received_at,id,site,kind,key,customer,refund_of,amount,currency,status,code,answer,reason,programs,partners,deliveries\r\n";

/// All rows from the filter's cursor to the end of the list, or as many as the limit allows. An invalid query gets an
/// error; rows follow only after the first page is read.
pub(super) async fn conversions(app: Arc<App>, filter: Filter) -> Result<Response, Problem> {
    let is_whole = filter.limit.is_none();
    let filter = Filter { limit: filter.limit.or(Some(MOST_ROWS)), ..filter };
    // A wrong question is answered as such; only then do rows follow.
    let first = listed(&*app.store, filter.clone(), app.clock.now()).await?;
    let pages = stream::try_unfold(Some(first), move |page| {
        let (app, filter) = (Arc::clone(&app), filter.clone());
        async move {
            let Some(page) = page else { return Ok::<_, StoreError>(None) };
            let next = match page.next.clone().filter(|_| is_whole) {
                None => None,
                cursor => Some(listed(&*app.store, Filter { cursor, ..filter }, app.clock.now()).await?),
            };
            Ok(Some((rows(&page), next)))
        }
    });
    let header = stream::iter([Ok(HEADER.to_owned())]);
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"conversions.csv\""),
    ];
    Ok((headers, Body::from_stream(futures_util::StreamExt::chain(header, pages))).into_response())
}

/// The lines of a page.
pub fn rows(page: &Page<Answered<ConversionRow>>) -> String {
    page.items.iter().map(line).collect()
}

fn line(Answered { of: row, answer, .. }: &Answered<ConversionRow>) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let partners = row.partners.iter().map(|partner| partner.as_deref().unwrap_or_default());
    let cells = [
        row.received_at.to_rfc3339(),
        row.id.to_string(),
        row.site.to_string(),
        row.kind.as_str().to_owned(),
        text(&row.external_id),
        text(&row.customer),
        text(&row.refund_of),
        row.amount.map(|amount| amount.to_decimal()).unwrap_or_default(),
        row.amount.map(|amount| amount.currency.to_string()).unwrap_or_default(),
        row.status.as_str().to_owned(),
        text(&row.code),
        answer.headline.clone(),
        answer.reason.clone(),
        row.programs.iter().map(|program| program.as_str()).collect::<Vec<_>>().join("; "),
        partners.collect::<Vec<_>>().join("; "),
        row.deliveries.join("; "),
    ];
    format!("{}\r\n", cells.map(|cell| quoted(&cell)).join(","))
}

/// One field. Customers and partners choose some of the texts, and a spreadsheet runs a text that begins like a
/// formula: such a field gets an apostrophe, which marks it as text.
pub(crate) fn quoted(text: &str) -> String {
    let text = text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', " ");
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\n']) { format!("'{text}") } else { text };
    if text.contains([',', '"', '\n', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    // field-faults row 80
    #[test]
    fn a_field_is_quoted_as_rfc_4180_says_and_never_runs_as_a_formula() {
        for (text, field) in [
            ("u_1", "u_1"),
            ("Jo, \"the\" shop", "\"Jo, \"\"the\"\" shop\""),
            ("two\nlines", "\"two\nlines\""),
            ("two\r\nlines", "\"two \nlines\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\u{1b}[2J", " [2J"),
        ] {
            assert_eq!(quoted(text), field, "{text}");
        }
    }
}
