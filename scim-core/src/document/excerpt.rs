//! A stored document of which only a few members are read: a change mostly touches one of twenty, and what it leaves
//! alone stays text.

use memchr::memchr2;
use serde_json::{Map, Value};

use super::Document;

/// A name and the JSON text of its value, as they are written.
pub(crate) type Member<'a> = (&'a str, &'a str);

/// A document, partly read.
#[derive(Debug)]
pub(crate) struct Excerpt<'a> {
    /// What was read.
    pub read: Map<String, Value>,
    /// All other members, in their order.
    pub rest: Vec<Member<'a>>,
    /// Bytes of the whole document.
    pub size: usize,
}

impl Document {
    /// Reads those members that are wanted, by name and text; all of them where the text is not as this crate writes
    /// documents.
    pub(crate) fn excerpt(&self, wanted: impl Fn(&str, &str) -> bool) -> Excerpt<'_> {
        let apart = || {
            let (read, rest): (Vec<_>, Vec<_>) =
                members(self.as_str())?.into_iter().partition(|(name, text)| wanted(name, text));
            let read = read.into_iter().map(|(name, text)| Some((name.to_owned(), serde_json::from_str(text).ok()?)));
            Some(Excerpt { read: read.collect::<Option<_>>()?, rest, size: self.as_str().len() })
        };
        apart().unwrap_or_else(|| Excerpt { read: self.parse(), rest: Vec::new(), size: self.as_str().len() })
    }
}

impl<'a> Excerpt<'a> {
    /// The text of a member that was not read.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        text(&self.rest, name)
    }
}

/// The text of the member of this name.
pub(crate) fn text<'a>(members: &[Member<'a>], name: &str) -> Option<&'a str> {
    members.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
}

/// The members of an object as text. None where it is none, or not written in the one way in which this crate writes:
/// without space between, names without escapes. What stands inside of values is not looked at.
pub(crate) fn members(object: &str) -> Option<Vec<Member<'_>>> {
    if object == "{}" {
        return Some(Vec::new());
    }
    let mut members = Vec::with_capacity(16);
    let mut walk = Walk { object, at: 0 };
    loop {
        members.push(walk.next()?);
        if walk.is_over() {
            return Some(members);
        }
    }
}

/// Members of two objects, all that are written differently among them: what both begin with is left out, and what both
/// end with. None where either is not written as [`members`] have to be, as far as that is looked at.
pub(crate) fn different<'a>(one: &'a str, other: &'a str) -> Option<(Vec<Member<'a>>, Vec<Member<'a>>)> {
    const STRIDE: usize = 32;
    let strides = one.as_bytes().chunks_exact(STRIDE).zip(other.as_bytes().chunks_exact(STRIDE));
    let alike = strides.take_while(|(own, its)| own == its).count() * STRIDE;
    let (mut own, mut at) = (Walk { object: one, at: 0 }, 0);
    own.next()?;
    while own.at < alike && !own.is_over() {
        at = own.at;
        own.next()?;
    }
    let (mut own, mut its) = (Walk { object: one, at }, Walk { object: other, at });
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    while own.rest() != its.rest() {
        if !own.is_over() {
            ours.push(own.next()?);
        }
        if !its.is_over() {
            theirs.push(its.next()?);
        }
    }
    Some((ours, theirs))
}

/// An object, from one of its members to the next.
struct Walk<'a> {
    object: &'a str,
    /// At the bracket or comma before the next member, or at the last bracket.
    at: usize,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a str {
        self.object.get(self.at..).unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        self.rest() == "}"
    }

    /// The next member; None where there is none, or it is not written as it should be.
    fn next(&mut self) -> Option<Member<'a>> {
        let bytes = self.object.as_bytes();
        let before = if self.at == 0 { b'{' } else { b',' };
        if *bytes.get(self.at)? != before || *bytes.get(self.at + 1)? != b'"' {
            return None;
        }
        let name = self.at + 2;
        let name_end = name + memchr2(b'"', b'\\', bytes.get(name..)?)?;
        if *bytes.get(name_end)? != b'"' || *bytes.get(name_end + 1)? != b':' {
            return None;
        }
        let value = name_end + 2;
        self.at = end(bytes, value)?;
        if value == self.at {
            return None;
        }
        Some((self.object.get(name..name_end)?, self.object.get(value..self.at)?))
    }
}

