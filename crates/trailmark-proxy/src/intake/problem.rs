//! Refusals as HTTP answers: `application/problem+json` (RFC 9457) with the stable code of [`Refusal`]. The detail
//! names a field or a cure; the only value that it may repeat is a refused origin. What only the operator may know is
//! logged here, once.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use trailmark_wire::conversion::Malformed;
use trailmark_wire::json::JsonError;
use trailmark_wire::refusal::Refusal;

use crate::keys::KeyError;
use crate::random::NoRandomness;
use crate::store::StoreError;

/// Retry-After in seconds when the ledger has no room or the process is stopping.
const RETRY_S: u64 = 5;

/// Retry-After in seconds when a budget is spent; budgets slide over an hour, minute by minute.
const BUDGET_RETRY_S: u64 = 60;

/// An answer without any effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    refusal: Refusal,
    status: u16,
    title: &'static str,
    field: Option<String>,
    detail: Option<String>,
    retry_after_s: Option<u64>,
}

/// Code of a refusal, attached to the response for the log line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code(pub(crate) &'static str);

#[derive(Serialize)]
struct Shape<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    /// A refusal whose title is enough.
    pub(crate) fn new(refusal: Refusal) -> Self {
        let retry_after_s = (refusal.status() == 503).then_some(RETRY_S);
        Self { refusal, status: refusal.status(), title: refusal.title(), field: None, detail: None, retry_after_s }
    }

    /// The same with a sentence about the cure.
    pub(crate) fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// 400, naming the field; `problem` continues the sentence after the field's name.
    pub(crate) fn malformed(field: &str, problem: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(Refusal::Malformed) }
            .with_detail(format!("`{field}` {problem}"))
    }

    /// 429 with the seconds to wait.
    pub(crate) fn too_fast(retry_after_s: u64) -> Self {
        Self { retry_after_s: Some(retry_after_s.max(1)), ..Self::new(Refusal::TooManyRequests) }
    }

    /// 503: try again later.
    pub(crate) fn unavailable() -> Self {
        Self::new(Refusal::Unavailable)
    }

    /// 405. The wire's refusals have no code for it, because no SDK meets it.
    pub(crate) fn method_not_allowed() -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED.as_u16(),
            title: "This address does not support this method.",
            ..Self::new(Refusal::NotAllowed).with_detail("the `Allow` header lists the supported methods")
        }
    }
}

/// The wire's texts begin with the field's path in backticks.
fn from_wire(text: &str) -> Problem {
    let field = text.strip_prefix('`').and_then(|rest| rest.split_once('`')).map(|(field, _)| field.to_owned());
    Problem { field, ..Problem::new(Refusal::Malformed) }.with_detail(text)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal)
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        from_wire(&error.problem)
    }
}

impl From<Malformed> for Problem {
    fn from(error: Malformed) -> Self {
        from_wire(&error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OverBudget => {
                tracing::warn!("a budget of the site, a client network or a visitor is spent: answering 429");
                return Self::too_fast(BUDGET_RETRY_S);
            }
            StoreError::Full(limit) => {
                tracing::warn!(reason = %error, "answering 503");
                return Self::unavailable().with_detail(limit.to_string());
            }
            StoreError::NoSpace | StoreError::Unavailable(_) => {
                tracing::warn!(reason = %error, "the ledger cannot record: answering 503")
            }
            error => tracing::error!(reason = %error, "the ledger failed: answering 503"),
        }
        Self::unavailable()
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            error => {
                tracing::error!(reason = %error, "signing failed: answering 503");
                Self::unavailable()
            }
        }
    }
}

/// A path that is not UTF-8 matches nothing.
impl From<PathRejection> for Problem {
    fn from(_not_text: PathRejection) -> Self {
        Self::new(Refusal::NotFound).with_detail("the percent-encoded address is not UTF-8")
    }
}

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        tracing::error!(reason = %error, "no id can be made: answering 503");
        Self::unavailable()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code) = (self.status, self.refusal.code());
        let shape = Shape {
            kind: format!("urn:trailmark:refusal:{code}"),
            title: self.title,
            status,
            code,
            detail: self.detail.as_deref(),
            field: self.field.as_deref(),
        };
        let mut response = Json(shape).into_response();
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.refusal == Refusal::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"trailmark\""));
        }
        response.extensions_mut().insert(Code(code));
        response
    }
}
