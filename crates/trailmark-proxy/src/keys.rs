//! The sites' signing keys, which sign and verify click and visitor tokens. Keys live in the store, so that all
//! processes with the same ledger accept the same tokens; this module caches them briefly. [`life`] has the pure
//! rules for a key's life, [`crypto`] the primitives. Knows nothing of HTTP.

pub mod crypto;
pub mod life;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;
use trailmark_wire::ids::{KeyId, SiteId, hex};
use trailmark_wire::jwk::{Jwks, OkpJwk};
use trailmark_wire::jws;
use trailmark_wire::time::UnixMillis;
use trailmark_wire::token::{Claims, Unverified, signing_input};

use self::crypto::{SigningKey, ed25519_verifies, sha256};
use crate::clock::Clock;
use crate::json::Json;
use crate::store::{KeyChange, KeyRow, Store, StoreError};

/// How long a copy of a site's keys is used, in milliseconds. A key that another process revoked works at most this
/// much longer; this process's own changes apply at once.
pub const COPY_MS: i64 = 1_000;

/// Why signing or a look-up failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The stored key is invalid.
    #[error("the signing key {0} cannot be used: revoke it with `trailmark keys revoke`")]
    Damaged(KeyId),
    /// No key could be created.
    #[error("no signing key can be created: the system provides no randomness")]
    NoRandomness,
    /// The ledger does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such key.
    #[error("site {site} has no key {kid}: `trailmark keys list` shows them")]
    Unknown {
        /// The site.
        site: SiteId,
        /// The key.
        kid: KeyId,
    },
}

/// When a rotated key starts to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// After [`life::ANNOUNCED_MS`], when all caches of the JWKS have it.
    Announced,
    /// At once: verifiers with an older JWKS refuse its tokens until they reload it.
    Now,
}

/// The keys of all sites.
pub struct Keyring {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    sites: Vec<SiteId>,
    copies: Mutex<Copies>,
}

#[derive(Default)]
struct Copies {
    by_site: HashMap<SiteId, Loaded>,
    /// When an unknown `kid` last caused a reload: strangers can cause one in each [`COPY_MS`].
    searched_at: Option<UnixMillis>,
}

/// A copy of a site's keys.
struct Loaded {
    keys: Arc<[KeyRow]>,
    loaded_at: UnixMillis,
    /// The parsed key that signed last.
    signing: Option<(KeyId, Arc<SigningKey>)>,
}

/// What verification needs to know of a key.
struct Found {
    site: SiteId,
    public_key: [u8; 32],
    verifies: bool,
}

