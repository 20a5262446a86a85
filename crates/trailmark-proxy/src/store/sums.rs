//! Sums of sales, refunds and commissions by program, partner and currency, for a time that the operator chooses.
//! Each answer covers a limited number of conversions and names where the next question continues, so that no ledger
//! is too large. The caller adds up the answers.

use std::fmt;

use serde::{Deserialize, Serialize};
use trailmark_vendors::commission::Commission;
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::{ConversionId, ProgramId, SiteId};
use trailmark_wire::money::{Currency, Money};
use trailmark_wire::receipt::Status;
use trailmark_wire::time::UnixMillis;

use super::Reply;
use crate::outbox::State;

/// Conversions in one answer: this takes a fraction of a second on a warm ledger.
pub const CONVERSIONS_AN_ANSWER: u32 = 10_000;

/// Which conversions are added up. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SumFilter {
    /// Of one site.
    pub site: Option<SiteId>,
    /// Of one program.
    pub program: Option<ProgramId>,
    /// Received at this time or later.
    pub since: Option<UnixMillis>,
    /// Received before this time.
    pub until: Option<UnixMillis>,
    /// Where the previous answer ended.
    pub after: Option<Place>,
    /// At most this many conversions, 1 to [`CONVERSIONS_AN_ANSWER`].
    pub most: u32,
}

/// A place in the order of conversions: by site, and within a site newest first. As text
/// `<milliseconds>_<conversion>_<site>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The site.
    pub site: SiteId,
    /// When the last conversion was received.
    pub at: UnixMillis,
    /// The last conversion.
    pub conversion: ConversionId,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// One row for each site, program, partner and currency, in this order.
    pub rows: Vec<SumRow>,
    /// How many conversions were read.
    pub conversions: u32,
    /// When the oldest of them was received, RFC 3339; absent if there was none.
    pub reaches_back_to: Option<String>,
    /// `cursor` of the next question; absent at the end.
    pub next: Option<String>,
}

/// Sums of one partner in one currency. Amounts are minor units as decimal text, because they may exceed the exact
/// range of JSON numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumRow {
    /// The site.
    pub site: SiteId,
    /// The program; absent for sales credited to nobody.
    pub program: Option<ProgramId>,
    /// The partner; absent if nobody is credited, or only the vendor knows the partner.
    pub partner: Option<String>,
    /// The currency.
    pub currency: Currency,
    /// Number of sales.
    pub sales: u64,
    /// Their sum.
    #[serde(with = "minor")]
    pub sales_minor: i128,
    /// Number of refunds.
    pub refunds: u64,
    /// Their sum, positive.
    #[serde(with = "minor")]
    pub refunds_minor: i128,
    /// Sales minus refunds that the vendor has.
    #[serde(with = "minor")]
    pub recorded_minor: i128,
    /// Sales minus refunds that the vendor does not have and that do not go on by themselves.
    #[serde(with = "minor")]
    pub stopped_minor: i128,
    /// Commissions that the vendor has not decided.
    #[serde(with = "minor")]
    pub pending_minor: i128,
    /// Commissions that the vendor approved but has not paid.
    #[serde(with = "minor")]
    pub approved_minor: i128,
    /// Commissions that were paid.
    #[serde(with = "minor")]
    pub paid_minor: i128,
}

/// The ledger's methods for sums.
pub trait SumStore: fmt::Debug + Send + Sync {
    /// Adds up at most [`SumFilter::most`] conversions: credited sales and refunds, sales and refunds that are
    /// credited to nobody, and commissions with a known amount. Held conversions and duplicates do not count.
    fn sums(&self, filter: SumFilter) -> Reply<'_, Sums>;
}

/// What one conversion adds for one of its deliveries, or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addend {
    /// The site.
    pub site: SiteId,
    /// The program of the delivery.
    pub program: Option<ProgramId>,
    /// The credited partner.
    pub partner: Option<String>,
    /// What happened.
    pub kind: Kind,
    /// Its status.
    pub status: Status,
    /// The amount of a sale or refund.
    pub amount: Option<Money>,
    /// State of the delivery.
    pub state: Option<State>,
    /// State and amount of the commission, as the vendor told them.
    pub commission: Option<(Commission, Money)>,
}

impl Sums {
    /// Adds one.
    pub fn add(&mut self, one: &Addend) {
        let counts = match one.status {
            Status::Accepted | Status::Rejected => one.program.is_some(),
            Status::Unattributed => true,
            Status::Duplicate | Status::Held => false,
        };
        if !counts {
            return;
        }
        if let Some(amount) = one.amount {
            let (minor, row) = (i128::from(amount.amount_minor), self.row(one, amount.currency));
            let net = match one.kind {
                Kind::Refund => {
                    row.refunds += 1;
                    row.refunds_minor += minor;
                    -minor
                }
                Kind::Sale | Kind::Signup | Kind::Lead => {
                    row.sales += 1;
                    row.sales_minor += minor;
                    minor
                }
            };
            match one.state {
                Some(State::Recorded | State::NotNeeded) => row.recorded_minor += net,
                Some(state) if !state.goes_on() => row.stopped_minor += net,
                Some(_) | None => {}
            }
        }
        if let Some((commission, earned)) = one.commission {
            let (minor, row) = (i128::from(earned.amount_minor), self.row(one, earned.currency));
            match commission {
                Commission::Approved => row.approved_minor += minor,
                Commission::Paid => row.paid_minor += minor,
                Commission::Pending => row.pending_minor += minor,
                Commission::Rejected | Commission::Unknown => {}
            }
        }
    }

    /// The row of a partner and currency; inserted in order if missing.
    fn row(&mut self, one: &Addend, currency: Currency) -> &mut SumRow {
        let key = (&one.site, &one.program, &one.partner, currency);
        let found = self.rows.binary_search_by(|row| (&row.site, &row.program, &row.partner, row.currency).cmp(&key));
        let index = found.unwrap_or_else(|index| {
            self.rows.insert(index, SumRow::empty(one, currency));
            index
        });
        #[expect(clippy::indexing_slicing, reason = "`index` was just found or inserted")]
        &mut self.rows[index]
    }
}

impl SumRow {
    fn empty(one: &Addend, currency: Currency) -> Self {
        Self {
            site: one.site.clone(),
            program: one.program.clone(),
            partner: one.partner.clone(),
            currency,
            sales: 0,
            sales_minor: 0,
            refunds: 0,
            refunds_minor: 0,
            recorded_minor: 0,
            stopped_minor: 0,
            pending_minor: 0,
            approved_minor: 0,
            paid_minor: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.at.0, self.conversion, self.site)
    }
}

impl TryFrom<&str> for Place {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let mut parts = text.splitn(3, '_');
        let (at, conversion, site) = (parts.next(), parts.next(), parts.next());
        let at = at.and_then(|at| at.parse().ok()).map(UnixMillis);
        let conversion = conversion.and_then(|id| ConversionId::try_from(id.to_owned()).ok());
        let site = site.and_then(|site| SiteId::try_from(site.to_owned()).ok());
        match (site, at, conversion) {
            (Some(site), Some(at), Some(conversion)) => Ok(Self { site, at, conversion }),
            _ => Err("must be `next` of an earlier answer, unchanged"),
        }
    }
}

/// Minor units as decimal text.
mod minor {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(amount: &i128, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(amount)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
