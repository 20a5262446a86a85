//! Commission lines: what a partner earns by a sale, or loses by a refund. Introw keeps no orders, so a line is our share of
//! the order, exact in the currency's minor units, or the sale is refused: nothing is ever rounded. The order's own total is
//! `sourceAmount`. A refund takes the share that its sale's line has, which is read first: the percentage may have changed
//! since. If that line is void, there is nothing to take back, and its amount may be 0: a line that was added before is found by
//! its description alone. This file builds lines, reads the answers, finds a line again, and says what became of it.
//!
//! A line is created under an `idempotencyKey`, made of site, program, kind and the order's key: several sites may have one
//! account. A repeat is answered by the first line, unchanged, so every answer is compared. One source alone has that key and no
//! answer shows it, so nothing is sent again before a search by `description`, which names the order with site and program.
//!
//! A line is paid with its payout, so while it is `PENDING` its payout's stage decides. Other words of a line's status are
//! not in our documents; those with a plain meaning count, and any other is `unknown` and shown to the operator.
//!
//! Source: vendors-2.md § 2 (IW26; the idempotency key from `IWdump` alone).

use serde_json::{Value, json};
use trailmark_wire::conversion::{Kind, Order};
use trailmark_wire::ids::PartnerKey;
use trailmark_wire::money::{Currency, Money};

use super::Wanted;
use super::answers::{self, text};
use crate::commission::{Commission, Standing};
use crate::exchange::Answer;
use crate::outcome::{LookUp, Outcome};
use crate::redaction::Redaction;
use crate::root::{encoded, segment};
use crate::task::{Note, Plan, Rejection, Task};

pub(super) const PATH: &str = "/commission-lines";
pub(super) const ADD: &str = "POST /api/v1/commission-lines";
pub(super) const LIST: &str = "GET /api/v1/commission-lines";
pub(super) const GET: &str = "GET /api/v1/commission-lines/{id}";
pub(super) const GET_PAYOUT: &str = "GET /api/v1/payouts/{id}";
pub(super) const READ: &str = "commissions:read";
pub(super) const WRITE: &str = "commissions:write";

/// Items on a page: the vendor's most.
pub(super) const PAGE: i64 = 100;

/// Digits after the point of a percentage.
const DECIMALS: usize = 6;

/// A share of an amount, as an exact fraction above 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    numerator: i64,
    denominator: i64,
}

impl Share {
    /// The share of a percentage such as `12.5`.
    pub(super) fn of_percent(text: &str) -> Result<Self, &'static str> {
        const PROBLEM: &str = "must be a percentage above 0 and at most 100, such as 12.5, with at most 6 decimals";
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS || whole.len() > 3 {
            return Err(PROBLEM);
        }
        let numerator = format!("{whole}{fraction:0<DECIMALS$}").parse().map_err(|_overflow| PROBLEM)?;
        let denominator = 100 * 10_i64.pow(6);
        if numerator == 0 || numerator > denominator { Err(PROBLEM) } else { Ok(Self { numerator, denominator }) }
    }

    /// The share of an amount in minor units; `None` if it is not a whole number of them.
    fn of(self, amount_minor: i64) -> Option<i64> {
        let (product, denominator) =
            (i128::from(amount_minor) * i128::from(self.numerator), i128::from(self.denominator));
        (product % denominator == 0).then(|| i64::try_from(product / denominator).ok()).flatten()
    }
}

/// A line without its amount.
#[derive(Debug, Clone)]
struct Draft {
    partner: String,
    source: Money,
    description: String,
    key: String,
}

/// One line that must exist.
#[derive(Debug, Clone)]
pub(super) struct Line {
    draft: Draft,
    pay: Money,
}

/// A line that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Sought {
    draft: Draft,
    /// Unknown for a refund whose sale's line is void: its amount may be 0 now.
    pay: Option<Money>,
}

/// The line of a refund, before its sale's line was read.
#[derive(Debug, Clone)]
pub(super) struct Back {
    /// Where the sale's line is read.
    pub(super) path: String,
    /// Minor units of the sale.
    sold_minor: i64,
    draft: Draft,
}

