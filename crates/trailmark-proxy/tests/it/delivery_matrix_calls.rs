//! The calls of every vendor as data for the matrix: what is reported, which call the documents name for it, and how to
//! read the account. A new vendor is a [`Vendor`] with its [`Call`]s, and a line in [`SPEAKERS`] for each dialect.

use serde_json::{Value, json};
use trailmark_vendors::Dialect;
use trailmark_wire::conversion::Event;
use trailmark_wire::ids::ConversionId;
use trailmark_wire::money::{Currency, Money};

use super::delivery_accounts::in_dialect;
use super::delivery_world::{World, customer, refund, sale};

/// The customer of every scenario.
const CUSTOMER: &str = "u_1";
/// The order of every scenario.
const ORDER: &str = "o_1001";
/// The order's amount, and the amount of the partial refund; in cents.
const SOLD: i64 = 1230;
const PART: i64 = 230;

/// What differs between vendors, besides their calls.
pub(crate) struct Vendor {
    /// Its name in configuration, and of its control routes.
    pub(crate) name: &'static str,
    /// The partner's key in a touch, from the state of the account.
    pub(crate) partner: fn(&Value) -> String,
    /// What its control route `clicks` is told to make a click in an account.
    click: fn(&str) -> Value,
    /// The member of that route's answer with the click id; empty if the vendor has no click ids.
    click_id: &'static str,
    /// What happened to a conversion, according to the state of the account.
    pub(crate) effects: fn(&Value, Told) -> Effects,
}

/// A vendor's account in one dialect.
pub(crate) struct Speaker {
    pub(crate) vendor: Vendor,
    pub(crate) dialect: Dialect,
    /// All calls with an effect.
    pub(crate) calls: &'static [Call],
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
    /// The documents offer a way to check for the effect: a look-up, or a repeat whose answer tells.
    pub(crate) can_be_asked: bool,
    /// A "yes" says nothing and must be read back.
    pub(crate) is_read_back: bool,
    /// Its look-up reads one thing by its key, so that the vendor's own 404 means that there is none.
    pub(crate) is_read_by_key: bool,
    /// Methods and paths of the requests of a look-up, where a repeat comes between a lost answer and them.
    pub(crate) look_up: &'static [(&'static str, &'static str)],
    /// An empty 200 is the vendor's own word that it recorded nothing.
    pub(crate) is_refused_silently: bool,
    /// Several requests make the effect, so that a refusal can leave half of it, which is for an operator.
    pub(crate) may_be_half: bool,
}

/// What a shop reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A signup with a click id. All other kinds have one too, if the vendor has click ids.
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

impl Speaker {
    const fn of(vendor: Vendor, dialect: Dialect, calls: &'static [Call]) -> Self {
        Self { vendor, dialect, calls }
    }

    /// The simulator's name of the account.
    pub(crate) fn account(&self) -> String {
        in_dialect(self.vendor.name, self.dialect)
    }

    pub(crate) async fn tell(&self, told: Told, world: &World) -> ConversionId {
        let click = self.clicked(told, world).await;
        self.tell_of(&click, told, world).await
    }

    /// The id of a new click; null without one.
    pub(crate) async fn clicked(&self, told: Told, world: &World) -> Value {
        if self.vendor.click_id.is_empty() || told == Told::Signup {
            return Value::Null;
        }
        let (route, wanted) = (format!("{}/clicks", self.vendor.name), (self.vendor.click)(&self.account()));
        world.control("POST", &route, &wanted).await[self.vendor.click_id].take()
    }

