//! What is believed of a customer or an order that the merchant's backend signed and the page passed on. Pure. A statement that
//! fails is no refusal: the conversion is recorded and `held` with a code that names the first flaw, so that a slip in the
//! merchant's signer loses no sale and a forged one is never paid.
//!
//! Flaws that leave the content authentic (expired, dated ahead) keep what the statement says: an operator who releases such
//! a conversion knows what goes out. Of anything else only the hash is kept, which tells whether it was the same text, and
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

/// Bytes of a statement. An order of 200 lines with short names has some 15 KB; no merchant signs more, and nothing longer is
/// read.
const STATEMENT_BYTES: usize = 16 * 1024;

/// What is wrong with a statement, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// No JWS of that type, or a required field that no conversion may have.
    Malformed,
    /// No key of the site, of its own algorithm and name, verifies it.
    SignatureInvalid,
    /// It was made for another site.
    AudienceMismatch,
    /// The page says another customer than the order.
    CustomerMismatch,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    FromTheFuture,
}

/// The conversion with every statement read that can be, and the code of the first flaw. Optional fields of a statement are
/// repaired like those of a page's own words, and add to `warnings`.
pub(super) fn believe(
    said: Conversion,
    site: &Site,
    now: UnixMillis,
    warnings: &mut Vec<Warning>,
) -> (Conversion, Option<Code>) {
    let Conversion { customer, event, data } = said;
    let (customer, doubt) = match customer {
        Some(CustomerClaim::Signed(jws)) => believe_customer(jws, site, now, warnings),
        plain => (plain, None),
    };
    match event {
        Event::Sale(OrderClaim::Signed(jws)) => {
            let (customer, order, flaw) = believe_order(jws, customer, site, now, warnings);
            (Conversion { customer, event: Event::Sale(order), data }, flaw.map(of_order).or(doubt))
        }
        event => (Conversion { customer, event, data }, doubt),
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

/// An order names its customer; where the page names one too, with name and address, it must be the same.
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
    /// The one algorithm that it verifies.
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
