//! Values of LDAP and of SCIM, each into the other.

use bytes::Bytes;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use scim_core::filter::decode_base64;
use scim_core::schema::Type;
use serde_json::Value;

use super::country;
use crate::ldap::sid;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Tenths of a microsecond between 1601 and 1970: the zero of Windows times.
const FILETIME_ZERO: i64 = 116_444_736_000_000_000;

/// How a value is written in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Syntax {
    /// Text as it is.
    Text,
    /// `TRUE` and `FALSE` (RFC 4517 section 3.3.3).
    Boolean,
    /// Digits.
    Integer,
    /// `20061121212407.123Z` (RFC 4517 section 3.3.13).
    GeneralizedTime,
    /// Tenths of a microsecond since 1601, as Active Directory keeps them.
    Filetime,
    /// Bytes; base64 in SCIM.
    Binary,
    /// Sixteen bytes of Microsoft's order; a UUID in SCIM.
    Guid,
    /// A security identifier of Active Directory; `S-1-5-…` in SCIM.
    Sid,
    /// Lines divided by `$` (RFC 4517 section 3.3.28); by line breaks in SCIM.
    Lines,
    /// A picture; a `data:` URI in SCIM.
    Photo,
    /// A country: two letters (ISO 3166-1), beside which Active Directory keeps its name and its number.
    Country,
    /// The whole of an attribute as JSON text: what the directory has no attributes for.
    Json,
}

impl Syntax {
    /// What a SCIM type is written as where nothing else is said.
    pub fn of(ty: Type) -> Syntax {
        match ty {
            Type::Boolean => Syntax::Boolean,
            Type::Integer => Syntax::Integer,
            Type::DateTime => Syntax::GeneralizedTime,
            Type::Binary => Syntax::Binary,
            Type::String | Type::Reference | Type::Decimal | Type::Complex => Syntax::Text,
        }
    }

    /// Are its values ones of this SCIM type?
    pub fn makes(self, ty: Type) -> bool {
        let text = matches!(ty, Type::String | Type::Reference | Type::Binary | Type::DateTime);
        match self {
            Syntax::Text => ty != Type::Complex,
            Syntax::Boolean => ty == Type::Boolean,
            Syntax::Integer => matches!(ty, Type::Integer | Type::Decimal | Type::String),
            Syntax::Json => true,
            Syntax::Country => ty == Type::String,
            Syntax::GeneralizedTime
            | Syntax::Filetime
            | Syntax::Binary
            | Syntax::Guid
            | Syntax::Sid
            | Syntax::Lines
            | Syntax::Photo => text,
        }
    }

    /// The SCIM value of these bytes, for an attribute of this type; None where they make none: what is shown is never
    /// invented.
    pub fn to_scim(self, bytes: &[u8], ty: Type) -> Option<Value> {
        let text = || std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty());
        match self {
            Syntax::Text if ty == Type::Decimal => {
                serde_json::Number::from_f64(text()?.parse().ok()?).map(Value::Number)
            }
            Syntax::Text if ty == Type::Integer => text()?.parse::<i64>().ok().map(Value::from),
            Syntax::Text if ty == Type::Boolean => truth(text()?).map(Value::from),
            // A label may follow a URI, which has no blanks (labeledURI, RFC 2079).
            Syntax::Text if ty == Type::Reference => text()?.split_whitespace().next().map(Value::from),
            Syntax::Text => text().map(Value::from),
            Syntax::Country => country::known(text()?).map(|country| Value::from(country.alpha2)),
            Syntax::Boolean => truth(text()?).map(Value::from),
            Syntax::Integer if ty == Type::String => text().map(Value::from),
            Syntax::Integer => text()?.parse::<i64>().ok().map(Value::from),
            Syntax::GeneralizedTime => Some(generalized(text()?)?.to_string().into()),
            Syntax::Filetime => Some(filetime(text()?)?.to_string().into()),
            Syntax::Binary => (!bytes.is_empty()).then(|| STANDARD.encode(bytes).into()),
            Syntax::Guid => Some(guid_text(bytes)?.into()),
            Syntax::Sid => Some(sid::text(bytes)?.into()),
            Syntax::Lines => Some(lines(text()?).into()),
            Syntax::Json => serde_json::from_slice(bytes).ok(),
            Syntax::Photo => (!bytes.is_empty()).then(|| format!("{}{}", PHOTO, STANDARD.encode(bytes)).into()),
        }
    }

    /// The bytes of a SCIM value.
    ///
    /// # Errors
    /// Why the directory cannot hold it.
    pub fn to_ldap(self, value: &Value) -> Result<Bytes, String> {
        let text = match value {
            whole if self == Syntax::Json => return Ok(whole.to_string().into()),
            Value::String(text) => text.clone(),
            Value::Bool(flag) => return Ok(Bytes::from_static(if *flag { b"TRUE" } else { b"FALSE" })),
            Value::Number(number) => number.to_string(),
            _ => return Err("the directory holds simple values here".into()),
        };
        match self {
            Syntax::Text | Syntax::Integer | Syntax::Boolean | Syntax::Json => Ok(text.into()),
            Syntax::Country => country::known(&text)
                .map(|country| Bytes::from_static(country.alpha2.as_bytes()))
                .ok_or_else(|| format!("{text} is no country: send two letters of ISO 3166-1")),
            Syntax::GeneralizedTime => to_generalized(instant(&text)?).map(Bytes::from),
            Syntax::Filetime => {
                let tenths = instant(&text)?.as_nanosecond() / 100 + i128::from(FILETIME_ZERO);
                Ok(tenths.to_string().into())
            }
            Syntax::Binary => decode_base64(&text, false).map(Bytes::from).ok_or_else(|| "it is no base64 text".into()),
            Syntax::Guid => guid_bytes(&text).map(|bytes| bytes.to_vec().into()).ok_or_else(|| "it is no UUID".into()),
            Syntax::Sid => {
                sid::bytes(&text).map(Bytes::from).ok_or_else(|| "it is no security identifier (S-1-…)".into())
            }
            Syntax::Lines => Ok(to_lines(&text).into()),
            Syntax::Photo => text
                .split_once(";base64,")
                .filter(|(head, _)| head.starts_with("data:"))
                .and_then(|(_, data)| decode_base64(data, false))
                .map(Bytes::from)
                .ok_or_else(|| "the directory keeps pictures themselves: send a data: URI in base64".into()),
        }
    }
}