    /// The same as [`Self::tell`], of this click.
    pub(crate) async fn tell_of(&self, click: &Value, told: Told, world: &World) -> ConversionId {
        let is_signup = matches!(told, Told::Click | Told::Signup);
        let email = if is_signup { "u_1@customers.example" } else { "" };
        let event = match told {
            Told::Click | Told::Signup => Event::Signup,
            Told::Lead => Event::Lead,
            Told::Sale => sale(ORDER, SOLD, "EUR"),
            Told::RefundWhole => refund("r_2001", ORDER, SOLD, "EUR"),
            Told::RefundPart => refund("r_2001", ORDER, PART, "EUR"),
        };
        world.accept_event("main", customer(CUSTOMER, email), event, click.as_str()).await
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
    is_read_by_key: false,
    look_up: &[],
    is_refused_silently: false,
    may_be_half: false,
};

/// All vendors, in both dialects.
pub(crate) static SPEAKERS: [Speaker; 8] = [
    Speaker::of(PARTNERSTACK, Dialect::Current, PARTNERSTACK_CURRENT),
    Speaker::of(PARTNERSTACK, Dialect::Guide, PARTNERSTACK_GUIDE),
    Speaker::of(PARTNERIZE, Dialect::Current, PARTNERIZE_CALLS),
    Speaker::of(PARTNERIZE, Dialect::Guide, PARTNERIZE_CALLS),
    Speaker::of(INTROW, Dialect::Current, INTROW_CALLS),
    Speaker::of(INTROW, Dialect::Guide, INTROW_CALLS),
    Speaker::of(PARTNERO, Dialect::Current, PARTNERO_CALLS),
    Speaker::of(PARTNERO, Dialect::Guide, PARTNERO_CALLS),
];

/// vendors.md § 1: the paths, and that a second key has no promised effect for customers and transactions. There is no
/// list of actions.
const PARTNERSTACK_CURRENT: &[Call] = &[
    Call { name: "signup by click id", path: "conversion/xid", event: Told::Click, is_read_back: true, ..CALL },
    Call { is_unique_there: false, is_read_by_key: true, look_up: &[], ..SIGNUP },
    LEAD,
    SALE,
    FULL_REFUND,
    PART_REFUND,
];

/// Seed 000: a customer's key is unique; a transaction has no key of the client, so it cannot be found again.
const PARTNERSTACK_GUIDE: &[Call] =
    &[SIGNUP, LEAD, Call { can_be_asked: false, ..SALE }, FULL_REFUND, Call { can_be_asked: false, ..PART_REFUND }];

const SIGNUP: Call = Call {
    name: "signup by POST customers",
    path: "/customers",
    is_unique_there: true,
    look_up: &[("GET", "/customers/u_1")],
    ..CALL
};
const LEAD: Call =
    Call { name: "lead", path: "/actions", before: &[Told::Signup], event: Told::Lead, can_be_asked: false, ..CALL };
const SALE: Call = Call { name: "sale", path: "/transactions", before: &[Told::Signup], event: Told::Sale, ..CALL };
const PART_REFUND: Call =
    Call { name: "part refund", before: &[Told::Signup, Told::Sale], event: Told::RefundPart, ..SALE };
const FULL_REFUND: Call = Call { name: "full refund", method: "DELETE", event: Told::RefundWhole, ..PART_REFUND };

/// vendors-2.md § 1: one call of the tracking host for everything but refunds, which change the sale by a job.
const PARTNERIZE_CALLS: &[Call] = &[
    Call { name: "signup", event: Told::Click, ..TRACKED },
    Call { name: "lead", event: Told::Lead, ..TRACKED },
    Call { name: "sale", event: Told::Sale, ..TRACKED },
    Call { name: "full refund", event: Told::RefundWhole, ..CHANGED },
    Call { name: "part refund", event: Told::RefundPart, ..CHANGED },
    Call {
        name: "part refund, the report",
        method: "GET",
        path: "/conversion.json",
        event: Told::RefundPart,
        ..CHANGED
    },
];

const TRACKED: Call = Call { path: "/tracking_mode:api", is_refused_silently: true, ..CALL };
const CHANGED: Call = Call { path: "/conversions/bulk", before: &[Told::Sale], is_read_back: true, ..CALL };

/// vendors-2.md § 2: a click token converts once, ever, and a repeat is told so. One source alone says that a line has an
/// idempotency key, so a repeat makes a second one here.
const INTROW_CALLS: &[Call] = &[
    Call { name: "signup", event: Told::Click, ..CONVERSION },
    Call { name: "lead", event: Told::Lead, ..CONVERSION },
    Call { name: "sale", event: Told::Sale, ..LINE },
    Call { name: "full refund", before: &[Told::Sale], event: Told::RefundWhole, ..LINE },
    Call { name: "part refund", before: &[Told::Sale], event: Told::RefundPart, ..LINE },
    Call {
        name: "part refund, the sale's line",
        method: "GET",
        before: &[Told::Sale],
        event: Told::RefundPart,
        ..LINE
    },
];

const CONVERSION: Call = Call { path: "/affiliate/conversions", is_unique_there: true, ..CALL };
const LINE: Call = Call { path: "/commission-lines", ..CALL };

/// vendors-2.md § 3: customers have unique keys, transactions have not; a part is given back by deleting the sale and
/// creating it with the rest.
const PARTNERO_CALLS: &[Call] = &[
    Call { look_up: &[("GET", "/customers/u_1"), ("GET", "/partners/")], ..SIGNUP },
    SALE,
    FULL_REFUND,
    Call { name: "part refund, the list", method: "GET", ..REPLACED },
    Call { name: "part refund, the deletion", method: "DELETE", ..REPLACED },
    Call { name: "part refund, the rest", is_read_back: true, ..REPLACED },
];

const REPLACED: Call = Call { may_be_half: true, ..PART_REFUND };

const PARTNERSTACK: Vendor = Vendor {
    name: "partnerstack",
    partner: |_| "ada".to_owned(),
    click: |_| json!({ "partner_key": "ada" }),
    click_id: "xid",
    effects: partnerstack,
};

const PARTNERIZE: Vendor = Vendor {
    name: "partnerize",
    partner: |_| "amber".to_owned(),
    click: |account| json!({ "account": account }),
    click_id: "clickref",
    effects: partnerize,
};

const INTROW: Vendor = Vendor {
    name: "introw",
    partner: |state| state["partners"][0]["id"].as_str().unwrap().to_owned(),
    click: |account| json!({ "link": "alder-advisory", "account": account }),
    click_id: "irw_id",
    effects: introw,
};

const PARTNERO: Vendor = Vendor {
    name: "partnero",
    partner: |_| "amiraito".to_owned(),
    click: |_| Value::Null,
    click_id: "",
    effects: partnero,
};

fn rows(state: &Value, name: &str, is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
    state[name].as_array().unwrap().iter().filter(|one| is_meant(one)).cloned().collect()
}

/// Cents of a shown amount in euros, a number or a text.
fn cents(shown: &Value) -> i64 {
    let text = shown.as_str().map_or_else(|| shown.to_string(), str::to_owned);
    Money::from_decimal(&text, Currency::new("EUR").unwrap()).unwrap().amount_minor
}

fn all(own: &[Value], is_exact: impl Fn(&Value) -> bool) -> Effects {
    Effects { number: own.len(), is_exact: own.iter().all(is_exact) }
}

/// An account of the simulated PartnerStack. A refund is a deleted sale or a negative transaction.
fn partnerstack(state: &Value, of: Told) -> Effects {
    let amount = |one: &Value| one["amount"].as_i64().unwrap();
    match of {
        Told::Click | Told::Signup => all(&rows(state, "customers", |one| one["customer_key"] == CUSTOMER), |one| {
            one["partner_key"] == "ada" && one["deleted"] == false && (of == Told::Signup || one["xid"].is_string())
        }),
        Told::Lead => all(&rows(state, "actions", |one| one["target_key"] == CUSTOMER), |one| one["type"] == "lead"),
        Told::Sale => all(&rows(state, "transactions", |one| amount(one) > 0), |one| {
            amount(one) == SOLD && one["deleted"] == false
        }),
        Told::RefundWhole | Told::RefundPart => {
            let gone = rows(state, "transactions", |one| amount(one) > 0 && one["deleted"] == true).len();
            let back = rows(state, "transactions", |one| amount(one) < 0);
            let part = of == Told::RefundPart;
            let is_exact =
                back.iter().all(|one| amount(one) == if part { -PART } else { -SOLD }) && !(part && gone > 0);
            Effects { number: gone + back.len(), is_exact }
        }
    }
}

/// An account of the simulated Partnerize. A refund is a state of its sale, so there are never two.
fn partnerize(state: &Value, of: Told) -> Effects {
    let publisher = &state["publishers"][0]["id"];
    let worth = |one: &Value| cents(&one["conversion_value"]["value"]);
    let status = |one: &Value| one["conversion_value"]["conversion_status"].clone();
    let kind = match of {
        Told::Click | Told::Signup => "signup",
        Told::Lead => "lead",
        Told::Sale | Told::RefundWhole | Told::RefundPart => "sale",
    };
    let own = rows(state, "conversions", |one| one["conversion_items"][0]["category"] == kind);
    let is_ours = |one: &Value| {
        one["publisher_id"] == *publisher
            && one["customer_reference"] == CUSTOMER
            && (kind != "sale" || one["conversion_reference"] == ORDER && one["currency"] == "EUR")
    };
    match of {
        Told::RefundWhole => {
            let own: Vec<Value> = own.into_iter().filter(|one| status(one) == "rejected").collect();
            all(&own, |one| is_ours(one) && worth(one) == SOLD)
        }
        Told::RefundPart => {
            let own: Vec<Value> =
                own.into_iter().filter(|one| worth(one) != SOLD || status(one) != "pending").collect();
            all(&own, |one| is_ours(one) && worth(one) == SOLD - PART && status(one) == "pending")
        }
        _ => all(&own, |one| {
            is_ours(one) && worth(one) == if kind == "sale" { SOLD } else { 0 } && status(one) == "pending"
        }),
    }
}

/// An account of the simulated Introw, whose lines are ten percent. A refund is a negative line.
fn introw(state: &Value, of: Told) -> Effects {
    let partner = &state["partners"][0]["id"];
    let lines = |sign: i64, amount: i64| {
        let own = rows(state, "commission_lines", |one| cents(&one["amount"]).signum() == sign);
        all(&own, |one| cents(&one["amount"]) == sign * amount / 10 && one["partnerId"] == *partner)
    };
    match of {
        Told::Click | Told::Signup | Told::Lead => {
            all(&rows(state, "conversions", |_| true), |one| one["partner_id"] == *partner)
        }
        Told::Sale => lines(1, SOLD),
        Told::RefundWhole => lines(-1, SOLD),
        Told::RefundPart => lines(-1, PART),
    }
}

/// An account of the simulated Partnero. A refund is a deleted sale, with another one for the rest.
fn partnero(state: &Value, of: Told) -> Effects {
    let is_ours = |one: &Value| one["partner_key"] == "amiraito" && one["customer_key"] == CUSTOMER;
    let amount = |one: &Value| cents(&one["shown"]["amount"]);
    let sales = rows(state, "transactions", |one| one["deleted"] == false);
    match of {
        Told::Click | Told::Signup | Told::Lead => {
            all(&rows(state, "customers", |_| true), |one| is_ours(one) && one["deleted"] == false)
        }
        Told::Sale => all(&sales, |one| is_ours(one) && one["key"] == ORDER && amount(one) == SOLD),
        Told::RefundWhole => Effects { number: usize::from(sales.is_empty()), is_exact: true },
        Told::RefundPart => {
            let rest = all(&sales, |one| is_ours(one) && one["key"] == ORDER && amount(one) == SOLD - PART);
            match sales.as_slice() {
                [] => Effects { number: 1, is_exact: false },
                [one] if amount(one) == SOLD => Effects { number: 0, is_exact: true },
                _ => rest,
            }
        }
    }
}
