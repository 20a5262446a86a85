//! Refusals: answers that commit nothing. Each has a stable code, an HTTP status and a text that is safe to show. The body
//! is `application/problem+json` (RFC 9457). This is the table of `interfaces.md`, used by both sides.

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The envelope's or token's audience is another site.
    AudienceMismatch,
    /// The body is over its limit.
    BodyTooLarge,
    /// The envelope's `iat` is ahead of the proxy's clock by more than the skew.
    FromTheFuture,
    /// The same Idempotency-Key came with other content.
    IdempotencyMismatch,
    /// The same Idempotency-Key is being answered.
    InProgress,
    /// The same `jti` came with other content.
    JtiMismatch,
    /// The envelope was signed by another key than the token names.
    KeyMismatch,
    /// Not a JWS or JSON, an unknown field, a wrong type, a value out of range.
    Malformed,
    /// The caller may not do that.
    NotAllowed,
    /// There is nothing at this address.
    NotFound,
    /// The page's origin is not one of the site's.
    OriginNotAllowed,
    /// The envelope's signature is wrong, or missing where the token names a key.
    SignatureInvalid,
    /// The page names a site that this proxy does not have.
    SiteUnknown,
    /// The token's window has ended.
    TokenExpired,
    /// This proxy did not sign the token, or its key is unknown or revoked.
    TokenInvalid,
    /// The envelope contains the hash of another token.
    TokenMismatch,
    /// Too fast, or over the site's touch budget.
    TooManyRequests,
    /// No API key, or a wrong one.
    Unauthenticated,
    /// Disk or queue full, or shutting down.
    Unavailable,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 19] = [
        Self::AudienceMismatch,
        Self::BodyTooLarge,
        Self::FromTheFuture,
        Self::IdempotencyMismatch,
        Self::InProgress,
        Self::JtiMismatch,
        Self::KeyMismatch,
        Self::Malformed,
        Self::NotAllowed,
        Self::NotFound,
        Self::OriginNotAllowed,
        Self::SignatureInvalid,
        Self::SiteUnknown,
        Self::TokenExpired,
        Self::TokenInvalid,
        Self::TokenMismatch,
        Self::TooManyRequests,
        Self::Unauthenticated,
        Self::Unavailable,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        self.row().1
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// A sentence for people, without anything from the request.
    pub fn title(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::AudienceMismatch => (401, "audience_mismatch", "The message is meant for another site."),
            Self::BodyTooLarge => (413, "body_too_large", "The request body is larger than 64 KiB."),
            Self::FromTheFuture => (401, "from_the_future", "The message is dated ahead of the server's clock."),
            Self::IdempotencyMismatch => {
                (422, "idempotency_mismatch", "This Idempotency-Key was used with other content.")
            }
            Self::InProgress => (409, "in_progress", "A request with this Idempotency-Key is still being answered."),
            Self::JtiMismatch => (409, "jti_mismatch", "This conversion id was used with other content."),
            Self::KeyMismatch => (401, "key_mismatch", "The message is signed by another key than its token names."),
            Self::Malformed => (400, "malformed", "The request is not of the form that this address takes."),
            Self::NotAllowed => (403, "not_allowed", "This caller may not do that."),
            Self::NotFound => (404, "not_found", "There is nothing at this address."),
            Self::OriginNotAllowed => (403, "origin_not_allowed", "This page's origin is not allowed for the site."),
            Self::SignatureInvalid => (401, "signature_invalid", "The message's signature is missing or wrong."),
            Self::SiteUnknown => (404, "site_unknown", "This proxy has no site of that id."),
            Self::TokenExpired => (401, "token_expired", "The click token has expired."),
            Self::TokenInvalid => (401, "token_invalid", "The click token is not valid."),
            Self::TokenMismatch => (401, "token_mismatch", "The message was signed for another click token."),
            Self::TooManyRequests => (429, "too_many_requests", "Too many requests; try again later."),
            Self::Unauthenticated => (401, "unauthenticated", "The API key is missing or wrong."),
            Self::Unavailable => (503, "unavailable", "The server cannot record this now; try again later."),
        }
    }
}
