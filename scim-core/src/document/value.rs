//! One value against its definition (RFC 7643 sections 2.3 to 2.5): refused, or brought into canonical form.
//!
//! `null`, `""`, `[]` and `{}` mean unassigned at any depth. Canonical means: sub-attributes in the schema's spelling and
//! order, nothing unassigned, nothing read-only, booleans as booleans. Text and times stay as sent.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::access::Rules;
use crate::error::{ScimError, excerpt};
use crate::filter::{decode_base64, instant};
use crate::path::AttrPath;
use crate::schema::{AttributeDef, Mutability, Type};

use super::excerpt::is_written;
use super::format;

/// Up to so many elements a look at each of them is quicker than a set.
const FEW_ITEMS: usize = 8;

/// The parts of a complex value that a client named, each with its canonical value or None where it unassigns it.
pub type Parts = Vec<(Arc<AttributeDef>, Option<Value>)>;

/// Does this JSON value mean "no value"? (RFC 7643 section 2.5; `""` and `{}` by the project's reading)
pub fn unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The whole value of the attribute or sub-attribute at `at`: an array where it is multi-valued. None where it is
/// unassigned.
///
/// # Errors
/// `invalidSyntax` where an array is due and something else came, or (strict) for unknown sub-attributes;
/// `invalidValue` for everything that does not fit the definition.
pub fn attribute(at: &AttrPath, value: &Value, rules: &Rules) -> Result<Option<Value>, ScimError> {
    if unassigned(value) {
        return Ok(None);
    }
    if !at.leaf().multi_valued {
        return element(at, value, rules);
    }
    let Value::Array(items) = value else {
        return Err(ScimError::invalid_syntax(format!(
            "{at} is multi-valued: send its values in a JSON array, not as {}",
            shown(value)
        )));
    };
    Ok(some_array(elements(at, items, rules)?))
}

/// The canonical elements of a multi-valued attribute: exact duplicates dropped (7643-2.4-09), at most one of them
/// primary (7643-2.4-04).
pub fn elements(at: &AttrPath, items: &[Value], rules: &Rules) -> Result<Vec<Value>, ScimError> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        let Some(value) = element(at, item, rules)? else { continue };
        let new = if items.len() <= FEW_ITEMS {
            // Equal numbers may be written in two ways.
            !kept.iter().any(|known| *known == value && is_written(known, &value.to_string()))
        } else {
            seen.insert(value.to_string())
        };
        if new {
            kept.push(value);
        }
    }
    if kept.iter().filter(|value| is_primary(value)).count() > 1 {
        return Err(two_primaries(at));
    }
    Ok(kept)
}

/// One value: of a singular attribute, or one element of a multi-valued one. None where it is unassigned.
pub fn element(at: &AttrPath, value: &Value, rules: &Rules) -> Result<Option<Value>, ScimError> {
    if unassigned(value) {
        return Ok(None);
    }
    let leaf = at.leaf();
    if !leaf.is_complex() {
        return simple(at, value, rules).map(Some);
    }
    let object = assemble(leaf, parts(at, value, rules)?);
    if object.is_empty() {
        return Ok(None);
    }
    require_parts(at, &object)?;
    Ok(Some(Value::Object(object)))
}

/// The parts that `value` names of the complex attribute `at` (or of one element of it), without asking for required
/// ones. Read-only parts are dropped.
pub fn parts(at: &AttrPath, value: &Value, rules: &Rules) -> Result<Parts, ScimError> {
    let def = at.leaf();
    let members = match value {
        Value::Object(members) => members,
        Value::Array(_) => {
            return Err(ScimError::invalid_value(format!("{at} takes one object here, not an array")));
        }
        bare => {
            return match def.sub("value") {
                Some(sub) if rules.bare_values && !unassigned(bare) => {
                    Ok(vec![(sub.clone(), attribute(&at.with_sub(sub.clone()), bare, rules)?)])
                }
                _ => Err(ScimError::invalid_value(format!(
                    "{at} is complex: send an object with its sub-attributes, not {}",
                    shown(bare)
                ))),
            };
        }
    };
    let mut named = Parts::with_capacity(members.len());
    for (name, given) in members {
        match def.sub(name) {
            Some(sub) if sub.mutability == Mutability::ReadOnly => {}
            Some(sub) => named.push((sub.clone(), attribute(&at.with_sub(sub.clone()), given, rules)?)),
            None => unknown(&format!("{at}.{name}"), rules)?,
        }
    }
    Ok(named)
}

