//! What stands in a document: the values at a path, the key under which each is compared, the unique ones among them.

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::HashSet;
use serde_json::{Map, Value};

use crate::change::Claim;
use crate::filter::instant;
use crate::path::AttrPath;
use crate::schema::{AttributeDef, Place, ResourceType, Returned, Type, Uniqueness};

/// URN of the core Group schema, whose `displayName` a tenant may declare unique (7643-4.2-02).
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// The values at a path in a document's attributes: of a multi-valued attribute each element, of a sub-attribute that
/// of each element. Empty for links, secrets and what the record itself holds.
pub fn of<'a>(attributes: &'a Map<String, Value>, at: &AttrPath) -> Vec<&'a Value> {
    let Some(whole) = whole(attributes, at) else { return Vec::new() };
    match at.sub() {
        None => spread(whole).iter().collect(),
        Some(sub) => spread(whole).iter().filter_map(|value| value.get(&sub.name)).flat_map(spread).collect(),
    }
}

/// The value of the attribute at a path, whatever its sub-attribute.
pub fn whole<'a>(attributes: &'a Map<String, Value>, at: &AttrPath) -> Option<&'a Value> {
    match at.extension() {
        None => attributes.get(&at.attr().name),
        Some(urn) => attributes.get(&**urn)?.get(&at.attr().name),
    }
}

/// Sets the value of the attribute at a path.
pub(crate) fn put(attributes: &mut Map<String, Value>, at: &AttrPath, value: Value) {
    let name = at.attr().name.clone();
    let Some(urn) = at.extension() else {
        attributes.insert(name, value);
        return;
    };
    match attributes.get_mut(&**urn) {
        Some(Value::Object(own)) => {
            own.insert(name, value);
        }
        _ => {
            attributes.insert(urn.to_string(), Value::Object(Map::from_iter([(name, value)])));
        }
    }
}

/// Removes the value of the attribute at a path, and the object of its extension when that becomes empty. The others keep
/// their order.
pub(crate) fn take(attributes: &mut Map<String, Value>, at: &AttrPath) -> Option<Value> {
    let Some(urn) = at.extension() else { return attributes.shift_remove(&at.attr().name) };
    let own = attributes.get_mut(&**urn)?.as_object_mut()?;
    let value = own.shift_remove(&at.attr().name);
    if own.is_empty() {
        attributes.shift_remove(&**urn);
    }
    value
}

/// An array as its elements, anything else as itself.
fn spread(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

/// The text under which a value is compared: two values are equal exactly when their keys are. Complex values compare
/// by their assigned sub-attributes, where a missing `primary` is false (7643-2.4-05).
pub fn key(def: &AttributeDef, value: &Value) -> String {
    let mut key = String::new();
    write_key(def, value, &mut key);
    key
}

/// The sub-attributes of `returned: request` that stand in a value of the attribute.
pub fn on_request(at: &AttrPath, value: &Value) -> Vec<AttrPath> {
    let has = |element: &Value, name: &str| {
        element.as_object().is_some_and(|parts| parts.keys().any(|part| part.eq_ignore_ascii_case(name)))
    };
    let set = |sub: &&Arc<AttributeDef>| {
        sub.returned == Returned::Request && spread(value).iter().any(|element| has(element, &sub.name))
    };
    at.attr().sub_attributes.iter().filter(set).map(|sub| at.with_sub(sub.clone())).collect()
}

/// Do both mean the same value of the attribute? The elements of a multi-valued one may stand in any order.
pub fn same(def: &AttributeDef, a: &Value, b: &Value) -> bool {
    let sorted = |items: &[Value]| {
        let mut keys = items.iter().map(|item| key(def, item)).collect::<Vec<_>>();
        keys.sort_unstable();
        keys
    };
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && sorted(a) == sorted(b),
        _ => key(def, a) == key(def, b),
    }
}

