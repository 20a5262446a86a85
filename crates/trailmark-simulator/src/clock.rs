//! Simulated time: the system's clock plus an offset that a test changes.
//!
//! Everything in the simulator is dated by this clock, so that six minutes, an hour of `Retry-After` or a day pass in one
//! `POST /control/clock`. No timer is affected: a `delay` fault waits in real time, because its client does.
//!
//! The offset is also in a file, for clients that must always have the same time as the simulator. A client that asks over
//! HTTP is behind until it asks again; what it sends meanwhile has an earlier time than here.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const DAY_S: i64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];

/// The clock of one simulator. Milliseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_ms: i64,
    file: Option<PathBuf>,
}

impl Clock {
    /// A clock at the system's time that writes its offset to a new file in the temporary folder; without a file if that
    /// cannot be written.
    pub(crate) fn with_file(port: u16) -> Self {
        let file = std::env::temp_dir().join(format!("trailmark-clock-{}-{port}", std::process::id()));
        let _ = fs::remove_file(&file);
        // Only a new file: an existing link of another user could lead the text elsewhere.
        let is_new = OpenOptions::new().write(true).create_new(true).open(&file).is_ok();
        let mut clock = Self { offset_ms: 0, file: is_new.then_some(file) };
        clock.advance(0);
        clock
    }

    /// The file with the offset, milliseconds as decimal text.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        system_ms().saturating_add(self.offset_ms)
    }

    pub(crate) fn offset_ms(&self) -> i64 {
        self.offset_ms
    }

    /// Moves time forward, or back if `by_ms` is negative, as clocks of real machines do.
    pub(crate) fn advance(&mut self, by_ms: i64) {
        self.offset_ms = self.offset_ms.saturating_add(by_ms);
        let Some(file) = &self.file else { return };
        // Renamed into place, so that a reader sees either the whole old offset or the whole new one.
        let draft = file.with_extension("new");
        let written = fs::write(&draft, self.offset_ms.to_string()).and_then(|()| fs::rename(&draft, file));
        if written.is_err() {
            let _ = fs::remove_file(file);
            self.file = None;
        }
    }

    /// Back to the system's time.
    pub(crate) fn reset(&mut self) {
        self.advance(self.offset_ms.saturating_neg());
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
    }
}

/// The format of `Date` and `Retry-After` (RFC 9110 § 5.6.7); `None` outside the years 1 to 9999.
pub(crate) fn http_date(at_ms: i64) -> Option<String> {
    let at_s = at_ms.div_euclid(1_000);
    let (days, second) = (at_s.div_euclid(DAY_S), at_s.rem_euclid(DAY_S));
    let weekday = WEEKDAYS.get(usize::try_from(days.rem_euclid(7)).ok()?)?;
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let in_range = (1..=9_999).contains(&year);
    in_range.then(|| format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"))
}

/// RFC 3339 in UTC with three decimals, as most JSON APIs write a time; the last moment of 9999 outside the years 1 to
/// 9999.
pub(crate) fn iso_date(at_ms: i64) -> String {
    let (days, ms) = (at_ms.div_euclid(DAY_S * 1_000), at_ms.rem_euclid(DAY_S * 1_000));
    let (year, month, day) = civil(days);
    if !(1..=9_999).contains(&year) {
        return "9999-12-31T23:59:59.999Z".to_owned();
    }
    let month = MONTHS.iter().zip((3..=12).chain(1..=2)).find_map(|(name, number)| (*name == month).then_some(number));
    let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", month.unwrap_or(1))
}

/// Year, month and day of a day counted from 1970-01-01. Years begin in March here, so that the leap day is the last day of
/// a year (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: i64) -> (i64, &'static str, i64) {
    let since_era = days + 719_468;
    let (era, day_of_era) = (since_era.div_euclid(146_097), since_era.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let year = era * 400 + year_of_era + i64::from(month_from_march >= 10);
    let month = usize::try_from(month_from_march).ok().and_then(|month| MONTHS.get(month));
    (year, month.copied().unwrap_or_default(), day)
}

fn system_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{http_date, iso_date};

    #[test]
    fn dates_are_written_as_the_rfc_writes_them() {
        let cases = [
            (784_111_777_000, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (-1, Some("Wed, 31 Dec 1969 23:59:59 GMT")),
            (951_782_400_000, Some("Tue, 29 Feb 2000 00:00:00 GMT")),
            (4_107_542_400_000, Some("Mon, 01 Mar 2100 00:00:00 GMT")),
            (i64::MAX, None),
            (i64::MIN, None),
        ];
        for (at_ms, written) in cases {
            assert_eq!(http_date(at_ms).as_deref(), written, "{at_ms}");
        }
    }

    #[test]
    fn times_in_json_are_written_in_utc_with_milliseconds() {
        let cases = [
            (784_111_777_089, "1994-11-06T08:49:37.089Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "9999-12-31T23:59:59.999Z"),
        ];
        for (at_ms, written) in cases {
            assert_eq!(iso_date(at_ms), written, "{at_ms}");
        }
    }
}
