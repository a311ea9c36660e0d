//! Bytes to JSON, strictly: whatever two readers could read differently is refused (RFC 8259, RFC 7493).
//!
//! One pass: the checks run inside serde's visitor, so a bad body is refused at the byte where it turns bad.

use std::cell::RefCell;
use std::fmt;

use foldhash::HashSet;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{ScimError, excerpt};
use crate::limits::Limits;
use crate::name::same;

/// Up to so many keys a look at each of them is quicker than a set.
const FEW_KEYS: usize = 16;

/// The deepest nesting that is ever read, whatever the limits say: deeper, the parser itself gives up.
const DEEPEST: usize = 120;

/// Reads a message body.
///
/// # Errors
/// `invalidSyntax` for what is empty, no UTF-8, no JSON, nested deeper than `json_depth`, has an object with more than
/// `json_keys` keys or with two keys that differ in case only (RFC 7643 section 2.1), a string longer than
/// `json_string` bytes or one that holds NUL; `invalidValue` for a number that no double can hold.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, ScimError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        ScimError::invalid_syntax(format!("the body is no UTF-8 from byte {} on; send UTF-8", error.valid_up_to()))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(ScimError::invalid_syntax("the body starts with a byte order mark; send the JSON without it"));
    }
    if text.trim_ascii().is_empty() {
        return Err(ScimError::invalid_syntax("the body is empty; send a JSON object"));
    }
    let failed = RefCell::new(None);
    let reader = Reader { limits, failed: &failed, depth: limits.json_depth.min(DEEPEST) };
    let mut source = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize(&mut source).and_then(|value| source.end().map(|()| value));
    read.map_err(|error| failed.take().unwrap_or_else(|| no_json(&error)))
}

fn no_json(error: &serde_json::Error) -> ScimError {
    let shown = error.to_string();
    if shown.starts_with("number out of range") {
        return ScimError::invalid_value(format!("the body holds a number that is too large: {shown}"));
    }
    ScimError::invalid_syntax(format!("the body is no JSON: {shown}"))
}

/// Reads one value. `depth` is how many levels of nesting are left.
#[derive(Clone, Copy)]
struct Reader<'a> {
    limits: &'a Limits,
    failed: &'a RefCell<Option<ScimError>>,
    depth: usize,
}