const PHOTO: &str = "data:image/jpeg;base64,";

fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("{text} is no time that a directory can hold"))
}

/// Reads `YYYYMMDDHH[MM[SS]][.f](Z|±hhmm)`.
pub fn generalized(text: &str) -> Option<Timestamp> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (figures, rest) = text.split_at_checked(digits)?;
    let part = |from: usize, to: usize| figures.get(from..to)?.parse::<i8>().ok();
    let year = figures.get(..4)?.parse().ok()?;
    let (month, day, hour) = (part(4, 6)?, part(6, 8)?, part(8, 10)?);
    let minute = if digits >= 12 { part(10, 12)? } else { 0 };
    // A leap second is the second before it: nobody else keeps them.
    let second = if digits >= 14 { part(12, 14)?.min(59) } else { 0 };
    let (fraction, zone) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?,
        None => ("", rest),
    };
    let unit: i64 = match digits {
        14 => 1_000_000_000,
        12 => 60_000_000_000,
        10 => 3_600_000_000_000,
        _ => return None,
    };
    let mut more: i64 = 0;
    let mut scale = unit;
    for digit in fraction.bytes().take(9) {
        scale /= 10;
        more = more.checked_add(i64::from(digit - b'0').checked_mul(scale)?)?;
    }
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign @ ("+" | "-"), figures) if figures.len() == 4 || figures.len() == 2 => {
            let hours: i64 = figures.get(..2)?.parse().ok()?;
            let minutes: i64 =
                figures.get(2..).filter(|text| !text.is_empty()).map_or(Some(0), |text| text.parse().ok())?;
            (hours * 3_600 + minutes * 60) * if sign == "-" { -1 } else { 1 }
        }
        _ => return None,
    };
    let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let utc = Offset::UTC.to_timestamp(civil).ok()?;
    utc.checked_add(SignedDuration::from_secs(-offset) + SignedDuration::from_nanos(more)).ok()
}

/// Writes generalized time in UTC, with a fraction only where there is one.
pub fn to_generalized(at: Timestamp) -> Result<String, String> {
    let civil = TimeZone::UTC.to_datetime(at);
    if civil.year() < 0 {
        return Err("a directory holds no times before the year 0".into());
    }
    let whole = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    );
    let fraction = format!("{:09}", civil.subsec_nanosecond());
    let fraction = fraction.trim_end_matches('0');
    Ok(if fraction.is_empty() { format!("{whole}Z") } else { format!("{whole}.{fraction}Z") })
}

fn filetime(text: &str) -> Option<Timestamp> {
    let tenths: i64 = text.parse().ok()?;
    // Zero and the greatest number mean "never" there.
    if tenths == 0 || tenths == i64::MAX {
        return None;
    }
    Timestamp::from_nanosecond((i128::from(tenths) - i128::from(FILETIME_ZERO)) * 100).ok()
}

