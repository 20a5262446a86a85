//! The one source of randomness, AWS-LC's generator, and the identifiers that are made of it. Passed to whoever needs it, so
//! that what decides stays free of chance. Delivery's jitter draws from here as well.

use trailmark_wire::ids::{ConversionId, VisitorId};
use trailmark_wire::time::UnixMillis;

/// The system gives no randomness: nothing may be signed or named until it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// Draws random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Random {
    /// `N` bytes, fit for keys.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn bytes<const N: usize>(self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills a buffer with bytes that are fit for keys.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn fill(self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        aws_lc_rs::rand::fill(bytes).map_err(|_unspecified| NoRandomness)
    }

    /// A new id of the ledger, a UUIDv7 of `now`.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn ledger_id(self, now: UnixMillis) -> Result<ConversionId, NoRandomness> {
        Ok(ConversionId::from_parts(now, self.bytes()?))
    }

    /// A new visitor.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn visitor(self) -> Result<VisitorId, NoRandomness> {
        Ok(VisitorId::from_random(self.bytes()?))
    }
}