impl Reader<'_> {
    /// Keeps the error for [`parse`]: serde's own carries text only.
    fn fail<E: Error>(self, error: ScimError) -> E {
        self.failed.replace(Some(error));
        E::custom("refused")
    }

    fn inside<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Reader { depth, ..self }),
            None => Err(self.fail(ScimError::invalid_syntax(format!(
                "the body is nested deeper than {} levels",
                self.limits.json_depth.min(DEEPEST)
            )))),
        }
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        if text.len() > self.limits.json_string {
            return Err(self.fail(ScimError::invalid_syntax(format!(
                "the string {} has {} bytes; no more than {} are taken",
                excerpt(text),
                text.len(),
                self.limits.json_string
            ))));
        }
        if text.as_bytes().contains(&0) {
            return Err(self.fail(ScimError::invalid_syntax(format!(
                "the string {} holds a NUL character; leave it out",
                excerpt(text)
            ))));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(self.fail(ScimError::invalid_value("the body holds a number that is too large"))),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        self.text(&value)?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        let mut many = HashSet::default();
        while let Some(key) = entries.next_key::<String>()? {
            self.text(&key)?;
            if object.len() == self.limits.json_keys {
                return Err(self.fail(ScimError::invalid_syntax(format!(
                    "an object of the body has more than {} keys",
                    self.limits.json_keys
                ))));
            }
            if object.len() == FEW_KEYS && many.is_empty() {
                many.extend(object.keys().map(|key| key.to_ascii_lowercase()));
            }
            let twice = if object.len() < FEW_KEYS {
                object.keys().any(|other| same(other, &key))
            } else {
                !many.insert(key.to_ascii_lowercase())
            };
            if twice {
                return Err(self.fail(ScimError::invalid_syntax(format!(
                    "an object of the body has the key {} twice (names are the same in any letter case)",
                    excerpt(&key)
                ))));
            }
            let value = entries.next_value_seed(inside)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    fn check(body: &[u8], expected: Result<&str, ErrorKind>) {
        let got = parse(body, &Limits::default());
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        match (got, expected) {
            (Ok(value), Ok(text)) => assert_eq!(value.to_string(), text, "{shown}"),
            (Err(error), Err(kind)) => assert_eq!(error.kind, kind, "{shown}: {error}"),
            (got, expected) => panic!("{shown}: {got:?} rather than {expected:?}"),
        }
    }

    #[test]
    fn plain_json_keeps_its_order_and_its_numbers() {
        for (body, text) in [
            (r#" {"b":1,"a":[true,null,"x"]} "#, r#"{"b":1,"a":[true,null,"x"]}"#),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.1", "0.1"),
            (r#""\ud83d\ude00""#, "\"😀\""),
            (r#"{"é":1,"É":2}"#, r#"{"é":1,"É":2}"#), // case of attribute names is ASCII's
        ] {
            check(body.as_bytes(), Ok(text));
        }
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_invalid_syntax() {
        let syntax = Err(ErrorKind::InvalidSyntax);
        for body in [
            r#"{"a":1,"a":2}"#,
            r#"{"userName":"a","USERNAME":"b"}"#,
            r#"{"x":{"a":1,"A":2}}"#,
            r#"{"x":"a\u0000b"}"#,
            r#"{"a\u0000":1}"#,
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            "\u{feff}{}",
            "",
            " \n\t ",
            "{",
            "{\"a\":",
            "[1,2",
            "{} {}",
            "{}x",
            "[1,]",
            "{a:1}",
            "'a'",
            "NaN",
            "01",
            "\"a\u{1}b\"",
            "// c\n{}",
        ] {
            check(body.as_bytes(), syntax);
        }
        check(b"{\"a\":\"\xff\"}", syntax);
        check(b"\xff\xfe{\0}\0", syntax);
    }

    #[test]
    fn numbers_beyond_a_double_are_invalid_values() {
        check(b"1e400", Err(ErrorKind::InvalidValue));
        check(b"{\"a\":[-1e999]}", Err(ErrorKind::InvalidValue));
        // 2^70 is a double, and no integer: an integer attribute refuses it, a decimal takes it.
        let value = parse(b"1180591620717411303424", &Limits::default()).unwrap();
        assert!(value.as_i64().is_none() && value.as_u64().is_none());
        assert_eq!(value.as_f64(), Some(2f64.powi(70)));
    }

    #[test]
    fn nesting_is_bounded_without_exhausting_the_stack() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        let deepest = Limits::default().json_depth;
        assert!(parse(nested(deepest).as_bytes(), &Limits::default()).is_ok());
        check(nested(deepest + 1).as_bytes(), Err(ErrorKind::InvalidSyntax));
        check(nested(100_000).as_bytes(), Err(ErrorKind::InvalidSyntax));
        check("{\"a\":".repeat(100_000).as_bytes(), Err(ErrorKind::InvalidSyntax));
        let boundless = Limits { json_depth: usize::MAX, ..Limits::default() };
        assert!(parse(nested(DEEPEST).as_bytes(), &boundless).is_ok());
        assert_eq!(parse(nested(100_000).as_bytes(), &boundless).unwrap_err().kind, ErrorKind::InvalidSyntax);
    }

    #[test]
    fn keys_and_strings_are_bounded() {
        let object = |n: usize| {
            let entries = (0..n).map(|i| format!("\"key{i}\":{i}")).collect::<Vec<_>>();
            format!("{{{}}}", entries.join(","))
        };
        let limits = Limits::default();
        assert!(parse(object(limits.json_keys).as_bytes(), &limits).is_ok());
        check(object(limits.json_keys + 1).as_bytes(), Err(ErrorKind::InvalidSyntax));
        let text = |n: usize| format!("\"{}\"", "x".repeat(n));
        assert!(parse(text(limits.json_string).as_bytes(), &limits).is_ok());
        check(text(limits.json_string + 1).as_bytes(), Err(ErrorKind::InvalidSyntax));
    }

    #[test]
    fn a_repeated_key_is_found_among_few_and_among_many() {
        for others in [0, 1, FEW_KEYS - 2, FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 1, 500] {
            let entries = (0..others).map(|i| format!("\"k{i}\":0,")).collect::<String>();
            check(format!("{{\"Twice\":1,{entries}\"tWICE\":2}}").as_bytes(), Err(ErrorKind::InvalidSyntax));
            check(format!("{{{entries}\"Twice\":1,\"tWICE\":2}}").as_bytes(), Err(ErrorKind::InvalidSyntax));
        }
    }

    /// JSON without names that differ in case only.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has no infinity", |n| n.is_finite()).prop_map(Value::from),
            "[^\\x00]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 24, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-z$:.é]{0,6}", inner, 0..24)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_it_was(value in any_json()) {
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(&parse(text.as_bytes(), &Limits::default()).unwrap(), &value);
            }
        }

        #[test]
        fn no_bytes_whatever_upset_the_reader(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\",:0-9eE.a\\\\-]{0,60}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                if let Ok(value) = parse(bytes, &Limits::default()) {
                    prop_assert_eq!(value, serde_json::from_slice::<Value>(bytes).unwrap());
                }
            }
        }
    }
}
