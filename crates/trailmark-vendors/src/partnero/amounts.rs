//! Amounts as Partnero counts them: decimals in major units, as JSON numbers. Converts minor units to them and back, exactly
//! or not at all; nothing is ever rounded. `transactions`, `rewards` and `commands` use it.
//!
//! All samples show two decimals (`99.99`), and the vendor's own form takes no more, so a third one is `inexact_amount`:
//! 1.230 KWD are sent, 1.235 KWD are not. A JSON number keeps 15 digits, so no larger amount is sent. A reward may have more
//! decimals than its currency (`29.997`), since it is a share; such an amount is not read as money.
//!
//! Source: vendors-2.md § 3, "Transactions"; RFC 8259 § 6 for numbers.

use serde_json::{Number, Value};
use trailmark_wire::money::{Currency, Money};

use crate::task::Rejection;

/// The largest amount in hundredths that a JSON number holds exactly: 15 digits.
const MOST_HUNDREDTHS: i64 = 999_999_999_999_999;

/// The number to send for an amount in minor units; `field` names it in the refusal.
///
/// # Errors
/// [`Rejection`] if hundredths cannot express the amount, or a JSON number cannot hold it.
pub(super) fn decimal(amount_minor: i64, currency: Currency, field: &str) -> Result<Value, Rejection> {
    let inexact = |why: String| Rejection { reason: format!("inexact_amount: {why}") };
    let hundredths = hundredths(amount_minor, currency)
        .ok_or_else(|| inexact(format!("Partnero counts in hundredths, and `{field}` in {currency} is finer")))?;
    if hundredths.unsigned_abs() > MOST_HUNDREDTHS.unsigned_abs() {
        return Err(inexact(format!("`{field}` has more digits than the 15 that a JSON number keeps")));
    }
    let (sign, magnitude) = (if hundredths < 0 { "-" } else { "" }, hundredths.unsigned_abs());
    if magnitude % 100 == 0 {
        return Ok(Value::from(hundredths / 100));
    }
    // The shortest text of the nearest double is this text again: it has at most 15 digits.
    let number = format!("{sign}{}.{:02}", magnitude / 100, magnitude % 100).parse().ok().and_then(Number::from_f64);
    number.map(Value::Number).ok_or_else(|| inexact(format!("`{field}` is not a number")))
}

fn hundredths(amount_minor: i64, currency: Currency) -> Option<i64> {
    match currency.exponent() {
        0 => Some(amount_minor.saturating_mul(100)),
        1 => Some(amount_minor.saturating_mul(10)),
        2 => Some(amount_minor),
        exponent => {
            let unit = 10_i64.pow(exponent - 2);
            (amount_minor % unit == 0).then_some(amount_minor / unit)
        }
    }
}

/// Minor units of a shown amount, a number or a text; `None` if it is neither, or finer than its currency.
pub(super) fn minor(shown: &Value, currency: Currency) -> Option<i64> {
    let text = match shown {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    Money::from_decimal(&text, currency).ok().map(|money| money.amount_minor)
}

/// The currency of a shown thing; `None` where it is absent or a sign such as `$`.
pub(super) fn currency(item: &Value) -> Option<Currency> {
    item.get("amount_units").and_then(Value::as_str).and_then(|code| Currency::new(code).ok())
}
