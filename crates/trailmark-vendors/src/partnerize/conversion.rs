//! The conversion call on the tracking host: signup, lead and sale as one path of `key:value` segments and one bracket group
//! per basket line. The path has no credential, and `/ : [ ]` are its grammar, perhaps even percent-encoded (a template of
//! the vendor encodes the brackets and works). So these characters, and `%`, never occur in a value: they are replaced with a
//! note, or the conversion is refused where a replacement would change whom it credits.
//!
//! The answer is the conversion's id as plain text, or empty if the vendor recorded nothing. No document shows an error, so
//! every other answer is unknown and leads to a look-up (`report`). POST and not GET, since nothing on the way repeats a POST.
//!
//! `conversionref` is the order's key, and for signup and lead the ledger's id of the conversion: without it the vendor makes
//! a random one, and nothing could be found again. The e-mail address and the name of the customer are never sent.
//!
//! Source: vendors.md § 2.2; vendors-2.md § 1.1.

use std::fmt::Write as _;

use trailmark_wire::conversion::Kind;
use trailmark_wire::money::Money;

use super::answers::{noun, said};
use super::lines::{self, Line};
use crate::exchange::{Answer, Method, Request};
use crate::outcome::Outcome;
use crate::retry_after::{rate_limit, retry_after};
use crate::root::{Root, encoded};
use crate::task::{Note, Rejection, Task};

pub(super) const LABEL: &str = "POST prf.hn/conversion";

/// The characters of the path's grammar, and the one that could spell them.
const GRAMMAR: [char; 5] = ['/', ':', '[', ']', '%'];

/// Characters of a reference (the vendor's limit in `conversions/bulk`).
const REFERENCE_CHARS: usize = 256;
/// Characters of `category`, likewise.
const CATEGORY_CHARS: usize = 128;
/// Characters of a path. No document states a limit; this many pass through every web server.
const PATH_CHARS: usize = 6000;

/// The keys that are written here, or that change what the call means.
const RESERVED: [&str; 17] = [
    "advertiser_reference",
    "campaign",
    "category",
    "clickref",
    "conversion_time",
    "conversionref",
    "currency",
    "customer_reference",
    "custref",
    "publisher_reference",
    "quantity",
    "sku",
    "tmethod",
    "tmetric",
    "tplatform",
    "tracking_mode",
    "value",
];

const NO_ADDRESS: &str = "left out: an e-mail address does not belong in a URL";

const SPELLED: &str = "sent with `_` and a hexadecimal code for each character that Partnerize does not take";

/// The request of a signup, lead or sale.
///
/// # Errors
/// [`Rejection`] without a click id or voucher, for a click id that cannot be a `clickref`, a sale without an order, and for
/// what is too long.
pub(super) fn request(
    tracking: &Root,
    campaign: &str,
    task: &Task,
    notes: &mut Vec<Note>,
) -> Result<Request, Rejection> {
    let mut path = format!("/conversion/tracking_mode:api/campaign:{}", encoded(campaign));
    let mut add = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(path, "/{name}:{}", encoded(value));
    };
    let voucher = task.data.get("voucher").is_some_and(|voucher| !voucher.trim().is_empty() && is_code(voucher));
    match &task.click_id {
        Some(click_id) if click_id.as_str().contains(GRAMMAR) => {
            return Err(rejection(
                "the touch's click id has one of `/ : [ ] %`, so it is not a `clickref` of Partnerize",
            ));
        }
        Some(click_id) => add("clickref", click_id.as_str()),
        None if voucher => {}
        None => {
            return Err(rejection(
                "missing click id: Partnerize credits a partner by `clickref` or by a code in `data.voucher`; switch \
                 on \"append clickref\" for the campaign",
            ));
        }
    }
    let reference =
        reference(task).ok_or_else(|| rejection("missing `order`: Partnerize needs key, amount and currency"))?;
    if reference.chars().count() > REFERENCE_CHARS {
        return Err(rejection(
            "`order.key` is longer than the 256 characters that Partnerize takes; use ASCII letters",
        ));
    }
    if task.kind == Kind::Sale && task.order.as_ref().is_some_and(|order| order.key.as_str() != reference) {
        note("order.key", SPELLED, notes);
    }
    add("conversionref", &reference);
    if let Some(order) = task.order.as_ref().filter(|_| task.kind == Kind::Sale) {
        add("currency", order.currency.as_str());
    }
    match (customer_reference(task), &task.customer) {
        (Some(sent), Some(customer)) => {
            add("custref", &sent);
            if sent != customer.key.as_str() {
                note("customer.key", SPELLED, notes);
            }
        }
        (None, Some(_)) => note("customer.key", NO_ADDRESS, notes),
        (_, None) => {}
    }
    add("conversion_time", &time(task));
    for (name, value) in free(task, notes) {
        add(&name, &value);
    }
    path.push('/');
    let groups = groups(task, path.len(), notes)?;
    path.push_str(&groups);
    Ok(Request {
        method: Method::Post,
        url: tracking.url(&path),
        headers: Vec::new(),
        body: Some(Vec::new()),
        label: LABEL,
    })
}

