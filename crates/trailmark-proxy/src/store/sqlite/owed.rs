//! Follow-up work of accepted conversions, in SQL: a few conversions in each transaction, so that a sale with
//! thousands of refunds does not block the writer. A row in `owed` is written with the cause and deleted with the
//! last step, so a crash loses none. The caller's rule decides each follower.

use rusqlite::{Connection, Row};
use trailmark_wire::ids::{ConversionId, DeliveryId, SiteId};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::held::{self, Why};
use super::known;
use super::rows::{all, checked, first, plain, write};
use crate::code::Code;
use crate::store::operator::Afterwards;
use crate::store::{FOLLOWERS_AT_ONCE, FollowRule, Held, Known, Ruling, StoreError};

/// The kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Closes the held conversions with the conversion's kind and key.
    Closing,
    /// Decides the refunds that waited for the sale.
    Refunds,
    /// Decides the sales that were held while a vendor credited somebody else for the signup's customer.
    Sales,
}

/// Query for the held conversions with the kind and key of a conversion; see [`What::followers`].
const SAME_KEY: &str = "SELECT h.id FROM conversions c
     JOIN conversions h ON h.site = c.site AND h.kind = c.kind AND h.external_id = c.external_id
     WHERE c.site = ?1 AND c.id = ?2 AND h.status = 'held' AND h.id <> c.id AND +h.id > ?3
     ORDER BY +h.id LIMIT ?4";

/// A row of `owed`.
struct Owed {
    site: SiteId,
    cause: ConversionId,
    what: What,
    after: String,
}

impl What {
    const ALL: [Self; 3] = [Self::Closing, Self::Refunds, Self::Sales];

    fn as_str(self) -> &'static str {
        match self {
            Self::Closing => "closing",
            Self::Refunds => "refunds",
            Self::Sales => "sales",
        }
    }

    /// Query for the next followers' ids; the parameters are site, cause, last id and limit.
    fn followers(self) -> String {
        match self {
            Self::Closing => SAME_KEY.to_owned(),
            Self::Refunds => format!(
                "SELECT h.id FROM conversions c
                 JOIN conversions h ON h.site = c.site AND h.refund_of = c.external_id AND +h.kind = 'refund'
                 WHERE c.site = ?1 AND c.id = ?2 AND +h.id > ?3
                   AND (h.status = 'held' OR (c.status = 'accepted' AND h.status = 'unattributed'
                        AND h.code IN ('{}', '{}')))
                   AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.site = h.site AND k.kind = h.kind
                                   AND k.external_id = h.external_id)
                   AND NOT EXISTS (SELECT 1 FROM conversions l WHERE l.site = h.site AND l.kind = 'refund'
                                   AND l.external_id = h.external_id AND +l.id > h.id
                                   AND +l.status IN ('held', 'unattributed'))
                 ORDER BY +h.id LIMIT ?4",
                Code::SaleUnattributed.as_str(),
                Code::SaleRejected.as_str()
            ),
            Self::Sales => format!(
                "SELECT h.id FROM conversions c
                 JOIN conversions h ON h.site = c.site AND h.customer_key = c.external_id AND h.kind = 'sale'
                 WHERE c.site = ?1 AND c.id = ?2 AND +h.id > ?3 AND h.status = 'held' AND h.code = '{}'
                 ORDER BY +h.id LIMIT ?4",
                Code::SignupDisputed.as_str()
            ),
        }
    }
}

/// Schedules work for a conversion, starting with its first follower.
pub(super) fn owe(ledger: &Connection, site: &SiteId, cause: &ConversionId, what: What) -> Result<(), StoreError> {
    let sql = "INSERT INTO owed (site, cause, what, after) VALUES (?1, ?2, ?3, '')
               ON CONFLICT (site, cause, what) DO UPDATE SET after = ''";
    write(ledger, sql, (site.as_str(), cause.as_str(), what.as_str())).map(|_| ())
}

/// After a delivery was recorded: if its signup overruled a page's claim, schedules the sales that were held for it.
pub(super) fn owe_sales(ledger: &Connection, site: &SiteId, delivery: &DeliveryId) -> Result<(), StoreError> {
    let sql = "SELECT c.id FROM deliveries d JOIN conversions c ON c.site = d.site AND c.id = d.conversion
               WHERE d.site = ?1 AND d.id = ?2 AND c.kind = 'signup' AND c.code = ?3
                 AND EXISTS (SELECT 1 FROM conversions s WHERE s.site = c.site AND s.customer_key = c.external_id
                             AND s.kind = 'sale' AND s.status = 'held' AND s.code = ?4)";
    let (claimed, disputed) = (Code::ClaimedByPage.as_str(), Code::SignupDisputed.as_str());
    let key = (site.as_str(), delivery.as_str(), claimed, disputed);
    let signup = first(ledger, sql, key, |row| checked(row, "id"))?;
    signup.map_or(Ok(()), |signup| owe(ledger, site, &signup, What::Sales))
}

