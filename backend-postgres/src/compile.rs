//! A filter as a condition on one row of `resource r`, and what of it is left to be held to each row.
//!
//! What rows of `link` decide becomes SQL. All else is decided by the core's own evaluator, on rows that come in any case
//! through an index where one leads to them: a filter means the same in every store because there is one meaning of it
//! (`docs/decisions/0005-postgres-layout.md`).

use scim_core::filter::{BoundFilter, Compare, Leaf, eval};
use scim_core::path::AttrPath;
use scim_core::query::Select;
use scim_core::schema::{Kind, LinkType, Place, ResourceType};
use scim_core::store::Record;
use scim_core::store::index::lead::{Known, link_target};

use crate::binds::Binds;

/// Compiles filters of one type. `$1` is the tenant, `$2` the kind.
pub(crate) struct Compiler<'a> {
    pub kind: &'a Kind,
    /// The type, where the store was told of it.
    pub rt: Option<&'a ResourceType>,
}

/// A filter in two parts.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// Holds of every row that the filter accepts.
    pub conditions: Vec<String>,
    /// Truths of a row that the rest refers to by number.
    pub columns: Vec<String>,
    /// What is to be held to each row; None where the conditions say it all.
    pub rest: Option<Rest>,
    /// What the rest must see of a row.
    pub select: Select,
}

/// What is decided outside of the database.
#[derive(Debug)]
pub(crate) enum Rest {
    /// By the evaluator.
    Filter(BoundFilter),
    /// By a column.
    Column(usize),
    All(Vec<Rest>),
    Any(Vec<Rest>),
    Not(Box<Rest>),
}

impl Rest {
    /// Does it hold of a record with these truths?
    pub(crate) fn holds(&self, record: &Record, truths: &[bool]) -> bool {
        match self {
            Rest::Filter(filter) => eval::matches(filter, record),
            Rest::Column(number) => truths.get(*number).copied().unwrap_or(false),
            Rest::All(parts) => parts.iter().all(|part| part.holds(record, truths)),
            Rest::Any(parts) => parts.iter().any(|part| part.holds(record, truths)),
            Rest::Not(inner) => !inner.holds(record, truths),
        }
    }
}

/// Is a part of this filter decided by rows of `link`?
fn has_links(filter: &BoundFilter) -> bool {
    let mut found = false;
    filter.visit(&mut |at| found |= matches!(at.place(), Place::Link | Place::Reverse));
    found
}

