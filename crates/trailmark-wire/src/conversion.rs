//! What happened after the click: signup, lead, sale, refund. [`Body`] is the JSON of the wire, [`Conversion`] the checked
//! form with which everything downstream works; [`Conversion::canonical`] is the one byte string that "same content" means.
//! Who may claim what (a browser no refund, no unsigned amount) is decided by the proxy's intake.

use alloc::borrow::ToOwned as _;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{CustomerKey, OrderKey, SiteId, at_most};
use crate::limits::{DATA_ENTRIES, DATA_NAME_CHARS, DATA_VALUE_CHARS, EMAIL_CHARS, NAME_CHARS, ORDER_ITEMS};
use crate::money::{Currency, Money};
use crate::text_map::TextMap;

/// The four kinds of conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A customer came into being.
    Signup,
    /// Somebody showed interest; no money.
    Lead,
    /// An order.
    Sale,
    /// Money of a sale given back; only a server may say so.
    Refund,
}

/// A customer as the company knows them. Personal data: `Debug` shows the key alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// The company's own key.
    pub key: CustomerKey,
    /// Their e-mail address, 3 to [`EMAIL_CHARS`] characters with an `@` inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their name, 1 to [`NAME_CHARS`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Stock keeping unit, 1 to 255 characters.
    pub sku: String,
    /// The vendor's commission category, 1 to 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Price of one unit in minor units of the order's currency, at least 0.
    pub unit_amount_minor: i64,
    /// How many units, at least 1.
    pub quantity: u32,
}

/// An order, or a refund of one: the net commissionable total, and the lines that apportion it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The company's own key of the order or of the refund.
    pub key: OrderKey,
    /// Minor units of `currency`, discounts deducted: at least 0 for a sale, at least 1 for a refund.
    pub amount_minor: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// At most [`ORDER_ITEMS`] lines; they only apportion the total, which is at most their sum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
}

/// A conversion as JSON carries it: the payload member `data` of an envelope, and the larger part of a server's body.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Which kind.
    pub kind: Kind,
    /// The customer in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// The customer as a JWS that the merchant signed; in place of `customer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_customer: Option<String>,
    /// The order in plain words; of a refund, the refund itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// The order as a JWS that the merchant signed; in place of `order` and `customer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_order: Option<String>,
    /// The key of the sale that a refund belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<OrderKey>,
    /// Free text for the vendor, at most [`DATA_ENTRIES`] entries.
    #[serde(default, skip_serializing_if = "TextMap::is_empty")]
    pub data: TextMap,
}

/// What a body says that it must not, or lacks; names the field, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct Malformed {
    /// Path of the field, such as `order.items`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Whom a conversion is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerClaim {
    /// Said by the caller.
    Plain(Customer),
    /// A merchant's JWS, not verified.
    Signed(String),
    /// What a merchant's JWS says, signature verified, with the JWS itself ([`crate::merchant`]).
    Vouched(Customer, String),
}

/// What was bought or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderClaim {
    /// Said by the caller.
    Plain(Order),
    /// A merchant's JWS, not verified.
    Signed(String),
    /// What a merchant's JWS says, signature verified, with the JWS itself ([`crate::merchant`]).
    Vouched(Order, String),
}