/// The line of a sale or refund.
pub(super) fn wanted<'a>(task: &Task, partner: &PartnerKey, share: Option<Share>) -> Result<Wanted<'a>, Rejection> {
    let Some(share) = share else {
        return Ok(Wanted::Nothing(Plan::Unsupported {
            why: "Introw keeps no orders, only what a partner earns: set `commission_percent` of the program to send \
                  sales and refunds as commission lines",
        }));
    };
    let order = task.order.as_ref();
    let order =
        order.ok_or_else(|| Rejection { reason: "missing `order`: a commission line has its amount".into() })?;
    let draft = Draft::of(task, partner, order);
    // A sale that an operator has settled by hand may have no line that we know.
    let sale = task.sale.as_ref().filter(|sale| task.kind == Kind::Refund && sale.amount_minor > 0);
    if let Some((sale, path)) = sale.and_then(|sale| Some((sale, path(sale.reference.as_deref()?)?))) {
        return Ok(Wanted::Back(Back { path, sold_minor: sale.amount_minor, draft }));
    }
    let line = draft.line(share).ok_or_else(|| Rejection {
        reason: format!(
            "inexact_amount: `commission_percent` of `order.amount_minor` is not a whole number of minor units of {}; \
             enter the line by `commissions add`",
            order.currency
        ),
    })?;
    if line.pay.amount_minor == 0 {
        return Ok(Wanted::Nothing(Plan::NotNeeded {
            why: "the partner earns 0 by it, and Introw takes no line of 0",
        }));
    }
    Ok(Wanted::Line(line))
}

impl Draft {
    fn of(task: &Task, partner: &PartnerKey, order: &Order) -> Self {
        let (key, place) = (order.key.as_str(), format!("{}/{}", task.site, task.program));
        let (sign, what) = match (task.kind, &task.refund_of) {
            (Kind::Refund, Some(sale)) => (-1, format!("Refund {key} of order {sale}")),
            (Kind::Refund, None) => (-1, format!("Refund {key}")),
            _ => (1, format!("Order {key}")),
        };
        Self {
            partner: partner.as_str().to_owned(),
            source: Money { amount_minor: sign * order.amount_minor, currency: order.currency },
            description: format!("{what} ({place})"),
            key: format!("{place}/{}/{key}", task.kind.as_str()),
        }
    }

    /// The line with this share of the order; `None` if that is no whole number of minor units.
    fn line(self, share: Share) -> Option<Line> {
        let amount_minor = share.of(self.source.amount_minor)?;
        Some(Line { pay: Money { amount_minor, currency: self.source.currency }, draft: self })
    }
}

impl Back {
    /// The line to add.
    ///
    /// # Errors
    /// The outcome if the answer does not show the sale's line, or no exact line follows from it. Nothing was processed
    /// then. [`Outcome::NotNeeded`] if the sale's line is void, since nobody earns anything by it then.
    pub(super) fn owed(&self, answer: &Answer, redaction: &Redaction<'_>) -> Result<Line, Outcome> {
        let sold = sold(answer, redaction)?;
        match void(&sold) {
            Some(word) => Err(Outcome::NotNeeded {
                message: format!("the sale's commission line is `{word}`, so the partner has nothing to give back"),
            }),
            None => self.share_of(&sold, answer),
        }
    }

    /// The line to look for. The sale's line may have become void since this one was added.
    ///
    /// # Errors
    /// As [`Self::owed`], but never [`Outcome::NotNeeded`].
    pub(super) fn sought(&self, answer: &Answer, redaction: &Redaction<'_>) -> Result<Sought, Outcome> {
        let sold = sold(answer, redaction)?;
        match void(&sold) {
            Some(_) => Ok(Sought { draft: self.draft.clone(), pay: None }),
            None => self.share_of(&sold, answer).map(Line::sought),
        }
    }

    /// The line with the share of the sale that the sale's line has.
    fn share_of(&self, sold: &Value, answer: &Answer) -> Result<Line, Outcome> {
        let currency = self.draft.source.currency;
        let same_currency = text(sold, "currency").is_none_or(|shown| Currency::new(shown) == Ok(currency));
        let earned = sold.get("amount").and_then(|amount| minor(amount, currency));
        let Some(numerator) = earned.filter(|earned| same_currency && *earned > 0) else {
            let what = "the sale's commission line has another currency than the refund, or no amount above 0; enter the \
                        refund's line by `commissions add`";
            return Err(Outcome::Conflict { message: answers::said(answer, what) });
        };
        let share = Share { numerator, denominator: self.sold_minor };
        self.draft.clone().line(share).ok_or_else(|| Outcome::Rejected {
            message: format!(
                "inexact_amount: the refund's part of its sale's commission line is not a whole number of minor units of \
                 {currency}; enter the line by `commissions add`"
            ),
        })
    }
}

