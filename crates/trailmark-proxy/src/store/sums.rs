//! What partners brought, added up: sales, refunds and commissions by program, partner and currency, for a time that the
//! operator chooses. The store adds up a bounded number of conversions for each question and names the place where the next
//! question goes on, so that no ledger is too large: whoever wants the whole adds up the answers.

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

/// Conversions that one answer adds up: a fraction of a second on a warm ledger.
pub const CONVERSIONS_AN_ANSWER: u32 = 10_000;

/// Which conversions are added up; all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SumFilter {
    /// Of one site.
    pub site: Option<SiteId>,
    /// Of one program.
    pub program: Option<ProgramId>,
    /// Received at this point or later.
    pub since: Option<UnixMillis>,
    /// Received before this point.
    pub until: Option<UnixMillis>,
    /// Where the answer before this one ended.
    pub after: Option<Place>,
    /// Conversions to add up at most, 1 to [`CONVERSIONS_AN_ANSWER`].
    pub most: u32,
}

/// A place in the order in which conversions are added up: by site, in each the newest first. As text
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
    /// How many conversions were looked at.
    pub conversions: u32,
    /// When the oldest of them was received, RFC 3339; absent when there was none.
    pub reaches_back_to: Option<String>,
    /// `cursor` of the next question; absent when nothing is left.
    pub next: Option<String>,
}

/// What one partner brought in one currency. Amounts are in minor units of the currency, as decimal text: sums may exceed
/// what a JSON reader's numbers hold exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumRow {
    /// The site.
    pub site: SiteId,
    /// The program; absent for sales that are credited to nobody.
    pub program: Option<ProgramId>,
    /// The partner; absent when nobody is credited, or only the vendor knows whose click it was.
    pub partner: Option<String>,
    /// The currency.
    pub currency: Currency,
    /// How many sales.
    pub sales: u64,
    /// Their sum.
    #[serde(with = "minor")]
    pub sales_minor: i128,
    /// How many refunds.
    pub refunds: u64,
    /// Their sum, positive.
    #[serde(with = "minor")]
    pub refunds_minor: i128,
    /// Sales less refunds that the vendor has.
    #[serde(with = "minor")]
    pub recorded_minor: i128,
    /// Sales less refunds that the vendor does not have, and that do not go on by themselves.
    #[serde(with = "minor")]
    pub stopped_minor: i128,
    /// Commissions that the vendor has not decided about.
    #[serde(with = "minor")]
    pub pending_minor: i128,
    /// Commissions that the vendor grants and has not paid out.
    #[serde(with = "minor")]
    pub approved_minor: i128,
    /// Commissions that were paid out.
    #[serde(with = "minor")]
    pub paid_minor: i128,
}

/// What operators ask of a ledger about money.
pub trait SumStore: fmt::Debug + Send + Sync {
    /// Adds up at most [`SumFilter::most`] conversions: sales and refunds that are credited, sales and refunds that are
    /// credited to nobody, and the commissions whose amount the vendor has told. Conversions that are held or duplicates
    /// count nowhere.
    fn sums(&self, filter: SumFilter) -> Reply<'_, Sums>;
}

/// What one conversion adds, for one of its deliveries or for none.
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
    /// What became of it.
    pub status: Status,
    /// The amount of a sale or refund.
    pub amount: Option<Money>,
    /// How the delivery stands.
    pub state: Option<State>,
    /// What the vendor says that it earned, and how that stands.
    pub commission: Option<(Commission, Money)>,
}

impl Sums {
    /// Adds one up.
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

    /// The row of a partner and currency; made in its place when there is none.
    fn row(&mut self, one: &Addend, currency: Currency) -> &mut SumRow {
        let key = (&one.site, &one.program, &one.partner, currency);
        let found = self.rows.binary_search_by(|row| (&row.site, &row.program, &row.partner, row.currency).cmp(&key));
        let index = found.unwrap_or_else(|index| {
            self.rows.insert(index, SumRow::empty(one, currency));
            index
        });
        #[expect(clippy::indexing_slicing, reason = "found or inserted there just now")]
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
            _ => Err("is not the `next` of an earlier answer"),
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
