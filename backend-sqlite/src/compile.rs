//! A filter as a condition on one row of `resource r`.
//!
//! What rows of `link` and `bundle` decide becomes SQL; all else is handed, in parts as large as possible, to the core's evaluator
//! ([`crate::functions`]). Values are bound, never written into the text, so that filters of one form share a statement.

use scim_core::filter::{BoundFilter, Compare, Leaf};
use scim_core::path::AttrPath;
use scim_core::schema::{Kind, LinkType, Place, ResourceType};
use scim_core::store::index::lead::{Known, link_target};

use crate::binds::Binds;
use crate::functions::Part;

/// Compiles filters of one type.
pub(crate) struct Compiler<'a> {
    pub kind: &'a Kind,
    /// The parameter that stands for the kind.
    pub kind_mark: &'a str,
    /// The one that stands for the number under which its resources stand.
    pub shelf_mark: &'a str,
    /// The type, where the store was told of it.
    pub rt: Option<&'a ResourceType>,
}

/// Is this leaf about rows of `link`, or links from their far end?
fn about_links(at: &AttrPath) -> bool {
    matches!(at.place(), Place::Link | Place::Reverse)
}

fn has_links(filter: &BoundFilter) -> bool {
    let mut found = false;
    filter.visit(&mut |at| found |= about_links(at));
    found
}

