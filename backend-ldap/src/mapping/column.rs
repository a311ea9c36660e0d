//! What one column makes of a value on its way in and out: what its syntax says, and what is done to texts besides.

use bytes::Bytes;
use scim_core::schema::Type;
use serde_json::Value;

use super::syntax::Syntax;
use super::{Column, schema::Equality};

/// What is done to a text, in both directions: the directory may hold it otherwise, and is not changed for that alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Without blanks at its ends.
    Trim,
    /// In small letters.
    Lower,
    /// In capitals.
    Upper,
    /// A telephone number in digits alone, behind a `+` where it begins with one or with `00`.
    E164,
}

impl Transform {
    fn of(self, text: &str) -> String {
        match self {
            Transform::Trim => text.trim().to_owned(),
            Transform::Lower => text.to_lowercase(),
            Transform::Upper => text.to_uppercase(),
            Transform::E164 => {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                match (text.trim_start().starts_with('+'), digits.strip_prefix("00")) {
                    (true, _) => format!("+{digits}"),
                    (false, Some(rest)) => format!("+{rest}"),
                    (false, None) => digits,
                }
            }
        }
    }
}

/// Stands before each value of a column, as `smtp:` does in `proxyAddresses`: in capitals before the primary one. Values that begin with
/// something else are none of the column's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// This one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Prefix, &'static str> {
        match text.bytes().any(|byte| byte.is_ascii_alphabetic()) && text.is_ascii() {
            true => Ok(Prefix(text.to_ascii_lowercase())),
            false => Err("is no prefix: write letters of ASCII, as in smtp:"),
        }
    }

    /// What stands behind it, and whether that is the primary value.
    fn strip<'v>(&self, value: &'v [u8]) -> Option<(&'v [u8], bool)> {
        let (own, rest) = value.split_at_checked(self.0.len())?;
        let primary = own == self.0.to_ascii_uppercase().as_bytes();
        own.eq_ignore_ascii_case(self.0.as_bytes()).then_some((rest, primary))
    }
}

impl Column {
    /// The value of these bytes in SCIM; None where they are none of this column's.
    pub fn to_scim(&self, bytes: &[u8]) -> Option<Value> {
        let bytes = match &self.prefix {
            Some(prefix) => prefix.strip(bytes)?.0,
            None => bytes,
        };
        match self.syntax.to_scim(bytes, self.at.leaf().ty)? {
            Value::String(text) => Some(self.transformed(text)).filter(|text| !text.is_empty()).map(Value::from),
            value => Some(value),
        }
    }

    /// Is this the value that is primary, by what stands before it?
    pub fn is_primary(&self, bytes: &[u8]) -> bool {
        self.prefix.as_ref().and_then(|prefix| prefix.strip(bytes)).is_some_and(|(_, primary)| primary)
    }

    /// The bytes of a value; behind a prefix, of one that is not primary.
    ///
    /// # Errors
    /// Why the directory cannot hold it.
    pub fn to_ldap(&self, value: &Value) -> Result<Bytes, String> {
        let value = match value {
            Value::String(text) if !self.transforms.is_empty() => &Value::from(self.transformed(text.clone())),
            value => value,
        };
        let bytes = self.syntax.to_ldap(value)?;
        Ok(match &self.prefix {
            Some(prefix) => [prefix.0.as_bytes(), &bytes].concat().into(),
            None => bytes,
        })
    }

    /// The same bytes before which the prefix of the primary value stands.
    pub fn as_primary(&self, bytes: Bytes) -> Bytes {
        match self.prefix.as_ref().and_then(|prefix| Some((prefix, prefix.strip(&bytes)?.0))) {
            Some((prefix, rest)) => [prefix.0.to_ascii_uppercase().as_bytes(), rest].concat().into(),
            None => bytes,
        }
    }

    fn transformed(&self, text: String) -> String {
        self.transforms.iter().fold(text, |text, transform| transform.of(&text))
    }

    /// Can the directory look for texts of this column as SCIM shows them?
    pub(super) fn is_searched_as_shown(&self) -> bool {
        let case = |transform: &Transform| matches!(transform, Transform::Lower | Transform::Upper);
        let folded = self.transforms.iter().all(case) && self.rules.equality == Equality::Folded;
        let as_it_stands = self.syntax == Syntax::Text && self.transforms.is_empty();
        // A country is shown in capitals.
        let texts = matches!(self.syntax, Syntax::Text | Syntax::Country);
        // A label may follow a URI.
        let whole = self.at.leaf().ty != Type::Reference;
        self.prefix.is_none() && texts && whole && (as_it_stands || folded)
    }

    /// Is each of its values one of SCIM?
    pub(super) fn shows_all(&self) -> bool {
        self.syntax == Syntax::Text
            && self.at.leaf().ty == Type::String
            && self.transforms.is_empty()
            && self.prefix.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_made_alike() {
        for (transform, text, expected) in [
            (Transform::Trim, "  a b ", "a b"),
            (Transform::Lower, "Äb C", "äb c"),
            (Transform::Upper, "äb", "ÄB"),
            (Transform::E164, "+1 (555) 000-001", "+1555000001"),
            (Transform::E164, "0049 89 / 123", "+4989123"),
            (Transform::E164, "089 123", "089123"),
            (Transform::E164, "x", ""),
        ] {
            assert_eq!(transform.of(text), expected, "{transform:?} {text:?}");
        }
    }

    #[test]
    fn a_prefix_says_which_is_primary() {
        let prefix = Prefix::new("smtp:").unwrap();
        assert_eq!(prefix.strip(b"SMTP:a@x"), Some((&b"a@x"[..], true)));
        assert_eq!(prefix.strip(b"smtp:a@x"), Some((&b"a@x"[..], false)));
        assert_eq!(prefix.strip(b"Smtp:a@x"), Some((&b"a@x"[..], false)));
        for other in [&b"X500:/o=x"[..], b"sip:a@x", b"smt", b""] {
            assert_eq!(prefix.strip(other), None);
        }
        assert!(Prefix::new("").is_err() && Prefix::new(":").is_err() && Prefix::new("ä:").is_err());
    }
}
