//! What happened after the click: signup, lead, sale, refund. [`Body`] is the JSON of the wire; [`Conversion`] is its
//! checked and repaired form, which all later code uses. [`Conversion::canonical`] is the byte string that "same content"
//! compares, so repaired conversions are compared. [`crate::repair`] says how a flaw is repaired. The proxy's intake
//! decides who may claim what: a browser no refund and no unsigned amount.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{CustomerKey, OrderKey, SiteId, label};
use crate::limits::{KEY_CHARS, NAME_CHARS, ORDER_ITEMS};
use crate::money::{Currency, Money};
use crate::repair::{self, FreeText, Unchecked, Warning, trimmed};
use crate::text_map::TextMap;

/// The four kinds of conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A new customer.
    Signup,
    /// Somebody showed interest; no money.
    Lead,
    /// An order.
    Sale,
    /// Money of a sale is given back; only a server may report it.
    Refund,
}

/// A customer as the company knows them. Personal data: `Debug` shows only the key. The optional fields of a
/// `Customer<Unchecked>` have not been checked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer<T = String> {
    /// The company's own key.
    pub key: CustomerKey,
    /// Their e-mail address, 3 to [`crate::limits::EMAIL_CHARS`] characters with an `@` inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<T>,
    /// Their name, 1 to [`NAME_CHARS`] characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<T>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item<T = String> {
    /// Stock keeping unit, 1 to 255 characters.
    pub sku: String,
    /// The vendor's commission category, 1 to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<T>,
    /// Price of one unit in minor units of the order's currency, at least 0.
    pub unit_amount_minor: i64,
    /// How many units, at least 1.
    pub quantity: u32,
}

/// An order, or a refund of one: the net commissionable total, and the lines that apportion it. Lines decide about money,
/// so they are as strict as the total; only their categories are optional.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
pub struct Order<T = String> {
    /// The company's own key of the order or of the refund.
    pub key: OrderKey,
    /// Minor units of `currency`, discounts deducted: at least 0 for a sale, at least 1 for a refund.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// At most [`ORDER_ITEMS`] lines; they only apportion the total, which is at most their sum.
    #[serde(default, deserialize_with = "repair::or_default", skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item<T>>,
}

/// A conversion in JSON: the payload member `data` of an envelope, and the larger part of a server's body.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Which kind.
    pub kind: Kind,
    /// The customer in plain JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer<Unchecked>>,
    /// The customer as a JWS that the merchant signed; replaces `customer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_customer: Option<String>,
    /// The order in plain JSON; for a refund, the refund itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order<Unchecked>>,
    /// The order as a JWS that the merchant signed; replaces `order` and `customer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_order: Option<String>,
    /// The key of the sale that a refund belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<OrderKey>,
    /// Free text for the vendor; the first [`crate::limits::DATA_ENTRIES`] entries count.
    #[serde(default, skip_serializing_if = "FreeText::is_empty")]
    pub data: FreeText,
    /// See [`Conversion::test`].
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub test: bool,
}

/// A member of a body that is wrong or missing. Names the field, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct Malformed {
    /// Path of the field, such as `order.items`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The customer of a conversion, and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerClaim {
    /// Stated by the caller.
    Plain(Customer),
    /// A merchant's JWS, not yet verified.
    Signed(String),
    /// The content of a merchant's JWS with a verified signature, and the JWS itself ([`crate::merchant`]).
    Vouched(Customer, String),
}

/// What was bought or given back, and who vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderClaim {
    /// Stated by the caller.
    Plain(Order),
    /// A merchant's JWS, not yet verified.
    Signed(String),
    /// The content of a merchant's JWS with a verified signature, and the JWS itself ([`crate::merchant`]).
    Vouched(Order, String),
}

/// What happened, with the fields of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// See [`Kind::Signup`].
    Signup,
    /// See [`Kind::Lead`].
    Lead,
    /// See [`Kind::Sale`].
    Sale(OrderClaim),
    /// See [`Kind::Refund`].
    Refund {
        /// The refund's own key, amount and currency.
        refund: Order,
        /// The sale it belongs to.
        sale: OrderKey,
    },
}

/// A checked conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The customer; absent only in a refund, or if a signed order names the customer.
    pub customer: Option<CustomerClaim>,
    /// What happened.
    pub event: Event,
    /// Free text for the vendor.
    pub data: TextMap,
    /// Whether it only tries the set-up out: it is decided and recorded, claims no key, and is sent to no vendor.
    pub test: bool,
}

impl Kind {
    /// The word in JSON, SQL and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Lead => "lead",
            Self::Sale => "sale",
            Self::Refund => "refund",
        }
    }
}

