//! Points in time: milliseconds inside, RFC 3339 in UTC outside, whole seconds in JWT claims. Reads no clock: the proxy has
//! its `Clock`, the page its `Page`.

use alloc::format;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use crate::repair::trimmed;

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

/// The text is not an RFC 3339 time between the years 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time with an offset, such as 2026-11-21T08:30:00Z or 2026-11-21T09:30:00+01:00")]
pub struct NotATime;

impl UnixMillis {
    /// The point `ms` milliseconds later, or earlier if negative; stops at the ends of the range.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this point; negative if this point is earlier.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds, rounded down: a JWT `NumericDate` (RFC 7519 § 2).
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The point at a JWT `NumericDate`.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// `2026-11-21T08:30:00Z`, with milliseconds only if they are not zero.
    pub fn to_rfc3339(self) -> String {
        let (days, ms) = (self.0.div_euclid(DAY_MS), self.0.rem_euclid(DAY_MS));
        let (year, month, day) = civil_from_days(days);
        let seconds = ms / 1000;
        let fraction = match ms % 1000 {
            0 => String::new(),
            rest => format!(".{rest:03}"),
        };
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS[.fraction]` with `Z` or an offset (RFC 3339 § 5.6). Also accepts `t` and `z`, a space in
    /// place of `T`, and offsets as databases print them (`+02`, `+0200`). Digits beyond the millisecond are dropped; the
    /// second 60 of a leap second counts as the following second.
    ///
    /// # Errors
    /// [`NotATime`] for any other text, one without an offset, a day that the calendar lacks, or a time outside 1970 to 9999 in UTC.
    pub fn from_rfc3339(text: &str) -> Result<Self, NotATime> {
        let (date, clock) = trimmed(text).split_once(['T', 't', ' ']).ok_or(NotATime)?;
        let [year, month, day] = fields(date, '-', [4, 2, 2])?;
        let (clock, east) = offset(clock)?;
        let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(w, f)| (w, Some(f)));
        let [hour, minute, second] = fields(whole, ':', [2, 2, 2])?;
        let ms = fraction.map_or(Ok(0), fraction_ms)?;
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) || hour > 23 || minute > 59 || second > 60 {
            return Err(NotATime);
        }
        let utc = days * DAY_MS + ((hour * 60 + minute - east) * 60 + second) * 1000 + ms;
        if (0..=LAST_MS).contains(&utc) { Ok(Self(utc)) } else { Err(NotATime) }
    }
}

/// A time of day without its offset, and the offset in minutes east of UTC.
fn offset(clock: &str) -> Result<(&str, i64), NotATime> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Ok((clock, 0));
    }
    let place = clock.rfind(['+', '-']).ok_or(NotATime)?;
    let (clock, offset) = clock.split_at(place);
    let (sign, digits_only) = (if offset.starts_with('-') { -1 } else { 1 }, offset.get(1..).ok_or(NotATime)?);
    let (hours, minutes) = match digits_only.len() {
        2 => (digits_only, "00"),
        4 => digits_only.split_at_checked(2).ok_or(NotATime)?,
        _ => digits_only.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2).ok_or(NotATime)?,
    };
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    if hours > 23 || minutes > 59 { Err(NotATime) } else { Ok((clock, sign * (hours * 60 + minutes))) }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The last millisecond of the year 9999, in UTC.
const LAST_MS: i64 = 253_402_300_799_999;

/// Three numbers of fixed width, separated by `separator`.
fn fields(text: &str, separator: char, widths: [usize; 3]) -> Result<[i64; 3], NotATime> {
    let mut parts = text.split(separator);
    let mut next = |width: usize| parts.next().filter(|p| p.len() == width).ok_or(NotATime).and_then(digits);
    let [first, second, third] = widths;
    let read = [next(first)?, next(second)?, next(third)?];
    parts.next().map_or(Ok(read), |_| Err(NotATime))
}

/// Milliseconds of a fraction of a second.
fn fraction_ms(text: &str) -> Result<i64, NotATime> {
    digits(text)?;
    let padded: String = text.chars().chain("00".chars()).take(3).collect();
    digits(&padded)
}

fn digits(text: &str) -> Result<i64, NotATime> {
    let plain = !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().ok_or(NotATime)
}

/// Days since 1970-01-01 of a proleptic Gregorian date. Counts eras of 400 years from 1 March, so that the leap day is the
/// last day of a year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970-01-01; the inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    (era * 400 + year + i64::from(month <= 2), month, day)
}

impl core::fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// For serde fields that are RFC 3339 outside: `#[serde(with = "trailmark_wire::time::rfc3339")]`.
pub mod rfc3339 {
    use alloc::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{ToString as _, UnixMillis};

    /// Writes the time as RFC 3339 text.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(time: &UnixMillis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time.to_string())
    }

    /// Reads the time from RFC 3339 text.
    ///
    /// # Errors
    /// If the text is not such a time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixMillis, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        UnixMillis::from_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}
