//! One thing to do to a document, with canonical values: what an operation means once its path is resolved.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::document::value::Parts;
use crate::document::values;
use crate::filter::BoundFilter;
use crate::path::AttrPath;
use crate::schema::AttributeDef;

/// One thing to do to a document.
#[derive(Debug)]
pub(super) enum Step {
    /// To an attribute (without sub-attribute), or to elements of it.
    Edit { at: AttrPath, on: On, edit: Edit },
    /// Away with all attributes of the extension with this URN.
    Drop(Arc<str>),
    /// Nothing, if this is what the read-only attribute holds; else the request fails.
    Same { at: AttrPath, value: Value },
    /// The same for `meta`.
    SameMeta(Value),
}

impl Step {
    /// The member of the document that it looks at or changes.
    pub(super) fn member(&self) -> Option<&str> {
        match self {
            Step::Edit { at, .. } | Step::Same { at, .. } => Some(values::member(at)),
            Step::Drop(urn) => Some(urn),
            Step::SameMeta(_) => None,
        }
    }
}

/// On what an edit works.
#[derive(Debug)]
pub(super) enum On {
    /// The attribute.
    Whole,
    /// Every element of a multi-valued attribute.
    Every(Unmatched),
    /// Those elements that satisfy the filter.
    Matching(BoundFilter, Unmatched),
}

/// What becomes of an edit that finds no element.
#[derive(Debug)]
pub(super) enum Unmatched {
    /// It has nothing to do.
    Fine,
    /// `noTarget`.
    NoTarget,
    /// It adds this element.
    Create(Value),
}

/// What is done.
#[derive(Debug)]
pub(super) enum Edit {
    /// The value becomes this one.
    Set(Value),
    /// `replace` with nothing: the value goes.
    Clear,
    /// `remove`: the value goes, unless it is required or immutable.
    Remove,
    /// These elements are added, where they are not there yet.
    Append(Vec<Value>),
    /// The elements that these name are removed.
    Discard(Listed),
    /// Parts of a complex value are set, or (None) unassigned. With `add`, a multi-valued part gains values.
    Merge { parts: Parts, add: bool },
    /// `remove` of one part.
    RemovePart(Arc<AttributeDef>),
}

/// Elements named by the values of some of their sub-attributes: for each choice of sub-attributes, the keys under
/// which named elements are found. Looking one element up costs as much as there are choices, not named elements.
#[derive(Debug, Default)]
pub(super) struct Listed(BTreeMap<Vec<usize>, HashSet<String>>);

impl Listed {
    /// Adds an element named by these parts. One without parts names nothing.
    pub(super) fn parts(&mut self, def: &AttributeDef, object: &Map<String, Value>) {
        let named = (0..).zip(&def.sub_attributes).filter(|(_, sub)| object.contains_key(&sub.name));
        let named = named.map(|(n, _)| n).collect::<Vec<_>>();
        if let Some(key) = part_key(def, object, &named).filter(|_| !named.is_empty()) {
            self.0.entry(named).or_default().insert(key);
        }
    }

    /// Adds an element of a simple attribute.
    pub(super) fn simple(&mut self, def: &AttributeDef, value: &Value) {
        self.0.entry(Vec::new()).or_default().insert(values::key(def, value));
    }

    /// Is this element named?
    pub(super) fn names(&self, def: &AttributeDef, element: &Value) -> bool {
        self.0.iter().any(|(named, keys)| match element {
            Value::Object(object) => part_key(def, object, named).is_some_and(|key| keys.contains(&key)),
            simple => keys.contains(&values::key(def, simple)),
        })
    }
}

/// The key of some parts of an element; None where it lacks one of them.
fn part_key(def: &AttributeDef, object: &Map<String, Value>, named: &[usize]) -> Option<String> {
    let mut key = String::new();
    for n in named {
        let sub = def.sub_attributes.get(*n)?;
        match object.get(&sub.name) {
            Some(value) => key.push_str(&values::key(sub, value)),
            None if sub.name == "primary" => key.push_str("false"),
            None => return None,
        }
        key.push('\0');
    }
    Some(key)
}
