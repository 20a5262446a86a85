//! Repeatable chance: the same seed gives the same faults, keys and delays on every machine. Not for secrets.

use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// `SplitMix64` (Steele, Lea and Flood, 2014): eight lines, no dependency, good enough to spread faults evenly.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly spread over `0.0..1.0`. Fifty-three bits are what an `f64` holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "fifty-three bits fit an f64")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `prefix` and fourteen letters and digits, similar to the vendors' own keys.
    pub(crate) fn key(&mut self, prefix: &str) -> String {
        let mut key = String::from(prefix);
        for _ in 0..14 {
            let place = usize::try_from(self.next() % 36).unwrap_or_default();
            key.extend(ALPHABET.get(place).map(|letter| char::from(*letter)));
        }
        key
    }
}

/// FNV-1a: a number that depends only on the text.
pub(crate) fn number_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