/// What happened, with what that kind needs.
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
    /// Whom it is about; absent only where a signed order says so itself, or in a refund.
    pub customer: Option<CustomerClaim>,
    /// What happened.
    pub event: Event,
    /// Free text for the vendor.
    pub data: TextMap,
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
    /// Checks what types alone cannot.
    ///
    /// # Errors
    /// [`Malformed`], naming the first field that is missing, does not belong to the kind, or is out of its range.
    pub fn from_body(body: Body) -> Result<Self, Malformed> {
        let Body { kind, customer, signed_customer, order, signed_order, refund_of, data } = body;
        check_data(&data)?;
        let customer = customer_claim(customer, signed_customer)?;
        let order = order_claim(order, signed_order)?;
        let event = event(kind, order, refund_of)?;
        let says_so_itself = matches!(event, Event::Sale(OrderClaim::Signed(_)) | Event::Refund { .. });
        if customer.is_none() && !says_so_itself {
            return Err(Malformed { field: "customer", problem: "is missing" });
        }
        Ok(Self { customer, event, data })
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

    /// The customer in plain words, when the caller gave one or a verified JWS says so.
    pub fn plain_customer(&self) -> Option<&Customer> {
        match &self.customer {
            Some(CustomerClaim::Plain(customer) | CustomerClaim::Vouched(customer, _)) => Some(customer),
            Some(CustomerClaim::Signed(_)) | None => None,
        }
    }

    /// The key under which a vendor knows this conversion: the customer's for signup and lead, the order's own for sale
    /// and refund; `None` while only a signed claim holds it. Unique per site, program and kind.
    pub fn external_id(&self) -> Option<&str> {
        match &self.event {
            Event::Signup | Event::Lead => self.plain_customer().map(|customer| customer.key.as_str()),
            Event::Sale(_) | Event::Refund { .. } => self.plain_order().map(|order| order.key.as_str()),
        }
    }

    /// The order, or the refund, in plain words, when the caller gave one or a verified JWS says so.
    pub fn plain_order(&self) -> Option<&Order> {
        match &self.event {
            Event::Sale(OrderClaim::Plain(order) | OrderClaim::Vouched(order, _)) => Some(order),
            Event::Refund { refund, .. } => Some(refund),
            Event::Sale(OrderClaim::Signed(_)) | Event::Signup | Event::Lead => None,
        }
    }

    /// The canonical encoding: what "same content" compares, before hashing. A version line, then every member in a fixed
    /// order as tag byte, four bytes of length (big-endian), bytes; absent members leave nothing, integers are eight bytes
    /// big-endian, maps go in the order of their names. Signatures, times and tokens are not part of it. The vectors in
    /// `vectors/canonical.json` fix it to the byte.
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
        out.0
    }
}

impl Order {
    /// The total as money.
    pub fn money(&self) -> Money {
        Money { amount_minor: self.amount_minor, currency: self.currency }
    }

    fn check(&self, least: i64) -> Result<(), Malformed> {
        if self.amount_minor < least {
            let problem = if least == 0 { "must not be negative" } else { "must be positive" };
            return Err(Malformed { field: "order.amount_minor", problem });
        }
        if self.items.len() > ORDER_ITEMS {
            return Err(Malformed { field: "order.items", problem: "has more than 200 lines" });
        }
        self.items.iter().try_for_each(Item::check)?;
        let sum = self.items.iter().try_fold(0_i64, |sum, item| sum.checked_add(item.total()?));
        match sum {
            Some(_) if self.items.is_empty() => Ok(()),
            Some(sum) if self.amount_minor <= sum => Ok(()),
            Some(_) => Err(Malformed { field: "order.amount_minor", problem: "is above the sum of the lines" }),
            None => Err(Malformed { field: "order.items", problem: "sum to more than 64 bits hold" }),
        }
    }
}

impl Item {
    /// Unit price times quantity, where 64 bits hold it.
    pub fn total(&self) -> Option<i64> {
        self.unit_amount_minor.checked_mul(i64::from(self.quantity))
    }

    fn check(&self) -> Result<(), Malformed> {
        let named = |text: &String| (1..=255).contains(&text.chars().count());
        if !named(&self.sku) {
            return Err(Malformed { field: "order.items.sku", problem: "must have 1 to 255 characters" });
        }
        if self.category.as_ref().is_some_and(|category| !named(category)) {
            return Err(Malformed { field: "order.items.category", problem: "must have 1 to 255 characters" });
        }
        if self.unit_amount_minor < 0 {
            return Err(Malformed { field: "order.items.unit_amount_minor", problem: "must not be negative" });
        }
        if self.quantity == 0 {
            return Err(Malformed { field: "order.items.quantity", problem: "must be at least 1" });
        }
        Ok(())
    }
}

