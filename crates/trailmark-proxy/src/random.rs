//! The only source of randomness, AWS-LC's generator, and the ids made from it. Passed as an argument, so that
//! decisions stay deterministic. Delivery's jitter uses it too.

use trailmark_wire::ids::VisitorId;

/// The system provides no randomness: nothing can be signed or named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system provides no randomness")]
pub struct NoRandomness;

/// Draws random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Random {
    /// `N` bytes, suitable for keys.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn bytes<const N: usize>(self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills a buffer with bytes suitable for keys.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn fill(self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        aws_lc_rs::rand::fill(bytes).map_err(|_unspecified| NoRandomness)
    }

    /// A new visitor.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn visitor(self) -> Result<VisitorId, NoRandomness> {
        Ok(VisitorId::from_random(self.bytes()?))
    }
}
