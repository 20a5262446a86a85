//! Affiliate conversions: the use of a click token. The vendor maps a conversion onto the form of the token's campaign and
//! pays the partner by the campaign's rules. A token converts once, ever, and the answer says what became of it: `recorded`,
//! `duplicate`, or `ignored`, which is a success by its status and credits nobody. This file decides whether a task may use
//! its token, builds the request and reads the answer.
//!
//! `duplicate` says that the token was converted, not who did it: the vendor's own script on the page may have done it. So it
//! counts as ours only if an earlier send of the same delivery may have arrived, and no other conversion of the touch was sent.
//!
//! The vendor checks an address by a pattern that no document shows; an unusual one is left out, since the address is
//! optional. `data` goes into `properties`: a name that is the id of a form field fills that field, others are kept beside.
//!
//! Sources: <https://developers.introw.io>, record-an-affiliate-conversion; vendors.md § 3.2, vendors-2.md § 2.

use serde_json::{Map, Value};
use trailmark_wire::conversion::Kind;
use trailmark_wire::ids::ClickId;
use trailmark_wire::text_map::TextMap;

use super::Wanted;
use super::answers::{self, text};
use crate::exchange::Answer;
use crate::outcome::Outcome;
use crate::redaction::Redaction;
use crate::task::{Note, Plan, Rejection, Task};

pub(super) const PATH: &str = "/affiliate/conversions";
pub(super) const LABEL: &str = "POST /api/v1/affiliate/conversions";
pub(super) const SCOPE: &str = "affiliate:write";

/// Whether the token of a task's touch may be used for it. Where the program pays for sales, a sale that comes too late
/// for the token lacks its partner, and somebody has to enter its line; elsewhere nobody misses it.
pub(super) fn wanted(task: &Task, pays_sales: bool) -> Result<Wanted<'_>, Rejection> {
    match (&task.click_id, task.kind) {
        (Some(click_id), _) if !is_used(task) => Ok(Wanted::Conversion(click_id)),
        (Some(_), Kind::Sale) if !pays_sales => Ok(Wanted::Nothing(Plan::Unsupported {
            why: "an earlier conversion has used the touch's click token, and Introw converts a token once, ever; for \
                  the money of sales, set `commission_percent` of the program, and let each partner's link name the \
                  partner in a parameter that `params` lists",
        })),
        (Some(_), Kind::Sale) => Err(Rejection {
            reason: "missing `partner`: an earlier conversion has used the touch's click token, and a commission line \
                     needs Introw's id of the partner, which `irw_id` does not contain; let the address to which the \
                     partner's link leads carry it in a parameter that `params` of the program lists, or enter the \
                     line by `commissions add`"
                .into(),
        }),
        (None, Kind::Sale) => Err(Rejection {
            reason: "missing `partner`: the touch has neither Introw's click token nor its id of a partner; enter a \
                     commission line by `commissions add`"
                .into(),
        }),
        (Some(_), _) => Ok(Wanted::Nothing(Plan::Unsupported {
            why: "an earlier conversion has used the touch's click token, and Introw converts a token once, ever",
        })),
        (None, _) => Ok(Wanted::Nothing(Plan::Unsupported {
            why: "Introw takes a signup or lead only with its click token `irw_id`, and the touch has none",
        })),
    }
}

/// Whether another conversion of the touch has used the token, or may have. A sale has not if the touch names a partner.
fn is_used(task: &Task) -> bool {
    task.touch_used_by.as_ref().is_some_and(|earlier| match earlier.kind {
        Kind::Signup | Kind::Lead => true,
        Kind::Sale => task.partner.is_none(),
        Kind::Refund => false,
    })
}

/// The body of the request.
pub(super) fn body(task: &Task, click_id: &ClickId, notes: &mut Vec<Note>) -> Value {
    let mut left_out =
        |field: &str, why: &str| notes.push(Note { field: field.to_owned(), reason: format!("left out: {why}") });
    let mut body = Map::new();
    body.insert("clickId".into(), click_id.as_str().into());
    let customer = task.customer.as_ref();
    match customer.and_then(|customer| customer.email.as_deref()) {
        Some(email) if is_plain(email) => drop(body.insert("email".into(), email.into())),
        Some(_) => left_out("customer.email", "Introw takes plain addresses alone, such as ada@example.com"),
        None => {}
    }
    if customer.is_some_and(|customer| customer.name.is_some()) {
        left_out("customer.name", "a conversion has no field for it; `data` can fill a field of the campaign's form");
    }
    if task.order.is_some() {
        left_out("order", "a conversion has no money; a touch that names its partner makes a sale a commission line");
    }
    let properties = properties(&task.data);
    if !properties.is_empty() {
        body.insert("properties".into(), Value::Object(properties));
    }
    Value::Object(body)
}

/// `data` without blank values.
pub(super) fn properties(data: &TextMap) -> Map<String, Value> {
    let stated = data.iter().filter(|(_, value)| !value.trim().is_empty());
    stated.map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// An address of ASCII letters, digits and `_'+-.`, at a host with a dot.
fn is_plain(email: &str) -> bool {
    let Some((local, host)) = email.rsplit_once('@') else { return false };
    let fits = |text: &str, others: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b));
    let dotted = |text: &str| text.split('.').all(|part| !part.is_empty());
    let labels = host.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-'));
    let top =
        host.rsplit_once('.').is_some_and(|(_, top)| top.len() > 1 && top.bytes().all(|b| b.is_ascii_alphabetic()));
    fits(local, b"_'+-.")
        && dotted(local)
        && !local.ends_with('\'')
        && fits(host, b"-.")
        && dotted(host)
        && labels
        && top
}

/// What the vendor did with a token.
pub(super) enum Word {
    Recorded { id: String },
    Duplicate { id: Option<String> },
    Ignored,
}

/// The vendor's word in a success; `None` if the answer is not the vendor's, or proves nothing.
pub(super) fn word(answer: &Answer) -> Option<Word> {
    let body = answers::object(answer)?;
    let id = text(&body, "conversionId").map(str::to_owned);
    match text(&body, "status")? {
        "recorded" => id.map(|id| Word::Recorded { id }),
        "duplicate" => Some(Word::Duplicate { id }),
        "ignored" if id.is_none() => Some(Word::Ignored),
        _ => None,
    }
}

pub(super) const IGNORED: &str = "the vendor ignored it: the click token is unknown, invalid or expired, or belongs to \
                                  another campaign";

/// The outcome that the answer proves.
pub(super) fn read(task: &Task, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
    if let Some(failure) = answers::failure(answer, SCOPE, redaction) {
        return failure;
    }
    let is_ours = task.may_have_acted && task.touch_used_by.is_none();
    match word(answer) {
        Some(Word::Recorded { id }) => Outcome::Recorded { reference: Some(id) },
        Some(Word::Duplicate { id }) if is_ours => Outcome::Recorded { reference: id },
        Some(Word::Duplicate { .. }) => Outcome::Conflict {
            message: answers::said(
                answer,
                "the click token was converted before, and not by this delivery: by the vendor's own script on the \
                 page, by hand, or for another customer",
            ),
        },
        Some(Word::Ignored) => Outcome::Ignored { message: answers::said(answer, IGNORED) },
        None => answers::unproved(answer, "`recorded`, `duplicate` or `ignored`"),
    }
}
