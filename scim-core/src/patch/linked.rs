//! Operations on link attributes: `Group.members`, the enterprise `manager`.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::document::LinkValue;
use crate::document::check::too_many_links;
use crate::document::link::{self, Given};
use crate::document::value::unassigned;
use crate::error::ScimError;
use crate::filter::BoundFilter;
use crate::path::{AttrPath, equalities};
use crate::schema::{AttributeDef, LinkType};

use super::apply::required;
use super::compile::{Compiler, object};
use super::links::{Filtered, LinkPlan, ids};
use super::request::Op;

impl Compiler<'_> {
    /// A link attribute, or (where it is singular) a part of its value.
    pub(super) fn link(&mut self, op: Op, at: &AttrPath, value: Option<&Value>) -> Result<(), ScimError> {
        let Some(link) = self.resource_type.link(at).cloned() else { return Ok(()) };
        if link.multi_valued() {
            if at.sub().is_some() {
                return Err(fixed(&link));
            }
            return self.many_links(op, &link, value);
        }
        let value = value.filter(|_| op != Op::Remove);
        let (value, whole) = match (at.sub(), value) {
            (Some(sub), Some(value)) => (Some(object(&sub.name, value.clone())), false),
            (None, Some(value)) => (Some(value.clone()), true),
            // What the server computes is there as long as the link is.
            (Some(sub), None) if sub.name != "value" => return Ok(()),
            (_, None) => (None, true),
        };
        let Some(value) = value else {
            if at.attr().required {
                return Err(required(at));
            }
            self.clear(&link);
            return Ok(());
        };
        let given = link::given(&link, &value, self.rules)?;
        self.count(1)?;
        let unset = given.unassigned && (whole || at.leaf().name == "value");
        match given.link(&link) {
            Some(value) => self.on(&link, |plan| plan.add(vec![value])),
            None if unset && op == Op::Replace => self.clear(&link),
            None => {}
        }
        Ok(())
    }

    fn many_links(&mut self, op: Op, link: &Arc<LinkType>, value: Option<&Value>) -> Result<(), ScimError> {
        let Some(value) = value else {
            if link.at.attr().required {
                return Err(required(&link.at));
            }
            self.clear(link);
            return Ok(());
        };
        let items = match value {
            empty if unassigned(empty) => &[],
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        self.count(items.len())?;
        let links = link::links(link, items, self.rules)?;
        if op == Op::Replace {
            self.clear(link);
        }
        self.on(link, |plan| match op {
            Op::Remove => plan.remove(links.into_iter().map(|value| value.target)),
            Op::Add | Op::Replace => plan.add(links),
        });
        Ok(())
    }

    /// Links that a filter finds. They come and go, but nothing of them can be edited (7643-4.2-03).
    pub(super) fn link_elements(
        &mut self,
        op: Op,
        at: &AttrPath,
        filter: BoundFilter,
        sub: Option<&Arc<AttributeDef>>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let Some(link) = self.resource_type.link(at).cloned() else { return Ok(()) };
        let known = ids(&filter);
        self.count(known.as_ref().map_or(1, Vec::len))?;
        let Some(value) = value.filter(|_| op != Op::Remove) else {
            match (sub, known) {
                (Some(_), _) => return Err(fixed(&link)),
                (None, Some(ids)) => self.on(&link, |plan| plan.remove(ids)),
                (None, None) => {
                    let op = Filtered { filter, op: Op::Remove, given: Given::default(), create: None };
                    self.on(&link, |plan| plan.filtered(op));
                }
            }
            return Ok(());
        };
        let value = match sub {
            Some(_) if unassigned(value) && op == Op::Replace => return Err(fixed(&link)),
            Some(sub) => object(&sub.name, value.clone()),
            None => value.clone(),
        };
        let given = link::given(&link, &value, self.rules)?;
        if given.unassigned && op == Op::Add {
            return Ok(());
        }
        let creates = op == Op::Add || (op == Op::Replace && self.replace_creates);
        let create = match equalities(&filter) {
            Some(seed) if creates && !given.unassigned => self.seeded(&link, seed, &value)?,
            _ => None,
        };
        // Adding the very link that the filter names comes to the same whether it is there or not.
        if let (Op::Add, Some(known), Some(value)) = (op, &known, &create)
            && *known == [value.target.clone()]
            && given.kinds.is_none()
        {
            let value = value.clone();
            self.on(&link, |plan| plan.add(vec![value]));
            return Ok(());
        }
        self.on(&link, |plan| plan.filtered(Filtered { filter, op, given, create }));
        Ok(())
    }

    /// The link that a filter's equalities and the value given make together, where they agree on one.
    fn seeded(
        &self,
        link: &LinkType,
        seed: Vec<(AttrPath, Value)>,
        value: &Value,
    ) -> Result<Option<LinkValue>, ScimError> {
        let mut members = Map::new();
        for (path, value) in seed {
            let Some(sub) = path.sub() else { return Ok(None) };
            if members.insert(sub.name.clone(), value.clone()).is_some_and(|other| other != value) {
                return Ok(None);
            }
        }
        let seeded = link::given(link, &Value::Object(members), self.rules)?;
        let own = link::given(link, value, self.rules)?;
        if let (Some(a), Some(b)) = (&seeded.target, &own.target)
            && a != b
        {
            return Ok(None);
        }
        let together =
            Given { target: seeded.target.or(own.target), kinds: own.kinds.or(seeded.kinds), unassigned: false };
        Ok(together.link(link))
    }

    fn clear(&mut self, link: &Arc<LinkType>) {
        self.on(link, LinkPlan::clear);
    }

    fn on(&mut self, link: &Arc<LinkType>, edit: impl FnOnce(&mut LinkPlan)) {
        if let Some(plan) = self.link_plan(&link.at) {
            edit(plan);
        }
    }

    fn count(&mut self, links: usize) -> Result<(), ScimError> {
        self.named_links = self.named_links.saturating_add(links);
        too_many_links(self.named_links, self.limits)
    }
}

fn fixed(link: &LinkType) -> ScimError {
    ScimError::mutability(format!("the parts of a value of {} cannot be edited; remove it and add another", link.at))
}
