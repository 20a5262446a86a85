//! Reading a body to its end, never past the limit and never for ever. What it says is read elsewhere.

use std::time::Duration;

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use trailmark_wire::limits::BODY_BYTES;
use trailmark_wire::refusal::Refusal;

use super::origin::text;
use super::problem::Problem;

/// How long a body may take: 64 KiB over the slowest mobile link arrive in half of it.
const TIME: Duration = Duration::from_secs(10);

/// What a body's `Content-Type` says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `application/json`.
    Json,
    /// `text/plain`, or nothing said.
    Text,
}

/// The whole body as text, without a byte order mark (RFC 8259 § 8.1 lets a reader pass over it). A declared length over the
/// limit is refused unread, a chunked one when it gets there.
///
/// # Errors
/// `body_too_large`; `malformed` for a body that breaks off, takes too long or is no UTF-8.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let declared = text(headers, &CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if declared.is_some_and(|bytes| bytes > BODY_BYTES) {
        return Err(Refusal::BodyTooLarge.into());
    }
    let whole = Limited::new(body, BODY_BYTES).collect();
    let Ok(read) = tokio::time::timeout(TIME, whole).await else {
        return Err(Problem::malformed("body", "did not arrive within 10 seconds"));
    };
    let bytes = read.map_err(|error| match error.is::<LengthLimitError>() {
        true => Refusal::BodyTooLarge.into(),
        false => Problem::malformed("body", "broke off"),
    })?;
    let bytes = bytes.to_bytes();
    let text = std::str::from_utf8(&bytes).map_err(|_bytes| Problem::malformed("body", "is not UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

/// A body's bytes up to a limit, and whether there were more.
///
/// # Errors
/// `malformed` for a body that breaks off or takes too long.
pub(crate) async fn read_bytes(mut body: Body, most: usize) -> Result<(Vec<u8>, bool), Problem> {
    let mut kept = Vec::new();
    let reading = async {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            let room = most.saturating_sub(kept.len()).min(data.len());
            kept.extend_from_slice(data.get(..room).unwrap_or_default());
            if room < data.len() {
                return Ok(true);
            }
        }
        Ok::<_, axum::Error>(false)
    };
    let Ok(read) = tokio::time::timeout(TIME, reading).await else {
        return Err(Problem::malformed("body", "did not arrive within 10 seconds"));
    };
    let is_more = read.map_err(|_broken| Problem::malformed("body", "broke off"))?;
    Ok((kept, is_more))
}

/// What kind of body it is.
///
/// # Errors
/// `malformed` for any type that pages and servers do not send.
pub(crate) fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Kind::Text) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/plain") {
        Ok(Kind::Text)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Ok(Kind::Json)
    } else {
        Err(Problem::malformed("content-type", "must be text/plain or application/json"))
    }
}
