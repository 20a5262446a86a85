//! Commission lines and payouts (vendors-2.md § 2).
//!
//! Amounts are decimal strings. The documents show two decimals (`"4250.00"`) and do not say whether the text that was
//! sent comes back: here an answer has at least two decimals and no zeros beyond them, so a client must compare
//! numbers. A currency is three capitals.
//!
//! Guesses: a new line is 201 and a repeated one 200; a line of an inactive partner is refused; what a payout amounts
//! to is the sum of its lines; `PATCH` with nothing in it is refused; a payout's note is refused, since its field is
//! not named. `POST /payouts`, batches and statements are left out: a control route makes payouts. The body of a
//! decline is not documented, so a decline is refused unless the setting `decline_field` names the field of its reason.

use http::StatusCode;
use serde_json::{Value, json};

use super::paging::Paging;
use super::state::{Account, Line, Payout, Rules};
use super::validate::{ANY_TEXT, LONG_TEXT, Refusal, finish_change, no_body, nullable_text, parsed, word};
use crate::call::{Answer, Call};
use crate::clock::iso_date;
use crate::fields::{Fields, FlawKind, only};

/// The stages of a payout; each may follow each.
pub(super) const STAGES: [&str; 11] = [
    "DRAFT",
    "PENDING_REVIEW",
    "PENDING_INVOICE",
    "APPROVED",
    "SCHEDULED",
    "PENDING_PAYMENT",
    "PAID",
    "DECLINED",
    "POSTPONED",
    "BLOCKED",
    "FAILED",
];

/// Millionths in one.
const ONE: i64 = 1_000_000;
/// Their decimal places.
pub(super) const PLACES: usize = 6;
const DECIMAL: &str = "a decimal string that is not zero, with at most 12 and 6 digits";

pub(super) fn list_payouts(account: &Account, call: &Call) -> Result<Answer, Refusal> {
    let paging = Paging::of(call, "payouts", &["stage"])?;
    let stage = call.parameter("stage");
    if let Some(stage) = stage.filter(|stage| !STAGES.contains(stage)) {
        return Err(Refusal::invalid("stage", &format!("has no value {stage}")));
    }
    let chosen = account.payouts.iter().enumerate().filter(|(_, one)| stage.is_none_or(|stage| one.stage == stage));
    let page = paging.page(chosen.map(|(place, _)| place));
    Ok(Answer::json(StatusCode::OK, &page.json(|place| Some(payout_json(account, account.payouts.get(place)?)))))
}

pub(super) fn read_payout(account: &Account, call: &Call, id: &str) -> Result<Answer, Refusal> {
    only(call, &[])?;
    Ok(payout_answer(account, account.payout(id)?))
}

pub(super) fn change_payout(account: &mut Account, call: &Call, id: &str, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let stage = word(&mut fields, "stage", &STAGES)?;
    let po_number = nullable_text(&mut fields, "poNumber", ANY_TEXT)?;
    finish_change(fields, call)?;
    let place = account.payout(id)?;
    let before = account.payouts.get(place).cloned();
    if let Some(stage) = stage {
        account.set_stage(place, &stage, now_ms);
    }
    let payout = account.payouts.get_mut(place);
    if let Some((payout, po_number)) = payout.zip(po_number).filter(|(payout, new)| payout.po_number != *new) {
        (payout.po_number, payout.updated_ms) = (po_number, now_ms);
    }
    let is_changed = account.payouts.get(place) != before.as_ref();
    Ok(payout_answer(account, place).with_effects(u64::from(is_changed)))
}