/// The sale's line in an answer.
///
/// # Errors
/// The outcome if it shows none. Nothing was processed then.
fn sold(answer: &Answer, redaction: &Redaction<'_>) -> Result<Value, Outcome> {
    match answers::failure(answer, READ, redaction) {
        None => {}
        Some(Outcome::Duplicate { message } | Outcome::Unknown { message }) => {
            return Err(Outcome::Retry { message, not_before: None });
        }
        Some(failure) => return Err(failure),
    }
    answers::data(answer).ok_or_else(|| {
        let message = answers::said(answer, "the vendor's API did not answer with the sale's commission line");
        Outcome::Retry { message, not_before: None }
    })
}

/// The status of a line by which nobody earns anything.
fn void(line: &Value) -> Option<&str> {
    text(line, "status").filter(|word| is_void(word))
}

/// Whether a line's status says that nobody earns anything by it.
fn is_void(word: &str) -> bool {
    matches!(word, "DECLINED" | "REJECTED" | "VOID" | "VOIDED")
}

/// A line has a place for the order alone.
pub(super) fn note_what_is_left_out(task: &Task, notes: &mut Vec<Note>) {
    if task.data.values().any(|value| !value.trim().is_empty()) {
        notes.push(Note { field: "data".into(), reason: "left out: a commission line has no place for it".into() });
    }
}

impl Line {
    /// The body of `POST`.
    pub(super) fn body(&self) -> Value {
        json!({
            "partnerId": self.draft.partner,
            "amount": self.pay.to_decimal(),
            "currency": self.pay.currency.as_str(),
            "description": self.draft.description,
            "sourceAmount": self.draft.source.to_decimal(),
            "idempotencyKey": self.draft.key,
        })
    }

    /// The outcome that the answer to `POST` proves.
    pub(super) fn read(&self, answer: &Answer, redaction: &Redaction<'_>) -> Outcome {
        if let Some(failure) = answers::failure(answer, WRITE, redaction) {
            return failure;
        }
        let data = answers::data(answer);
        match data.as_ref().and_then(|line| Some((line, text(line, "id")?))) {
            Some((line, id)) => match self.clone().sought().compared(line) {
                None => Outcome::Recorded { reference: Some(id.to_owned()) },
                Some(message) => Outcome::Conflict { message },
            },
            None => answers::unproved(answer, "a commission line"),
        }
    }

    /// This line, to look for it.
    pub(super) fn sought(self) -> Sought {
        Sought { draft: self.draft, pay: Some(self.pay) }
    }
}

impl Sought {
    /// The path of the partner's lines, or of the page at this cursor.
    pub(super) fn list(&self, cursor: Option<&str>) -> String {
        let cursor = cursor.map(|cursor| format!("&cursor={}", encoded(cursor))).unwrap_or_default();
        format!("{PATH}?partnerId={}&limit={PAGE}{cursor}", encoded(&self.draft.partner))
    }

    /// What a page of the partner's lines says.
    ///
    /// # Errors
    /// The cursor of the next page, if this one does not settle it.
    pub(super) fn find(&self, answer: &Answer, redaction: &Redaction<'_>) -> Result<LookUp, String> {
        if let Some(failure) = answers::failure(answer, READ, redaction) {
            return Ok(answers::not_looked_up(answer, failure));
        }
        let Some((items, next)) = answers::page(answer) else {
            return Ok(answers::unclear(answer, "a list of commission lines"));
        };
        let ours = items.iter().find(|item| text(item, "description") == Some(&self.draft.description));
        match (ours, next) {
            (Some(line), _) => Ok(match self.compared(line) {
                None => LookUp::Found { reference: text(line, "id").map(str::to_owned) },
                Some(message) => LookUp::Differs { message },
            }),
            (None, Some(cursor)) => Err(cursor),
            (None, None) => Ok(LookUp::Absent),
        }
    }

    /// The fields in which the vendor's line differs from ours; `None` if it is ours. No document says whether a line takes
    /// another name of a partner than Introw's own id; where it does, the vendor shows that id, so no other name is compared.
    fn compared(&self, line: &Value) -> Option<String> {
        let partner = &self.draft.partner;
        let is_comparable = partner.starts_with("ptn_");
        let same_partner = text(line, "partnerId").is_none_or(|shown| !is_comparable || shown == partner);
        let currency = self.draft.source.currency;
        let same_currency = text(line, "currency").is_none_or(|shown| Currency::new(shown) == Ok(currency));
        let amounts = line.get("amount").zip(self.pay);
        let same_amount = amounts.is_none_or(|(shown, pay)| minor(shown, currency) == Some(pay.amount_minor));
        let fields = [("`partnerId`", same_partner), ("`currency`", same_currency), ("`amount`", same_amount)];
        let differing: Vec<_> = fields.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect();
        let differing = (!differing.is_empty()).then(|| differing.join(", "))?;
        Some(format!("the vendor's commission line of this order differs in {differing}"))
    }
}