/// NUL cannot stand in a value, so keys of several parts stay unambiguous.
fn write_key(def: &AttributeDef, value: &Value, key: &mut String) {
    match value {
        Value::Array(items) => {
            for item in items {
                write_key(def, item, key);
                key.push('\0');
            }
        }
        Value::Object(members) => {
            for sub in &def.sub_attributes {
                let Some(value) = members.get(&sub.name) else { continue };
                if *value == Value::Bool(false) && sub.name == "primary" {
                    continue;
                }
                key.push_str(&sub.name);
                key.push('\0');
                write_key(sub, value, key);
                key.push('\0');
            }
        }
        simple => key.push_str(&simple_key(def, simple)),
    }
}

/// The key of a value that is not complex. Also the token of a claim.
fn simple_key<'a>(def: &AttributeDef, value: &'a Value) -> Cow<'a, str> {
    match (def.ty, value) {
        (Type::DateTime, Value::String(text)) => {
            instant(text).map_or(Cow::Borrowed(text.as_str()), |moment| Cow::Owned(moment.to_string()))
        }
        // Two spellings of the same bytes differ in padding, and in the alphabet where both may be used.
        (Type::Binary, Value::String(text)) if def.url_safe => {
            Cow::Owned(text.trim_end_matches('=').replace('+', "-").replace('/', "_"))
        }
        (Type::Binary, Value::String(text)) => Cow::Borrowed(text.trim_end_matches('=')),
        (_, Value::String(text)) => def.text.key(text),
        (Type::Decimal, Value::Number(number)) if !number.is_i64() => match number.as_f64() {
            Some(n) if n.fract() == 0.0 && n.abs() < 9e15 => Cow::Owned(format!("{n:.0}")),
            _ => Cow::Owned(number.to_string()),
        },
        (_, other) => Cow::Owned(other.to_string()),
    }
}

/// The unique values in a document's attributes, each once (7643-7-19 to 7643-7-21). With `unique_group_names` also the
/// name of a group.
pub fn claims(attributes: &Map<String, Value>, resource_type: &ResourceType, unique_group_names: bool) -> Vec<Claim> {
    let is_group = *resource_type.schema.id == *GROUP;
    let is_name = |at: &AttrPath| at.extension().is_none() && at.sub().is_none() && at.attr().name == "displayName";
    let name = resource_type.schema.attribute("displayName").filter(|_| is_group && unique_group_names);
    let name = name.map(|name| AttrPath::new(None, name.clone(), None));
    let unique = resource_type.unique.iter().filter(|at| at.place() == Place::Document && !(is_group && is_name(at)));

    let mut seen = HashSet::default();
    let mut claims = Vec::new();
    for at in unique.chain(&name) {
        for value in of(attributes, at) {
            let token = key(at.leaf(), value);
            let claim = Claim { global: at.leaf().uniqueness == Uniqueness::Global, at: at.clone(), token };
            if seen.insert(claim.clone()) {
                claims.push(claim);
            }
        }
    }
    claims
}

/// The attributes of a type that live in its documents, in canonical order, without `schemas`.
pub fn attributes(resource_type: &ResourceType) -> impl Iterator<Item = AttrPath> {
    attributes_in(resource_type, |_| true)
}

/// Those of them that stand in these members of documents, given by name: attributes, or URNs of extensions.
pub(crate) fn attributes_in(
    resource_type: &ResourceType,
    is_meant: impl Fn(&str) -> bool,
) -> impl Iterator<Item = AttrPath> {
    let own = resource_type.common.iter().chain(&resource_type.schema.attributes);
    let base = own.map(|attr| (None, &*attr.name, attr));
    let extended = resource_type.extensions.iter().flat_map(|extension| {
        let urn: &Arc<str> = &extension.schema.id;
        extension.schema.attributes.iter().map(move |attr| (Some(urn), &**urn, attr))
    });
    let stored = |attr: &AttributeDef| attr.place == Place::Document && attr.name != "schemas";
    let meant = base.chain(extended).filter(move |(_, member, attr)| stored(attr) && is_meant(member));
    meant.map(|(urn, _, attr)| AttrPath::new(urn.cloned(), attr.clone(), None))
}

/// The member of documents in which the values at a path stand: the attribute, or the URN of its extension.
pub(crate) fn member(at: &AttrPath) -> &str {
    at.extension().map_or(at.attr().name.as_str(), AsRef::as_ref)
}
