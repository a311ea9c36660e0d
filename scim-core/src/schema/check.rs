//! Does stored data still fit when a schema changes? And has a schema changed at all?

use std::fmt::{self, Write as _};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::error::excerpt;
use crate::name::same;

use super::{AttributeDef, Mutability, Place, Registry, ResourceType, Schema, Type};

/// Why a stored document does not fit its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The attribute in path notation.
    pub attribute: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.attribute, self.why)
    }
}

/// What of a stored document does not fit its type (any more): values of another type, required values that are
/// missing. Attributes the type does not know are no misfits: they stay stored, unseen, until a schema names them
/// again. Links, secrets and what only the server writes are not in documents and not looked at.
pub fn fits(document: &Document, one: &ResourceType) -> Vec<Misfit> {
    let attributes = document.parse();
    let mut misfits = Vec::new();
    for common in one.common.iter().filter(|common| common.place == Place::Document && !same(&common.name, "schemas")) {
        attribute(&attributes, common, "", &mut misfits);
    }
    whole(&attributes, &one.schema, "", &mut misfits);
    for extension in &one.extensions {
        let urn = &*extension.schema.id;
        match attributes.get(urn) {
            Some(Value::Object(own)) => whole(own, &extension.schema, &format!("{urn}:"), &mut misfits),
            Some(_) => misfit(&mut misfits, urn, "is no object"),
            None if extension.required && !listed(&attributes, urn) => {
                misfit(&mut misfits, urn, "is a required extension and missing");
            }
            None => {}
        }
    }
    misfits
}

/// An extension whose only values are links has no object in the document, but stands in `schemas`.
fn listed(attributes: &Map<String, Value>, urn: &str) -> bool {
    let urns = attributes.get("schemas").and_then(Value::as_array);
    urns.is_some_and(|urns| urns.iter().filter_map(Value::as_str).any(|one| same(one, urn)))
}

fn misfit(misfits: &mut Vec<Misfit>, attribute: &str, why: impl Into<String>) {
    misfits.push(Misfit { attribute: attribute.to_owned(), why: why.into() });
}

fn whole(values: &Map<String, Value>, schema: &Schema, prefix: &str, misfits: &mut Vec<Misfit>) {
    for definition in schema.attributes.iter().filter(|attribute| attribute.place == Place::Document) {
        attribute(values, definition, prefix, misfits);
    }
}

fn attribute(values: &Map<String, Value>, definition: &AttributeDef, prefix: &str, misfits: &mut Vec<Misfit>) {
    let path = format!("{prefix}{}", definition.name);
    let Some(value) = values.get(&definition.name) else {
        if definition.required && definition.mutability != Mutability::ReadOnly {
            misfit(misfits, &path, "is required and missing");
        }
        return;
    };
    match (value, definition.multi_valued) {
        (Value::Array(items), true) => items.iter().for_each(|item| element(item, definition, &path, misfits)),
        (_, true) => misfit(misfits, &path, "is multi-valued now, and stored as a single value"),
        (Value::Array(_), false) => misfit(misfits, &path, "is a single value now, and stored as several"),
        (_, false) => element(value, definition, &path, misfits),
    }
}

fn element(value: &Value, definition: &AttributeDef, path: &str, misfits: &mut Vec<Misfit>) {
    if let (Value::Object(parts), Type::Complex) = (value, definition.ty) {
        // Complex values hold no complex values: this goes one level deep.
        for sub in &definition.sub_attributes {
            attribute(parts, sub, &format!("{path}."), misfits);
        }
        return;
    }
    if !has_type(value, definition) {
        let why = format!("is of type {} now, and stored as {}", definition.ty.name(), excerpt(&value.to_string()));
        misfit(misfits, path, why);
    } else if definition.canonical_only && !is_canonical(value, definition) {
        misfit(misfits, path, format!("holds {}, which is no canonical value", excerpt(&value.to_string())));
    }
}

fn has_type(value: &Value, definition: &AttributeDef) -> bool {
    match definition.ty {
        Type::String | Type::Reference => value.is_string(),
        Type::Boolean => value.is_boolean(),
        Type::Decimal => value.is_number(),
        Type::Integer => value.is_i64(),
        Type::DateTime => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
        Type::Binary => {
            let engine = if definition.url_safe { &URL_SAFE } else { &STANDARD };
            value.as_str().is_some_and(|text| engine.decode(text).is_ok())
        }
        Type::Complex => false,
    }
}

fn is_canonical(value: &Value, definition: &AttributeDef) -> bool {
    let Some(text) = value.as_str() else { return false };
    let key = definition.text.key(text);
    definition.canonical_values.iter().any(|one| definition.text.key(one) == key)
}

impl Registry {
    /// A text that is the same exactly as long as types and schemas mean the same: names, types, characteristics and
    /// their order, but not what is written for people. 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for one in self.types() {
            line(&mut text, 0, &["type", one.kind.as_str(), &one.endpoint, &one.schema.id]);
            signature(&mut text, &one.schema);
            for extension in &one.extensions {
                let required = if extension.required { "required" } else { "" };
                line(&mut text, 0, &["extension", &extension.schema.id, required]);
                signature(&mut text, &extension.schema);
            }
        }
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
        }
        hex
    }
}

fn signature(text: &mut String, schema: &Schema) {
    for attribute in &schema.attributes {
        definition(text, 1, attribute);
        for sub in &attribute.sub_attributes {
            definition(text, 2, sub);
        }
    }
}

