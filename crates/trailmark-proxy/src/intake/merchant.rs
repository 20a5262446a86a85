//! Checks the customer or order that the merchant's backend signed and the page passed on. Pure. An invalid statement
//! is no refusal: the conversion is recorded as `held` with the code of the first flaw. So a bug in the merchant's
//! signer loses no sale, and a forged sale is never paid.
//!
//! An authentic statement that is expired or dated ahead is kept whole, so that an operator sees what a release would
//! send. Of any other flawed statement only its hash is kept: the hash recognises a repeat and takes little space.
//! costs the ledger nothing.

use trailmark_wire::conversion::{Conversion, CustomerClaim, Event, OrderClaim};
use trailmark_wire::ids::hex;
use trailmark_wire::limits::FUTURE_SKEW_MS;
use trailmark_wire::merchant::{Algorithm, Claims, CustomerClaims, OrderClaims, Statement, Terms};
use trailmark_wire::repair::Warning;
use trailmark_wire::time::UnixMillis;

use crate::code::Code;
use crate::config::{OrderKey, Site};
use crate::json::Json;
use crate::keys::crypto::{ed25519_verifies, es256_verifies, sha256};

/// Longest statement that is read, in bytes. An order of 200 lines with short names takes about 15 KB.
const STATEMENT_BYTES: usize = 16 * 1024;

/// What is wrong with a statement, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// It is no JWS of that type, or lacks a valid required field.
    Malformed,
    /// No key of the site with its algorithm and `kid` verifies it.
    SignatureInvalid,
    /// It names another site.
    AudienceMismatch,
    /// The page names another customer than the order.
    CustomerMismatch,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    FromTheFuture,
}

/// Returns the conversion with every readable statement read, and the code of the first flaw. Optional fields of a
/// statement are repaired like a page's own fields; each repair adds to `warnings`.
pub(super) fn believe(
    said: Conversion,
    site: &Site,
    now: UnixMillis,
    warnings: &mut Vec<Warning>,
) -> (Conversion, Option<Code>) {
    let Conversion { customer, event, data, test } = said;
    let (customer, doubt) = match customer {
        Some(CustomerClaim::Signed(jws)) => believe_customer(jws, site, now, warnings),
        plain => (plain, None),
    };
    match event {
        Event::Sale(OrderClaim::Signed(jws)) => {
            let (customer, order, flaw) = believe_order(jws, customer, site, now, warnings);
            (Conversion { customer, event: Event::Sale(order), data, test }, flaw.map(of_order).or(doubt))
        }
        event => (Conversion { customer, event, data, test }, doubt),
    }
}

fn believe_customer(
    jws: String,
    site: &Site,
    now: UnixMillis,
    warnings: &mut Vec<Warning>,
) -> (Option<CustomerClaim>, Option<Code>) {
    let read = authentic::<CustomerClaims>(&jws, site)
        .map(|claims| (claims.customer.repaired(warnings), timely(&claims.terms, now).err()));
    match read {
        Ok((customer, flaw)) => (Some(CustomerClaim::Vouched(customer, jws)), flaw.map(of_customer)),
        Err(flaw) => (Some(CustomerClaim::Signed(hash(&jws))), Some(of_customer(flaw))),
    }
}

/// An order names its customer. If the page names one too, both must have the same key.
fn believe_order(
    jws: String,
    customer: Option<CustomerClaim>,
    site: &Site,
    now: UnixMillis,
    warnings: &mut Vec<Warning>,
) -> (Option<CustomerClaim>, OrderClaim, Option<Flaw>) {
    let read = authentic::<OrderClaims>(&jws, site).and_then(|claims| {
        let late = timely(&claims.terms, now).err();
        let order = claims.order.checked(0, warnings).map_err(|_out_of_range| Flaw::Malformed)?;
        Ok((claims.customer, order, late))
    });
    let (buyer, order, late) = match read {
        Ok(read) => read,
        Err(flaw) => return (customer, OrderClaim::Signed(hash(&jws)), Some(flaw)),
    };
    let same = match &customer {
        Some(CustomerClaim::Plain(said) | CustomerClaim::Vouched(said, _)) => said.key == buyer.key,
        Some(CustomerClaim::Signed(_)) | None => true,
    };
    match (same, customer) {
        (false, customer) => (customer, OrderClaim::Signed(hash(&jws)), Some(Flaw::CustomerMismatch)),
        (true, None) => (Some(CustomerClaim::Plain(buyer.repaired(warnings))), OrderClaim::Vouched(order, jws), late),
        (true, customer) => (customer, OrderClaim::Vouched(order, jws), late),
    }
}

/// What is kept of a statement that is not believed: `sha256:` and 64 hexadecimal digits.
fn hash(jws: &str) -> String {
    format!("sha256:{}", hex(&sha256(jws.as_bytes())))
}

/// The claims, if a key of the site signed them for this site.
fn authentic<C: Claims>(jws: &str, site: &Site) -> Result<C, Flaw> {
    if jws.len() > STATEMENT_BYTES {
        return Err(Flaw::Malformed);
    }
    let statement = Statement::<C>::parse(jws, &Json).map_err(|_not_one| Flaw::Malformed)?;
    let (algorithm, named) = (statement.algorithm(), statement.kid().map(str::to_owned));
    let candidates = site.order_keys.iter().filter(|(kid, key)| {
        let fits = kid.is_none() || named.is_none() || *kid == named;
        fits && key.algorithm() == algorithm
    });
    let keys: Vec<&OrderKey> = candidates.map(|(_, key)| key).collect();
    let claims = statement.verify(|message, signature| {
        keys.iter().any(|key| match key {
            OrderKey::Ed25519(key) => ed25519_verifies(key, message, signature),
            OrderKey::P256(key) => es256_verifies(key, message, signature),
        })
    });
    let claims = claims.ok_or(Flaw::SignatureInvalid)?;
    if claims.terms().aud == site.id { Ok(claims) } else { Err(Flaw::AudienceMismatch) }
}

fn timely(terms: &Terms, now: UnixMillis) -> Result<(), Flaw> {
    if terms.exp <= now.seconds() {
        return Err(Flaw::Expired);
    }
    let begins_s = terms.nbf.map_or(terms.iat, |nbf| nbf.max(terms.iat));
    if UnixMillis::from_seconds(begins_s) > now.plus(FUTURE_SKEW_MS) { Err(Flaw::FromTheFuture) } else { Ok(()) }
}

impl OrderKey {
    /// The only algorithm that it verifies.
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDSA,
            Self::P256(_) => Algorithm::ES256,
        }
    }
}

fn of_order(flaw: Flaw) -> Code {
    match flaw {
        Flaw::Malformed => Code::OrderMalformed,
        Flaw::SignatureInvalid => Code::OrderSignatureInvalid,
        Flaw::AudienceMismatch => Code::OrderAudienceMismatch,
        Flaw::CustomerMismatch => Code::OrderCustomerMismatch,
        Flaw::Expired => Code::OrderExpired,
        Flaw::FromTheFuture => Code::OrderFromTheFuture,
    }
}

fn of_customer(flaw: Flaw) -> Code {
    match flaw {
        Flaw::Malformed | Flaw::CustomerMismatch => Code::CustomerMalformed,
        Flaw::SignatureInvalid => Code::CustomerSignatureInvalid,
        Flaw::AudienceMismatch => Code::CustomerAudienceMismatch,
        Flaw::Expired => Code::CustomerExpired,
        Flaw::FromTheFuture => Code::CustomerFromTheFuture,
    }
}