/// The sixteen bytes of an `objectGUID` as text: three fields stand with their low byte first.
pub fn guid_text(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    Some(uuid::Uuid::from_bytes_le(bytes).to_string())
}

/// The other way.
pub fn guid_bytes(text: &str) -> Option<[u8; 16]> {
    is_uuid(text).then(|| uuid::Uuid::try_parse(text).ok()).flatten().map(|uuid| uuid.to_bytes_le())
}

/// Is this a UUID in the usual form, and no other?
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let escaped = from.get(..3).unwrap_or_default();
        rest = match escaped {
            "\\24" => {
                out.push('$');
                from.get(3..).unwrap_or_default()
            }
            _ if escaped.eq_ignore_ascii_case("\\5c") => {
                out.push('\\');
                from.get(3..).unwrap_or_default()
            }
            _ => {
                out.push(if from.starts_with('$') { '\n' } else { '\\' });
                from.get(1..).unwrap_or_default()
            }
        };
    }
    out.push_str(rest);
    out
}

fn to_lines(text: &str) -> String {
    text.replace('\\', "\\5c").replace('$', "\\24").replace("\r\n", "$").replace(['\n', '\r'], "$")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn times_of_directories_are_times_of_scim() {
        for (text, expected) in [
            ("20261121212407Z", "2026-11-21T21:24:07Z"),
            ("20261121212407.123Z", "2026-11-21T21:24:07.123Z"),
            ("20261121212407.0Z", "2026-11-21T21:24:07Z"),
            ("202611212124Z", "2026-11-21T21:24:00Z"),
            ("2026112121.5Z", "2026-11-21T21:30:00Z"),
            ("20261121212407,5+0130", "2026-11-21T19:54:07.5Z"),
            ("20261121212460Z", "2026-11-21T21:24:59Z"),
        ] {
            assert_eq!(
                Syntax::GeneralizedTime.to_scim(text.as_bytes(), Type::DateTime),
                Some(json!(expected)),
                "{text}"
            );
        }
        for bad in ["", "Z", "2026", "20261321212407Z", "20261121212407", "20261121212407.5", "20261121212407x"] {
            assert_eq!(generalized(bad), None, "{bad}");
        }
        let written = Syntax::GeneralizedTime.to_ldap(&json!("2011-05-13T04:42:34.5+02:00")).unwrap();
        assert_eq!(written, "20110513024234.5Z");
    }

    #[test]
    fn windows_times_are_times_of_scim() {
        let read = |text: &str| Syntax::Filetime.to_scim(text.as_bytes(), Type::DateTime);
        assert_eq!(read("132223104000000000"), Some(json!("2020-01-01T00:00:00Z")));
        assert_eq!((read("0"), read("9223372036854775807"), read("x")), (None, None, None));
        assert_eq!(Syntax::Filetime.to_ldap(&json!("2020-01-01T00:00:00Z")).unwrap(), "132223104000000000");
    }

    #[test]
    fn a_guid_stands_in_microsofts_order() {
        let bytes = [0x78, 0x56, 0x34, 0x12, 0x34, 0x12, 0x78, 0x56, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(guid_text(&bytes).unwrap(), "12345678-1234-5678-0102-030405060708");
        assert_eq!(guid_bytes("12345678-1234-5678-0102-030405060708"), Some(bytes));
        assert_eq!((guid_bytes("12345678123456780102030405060708"), guid_text(&[1])), (None, None));
    }

    #[test]
    fn what_a_directory_cannot_hold_is_told() {
        assert!(Syntax::Photo.to_ldap(&json!("https://example.org/a.jpg")).is_err());
        assert!(Syntax::GeneralizedTime.to_ldap(&json!("soon")).is_err());
        assert_eq!(Syntax::Photo.to_ldap(&json!("data:image/png;base64,AAE=")).unwrap(), &[0_u8, 1][..]);
        assert_eq!(Syntax::Boolean.to_ldap(&json!(false)).unwrap(), "FALSE");
        assert_eq!(Syntax::Boolean.to_scim(b"true", Type::Boolean), Some(json!(true)));
    }

    proptest! {
        #[test]
        fn lines_come_back(text in "[a$\\\\\n54c ]{0,20}") {
            prop_assert_eq!(lines(&to_lines(&text)), text);
        }

        /// No bytes of a directory can stop us.
        #[test]
        fn bytes_are_values_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..24), text in "[0-9.,Z+-]{0,24}") {
            use Syntax::*;
            for syntax in [Text, Boolean, Integer, GeneralizedTime, Filetime, Binary, Guid, Lines, Photo, Json] {
                for ty in Type::ALL {
                    syntax.to_scim(&bytes, *ty);
                    syntax.to_scim(text.as_bytes(), *ty);
                }
            }
        }
    }
}
