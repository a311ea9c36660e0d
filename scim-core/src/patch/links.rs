//! Operations on one link attribute. Adding, removing and replacing targets by id is summed up to a net edit that needs
//! no look at the links there are, however many (tolerance rules R21, R22); only other filters need that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::change::LinkEdit;
use crate::document::LinkValue;
use crate::document::link::Given;
use crate::error::ScimError;
use crate::filter::{BoundFilter, Compare, Leaf, Operand, eval};
use crate::schema::{Kind, LinkType, Mutability};
use crate::store::{Link, ResourceId};

use super::finish::Budget;
use super::request::Op;

/// What a request does to one link attribute.
#[derive(Debug)]
pub(super) struct LinkPlan {
    pub link: Arc<LinkType>,
    ops: Vec<LinkOp>,
}

#[derive(Debug)]
enum LinkOp {
    Net(Net),
    Filtered(Filtered),
}

/// The sum of operations that name targets by id: perhaps none are left, then for each target the last word counts.
#[derive(Debug, Default)]
struct Net {
    cleared: bool,
    order: usize,
    /// With the place in the request.
    targets: HashMap<ResourceId, (usize, Fate)>,
}

/// What becomes of a target: a link to one of these kinds, or none.
type Fate = Option<Arc<[Kind]>>;

/// An operation on the links that satisfy a filter.
#[derive(Debug)]
pub(super) struct Filtered {
    pub filter: BoundFilter,
    /// `Remove`, or what is done with `given`.
    pub op: Op,
    /// What the links must be already, for nothing of them can be edited. Unassigned: they go.
    pub given: Given,
    /// What is added where no link satisfies the filter; None makes that `noTarget` (of `remove`: nothing to do).
    pub create: Option<LinkValue>,
}

/// What a plan comes to on a record.
pub(super) struct Linked {
    pub edits: Vec<LinkEdit>,
    /// Has the attribute values afterwards? Known only where [`LinkPlan::reads`].
    pub any: bool,
}

impl LinkPlan {
    pub(super) fn new(link: Arc<LinkType>) -> Self {
        LinkPlan { link, ops: Vec::new() }
    }

    /// Must the links there are be known? To look at them; or because `schemas` or a rule depends on whether any are
    /// left.
    pub(super) fn reads(&self) -> bool {
        let attr = self.link.at.attr();
        let own = attr.required || attr.mutability == Mutability::Immutable || self.link.at.extension().is_some();
        own || !matches!(self.ops.as_slice(), [] | [LinkOp::Net(_)])
    }

    /// Roughly how much work it is.
    pub(super) fn cost(&self) -> usize {
        let of = |op: &LinkOp| match op {
            LinkOp::Net(net) => net.targets.len(),
            LinkOp::Filtered(_) => 1_000,
        };
        self.ops.iter().map(of).sum()
    }

    fn net(&mut self) -> Option<&mut Net> {
        if !matches!(self.ops.last(), Some(LinkOp::Net(_))) {
            self.ops.push(LinkOp::Net(Net::default()));
        }
        match self.ops.last_mut() {
            Some(LinkOp::Net(net)) => Some(net),
            _ => None,
        }
    }

    /// Adds links; to a singular attribute, in place of the one that is there.
    pub(super) fn add(&mut self, values: Vec<LinkValue>) {
        let single = !self.link.multi_valued();
        let Some(net) = self.net() else { return };
        for value in values {
            if single {
                net.clear();
            }
            net.set(value.target, Some(value.kinds));
        }
    }

    /// Removes links to these targets.
    pub(super) fn remove(&mut self, targets: impl IntoIterator<Item = ResourceId>) {
        let Some(net) = self.net() else { return };
        for target in targets {
            net.set(target, None);
        }
    }

    /// Removes all links.
    pub(super) fn clear(&mut self) {
        if let Some(net) = self.net() {
            net.clear();
        }
    }

    pub(super) fn filtered(&mut self, op: Filtered) {
        self.ops.push(LinkOp::Filtered(op));
    }

    /// The edits of a plan that does not read.
    pub(super) fn known(&self, without: &HashSet<ResourceId>) -> Vec<LinkEdit> {
        match self.ops.as_slice() {
            [LinkOp::Net(net)] => net.edits(&self.link, without),
            _ => Vec::new(),
        }
    }