impl Keyring {
    /// The keys of these sites in the store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, sites: Vec<SiteId>) -> Self {
        Self { store, clock, sites, copies: Mutex::default() }
    }

    /// The sites of these keys.
    pub fn sites(&self) -> &[SiteId] {
        &self.sites
    }

    /// Signs claims that expire at `expires_at`. Creates a site's first key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn sign<C: Claims>(&self, site: &SiteId, claims: &C, expires_at: UnixMillis) -> Result<String, KeyError> {
        let mut copies = self.copies.lock().await;
        let now = self.clock.now();
        let copy = self.signing_copy(&mut copies, site, now).await?;
        let signer = life::signer(&copy.keys, now).ok_or(KeyError::NoRandomness)?;
        let (kid, raised) = (signer.kid.clone(), life::covers(signer, expires_at));
        let key = parsed(copy, &kid)?;
        if let Some(last) = raised {
            // Before the token is returned: a key must not be forgotten while something that it signed is valid.
            self.store.change_keys(vec![KeyChange::Signed(site.clone(), kid.clone(), last)]).await?;
            *copy = self.load(site, now).await?;
            copy.signing = Some((kid.clone(), Arc::clone(&key)));
        }
        drop(copies);
        let damaged = || KeyError::Damaged(kid.clone());
        let input = signing_input(&kid, claims, &Json).map_err(|_shape| damaged())?;
        let signature = key.sign(input.as_bytes()).map_err(|_bad_key| damaged())?;
        Ok(jws::assemble(&input, &signature))
    }

    /// The site whose key signed a token, and the token's claims; `None` if the text is not a valid token of this
    /// kind. The caller checks time and audience.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub async fn verify<C: Claims>(&self, text: &str) -> Result<Option<(SiteId, C)>, KeyError> {
        let Ok(token) = Unverified::<C>::parse(text, &Json) else { return Ok(None) };
        let Some((site, public_key)) = self.verifying(token.kid()).await? else { return Ok(None) };
        let claims = token.verify(|message, signature| ed25519_verifies(&public_key, message, signature));
        Ok(claims.ok().map(|claims| (site, claims)))
    }

    /// The public keys of these sites, newest first; creates a site's first key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn jwks(&self, sites: &[SiteId]) -> Result<Jwks, KeyError> {
        let mut copies = self.copies.lock().await;
        let now = self.clock.now();
        let mut rows = Vec::new();
        for site in sites {
            let copy = self.signing_copy(&mut copies, site, now).await?;
            rows.extend(copy.keys.iter().filter(|key| life::verifies(key, now)).cloned());
        }
        rows.sort_by_key(|key| std::cmp::Reverse(key.created_at));
        Ok(Jwks { keys: rows.into_iter().map(|key| OkpJwk::new(key.kid, key.public_key)).collect() })
    }

    /// All keys of a site, from the store.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub async fn list(&self, site: &SiteId) -> Result<Vec<KeyRow>, KeyError> {
        Ok(self.store.keys(site.clone()).await?)
    }

    /// Creates a key that starts to sign as requested; all other keys stop signing then but still verify.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn rotate(&self, site: &SiteId, begin: Begin) -> Result<KeyRow, KeyError> {
        let mut copies = self.copies.lock().await;
        let now = self.clock.now();
        let signs_from = match begin {
            Begin::Announced => now.plus(life::ANNOUNCED_MS),
            Begin::Now => now,
        };
        let new = new_key(site, now, signs_from)?;
        let old = self.store.keys(site.clone()).await?;
        let signing =
            old.into_iter().filter(|key| key.revoked_at.is_none() && key.retired_at.is_none_or(|at| at > signs_from));
        let retire = signing.map(|key| KeyChange::Retire(site.clone(), key.kid, signs_from));
        self.store.change_keys(retire.chain([KeyChange::Add(new.clone())]).collect()).await?;
        copies.by_site.remove(site);
        Ok(new)
    }

    /// Revokes a key: nothing that it signed is accepted any more.
    ///
    /// # Errors
    /// [`KeyError::Unknown`], or those of the store.
    pub async fn revoke(&self, site: &SiteId, kid: &KeyId) -> Result<(), KeyError> {
        let mut copies = self.copies.lock().await;
        let keys = self.store.keys(site.clone()).await?;
        if !keys.iter().any(|key| key.kid == *kid) {
            return Err(KeyError::Unknown { site: site.clone(), kid: kid.clone() });
        }
        self.store.change_keys(vec![KeyChange::Revoke(site.clone(), kid.clone(), self.clock.now())]).await?;
        copies.by_site.remove(site);
        Ok(())
    }

    /// The site and public key with this `kid`, if the key verifies. Reloads all keys once before it refuses an
    /// unknown `kid`.
    async fn verifying(&self, kid: &KeyId) -> Result<Option<(SiteId, [u8; 32])>, KeyError> {
        let mut copies = self.copies.lock().await;
        let now = self.clock.now();
        let found = self.find(&mut copies, kid, now).await?;
        let may_search = copies.searched_at.is_none_or(|at| now.since(at).abs() >= COPY_MS);
        let found = match found {
            None if may_search => {
                copies.searched_at = Some(now);
                copies.by_site.clear();
                self.find(&mut copies, kid, now).await?
            }
            found => found,
        };
        Ok(found.filter(|key| key.verifies).map(|key| (key.site, key.public_key)))
    }

    async fn find(&self, copies: &mut Copies, kid: &KeyId, now: UnixMillis) -> Result<Option<Found>, KeyError> {
        for site in &self.sites {
            let copy = self.copy(copies, site, now).await?;
            if let Some(key) = copy.keys.iter().find(|key| key.kid == *kid) {
                let verifies = life::verifies(key, now);
                return Ok(Some(Found { site: site.clone(), public_key: key.public_key, verifies }));
            }
        }
        Ok(None)
    }

    /// The copy of a site's keys; one of them signs.
    async fn signing_copy<'c>(
        &self,
        copies: &'c mut Copies,
        site: &SiteId,
        now: UnixMillis,
    ) -> Result<&'c mut Loaded, KeyError> {
        let copy = self.copy(copies, site, now).await?;
        if life::signer(&copy.keys, now).is_none() {
            // Another process may have created one meanwhile.
            *copy = self.load(site, now).await?;
        }
        if life::signer(&copy.keys, now).is_none() {
            self.store.change_keys(vec![KeyChange::Add(new_key(site, now, now)?)]).await?;
            *copy = self.load(site, now).await?;
        }
        Ok(copy)
    }

    /// The copy of a site's keys, at most [`COPY_MS`] old.
    async fn copy<'c>(
        &self,
        copies: &'c mut Copies,
        site: &SiteId,
        now: UnixMillis,
    ) -> Result<&'c mut Loaded, KeyError> {
        let is_fresh = |copy: &Loaded| now.since(copy.loaded_at).abs() < COPY_MS;
        let kept = copies.by_site.remove(site);
        let copy = match kept {
            Some(copy) if is_fresh(&copy) => copy,
            stale => {
                let signing = stale.and_then(|copy| copy.signing);
                Loaded { signing, ..self.load(site, now).await? }
            }
        };
        Ok(copies.by_site.entry(site.clone()).or_insert(copy))
    }

    async fn load(&self, site: &SiteId, now: UnixMillis) -> Result<Loaded, KeyError> {
        let keys = self.store.keys(site.clone()).await?;
        Ok(Loaded { keys: keys.into(), loaded_at: now, signing: None })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("sites", &self.sites).finish_non_exhaustive()
    }
}