impl Conversion {
    /// Checks the rules that the types do not express, and repairs optional fields; each repair adds to `warnings`.
    ///
    /// # Errors
    /// [`Malformed`], naming the first required field that is missing, does not belong to the kind, or is out of its range.
    pub fn from_body(body: Body, warnings: &mut Vec<Warning>) -> Result<Self, Malformed> {
        let Body { kind, customer, signed_customer, order, signed_order, refund_of, data, test } = body;
        let customer = customer_claim(customer, signed_customer, warnings)?;
        let least = if kind == Kind::Refund { 1 } else { 0 };
        let order = order_claim(order, signed_order, least, warnings)?;
        let event = event(kind, order, refund_of)?;
        let data = repair::free(data, warnings);
        let says_so_itself = matches!(event, Event::Sale(OrderClaim::Signed(_)) | Event::Refund { .. });
        if customer.is_none() && !says_so_itself {
            return Err(Malformed { field: "customer", problem: "is missing" });
        }
        Ok(Self { customer, event, data, test })
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        match self.event {
            Event::Signup => Kind::Signup,
            Event::Lead => Kind::Lead,
            Event::Sale(_) => Kind::Sale,
            Event::Refund { .. } => Kind::Refund,
        }
    }

    /// The customer in plain form, if the caller gave one or a verified JWS names one.
    pub fn plain_customer(&self) -> Option<&Customer> {
        match &self.customer {
            Some(CustomerClaim::Plain(customer) | CustomerClaim::Vouched(customer, _)) => Some(customer),
            Some(CustomerClaim::Signed(_)) | None => None,
        }
    }

    /// The key under which a vendor knows this conversion: the customer's for signup and lead, the order's own for sale and
    /// refund; `None` while only an unverified JWS has it. Unique per site, program and kind.
    pub fn external_id(&self) -> Option<&str> {
        match &self.event {
            Event::Signup | Event::Lead => self.plain_customer().map(|customer| customer.key.as_str()),
            Event::Sale(_) | Event::Refund { .. } => self.plain_order().map(|order| order.key.as_str()),
        }
    }

    /// The order, or the refund, in plain form, if the caller gave one or a verified JWS has one.
    pub fn plain_order(&self) -> Option<&Order> {
        match &self.event {
            Event::Sale(OrderClaim::Plain(order) | OrderClaim::Vouched(order, _)) => Some(order),
            Event::Refund { refund, .. } => Some(refund),
            Event::Sale(OrderClaim::Signed(_)) | Event::Signup | Event::Lead => None,
        }
    }

    /// The canonical encoding, which is hashed to compare content. A version line, then every member in a fixed order: a
    /// tag byte, the length in four bytes (big-endian), the bytes. Absent members are left out, integers are eight bytes
    /// big-endian, maps are sorted by name. Signatures, times and tokens are not part of it. Only a test has the tag `t`.
    /// The vectors in `vectors/canonical.json` fix every byte.
    pub fn canonical(&self, site: &SiteId) -> Vec<u8> {
        let mut out = Canonical(CANONICAL_VERSION.to_owned());
        out.text(b's', site.as_str());
        out.text(b'k', self.kind().as_str());
        match &self.customer {
            Some(CustomerClaim::Plain(customer)) => out.customer(customer),
            Some(CustomerClaim::Signed(jws) | CustomerClaim::Vouched(_, jws)) => out.text(b'C', jws),
            None => {}
        }
        match &self.event {
            Event::Signup | Event::Lead => {}
            Event::Sale(OrderClaim::Plain(order)) => out.order(order),
            Event::Sale(OrderClaim::Signed(jws) | OrderClaim::Vouched(_, jws)) => out.text(b'O', jws),
            Event::Refund { refund, sale } => {
                out.order(refund);
                out.text(b'r', sale.as_str());
            }
        }
        for (name, value) in self.data.iter() {
            out.text(b'd', name);
            out.text(b'v', value);
        }
        if self.test {
            out.text(b't', "");
        }
        out.0
    }
}

impl Order {
    /// The total as money.
    pub fn money(&self) -> Money {
        Money { amount_minor: self.amount_minor, currency: self.currency }
    }
}

impl Order<Unchecked> {
    /// Checks that the total is at least `least` and each line is in range; repairs the categories.
    ///
    /// # Errors
    /// [`Malformed`], naming the first field that is out of range.
    pub fn checked(self, least: i64, warnings: &mut Vec<Warning>) -> Result<Order, Malformed> {
        let Self { key, amount_minor, currency, items } = self;
        let refuse = |field, problem| Err(Malformed { field, problem });
        if amount_minor < least {
            let problem = if least == 0 { "must not be negative" } else { "must be positive" };
            return refuse("order.amount_minor", problem);
        }
        if items.len() > ORDER_ITEMS {
            return refuse("order.items", "has more than 200 lines");
        }
        let items = items.into_iter().map(|item| item.checked(warnings)).collect::<Result<Vec<_>, _>>()?;
        let sum = items.iter().try_fold(0_i64, |sum, item| sum.checked_add(item.total()?));
        match sum {
            Some(sum) if items.is_empty() || amount_minor <= sum => Ok(Order { key, amount_minor, currency, items }),
            Some(_) => refuse("order.amount_minor", "is above the sum of the lines"),
            None => refuse("order.items", "sum to more than 64 bits hold"),
        }
    }
}

impl<T> Item<T> {
    /// Unit price times quantity; `None` if it does not fit 64 bits.
    pub fn total(&self) -> Option<i64> {
        self.unit_amount_minor.checked_mul(i64::from(self.quantity))
    }
}