impl Compiler<'_> {
    /// The filter in its parts; None where some part of it has no translation.
    pub(crate) fn compile(&self, filter: &BoundFilter, binds: &mut Binds) -> Option<Compiled> {
        let mut compiled = Compiled::default();
        let parts = match filter {
            BoundFilter::And(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut rest = Vec::new();
        let mut plain = Vec::new();
        for part in parts {
            if !has_links(part) {
                plain.push(part.clone());
            } else if let Some(condition) = self.condition(part, binds) {
                compiled.conditions.push(condition);
            } else {
                rest.push(self.rest(part, binds, &mut compiled.columns)?);
            }
        }
        if !plain.is_empty() {
            rest.push(Rest::Filter(BoundFilter::all(plain)));
        }
        for part in &rest {
            self.sees(part, &mut compiled.select);
        }
        compiled.rest = match rest.len() {
            0 => None,
            1 => rest.pop(),
            _ => Some(Rest::All(rest)),
        };
        Some(compiled)
    }

    fn sees(&self, rest: &Rest, select: &mut Select) {
        match rest {
            Rest::Filter(filter) => filter.visit(&mut |at| match at.place() {
                Place::Document => select.document = true,
                Place::Link => {
                    if let Some(link) = self.rt.and_then(|rt| rt.link(at)) {
                        *select = std::mem::take(select).with_link(link);
                    }
                }
                Place::Id | Place::Meta | Place::Secret | Place::Reverse => {}
            }),
            Rest::Column(_) => {}
            Rest::All(parts) | Rest::Any(parts) => parts.iter().for_each(|part| self.sees(part, select)),
            Rest::Not(inner) => self.sees(inner, select),
        }
    }

    fn rest(&self, filter: &BoundFilter, binds: &mut Binds, columns: &mut Vec<String>) -> Option<Rest> {
        if !has_links(filter) {
            return Some(Rest::Filter(filter.clone()));
        }
        if let Some(condition) = self.condition(filter, binds) {
            columns.push(condition);
            return Some(Rest::Column(columns.len() - 1));
        }
        let mut each = |parts: &[BoundFilter]| {
            parts.iter().map(|part| self.rest(part, binds, columns)).collect::<Option<Vec<_>>>()
        };
        match filter {
            BoundFilter::And(parts) => Some(Rest::All(each(parts)?)),
            BoundFilter::Or(parts) => Some(Rest::Any(each(parts)?)),
            BoundFilter::Not(inner) => Some(Rest::Not(Box::new(self.rest(inner, binds, columns)?))),
            // The links of the row are read with it, where the store knows them.
            BoundFilter::Leaf(_) | BoundFilter::Element(..) if self.knows_links(filter) => {
                Some(Rest::Filter(filter.clone()))
            }
            BoundFilter::Leaf(_) | BoundFilter::Element(..) | BoundFilter::Constant(_) => None,
        }
    }

    fn knows_links(&self, filter: &BoundFilter) -> bool {
        let mut known = true;
        filter.visit(&mut |at| {
            known &= match at.place() {
                Place::Link => self.rt.is_some_and(|rt| rt.link(at).is_some()),
                Place::Reverse => false,
                _ => true,
            };
        });
        known
    }

    /// A part that rows of `link` decide alone, as SQL; None where they do not.
    fn condition(&self, filter: &BoundFilter, binds: &mut Binds) -> Option<String> {
        match filter {
            BoundFilter::Leaf(leaf) => self.leaf(leaf, binds),
            BoundFilter::Element(at, inner) if at.place() == Place::Reverse => match &**inner {
                // One element that is this group: as without brackets.
                BoundFilter::Leaf(leaf @ Leaf::Compare(_, Compare::Eq, _)) => self.leaf(leaf, binds),
                _ => None,
            },
            BoundFilter::Element(_, inner) => match &**inner {
                BoundFilter::Leaf(leaf) if link_target(leaf).is_some() => self.leaf(leaf, binds),
                _ => None,
            },
            BoundFilter::Not(inner) => Some(format!("NOT {}", self.condition(inner, binds)?)),
            BoundFilter::And(_) | BoundFilter::Or(_) | BoundFilter::Constant(_) => None,
        }
    }

    fn leaf(&self, leaf: &Leaf, binds: &mut Binds) -> Option<String> {
        let at = leaf.at();
        if at.place() == Place::Reverse {
            return self.reverse(leaf, binds);
        }
        if let Some(target) = link_target(leaf) {
            let (attr, target) = (binds.bind(at.attribute().to_string()), binds.bind(text(target)?));
            return Some(format!(
                "EXISTS (SELECT 1 FROM link l WHERE l.tenant = $1 AND l.holder = r.id AND l.attr = {attr} \
                 AND l.target = {target})"
            ));
        }
        let Leaf::Present(_) = leaf else { return None };
        self.shows_id(at).then(|| {
            let attr = binds.bind(at.attribute().to_string());
            format!("EXISTS (SELECT 1 FROM link l WHERE l.tenant = $1 AND l.holder = r.id AND l.attr = {attr})")
        })
    }

    /// Is this a sub-attribute that every link has?
    fn shows_id(&self, at: &AttrPath) -> bool {
        at.sub().is_none_or(|sub| ["value", "$ref", "type"].contains(&sub.name.as_str()))
    }

    /// `User.groups`: has some, or is in this group, through nested ones too.
    fn reverse(&self, leaf: &Leaf, binds: &mut Binds) -> Option<String> {
        let Leaf::Present(at) = leaf else {
            let known = Known { kind: self.kind, rt: self.rt, indexed: &[], fragments: &|_| false };
            let (via, group) = known.members(leaf)?;
            return Some(format!("r.id IN ({})", self.member_ids(via, &text(group)?, binds)));
        };
        if !self.shows_id(at) {
            return None;
        }
        let via = &self.rt?.reverse(at)?.via;
        let (attr, holder) = (binds.bind(via.at.to_string()), binds.bind(via.holder.as_str().to_owned()));
        Some(format!(
            "EXISTS (SELECT 1 FROM link l WHERE l.tenant = $1 AND l.target = r.id AND l.attr = {attr} \
             AND l.holder_kind = {holder} AND l.target_kind = $2)"
        ))
    }

    /// The ids of all members of a group, through nested ones too.
    pub(crate) fn member_ids(&self, via: &LinkType, group: &str, binds: &mut Binds) -> String {
        let (attr, holder) = (binds.bind(via.at.to_string()), binds.bind(via.holder.as_str().to_owned()));
        let group = binds.bind(group.to_owned());
        let nested = if via.kinds.contains(&via.holder) {
            format!(
                " UNION SELECT n.target FROM groups g JOIN link n ON n.tenant = $1 AND n.holder = g.id \
                 AND n.attr = {attr} AND n.holder_kind = {holder} AND n.target_kind = {holder}"
            )
        } else {
            String::new()
        };
        format!(
            "WITH RECURSIVE groups (id) AS (SELECT {group} COLLATE \"C\"{nested}) \
             SELECT DISTINCT m.target AS id FROM groups g JOIN link m ON m.tenant = $1 AND m.holder = g.id \
             AND m.attr = {attr} AND m.holder_kind = {holder} AND m.target_kind = $2"
        )
    }
}

/// Text as the database can hold it; None where it never holds it.
pub(crate) fn text(text: &str) -> Option<String> {
    crate::read::is_text(text).then(|| text.to_owned())
}