/// Puts the partner's pending lines of one currency on a new payout for the last thirty days, as people do in the app.
///
/// # Errors
/// No partner has that id.
pub(super) fn add_payout(
    account: &mut Account,
    partner_id: &str,
    currency: &str,
    now_ms: i64,
) -> Result<Value, Refusal> {
    account.live_partner(partner_id).ok_or_else(|| Refusal::not_found("partner"))?;
    let payout = Payout {
        id: account.mint("pay_"),
        partner_id: partner_id.to_owned(),
        batch_id: account.mint("pbt_"),
        period_start_ms: now_ms - 30 * 86_400_000,
        period_end_ms: now_ms,
        currency: currency.to_owned(),
        stage: "DRAFT".to_owned(),
        po_number: None,
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    let is_pending = |line: &&mut Line| {
        line.partner_id == partner_id && line.currency == currency && line.payout_id.is_none() && !line.is_voided
    };
    for line in account.lines.iter_mut().filter(is_pending) {
        (line.payout_id, line.updated_ms) = (Some(payout.id.clone()), now_ms);
    }
    account.payouts.push(payout);
    Ok(account.payouts.last().map(|payout| payout_json(account, payout)).unwrap_or_default())
}

pub(super) fn list_lines(account: &Account, rules: &Rules, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let paging = Paging::of(call, "commission-lines", &["partnerId", "payoutId", "status"])?;
    let wanted = |name: &str, is: Option<&str>| call.parameter(name).is_none_or(|value| is == Some(value));
    let chosen = account.lines.iter().enumerate().filter(|(_, one)| {
        one.visible_ms <= now_ms
            && wanted("partnerId", Some(&one.partner_id))
            && wanted("payoutId", one.payout_id.as_deref())
            && wanted("status", Some(status(one, rules)))
    });
    let page = paging.page(chosen.map(|(place, _)| place));
    Ok(Answer::json(StatusCode::OK, &page.json(|place| Some(line_json(account.lines.get(place)?, rules)))))
}

pub(super) fn read_line(
    account: &Account,
    rules: &Rules,
    call: &Call,
    id: &str,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let place = account.line(id, now_ms)?;
    Ok(line_answer(account, rules, StatusCode::OK, place))
}

/// With the key of an earlier line the answer is that line as it is now, whatever else the body says.
pub(super) fn create_line(account: &mut Account, rules: &Rules, call: &Call, now_ms: i64) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let partner_id = fields.required_text("partnerId", ANY_TEXT)?;
    let line = Line {
        id: String::new(),
        amount: amount(&mut fields, "amount")?.ok_or_else(|| fields.flaw("amount", FlawKind::Missing))?,
        currency: currency(&mut fields)?.ok_or_else(|| fields.flaw("currency", FlawKind::Missing))?,
        description: fields.text("description", LONG_TEXT)?,
        source_amount: amount(&mut fields, "sourceAmount")?,
        payout_id: fields.text("payoutId", ANY_TEXT)?,
        idempotency_key: if rules.idempotency_keys { fields.text("idempotencyKey", ANY_TEXT)? } else { None },
        partner_id,
        is_voided: false,
        note: None,
        created_ms: now_ms,
        updated_ms: now_ms,
        visible_ms: now_ms.saturating_add(rules.visible_after_ms),
    };
    fields.finish()?;
    let earlier = line.idempotency_key.as_ref().and_then(|key| account.line_places.get(key));
    if let Some(place) = earlier.copied().filter(|_| rules.dedupe) {
        return Ok(line_answer(account, rules, StatusCode::OK, place));
    }
    let partner = account.live_partner(&line.partner_id).ok_or_else(|| Refusal::not_found("partner"))?;
    if !partner.is_active {
        return Err(Refusal::invalid("partnerId", "names an inactive partner"));
    }
    if let Some(id) = &line.payout_id {
        let payout = account.payouts.get(account.payout(id)?);
        if payout.is_none_or(|one| one.partner_id != line.partner_id || one.currency != line.currency) {
            return Err(Refusal::invalid("payoutId", "names a payout of another partner or currency"));
        }
    }
    let place = account.lines.len();
    if let Some(key) = &line.idempotency_key {
        account.line_places.entry(key.clone()).or_insert(place);
    }
    let id = account.mint("cln_");
    account.lines.push(Line { id, ..line });
    Ok(line_answer(account, rules, StatusCode::CREATED, place).with_effects(1))
}

pub(super) fn change_line(
    account: &mut Account,
    rules: &Rules,
    call: &Call,
    id: &str,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    let mut fields = Fields::of(call)?;
    let new_amount = amount(&mut fields, "amount")?;
    let new_currency = currency(&mut fields)?;
    let description = fields.text("description", LONG_TEXT)?;
    let source_amount = amount(&mut fields, "sourceAmount")?;
    let note = nullable_text(&mut fields, "note", LONG_TEXT)?;
    finish_change(fields, call)?;
    let place = account.line(id, now_ms)?;
    let line = account.lines.get_mut(place).ok_or_else(|| Refusal::not_found("commission line"))?;
    if line.is_voided {
        return Err(Refusal::invalid("id", "names a voided line"));
    }
    if line.payout_id.is_some() && new_currency.as_ref().is_some_and(|currency| *currency != line.currency) {
        return Err(Refusal::invalid("currency", "cannot differ from that of the payout"));
    }
    let before = line.clone();
    line.amount = new_amount.unwrap_or(line.amount);
    line.currency = new_currency.unwrap_or_else(|| line.currency.clone());
    line.description = description.or_else(|| line.description.clone());
    line.source_amount = source_amount.or(line.source_amount);
    line.note = note.unwrap_or_else(|| line.note.clone());
    let is_changed = *line != before;
    if is_changed {
        line.updated_ms = now_ms;
    }
    Ok(line_answer(account, rules, StatusCode::OK, place).with_effects(u64::from(is_changed)))
}

pub(super) fn decline_line(
    account: &mut Account,
    rules: &Rules,
    call: &Call,
    id: &str,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    only(call, &[])?;
    let Some(field) = &rules.decline_field else {
        return Err(Refusal::invalid("body", "of a decline is documented nowhere"));
    };
    if call.body_text(field).is_none_or(str::is_empty) {
        return Err(Refusal::invalid(field, "is required"));
    }
    let place = account.line(id, now_ms)?;
    account.void(place, now_ms)?;
    Ok(line_answer(account, rules, StatusCode::OK, place).with_effects(1))
}

