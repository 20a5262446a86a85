//! What is believed of what a page signed, checked in the order of design § 3.6: key binding, signature, audience,
//! time. Pure; the keyring has checked the token's own signature before.
//!
//! The token's issuer is not compared with the site's public URL: each key belongs to one site, so the verifying key
//! identifies the issuer, and a site that moves to another address keeps its visitors.

use trailmark_wire::envelope::{Posted, TokenHash};
use trailmark_wire::limits::FUTURE_SKEW_MS;
use trailmark_wire::refusal::Refusal;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::ClickClaims;

use crate::keys::crypto::{es256_verifies, sha256, thumbprint};
use crate::store::Assurance;

/// How sure the sender is.
///
/// # Errors
/// The first failing check: `token_expired`, `signature_invalid` (also a missing one, if the token names a key),
/// `key_mismatch`, `audience_mismatch`, `token_mismatch`, `from_the_future`.
pub(super) fn verify<D>(posted: &Posted<'_, D>, claims: &ClickClaims, now: UnixMillis) -> Result<Assurance, Refusal> {
    let payload = posted.payload();
    if claims.exp <= now.seconds() {
        return Err(Refusal::TokenExpired);
    }
    let assurance = binding(posted, claims)?;
    if let Posted::Signed(signed) = posted
        && !signed.verifies(es256_verifies)
    {
        return Err(Refusal::SignatureInvalid);
    }
    if payload.aud != claims.aud {
        return Err(Refusal::AudienceMismatch);
    }
    if payload.ath != TokenHash::from_digest(sha256(payload.token.as_bytes())) {
        return Err(Refusal::TokenMismatch);
    }
    if UnixMillis::from_seconds(payload.iat) > now.plus(FUTURE_SKEW_MS) {
        return Err(Refusal::FromTheFuture);
    }
    Ok(assurance)
}

/// A signature with a key that the token does not name proves nothing beyond the token.
fn binding<D>(posted: &Posted<'_, D>, claims: &ClickClaims) -> Result<Assurance, Refusal> {
    match (posted, &claims.cnf) {
        (Posted::Signed(signed), Some(cnf)) if thumbprint(&signed.jwk) == cnf.jkt => Ok(Assurance::Bound),
        (Posted::Signed(_), Some(_)) => Err(Refusal::KeyMismatch),
        (Posted::Plain(_), Some(_)) => Err(Refusal::SignatureInvalid),
        (Posted::Plain(_) | Posted::Signed(_), None) => Ok(Assurance::Bearer),
    }
}

/// When the conversion happened: the browser's time, between the token's touch and now. The token gives the touch's
/// time to the second (expiry minus window); the ledger's rule refines it to the millisecond.
pub(super) fn occurred_at(iat: i64, claims: &ClickClaims, window_ms: i64, now: UnixMillis) -> UnixMillis {
    let touch_at = UnixMillis::from_seconds(claims.exp).plus(999 - window_ms).min(now);
    UnixMillis::from_seconds(iat).clamp(touch_at, now)
}

#[cfg(test)]
mod tests {
    use trailmark_wire::ids::{Jti, ProgramId, SiteId, VisitorId};

    use super::*;

    #[test]
    fn a_browsers_time_lies_between_touch_and_receipt() {
        let window_ms = 90 * 24 * 60 * 60 * 1000;
        let touch_s = 1_700_000_000;
        let claims = ClickClaims {
            iss: String::new(),
            aud: SiteId::new("acme").unwrap(),
            iat: touch_s,
            exp: touch_s + window_ms / 1000,
            jti: Jti::from_parts(UnixMillis(0), [0; 10]),
            sub: VisitorId::from_random([0; 16]),
            program: ProgramId::new("main").unwrap(),
            partner: None,
            cnf: None,
        };
        let now = UnixMillis::from_seconds(touch_s + 100);
        let at = |iat| occurred_at(iat, &claims, window_ms, now);
        assert_eq!(at(touch_s + 50), UnixMillis::from_seconds(touch_s + 50));
        assert_eq!(at(touch_s + 160), now);
        for early in [touch_s - 50, 0, i64::MIN] {
            assert_eq!(at(early), UnixMillis::from_seconds(touch_s).plus(999));
        }
        assert_eq!(at(i64::MAX), now);
    }
}
