//! Values out of a stored document without reading all of it: only the wanted top-level members are built, the rest is
//! skipped as text.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::document::excerpt;
use crate::filter::{self, Number};
use crate::name::TextRule;
use crate::path::AttrPath;
use crate::schema::Type;

/// The members of a document with these names (attributes, or URNs of extensions).
pub fn pick(document: &str, names: &[&str]) -> Map<String, Value> {
    let found: Vec<(&str, Value)> = members(document, names).unwrap_or_default();
    found.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Are the members of these names written alike in both documents? Then they have the same tokens.
pub fn same(one: &str, other: &str, names: &[&str]) -> bool {
    if let Some((own, other)) = excerpt::different(one, other) {
        return names.iter().all(|name| excerpt::text(&own, name) == excerpt::text(&other, name));
    }
    let texts = |document| {
        let found: Vec<(&str, &RawValue)> = members(document, names)?;
        Some(found.into_iter().map(|(name, text)| (name, text.get())).collect::<Vec<_>>())
    };
    texts(one).is_some_and(|own| Some(own) == texts(other))
}

/// The members with these names, in the order of the document; None where it is no object.
fn members<'de, 'n, V: Deserialize<'de>>(document: &'de str, names: &[&'n str]) -> Option<Vec<(&'n str, V)>> {
    let mut source = serde_json::Deserializer::from_str(document);
    source.deserialize_map(Members(names, PhantomData)).ok()
}

struct Members<'a, 'n, V>(&'a [&'n str], PhantomData<V>);

impl<'de, 'n, V: Deserialize<'de>> Visitor<'de> for Members<'_, 'n, V> {
    type Value = Vec<(&'n str, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut picked = Vec::new();
        while let Some(name) = members.next_key_seed(OneOf(self.0))? {
            match name {
                Some(name) => picked.push((name, members.next_value()?)),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(picked)
    }
}

/// A name, where it is one of these.
struct OneOf<'a, 'n>(&'a [&'n str]);

impl<'de, 'n> DeserializeSeed<'de> for OneOf<'_, 'n> {
    type Value = Option<&'n str>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for OneOf<'_, 'n> {
    type Value = Option<&'n str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|own| **own == name).copied())
    }
}

/// The way to the values of an attribute in a document, and how their tokens are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Keys from the top: `["emails","value"]`, `["urn:…:User","department"]`.
    pub path: Vec<String>,
    /// How tokens are made of them.
    pub rule: Rule,
}

/// How the token of a value is made. Equal values have equal tokens, and unequal ones unequal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Under the attribute's text rule.
    Text(TextRule),
    /// `true` or `false`.
    Boolean,
    /// In decimal.
    Integer,
    /// Numbers that are equal as doubles have one token.
    Decimal,
    /// Nanoseconds since the Unix epoch.
    Instant,
    /// Base64; with the URL-safe alphabet too.
    #[expect(missing_docs, reason = "said above")]
    Bytes { url_safe: bool },
}

impl Rule {
    const NAMES: &'static [(&'static str, Rule)] = &[
        ("exact", Rule::Text(TextRule::Exact)),
        ("folded", Rule::Text(TextRule::Folded)),
        ("username", Rule::Text(TextRule::UserName)),
        ("boolean", Rule::Boolean),
        ("integer", Rule::Integer),
        ("decimal", Rule::Decimal),
        ("instant", Rule::Instant),
        ("bytes", Rule::Bytes { url_safe: false }),
        ("url_bytes", Rule::Bytes { url_safe: true }),
    ];

    /// Its name, for a catalogue.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, rule)| *rule == self).map_or("exact", |(name, _)| name)
    }

    /// The rule of this name.
    pub fn named(name: &str) -> Option<Rule> {
        Self::NAMES.iter().find(|(own, _)| *own == name).map(|(_, rule)| *rule)
    }

    fn token(self, value: &Value) -> Option<String> {
        match (self, value) {
            (Rule::Text(rule), Value::String(text)) => Some(rule.key(text).into_owned()),
            (Rule::Boolean, Value::Bool(value)) => Some(value.to_string()),
            (Rule::Integer, Value::Number(value)) => match Number::from_json(value) {
                Number::Integer(n) => Some(n.to_string()),
                // As JSON, 5.0 is an integer too; it compares equal to 5.
                Number::Decimal(n) => Some(n.to_string()),
            },
            (Rule::Decimal, Value::Number(value)) => Some(decimal(Number::from_json(value))),
            (Rule::Instant, Value::String(text)) => filter::instant(text).map(|instant| instant.to_string()),
            (Rule::Bytes { url_safe }, Value::String(text)) => {
                filter::decode_base64(text, url_safe).map(|bytes| hexadecimal(&bytes))
            }
            _ => None,
        }
    }
}

