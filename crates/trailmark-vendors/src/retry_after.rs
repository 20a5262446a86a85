//! When a vendor allows the next request: `Retry-After` as seconds or HTTP-date (RFC 9110 § 10.2.3), or the rate-limit
//! headers that some send instead. Reads headers into a point in time; the outbox decides whether to wait.
//!
//! A hint is never in the past nor more than [`LONGEST_MS`] ahead: a vendor's mistake must not stop a lane for a year.

use trailmark_wire::time::UnixMillis;

use crate::exchange::Answer;
use crate::outcome::THROTTLED_MS;

/// The longest hint that is believed: a day (design § 5).
const LONGEST_MS: i64 = 24 * 60 * 60 * 1000;

/// A `reset` value from here on cannot be seconds to wait (31 years), so it is a Unix time.
const EPOCH_SECONDS: i64 = 1_000_000_000;

/// The time that `Retry-After` names, if the header is there and readable.
pub(crate) fn retry_after(answer: &Answer) -> Option<UnixMillis> {
    answer.header("retry-after").and_then(|value| point(value, answer.at))
}

/// The time before which a 429 allows no request: `Retry-After`, otherwise Partnerize's own header, otherwise the end of
/// the rate-limit window. Introw says how many requests are left in the minute, and not when it ends: with none left, a
/// whole minute is waited for.
pub(crate) fn rate_limit(answer: &Answer) -> Option<UnixMillis> {
    let named = |name, read: fn(&str, UnixMillis) -> Option<UnixMillis>| read(answer.header(name)?, answer.at);
    retry_after(answer)
        .or_else(|| named("x-ratelimit-retry-after", point))
        .or_else(|| named("x-ratelimit-reset", reset))
        .or_else(|| named("ratelimit-reset", reset))
        .or_else(|| named("ratelimit", |value, at| reset(window(value)?, at)))
        .or_else(|| named("x-ratelimit-remaining-minute", spent_minute))
}

/// The time before which a throttled question is not asked again: the vendor's, otherwise a minute after the answer. A
/// question without a time would count as one that was answered, and the lane would go on.
pub(crate) fn throttled(answer: &Answer, until: Option<UnixMillis>) -> Option<UnixMillis> {
    until.or_else(|| Some(answer.at.plus(THROTTLED_MS)))
}

fn point(value: &str, at: UnixMillis) -> Option<UnixMillis> {
    let value = value.trim();
    let named = match number(value) {
        Some(seconds) => at.plus(seconds.saturating_mul(1000)),
        None => http_date(value)?,
    };
    Some(within_a_day(named, at))
}

/// Vendors send either seconds from now or a Unix time; the size of the number tells which.
fn reset(value: &str, at: UnixMillis) -> Option<UnixMillis> {
    let seconds = number(value.trim())?;
    let named = if seconds < EPOCH_SECONDS {
        at.plus(seconds.saturating_mul(1000))
    } else if seconds < EPOCH_SECONDS.saturating_mul(1000) {
        UnixMillis::from_seconds(seconds)
    } else {
        UnixMillis(seconds)
    };
    Some(within_a_day(named, at))
}

/// The next minute, if this one has no requests left.
fn spent_minute(left: &str, at: UnixMillis) -> Option<UnixMillis> {
    (number(left.trim()) == Some(0)).then(|| at.plus(THROTTLED_MS))
}

fn within_a_day(named: UnixMillis, at: UnixMillis) -> UnixMillis {
    named.clamp(at, at.plus(LONGEST_MS))
}

/// Digits only; a number that is too large for 64 bits counts as the largest one.
fn number(value: &str) -> Option<i64> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(i64::MAX))
}

/// The `t` parameter of a `RateLimit` field: `"default";r=0;t=30`.
fn window(value: &str) -> Option<&str> {
    value.split(';').find_map(|parameter| parameter.trim().strip_prefix("t="))
}

/// An IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that RFC 9110 § 5.6.7 lets servers send. The day of the
/// week is not compared with the date.
fn http_date(value: &str) -> Option<UnixMillis> {
    let mut parts = value.split(' ');
    let [weekday, day, month, year, clock, zone] = std::array::from_fn(|_| parts.next().unwrap_or(""));
    let shaped = weekday.len() == 4 && weekday.ends_with(',') && zone == "GMT" && parts.next().is_none();
    let month = month_number(month).filter(|_| shaped)?;
    UnixMillis::from_rfc3339(&format!("{year}-{month:02}-{day}T{clock}Z")).ok()
}

fn month_number(name: &str) -> Option<usize> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    MONTHS.iter().position(|month| *month == name).map(|index| index + 1)
}