/// The reference under which the vendor knows the conversion, or, for a refund, its sale.
pub(super) fn reference(task: &Task) -> Option<String> {
    match task.kind {
        Kind::Signup | Kind::Lead => Some(task.conversion.as_str().to_owned()),
        Kind::Sale => task.order.as_ref().map(|order| spelled(order.key.as_str())),
        Kind::Refund => task.refund_of.as_ref().map(|key| spelled(key.as_str())),
    }
}

/// The customer's key as it is sent; `None` if it is, or contains, an e-mail address.
pub(super) fn customer_reference(task: &Task) -> Option<String> {
    let key = task.customer.as_ref()?.key.as_str();
    (!key.contains('@')).then(|| spelled(key))
}

/// A reference in the characters that the vendor's bulk calls take, less the colon. Two references stay two: each other
/// character becomes `_` and the hexadecimal code of its bytes, and so does a `_` that would read as the first character of
/// such a code.
pub(super) fn spelled(reference: &str) -> String {
    let mut out = String::with_capacity(reference.len());
    for (at, character) in reference.char_indices() {
        let rest = reference.get(at..).unwrap_or_default();
        if is_plain(character) && !reads_as_a_code(rest) {
            out.push(character);
        } else {
            for byte in character.to_string().bytes() {
                let _ = write!(out, "_{byte:02X}");
            }
        }
    }
    out
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || " -_.,;#".contains(character)
}

/// Whether a text begins like a code that [`spelled`] writes: `_2F` does. `_10` does not, since no key has a control.
fn reads_as_a_code(text: &str) -> bool {
    let digits = text.strip_prefix('_').and_then(|rest| rest.get(..2));
    let digits = digits.filter(|digits| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')));
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.is_some_and(|byte| byte == b'_' || (byte > b' ' && !is_plain(char::from(byte))))
}

/// `2026-11-21 08:00:00`, in UTC.
fn time(task: &Task) -> String {
    task.occurred_at.to_rfc3339().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// Whether a voucher's code can be sent as it is; another one credits nobody.
fn is_code(voucher: &str) -> bool {
    !voucher.contains(GRAMMAR) && !voucher.contains('@')
}

/// The entries of `data` as further segments; the vendor keeps unknown ones as meta data.
fn free(task: &Task, notes: &mut Vec<Note>) -> Vec<(String, String)> {
    let mut free = Vec::new();
    for (name, value) in task.data.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let field = format!("data.{name}");
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let why_not = match name {
            _ if !is_plain => "left out: Partnerize takes names of A-Z, a-z, 0-9, _ and -",
            _ if RESERVED.iter().any(|key| key.eq_ignore_ascii_case(name)) => {
                "left out: Partnerize gives this name a meaning of its own"
            }
            "country" if !(value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase())) => {
                "left out: Partnerize takes two capital letters (ISO 3166-1)"
            }
            "customertype" if !matches!(value, "new" | "existing") => "left out: Partnerize takes `new` or `existing`",
            _ if value.contains('@') => NO_ADDRESS,
            "voucher" if !is_code(value) => "left out: Partnerize's path cannot hold `/ : [ ] %`",
            _ => "",
        };
        if why_not.is_empty() {
            free.push((name.to_owned(), replaced(value, &field, notes)));
        } else {
            note(&field, why_not, notes);
        }
    }
    free
}