impl Customer {
    /// Checks address and name.
    ///
    /// # Errors
    /// [`Malformed`] when one of them is out of its range.
    pub fn check(&self) -> Result<(), Malformed> {
        let text = |t: &str, most: usize| !t.trim().is_empty() && at_most(t, most) && !t.chars().any(char::is_control);
        let address = |t: &str| {
            let halves = t.rsplit_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
            halves && !t.contains(char::is_whitespace) && text(t, EMAIL_CHARS)
        };
        if self.email.as_deref().is_some_and(|email| !address(email)) {
            return Err(Malformed {
                field: "customer.email",
                problem: "is no e-mail address of at most 254 characters",
            });
        }
        if self.name.as_deref().is_some_and(|name| !text(name, NAME_CHARS)) {
            return Err(Malformed {
                field: "customer.name",
                problem: "must have 1 to 200 characters without controls",
            });
        }
        Ok(())
    }
}

fn customer_claim(plain: Option<Customer>, signed: Option<String>) -> Result<Option<CustomerClaim>, Malformed> {
    match (plain, signed) {
        (Some(_), Some(_)) => Err(Malformed { field: "signed_customer", problem: "excludes `customer`" }),
        (Some(customer), None) => customer.check().map(|()| Some(CustomerClaim::Plain(customer))),
        (None, signed) => Ok(signed.map(CustomerClaim::Signed)),
    }
}

fn order_claim(plain: Option<Order>, signed: Option<String>) -> Result<Option<OrderClaim>, Malformed> {
    match (plain, signed) {
        (Some(_), Some(_)) => Err(Malformed { field: "signed_order", problem: "excludes `order`" }),
        (Some(order), None) => Ok(Some(OrderClaim::Plain(order))),
        (None, signed) => Ok(signed.map(OrderClaim::Signed)),
    }
}

fn event(kind: Kind, order: Option<OrderClaim>, refund_of: Option<OrderKey>) -> Result<Event, Malformed> {
    let foreign = |field| Err(Malformed { field, problem: "does not belong to this kind" });
    let missing = |field| Err(Malformed { field, problem: "is missing" });
    match (kind, order, refund_of) {
        (Kind::Signup, None, None) => Ok(Event::Signup),
        (Kind::Lead, None, None) => Ok(Event::Lead),
        (Kind::Signup | Kind::Lead, Some(_), _) => foreign("order"),
        (Kind::Signup | Kind::Lead | Kind::Sale, _, Some(_)) => foreign("refund_of"),
        (Kind::Sale, Some(OrderClaim::Plain(order)), None) => {
            order.check(0).map(|()| Event::Sale(OrderClaim::Plain(order)))
        }
        (Kind::Sale, Some(signed), None) => Ok(Event::Sale(signed)),
        (Kind::Sale | Kind::Refund, None, _) => missing("order"),
        (Kind::Refund, Some(OrderClaim::Signed(_) | OrderClaim::Vouched(..)), _) => foreign("signed_order"),
        (Kind::Refund, Some(_), None) => missing("refund_of"),
        (Kind::Refund, Some(OrderClaim::Plain(refund)), Some(sale)) => {
            refund.check(1).map(|()| Event::Refund { refund, sale })
        }
    }
}

/// Checks free text for a vendor.
///
/// # Errors
/// [`Malformed`] when there are too many entries, or a name or value is out of its range.
pub fn check_data(data: &TextMap) -> Result<(), Malformed> {
    let fits = |text: &str, most: usize| at_most(text, most) && !text.chars().any(char::is_control);
    if data.len() > DATA_ENTRIES {
        return Err(Malformed { field: "data", problem: "has more than 25 entries" });
    }
    if data.names().any(|name| name.is_empty() || !fits(name, DATA_NAME_CHARS)) {
        return Err(Malformed { field: "data", problem: "has a name that is empty or over 64 characters" });
    }
    if data.values().any(|value| !fits(value, DATA_VALUE_CHARS)) {
        return Err(Malformed { field: "data", problem: "has a value over 500 characters or with controls" });
    }
    Ok(())
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

impl core::fmt::Debug for Customer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Customer").field("key", &self.key).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Body {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Body").field("kind", &self.kind).field("customer", &self.customer).finish_non_exhaustive()
    }
}