    /// The edits on these links.
    ///
    /// # Errors
    /// `noTarget` and `mutability` from operations with filters; `mutability` where the attribute is immutable and set.
    pub(super) fn resolve(
        &self,
        now: &[Link],
        without: &HashSet<ResourceId>,
        budget: &mut Budget,
    ) -> Result<Linked, ScimError> {
        if !self.reads() {
            return Ok(Linked { edits: self.known(without), any: false });
        }
        let there = now.iter().map(|link| (&link.target.id, link)).collect::<HashMap<_, _>>();
        let mut working = Working { link: &self.link, targets: HashMap::new(), order: 0, there };
        for link in now {
            working.put(link.target.id.clone(), State::There(link));
        }
        for op in &self.ops {
            match op {
                LinkOp::Net(net) => working.net(net, without),
                LinkOp::Filtered(filtered) => working.filtered(filtered, without, budget)?,
            }
        }
        let Working { targets, .. } = working;
        let gone = now
            .iter()
            .filter(|link| !targets.contains_key(&link.target.id))
            .map(|link| link.target.id.clone())
            .collect::<Vec<_>>();
        let mut new = targets
            .iter()
            .filter_map(|(target, (order, state))| match state {
                State::New(kinds) => Some((*order, target.clone(), kinds.clone())),
                State::There(_) => None,
            })
            .collect::<Vec<_>>();
        new.sort_unstable_by_key(|(order, ..)| *order);
        if self.link.at.attr().mutability == Mutability::Immutable
            && !now.is_empty()
            && !(gone.is_empty() && new.is_empty())
        {
            return Err(ScimError::mutability(format!("{} is immutable and has a value", self.link.at)));
        }
        let new = new.into_iter().map(|(_, target, kinds)| (target, kinds)).collect::<Vec<_>>();
        Ok(Linked { any: !targets.is_empty(), edits: edits(&self.link, gone, new) })
    }
}

impl Net {
    fn clear(&mut self) {
        self.cleared = true;
        self.targets.clear();
    }

    fn set(&mut self, target: ResourceId, state: Fate) {
        if self.cleared && state.is_none() {
            self.targets.remove(&target);
        } else {
            self.order += 1;
            self.targets.insert(target, (self.order, state));
        }
    }

    /// Targets in the order of the request: those to be, with their kinds, and those to go.
    fn sorted(&self) -> Vec<(&ResourceId, Option<&Arc<[Kind]>>)> {
        let mut all = self.targets.iter().collect::<Vec<_>>();
        all.sort_unstable_by_key(|(_, (order, _))| *order);
        all.into_iter().map(|(target, (_, state))| (target, state.as_ref())).collect()
    }

    fn edits(&self, link: &Arc<LinkType>, without: &HashSet<ResourceId>) -> Vec<LinkEdit> {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for (target, state) in self.sorted() {
            match state {
                Some(kinds) if !without.contains(target) => new.push((target.clone(), kinds.clone())),
                Some(_) => {}
                None => gone.push(target.clone()),
            }
        }
        if self.cleared {
            return vec![LinkEdit::Replace { at: link.clone(), targets: new }];
        }
        edits(link, gone, new)
    }
}

/// A `Remove` and an `Add` for each choice of kinds; for a singular attribute the one `Replace` that comes to the same.
fn edits(link: &Arc<LinkType>, gone: Vec<ResourceId>, new: Vec<(ResourceId, Arc<[Kind]>)>) -> Vec<LinkEdit> {
    if !link.multi_valued() {
        let nothing = gone.is_empty() && new.is_empty();
        return if nothing { Vec::new() } else { vec![LinkEdit::Replace { at: link.clone(), targets: new }] };
    }
    let mut edits = Vec::new();
    if !gone.is_empty() {
        edits.push(LinkEdit::Remove { at: link.clone(), targets: gone });
    }
    edits.extend(additions(link, new));
    edits
}

/// An `Add` for each choice of kinds.
pub(super) fn additions(link: &Arc<LinkType>, new: Vec<(ResourceId, Arc<[Kind]>)>) -> Vec<LinkEdit> {
    let mut groups: Vec<(Arc<[Kind]>, Vec<ResourceId>)> = Vec::new();
    for (target, kinds) in new {
        match groups.iter_mut().find(|(known, _)| *known == kinds) {
            Some((_, targets)) => targets.push(target),
            None => groups.push((kinds, vec![target])),
        }
    }
    let add = |(kinds, targets)| LinkEdit::Add { at: link.clone(), targets, kinds };
    groups.into_iter().map(add).collect()
}

/// The links of a record while operations change them.
struct Working<'a> {
    link: &'a Arc<LinkType>,
    targets: HashMap<ResourceId, (usize, State<'a>)>,
    order: usize,
    /// The links before the request.
    there: HashMap<&'a ResourceId, &'a Link>,
}

enum State<'a> {
    There(&'a Link),
    New(Arc<[Kind]>),
}