/// See [`crate::store::Store::follow_up`].
pub(super) fn follow_up(ledger: &Connection, rule: &FollowRule, now: UnixMillis) -> Result<bool, StoreError> {
    let Some(owed) = first(ledger, "SELECT * FROM owed LIMIT 1", [], owed)? else { return Ok(false) };
    let Owed { site, cause, what, after } = &owed;
    let key = (site.as_str(), cause.as_str(), after.as_str(), FOLLOWERS_AT_ONCE);
    let followers: Vec<ConversionId> = all(ledger, &what.followers(), key, |row| checked(row, "id"))?;
    match what {
        What::Closing => {
            followers.iter().try_for_each(|follower| held::close_one(ledger, site, follower, cause, now))?;
        }
        What::Refunds => decide_refunds(ledger, &owed, &followers, rule, now)?,
        What::Sales => {
            for follower in &followers {
                let ruling = held::decide_again(ledger, site, follower, |held, known| ruled(rule, held, known));
                settle(ledger, &owed, ruling, now)?;
            }
        }
    }
    let key = (site.as_str(), cause.as_str(), what.as_str());
    match followers.last().filter(|_| followers.len() >= FOLLOWERS_AT_ONCE as usize) {
        Some(last) => {
            let sql = "UPDATE owed SET after = ?4 WHERE site = ?1 AND cause = ?2 AND what = ?3";
            write(ledger, sql, (key.0, key.1, key.2, last.as_str()))?;
        }
        None => {
            write(ledger, "DELETE FROM owed WHERE site = ?1 AND cause = ?2 AND what = ?3", key)?;
        }
    }
    Ok(true)
}

/// Each accepted refund adds to the sum that limits the next one, so the sum is read once.
fn decide_refunds(
    ledger: &Connection,
    owed: &Owed,
    refunds: &[ConversionId],
    rule: &FollowRule,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let mut known = known::about_refunds_of(ledger, &owed.site, &owed.cause)?;
    for refund in refunds {
        let mut minor = 0;
        let ruling = held::decide_knowing(ledger, &owed.site, refund, &known, |held, known| {
            minor = held.money.map_or(0, |money| money.amount_minor);
            ruled(rule, held, known)
        });
        if matches!(&ruling, Ok(Some(ruling)) if ruling.receipt.status == Status::Accepted) {
            known.refunded_minor = known.refunded_minor.saturating_add(minor);
        }
        settle(ledger, owed, ruling, now)?;
    }
    Ok(())
}

/// Applies a rule to a follower; `None` if nothing changes.
fn ruled(rule: &FollowRule, held: &Held, known: &Known) -> Result<Option<Ruling>, StoreError> {
    let ruling = rule(held, known)?;
    let is_new = match ruling.receipt.status {
        Status::Held => false,
        Status::Unattributed => held.is_held,
        Status::Accepted | Status::Duplicate | Status::Rejected => true,
    };
    Ok(is_new.then_some(ruling))
}

/// A follower that cannot be decided stays as it is.
fn settle(
    ledger: &Connection,
    owed: &Owed,
    ruling: Result<Option<Ruling>, StoreError>,
    now: UnixMillis,
) -> Result<(), StoreError> {
    match ruling {
        Ok(Some(ruling)) => {
            let why = Why { change: Afterwards::Followed, reason: None, cause: Some(&owed.cause), now };
            held::settle(ledger, &owed.site, &ruling, &why)
        }
        Ok(None) | Err(StoreError::Refused(_)) => Ok(()),
        Err(problem) => Err(problem),
    }
}

fn owed(row: &Row<'_>) -> Result<Owed, StoreError> {
    let word: String = plain(row, "what")?;
    let what = What::ALL.into_iter().find(|what| what.as_str() == word);
    let what = what.ok_or_else(|| super::rows::damaged("what", "no such word"))?;
    Ok(Owed { site: checked(row, "site")?, cause: checked(row, "cause")?, what, after: plain(row, "after")? })
}