impl Item<Unchecked> {
    fn checked(self, warnings: &mut Vec<Warning>) -> Result<Item, Malformed> {
        let Self { sku, category, unit_amount_minor, quantity } = self;
        let Ok(sku) = label(&sku).map(ToOwned::to_owned) else {
            let problem = "must have 1 to 255 characters, without control and direction characters";
            return Err(Malformed { field: "order.items.sku", problem });
        };
        if unit_amount_minor < 0 {
            return Err(Malformed { field: "order.items.unit_amount_minor", problem: "must not be negative" });
        }
        if quantity == 0 {
            return Err(Malformed { field: "order.items.quantity", problem: "must be at least 1" });
        }
        let category = repair::text(category, "order.items.category", KEY_CHARS, warnings);
        Ok(Item { sku, category, unit_amount_minor, quantity })
    }
}

impl Customer<Unchecked> {
    /// The customer, with e-mail address and name repaired or left out.
    pub fn repaired(self, warnings: &mut Vec<Warning>) -> Customer {
        let email = repair::email(self.email, "customer.email", warnings);
        Customer { key: self.key, email, name: repair::text(self.name, "customer.name", NAME_CHARS, warnings) }
    }
}

fn customer_claim(
    plain: Option<Customer<Unchecked>>,
    signed: Option<String>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<CustomerClaim>, Malformed> {
    match (plain, statement(signed)) {
        (Some(_), Some(_)) => Err(Malformed { field: "signed_customer", problem: "excludes `customer`" }),
        (Some(customer), None) => Ok(Some(CustomerClaim::Plain(customer.repaired(warnings)))),
        (None, signed) => Ok(signed.map(CustomerClaim::Signed)),
    }
}

fn order_claim(
    plain: Option<Order<Unchecked>>,
    signed: Option<String>,
    least: i64,
    warnings: &mut Vec<Warning>,
) -> Result<Option<OrderClaim>, Malformed> {
    match (plain, statement(signed)) {
        (Some(_), Some(_)) => Err(Malformed { field: "signed_order", problem: "excludes `order`" }),
        (Some(order), None) => order.checked(least, warnings).map(|order| Some(OrderClaim::Plain(order))),
        (None, signed) => Ok(signed.map(OrderClaim::Signed)),
    }
}

/// A merchant's JWS without the white space that templates and files add; `None` if it is empty.
fn statement(signed: Option<String>) -> Option<String> {
    signed.map(|jws| trimmed(&jws).to_owned()).filter(|jws| !jws.is_empty())
}

fn event(kind: Kind, order: Option<OrderClaim>, refund_of: Option<OrderKey>) -> Result<Event, Malformed> {
    let foreign = |field| Err(Malformed { field, problem: "does not belong to this kind" });
    let missing = |field| Err(Malformed { field, problem: "is missing" });
    match (kind, order, refund_of) {
        (Kind::Signup, None, None) => Ok(Event::Signup),
        (Kind::Lead, None, None) => Ok(Event::Lead),
        (Kind::Signup | Kind::Lead, Some(_), _) => foreign("order"),
        (Kind::Signup | Kind::Lead | Kind::Sale, _, Some(_)) => foreign("refund_of"),
        (Kind::Sale, Some(order), None) => Ok(Event::Sale(order)),
        (Kind::Sale | Kind::Refund, None, _) => missing("order"),
        (Kind::Refund, Some(OrderClaim::Signed(_) | OrderClaim::Vouched(..)), _) => foreign("signed_order"),
        (Kind::Refund, Some(_), None) => missing("refund_of"),
        (Kind::Refund, Some(OrderClaim::Plain(refund)), Some(sale)) => Ok(Event::Refund { refund, sale }),
    }
}

const CANONICAL_VERSION: &[u8] = b"trailmark-conversion-1\n";

struct Canonical(Vec<u8>);

impl Canonical {
    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.push(tag);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, tag: u8, text: &str) {
        self.bytes(tag, text.as_bytes());
    }

    fn integer(&mut self, tag: u8, value: i64) {
        self.bytes(tag, &value.to_be_bytes());
    }

    fn customer(&mut self, customer: &Customer) {
        self.text(b'c', customer.key.as_str());
        if let Some(email) = &customer.email {
            self.text(b'e', email);
        }
        if let Some(name) = &customer.name {
            self.text(b'n', name);
        }
    }

    fn order(&mut self, order: &Order) {
        self.text(b'o', order.key.as_str());
        self.integer(b'a', order.amount_minor);
        self.text(b'u', order.currency.as_str());
        for item in &order.items {
            self.text(b'i', &item.sku);
            if let Some(category) = &item.category {
                self.text(b'g', category);
            }
            self.integer(b'p', item.unit_amount_minor);
            self.integer(b'q', i64::from(item.quantity));
        }
    }
}

impl<T> core::fmt::Debug for Customer<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Customer").field("key", &self.key).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Body {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Body").field("kind", &self.kind).field("customer", &self.customer).finish_non_exhaustive()
    }
}