/// Where the value ends that begins here: at the comma or the bracket behind it.
fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut at, mut depth) = (from, 0_usize);
    loop {
        match *bytes.get(at)? {
            b'"' => at = quoted(bytes, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            b'}' | b']' => depth -= 1,
            b' ' | b'\t' | b'\r' | b'\n' => return None,
            _ => {}
        }
        at += 1;
    }
}

/// Where the string ends whose text begins here: at its closing quote.
fn quoted(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if *bytes.get(at)? == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Is this the text of the value, as this crate writes it?
pub(crate) fn is_written(value: &Value, text: &str) -> bool {
    behind(value, text) == Some("")
}

/// Does a text stand in JSON as it is?
fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte == b'"' || byte == b'\\' || byte < b' ')
}

/// What follows on the value's text. Values nest no deeper than bodies may.
fn behind<'t>(value: &Value, text: &'t str) -> Option<&'t str> {
    match value {
        Value::String(own) if is_plain(own) => text.strip_prefix('"')?.strip_prefix(own.as_str())?.strip_prefix('"'),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.strip_prefix(value.to_string().as_str())
        }
        Value::Array(items) => {
            let mut rest = text.strip_prefix('[')?;
            for (n, item) in items.iter().enumerate() {
                rest = behind(item, if n == 0 { rest } else { rest.strip_prefix(',')? })?;
            }
            rest.strip_prefix(']')
        }
        Value::Object(members) => {
            let mut rest = text.strip_prefix('{')?;
            for (n, (name, item)) in members.iter().enumerate() {
                if !is_plain(name) {
                    return None;
                }
                rest = if n == 0 { rest } else { rest.strip_prefix(',')? };
                rest = rest.strip_prefix('"')?.strip_prefix(name.as_str())?.strip_prefix("\":")?;
                rest = behind(item, rest)?;
            }
            rest.strip_prefix('}')
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_told_apart_without_being_read() {
        let check =
            |text: &str, expected: Option<&[Member<'_>]>| assert_eq!(members(text).as_deref(), expected, "{text}");
        check("{}", Some(&[]));
        check(r#"{"a":1}"#, Some(&[("a", "1")]));
        check(
            r#"{"a":"}\",\"b\":{","urn:x:User":{"c":[{"d":"\\"},2]},"e":[],"f":null}"#,
            Some(&[("a", r#""}\",\"b\":{""#), ("urn:x:User", r#"{"c":[{"d":"\\"},2]}"#), ("e", "[]"), ("f", "null")]),
        );
        check(r#"{"é":"ü"}"#, Some(&[("é", "\"ü\"")]));
        for other in [
            "",
            "{",
            "}",
            "[]",
            "null",
            "\"a\"",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1}}",
            "{\"a\":1},",
            "{\"a\":\"b}",
            "{ }",
            "{\"a\": 1}",
            "{\"a\":1, \"b\":2}",
            "{\"a\":1 }",
            " {\"a\":1}",
            "{\"a\\u0041\":1}",
            "{\"a\":1,}",
            "{\"a\":{ \"b\":1}}",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn what_two_objects_begin_and_end_with_is_left_out() {
        let check = |one: &str, other: &str, expected: Option<(&[&str], &[&str])>| {
            let texts = [one, other].map(|text| text.replace("LONG", &"x".repeat(100)));
            let found = different(&texts[0], &texts[1]);
            let names = |members: &[Member<'_>]| members.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
            let expected = expected.map(|(own, its)| [own.join(","), its.join(",")]);
            assert_eq!(
                found.map(|(own, its)| [names(&own).join(","), names(&its).join(",")]),
                expected,
                "{one} {other}"
            );
        };
        let before = r#""a":"LONG","b":"LONG""#;
        let both = |own: &str, its: &str, expected| {
            let whole = |members: &str| format!("{{{before},{members}}}").replace(",}", "}");
            check(&whole(own), &whole(its), Some(expected));
        };
        both("\"c\":1", "\"c\":1", (&[], &[]));
        both("\"c\":1,\"d\":2", "\"c\":3,\"d\":2", (&["b", "c"], &["b", "c"]));
        both("\"c\":1,\"d\":2", "\"d\":2", (&["b", "c", "d"], &["b", "d"]));
        both("", "\"d\":2", (&["b"], &["b", "d"]));
        check(r#"{"a":1}"#, r#"{"b":1}"#, Some((&["a"], &["b"])));
        check(r#"{"a":1}"#, "{}", None);
        check(r#"{"a":1}"#, r#"{"a": 1}"#, None);
        check(r#"{"a":"LONG", "b":1}"#, r#"{"a":"LONG", "b":2}"#, None);
    }

    #[test]
    fn what_is_not_wanted_stays_text_and_other_texts_are_read_whole() {
        let value = json!({"schemas": ["a"], "title": "T", "emails": [{"value": "x"}]});
        let title = |name: &str, _: &str| name == "title";
        let written = Document::from_stored(value.to_string());
        let excerpt = written.excerpt(title);
        assert_eq!(Value::Object(excerpt.read.clone()), json!({"title": "T"}));
        assert_eq!(excerpt.rest, [("schemas", r#"["a"]"#), ("emails", r#"[{"value":"x"}]"#)]);
        assert_eq!((excerpt.text("schemas"), excerpt.text("title")), (Some(r#"["a"]"#), None));

        let pretty = Document::from_stored(serde_json::to_string_pretty(&value).unwrap());
        let whole = pretty.excerpt(title);
        assert_eq!((Value::Object(whole.read), whole.rest.len()), (value, 0));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a\\\\\"{}\\[\\],: é\\n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z:{\",\\\\]{0,4}", inner, 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    /// All names within a value.
    fn names(value: &Value) -> Vec<String> {
        match value {
            Value::Array(items) => items.iter().flat_map(names).collect(),
            Value::Object(members) => {
                members.iter().flat_map(|(name, value)| [vec![name.clone()], names(value)].concat()).collect()
            }
            _ => Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn members_are_what_a_parser_reads(members_of in prop::collection::btree_map("[a-zA-Z:.$é]{1,9}", value(), 0..9)) {
            let object = Value::Object(members_of.into_iter().collect());
            let text = object.to_string();
            let apart = members(&text).unwrap();
            let read = apart.iter().map(|(name, text)| ((*name).to_owned(), serde_json::from_str(text).unwrap()));
            prop_assert_eq!(Value::Object(read.collect()), object);
        }

        #[test]
        fn what_is_left_out_of_a_difference_is_the_same(
            one in prop::collection::btree_map("[a-d]{1,2}", value(), 1..9),
            change in prop::collection::btree_map("[a-d]{1,2}", value(), 0..3),
        ) {
            // Longer than a stride.
            let long = ["A", "b", "z"].map(|name| (name.to_owned(), Value::from(name.repeat(50))));
            let one: std::collections::BTreeMap<_, _> = long.into_iter().chain(one).collect();
            let mut other = one.clone();
            other.extend(change);
            let text = |members: &std::collections::BTreeMap<String, Value>| serde_json::to_string(members).unwrap();
            let (one, other) = (text(&one), text(&other));
            let (ours, theirs) = different(&one, &other).unwrap();
            let (all, all_other) = (members(&one).unwrap(), members(&other).unwrap());
            for (name, _) in all.iter().chain(&all_other) {
                let same = super::text(&all, name) == super::text(&all_other, name);
                prop_assert_eq!(same, super::text(&ours, name) == super::text(&theirs, name), "{} {} {}", name, one, other);
            }
        }

        #[test]
        fn a_value_is_told_from_others_by_its_text(one in value(), other in value()) {
            let (own, text) = (one.to_string(), other.to_string());
            prop_assert!(!names(&one).iter().all(|name| is_plain(name)) || is_written(&one, &own), "{own}");
            prop_assert_eq!(is_written(&one, &text), own == text && is_written(&one, &own), "{} {}", own, text);
            let longer = [own.as_str(), " "].concat();
            prop_assert!(!is_written(&one, &longer) && !is_written(&one, ""));
        }

        #[test]
        fn no_text_upsets_it(text in "[{}\\[\\]\",:\\\\a1 é]{0,40}") {
            if let (Some(apart), Ok(Value::Object(object))) = (members(&text), serde_json::from_str(&text)) {
                prop_assert!(apart.len() >= object.len());
            }
        }
    }
}