/// The token of a decimal.
pub fn decimal(number: Number) -> String {
    number.as_f64().to_string()
}

/// The token of bytes.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

impl Shape {
    /// Of this attribute; None where its values have no tokens.
    pub fn of(at: &AttrPath) -> Option<Shape> {
        let leaf = at.leaf();
        let rule = match leaf.ty {
            Type::String | Type::Reference => Rule::Text(leaf.text),
            Type::Boolean => Rule::Boolean,
            Type::Integer => Rule::Integer,
            Type::Decimal => Rule::Decimal,
            Type::DateTime => Rule::Instant,
            Type::Binary => Rule::Bytes { url_safe: leaf.url_safe },
            Type::Complex => return None,
        };
        let path = at.extension().map(|urn| urn.to_string()).into_iter();
        let path = path.chain([at.attr().name.clone()]).chain(at.sub().map(|sub| sub.name.clone())).collect();
        Some(Shape { path, rule })
    }

    /// The member of the document in which the values are.
    pub fn top(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The tokens of the values, in order, each once.
    pub fn tokens(&self, members: &Map<String, Value>) -> Vec<String> {
        let mut tokens = Vec::new();
        if let Some((top, rest)) = self.path.split_first()
            && let Some(value) = members.get(top)
        {
            self.collect(value, rest, &mut tokens);
        }
        tokens
    }

    /// Documents nest as deep as paths are long, arrays aside; so does this.
    fn collect(&self, value: &Value, path: &[String], tokens: &mut Vec<String>) {
        match (value, path.split_first()) {
            (Value::Array(elements), _) => {
                for element in elements.iter().filter(|element| !element.is_array()) {
                    self.collect(element, path, tokens);
                }
            }
            (Value::Object(members), Some((name, rest))) => {
                if let Some(value) = members.get(name) {
                    self.collect(value, rest, tokens);
                }
            }
            (value, None) => tokens.extend(self.rule.token(value).filter(|token| !tokens.contains(token))),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, path: &[&str], rule: Rule, tokens: &[&str]) {
        let shape = Shape { path: path.iter().map(|&name| name.into()).collect(), rule };
        assert_eq!(shape.tokens(&pick(document, &[shape.top()])), tokens, "{document} {path:?}");
    }

    #[test]
    fn tokens_are_found_in_documents() {
        let folded = Rule::Text(TextRule::Folded);
        check(r#"{"schemas":["a"],"externalId":"Xy"}"#, &["externalId"], Rule::Text(TextRule::Exact), &["Xy"]);
        check(r#"{"displayName":"Ann \u0041"}"#, &["displayName"], folded, &["ann a"]);
        check(r#"{"emails":[{"value":"A@x"},{"type":"w"},{"value":"a@x"}]}"#, &["emails", "value"], folded, &["a@x"]);
        check(r#"{"urn:x:User":{"department":"QA"}}"#, &["urn:x:User", "department"], folded, &["qa"]);
        check(r#"{"active":false}"#, &["active"], Rule::Boolean, &["false"]);
        check(r#"{"n":[3,3,-4]}"#, &["n"], Rule::Integer, &["3", "-4"]);
        check(r#"{"n":[5.0,0.5]}"#, &["n"], Rule::Integer, &["5", "0.5"]);
        check(
            r#"{"at":["2011-05-13T04:42:34Z","2011-05-13T06:42:34+02:00"]}"#,
            &["at"],
            Rule::Instant,
            &["1305261754000000000"],
        );
        check(r#"{"key":"-_8"}"#, &["key"], Rule::Bytes { url_safe: true }, &["fbff"]);
        check(r#"{"n":"3"}"#, &["n"], Rule::Integer, &[]);
        check("not json", &["n"], Rule::Integer, &[]);
        check("{}", &["n"], Rule::Integer, &[]);
    }
    #[test]
    fn documents_are_alike_where_the_members_that_count_are() {
        let check = |one: &str, other: &str, expected: bool| {
            assert_eq!(same(one, other, &["userName", "emails"]), expected, "{one} {other}");
        };
        check(r#"{"userName":"a","title":"x"}"#, r#"{"userName":"a","title":"y","emails2":[]}"#, true);
        check(r#"{"userName":"a","emails":[{"value":"x"}]}"#, r#"{"userName":"a","emails":[{"value":"x"}]}"#, true);
        check(r#"{"userName":"a"}"#, r#"{"userName":"b"}"#, false);
        check(r#"{"userName":"a"}"#, r#"{"userName":"a","emails":[{"value":"x"}]}"#, false);
        check(r#"{"emails":[{"value":"x"}]}"#, r#"{"title":"x"}"#, false);
        check(r#"{"userName":"a"}"#, r#"{"USERNAME":"a"}"#, false);
        check("{}", "{}", true);
        check("no json", "no json", false);
    }
}
