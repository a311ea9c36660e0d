//! Time and chance are inputs: the edge passes them in, so that a whole exchange can be repeated byte for byte.

use std::fmt;
use std::time::Instant;

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The next moment that can be told apart from this one.
    pub const fn next(self) -> Self {
        Timestamp(self.0.saturating_add(1))
    }

    /// Later by this many seconds.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Timestamp(self.0.saturating_add(seconds.saturating_mul(1_000)))
    }
}

impl Timestamp {
    /// Appends the form in which the server writes times: UTC with milliseconds, `2011-05-13T04:42:34.000Z`.
    pub fn write(self, out: &mut Vec<u8>) {
        let (days, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        // The days of 400 years are always the same number; years begin in March here, so that a leap day is their last.
        let since = days + 719_468;
        let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = year + era * 400 + later;
        if !(0..=9_999).contains(&year) {
            out.extend_from_slice(b"1970-01-01T00:00:00.000Z");
            return;
        }
        let seconds = millis / 1_000;
        let [y1, y2] = two(year / 100);
        let [y3, y4] = two(year % 100);
        let [n1, n2] = two(month);
        let [d1, d2] = two(day);
        let [h1, h2] = two(seconds / 3_600);
        let [m1, m2] = two(seconds / 60 % 60);
        let [s1, s2] = two(seconds % 60);
        let [f1, f2] = two(millis % 1_000 / 10);
        let [_, f3] = two(millis % 10);
        out.extend_from_slice(&[
            y1, y2, y3, y4, b'-', n1, n2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3,
            b'Z',
        ]);
    }
}

/// A number below a hundred in two digits.
fn two(value: i64) -> [u8; 2] {
    let value = u8::try_from(value).unwrap_or_default();
    [b'0' + value / 10 % 10, b'0' + value % 10]
}

/// As [`Timestamp::write`].
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// The monotonic clock, for deadlines.
    fn instant(&self) -> Instant;
}

/// Gives bytes that nobody can guess.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` from the system's generator.
    fn fill(&self, bytes: &mut [u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_a_calendar_says() {
        let check = |millis: i64| {
            let calendar = jiff::Timestamp::from_millisecond(millis).unwrap();
            assert_eq!(Timestamp::from_millis(millis).to_string(), format!("{calendar:.3}"), "{millis}");
        };
        let year = 31_556_952_000;
        for turn in 0..9_000 {
            check(turn * year / 37 + turn);
            check(-turn * 86_399_999 * 7);
        }
        for millis in
            [0, -1, 999, 951_782_400_000, 951_868_799_999, 1_709_164_800_000, 4_107_542_399_999, 253_402_207_199_999]
        {
            check(millis);
        }
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