/// An object of these parts in the order of the schema.
pub fn assemble(def: &AttributeDef, parts: Parts) -> Map<String, Value> {
    let mut object = Map::with_capacity(parts.len());
    let mut slots: Vec<Option<Value>> = vec![None; def.sub_attributes.len()];
    for (sub, value) in parts {
        let position = def.sub_attributes.iter().position(|own| own.name == sub.name);
        if let Some(slot) = position.and_then(|n| slots.get_mut(n)) {
            *slot = value;
        }
    }
    let named = def.sub_attributes.iter().zip(slots);
    object.extend(named.filter_map(|(sub, value)| value.map(|value| (sub.name.clone(), value))));
    object
}

/// `invalidValue` where the complex value lacks a required part.
pub fn require_parts(at: &AttrPath, object: &Map<String, Value>) -> Result<(), ScimError> {
    let missing = |sub: &&Arc<AttributeDef>| {
        sub.required && sub.mutability != Mutability::ReadOnly && !object.contains_key(&sub.name)
    };
    match at.attr().sub_attributes.iter().find(missing) {
        Some(sub) => Err(ScimError::invalid_value(format!("{at}.{} is required and has no value", sub.name))),
        None => Ok(()),
    }
}

/// Is this element the primary one of its attribute?
pub fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

/// The refusal of a change that makes two values of `at` primary (7643-2.4-04, 7644-3.5.2-22).
pub fn two_primaries(at: &AttrPath) -> ScimError {
    ScimError::invalid_value(format!("{at}: \"primary\" may be true on one value only"))
}

/// An unknown attribute in a body: nothing, or `invalidSyntax` in strict (7644-3.1-04).
pub fn unknown(name: &str, rules: &Rules) -> Result<(), ScimError> {
    if rules.ignore_unknown {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!("{} is no attribute of this resource type; leave it out", excerpt(name))))
}

/// None for no values.
pub fn some_array(items: Vec<Value>) -> Option<Value> {
    if items.is_empty() { None } else { Some(Value::Array(items)) }
}

/// A value that is not complex.
fn simple(at: &AttrPath, value: &Value, rules: &Rules) -> Result<Value, ScimError> {
    let def = at.leaf();
    let wrong = |want: &str| ScimError::invalid_value(format!("{at} takes {want}, not {}", shown(value)));
    match def.ty {
        Type::Boolean => match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::String(text) if rules.string_booleans && text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            Value::String(text) if rules.string_booleans && text.eq_ignore_ascii_case("false") => {
                Ok(Value::Bool(false))
            }
            _ => Err(wrong("true or false")),
        },
        Type::Integer => match value {
            Value::Number(number) if number.is_i64() => Ok(value.clone()),
            Value::Number(number) if number.is_u64() => Err(wrong("a 64-bit integer")),
            _ => Err(wrong("an integer without fraction or exponent")),
        },
        Type::Decimal => match value {
            Value::Number(_) => Ok(value.clone()),
            _ => Err(wrong("a number")),
        },
        Type::DateTime => match value {
            Value::String(text) if instant(text).is_some() => Ok(value.clone()),
            _ => Err(wrong("a date and time such as \"2011-05-13T04:42:34Z\"")),
        },
        Type::Binary => match value {
            Value::String(text) if decode_base64(text, def.url_safe).is_some() => Ok(value.clone()),
            _ => Err(wrong(if def.url_safe { "URL-safe base64 text" } else { "base64 text" })),
        },
        Type::Reference => match value {
            Value::String(text) if format::is_reference(text) => listed(at, text).map(|()| value.clone()),
            _ => Err(wrong("an absolute or relative URI")),
        },
        Type::String => match value {
            Value::String(text) => {
                format::check(at, text, rules)?;
                listed(at, text).map(|()| value.clone())
            }
            _ => Err(wrong("a string")),
        },
        Type::Complex => Err(wrong("no complex value: complex attributes do not nest")),
    }
}

/// Only the canonical values, where the definition says so (7643-2.3.1-03).
fn listed(at: &AttrPath, text: &str) -> Result<(), ScimError> {
    let def = at.leaf();
    if !def.canonical_only {
        return Ok(());
    }
    let key = def.text.key(text);
    if def.canonical_values.iter().any(|known| def.text.key(known) == key) {
        return Ok(());
    }
    Err(ScimError::invalid_value(format!(
        "{at} takes one of {}, not {}",
        def.canonical_values.join(", "),
        excerpt(text)
    )))
}

/// A value as an error may show it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => excerpt(text),
        Value::Array(_) => "an array".into(),
        Value::Object(_) => "an object".into(),
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