fn definition(text: &mut String, depth: usize, one: &AttributeDef) {
    let flag = |on: bool, name: &'static str| if on { name } else { "" };
    line(
        text,
        depth,
        &[
            &one.name,
            one.ty.name(),
            one.mutability.name(),
            one.returned.name(),
            one.uniqueness.name(),
            flag(one.multi_valued, "many"),
            flag(one.required, "required"),
            flag(one.case_exact, "exact"),
            flag(one.canonical_only, "only"),
            flag(one.url_safe, "url"),
            &one.canonical_values.join("\u{1f}"),
            &one.reference_types.join("\u{1f}"),
        ],
    );
}

fn line(text: &mut String, depth: usize, fields: &[&str]) {
    let _ = writeln!(text, "{depth}\u{1e}{}", fields.join("\u{1e}")); // writing to a String cannot fail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Kind, Options, SchemaFile};

    fn registry(attributes: &str) -> Registry {
        let text = format!(r#"{{"id":"urn:example:t:1.0:User","attributes":[{attributes}]}}"#);
        let file = SchemaFile { source: "t.json".into(), text, extends: None };
        Registry::compile(&[file], &Options::default()).unwrap()
    }

    fn check(attributes: &str, stored: &str, expected: &[&str]) {
        let registry = registry(attributes);
        let text = format!(r#"{{"userName":"ann","urn:example:t:1.0:User":{stored}}}"#);
        let document = Document::from_stored(text);
        let misfits = fits(&document, registry.kind(&Kind::new("User")).unwrap());
        let found =
            misfits.iter().map(|one| one.to_string().replace("urn:example:t:1.0:User:", "")).collect::<Vec<_>>();
        assert_eq!(found, expected, "{attributes} {stored}");
    }

    #[test]
    fn stored_values_of_another_type_are_misfits() {
        for (definition, value, why) in [
            (r#"{"name":"a"}"#, r#""x""#, None),
            (r#"{"name":"a"}"#, "5", Some(r#"a is of type string now, and stored as "5""#)),
            (r#"{"name":"a","type":"integer"}"#, "5", None),
            (r#"{"name":"a","type":"integer"}"#, "5.5", Some(r#"a is of type integer now, and stored as "5.5""#)),
            (r#"{"name":"a","type":"decimal"}"#, "5", None),
            (
                r#"{"name":"a","type":"boolean"}"#,
                r#""true""#,
                Some(r#"a is of type boolean now, and stored as "\"true\"""#),
            ),
            (r#"{"name":"a","type":"dateTime"}"#, r#""2011-05-13T04:42:34Z""#, None),
            (
                r#"{"name":"a","type":"dateTime"}"#,
                r#""x""#,
                Some(r#"a is of type dateTime now, and stored as "\"x\"""#),
            ),
            (r#"{"name":"a","type":"binary"}"#, r#""YQ==""#, None),
            (r#"{"name":"a","type":"binary"}"#, r#""?""#, Some(r#"a is of type binary now, and stored as "\"?\"""#)),
            (
                r#"{"name":"a","multiValued":true}"#,
                r#""x""#,
                Some("a is multi-valued now, and stored as a single value"),
            ),
            (r#"{"name":"a"}"#, r#"["x"]"#, Some("a is a single value now, and stored as several")),
            (r#"{"name":"a","canonicalValues":["X"],"canonicalValuesOnly":true}"#, r#""x""#, None),
            (
                r#"{"name":"a","canonicalValues":["X"],"canonicalValuesOnly":true}"#,
                r#""y""#,
                Some(r#"a holds "\"y\"", which is no canonical value"#),
            ),
            (
                r#"{"name":"a","type":"complex","subAttributes":[{"name":"b","required":true}]}"#,
                r#"{"c":1}"#,
                Some("a.b is required and missing"),
            ),
        ] {
            check(definition, &format!(r#"{{"a":{value}}}"#), why.as_slice());
        }
    }

    #[test]
    fn unknown_attributes_stay_and_required_ones_are_missed() {
        check(r#"{"name":"a"}"#, r#"{"gone":[{"x":1}]}"#, &[]);
        check(r#"{"name":"a","required":true}"#, "{}", &["a is required and missing"]);
        check(r#"{"name":"a","required":true,"mutability":"readOnly"}"#, "{}", &[]);
        check(r#"{"name":"a","required":true,"mutability":"writeOnly"}"#, "{}", &[]);
        let registry = Registry::standard();
        let group = registry.kind(&Kind::new("Group")).unwrap();
        assert_eq!(fits(&Document::from_stored("{}"), group)[0].to_string(), "displayName is required and missing");
    }

    #[test]
    fn the_fingerprint_follows_the_meaning_and_not_the_words() {
        let plain = registry(r#"{"name":"a"}"#).fingerprint();
        assert_eq!(plain.len(), 64);
        assert_eq!(plain, registry(r#"{"name":"a","type":"string","description":"words"}"#).fingerprint());
        let mut seen = vec![plain, Registry::standard().fingerprint()];
        for other in [
            r#"{"name":"b"}"#,
            r#"{"name":"a","type":"integer"}"#,
            r#"{"name":"a","multiValued":true}"#,
            r#"{"name":"a","required":true}"#,
            r#"{"name":"a","caseExact":true}"#,
            r#"{"name":"a","mutability":"immutable"}"#,
            r#"{"name":"a","returned":"request"}"#,
            r#"{"name":"a","uniqueness":"server"}"#,
            r#"{"name":"a","canonicalValues":["x"]}"#,
            r#"{"name":"a","type":"reference","referenceTypes":["User"]}"#,
            r#"{"name":"a"},{"name":"b"}"#,
            r#"{"name":"a","type":"complex","subAttributes":[{"name":"b"}]}"#,
        ] {
            let one = registry(other).fingerprint();
            assert!(!seen.contains(&one), "{other}");
            seen.push(one);
        }
    }
}
