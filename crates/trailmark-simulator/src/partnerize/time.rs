//! The two ways in which Partnerize writes a time, and the reading of both. Always in UTC.

use crate::clock::iso_date;

/// `2020-05-13 15:28:51`, as in version 1.
pub(super) fn spaced(at_ms: i64) -> String {
    let text = iso_date(at_ms);
    format!("{} {}", text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default())
}

/// `2018-11-13T20:20:39+00:00`, as in version 3.
pub(super) fn offset(at_ms: i64) -> String {
    format!("{}+00:00", iso_date(at_ms).get(..19).unwrap_or_default())
}

/// Milliseconds of a date, or of a date and a time of day with a space or a `T` between. An offset may follow; one that is
/// not zero is not read.
pub(super) fn read(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-')?;
    let midnight_ms = days(year, month, day).checked_mul(86_400_000)?;
    if iso_date(midnight_ms).get(..10) != Some(date) {
        return None;
    }
    if rest.is_empty() {
        return Some(midnight_ms);
    }
    let (clock, zone) = rest.strip_prefix([' ', 'T'])?.split_at_checked(8)?;
    if !matches!(zone, "" | "Z" | "+00:00" | "+0000" | ".000Z") {
        return None;
    }
    let [hour, minute, second] = numbers(clock, ':')?;
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    is_time.then_some(midnight_ms + ((hour * 60 + minute) * 60 + second) * 1_000)
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let is_plain = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| is_plain)
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Days since 1970-01-01, by the same count as the clock's: years begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (month + 9).rem_euclid(12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::{offset, read, spaced};

    #[test]
    fn a_time_is_read_as_it_is_written_and_nothing_else_is() {
        let at_ms = 1_589_383_731_000;
        assert_eq!((spaced(at_ms), offset(at_ms)), ("2020-05-13 15:28:51".into(), "2020-05-13T15:28:51+00:00".into()));
        for text in ["2020-05-13 15:28:51", "2020-05-13T15:28:51Z", "2020-05-13T15:28:51+00:00"] {
            assert_eq!(read(text), Some(at_ms), "{text}");
        }
        assert_eq!(read("2020-02-29"), Some(1_582_934_400_000));
        for text in ["", "2019-02-29", "2020-05-13 24:00:00", "2020-05-13T15:28:51+02:00", "13.05.2020", "2020-5-13"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