/// The private key with this `kid`, parsed once.
fn parsed(copy: &mut Loaded, kid: &KeyId) -> Result<Arc<SigningKey>, KeyError> {
    if let Some((_, key)) = copy.signing.as_ref().filter(|(name, _)| name == kid) {
        return Ok(Arc::clone(key));
    }
    let damaged = || KeyError::Damaged(kid.clone());
    let row = copy.keys.iter().find(|key| key.kid == *kid).ok_or_else(damaged)?;
    let key = Arc::new(SigningKey::from_text(&row.private_key).map_err(|_bad_key| damaged())?);
    copy.signing = Some((kid.clone(), Arc::clone(&key)));
    Ok(key)
}

/// A new key; its `kid` is the first 16 hexadecimal digits of SHA-256 over the public key.
fn new_key(site: &SiteId, now: UnixMillis, signs_from: UnixMillis) -> Result<KeyRow, KeyError> {
    let no_randomness = |_bad_key| KeyError::NoRandomness;
    let key = SigningKey::generate().map_err(no_randomness)?;
    let public_key = key.public_key().map_err(no_randomness)?;
    let name = hex(&sha256(&public_key)).chars().take(16).collect::<String>();
    Ok(KeyRow {
        site: site.clone(),
        kid: KeyId::new(name).map_err(|_shape| KeyError::NoRandomness)?,
        public_key,
        private_key: key.to_text().map_err(no_randomness)?,
        created_at: now,
        signs_from,
        last_expiry: None,
        retired_at: None,
        revoked_at: None,
    })
}