impl Compiler<'_> {
    /// The condition; None where some part of it has no translation.
    pub(crate) fn condition(&self, filter: &BoundFilter, binds: &mut Binds) -> Option<String> {
        if !has_links(filter) {
            return Some(self.on_resource(filter.clone(), binds));
        }
        match filter {
            BoundFilter::Constant(value) => Some(if *value { "1" } else { "0" }.to_owned()),
            BoundFilter::Leaf(leaf) => self.leaf(leaf, binds),
            BoundFilter::Element(at, inner) if at.place() == Place::Link => {
                Some(self.some_link(BoundFilter::Element(at.clone(), inner.clone()), at, binds))
            }
            BoundFilter::Element(_, inner) => match &**inner {
                // One element that is this group: as without brackets.
                BoundFilter::Leaf(leaf @ Leaf::Compare(_, Compare::Eq, _)) => self.leaf(leaf, binds),
                _ => None,
            },
            BoundFilter::And(parts) => self.joined(parts, " AND ", BoundFilter::all, binds),
            BoundFilter::Or(parts) => self.joined(parts, " OR ", BoundFilter::any, binds),
            BoundFilter::Not(inner) => Some(format!("NOT {}", self.condition(inner, binds)?)),
        }
    }

    fn on_resource(&self, filter: BoundFilter, binds: &mut Binds) -> String {
        let part = Part::of_resource(filter, self.kind);
        // A document that is not looked at is not read from disk.
        let document = if part.reads_document() { "r.document" } else { "NULL" };
        let number = binds.part(part);
        format!("scim_holds({number}, r.id, r.version, r.created, r.modified, {document})")
    }

    fn joined(
        &self,
        parts: &[BoundFilter],
        join: &str,
        together: fn(Vec<BoundFilter>) -> BoundFilter,
        binds: &mut Binds,
    ) -> Option<String> {
        let (links, plain): (Vec<_>, Vec<_>) = parts.iter().cloned().partition(has_links);
        let mut conditions = Vec::new();
        for part in &links {
            conditions.push(self.condition(part, binds)?);
        }
        if !plain.is_empty() {
            conditions.push(self.on_resource(together(plain), binds));
        }
        Some(balanced(&conditions, join))
    }

    fn leaf(&self, leaf: &Leaf, binds: &mut Binds) -> Option<String> {
        let at = leaf.at();
        if at.place() == Place::Reverse {
            return self.reverse(leaf, binds);
        }
        if let Some(target) = link_target(leaf) {
            let (attr, target) = (binds.bind(at.attribute().to_string()), binds.bind(target.to_owned()));
            return Some(format!(
                "EXISTS (SELECT 1 FROM link l WHERE l.shelf = {} AND l.target = {} AND l.holder = r.seq)",
                shelf(self.kind_mark, &attr),
                number(&target)
            ));
        }
        let present = BoundFilter::Leaf(Leaf::Present(at.clone()));
        let own = BoundFilter::Leaf(leaf.clone());
        if !leaf.of_nothing() {
            return Some(self.some_link(own, at, binds));
        }
        // `ne`: some value differs, or there is none.
        let differs = self.some_link(BoundFilter::all([present.clone(), own]), at, binds);
        let any = self.some_link(present, at, binds);
        Some(format!("({differs} OR NOT {any})"))
    }

    fn some_link(&self, filter: BoundFilter, at: &AttrPath, binds: &mut Binds) -> String {
        let attr = binds.bind(at.attribute().to_string());
        let part = binds.part(Part::of_link(filter, at, self.kind));
        format!(
            "EXISTS (SELECT 1 FROM bundle b WHERE b.tenant = ?1 AND b.holder = r.id AND b.attr = {attr} \
             AND scim_link({part}, b.links))"
        )
    }

    /// `User.groups`: has some, or is in this group, through nested ones too.
    fn reverse(&self, leaf: &Leaf, binds: &mut Binds) -> Option<String> {
        let Leaf::Present(at) = leaf else {
            return Some(format!("r.id IN ({})", self.members(leaf, binds)?));
        };
        if at.sub().is_some_and(|sub| !["value", "$ref", "type"].contains(&sub.name.as_str())) {
            return None;
        }
        let via = &self.rt?.reverse(at)?.via;
        let (attr, holder) = (binds.bind(via.at.to_string()), binds.bind(via.holder.as_str().to_owned()));
        Some(format!("EXISTS (SELECT 1 FROM link l WHERE l.shelf = {} AND l.target = r.seq)", shelf(&holder, &attr)))
    }

    /// The ids of all members of a group, through nested ones too.
    fn members(&self, leaf: &Leaf, binds: &mut Binds) -> Option<String> {
        let known = Known { kind: self.kind, rt: self.rt, indexed: &[], fragments: &|_| false };
        let (via, group) = known.members(leaf)?;
        Some(self.member_ids(via, group, binds))
    }

    /// The same, by the link and the group's id.
    pub(crate) fn member_ids(&self, via: &LinkType, group: &str, binds: &mut Binds) -> String {
        let (attr, holder) = (binds.bind(via.at.to_string()), binds.bind(via.holder.as_str().to_owned()));
        let group = binds.bind(group.to_owned());
        let nested = if via.kinds.contains(&via.holder) {
            format!(
                " UNION SELECT n.value FROM groups g CROSS JOIN bundle c ON c.tenant = ?1 AND c.holder = g.id \
                 AND c.attr = {attr} AND c.holder_kind = {holder} CROSS JOIN json_each(scim_targets(c.links, {holder})) n"
            )
        } else {
            String::new()
        };
        format!(
            "WITH RECURSIVE groups (id) AS (SELECT {group}{nested}) \
             SELECT DISTINCT m.value AS id FROM groups g CROSS JOIN bundle b ON b.tenant = ?1 AND b.holder = g.id \
             AND b.attr = {attr} AND b.holder_kind = {holder} CROSS JOIN json_each(scim_targets(b.links, {})) m",
            self.kind_mark
        )
    }
}

/// The number under which the links of an attribute stand.
pub(crate) fn shelf(kind: &str, attr: &str) -> String {
    format!("(SELECT s.number FROM shelf s WHERE s.tenant = ?1 AND s.kind = {kind} AND s.attr = {attr})")
}

/// The number of the resource with an id, which stands once among all types of a tenant.
pub(crate) fn number(id: &str) -> String {
    format!(
        "(SELECT i.seq FROM shelf s CROSS JOIN resource i ON i.shelf = s.number AND i.id = {id} \
         WHERE s.tenant = ?1 AND s.attr = 'id')"
    )
}

/// Joins conditions into a tree of logarithmic depth: SQLite bounds the depth of an expression.
pub(crate) fn balanced(conditions: &[String], join: &str) -> String {
    match conditions {
        [] => "1".to_owned(),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            format!("({}{join}{})", balanced(left, join), balanced(right, join))
        }
    }
}
