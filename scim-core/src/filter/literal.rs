//! Values that JSON carries as text: dateTimes as instants, binaries as bytes. Validation reads them the same way.

use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::{SignedDuration, civil};

const EPOCH: civil::DateTime = civil::datetime(1970, 1, 1, 0, 0, 0, 0);

/// The instant an xsd:dateTime names, in nanoseconds since the Unix epoch (RFC 7643 section 2.3.5).
///
/// The form is checked to the letter: four digits of year, `T`, seconds; then perhaps a fraction, of which nine digits
/// count, and perhaps `Z` or an offset of at most fourteen hours. Without one it is UTC. `24:00:00` is the next
/// midnight, and a leap second the second before it. None for anything else.
pub fn instant(text: &str) -> Option<i128> {
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, offset) = split_zone(time)?;
    let (whole, fraction) = match time.split_once('.') {
        Some((whole, fraction)) => (whole, nanoseconds(fraction)?),
        None => (time, 0),
    };
    let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])?;
    let end_of_day = hour == 24 && minute == 0 && second == 0 && fraction == 0;
    let at = civil::DateTime::new(
        year,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        if end_of_day { 0 } else { i8::try_from(hour).ok()? },
        i8::try_from(minute).ok()?,
        if second == 60 { 59 } else { i8::try_from(second).ok()? },
        fraction,
    )
    .ok()?;
    let utc = at.duration_since(EPOCH).as_nanos();
    Some(utc + i128::from(i64::from(end_of_day) * 86_400 - offset) * 1_000_000_000)
}

/// Splits the zone off a time; its offset is in seconds.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (time, zone) = time.split_at_checked(at)?;
    let [hours, minutes] = numbers(zone.get(1..)?, ':', [2, 2])?;
    let offset = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
    if minutes > 59 || offset > 14 * 3_600 {
        return None;
    }
    Some((time, if zone.starts_with('-') { -offset } else { offset }))
}

/// The first nine digits of a fraction of a second.
fn nanoseconds(digits: &str) -> Option<i32> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let counted = digits.get(..9).unwrap_or(digits);
    format!("{counted:0<9}").parse().ok()
}

/// Numbers of just so many digits, with a separator between them.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[i16; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    if parts.next().is_some() { None } else { Some(numbers) }
}

/// An instant as an xsd:dateTime in UTC.
pub(super) fn instant_text(nanoseconds: i128) -> String {
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    let rest = i32::try_from(nanoseconds.rem_euclid(1_000_000_000)).unwrap_or(0);
    format!("{}Z", EPOCH.saturating_add(SignedDuration::new(seconds, rest)))
}

/// The bytes that base64 text stands for (RFC 4648 section 4; with `url_safe` that of section 5 too). Padding may be
/// left off. None where it is no base64.
pub fn decode_base64(text: &str, url_safe: bool) -> Option<Vec<u8>> {
    if url_safe && let Ok(bytes) = engine(&URL_SAFE).decode(text) {
        return Some(bytes);
    }
    engine(&STANDARD).decode(text).ok()
}

/// The text that [`decode_base64`] reads.
pub(super) fn encode_base64(bytes: &[u8], url_safe: bool) -> String {
    engine(if url_safe { &URL_SAFE } else { &STANDARD }).encode(bytes)
}

fn engine(alphabet: &Alphabet) -> GeneralPurpose {
    let lenient = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, lenient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 7644-3.4.2.2-61, 7643-2.3.5: one instant, many spellings.
    #[test]
    fn date_times_of_one_instant_are_equal() {
        let same = instant("2011-05-13T04:42:34Z");
        assert_eq!(same, Some(1_305_261_754_000_000_000));
        for text in [
            "2011-05-13T04:42:34",
            "2011-05-13T06:42:34.000+02:00",
            "2011-05-12T23:42:34-05:00",
            "2011-05-13T04:42:34.0000000000009Z",
        ] {
            assert_eq!(instant(text), same, "{text}");
        }
        assert_eq!(instant("2012-02-29T24:00:00Z"), instant("2012-03-01T00:00:00Z"));
        assert_eq!(instant("2016-12-31T23:59:60Z"), instant("2016-12-31T23:59:59Z"));
        assert_eq!(instant("2011-05-13T04:42:34.5Z"), same.map(|ns| ns + 500_000_000));
        assert!(instant("0001-01-01T00:00:00Z") < instant("9999-12-31T23:59:59Z"));
        for text in ["2011-05-13T04:42:34Z", "1969-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59Z"] {
            assert_eq!(instant(text).map(instant_text).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "2011-05-13",
            "2011-05-13 04:42:34Z",
            "2011-05-13t04:42:34z",
            "2011-05-13T04:42Z",
            "2011-02-29T04:42:34Z",
            "2011-05-13T04:42:34.Z",
            "2011-05-13T24:00:01Z",
            "2011-05-13T04:42:34+0200",
            "2011-05-13T04:42:34+15:00",
            "2011-05-13T04:42:34+02:60",
            "+2011-05-13T04:42:34Z",
            "20110-05-13T04:42:34Z",
            "2011-5-13T04:42:34Z",
            "2011-05-13T04:42:34Z ",
            "２０１１-05-13T04:42:34Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn base64_may_lack_its_padding_and_has_one_alphabet() {
        for (text, url_safe, bytes) in [
            ("AQID", false, Some(vec![1, 2, 3])),
            ("AQ==", false, Some(vec![1])),
            ("AQ", false, Some(vec![1])),
            ("+/8=", false, Some(vec![0xfb, 0xff])),
            ("-_8=", false, None),
            ("-_8", true, Some(vec![0xfb, 0xff])),
            ("+/8", true, Some(vec![0xfb, 0xff])),
            ("A", false, None),
            ("A Q", false, None),
        ] {
            assert_eq!(decode_base64(text, url_safe), bytes, "{text}");
        }
    }
}
