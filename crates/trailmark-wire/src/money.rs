//! Money as an integer of minor units with its ISO 4217 currency and exponent. No floats: a vendor that wants decimals gets
//! them as exact text, or an error if they cannot be exact. No exchange rates.

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::repair::trimmed;

/// Currencies without minor units (ISO 4217 list one, exponent 0).
const EXPONENT_0: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
/// Currencies with 1,000 minor units (exponent 3).
const EXPONENT_3: &str = "BHD IQD JOD KWD LYD OMR TND";
/// Units of account with four decimals (exponent 4).
const EXPONENT_4: &str = "CLF UYW";
/// All other active currencies of list one (exponent 2). Metals, test codes and `XXX` have no minor unit and are absent.
const EXPONENT_2: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN \
BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD \
HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW \
ZWG";

/// An ISO 4217 currency: three capital letters with a known exponent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a text or number is not money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// The decimal has more digits after the point than the currency has.
    #[error("amount is more exact than its currency allows")]
    Inexact,
    /// The text is not a decimal number, or does not fit 64 bits.
    #[error("amount is not a decimal number within 64 bits")]
    NotADecimal,
    /// The code is not an active ISO 4217 currency.
    #[error("not an ISO 4217 code, such as EUR")]
    UnknownCurrency,
}

/// An amount in a currency. Negative amounts exist (a refund at some vendors); the callers say where they are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents of EUR, whole JPY, fils (1/1000) of KWD.
    pub amount_minor: i64,
    /// The currency, which fixes the minor unit.
    pub currency: Currency,
}

impl Currency {
    /// The currency with a code such as `EUR`, in any case (Stripe's API writes `eur`) and with outer white space ignored.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`] for unknown or inactive codes.
    pub fn new(code: &str) -> Result<Self, MoneyError> {
        let code = trimmed(code).to_ascii_uppercase();
        let known = [EXPONENT_2, EXPONENT_0, EXPONENT_3, EXPONENT_4].iter().any(|list| listed(list, &code));
        let bytes: Option<[u8; 3]> = code.as_bytes().try_into().ok();
        bytes.filter(|_| known).map(Self).ok_or(MoneyError::UnknownCurrency)
    }

    /// The three capital letters.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("")
    }

    /// Digits after the decimal point: 0 for JPY, 2 for USD, 3 for KWD.
    pub fn exponent(&self) -> u32 {
        match self.as_str() {
            code if listed(EXPONENT_0, code) => 0,
            code if listed(EXPONENT_3, code) => 3,
            code if listed(EXPONENT_4, code) => 4,
            _ => 2,
        }
    }
}

impl Money {
    /// The decimal in major units, exactly: `12.30` EUR, `1230` JPY, `1.230` KWD.
    pub fn to_decimal(&self) -> String {
        let exponent = self.currency.exponent();
        let scale = 10_u64.pow(exponent);
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        let magnitude = self.amount_minor.unsigned_abs();
        match exponent {
            0 => format!("{sign}{magnitude}"),
            digits => format!("{sign}{}.{:0width$}", magnitude / scale, magnitude % scale, width = digits as usize),
        }
    }

    /// Reads a decimal in major units, such as `12.3` EUR. Trailing zeros beyond the exponent are allowed.
    ///
    /// # Errors
    /// [`MoneyError::Inexact`] for digits that the currency cannot express, [`MoneyError::NotADecimal`] for anything that
    /// is not `-?digits[.digits]` within 64 bits.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, magnitude) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(MoneyError::NotADecimal);
        }
        let fraction = fraction.trim_end_matches('0');
        let missing = (currency.exponent() as usize).checked_sub(fraction.len()).ok_or(MoneyError::Inexact)?;
        let sign = if negative { "-" } else { "" };
        let minor = format!("{sign}{whole}{fraction}{:0<missing$}", "");
        let amount_minor = minor.parse().map_err(|_overflow| MoneyError::NotADecimal)?;
        Ok(Self { amount_minor, currency })
    }
}

fn listed(list: &str, code: &str) -> bool {
    code.len() == 3 && list.split_ascii_whitespace().any(|entry| entry == code)
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().into()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}
