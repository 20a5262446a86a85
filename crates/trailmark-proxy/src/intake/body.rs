//! Reads a body with a limit on size and time. Other modules interpret it.

use std::time::Duration;

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use trailmark_wire::limits::BODY_BYTES;
use trailmark_wire::refusal::Refusal;

use super::origin::text;
use super::problem::Problem;

/// Longest time for a body: the slowest mobile link sends 64 KiB in half of it.
const TIME: Duration = Duration::from_secs(10);

/// The body's type by its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `application/json`.
    Json,
    /// `text/plain`, or no header.
    Text,
}

/// The whole body as text, without a byte order mark (RFC 8259 § 8.1 allows to ignore it). A declared length above
/// the limit is refused unread, a chunked body when it reaches the limit.
///
/// # Errors
/// `body_too_large`; `malformed` for a body that breaks off, takes too long or is not UTF-8.
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
        false => Problem::malformed("body", "was cut off: send it again"),
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
    let is_more = read.map_err(|_broken| Problem::malformed("body", "was cut off: send it again"))?;
    Ok((kept, is_more))
}

/// The body's type.
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
