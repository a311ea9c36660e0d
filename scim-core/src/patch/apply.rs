//! One step on the attributes of a document.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use serde_json::{Map, Value};

use crate::document::value::{is_primary, some_array, two_primaries};
use crate::document::values;
use crate::error::ScimError;
use crate::filter::{BoundFilter, eval, instant};
use crate::path::AttrPath;
use crate::schema::{AttributeDef, Mutability, ResourceType};
use crate::store::Record;

use super::elements::{demote, drop_repeats, makes_primary, merge, remove_part, succeed, succeed_element};
use super::finish::Budget;
use super::step::{Edit, On, Step, Unmatched};

/// The attributes of a document while steps change them.
pub(super) struct Working<'a> {
    pub attributes: Map<String, Value>,
    pub budget: Budget,
    resource_type: &'a ResourceType,
    now: &'a Record,
    /// The keys of the elements of attributes that were added to, so that the next addition need not look at each.
    keys: HashMap<AttrPath, HashSet<String>>,
}

impl<'a> Working<'a> {
    pub(super) fn new(
        attributes: Map<String, Value>,
        resource_type: &'a ResourceType,
        now: &'a Record,
        budget: Budget,
    ) -> Self {
        Working { attributes, budget, resource_type, now, keys: HashMap::default() }
    }

    /// Does one step.
    ///
    /// # Errors
    /// `mutability`, `noTarget` and `invalidValue` where the step does not go with what is there.
    pub(super) fn apply(&mut self, step: &Step) -> Result<(), ScimError> {
        match step {
            Step::Edit { at, on: On::Whole, edit: Edit::Append(new) } => self.append(at, new),
            Step::Edit { at, on, edit } => self.edit(at, on, edit),
            Step::Drop(urn) => self.drop_extension(urn),
            Step::Same { at, value } => {
                if values::whole(&self.attributes, at).is_some_and(|stored| values::same(at.attr(), stored, value)) {
                    return Ok(());
                }
                Err(read_only(at))
            }
            Step::SameMeta(value) => self.same_meta(value),
        }
    }

    fn edit(&mut self, at: &AttrPath, on: &On, edit: &Edit) -> Result<(), ScimError> {
        self.keys.remove(at);
        let current = values::take(&mut self.attributes, at);
        let immutable = at.attr().mutability == Mutability::Immutable;
        let before = if immutable { current.clone() } else { None };
        let after = match on {
            On::Whole => whole(at, current, edit)?,
            On::Every(unmatched) => self.elements(at, current, None, unmatched, edit)?,
            On::Matching(filter, unmatched) => self.elements(at, current, Some(filter), unmatched, edit)?,
        };
        if let Some(after) = kept_if_immutable(at, before, after)? {
            values::put(&mut self.attributes, at, after);
        }
        Ok(())
    }

    /// `add` to a multi-valued attribute (7644-3.5.2.1-11 to 7644-3.5.2.1-13). Costs as much as what is added, not as
    /// what is there.
    fn append(&mut self, at: &AttrPath, new: &[Value]) -> Result<(), ScimError> {
        let def = at.attr();
        let mut elements = match values::take(&mut self.attributes, at) {
            Some(Value::Array(elements)) => elements,
            _ => Vec::new(),
        };
        let there = elements.len();
        let keys = self
            .keys
            .entry(at.clone())
            .or_insert_with(|| elements.iter().map(|element| values::key(def, element)).collect());
        for element in new {
            if !keys.insert(values::key(def, element)) {
                continue;
            }
            if is_primary(element) {
                for old in elements.iter().filter(|old| is_primary(old)) {
                    keys.remove(&values::key(def, old));
                }
                let demoted = demote(&mut elements, |_| false);
                for old in demoted.iter().filter_map(|n| elements.get(*n)) {
                    keys.insert(values::key(def, old));
                }
                drop_repeats(&mut elements, &demoted);
            }
            elements.push(element.clone());
        }
        if def.mutability == Mutability::Immutable && there > 0 && elements.len() > there {
            return Err(immutable(at));
        }
        if let Some(value) = some_array(elements) {
            values::put(&mut self.attributes, at, value);
        }
        Ok(())
    }

