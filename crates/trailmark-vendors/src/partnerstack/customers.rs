//! Customers of the vendor API: creates one if no click is known, and reads one back under our key, which confirms every
//! signup. The ledger stores the vendor's own `cus_...` key as the reference.
//!
//! Source: <https://docs.partnerstack.com/reference/customers>; vendors.md § 1.2.

use serde_json::{Map, Value};
use trailmark_wire::conversion::Customer;
use trailmark_wire::ids::PartnerKey;
use trailmark_wire::time::UnixMillis;

use super::answers::{self, text};
use super::conversion::{insert_free, insert_stated};
use super::{fit, post, shown};
use crate::Dialect;
use crate::exchange::{Answer, Request};
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::{Root, segment};
use crate::secret::Secret;
use crate::task::{Note, Rejection, Task};

/// A customer that the vendor created this long before the signup was not created by it; a shorter time may be a difference
/// of clocks.
const CLOCKS_DIFFER_MS: i64 = 10 * 60 * 1000;

/// The partner who should be credited with a signup, as far as we know.
pub(super) enum Credited<'a> {
    /// The vendor finds the partner by the click, whatever key the link had.
    ByClick {
        /// The partner that the link named.
        partner: Option<&'a PartnerKey>,
        /// When the customer signed up.
        at: UnixMillis,
    },
    /// The call named the partner.
    Named(&'a PartnerKey),
}

/// Whether a URL can name the customer. A customer that cannot be read back is not sent.
fn can_be_read_back(customer: &Customer) -> bool {
    segment(customer.key.as_str()).is_some()
}

/// The path of the customer under our key.
pub(super) fn path(customer: &Customer) -> Option<String> {
    segment(customer.key.as_str()).map(|key| format!("/api/v2/customers/{key}"))
}

/// The customer of a task; the vendor knows it by our key.
pub(super) fn named(task: &Task) -> Result<&Customer, Rejection> {
    let customer = task.customer.as_ref().ok_or_else(|| Rejection {
        reason: "missing `customer.key`: PartnerStack knows a customer by it; send the customer with every conversion"
            .into(),
    })?;
    match can_be_read_back(customer) {
        true => Ok(customer),
        false => Err(Rejection {
            reason: "`customer.key` is `.` or `..`: no URL can name such a customer; use another key".into(),
        }),
    }
}

/// `POST /v2/customers`, which needs an e-mail address and a partner, since it cannot find them by a click.
pub(super) fn create(
    api: &Root,
    basic: &Secret,
    dialect: Dialect,
    customer: &Customer,
    task: &Task,
    notes: &mut Vec<Note>,
) -> Result<Request, Rejection> {
    let (email, partner) = (email(customer)?, partner(task, dialect)?);
    let mut body = Map::new();
    body.insert("customer_key".into(), customer.key.as_str().into());
    body.insert("email".into(), email.into());
    body.insert("partner_key".into(), partner.as_str().into());
    insert_stated(&mut body, "name", fit::name(customer, notes));
    match dialect {
        Dialect::Current => insert_free(&mut body, "meta", &task.data),
        Dialect::Guide => insert_free(&mut body, "metadata", &task.data),
    }
    Ok(post(api.url("/api/v2/customers"), basic, &Value::Object(body), "POST /v2/customers"))
}

fn email(customer: &Customer) -> Result<&str, Rejection> {
    let email = customer.email.as_deref().filter(|email| !email.trim().is_empty()).ok_or_else(|| Rejection {
        reason: "missing `customer.email`: PartnerStack needs it where the signup cannot be tied to a click; \
                 send it with the signup"
            .into(),
    })?;
    match fit::EMAIL_CHARS.contains(&email.chars().count()) {
        true => Ok(email),
        false => Err(Rejection { reason: "`customer.email` must have 4 to 255 characters at PartnerStack".into() }),
    }
}

fn partner(task: &Task, dialect: Dialect) -> Result<&PartnerKey, Rejection> {
    let reason = match (task.click_id.as_ref(), dialect) {
        (_, Dialect::Guide) => {
            "missing the touch's partner: the guide ties a customer to a partner by the partner's key alone; use links \
                 that carry `ps_partner_key`"
        }
        // With a click id, this happens only without a token.
        (Some(_), Dialect::Current) => {
            "missing `tracking_token`: PartnerStack ties a click id to a signup by it alone, and the touch names no \
                    partner; add it to the program"
        }
        (None, Dialect::Current) => {
            "missing the touch's partner: PartnerStack needs a partner key where no click id is known; use links that \
                 carry `ps_xid` or `ps_partner_key`"
        }
    };
    task.partner.as_ref().ok_or_else(|| Rejection { reason: reason.into() })
}

/// The outcome that the answer to [`create`] proves. If the vendor shows other data than we sent, the customer is read
/// back, which finds the conflict.
pub(super) fn read_created(
    customer: &Customer,
    task: &Task,
    dialect: Dialect,
    answer: &Answer,
    redaction: &Redaction<'_>,
) -> Outcome {
    if let Some(failure) = answers::failure(answer, "base_url", redaction) {
        return failure;
    }
    let credited = task.partner.as_ref().map(Credited::Named);
    match answers::data(answer) {
        Some(data) if compared(customer, credited.as_ref(), dialect, &data, redaction).is_none() => {
            created(customer, dialect, &data)
        }
        Some(_differing) => Outcome::Unverified { reference: None },
        None if answers::is_acknowledged(answer) => Outcome::Unverified { reference: None },
        None => answers::unproved(answer, "a customer"),
    }
}

