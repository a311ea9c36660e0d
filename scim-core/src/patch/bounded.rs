//! Operations on attributes that live in the document.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::document::value::{self, Parts, assemble, some_array, unassigned};
use crate::error::ScimError;
use crate::filter::BoundFilter;
use crate::path::{AttrPath, equalities};
use crate::schema::{AttributeDef, Mutability};

use super::apply::required;
use super::compile::Compiler;
use super::request::Op;
use super::step::{Edit, Listed, On, Step, Unmatched};

impl Compiler<'_> {
    /// An attribute or sub-attribute without filter.
    pub(super) fn bounded(&mut self, op: Op, at: AttrPath, value: Option<&Value>) -> Result<(), ScimError> {
        let edit = match (at.sub(), at.attr().multi_valued) {
            (None, false) => self.singular(op, &at, value)?,
            (None, true) => self.many(op, &at, value)?,
            (Some(_), _) => self.part(op, &at, value)?,
        };
        let on = match (at.sub(), at.attr().multi_valued) {
            (Some(_), true) if op == Op::Remove => On::Every(Unmatched::Fine),
            (Some(_), true) => On::Every(Unmatched::NoTarget),
            _ => On::Whole,
        };
        self.push(at.attribute(), on, edit);
        Ok(())
    }

    /// Elements of a multi-valued attribute, or a part of each.
    pub(super) fn elements(
        &mut self,
        op: Op,
        at: AttrPath,
        filter: BoundFilter,
        sub: Option<Arc<AttributeDef>>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let edit = match (&sub, op) {
            (Some(sub), _) => self.part(op, &at.with_sub(sub.clone()), value)?,
            (None, Op::Remove) => Some(Edit::Remove),
            (None, _) => self.one(op, &at, value)?,
        };
        let unmatched = match (op, &edit) {
            (Op::Remove, _) => Unmatched::Fine,
            (Op::Add, Some(edit)) => self.created(&at, &filter, edit)?,
            (Op::Replace, Some(edit)) if self.replace_creates => self.created(&at, &filter, edit)?,
            _ => Unmatched::NoTarget,
        };
        self.push(at, On::Matching(filter, unmatched), edit);
        Ok(())
    }

    fn push(&mut self, at: AttrPath, on: On, edit: Option<Edit>) {
        if let Some(edit) = edit {
            self.steps.push(Step::Edit { at, on, edit });
        }
    }

    /// A singular attribute as a whole. None where there is nothing to do.
    fn singular(&self, op: Op, at: &AttrPath, value: Option<&Value>) -> Result<Option<Edit>, ScimError> {
        let Some(value) = value.filter(|_| op != Op::Remove) else {
            return if at.attr().required { Err(required(at)) } else { Ok(Some(Edit::Remove)) };
        };
        if unassigned(value) {
            return Ok(cleared(op));
        }
        if !at.attr().is_complex() {
            return Ok(value::element(at, value, self.rules)?.map(Edit::Set));
        }
        Ok(merged(op, value::parts(at, value, self.rules)?))
    }

    /// A multi-valued attribute as a whole.
    fn many(&self, op: Op, at: &AttrPath, value: Option<&Value>) -> Result<Option<Edit>, ScimError> {
        let Some(value) = value else {
            return if at.attr().required { Err(required(at)) } else { Ok(Some(Edit::Remove)) };
        };
        // A single value counts as an array of one (7644-3.5.2.1-11).
        let items = match value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        Ok(match op {
            Op::Remove => Some(Edit::Discard(self.listed(at, items)?)),
            Op::Add => {
                let elements = value::elements(at, items, self.rules)?;
                (!elements.is_empty()).then_some(Edit::Append(elements))
            }
            Op::Replace => {
                let elements = value::elements(at, items, self.rules)?;
                Some(some_array(elements).map_or(Edit::Clear, Edit::Set))
            }
        })
    }

    /// The elements that a `remove` lists (7644-3.5.2.2-10, tolerance rule R17).
    fn listed(&self, at: &AttrPath, items: &[Value]) -> Result<Listed, ScimError> {
        let def = at.attr();
        let mut listed = Listed::default();
        for item in items.iter().filter(|item| !unassigned(item)) {
            if def.is_complex() {
                listed.parts(def, &assemble(def, value::parts(at, item, self.rules)?));
            } else if let Some(simple) = value::element(at, item, self.rules)? {
                listed.simple(def, &simple);
            }
        }
        Ok(listed)
    }

    /// One part of a complex value, wherever that stands.
    fn part(&self, op: Op, at: &AttrPath, value: Option<&Value>) -> Result<Option<Edit>, ScimError> {
        let sub = at.leaf().clone();
        let Some(value) = value.filter(|_| op != Op::Remove) else { return Ok(Some(Edit::RemovePart(sub))) };
        let value = match value {
            // As for whole attributes, a single value counts as an array of one.
            single if sub.multi_valued && !single.is_array() && !unassigned(single) => {
                value::attribute(at, &Value::Array(vec![single.clone()]), self.rules)?
            }
            value => value::attribute(at, value, self.rules)?,
        };
        Ok(merged(op, vec![(sub, value)]))
    }

    /// Whole elements that a filter finds: `add` merges into them, `replace` puts another in their place.
    fn one(&self, op: Op, at: &AttrPath, value: Option<&Value>) -> Result<Option<Edit>, ScimError> {
        let Some(value) = value.filter(|value| !unassigned(value)) else { return Ok(cleared(op)) };
        if !at.attr().is_complex() {
            return Ok(value::element(at, value, self.rules)?.map(Edit::Set));
        }
        let parts = value::parts(at, value, self.rules)?;
        if op == Op::Add {
            return Ok(merged(op, parts));
        }
        let says_nothing = parts.is_empty();
        let element = assemble(at.attr(), parts);
        Ok(match element.is_empty() {
            false => Some(Edit::Set(Value::Object(element))),
            true if says_nothing => None,
            true => Some(Edit::Clear),
        })
    }

    /// What an edit adds where its filter finds nothing: what the filter's equalities say, and the values given
    /// (7644-3.5.2.1-16).
    fn created(&self, at: &AttrPath, filter: &BoundFilter, edit: &Edit) -> Result<Unmatched, ScimError> {
        let def = at.attr();
        let Some(seed) = equalities(filter) else { return Ok(Unmatched::NoTarget) };
        let given = match edit {
            Edit::Merge { parts, .. } => parts.clone(),
            Edit::Set(Value::Object(element)) => {
                let part = |sub: &Arc<AttributeDef>| Some((sub.clone(), Some(element.get(&sub.name)?.clone())));
                def.sub_attributes.iter().filter_map(part).collect()
            }
            Edit::Set(simple) => return Ok(Unmatched::Create(simple.clone())),
            _ => return Ok(Unmatched::NoTarget),
        };
        let mut seeded = Map::new();
        for (path, value) in seed {
            let Some(sub) = path.sub().filter(|sub| sub.mutability != Mutability::ReadOnly) else {
                return Ok(Unmatched::NoTarget);
            };
            if seeded.insert(sub.name.clone(), value.clone()).is_some_and(|other| other != value) {
                return Ok(Unmatched::NoTarget);
            }
        }
        let mut parts = value::parts(at, &Value::Object(seeded), self.rules)?;
        parts.extend(given.into_iter().filter(|(_, value)| value.is_some()));
        let element = assemble(def, parts);
        Ok(if element.is_empty() { Unmatched::NoTarget } else { Unmatched::Create(Value::Object(element)) })
    }
}

/// Nothing was given: `add` has nothing to add (7644-3.5.2.1-14), `replace` clears (7644-3.5.2.3-09).
fn cleared(op: Op) -> Option<Edit> {
    (op == Op::Replace).then_some(Edit::Clear)
}

/// Parts to set; `add` takes none away.
fn merged(op: Op, mut parts: Parts) -> Option<Edit> {
    if op == Op::Add {
        parts.retain(|(_, value)| value.is_some());
    }
    (!parts.is_empty()).then_some(Edit::Merge { parts, add: op == Op::Add })
}
