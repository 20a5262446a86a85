//! Refusals of the operator's listener: `application/problem+json` with a stable code. The detail names the fault and
//! the cure, because only operators read it. `cli` recognises refusals by their code.

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use trailmark_wire::refusal::Refusal;

use crate::keys::KeyError;
use crate::store::StoreError;

/// The row's state does not allow a change; the detail names the state and the cure.
pub const REFUSED: &str = "refused";

/// The ledger is damaged; an operator must look.
pub const CORRUPT: &str = "corrupt";

/// A refusal as JSON (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// The kind of refusal.
    pub title: String,
    /// What is wrong, and the cure.
    pub detail: String,
}

impl Problem {
    /// 404: no such row.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::of(Refusal::NotFound, detail)
    }

    /// 400: a parameter or body is invalid.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::of(Refusal::Malformed, detail)
    }

    /// 403: not allowed from there.
    pub fn not_allowed(detail: impl Into<String>) -> Self {
        Self::of(Refusal::NotAllowed, detail)
    }

    /// 401: the key is missing or wrong.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        let title = "The admin key is missing or wrong.".to_owned();
        Self { title, ..Self::of(Refusal::Unauthenticated, detail) }
    }

    fn of(refusal: Refusal, detail: impl Into<String>) -> Self {
        let (code, title) = (refusal.code().to_owned(), refusal.title().to_owned());
        Self { status: refusal.status(), code, title, detail: detail.into() }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        let own = |status, code: &str, title: &str| Self {
            status,
            code: code.to_owned(),
            title: title.to_owned(),
            detail: detail.clone(),
        };
        match error {
            StoreError::NotFound(_) => Self::not_found(detail),
            StoreError::Refused(_) => own(409, REFUSED, "The ledger refuses this change."),
            StoreError::LeaseLost => {
                let detail = format!("{detail}: it is being delivered now, try again in a moment");
                Self { detail, ..own(409, REFUSED, "The ledger refuses this change.") }
            }
            StoreError::Corrupt(_) => own(500, CORRUPT, "The ledger is damaged."),
            StoreError::Full(_)
            | StoreError::InUse(_)
            | StoreError::NoSpace
            | StoreError::OverBudget
            | StoreError::Unavailable(_) => Self::of(Refusal::Unavailable, detail),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            KeyError::Unknown { .. } => Self::not_found(error.to_string()),
            KeyError::Damaged(_) => StoreError::Corrupt(error.to_string()).into(),
            KeyError::NoRandomness => StoreError::Unavailable(error.to_string()).into(),
        }
    }
}

/// A path that is not UTF-8 matches nothing.
impl From<PathRejection> for Problem {
    fn from(_not_text: PathRejection) -> Self {
        Self::not_found("the address is not UTF-8: nothing in the ledger has such an id")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// The id in a URL.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::from_request_parts(parts, state).await?;
        Ok(Self(id))
    }
}

/// Answer to a method that the address does not support.
pub(super) async fn another_method() -> Problem {
    let title = "This address does not support this method.".to_owned();
    let not_allowed = Problem::not_allowed("the `Allow` header lists the supported methods");
    Problem { status: StatusCode::METHOD_NOT_ALLOWED.as_u16(), title, ..not_allowed }
}

/// Answer of every unknown address.
pub(super) async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing at this address of the operator's listener")
}