/// The vendor's amount, a decimal in a text or a number, in minor units; `None` if it is no whole number of them.
pub(super) fn minor(amount: &Value, currency: Currency) -> Option<i64> {
    let decimal = match amount {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Money::from_decimal(&decimal, currency).ok().map(|money| money.amount_minor)
}

/// Where one line is read.
pub(super) fn path(id: &str) -> Option<String> {
    segment(id).map(|id| format!("{PATH}/{id}"))
}

/// A line whose payout says more.
pub(super) struct PaidOut {
    /// Where the payout is read.
    pub(super) path: String,
    amount: Option<Money>,
}

/// What a line says about its commission.
///
/// # Errors
/// The payout to ask, if the line is on one and undecided itself.
pub(super) fn standing(answer: &Answer, redaction: &Redaction<'_>) -> Result<Standing, PaidOut> {
    if let Some(failure) = answers::failure(answer, READ, redaction) {
        return Ok(not_read(answer, failure));
    }
    let Some(line) = answers::data(answer) else { return Ok(not_now(answer, "a commission line")) };
    let currency = text(&line, "currency").and_then(|code| Currency::new(code).ok());
    let amount = currency.and_then(|currency| {
        let amount_minor = minor(line.get("amount")?, currency)?;
        Some(Money { amount_minor, currency })
    });
    let payout = text(&line, "payoutId").and_then(segment).map(|id| format!("/payouts/{id}"));
    let (commission, reason) = match (text(&line, "status"), payout) {
        (Some("PENDING"), Some(path)) => return Err(PaidOut { path, amount }),
        (Some("PENDING"), None) => (Commission::Pending, None),
        (Some("APPROVED"), _) => (Commission::Approved, None),
        (Some("PAID"), _) => (Commission::Paid, None),
        (Some(word), _) if is_void(word) => (Commission::Rejected, None),
        (word, _) => (Commission::Unknown, strange(word, redaction)),
    };
    Ok(Standing::Is { commission, reason, amount })
}

impl PaidOut {
    /// What the payout's stage says about the line on it.
    pub(super) fn standing(&self, answer: &Answer, redaction: &Redaction<'_>) -> Standing {
        if let Some(failure) = answers::failure(answer, READ, redaction) {
            return not_read(answer, failure);
        }
        let Some(payout) = answers::data(answer) else { return not_now(answer, "a payout") };
        let (commission, reason) = match text(&payout, "stage") {
            Some("DRAFT" | "PENDING_REVIEW" | "PENDING_INVOICE") => (Commission::Pending, None),
            Some(stage @ ("POSTPONED" | "BLOCKED" | "FAILED")) => {
                (Commission::Pending, Some(format!("its payout is `{stage}`")))
            }
            Some("APPROVED" | "SCHEDULED" | "PENDING_PAYMENT") => (Commission::Approved, None),
            Some("PAID") => (Commission::Paid, None),
            Some("DECLINED") => (Commission::Rejected, Some("its payout was declined".into())),
            word => (Commission::Unknown, strange(word, redaction)),
        };
        Standing::Is { commission, reason, amount: self.amount }
    }
}

fn strange(word: Option<&str>, redaction: &Redaction<'_>) -> Option<String> {
    Some(word.map_or_else(
        || "the vendor's answer has no status".into(),
        |word| format!("the vendor calls it `{}`", redaction.apply(word)),
    ))
}

/// A key that may not read commissions must not stop deliveries.
fn not_read(answer: &Answer, failure: Outcome) -> Standing {
    if let Outcome::Forbidden { message } | Outcome::Rejected { message } = failure {
        return Standing::Is { commission: Commission::Unknown, reason: Some(message), amount: None };
    }
    match answers::not_looked_up(answer, failure) {
        LookUp::AuthFailed => Standing::AuthFailed,
        LookUp::Inconclusive { message, not_before } => Standing::NotNow { message, not_before },
        LookUp::Absent | LookUp::Differs { .. } | LookUp::Found { .. } => not_now(answer, "a commission"),
    }
}

fn not_now(answer: &Answer, wanted: &str) -> Standing {
    let message = answers::said(answer, &format!("the vendor's API did not answer with {wanted}"));
    Standing::NotNow { message, not_before: None }
}
