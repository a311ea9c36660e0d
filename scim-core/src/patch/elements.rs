//! What becomes of complex values: parts set and taken away, immutable parts kept, one primary.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::document::value::{Parts, is_primary};
use crate::document::values;
use crate::error::ScimError;
use crate::path::AttrPath;
use crate::schema::{AttributeDef, Mutability};

/// Sets the parts in a complex value, or (None) takes them away.
///
/// # Errors
/// `mutability` where an immutable part that has a value would get another or none.
pub(super) fn merge(at: &AttrPath, object: &mut Map<String, Value>, parts: &Parts, add: bool) -> Result<(), ScimError> {
    for (sub, value) in parts {
        let stored = object.get(&sub.name);
        if sub.mutability == Mutability::Immutable
            && let Some(stored) = stored
        {
            keep_immutable(at, sub, stored, value.as_ref())?;
            continue;
        }
        let value = match (value, stored) {
            (Some(Value::Array(more)), Some(Value::Array(stored))) if add => Some(union(sub, stored, more)),
            (value, _) => value.clone(),
        };
        match value {
            Some(value) => object.insert(sub.name.clone(), value),
            None => object.remove(&sub.name),
        };
    }
    order(at.attr(), object);
    Ok(())
}

/// Takes one part away. `mutability` where it is there and required or immutable (7644-3.5.2.2-08).
pub(super) fn remove_part(at: &AttrPath, object: &mut Map<String, Value>, sub: &AttributeDef) -> Result<(), ScimError> {
    if !object.contains_key(&sub.name) {
        return Ok(());
    }
    if sub.required || sub.mutability == Mutability::Immutable {
        let why = if sub.required { "required" } else { "immutable" };
        return Err(ScimError::mutability(format!("{at}.{} is {why} and cannot be removed", sub.name)));
    }
    object.shift_remove(&sub.name);
    Ok(())
}

fn keep_immutable(at: &AttrPath, sub: &AttributeDef, stored: &Value, given: Option<&Value>) -> Result<(), ScimError> {
    if given.is_some_and(|given| values::same(sub, stored, given)) {
        return Ok(());
    }
    Err(ScimError::mutability(format!(
        "{at}.{} is immutable and has a value; remove the whole value and add another",
        sub.name
    )))
}

fn union(sub: &AttributeDef, stored: &[Value], more: &[Value]) -> Value {
    let mut all = stored.to_vec();
    for value in more {
        let key = values::key(sub, value);
        if !all.iter().any(|known| values::key(sub, known) == key) {
            all.push(value.clone());
        }
    }
    Value::Array(all)
}

/// Brings the parts into the order of the schema.
fn order(def: &AttributeDef, object: &mut Map<String, Value>) {
    let mut parts = std::mem::take(object);
    for sub in &def.sub_attributes {
        if let Some(value) = parts.remove(&sub.name) {
            object.insert(sub.name.clone(), value);
        }
    }
    object.extend(parts);
}

/// A new element in the place of an old one: immutable parts must agree, and stay where they are left out.
pub(super) fn succeed_element(at: &AttrPath, old: &Value, new: &Value) -> Result<Value, ScimError> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Ok(new.clone()) };
    let mut new = new.clone();
    for sub in at.attr().sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable) {
        let Some(stored) = old.get(&sub.name) else { continue };
        if let Some(given) = new.get(&sub.name) {
            keep_immutable(at, sub, stored, Some(given))?;
        }
        new.insert(sub.name.clone(), stored.clone());
    }
    order(at.attr(), &mut new);
    Ok(Value::Object(new))
}

/// A whole new value of an attribute in the place of the old one. Elements may come and go; one that stays, known by
/// its `value`, keeps its immutable parts, and so does a singular value. Read-only parts of a singular value stay too.
pub(super) fn succeed(at: &AttrPath, old: &Value, new: Value) -> Result<Value, ScimError> {
    let def = at.attr();
    let has = |mutability| def.sub_attributes.iter().any(|sub| sub.mutability == mutability);
    match new {
        Value::Object(mut new) => {
            if let (Value::Object(old), true) = (old, has(Mutability::ReadOnly)) {
                for sub in def.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::ReadOnly) {
                    if let Some(stored) = old.get(&sub.name) {
                        new.insert(sub.name.clone(), stored.clone());
                    }
                }
            }
            let new = Value::Object(new);
            if has(Mutability::Immutable) { succeed_element(at, old, &new) } else { Ok(new) }
        }
        Value::Array(mut items) if has(Mutability::Immutable) => {
            let Some(id) = def.sub("value") else { return Ok(Value::Array(items)) };
            let key = |element: &Value| element.get(&id.name).map(|value| values::key(id, value));
            let stored = old.as_array().map(Vec::as_slice).unwrap_or_default();
            let texts = stored.iter().map(Value::to_string).collect::<HashSet<_>>();
            let stored = stored.iter().filter_map(|one| Some((key(one)?, one))).collect::<HashMap<_, _>>();
            let mut changed = Vec::new();
            for (n, item) in items.iter_mut().enumerate() {
                if !texts.contains(&item.to_string())
                    && let Some(old) = key(item).and_then(|key| stored.get(&key))
                {
                    *item = succeed_element(at, old, item)?;
                    changed.push(n);
                }
            }
            drop_repeats(&mut items, &changed);
            Ok(Value::Array(items))
        }
        other => Ok(other),
    }
}

/// Sets `primary` to false on every element but those that `keep` names, where it is true. Tells which.
pub(super) fn demote(elements: &mut [Value], keep: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut demoted = Vec::new();
    for (n, element) in elements.iter_mut().enumerate() {
        if is_primary(element) && !keep(n) {
            if let Some(flag) = element.get_mut("primary") {
                *flag = Value::Bool(false);
            }
            demoted.push(n);
        }
    }
    demoted
}

/// Drops what became an exact duplicate of another element (7643-2.4-09); `changed` are the places that were written.
pub(super) fn drop_repeats(elements: &mut Vec<Value>, changed: &[usize]) {
    /// Up to so many, comparing them with each element is quicker than a set.
    const FEW: usize = 4;
    let repeats = if changed.len() <= FEW {
        let twins = |n: usize| {
            let element = elements.get(n);
            let twin = elements.iter().enumerate().find(|(other, value)| *other != n && Some(*value) == element);
            twin.map(|(other, _)| other.max(n))
        };
        changed.iter().filter_map(|n| twins(*n)).collect::<HashSet<_>>()
    } else {
        let mut seen = HashSet::with_capacity(elements.len());
        let texts = elements.iter().enumerate();
        texts.filter(|(_, value)| !seen.insert(value.to_string())).map(|(n, _)| n).collect()
    };
    if !repeats.is_empty() {
        let mut place = 0..;
        elements.retain(|_| place.next().is_none_or(|n: usize| !repeats.contains(&n)));
    }
}

/// Do these parts make a value primary?
pub(super) fn makes_primary(parts: &[(Arc<AttributeDef>, Option<Value>)]) -> bool {
    parts.iter().any(|(sub, value)| sub.name == "primary" && *value == Some(Value::Bool(true)))
}