    /// An edit of the elements that a filter finds, or of all.
    fn elements(
        &mut self,
        at: &AttrPath,
        current: Option<Value>,
        filter: Option<&BoundFilter>,
        unmatched: &Unmatched,
        edit: &Edit,
    ) -> Result<Option<Value>, ScimError> {
        let elements = match current {
            Some(Value::Array(elements)) => elements,
            _ => Vec::new(),
        };
        if let Some(filter) = filter {
            self.budget.spend(elements.len(), filter)?;
        }
        let accepts = |element: &Value| filter.is_none_or(|filter| eval::element(filter, at, element));
        let matching = elements.iter().map(accepts).collect::<Vec<_>>();
        let found = matching.iter().filter(|matches| **matches).count();
        if found == 0 {
            match unmatched {
                Unmatched::Fine => {}
                Unmatched::NoTarget => return Err(no_target(at, filter)),
                Unmatched::Create(element) => {
                    if let Some(value) = some_array(elements) {
                        values::put(&mut self.attributes, at, value);
                    }
                    self.append(at, std::slice::from_ref(element))?;
                    self.keys.remove(at);
                    return Ok(values::take(&mut self.attributes, at));
                }
            }
            return Ok(some_array(elements));
        }
        let is_match = |n: usize| matching.get(n).copied().unwrap_or_default();
        let primary = match edit {
            Edit::Merge { parts, .. } => makes_primary(parts),
            Edit::Set(element) => is_primary(element),
            _ => false,
        };
        if primary && found > 1 {
            return Err(two_primaries(at));
        }
        let mut kept = Vec::with_capacity(elements.len());
        for (n, element) in elements.into_iter().enumerate() {
            match if is_match(n) { one(at, element, edit)? } else { Some(element) } {
                Some(element) => kept.push((n, element)),
                None => self.may_vanish(at, edit, kept.is_empty() && n + 1 == matching.len())?,
            }
        }
        let (places, mut elements): (Vec<usize>, Vec<Value>) = kept.into_iter().unzip();
        let mut changed = (0..).zip(&places).filter(|(_, place)| is_match(**place)).map(|(n, _)| n).collect::<Vec<_>>();
        if primary {
            changed.extend(demote(&mut elements, |n| places.get(n).is_some_and(|place| is_match(*place))));
        }
        drop_repeats(&mut elements, &changed);
        Ok(some_array(elements))
    }

    /// `remove` may not take the last value of a required attribute (7644-3.5.2.2-06).
    fn may_vanish(&self, at: &AttrPath, edit: &Edit, last: bool) -> Result<(), ScimError> {
        if last && at.attr().required && matches!(edit, Edit::Remove | Edit::RemovePart(_)) {
            return Err(required(at));
        }
        Ok(())
    }

    fn drop_extension(&mut self, urn: &Arc<str>) -> Result<(), ScimError> {
        let Some(Value::Object(own)) = self.attributes.get(&**urn) else { return Ok(()) };
        let schema = self.resource_type.extension(urn).map(|extension| &extension.schema);
        let mut attributes = schema.into_iter().flat_map(|schema| &schema.attributes);
        let kept = |attr: &&Arc<AttributeDef>| attr.mutability == Mutability::Immutable && own.contains_key(&attr.name);
        if let Some(attr) = attributes.find(kept) {
            return Err(immutable(&AttrPath::new(Some(urn.clone()), attr.clone(), None)));
        }
        self.attributes.shift_remove(&**urn);
        self.keys.retain(|at, _| at.extension() != Some(urn));
        Ok(())
    }

