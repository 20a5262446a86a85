//! The life of a signing key, as pure rules over its row: which key signs, which keys verify and are published. A new
//! key is published before it signs; an old key verifies until everything that it signed has expired; a revoked key
//! does nothing.

use trailmark_wire::time::UnixMillis;

use crate::store::KeyRow;

/// How long a new key is published before it signs, in milliseconds: all caches of the JWKS have it then.
pub const ANNOUNCED_MS: i64 = 10 * 60 * 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Whether this key's signatures are accepted.
pub fn verifies(key: &KeyRow, now: UnixMillis) -> bool {
    key.revoked_at.is_none() && (!is_retired(key, now) || key.last_expiry.is_some_and(|last| now < last))
}

/// The key that signs at `now`: the newest that may. If revocation left none, an announced key signs early; `None`
/// asks for a new key.
pub fn signer(keys: &[KeyRow], now: UnixMillis) -> Option<&KeyRow> {
    let usable = || keys.iter().filter(|key| key.revoked_at.is_none() && !is_retired(key, now));
    let newest = |key: &&KeyRow| (key.created_at, key.signs_from);
    usable().filter(|key| key.signs_from <= now).max_by_key(newest).or_else(|| usable().max_by_key(newest))
}

/// The `last_expiry` that a key needs before it signs something that expires at `expires_at`; `None` if it suffices
/// already. Rounded up to whole days, so that a busy site writes once a day instead of once for each token.
pub fn covers(key: &KeyRow, expires_at: UnixMillis) -> Option<UnixMillis> {
    if key.last_expiry.is_some_and(|last| expires_at <= last) {
        return None;
    }
    Some(UnixMillis(expires_at.0.div_euclid(DAY_MS).saturating_add(1).saturating_mul(DAY_MS)))
}

fn is_retired(key: &KeyRow, now: UnixMillis) -> bool {
    key.retired_at.is_some_and(|retired| retired <= now)
}

#[cfg(test)]
mod tests {
    use trailmark_vendors::secret::Secret;
    use trailmark_wire::ids::{KeyId, SiteId};

    use super::*;

    fn key(kid: &str, signs_from: i64) -> KeyRow {
        KeyRow {
            site: SiteId::new("acme").unwrap(),
            kid: KeyId::new(kid).unwrap(),
            public_key: [0; 32],
            private_key: Secret::new(""),
            created_at: UnixMillis(signs_from - 10),
            signs_from: UnixMillis(signs_from),
            last_expiry: None,
            retired_at: None,
            revoked_at: None,
        }
    }

    fn signer_at(keys: &[KeyRow], now: i64) -> Option<&str> {
        signer(keys, UnixMillis(now)).map(|key| key.kid.as_str())
    }

    #[test]
    fn an_announced_key_signs_from_its_time_on() {
        let keys = [key("new", 200), KeyRow { retired_at: Some(UnixMillis(200)), ..key("old", 100) }];
        assert_eq!([150, 199, 200].map(|now| signer_at(&keys, now)), [Some("old"), Some("old"), Some("new")]);
    }

    #[test]
    fn an_announced_key_steps_in_when_the_old_one_is_revoked() {
        let revoked = KeyRow { revoked_at: Some(UnixMillis(150)), ..key("old", 100) };
        assert_eq!(signer_at(&[key("new", 200), revoked.clone()], 150), Some("new"));
        assert_eq!(signer_at(&[revoked], 150), None);
    }

    #[test]
    fn a_retired_key_verifies_until_the_last_thing_it_signed_expires() {
        let old = KeyRow { retired_at: Some(UnixMillis(200)), last_expiry: Some(UnixMillis(300)), ..key("old", 100) };
        assert_eq!([250, 299, 300].map(|now| verifies(&old, UnixMillis(now))), [true, true, false]);
        let revoked = KeyRow { revoked_at: Some(UnixMillis(1)), ..old };
        assert!(!verifies(&revoked, UnixMillis(250)));
    }

    #[test]
    fn expiry_is_written_once_a_day() {
        let fresh = key("k", 0);
        let raised = covers(&fresh, UnixMillis(DAY_MS + 1));
        assert_eq!(raised, Some(UnixMillis(2 * DAY_MS)));
        assert_eq!(covers(&KeyRow { last_expiry: raised, ..fresh }, UnixMillis(2 * DAY_MS)), None);
    }
}
