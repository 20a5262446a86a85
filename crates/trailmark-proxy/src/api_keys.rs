//! API keys of sites' backends: creating, writing and recognising them. The key is shown once, to the operator who
//! created it, and stored as SHA-256: 32 random bytes need no slow hash. The ledger manages its life.

use trailmark_vendors::secret::Secret;
use trailmark_wire::base64url;
use trailmark_wire::ids::{KeyId, SiteId, hex};
use trailmark_wire::time::UnixMillis;

use crate::keys::crypto::sha256;
use crate::random::{NoRandomness, Random};
use crate::store::callers::ApiKeyRow;

/// Every key begins with this, so that secret scanners find a leaked one.
const PREFIX: &str = "tmk";

/// Most characters of a key's name.
const NAME_CHARS: usize = 64;

/// A key as a caller sends it: `tmk_{site}_{43 characters of base64url}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The site that it names.
    pub site: SiteId,
    /// SHA-256 of the whole text.
    pub hash: [u8; 32],
}

impl Shown {
    /// Reads a key; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        // Site ids contain no `_`, but the secret may.
        let mut parts = text.splitn(3, '_');
        let (prefix, site, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let is_key = prefix == PREFIX && base64url::decode_array::<32>(secret).is_some();
        let site = SiteId::new(site).ok().filter(|_| is_key)?;
        Some(Self { site, hash: sha256(text.as_bytes()) })
    }
}

/// A new key of a site: the row for the ledger, and the key itself.
///
/// # Errors
/// [`NoRandomness`].
pub fn make(site: SiteId, name: String, random: Random, now: UnixMillis) -> Result<(ApiKeyRow, Secret), NoRandomness> {
    let key = format!("{PREFIX}_{site}_{}", base64url::encode(&random.bytes::<32>()?));
    let hash = sha256(key.as_bytes());
    let name_of_hash = hex(&hash).chars().take(16).collect::<String>();
    // 16 hexadecimal digits are a valid id.
    let id = KeyId::new(name_of_hash).map_err(|_shape| NoRandomness)?;
    let row = ApiKeyRow { site, id, name, hash, created_at: now, last_used_at: None, revoked_at: None };
    Ok((row, Secret::new(key)))
}

/// A valid name for a key.
///
/// # Errors
/// A sentence about the required shape.
pub fn name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=NAME_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    match fits && text.trim() == text {
        true => Ok(text.to_owned()),
        false => Err("a key's name needs 1 to 64 characters, without control characters or spaces at its ends"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_by_its_own_hash_alone() {
        let site = SiteId::new("acme").unwrap();
        let (row, key) = make(site.clone(), "shop".into(), Random, UnixMillis(1)).unwrap();
        assert_eq!(Shown::parse(key.expose()), Some(Shown { site, hash: row.hash }));
        assert!(key.expose().starts_with("tmk_acme_") && key.expose().len() == 9 + 43, "{}", key.expose().len());
        let secret = key.expose().strip_prefix("tmk_acme_").unwrap();
        let elsewhere = Shown::parse(&format!("tmk_zeta_{secret}")).unwrap();
        assert_ne!(elsewhere.hash, row.hash);
        for wrong in ["", "tmk", "tmk_acme", "tmk_acme_", "tmk_acme_short", &format!("tmx_acme_{secret}"), secret] {
            assert_eq!(Shown::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert_eq!(name("shop backend"), Ok("shop backend".to_owned()));
        for wrong in ["", " ", "a ", "a\nb", &"x".repeat(65)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