impl<'a> Working<'a> {
    fn put(&mut self, target: ResourceId, state: State<'a>) {
        self.order += 1;
        self.targets.insert(target, (self.order, state));
    }

    fn add(&mut self, target: &ResourceId, kinds: &Arc<[Kind]>, without: &HashSet<ResourceId>) {
        if !without.contains(target) && !self.targets.contains_key(target) {
            let there = self.there.get(target).map(|link| State::There(link));
            self.put(target.clone(), there.unwrap_or_else(|| State::New(kinds.clone())));
        }
    }

    fn net(&mut self, net: &Net, without: &HashSet<ResourceId>) {
        if net.cleared {
            self.targets.retain(|target, _| net.targets.contains_key(target));
        }
        for (target, state) in net.sorted() {
            match state {
                Some(kinds) => self.add(target, kinds, without),
                None => {
                    self.targets.remove(target);
                }
            }
        }
    }

    fn filtered(&mut self, op: &Filtered, without: &HashSet<ResourceId>, budget: &mut Budget) -> Result<(), ScimError> {
        budget.spend(self.targets.len(), &op.filter)?;
        let at = &self.link.at;
        if self.targets.values().any(|(_, state)| state.hides_from(&op.filter)) {
            return Err(ScimError::invalid_filter(format!(
                "the filter {} asks of values of {at} that this request adds what is not known yet; send the operation in \
                 a request of its own",
                op.filter
            )));
        }
        let satisfies =
            |target: &ResourceId, state: &State<'_>| eval::element(&op.filter, at, &shape(self.link, target, state));
        let matching = self.targets.iter().filter(|(target, (_, state))| satisfies(target, state));
        let matching = matching.map(|(target, _)| target.clone()).collect::<Vec<_>>();
        if matching.is_empty() {
            return match (&op.create, op.op) {
                (Some(value), _) => {
                    self.add(&value.target, &value.kinds, without);
                    Ok(())
                }
                (None, Op::Remove) => Ok(()),
                (None, _) => Err(ScimError::no_target(format!("no value of {at} satisfies the filter {}", op.filter))),
            };
        }
        for target in matching {
            if op.op == Op::Remove || op.given.unassigned {
                self.targets.remove(&target);
                continue;
            }
            let kind = self.targets.get(&target).and_then(|(_, state)| state.kind());
            let other_kind = |kinds: &Arc<[Kind]>| kind.is_some_and(|kind| !kinds.contains(kind));
            if op.given.target.as_ref().is_some_and(|wanted| *wanted != target)
                || op.given.kinds.as_ref().is_some_and(other_kind)
            {
                return Err(ScimError::mutability(format!(
                    "a value of {at} cannot become another one; remove it and add the other"
                )));
            }
        }
        Ok(())
    }
}

impl State<'_> {
    /// Does the filter look at what is known of stored links only: the label of the target, or its kind where the
    /// attribute takes several?
    fn hides_from(&self, filter: &BoundFilter) -> bool {
        let State::New(kinds) = self else { return false };
        let mut hidden = false;
        filter.visit(&mut |at| {
            hidden |= match at.leaf().name.as_str() {
                "value" | "$ref" => false,
                "type" => kinds.len() > 1,
                _ => at.sub().is_some(),
            };
        });
        hidden
    }

    fn kind(&self) -> Option<&Kind> {
        match self {
            State::There(link) => Some(&link.target.kind),
            State::New(kinds) => kinds.first(),
        }
    }
}

/// A link as filters see it. They compare `$ref` by the id at its end.
fn shape(link: &LinkType, target: &ResourceId, state: &State<'_>) -> Value {
    let mut shape = Map::new();
    for name in ["value", "$ref"] {
        shape.insert(name.into(), target.as_str().into());
    }
    if let Some(kind) = state.kind().filter(|_| link.has_type) {
        shape.insert("type".into(), kind.as_str().into());
    }
    if let (Some(sub), State::There(Link { display: Some(display), .. })) = (&link.display, state) {
        shape.insert(sub.name.clone(), (**display).into());
    }
    Value::Object(shape)
}

/// The targets that a filter names by id and nothing else: `value eq "a"`, or an `or` of such.
pub(super) fn ids(filter: &BoundFilter) -> Option<Vec<ResourceId>> {
    match filter {
        BoundFilter::Leaf(Leaf::Compare(at, Compare::Eq, Operand::Text { raw, .. })) if at.leaf().name == "value" => {
            Some(vec![ResourceId::new(raw)])
        }
        BoundFilter::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(ids(part)?);
            }
            Some(all)
        }
        _ => None,
    }
}