pub(super) fn detach_line(
    account: &mut Account,
    rules: &Rules,
    call: &Call,
    id: &str,
    now_ms: i64,
) -> Result<Answer, Refusal> {
    only(call, &[])?;
    no_body(call)?;
    let place = account.line(id, now_ms)?;
    let line = account.lines.get_mut(place).ok_or_else(|| Refusal::not_found("commission line"))?;
    payout_of(line)?;
    (line.payout_id, line.updated_ms) = (None, now_ms);
    Ok(line_answer(account, rules, StatusCode::OK, place).with_effects(1))
}

/// The payout of a line that may leave it.
///
/// # Errors
/// The line is on no payout, or voided.
pub(super) fn payout_of(line: &Line) -> Result<String, Refusal> {
    let payout_id = line.payout_id.clone().filter(|_| !line.is_voided);
    payout_id.ok_or_else(|| Refusal::invalid("id", "names a line that is on no payout"))
}

fn currency(fields: &mut Fields<'_>) -> Result<Option<String>, Refusal> {
    let read = |text: &str| {
        let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        is_code.then(|| text.to_owned())
    };
    parsed(fields, "currency", "three capitals", read)
}

fn amount(fields: &mut Fields<'_>, name: &'static str) -> Result<Option<i64>, Refusal> {
    parsed(fields, name, DECIMAL, millionths)
}

/// `None` if the text is not a decimal number with 1 to 12 digits and at most 6 decimals, or is zero.
fn millionths(text: &str) -> Option<i64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (sign, plain) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = plain.split_once('.').unwrap_or((plain, "0"));
    if !digits(whole) || !digits(part) || whole.len() > 12 || part.len() > 6 {
        return None;
    }
    let amount = whole.parse::<i64>().ok()? * ONE + format!("{part:0<6}").parse::<i64>().ok()?;
    (amount != 0).then_some(sign * amount)
}

/// A decimal string with two to six decimals.
fn decimal(millionths: i64) -> String {
    let (sign, amount) = (if millionths < 0 { "-" } else { "" }, millionths.unsigned_abs());
    let part = format!("{:06}", amount % ONE.unsigned_abs());
    let (cents, rest) = part.split_at(2);
    format!("{sign}{}.{cents}{}", amount / ONE.unsigned_abs(), rest.trim_end_matches('0'))
}

pub(super) fn status<'a>(line: &Line, rules: &'a Rules) -> &'a str {
    if line.is_voided { &rules.voided_status } else { "PENDING" }
}

pub(super) fn line_json(line: &Line, rules: &Rules) -> Value {
    json!({
        "id": line.id,
        "partnerId": line.partner_id,
        "payoutId": line.payout_id,
        "description": line.description,
        "amount": decimal(line.amount),
        "sourceAmount": line.source_amount.map(decimal),
        "currency": line.currency,
        "status": status(line, rules),
        "planName": null,
        "periodEnd": null,
        "createdAt": iso_date(line.created_ms),
        "updatedAt": iso_date(line.updated_ms),
    })
}

pub(super) fn payout_json(account: &Account, payout: &Payout) -> Value {
    let total = account.lines_of(&payout.id).fold(0_i64, |total, line| total.saturating_add(line.amount));
    let name = account.partners.iter().find(|one| one.id == payout.partner_id).and_then(|one| one.name.clone());
    json!({
        "id": payout.id,
        "partner": { "id": payout.partner_id, "name": name },
        "batchId": payout.batch_id,
        "periodStart": iso_date(payout.period_start_ms),
        "periodEnd": iso_date(payout.period_end_ms),
        "amount": { "value": decimal(total), "currency": payout.currency },
        "stage": payout.stage,
        "poNumber": payout.po_number,
        "createdAt": iso_date(payout.created_ms),
        "updatedAt": iso_date(payout.updated_ms),
    })
}

fn payout_answer(account: &Account, place: usize) -> Answer {
    let data = account.payouts.get(place).map(|payout| payout_json(account, payout));
    Answer::json(StatusCode::OK, &json!({ "data": data }))
}

fn line_answer(account: &Account, rules: &Rules, status: StatusCode, place: usize) -> Answer {
    let data = account.lines.get(place).map(|line| line_json(line, rules));
    Answer::json(status, &json!({ "data": data }))
}

#[cfg(test)]
mod tests {
    use super::{decimal, millionths};

    #[test]
    fn an_amount_is_a_decimal_text_and_comes_back_with_two_decimals_or_more() {
        let good = [
            ("29.9", "29.90"),
            ("-0.000001", "-0.000001"),
            ("1.2340", "1.234"),
            ("7", "7.00"),
            ("999999999999.99", "999999999999.99"),
        ];
        for (text, shown) in good {
            assert_eq!(millionths(text).map(decimal).as_deref(), Some(shown), "{text}");
        }
        for bad in ["", "0", "0.00", "-0", "+1", "1e2", ".5", "1.", "1,5", " 1", "1.0000001", "1000000000000", "NaN"] {
            assert_eq!(millionths(bad), None, "{bad}");
        }
    }
}