/// The bracket groups, from `[` on, after a path of so many characters.
fn groups(task: &Task, before: usize, notes: &mut Vec<Note>) -> Result<String, Rejection> {
    let Some(order) = task.order.as_ref().filter(|_| task.kind == Kind::Sale) else {
        return Ok(format!("[category:{}/quantity:1]", task.kind.as_str()));
    };
    let lines = lines::lines(order);
    let mut noted = Vec::new();
    let written = |lines: &[Line<'_>], notes: &mut Vec<Note>| {
        let mut text = String::new();
        for line in lines {
            let money = Money { amount_minor: line.unit_minor, currency: order.currency };
            let category = line.category.unwrap_or(task.kind.as_str());
            let category = cut(&replaced(category, "order.items.category", notes), CATEGORY_CHARS, notes);
            let _ = write!(text, "[category:{}", encoded(&category));
            if let Some(sku) = line.sku {
                let _ = write!(text, "/sku:{}", encoded(&replaced(sku, "order.items.sku", notes)));
            }
            let _ = write!(text, "/value:{}/quantity:{}]", money.to_decimal(), line.quantity);
        }
        text
    };
    let whole = written(&lines, &mut noted);
    if before + whole.len() <= PATH_CHARS {
        notes.append(&mut noted);
        return Ok(whole);
    }
    let merged = written(&lines::merged(&lines), notes);
    if before + merged.len() > PATH_CHARS {
        return Err(rejection("`order.items` and `data` are too long for one URL; report fewer lines or categories"));
    }
    note("order.items", "sent as one line per category, since all lines are too long for one URL", notes);
    Ok(merged)
}

/// The text as it is sent, and as the report shows it: `-` for each character of the path's grammar, and for each control.
pub(super) fn fitted(text: &str) -> String {
    text.chars().map(|c| if GRAMMAR.contains(&c) || c.is_control() { '-' } else { c }).collect()
}

/// The same, with a note if it is another text.
fn replaced(text: &str, field: &str, notes: &mut Vec<Note>) -> String {
    let fitted = fitted(text);
    if fitted != text {
        note(field, "sent with `-` for each of `/ : [ ] %`, which Partnerize's path cannot hold", notes);
    }
    fitted
}

fn cut(category: &str, most: usize, notes: &mut Vec<Note>) -> String {
    if category.chars().count() > most {
        note("order.items.category", &format!("cut to {most} characters, the most that Partnerize takes"), notes);
    }
    category.chars().take(most).collect()
}

/// Adds a note, once.
fn note(field: &str, reason: &str, notes: &mut Vec<Note>) {
    let note = Note { field: field.to_owned(), reason: reason.to_owned() };
    if !notes.contains(&note) {
        notes.push(note);
    }
}

/// What the answer of the tracking host proves.
pub(super) fn read(answer: &Answer) -> Outcome {
    let body = std::str::from_utf8(&answer.body).map(str::trim);
    let unknown = |what: &str| Outcome::Unknown { message: said(answer.status, what) };
    match (answer.status, body) {
        (200..=299, Ok("")) => Outcome::Ignored {
            message: said(
                answer.status,
                "no conversion id, so the vendor recorded nothing: it does not know the `clickref`, has the reference \
                 already, or the campaign does not take this conversion",
            ),
        },
        (200..=299, Ok(id)) if is_minted(id) => Outcome::Recorded { reference: Some(id.to_owned()) },
        (200..=299, _) => unknown(&format!("{} instead of a conversion id", noun(answer))),
        (429, _) => Outcome::Throttled { until: rate_limit(answer) },
        (503, _) if retry_after(answer).is_some() => Outcome::Throttled { until: retry_after(answer) },
        // The request was not read: RFC 9110 § 15.5, RFC 8470.
        (407 | 408 | 421 | 425, _) => {
            Outcome::Retry { message: said(answer.status, noun(answer)), not_before: retry_after(answer) }
        }
        _ => unknown(&format!("{}; check `tracking_url` if it stays so", noun(answer))),
    }
}

/// Whether a text has the form of every id in the vendor's documents: digits, `l`, then letters or digits, such as `1011l5204`.
/// Another text, such as `ok200` or `Error404`, is the word of something before the vendor.
fn is_minted(text: &str) -> bool {
    let parts = text.split_once('l').filter(|(front, back)| !front.is_empty() && !back.is_empty());
    is_id(text) && parts.is_some_and(|(front, _)| front.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text can be an id: letters and digits, one digit or more. The report shows some ids as numbers.
pub(super) fn is_id(text: &str) -> bool {
    let is_short = (1..=64).contains(&text.len());
    is_short && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && text.bytes().any(|byte| byte.is_ascii_digit())
}

pub(super) fn rejection(reason: &str) -> Rejection {
    Rejection { reason: reason.to_owned() }
}