/// A customer under another key is not ours, and one without the vendor's own key was not created: both are read back. In
/// the guide the vendor's only key is ours.
fn created(customer: &Customer, dialect: Dialect, data: &Value) -> Outcome {
    let is_ours = our_key(data, dialect) == Some(customer.key.as_str());
    match dialect {
        Dialect::Guide if is_ours => Outcome::Recorded { reference: None },
        Dialect::Current if is_ours && text(data, "key").is_some() => {
            Outcome::Recorded { reference: reference(data, dialect) }
        }
        Dialect::Current | Dialect::Guide => Outcome::Unverified { reference: None },
    }
}

/// What the answer to a look-up says: the customer is ours if key, e-mail address and partner are as sent. Names are not
/// compared, since people and the vendor's staff correct them.
pub(super) fn read_back(
    customer: Option<&Customer>,
    credited: Option<&Credited<'_>>,
    dialect: Dialect,
    answer: &Answer,
    redaction: &Redaction<'_>,
) -> LookUp {
    match answers::failure(answer, "base_url", redaction) {
        Some(_) if answers::says_no_such_thing(answer) => return LookUp::Absent,
        Some(failure) => return answers::not_looked_up(answer, failure),
        None => {}
    }
    let Some(data) = answers::data(answer) else { return answers::unclear(answer, "no customer in the body") };
    match customer.filter(|_| our_key(&data, dialect).is_some()) {
        None => answers::unclear(answer, "a customer without `customer_key`"),
        Some(customer) => match compared(customer, credited, dialect, &data, redaction) {
            None => LookUp::Found { reference: reference(&data, dialect) },
            Some(message) => LookUp::Differs { message },
        },
    }
}

/// The fields in which the vendor's customer differs from ours, and the partner that it credits; `None` if the customer is
/// ours.
fn compared(
    customer: &Customer,
    credited: Option<&Credited<'_>>,
    dialect: Dialect,
    data: &Value,
    redaction: &Redaction<'_>,
) -> Option<String> {
    let sent = customer.email.as_deref().filter(|sent| !sent.trim().is_empty());
    let email = text(data, "email").zip(sent).is_some_and(|(shown, sent)| !is_same(shown, sent));
    let fields = [
        ("`customer_key`", our_key(data, dialect).is_some_and(|key| key != customer.key.as_str())),
        ("`email`", email),
        ("`partner_key`", credited.is_some_and(|credited| credited.is_anothers(data))),
    ];
    let differing: Vec<_> = fields.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect();
    let since = created_at(data).map(|at| format!("has had this customer since {at} and ")).unwrap_or_default();
    let whom = match (text(data, "partner_key"), data.get("partner_key")) {
        (Some(partner), _) => format!("; the vendor {since}credits partner `{}`", redaction.apply(partner)),
        (None, Some(Value::Null)) => format!("; the vendor {since}credits nobody"),
        (None, _) => String::new(),
    };
    (!differing.is_empty())
        .then(|| format!("the vendor's customer under our key differs in {}{whom}", differing.join(", ")))
}

fn is_same(shown: &str, sent: &str) -> bool {
    shown.to_lowercase() == sent.trim().to_lowercase()
}

fn created_at(data: &Value) -> Option<UnixMillis> {
    shown::instant(data, "created_at")
}

impl Credited<'_> {
    /// Whether the vendor credits another partner. For a click, the customer's age decides, if it is shown: an older
    /// customer was created by something else; a younger one was created by this click, even if the partner's key was
    /// changed since.
    fn is_anothers(&self, data: &Value) -> bool {
        let shown = text(data, "partner_key");
        match self {
            Self::Named(partner) => shown.is_some_and(|shown| !is_same(shown, partner.as_str())),
            Self::ByClick { partner, at } => {
                let is_known_same = shown.zip(*partner).is_some_and(|(shown, ours)| is_same(shown, ours.as_str()));
                let is_known_other = shown.zip(*partner).is_some_and(|(shown, ours)| !is_same(shown, ours.as_str()));
                match created_at(data) {
                    Some(created) => created < at.plus(-CLOCKS_DIFFER_MS) && !is_known_same,
                    None => is_known_other,
                }
            }
        }
    }
}

/// What a look-up says before anything was sent: the customer comes from another signup, so it is ours only if the vendor
/// shows the same partner. If a partner is unknown on either side, it cannot be decided, and counts as different.
pub(super) fn credited_as(partner: Option<&PartnerKey>, found: LookUp, answer: &Answer) -> LookUp {
    let LookUp::Found { .. } = &found else { return found };
    let shown = answers::data(answer).and_then(|data| text(&data, "partner_key").map(str::to_lowercase));
    match (shown, partner.map(|partner| partner.as_str().to_lowercase())) {
        (Some(shown), Some(ours)) if shown == ours => found,
        _ => LookUp::Differs { message: "the vendor has this customer by an earlier signup: `partner_key`".into() },
    }
}

/// Our key, as the vendor returns it: `customer_key` today, `external_key` in older copies of its documents, `key` in the
/// guide.
pub(super) fn our_key(data: &Value, dialect: Dialect) -> Option<&str> {
    let other = match dialect {
        Dialect::Current => "external_key",
        Dialect::Guide => "key",
    };
    text(data, "customer_key").or_else(|| text(data, other))
}

/// Our key of the customer on a thing that belongs to one: inside its `customer`, or beside it under the name in which it
/// was sent.
pub(super) fn our_key_on(item: &Value) -> Option<&str> {
    let within = item.get("customer").and_then(|customer| text(customer, "external_key"));
    within.or_else(|| text(item, "customer_external_key"))
}

/// The vendor's own key, if it shows one besides ours.
pub(super) fn reference(data: &Value, dialect: Dialect) -> Option<String> {
    let is_own = |key: &&str| dialect == Dialect::Current || Some(*key) != our_key(data, dialect);
    text(data, "key").filter(is_own).map(str::to_owned)
}