    /// `meta` in a path-less value is accepted where it says what is so (7644-3.5.2.1-06).
    fn same_meta(&self, value: &Value) -> Result<(), ScimError> {
        let now = self.now;
        let same = |name: &str, part: &Value| {
            let Some(text) = part.as_str() else { return false };
            let at = |millis: i64| instant(text) == Some(i128::from(millis) * 1_000_000);
            match name.to_ascii_lowercase().as_str() {
                "resourcetype" => text == now.key.kind.as_str(),
                "created" => at(now.created.millis()),
                "lastmodified" => at(now.modified.millis()),
                "version" => {
                    text.trim_start_matches("W/").trim_matches('"').split('-').next() == Some(now.version.as_str())
                }
                "location" => text.ends_with(&format!("{}/{}", self.resource_type.endpoint, now.key.id)),
                _ => false,
            }
        };
        match value {
            Value::Object(members) if members.iter().all(|(name, part)| part.is_null() || same(name, part)) => Ok(()),
            _ => Err(ScimError::mutability("meta is read-only; leave it out")),
        }
    }
}

/// An edit of the whole attribute.
fn whole(at: &AttrPath, current: Option<Value>, edit: &Edit) -> Result<Option<Value>, ScimError> {
    match edit {
        Edit::Set(new) => match &current {
            Some(old) => succeed(at, old, new.clone()).map(Some),
            None => Ok(Some(new.clone())),
        },
        Edit::Clear | Edit::Remove => Ok(None),
        Edit::Discard(listed) => {
            let Some(Value::Array(mut elements)) = current else { return Ok(current) };
            elements.retain(|element| !listed.names(at.attr(), element));
            if elements.is_empty() && at.attr().required {
                return Err(required(at));
            }
            Ok(some_array(elements))
        }
        Edit::Merge { .. } => one(at, current.unwrap_or_else(|| Value::Object(Map::new())), edit),
        Edit::RemovePart(_) => current.map_or(Ok(None), |current| one(at, current, edit)),
        // Handled where keys of what is there are at hand.
        Edit::Append(_) => Ok(current),
    }
}

/// An edit of one value; None where nothing is left of it.
fn one(at: &AttrPath, value: Value, edit: &Edit) -> Result<Option<Value>, ScimError> {
    match (edit, value) {
        (Edit::Set(new), old) => succeed_element(at, &old, new).map(Some),
        (Edit::Clear | Edit::Remove, _) => Ok(None),
        (Edit::Merge { parts, add }, Value::Object(mut object)) => {
            merge(at, &mut object, parts, *add)?;
            Ok((!object.is_empty()).then_some(Value::Object(object)))
        }
        (Edit::RemovePart(sub), Value::Object(mut object)) => {
            remove_part(at, &mut object, sub)?;
            Ok((!object.is_empty()).then_some(Value::Object(object)))
        }
        (_, value) => Ok(Some(value)),
    }
}

/// An immutable attribute that has a value keeps it; saying it again is no change (7644-3.5.2-15).
fn kept_if_immutable(at: &AttrPath, before: Option<Value>, after: Option<Value>) -> Result<Option<Value>, ScimError> {
    let Some(before) = before else { return Ok(after) };
    let same = after.is_some_and(|after| values::same(at.attr(), &before, &after));
    if same { Ok(Some(before)) } else { Err(immutable(at)) }
}

pub(super) fn read_only(at: &AttrPath) -> ScimError {
    ScimError::mutability(format!("{at} is read-only; leave it out"))
}

pub(super) fn required(at: &AttrPath) -> ScimError {
    ScimError::mutability(format!("{at} is required and cannot be removed; replace it"))
}

fn immutable(at: &AttrPath) -> ScimError {
    ScimError::mutability(format!("{at} is immutable and has a value"))
}

fn no_target(at: &AttrPath, filter: Option<&BoundFilter>) -> ScimError {
    ScimError::no_target(match filter {
        Some(filter) => format!("no value of {at} satisfies the filter {filter}"),
        None => format!("{at} has no values to change"),
    })
}
