//! The calls of every vendor as data for the matrix: what is reported, which call the documents name for it, and how
//! to read the account. A new vendor adds a [`Speaker`].

use serde_json::Value;
use trailmark_proxy::delivery::LaneAccount;
use trailmark_wire::conversion::Event;
use trailmark_wire::ids::ConversionId;

use super::delivery_world::{World, account, guide_account, refund, sale};

/// The customer of every scenario.
const CUSTOMER: &str = "u_1";
/// The order of every scenario.
const ORDER: &str = "o_1001";
/// The order's amount, and the amount of the partial refund; in cents.
const SOLD: i64 = 1230;
const PART: i64 = 230;

/// A vendor account in one dialect.
pub(crate) struct Speaker {
    /// The simulator's name for it.
    pub(crate) account: &'static str,
    /// Its lane.
    pub(crate) lane: fn(&str, &str) -> LaneAccount,
    /// All calls with an effect.
    pub(crate) calls: &'static [Call],
    /// What happened to a conversion, according to the account.
    pub(crate) effects: fn(&Value, Told) -> Effects,
}

/// One call.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// Its name in the documents.
    pub(crate) method: &'static str,
    /// A part of its path.
    pub(crate) path: &'static str,
    /// What must be recorded first.
    pub(crate) before: &'static [Told],
    /// What is reported.
    pub(crate) event: Told,
    /// The documents promise that a repeated call has no second effect.
    pub(crate) is_unique_there: bool,
    /// The documents offer a way to check for the effect.
    pub(crate) can_be_asked: bool,
    /// A "yes" says nothing and must be read back.
    pub(crate) is_read_back: bool,
}

/// What a shop reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A signup with a click id.
    Click,
    /// A signup without one.
    Signup,
    Lead,
    Sale,
    RefundWhole,
    RefundPart,
}

/// What the vendor has of it.
pub(crate) struct Effects {
    pub(crate) number: usize,
    /// Amount and partner are correct.
    pub(crate) is_exact: bool,
}

impl Told {
    pub(crate) async fn tell(self, world: &World) -> ConversionId {
        match self {
            Self::Click => world.signup(CUSTOMER).await,
            Self::Signup => world.accept("main", CUSTOMER, None).await,
            Self::Lead => world.event(CUSTOMER, Event::Lead).await,
            Self::Sale => world.event(CUSTOMER, sale(ORDER, SOLD, "EUR")).await,
            Self::RefundWhole => world.event(CUSTOMER, refund("r_2001", ORDER, SOLD, "EUR")).await,
            Self::RefundPart => world.event(CUSTOMER, refund("r_2001", ORDER, PART, "EUR")).await,
        }
    }
}

/// Defaults of all calls.
const CALL: Call = Call {
    name: "",
    method: "POST",
    path: "",
    before: &[],
    event: Told::Signup,
    is_unique_there: false,
    can_be_asked: true,
    is_read_back: false,
};

/// vendors.md § 1: the paths, and that a second key has no promised effect for customers and transactions. The
/// simulator refuses an existing customer key; there is no list of actions.
const CURRENT: &[Call] = &[
    Call { name: "signup by click id", path: "conversion/xid", event: Told::Click, is_read_back: true, ..CALL },
    SIGNUP,
    LEAD,
    SALE,
    FULL_REFUND,
    PART_REFUND,
];

/// Seed 000: a transaction has no key of the client, so it cannot be found again.
const GUIDE: &[Call] =
    &[SIGNUP, LEAD, Call { can_be_asked: false, ..SALE }, FULL_REFUND, Call { can_be_asked: false, ..PART_REFUND }];

const SIGNUP: Call = Call { name: "signup by POST customers", path: "/customers", is_unique_there: true, ..CALL };
const LEAD: Call =
    Call { name: "lead", path: "/actions", before: &[Told::Signup], event: Told::Lead, can_be_asked: false, ..CALL };
const SALE: Call = Call { name: "sale", path: "/transactions", before: &[Told::Signup], event: Told::Sale, ..CALL };
const PART_REFUND: Call =
    Call { name: "part refund", before: &[Told::Signup, Told::Sale], event: Told::RefundPart, ..SALE };
const FULL_REFUND: Call = Call { name: "full refund", method: "DELETE", event: Told::RefundWhole, ..PART_REFUND };

/// All vendors.
pub(crate) static SPEAKERS: [Speaker; 2] = [
    Speaker { account: "partnerstack", lane: account, calls: CURRENT, effects: partnerstack },
    Speaker { account: "partnerstack-guide", lane: guide_account, calls: GUIDE, effects: partnerstack },
];

/// An account of the simulated PartnerStack. A refund is a deleted sale or a negative transaction.
fn partnerstack(state: &Value, of: Told) -> Effects {
    let rows = |name: &str| state[name].as_array().unwrap().clone();
    let amount = |one: &Value| one["amount"].as_i64().unwrap();
    match of {
        Told::Click | Told::Signup => {
            let own: Vec<Value> = rows("customers").into_iter().filter(|one| one["customer_key"] == CUSTOMER).collect();
            let is_exact = own.iter().all(|one| {
                one["partner_key"] == "ada" && one["deleted"] == false && (of == Told::Signup || one["xid"].is_string())
            });
            Effects { number: own.len(), is_exact }
        }
        Told::Lead => {
            let own: Vec<Value> = rows("actions").into_iter().filter(|one| one["target_key"] == CUSTOMER).collect();
            Effects { number: own.len(), is_exact: own.iter().all(|one| one["type"] == "lead") }
        }
        Told::Sale => {
            let own: Vec<Value> = rows("transactions").into_iter().filter(|one| amount(one) > 0).collect();
            Effects {
                number: own.len(),
                is_exact: own.iter().all(|one| amount(one) == SOLD && one["deleted"] == false),
            }
        }
        Told::RefundWhole | Told::RefundPart => {
            let all = rows("transactions");
            let gone = all.iter().filter(|one| amount(one) > 0 && one["deleted"] == true).count();
            let back: Vec<i64> = all.iter().map(amount).filter(|amount| *amount < 0).collect();
            let part = of == Told::RefundPart;
            let is_exact = back.iter().all(|amount| *amount == if part { -PART } else { -SOLD }) && !(part && gone > 0);
            Effects { number: gone + back.len(), is_exact }
        }
    }
}
